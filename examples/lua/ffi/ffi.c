/* The module `callgate.ffi`: LuaJIT's ffi, as its manual has it.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/random.h>

#include "examples/lua/ffi/ffi.h"
#include "examples/lua/host/host.h"

static const char state_key; /* its address is the registry's key */

/* Making */

/* A type's finalizer, which its metatable has. */
static void set_type_finalizer(lua_State *L, struct ffi *ffi, int cdata, const struct ctype *type) {
    if (type->form != FORM_RECORD || !meta_push(L, ffi, type, "__gc"))
        return;
    cdata_set_finalizer(L, ffi, cdata, -1);
    lua_pop(L, 1);
}

int ffi_new(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    struct ctype *type = text_check_type(L, ffi, 1);
    int first = 2;
    if (!ctype_complete(type) && !type->is_variable)
        return luaL_argerror(L, 1, "size of C type is unknown or too large");
    size_t size = type->size;
    if (type->is_variable) {
        if (!ctype_variable_size(L, ffi, type, convert_check_integer(L, ffi, first++), &size))
            return luaL_argerror(L, 1, "size of C type is unknown or too large");
    }
    struct cdata *cd = cdata_new(L, ffi, type, size);
    lua_insert(L, 1); /* before the initialisers, which are the rest */
    const char *why = init_value(L, ffi, type, size, cd->address, first + 1);
    if (why)
        return luaL_error(L, "%s", why);
    lua_settop(L, 1);
    set_type_finalizer(L, ffi, 1, type);
    return 1;
}

/* ffi.cast(type, value) */
static int ffi_cast(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    struct ctype *type = text_check_type(L, ffi, 1);
    luaL_checkany(L, 2);
    lua_settop(L, 2);
    switch (type->form) {
    case FORM_BOOL:
    case FORM_INTEGER:
    case FORM_REAL:
    case FORM_ENUM:
    case FORM_POINTER:
        break;
    default:
        return luaL_argerror(L, 1, "invalid C type");
    }
    const struct cdata *given = cdata_test(L, ffi, 2);
    if (given && given->type == type && given->size != REFERENCE)
        return 1;
    struct cdata *cd = cdata_new(L, ffi, type, type->size);
    const char *why = convert_cast(L, ffi, 2, type, cd->address);
    if (why)
        return luaL_error(L, "%s", why);
    lua_pushvalue(L, 3);
    return 1;
}

/* ffi.typeof(type, ...) */
static int ffi_typeof(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    const struct cdata *cd = lua_type(L, 1) == LUA_TUSERDATA ? cdata_test(L, ffi, 1) : NULL;
    struct ctype *type = text_check_parameterized(L, ffi, 1, 2);
    cdata_push_ctype(L, ffi, cd && cd->size == REFERENCE ? ctype_reference(L, ffi, type) : type);
    return 1;
}

/* ffi.gc(cdata, finalizer) */
static int ffi_gc(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    const struct cdata *cd = cdata_check(L, ffi, 1);
    enum form form = cd->type->form;
    luaL_checkany(L, 2);
    if (form != FORM_POINTER && form != FORM_ARRAY && form != FORM_RECORD)
        return luaL_argerror(L, 1, "invalid C type");
    cdata_set_finalizer(L, ffi, 1, 2);
    lua_settop(L, 1);
    return 1;
}

/* What is known of types */

/* ffi.sizeof(type [, count]) */
static int ffi_sizeof(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    struct ctype *type = text_check_type(L, ffi, 1);
    const struct cdata *cd = lua_type(L, 1) == LUA_TUSERDATA ? lua_touserdata(L, 1) : NULL;
    bool is_known = ctype_complete(type);
    size_t size = type->size;
    if (type->is_variable && cd && cd->type == type && cd->size != REFERENCE) {
        size = cd->size;
        is_known = true;
    } else if (type->is_variable) {
        is_known = ctype_variable_size(L, ffi, type, convert_check_integer(L, ffi, 2), &size);
    }
    if (is_known)
        lua_pushinteger(L, (lua_Integer)size);
    else
        lua_pushnil(L);
    return 1;
}

