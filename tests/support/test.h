/* The one header that tests include: Criterion, or plain.h where Criterion can't run, assertions, and death tests.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_TEST_H
#define CALLGATE_TESTS_TEST_H

#ifdef GATE_TEST_PLAIN
#include "tests/support/plain.h"
#else
#include <criterion/criterion.h>

__attribute__((noreturn, unused)) static void end_test(const char *file, int line, const char *words) {
    struct criterion_assert_stats failure = {.message = words, .file = file, .line = (unsigned)line};
    criterion_send_assert(&failure);
    criterion_abort_test();
}
#endif

#include "tests/support/assert.h"
#include "tests/support/death.h"

#endif
