/* Callbacks: on the task in the call, from threads of C's own, nested, failing, and freed. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/bridge.h"
#include "tests/support/fork.h"
#include "tests/support/refuse.h"

static gate_signature *int_int, *takes_callback;
static gate_runtime *host;

static gate_function caller;

static void set_up_with(const struct gate_runtime_config *config) {
    cr_assert_eq(gate_runtime_start(config, &host, NULL), 0);
    int_int = parse("int (int)");
    takes_callback = parse("int (int (*)(int), int)");
    caller = (gate_function){.signature = takes_callback, .address = address_of(call_it), .name = "call_it"};
}

static void set_up(uint32_t slots) {
    set_up_with(&(struct gate_runtime_config){.slots = slots, .task_stack_size = 256 * 1024});
}

static void tear_down(void) {
    stop(host);
    gate_signature_free(int_int);
    gate_signature_free(takes_callback);
}

/* Calls C, which calls callback with x. */
static int through_c(gate_callback *callback, int x, int *result) {
    void (*address)(void) = gate_callback_address(callback);
    void *arguments[] = {&address, &x};
    return gate_call(&caller, result, arguments);
}

static int twice(void *data, void *result, void *const arguments[]) {
    *(const char **)data = __builtin_frame_address(0);
    *(int *)result = 2 * *(int *)arguments[0];
    return 0;
}

static void *call_back_once(void *unused) {
    const char *handled_on = NULL;
    gate_task *self = gate_task_current();
    gate_callback *callback = make_callback(host, int_int, twice, &handled_on);
    int result = 0;
    cr_assert_eq(through_c(callback, 20, &result), 0);
    cr_assert_eq(result, 41);
    if (self->stack.base)
        cr_assert(handled_on >= self->stack.base && handled_on < self->stack.base + self->stack.size);
    cr_assert_eq(gate_callback_free(callback), 0);
    return unused;
}

Test(callback, runs_on_the_stack_of_the_task_in_the_call) {
    set_up(1);
    call_back_once(NULL);
    join(spawn("calls back", call_back_once, NULL));
    tear_down();
}

/* Counts down through C: handler -> gate_call -> C -> handler ... */
static gate_callback *counter;

static int count_down(void *unused, void *result, void *const arguments[]) {
    int left = *(int *)arguments[0], below = 0;
    (void)unused;
    if (left > 0 && through_c(counter, left - 1, &below))
        return 1;
    *(int *)result = below + 1;
    return 0;
}

static void *nest(void *depth) {
    int result = 0;
    counter = make_callback(host, int_int, count_down, NULL);
    cr_assert_eq(through_c(counter, (int)(intptr_t)depth, &result), 0);
    cr_assert_eq(result, 2 * ((int)(intptr_t)depth + 1));
    gate_callback_free(counter);
    return NULL;
}

Test(callback, nest_to_any_depth_that_the_stacks_hold) {
    set_up(1);
    join(spawn("nests", nest, (void *)50));
    nest((void *)50);
    tear_down();
}

/* Whose call it was */

static void *hosts[4];

static int see_host(void *unused, void *result, void *const arguments[]) {
    hosts[0] = gate_call_host();
    *(int *)result = *(int *)arguments[0];
    return unused != NULL;
}

static int see_hosts(void *seeing, void *result, void *const arguments[]) {
    int below = 0;
    gate_function inner = caller;
    void (*address)(void) = gate_callback_address(seeing);
    void *of_inner[] = {&address, &below};
    (void)arguments;
    inner.host = &hosts[0];
    hosts[1] = gate_call_host();
    cr_assert_eq(gate_call(&inner, &below, of_inner), 0);
    hosts[2] = gate_call_host();
    *(int *)result = below;
    return 0;
}

static void *tell_hosts(void *unused) {
    gate_callback *seeing = make_callback(host, int_int, see_host, NULL);
    gate_callback *outer = make_callback(host, int_int, see_hosts, seeing);
    int result = 0;
    caller.host = &hosts[1];
    cr_assert_eq(through_c(outer, 0, &result), 0);
    cr_assert_eq(hosts[1], &hosts[1]);
    cr_assert_eq(hosts[0], &hosts[0], "the inner call's");
    cr_assert_eq(hosts[2], &hosts[1], "and when that is over, the outer one's");
    cr_assert_null(gate_call_host());
    gate_callback_free(outer);
    gate_callback_free(seeing);
    return unused;
}

Test(callback, a_handler_is_told_whose_call_led_to_it) {
    cr_assert_null(gate_call_host());
    set_up(1);
    tell_hosts(NULL);
    join(spawn("tells", tell_hosts, NULL));
    tear_down();
}

/* Failing */

static int handled;

static int fail(void *status, void *result, void *const arguments[]) {
    (void)arguments;
    handled++;
    *(int *)result = 1234;
    return (int)(intptr_t)status;
}

static int seen_by_c[3];

static int call_thrice(int_to_int callback, int x) {
    for (int i = 0; i < 3; i++)
        seen_by_c[i] = callback(x);
    return 5;
}

static void *fail_below_a_call(void *unused) {
    gate_callback *failing = make_callback(host, int_int, fail, (void *)17);
    gate_function thrice = {.signature = takes_callback, .address = address_of(call_thrice), .name = "call_thrice"};
    void (*address)(void) = gate_callback_address(failing);
    int x = 0, result = 0;
    void *arguments[] = {&address, &x};
    handled = 0;
    seen_by_c[0] = seen_by_c[1] = seen_by_c[2] = -1;
    cr_assert_eq(gate_call(&thrice, &result, arguments), 17);
    cr_assert_eq(handled, 1, "later callbacks below the same call must not run");
    cr_assert(seen_by_c[0] == 0 && seen_by_c[1] == 0 && seen_by_c[2] == 0, "C gets zero");
    cr_assert_eq(gate_call(&thrice, &result, arguments), 17, "the next call starts afresh");
    gate_callback_free(failing);
    return unused;
}

Test(callback, a_failure_comes_back_from_the_call_that_led_to_it_and_c_gets_zero) {
    set_up(1);
    fail_below_a_call(NULL);
    join(spawn("fails", fail_below_a_call, NULL));
    tear_down();
}

/* What C gets: of each type's size and registers, and by arguments of which the short way has code of its own. */

struct three {
    long a, b, c;
};

#define THRICE(type, name, parameters, arguments)                              \
    static void call_##name##_thrice(type(*callback) parameters, type *seen) { \
        for (int i = 0; i < 3; i++)                                            \
            seen[i] = callback arguments;                                      \
    }

THRICE(short, short, (int), (i))
THRICE(unsigned char, byte, (int), (i))
THRICE(int, int, (int), (i))
THRICE(long, long, (int, int, int), (i, i, i))
THRICE(void *, pointer, (void), ())
THRICE(float, float, (int), (i))
THRICE(double, double, (double), (i))
THRICE(struct three, three, (int), (i))

static const struct typed {
    const char *signature;
    size_t size;
    void (*thrice)(void);
} typed[] = {
    {"short (int)", sizeof(short), address_of(call_short_thrice)},
    {"unsigned char (int)", sizeof(char), address_of(call_byte_thrice)},
    {"int (int)", sizeof(int), address_of(call_int_thrice)},
    {"long (int, int, int)", sizeof(long), address_of(call_long_thrice)},
    {"void *(void)", sizeof(void *), address_of(call_pointer_thrice)},
    {"float (int)", sizeof(float), address_of(call_float_thrice)},
    {"double (double)", sizeof(double), address_of(call_double_thrice)},
    {"struct { long a, b, c; } (int)", sizeof(struct three), address_of(call_three_thrice)},
};

/* The first time all is well, and the next callback comes by the short way, if there is one. */
static int fail_at_second(void *size, void *result, void *const arguments[]) {
    (void)arguments;
    memset(result, ++handled, *(const size_t *)size);
    return handled == 2 ? 17 : 0;
}

