/* What the bench's peers call that load it: the functions of tests/bench/calls.c, and one that calls back.
 *
 * SPDX-License-Identifier: MIT */
#pragma GCC visibility push(default)
#include "callee.h"
#pragma GCC visibility pop

#include <time.h>

int add(int a, int b) {
    return a + b;
}

double scale(double a, double b) {
    return a * b;
}

/* Nanoseconds on a clock that never goes back. */
double now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec * 1e9 + (double)time.tv_nsec;
}

/* Nanoseconds that so many calls of function take. */
double call_back(int (*function)(int, int), long count) {
    double before = now();
    for (long i = 0; i < count; i++) {
        int result = function((int)i, 1);
        __asm__ volatile("" : : "r"(result));
    }
    return now() - before;
}
