/* A runtime in which nothing happens: tasks are parked, one is in a call, and the program waits. It says when that
 * begins and ends, for whoever counts its system calls: idle.sh.
 *
 * SPDX-License-Identifier: MIT */
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
    struct gate_runtime_config config = {.slots = 2};
    struct gate_task_config parks = {.main = park}, blocks = {.main = block};
    if (gate_runtime_start(&config, &runtime, NULL) || gate_signature_parse("int (void)", &signature, NULL))
        return 1;
    for (int i = 0; i < 100; i++) {
        if (gate_task_spawn(NULL, &parks, NULL))
            return 1;
    }
    if (gate_task_spawn(NULL, &blocks, NULL))
        return 1;
    gate_task_sleep(1000ull * 1000 * 1000);
    usleep(200 * 1000); /* until the monitor has seen that nothing happens any more */
    say("idle begins\n");
    sleep(2); /* this thread's, with its slot */
    say("idle ends\n");
    _exit(0);
}