static void get_refusal(const struct typed *type) {
    size_t size = type->size;
    char seen[3 * sizeof(struct three)], first[sizeof(struct three)], refusal[sizeof(struct three)];
    struct gate_callback_config config = {
        .signature = parse(type->signature), .handler = fail_at_second, .host = &size, .refusal = refusal};
    gate_callback *callback = NULL;
    gate_signature *signature = parse("void (void *, void *)");
    gate_function thrice = {.signature = signature, .address = type->thrice, .name = type->signature};
    memset(first, 1, size);
    memset(refusal, 0x41, size);
    cr_assert_eq(gate_callback_make(host, &config, &callback, NULL), 0);
    void (*address)(void) = gate_callback_address(callback);
    void *to = seen, *arguments[] = {&address, &to};
    memset(refusal, 0, size);
    handled = 0;
    cr_assert_eq(gate_call(&thrice, NULL, arguments), 17);
    cr_assert_eq(handled, 2);
    memset(refusal, 0x41, size);
    cr_assert_eq(memcmp(seen, first, size), 0);
    cr_assert_eq(memcmp(seen + size, refusal, size), 0, "%s: the one that failed", type->signature);
    cr_assert_eq(memcmp(seen + 2 * size, refusal, size), 0, "%s: the one behind it", type->signature);
    gate_callback_free(callback);
    gate_signature_free((gate_signature *)(uintptr_t)config.signature);
    gate_signature_free(signature);
}

static void *get_refusals(void *unused) {
    for (size_t i = 0; i < sizeof typed / sizeof *typed; i++)
        get_refusal(&typed[i]);
    return unused;
}

Test(callback, c_gets_what_the_host_has_said_when_a_handler_fails) {
    set_up(1);
    get_refusals(NULL);
    join(spawn("fails", get_refusals, NULL));
    tear_down();
}

/* C that is to have a result in memory of its own, which comes first. */
static int ask_for_large(void *(*function)(void *room), long room[5]) {
    memset(room, 0x5a, 5 * sizeof *room);
    return function(room) == room;
}

static int store_nothing(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    return 0;
}

static void *get_nothing(void *unused) {
    static const long zeroes[5];
    gate_signature *large = parse("struct { long words[5]; } (void)");
    gate_function asks = make_function("int (void *, long *)", address_of(ask_for_large), "ask_for_large");
    gate_callback *callback = make_callback(host, large, store_nothing, NULL);
    void (*address)(void) = gate_callback_address(callback);
    long room[5], *at = room;
    int is_there = 0;
    cr_assert_eq(gate_call(&asks, &is_there, (void *[]){&address, &at}), 0);
    cr_assert_eq(is_there, 1);
    cr_assert_eq(memcmp(room, zeroes, sizeof room), 0);
    cr_assert_eq(gate_callback_free(callback), 0);
    free_function(asks);
    gate_signature_free(large);
    return unused;
}

Test(callback, a_result_in_cs_memory_is_zero_until_it_is_stored) {
    set_up(1);
    get_nothing(NULL);
    join(spawn("stores nothing", get_nothing, NULL));
    tear_down();
}

static int fail_inside_and_recover(void *failing, void *result, void *const arguments[]) {
    int below = 0;
    (void)arguments;
    cr_assert_eq(through_c(failing, 1, &below), 9);
    *(int *)result = 100;
    return 0;
}

Test(callback, a_failure_that_the_handler_above_takes_goes_no_further) {
    set_up(1);
    gate_callback *failing = make_callback(host, int_int, fail, (void *)9);
    gate_callback *recovering = make_callback(host, int_int, fail_inside_and_recover, failing);
    int result = 0;
    cr_assert_eq(through_c(recovering, 1, &result), 0);
    cr_assert_eq(result, 101);
    gate_callback_free(recovering);
    gate_callback_free(failing);
    tear_down();
}

/* errno */

static int spoil_errno(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    block_ms(2);
    errno = EPROTO;
    return 0;
}

static int errno_around(int_to_int callback, int number) {
    errno = number;
    callback(0);
    return errno;
}

static int set_errno_for_c(void *number, void *result, void *const arguments[]) {
    (void)arguments;
    *(int *)result = 0;
    gate_callback_set_errno((int)(intptr_t)number);
    gate_task_yield();
    return 0;
}

/* What C finds in errno, which was EXDEV, behind a callback. */
static int errno_behind(gate_handler handler, void *data) {
    gate_callback *callback = make_callback(host, int_int, handler, data);
    gate_function function = {.signature = takes_callback, .address = address_of(errno_around), .name = "errno_around"};
    void (*address)(void) = gate_callback_address(callback);
    int number = EXDEV, result = 0;
    void *arguments[] = {&address, &number};
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert_eq(gate_errno(), result);
    gate_callback_free(callback);
    return result;
}

static void *keep_errno(void *unused) {
    cr_assert_eq(errno_behind(spoil_errno, NULL), EXDEV);
    return unused;
}

static void *change_errno(void *unused) {
    cr_assert_eq(errno_behind(set_errno_for_c, (void *)ERANGE), ERANGE);
    return unused;
}

Test(callback, leaves_c_its_errno) {
    set_up(1);
    join(spawn("errno", keep_errno, NULL));
    tear_down();
}

Test(callback, may_set_cs_errno) {
    set_up(1);
    join(spawn("errno", change_errno, NULL));
    change_errno(NULL);
    tear_down();
}

static void set_errno_outside(void *unused) {
    (void)unused;
    set_up(1);
    gate_callback_set_errno(EDOM);
}

Test(callback, sets_no_errno_outside_a_handler) {
    cr_assert_dies_with(set_errno_outside, NULL, "gate_callback_set_errno: called outside a handler");
}

static int see_self(void *unused, void *result, void *const arguments[]) {
    struct gate_task_info info;
    (void)unused, (void)arguments;
    cr_assert_eq(gate_runtime_list(host, &info, 1), 1u);
    *(int *)result = (int)info.state;
    return 0;
}

Test(callback, the_handlers_task_is_listed_as_running) {
    set_up(1);
    gate_callback *callback = make_callback(host, int_int, see_self, NULL);
    int result = 0;
    cr_assert_eq(through_c(callback, 0, &result), 0);
    cr_assert_eq(result, GATE_TASK_RUNNING + 1);
    gate_callback_free(callback);
    tear_down();
}

/* Blocking in handlers, and other tasks meanwhile */

static int park_in_handler(void *unused, void *result, void *const arguments[]) {
    pthread_t before = pthread_self();
    (void)unused, (void)arguments;
    for (int i = 0; i < 5; i++) {
        gate_task_yield();
        block_ms(1);
        gate_task_ready(gate_task_current());
        gate_task_park("itself");
    }
    *(int *)result = pthread_equal(before, pthread_self());
    return 0;
}

static void *call_and_park(void *unused) {
    gate_callback *callback = make_callback(host, int_int, park_in_handler, NULL);
    for (int i = 0; i < 5; i++) {
        int result = 0;
        cr_assert_eq(through_c(callback, 0, &result), 0);
        cr_assert_eq(result, 2, "the handler changed its thread");
        cr_assert_null(gate_task_current()->bound, "any thread may run it now");
    }
    gate_callback_free(callback);
    return unused;
}

Test(callback, handlers_may_yield_block_and_park_and_stay_on_their_thread) {
    set_up(2);
    gate_task *tasks[10];
    for (int i = 0; i < 10; i++)
        tasks[i] = spawn("parks below C", call_and_park, NULL);
    for (int i = 0; i < 10; i++)
        join(tasks[i]);
    tear_down();
}

/* Threads of C's own */

enum { FOREIGN_CALLS = 200 };

static int plain_count; /* safe: one slot */

