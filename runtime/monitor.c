/* The monitor: a thread that takes the slot from a call that lasts while tasks wait for one, asks a task that has
 * run for long to yield, and wakes the tasks whose time has come.
 *
 * It looks at the slots after 20 us, and while nothing is to be done after twice as long each time. A slot whose M
 * it sees in the same call twice is handed on; a call that it sees for the first time makes the next look come
 * after 20 us. While a slot's holder makes calls that don't last, a look comes every 200 us at the latest. While
 * nobody calls, the next may be 5 ms away: then the slots have an alarm set, and a call that begins rings it.
 *
 *   AWAKE --wait [monitor]--> NAPPING --its time, or an earlier timer [any]--> AWAKE
 *   AWAKE --nobody calls----> DOZING  --the same, or a call begins [its M]---> AWAKE
 *   AWAKE --no task waits---> PARKED  --the same, or a task waits [any]------> AWAKE
 *
 * An idle runtime, and one whose every task runs or is in a call, costs no wake-ups. A task waits if it is in a queue
 * for a slot, and also if it is ready for a thread that has a slot and runs another (bound.c): then that slot alone is
 * looked at.
 *
 * A task whose calls all take less than 20 us is not seen twice in one: it gives way when it has held its slot
 * for 10 ms, as one that makes no calls does. So do all when the runtime's queue has stood still that long.
 *
 * Go's sysmon backs off to 10 ms and goes on looking; its late looks then hold up the tasks behind a
 * call that has just begun.
 *
 * SPDX-License-Identifier: MIT */

#include "runtime/internal.h"
#include "runtime/os/os.h"

#define FOR_EVER UINT64_MAX
enum { EMPTY_LOOKS = 10, MANY_PICKS = 16 };

/* What a slot's holder does, the least urgent first. */
enum sight { NO_CALL, SHORT_CALLS, NEW_CALL, LASTING_CALL };

/* For how long the call that was seen has lasted at least: known of one that rang. */
static uint64_t age(struct gate__slot *slot, uint64_t now) {
    uint64_t rang_at = atomic_load(&slot->calls.rang_at);
    return rang_at && now > rang_at ? now - rang_at : 0;
}

/* Whether a call has begun since the last look; and has the next one tell. */
static bool has_begun_call(struct gate__slot *slot) {
    bool told = !(atomic_load(&slot->poll) & GATE__POLL_TELL);
    gate__foreign_ask(slot, GATE__POLL_TELL);
    return told;
}

/* Compares slot with what the last look saw, and remembers what this one does. The runtime's lock is held. A call that
 * begins while this looks may be taken for the one before: it loses its slot early, no more. */
static enum sight sight(struct gate__slot *slot, uint64_t now) {
    struct gate__sighting *seen = &slot->seen, before = *seen;
    gate_m *m = slot->holder;
    bool rang = atomic_load(&slot->calls.rang_at), began = has_begun_call(slot);
    seen->in_call = m && gate__m_says_in_call(atomic_load_explicit(&m->call, memory_order_acquire));
    seen->picks = atomic_load_explicit(&slot->picks, memory_order_relaxed);
    if (!m || seen->picks != before.picks)
        seen->since = now;
    if (seen->in_call) {
        bool lasts = rang ? age(slot, now) >= GATE__FIRST_LOOK : before.in_call && !began;
        return lasts ? LASTING_CALL : NEW_CALL;
    }
    if (rang)
        atomic_store(&slot->calls.rang_at, 0); /* it has ended */
    return began || rang ? SHORT_CALLS : NO_CALL;
}

static struct gate__slot *claim(struct gate__slot *slot) {
    gate_m *m = slot->holder;
    struct gate__slot *claimed = gate__foreign_claim(m);
    if (claimed)
        gate__foreign_learn(m, claimed);
    return claimed;
}

/* Whether tasks wait in the runtime's queue, and for as long as one may run none was taken from there. How long they had waited
 * when the first look finds them is not known: they may have come just now, to a monitor that was parked. */
static bool queue_stands_still(gate_runtime *runtime, uint64_t now) {
    struct gate__monitor *monitor = &runtime->monitor;
    uint32_t taken = atomic_load_explicit(&runtime->ready_taken, memory_order_relaxed);
    if (monitor->still_since == FOR_EVER || taken != monitor->taken || atomic_load(&runtime->ready.count) == 0)
        monitor->still_since = now;
    monitor->taken = taken;
    return now > monitor->still_since + GATE__RUNS_LONG;
}

/* Looks at a slot that tasks wait for, or whose thread they do. Returns it if it is to be handed on. The runtime's lock
 * is held. */
