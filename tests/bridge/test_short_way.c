/* The short way of callbacks, which their code takes by itself: it does what the long one does. Each first callback of a
 * task takes that, and opens the short one. That both find all arguments is test_abi.c's to prove. */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/bridge.h"

enum { TIMES = 5 };

static gate_runtime *host;
static gate_signature *int_int;
static gate_function repeating;
static gate_callback *callback;
static int seen_by_c[TIMES], errno_of_c[TIMES];
static bool came_short[TIMES];

/* C calls back several times in one call. */
static int repeat(int_to_int function, int x) {
    for (int i = 0; i < TIMES; i++) {
        errno = EXDEV;
        seen_by_c[i] = function(x + i);
        errno_of_c[i] = errno;
    }
    return 7;
}

/* Whether the handler that returns to address was called by the short way. */
static bool is_short(const void *address) {
    return (uintptr_t)address - (uintptr_t)gate__arch_arrive_pair_word4 < 8192;
}

static void note_way(const void *address, int i) {
    came_short[i] = is_short(address);
}

/* There libffi makes the callbacks. */
__attribute__((weak)) void __msan_unpoison(const volatile void *address, size_t size);

/* All but the first, unless somebody wants to hear of each. */
static void check_ways(void) {
    bool is_there = gate__foreign_is_plain() && !__msan_unpoison;
    for (int i = 0; i < TIMES; i++)
        cr_assert_eq(came_short[i], i > 0 && is_there, "callback %d", i);
}

/* Runs handler TIMES times below one call, which returns status. */
static void run(gate_handler handler, int status, int *result) {
    void (*address)(void);
    int zero = 0;
    callback = make_callback(host, int_int, handler, NULL);
    address = gate_callback_address(callback);
    gate_task_current()->short_way = 0;
    cr_assert_eq(gate_call(&repeating, result, (void *[]){&address, &zero}), status);
    cr_assert_eq(gate_callback_free(callback), 0);
}

/* In a root task and in a stackful one. */
static void run_everywhere(gate_task_main body) {
    host = start(1);
    int_int = parse("int (int)");
    repeating = make_function("int (int (*)(int), int)", address_of(repeat), "repeat");
    body(NULL);
    join(spawn("calls back", body, NULL));
    free_function(repeating);
    gate_signature_free(int_int);
    stop(host);
}

/* What a handler finds, and C */

static int look_around(void *unused, void *result, void *const arguments[]) {
    int i = *(int *)arguments[0];
    gate_m *m = gate__m();
    struct gate__arrival *arrival = m->task->arrival;
    (void)unused;
    note_way(__builtin_return_address(0), i);
    cr_assert(arrival && arrival->callback == callback && !arrival->outer);
    cr_assert(gate__m_keeps_task(m) && m->pins == 0);
    cr_assert_eq(atomic_load(&m->call), GATE__M_RUNNING);
    cr_assert_not_null(m->slot);
    cr_assert_eq((uintptr_t)__builtin_frame_address(0) % 16, 0);
    cr_assert_eq(*(int *)result, 0);
    *(int *)result = 10 * i;
    errno = EDOM;
    if (i % 2)
        gate_callback_set_errno(ERANGE);
    return 0;
}

static void *find_all_in_order(void *unused) {
    gate_m *m = gate__m();
    void *system_sp = m->system_sp;
    int result = 0;
    run(look_around, 0, &result);
    cr_assert_eq(result, 7);
    check_ways();
    for (int i = 0; i < TIMES; i++) {
        cr_assert_eq(seen_by_c[i], 10 * i);
        cr_assert_eq(errno_of_c[i], i % 2 ? ERANGE : EXDEV);
    }
    cr_assert(m == gate__m() && m->system_sp == system_sp && m->pins == 0 && !m->task->arrival);
    cr_assert_eq(m->task->bound, m->task == m->root ? m : NULL);
    return unused;
}

Test(short_way, finds_and_leaves_all_as_the_long_one_does) {
    run_everywhere(find_all_in_order);
}

/* One argument may be in two registers, alone or behind another. */

struct wide {
    long first, second;
};

static int call_with_wide(int (*function)(char, struct wide), int x) {
    for (int i = 0; i < TIMES; i++)
        seen_by_c[i] = function((char)i, (struct wide){x + i, 100});
    return 7;
}

static int add_up(void *unused, void *result, void *const arguments[]) {
    const struct wide *wide = arguments[1];
    (void)unused;
    note_way(__builtin_return_address(0), *(char *)arguments[0]);
    *(int *)result = (int)(wide->first + wide->second);
    return 0;
}

static int call_with_wide_alone(int (*function)(struct wide), int x) {
    for (int i = 0; i < TIMES; i++)
        seen_by_c[i] = function((struct wide){x + i, 100});
    return 7;
}

static int add_up_alone(void *unused, void *result, void *const arguments[]) {
    const struct wide *wide = arguments[0];
    (void)unused;
    note_way(__builtin_return_address(0), (int)wide->first);
    *(int *)result = (int)(wide->first + wide->second);
    return 0;
}