static int count_plainly(void *unused, void *result, void *const arguments[]) {
    int before = plain_count;
    (void)unused;
    if (before % 50 == 0)
        usleep(100); /* another with a slot would count meanwhile */
    plain_count = before + 1;
    *(int *)result = *(int *)arguments[0] + 1;
    cr_assert_not_null(gate_task_current());
    cr_assert_str_eq(gate_task_name(gate_task_current()), "thread");
    return 0;
}

static void *call_from_outside(void *callback) {
    int_to_int function = (int_to_int)gate_callback_address(callback);
    for (int i = 0; i < FOREIGN_CALLS; i++)
        cr_assert_eq(function(i), i + 1);
    return NULL;
}

static int run_threads(gate_callback *callback) {
    pthread_t threads[8];
    for (int i = 0; i < 8; i++)
        pthread_create(&threads[i], NULL, call_from_outside, callback);
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    return 0;
}

static void *run_threads_in_a_call(void *callback) {
    gate_signature *signature = parse("int (void *)");
    gate_function function = {.signature = signature, .address = address_of(run_threads), .name = "run_threads"};
    void *arguments[] = {&callback};
    cr_assert_eq(gate_call(&function, NULL, arguments), 0);
    gate_signature_free(signature);
    return NULL;
}

Test(callback, from_threads_that_the_runtime_never_saw_take_turns_with_the_slot) {
    set_up(1);
    plain_count = 0;
    gate_callback *callback = make_callback(host, int_int, count_plainly, NULL);
    join(spawn("starts threads", run_threads_in_a_call, callback));
    cr_assert_eq(plain_count, 8 * FOREIGN_CALLS);
    gate_callback_free(callback);
    tear_down();
}

static void *call_once_from_outside(void *callback) {
    int_to_int function = (int_to_int)gate_callback_address(callback);
    return (void *)(intptr_t)function(1);
}

static int run_one_thread(gate_callback *callback) {
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, call_once_from_outside, callback);
    pthread_join(thread, &result);
    return (int)(intptr_t)result;
}

/* All slots taken: this test has the only one, in interpreter code. */

enum { REFUSED = 77 };

static gate_callback *make_refusing(uint64_t patience) {
    int refusal = REFUSED;
    struct gate_callback_config config = {.signature = int_int,
                                          .handler = count_plainly,
                                          .refusal = &refusal,
                                          .busy = GATE_BUSY_REFUSES,
                                          .patience = patience};
    gate_callback *callback = NULL;
    cr_assert_eq(gate_callback_make(host, &config, &callback, NULL), 0);
    return callback;
}

Test(callback, from_a_thread_that_finds_no_slot_is_refused_at_once_or_when_its_patience_ends) {
    set_up(1);
    gate_callback *callbacks[] = {make_refusing(0), make_refusing(20 * 1000 * 1000)};
    plain_count = 0;
    for (uint64_t i = 0; i < 2; i++) {
        uint64_t before = gate__os_now();
        cr_assert_eq(run_one_thread(callbacks[i]), REFUSED);
        cr_assert_geq(gate__os_now() - before, i * 20 * 1000 * 1000);
        cr_assert_eq(host->workers.wanted, 0u, "no thread is wanted for a task that waits no more");
        cr_assert_eq(gate_callback_free(callbacks[i]), 0);
    }
    cr_assert_eq(plain_count, 0);
    tear_down();
}

Test(callback, from_a_thread_that_finds_a_slot_in_time_is_not_refused) {
    set_up(1);
    gate_callback *patient = make_refusing(60 * 1000ull * 1000 * 1000);
    void *result = NULL;
    pthread_t thread;
    plain_count = 0;
    pthread_create(&thread, NULL, call_once_from_outside, patient);
    usleep(10 * 1000);
    cr_assert_eq(plain_count, 0);
    wait_until((block_ms(1), plain_count == 1));
    pthread_join(thread, &result);
    cr_assert_eq((int)(intptr_t)result, 2);
    cr_assert_eq(gate_callback_free(patient), 0);
    tear_down();
}

enum { HURRIED = 300 };
static _Atomic int refused_count, let_in;

static void *call_in_a_hurry(void *callback) {
    int_to_int function = (int_to_int)gate_callback_address(callback);
    for (int i = 0; i < HURRIED; i++) {
        int result = function(i);
        cr_assert(result == REFUSED || result == i + 1);
        atomic_fetch_add(result == i + 1 ? &let_in : &refused_count, 1);
    }
    return NULL;
}

static void *yield_and_block(void *threads_left) {
    while (atomic_load((_Atomic int *)threads_left) > 0) {
        for (int i = 0; i < 100; i++)
            gate_task_yield();
        block_ms(0);
    }
    return NULL;
}

static _Atomic int hurried_left;

static void *hurry(void *callback) {
    call_in_a_hurry(callback);
    atomic_fetch_sub(&hurried_left, 1);
    return NULL;
}

Test(callback, of_threads_whose_patience_ends_while_they_are_given_a_slot_none_is_lost) {
    set_up(1);
    gate_callback *callback = make_refusing(30 * 1000);
    gate_task *tasks[3];
    pthread_t threads[4];
    atomic_store(&refused_count, 0);
    atomic_store(&let_in, 0);
    atomic_store(&hurried_left, 4);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, hurry, callback);
    for (int i = 0; i < 3; i++)
        tasks[i] = spawn("busy", yield_and_block, &hurried_left);
    for (int i = 0; i < 3; i++)
        join(tasks[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(atomic_load(&refused_count) + atomic_load(&let_in), 4 * HURRIED);
    cr_assert_eq(gate_callback_free(callback), 0);
    tear_down();
}

static int reported;

static void note_failure(void *unused, gate_task *root, int status) {
    (void)unused;
    cr_assert_eq(root, gate_task_current());
    reported = status;
}

Test(callback, a_failure_on_a_thread_of_cs_own_goes_to_the_host_and_c_gets_zero) {
    struct gate_runtime_config config = {.hooks = {.callback_failed = note_failure}};
    set_up_with(&config);
    gate_function function = make_function("int (void *)", address_of(run_one_thread), "run_one_thread");
    gate_callback *callback = make_callback(host, int_int, fail, (void *)23);
    void *arguments[] = {&callback};
    int result = -1;
    cr_assert_eq(gate_call(&function, &result, arguments), 0);
    cr_assert_eq(result, 0);
    cr_assert_eq(reported, 23);
    gate_callback_free(callback);
    free_function(function);
    tear_down();
}

/* Forks */

static pid_t child;

/* In the child handlers run, and the one that forked makes calls that call back. */
static int fork_here(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)arguments;
    child = fork_guarded();
    if (child == 0) {
        call_back_once(NULL);
        _exit(WELL);
    }
    *(int *)result = 0;
    return 0;
}

static void *fork_in_handler(void *callback) {
    cr_assert_eq(through_c(callback, 0, NULL), 0);
    assert_well(child);
    return NULL;
}

Test(callback, run_in_the_child_of_a_handler_that_forks) {
    set_up(1);
    gate_callback *callback = make_callback(host, int_int, fork_here, NULL);
    call_back_once(NULL);
    join(spawn("calls back", call_back_once, NULL));
    wait_until_quiet(host);
    fork_in_handler(callback);
    join(spawn("forks", fork_in_handler, callback));
    gate_function function = make_function("int (void *)", address_of(run_one_thread), "run_one_thread");
    gate_call(&function, NULL, (void *[]){&callback});
    assert_well(child);
    gate_callback_free(callback);
    free_function(function);
    tear_down();
}

static void *call_in_child(void *callback) {
    child = fork_guarded();
    if (child == 0)
        ((int_to_int)gate_callback_address(callback))(4);
    wait_for(child);
    abort();
    return NULL;
}

