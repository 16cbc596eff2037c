/* The scheduler: which task runs on which thread, by the rule that interpreter code needs a slot.
 *
 * A slot that becomes free is *handed on*: to the M that the next ready task is bound to, else to a
 * worker, else it is idle. All ways to lose a slot end in gate__sched_hand_on, and an M gets one in two
 * ways: it is given one with a task, through its semaphore, or it takes an idle one.
 *
 * A worker with a slot goes on with the slot's own queue, then the runtime's, then the other slots';
 * every 61st time it looks at the runtime's first, so that no queue waits for another to run dry.
 *
 * No wake-up is lost between a thread that queues a task and one that makes its slot idle: the first
 * queues, then looks for idle slots; the second makes it idle, then looks at the queues; both with a
 * full fence in between.
 *
 * Not done: handing a task that leaves a long call to the thread that it is on. The thread would wait
 * for a slot and the worker that has one for a thread; queueing the task lets any worker take it.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/internal.h"

enum { LOOK_AT_RUNTIME_EVERY = 61 };

/* Queues */

static void push(struct gate__queue *queue, gate_task *task) {
    gate__lock(&queue->lock);
    task->next = NULL;
    if (queue->tail)
        queue->tail->next = task;
    else
        queue->head = task;
    queue->tail = task;
    atomic_fetch_add(&queue->count, 1);
    gate__unlock(&queue->lock);
}

static gate_task *pop(struct gate__queue *queue) {
    if (atomic_load_explicit(&queue->count, memory_order_relaxed) == 0)
        return NULL;
    gate__lock(&queue->lock);
    gate_task *task = queue->head;
    if (task) {
        queue->head = task->next;
        if (!queue->head)
            queue->tail = NULL;
        atomic_fetch_sub(&queue->count, 1);
    }
    gate__unlock(&queue->lock);
    return task;
}

bool gate__sched_work_waits(gate_runtime *runtime) {
    if (atomic_load(&runtime->ready.count))
        return true;
    for (uint32_t i = 0; i < runtime->slot_count; i++) {
        if (atomic_load(&runtime->slots[i].ready.count))
            return true;
    }
    return false;
}

static gate_task *pick(struct gate__slot *slot) {
    gate_runtime *runtime = slot->runtime;
    gate_task *task = NULL;
    if (++slot->picks % LOOK_AT_RUNTIME_EVERY == 0)
        task = pop(&runtime->ready);
    if (!task)
        task = pop(&slot->ready);
    if (!task)
        task = pop(&runtime->ready);
    for (uint32_t i = 1; !task && i < runtime->slot_count; i++)
        task = pop(&runtime->slots[(slot->index + i) % runtime->slot_count].ready);
    return task;
}

/* Slots and who holds them: under the runtime's lock */

void gate__sched_validate(gate_runtime *runtime) {
    uint32_t held = 0, idle = 0;
    for (uint32_t i = 0; i < runtime->slot_count; i++) {
        gate_m *holder = runtime->slots[i].holder;
        held += holder != NULL;
        if (holder && holder->slot != &runtime->slots[i])
            gate__throw("a slot and its holder disagree");
    }
    for (struct gate__slot *slot = runtime->idle_slots; slot; slot = slot->idle_next) {
        idle++;
        if (slot->holder)
            gate__throw("an idle slot is held");
    }
    if (idle != atomic_load(&runtime->idle_slot_count) || held + idle > runtime->slot_count)
        gate__throw("slots are lost or held twice");
}

static void validate(gate_runtime *runtime) {
    if (GATE_DEBUG_LEVEL > 1)
        gate__sched_validate(runtime);
}

static void attach(gate_m *m, struct gate__slot *slot) {
    gate__assert(!m->slot && !slot->holder);
    m->slot = slot;
    slot->holder = m;
    slot->seen_call = false;
    validate(slot->runtime);
}

struct gate__slot *gate__sched_detach(gate_m *m) {
    struct gate__slot *slot = m->slot;
    if (slot) {
        gate__assert(slot->holder == m);
        m->slot = NULL;
        slot->holder = NULL;
    }
    return slot;
}

static struct gate__slot *pop_idle(gate_runtime *runtime) {
    struct gate__slot *slot = runtime->idle_slots;
    if (slot) {
        runtime->idle_slots = slot->idle_next;
        atomic_fetch_sub(&runtime->idle_slot_count, 1);
    }
    return slot;
}

static void push_idle(struct gate__slot *slot) {
    gate_runtime *runtime = slot->runtime;
    slot->idle_next = runtime->idle_slots;
    runtime->idle_slots = slot;
    atomic_fetch_add(&runtime->idle_slot_count, 1);
    validate(runtime);
}

