/* libffi, behind two things: a call, and a closure that C can call. It makes those of programs that MemorySanitizer watches,
 * which would not see what plans do; and the tests have it for a second opinion.
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

/* Room for a result: what libffi widens, and the largest that needs none of its own. */
union room {
    ffi_arg integer;
    char bytes[GATE__FFI_ROOM];
} __attribute__((aligned(16)));

struct prepared {
    ffi_cif cif;
    ffi_type *result;
    ffi_type *parameters[];
};

/* What is not there it doesn't have. */
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

/* Types of libffi's. It wants records made of their members, which matter for small ones alone: others are passed in
 * memory, and are made of words. */

enum { SMALL = 16, MEMBERS_MOST = SMALL, LEVELS_MOST = 8 };

/* What makes one record: with room for the end. */
struct members {
    gate_signature *owner;
    ffi_type *list[MEMBERS_MOST + 1];
    size_t count;
    int failed; /* -ENOMEM */
};

static bool add(struct members *members, ffi_type *type) {
    bool may = type && members->count < MEMBERS_MOST;
    if (may)
        members->list[members->count++] = type;
    return may;
}

static ffi_type *unit_of(size_t alignment) {
    return alignment >= 8   ? &ffi_type_uint64
           : alignment == 4 ? &ffi_type_uint32
           : alignment == 2 ? &ffi_type_uint16
                            : &ffi_type_uint8;
}

static bool add_units(struct members *members, size_t size, ffi_type *unit) {
    bool all = true;
    for (size_t i = 0; all && i < size / unit->size; i++)
        all = add(members, unit);
    return all;
}

/* For one that has what libffi doesn't know (unions, bit-fields, ...): members that are passed alike. False if there are
 * none. */
static bool add_alike(struct members *members, const gate_type *type) {
    struct gate__abi abi = {.words = 0};
    struct gate__part parts[GATE__PARTS_MOST];
    unsigned count = gate__abi_argument(&abi, type, parts);
    bool all = abi.stack == 0; /* of this size, libffi would have it in registers */
    for (unsigned i = 0; all && i < count; i++) {
        ffi_type *real = type->alignment < 8 ? &ffi_type_float : &ffi_type_double;
        if (parts[i].cell < GATE__WORDS)
            all = add_units(members, parts[i].size, unit_of(type->alignment));
        else
            all = parts[i].size <= 8 && add_units(members, parts[i].size, real);
    }
    return all;
}

static bool is_plain(const gate_type *type, unsigned levels);

static bool is_strange(const gate_field *field, unsigned levels) {
    const gate_type *type = field->type;
    bool is_moved = field->is_packed || field->alignment || type->alignment != gate__type_natural_alignment(type);
    while (type->kind == GATE_ARRAY)
        type = type->target;
    return field->is_bit_field || is_moved || !field->type->size || !is_plain(type, levels);
}

/* Whether it is made of members that libffi knows, all the way down, which is not far. */
static bool is_plain(const gate_type *type, unsigned levels) {
    bool all = type->kind != GATE_UNION && levels > 0;
    for (size_t i = 0; all && type->kind == GATE_STRUCT && i < type->count; i++)
        all = !is_strange(&type->fields[i], levels - 1);
    return all;
}

static ffi_type *make_record(gate_signature *owner, const gate_type *type, int *failed);

static bool add_type(struct members *members, const gate_type *type) {
    bool all = true;
    if (type->kind == GATE_STRUCT)
        return add(members, make_record(members->owner, type, &members->failed));
    if (type->kind != GATE_ARRAY)
        return add(members, ffi_types[gate__type_plain(type)->kind]);
    for (size_t i = 0; all && i < type->count; i++)
        all = add_type(members, type->target);
    return all;
}

static bool add_members(struct members *members, const gate_type *type) {
    bool all = true;
    if (!is_plain(type, LEVELS_MOST))
        return add_alike(members, type);
    for (size_t i = 0; all && i < type->count; i++)
        all = add_type(members, type->fields[i].type);
    return all;
}

