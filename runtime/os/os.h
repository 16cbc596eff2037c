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

/* For functions that read what may be another's, or be written meanwhile, behind a sanitizer's back. */
#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#define GATE__READS_UNSEEN __attribute__((no_sanitize("memory")))
#endif
#endif
#ifndef GATE__READS_UNSEEN
#define GATE__READS_UNSEEN __attribute__((no_sanitize("address", "thread")))
#endif

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

/* A thread's signal mask, a bit for each signal from 1 on. */
#define GATE__OS_ALL_SIGNALS UINT64_MAX
uint64_t gate__os_signal_mask(void);
/* Sets it, and returns the old one. */
uint64_t gate__os_set_signal_mask(uint64_t mask);
/* How many bytes the system puts on the stack of a signal handler, at most. */
size_t gate__os_signal_frame_size(void);
/* The process' number; the calling thread's, and a signal for the thread of this process that has one. */
int gate__os_process_id(void);
int gate__os_thread_id(void);
void gate__os_signal_thread(int thread, int number);

/* Where a thread was when a signal came, in the context that the handler is given; where it goes on, and with which
 * mask, when the handler returns. */
struct gate__os_place {
    uintptr_t pc, sp;
};
struct gate__os_place gate__os_context_place(void *context);
void gate__os_context_move(void *context, struct gate__os_place place);
void gate__os_context_set_mask(void *context, uint64_t mask);
/* Where it would go on after a return, at the first instruction of a function; pc 0 if that can't be read. */
struct gate__os_place gate__os_caller_of(struct gate__os_place place);

/* Stores where the thread was, and which addresses it would have returned to from there, the innermost first; returns
 * how many of them. Called in a signal handler, which has loaded the unwinder before. */
size_t gate__os_backtrace(void *context, void **frames, size_t most);
/* Loads it. */
void gate__os_load_unwinder(void);
/* The same, from a frame record on, which is a frame pointer and a return address: as far as records are linked. */
size_t gate__os_follow_frames(uintptr_t record, void **frames, size_t most);
/* Writes frames to standard error, one line each. Waits for the loader's lock only where there is no other way. */
void gate__os_print_frames(void *const *frames, size_t count);
/* Reads memory that may not be there: returns how many of the size bytes were, from the first on. */
size_t gate__os_read(uintptr_t address, void *to, size_t size);
/* The same, also where the system reads nothing on request: then what is unmapped at that moment faults. */
size_t gate__os_read_or_load(uintptr_t address, void *to, size_t size);
/* The same for a word; false if it isn't there. Works where the system reads nothing on request, too: then the word has to
 * be an aligned one, and what is unmapped at that moment faults. */
bool gate__os_read_word(uintptr_t address, uintptr_t *word);

/* Where in which file a constant of this program, or of a library, was loaded from; file NULL if nobody knows. Waits for the
 * loader's lock. */
struct gate__os_origin {
    const char *file;
    uint64_t offset;
};
struct gate__os_origin gate__os_origin_of(const void *constant);
/* Opens the file to be read, if it has these bytes there; -ENOENT, too, where it has others by now. */
int gate__os_open_origin(const struct gate__os_origin *origin, const void *bytes, size_t size);

/* Writes to a file descriptor, as much as it takes at once; closes one. */
void gate__os_write(int fd, const char *text, size_t length);
void gate__os_close(int fd);
/* A descriptor that becomes readable when it is signalled, and tells how often that was; or a negative errno. */
int gate__os_event_make(void);
void gate__os_event_signal(int event);
/* Writes the stack of the caller to standard error; waits as they do. */
void gate__os_print_backtrace(void);
/* Writes where in the program an address of code is, and returns how long that is; waits as they do. */
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
/* What nobody can know in advance, as far as the system has that. Never blocks. */
uint64_t gate__os_random(void);
/* Makes the calling thread's timed waits end when asked, not up to 50 us later. */
void gate__os_precise_waits(void);
/* The calling thread's own stack: its lowest address and its size in bytes. */
int gate__os_stack_bounds(void **bottom, size_t *size);

#endif
