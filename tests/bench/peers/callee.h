/* What callee.c has, for C that calls it by name, and for cgen.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_BENCH_CALLEE_H
#define CALLGATE_TESTS_BENCH_CALLEE_H

int add(int a, int b);
double scale(double a, double b);
double call_back(int (*function)(int, int), long count);
double now(void);

#endif
