/* The host: the runtime of a Lua state, from the first of our modules that is loaded to the end of the state.
 *
 * When a state closes, tasks may be left. They are made to end, as far as that can be done: those that wait are woken, and
 * find an error; system calls are interrupted; Lua code that computes meets it in its hook. What has not ended then
 * never gets the slot again, as the closing thread keeps it; what it uses in C stays.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <time.h>
#include <unistd.h>

#include "examples/lua/host/host.h"
#include "examples/lua/task/task.h"

/* Lua allows 200 C calls in each other; the hungriest, gsub within gsub, takes a buffer and some 2 KiB a level. Only the
 * pages that are touched cost memory. */
enum { TASK_STACK = LUAL_BUFFERSIZE > 2048 ? 4 * 1024 * 1024 : 1024 * 1024 };

/* How long the closing state waits for tasks to end. */
enum { MS = 1000 * 1000, PATIENCE = 300 * MS };

static const char host_key; /* its address is the registry's key */

struct host *host_find(lua_State *L) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &host_key);
    struct host *host = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return host && host->runtime ? host : NULL;
}

struct host *host_check(lua_State *L) {
    struct host *host = host_find(L);
    if (!host)
        luaL_error(L, "callgate has stopped: the Lua state closes");
    return host;
}

void host_push(lua_State *L, enum kept kept) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &host_key);
    lua_getiuservalue(L, -1, (int)kept);
    lua_remove(L, -2);
}

void host_at_stop(lua_State *L, host_stop_function *function) {
    struct host *host = host_check(L);
    for (int i = 0; i < HOST_STOP_FUNCTIONS; i++) {
        if (!host->at_stop[i])
            host->at_stop[i] = function;
        if (host->at_stop[i] == function)
            return;
    }
    luaL_error(L, "callgate: too many modules");
}

_Thread_local struct host *host_here;

__attribute__((noinline)) void host_arrive(lua_State *L, struct host *host, const gate_function *function) {
    const char *name = function->name ? function->name : "a function";
    if (!host->runtime)
        luaL_error(L, "'%s' can't be called: the Lua state closes", name);
    if (!gate_task_current())
        luaL_error(L, "'%s' can't be called: this thread belongs to no runtime of callgate's", name);
    host_here = host;
}

int host_call_back(lua_CFunction function, void *data) {
    lua_State *L = gate_call_host();
    if (!L)
        L = gate_task_host(gate_task_current());
    return L ? compat_call(L, function, data) : LUA_ERRMEM;
}

void host_open_metatable(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods) {
    luaL_newmetatable(L, name);
    luaL_setfuncs(L, meta, 0);
    if (methods) {
        lua_newtable(L);
        luaL_setfuncs(L, methods, 0);
        lua_setfield(L, -2, "__index");
    }
    lua_pop(L, 1);
}

/* Threads of C's own: each is a task of the state while it is known, with a coroutine for its callbacks. */

static int adopt(lua_State *L) {
    gate_task *root = lua_touserdata(L, 1);
    gate_task_set_host(root, task_adopt(L, root));
    return 0;
}

static int drop(lua_State *L) {
    task_drop(L, lua_touserdata(L, 1));
    return 0;
}

/* Runs function protected, on behalf of no Lua code. Without memory for it, the thread has no coroutine, and
 * its callbacks fail. */
static void serve(struct host *host, lua_CFunction function, gate_task *root) {
    lua_State *L = host->service;
    int top = lua_gettop(L);
    compat_call(L, function, root);
    lua_settop(L, top);
}

static void thread_adopt(void *host, gate_task *root) {
    serve(host, adopt, root);
}

static void thread_drop(void *host, gate_task *root) {
    serve(host, drop, root);
}

/* The handler left its error on the thread's coroutine. */
static void callback_failed(void *host, gate_task *root, int status) {
    lua_State *L = gate_task_host(root);
    const char *words = L && lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1) : "no memory, or no string";
    (void)host, (void)status;
    fprintf(stderr, "callgate: an error in a callback on a thread of C's own: %s\n", words);
    if (L)
        lua_settop(L, 0);
}

/* The end */

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000 * MS + (uint64_t)time.tv_nsec;
}

/* Returns why the runtime can't stop, or NULL when it has. A script may end the program from inside a callback,
 * where the runtime is in use below. */
static const char *stop(gate_runtime *runtime, gate_error *error) {
    if (gate_call_host())
        return "from inside a callback";
    return gate_runtime_stop(runtime, error) ? error->message : NULL;
}

/* Tells why the runtime can't stop, once; whether tasks that are left can have their turn to end. */
static bool begin_end(struct host *host, const char *why) {
    if (!host->has_told)
        fprintf(stderr, "callgate: the Lua state closes, but %s\n", why);
    host->has_told = true;
    return gate_task_current() == host->main && !gate_call_host();
}

