/* The region table: what is mapped, for whom, and by whom. Read without a lock, from anywhere.
 *
 * A region is a record; the page map leads from each of its pages to it. Writers hold the table's latch,
 * readers hold nothing and may be signal handlers that interrupted a writer. What makes that sound:
 *
 *   - Records are never unmapped. A free one has end == 0.
 *   - Each change of a record stores one word, and makes it a new version first. A reader that finds the
 *     version as it was has seen the record before that store or after it, which were both true.
 *   - Pages are led to a new record before the old one is shrunk or freed, and a record is grown before
 *     more pages are led to it. A reader whose record doesn't have the page looks again, and finds another.
 *
 *   free --make--> live --cut: first or end moves, the other part becomes a record--> live
 *                  live --change: protection, state or tag--> live
 *                  live --merge: end or first moves, the other's pages come over--> live
 *                  live --remove, merge--> free
 *
 *   sum of (end - first) over live records == total.bytes == sum of bytes over accounts
 *   number of live records == total.regions == sum of regions over accounts
 *   two neighbours of one mapping differ in protection, state or tag
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

struct gate__account {
    _Atomic uint64_t number; /* the M's; 0 for threads that have none */
    struct gate_region_counts counts;
    bool open; /* the M lives */
    struct gate__account *next_free;
};

struct record {
    _Atomic uint32_t version;
    _Atomic int prot;
    _Atomic(enum gate_region_state) state;
    _Atomic uintptr_t first, end; /* addresses; end == 0: free */
    _Atomic(const char *) tag;
    _Atomic(const void *) caller;
    struct gate__account *_Atomic account; /* of the M that mapped it, open or not */
    union {
        uint64_t mapping;    /* the same in all pieces of one mapping */
        struct record *next; /* in a list of records that are free, or about to be */
    };
};

enum { CELL = 64, CHUNK = 1024 * 1024 };

/* Where the table ends: the last page of the map stays free, so that each range has a page behind it. */
static const uintptr_t limit = (GATE__PAGEMAP_PAGES - 1) << GATE__PAGEMAP_SHIFT;

_Static_assert(sizeof(struct record) == CELL, "a cache line");

/* What every change touches, in two cache lines. */
GATE__HOT_DATA static struct {
    struct gate__latch latch;
    struct record *free_records;
    size_t expected; /* changes that have been promised memory */
    struct gate_region_counts total;
    uint64_t last_mapping;
    struct gate__account *free_accounts;
} table __attribute__((aligned(CELL)));

GATE__HOT_DATA static struct gate__account outsiders = {.open = true};

/* Memory for the table itself */

/* What one change may take: two blocks for each end in the page map, and one for records. */
enum { BLOCKS_PER_CHANGE = 5 };

/* Takes the latch, with memory for one more change than is expected. */
GATE__HOT_CODE static int latch_for_change(void) {
    for (;;) {
        void *chunk;
        gate__latch(&table.latch);
        if (gate__pagemap_spare() >= (table.expected + 1) * BLOCKS_PER_CHANGE)
            return 0;
        gate__unlatch(&table.latch);
        int failed = gate__mem_map_unlisted(CHUNK, &chunk);
        if (failed)
            return failed;
        gate__latch(&table.latch);
        gate__pagemap_give(chunk, CHUNK);
        gate__unlatch(&table.latch);
    }
}

int gate__region_expect(void) {
    int failed = latch_for_change();
    if (failed)
        return failed;
    table.expected++;
    gate__unlatch(&table.latch);
    return 0;
}

void gate__region_forget(void) {
    gate__latch(&table.latch);
    table.expected--;
    gate__unlatch(&table.latch);
}

static inline struct record *take_record(void) {
    if (!table.free_records) {
        struct record *cells = gate__pagemap_take();
        for (size_t i = GATE__PAGEMAP_BLOCK / CELL; i-- > 0;) {
            cells[i].next = table.free_records;
            table.free_records = &cells[i];
        }
    }
    struct record *record = table.free_records;
    table.free_records = record->next;
    return record;
}

