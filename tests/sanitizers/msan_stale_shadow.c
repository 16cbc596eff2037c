/* Memory that was poisoned, unmapped and mapped again: the kernel zeroes it, and it may be read.
 *
 * Without hooks MemorySanitizer does not see the new mapping and reports a use of uninitialised memory.
 *
 * SPDX-License-Identifier: MIT */
#include <sanitizer/msan_interface.h>

#include "tests/sanitizers/host.h"

int main(void) {
    char *first = map(NULL, 0);
    __msan_poison(first, LENGTH); /* as a heap does with what has been freed */
    need(gate_munmap(first, LENGTH), "gate_munmap");
    volatile char *again = map(first, MAP_FIXED_NOREPLACE);
    if (again[100])
        puts("the kernel did not zero the pages");
    __msan_poison(first, LENGTH);
    need(gate_madvise(first, 1, MADV_DONTNEED), "gate_madvise"); /* the whole page, to the kernel */
    if (again[100])
        puts("the kernel did not zero the page");
    return done();
}
