/* The fault layer as an object to link, told by GATE_FAULT.
 *
 * SPDX-License-Identifier: MIT */
#include <stdint.h>
#include <string.h>

#include "runtime/hooks.h"
#include "runtime/hooks/link/setting.h"

static const char expected[] = "nth=N or one_in=N,seed=N, and errno=N from 1 to 4095";

static uint64_t *field(struct gate_fault *fault, uint64_t *error, const char *name, size_t length) {
    const struct {
        const char *name;
        uint64_t *value;
    } fields[] = {{"nth", &fault->nth}, {"one_in", &fault->one_in}, {"seed", &fault->seed}, {"errno", error}};
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strlen(fields[i].name) == length && strncmp(fields[i].name, name, length) == 0)
            return fields[i].value;
    }
    return NULL;
}

void gate_layer_fault(struct gate_mem_hooks *table) {
    const char *text = getenv("GATE_FAULT"), *at = text;
    struct gate_fault fault = {0};
    uint64_t error = 0;
    while (at && *at) {
        size_t length = strcspn(at, "=");
        uint64_t *value = field(&fault, &error, at, length);
        char *end;
        bool is_set = value && at[length] == '=' && setting_number(at + length + 1, value, &end);
        if (!is_set || (*end && *end != ','))
            setting_refused("GATE_FAULT", text, expected);
        at = end + (*end == ',');
    }
    fault.error = error < 4096 ? (int32_t)error : -1;
    if (gate_hooks_fault(table, &fault))
        setting_refused("GATE_FAULT", text, expected);
}
