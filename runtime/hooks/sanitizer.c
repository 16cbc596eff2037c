/* Hooks for programs built with a sanitizer: link this object, and nothing else is to be done.
 *
 * The mappings go to libc's functions, which sanitizers intercept: their shadow then follows the memory.
 * Under ThreadSanitizer a mapping also orders what came before an unmap of the same pages with what comes
 * after, as Go's x_cgo_mmap has it: pages pass between threads through the kernel, which it does not see.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/mman.h>

#include "runtime/mem.h"

__attribute__((weak, visibility("default"))) void __tsan_acquire(void *address);
__attribute__((weak, visibility("default"))) void __tsan_release(void *address);

static char order; /* its address stands for the kernel's own ordering */

static void acquire(void) {
    if (__tsan_acquire)
        __tsan_acquire(&order);
}

static void release(void) {
    if (__tsan_release)
        __tsan_release(&order);
}

/* The caller's errno is not ours to change. */
static int32_t error_of(int result, int saved_errno) {
    int32_t number = result ? errno : 0;
    errno = saved_errno;
    return number;
}

uintptr_t gate_hook_mmap(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd, uint32_t offset) {
    int saved_errno = errno;
    acquire();
    void *at = mmap(address, length, prot, flags, fd, offset);
    release();
    int32_t failed = error_of(at == MAP_FAILED, saved_errno);
    return failed ? (uintptr_t)failed : (uintptr_t)at;
}

void gate_hook_munmap(void *address, uintptr_t length) {
    int saved_errno = errno;
    acquire();
    munmap(address, length);
    release();
    errno = saved_errno;
}

int32_t gate_hook_mprotect(void *address, uintptr_t length, int32_t prot) {
    int saved_errno = errno;
    return error_of(mprotect(address, length, prot), saved_errno);
}

int32_t gate_hook_madvise(void *address, uintptr_t length, int32_t advice) {
    int saved_errno = errno;
    return error_of(madvise(address, length, advice), saved_errno);
}

int32_t gate_hook_msync(void *address, uintptr_t length, int32_t flags) {
    int saved_errno = errno;
    return error_of(msync(address, length, flags), saved_errno);
}
