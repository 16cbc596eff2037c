/* Tasks that a thread is for: guests of the main thread and its own task, pinned ones; who runs there, and when. */
#include "tests/support/runtime.h"

static pthread_t main_thread;

/* Not inlined: pthread_self is declared const, and the thread may change between two calls. */
static __attribute__((noinline)) bool on_main(void) {
    return pthread_equal(pthread_self(), main_thread);
}

static void note_thread(void *noted) {
    *(bool *)noted = on_main();
}

static void *visit_main(void *times) {
    for (intptr_t i = 0; i < (intptr_t)times; i++) {
        bool called = false;
        gate_task_enter_main();
        cr_assert(on_main());
        gate_task_yield();
        gate_task_sleep(1000);
        gate__foreign_call(note_thread, &called);
        cr_assert(called && on_main());
        if (i % 8 == 0) {
            gate_m *m = gate_m_acquire();
            block_ms(1);
            gate_task_yield();
            gate_m_release(m);
        }
        block_ms(0);
        cr_assert(on_main());
        gate_task_leave_main();
        cr_assert_not(on_main());
    }
    return NULL;
}

static void wait_with_guests(uint32_t slots) {
    gate_runtime *runtime = start(slots);
    gate_task *tasks[4];
    main_thread = pthread_self();
    for (int i = 0; i < 4; i++)
        tasks[i] = spawn("visitor", visit_main, (void *)100);
    for (int i = 0; i < 300; i++) {
        gate_task_sleep(10 * 1000);
        cr_assert(on_main());
        cr_assert_eq(gate_task_current(), gate__m()->root);
        gate_task_yield();
    }
    for (int i = 0; i < 4; i++)
        join(tasks[i]);
    stop(runtime);
}

Test(bound, a_task_that_enters_the_main_thread_runs_there_until_it_leaves) {
    wait_with_guests(1);
    wait_with_guests(3);
}

static _Atomic bool over_there;
static _Atomic int guests;

static void *come_and_go(void *times) {
    for (intptr_t i = 0; i < (intptr_t)times; i++) {
        gate_task_enter_main();
        gate_task_leave_main();
    }
    atomic_fetch_sub(&guests, 1);
    return NULL;
}

static void *ready_all_along(void *task) {
    for (unsigned i = 0; !atomic_load(&over_there); i++) {
        gate_task_ready(task);
        for (volatile unsigned spin = 0; spin < i % 64 * 64; spin++)
            ;
    }
    return NULL;
}

static void park_among_guests(void) {
    gate_runtime *runtime = start(3);
    gate_task *tasks[4];
    pthread_t thread;
    atomic_store(&over_there, false);
    atomic_store(&guests, 4);
    for (int i = 0; i < 4; i++)
        tasks[i] = spawn("guest", come_and_go, (void *)300);
    pthread_create(&thread, NULL, ready_all_along, gate_task_current());
    while (atomic_load(&guests))
        gate_task_park("guests");
    atomic_store(&over_there, true);
    pthread_join(thread, NULL);
    for (int i = 0; i < 4; i++)
        join(tasks[i]);
    wait_until(atomic_load(&runtime->idle_slot_count) == 2);
    stop(runtime);
}

/* A wake between its slot's loss and its park, when a guest has come already, finds its thread busy. */
Test(bound, a_root_task_that_is_woken_as_a_guest_comes_loses_no_slot) {
    for (int round = 0; round < 10; round++)
        park_among_guests();
}

static void *end_on_main(void *unused) {
    gate_task_enter_main();
    return unused;
}

Test(bound, a_task_may_end_on_the_main_thread) {
    run_task(end_on_main, NULL);
}

Test(bound, what_the_main_threads_own_task_holds_is_not_held_by_its_guests) {
    gate_runtime *runtime = start(1);
    main_thread = pthread_self();
    gate_m *m = gate_m_acquire();
    join(spawn("comes, pins and goes", visit_main, (void *)10));
    join(spawn("ends there", end_on_main, NULL));
    gate_m_release(m);
    stop(runtime);
}

Test(bound, the_main_threads_own_task_enters_and_leaves_it_for_nothing) {
    gate_runtime *runtime = start(1);
    gate_task_enter_main();
    gate_task_leave_main();
    stop(runtime);
}

static _Atomic bool guest_ran;

static void *be_a_guest(void *unused) {
    gate_task_enter_main();
    atomic_store(&guest_ran, true);
    return unused;
}

/* Another waits to come there, and would by a yield. */
static void *enter_twice(void *unused) {
    gate_task_enter_main();
    gate_task *other = spawn("other", be_a_guest, unused);
    wait_until(gate__bound_others_wait(gate__m()));
    gate_task_enter_main();
    cr_assert_not(atomic_load(&guest_ran));
    join(other);
    return unused;
}

