/* What is asked of a system for its tracers: probes, and whether calls are watched. One contract, as os.h; a system
 * without tracers has functions that do nothing.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_RUNTIME_OS_PROBE_H
#define CALLGATE_RUNTIME_OS_PROBE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Each tells a tracer that is attached to it what it is given, and else does nothing. [any] */
void gate__os_probe_call(const char *name, const void *address, uint64_t task, uint32_t call_class);
void gate__os_probe_return(const char *name, const void *address, uint64_t nanoseconds, uint32_t error_number);
void gate__os_probe_callback(const char *name, const void *handler, uint64_t task);
void gate__os_probe_handoff(const char *name, uint64_t task, uint64_t m);

/* Who watches calls, in one word, so that a call that nobody watches finds that out by one comparison: our own reasons, of
 * enum gate__watch, and the system's tracers, which count themselves while they are attached to one of the first three
 * probes. */
union gate__os_watch {
    _Atomic uint32_t anybody;
    struct {
        _Atomic uint16_t reasons, tracers;
    } by;
    uint64_t with_zeros; /* what bridge/arch adds to a pointer, to find both zero at once */
};
extern union gate__os_watch gate__os_watch __attribute__((visibility("hidden")));

#endif
