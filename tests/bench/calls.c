/* What a call costs: through a pointer, through libffi, and through gate_call.
 *
 * SPDX-License-Identifier: MIT */
#include <ffi.h>
#include <pthread.h>
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

/* How much more two call at once than one does: 2 where they share nothing */

struct caller {
    double (*run)(long count);
    long count;
    double before, after;
};

static atomic_int callers;

static void *call_at_once(void *argument) {
    struct caller *caller = argument;
    atomic_fetch_add(&callers, 1);
    while (atomic_load(&callers) < 2)
        continue;
    caller->before = bench_now();
    caller->run(caller->count);
    caller->after = bench_now();
    return NULL;
}

static double elapsed_of_both(const struct caller *a, const struct caller *b) {
    return (a->after > b->after ? a->after : b->after) - (a->before < b->before ? a->before : b->before);
}

static double direct_at_once(long count) {
    struct caller one = {direct_int, count, 0, 0}, other = one;
    pthread_t thread;
    atomic_store(&callers, 0);
    if (pthread_create(&thread, NULL, call_at_once, &one))
        abort();
    call_at_once(&other);
    pthread_join(thread, NULL);
    return elapsed_of_both(&one, &other);
}

static double gate_at_once(long count) {
    struct caller one = {gate_int, count, 0, 0}, other = one;
    atomic_store(&callers, 0);
    gate_task *task = bench_spawn(call_at_once, &one);
    call_at_once(&other);
    bench_join(task);
    return elapsed_of_both(&one, &other);
}

/* Each by the least of some tries: a processor that is taken away in one makes it longer, and none shorter. */
enum { TRIES = 20 };

static double least(double (*run)(long count), long count) {
    double least = run(count);
    for (int i = 1; i < TRIES; i++) {
        double again = run(count);
        least = again < least ? again : least;
    }
    return least;
}

static double gate_at_once_at_best(long count) {
    return least(gate_at_once, count);
}

static double gate_at_best(long count) {
    return least(gate_int, count);
}

static double direct_two_to_one(long count) {
    return 2 * least(direct_int, count) / least(direct_at_once, count);
}

static double task_two_to_one(long count) {
    return 2 * bench_in_slots(1, gate_at_best, count) / bench_in_slots(2, gate_at_once_at_best, count);
}

/* The crossing alone, with two words that need no cells, or all word registers: as a call of class default, and as one
 * of class leaf, which is the same without the hand-off's protocol. The M is asked for at each call, as whoever calls from
 * a task has to. */

static inline __attribute__((always_inline)) double cross_pair(long count, bool keeps_slot) {
    double before = bench_now();
    for (long i = 0; i < count; i++)
        keep_int((int)gate__foreign_call_pair(gate__m(), (void (*)(void))add_pointer, (uint64_t)i, 1, keeps_slot).word);
    return bench_now() - before;
}

static inline __attribute__((always_inline)) double cross_words(long count, bool keeps_slot) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        uint64_t cells[GATE__CELLS];
        struct gate__frame frame = {.function = (void (*)(void))add_pointer,
                                    .cells = cells,
                                    .stack_alignment = GATE__STACK_ALIGNMENT,
                                    .shape = GATE__SHAPE_WORDS,
                                    .keeps_slot = keeps_slot};
        cells[0] = (uint64_t)i;
        cells[1] = 1;
        keep_int((int)gate__foreign_call_registers(gate__m(), &frame).word);
    }
    return bench_now() - before;
}

static double pair(long count) {
    return cross_pair(count, false);
}

static double pair_leaf(long count) {
    return cross_pair(count, true);
}

static double words(long count) {
    return cross_words(count, false);
}

static double words_leaf(long count) {
    return cross_words(count, true);
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
