/* Thread handles: acquire and release, pinning, adopting and dropping. */
#include <errno.h>
#include <pthread.h>
#include <string.h>

#include "tests/support/process.h"
#include "tests/support/runtime.h"
#include "tests/support/step.h"
#include "tests/support/watch.h"

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

/* One that waits for another's wake, each time for as long as it takes the others to have a turn: on its thread none of
 * them has one. There is one slot, so this is plain. */

static struct {
    gate_m *m;
    gate_task *task;
    bool waits, over;
    unsigned turns; /* of the others */
} pinned;

static void *park_pinned(void *unused) {
    gate_m *m = pinned.m = gate_m_acquire();
    pinned.task = gate_task_current();
    for (int i = 0; i < 20; i++) {
        unsigned before = pinned.turns;
        pinned.waits = true;
        gate_task_park("one of the others");
        cr_assert_eq(gate__m(), m);
        cr_assert_gt(pinned.turns, before, "it has not waited");
    }
    pinned.over = true;
    gate_m_release(m);
    return unused;
}

static void *take_turns_beside(void *unused) {
    while (!pinned.over) {
        cr_assert_neq(gate__m(), pinned.m, "on the thread of a pinned task that waits");
        pinned.turns++;
        if (pinned.waits)
            gate_task_ready(pinned.task);
        pinned.waits = false;
        gate_task_yield();
    }
    return unused;
}

