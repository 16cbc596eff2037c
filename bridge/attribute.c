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
    size_t length = token->length, wanted = strlen(name);
    if (length > 4 && !memcmp(at, "__", 2) && !memcmp(at + length - 2, "__", 2)) {
        at += 2;
        length -= 4;
    }
    return length == wanted && memcmp(at, name, length) == 0;
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

static void read_mode(struct gate__reader *r, struct gate__attributes *attributes) {
    static const char names[][8] = {"byte", "word", "pointer", "QI", "HI", "SI", "DI", "TI", "HF",
                                    "SF",   "DF",   "XF",      "TF", "HC", "SC", "DC", "XC", "TC"};
    gate__lex_require(r, '(');
    struct gate__token token = r->lexer.token;
    attributes->mode[0] = '\0';
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (token.kind == GATE__NAME && is_named(&token, names[i]))
            memcpy(attributes->mode, names[i], sizeof attributes->mode);
    }
    if (!attributes->mode[0])
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
        const gate_type *type = gate__decl_type_name(r);
        bytes = type ? type->alignment : 0;
    } else {
        bytes = alignment(r);
    }
    gate__lex_require(r, ')');
    ask_for(attributes, bytes);
}

/* The kind of that class, 'I' for integers, 'F' and 'C', which has so many bytes; GATE_KINDS if there is none. */
static enum gate_kind kind_of_mode(const char *mode, bool is_signed) {
    static const struct {
        char name[8];
        enum gate_kind with_sign, without;
    } modes[] = {
        {"byte", GATE_SCHAR, GATE_UCHAR},
        {"word", GATE_LONG, GATE_ULONG},
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
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        if (strcmp(mode, modes[i].name) == 0)
            return is_signed || modes[i].without == GATE_KINDS ? modes[i].with_sign : modes[i].without;
    }
    return GATE_KINDS;
}

static bool is_in_range(enum gate_kind kind, enum gate_kind first, enum gate_kind last) {
    return kind >= first && kind <= last;
}

/* A machine mode chooses among the types of one class. */
static const gate_type *in_mode(struct gate__reader *r, const gate_type *type, const char *mode) {
    enum gate_kind kind = kind_of_mode(mode, gate__type_is_signed(type));
    bool same_class = is_in_range(kind, GATE_BOOL, GATE_UINT128) ? gate__type_is_integer(type)
                      : is_in_range(kind, GATE_FLOAT16, GATE_FLOAT128)
                          ? is_in_range(type->kind, GATE_FLOAT16, GATE_FLOAT128)
                          : is_in_range(type->kind, GATE_FLOAT16_COMPLEX, GATE_FLOAT128_COMPLEX);
    if (type->kind == GATE_POINTER && type->size == gate__type_basic(kind)->size)
        return type;
    if (!same_class)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "and a machine mode that is none of its type");
    return gate__type_qualified(r, gate__type_basic(kind), type->qualifiers);
}

static const gate_type *in_vector(struct gate__reader *r, const gate_type *type, size_t size) {
    bool numbers = (gate__type_is_integer(type) && type->kind != GATE_BOOL && type->kind != GATE_ENUM) ||
                   is_in_range(type->kind, GATE_FLOAT16, GATE_FLOAT128);
    if (!numbers || size % type->size)
        gate__lex_fail(r, &r->lexer.token, -EINVAL,
                       "and a vector whose size its elements don't fill, or of no numbers");
    return r->failed ? NULL : gate__type_vector(r, type, size);
}

const gate_type *gate__attribute_of_base(struct gate__reader *r, const gate_type *type,
                                         const struct gate__attributes *attributes) {
    if (type && attributes->mode[0] && type->kind != GATE_POINTER)
        type = in_mode(r, type, attributes->mode);
    if (type && attributes->vector)
        type = in_vector(r, type, attributes->vector);
    return type;
}

/* A union that is passed as its first member: a variant that differs from the union in nothing but that. */
static const gate_type *made_transparent(struct gate__reader *r, const gate_type *type) {
    if (type->kind != GATE_UNION || type->count == 0)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "and a transparent union that is none, or has no members");
    else if (gate__scope_save(r, type->record, sizeof *type->record))
        type->record->transparent = true;
    return r->failed ? NULL : type;
}

const gate_type *gate__attribute_of_declared(struct gate__reader *r, const gate_type *type,
                                             const struct gate__attributes *attributes) {
    if (type && attributes->is_transparent)
        type = made_transparent(r, type);
    return type && attributes->last ? gate__type_aligned(r, type, attributes->last) : type;
}
