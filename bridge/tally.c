/* What was counted of each function, and of each sort of callbacks.
 *
 * Tallies are in a table that only grows, so that it is read and added to without a lock, and a tally may be pointed to
 * for ever. The name is a copy: the host's is free to go. Counters are in shards, so that threads seldom write to the
 * same words; a thread has one by its number.
 *
 * Times are counted by their logarithm: below 16 ns exactly, and from there on each power of two is in 16 parts of equal
 * width. So what is said of a part, its middle, is off by a 32nd at most, and a tally of times from nanoseconds to days takes
 * 6 KB.
 *
 *   part:    0 ... 15 | 16 ... 31 | 32 ... 47 | ...
 *   from ns: 0 ... 15 | 16 ... 31 | 32 ... 62 | 64 ... 124 | ...
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

enum {
    SHARDS = 8,
    BUCKETS = 4096, /* of the table */
    MOST = 10 * 1000,
    PART_BITS = 4,
    PARTS_OF_OCTAVE = 1 << PART_BITS,
    LARGEST_BITS = 48, /* nanoseconds beyond count as if they were the largest of so many bits */
    PARTS = (LARGEST_BITS - PART_BITS + 1) * PARTS_OF_OCTAVE,
    NAME_SIZE = 64
};

struct shard {
    _Atomic uint64_t nanoseconds, in_callbacks, most, handoffs, callbacks;
    _Atomic uint64_t parts[PARTS]; /* their sum is the count of calls */
};

struct gate__tally {
    struct gate__tally *next;
    const void *address;
    uint32_t hash;
    enum gate_trace_kind kind;
    char name[NAME_SIZE];
    _Atomic(struct shard *) shards[SHARDS]; /* each made when it is first written to */
};

static _Atomic(struct gate__tally *) buckets[BUCKETS];
static _Atomic uint32_t count;

/* For all for which there is no room. */
static struct shard spare_shards[2];
static struct gate__tally spares[2] = {
    [GATE_TRACE_CALLS] = {.kind = GATE_TRACE_CALLS, .name = "others", .shards = {&spare_shards[0]}},
    [GATE_TRACE_CALLBACKS] = {.kind = GATE_TRACE_CALLBACKS, .name = "others", .shards = {&spare_shards[1]}},
};

/* Finding them */

static uint32_t hash_of(enum gate_trace_kind kind, const void *address, const char *name) {
    uint64_t hash = (uintptr_t)address + kind;
    for (size_t i = 0; i + 1 < NAME_SIZE && name[i]; i++)
        hash = (hash ^ (unsigned char)name[i]) * 0x9e3779b97f4a7c15;
    return (uint32_t)(hash >> 32);
}

static bool is_of(const struct gate__tally *tally, const struct gate__tally *sought, const char *name) {
    return tally->hash == sought->hash && tally->address == sought->address && tally->kind == sought->kind &&
           strncmp(tally->name, name, NAME_SIZE - 1) == 0;
}

static struct gate__tally *make(const struct gate__tally *sought, const char *name) {
    if (atomic_load_explicit(&count, memory_order_relaxed) >= MOST)
        return NULL;
    struct gate__tally *tally = malloc(sizeof *tally);
    if (tally) {
        *tally = *sought;
        strncpy(tally->name, name, NAME_SIZE - 1);
    }
    return tally;
}

struct gate__tally *gate__tally_of(enum gate_trace_kind kind, const void *address, const char *name) {
    struct gate__tally sought = {.kind = kind, .address = address, .hash = hash_of(kind, address, name)};
    _Atomic(struct gate__tally *) *bucket = &buckets[sought.hash % BUCKETS];
    struct gate__tally *made = NULL, *first = atomic_load_explicit(bucket, memory_order_acquire);
    do {
        for (struct gate__tally *each = first; each; each = each->next) {
            if (is_of(each, &sought, name)) {
                free(made);
                return each;
            }
        }
        made = made ? made : make(&sought, name);
        if (!made)
            return &spares[kind];
        made->next = first;
    } while (!atomic_compare_exchange_weak_explicit(bucket, &first, made, memory_order_acq_rel, memory_order_acquire));
    atomic_fetch_add_explicit(&count, 1, memory_order_relaxed);
    return made;
}

const char *gate__tally_name(const struct gate__tally *tally) {
    return tally->name;
}

enum gate_trace_kind gate__tally_kind(const struct gate__tally *tally) {
    return tally->kind;
}

