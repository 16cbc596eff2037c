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

__attribute__((noreturn, unused)) static void end_test(const char *file, int line, const char *words) {
    const struct plain_test *test = plain_current;
    fprintf(stderr, "\n%s:%d: %s::%s: %s\n", file, line, test ? test->suite : "", test ? test->name : "", words);
    _exit(1);
}

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
