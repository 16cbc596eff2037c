/* Two tasks on one slot: while one sleeps in C for half a second, the other goes on. Neither says so.
 *
 *   $ 02_tasks
 *   the sleeper slept, and the counter counted meanwhile; its longest pause was 0.2 ms
 *
 * SPDX-License-Identifier: MIT */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "callgate.h"

static gate_function microsleep;
static atomic_bool slept;

static double now_ms(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static void *sleeper(void *unused) {
    unsigned microseconds = 500 * 1000;
    int result;
    gate_call(&microsleep, &result, (void *[]){&microseconds});
    atomic_store(&slept, true);
    return unused;
}

static void *counter(void *longest_pause) {
    double last = now_ms(), longest = 0;
    while (!atomic_load(&slept)) {
        gate_task_yield();
        double now = now_ms();
        longest = now - last > longest ? now - last : longest;
        last = now;
    }
    *(double *)longest_pause = longest;
    return NULL;
}

static gate_task *spawn(const char *name, gate_task_main body, void *argument) {
    gate_task *task;
    struct gate_task_config config = {.main = body, .argument = argument, .name = name};
    int error = gate_task_spawn(NULL, &config, &task);
    if (error) {
        fprintf(stderr, "%s: %s\n", name, strerror(-error));
        exit(1);
    }
    return task;
}

int main(void) {
    gate_runtime *runtime;
    gate_signature *signature;
    gate_error error;
    double longest = 0;
    if (gate_runtime_start(NULL, &runtime, &error) || gate_signature_parse("int (unsigned)", &signature, &error)) {
        fprintf(stderr, "%s\n", error.message);
        return 1;
    }
    microsleep = (gate_function){.signature = signature, .address = (void (*)(void))usleep, .name = "usleep"};
    gate_task *sleeping = spawn("sleeper", sleeper, NULL), *counting = spawn("counter", counter, &longest);
    gate_task_join(sleeping, NULL);
    gate_task_join(counting, NULL);
    printf("the sleeper slept, and the counter counted meanwhile; its longest pause was %.1f ms\n", longest);
    gate_signature_free(signature);
    return gate_runtime_stop(runtime, &error) == 0 && longest < 400 ? 0 : 1;
}
