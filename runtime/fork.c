/* A fork: in the child only the task goes on that forked, in a runtime that works.
 *
 * A child has one thread, the one that forked, and a copy of the memory as it was in the midst of what all others did.
 *
 *   before, in the parent     takes the locks of what the child keeps: the list of runtimes, each runtime's own, the
 *                             region table's latch. Whoever changes one of these gets done first.
 *   after, in the parent      lets go of them.
 *   after, in the child       the same; then everything but what the forking thread has is made anew: reset, below.
 *
 * What only other threads had is thrown away, in whatever state it is. So are its locks, those of the queues and of
 * the stack pools, which are not waited for: there are too many of them for ThreadSanitizer, which knows 64 that a
 * thread holds.
 *
 *   slots       all idle, but the forking thread's: it keeps one if it has it. One in a call that has lost its slot
 *               finds an idle one when it returns.
 *   queues      empty: the other tasks are gone. Their stacks read as zero, so that each is a FREE task to whoever
 *               looks: a handle that the host still has is one of a task that isn't there (-ESRCH), not one of another
 *               task. So the addresses are not used again before the runtime is stopped.
 *   threads     gone; what they had mapped or allocated stays, as their stacks do. Neither worker nor monitor is
 *               started here: most children call exec at once. The first that is needed is (gate__worker_call,
 *               gate__monitor_notice).
 *   runtimes    all that the forking thread has no M in are as if they had been stopped. The others work, whichever
 *               of them the fork came from.
 *
 * Nothing here allocates, nor calls a hook: a handler that is yet to run may have to unlock what that needs.
 *
 * A stackful task that goes on is what main is to a program, as the thread of a root task has gone: the process ends
 * when the task does (task.c).
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

/* What belongs to threads that are gone: a leak checker finds it here. */
static gate_m *gone_ms;
static gate_runtime *gone_runtimes;

/* Leaves m on its list, if it is there, and takes the others off. */
static void reset_ms(gate_runtime *runtime, gate_m **list, gate_m *m) {
    gate_m *kept = NULL;
    for (gate_m *each = *list, *next; each; each = next) {
        next = each->all_next;
        gate_m **to = each == m ? &kept : &gone_ms;
        each->all_next = *to;
        *to = each;
        if (each != m)
            atomic_fetch_sub(&runtime->references, 1);
    }
    *list = kept;
}

static void reset_threads(gate_runtime *runtime, gate_m *m) {
    struct gate__workers *workers = &runtime->workers;
    reset_ms(runtime, &workers->all, m);
    reset_ms(runtime, &runtime->roots, m);
    if (m && !m->root && !m->adopted && !workers->all) {
        m->all_next = NULL; /* a worker that has forked before its creator had put it there */
        workers->all = m;
    }
    /* No struct is assigned: MemorySanitizer notes that padding was copied, under a lock of its own that a fork
     * holds. */
    gate_m *all = workers->all;
    memset(workers, 0, sizeof *workers);
    workers->all = all;
    workers->count = all != NULL;
    workers->patience = GATE__LATE_THREAD;
    workers->late_at = GATE__TIMER_NEVER;
    if (runtime->starter != m)
        runtime->starter = NULL;
    gate__monitor_forget(runtime);
}

static void reset_slot(struct gate__slot *slot, gate_m *m) {
    gate_runtime *runtime = slot->runtime;
    gate_task *stopper = runtime->world.stopper;
    gate__sched_prepare_queue(slot);
    slot->free_tasks = NULL;
    slot->free_count = 0;
    slot->seen.in_call = false;
    slot->holder = m && m->slot == slot ? m : NULL;
    slot->poll = !stopper ? 0 : slot->holder ? GATE__POLL_STOPPER : GATE__POLL_STOP;
    if (slot->holder)
        slot->holder->asked = slot->poll != 0;
    else
        gate__sched_add_idle(slot);
}

static void reset_slots(gate_runtime *runtime, gate_m *m) {
    runtime->searching = 0;
    runtime->idle_slots = NULL;
    runtime->idle_end = &runtime->idle_slots;
    runtime->idle_slot_count = 0;
    for (uint32_t i = 0; i < runtime->slot_count; i++)
        reset_slot(&runtime->slots[i], m);
}

/* What m itself has of other tasks. */
static void reset_m(gate_m *m) {
    m->thread_id = gate__os_thread_id();
    m->interrupt.active = false;
    m->returned_from.signal = 0; /* the child has reported nothing */
    m->later = (struct gate__queue){NULL, NULL, 0};
    if (m->root && m->task != m->root)
        m->root->state = GATE__FREE; /* its guest has forked */
}

/* All is gone but m, the forking thread's, and its task. m is NULL in a runtime that has nobody left. */
static void reset(gate_runtime *runtime, gate_m *m) {
    gate_task *task = m ? m->task : NULL;
    gate__lock_init(&runtime->ready_lock, GATE__RANK_LEAF);
    runtime->ready = (struct gate__queue){NULL, NULL, 0};
    gate__lock_init(&runtime->timers.lock, GATE__RANK_LEAF);
    runtime->timers.first = NULL;
    runtime->interrupted = NULL;
    runtime->returning = 0;
    gate__semaphore_init(&runtime->world.stopped);
    runtime->world.waits = false;
    if (runtime->world.stopper != task)
        runtime->world.stopper = NULL;
    reset_slots(runtime, m);
    reset_threads(runtime, m);
    for (unsigned class = 0; class < GATE__STACK_CLASSES; class ++)
        gate__stack_pool_forget(&runtime->stacks[class], task ? &task->stack : NULL);
    runtime->main_task = task && task->stack.base ? task : NULL;
    if (m)
        reset_m(m);
}

/* A list of runtimes that have nobody left. */
static void lose(gate_runtime *runtime) {
    while (runtime) {
        gate_runtime *next = runtime->next;
        reset(runtime, NULL);
        runtime->stopping = true;
        runtime->next = gone_runtimes;
        gone_runtimes = runtime;
        runtime = next;
    }
}

void gate__fork_before(void) {
    gate__init_hold(gate__m_of_thread());
    gate__region_hold();
}

void gate__fork_after(void) {
    gate__region_let_go();
    gate__init_let_go(gate__m_of_thread());
}

void gate__fork_after_in_child(void) {
    gate_m *own = gate__m_of_thread();
    gate__fork_after();
    gate__interrupt_begin_anew();
    gate__trap_begin_anew();
    lose(gate__init_forsake(own));
    for (gate_m *m = own; m; m = m->thread_next) {
        if (m != gate__m() && m->runtime->stopping)
            continue; /* there is nothing left of it but the M, which the thread will drop */
        reset(m->runtime, m);
        if (GATE_DEBUG_LEVEL > 1)
            gate__sched_validate(m->runtime);
    }
}
