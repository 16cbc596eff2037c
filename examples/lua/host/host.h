/* The Lua host's own map.
 *
 * One Lua state has one runtime with one slot: whoever holds the slot may touch the state, on whatever
 * thread. Each task runs on a Lua coroutine of its own, and on a C stack of its own: its Lua code is
 * called, never resumed. A callback runs on the coroutine that made the call it arrived below.
 *
 * A Lua error is a longjmp: no C function may lie between where it is raised and where it is caught.
 * So handlers run Lua protected, and leave the error object on top of the calling coroutine's stack,
 * where the call that led there finds it.
 *
 * Whatever allocates in Lua may raise one, for want of memory. So what C lists has been kept before, a key whose value may not
 * fail to be set is there already, and nothing is made on a coroutine that doesn't run, where nobody would catch it.
 *
 * A call's function has that coroutine as its host: whoever calls C on behalf of Lua sets it, in a gate_function that
 * is that call's alone. gate_task_host is the coroutine that a thread of C's own was given, for what it calls by
 * itself.
 *
 * Lua calls finalizers in an order that no script controls, and a finalizer may use what has been finalized
 * before it. So nothing that C needs is freed by one: it is kept until the state closes, and freed by a function that
 * was given to host_at_stop.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_EXAMPLES_LUA_HOST_HOST_H
#define CALLGATE_EXAMPLES_LUA_HOST_HOST_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "callgate.h"
#include "examples/lua/host/compat.h"

/* What is done when the state has closed: nothing of it runs then, and no thread of C's calls back any more. */
typedef void host_stop_function(lua_State *L);

enum { HOST_STOP_FUNCTIONS = 8 };

/* One per Lua state; the runtime's host pointer. */
struct host {
    gate_runtime *runtime; /* NULL once the state closes */
    lua_State *service;    /* a coroutine for work on behalf of no Lua code: threads that come and go */
    gate_task *main;       /* the task that started it */
    pid_t process;         /* that made the newest task */
    unsigned others;       /* how many tasks there are beside main's */
    unsigned made;         /* of these, by scripts: the rest are threads' own */
    unsigned cancelled;    /* and how many have been cancelled, and have yet to find it */
    unsigned stuck;        /* of all tasks: how many wait for what only another can do */
    unsigned callbacks;    /* that C may call at any time, until they are freed; and calls of them that run */
    struct guard *guard;   /* the newest: host_guard */
    bool closing;          /* tasks that are left are made to end */
    bool has_told;         /* which these were */
    uint32_t random;       /* the state of a generator: which of several ready channels comes first */
    int *
        error_number; /* where a module keeps what errno is to Lua code: each task finds its own there when it goes on */
    int no_error_number; /* where it points until one does */
    host_stop_function *at_stop[HOST_STOP_FUNCTIONS];
};

/* The host's user values: the service coroutine, two tables, and the newest guard. KEPT_TASKS has the tasks that live, by their
 * gate_task; KEPT_KNOWN those and the ones that wait for what may never come, and keeps none. */
enum kept { KEPT_SERVICE = 1, KEPT_TASKS, KEPT_KNOWN, KEPT_GUARD, KEPT_LAST = KEPT_GUARD };

/* Starts a runtime for L's state, unless it has one: each module of ours does that first. Raises an error when it can't. */
struct host *host_start(lua_State *L);
/* Returns the host; raises an error when the state closes. */
struct host *host_check(lua_State *L);
/* The same, and NULL when the state closes, or has no host yet. */
struct host *host_find(lua_State *L);
/* Pushes one of the host's user values. */
void host_push(lua_State *L, enum kept kept);
/* Has function called when the state has closed, the last one first; once, however often it is given. */
void host_at_stop(lua_State *L, host_stop_function *function);
/* Has tasks that are left when the state closes end before what has been given a finalizer until now is finalized: they may use
 * it. To be called when a task is made, and when a finalizer is while there are tasks. */
void host_guard(lua_State *L, struct host *host);
/* What a runtime's handler does: calls function protected, with data, a light userdata, on the coroutine that made the call
 * it arrived below. Returns Lua's status; an error stays on top of that coroutine's stack. [a slot] */
int host_call_back(lua_CFunction function, void *data);
/* Has the call of function that follows be made on behalf of L. Raises an error where none can be made. */
static inline void host_call_for(lua_State *L, struct host *host, gate_function *function);
/* The rest of that, the first time on a thread: it is a task's that runs there. */
void host_arrive(lua_State *L, struct host *host, const gate_function *function);
/* Adds the functions to a metatable of that name, and gives it its methods, which may be NULL. */
void host_open_metatable(lua_State *L, const char *name, const luaL_Reg *meta, const luaL_Reg *methods);

/* The host whose tasks the thread is known to run; NULL on others, and when the state closes. */
extern _Thread_local struct host *host_here __attribute__((tls_model("initial-exec")));

static inline void host_call_for(lua_State *L, struct host *host, gate_function *function) {
    if (__builtin_expect(host_here != host, 0))
        host_arrive(L, host, function);
    if (__builtin_expect(function->host != L, 0))
        function->host = L;
}

#endif
