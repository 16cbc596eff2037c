/* Asynchronous calls: what comes of them, waits of all kinds, event loops, cancellation, and futures nobody wants. */
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <uv.h>

#include "tests/support/bridge.h"
#include "tests/support/faults.h"
#include "tests/support/fork.h"

enum { MS = 1000 * 1000 };

static gate_future *start_call(const gate_function *function, void *const arguments[]) {
    gate_future *future = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_call_async(function, arguments, NULL, &future, &error), 0, "%s", error.message);
    return future;
}

static void assert_ends(gate_future *future) {
    cr_assert_eq(gate_future_wait(future, GATE_FOREVER), 0);
}

static int int_result(gate_future *future) {
    int result = -1;
    assert_ends(future);
    cr_assert_eq(gate_future_result(future, &result, NULL), 0);
    return result;
}

/* Waits until the others have run: the caller gives its slot up. */
static void let_run(unsigned milliseconds) {
    gate__foreign_call_blocking(gate__m(), sleep_ms, (void *)(uintptr_t)milliseconds, GATE__M_UNTOLD);
}

/* C that waits for the test: each that has come in is counted, and goes on when the gate is open. */

static _Atomic int inside;
static _Atomic bool is_open;

static int pass(int number) {
    atomic_fetch_add(&inside, 1);
    while (!atomic_load(&is_open))
        usleep(500);
    return number;
}

static gate_function passing(void) {
    atomic_store(&inside, 0);
    atomic_store(&is_open, false);
    return make_function("int (int)", address_of(pass), "pass");
}

static gate_future *start_passing(const gate_function *function, int number) {
    void *arguments[] = {&number};
    return start_call(function, arguments);
}

/* Results */

static double mix(signed char a, int b, long c, float d, double e, const char *f, unsigned short g, long long h) {
    errno = ENOTTY;
    return a + b + (double)c + (double)d + e + f[0] + g + (double)h;
}

static void *take_a_result(void *unused) {
    gate_function function =
        make_function("double (signed char, int, long, float, double, const char *, unsigned short, long long)",
                      address_of(mix), "mix");
    signed char a = -1;
    int b = -20, number = 0;
    long c = 300;
    float d = 0.5f;
    double e = 0.25, result = 0;
    const char *f = "A";
    unsigned short g = 65535;
    long long h = -40000;
    void *arguments[] = {&a, &b, &c, &d, &e, &f, &g, &h};
    gate_future *future = start_call(&function, arguments);
    a = 0, b = 0, c = 0, d = 0, e = 0, f = NULL, g = 0, h = 0;
    memset(arguments, 0, sizeof arguments);
    for (int i = 0; i < 2; i++) {
        assert_ends(future);
        cr_assert_eq(gate_future_result(future, &result, &number), 0);
        cr_assert_eq(result, -1 - 20 + 300 + 0.5 + 0.25 + 65 + 65535 - 40000);
        cr_assert_eq(number, ENOTTY);
    }
    cr_assert_eq(gate_future_result(future, NULL, NULL), 0);
    gate_future_free(future);
    free_function(function);
    return unused;
}

Test(async, values_are_copied_at_the_start_and_result_and_errno_kept) {
    gate_runtime *runtime = start(1);
    take_a_result(NULL);
    join(spawn("only", take_a_result, NULL));
    stop(runtime);
}

static long double halve(long double x) {
    return x / 2;
}

/* Nothing of it goes in registers, and its values have another alignment. */
static void *take_a_large_result(void *unused) {
    gate_function function = make_function("long double (long double)", address_of(halve), "halve");
    long double x = 5, result = 0;
    void *arguments[] = {&x};
    gate_future *future = start_call(&function, arguments);
    assert_ends(future);
    cr_assert_eq(gate_future_result(future, &result, NULL), 0);
    cr_assert(result == 2.5L);
    gate_future_free(future);
    free_function(function);
    return unused;
}

Test(async, a_result_in_the_x87_is_kept_too) {
    run_task(take_a_large_result, NULL);
}

static void *room; /* that C has for a result that it stores itself */

static void *note_room(void *result) {
    return room = result;
}

static void *take_an_aligned_result(void *unused) {
    gate_function function =
        make_function("struct { _Alignas(4096) int x; } (void)", address_of(note_room), "note_room");
    gate_future *future = start_call(&function, NULL);
    assert_ends(future);
    cr_assert_not_null(room);
    cr_assert_eq((uintptr_t)room % 4096, 0);
    gate_future_free(future);
    free_function(function);
    return unused;
}

Test(async, a_result_has_room_of_its_types_alignment) {
    run_task(take_an_aligned_result, NULL);
}

static void *see_it_in_progress(void *unused) {
    gate_function function = passing();
    gate_future *future = start_passing(&function, 5);
    int result = 77;
    cr_assert_eq(gate_future_wait(future, 0), -ETIMEDOUT);
    cr_assert_eq(gate_future_wait(future, 2 * MS), -ETIMEDOUT);
    wait_until((let_run(1), atomic_load(&inside) == 1));
    cr_assert_eq(gate_future_result(future, &result, NULL), -EINPROGRESS);
    cr_assert_eq(result, 77);
    atomic_store(&is_open, true);
    cr_assert_eq(gate_future_wait(future, GATE_FOREVER - 1), 0, "centuries");
    cr_assert_eq(int_result(future), 5);
    cr_assert_eq(gate_future_wait(future, 0), 0);
    gate_future_free(future);
    free_function(function);
    return unused;
}

