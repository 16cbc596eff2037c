/* Attributes: those that change a type or a layout are heeded, those that would change how a function is called or
 * memory is read are refused, and all others are skipped.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>

#include "bridge/internal.h"

enum { USUAL_ALIGNMENT = 16 }; /* bytes: of "aligned" without a number, on x86-64 */

/* A name may be written with underscores around. */
static bool is_named(const struct gate__token *token, const char *name) {
    const char *at = token->at;
    size_t length = token->length;
    if (length > 4 && !memcmp(at, "__", 2) && !memcmp(at + length - 2, "__", 2)) {
        at += 2;
        length -= 4;
    }
    return gate__lex_is(at, length, name);
}

static size_t alignment(struct gate__reader *r) {
    struct gate__token token = r->lexer.token;
    struct gate__value value = gate__constant_integer(r);
    bool fits = value.bits <= GATE__ALIGNMENT_MAX && !(value.bits & (value.bits - 1));
    if (!fits)
        gate__lex_fail(r, &token, -EINVAL, "expected an alignment: a power of 2, and at most 268435456");
    return fits ? (size_t)value.bits : 0;
}

static void ask_for(struct gate__attributes *attributes, size_t bytes) {
    attributes->last = bytes;
    if (bytes > attributes->largest)
        attributes->largest = bytes;
}

static void read_aligned(struct gate__reader *r, struct gate__attributes *attributes) {
    size_t bytes = USUAL_ALIGNMENT;
    if (gate__lex_accept(r, '(')) {
        bytes = alignment(r);
        gate__lex_require(r, ')');
    }
    ask_for(attributes, bytes ? bytes : 1);
}

static void read_vector_size(struct gate__reader *r, struct gate__attributes *attributes) {
    gate__lex_require(r, '(');
    struct gate__token token = r->lexer.token;
    struct gate__value value = gate__constant_integer(r);
    if (value.bits == 0 || value.bits > GATE__ALIGNMENT_MAX || value.bits & (value.bits - 1))
        gate__lex_fail(r, &token, -EINVAL, "expected a vector's size in bytes: a power of 2");
    attributes->vector = (size_t)value.bits;
    gate__lex_require(r, ')');
}

/* Machine modes, each with the kinds that have it; GATE_KINDS where there is none without a sign. */
static const struct gate__mode {
    char name[12];
    enum gate_kind with_sign, without;
} modes[] = {
    {"byte", GATE_SCHAR, GATE_UCHAR},
    {"word", GATE_LONG, GATE_ULONG},
    {"unwind_word", GATE_LONG, GATE_ULONG},
    {"pointer", GATE_LONG, GATE_ULONG},
    {"QI", GATE_SCHAR, GATE_UCHAR},
    {"HI", GATE_SHORT, GATE_USHORT},
    {"SI", GATE_INT, GATE_UINT},
    {"DI", GATE_LONG, GATE_ULONG},
    {"TI", GATE_INT128, GATE_UINT128},
    {"HF", GATE_FLOAT16, GATE_KINDS},
    {"SF", GATE_FLOAT, GATE_KINDS},
    {"DF", GATE_DOUBLE, GATE_KINDS},
    {"XF", GATE_LDOUBLE, GATE_KINDS},
    {"TF", GATE_FLOAT128, GATE_KINDS},
    {"HC", GATE_FLOAT16_COMPLEX, GATE_KINDS},
    {"SC", GATE_FLOAT_COMPLEX, GATE_KINDS},
    {"DC", GATE_DOUBLE_COMPLEX, GATE_KINDS},
    {"XC", GATE_LDOUBLE_COMPLEX, GATE_KINDS},
    {"TC", GATE_FLOAT128_COMPLEX, GATE_KINDS},
};

static void read_mode(struct gate__reader *r, struct gate__attributes *attributes) {
    gate__lex_require(r, '(');
    struct gate__token token = r->lexer.token;
    attributes->mode = NULL;
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (token.kind == GATE__NAME && is_named(&token, modes[i].name))
            attributes->mode = &modes[i];
    }
    if (!attributes->mode)
        gate__lex_fail(r, &token, -ENOTSUP, "but no such machine mode is supported");
    gate__lex_advance(r);
    gate__lex_require(r, ')');
}

static void read_one(struct gate__reader *r, struct gate__attributes *attributes) {
    static const char *const refused[] = {"ms_abi", "ms_struct", "scalar_storage_order", "ext_vector_type",
                                          "address_space"};
    struct gate__token token = r->lexer.token;
    if (token.kind != GATE__NAME) {
        gate__lex_expected(r, "an attribute's name, ',' or ')'");
        return;
    }
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        if (is_named(&token, refused[i]))
            gate__lex_fail(r, &token, -ENOTSUP, "an attribute that is not supported");
    }
    gate__lex_advance(r);
    if (is_named(&token, "aligned"))
        read_aligned(r, attributes);
    else if (is_named(&token, "vector_size"))
        read_vector_size(r, attributes);
    else if (is_named(&token, "mode"))
        read_mode(r, attributes);
    else if (is_named(&token, "packed"))
        attributes->is_packed = true;
    else if (is_named(&token, "transparent_union"))
        attributes->is_transparent = true;
    else if (gate__lex_accept(r, '('))
        gate__lex_skip_nested(r, '(', ')');
}

