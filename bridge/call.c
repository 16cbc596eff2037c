/* A foreign call, from the interpreter to C and back. Read this first.
 *
 * Interpreter code runs in a task. A stackful task has a small stack of its own; a root task has
 * its thread's. C expects a large stack, may block for as long as it likes, and may call back. So:
 *
 *   gate_call, on the task's stack, with a slot, goes to where the function's signature says. That has a plan
 *   (bridge/plan.c: what goes into which register, as bridge/arch/<name>/abi.c has it from the ABI), unless
 *   MemorySanitizer is there. For two words and doubles, or fewer, there is a routine for each type
 *   (bridge/arch/<name>/by_value.S), which does all of the call. It makes a record of it, and stores where that is in the
 *   thread's M: this lists the call, so that a callback can find it, and marks the thread as in one (runtime/foreign.c says
 *   why a store is enough: from here on the slot may be taken away, but nobody does so unless the call lasts). It keeps the
 *   task's stack pointer in the task and goes on where the thread's system stack was left: below the scheduler's frames, or,
 *   in a call that a callback makes, below those of the C code that called back. There it clears errno, fills the
 *   registers, and calls the function. It reads errno there too: on the way back the task may change threads.
 *
 * Back in the same routine: it stores RUNNING and looks whether the monitor (runtime/monitor.c)
 * has claimed the slot. If not, the call is over: no lock, no atomic read-modify-write. If so, the task waits
 * (gate__foreign_leave_slow): it is queued like any ready task, and the thread it was on becomes a worker without a
 * slot. A pinned task and a root task keep their thread, which waits. Then the result is stored, and the task goes on, on its
 * own stack.
 *
 * For more arguments there is one routine for all types (bridge/arch/<name>/by_takes.S), which does the same by a list that the
 * signature has (bridge/way.c): a few instructions for each argument, which go to the next.
 *
 * What is in neither, gate_call has by a frame (gate__call_by_frame, below), which is memory with a cell for each
 * register and for each word on the stack. A routine that was chosen with the plan (bridge/frame.c,
 * bridge/arch/<name>/by_frame.S) is all of the above for what is in a frame. A host that has values of its own may have a
 * frame of its own, and put them there by itself: gate_call_frame goes to that routine at once.
 *
 * A host whose compiler knows the function has it put the arguments into C's registers: a direct call (bridge/direct.h) is
 * the same routine again without a frame (bridge/arch/<name>/direct.S), and becomes one by frame (bridge/direct.c) where
 * more is asked. It may be in line: then the routine, for a task with nothing special, is part of the function that calls
 * (bridge/arch/<name>/inline.h), and nothing is between that and C but the switch.
 *
 * A root task's call by frame does all of this in one routine, too, but for the switch: it is on its system stack
 * already, and keeps its thread. On a thread without a task these are nothing but the call between two values of errno.
 *
 * Calls that need more than this are gate__call_values' and gate__call_frame's, below; gate__os_watch says if all
 * do. They take the same steps one after another, behind the pointer check (bridge/check.c) if a host has asked for that:
 *
 *   gate__foreign_call_from (runtime/internal.h) enters the call and leaves it.
 *   gate__switch_call (runtime/switch.c) tells a sanitizer, if there is one, that the stack changes. From a root task,
 *   which is on its system stack already, there is no switch, only a call.
 *   gate__arch_cross, beside the others in switch.S, goes to the system stack for any function that takes one pointer.
 *   gate__call_run, below, is that function: by the plan, or, where there is none, by libffi (bridge/ffi.c); run_frame
 *   is, for a call by frame. Arguments that are very many have their cells there, and not on the task's stack; so have
 *   vectors of more than 16 bytes, which no other way loads.
 *
 * Meanwhile the slot that was taken runs other tasks on other threads (runtime/sched.c). A function of class blocking
 * gives its slot up before the call, and takes the second way back; one of class leaf keeps it, and is no call to the
 * hand-off at all: for that, each routine has a sister that tells the task of the call, and not the M. One of class guarded
 * comes back from a fault, too: to gate__guard_call (runtime/guard.c), which stands between the crossing and
 * gate__call_run. So does gate__trace_run (bridge/trace.c) before both, while somebody watches calls; the short ways are
 * closed then.
 *
 * A callback walks this in reverse. C calls a thunk (bridge/thunk.c), which leads to
 *   gate__arch_arrive (bridge/arch/<name>/callback.S), on the system stack: stores what C has passed in registers. The
 *   callback's intake (bridge/intake.c) says where each argument is then.
 *   gate__callback_arrive (bridge/callback.c): notes the callback in the task, which stays on this thread as long, whose
 *   stack has C's frames; and leaves the call as above, which may mean to wait for a slot.
 *   gate__switch_call_back and gate__arch_cross_back go to the task's stack, below gate_call's frames.
 *   The host's handler runs there, with a slot, as interpreter code. It may make calls, which start
 *   below C's frames, and these may call back: the two stacks wind and unwind in lock step.
 *   Then cross_back returns to the system stack, the thread is in the call again, and C goes on.
 *
 * Most callbacks of a call need nothing but that, and take it in one routine of their own, with neither of these C
 * functions: gate__arch_arrive_pair_word4 or one of its kin, while task->short_way is open for them (bridge/callback.c).
 * A direct handler, a function of C's own type, gets C's registers as they are (gate__arch_arrive_direct); on the long way
 * it is called as C's functions are, by gate__call_run.
 *
 * On a thread that C made itself, arrive adopts the thread: it gets an M and a root task, takes a
 * slot for the length of the handler, and the handler runs on the thread's own stack. So it does on a thread
 * that is in a call of another runtime: its M there is the current one until the handler is done
 * (gate__m_go_to, runtime/m.c).
 *
 * A handler that fails must not jump over C's frames. Its status is kept in the call that it arrived
 * below; C gets the callback's default result; further callbacks below that call do nothing; and when C has returned,
 * gate_call returns the status.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

_Static_assert(offsetof(gate_function, signature) == GATE__FUNCTION_SIGNATURE, "by_value.h");
_Static_assert(offsetof(gate_function, address) == GATE__FUNCTION_ADDRESS, "by_value.h");
_Static_assert(offsetof(gate_function, name) == GATE__FUNCTION_NAME, "by_value.h");
_Static_assert(offsetof(gate_function, call_class) == GATE__FUNCTION_CLASS, "by_value.h");
_Static_assert(offsetof(gate_signature, call) == GATE__SIGNATURE_CALL, "by_value.h");
_Static_assert(offsetof(struct gate__call, function) == GATE__CALL_FUNCTION, "by_value.h");
_Static_assert(offsetof(struct gate__call, error_number) == GATE__CALL_ERROR_NUMBER, "by_value.h");
_Static_assert(offsetof(struct gate__call, status) == GATE__CALL_STATUS, "by_value.h");
_Static_assert(sizeof(struct gate__call) == GATE__CALL_SIZE, "by_value.h");
_Static_assert(GATE_CALL_DEFAULT == 0 && GATE_CALL_LEAF == GATE__CLASS_LEAF, "by_value.h");

/* errno of the last call on a thread that has no task; bridge/arch writes it, too. Reached by calls that are never inlined:
 * a thread-local's address must not be kept in code that may change threads. */
