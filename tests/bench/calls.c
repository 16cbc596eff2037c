/* What a call costs: through a pointer, through libffi, and through gate_call.
 *
 * SPDX-License-Identifier: MIT */
#include <ffi.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "callgate.h"
#include "runtime/internal.h"
#include "tests/bench/bench.h"

enum { CALLS = 1000 * 1000, SLOW_CALLS = 100 * 1000 };

/* The functions that are called. noipa would be gcc's alone: the pointers are volatile instead. */
static __attribute__((noinline)) int add(int a, int b) {
    return a + b;
}

static __attribute__((noinline)) double scale(double a, double b) {
    return a * b;
}

static int (*volatile add_pointer)(int, int) = add;
static double (*volatile scale_pointer)(double, double) = scale;

/* Stores a result, as its user might; in a place of the caller's own. */
static inline void keep_int(int result) {
    __asm__ volatile("" : : "m"(result));
}

static inline void keep_double(double result) {
    __asm__ volatile("" : : "m"(result));
}

/* Direct */

static double direct_int(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++)
        keep_int(add_pointer((int)i, 1));
    return bench_now() - before;
}

static double direct_double(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++)
        keep_double(scale_pointer((double)i, 2.0));
    return bench_now() - before;
}

/* libffi, prepared once */

static ffi_cif int_cif, double_cif;

static double libffi_int(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        int a = (int)i, b = 1;
        void *arguments[] = {&a, &b};
        ffi_arg result;
        ffi_call(&int_cif, (void (*)(void))add_pointer, &result, arguments);
        keep_int((int)result);
    }
    return bench_now() - before;
}

static double libffi_double(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        double a = (double)i, b = 2.0, result;
        void *arguments[] = {&a, &b};
        ffi_call(&double_cif, (void (*)(void))scale_pointer, &result, arguments);
        keep_double(result);
    }
    return bench_now() - before;
}

/* Callgate: on a thread that no runtime knows, and from a task with its stack switch */

static gate_function int_function, leaf_function, double_function;

static inline double gate_ints(const gate_function *function, long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        int a = (int)i, b = 1, result;
        void *arguments[] = {&a, &b};
        gate_call(function, &result, arguments);
        keep_int(result);
    }
    return bench_now() - before;
}

static double gate_int(long count) {
    return gate_ints(&int_function, count);
}

static double gate_leaf(long count) {
    return gate_ints(&leaf_function, count);
}

static double gate_double(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        double a = (double)i, b = 2.0, result;
        void *arguments[] = {&a, &b};
        gate_call(&double_function, &result, arguments);
        keep_double(result);
    }
    return bench_now() - before;
}

static double task_int(long count) {
    return bench_in_task(gate_int, count);
}

static double task_double(long count) {
    return bench_in_task(gate_double, count);
}

static double task_leaf(long count) {
    return bench_in_task(gate_leaf, count);
}

/* The same while calls are traced: counted, and kept for a viewer as well */

static double traced(const struct gate_trace_config *config, long count) {
    if (gate_trace_start(config, NULL))
        abort();
    double elapsed = bench_in_task(gate_int, count);
    gate_trace_stop();
    return elapsed;
}

static double task_counted(long count) {
    return traced(&(struct gate_trace_config){.no_events = 1}, count);
}

static double task_kept(long count) {
    return traced(NULL, count);
}

/* How many times the calls of one that two make at once: 2 where they share nothing. On a shared machine one processor may be
 * slower than the other, or than it was: so each caller has its own, and what it does there beside the other is compared with
 * what it did there alone, just before. Who is done goes on until the other is. */

struct caller {
    double (*run)(long count);
    long count;
    int processor; /* of those that there are for us, the first or the second */
    double elapsed;
};

static atomic_int callers_to_come, callers_to_end;

/* Returns where the thread could be before. */
static cpu_set_t stay_on(int processor) {
    cpu_set_t before, one;
    if (pthread_getaffinity_np(pthread_self(), sizeof before, &before))
        abort();
    int at = 0;
    for (int i = 0; i < CPU_SETSIZE && processor >= 0; i++) {
        if (CPU_ISSET(i, &before)) {
            at = i;
            processor--;
        }
    }
    CPU_ZERO(&one);
    CPU_SET(at, &one);
    if (pthread_setaffinity_np(pthread_self(), sizeof one, &one))
        abort();
    return before;
}

