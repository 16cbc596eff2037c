/* A program with each of the library's probes: calls by value and by frame, a callback, and a call that gives its slot
 * up. probes.sh has gdb stop at them.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "callgate.h"

static gate_callback *callback;

static int add(int a, int b) {
    return a + b;
}

static int call_back(int a, int b) {
    errno = EEXIST;
    return ((int (*)(int, int))gate_callback_address(callback))(a, b);
}

__attribute__((noinline)) int interpreter_handler(void *host, void *result, void *const arguments[]);

int interpreter_handler(void *host, void *result, void *const arguments[]) {
    (void)host;
    *(int *)result = *(int *)arguments[0] * *(int *)arguments[1];
    return 0;
}

static const gate_signature *signature;

static __attribute__((noinline)) int call_by_value(int (*address)(int, int), const char *name,
                                                   enum gate_call_class class) {
    gate_function function = {signature, (void (*)(void))address, name, class, NULL};
    int a = 20, b = 3, result = 0;
    void *arguments[] = {&a, &b};
    if (gate_call(&function, &result, arguments))
        abort();
    return result;
}

static int call_by_frame(void) {
    gate_function function = {signature, (void (*)(void))add, "add_by_frame", GATE_CALL_DEFAULT, NULL};
    size_t size = (gate_frame_size(signature) + 15) / 16 * 16;
    gate_frame *frame = aligned_alloc(16, size);
    int a = 20, b = 3, result = 0;
    if (!frame || gate_frame_init(frame, &function))
        abort();
    gate_frame_put(signature, frame, 0, &a);
    gate_frame_put(signature, frame, 1, &b);
    if (gate_call_frame(frame))
        abort();
    gate_frame_get(signature, frame, &result);
    free(frame);
    return result;
}

static __attribute__((noinline)) void *interpreter_loop(void *unused) {
    int sum = call_by_frame();
    sum += call_by_value(add, "add", GATE_CALL_LEAF);
    sum += call_by_value(call_back, "call_back", GATE_CALL_BLOCKING);
    sum += call_by_frame();
    if (sum != 23 + 23 + 60 + 23)
        abort();
    return unused;
}

int main(void) {
    gate_runtime *runtime;
    gate_signature *parsed;
    gate_task *task;
    if (gate_runtime_start(NULL, &runtime, NULL) || gate_signature_parse("int (int, int)", &parsed, NULL))
        return 1;
    signature = parsed;
    struct gate_callback_config config = {.signature = signature, .handler = interpreter_handler, .name = "handler"};
    struct gate_task_config worker = {.main = interpreter_loop, .name = "worker"};
    if (gate_callback_make(runtime, &config, &callback, NULL) || gate_task_spawn(runtime, &worker, &task))
        return 1;
    gate_task_join(task, NULL);
    gate_callback_free(callback);
    gate_signature_free(parsed);
    return gate_runtime_stop(runtime, NULL) != 0;
}
