/* Operands of expressions: names, literals, what is in parentheses, and what stands behind one of these (C11 6.5.1,
 * 6.5.2).
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>

#include "bridge/internal.h"

/* An object: base stands for it. */
static struct gate__value object(const gate_type *type, const void *base) {
    return (struct gate__value){.type = type, .is_place = true, .constancy = GATE__FOLDED, .base = base};
}

/* Names */

/* A constant of an enum, or a static const variable, which is none to C itself. */
static struct gate__value constant(const gate_decl *decl) {
    bool has_sign = gate__type_is_signed(decl->type);
    struct gate__value value = {.type = decl->type, .is_known = true};
    value.constancy = decl->type->qualifiers & GATE_CONST ? GATE__LENT : GATE__STRICT;
    value.bits = has_sign ? (unsigned __int128)(__int128)(int64_t)decl->value : decl->value;
    return value;
}

static struct gate__value named(struct gate__reader *r) {
    struct gate__token token = r->lexer.token;
    const struct gate__parameter *parameter = gate__declarator_parameter(r, &token);
    const struct gate__entry *entry = gate__scope_find(r->decls, GATE__ORDINARY, token.at, token.length);
    if (!parameter && !entry && gate__builtin_is(&token))
        return gate__builtin_call(r);
    gate__lex_advance(r);
    if (parameter)
        return object(parameter->type, parameter);
    if (!entry || entry->decl.kind == GATE_DECL_TYPEDEF) {
        gate__lex_fail(r, &token, -EINVAL, "expected an expression, and no constant or variable of that name is known");
        return gate__value_nothing();
    }
    if (entry->decl.kind == GATE_DECL_CONSTANT)
        return constant(&entry->decl);
    struct gate__value value = object(entry->decl.type, entry);
    value.is_place = entry->decl.kind == GATE_DECL_VARIABLE;
    value.alignment = entry->alignment;
    return value;
}

/* Literals */

/* Strings that stand side by side are one. */
static struct gate__value string(struct gate__reader *r) {
    const char *at = r->lexer.token.at;
    enum gate_kind kind = GATE_CHAR;
    size_t length = 0;
    for (; r->lexer.token.kind == GATE__STRING; gate__lex_advance(r))
        gate__literal_string(r, &r->lexer.token, &kind, &length, NULL);
    const gate_type *type = gate__type_array(r, gate__type_basic(kind), length + 1);
    return type ? object(type, at) : gate__value_nothing();
}

struct gate__value gate__operand_compound(struct gate__reader *r, const gate_type *type) {
    const char *at = r->lexer.token.at;
    type = gate__initializer_complete(r, type);
    return r->failed ? gate__value_nothing() : object(type, at);
}

/* Parentheses */

static struct gate__value parenthesized(struct gate__reader *r) {
    gate__lex_advance(r);
    if (gate__lex_sees(r, '{'))
        gate__lex_fail(r, &r->lexer.token, -ENOTSUP, "but statements in expressions are not supported");
    struct gate__value value = gate__constant_expression(r);
    gate__lex_require(r, ')');
    return value;
}

/* What a generic selection selects by: its operand's type as a value (C11 6.5.1.1; defect report 481). */
static const gate_type *selector(struct gate__reader *r) {
    struct gate__value value = gate__constant_unevaluated(r);
    value = r->failed ? gate__value_nothing() : gate__value_decayed(r, value);
    return r->failed ? NULL : gate__type_unqualified(r, value.type);
}

/* The type of an association, or NULL, which is the default. */
static const gate_type *associated(struct gate__reader *r) {
    const struct gate__token *token = &r->lexer.token;
    const gate_type *type = NULL;
    if (gate__lex_sees_name(r) && gate__lex_is(token->at, token->length, "default"))
        gate__lex_advance(r);
    else
        type = gate__declarator_type_name(r);
    gate__lex_require(r, ':');
    return type;
}