static void *call_as_thread(void *argument) {
    struct caller *caller = argument;
    cpu_set_t before = stay_on(caller->processor);
    caller->run(caller->count / 10);
    atomic_fetch_sub(&callers_to_come, 1);
    while (atomic_load(&callers_to_come) > 0)
        continue;
    caller->elapsed = caller->run(caller->count);
    atomic_fetch_sub(&callers_to_end, 1);
    while (atomic_load(&callers_to_end) > 0)
        caller->run(1000);
    pthread_setaffinity_np(pthread_self(), sizeof before, &before);
    return NULL;
}

static void *call_as_task(void *argument) {
    gate_m *m = gate_m_acquire();
    call_as_thread(argument);
    gate_m_release(m);
    return NULL;
}

static void call_from_threads(struct caller *callers, uint32_t count) {
    pthread_t threads[2];
    for (uint32_t i = 0; i < count; i++) {
        if (pthread_create(&threads[i], NULL, call_as_thread, &callers[i]))
            abort();
    }
    for (uint32_t i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
}

static void call_from_slots(struct caller *callers, uint32_t count) {
    gate_runtime *runtime;
    gate_task *tasks[2];
    struct gate_runtime_config config = {.slots = count};
    if (gate_runtime_start(&config, &runtime, NULL))
        abort();
    for (uint32_t i = 0; i < count; i++)
        tasks[i] = bench_spawn(call_as_task, &callers[i]);
    for (uint32_t i = 0; i < count; i++)
        bench_join(tasks[i]);
    if (gate_runtime_stop(runtime, NULL))
        abort();
}

static void call_at_once(void (*call)(struct caller *, uint32_t), struct caller *callers, int count) {
    atomic_store(&callers_to_come, count);
    atomic_store(&callers_to_end, count);
    call(callers, (uint32_t)count);
}

static double two_to_one(void (*call)(struct caller *, uint32_t), double (*run)(long count), long count) {
    enum { TRIES = 20 };
    double factors[TRIES];
    for (int i = 0; i < TRIES; i++) {
        struct caller alone[] = {{run, count, 0, 0}, {run, count, 1, 0}}, beside[] = {alone[0], alone[1]};
        call_at_once(call, &alone[0], 1);
        call_at_once(call, &alone[1], 1);
        call_at_once(call, beside, 2);
        factors[i] = alone[0].elapsed / beside[0].elapsed + alone[1].elapsed / beside[1].elapsed;
    }
    return bench_median(factors, TRIES);
}

static double direct_two_to_one(long count) {
    return two_to_one(call_from_threads, direct_int, count);
}

static double task_two_to_one(long count) {
    return two_to_one(call_from_slots, gate_int, count);
}

/* The crossing alone, with two words that need no cells, or all word registers: as a call of class default, and as one
 * of class leaf, which is the same without the hand-off's protocol. The M is asked for at each call, as whoever calls from
 * a task has to. */

static inline __attribute__((always_inline)) double cross_pair(long count, void *call) {
    double before = bench_now();
    for (long i = 0; i < count; i++)
        keep_int((int)gate__foreign_call_pair(gate__m(), (void (*)(void))add_pointer, (uint64_t)i, 1, call).word);
    return bench_now() - before;
}

static inline __attribute__((always_inline)) double cross_words(long count, void *call) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        uint64_t cells[GATE__CELLS];
        struct gate__frame frame = {.function = (void (*)(void))add_pointer,
                                    .cells = cells,
                                    .stack_alignment = GATE__STACK_ALIGNMENT,
                                    .shape = GATE__SHAPE_WORDS,
                                    .call = call};
        cells[0] = (uint64_t)i;
        cells[1] = 1;
        keep_int((int)gate__foreign_call_registers(gate__m(), &frame).word);
    }
    return bench_now() - before;
}

static double pair(long count) {
    return cross_pair(count, GATE__M_UNTOLD);
}

static double pair_leaf(long count) {
    return cross_pair(count, NULL);
}

static double words(long count) {
    return cross_words(count, GATE__M_UNTOLD);
}

static double words_leaf(long count) {
    return cross_words(count, NULL);
}

