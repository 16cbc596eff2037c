/* Tasks: their making and their end, and the wakes between them. internal.h draws their states.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/internal.h"

/* The lists and ends of tasks: all under the runtime's lock. */

static void list(gate_task *task) {
    gate_runtime *runtime = task->runtime;
    gate__lock(&runtime->lock);
    task->number = ++runtime->last_number;
    task->all_next = runtime->tasks;
    if (runtime->tasks)
        runtime->tasks->all_previous = task;
    runtime->tasks = task;
    gate__unlock(&runtime->lock);
}

static void unlist(gate_task *task) {
    gate_runtime *runtime = task->runtime;
    gate__lock(&runtime->lock);
    if (task->all_previous)
        task->all_previous->all_next = task->all_next;
    else
        runtime->tasks = task->all_next;
    if (task->all_next)
        task->all_next->all_previous = task->all_previous;
    gate__unlock(&runtime->lock);
}

gate_task *gate__task_make_root(gate_m *m) {
    gate_task *task = calloc(1, sizeof *task);
    if (!task)
        return NULL;
    task->runtime = m->runtime;
    task->bound = m;
    atomic_init(&task->state, GATE__RUNNING);
    snprintf(task->name, sizeof task->name, "%s", m->adopted ? "thread" : "main");
    list(task);
    return task;
}

void gate__task_free(gate_task *task) {
    unlist(task);
    free(task);
}

/* The whole life of a stackful task on its stack. */
static void live(gate_task *task) {
    task->result = task->main(task->argument);
    gate_m *m = gate__m();
    if (m->pins)
        gate__fatal("gate_m_acquire", "task '%s' (#%llu) ended while it held its M", task->name,
                    (unsigned long long)task->number);
    gate__switch_to_scheduler(m, GATE__LEAVE_EXIT);
}

int gate_task_spawn(gate_runtime *runtime, const struct gate_task_config *config, gate_task **result) {
    gate_m *m = gate__m();
    if (!runtime && !m)
        gate__fatal("gate_task_spawn", "no runtime was given, and this thread belongs to none");
    if (!config->main || (config->stack_size && config->stack_size < GATE__STACK_LEAST))
        return -EINVAL;
    gate_task *task = calloc(1, sizeof *task);
    if (!task)
        return -ENOMEM;
    task->runtime = runtime ? runtime : m->runtime;
    int failed = gate__stack_get(&task->runtime->stacks, config->stack_size, &task->stack);
    if (failed) {
        free(task);
        return failed;
    }
    task->main = config->main;
    task->argument = config->argument;
    task->host = config->host;
    task->detached = !result;
    snprintf(task->name, sizeof task->name, "%s", config->name ? config->name : "task");
    atomic_init(&task->state, GATE__READY);
    gate__switch_prepare(task, live);
    list(task);
    if (result)
        *result = task;
    gate__sched_ready(task);
    return 0;
}

void gate__task_finish(gate_task *task) {
    gate_runtime *runtime = task->runtime;
    gate__switch_forget(task);
    gate__stack_put(&runtime->stacks, task->stack);
    task->stack.base = NULL;

    gate__lock(&runtime->lock);
    atomic_store(&task->state, GATE__DONE);
    bool detached = task->detached;
    gate_task *joiner = task->joiner;
    gate__unlock(&runtime->lock);

    /* From here on the task belongs to whoever joins it: nothing else may be read from it. The joiner
     * can't go on, and free itself, before this wake, the only one it waits for. */
    if (detached)
        gate__task_free(task);
    else if (joiner)
        gate__task_wake(joiner, GATE__WAKE_JOIN);
}

/* Returns the calling thread's M if it runs interpreter code, as function demands. */
static gate_m *running(const char *function) {
    gate_m *m = gate__m();
    if (!m || !m->task || atomic_load_explicit(&m->status, memory_order_relaxed) != GATE__M_RUNNING)
        gate__fatal(function, "called outside a task, or from a foreign call, without a slot");
    return m;
}

int gate_task_join(gate_task *task, void **result) {
    gate_m *m = running("gate_task_join");
    gate_runtime *runtime = task->runtime;
    if (task == m->task)
        return -EDEADLK;
    gate__lock(&runtime->lock);
    bool done = atomic_load(&task->state) == GATE__DONE, taken = task->joiner || task->detached;
    if (!taken)
        task->joiner = m->task;
    gate__unlock(&runtime->lock);
    if (taken)
        return -EBUSY;
    if (!done)
        gate__sched_park(m, GATE__WAKE_JOIN, "join");
    if (result)
        *result = task->result;
    gate__task_free(task);
    return 0;
}

void gate_task_detach(gate_task *task) {
    gate_runtime *runtime = task->runtime;
    gate__lock(&runtime->lock);
    bool done = atomic_load(&task->state) == GATE__DONE, misused = task->joiner || task->detached;
    task->detached = true;
    gate__unlock(&runtime->lock);
    if (misused)
        gate__fatal("gate_task_detach", "the task is being joined, or is detached");
    if (done)
        gate__task_free(task);
}

void gate_task_yield(void) {
    gate__sched_yield(running("gate_task_yield"));
}

void gate_task_park(const char *why) {
    gate__sched_park(running("gate_task_park"), GATE__WAKE_HOST, why);
}

int gate_task_ready(gate_task *task) {
    return gate__task_wake(task, GATE__WAKE_HOST);
}

int gate__task_wake(gate_task *task, uint32_t wake) {
    gate__switch_release(task);
    uint32_t word = atomic_load(&task->state);
    for (;;) {
        if (word & wake)
            return -EALREADY;
        if ((word & GATE__STATES) == GATE__DONE)
            return -ESRCH;
        bool waits = (word & GATE__STATES) == GATE__PARKED && (word & wake << GATE__AWAITS);
        uint32_t next = waits ? GATE__READY | (word & GATE__WAKES) : word | wake;
        if (!atomic_compare_exchange_weak(&task->state, &word, next))
            continue;
        if (waits)
            gate__sched_ready(task);
        return 0;
    }
}

gate_task *gate_task_current(void) {
    gate_m *m = gate__m();
    return m ? m->task : NULL;
}

const char *gate_task_name(const gate_task *task) {
    return task->name;
}

uint64_t gate_task_number(const gate_task *task) {
    return task->number;
}

void *gate_task_host(const gate_task *task) {
    return task->host;
}

void gate_task_set_host(gate_task *task, void *host) {
    task->host = host;
}

/* What the task is doing; *where is set to NULL if it has no part in that. */
static const char *describe_state(gate_task *task, const char **where) {
    switch (atomic_load(&task->state) & GATE__STATES) {
    case GATE__RUNNING:
        return *where ? "in a call of " : "running";
    case GATE__PARKING:
    case GATE__PARKED:
        return "parked: ";
    case GATE__READY:
        *where = NULL;
        return "ready";
    default:
        *where = NULL;
        return "ended, not joined";
    }
}

void gate__task_describe(gate_task *task, char *buffer, size_t size) {
    const char *where = atomic_load_explicit(&task->where, memory_order_relaxed);
    const char *what = describe_state(task, &where);
    snprintf(buffer, size, "'%s' (#%llu) %s%s", task->name, (unsigned long long)task->number, what, where ? where : "");
}
