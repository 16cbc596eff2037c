/* What stands for the files that are not built for Windows.
 *
 * m.c and switch.c: there are no tasks. The memory entry points ask which M a thread has, and which stack a hook is to
 * run on; no thread has one, and each is on the stack that it began with. hooks/sanitizer.c: there are none.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "runtime/internal.h"

gate_m *gate__m(void) {
    return NULL;
}

void gate__switch_call(gate_m *m, void (*fn)(void *), void *arg) {
    (void)m;
    fn(arg);
}

int gate_hooks_sanitizer(struct gate_mem_hooks *table) {
    (void)table;
    return -ENOTSUP;
}
