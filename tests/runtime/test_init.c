/* The start and the stop of runtimes. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/runtime.h"
#include "tests/support/process.h"

Test(init, start_makes_the_caller_a_root_task_with_a_slot) {
    gate_runtime *runtime;
    cr_assert_eq(gate_runtime_start(NULL, &runtime, NULL), 0);
    cr_assert_str_eq(gate_task_name(gate_task_current()), "main");
    cr_assert_eq(gate_task_number(gate_task_current()), 1);
    cr_assert_not_null(gate__m()->slot);
    stop(runtime);
    cr_assert_null(gate_task_current());
}

Test(init, a_second_start_on_the_same_thread_is_ealready) {
    gate_runtime *runtime = start(1), *other = NULL;
    gate_error error;
    cr_assert_eq(gate_runtime_start(NULL, &other, &error), -EALREADY);
    cr_assert_eq(error.code, -EALREADY);
    cr_assert_not_null(strstr(error.message, "already belongs to a runtime"));
    cr_assert_null(other);
    stop(runtime);
}

Test(init, a_configuration_out_of_range_is_einval_and_says_what) {
    gate_runtime *runtime;
    gate_error error;
    struct gate_runtime_config small = {.task_stack_size = 4096}, many = {.slots = 100000};
    struct gate_runtime_config too_small = {.task_stack_size = 16 * 1024 - 1}, too_many = {.slots = 1025};
    cr_assert_eq(gate_runtime_start(&too_small, &runtime, &error), -EINVAL);
    cr_assert_eq(gate_runtime_start(&too_many, &runtime, &error), -EINVAL);
    cr_assert_eq(gate_runtime_start(&small, &runtime, &error), -EINVAL);
    cr_assert_not_null(strstr(error.message, "4096"));
    cr_assert_eq(gate_runtime_start(&many, &runtime, &error), -EINVAL);
    cr_assert_not_null(strstr(error.message, "100000 slots"));
}

static void *wait_for_ready(void *unused) {
    gate_task_park("the test's word");
    return unused;
}

Test(init, stop_with_tasks_left_is_ebusy_and_says_how_many_and_where) {
    gate_runtime *runtime = start(1);
    gate_error error;
    gate_task *a = spawn("reader", wait_for_ready, NULL), *b = spawn("writer", wait_for_ready, NULL);
    wait_for_state(a, GATE__PARKED);
    wait_for_state(b, GATE__PARKED);
    cr_assert_eq(gate_runtime_stop(runtime, &error), -EBUSY);
    cr_assert_not_null(strstr(error.message, "2 tasks are left"), "%s", error.message);
    const char *first = strstr(error.message, ": '"), *between = strstr(error.message, ", '");
    cr_assert(first && between && first < between, "%s", error.message);
    cr_assert_not_null(strstr(error.message, "'reader' (#2) parked: the test's word"), "%s", error.message);
    cr_assert_not_null(strstr(error.message, "'writer' (#3) parked: the test's word"), "%s", error.message);
    gate_task_ready(a);
    gate_task_ready(b);
    join(a);
    cr_assert_eq(gate_runtime_stop(runtime, &error), -EBUSY);
    cr_assert_not_null(strstr(error.message, "1 task is left"), "%s", error.message);
    join(b);
    stop(runtime);
}

Test(init, stop_with_many_tasks_left_names_as_many_as_there_is_room_for) {
    enum { MANY = 50 };
    gate_runtime *runtime = start(1);
    gate_error error;
    gate_task *tasks[MANY];
    for (int i = 0; i < MANY; i++)
        tasks[i] = spawn("one with a name that is long", wait_for_ready, NULL);
    cr_assert_eq(gate_runtime_stop(runtime, &error), -EBUSY);
    cr_assert_eq(strncmp(error.message, "50 tasks are left: '", 20), 0, "%s", error.message);
    const char *last = error.message + strlen(error.message) - strlen(") ready");
    cr_assert_str_eq(last, ") ready", "none is named in part: %s", error.message);
    for (int i = 0; i < MANY; i++) {
        gate_task_ready(tasks[i]);
        join(tasks[i]);
    }
    stop(runtime);
}

static void *stop_from_here(void *runtime) {
    return (void *)(intptr_t)gate_runtime_stop(runtime, NULL);
}

Test(init, stop_from_another_thread_is_eperm) {
    gate_runtime *runtime = start(1);
    pthread_t thread;
    void *result;
    pthread_create(&thread, NULL, stop_from_here, runtime);
    pthread_join(thread, &result);
    cr_assert_eq((intptr_t)result, -EPERM);
    stop(runtime);
}

static void *stop_as_guest(void *runtime) {
    gate_task_enter_main();
    void *result = stop_from_here(runtime);
    gate_task_leave_main();
    return result;
}

Test(init, stop_by_a_guest_of_the_thread_that_started_it_is_eperm) {
    gate_runtime *runtime = start(1);
    cr_assert_eq((intptr_t)join(spawn("guest", stop_as_guest, runtime)), -EPERM);
    stop(runtime);
}

static void stop_it(void *runtime) {
    gate_runtime_stop(runtime, NULL);
}

static void stop_in_a_call(void *unused) {
    (void)unused;
    gate_runtime *runtime = start(1);
    gate__foreign_call(stop_it, runtime);
}

static void stop_in_a_blocking_call(void *unused) {
    (void)unused;
    gate_runtime *runtime = start(1);
    gate__foreign_call_blocking(gate__m(), stop_it, runtime, GATE__M_UNTOLD);
}

static void stop_with_the_m_held(void *unused) {
    (void)unused;
    gate_runtime *runtime = start(1);
    gate_m_acquire();
    stop_it(runtime);
}

Test(init, stop_with_the_m_held_is_fatal) {
    cr_assert_dies_with(stop_with_the_m_held, NULL, "gate_runtime_stop: called from a callback, or with the M held");
}

Test(init, stop_from_a_call_that_has_to_return_is_fatal) {
    cr_assert_dies_with(stop_in_a_call, NULL, "gate_runtime_stop: called from a foreign call");
    cr_assert_dies_with(stop_in_a_blocking_call, NULL, "gate_runtime_stop: called from a foreign call");
}

static void *nothing(void *unused) {
    return unused;
}

Test(init, starts_and_stops_leave_no_mappings) {
    unsigned after_warming_up = 0;
    for (int i = 0; i < 60; i++) {
        gate_runtime *runtime = start(2);
        join(spawn("task", nothing, NULL));
        stop(runtime);
        if (i == 29)
            after_warming_up = count_mappings();
    }
    cr_assert_lt(count_mappings(), after_warming_up + 20);
}

static void *live_in_a_runtime(void *slots) {
    for (int i = 0; i < 10; i++) {
        gate_runtime *runtime = start((uint32_t)(uintptr_t)slots);
        gate_task *tasks[10];
        for (int j = 0; j < 10; j++)
            tasks[j] = spawn("task", nothing, NULL);
        for (int j = 0; j < 10; j++)
            join(tasks[j]);
        stop(runtime);
    }
    return NULL;
}

Test(init, several_runtimes_live_side_by_side) {
    pthread_t threads[3];
    for (uintptr_t i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, live_in_a_runtime, (void *)(i + 1));
    for (int i = 0; i < 3; i++)
        pthread_join(threads[i], NULL);
    cr_assert_null(gate__init_first());
}

static void map_writable_code(void *unused) {
    gate_runtime *runtime;
    struct gate_runtime_config config = {.allow_writable_code = 1};
    void *at;
    (void)unused;
    gate_runtime_start(&config, &runtime, NULL);
    int failed = gate_mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, &at);
    fprintf(stderr, "mapped with %d\n", failed);
    abort();
}

Test(init, a_runtime_may_be_configured_to_allow_writable_code) {
    cr_assert_dies_with(map_writable_code, NULL, "mapped with 0");
}

static void read_settings(void *text) {
    setenv("GATE_DEBUG", text, 1);
    gate__init_read_settings();
    fprintf(stderr, "membarrier %d guardpages %d\n", gate__settings.membarrier, gate__settings.guardpages);
    abort();
}

Test(init, settings_are_read_by_name_from_the_environment) {
    static char both[] = "guardpages=0,membarrier=5", one[] = "membarrier=0", none[] = "";
    cr_assert_dies_with(read_settings, both, "membarrier 5 guardpages 0");
    cr_assert_dies_with(read_settings, one, "membarrier 0 guardpages 1");
    cr_assert_dies_with(read_settings, none, "membarrier 1 guardpages 1");
}

Test(init, a_setting_that_does_not_exist_is_named_with_those_that_do) {
    static char unknown[] = "membarriers=0,guardpages=0", bare[] = "callstats";
    cr_assert_dies_with(read_settings, unknown, "GATE_DEBUG has no setting like 'membarriers=0'");
    cr_assert_dies_with(read_settings, bare, "'callstats', but, with commas between, membarrier=N guardpages=N ");
    cr_assert_dies_with(read_settings, unknown, "guardpages 0");
}

Test(init, a_setting_whose_value_is_no_number_is_named_and_stays_as_it_was) {
    static char word[] = "membarrier=no,guardpages=0", none[] = "membarrier=,guardpages=0", rest[] = "membarrier=0x1",
                large[] = "membarrier=4294967296";
    cr_assert_dies_with(
        read_settings, word,
        "GATE_DEBUG: 'membarrier=no' is ignored: the value is no number, or too large\nmembarrier 1 guardpages 0");
    cr_assert_dies_with(read_settings, none,
                        "'membarrier=' is ignored: the value is no number, or too large\nmembarrier 1");
    cr_assert_dies_with(read_settings, rest,
                        "'membarrier=0x1' is ignored: the value is no number, or too large\nmembarrier 1");
    cr_assert_dies_with(read_settings, large,
                        "'membarrier=4294967296' is ignored: the value is no number, or too large\nmembarrier 1");
}

/* The host's allocator: counted, and failing at a chosen call. */
struct allocator {
    _Atomic long bytes, calls;
    long fails_at; /* which call, from 1; 0: none */
};

