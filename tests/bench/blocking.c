/* What calls that block do to other tasks: how soon the next one runs, how long many calls take, and how long a
 * task is away that yields all the time.
 *
 * Direct are plain threads that make the same calls: what the kernel can do. In the first cases it is a thread
 * that the caller wakes by hand, just before its call. A call of callgate-new is of a function that the runtime has not
 * seen before; of the others it learns that their calls last, or is told.
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "callgate.h"
#include "tests/bench/bench.h"

enum { US = 1000, MS = 1000 * US, STEPS = 10 * 1000, TURNS_MOST = 64, MEMBERS_MOST = 10000 };

/* What tasks and threads do */

static gate_function sleep_function, blocking_sleep_function;
static gate_function new_functions[TURNS_MOST]; /* the same, and the runtime takes each for another */

static void sleep_in_call(const gate_function *function, unsigned microseconds) {
    void *arguments[] = {&microseconds};
    if (gate_call(function, NULL, arguments))
        abort();
}

static volatile unsigned computed;

/* Takes some microseconds. */
static void compute_some(void) {
    for (int i = 0; i < STEPS; i++)
        computed = computed * 69069 + 1;
}

static void compute_some_as_task(void) {
    compute_some();
    if (gate_task_should_yield())
        gate_task_yield();
}

static void compute_for(double nanoseconds, void (*some)(void)) {
    for (double end = bench_now() + nanoseconds; bench_now() < end;)
        some();
}

static pthread_t start(void *(*body)(void *), void *argument) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, body, argument))
        abort();
    return thread;
}

/* One slot: from the begin of a call until the next task runs. That one is ready, in Callgate; a thread is waiting
 * for a semaphore. */

struct turn {
    unsigned idle, busy, call; /* microseconds: asleep, then computing, then in the call */
    const gate_function *functions;
    int step; /* from one turn's function to the next one's */
};

static const struct turn *turn;
static double called_at, delay; /* in nanoseconds; 0 until the call begins, and until the next one runs */
static bool ended;

static void *run_next(void *unused) {
    for (;;) {
        gate_task_park("its turn");
        if (ended)
            return unused;
        while (called_at == 0)
            gate_task_yield();
        delay = bench_now() - called_at;
    }
}

static double turns_of_tasks(long count) {
    double delays[TURNS_MOST];
    ended = false;
    gate_task *next = bench_spawn(run_next, NULL);
    gate_task_yield();
    for (long i = 0; i < count; i++) {
        called_at = delay = 0;
        gate_task_sleep((uint64_t)turn->idle * US);
        gate_task_ready(next);
        compute_for((double)turn->busy * US, compute_some_as_task);
        called_at = bench_now();
        sleep_in_call(&turn->functions[i * turn->step], turn->call);
        while (delay == 0)
            gate_task_yield();
        delays[i] = delay / US;
    }
    ended = true;
    gate_task_ready(next);
    bench_join(next);
    return bench_median(delays, (size_t)count);
}

static sem_t to_next, from_next;

static void *run_next_thread(void *unused) {
    for (;;) {
        sem_wait(&to_next);
        if (ended)
            return unused;
        delay = bench_now() - called_at;
        sem_post(&from_next);
    }
}

static double turns_of_threads(long count) {
    double delays[TURNS_MOST];
    ended = false;
    sem_init(&to_next, 0, 0);
    sem_init(&from_next, 0, 0);
    pthread_t next = start(run_next_thread, NULL);
    for (long i = 0; i < count; i++) {
        usleep(turn->idle);
        compute_for((double)turn->busy * US, compute_some);
        called_at = bench_now();
        sem_post(&to_next);
        usleep(turn->call);
        sem_wait(&from_next);
        delays[i] = delay / US;
    }
    ended = true;
    sem_post(&to_next);
    pthread_join(next, NULL);
    return bench_median(delays, (size_t)count);
}

/* What a monitor can do that looks after 20 us: such a sleep, where the timer may be as precise as it can. */
static void *sleep_precisely(void *argument) {
    long count = *(long *)argument;
    double sleeps[TURNS_MOST];
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (long i = 0; i < count; i++) {
        double before = bench_now();
        usleep(20);
        sleeps[i] = (bench_now() - before) / US;
    }
    delay = bench_median(sleeps, (size_t)count);
    return NULL;
}

static double precise_sleeps(long count) {
    pthread_join(start(sleep_precisely, &count), NULL);
    return delay;
}

static const struct turn hot = {0, 0, 1000, &sleep_function, 0};
static const struct turn hot_blocking = {0, 0, 1000, &blocking_sleep_function, 0};
static const struct turn hot_new = {0, 0, 1000, new_functions, 1};
static const struct turn after_idle = {50 * 1000, 0, 20 * 1000, &sleep_function, 0};
static const struct turn after_idle_new = {50 * 1000, 0, 20 * 1000, new_functions, 1};
static const struct turn after_busy = {0, 300 * 1000, 20 * 1000, &sleep_function, 0};
static const struct turn after_busy_new = {0, 300 * 1000, 20 * 1000, new_functions, 1};

