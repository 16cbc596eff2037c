/* Calls one by one, for a viewer: Chrome's trace events.
 *
 * Events are in blocks, each as large as all before it, which are made when the first event comes there and stay for
 * ever. An event's index is counted up without a lock, and says where it goes. What comes behind the last is lost,
 * and counted so, since the index goes on. A slot's state tells whoever reads it whose it is:
 *
 *   whole of an earlier session, or FREE --claim--> BEING_WRITTEN --release--> whole of this session
 *
 * In a session an index is given once. So a slot is changed while it is read only if a session begins meanwhile, which
 * it doesn't (gate__trace_hold_session), and written to by two at once only if one has been at it since another
 * session. The later one loses its event then.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/internal.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"

enum { FIRST_SHIFT = 10, FIRST = 1 << FIRST_SHIFT, BLOCKS = 40 };
enum { FREE, BEING_WRITTEN, WHOLE = 2 /* and twice the session */ };

enum event_kind { SPAN, HANDOFF };

struct event {
    _Atomic uint64_t state;
    enum event_kind kind;
    int thread;       /* the system's number */
    uint64_t m, task; /* their numbers; 0 without */
    const struct gate__tally *tally;
    struct gate__span span;
    char task_name[32];
};

static _Atomic(struct event *) blocks[BLOCKS];
static _Atomic uint64_t next_index; /* those of this session begin at 0 */
static _Atomic uint64_t most;
static _Atomic uint64_t lost; /* for want of memory, or of a slot */

void gate__timeline_begin(void) {
    atomic_store(&next_index, 0);
    atomic_store(&lost, 0);
}

void gate__timeline_limit(size_t most_events) {
    atomic_store(&most, most_events);
}

/* Keeping */

/* Block b begins at index 2^b * FIRST - FIRST, as those of handles do. */
static _Atomic(struct event *) *block_of(uint64_t index, uint64_t *place, uint64_t *size) {
    uint64_t shifted = index + FIRST;
    unsigned top = 63 - (unsigned)__builtin_clzll(shifted);
    *size = (uint64_t)1 << top;
    *place = shifted - *size;
    return &blocks[top - FIRST_SHIFT];
}

static struct event *event_at(uint64_t index, bool may_make) {
    uint64_t place, size;
    _Atomic(struct event *) *at = block_of(index, &place, &size);
    struct event *block = atomic_load_explicit(at, memory_order_acquire), *made;
    if (!block && may_make && (made = calloc(size, sizeof *made)) != NULL) {
        if (atomic_compare_exchange_strong(at, &block, made))
            block = made;
        else
            free(made);
    }
    return block ? &block[place] : NULL;
}

/* A slot for an event, which is the caller's until it is whole. NULL: the event is lost. */
static struct event *claim(void) {
    uint64_t limit = atomic_load_explicit(&most, memory_order_relaxed);
    uint64_t index = atomic_fetch_add_explicit(&next_index, 1, memory_order_relaxed);
    if (index >= limit)
        return NULL;
    struct event *event = event_at(index, true);
    uint64_t state = event ? atomic_load_explicit(&event->state, memory_order_relaxed) : BEING_WRITTEN;
    if (state != BEING_WRITTEN && atomic_compare_exchange_strong_explicit(&event->state, &state, BEING_WRITTEN,
                                                                          memory_order_acquire, memory_order_relaxed))
        return event;
    atomic_fetch_add_explicit(&lost, 1, memory_order_relaxed);
    return NULL;
}

/* Of a thread that no runtime knows, asked for once; a fork's child asks anew, as another session has begun. */
static int thread_number(uint32_t session) {
    static _Thread_local struct {
        uint32_t session;
        int number;
    } own __attribute__((tls_model("initial-exec")));
    if (own.session != session) {
        own.session = session;
        own.number = gate__os_thread_id();
    }
    return own.number;
}

