/* A runtime in which nothing happens: tasks are parked, one of them pinned, one is in a call, a thread of C's own that has
 * called back often keeps its slot, and the program waits. It says when that begins and ends, for whoever counts its
 * system calls: idle.sh.
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "callgate.h"

static gate_signature *signature;

static void say(const char *text) {
    if (write(STDOUT_FILENO, text, strlen(text)) < 0)
        abort();
}

static void *park(void *unused) {
    gate_task_park("the end");
    return unused;
}

static void *park_pinned(void *unused) {
    gate_m_acquire();
    return park(unused);
}

static int handle(void *unused, void *result, void *const arguments[]) {
    (void)unused, (void)arguments;
    *(int *)result = 0;
    return 0;
}

static void *call_back_often(void *callback) {
    int (*function)(void) = (int (*)(void))gate_callback_address(callback);
    for (int i = 0; i < 1000; i++)
        function();
    pause();
    return NULL;
}

static int wait_5_s(void) {
    sleep(5);
    return 0;
}

static void *block(void *unused) {
    gate_function function = {.signature = signature, .address = (void (*)(void))wait_5_s};
    gate_call(&function, NULL, NULL);
    return unused;
}

int main(void) {
    gate_runtime *runtime;
    struct gate_runtime_config config = {.slots = 3};
    struct gate_task_config parks = {.main = park}, pinned = {.main = park_pinned}, blocks = {.main = block};
    gate_callback *callback;
    pthread_t thread;
    if (gate_runtime_start(&config, &runtime, NULL) || gate_signature_parse("int (void)", &signature, NULL))
        return 1;
    for (int i = 0; i < 100; i++) {
        if (gate_task_spawn(NULL, &parks, NULL))
            return 1;
    }
    struct gate_callback_config handler = {.signature = signature, .handler = handle};
    if (gate_task_spawn(NULL, &pinned, NULL) || gate_task_spawn(NULL, &blocks, NULL) ||
        gate_callback_make(runtime, &handler, &callback, NULL) ||
        pthread_create(&thread, NULL, call_back_often, callback))
        return 1;
    gate_task_sleep(1000ull * 1000 * 1000);
    usleep(200 * 1000); /* until the monitor has seen that nothing happens any more */
    say("idle begins\n");
    sleep(2); /* this thread's, with its slot */
    say("idle ends\n");
    _exit(0);
}
