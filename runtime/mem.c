/* The memory entry points: each goes to its hook, on the system stack, or to a raw system call.
 *
 * The table of hooks is OPEN until the first registration or the first mapping, whichever comes
 * first, and FROZEN ever after: from then on it is read without any ordering beyond the one load.
 *
 *   OPEN --register [any]--> FILLING --register--> FROZEN
 *   OPEN --first entry [any]----------------------> FROZEN
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/mem.h"

#include <errno.h>
#include <stdio.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

enum table_state { OPEN, FILLING, FROZEN };

static struct gate_mem_hooks hooks;
static _Atomic uint32_t table_state;

static void freeze(void) {
    if (atomic_load_explicit(&table_state, memory_order_acquire) == FROZEN)
        return;
    uint32_t open = OPEN;
    if (atomic_compare_exchange_strong(&table_state, &open, FROZEN))
        return;
    while (atomic_load_explicit(&table_state, memory_order_acquire) != FROZEN)
        ; /* another thread is copying the table: a few stores */
}

int gate_mem_register_hooks(const struct gate_mem_hooks *table) {
    if (table->size != sizeof *table || !table->mmap != !table->munmap)
        return -EINVAL;
    uint32_t open = OPEN;
    if (!atomic_compare_exchange_strong(&table_state, &open, FILLING))
        return -EBUSY;
    hooks = *table;
    atomic_store_explicit(&table_state, FROZEN, memory_order_release);
    return 0;
}

/* One request, so that a hook can be called on the system stack with a single argument. */
struct request {
    void *address;
    size_t length;
    int32_t option; /* protection, advice or flags of msync */
    int32_t flags;
    int32_t fd;
    uint32_t offset;
    uintptr_t answer;
};

static void call_mmap(void *data) {
    struct request *r = data;
    r->answer = hooks.mmap(r->address, r->length, r->option, r->flags, r->fd, r->offset);
}

static void call_munmap(void *data) {
    struct request *r = data;
    hooks.munmap(r->address, r->length);
}

static void call_mprotect(void *data) {
    struct request *r = data;
    r->answer = (uintptr_t)hooks.mprotect(r->address, r->length, r->option);
}

static void call_madvise(void *data) {
    struct request *r = data;
    r->answer = (uintptr_t)hooks.madvise(r->address, r->length, r->option);
}

static void call_msync(void *data) {
    struct request *r = data;
    r->answer = (uintptr_t)hooks.msync(r->address, r->length, r->option);
}

static int hooked(void (*call)(void *), struct request *request) {
    gate__lock_assert_none();
    gate__switch_call(gate__m(), call, request);
    return -(int)request->answer;
}

int gate_mmap(void *address, size_t length, int prot, int flags, int fd, uint64_t offset, void **result) {
    freeze();
    if (!hooks.mmap)
        return gate__os_mmap(address, length, prot, flags, fd, offset, result);
    if (offset > UINT32_MAX)
        return -EOVERFLOW;
    struct request r = {address, length, prot, flags, fd, (uint32_t)offset, 0};
    hooked(call_mmap, &r);
    if (r.answer < 4096)
        return -(int)r.answer;
    *result = (void *)r.answer;
    return 0;
}

int gate_munmap(void *address, size_t length) {
    freeze();
    if ((uintptr_t)address % gate__os_page_size() || length == 0)
        return -EINVAL;
    if (hooks.munmap) {
        struct request r = {.address = address, .length = length};
        hooked(call_munmap, &r);
        return 0;
    }
    int failed = gate__os_munmap(address, length);
    if (failed) {
        fprintf(stderr, "callgate: munmap(%p, %zu) failed with errno %d\n", address, length, -failed);
        gate__throw("munmap");
    }
    return 0;
}

int gate_mprotect(void *address, size_t length, int prot) {
    freeze();
    if (!hooks.mprotect)
        return gate__os_mprotect(address, length, prot);
    return hooked(call_mprotect, &(struct request){.address = address, .length = length, .option = prot});
}

int gate_madvise(void *address, size_t length, int advice) {
    freeze();
    if (!hooks.madvise)
        return gate__os_madvise(address, length, advice);
    return hooked(call_madvise, &(struct request){.address = address, .length = length, .option = advice});
}

int gate_msync(void *address, size_t length, int flags) {
    freeze();
    if (!hooks.msync)
        return gate__os_msync(address, length, flags);
    return hooked(call_msync, &(struct request){.address = address, .length = length, .option = flags});
}
