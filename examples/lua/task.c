/* Tasks: a Lua function on a coroutine and a C stack of its own.
 *
 * The coroutine is called, not resumed: what blocks in it is C, and what waits is the task, so that
 * yielding works across pcall, metamethods and iterators alike.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "examples/lua/host.h"

struct task {          /* user value 1: the coroutine */
    gate_task *handle; /* NULL once it is joined */
    lua_State *coroutine;
    int arguments;
    int status;   /* of the call: LUA_OK, or an error, which is on top of the coroutine */
    bool joining; /* another task waits for it, and owns the handle */
};

static int add_traceback(lua_State *L) {
    const char *words = lua_tostring(L, 1);
    if (words)
        luaL_traceback(L, L, words, 1);
    return 1;
}

/* The registry keeps a task under its address while it lives. [the task, a slot] */
static void *run(void *data) {
    struct task *task = data;
    lua_State *L = task->coroutine;
    task->status = lua_pcall(L, task->arguments, LUA_MULTRET, 1);
    lua_pushnil(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, task); /* the collector may take both from here on */
    return NULL;
}

/* Index 1 of the coroutine is the message handler, then come the function and its arguments. */
static lua_State *make_coroutine(lua_State *L, int function, int arguments) {
    luaL_checkstack(L, arguments + 2, "a task's arguments");
    lua_State *coroutine = lua_newthread(L);
    if (!lua_checkstack(coroutine, arguments + LUA_MINSTACK))
        luaL_error(L, "too many arguments for a task");
    lua_pushcfunction(coroutine, add_traceback);
    for (int i = 0; i <= arguments; i++)
        lua_pushvalue(L, function + i);
    lua_xmove(L, coroutine, arguments + 1);
    return coroutine;
}

static bool is_callable(lua_State *L, int index) {
    return lua_isfunction(L, index) || luaL_testudata(L, index, FUNCTION);
}

/* callgate.spawn([{name = "..."},] function, ...) */
static int module_spawn(lua_State *L) {
    const char *name = NULL;
    gate_runtime *runtime = host_check(L)->runtime;
    bool named = lua_istable(L, 1);
    if (named) {
        lua_getfield(L, 1, "name");
        name = luaL_optstring(L, -1, NULL);
        lua_replace(L, 1); /* the name stays on the stack while it is used */
    }
    int function = named ? 2 : 1, arguments = lua_gettop(L) - function;
    if (!is_callable(L, function))
        return luaL_typeerror(L, function, "function");
    struct task *task = lua_newuserdatauv(L, sizeof *task, 1);
    *task = (struct task){.arguments = arguments, .status = LUA_OK};
    luaL_setmetatable(L, TASK);
    task->coroutine = make_coroutine(L, function, arguments);
    lua_setiuservalue(L, -2, 1);
    lua_pushvalue(L, -1);
    lua_rawsetp(L, LUA_REGISTRYINDEX, task);
    struct gate_task_config config = {.main = run, .argument = task, .name = name};
    if (gate_task_spawn(runtime, &config, &task->handle)) {
        lua_pushnil(L);
        lua_rawsetp(L, LUA_REGISTRYINDEX, task);
        return luaL_error(L, "no memory for a task's stack");
    }
    return 1;
}

/* task:join(): what the function returned, or its error */
static int task_join(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    if (!task->handle)
        return luaL_error(L, "the task has been joined before");
    host_check(L);
    if (task->handle == gate_task_current())
        return luaL_error(L, "a task can't join itself");
    if (task->joining)
        return luaL_error(L, "another task is joining this one");
    task->joining = true;
    int gone = gate_task_join(task->handle, NULL);
    task->joining = false;
    task->handle = NULL;
    if (gone)
        return luaL_error(L, "the task is not in this process, which was forked");
    lua_State *coroutine = task->coroutine;
    int left = lua_gettop(coroutine) - 1, results = task->status == LUA_OK ? left : 1;
    if (left < results || left < 0)
        return luaL_error(L, "the task's results are gone: its coroutine was closed");
    luaL_checkstack(L, results, "a task's results");
    lua_xmove(coroutine, L, results);
    return task->status == LUA_OK ? results : lua_error(L);
}

static int task_name(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    lua_pushstring(L, task->handle ? gate_task_name(task->handle) : "a joined task");
    return 1;
}

/* A failure that nobody will see. */
static void report(const struct task *task) {
    const char *words = lua_gettop(task->coroutine) ? lua_tostring(task->coroutine, -1) : NULL;
    fprintf(stderr, "callgate: task '%s' failed, and nobody joined it: %s\n", gate_task_name(task->handle),
            words ? words : "its error is no string");
}

/* Nobody joins it any more; or the state closes, and then whoever joins it never wakes. */
static int task_collect(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    if (!task->handle || task->joining)
        return 0;
    if (task->status != LUA_OK)
        report(task);
    gate_task_detach(task->handle);
    task->handle = NULL;
    return 0;
}

static int module_yield(lua_State *L) {
    host_check(L);
    if (!gate_task_current())
        return luaL_error(L, "this thread belongs to no runtime of callgate's");
    gate_task_yield();
    return 0;
}

static const luaL_Reg task_meta[] = {{"__gc", task_collect}, {NULL, NULL}};
static const luaL_Reg task_methods[] = {{"join", task_join}, {"name", task_name}, {NULL, NULL}};
static const luaL_Reg module_functions[] = {{"spawn", module_spawn}, {"yield", module_yield}, {NULL, NULL}};

void task_open(lua_State *L) {
    open_metatable(L, TASK, task_meta, task_methods);
    luaL_setfuncs(L, module_functions, 0);
}