Test(async, one_in_progress_has_no_result_and_waits_end_with_their_time) {
    gate_runtime *runtime = start(1);
    see_it_in_progress(NULL);
    join(spawn("only", see_it_in_progress, NULL));
    stop(runtime);
}

static int has_slot(void) {
    return gate__m()->slot != NULL;
}

static void *see_slots(void *unused) {
    gate_function function = make_function("int (void)", address_of(has_slot), "has_slot");
    for (int i = GATE_CALL_DEFAULT; i <= GATE_CALL_BLOCKING; i++) {
        function.call_class = (enum gate_call_class)i;
        gate_future *future = start_call(&function, NULL);
        cr_assert_eq(int_result(future), 0, "class %d", i);
        gate_future_free(future);
    }
    free_function(function);
    return unused;
}

Test(async, it_gives_its_slot_up_whatever_the_class_of_its_function) {
    run_task(see_slots, NULL);
}

/* Threads */

static void *take_from_a_thread(void *given) {
    gate_function function = passing();
    gate_future *future = NULL;
    struct gate_async_options options = {.runtime = given};
    int x = 9;
    void *arguments[] = {&x};
    atomic_store(&is_open, true);
    cr_assert_eq(gate_call_async(&function, arguments, given ? &options : NULL, &future, NULL), 0);
    cr_assert_eq(int_result(future), 9);
    gate_future_free(future);
    free_function(function);
    return NULL;
}

static void run_thread(void *(*body)(void *), void *argument) {
    pthread_t thread;
    pthread_create(&thread, NULL, body, argument);
    gate__foreign_call_blocking(gate__m(), join_thread, &thread, GATE__M_UNTOLD);
}

/* From a task and from the root task at once, and then from a thread that no runtime knows. */
static void run_everywhere(void *(*body)(void *)) {
    gate_runtime *runtime = start(2);
    gate_task *task = spawn("waits", body, runtime);
    body(runtime);
    join(task);
    run_thread(body, runtime);
    stop(runtime);
}

Test(async, threads_that_no_runtime_knows_start_calls_and_wait) {
    gate_runtime *runtime = start(1);
    run_thread(take_from_a_thread, runtime);
    run_thread(take_from_a_thread, NULL);
    stop(runtime);
}

Test(async, without_a_runtime_is_einval) {
    gate_function function = passing();
    gate_error error = {0, ""};
    int x = 1;
    gate_future *future = (gate_future *)(void *)&x;
    void *arguments[] = {&x};
    cr_assert_eq(gate_call_async(&function, arguments, NULL, &future, &error), -EINVAL);
    cr_assert_not_null(strstr(error.message, "needs a runtime"), "%s", error.message);
    cr_assert_null(future);
    free_function(function);
}

static void *wait_for_its_end(void *future) {
    cr_assert_eq(int_result(future), 6);
    return NULL;
}

Test(async, tasks_and_threads_wait_for_the_same_one) {
    enum { EACH = 4 };
    pthread_t threads[EACH];
    gate_task *tasks[EACH];
    gate_runtime *runtime = start(2);
    gate_function function = passing();
    gate_future *future = start_passing(&function, 6);
    for (int i = 0; i < EACH; i++) {
        tasks[i] = spawn("waits", wait_for_its_end, future);
        pthread_create(&threads[i], NULL, wait_for_its_end, future);
    }
    for (int i = 0; i < EACH; i++)
        wait_for_state(tasks[i], GATE__PARKED);
    atomic_store(&is_open, true);
    for (int i = 0; i < EACH; i++) {
        join(tasks[i]);
        gate__foreign_call_blocking(gate__m(), join_thread, &threads[i], GATE__M_UNTOLD);
    }
    gate_future_free(future);
    stop(runtime);
    free_function(function);
}

/* C that waits: its task is in a call meanwhile, and the thread blocks. */

static int wait_in_c(gate_future *future) {
    return gate_future_wait(future, MS) == -ETIMEDOUT ? gate_future_wait(future, GATE_FOREVER) : -1;
}

static int let_pass_later(int microseconds) {
    usleep((useconds_t)microseconds);
    atomic_store(&is_open, true);
    return 0;
}

static void *have_c_wait(void *unused) {
    gate_function function = passing(), waits = make_function("int (void *)", address_of(wait_in_c), "wait_in_c");
    gate_function opens = make_function("int (int)", address_of(let_pass_later), "let_pass_later");
    gate_future *future = start_passing(&function, 3), *opening = start_passing(&opens, 20 * 1000);
    void *arguments[] = {&future};
    int result = -1;
    cr_assert_eq(gate_call(&waits, &result, arguments), 0);
    cr_assert_eq(result, 0);
    cr_assert_eq(int_result(future), 3);
    assert_ends(opening);
    gate_future_free(future);
    gate_future_free(opening);
    free_function(function);
    free_function(waits);
    free_function(opens);
    return unused;
}

Test(async, c_that_a_task_has_called_waits_as_a_thread) {
    run_root(have_c_wait);
    run_task(have_c_wait, NULL);
}

