/* The layer that fails calls, for tests: the Nth, or one in so many.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "runtime/internal.h"

static struct gate_mem_hooks below;
static struct gate_fault fault;
static _Atomic uint64_t calls;

/* A number that looks random, the same for the same seed and call (SplitMix64, Steele and others, 2014). */
static uint64_t scatter(uint64_t seed, uint64_t call) {
    uint64_t z = seed + call * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    return z ^ z >> 31;
}

/* The errno of this call, or 0. */
static int32_t next_fault(void) {
    uint64_t call = atomic_fetch_add(&calls, 1) + 1;
    bool fails = call == fault.nth || (fault.one_in && scatter(fault.seed, call) % fault.one_in == 0);
    return fails ? fault.error : 0;
}

static uintptr_t hook_mmap(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd, uint32_t offset) {
    int32_t failed = next_fault();
    return failed ? (uintptr_t)failed : below.mmap(address, length, prot, flags, fd, offset);
}

static int32_t hook_mprotect(void *address, uintptr_t length, int32_t prot) {
    int32_t failed = next_fault();
    return failed ? failed : below.mprotect(address, length, prot);
}

static int32_t hook_madvise(void *address, uintptr_t length, int32_t advice) {
    int32_t failed = next_fault();
    return failed ? failed : below.madvise(address, length, advice);
}

static int32_t hook_msync(void *address, uintptr_t length, int32_t flags) {
    int32_t failed = next_fault();
    return failed ? failed : below.msync(address, length, flags);
}

int gate_hooks_fault(struct gate_mem_hooks *table, const struct gate_fault *given) {
    int32_t error = given->error ? given->error : ENOMEM;
    if (error < 0 || error >= 4096)
        return -EINVAL;
    int failed = gate__mem_begin_layer(table, &below);
    if (failed)
        return failed;
    fault = *given;
    fault.error = error;
    table->mmap = hook_mmap;
    table->mprotect = hook_mprotect;
    table->madvise = hook_madvise;
    table->msync = hook_msync;
    return 0;
}

uint64_t gate_hooks_fault_calls(void) {
    return atomic_load(&calls);
}
