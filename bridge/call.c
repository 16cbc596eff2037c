/* A foreign call, from the interpreter to C and back. Read this first.
 *
 * Interpreter code runs in a task. A stackful task has a small stack of its own; a root task has
 * its thread's. C expects a large stack, may block for as long as it likes, and may call back. So:
 *
 *   gate_call, on the task's stack, with a slot. It lists the call in the task, so that a callback
 *   can find it, and hands it to
 *   gate__foreign_call_from (runtime/internal.h; foreign.c says why it may), still there, which marks the
 *   thread as IN_CALL: two stores. From here on the slot may be taken away, but nobody does so unless the
 *   call lasts.
 *   gate__switch_call (runtime/switch.c) tells a sanitizer, if there is one, that the stack changes.
 *   gate__arch_cross (runtime/arch/<name>/switch.S) keeps the task's stack pointer in the task and
 *   goes on where the thread's system stack was left: below the scheduler's frames, or, in a call that
 *   a callback makes, below those of the C code that called back. A root task is on its system stack
 *   already: no switch, only a call.
 *   gate__call_run, below, on the system stack, clears errno and has libffi (bridge/ffi.c) load the registers and
 *   call the function. It reads errno there too: on the way back the task may change threads.
 *
 * Back the same way: cross returns to the task's stack, gate__foreign_leave stores RUNNING and looks whether
 * the monitor (runtime/monitor.c) has claimed the slot. If not, the call is over: no lock, no atomic
 * read-modify-write. If so, the task waits: it is queued like any ready task, and the thread it was on
 * becomes a worker without a slot. A pinned task and a root task keep their thread, which waits.
 *
 * Meanwhile the slot that was taken runs other tasks on other threads (runtime/sched.c). A function of class blocking
 * gives its slot up before the call, and takes the second way back; one of class leaf keeps it, and is no call to the
 * hand-off at all. One of class guarded comes back from a fault, too: to gate__guard_call (runtime/guard.c), which stands
 * between the crossing and gate__call_run.
 *
 * A callback walks this in reverse. C calls a thunk (bridge/thunk.c), which has libffi gather the arguments
 * (bridge/ffi.c) and leads to
 *   arrive (bridge/callback.c), on the system stack: pins the task to this thread, whose stack has C's
 *   frames, and leaves the call as above, which may mean to wait for a slot.
 *   gate__switch_call_back and gate__arch_cross_back go to the task's stack, below gate_call's frames.
 *   The host's handler runs there, with a slot, as interpreter code. It may make calls, which start
 *   below C's frames, and these may call back: the two stacks wind and unwind in lock step.
 *   Then cross_back returns to the system stack, the thread is IN_CALL again, and C goes on.
 *
 * On a thread that C made itself, arrive adopts the thread: it gets an M and a root task, takes a
 * slot for the length of the handler, and the handler runs on the thread's own stack. So it does on a thread
 * that is in a call of another runtime: its M there is the current one until the handler is done
 * (gate__m_go_to, runtime/m.c).
 *
 * A handler that fails must not jump over C's frames. Its status is kept in the call that it arrived
 * below; C gets a zero; further callbacks below that call do nothing; and when C has returned,
 * gate_call returns the status.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

/* errno of the last call on a thread that has no task. Reached by calls that are never inlined: a
 * thread-local's address must not be kept in code that may change threads. */
static _Thread_local int thread_errno __attribute__((tls_model("initial-exec")));

static __attribute__((noinline)) void set_thread_errno(int number) {
    thread_errno = number;
}

static __attribute__((noinline)) int get_thread_errno(void) {
    return thread_errno;
}

void gate__call_run(void *data) {
    struct gate__call *call = data;
    errno = 0;
    gate__ffi_call(call->function->signature, call->function->address, call->result, call->arguments);
    call->error_number = errno;
}

static void list_call(gate_task *task, struct gate__call *call, const char *name) {
    task->call = call;
    atomic_store_explicit(&task->where, name, memory_order_relaxed);
}

/* A call of class guarded, with the function that is to run it there. */
struct guarded {
    gate_trap *trap;
    void (*fn)(void *);
    struct gate__call *call;
};

static void run_guarded(void *data) {
    const struct guarded *g = data;
    if (gate__guard_call(g->trap, g->fn, g->call) == 0)
        return;
    g->call->error_number = EFAULT;
    g->call->status = -EFAULT;
    atomic_store_explicit(&gate__m()->task->in_leaf, false, memory_order_relaxed); /* C may have been in one */
}

static void cross_guarded(gate_m *m, void (*fn)(void *), struct gate__call *call) {
    struct guarded guarded = {NULL, fn, call};
    call->status = gate__guard_prepare(m->task, &guarded.trap);
    if (call->status == 0)
        gate__foreign_call_from(m, run_guarded, &guarded);
}

/* Runs the call on the system stack; its class says what becomes of the slot meanwhile. */
static void cross(gate_m *m, struct gate__call *call) {
    void (*fn)(void *) = __builtin_expect(gate__trace_is_on(), 0) ? gate__trace_run : gate__call_run;
    switch (call->function->call_class) {
    case GATE_CALL_LEAF:
        atomic_store_explicit(&m->task->in_leaf, true, memory_order_relaxed);
        gate__switch_call(m, fn, call);
        atomic_store_explicit(&m->task->in_leaf, false, memory_order_relaxed);
        break;
    case GATE_CALL_BLOCKING:
        gate__foreign_call_blocking(m, fn, call);
        break;
    case GATE_CALL_GUARDED:
        cross_guarded(m, fn, call);
        break;
    default:
        gate__foreign_call_from(m, fn, call);
        break;
    }
}

int gate_call(const gate_function *function, void *result, void *const arguments[]) {
    struct gate__call call = {.function = function, .result = result, .arguments = arguments};
    gate_m *m = gate__m();
    gate_task *task = m ? m->task : NULL;
    if (!task) {
        if (function->call_class == GATE_CALL_GUARDED)
            return -ENOTSUP;
        gate__call_run(&call);
        set_thread_errno(call.error_number);
        return 0;
    }
    call.outer = task->call;
    const char *outer_name = atomic_load_explicit(&task->where, memory_order_relaxed);
    list_call(task, &call, function->name ? function->name : "a function");
    cross(m, &call);
    list_call(task, call.outer, outer_name);
    task->call_errno = call.error_number;
    return call.status;
}

int gate_errno(void) {
    gate_task *task = gate_task_current();
    return task ? task->call_errno : get_thread_errno();
}
