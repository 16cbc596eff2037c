/* What tasks cost: a yield, a life, a wake; against a bare jump from one stack to another, and plain threads.
 *
 * The jump is Boost.Context's, found at run time where it is installed; it stands for what no scheduler can do
 * without.
 *
 * SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "callgate.h"
#include "tests/bench/bench.h"

enum { MILLION = 1000 * 1000, MANY = 100 * 1000, PAGE = 4096, STACK = 64 * 1024 };
enum { SWITCHES = 1000 * 1000, LIVES = 100 * 1000, BATCH = 32, THREADS = 10 * BATCH };

/* Boost.Context's bare jump */

struct transfer {
    void *context, *data;
};

static struct transfer (*jump)(void *context, void *data);
static void *(*make)(void *stack_end, size_t size, void (*fn)(struct transfer));

static void jump_back(struct transfer from) {
    for (;;)
        from = jump(from.context, NULL);
}

static double jumps(long count) {
    char *stack = malloc(STACK);
    void *context = make(stack + STACK, STACK, jump_back);
    double before = bench_now();
    for (long i = 0; i < count / 2; i++)
        context = jump(context, NULL).context;
    double elapsed = bench_now() - before;
    free(stack);
    return elapsed;
}

/* Plain threads */

static void *end_at_once(void *unused) {
    return unused;
}

static void start(pthread_t *thread) {
    if (pthread_create(thread, NULL, end_at_once, NULL))
        abort();
}

static double thread_lives(long count) {
    pthread_t threads[BATCH];
    double before = bench_now();
    for (long i = 0; i < count; i += BATCH) {
        for (int k = 0; k < BATCH; k++)
            start(&threads[k]);
        for (int k = 0; k < BATCH; k++)
            pthread_join(threads[k], NULL);
    }
    return bench_now() - before;
}

static double joined_thread_lives(long count) {
    pthread_t thread;
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        start(&thread);
        pthread_join(thread, NULL);
    }
    return bench_now() - before;
}

/* Ours, as tasks of a runtime with one slot */

static void *yield_often(void *argument) {
    for (long i = 0; i < *(long *)argument / 2; i++)
        gate_task_yield();
    return NULL;
}

/* Two tasks that yield to each other. */
static double yields(long count) {
    gate_task *one = bench_spawn(yield_often, &count), *other = bench_spawn(yield_often, &count);
    double before = bench_now();
    bench_join(one);
    bench_join(other);
    return bench_now() - before;
}

static double lives(long count) {
    struct gate_task_config config = {.main = end_at_once};
    double before = bench_now();
    for (long i = 0; i < count; i += BATCH) {
        for (int k = 0; k < BATCH; k++) {
            if (gate_task_spawn(NULL, &config, NULL))
                abort();
        }
        gate_task_yield();
    }
    return bench_now() - before;
}

static double joined_lives(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++)
        bench_join(bench_spawn(end_at_once, NULL));
    return bench_now() - before;
}

/* Many parked tasks, and, beside them, a page touched for the first time for each */

static long resident_bytes(void) {
    long pages = 0;
    FILE *file = fopen("/proc/self/statm", "r");
    if (!file || fscanf(file, "%*s %ld", &pages) != 1)
        abort();
    fclose(file);
    return pages * PAGE;
}

static double parked_bytes; /* of the last round */

static void *park_once(void *unused) {
    gate_task_park("the end of the bench");
    return unused;
}

static double parks(long count) {
    gate_task **tasks = malloc((size_t)count * sizeof *tasks);
    memset(tasks, 0, (size_t)count * sizeof *tasks);
    long bytes = resident_bytes();
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        tasks[i] = bench_spawn(park_once, NULL);
        if (i % BATCH == 0)
            gate_task_yield();
    }
    gate_task_yield();
    double elapsed = bench_now() - before;
    parked_bytes = (double)(resident_bytes() - bytes);
    for (long i = 0; i < count; i++)
        gate_task_ready(tasks[i]);
    for (long i = 0; i < count; i++)
        bench_join(tasks[i]);
    free(tasks);
    return elapsed;
}

