/* The pointer check: finds pointers into a host's collected heap that are about to get to C, and are not pinned.
 *
 * Nothing keeps C from holding a pointer that the collector doesn't see, to memory that it moves or frees. The rule is
 * that C gets no pointer into the heap, and no memory with one in it, unless what it points to is pinned (handle.h) for
 * as long as C has it. A host that says which addresses are its heap has that checked, at a level of its choosing:
 *
 *   gate_call, gate_call_frame     before the call: the arguments, and the room for a result that C stores itself
 *   gate_call_async                at once, and again when the call begins
 *   callbacks                      when a handler has returned 0: its result
 *
 * Direct calls (direct.h) are not checked: their arguments are in registers before anybody could look.
 *
 * What breaks the rule does not get to C: the call is not made, and returns -EPERM; C gets the callback's refusal, and
 * the call that led there returns -EPERM, as it would a handler's status. gate_check_last tells what it was.
 *
 * At level GATE_CHECK_ARGUMENTS, the pointers in the arguments themselves count: in structs, unions and arrays in them,
 * too. At level GATE_CHECK_MEMORY so do the pointers in what these lead to, and so on, as far as the types tell:
 *
 *   a pointer to T         leads to one T. To more, an array's first element say, only the type T (*)[n] does.
 *   void *                 leads to nothing, and so do pointers to what is incomplete, to functions, and to what has no
 *                          pointers in it, as numbers and characters. They count themselves.
 *   T last[], T last[0]    is an array of no elements.
 *   a union                may hold any of its members: the pointers of each count, but lead nowhere.
 *   an integer             is never a pointer, whatever is in it.
 *
 * What can't be read leads nowhere; memory that C is to fill counts by what is in it before. For each argument the 128
 * nearest objects are looked into, and 4096 pointers looked at, by value in types that nest up to 64 levels; beyond that
 * nothing is found.
 *
 * Calls without pointers in their arguments, or to room for a result, are never checked. Frames and callbacks are, if they
 * were made while the check was on; a callback's refusal is not. Without the check, and at level 0, calls from tasks take no
 * longer for it. GATE_DEBUG=pointercheck=n sets the level of all heaps.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_CHECK_H
#define CALLGATE_BRIDGE_CHECK_H

#include "bridge.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

enum gate_check_level {
    GATE_CHECK_OFF,
    GATE_CHECK_ARGUMENTS, /* costs some stores, and a question for each pointer */
    GATE_CHECK_MEMORY     /* besides, a system call for each object, or for each 256 bytes of one */
};

struct gate_check_config {
    const void *base; /* the heap's addresses are among these size bytes; a size of 0: among all */
    size_t size;
    /* Whether an address is in the heap: not 0 for each byte of whatever may be moved or freed. NULL: all of these are.
     * It is asked about any address, by the thread that calls, on the system stack, by several threads at once. It
     * returns soon, and may not call Callgate. */
    int (*contains)(void *host, const void *address);
    void *host; /* passed to it */
    enum gate_check_level level;
};

typedef struct gate_check gate_check;

/* Has what passes to C checked for pointers into one more heap, of all that the process may have.
 *
 * Ownership: config is copied; *check is the caller's until gate_check_end.
 * Errors: -EINVAL for what is no level, and for all addresses without a function; -ENOTSUP for level GATE_CHECK_MEMORY
 * where the system reads no memory on request (process_vm_readv); -ENOMEM beyond 16 heaps. Never blocks. Any thread, with
 * a runtime or without; calls that begin meanwhile are checked or not. */
int gate_check_begin(const struct gate_check_config *config, gate_check **check, gate_error *error);

/* Ends that: contains isn't called any more when this returns. NULL is fine. Fatal when it has ended already. Blocks while
 * another thread is in contains. Any thread, but not from within contains. */
void gate_check_end(gate_check *check);

/* What was last refused to the calling task, or, outside a task, to the calling thread; NULL if nothing was, or no memory
 * was left to note it. The message names the function, the argument, its type, and the way to the pointer within:
 * "argument 2 of 'twalk' ('struct list *'): ->data[3].name points into the heap at 0x7f0c5a001040, and is not pinned".
 *
 * Ownership: the task's or the thread's, valid until the next one, or its end. Never blocks. Any thread. */
const gate_error *gate_check_last(void);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
