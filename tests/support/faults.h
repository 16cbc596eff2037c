/* C that faults.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_FAULTS_H
#define CALLGATE_TESTS_FAULTS_H

#include <stddef.h>

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

#endif
