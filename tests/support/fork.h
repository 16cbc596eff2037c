/* What tests of forks need: children that end well or are ended, and what sanitizers make of children.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_FORK_H
#define CALLGATE_TESTS_FORK_H

#include <sys/wait.h>

#include "tests/support/runtime.h"

enum { WELL = 42, CHILD_SECONDS = 20 }; /* a child that hangs is ended by SIGALRM */

/* AddressSanitizer and MemorySanitizer hold no locks of their own over a fork: a child hangs if another thread was
 * allocating or starting. ThreadSanitizer does, but hears nothing of the thread that forked from then on, and of all
 * others: what they do is a race to it. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer) || __has_feature(memory_sanitizer)
enum { MAY_USE_TASKS = 1, MAY_FORK_BUSY = 0 };
#elif __has_feature(thread_sanitizer)
enum { MAY_USE_TASKS = 0, MAY_FORK_BUSY = 0 };
#else
enum { MAY_USE_TASKS = 1, MAY_FORK_BUSY = 1 };
#endif

static inline pid_t fork_guarded(void) {
    pid_t child = fork();
    if (child == 0)
        alarm(CHILD_SECONDS);
    return child;
}

/* Waits for a child; returns its status as waitpid gives it. */
static inline int wait_for(pid_t child) {
    int status = -1;
    cr_assert_gt(child, 0);
    cr_assert_eq(waitpid(child, &status, 0), child);
    return status;
}

static inline void assert_well(pid_t child) {
    int status = wait_for(child);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == WELL, "the child's status is %#x", status);
}

/* Whether no thread of the runtime is on its way, or does anything, but the caller's. */
static inline bool is_quiet(gate_runtime *runtime) {
    gate_m *m = gate__m();
    uint32_t waiting = 0;
    gate__lock(&runtime->lock);
    for (gate_m *worker = runtime->workers.all; worker; worker = worker->all_next)
        waiting += worker == m;
    for (gate_m *worker = atomic_load(&runtime->workers.idle); worker; worker = worker->idle_next)
        waiting++;
    bool is = waiting == runtime->workers.count && atomic_load(&runtime->monitor.state) == GATE__MONITOR_PARKED;
    gate__unlock(&runtime->lock);
    return is;
}

/* Until the runtime's threads, which have run a task each, wait for work. */
static inline void wait_until_quiet(gate_runtime *runtime) {
    wait_until(is_quiet(runtime));
}

#endif
