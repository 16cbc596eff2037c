/* Workers: the threads that a runtime makes to run its tasks. Which are idle, and which are on their way.
 *
 *   AWAITED --its thread begins [worker]-----------> IDLE --a slot and a task [whoever has the slot]--> BUSY
 *   BUSY ----it finds no task, or no slot [worker]-> IDLE --the runtime stops [its starter]---> ended
 *
 * A slot that has a task and no idle worker is left idle, with a thread started for it. It goes to the first M that
 * comes by: that worker, another that has nothing to do, or one whose call returns.
 *
 * That slot was given to the new worker before, which is how Go does it (startm). But Linux may queue a new thread
 * behind one that computes, and leave it there for some ms while another processor is idle; threads that are woken fare
 * better. So one that isn't there after 100 us is awaited no more: the monitor gives the slot to one that is idle by
 * then, or starts another.
 *
 *   awaited  <=  creating + workers that have not begun
 *   awaited == 0  =>  late_at == NEVER
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/mman.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

/* Starting */

/* One more is awaited from now on, unless there are as many as there may be. Which wait that is: late ones end it. */
static bool begin_creation(gate_runtime *runtime, uint32_t *wait) {
    struct gate__workers *workers = &runtime->workers;
    gate__lock(&runtime->lock);
    bool may = !atomic_load(&runtime->stopping) && workers->count < runtime->config.most_threads;
    if (may) {
        workers->count++;
        workers->creating++;
        atomic_fetch_add(&workers->awaited, 1);
        *wait = workers->wait;
    }
    gate__unlock(&runtime->lock);
    return may;
}

/* It has come, or won't. The runtime's lock is held. */
static void end_wait(gate_runtime *runtime, uint32_t wait) {
    struct gate__workers *workers = &runtime->workers;
    if (wait != workers->wait)
        return;
    workers->patience = GATE__LATE_THREAD;
    if (atomic_fetch_sub(&workers->awaited, 1) == 1)
        atomic_store(&workers->late_at, GATE__TIMER_NEVER);
}

/* m is NULL if it could not be created. */
static void end_creation(gate_runtime *runtime, gate_m *m, uint32_t wait) {
    struct gate__workers *workers = &runtime->workers;
    gate__lock(&runtime->lock);
    workers->creating--;
    if (m) {
        m->all_next = workers->all;
        workers->all = m;
    } else {
        workers->count--;
        end_wait(runtime, wait);
    }
    gate__unlock(&runtime->lock);
}

static void *work(void *data) {
    gate_m *m = data;
    gate__m_enter_thread(m);
    gate__lock(&m->runtime->lock);
    end_wait(m->runtime, m->awaited);
    gate__unlock(&m->runtime->lock);
    gate__sched_work(m);
    gate__m_leave_thread(m);
    return NULL;
}

/* A worker's stack lies below those of all tasks, which have room for FAR bytes, unless something else is there. gdb
 * gives up on a caller whose stack is the lower one if nothing between them says that it is a switch; and nothing is
 * between C and who calls it in line (bridge/direct.h). The C library maps threads' stacks where tasks' are, in any
 * order. */
#define FAR ((uintptr_t)1 << 44)

/* Addresses that no worker was given before, or NULL. high is where the system maps by itself. */
static void *low_place(const void *high, size_t length) {
    static _Atomic uintptr_t lowest;
    uintptr_t none = 0, first = (uintptr_t)high > 2 * FAR ? (uintptr_t)high - FAR : 0;
    atomic_compare_exchange_strong(&lowest, &none, first);
    return lowest > length ? (void *)(atomic_fetch_sub(&lowest, length) - length) : NULL;
}

/* With a guard below. Negative errno. */
static int map_stack(gate_m *m, size_t size) {
    size_t page = gate__os_page_size();
    void *base;
    int failed = gate__mem_map_stack(low_place(m->alternate_stack, size + page), size + page, "worker stack", &base);
    if (failed)
        return failed;
    m->own_stack = base;
    m->own_stack_size = size + page;
    m->stack_bottom = (char *)base + page;
    m->stack_size = size;
    return gate_mprotect(base, page, PROT_NONE);
}

struct creation {
    gate_m *m;
    int failed;
};

/* Has the thread use a stack of ours. But a sanitizer has shadow to write for all that is mapped, unless the C library
 * does it; and calls under one are not in line. Negative errno. */
static int choose_stack(gate_m *m, pthread_attr_t *attributes) {
    size_t size, page = gate__os_page_size();
    if (gate__switch_notices.anybody)
        return 0;
    pthread_attr_getstacksize(attributes, &size); /* what a thread has by default */
    size = (size + page - 1) / page * page;
    if (map_stack(m, size))
        return -EAGAIN; /* as pthread_create has it of its own */
    return -pthread_attr_setstack(attributes, m->stack_bottom, size);
}

