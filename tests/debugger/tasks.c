/* A program to stop in: tasks in each state.
 *
 * tasks.sh has gdb list them in stop_here, and print backtraces. What it prints is the test, and that the
 * program goes on from there.
 *
 * SPDX-License-Identifier: MIT */
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "callgate.h"
#include "runtime/internal.h"

static gate_function read_function, ask_function, ask_late_function;
static gate_callback *answer_callback, *main_callback;
static int bytes[2], late_bytes[2]; /* pipes */
static int in_place;
static _Atomic int reads;
static bool done;

__attribute__((noinline)) int stop_here(int x);
__attribute__((noinline)) int stop_on_main(int x);
__attribute__((noinline)) int stop_in_second(int x);
__attribute__((noinline)) int read_byte(int fd);
__attribute__((noinline)) int ask(int (*callback)(int), int x);
__attribute__((noinline)) int ask_late(int (*callback)(int), int fd);
__attribute__((noinline)) int answer(void *host, void *result, void *const arguments[]);
__attribute__((noinline)) int answer_on_main(void *host, void *result, void *const arguments[]);
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
    reads++;
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

/* C that blocks, and then calls back */
int ask_late(int (*callback)(int), int fd) {
    return callback(read_byte(fd)) + 1;
}

int answer(void *host, void *result, void *const arguments[]) {
    (void)host;
    in_place++;
    gate_task_park("an answer");
    *(int *)result = *(int *)arguments[0] + 1;
    return 0;
}

static void *ask_with(const gate_function *function, gate_callback *callback, int x) {
    void (*address)(void) = gate_callback_address(callback);
    int result = 0;
    void *arguments[] = {&address, &x};
    require(gate_call(function, &result, arguments) == 0, function->name);
    return (void *)(intptr_t)result;
}

static void *asking(void *unused) {
    (void)unused;
    return ask_with(&ask_function, answer_callback, 40);
}

static void *asking_late(void *unused) {
    (void)unused;
    in_place++;
    return ask_with(&ask_late_function, answer_callback, late_bytes[0]);
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

int stop_on_main(int x) {
    printf("stopped on the main thread with %d\n", x);
    return x + 1;
}

int answer_on_main(void *host, void *result, void *const arguments[]) {
    (void)host;
    *(int *)result = stop_on_main(*(int *)arguments[0]);
    return 0;
}

/* On the main thread, whose own task waits meanwhile. */
static void *asking_on_main(void *unused) {
    (void)unused;
    gate_task_enter_main();
    void *result = ask_with(&ask_function, main_callback, 3);
    gate_task_leave_main();
    return result;
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

static gate_callback *make_callback(gate_runtime *runtime, gate_handler handler) {
    gate_callback *callback;
    require(gate_callback_make(runtime,
                               &(struct gate_callback_config){.signature = read_function.signature, .handler = handler},
                               &callback, NULL) == 0,
            "a callback");
    return callback;
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

static gate_task *reader, *correspondent, *joiner, *asker, *ended, *yielder, *late, *fresh;

static void spawn_tasks(void) {
    reader = spawn("reader", reading, NULL);
    correspondent = spawn("correspondent", corresponding, (void *)14);
    joiner = spawn("joiner", joining, correspondent);
    asker = spawn("asker", asking, NULL);
    ended = spawn("ended", ending, (void *)7);
    yielder = spawn("yielder", yielding, (void *)8);
    late = spawn("late", asking_late, NULL);
    while (in_place < 7)
        gate_task_yield();
    gate_task_yield(); /* to the yielder, which yields back: by way of the scheduler, since it is on another thread */
    while (reads < 2)
        sched_yield();
    require(write(late_bytes[1], "(", 1) == 1, "a pipe");
    while (atomic_load(&late->on)) /* until it waits for the slot that this task has */
        sched_yield();
    fresh = spawn("fresh", ending, (void *)9);
}

static void join_tasks(void) {
    done = true;
    require(write(bytes[1], "!", 1) == 1, "a pipe");
    gate_task_ready(correspondent);
    gate_task_ready(asker);
    gate_task_ready(late);
    join(reader, '!');
    join(joiner, 42);
    join(asker, 42);
    join(ended, 7);
    join(yielder, 8);
    join(late, '(' + 2);
    join(fresh, 9);
}

int main(void) {
    gate_runtime *runtime;
    pthread_t visitor, second;
    sem_t semaphores[2];
    require(pipe(bytes) == 0 && pipe(late_bytes) == 0, "pipes");
    require(gate_runtime_start(NULL, &runtime, NULL) == 0, "the runtime");
    read_function = make_function("int (int)", (void (*)(void))read_byte, "read_byte");
    ask_function = make_function("int (int (*)(int), int)", (void (*)(void))ask, "ask");
    ask_late_function = make_function("int (int (*)(int), int)", (void (*)(void))ask_late, "ask_late");
    answer_callback = make_callback(runtime, answer);
    main_callback = make_callback(runtime, answer_on_main);
    sem_init(&semaphores[0], 0, 0);
    sem_init(&semaphores[1], 0, 0);
    pthread_create(&visitor, NULL, visit, semaphores);
    sem_wait(&semaphores[0]);
    spawn_tasks();
    stop_here(1);
    join_tasks();
    join(spawn("guest", asking_on_main, NULL), 5);
    pthread_create(&second, NULL, run_second, NULL);
    pthread_join(second, NULL);
    sem_post(&semaphores[1]);
    pthread_join(visitor, NULL);
    require(gate_callback_free(answer_callback) == 0 && gate_callback_free(main_callback) == 0, "the callbacks' end");
    return gate_runtime_stop(runtime, NULL) != 0;
}
