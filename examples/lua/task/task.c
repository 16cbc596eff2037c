/* The module `callgate.task`: a Lua function on a coroutine and a C stack of its own.
 *
 * The coroutine is called, not resumed: what blocks in it is C, and what waits is the task, so that
 * yielding works across pcall, metamethods and iterators alike.
 *
 * A hook by count is the yield point of Lua code that makes no calls. Each coroutine has a hook of its own, which those that
 * it makes inherit; where there is one already, it is left alone, and debug.sethook replaces ours. Since 5.3 that costs as much as
 * the code itself. Lua would have a signal's handler set one when it is time to yield; but nobody tells a handler which coroutine
 * runs.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "examples/lua/task/task.h"

/* How many instructions of Lua's lie between two yield points: some 10 us. */
enum { INSTRUCTIONS = 1000 };

static const char default_name[] = "task";

static const double longest = 9e9; /* seconds, which still fit into nanoseconds */

/* How many tasks are ending, in all states: a hook looks for that at one place. */
static atomic_int tasks_ending;

/* The running task */

struct task *task_self(lua_State *L) {
    gate_task *current = gate_task_current();
    host_check(L);
    host_push(L, KEPT_KNOWN);
    if (!current || lua_rawgetp(L, -1, current) != LUA_TUSERDATA)
        luaL_error(L, "this thread belongs to no runtime of callgate's");
    lua_remove(L, -2);
    return lua_touserdata(L, -1);
}

/* Sets the entry of a table of the host's to what is on top, and pops that. */
static void keep(lua_State *L, enum kept kept, const void *key) {
    host_push(L, kept);
    lua_insert(L, -2);
    lua_rawsetp(L, -2, key);
    lua_pop(L, 1);
}

void task_let_go(lua_State *L, struct task *self) {
    lua_pushboolean(L, false); /* and not nil: to put it back takes no memory then */
    keep(L, KEPT_TASKS, self);
}

void task_anchor(lua_State *L, struct task *self) {
    keep(L, KEPT_TASKS, self);
}

/* Ends, and yield points */

static void wake(struct task *task) {
    task_set_stuck(task, false);
    gate_task_interrupt(task->handle);
    gate_task_ready(task->handle);
    if (task->call)
        gate_future_wake(task->call, task->handle);
}

static void end(struct task *task) {
    if (!task->is_ending)
        atomic_fetch_add(&tasks_ending, 1);
    task->is_ending = true;
    wake(task);
}

static void end_those_in(lua_State *L, enum kept kept) {
    host_push(L, kept);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        struct task *task = lua_touserdata(L, -1);
        if (task && !task->is_root)
            end(task);
    }
    lua_pop(L, 1);
}

/* Those that have yet to begin, and those that are let go while they wait, are in one of them each. */
void task_end_all(lua_State *L) {
    end_those_in(L, KEPT_TASKS);
    end_those_in(L, KEPT_KNOWN);
}

static void set_cancelled(struct task *task, bool is_cancelled) {
    task->host->cancelled += is_cancelled - task->is_cancelled;
    task->is_cancelled = is_cancelled;
}

void task_check_cancel(lua_State *L, struct task *self) {
    if (self->is_ending)
        luaL_error(L, "the task is ended: nothing can wake it any more");
    if (!self->is_cancelled)
        return;
    set_cancelled(self, false);
    task_self(L);
    lua_getiuservalue(L, -1, TASK_REASON);
    lua_error(L);
}

void task_check_outcome(lua_State *L, struct task *self, enum outcome outcome) {
    if (outcome == WAIT_CANCELLED)
        task_check_cancel(L, self);
    if (outcome == WAIT_DEADLOCK)
        deadlock_raise(L);
}

static void look_for_end(lua_State *L) {
    struct task *self = task_self(L);
    lua_pop(L, 1);
    if (self->is_ending)
        task_check_cancel(L, self);
}

/* Whoever lets others run, here and in task_wait, finds errno as it was. */
static void yield(const struct host *host) {
    int error_number = *host->error_number;
    gate_task_yield();
    *host->error_number = error_number;
}

/* The hook, which goes when no other task is left. A cancellation is not found here: a script finds it only where it would
 * wait, and so between two steps of what it does. */
static void poll(lua_State *L, lua_Debug *unused) {
    const struct host *host = host_find(L);
    (void)unused;
    if (!host)
        return;
    if (!host->others)
        lua_sethook(L, NULL, 0, 0);
    if (gate_task_should_yield())
        yield(host);
    if (atomic_load_explicit(&tasks_ending, memory_order_relaxed))
        look_for_end(L);
}

