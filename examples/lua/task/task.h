/* What tasks, channels and the host know of each other.
 *
 * A struct task is what Lua holds of a task: a userdata, with a metatable of that name. Whoever runs Lua code in the state
 * has one: tasks that a script made, the main program, and threads of C's own, which the host adopts.
 *
 * What a task waits for in Lua (a channel, another task's end, a time) it waits for by task_wait, and for an asynchronous call by
 * task_wait_for_call, so that it can be made to end. Nothing here has a lock: it is all done with the slot.
 *
 *   NEW --go--> ANCHORED (in KEPT_TASKS) --waits on channels, for no set time--> HELD BY ITS CHANNELS --woken--> ANCHORED
 *   HELD BY ITS CHANNELS --no one else has them: collected--> ANCHORED, and made to end
 *   ANCHORED --its function has ended--> OVER, whoever has it keeps its result
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_EXAMPLES_LUA_TASK_TASK_H
#define CALLGATE_EXAMPLES_LUA_TASK_TASK_H

#include "examples/lua/host/host.h"

#define TASK "callgate.task"
#define CHANNEL "callgate.channel"

#define NEVER UINT64_MAX

struct channel;

/* One place in a channel's queue: a task that would send, or receive. */
struct waiter {
    struct task *task;
    struct channel *channel;
    struct waiter *previous, *next;
    int value; /* what it sends: an index of its coroutine; 0 if it receives */
};

/* What a task waits for: one of these waiters, which are in their queues until it is chosen; or that another task ends. */
struct wait {
    lua_State *L; /* the coroutine that waits: what it receives is pushed there */
    struct waiter *waiters;
    int count;
    int chosen; /* or NONE */
    bool ok;    /* a value has passed; else the channel was closed */
    const struct task *joined;
    const char *why; /* in words */
};
enum { NONE = -1 };

/* The user values of a task. */
enum { TASK_COROUTINE = 1, TASK_RESULTS, TASK_TRACEBACK, TASK_REASON, TASK_VALUES = TASK_REASON };

struct task {
    struct host *host;
    gate_task *handle; /* NULL once it is over */
    lua_State *coroutine;
    uint64_t number;
    char name[32];
    bool is_root;      /* no function of go's: it can't be joined */
    bool failed;       /* TASK_RESULTS is its error, and not a table of what its function returned */
    bool seen;         /* somebody has joined it, or has cancelled it: its failure is no news */
    bool is_cancelled; /* it has yet to find the error TASK_REASON */
    bool is_ending;    /* whatever it waits for, it finds an error: nobody can wake it, or the state closes */
    bool is_stuck;     /* it waits for what only another task can do, and none has yet */
    struct task *joiners, *next_joiner; /* who waits for its end */
    gate_future *call;                  /* whose end it waits for */
    struct wait wait;
    struct waiter one; /* for a wait on one channel */
};

/* How a wait ended. */
enum outcome { WAIT_DONE, WAIT_TIMED_OUT, WAIT_CANCELLED, WAIT_DEADLOCK };

/* task.c */

void task_open(lua_State *L);
/* Makes tasks of threads' own: the main program's; and one of C's, whose coroutine for callbacks it returns. */
void task_adopt_main(lua_State *L, gate_task *root);
lua_State *task_adopt(lua_State *L, gate_task *root);
void task_drop(lua_State *L, gate_task *root);
/* Has every task that a script made end. */
void task_end_all(lua_State *L);
/* Pushes the running task. */
struct task *task_self(lua_State *L);
/* Parks self until something is chosen of what it waits for, until then, until it is cancelled, or, if it is the main
 * program's, until nothing can wake it any more. */
enum outcome task_wait(struct task *self, const char *why, uint64_t then);
/* The same for the end of a call that nobody made for self. */
enum outcome task_wait_for_call(struct task *self, gate_future *call, uint64_t then);
/* Raises the error that self was cancelled with, if it was. */
void task_check_cancel(lua_State *L, struct task *self);
/* The same for the running task, at less cost while no task is cancelled. */
static inline void task_poll_cancel(lua_State *L, const struct host *host) {
    if (host->cancelled) {
        task_check_cancel(L, task_self(L));
        lua_pop(L, 1);
    }
}
/* Raises what self has found, if its wait ended in an error. */
void task_check_outcome(lua_State *L, struct task *self, enum outcome outcome);
/* Notes whether task is stuck. Whoever does what it waits for, or cancels that, notes that it is not, before it runs. */
static inline void task_set_stuck(struct task *task, bool is_stuck) {
    task->host->stuck += is_stuck - task->is_stuck;
    task->is_stuck = is_stuck;
}
/* Refuses the value on top of an option, unless it is right or nil. */
void task_check_option(lua_State *L, const char *name, bool is_right, const char *wanted);
/* The time that is so many seconds away, as the argument at index says; NEVER if it is nil or none. */
uint64_t task_deadline(lua_State *L, int index);
/* Pushes a list of the runtime's tasks that are in this process, as it was a moment ago. */
struct gate_task_info *task_push_infos(lua_State *L, size_t *count);
/* Pushes a table by number of all tasks, also of those that a fork has left behind. */
void task_push_numbers(lua_State *L);
/* The collector may take self if nobody else has it; it may not any more. The second pops self. Neither takes memory. */
void task_let_go(lua_State *L, struct task *self);
void task_anchor(lua_State *L, struct task *self);

/* deadlock.c */

/* Has the main program look for a deadlock, if there may be one: a task has ended. */
void deadlock_suspect(const struct host *host);
/* Whether nothing can wake self, the main program's task, which is about to park. Another one's suspects it. */
bool deadlock_find(const struct task *self);
/* Raises the error that tells who waits for what. */
void deadlock_raise(lua_State *L);

/* channel.c */

/* Adds its functions to the module on top. */
void channel_open(lua_State *L);

#endif