extern _Thread_local int gate__call_thread_errno __attribute__((tls_model("initial-exec")));
_Thread_local int gate__call_thread_errno;

static __attribute__((noinline)) int get_thread_errno(void) {
    return gate__call_thread_errno;
}

/* A result in a word goes where others are already. */
static void keep_word(gate_frame *frame, uint64_t word) {
    const struct gate__plan *plan = frame->function->signature->plan;
    uint64_t *cells = frame->cells;
    if (plan->shape < GATE__SHAPE_VECTOR)
        cells[0] = word;
    else if (plan->shape == GATE__SHAPE_VECTOR)
        cells[GATE__WORDS] = word;
}

/* The words of a function that takes no more than two. */
static inline void load_pair(const struct gate__plan *plan, void *const arguments[], uint64_t *a, uint64_t *b) {
    if (__builtin_expect(plan->count > 0, 1))
        gate__plan_load(&plan->steps[0], arguments[0], a);
    if (__builtin_expect(plan->count > 1, 1))
        gate__plan_load(&plan->steps[1], arguments[1], b);
}

/* What follows runs on the stack that C is to have. */

static void run_with_cells(struct gate__value_call *call, uint64_t *cells) {
    const gate_function *function = call->call.function;
    struct gate__frame frame = gate__plan_fill(function, call->result, call->arguments, cells);
    struct gate__returned returned = gate__foreign_run_registers(&frame, 0);
    gate__plan_store_any(function->signature->plan, returned.word, cells, call->result);
    call->call.error_number = returned.error_number;
}

static __attribute__((noinline)) void run_large(struct gate__value_call *call) {
    size_t count = call->call.function->signature->plan->cell_count;
    run_with_cells(call, __builtin_alloca_with_align(count * sizeof(uint64_t), 128));
}

