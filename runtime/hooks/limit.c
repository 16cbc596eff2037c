/* The layer that keeps to a budget of mapped bytes.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <sys/mman.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

static struct gate_mem_hooks below;
static size_t budget;
static _Atomic size_t used;

static bool take(size_t bytes) {
    size_t now = atomic_load(&used);
    do {
        if (bytes > budget || now > budget - bytes)
            return false;
    } while (!atomic_compare_exchange_weak(&used, &now, now + bytes));
    return true;
}

static void give_back(size_t bytes) {
    atomic_fetch_sub(&used, bytes);
}

/* How many bytes of a range are mapped, by the region table: those that a fixed mapping is about to replace. */
static size_t live_bytes(const char *base, size_t length) {
    const void *at = base, *end = base + length;
    struct gate_region part;
    size_t live = 0;
    while (gate__region_next_part(&at, end, &part))
        live += part.length;
    return live;
}

static uintptr_t hook_mmap(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd, uint32_t offset) {
    size_t bytes = gate__os_in_pages(length);
    if (!take(bytes))
        return ENOMEM;
    size_t replaced = flags & MAP_FIXED ? live_bytes(address, bytes) : 0;
    uintptr_t at = below.mmap(address, length, prot, flags, fd, offset);
    give_back(at < 4096 ? bytes : replaced);
    return at;
}

static void hook_munmap(void *address, uintptr_t length) {
    below.munmap(address, length);
    give_back(gate__os_in_pages(length));
}

int gate_hooks_limit(struct gate_mem_hooks *table, size_t bytes) {
    int failed = gate__mem_begin_layer(table, &below);
    if (failed)
        return failed;
    budget = bytes;
    table->mmap = hook_mmap;
    table->munmap = hook_munmap;
    return 0;
}