static void call_in_a_runtime_that_is_gone(void *unused) {
    const char *handled_on;
    pthread_t thread;
    (void)unused;
    set_up(1);
    pthread_create(&thread, NULL, call_in_child, make_callback(host, int_int, twice, (void *)&handled_on));
    pthread_join(thread, NULL);
}

Test(callback, of_a_runtime_that_a_fork_has_left_behind_is_fatal) {
    cr_assert_dies_with(call_in_a_runtime_that_is_gone, NULL,
                        "gate_callback: 'a callback' was called after its runtime was stopped");
}

/* Lifetime */

static int add_to_own(void *own, void *result, void *const arguments[]) {
    *(int *)result = *(int *)own + *(int *)arguments[0];
    return 0;
}

Test(callback, a_hundred_thousand_live_at_once) {
    enum { MANY = 100 * 1000 };
    static gate_callback *callbacks[MANY];
    static int own[MANY];
    set_up(1);
    for (int i = 0; i < MANY; i++) {
        own[i] = i;
        callbacks[i] = make_callback(host, int_int, add_to_own, &own[i]);
    }
    for (int i = 0, result = 0; i < MANY; i++) {
        cr_assert_eq(through_c(callbacks[i], 7, &result), 0);
        cr_assert_eq(result, i + 7 + 1);
    }
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(gate_callback_free(callbacks[i]), 0);
    tear_down();
}

static int free_itself(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)arguments;
    *(int *)result = gate_callback_free(counter);
    return 0;
}

Test(callback, free_while_it_runs_is_ebusy) {
    set_up(1);
    int result = 0;
    counter = make_callback(host, int_int, free_itself, NULL);
    cr_assert_eq(through_c(counter, 0, &result), 0);
    cr_assert_eq(result, -EBUSY + 1);
    cr_assert_eq(gate_callback_free(counter), 0);
    cr_assert_eq(gate_callback_free(NULL), 0);
    tear_down();
}

static void free_unseen(void *unused) {
    int result = 0;
    set_up(1);
    counter = make_callback(host, int_int, free_itself, NULL);
    refuse_system_call(SYS_process_vm_readv, EPERM);
    through_c(counter, 1, &result);
    fprintf(stderr, "busy: %d\n", result == -EBUSY + 1);
    abort();
    (void)unused;
}

Test(callback, free_while_it_runs_is_ebusy_where_the_system_reads_no_memory_too) {
    cr_assert_dies_with(free_unseen, NULL, "busy: 1");
}

/* A handler that waits until it is told to go on. */
static atomic_bool handler_waits, handler_may_end;

static int wait_in_handler(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    atomic_store(&handler_waits, true);
    while (!atomic_load(&handler_may_end))
        block_ms(1);
    *(int *)result = *(int *)arguments[0];
    return 0;
}

static gate_callback *inner_callback;

static int call_the_waiting(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    return through_c(inner_callback, *(int *)arguments[0], result);
}

static void *call_through_c(void *callback) {
    cr_assert_eq(through_c(callback, 1, NULL), 0);
    return NULL;
}

static void *call_from_a_thread(void *callback) {
    cr_assert_eq(((int_to_int)gate_callback_address(callback))(1), 2);
    return NULL;
}

static void *call_in_place(void *callback) {
    ((int_to_int)gate_callback_address(callback))(1);
    return NULL;
}

static void begin_waiting(void) {
    atomic_store(&handler_waits, false);
    atomic_store(&handler_may_end, false);
}

/* Two handlers, one below the other, are in progress: neither callback can be freed, and another one can. */
static void free_what_runs(gate_callback *outer) {
    const char *unused;
    gate_callback *other = make_callback(host, int_int, twice, &unused);
    wait_until((block_ms(1), atomic_load(&handler_waits)));
    cr_assert_eq(gate_callback_free(outer), -EBUSY);
    cr_assert_eq(gate_callback_free(inner_callback), -EBUSY);
    cr_assert_eq(gate_callback_free(other), 0);
    atomic_store(&handler_may_end, true);
}

Test(callback, free_while_a_handler_runs_elsewhere_or_waits_below_another_is_ebusy) {
    static gate_task_main const ways[] = {call_through_c, call_in_place};
    pthread_t thread;
    set_up(2);
    inner_callback = make_callback(host, int_int, wait_in_handler, NULL);
    gate_callback *outer = make_callback(host, int_int, call_the_waiting, NULL);
    for (int i = 0; i < 2; i++) {
        begin_waiting();
        gate_task *task = spawn("calls back", ways[i], outer);
        free_what_runs(outer);
        join(task);
    }
    begin_waiting();
    pthread_create(&thread, NULL, call_from_a_thread, outer);
    free_what_runs(outer);
    gate__foreign_call(join_thread, &thread);
    cr_assert_eq(gate_callback_free(outer), 0);
    cr_assert_eq(gate_callback_free(inner_callback), 0);
    tear_down();
}

static int wait_for_guest(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    while (!atomic_load(&handler_may_end))
        gate_task_park("a guest");
    return 0;
}

static void *free_as_guest(void *root) {
    gate_task_enter_main();
    cr_assert_eq(gate_callback_free(inner_callback), -EBUSY);
    atomic_store(&handler_may_end, true);
    cr_assert_eq(gate_task_ready(root), 0);
    return NULL;
}

Test(callback, free_while_the_handler_of_a_threads_own_task_waits_for_a_guest_is_ebusy) {
    set_up(1);
    inner_callback = make_callback(host, int_int, wait_for_guest, NULL);
    begin_waiting();
    gate_task *guest = spawn("guest", free_as_guest, gate_task_current());
    cr_assert_eq(through_c(inner_callback, 1, NULL), 0);
    join(guest);
    cr_assert_eq(gate_callback_free(inner_callback), 0);
    tear_down();
}

/* What the thread's own handler is told before it gets to run: the only slot is the test's. */
static void *announce_and_call(void *callback) {
    atomic_store(&handler_waits, true);
    return call_in_place(callback);
}

Test(callback, free_while_c_waits_for_a_slot_is_ebusy) {
    const char *unused;
    pthread_t thread;
    set_up(1);
    gate_callback *callback = make_callback(host, int_int, twice, &unused);
    begin_waiting();
    pthread_create(&thread, NULL, announce_and_call, callback);
    wait_until(atomic_load(&handler_waits) && gate__queue_any_waits(host));
    cr_assert_eq(gate_callback_free(callback), -EBUSY);
    gate__foreign_call(join_thread, &thread);
    cr_assert_eq(gate_callback_free(callback), 0);
    tear_down();
}

Test(callback, without_a_handler_a_signature_or_a_runtime_is_einval) {
    set_up(1);
    gate_callback *callback = NULL;
    gate_error error;
    cr_assert_eq(gate_callback_make(host, &(struct gate_callback_config){.signature = int_int, .handler = NULL},
                                    &callback, &error),
                 -EINVAL);
    cr_assert_eq(gate_callback_make(host, &(struct gate_callback_config){.signature = NULL, .handler = twice},
                                    &callback, &error),
                 -EINVAL);
    cr_assert_eq(gate_callback_make(NULL, &(struct gate_callback_config){.signature = int_int, .handler = twice},
                                    &callback, &error),
                 -EINVAL);
    cr_assert_null(callback);
    tear_down();
}

Test(callback, called_by_interpreter_code_itself_runs_in_place) {
    set_up(1);
    const char *handled_on = NULL;
    gate_callback *callback = make_callback(host, int_int, twice, &handled_on);
    cr_assert_eq(((int_to_int)gate_callback_address(callback))(4), 8);
    gate_callback_free(callback);
    tear_down();
}

static int fail_and_see_host(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    hosts[0] = gate_call_host();
    return 9;
}

/* The handler below a call calls another's thunk by itself, which fails. */
static int call_failing_in_place(void *failing, void *result, void *const arguments[]) {
    *(int *)result = ((int_to_int)gate_callback_address(failing))(*(int *)arguments[0]);
    return 0;
}