static void let_end(lua_State *L, struct host *host) {
    host->closing = true;
    task_end_all(L);
    gate_task_sleep(MS);
    host->closing = false;
}

/* Lua finalizes the newest first, whoever uses it. */
struct guard {
    struct host *host;
};

/* [__gc] One that another has followed is garbage; the newest is kept until the state closes. A process that is forked has
 * no tasks until it makes one. */
static int guard_collect(lua_State *L) {
    struct guard *guard = lua_touserdata(L, 1);
    struct host *host = guard->host;
    gate_error error;
    bool is_last = host->guard == guard && host->runtime && host->made && host->process == getpid();
    if (is_last && begin_end(host, stop(host->runtime, &error))) {
        for (uint64_t end = now() + PATIENCE; host->made && now() < end;)
            let_end(L, host);
    }
    return 0;
}

void host_guard(lua_State *L, struct host *host) {
    lua_rawgetp(L, LUA_REGISTRYINDEX, &host_key);
    lua_getiuservalue(L, -1, KEPT_GUARD);
    struct guard *guard = lua_newuserdatauv(L, sizeof *guard, 0);
    guard->host = host;
    if (!lua_isuserdata(L, -2) || !lua_getmetatable(L, -2)) {
        lua_createtable(L, 0, 1);
        lua_pushcfunction(L, guard_collect);
        lua_setfield(L, -2, "__gc");
    }
    lua_setmetatable(L, -2);
    host->guard = guard;
    lua_setiuservalue(L, -3, KEPT_GUARD);
    lua_pop(L, 2);
}

/* Lets what is left end. Returns as stop does. */
static const char *stop_patiently(lua_State *L, struct host *host, gate_error *error) {
    const char *why = stop(host->runtime, error);
    if (!why || !begin_end(host, why))
        return why;
    for (uint64_t end = now() + PATIENCE; why && now() < end; why = stop(host->runtime, error))
        let_end(L, host);
    if (why)
        fprintf(stderr, "callgate: what can't be ended is left, with what it uses: %s\n", why);
    return why;
}

/* The state closes: so does the runtime. */
static int host_collect(lua_State *L) {
    struct host *host = lua_touserdata(L, 1);
    gate_error error;
    const char *why = host->runtime ? stop_patiently(L, host, &error) : "it never started";
    host->runtime = NULL;
    host_here = NULL;
    for (int i = HOST_STOP_FUNCTIONS - 1; i >= 0 && !why; i--) {
        if (host->at_stop[i])
            host->at_stop[i](L);
    }
    return 0;
}

/* The beginning */

static void make_known(lua_State *L) {
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushliteral(L, "v");
    lua_setfield(L, -2, "__mode");
    lua_setmetatable(L, -2);
    lua_setiuservalue(L, -2, KEPT_KNOWN);
}

/* Pushes a host that has not started. */
static void make_host(lua_State *L) {
    struct host *host = lua_newuserdatauv(L, sizeof *host, KEPT_LAST);
    *host = (struct host){.random = 1, .error_number = &host->no_error_number};
    host->service = lua_newthread(L);
    lua_setiuservalue(L, -2, KEPT_SERVICE);
    lua_newtable(L);
    lua_setiuservalue(L, -2, KEPT_TASKS);
    make_known(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, host_collect);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
}

/* The host in the registry: the first of this module's values to be made, it is the last to be collected. */
static struct host *find_or_make(lua_State *L) {
    if (lua_rawgetp(L, LUA_REGISTRYINDEX, &host_key) == LUA_TNIL) {
        lua_pop(L, 1);
        make_host(L);
        lua_pushvalue(L, -1);
        lua_rawsetp(L, LUA_REGISTRYINDEX, &host_key);
    }
    struct host *host = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return host;
}

/* It has started when it has a main task. What an error has cut short is done by the next module that is loaded. */
struct host *host_start(lua_State *L) {
    struct host *host = find_or_make(L);
    struct gate_runtime_config config = {
        .slots = 1,
        .task_stack_size = TASK_STACK,
        .hooks = {.thread_adopt = thread_adopt, .thread_drop = thread_drop, .callback_failed = callback_failed},
        .host = host,
    };
    gate_error error;
    if (host->main)
        return host_check(L);
    if (!host->runtime && gate_runtime_start(&config, &host->runtime, &error))
        luaL_error(L, "callgate can't start: %s", error.message);
    task_open(L);
    task_adopt_main(L, gate_task_current());
    host->process = getpid();
    host->main = gate_task_current();
    return host;
}
