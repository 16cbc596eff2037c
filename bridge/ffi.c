/* libffi, behind two things: a call, and a closure that C can call.
 *
 * libffi returns integers narrower than a register widened to one, in calls and in closures alike:
 * both ends are mended here, so that everyone else sees exactly the type's bytes.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <ffi.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

/* What libffi reads and writes, a memory sanitizer does not see. */
__attribute__((weak, visibility("default"))) void __msan_unpoison(const volatile void *address, size_t size);

#if defined(__has_feature)
#if __has_feature(memory_sanitizer)
#define CALLED_UNSEEN __attribute__((no_sanitize("memory"))) /* its arguments come from such code, too */
#endif
#endif
#ifndef CALLED_UNSEEN
#define CALLED_UNSEEN
#endif

static void mark_initialised(const void *address, size_t size) {
    if (__msan_unpoison)
        __msan_unpoison(address, size);
}

/* Room for any result: what libffi widens, and the largest type. */
union room {
    ffi_arg integer;
    long double _Complex largest;
};

struct prepared {
    ffi_cif cif;
    ffi_type *parameters[];
};

/* What is not there can't be passed yet. */
static ffi_type *ffi_types[GATE_KINDS] = {
    [GATE_VOID] = &ffi_type_void,
    [GATE_BOOL] = &ffi_type_uint8,
    [GATE_CHAR] = (char)-1 < 0 ? &ffi_type_schar : &ffi_type_uchar,
    [GATE_SCHAR] = &ffi_type_schar,
    [GATE_UCHAR] = &ffi_type_uchar,
    [GATE_SHORT] = &ffi_type_sshort,
    [GATE_USHORT] = &ffi_type_ushort,
    [GATE_INT] = &ffi_type_sint,
    [GATE_UINT] = &ffi_type_uint,
    [GATE_LONG] = &ffi_type_slong,
    [GATE_ULONG] = &ffi_type_ulong,
    [GATE_LLONG] = &ffi_type_sint64,
    [GATE_ULLONG] = &ffi_type_uint64,
    [GATE_FLOAT] = &ffi_type_float,
    [GATE_DOUBLE] = &ffi_type_double,
    [GATE_LDOUBLE] = &ffi_type_longdouble,
    [GATE_FLOAT_COMPLEX] = &ffi_type_complex_float,
    [GATE_DOUBLE_COMPLEX] = &ffi_type_complex_double,
    [GATE_LDOUBLE_COMPLEX] = &ffi_type_complex_longdouble,
    [GATE_POINTER] = &ffi_type_pointer,
};

static ffi_type *ffi_type_of(const gate_type *type) {
    return ffi_types[gate__type_plain(type)->kind];
}

/* Whether libffi widens a result of this type to a register. */
static bool is_widened(const gate_type *type) {
    return gate__type_is_integer(type) && type->size < sizeof(ffi_arg);
}

/* Calls don't take every type yet. */
static int check_passed(const gate_type *type, const char *what, gate_error *error) {
    char printed[128];
    if (ffi_type_of(type))
        return 0;
    gate_type_print(type, printed, sizeof printed);
    return gate__fail(error, -ENOTSUP, "%s of type '%s', by value, is not supported yet", what, printed);
}

static int check(const gate_signature *signature, gate_error *error) {
    int failed = check_passed(signature->result, "a result", error);
    for (size_t i = 0; !failed && i < signature->count; i++)
        failed = check_passed(signature->parameters[i], "a parameter", error);
    if (!failed && signature->variadic)
        failed = gate__fail(error, -ENOTSUP, "a call of a variadic function is not supported yet");
    return failed;
}

int gate__ffi_prepare(gate_signature *signature, gate_error *error) {
    int refused = check(signature, error);
    if (refused)
        return refused;
    struct prepared *prepared =
        gate__signature_allocate(signature, sizeof *prepared + signature->count * sizeof *prepared->parameters);
    if (!prepared)
        return gate__fail(error, -ENOMEM, "no memory to prepare a signature");
    for (size_t i = 0; i < signature->count; i++)
        prepared->parameters[i] = ffi_type_of(signature->parameters[i]);
    ffi_status status = ffi_prep_cif(&prepared->cif, FFI_DEFAULT_ABI, (unsigned)signature->count,
                                     ffi_type_of(signature->result), prepared->parameters);
    if (status != FFI_OK)
        return gate__fail(error, -ENOTSUP, "libffi does not take this signature (status %d)", (int)status);
    signature->prepared = prepared;
    return 0;
}

