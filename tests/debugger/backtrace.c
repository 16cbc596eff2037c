/* A program to stop in: an interpreter's task that calls C, which calls back, which calls C, which calls back, which
 * calls C. The first call goes one step after another, the others in registers: one by a crossing, one by value. Before
 * them are one by frame, one in line, and one by a list; behind them is one that leads to a direct handler.
 *
 * run.sh has gdb print the backtrace in stop_here. The names of the functions are the test.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callgate.h"

static gate_runtime *runtime;
static gate_function first, many, outer, middle, inner;

__attribute__((noinline)) int stop_here(int x);
__attribute__((noinline)) int c_function(int (*callback)(int), int x);
__attribute__((noinline)) long double c_again(int (*callback)(int), double x);
__attribute__((noinline)) int interpreter_handler(void *host, void *result, void *const arguments[]);
__attribute__((noinline)) void *interpreter_loop(void *callback);
__attribute__((noinline)) int call_twice(int (*callback)(int));
__attribute__((noinline)) int direct_handler(int x);

/* Each keeps its frame: what it does after the call is not a tail call. */

static double add_many(int a, double b, long c, long d, long e, long f, long g, long h) {
    return a + b + (double)(c + d + e + f + g + h);
}

int stop_here(int x) {
    printf("stopped with %d\n", x);
    return x + 1;
}

int c_function(int (*callback)(int), int x) {
    return callback(x) + 1;
}

long double c_again(int (*callback)(int), double x) {
    return callback((int)x) + 0.5L;
}

int interpreter_handler(void *host, void *result, void *const arguments[]) {
    int x = *(int *)arguments[0];
    void (*address)(void) = gate_callback_address(*(gate_callback **)host);
    double next = x + 1;
    long double sum = 0;
    void *others[] = {&address, &next};
    if (x != 40)
        return gate_call(&inner, result, arguments) != 0;
    int failed = gate_call(&middle, &sum, others);
    x = (int)sum;
    memcpy(result, &x, sizeof x);
    return failed;
}

/* C that calls a direct handler. */

static gate_function twice;

int call_twice(int (*callback)(int)) {
    return callback(1) + callback(2);
}

int direct_handler(int x) {
    __asm__ volatile("" : : : "memory");
    return x;
}

static __attribute__((noinline)) void call_back_directly(void) {
    gate_callback *callback;
    struct gate_callback_config config = {.signature = inner.signature, .direct = (gate_direct_handler)direct_handler};
    int sum = 0;
    if (gate_callback_make(runtime, &config, &callback, NULL))
        abort();
    void (*address)(void) = gate_callback_address(callback);
    void *arguments[] = {&address};
    if (gate_call(&twice, &sum, arguments) || sum != 3 || gate_callback_free(callback))
        abort();
}

static int subtract(int a, int b) {
    return a - b;
}

static int call_by_frame(int a, int b) {
    gate_frame *frame = aligned_alloc(64, (gate_frame_size(first.signature) + 63) / 64 * 64);
    int result = 0;
    if (!frame || gate_frame_init(frame, &first))
        abort();
    gate_frame_put(first.signature, frame, 0, &a);
    gate_frame_put(first.signature, frame, 1, &b);
    if (gate_call_frame(frame))
        abort();
    gate_frame_get(first.signature, frame, &result);
    free(frame);
    return result;
}

static __attribute__((noinline)) int call_in_line(int a, int b) {
    gate_direct direct;
    if (gate_direct_init(&direct, &first))
        abort();
    GATE_INLINE_WORD(0, int, a);
    GATE_INLINE_WORD(1, int, b);
    GATE_INLINE_CALL(DEFAULT, &direct, 2, 0, int, double);
    return gate_direct_status(&direct) ? 0 : gate_word;
}

/* With arguments of three sorts, one of them on the stack. */
static void call_by_list(void) {
    int a = 1;
    double b = 2, sum = 0;
    long c = 3;
    void *arguments[] = {&a, &b, &c, &c, &c, &c, &c, &c};
    if (gate_call(&many, &sum, arguments) || sum != 21)
        abort();
}

void *interpreter_loop(void *callback) {
    void (*address)(void) = gate_callback_address(callback);
    int x = call_by_frame(43, 3), result = 0;
    if (call_in_line(43, 3) != x)
        abort();
    call_by_list();
    void *arguments[] = {&address, &x};
    if (gate_call(&outer, &result, arguments))
        abort();
    call_back_directly();
    return (void *)(intptr_t)result;
}

static gate_function make_function(const char *text, void (*address)(void), const char *name) {
    gate_error error;
    gate_signature *signature;
    if (gate_signature_parse(text, &signature, &error)) {
        fprintf(stderr, "%s\n", error.message);
        exit(1);
    }
    return (gate_function){.signature = signature, .address = address, .name = name};
}

int main(void) {
    gate_callback *callback;
    gate_task *task;
    void *result;
    if (gate_runtime_start(NULL, &runtime, NULL))
        return 1;
    first = make_function("int (int, int)", (void (*)(void))subtract, "subtract");
    many =
        make_function("double (int, double, long, long, long, long, long, long)", (void (*)(void))add_many, "add_many");
    inner = make_function("int (int)", (void (*)(void))stop_here, "stop_here");
    middle = make_function("long double (int (*)(int), double)", (void (*)(void))c_again, "c_again");
    outer = make_function("int (int (*)(int), int)", (void (*)(void))c_function, "c_function");
    twice = make_function("int (int (*)(int))", (void (*)(void))call_twice, "call_twice");
    outer.call_class = GATE_CALL_BLOCKING; /* the way of calls that need more than a crossing in registers */
    if (gate_callback_make(runtime,
                           &(struct gate_callback_config){
                               .signature = inner.signature, .handler = interpreter_handler, .host = &callback},
                           &callback, NULL))
        return 1;
    struct gate_task_config config = {.main = interpreter_loop, .argument = callback, .name = "traced"};
    if (gate_task_spawn(runtime, &config, &task) || gate_task_join(task, &result))
        return 1;
    printf("result %d\n", (int)(intptr_t)result);
    return gate_callback_free(callback) || gate_runtime_stop(runtime, NULL) || (intptr_t)result != 43;
}