static void set_hook(lua_State *L) {
    if (!lua_gethook(L))
        lua_sethook(L, poll, LUA_MASKCOUNT, INSTRUCTIONS);
}

/* The main program needs no yield point before there are other tasks. In 5.1 it can't be found from another coroutine. */
static void set_hook_of_main(lua_State *L) {
    set_hook(L);
#ifdef LUA_RIDX_MAINTHREAD
    lua_rawgeti(L, LUA_REGISTRYINDEX, LUA_RIDX_MAINTHREAD);
    set_hook(lua_tothread(L, -1));
    lua_pop(L, 1);
#endif
}

/* Waits */

static uint64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000000 + (uint64_t)time.tv_nsec;
}

uint64_t task_deadline(lua_State *L, int index) {
    if (lua_isnoneornil(L, index))
        return NEVER;
    double seconds = luaL_checknumber(L, index);
    luaL_argcheck(L, seconds >= 0, index, "a time of no less than 0 seconds expected");
    return seconds < longest ? now() + (uint64_t)ceil(seconds * 1e9) : NEVER;
}

static enum outcome wait_until(const struct task *self, const char *why, uint64_t then) {
    while (self->wait.chosen == NONE) {
        uint64_t time = then == NEVER ? 0 : now();
        if (self->is_cancelled || self->is_ending)
            return WAIT_CANCELLED;
        if (time >= then)
            return WAIT_TIMED_OUT;
        if (deadlock_find(self))
            return WAIT_DEADLOCK;
        if (then == NEVER)
            gate_task_park(why);
        else
            gate_task_park_for(why, then - time);
    }
    return WAIT_DONE;
}

/* A sleep has neither waiters nor a task that is joined: nobody else need do anything. */
enum outcome task_wait(struct task *self, const char *why, uint64_t then) {
    int error_number = *self->host->error_number;
    self->wait.why = why;
    task_set_stuck(self, then == NEVER && (self->wait.waiters || self->wait.joined));
    enum outcome outcome = wait_until(self, why, then);
    task_set_stuck(self, false);
    *self->host->error_number = error_number;
    return outcome;
}

/* Nothing but wake ends that early. */
enum outcome task_wait_for_call(struct task *self, gate_future *call, uint64_t then) {
    int error_number = *self->host->error_number;
    uint64_t time = now();
    self->call = call;
    int failed = gate_future_wait(call, then == NEVER ? GATE_FOREVER : then > time ? then - time : 0);
    self->call = NULL;
    *self->host->error_number = error_number;
    return failed == -EINTR ? WAIT_CANCELLED : failed ? WAIT_TIMED_OUT : WAIT_DONE;
}

/* Making one */

/* Keeps the traceback of an error that is no string, for whoever reports it. */
static int add_traceback(lua_State *L) {
    const char *words = lua_tostring(L, 1);
    luaL_traceback(L, L, words, 1);
    if (!words) {
        task_self(L);
        lua_insert(L, -2);
        lua_setiuservalue(L, -2, TASK_TRACEBACK);
        lua_settop(L, 1);
    }
    return 1;
}

/* Replaces what lies above index by a table of it. */
static void pack(lua_State *L, int index) {
    int count = lua_gettop(L) - index;
    lua_createtable(L, count, 1);
    lua_insert(L, index + 1);
    for (int i = count; i > 0; i--)
        lua_rawseti(L, index + 1, i);
    lua_pushinteger(L, count);
    lua_setfield(L, index + 1, "n");
}

/* Calls what is at index 3 of the stack, and leaves its results or its error there. */
static int call(lua_State *L, struct task *self) {
    if (self->is_ending)
        lua_pushliteral(L, "the Lua state closes");
    else if (self->is_cancelled)
        lua_getiuservalue(L, 1, TASK_REASON);
    else
        return lua_pcall(L, lua_gettop(L) - 3, LUA_MULTRET, 2);
    return LUA_ERRRUN;
}

/* The task, its function, and the arguments. [protected, the task] */
static int body(lua_State *L) {
    struct task *self = lua_touserdata(L, 1);
    host_push(L, KEPT_TASKS);
    lua_rawgetp(L, -1, self);
    lua_replace(L, 1);
    lua_pop(L, 1);
    lua_pushvalue(L, 1);
    keep(L, KEPT_KNOWN, self->handle);
    lua_pushcfunction(L, add_traceback);
    lua_insert(L, 2);
    self->failed = call(L, self) != LUA_OK;
    if (!self->failed)
        pack(L, 2);
    lua_setiuservalue(L, 1, TASK_RESULTS);
    return 0;
}

