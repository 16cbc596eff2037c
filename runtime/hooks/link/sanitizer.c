/* The sanitizer layer as an object to link.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/hooks.h"

#include <stdio.h>
#include <stdlib.h>

void gate_layer_sanitizer(struct gate_mem_hooks *table) {
    if (gate_hooks_sanitizer(table)) {
        fputs("callgate: sanitizer.o is linked into a program that has gate_hook_ functions of its own\n", stderr);
        abort();
    }
}