/* ffi.alignof(type) */
static int ffi_alignof(lua_State *L) {
    struct ctype *type = text_check_type(L, ffi_of(L), 1);
    ctype_complete(type);
    lua_pushinteger(L, type->alignment ? (lua_Integer)type->alignment : 1);
    return 1;
}

/* ffi.offsetof(type, member): and of a bit-field, where its bits are */
static int ffi_offsetof(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    struct ctype *type = text_check_type(L, ffi, 1);
    struct field room;
    const struct field *found = NULL;
    luaL_checkstring(L, 2);
    if (type->form != FORM_RECORD || !ctype_complete(type) || !(found = ctype_field(L, type, 2, &room))) {
        return 0;
    }
    size_t unit = found->bit_width ? found->type->size : 1; /* bits count from the begin of their integer */
    size_t begin = found->offset / unit * unit;
    lua_pushinteger(L, (lua_Integer)begin);
    if (!found->bit_width)
        return 1;
    lua_pushinteger(L, (lua_Integer)(found->offset - begin) * 8 + (lua_Integer)found->bit_offset);
    lua_pushinteger(L, (lua_Integer)found->bit_width);
    return 3;
}

static bool is_like(const struct ctype *type, const struct ctype *given) {
    if (type->plain == given->plain && type->form != FORM_POINTER)
        return true;
    if (type->form == FORM_RECORD && given->form == FORM_POINTER)
        return type->plain == given->target->plain;
    if (type->form != given->form || type->size != given->size)
        return false;
    switch (type->form) {
    case FORM_POINTER:
    case FORM_ARRAY: /* LuaJIT compares these as pointers */
        return memory_is_compatible(type, given, COMPATIBLE_BUT_FOR_QUALIFIERS);
    case FORM_INTEGER:
        return type->is_unsigned == given->is_unsigned;
    default:
        return type == given;
    }
}

/* ffi.istype(type, value) */
static int ffi_istype(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    const struct ctype *type = text_check_type(L, ffi, 1);
    luaL_checkany(L, 2);
    const struct cdata *cd = cdata_test(L, ffi, 2);
    lua_pushboolean(L, cd && is_like(type, cd->type));
    return 1;
}

/* Memory */

static void *check_pointer(lua_State *L, struct ffi *ffi, int index, struct ctype *type) {
    void *address;
    luaL_checkany(L, index);
    const char *why = type->to_c(L, ffi, index, type, &address);
    if (why)
        luaL_argerror(L, index, why);
    return address;
}

/* The pointer that the argument is, unless it is NULL. */
static void *refuse_null(lua_State *L, const void *address, int index) {
    if (!address)
        luaL_argerror(L, index, "a NULL pointer");
    return (void *)(uintptr_t)address;
}

static size_t check_size(lua_State *L, struct ffi *ffi, int index) {
    int64_t size = convert_check_integer(L, ffi, index);
    if (size < 0 || size > PTRDIFF_MAX)
        luaL_argerror(L, index, "a size expected");
    return (size_t)size;
}

/* ffi.string(pointer [, length]) */
static int ffi_string(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    if (lua_isnoneornil(L, 2)) {
        const char *text = refuse_null(L, check_pointer(L, ffi, 1, ffi->text), 1);
        const struct cdata *cd = cdata_test(L, ffi, 1);
        bool is_array = cd && cd->type->form == FORM_ARRAY && cd->size != REFERENCE;
        lua_pushlstring(L, text, is_array ? strnlen(text, cd->size) : strlen(text));
    } else {
        size_t length = check_size(L, ffi, 2);
        const char *text = check_pointer(L, ffi, 1, ffi->const_pointer);
        lua_pushlstring(L, length ? refuse_null(L, text, 1) : "", length);
    }
    return 1;
}

