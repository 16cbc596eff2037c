/* The runtime's own map: its structures, and what each of its files offers the others.
 *
 * Tags say where a function may run:
 *   [any]           any thread, any stack          [task, slot]     interpreter code
 *   [task, no slot] its call returned, or begins   [system stack]   no stackful task's stack
 *   [signal]        a signal handler               [fork]           a handler of a fork: no hook, no allocation
 *
 * Locks, in the order in which they may be taken (lock.c asserts it in debug builds):
 *   runtimes -> runtime -> queues, timers, stacks, regions
 * None is held while host code, a hook or a foreign function runs, nor across a switch.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_INTERNAL_H
#define CALLGATE_RUNTIME_INTERNAL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "arch/arch.h"
#include "layout.h"
#include "tuning.h"
#include "os/probe.h"
#include "heap.h"
#include "hooks.h"
#include "mem.h"
#include "region.h"
#include "runtime.h"

#ifndef GATE_DEBUG_LEVEL
#define GATE_DEBUG_LEVEL 0 /* 1: cheap assertions, 2: whole structures are checked as they change */
#endif

/* error.c: the ways in which things end */

/* Fills error in, if there is one, and returns code. [any] */
int gate__fail(gate_error *error, int code, const char *format, ...) __attribute__((format(__printf__, 3, 4)));
/* The host misused function: says how, and ends the process. [any] */
_Noreturn void gate__fatal(const char *function, const char *format, ...) __attribute__((format(__printf__, 2, 3)));
/* The runtime cannot go on: prints a constant string and the stack, and ends the process. [any] */
_Noreturn void gate__throw(const char *what);

#if GATE_DEBUG_LEVEL > 0
#define gate__assert(condition) ((condition) ? (void)0 : gate__throw("assertion failed: " #condition))
#else
#define gate__assert(condition) ((void)0)
#endif

/* lock.c: locks with ranks */

enum gate__rank { GATE__RANK_RUNTIMES = 1, GATE__RANK_RUNTIME, GATE__RANK_LEAF };

struct gate__lock {
    pthread_mutex_t mutex;
    enum gate__rank rank;
    struct gate__lock *next_kept; /* lock.c's */
};

#define GATE__LOCK_INITIAL(rank) \
    { PTHREAD_MUTEX_INITIALIZER, (rank), NULL }

void gate__lock_init(struct gate__lock *lock, enum gate__rank rank); /* [any] */
void gate__lock(struct gate__lock *lock);                            /* [any] */
void gate__unlock(struct gate__lock *lock);                          /* [any] */
/* The same over a fork, which holds several of a rank. [fork] */
void gate__lock_hold(struct gate__lock *lock);
void gate__lock_let_go(struct gate__lock *lock);
/* Has every fork from now on hold it, so that what it guards is whole in the child. [a constructor] */
void gate__lock_keep(struct gate__lock *lock);

/* A latch is a lock of one word, of the leaves' rank, for code that holds it for some tens of instructions
 * and has to be fast just behind a system call.
 *
 *   FREE --take--> TAKEN --take by another, which waits--> CONTENDED --drop wakes one--> FREE
 */
struct gate__latch {
    _Atomic uint32_t word;
};

enum { GATE__LATCH_FREE, GATE__LATCH_TAKEN, GATE__LATCH_CONTENDED };

void gate__lock_wait_for_latch(struct gate__latch *latch);
void gate__lock_wake_for_latch(struct gate__latch *latch);

#if GATE_DEBUG_LEVEL > 0
/* What the calling thread holds, for the ranks. [any] */
void gate__lock_note(enum gate__rank rank);
void gate__lock_note_unlock(enum gate__rank rank);
/* Fatal when the calling thread holds a lock of ours. [any] */
void gate__lock_assert_none(void);
#else
static inline void gate__lock_note(enum gate__rank rank) {
    (void)rank;
}
static inline void gate__lock_note_unlock(enum gate__rank rank) {
    (void)rank;
}
static inline void gate__lock_assert_none(void) {
}
#endif

static inline void gate__latch(struct gate__latch *latch) { /* [any] */
    uint32_t free = GATE__LATCH_FREE;
    gate__lock_note(GATE__RANK_LEAF);
    if (!atomic_compare_exchange_strong_explicit(&latch->word, &free, GATE__LATCH_TAKEN, memory_order_acquire,
                                                 memory_order_relaxed))
        gate__lock_wait_for_latch(latch);
}

static inline void gate__unlatch(struct gate__latch *latch) { /* [any] */
    if (atomic_exchange_explicit(&latch->word, GATE__LATCH_FREE, memory_order_release) == GATE__LATCH_CONTENDED)
        gate__lock_wake_for_latch(latch);
    gate__lock_note_unlock(GATE__RANK_LEAF);
}

/* semaphore.c: on which a thread waits */

struct gate__semaphore {
    sem_t system;
};

void gate__semaphore_init(struct gate__semaphore *semaphore);
void gate__semaphore_destroy(struct gate__semaphore *semaphore);
void gate__semaphore_post(struct gate__semaphore *semaphore); /* [any] */
void gate__semaphore_wait(struct gate__semaphore *semaphore); /* [any] */
/* Waits at most until deadline, of gate__os_now's clock; false when that has come. [any] */
bool gate__semaphore_wait_until(struct gate__semaphore *semaphore, uint64_t deadline);

/* pagemap.c: from a page's number to a pointer, read without a lock; region.c alone writes it */

enum { GATE__PAGEMAP_SHIFT = 12, GATE__PAGEMAP_BLOCK = 8192 };
#define GATE__PAGEMAP_PAGES ((uintptr_t)1 << (48 - GATE__PAGEMAP_SHIFT))

/* The pointer of a page, NULL for none. [any, signal] */
void *gate__pagemap_get(uintptr_t page);
/* The first page from page on that has a pointer; end if there is none before it. [any, signal] */
uintptr_t gate__pagemap_next(uintptr_t page, uintptr_t end);
/* Sets the pointer of pages first to end, which is even. Takes at most two blocks for each of the two ends
 * that no earlier range had. The callers of these exclude each other. */
void gate__pagemap_set(uintptr_t first, uintptr_t end, void *value);
/* The same for pages that have none; false, with nothing set, if one of them has. */
bool gate__pagemap_claim(uintptr_t first, uintptr_t end, void *value);
/* Memory that it may use for ever, page-aligned and zeroed; how many blocks are left; and one of them. */
void gate__pagemap_give(void *chunk, size_t length);
size_t gate__pagemap_spare(void);
void *gate__pagemap_take(void);

/* region.c: the table of what is mapped
 *
 * A change of the table cannot fail once the system has made its part. So memory is promised before:
 * expect, then the system call, then add or change, or forget if it failed. */

/* The mappings that a thread has made. */
struct gate__account;

/* A change is coming. 0, or the negative errno of mapping memory for it. [any] */
int gate__region_expect(void);
void gate__region_forget(void);
/* Whether the table can have these pages: not beyond 2^48. [any] */
bool gate__region_fits(const void *base, size_t length);
/* The pages from base on are mapped, whatever they were before. Keeps the promise. [any] */
struct gate__region_origin {
    const char *tag;
    const void *caller;
    enum gate_region_state state;
    int prot;
};
void gate__region_add(void *base, size_t length, const struct gate__region_origin *origin);
/* The same without a promise, for pages that were free and can be unmapped if this fails: -ENOMEM. [any] */
int gate__region_add_new(void *base, size_t length, const struct gate__region_origin *origin);
/* Takes pages out. -EINVAL, with nothing done, unless each of them is live; -ENOTSUP, likewise, when the system can't
 * unmap the part of a mapping that they are. [any] */
int gate__region_remove(void *base, size_t length);
/* Those of these pages that are live have another protection. Keeps the promise. [any] */
void gate__region_protect(void *base, size_t length, int prot);
/* They are in another state. Keeps the promise. [any] */
void gate__region_set_state(void *base, size_t length, enum gate_region_state state);
/* The state of the first byte, and how many bytes from there on are in the same. [any] */
size_t gate__region_run(const void *base, size_t length, enum gate_region_state *state);
/* Stores the first region from *at on, cut to what lies between *at and end, and moves *at behind it; false when there
 * is none. [any, signal] */
bool gate__region_next_part(const void **at, const void *end, struct gate_region *part);
/* An account for a new M, and its end. -ENOMEM. [any] */
int gate__region_open_account(uint64_t number, struct gate__account **account);
void gate__region_close_account(struct gate__account *account);
/* No thread changes anything between the two. [any, fork] */
void gate__region_hold(void);
void gate__region_let_go(void);
/* Asserts that index, records and counters agree. [any] */
void gate__region_validate(void);

/* mem.c: what the entry points in mem.h leave to the runtime */

struct sigaction;

