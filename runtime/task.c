/* Tasks: their making and their end, the wakes between them, and what can be seen of them. internal.h draws their
 * states.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

/* Where a task lies in its stack: at the upper end, below the words that are the pool's, and below some lines of the
 * processor's cache, by the stack's address: stacks lie whole pages apart, and tasks that all lay at one place of their
 * page would have but a few places in the cache. callgate-gdb.py reads this, too. */
enum { LINE = 64, COLOURS = 16 };

static gate_task *task_in(struct gate__stack stack) {
    uintptr_t colour = (uintptr_t)stack.base / gate__os_page_size() % COLOURS;
    uintptr_t end = (uintptr_t)stack.base + stack.size - sizeof(struct gate__stack) - colour * LINE;
    return (gate_task *)((end - sizeof(gate_task)) & ~(uintptr_t)(LINE - 1));
}

enum { NAME_WORDS = 4 };

static void store_name(gate_task *task, const uint64_t words[]) {
    for (int i = 0; i < NAME_WORDS; i++)
        atomic_store_explicit(&task->name[i], words[i], memory_order_relaxed);
}

static GATE__COLD_CODE void copy_name(gate_task *task, const char *name) {
    union {
        char text[32];
        uint64_t words[NAME_WORDS];
    } made = {.text = ""};
    strncpy(made.text, name, sizeof made.text - 1);
    store_name(task, made.words);
}

static inline void set_name(gate_task *task, const char *name) {
    static const union {
        char text[32];
        uint64_t words[NAME_WORDS];
    } usual = {.text = "task"};
    if (__builtin_expect(!name, 1))
        store_name(task, usual.words);
    else
        copy_name(task, name);
}

/* Tasks that have ended are kept for the next spawns: some with each slot, for whoever has it, and the rest,
 * by their stacks, in the runtime's pools. A slot also has some numbers in advance. */
static uint64_t take_number(gate_runtime *runtime, struct gate__slot *slot) {
    if (!slot)
        return atomic_fetch_add(&runtime->last_number, 1) + 1;
    if (slot->next_number == slot->numbers_end) {
        slot->next_number = atomic_fetch_add(&runtime->last_number, GATE__NUMBERS_AT_ONCE) + 1;
        slot->numbers_end = slot->next_number + GATE__NUMBERS_AT_ONCE;
    }
    return slot->next_number++;
}

/* One of those with the slot, which have stacks of the usual class; NULL if there is none. */
static inline gate_task *take_kept(const gate_runtime *runtime, struct gate__slot *slot, unsigned class) {
    gate_task *task = slot && class == runtime->usual_class ? slot->free_tasks : NULL;
    if (task) {
        slot->free_tasks = task->next;
        slot->free_count--;
    }
    return task;
}

static int take_from_pool(gate_runtime *runtime, unsigned class, gate_task **task) {
    struct gate__stack stack;
    if (class == GATE__STACK_CLASSES)
        return -ENOMEM;
    int failed = gate__stack_get(&runtime->stacks[class], &stack);
    if (failed)
        return failed;
    *task = task_in(stack);
    (*task)->stack = stack;
    gate__foreign_set_floor(*task);
    return 0;
}

/* Frees task, and keeps it with the slot if it can be. */
static inline bool keep(gate_task *task, struct gate__slot *slot) {
    bool keeps = slot && slot->free_count < GATE__KEPT_WITH_SLOT && task->stack.size == task->runtime->usual_size;
    atomic_store_explicit(&task->state, GATE__FREE, memory_order_release);
    if (keeps) {
        task->next = slot->free_tasks;
        slot->free_tasks = task;
        slot->free_count++;
    }
    return keeps;
}

/* Once task is FREE, nothing keeps its runtime from being stopped by others, but that a thread outside is counted. */
static void give_back(gate_task *task) {
    gate_runtime *runtime = task->runtime;
    struct gate__slot *slot = gate__sched_own_slot(runtime);
    struct gate__stack stack = task->stack;
    if (!slot)
        atomic_fetch_add(&runtime->returning, 1);
    if (!keep(task, slot))
        gate__stack_put(&runtime->stacks[gate__stack_class(stack.size)], stack);
    if (!slot)
        atomic_fetch_sub(&runtime->returning, 1);
}

struct gate__mishaps *gate__task_mishaps(gate_task *task) {
    if (!task->mishaps)
        task->mishaps = gate__init_allocate(&task->runtime->config, sizeof *task->mishaps);
    return task->mishaps;
}

static void forget_mishaps(gate_task *task) {
    gate__init_deallocate(&task->runtime->config, task->mishaps, sizeof *task->mishaps);
}

