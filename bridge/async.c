/* Asynchronous calls: a task makes the call, a future has what comes of it.
 *
 *   QUEUED --begin--> CALLING --return_from--> RETURNED --finish--> DONE
 *     |      [task]              [task]           ^         [whoever runs next on its thread]
 *     +-- cancelled: begin -----------------------+
 *
 * A future is DONE only when its task has left the runtime: a host that has waited for all its calls can stop that.
 *
 * All is under one lock. Who waits puts a watch on each future; the first that ends takes the watches' waiter, and
 * wakes it, once. A waiter whose time has passed takes its watches back; if it has been taken meanwhile, its wake is
 * under way, and it waits for that: nobody is woken who has gone. gate_future_wake takes a waiter just so.
 *
 * An interrupt needs the task, which goes when the call has returned: return_from lets whoever is interrupting it
 * get done.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/async.h"
#include "bridge/check.h"
#include "bridge/internal.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"

enum { ALIGNMENT = 64, INTERRUPTS = 100, FEW = 8 };

/* A task that waits, or a thread, on its own stack. */
struct waiter {
    gate_task *task;                  /* NULL for a thread */
    struct gate__semaphore semaphore; /* a thread's */
    struct watch *taken;              /* of the first future that ended, or woken_early */
    struct waiter *next;              /* to be woken */
};

struct watch {
    struct waiter *waiter;
    struct watch *next, **link; /* in the future's list; link NULL: in none */
};

enum state { QUEUED, CALLING, RETURNED, DONE };

struct gate_future {
    gate_function function;
    gate_task *task;
    enum state state;
    bool cancelled;      /* before it began */
    unsigned interrupts; /* being made */
    bool given_up;       /* freed by the host before it was DONE */
    int status, error_number;
    int event; /* -1: none */
    bool owns_event;
    struct watch *watches;
    gate_future *next, **link; /* in the list of those that aren't DONE */
    gate_library_use use;      /* library NULL: of none */
    void *result, **arguments; /* behind it */
    gate_trap *trap;           /* and room for a guarded call's fault; NULL for others */
};

static struct gate__lock futures_lock = GATE__LOCK_INITIAL(GATE__RANK_LEAF);
static gate_future *futures_in_progress;
static struct watch woken_early; /* by which a waiter is taken for whom no future has ended */

static void enlist(gate_future *future) {
    future->next = futures_in_progress;
    future->link = &futures_in_progress;
    if (future->next)
        future->next->link = &future->next;
    futures_in_progress = future;
}

static void delist(gate_future *future) {
    *future->link = future->next;
    if (future->next)
        future->next->link = future->link;
}

static void let_go(gate_future *future) {
    if (future->use.library)
        gate_library_release(&future->use);
    if (future->owns_event)
        gate__os_close(future->event);
}

static void dispose(gate_future *future) {
    let_go(future);
    free(future);
}

/* Waiters */

static void add_watch(gate_future *future, struct watch *watch, struct waiter *waiter) {
    *watch = (struct watch){waiter, future->watches, &future->watches};
    if (watch->next)
        watch->next->link = &watch->next;
    future->watches = watch;
}

static void take_back(struct watch *watch) {
    if (!watch->link)
        return;
    *watch->link = watch->next;
    if (watch->next)
        watch->next->link = watch->link;
    watch->link = NULL;
}

/* Takes the future's watches off, and returns the waiters that are to be woken for them. */
static struct waiter *take_waiters(gate_future *future) {
    struct waiter *woken = NULL;
    for (struct watch *watch; (watch = future->watches) != NULL;) {
        struct waiter *waiter = watch->waiter;
        take_back(watch);
        if (waiter->taken)
            continue;
        waiter->taken = watch;
        waiter->next = woken;
        woken = waiter;
    }
    return woken;
}