/* Accounts have cells of their own: to a reader that comes late, a record's cell must stay a record. */
static struct gate__account *take_account(void) {
    if (!table.free_accounts) {
        struct gate__account *cells = gate__pagemap_take();
        for (size_t i = GATE__PAGEMAP_BLOCK / sizeof *cells; i-- > 0;) {
            cells[i].next_free = table.free_accounts;
            table.free_accounts = &cells[i];
        }
    }
    struct gate__account *account = table.free_accounts;
    table.free_accounts = account->next_free;
    return account;
}

/* Accounts: what is counted for each M, and in all */

static inline void count(struct gate__account *account, intptr_t regions, intptr_t bytes) {
    account->counts.regions += (size_t)regions;
    account->counts.bytes += (size_t)bytes;
    table.total.regions += (size_t)regions;
    table.total.bytes += (size_t)bytes;
    if (account->counts.regions == 0 && !account->open) {
        account->next_free = table.free_accounts;
        table.free_accounts = account;
    }
}

static inline void raise_peaks(struct gate_region_counts *counts) {
    if (counts->regions > counts->peak_regions)
        counts->peak_regions = counts->regions;
    if (counts->bytes > counts->peak_bytes)
        counts->peak_bytes = counts->bytes;
}

int gate__region_open_account(uint64_t number, struct gate__account **result) {
    int failed = latch_for_change();
    if (failed)
        return failed;
    struct gate__account *account = take_account();
    account->counts = (struct gate_region_counts){0};
    account->open = true;
    atomic_store_explicit(&account->number, number, memory_order_release); /* late readers may look at it */
    gate__unlatch(&table.latch);
    *result = account;
    return 0;
}

void gate__region_close_account(struct gate__account *account) {
    gate__latch(&table.latch);
    account->open = false;
    count(account, 0, 0);
    gate__unlatch(&table.latch);
}

void gate_region_counts(const gate_m *m, struct gate_region_counts *counts) {
    gate__latch(&table.latch);
    *counts = m ? m->account->counts : table.total;
    gate__unlatch(&table.latch);
}

/* Records: the words of one, each changed alone */

#define get(record, word) atomic_load_explicit(&(record)->word, memory_order_acquire)

/* A new version of the record, that differs in this word. */
#define put(record, word, value)                                                                     \
    do {                                                                                             \
        atomic_store_explicit(&(record)->version, get((record), version) + 1, memory_order_release); \
        atomic_store_explicit(&(record)->word, (value), memory_order_release);                       \
    } while (0)

static uintptr_t page_of(uintptr_t address) {
    return address >> GATE__PAGEMAP_SHIFT;
}

static struct record *record_at(uintptr_t address) {
    return gate__pagemap_get(page_of(address));
}

/* The first address from address on that is live; end if none is before it. */
static uintptr_t next_live(uintptr_t address, uintptr_t end) {
    return gate__pagemap_next(page_of(address), page_of(end)) << GATE__PAGEMAP_SHIFT;
}

/* Leads all pages of a range to record. */
static void lead(uintptr_t first, uintptr_t end, struct record *record) {
    gate__pagemap_set(page_of(first), page_of(end), record);
}

#define set(record, word, value) atomic_store_explicit(&(record)->word, (value), memory_order_release)

/* A record, to which no page leads yet. It is free to readers until it has an end. */
GATE__HOT_CODE static struct record *make(uintptr_t first, uintptr_t end, const struct gate__region_origin *origin,
                                          struct gate__account *account, uint64_t mapping) {
    struct record *record = take_record();
    put(record, first, first);
    set(record, prot, origin->prot);
    set(record, state, origin->state);
    set(record, tag, origin->tag);
    set(record, caller, origin->caller);
    set(record, account, account);
    record->mapping = mapping;
    put(record, end, end);
    count(account, 1, (intptr_t)(end - first));
    return record;
}

/* Frees a record that no page leads to any more. */
GATE__HOT_CODE static void drop(struct record *record) {
    struct gate__account *account = get(record, account);
    intptr_t length = (intptr_t)(get(record, end) - get(record, first));
    put(record, end, 0);
    count(account, -1, -length);
    record->next = table.free_records;
    table.free_records = record;
}