static void pass(const char *type, void (*caller)(void), gate_handler adder) {
    gate_signature *own = int_int;
    int result = 0;
    int_int = parse(type);
    repeating.address = caller;
    run(adder, 0, &result);
    check_ways();
    for (int i = 0; i < TIMES; i++)
        cr_assert_eq(seen_by_c[i], i + 100, "%d of %s", seen_by_c[i], type);
    gate_signature_free(int_int);
    int_int = own;
}

static void *pass_wide(void *unused) {
    pass("int (char, struct wide { long first, second; })", address_of(call_with_wide), add_up);
    pass("int (struct wide { long first, second; })", address_of(call_with_wide_alone), add_up_alone);
    return unused;
}

Test(short_way, has_all_registers_of_a_struct_that_is_in_two) {
    run_everywhere(pass_wide);
}

/* Failures */

static int failed_at, handled;

static int fail_once(void *unused, void *result, void *const arguments[]) {
    int i = *(int *)arguments[0];
    (void)unused;
    note_way(__builtin_return_address(0), i);
    handled++;
    *(int *)result = 1 + i;
    return i == failed_at ? 17 : 0;
}

static void *fail_at_each(void *unused) {
    for (failed_at = 0; failed_at <= TIMES; failed_at++) {
        int result = 0;
        handled = 0;
        run(fail_once, failed_at < TIMES ? 17 : 0, &result);
        cr_assert_eq(handled, failed_at < TIMES ? failed_at + 1 : TIMES, "none runs after one has failed");
        for (int i = 0; i < TIMES; i++)
            cr_assert_eq(seen_by_c[i], i < failed_at ? 1 + i : 0);
    }
    check_ways();
    return unused;
}

Test(short_way, a_failure_ends_it_and_comes_back_from_the_call) {
    run_everywhere(fail_at_each);
}

/* The slot */

static atomic_int others_ran;

static void *run_beside(void *unused) {
    atomic_fetch_add(&others_ran, 1);
    return unused;
}

static int spawn_and_compute(void *unused, void *result, void *const arguments[]) {
    int i = *(int *)arguments[0];
    (void)unused;
    note_way(__builtin_return_address(0), i);
    gate_task *task = spawn("beside", run_beside, NULL);
    gate_task_detach(task);
    while (!gate_task_should_yield()) /* asked for after 10 ms, since a task waits */
        continue;
    *(int *)result = i;
    return 0;
}

/* The handler that C called has kept the other waiting, which has the slot at once. */
static int wait_for_others(int_to_int function, int x) {
    for (int i = 0; i < TIMES; i++) {
        int before = atomic_load(&others_ran);
        seen_by_c[i] = function(x + i);
        cr_assert_null(gate__m()->slot);
        wait_until(atomic_load(&others_ran) > before);
    }
    return 7;
}

static void *be_asked_to_yield(void *unused) {
    int result = 0;
    repeating.address = address_of(wait_for_others);
    run(spawn_and_compute, 0, &result);
    cr_assert_eq(result, 7);
    check_ways();
    for (int i = 0; i < TIMES; i++)
        cr_assert_eq(seen_by_c[i], i);
    return unused;
}

Test(short_way, gives_the_slot_up_behind_a_handler_that_is_asked_for_it) {
    run_everywhere(be_asked_to_yield);
}

static atomic_bool over;

static void *hold_the_slot(void *unused) {
    while (!atomic_load(&over)) {
        atomic_fetch_add(&others_ran, 1);
        gate_task_yield();
    }
    return unused;
}

/* The slot is another task's by the time C calls back. */
static int sleep_and_call(int_to_int function, int x) {
    for (int i = 0; i < TIMES; i++) {
        int before = atomic_load(&others_ran);
        wait_until(atomic_load(&others_ran) > before + 10);
        seen_by_c[i] = function(x + i);
    }
    return 7;
}

static void *lose_the_slot(void *unused) {
    int result = 0;
    repeating.address = address_of(sleep_and_call);
    atomic_store(&over, false);
    gate_task *holder = spawn("holds", hold_the_slot, NULL);
    run(look_around, 0, &result);
    atomic_store(&over, true);
    join(holder);
    cr_assert_eq(result, 7);
    check_ways();
    for (int i = 0; i < TIMES; i++)
        cr_assert_eq(seen_by_c[i], 10 * i);
    return unused;
}

Test(short_way, waits_for_a_slot_that_was_taken_from_the_call) {
    run_everywhere(lose_the_slot);
}

static int yield_and_call(void *unused, void *result, void *const arguments[]) {
    int i = *(int *)arguments[0];
    pthread_t thread = pthread_self();
    (void)unused;
    note_way(__builtin_return_address(0), i);
    gate_task_yield();
    block_ms(2);
    gate_task_sleep(1000 * 1000);
    cr_assert(pthread_equal(thread, pthread_self()), "C's frames lie on this thread");
    *(int *)result = i;
    return 0;
}

