/* Libraries as namespaces: ffi.C, and what ffi.load returns.
 *
 * A userdata whose metatable's __index is a table of what was found, so that the second look-up of a function is Lua's
 * own, and whose __index again is find, below. Variables are never kept there. A library stays open until the state
 * closes: its functions may be anywhere.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "examples/lua/ffi/ffi.h"
#include "examples/lua/host/host.h"

struct library {
    gate_library *library;
    bool is_global; /* ffi.C has its symbols, too */
    struct library *next;
};

static gate_library *library_of(lua_State *L) {
    return lua_touserdata(L, lua_upvalueindex(2));
}

static const gate_decl *find_decl(lua_State *L, struct ffi *ffi, int index) {
    if (lua_type(L, index) != LUA_TSTRING)
        luaL_argerror(L, index, lua_pushfstring(L, "string expected, got %s", luaL_typename(L, index)));
    const char *name = lua_tostring(L, index);
    host_check(L);
    const gate_decl *decl = ffi->decls ? gate_decls_find(ffi->decls, name) : NULL;
    if (!decl || decl->kind == GATE_DECL_TYPEDEF)
        luaL_error(L, "missing declaration for symbol '%s'", name);
    return decl;
}

/* Others may run while the loader looks. errno stays as it was: a function that tells what it means may be looked up first. */
static int look_up(struct ffi *ffi, gate_library *library, const gate_decl *decl, void **address, gate_error *error) {
    const char *symbol = decl->label ? decl->label : decl->name;
    int error_number = ffi->error_number;
    int status = decl->kind == GATE_DECL_FUNCTION
                     ? gate_library_symbol(library, symbol, address, error)
                     : gate_library_variable(library, symbol, decl->type->size, address, error);
    ffi->error_number = error_number;
    return status;
}

/* ffi.C is what the process has, and then what was loaded to be global. */
static void *find_symbol(lua_State *L, struct ffi *ffi, const gate_decl *decl) {
    gate_error error;
    void *address = NULL;
    gate_library *library = library_of(L);
    if (look_up(ffi, library, decl, &address, &error) == 0)
        return address;
    for (const struct library *other = ffi->libraries; other && library == ffi->process; other = other->next) {
        if (other->is_global && look_up(ffi, other->library, decl, &address, NULL) == 0)
            return address;
    }
    luaL_error(L, "%s", error.message);
    return NULL;
}

static bool is_unsigned(const gate_type *type) {
    enum gate_kind kind = type->kind == GATE_ENUM ? type->target->kind : type->kind;
    return kind == GATE_UINT || kind == GATE_ULONG || kind == GATE_ULLONG;
}

static void push_function(lua_State *L, struct ffi *ffi, const gate_decl *decl) {
    gate_function function = {.address = (void (*)(void))find_symbol(L, ffi, decl), .name = decl->name};
    function_push(L, ffi, ctype_of(L, ffi, decl->type), &function);
}

/* [__index of the table of what was found] */
static int find(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    const gate_decl *decl = find_decl(L, ffi, 2);
    if (decl->kind == GATE_DECL_VARIABLE) {
        struct ctype *type = ctype_of(L, ffi, decl->type);
        type->to_lua(L, ffi, type, find_symbol(L, ffi, decl));
        return 1;
    }
    if (decl->kind == GATE_DECL_FUNCTION)
        push_function(L, ffi, decl);
    else
        convert_push_number(L, (int64_t)decl->value, is_unsigned(decl->type));
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

/* [__newindex] */
static int assign(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    const gate_decl *decl = find_decl(L, ffi, 2);
    struct ctype *type = ctype_of(L, ffi, decl->type);
    if (decl->kind != GATE_DECL_VARIABLE || ctype_is_fixed(type))
        return luaL_error(L, "attempt to write to constant location");
    const char *why = type->to_c(L, ffi, 3, type, find_symbol(L, ffi, decl));
    return why ? luaL_error(L, "%s", why) : 0;
}

/* [__pairs] */
static int refuse_pairs(lua_State *L) {
    return luaL_error(L, "a library has no members to list");
}

static void push_with_library(lua_State *L, struct ffi *ffi, gate_library *library, lua_CFunction function) {
    lua_pushlightuserdata(L, ffi);
    lua_pushlightuserdata(L, library);
    lua_pushcclosure(L, function, 2);
}

static void push_namespace(lua_State *L, struct ffi *ffi, gate_library *library) {
    lua_newuserdatauv(L, 1, 0);
    lua_createtable(L, 0, 4);
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    push_with_library(L, ffi, library, find);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    lua_setfield(L, -2, "__index");
    push_with_library(L, ffi, library, assign);
    lua_setfield(L, -2, "__newindex");
    lua_pushcfunction(L, refuse_pairs);
    lua_setfield(L, -2, "__pairs");
    lua_pushliteral(L, "ffi");
    lua_setfield(L, -2, "__metatable");
    lua_setmetatable(L, -2);
}

/* It stays open until the state has closed. NULL if it can't be opened. */
static gate_library *open_library(lua_State *L, struct ffi *ffi, const char *name, bool is_global, gate_error *error) {
    struct library *library = ffi_keep(L, sizeof *library);
    host_check(L);
    int error_number = ffi->error_number, status = gate_library_open(name, &library->library, error);
    ffi->error_number = error_number; /* others may have run */
    if (status)
        return NULL;
    library->is_global = is_global;
    library->next = ffi->libraries; /* behind the call, in which others may have run */
    ffi->libraries = library;
    return library->library;
}

void clib_stop(struct ffi *ffi) {
    for (struct library *library = ffi->libraries; library; library = library->next)
        gate_library_close(library->library, NULL);
    ffi->libraries = NULL;
}

/* Pushes the file's name for a library's: "z" is "libz.so". */
static const char *push_file_name(lua_State *L, const char *name) {
    bool is_path = strchr(name, '/') != NULL;
    const char *before = is_path || strncmp(name, "lib", 3) == 0 ? "" : "lib";
    return lua_pushfstring(L, "%s%s%s", before, name, is_path || strchr(name, '.') ? "" : ".so");
}

int clib_load(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    bool is_global = lua_toboolean(L, 2);
    gate_error error;
    const char *name = push_file_name(L, luaL_checkstring(L, 1));
    gate_library *library = open_library(L, ffi, name, is_global, &error);
    if (!library)
        return luaL_error(L, "%s", error.message);
    push_namespace(L, ffi, library);
    return 1;
}

void clib_open(lua_State *L, struct ffi *ffi) {
    gate_error error;
    ffi->process = open_library(L, ffi, NULL, false, &error);
    if (!ffi->process)
        luaL_error(L, "%s", error.message);
    push_namespace(L, ffi, ffi->process);
}