static void *fail_in_place(void *unused) {
    gate_callback *failing = make_callback(host, int_int, fail_and_see_host, NULL);
    gate_callback *outer = make_callback(host, int_int, call_failing_in_place, failing);
    caller.host = &hosts[1];
    for (int i = 0; i < 3; i++) { /* the first has another way */
        hosts[0] = NULL;
        cr_assert_eq(through_c(outer, 1, NULL), 9);
        cr_assert_eq(hosts[0], (void *)&hosts[1]);
    }
    cr_assert_eq(gate_callback_free(outer), 0);
    cr_assert_eq(gate_callback_free(failing), 0);
    return unused;
}

Test(callback, called_by_a_handler_itself_is_below_the_call_that_led_to_that) {
    set_up(1);
    fail_in_place(NULL);
    join(spawn("fails", fail_in_place, NULL));
    tear_down();
}

static int fail_at_last(void *left, void *result, void *const arguments[]) {
    (void)result, (void)arguments;
    return --*(int *)left ? 0 : -7;
}

/* Several times: the first callback of a task has another way than those that follow. */
static void fail_negatively(void *times) {
    int left = *(int *)times;
    set_up(1);
    gate_callback *callback = make_callback(host, int_int, fail_at_last, (void *)&left);
    while (left > 0)
        call_through_c(callback);
}

Test(callback, a_handler_that_returns_a_negative_status_is_fatal_and_named) {
    for (int times = 1; times < 4; times++)
        cr_assert_dies_with(fail_negatively, &times, "gate_handler: the handler of 'a callback' returned -7");
}

static int fail_with_nine(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    return 9;
}

static void fail_alone(void *unused) {
    pthread_t thread;
    set_up(1);
    void *address = gate_callback_address(make_callback(host, int_int, fail_with_nine, NULL));
    pthread_create(&thread, NULL, (void *(*)(void *))(uintptr_t)address, unused);
    gate__foreign_call(join_thread, &thread);
    abort();
}

Test(callback, a_failure_that_no_call_led_to_is_shown_and_named_if_the_host_has_no_hook_for_that) {
    cr_assert_dies_with(fail_alone, NULL,
                        "callgate: the handler of 'a callback' failed with status 9 that no gate_call led to");
}

static int keep_the_thread(void *unused, void *result, void *const arguments[]) {
    gate_m *m = gate__m();
    (void)unused, (void)result, (void)arguments;
    for (int i = 0; i < 200; i++) {
        gate_task_sleep(10 * 1000);
        cr_assert_eq(gate__m(), m);
        gate_task_yield();
        cr_assert_eq(gate__m(), m);
    }
    return 0;
}

Test(callback, a_handler_keeps_its_thread_whoever_called_it) {
    static gate_task_main const ways[] = {call_through_c, call_in_place};
    gate_task *tasks[4];
    set_up(3);
    gate_callback *callback = make_callback(host, int_int, keep_the_thread, NULL);
    for (int i = 0; i < 4; i++)
        tasks[i] = spawn("calls back", ways[i % 2], callback);
    for (int i = 0; i < 4; i++)
        join(tasks[i]);
    cr_assert_eq(gate_callback_free(callback), 0);
    tear_down();
}

static void call_after_free(void *unused) {
    struct gate_callback_config config = {.signature = NULL, .handler = twice, .name = "compare, of script.lua:12"};
    gate_callback *callback = NULL;
    (void)unused;
    set_up(1);
    config.signature = int_int;
    gate_callback_make(host, &config, &callback, NULL);
    int_to_int function = (int_to_int)gate_callback_address(callback);
    cr_assert_eq(gate_callback_free(callback), 0);
    function(4);
}

Test(callback, called_after_its_free_is_fatal_and_names_where_it_was_made) {
    cr_assert_dies_with(call_after_free, NULL,
                        "gate_callback: C called a callback that has been freed: 'compare, of script.lua:12'");
}

static void call_after_stop(void *unused) {
    const char *handled_on;
    (void)unused;
    set_up(1);
    gate_callback *callback = make_callback(host, int_int, twice, (void *)&handled_on);
    stop(host);
    ((int_to_int)gate_callback_address(callback))(4);
}

Test(callback, called_after_the_stop_is_fatal) {
    cr_assert_dies_with(call_after_stop, NULL, "gate_callback: 'a callback' was called after its runtime was stopped");
}

static int stop_host(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    return gate_runtime_stop(host, NULL);
}

static void stop_in_a_handler(void *unused) {
    (void)unused;
    set_up(1);
    through_c(make_callback(host, int_int, stop_host, NULL), 1, NULL);
}

Test(callback, a_handler_that_stops_its_runtime_is_fatal) {
    cr_assert_dies_with(stop_in_a_handler, NULL, "gate_runtime_stop: called from a callback, or with the M held");
}

/* A thread that no memory is left to adopt: C has to get something, and nobody could say what. */

static void *call_it_once(void *function) {
    ((int_to_int)function)(4);
    return NULL;
}

static void call_back_without_memory(void *unused) {
    const char *handled_on;
    pthread_t thread;
    (void)unused;
    set_up_with(
        &(struct gate_runtime_config){.hooks = {.allocate = allocate_if_there_is, .deallocate = release_memory}});
    gate_callback *callback = make_callback(host, int_int, twice, (void *)&handled_on);
    atomic_store(&has_memory, false);
    pthread_create(&thread, NULL, call_it_once, (void *)gate_callback_address(callback));
    pthread_join(thread, NULL);
}

Test(callback, from_a_thread_that_there_is_no_memory_to_adopt_is_fatal) {
    cr_assert_dies_with(call_back_without_memory, NULL, "fatal: no memory to adopt a thread that calls back\n");
}

/* How many mappings are writable and executable. */
static unsigned count_writable_code(void) {
    FILE *maps = fopen("/proc/self/maps", "r");
    char line[512];
    unsigned lines = 0, found = 0;
    while (fgets(line, sizeof line, maps)) {
        char *permissions = strchr(line, ' ');
        lines++;
        found += permissions && permissions[2] == 'w' && permissions[3] == 'x';
    }
    fclose(maps);
    cr_assert_gt(lines, 10);
    return found;
}

Test(callback, no_page_is_writable_and_executable_while_callbacks_live) {
    if (count_writable_code()) /* Valgrind's, which come and go */
        return;
    set_up(1);
    gate_callback *callbacks[300];
    for (int i = 0; i < 300; i++)
        callbacks[i] = make_callback(host, int_int, twice, NULL);
    cr_assert_eq(count_writable_code(), 0);
    for (int i = 0; i < 300; i++)
        gate_callback_free(callbacks[i]);
    tear_down();
}

static void *call_back_from_a_leaf(void *callback) {
    gate_function leaf = caller;
    leaf.call_class = GATE_CALL_LEAF;
    void (*address)(void) = gate_callback_address(callback);
    int x = 1;
    void *arguments[] = {&address, &x};
    gate_call(&leaf, &x, arguments);
    return NULL;
}

static void break_a_leafs_promise(void *unused) {
    const char *frame;
    (void)unused;
    set_up(1);
    gate_callback *callback = make_callback(host, int_int, twice, &frame);
    join(spawn("only", call_back_from_a_leaf, callback));
}

Test(callback, below_a_call_of_class_leaf_is_fatal_and_names_the_function) {
    cr_assert_dies_with(break_a_leafs_promise, NULL, "gate_call: 'call_it', of class leaf, called back");
}

/* Many threads at once */

enum { CROWD = 64, CROWD_CALLS = 60, CROWD_SLOTS = 2 };

/* How often a runtime's host has heard of a thread, and of its end. */
struct heard {
    _Atomic unsigned adopted, dropped;
};