/* _Generic, whose word has been read. */
static struct gate__value selection(struct gate__reader *r, const struct gate__token *token) {
    struct gate__value chosen = gate__value_nothing();
    bool is_chosen = false, has_default = false;
    gate__lex_require(r, '(');
    const gate_type *type = selector(r);
    while (!r->failed && gate__lex_accept(r, ',')) {
        struct gate__token place = r->lexer.token;
        const gate_type *other = associated(r);
        bool fits = other && !r->failed && gate__type_compatible(type, other);
        if (fits ? is_chosen : !other && has_default)
            gate__lex_fail(r, &place, -EINVAL, "and another association is for the same type");
        bool counts = fits || (!other && !is_chosen);
        struct gate__value value = counts ? gate__constant_read(r) : gate__constant_unevaluated(r);
        chosen = counts ? value : chosen;
        is_chosen |= fits;
        has_default |= !other;
    }
    gate__lex_require(r, ')');
    if (!r->failed && !is_chosen && !has_default)
        gate__lex_fail(r, token, -EINVAL, "but no association is for the type of its operand");
    return r->failed ? gate__value_nothing() : chosen;
}

static struct gate__value primary(struct gate__reader *r) {
    struct gate__token token = r->lexer.token;
    if (token.kind == GATE__NUMBER || token.kind == GATE__CHARACTER) {
        gate__lex_advance(r);
        return token.kind == GATE__NUMBER ? gate__literal_number(r, &token) : gate__literal_character(r, &token);
    }
    if (token.kind == GATE__GIVEN && !r->lexer.given->type) {
        struct gate__value value = gate__value_integer(GATE_INT, (unsigned __int128)(__int128)r->lexer.given->number);
        gate__lex_advance(r);
        return value;
    }
    if (token.kind == GATE__STRING)
        return string(r);
    if (gate__lex_sees_name(r))
        return named(r);
    if (token.word == '(')
        return parenthesized(r);
    if (gate__lex_accept(r, GATE__GENERIC))
        return selection(r, &token);
    if (token.word == GATE__UNSUPPORTED)
        gate__lex_fail(r, &token, -ENOTSUP, "which is not supported");
    gate__lex_expected(r, "an expression");
    return gate__value_nothing();
}

/* What stands behind one */

/* What a member's own declaration, or #pragma pack, gives it; 0 if its type alone does. */
static size_t member_alignment(const gate_field *field) {
    if (field->is_packed)
        return field->alignment ? field->alignment : 1;
    return field->alignment > field->type->alignment ? field->alignment : 0;
}

static struct gate__value member(struct gate__reader *r, struct gate__value value) {
    struct gate__token token = r->lexer.token;
    if (!gate__lex_sees_name(r)) {
        gate__lex_expected(r, "a member's name");
        return value;
    }
    const struct gate__named *named = gate__type_find(value.type, token.at, token.length);
    if (!named) {
        gate__lex_fail(r, &token, -EINVAL, "but what stands before it has no member of that name");
        return value;
    }
    gate__lex_advance(r);
    const gate_field *field = named->field;
    value.type = gate__type_qualified(r, field->type, value.type->qualifiers);
    value.bits += named->offset + field->offset;
    value.bit_width = field->is_bit_field ? field->bit_width : 0;
    value.alignment = member_alignment(field);
    return value.type ? value : gate__value_nothing();
}

struct gate__value gate__operand_target(struct gate__reader *r, struct gate__value value,
                                        const struct gate__token *token) {
    bool is_function = value.type->kind == GATE_FUNCTION;
    value = is_function ? value : gate__value_decayed(r, value);
    if (is_function || r->failed)
        return value;
    if (value.type->kind != GATE_POINTER) {
        gate__lex_fail(r, token, -EINVAL, "but it is applied to no pointer");
        return gate__value_nothing();
    }
    struct gate__value target = object(value.type->target, value.base);
    target.is_known = value.is_known;
    target.constancy = value.constancy;
    target.bits = value.bits;
    return target;
}

