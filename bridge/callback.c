/* Callbacks: from C into the host's handler. call.c tells the whole way.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/internal.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"

struct gate_callback {
    void (*enter)(void);         /* first: what a thunk's record begins with; the next ones are read by callback.S */
    gate_runtime *runtime;       /* retained: it is asked even after its stop */
    struct gate__intake *intake; /* NULL where libffi gathers the arguments */
    struct gate_callback_config config; /* its refusal lies behind this */
    struct gate__ffi_closure *closure;  /* NULL where libffi does not */
    void (*address)(void);
    char refusal[] __attribute__((aligned(16))); /* 8 bytes at least: callback.S reads as many */
};

_Static_assert(offsetof(gate_callback, runtime) == GATE__CALLBACK_RUNTIME, "thunk.h");
_Static_assert(offsetof(gate_callback, intake) == GATE__CALLBACK_INTAKE, "thunk.h");
_Static_assert(offsetof(gate_callback, config.handler) == GATE__CALLBACK_HANDLER, "thunk.h");
_Static_assert(offsetof(gate_callback, config.host) == GATE__CALLBACK_HOST, "thunk.h");
_Static_assert(offsetof(gate_callback, config.direct) == GATE__CALLBACK_DIRECT, "thunk.h");
_Static_assert(offsetof(gate_callback, refusal) == GATE__CALLBACK_REFUSAL, "thunk.h");

/* What the handler is called with, as one argument: it may be on another stack. */
struct handling {
    struct gate__arrival *arrival;
    void *result;
    void *const *arguments;
};

/* Nobody called: the error goes to the host, or is shown. [task, slot] */
static void report_failure(gate_m *m, int status) {
    gate_runtime *runtime = m->runtime;
    if (runtime->config.hooks.callback_failed)
        runtime->config.hooks.callback_failed(runtime->config.host, m->task, status);
    else
        fprintf(stderr, "callgate: the handler of '%s' failed with status %d that no gate_call led to\n",
                ((struct gate__arrival *)m->task->arrival)->callback->config.name, status);
}

/* The call that C came from gets the status. [task, slot] */
static void fail(int status) {
    gate_m *m = gate__m();
    struct gate__call *call = gate__arrival_call(m->task->arrival);
    atomic_store_explicit(&m->task->short_way, 0, memory_order_relaxed);
    if (call)
        call->status = status;
    else
        report_failure(m, status);
}

/* [task, slot] */
static void require_own_status(const struct gate__arrival *arrival, int status) {
    if (status < 0)
        gate__fatal("gate_handler", "the handler of '%s' returned %d: a status of the host's own is positive",
                    arrival->callback->config.name, status);
}

/* By the function's own type: a call like those of C, but on this stack. [task, slot] */
static void call_direct(const struct gate_callback_config *config, void *result, void *const arguments[]) {
    gate_function function = {.signature = config->signature, .address = config->direct};
    struct gate__value_call call = {.call = {.function = &function}, .result = result, .arguments = arguments};
    gate__call_run(&call);
}

/* What C gets where there is no handler's result. [any] */
static void give_refusal(const struct handling *h) {
    const gate_callback *callback = h->arrival->callback;
    memcpy(h->result, callback->refusal, callback->config.signature->result->size);
}

/* Runs the handler, unless one has failed below the same call. [task, slot] */
static void handle(void *data) {
    struct handling *h = data;
    const struct gate_callback_config *config = &h->arrival->callback->config;
    const struct gate__call *call = gate__arrival_call(h->arrival);
    if (call && call->status) {
        give_refusal(h);
        return;
    }
    int status = 0;
    if (config->direct)
        call_direct(config, h->result, h->arguments);
    else
        status = config->handler(config->host, h->result, h->arguments);
    require_own_status(h->arrival, status);
    if (status == 0)
        status = gate__check_result(config->signature, config->name, h->result);
    if (status == 0)
        return;
    give_refusal(h);
    fail(status);
}

