/* What the hosts here begin with. Each is a program of its own, built with a sanitizer; the library is not,
 * but for MemorySanitizer's.
 *
 * A host that comes to its end prints "done". What a sanitizer reports on the way makes it exit with a failure.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_SANITIZERS_HOST_H
#define CALLGATE_TESTS_SANITIZERS_HOST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "callgate.h"

enum { LENGTH = 64 * 1024 };

/* Stops at the first thing that the host itself can't do: that is no report. */
static inline void need(int failed, const char *what) {
    if (failed) {
        fprintf(stderr, "host: %s: %d\n", what, failed);
        _exit(99);
    }
}

static inline char *map(void *address, int more_flags) {
    void *at = NULL;
    need(gate_mmap(address, LENGTH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | more_flags, -1, 0, &at),
         "gate_mmap");
    return at;
}

static inline gate_runtime *start_with(uint32_t slots, size_t stack_size) {
    gate_runtime *runtime = NULL;
    struct gate_runtime_config config = {.slots = slots, .task_stack_size = stack_size};
    need(gate_runtime_start(&config, &runtime, NULL), "gate_runtime_start");
    return runtime;
}

static inline gate_runtime *start(uint32_t slots) {
    return start_with(slots, 256 * 1024);
}

static inline gate_task *spawn(const char *name, gate_task_main body, void *argument) {
    gate_task *task = NULL;
    struct gate_task_config config = {.main = body, .argument = argument, .name = name};
    need(gate_task_spawn(NULL, &config, &task), "gate_task_spawn");
    return task;
}

static inline void join(gate_task *task) {
    need(gate_task_join(task, NULL), "gate_task_join");
}

static inline void stop(gate_runtime *runtime) {
    need(gate_runtime_stop(runtime, NULL), "gate_runtime_stop");
}

/* Calls a C function of one argument, which is passed by value, through the bridge. */
static inline void call_with(const char *text, void (*address)(void), void *argument) {
    gate_signature *signature = NULL;
    need(gate_signature_parse(text, &signature, NULL), text);
    gate_function function = {.signature = signature, .address = address, .name = "a C function"};
    need(gate_call(&function, NULL, (void *[]){argument}), "gate_call");
    gate_signature_free(signature);
}

static inline int done(void) {
    puts("done");
    return 0;
}

#endif
