/* Callbacks: from C into the host's handler. call.c tells the whole way.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

struct gate_callback {
    struct gate__ffi_closure *closure;
    struct gate_callback_config config; /* its refusal lies behind this */
    gate_runtime *runtime;              /* retained: it is asked even after its stop */
    _Atomic unsigned running;           /* handlers of this callback that have not returned */
    char refusal[] __attribute__((aligned(16)));
};

/* One arrival of C, so that the handler can be called on another stack with a single argument; on C's stack. */
struct arrival {
    gate_callback *callback;
    void *result;
    void *const *arguments;
    int error_number; /* what C is to find in errno */
    void *outer;      /* the task's arrival before */
};

/* Nobody called: the error goes to the host, or is shown. [task, slot] */
static void report_failure(gate_m *m, int status) {
    gate_runtime *runtime = m->runtime;
    if (runtime->config.hooks.callback_failed)
        runtime->config.hooks.callback_failed(runtime->config.host, m->task, status);
    else
        fprintf(stderr, "callgate: a callback handler failed with status %d that no gate_call led to\n", status);
}

/* Runs the handler, unless one has failed below the same call. [task, slot] */
static void handle(void *data) {
    struct arrival *a = data;
    gate_callback *callback = a->callback;
    gate_m *m = gate__m();
    struct gate__call *call = m->task->call;
    if (call && call->status)
        return;
    gate_task *task = m->task;
    a->outer = task->arrival;
    task->arrival = a;
    int status = callback->config.handler(callback->config.host, a->result, a->arguments);
    task->arrival = a->outer;
    if (status == 0)
        return;
    memset(a->result, 0, callback->config.signature->result->size);
    if (call)
        call->status = status;
    else
        report_failure(gate__m(), status);
}

/* The running task is in a call: it leaves it for the length of the handler. [system stack] */
static void handle_below_call(gate_m *m, struct arrival *a) {
    gate__m_pin(m);
    gate__foreign_leave(m);
    gate__switch_call_back(m, handle, a);
    gate__foreign_enter(m);
    gate__m_unpin(m);
}

/* A thread of C's own, or of another runtime: it holds a slot for the length of the handler. */
static void handle_from_outside(gate_m *m, struct arrival *a) {
    const struct gate_callback_config *config = &a->callback->config;
    uint64_t deadline = config->busy == GATE_BUSY_REFUSES ? gate__timer_after(config->patience) : GATE__TIMER_NEVER;
    int failed = gate__foreign_come_in(m, deadline);
    if (failed == -ECANCELED)
        gate__fatal("gate_callback", "'%s' was called after its runtime was stopped", config->name);
    if (failed) {
        memcpy(a->result, a->callback->refusal, config->signature->result->size);
        return;
    }
    handle(a);
    gate__foreign_go_out(m);
}

/* C called, on whatever thread: the callback's runtime has it for the length of the handler. [C's stack] */
static void handle_for_c(void *data) {
    struct arrival *a = data;
    gate_m *outer = gate__m_go_to(a->callback->runtime), *m = gate__m();
    struct gate__guard *guard = gate__guard_suspend(m);
    if (atomic_load_explicit(&m->status, memory_order_relaxed) == GATE__M_OUTSIDE)
        handle_from_outside(m, a);
    else
        handle_below_call(m, a);
    gate__guard_resume(m, guard);
    gate__m_go_back(outer);
}

/* C below a call of class leaf has the slot, and the stack is none for a handler. */
static void refuse_leaf(gate_m *m) {
    const struct gate__call *call = m->task->call;
    if (call && call->function->call_class == GATE_CALL_LEAF)
        gate__fatal("gate_call", "'%s', of class leaf, called back",
                    call->function->name ? call->function->name : "a function");
}

/* Interpreter code called the thunk itself. In another runtime than the callback's it is a foreign call, as those of C
 * are. [task, slot] */
static void handle_for_task(gate_m *m, struct arrival *a) {
    gate_task *task = m->task;
    refuse_leaf(m);
    if (m->runtime == a->callback->runtime) {
        handle(a);
        return;
    }
    const char *outer_name = atomic_load_explicit(&task->where, memory_order_relaxed);
    atomic_store_explicit(&task->where, "another runtime's callback", memory_order_relaxed);
    gate__foreign_call_from(m, handle_for_c, a);
    atomic_store_explicit(&task->where, outer_name, memory_order_relaxed);
}

/* Never inlined: in a task that called the thunk itself, the thread may be another one after the handler. */
static __attribute__((noinline)) int get_errno(void) {
    return errno;
}

static __attribute__((noinline)) void set_errno(int number) {
    errno = number;
}

/* Where every thunk leads. Who calls it must not see what errno becomes in between. [C's stack, or task, slot] */
static void arrive(void *data, void *result, void *const arguments[]) {
    gate_callback *callback = data;
    struct arrival a = {callback, result, arguments, get_errno(), NULL};
    gate_m *m = gate__m();
    atomic_fetch_add(&callback->running, 1);
    if (m && atomic_load_explicit(&m->status, memory_order_relaxed) == GATE__M_RUNNING)
        handle_for_task(m, &a);
    else
        handle_for_c(&a);
    atomic_fetch_sub(&callback->running, 1);
    set_errno(a.error_number);
}

void gate_callback_set_errno(int error_number) {
    struct arrival *a = gate__task_running("gate_callback_set_errno")->task->arrival;
    if (!a)
        gate__fatal("gate_callback_set_errno", "called outside a handler");
    a->error_number = error_number;
}

/* A copy of config, which has been checked. */
static gate_callback *copy(const struct gate_callback_config *config) {
    size_t size = config->signature->result->size;
    gate_callback *callback = calloc(1, sizeof *callback + size);
    if (!callback)
        return NULL;
    callback->config = *config;
    if (config->refusal)
        memcpy(callback->refusal, config->refusal, size);
    return callback;
}

int gate_callback_make(gate_runtime *runtime, const struct gate_callback_config *config, gate_callback **result,
                       gate_error *error) {
    if (!runtime || !config || !config->signature || !config->handler)
        return gate__fail(error, -EINVAL, "a callback needs a runtime, a signature and a handler");
    gate_callback *callback = copy(config);
    if (!callback)
        return gate__fail(error, -ENOMEM, "no memory for a callback");
    callback->runtime = runtime;
    int failed = gate__ffi_closure_make(config->signature, config->name, arrive, callback, &callback->closure, error);
    if (failed) {
        free(callback);
        return failed;
    }
    callback->config.name = gate__ffi_closure_name(callback->closure);
    gate__init_retain(runtime);
    *result = callback;
    return 0;
}

void (*gate_callback_address(const gate_callback *callback))(void) {
    return gate__ffi_closure_address(callback->closure);
}

int gate_callback_free(gate_callback *callback) {
    if (!callback)
        return 0;
    if (atomic_load(&callback->running))
        return -EBUSY;
    gate__ffi_closure_free(callback->closure);
    gate__init_release(callback->runtime);
    free(callback);
    return 0;
}
