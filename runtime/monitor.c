/* The monitor: a thread that takes the slot from a call that lasts while tasks wait for one.
 *
 * It looks at the slots after 20 us, and while nothing is to be done after twice as long each time, up
 * to a millisecond. A slot whose M it sees in the same call twice is handed on; a call that it sees for
 * the first time makes the next look come after 20 us, so that calls shorter than its period are seen
 * twice, too. When no task waits it has nothing to do: after some empty looks it parks, and whoever
 * queues a task that finds no idle slot wakes it. An idle runtime, and one whose every task runs or is
 * in a call, costs no wake-ups.
 *
 * A task whose calls all take less than 20 us is not seen twice in one: it gives way when it yields.
 *
 * Go's sysmon backs off to 10 ms and goes on looking; its late looks then hold up the tasks behind a
 * call that has just begun. Looking only while tasks wait affords a tenth of that.
 *
 * SPDX-License-Identifier: MIT */
#include <signal.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

enum { FIRST_LOOK = 20 * 1000, LAST_LOOK = 1000 * 1000, EMPTY_LOOKS = 8 };

enum sight { NO_CALL, NEW_CALL, LASTING_CALL };

/* Whether the slot's M is in a call, and in the one that the last look saw; remembers this one. */
static enum sight sight(struct gate__slot *slot) {
    gate_m *m = slot->holder;
    bool in_call = m && atomic_load_explicit(&m->status, memory_order_acquire) == GATE__M_IN_CALL;
    uint32_t tick = in_call ? atomic_load_explicit(&m->tick, memory_order_relaxed) : 0;
    bool same = in_call && slot->seen_call && slot->seen_tick == tick;
    slot->seen_call = in_call;
    slot->seen_tick = tick;
    return same ? LASTING_CALL : in_call ? NEW_CALL : NO_CALL;
}

/* Hands on the slots of calls that last. Returns the most that it saw. */
static enum sight look(gate_runtime *runtime) {
    enum sight most = NO_CALL;
    for (uint32_t i = 0; i < runtime->slot_count; i++) {
        struct gate__slot *slot = &runtime->slots[i], *claimed = NULL;
        gate__lock(&runtime->lock);
        enum sight seen = sight(slot);
        if (seen == LASTING_CALL)
            claimed = gate__foreign_claim(slot->holder);
        gate__unlock(&runtime->lock);
        if (claimed)
            gate__sched_hand_on(claimed);
        most = seen > most ? seen : most;
    }
    return most;
}

/* Waits until somebody notices that work waits. */
static void park(gate_runtime *runtime) {
    struct gate__monitor *monitor = &runtime->monitor;
    atomic_store(&monitor->parked, true);
    gate__foreign_heavy_barrier(); /* whoever queues a task sees parked, or the task is seen here */
    if (gate__sched_work_waits(runtime) || atomic_load(&monitor->stop))
        atomic_store(&monitor->parked, false);
    else
        gate__semaphore_wait(&monitor->wake);
}

static void *run(void *data) {
    gate_runtime *runtime = data;
    struct gate__monitor *monitor = &runtime->monitor;
    uint64_t period = FIRST_LOOK;
    enum sight before = NO_CALL, seen = NO_CALL;
    unsigned empty = 0;
    gate__os_precise_waits();
    while (!atomic_load(&monitor->stop)) {
        if (!gate__sched_work_waits(runtime))
            empty++;
        else
            empty = 0;
        if (empty > EMPTY_LOOKS) {
            park(runtime);
            period = FIRST_LOOK;
            empty = 0;
        }
        /* A second look at once, but no third: a task whose calls are all short costs two a period. */
        bool second = seen == NEW_CALL && before != NEW_CALL;
        gate__semaphore_wait_for(&monitor->wake, second ? FIRST_LOOK : period);
        before = second ? NEW_CALL : NO_CALL;
        seen = gate__sched_work_waits(runtime) ? look(runtime) : NO_CALL;
        period = seen == LASTING_CALL ? FIRST_LOOK : period < LAST_LOOK ? period * 2 : LAST_LOOK;
    }
    return NULL;
}

int gate__monitor_start(gate_runtime *runtime) {
    sigset_t all, old;
    gate__semaphore_init(&runtime->monitor.wake);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int failed = pthread_create(&runtime->monitor.thread, NULL, run, runtime);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return -failed;
}

void gate__monitor_stop(gate_runtime *runtime) {
    atomic_store(&runtime->monitor.stop, true);
    gate__semaphore_post(&runtime->monitor.wake);
    pthread_join(runtime->monitor.thread, NULL);
    gate__semaphore_destroy(&runtime->monitor.wake);
}

void gate__monitor_notice(gate_runtime *runtime) {
    struct gate__monitor *monitor = &runtime->monitor;
    if (atomic_load(&monitor->parked) && atomic_exchange(&monitor->parked, false))
        gate__semaphore_post(&monitor->wake);
}