/* Nothing of it is left in Lua but what whoever has the task may ask for. Takes no memory, and so raises no error. */
static void leave(lua_State *L, struct task *self) {
    lua_settop(L, 0);
    host_push(L, KEPT_TASKS);
    lua_rawgetp(L, 1, self);
    lua_pushnil(L);
    lua_setiuservalue(L, 2, TASK_COROUTINE);
    lua_pushnil(L);
    lua_rawsetp(L, 1, self);
    host_push(L, KEPT_KNOWN);
    if (lua_rawgetp(L, 3, self->handle) != LUA_TNIL) { /* a key that is not there would take memory */
        lua_pushnil(L);
        lua_rawsetp(L, 3, self->handle);
    }
    lua_settop(L, 0);
}

/* The collector may take the coroutine and the task when others run, that is behind this. [the task, a slot] */
static void *run(void *data) {
    struct task *self = data;
    lua_State *L = self->coroutine;
    *self->host->error_number = 0;
    if (lua_pcall(L, lua_gettop(L) - 1, 0, 0))
        self->failed = true;
    leave(L, self);
    self->coroutine = NULL;
    for (struct task *joiner = self->joiners; joiner; joiner = joiner->next_joiner) {
        joiner->wait.chosen = 0;
        task_set_stuck(joiner, false);
        gate_task_ready(joiner->handle);
    }
    self->joiners = NULL;
    self->host->others--;
    self->host->made--;
    set_cancelled(self, false);
    if (self->is_ending)
        atomic_fetch_sub(&tasks_ending, 1);
    deadlock_suspect(self->host);
    gate_task_detach(self->handle);
    self->handle = NULL;
    return NULL;
}

/* Pushes a task that runs nothing yet. */
static struct task *push_task(lua_State *L, const char *name) {
    struct task *task = lua_newuserdatauv(L, sizeof *task, TASK_VALUES);
    *task = (struct task){.host = host_check(L), .wait.chosen = NONE};
    snprintf(task->name, sizeof task->name, "%s", name);
    luaL_setmetatable(L, TASK);
    return task;
}

/* Pops the count values on top, a function and its arguments, and makes a coroutine of them for the task below. */
static lua_State *make_coroutine(lua_State *L, struct task *task, int count) {
    luaL_checkstack(L, 2, "a task");
    lua_State *coroutine = lua_newthread(L);
    lua_insert(L, -1 - count);
    if (!compat_reserve(coroutine, count + LUA_MINSTACK))
        luaL_error(L, "too many arguments for a task");
    lua_pushcfunction(L, body); /* not there, where nothing would catch an error */
    lua_xmove(L, coroutine, 1);
    lua_pushlightuserdata(coroutine, task);
    lua_xmove(L, coroutine, count);
    set_hook(coroutine);
    lua_setiuservalue(L, -2, TASK_COROUTINE);
    return coroutine;
}

/* One that is forked counts its own: those that were made before are not in it. */
static void note_made(struct host *host) {
    if (host->process != getpid())
        host->made = 0;
    host->process = getpid();
    host->made++;
    host->others++;
}

/* Starts the task on top of the stack. */
static void spawn(lua_State *L, struct task *task, size_t stack_size) {
    struct gate_task_config config = {.main = run, .argument = task, .name = task->name, .stack_size = stack_size};
    host_guard(L, task->host);
    lua_pushvalue(L, -1);
    keep(L, KEPT_TASKS, task);
    int error = gate_task_spawn(task->host->runtime, &config, &task->handle);
    if (error) {
        lua_pushnil(L);
        keep(L, KEPT_TASKS, task);
        luaL_error(L,
                   error == -EINVAL ? "the stack is too small: 16 KiB is the least" : "no memory for a task's stack");
    }
    task->number = gate_task_number(task->handle);
    note_made(task->host);
}

static bool is_callable(lua_State *L, int index) {
    if (lua_isfunction(L, index))
        return true;
    if (luaL_getmetafield(L, index, "__call") == LUA_TNIL)
        return false;
    lua_pop(L, 1);
    return true;
}