/* A waiter is gone once it has its wake. No lock is held. */
static void wake_all(struct waiter *waiter) {
    for (struct waiter *next; waiter; waiter = next) {
        next = waiter->next;
        if (waiter->task)
            gate__task_wake(waiter->task, GATE__WAKE_CALL);
        else
            gate__semaphore_post(&waiter->semaphore);
    }
}

/* Interpreter code waits as a task, all other code as a thread. */
static void begin_wait(struct waiter *waiter) {
    gate_m *m = gate__m();
    bool runs = gate__m_runs(m) && m->task;
    *waiter = (struct waiter){.task = runs ? gate__task_running("gate_future_wait")->task : NULL};
    if (!runs)
        gate__semaphore_init(&waiter->semaphore);
}

/* Until the wake comes, or deadline, of gate__os_now's clock: false then. */
static bool rest(struct waiter *waiter, uint64_t deadline) {
    static const char why[] = "an asynchronous call";
    uint64_t now = gate__os_now();
    if (waiter->task && deadline == GATE_FOREVER)
        gate__sched_park(gate__m(), GATE__WAKE_CALL, why);
    else if (waiter->task)
        return gate__task_park_for(gate__m(), GATE__WAKE_CALL, why, deadline > now ? deadline - now : 0) == 0;
    else if (deadline == GATE_FOREVER)
        gate__semaphore_wait(&waiter->semaphore);
    else
        return gate__semaphore_wait_until(&waiter->semaphore, deadline);
    return true;
}

/* The first future that is DONE, if one is; else watches all, unless the deadline is 0, which only asks. */
static size_t look(gate_future *const futures[], size_t count, struct watch *watches, struct waiter *waiter,
                   uint64_t deadline) {
    size_t done = 0;
    gate__lock(&futures_lock);
    while (done < count && futures[done]->state != DONE)
        done++;
    for (size_t i = 0; done == count && deadline && i < count; i++)
        add_watch(futures[i], &watches[i], waiter);
    gate__unlock(&futures_lock);
    return done;
}

/* Takes the watches back; returns that for which the waiter was taken, or NULL. */
static struct watch *stop_watching(struct watch *watches, size_t count, const struct waiter *waiter) {
    gate__lock(&futures_lock);
    for (size_t i = 0; i < count; i++)
        take_back(&watches[i]);
    struct watch *taken = waiter->taken;
    gate__unlock(&futures_lock);
    return taken;
}

/* Waits for one of them. watches has room for one each. */
static int wait_with(gate_future *const futures[], size_t count, struct watch *watches, uint64_t deadline,
                     size_t *index) {
    struct waiter waiter;
    const struct watch *taken = NULL;
    begin_wait(&waiter);
    *index = look(futures, count, watches, &waiter, deadline);
    if (*index == count && deadline) {
        bool woken = rest(&waiter, deadline);
        taken = stop_watching(watches, count, &waiter);
        gate__assert(taken || !woken);
        if (taken && !woken)
            rest(&waiter, GATE_FOREVER);
        if (taken && taken != &woken_early)
            *index = (size_t)(taken - watches);
    }
    if (!waiter.task)
        gate__semaphore_destroy(&waiter.semaphore);
    return *index < count ? 0 : taken ? -EINTR : -ETIMEDOUT;
}

static uint64_t deadline_in(uint64_t nanoseconds) {
    uint64_t now = gate__os_now();
    return nanoseconds == 0 || nanoseconds > GATE_FOREVER - now ? nanoseconds : now + nanoseconds;
}

int gate_future_wait_all(gate_future *const futures[], size_t count, uint64_t nanoseconds) {
    uint64_t deadline = deadline_in(nanoseconds);
    struct watch watch;
    size_t index;
    int failed = 0;
    for (size_t i = 0; i < count && !failed; i++)
        failed = wait_with(&futures[i], 1, &watch, deadline, &index);
    return failed;
}

int gate_future_wait(gate_future *future, uint64_t nanoseconds) {
    return gate_future_wait_all(&future, 1, nanoseconds);
}

