/* Queues of ready tasks: the runtime's, for everybody, and one of each slot's.
 *
 * The owner of a run queue is whoever has its slot, and marks its use by plain stores. A thief has it take care,
 * waits until the owner is out, and takes; meanwhile the owner finds that, and waits for the lock.
 *
 *   owner: in_use = 1                        thief, with the lock: care = THIEF
 *          (compiler barrier)                                      membarrier
 *          if care: in_use = 0, and lock                           wait while in_use
 *          ... change ...                                          ... take ...
 *          in_use = 0                                              care = 0
 *
 * So nobody takes a task from it while it is in use, and a task that yields goes behind the others before it is off its
 * stack: the use ends when it is (gate__arch_turn).
 *
 * Where there is no membarrier, or a sanitizer that is to see the order, the owner locks always.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/arch/arch.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"

static void prepend(struct gate__queue *queue, gate_task *task) {
    task->next = queue->head;
    queue->head = task;
    if (!queue->tail)
        queue->tail = task;
    atomic_fetch_add_explicit(&queue->count, 1, memory_order_relaxed);
}

/* Takes task out of the midst; false if it isn't there. */
static bool take_out(struct gate__queue *queue, const gate_task *task) {
    gate_task **link = &queue->head, *before = NULL;
    while (*link && *link != task) {
        before = *link;
        link = &before->next;
    }
    if (!*link)
        return false;
    *link = task->next;
    if (!*link)
        queue->tail = before;
    atomic_fetch_sub_explicit(&queue->count, 1, memory_order_relaxed);
    return true;
}

/* Takes the first out that is bound to a thread; NULL if none is. */
static gate_task *take_bound(struct gate__queue *queue) {
    gate_task *task = queue->head;
    while (task && !task->bound)
        task = task->next;
    if (task)
        take_out(queue, task);
    return task;
}

/* A slot's */

void gate__queue_prepare(struct gate__run_queue *queue, uint32_t care) {
    gate__lock_init(&queue->theft, GATE__RANK_LEAF);
    queue->tasks = (struct gate__queue){NULL, NULL, 0};
    atomic_store_explicit(&queue->in_use, 0, memory_order_relaxed);
    atomic_store_explicit(&queue->care, care, memory_order_relaxed);
}

GATE__COLD_CODE void gate__queue_push_locked(struct gate__run_queue *queue, gate_task *task) {
    gate__queue_end_use(queue);
    gate__lock(&queue->theft);
    gate__queue_append(&queue->tasks, task);
    gate__unlock(&queue->theft);
}

GATE__COLD_CODE gate_task *gate__queue_pop_locked(struct gate__run_queue *queue) {
    gate__queue_end_use(queue);
    gate__lock(&queue->theft);
    gate_task *task = gate__queue_remove_first(&queue->tasks);
    gate__unlock(&queue->theft);
    return task;
}

void gate__queue_put_back(struct gate__run_queue *queue, gate_task *task) {
    bool locks = gate__queue_begin_use(queue) & GATE__CARE_LOCKS;
    if (locks) {
        gate__queue_end_use(queue);
        gate__lock(&queue->theft);
    }
    prepend(&queue->tasks, task);
    if (locks)
        gate__unlock(&queue->theft);
    else
        gate__queue_end_use(queue);
}

static void revoke(struct gate__run_queue *queue) {
    atomic_fetch_or(&queue->care, GATE__CARE_THIEF);
    gate__foreign_heavy_barrier();
    while (atomic_load_explicit(&queue->in_use, memory_order_acquire))
        gate__os_relax();
}

static void restore(struct gate__run_queue *queue) {
    atomic_fetch_and_explicit(&queue->care, ~(uint32_t)GATE__CARE_THIEF, memory_order_release);
}

void gate__queue_steal(struct gate__run_queue *victim, struct gate__queue *loot, uint32_t most, bool spares_last) {
    gate__lock(&victim->theft);
    revoke(victim);
    uint32_t half = (gate__queue_count(victim) + !spares_last) / 2;
    for (uint32_t i = 0; i < half && i < most; i++)
        gate__queue_append(loot, gate__queue_remove_first(&victim->tasks));
    restore(victim);
    gate__unlock(&victim->theft);
}

static gate_task *steal_bound(struct gate__run_queue *victim) {
    gate__lock(&victim->theft);
    revoke(victim);
    gate_task *task = take_bound(&victim->tasks);
    restore(victim);
    gate__unlock(&victim->theft);
    return task;
}

/* The runtime's */

void gate__queue_push_global(gate_runtime *runtime, gate_task *task) {
    gate__lock(&runtime->ready_lock);
    gate__queue_append(&runtime->ready, task);
    gate__unlock(&runtime->ready_lock);
}

gate_task *gate__queue_pop_global(gate_runtime *runtime) {
    if (atomic_load_explicit(&runtime->ready.count, memory_order_relaxed) == 0)
        return NULL;
    gate__lock(&runtime->ready_lock);
    gate_task *task = gate__queue_remove_first(&runtime->ready);
    if (task) {
        uint32_t taken = atomic_load_explicit(&runtime->ready_taken, memory_order_relaxed);
        atomic_store_explicit(&runtime->ready_taken, taken + 1, memory_order_relaxed);
    }
    gate__unlock(&runtime->ready_lock);
    return task;
}

bool gate__queue_withdraw_global(gate_runtime *runtime, const gate_task *task) {
    gate__lock(&runtime->ready_lock);
    bool withdrawn = take_out(&runtime->ready, task);
    gate__unlock(&runtime->ready_lock);
    return withdrawn;
}

gate_task *gate__queue_take_bound(gate_runtime *runtime) {
    gate__lock(&runtime->ready_lock);
    gate_task *task = take_bound(&runtime->ready);
    gate__unlock(&runtime->ready_lock);
    for (uint32_t i = 0; !task && i < runtime->slot_count; i++)
        task = steal_bound(&runtime->slots[i].ready);
    return task;
}

uint32_t gate__queue_waiting(gate_runtime *runtime, uint32_t most) {
    uint32_t count = atomic_load(&runtime->ready.count);
    for (uint32_t i = 0; i < runtime->slot_count && count < most; i++)
        count += atomic_load(&runtime->slots[i].ready.tasks.count);
    return count < most ? count : most;
}