void task_check_option(lua_State *L, const char *name, bool is_right, const char *wanted) {
    if (!is_right && !lua_isnil(L, -1))
        luaL_error(L, "the option '%s' is %s, not '%s'", name, wanted, luaL_tolstring(L, -1, NULL));
}

/* Of the options at index 1: the bytes of its stack, 0 if nobody says. */
static size_t stack_option(lua_State *L) {
    int is_integer;
    lua_getfield(L, 1, "stack");
    lua_Integer bytes = lua_tointegerx(L, -1, &is_integer);
    task_check_option(L, "stack", is_integer && bytes >= 0, "a number of bytes");
    lua_pop(L, 1);
    return (size_t)bytes;
}

/* And its name, which takes the options' place while it is used. */
static const char *name_option(lua_State *L) {
    lua_getfield(L, 1, "name");
    task_check_option(L, "name", lua_isstring(L, -1), "a string");
    const char *name = luaL_optstring(L, -1, default_name);
    lua_replace(L, 1);
    return name;
}

/* task.go([{name = "...", stack = bytes},] function, ...) */
static int task_go(lua_State *L) {
    struct host *host = host_check(L);
    const char *name = default_name;
    size_t stack_size = 0;
    if (host->closing)
        return luaL_error(L, "no new tasks: the Lua state closes");
    luaL_checkany(L, 1);
    bool has_options = lua_istable(L, 1) && !is_callable(L, 1);
    if (has_options) {
        stack_size = stack_option(L);
        name = name_option(L);
    }
    int function = has_options ? 2 : 1, count = lua_gettop(L) - function + 1;
    if (!is_callable(L, function))
        return luaL_typeerror(L, function, "function");
    struct task *task = push_task(L, name);
    lua_insert(L, function);
    task->coroutine = make_coroutine(L, task, count);
    set_hook_of_main(L);
    spawn(L, task, stack_size);
    return 1;
}

/* Threads' own tasks */

/* Pushes it, known and anchored. */
static struct task *push_root(lua_State *L, gate_task *root) {
    struct task *task = push_task(L, gate_task_name(root));
    task->handle = root;
    task->number = gate_task_number(root);
    task->is_root = true;
    lua_pushvalue(L, -1);
    keep(L, KEPT_TASKS, task);
    lua_pushvalue(L, -1);
    keep(L, KEPT_KNOWN, root);
    return task;
}

void task_adopt_main(lua_State *L, gate_task *root) {
    push_root(L, root);
    lua_pop(L, 1);
}

lua_State *task_adopt(lua_State *L, gate_task *root) {
    struct task *task = push_root(L, root);
    task->host->others++;
    task->coroutine = lua_newthread(L);
    set_hook(task->coroutine);
    lua_setiuservalue(L, -2, TASK_COROUTINE);
    lua_pop(L, 1);
    return task->coroutine;
}

void task_drop(lua_State *L, gate_task *root) {
    host_push(L, KEPT_KNOWN);
    if (lua_rawgetp(L, -1, root) != LUA_TUSERDATA)
        return;
    struct task *task = lua_touserdata(L, -1);
    lua_pushnil(L);
    lua_rawsetp(L, -3, root);
    task->handle = NULL;
    task->host->others--;
    set_cancelled(task, false);
    lua_pushnil(L);
    keep(L, KEPT_TASKS, task);
    deadlock_suspect(task->host);
}

/* Joins */

/* Has self wait for the end of task. */
static enum outcome wait_for_end(struct task *self, struct task *task, uint64_t then) {
    self->wait = (struct wait){.chosen = NONE, .joined = task};
    self->next_joiner = task->joiners;
    task->joiners = self;
    enum outcome outcome = task_wait(self, "the end of a task", then);
    struct task **link = &task->joiners;
    while (*link && *link != self)
        link = &(*link)->next_joiner;
    if (*link)
        *link = self->next_joiner;
    return outcome;
}

/* Pushes the running task, which is to wait for that one. */
static struct task *check_joiner(lua_State *L, const struct task *task) {
    struct task *self = task_self(L);
    if (task->is_root)
        luaL_error(L, "only tasks of task.go can be joined");
    if (task == self)
        luaL_error(L, "a task can't join itself");
    return self;
}

/* Waits for the task at index 1; false if it has not ended then. */
static bool has_ended(lua_State *L, struct task *task, uint64_t then) {
    struct task *self = check_joiner(L, task);
    task_check_cancel(L, self);
    if (!task->handle)
        return true;
    if (gate_task_ready(task->handle) == -ESRCH) /* a wake too many does no harm: all waits here look why they woke */
        luaL_error(L, "the task is not in this process, which was forked");
    task_check_outcome(L, self, wait_for_end(self, task, then));
    return !task->handle;
}