/* Maps private pages that may be read and written, for use by the room that tag names. [any] */
int gate__mem_map(size_t length, const char *tag, void **base);
/* The same for a thread's stack, which no huge pages are to fill: at near, or wherever the system likes. [any] */
int gate__mem_map_stack(void *near, size_t length, const char *tag, void **base);
/* A part of a file, to be executed, in place of pages that are mapped. [any] */
int gate__mem_map_code(void *at, size_t length, const char *tag, int file, uint64_t offset);
/* As gate__mem_map with another protection, state and caller. [any] */
int gate__mem_map_as(size_t length, const struct gate__region_origin *origin, void **base);
/* The region table's own memory, which is not in the table. [any] */
int gate__mem_map_unlisted(size_t length, void **base);
/* Makes these pages read as zero, and gives their memory back, past the hooks: to all who list mappings they stay what
 * they are, private pages that may be read and written. [fork] */
void gate__mem_renew(void *base, size_t length);
/* Advice on several ranges at once, at most 64: by one system call where the system takes that and no hook is
 * registered. An error may leave some of them done. [any] */
struct gate__os_range;
int gate__mem_advise_all(const struct gate__os_range *ranges, size_t count, int advice);
/* Puts a layer of the library's above table, whose functions become *below. -EINVAL for a table that is smaller than
 * the library's or has only one of mmap and munmap; -EBUSY when *below is in use. [any] */
int gate__mem_begin_layer(struct gate_mem_hooks *table, struct gate_mem_hooks *below);
/* Installs a handler by the hook for that, or by the system. 0 or a negative errno. [any] */
int gate__mem_sigaction(int number, const struct sigaction *action, struct sigaction *old);
/* Pages may be writable and executable from now on. [any] */
void gate__mem_allow_writable_code(void);

/* stack.c: guarded stacks for tasks */

enum {
    GATE__STACK_LEAST_SHIFT = 14,
    GATE__STACK_LEAST = 1 << GATE__STACK_LEAST_SHIFT, /* bytes that a host may ask for */
    GATE__STACK_CLASSES = 32                          /* each twice the size of the one before */
};

struct gate__stack {
    char *base;  /* lowest usable address; the guard page ends here */
    size_t size; /* bytes; base + size is page-aligned, and the last words are stack.c's */
    struct gate__stack_chunk *chunk;
};

struct gate__stack_pool {
    struct gate__lock lock;
    size_t size; /* of each stack */
    const struct gate_runtime_config *config;
    struct gate__stack warm; /* linked through their last words; base NULL ends the list */
    size_t warm_count;
    size_t batch;                               /* how many the next refill makes warm */
    _Atomic(struct gate__stack_chunk *) chunks; /* what they are carved from, the newest first; read without the lock */
    struct gate__stack_chunk *open;             /* those that have stacks to hand out */
};

/* Chooses how stacks are guarded, once for the process, before there are any. [any] */
void gate__stack_init(void);
/* config, which may be NULL, says how to allocate what is not a stack. [any] */
void gate__stack_pool_init(struct gate__stack_pool *pool, size_t size, const struct gate_runtime_config *config);
/* Unmaps every stack, whose tasks are gone. [system stack] */
void gate__stack_pool_destroy(struct gate__stack_pool *pool);
/* No stack is in use any more but kept, which may be NULL or another pool's. The others read as zero, and are not
 * handed out again. [fork] */
void gate__stack_pool_forget(struct gate__stack_pool *pool, const struct gate__stack *kept);
/* The class of the smallest stacks with at least size bytes; GATE__STACK_CLASSES if there are none. [any] */
unsigned gate__stack_class(size_t size);
/* Gets a stack. Its content is what its last user left, or zero. -ENOMEM. [any] */
int gate__stack_get(struct gate__stack_pool *pool, struct gate__stack *stack);
/* Gives back a stack that nothing runs on. [any] */
void gate__stack_put(struct gate__stack_pool *pool, struct gate__stack stack);
/* Calls fn for each stack that was ever in use, and perhaps others, which are zero. [any] */
void gate__stack_visit(struct gate__stack_pool *pool, void (*fn)(void *argument, struct gate__stack stack),
                       void *argument);
/* Fills a stack that nothing runs on with a pattern, from its base up to end, for gate__stack_used. [any] */
void gate__stack_poison(const struct gate__stack *stack, const void *end);
/* Bytes from the upper end down to the lowest that was touched: since the stack was poisoned, if stackpoison is
 * set, else ever, in pages. Its user goes on. [any] */
size_t gate__stack_used(const struct gate__stack *stack);
/* Whether address lies in the guard below stack. [signal] */
bool gate__stack_guards(const struct gate__stack *stack, const void *address);

/* task.c: units of interpreter work
 *
 * A stackful task lies in the uppermost bytes of its own stack: a parked one costs the page that it is parked on,
 * and nothing else. Its state is one word: a state, the wakes that have come and not been taken, and, while it is
 * parked, the wake that it waits for. The arrows, with what takes them and where:
 *
 *            spawn [any]          park, once it is off its stack [its M]
 *   FREE ----------------> LIVE ----------------------------------------> PARKED
 *     ^                    |  ^                                             |
 *     |                    |  +---------------------------------------------+
 *     |   joined or        |                  wake [any]
 *     |   detached [any]   | exit, once it is off its stack [its M]
 *     +------------------ DONE
 *
 * A LIVE task runs, or is queued to run, or is in a call. A wake that finds it LIVE is left in the word: whoever
 * parks the task next sees it there. Bound tasks wait on their own thread.
 *
 *   queued in exactly one queue  <=>  LIVE, on no M, and not the next of one
 *   bound != NULL                <=>  a root task, or a guest of the main thread, or pins > 0 on bound, or it waits
 *                                     in a handler, whose C is on bound
 */
enum gate__task_state {
    GATE__FREE,
    GATE__LIVE,
    GATE__PARKED,
    GATE__DONE,
    GATE__STATES = 0xf, /* the part of the word that is the state */

    GATE__WAKE_HOST = 0x10, /* from gate_task_ready */
    GATE__WAKE_JOIN = 0x20, /* from the end of a joined task */
    GATE__WAKE_TIMER = 0x40,
    GATE__WAKE_CALL = 0x80, /* from the end of a call that another task makes: the bridge's */
    GATE__WAKES = 0xf0,
    GATE__AWAITS = 4 /* WAKE_x << AWAITS is in the word while PARKED for it */
};

/* What a host may ask of what went wrong in a task: the last of each sort. */
struct gate__mishaps {
    gate_trap trap;     /* guard.c's: signal 0 if there was none */
    gate_error refusal; /* the bridge's, of its pointer check: code 0 if there was none */
};

struct gate_task {
    void *sp;              /* valid while its M is on the system stack, or the task is off its M */
    _Atomic(void *) floor; /* from above it, on its own stack, calls in registers may be made: foreign.c */
    _Atomic(void *) call; /* the bridge's: a call that its M doesn't tell of, a struct gate__listed: leaf, or outside */
    _Atomic(const char *) where; /* what it is parked for; or what it calls, where no struct gate__listed says that */
    _Atomic uint32_t state;
    gate_m *bound;          /* the M that alone may run it, or NULL */
    _Atomic(gate_m *) home; /* the same, when it isn't pinned: it has asked for the main thread, or NULL */
    gate_task *next;        /* in a queue */
    gate_runtime *runtime;
    _Atomic(gate_m *) on;          /* the M that runs it, or has it in a call; for whoever lists tasks */
    struct gate__stack stack;      /* base NULL for a root task */
    _Atomic(void *) arrival;       /* the bridge's: the callback whose handler runs, for which it keeps its M */
    _Atomic uintptr_t short_way;   /* the bridge's: callback.c */
    int call_errno;                /* the bridge's: errno of its last foreign call */
    struct gate__mishaps *mishaps; /* task.c's; NULL until there is a use for it */
    _Atomic(void *) host;
    gate_task_main main; /* NULL for a root task */
    void *argument;
    void (*gone)(void *argument); /* called when it has ended and can't be told of any more, or NULL */
    void *result;
    uint64_t deadline; /* timer.c's, as the next three */
    gate_task *timer_child, *timer_next;
    gate_task **timer_link;   /* what points to it in the heap; NULL when it is in none */
    _Atomic(gate_task *) end; /* task.c's: who waits for its end, that nobody will, or that it has come */
    _Atomic uint64_t number;
    _Atomic uint64_t name[4];   /* up to 31 characters; written once, perhaps while somebody lists tasks */
    void (*first)(gate_task *); /* switch.c's, as the next three */
    void *tsan_fiber;
    void *asan_fake_stack;
    unsigned named_stack; /* Valgrind's name of its stack */
};

_Static_assert(offsetof(gate_task, sp) == GATE__TASK_SP, "layout.h");
_Static_assert(offsetof(gate_task, floor) == GATE__TASK_FLOOR, "layout.h");
_Static_assert(offsetof(gate_task, call) == GATE__TASK_CALL, "layout.h");
_Static_assert(offsetof(gate_task, where) == GATE__TASK_WHERE, "layout.h");
_Static_assert(offsetof(gate_task, arrival) == GATE__TASK_ARRIVAL, "layout.h");
_Static_assert(offsetof(gate_task, call_errno) == GATE__TASK_CALL_ERRNO, "layout.h");
_Static_assert(offsetof(gate_task, short_way) == GATE__TASK_SHORT_WAY, "layout.h");

