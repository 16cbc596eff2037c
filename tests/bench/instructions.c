/* One way to call a function that adds two integers, so many times: instructions.sh counts what that executes.
 *
 *   instructions WAY COUNT
 *
 * SPDX-License-Identifier: MIT */
#include <ffi.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callgate.h"

static __attribute__((noinline)) int add(int a, int b) {
    return a + b;
}

static int (*volatile add_pointer)(int, int) = add;

/* Stores what was computed, as its user might. */
#define keep(value) __asm__ volatile("" : : "m"(value))

static gate_function function, calls_back;
static gate_runtime *runtime;

static gate_function make_function(const char *text, void (*address)(void)) {
    gate_signature *signature;
    if (gate_signature_parse(text, &signature, NULL))
        abort();
    return (gate_function){.signature = signature, .address = address, .name = "counted"};
}

static void direct(long count) {
    for (long i = 0; i < count; i++) {
        int result = add_pointer((int)i, 1);
        keep(result);
    }
}

static void libffi(long count) {
    static ffi_type *types[] = {&ffi_type_sint, &ffi_type_sint};
    int a, b = 1;
    void *arguments[] = {&a, &b};
    ffi_cif cif;
    ffi_arg result;
    if (ffi_prep_cif(&cif, FFI_DEFAULT_ABI, 2, &ffi_type_sint, types))
        abort();
    for (long i = 0; i < count; i++) {
        a = (int)i;
        ffi_call(&cif, (void (*)(void))add, &result, arguments);
        keep(result);
    }
}

static void values(long count) {
    int a, b = 1, result;
    void *arguments[] = {&a, &b};
    for (long i = 0; i < count; i++) {
        a = (int)i;
        gate_call(&function, &result, arguments);
        keep(result);
    }
}

static void frame(long count) {
    struct gate_place places[3][2];
    gate_frame *frame = aligned_alloc(64, (gate_frame_size(function.signature) + 63) / 64 * 64);
    if (!frame || gate_frame_init(frame, &function))
        abort();
    for (size_t i = 0; i < 2; i++)
        gate_frame_places(function.signature, i, places[i]);
    gate_frame_places(function.signature, GATE_RESULT, places[2]);
    int64_t *a = (int64_t *)((char *)frame + places[0][0].at), *b = (int64_t *)((char *)frame + places[1][0].at);
    const int *result = (const int *)((char *)frame + places[2][0].at);
    for (long i = 0; i < count; i++) {
        *a = i;
        *b = 1;
        gate_call_frame(frame);
        keep(*result);
    }
    free(frame);
}

static void registers(long count) {
    gate_direct direct;
    if (gate_direct_init(&direct, &function))
        abort();
    for (long i = 0; i < count; i++) {
        int result = GATE_CALL_DIRECT(&direct, int (*)(int, int), (int)i, 1);
        if (gate_direct_status(&direct))
            abort();
        keep(result);
    }
}

static void in_line(long count) {
    gate_direct direct;
    if (gate_direct_init(&direct, &function))
        abort();
    for (long i = 0; i < count; i++) {
        GATE_INLINE_WORD(0, int, (int)i);
        GATE_INLINE_WORD(1, int, 1);
        GATE_INLINE_CALL(DEFAULT, &direct, 2, 0, int, double);
        if (gate_direct_status(&direct))
            abort();
        int result = gate_word;
        keep(result);
    }
}

/* C that calls back, so many times. */

static __attribute__((noinline)) void call_back(int (*callback)(int, int), long count) {
    for (long i = 0; i < count; i++) {
        int result = callback((int)i, 1);
        keep(result);
    }
}

static void back_direct(long count) {
    call_back(add_pointer, count);
}

static int handle(void *host, void *result, void *const arguments[]) {
    (void)host;
    *(int *)result = *(int *)arguments[0] + *(int *)arguments[1];
    return 0;
}

static void back_by(struct gate_callback_config config, long count) {
    gate_callback *callback;
    config.signature = function.signature;
    if (gate_callback_make(runtime, &config, &callback, NULL))
        abort();
    void (*address)(void) = gate_callback_address(callback);
    void *arguments[] = {&address, &count};
    if (gate_call(&calls_back, NULL, arguments) || gate_callback_free(callback))
        abort();
}

static void back(long count) {
    back_by((struct gate_callback_config){.handler = handle}, count);
}

static void back_to_direct(long count) {
    back_by((struct gate_callback_config){.direct = (gate_direct_handler)add}, count);
}

static const struct way {
    const char *name;
    void (*run)(long count);
    bool in_task;
} ways[] = {
    {"direct", direct, false},
    {"libffi", libffi, false},
    {"frame-thread", frame, false},
    {"frame-task", frame, true},
    {"registers-thread", registers, false},
    {"registers-task", registers, true},
    {"in-line-task", in_line, true},
    {"callgate-thread", values, false},
    {"callgate-task", values, true},
    {"back-direct", back_direct, false},
    {"back-task", back, true},
    {"back-task-direct", back_to_direct, true},
};

struct work {
    const struct way *way;
    long count;
};

static void *run(void *data) {
    const struct work *work = data;
    work->way->run(work->count);
    return NULL;
}

static void run_in_task(struct work *work) {
    struct gate_runtime_config slots = {.slots = 1};
    struct gate_task_config config = {.main = run, .argument = work, .name = "counted"};
    gate_task *task;
    if (gate_runtime_start(&slots, &runtime, NULL) || gate_task_spawn(runtime, &config, &task) ||
        gate_task_join(task, NULL) || gate_runtime_stop(runtime, NULL))
        abort();
}

int main(int argc, char **argv) {
    function = make_function("int (int, int)", (void (*)(void))add);
    calls_back = make_function("void (int (*)(int, int), long)", (void (*)(void))call_back);
    for (size_t i = 0; argc == 3 && i < sizeof ways / sizeof *ways; i++) {
        struct work work = {&ways[i], atol(argv[2])};
        if (strcmp(argv[1], ways[i].name) != 0)
            continue;
        if (ways[i].in_task)
            run_in_task(&work);
        else
            run(&work);
        return 0;
    }
    fprintf(stderr, "usage: %s WAY COUNT\n", argv[0]);
    return 2;
}
