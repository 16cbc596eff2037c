/* Transitions of a heap's pages: what heap.h draws, made of the memory entry points and the region table.
 *
 * The table says which state pages are in; each transition looks there first, then asks the system, and then
 * tells the table. It is told in two steps, protection and state: both calls can't fail at the second.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/heap.h"

#include <errno.h>
#include <sys/mman.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

#define BIT(state) (1u << (state))

static const char *const names[] = {"not mapped", "mapped by gate_mmap", "reserved", "committed"};

static int refuse_size(gate_error *error, const void *base, size_t length) {
    return gate__fail(error, -EINVAL, "%zu bytes at %p: address and length have to be multiples of the page size, %zu",
                      length, base, gate__os_page_size());
}

/* 0 when all of the pages are in one of the states. */
static int check(const char *what, char *base, size_t length, unsigned states, gate_error *error) {
    size_t page = gate__os_page_size();
    if (length == 0 || length % page || (uintptr_t)base % page || length > UINTPTR_MAX - (uintptr_t)base)
        return refuse_size(error, base, length);
    for (size_t done = 0; done < length;) {
        enum gate_region_state state;
        size_t run = gate__region_run(base + done, length - done, &state);
        if (!(states & BIT(state)))
            return gate__fail(error, -EINVAL, "%s: the page at %p is %s", what, (void *)(base + done), names[state]);
        done += run;
    }
    return 0;
}

int gate_heap_reserve(size_t length, const char *tag, void **base, gate_error *error) {
    struct gate__region_origin origin = {tag, __builtin_return_address(0), GATE_REGION_RESERVED, PROT_NONE};
    if (length == 0 || length % gate__os_page_size())
        return refuse_size(error, NULL, length);
    int failed = gate__mem_map_as(length, &origin, base);
    return failed ? gate__fail(error, failed, "reserve: the system refused %zu bytes with errno %d", length, -failed)
                  : 0;
}

/* Changes access and state, in this order: pages are in the new state once all is done. */
static int change(const char *what, char *base, size_t length, int prot, enum gate_region_state state,
                  gate_error *error) {
    int failed = gate__region_expect();
    if (!failed) {
        failed = gate_mprotect(base, length, prot);
        if (failed)
            gate__region_forget();
    }
    if (failed)
        return gate__fail(error, failed, "%s: the system refused %zu bytes at %p with errno %d", what, length,
                          (void *)base, -failed);
    gate__region_set_state(base, length, state);
    return 0;
}

int gate_heap_commit(void *base, size_t length, gate_error *error) {
    int failed = check("commit", base, length, BIT(GATE_REGION_RESERVED), error);
    return failed ? failed : change("commit", base, length, PROT_READ | PROT_WRITE, GATE_REGION_COMMITTED, error);
}

int gate_heap_decommit(void *base, size_t length, gate_error *error) {
    int failed = check("decommit", base, length, BIT(GATE_REGION_COMMITTED), error);
    if (!failed)
        failed = change("decommit", base, length, PROT_NONE, GATE_REGION_RESERVED, error);
    if (failed)
        return failed;
    failed = gate_madvise(base, length, MADV_DONTNEED);
    if (failed)
        change("decommit", base, length, PROT_READ | PROT_WRITE, GATE_REGION_COMMITTED, NULL);
    return failed ? gate__fail(error, failed, "decommit: the system kept the memory at %p, errno %d", base, -failed)
                  : 0;
}

int gate_heap_release(void *base, size_t length, gate_error *error) {
    int failed = check("release", base, length, BIT(GATE_REGION_RESERVED) | BIT(GATE_REGION_COMMITTED), error);
    if (failed)
        return failed;
    failed = gate_munmap(base, length);
    return failed ? gate__fail(error, failed, "release: %zu bytes at %p: errno %d", length, base, -failed) : 0;
}

int gate_heap_huge(void *base, size_t length, bool huge, gate_error *error) {
    int failed = check("huge", base, length, BIT(GATE_REGION_RESERVED) | BIT(GATE_REGION_COMMITTED), error);
    if (failed)
        return failed;
    failed = gate_madvise(base, length, huge ? MADV_HUGEPAGE : MADV_NOHUGEPAGE);
    return failed ? gate__fail(error, failed, "huge: the system refused the advice, errno %d", -failed) : 0;
}
