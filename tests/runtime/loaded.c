/* A library that takes as long to load as the test wants: its constructor holds the loader's lock.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

int loaded_add(int a, int b);

__attribute__((visibility("default"))) int loaded_add(int a, int b) {
    return a + b;
}

/* Says that it is there, and goes on when that pipe's other end is closed. */
__attribute__((constructor)) static void wait_for_the_test(void) {
    const char *pipes = getenv("GATE_TEST_LOADED");
    int there, go;
    char byte = 0;
    if (pipes && sscanf(pipes, "%d %d", &there, &go) == 2 && write(there, &byte, 1) == 1)
        while (read(go, &byte, 1) > 0)
            ;
}
