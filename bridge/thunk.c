/* Thunks: function pointers made at run time, on pages that are never writable and executable.
 *
 * They come in blocks of two pages. The first is a copy of arch/<name>/callback.S, written while it is
 * writable and made executable when it no longer is. The second is data: what tells each thunk where
 * to go, changed at any time.
 *
 *   | code: thunk 0, thunk 1, ... | data: entry 0, entry 1, ... |
 *
 * libffi's own closures are not used: where it is built without static trampolines, as Debian builds
 * it, their pages are writable and executable at once.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>
#include <sys/mman.h>

#include "bridge/arch/thunk.h"
#include "bridge/internal.h"
#include "runtime/internal.h"

struct entry {
    void *record;       /* first word: where the thunk goes */
    struct entry *next; /* in the list of free ones */
};

_Static_assert(sizeof(struct entry) == GATE__THUNK_SIZE, "thunk.h");

static const size_t page = GATE__THUNK_PAGE;

static struct gate__lock thunks_lock = GATE__LOCK_INITIAL(GATE__RANK_LEAF);
static struct entry *free_entries;

/* Where the thunks of freed callbacks lead. */
static void freed(void) {
    gate__fatal("gate_callback", "C called a callback that has been freed");
}

static struct { void (*target)(void); } freed_record = {freed};

__attribute__((constructor)) static void attend_forks(void) {
    gate__lock_keep(&thunks_lock);
}

static int add_block(void) {
    void *block;
    int failed = gate__mem_map(2 * page, "callbacks", &block);
    if (failed)
        return failed;
    memcpy(block, gate__thunk_code, page);
    failed = gate_mprotect(block, page, PROT_READ | PROT_EXEC);
    if (failed) {
        gate_munmap(block, 2 * page);
        return failed;
    }
    struct entry *entries = (struct entry *)((char *)block + page);
    gate__lock(&thunks_lock);
    for (size_t i = page / GATE__THUNK_SIZE; i-- > 0;) {
        entries[i] = (struct entry){&freed_record, free_entries};
        free_entries = &entries[i];
    }
    gate__unlock(&thunks_lock);
    return 0;
}

static struct entry *take_entry(void *record) {
    gate__lock(&thunks_lock);
    struct entry *entry = free_entries;
    if (entry) {
        free_entries = entry->next;
        entry->record = record;
    }
    gate__unlock(&thunks_lock);
    return entry;
}

static struct entry *entry_of(void (*address)(void)) {
    return (struct entry *)((uintptr_t)address + page);
}

int gate__thunk_make(void *record, void (**address)(void)) {
    struct entry *entry;
    while ((entry = take_entry(record)) == NULL) {
        int failed = add_block();
        if (failed)
            return failed;
    }
    *address = (void (*)(void))((uintptr_t)entry - page);
    return 0;
}

void gate__thunk_free(void (*address)(void)) {
    struct entry *entry = entry_of(address);
    gate__lock(&thunks_lock);
    entry->record = &freed_record;
    entry->next = free_entries;
    free_entries = entry;
    gate__unlock(&thunks_lock);
}