gate_task *gate__task_make_root(gate_m *m) {
    gate_task *task = gate__init_allocate(&m->runtime->config, sizeof *task);
    if (!task)
        return NULL;
    gate__foreign_set_floor(task);
    task->runtime = m->runtime;
    task->bound = m;
    atomic_init(&task->on, m);
    task->number = take_number(m->runtime, NULL);
    set_name(task, m->adopted ? "thread" : "main");
    atomic_init(&task->state, GATE__LIVE);
    return task;
}

void gate__task_free_root(gate_task *task) {
    forget_mishaps(task);
    gate__init_deallocate(&task->runtime->config, task, sizeof *task);
}

/* [system stack] */
static void end_process(void *unused) {
    (void)unused;
    exit(0);
}

/* The whole life of a stackful task on its stack. */
static void live(gate_task *task) {
    gate__foreign_check_floor(task);
    task->result = task->main(task->argument);
    gate_m *m = gate__m();
    if (m->pins)
        gate__fatal("gate_m_acquire", "task '%s' (#%llu) ended while it held its M", gate_task_name(task),
                    (unsigned long long)task->number);
    if (__builtin_expect(task->mishaps != NULL, 0)) {
        forget_mishaps(task);
        task->mishaps = NULL;
    }
    if (__builtin_expect(task == task->runtime->main_task, 0))
        gate__foreign_call(end_process, NULL);
    gate__sched_exit(m);
}

/* Stands in task->end for: nobody will ask; and: it has come. Neither is ever looked into. */
static gate_task detached, ended;

/* What a task is made of is zero, or left by one that has ended: some of it as it was in the beginning. */
static inline void set_up(gate_task *task, gate_runtime *runtime, const struct gate_task_config *config) {
    gate__assert(!task->call && !task->where && !task->on && !task->arrival && !task->mishaps && !task->timer_link);
    task->bound = NULL;
    atomic_store_explicit(&task->home, NULL, memory_order_relaxed);
    task->runtime = runtime;
    atomic_store_explicit(&task->short_way, 0, memory_order_relaxed);
    task->call_errno = 0;
    atomic_store_explicit(&task->host, config->host, memory_order_relaxed);
    task->main = config->main;
    task->argument = config->argument;
    task->gone = NULL;
    set_name(task, config->name);
    if (__builtin_expect(gate__settings.stackpoison, 0))
        gate__stack_poison(&task->stack, task);
    gate__switch_prepare(task, live);
}

/* A LIVE task that is in no queue yet. */
static inline int make(gate_runtime *runtime, const struct gate_task_config *config, gate_task *end,
                       gate_task **result) {
    if (!config || !config->main || (config->stack_size && config->stack_size < GATE__STACK_LEAST))
        return -EINVAL;
    struct gate__slot *slot = gate__sched_own_slot(runtime);
    unsigned class = config->stack_size ? gate__stack_class(config->stack_size) : runtime->usual_class;
    gate_task *task = take_kept(runtime, slot, class);
    if (__builtin_expect(!task, 0)) {
        int failed = take_from_pool(runtime, class, &task);
        if (failed)
            return failed;
        slot = gate__sched_own_slot(runtime); /* a hook may have been called */
    }
    set_up(task, runtime, config);
    atomic_store_explicit(&task->number, take_number(runtime, slot), memory_order_relaxed);
    atomic_store_explicit(&task->end, end, memory_order_relaxed);
    atomic_store_explicit(&task->state, GATE__LIVE, memory_order_release);
    *result = task;
    return 0;
}

int gate_task_spawn(gate_runtime *runtime, const struct gate_task_config *config, gate_task **result) {
    gate_m *m = gate__m();
    gate_task *task;
    if (!runtime && !m)
        gate__fatal("gate_task_spawn", "no runtime was given, and this thread belongs to none");
    int failed = make(runtime ? runtime : m->runtime, config, result ? NULL : &detached, &task);
    if (failed)
        return failed;
    if (result)
        *result = task;
    gate__sched_ready_anywhere(task);
    return 0;
}

int gate__task_make(gate_runtime *runtime, const struct gate_task_config *config, void (*gone)(void *argument),
                    gate_task **task) {
    int failed = make(runtime, config, &detached, task);
    if (!failed)
        (*task)->gone = gone;
    return failed;
}

void gate__task_start(gate_task *task) {
    gate__sched_ready_anywhere(task);
}

void gate__task_discard(gate_task *task) {
    gate__switch_forget(task);
    give_back(task);
}

/* Nobody joins it: whoever made it may want to know. */
static void forget(gate_task *task) {
    void (*gone)(void *) = task->gone;
    void *argument = task->argument;
    give_back(task);
    if (__builtin_expect(gone != NULL, 0))
        gone(argument);
}