/* What the runtime knows of a call that the bridge lists: the function, and its name. */
struct gate__listed {
    const struct gate__listed_function {
        const void *of_the_bridge[2];
        const char *name; /* NULL is "a function" */
    } * function;
};

/* Makes a detached task, which may run from gate__task_start on; or it is discarded. gone, which may not call the host,
 * is called when the runtime has no trace of it any more. -EINVAL, -ENOMEM, as gate_task_spawn. [any] */
int gate__task_make(gate_runtime *runtime, const struct gate_task_config *config, void (*gone)(void *argument),
                    gate_task **task);
void gate__task_start(gate_task *task);
void gate__task_discard(gate_task *task);
/* What is noted of task's mishaps: made for the first one, and the task's own. NULL when there is no memory. [task] */
struct gate__mishaps *gate__task_mishaps(gate_task *task);
/* Parks the running task until it gets wake, for so many nanoseconds at most: -ETIMEDOUT when they have passed without.
 * [task, slot] */
int gate__task_park_for(gate_m *m, uint32_t wake, const char *why, uint64_t nanoseconds);
/* A root task for m, and its end. NULL without memory. [any] */
gate_task *gate__task_make_root(gate_m *m);
void gate__task_free_root(gate_task *task);
/* What remains to be done once a task that has ended is off its stack: wakes its joiner. [any] */
void gate__task_finish(gate_task *task);
/* The same for the running task, while it is on its stack still: frees it if nobody waits for its end, and it can be
 * kept for the next spawn with slot, which has to be left with the stack; else false, with nothing done.
 * [task, slot] */
struct gate__slot;
bool gate__task_free_at_once(gate_task *task, struct gate__slot *slot);
/* Gives task a wake, and lets it run if it waits for that one. -EALREADY if it had it; -ESRCH once it has ended.
 * [any] */
int gate__task_wake(gate_task *task, uint32_t wake);
/* The same, but for that whoever calls has to queue the task if *waits. [any] */
int gate__task_give_wake(gate_task *task, uint32_t wake, bool *waits);
/* The host has called function on the thread of m, NULL for none, where it must not: says how, and names the task that
 * is there. [any] */
_Noreturn void gate__task_misuse(const gate_m *m, const char *function, const char *how);
/* The calling thread's M, which runs interpreter code: function demands it, and is named if not. [any] */
gate_m *gate__task_running(const char *function);
/* Calls fn with what is seen of each task that is not FREE, the roots first. They go on meanwhile: of the task itself
 * fn may use what is atomic. The runtime's lock is held. [any] */
typedef void gate__task_visitor(void *argument, gate_task *task, const struct gate_task_info *info);
void gate__task_visit(gate_runtime *runtime, gate__task_visitor *fn, void *argument);
/* Whether nobody will ask for it any more once it has ended. [any] */
bool gate__task_is_detached(gate_task *task);
/* Whether a fork has left it behind: what is left of it then is zero. [any] */
bool gate__task_is_gone(gate_task *task);
/* The same of any task: gate__m_call. [any] */
void *gate__task_call(gate_task *task);
/* What task is parked for, or the function that it calls; NULL for none. [its M, signal] */
const char *gate__task_where(gate_task *task);
/* The same of a task that goes on meanwhile: its calls may end, and what they were listed by be gone. [any] */
const char *gate__task_look_where(gate_task *task);
/* Writes "'name' (#1) parked: why". [any] */
void gate__task_describe(const struct gate_task_info *info, char *buffer, size_t size);

/* queue.c: tasks in the order in which they became ready
 *
 * A queue is changed by one at a time: under a lock, or as the run queue of a slot by its owner, whoever has the
 * slot. */

struct gate__queue {
    gate_task *head, *tail;
    _Atomic uint32_t count; /* written by whoever may change the list, read by all */
};

static inline void gate__queue_append(struct gate__queue *queue, gate_task *task) {
    task->next = NULL;
    if (queue->tail)
        queue->tail->next = task;
    else
        queue->head = task;
    queue->tail = task;
    uint32_t count = atomic_load_explicit(&queue->count, memory_order_relaxed);
    atomic_store_explicit(&queue->count, count + 1, memory_order_relaxed);
}

/* The first is taken out of a queue that isn't empty; NULL for one that is. */
static inline gate_task *gate__queue_take_first(struct gate__queue *queue) {
    gate_task *task = queue->head;
    queue->head = task->next;
    if (!queue->head)
        queue->tail = NULL;
    uint32_t count = atomic_load_explicit(&queue->count, memory_order_relaxed);
    atomic_store_explicit(&queue->count, count - 1, memory_order_relaxed);
    return task;
}
static inline gate_task *gate__queue_remove_first(struct gate__queue *queue) {
    return queue->head ? gate__queue_take_first(queue) : NULL;
}

/* Appends task, removes the first, and returns that, of a queue that isn't empty. */
static inline gate_task *gate__queue_rotate(struct gate__queue *queue, gate_task *task) {
    gate_task *first = queue->head;
    task->next = NULL;
    queue->tail->next = task;
    queue->tail = task;
    queue->head = first->next;
    return first;
}

/* A slot's, from which others steal. Its owner pays two stores and a load to use it; queue.c says how that is safe. */
struct gate__run_queue {
    struct gate__queue tasks;
    _Atomic uint32_t in_use; /* by the owner */
    _Atomic uint32_t care;   /* of enum gate__care */
    struct gate__lock theft;
};

/* What its owner has to heed. */
enum gate__care {
    GATE__CARE_THIEF = 1, /* one is at it: the owner has to lock it, too */
    GATE__CARE_LOCK = 2,  /* it always has to */
    GATE__CARE_HOOKS = 4, /* the host hears of each task that leaves or goes on: no two swap at once */
    GATE__CARE_LOCKS = GATE__CARE_THIEF | GATE__CARE_LOCK
};

/* Makes an empty one, with that to heed for ever; nobody looks at it yet. [any] */
void gate__queue_prepare(struct gate__run_queue *queue, uint32_t care);