Test(bound, a_task_that_is_on_the_main_thread_enters_it_for_nothing) {
    gate_runtime *runtime = start(2);
    join(spawn("enters", enter_twice, NULL));
    stop(runtime);
}

static void *leave_without_entering(void *unused) {
    gate_task_leave_main();
    return unused;
}

static void *enter_pinned(void *unused) {
    gate_m_acquire();
    gate_task_enter_main();
    return unused;
}

static void *leave_pinned(void *unused) {
    gate_task_enter_main();
    gate_m_acquire();
    gate_task_leave_main();
    return unused;
}

static void run_alone(void *body) {
    run_task((gate_task_main)body, NULL);
}

Test(bound, misuse_of_the_main_thread_is_fatal_and_named) {
    cr_assert_dies_with(run_alone, (void *)leave_without_entering,
                        "gate_task_leave_main: the task is pinned, or has not");
    cr_assert_dies_with(run_alone, (void *)leave_pinned, "gate_task_leave_main: the task is pinned, or has not");
    cr_assert_dies_with(run_alone, (void *)enter_pinned, "gate_task_enter_main: the task has to stay on its thread");
}

/* Turns on the main thread. Who waits for long says so. */

#define until_given_up(condition) \
    for (uint64_t give_up = gate__os_now() + 5000ull * 1000 * 1000; !(condition) && gate__os_now() < give_up;)

static _Atomic bool came;

static void *come_once(void *unused) {
    gate_task_enter_main();
    atomic_store(&came, true);
    gate_task_leave_main();
    return unused;
}

static gate_task *spawn_guest(void) {
    atomic_store(&came, false);
    return spawn("guest", come_once, NULL);
}

static void yield_until_it_came(uint32_t slots) {
    gate_runtime *runtime = start(slots);
    gate_task *guest = spawn_guest();
    until_given_up(atomic_load(&came)) gate_task_yield();
    cr_assert(atomic_load(&came), "a guest waited for 5 s beside a task that yields");
    join(guest);
    stop(runtime);
}

Test(bound, a_guest_has_its_turn_when_the_main_threads_own_task_yields) {
    yield_until_it_came(1);
    yield_until_it_came(2);
    yield_until_it_came(3);
}

static void wait_until_one_waits(gate_runtime *runtime) {
    wait_until(gate__bound_others_wait(runtime->starter));
}

Test(bound, the_main_threads_own_task_is_asked_to_yield_for_a_guest_though_slots_are_idle) {
    gate_runtime *runtime = start(2);
    for (int round = 0; round < 3; round++) {
        gate_task *guest = spawn_guest();
        wait_until_one_waits(runtime);
        until_given_up(gate_task_should_yield());
        cr_assert(gate_task_should_yield(), "a guest has waited for 5 s");
        gate_task_yield();
        cr_assert(atomic_load(&came));
        join(guest);
        wait_until(atomic_load(&runtime->monitor.state) == GATE__MONITOR_PARKED);
    }
    stop(runtime);
}

/* Meanwhile another task computes, with a slot for which nobody waits. */
static void *compute_unasked(void *may_end) {
    until_given_up(atomic_load((_Atomic bool *)may_end)) cr_assert_not(gate_task_should_yield());
    return NULL;
}

Test(bound, none_is_asked_to_yield_for_a_guest_but_on_the_main_thread) {
    gate_runtime *runtime = start(3);
    _Atomic bool may_end = false;
    gate_task *other = spawn("computes", compute_unasked, &may_end), *guest = spawn("guest", end_on_main, NULL);
    wait_until(gate__bound_others_wait(gate__m())); /* without a yield */
    until_given_up(gate_task_should_yield());
    cr_assert(gate_task_should_yield(), "a guest has waited for 5 s");
    usleep(5 * GATE__RUNS_LONG / 1000);
    atomic_store(&may_end, true);
    join(guest);
    join(other);
    stop(runtime);
}

/* On the main thread alone: how many turns of others came between two of a task's own. */

enum { GUESTS = 3, TURNS = 100 };
static unsigned turns, present;

static void take_turns(unsigned most) {
    for (int i = 0; i < TURNS; i++) {
        unsigned before = ++turns;
        gate_task_yield();
        cr_assert_leq(turns - before, most);
    }
}

static void *take_turns_as_guest(void *unused) {
    gate_task_enter_main();
    present++;
    while (present <= GUESTS)
        gate_task_yield();
    take_turns(GUESTS);
    gate_task_leave_main();
    return unused;
}

