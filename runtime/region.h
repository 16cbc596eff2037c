/* The region table: what the memory entry points have mapped, and is mapped still.
 *
 * A region is a run of pages of one mapping that have the same protection, state and tag. Unmapping
 * or protecting a part splits one; what becomes alike again is joined. Every page from gate_mmap is in one
 * until gate_munmap, whether a hook or the kernel mapped it. While another thread changes a part of one, it may
 * be seen in more pieces than it will have.
 *
 * Any thread may call these, with or without a runtime, but signal handlers only gate_region_find and
 * gate_region_next; none of them blocks on a hook or the system, but for gate_region_tag, which may map memory for
 * the table. Addresses and lengths are in bytes. Since 0.1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_REGION_H
#define CALLGATE_RUNTIME_REGION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct gate_m;

/* What a page is to the table. The last two are the heap's (heap.h). */
enum gate_region_state {
    GATE_REGION_NONE,      /* not from these entry points, or unmapped */
    GATE_REGION_MAPPED,    /* by gate_mmap */
    GATE_REGION_RESERVED,  /* by gate_heap_reserve: addresses without memory */
    GATE_REGION_COMMITTED, /* by gate_heap_commit */
};

struct gate_region {
    void *base;
    size_t length; /* bytes, a multiple of the page size */
    int prot;      /* PROT_ flags */
    enum gate_region_state state;
    const char *tag;    /* who owns it; NULL if nobody said */
    uint64_t mapper;    /* gate_m_number of the M that mapped it; 0: a thread that had none */
    const void *caller; /* where gate_mmap was called from */
};

/* Stores the region that address lies in. Takes no lock, and may be called from a signal handler.
 * Ownership: *region is a copy; what it tells may change as soon as another thread unmaps.
 * Errors: -ENOENT when the address is in none; *region is untouched then. */
int gate_region_find(const void *address, struct gate_region *region);

/* Stores the region that address lies in, or else the first above it: from NULL on, and then from each
 * region's end, a walk over all. As gate_region_find otherwise. */
int gate_region_next(const void *address, struct gate_region *region);

/* Says who owns the pages: tag is for tools and people to read.
 * Ownership: the text stays the caller's, and has to live as long as the process.
 * Errors: -EINVAL unless each page is live; -ENOMEM; with nothing done. */
int gate_region_tag(void *base, size_t length, const char *tag);

/* Live regions and their bytes, and the most that there were at the end of any call. What an M has mapped
 * counts for it until it is unmapped, by whichever thread. */
struct gate_region_counts {
    size_t regions, bytes;
    size_t peak_regions, peak_bytes;
};

/* Stores the counts of m, or of the whole process if m is NULL. The caller sees to it that m lives. */
void gate_region_counts(const struct gate_m *m, struct gate_region_counts *counts);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
