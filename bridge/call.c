/* A foreign call, from the interpreter to C and back. Read this first.
 *
 * Interpreter code runs in a task. A stackful task has a small stack of its own; a root task has
 * its thread's. C expects a large stack, may block for as long as it likes, and may call back. So:
 *
 *   gate_call, on the task's stack, with a slot. It lists the call in the task, so that a callback can find it. If
 *   the function's signature has a plan (bridge/plan.c: what goes into which register), which most have, it loads
 *   the arguments as the plan says, and takes
 *   gate__arch_cross_pair or one of its kin (runtime/arch/<name>/switch.S), which does all the rest in one routine: it
 *   marks the thread as IN_CALL, by two stores (runtime/foreign.c says why that is enough: from here on the slot may be
 *   taken away, but nobody does so unless the call lasts). It keeps the task's stack pointer in the task and goes on
 *   where the thread's system stack was left: below the scheduler's frames, or, in a call that a callback makes, below
 *   those of the C code that called back. There it clears errno, fills the registers, and calls the function. It
 *   reads errno there too: on the way back the task may change threads.
 *
 * Back in the same routine: to the task's stack; it stores RUNNING and looks whether the monitor (runtime/monitor.c)
 * has claimed the slot. If not, the call is over: no lock, no atomic read-modify-write. If so, the task waits
 * (gate__foreign_leave_slow): it is queued like any ready task, and the thread it was on becomes a worker without a
 * slot. A pinned task and a root task keep their thread, which waits. Then gate_call stores the result.
 *
 * Calls that need more than this take the same steps one after another:
 *
 *   gate__foreign_call_from (runtime/internal.h) enters the call and leaves it.
 *   gate__switch_call (runtime/switch.c) tells a sanitizer, if there is one, that the stack changes. From a root task,
 *   which is on its system stack already, there is no switch, only a call.
 *   gate__arch_cross, beside the others in switch.S, goes to the system stack for any function that takes one pointer.
 *   gate__call_run, below, is that function: by the plan, or, where there is none, by libffi (bridge/ffi.c).
 *
 * Meanwhile the slot that was taken runs other tasks on other threads (runtime/sched.c). A function of class blocking
 * gives its slot up before the call, and takes the second way back; one of class leaf keeps it, and is no call to the
 * hand-off at all: gate__arch_keep_pair is the same routine without that. One of class guarded comes back from a fault,
 * too: to gate__guard_call (runtime/guard.c), which stands between the crossing and gate__call_run.
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

static inline void run(struct gate__call *call) {
    const gate_function *function = call->function;
    const struct gate__plan *plan = function->signature->plan;
    if (plan) {
        uint64_t cells[GATE__CELLS];
        struct gate__frame frame = gate__plan_fill(plan, function, call->arguments, cells);
        struct gate__returned returned = gate__foreign_run_registers(&frame);
        gate__plan_store(plan, returned.word, call->result);
        call->error_number = returned.error_number;
    } else {
        errno = 0;
        gate__ffi_call(function->signature, function->address, call->result, call->arguments);
        call->error_number = errno;
    }
}

void gate__call_run(void *data) {
    run(data);
}

/* Without a task there is nothing to leave, and nobody to tell. */
static __attribute__((noinline)) int call_in_place(const gate_function *function, void *result,
                                                   void *const arguments[]) {
    struct gate__call call = {.function = function, .result = result, .arguments = arguments};
    if (function->call_class == GATE_CALL_GUARDED)
        return -ENOTSUP;
    run(&call);
    set_thread_errno(call.error_number);
    return 0;
}

static inline void list_call(gate_task *task, struct gate__call *call, const char *name) {
    atomic_store_explicit(&task->call, call, memory_order_relaxed);
    atomic_store_explicit(&task->where, name, memory_order_relaxed);
}

/* A leaf's thread is RUNNING all the while: the task itself has to say that it is in a call. */
static inline void note_leaf(gate_task *task, const gate_function *function, bool begins) {
    if (function->call_class == GATE_CALL_LEAF)
        atomic_store_explicit(&task->in_leaf, begins, memory_order_relaxed);
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
    call->error_number = 0;
    call->status = gate__guard_prepare(m->task, &guarded.trap);
    if (call->status == 0)
        gate__foreign_call_from(m, run_guarded, &guarded);
}

/* Runs the call on the system stack; its class says what becomes of the slot meanwhile. */
static __attribute__((noinline)) int cross(gate_m *m, struct gate__call *call) {
    void (*fn)(void *) = gate__trace_is_on() ? gate__trace_run : gate__call_run;
    switch (call->function->call_class) {
    case GATE_CALL_LEAF:
        gate__switch_call(m, fn, call);
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
    return call->error_number;
}

/* For a function that takes more than a pair. It has a frame of its own, as its cells need room. */
static __attribute__((noinline)) struct gate__returned cross_with_cells(gate_m *m, const gate_function *function,
                                                                        void *const arguments[]) {
    uint64_t cells[GATE__CELLS];
    struct gate__frame frame = gate__plan_fill(function->signature->plan, function, arguments, cells);
    return gate__foreign_call_registers(m, frame);
}

/* The call goes in registers, and all of it in one crossing. */
static inline int cross_in_registers(gate_m *m, const gate_function *function, void *result, void *const arguments[]) {
    const struct gate__plan *plan = function->signature->plan;
    struct gate__returned returned;
    if (__builtin_expect(plan->shape == GATE__SHAPE_PAIR, 1)) {
        uint64_t a = 0, b = 0;
        if (__builtin_expect(plan->count > 0, 1))
            a = gate__plan_load(plan->steps[0], arguments[0]);
        if (__builtin_expect(plan->count > 1, 1))
            b = gate__plan_load(plan->steps[1], arguments[1]);
        returned = gate__foreign_call_pair(m, function->address, a, b, function->call_class == GATE_CALL_LEAF);
    } else {
        returned = cross_with_cells(m, function, arguments);
    }
    gate__plan_store(plan, returned.word, result);
    return returned.error_number;
}

/* Whether there is more to do than that. */
static inline bool is_special(const gate_function *function) {
    return __builtin_expect(!function->signature->plan, 0) ||
           __builtin_expect(function->call_class > GATE_CALL_LEAF, 0) || __builtin_expect(gate__trace_is_on(), 0);
}

int gate_call(const gate_function *function, void *result, void *const arguments[]) {
    gate_m *m = gate__m();
    gate_task *task = m ? m->task : NULL;
    if (__builtin_expect(!task, 0))
        return call_in_place(function, result, arguments);
    struct gate__call call;
    call.function = function;
    call.outer = atomic_load_explicit(&task->call, memory_order_relaxed);
    call.status = 0;
    const char *outer_name = atomic_load_explicit(&task->where, memory_order_relaxed);
    list_call(task, &call, function->name ? function->name : "a function");
    note_leaf(task, function, true);
    if (is_special(function)) {
        call.result = result;
        call.arguments = arguments;
        task->call_errno = cross(m, &call);
    } else {
        task->call_errno = cross_in_registers(m, function, result, arguments);
    }
    note_leaf(task, function, false);
    list_call(task, call.outer, outer_name);
    return call.status;
}

int gate_errno(void) {
    gate_task *task = gate_task_current();
    return task ? task->call_errno : get_thread_errno();
}