static void share_main(uint32_t slots) {
    gate_runtime *runtime = start(slots);
    gate_task *tasks[GUESTS];
    turns = present = 0;
    for (int i = 0; i < GUESTS; i++)
        tasks[i] = spawn("guest", take_turns_as_guest, NULL);
    while (present < GUESTS)
        gate_task_yield();
    present++;
    take_turns(GUESTS);
    for (int i = 0; i < GUESTS; i++)
        join(tasks[i]);
    cr_assert_eq(turns, (GUESTS + 1u) * TURNS);
    stop(runtime);
}

Test(bound, guests_and_the_main_threads_own_task_take_turns) {
    share_main(1);
    share_main(3);
}

/* A guest keeps the thread busy, by yields, while the main thread's own task is woken and another guest comes. */

static _Atomic bool over;

static void *yield_there(void *unused) {
    gate_task_enter_main();
    atomic_store(&came, true);
    until_given_up(atomic_load(&over)) gate_task_yield();
    cr_assert(atomic_load(&over), "the main thread's own task waited for 5 s beside a guest that yields");
    gate_task_leave_main();
    return unused;
}

static void *wake_main(void *main) {
    while (!atomic_load(&came))
        gate_task_yield();
    gate_task_ready(main);
    return NULL;
}

Test(bound, the_main_threads_own_task_goes_on_beside_a_guest_that_yields) {
    gate_runtime *runtime = start(2);
    gate_task *guest = spawn("guest", yield_there, NULL), *other = spawn("wakes", wake_main, gate_task_current());
    gate_task_park("a guest");
    gate_task *second = spawn("second", come_once, NULL);
    atomic_store(&came, false);
    until_given_up(atomic_load(&came)) gate_task_yield();
    cr_assert(atomic_load(&came), "a guest waited for 5 s beside another that yields");
    atomic_store(&over, true);
    join(guest);
    join(other);
    join(second);
    stop(runtime);
}

/* Calls of the main thread's own task: who waits for the thread comes first behind them. */

static void wait_for_guest(void *runtime) {
    wait_until_one_waits(runtime);
}

Test(bound, a_call_that_lost_its_slot_goes_on_behind_the_guest_that_waits_though_slots_are_idle) {
    gate_runtime *runtime = start(3);
    gate_task *guest = spawn_guest();
    gate__foreign_call_blocking(gate__m(), wait_for_guest, runtime, GATE__M_UNTOLD);
    cr_assert(atomic_load(&came));
    join(guest);
    stop(runtime);
}

static void wait_until_the_monitor_parks(void *data) {
    gate_runtime *runtime = data;
    wait_until_one_waits(runtime);
    wait_until(atomic_load(&runtime->monitor.state) == GATE__MONITOR_PARKED);
}

static void *run_there_until_asked(void *unused) {
    gate_task_enter_main();
    until_given_up(gate_task_should_yield());
    cr_assert(gate_task_should_yield(), "the main thread's own task has waited for 5 s");
    gate_task_leave_main();
    return unused;
}

Test(bound, a_guest_is_asked_to_yield_for_a_call_that_came_back_and_nobody_while_the_thread_is_in_c) {
    gate_runtime *runtime = start(3);
    gate_task *guest = spawn("guest", run_there_until_asked, NULL);
    gate__foreign_call_blocking(gate__m(), wait_until_the_monitor_parks, runtime, GATE__M_UNTOLD);
    join(guest);
    stop(runtime);
}

Test(bound, a_call_that_lasts_loses_its_slot_when_a_guest_waits) {
    gate_runtime *runtime = start(2);
    gate_task *guest = spawn_guest();
    gate__foreign_call(wait_until_the_monitor_parks, runtime);
    cr_assert(atomic_load(&came));
    join(guest);
    stop(runtime);
}

/* A pinned guest has the thread for itself, though it waits. */

static _Atomic bool is_pinned, may_unpin, was_let_in;

static void *pin_there(void *main) {
    gate_task_enter_main();
    gate_m *m = gate_m_acquire();
    atomic_store(&is_pinned, true);
    gate_task_ready(main);
    until_given_up(atomic_load(&may_unpin)) {
        gate_task_sleep(1000 * 1000);
        gate_task_yield();
    }
    cr_assert_not(atomic_load(&was_let_in) || atomic_load(&came));
    gate_m_release(m);
    gate_task_leave_main();
    return NULL;
}

static void *come_beside_a_pinned_one(void *unused) {
    while (!atomic_load(&is_pinned))
        gate_task_yield();
    gate_task *guest = spawn_guest();
    wait_until((gate_task_yield(), atomic_load(&gate__m()->runtime->starter->later.count) == 2));
    block_ms(20);
    atomic_store(&may_unpin, true);
    join(guest);
    return unused;
}

