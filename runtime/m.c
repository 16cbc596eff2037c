/* Threads that the runtime knows: the one that started it, workers, and those that came by.
 *
 *   started:  gate_runtime_start -> gate_runtime_stop, on the same thread, or its exit
 *   worker:   gate__worker_start [any] -> gate_runtime_stop joins it (worker.c)
 *   adopted:  the thread's first callback or gate_m_acquire -> its exit
 *
 * A thread has an M for each runtime that it was started by, or called back into. The first may be a starter's or a
 * worker's, the others are adopted. Whose code runs, or has called the C that runs, is the current one:
 *
 *   thread's stack     | scheduler    | C | handler, call, C |       | C |
 *   a task's of R1              | call |                      | handler, call |
 *   current M          | R1 ...............| R2 .............| R1 ............|
 *
 * The calls and handlers of all its Ms wind and unwind in one order. So an M that is called back into is outside, or in
 * a call, below which it goes on: the stack pointers that the call left are the ends of what is in use. Code runs of
 * none but the current one; a thread goes from one to another in C alone, on its own stack.
 *
 *   of_thread is NULL  <=>  current is NULL
 *   m->aside           ==   handlers of other runtimes on the thread that go back to m
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

/* Read by gate__m, and by bridge/arch. */
extern _Thread_local struct gate__thread gate__m_current __attribute__((tls_model("initial-exec")));
static gate_m none = {.system_sp = (void *)UINTPTR_MAX}; /* above all: no call in line begins there */
_Thread_local struct gate__thread gate__m_current = {NULL, &none};
static _Thread_local gate_m *of_thread __attribute__((tls_model("initial-exec"))); /* all of its Ms */

static __attribute__((noinline)) void set_current(gate_m *m) {
    gate__m_current = (struct gate__thread){m, m ? m : &none};
}

static struct gate__lock none_lock = GATE__LOCK_INITIAL(GATE__RANK_LEAF);

__attribute__((constructor)) static void attend_forks(void) {
    gate__lock_keep(&none_lock);
}

/* Where calls are watched, a thread without a task has one by which the short ways are closed. Without the lock, the end of a
 * watch could open them for a moment when another has begun and its beginner relies on them. */
void gate__m_settle_none(void) {
    static gate_task watched = {.floor = (void *)UINTPTR_MAX};
    gate__lock(&none_lock);
    gate_task *task = gate__foreign_is_watched() ? &watched : NULL;
    __atomic_store_n(&none.task, task, __ATOMIC_RELAXED); /* assembly reads it */
    gate__unlock(&none_lock);
}

_Atomic ptrdiff_t gate__m_errno_at;

void gate__m_find_errno(void) {
    ptrdiff_t distance = (char *)&errno - gate__arch_thread_pointer();
    if (atomic_load_explicit(&gate__m_errno_at, memory_order_relaxed) != distance)
        atomic_store_explicit(&gate__m_errno_at, distance, memory_order_relaxed);
}

ptrdiff_t gate__m_at(void) {
    return (char *)&gate__m_current.or_other - gate__arch_thread_pointer();
}

gate_m *gate__m_of_thread(void) {
    return of_thread;
}

/* Ends the process if the thread has ended inside a call, a handler or a task: the frames below are gone, and the rest
 * of the process would wait for them. The thread that started a runtime may leave it for ever, outside all calls; its
 * task ends there, and the others go on. */
static void check_end(gate_m *m) {
    void *call = atomic_load(&m->call);
    gate_task *task = m->task;
    bool may_leave = task && !m->adopted && task == m->root && call == GATE__M_RUNNING && !task->call;
    if (may_leave || (task && gate__m_is_outside(m)))
        return;
    if (!task)
        gate__throw("a thread of the runtime ended between tasks");
    const char *where = task == m->root ? atomic_load(&task->where) : gate__task_where(task); /* its call is gone */
    unsigned long long number = gate_task_number(task);
    if (where || gate__m_says_in_call(call) || atomic_load(&task->call))
        gate__fatal("gate_call", "the thread of task '%s' (#%llu) ended in a call of '%s'", gate_task_name(task),
                    number, where ? where : "a function");
    gate__fatal(task->main ? "gate_task_spawn" : "gate_callback",
                "the thread of task '%s' (#%llu) ended in interpreter code", gate_task_name(task), number);
}

/* Tells the host that an adopted thread ends, unless the runtime is being stopped: then the stop does
 * (gate__m_drop_root). It finds either the thread, or that the host has heard. */
static void announce_end(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    if (gate__foreign_lingers(m))
        gate__foreign_stop_lingering(m);
    if (m->announced && runtime->config.hooks.thread_drop && !gate__foreign_come_in(m, GATE__TIMER_NEVER)) {
        atomic_store(&m->root->call, NULL); /* outside, the thread may have ended in one */
        runtime->config.hooks.thread_drop(runtime->config.host, m->root);
        m->announced = false;
        gate__foreign_go_out(m, false);
    }
}

