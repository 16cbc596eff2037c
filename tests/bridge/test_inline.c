/* Direct calls in line: when a call stays in line, and what it leaves alone. That all registers reach the function, and
 * what becomes of calls that last, are asked for, or claimed, test_direct.c has for both. */
#include <math.h>
#include <string.h>

#include "tests/support/bridge.h"

#ifdef GATE_INLINE_CALL

/* MemorySanitizer has no direct calls. */
static bool has_direct_calls(void) {
    gate_function function = make_function("void (void)", address_of(abort), "none");
    gate_direct direct;
    int failed = gate_direct_init(&direct, &function);
    free_function(function);
    return failed != -ENOTSUP;
}

static long call_default(gate_direct *direct, long value) {
    GATE_INLINE_WORD(0, long, value);
    GATE_INLINE_CALL(DEFAULT, direct, 1, 0, long, double);
    return gate_word;
}

static long call_leaf(gate_direct *direct, long value) {
    GATE_INLINE_WORD(0, long, value);
    GATE_INLINE_CALL(LEAF, direct, 1, 0, long, double);
    return gate_word;
}

static gate_direct prepare(gate_function *function, enum gate_call_class call_class) {
    gate_direct direct;
    memset(&direct, 0x5a, sizeof direct);
    function->call_class = call_class;
    cr_assert_eq(gate_direct_init(&direct, function), 0);
    return direct;
}

static long increment(long value) {
    return value + 1;
}

/* Out of line, a call goes to enter. */

static _Atomic int went;

static long went_out_of_line(long value) {
    atomic_fetch_add(&went, 1);
    return -value;
}

static void tell_of(gate_direct *direct) {
    atomic_store(&went, 0);
    direct->enter = address_of(went_out_of_line);
}

static void *call_in_both_classes(void *unused) {
    gate_function function = make_function("long (long)", address_of(increment), "increment");
    for (int i = 0; i < 3 && gate__foreign_is_plain(); i++) {
        gate_direct direct = prepare(&function, GATE_CALL_DEFAULT), leaf = prepare(&function, GATE_CALL_LEAF);
        tell_of(&direct);
        tell_of(&leaf);
        cr_assert_eq(call_default(&direct, 41), 42);
        cr_assert_eq(call_leaf(&leaf, 41), 42);
        cr_assert_eq(atomic_load(&went), 0);
    }
    free_function(function);
    return unused;
}

Test(inline, calls_of_a_task_stay_in_line) {
    if (has_direct_calls())
        run_task(call_in_both_classes, NULL);
}

static void require_out_of_line(gate_direct direct, long (*call)(gate_direct *, long)) {
    tell_of(&direct);
    cr_assert_eq(call(&direct, 41), -41);
    cr_assert_eq(atomic_load(&went), 1);
}

static void *call_in_other_classes(void *unused) {
    gate_function function = make_function("long (long)", address_of(increment), "increment");
    for (int class = GATE_CALL_DEFAULT; class <= GATE_CALL_GUARDED; class ++) {
        gate_direct direct = prepare(&function, (enum gate_call_class) class);
        if (class != GATE_CALL_DEFAULT)
            require_out_of_line(direct, call_default);
        if (class != GATE_CALL_LEAF)
            require_out_of_line(direct, call_leaf);
    }
    free_function(function);
    return unused;
}

Test(inline, one_of_another_class_goes_out_of_line) {
    if (has_direct_calls())
        run_task(call_in_other_classes, NULL);
}

static void *call_with_another_layout(void *unused) {
    gate_function function = make_function("long (long)", address_of(increment), "increment");
    gate_direct direct = prepare(&function, GATE_CALL_DEFAULT), leaf = prepare(&function, GATE_CALL_LEAF);
    direct.inline_way += 2, leaf.inline_way += 2;
    require_out_of_line(direct, call_default);
    require_out_of_line(leaf, call_leaf);
    free_function(function);
    return unused;
}

Test(inline, a_host_compiled_for_another_layout_goes_out_of_line) {
    if (has_direct_calls())
        run_task(call_with_another_layout, NULL);
}

static void *call_both_out_of_line(void *unused) {
    gate_function function = make_function("long (long)", address_of(increment), "increment");
    require_out_of_line(prepare(&function, GATE_CALL_DEFAULT), call_default);
    require_out_of_line(prepare(&function, GATE_CALL_LEAF), call_leaf);
    free_function(function);
    return unused;
}

Test(inline, those_of_threads_without_a_task_and_of_root_tasks_go_out_of_line) {
    if (!has_direct_calls())
        return;
    call_both_out_of_line(NULL);
    gate_runtime *runtime = start(1);
    call_both_out_of_line(NULL);
    stop(runtime);
}

