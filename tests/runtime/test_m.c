/* Thread handles: acquire and release, pinning, adopting and dropping. */
#include <errno.h>
#include <pthread.h>

#include "tests/support/runtime.h"

Test(m, acquire_without_a_runtime_is_null) {
    cr_assert_null(gate_m_acquire());
}

Test(m, acquires_nest_and_return_the_same_handle) {
    gate_runtime *runtime = start(1);
    gate_m *m = gate_m_acquire();
    cr_assert_not_null(m);
    cr_assert_eq(gate_m_acquire(), m);
    gate_m_release(m);
    gate_m_release(m);
    stop(runtime);
}

static void release_without_acquire(void *unused) {
    (void)unused;
    start(1);
    gate_m *m = gate_m_acquire();
    gate_m_release(m);
    gate_m_release(m);
}

static void *release_elsewhere(void *m) {
    gate_m_release(m);
    return NULL;
}

static void release_on_another_thread(void *unused) {
    pthread_t thread;
    (void)unused;
    start(1);
    pthread_create(&thread, NULL, release_elsewhere, gate_m_acquire());
    pthread_join(thread, NULL);
}

Test(m, release_of_one_that_is_not_held_is_fatal) {
    cr_assert_dies_with(release_without_acquire, NULL, "gate_m_release: the M is not held");
}

Test(m, release_from_another_thread_is_fatal) {
    cr_assert_dies_with(release_on_another_thread, NULL, "gate_m_release: the M is not this thread's");
}

static void *stay_on_thread(void *other) {
    gate_m *m = gate_m_acquire();
    pthread_t before = pthread_self();
    for (int i = 0; i < 20; i++) {
        block_ms(1); /* lasts: the slot goes to the others */
        gate_task_yield();
        gate_task_ready(gate_task_current());
        gate_task_park("itself");
        cr_assert(pthread_equal(before, pthread_self()));
        cr_assert_eq(gate_m_acquire(), m);
        gate_m_release(m);
    }
    gate_m_release(m);
    return other;
}

static void *make_work(void *until) {
    while (!atomic_load((_Atomic bool *)until))
        gate_task_yield();
    return NULL;
}

Test(m, a_pinned_task_stays_on_its_thread_while_others_take_the_slot) {
    gate_runtime *runtime = start(1);
    _Atomic bool done = false;
    gate_task *pinned[4], *busy = spawn("busy", make_work, &done);
    for (int i = 0; i < 4; i++)
        pinned[i] = spawn("pinned", stay_on_thread, NULL);
    for (int i = 0; i < 4; i++)
        join(pinned[i]);
    atomic_store(&done, true);
    join(busy);
    stop(runtime);
}

static void *yield_pinned(void *unused) {
    gate_m *m = gate_m_acquire();
    for (int i = 0; i < 500; i++) {
        gate_task_yield();
        gate_task_ready(gate_task_current());
        gate_task_park("itself");
        cr_assert_eq(gate__m(), m);
    }
    gate_m_release(m);
    return unused;
}

Test(m, pinned_tasks_pass_several_slots_among_them) {
    gate_runtime *runtime = start(3);
    gate_task *tasks[8];
    for (int i = 0; i < 8; i++)
        tasks[i] = spawn("pinned", yield_pinned, NULL);
    for (int i = 0; i < 8; i++)
        join(tasks[i]);
    stop(runtime);
}

static void *end_pinned(void *unused) {
    gate_m_acquire();
    return unused;
}

static void run_a_task_that_ends_pinned(void *unused) {
    start(1);
    join(spawn("forgetful", end_pinned, unused));
}

Test(m, a_task_that_ends_while_it_holds_its_m_is_fatal_and_named) {
    cr_assert_dies_with(run_a_task_that_ends_pinned, NULL, "task 'forgetful'");
}

static unsigned count_roots(gate_runtime *runtime) {
    unsigned count = 0;
    gate__lock(&runtime->lock);
    for (gate_m *m = runtime->roots; m; m = m->all_next)
        count++;
    gate__unlock(&runtime->lock);
    return count;
}

static void *visit(void *runtime) {
    cr_assert_null(gate_task_current());
    gate_m *m = gate_m_acquire();
    cr_assert_not_null(m);
    cr_assert_str_eq(gate_task_name(gate_task_current()), "thread");
    gate_m_release(m);
    cr_assert_eq(count_roots(runtime), 2);
    return NULL;
}

Test(m, acquire_adopts_an_unknown_thread_which_is_dropped_at_its_exit) {
    gate_runtime *runtime = start(1);
    for (int i = 0; i < 3; i++) {
        pthread_t thread;
        pthread_create(&thread, NULL, visit, runtime);
        pthread_join(thread, NULL);
        cr_assert_eq(count_roots(runtime), 1);
    }
    stop(runtime);
}

static gate_task *_Atomic adopted, *_Atomic dropped;

static void note_adopted(void *host, gate_task *root) {
    (void)host;
    cr_assert_null(atomic_exchange(&adopted, root), "adopted twice");
    cr_assert_eq(gate_task_current(), root);
    cr_assert_not_null(gate__m()->slot, "no slot in thread_adopt");
}

