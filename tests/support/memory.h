/* Whether memory can be touched, asked without touching it.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_MEMORY_H
#define CALLGATE_TESTS_MEMORY_H

#include <stdbool.h>

#ifdef _WIN32

#include <windows.h>

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

#include <unistd.h>

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
