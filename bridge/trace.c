/* What calls go through while they are watched: by settings of GATE_DEBUG, by a host that has started a trace, or by a
 * tracer of the system's.
 *
 * One word says whether anybody watches (runtime/os/probe.h). gate_call compares it with zero, and that is all that a
 * call which nobody watches pays. Calls by frame, direct ones, and callbacks don't look at it. Their short ways are closed
 * while it isn't zero: no stack pointer is above a task's floor, no task has a short_way (gate__foreign_watch), and threads
 * without an M have a task. A tracer changes the word from outside, and runs no code that would close them: the next
 * call that looks does that, and tasks find the word when they begin.
 *
 * A watched call is prepared on its caller's stack, while it has its slot for sure, and measured where C runs. There,
 * all that a thread does ends in the order in which it began. So the thread's watched calls are a list of what lies on
 * its stack, and a callback belongs to the first, if C in that one is what called back. A callback's handler is
 * measured from C's stack as well: its task is bound to the thread for as long.
 *
 *   prepare  [task, slot]      gate__trace_run: began ... C ... took   [system stack]
 *                                                  callback_begins: began ... the handler ... callback_ends
 *
 * What is lost of a call's slots is found in the M's count of losses, which are more by one for each. A callback takes a
 * slot first, so between two looks, at the begin of a call, before and behind each callback, and at its end, there is at
 * most one; m->lost_at has the time.
 *
 * tally.c adds up what is measured, timeline.c keeps each. Neither takes a lock for it. What is counted belongs to a
 * session: a start begins another, so does a fork in its child, and what began in an earlier one is dropped at its end.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/internal.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"

enum { REPORTED = 64, USUAL_EVENTS = 500 * 1000, STDERR = 2, FILE_NAME = 4096 };
enum { COUNTS = 1, KEEPS_EVENTS = 2 };

static _Thread_local struct gate__traced *innermost __attribute__((tls_model("initial-exec")));

static struct gate__lock session_lock = GATE__LOCK_INITIAL(GATE__RANK_LEAF);
static unsigned readers;              /* of the timeline; under the lock */
static _Atomic uint32_t last_session; /* from 1; changes under the lock, as the next */
static _Atomic uint32_t does;         /* of COUNTS and KEEPS_EVENTS */
static _Atomic bool has_taken_settings;
static bool is_forked; /* from one that has a file of its own to write */

/* The session that a call belongs to which begins now; 0 while nothing is counted. */
static uint32_t current_session(void) {
    return atomic_load_explicit(&does, memory_order_relaxed) ? atomic_load_explicit(&last_session, memory_order_relaxed)
                                                             : 0;
}

static bool keeps_events(void) {
    return atomic_load_explicit(&does, memory_order_relaxed) & KEEPS_EVENTS;
}

/* Begins a session. The lock is held, but in a fork's child. */
static void renew(void) {
    uint32_t session = atomic_load(&last_session) + 1;
    gate__tally_forget();
    gate__timeline_begin();
    atomic_store(&last_session, session);
}

static int begin(uint32_t what, size_t most_events) {
    gate__lock(&session_lock);
    int failed = atomic_load(&does) ? -EALREADY : readers ? -EBUSY : 0;
    if (!failed) {
        renew();
        gate__timeline_limit(most_events);
        atomic_store(&does, what);
    }
    gate__unlock(&session_lock);
    return failed;
}

/* What GATE_DEBUG asks for begins with the first watched call. */
static void take_settings(void) {
    uint32_t what = (gate__settings.callstats ? COUNTS : 0) | (gate__settings.chrometrace ? COUNTS | KEEPS_EVENTS : 0);
    if (what && !atomic_exchange(&has_taken_settings, true))
        begin(what, USUAL_EVENTS);
}

/* Whether the host has a trace, until that is what calls are told. */
static void settle(void) {
    bool is_on;
    do {
        is_on = atomic_load(&does) != 0;
        gate__foreign_watch(GATE__WATCH_HOST, is_on);
    } while ((atomic_load(&does) != 0) != is_on);
}

