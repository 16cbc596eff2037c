/* The one header that tests include: Criterion, or plain.h where Criterion can't run, and death tests.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_TEST_H
#define CALLGATE_TESTS_TEST_H

#ifdef GATE_TEST_PLAIN
#include "tests/support/plain.h"
#else
#include <criterion/criterion.h>
#endif

#include "tests/support/death.h"

#endif