static void *wait_in_handlers(void *unused) {
    int result = 0;
    atomic_store(&over, false);
    gate_task *holder = spawn("holds", hold_the_slot, NULL);
    run(yield_and_call, 0, &result);
    atomic_store(&over, true);
    join(holder);
    cr_assert_eq(result, 7);
    check_ways();
    return unused;
}

Test(short_way, leads_to_handlers_that_may_wait_and_keep_their_thread) {
    run_everywhere(wait_in_handlers);
}

/* Guards */

static int see_no_guard(void *unused, void *result, void *const arguments[]) {
    int i = *(int *)arguments[0];
    (void)unused;
    note_way(__builtin_return_address(0), i);
    cr_assert_null(gate__m()->guard);
    *(int *)result = 0;
    return 0;
}

static int fault(int x) {
    __asm__ volatile("ud2");
    return x;
}

/* A guarded call in a handler, which closes the way by which that may have come. */
static int call_guarded(void *unused, void *result, void *const arguments[]) {
    gate_function faulting = {int_int, address_of(fault), "fault", GATE_CALL_GUARDED, NULL};
    int i = *(int *)arguments[0];
    (void)unused;
    cr_assert_eq(gate_call(&faulting, result, (void *[]){&i}), -EFAULT);
    cr_assert(gate_task_current()->short_way == 0 && !gate__m()->guard);
    *(int *)result = i;
    return 0;
}

static void *guard(void *unused) {
    int result = 0;
    run(see_no_guard, 0, &result);
    check_ways();
    repeating.call_class = GATE_CALL_GUARDED;
    run(see_no_guard, 0, &result);
    for (int i = 0; i < TIMES; i++)
        cr_assert_not(came_short[i], "the guard is left by the long way");
    repeating.call_class = GATE_CALL_DEFAULT;
    run(call_guarded, 0, &result);
    cr_assert_eq(result, 7);
    return unused;
}

Test(short_way, is_closed_in_guarded_calls_and_by_them) {
    run_everywhere(guard);
}

/* Another runtime, which another thread has started */

static gate_runtime *other;
static gate_callback *of_other;
static atomic_bool other_is_there;

static int run_in_the_other(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)arguments;
    cr_assert_eq(gate__m()->runtime, other);
    *(int *)result = 1;
    return 0;
}

static void sleep_until_over(void *unused) {
    (void)unused;
    while (!atomic_load(&over))
        usleep(1000);
}

static void *keep_other(void *unused) {
    other = start(1);
    gate_signature *signature = parse("int (int)");
    of_other = make_callback(other, signature, run_in_the_other, NULL);
    atomic_store(&other_is_there, true);
    gate__foreign_call(sleep_until_over, NULL);
    cr_assert_eq(gate_callback_free(of_other), 0);
    gate_signature_free(signature);
    stop(other);
    return unused;
}

/* C calls back into both in turns: with the other's handler the short way to this task is as open as before. */
static int take_turns(int_to_int function, int x) {
    int_to_int others = (int_to_int)gate_callback_address(of_other);
    for (int i = 0; i < TIMES; i++)
        seen_by_c[i] = function(x + i) + others(x) + others(x);
    return 7;
}

static void *call_both(void *unused) {
    int result = 0;
    repeating.address = address_of(take_turns);
    run(look_around, 0, &result);
    cr_assert_eq(result, 7);
    check_ways();
    for (int i = 0; i < TIMES; i++)
        cr_assert_eq(seen_by_c[i], 10 * i + 2);
    return unused;
}

Test(short_way, leads_to_handlers_of_the_calls_own_runtime_alone) {
    pthread_t thread;
    atomic_store(&over, false);
    pthread_create(&thread, NULL, keep_other, NULL);
    wait_until(atomic_load(&other_is_there));
    run_everywhere(call_both);
    atomic_store(&over, true);
    pthread_join(thread, NULL);
}

/* C that takes what is narrow for an int, as some code does that compilers make. */

static int find_minus(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)arguments;
    memset(result, 0xfb, sizeof(signed char));
    return 0;
}

static int find_minus_short(void *unused, void *result, void *const arguments[]) {
    find_minus(unused, result, arguments);
    memset(result, 0xfb, sizeof(short));
    return 0;
}

static void get_narrow(const char *text, gate_handler handler, int expected) {
    gate_signature *wide = int_int;
    int result;
    int_int = parse(text);
    run(handler, 0, &result);
    for (int i = 0; i < TIMES; i++)
        cr_assert_eq(seen_by_c[i], expected, "%s: %d", text, seen_by_c[i]);
    gate_signature_free(int_int);
    int_int = wide;
}

static void *get_all_narrow(void *unused) {
    get_narrow("signed char (int)", find_minus, (signed char)0xfb);
    get_narrow("unsigned char (int)", find_minus, 0xfb);
    get_narrow("short (int)", find_minus_short, (short)0xfbfb);
    get_narrow("unsigned short (int)", find_minus_short, 0xfbfb);
    return unused;
}

Test(short_way, extends_a_narrow_result_by_its_sign_as_the_long_one_does) {
    run_everywhere(get_all_narrow);
}