static void count_adopted(void *heard, gate_task *root) {
    cr_assert_null(gate_task_host(root), "adopted twice");
    cr_assert_eq(root, gate_task_current());
    gate_task_set_host(root, heard);
    atomic_fetch_add(&((struct heard *)heard)->adopted, 1);
}

static void count_dropped(void *heard, gate_task *root) {
    cr_assert_eq(gate_task_host(root), heard, "dropped twice");
    gate_task_set_host(root, NULL);
    atomic_fetch_add(&((struct heard *)heard)->dropped, 1);
}

static const struct gate_runtime_hooks counting = {.thread_adopt = count_adopted, .thread_drop = count_dropped};

static _Atomic unsigned inside;

static int yield_sometimes(void *unused, void *result, void *const arguments[]) {
    int x = *(int *)arguments[0];
    gate_task *self = gate_task_current();
    (void)unused;
    cr_assert_leq(atomic_fetch_add(&inside, 1) + 1, CROWD_SLOTS);
    if (x % 10 == 9)
        usleep(100); /* with the slot, so that they meet however few processors there are */
    atomic_fetch_sub(&inside, 1);
    if (x % 3 == 0)
        gate_task_yield();
    if (x % 20 == 0)
        block_ms(1);
    cr_assert_eq(gate_task_current(), self);
    *(int *)result = 3 * x;
    return 0;
}

struct crowd {
    gate_callback *callback;
    pthread_barrier_t start;
};

static void *call_in_a_crowd(void *data) {
    struct crowd *crowd = data;
    int_to_int function = (int_to_int)gate_callback_address(crowd->callback);
    pthread_barrier_wait(&crowd->start);
    for (int i = 0; i < CROWD_CALLS; i++)
        cr_assert_eq(function(i), 3 * i);
    return NULL;
}

static void run_crowd(void *crowd) {
    pthread_t threads[CROWD];
    for (int i = 0; i < CROWD; i++)
        cr_assert_eq(pthread_create(&threads[i], NULL, call_in_a_crowd, crowd), 0);
    for (int i = 0; i < CROWD; i++)
        pthread_join(threads[i], NULL);
}

Test(callback, from_a_crowd_of_threads_are_all_answered_and_each_thread_is_adopted_and_dropped_once) {
    struct heard heard = {0, 0};
    struct crowd crowd;
    set_up_with(&(struct gate_runtime_config){.slots = CROWD_SLOTS, .hooks = counting, .host = &heard});
    pthread_barrier_init(&crowd.start, NULL, CROWD);
    crowd.callback = make_callback(host, int_int, yield_sometimes, NULL);
    gate__foreign_call(run_crowd, &crowd);
    cr_assert_eq(heard.adopted, CROWD);
    cr_assert_eq(heard.dropped, CROWD);
    cr_assert_eq(gate_callback_free(crowd.callback), 0);
    pthread_barrier_destroy(&crowd.start);
    tear_down();
}

/* Several runtimes: host, and others that threads of their own have started. Those are in a call until the test ends
 * it. */

struct other {
    gate_runtime *runtime;
    struct gate_runtime_config config;
    struct heard heard;
    _Atomic int failure; /* the last that came to no call */
    _Atomic bool started, ends;
    pthread_t thread;
};

/* What hosts keep in a thread-local: whose code runs. */
static _Thread_local gate_task *resumed;

static __attribute__((noinline)) void note_resumed(void *unused, gate_task *task) {
    (void)unused;
    resumed = task;
}

static void note_other_failure(void *heard, gate_task *root, int status) {
    struct other *other = (struct other *)((char *)heard - offsetof(struct other, heard));
    cr_assert_eq(root, gate_task_current());
    atomic_store(&other->failure, status);
}

static void wait_for_end(void *data) {
    struct other *other = data;
    while (!atomic_load(&other->ends))
        usleep(200);
}

static void *keep_other(void *data) {
    struct other *other = data;
    cr_assert_eq(gate_runtime_start(&other->config, &other->runtime, NULL), 0);
    atomic_store(&other->started, true);
    gate__foreign_call_blocking(gate__m(), wait_for_end, other, GATE__M_UNTOLD);
    stop(other->runtime);
    return NULL;
}

static void start_other(struct other *other) {
    *other = (struct other){.runtime = NULL};
    other->config = (struct gate_runtime_config){.slots = 1, .hooks = counting, .host = &other->heard};
    other->config.hooks.callback_failed = note_other_failure;
    other->config.hooks.task_resume = note_resumed;
    pthread_create(&other->thread, NULL, keep_other, other);
    wait_until(atomic_load(&other->started));
}

static void stop_other(struct other *other) {
    atomic_store(&other->ends, true);
    pthread_join(other->thread, NULL);
}

/* What one of the two runtimes has in a nest of calls. */
struct side {
    gate_runtime *runtime;
    gate_callback *callback;
    gate_m *m; /* which all of its handlers in one nest have */
};

static struct side sides[2];
static struct other second;

static int call_and_leave_errno(int_to_int callback, int x) {
    int result = callback(x) + 1;
    errno = 1000 + x;
    return result;
}

/* While one runtime's handler runs, the call of the other's that led to it has no slot, unless its world is stopped. */
static void check_in_turn(const struct side *side, const struct side *waiting) {
    cr_assert_eq(resumed, gate_task_current(), "the host has not heard that this task goes on");
    cr_assert_not_null(side->m->slot);
    if (waiting->m && !waiting->runtime->world.stopper)
        cr_assert_null(waiting->m->slot);
}

static int nest_across(void *data, void *result, void *const arguments[]) {
    struct side *side = data, *other = side == &sides[0] ? &sides[1] : &sides[0];
    int left = *(int *)arguments[0], below = 0;
    gate_m *m = gate_m_acquire();
    gate_task *task = gate_task_current();
    side->m = side->m ? side->m : m;
    check_in_turn(side, other);
    cr_assert_eq(m, side->m, "a second M in one runtime");
    cr_assert(m->runtime == side->runtime && task->runtime == side->runtime);
    if (left > 0) {
        cr_assert_eq(through_c(other->callback, left - 1, &below), 0);
        cr_assert_eq(gate_errno(), 1000 + left - 1);
        check_in_turn(side, other);
    }
    cr_assert_eq(gate_task_current(), task);
    gate_m_release(m);
    *(int *)result = below + 1;
    return 0;
}

static void set_up_two(uint32_t slots) {
    set_up_with(&(struct gate_runtime_config){
        .slots = slots, .task_stack_size = 256 * 1024, .hooks = {.task_resume = note_resumed}});
    caller.address = address_of(call_and_leave_errno);
    start_other(&second);
    sides[0] = (struct side){.runtime = host};
    sides[1] = (struct side){.runtime = second.runtime};
    for (int i = 0; i < 2; i++)
        sides[i].callback = make_callback(sides[i].runtime, int_int, nest_across, &sides[i]);
}

static void tear_down_two(void) {
    for (int i = 0; i < 2; i++)
        cr_assert_eq(gate_callback_free(sides[i].callback), 0);
    stop_other(&second);
    tear_down();
}

enum { DEEP = 50 };

static void *nest_from_a_task(void *unused) {
    int result = 0;
    gate_m *m = gate_m_acquire();
    sides[0].m = m;
    sides[1].m = NULL;
    cr_assert_eq(through_c(sides[1].callback, DEEP, &result), 0);
    cr_assert_eq(result, 2 * (DEEP + 1));
    cr_assert_eq(gate_errno(), 1000 + DEEP);
    check_in_turn(&sides[0], &sides[1]);
    cr_assert_eq(gate__m(), m);
    gate_m_release(m);
    return unused;
}

