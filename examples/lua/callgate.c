/* The module `callgate`: libraries and functions of C, called from an unmodified lua5.4.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "examples/lua/host.h"

/* Lua allows 200 C calls in each other; the hungriest, gsub within gsub, takes a buffer and some 2 KiB a level. Only the
 * pages that are touched cost memory. */
enum { TASK_STACK = LUAL_BUFFERSIZE > 2048 ? 4 * 1024 * 1024 : 1024 * 1024, FEW = 8 };

static const char host_key; /* its address is the registry's key */

struct host *host_check(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &host_key);
    struct host *host = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (!host->runtime)
        luaL_error(L, "callgate has stopped: the Lua state closes");
    return host;
}

void host_push(lua_State *L, enum kept kept) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &host_key);
    lua_getiuservalue(L, -1, (int)kept);
    lua_remove(L, -2);
}

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

/* The host is at index 1. A library is kept twice: what closes one leaves nothing to the second. */
static void free_kept(lua_State *L, enum kept kept, void (*free_one)(void *)) {
    lua_getiuservalue(L, 1, (int)kept);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        if (kept != KEPT_LIBRARIES || lua_islightuserdata(L, -2))
            free_one(lua_touserdata(L, -1));
    }
    lua_pop(L, 1);
}

/* Returns why the runtime can't stop, or NULL when it has. A script may end the program from inside a callback,
 * where the runtime is in use below. */
static const char *stop(gate_runtime *runtime, gate_error *error) {
    gate_task *task = gate_task_current();
    if (task && gate_task_host(task))
        return "from inside a callback";
    return gate_runtime_stop(runtime, error) ? error->message : NULL;
}

/* The state closes: so does the runtime. Tasks that are left never get the slot again, as the closing
 * thread keeps it; what they use in C stays. */
static int host_collect(lua_State *L) {
    struct host *host = lua_touserdata(L, 1);
    gate_error error;
    gate_runtime *runtime = host->runtime;
    host->runtime = NULL;
    const char *why = runtime ? stop(runtime, &error) : NULL;
    if (why) {
        fprintf(stderr, "callgate: the Lua state closes, but %s\n", why);
    } else if (runtime) {
        free_kept(L, KEPT_CALLBACKS, free_callback);
        free_kept(L, KEPT_LIBRARIES, free_library);
        free_kept(L, KEPT_SIGNATURES, free_signature);
    }
    return 0;
}

/* Pushes a host that has not started. */
static struct host *make_host(lua_State *L) {
    struct host *host = lua_newuserdatauv(L, sizeof *host, KEPT_CALLBACKS);
    *host = (struct host){.runtime = NULL};
    host->service = lua_newthread(L);
    lua_setiuservalue(L, -2, KEPT_SERVICE);
    for (int kept = KEPT_SIGNATURES; kept <= KEPT_CALLBACKS; kept++) {
        lua_newtable(L);
        lua_setiuservalue(L, -2, kept);
    }
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, host_collect);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    return host;
}

/* Leaves the host in the registry: the first of this module's values to be made, it is the last to be
 * collected. A state that loads the module a second time has one. */
static void start_runtime(lua_State *L) {
    int found = lua_rawgetp(L, LUA_REGISTRYINDEX, &host_key);
    lua_pop(L, 1);
    if (found != LUA_TNIL)
        return;
    struct gate_runtime_config config = {
        .slots = 1,
        .task_stack_size = TASK_STACK,
        .hooks = {.thread_adopt = callback_thread_adopt,
                  .thread_drop = callback_thread_drop,
                  .callback_failed = callback_failed},
    };
    gate_error error;
    struct host *host = config.host = make_host(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &host_key);
    if (gate_runtime_start(&config, &host->runtime, &error)) {
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &host_key);
        luaL_error(L, "callgate can't start: %s", error.message);
    }
}

static const luaL_Reg library_meta[] = {{NULL, NULL}};
static const luaL_Reg library_methods[] = {{"bind", library_bind}, {NULL, NULL}};
static const luaL_Reg function_meta[] = {{"__call", function_call}, {"__tostring", function_tostring}, {NULL, NULL}};
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