static void *call_while_watched(void *unused) {
    cr_assert_eq(gate_trace_start(&(struct gate_trace_config){.no_events = 1}, NULL), 0);
    call_both_out_of_line(NULL);
    gate_trace_stop();
    call_in_both_classes(NULL);
    return unused;
}

Test(inline, those_that_are_watched_go_out_of_line) {
    if (has_direct_calls())
        run_task(call_while_watched, NULL);
}

/* A thread's stack may lie above the tasks': the main thread's does. */
static void *call_on_main_thread(void *unused) {
    if (gate__foreign_is_plain()) {
        gate_task_enter_main();
        cr_assert_gt((uintptr_t)gate__m()->system_sp, (uintptr_t)&unused);
        call_both_out_of_line(NULL);
        gate_task_leave_main();
        call_in_both_classes(NULL);
    }
    return unused;
}

Test(inline, it_goes_out_of_line_where_the_system_stack_is_not_the_lower_one) {
    if (has_direct_calls())
        run_task(call_on_main_thread, NULL);
}

/* What the compiler has in registers, and below its stack pointer, stays there. */

static int scribble(void *host, void *result, void *const arguments[]) {
    volatile long room[512];
    (void)host, (void)arguments;
    for (size_t i = 0; i < sizeof room / sizeof *room; i++)
        room[i] = -2;
    *(long *)result = room[17];
    return 0;
}

static long call_back(long (*handler)(long)) {
    __asm__ volatile("fldz; fldz; fldz; fldz; fldz; fldz; fldz; fldz; fninit" : : : "memory");
    return handler(1) + 1;
}

/* It calls nothing that the compiler knows of, so its variables may lie below the stack pointer. */
static __attribute__((noinline)) long keep_all(gate_direct *direct, long (*handler)(long), double real, long seed) {
    volatile long kept[12];
    for (int i = 0; i < 12; i++)
        kept[i] = seed + i;
    long a = seed * 3, b = seed * 5, c = seed * 7, d = seed * 11, e = seed * 13;
    long double wide = (long double)real / 3;
    double narrow = real * 7;
    __asm__("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+t"(wide), "+x"(narrow));
    GATE_INLINE_WORD(0, void *, (void *)handler);
    GATE_INLINE_CALL(DEFAULT, direct, 1, 0, long, double);
    long sum = gate_word + 1;
    for (int i = 0; i < 12; i++)
        sum += kept[i] != seed + i;
    sum += a != seed * 3 || b != seed * 5 || c != seed * 7 || d != seed * 11 || e != seed * 13;
    return sum + (wide != (long double)real / 3) + (narrow != real * 7);
}

static void *call_and_look(void *unused) {
    gate_function function = make_function("long (long (*)(long))", address_of(call_back), "call_back");
    gate_signature *signature = parse("long (long)");
    gate_callback *callback = make_callback(gate__m()->runtime, signature, scribble, NULL);
    gate_direct direct = prepare(&function, GATE_CALL_DEFAULT);
    long (*handler)(long) = (long (*)(long))gate_callback_address(callback);
    for (long seed = 1; seed < 5; seed++)
        cr_assert_eq(keep_all(&direct, handler, (double)seed, seed << 33), 0, "as C has it of the handler");
    cr_assert_eq(gate_callback_free(callback), 0);
    gate_signature_free(signature);
    free_function(function);
    return unused;
}

Test(inline, a_callback_leaves_registers_and_variables_alone) {
    if (!has_direct_calls())
        return;
    run_task(call_and_look, NULL);
    gate_runtime *runtime = start(1);
    call_and_look(NULL);
    stop(runtime);
}

/* Where C crashes, the task's frames are found from the record that the call left. */
static long look_at_record(long value) {
    gate_task *task = gate__m()->task;
    void **record = task->sp;
    cr_assert_eq((uintptr_t)record % 16, 0u);
    cr_assert_eq(record[1], __builtin_return_address(0));
    cr_assert_gt((uintptr_t)record[0], (uintptr_t)record);
    cr_assert_lt((uintptr_t)record[0], (uintptr_t)task);
    return value;
}

static void *call_to_look_at_record(void *unused) {
    gate_function function = make_function("long (long)", address_of(look_at_record), "look");
    if (gate__foreign_is_plain()) {
        gate_direct direct = prepare(&function, GATE_CALL_DEFAULT), leaf = prepare(&function, GATE_CALL_LEAF);
        cr_assert_eq(call_default(&direct, 7), 7);
        cr_assert_eq(call_leaf(&leaf, 8), 8);
    }
    free_function(function);
    return unused;
}

Test(inline, the_task_has_a_record_of_the_callers_frame) {
    if (has_direct_calls())
        run_task(call_to_look_at_record, NULL);
}

#endif
