/* What tests of calls begin with: functions and callbacks from their C text.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_BRIDGE_H
#define CALLGATE_TESTS_BRIDGE_H

#include "bridge/internal.h"
#include "tests/support/runtime.h"

static inline gate_signature *parse(const char *text) {
    gate_signature *signature = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_signature_parse(text, &signature, &error), 0, "%s: %s", text, error.message);
    return signature;
}

/* The signature is the function's own: free_function. */
static inline gate_function make_function(const char *text, void (*address)(void), const char *name) {
    return (gate_function){.signature = parse(text), .address = address, .name = name};
}

static inline void free_function(gate_function function) {
    gate_signature_free((gate_signature *)(uintptr_t)function.signature);
}

static inline gate_callback *make_callback(gate_runtime *runtime, const gate_signature *signature, gate_handler handler,
                                           void *host) {
    struct gate_callback_config config = {.signature = signature, .handler = handler, .host = host};
    gate_callback *callback = NULL;
    gate_error error = {0, ""};
    cr_assert_eq(gate_callback_make(runtime, &config, &callback, &error), 0, "%s", error.message);
    return callback;
}

/* Makes libffi a way for the signature, where it isn't the only one; false if it has none. */
static inline bool prepare_for_ffi(const gate_signature *signature) {
    if (!signature->prepared)
        cr_assert_eq(gate__ffi_prepare((gate_signature *)(uintptr_t)signature, NULL), 0);
    return signature->prepared != NULL;
}

/* A C function's address as the bridge takes it. */
#define address_of(function) ((void (*)(void))(function))

#endif
