/* What calls take: counted for each function, and kept one by one for a viewer.
 *
 * While nobody watches, a call finds that out by one comparison. A watched call takes the long way, some 120 ns more,
 * 150 if it is kept, and every call does that is made by gate_call, by gate_call_frame, directly (direct.h), or
 * asynchronously, on any thread and in any runtime; callbacks do that C makes. A time is that of the C function, its
 * callbacks included, and not what the task waits for its slot afterwards; a callback's is its handler's, without the wait
 * for a slot before.
 *
 * GATE_DEBUG=callstats=1 in the environment counts from the first call after a start of a runtime on, and writes
 * gate_trace_report's text to standard error when the process exits. GATE_DEBUG=chrometrace=1 keeps calls for
 * gate_trace_write, and writes them then to the file that GATE_TRACE_FILE names, or to "callgate-trace.json"; the child
 * of a fork that comes after that adds a dot and its number.
 *
 * The library also has probes for the system's tracers (gdb, perf, bpftrace, SystemTap), of the provider callgate:
 *
 *   call      (const char *name, void *address, uint64_t task, uint32_t class)              before the function
 *   return    (const char *name, void *address, uint64_t nanoseconds, uint32_t errno)       behind it
 *   callback  (const char *name, void *handler, uint64_t task)                              before a handler
 *   handoff   (const char *name, uint64_t task, uint64_t thread)                            a call has lost its slot
 *
 * A name is that of gate_function or gate_callback_config; in handoff NULL where C was not called by these. task is
 * gate_task_number, 0 on a thread that no runtime knows; thread is gate_m_number. Calls pass by the probes from
 * the moment on that a tracer is attached to one of the first three; but of calls by frame, and direct ones, only
 * those do, at first, that tasks make which have begun since, and all from the next gate_call on.
 *
 * A fork's child begins with nothing counted, and goes on counting if its parent does. All since 0.1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_TRACE_H
#define CALLGATE_BRIDGE_TRACE_H

#include "bridge.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

struct gate_trace_config {
    int no_events;      /* not 0: calls are counted, and not kept */
    size_t most_events; /* that are kept, of some 100 bytes each; those that come later are lost. 0 is 500 000 */
};

/* Forgets what was counted and kept, and begins to count, and to keep events, for the whole process. A call that is in
 * progress is not counted; one that ends at this very moment may be.
 *
 * config may be NULL for the defaults. Errors: -EALREADY while it is on, as it is if GATE_DEBUG asks for it; -EBUSY
 * while gate_trace_write writes. Never waits for a slot, but keeps others from getting or giving up one: some 0.1 us
 * for each task. Any thread. */
int gate_trace_start(const struct gate_trace_config *config, gate_error *error);

/* Ends that; a call that is in progress is not counted. What was counted stays until the next start. Does nothing when it is
 * not on. Otherwise as gate_trace_start. */
void gate_trace_stop(void);

enum gate_trace_kind { GATE_TRACE_CALLS, GATE_TRACE_CALLBACKS };

/* What was counted for one function, or for the callbacks of one name and handler. */
struct gate_trace_info {
    enum gate_trace_kind kind;
    const char *name;    /* a copy, cut to 63 bytes: it is there even when the function is not any more */
    const void *address; /* the function's, or the handler's */
    uint64_t calls;
    uint64_t nanoseconds;          /* in all, as the next */
    uint64_t callback_nanoseconds; /* of them, in callbacks' handlers; 0 for callbacks */
    uint64_t p50, p99;             /* half of the calls, and 99 of 100, took at most that, to 1 in 32 */
    uint64_t most;                 /* exactly */
    uint64_t handoffs;             /* how often such a call lost its slot to another thread, or gave it up */
    uint64_t callbacks;            /* that C made during these calls, on their threads */
};

/* Calls visitor for each function and callback that was counted, in no order; info and what it points to is there until it
 * returns. Functions with the same name and address are one; from the 10 000th on they are all one, "others".
 *
 * Calls go on meanwhile: each number is what had been counted at some moment of this. Never blocks, nor holds a lock: visitor
 * may do anything. Any thread. */
void gate_trace_visit(void (*visitor)(void *host, const struct gate_trace_info *info), void *host);

/* Writes a table of that to a file descriptor, what took longest first.
 *
 * Errors: -ENOMEM. Blocks while the descriptor does, as a foreign call. Any thread. */
int gate_trace_report(int fd, gate_error *error);

/* Writes the calls and callbacks that were kept, and the hand-offs, to a file, as Chrome's trace events (JSON), which
 * ui.perfetto.dev opens: a slice for each, on the thread that it was on, with its task. The time is CLOCK_MONOTONIC's.
 * How many were lost stands in "otherData". Nothing is forgotten. A file that is there is replaced.
 *
 * Errors: -ENOMEM; what opening or writing the file said, and the message names it. Blocks while the file system does,
 * as a foreign call. Any thread. */
int gate_trace_write(const char *path, gate_error *error);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
