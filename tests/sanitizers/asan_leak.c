/* What counts as reachable, to LeakSanitizer: a block that only mapped memory points to, or only the stack of a
 * parked task, is in use. Without hooks neither is seen, and both are reported. A block that nothing points
 * to is a leak either way.
 *
 * SPDX-License-Identifier: MIT */
#include <sanitizer/lsan_interface.h>

#include "tests/sanitizers/host.h"

/* Overwrites what earlier calls left on this stack. */
static __attribute__((noinline)) void wipe_stack(void) {
    volatile char bytes[16 * 1024];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = 0;
}

static __attribute__((noinline)) void keep_in_mapping(void) {
    void **mapping = (void **)(void *)map(NULL, 0);
    mapping[7] = malloc(1000);
}

static void *keep_on_stack(void *unused) {
    char *volatile block = malloc(1000);
    gate_task_park("the check");
    free(block);
    return unused;
}

static __attribute__((noinline)) gate_task *park_one(void) {
    gate_task *task = spawn("keeps", keep_on_stack, NULL);
    gate_task_yield();
    return task;
}

static void keep_in_task(void) {
    gate_runtime *runtime = start(1);
    gate_task *task = park_one();
    wipe_stack();
    int leaks = __lsan_do_recoverable_leak_check();
    need(gate_task_ready(task), "gate_task_ready");
    join(task);
    stop(runtime);
    if (leaks)
        _exit(1);
}

static __attribute__((noinline)) void lose(void) {
    void *volatile lost = malloc(1000);
    lost = NULL;
    (void)lost;
}

int main(int argc, char **argv) {
    if (argc != 2)
        return 99;
    if (strcmp(argv[1], "mapping") == 0)
        keep_in_mapping();
    else if (strcmp(argv[1], "task") == 0)
        keep_in_task();
    else
        lose();
    wipe_stack();
    return done();
}
