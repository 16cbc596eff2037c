/* Numbers and strings where LuaJIT and Lua since 5.3 differ: each Lua number that is whole is written without ".0", and one
 * that isn't is cut where an integer is asked for. Numbers of C's, boxed in cdata, are numbers here, too.
 *
 * The functions of Lua's own libraries stay; they are called in their callers' frame, with other arguments, so that
 * their errors name what the script has called, and where.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "examples/lua/luajit/core.h"

/* From there on, 14 digits are too few for an integer. */
#define LARGE 100000000000000.0

void luajit_push_text(lua_State *L, double number) {
    char text[LUAJIT_NUMBER];
    lua_pushlstring(L, text, luajit_number_write(number, text));
}

/* Whether Lua would write the number at index otherwise than LuaJIT. */
bool luajit_differs(lua_State *L, int index) {
    return lua_type(L, index) == LUA_TNUMBER && (!lua_isinteger(L, index) || fabs(lua_tonumber(L, index)) >= LARGE);
}

/* Makes a string of such a number. */
void luajit_to_text(lua_State *L, int index) {
    index = lua_absindex(L, index);
    if (luajit_differs(L, index)) {
        luajit_push_text(L, lua_tonumber(L, index));
        lua_replace(L, index);
    }
}

/* callgate_text, which translated chunks call for what they concatenate: other values stay */
int luajit_text(lua_State *L) {
    if (luajit_differs(L, 1))
        luajit_push_text(L, lua_tonumber(L, 1));
    else
        lua_settop(L, 1);
    return 1;
}

/* Pushes the words for what has none of its own. A __name is nothing to LuaJIT. */
static void push_plain(lua_State *L, int index) {
    int type = lua_type(L, index);
    if (type == LUA_TTABLE || type == LUA_TUSERDATA)
        lua_pushfstring(L, "%s: %p", lua_typename(L, type), lua_topointer(L, index));
    else
        luaL_tolstring(L, index, NULL);
}

int luajit_tostring(lua_State *L) {
    luaL_checkany(L, 1);
    if (luajit_differs(L, 1))
        luajit_push_text(L, lua_tonumber(L, 1));
    else if (!luaL_callmeta(L, 1, "__tostring")) /* which may return anything */
        push_plain(L, 1);
    return 1;
}

int luajit_type(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushstring(L, luajit_is_cdata(L, 1) ? "cdata" : luaL_typename(L, 1));
    return 1;
}

/* Integers */

/* What has no integer near is as large as can be. */
static lua_Integer cut(double number) {
    if (isnan(number))
        return 0;
    if (fabs(number) >= 0x1p63)
        return number > 0 ? INT64_MAX : INT64_MIN;
    return (lua_Integer)number;
}

static void to_integer(lua_State *L, int index) {
    lua_Integer whole;
    if (lua_type(L, index) == LUA_TNUMBER) {
        int exact;
        lua_tointegerx(L, index, &exact);
        if (exact)
            return;
        whole = cut(lua_tonumber(L, index));
    } else {
        uint64_t bits;
        if (!luajit_is_cdata(L, index) || !luajit_to_bits(L, index, &bits))
            return;
        whole = (lua_Integer)bits;
    }
    lua_pushinteger(L, whole);
    lua_replace(L, index);
}

/* Replacements of gsub */

static int replace_by_function(lua_State *L) {
    lua_pushvalue(L, lua_upvalueindex(1));
    lua_insert(L, 1);
    lua_call(L, lua_gettop(L) - 1, 1);
    luajit_to_text(L, 1);
    return 1;
}

static int replace_by_table(lua_State *L) {
    lua_settop(L, 1);
    lua_gettable(L, lua_upvalueindex(1));
    luajit_to_text(L, 1);
    return 1;
}

/* "%q" is "q", and "%" at the end the zero behind it. */
static void drop_percents(lua_State *L, int index) {
    size_t size, kept = 0;
    const char *text = lua_tolstring(L, index, &size);
    luaL_Buffer buffer;
    if (!memchr(text, '%', size))
        return;
    char *to = luaL_buffinitsize(L, &buffer, size);
    for (size_t i = 0; i < size; i++) {
        bool known = i + 1 < size && (text[i + 1] == '%' || (text[i + 1] >= '0' && text[i + 1] <= '9'));
        if (text[i] == '%' && !known)
            i++;
        to[kept++] = text[i];
        if (text[i] == '%')
            to[kept++] = text[++i];
    }
    luaL_pushresultsize(&buffer, kept);
    lua_replace(L, index);
}

static void to_replacement(lua_State *L, int index) {
    int type = lua_type(L, index);
    if (type == LUA_TFUNCTION || type == LUA_TTABLE) {
        lua_pushvalue(L, index);
        lua_pushcclosure(L, type == LUA_TTABLE ? replace_by_table : replace_by_function, 1);
        lua_replace(L, index);
    } else if (type == LUA_TSTRING) {
        drop_percents(L, index);
    } else {
        luajit_to_text(L, index);
    }
}

