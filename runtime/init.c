/* Runtimes: their start and stop, who still uses one, which tasks are in one, and the settings from the environment.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

enum { MOST_SLOTS = 1024, DEFAULT_MOST_THREADS = 10000 };

static struct gate__lock runtimes_lock = GATE__LOCK_INITIAL(GATE__RANK_RUNTIMES);
static gate_runtime *runtimes; /* those that are started, the first first */

struct gate__settings gate__settings = {.membarrier = 1, .guardpages = 1, .annotations = 1, .pointercheck = -1};

static const struct {
    const char *name;
    int *value;
} settings[] = {
    {"membarrier", &gate__settings.membarrier},   {"guardpages", &gate__settings.guardpages},
    {"annotations", &gate__settings.annotations}, {"schedtrace", &gate__settings.schedtrace},
    {"calltrace", &gate__settings.calltrace},     {"leaf", &gate__settings.leaf},
    {"callstats", &gate__settings.callstats},     {"chrometrace", &gate__settings.chrometrace},
    {"stackpoison", &gate__settings.stackpoison}, {"pointercheck", &gate__settings.pointercheck},
};

/* The setting that "name=value", of length bytes, is about; NULL for none. */
static int *find_setting(const char *text, size_t length) {
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        size_t name = strlen(settings[i].name);
        if (length > name && text[name] == '=' && strncmp(text, settings[i].name, name) == 0)
            return settings[i].value;
    }
    return NULL;
}

static void refuse_setting(const char *text, size_t length) {
    fprintf(stderr, "callgate: GATE_DEBUG has no setting like '%.*s', but, with commas between,", (int)length, text);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        fprintf(stderr, " %s=N", settings[i].name);
    fputs("\n", stderr);
}

static void take_setting(const char *text, size_t length) {
    int *setting = find_setting(text, length);
    const char *digits = setting ? strchr(text, '=') + 1 : text;
    char *end;
    long value = strtol(digits, &end, 10);
    if (!setting)
        refuse_setting(text, length);
    else if (end == digits || end != text + length || value < INT_MIN || value > INT_MAX)
        fprintf(stderr, "callgate: GATE_DEBUG: '%.*s' is ignored: the value is no number, or too large\n", (int)length,
                text);
    else
        *setting = (int)value;
}

void gate__init_read_settings(void) {
    const char *at = getenv("GATE_DEBUG");
    while (at && *at) {
        size_t length = strcspn(at, ",");
        take_setting(at, length);
        at += length + (at[length] == ',');
    }
    if (gate__settings.calltrace | gate__settings.leaf | gate__settings.callstats | gate__settings.chrometrace)
        atomic_fetch_or(&gate__os_watch.by.reasons, GATE__WATCH_TIMES);
}

void gate__init_settings(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, gate__init_read_settings);
}

void *gate__init_allocate(const struct gate_runtime_config *config, size_t size) {
    bool hosts = config && config->hooks.allocate;
    void *memory = hosts ? config->hooks.allocate(config->host, size) : malloc(size);
    return memory ? memset(memory, 0, size) : NULL;
}

void gate__init_deallocate(const struct gate_runtime_config *config, void *memory, size_t size) {
    if (memory && config && config->hooks.deallocate)
        config->hooks.deallocate(config->host, memory, size);
    else
        free(memory);
}

/* With room to align them. */
static size_t size_of_slots(const struct gate_runtime_config *config) {
    return (config->slots + 1) * sizeof(struct gate__slot);
}

void gate__init_retain(gate_runtime *runtime) {
    atomic_fetch_add(&runtime->references, 1);
}

static void free_roots(gate_task *root) {
    for (gate_task *next; root; root = next) {
        next = root->next;
        gate__task_free_root(root);
    }
}

void gate__init_release(gate_runtime *runtime) {
    if (atomic_fetch_sub(&runtime->references, 1) == 1) {
        struct gate_runtime_config config = runtime->config;
        free_roots(runtime->ended_roots);
        free_roots(runtime->dropped_roots);
        gate__semaphore_destroy(&runtime->world.stopped);
        gate__semaphore_destroy(&runtime->monitor.wake);
        gate__init_deallocate(&config, runtime->slot_memory, size_of_slots(&config));
        gate__init_deallocate(&config, runtime, sizeof *runtime);
    }
}

gate_runtime *gate__init_first(void) {
    gate__lock(&runtimes_lock);
    gate_runtime *first = runtimes;
    if (first)
        gate__init_retain(first);
    gate__unlock(&runtimes_lock);
    return first;
}

