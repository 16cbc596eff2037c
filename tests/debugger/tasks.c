/* A program to stop in: tasks in each state.
 *
 * tasks.sh has gdb list them in stop_here, and print backtraces. What it prints is the test, and that the
 * program goes on from there.
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "callgate.h"

static gate_function read_function, ask_function;
static gate_callback *answer_callback;
static int bytes[2]; /* a pipe */
static int in_place;
static bool done;

__attribute__((noinline)) int stop_here(int x);
__attribute__((noinline)) int stop_in_second(int x);
__attribute__((noinline)) int read_byte(int fd);
__attribute__((noinline)) int ask(int (*callback)(int), int x);
__attribute__((noinline)) int answer(void *host, void *result, void *const arguments[]);
__attribute__((noinline)) int wait_for_letter(int x);

static void require(bool condition, const char *what) {
    if (condition)
        return;
    fprintf(stderr, "failed: %s\n", what);
    exit(1);
}

/* Each keeps its frame: what it does after the call is not a tail call. */

int stop_here(int x) {
    printf("stopped with %d\n", x);
    return x + 1;
}

int stop_in_second(int x) {
    printf("stopped again with %d\n", x);
    return x + 1;
}

/* C that blocks */
int read_byte(int fd) {
    char byte = 0;
    return read(fd, &byte, 1) == 1 ? byte : -1;
}

static void *reading(void *unused) {
    int result = 0;
    void *arguments[] = {&bytes[0]};
    (void)unused;
    in_place++;
    require(gate_call(&read_function, &result, arguments) == 0, "the call of read_byte");
    return (void *)(intptr_t)result;
}

int wait_for_letter(int x) {
    gate_task_park("a letter");
    return x * 2;
}

static void *corresponding(void *argument) {
    int letters = (int)(intptr_t)argument;
    in_place++;
    return (void *)(intptr_t)(wait_for_letter(letters) + letters);
}

static void *joining(void *task) {
    void *result;
    in_place++;
    require(gate_task_join(task, &result) == 0, "a join");
    return result;
}

/* C that calls back */
int ask(int (*callback)(int), int x) {
    return callback(x) + 1;
}

int answer(void *host, void *result, void *const arguments[]) {
    (void)host;
    in_place++;
    gate_task_park("an answer");
    *(int *)result = *(int *)arguments[0] + 1;
    return 0;
}

static void *asking(void *unused) {
    void (*address)(void) = gate_callback_address(answer_callback);
    int x = 40, result = 0;
    void *arguments[] = {&address, &x};
    (void)unused;
    require(gate_call(&ask_function, &result, arguments) == 0, "the call of ask");
    return (void *)(intptr_t)result;
}

static void *ending(void *argument) {
    in_place++;
    return argument;
}

static void *yielding(void *argument) {
    in_place++;
    while (!done)
        gate_task_yield();
    return argument;
}

/* A thread that the runtime knows, and that is not in it. */
static void *visit(void *semaphore) {
    gate_m_release(gate_m_acquire());
    sem_post(&((sem_t *)semaphore)[0]);
    sem_wait(&((sem_t *)semaphore)[1]);
    return NULL;
}

static gate_function make_function(const char *text, void (*address)(void), const char *name) {
    gate_signature *signature;
    require(gate_signature_parse(text, &signature, NULL) == 0, text);
    return (gate_function){.signature = signature, .address = address, .name = name};
}

static gate_task *spawn(const char *name, gate_task_main start, void *argument) {
    struct gate_task_config config = {.main = start, .argument = argument, .name = name};
    gate_task *task;
    require(gate_task_spawn(NULL, &config, &task) == 0, name);
    return task;
}

static void join(gate_task *task, int expected) {
    void *result;
    require(gate_task_join(task, &result) == 0 && (intptr_t)result == expected, gate_task_name(task));
}

/* A runtime of its own, beside the other. */
static void *run_second(void *unused) {
    gate_runtime *runtime;
    require(gate_runtime_start(NULL, &runtime, NULL) == 0, "the second runtime");
    in_place = 0;
    gate_task *lonely = spawn("lonely", corresponding, (void *)1);
    while (in_place < 1)
        gate_task_yield();
    stop_in_second(2);
    gate_task_ready(lonely);
    join(lonely, 3);
    require(gate_runtime_stop(runtime, NULL) == 0, "the second runtime's stop");
    return unused;
}

static gate_task *reader, *correspondent, *joiner, *asker, *ended, *yielder, *fresh;

static void spawn_tasks(void) {
    reader = spawn("reader", reading, NULL);
    correspondent = spawn("correspondent", corresponding, (void *)14);
    joiner = spawn("joiner", joining, correspondent);
    asker = spawn("asker", asking, NULL);
    ended = spawn("ended", ending, (void *)7);
    yielder = spawn("yielder", yielding, (void *)8);
    while (in_place < 6)
        gate_task_yield();
    fresh = spawn("fresh", ending, (void *)9);
}

static void join_tasks(void) {
    done = true;
    require(write(bytes[1], "!", 1) == 1, "the pipe");
    gate_task_ready(correspondent);
    gate_task_ready(asker);
    join(reader, '!');
    join(joiner, 42);
    join(asker, 42);
    join(ended, 7);
    join(yielder, 8);
    join(fresh, 9);
}

int main(void) {
    gate_runtime *runtime;
    pthread_t visitor, second;
    sem_t semaphores[2];
    require(pipe(bytes) == 0, "a pipe");
    require(gate_runtime_start(NULL, &runtime, NULL) == 0, "the runtime");
    read_function = make_function("int (int)", (void (*)(void))read_byte, "read_byte");
    ask_function = make_function("int (int (*)(int), int)", (void (*)(void))ask, "ask");
    require(gate_callback_make(runtime, read_function.signature, answer, NULL, &answer_callback, NULL) == 0,
            "a callback");
    sem_init(&semaphores[0], 0, 0);
    sem_init(&semaphores[1], 0, 0);
    pthread_create(&visitor, NULL, visit, semaphores);
    sem_wait(&semaphores[0]);
    spawn_tasks();
    stop_here(1);
    join_tasks();
    pthread_create(&second, NULL, run_second, NULL);
    pthread_join(second, NULL);
    sem_post(&semaphores[1]);
    pthread_join(visitor, NULL);
    require(gate_callback_free(answer_callback) == 0, "the callback's end");
    return gate_runtime_stop(runtime, NULL) != 0;
}
