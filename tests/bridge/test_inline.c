/* Direct calls in line: when a call stays in line, and what it leaves alone. That all registers reach the function, and
 * what becomes of calls that last, are asked for, or claimed, test_direct.c has for both. */
#include <errno.h>
#include <execinfo.h>
#include <math.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>

#include "tests/support/bridge.h"

#ifdef GATE_INLINE_CALL

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
    function->call_class = call_class;
    return prepare_direct(function);
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
    if (has_plans())
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
    if (has_plans())
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
    if (has_plans())
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
    if (!has_plans())
        return;
    call_both_out_of_line(NULL);
    run_root(call_both_out_of_line);
}

static void *call_while_watched(void *unused) {
    cr_assert_eq(gate_trace_start(&(struct gate_trace_config){.no_events = 1}, NULL), 0);
    call_both_out_of_line(NULL);
    gate_trace_stop();
    call_in_both_classes(NULL);
    return unused;
}

Test(inline, those_that_are_watched_go_out_of_line) {
    if (has_plans())
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
    if (has_plans())
        run_task(call_on_main_thread, NULL);
}

/* What is passed may take calls to find, and be anything. */

static __attribute__((noinline)) long spoil_registers(long value) {
    __asm__ volatile("xorl %%ecx, %%ecx; xorl %%edx, %%edx; xorl %%esi, %%esi; xorl %%edi, %%edi; xorl %%r8d, %%r8d; "
                     "xorl %%r9d, %%r9d; xorps %%xmm0, %%xmm0; xorps %%xmm1, %%xmm1"
                     :
                     :
                     : "rcx", "rdx", "rsi", "rdi", "r8", "r9", "xmm0", "xmm1", "cc");
    return value;
}

static long weigh(long a, long b, double c, double d) {
    return a + 10 * b + 100 * (long)c + 1000 * (long)d;
}

static __attribute__((noinline)) long weigh_in_line(gate_direct *direct, long one) {
    GATE_INLINE_WORD(0, long, one);
    GATE_INLINE_VECTOR(0, double, (double)one + 2);
    GATE_INLINE_WORD(1, long, spoil_registers(one + 1));
    GATE_INLINE_VECTOR(1, double, (double)spoil_registers(one + 3));
    GATE_INLINE_CALL(DEFAULT, direct + spoil_registers(0), 2, 2, long, double);
    return gate_word;
}

static void *call_with_values_of_calls(void *unused) {
    gate_function function = make_function("long (long, long, double, double)", address_of(weigh), "weigh");
    gate_direct direct = prepare(&function, GATE_CALL_DEFAULT);
    cr_assert_eq(weigh_in_line(&direct, 1), 4321);
    free_function(function);
    return unused;
}

Test(inline, values_may_take_calls_to_find) {
    if (has_plans())
        run_task(call_with_values_of_calls, NULL);
}

static void leave_errno(void *unused) {
    (void)unused;
    errno = (int)spoil_registers(EDOM);
}

/* The last that is done with it. */
static __attribute__((noinline)) void pass_itself(gate_direct *direct) {
    GATE_INLINE_WORD(0, void *, direct);
    GATE_INLINE_CALL(DEFAULT, direct, 1, 0, long, double);
}

static void *call_with_itself(void *unused) {
    gate_function function = make_function("void (void *)", address_of(leave_errno), "leave_errno");
    gate_direct direct = prepare(&function, GATE_CALL_DEFAULT);
    pass_itself(&direct);
    cr_assert_eq(direct.error_number, EDOM);
    free_function(function);
    return unused;
}

Test(inline, what_it_was_prepared_in_may_be_an_argument_of_it) {
    if (has_plans())
        run_task(call_with_itself, NULL);
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
    if (!has_plans())
        return;
    run_task(call_and_look, NULL);
    run_root(call_and_look);
}

/* Calls that begin and end all the time while their slots are claimed. */

static long increment_slowly(long value) {
    for (volatile long i = value % 64; i > 0; i--)
        ;
    return value + 1;
}