static struct gate__slot *look_at(struct gate__slot *slot, uint64_t now, bool still, enum sight *most) {
    struct gate__monitor *monitor = &slot->runtime->monitor;
    struct gate__slot *claimed = NULL;
    enum sight seen = sight(slot, now);
    if (seen == LASTING_CALL)
        claimed = claim(slot);
    else if (seen == NEW_CALL && GATE__FIRST_LOOK - age(slot, now) < monitor->look_again)
        monitor->look_again = GATE__FIRST_LOOK - age(slot, now);
    else if (still || now > slot->seen.since + GATE__RUNS_LONG)
        gate__foreign_ask(slot, GATE__POLL_YIELD);
    *most = seen > *most ? seen : *most;
    return claimed;
}

/* Hands on the slots of calls that last, and asks those that have run for long to yield: nobody in a stopped world,
 * whose stopper must not. Unless tasks are queued, some wait for a thread. Returns the most urgent that it saw. */
static enum sight look(gate_runtime *runtime, bool queued) {
    enum sight most = NO_CALL;
    uint64_t now = gate__os_now();
    bool still = queue_stands_still(runtime, now);
    runtime->monitor.look_again = GATE__FIRST_LOOK;
    for (uint32_t i = 0; i < runtime->slot_count; i++) {
        struct gate__slot *slot = &runtime->slots[i], *claimed = NULL;
        gate__lock(&runtime->lock);
        bool helps = queued || (slot->holder && gate__bound_others_wait(slot->holder));
        if (helps && !runtime->world.stopper)
            claimed = look_at(slot, now, still, &most);
        gate__unlock(&runtime->lock);
        if (claimed)
            gate__sched_hand_on(claimed);
    }
    return most;
}

/* Has the next call from each slot ring; false if one is in a call already. */
static bool set_alarms(gate_runtime *runtime) {
    bool calls = false;
    gate__lock(&runtime->lock);
    for (uint32_t i = 0; i < runtime->slot_count; i++)
        gate__foreign_ask(&runtime->slots[i], GATE__POLL_ALARM);
    gate__unlock(&runtime->lock);
    gate__foreign_heavy_barrier(); /* an M that is not seen in a call sees the alarm when it enters one */
    gate__lock(&runtime->lock);
    for (uint32_t i = 0; i < runtime->slot_count; i++) {
        gate_m *m = runtime->slots[i].holder;
        calls |= m && gate__m_says_in_call(atomic_load(&m->call));
    }
    gate__unlock(&runtime->lock);
    return !calls;
}

/* How long to sleep after a look that found seen. */
static uint64_t next_period(uint64_t period, enum sight seen) {
    uint64_t most = seen == NO_CALL ? GATE__LAST_LOOK : GATE__LOOK_AT_CALLS;
    if (seen == LASTING_CALL)
        return GATE__FIRST_LOOK;
    return period * 2 < most ? period * 2 : most;
}

/* Sleeps for period nanoseconds, until the next timer, or until somebody finds it in state and wakes it. What has
 * come before that could be found is looked for here. */
static void sleep_for(gate_runtime *runtime, enum gate__monitor_state state, uint64_t period) {
    struct gate__monitor *monitor = &runtime->monitor;
    uint64_t now = gate__os_now(), until = period == FOR_EVER ? GATE__TIMER_NEVER : now + period;
    atomic_store(&monitor->until, until);
    atomic_store(&monitor->state, state);
    if (state == GATE__MONITOR_DOZING && !set_alarms(runtime))
        until = now + GATE__FIRST_LOOK;
    if (state == GATE__MONITOR_PARKED) {
        gate__foreign_heavy_barrier();
        until = gate__queue_any_waits(runtime) || gate__bound_any_waits(runtime) ? now : until;
    }
    uint64_t timer = gate__timer_next(runtime), trace = gate__trace_sched(runtime);
    uint64_t interrupt = gate__interrupt_next(runtime), late = atomic_load(&runtime->workers.late_at);
    until = late < until ? late : until;
    until = timer < until ? timer : until;
    until = interrupt < until ? interrupt : until;
    gate__semaphore_wait_until(&monitor->wake, trace < until ? trace : until);
    atomic_store(&monitor->state, GATE__MONITOR_AWAKE);
}

/* Whether many tasks were picked since the last look. Of those that yield to each other one is in no queue now and
 * then: looks that find none so are not to come at their shortest period, each at the cost of a switch. */
static bool tasks_took_turns(gate_runtime *runtime) {
    uint32_t picks = 0, before = runtime->monitor.picks;
    for (uint32_t i = 0; i < runtime->slot_count; i++)
        picks += atomic_load_explicit(&runtime->slots[i].picks, memory_order_relaxed);
    runtime->monitor.picks = picks;
    return picks - before >= MANY_PICKS;
}

