/* The older module, `callgate`: libraries and functions of C, called from an unmodified lua5.4.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "examples/lua/host/host.h"

enum { FEW = 8 };

const gate_signature *parse_signature(lua_State *L, const char *text) {
    gate_error error;
    host_check(L);
    host_push(L, KEPT_SIGNATURES);
    if (lua_getfield(L, -1, text) == LUA_TNIL) {
        lua_pop(L, 1);
        gate_signature **made = lua_newuserdatauv(L, sizeof *made, 0);
        *made = NULL;
        lua_pushvalue(L, -1);
        lua_setfield(L, -3, text);
        if (gate_signature_parse(text, made, &error)) {
            lua_pushnil(L);
            lua_setfield(L, -3, text);
            luaL_error(L, "signature '%s': %s", text, error.message);
        }
    }
    const gate_signature *signature = *(gate_signature **)lua_touserdata(L, -1);
    lua_pop(L, 2);
    return signature;
}

/* Libraries */

/* Kept twice: under its name to be found again, and under its address to be closed, as two tasks may open the
 * same library at once. */
static int library_open(lua_State *L) {
    const char *name = luaL_optstring(L, 1, NULL), *key = name ? name : "";
    gate_error error;
    lua_settop(L, 1);
    host_check(L);
    host_push(L, KEPT_LIBRARIES);
    if (lua_getfield(L, 2, key) != LUA_TNIL)
        return 1;
    gate_library **library = lua_newuserdatauv(L, sizeof *library, 0);
    *library = NULL;
    luaL_setmetatable(L, LIBRARY);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, 2, library);
    if (gate_library_open(name, library, &error)) {
        lua_pushnil(L);
        lua_rawsetp(L, 2, library);
        return luaL_error(L, "%s", error.message);
    }
    lua_pushvalue(L, -1);
    lua_setfield(L, 2, key);
    return 1;
}

/* library:bind(name, signature) */
static int library_bind(lua_State *L) {
    gate_library **library = luaL_checkudata(L, 1, LIBRARY);
    const char *name = luaL_checkstring(L, 2), *text = luaL_checkstring(L, 3);
    gate_error error;
    void *address;
    struct host *host = host_check(L);
    if (gate_library_symbol(*library, name, &address, &error))
        return luaL_error(L, "%s", error.message);
    const gate_signature *signature = parse_signature(L, text);
    value_check_signature(L, signature);
    struct function *f = lua_newuserdatauv(L, sizeof *f, 0);
    f->host = host;
    snprintf(f->name, sizeof f->name, "%s", name);
    f->function = (gate_function){.signature = signature, .address = (void (*)(void))address, .name = f->name};
    luaL_setmetatable(L, FUNCTION);
    return 1;
}

/* Functions */

static int function_tostring(lua_State *L) {
    struct function *f = luaL_checkudata(L, 1, FUNCTION);
    lua_pushfstring(L, "C function '%s': %p", f->name, (void *)(uintptr_t)f->function.address);
    return 1;
}

/* Stores the Lua arguments, which begin at index 2, in cells. */
static void convert_arguments(lua_State *L, const struct function *f, union cell *cells, void **arguments) {
    const gate_signature *signature = f->function.signature;
    for (size_t i = 0; i < gate_signature_count(signature); i++) {
        const char *why = value_to_c(L, (int)i + 2, gate_signature_parameter(signature, i), &cells[i]);
        if (why)
            luaL_error(L, "bad argument #%d to '%s' (%s)", (int)i + 1, f->name, why);
        arguments[i] = &cells[i];
    }
}

/* Makes the call on behalf of L: callbacks below it run there. While it lasts, other tasks may run in this
 * Lua state, on other threads; what the arguments point to stays on L's stack. */
static int call_for(lua_State *L, gate_task *task, const struct function *f, union cell *result, void **arguments) {
    void *outer = gate_task_host(task);
    gate_task_set_host(task, L);
    int status = gate_call(&f->function, result, arguments);
    gate_task_set_host(task, outer);
    return status;
}

static int function_call(lua_State *L) {
    struct function *f = luaL_checkudata(L, 1, FUNCTION);
    gate_task *task = gate_task_current();
    if (!task || !f->host->runtime)
        return luaL_error(L, "'%s' can't be called: %s", f->name,
                          task ? "the Lua state closes" : "this thread belongs to no runtime of callgate's");
    const gate_type *type = gate_signature_result(f->function.signature);
    int given = lua_gettop(L) - 1, count = (int)gate_signature_count(f->function.signature);
    union cell few[FEW], result, *cells = few;
    void *few_arguments[FEW], **arguments = few_arguments;
    if (given != count)
        return luaL_error(L, "wrong number of arguments to '%s' (expected %d, got %d)", f->name, count, given);
    luaL_checkstack(L, LUA_MINSTACK, "callbacks");
    if (count > FEW) { /* room that Lua owns, and frees whatever ends the call */
        cells = lua_newuserdatauv(L, (size_t)count * (sizeof *cells + sizeof *arguments), 0);
        arguments = (void **)(cells + count);
    }
    convert_arguments(L, f, cells, arguments);
    if (call_for(L, task, f, &result, arguments))
        return lua_error(L); /* the handler left the error on top */
    value_to_lua(L, type, &result);
    return type->kind != GATE_VOID;
}

/* The module */

static int module_errno(lua_State *L) {
    lua_pushinteger(L, gate_errno());
    return 1;
}

static void free_callback(void *callback) {
    gate_callback_free(((struct callback *)callback)->callback);
}

static void free_library(void *library) {
    gate_library_close(*(gate_library **)library, NULL);
}

static void free_signature(void *signature) {
    gate_signature_free(*(gate_signature **)signature);
}

/* A library is kept twice: what closes one leaves nothing to the second. */
static void free_kept(lua_State *L, enum kept kept, void (*free_one)(void *)) {
    host_push(L, kept);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (kept != KEPT_LIBRARIES || lua_islightuserdata(L, -2))
            free_one(lua_touserdata(L, -1));
    }
    lua_pop(L, 1);
}

static void free_all(lua_State *L) {
    free_kept(L, KEPT_CALLBACKS, free_callback);
    free_kept(L, KEPT_LIBRARIES, free_library);
    free_kept(L, KEPT_SIGNATURES, free_signature);
}

static const luaL_Reg library_meta[] = {{NULL, NULL}};
static const luaL_Reg library_methods[] = {{"bind", library_bind}, {NULL, NULL}};
static const luaL_Reg function_meta[] = {{"__call", function_call}, {"__tostring", function_tostring}, {NULL, NULL}};
static const luaL_Reg module_functions[] = {{"open", library_open}, {"errno", module_errno}, {NULL, NULL}};

int luaopen_callgate(lua_State *L);
int luaopen_callgate_task(lua_State *L);

__attribute__((visibility("default"))) int luaopen_callgate(lua_State *L) {
    host_start(L);
    host_at_stop(L, free_all);
    open_metatable(L, LIBRARY, library_meta, library_methods);
    open_metatable(L, FUNCTION, function_meta, NULL);
    luaL_newlib(L, module_functions);
    value_open(L);
    callback_open(L);
    luaopen_callgate_task(L);
    lua_getfield(L, -1, "go");
    lua_setfield(L, -3, "spawn");
    lua_getfield(L, -1, "yield");
    lua_setfield(L, -3, "yield");
    lua_pop(L, 1);
    return 1;
}