static void run_by_ffi(struct gate__value_call *call) {
    errno = 0;
    gate__ffi_call(call->call.function->signature, call->call.function->address, call->result, call->arguments);
    call->call.error_number = errno;
}

void gate__call_run(void *data) {
    struct gate__value_call *call = data;
    const struct gate__plan *plan = call->call.function->signature->plan;
    _Alignas(16) uint64_t cells[GATE__CELLS];
    if (!plan)
        run_by_ffi(call);
    else if (gate__plan_is_large(plan))
        run_large(call);
    else
        run_with_cells(call, cells);
}

static void run_frame(void *data) {
    gate_frame *host = data;
    struct gate__frame frame = gate__plan_frame(host->function, host->result, host->cells);
    struct gate__returned returned = gate__foreign_run_registers(&frame, host->error_number);
    keep_word(host, returned.word);
    host->error_number = returned.error_number;
}

/* Without a task there is nothing to leave, and nobody to tell; and code stays on its thread. */

typedef uint64_t taking_pair(uint64_t a, uint64_t b);

static uint64_t call_pair_in_place(const gate_function *function, void *const arguments[], int *error_number) {
    uint64_t a = 0, b = 0;
    load_pair(function->signature->plan, arguments, &a, &b);
    errno = 0;
    uint64_t word = ((taking_pair *)function->address)(a, b);
    *error_number = errno;
    return word;
}

static bool goes_in_pair(const gate_function *function) {
    const struct gate__plan *plan = function->signature->plan;
    return __builtin_expect(plan != NULL, 1) && __builtin_expect(plan->shape == GATE__SHAPE_PAIR, 1);
}

/* The class, or more if calls are watched. */
static inline unsigned class_and_watches(const gate_function *function) {
    return atomic_load_explicit(&gate__os_watch.anybody, memory_order_relaxed) | function->call_class;
}

_Static_assert((int)GATE_CALL_GUARDED < (int)GATE__WATCH_FIRST, "no class looks like a watch");

/* What keeps a call from being made there. */
static __attribute__((noinline)) int refuse_in_place(const gate_function *function, const void *result,
                                                     void *const arguments[]) {
    int refused = gate__check_call(function, result, arguments);
    return refused ? refused : function->call_class == GATE_CALL_GUARDED ? -ENOTSUP : 0;
}

static void run_in_place(void (*fn)(void *), struct gate__call *call) {
    struct gate__traced traced;
    if (gate__trace_is_on()) {
        gate__trace_prepare(&traced, NULL, call, fn, call);
        gate__trace_run(&traced);
    } else {
        fn(call);
    }
}

static __attribute__((noinline)) int call_in_place(const gate_function *function, void *result,
                                                   void *const arguments[]) {
    bool is_special = __builtin_expect(class_and_watches(function) >= GATE_CALL_GUARDED, 0);
    int refused = is_special ? refuse_in_place(function, result, arguments) : 0;
    if (__builtin_expect(refused, 0))
        return refused;
    if (__builtin_expect(!is_special, 1) && goes_in_pair(function)) {
        uint64_t word = call_pair_in_place(function, arguments, &gate__call_thread_errno);
        gate__plan_store(function->signature->plan, word, result);
    } else {
        struct gate__value_call call = {{.function = function}, result, arguments};
        run_in_place(gate__call_run, &call.call);
        gate__call_thread_errno = call.call.error_number;
    }
    return 0;
}

static int call_frame_in_place(gate_frame *frame) {
    if (frame->function->call_class == GATE_CALL_GUARDED)
        return -ENOTSUP;
    run_in_place(run_frame, (struct gate__call *)frame);
    return 0;
}

/* A root task's call is told by its name, if it has one. It lies on the thread's own stack, and who looks when the thread has
 * ended inside the call finds other things there. */
static inline void name_call(gate_task *task, const char *name) {
    if (!task->stack.base)
        atomic_store_explicit(&task->where, name, memory_order_relaxed);
}

/* Calls in progress are listed, for callbacks to find them and for others to see. One that begins in interpreter code is
 * told by the M's word, from enter to leave. C may call, too: below such a call it is told by the same word. But a leaf's thread
 * is RUNNING all the while, and the word of one that is outside has to say that: the task itself tells of these. That is put
 * aside for a handler, by the long way alone (note and open_short_way, in callback.c). */

