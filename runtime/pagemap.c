/* From a page's number to a word, read without a lock: the index of the region table.
 *
 * A tree of three levels over the 2^36 pages of 4 KiB that user space has. An entry of any level holds the
 * word of all the pages below it, or a node that tells them apart:
 *
 *   root   65536 entries of 4 GiB, in .bss
 *    `- node   1024 entries of 4 MiB
 *        `- node   1024 entries of a page
 *
 * An entry turns from a word into a node once: the node is filled with that word before it is stored, and
 * is never freed. So a page's word is in exactly one place whenever a reader looks, and a look is
 * at most three loads. (A hash table would need its readers to wait while it grows; a sorted array, to
 * retry; a tree that is balanced, both.)
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/internal.h"

enum { BITS = 10, FAN = 1 << BITS, ROOT_SHIFT = 2 * BITS, IS_NODE = 1 };

typedef _Atomic uintptr_t entry;

static entry root[GATE__PAGEMAP_PAGES >> ROOT_SHIFT];

/* Memory for nodes and whatever else is needed, in blocks that are handed out and never come back. An
 * extent's description lies in its own first block. */
struct extent {
    struct extent *next;
    size_t blocks;
};

_Static_assert(FAN * sizeof(entry) == GATE__PAGEMAP_BLOCK, "a node is a block");

GATE__HOT_DATA static struct extent *extents;
GATE__HOT_DATA static size_t spare;

void gate__pagemap_give(void *chunk, size_t length) {
    struct extent *extent = chunk;
    *extent = (struct extent){extents, length / GATE__PAGEMAP_BLOCK};
    spare += extent->blocks;
    extents = extent;
}

GATE__HOT_CODE size_t gate__pagemap_spare(void) {
    return spare;
}

GATE__HOT_CODE void *gate__pagemap_take(void) {
    struct extent *extent = extents;
    if (!extent)
        gate__throw("the region table has no memory for a change that it promised to take");
    spare--;
    if (--extent->blocks)
        return (char *)extent + extent->blocks * GATE__PAGEMAP_BLOCK;
    extents = extent->next;
    *extent = (struct extent){NULL, 0};
    return extent;
}

static bool is_node(uintptr_t word) {
    return word & IS_NODE;
}

static entry *node_of(uintptr_t word) {
    return (entry *)(word - IS_NODE);
}

static inline uintptr_t load(const entry *at) {
    return atomic_load_explicit(at, memory_order_acquire);
}

/* A node whose pages all have the word. */
static uintptr_t make_node(uintptr_t word) {
    entry *node = gate__pagemap_take();
    for (size_t i = 0; i < FAN; i++)
        atomic_init(&node[i], word);
    return (uintptr_t)node + IS_NODE;
}

/* Sets pages first to end, counted from the first that entries stands for; each entry is 2^shift pages. */
// NOLINTNEXTLINE(misc-no-recursion): two levels
static void set(entry *entries, unsigned shift, uintptr_t first, uintptr_t end, uintptr_t word) {
    uintptr_t span = (uintptr_t)1 << shift;
    for (uintptr_t base = first & -span; base < end; base += span) {
        entry *at = &entries[base >> shift];
        uintptr_t old = atomic_load_explicit(at, memory_order_relaxed);
        bool whole = first <= base && end >= base + span;
        if (shift == 0 || (!is_node(old) && (whole || old == word))) {
            atomic_store_explicit(at, word, memory_order_release);
            continue;
        }
        if (!is_node(old)) {
            old = make_node(old);
            atomic_store_explicit(at, old, memory_order_release);
        }
        uintptr_t from = first > base ? first - base : 0, to = end < base + span ? end - base : span;
        set(node_of(old), shift - BITS, from, to, word);
    }
}

/* The entries of a range whose pages are all in one node of the lowest level, as most are; NULL otherwise. */
static inline entry *row_of(uintptr_t first, uintptr_t end) {
    uintptr_t word = load(&root[first >> ROOT_SHIFT]);
    if (is_node(word))
        word = load(&node_of(word)[first >> BITS & (FAN - 1)]);
    return is_node(word) && first >> BITS == (end - 1) >> BITS ? &node_of(word)[first & (FAN - 1)] : NULL;
}

static inline void set_row(entry *row, uintptr_t pages, uintptr_t word) {
#pragma GCC unroll 4
    for (uintptr_t i = 0; i < pages; i++)
        atomic_store_explicit(&row[i], word, memory_order_release);
}

static inline bool is_row_empty(const entry *row, uintptr_t pages) {
    uintptr_t seen = 0;
#pragma GCC unroll 4
    for (uintptr_t i = 0; i < pages; i++)
        seen |= load(&row[i]);
    return !seen;
}

GATE__HOT_CODE void gate__pagemap_set(uintptr_t first, uintptr_t end, void *value) {
    entry *row = row_of(first, end);
    if (row)
        set_row(row, end - first, (uintptr_t)value);
    else
        set(root, ROOT_SHIFT, first, end, (uintptr_t)value);
}

GATE__HOT_CODE bool gate__pagemap_claim(uintptr_t first, uintptr_t end, void *value) {
    entry *row = row_of(first, end);
    if (!(row ? is_row_empty(row, end - first) : gate__pagemap_next(first, end) == end))
        return false;
    if (row)
        set_row(row, end - first, (uintptr_t)value);
    else
        set(root, ROOT_SHIFT, first, end, (uintptr_t)value);
    return true;
}

/* The entry of page, and how many pages it stands for. */
static inline const entry *entry_of(uintptr_t page, unsigned *shift) {
    const entry *at = &root[page >> ROOT_SHIFT];
    uintptr_t word = load(at);
    for (*shift = ROOT_SHIFT; is_node(word); word = load(at)) {
        *shift -= BITS;
        at = &node_of(word)[page >> *shift & (FAN - 1)];
    }
    return at;
}

GATE__HOT_CODE void *gate__pagemap_get(uintptr_t page) {
    uintptr_t word = load(&root[page >> ROOT_SHIFT]);
    if (is_node(word))
        word = load(&node_of(word)[page >> BITS & (FAN - 1)]);
    if (is_node(word))
        word = load(&node_of(word)[page & (FAN - 1)]);
    return (void *)word;
}

uintptr_t gate__pagemap_next(uintptr_t page, uintptr_t end) {
    while (page < end) {
        unsigned shift;
        const entry *at = entry_of(page, &shift);
        if (load(at))
            return page;
        /* On to the next entry of the same node that isn't empty, or to the node behind. */
        uintptr_t node_bits = shift == ROOT_SHIFT ? GATE__PAGEMAP_PAGES - 1 : ((uintptr_t)1 << (shift + BITS)) - 1;
        do
            page = ((page >> shift) + 1) << shift;
        while (page < end && page & node_bits && !load(++at));
    }
    return end;
}