/* An element of a vector is an object if the vector is one. */
static struct gate__value vector_element(struct gate__reader *r, const struct gate__value *vector) {
    struct gate__value value =
        gate__value_unknown(gate__type_qualified(r, vector->type->target, vector->type->qualifiers));
    value.is_place = vector->is_place;
    return value.type ? value : gate__value_nothing();
}

/* "[...]", whose bracket has been read. Either operand may be the pointer (C11 6.5.2.1). */
static struct gate__value element(struct gate__reader *r, struct gate__value value, const struct gate__token *token) {
    struct gate__value index = gate__constant_expression(r);
    gate__lex_require(r, ']');
    bool is_vector = value.type->kind == GATE_VECTOR;
    index = r->failed ? gate__value_nothing() : gate__value_decayed(r, index);
    if (r->failed)
        return gate__value_nothing();
    if (gate__type_is_integer(value.type) && index.type->kind == GATE_POINTER) {
        struct gate__value other = gate__value_decayed(r, value);
        value = index;
        index = other;
    }
    if (!gate__type_is_integer(index.type))
        gate__lex_fail(r, token, -EINVAL, "but what it encloses is no integer");
    if (is_vector)
        return vector_element(r, &value);
    value = gate__operand_target(r, value, token);
    value.is_known &= index.is_known;
    value.constancy = gate__value_weaker(value.constancy, index.constancy);
    value.base = index.is_known ? value.base : NULL;
    value.bits += index.bits * value.type->size;
    return value;
}

static struct gate__value call(struct gate__reader *r, struct gate__value value, const struct gate__token *token) {
    const gate_type *type = value.type->kind == GATE_POINTER ? value.type->target : value.type;
    gate__lex_skip_nested(r, '(', ')');
    if (type->kind == GATE_FUNCTION)
        return gate__value_unknown(type->function->result);
    gate__lex_fail(r, token, -EINVAL, "but what stands before it is no function");
    return gate__value_nothing();
}

struct gate__value gate__operand_suffixes(struct gate__reader *r, struct gate__value value) {
    for (;;) {
        struct gate__token token = r->lexer.token;
        if (r->failed)
            return value;
        if (gate__lex_accept(r, '['))
            value = element(r, value, &token);
        else if (gate__lex_accept(r, '('))
            value = call(r, value, &token);
        else if (gate__lex_accept(r, '.'))
            value = member(r, value);
        else if (gate__lex_accept(r, GATE__ARROW))
            value = member(r, gate__operand_target(r, value, &token));
        else if (gate__lex_accept(r, GATE__INCREMENT) || gate__lex_accept(r, GATE__DECREMENT))
            value = gate__value_assigned(r, value, &token);
        else
            return value;
    }
}

struct gate__value gate__operand_read(struct gate__reader *r) {
    return gate__operand_suffixes(r, primary(r));
}

/* offsetof */

struct gate__value gate__operand_offset(struct gate__reader *r) {
    gate__lex_require(r, '(');
    const gate_type *type = gate__declarator_type_name(r);
    gate__lex_require(r, ',');
    if (r->failed)
        return gate__value_nothing();
    struct gate__value value = {.type = type, .is_known = true, .is_place = true};
    struct gate__token last = r->lexer.token;
    value = member(r, value);
    while (!r->failed && !gate__lex_sees(r, ')')) {
        last = r->lexer.token;
        if (gate__lex_accept(r, '['))
            value = element(r, value, &last);
        else if (gate__lex_accept(r, '.'))
            value = member(r, value);
        else
            gate__lex_expected(r, "'.', '[' or ')'");
    }
    gate__lex_require(r, ')');
    if (!r->failed && value.bit_width)
        gate__lex_fail(r, &last, -EINVAL, "but a bit-field has no offset in bytes");
    return value.is_known ? gate__value_integer(GATE_ULONG, value.bits)
                          : gate__value_unknown(gate__type_basic(GATE_ULONG));
}