static void list(gate_m *m, struct gate__call *call) {
    void *word = atomic_load_explicit(&m->call, memory_order_relaxed);
    void *listed = atomic_load_explicit(&m->task->call, memory_order_relaxed);
    bool is_told = gate__m_says_which(word), is_leaf = call->function->call_class == GATE_CALL_LEAF;
    call->outer = is_told ? word : listed;
    if (is_told)
        atomic_store_explicit(&m->call, call, memory_order_release);
    else if (is_leaf || word != GATE__M_RUNNING)
        atomic_store_explicit(&m->task->call, call, memory_order_release);
    if (listed || word == GATE__M_UNTOLD)
        atomic_store_explicit(&m->task->short_way, 0, memory_order_relaxed);
}

static void unlist(gate_m *m, struct gate__call *call) {
    if (atomic_load_explicit(&m->call, memory_order_relaxed) == call)
        atomic_store_explicit(&m->call, call->outer, memory_order_relaxed);
    else if (atomic_load_explicit(&m->task->call, memory_order_relaxed) == call)
        atomic_store_explicit(&m->task->call, call->outer, memory_order_relaxed);
}

/* It is the innermost one again: C has gone that was in others. */
static void list_again(gate_m *m, struct gate__call *call) {
    if (gate__m_says_which(atomic_load_explicit(&m->call, memory_order_relaxed)))
        atomic_store_explicit(&m->call, call, memory_order_relaxed);
    else
        atomic_store_explicit(&m->task->call, call, memory_order_relaxed);
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
    list_again(gate__m(), g->call);
}

/* Has fn make the call on the system stack; its class says what becomes of the slot meanwhile. */
static void cross_by_class(gate_m *m, void (*fn)(void *), void *data, struct gate__call *call) {
    switch (call->function->call_class) {
    case GATE_CALL_LEAF:
        gate__switch_call(m, fn, data);
        break;
    case GATE_CALL_BLOCKING:
        gate__foreign_call_blocking(m, fn, data, call);
        break;
    default:
        gate__foreign_call_from(m, fn, data, call);
        break;
    }
}

/* The same, watched if it is to be. */
static void cross_traced(gate_m *m, void (*fn)(void *), void *data, struct gate__call *call) {
    struct gate__traced traced;
    if (!gate__trace_is_on()) {
        cross_by_class(m, fn, data, call);
    } else {
        gate__trace_prepare(&traced, m, call, fn, data);
        cross_by_class(m, gate__trace_run, &traced, call);
    }
}

static __attribute__((noinline)) int cross(gate_m *m, void (*fn)(void *), struct gate__call *call) {
    struct guarded guarded = {NULL, fn, call};
    if (call->function->call_class != GATE_CALL_GUARDED)
        cross_traced(m, fn, call, call);
    else if ((call->status = gate__guard_prepare(m->task, &guarded.trap)) == 0)
        cross_traced(m, run_guarded, &guarded, call);
    return call->error_number;
}

/* What the hand-off hears of it: of class leaf, nothing. */
static inline void *told_by(struct gate__call *call) {
    return call->function->call_class == GATE_CALL_LEAF ? NULL : call;
}

/* For a function that takes more than a pair. It has a frame of its own, as its cells need room. */
static __attribute__((noinline)) int cross_with_cells(gate_m *m, struct gate__call *call, void *result,
                                                      void *const arguments[]) {
    const gate_function *function = call->function;
    _Alignas(16) uint64_t cells[GATE__CELLS];
    struct gate__frame frame = gate__plan_fill(function, result, arguments, cells);
    frame.call = told_by(call);
    struct gate__returned returned = gate__foreign_call_registers(m, &frame);
    gate__plan_store_any(function->signature->plan, returned.word, cells, result);
    return returned.error_number;
}

/* The call goes in registers, and all of it in one crossing. */
static inline int cross_in_registers(gate_m *m, struct gate__call *call, void *result, void *const arguments[]) {
    const gate_function *function = call->function;
    const struct gate__plan *plan = function->signature->plan;
    uint64_t a = 0, b = 0;
    if (__builtin_expect(plan->shape != GATE__SHAPE_PAIR, 0))
        return cross_with_cells(m, call, result, arguments);
    load_pair(plan, arguments, &a, &b);
    struct gate__returned returned = gate__foreign_call_pair(m, function->address, a, b, told_by(call));
    gate__plan_store(plan, returned.word, result);
    return returned.error_number;
}

/* Whether there is more to do than that. */
static inline bool is_special(const gate_function *function) {
    const struct gate__plan *plan = function->signature->plan;
    return __builtin_expect(!plan || gate__plan_is_large(plan) || gate__plan_is_aligned(plan), 0) ||
           __builtin_expect(class_and_watches(function) > GATE_CALL_LEAF, 0);
}