/* A task that is on its way to main, or is to come back to it. */
struct guest {
    const gate_m *main;
    struct gate_task_info info;
};

static void look_for_guest(void *data, gate_task *task, const struct gate_task_info *info) {
    struct guest *guest = data;
    if (atomic_load(&task->home) == guest->main && info->state != GATE_TASK_ENDED)
        guest->info = *info;
}

/* A task that comes later finds no main thread: it looks behind a light barrier (gate_task_enter_main). */
static void refuse_guests(gate_m *m) {
    struct guest guest = {.main = m};
    atomic_store(&m->runtime->starter, NULL);
    gate__foreign_heavy_barrier();
    gate__lock(&m->runtime->lock);
    gate__task_visit(m->runtime, look_for_guest, &guest);
    gate__unlock(&m->runtime->lock);
    if (guest.info.number)
        gate__fatal("gate_task_enter_main",
                    "the thread that started the runtime ended, and task '%s' (#%llu) is to run there", guest.info.name,
                    (unsigned long long)guest.info.number);
}

/* The thread that started the runtime ends, and its task with it: the others go on, with its slot. */
static void hand_on_slot(gate_m *m) {
    refuse_guests(m);
    gate__sched_suspend(m);
    struct gate__slot *slot = gate__sched_let_go(m);
    if (slot)
        gate__sched_hand_on(slot);
}

static void thread_ends(void *unused) {
    (void)unused;
    check_end(gate__m());
    for (gate_m *m = of_thread, *next; m; m = next) {
        set_current(m);
        if (m->adopted)
            announce_end(m);
        else if (m->root)
            hand_on_slot(m);
        next = m->thread_next;
        if (m->adopted || m->root) /* an adopted one's may be about to be taken: init.c */
            gate__m_drop_root(m);
    }
}

/* Has a value on each thread with an M, so that its destructor runs when the thread ends. */
static pthread_key_t end_key;

static void make_key(void) {
    if (pthread_key_create(&end_key, thread_ends))
        gate__throw("pthread_key_create");
}

/* What an M has mapped and opened for itself; undone if a part fails. */
static int prepare(gate_m *m) {
    static _Atomic uint64_t last_number;
    m->number = atomic_fetch_add(&last_number, 1) + 1;
    int failed = gate__region_open_account(m->number, &m->account);
    if (failed)
        return failed;
    failed = gate__trap_prepare_thread(m);
    if (failed)
        gate__region_close_account(m->account);
    return failed;
}

int gate__m_make(gate_runtime *runtime, gate_m **result) {
    gate_m *m = gate__init_allocate(&runtime->config, sizeof *m);
    int failed = m ? prepare(m) : -ENOMEM;
    if (failed) {
        gate__init_deallocate(&runtime->config, m, sizeof *m);
        return failed;
    }
    m->runtime = runtime;
    gate__semaphore_init(&m->wake);
    gate__init_retain(runtime);
    *result = m;
    return 0;
}

void gate__m_unmake(gate_m *m) {
    gate__lock(&m->runtime->lock);
    gate__interrupt_forget(m);
    gate__unlock(&m->runtime->lock);
    gate__trap_forget_thread(m);
    if (m->own_stack)
        gate_munmap(m->own_stack, m->own_stack_size);
    gate__region_close_account(m->account);
    gate__semaphore_destroy(&m->wake);
    gate_runtime *runtime = m->runtime;
    gate__init_deallocate(&runtime->config, m, sizeof *m);
    gate__init_release(runtime);
}

int gate__m_create_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *), void *argument) {
    uint64_t mask = gate__os_set_signal_mask(GATE__OS_ALL_SIGNALS);
    int failed = pthread_create(thread, attributes, main, argument);
    gate__os_set_signal_mask(mask);
    return -failed;
}

static void note_end(void) {
    if (pthread_setspecific(end_key, of_thread))
        gate__throw("pthread_setspecific");
}

void gate__m_enter_thread(gate_m *m) {
    gate_m **link = &of_thread;
    if (!m->own_stack) /* without memory, files or /proc to ask, reports tell less of it */
        gate__os_stack_bounds(&m->stack_bottom, &m->stack_size);
    m->thread_id = gate__os_thread_id();
    m->error_number = &errno; /* for as long as it is this thread's */
    gate__switch_enter_thread(m);
    gate__trap_enter_thread(m);
    while (*link)
        link = &(*link)->thread_next;
    *link = m;
    note_end();
    set_current(m);
}

void gate__m_leave_thread(gate_m *m) {
    gate_m **link = &of_thread;
    while (*link != m)
        link = &(*link)->thread_next;
    *link = m->thread_next;
    note_end();
    gate__switch_leave_thread(m);
    gate__trap_leave_thread(m);
    for (gate_m *other = of_thread; other; other = other->thread_next)
        gate__trap_enter_thread(other); /* handlers may have had the stack of m */
    if (gate__m() == m)
        set_current(of_thread);
}