int gate_future_wait_any(gate_future *const futures[], size_t count, uint64_t nanoseconds, size_t *index) {
    struct watch few[FEW], *watches = few;
    size_t found;
    if (count == 0)
        return -EINVAL;
    if (count > FEW)
        watches = malloc(count * sizeof *watches);
    if (!watches)
        return -ENOMEM;
    int failed = wait_with(futures, count, watches, deadline_in(nanoseconds), &found);
    if (watches != few)
        free(watches);
    if (!failed)
        *index = found;
    return failed;
}

int gate_future_wake(gate_future *future, gate_task *task) {
    gate__lock(&futures_lock);
    struct watch *watch = future->watches;
    while (watch && (!task || watch->waiter->task != task || watch->waiter->taken))
        watch = watch->next;
    if (watch)
        watch->waiter->taken = &woken_early;
    gate__unlock(&futures_lock);
    if (!watch)
        return -ESRCH;
    gate__task_wake(task, GATE__WAKE_CALL);
    return 0;
}

/* The call, in its task */

/* False when it has been cancelled. */
static bool begin(gate_future *future) {
    gate__lock(&futures_lock);
    bool begins = !future->cancelled;
    future->state = begins ? CALLING : RETURNED;
    gate__unlock(&futures_lock);
    return begins;
}

static void return_from(gate_future *future) {
    bool busy = true;
    while (busy) {
        gate__lock(&futures_lock);
        busy = future->interrupts > 0;
        if (!busy)
            future->state = RETURNED;
        gate__unlock(&futures_lock);
        if (busy)
            gate_task_yield();
    }
}

static void *make_call(void *data) {
    gate_future *future = data;
    future->status = -ECANCELED;
    if (begin(future)) {
        future->status = gate_call(&future->function, future->result, future->arguments);
        future->error_number = gate_errno();
        if (future->trap && future->status == -EFAULT)
            *future->trap = *gate_trap_last();
        return_from(future);
    }
    if (future->use.library)
        gate_library_release(&future->use);
    return NULL;
}

/* Its task is gone. [any] */
static void finish(void *data) {
    gate_future *future = data;
    gate__lock(&futures_lock);
    bool given_up = future->given_up;
    struct waiter *woken = take_waiters(future);
    future->state = DONE;
    delist(future);
    if (future->event >= 0 && !given_up)
        gate__os_event_signal(future->event);
    gate__unlock(&futures_lock);
    wake_all(woken);
    if (given_up)
        dispose(future);
}

/* Its making */

static size_t round_up(size_t size, size_t alignment) {
    return (size + alignment - 1) / alignment * alignment;
}

/* Room for a value of type, behind the first *used bytes at base, which may be NULL. */
static void *place(char *base, size_t *used, const gate_type *type) {
    size_t at = round_up(*used, type->alignment ? type->alignment : 1);
    *used = at + type->size;
    return base ? base + at : NULL;
}

/* Places the pointers to the arguments, the result and the values, and copies these; returns how many bytes that takes.
 * With base NULL that is all it does. */
static size_t lay_out(gate_future *future, char *base, void *const values[]) {
    const gate_signature *signature = future->function.signature;
    size_t count = gate_signature_count(signature), used = count * sizeof(void *);
    void **arguments = (void **)base;
    void *result = place(base, &used, gate_signature_result(signature));
    for (size_t i = 0; i < count; i++) {
        const gate_type *type = gate_signature_parameter(signature, i);
        void *value = place(base, &used, type);
        if (base)
            arguments[i] = memcpy(value, values[i], type->size);
    }
    future->arguments = arguments;
    future->result = result;
    return used;
}

