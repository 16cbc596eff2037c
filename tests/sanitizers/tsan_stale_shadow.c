/* Pages that one thread writes and unmaps, and another maps and writes: the kernel orders the two.
 *
 * Without hooks ThreadSanitizer sees neither mapping and reports a race.
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdatomic.h>

#include "tests/sanitizers/host.h"

/* Read and written without an order that ThreadSanitizer could know. */
static char *_Atomic unmapped;

static void *write_and_unmap(void *unused) {
    char *at = map(NULL, 0);
    at[100] = 1;
    need(gate_munmap(at, LENGTH), "gate_munmap");
    atomic_store_explicit(&unmapped, at, memory_order_relaxed);
    return unused;
}

int main(void) {
    pthread_t thread;
    char *at = NULL;
    need(pthread_create(&thread, NULL, write_and_unmap, NULL), "pthread_create");
    while (!at)
        at = atomic_load_explicit(&unmapped, memory_order_relaxed);
    map(at, MAP_FIXED_NOREPLACE)[100] = 2;
    pthread_join(thread, NULL);
    return done();
}