void gate__init_visit_tasks(gate__task_visitor *fn, void *argument) {
    gate__lock(&runtimes_lock);
    for (gate_runtime *runtime = runtimes; runtime; runtime = runtime->next) {
        gate__lock(&runtime->lock);
        gate__task_visit(runtime, fn, argument);
        gate__unlock(&runtime->lock);
    }
    gate__unlock(&runtimes_lock);
}

static void enlist(gate_runtime *runtime) {
    gate__lock(&runtimes_lock);
    gate_runtime **link = &runtimes;
    while (*link)
        link = &(*link)->next;
    *link = runtime;
    gate__unlock(&runtimes_lock);
}

static void delist(gate_runtime *runtime) {
    gate__lock(&runtimes_lock);
    gate_runtime **link = &runtimes;
    while (*link != runtime)
        link = &(*link)->next;
    *link = runtime->next;
    gate__unlock(&runtimes_lock);
}

static bool is_started(const gate_runtime *runtime) {
    gate_runtime *each = runtimes;
    while (each && each != runtime)
        each = each->next;
    return each != NULL;
}

/* Whoever forks may belong to a runtime that is being stopped. */
void gate__init_hold(const gate_m *own) {
    gate__lock_hold(&runtimes_lock);
    for (gate_runtime *runtime = runtimes; runtime; runtime = runtime->next)
        gate__lock_hold(&runtime->lock);
    for (const gate_m *m = own; m; m = m->thread_next) {
        if (!is_started(m->runtime))
            gate__lock_hold(&m->runtime->lock);
    }
}

void gate__init_let_go(const gate_m *own) {
    for (const gate_m *m = own; m; m = m->thread_next) {
        if (!is_started(m->runtime))
            gate__lock_let_go(&m->runtime->lock);
    }
    for (gate_runtime *runtime = runtimes; runtime; runtime = runtime->next)
        gate__lock_let_go(&runtime->lock);
    gate__lock_let_go(&runtimes_lock);
}

static bool has_one_in(const gate_m *own, const gate_runtime *runtime) {
    while (own && own->runtime != runtime)
        own = own->thread_next;
    return own != NULL;
}

gate_runtime *gate__init_forsake(const gate_m *own) {
    gate_runtime *others = NULL;
    for (gate_runtime **link = &runtimes; *link;) {
        gate_runtime *runtime = *link;
        if (has_one_in(own, runtime)) {
            link = &runtime->next;
            continue;
        }
        *link = runtime->next;
        runtime->next = others;
        others = runtime;
    }
    return others;
}

/* The memory entry points alone need it, too: this file is in every program that uses one. */
__attribute__((constructor)) static void attend_forks(void) {
    gate__os_at_fork(gate__fork_before, gate__fork_after, gate__fork_after_in_child);
}

/* Memory and slots of a runtime, all slots idle. */
static gate_runtime *make(const struct gate_runtime_config *config) {
    gate_runtime *runtime = gate__init_allocate(config, sizeof *runtime);
    void *memory = gate__init_allocate(config, size_of_slots(config));
    if (!runtime || !memory) {
        gate__init_deallocate(config, runtime, sizeof *runtime);
        gate__init_deallocate(config, memory, size_of_slots(config));
        return NULL;
    }
    uintptr_t alignment = _Alignof(struct gate__slot), aligned = ((uintptr_t)memory + alignment - 1) & -alignment;
    struct gate__slot *slots = (struct gate__slot *)aligned;
    runtime->slot_memory = memory;
    runtime->config = *config;
    runtime->slots = slots;
    runtime->slot_count = config->slots;
    runtime->signal_mask = gate__os_signal_mask();
    gate__lock_init(&runtime->lock, GATE__RANK_RUNTIME);
    gate__lock_init(&runtime->ready_lock, GATE__RANK_LEAF);
    gate__lock_init(&runtime->timers.lock, GATE__RANK_LEAF);
    gate__semaphore_init(&runtime->world.stopped);
    gate__semaphore_init(&runtime->monitor.wake);
    for (unsigned class = 0; class < GATE__STACK_CLASSES; class ++)
        gate__stack_pool_init(&runtime->stacks[class], (size_t)GATE__STACK_LEAST << class, &runtime->config);
    runtime->usual_class = gate__stack_class(config->task_stack_size);
    runtime->usual_size = runtime->stacks[runtime->usual_class].size;
    runtime->idle_end = &runtime->idle_slots;
    for (uint32_t i = 0; i < config->slots; i++) {
        slots[i].runtime = runtime;
        slots[i].index = i;
        gate__sched_prepare_queue(&slots[i]);
        gate__sched_add_idle(&slots[i]);
    }
    atomic_init(&runtime->workers.late_at, GATE__TIMER_NEVER);
    runtime->workers.patience = GATE__LATE_THREAD;
    atomic_init(&runtime->references, 1);
    return runtime;
}