static gate_future *make(const struct gate_async_call *call, const struct gate_async_options *options) {
    gate_future draft = {.function = *call->function, .event = options->event > 0 ? options->event : -1};
    if (draft.function.call_class != GATE_CALL_GUARDED)
        draft.function.call_class = GATE_CALL_BLOCKING;
    size_t asked = gate_signature_result(call->function->signature)->alignment;
    size_t alignment = asked > ALIGNMENT ? asked : ALIGNMENT;
    size_t header = round_up(sizeof draft, alignment);
    size_t values = round_up(header + lay_out(&draft, NULL, NULL), _Alignof(gate_trap));
    bool is_guarded = draft.function.call_class == GATE_CALL_GUARDED;
    gate_future *future = aligned_alloc(alignment, round_up(values + is_guarded * sizeof(gate_trap), alignment));
    if (!future)
        return NULL;
    *future = draft;
    lay_out(future, (char *)future + header, call->arguments);
    if (is_guarded)
        future->trap = (gate_trap *)(void *)((char *)future + values);
    return future;
}

/* A future whose task is made and not started. */
static int prepare(gate_runtime *runtime, const struct gate_async_call *call, const struct gate_async_options *options,
                   gate_future **result) {
    gate_future *future = make(call, options);
    if (!future)
        return -ENOMEM;
    struct gate_task_config config = {
        .main = make_call,
        .argument = future,
        .name = call->function->name ? call->function->name : "call",
        .stack_size = options->stack_size,
        .host = options->host,
    };
    int failed = gate__task_make(runtime, &config, finish, &future->task);
    if (failed) {
        free(future);
        return failed;
    }
    gate__library_hold_at(call->function->address, call->function->name, &future->use);
    gate__lock(&futures_lock);
    enlist(future);
    gate__unlock(&futures_lock);
    *result = future;
    return 0;
}

/* Undoes that. */
static void discard(gate_future *future) {
    gate__lock(&futures_lock);
    delist(future);
    gate__unlock(&futures_lock);
    gate__task_discard(future->task);
    dispose(future);
}

static int prepare_all(gate_runtime *runtime, const struct gate_async_call *calls, size_t count,
                       const struct gate_async_options *options, gate_future *futures[]) {
    int failed = 0;
    size_t made = 0;
    while (made < count && !(failed = prepare(runtime, &calls[made], options, &futures[made])))
        made++;
    while (failed && made > 0)
        discard(futures[--made]);
    for (size_t i = 0; failed && i < count; i++)
        futures[i] = NULL;
    return failed;
}

/* That in which a call is made by default, retained; NULL if there is none. */
static gate_runtime *usual_runtime(void) {
    const gate_m *m = gate__m_known();
    if (!m)
        return gate__init_first();
    gate__init_retain(m->runtime);
    return m->runtime;
}

/* -EPERM for a call that passes what it must not; what gate_call would find is better said at once. */
static int check_all(const struct gate_async_call *calls, size_t count, gate_error *error) {
    int refused = 0;
    for (size_t i = 0; i < count && !refused; i++)
        refused = gate__check_call(calls[i].function, NULL, calls[i].arguments);
    const gate_error *last = refused ? gate_check_last() : NULL;
    return refused ? gate__fail(error, refused, "%s", last ? last->message : "a pointer into the heap") : 0;
}

int gate_call_async_all(const struct gate_async_call *calls, size_t count, const struct gate_async_options *given,
                        gate_future *futures[], gate_error *error) {
    const struct gate_async_options options = given ? *given : (struct gate_async_options){0};
    for (size_t i = 0; i < count; i++)
        futures[i] = NULL;
    int refused = check_all(calls, count, error);
    if (refused)
        return refused;
    gate_runtime *usual = options.runtime ? NULL : usual_runtime();
    gate_runtime *runtime = options.runtime ? options.runtime : usual;
    int failed = runtime ? prepare_all(runtime, calls, count, &options, futures) : -EINVAL;
    for (size_t i = 0; i < count && !failed; i++)
        gate__task_start(futures[i]->task);
    if (usual)
        gate__init_release(usual);
    if (!runtime)
        return gate__fail(error, failed, "an asynchronous call needs a runtime, and none is started");
    if (failed == -EINVAL)
        return gate__fail(error, failed, "task stacks of %zu bytes asked for, the least is %d", options.stack_size,
                          GATE__STACK_LEAST);
    return failed ? gate__fail(error, failed, "no memory for %zu asynchronous call%s", count, count == 1 ? "" : "s")
                  : 0;
}

