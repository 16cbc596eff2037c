/* The module `callgate`: libraries and functions of C, called from an unmodified lua5.4.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "examples/lua/host.h"

/* Lua allows 200 C calls in each other; the hungriest, gsub within gsub, takes some 3 KiB a level. Only
 * the pages that are touched cost memory. */
enum { TASK_STACK = 1024 * 1024, FEW = 8 };

static const char host_key; /* its address is the registry's key */

struct host *host_of(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &host_key);
    struct host *host = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return host;
}

gate_signature *parse_signature(lua_State *L, const char *text) {
    gate_signature *signature = NULL;
    gate_error error;
    if (gate_signature_parse(text, &signature, &error))
        luaL_error(L, "signature '%s': %s", text, error.message);
    return signature;
}

void open_metatable(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods) {
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, meta, 0);
    if (methods) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}

/* Libraries */

static int library_open(lua_State *L) {
    const char *name = luaL_optstring(L, 1, NULL);
    gate_error error;
    gate_library **library = lua_newuserdatauv(L, sizeof *library, 0);
    *library = NULL;
    luaL_setmetatable(L, LIBRARY);
    if (gate_library_open(name, library, &error))
        return luaL_error(L, "%s", error.message);
    return 1;
}

/* Closing is a foreign call, which may hand the slot on. When the state itself closes, no task may get it: a
 * library that is collected while tasks live stays open. */
static int library_collect(lua_State *L) {
    gate_library **library = luaL_checkudata(L, 1, LIBRARY);
    if (host_of(L)->tasks == 0)
        gate_library_close(*library);
    *library = NULL;
    return 0;
}

/* library:bind(name, signature) */
static int library_bind(lua_State *L) {
    gate_library **library = luaL_checkudata(L, 1, LIBRARY);
    const char *name = luaL_checkstring(L, 2), *text = luaL_checkstring(L, 3);
    gate_error error;
    void *address;
    struct function *f = lua_newuserdatauv(L, sizeof *f, 1);
    *f = (struct function){.signature = NULL};
    luaL_setmetatable(L, FUNCTION);
    lua_pushvalue(L, 1);
    lua_setiuservalue(L, -2, 1);
    if (gate_library_symbol(*library, name, &address, &error))
        return luaL_error(L, "%s", error.message);
    f->signature = parse_signature(L, text);
    value_check_signature(L, f->signature);
    snprintf(f->name, sizeof f->name, "%s", name);
    f->function = (gate_function){f->signature, (void (*)(void))address, f->name};
    return 1;
}

/* Functions */

static int function_collect(lua_State *L) {
    struct function *f = luaL_checkudata(L, 1, FUNCTION);
    gate_signature_free(f->signature);
    f->signature = NULL;
    return 0;
}

static int function_tostring(lua_State *L) {
    struct function *f = luaL_checkudata(L, 1, FUNCTION);
    lua_pushfstring(L, "C function '%s': %p", f->name, (void *)(uintptr_t)f->function.address);
    return 1;
}

/* Stores the Lua arguments, which begin at index 2, in cells. */
static void convert_arguments(lua_State *L, const struct function *f, union cell *cells, void **arguments) {
    for (size_t i = 0; i < gate_signature_count(f->signature); i++) {
        const char *why = value_to_c(L, (int)i + 2, gate_signature_parameter(f->signature, i), &cells[i]);
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
    int given = lua_gettop(L) - 1, count = (int)gate_signature_count(f->signature);
    union cell few[FEW], result, *cells = few;
    void *few_arguments[FEW], **arguments = few_arguments;
    if (!task)
        return luaL_error(L, "this thread belongs to no runtime of callgate's");
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
    value_to_lua(L, gate_signature_result(f->signature), &result, 1);
    return gate_signature_result(f->signature)->kind != GATE_VOID;
}

/* The module */

static int module_errno(lua_State *L) {
    lua_pushinteger(L, gate_errno());
    return 1;
}

/* The state closes: so does the runtime. Tasks that are left never get the slot again, as the closing
 * thread keeps it. */
static int host_collect(lua_State *L) {
    struct host *host = lua_touserdata(L, 1);
    gate_error error;
    if (host->runtime && gate_runtime_stop(host->runtime, &error))
        fprintf(stderr, "callgate: the Lua state closes, but %s\n", error.message);
    host->runtime = NULL;
    return 0;
}

/* Leaves the host in the registry: the first of this module's values to be made, it is the last to be
 * collected. */
static void start_runtime(lua_State *L) {
    struct gate_runtime_config config = {
        .slots = 1,
        .task_stack_size = TASK_STACK,
        .hooks = {callback_thread_adopt, callback_thread_drop, callback_failed},
    };
    gate_error error;
    struct host *host = lua_newuserdatauv(L, sizeof *host, 1);
    *host = (struct host){.runtime = NULL};
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, host_collect);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    host->service = lua_newthread(L);
    lua_setiuservalue(L, -2, 1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &host_key);
    config.host = host;
    if (gate_runtime_start(&config, &host->runtime, &error))
        luaL_error(L, "callgate can't start: %s", error.message);
}

static const luaL_Reg library_meta[] = {{"__gc", library_collect}, {NULL, NULL}};
static const luaL_Reg library_methods[] = {{"bind", library_bind}, {NULL, NULL}};
static const luaL_Reg function_meta[] = {
    {"__call", function_call}, {"__gc", function_collect}, {"__tostring", function_tostring}, {NULL, NULL}};
static const luaL_Reg module_functions[] = {{"open", library_open}, {"errno", module_errno}, {NULL, NULL}};

int luaopen_callgate(lua_State *L);

__attribute__((visibility("default"))) int luaopen_callgate(lua_State *L) {
    start_runtime(L);
    open_metatable(L, LIBRARY, library_meta, library_methods);
    open_metatable(L, FUNCTION, function_meta, NULL);
    luaL_newlib(L, module_functions);
    value_open(L);
    callback_open(L);
    task_open(L);
    return 1;
}