static void note_dropped(void *host, gate_task *root) {
    (void)host;
    atomic_store(&dropped, root);
    cr_assert_not_null(gate__m()->slot, "no slot in thread_drop");
}

static void *come_in_twice(void *unused) {
    gate_m *m = gate_m_acquire();
    for (int i = 0; i < 2; i++) {
        cr_assert_eq(gate__foreign_come_in(m, GATE__TIMER_NEVER), 0);
        gate__foreign_go_out(m, false);
    }
    gate_m_release(m);
    return unused;
}

Test(m, the_host_hears_of_adopted_threads_with_a_slot_held) {
    gate_runtime *runtime;
    struct gate_runtime_config config = {.hooks = {.thread_adopt = note_adopted, .thread_drop = note_dropped}};
    pthread_t thread;
    gate_runtime_start(&config, &runtime, NULL);
    pthread_create(&thread, NULL, come_in_twice, NULL);
    wait_until((block_ms(1), atomic_load(&dropped) != NULL));
    pthread_join(thread, NULL);
    cr_assert_not_null(atomic_load(&adopted));
    cr_assert_eq(atomic_load(&adopted), atomic_load(&dropped));
    stop(runtime);
}

/* A thread that outlives the runtime which adopted it: it waits for the test's word at each step. */
static _Atomic int step;

static void *outlive(void *unused) {
    cr_assert_null(come_in_twice(unused));
    atomic_store(&step, 1);
    wait_until(atomic_load(&step) == 2);
    cr_assert_null(gate_m_acquire(), "the runtime is gone");
    atomic_store(&step, 3);
    wait_until(atomic_load(&step) == 4);
    gate_m *m = gate_m_acquire();
    cr_assert_not_null(m);
    gate_m_release(m);
    return unused;
}

Test(m, a_stop_drops_threads_that_live_on_and_another_runtime_may_adopt_them) {
    gate_runtime *runtime;
    struct gate_runtime_config config = {.hooks = {.thread_adopt = note_adopted, .thread_drop = note_dropped}};
    pthread_t thread;
    atomic_store(&adopted, NULL);
    atomic_store(&dropped, NULL);
    atomic_store(&step, 0);
    gate_runtime_start(&config, &runtime, NULL);
    pthread_create(&thread, NULL, outlive, NULL);
    wait_until((block_ms(1), atomic_load(&step) == 1));
    stop(runtime);
    cr_assert_eq(atomic_load(&dropped), atomic_load(&adopted));
    atomic_store(&step, 2);
    wait_until(atomic_load(&step) == 3);
    runtime = start(1);
    atomic_store(&step, 4);
    pthread_join(thread, NULL);
    cr_assert_eq(count_roots(runtime), 1);
    stop(runtime);
}

static void *start_another(void *unused) {
    cr_assert_null(come_in_twice(unused));
    atomic_store(&step, 1);
    wait_until(atomic_load(&step) == 2);
    gate_runtime *own = start(1);
    cr_assert_eq(count_roots(own), 1);
    stop(own);
    return unused;
}

Test(m, a_thread_that_a_stopped_runtime_had_adopted_may_start_one) {
    pthread_t thread;
    atomic_store(&step, 0);
    gate_runtime *runtime = start(1);
    pthread_create(&thread, NULL, start_another, NULL);
    wait_until((block_ms(1), atomic_load(&step) == 1));
    stop(runtime);
    atomic_store(&step, 2);
    pthread_join(thread, NULL);
}

/* Threads that end where they should not */

static void *end_thread(void *unused) {
    pthread_exit(unused);
}

static void end_in_a_task(void *unused) {
    start(1);
    join(spawn("x", end_thread, unused));
}

static void *end_the_main_thread(void *unused) {
    gate_task_enter_main();
    pthread_exit(unused);
}

static void end_in_a_guest(void *unused) {
    start(1);
    join(spawn("x", end_the_main_thread, unused));
}

static void end_thread_in_place(void *unused) {
    pthread_exit(unused);
}

static void *end_in_a_call(void *unused) {
    gate__foreign_call(end_thread_in_place, unused);
    return unused;
}

static void end_in_a_call_without_a_name(void *unused) {
    start(1);
    join(spawn("x", end_in_a_call, unused));
}

Test(m, a_thread_that_a_task_ends_is_reported) {
    const char *in_task = "gate_task_spawn: the thread of task 'x' (#2) ended in interpreter code";
    cr_assert_dies_with(end_in_a_task, NULL, unless_on_a_fibre(in_task));
    cr_assert_dies_with(end_in_a_guest, NULL, unless_on_a_fibre(in_task));
    cr_assert_dies_with(end_in_a_call_without_a_name, NULL,
                        unless_on_a_fibre("gate_call: the thread of task 'x' (#2) ended in a call of 'a function'"));
}

static void *leave_a_runtime(void *unused) {
    start(1);
    return unused;
}

static void leave_a_runtime_for_ever(void *unused) {
    pthread_t thread;
    pthread_create(&thread, NULL, leave_a_runtime, unused);
    pthread_join(thread, NULL);
}

Test(m, the_thread_that_started_a_runtime_may_end_outside_calls) {
    char output[1024];
    cr_assert_eq(dies(leave_a_runtime_for_ever, NULL, output, sizeof output), 0, "%s", output);
}
