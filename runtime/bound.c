/* Tasks that a thread is for. A pinned task, one in a callback's handler and a thread's own keep their M, and their
 * thread waits with them (gate__m_keeps_task). A guest has asked for the main thread, on which it takes turns with the
 * others that have, and with that thread's own task.
 *
 * Such a task needs two things, its thread and a slot, and waits for them one after the other:
 *
 *   ready --its thread waits, and nobody is queued for it--> queued: in a slot's queue or the runtime's, as all are
 *   ready --else-----------------------------------------> later: its M's own queue, in the order of their coming
 *   later --the thread's task begins to wait, and it is the first--> queued
 *   queued --picked [whoever has a slot]--> the thread has that slot, and runs it
 *
 * So a slot is never kept for a thread that is busy, and whoever picks a task finds its thread waiting. A thread's task
 * begins to wait when it yields, parks or comes back from a call without a slot; a guest's turn ends the same way. All
 * of them line up in later behind those that are there: each comes after one turn of every other. A thread waits for
 * its pinned task alone: then the others stay there.
 *
 *   waits_for == NULL   <=>  the thread has something to run, or is in C
 *   queued != NULL       =>  waits_for == queued, or waits_for is the root task
 *   later has tasks, and waits_for is the root task  =>  queued != NULL
 *   workers.wanted ==  Ms with queued != NULL
 *
 * One that is queued may come to be behind others that no thread is to be had for, while a slot is idle: then it comes
 * first (leave_idle, in sched.c). Calls that keep all threads may wait for what it does.
 *
 * A task in later has nobody look at the queues, since no slot helps it. The monitor counts it as one that waits while
 * the thread has a slot: then whoever runs there is asked to yield after 10 ms. When the thread comes back from a call
 * without a slot it takes none at once, but goes behind those that wait for it.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/internal.h"

/* Whether its thread waits for task, and nobody is queued for that. The runtime's lock is held. */
static bool is_next(const gate_m *m, const gate_task *task) {
    return !m->queued && m->waits_for && (m->waits_for == task || m->waits_for == m->root);
}

/* next waits for a slot to run on m, or none does. The runtime's lock is held. */
static void set_queued(gate_m *m, gate_task *next) {
    struct gate__workers *workers = &m->runtime->workers;
    workers->wanted += (next != NULL) - (m->queued != NULL);
    m->queued = next;
}

/* Has task wait for a slot, in the queue of one that the caller has for itself, unless that is NULL. */
static void queue(gate_task *task, struct gate__slot *slot) {
    if (slot)
        gate__queue_push(&slot->ready, task);
    else
        gate__queue_push_global(task->runtime, task);
}

/* Has task, which is ready, wait for its thread, or for a slot: whether for that. */
static bool line_up(gate_task *task, struct gate__slot *slot) {
    gate_runtime *runtime = task->runtime;
    gate_m *m = task->bound;
    gate__lock(&runtime->lock);
    bool next = is_next(m, task);
    if (next)
        set_queued(m, task);
    else
        gate__queue_append(&m->later, task);
    gate__unlock(&runtime->lock);
    if (next)
        queue(task, slot);
    else
        gate__bound_notice(runtime);
    return next;
}

void gate__bound_ready(gate_task *task) {
    gate_runtime *runtime = task->runtime;
    struct gate__slot *slot = gate__sched_own_slot(runtime);
    if (!slot)
        gate__init_retain(runtime); /* nothing else keeps it from being stopped once its last task runs */
    if (line_up(task, slot))
        gate__sched_wake(runtime, slot);
    if (!slot)
        gate__init_release(runtime);
}

/* Those that wait for a thread */

bool gate__bound_any_waits(gate_runtime *runtime) {
    gate__lock(&runtime->lock); /* the main thread may end */
    const gate_m *main = atomic_load(&runtime->starter);
    bool any = main && main->slot && gate__bound_others_wait(main);
    gate__unlock(&runtime->lock);
    return any;
}

void gate__bound_notice(gate_runtime *runtime) {
    gate__foreign_light_barrier();
    gate__monitor_notice(runtime, NULL);
}

bool gate__bound_end_wait(gate_m *m) {
    m->waits_for = NULL;
    set_queued(m, NULL);
    return gate__bound_others_wait(m);
}

/* The first of those that m may run next, off later. is_ready says whether its own task is among them. */
static gate_task *choose(gate_m *m, bool is_ready) {
    gate_task *task = m->task;
    if (task != m->root)
        return is_ready ? task : NULL;
    if (is_ready)
        gate__queue_append(&m->later, task);
    return gate__queue_remove_first(&m->later);
}

