/* Timers: tasks that are to be woken at a time.
 *
 * A runtime's are a pairing heap (Fredman, Sedgewick, Sleator and Tarjan, "The pairing heap: a new form of
 * self-adjusting heap", 1986): each task comes before its children, who are a list. It needs no memory but four words
 * in the task, so that a sleep can't fail. The monitor gives the wakes.
 *
 *   a task's timer_link points to the pointer that points to it: the heap's, its parent's or its elder sibling's
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/internal.h"
#include "runtime/os/os.h"

/* Heaps: each is a task without siblings, or NULL */

static void put(gate_task **link, gate_task *task) {
    *link = task;
    if (task)
        task->timer_link = link;
}

static gate_task *meld(gate_task *a, gate_task *b) {
    if (!a || !b)
        return a ? a : b;
    gate_task *first = b->deadline < a->deadline ? b : a, *second = first == a ? b : a;
    put(&second->timer_next, first->timer_child);
    put(&first->timer_child, second);
    first->timer_next = NULL;
    return first;
}

/* Makes one heap of a list of them: pairs from the left, then all of those from the right. */
static gate_task *meld_all(gate_task *list) {
    gate_task *pairs = NULL, *heap = NULL;
    while (list) {
        gate_task *a = list, *b = a->timer_next;
        list = b ? b->timer_next : NULL;
        a = meld(a, b);
        a->timer_next = pairs;
        pairs = a;
    }
    while (pairs) {
        gate_task *next = pairs->timer_next;
        pairs->timer_next = NULL;
        heap = meld(heap, pairs);
        pairs = next;
    }
    return heap;
}

/* A runtime's heap, under its lock */

static void insert(struct gate__timers *timers, gate_task *task) {
    task->timer_child = task->timer_next = NULL;
    put(&timers->first, meld(timers->first, task));
}

static void take_out(struct gate__timers *timers, gate_task *task) {
    gate_task *children = meld_all(task->timer_child);
    bool first = timers->first == task;
    put(task->timer_link, task->timer_next);
    task->timer_link = NULL;
    put(&timers->first, first ? children : meld(timers->first, children));
}

uint64_t gate__timer_after(uint64_t nanoseconds) {
    uint64_t now = gate__os_now();
    return nanoseconds < GATE__TIMER_NEVER - now ? now + nanoseconds : GATE__TIMER_NEVER;
}

void gate__timer_set(gate_task *task, uint64_t deadline) {
    struct gate__timers *timers = &task->runtime->timers;
    task->deadline = deadline;
    gate__lock(&timers->lock);
    insert(timers, task);
    bool first = timers->first == task;
    gate__unlock(&timers->lock);
    if (first)
        gate__monitor_expect(task->runtime, deadline);
}

bool gate__timer_cancel(gate_task *task) {
    struct gate__timers *timers = &task->runtime->timers;
    gate__lock(&timers->lock);
    bool set = task->timer_link != NULL;
    if (set)
        take_out(timers, task);
    gate__unlock(&timers->lock);
    return set;
}

/* Takes the tasks whose time has come and gives them their wakes. Returns those that are to be queued. */
static gate_task *take_due(struct gate__timers *timers, uint64_t now) {
    gate_task *due = NULL, **end = &due;
    gate__lock(&timers->lock);
    while (timers->first && timers->first->deadline <= now) {
        gate_task *task = timers->first;
        bool waits = false;
        take_out(timers, task);
        if (gate__task_give_wake(task, GATE__WAKE_TIMER, &waits))
            gate__throw("a timer's task has gone");
        if (!waits)
            continue;
        *end = task;
        end = &task->next;
        *end = NULL;
    }
    gate__unlock(&timers->lock);
    return due;
}

void gate__timer_fire(gate_runtime *runtime) {
    gate_task *next;
    for (gate_task *task = take_due(&runtime->timers, gate__os_now()); task; task = next) {
        next = task->next;
        gate__sched_ready(task);
    }
}

uint64_t gate__timer_next(gate_runtime *runtime) {
    struct gate__timers *timers = &runtime->timers;
    gate__lock(&timers->lock);
    uint64_t next = timers->first ? timers->first->deadline : GATE__TIMER_NEVER;
    gate__unlock(&timers->lock);
    return next;
}
