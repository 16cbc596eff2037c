/* The world stopped: one task runs interpreter code, and no other does until it starts the world again.
 *
 * A world that stops has every other slot idle, and lets no M take one. Who has a slot is asked for it by its poll
 * word, and gives it up when its task yields, parks (though its wake has come) or ends, enters a call, or polls and
 * yields. Slots that are in calls already are taken here, as the monitor takes them; these calls go on, and wait on
 * their return.
 *
 *   stopper != NULL  =>  no idle slot is taken, and the monitor takes none either
 *   stopped          <=> stopper != NULL, and all slots but the stopper's are idle
 *   waits             => stopper != NULL, and one of the others is not idle yet
 *
 * So a slot that becomes idle during a stop stays so. Whether the stopper waits is decided under the runtime's lock,
 * and so is which slot was the last: there is one post for a stop that waits, and none for another.
 *
 * An M enters its call before it looks at the poll word, and the stopper sets that before it looks for calls, each
 * behind its half of a barrier: one of the two sees the other.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/internal.h"

static bool others_are_idle(gate_runtime *runtime) {
    return atomic_load(&runtime->idle_slot_count) == runtime->slot_count - 1;
}

void gate__world_note_idle(gate_runtime *runtime) {
    if (!runtime->world.waits || !others_are_idle(runtime))
        return;
    runtime->world.waits = false;
    gate__semaphore_post(&runtime->world.stopped);
}

/* Asks all other slots' holders to stop; false if another task does so already. */
static bool ask(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    gate__lock(&runtime->lock);
    bool first = !runtime->world.stopper;
    bool again = runtime->world.stopper == m->task;
    if (first) {
        runtime->world.stopper = m->task;
        atomic_fetch_and(&m->slot->poll, ~(uint32_t)GATE__POLL_YIELD); /* it must not, and is not asked again */
    }
    for (uint32_t i = 0; first && i < runtime->slot_count; i++) {
        struct gate__slot *slot = &runtime->slots[i];
        gate__foreign_ask(slot, slot == m->slot ? GATE__POLL_STOPPER : GATE__POLL_STOP);
    }
    gate__unlock(&runtime->lock);
    if (again)
        gate__fatal("gate_world_stop", "the task has stopped the world already");
    return first;
}

/* Takes slot from its holder if that is in a call. */
static void take_from_call(gate_m *stopper, struct gate__slot *slot) {
    gate_runtime *runtime = slot->runtime;
    struct gate__slot *taken = NULL;
    gate__lock(&runtime->lock);
    gate_m *m = slot->holder;
    if (m && m != stopper && gate__m_says_in_call(atomic_load(&m->call)))
        taken = gate__foreign_claim(m);
    gate__unlock(&runtime->lock);
    if (taken)
        gate__sched_hand_on(taken);
}

static void wait_for_others(gate_runtime *runtime) {
    gate__lock(&runtime->lock);
    bool waits = runtime->world.waits = !others_are_idle(runtime);
    gate__unlock(&runtime->lock);
    if (waits)
        gate__semaphore_wait(&runtime->world.stopped);
    gate__assert(others_are_idle(runtime));
}

void gate_world_stop(void) {
    gate_m *m = gate__task_running("gate_world_stop");
    while (!ask(m)) {
        gate__sched_yield(m); /* until the other has started it */
        m = gate__m();
    }
    gate_runtime *runtime = m->runtime;
    if (runtime->config.hooks.world_stops)
        runtime->config.hooks.world_stops(runtime->config.host, m->task);
    gate__foreign_heavy_barrier();
    for (uint32_t i = 0; i < runtime->slot_count; i++)
        take_from_call(m, &runtime->slots[i]);
    wait_for_others(runtime);
}

/* Ends the stop. Returns the slots that were idle, linked, for the caller to hand on. */
static struct gate__slot *release(gate_runtime *runtime) {
    struct gate__slot *idle = runtime->idle_slots;
    runtime->idle_slots = NULL;
    runtime->idle_end = &runtime->idle_slots;
    atomic_store(&runtime->idle_slot_count, 0);
    runtime->world.stopper = NULL;
    for (uint32_t i = 0; i < runtime->slot_count; i++)
        atomic_fetch_and(&runtime->slots[i].poll, ~(uint32_t)(GATE__POLL_STOP | GATE__POLL_STOPPER));
    return idle;
}

void gate_world_start(void) {
    gate_m *m = gate__task_running("gate_world_start");
    gate_runtime *runtime = m->runtime;
    struct gate__slot *idle = NULL;
    gate__lock(&runtime->lock);
    bool stopped = runtime->world.stopper == m->task;
    if (stopped)
        idle = release(runtime);
    gate__unlock(&runtime->lock);
    if (!stopped)
        gate__fatal("gate_world_start", "the task has not stopped the world");
    gate__sched_hand_on_all(idle);
    if (runtime->config.hooks.world_starts)
        runtime->config.hooks.world_starts(runtime->config.host, m->task);
}
