/* What GATE_DEBUG shows of calls: each one (calltrace), or the leaves that take too long (leaf).
 *
 * SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdio.h>

#include "bridge/internal.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"

enum { REPORTED = 64 };

/* Whether this function is to be reported: the first time, unless too many have been. */
static bool is_new(void (*address)(void)) {
    static _Atomic uintptr_t reported[REPORTED];
    for (int i = 0; i < REPORTED; i++) {
        uintptr_t none = 0;
        if (atomic_compare_exchange_strong(&reported[i], &none, (uintptr_t)address))
            return true;
        if (none == (uintptr_t)address)
            return false;
    }
    return false;
}

/* One line on standard error, at once. */
static void tell(const struct gate__call *call, uint64_t nanoseconds, const char *what) {
    const gate_task *task = gate_task_current();
    char line[256];
    const char *name = call->function->name ? call->function->name : "a function";
    int length =
        snprintf(line, sizeof line, "callgate: task '%s' (#%llu): %s %s%.1f us\n", task ? gate_task_name(task) : "none",
                 (unsigned long long)(task ? gate_task_number(task) : 0), name, what, (double)nanoseconds / 1000);
    gate__os_write(2, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

void gate__trace_run(void *data) {
    const struct gate__traced *traced = data;
    const struct gate__call *call = traced->call;
    uint64_t before = gate__os_now();
    traced->fn(traced->call);
    uint64_t elapsed = gate__os_now() - before;
    if (gate__settings.calltrace)
        tell(call, elapsed, "took ");
    if (gate__settings.leaf && call->function->call_class == GATE_CALL_LEAF &&
        elapsed > (uint64_t)gate__settings.leaf * 1000 && is_new(call->function->address))
        tell(call, elapsed, "is of class leaf, and took ");
}