Test(bound, a_guest_that_is_pinned_lets_neither_the_threads_own_task_nor_guests_in) {
    gate_runtime *runtime = start(2);
    gate_task *pinned = spawn("pinned", pin_there, gate_task_current());
    gate_task *other = spawn("other", come_beside_a_pinned_one, NULL);
    gate_task_park("a guest");
    atomic_store(&was_let_in, true);
    join(pinned);
    join(other);
    stop(runtime);
}

/* Yields of tasks that keep their M */

static void *note_that_it_ran(void *ran) {
    atomic_store((_Atomic bool *)ran, true);
    return NULL;
}

struct from_outside {
    gate_runtime *runtime;
    _Atomic bool ran;
};

static void *spawn_from_outside(void *data) {
    struct from_outside *outside = data;
    struct gate_task_config config = {.main = note_that_it_ran, .argument = &outside->ran};
    cr_assert_eq(gate_task_spawn(outside->runtime, &config, NULL), 0);
    return NULL;
}

/* Its task is in the runtime's queue when this returns. */
static void have_one_from_outside(struct from_outside *outside) {
    pthread_t thread;
    *outside = (struct from_outside){.runtime = gate__m()->runtime};
    pthread_create(&thread, NULL, spawn_from_outside, outside);
    pthread_join(thread, NULL);
}

static void *yield_to_one_from_outside(void *unused) {
    struct from_outside outside;
    gate_m *m = gate_m_acquire();
    have_one_from_outside(&outside);
    gate_task_yield();
    cr_assert(atomic_load(&outside.ran));
    gate_m_release(m);
    return unused;
}

Test(bound, a_yield_is_to_what_has_come_from_outside_too) {
    gate_runtime *runtime = start(1);
    yield_to_one_from_outside(NULL);
    join(spawn("pinned", yield_to_one_from_outside, NULL));
    stop(runtime);
}

static void *run_until_asked(void *unused) {
    until_given_up(gate_task_should_yield());
    cr_assert(gate_task_should_yield(), "the one that yielded has waited for 5 s");
    return unused;
}

/* Nobody is told that the task is queued: a monitor that parks may have missed it on its way from a queue to another.
 * */
Test(bound, a_yield_tells_a_monitor_that_has_parked) {
    gate_runtime *runtime = start(1);
    struct gate_task_config config = {.main = run_until_asked};
    gate_task *task;
    gate_task_sleep(1000 * 1000); /* the worker has come */
    cr_assert_eq(gate__task_make(runtime, &config, NULL, &task), 0);
    wait_until(atomic_load(&runtime->monitor.state) == GATE__MONITOR_PARKED);
    gate__queue_push(&gate__m()->slot->ready, task);
    gate_task_yield();
    stop(runtime);
}

/* All threads that there may be are in a call, which waits for a thread that has its own task: this is queued behind
 * others that want for a thread. */

static _Atomic bool in_the_call, went_on;

static void wait_until_main_goes_on(void *unused) {
    (void)unused;
    atomic_store(&in_the_call, true);
    for (int i = 0; i < 5000 && !atomic_load(&went_on); i++)
        usleep(1000);
}

static void *call_until_main_goes_on(void *main) {
    gate_task_ready(main);
    gate__foreign_call_blocking(gate__m(), wait_until_main_goes_on, NULL, GATE__M_UNTOLD);
    cr_assert(atomic_load(&went_on), "the main thread's own task waited for 5 s beside an idle slot");
    return NULL;
}

static void wait_until_in_the_call(void *unused) {
    (void)unused;
    wait_until(atomic_load(&in_the_call));
}

static void be_woken(gate_task *call, _Atomic bool *ran) {
    (void)call;
    for (int i = 0; i < 3; i++)
        gate_task_detach(spawn("wants a thread", note_that_it_ran, ran));
    gate_task_park("the call");
}

static void yield_beside(gate_task *call, _Atomic bool *ran) {
    gate__foreign_call_blocking(gate__m(), wait_until_in_the_call, NULL, GATE__M_UNTOLD);
    be_woken(call, ran);
    gate_task_yield();
}

static void go_on_beside(void (*how)(gate_task *call, _Atomic bool *ran)) {
    gate_runtime *runtime = start_with((struct gate_runtime_config){.slots = 1, .most_threads = 1});
    static _Atomic bool ran;
    atomic_store(&in_the_call, false);
    atomic_store(&went_on, false);
    atomic_store(&ran, false);
    gate_task *call = spawn("calls", call_until_main_goes_on, gate_task_current());
    how(call, &ran);
    cr_assert_not(atomic_load(&ran));
    atomic_store(&went_on, true);
    join(call);
    wait_until((gate_task_yield(), atomic_load(&runtime->ready.count) == 0 && atomic_load(&ran)));
    stop(runtime);
}

Test(bound, a_task_that_has_its_thread_does_not_wait_behind_those_without_one) {
    go_on_beside(be_woken);
    go_on_beside(yield_beside);
}
