/* The scheduler: which task runs on which thread, by the rule that interpreter code needs a slot.
 *
 * A slot that becomes free is *handed on*: to the M that the next ready task is bound to (bound.c), else to an idle
 * worker, else it is idle, and a worker is called if there is a task (worker.c). All ways to lose a slot end in
 * gate__sched_hand_on_for, and an M gets one in two ways: it is given one with a task, through its semaphore, or it
 * takes an idle one.
 *
 * Who has a slot goes on with the slot's own queue, then the runtime's, then some of another slot's; every 61st time
 * it looks at the runtime's first. So a task that is ready in a slot's queue of n runs after at most n + n/60 others
 * that the slot picks, and one in the runtime's queue, as the k-th, after at most 61 k. If these are long ones, of
 * which each takes its 10 ms, that is too late: whoever is asked to yield looks at the runtime's queue first, but not
 * twice in a row, and the monitor asks, too, when none was taken from there for 10 ms. So the k-th waits 20 k ms, as
 * one of the slot's own comes in between, and these run after 2 n + n/30 others. A task that yields could go on itself,
 * and looks at other slots only every 61st time: not at all, and a slot that it has to itself would do nothing for the
 * others. A slot may be left idle with tasks in its queue, for want of a thread: then others take one of these every
 * 61st time, though they have some of their own. The slot itself goes on with the one that was picked last, or those
 * behind it would pass it, each as it is picked in turn.
 *
 * A task that yields or parks goes straight to the next one, stack to stack. What remains to be done with it,
 * once it is off its stack, is done by the next: queueing it, or making it PARKED. Were it done before,
 * another thread could run the task while this one is still on its stack. When there is no next task, it goes to
 * the scheduler, on the system stack, which searches. Most yields need none of that: see gate_task_yield.
 *
 * No wake-up is lost between a thread that queues a task and one that makes its slot idle: the first queues,
 * then looks for idle slots; the second makes it idle, then looks at the queues. What orders each of the two is
 * paid by the second, with membarrier, as in foreign.c; without it, by a fence in both.
 *
 * An M that finds no task searches for a while before it gives its slot up: a wake that comes soon after costs
 * no system call. One M at a time, as Go has at most half of its Ps at it; whoever readies a task wakes nobody
 * while one searches, or none is idle and as many are awaited as slots are.
 *
 * Not done: handing a task that leaves a long call to the thread that it is on. The thread would wait
 * for a slot and the worker that has one for a thread; queueing the task lets any worker take it.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/arch/arch.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"

/* The next task */

void gate__sched_prepare_queue(struct gate__slot *slot) {
    const struct gate_runtime_hooks *hooks = &slot->runtime->config.hooks;
    bool locks = gate__foreign_exchange || gate__switch_notices.acquire;
    bool tells = hooks->task_suspend || hooks->task_resume;
    gate__queue_prepare(&slot->ready, (locks ? GATE__CARE_LOCK : 0) | (tells ? GATE__CARE_HOOKS : 0));
}

/* How far the next task is looked for. For one that yields, and could go on itself, one is taken from another slot now
 * and then, and not its last: unless that lacks a thread. */
enum reach { NEAR, MODEST, FAR };

/* How many the next steal may take. A slot that was idle takes one, and twice as many each time that it has run out of
 * tasks since: what it has stolen may be in the way of a task that was there before. */
static uint32_t next_share(struct gate__slot *slot, enum reach reach) {
    if (reach == MODEST)
        return 1;
    uint32_t share = slot->share;
    slot->share = share * 2 < GATE__MOST_STOLEN ? share * 2 : GATE__MOST_STOLEN;
    return share;
}

static inline void wake(gate_runtime *runtime, struct gate__slot *own);

static inline bool any_idle(gate_runtime *runtime) {
    return atomic_load_explicit(&runtime->idle_slot_count, memory_order_relaxed);
}

/* Whether tasks may wait in an idle slot's queue for a thread that does not come. One that is on its way is better left
 * to them: whoever took one of them would soon be in C with it, and what it leaves behind be in want of a thread
 * itself. */
static inline bool lack_threads(gate_runtime *runtime) {
    return any_idle(runtime) && atomic_load_explicit(&runtime->workers.used_up, memory_order_relaxed);
}

/* Takes some of another slot's tasks: the first, to run, and the rest into the own queue. These were in none for a
 * moment, in which a slot may have become idle. */