/* Times that pass just when the call ends: whichever comes first, the next wait is as it should be. */

static int sleep_us(int microseconds) {
    usleep((useconds_t)microseconds);
    return microseconds;
}

static void *wait_about_as_long(void *runtime) {
    gate_function function = make_function("int (int)", address_of(sleep_us), "sleep_us");
    struct gate_async_options options = {.runtime = runtime};
    for (int i = 0; i < 300; i++) {
        int x = 100;
        void *arguments[] = {&x};
        gate_future *future;
        cr_assert_eq(gate_call_async(&function, arguments, &options, &future, NULL), 0);
        int failed = gate_future_wait(future, 100 * 1000 + (uint64_t)i * 1000);
        cr_assert(failed == 0 || failed == -ETIMEDOUT, "%d", failed);
        cr_assert_eq(int_result(future), 100);
        gate_future_free(future);
    }
    free_function(function);
    return NULL;
}

Test(async, a_wait_may_end_with_its_time_just_when_the_call_ends) {
    run_everywhere(wait_about_as_long);
}

static void *wait_until_woken(void *future) {
    cr_assert_eq(gate_future_wait(future, GATE_FOREVER), -EINTR);
    cr_assert_eq(int_result(future), 6);
    return NULL;
}

Test(async, one_waiter_may_be_woken_and_the_call_goes_on) {
    gate_runtime *runtime = start(1);
    gate_function function = passing();
    gate_future *future = start_passing(&function, 6);
    gate_task *woken = spawn("is woken", wait_until_woken, future), *waits = spawn("waits", wait_for_its_end, future);
    wait_for_state(woken, GATE__PARKED);
    wait_for_state(waits, GATE__PARKED);
    cr_assert_eq(gate_future_wake(future, woken), 0);
    cr_assert_eq(gate_future_wake(future, woken), -ESRCH);
    cr_assert_eq(gate_future_wake(future, gate_task_current()), -ESRCH);
    let_run(1);
    wait_for_state(woken, GATE__PARKED);
    atomic_store(&is_open, true);
    join(woken);
    join(waits);
    cr_assert_eq(gate_future_wake(future, NULL), -ESRCH);
    gate_future_free(future);
    stop(runtime);
    free_function(function);
}

struct woken_often {
    gate_future *future;
    _Atomic bool has_ended;
};

static void *wait_though_woken(void *data) {
    struct woken_often *w = data;
    int failed;
    while ((failed = gate_future_wait(w->future, GATE_FOREVER)) == -EINTR)
        continue;
    cr_assert_eq(failed, 0);
    atomic_store(&w->has_ended, true);
    return NULL;
}

Test(async, a_waiter_may_be_woken_just_when_the_call_ends) {
    gate_runtime *runtime = start(2);
    gate_function function = make_function("int (int)", address_of(sleep_us), "sleep_us");
    for (int i = 0; i < 200; i++) {
        int x = 100;
        void *arguments[] = {&x};
        struct woken_often w = {.future = start_call(&function, arguments)};
        gate_task *task = spawn("is woken often", wait_though_woken, &w);
        while (!atomic_load(&w.has_ended)) {
            gate_future_wake(w.future, task);
            gate_task_yield();
        }
        join(task);
        gate_future_free(w.future);
    }
    stop(runtime);
    free_function(function);
}

static void *wait_for_moments(void *data) {
    struct woken_often *w = data;
    for (uint64_t i = 0; !atomic_load(&w->has_ended); i++) {
        int failed = gate_future_wait(w->future, i % 64 * 1000);
        cr_assert(failed == -EINTR || failed == -ETIMEDOUT, "%d", failed);
    }
    return NULL;
}

Test(async, a_waiter_may_be_woken_just_when_its_time_ends) {
    gate_runtime *runtime = start(2);
    gate_function function = passing();
    struct woken_often w = {.future = start_passing(&function, 6)};
    gate_task *task = spawn("waits for moments", wait_for_moments, &w);
    for (int wakes = 0; wakes < 5000;)
        wakes += gate_future_wake(w.future, task) == 0;
    atomic_store(&w.has_ended, true);
    join(task);
    atomic_store(&is_open, true);
    cr_assert_eq(int_result(w.future), 6);
    gate_future_free(w.future);
    stop(runtime);
    free_function(function);
}

Test(async, a_host_that_has_waited_can_stop_its_runtime) {
    gate_function function = make_function("int (int)", address_of(sleep_us), "sleep_us");
    for (int i = 0; i < 50; i++) {
        gate_runtime *runtime = start(1);
        gate_future *future = start_passing(&function, 1);
        assert_ends(future);
        stop(runtime);
        cr_assert_eq(int_result(future), 1);
        gate_future_free(future);
    }
    free_function(function);
}

/* Many */

enum { MANY = 1000 };

static gate_future *futures[MANY];
static int numbers[MANY];
static void *number_arguments[MANY][1];
static struct gate_async_call calls[MANY];

static void prepare_calls(const gate_function *function, size_t count) {
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (int)i;
        number_arguments[i][0] = &numbers[i];
        calls[i] = (struct gate_async_call){function, number_arguments[i]};
    }
}

