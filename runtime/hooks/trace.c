/* The layer that writes a line per call.
 *
 * A line is put together on the stack and written at once: it allocates nothing, and lines of several threads
 * do not mix.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>

#include "runtime/internal.h"
#include "runtime/os/os.h"

static struct gate_mem_hooks below;
static int output;

static __attribute__((format(__printf__, 1, 2))) void say(const char *format, ...) {
    char line[512];
    int saved_errno = errno;
    va_list arguments;
    va_start(arguments, format);
    size_t used = (size_t)snprintf(line, sizeof line, "callgate: ");
    used += (size_t)vsnprintf(line + used, sizeof line - used, format, arguments);
    va_end(arguments);
    const void *caller = gate_mem_caller();
    used += (size_t)snprintf(line + used, sizeof line - used, caller ? ", from " : ", from the region table");
    if (caller)
        used += gate__os_describe_code(caller, line + used, sizeof line - used - 1);
    line[used++] = '\n';
    gate__os_write(output, line, used);
    errno = saved_errno;
}

static uintptr_t hook_mmap(void *address, uintptr_t length, int32_t prot, int32_t flags, int32_t fd, uint32_t offset) {
    uintptr_t at = below.mmap(address, length, prot, flags, fd, offset);
    if (at < 4096)
        say("mmap(%p, %zu, %#x, %#x, %d, %u) = errno %d", address, (size_t)length, (unsigned)prot, (unsigned)flags, fd,
            offset, (int)at);
    else
        say("mmap(%p, %zu, %#x, %#x, %d, %u) = %p", address, (size_t)length, (unsigned)prot, (unsigned)flags, fd,
            offset, (void *)at);
    return at;
}

static void hook_munmap(void *address, uintptr_t length) {
    below.munmap(address, length);
    say("munmap(%p, %zu)", address, (size_t)length);
}

static int32_t say_result(const char *what, void *address, uintptr_t length, int32_t option, int32_t failed) {
    if (failed)
        say("%s(%p, %zu, %#x) = errno %d", what, address, (size_t)length, (unsigned)option, failed);
    else
        say("%s(%p, %zu, %#x)", what, address, (size_t)length, (unsigned)option);
    return failed;
}

static int32_t hook_mprotect(void *address, uintptr_t length, int32_t prot) {
    return say_result("mprotect", address, length, prot, below.mprotect(address, length, prot));
}

static int32_t hook_madvise(void *address, uintptr_t length, int32_t advice) {
    return say_result("madvise", address, length, advice, below.madvise(address, length, advice));
}

static int32_t hook_msync(void *address, uintptr_t length, int32_t flags) {
    return say_result("msync", address, length, flags, below.msync(address, length, flags));
}

int gate_hooks_trace(struct gate_mem_hooks *table, int fd) {
    int failed = gate__mem_begin_layer(table, &below);
    if (failed)
        return failed;
    output = fd;
    table->mmap = hook_mmap;
    table->munmap = hook_munmap;
    table->mprotect = hook_mprotect;
    table->madvise = hook_madvise;
    table->msync = hook_msync;
    return 0;
}
