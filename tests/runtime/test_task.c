/* Tasks: their making, their end, and the wakes between them. */
#include <errno.h>
#include <string.h>

#include "tests/support/runtime.h"

static void *give_back(void *argument) {
    return argument;
}

Test(task, join_returns_what_main_returned) {
    int x;
    cr_assert_eq(run_task(give_back, &x), &x);
}

Test(task, join_after_the_end_returns_at_once) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("early", give_back, runtime);
    wait_for_state(task, GATE__DONE);
    cr_assert_eq(join(task), runtime);
    stop(runtime);
}

Test(task, spawn_without_main_or_with_a_tiny_stack_is_einval) {
    gate_runtime *runtime = start(1);
    gate_task *task;
    cr_assert_eq(gate_task_spawn(runtime, &(struct gate_task_config){0}, &task), -EINVAL);
    struct gate_task_config tiny = {.main = give_back, .stack_size = 4096};
    cr_assert_eq(gate_task_spawn(runtime, &tiny, &task), -EINVAL);
    stop(runtime);
}

Test(task, spawn_without_memory_for_the_stack_is_enomem) {
    gate_runtime *runtime = start(1);
    gate_task *task;
    struct gate_task_config huge = {.main = give_back, .stack_size = (size_t)1 << 50};
    cr_assert_eq(gate_task_spawn(runtime, &huge, &task), -ENOMEM);
    stop(runtime);
}

static void spawn_without_a_runtime(void *unused) {
    (void)unused;
    gate_task_spawn(NULL, &(struct gate_task_config){.main = give_back}, NULL);
}

Test(task, spawn_without_a_runtime_is_fatal) {
    cr_assert_dies_with(spawn_without_a_runtime, NULL, "gate_task_spawn: no runtime");
}

static void *look_at_self(void *argument) {
    gate_task *self = gate_task_current();
    cr_assert_str_eq(gate_task_name(self), "a name that is cut at 31 bytes,");
    cr_assert_gt(gate_task_number(self), 1);
    cr_assert_eq(gate_task_host(self), argument);
    gate_task_set_host(self, self);
    return gate_task_host(self) == self ? argument : NULL;
}

Test(task, has_a_name_a_number_and_a_host_pointer) {
    gate_runtime *runtime = start(1);
    gate_task *task;
    struct gate_task_config config = {look_at_self, runtime, "a name that is cut at 31 bytes, not 32", 0, runtime};
    cr_assert_eq(gate_task_spawn(runtime, &config, &task), 0);
    cr_assert_eq(join(task), runtime);
    stop(runtime);
}

Test(task, of_a_thread_that_no_runtime_knows_is_null) {
    cr_assert_null(gate_task_current());
}

static void *park_once(void *unused) {
    gate_task_park("a wake");
    return unused;
}

Test(task, parks_until_it_is_readied) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("parked", park_once, runtime);
    wait_for_state(task, GATE__PARKED);
    cr_assert_eq(gate_task_ready(task), 0);
    cr_assert_eq(join(task), runtime);
    stop(runtime);
}

Test(task, a_ready_that_comes_before_the_park_is_not_lost) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("late", park_once, runtime);
    cr_assert_eq(gate_task_ready(task), 0); /* it has not run yet: this task has the only slot */
    cr_assert_eq(gate_task_ready(task), -EALREADY);
    cr_assert_eq(join(task), runtime);
    stop(runtime);
}

Test(task, a_root_task_parks_and_is_readied_by_another) {
    gate_runtime *runtime = start(1);
    gate_task_ready(gate_task_current());
    gate_task_park("nothing: it is ready");
    stop(runtime);
}

static void *ready_it(void *task) {
    gate_task_ready(task);
    return NULL;
}

Test(task, a_parked_root_task_hands_its_slot_on) {
    gate_runtime *runtime = start(1);
    gate_task *other = spawn("other", ready_it, gate_task_current());
    gate_task_park("the other task");
    join(other);
    stop(runtime);
}