bool gate__task_free_at_once(gate_task *task, struct gate__slot *slot) {
    bool may = gate__task_is_detached(task) && !task->gone && slot->free_count < GATE__KEPT_WITH_SLOT &&
               task->stack.size == task->runtime->usual_size;
    return may && keep(task, slot);
}

void gate__task_finish(gate_task *task) {
    gate__switch_forget(task);
    atomic_store_explicit(&task->state, GATE__DONE, memory_order_release);
    gate__switch_release(task);
    /* From here on the task belongs to whoever joins it: nothing else may be read from it. The joiner
     * can't go on, and free itself, before this wake, the only one it waits for. */
    gate_task *joiner = gate__task_is_detached(task) ? &detached : atomic_exchange(&task->end, &ended);
    if (joiner == &detached)
        forget(task);
    else if (joiner)
        gate__task_wake(joiner, GATE__WAKE_JOIN);
}

bool gate__task_is_detached(gate_task *task) {
    return atomic_load_explicit(&task->end, memory_order_acquire) == &detached;
}

/* Looking at tasks, which go on meanwhile: one that is freed and made anew is seen as one of the two. */

static const char *name_of(const char *name) {
    return name ? name : "a function";
}

void *gate__task_call(gate_task *task) {
    gate_m *m = atomic_load(&task->on);
    void *call = m ? atomic_load(&m->call) : GATE__M_RUNNING;
    return gate__m_says_which(call) ? call : atomic_load(&task->call);
}

const char *gate__task_where(gate_task *task) {
    const char *where = atomic_load_explicit(&task->where, memory_order_relaxed);
    const struct gate__listed *call = gate__task_call(task);
    return where || !call ? where : name_of(call->function->name);
}

/* The name of the function that a call is listed by, and whether there is one. The system reads it, which fails and
 * doesn't fault. */
static bool read_name(uintptr_t call, uintptr_t *name) {
    uintptr_t function;
    return gate__os_read_word(call + offsetof(struct gate__listed, function), &function) &&
           gate__os_read_word(function + offsetof(struct gate__listed_function, name), name);
}

enum { TRIES = 64 };

/* What was read is of that call if it is listed after, too. */
const char *gate__task_look_where(gate_task *task) {
    for (int i = 0; i < TRIES; i++) {
        uintptr_t name;
        const char *where = atomic_load(&task->where);
        void *call = gate__task_call(task);
        if (where || !call)
            return where;
        if (read_name((uintptr_t)call, &name) && gate__task_call(task) == call)
            return name_of((const char *)name);
    }
    return name_of(NULL);
}

/* What one look finds, in whole words, so that two looks can be compared. */
struct look {
    uint64_t state;
    gate_m *on;
    void *call;                      /* which that M doesn't tell of */
    uint64_t is_in_call, is_outside; /* of that M */
    const char *where;
    void *host;
    uint64_t number, name[4];
};

static void look_at(gate_task *task, struct look *look) {
    look->state = atomic_load(&task->state) & GATE__STATES;
    look->call = atomic_load(&task->call);
    look->on = atomic_load(&task->on);
    look->is_in_call = look->on && gate__m_says_in_call(atomic_load(&look->on->call));
    look->is_outside = look->on && gate__m_is_outside(look->on);
    look->where = atomic_load(&task->where);
    look->host = atomic_load(&task->host);
    look->number = atomic_load(&task->number);
    for (int i = 0; i < 4; i++)
        look->name[i] = atomic_load(&task->name[i]);
}

/* Looks until it finds the same twice: the parts of one look can be of different moments. */
static void look_twice(gate_task *task, struct look *look) {
    struct look before;
    look_at(task, look);
    do {
        before = *look;
        look_at(task, look);
    } while (memcmp(&before, look, sizeof before) != 0);
}

static enum gate_task_state state_in(const struct look *look) {
    if (look->state == GATE__PARKED)
        return GATE_TASK_PARKED;
    if (look->state == GATE__DONE)
        return GATE_TASK_ENDED;
    if (!look->on)
        return GATE_TASK_READY;
    if (look->is_outside)
        return GATE_TASK_OUTSIDE;
    return look->is_in_call || look->call ? GATE_TASK_IN_CALL : GATE_TASK_RUNNING;
}

struct visit {
    gate__task_visitor *fn;
    void *argument;
};