/* Marks its use; what is to be heeded then. [slot] */
static inline uint32_t gate__queue_begin_use(struct gate__run_queue *queue) {
    atomic_store_explicit(&queue->in_use, 1, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    return atomic_load_explicit(&queue->care, memory_order_acquire);
}

static inline void gate__queue_end_use(struct gate__run_queue *queue) {
    atomic_store_explicit(&queue->in_use, 0, memory_order_release);
}

/* What push and pop do when the use has begun and the owner has to lock. */
void gate__queue_push_locked(struct gate__run_queue *queue, gate_task *task);
gate_task *gate__queue_pop_locked(struct gate__run_queue *queue);

static inline void gate__queue_push(struct gate__run_queue *queue, gate_task *task) { /* [slot] */
    if (__builtin_expect(gate__queue_begin_use(queue) & GATE__CARE_LOCKS, 0)) {
        gate__queue_push_locked(queue, task);
    } else {
        gate__queue_append(&queue->tasks, task);
        gate__queue_end_use(queue);
    }
}

/* NULL if there is none. */
static inline gate_task *gate__queue_pop(struct gate__run_queue *queue) { /* [slot] */
    if (atomic_load_explicit(&queue->tasks.count, memory_order_relaxed) == 0)
        return NULL;
    if (__builtin_expect(gate__queue_begin_use(queue) & GATE__CARE_LOCKS, 0))
        return gate__queue_pop_locked(queue);
    gate_task *task = gate__queue_remove_first(&queue->tasks);
    gate__queue_end_use(queue);
    return task;
}

/* Makes a task that was popped the first one again. [slot] */
void gate__queue_put_back(struct gate__run_queue *queue, gate_task *task);
/* How many tasks are in it, by one look. [any] */
static inline uint32_t gate__queue_count(const struct gate__run_queue *queue) {
    return atomic_load_explicit(&queue->tasks.count, memory_order_relaxed);
}
/* Moves half of the tasks to loot, most at most; half of an odd number has the odd one unless the last is spared.
 * [any] */
void gate__queue_steal(struct gate__run_queue *victim, struct gate__queue *loot, uint32_t most, bool spares_last);

/* The runtime's, from threads without a slot, or whose slot was taken. */
void gate__queue_push_global(gate_runtime *runtime, gate_task *task); /* [any] */
gate_task *gate__queue_pop_global(gate_runtime *runtime);             /* [slot] */
/* Takes task back; false if somebody has picked it already. [any] */
bool gate__queue_withdraw_global(gate_runtime *runtime, const gate_task *task);
/* Takes a task that is bound to a thread from wherever it is, by a walk through the queues; NULL if there is none.
 * [any] */
gate_task *gate__queue_take_bound(gate_runtime *runtime);
/* How many tasks wait for a slot, in all of a runtime's queues; most if there are more. [any] */
uint32_t gate__queue_waiting(gate_runtime *runtime, uint32_t most);
static inline bool gate__queue_any_waits(gate_runtime *runtime) {
    return gate__queue_waiting(runtime, 1) > 0;
}

/* m.c: threads */

/* Where a thread's interpreter code stands, written by that thread alone: the record of the foreign call that it is in, and
 * may lose the slot in, or one of these.
 *
 *   RUNNING   it runs interpreter code, or waits for a slot to do so
 *   OUTSIDE   C that the runtime did not call: an adopted thread between callbacks
 *   UNTOLD    a call that has no record, one of the library's own; or it lingers */
#define GATE__M_RUNNING ((void *)GATE__CALL_NONE)
#define GATE__M_OUTSIDE ((void *)GATE__CALL_OUTSIDE)
#define GATE__M_UNTOLD ((void *)GATE__CALL_UNTOLD)

/* Whether that is a call, in which it may lose the slot; and whether it says which. */
static inline bool gate__m_says_in_call(const void *call) {
    return (uintptr_t)call > GATE__CALL_OUTSIDE;
}
static inline bool gate__m_says_which(const void *call) {
    return (uintptr_t)call > GATE__CALL_UNTOLD;
}

/* What others did about a thread's call, written under the runtime's lock; not 0 when it is to see to that as it
 * leaves. */
enum gate__m_claim {
    GATE__CLAIM_NONE,
    GATE__CLAIM_ASKED = 1,      /* its slot is about to be taken, */
    GATE__CLAIM_TAKEN = 2,      /* or has been */
    GATE__CLAIM_INTERRUPTED = 4 /* signals are sent until it has left: interrupt.c */
};

/* Why a task left its stack: what has to be done with it by whoever comes next. */
enum gate__leave { GATE__LEAVE_YIELD, GATE__LEAVE_PARK, GATE__LEAVE_CALL, GATE__LEAVE_EXIT };

/* Where handlers run on a thread; base NULL for none. */
struct gate__signal_stack {
    void *base;
    size_t size;
};

/* A fault, to know it again. */
struct gate__fault {
    int signal; /* 0: none */
    uintptr_t pc, sp;
    const void *address;
    uint64_t task; /* its number; 0 in the scheduler */
};

/* The call that a thread is interrupted in; under the runtime's lock. */
struct gate__interrupt {
    bool active;
    uint64_t due, period; /* when the signal is sent again, and the time to the one after */
    gate_m *next;         /* another M with one */
};

/* One thread in one runtime. A thread has at most one M in each, and one of them is current. */
struct gate_m {
    void *system_sp;      /* where calls from a stackful task start; see switch.S */
    gate_task *task;      /* the running one; NULL in the scheduler */
    _Atomic(void *) call; /* the hand-off protocol's three words: foreign.c. A struct gate__listed, or none */
    _Atomic uint32_t claim;
    _Atomic uint32_t asked;  /* not 0 while its slot's poll word isn't, and perhaps later */
    struct gate__slot *slot; /* m->slot == s  <=>  s->holder == m; changes under the runtime's lock */
    int *error_number;       /* its thread's errno */
    gate_runtime *runtime;
    gate_task *root; /* NULL for a worker, and once the runtime has stopped */
    gate_task *left; /* sched.c's: the task that has just left this M's processor, and why */
    enum gate__leave leave;
    uint32_t pins;        /* acquires without their release, by its task */
    uint32_t awaits;      /* the wakes that it parks for */
    gate_task *given;     /* comes with a slot: the task to run */
    gate_task *waits_for; /* bound.c's, as the next two, under the runtime's lock: its task, which waits for a wake */
    gate_task *queued;    /* or a slot; which of those that are bound to it waits for a slot, in a queue as all do; */
    struct gate__queue later;    /* and those that are ready, and wait for the thread */
    struct gate__semaphore wake; /* posted with a slot, or to stop */
    _Atomic uint32_t lost;       /* slots that calls of this M have lost, */
    _Atomic uint64_t lost_at;    /* and when it was the last, if calls are watched: gate__os_now */
    struct gate__slot *expected; /* foreign.c's: the slot that was given up for a call that is expected to last, */
    uint64_t expected_at;        /* and when */
    bool adopted;
    _Atomic bool announced; /* the host's thread_adopt has been called for it */
    pthread_t thread;
    gate_m *idle_next; /* workers without a slot */
    uint32_t awaited;  /* worker.c's: by which wait */
    gate_m *all_next;
    gate_m *thread_next;         /* the same thread's, in other runtimes: m.c */
    uint32_t aside;              /* handlers of other runtimes after which it is its thread's current one again */
    _Atomic bool came_in;        /* from outside, by gate__foreign_come_in, and has not gone out since */
    _Atomic uint32_t visits;     /* foreign.c's: how often it came from outside since its slot was wanted, */
    _Atomic uint32_t lingers_at; /* and from which time on it lingers */
    void *stack_bottom;          /* the system stack: lowest address and size */
    size_t stack_size;
    uint64_t number;               /* from 1, never used twice in a process */
    struct gate__account *account; /* region.c's: what it has mapped */
    int thread_id;                 /* the system's number for its thread */
    void *alternate_stack;         /* trap.c's, as the next: memory for signal handlers */
    struct gate__signal_stack signal_stack, outer_signal_stack;
    struct gate__fault returned_from; /* trap.c's: the last of which an older handler has had the thread go on, */
    uintptr_t older_handler;          /* and below which frame one runs; 0: none has begun */
    struct gate__guard *guard;        /* guard.c's: the guarded call that C is in, with no callback below it */
    struct gate__interrupt interrupt; /* interrupt.c's */
    void *own_stack;                  /* worker.c's: what is mapped for its thread's stack, with a guard; or NULL */
    size_t own_stack_size;
    void *tsan_fiber; /* switch.c's, as the next two */
    void *asan_fake_stack;
    unsigned named_stack;
};

_Static_assert(offsetof(gate_m, system_sp) == GATE__M_SYSTEM_SP, "layout.h");
_Static_assert(offsetof(gate_m, task) == GATE__M_TASK, "layout.h");
_Static_assert(offsetof(gate_m, call) == GATE__M_CALL, "layout.h");
_Static_assert(offsetof(gate_m, claim) == GATE__M_CLAIM, "layout.h");
_Static_assert(offsetof(gate_m, asked) == GATE__M_ASKED, "layout.h");
_Static_assert(offsetof(gate_m, slot) == GATE__M_SLOT, "layout.h");
_Static_assert(offsetof(gate_m, error_number) == GATE__M_ERROR_NUMBER, "layout.h");

/* What is the thread's own: gate__m_current. */
struct gate__thread {
    gate_m *m;              /* the current one: gate__m */
    const gate_m *or_other; /* the same, or one for all threads that have none: gate__m_settle_none */
};

_Static_assert(offsetof(struct gate__thread, or_other) == GATE__THREAD_M_OR_OTHER, "layout.h");

/* Whether m's thread runs interpreter code; not if it is NULL. [its thread] */
static inline bool gate__m_runs(const gate_m *m) {
    return m && atomic_load_explicit(&m->call, memory_order_relaxed) == GATE__M_RUNNING;
}
/* Whether the thread of m is in C that the runtime did not call, in no handler. [any] */
static inline bool gate__m_is_outside(const gate_m *m) {
    void *call = atomic_load(&m->call);
    bool lingers = gate__m_says_in_call(call) && m->adopted && !atomic_load(&m->came_in);
    return call == GATE__M_OUTSIDE || (lingers && !atomic_load(&m->task->arrival));
}
/* The record of the call that m's task is in, a struct gate__listed, and NULL in no call, or in one without. A handler is in
 * none: what it runs below is in its note (bridge/internal.h). [its thread] */
static inline void *gate__m_call(const gate_m *m) {
    void *call = atomic_load_explicit(&m->call, memory_order_relaxed);
    return gate__m_says_which(call) ? call : atomic_load_explicit(&m->task->call, memory_order_relaxed);
}
/* Where errno is on each thread: bytes from its thread pointer on, for calls in assembly. */
extern _Atomic ptrdiff_t gate__m_errno_at;
/* Where its M is, or the one for threads that have none: gate__thread's or_other, bytes from its thread pointer on. [any] */
ptrdiff_t gate__m_at(void);
/* Finds that, before the first of them. [any] */
void gate__m_find_errno(void);
/* Opens or closes the short ways of threads without an M, as calls are watched or not. [any] */
void gate__m_settle_none(void);
/* The M that gate__m gives, once the thread's Ms of runtimes that have stopped are dropped. [any] */
gate_m *gate__m_known(void);
/* The first of the thread's Ms, linked by thread_next; NULL if it has none. [any] */
gate_m *gate__m_of_thread(void);
/* Makes an M with a root task for the calling thread. -ENOMEM. [any] */
int gate__m_make_root(gate_runtime *runtime, bool adopted, gate_m **m);
/* Undoes gate__m_make_root; while the runtime is being stopped, a root task of which the host is to hear is left to
 * whoever stops it. The thread holds no slot. [system stack] */
void gate__m_drop_root(gate_m *m);
/* Creates a thread that begins with all signals blocked. Negative errno. [system stack] */
int gate__m_create_thread(pthread_t *thread, const pthread_attr_t *attributes, void *(*main)(void *), void *argument);
/* Makes an M without a thread; frees one. Negative errno. [any] */
int gate__m_make(gate_runtime *runtime, gate_m **m);
void gate__m_unmake(gate_m *m);
/* The calling thread has m from now on, and may run tasks or be called back; or has it no more. [system stack] */
void gate__m_enter_thread(gate_m *m);
void gate__m_leave_thread(gate_m *m);
/* Calls fn for each M of the runtime, with its lock held: they go on meanwhile. [any] */
void gate__m_visit(gate_runtime *runtime, void (*fn)(void *argument, gate_m *m), void *argument);
/* Whether the running task has to stay on m: it is pinned, C's frames lie there below its handler, or it is the
 * thread's own. [task] */
static inline bool gate__m_keeps_task(const gate_m *m) {
    return m->pins || m->task == m->root || atomic_load_explicit(&m->task->arrival, memory_order_relaxed);
}
/* Lets others run the task once it leaves m, unless it is pinned, or the thread's own. [task] */
void gate__m_unbind(gate_m *m);
/* Makes the calling thread's M in runtime the current one, adopting the thread if it has none there. Returns what was
 * current, for gate__m_go_back. [system stack] */
gate_m *gate__m_go_to(gate_runtime *runtime);
void gate__m_go_back(gate_m *outer);

/* switch.c: leaving a stack, with what sanitizers have to be told */

/* What the program's sanitizer wants to hear; NULL what it doesn't, and all without one. */
struct gate__notices {
    void (*start_switch)(void **fake_stack, const void *bottom, size_t size);
    void (*finish_switch)(void *fake_stack, const void **old_bottom, size_t *old_size);
    void (*unpoison)(const volatile void *address, size_t size);
    void *(*current_fibre)(void);
    void *(*create_fibre)(unsigned flags);
    void (*destroy_fibre)(void *fibre);
    void (*switch_fibre)(void *fibre, unsigned flags);
    void (*acquire)(void *address);
    void (*release)(void *address);
    bool anybody;      /* there is a sanitizer that wants to hear of switches */
    bool names_stacks; /* Valgrind wants to hear of stacks */
};
extern struct gate__notices gate__switch_notices;

/* Finds out, once for the process, before anything is switched. [any] */
void gate__switch_init(void);

/* What the caller did before a release comes before what happens after an acquire of the same object. No lock says
 * so where these stand. [any] */
static inline void gate__switch_release(void *object) {
    if (__builtin_expect(gate__switch_notices.release != NULL, 0))
        gate__switch_notices.release(object);
}
static inline void gate__switch_acquire(void *object) {
    if (__builtin_expect(gate__switch_notices.acquire != NULL, 0))
        gate__switch_notices.acquire(object);
}

/* Calls fn(arg) on the system stack: from a stackful task by the crossing, else in place. [any] */
void gate__switch_call(gate_m *m, void (*fn)(void *), void *arg);
/* Calls fn(arg) on the stack of m's task, from below its call on the system stack. [system stack] */
void gate__switch_call_back(gate_m *m, void (*fn)(void *), void *arg);
/* Runs task on m until a task comes back to the scheduler. [system stack, slot] */
void gate__switch_to_task(gate_m *m, gate_task *task);
/* Leave the task's stack, for the scheduler's or another task's; return when the task is run again, perhaps by
 * another thread, and has arrived there (gate__sched_arrive). [task] */
void gate__switch_to_scheduler(gate_m *m);
/* Is what gate__switch_between is where a sanitizer hears of it, and in debug builds. */
void gate__switch_to_next(gate_m *m, gate_task *next);
static inline void gate__switch_between(gate_m *m, gate_task *next) {
    gate_task *task = m->task;
    if (GATE_DEBUG_LEVEL > 0 || __builtin_expect(gate__switch_notices.anybody, 0)) {
        gate__switch_to_next(m, next);
    } else {
        m->task = next;
        gate__arch_swap(&task->sp, next->sp, m);
    }
}
/* Makes the first switch to task call fn(task) on its stack. [any] */
void gate__switch_prepare(gate_task *task, void (*fn)(gate_task *));
/* Tells the sanitizers of a thread that will run tasks, of stacks that will run no more, and of frames on this
 * stack that were dropped. */
void gate__switch_enter_thread(gate_m *m);
void gate__switch_leave_thread(gate_m *m);
void gate__switch_forget(gate_task *task);
void gate__switch_drop(uintptr_t lowest, uintptr_t end);

/* bound.c: tasks that a thread is for, and the thread */

/* Has a task that is bound and ready wait for its thread, and for a slot. [any] */
void gate__bound_ready(gate_task *task);
/* gate__sched_park, gate__sched_yield and gate__sched_wait_for_slot for the running task, which keeps m; the second
 * also for a guest. [as these] */
void gate__bound_park(gate_m *m, uint32_t wakes);
void gate__bound_yield(gate_m *m);
void gate__bound_wait_for_slot(gate_m *m);
/* The last, for the root task of a thread that was outside, until deadline; false if none has come by then.
 * [task, no slot] */
bool gate__bound_wait_for_slot_until(gate_m *m, uint64_t deadline);
/* m is given a slot and a task. Whether others wait for its thread. The runtime's lock is held. [any] */
bool gate__bound_end_wait(gate_m *m);
/* Whether tasks that are ready wait for the thread of m. [any] */
static inline bool gate__bound_others_wait(const gate_m *m) {
    return atomic_load_explicit(&m->later.count, memory_order_relaxed) > 0;
}
/* Whether some wait for a thread that has a slot. [any] */
bool gate__bound_any_waits(gate_runtime *runtime);
/* Some do, from now on: the monitor is to look. [any] */
void gate__bound_notice(gate_runtime *runtime);

/* sched.c: slots and the tasks that are ready for them
 *
 *   A slot:   IDLE  --take, wake-->  HELD by an M  --hand on-->  HELD by another M, or IDLE
 *             (M, monitor: whoever hands it on; the monitor only from a call that lasts)
 *
 *   idle slots + held slots == slot_count
 */

/* What a slot's holder is asked for. It looks when it picks a task, when it enters a call, and when the host polls. */
enum gate__poll {
    GATE__POLL_YIELD = 1,   /* its task has run for long and others wait: monitor.c */
    GATE__POLL_ALARM = 2,   /* its next call is to wake the monitor */
    GATE__POLL_STOP = 4,    /* the world stops: world.c */
    GATE__POLL_STOPPER = 8, /* for this slot's task */
    GATE__POLL_LASTS = 16,  /* a call from it has lasted, and the next of that function is expected to */
    GATE__POLL_TELL = 32,   /* its next call is to tell that it has begun, by ending this */
    GATE__POLL_ON_PICK = GATE__POLL_YIELD | GATE__POLL_STOP | GATE__POLL_STOPPER
};

/* What is known of the calls from a slot: written by its holder, and by the monitor when it takes the slot. */
struct gate__calls {
    _Atomic(const char *) lasting; /* the function whose call has lasted; as gate__task_where */
    _Atomic uint32_t others;       /* calls of other functions from then on */
    _Atomic uint64_t rang_at;      /* when the last call began, if it rang the monitor; else 0 */
};

/* What the monitor saw when it last looked at a slot. */
struct gate__sighting {
    uint64_t since; /* nanoseconds: the first look that found the same pick */
    uint32_t picks;
    bool in_call;
};

struct gate__slot {
    _Atomic uint32_t poll;  /* of enum gate__poll */
    _Atomic uint32_t picks; /* how often a holder has picked a task; written by the owner */
    uint32_t free_count;
    uint32_t share;        /* what its holder may steal next */
    gate_task *free_tasks; /* task.c's: for the next spawns, as the numbers */
    uint64_t next_number, numbers_end;
    struct gate__run_queue ready;
    gate_runtime *runtime;
    uint32_t index;       /* in the runtime's array */
    uint32_t others_came; /* the last pick for which what isn't its own came first */
    gate_m *holder;       /* under the runtime's lock */
    struct gate__slot *idle_next;
    struct gate__calls calls;   /* foreign.c's */
    struct gate__sighting seen; /* monitor.c's */
} __attribute__((aligned(64)));

/* The slot with which this thread runs interpreter code of runtime; NULL if it doesn't. [any] */
static inline struct gate__slot *gate__sched_own_slot(const gate_runtime *runtime) {
    gate_m *m = gate__m();
    return gate__m_runs(m) && m->runtime == runtime ? m->slot : NULL;
}
/* Makes a slot's queue, which is empty; nobody looks at it yet. [any] */
void gate__sched_prepare_queue(struct gate__slot *slot);
/* Gives an idle slot, if there is one, to a thread for a task that waits. [any] */
void gate__sched_wake_one(gate_runtime *runtime);
/* The same for each task that waits, of which several may have been left to the caller. [any] */
void gate__sched_wake_all(gate_runtime *runtime);
/* The same for work that the caller has just queued, if nobody is to look for it; own is its slot, if it has one. [any]
 * */
void gate__sched_wake(gate_runtime *runtime, struct gate__slot *own);
/* Queues a LIVE task that is not bound, and finds it a thread if a slot is idle. [any] */
void gate__sched_ready_anywhere(gate_task *task);
/* The same for one that may be. [any] */
static inline void gate__sched_ready(gate_task *task) {
    if (__builtin_expect(task->bound != NULL, 0))
        gate__bound_ready(task);
    else
        gate__sched_ready_anywhere(task);
}
/* The rest of an M's life as a worker. [system stack] */
void gate__sched_work(gate_m *m);
/* What a task does first, each time it comes to run on m: sees to the one that left. [task, slot] */
void gate__sched_arrive(gate_m *m);
/* Suspends the running task until it gets one of those wakes, the first of which it takes. [task, slot] */
void gate__sched_park(gate_m *m, uint32_t wakes, const char *why);
/* Queues the running task behind the others. [task, slot] */
void gate__sched_yield(gate_m *m);
/* Leaves for the M that the running task is to run on from now on, or has others run on this one; its slot is for next,
 * unless that is NULL. [task, slot] */
void gate__sched_move(gate_m *m, gate_task *next);
/* Takes the task for which one that yields leaves, from a queue; NULL if there is none, or the world stops: whatever
 * was asked of the slot's holder is settled. [slot] */
gate_task *gate__sched_pick_for_yield(struct gate__slot *slot);
/* Whether slot's holder is asked to stop. [slot] */
static inline bool gate__sched_stops(struct gate__slot *slot) {
    return atomic_load_explicit(&slot->poll, memory_order_relaxed) & GATE__POLL_STOP;
}
/* A task goes from LIVE to PARKED, to wait for one of wakes; or takes one that has come: false then. [its M] */
bool gate__sched_enter_park(gate_task *task, uint32_t wakes);
/* Sees to the task that has left m's processor, if one has. [system stack] */
void gate__sched_see_off(gate_m *m);
/* Tell the host that the running task goes on, or is about to leave its M. [task, slot] */
void gate__sched_resume(gate_m *m);
void gate__sched_suspend(gate_m *m);
/* The running task has ended. [task, slot] */
_Noreturn void gate__sched_exit(gate_m *m);
/* Waits for a slot for the running task, which goes on then, perhaps on another thread.
 * [task, no slot] */
void gate__sched_wait_for_slot(gate_m *m);
/* Takes the slot away from its M, under the runtime's lock. */
struct gate__slot *gate__sched_detach(gate_m *m);
/* The same, for whoever has not taken the lock. [any] */
struct gate__slot *gate__sched_let_go(gate_m *m);
/* Takes a slot that is idle, under the runtime's lock; false if none is, or others wait for the thread. */
bool gate__sched_take_idle(gate_m *m);
/* Makes a slot idle that nobody has, nor waits for: at the start, and in a fork's child. */
void gate__sched_add_idle(struct gate__slot *slot);
/* Lets a slot that no M holds run the next ready task, or makes it idle. [any] */
void gate__sched_hand_on(struct gate__slot *slot);
/* The same, where task was picked already, unless that is NULL. [any] */
void gate__sched_hand_on_for(struct gate__slot *slot, gate_task *task);
/* The same for each of those that idle_next links. [any] */
void gate__sched_hand_on_all(struct gate__slot *slot);
/* Asserts the equations above. The runtime's lock is held. */
void gate__sched_validate(gate_runtime *runtime);

/* worker.c: the threads that run tasks */

struct gate__workers {
    gate_m *all;            /* linked by all_next; all of this under the runtime's lock */
    _Atomic(gate_m *) idle; /* linked by idle_next; written under it, read by all */
    uint32_t count;         /* with those that are being created */
    uint32_t creating;      /* not yet in all */
    uint32_t wanted;        /* bound.c's: threads, these and others, for which a task that is bound to them is queued */
    _Atomic bool used_up;   /* none was to be had for the last task that wanted one */
    _Atomic uint32_t awaited;
    uint32_t wait;     /* counts the waits that were given up */
    uint64_t patience; /* nanoseconds */
    _Atomic uint64_t late_at;
};

/* Starts one more. -EAGAIN, -ENOMEM. [any] */
int gate__worker_start(gate_runtime *runtime);
/* Starts one for an idle slot and a task that waits, unless enough are on their way; false if none is to be had.
 * [any] */
bool gate__worker_call(gate_runtime *runtime);
/* Sees to the tasks that were left to those on their way, when these are late. [monitor] */
void gate__worker_hurry(gate_runtime *runtime);
/* m, a worker without a slot, may be given one; the idle worker that is given one, NULL if none is idle. The runtime's
 * lock is held. */
void gate__worker_be_idle(gate_m *m);
gate_m *gate__worker_take_idle(gate_runtime *runtime);
/* Ends them all; no task is left. [system stack] */
void gate__worker_end_all(gate_runtime *runtime);

/* world.c: stopping all interpreter code but one task's */

struct gate__world {
    gate_task *stopper;             /* who stopped it; under the runtime's lock, as the next */
    bool waits;                     /* the stopper does: who makes the last of the other slots idle posts, once */
    struct gate__semaphore stopped; /* its value is 0 but from that post to the end of the wait */
};

/* A slot has become idle. The runtime's lock is held. */
void gate__world_note_idle(gate_runtime *runtime);

/* foreign.c: around a foreign call
 *
 * See the comment in foreign.c for the protocol; these are its fast halves. Assembly has them in crossing.h. */
extern bool gate__foreign_exchange; /* no membarrier: leave orders its store and load itself */

/* The two halves of an asymmetric barrier: what a thread stores before the light one is seen behind the heavy one of
 * another, or that other's earlier stores are seen behind the light one. [any] */
static inline void gate__foreign_light_barrier(void) {
    if (__builtin_expect(gate__foreign_exchange, 0))
        atomic_thread_fence(memory_order_seq_cst);
    else
        atomic_signal_fence(memory_order_seq_cst);
}
void gate__foreign_heavy_barrier(void);

/* The running task waits for its slot, which the monitor took or is about to. [task, no slot] */
void gate__foreign_leave_slow(gate_m *m);

/* Something is asked of slot, or was, which was m's when it entered its call; NULL if it has been taken from it since.
 * [task, no slot] */
void gate__foreign_enter_slow(gate_m *m, struct gate__slot *slot);

/* Interpreter code of m goes into C, by a call with that record, or GATE__M_UNTOLD: from here on the slot may be taken.
 * [task, slot] */
static inline void gate__foreign_enter(gate_m *m, void *call) {
    struct gate__slot *slot = m->slot;
    gate__assert(slot && atomic_load(&m->call) == GATE__M_RUNNING && gate__m_says_in_call(call));
    gate__switch_release(m);
    atomic_store_explicit(&m->call, call, memory_order_release);
    gate__foreign_light_barrier();
    if (__builtin_expect(atomic_load_explicit(&m->asked, memory_order_relaxed) != 0, 0))
        gate__foreign_enter_slow(m, slot);
}

/* The same for a call that is known to block: the slot is given up at once. */
void gate__foreign_enter_blocking(gate_m *m, void *call);
/* The M of a call lets go of its slot itself, unless it has been taken by now, or has stopped the world.
 * [task, no slot] */
void gate__foreign_give_up(gate_m *m);

/* C returns to interpreter code, which has a slot when this returns, perhaps on another thread: the
 * caller's m may be another one's by then. [task, no slot] */
static inline void gate__foreign_leave(gate_m *m) {
    if (__builtin_expect(gate__foreign_exchange, 0)) {
        atomic_exchange(&m->call, GATE__M_RUNNING);
    } else {
        atomic_store_explicit(&m->call, GATE__M_RUNNING, memory_order_relaxed);
        atomic_signal_fence(memory_order_seq_cst);
    }
    if (__builtin_expect(atomic_load(&m->claim) != GATE__CLAIM_NONE, 0))
        gate__foreign_leave_slow(m);
}

/* Asks slot's holder for that. The runtime's lock is held, or the slot is the caller's own. */
void gate__foreign_ask(struct gate__slot *slot, uint32_t what);
/* Why calls are watched, and more is done than to make them: what gate__os_watch has. All but the pointer check want to
 * hear of each: while they do, no call or callback goes a short way, which tells nobody. A tracer of the system's is in
 * the word before it is seen. */
enum gate__watch {
    GATE__WATCH_FIRST = 4,    /* below, the bridge has a call's class: it looks at both at once */
    GATE__WATCH_TIMES = 4,    /* settings for debugging: calltrace, leaf, callstats, chrometrace */
    GATE__WATCH_POINTERS = 8, /* the bridge's pointer check */
    GATE__WATCH_HOST = 16,    /* a trace that the host has started */
    GATE__WATCH_TRACERS = 32  /* a tracer that was seen */
};
static inline bool gate__foreign_is_watched(void) {
    uint32_t watch = atomic_load_explicit(&gate__os_watch.anybody, memory_order_relaxed);
    return (watch & ~(uint32_t)GATE__WATCH_POINTERS) != 0;
}
/* Has calls watched for that reason, or no more; those that begin from its return on are. No lock is held. [any] */
void gate__foreign_watch(enum gate__watch reason, bool begins);

/* Chooses between membarrier and the exchange, once for the process. [any] */
void gate__foreign_init(void);
/* The call for which m has lost slot has lasted. The runtime's lock is held. [monitor] */
void gate__foreign_learn(gate_m *m, struct gate__slot *slot);
/* Takes the slot of an M whose call lasts, for the caller to hand on; NULL when the call has ended.
 * The runtime's lock is held. [monitor] */
struct gate__slot *gate__foreign_claim(gate_m *m);
/* Between the two, an M that is in a call does not leave it, nor one that comes to be in one: it waits for the runtime's lock,
 * which is held. [any] */
void gate__foreign_hold(gate_m *m);
void gate__foreign_let(gate_m *m);
/* Calls fn(arg) as a foreign call from wherever this is, on the thread of m, or of no M; call is as in enter. [any] */
static inline void gate__foreign_call_from(gate_m *m, void (*fn)(void *), void *arg, void *call) {
    bool interpreter = gate__m_runs(m);
    gate__lock_assert_none();
    if (interpreter)
        gate__foreign_enter(m, call);
    gate__switch_call(m, fn, arg);
    if (interpreter)
        gate__foreign_leave(m);
}

static inline void gate__foreign_call(void (*fn)(void *), void *arg) {
    gate__foreign_call_from(gate__m(), fn, arg, GATE__M_UNTOLD);
}
/* The same for a function that is known to block. [any] */
void gate__foreign_call_blocking(gate_m *m, void (*fn)(void *), void *arg, void *call);

/* Bytes: a stack's at each call, unless arguments ask for more. */
enum { GATE__STACK_ALIGNMENT = 16 };

/* What a call in registers is made of. One that keeps its slot for sure is no call to the hand-off. */
struct gate__frame {
    void (*function)(void);
    uint64_t *cells;        /* as the shape needs: arch.h */
    size_t stack_count;     /* of the cells, those for the stack */
    size_t stack_alignment; /* bytes, for gate__foreign_run_registers: the crossings have 16 */
    enum gate__shape shape;
    void *call; /* as in enter; NULL for one that keeps its slot */
};

/* Whether calls and callbacks may take their ways in assembly, which order nothing but by membarrier, and tell nobody
 * anything. [any] */
bool gate__foreign_is_plain(void);
/* Sets a task's floor. [any] */
void gate__foreign_set_floor(gate_task *task);
/* The same for one that begins: its floor may be from before the watch, or the watch's end. [task, slot] */
static inline void gate__foreign_check_floor(gate_task *task) {
    bool closed = atomic_load_explicit(&task->floor, memory_order_relaxed) == (void *)UINTPTR_MAX;
    if (__builtin_expect(closed != gate__foreign_is_watched(), 0))
        gate__foreign_set_floor(task);
}
/* Makes a call in registers on this stack, which starts with that errno. [system stack] */
struct gate__returned gate__foreign_run_registers(const struct gate__frame *frame, int first_errno);
/* What the two below do where the crossings can't be taken. [task] */
struct gate__returned gate__foreign_call_registers_slow(gate_m *m, const struct gate__frame *frame);
struct gate__returned gate__foreign_call_pair_slow(gate_m *m, void (*function)(void), uint64_t a, uint64_t b,
                                                   void *call);

/* Whether the crossings for calls in registers can be taken from here: on its own stack, which rules root tasks out
 * and C that calls without leaving its call, and with nothing to be done that they don't do. [task] */
static inline bool gate__foreign_may_cross(const gate_m *m) {
    const char *here = __builtin_frame_address(0), *task = (const char *)m->task;
    const char *floor = atomic_load_explicit(&m->task->floor, memory_order_relaxed);
    bool may = __builtin_expect(here < task, 1) && __builtin_expect(here >= floor, 1);
    gate__assert(!may || (m->slot && atomic_load(&m->call) == GATE__M_RUNNING));
    return may;
}

/* Makes a foreign call in registers, with errno cleared before. [task] */
static inline struct gate__returned gate__foreign_call_registers(gate_m *m, const struct gate__frame *frame) {
    static gate__crossing *const crossings[2][GATE__SHAPES] = {
        {gate__arch_cross_words, gate__arch_cross_words, gate__arch_cross_all, gate__arch_cross_vector,
         gate__arch_cross_registers, gate__arch_cross_x87, gate__arch_cross_x87_pair},
        {gate__arch_keep_words, gate__arch_keep_words, gate__arch_keep_all, gate__arch_keep_vector,
         gate__arch_keep_registers, gate__arch_keep_x87, gate__arch_keep_x87_pair},
    };
    gate__lock_assert_none();
    if (__builtin_expect(!gate__foreign_may_cross(m), 0))
        return gate__foreign_call_registers_slow(m, frame);
    return crossings[!frame->call][frame->shape](frame->cells, frame->stack_count, m, frame->function, frame->call);
}

/* The same for a function that takes at most two words, which need no cells then. [task] */
static inline struct gate__returned gate__foreign_call_pair(gate_m *m, void (*function)(void), uint64_t a, uint64_t b,
                                                            void *call) {
    gate__lock_assert_none();
    if (__builtin_expect(!gate__foreign_may_cross(m), 0))
        return gate__foreign_call_pair_slow(m, function, a, b, call);
    return (call ? gate__arch_cross_pair : gate__arch_keep_pair)(a, b, m, function, call);
}

/* A thread outside, which does not linger, starts interpreter code. -ECANCELED when the runtime has stopped, -EBUSY
 * when no slot has become free by deadline. [task, no slot] */
int gate__foreign_come_in(gate_m *m, uint64_t deadline);
/* It goes back outside, with its slot if it may linger and comes often. [task, slot] */
void gate__foreign_go_out(gate_m *m, bool may_linger);
/* Whether a thread outside lingers; and it does so no more. [C's stack] */
bool gate__foreign_lingers(const gate_m *m);
void gate__foreign_stop_lingering(gate_m *m);
/* Takes the slot of a thread that lingers, for the caller to use; NULL if there is none. The runtime's lock is held.
 * [any] */
struct gate__slot *gate__foreign_reclaim(gate_runtime *runtime);

/* timer.c: tasks that wait for a time
 *
 * Times are of gate__os_now's clock. The tasks are a pairing heap, linked through themselves. */

#define GATE__TIMER_NEVER UINT64_MAX

struct gate__timers {
    struct gate__lock lock;
    gate_task *first; /* whose time comes first */
};

/* The time so many nanoseconds from now; never, if that is beyond the clock. [any] */
uint64_t gate__timer_after(uint64_t nanoseconds);
/* Wakes task with GATE__WAKE_TIMER at deadline, unless that is cancelled. [task, slot] */
void gate__timer_set(gate_task *task, uint64_t deadline);
/* Cancels it; false if the wake has been given already. [task, slot] */
bool gate__timer_cancel(gate_task *task);
/* Gives the wakes whose time has come. [monitor] */
void gate__timer_fire(gate_runtime *runtime);
/* When the next wake is to come; GATE__TIMER_NEVER for none. [any] */
uint64_t gate__timer_next(gate_runtime *runtime);

/* monitor.c: the thread that takes slots from calls that last */

enum gate__monitor_state { GATE__MONITOR_AWAKE, GATE__MONITOR_NAPPING, GATE__MONITOR_DOZING, GATE__MONITOR_PARKED };

/* Where its thread is. A fork leaves that behind, and whoever makes the monitor AWAKE then starts another, unless it is
 * to stop: that is decided under the runtime's lock.
 *
 *   PRESENT --fork [in the child]--> ABSENT --a wake [any]--> COMING --the thread is created [the same]--> PRESENT */
enum gate__presence { GATE__PRESENT, GATE__ABSENT, GATE__COMING };

struct gate__monitor {
    pthread_t thread;
    struct gate__semaphore wake;
    _Atomic uint32_t state; /* of enum gate__monitor_state; whoever makes it AWAKE posts wake */
    _Atomic uint64_t until; /* when its sleep ends by itself */
    uint64_t look_again;    /* nanoseconds, from a look that saw a new call to the next */
    uint32_t picks;         /* of all slots' holders, at the last look */
    uint32_t taken;         /* from the runtime's queue, then */
    uint64_t still_since;   /* that queue has had tasks, and lost none; UINT64_MAX if none waited at the last look */
    _Atomic bool stop;
    uint64_t started, next_trace;
    _Atomic uint32_t presence; /* of enum gate__presence */
};

int gate__monitor_start(gate_runtime *runtime);
void gate__monitor_stop(gate_runtime *runtime);
/* Work waits and no slot is idle. own is the caller's slot, if it has one. [any] */
void gate__monitor_notice(gate_runtime *runtime, struct gate__slot *own);
/* Ends its sleep: a call has begun that it wants to hear of. [any] */
void gate__monitor_ring(gate_runtime *runtime);
/* It is to look at deadline at the latest: for a timer, an interrupt or a thread that is awaited. [any] */
void gate__monitor_expect(gate_runtime *runtime, uint64_t deadline);
/* Its thread is gone: whoever wakes it starts one. [fork] */
void gate__monitor_forget(gate_runtime *runtime);

/* trace.c: the scheduler, shown while it works */

/* Shows a line if it is time for one. When the next is due; GATE__TIMER_NEVER for never. [monitor] */
uint64_t gate__trace_sched(gate_runtime *runtime);

/* trap.c: signals and the stacks of their handlers */

struct gate__signal; /* trap.h */

void gate__trap_init(void);
/* Installs handler for a signal; what was there before is kept. -EINVAL for a signal that can't be caught. [any] */
int gate__trap_install(int number, void (*handler)(const struct gate__signal *signal));
/* Calls what was there before; false if that was no handler. [signal] */
bool gate__trap_pass_on(const struct gate__signal *signal);
/* Whoever was reporting a fault is gone. [fork] */
void gate__trap_begin_anew(void);
/* Unblocks faults in the handler of one, for code that is guarded; returns the mask to be put back. [signal] */
uint64_t gate__trap_let_faults_come(void);
/* Memory for a thread's alternate signal stack, and its end. -ENOMEM. [any] */
int gate__trap_prepare_thread(gate_m *m);
void gate__trap_forget_thread(gate_m *m);
/* Uses it on the calling thread, unless that has one of its own that is large enough; stops that. [system stack] */
void gate__trap_enter_thread(gate_m *m);
void gate__trap_leave_thread(gate_m *m);
/* Whether sp, or the caller, is on the stack of m's signal handlers. [any, signal] */
static inline bool gate__trap_is_on_signal_stack(const gate_m *m, uintptr_t sp) {
    return sp - (uintptr_t)m->signal_stack.base < m->signal_stack.size;
}
static inline bool gate__trap_on_signal_stack(const gate_m *m) {
    return gate__trap_is_on_signal_stack(m, (uintptr_t)__builtin_frame_address(0));
}

/* report.c: what is said of faults */

/* m's thread dies of a fault, as far as we know. [signal] */
void gate__report_fault(const gate_m *m, const struct gate__signal *signal);
/* The running task has used its stack up. [signal] */
void gate__report_overflow(const gate_task *task);
/* What was reported goes to a handler that was there before; which has had m's thread go on. [signal] */
void gate__report_older_handler(void);
void gate__report_return(const gate_m *m);
/* Writes "SIGSEGV at 0x10 (nothing is mapped there)", cut to size; returns how long that is. [any, signal] */
size_t gate__report_describe(const gate_trap *trap, char *buffer, size_t size);

/* guard.c: calls in which a fault is an error */

/* Makes room for what is noted of task's faults, and stores where it is. -ENOMEM. [task] */
int gate__guard_prepare(gate_task *task, gate_trap **trap);
/* Calls fn(arg) on this stack. -EFAULT when a fault has ended that, which is noted in *trap unless that is NULL.
 * [system stack, signal] */
int gate__guard_call(gate_trap *trap, void (*fn)(void *), void *arg);
/* gate__os_backtrace, which finds less where the stack is damaged. [signal] */
size_t gate__guard_backtrace(const struct gate__signal *signal, void **frames, size_t most);
/* Has the thread go on behind its guarded call; false if it is in none. [signal] */
bool gate__guard_catch(gate_m *m, const struct gate__signal *signal);
/* A callback leaves the guarded call that it comes from, if it does, and comes back to it. [system stack] */
static inline struct gate__guard *gate__guard_suspend(gate_m *m) {
    struct gate__guard *guard = m->guard;
    m->guard = NULL;
    return guard;
}
static inline void gate__guard_resume(gate_m *m, struct gate__guard *guard) {
    m->guard = guard;
}

/* interrupt.c: signals for the sake of system calls */

/* Whether interrupts may be made with that signal. [any] */
bool gate__interrupt_may_use(int number);
/* Sends those signals again that are due, and returns when the next is; GATE__TIMER_NEVER for none. [monitor] */
uint64_t gate__interrupt_next(gate_runtime *runtime);
/* m goes. Its runtime's lock is held. [any] */
void gate__interrupt_forget(gate_m *m);
/* Whoever was installing a handler is gone. [fork] */
void gate__interrupt_begin_anew(void);

/* fork.c: what is done around a fork, and makes a child's runtime work. [fork] */

void gate__fork_before(void);
void gate__fork_after(void);
void gate__fork_after_in_child(void);

/* init.c: runtimes */

struct gate_runtime {
    struct gate__lock lock; /* slots and their holders, Ms, whom threads wait for, the world, interrupts */
    struct gate_runtime_config config;
    void *slot_memory; /* in which they lie aligned */
    struct gate__slot *slots;
    uint32_t slot_count;
    struct gate__slot *idle_slots, **idle_end; /* linked by idle_next; idle_end is where the next one goes */
    _Atomic uint32_t idle_slot_count;
    _Atomic bool may_linger;    /* an adopted thread has a slot, perhaps outside: foreign.c */
    _Atomic uint32_t searching; /* Ms with a slot that look for a task before they give it up */
    struct gate__queue ready;   /* from threads without a slot, or whose slot was taken */
    struct gate__lock ready_lock;
    _Atomic uint32_t ready_taken; /* counted under it, for the monitor */
    struct gate__workers workers;
    gate_m *roots;                /* linked by all_next */
    gate_task *ended_roots;       /* of adopted threads that have ended while it stops, of which the host is to hear; */
    gate_task *dropped_roots;     /* and of all when it has stopped; these two linked by next */
    _Atomic(gate_m *) starter;    /* NULL when its thread has ended, and in the child of another thread's fork */
    gate_task *main_task;         /* in the child of a stackful task's fork that task, else NULL: fork.c */
    uint64_t signal_mask;         /* of the threads that it creates: that of the starter, at the start */
    gate_m *interrupted;          /* linked by interrupt.next: interrupt.c */
    _Atomic uint64_t last_number; /* of its tasks */
    _Atomic bool stopping;        /* no task is left and none comes any more */
    struct gate__stack_pool stacks[GATE__STACK_CLASSES];
    _Atomic uint32_t returning; /* threads outside that give a stack back */
    unsigned usual_class;       /* of the stacks of tasks that ask for no size */
    size_t usual_size;          /* theirs */
    struct gate__world world;
    struct gate__timers timers;
    struct gate__monitor monitor;
    _Atomic uint32_t references; /* the start, each M, each callback, and who readies a task from outside */
    gate_runtime *next;          /* started after this one */
};

/* Zeroed memory for records, by the host's allocator if it has given one; config NULL is none. NULL without. No lock is
 * held. [any] */
void *gate__init_allocate(const struct gate_runtime_config *config, size_t size);
void gate__init_deallocate(const struct gate_runtime_config *config, void *memory, size_t size);
/* One more user of the runtime's memory, and one less. [any] */
void gate__init_retain(gate_runtime *runtime);
void gate__init_release(gate_runtime *runtime);
/* The runtime that was started first, retained; NULL if none is. [any] */
gate_runtime *gate__init_first(void);
/* gate__task_visit for each runtime that is started, with its lock held. [any] */
void gate__init_visit_tasks(gate__task_visitor *fn, void *argument);
/* No runtime starts or stops between the two, and no lock of one is taken; own is gate__m_of_thread. [fork] */
void gate__init_hold(const gate_m *own);
void gate__init_let_go(const gate_m *own);
/* Takes the runtimes that the thread has no M in off the list, and returns the first of them. [fork] */
gate_runtime *gate__init_forsake(const gate_m *own);
/* Settings for debugging, from the environment's GATE_DEBUG ("name=value,..."); HACKING.md lists them. */
struct gate__settings {
    int membarrier;   /* 0: leaves are exchanges, as where the kernel has none */
    int guardpages;   /* 0: stacks are guarded by mprotect, likewise */
    int annotations;  /* 0: sanitizers are told nothing of switches and of what they order */
    int schedtrace;   /* milliseconds from one line about the scheduler to the next; 0: none */
    int calltrace;    /* 1: each foreign call is shown, with the time it took */
    int callstats;    /* 1: what calls took is reported at the process' exit */
    int chrometrace;  /* 1: calls are written to a file then, for a viewer */
    int leaf;         /* microseconds from which on a call of class leaf is reported; 0: none is */
    int stackpoison;  /* 1: a task starts on a stack that is full of a pattern */
    int pointercheck; /* a level for the bridge's pointer check, in place of the hosts'; below 0: theirs */
};

#pragma GCC visibility push(hidden) /* or each look would ask the loader where they are */
extern struct gate__settings gate__settings;
#pragma GCC visibility pop
/* Reads them, and the next once for the process. [any] */
void gate__init_read_settings(void);
void gate__init_settings(void);

#endif
