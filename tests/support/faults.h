/* C that faults, and a handler that was there before.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_FAULTS_H
#define CALLGATE_TESTS_FAULTS_H

#include <stddef.h>
#include <unistd.h>

#include "tests/support/test.h"

/* What is wrong here is wanted: no sanitizer is to report it first. */
#define WRONG __attribute__((noinline, unused, no_sanitize("undefined")))

static WRONG int read_at(const volatile int *address) {
    return *address;
}

static WRONG int divide(int a, int b) {
    return a / b;
}

static WRONG int use_stack(volatile char *above, int depth) {
    volatile char room[16 * 1024];
    room[0] = above ? *above : 1;
    return depth ? use_stack(room, depth - 1) + room[0] : 0;
}

__attribute__((unused)) static int use_up_stack(void) {
    return use_stack(NULL, 1000 * 1000);
}

#define OLDER_WORDS "the older handler got it\n"
enum { OLDER_STATUS = 3 }; /* with which it ends the process */

__attribute__((unused)) static void older_handler(int number) {
    (void)number;
    if (write(STDERR_FILENO, OLDER_WORDS, sizeof OLDER_WORDS - 1) > 0)
        _exit(OLDER_STATUS);
}

/* The child ends in the older handler, which comes after all other words. Returns these. */
__attribute__((unused)) static const char *words_before_older(void (*fn)(void *), void *argument) {
    static char output[64 * 1024];
    int status = dies(fn, argument, output, sizeof output);
    cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == OLDER_STATUS, "status %d: %s", status, output);
    char *last = strstr(output, OLDER_WORDS);
    cr_assert(last && last[sizeof OLDER_WORDS - 1] == '\0', "%s", output);
    *last = '\0';
    return output;
}

#endif
