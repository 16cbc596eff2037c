/* Slots: who may run interpreter code, and in which order. */
#include "tests/support/runtime.h"

/* How many tasks are in interpreter code now, and the most that ever were. */
static _Atomic int inside, most;

static void enter_interpreter(void) {
    int now = atomic_fetch_add(&inside, 1) + 1, seen = atomic_load(&most);
    while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
        ;
}

static void *work_and_block(void *rounds) {
    for (intptr_t i = 0; i < (intptr_t)rounds; i++) {
        enter_interpreter();
        for (volatile int spin = 0; spin < 100; spin++)
            ;
        atomic_fetch_sub(&inside, 1);
        if (i % 3 == 0)
            block_ms(1);
        else
            gate_task_yield();
    }
    return NULL;
}

static void crowd(uint32_t slots) {
    gate_runtime *runtime = start(slots);
    gate_task *tasks[50];
    atomic_store(&most, 0);
    for (int i = 0; i < 50; i++)
        tasks[i] = spawn("one of many", work_and_block, (void *)10);
    for (int i = 0; i < 50; i++)
        join(tasks[i]);
    cr_assert_leq(atomic_load(&most), (int)slots);
    stop(runtime);
}

Test(sched, no_more_tasks_run_than_there_are_slots) {
    crowd(1);
    crowd(2);
    crowd(3);
}

/* With one slot, plain data is safe wherever no call or yield comes between. */
static int plain;

static void *add_plainly(void *unused) {
    for (int i = 0; i < 1000; i++) {
        plain++;
        if (i % 100 == 0)
            block_ms(0);
        gate_task_yield();
    }
    return unused;
}

Test(sched, one_slot_makes_plain_data_safe) {
    gate_runtime *runtime = start(1);
    gate_task *tasks[20];
    plain = 0;
    for (int i = 0; i < 20; i++)
        tasks[i] = spawn("adder", add_plainly, NULL);
    for (int i = 0; i < 20; i++)
        join(tasks[i]);
    cr_assert_eq(plain, 20000);
    stop(runtime);
}

static char order[16];
static int turns;

static void *write_turns(void *letter) {
    for (int i = 0; i < 3; i++) {
        order[turns++] = (char)(intptr_t)letter;
        gate_task_yield();
    }
    return NULL;
}

Test(sched, tasks_take_turns_in_the_order_they_became_ready) {
    gate_runtime *runtime = start(1);
    turns = 0;
    gate_task *a = spawn("a", write_turns, (void *)'a');
    gate_task *b = spawn("b", write_turns, (void *)'b');
    gate_task *c = spawn("c", write_turns, (void *)'c');
    join(a);
    join(b);
    join(c);
    cr_assert_str_eq(order, "abcabcabc");
    stop(runtime);
}

static void *meet(void *argument) {
    _Atomic int *arrived = argument;
    atomic_fetch_add(arrived, 1);
    while (atomic_load(arrived) < 2)
        ; /* no yield: only another slot can help */
    return NULL;
}

Test(sched, an_idle_slot_takes_work_from_a_busy_ones_queue) {
    gate_runtime *runtime = start(2);
    for (int i = 0; i < 100; i++) {
        _Atomic int arrived = 0;
        gate_task *a = spawn("a", meet, &arrived), *b = spawn("b", meet, &arrived);
        join(a);
        join(b);
    }
    stop(runtime);
}

static _Atomic bool came;

static void *yield_until_it_came(void *unused) {
    while (!atomic_load(&came))
        gate_task_yield();
    return unused;
}

static void *come(void *unused) {
    atomic_store(&came, true);
    return unused;
}

static void *spawn_from_outside(void *runtime) {
    struct gate_task_config config = {.main = come};
    cr_assert_eq(gate_task_spawn(runtime, &config, NULL), 0);
    return NULL;
}

Test(sched, work_from_outside_runs_though_a_slots_own_queue_is_never_empty) {
    gate_runtime *runtime = start(1);
    gate_task *a = spawn("a", yield_until_it_came, NULL), *b = spawn("b", yield_until_it_came, NULL);
    pthread_t thread;
    pthread_create(&thread, NULL, spawn_from_outside, runtime);
    join(a);
    join(b);
    pthread_join(thread, NULL);
    stop(runtime);
}

Test(sched, slots_are_neither_lost_nor_held_twice) {
    gate_runtime *runtime = start(3);
    gate_task *tasks[30];
    for (int i = 0; i < 30; i++)
        tasks[i] = spawn("worker", work_and_block, (void *)6);
    for (int i = 0; i < 30; i++) {
        join(tasks[i]);
        gate__lock(&runtime->lock);
        gate__sched_validate(runtime);
        gate__unlock(&runtime->lock);
    }
    wait_until(atomic_load(&runtime->idle_slot_count) == 2);
    stop(runtime);
}