/* Makes a record of these; NULL if libffi lays it out in another way. */
static ffi_type *make_of(const struct members *members, const gate_type *type, int *failed) {
    size_t size = (members->count + 1) * sizeof *members->list;
    ffi_type *made = gate__signature_allocate(members->owner, sizeof *made);
    ffi_type **elements = gate__signature_allocate(members->owner, size);
    if (!made || !elements) {
        *failed = -ENOMEM;
        return NULL;
    }
    made->type = FFI_TYPE_STRUCT;
    made->elements = memcpy(elements, members->list, size);
    bool is_same = ffi_get_struct_offsets(FFI_DEFAULT_ABI, made, NULL) == FFI_OK && made->size == type->size &&
                   made->alignment == type->alignment;
    return is_same ? made : NULL;
}

/* libffi lays out what has no size yet, and looks no further than at the first word of what is larger than registers. */
static ffi_type *make_large(gate_signature *owner, const gate_type *type, int *failed) {
    static ffi_type *words[] = {&ffi_type_uint64, NULL};
    ffi_type *made = gate__signature_allocate(owner, sizeof *made);
    if (made)
        *made = (ffi_type){type->size, (unsigned short)type->record->alignment, FFI_TYPE_STRUCT, words};
    else
        *failed = -ENOMEM;
    return made;
}

/* NULL where libffi can't have it; or there is no memory, and *failed says so. */
static ffi_type *make_record(gate_signature *owner, const gate_type *type, int *failed) {
    struct members members = {.owner = owner};
    bool is_large = type->size > SMALL;
    if (!type->size || (is_large && gate__abi_is_empty(type)) || gate__abi_is_wide(type))
        return NULL;
    if (is_large)
        return make_large(owner, type, failed);
    bool all = add_members(&members, type);
    if (members.failed)
        *failed = members.failed;
    return all && !*failed ? make_of(&members, type, failed) : NULL;
}

static ffi_type *ffi_type_of(gate_signature *owner, const gate_type *type, int *failed) {
    return gate__type_is_record(type) ? make_record(owner, type, failed) : ffi_types[gate__type_plain(type)->kind];
}

/* libffi doesn't look for a record in the registers of the x87. */
static bool is_record_in_x87(const gate_type *type) {
    struct gate__result result;
    gate__abi_result(type, &result);
    return gate__type_is_record(type) && (result.in == GATE__IN_X87 || result.in == GATE__IN_X87_PAIR);
}

/* libffi (3.4) writes the whole of a struct to where its first word goes. If that is the last register for words, the
 * first vector register comes behind it, and an argument that is there already is lost. */
static bool overwrites_vector(const gate_signature *signature) {
    struct gate__result result;
    struct gate__part parts[GATE__PARTS_MOST];
    bool does = false;
    gate__abi_result(signature->result, &result);
    struct gate__abi abi = {.words = result.in == GATE__IN_MEMORY};
    for (size_t i = 0; i < signature->count; i++) {
        bool has_vector = abi.vectors > 0;
        unsigned count = gate__abi_argument(&abi, signature->parameters[i], parts);
        does = does || (has_vector && count > 1 && parts[0].cell == GATE__WORDS - 1);
    }
    return does;
}

/* libffi doesn't align the stack for a record. */
static bool wants_stack_aligned(const gate_type *type) {
    return gate__type_is_record(type) && type->record->alignment > GATE__STACK_ALIGNMENT;
}

/* Whether libffi widens a result of this type to a register. */
static bool is_widened(const gate_type *type) {
    return gate__type_is_integer(type) && type->size < sizeof(ffi_arg);
}

