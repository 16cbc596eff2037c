/* Memory that was poisoned when it was unmapped, and is mapped again: nothing in it is out of bounds.
 *
 * Without hooks AddressSanitizer does not see the new mapping and reports a use of poisoned memory.
 *
 * SPDX-License-Identifier: MIT */
#include <sanitizer/asan_interface.h>

#include "tests/sanitizers/host.h"

int main(void) {
    char *first = map(NULL, 0);
    ASAN_POISON_MEMORY_REGION(first, LENGTH); /* as a heap does with what has been freed */
    need(gate_munmap(first, LENGTH), "gate_munmap");
    volatile char *again = map(first, MAP_FIXED_NOREPLACE);
    again[100] = 1;
    return done();
}
