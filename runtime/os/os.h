/* What the runtime asks of an operating system: one contract, one folder per system behind it.
 *
 * Functions that return int return 0 or a negative errno. None of them allocates, none takes a lock
 * of ours, and all may run on any thread and stack, before any runtime exists.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_OS_H
#define CALLGATE_RUNTIME_OS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The memory calls, each by a system call of our own (mem.c has the entry points). */
int gate__os_mmap(void *address, size_t length, int prot, int flags, int fd, uint64_t offset, void **result);
int gate__os_munmap(void *address, size_t length);
int gate__os_mprotect(void *address, size_t length, int prot);
int gate__os_madvise(void *address, size_t length, int advice);
int gate__os_msync(void *address, size_t length, int flags);

/* The same advice on several ranges in one system call; -ENOSYS where there is none for that. */
struct gate__os_range {
    void *base;
    size_t length;
};
int gate__os_madvise_all(const struct gate__os_range *ranges, size_t count, int advice);

/* The page size, which is asked for once. */
extern _Atomic size_t gate__os_known_page_size;
size_t gate__os_find_page_size(void);
static inline size_t gate__os_page_size(void) {
    size_t size = atomic_load_explicit(&gate__os_known_page_size, memory_order_relaxed);
    return size ? size : gate__os_find_page_size();
}

/* length, rounded up to whole pages; SIZE_MAX where that is too much. */
static inline size_t gate__os_in_pages(size_t length) {
    size_t page = gate__os_page_size();
    return length > SIZE_MAX - page ? SIZE_MAX : (length + page - 1) & -page;
}

/* Whether something is mapped at address. */
bool gate__os_is_mapped(void *address);
/* The first page from base on that is in memory, so far as that can be known; end if there is none before it. Both are
 * page-aligned, and what lies between them is mapped. */
const void *gate__os_first_resident(const void *base, const void *end);
/* Calls before in a thread that forks, then after, and in the child after_in_child; does nothing where no process forks. */
void gate__os_at_fork(void (*before)(void), void (*after)(void), void (*after_in_child)(void));

/* Whether a part of a mapping can be taken away, and the rest stays. */
extern const bool gate__os_unmaps_parts;
/* The advice that makes touching pages a fault without splitting their mapping; -EINVAL where it is unknown. */
extern const int gate__os_guard_advice;
/* The advice that brings pages into memory, to be written. */
extern const int gate__os_populate_advice;

struct gate_mem_hooks;
typedef void gate__os_layer(struct gate_mem_hooks *table);
enum { GATE__OS_LAYERS = 4 };

/* Finds what is linked into the program for the library to use: the functions gate_hook_ of mem.h, and the layers
 * of hooks.h, from the kernel up. NULL stands for each that is not there. */
void gate__os_find_linked(struct gate_mem_hooks *hooks, gate__os_layer *layers[GATE__OS_LAYERS]);

struct sigaction;

/* Installs a handler, as libc does; -ENOTSUP on a system without signals. */
int gate__os_sigaction(int number, const struct sigaction *action, struct sigaction *old);
/* Writes to a file descriptor, as much as it takes at once. */
void gate__os_write(int fd, const char *text, size_t length);
/* Writes the stack of the caller to standard error. */
void gate__os_print_backtrace(void);
/* Writes where in the program an address of code is, and returns how long that is. Waits for the loader's lock. */
size_t gate__os_describe_code(const void *code, char *buffer, size_t size);

/* A moment for a thread that waits for another in a loop. */
void gate__os_relax(void);
/* Sleeps while *word is value, or less long; wakes one thread that does. */
void gate__os_wait(_Atomic uint32_t *word, uint32_t value);
void gate__os_wake(_Atomic uint32_t *word);

/* A barrier on every thread of this process that runs, at the caller's cost alone: what a thread
 * stored before it is seen here, and what is stored here before it is seen by what that thread loads
 * after. Usable once barrier_register has returned 0. */
int gate__os_barrier_register(void);
void gate__os_barrier(void);

/* Nanoseconds on a clock that never goes back. */
uint64_t gate__os_now(void);
/* Makes the calling thread's timed waits end when asked, not up to 50 us later. */
void gate__os_precise_waits(void);
/* The calling thread's own stack: its lowest address and its size in bytes. */
int gate__os_stack_bounds(void **bottom, size_t *size);

#endif