static void fill(struct event *event, uint32_t session, const gate_m *m) {
    const gate_task *task = m ? m->task : NULL;
    event->thread = m ? m->thread_id : thread_number(session);
    event->m = m ? m->number : 0;
    event->task = task ? gate_task_number(task) : 0;
    event->task_name[0] = '\0';
    for (size_t i = 0; task && i < sizeof event->task_name / sizeof task->name[0]; i++) {
        uint64_t part = atomic_load_explicit(&task->name[i], memory_order_relaxed);
        memcpy(event->task_name + i * sizeof part, &part, sizeof part);
    }
    atomic_store_explicit(&event->state, WHOLE + 2 * (uint64_t)session, memory_order_release);
}

void gate__timeline_add(uint32_t session, const struct gate__tally *tally, const gate_m *m,
                        const struct gate__span *span) {
    struct event *event = claim();
    if (!event)
        return;
    event->kind = SPAN;
    event->tally = tally;
    event->span = *span;
    fill(event, session, m);
}

void gate__timeline_add_handoff(uint32_t session, const struct gate__tally *tally, const gate_m *m, uint64_t when) {
    struct event *event = claim();
    if (!event)
        return;
    event->kind = HANDOFF;
    event->tally = tally;
    event->span = (struct gate__span){.began = when};
    fill(event, session, m);
}

/* Reading */

struct events {
    const struct event **list;
    size_t count;
    uint64_t lost;
};

/* What began first stands first, and of two that began at once the longer one, which has the other in it. */
static int by_begin(const void *a, const void *b) {
    const struct gate__span *first = &(*(const struct event *const *)a)->span;
    const struct gate__span *second = &(*(const struct event *const *)b)->span;
    if (first->began != second->began)
        return first->began < second->began ? -1 : 1;
    return (first->took < second->took) - (first->took > second->took);
}

static int by_thread(const void *a, const void *b) {
    const struct event *first = *(const struct event *const *)a, *second = *(const struct event *const *)b;
    return (first->thread > second->thread) - (first->thread < second->thread);
}

/* The whole events of a session. False without memory. */
static bool gather(struct events *events, uint32_t session) {
    uint64_t taken = atomic_load(&next_index), limit = atomic_load(&most), end = taken < limit ? taken : limit;
    events->lost = taken - end + atomic_load(&lost);
    events->list = calloc(end + 1, sizeof *events->list);
    for (uint64_t i = 0; events->list && i < end; i++) {
        const struct event *event = event_at(i, false);
        if (event && atomic_load_explicit(&event->state, memory_order_acquire) == WHOLE + 2 * (uint64_t)session)
            events->list[events->count++] = event;
    }
    return events->list != NULL;
}

/* Writing */

/* How many bytes of text are a character in UTF-8; 0 if they are none. */
static size_t character(const unsigned char *text) {
    static const unsigned char least[] = {0, 0, 0, 0xa0, 0x90};
    size_t length = text[0] < 0x80 ? 1 : text[0] < 0xc2 ? 0 : text[0] < 0xe0 ? 2 : text[0] < 0xf0 ? 3 : 4;
    unsigned char most_second = text[0] == 0xed ? 0x9f : text[0] == 0xf4 ? 0x8f : 0xbf;
    bool limited = text[0] == 0xe0 || text[0] == 0xf0;
    if (text[0] > 0xf4 || (length > 1 && (text[1] > most_second || (limited && text[1] < least[length]))))
        return 0;
    for (size_t i = 1; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80)
            return 0;
    }
    return length;
}

/* A string's content, as JSON has it. What is no UTF-8 becomes the character for that. */
static void put_text(FILE *file, const char *text) {
    const unsigned char *at = (const unsigned char *)text;
    while (*at) {
        size_t length = character(at);
        if (length == 0)
            fputs("\\ufffd", file);
        else if (*at < 0x20)
            fprintf(file, "\\u%04x", *at);
        else if (*at == '"' || *at == '\\')
            fprintf(file, "\\%c", *at);
        else
            fwrite(at, 1, length, file);
        at += length ? length : 1;
    }
}

/* Microseconds, to the nanosecond. */
static void put_time(FILE *file, const char *key, uint64_t nanoseconds) {
    fprintf(file, "\"%s\":%llu.%03u,", key, (unsigned long long)(nanoseconds / 1000), (unsigned)(nanoseconds % 1000));
}

