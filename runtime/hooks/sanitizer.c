/* The layer for programs built with a sanitizer: mappings go to libc's functions, which it intercepts.
 *
 * What the interceptors leave out is added through weak symbols: whatever sanitizer the program brings is told.
 *
 *   ThreadSanitizer   a mapping orders what came before an unmap of the same pages with what comes after: pages
 *                     pass between threads through the kernel. As Go's x_cgo_mmap has it, each call acquires
 *                     before and releases after; but another thread may have the pages as soon as the kernel has
 *                     unmapped them, so an unmap also releases before, and a mapping acquires after
 *   LeakSanitizer     looks for pointers in what is mapped
 *   MemorySanitizer   pages that MADV_DONTNEED has zeroed are initialised
 *   AddressSanitizer  pages that become accessible are not poisoned by what was there before
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

#define WEAK __attribute__((weak, visibility("default")))

WEAK
void __tsan_acquire(void *address);
WEAK
void __tsan_release(void *address);
WEAK
void __lsan_register_root_region(const void *base, size_t length);
WEAK
void __lsan_unregister_root_region(const void *base, size_t length);
WEAK
void __msan_unpoison(const volatile void *base, size_t length);
WEAK
void __asan_unpoison_memory_region(const volatile void *base, size_t length);

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

static char order; /* its address stands for the kernel's own ordering */

static void acquire(void) {
    if (__tsan_acquire)
        __tsan_acquire(&order);
}

static void release(void) {
    if (__tsan_release)
        __tsan_release(&order);
}

/* LeakSanitizer's root regions: it forgets one only if given exactly what it was told, so we keep a list. */

struct root {
    struct root *next;
    char *base;
    size_t length;
};

static pthread_mutex_t roots_lock = PTHREAD_MUTEX_INITIALIZER;
static struct root *roots;

static void add_root(char *base, size_t length) {
    struct root *root = malloc(sizeof *root);
    if (!root)
        return; /* what only it points to may be called a leak: nothing worse */
    *root = (struct root){roots, base, length};
    roots = root;
    __lsan_register_root_region(base, length);
}

/* Takes a range out of the roots, of which the parts outside it stay. */
static void remove_roots(char *base, size_t length) {
    char *end = base + length;
    struct root **link = &roots, *kept = NULL;
    while (*link) {
        struct root *root = *link;
        if (root->base >= end || root->base + root->length <= base) {
            link = &root->next;
            continue;
        }
        *link = root->next;
        __lsan_unregister_root_region(root->base, root->length);
        root->next = kept;
        kept = root;
    }
    while (kept) {
        struct root *root = kept;
        kept = root->next;
        if (root->base < base)
            add_root(root->base, (size_t)(base - root->base));
        if (root->base + root->length > end)
            add_root(end, (size_t)(root->base + root->length - end));
        free(root);
    }
}

static void note_roots(char *base, size_t length, bool mapped) {
    if (!__lsan_register_root_region || !__lsan_unregister_root_region)
        return;
    pthread_mutex_lock(&roots_lock);
    remove_roots(base, length);
    if (mapped)
        add_root(base, length);
    pthread_mutex_unlock(&roots_lock);
}

/* AddressSanitizer's shadow outlives a mapping. What gets access, by a mapping or after having had none,
 * starts afresh; a reservation without access may be larger than there is memory for its shadow. */
static void clear_poison(char *base, size_t length) {
    if (__asan_unpoison_memory_region)
        __asan_unpoison_memory_region(base, length);
}

static void clear_poison_where_closed(char *base, size_t length) {
    const void *at = base, *end = base + length;
    struct gate_region part;
    while (gate__region_next_part(&at, end, &part)) {
        if (part.prot == PROT_NONE)
            clear_poison(part.base, part.length);
    }
}

/* The hooks. The caller's errno is not ours to change. */

static int32_t error_of(int result, int saved_errno) {
    int32_t number = result ? errno : 0;
    errno = saved_errno;
    return number;
}

static uintptr_t hook_mmap(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd, uint32_t offset) {
    int saved_errno = errno;
    size_t bytes = gate__os_in_pages(length); /* sanitizers count by the byte, the kernel by the page */
    acquire();
    if (flags & MAP_FIXED)
        release();
    void *at = mmap(address, length, prot, flags, fd, offset);
    int32_t failed = error_of(at == MAP_FAILED, saved_errno);
    acquire();
    if (!failed && prot != PROT_NONE)
        clear_poison(at, bytes);
    if (!failed)
        note_roots(at, bytes, true);
    release();
    return failed ? (uintptr_t)failed : (uintptr_t)at;
}

static void hook_munmap(void *address, uintptr_t length) {
    int saved_errno = errno;
    acquire();
    note_roots(address, gate__os_in_pages(length), false);
    release();
    if (munmap(address, length)) {
        fprintf(stderr, "callgate: munmap(%p, %zu) failed with errno %d\n", address, (size_t)length, errno);
        abort();
    }
    release();
    errno = saved_errno;
}

static int32_t hook_mprotect(void *address, uintptr_t length, int32_t prot) {
    int saved_errno = errno;
    int32_t failed = error_of(mprotect(address, length, prot), saved_errno);
    if (!failed && prot != PROT_NONE)
        clear_poison_where_closed(address, gate__os_in_pages(length));
    return failed;
}

static int32_t hook_madvise(void *address, uintptr_t length, int32_t advice) {
    int saved_errno = errno;
    if (advice == MADV_GUARD_INSTALL)
        return EINVAL;
    int32_t failed = error_of(madvise(address, length, advice), saved_errno);
    if (!failed && advice == MADV_DONTNEED && __msan_unpoison)
        __msan_unpoison(address, gate__os_in_pages(length));
    return failed;
}

static int32_t hook_msync(void *address, uintptr_t length, int32_t flags) {
    int saved_errno = errno;
    return error_of(msync(address, length, flags), saved_errno);
}

static int32_t hook_sigaction(int32_t number, const struct sigaction *action, struct sigaction *old) {
    int saved_errno = errno;
    return error_of(sigaction(number, action, old), saved_errno);
}

static void before_fork(void) {
    pthread_mutex_lock(&roots_lock);
}

static void after_fork(void) {
    pthread_mutex_unlock(&roots_lock);
}

int gate_hooks_sanitizer(struct gate_mem_hooks *table) {
    static bool in_use;
    if (table->size < sizeof *table || table->mmap || table->munmap || table->mprotect || table->madvise ||
        table->msync || table->sigaction)
        return -EINVAL;
    if (in_use)
        return -EBUSY;
    in_use = true;
    gate__os_at_fork(before_fork, after_fork, after_fork);
    *table = (struct gate_mem_hooks){sizeof *table, hook_mmap,  hook_munmap,   hook_mprotect,
                                     hook_madvise,  hook_msync, hook_sigaction};
    return 0;
}
