/* A bench is a list of rows: what was measured, for whom, in which case. Each room adds its own.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_BENCH_H
#define CALLGATE_TESTS_BENCH_H

/* One thing to measure. run does it count times and returns the nanoseconds that passed. */
struct bench_row {
    const char *what; /* call, memory, callback, switch, ... */
    const char *who;  /* direct, a peer's name, callgate-thread, callgate-task, ... */
    const char *kase; /* which function, which size: rows are compared within a case */
    double (*run)(long count);
    long count; /* so many that a round takes some milliseconds */
};

/* Nanoseconds on a clock that never goes back. */
double bench_now(void);

/* calls.c */
extern const struct bench_row bench_calls[];
void bench_calls_prepare(void);

/* mem.c: to be prepared before anything is mapped */
extern const struct bench_row bench_mem[];
void bench_mem_prepare(void);

#endif
