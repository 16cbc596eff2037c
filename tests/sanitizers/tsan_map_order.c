/* Pages that pass from one thread to another with nothing but the kernel between them: the other maps them as soon
 * as it is let, and what the first did before its unmap is done.
 *
 * Without hooks ThreadSanitizer sees no order between the two and reports a race.
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "tests/sanitizers/host.h"

enum { AWAY = 1 << 30 }; /* from where the next mapping of anybody else would go */

static char *passed;
static long plain;

static void *map_when_free(void *unused) {
    void *at;
    while (gate_mmap(passed, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0,
                     &at))
        ;
    need(plain != 1, "plain");
    return unused;
}

int main(void) {
    pthread_t thread;
    passed = map(map(NULL, 0) - AWAY, MAP_FIXED_NOREPLACE);
    need(pthread_create(&thread, NULL, map_when_free, NULL), "pthread_create");
    usleep(5000); /* it tries already */
    plain = 1;
    need(gate_munmap(passed, LENGTH), "gate_munmap");
    pthread_join(thread, NULL);
    return done();
}