int gate_trace_start(const struct gate_trace_config *config, gate_error *error) {
    size_t most = config && config->most_events ? config->most_events : USUAL_EVENTS;
    take_settings();
    int failed = begin(config && config->no_events ? COUNTS : COUNTS | KEEPS_EVENTS, most);
    if (failed == -EALREADY)
        return gate__fail(error, failed, "calls are being traced already");
    if (failed)
        return gate__fail(error, failed, "the last trace is being written");
    settle();
    return 0;
}

void gate_trace_stop(void) {
    if (atomic_exchange(&does, 0))
        settle();
}

uint32_t gate__trace_hold_session(void) {
    gate__lock(&session_lock);
    readers++;
    uint32_t session = atomic_load(&last_session);
    gate__unlock(&session_lock);
    return session;
}

void gate__trace_let_session_go(void) {
    gate__lock(&session_lock);
    readers--;
    gate__unlock(&session_lock);
}

/* Lines on standard error, at once. */

/* Whether this function is to be reported: the first time, unless too many have been. */
static bool is_new(void (*address)(void)) {
    static _Atomic uintptr_t reported[REPORTED];
    for (int i = 0; i < REPORTED; i++) {
        uintptr_t none = 0;
        if (atomic_compare_exchange_strong(&reported[i], &none, (uintptr_t)address))
            return true;
        if (none == (uintptr_t)address)
            return false;
    }
    return false;
}

static const char *name_of(const gate_function *function) {
    return function->name ? function->name : "a function";
}

/* All of it fits: what is long is cut. */
static void tell(const struct gate__call *call, uint64_t nanoseconds, const char *what) {
    const gate_task *task = gate_task_current();
    char line[256];
    int length = snprintf(line, sizeof line, "callgate: task '%.80s' (#%llu): %.80s %s%.1f us\n",
                          task ? gate_task_name(task) : "none", (unsigned long long)(task ? gate_task_number(task) : 0),
                          name_of(call->function), what, (double)nanoseconds / 1000);
    gate__os_write(STDERR, line, (size_t)length);
}

static void show(const struct gate__call *call, uint64_t elapsed) {
    if (gate__settings.calltrace)
        tell(call, elapsed, "took ");
    if (gate__settings.leaf && call->function->call_class == GATE_CALL_LEAF &&
        elapsed > (uint64_t)gate__settings.leaf * 1000 && is_new(call->function->address))
        tell(call, elapsed, "is of class leaf, and took ");
}

/* Calls */

static bool has_tracers(void) {
    return atomic_load_explicit(&gate__os_watch.by.tracers, memory_order_relaxed) != 0;
}

static bool has_told_of_tracers(void) {
    return (atomic_load_explicit(&gate__os_watch.by.reasons, memory_order_relaxed) & GATE__WATCH_TRACERS) != 0;
}

/* Tracers come and go without a word: the ways that don't look are closed and opened here, until what was told last, perhaps
 * by another thread, is so. */
static void notice_tracers(void) {
    bool are_there;
    while ((are_there = has_tracers()) != has_told_of_tracers())
        gate__foreign_watch(GATE__WATCH_TRACERS, are_there);
}

void gate__trace_prepare(struct gate__traced *traced, gate_m *m, const struct gate__call *call, void (*fn)(void *),
                         void *data) {
    const gate_function *function = call->function;
    *traced = (struct gate__traced){.fn = fn, .data = data, .call = call, .m = m};
    notice_tracers();
    take_settings();
    traced->session = current_session();
    if (traced->session)
        traced->tally = gate__tally_of(GATE_TRACE_CALLS, (const void *)(uintptr_t)function->address, name_of(function));
    if (m)
        traced->lost = atomic_load_explicit(&m->lost, memory_order_relaxed);
}

/* Whether what began in that session is still to be counted. */
static bool is_current(uint32_t session) {
    return session && session == current_session();
}

/* Counts the slot that the call has lost since the last look, if it has. */
static void note_losses(struct gate__traced *traced) {
    uint32_t lost = traced->m ? atomic_load_explicit(&traced->m->lost, memory_order_acquire) : 0;
    uint32_t more = lost - traced->lost;
    traced->lost = lost;
    if (!more || !is_current(traced->session))
        return;
    uint64_t when = atomic_load_explicit(&traced->m->lost_at, memory_order_relaxed);
    traced->handoffs += more;
    if (keeps_events())
        gate__timeline_add_handoff(traced->session, traced->tally, traced->m,
                                   when > traced->began ? when : traced->began);
}