static void *allocate(void *host, size_t size) {
    struct allocator *allocator = host;
    if (atomic_fetch_add(&allocator->calls, 1) + 1 == allocator->fails_at)
        return NULL;
    atomic_fetch_add(&allocator->bytes, (long)size);
    return malloc(size);
}

static void deallocate(void *host, void *memory, size_t size) {
    atomic_fetch_sub(&((struct allocator *)host)->bytes, (long)size);
    free(memory);
}

static int start_allocating(struct allocator *allocator, gate_runtime **runtime) {
    struct gate_runtime_config config = {
        .slots = 2, .hooks = {.allocate = allocate, .deallocate = deallocate}, .host = allocator};
    return gate_runtime_start(&config, runtime, NULL);
}

static void *block_a_little(void *unused) {
    block_ms(2);
    return unused;
}

Test(init, the_hosts_allocator_gets_back_all_that_it_gave) {
    struct allocator allocator = {0, 0, 0};
    gate_runtime *runtime;
    cr_assert_eq(start_allocating(&allocator, &runtime), 0);
    gate_task *tasks[20];
    for (int i = 0; i < 20; i++)
        tasks[i] = spawn("blocks", block_a_little, NULL);
    for (int i = 0; i < 20; i++)
        join(tasks[i]);
    cr_assert_gt(atomic_load(&allocator.bytes), 0);
    stop(runtime);
    cr_assert_eq(atomic_load(&allocator.bytes), 0);
}