int gate__m_make_root(gate_runtime *runtime, bool adopted, gate_m **result) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_key);
    gate_m *m;
    int failed = gate__m_make(runtime, &m);
    if (failed)
        return failed;
    m->adopted = adopted;
    atomic_init(&m->lingers_at, GATE__VISITS_FEWEST);
    atomic_init(&m->call, adopted ? GATE__M_OUTSIDE : GATE__M_RUNNING);
    m->root = m->task = gate__task_make_root(m);
    if (!m->root) {
        gate__m_unmake(m);
        return -ENOMEM;
    }
    gate__lock(&runtime->lock);
    m->all_next = runtime->roots;
    runtime->roots = m;
    gate__unlock(&runtime->lock);
    gate__m_enter_thread(m);
    *result = m;
    return 0;
}

/* The host has not heard of the end of m's thread, and hears of it from whoever stops the runtime, who may not have
 * come to that yet. The runtime's lock is held. */
static void leave_root(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    m->root->next = runtime->ended_roots;
    runtime->ended_roots = m->root;
    m->root = NULL;
}

void gate__m_drop_root(gate_m *m) {
    gate_runtime *runtime = m->runtime;
    gate__m_leave_thread(m);
    gate__lock(&runtime->lock);
    gate_m **link = &runtime->roots;
    while (*link != m)
        link = &(*link)->all_next;
    *link = m->all_next;
    if (m->root && m->announced && atomic_load(&runtime->stopping))
        leave_root(m);
    gate__unlock(&runtime->lock);
    if (m->root)
        gate__task_free_root(m->root);
    gate__m_unmake(m);
}

/* Drops the thread's Ms of runtimes that have stopped since, but for one that the thread holds, or is to go back to. */
static void drop_stopped(void) {
    for (gate_m *m = of_thread, *next; m; m = next) {
        next = m->thread_next;
        if (m->adopted && m->aside == 0 && m->pins == 0 && atomic_load(&m->runtime->stopping))
            gate__m_drop_root(m);
    }
}

gate_m *gate__m_known(void) {
    gate_m *m = gate__m();
    if (m && m->adopted && atomic_load(&m->runtime->stopping))
        drop_stopped();
    return gate__m();
}

/* The thread's M in runtime. */
static gate_m *find_or_make(gate_runtime *runtime) {
    gate_m *m = of_thread;
    while (m && m->runtime != runtime)
        m = m->thread_next;
    if (m)
        return m;
    drop_stopped();
    if (gate__m_make_root(runtime, true, &m))
        gate__throw("no memory to adopt a thread that calls back");
    return m;
}

/* Other code than m's will run, or has run, on the thread: m's is to hear of that before it goes on. It does when it
 * gets a slot, so one that is in a call gives its own up; and one that keeps it, for it has stopped the world, is told
 * at once when it is current again. */

static void set_aside(gate_m *m) {
    if (gate__m_says_in_call(atomic_load_explicit(&m->call, memory_order_relaxed)))
        gate__foreign_give_up(m);
}

static void take_up(gate_m *m) {
    set_current(m);
    if (m->slot)
        gate__sched_resume(m);
}

gate_m *gate__m_go_to(gate_runtime *runtime) {
    gate_m *outer = gate__m_known();
    if (outer && outer->runtime == runtime)
        return outer;
    if (outer) {
        set_aside(outer);
        outer->aside++;
    }
    take_up(find_or_make(runtime));
    return outer;
}

void gate__m_go_back(gate_m *outer) {
    gate_m *m = gate__m();
    if (!outer || outer == m)
        return;
    set_aside(m);
    outer->aside--;
    take_up(outer);
}

void gate__m_visit(gate_runtime *runtime, void (*fn)(void *argument, gate_m *m), void *argument) {
    gate__lock(&runtime->lock);
    for (gate_m *m = runtime->workers.all; m; m = m->all_next)
        fn(argument, m);
    for (gate_m *m = runtime->roots; m; m = m->all_next)
        fn(argument, m);
    gate__unlock(&runtime->lock);
}

static void pin(gate_m *m) {
    if (m->pins++ == 0 && m->task)
        m->task->bound = m;
}

void gate__m_unbind(gate_m *m) {
    if (m->pins == 0 && m->task && m->task != m->root)
        m->task->bound = m->task->home;
}

uint64_t gate_m_number(const gate_m *m) {
    return m->number;
}

gate_m *gate_m_acquire(void) {
    gate_m *m = gate__m_known();
    gate_runtime *runtime = m ? NULL : gate__init_first();
    if (runtime) {
        if (gate__m_make_root(runtime, true, &m))
            m = NULL;
        gate__init_release(runtime);
    }
    if (m)
        pin(m);
    return m;
}

void gate_m_release(gate_m *m) {
    gate_m *mine = gate__m();
    if (!m || m != mine)
        gate__fatal("gate_m_release", "the M is not this thread's");
    if (m->pins == 0)
        gate__fatal("gate_m_release", "the M is not held");
    m->pins--;
    gate__m_unbind(m);
}