/* The threads that a runtime has from its start: one worker, so that work always finds a thread in
 * the end, and the monitor. */
static int begin_threads(gate_runtime *runtime) {
    int failed = gate__worker_start(runtime);
    if (!failed)
        failed = gate__monitor_start(runtime);
    if (failed)
        gate__worker_end_all(runtime);
    return failed;
}

/* The starter's M goes, and nobody has its slot any more. */
static void drop_starter(gate_m *m) {
    gate__sched_let_go(m);
    gate__m_drop_root(m);
}

/* What all runtimes of a process share. */
static void prepare_process(void) {
    gate__init_settings();
    gate__switch_init();
    gate__stack_init();
    gate__foreign_init();
    gate__trap_init();
}

int gate_runtime_start(const struct gate_runtime_config *given, gate_runtime **result, gate_error *error) {
    struct gate_runtime_config config = given ? *given : (struct gate_runtime_config){0};
    config.slots = config.slots ? config.slots : 1;
    config.task_stack_size = config.task_stack_size ? config.task_stack_size : GATE__DEFAULT_STACK;
    config.most_threads = config.most_threads ? config.most_threads : DEFAULT_MOST_THREADS;
    config.interrupt_signal = config.interrupt_signal ? config.interrupt_signal : SIGURG;
    if (gate__m_known())
        return gate__fail(error, -EALREADY, "this thread already belongs to a runtime");
    if (config.slots > MOST_SLOTS)
        return gate__fail(error, -EINVAL, "%u slots asked for, at most %d are possible", config.slots, MOST_SLOTS);
    if (!config.hooks.allocate != !config.hooks.deallocate)
        return gate__fail(error, -EINVAL, "the hooks allocate and deallocate are given together or not at all");
    if (config.task_stack_size < GATE__STACK_LEAST)
        return gate__fail(error, -EINVAL, "task stacks of %zu bytes asked for, the least is %d", config.task_stack_size,
                          GATE__STACK_LEAST);
    if (!gate__interrupt_may_use(config.interrupt_signal))
        return gate__fail(error, -EINVAL, "signal %d can't be the one for interrupts", config.interrupt_signal);
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, prepare_process);
    gate_runtime *runtime = make(&config);
    if (!runtime)
        return gate__fail(error, -ENOMEM, "no memory for a runtime of %u slots", config.slots);
    gate_m *starter;
    int failed = gate__m_make_root(runtime, false, &starter);
    if (failed) {
        gate__init_release(runtime);
        return gate__fail(error, failed, "no memory for the starting thread's M");
    }
    atomic_store(&runtime->starter, starter);
    gate__lock(&runtime->lock);
    gate__sched_take_idle(starter);
    gate__unlock(&runtime->lock);
    failed = begin_threads(runtime);
    if (failed) {
        drop_starter(starter);
        gate__init_release(runtime);
        return gate__fail(error, failed, "the runtime's threads can't be created: %s", strerror(-failed));
    }
    if (config.allow_writable_code)
        gate__mem_allow_writable_code();
    enlist(runtime);
    *result = runtime;
    return 0;
}

/* The tasks for which a stop has to wait. */
struct leftovers {
    gate_runtime *runtime;
    unsigned count;
    size_t used;
    char places[sizeof((gate_error *)0)->message]; /* the first of them */
};

/* Every one but the caller, those that have ended and belong to nobody, and threads that are outside. */
static bool is_left(const gate_runtime *runtime, gate_task *task, enum gate_task_state state) {
    if (task == atomic_load(&runtime->starter)->root || state == GATE_TASK_OUTSIDE)
        return false;
    return state != GATE_TASK_ENDED || !gate__task_is_detached(task);
}

static void note_leftover(void *argument, gate_task *task, const struct gate_task_info *info) {
    struct leftovers *left = argument;
    char place[120];
    if (!is_left(left->runtime, task, info->state))
        return;
    gate__task_describe(info, place, sizeof place);
    if (left->used + strlen(place) + 40 < sizeof left->places)
        left->used += (size_t)snprintf(left->places + left->used, sizeof left->places - left->used, "%s%s",
                                       left->count ? ", " : "", place);
    left->count++;
}

