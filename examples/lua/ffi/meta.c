/* Metatables that scripts give to types, and the metamethods of cdata that are neither index nor arithmetic.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "examples/lua/ffi/ffi.h"

bool meta_push(lua_State *L, struct ffi *ffi, const struct ctype *type, const char *event) {
    const struct ctype *plain = type->plain;
    (void)ffi;
    if (plain->metatable == 0 || plain->metatable == LUA_NOREF)
        return false;
    lua_rawgeti(L, LUA_REGISTRYINDEX, plain->metatable);
    lua_pushstring(L, event);
    lua_rawget(L, -2);
    lua_remove(L, -2);
    if (!lua_isnil(L, -1))
        return true;
    lua_pop(L, 1);
    return false;
}

/* ffi.metatype(type, metatable) */
int meta_type(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    struct ctype *type = text_check_type(L, ffi, 1), *plain = type->plain;
    luaL_checktype(L, 2, LUA_TTABLE);
    if (plain->form != FORM_RECORD && plain->form != FORM_COMPLEX && plain->form != FORM_OPAQUE)
        return luaL_argerror(L, 1, "invalid C type");
    if (plain->metatable != LUA_NOREF)
        return luaL_error(L, "cannot change a protected metatable");
    lua_pushvalue(L, 2);
    plain->metatable = luaL_ref(L, LUA_REGISTRYINDEX);
    cdata_push_ctype(L, ffi, type);
    return 1;
}

/* tostring */

static int push_address(lua_State *L, struct ffi *ffi, const struct cdata *cd, const void *address) {
    char digits[24];
    uintptr_t number = (uintptr_t)address;
    int width = number >> 40 ? 12 : number >> 32 ? 10 : 8; /* whole bytes, four at least */
    snprintf(digits, sizeof digits, "0x%0*lx", width, (unsigned long)number);
    const char *name = name_push(L, ffi, cd->type, cd->size == REFERENCE);
    lua_pushfstring(L, "cdata<%s>: %s", name, number ? digits : "NULL");
    return 1;
}

/* As LuaJIT writes numbers: %.14g. */
static void write_number(char *text, size_t size, double number) {
    if (isnan(number))
        snprintf(text, size, "nan");
    else
        snprintf(text, size, "%.14g", number);
}

static int push_complex(lua_State *L, const struct cdata *cd) {
    const struct ctype *part = cd->type->target;
    char re[40], im[40];
    double imaginary = memory_load_real(part, (char *)cd->address + part->size);
    write_number(re, sizeof re, memory_load_real(part, cd->address));
    write_number(im, sizeof im, imaginary);
    bool is_infinite = isinf(imaginary) || isnan(imaginary);
    lua_pushfstring(L, "%s%s%s%s", re, *im == '-' ? "" : "+", im, is_infinite ? "I" : "i");
    return 1;
}

static int push_integer(lua_State *L, const struct cdata *cd) {
    char text[32];
    int64_t value = memory_load(cd->type, cd->address);
    if (cd->type->is_unsigned)
        snprintf(text, sizeof text, "%lluULL", (unsigned long long)value);
    else
        snprintf(text, sizeof text, "%lldLL", (long long)value);
    lua_pushstring(L, text);
    return 1;
}

static int push_enum(lua_State *L, struct ffi *ffi, const struct cdata *cd) {
    char number[24];
    snprintf(number, sizeof number, "%d", (int)memory_load(cd->type, cd->address));
    const char *name = name_push(L, ffi, cd->type, cd->size == REFERENCE);
    lua_pushfstring(L, "cdata<%s>: %s", name, number);
    return 1;
}

static int push_by_meta(lua_State *L, struct ffi *ffi, struct ctype *type) {
    if ((type->form != FORM_RECORD && type->form != FORM_OPAQUE) || !meta_push(L, ffi, type, "__tostring"))
        return 0;
    lua_pushvalue(L, 1);
    lua_call(L, 1, 1);
    return 1;
}