/* ffi.copy(to, from, length), ffi.copy(to, string) */
static int ffi_copy(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    bool is_whole = lua_type(L, 2) == LUA_TSTRING && lua_isnoneornil(L, 3);
    void *to = check_pointer(L, ffi, 1, ffi->void_pointer);
    const void *from = check_pointer(L, ffi, 2, ffi->const_pointer);
    size_t size = is_whole ? (size_t)lua_rawlen(L, 2) + 1 : check_size(L, ffi, 3);
    if (size)
        memmove(refuse_null(L, to, 1), refuse_null(L, from, 2), size);
    return 0;
}

/* ffi.fill(to, length [, byte]) */
static int ffi_fill(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    void *to = check_pointer(L, ffi, 1, ffi->void_pointer);
    size_t size = check_size(L, ffi, 2);
    int byte = lua_isnoneornil(L, 3) ? 0 : (int)convert_check_integer(L, ffi, 3);
    if (size)
        memset(refuse_null(L, to, 1), byte, size);
    return 0;
}

/* The platform */

/* ffi.abi(name) */
static int ffi_abi(lua_State *L) {
    static const char *const true_ones[] = {"64bit", "le", "fpu", "hardfp", "gc64"};
    const char *name = luaL_checkstring(L, 1);
    bool is_so = false;
    for (size_t i = 0; i < sizeof true_ones / sizeof *true_ones; i++)
        is_so = is_so || strcmp(name, true_ones[i]) == 0;
    lua_pushboolean(L, is_so);
    return 1;
}

/* Beyond LuaJIT: what tonumber and type can't do in stock Lua */

/* ffi.tonumber(value) */
static int ffi_tonumber(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    luaL_checkany(L, 1);
    const struct cdata *cd = cdata_test(L, ffi, 1);
    double number;
    if (!cd) {
        lua_settop(L, 1);
        if (lua_type(L, 1) != LUA_TNUMBER) {
            lua_Number converted = 0;
            int is_number;
            converted = lua_tonumberx(L, 1, &is_number);
            if (!is_number)
                lua_pushnil(L);
            else
                lua_pushnumber(L, converted);
        }
        return 1;
    }
    switch (cd->type->form) {
    case FORM_BOOL:
    case FORM_INTEGER:
    case FORM_ENUM:
        convert_push_number(L, memory_load(cd->type, cd->address), cd->type->is_unsigned);
        return 1;
    default:
        if (convert_value(L, ffi, ffi->basic[GATE_DOUBLE], &number, cd->type, cd->address, false))
            lua_pushnil(L);
        else
            lua_pushnumber(L, number);
        return 1;
    }
}

/* ffi.type(value): "cdata" for what is one */
static int ffi_type(lua_State *L) {
    luaL_checkany(L, 1);
    lua_pushstring(L, cdata_test(L, ffi_of(L), 1) ? "cdata" : luaL_typename(L, 1));
    return 1;
}

/* The module */

static const luaL_Reg functions[] = {
    {"abi", ffi_abi},           {"alignof", ffi_alignof},
    {"async", async_start},     {"blocking", function_blocking},
    {"callback", closure_new},  {"cast", ffi_cast},
    {"cdef", text_cdef},        {"copy", ffi_copy},
    {"declare", text_declare},  {"errno", call_errno},
    {"fill", ffi_fill},         {"gc", ffi_gc},
    {"guard", function_guard},  {"istype", ffi_istype},
    {"leaf", function_leaf},    {"lenient", function_lenient},
    {"load", clib_load},        {"metatype", meta_type},
    {"new", ffi_new},           {"offsetof", ffi_offsetof},
    {"sizeof", ffi_sizeof},     {"string", ffi_string},
    {"tonumber", ffi_tonumber}, {"type", ffi_type},
    {"typeof", ffi_typeof},     {NULL, NULL},
};

/* What LuaJIT's scripts know besides. */
static const char known[] = "typedef _Complex complex; typedef __builtin_va_list va_list;";

