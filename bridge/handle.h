/* Names for the host's objects that C may keep, and which of them the host must not move.
 *
 * C can't be given a pointer to an object that a collector moves or frees. It can be given a handle: a number, which
 * the host makes a pointer of again. Where C is to have the memory itself, the host pins that.
 *
 * Both tables are the process's, need no runtime, and go on in the child of a fork. Functions return 0 or a negative errno
 * unless they say otherwise. All since 0.1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_HANDLE_H
#define CALLGATE_BRIDGE_HANDLE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* A number that stands for a value of the host's. It fits where C keeps a void * for its caller. 0 is none, and no number
 * is ever given twice. */
typedef uintptr_t gate_handle;

/* Makes a handle that stands for value, which may be anything, NULL too.
 *
 * Ownership: the handle is the caller's until gate_handle_delete. What value points to is the host's to keep: a
 * collector does not see it here.
 * Errors: -ENOMEM. Never blocks. Any thread. */
int gate_handle_make(void *value, gate_handle *handle);

/* Stores what handle stands for in *value.
 *
 * Errors: -ESTALE for a handle that has been deleted; -EINVAL for 0, and any number that is none yet: so a host can
 * tell a use after the end from what C made up. *value is then as before.
 * Takes no lock, and some nanoseconds. Never blocks. Any thread. */
int gate_handle_value(gate_handle handle, void **value);

/* Ends a handle, and stores what it stood for in *value, unless value is NULL. Of several threads that delete the
 * same one, one alone gets it.
 *
 * Errors: as gate_handle_value. Never blocks. Any thread. */
int gate_handle_delete(gate_handle handle, void **value);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