/* No thread lingers any more: those outside have to come in, which fails once it stops. Their slots, linked by
 * idle_next. The runtime's lock is held. */
static struct gate__slot *reclaim_all(gate_runtime *runtime) {
    struct gate__slot *slot, *all = NULL;
    while ((slot = gate__foreign_reclaim(runtime)) != NULL) {
        slot->idle_next = all;
        all = slot;
    }
    return all;
}

/* Stops what can come: returns 0. If tasks are left, says how many and where the first of them are,
 * and returns how many. */
static unsigned close_or_describe(gate_runtime *runtime, gate_error *error) {
    struct leftovers left = {.runtime = runtime};
    gate__lock(&runtime->lock);
    struct gate__slot *reclaimed = reclaim_all(runtime);
    gate__task_visit(runtime, note_leftover, &left);
    atomic_store(&runtime->stopping, left.count == 0);
    gate__unlock(&runtime->lock);
    gate__sched_hand_on_all(reclaimed);
    if (left.count)
        gate__fail(error, -EBUSY, "%u task%s left: %s", left.count, left.count == 1 ? " is" : "s are", left.places);
    return left.count;
}

/* The root task of a thread that was adopted, off that thread, which goes on or has ended meanwhile; NULL when none has
 * one. The runtime's lock is held. */
static gate_task *find_root(gate_runtime *runtime, bool *announced) {
    gate_task *root = runtime->ended_roots;
    gate_m *m = runtime->roots;
    *announced = root != NULL;
    if (root) {
        runtime->ended_roots = root->next;
        return root;
    }
    while (m && (!m->adopted || !m->root))
        m = m->all_next;
    if (m) {
        root = m->root;
        *announced = m->announced;
        m->root = NULL;
    }
    return root;
}

/* Takes one of those. It lives as long as the thread's M: the thread may be in a gate_call outside all handlers. */
static gate_task *take_root(gate_runtime *runtime, bool *announced) {
    gate__lock(&runtime->lock);
    gate_task *root = find_root(runtime, announced);
    if (root) {
        root->next = runtime->dropped_roots;
        runtime->dropped_roots = root;
    }
    gate__unlock(&runtime->lock);
    return root;
}

/* Adopted threads live on, but the host may be gone when they end: it hears of their end now. */
static void drop_adopted(gate_runtime *runtime) {
    void (*drop)(void *, gate_task *) = runtime->config.hooks.thread_drop;
    gate_task *root;
    bool announced;
    while ((root = take_root(runtime, &announced)) != NULL) {
        if (announced && drop)
            drop(runtime->config.host, root);
    }
}

int gate_runtime_stop(gate_runtime *runtime, gate_error *error) {
    gate_m *m = gate__m();
    if (!m || m != runtime->starter || m->task != m->root)
        return gate__fail(error, -EPERM,
                          "a runtime is stopped by the thread that started it, in that thread's own task");
    if (m->pins || m->task->arrival)
        gate__fatal("gate_runtime_stop", "called from a callback, or with the M held");
    if (atomic_load(&m->call) != GATE__M_RUNNING || atomic_load(&m->task->call))
        gate__fatal("gate_runtime_stop", "called from a foreign call, which has to return to the runtime");
    if (close_or_describe(runtime, error))
        return -EBUSY;
    delist(runtime);
    gate__worker_end_all(runtime);
    gate__monitor_stop(runtime);
    drop_adopted(runtime);
    while (atomic_load(&runtime->returning)) /* by somebody whose task has been freed since */
        gate__os_relax();
    for (unsigned class = 0; class < GATE__STACK_CLASSES; class ++)
        gate__stack_pool_destroy(&runtime->stacks[class]);
    drop_starter(m);
    gate__init_release(runtime);
    return 0;
}

struct list {
    struct gate_task_info *infos;
    size_t room, count;
};

static void list_one(void *argument, gate_task *task, const struct gate_task_info *info) {
    struct list *list = argument;
    (void)task;
    if (list->count < list->room)
        list->infos[list->count] = *info;
    list->count++;
}

size_t gate_runtime_list(gate_runtime *runtime, struct gate_task_info *infos, size_t room) {
    struct list list = {infos, room, 0};
    gate__lock(&runtime->lock);
    gate__task_visit(runtime, list_one, &list);
    gate__unlock(&runtime->lock);
    return list.count;
}
