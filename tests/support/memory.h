/* Whether memory can be touched, asked without touching it; and the system's own functions, for hooks to call.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_MEMORY_H
#define CALLGATE_TESTS_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#ifdef _WIN32

#include <windows.h>

#include "runtime/mem.h"

static inline uintptr_t system_mmap(void *address, uintptr_t length, int prot, int flags, int fd, uint32_t offset) {
    struct gate_mem_hooks system = {.size = sizeof system};
    gate_mem_hooks_complete(&system);
    return system.mmap(address, length, prot, flags, fd, offset);
}

static inline void system_munmap(void *address, uintptr_t length) {
    struct gate_mem_hooks system = {.size = sizeof system};
    gate_mem_hooks_complete(&system);
    system.munmap(address, length);
}

/* Whether anything is mapped at page. */
static inline bool is_mapped(const void *page) {
    MEMORY_BASIC_INFORMATION info;
    VirtualQuery(page, &info, sizeof info);
    return info.State != MEM_FREE;
}

static inline bool can_write(void *address) {
    MEMORY_BASIC_INFORMATION info;
    VirtualQuery(address, &info, sizeof info);
    return info.State == MEM_COMMIT && info.Protect == PAGE_READWRITE;
}

static inline bool can_read(void *address) {
    MEMORY_BASIC_INFORMATION info;
    VirtualQuery(address, &info, sizeof info);
    return info.State == MEM_COMMIT && info.Protect & (PAGE_READWRITE | PAGE_READONLY | PAGE_EXECUTE_READ);
}

#else

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Sanitizers see what libc maps. */
static inline uintptr_t system_mmap(void *address, uintptr_t length, int prot, int flags, int fd, uint32_t offset) {
    void *at = mmap(address, length, prot, flags, fd, offset);
    return at == MAP_FAILED ? (uintptr_t)errno : (uintptr_t)at;
}

static inline void system_munmap(void *address, uintptr_t length) {
    munmap(address, length);
}

/* Whether anything is mapped at page. */
static inline bool is_mapped(const void *page) {
    unsigned char resident;
    return mincore((void *)(uintptr_t)page, 1, &resident) == 0;
}

/* The kernel reads or writes there for a pipe, and says EFAULT instead of raising a signal. */
static inline bool can_write(void *address) {
    int ends[2];
    char byte = 0;
    if (pipe(ends))
        return false;
    bool can = write(ends[1], &byte, 1) == 1 && read(ends[0], address, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return can;
}

static inline bool can_read(void *address) {
    int ends[2];
    if (pipe(ends))
        return false;
    bool can = write(ends[1], address, 1) == 1;
    close(ends[0]);
    close(ends[1]);
    return can;
}

#endif
#endif