static double touches(long count) {
    size_t length = (size_t)count * PAGE;
    char *pages = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED || madvise(pages, length, MADV_NOHUGEPAGE))
        abort();
    double before = bench_now();
    for (size_t at = 0; at < length; at += PAGE)
        pages[at] = 1;
    double elapsed = bench_now() - before;
    munmap(pages, length);
    return elapsed;
}

static double task_parks(long count) {
    return bench_in_task(parks, count);
}

static double bytes_of_parked(long count) {
    (void)count;
    return parked_bytes;
}

static double task_yields(long count) {
    return bench_in_task(yields, count);
}

static double task_lives(long count) {
    return bench_in_task(lives, count);
}

static double task_joined_lives(long count) {
    return bench_in_task(joined_lives, count);
}

/* The world stopped and started beside tasks that compute and poll, one for each other slot */

static volatile bool stops_are_over;

static void *compute_and_poll(void *unused) {
    while (!stops_are_over) {
        if (gate_task_should_yield())
            gate_task_yield();
    }
    return unused;
}

static double stops(long count) {
    stops_are_over = false;
    gate_task *other = bench_spawn(compute_and_poll, NULL);
    gate_task_sleep(10 * 1000 * 1000); /* it has the other slot by then */
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        gate_world_stop();
        gate_world_start();
    }
    double elapsed = bench_now() - before;
    stops_are_over = true;
    bench_join(other);
    return elapsed;
}

static double world_stops(long count) {
    return bench_in_slots(2, stops, count);
}

void bench_tasks_prepare(void) {
    void *library = dlopen("libboost_context.so.1.74.0", RTLD_NOW);
    if (!library)
        return;
    *(void **)&jump = dlsym(library, "jump_fcontext");
    *(void **)&make = dlsym(library, "make_fcontext");
}

static bool has_boost(void) {
    return jump && make;
}

const struct bench_row bench_tasks[] = {
    {"task", "direct", "switch", jumps, .count = SWITCHES, .is_there = has_boost},
    {"task", "callgate", "switch", task_yields, .count = SWITCHES},
    {"task", "go", "switch", .count = SWITCHES, BENCH_GO("yield")},
    {"task", "direct", "spawn, run, finish", thread_lives, .count = THREADS},
    {"task", "callgate", "spawn, run, finish", task_lives, .count = LIVES},
    {"task", "go", "spawn, run, finish", .count = LIVES, BENCH_GO("spawn")},
    {"task", "direct", "spawn, run, join", joined_thread_lives, .count = THREADS},
    {"task", "callgate", "spawn, run, join", task_joined_lives, .count = LIVES},
    {"task", "go", "spawn, run, join", .count = LIVES, BENCH_GO("join")},
    {"task", "callgate", "park one of 100000", task_parks, .count = MANY, .rounds = 1},
    {"task", "go", "park one of 100000", .count = MANY, BENCH_GO("park"), .rounds = 1},
    {"task", "callgate", "memory of one of 100000", bytes_of_parked, .count = MANY, .rounds = 1, .unit = "bytes"},
    {"task", "go", "memory of one of 100000", .count = MANY, BENCH_GO("memory"), .rounds = 1, .unit = "bytes"},
    {"task", "direct", "touch a page, 1000000 times", touches, .count = MILLION, .rounds = 1},
    {"task", "callgate", "park one of 1000000", task_parks, .count = MILLION, .rounds = 1},
    {"task", "callgate", "memory of one of 1000000", bytes_of_parked, .count = MILLION, .rounds = 1, .unit = "bytes"},
    {"task", "callgate", "stop the world and start it", world_stops, .count = 1000},
    {"task", "go", "stop the world and start it", .count = 1000, BENCH_GO("stops")},
    {0},
};
