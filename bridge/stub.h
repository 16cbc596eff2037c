/* Stubs that cgen writes: C functions that make one call each, of a function that the C compiler knows.
 *
 * A stub takes a pointer to a struct with the call's arguments, laid out by the compiler, and stores the result there:
 * so any type is passed as C passes it. For functions whose arguments fit registers cgen writes inline callers, too,
 * which make direct calls (direct.h) and need no stub. All since 0.1.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_BRIDGE_STUB_H
#define CALLGATE_BRIDGE_STUB_H

#include "bridge.h"

#ifdef __cplusplus
extern "C" {
#endif
#pragma GCC visibility push(default)

/* What cgen says of a function, in a table that ends with one whose name is NULL. */
typedef struct gate_stub {
    const char *name;
    const char *signature;          /* its type, as gate_decls_signature takes it with cgen's cdef text read */
    void (*address)(void);          /* the C function; NULL, and not to be called, where the library lacks it */
    void (*run)(void *frame);       /* the stub, which stores errno, too */
    void (*run_plain)(void *frame); /* one that leaves errno alone */
    size_t frame_size;              /* bytes, of the struct that both take */
    enum gate_call_class call_class;
} gate_stub;

/* Calls a function by its stub: as gate_call does, with the same task, slot, callbacks and classes; what the function
 * leaves in errno is gate_errno, and in the frame, if the stub stores it.
 *
 * stub and frame are the caller's, and frame is used until the call returns: it must not be in memory that a host has its
 * pointers checked for (check.h).
 * Returns, blocks, ends and threads as gate_call; -ENOMEM, without the call, when there is no memory to prepare the
 * first one. */
int gate_call_stub(const gate_stub *stub, void *frame);

/* Makes a gate_function of what a stub's table says, for gate_call, gate_direct_init and others: the text of the signature
 * is read in decls.
 *
 * Ownership: function->signature is the caller's, until gate_signature_free; stub and its texts live as long.
 * Errors: as gate_decls_signature. Never blocks. Any thread, as decls allows. */
int gate_function_of_stub(const gate_stub *stub, gate_decls *decls, gate_function *function, gate_error *error);

#pragma GCC visibility pop
#ifdef __cplusplus
}
#endif
#endif
