/* Windows behind os.h, but for the memory calls, which are in memory.c.
 *
 * SPDX-License-Identifier: MIT */
#include "runtime/os/os.h"

#include <errno.h>
#include <io.h>
#include <stdio.h>
#include <string.h>
#include <windows.h>

int gate__os_sigaction(int number, const struct sigaction *action, struct sigaction *old) {
    (void)number, (void)action, (void)old;
    return -ENOTSUP;
}

/* Past the C library, which would lengthen each end of a line. */
void gate__os_write(int fd, const char *text, size_t length) {
    DWORD written;
    WriteFile((HANDLE)_get_osfhandle(fd), text, (DWORD)length, &written, NULL);
}

void gate__os_print_backtrace(void) {
    void *frames[32];
    USHORT count = CaptureStackBackTrace(0, 32, frames, NULL);
    for (USHORT i = 0; i < count; i++) {
        char line[MAX_PATH + 64];
        size_t length = gate__os_describe_code(frames[i], line, sizeof line - 1);
        line[length++] = '\n';
        gate__os_write(2, line, length);
    }
}

size_t gate__os_describe_code(const void *code, char *buffer, size_t size) {
    char name[MAX_PATH] = "";
    HMODULE module = NULL;
    DWORD how = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_UNCHANGED_REFCOUNT;
    int length;
    if (GetModuleHandleExA(how, code, &module) && GetModuleFileNameA(module, name, sizeof name))
        length = snprintf(buffer, size, "%s(+%#tx)", name, (const char *)code - (char *)module);
    else
        length = snprintf(buffer, size, "%p", code);
    return (size_t)length < size ? (size_t)length : size - 1;
}

void gate__os_at_fork(void (*before)(void), void (*after)(void), void (*after_in_child)(void)) {
    (void)before;
    (void)after;
    (void)after_in_child;
}

void gate__os_relax(void) {
    SwitchToThread();
}

void gate__os_wait(_Atomic uint32_t *word, uint32_t value) {
    WaitOnAddress(word, &value, sizeof value, INFINITE);
}

void gate__os_wake(_Atomic uint32_t *word) {
    WakeByAddressSingle((void *)(uintptr_t)word);
}

int gate__os_barrier_register(void) {
    return 0;
}

void gate__os_barrier(void) {
    FlushProcessWriteBuffers();
}

uint64_t gate__os_now(void) {
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    uint64_t now = (uint64_t)ticks.QuadPart, rate = (uint64_t)per_second.QuadPart;
    return now / rate * 1000000000 + now % rate * 1000000000 / rate;
}

/* Only a whole process can ask for that, and pays for it. */
void gate__os_precise_waits(void) {
}

int gate__os_stack_bounds(void **bottom, size_t *size) {
    ULONG_PTR low, high;
    GetCurrentThreadStackLimits(&low, &high);
    *bottom = (void *)low;
    *size = high - low;
    return 0;
}