Test(callback, of_two_runtimes_nest_on_one_thread_which_has_one_m_in_each) {
    set_up_two(1);
    join(spawn("nests", nest_from_a_task, NULL));
    cr_assert_eq(second.heard.adopted, 1);
    nest_from_a_task(NULL);
    cr_assert_eq(second.heard.adopted, 2);
    tear_down_two();
    cr_assert_eq(second.heard.dropped, 2);
}

static void *nest_in_a_stopped_world(void *unused) {
    gate_world_stop();
    nest_from_a_task(unused);
    gate_world_start();
    return unused;
}

Test(callback, of_two_runtimes_nest_while_one_of_them_has_stopped_its_world) {
    set_up_two(2);
    join(spawn("stops the world", nest_in_a_stopped_world, NULL));
    tear_down_two();
}

/* On a thread of C's own: the first M is the current one between callbacks. */
static void *nest_from_outside(void *unused) {
    int_to_int of_host = (int_to_int)gate_callback_address(sides[0].callback);
    int_to_int of_second = (int_to_int)gate_callback_address(sides[1].callback);
    sides[0].m = sides[1].m = NULL;
    for (int i = 0; i < 3; i++) {
        cr_assert_eq(of_host(DEEP), 2 * DEEP + 1);
        cr_assert_eq(of_second(DEEP), 2 * DEEP + 1);
        cr_assert_eq(gate__m(), sides[0].m);
    }
    return unused;
}

Test(callback, of_two_runtimes_nest_on_a_thread_of_cs_own_and_both_drop_it_at_its_end) {
    pthread_t thread;
    set_up_two(1);
    pthread_create(&thread, NULL, nest_from_outside, NULL);
    gate__foreign_call_blocking(gate__m(), join_thread, &thread, GATE__M_UNTOLD);
    cr_assert_eq(second.heard.adopted, 1);
    cr_assert_eq(second.heard.dropped, 1);
    tear_down_two();
}

/* Blocking in a nest */

static _Atomic bool ran_in[2];

static void *note_run(void *ran) {
    atomic_store((_Atomic bool *)ran, true);
    return NULL;
}

static void wait_for_both(void *unused) {
    (void)unused;
    wait_until(atomic_load(&ran_in[0]) && atomic_load(&ran_in[1]));
}

/* In host, below a call of second's, below a call of host's. */
static int block_in_a_nest(void *unused, void *result, void *const arguments[]) {
    gate_task *tasks[2];
    (void)unused, (void)arguments;
    for (int i = 0; i < 2; i++) {
        struct gate_task_config config = {.main = note_run, .argument = (void *)(uintptr_t)&ran_in[i]};
        atomic_store(&ran_in[i], false);
        cr_assert_eq(gate_task_spawn(sides[i].runtime, &config, &tasks[i]), 0);
    }
    gate__foreign_call(wait_for_both, NULL);
    join(tasks[0]);
    join(tasks[1]);
    *(int *)result = 1;
    return 0;
}

static int pass_on(void *callback, void *result, void *const arguments[]) {
    return through_c(callback, *(int *)arguments[0], result);
}

static void *call_through_both(void *unused) {
    gate_callback *inner = make_callback(host, int_int, block_in_a_nest, NULL);
    gate_callback *outer = make_callback(second.runtime, int_int, pass_on, inner);
    int result = 0;
    cr_assert_eq(through_c(outer, 0, &result), 0);
    cr_assert_eq(result, 3);
    gate_callback_free(outer);
    gate_callback_free(inner);
    return unused;
}

Test(callback, that_blocks_in_a_nest_of_runtimes_leaves_each_of_them_its_slot) {
    set_up_two(1);
    join(spawn("blocks", call_through_both, NULL));
    call_through_both(NULL);
    tear_down_two();
}

/* Forks in a nest */

static int fork_in_a_nest(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)arguments;
    child = fork_guarded();
    *(int *)result = 1;
    return 0;
}

/* The child of a task in both runtimes goes on in both. */
static void *fork_below_another(void *callback) {
    int result = 0;
    cr_assert_eq(through_c(callback, 0, &result), 0);
    cr_assert_eq(result, 2);
    if (child == 0) {
        nest_from_a_task(NULL);
        if (MAY_FORK_BUSY)
            call_through_both(NULL);
        _exit(WELL);
    }
    assert_well(child);
    return NULL;
}

Test(callback, whose_handler_forks_leaves_the_child_all_runtimes_that_its_thread_is_in) {
    set_up_two(1);
    gate_callback *forks = make_callback(second.runtime, int_int, fork_in_a_nest, NULL);
    fork_below_another(forks);
    join(spawn("forks", fork_below_another, forks));
    nest_from_a_task(NULL);
    gate_callback_free(forks);
    tear_down_two();
}

/* Failing in a nest */

static void *fail_in_a_nest(void *unused) {
    int result = -1;
    gate_callback *host_fails = make_callback(host, int_int, fail, (void *)7);
    gate_callback *second_fails = make_callback(second.runtime, int_int, fail, (void *)8);
    gate_callback *second_passes = make_callback(second.runtime, int_int, pass_on, host_fails);
    gate_callback *host_passes = make_callback(host, int_int, pass_on, second_fails);
    gate_callback *second_passes_to_itself = make_callback(second.runtime, int_int, pass_on, host_passes);
    atomic_store(&second.failure, 0);
    cr_assert_eq(through_c(second_passes, 0, &result), 7, "the outer call is of the runtime whose handler failed");
    cr_assert_eq(second.failure, 0);
    cr_assert_eq(through_c(second_fails, 0, &result), 0, "the call is another runtime's");
    cr_assert_eq(result, 1, "C got no zero");
    cr_assert_eq(atomic_exchange(&second.failure, 0), 8);
    /* host's call -> second: a call -> host: a call -> second, which fails: its own call below returns that, and its
     * handler passes it on to where no call of second's is. */
    cr_assert_eq(through_c(second_passes_to_itself, 0, &result), 0);
    cr_assert_eq(result, 1);
    cr_assert_eq(second.failure, 8);
    gate_callback *all[] = {host_fails, second_fails, second_passes, host_passes, second_passes_to_itself};
    for (int i = 0; i < 5; i++)
        cr_assert_eq(gate_callback_free(all[i]), 0);
    return unused;
}

Test(callback, a_failure_in_a_nest_of_runtimes_comes_back_from_the_call_of_the_same_runtime) {
    set_up_two(1);
    join(spawn("fails", fail_in_a_nest, NULL));
    fail_in_a_nest(NULL);
    tear_down_two();
}

/* Interpreter code of one runtime calls the thunk of another itself */

static int note_place_and_wait(void *frame, void *result, void *const arguments[]) {
    struct gate_task_config config = {.main = note_run, .argument = (void *)(uintptr_t)&ran_in[0]};
    (void)arguments;
    *(const char **)frame = __builtin_frame_address(0);
    atomic_store(&ran_in[0], false);
    cr_assert_eq(gate_task_spawn(host, &config, NULL), 0);
    wait_until(atomic_load(&ran_in[0]));
    *(int *)result = 11;
    return 0;
}

static void note_where(void *where) {
    see_where(where);
}

static void *call_thunk(void *unused) {
    const char *frame = NULL;
    char where[32];
    gate_task *self = gate_task_current();
    gate_callback *callback = make_callback(second.runtime, int_int, note_place_and_wait, &frame);
    cr_assert_eq(((int_to_int)gate_callback_address(callback))(1), 11);
    cr_assert_eq(gate_task_current(), self);
    cr_assert_not_null(frame);
    cr_assert(frame < self->stack.base || frame >= self->stack.base + self->stack.size);
    gate_callback_free(callback);
    gate__foreign_call(note_where, where);
    cr_assert_str_eq(where, "nothing", "it is not in that any more");
    return unused;
}

Test(callback, called_by_interpreter_code_of_another_runtime_is_a_foreign_call_of_that) {
    set_up_two(1);
    join(spawn("calls a thunk", call_thunk, NULL));
    tear_down_two();
}

