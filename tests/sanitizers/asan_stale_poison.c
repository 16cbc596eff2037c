/* Memory that was poisoned, was not accessible for a while, and is again: nothing in it is out of bounds.
 *
 *   mapping       it was unmapped
 *   protection    it had no access
 *
 * Without hooks AddressSanitizer does not see what gives it back and reports a use of poisoned memory.
 *
 * SPDX-License-Identifier: MIT */
#include <sanitizer/asan_interface.h>

#include "tests/sanitizers/host.h"

static void unmap_and_map(char *at) {
    need(gate_munmap(at, LENGTH), "gate_munmap");
    map(at, MAP_FIXED_NOREPLACE);
}

static void close_and_open(char *at) {
    need(gate_mprotect(at, LENGTH, PROT_NONE), "gate_mprotect");
    need(gate_mprotect(at, LENGTH, PROT_READ | PROT_WRITE), "gate_mprotect");
}

int main(int argc, char **argv) {
    char *at = map(NULL, 0);
    ASAN_POISON_MEMORY_REGION(at, LENGTH); /* as a heap does with what has been freed */
    if (argc == 2 && strcmp(argv[1], "mapping") == 0)
        unmap_and_map(at);
    else if (argc == 2 && strcmp(argv[1], "protection") == 0)
        close_and_open(at);
    else
        return 99;
    ((volatile char *)at)[100] = 1;
    return done();
}