int gate_call_async(const gate_function *function, void *const arguments[], const struct gate_async_options *options,
                    gate_future **future, gate_error *error) {
    struct gate_async_call call = {function, arguments};
    return gate_call_async_all(&call, 1, options, future, error);
}

/* What the host asks of one */

int gate_future_result(gate_future *future, void *result, int *error_number) {
    gate__lock(&futures_lock);
    bool done = future->state == DONE;
    gate__unlock(&futures_lock);
    if (!done)
        return -EINPROGRESS;
    if (result && !future->status)
        memcpy(result, future->result, gate_signature_result(future->function.signature)->size);
    if (error_number)
        *error_number = future->error_number;
    return future->status;
}

const gate_trap *gate_future_trap(gate_future *future) {
    return gate_future_result(future, NULL, NULL) == -EFAULT ? future->trap : NULL;
}

int gate_future_fd(gate_future *future) {
    gate__lock(&futures_lock);
    int event = future->event;
    gate__unlock(&futures_lock);
    if (event >= 0)
        return event;
    int made = gate__os_event_make();
    if (made < 0)
        return made;
    gate__lock(&futures_lock);
    bool first = future->event < 0;
    if (first) {
        future->event = made;
        future->owns_event = true;
        if (future->state == DONE)
            gate__os_event_signal(made);
    }
    event = future->event;
    gate__unlock(&futures_lock);
    if (!first)
        gate__os_close(made);
    return event;
}

/* The task is about to be in the call, or about to leave it, if it can't be interrupted at once. */
static int interrupt(gate_task *task) {
    int failed = gate_task_interrupt(task);
    for (int i = 0; failed && i < INTERRUPTS; i++) {
        gate__os_relax();
        failed = gate_task_interrupt(task);
    }
    return failed ? -EAGAIN : 0;
}

int gate_future_cancel(gate_future *future) {
    gate__lock(&futures_lock);
    bool calls = future->state == CALLING, ends = future->state > CALLING;
    future->cancelled |= future->state == QUEUED;
    future->interrupts += calls;
    gate__unlock(&futures_lock);
    if (!calls)
        return ends ? -EALREADY : 0;
    int failed = interrupt(future->task);
    gate__lock(&futures_lock);
    future->interrupts--;
    gate__unlock(&futures_lock);
    return failed;
}

void gate_future_free(gate_future *future) {
    if (!future)
        return;
    gate__lock(&futures_lock);
    bool waited_for = future->watches != NULL, done = future->state == DONE;
    future->given_up = true;
    gate__unlock(&futures_lock);
    if (waited_for)
        gate__fatal("gate_future_free", "a task or a thread waits for this future");
    if (done)
        dispose(future);
}

/* Forks. A call goes on in the child if the thread that forked makes it, below a callback; all waiters are gone. The locks
 * that are kept over a fork are free again by then, in the order of the constructor below. An allocator's need not be: those
 * that were freed before their end stay, where a leak checker finds them. */

static gate_future *gone_futures;

static bool is_on_this_thread(const gate_task *task) {
    const gate_m *m = gate__m_of_thread();
    while (m && m->task != task)
        m = m->thread_next;
    return m != NULL;
}

static void lose_calls(void) {
    for (gate_future *future = futures_in_progress, *next; future; future = next) {
        next = future->next;
        future->watches = NULL;
        future->interrupts = 0;
        if (is_on_this_thread(future->task))
            continue;
        if (future->state != RETURNED)
            future->status = -ESRCH;
        future->state = DONE;
        delist(future);
        if (!future->given_up)
            continue;
        let_go(future);
        future->next = gone_futures;
        gone_futures = future;
    }
}

__attribute__((constructor)) static void attend_forks(void) {
    gate__lock_keep(&futures_lock);
    gate__os_at_fork(NULL, NULL, lose_calls);
}