/* An M that a task is on lives as long as the runtime's lock is held. */
static void visit_task(const struct visit *visit, gate_task *task, size_t stack_size) {
    struct look look;
    look_twice(task, &look);
    if (look.state == GATE__FREE)
        return;
    struct gate_task_info info = {
        .number = look.number,
        .state = state_in(&look),
        .thread = look.on ? look.on->number : 0,
        .stack_size = stack_size,
        .host = look.host,
    };
    if (info.state == GATE_TASK_PARKED)
        info.where = look.where;
    else if (info.state == GATE_TASK_IN_CALL)
        info.where = gate__task_look_where(task);
    memcpy(info.name, look.name, sizeof info.name);
    visit->fn(visit->argument, task, &info);
}

static void visit_stack(void *visit, struct gate__stack stack) {
    visit_task(visit, task_in(stack), stack.size);
}

void gate__task_visit(gate_runtime *runtime, gate__task_visitor *fn, void *argument) {
    struct visit visit = {fn, argument};
    for (gate_m *m = runtime->roots; m; m = m->all_next) {
        if (m->root)
            visit_task(&visit, m->root, 0);
    }
    for (unsigned class = 0; class < GATE__STACK_CLASSES; class ++)
        gate__stack_visit(&runtime->stacks[class], visit_stack, &visit);
}

void gate__task_describe(const struct gate_task_info *info, char *buffer, size_t size) {
    static const char *const words[] = {
        [GATE_TASK_READY] = "ready",   [GATE_TASK_RUNNING] = "running", [GATE_TASK_IN_CALL] = "in a call",
        [GATE_TASK_PARKED] = "parked", [GATE_TASK_OUTSIDE] = "outside", [GATE_TASK_ENDED] = "ended, not joined",
    };
    const char *joint = info->state == GATE_TASK_PARKED ? ": " : " of ";
    snprintf(buffer, size, "'%s' (#%llu) %s%s%s", info->name, (unsigned long long)info->number, words[info->state],
             info->where ? joint : "", info->where ? info->where : "");
}

GATE__COLD_CODE void gate__task_misuse(const gate_m *m, const char *function, const char *how) {
    if (m && m->task)
        gate__fatal(function, "%s, in task '%s' (#%llu)", how, gate_task_name(m->task),
                    (unsigned long long)gate_task_number(m->task));
    gate__fatal(function, "%s", how);
}

static _Noreturn GATE__COLD_CODE void refuse(const gate_m *m, const char *function) {
    const char *how = "called outside a task";
    if (m && gate__trap_on_signal_stack(m))
        how = "called from a signal handler";
    else if (m && m->task)
        how = "called from C, without a slot";
    gate__task_misuse(m, function, how);
}

inline gate_m *gate__task_running(const char *function) {
    gate_m *m = gate__m();
    bool runs = gate__m_runs(m) && m->task;
    if (__builtin_expect(!runs || gate__trap_on_signal_stack(m), 0))
        refuse(m, function);
    return m;
}

/* A task that a host has given to function. */
static gate_task *given(gate_task *task, const char *function) {
    if (!task)
        gate__fatal(function, "no task was given");
    return task;
}

bool gate__task_is_gone(gate_task *task) {
    return (atomic_load_explicit(&task->state, memory_order_relaxed) & GATE__STATES) == GATE__FREE;
}

int gate_task_join(gate_task *task, void **result) {
    gate_m *m = gate__task_running("gate_task_join");
    gate_task *nobody = NULL;
    if (given(task, "gate_task_join") == m->task)
        return -EDEADLK;
    if (gate__task_is_gone(task))
        return -ESRCH;
    if (atomic_compare_exchange_strong(&task->end, &nobody, m->task))
        gate__sched_park(m, GATE__WAKE_JOIN, "join");
    else if (nobody != &ended)
        return -EBUSY;
    gate__switch_acquire(task);
    if (result)
        *result = task->result;
    give_back(task);
    return 0;
}

void gate_task_detach(gate_task *task) {
    gate_task *nobody = NULL;
    if (gate__task_is_gone(given(task, "gate_task_detach")) ||
        atomic_compare_exchange_strong(&task->end, &nobody, &detached))
        return;
    if (nobody != &ended)
        gate__fatal("gate_task_detach", "the task is being joined, or is detached");
    give_back(task);
}

/* Whether the running task is that of the thread that started its runtime. */
static bool is_mains(const gate_m *m) {
    return m->task == m->root && !m->adopted;
}

/* Tells the thread that started the runtime, should it end, of a task that goes there; or hears of that end. */
static void announce_guest(gate_task *task, gate_m *main) {
    atomic_store_explicit(&task->home, main, memory_order_relaxed);
    gate__foreign_light_barrier();
    if (!main || !atomic_load(&task->runtime->starter))
        gate__fatal("gate_task_enter_main",
                    "the thread that started the runtime has ended, or is not in this forked process");
}