/* The types of libffi's for all; false if there are not. */
static bool find_types(gate_signature *signature, struct prepared *prepared, int *failed) {
    prepared->result = ffi_type_of(signature, signature->result, failed);
    bool all = prepared->result && !is_record_in_x87(signature->result) && !overwrites_vector(signature);
    for (size_t i = 0; all && i < signature->count; i++) {
        prepared->parameters[i] = ffi_type_of(signature, signature->parameters[i], failed);
        all = prepared->parameters[i] && !wants_stack_aligned(signature->parameters[i]);
    }
    return all;
}

static ffi_status prepare(const gate_signature *signature, struct prepared *prepared) {
    unsigned count = (unsigned)signature->count;
    if (signature->variadic)
        return ffi_prep_cif_var(&prepared->cif, FFI_DEFAULT_ABI, (unsigned)signature->fixed, count, prepared->result,
                                prepared->parameters);
    return ffi_prep_cif(&prepared->cif, FFI_DEFAULT_ABI, count, prepared->result, prepared->parameters);
}

int gate__ffi_prepare(gate_signature *signature, gate_error *error) {
    int failed = 0;
    struct prepared *prepared =
        gate__signature_allocate(signature, sizeof *prepared + signature->count * sizeof *prepared->parameters);
    if (!prepared)
        failed = -ENOMEM;
    else if (find_types(signature, prepared, &failed) && prepare(signature, prepared) == FFI_OK)
        signature->prepared = prepared;
    return failed ? gate__fail(error, failed, "no memory to prepare a signature") : 0;
}

/* The integers' lowest bytes come first on a little-endian machine, last on a big-endian one. */
static char *narrow(union room *room, size_t size) {
    return (char *)room + (__BYTE_ORDER__ == __ORDER_BIG_ENDIAN__ ? sizeof(ffi_arg) - size : 0);
}

void gate__ffi_call(const gate_signature *signature, void (*address)(void), void *result, void *const arguments[]) {
    struct prepared *prepared = signature->prepared;
    const gate_type *type = signature->result;
    union room room;
    void *given[GATE__PARAMETERS_MAX + 1]; /* libffi has them point to its copies of large structs */
    bool direct = result && !is_widened(type);
    if (signature->count)
        memcpy(given, arguments, signature->count * sizeof *given);
    ffi_call(&prepared->cif, address, direct ? result : &room, given);
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
    *target = gate__type_is_signed(type) ? (ffi_arg)((ffi_sarg)(wide << unused) >> unused) : wide;
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
    ffi_arg narrow_result = 0;
    bool widens = is_widened(type);
    void *room = widens ? &narrow_result : result;
    (void)cif;
    mark_initialised(arguments, signature->count * sizeof *arguments);
    for (size_t i = 0; i < signature->count; i++)
        mark_initialised(arguments[i], signature->parameters[i]->size);
    memset(room, 0, type->size);
    closure->target(closure->data, room, arguments);
    if (widens)
        widen(result, type, room);
}

int gate__ffi_closure_make(const gate_signature *signature, const char *name, gate__ffi_target target, void *data,
                           struct gate__ffi_closure **result, void (**address)(void), gate_error *error) {
    struct prepared *prepared = signature->prepared;
    if (!prepared)
        return gate__fail(error, -ENOTSUP, "libffi makes no callback of this signature");
    struct gate__ffi_closure *closure = malloc(sizeof *closure);
    if (!closure)
        return gate__fail(error, -ENOMEM, "no memory for a callback");
    *closure = (struct gate__ffi_closure){.signature = signature, .target = target, .data = data};
    int failed = ffi_prep_go_closure(&closure->ffi, &prepared->cif, enter_closure) == FFI_OK ? 0 : -ENOTSUP;
    if (!failed)
        failed = gate__thunk_make(closure, name, &closure->address);
    if (failed) {
        free(closure);
        return gate__fail(error, failed,
                          failed == -ENOTSUP ? "libffi makes no callback of this signature"
                                             : "no memory for a callback's code");
    }
    *result = closure;
    *address = closure->address;
    return 0;
}

void gate__ffi_closure_free(struct gate__ffi_closure *closure) {
    gate__thunk_free(closure->address);
    free(closure);
}
