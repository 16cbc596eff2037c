/* Runs every row, or those of one what, prints a table, and writes build/bench.tsv for programs to read.
 *
 * The rows of a round are run one after another, and the rounds repeat: whatever else the machine does
 * meets all rows alike. A ratio is that of the minima, to the row of the same what and case whose who
 * is "direct": on a shared machine the minimum is what a quiet core does, the median is not. What is
 * waited depends on more than the core, and its least is luck: there a ratio is that of the medians.
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
    double median;
};

static struct measured measured[ROWS_MAX];
static size_t count;

double bench_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

gate_function bench_function(const char *text, void (*address)(void), const char *name) {
    gate_signature *signature;
    if (gate_signature_parse(text, &signature, NULL))
        abort();
    return (gate_function){.signature = signature, .address = address, .name = name};
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

double bench_in_slots(uint32_t slots, double (*run)(long), long times) {
    gate_runtime *runtime;
    gate_task *task;
    struct loop loop = {run, times, 0};
    struct gate_runtime_config runtime_config = {.slots = slots};
    struct gate_task_config config = {.main = run_loop, .argument = &loop, .name = "bench"};
    if (gate_runtime_start(&runtime_config, &runtime, NULL) || gate_task_spawn(runtime, &config, &task) ||
        gate_task_join(task, NULL) || gate_runtime_stop(runtime, NULL))
        abort();
    return loop.elapsed;
}

double bench_in_task(double (*run)(long), long times) {
    return bench_in_slots(1, run, times);
}

/* what is NULL for all. */
static void add_rows(const struct bench_row *rows, const char *what) {
    for (; rows->what; rows++) {
        if ((what && strcmp(what, rows->what) != 0) || (rows->is_there && !rows->is_there()))
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

double bench_median(double *values, size_t n) {
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

static int rounds_of(const struct bench_row *row) {
    return row->rounds ? row->rounds : ROUNDS;
}

static double run_row(const struct bench_row *row, long times) {
    double figure = row->peer ? bench_ask_peer(row->peer, times) : row->run(times);
    return row->figure ? figure : figure / (double)times;
}

static void measure(void) {
    for (size_t i = 0; i < count; i++) {
        const struct bench_row *row = measured[i].row;
        if (!row->rounds)
            run_row(row, row->count / 10 + 1); /* warms caches and branches up */
    }
    for (int round = 0; round < ROUNDS; round++) {
        for (size_t i = 0; i < count; i++) {
            if (round < rounds_of(measured[i].row))
                measured[i].ns[round] = run_row(measured[i].row, measured[i].row->count);
        }
    }
    for (size_t i = 0; i < count; i++)
        measured[i].median = bench_median(measured[i].ns, (size_t)rounds_of(measured[i].row));
}

/* What a row is compared by. */
static double figure_of(const struct measured *m) {
    return m->row->figure ? m->median : m->ns[0];
}

/* 0 where the case has no direct row. */
static double ratio_of(const struct measured *m) {
    for (size_t i = 0; i < count; i++) {
        const struct bench_row *row = measured[i].row;
        if (!strcmp(row->who, "direct") && !strcmp(row->what, m->row->what) && !strcmp(row->kase, m->row->kase))
            return figure_of(m) / figure_of(&measured[i]);
    }
    return 0;
}

static void write_row(FILE *tsv, const struct measured *m) {
    const struct bench_row *row = m->row;
    double low = m->ns[0], middle = m->median, high = m->ns[rounds_of(row) - 1], ratio = ratio_of(m);
    printf("%-9s %-26s %-17s %9.2f %9.2f %9.2f %-5s  ", row->what, row->kase, row->who, low, middle, high,
           row->unit ? row->unit : "ns");
    if (ratio > 0)
        printf("%8.*f", ratio < 0.1 ? 5 : 2, ratio);
    putchar('\n');
    fprintf(tsv, "%s\t%s\t%s\t%.3f\t%.3f\t%.3f\t%s\t", row->what, row->who, row->kase, low, middle, high,
            row->unit ? row->unit : "ns");
    if (ratio > 0)
        fprintf(tsv, "%.5f", ratio);
    fputc('\n', tsv);
}

static int write_results(const char *path) {
    FILE *tsv = fopen(path, "w");
    if (!tsv) {
        perror(path);
        return 1;
    }
    printf("%-9s %-26s %-17s %9s %9s %9s %-5s  %8s\n", "what", "case", "who", "min", "median", "max", "", "x direct");
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
    if (argc != 2 && argc != 3) {
        fprintf(stderr, "usage: %s FILE.tsv [WHAT]\n", argv[0]);
        return 2;
    }
    const char *what = argv[2];
    bench_mem_prepare();
    bench_calls_prepare();
    bench_tasks_prepare();
    bench_host_prepare();
    bench_blocking_prepare();
    bench_frames_prepare();
    bench_stubs_prepare();
    bench_parse_prepare();
    bench_peers_prepare();
    add_rows(bench_calls, what);
    add_rows(bench_mem, what);
    add_rows(bench_tasks, what);
    add_rows(bench_host, what);
    add_rows(bench_blocking, what);
    add_rows(bench_frames, what);
    add_rows(bench_stubs, what);
    add_rows(bench_parse, what);
    add_rows(bench_lua, what);
    measure();
    return write_results(argv[1]);
}