void gate__callback_fail(int status) {
    require_own_status(gate__m()->task->arrival, status);
    fail(status);
}

/* The arrival is the task's innermost one between the two, and the task keeps its thread. What the task itself tells of the
 * call that it is in, and returns, it tells no more for as long. [C's stack, or task, slot] */
static void *note(const gate_m *m, struct gate__arrival *arrival) {
    gate_task *task = m->task;
    void *listed = atomic_load_explicit(&task->call, memory_order_relaxed);
    arrival->call = gate__m_call(m);
    arrival->outer = atomic_load_explicit(&task->arrival, memory_order_relaxed);
    atomic_store_explicit(&task->arrival, arrival, memory_order_release);
    atomic_store_explicit(&task->call, NULL, memory_order_relaxed);
    return listed;
}

static void unnote(gate_task *task, const struct gate__arrival *arrival, void *listed) {
    atomic_store_explicit(&task->call, listed, memory_order_relaxed);
    atomic_store_explicit(&task->arrival, arrival->outer, memory_order_release);
}

static const void *code_of(const struct gate_callback_config *config) {
    return config->direct ? (const void *)(uintptr_t)config->direct : (const void *)(uintptr_t)config->handler;
}

/* On the task's stack, where it has one of its own. [system stack, slot] */
static void handle_on_task(gate_m *m, struct handling *h) {
    const struct gate_callback_config *config = &h->arrival->callback->config;
    struct gate__traced_callback traced = {.is_on = gate__trace_is_on()};
    if (__builtin_expect(traced.is_on, 0))
        gate__trace_callback_begins(&traced, m, config->name, code_of(config));
    gate__switch_call_back(m, handle, h);
    if (__builtin_expect(traced.is_on, 0))
        gate__trace_callback_ends(&traced, m);
}

/* The running task is in a call: it leaves it for the length of the handler. [system stack] */
static void handle_below_call(gate_m *m, struct handling *h) {
    void *call = atomic_load_explicit(&m->call, memory_order_relaxed);
    gate__foreign_leave(m);
    handle_on_task(m, h);
    gate__foreign_enter(m, call);
}

/* Gets a thread outside a slot: false if the callback is refused. */
static bool come_in(gate_m *m, const struct handling *h, bool lingers) {
    const struct gate_callback_config *config = &h->arrival->callback->config;
    uint64_t deadline = config->busy == GATE_BUSY_REFUSES ? gate__timer_after(config->patience) : GATE__TIMER_NEVER;
    if (lingers && deadline == GATE__TIMER_NEVER) {
        gate__foreign_leave(m);
        return true;
    }
    if (lingers)
        gate__foreign_stop_lingering(m);
    int failed = gate__foreign_come_in(m, deadline);
    if (failed == -ECANCELED)
        gate__fatal("gate_callback", "'%s' was called after its runtime was stopped", config->name);
    if (failed)
        give_refusal(h);
    return !failed;
}

/* A thread of C's own, or of another runtime: it holds a slot for the length of the handler, at least. */
static void handle_from_outside(gate_m *m, struct handling *h, bool lingers) {
    bool is_alone = gate__m_of_thread() == m && !m->thread_next;
    if (!come_in(m, h, lingers))
        return;
    handle_on_task(m, h);
    gate__foreign_go_out(m, is_alone);
}

/* Most callbacks come to a task that is in a call of their runtime, and need nothing of what follows here but to leave the
 * call, to switch, and to come back. The code that they have then (arch/<name>/callback.S) does that by itself. task->short_way
 * says for whose callbacks it may: the runtime; for a root task, which has no stack to be switched to, one more than
 * that; or nobody, which whoever changes one of these facts makes it (gate__callback_fail, runtime/guard.c), until a
 * callback has come by the long way:
 *
 *   - nobody wants to hear of switches or calls, and membarrier orders them (gate__foreign_is_plain);
 *   - the task is in no guarded call;
 *   - it doesn't itself tell of the call that it is in (bridge/call.c);
 *   - no handler has failed below its call. */
