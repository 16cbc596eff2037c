/* What GATE_DEBUG=schedtrace=N shows: every N milliseconds, one line of what the scheduler has.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

enum { MS = 1000 * 1000, STDERR = 2 };

static void count_workers(gate_runtime *runtime, uint32_t *all, uint32_t *idle) {
    *idle = 0;
    gate__lock(&runtime->lock);
    *all = runtime->workers.count;
    for (gate_m *m = runtime->workers.idle; m; m = m->idle_next)
        (*idle)++;
    gate__unlock(&runtime->lock);
}

/* "2 [1 0]": in the runtime's queue, and in the slots'; cut to what fits. */
static size_t describe_queues(gate_runtime *runtime, char *buffer, size_t size) {
    size_t used = (size_t)snprintf(buffer, size, "%u [", atomic_load(&runtime->ready.count));
    for (uint32_t i = 0; i < runtime->slot_count && used + 16 < size; i++)
        used += (size_t)snprintf(buffer + used, size - used, i ? " %u" : "%u",
                                 atomic_load(&runtime->slots[i].ready.tasks.count));
    return used + (size_t)snprintf(buffer + used, size - used, "]");
}

static void show(gate_runtime *runtime, uint64_t now) {
    char line[512];
    uint32_t workers, idle;
    count_workers(runtime, &workers, &idle);
    size_t used =
        (size_t)snprintf(line, sizeof line, "callgate: %llu ms: slots %u, idle %u; threads %u, idle %u; ready ",
                         (unsigned long long)((now - runtime->monitor.started) / MS), runtime->slot_count,
                         atomic_load(&runtime->idle_slot_count), workers, idle);
    used += describe_queues(runtime, line + used, sizeof line - used - 1);
    line[used++] = '\n';
    gate__os_write(STDERR, line, used);
}

uint64_t gate__trace_sched(gate_runtime *runtime) {
    struct gate__monitor *monitor = &runtime->monitor;
    uint64_t period = (uint64_t)gate__settings.schedtrace * MS, now = period ? gate__os_now() : 0;
    if (!period)
        return GATE__TIMER_NEVER;
    if (now >= monitor->next_trace) {
        show(runtime, now);
        monitor->next_trace = now + period;
    }
    return monitor->next_trace;
}
