/* Calls by stub. To the crossing a stub is a C function like others, that takes a pointer: it is gate_call that makes the
 * call, by the routine for one word, and so there is nothing here that it would have to learn anew.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdatomic.h>

#include "bridge/internal.h"
#include "bridge/stub.h"

/* That of all stubs: made by the first call, and never freed. */
static _Atomic(gate_signature *) signature;

/* [any] */
static __attribute__((noinline)) gate_signature *make_signature(void) {
    gate_signature *made, *others = NULL;
    if (gate_signature_parse("void (void *)", &made, NULL))
        return NULL;
    if (atomic_compare_exchange_strong(&signature, &others, made))
        return made;
    gate_signature_free(made); /* another thread was first */
    return others;
}

int gate_call_stub(const gate_stub *stub, void *frame) {
    gate_signature *of_stubs = atomic_load_explicit(&signature, memory_order_acquire);
    if (__builtin_expect(!of_stubs, 0) && !(of_stubs = make_signature()))
        return -ENOMEM;
    const gate_function function = {.signature = of_stubs,
                                    .address = (void (*)(void))stub->run,
                                    .name = stub->name,
                                    .call_class = stub->call_class};
    void *const arguments[] = {&frame};
    return gate_call(&function, NULL, arguments);
}

int gate_function_of_stub(const gate_stub *stub, gate_decls *decls, gate_function *function, gate_error *error) {
    gate_signature *made;
    int failed = gate_decls_signature(decls, stub->signature, &made, error);
    if (!failed)
        *function = (gate_function){
            .signature = made, .address = stub->address, .name = stub->name, .call_class = stub->call_class};
    return failed;
}