static double task_turns(const struct turn *which, long count) {
    turn = which;
    return bench_in_task(turns_of_tasks, count);
}

static double thread_turns(const struct turn *which, long count) {
    turn = which;
    return turns_of_threads(count);
}

static double task_next_hot(long count) {
    return task_turns(&hot, count);
}

static double task_next_hot_new(long count) {
    return task_turns(&hot_new, count);
}

static double task_next_hot_blocking(long count) {
    return task_turns(&hot_blocking, count);
}

static double task_next_idle(long count) {
    return task_turns(&after_idle, count);
}

static double task_next_idle_new(long count) {
    return task_turns(&after_idle_new, count);
}

static double task_next_busy(long count) {
    return task_turns(&after_busy, count);
}

static double task_next_busy_new(long count) {
    return task_turns(&after_busy_new, count);
}

static double thread_next_hot(long count) {
    return thread_turns(&hot, count);
}

static double thread_next_idle(long count) {
    return thread_turns(&after_idle, count);
}

static double thread_next_busy(long count) {
    return thread_turns(&after_busy, count);
}

/* Two slots: many, each in one call, beside one that does something else until they are done. */

struct crowd {
    long members;
    unsigned call; /* microseconds */
    void (*beside_as_task)(void);
    void (*beside_as_thread)(void);
};

static const struct crowd *crowd;
static atomic_bool beside_runs, beside_ends;
static double ticked_at, longest_pause; /* in nanoseconds */

static void tick(void) {
    double now = bench_now();
    if (ticked_at != 0 && now - ticked_at > longest_pause)
        longest_pause = now - ticked_at;
    ticked_at = now;
}

static void tick_as_task(void) {
    tick();
    gate_task_yield();
}

static void tick_as_thread(void) {
    tick();
    sched_yield();
}

static void *beside(void *some) {
    for (atomic_store(&beside_runs, true); !atomic_load(&beside_ends);)
        (*(void (*const *)(void))some)();
    return NULL;
}

static void prepare_beside(void) {
    ticked_at = longest_pause = 0;
    atomic_store(&beside_runs, false);
    atomic_store(&beside_ends, false);
}

static void *sleep_as_task(void *unused) {
    sleep_in_call(&sleep_function, crowd->call);
    return unused;
}

static double crowd_of_tasks(long unused) {
    (void)unused;
    static gate_task *tasks[MEMBERS_MOST];
    void (*some)(void) = crowd->beside_as_task;
    prepare_beside();
    gate_task *one = bench_spawn(beside, &some);
    while (!atomic_load(&beside_runs))
        gate_task_yield();
    double before = bench_now();
    for (long i = 0; i < crowd->members; i++)
        tasks[i] = bench_spawn(sleep_as_task, NULL);
    for (long i = 0; i < crowd->members; i++)
        bench_join(tasks[i]);
    double elapsed = bench_now() - before;
    atomic_store(&beside_ends, true);
    bench_join(one);
    return elapsed / MS;
}

static void *sleep_as_thread(void *unused) {
    usleep(crowd->call);
    return unused;
}

static double crowd_of_threads(void) {
    static pthread_t threads[MEMBERS_MOST];
    void (*some)(void) = crowd->beside_as_thread;
    prepare_beside();
    pthread_t one = start(beside, &some);
    while (!atomic_load(&beside_runs))
        sched_yield();
    double before = bench_now();
    for (long i = 0; i < crowd->members; i++)
        threads[i] = start(sleep_as_thread, NULL);
    for (long i = 0; i < crowd->members; i++)
        pthread_join(threads[i], NULL);
    double elapsed = bench_now() - before;
    atomic_store(&beside_ends, true);
    pthread_join(one, NULL);
    return elapsed / MS;
}

static double task_crowd(const struct crowd *which) {
    crowd = which;
    return bench_in_slots(2, crowd_of_tasks, 1);
}

static double thread_crowd(const struct crowd *which) {
    crowd = which;
    return crowd_of_threads();
}

static double task_beside_ticks(long count) {
    return task_crowd(&(struct crowd){count, 10 * 1000, tick_as_task, NULL});
}

static double thread_beside_ticks(long count) {
    return thread_crowd(&(struct crowd){count, 10 * 1000, NULL, tick_as_thread});
}

static double task_pause(long count) {
    task_beside_ticks(count);
    return longest_pause / MS;
}

static double thread_pause(long count) {
    thread_beside_ticks(count);
    return longest_pause / MS;
}

static double task_beside_busy(long milliseconds) {
    return task_crowd(&(struct crowd){200, (unsigned)milliseconds * 1000, compute_some_as_task, NULL});
}

static double thread_beside_busy(long milliseconds) {
    return thread_crowd(&(struct crowd){200, (unsigned)milliseconds * 1000, NULL, compute_some});
}