/* [__tostring] */
static int meta_tostring(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    const struct cdata *cd = cdata_check(L, ffi, 1);
    struct ctype *type = cd->type;
    switch (type->form) {
    case FORM_CTYPE:
        lua_pushfstring(L, "ctype<%s>", name_push(L, ffi, *(struct ctype **)cd->address, false));
        return 1;
    case FORM_COMPLEX:
        return push_complex(L, cd);
    case FORM_ENUM:
        return push_enum(L, ffi, cd);
    case FORM_FUNCTION:
        return push_address(L, ffi, cd, *(void **)cd->address);
    case FORM_POINTER:
        return push_by_meta(L, ffi, type->target) ? 1 : push_address(L, ffi, cd, *(void **)cd->address);
    case FORM_INTEGER:
        if (type->size == sizeof(int64_t))
            return push_integer(L, cd);
        return push_address(L, ffi, cd, cd->address);
    default:
        return push_by_meta(L, ffi, type) ? 1 : push_address(L, ffi, cd, cd->address);
    }
}

/* Others */

/* [__len] */
static int meta_len(lua_State *L) {
    lua_settop(L, 1);
    return arith_meta(L, ffi_of(L), "__len");
}

/* [__concat] */
static int meta_concat(lua_State *L) {
    lua_settop(L, 2);
    return arith_meta(L, ffi_of(L), "__concat");
}

/* [__call] What a pointer leads to is called, a ctype makes a value, and else it is up to a metamethod. */
static int meta_call(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    const struct cdata *cd = lua_touserdata(L, 1);
    struct ctype *type = cd->type;
    if (type->form == FORM_POINTER && type->target->form == FORM_FUNCTION)
        return call_pointer(L, cd);
    bool is_constructor = type->form == FORM_CTYPE;
    if (is_constructor)
        type = cdata_ctype(cd);
    if (type->form == FORM_POINTER)
        type = type->target;
    if (meta_push(L, ffi, type, is_constructor ? "__new" : "__call")) {
        lua_insert(L, 1);
        lua_call(L, lua_gettop(L) - 1, LUA_MULTRET);
        return lua_gettop(L);
    }
    return is_constructor ? ffi_new(L) : luaL_error(L, "'%s' is not callable", name_push(L, ffi, type, false));
}

/* [__pairs, __ipairs] */
static int iterate(lua_State *L, const char *event) {
    struct ffi *ffi = ffi_of(L);
    const struct cdata *cd = cdata_check(L, ffi, 1);
    struct ctype *type = cd->type->form == FORM_POINTER ? cd->type->target : cd->type;
    if (!meta_push(L, ffi, type, event))
        return luaL_error(L, "'%s' has no '%s' metamethod", name_push(L, ffi, cd->type, cd->size == REFERENCE), event);
    lua_pushvalue(L, 1);
    lua_call(L, 1, 3);
    return 3;
}

static int meta_pairs(lua_State *L) {
    return iterate(L, "__pairs");
}

static int meta_ipairs(lua_State *L) {
    return iterate(L, "__ipairs");
}

/* [__close, of Lua 5.4] What the metatable says; else what is done when it is collected. A callback, which never is, is
 * freed. */
static int meta_close(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    const struct cdata *cd = cdata_check(L, ffi, 1);
    struct ctype *type = cd->type->form == FORM_POINTER ? cd->type->target : cd->type;
    lua_settop(L, 2);
    if (meta_push(L, ffi, type, "__close")) {
        lua_insert(L, 1);
        lua_call(L, 2, 0);
        return 0;
    }
    cdata_gc(L);
    closure_close(L, ffi);
    return 0;
}

void meta_open(lua_State *L, struct ffi *ffi, int metatable) {
    static const luaL_Reg functions[] = {
        {"__index", index_get},        {"__newindex", index_set},
        {"__tostring", meta_tostring}, {"__len", meta_len},
        {"__concat", meta_concat},     {"__call", meta_call},
        {"__pairs", meta_pairs},       {"__ipairs", meta_ipairs},
        {"__close", meta_close},       {NULL, NULL},
    };
    lua_pushvalue(L, metatable);
    lua_pushlightuserdata(L, ffi);
    luaL_setfuncs(L, functions, 1);
    lua_pushliteral(L, "ffi");
    lua_setfield(L, -2, "__metatable");
    lua_pop(L, 1);
    arith_open(L, ffi, metatable);
}
