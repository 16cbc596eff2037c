/* What a call costs: through a pointer, through libffi, and through gate_call.
 *
 * SPDX-License-Identifier: MIT */
#include <ffi.h>
#include <stdlib.h>

#include "callgate.h"
#include "tests/bench/bench.h"

enum { CALLS = 1000 * 1000 };

/* The functions that are called. noipa would be gcc's alone: the pointers are volatile instead. */
static __attribute__((noinline)) int add(int a, int b) {
    return a + b;
}

static __attribute__((noinline)) double scale(double a, double b) {
    return a * b;
}

static int (*volatile add_pointer)(int, int) = add;
static double (*volatile scale_pointer)(double, double) = scale;

static volatile int int_sink;
static volatile double double_sink;

/* Direct */

static double direct_int(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++)
        int_sink = add_pointer((int)i, 1);
    return bench_now() - before;
}

static double direct_double(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++)
        double_sink = scale_pointer((double)i, 2.0);
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
        int_sink = (int)result;
    }
    return bench_now() - before;
}

static double libffi_double(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        double a = (double)i, b = 2.0, result;
        void *arguments[] = {&a, &b};
        ffi_call(&double_cif, (void (*)(void))scale_pointer, &result, arguments);
        double_sink = result;
    }
    return bench_now() - before;
}

/* Callgate: on a thread that no runtime knows, and from a task with its stack switch */

static gate_function int_function, double_function;

static double gate_int(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        int a = (int)i, b = 1, result;
        void *arguments[] = {&a, &b};
        gate_call(&int_function, &result, arguments);
        int_sink = result;
    }
    return bench_now() - before;
}

static double gate_double(long count) {
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        double a = (double)i, b = 2.0, result;
        void *arguments[] = {&a, &b};
        gate_call(&double_function, &result, arguments);
        double_sink = result;
    }
    return bench_now() - before;
}

static double task_int(long count) {
    return bench_in_task(gate_int, count);
}

static double task_double(long count) {
    return bench_in_task(gate_double, count);
}

static gate_function make_function(const char *text, void (*address)(void)) {
    gate_signature *signature;
    if (gate_signature_parse(text, &signature, NULL))
        abort();
    return (gate_function){.signature = signature, .address = address, .name = "bench"};
}

void bench_calls_prepare(void) {
    static ffi_type *ints[] = {&ffi_type_sint, &ffi_type_sint};
    static ffi_type *doubles[] = {&ffi_type_double, &ffi_type_double};
    if (ffi_prep_cif(&int_cif, FFI_DEFAULT_ABI, 2, &ffi_type_sint, ints) ||
        ffi_prep_cif(&double_cif, FFI_DEFAULT_ABI, 2, &ffi_type_double, doubles))
        abort();
    int_function = make_function("int (int, int)", (void (*)(void))add_pointer);
    double_function = make_function("double (double, double)", (void (*)(void))scale_pointer);
}

const struct bench_row bench_calls[] = {
    {"call", "direct", "int(int,int)", direct_int, .count = CALLS},
    {"call", "libffi", "int(int,int)", libffi_int, .count = CALLS},
    {"call", "callgate-thread", "int(int,int)", gate_int, .count = CALLS},
    {"call", "callgate-task", "int(int,int)", task_int, .count = CALLS},
    {"call", "direct", "double(double,double)", direct_double, .count = CALLS},
    {"call", "libffi", "double(double,double)", libffi_double, .count = CALLS},
    {"call", "callgate-thread", "double(double,double)", gate_double, .count = CALLS},
    {"call", "callgate-task", "double(double,double)", task_double, .count = CALLS},
    {0},
};