static double task_pair(long count) {
    return bench_in_task(pair, count);
}

static double task_pair_leaf(long count) {
    return bench_in_task(pair_leaf, count);
}

static double task_words(long count) {
    return bench_in_task(words, count);
}

static double task_words_leaf(long count) {
    return bench_in_task(words_leaf, count);
}

void bench_calls_prepare(void) {
    static ffi_type *ints[] = {&ffi_type_sint, &ffi_type_sint};
    static ffi_type *doubles[] = {&ffi_type_double, &ffi_type_double};
    if (ffi_prep_cif(&int_cif, FFI_DEFAULT_ABI, 2, &ffi_type_sint, ints) ||
        ffi_prep_cif(&double_cif, FFI_DEFAULT_ABI, 2, &ffi_type_double, doubles))
        abort();
    int_function = bench_function("int (int, int)", (void (*)(void))add_pointer, "bench");
    leaf_function = int_function;
    leaf_function.call_class = GATE_CALL_LEAF;
    double_function = bench_function("double (double, double)", (void (*)(void))scale_pointer, "bench");
}

#define FACTOR .figure = true, .unit = "x"

const struct bench_row bench_calls[] = {
    {"call", "direct", "int(int,int)", direct_int, .count = CALLS},
    {"call", "libffi", "int(int,int)", libffi_int, .count = CALLS},
    {"call", "callgate-thread", "int(int,int)", gate_int, .count = CALLS},
    {"call", "callgate-task", "int(int,int)", task_int, .count = CALLS},
    {"call", "callgate-leaf", "int(int,int)", task_leaf, .count = CALLS},
    {"call", "callgate-counted", "int(int,int)", task_counted, .count = CALLS / 10},
    {"call", "callgate-kept", "int(int,int)", task_kept, .count = CALLS / 10},
    {"call", "go", "int(int,int)", .count = CALLS, BENCH_GO("call")},
    {"call", "libffcall", "int(int,int)", .count = CALLS, BENCH_FFCALL("int")},
    {"call", "luajit", "int(int,int)", .count = CALLS, BENCH_LUAJIT("int")},
    {"call", "luajit, no jit", "int(int,int)", .count = SLOW_CALLS, BENCH_LUAJIT_OFF("int")},
    {"call", "ctypes", "int(int,int)", .count = SLOW_CALLS, BENCH_CTYPES("int")},
    {"call", "cffi", "int(int,int)", .count = SLOW_CALLS, BENCH_CFFI("int")},
    {"call", "crossing", "int(int,int)", task_pair, .count = CALLS},
    {"call", "crossing-leaf", "int(int,int)", task_pair_leaf, .count = CALLS},
    {"call", "crossing-words", "int(int,int)", task_words, .count = CALLS},
    {"call", "crossing-words-leaf", "int(int,int)", task_words_leaf, .count = CALLS},
    {"call", "direct", "double(double,double)", direct_double, .count = CALLS},
    {"call", "libffi", "double(double,double)", libffi_double, .count = CALLS},
    {"call", "callgate-thread", "double(double,double)", gate_double, .count = CALLS},
    {"call", "callgate-task", "double(double,double)", task_double, .count = CALLS},
    {"call", "go", "double(double,double)", .count = CALLS, BENCH_GO("call-double")},
    {"call", "libffcall", "double(double,double)", .count = CALLS, BENCH_FFCALL("double")},
    {"call", "luajit", "double(double,double)", .count = CALLS, BENCH_LUAJIT("double")},
    {"call", "luajit, no jit", "double(double,double)", .count = SLOW_CALLS, BENCH_LUAJIT_OFF("double")},
    {"call", "ctypes", "double(double,double)", .count = SLOW_CALLS, BENCH_CTYPES("double")},
    {"call", "cffi", "double(double,double)", .count = SLOW_CALLS, BENCH_CFFI("double")},
    {"call", "direct", "2 at once to 1", direct_two_to_one, .count = CALLS, FACTOR},
    {"call", "callgate-task", "2 at once to 1", task_two_to_one, .count = CALLS, FACTOR},
    {"call", "go", "2 at once to 1", .count = CALLS, BENCH_GO("two-to-one"), FACTOR},
    {0},
};
