/* Hooks that are ready to use, for gate_mem_register_hooks or to be linked.
 *
 * Each is a layer: it puts itself above what a table has, and passes on to that, or to the kernel where the
 * table has nothing. A host that registers chooses the order by the order of its calls:
 *
 *     struct gate_mem_hooks table = {.size = sizeof table};
 *     gate_hooks_sanitizer(&table);
 *     gate_hooks_trace(&table, 2);
 *     gate_mem_register_hooks(&table);
 *
 * A host that links needs no code. Each layer is an object file too (lib/callgate/<name>.o), and those that
 * are linked lie in this order, whatever the order of linking:
 *
 *     the entry points > trace > limit > fault > sanitizer, or the program's gate_hook_ functions > the kernel
 *
 * The environment then says what the functions' arguments do: GATE_FAULT=nth=N or one_in=N,seed=S, with
 * ,errno=E; GATE_LIMIT=BYTES; GATE_TRACE=FD. A layer that is not told anything only passes on; trace writes to
 * standard error. What can't be read there is said on standard error, and ends the program.
 *
 * There is one layer of each kind in a process. All of these return 0, -EBUSY when the process has that
 * layer already, or -EINVAL, for a table whose size is not set to that of this library's, or that has only one of
 * mmap and munmap, too; they are to be called before the table is registered, by one thread. Since 0.1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_HOOKS_H
#define CALLGATE_RUNTIME_HOOKS_H

#include <stddef.h>
#include <stdint.h>

#include "mem.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* For programs built with a sanitizer: mappings go to libc's functions, which it intercepts.
 *
 * ThreadSanitizer orders all mappings of a process, as Go's x_cgo_mmap has it. LeakSanitizer looks for pointers in
 * all that is mapped. MemorySanitizer hears of pages that MADV_DONTNEED has zeroed. Guard pages without a
 * mapping of their own are refused: LeakSanitizer would read them.
 *
 * It is the lowest layer: -EINVAL when the table has functions already. -ENOTSUP on Windows, whose gcc has no
 * sanitizers. */
int gate_hooks_sanitizer(struct gate_mem_hooks *table);

/* Fails calls. The calls of mmap, mprotect, madvise and msync are counted from 1, by all threads together;
 * munmap can't fail. */
struct gate_fault {
    uint64_t nth;    /* this call fails; 0: none does */
    uint64_t one_in; /* each call fails with a chance of one in so many; 0: none does */
    uint64_t seed;   /* which: the same seed and order of calls fail the same */
    int32_t error;   /* the errno; 0: ENOMEM */
};

/* -EINVAL for an errno that is not from 1 to 4095. */
int gate_hooks_fault(struct gate_mem_hooks *table, const struct gate_fault *fault);
/* How many calls the layer has counted. */
uint64_t gate_hooks_fault_calls(void);

/* A budget: mmap is ENOMEM when more than bytes would be mapped at once. What a mapping at a fixed address
 * replaces counts until it has been replaced. */
int gate_hooks_limit(struct gate_mem_hooks *table, size_t bytes);

/* Writes a line to fd for each call: what, with which arguments, what came of it, and from where.
 *
 *     callgate: mmap((nil), 65536, 0x3, 0x22, -1, 0) = 0x7f0102030000, from ./program(+0x1234) */
int gate_hooks_trace(struct gate_mem_hooks *table, int fd);

/* What the object files define, each its own, for the library to find. */
GATE_FOUND_BY_NAME void gate_layer_sanitizer(struct gate_mem_hooks *table);
GATE_FOUND_BY_NAME void gate_layer_fault(struct gate_mem_hooks *table);
GATE_FOUND_BY_NAME void gate_layer_limit(struct gate_mem_hooks *table);
GATE_FOUND_BY_NAME void gate_layer_trace(struct gate_mem_hooks *table);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
