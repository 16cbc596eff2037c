/* Faults: an overflow is named, and every other fault goes where it went before. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tests/support/runtime.h"

/* More stack than there is, in a way that no optimiser turns into a loop. */
static __attribute__((noinline)) int use_stack(volatile char *above, int depth) {
    volatile char room[1024];
    room[0] = above ? *above : 0;
    return depth ? use_stack(room, depth - 1) + room[0] : 0;
}

static void *overflow(void *unused) {
    use_stack(NULL, 1000 * 1000);
    return unused;
}

static void overflow_a_task(void *unused) {
    gate_runtime *runtime = start(1);
    struct gate_task_config config = {overflow, unused, "deep", 64 * 1024, NULL};
    gate_task *task;
    gate_task_spawn(runtime, &config, &task);
    gate_task_join(task, NULL);
}

Test(trap, an_overflow_dies_with_the_tasks_name_number_and_size) {
    cr_assert_dies_with(overflow_a_task, NULL, "task deep (#2) overflowed its 64 KiB stack");
}

static void *fault(void *unused) {
    static volatile uintptr_t nowhere = 64;
    *(volatile int *)nowhere = 1;
    return unused;
}

static void older_handler(int number) {
    static const char words[] = "the older handler got it\n";
    (void)number;
    if (write(STDERR_FILENO, words, sizeof words - 1) > 0)
        _exit(3);
}

static void fault_with_a_handler(void *flags) {
    struct sigaction action = {.sa_flags = (int)(intptr_t)flags};
    action.sa_handler = older_handler;
    sigaction(SIGSEGV, &action, NULL);
    start(1);
    join(spawn("faulty", fault, NULL));
}

Test(trap, any_other_fault_goes_to_the_handler_that_was_there) {
    cr_assert_dies_with(fault_with_a_handler, NULL, "the older handler got it");
}

static void fault_without_a_handler(void *unused) {
    signal(SIGSEGV, SIG_DFL);
    start(1);
    fputs("about to fault\n", stderr);
    join(spawn("faulty", fault, unused));
}

Test(trap, any_other_fault_kills_where_no_handler_was) {
    char output[4096];
    int status = dies(fault_without_a_handler, NULL, output, sizeof output);
    cr_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV, "status %d: %s", status, output);
    cr_assert_null(strstr(output, "overflowed"));
}
