/* Queues of ready tasks: their order, and what owner and thief take of one. The tasks are nothing but links here. */
#include <stdlib.h>

#include "tests/support/runtime.h"

enum { TASKS = 9 };
static gate_task tasks[TASKS];

static void push_all(struct gate__run_queue *queue) {
    for (int i = 0; i < TASKS; i++)
        gate__queue_push(queue, &tasks[i]);
}

/* What the owner of a slot's queue has to heed in this process. */
static uint32_t usual_care(void) {
    gate_runtime *runtime = start(1);
    uint32_t care = runtime->slots[0].ready.care;
    stop(runtime);
    return care;
}

static void prepare(struct gate__run_queue *queue) {
    gate__queue_prepare(queue, usual_care());
}

/* first, and so on, until there is none. */
static void must_have(struct gate__run_queue *queue, int first, int count) {
    cr_assert_eq(gate__queue_count(queue), (uint32_t)count);
    for (int i = 0; i < count; i++)
        cr_assert_eq(gate__queue_pop(queue), &tasks[first + i], "%d", i);
    cr_assert_null(gate__queue_pop(queue));
}

Test(queue, its_tasks_come_in_their_order_whether_its_owner_locks_or_not) {
    struct gate__run_queue queue;
    for (uint32_t care = 0; care <= GATE__CARE_LOCK; care += GATE__CARE_LOCK) {
        gate__queue_prepare(&queue, care);
        push_all(&queue);
        must_have(&queue, 0, TASKS);
        push_all(&queue);
        gate__queue_put_back(&queue, gate__queue_pop(&queue));
        must_have(&queue, 0, TASKS);
        gate__queue_put_back(&queue, &tasks[0]);
        must_have(&queue, 0, 1);
    }
}

Test(queue, a_turn_of_its_only_task_or_of_many_leaves_it_as_long) {
    struct gate__run_queue queue;
    gate__queue_prepare(&queue, 0);
    gate__queue_push(&queue, &tasks[0]);
    cr_assert_eq(gate__queue_rotate(&queue.tasks, &tasks[1]), &tasks[0]);
    must_have(&queue, 1, 1);
    for (int i = 0; i < TASKS - 1; i++)
        gate__queue_push(&queue, &tasks[i]);
    cr_assert_eq(gate__queue_rotate(&queue.tasks, &tasks[TASKS - 1]), &tasks[0]);
    must_have(&queue, 1, TASKS - 1);
}

static uint32_t steal(uint32_t in_it, uint32_t most, bool spares_last) {
    struct gate__run_queue queue;
    struct gate__queue loot = {NULL, NULL, 0};
    prepare(&queue);
    for (uint32_t i = 0; i < in_it; i++)
        gate__queue_push(&queue, &tasks[i]);
    gate__queue_steal(&queue, &loot, most, spares_last);
    for (uint32_t i = 0; i < loot.count; i++)
        cr_assert_eq(gate__queue_remove_first(&loot), &tasks[i]);
    uint32_t stolen = in_it - gate__queue_count(&queue);
    must_have(&queue, (int)stolen, (int)(in_it - stolen));
    return stolen;
}

Test(queue, a_thief_takes_the_first_half_of_it_or_less) {
    cr_assert_eq(steal(8, 64, false), 4);
    cr_assert_eq(steal(9, 64, false), 5);
    cr_assert_eq(steal(9, 64, true), 4);
    cr_assert_eq(steal(9, 3, false), 3);
    cr_assert_eq(steal(1, 64, false), 1);
    cr_assert_eq(steal(1, 64, true), 0);
    cr_assert_eq(steal(0, 64, false), 0);
}

/* The owner pushes, pops, puts back and takes turns; a thread steals. */

enum { MANY = 1000, ROUNDS = 2000 };
static gate_task *many;
static _Atomic int *taken;
static struct gate__run_queue contested;
static _Atomic bool over;
static unsigned stolen;

static void *steal_all_along(void *unused) {
    while (!atomic_load(&over)) {
        struct gate__queue loot = {NULL, NULL, 0};
        gate__queue_steal(&contested, &loot, 1000, false);
        for (gate_task *task; (task = gate__queue_remove_first(&loot)) != NULL; stolen++)
            atomic_fetch_add(&taken[task - many], 1);
    }
    return unused;
}

static void take(const gate_task *task) {
    if (task)
        atomic_fetch_add(&taken[task - many], 1);
}

/* As gate_task_yield: the task that runs goes behind the others, and the first of these is the next. */
static gate_task *take_turn(gate_task *running) {
    uint32_t care = gate__queue_begin_use(&contested);
    bool turns = running && !care && contested.tasks.head;
    if (turns)
        running = gate__queue_rotate(&contested.tasks, running);
    gate__queue_end_use(&contested);
    return running ? running : gate__queue_pop(&contested);
}

static void use_all_along(void) {
    gate_task *running = NULL;
    for (int i = 0; i < MANY; i++) {
        gate__queue_push(&contested, &many[i]);
        running = take_turn(running);
        if (i % 5 == 0 && running) {
            gate__queue_put_back(&contested, running);
            running = gate__queue_pop(&contested);
        }
        if (i % 3 == 0) {
            take(running);
            running = NULL;
        }
    }
    take(running);
    while ((running = gate__queue_pop(&contested)) != NULL)
        take(running);
}

/* The thief may not have counted its last yet. */
static void wait_for_all(int times) {
    for (int i = 0; i < MANY; i++)
        wait_until(atomic_load(&taken[i]) >= times);
}

Test(queue, each_task_is_taken_once_by_its_owner_or_a_thief) {
    pthread_t thief;
    prepare(&contested);
    many = calloc(MANY, sizeof *many);
    taken = calloc(MANY, sizeof *taken);
    atomic_store(&over, false);
    pthread_create(&thief, NULL, steal_all_along, NULL);
    for (int round = 0; round < ROUNDS; round++) {
        use_all_along();
        wait_for_all(round + 1);
    }
    atomic_store(&over, true);
    pthread_join(thief, NULL);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(atomic_load(&taken[i]), ROUNDS, "task %d", i);
    cr_assert_gt(stolen, 0u);
    cr_assert_lt(stolen, (unsigned)MANY * ROUNDS);
    free(many);
    free(taken);
}

/* The runtime's */

static gate_runtime *without_threads(void) {
    gate_runtime *runtime = calloc(1, sizeof *runtime);
    gate__lock_init(&runtime->ready_lock, GATE__RANK_LEAF);
    return runtime;
}

Test(queue, of_the_runtimes_any_task_can_be_withdrawn_until_it_is_picked) {
    gate_runtime *runtime = without_threads();
    cr_assert_not(gate__queue_any_waits(runtime));
    for (int i = 0; i < 4; i++)
        gate__queue_push_global(runtime, &tasks[i]);
    cr_assert(gate__queue_any_waits(runtime));
    cr_assert_eq(gate__queue_pop_global(runtime), &tasks[0]);
    cr_assert_not(gate__queue_withdraw_global(runtime, &tasks[0]));
    cr_assert(gate__queue_withdraw_global(runtime, &tasks[2]));
    cr_assert(gate__queue_withdraw_global(runtime, &tasks[3]));
    gate__queue_push_global(runtime, &tasks[4]);
    cr_assert_eq(gate__queue_pop_global(runtime), &tasks[1]);
    cr_assert_eq(gate__queue_pop_global(runtime), &tasks[4]);
    cr_assert_null(gate__queue_pop_global(runtime));
    cr_assert_not(gate__queue_any_waits(runtime));
    free(runtime);
}
