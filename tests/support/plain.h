/* The part of Criterion that the tests use, in one plain process and one header.
 *
 * Criterion can't start under ThreadSanitizer, whose shadow lies where its arena wants to be, and is not
 * instrumented for MemorySanitizer, which then reports what it does not see. Here the tests of a program
 * run one after another in the program itself. An assertion may fail on any thread and stack: it
 * ends the program there and then, with the place and the test's name.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_PLAIN_H
#define CALLGATE_TESTS_PLAIN_H

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct plain_test {
    const char *suite, *name;
    void (*run)(void);
    struct plain_test *next;
};

static struct plain_test *plain_first, **plain_last = &plain_first;
static const struct plain_test *plain_current;

#define Test(suite_, name_, ...)                                                           \
    static void plain_##suite_##_##name_(void);                                            \
    __attribute__((constructor)) static void plain_add_##suite_##_##name_(void) {          \
        static struct plain_test test = {#suite_, #name_, plain_##suite_##_##name_, NULL}; \
        *plain_last = &test;                                                               \
        plain_last = &test.next;                                                           \
    }                                                                                      \
    static void plain_##suite_##_##name_(void)

__attribute__((noreturn, unused)) static void plain_fail(const char *file, int line, const char *condition) {
    const struct plain_test *test = plain_current;
    fprintf(stderr, "\n%s:%d: %s::%s: not so: %s\n", file, line, test ? test->suite : "", test ? test->name : "",
            condition);
    _exit(1);
}

/* The words of a failed assertion: any printf arguments behind the condition. */
__attribute__((unused, format(__printf__, 1, 2))) static void plain_say(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
}

#define plain_check(holds, condition, ...)               \
    do {                                                 \
        if (!(holds)) {                                  \
            plain_say("" __VA_ARGS__);                   \
            plain_fail(__FILE__, __LINE__, (condition)); \
        }                                                \
    } while (0)

#define cr_assert(condition, ...) plain_check((condition), #condition, __VA_ARGS__)
#define cr_assert_not(condition, ...) plain_check(!(condition), "not " #condition, __VA_ARGS__)
#define cr_assert_eq(a, b, ...) plain_check((a) == (b), #a " == " #b, __VA_ARGS__)
#define cr_assert_neq(a, b, ...) plain_check((a) != (b), #a " != " #b, __VA_ARGS__)
#define cr_assert_lt(a, b, ...) plain_check((a) < (b), #a " < " #b, __VA_ARGS__)
#define cr_assert_leq(a, b, ...) plain_check((a) <= (b), #a " <= " #b, __VA_ARGS__)
#define cr_assert_gt(a, b, ...) plain_check((a) > (b), #a " > " #b, __VA_ARGS__)
#define cr_assert_geq(a, b, ...) plain_check((a) >= (b), #a " >= " #b, __VA_ARGS__)
#define cr_assert_null(a, ...) plain_check((a) == NULL, #a " is NULL", __VA_ARGS__)
#define cr_assert_not_null(a, ...) plain_check((a) != NULL, #a " is not NULL", __VA_ARGS__)
#define cr_assert_str_eq(a, b, ...) plain_check(!strcmp((a), (b)), #a " is the text " #b, __VA_ARGS__)
#define cr_assert_float_eq(a, b, epsilon, ...) plain_check(fabs((a) - (b)) <= (epsilon), #a " is near " #b, __VA_ARGS__)

/* Runs all tests, or only the one whose name is given. */
int main(int count, char **arguments) {
    unsigned passed = 0;
    for (plain_current = plain_first; plain_current; plain_current = plain_current->next) {
        if (count > 1 && strcmp(plain_current->name, arguments[1]))
            continue;
        plain_current->run();
        passed++;
    }
    printf("%u passed, 0 failed\n", passed);
    return passed == 0;
}

#endif