Test(task, ready_of_one_that_has_ended_is_esrch) {
    gate_runtime *runtime = start(1);
    gate_task *task = spawn("short", give_back, NULL);
    wait_for_state(task, GATE__DONE);
    cr_assert_eq(gate_task_ready(task), -ESRCH);
    join(task);
    stop(runtime);
}

static void *ready_and_end(void *root) {
    gate_task_ready(root);
    return NULL;
}

Test(task, join_does_not_take_a_ready_meant_for_park) {
    gate_runtime *runtime = start(1);
    join(spawn("readies its joiner", ready_and_end, gate_task_current()));
    gate_task_park("the ready from before"); /* would wait for ever */
    stop(runtime);
}

static void *join_self(void *unused) {
    (void)unused;
    return (void *)(intptr_t)gate_task_join(gate_task_current(), NULL);
}

Test(task, join_of_itself_is_edeadlk) {
    cr_assert_eq((intptr_t)run_task(join_self, NULL), -EDEADLK);
}

static void *join_other(void *other) {
    return (void *)(intptr_t)gate_task_join(other, NULL);
}

Test(task, a_second_join_is_ebusy) {
    gate_runtime *runtime = start(1);
    gate_task *parked = spawn("parked", park_once, NULL);
    gate_task *first = spawn("first", join_other, parked);
    gate_task *second = spawn("second", join_other, parked);
    cr_assert_eq((intptr_t)join(second), -EBUSY);
    gate_task_ready(parked);
    cr_assert_eq((intptr_t)join(first), 0);
    stop(runtime);
}

static _Atomic int ended;

static void *count_end(void *unused) {
    atomic_fetch_add(&ended, 1);
    return unused;
}

Test(task, detached_ones_free_themselves_before_or_after_their_end) {
    gate_runtime *runtime = start(1);
    atomic_store(&ended, 0);
    gate_task_spawn(runtime, &(struct gate_task_config){.main = count_end}, NULL);
    gate_task_detach(spawn("before", count_end, NULL));
    gate_task *after = spawn("after", count_end, NULL);
    wait_until((block_ms(1), atomic_load(&ended) == 3));
    gate_task_detach(after);
    stop(runtime);
}

static void yield_outside(void *unused) {
    (void)unused;
    gate_task_yield();
}

static void park_outside(void *unused) {
    (void)unused;
    gate_task_park("nothing");
}

static void park_inside_a_call(void *unused) {
    start(1);
    gate__foreign_call(park_outside, unused);
}

Test(task, yield_and_park_without_a_slot_are_fatal_and_name_the_function) {
    cr_assert_dies_with(yield_outside, NULL, "gate_task_yield");
    cr_assert_dies_with(park_outside, NULL, "gate_task_park");
    cr_assert_dies_with(park_inside_a_call, NULL, "gate_task_park");
}

enum { ROUNDS = 2000 };

/* Two tasks that wake each other by turns: a lost wake would stop both. */
struct pair {
    gate_task *_Atomic first, *_Atomic second;
};

static void *serve(void *argument) {
    struct pair *pair = argument;
    pair->first = gate_task_current(); /* it may run before its spawn has returned */
    for (int i = 0; i < ROUNDS; i++) {
        cr_assert_eq(gate_task_ready(pair->second), 0);
        gate_task_park("the second");
    }
    return NULL;
}

static void *reply(void *argument) {
    struct pair *pair = argument;
    for (int i = 0; i < ROUNDS; i++) {
        gate_task_park("the first");
        cr_assert_eq(gate_task_ready(pair->first), 0);
    }
    return NULL;
}

Test(task, wakes_pass_between_slots_without_one_lost) {
    gate_runtime *runtime = start(2);
    struct pair pair = {NULL, NULL};
    pair.second = spawn("second", reply, &pair);
    join(spawn("first", serve, &pair));
    join(pair.second);
    stop(runtime);
}
