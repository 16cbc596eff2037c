/* A bench is a list of rows: what was measured, for whom, in which case. Each room adds its own.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_BENCH_H
#define CALLGATE_TESTS_BENCH_H

#include <stdbool.h>

/* One thing to measure. run does it count times and returns the nanoseconds that passed. */
struct bench_row {
    const char *what; /* call, memory, callback, switch, ... */
    const char *who;  /* direct, a peer's name, callgate-thread, callgate-task, ... */
    const char *kase; /* which function, which size: rows are compared within a case */
    double (*run)(long count);
    long count;             /* so many that a round takes some milliseconds */
    bool (*is_there)(void); /* whether the peer is installed; NULL: it always is */
    bool once;              /* one round, since it takes seconds */
    const char *unit;       /* what run returns instead of nanoseconds; NULL: "ns" */
};

/* Nanoseconds on a clock that never goes back. */
double bench_now(void);

/* Runs a loop as the only task of a runtime that lives as long as it. */
double bench_in_task(double (*run)(long count), long count);

/* calls.c */
extern const struct bench_row bench_calls[];
void bench_calls_prepare(void);

/* mem.c: to be prepared before anything is mapped */
extern const struct bench_row bench_mem[];
void bench_mem_prepare(void);

/* tasks.c */
extern const struct bench_row bench_tasks[];
void bench_tasks_prepare(void);

#endif
