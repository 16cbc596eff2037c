/* A bench is a list of rows: what was measured, for whom, in which case. Each room adds its own.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_BENCH_H
#define CALLGATE_TESTS_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "callgate.h"

/* One thing to measure. run does it count times and returns the nanoseconds that passed. */
struct bench_row {
    const char *what; /* call, memory, callback, switch, ... */
    const char *who;  /* direct, a peer's name, callgate-thread, callgate-task, ... */
    const char *kase; /* which function, which size: rows are compared within a case */
    double (*run)(long count);
    long count;             /* so many that a round takes some milliseconds */
    const char *peer;       /* a command in place of run: the count added, it prints what run would return */
    bool (*is_there)(void); /* whether the peer is installed; NULL: it always is */
    bool figure;            /* run returns the figure itself, a wait or a factor: these are compared by medians */
    int rounds;             /* fewer than others, since one takes seconds; 0: as many */
    const char *unit;       /* what run returns instead of nanoseconds; NULL: "ns" */
};

/* Nanoseconds on a clock that never goes back. */
double bench_now(void);

/* Sorts, and returns the middle one. */
double bench_median(double *values, size_t count);

/* A function for calls, by the text of its type; it lives as long as the bench. */
gate_function bench_function(const char *text, void (*address)(void), const char *name);

/* Runs a loop as the only task of a runtime that lives as long as it, and has one slot, or some. */
double bench_in_task(double (*run)(long count), long count);
double bench_in_slots(uint32_t slots, double (*run)(long count), long count);

static inline gate_task *bench_spawn(gate_task_main body, void *argument) {
    gate_task *task;
    struct gate_task_config config = {.main = body, .argument = argument};
    if (gate_task_spawn(NULL, &config, &task))
        abort();
    return task;
}

static inline void bench_join(gate_task *task) {
    if (gate_task_join(task, NULL))
        abort();
}

/* peers.c: programs of their own. In a row, one takes the place of run and is_there. */
#define BENCH_GO(figure) .peer = "build/bench-go " figure, .is_there = bench_has_go
#define BENCH_FFCALL(figure) .peer = "build/bench-ffcall " figure, .is_there = bench_has_ffcall
#define BENCH_LUAJIT(figure) .peer = "luajit tests/bench/peers/calls.lua " figure, .is_there = bench_has_luajit
#define BENCH_LUAJIT_OFF(figure) \
    .peer = "luajit -joff tests/bench/peers/calls.lua " figure, .is_there = bench_has_luajit
#define BENCH_PYTHON(figure) .peer = "python3 tests/bench/peers/threads.py " figure, .is_there = bench_has_python
#define BENCH_CTYPES(figure) .peer = "python3 tests/bench/peers/calls.py ctypes " figure, .is_there = bench_has_python
#define BENCH_CFFI(figure) .peer = "python3 tests/bench/peers/calls.py cffi " figure, .is_there = bench_has_cffi
void bench_peers_prepare(void);
bool bench_has_go(void);
bool bench_has_ffcall(void);
bool bench_has_luajit(void);
bool bench_has_python(void);
bool bench_has_cffi(void);
double bench_ask_peer(const char *command, long count);

/* calls.c */
extern const struct bench_row bench_calls[];
void bench_calls_prepare(void);

/* mem.c: to be prepared before anything is mapped */
extern const struct bench_row bench_mem[];
void bench_mem_prepare(void);

/* tasks.c */
extern const struct bench_row bench_tasks[];
void bench_tasks_prepare(void);

/* host.c */
extern const struct bench_row bench_host[];
void bench_host_prepare(void);

/* blocking.c */
extern const struct bench_row bench_blocking[];
void bench_blocking_prepare(void);

/* frames.c */
extern const struct bench_row bench_frames[];
void bench_frames_prepare(void);

/* lua.c */
extern const struct bench_row bench_lua[];

/* stubs.c */
extern const struct bench_row bench_stubs[];
void bench_stubs_prepare(void);

/* parse.c */
extern const struct bench_row bench_parse[];
void bench_parse_prepare(void);

#endif