/* Makes a part of record one of its own. */
static void split_off(struct record *record, uintptr_t first, uintptr_t end) {
    struct gate__region_origin origin = {get(record, tag), get(record, caller), get(record, state), get(record, prot)};
    struct gate__account *account = get(record, account);
    lead(first, end, make(first, end, &origin, account, record->mapping));
    count(account, 0, -(intptr_t)(end - first));
}

/* Makes a region begin at address, if one goes on across it. The smaller part is the one that moves. */
static void cut(uintptr_t address) {
    struct record *record = record_at(address);
    if (!record || get(record, first) == address)
        return;
    uintptr_t first = get(record, first), end = get(record, end);
    if (address - first > end - address) {
        split_off(record, address, end);
        put(record, end, address);
    } else {
        split_off(record, first, address);
        put(record, first, address);
    }
}

static bool are_alike(struct record *a, struct record *b) {
    return a->mapping == b->mapping && get(a, prot) == get(b, prot) && get(a, state) == get(b, state) &&
           get(a, tag) == get(b, tag);
}

/* Undoes a cut at address, if nothing tells the two parts apart any more. */
static void merge(uintptr_t address) {
    struct record *low = address ? record_at(address - 1) : NULL, *high = record_at(address);
    if (!low || !high || low == high || !are_alike(low, high))
        return;
    uintptr_t first = get(low, first), end = get(high, end);
    bool move_high = address - first > end - address;
    struct record *stays = move_high ? low : high, *goes = move_high ? high : low;
    count(get(stays, account), 0, (intptr_t)(get(goes, end) - get(goes, first)));
    if (move_high)
        put(stays, end, end);
    else
        put(stays, first, first);
    lead(get(goes, first), get(goes, end), stays);
    drop(goes);
}

/* Ranges: each change cuts at both ends, and then has whole regions only */

struct range {
    uintptr_t first, end;
};

/* The pages of length bytes; empty where the table can have none. */
static inline struct range range_of(const void *base, size_t length) {
    uintptr_t first = (uintptr_t)base, page = gate__os_page_size();
    if (first >= limit || first & (page - 1) || length > limit - first || length == 0)
        return (struct range){0, 0};
    return (struct range){first, first + ((length + page - 1) & -page)};
}

static void cut_out(struct range range) {
    cut(range.first);
    cut(range.end);
}

#define for_each_record(record, range)                          \
    for (uintptr_t at_ = next_live((range).first, (range).end); \
         at_ < (range).end && ((record) = record_at(at_), true); at_ = next_live(get((record), end), (range).end))

/* The whole regions of a range, in a list. The pages still lead to them. */
static struct record *gather(struct range range) {
    struct record *list = NULL, *record;
    for_each_record(record, range) {
        record->next = list;
        list = record;
    }
    return list;
}

static void drop_all(struct record *list) {
    while (list) {
        struct record *next = list->next;
        drop(list);
        list = next;
    }
}

#if GATE_DEBUG_LEVEL > 1
/* Each region's first and last page lead to it. */
static void validate_around(struct range range) {
    struct record *record;
    for_each_record(record, range) {
        gate__assert(record_at(get(record, first)) == record && record_at(get(record, end) - 1) == record);
        gate__assert(get(record, first) <= at_ && at_ < get(record, end));
    }
}
#else
static void validate_around(struct range range) {
    (void)range;
}
#endif

static void raise_at(uintptr_t address) {
    struct record *record = record_at(address);
    if (record)
        raise_peaks(&get(record, account)->counts);
}

/* Ends a change that has cut regions: what was counted up and down meanwhile was no peak. What can have become
 * more is the regions in the range, and those beside it. */
GATE__COLD_CODE static void settle(struct range range) {
    struct record *record;
    raise_at(range.first ? range.first - 1 : 0);
    raise_at(range.end);
    for_each_record(record, range) raise_peaks(&get(record, account)->counts);
    raise_peaks(&table.total);
    validate_around(range);
    gate__unlatch(&table.latch);
}

/* Leads a range of which parts are live to the new record, in place of what was there. */
GATE__COLD_CODE static void replace(struct range range, struct record *record) {
    cut_out(range);
    struct record *gone = gather(range);
    lead(range.first, range.end, record);
    drop_all(gone);
}