void bench_blocking_prepare(void) {
    static char names[TURNS_MOST][24];
    sleep_function = bench_function("int (unsigned)", (void (*)(void))usleep, "usleep");
    blocking_sleep_function = sleep_function;
    blocking_sleep_function.call_class = GATE_CALL_BLOCKING;
    for (int i = 0; i < TURNS_MOST; i++) {
        snprintf(names[i], sizeof names[i], "usleep %d", i);
        new_functions[i] = sleep_function;
        new_functions[i].name = names[i];
    }
}

#define WAIT(time) .figure = true, .unit = time

const struct bench_row bench_blocking[] = {
    {"blocking", "direct", "next runs", thread_next_hot, 30, WAIT("us")},
    {"blocking", "sleep of 20 us", "next runs", precise_sleeps, 30, WAIT("us")},
    {"blocking", "callgate", "next runs", task_next_hot, 30, WAIT("us")},
    {"blocking", "callgate-new", "next runs", task_next_hot_new, 30, WAIT("us")},
    {"blocking", "callgate-blocking", "next runs", task_next_hot_blocking, 30, WAIT("us")},
    {"blocking", "go", "next runs", .count = 30, BENCH_GO("next-hot"), WAIT("us")},
    {"blocking", "direct", "next runs, after idling", thread_next_idle, 5, WAIT("us")},
    {"blocking", "callgate", "next runs, after idling", task_next_idle, 5, WAIT("us")},
    {"blocking", "callgate-new", "next runs, after idling", task_next_idle_new, 5, WAIT("us")},
    {"blocking", "go", "next runs, after idling", .count = 5, BENCH_GO("next-idle"), WAIT("us")},
    {"blocking", "direct", "next runs, after computing", thread_next_busy, 3, WAIT("us"), .rounds = 5},
    {"blocking", "callgate", "next runs, after computing", task_next_busy, 3, WAIT("us"), .rounds = 5},
    {"blocking", "callgate-new", "next runs, after computing", task_next_busy_new, 3, WAIT("us"), .rounds = 5},
    {"blocking", "go", "next runs, after computing", .count = 3, BENCH_GO("next-busy"), WAIT("us"), .rounds = 5},
    {"blocking", "direct", "1000 calls of 10 ms", thread_beside_ticks, 1000, WAIT("ms")},
    {"blocking", "callgate", "1000 calls of 10 ms", task_beside_ticks, 1000, WAIT("ms")},
    {"blocking", "go", "1000 calls of 10 ms", .count = 1000, BENCH_GO("crowd"), WAIT("ms")},
    {"blocking", "python", "1000 calls of 10 ms", .count = 1000, BENCH_PYTHON("crowd"), WAIT("ms"), .rounds = 3},
    {"blocking", "direct", "pause beside those", thread_pause, 1000, WAIT("ms")},
    {"blocking", "callgate", "pause beside those", task_pause, 1000, WAIT("ms")},
    {"blocking", "go", "pause beside those", .count = 1000, BENCH_GO("crowd-pause"), WAIT("ms")},
    {"blocking", "python", "pause beside those", .count = 1000, BENCH_PYTHON("crowd-pause"), WAIT("ms"), .rounds = 3},
    {"blocking", "callgate", "10000 calls of 10 ms", task_beside_ticks, 10000, WAIT("ms")},
    {"blocking", "callgate", "pause beside 10000", task_pause, 10000, WAIT("ms")},
    {"blocking", "direct", "200 calls of 1 ms", thread_beside_busy, 1, WAIT("ms")},
    {"blocking", "callgate", "200 calls of 1 ms", task_beside_busy, 1, WAIT("ms")},
    {"blocking", "go", "200 calls of 1 ms", .count = 1, BENCH_GO("beside-busy"), WAIT("ms")},
    {"blocking", "direct", "200 calls of 3 ms", thread_beside_busy, 3, WAIT("ms")},
    {"blocking", "callgate", "200 calls of 3 ms", task_beside_busy, 3, WAIT("ms")},
    {"blocking", "go", "200 calls of 3 ms", .count = 3, BENCH_GO("beside-busy"), WAIT("ms")},
    {"blocking", "direct", "200 calls of 10 ms", thread_beside_busy, 10, WAIT("ms")},
    {"blocking", "callgate", "200 calls of 10 ms", task_beside_busy, 10, WAIT("ms")},
    {"blocking", "go", "200 calls of 10 ms", .count = 10, BENCH_GO("beside-busy"), WAIT("ms")},
    {"blocking", "direct", "200 calls of 30 ms", thread_beside_busy, 30, WAIT("ms")},
    {"blocking", "callgate", "200 calls of 30 ms", task_beside_busy, 30, WAIT("ms")},
    {"blocking", "go", "200 calls of 30 ms", .count = 30, BENCH_GO("beside-busy"), WAIT("ms")},
    {0},
};
