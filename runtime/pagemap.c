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

static struct extent *extents;
static size_t spare;

void gate__pagemap_give(void *chunk, size_t length) {
    struct extent *extent = chunk;
    *extent = (struct extent){extents, length / GATE__PAGEMAP_BLOCK};
    spare += extent->blocks;
    extents = extent;
}

size_t gate__pagemap_spare(void) {
    return spare;
}

void *gate__pagemap_take(void) {
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
    for (uintptr_t i = first >> shift; i << shift < end; i++) {
        uintptr_t base = i << shift, old = atomic_load_explicit(&entries[i], memory_order_relaxed);
        bool whole = first <= base && end >= base + span;
        if (!is_node(old) && (whole || old == word)) {
            atomic_store_explicit(&entries[i], word, memory_order_release);
            continue;
        }
        if (!is_node(old)) {
            old = make_node(old);
            atomic_store_explicit(&entries[i], old, memory_order_release);
        }
        uintptr_t from = first > base ? first - base : 0, to = end < base + span ? end - base : span;
        set(node_of(old), shift - BITS, from, to, word);
    }
}

void gate__pagemap_set(uintptr_t first, uintptr_t end, void *value) {
    set(root, ROOT_SHIFT, first, end, (uintptr_t)value);
}

/* The word of page, and how many pages its entry stands for. */
static uintptr_t look(uintptr_t page, unsigned *shift) {
    uintptr_t word = atomic_load_explicit(&root[page >> ROOT_SHIFT], memory_order_acquire);
    for (*shift = ROOT_SHIFT; is_node(word);) {
        *shift -= BITS;
        word = atomic_load_explicit(&node_of(word)[page >> *shift & (FAN - 1)], memory_order_acquire);
    }
    return word;
}

void *gate__pagemap_get(uintptr_t page) {
    unsigned shift;
    return (void *)look(page, &shift);
}

uintptr_t gate__pagemap_next(uintptr_t page, uintptr_t end) {
    unsigned shift;
    while (page < end && !look(page, &shift))
        page = ((page >> shift) + 1) << shift;
    return page < end ? page : end;
}