bool gate__sched_take_idle(gate_m *m) {
    struct gate__slot *slot = pop_idle(m->runtime);
    if (slot)
        attach(m, slot);
    return slot != NULL;
}

/* Handing on */

static gate_m *find_worker(gate_runtime *runtime) {
    gate__lock(&runtime->lock);
    gate_m *m = runtime->idle_workers;
    if (m)
        runtime->idle_workers = m->idle_next;
    gate__unlock(&runtime->lock);
    if (!m && gate__m_start_worker(runtime, &m))
        return NULL;
    return m;
}

/* Gives slot and task to the M that can run it; false when no thread is to be had. */
static bool give(struct gate__slot *slot, gate_task *task) {
    gate_runtime *runtime = slot->runtime;
    gate_m *m = task->bound ? task->bound : find_worker(runtime);
    if (!m)
        return false;
    gate__lock(&runtime->lock);
    attach(m, slot);
    m->given = task;
    gate__unlock(&runtime->lock);
    gate__semaphore_post(&m->wake);
    return true;
}

/* Makes slot idle; false when work came meanwhile and the slot is the caller's again. */
static bool retire(struct gate__slot *slot) {
    gate_runtime *runtime = slot->runtime;
    gate__lock(&runtime->lock);
    push_idle(slot);
    gate__unlock(&runtime->lock);
    atomic_thread_fence(memory_order_seq_cst);
    if (!gate__sched_work_waits(runtime))
        return true;
    gate__lock(&runtime->lock);
    struct gate__slot **link = &runtime->idle_slots;
    while (*link && *link != slot)
        link = &(*link)->idle_next;
    bool found = *link != NULL;
    if (found) {
        *link = slot->idle_next;
        atomic_fetch_sub(&runtime->idle_slot_count, 1);
    }
    gate__unlock(&runtime->lock);
    return !found;
}

void gate__sched_hand_on(struct gate__slot *slot) {
    for (;;) {
        gate_task *task = pick(slot);
        if (task && give(slot, task))
            return;
        if (task) {
            /* No thread to be had: the next M that looks for work finds the task. */
            gate_runtime *runtime = slot->runtime;
            push(&runtime->ready, task);
            gate__lock(&runtime->lock);
            push_idle(slot);
            gate__unlock(&runtime->lock);
            return;
        }
        if (retire(slot))
            return;
    }
}

static struct gate__slot *detach(gate_m *m) {
    gate__lock(&m->runtime->lock);
    struct gate__slot *slot = gate__sched_detach(m);
    gate__unlock(&m->runtime->lock);
    return slot;
}

/* Finds the work that has just been queued a thread, if a slot is idle. */
static void wake(gate_runtime *runtime) {
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load(&runtime->idle_slot_count) == 0) {
        gate__monitor_notice(runtime);
        return;
    }
    gate__lock(&runtime->lock);
    struct gate__slot *slot = pop_idle(runtime);
    gate__unlock(&runtime->lock);
    if (slot)
        gate__sched_hand_on(slot);
    else
        gate__monitor_notice(runtime);
}

void gate__sched_ready(gate_task *task) {
    gate_runtime *runtime = task->runtime;
    gate_m *m = gate__m();
    bool ours = m && m->runtime == runtime && atomic_load(&m->status) == GATE__M_RUNNING && m->slot;
    push(ours ? &m->slot->ready : &runtime->ready, task);
    wake(runtime);
}

/* Tasks and their states */

/* Changes the state and what it awaits, and keeps the wakes. */
static void set_state(gate_task *task, uint32_t state) {
    uint32_t word = atomic_load(&task->state);
    while (!atomic_compare_exchange_weak(&task->state, &word, state | (word & GATE__WAKES)))
        ;
}

/* Goes from RUNNING to state, to wait for wake; or takes the wake that has come, and returns false. */
static bool begin_park(gate_task *task, uint32_t state, uint32_t wake) {
    uint32_t word = atomic_load(&task->state);
    for (;;) {
        bool waits = !(word & wake);
        uint32_t next = waits ? state | wake << GATE__AWAITS | (word & GATE__WAKES) : word & ~wake;
        if (atomic_compare_exchange_weak(&task->state, &word, next))
            return waits;
    }
}

