/* Runs every row, prints a table, and writes build/bench.tsv for programs to read.
 *
 * The rows of a round are run one after another, and the rounds repeat: whatever else the machine does
 * meets all rows alike. A ratio is that of the minima, to the row of the same what and case whose who
 * is "direct": on a shared machine the minimum is what a quiet core does, the median is not.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/bench/bench.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "callgate.h"

enum { ROUNDS = 11, ROWS_MAX = 256 };

struct measured {
    const struct bench_row *row;
    double ns[ROUNDS]; /* or another unit, per operation; sorted at the end */
};

static struct measured measured[ROWS_MAX];
static size_t count;

double bench_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

struct loop {
    double (*run)(long count);
    long count;
    double elapsed;
};

static void *run_loop(void *argument) {
    struct loop *loop = argument;
    loop->elapsed = loop->run(loop->count);
    return NULL;
}

double bench_in_task(double (*run)(long), long times) {
    gate_runtime *runtime;
    gate_task *task;
    struct loop loop = {run, times, 0};
    struct gate_task_config config = {.main = run_loop, .argument = &loop, .name = "bench"};
    if (gate_runtime_start(NULL, &runtime, NULL) || gate_task_spawn(runtime, &config, &task) ||
        gate_task_join(task, NULL) || gate_runtime_stop(runtime, NULL))
        abort();
    return loop.elapsed;
}

static void add_rows(const struct bench_row *rows) {
    for (; rows->what; rows++) {
        if (rows->is_there && !rows->is_there())
            continue;
        if (count == ROWS_MAX)
            abort();
        measured[count++].row = rows;
    }
}

static int compare(const void *a, const void *b) {
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(void) {
    for (size_t i = 0; i < count; i++) {
        if (!measured[i].row->once)
            measured[i].row->run(measured[i].row->count / 10 + 1); /* warms caches and branches up */
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++) {
            const struct bench_row *row = measured[i].row;
            measured[i].ns[round] = round && row->once ? measured[i].ns[0] : row->run(row->count) / (double)row->count;
        }
    }
    for (size_t i = 0; i < count; i++)
        qsort(measured[i].ns, ROUNDS, sizeof measured[i].ns[0], compare);
}

/* 0 where the case has no direct row. */
static double ratio_of(const struct measured *m) {
    for (size_t i = 0; i < count; i++) {
        const struct bench_row *row = measured[i].row;
        if (!strcmp(row->who, "direct") && !strcmp(row->what, m->row->what) && !strcmp(row->kase, m->row->kase))
            return m->ns[0] / measured[i].ns[0];
    }
    return 0;
}

static void write_row(FILE *tsv, const struct measured *m) {
    const struct bench_row *row = m->row;
    double low = m->ns[0], middle = m->ns[ROUNDS / 2], high = m->ns[ROUNDS - 1], ratio = ratio_of(m);
    printf("%-9s %-26s %-16s %9.2f %9.2f %9.2f %-5s  ", row->what, row->kase, row->who, low, middle, high,
           row->unit ? row->unit : "ns");
    if (ratio > 0)
        printf("%8.2f", ratio);
    putchar('\n');
    fprintf(tsv, "%s\t%s\t%s\t%.3f\t%.3f\t%.3f\t%s\t", row->what, row->who, row->kase, low, middle, high,
            row->unit ? row->unit : "ns");
    if (ratio > 0)
        fprintf(tsv, "%.3f", ratio);
    fputc('\n', tsv);
}

static int write_results(const char *path) {
    FILE *tsv = fopen(path, "w");
    if (!tsv) {
        perror(path);
        return 1;
    }
    printf("%-9s %-26s %-16s %9s %9s %9s %-5s  %8s\n", "what", "case", "who", "min", "median", "max", "", "x direct");
    fputs("what\twho\tcase\tmin\tmedian\tmax\tunit\tratio\n", tsv);
    for (size_t i = 0; i < count; i++)
        write_row(tsv, &measured[i]);
    if (fclose(tsv)) {
        perror(path);
        return 1;
    }
    return 0;
}

int main(int argc, char **argv) {
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE.tsv\n", argv[0]);
        return 2;
    }
    bench_mem_prepare();
    bench_calls_prepare();
    bench_tasks_prepare();
    add_rows(bench_calls);
    add_rows(bench_mem);
    add_rows(bench_tasks);
    measure();
    return write_results(argv[1]);
}