/* task:join(): what the function returned, or its error */
static int task_join(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    has_ended(L, task, NEVER);
    task->seen = true;
    lua_settop(L, 1);
    lua_getiuservalue(L, 1, TASK_RESULTS);
    if (task->failed)
        return lua_error(L);
    lua_getfield(L, 2, "n");
    int count = (int)lua_tointeger(L, 3);
    luaL_checkstack(L, count, "a task's results");
    for (int i = 1; i <= count; i++)
        lua_rawgeti(L, 2, i);
    return count;
}

/* task:wait([seconds]): whether it has ended */
static int task_wait_end(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    lua_pushboolean(L, has_ended(L, task, task_deadline(L, 2)));
    return 1;
}

/* Cancels the task at index 1 for the reason on top, which it pops. */
static void cancel(lua_State *L, struct task *task) {
    if (lua_isnil(L, -1)) {
        lua_pushliteral(L, "the task was cancelled");
        lua_replace(L, -2);
    }
    lua_setiuservalue(L, 1, TASK_REASON);
    set_cancelled(task, task->handle != NULL);
    task->seen |= task->is_cancelled;
    if (task->handle)
        wake(task);
}

/* task:cancel([reason]): whether it was still there */
static int task_cancel(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    host_check(L);
    lua_settop(L, 2);
    cancel(L, task);
    lua_pushboolean(L, task->is_cancelled);
    return 1;
}

/* [__close, of Lua 5.4] What a block has started does not outlive it. */
static int task_leave(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    host_check(L);
    lua_settop(L, 1);
    check_joiner(L, task);
    if (!task->handle)
        return 0;
    lua_pushnil(L);
    cancel(L, task);
    has_ended(L, task, NEVER);
    return 0;
}

/* task:interrupt(): whether it was in a call that can be interrupted */
static int task_interrupt(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    host_check(L);
    lua_pushboolean(L, task->handle && gate_task_interrupt(task->handle) == 0);
    return 1;
}

/* What can be seen */

static const char *const states[] = {
    [GATE_TASK_READY] = "ready",   [GATE_TASK_RUNNING] = "running", [GATE_TASK_IN_CALL] = "in call",
    [GATE_TASK_PARKED] = "parked", [GATE_TASK_OUTSIDE] = "outside", [GATE_TASK_ENDED] = "ended",
};

struct gate_task_info *task_push_infos(lua_State *L, size_t *count) {
    gate_runtime *runtime = host_check(L)->runtime;
    size_t room = gate_runtime_list(runtime, NULL, 0) + 8;
    struct gate_task_info *infos = lua_newuserdatauv(L, room * sizeof *infos, 0);
    size_t listed = gate_runtime_list(runtime, infos, room);
    *count = listed < room ? listed : room;
    return infos;
}

/* task:status(): what it does, and where */
static int task_status(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    size_t count;
    if (!task->handle) {
        lua_pushstring(L, task->failed ? "failed" : "ended");
        return 1;
    }
    const struct gate_task_info *infos = task_push_infos(L, &count);
    for (size_t i = 0; i < count; i++) {
        if (infos[i].number != task->number)
            continue;
        lua_pushstring(L, states[infos[i].state]);
        lua_pushstring(L, infos[i].where);
        return 2;
    }
    lua_pushliteral(L, "gone"); /* a fork has left it behind */
    return 1;
}

static int task_name(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    lua_pushstring(L, task->name);
    return 1;
}

static int task_number(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    lua_pushinteger(L, (lua_Integer)task->number);
    return 1;
}

static int task_tostring(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    lua_pushfstring(L, "task '%s' (#%d)", task->name, (int)task->number);
    return 1;
}

/* Adds the tasks in a table of the host's to the one on top, by number. */
static void add_numbers(lua_State *L, enum kept kept) {
    host_push(L, kept);
    for (lua_pushnil(L); lua_next(L, -2); lua_pop(L, 1)) {
        struct task *task = lua_touserdata(L, -1);
        if (!task)
            continue; /* it is let go */
        lua_pushvalue(L, -1);
        lua_rawseti(L, -5, (lua_Integer)task->number);
    }
    lua_pop(L, 1);
}

