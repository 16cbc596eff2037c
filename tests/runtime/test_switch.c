/* The switches themselves: alignment, what they keep, and that frames unwind across them. */
#include <execinfo.h>
#include <fenv.h>
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