static void keep(uint32_t session, struct gate__tally *tally, const gate_m *m, const struct gate__span *span) {
    gate__tally_add(tally, span);
    if (keeps_events())
        gate__timeline_add(session, tally, m, span);
}

static uint64_t task_number(const gate_m *m) {
    return m && m->task ? gate_task_number(m->task) : 0;
}

void gate__trace_run(void *data) {
    struct gate__traced *t = data;
    const gate_function *function = t->call->function;
    const void *address = (const void *)(uintptr_t)function->address;
    t->outer = innermost;
    innermost = t;
    gate__os_probe_call(name_of(function), address, task_number(t->m), function->call_class);
    t->began = gate__os_now();
    t->fn(t->data);
    uint64_t took = gate__os_now() - t->began;
    innermost = t->outer;
    gate__os_probe_return(name_of(function), address, took, (uint32_t)t->call->error_number);
    show(t->call, took);
    note_losses(t);
    if (is_current(t->session))
        keep(t->session, t->tally, t->m,
             &(struct gate__span){t->began, took, t->in_callbacks, t->handoffs, t->callbacks});
}

/* Callbacks */

/* The thread's innermost watched call, if it is the one that C is in, of which m's task has been called back. */
static struct gate__traced *find_owner(const gate_m *m) {
    struct gate__traced *traced = innermost;
    if (!traced)
        return NULL;
    bool is_aside = traced->m && traced->m != m; /* and in the call: else m has left it for a handler */
    const struct gate__arrival *arrival = m->task->arrival;
    const void *own = gate__m_says_which(arrival->call) ? arrival->call : NULL;
    const void *listed = is_aside ? gate__m_call(traced->m) : own;
    return listed == (traced->m ? traced->call : NULL) ? traced : NULL;
}

void gate__trace_callback_begins(struct gate__traced_callback *traced, const gate_m *m, const char *name,
                                 const void *handler) {
    traced->owner = find_owner(m);
    traced->session = current_session();
    if (traced->session)
        traced->tally = gate__tally_of(GATE_TRACE_CALLBACKS, handler, name);
    if (traced->owner)
        note_losses(traced->owner);
    gate__os_probe_callback(name, handler, task_number(m));
    traced->began = gate__os_now();
}

void gate__trace_callback_ends(struct gate__traced_callback *traced, const gate_m *m) {
    uint64_t took = gate__os_now() - traced->began;
    struct gate__traced *owner = traced->owner;
    if (owner) {
        owner->callbacks++;
        owner->in_callbacks += took;
        owner->lost = owner->m ? atomic_load_explicit(&owner->m->lost, memory_order_relaxed) : 0;
    }
    if (is_current(traced->session))
        keep(traced->session, traced->tally, m, &(struct gate__span){.began = traced->began, .took = took});
}

/* Exits and forks */

/* The file for GATE_DEBUG=chrometrace. A child is not to write over its parent's. */
static void name_file(char *buffer, size_t size) {
    const char *name = getenv("GATE_TRACE_FILE");
    name = name && *name ? name : "callgate-trace.json";
    if (is_forked)
        snprintf(buffer, size, "%s.%d", name, gate__os_process_id());
    else
        snprintf(buffer, size, "%s", name);
}

__attribute__((destructor)) static void report_at_exit(void) {
    char name[FILE_NAME];
    gate_error error;
    if (!atomic_load(&has_taken_settings))
        return;
    if (gate__settings.callstats && gate_trace_report(STDERR, &error))
        fprintf(stderr, "callgate: GATE_DEBUG=callstats: %s\n", error.message);
    name_file(name, sizeof name);
    if (gate__settings.chrometrace && gate_trace_write(name, &error))
        fprintf(stderr, "callgate: GATE_DEBUG=chrometrace: %s\n", error.message);
}

/* In the child. Those who held the session are gone. */
static void begin_anew(void) {
    is_forked |= atomic_load(&has_taken_settings);
    readers = 0;
    if (atomic_load(&last_session))
        renew();
}

__attribute__((constructor)) static void attend_forks(void) {
    gate__lock_keep(&session_lock);
    gate__os_at_fork(NULL, NULL, begin_anew);
}