/* Makes the region of a new mapping. The latch is held. */
GATE__HOT_CODE static void add(struct range range, const struct gate__region_origin *origin) {
    gate_m *m = gate__m();
    struct gate__account *account = m ? m->account : &outsiders;
    struct record *record = make(range.first, range.end, origin, account, ++table.last_mapping);
    if (!gate__pagemap_claim(page_of(range.first), page_of(range.end), record)) {
        replace(range, record);
        settle(range);
        return;
    }
    raise_peaks(&account->counts);
    raise_peaks(&table.total);
    validate_around(range);
    gate__unlatch(&table.latch);
}

GATE__HOT_CODE int gate__region_add_new(void *base, size_t length, const struct gate__region_origin *origin) {
    struct range range = range_of(base, length);
    int failed = range.end ? latch_for_change() : -ENOMEM;
    if (!failed)
        add(range, origin);
    return failed;
}

void gate__region_add(void *base, size_t length, const struct gate__region_origin *origin) {
    gate__latch(&table.latch);
    table.expected--;
    add(range_of(base, length), origin);
}

/* Whether a region begins or ends at address, or none is there. */
static bool is_edge(uintptr_t address) {
    struct record *record = record_at(address);
    return !record || get(record, first) == address;
}

static bool is_live(struct range range) {
    struct record *record;
    uintptr_t live = range.first;
    for_each_record(record, range) {
        if (at_ != live)
            return false;
        live = get(record, end);
    }
    return range.end && live >= range.end;
}

/* Whether one mapping goes on across address. */
static bool is_within_mapping(uintptr_t address) {
    struct record *low = address ? record_at(address - 1) : NULL, *high = record_at(address);
    return low && high && low->mapping == high->mapping;
}

/* Whether the system can unmap what is in a range, and leave what is beside it. */
static inline bool can_go(struct range range) {
    return gate__os_unmaps_parts || !(is_within_mapping(range.first) || is_within_mapping(range.end));
}

/* Takes out parts of regions, or several. The latch is held; it is let go of where a part needs memory. */
GATE__COLD_CODE static int remove_parts(struct range range) {
    int failed = 0;
    if (!is_edge(range.first) || !is_edge(range.end)) {
        gate__unlatch(&table.latch);
        failed = latch_for_change();
    }
    if (failed)
        return failed;
    failed = !is_live(range) ? -EINVAL : can_go(range) ? 0 : -ENOTSUP;
    if (failed) {
        gate__unlatch(&table.latch);
        return failed;
    }
    cut_out(range);
    struct record *gone = gather(range);
    lead(range.first, range.end, NULL);
    drop_all(gone);
    settle(range);
    return 0;
}

/* Whole regions go without any memory: whoever cleans up after a failure succeeds. */
GATE__HOT_CODE int gate__region_remove(void *base, size_t length) {
    struct range range = range_of(base, length);
    if (!range.end)
        return -EINVAL;
    gate__latch(&table.latch);
    struct record *record = record_at(range.first);
    if (record && get(record, first) == range.first && get(record, end) == range.end && can_go(range)) {
        lead(range.first, range.end, NULL);
        drop(record);
        gate__unlatch(&table.latch);
        return 0;
    }
    return remove_parts(range);
}

/* Joins what has become alike, at both ends of the range and within. */
static void merge_all(struct range range) {
    struct record *record;
    for_each_record(record, range) {
        merge(at_);
        record = record_at(at_);
    }
    merge(range.end);
    settle(range);
}

/* Gives the regions of a range another value of one word. The latch is held, and is let go of. */
#define change_all(range, word, value)                                 \
    do {                                                               \
        struct record *changed_;                                       \
        cut_out(range);                                                \
        for_each_record(changed_, range) put(changed_, word, (value)); \
        merge_all(range);                                              \
    } while (0)

static struct range begin_expected(void *base, size_t length) {
    gate__latch(&table.latch);
    table.expected--;
    return range_of(base, length);
}

void gate__region_protect(void *base, size_t length, int new_prot) {
    struct range range = begin_expected(base, length);
    change_all(range, prot, new_prot);
}