static void start_all(size_t count, const struct gate_async_options *options) {
    gate_error error = {0, ""};
    cr_assert_eq(gate_call_async_all(calls, count, options, futures, &error), 0, "%s", error.message);
}

static void free_all(size_t count) {
    for (size_t i = 0; i < count; i++)
        gate_future_free(futures[i]);
}

static int pipe_ends[2];

/* Until the other end is closed. */
static int wait_at_pipe(int number) {
    char byte;
    atomic_fetch_add(&inside, 1);
    return read(pipe_ends[0], &byte, 1) ? -1 : number;
}

/* Each within ten seconds of the one before: on a busy machine, threads for all of them may take longer to start. */
static void wait_until_inside(int count) {
    for (int came = 0; came < count; came = atomic_load(&inside))
        wait_until((let_run(1), atomic_load(&inside) > came));
}

static void *have_a_thousand(void *unused) {
    size_t many = gate__switch_notices.names_stacks ? MANY / 10
                                                    : MANY; /* fewer under Valgrind, which runs one thread at a time */
    gate_function function = make_function("int (int)", address_of(wait_at_pipe), "wait_at_pipe");
    cr_assert_eq(pipe(pipe_ends), 0);
    atomic_store(&inside, 0);
    prepare_calls(&function, many);
    start_all(many, NULL);
    wait_until_inside((int)many);
    cr_assert_eq(gate_future_wait_all(futures, many, MS), -ETIMEDOUT);
    close(pipe_ends[1]);
    cr_assert_eq(gate_future_wait_all(futures, many, GATE_FOREVER), 0);
    for (size_t i = 0; i < many; i++)
        cr_assert_eq(int_result(futures[i]), (int)i);
    close(pipe_ends[0]);
    free_all(many);
    free_function(function);
    return unused;
}

Test(async, a_thousand_are_in_c_at_once) {
    run_task(have_a_thousand, NULL);
}

static atomic_bool all_may_end;

static int wait_unless_chosen(int number) {
    while (number != 13 && !atomic_load(&all_may_end))
        usleep(1000);
    return number;
}

static void *wait_for_any(void *count) {
    gate_function function = make_function("int (int)", address_of(wait_unless_chosen), "wait_unless_chosen");
    size_t many = (size_t)count, index = 1234;
    prepare_calls(&function, many);
    cr_assert_eq(gate_future_wait_any(futures, 0, GATE_FOREVER, &index), -EINVAL);
    numbers[many - 1] = 13;
    atomic_store(&all_may_end, false);
    start_all(many, NULL);
    cr_assert_eq(gate_future_wait_any(futures, many - 1, MS, &index), -ETIMEDOUT);
    cr_assert_eq(index, 1234u);
    cr_assert_eq(gate_future_wait_any(futures, many, GATE_FOREVER, &index), 0);
    cr_assert_eq(index, many - 1);
    cr_assert_eq(gate_future_wait_any(futures, many, 0, &index), 0);
    atomic_store(&all_may_end, true);
    cr_assert_eq(gate_future_wait_all(futures, many, GATE_FOREVER), 0);
    cr_assert_eq(gate_future_wait_all(futures, 0, 0), 0);
    free_all(many);
    free_function(function);
    return NULL;
}

/* Several that end at once: who waits is woken once, and for one of them. */
static void *wait_for_any_of_equals(void *runtime) {
    enum { EQUALS = 4 };
    gate_function function = make_function("int (int)", address_of(sleep_us), "sleep_us");
    struct gate_async_options options = {.runtime = runtime};
    gate_future *equals[EQUALS];
    for (int i = 0; i < 100; i++) {
        int x = i % 2 * 50;
        void *arguments[] = {&x};
        size_t index = EQUALS;
        struct gate_async_call call = {&function, arguments}, four[] = {call, call, call, call};
        cr_assert_eq(gate_call_async_all(four, EQUALS, &options, equals, NULL), 0);
        cr_assert_eq(gate_future_wait_any(equals, EQUALS, GATE_FOREVER, &index), 0);
        cr_assert_lt(index, (size_t)EQUALS);
        cr_assert_eq(gate_future_result(equals[index], NULL, NULL), 0);
        for (int j = 0; j < EQUALS; j++) {
            assert_ends(equals[j]);
            gate_future_free(equals[j]);
        }
    }
    free_function(function);
    return NULL;
}

Test(async, of_several_that_end_at_once_each_waiter_is_woken_for_one) {
    run_everywhere(wait_for_any_of_equals);
}

Test(async, the_first_of_several_to_end_is_waited_for) {
    gate_runtime *runtime = start(1);
    wait_for_any((void *)2);
    join(spawn("only", wait_for_any, (void *)12));
    stop(runtime);
}

/* Starts that fail */

static _Atomic int called;

static int count_call(int number) {
    atomic_fetch_add(&called, 1);
    return number;
}

