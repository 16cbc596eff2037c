/* What comes between two instructions of a function: a thread that overtakes another, on one thread and at each place in
 * turn.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_STEP_H
#define CALLGATE_TESTS_STEP_H

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
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

static void step_through(void (*handler)(int signal, siginfo_t *info, void *context), void (*run)(void)) {
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO}, old;
    cr_assert_eq(sigaction(SIGTRAP, &action, &old), 0);
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | STEPS);
    run();
    __builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() & ~(unsigned long long)STEPS);
    sigaction(SIGTRAP, &old, NULL);
}

/* Has run make steps, and between come behind that many; false if run has fewer. */
__attribute__((unused)) static bool comes_behind(unsigned steps, void (*between)(void), void (*run)(void)) {
    steps_to_go = steps;
    comes_between = between;
    step_through(on_step, run);
    return steps_to_go == 0;
}

static void take_no_step(void) {
}

/* Valgrind's processor makes none. */
__attribute__((unused)) static bool has_steps(void) {
    bool has = comes_behind(1, take_no_step, take_no_step);
    if (!has)
        fprintf(stderr, "SKIPPED: what comes between two instructions\n");
    return has;
}

#ifndef __has_feature
#define __has_feature(name) 0
#endif

/* The same for what comes between and takes locks, or waits for a thread that does: ThreadSanitizer has some of its own, which
 * the thread that makes the steps may hold. */
__attribute__((unused)) static bool has_steps_for_locks(void) {
    if (!__has_feature(thread_sanitizer))
        return has_steps();
    fprintf(stderr, "SKIPPED: what comes between two instructions, and takes locks\n");
    return false;
}

static void on_each_step(int signal, siginfo_t *info, void *context) {
    (void)signal, (void)info, (void)context;
    comes_between();
}

/* Has between come behind each step that run makes. */
__attribute__((unused)) static void comes_behind_each(void (*between)(void), void (*run)(void)) {
    comes_between = between;
    step_through(on_each_step, run);
}

#endif
