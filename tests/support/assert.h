/* The assertions of tests: Criterion's, by name. Criterion's own are a page of code each, and half of what a test takes to
 * compile; of these, all that a failure needs is in one function. What it says is the condition and, behind that, any
 * arguments of printf that the assertion was given. Whoever includes this has end_test().
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_ASSERT_H
#define CALLGATE_TESTS_ASSERT_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* May be on a task's stack, which is small. */
__attribute__((noreturn, unused, format(__printf__, 4, 5))) static void
fail_assertion(const char *file, int line, const char *condition, const char *format, ...) {
    static char words[8192];
    size_t length = (size_t)snprintf(words, sizeof words / 2, "not so: %.2000s", condition);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(words + length, sizeof words - length, format, arguments);
    va_end(arguments);
    end_test(file, line, words);
}

#define check_assertion(holds, condition, ...)                                 \
    do {                                                                       \
        if (!(holds))                                                          \
            fail_assertion(__FILE__, __LINE__, (condition), "\n" __VA_ARGS__); \
    } while (0)

#undef cr_assert
#undef cr_assert_not
#undef cr_assert_eq
#undef cr_assert_neq
#undef cr_assert_lt
#undef cr_assert_leq
#undef cr_assert_gt
#undef cr_assert_geq
#undef cr_assert_null
#undef cr_assert_not_null
#undef cr_assert_str_eq
#undef cr_assert_float_eq

#define cr_assert(condition, ...) check_assertion((condition), #condition, __VA_ARGS__)
#define cr_assert_not(condition, ...) check_assertion(!(condition), "not " #condition, __VA_ARGS__)
#define cr_assert_eq(a, b, ...) check_assertion((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) check_assertion((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) check_assertion((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) check_assertion((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) check_assertion((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) check_assertion((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_null(a, ...) check_assertion((a) == NULL, #a " is NULL", __VA_ARGS__)
#define cr_assert_not_null(a, ...) check_assertion((a) != NULL, #a " is not NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) check_assertion(!strcmp((a), (b)), #a " is the text " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, epsilon, ...) \
    check_assertion(fabs((a) - (b)) <= (epsilon), #a " is near " #b, __VA_ARGS__)

#endif
