/* Thunks: function pointers made at run time, on pages that are never writable and executable.
 *
 * They come in blocks. The first page of one is that of arch/<name>/callback.S, mapped once more from the file that the
 * library was loaded from: so a system may refuse to execute what was ever written. Where the file is out of reach, holds
 * something else by now or may not be executed any more, it is a copy, written while it is writable and made executable
 * when it no longer is. The second is data: what tells each thunk where to go, changed at any time. Behind these are the
 * thunks' names, which are touched when they have one.
 *
 *   | code: thunk 0, thunk 1, ... | data: entry 0, entry 1, ... | names |
 *
 * A thunk that has been freed goes to its name, which is a record, too, and leads to whoever tells it, until it is made
 * anew: which it is only when REST others have been freed since, as C may call what it still has. A relay's record lies
 * in the name's place, and is still there when the relay has been freed.
 *
 * libffi's own closures are not used: where it is built without static trampolines, as Debian builds
 * it, their pages are writable and executable at once.
 *
 * SPDX-License-Identifier: MIT */
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "bridge/arch/thunk.h"
#include "bridge/internal.h"
#include "runtime/internal.h"
#include "runtime/os/os.h"

struct entry {
    void *record;       /* first word: where the thunk goes */
    struct entry *next; /* in the list of free ones */
};

_Static_assert(sizeof(struct entry) == GATE__THUNK_SIZE, "thunk.h");

struct name {
    void (*freed)(void); /* as a record has it first */
    char text[56];
};

_Static_assert(offsetof(struct name, text) == GATE__THUNK_NAME, "thunk.h");
_Static_assert(sizeof(struct name) == GATE__THUNK_ROOM, "thunk.h");

enum { THUNKS = GATE__THUNK_PAGE / GATE__THUNK_SIZE, REST = 1024 };

struct block {
    char code[GATE__THUNK_PAGE];
    struct entry entries[THUNKS];
    struct name names[THUNKS];
};

static const size_t page = GATE__THUNK_PAGE;
static const char tag[] = "callbacks";
static struct gate__os_origin origin; /* of the code */

static struct gate__lock thunks_lock = GATE__LOCK_INITIAL(GATE__RANK_LEAF);

/* Those that were never used, and those that rest, in the order in which they were freed. */
static struct entry *new_entries;
static struct {
    struct entry *first, **end;
    size_t count;
} freed = {NULL, &freed.first, 0};

_Noreturn void gate__thunk_tell_freed(const char *name) {
    gate__fatal("gate_callback", "C called a callback that has been freed: '%s'", name);
}

/* The loader is asked at once: in a fork's child, its lock may be another thread's that is gone. */
__attribute__((constructor)) static void begin(void) {
    origin = gate__os_origin_of(gate__thunk_code);
    gate__lock_keep(&thunks_lock);
}

static int copy_code(char *to) {
    memcpy(to, gate__thunk_code, page);
    return gate_mprotect(to, page, PROT_READ | PROT_EXEC);
}

static int map_code(char *to) {
    int file = gate__os_open_origin(&origin, gate__thunk_code, page);
    if (file < 0)
        return file;
    int failed = gate__mem_map_code(to, page, tag, file, origin.offset);
    gate__os_close(file);
    return failed;
}

/* A mapping that failed may have taken the page that was there for the code. */
static void unmap_block(struct block *block) {
    gate_munmap(block->code, sizeof block->code);
    gate_munmap(block->entries, sizeof *block - sizeof block->code);
}

static int map_block(int (*bring_code)(char *to), struct block **block) {
    void *mapped;
    int failed = gate__mem_map(sizeof(struct block), tag, &mapped);
    if (failed)
        return failed;
    *block = mapped;
    failed = bring_code((*block)->code);
    if (failed)
        unmap_block(*block);
    return failed;
}

/* For the same reason a copy has a block of its own. */
static int add_block(void) {
    struct block *block;
    int failed = map_block(map_code, &block);
    if (failed)
        failed = map_block(copy_code, &block);
    if (failed)
        return failed;
    gate__lock(&thunks_lock);
    for (size_t i = THUNKS; i-- > 0;) {
        block->entries[i] = (struct entry){NULL, new_entries};
        new_entries = &block->entries[i];
    }
    gate__unlock(&thunks_lock);
    return 0;
}

/* Of more than REST: others are left. */
static struct entry *take_rested(void) {
    struct entry *entry = freed.first;
    freed.first = entry->next;
    freed.count--;
    return entry;
}

static struct entry *take_new(void) {
    struct entry *entry = new_entries;
    if (entry)
        new_entries = entry->next;
    return entry;
}

static struct block *block_of(void (*address)(void)) {
    return (struct block *)((uintptr_t)address & ~(uintptr_t)(page - 1));
}

static void (*address_of(const struct entry *entry))(void) {
    return (void (*)(void))((uintptr_t)entry - page);
}

static size_t index_of(void (*address)(void)) {
    return (uintptr_t)address % page / GATE__THUNK_SIZE;
}

/* Without a record, it has one in its room. */
static struct entry *take_entry(void *record) {
    gate__lock(&thunks_lock);
    struct entry *entry = freed.count > REST ? take_rested() : take_new();
    if (entry)
        entry->record = record ? record : gate__thunk_room(address_of(entry));
    gate__unlock(&thunks_lock);
    return entry;
}

static void set_name(struct name *name, const char *text) {
    name->freed = gate__thunk_freed;
    snprintf(name->text, sizeof name->text, "%s", text ? text : "a callback");
}

const char *gate__thunk_name(void (*address)(void)) {
    return block_of(address)->names[index_of(address)].text;
}

static int make(void *record, void (**address)(void)) {
    struct entry *entry;
    while ((entry = take_entry(record)) == NULL) {
        int failed = add_block();
        if (failed)
            return failed;
    }
    *address = address_of(entry);
    return 0;
}

int gate__thunk_make(void *record, const char *name, void (**address)(void)) {
    int failed = make(record, address);
    if (!failed)
        set_name(&block_of(*address)->names[index_of(*address)], name);
    return failed;
}

int gate__thunk_make_in_room(void (**address)(void)) {
    return make(NULL, address);
}

void *gate__thunk_room(void (*address)(void)) {
    return &block_of(address)->names[index_of(address)];
}

void gate__thunk_rest(void (*address)(void)) {
    struct entry *entry = &block_of(address)->entries[index_of(address)];
    gate__lock(&thunks_lock);
    entry->next = NULL;
    *freed.end = entry;
    freed.end = &entry->next;
    freed.count++;
    gate__unlock(&thunks_lock);
}

void gate__thunk_free(void (*address)(void)) {
    block_of(address)->entries[index_of(address)].record = gate__thunk_room(address);
    gate__thunk_rest(address);
}