static void *run(void *data) {
    gate_runtime *runtime = data;
    uint64_t period = GATE__FIRST_LOOK;
    bool looks_again = false;
    unsigned empty = 0;
    gate__os_precise_waits();
    while (!atomic_load(&runtime->monitor.stop)) {
        gate__timer_fire(runtime);
        gate__worker_hurry(runtime);
        bool queued = gate__queue_any_waits(runtime), waits = queued || gate__bound_any_waits(runtime);
        bool turns = tasks_took_turns(runtime);
        enum sight seen = waits ? look(runtime, queued) : NO_CALL;
        if (!waits)
            runtime->monitor.still_since = FOR_EVER;
        /* A second look at once, but no third: a task whose calls are all short costs two a period. */
        looks_again = seen == NEW_CALL && !looks_again;
        empty = waits || (turns && empty > EMPTY_LOOKS) ? 0 : empty + 1;
        if (waits)
            period = next_period(period, seen);
        else if (!turns)
            period = GATE__FIRST_LOOK;
        if (empty > EMPTY_LOOKS)
            sleep_for(runtime, GATE__MONITOR_PARKED, FOR_EVER);
        else if (period > GATE__LOOK_AT_CALLS)
            sleep_for(runtime, GATE__MONITOR_DOZING, period);
        else
            sleep_for(runtime, GATE__MONITOR_NAPPING, looks_again ? runtime->monitor.look_again : period);
    }
    return NULL;
}

struct creation {
    gate_runtime *runtime;
    int failed;
};

static void create(void *data) {
    struct creation *c = data;
    c->failed = gate__m_create_thread(&c->runtime->monitor.thread, NULL, run, c->runtime);
}

int gate__monitor_start(gate_runtime *runtime) {
    struct creation creation = {runtime, 0};
    runtime->monitor.started = gate__os_now();
    runtime->monitor.still_since = FOR_EVER;
    gate__switch_call(gate__m(), create, &creation);
    return creation.failed;
}

/* Ends it: none comes back from now on. Whether it has a thread, which may be on its way. */
static bool end(gate_runtime *runtime) {
    struct gate__monitor *monitor = &runtime->monitor;
    gate__lock(&runtime->lock);
    atomic_store(&monitor->stop, true);
    while (atomic_load(&monitor->presence) == GATE__COMING) { /* by somebody outside, whose task has ended since */
        gate__unlock(&runtime->lock);
        gate__os_relax();
        gate__lock(&runtime->lock);
    }
    bool has_thread = atomic_load(&monitor->presence) == GATE__PRESENT;
    gate__unlock(&runtime->lock);
    return has_thread;
}

void gate__monitor_stop(gate_runtime *runtime) {
    if (!end(runtime))
        return;
    gate__semaphore_post(&runtime->monitor.wake);
    pthread_join(runtime->monitor.thread, NULL);
}

/* Without a thread, as a fork has left it, the monitor counts as parked. */
static __attribute__((noinline)) void come_back(gate_runtime *runtime) {
    gate__lock(&runtime->lock);
    bool may = !atomic_load(&runtime->monitor.stop);
    if (may)
        atomic_store(&runtime->monitor.presence, GATE__COMING);
    gate__unlock(&runtime->lock);
    if (!may)
        return;
    if (gate__monitor_start(runtime))
        gate__throw("a forked process can't create its runtime's threads");
    atomic_store(&runtime->monitor.presence, GATE__PRESENT);
}

static void end_sleep(gate_runtime *runtime, uint32_t state) {
    struct gate__monitor *monitor = &runtime->monitor;
    if (state == GATE__MONITOR_AWAKE || !atomic_compare_exchange_strong(&monitor->state, &state, GATE__MONITOR_AWAKE))
        return;
    if (atomic_load_explicit(&monitor->presence, memory_order_relaxed) == GATE__ABSENT)
        come_back(runtime);
    else
        gate__semaphore_post(&monitor->wake);
}

void gate__monitor_notice(gate_runtime *runtime, struct gate__slot *own) {
    if (atomic_load_explicit(&runtime->monitor.state, memory_order_relaxed) != GATE__MONITOR_PARKED)
        return;
    /* A call that begins before it is awake tells since when it lasts. */
    if (own)
        gate__foreign_ask(own, GATE__POLL_ALARM);
    end_sleep(runtime, GATE__MONITOR_PARKED);
}

void gate__monitor_ring(gate_runtime *runtime) {
    end_sleep(runtime, atomic_load(&runtime->monitor.state));
}

void gate__monitor_expect(gate_runtime *runtime, uint64_t deadline) {
    if (deadline < atomic_load(&runtime->monitor.until))
        gate__monitor_ring(runtime);
}

void gate__monitor_forget(gate_runtime *runtime) {
    struct gate__monitor *monitor = &runtime->monitor;
    gate__semaphore_init(&monitor->wake);
    atomic_store(&monitor->presence, GATE__ABSENT);
    atomic_store(&monitor->state, GATE__MONITOR_PARKED);
    atomic_store(&monitor->until, GATE__TIMER_NEVER);
}
