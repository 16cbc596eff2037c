/* The switches themselves: alignment, what they keep, and that frames unwind across them. */
#include <execinfo.h>
#include <fenv.h>
#include <immintrin.h>
#include <string.h>

#include "tests/support/runtime.h"

static void note_alignment(void *result) {
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    *(bool *)result = frame % 16 == 0;
}

static void call_back_and_note(void *result) {
    gate__switch_call_back(gate__m(), note_alignment, result);
}

static void *check_alignment(void *unused) {
    bool here, on_system_stack = false, back = false;
    (void)unused;
    note_alignment(&here);
    cr_assert(here, "a task's stack begins misaligned");
    gate__switch_call(gate__m(), note_alignment, &on_system_stack);
    cr_assert(on_system_stack, "a crossing calls misaligned");
    gate_m *m = gate_m_acquire();
    gate__switch_call(m, call_back_and_note, &back);
    gate_m_release(m);
    cr_assert(back, "a callback's handler is called misaligned");
    return NULL;
}

Test(switch, every_call_finds_the_stack_aligned) {
    run_task(check_alignment, NULL);
}

static void *round_upward(void *unused) {
    fesetround(FE_UPWARD);
    for (int i = 0; i < 10; i++) {
        gate_task_yield();
        cr_assert_eq(fegetround(), FE_UPWARD);
    }
    fesetround(FE_TONEAREST);
    return unused;
}

static void *round_to_nearest(void *unused) {
    for (int i = 0; i < 10; i++) {
        gate_task_yield();
        cr_assert_eq(fegetround(), FE_TONEAREST);
    }
    return unused;
}

Test(switch, each_task_keeps_its_rounding_mode) {
    gate_runtime *runtime = start(1);
    gate_task *up = spawn("up", round_upward, NULL), *nearest = spawn("nearest", round_to_nearest, NULL);
    join(up);
    join(nearest);
    stop(runtime);
}

/* Modes that only one of the two units has: flush to zero, and the precision of results. */

enum { FLUSH_TO_ZERO = 0x8000, SINGLE_PRECISION = 0x0c7f, USUAL = 0x0f7f };

static uint16_t x87_control(void) {
    uint16_t control = 0; /* MemorySanitizer does not see what assembly stores */
    __asm__ volatile("fnstcw %0" : "=m"(control));
    return control & USUAL;
}

static void *flush_to_zero(void *unused) {
    _mm_setcsr(_mm_getcsr() | FLUSH_TO_ZERO);
    for (int i = 0; i < 10; i++) {
        gate_task_yield();
        cr_assert(_mm_getcsr() & FLUSH_TO_ZERO);
    }
    return unused;
}

static void *compute_in_single_precision(void *unused) {
    uint16_t control = SINGLE_PRECISION & USUAL;
    __asm__ volatile("fldcw %0" : : "m"(control));
    for (int i = 0; i < 10; i++) {
        gate_task_yield();
        cr_assert_eq(x87_control(), SINGLE_PRECISION & USUAL);
    }
    return unused;
}

static void *change_no_mode(void *unused) {
    for (int i = 0; i < 10; i++) {
        gate_task_yield();
        cr_assert_not(_mm_getcsr() & FLUSH_TO_ZERO);
        cr_assert_neq(x87_control(), SINGLE_PRECISION & USUAL);
    }
    return unused;
}

static void beside_one_that_changes_no_mode(gate_task_main body) {
    gate_runtime *runtime = start(1);
    gate_task *one = spawn("one", body, NULL), *other = spawn("other", change_no_mode, NULL);
    join(one);
    join(other);
    stop(runtime);
}

Test(switch, each_task_keeps_the_modes_of_either_unit) {
    beside_one_that_changes_no_mode(flush_to_zero);
    beside_one_that_changes_no_mode(compute_in_single_precision);
}

/* Whether the trace has a return address in the 512 bytes of code that begin at function. */
static bool has_frame_of(void *const frames[], int count, const void *function) {
    for (int i = 0; i < count; i++) {
        if ((const char *)frames[i] > (const char *)function && (const char *)frames[i] < (const char *)function + 512)
            return true;
    }
    return false;
}

struct trace {
    void (*take)(void *trace);
    void *frames[64];
    int count;
};

static __attribute__((noinline)) void take_backtrace(void *data) {
    struct trace *trace = data;
    trace->count = backtrace(trace->frames, 64);
}

/* MemorySanitizer doesn't see who writes a frame's first words. */
__attribute__((weak)) void __msan_unpoison(const volatile void *base, size_t length);

/* As a profiler does: a frame begins with the caller's frame pointer and the return address. */
static __attribute__((noinline)) void follow_frame_pointers(void *data) {
    struct trace *trace = data;
    for (void **frame = __builtin_frame_address(0); frame && trace->count < 64; frame = *frame) {
        if (__msan_unpoison)
            __msan_unpoison(frame, 2 * sizeof *frame);
        trace->frames[trace->count++] = frame[1];
    }
}

