/* Numbers in cdata, by way of the ffi.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "examples/lua/ffi/ffi.h"
#include "examples/lua/luajit/core.h"

#ifndef LUA_LOADED_TABLE
#define LUA_LOADED_TABLE "_LOADED" /* as it is called in versions that have no name for it */
#endif

/* The ffi, if some script has loaded it; else there is no cdata. */
static struct ffi *find_ffi(lua_State *L) {
    luaL_getsubtable(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
    lua_getfield(L, -1, "callgate.ffi");
    bool loaded = lua_toboolean(L, -1);
    lua_pop(L, 2);
    return loaded ? ffi_get(L) : NULL;
}

bool luajit_is_cdata(lua_State *L, int index) {
    struct ffi *ffi = lua_type(L, index) == LUA_TUSERDATA || lua_iscfunction(L, index) ? find_ffi(L) : NULL;
    return ffi && cdata_test(L, ffi, index);
}

bool luajit_to_bits(lua_State *L, int index, uint64_t *bits) {
    bool is_unsigned, is_boxed;
    struct ffi *ffi = find_ffi(L);
    return ffi && cdata_to_int64(L, ffi, index, bits, &is_unsigned, &is_boxed);
}

/* Pushes a function of the module's. */
static void push_function(lua_State *L, const char *name) {
    lua_getglobal(L, "require");
    lua_pushliteral(L, "callgate.ffi");
    lua_call(L, 1, 1);
    lua_getfield(L, -1, name);
    lua_remove(L, -2);
}

void luajit_unbox(lua_State *L, int index) {
    if (!luajit_is_cdata(L, index))
        return;
    push_function(L, "tonumber");
    lua_pushvalue(L, index);
    lua_call(L, 1, 1);
    lua_replace(L, index);
}

/* Whether two tables have the same metamethod for ==, which Lua no longer asks for since 5.3. */
static bool share_equal(lua_State *L) {
    return luaL_getmetafield(L, 1, "__eq") && luaL_getmetafield(L, 2, "__eq") && lua_rawequal(L, -1, -2);
}

/* callgate_equal, which translated chunks call for == */
int luajit_equal(lua_State *L) {
    int first = lua_type(L, 1), second = lua_type(L, 2), cdata = first == LUA_TUSERDATA ? 1 : 2;
    if (second == LUA_TNONE)
        lua_settop(L, 2); /* a call without results */
    if (first != second && (first == LUA_TUSERDATA || second == LUA_TUSERDATA) && luajit_is_cdata(L, cdata)) {
        lua_settop(L, 2);
        luaL_getmetafield(L, cdata, "__eq");
        lua_insert(L, 1);
        lua_call(L, 2, 1);
        return 1;
    }
    bool may_ask = first != LUA_TTABLE || share_equal(L);
    lua_pushboolean(L, may_ask ? lua_compare(L, 1, 2, LUA_OPEQ) : lua_rawequal(L, 1, 2));
    return 1;
}

/* pairs and ipairs: cdata may have others, in any version */

/* Calls the function on top with what is to be walked, and returns what a loop takes. */
static int call_for_loop(lua_State *L) {
    lua_pushvalue(L, 1);
    lua_call(L, 1, 3);
    return 3;
}

static bool push_own(lua_State *L, const char *event) {
    luaL_checkany(L, 1);
    return lua_type(L, 1) == LUA_TUSERDATA && luaL_getmetafield(L, 1, event);
}

/* Lua's is the upvalue. */
int luajit_pairs(lua_State *L) {
    if (push_own(L, "__pairs"))
        return call_for_loop(L);
    if (LUA_VERSION_NUM != 501)
        return luajit_call_own(L);
    lua_pushvalue(L, lua_upvalueindex(1)); /* which has an upvalue, and so has to be called */
    return call_for_loop(L);
}

static int next_element(lua_State *L) {
    lua_Integer i = lua_tointeger(L, 2) + 1;
    lua_pushinteger(L, i);
    return lua_rawgeti(L, 1, i) == LUA_TNIL ? 0 : 2;
}

/* Lua's own asks __index for what a list has not, since 5.3. */
int luajit_ipairs(lua_State *L) {
    if (push_own(L, "__ipairs"))
        return call_for_loop(L);
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushcfunction(L, next_element);
    lua_pushvalue(L, 1);
    lua_pushinteger(L, 0);
    return 3;
}

/* tonumber */

/* The words for what is no finite number. */
static bool read_word(const char *text, size_t length, double *number) {
    static const char *const words[] = {"nan", "inf", "infinity"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (strlen(words[i]) == length && strncasecmp(text, words[i], length) == 0) {
            *number = strtod(words[i], NULL);
            return true;
        }
    }
    return false;
}

/* A numeral with a sign and blanks around it. */
static bool read_number(const char *text, size_t length, double *number) {
    struct luajit_numeral numeral;
    const char *end = text + length;
    for (; text < end && isspace((unsigned char)*text); text++)
        continue;
    while (end > text && isspace((unsigned char)end[-1]))
        end--;
    bool negative = text < end && *text == '-';
    text += text < end && (*text == '-' || *text == '+');
    if (luajit_numeral_read(text, (size_t)(end - text), &numeral) && numeral.suffix == LUAJIT_NO_SUFFIX)
        *number = numeral.base == LUAJIT_BINARY ? (double)numeral.value : strtod(text, NULL);
    else if (!read_word(text, (size_t)(end - text), number))
        return false;
    *number = negative ? -*number : *number;
    return true;
}

/* tonumber, whose upvalue is Lua's: that has the bases */
int luajit_tonumber(lua_State *L) {
    double number;
    size_t length;
    luaL_checkany(L, 1);
    if (luaL_optinteger(L, 2, 10) != 10) {
        if (lua_type(L, 1) == LUA_TNUMBER)
            lua_tostring(L, 1);
        return luajit_call_own(L);
    }
    lua_settop(L, 1);
    const char *text = lua_type(L, 1) == LUA_TSTRING ? lua_tolstring(L, 1, &length) : NULL;
    luajit_unbox(L, 1);
    if (text && read_number(text, length, &number))
        lua_pushnumber(L, number);
    else if (lua_type(L, 1) != LUA_TNUMBER)
        lua_pushnil(L);
    return 1;
}

/* Literals */

static void push_complex(lua_State *L, const char *digits) {
    push_function(L, "new");
    lua_pushliteral(L, "complex");
    lua_pushnumber(L, 0);
    lua_pushnumber(L, strtod(digits, NULL)); /* which stops at the i */
    lua_call(L, 3, 1);
}

int luajit_box(lua_State *L) {
    struct luajit_numeral numeral;
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    if (!luajit_numeral_read(text, length, &numeral) || numeral.suffix == LUAJIT_NO_SUFFIX)
        return luaL_error(L, "'%s' is no numeral with a suffix", text);
    if (numeral.suffix == LUAJIT_IMAGINARY) {
        push_complex(L, text);
        return 1;
    }
    push_function(L, "new"); /* the module is loaded then, and the value a cdata to others */
    cdata_push_int64(L, ffi_get(L), numeral.value, numeral.suffix == LUAJIT_ULL);
    return 1;
}