static void refuse_all(size_t stack_size, int why, const char *words) {
    gate_function function = make_function("int (int)", address_of(count_call), "count_call");
    struct gate_async_options options = {.stack_size = stack_size};
    gate_error error = {0, ""};
    gate_runtime *runtime = gate_task_current()->runtime;
    prepare_calls(&function, MANY);
    atomic_store(&called, 0);
    cr_assert_eq(gate_call_async_all(calls, MANY, &options, futures, &error), why);
    cr_assert_not_null(strstr(error.message, words), "%s", error.message);
    for (int i = 0; i < MANY; i++)
        cr_assert_null(futures[i]);
    cr_assert_eq(gate_runtime_list(runtime, NULL, 0), 1u);
    let_run(2);
    cr_assert_eq(atomic_load(&called), 0);
    free_function(function);
}

Test(async, a_stack_that_cannot_be_is_an_error_and_nothing_is_called) {
    gate_runtime *runtime = start(1);
    refuse_all(1000, -EINVAL, "task stacks of 1000 bytes asked for");
    refuse_all(SIZE_MAX, -ENOMEM, "no memory for 1000 asynchronous calls");
    stop(runtime);
}

/* Some of the stacks can be had, and not all. */
static void run_out_of_address_space(void *unused) {
    struct rlimit limit = {0, RLIM_INFINITY};
    gate_runtime *runtime = start(1);
    (void)unused;
    limit.rlim_cur = (rlim_t)16 << 30;
    setrlimit(RLIMIT_AS, &limit);
    refuse_all((size_t)1 << 30, -ENOMEM, "no memory");
    stop(runtime);
}

Test(async, a_batch_that_finds_no_memory_half_way_starts_none) {
    char output[1024];
    if (MAY_FORK_BUSY) /* sanitizers have more address space than that */
        cr_assert_eq(dies(run_out_of_address_space, NULL, output, sizeof output), 0, "%s", output);
}

/* Callbacks and faults */

static gate_runtime *host;

/* An asynchronous call of C that calls handler with 20; step lets the handler wait for the test. */
struct called_back {
    gate_signature *signature;
    gate_function function;
    gate_callback *callback;
    gate_future *future;
    _Atomic int step;
};

static void start_calling_back(struct called_back *c, gate_handler handler, void *task_host) {
    struct gate_async_options options = {.host = task_host};
    c->signature = parse("int (int)");
    c->function = make_function("int (int (*)(int), int)", address_of(call_it), "call_it");
    c->callback = make_callback(host, c->signature, handler, c);
    atomic_store(&c->step, 0);
    void (*address)(void) = gate_callback_address(c->callback);
    int x = 20;
    void *arguments[] = {&address, &x};
    cr_assert_eq(gate_call_async(&c->function, arguments, &options, &c->future, NULL), 0);
}

static void end_calling_back(struct called_back *c) {
    gate_future_free(c->future);
    cr_assert_eq(gate_callback_free(c->callback), 0);
    gate_signature_free(c->signature);
    free_function(c->function);
}

static int double_for_host(void *unused, void *result, void *const arguments[]) {
    (void)unused;
    cr_assert_eq(gate_task_host(gate_task_current()), (void *)&host);
    cr_assert_str_eq(gate_task_name(gate_task_current()), "call_it");
    *(int *)result = 2 * *(int *)arguments[0];
    return 0;
}

static int fail(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)result, (void)arguments;
    return 17;
}

Test(async, handlers_run_on_the_calls_task_and_their_failure_is_the_futures) {
    struct called_back well, badly;
    int result = -1;
    host = start(1);
    start_calling_back(&well, double_for_host, &host);
    start_calling_back(&badly, fail, NULL);
    cr_assert_eq(int_result(well.future), 41);
    assert_ends(badly.future);
    cr_assert_eq(gate_future_result(badly.future, &result, NULL), 17);
    cr_assert_eq(result, -1);
    end_calling_back(&well);
    end_calling_back(&badly);
    stop(host);
}

/* No sanitizer is to report it first. */
Test(async, a_fault_in_a_guarded_one_is_its_result) {
    gate_runtime *runtime = start(1);
    gate_function reads = make_function("int (const int *)", address_of(read_at), "read_at");
    const int *null = NULL;
    void *arguments[] = {&null};
    int number = 0;
    reads.call_class = GATE_CALL_GUARDED;
    gate_future *future = start_call(&reads, arguments);
    assert_ends(future);
    cr_assert_eq(gate_future_result(future, NULL, &number), -EFAULT);
    cr_assert_eq(number, EFAULT);
    const gate_trap *trap = gate_future_trap(future);
    cr_assert_not_null(trap);
    cr_assert_eq(trap->signal, SIGSEGV);
    cr_assert_eq(trap->address, null);
    cr_assert_str_eq(trap->function, "read_at");
    cr_assert_gt(trap->depth, 0);
    gate_future_free(future);
    const int value = 5, *pointer = &value;
    arguments[0] = &pointer;
    future = start_call(&reads, arguments);
    assert_ends(future);
    cr_assert_null(gate_future_trap(future));
    gate_future_free(future);
    stop(runtime);
    free_function(reads);
}

/* Event loops */

static bool is_readable(int fd) {
    struct pollfd polled = {fd, POLLIN, 0};
    return poll(&polled, 1, 0) == 1 && polled.revents == POLLIN;
}

