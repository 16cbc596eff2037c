/* Memory that was poisoned, unmapped and mapped again: the kernel zeroes it, and it may be read.
 *
 * Without hooks MemorySanitizer does not see the new mapping and reports a use of uninitialised memory,
 * falsely; with runtime/hooks/sanitizer.c it sees it.
 *
 * SPDX-License-Identifier: MIT */
#include <sanitizer/msan_interface.h>
#include <stdio.h>
#include <sys/mman.h>

#include "callgate.h"

enum { LENGTH = 64 * 1024 };

static char *map(void *address, int more_flags) {
    void *at = NULL;
    if (gate_mmap(address, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | more_flags, -1, 0, &at)) {
        fputs("not mapped\n", stderr);
        return NULL;
    }
    return at;
}

int main(void) {
    char *first = map(NULL, 0);
    if (!first)
        return 2;
    __msan_poison(first, LENGTH); /* as a heap does with what has been freed */
    gate_munmap(first, LENGTH);
    volatile char *again = map(first, MAP_FIXED_NOREPLACE);
    if (!again)
        return 2;
    if (again[100])
        puts("the kernel did not zero the pages");
    puts("read without a report");
    return 0;
}
