/* The memory entry points: each goes to its hook, on the system stack, or to a raw system call.
 *
 * The table of hooks is OPEN until the first registration or the first mapping, whichever comes
 * first, and FROZEN ever after: from then on it is read without any ordering beyond the one load.
 *
 *   OPEN --register [any]--> FILLING --register------------> FROZEN
 *   OPEN --first entry [any]--> FILLING --linked hooks-----> FROZEN
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/mem.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

/* NULL where the program defines none. */
#pragma weak gate_hook_mmap
#pragma weak gate_hook_munmap
#pragma weak gate_hook_mprotect
#pragma weak gate_hook_madvise
#pragma weak gate_hook_msync
#pragma weak gate_hook_sigaction

enum table_state { OPEN, FILLING, FROZEN };

static struct gate_mem_hooks hooks;
static _Atomic uint32_t table_state;
static _Atomic bool writable_code_allowed;

static struct gate_mem_hooks linked_hooks(void) {
    struct gate_mem_hooks linked = {
        .size = sizeof linked,
        .mprotect = gate_hook_mprotect,
        .madvise = gate_hook_madvise,
        .msync = gate_hook_msync,
        .sigaction = gate_hook_sigaction,
    };
    if (!gate_hook_mmap != !gate_hook_munmap)
        gate__fatal("gate_hook_mmap", "the program defines only one of gate_hook_mmap and gate_hook_munmap");
    linked.mmap = gate_hook_mmap;
    linked.munmap = gate_hook_munmap;
    return linked;
}

static bool has_hooks(const struct gate_mem_hooks *table) {
    return table->mmap || table->mprotect || table->madvise || table->msync || table->sigaction;
}

/* Fills the table in, unless somebody has; false then. */
static bool fill(const struct gate_mem_hooks *table) {
    uint32_t open = OPEN;
    if (!atomic_compare_exchange_strong(&table_state, &open, FILLING))
        return false;
    hooks = *table;
    hooks.size = sizeof hooks;
    atomic_store_explicit(&table_state, FROZEN, memory_order_release);
    return true;
}

static void freeze(void) {
    if (atomic_load_explicit(&table_state, memory_order_acquire) == FROZEN)
        return;
    struct gate_mem_hooks linked = linked_hooks();
    if (fill(&linked))
        return;
    while (atomic_load_explicit(&table_state, memory_order_acquire) != FROZEN)
        ; /* another thread is copying the table: a few stores */
}

int gate_mem_register_hooks(const struct gate_mem_hooks *given) {
    struct gate_mem_hooks table = {0}, linked = linked_hooks();
    if (given->size > sizeof table || given->size < sizeof given->size)
        return -EINVAL;
    memcpy(&table, given, given->size); /* a shorter one is older, and leaves the rest to the kernel */
    if (!table.mmap != !table.munmap)
        return -EINVAL;
    return !has_hooks(&linked) && fill(&table) ? 0 : -EBUSY;
}

void gate_mem_hooks_active(struct gate_mem_hooks *active) {
    bool frozen = atomic_load_explicit(&table_state, memory_order_acquire) == FROZEN;
    *active = frozen ? hooks : linked_hooks();
}

void gate__mem_allow_writable_code(void) {
    atomic_store(&writable_code_allowed, true);
}

static bool is_refused(int prot) {
    return prot & PROT_WRITE && prot & PROT_EXEC && !atomic_load(&writable_code_allowed);
}

int gate__mem_sigaction(int number, const struct sigaction *action, struct sigaction *old) {
    freeze();
    if (hooks.sigaction)
        return -hooks.sigaction(number, action, old);
    return sigaction(number, action, old) ? -errno : 0;
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
    if (is_refused(prot))
        return -EACCES;
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
    if (is_refused(prot))
        return -EACCES;
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