static gate_task *steal(struct gate__slot *slot, struct gate__slot *victim, enum reach reach) {
    struct gate__queue loot = {NULL, NULL, 0};
    bool spares_last = reach == MODEST && !lack_threads(slot->runtime);
    if (gate__queue_count(&victim->ready) < (spares_last ? 2 : 1))
        return NULL;
    gate__queue_steal(&victim->ready, &loot, next_share(slot, reach), spares_last);
    gate_task *first = gate__queue_remove_first(&loot);
    bool more = loot.head != NULL;
    for (gate_task *task; (task = gate__queue_remove_first(&loot)) != NULL;)
        gate__queue_push(&slot->ready, task);
    if (more) {
        wake(slot->runtime, slot);
        gate__sched_wake_all(slot->runtime);
    }
    return first;
}

static inline __attribute__((always_inline)) gate_task *pick_elsewhere(struct gate__slot *slot, enum reach reach) {
    gate_runtime *runtime = slot->runtime;
    gate_task *task = gate__queue_pop_global(runtime);
    for (uint32_t i = 1; !task && reach != NEAR && i < runtime->slot_count; i++)
        task = steal(slot, &runtime->slots[(slot->index + i) % runtime->slot_count], reach);
    return task;
}

/* When it is the runtime's turn: its queue comes first, and tasks without a thread before the slot's own. */
static __attribute__((noinline)) gate_task *pick_in_turn(struct gate__slot *slot) {
    return lack_threads(slot->runtime) ? pick_elsewhere(slot, MODEST) : gate__queue_pop_global(slot->runtime);
}

/* The running task leaves: what was asked of it is settled. Whether no other may come to run. */
static __attribute__((noinline)) bool answer_poll(struct gate__slot *slot) {
    uint32_t asked = atomic_fetch_and(&slot->poll, ~(uint32_t)GATE__POLL_YIELD);
    if (asked & GATE__POLL_STOPPER)
        gate__fatal("gate_world_stop", "the task that stopped the world yields, parks or ends, and has not started it");
    return asked & GATE__POLL_STOP;
}

static inline bool is_asked(struct gate__slot *slot) {
    return atomic_load_explicit(&slot->poll, memory_order_relaxed) & GATE__POLL_ON_PICK;
}

/* Each pick is counted. */
static inline uint32_t this_pick(const struct gate__slot *slot) {
    return atomic_load_explicit(&slot->picks, memory_order_relaxed);
}

static inline void count_pick(struct gate__slot *slot) {
    atomic_store_explicit(&slot->picks, this_pick(slot) + 1, memory_order_relaxed);
}

/* Whether a pick takes the first of the slot's own queue, if that has one: not when it is the runtime's turn. */
static inline bool is_runtimes_turn(uint32_t pick) {
    return pick % GATE__LOOK_AT_RUNTIME_EVERY == 0;
}

static inline bool is_usual_pick(struct gate__slot *slot) {
    return !is_asked(slot) && !is_runtimes_turn(this_pick(slot) + 1);
}

/* Whether what isn't the slot's own comes first: when its holder was asked to yield, too, but not twice in a row. Of
 * tasks that run until they are asked each would be asked, and the slot's own wait for all that come from elsewhere. */
static bool others_come_first(const struct gate__slot *slot, bool asked) {
    return is_runtimes_turn(this_pick(slot)) || (asked && this_pick(slot) - slot->others_came != 1);
}

/* The next task if it isn't the first of the slot's own queue. */
static __attribute__((noinline)) gate_task *pick_with_care(struct gate__slot *slot, enum reach reach) {
    gate_task *task = NULL;
    bool asked = is_asked(slot);
    if (asked && answer_poll(slot))
        return NULL;
    if (others_come_first(slot, asked)) {
        reach = reach == NEAR ? MODEST : reach;
        task = pick_in_turn(slot);
        slot->others_came = task ? this_pick(slot) : slot->others_came;
    }
    if (!task)
        task = gate__queue_pop(&slot->ready);
    return task ? task : pick_elsewhere(slot, reach);
}

/* The next task from the slot's own queue, unless it is the runtime's turn, then from the runtime's, then from the
 * other slots'. NULL if there is none, or the world stops. */
