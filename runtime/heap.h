/* Address space and memory for a heap, in steps: reserve, commit, decommit, release.
 *
 *              reserve                commit
 *     NONE ---------------> RESERVED ----------> COMMITTED
 *       ^                   |  ^                  |     |
 *       |      release      |  |     decommit     |     |
 *       +-------------------+  +------------------+     |
 *       |                    release                    |
 *       +-----------------------------------------------+
 *
 * RESERVED pages have an address and no memory; touching one is a fault. COMMITTED ones may be read and written,
 * and are zero at first. The states are kept page by page, in the region table. A transition takes pages that
 * are all in the state that it begins with, of one reservation or of several that are adjacent; any other
 * is -EINVAL with nothing done, and the error names the place and its state. (Windows' MEM_RESERVE and MEM_COMMIT
 * are these states.)
 *
 * For every function here:
 *   addresses and lengths are in bytes and multiples of the page size (else -EINVAL);
 *   it returns 0 or a negative errno; error, if not NULL, says what was wrong;
 *   it blocks as long as the system calls or hooks below it; any thread may call it, with or without a
 *   runtime, but only one at a time for the same pages; since 0.1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_HEAP_H
#define CALLGATE_RUNTIME_HEAP_H

#include <stdbool.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct gate_error;

/* NONE -> RESERVED. Finds length bytes of address space and stores where. tag is for the region table; it has to
 * live as long as the process. Whoever needs more alignment than a page's reserves more, and uses a part.
 *
 * Ownership: the caller's, until gate_heap_release.
 * Errors: -EINVAL; -ENOMEM, and whatever else mapping gives; *base is untouched then. */
int gate_heap_reserve(size_t length, const char *tag, void **base, struct gate_error *error);

/* RESERVED -> COMMITTED. Errors: -ENOMEM when the system won't give the memory; the pages stay RESERVED. */
int gate_heap_commit(void *base, size_t length, struct gate_error *error);

/* COMMITTED -> RESERVED. The content is lost, and the memory goes back to the system. Errors: -ENOMEM when the
 * system can't split its mapping, -EINVAL for pages that are locked in memory; they stay COMMITTED, or, where the
 * system then refuses to give them their access back, RESERVED with their content. */
int gate_heap_decommit(void *base, size_t length, struct gate_error *error);

/* RESERVED or COMMITTED, or some of each -> NONE. Errors: -ENOMEM, for a part of a reservation, when there is no
 * memory to note that. Windows can release whole reservations only, by VirtualFree: a part is -ENOTSUP, with
 * nothing done. Several that are adjacent may go at once. */
int gate_heap_release(void *base, size_t length, struct gate_error *error);

/* RESERVED or COMMITTED stays as it is; huge pages are advised, or advised against.
 * Errors: -EINVAL too when the kernel has no huge pages; -ENOTSUP on Windows, where pages are large from their
 * reservation on, or never. */
int gate_heap_huge(void *base, size_t length, bool huge, struct gate_error *error);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
