/* The trace layer as an object to link, told by GATE_TRACE.
 *
 * SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdint.h>

#include "runtime/hooks.h"
#include "runtime/hooks/link/setting.h"

void gate_layer_trace(struct gate_mem_hooks *table) {
    const char *text = getenv("GATE_TRACE");
    uint64_t fd = 2;
    char *end;
    if (text && (!setting_number(text, &fd, &end) || *end || fd > INT_MAX))
        setting_refused("GATE_TRACE", text, "a file descriptor");
    gate_hooks_trace(table, (int)fd);
}