static void *call_often(void *over) {
    gate_function function = make_function("long (long)", address_of(increment_slowly), "increment");
    gate_direct direct = prepare(&function, GATE_CALL_DEFAULT);
    for (long i = 0; !atomic_load((_Atomic bool *)over); i++) {
        cr_assert_eq(call_default(&direct, i), i + 1);
        cr_assert_not_null(gate__m()->slot, "it goes on without a slot");
        if (i % 16 == 0)
            gate_task_yield();
    }
    free_function(function);
    return NULL;
}

Test(inline, short_ones_race_with_claims_and_lose_nothing) {
    if (has_plans())
        race_with_claims(call_often);
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
    if (has_plans())
        run_task(call_to_look_at_record, NULL);
}

/* backtrace() and frame pointers lead from C to the function that called it, whose stack is another, and to the task's
 * first frame. */

static struct {
    void *frames[64];
    int count;
} trace;

static long take_backtrace(long value) {
    trace.count = backtrace(trace.frames, 64);
    return value;
}

static long follow_frame_pointers(long value) {
    trace.count = 0;
    for (void **frame = __builtin_frame_address(0); frame && trace.count < 64; frame = *frame)
        trace.frames[trace.count++] = frame[1];
    return value;
}

/* In functions that call no others in line, and that frame pointers are to lead across. */
#define KEEP_FRAME_POINTER __asm__ volatile("" : : "r"(__builtin_frame_address(0)))

static __attribute__((noinline)) long call_for_trace(gate_direct *direct) {
    GATE_INLINE_WORD(0, long, 64);
    GATE_INLINE_CALL(DEFAULT, direct, 1, 0, long, double);
    return gate_word + 1;
}

static __attribute__((noinline)) long call_that(gate_direct *direct) {
    KEEP_FRAME_POINTER;
    return call_for_trace(direct) + 1;
}

/* Whether a return address of the trace is in the 256 bytes of code that begin at function. */
static bool has_frame_of(void (*function)(void)) {
    for (int i = 0; i < trace.count; i++) {
        if ((uintptr_t)trace.frames[i] - (uintptr_t)function < 256)
            return true;
    }
    return false;
}

static void *trace_by(void *way) {
    KEEP_FRAME_POINTER;
    gate_function function = make_function("long (long)", (void (*)(void))way, "trace");
    gate_direct direct = prepare(&function, GATE_CALL_DEFAULT);
    cr_assert_eq(call_that(&direct), 66);
    cr_assert(has_frame_of(address_of(call_for_trace)));
    cr_assert(has_frame_of(address_of(call_that)));
    cr_assert_lt(trace.count, 40, "the trace does not end at the task's first frame");
    free_function(function);
    return NULL;
}

Test(inline, backtraces_and_frame_pointers_lead_to_who_called) {
    if (!has_plans())
        return;
    run_task(trace_by, (void *)take_backtrace);
    run_task(trace_by, (void *)follow_frame_pointers);
}

/* What else may happen to a call. */

static long end_thread(long value) {
    pthread_exit((void *)value);
}

static long touch(long address) {
    return *(const volatile long *)address;
}

static void *call_named(void *address) {
    gate_function function = make_function("long (long)", (void (*)(void))address, "unlucky");
    gate_direct direct = prepare(&function, GATE_CALL_DEFAULT);
    call_for_trace(&direct);
    free_function(function);
    return NULL;
}

static void call_in_task(void *address) {
#ifndef GATE_TEST_PLAIN /* where a test before this one, in the same process, has had ours installed */
    signal(SIGSEGV, SIG_DFL);
#endif
    start(1);
    join(spawn("x", call_named, address));
}

Test(inline, one_whose_function_ends_its_thread_is_fatal_and_named) {
    if (has_plans())
        cr_assert_dies_with(call_in_task, (void *)end_thread,
                            unless_on_a_fibre("gate_call: the thread of task 'x' (#2) ended in a call of 'unlucky'"));
}