/* Adding to them */

/* Which shard the thread writes to. */
static unsigned own_shard(void) {
    static _Atomic unsigned last;
    static _Thread_local unsigned number __attribute__((tls_model("initial-exec")));
    if (!number)
        number = atomic_fetch_add_explicit(&last, 1, memory_order_relaxed) + 1;
    return number % SHARDS;
}

static struct shard *shard_of(struct gate__tally *tally) {
    _Atomic(struct shard *) *place = &tally->shards[own_shard()];
    struct shard *shard = atomic_load_explicit(place, memory_order_acquire), *none = NULL;
    if (shard)
        return shard;
    struct shard *made = tally == &spares[tally->kind] ? NULL : calloc(1, sizeof *made);
    if (!made)
        return &spare_shards[tally->kind];
    if (atomic_compare_exchange_strong(place, &none, made))
        return made;
    free(made);
    return none;
}

static unsigned part_of(uint64_t nanoseconds) {
    if (nanoseconds < PARTS_OF_OCTAVE)
        return (unsigned)nanoseconds;
    unsigned bits = 63 - (unsigned)__builtin_clzll(nanoseconds); /* below the upmost one */
    if (bits >= LARGEST_BITS)
        return PARTS - 1;
    unsigned octave = bits - PART_BITS;
    return (octave + 1) * PARTS_OF_OCTAVE + (unsigned)(nanoseconds >> octave) - PARTS_OF_OCTAVE;
}

static uint64_t middle_of(unsigned part) {
    if (part < PARTS_OF_OCTAVE)
        return part;
    unsigned octave = part / PARTS_OF_OCTAVE - 1;
    uint64_t from = (uint64_t)(part % PARTS_OF_OCTAVE + PARTS_OF_OCTAVE) << octave;
    return from + (((uint64_t)1 << octave) - 1) / 2;
}

static void add(_Atomic uint64_t *counter, uint64_t value) {
    if (value)
        atomic_fetch_add_explicit(counter, value, memory_order_relaxed);
}

static void raise_to(_Atomic uint64_t *most, uint64_t value) {
    uint64_t seen = atomic_load_explicit(most, memory_order_relaxed);
    while (seen < value &&
           !atomic_compare_exchange_weak_explicit(most, &seen, value, memory_order_relaxed, memory_order_relaxed))
        continue;
}

void gate__tally_add(struct gate__tally *tally, const struct gate__span *span) {
    struct shard *shard = shard_of(tally);
    add(&shard->parts[part_of(span->took)], 1);
    add(&shard->nanoseconds, span->took);
    add(&shard->in_callbacks, span->in_callbacks);
    add(&shard->handoffs, span->handoffs);
    add(&shard->callbacks, span->callbacks);
    raise_to(&shard->most, span->took);
}

/* All of them */

static void each_tally(void (*fn)(struct gate__tally *tally, void *data), void *data) {
    for (size_t i = 0; i < BUCKETS; i++) {
        for (struct gate__tally *t = atomic_load_explicit(&buckets[i], memory_order_acquire); t; t = t->next)
            fn(t, data);
    }
    fn(&spares[GATE_TRACE_CALLS], data);
    fn(&spares[GATE_TRACE_CALLBACKS], data);
}

/* The spares' only shard is the first. */
static struct shard *shard_at(struct gate__tally *tally, unsigned index) {
    return atomic_load_explicit(&tally->shards[index], memory_order_acquire);
}

static void forget(struct gate__tally *tally, void *unused) {
    (void)unused;
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = shard_at(tally, i);
        for (unsigned part = 0; shard && part < PARTS; part++)
            atomic_store_explicit(&shard->parts[part], 0, memory_order_relaxed);
        if (!shard)
            continue;
        atomic_store_explicit(&shard->nanoseconds, 0, memory_order_relaxed);
        atomic_store_explicit(&shard->in_callbacks, 0, memory_order_relaxed);
        atomic_store_explicit(&shard->most, 0, memory_order_relaxed);
        atomic_store_explicit(&shard->handoffs, 0, memory_order_relaxed);
        atomic_store_explicit(&shard->callbacks, 0, memory_order_relaxed);
    }
}

void gate__tally_forget(void) {
    each_tally(forget, NULL);
}

/* The time that so many of a hundred calls took at most. */
static uint64_t percentile(const uint64_t parts[PARTS], uint64_t calls, unsigned percent) {
    uint64_t rank = calls / 100 * percent + (calls % 100 * percent + 99) / 100, seen = 0;
    for (unsigned part = 0; part < PARTS; part++) {
        seen += parts[part];
        if (seen >= rank)
            return middle_of(part);
    }
    return 0;
}