Test(async, its_descriptor_is_readable_from_its_end_on) {
    gate_runtime *runtime = start(1);
    gate_function function = passing();
    gate_future *early = start_passing(&function, 1), *late = start_passing(&function, 2);
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    int fd = gate_future_fd(early);
    cr_assert_geq(fd, 0);
    cr_assert_eq(gate_future_fd(early), fd);
    let_run(2);
    cr_assert_not(is_readable(fd));
    atomic_store(&is_open, true);
    wait_until((let_run(1), is_readable(fd)));
    cr_assert_eq(int_result(early), 1);
    cr_assert_eq(int_result(late), 2);
    setrlimit(RLIMIT_NOFILE, &(struct rlimit){0, limit.rlim_max});
    cr_assert_eq(gate_future_fd(late), -EMFILE);
    setrlimit(RLIMIT_NOFILE, &limit);
    cr_assert(is_readable(gate_future_fd(late)), "made after the end");
    gate_future_free(early);
    gate_future_free(late);
    struct pollfd closed = {fd, POLLIN, 0};
    cr_assert(poll(&closed, 1, 0) == 1 && closed.revents == POLLNVAL);
    stop(runtime);
    free_function(function);
}

Test(async, an_eventfd_of_the_hosts_counts_the_ends_of_many) {
    enum { SOME = 20 };
    gate_runtime *runtime = start(1);
    gate_function function = make_function("int (int)", address_of(sleep_us), "sleep_us");
    struct gate_async_options options = {.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    uint64_t count = 0;
    prepare_calls(&function, SOME);
    start_all(SOME, &options);
    cr_assert_eq(gate_future_fd(futures[0]), options.event);
    cr_assert_eq(gate_future_wait_all(futures, SOME, GATE_FOREVER), 0);
    free_all(SOME);
    cr_assert_eq(read(options.event, &count, sizeof count), (ssize_t)sizeof count);
    cr_assert_eq(count, (uint64_t)SOME);
    close(options.event);
    stop(runtime);
    free_function(function);
}

Test(async, an_eventfd_of_the_hosts_hears_nothing_of_what_was_freed_before_its_end) {
    gate_runtime *runtime = start(1);
    gate_function function = passing();
    struct gate_async_options options = {.event = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)};
    prepare_calls(&function, 2);
    start_all(2, &options);
    wait_until_inside(2);
    free_all(2);
    atomic_store(&is_open, true);
    wait_until((let_run(1), gate_runtime_list(runtime, NULL, 0) == 1));
    cr_assert_not(is_readable(options.event));
    close(options.event);
    stop(runtime);
    free_function(function);
}

/* A host whose events come by libuv: its loop is C that it calls, and each handler runs as the loop's task. */
struct loop {
    uv_loop_t uv;
    uv_poll_t polls[3];
    gate_future *futures[3];
    int ended, sum;
};

static int take_what_ended(void *data, void *result, void *const arguments[]) {
    struct loop *loop = data;
    uv_poll_t *handle = *(uv_poll_t **)arguments[0];
    int value = 0;
    (void)result;
    cr_assert_eq(*(int *)arguments[1], 0);
    cr_assert_eq(gate_future_result(loop->futures[handle - loop->polls], &value, NULL), 0);
    loop->sum += value;
    loop->ended++;
    uv_close((uv_handle_t *)handle, NULL);
    return 0;
}

static void watch(struct loop *loop, int i, gate_callback *ended) {
    union {
        void (*address)(void);
        uv_poll_cb call;
    } handler = {gate_callback_address(ended)};
    cr_assert_eq(uv_poll_init(&loop->uv, &loop->polls[i], gate_future_fd(loop->futures[i])), 0);
    cr_assert_eq(uv_poll_start(&loop->polls[i], UV_READABLE, handler.call), 0);
}

static int run_loop(uv_loop_t *uv) {
    return uv_run(uv, UV_RUN_DEFAULT);
}

static void *live_by_libuv(void *runtime) {
    struct loop loop = {.ended = 0};
    gate_function sleeps = make_function("int (int)", address_of(sleep_us), "sleep_us");
    gate_function runs = make_function("int (void *)", address_of(run_loop), "uv_run");
    gate_signature *ended = parse("void (void *, int, int)");
    gate_callback *callback = make_callback(runtime, ended, take_what_ended, &loop);
    void *uv = &loop.uv, *arguments[] = {&uv};
    uv_loop_init(&loop.uv);
    for (int i = 0; i < 3; i++) {
        loop.futures[i] = start_passing(&sleeps, 20000 - 9000 * i);
        watch(&loop, i, callback);
    }
    cr_assert_eq(gate_call(&runs, NULL, arguments), 0);
    cr_assert_eq(loop.ended, 3);
    cr_assert_eq(loop.sum, 20000 + 11000 + 2000);
    cr_assert_eq(uv_loop_close(&loop.uv), 0);
    for (int i = 0; i < 3; i++)
        gate_future_free(loop.futures[i]);
    cr_assert_eq(gate_callback_free(callback), 0);
    gate_signature_free(ended);
    free_function(sleeps);
    free_function(runs);
    return NULL;
}

/* MemorySanitizer has to see every store, and libuv's it doesn't. */
#if __has_feature(memory_sanitizer)
enum { MAY_USE_LIBUV = 0 };
#else
enum { MAY_USE_LIBUV = 1 };
#endif

