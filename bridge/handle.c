/* Handles: an index into a table, and a generation that tells whether the entry is still the same handle's.
 *
 *   | generation: 32 bits | index: 32 bits |
 *
 * An entry's generation is odd while a handle of it lives, so that no handle is 0; it is counted up at each make and
 * each delete, and an entry that has had all its generations is not used any more: no handle is ever made twice. Free
 * entries are a queue behind those that were never used, so that all are used in turn.
 *
 * The table grows by blocks, each as large as all before it, which stay where they are. So a look-up is two loads to
 * find the entry, and then
 *
 *   make, delete, under the lock            look-up
 *   value = new      (release)              generation is the handle's?   (acquire)
 *   generation++     (release)              load value                    (acquire)
 *                                           generation is still the same?
 *
 * Whoever sees the value of a later handle sees the generation that came before it, too.
 *
 * The blocks are malloc's: a leak checker finds in them what a host has by its handle alone.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

enum { FIRST = 1 << GATE__HANDLE_BLOCK_SHIFT, BLOCKS = 32 - GATE__HANDLE_BLOCK_SHIFT, INDEX_BITS = 32 };

static const uint32_t none = UINT32_MAX;

struct entry {
    _Atomic(void *) value;
    _Atomic uint32_t generation;
    uint32_t next; /* in the queue of free ones */
};

_Static_assert(sizeof(gate_handle) == 8, "a handle is an index and a generation of 32 bits each");

static _Atomic(struct entry *) blocks[BLOCKS + 1]; /* the last is never made: indices end before it */

static struct gate__lock handles_lock = GATE__LOCK_INITIAL(GATE__RANK_LEAF);
static unsigned block_count;
static uint32_t used; /* entries, from the first on; the blocks' others were never used */
static uint32_t first_free = none, last_free = none;

__attribute__((constructor)) static void attend_forks(void) {
    gate__lock_keep(&handles_lock);
}

/* Block b begins at index 2^b * FIRST - FIRST: with FIRST added, the upmost bit tells the block. NULL beyond all. */
static inline struct entry *entry_at(uint32_t index) {
    uint64_t place = (uint64_t)index + FIRST;
    unsigned top = 63 - (unsigned)__builtin_clzll(place);
    struct entry *block = atomic_load_explicit(&blocks[top - GATE__HANDLE_BLOCK_SHIFT], memory_order_acquire);
    return block ? &block[place - ((uint64_t)1 << top)] : NULL;
}

static inline uint32_t index_of(gate_handle handle) {
    return (uint32_t)handle;
}

static inline uint32_t generation_of(gate_handle handle) {
    return (uint32_t)(handle >> INDEX_BITS);
}

static size_t size_of_block(unsigned number) {
    return (size_t)FIRST << number;
}

/* Under the lock, as the next two. */
static void append_free(uint32_t index) {
    entry_at(index)->next = none;
    if (first_free == none)
        first_free = index;
    else
        entry_at(last_free)->next = index;
    last_free = index;
}

static uint32_t take_free(void) {
    if (used + FIRST < size_of_block(block_count))
        return used++;
    uint32_t index = first_free;
    if (index != none)
        first_free = entry_at(index)->next;
    return index;
}

/* The next handle of the first free entry; 0 if there is none. */
static gate_handle take(void *value) {
    uint32_t index = take_free();
    if (index == none)
        return 0;
    struct entry *entry = entry_at(index);
    uint32_t generation = atomic_load_explicit(&entry->generation, memory_order_relaxed) + 1;
    gate__switch_release(entry);
    atomic_store_explicit(&entry->value, value, memory_order_release);
    atomic_store_explicit(&entry->generation, generation, memory_order_release);
    return (gate_handle)generation << INDEX_BITS | index;
}

/* Makes the table larger, unless somebody has meanwhile. */
static int grow(void) {
    gate__lock(&handles_lock);
    unsigned known = block_count;
    gate__unlock(&handles_lock);
    struct entry *block = known < BLOCKS ? calloc(size_of_block(known), sizeof *block) : NULL;
    if (!block)
        return -ENOMEM;
    gate__lock(&handles_lock);
    bool mine = block_count == known;
    if (mine)
        atomic_store_explicit(&blocks[block_count++], block, memory_order_release);
    gate__unlock(&handles_lock);
    if (!mine)
        free(block);
    return 0;
}

int gate_handle_make(void *value, gate_handle *handle) {
    for (;;) {
        gate__lock(&handles_lock);
        gate_handle made = take(value);
        gate__unlock(&handles_lock);
        if (made) {
            *handle = made;
            return 0;
        }
        int failed = grow();
        if (failed)
            return failed;
    }
}

/* Why a handle of that generation is none of entry's. */
static int refuse(const struct entry *entry, uint32_t generation) {
    bool was = entry && generation % 2 && generation < atomic_load(&entry->generation);
    return was ? -ESTALE : -EINVAL;
}

static inline bool is_current(const struct entry *entry, uint32_t generation) {
    return entry && generation % 2 && atomic_load_explicit(&entry->generation, memory_order_acquire) == generation;
}

int gate_handle_value(gate_handle handle, void **value) {
    uint32_t generation = generation_of(handle);
    struct entry *entry = entry_at(index_of(handle));
    if (!is_current(entry, generation))
        return refuse(entry, generation);
    void *found = atomic_load_explicit(&entry->value, memory_order_acquire);
    if (atomic_load_explicit(&entry->generation, memory_order_relaxed) != generation)
        return -ESTALE;
    gate__switch_acquire(entry);
    *value = found;
    return 0;
}

int gate_handle_delete(gate_handle handle, void **value) {
    uint32_t generation = generation_of(handle);
    struct entry *entry = entry_at(index_of(handle));
    gate__lock(&handles_lock);
    bool ends = is_current(entry, generation);
    void *stood_for = ends ? atomic_load_explicit(&entry->value, memory_order_relaxed) : NULL;
    if (ends) {
        atomic_store_explicit(&entry->generation, generation + 1, memory_order_release);
        if (generation < GATE__HANDLE_LAST_GENERATION)
            append_free(index_of(handle));
    }
    gate__unlock(&handles_lock);
    if (!ends)
        return refuse(entry, generation);
    if (value)
        *value = stood_for;
    return 0;
}
