/* Linux behind os.h.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/os/os.h"

#include <errno.h>
#include <linux/membarrier.h>
#include <pthread.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "runtime/arch/arch.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102 /* since Linux 6.13 */
#endif

int gate__os_mmap(void *address, size_t length, int prot, int flags, int fd, uint64_t offset, void **result) {
    long got = gate__syscall(SYS_mmap, (long)address, (long)length, prot, flags, fd, (long)offset);
    if (got < 0 && got > -4096)
        return (int)got;
    *result = (void *)got;
    return 0;
}

int gate__os_munmap(void *address, size_t length) {
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

size_t gate__os_page_size(void) {
    return (size_t)sysconf(_SC_PAGESIZE);
}

int gate__os_guard(void *address, size_t length) {
    return gate__os_madvise(address, length, MADV_GUARD_INSTALL);
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