Test(async, a_libuv_loop_hears_of_the_ends) {
    if (!MAY_USE_LIBUV)
        return;
    gate_runtime *runtime = start(1);
    live_by_libuv(runtime);
    join(spawn("loop", live_by_libuv, runtime));
    stop(runtime);
}

/* Cancellation */

static int read_byte(int unused) {
    char byte;
    (void)unused;
    atomic_fetch_add(&called, 1);
    return (int)read(pipe_ends[0], &byte, 1);
}

static gate_function reading(void) {
    cr_assert_eq(pipe(pipe_ends), 0);
    atomic_store(&called, 0);
    return make_function("int (int)", address_of(read_byte), "read_byte");
}

static void end_reading(gate_function function) {
    close(pipe_ends[0]);
    close(pipe_ends[1]);
    free_function(function);
}

/* What became of a call that read for ever and was cancelled. */
static void assert_cancelled(gate_future *future) {
    int result = 0, number = 0;
    assert_ends(future);
    int status = gate_future_result(future, &result, &number);
    cr_assert(status == -ECANCELED || (status == 0 && result == -1 && number == EINTR), "%d, %d", status, number);
    cr_assert_eq(gate_future_cancel(future), -EALREADY);
}

Test(async, cancelled_before_it_begins_it_is_not_made) {
    gate_runtime *runtime = start(1);
    gate_function function = reading();
    gate_future *future = start_passing(&function, 0);
    cr_assert_eq(gate_future_cancel(future), 0);
    cr_assert_eq(gate_future_cancel(future), 0);
    assert_ends(future);
    cr_assert_eq(gate_future_result(future, NULL, NULL), -ECANCELED);
    cr_assert_eq(atomic_load(&called), 0);
    cr_assert_eq(gate_future_cancel(future), -EALREADY);
    gate_future_free(future);
    stop(runtime);
    end_reading(function);
}

Test(async, cancelled_while_it_waits_in_the_system_it_ends_with_eintr) {
    gate_runtime *runtime = start(1);
    gate_function function = reading();
    gate_future *future = start_passing(&function, 0);
    int result = 0, number = 0;
    wait_until((let_run(1), atomic_load(&called) == 1));
    cr_assert_eq(gate_future_cancel(future), 0);
    assert_ends(future);
    cr_assert_eq(gate_future_result(future, &result, &number), 0);
    cr_assert(result == -1 && number == EINTR);
    gate_future_free(future);
    stop(runtime);
    end_reading(function);
}

/* With two slots the call begins while it is being cancelled. */
Test(async, cancelled_at_any_moment_it_ends) {
    gate_runtime *runtime = start(2);
    gate_function function = reading();
    for (int i = 0; i < 300; i++) {
        gate_future *future = start_passing(&function, 0);
        for (volatile int wait = 0; wait < i % 30 * 200; wait++)
            continue;
        while (gate_future_cancel(future) == -EAGAIN)
            let_run(1);
        assert_cancelled(future);
        gate_future_free(future);
    }
    stop(runtime);
    end_reading(function);
}

static int wait_in_handler(void *data, void *result, void *const arguments[]) {
    struct called_back *c = data;
    atomic_store(&c->step, 1);
    while (atomic_load(&c->step) != 2)
        gate_task_sleep(MS / 2);
    *(int *)result = *(int *)arguments[0];
    return 0;
}

Test(async, in_a_handler_an_interrupt_does_not_reach_it) {
    struct called_back c;
    host = start(1);
    start_calling_back(&c, wait_in_handler, NULL);
    while (atomic_load(&c.step) != 1)
        gate_task_sleep(MS / 2);
    cr_assert_eq(gate_future_cancel(c.future), -EAGAIN);
    atomic_store(&c.step, 2);
    cr_assert_eq(int_result(c.future), 21);
    end_calling_back(&c);
    stop(host);
}

/* Freed before the end */

static void *free_early(void *function) {
    gate_future *begun = start_passing(function, 1);
    wait_until((let_run(1), atomic_load(&inside) == 1));
    gate_future *queued = start_passing(function, 2);
    gate_future_free(begun);
    gate_future_free(queued);
    gate_future_free(NULL);
    wait_until((let_run(1), atomic_load(&inside) == 2));
    atomic_store(&is_open, true);
    return NULL;
}

Test(async, freed_before_its_end_the_call_is_made_all_the_same) {
    gate_runtime *runtime = start(1);
    gate_function function = passing();
    join(spawn("frees", free_early, &function));
    wait_until((let_run(1), gate_runtime_list(runtime, NULL, 0) == 1));
    stop(runtime);
    free_function(function);
}

static void free_while_waited_for(void *unused) {
    gate_function function = passing();
    (void)unused;
    start(1);
    gate_future *future = start_passing(&function, 1);
    wait_for_state(spawn("waits", wait_for_its_end, future), GATE__PARKED);
    gate_future_free(future);
}

Test(async, a_free_while_it_is_waited_for_is_fatal) {
    cr_assert_dies_with(free_while_waited_for, NULL, "gate_future_free: a task or a thread waits for this future");
}

/* Its library */