/* The integers' lowest bytes come first on a little-endian machine, last on a big-endian one. */
static char *narrow(union room *room, size_t size) {
    return (char *)room + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(ffi_arg) - size : 0);
}

void gate__ffi_call(const gate_signature *signature, void (*address)(void), void *result, void *const arguments[]) {
    struct prepared *prepared = signature->prepared;
    const gate_type *type = signature->result;
    union room room;
    bool direct = result && !is_widened(type);
    ffi_call(&prepared->cif, address, direct ? result : &room, (void **)(uintptr_t)arguments);
    if (!result)
        return;
    if (!direct)
        memcpy(result, narrow(&room, type->size), type->size);
    mark_initialised(result, type->size);
}

/* Stores a narrow integer in a whole register, with its sign. */
static void widen(ffi_arg *target, const gate_type *type, const void *value) {
    ffi_arg wide = 0;
    memcpy(narrow((union room *)&wide, type->size), value, type->size);
    unsigned unused = 8 * (unsigned)(sizeof wide - type->size);
    const ffi_type *ffi = ffi_type_of(type);
    bool is_signed = ffi->type == FFI_TYPE_SINT8 || ffi->type == FFI_TYPE_SINT16 || ffi->type == FFI_TYPE_SINT32 ||
                     ffi->type == FFI_TYPE_INT;
    *target = is_signed ? (ffi_arg)((ffi_sarg)(wide << unused) >> unused) : wide;
}

/* libffi's closure of the kind that takes its record from the static chain, which thunks provide. */
struct gate__ffi_closure {
    ffi_go_closure ffi; /* first: what a thunk's record begins with */
    const gate_signature *signature;
    gate__ffi_target target;
    void *data;
    void (*address)(void);
};

/* Where libffi takes a callback. [C's stack] */
CALLED_UNSEEN static void enter_closure(ffi_cif *cif, void *result, void **arguments, void *record) {
    const struct gate__ffi_closure *closure = record;
    const gate_signature *signature = closure->signature;
    const gate_type *type = signature->result;
    union room room;
    (void)cif;
    mark_initialised(arguments, signature->count * sizeof *arguments);
    for (size_t i = 0; i < signature->count; i++)
        mark_initialised(arguments[i], signature->parameters[i]->size);
    memset(&room, 0, sizeof room);
    closure->target(closure->data, &room, arguments);
    if (is_widened(type))
        widen(result, type, &room);
    else
        memcpy(result, &room, type->size);
}

int gate__ffi_closure_make(const gate_signature *signature, gate__ffi_target target, void *data,
                           struct gate__ffi_closure **result, gate_error *error) {
    struct prepared *prepared = signature->prepared;
    struct gate__ffi_closure *closure = malloc(sizeof *closure);
    if (!closure)
        return gate__fail(error, -ENOMEM, "no memory for a callback");
    *closure = (struct gate__ffi_closure){.signature = signature, .target = target, .data = data};
    int failed = ffi_prep_go_closure(&closure->ffi, &prepared->cif, enter_closure) == FFI_OK ? 0 : -ENOTSUP;
    if (!failed)
        failed = gate__thunk_make(closure, &closure->address);
    if (failed) {
        free(closure);
        return gate__fail(error, failed,
                          failed == -ENOTSUP ? "libffi makes no callback of this signature"
                                             : "no memory for a callback's code");
    }
    *result = closure;
    return 0;
}

void (*gate__ffi_closure_address(const struct gate__ffi_closure *closure))(void) {
    return closure->address;
}

void gate__ffi_closure_free(struct gate__ffi_closure *closure) {
    gate__thunk_free(closure->address);
    free(closure);
}