/* How each event begins: what is its, and on which thread. */
static void put_begin(FILE *file, const char *phase, const struct event *event) {
    fprintf(file, ",\n{\"ph\":\"%s\",\"pid\":%d,\"tid\":%d,", phase, gate__os_process_id(), event->thread);
}

static void put_task(FILE *file, const struct event *event) {
    if (!event->task)
        return;
    fputs("\"task\":\"", file);
    put_text(file, event->task_name);
    fprintf(file, " #%llu\",", (unsigned long long)event->task);
}

static void put_span(FILE *file, const struct event *event) {
    const struct gate__span *span = &event->span;
    put_begin(file, "X", event);
    put_time(file, "ts", span->began);
    put_time(file, "dur", span->took);
    fprintf(file, "\"cat\":\"%s\",\"name\":\"",
            gate__tally_kind(event->tally) == GATE_TRACE_CALLS ? "call" : "callback");
    put_text(file, gate__tally_name(event->tally));
    fputs("\",\"args\":{", file);
    put_task(file, event);
    fprintf(file, "\"handoffs\":%u,\"callbacks\":%u}}", span->handoffs, span->callbacks);
}

static void put_handoff(FILE *file, const struct event *event) {
    put_begin(file, "i", event);
    put_time(file, "ts", event->span.began);
    fputs("\"s\":\"t\",\"cat\":\"handoff\",\"name\":\"hand-off\",\"args\":{", file);
    put_task(file, event);
    fputs("\"call\":\"", file);
    put_text(file, gate__tally_name(event->tally));
    fputs("\"}}", file);
}

/* A thread is named once, by its M, if it has one in any event. */
static void put_threads(FILE *file, const struct events *events) {
    qsort(events->list, events->count, sizeof *events->list, by_thread);
    for (size_t i = 0, end; i < events->count; i = end) {
        uint64_t m = 0;
        for (end = i; end < events->count && events->list[end]->thread == events->list[i]->thread; end++)
            m = events->list[end]->m ? events->list[end]->m : m;
        put_begin(file, "M", events->list[i]);
        fputs("\"name\":\"thread_name\",\"args\":{\"name\":\"", file);
        fprintf(file, m ? "thread %llu\"}}" : "a thread of C's\"}}", (unsigned long long)m);
    }
}

/* Without a displayTimeUnit: earlier versions of Perfetto took it for the unit of all times, which are microseconds. */
static void put_all(FILE *file, const struct events *events) {
    fprintf(file,
            "{\"otherData\":{\"lost\":%llu},\"traceEvents\":[\n"
            "{\"ph\":\"M\",\"pid\":%d,\"name\":\"process_name\",\"args\":{\"name\":\"callgate\"}}",
            (unsigned long long)events->lost, gate__os_process_id());
    put_threads(file, events);
    qsort(events->list, events->count, sizeof *events->list, by_begin);
    for (size_t i = 0; i < events->count; i++) {
        if (events->list[i]->kind == SPAN)
            put_span(file, events->list[i]);
        else
            put_handoff(file, events->list[i]);
    }
    fputs("\n]}\n", file);
}

struct writing {
    const char *path;
    uint32_t session;
    gate_error *error;
    int failed;
};

static void fail_at(struct writing *w, int number) {
    w->failed = gate__fail(w->error, -number, "'%s' can't be written: %s", w->path, strerror(number));
}

/* [system stack] */
static void write_file(void *data) {
    struct writing *w = data;
    struct events events = {0};
    FILE *file = fopen(w->path, "we");
    if (!file) {
        fail_at(w, errno);
        return;
    }
    if (gather(&events, w->session))
        put_all(file, &events);
    else
        w->failed = gate__fail(w->error, -ENOMEM, "no memory for a list of the events");
    free(events.list);
    bool wrote = !ferror(file);
    int number = errno;
    if (fclose(file) != 0 && wrote)
        fail_at(w, errno);
    else if (!wrote)
        fail_at(w, number);
}

int gate_trace_write(const char *path, gate_error *error) {
    struct writing writing = {.path = path, .error = error, .session = gate__trace_hold_session()};
    gate__foreign_call(write_file, &writing);
    gate__trace_let_session_go();
    return writing.failed;
}
