/* Linux behind os.h.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/os/os.h"

#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <linux/futex.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "runtime/arch/arch.h"
#include "runtime/layout.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* since Linux 6.13 */
#endif

GATE__HOT_CODE int gate__os_mmap(void *address, size_t length, int prot, int flags, int fd, uint64_t offset,
                                 void **result) {
    long got = gate__syscall(SYS_mmap, (long)address, (long)length, prot, flags, fd, (long)offset);
    if (got < 0 && got > -4096)
        return (int)got;
    *result = (void *)got;
    return 0;
}

GATE__HOT_CODE int gate__os_munmap(void *address, size_t length) {
    return (int)gate__syscall(SYS_munmap, (long)address, (long)length, 0, 0, 0, 0);
}

int gate__os_mprotect(void *address, size_t length, int prot) {
    return (int)gate__syscall(SYS_mprotect, (long)address, (long)length, prot, 0, 0, 0);
}

int gate__os_madvise(void *address, size_t length, int advice) {
    return (int)gate__syscall(SYS_madvise, (long)address, (long)length, advice, 0, 0, 0);
}

int gate__os_msync(void *address, size_t length, int flags) {
    return (int)gate__syscall(SYS_msync, (long)address, (long)length, flags, 0, 0, 0);
}

/* By the descriptor of this very process, which is open no longer than the call: a child that is forked has none of
 * its parent's. */
int gate__os_madvise_all(const struct gate__os_range *ranges, size_t count, int advice) {
    _Static_assert(sizeof(struct gate__os_range) == sizeof(struct iovec), "they are the same to the kernel");
    size_t total = 0;
    for (size_t i = 0; i < count; i++)
        total += ranges[i].length;
    long self = gate__syscall(SYS_pidfd_open, getpid(), 0, 0, 0, 0, 0);
    if (self < 0)
        return -ENOSYS;
    long advised = gate__syscall(SYS_process_madvise, self, (long)ranges, (long)count, advice, 0, 0);
    gate__syscall(SYS_close, self, 0, 0, 0, 0, 0);
    return advised == (long)total ? 0 : -ENOSYS;
}

GATE__HOT_DATA _Atomic size_t gate__os_known_page_size;

size_t gate__os_find_page_size(void) {
    size_t size = (size_t)sysconf(_SC_PAGESIZE);
    atomic_store_explicit(&gate__os_known_page_size, size, memory_order_relaxed);
    return size;
}

bool gate__os_is_mapped(void *address) {
    unsigned char resident;
    uintptr_t page = (uintptr_t)address & -gate__os_page_size();
    return gate__syscall(SYS_mincore, (long)page, 1, (long)&resident, 0, 0, 0) == 0;
}

const void *gate__os_first_resident(const void *base, const void *end) {
    unsigned char resident[256] = {0};
    size_t page = gate__os_page_size();
    for (const char *at = base; at < (const char *)end; at += sizeof resident * page) {
        size_t pages = (size_t)((const char *)end - at) / page;
        pages = pages < sizeof resident ? pages : sizeof resident;
        if (gate__syscall(SYS_mincore, (long)at, (long)(pages * page), (long)resident, 0, 0, 0))
            return at;
        for (size_t i = 0; i < pages; i++) {
            if (resident[i] & 1)
                return at + i * page;
        }
    }
    return end;
}

void gate__os_at_fork(void (*before)(void), void (*after)(void), void (*after_in_child)(void)) {
    pthread_atfork(before, after, after_in_child);
}

const bool gate__os_unmaps_parts = true;
const int gate__os_guard_advice = MADV_GUARD_INSTALL;
const int gate__os_populate_advice = MADV_POPULATE_WRITE;

int gate__os_sigaction(int number, const struct sigaction *action, struct sigaction *old) {
    int saved_errno = errno, failed = sigaction(number, action, old) ? -errno : 0;
    errno = saved_errno;
    return failed;
}

void gate__os_write(int fd, const char *text, size_t length) {
    gate__syscall(SYS_write, fd, (long)text, (long)length, 0, 0, 0);
}

void gate__os_print_backtrace(void) {
    void *frames[32];
    backtrace_symbols_fd(frames, backtrace(frames, 32), STDERR_FILENO);
}

size_t gate__os_describe_code(const void *code, char *buffer, size_t size) {
    Dl_info info;
    int length;
    if (!code || !dladdr(code, &info) || !info.dli_fname)
        length = snprintf(buffer, size, "%p", code);
    else if (!info.dli_sname)
        length = snprintf(buffer, size, "%s(+%#tx)", info.dli_fname, (const char *)code - (char *)info.dli_fbase);
    else
        length = snprintf(buffer, size, "%s(%s+%#tx)", info.dli_fname, info.dli_sname,
                          (const char *)code - (char *)info.dli_saddr);
    return (size_t)length < size ? (size_t)length : size - 1;
}

void gate__os_relax(void) {
    gate__syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
}

void gate__os_wait(_Atomic uint32_t *word, uint32_t value) {
    gate__syscall(SYS_futex, (long)word, FUTEX_WAIT_PRIVATE, value, 0, 0, 0);
}

void gate__os_wake(_Atomic uint32_t *word) {
    gate__syscall(SYS_futex, (long)word, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

int gate__os_barrier_register(void) {
    return (int)gate__syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0);
}

void gate__os_barrier(void) {
    gate__syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0, 0, 0, 0);
}

uint64_t gate__os_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void gate__os_precise_waits(void) {
    prctl(PR_SET_TIMERSLACK, 1ul);
}

int gate__os_stack_bounds(void **bottom, size_t *size) {
    pthread_attr_t attributes;
    int failed = pthread_getattr_np(pthread_self(), &attributes);
    if (failed)
        return -failed;
    pthread_attr_getstack(&attributes, bottom, size);
    pthread_attr_destroy(&attributes);
    return 0;
}
