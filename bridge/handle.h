/* Names for the host's objects that C may keep, and which of them the host must not move.
 *
 * C can't be given a pointer to an object that a collector moves or frees. It can be given a handle: a number, which
 * the host makes a pointer of again. Where C is to have the memory itself, the host pins that.
 *
 * Both tables are the process's, need no runtime, and go on in the child of a fork. Functions return 0 or a negative
 * errno unless they say otherwise. All since 0.1.
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

/* A number that stands for a value of the host's. It fits where C keeps a void * for its caller. 0 is none, and no
 * number is ever given twice. */
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

/* Pins the size bytes at base: from here on the host's collector must neither move nor free them. 0 bytes are 1.
 *
 * A pin is a note, that the host's collector asks for; nothing else comes of it. The same bytes may be pinned several
 * times, and need as many gate_unpin; ranges may overlap, and each counts for itself.
 * Errors: -EINVAL for NULL, and for a range that no object can have; -ENOMEM. Never blocks. Any thread. */
int gate_pin(const void *base, size_t size);

/* Undoes one gate_pin of the same base and size. Fatal without one. Never blocks. Any thread. */
void gate_unpin(const void *base, size_t size);

/* Whether address lies in a pinned range: 1 or 0. It takes as long with many pins as with few. Never blocks. Any
 * thread. */
int gate_pin_is_pinned(const void *address);

/* A pinned range. */
struct gate_pinned {
    const void *base;
    size_t size;  /* bytes, at least 1 */
    size_t count; /* of its pins */
};

/* Lists the pinned ranges, in no order, for a collector to begin from: fills at most room entries of ranges, and
 * returns how many there are, as snprintf does. ranges may be NULL if room is 0. All are of one moment.
 * Never blocks, but keeps others from pinning. Any thread. */
size_t gate_pin_list(struct gate_pinned *ranges, size_t room);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