/* The task is off its stack: PARKING becomes PARKED, or READY when its wake has come. */
static void end_park(gate_task *task) {
    uint32_t word = atomic_load(&task->state);
    for (;;) {
        uint32_t wakes = word & GATE__WAKES, awaited = (word >> GATE__AWAITS) & GATE__WAKES;
        bool woken = wakes & awaited;
        uint32_t next = woken ? GATE__READY | (wakes & ~awaited) : (word & ~(uint32_t)GATE__STATES) | GATE__PARKED;
        if (!atomic_compare_exchange_weak(&task->state, &word, next))
            continue;
        if (woken)
            gate__sched_ready(task);
        return;
    }
}

/* The running task is bound: its thread waits until it is given a slot for it. */
static void wait_here(gate_m *m) {
    gate__semaphore_wait(&m->wake);
    gate__assert(m->slot && m->given == m->task);
    m->given = NULL;
    set_state(m->task, GATE__RUNNING);
}

/* A bound task's M lets go of its slot before anybody can see that the task is parked or ready: whoever
 * readies it, or takes it from a queue, may give the M another slot at once. */

static void park_here(gate_m *m, uint32_t wake) {
    struct gate__slot *slot = detach(m);
    if (begin_park(m->task, GATE__PARKED, wake)) {
        gate__sched_hand_on(slot);
        wait_here(m);
    } else {
        gate__lock(&m->runtime->lock);
        attach(m, slot);
        gate__unlock(&m->runtime->lock);
    }
}

static void yield_here(gate_m *m) {
    struct gate__slot *slot = detach(m);
    set_state(m->task, GATE__READY);
    push(&slot->ready, m->task);
    gate__sched_hand_on(slot);
    gate__monitor_notice(m->runtime);
    wait_here(m);
}

void gate__sched_park(gate_m *m, uint32_t wake, const char *why) {
    gate_task *task = m->task;
    gate__assert(m->slot);
    const char *outer = atomic_exchange_explicit(&task->where, why, memory_order_relaxed);
    if (task->bound)
        park_here(m, wake);
    else if (begin_park(task, GATE__PARKING, wake))
        gate__switch_to_scheduler(m, GATE__LEAVE_PARK);
    gate__switch_acquire(task);
    atomic_store_explicit(&task->where, outer, memory_order_relaxed);
}

void gate__sched_yield(gate_m *m) {
    struct gate__slot *slot = m->slot;
    gate__assert(slot);
    if (!atomic_load(&slot->ready.count) && !atomic_load(&slot->runtime->ready.count))
        return;
    if (m->task->bound)
        yield_here(m);
    else
        gate__switch_to_scheduler(m, GATE__LEAVE_YIELD);
}

void gate__sched_wait_for_slot(gate_m *m) {
    gate_task *task = m->task;
    gate__assert(atomic_load(&m->status) == GATE__M_RUNNING);
    if (task->bound) {
        set_state(task, GATE__READY);
        push(&m->runtime->ready, task);
        wake(m->runtime);
        wait_here(m);
    } else {
        gate__switch_to_scheduler(m, GATE__LEAVE_CALL);
    }
}

/* Workers */

static void run(gate_m *m, gate_task *task) {
    gate__assert(m->slot && !task->bound);
    set_state(task, GATE__RUNNING);
    gate__switch_to_task(m, task);
    switch (m->leave) {
    case GATE__LEAVE_YIELD:
        set_state(task, GATE__READY);
        push(&m->slot->ready, task);
        wake(m->runtime);
        break;
    case GATE__LEAVE_CALL:
        set_state(task, GATE__READY);
        push(&m->runtime->ready, task);
        wake(m->runtime);
        break;
    case GATE__LEAVE_PARK:
        end_park(task);
        break;
    case GATE__LEAVE_EXIT:
        gate__task_finish(task);
        break;
    }
}

/* Waits for a slot and a task; NULL when the runtime stops. */
static gate_task *wait_for_work(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    gate__lock(&runtime->lock);
    struct gate__slot *slot = gate__sched_detach(m);
    m->idle_next = runtime->idle_workers;
    runtime->idle_workers = m;
    gate__unlock(&runtime->lock);
    if (slot)
        gate__sched_hand_on(slot); /* perhaps to this very M */
    gate__semaphore_wait(&m->wake);
    gate_task *task = m->given;
    m->given = NULL;
    return task;
}

void gate__sched_work(gate_m *m) {
    gate__semaphore_wait(&m->wake);
    gate_task *task = m->given;
    m->given = NULL;
    while (task) {
        if (!task->bound) {
            run(m, task);
        } else {
            give(detach(m), task);
        }
        task = m->slot ? pick(m->slot) : NULL;
        if (!task)
            task = wait_for_work(m);
    }
}