Test(m, a_pinned_task_that_parks_keeps_its_thread_from_others) {
    gate_runtime *runtime = start(1);
    gate_task *parks = spawn("pinned", park_pinned, NULL), *others[3];
    for (int i = 0; i < 3; i++)
        others[i] = spawn("beside", take_turns_beside, NULL);
    for (int i = 0; i < 3; i++)
        join(others[i]);
    join(parks);
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

static void *give_back(void *argument) {
    return argument;
}

/* As without /proc. */
Test(m, a_first_thread_whose_stack_nobody_tells_starts_a_runtime) {
    struct rlimit limit = open_no_more_files();
    void *bottom;
    size_t size;
    cr_assert_eq(gate__os_stack_bounds(&bottom, &size), -EMFILE);
    gate_runtime *runtime = start(1);
    cr_assert_eq(join(spawn("task", give_back, runtime)), runtime);
    stop(runtime);
    cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
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

static void *be_adopted_without_a_word(void *unused) {
    gate_m_release(gate_m_acquire());
    atomic_store(&step, 1);
    wait_until(atomic_load(&step) == 2);
    return unused;
}

/* A stop has begun, and has not come to the thread yet. */
Test(m, the_host_does_not_hear_of_the_end_of_a_thread_of_which_it_has_not_heard) {
    gate_runtime *runtime;
    struct gate_runtime_config config = {.hooks = {.thread_adopt = note_adopted, .thread_drop = note_dropped}};
    pthread_t thread;
    atomic_store(&step, 0);
    atomic_store(&adopted, NULL);
    atomic_store(&dropped, NULL);
    cr_assert_eq(gate_runtime_start(&config, &runtime, NULL), 0);
    pthread_create(&thread, NULL, be_adopted_without_a_word, NULL);
    wait_until(atomic_load(&step) == 1);
    atomic_store(&runtime->stopping, true);
    atomic_store(&step, 2);
    pthread_join(thread, NULL);
    stop(runtime);
    cr_assert(!atomic_load(&adopted) && !atomic_load(&dropped));
}

Test(m, the_host_does_not_hear_at_a_stop_of_a_thread_of_which_it_has_not_heard) {
    gate_runtime *runtime;
    struct gate_runtime_config config = {.hooks = {.thread_drop = note_dropped}};
    pthread_t thread;
    atomic_store(&step, 0);
    atomic_store(&dropped, NULL);
    cr_assert_eq(gate_runtime_start(&config, &runtime, NULL), 0);
    pthread_create(&thread, NULL, be_adopted_without_a_word, NULL);
    wait_until(atomic_load(&step) == 1);
    stop(runtime);
    atomic_store(&step, 2);
    pthread_join(thread, NULL);
    cr_assert_null(atomic_load(&dropped));
}

/* Of several runtimes, the one that was started first takes a thread in that none knows. */

static void *start_second(void *unused) {
    gate_runtime *runtime = start(1);
    atomic_store(&step, 1);
    wait_until((block_ms(1), atomic_load(&step) == 2));
    stop(runtime);
    return unused;
}

static void *look_where_it_belongs(void *unused) {
    (void)unused;
    gate_m *m = gate_m_acquire();
    gate_runtime *runtime = m->runtime;
    gate_m_release(m);
    return runtime;
}

Test(m, acquire_adopts_into_the_runtime_that_was_started_first) {
    gate_runtime *first = start(1);
    pthread_t second, thread;
    void *found;
    atomic_store(&step, 0);
    pthread_create(&second, NULL, start_second, NULL);
    wait_until(atomic_load(&step) == 1);
    pthread_create(&thread, NULL, look_where_it_belongs, NULL);
    pthread_join(thread, &found);
    cr_assert_eq(found, first);
    atomic_store(&step, 2);
    pthread_join(second, NULL);
    stop(first);
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

/* Threads that end as the runtime stops: of each the host hears once, from the thread or from the stop. */

enum { ENDING = 8 };

static _Atomic unsigned adoptions, drops, arrived;
static _Atomic bool may_end;

static void count_adoption(void *unused, gate_task *root) {
    (void)unused, (void)root;
    atomic_fetch_add(&adoptions, 1);
}

static void count_drop(void *unused, gate_task *root) {
    (void)unused;
    cr_assert_str_eq(gate_task_name(root), "thread");
    atomic_fetch_add(&drops, 1);
}

static void *end_during_the_stop(void *turns) {
    come_in_twice(NULL);
    atomic_fetch_add(&arrived, 1);
    while (!atomic_load(&may_end))
        gate__os_relax();
    for (volatile uintptr_t i = 0; i < (uintptr_t)turns; i++)
        ;
    return NULL;
}

static void stop_in_the_end(gate_runtime *runtime) {
    int failed;
    while ((failed = gate_runtime_stop(runtime, NULL)) == -EBUSY) /* a thread that ends has a slot */
        gate_task_yield();
    cr_assert_eq(failed, 0);
}

static void stop_while_threads_end(unsigned round) {
    struct gate_runtime_config config = {.hooks = {.thread_adopt = count_adoption, .thread_drop = count_drop}};
    gate_runtime *runtime;
    pthread_t threads[ENDING];
    atomic_store(&adoptions, 0);
    atomic_store(&drops, 0);
    atomic_store(&arrived, 0);
    atomic_store(&may_end, false);
    cr_assert_eq(gate_runtime_start(&config, &runtime, NULL), 0);
    for (uintptr_t i = 0; i < ENDING; i++)
        pthread_create(&threads[i], NULL, end_during_the_stop, (void *)(i * (round % 97) * 40));
    while (atomic_load(&arrived) < ENDING)
        gate_task_sleep(100 * 1000);
    atomic_store(&may_end, true);
    stop_in_the_end(runtime);
    for (int i = 0; i < ENDING; i++)
        pthread_join(threads[i], NULL);
    cr_assert_eq(atomic_load(&adoptions), ENDING);
    cr_assert_eq(atomic_load(&drops), ENDING);
}

Test(m, the_host_hears_once_of_each_thread_that_ends_as_the_runtime_stops) {
    for (unsigned round = 0; round < 100; round++)
        stop_while_threads_end(round);
}

static void *hold_over_a_stop(void *unused) {
    gate_m *m = gate_m_acquire();
    cr_assert_not_null(m);
    atomic_store(&step, 1);
    wait_until(atomic_load(&step) == 2);
    cr_assert_eq(gate_m_acquire(), m);
    gate_m_release(m);
    gate_m_release(m);
    cr_assert_null(gate_m_acquire(), "the runtime is gone, and nobody holds its M any more");
    return unused;
}

Test(m, one_that_is_held_while_its_runtime_stops_is_held_until_its_release) {
    pthread_t thread;
    atomic_store(&step, 0);
    gate_runtime *runtime = start(1);
    pthread_create(&thread, NULL, hold_over_a_stop, NULL);
    wait_until(atomic_load(&step) == 1);
    stop(runtime);
    atomic_store(&step, 2);
    pthread_join(thread, NULL);
}

/* A thread that finds no slot idle when it comes for the first time: what it waits for ends with a resume. */

static bool hears_of_strangers;

static void hear_of_resume(void *unused, gate_task *task) {
    (void)unused;
    hears_of_strangers |= !gate_task_host(task) && strcmp(gate_task_name(task), "thread") == 0;
}

static void make_known(void *host, gate_task *root) {
    gate_task_set_host(root, host);
}

static bool thread_waits(gate_runtime *runtime) {
    return atomic_load(&runtime->ready.count) == 1;
}

Test(m, the_hosts_first_resume_of_a_thread_comes_after_its_adoption) {
    gate_runtime *runtime;
    struct gate_runtime_config config = {.hooks = {.thread_adopt = make_known, .task_resume = hear_of_resume},
                                         .host = &runtime};
    pthread_t thread;
    hears_of_strangers = false;
    cr_assert_eq(gate_runtime_start(&config, &runtime, NULL), 0);
    pthread_create(&thread, NULL, come_in_twice, NULL);
    wait_until(thread_waits(runtime)); /* this thread keeps the slot */
    while (count_roots(runtime) > 1)
        gate_task_sleep(1000 * 1000);
    pthread_join(thread, NULL);
    cr_assert_not(hears_of_strangers);
    stop(runtime);
}

static _Atomic unsigned resumes;

static void count_resume(void *unused, gate_task *task) {
    (void)unused;
    atomic_fetch_add(&resumes, strcmp(gate_task_name(task), "thread") == 0);
}

static void *come_in_with_patience(void *unused) {
    gate_m *m = gate_m_acquire();
    cr_assert_eq(gate__foreign_come_in(m, GATE__TIMER_NEVER), 0);
    gate__foreign_go_out(m, false);
    atomic_store(&step, 1);
    wait_until(atomic_load(&step) == 2);
    cr_assert_eq(gate__foreign_come_in(m, gate__timer_after(60 * 1000ull * 1000 * 1000)), 0);
    gate__foreign_go_out(m, false);
    gate_m_release(m);
    return unused;
}

Test(m, the_host_hears_of_a_thread_that_goes_on_whether_it_waits_for_ever_or_with_patience) {
    gate_runtime *runtime;
    struct gate_runtime_config config = {.hooks = {.task_resume = count_resume}};
    pthread_t thread;
    atomic_store(&step, 0);
    cr_assert_eq(gate_runtime_start(&config, &runtime, NULL), 0);
    pthread_create(&thread, NULL, come_in_with_patience, NULL);
    wait_until((block_ms(1), atomic_load(&step) == 1));
    cr_assert_eq(atomic_load(&resumes), 1u);
    atomic_store(&step, 2);
    wait_until(thread_waits(runtime)); /* this thread keeps the slot */
    gate__foreign_call(join_thread, &thread);
    cr_assert_eq(atomic_load(&resumes), 2u);
    stop(runtime);
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

/* Of that class, by the thread's own end. */
static void call_the_end(enum gate_call_class class, const char *name) {
    gate_function function = {.address = (void (*)(void))end_thread_in_place, .call_class = class, .name = name};
    void *nothing = NULL;
    cr_assert_eq(gate_signature_parse("void (void *)", (gate_signature **)(uintptr_t)&function.signature, NULL), 0);
    gate_call(&function, NULL, (void *[]){&nothing});
}

static void *end_in_a_call_by_name(void *unused) {
    call_the_end(GATE_CALL_DEFAULT, "end_thread");
    return unused;
}

static void end_in_a_call_with_a_name(void *unused) {
    start(1);
    join(spawn("x", end_in_a_call_by_name, unused));
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
    cr_assert_dies_with(end_in_a_call_with_a_name, NULL,
                        unless_on_a_fibre("gate_call: the thread of task 'x' (#2) ended in a call of 'end_thread'"));
}

/* Of its own task's, too, in a call that keeps its slot; and when it has none. */

static void *end_in_a_leaf(void *unused) {
    start(1);
    call_the_end(GATE_CALL_LEAF, "end_thread");
    return unused;
}

static void *end_between_tasks(void *unused) {
    start(1);
    gate__m()->task = NULL;
    return unused;
}

static void end_thread_in(void *body) {
    pthread_t thread;
    pthread_create(&thread, NULL, (void *(*)(void *))body, NULL);
    pthread_join(thread, NULL);
}

Test(m, a_thread_that_started_a_runtime_and_ends_in_a_leaf_or_between_tasks_is_reported) {
    cr_assert_dies_with(end_thread_in, (void *)end_in_a_leaf,
                        "gate_call: the thread of task 'main' (#1) ended in a call of 'end_thread'");
    cr_assert_dies_with(end_thread_in, (void *)end_between_tasks, "a thread of the runtime ended between tasks");
}

/* The thread that started a runtime ends */

struct leaving {
    gate_task_main main; /* of a task that it leaves behind, once that is parked */
    gate_task *task;
    gate_runtime *runtime;
    _Atomic int suspended; /* how often its own was, less how often it was resumed */
    _Atomic bool went_on;
};

static void hear_of_main(void *data, gate_task *task, int change) {
    if (strcmp(gate_task_name(task), "main") == 0)
        atomic_fetch_add(&((struct leaving *)data)->suspended, change);
}

static void hear_of_mains_suspend(void *leaving, gate_task *task) {
    hear_of_main(leaving, task, 1);
}

static void hear_of_mains_resume(void *leaving, gate_task *task) {
    hear_of_main(leaving, task, -1);
}

static void *leave_a_runtime(void *data) {
    struct leaving *leaving = data;
    struct gate_runtime_hooks hooks = {.task_suspend = hear_of_mains_suspend, .task_resume = hear_of_mains_resume};
    leaving->runtime = start_with((struct gate_runtime_config){.slots = 1, .hooks = hooks, .host = leaving});
    leaving->task = spawn("left", leaving->main, leaving);
    while ((atomic_load(&leaving->task->state) & GATE__STATES) != GATE__PARKED)
        gate_task_sleep(1000 * 1000); /* guests come in */
    return NULL;
}

static void leave_for_ever(void *data) {
    struct leaving *leaving = data;
    pthread_t thread;
    pthread_create(&thread, NULL, leave_a_runtime, leaving);
    pthread_join(thread, NULL);
    cr_assert_eq(count_roots(leaving->runtime), 0);
    cr_assert_eq(atomic_load(&leaving->suspended), 1);
    gate_task_ready(leaving->task);
    wait_until(atomic_load(&leaving->went_on));
    cr_assert_eq(gate_runtime_stop(leaving->runtime, NULL), -EPERM);
}

static void *do_nothing(void *unused) {
    return unused;
}

static void *end_on_main(void *unused) {
    gate_task_enter_main();
    return unused;
}

/* A guest is left behind that has ended. */
static void *go_on(void *leaving) {
    gate_task *guest = spawn("guest", end_on_main, NULL);
    while ((atomic_load(&guest->state) & GATE__STATES) != GATE__DONE)
        gate_task_yield(); /* a sleep would be a park, too */
    gate_task_park("the other thread's end");
    join(guest);
    join(spawn("another", do_nothing, NULL));
    gate_world_stop();
    gate_world_start();
    atomic_store(&((struct leaving *)leaving)->went_on, true);
    return NULL;
}

Test(m, the_thread_that_started_a_runtime_may_end_outside_calls_and_the_tasks_go_on) {
    char output[1024];
    struct leaving leaving = {.main = go_on};
    cr_assert_eq(dies(leave_for_ever, &leaving, output, sizeof output), 0, "%s", output);
}

static void *enter_main_late(void *unused) {
    gate_task_park("the other thread's end");
    gate_task_enter_main();
    return unused;
}

static void *park_on_main(void *unused) {
    gate_task_enter_main();
    gate_task_park("a word that does not come");
    return unused;
}

Test(m, a_task_that_is_to_run_on_a_main_thread_that_has_ended_is_fatal) {
    struct leaving late = {.main = enter_main_late}, there = {.main = park_on_main};
    cr_assert_dies_with(leave_for_ever, &late, "gate_task_enter_main: the thread that started the runtime has ended");
    cr_assert_dies_with(leave_for_ever, &there,
                        "gate_task_enter_main: the thread that started the runtime ended, and task 'left' (#2) is to");
}

/* Two watches of calls, of which one ends as the other begins, at each place of the way. */

static struct {
    unsigned step, begins_at; /* of the end, the other begins behind that step */
    atomic_bool may_begin, has_begun;
    bool was_open; /* at some time since */
} other_watch;

static void *begin_other_watch(void *unused) {
    while (!atomic_load(&other_watch.may_begin))
        gate__os_relax();
    gate__foreign_watch(GATE__WATCH_HOST, true);
    atomic_store(&other_watch.has_begun, true);
    return unused;
}

/* It begins, unless it has to wait for the end. */
static void begin_other_in_between(void) {
    if (++other_watch.step == other_watch.begins_at) {
        atomic_store(&other_watch.may_begin, true);
        for (int i = 0; i < 5 && !atomic_load(&other_watch.has_begun); i++)
            usleep(50);
    }
    other_watch.was_open |= atomic_load(&other_watch.has_begun) && !none_is_watched();
}

static void end_one_watch(unsigned begins_at) {
    pthread_t thread;
    memset(&other_watch, 0, sizeof other_watch);
    other_watch.begins_at = begins_at;
    gate__foreign_watch(GATE__WATCH_TRACERS, true);
    cr_assert_eq(pthread_create(&thread, NULL, begin_other_watch, NULL), 0);
    atomic_fetch_and(&gate__os_watch.by.reasons, (uint16_t)~GATE__WATCH_TRACERS);
    comes_behind_each(begin_other_in_between, gate__m_settle_none);
    atomic_store(&other_watch.may_begin, true);
    pthread_join(thread, NULL);
}

Test(m, threads_without_one_are_watched_once_a_watch_has_begun_wherever_anothers_end_is) {
    if (!has_steps_for_locks())
        return;
    for (unsigned begins_at = 1; begins_at == 1 || other_watch.step >= other_watch.begins_at; begins_at++) {
        end_one_watch(begins_at);
        cr_assert(none_is_watched(), "behind step %u", begins_at);
        cr_assert(!other_watch.was_open, "for a moment, behind step %u", begins_at);
        gate__foreign_watch(GATE__WATCH_HOST, false);
        cr_assert(!none_is_watched());
    }
}