/* Of a thread that lives on, too, once it ends; and of what was noted of faults. */

static _Atomic int stage;

static void *outlive_it(void *unused) {
    gate_m *m = gate_m_acquire();
    cr_assert_not_null(gate__task_mishaps(gate_task_current()));
    gate_m_release(m);
    atomic_store(&stage, 1);
    wait_until(atomic_load(&stage) == 2);
    return unused;
}

Test(init, the_hosts_allocator_gets_back_what_root_tasks_had) {
    struct allocator allocator = {0, 0, 0};
    gate_runtime *runtime;
    pthread_t thread;
    cr_assert_eq(start_allocating(&allocator, &runtime), 0);
    cr_assert_not_null(gate__task_mishaps(gate_task_current()));
    pthread_create(&thread, NULL, outlive_it, NULL);
    wait_until(atomic_load(&stage) == 1);
    stop(runtime);
    cr_assert_gt(atomic_load(&allocator.bytes), 0, "the thread has its M");
    atomic_store(&stage, 2);
    pthread_join(thread, NULL);
    cr_assert_eq(atomic_load(&allocator.bytes), 0);
}

Test(init, a_start_without_memory_is_enomem_and_leaks_nothing) {
    for (long nth = 1;; nth++) {
        struct allocator allocator = {0, 0, nth};
        gate_runtime *runtime;
        int failed = start_allocating(&allocator, &runtime);
        if (!failed) {
            stop(runtime);
            cr_assert_geq(nth, 4, "a runtime is made of more than %ld allocations", nth - 1);
            break;
        }
        cr_assert_eq(failed, -ENOMEM);
        cr_assert_eq(atomic_load(&allocator.bytes), 0);
    }
}

/* What a running runtime has no memory for: the first try's first allocation fails, the second's second, and so on. How
 * often it was tried, and how often in vain. */

static unsigned try_without_memory(struct allocator *allocator, bool (*is_made)(void)) {
    unsigned in_vain = 0;
    for (long calls;; in_vain++) {
        long bytes = atomic_load(&allocator->bytes);
        calls = atomic_load(&allocator->calls);
        allocator->fails_at = calls + in_vain + 1;
        if (is_made())
            break;
        cr_assert_eq(atomic_load(&allocator->bytes), bytes, "what it had so far is not given back");
    }
    allocator->fails_at = 0;
    return in_vain;
}

