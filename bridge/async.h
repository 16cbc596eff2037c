/* Calls that their caller does not wait for: each is made by a task of its own, and a future tells of its end.
 *
 * A future is waited for by tasks, which park, and by threads, which block; or an event loop watches its descriptor.
 * Functions return 0 or a negative errno unless they say otherwise. All since 0.1.
 *
 * In the child of a fork, calls that other threads were making are gone: their futures have ended with -ESRCH, and
 * their descriptors, which are the parent's too, hear nothing of it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_ASYNC_H
#define CALLGATE_BRIDGE_ASYNC_H

#include "bridge.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

typedef struct gate_future gate_future;

struct gate_async_options {
    gate_runtime *runtime; /* whose task makes the call; NULL: the caller's, else the one that was started first */
    size_t stack_size;     /* bytes for that task, on which callbacks' handlers run; 0: the runtime's task_stack_size */
    void *host;            /* its gate_task_host */
    int event;             /* an eventfd of the host's, to which 1 is added when the call has ended, until the future is
                              freed; it may serve many calls. 0: none */
};

/* Starts a call of function, and returns.
 *
 * A task is spawned that makes it with gate_call, as one of class blocking, or guarded if function is. It begins when a
 * slot is free for a moment: while the caller holds the only one, that is when it yields, parks, or makes a call that
 * gives the slot up. An interpreter that has no other tasks waits for its events in such a call.
 *
 * options may be NULL. arguments are as for gate_call; the values are copied, function too, and the result is kept in
 * the future. What they point to (the signature, the name, memory that the function uses) is the host's, and must live
 * until the call has ended. A library that gate_library_open has opened stays open until then.
 * Ownership: *future is the caller's until gate_future_free.
 * Errors: -EINVAL without a runtime, or for a stack_size below 16 KiB; -EPERM for what check.h refuses; -ENOMEM. Then
 * nothing is called.
 * Never blocks. Threads: any, as long as the runtime is not being stopped. */
int gate_call_async(const gate_function *function, void *const arguments[], const struct gate_async_options *options,
                    gate_future **future, gate_error *error);

/* One of several calls. */
struct gate_async_call {
    const gate_function *function;
    void *const *arguments;
};

/* Starts count calls, all or none: fills futures, one for each; on an error they are NULL. Otherwise as
 * gate_call_async. */
int gate_call_async_all(const struct gate_async_call *calls, size_t count, const struct gate_async_options *options,
                        gate_future *futures[], gate_error *error);

#define GATE_FOREVER UINT64_MAX

/* Waits until the call has ended, for so many nanoseconds at most: 0 only asks.
 *
 * Errors: -ETIMEDOUT; -EINTR by gate_future_wake. Blocks the calling task, not its slot; on a thread that runs no task, the
 * thread. Threads: any, several at once too. */
int gate_future_wait(gate_future *future, uint64_t nanoseconds);

/* The same for all of count calls, and for one of them, the index of which goes to *index. With count 0, all have
 * ended, and any is -EINVAL. Errors: besides, for any, -ENOMEM with many. */
int gate_future_wait_all(gate_future *const futures[], size_t count, uint64_t nanoseconds);
int gate_future_wait_any(gate_future *const futures[], size_t count, uint64_t nanoseconds, size_t *index);

/* Ends a task's wait for the future, whose call goes on: gate_future_wait or its like returns -EINTR there. It is for hosts
 * that cancel what their tasks wait for.
 *
 * Errors: -ESRCH when the task does not wait for it; in gate_future_wait_all it waits for one after another. Never blocks.
 * Any thread. */
int gate_future_wake(gate_future *future, gate_task *task);

/* What came of the call: stores its result in *result, and what errno was in *error_number, each unless it is NULL.
 *
 * Returns what gate_call did: 0, the status of a callback's handler, -EPERM by check.h, or -EFAULT, -ENOMEM in class
 * guarded; the result is stored with 0 only. -EINPROGRESS while it has not ended; -ECANCELED when it was cancelled before it began; -ESRCH
 * when a fork has left it behind. The same each time. Never blocks. Any thread. */
int gate_future_result(gate_future *future, void *result, int *error_number);

/* The fault for which gate_future_result returns -EFAULT; NULL if it doesn't.
 *
 * Ownership: the future's. Never blocks. Any thread. */
const gate_trap *gate_future_trap(gate_future *future);

/* A file descriptor that polls as readable from the end of the call on, as long as nobody reads it: for an event loop.
 * It is made at the first request, or is options.event, if that was given.
 *
 * Ownership: the future's, which closes it, unless the host gave it. Errors: -EMFILE, -ENFILE, -ENOMEM. Never blocks.
 * Any thread. */
int gate_future_fd(gate_future *future);

/* Cancels the call: one that has not begun is not made, and one in progress is interrupted, as by gate_task_interrupt:
 * the system call in which it waits ends with EINTR. How it goes on is up to the function; the future ends when that
 * returns.
 *
 * Errors: -EALREADY when it has ended; -EAGAIN when an interrupt doesn't reach it now: a handler of a callback runs
 * below it, or its thread was stopped on the way into C or out. Never blocks for long. Any thread, but no signal handler. */
int gate_future_cancel(gate_future *future);

/* Frees a future. A call in progress goes on, and is made if it has not begun; nobody hears of its end. NULL is fine.
 * Fatal while it is waited for. Never blocks. Any thread. */
void gate_future_free(gate_future *future);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