Test(inline, one_whose_function_faults_is_reported_with_who_called) {
    char output[16 * 1024];
    unsigned frames = 0;
    if (!has_plans())
        return;
    int status = dies(call_in_task, (void *)touch, output, sizeof output);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %d: %s", status, output);
    cr_assert_not_null(strstr(output, "(nothing is mapped there) in a call of unlucky\n"), "%s", output);
    cr_assert_null(strstr(output, "not on it"), "%s", output);
    cr_assert_null(strstr(output, "the task's frames"), "C's lead there: %s", output);
    for (const char *at = strstr(output, "(256 KiB)"); at && (at = strchr(at, '\n')) != NULL; at++)
        frames += at[1] != '\0';
    cr_assert_geq(frames, 5u, "C, who called it and his caller, and the task's first two or three: %s", output);
}

static long sleep_in_c(long seconds) {
    struct timespec time = {.tv_sec = seconds};
    return nanosleep(&time, NULL);
}

static void *sleep_in_line(void *unused) {
    gate_function function = make_function("long (long)", address_of(sleep_in_c), "sleep_in_c");
    gate_direct direct = prepare(&function, GATE_CALL_DEFAULT);
    cr_assert_eq(call_default(&direct, 30), -1);
    cr_assert_eq(direct.error_number, EINTR);
    free_function(function);
    return unused;
}

Test(inline, one_can_be_interrupted) {
    if (!has_plans())
        return;
    gate_runtime *runtime = start(2);
    gate_task *task = spawn("sleeps", sleep_in_line, NULL);
    bool sent = false;
    wait_until(sent || (sent = gate_task_interrupt(task) == 0));
    join(task);
    stop(runtime);
}

static long fork_in_c(long unused) {
    (void)unused;
    return fork();
}

static long wait_in_c(long child) {
    int status = 0;
    return waitpid((pid_t)child, &status, 0) == child && WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void *fork_in_line(void *unused) {
    gate_function forks = make_function("long (long)", address_of(fork_in_c), "fork_in_c"), others = forks;
    gate_direct direct = prepare(&forks, GATE_CALL_DEFAULT);
    others.address = address_of(increment);
    gate_direct other = prepare(&others, GATE_CALL_DEFAULT);
    long child = call_default(&direct, 0);
    if (child == 0)
        _exit((int)call_default(&other, 6));
    others.address = address_of(wait_in_c);
    other = prepare(&others, GATE_CALL_DEFAULT);
    cr_assert_eq(call_default(&other, child), 7);
    free_function(forks);
    return unused;
}

Test(inline, one_whose_function_forks_returns_in_the_child_too) {
    if (has_plans())
        run_task(fork_in_line, NULL);
}

static gate_direct from_handler;

static void call_from_handler(int number) {
    call_default(&from_handler, number);
}

static long raise_in_c(long number) {
    return raise((int)number);
}

/* In C, when that is called, or in interpreter code. */
static void *raise_usr1(void *in_c) {
    gate_function raises = make_function("long (long)", address_of(raise_in_c), "raises"), increments = raises;
    increments.address = address_of(increment);
    gate_direct direct = prepare(&raises, GATE_CALL_DEFAULT);
    from_handler = prepare(&increments, GATE_CALL_DEFAULT);
    return (void *)(in_c ? call_default(&direct, SIGUSR1) : raise_in_c(SIGUSR1));
}

static void raise_in_task(void *in_c) {
    struct sigaction action = {.sa_handler = call_from_handler, .sa_flags = SA_ONSTACK};
    sigaction(SIGUSR1, &action, NULL);
    start(1);
    join(spawn("signalled", raise_usr1, in_c));
}

Test(inline, one_from_a_signal_handler_is_fatal) {
    static const char words[] = "fatal: gate_call: called from a signal handler";
    if (!has_plans())
        return;
    cr_assert_dies_with(raise_in_task, NULL, words);
    cr_assert_dies_with(raise_in_task, &from_handler, words);
}

#endif