/* Of those that have begun, and of those that have not. */
void task_push_numbers(lua_State *L) {
    lua_newtable(L);
    add_numbers(L, KEPT_KNOWN);
    add_numbers(L, KEPT_TASKS);
}

/* Pushes what task.list tells of one; the tasks by number are at index. */
static void push_info(lua_State *L, const struct gate_task_info *info, int index) {
    lua_createtable(L, 0, 5);
    lua_pushstring(L, info->name);
    lua_setfield(L, -2, "name");
    lua_pushinteger(L, (lua_Integer)info->number);
    lua_setfield(L, -2, "number");
    lua_pushstring(L, states[info->state]);
    lua_setfield(L, -2, "status");
    lua_pushstring(L, info->where);
    lua_setfield(L, -2, "where");
    lua_rawgeti(L, index, (lua_Integer)info->number);
    lua_setfield(L, -2, "task");
}

/* task.list() */
static int module_list(lua_State *L) {
    size_t count;
    lua_settop(L, 0);
    task_push_numbers(L);
    const struct gate_task_info *infos = task_push_infos(L, &count);
    lua_createtable(L, (int)count, 0);
    for (size_t i = 0; i < count; i++) {
        push_info(L, &infos[i], 1);
        lua_rawseti(L, 3, (lua_Integer)i + 1);
    }
    return 1;
}

static int module_self(lua_State *L) {
    task_self(L);
    return 1;
}

static int module_yield(lua_State *L) {
    struct task *self = task_self(L);
    yield(self->host);
    task_check_cancel(L, self);
    return 0;
}

/* task.sleep(seconds) */
static int module_sleep(lua_State *L) {
    luaL_checknumber(L, 1);
    uint64_t then = task_deadline(L, 1);
    struct task *self = task_self(L);
    self->wait = (struct wait){.chosen = NONE};
    task_check_cancel(L, self);
    if (lua_tonumber(L, 1) == 0)
        yield(self->host);
    else
        task_wait(self, "sleep", then);
    task_check_cancel(L, self);
    return 0;
}

/* A failure that nobody will see. */
static void report(lua_State *L, const struct task *task) {
    lua_getiuservalue(L, 1, TASK_TRACEBACK);
    lua_getiuservalue(L, 1, TASK_RESULTS);
    const char *trace = lua_tostring(L, -2);
    fprintf(stderr, "callgate: task '%s' (#%d) failed, and nobody joined it: %s\n", task->name, (int)task->number,
            luaL_tolstring(L, -1, NULL));
    if (trace)
        fprintf(stderr, "%s\n", trace);
}

/* The collector has found a task that lives, with its channels: nobody can wake it. It comes back, to end. */
static void come_back(lua_State *L, struct task *task) {
    lua_pushvalue(L, 1);
    keep(L, KEPT_KNOWN, task->handle);
    end(task);
}

/* Weak tables tell why this is called: a collector removes what it has found from them first, and a state that closes does
 * not. */
static int task_collect(lua_State *L) {
    struct task *task = luaL_checkudata(L, 1, TASK);
    lua_settop(L, 1);
    if (task->is_root)
        return 0;
    if (!task->handle) {
        if (task->failed && !task->seen && !task->is_ending)
            report(L, task);
        return 0;
    }
    host_push(L, KEPT_KNOWN);
    bool closes = lua_rawgetp(L, 2, task->handle) != LUA_TNIL;
    lua_settop(L, 1);
    if (!closes)
        come_back(L, task);
    keep(L, KEPT_TASKS, task);
    return 0;
}

static const luaL_Reg task_meta[] = {
    {"__gc", task_collect}, {"__tostring", task_tostring}, {"__close", task_leave}, {NULL, NULL}};
static const luaL_Reg task_methods[] = {
    {"join", task_join},     {"wait", task_wait_end}, {"cancel", task_cancel}, {"interrupt", task_interrupt},
    {"status", task_status}, {"name", task_name},     {"number", task_number}, {NULL, NULL},
};
static const luaL_Reg module_functions[] = {
    {"go", task_go},         {"self", module_self},   {"list", module_list},
    {"yield", module_yield}, {"sleep", module_sleep}, {NULL, NULL},
};

int luaopen_callgate_task(lua_State *L);

__attribute__((visibility("default"))) int luaopen_callgate_task(lua_State *L) {
    host_start(L);
    luaL_newlib(L, module_functions);
    channel_open(L);
    return 1;
}

void task_open(lua_State *L) {
    host_open_metatable(L, TASK, task_meta, task_methods);
}
