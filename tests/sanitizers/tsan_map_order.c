/* Pages that pass from one thread to another with nothing but the kernel between them: the other maps them as soon
 * as it is let, and what the first did before its unmap is done.
 *
 * Without hooks ThreadSanitizer sees no order between the two and reports a race.
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sys/syscall.h>

#include "tests/sanitizers/host.h"

enum { AWAY = 1 << 30 }; /* from where the next mapping of anybody else would go */

static char *passed;
static long plain;

/* Asked of the kernel directly: of this, ThreadSanitizer sees nothing. */
static int is_mapped(void) {
    unsigned char resident;
    return syscall(SYS_mincore, passed, 1, &resident) == 0;
}

static void *map_when_free(void *unused) {
    while (is_mapped())
        usleep(1000);
    usleep(10 * 1000); /* the other thread has returned from its unmap */
    map(passed, MAP_FIXED_NOREPLACE);
    need(plain != 1, "plain");
    return unused;
}

int main(void) {
    pthread_t thread;
    passed = map(map(NULL, 0) - AWAY, MAP_FIXED_NOREPLACE);
    need(pthread_create(&thread, NULL, map_when_free, NULL), "pthread_create");
    plain = 1;
    need(gate_munmap(passed, LENGTH), "gate_munmap");
    pthread_join(thread, NULL);
    return done();
}