static bool is_spawned(void) {
    gate_task *task;
    struct gate_task_config config = {.main = nothing, .stack_size = 1024 * 1024}; /* a pool that is empty yet */
    int failed = gate_task_spawn(NULL, &config, &task);
    cr_assert(failed == 0 || failed == -ENOMEM);
    if (!failed)
        join(task);
    return !failed;
}

Test(init, a_spawn_without_memory_is_enomem_and_leaves_nothing) {
    struct allocator allocator = {0, 0, 0};
    gate_runtime *runtime;
    cr_assert_eq(start_allocating(&allocator, &runtime), 0);
    cr_assert_geq(try_without_memory(&allocator, is_spawned), 1u);
    stop(runtime);
    cr_assert_eq(atomic_load(&allocator.bytes), 0);
}

static bool is_adopted(void) {
    gate_m *m = gate_m_acquire();
    cr_assert_eq(gate_task_current() != NULL, m != NULL);
    if (m)
        gate_m_release(m);
    return m != NULL;
}

static void *be_adopted_without_memory(void *allocator) {
    return (void *)(uintptr_t)try_without_memory(allocator, is_adopted);
}

Test(init, an_acquire_without_memory_to_adopt_the_thread_is_null_and_leaves_nothing) {
    struct allocator allocator = {0, 0, 0};
    gate_runtime *runtime;
    pthread_t thread;
    void *in_vain;
    cr_assert_eq(start_allocating(&allocator, &runtime), 0);
    pthread_create(&thread, NULL, be_adopted_without_memory, &allocator);
    pthread_join(thread, &in_vain);
    cr_assert_geq((uintptr_t)in_vain, 2u, "an M and its root task");
    stop(runtime);
    cr_assert_eq(atomic_load(&allocator.bytes), 0);
}

#ifndef GATE_TEST_PLAIN /* sanitizers need address space of their own */

/* The first thread that there is no room for is the worker, or the monitor. */
static void start_with_few_threads(void *room) {
    gate_runtime *runtime;
    gate_error error;
    leave_room_for_threads((uintptr_t)room);
    size_t addresses = process_size().addresses;
    int failed = gate_runtime_start(NULL, &runtime, &error);
    fprintf(stderr, "%d: %s", failed == error.code ? failed : 0, error.message);
    fprintf(stderr, "; %s", process_size().addresses < addresses + GIB / 2 ? "no thread is left" : "a thread is left");
    leave_room_for_threads(2);
    fprintf(stderr, "; then %d\n", gate_runtime_start(NULL, &runtime, &error));
    stop(runtime);
    abort();
}

Test(init, a_start_without_a_thread_is_eagain_and_leaves_nothing) {
    const char *failure = "-11: the runtime's threads can't be created: Resource temporarily unavailable; "
                          "no thread is left; then 0\n";
    cr_assert_eq(EAGAIN, 11);
    for (uintptr_t room = 0; room < 2; room++)
        cr_assert_dies_with(start_with_few_threads, (void *)room, failure);
}

#endif

Test(init, one_half_of_an_allocator_is_einval) {
    struct gate_runtime_config config = {.hooks = {.allocate = allocate}};
    gate_runtime *runtime;
    gate_error error;
    cr_assert_eq(gate_runtime_start(&config, &runtime, &error), -EINVAL);
    cr_assert_not_null(strstr(error.message, "deallocate"));
}

/* A thread outside readies the last task, and a signal keeps it somewhere on its way back. */

static gate_task *_Atomic to_ready;
static _Atomic bool no_more;

static void dawdle(int number) {
    (void)number;
    usleep(3000);
}

static void *ready_what_comes(void *unused) {
    while (!atomic_load(&no_more)) {
        gate_task *task = atomic_exchange(&to_ready, NULL);
        if (task)
            gate_task_ready(task);
    }
    return unused;
}

static void *park_once(void *unused) {
    gate_task_park("the other thread");
    return unused;
}

Test(init, a_thread_that_is_on_its_way_out_of_a_ready_may_be_so_when_the_runtime_has_stopped) {
    struct sigaction action = {.sa_handler = dawdle}, old;
    pthread_t thread;
    sigaction(SIGUSR1, &action, &old);
    pthread_create(&thread, NULL, ready_what_comes, NULL);
    for (unsigned round = 0; round < 300; round++) {
        gate_runtime *runtime = start(2);
        gate_task *task = spawn("parks", park_once, NULL);
        wait_for_state(task, GATE__PARKED);
        atomic_store(&to_ready, task);
        for (volatile unsigned spin = 0; spin < round * 10; spin++)
            ;
        pthread_kill(thread, SIGUSR1);
        join(task);
        stop(runtime);
    }
    atomic_store(&no_more, true);
    pthread_join(thread, NULL);
    sigaction(SIGUSR1, &old, NULL);
}