/* The running task begins to wait. The slot that its M has is the caller's from here on, to be handed on: an M lets go
 * of it before anybody can see that its task is parked or ready, since it may be given another at once. */
static struct gate__slot *begin_wait(gate_m *m, bool is_ready) {
    if (m->task->bound != m) /* in a handler; others look at one that is bound already */
        m->task->bound = m;
    gate__lock(&m->runtime->lock);
    struct gate__slot *slot = gate__sched_detach(m);
    m->waits_for = m->task;
    gate_task *next = choose(m, is_ready);
    set_queued(m, next);
    gate__unlock(&m->runtime->lock);
    if (next)
        queue(next, slot);
    return slot;
}

/* Hands a slot on, for next if that was picked for it; without one, whoever is queued needs another. */
static void hand_on(gate_runtime *runtime, struct gate__slot *slot, gate_task *next) {
    if (!slot)
        gate__sched_wake(runtime, NULL);
    else if (next)
        gate__sched_hand_on_for(slot, next);
    else
        gate__sched_hand_on(slot);
}

/* Runs a guest, while the thread's root task waits, whose pins are not the guest's. [system stack] */
static void run_guest(gate_m *m, gate_task *guest) {
    gate_task *root = m->task;
    uint32_t pins = m->pins;
    m->task = NULL;
    m->pins = 0;
    gate__switch_to_task(m, guest);
    gate__sched_see_off(m);
    m->task = root;
    m->pins = pins;
    gate_task *next = m->given; /* for which the guest left */
    m->given = NULL;
    hand_on(m->runtime, begin_wait(m, false), next);
}

/* Runs what m was given, unless it is its own task: whether it is. */
static bool take_given(gate_m *m) {
    gate_task *given = m->given;
    gate__assert(m->slot && given);
    m->given = NULL;
    if (given != m->task)
        run_guest(m, given);
    return given == m->task;
}

static void wait_here(gate_m *m) {
    atomic_store_explicit(&m->task->on, NULL, memory_order_relaxed);
    do {
        gate__semaphore_wait(&m->wake);
    } while (!take_given(m));
    gate__m_unbind(m);
    gate__sched_resume(m);
}

void gate__bound_park(gate_m *m, uint32_t wakes) {
    gate__sched_suspend(m);
    struct gate__slot *slot = begin_wait(m, false);
    if (!gate__sched_enter_park(m->task, wakes))
        line_up(m->task, slot);
    gate__sched_hand_on(slot);
    wait_here(m);
}

/* Whether others wait for the thread that the running task could let in. */
static bool keeps_others_waiting(const gate_m *m) {
    return gate__bound_others_wait(m) && (m->task == m->root || !gate__m_keeps_task(m));
}

void gate__bound_yield(gate_m *m) {
    gate_task *next = gate__sched_pick_for_yield(m->slot);
    if (!next && !gate__sched_stops(m->slot) && !keeps_others_waiting(m))
        return;
    if (!gate__m_keeps_task(m)) {
        gate__sched_move(m, next);
        return;
    }
    gate__sched_suspend(m);
    hand_on(m->runtime, begin_wait(m, true), next);
    gate__bound_notice(m->runtime);
    wait_here(m);
}

void gate__bound_wait_for_slot(gate_m *m) {
    hand_on(m->runtime, begin_wait(m, true), NULL);
    wait_here(m);
}

/* Takes m's task back from the queue; false if somebody has picked it already. The lock also orders what he does for
 * ThreadSanitizer, which doesn't know the semaphore's wait with a deadline. */
static bool withdraw(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    bool withdrawn = gate__queue_withdraw_global(runtime, m->task);
    gate__lock(&runtime->lock);
    if (withdrawn)
        gate__bound_end_wait(m);
    gate__unlock(&runtime->lock);
    return withdrawn;
}

bool gate__bound_wait_for_slot_until(gate_m *m, uint64_t deadline) {
    gate__assert(!m->slot && m->task == m->root && m->adopted);
    hand_on(m->runtime, begin_wait(m, true), NULL);
    bool came = gate__semaphore_wait_until(&m->wake, deadline);
    if (withdraw(m))
        return false;
    if (!came)
        gate__semaphore_wait(&m->wake);
    take_given(m);
    gate__sched_resume(m);
    return true;
}