void gate__attribute_read(struct gate__reader *r, struct gate__attributes *attributes) {
    while (gate__lex_accept(r, GATE__ATTRIBUTE)) {
        gate__lex_require(r, '(');
        gate__lex_require(r, '(');
        while (!r->failed && !gate__lex_sees(r, ')')) {
            if (!gate__lex_accept(r, ','))
                read_one(r, attributes);
        }
        gate__lex_require(r, ')');
        gate__lex_require(r, ')');
    }
}

void gate__attribute_alignas(struct gate__reader *r, struct gate__attributes *attributes) {
    size_t bytes;
    gate__lex_require(r, '(');
    if (gate__specifier_begins(r)) {
        const gate_type *type = gate__declarator_type_name(r);
        bytes = type ? type->alignment : 0;
    } else {
        bytes = alignment(r);
    }
    gate__lex_require(r, ')');
    if (bytes) /* of 0, nothing is asked (C11 6.7.5p6) */
        ask_for(attributes, bytes);
}

/* A machine mode chooses among the types of one class. Of pointers there is but one size. */
static const gate_type *in_mode(struct gate__reader *r, const gate_type *type, const struct gate__mode *mode) {
    bool has_sign = gate__type_is_signed(type) || mode->without == GATE_KINDS || type->kind == GATE_POINTER;
    const gate_type *chosen = gate__type_basic(has_sign ? mode->with_sign : mode->without);
    bool fits = gate__type_is_integer(chosen)
                    ? gate__type_is_integer(type) || (type->kind == GATE_POINTER && chosen->kind == GATE_LONG)
                : gate__type_is_real(chosen) ? gate__type_is_real(type)
                                             : gate__type_is_complex(type);
    if (!fits)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "and a machine mode that is none of its type");
    if (r->failed || type->kind == GATE_POINTER)
        return r->failed ? NULL : type;
    return gate__type_qualified(r, chosen, type->qualifiers);
}

static const gate_type *in_vectors(struct gate__reader *r, const gate_type *type, size_t size);

static const gate_type *returning_vectors(struct gate__reader *r, const gate_signature *model, size_t size) {
    const gate_type *result = in_vectors(r, model->result, size);
    gate_signature *signature = result ? gate__scope_allocate(r, sizeof *signature) : NULL;
    if (!signature)
        return NULL;
    *signature = *model;
    signature->result = result;
    return gate__type_function(r, signature);
}

static const gate_type *in_vector(struct gate__reader *r, const gate_type *type, size_t size) {
    bool is_number =
        (gate__type_is_integer(type) && type->kind != GATE_BOOL && type->kind != GATE_ENUM) || gate__type_is_real(type);
    if (!is_number || size % type->size)
        gate__lex_fail(r, &r->lexer.token, -EINVAL,
                       "and a vector whose size its elements don't fill, or of no numbers");
    return r->failed ? NULL : gate__type_vector(r, type, size);
}

/* The numbers are what pointers, arrays and functions lead to, as GCC has it. */
static const gate_type *in_vectors(struct gate__reader *r, const gate_type *type, size_t size) {
    if (type->kind == GATE_FUNCTION)
        return returning_vectors(r, type->function, size);
    if (type->kind != GATE_POINTER && type->kind != GATE_ARRAY)
        return in_vector(r, type, size);
    const gate_type *target = in_vectors(r, type->target, size);
    if (!target)
        return NULL;
    return type->kind == GATE_POINTER ? gate__type_pointer(r, target, type->qualifiers)
                                      : gate__type_array(r, target, type->count);
}

const gate_type *gate__attribute_of_type(struct gate__reader *r, const gate_type *type,
                                         const struct gate__attributes *attributes) {
    if (type && attributes->mode)
        type = in_mode(r, type, attributes->mode);
    if (type && attributes->vector)
        type = in_vectors(r, type, attributes->vector);
    return type;
}

/* A union that is passed as its first member. */
void gate__attribute_make_transparent(struct gate__reader *r, const gate_type *type) {
    if (type->kind != GATE_UNION || type->count == 0)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "and a transparent union that is none, or has no members");
    else if (gate__scope_save(r, type->record, sizeof *type->record))
        type->record->transparent = true;
}

/* A typedef's is a union of its own: the one that it is made of is passed as before. */
static const gate_type *made_transparent(struct gate__reader *r, const gate_type *type) {
    const gate_type *copy = type->kind == GATE_UNION && !type->record->transparent ? gate__type_copy(r, type) : type;
    if (copy)
        gate__attribute_make_transparent(r, copy);
    return r->failed ? NULL : copy;
}

const gate_type *gate__attribute_of_declared(struct gate__reader *r, const gate_type *type,
                                             const struct gate__attributes *attributes) {
    if (type && attributes->is_transparent)
        type = made_transparent(r, type);
    return type && attributes->last ? gate__type_aligned(r, type, attributes->last) : type;
}