static inline __attribute__((always_inline)) gate_task *pick(struct gate__slot *slot, enum reach reach) {
    bool is_usual = is_usual_pick(slot);
    count_pick(slot);
    gate_task *task = __builtin_expect(is_usual, 1) ? gate__queue_pop(&slot->ready) : NULL;
    return __builtin_expect(task != NULL, 1) ? task : pick_with_care(slot, reach);
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
    atomic_store(&m->asked, atomic_load(&slot->poll) != 0);
    slot->seen.in_call = false;
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

/* The first that became idle comes first: tasks may wait in its queue. And who has made a slot idle, and sees a task,
 * takes that very slot back: if somebody else has it, so have all that were idle before it (tests/model/wake.pml). */

void gate__sched_add_idle(struct gate__slot *slot) {
    gate_runtime *runtime = slot->runtime;
    slot->share = 1;
    slot->idle_next = NULL;
    *runtime->idle_end = slot;
    runtime->idle_end = &slot->idle_next;
    atomic_fetch_add(&runtime->idle_slot_count, 1);
}

/* Takes what *link, of the list of idle slots, points to; NULL if that is its end, or the world has stopped. */
static struct gate__slot *remove_idle(gate_runtime *runtime, struct gate__slot **link) {
    struct gate__slot *slot = runtime->world.stopper ? NULL : *link;
    if (slot) {
        *link = slot->idle_next;
        if (!*link)
            runtime->idle_end = link;
        atomic_fetch_sub(&runtime->idle_slot_count, 1);
    }
    return slot;
}

static struct gate__slot *pop_idle(gate_runtime *runtime) {
    return remove_idle(runtime, &runtime->idle_slots);
}

static void push_idle(struct gate__slot *slot) {
    gate__sched_add_idle(slot);
    gate__world_note_idle(slot->runtime);
    validate(slot->runtime);
}

bool gate__sched_take_idle(gate_m *m) {
    struct gate__slot *slot = gate__bound_others_wait(m) ? NULL : pop_idle(m->runtime);
    if (slot)
        attach(m, slot);
    return slot != NULL;
}

/* Handing on */

/* Gives slot and task to the M that can run it; false if there is none. */
static bool give(struct gate__slot *slot, gate_task *task) {
    gate_runtime *runtime = slot->runtime;
    bool others = false;
    gate__lock(&runtime->lock);
    gate_m *m = task->bound ? task->bound : gate__worker_take_idle(runtime);
    if (m) {
        attach(m, slot);
        m->given = task;
        others = gate__bound_end_wait(m);
    }
    gate__unlock(&runtime->lock);
    if (others)
        gate__bound_notice(runtime);
    if (m)
        gate__semaphore_post(&m->wake);
    return m != NULL;
}

/* Makes slot idle; false when work came meanwhile and the slot is the caller's again. */
static bool retire(struct gate__slot *slot) {
    gate_runtime *runtime = slot->runtime;
    gate__lock(&runtime->lock);
    push_idle(slot);
    gate__unlock(&runtime->lock);
    gate__foreign_heavy_barrier();
    if (!gate__queue_any_waits(runtime))
        return true;
    gate__lock(&runtime->lock);
    struct gate__slot **link = &runtime->idle_slots;
    while (*link && *link != slot)
        link = &(*link)->idle_next;
    bool found = remove_idle(runtime, link) != NULL;
    gate__unlock(&runtime->lock);
    return !found;
}

/* A slot is idle, and no thread is to be had: those that wait for their own tasks do not want for one, and calls may
 * wait for them. Such a task comes first then, wherever it is. */
static __attribute__((noinline)) void serve_waiting_thread(gate_runtime *runtime) {
    gate__lock(&runtime->lock);
    bool wanted = runtime->workers.wanted > 0;
    gate__unlock(&runtime->lock);
    gate__foreign_heavy_barrier(); /* the slot is seen to be idle by whoever queues one from here on */
    gate_task *task = wanted ? gate__queue_take_bound(runtime) : NULL;
    if (!task)
        return;
    gate__lock(&runtime->lock);
    struct gate__slot *slot = pop_idle(runtime);
    gate__unlock(&runtime->lock);
    if (slot) {
        give(slot, task);
    } else {
        gate__queue_push_global(runtime, task);
        wake(runtime, NULL);
    }
}

/* There is a task and no thread for it. Makes slot idle, and calls a worker for it; false when one is idle by now. A
 * call that returns may take the slot and leave the task waiting: the monitor looks from now on. */
static bool leave_idle(struct gate__slot *slot, gate_task *task) {
    gate_runtime *runtime = slot->runtime;
    gate__queue_put_back(&slot->ready, task);
    gate__lock(&runtime->lock);
    bool idle = !runtime->workers.idle;
    if (idle)
        push_idle(slot);
    gate__unlock(&runtime->lock);
    if (idle) {
        bool comes = gate__worker_call(runtime);
        gate__monitor_notice(runtime, NULL);
        if (!comes)
            serve_waiting_thread(runtime);
    }
    return idle;
}

/* The next task of a slot that was idle. What its own queue has comes first then, and has been counted as a pick: it
 * was put back for want of a thread. */
static gate_task *pick_again(struct gate__slot *slot) {
    gate_task *task = gate__sched_stops(slot) ? NULL : gate__queue_pop(&slot->ready);
    return task ? task : pick(slot, FAR);
}

void gate__sched_hand_on_for(struct gate__slot *slot, gate_task *task) {
    while (!(task ? give(slot, task) || leave_idle(slot, task) : retire(slot)))
        task = pick_again(slot);
}

void gate__sched_hand_on(struct gate__slot *slot) {
    gate__sched_hand_on_for(slot, pick(slot, FAR));
}

void gate__sched_hand_on_all(struct gate__slot *slot) {
    for (struct gate__slot *next; slot; slot = next) {
        next = slot->idle_next;
        gate__sched_hand_on(slot);
    }
}

struct gate__slot *gate__sched_let_go(gate_m *m) {
    gate__lock(&m->runtime->lock);
    struct gate__slot *slot = gate__sched_detach(m);
    gate__unlock(&m->runtime->lock);
    return slot;
}

__attribute__((noinline)) void gate__sched_wake_one(gate_runtime *runtime) {
    gate__lock(&runtime->lock);
    struct gate__slot *slot = pop_idle(runtime);
    gate__unlock(&runtime->lock);
    if (slot)
        gate__sched_hand_on_for(slot, pick_again(slot));
    else
        gate__monitor_notice(runtime, NULL);
}

/* Whether an M will look at the queues that has not done so yet. One that is idle comes sooner than one that is
 * awaited. */
static inline bool looks_soon(gate_runtime *runtime, uint32_t idle) {
    struct gate__workers *workers = &runtime->workers;
    return atomic_load_explicit(&runtime->searching, memory_order_relaxed) ||
           (atomic_load_explicit(&workers->awaited, memory_order_relaxed) >= idle &&
            !atomic_load_explicit(&workers->idle, memory_order_relaxed));
}

void gate__sched_wake_all(gate_runtime *runtime) {
    uint32_t idle = atomic_load(&runtime->idle_slot_count);
    for (uint32_t tasks = gate__queue_waiting(runtime, idle); tasks && idle && !looks_soon(runtime, idle); tasks--) {
        gate__sched_wake_one(runtime);
        idle = atomic_load(&runtime->idle_slot_count);
    }
}

/* No slot is idle for the work that has just been queued: one of a thread outside will do, or the monitor looks for
 * one. */
static void want_slot(gate_runtime *runtime, struct gate__slot *own) {
    struct gate__slot *slot = NULL;
    if (__builtin_expect(atomic_load_explicit(&runtime->may_linger, memory_order_relaxed), 0)) {
        gate__lock(&runtime->lock);
        slot = gate__foreign_reclaim(runtime);
        gate__unlock(&runtime->lock);
    }
    if (slot)
        gate__sched_hand_on(slot);
    else
        gate__monitor_notice(runtime, own);
}

/* Finds the work that has just been queued a thread, if a slot is idle and nobody is to look for it. own is the
 * caller's slot, if it has one. */
static inline void wake(gate_runtime *runtime, struct gate__slot *own) {
    gate__foreign_light_barrier();
    uint32_t idle = atomic_load_explicit(&runtime->idle_slot_count, memory_order_relaxed);
    if (idle == 0)
        want_slot(runtime, own);
    else if (!looks_soon(runtime, idle))
        gate__sched_wake_one(runtime);
}

void gate__sched_wake(gate_runtime *runtime, struct gate__slot *own) {
    wake(runtime, own);
}

/* Nothing keeps a runtime from being stopped once its last task runs, perhaps before this has found that a thread. */
static __attribute__((noinline)) void ready_from_outside(gate_runtime *runtime, gate_task *task) {
    gate__init_retain(runtime);
    gate__queue_push_global(runtime, task);
    wake(runtime, NULL);
    gate__init_release(runtime);
}

void gate__sched_ready_anywhere(gate_task *task) {
    gate_runtime *runtime = task->runtime;
    struct gate__slot *slot = gate__sched_own_slot(runtime);
    if (slot) {
        gate__queue_push(&slot->ready, task);
        wake(runtime, slot);
    } else {
        ready_from_outside(runtime, task);
    }
}

/* Tasks that leave their M's processor */

/* The first of the wakes in word that a task waits for; 0 if none has come. */
static inline uint32_t first_wake(uint32_t word, uint32_t wakes) {
    return word & wakes & -(word & wakes);
}

bool gate__sched_enter_park(gate_task *task, uint32_t wakes) {
    uint32_t word = atomic_load(&task->state);
    for (;;) {
        uint32_t came = first_wake(word, wakes);
        bool waits = !came;
        uint32_t next = waits ? GATE__PARKED | wakes << GATE__AWAITS | (word & GATE__WAKES) : word & ~came;
        if (atomic_compare_exchange_weak(&task->state, &word, next))
            return waits;
    }
}

/* Whether a slot is idle beside a task that has yielded, or the monitor parked: it may have looked while the task was
 * in no queue. */
static inline bool waits_unseen(gate_runtime *runtime) {
    return any_idle(runtime) ||
           atomic_load_explicit(&runtime->monitor.state, memory_order_relaxed) == GATE__MONITOR_PARKED;
}

static __attribute__((noinline)) void settle_park(gate_m *m, gate_task *task) {
    if (!gate__sched_enter_park(task, m->awaits))
        gate__sched_ready(task);
}

static __attribute__((noinline)) void settle_call(gate_m *m, gate_task *task) {
    if (task->bound) {
        gate__bound_ready(task);
    } else {
        gate__queue_push_global(m->runtime, task);
        wake(m->runtime, NULL);
    }
}

static inline void settle_yield(gate_m *m, gate_task *task) {
    if (__builtin_expect(task->bound != NULL, 0)) {
        gate__bound_ready(task);
        return;
    }
    gate__queue_push(&m->slot->ready, task);
    gate__foreign_light_barrier();
    if (waits_unseen(m->runtime))
        wake(m->runtime, m->slot);
}

/* Sees to the task that has left, if one has. [slot, or why is CALL] */
static inline __attribute__((always_inline)) void see_off(gate_m *m) {
    gate_task *task = m->left;
    if (!task)
        return;
    m->left = NULL;
    atomic_store_explicit(&task->on, NULL, memory_order_relaxed);
    switch (m->leave) {
    case GATE__LEAVE_YIELD:
        settle_yield(m, task);
        break;
    case GATE__LEAVE_CALL:
        settle_call(m, task);
        break;
    case GATE__LEAVE_PARK:
        settle_park(m, task);
        break;
    case GATE__LEAVE_EXIT:
        gate__task_finish(task);
        break;
    }
}

void gate__sched_see_off(gate_m *m) {
    see_off(m);
}

inline void gate__sched_suspend(gate_m *m) {
    struct gate_runtime_config *config = &m->runtime->config;
    if (__builtin_expect(config->hooks.task_suspend != NULL, 0))
        config->hooks.task_suspend(config->host, m->task);
}

inline void gate__sched_resume(gate_m *m) {
    struct gate_runtime_config *config = &m->runtime->config;
    atomic_store_explicit(&m->task->on, m, memory_order_relaxed);
    if (__builtin_expect(!config->hooks.task_resume, 1))
        return;
    if (!m->adopted || m->announced) /* a thread's first resume comes after its adopt */
        config->hooks.task_resume(config->host, m->task);
}

void gate__sched_arrive(gate_m *m) {
    see_off(m);
    gate__sched_resume(m);
}

/* The task for which the running one leaves its M. A root's M runs no other but guests: it gives its slot away. */
static inline gate_task *pick_for(gate_m *m) {
    return m->root ? NULL : pick(m->slot, FAR);
}

static inline void begin_leave(gate_m *m, enum gate__leave why) {
    if (why != GATE__LEAVE_CALL)
        gate__sched_suspend(m);
    m->left = m->task;
    m->leave = why;
}

/* Leaves the running task's stack: for next, or for the scheduler if that is NULL. Returns when it runs again. */
static inline void leave(gate_m *m, enum gate__leave why, gate_task *next) {
    begin_leave(m, why);
    if (__builtin_expect(next && !next->bound, 1)) {
        gate__switch_between(m, next);
    } else {
        m->given = next;
        gate__switch_to_scheduler(m);
    }
}

/* Takes one of the wakes if it has come already. */
static inline bool take_wake(gate_task *task, uint32_t wakes) {
    uint32_t came = first_wake(atomic_load_explicit(&task->state, memory_order_acquire), wakes);
    if (came)
        atomic_fetch_and(&task->state, ~came);
    return came != 0;
}

void gate__sched_park(gate_m *m, uint32_t wakes, const char *why) {
    gate_task *task = m->task;
    gate__assert(m->slot);
    if (take_wake(task, wakes)) {
        if (__builtin_expect(is_asked(m->slot), 0))
            gate__sched_yield(m);
    } else {
        const char *outer = atomic_load_explicit(&task->where, memory_order_relaxed);
        atomic_store_explicit(&task->where, why, memory_order_relaxed);
        m->awaits = wakes;
        if (gate__m_keeps_task(m))
            gate__bound_park(m, wakes);
        else
            leave(m, GATE__LEAVE_PARK, pick_for(m));
        atomic_store_explicit(&task->where, outer, memory_order_relaxed);
    }
    gate__switch_acquire(task);
}

gate_task *gate__sched_pick_for_yield(struct gate__slot *slot) {
    return pick(slot, NEAR);
}

GATE__COLD_CODE void gate__sched_yield(gate_m *m) {
    struct gate__slot *slot = m->slot;
    gate__assert(slot);
    if (__builtin_expect(gate__m_keeps_task(m) || m->root, 0)) {
        gate__bound_yield(m);
        return;
    }
    gate_task *next = pick(slot, NEAR);
    if (__builtin_expect(next || gate__sched_stops(slot), 1))
        leave(m, GATE__LEAVE_YIELD, next);
}

/* Whether m's task may change places with the first of the slot's own queue at once, whose use has begun then: nothing
 * else is to be done, neither is bound, and nobody asks for anything. */
static inline bool begin_turn(gate_m *m) {
    struct gate__slot *slot = m->slot;
    uint32_t care = gate__queue_begin_use(&slot->ready);
    const gate_task *next = slot->ready.tasks.head;
    bool may = !care && next && !next->bound && !m->task->bound && !m->task->arrival && is_usual_pick(slot);
    if (__builtin_expect(!may, 0))
        gate__queue_end_use(&slot->ready);
    return may;
}

static inline void change_tasks(gate_m *m, gate_task *next) {
    atomic_store_explicit(&m->task->on, NULL, memory_order_relaxed);
    atomic_store_explicit(&next->on, m, memory_order_relaxed);
    m->task = next;
}

static GATE__COLD_CODE void yield_with_care(void) {
    gate__sched_yield(gate__task_running("gate_task_yield"));
}

/* Most often all of it is one use of the queue, which is as long before as behind it and at any time between: whoever
 * looks whether tasks wait sees one. That use ends when this task is off its stack. */
void gate_task_yield(void) {
    gate_m *m = gate__m();
    if (__builtin_expect(!m || !gate__foreign_may_cross(m), 0)) {
        yield_with_care();
        return;
    }
    struct gate__slot *slot = m->slot;
    gate_task *task = m->task;
    if (__builtin_expect(!begin_turn(m), 0)) {
        yield_with_care();
        return;
    }
    count_pick(slot);
    gate_task *next = gate__queue_rotate(&slot->ready.tasks, task);
    change_tasks(m, next);
    gate__arch_turn(&task->sp, next->sp, &slot->ready.in_use);
}

void gate__sched_move(gate_m *m, gate_task *next) {
    begin_leave(m, GATE__LEAVE_YIELD);
    m->given = next;
    gate__switch_to_scheduler(m);
}

/* Leaves for the next without a trace, where that is possible. */
static inline void exit_at_once(gate_m *m) {
    struct gate__slot *slot = m->slot;
    gate_task *task = m->task;
    if (!gate__foreign_may_cross(m) || !begin_turn(m))
        return;
    if (!gate__task_free_at_once(task, slot)) {
        gate__queue_end_use(&slot->ready);
        return;
    }
    count_pick(slot);
    gate_task *next = gate__queue_take_first(&slot->ready.tasks);
    gate__queue_end_use(&slot->ready);
    change_tasks(m, next);
    gate__arch_go(NULL, next->sp);
}

void gate__sched_exit(gate_m *m) {
    exit_at_once(m);
    leave(m, GATE__LEAVE_EXIT, pick_for(m));
    gate__throw("a task ran on after its end");
}

void gate__sched_wait_for_slot(gate_m *m) {
    gate__assert(!m->slot && atomic_load(&m->call) == GATE__M_RUNNING);
    if (gate__m_keeps_task(m))
        gate__bound_wait_for_slot(m);
    else
        leave(m, GATE__LEAVE_CALL, NULL);
}

/* Workers */

/* Looks for a task for some microseconds, if no other M does; NULL if none comes. */
static gate_task *search(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    gate_task *task = NULL;
    uint32_t nobody = 0;
    if (!atomic_compare_exchange_strong(&runtime->searching, &nobody, 1))
        return NULL;
    for (int i = 0; !task && i < GATE__SEARCHES && !gate__sched_stops(m->slot); i++) {
        if (atomic_load_explicit(&runtime->stopping, memory_order_relaxed))
            break;
        gate__arch_pause();
        if (gate__queue_any_waits(runtime))
            task = pick(m->slot, FAR);
    }
    atomic_store(&runtime->searching, 0);
    if (!task)
        return NULL;               /* whatever is queued from now on is seen by whoever makes the slot idle: retire */
    gate__foreign_heavy_barrier(); /* whoever has queued more meanwhile has left that to this M */
    gate__sched_wake_all(runtime);
    return task;
}

/* Waits until it is given a slot and a task; NULL when the runtime stops. */
static gate_task *wait_for_slot(gate_m *m) {
    gate__semaphore_wait(&m->wake);
    gate_task *task = m->given;
    m->given = NULL;
    return task;
}

/* What was left to this M, for want of a thread. */
static void serve_idle_slot(gate_runtime *runtime) {
    if (atomic_load(&runtime->idle_slot_count) && gate__queue_any_waits(runtime))
        gate__sched_wake_one(runtime);
}

/* Gives its slot up, if it has one, and waits for another. */
static gate_task *wait_for_work(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    gate__lock(&runtime->lock);
    struct gate__slot *slot = gate__sched_detach(m);
    gate__worker_be_idle(m);
    gate__unlock(&runtime->lock);
    if (slot)
        gate__sched_hand_on(slot); /* perhaps to this very M */
    else
        serve_idle_slot(runtime);
    return wait_for_slot(m);
}

/* The same for one that is awaited no more: whoever queued a task, and saw that it was, has left that to it. It may not see
 * the task without the barrier. That takes some 10 us, and is not needed where it sees a task for the one slot that is idle:
 * all have something to do then, and look at the queues before they are idle again. */
static gate_task *wait_for_first_work(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    gate__lock(&runtime->lock);
    gate__worker_be_idle(m);
    gate__unlock(&runtime->lock);
    if (atomic_load(&runtime->idle_slot_count) == 1 && gate__queue_any_waits(runtime)) {
        gate__sched_wake_one(runtime);
    } else {
        gate__foreign_heavy_barrier();
        serve_idle_slot(runtime);
    }
    return wait_for_slot(m);
}

/* The task that the one which left wants to be run, or the next that can be found. */
static gate_task *next_task(gate_m *m) {
    gate_task *task = m->given;
    m->given = NULL;
    if (!task && m->slot)
        task = pick(m->slot, FAR);
    if (!task && m->slot && !gate__sched_stops(m->slot))
        task = search(m);
    return task ? task : wait_for_work(m);
}

/* Until a worker has a task to run, signals are for the threads that were there without it: a program with no task but its
 * main one has the signals to itself. */
void gate__sched_work(gate_m *m) {
    bool lets_signals_come = false;
    for (gate_task *task = wait_for_first_work(m); task; task = next_task(m)) {
        gate__assert(m->slot);
        if (task->bound) {
            gate__sched_hand_on_for(gate__sched_let_go(m), task);
        } else {
            if (!lets_signals_come)
                gate__os_set_signal_mask(m->runtime->signal_mask);
            lets_signals_come = true;
            gate__switch_to_task(m, task);
            see_off(m);
        }
    }
}