static void create(void *data) {
    struct creation *c = data;
    pthread_attr_t attributes;
    c->failed = -pthread_attr_init(&attributes);
    if (c->failed)
        return;
    c->failed = choose_stack(c->m, &attributes);
    if (!c->failed) /* it lets signals come when it has a task to run (gate__sched_work); which ones, this thread doesn't say */
        c->failed = gate__m_create_thread(&c->m->thread, &attributes, work, c->m);
    pthread_attr_destroy(&attributes);
}

/* Makes a worker's M and its thread. Negative errno. */
static int make(gate_runtime *runtime, uint32_t wait, gate_m **result) {
    struct creation creation = {NULL, 0};
    int failed = gate__m_make(runtime, &creation.m);
    if (failed)
        return failed;
    creation.m->awaited = wait;
    gate__switch_call(gate__m(), create, &creation);
    if (creation.failed)
        gate__m_unmake(creation.m);
    else
        *result = creation.m;
    return creation.failed;
}

/* The last that was started is late in a while, unless it has come already. */
static void expect(gate_runtime *runtime) {
    struct gate__workers *workers = &runtime->workers;
    gate__lock(&runtime->lock);
    uint64_t late_at = gate__timer_after(workers->patience), earlier = atomic_load(&workers->late_at);
    bool news = atomic_load(&workers->awaited) && late_at < earlier;
    if (news)
        atomic_store(&workers->late_at, late_at);
    gate__unlock(&runtime->lock);
    if (news)
        gate__monitor_expect(runtime, late_at);
}

int gate__worker_start(gate_runtime *runtime) {
    uint32_t wait;
    gate_m *m = NULL;
    if (!begin_creation(runtime, &wait))
        return -EAGAIN;
    int failed = make(runtime, wait, &m);
    end_creation(runtime, m, wait);
    return failed;
}

/* None could be created. A runtime has a worker from its start, but for the child of a fork. One that is idle by now
 * has found nothing to do, perhaps before a task was queued that was left to the one which was awaited. */
static void do_without(gate_runtime *runtime) {
    gate__foreign_heavy_barrier(); /* as in wait_for_first_work */
    gate__lock(&runtime->lock);
    bool nobody = !runtime->workers.count && atomic_load(&runtime->idle_slot_count) == runtime->slot_count;
    bool another = runtime->workers.idle != NULL;
    gate__unlock(&runtime->lock);
    if (nobody)
        gate__throw("a forked process can't create its runtime's threads");
    if (another)
        gate__sched_wake_all(runtime);
}

/* Being late */

bool gate__worker_call(gate_runtime *runtime) {
    if (atomic_load(&runtime->workers.awaited) >= atomic_load(&runtime->idle_slot_count))
        return true;
    int failed = gate__worker_start(runtime);
    atomic_store(&runtime->workers.used_up, failed != 0);
    if (failed)
        do_without(runtime);
    else
        expect(runtime);
    return !failed;
}

/* Awaits none any more if they are late. Whether they were. */
static bool give_up(gate_runtime *runtime, uint64_t now) {
    struct gate__workers *workers = &runtime->workers;
    gate__lock(&runtime->lock);
    bool late = atomic_load(&workers->late_at) <= now;
    if (late) {
        workers->wait++;
        workers->patience *= workers->patience < GATE__LATEST_THREAD ? 2 : 1;
        atomic_store(&workers->awaited, 0);
        atomic_store(&workers->late_at, GATE__TIMER_NEVER);
    }
    gate__unlock(&runtime->lock);
    gate__foreign_heavy_barrier(); /* as in wait_for_first_work */
    return late;
}

void gate__worker_hurry(gate_runtime *runtime) {
    uint64_t now = gate__os_now();
    if (atomic_load(&runtime->workers.late_at) > now || !give_up(runtime, now))
        return;
    gate__sched_wake_all(runtime);
}

/* Idle ones */

void gate__worker_be_idle(gate_m *m) {
    struct gate__workers *workers = &m->runtime->workers;
    m->idle_next = workers->idle;
    workers->idle = m;
}

gate_m *gate__worker_take_idle(gate_runtime *runtime) {
    struct gate__workers *workers = &runtime->workers;
    gate_m *m = workers->idle;
    if (m)
        workers->idle = m->idle_next;
    return m;
}

/* The end */

/* All that there are, off their list. */
static gate_m *take_all(gate_runtime *runtime) {
    struct gate__workers *workers = &runtime->workers;
    gate__lock(&runtime->lock);
    while (workers->creating) { /* by somebody whose task has ended since */
        gate__unlock(&runtime->lock);
        gate__os_relax();
        gate__lock(&runtime->lock);
    }
    gate_m *all = workers->all;
    workers->all = NULL;
    gate__unlock(&runtime->lock);
    return all;
}

void gate__worker_end_all(gate_runtime *runtime) {
    gate_m *worker = take_all(runtime);
    for (gate_m *m = worker; m; m = m->all_next)
        gate__semaphore_post(&m->wake);
    while (worker) {
        gate_m *next = worker->all_next;
        pthread_join(worker->thread, NULL);
        gate__m_unmake(worker);
        worker = next;
    }
}