Test(async, the_functions_library_stays_open_from_the_start_of_the_call) {
    gate_runtime *runtime = start(1);
    gate_library *library;
    gate_error error = {0, ""};
    void *address;
    cr_assert_eq(gate_library_open("libm.so.6", &library, NULL), 0);
    cr_assert_eq(gate_library_symbol(library, "sqrt", &address, NULL), 0);
    gate_function function = make_function("double (double)", (void (*)(void))address, "sqrt");
    double x = 16, result = 0;
    void *arguments[] = {&x};
    gate_future *future = start_call(&function, arguments);
    cr_assert_eq(gate_library_close(library, &error), -EBUSY);
    cr_assert_not_null(strstr(error.message, "1 holds it: 'sqrt'"), "%s", error.message);
    assert_ends(future);
    cr_assert_eq(gate_library_close(library, &error), 0, "%s", error.message);
    cr_assert_eq(gate_future_result(future, &result, NULL), 0);
    cr_assert_eq(result, 4.0);
    gate_future_free(future);
    stop(runtime);
    free_function(function);
}

/* Forks */

static void see_it_lost(gate_future *future) {
    bool well = gate_future_wait(future, GATE_FOREVER) == 0 && gate_future_result(future, NULL, NULL) == -ESRCH &&
                gate_future_cancel(future) == -EALREADY && !is_readable(gate_future_fd(future));
    gate_future_free(future);
    _exit(well ? WELL : 1);
}

static void *wait_for_eight(void *future) {
    cr_assert_eq(int_result(future), 8);
    return NULL;
}

Test(async, in_the_child_of_a_fork_calls_of_other_threads_are_lost) {
    gate_runtime *runtime = start(1);
    gate_function function = passing();
    gate_future *future = start_passing(&function, 8);
    gate_future_fd(future);
    gate_task *waits = spawn("waits", wait_for_eight, future);
    wait_for_state(waits, GATE__PARKED);
    wait_until((let_run(1), atomic_load(&inside) == 1));
    pid_t child = fork_guarded();
    if (child == 0)
        see_it_lost(future);
    assert_well(child);
    cr_assert_not(is_readable(gate_future_fd(future)));
    atomic_store(&is_open, true);
    cr_assert_eq(int_result(future), 8);
    join(waits);
    gate_future_free(future);
    stop(runtime);
    free_function(function);
}

/* A call that has returned, whose task is kept from leaving. */

static atomic_bool has_returned, is_leaving, may_leave;

static int return_eight(int unused) {
    (void)unused;
    atomic_store(&has_returned, true);
    return 8;
}

static void keep_from_leaving(void *unused, gate_task *task) {
    (void)unused;
    if (!atomic_load(&has_returned) || strcmp(gate_task_name(task), "return_eight") != 0)
        return;
    atomic_store(&is_leaving, true);
    while (!atomic_load(&may_leave))
        usleep(200);
}

Test(async, in_the_child_of_a_fork_a_call_that_had_returned_has_its_result) {
    struct gate_runtime_hooks hooks = {.task_suspend = keep_from_leaving};
    gate_runtime *runtime = start_with((struct gate_runtime_config){.slots = 2, .hooks = hooks});
    gate_function function = make_function("int (int)", address_of(return_eight), "return_eight");
    gate_future *future = start_passing(&function, 0);
    wait_until(atomic_load(&is_leaving));
    cr_assert_eq(gate_future_wait(future, 0), -ETIMEDOUT);
    pid_t child = fork_guarded();
    if (child == 0) {
        int result = -1;
        _exit(gate_future_result(future, &result, NULL) == 0 && result == 8 ? WELL : 1);
    }
    assert_well(child);
    atomic_store(&may_leave, true);
    cr_assert_eq(int_result(future), 8);
    gate_future_free(future);
    stop(runtime);
    free_function(function);
}

Test(async, in_the_child_of_a_fork_one_that_was_freed_before_its_end_holds_no_library) {
    gate_runtime *runtime = start(1);
    gate_library *library;
    void *address;
    cr_assert_eq(gate_library_open("libc.so.6", &library, NULL), 0);
    cr_assert_eq(gate_library_symbol(library, "usleep", &address, NULL), 0);
    gate_function function = make_function("int (unsigned)", (void (*)(void))address, "usleep");
    unsigned us = 200 * 1000;
    gate_future *future = start_call(&function, (void *[]){&us});
    let_run(20);
    gate_future_free(future);
    pid_t child = fork_guarded();
    if (child == 0)
        _exit(gate_library_close(library, NULL) == 0 ? WELL : 1);
    assert_well(child);
    while (gate_library_close(library, NULL) == -EBUSY)
        let_run(1);
    wait_until((let_run(1), gate_runtime_list(runtime, NULL, 0) == 1));
    stop(runtime);
    free_function(function);
}

static int fork_in_handler(void *data, void *result, void *const arguments[]) {
    const struct called_back *c = data;
    pid_t child = fork_guarded();
    *(int *)result = *(int *)arguments[0];
    if (child == 0)
        _exit(gate_future_result(c->future, NULL, NULL) == -EINPROGRESS ? WELL : 1);
    assert_well(child);
    return 0;
}

Test(async, a_call_that_forks_in_a_handler_goes_on_in_both_processes) {
    struct called_back c;
    host = start(1);
    start_calling_back(&c, fork_in_handler, NULL);
    cr_assert_eq(int_result(c.future), 21);
    end_calling_back(&c);
    stop(host);
}
