/* What tests of calls begin with: functions and callbacks from their C text.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_TESTS_BRIDGE_H
#define CALLGATE_TESTS_BRIDGE_H

#include <errno.h>
#include <stdio.h>
#include <string.h>

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

/* Where MemorySanitizer is, libffi makes all calls, and has no vectors, nor what is empty. */
static inline bool has_plans(void) {
    gate_signature *signature = parse("void (void)");
    bool has = signature->plan != NULL;
    gate_signature_free(signature);
    return has;
}

/* Where that is, there are no direct calls either. Filled before with what nobody has set. */
static inline gate_direct prepare_direct(const gate_function *function) {
    gate_direct direct;
    memset(&direct, 0x5a, sizeof direct);
    cr_assert_eq(gate_direct_init(&direct, function), 0);
    return direct;
}

static inline bool has_frames(void) {
    gate_signature *signature = parse("void (void)");
    size_t size = gate_frame_size(signature);
    gate_signature_free(signature);
    return size > 0;
}

/* C that is called, and what it looks at */

typedef int (*int_to_int)(int);

static inline int call_it(int_to_int callback, int x) {
    return callback(x) + 1;
}

static inline int exchange_errno(int number) {
    int before = errno;
    errno = number;
    return before;
}

/* A function of any arguments is told how many of eight vector registers they may be in, at the most. */
static __attribute__((naked, unused)) long tell_vectors(void) {
    __asm__("movzbl %al, %eax\n\tret");
}

/* Where its task is listed, in a call. */
static inline void see_where(char name[32]) {
    struct gate_task_info info = own_info();
    cr_assert_eq(info.state, GATE_TASK_IN_CALL);
    snprintf(name, 32, "%s", info.where ? info.where : "nothing");
}

static inline void assert_in_leaf(void) {
    gate_m *m = gate__m();
    cr_assert_not_null(atomic_load(&m->task->call));
    cr_assert_eq(atomic_load(&m->call), GATE__M_RUNNING, "the hand-off knows nothing of it");
}

static inline void assert_in_no_call(void) {
    cr_assert_null(gate__m_call(gate__m()));
    cr_assert_null(gate_task_current()->call);
}

/* Below which the innermost handler of the task runs; NULL if there is none. */
static inline void *call_of_handler(void) {
    return gate__arrival_call(gate_task_current()->arrival);
}

/* A handler whose host is a status: C gets 41, unless that is a failure. */
static inline int return_41(void *status, void *result, void *const arguments[]) {
    (void)arguments;
    *(int *)result = 41;
    return *(int *)status;
}

#endif
