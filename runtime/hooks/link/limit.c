/* The limit layer as an object to link, told by GATE_LIMIT.
 *
 * SPDX-License-Identifier: MIT */
#include <stdint.h>

#include "runtime/hooks.h"
#include "runtime/hooks/link/setting.h"

void gate_layer_limit(struct gate_mem_hooks *table) {
    const char *text = getenv("GATE_LIMIT");
    uint64_t bytes = SIZE_MAX;
    char *end;
    if (text && (!setting_number(text, &bytes, &end) || *end))
        setting_refused("GATE_LIMIT", text, "a number of bytes");
    gate_hooks_limit(table, bytes);
}