static void open_short_way(const gate_m *m, gate_task *task, const struct gate__arrival *arrival) {
    const struct gate__call *call = gate__arrival_call(arrival);
    bool may = gate__foreign_is_plain() && !m->guard && !task->call && !(call && call->status);
    uintptr_t whose = may ? (uintptr_t)m->runtime + !task->stack.base : 0;
    atomic_store_explicit(&task->short_way, whose, memory_order_relaxed);
    gate__foreign_light_barrier();
    if (!gate__foreign_is_plain()) /* a watch may have begun before that, and closed it: gate__foreign_watch */
        atomic_store_explicit(&task->short_way, 0, memory_order_relaxed);
}

/* C called, on whatever thread: the callback's runtime has it for the length of the handler. [C's stack] */
static void handle_for_c(void *data) {
    struct handling *h = data;
    gate_m *outer = gate__m_go_to(h->arrival->callback->runtime), *m = gate__m();
    struct gate__guard *guard = gate__guard_suspend(m);
    gate_task *task = m->task;
    bool is_outside = gate__m_is_outside(m), lingers = gate__foreign_lingers(m);
    void *listed = note(m, h->arrival);
    open_short_way(m, task, h->arrival);
    if (is_outside)
        handle_from_outside(m, h, lingers);
    else
        handle_below_call(m, h);
    unnote(task, h->arrival, listed);
    gate__guard_resume(m, guard);
    open_short_way(m, task, h->arrival);
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
static void handle_for_task(gate_m *m, struct handling *h) {
    gate_callback *callback = h->arrival->callback;
    gate_task *task = m->task;
    refuse_leaf(m);
    if (m->runtime == callback->runtime) {
        void *listed = note(m, h->arrival);
        handle(h);
        unnote(task, h->arrival, listed);
        return;
    }
    const char *outer_name = atomic_load_explicit(&task->where, memory_order_relaxed);
    atomic_store_explicit(&task->where, "another runtime's callback", memory_order_relaxed);
    gate__foreign_call_from(m, handle_for_c, h, GATE__M_UNTOLD);
    atomic_store_explicit(&task->where, outer_name, memory_order_relaxed);
}

/* Never inlined: in a task that called the thunk itself, the thread may be another one after the handler. */
static __attribute__((noinline)) int get_errno(void) {
    return errno;
}

static __attribute__((noinline)) void set_errno(int number) {
    errno = number;
}

/* C sees nothing of what errno becomes in between. [C's stack, or task, slot] */
static void arrive(struct handling *h) {
    gate_m *m = gate__m();
    h->arrival->error_number = (uint64_t)get_errno();
    if (gate__m_runs(m))
        handle_for_task(m, h);
    else
        handle_for_c(h);
    set_errno((int)h->arrival->error_number);
}

/* wide is where vector registers are of which there are more than 16 bytes, or NULL. */
static inline __attribute__((always_inline)) enum gate__in arrive_with(gate_callback *callback, char *frame,
                                                                       struct gate__wide *wide) {
    struct gate__arrival *arrival = (struct gate__arrival *)(frame - GATE__INTAKE_NOTE);
    void *arguments[GATE__PARAMETERS_MAX];
    union gate__room own = {.x87 = {0, 0}};
    void *room = gate__intake_room(callback->intake, frame, wide ? (void *)wide->result : &own);
    struct handling handling = {arrival, room, arguments};
    struct gate__giving giving = callback->intake->giving; /* once the handler is done, the callback may be freed */
    arrival->callback = callback;
    arrival->system_sp = NULL;
    gate__intake_take(callback->intake, frame, arguments);
    if (wide)
        gate__intake_take_wide(callback->intake, wide, arguments);
    memset(handling.result, 0, callback->config.signature->result->size);
    arrive(&handling);
    return gate__intake_give(&giving, frame, handling.result);
}

enum gate__in gate__callback_arrive(gate_callback *callback, char *frame) {
    return arrive_with(callback, frame, NULL);
}

enum gate__in gate__callback_arrive_wide(gate_callback *callback, char *frame, struct gate__wide *wide) {
    return arrive_with(callback, frame, wide);
}

/* The same from libffi. */
static void arrive_by_ffi(void *callback, void *result, void *const arguments[]) {
    struct gate__arrival arrival = {.callback = callback};
    arrive(&(struct handling){&arrival, result, arguments});
}

/* What the running handler was called by. */
static struct gate__arrival *arrival_for(const char *function) {
    struct gate__arrival *arrival = gate__task_running(function)->task->arrival;
    if (!arrival)
        gate__fatal(function, "called outside a handler");
    return arrival;
}

void gate_callback_set_errno(int error_number) {
    arrival_for("gate_callback_set_errno")->error_number = (uint64_t)error_number;
}

void *gate_callback_host(void) {
    return arrival_for("gate_callback_host")->callback->config.host;
}

void gate_callback_fail(int status) {
    const struct gate_callback_config *config = &arrival_for("gate_callback_fail")->callback->config;
    if (!config->direct)
        gate__fatal("gate_callback_fail", "'%s' has no direct handler: it returns its status", config->name);
    if (status <= 0)
        gate__fatal("gate_callback_fail", "'%s' failed with %d: a status of the host's own is positive", config->name,
                    status);
    fail(status);
}

/* A copy of config, which has been checked. */
static gate_callback *copy(const struct gate_callback_config *config) {
    size_t size = config->signature->result->size;
    gate_callback *callback = calloc(1, sizeof *callback + (size > 8 ? size : 8));
    if (!callback)
        return NULL;
    callback->config = *config;
    if (config->refusal)
        memcpy(callback->refusal, config->refusal, size);
    return callback;
}

/* Whether argument i is in the word of that number alone: a pair's are not side by side in memory. */
static bool is_in_pair(const gate_callback *callback, unsigned i) {
    int32_t at = callback->intake->places[i] + GATE__INTAKE_CELLS;
    return at == (int32_t)(8 * i) && callback->config.signature->parameters[i]->size <= 8;
}

/* Of a direct handler, registers stay as they are, but for the one that tells of vectors: so there is one code for all whose
 * arguments and results are there. */
static void (*direct_entry_of(const gate_callback *callback))(void) {
    const gate_signature *signature = callback->config.signature;
    bool is_in_registers = signature->plan && gate__plan_is_in_registers(signature->plan);
    return is_in_registers && !gate__signature_tells_vectors(signature) ? gate__arch_arrive_direct : gate__arch_arrive;
}

/* Of another, by what its arguments and its result are in. */
static void (*handler_entry_of(const gate_callback *callback))(void) {
    const struct gate__intake *intake = callback->intake;
    const gate_type *type = callback->config.signature->result;
    bool is_vector = intake->giving.result.count && intake->giving.steps[0].cell >= GATE__WORDS,
         is_pair = intake->count <= 2;
    bool is_narrow = gate__type_is_integer(type) && gate__type_is_signed(type) && type->size < 4;
    for (unsigned i = 0; i < intake->count; i++)
        is_pair = is_pair && is_in_pair(callback, i);
    if (intake->move_count || intake->count > GATE__CALLBACK_MOST || intake->giving.result.in != GATE__IN_REGISTERS ||
        type->size > 8 || is_narrow)
        return gate__arch_arrive;
    if (is_vector)
        return type->size > 4 ? gate__arch_arrive_any_vector8 : gate__arch_arrive_any_vector4;
    if (is_pair)
        return type->size > 4 ? gate__arch_arrive_pair_word8 : gate__arch_arrive_pair_word4;
    return type->size > 4 ? gate__arch_arrive_any_word8 : gate__arch_arrive_any_word4;
}

/* The code that does for the signature, and most for it. */
static void (*entry_of(const gate_callback *callback))(void) {
    unsigned vector_most = callback->intake->vector_most;
    bool is_checked =
        gate__check_is_on() && gate__type_has_pointers(callback->config.signature->result); /* by handle */
    if (vector_most)
        return vector_most > 32 ? gate__arch_arrive_wide64 : gate__arch_arrive_wide32;
    if (is_checked || callback->config.busy == GATE_BUSY_REFUSES)
        return gate__arch_arrive;
    return callback->config.direct ? direct_entry_of(callback) : handler_entry_of(callback);
}

static int make_address(gate_callback *callback, gate_error *error) {
    const gate_signature *signature = callback->config.signature;
    const char *name = callback->config.name;
    int failed = gate__intake_make(signature, &callback->intake);
    if (!failed && !callback->intake)
        return gate__ffi_closure_make(signature, name, arrive_by_ffi, callback, &callback->closure, &callback->address,
                                      error);
    if (!failed) {
        callback->enter = entry_of(callback);
        failed = gate__thunk_make(callback, name, &callback->address);
    }
    return failed ? gate__fail(error, failed, "no memory for a callback's code") : 0;
}

static void discard(gate_callback *callback) {
    free(callback->intake);
    free(callback);
}

int gate_callback_make(gate_runtime *runtime, const struct gate_callback_config *config, gate_callback **result,
                       gate_error *error) {
    if (!runtime || !config || !config->signature || !config->handler == !config->direct)
        return gate__fail(error, -EINVAL, "a callback needs a runtime, a signature and one handler");
    gate_callback *callback = copy(config);
    if (!callback)
        return gate__fail(error, -ENOMEM, "no memory for a callback");
    callback->runtime = runtime;
    int failed = make_address(callback, error);
    if (failed) {
        discard(callback);
        return failed;
    }
    callback->config.name = gate__thunk_name(callback->address);
    gate__init_retain(runtime);
    *result = callback;
    return 0;
}

void (*gate_callback_address(const gate_callback *callback))(void) {
    return callback->address;
}

/* Handlers in progress are noted in their tasks, which keep their threads: so arriving costs no atomic counting, and a look
 * at each thread finds them. What is read of another thread's stack goes on meanwhile, so the
 * system reads it. */

struct search {
    uintptr_t callback;
    bool found;
};

static bool read_arrival(uintptr_t at, uintptr_t *callback, uintptr_t *outer) {
    return gate__os_read_word(at + offsetof(struct gate__arrival, callback), callback) &&
           gate__os_read_word(at + offsetof(struct gate__arrival, outer), outer);
}

static void search_task(struct search *search, gate_task *task) {
    uintptr_t at = (uintptr_t)atomic_load(&task->arrival), callback = 0, outer = 0;
    for (; at && !search->found && read_arrival(at, &callback, &outer); at = outer)
        search->found = callback == search->callback;
}

/* [the runtime's lock is held] */
static void search_thread(void *data, gate_m *m) {
    uintptr_t task = 0;
    gate__os_read_word((uintptr_t)&m->task, &task);
    if (task)
        search_task(data, (gate_task *)task);
    if (m->root && (uintptr_t)m->root != task)
        search_task(data, m->root);
}

static bool is_in_progress(gate_callback *callback) {
    struct search search = {(uintptr_t)callback, false};
    gate__m_visit(callback->runtime, search_thread, &search);
    return search.found;
}

int gate_callback_free(gate_callback *callback) {
    if (!callback)
        return 0;
    if (is_in_progress(callback))
        return -EBUSY;
    if (callback->closure)
        gate__ffi_closure_free(callback->closure);
    else
        gate__thunk_free(callback->address);
    gate__init_release(callback->runtime);
    discard(callback);
    return 0;
}