void gate_task_enter_main(void) {
    gate_m *m = gate__task_running("gate_task_enter_main");
    gate_m *main = atomic_load(&m->runtime->starter);
    gate_task *task = m->task;
    if (task->home || is_mains(m))
        return;
    if (gate__m_keeps_task(m))
        gate__fatal("gate_task_enter_main",
                    "the task has to stay on its thread: it is pinned, in a callback, or a thread's own");
    announce_guest(task, main);
    task->bound = main;
    gate__sched_move(m, NULL);
}

void gate_task_leave_main(void) {
    gate_m *m = gate__task_running("gate_task_leave_main");
    gate_task *task = m->task;
    if (is_mains(m))
        return;
    if (gate__m_keeps_task(m) || !task->home)
        gate__fatal("gate_task_leave_main", "the task is pinned, or has not asked for the main thread");
    task->bound = NULL;
    atomic_store_explicit(&task->home, NULL, memory_order_relaxed);
    gate__sched_move(m, NULL);
}

int gate_task_should_yield(void) {
    gate_m *m = gate__m();
    if (!gate__m_runs(m) || !m->slot)
        return 0;
    uint32_t asked = atomic_load_explicit(&m->slot->poll, memory_order_relaxed);
    return (asked & (GATE__POLL_YIELD | GATE__POLL_STOP)) != 0;
}

void gate_task_park(const char *why) {
    gate__sched_park(gate__task_running("gate_task_park"), GATE__WAKE_HOST, why);
}

void gate_task_sleep(uint64_t nanoseconds) {
    gate_m *m = gate__task_running("gate_task_sleep");
    if (nanoseconds == 0)
        return;
    gate__timer_set(m->task, gate__timer_after(nanoseconds));
    gate__sched_park(m, GATE__WAKE_TIMER, "sleep");
}

int gate__task_park_for(gate_m *m, uint32_t wake, const char *why, uint64_t nanoseconds) {
    gate_task *task = m->task;
    gate__timer_set(task, gate__timer_after(nanoseconds));
    gate__sched_park(m, wake | GATE__WAKE_TIMER, why);
    if (gate__timer_cancel(task))
        return 0;
    /* The timer has given its wake. If that is still there, it was the other that ended the park. */
    if (atomic_fetch_and(&task->state, ~(uint32_t)GATE__WAKE_TIMER) & GATE__WAKE_TIMER)
        return 0;
    return atomic_fetch_and(&task->state, ~wake) & wake ? 0 : -ETIMEDOUT;
}

int gate_task_park_for(const char *why, uint64_t nanoseconds) {
    return gate__task_park_for(gate__task_running("gate_task_park_for"), GATE__WAKE_HOST, why, nanoseconds);
}

int gate_task_ready(gate_task *task) {
    return gate__task_wake(given(task, "gate_task_ready"), GATE__WAKE_HOST);
}

int gate__task_give_wake(gate_task *task, uint32_t wake, bool *waits) {
    gate__switch_release(task);
    uint32_t word = atomic_load(&task->state);
    for (;;) {
        if (word & wake)
            return -EALREADY;
        if ((word & GATE__STATES) == GATE__DONE || (word & GATE__STATES) == GATE__FREE)
            return -ESRCH;
        bool parked = (word & GATE__STATES) == GATE__PARKED && (word & wake << GATE__AWAITS);
        uint32_t next = parked ? GATE__LIVE | (word & GATE__WAKES) : word | wake;
        if (atomic_compare_exchange_weak(&task->state, &word, next)) {
            *waits = parked; /* not before: others may have woken it, and given this very wake, since the look */
            return 0;
        }
    }
}

int gate__task_wake(gate_task *task, uint32_t wake) {
    bool waits = false;
    int failed = gate__task_give_wake(task, wake, &waits);
    if (waits)
        gate__sched_ready(task);
    return failed;
}

gate_task *gate_task_current(void) {
    gate_m *m = gate__m();
    return m ? m->task : NULL;
}

const char *gate_task_name(const gate_task *task) {
    return (const char *)(uintptr_t)task->name;
}

uint64_t gate_task_number(const gate_task *task) {
    return task->number;
}

void *gate_task_host(const gate_task *task) {
    return atomic_load_explicit(&task->host, memory_order_relaxed);
}

void gate_task_set_host(gate_task *task, void *host) {
    atomic_store_explicit(&task->host, host, memory_order_relaxed);
}

size_t gate_task_stack_used(const gate_task *task) {
    return task->stack.base ? gate__stack_used(&task->stack) : 0;
}