static struct ffi *find(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &state_key);
    struct ffi *ffi = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return ffi;
}

/* The state has closed. Finalizers that run still, because their objects are older than this module, are refused. */
static void stop(lua_State *L) {
    struct ffi *ffi = find(L);
    if (!ffi)
        return;
    closure_stop(ffi);
    clib_stop(ffi);
    function_stop(ffi);
    binding_stop(ffi);
    gate_decls_free(ffi->decls);
    ffi->decls = NULL;
}

enum { METAMETHODS = 32 }; /* no fewer than there are */

/* __index is the first entry in both, and they never grow: so it is found at the first look. */
static void make_metatables(lua_State *L, struct ffi *ffi) {
    lua_createtable(L, 0, METAMETHODS);
    meta_open(L, ffi, lua_gettop(L));
    lua_createtable(L, 0, METAMETHODS);
    lua_getfield(L, -2, "__index");
    lua_setfield(L, -2, "__index");
    for (lua_pushnil(L); lua_next(L, -3);) { /* the very same metamethods: 5.1 compares them */
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_rawset(L, -4);
    }
    lua_pushlightuserdata(L, ffi);
    lua_pushcclosure(L, cdata_gc, 1);
    lua_setfield(L, -2, "__gc");
    ffi->metatable_refs[1] = luaL_ref(L, LUA_REGISTRYINDEX);
    ffi->metatable_refs[0] = luaL_ref(L, LUA_REGISTRYINDEX);
}

static int make_table(lua_State *L) {
    lua_newtable(L);
    return luaL_ref(L, LUA_REGISTRYINDEX);
}

/* What may fail for want of memory. [protected, the ffi] */
static int fill(lua_State *L) {
    struct ffi *ffi = lua_touserdata(L, 1);
    if (getrandom(&ffi->secret, sizeof ffi->secret, GRND_NONBLOCK) < 0)
        ffi->secret = (uintptr_t)ffi * 0x9E3779B97F4A7C15u;
    ffi->texts = make_table(L);
    ffi->finalizers = make_table(L);
    ffi->functions = make_table(L);
    ffi->closures = make_table(L);
    ffi->passed = make_table(L);
    if (gate_decls_make(&ffi->decls) || gate_decls_read(ffi->decls, known, NULL))
        luaL_error(L, "no memory for declarations");
    ctype_open(L, ffi);
    make_metatables(L, ffi);
    async_open(L);
    return 0;
}

/* Leaves it in the registry, once it is whole. */
static struct ffi *make(lua_State *L) {
    struct ffi *ffi = lua_newuserdatauv(L, sizeof *ffi, 0);
    memset(ffi, 0, sizeof *ffi);
    ffi->host = host_start(L);
    host_at_stop(L, stop);
    lua_pushboolean(L, false); /* then it takes no memory to put the ffi there */
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    if (compat_call(L, fill, ffi)) {
        gate_decls_free(ffi->decls);
        lua_error(L);
    }
    lua_rawsetp(L, LUA_REGISTRYINDEX, &state_key);
    ffi->host->error_number = &ffi->error_number;
    return ffi;
}

struct ffi *ffi_get(lua_State *L) {
    struct ffi *ffi = find(L);
    return ffi ? ffi : make(L);
}

int luaopen_callgate_ffi(lua_State *L);

__attribute__((visibility("default"))) int luaopen_callgate_ffi(lua_State *L) {
    struct ffi *ffi = ffi_get(L);
    lua_createtable(L, 0, 32);
    lua_pushlightuserdata(L, ffi);
    luaL_setfuncs(L, functions, 1);
    clib_open(L, ffi);
    lua_setfield(L, -2, "C");
    lua_pushliteral(L, "Linux");
    lua_setfield(L, -2, "os");
    lua_pushliteral(L, "x64");
    lua_setfield(L, -2, "arch");
    return 1;
}
