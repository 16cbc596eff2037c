/* Two ways in which the runtime orders tasks without a lock that ThreadSanitizer could see in a library that is
 * not instrumented. It is told of both; with GATE_DEBUG=annotations=0 it reports races that are none.
 *
 *   slot    plain data is safe with one slot, though a call that lasts loses it to a task on another thread
 *   ready   what is done before gate_task_ready is seen behind the park that it ends, or lets pass
 *
 * SPDX-License-Identifier: MIT */
#include <stdatomic.h>

#include "tests/sanitizers/host.h"

enum { ROUNDS = 20 };

static long plain;

static void *count_and_sleep(void *unused) {
    unsigned microseconds = 2000;
    for (int i = 0; i < ROUNDS; i++) {
        plain++;
        call_with("int (unsigned)", (void (*)(void))usleep, &microseconds);
    }
    return unused;
}

static void share_a_slot(void) {
    gate_runtime *runtime = start(1);
    gate_task *one = spawn("one", count_and_sleep, NULL), *other = spawn("other", count_and_sleep, NULL);
    join(one);
    join(other);
    need(plain != 2L * ROUNDS, "count");
    stop(runtime);
}

static _Atomic int runs, is_ready;

static void *read_after_park(void *unused) {
    atomic_store_explicit(&runs, 1, memory_order_relaxed);
    while (!atomic_load_explicit(&is_ready, memory_order_relaxed))
        ;
    gate_task_park("what was written");
    need(plain != 1, "plain");
    return unused;
}

static void ready_before_park(void) {
    gate_runtime *runtime = start(2);
    gate_task *reader = spawn("reader", read_after_park, NULL);
    /* Else its thread may be made later, which orders, too. */
    while (!atomic_load_explicit(&runs, memory_order_relaxed))
        ;
    plain = 1;
    need(gate_task_ready(reader), "gate_task_ready");
    atomic_store_explicit(&is_ready, 1, memory_order_relaxed);
    join(reader);
    stop(runtime);
}

int main(int argc, char **argv) {
    if (argc == 2 && strcmp(argv[1], "slot") == 0)
        share_a_slot();
    else if (argc == 2 && strcmp(argv[1], "ready") == 0)
        ready_before_park();
    else
        return 99;
    return done();
}
