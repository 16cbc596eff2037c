/* Timers: sleeping tasks, and parks that end with the time. */
#include <errno.h>
#include <stdlib.h>

#include "tests/support/runtime.h"

enum { MS = 1000 * 1000 };

static void *sleep_20_ms(void *unused) {
    uint64_t before = gate__os_now();
    gate_task_sleep(20 * MS);
    cr_assert_geq(gate__os_now() - before, 20ull * MS);
    return unused;
}

Test(timer, a_sleep_lasts_as_long_as_asked_or_longer) {
    run_task(sleep_20_ms, NULL);
}

Test(timer, a_root_task_sleeps_too) {
    gate_runtime *runtime = start(1);
    sleep_20_ms(NULL);
    stop(runtime);
}

Test(timer, sleeping_tasks_sleep_at_the_same_time) {
    gate_runtime *runtime = start(1);
    gate_task *tasks[50];
    uint64_t before = gate__os_now();
    for (int i = 0; i < 50; i++)
        tasks[i] = spawn("sleeper", sleep_20_ms, NULL);
    for (int i = 0; i < 50; i++)
        join(tasks[i]);
    cr_assert_lt(gate__os_now() - before, 50 * 20ull * MS / 2);
    stop(runtime);
}

static void *sleep_10_s(void *unused) {
    gate_task_sleep(10000ull * MS);
    return unused;
}

/* Its time has come, or is about to. */
static void have_it_come(gate_task *task) {
    cr_assert(gate__timer_cancel(task));
    gate__timer_set(task, gate__os_now());
}

/* Though the monitor sleeps until the later one, and nothing else wakes it. */
Test(timer, an_earlier_time_set_later_comes_first) {
    gate_runtime *runtime = start(1);
    uint64_t before = gate__os_now();
    gate_task *late = spawn("late", sleep_10_s, NULL);
    wait_for_state(late, GATE__PARKED);
    wait_until(atomic_load(&runtime->monitor.state) == GATE__MONITOR_PARKED);
    gate_task_sleep(10 * MS);
    cr_assert_lt(gate__os_now() - before, 5000ull * MS);
    have_it_come(late);
    join(late);
    stop(runtime);
}

Test(timer, a_ready_ends_a_timed_park_before_its_time) {
    gate_runtime *runtime = start(1);
    uint64_t before = gate__os_now();
    gate_task_ready(gate_task_current());
    cr_assert_eq(gate_task_park_for("a test", 10000ull * MS), 0);
    cr_assert_lt(gate__os_now() - before, 5000ull * MS);
    cr_assert_eq(gate__timer_next(runtime), GATE__TIMER_NEVER, "its timer is still there");
    stop(runtime);
}

Test(timer, a_timed_park_without_a_ready_times_out) {
    gate_runtime *runtime = start(1);
    uint64_t before = gate__os_now();
    cr_assert_eq(gate_task_park_for("a test", 20 * MS), -ETIMEDOUT);
    cr_assert_geq(gate__os_now() - before, 20ull * MS);
    stop(runtime);
}

static void *park_as_long_as_can_be(void *unused) {
    cr_assert_eq(gate_task_park_for("a test", UINT64_MAX), 0);
    return unused;
}

Test(timer, a_time_beyond_the_clock_never_comes) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("parks", park_as_long_as_can_be, NULL);
    wait_for_state(task, GATE__PARKED);
    cr_assert_eq(task->deadline, GATE__TIMER_NEVER);
    cr_assert_eq(gate_task_ready(task), 0);
    join(task);
    stop(runtime);
}

static void *note_that_it_ran(void *ran) {
    *(bool *)ran = true;
    return NULL;
}

Test(timer, a_sleep_of_0_returns_at_once) {
    gate_runtime *runtime = start(1);
    bool ran = false;
    gate_task *other = spawn("other", note_that_it_ran, &ran);
    gate_task_sleep(0);
    cr_assert_not(ran);
    join(other);
    stop(runtime);
}

static void *park_twice(void *unused) {
    cr_assert_eq(gate_task_park_for("a ready", 10000ull * MS), 0);
    cr_assert_eq(gate_task_park_for("no other", MS), -ETIMEDOUT);
    return unused;
}

/* The task is woken by its timer, has no slot yet, and is readied. */
Test(timer, a_ready_that_comes_when_the_time_has_passed_ends_that_park_and_not_the_next) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("parks twice", park_twice, NULL);
    wait_for_state(task, GATE__PARKED);
    have_it_come(task);
    wait_until(gate__queue_any_waits(runtime)); /* without a yield */
    cr_assert_eq(gate_task_ready(task), 0);
    join(task);
    stop(runtime);
}

static void sleep_outside(void *unused) {
    (void)unused;
    gate_task_sleep(1);
}

Test(timer, a_sleep_outside_a_task_is_fatal) {
    cr_assert_dies_with(sleep_outside, NULL, "gate_task_sleep");
}

/* Readies and timers of a few tasks race: a wake that is lost hangs, one that is left over fails. */
enum { TURNS = 3000 };

struct race {
    _Atomic unsigned readied, taken, timed_out;
    _Atomic bool over;
};

static void *park_often(void *argument) {
    struct race *race = argument;
    for (int i = 0; i < TURNS; i++) {
        if (gate_task_park_for("a race", 20 * 1000) == 0)
            race->taken++;
        else
            race->timed_out++;
    }
    race->over = true;
    return NULL;
}

static void pause_us(void *us) {
    usleep((useconds_t)(uintptr_t)us);
}

Test(timer, readies_and_timers_race_and_each_ready_is_taken_once) {
    gate_runtime *runtime = start(2);
    struct race race = {0};
    gate_task *task = spawn("parking", park_often, &race);
    while (!atomic_load(&race.over)) {
        race.readied += gate_task_ready(task) == 0;
        gate__foreign_call(pause_us, (void *)(uintptr_t)(rand() % 60));
    }
    join(task);
    cr_assert_gt(race.taken, 0);
    cr_assert_gt(race.timed_out, 0);
    /* The last may have come after the last park. */
    cr_assert(race.readied == race.taken || race.readied == race.taken + 1, "%u readies, %u taken", race.readied,
              race.taken);
    stop(runtime);
}

/* The heap against an array: random times, some of them cancelled, come out in order. */
enum { TASKS = 2000 };

Test(timer, times_come_in_order_whatever_is_cancelled) {
    gate_runtime *runtime = start(1);
    gate_task *tasks = calloc(TASKS, sizeof *tasks);
    uint64_t far = gate__os_now() + 1000 * 1000ull * MS, last = 0;
    unsigned left = TASKS;
    srand(1);
    for (int i = 0; i < TASKS; i++) {
        tasks[i].runtime = runtime;
        gate__timer_set(&tasks[i], far + (uint64_t)rand() % 1000);
        if (i % 3 == 0) {
            left -= gate__timer_cancel(&tasks[rand() % (i + 1)]);
        }
    }
    while (gate__timer_next(runtime) != GATE__TIMER_NEVER) {
        gate_task *first = runtime->timers.first;
        cr_assert_geq(first->deadline, last);
        last = first->deadline;
        cr_assert(gate__timer_cancel(first));
        cr_assert_not(gate__timer_cancel(first));
        left--;
    }
    cr_assert_eq(left, 0);
    free(tasks);
    stop(runtime);
}