static void sum_up(struct gate__tally *tally, struct gate_trace_info *info, uint64_t parts[PARTS]) {
    for (unsigned i = 0; i < SHARDS; i++) {
        struct shard *shard = shard_at(tally, i);
        if (!shard)
            continue;
        for (unsigned part = 0; part < PARTS; part++)
            parts[part] += atomic_load_explicit(&shard->parts[part], memory_order_relaxed);
        uint64_t most = atomic_load_explicit(&shard->most, memory_order_relaxed);
        info->nanoseconds += atomic_load_explicit(&shard->nanoseconds, memory_order_relaxed);
        info->callback_nanoseconds += atomic_load_explicit(&shard->in_callbacks, memory_order_relaxed);
        info->handoffs += atomic_load_explicit(&shard->handoffs, memory_order_relaxed);
        info->callbacks += atomic_load_explicit(&shard->callbacks, memory_order_relaxed);
        info->most = most > info->most ? most : info->most;
    }
    for (unsigned part = 0; part < PARTS; part++)
        info->calls += parts[part];
}

static uint64_t lesser(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

struct visit {
    void (*visitor)(void *host, const struct gate_trace_info *info);
    void *host;
};

static void visit(struct gate__tally *tally, void *data) {
    const struct visit *v = data;
    uint64_t parts[PARTS] = {0};
    struct gate_trace_info info = {.kind = tally->kind, .name = tally->name, .address = tally->address};
    sum_up(tally, &info, parts);
    if (!info.calls)
        return;
    info.p50 = lesser(percentile(parts, info.calls, 50), info.most);
    info.p99 = lesser(percentile(parts, info.calls, 99), info.most);
    v->visitor(v->host, &info);
}

void gate_trace_visit(void (*visitor)(void *host, const struct gate_trace_info *info), void *host) {
    each_tally(visit, &(struct visit){visitor, host});
}

/* The report */

struct report {
    int fd;
    struct gate_trace_info *infos;
    size_t count, room;
};

static void collect(void *data, const struct gate_trace_info *info) {
    struct report *report = data;
    if (report->count < report->room)
        report->infos[report->count++] = *info;
}

static int by_time(const void *a, const void *b) {
    const struct gate_trace_info *first = a, *second = b;
    return (first->nanoseconds < second->nanoseconds) - (first->nanoseconds > second->nanoseconds);
}

static double in_us(uint64_t nanoseconds) {
    return (double)nanoseconds / 1000;
}

static void print_line(int fd, const struct gate_trace_info *info) {
    char line[256], where[32] = "";
    if (strcmp(info->name, "a function") == 0)
        snprintf(where, sizeof where, " at %p", info->address);
    int length =
        snprintf(line, sizeof line, "%10llu %12.3f %12.3f %12.3f %12.3f %9llu %9llu  %s%s%s\n",
                 (unsigned long long)info->calls, in_us(info->nanoseconds) / 1000, in_us(info->p50), in_us(info->p99),
                 in_us(info->most), (unsigned long long)info->handoffs, (unsigned long long)info->callbacks,
                 info->kind == GATE_TRACE_CALLBACKS ? "callback: " : "", info->name, where);
    gate__os_write(fd, line, (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

/* [system stack] */
static void print(void *data) {
    struct report *report = data;
    char line[256];
    gate_trace_visit(collect, report);
    qsort(report->infos, report->count, sizeof *report->infos, by_time);
    int length =
        snprintf(line, sizeof line, "callgate: calls of process %d\n%10s %12s %12s %12s %12s %9s %9s  function\n",
                 gate__os_process_id(), "calls", "total ms", "p50 us", "p99 us", "max us", "handoffs", "callbacks");
    gate__os_write(report->fd, line, (size_t)length);
    for (size_t i = 0; i < report->count; i++)
        print_line(report->fd, &report->infos[i]);
}

int gate_trace_report(int fd, gate_error *error) {
    struct report report = {.fd = fd, .room = atomic_load(&count) + 2};
    report.infos = calloc(report.room, sizeof *report.infos);
    if (!report.infos)
        return gate__fail(error, -ENOMEM, "no memory for a report of %zu functions", report.room);
    gate__foreign_call(print, &report);
    free(report.infos);
    return 0;
}
