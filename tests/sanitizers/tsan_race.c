/* Races in the host's own code, to be found across a crossing: both sides in C functions that two tasks call at
 * once, or one of them in a task's own code.
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>

#include "tests/sanitizers/host.h"

static volatile long plain;
static pthread_barrier_t both; /* orders what comes before it, not what comes behind */

static void write_in_c(int number) {
    pthread_barrier_wait(&both);
    plain = number;
}

static void *call(void *unused) {
    int number = 1;
    call_with("void (int)", (void (*)(void))write_in_c, &number);
    return unused;
}

static void *write_in_task(void *unused) {
    pthread_barrier_wait(&both);
    plain = 2;
    return unused;
}

int main(int argc, char **argv) {
    gate_runtime *runtime = start(3);
    if (argc != 2)
        return 99;
    pthread_barrier_init(&both, NULL, 2);
    gate_task *one = spawn("one", call, NULL);
    gate_task *other = spawn("other", strcmp(argv[1], "task") ? call : write_in_task, NULL);
    join(one);
    join(other);
    stop(runtime);
    return done();
}