/* The call is in progress from here to the next. */
static inline const char *begin(gate_m *m, struct gate__call *call, const gate_function *function) {
    const char *outer_name = atomic_load_explicit(&m->task->where, memory_order_relaxed);
    call->function = function;
    call->status = 0;
    list(m, call);
    name_call(m->task, function->name);
    return outer_name;
}

/* On the M that has the task now. */
static __attribute__((noinline)) int end(struct gate__call *call, const char *outer_name) {
    gate_m *m = gate__m();
    unlist(m, call);
    name_call(m->task, outer_name);
    return call->status;
}

/* A result that nobody asked for has to lie somewhere, if C stores it itself. */
static __attribute__((noinline)) int call_with_room(const gate_function *function, void *const arguments[]) {
    const gate_type *type = function->signature->result;
    size_t least = _Alignof(max_align_t), alignment = type->alignment > least ? type->alignment : least;
    void *room = aligned_alloc(alignment, (type->size + alignment - 1) / alignment * alignment);
    int status = room ? gate__call_values(function, room, arguments) : -ENOMEM;
    free(room);
    return status;
}

int gate__call_values(const gate_function *function, void *result, void *const arguments[]) {
    gate_m *m = gate__m();
    gate_task *task = m ? m->task : NULL;
    struct gate__value_call call;
    int error_number;
    if (__builtin_expect(!result, 0) && function->signature->needs_room)
        return call_with_room(function, arguments);
    if (__builtin_expect(!task, 0))
        return call_in_place(function, result, arguments);
    const char *outer_name = begin(m, &call.call, function);
    if (is_special(function)) {
        call.call.error_number = 0; /* should it not come to the call */
        call.result = result;
        call.arguments = arguments;
        call.call.status = gate__check_call(function, result, arguments);
        error_number = call.call.status ? 0 : cross(m, gate__call_run, &call.call);
    } else {
        error_number = cross_in_registers(m, &call.call, result, arguments);
    }
    task->call_errno = error_number;
    return end(&call.call, outer_name);
}

/* By a frame of its own, which has ways of the same sort for more arguments. */

static __attribute__((noinline)) void note_errno(int error_number) {
    gate_task *task = gate_task_current();
    if (task)
        task->call_errno = error_number;
    else
        gate__call_thread_errno = error_number;
}

enum { HEAD = offsetof(gate_frame, cells) / sizeof(uint64_t) }; /* words of a frame before its cells */

int gate__call_by_frame(const gate_function *function, void *result, void *const arguments[]) {
    const struct gate__plan *plan = function->signature->plan;
    _Alignas(16) uint64_t room[HEAD + GATE__CELLS];
    gate_frame *frame = (gate_frame *)room;
    uint64_t *cells = room + HEAD;
    bool lacks_room = !result && function->signature->needs_room;
    if (class_and_watches(function) > GATE_CALL_LEAF || lacks_room)
        return gate__call_values(function, result, arguments);
    frame->function = function;
    frame->outer = NULL;
    frame->error_number = frame->status = 0;
    frame->address = function->address;
    frame->result = result;
    gate__plan_fill(function, result, arguments, cells);
    int status = plan->by_frame[function->call_class](frame);
    note_errno(frame->error_number);
    gate__plan_store_any(plan, cells[plan->shape == GATE__SHAPE_VECTOR ? GATE__WORDS : 0], cells, result);
    return status;
}

/* A frame is as gate_frame_init left it, but for its values, between its calls. */
static inline int end_frame(struct gate__call *call, const char *outer_name) {
    int status = end(call, outer_name);
    call->status = 0;
    call->outer = NULL;
    return status;
}

int gate__call_frame(gate_frame *frame) {
    gate_m *m = gate__m();
    struct gate__call *call = (struct gate__call *)frame;
    if (frame->function->signature->needs_room && !frame->result)
        return -EINVAL;
    int refused = gate__check_frame(frame);
    if (refused)
        return refused;
    if (!m || !m->task)
        return call_frame_in_place(frame);
    const char *outer_name = begin(m, call, frame->function);
    cross(m, run_frame, call);
    return end_frame(call, outer_name);
}

/* In C, it is the call that this was made by; in a handler, the one below which that runs. */
void *gate_call_host(void) {
    const gate_m *m = gate__m();
    if (!m || !m->task)
        return NULL;
    const struct gate__call *call = gate__m_call(m);
    if (!call)
        call = gate__arrival_call(m->task->arrival);
    return call ? call->function->host : NULL;
}

int gate_errno(void) {
    gate_task *task = gate_task_current();
    return task ? task->call_errno : get_thread_errno();
}
