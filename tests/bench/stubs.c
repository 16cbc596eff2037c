/* What a call costs by what cgen has written: a stub, and an inline caller.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "callgate.h"
#include "generated_stubs.h"
#include "tests/bench/bench.h"

enum { CALLS = 1000 * 1000 };

__attribute__((noinline)) int generated_add(int a, int b) {
    return a + b;
}

__attribute__((noinline)) int generated_leaf(int a, int b) {
    return a + b;
}

__attribute__((noinline)) double generated_scale(double a, double b) {
    return a * b;
}

#define keep(value) __asm__ volatile("" : : "m"(value))

static const gate_stub *add_stub;
static gate_function functions[3];
static gate_direct add_direct, leaf_direct, scale_direct;

static const gate_stub *find(const char *name) {
    const gate_stub *stub = gate_stubs_generated;
    while (strcmp(stub->name, name) != 0)
        stub++;
    return stub;
}

static void prepare(const char *name, gate_function *function, gate_direct *direct) {
    gate_decls *decls;
    if (gate_decls_make(&decls) || gate_function_of_stub(find(name), decls, function, NULL) ||
        gate_direct_init(direct, function))
        abort();
    gate_decls_free(decls);
}

static double by_stub(long count) {
    struct gate_args_generated_add f;
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        f.p0 = (int)i;
        f.p1 = 1;
        gate_call_stub(add_stub, &f);
        keep(f.result);
    }
    return bench_now() - before;
}

static double by_caller(long count) {
    int result = 0;
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        gate_caller_generated_add(&add_direct, &result, (int)i, 1);
        keep(result);
    }
    return bench_now() - before;
}

static double by_leaf_caller(long count) {
    int result = 0;
    double before = bench_now();
    for (long i = 0; i < count; i++) {
        gate_caller_generated_leaf(&leaf_direct, &result, (int)i, 1);
        keep(result);
    }
    return bench_now() - before;
}

static double by_double_caller(long count) {
    double result = 0, before = bench_now();
    for (long i = 0; i < count; i++) {
        gate_caller_generated_scale(&scale_direct, &result, (double)i, 2);
        keep(result);
    }
    return bench_now() - before;
}

static double task_stub(long count) {
    return bench_in_task(by_stub, count);
}

static double task_caller(long count) {
    return bench_in_task(by_caller, count);
}

static double task_leaf_caller(long count) {
    return bench_in_task(by_leaf_caller, count);
}

static double task_double_caller(long count) {
    return bench_in_task(by_double_caller, count);
}

void bench_stubs_prepare(void) {
    add_stub = find("generated_add");
    prepare("generated_add", &functions[0], &add_direct);
    prepare("generated_leaf", &functions[1], &leaf_direct);
    prepare("generated_scale", &functions[2], &scale_direct);
}

const struct bench_row bench_stubs[] = {
    {"call", "stub-task", "int(int,int)", task_stub, .count = CALLS},
    {"call", "caller-thread", "int(int,int)", by_caller, .count = CALLS},
    {"call", "caller-task", "int(int,int)", task_caller, .count = CALLS},
    {"call", "caller-task, leaf", "int(int,int)", task_leaf_caller, .count = CALLS},
    {"call", "caller-task", "double(double,double)", task_double_caller, .count = CALLS},
    {0},
};
