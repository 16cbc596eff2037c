/* What tests of tasks begin and end with: a runtime, tasks with a name, and waiting for a fact.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_RUNTIME_H
#define CALLGATE_TESTS_RUNTIME_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "callgate.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"
#include "tests/support/memory.h"
#include "tests/support/test.h"

/* A host's allocator, of memory that there may be none of. */

static _Atomic bool has_memory = true;

static inline void *allocate_if_there_is(void *unused, size_t size) {
    (void)unused;
    return atomic_load(&has_memory) ? malloc(size) : NULL;
}

static inline void release_memory(void *unused, void *memory, size_t size) {
    (void)unused, (void)size;
    free(memory);
}

static inline gate_runtime *start_with(struct gate_runtime_config config) {
    gate_runtime *runtime = NULL;
    gate_error error = {0, ""};
    config.task_stack_size = 256 * 1024;
    cr_assert_eq(gate_runtime_start(&config, &runtime, &error), 0, "%s", error.message);
    return runtime;
}

static inline gate_runtime *start(uint32_t slots) {
    return start_with((struct gate_runtime_config){.slots = slots});
}

static inline void stop(gate_runtime *runtime) {
    gate_error error = {0, ""};
    cr_assert_eq(gate_runtime_stop(runtime, &error), 0, "%s", error.message);
}

static inline gate_task *spawn(const char *name, gate_task_main body, void *argument) {
    gate_task *task = NULL;
    struct gate_task_config config = {.main = body, .argument = argument, .name = name};
    cr_assert_eq(gate_task_spawn(NULL, &config, &task), 0);
    return task;
}

static inline void *join(gate_task *task) {
    void *result = NULL;
    cr_assert_eq(gate_task_join(task, &result), 0);
    return result;
}

/* Runs body as the only task of a runtime with one slot, and returns its result. */
static inline void *run_task(gate_task_main body, void *argument) {
    gate_runtime *runtime = start(1);
    void *result = join(spawn("only", body, argument));
    stop(runtime);
    return result;
}

/* Runs body in the root task of a runtime with one slot. */
static inline void run_root(gate_task_main body) {
    gate_runtime *runtime = start(1);
    body(NULL);
    stop(runtime);
}

/* On this thread without a runtime, from a root task, and from one with a stack of its own. */
static inline void run_each_way(gate_task_main body) {
    body(NULL);
    run_root(body);
    run_task(body, NULL);
}

/* Runs body as so many tasks at once, of a runtime with two slots. */
static inline void run_tasks(gate_task_main body, size_t count) {
    gate_task *tasks[8];
    gate_runtime *runtime = start(2);
    cr_assert_leq(count, sizeof tasks / sizeof *tasks);
    for (size_t i = 0; i < count; i++)
        tasks[i] = spawn("one of some", body, NULL);
    for (size_t i = 0; i < count; i++)
        join(tasks[i]);
    stop(runtime);
}

static inline void sleep_ms(void *milliseconds) {
    usleep((useconds_t)(uintptr_t)milliseconds * 1000);
}

/* A foreign call that lasts: the slot is free for others meanwhile. */
static inline void block_ms(unsigned milliseconds) {
    gate__foreign_call(sleep_ms, (void *)(uintptr_t)milliseconds);
}

/* For a foreign call, or C. */
static inline void join_thread(void *thread) {
    pthread_join(*(pthread_t *)thread, NULL);
}

/* Evaluates condition until it holds, for at most ten seconds. */
#define wait_until(condition)                                           \
    do {                                                                \
        uint64_t give_up = gate__os_now() + 10ull * 1000 * 1000 * 1000; \
        while (!(condition) && gate__os_now() < give_up)                \
            usleep(200);                                                \
        cr_assert((condition), "not within ten seconds: " #condition);  \
    } while (0)

/* Lets other tasks run until task is in state. */
static inline void wait_for_state(gate_task *task, uint32_t state) {
    wait_until((block_ms(1), (atomic_load(&task->state) & GATE__STATES) == state));
}

/* Claims the slots of calls at a rate that no monitor reaches, so that claims and leaves meet: until there were so many,
 * for 30 s at most. */
static inline void claim_slots(gate_runtime *runtime, unsigned least) {
    uint64_t give_up = gate__os_now() + 30ull * 1000 * 1000 * 1000;
    unsigned claims = 0;
    for (uint32_t i = 0; claims < least && gate__os_now() < give_up; i = (i + 1) % runtime->slot_count) {
        struct gate__slot *slot = &runtime->slots[i], *claimed = NULL;
        gate__lock(&runtime->lock);
        if (slot->holder && slot->holder != gate__m() && gate__m_says_in_call(slot->holder->call))
            claimed = gate__foreign_claim(slot->holder);
        gate__unlock(&runtime->lock);
        claims += claimed != NULL;
        if (claimed)
            gate__sched_hand_on(claimed);
    }
    cr_assert_geq(claims, least, "%u claims", claims);
}

/* Runs body as four tasks that call C until *over, their argument, while slots are claimed. */
static inline void race_with_claims(gate_task_main body) {
    gate_runtime *runtime = start(2);
    gate_task *tasks[4];
    _Atomic bool over = false;
    for (int i = 0; i < 4; i++)
        tasks[i] = spawn("caller", body, &over);
    claim_slots(runtime, 300);
    atomic_store(&over, true);
    for (int i = 0; i < 4; i++)
        join(tasks[i]);
    stop(runtime);
}

/* What is listed of the current task. */
static inline struct gate_task_info own_info(void) {
    gate_task *self = gate_task_current();
    struct gate_task_info infos[8];
    size_t count = gate_runtime_list(self->runtime, infos, 8), i = 0;
    cr_assert_leq(count, 8u);
    while (i < count && infos[i].number != gate_task_number(self))
        i++;
    cr_assert_lt(i, count, "it is not listed");
    return infos[i];
}

/* The last words of a program whose thread ends in a stackful task: under ThreadSanitizer they are its own, for it lets
 * no thread end on a fibre. */
static inline const char *unless_on_a_fibre(const char *words) {
    gate__switch_init();
    return gate__switch_notices.switch_fibre ? "pthread_exit" : words;
}

#endif