void gate__region_set_state(void *base, size_t length, enum gate_region_state new_state) {
    struct range range = begin_expected(base, length);
    change_all(range, state, new_state);
}

void gate__region_hold(void) {
    gate__latch(&table.latch);
}

void gate__region_let_go(void) {
    gate__unlatch(&table.latch);
}

bool gate__region_fits(const void *base, size_t length) {
    return (uintptr_t)base < limit && length <= limit - (uintptr_t)base;
}

int gate_region_tag(void *base, size_t length, const char *new_tag) {
    struct range range = range_of(base, length);
    int failed = latch_for_change();
    if (failed)
        return failed;
    if (!is_live(range)) {
        gate__unlatch(&table.latch);
        return -EINVAL;
    }
    change_all(range, tag, new_tag);
    return 0;
}

/* Reading */

/* Copies the record, if it is address's and stayed the same meanwhile. */
static bool copy(struct record *record, uintptr_t address, struct gate_region *region) {
    uint32_t version = get(record, version);
    uintptr_t first = get(record, first), end = get(record, end);
    if (address < first || address >= end)
        return false;
    *region = (struct gate_region){
        .base = (void *)first,
        .length = end - first,
        .prot = get(record, prot),
        .state = get(record, state),
        .tag = get(record, tag),
        .mapper = get(get(record, account), number),
        .caller = get(record, caller),
    };
    return get(record, version) == version;
}

int gate_region_find(const void *address, struct gate_region *region) {
    uintptr_t at = (uintptr_t)address;
    struct record *record;
    struct gate_region found;
    if (at >= limit)
        return -ENOENT;
    while ((record = record_at(at)) != NULL) {
        if (copy(record, at, &found)) {
            *region = found;
            return 0;
        }
    }
    return -ENOENT;
}

int gate_region_next(const void *address, struct gate_region *region) {
    uintptr_t at = (uintptr_t)address;
    for (; at < limit && (at = next_live(at, limit)) < limit; at += (uintptr_t)1 << GATE__PAGEMAP_SHIFT) {
        if (gate_region_find((void *)at, region) == 0)
            return 0;
    }
    return -ENOENT;
}

bool gate__region_next_part(const void **at, const void *end, struct gate_region *part) {
    const char *from = *at, *stop = end;
    if (from >= stop || gate_region_next(from, part) || (const char *)part->base >= stop)
        return false;
    char *first = part->base, *to = first + part->length;
    first = from > first ? first + (from - first) : first;
    to = to < stop ? to : first + (stop - first);
    part->base = first;
    part->length = (size_t)(to - first);
    *at = to;
    return true;
}

size_t gate__region_run(const void *base, size_t length, enum gate_region_state *state) {
    uintptr_t at = (uintptr_t)base, end = at + length;
    struct gate_region region;
    *state = gate_region_find(base, &region) ? GATE_REGION_NONE : region.state;
    if (*state == GATE_REGION_NONE)
        return next_live(at, end) - at;
    while (at < end && gate_region_find((void *)at, &region) == 0 && region.state == *state)
        at = (uintptr_t)region.base + region.length;
    return (at < end ? at : end) - (uintptr_t)base;
}

void gate__region_validate(void) {
    struct range all = {0, limit};
    struct gate_region_counts seen = {0};
    struct record *record, *previous = NULL;
    gate__latch(&table.latch);
    for_each_record(record, all) {
        uintptr_t end = get(record, end), page = (uintptr_t)1 << GATE__PAGEMAP_SHIFT;
        for (uintptr_t at = get(record, first); at < end; at += page) {
            if (record_at(at) != record)
                gate__throw("a page of a region leads elsewhere");
        }
        if (previous && get(previous, end) == get(record, first) && are_alike(previous, record))
            gate__throw("two pieces of a mapping are alike and apart");
        seen.regions++;
        seen.bytes += end - get(record, first);
        previous = record;
    }
    if (seen.regions != table.total.regions || seen.bytes != table.total.bytes || table.expected)
        gate__throw("the region table's counters are wrong");
    gate__unlatch(&table.latch);
}