static void break_a_leafs_promise_to_another(void *unused) {
    (void)unused;
    set_up_two(1);
    join(spawn("only", call_back_from_a_leaf, sides[1].callback));
}

Test(callback, of_another_runtime_below_a_call_of_class_leaf_is_fatal) {
    cr_assert_dies_with(break_a_leafs_promise_to_another, NULL, "gate_call: 'call_it', of class leaf, called back");
}

/* Runtimes that stop while threads of others have an M in them */

static void *nest_and_count(void *ms) {
    int result = 0;
    unsigned count = 0;
    gate_m *m = gate_m_acquire();
    sides[1].m = NULL;
    cr_assert_eq(through_c(sides[1].callback, 0, &result), 0);
    for (gate_m *each = m; each; each = each->thread_next)
        count++;
    gate_m_release(m);
    cr_assert_eq(count, *(unsigned *)ms);
    return NULL;
}

Test(callback, a_runtime_that_stops_drops_threads_of_others_which_forget_it_when_the_next_adopts_them) {
    unsigned two = 2;
    set_up_two(1);
    for (int i = 0; i < 3; i++) {
        nest_and_count(&two);
        cr_assert_eq(gate_callback_free(sides[1].callback), 0);
        stop_other(&second);
        cr_assert_eq(second.heard.adopted, 1);
        cr_assert_eq(second.heard.dropped, 1);
        start_other(&second);
        sides[1].callback = make_callback(second.runtime, int_int, nest_across, &sides[1]);
        sides[1].runtime = second.runtime;
    }
    tear_down_two();
}

/* host stops while a thread that it has adopted is in a handler of second's, which comes to be adopted by third. */
static struct other third;
static _Atomic int step;

static int stop_host_meanwhile(void *of_third, void *result, void *const arguments[]) {
    (void)arguments;
    atomic_store(&step, 1);
    while (atomic_load(&step) != 2)
        block_ms(1);
    return through_c(of_third, 1, result);
}

static void *be_adopted_by_three(void *unused) {
    const char *frame;
    stack_t signals;
    gate_callback *of_third = make_callback(third.runtime, int_int, twice, &frame);
    gate_callback *of_second = make_callback(second.runtime, int_int, stop_host_meanwhile, of_third);
    cr_assert_eq(((int_to_int)gate_callback_address(sides[0].callback))(0), 1);
    gate_m *first = gate__m();
    cr_assert_eq(((int_to_int)gate_callback_address(of_second))(0), 3);
    cr_assert_eq(gate__m(), first, "what a thread goes back to is kept");
    cr_assert_eq(((int_to_int)gate_callback_address(of_third))(4), 8);
    cr_assert_neq(gate__m(), first);
    cr_assert_eq(sigaltstack(NULL, &signals), 0);
    cr_assert_not(signals.ss_flags & SS_DISABLE, "signal handlers have lost their stack with the first M");
    gate_callback_free(of_second);
    gate_callback_free(of_third);
    return unused;
}

Test(callback, a_runtime_may_stop_while_its_thread_is_in_a_handler_of_another) {
    pthread_t thread;
    set_up_two(1);
    start_other(&third);
    atomic_store(&step, 0);
    pthread_create(&thread, NULL, be_adopted_by_three, NULL);
    while (atomic_load(&step) != 1)
        block_ms(1);
    stop(host);
    atomic_store(&step, 2);
    pthread_join(thread, NULL);
    cr_assert_eq(second.heard.dropped, 1);
    cr_assert_eq(third.heard.dropped, 1);
    stop_other(&third);
    stop_other(&second);
    for (int i = 0; i < 2; i++)
        cr_assert_eq(gate_callback_free(sides[i].callback), 0);
    gate_signature_free(int_int);
    gate_signature_free(takes_callback);
}

/* host adopts a thread that has started a runtime, and leaves that for ever. */
static void *leave_own_runtime(void *callback_of_host) {
    int result = 0;
    start(1);
    cr_assert_eq(through_c(callback_of_host, 1, &result), 0);
    return NULL;
}

static void note_drop_on_its_thread(void *unused, gate_task *root) {
    (void)unused;
    cr_assert_eq(gate_task_current(), root);
    fprintf(stderr, "dropped\n");
}

static void leave_a_runtime(void *unused) {
    const char *frame;
    pthread_t thread;
    (void)unused;
    set_up_with(&(struct gate_runtime_config){.hooks = {.thread_drop = note_drop_on_its_thread}});
    pthread_create(&thread, NULL, leave_own_runtime, make_callback(host, int_int, twice, &frame));
    gate__foreign_call_blocking(gate__m(), join_thread, &thread, GATE__M_UNTOLD);
}

Test(callback, a_thread_that_leaves_its_own_runtime_is_dropped_by_others) {
    char output[1024];
    cr_assert_eq(dies(leave_a_runtime, NULL, output, sizeof output), 0, "%s", output);
    cr_assert_str_eq(output, "dropped\n");
}

static int start_a_third(void *unused, void *result, void *const arguments[]) {
    gate_runtime *runtime;
    (void)unused, (void)arguments;
    *(int *)result = gate_runtime_start(NULL, &runtime, NULL);
    return 0;
}

Test(callback, a_handler_on_a_thread_of_another_runtime_can_start_none) {
    set_up_two(1);
    int result = 0;
    gate_callback *starts = make_callback(second.runtime, int_int, start_a_third, NULL);
    cr_assert_eq(through_c(starts, 0, &result), 0);
    cr_assert_eq(result, -EALREADY + 1);
    gate_callback_free(starts);
    tear_down_two();
}

/* Threads that end in a handler */

static int exit_in_handler(void *unused, void *result, void *const arguments[]) {
    (void)result, (void)arguments;
    pthread_exit(unused);
}

static int call_to_exit(void *function, void *result, void *const arguments[]) {
    (void)arguments;
    return gate_call(function, result, NULL);
}

static void exit_thread(void) {
    pthread_exit(NULL);
}

static void *call_once_from_outside_void(void *callback) {
    ((int_to_int)gate_callback_address(callback))(1);
    return NULL;
}

static void end_in_a_handler_on_a_thread_of_cs_own(void *handler) {
    pthread_t thread;
    gate_function ends = make_function("void (void)", address_of(exit_thread), "exit_thread");
    set_up(1);
    gate_callback *callback = make_callback(host, int_int, *(gate_handler *)handler, &ends);
    pthread_create(&thread, NULL, call_once_from_outside_void, callback);
    gate__foreign_call_blocking(gate__m(), join_thread, &thread, GATE__M_UNTOLD);
}

static void *call_a_handler_of_second_that_exits(void *ends) {
    int result = 0;
    gate_callback *callback = make_callback(second.runtime, int_int, call_to_exit, ends);
    through_c(callback, 0, &result);
    return NULL;
}

static void end_in_a_nest(void *unused) {
    gate_function ends = make_function("void (void)", address_of(exit_thread), "exit_thread");
    (void)unused;
    set_up_two(1);
    join(spawn("only", call_a_handler_of_second_that_exits, &ends));
}

Test(callback, a_thread_that_ends_in_its_handler_is_reported) {
    gate_handler exits = exit_in_handler, calls = call_to_exit;
    cr_assert_dies_with(end_in_a_handler_on_a_thread_of_cs_own, &exits,
                        "gate_callback: the thread of task 'thread' (#2) ended in interpreter code");
    cr_assert_dies_with(end_in_a_handler_on_a_thread_of_cs_own, &calls,
                        "gate_call: the thread of task 'thread' (#2) ended in a call of 'exit_thread'");
    cr_assert_dies_with(
        end_in_a_nest, NULL,
        unless_on_a_fibre("gate_call: the thread of task 'thread' (#2) ended in a call of 'exit_thread'"));
}
