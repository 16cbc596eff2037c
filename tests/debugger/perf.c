/* A program to be sampled: an interpreter's task calls C, which calls back, and the handler calls C, which computes.
 *
 * perf.sh requires its frames, which are found by frame pointers alone. The names of the functions are the test.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <time.h>

#include "callgate.h"

static gate_function outer, inner;

int compute_in_c(int x);
int c_calls_back(int (*callback)(int), int x);
int interpreter_handler(void *host, void *result, void *const arguments[]);
void *interpreter_loop(void *callback);

/* For a fifth of a second on the processor. */
__attribute__((noinline)) int compute_in_c(int x) {
    volatile unsigned work = 0;
    clock_t end = clock() + CLOCKS_PER_SEC / 5;
    while (clock() < end) {
        for (int i = 0; i < 1000 * 1000; i++)
            work += (unsigned)i;
    }
    return x + 1;
}

__attribute__((noinline)) int c_calls_back(int (*callback)(int), int x) {
    return callback(x) + 1;
}

__attribute__((noinline)) int interpreter_handler(void *host, void *result, void *const arguments[]) {
    (void)host;
    return gate_call(&inner, result, arguments) != 0;
}

__attribute__((noinline)) void *interpreter_loop(void *callback) {
    void (*address)(void) = gate_callback_address(callback);
    int x = 40, result = 0;
    void *arguments[] = {&address, &x};
    if (gate_call(&outer, &result, arguments))
        abort();
    return (void *)(intptr_t)result;
}

static gate_function make_function(const char *text, void (*address)(void), const char *name) {
    gate_signature *signature;
    if (gate_signature_parse(text, &signature, NULL))
        abort();
    return (gate_function){.signature = signature, .address = address, .name = name};
}

int main(void) {
    gate_runtime *runtime;
    gate_callback *callback;
    gate_task *task;
    void *result;
    inner = make_function("int (int)", (void (*)(void))compute_in_c, "compute_in_c");
    outer = make_function("int (int (*)(int), int)", (void (*)(void))c_calls_back, "c_calls_back");
    struct gate_callback_config config = {.signature = inner.signature, .handler = interpreter_handler};
    if (gate_runtime_start(NULL, &runtime, NULL) || gate_callback_make(runtime, &config, &callback, NULL))
        return 1;
    struct gate_task_config task_config = {.main = interpreter_loop, .argument = callback, .name = "sampled"};
    if (gate_task_spawn(runtime, &task_config, &task) || gate_task_join(task, &result))
        return 1;
    return gate_callback_free(callback) || gate_runtime_stop(runtime, NULL) || (intptr_t)result != 42;
}
