/* Probes as SystemTap's sys/sdt.h makes them: an instruction that does nothing, and a note in the file of where it is
 * and where its arguments are. gdb, perf, bpftrace and SystemTap find them by the note.
 *
 * A tracer counts itself in a word that the note names, too. It does so in memory, and runs no code of ours: whoever
 * wants to know has to look.
 *
 * SPDX-License-Identifier: MIT */
#define _SDT_HAS_SEMAPHORES 1
#include <stddef.h>
#include <sys/sdt.h>

#include "runtime/os/probe.h"

__attribute__((section(".probes"))) union gate__os_watch gate__os_watch;

/* Its tracers, with a name that a note can have. */
extern _Atomic uint16_t gate__os_tracers __attribute__((visibility("hidden")));
__asm__(".hidden gate__os_tracers; .set gate__os_tracers, gate__os_watch + 2");
_Static_assert(offsetof(union gate__os_watch, by.tracers) == 2, "gate__os_tracers");

/* A slot that is lost takes the slow way in any case: nobody looks at this one. */
extern _Atomic uint16_t gate__os_handoff_tracers __attribute__((visibility("hidden")));
__attribute__((section(".probes"))) _Atomic uint16_t gate__os_handoff_tracers;

#define callgate_call_semaphore gate__os_tracers
#define callgate_return_semaphore gate__os_tracers
#define callgate_callback_semaphore gate__os_tracers
#define callgate_handoff_semaphore gate__os_handoff_tracers

void gate__os_probe_call(const char *name, const void *address, uint64_t task, uint32_t call_class) {
    STAP_PROBE4(callgate, call, name, address, task, call_class);
}

void gate__os_probe_return(const char *name, const void *address, uint64_t nanoseconds, uint32_t error_number) {
    STAP_PROBE4(callgate, return, name, address, nanoseconds, error_number);
}

void gate__os_probe_callback(const char *name, const void *handler, uint64_t task) {
    STAP_PROBE3(callgate, callback, name, handler, task);
}

void gate__os_probe_handoff(const char *name, uint64_t task, uint64_t m) {
    STAP_PROBE3(callgate, handoff, name, task, m);
}