static __attribute__((noinline)) void call_back_for_trace(void *data) {
    struct trace *trace = data;
    gate__switch_call_back(gate__m(), trace->take, trace);
    __asm__ volatile(""); /* no tail call: its frame is to be seen */
}

static __attribute__((noinline)) void *trace_from_task(void *data) {
    struct trace *trace = data;
    gate_m *m = gate_m_acquire();
    gate__switch_call(m, call_back_for_trace, trace);
    gate_m_release(m);
    return trace;
}

static const void *address_of(void (*function)(void)) {
    return (const void *)(uintptr_t)function;
}

static void require_frames_of_both_stacks(const struct trace *trace) {
    cr_assert(has_frame_of(trace->frames, trace->count, address_of((void (*)(void))call_back_for_trace)));
    cr_assert(has_frame_of(trace->frames, trace->count, address_of((void (*)(void))trace_from_task)));
    cr_assert_lt(trace->count, 40, "the trace does not end at the task's first frame");
}

Test(switch, a_backtrace_crosses_to_the_system_stack_and_back) {
    struct trace trace = {.take = take_backtrace};
    run_task(trace_from_task, &trace);
    cr_assert(has_frame_of(trace.frames, trace.count, address_of((void (*)(void))take_backtrace)));
    require_frames_of_both_stacks(&trace);
}

Test(switch, frame_pointers_lead_to_the_system_stack_and_back) {
    struct trace trace = {.take = follow_frame_pointers};
    run_task(trace_from_task, &trace);
    require_frames_of_both_stacks(&trace);
}

static __attribute__((noinline)) uint64_t take_trace_in_registers(struct trace *trace, uint64_t zero) {
    trace->take(trace);
    return zero;
}

static __attribute__((noinline)) void cross_in_registers(const struct gate__frame *frame) {
    cr_assert_eq(gate__foreign_call_registers(gate__m(), frame).word, 0);
}

/* With a word on the stack, and one that aligns it, which lie between the frames. */
static __attribute__((noinline)) void *trace_call_in_registers(void *frame) {
    cross_in_registers(frame);
    return frame;
}

static void trace_calls_in_registers(void (*take)(void *)) {
    struct trace trace = {.take = take};
    uint64_t cells[GATE__CELLS] = {(uint64_t)(uintptr_t)&trace};
    struct gate__frame frame = {.call = GATE__M_UNTOLD,
                                .function = (void (*)(void))take_trace_in_registers,
                                .cells = cells,
                                .stack_count = 1,
                                .stack_alignment = GATE__STACK_ALIGNMENT,
                                .shape = GATE__SHAPE_ALL};
    run_task(trace_call_in_registers, &frame);
    cr_assert(has_frame_of(trace.frames, trace.count, address_of((void (*)(void))take_trace_in_registers)));
    cr_assert(has_frame_of(trace.frames, trace.count, address_of((void (*)(void))trace_call_in_registers)));
    cr_assert_lt(trace.count, 40, "the trace does not end at the task's first frame");
}

Test(switch, a_backtrace_crosses_a_call_in_registers) {
    trace_calls_in_registers(take_backtrace);
}

Test(switch, frame_pointers_lead_across_a_call_in_registers) {
    trace_calls_in_registers(follow_frame_pointers);
}

/* Has more values across a call than there are registers that a call keeps, so that it uses all of these. */
static volatile uint64_t zeroes[6];

static __attribute__((noinline)) uint64_t use_registers(uint64_t a, uint64_t b) {
    uint64_t c = zeroes[0], d = zeroes[1], e = zeroes[2], f = zeroes[3], g = zeroes[4], h = zeroes[5];
    return (uint64_t)fegetround() + a + b + c + d + e + f + g + h;
}

static void *keep_registers(void *unused) {
    static volatile uint64_t values[6] = {1, 2, 3, 4, 5, 6};
    uint64_t a = values[0], b = values[1], c = values[2], d = values[3], e = values[4], f = values[5];
    fesetround(FE_UPWARD);
    void *const calls[] = {GATE__M_UNTOLD, NULL};
    for (int i = 0; i < 2; i++) {
        struct gate__returned returned =
            gate__foreign_call_pair(gate__m(), (void (*)(void))use_registers, a, b, calls[i]);
        cr_assert_eq(returned.word, (uint64_t)FE_UPWARD + 3, "C has another rounding mode than its caller");
        cr_assert_eq(fegetround(), FE_UPWARD);
        cr_assert(a == values[0] && b == values[1] && c == values[2] && d == values[3] && e == values[4] &&
                  f == values[5]);
    }
    fesetround(FE_TONEAREST);
    return unused;
}

Test(switch, a_call_in_registers_keeps_those_of_its_caller) {
    run_task(keep_registers, NULL);
}
