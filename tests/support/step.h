/* What comes between two instructions of a function: a thread that overtakes another, on one thread and at each place in
 * turn.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_STEP_H
#define CALLGATE_TESTS_STEP_H

#include <signal.h>
#include <stdbool.h>
#include <ucontext.h>

#include "tests/support/test.h"

enum { STEPS = 1 << 8 }; /* of the processor's flags: it traps behind each instruction */

static volatile unsigned steps_to_go; /* until what comes between has come: 0 */
static void (*comes_between)(void);

static void on_step(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info;
    if (--steps_to_go)
        return;
    ((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)STEPS;
    comes_between();
}

/* Has run make steps, and between come behind that many; false if run has fewer. */
static inline bool comes_behind(unsigned steps, void (*between)(void), void (*run)(void)) {
    struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO}, old;
    cr_assert_eq(sigaction(SIGTRAP, &action, &old), 0);
    steps_to_go = steps;
    comes_between = between;
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | STEPS);
    run();
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~(unsigned long long)STEPS);
    sigaction(SIGTRAP, &old, NULL);
    return steps_to_go == 0;
}

#endif