/* Lua's functions with other arguments */

/* Most arguments are strings and integers, and stay. */
static void change(lua_State *L, int index, char kind) {
    int type = lua_type(L, index);
    if (kind == 'r')
        to_replacement(L, index);
    else if (kind == 's' && type == LUA_TNUMBER)
        luajit_to_text(L, index);
    else if (kind != 's' && (type == LUA_TUSERDATA || (type == LUA_TNUMBER && !lua_isinteger(L, index))))
        to_integer(L, index);
    if (kind == 'p' && lua_type(L, 1) == LUA_TSTRING && lua_tointeger(L, index) > (lua_Integer)lua_rawlen(L, 1) + 1) {
        lua_pushinteger(L, (lua_Integer)lua_rawlen(L, 1) + 1);
        lua_replace(L, index);
    }
}

void luajit_change(lua_State *L, const char *kinds) {
    int count = lua_gettop(L);
    for (int i = 1; i <= count && *kinds; i++) {
        change(L, i, *kinds);
        if (kinds[1] != '*')
            kinds++;
    }
}

/* Calls a function with its arguments as kinds says. Integers among its results become doubles, whose products don't wrap. */
static int call(lua_State *L, lua_CFunction function, const char *kinds) {
    luajit_change(L, kinds);
    int count = function(L), behind = lua_gettop(L) + 1;
    for (int i = behind - count; LUA_VERSION_NUM >= 503 && i < behind; i++) {
        if (lua_isinteger(L, i)) {
            lua_pushnumber(L, lua_tonumber(L, i));
            lua_replace(L, i);
        }
    }
    return count;
}

static int call_plain(lua_State *L) {
    return call(L, lua_tocfunction(L, lua_upvalueindex(2)), lua_tostring(L, lua_upvalueindex(1)));
}

/* The same for a function that has an upvalue: it has to be the first. */
static int call_closure(lua_State *L) {
    return call(L, lua_tocfunction(L, lua_upvalueindex(3)), lua_tostring(L, lua_upvalueindex(2)));
}

/* wrap(function, kinds) */
int luajit_wrap(lua_State *L) {
    lua_settop(L, 2);
    lua_CFunction function = lua_tocfunction(L, 1);
    if (!function || lua_getupvalue(L, 1, 2))
        return luaL_error(L, "callgate.luajit: one of Lua's own functions has been replaced");
    bool plain = !lua_getupvalue(L, 1, 1);
    lua_pushvalue(L, 2);
    lua_pushcfunction(L, function);
    lua_pushcclosure(L, plain ? call_plain : call_closure, plain ? 2 : 3);
    return 1;
}

/* string.format */

static void push_words(lua_State *L, int index) {
    if (!luaL_callmeta(L, index, "__tostring"))
        push_plain(L, index);
    else if (!lua_isstring(L, -1))
        luaL_error(L, "'__tostring' must return a string");
}

static void change_formatted(lua_State *L, int index, char conversion) {
    if (strchr("diuoxXc", conversion)) {
        if (lua_type(L, index) == LUA_TSTRING && lua_isnumber(L, index)) {
            lua_pushnumber(L, lua_tonumber(L, index));
            lua_replace(L, index);
        }
        to_integer(L, index);
    } else if (conversion == 'q' && lua_type(L, index) == LUA_TNUMBER) {
        luajit_push_text(L, lua_tonumber(L, index));
        lua_replace(L, index);
    } else if (conversion == 's') {
        luajit_to_text(L, index);
        if (!lua_isstring(L, index)) {
            push_words(L, index);
            lua_replace(L, index);
        }
    }
}

/* Lua's is the upvalue. */
int luajit_format(lua_State *L) {
    const char *format = luaL_checkstring(L, 1);
    int count = lua_gettop(L), index = 1;
    while ((format = strchr(format, '%')) != NULL) {
        format += 1 + strspn(format + 1, "-+ #0123456789.");
        if (*format == '\0')
            break;
        if (*format != '%' && ++index <= count)
            change_formatted(L, index, *format);
        format++;
    }
    return luajit_call_own(L);
}

/* string.rep for 5.1, whose own, the upvalue, takes no string to put in between */
int luajit_rep(lua_State *L) {
    size_t size, between_size;
    luaL_Buffer buffer;
    if (lua_isnoneornil(L, 3))
        return luajit_call_own(L);
    const char *text = luaL_checklstring(L, 1, &size), *between = luaL_checklstring(L, 3, &between_size);
    lua_Integer count = luaL_checkinteger(L, 2);
    luaL_buffinit(L, &buffer);
    for (lua_Integer i = 0; i < count; i++) {
        if (i > 0)
            luaL_addlstring(&buffer, between, between_size);
        luaL_addlstring(&buffer, text, size);
    }
    luaL_pushresult(&buffer);
    return 1;
}
