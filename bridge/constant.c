/* Expressions, as far as declarations have them: constants, and whatever only its type is asked of.
 *
 * C11 6.5, from the unary ones on; operand.c has those before. An operand that can't be known (a variable, a call) is
 * no error, but makes the whole unknown: whoever needs a constant says so. So do assignments and commas, as GCC has it.
 * All that nests comes by cast, ?: and =, which count its levels. What is not evaluated (after a false &&, in the other
 * branch of ?:, in sizeof) may divide by zero.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>

#include "bridge/internal.h"

static struct gate__value conditional(struct gate__reader *r);
static struct gate__value cast(struct gate__reader *r);

static struct gate__value integer(enum gate_kind kind, size_t value) {
    return gate__value_integer(kind, value);
}

/* Unary expressions */

/* What is only asked for its type. */
static struct gate__value unevaluated(struct gate__reader *r, struct gate__value (*read)(struct gate__reader *r)) {
    r->unevaluated++;
    struct gate__value value = read(r);
    r->unevaluated--;
    return r->failed ? gate__value_nothing() : value;
}

struct gate__value gate__constant_unevaluated(struct gate__reader *r) {
    return unevaluated(r, gate__constant_read);
}

/* sizeof, _Alignof and typeof tell nothing of what may begin within a byte. */
static void refuse_bit_field(struct gate__reader *r, const struct gate__value *value, const struct gate__token *token) {
    if (value->bit_width)
        gate__lex_fail(r, token, -EINVAL, "but it is applied to a bit-field");
}

const gate_type *gate__constant_type_of(struct gate__reader *r) {
    struct gate__token token = r->lexer.token;
    const gate_type *type = NULL;
    gate__lex_require(r, '(');
    if (gate__lex_enter(r) && gate__specifier_begins(r)) {
        type = gate__declarator_type_name(r);
    } else if (!r->failed) {
        struct gate__value value = unevaluated(r, gate__constant_expression);
        refuse_bit_field(r, &value, &token);
        type = value.type;
    }
    gate__lex_leave(r);
    gate__lex_require(r, ')');
    return r->failed ? NULL : type;
}

/* A type's name in parentheses, of which only the type counts, or a unary expression. */
static struct gate__value type_or_expression(struct gate__reader *r) {
    struct gate__lexer before = r->lexer;
    if (gate__lex_accept(r, '(') && gate__specifier_begins(r)) {
        const gate_type *type = gate__declarator_type_name(r);
        gate__lex_require(r, ')');
        if (!r->failed && gate__lex_sees(r, '{'))
            return gate__operand_suffixes(r, gate__operand_compound(r, type));
        return r->failed ? gate__value_nothing() : gate__value_unknown(type);
    }
    if (r->failed)
        return gate__value_nothing();
    r->lexer = before;
    return unevaluated(r, cast);
}

static bool has_variable_size(const gate_type *type) {
    while (type->kind == GATE_ARRAY && type->count != GATE_COUNT_VARIABLE)
        type = type->target;
    return type->kind == GATE_ARRAY;
}

/* sizeof or _Alignof, which has been read: void and functions have a size of 1, as GCC has it. */
static struct gate__value size(struct gate__reader *r, const struct gate__token *token) {
    struct gate__value value = type_or_expression(r);
    const gate_type *type = value.type;
    refuse_bit_field(r, &value, token);
    if (r->failed)
        return gate__value_nothing();
    bool sizeless = type->kind == GATE_VOID || type->kind == GATE_FUNCTION;
    if (!sizeless && !gate__type_is_complete(type) && !(token->word == GATE__ALIGNOF && type->alignment))
        gate__lex_fail(r, token, -EINVAL, "but it is of a type that is incomplete");
    if (token->word == GATE__ALIGNOF)
        return integer(GATE_ULONG, value.alignment ? value.alignment : sizeless ? 1 : type->alignment);
    if (has_variable_size(type))
        return gate__value_unknown(gate__type_basic(GATE_ULONG));
    return integer(GATE_ULONG, sizeless ? 1 : type->size);
}

/* "&", which has been read. */
static struct gate__value address(struct gate__reader *r, const struct gate__token *token) {
    struct gate__value value = cast(r);
    refuse_bit_field(r, &value, token);
    const gate_type *type = r->failed ? NULL : gate__type_pointer(r, value.type, 0);
    if (!type)
        return gate__value_nothing();
    struct gate__value pointer = gate__value_unknown(type);
    if (value.is_place) {
        pointer.is_known = value.is_known;
        pointer.constancy = value.constancy;
        pointer.base = value.base;
        pointer.bits = value.bits;
    }
    return pointer;
}

static struct gate__value unary_operator(struct gate__reader *r) {
    struct gate__token token = r->lexer.token;
    gate__lex_advance(r);
    switch (token.word) {
    case '&':
        return address(r, &token);
    case '*':
        return gate__operand_target(r, cast(r), &token);
    case GATE__EXTENSION:
        return cast(r);
    case GATE__OFFSETOF:
        return gate__operand_suffixes(r, gate__operand_offset(r));
    case GATE__SIZEOF:
    case GATE__ALIGNOF:
        return size(r, &token);
    case GATE__INCREMENT:
    case GATE__DECREMENT:
        return gate__value_assigned(r, cast(r), &token);
    default:
        return gate__value_unary(r, token.word, cast(r), &token);
    }
}

static bool is_unary(int word) {
    return word == '+' || word == '-' || word == '~' || word == '!' || word == '*' || word == '&' ||
           word == GATE__INCREMENT || word == GATE__DECREMENT || word == GATE__REAL || word == GATE__IMAGINARY ||
           word == GATE__SIZEOF || word == GATE__ALIGNOF || word == GATE__OFFSETOF || word == GATE__EXTENSION;
}

/* A "(" that has been read begins a cast: its type, and what is converted. */
static struct gate__value convert(struct gate__reader *r) {
    const gate_type *type = gate__declarator_type_name(r);
    gate__lex_require(r, ')');
    if (!r->failed && gate__lex_sees(r, '{'))
        return gate__operand_suffixes(r, gate__operand_compound(r, type));
    struct gate__token token = r->lexer.token;
    struct gate__value value = cast(r);
    if (r->failed)
        return gate__value_nothing();
    return gate__value_convert(r, value, type, &token);
}

static struct gate__value cast(struct gate__reader *r) {
    struct gate__value value = gate__value_nothing();
    if (gate__lex_enter(r)) {
        struct gate__lexer before = r->lexer;
        if (is_unary(r->lexer.token.word)) {
            value = unary_operator(r);
        } else if (gate__lex_accept(r, '(') && gate__specifier_begins(r)) {
            value = convert(r);
        } else if (!r->failed) {
            r->lexer = before;
            value = gate__operand_read(r);
        }
    }
    gate__lex_leave(r);
    return r->failed ? gate__value_nothing() : value;
}

/* Binary expressions */

static unsigned precedence_of(int word) {
    switch (word) {
    case GATE__OR:
        return 1;
    case GATE__AND:
        return 2;
    case '|':
        return 3;
    case '^':
        return 4;
    case '&':
        return 5;
    case GATE__EQUAL:
    case GATE__UNEQUAL:
        return 6;
    case '<':
    case '>':
    case GATE__LESS_EQUAL:
    case GATE__GREATER_EQUAL:
        return 7;
    case GATE__LEFT_SHIFT:
    case GATE__RIGHT_SHIFT:
        return 8;
    case '+':
    case '-':
        return 9;
    case '*':
    case '/':
    case '%':
        return 10;
    default:
        return 0;
    }
}

/* A scalar as a condition: 1 or 0, if that is known. */
static struct gate__value truth_of(struct gate__reader *r, struct gate__value value, const struct gate__token *token) {
    value = gate__value_unary(r, '!', value, token);
    value.bits ^= 1;
    return value;
}

/* The same of what && or || has on its right: GCC takes pointers for constants on the left alone. */
static struct gate__value right_truth_of(struct gate__reader *r, struct gate__value value,
                                         const struct gate__token *token) {
    struct gate__value truth = truth_of(r, value, token);
    if (!gate__type_is_integer(value.type))
        truth.constancy = gate__value_weaker(truth.constancy, GATE__FOLDED);
    return truth;
}

static struct gate__value binary(struct gate__reader *r, unsigned least);

/* && or ||, which has been read: the right operand is not evaluated if the left one decides. */
static struct gate__value logical(struct gate__reader *r, struct gate__value left, const struct gate__token *token) {
    bool decides = token->word == GATE__OR;
    struct gate__value first = truth_of(r, left, token);
    bool is_decided = first.is_known && first.bits == decides;
    r->unevaluated += is_decided;
    struct gate__value right = binary(r, precedence_of(token->word) + 1);
    struct gate__value second = r->failed ? gate__value_nothing() : right_truth_of(r, right, token);
    r->unevaluated -= is_decided;
    struct gate__value value = is_decided ? first : second;
    value.is_known &= first.is_known;
    enum gate__constancy least = is_decided ? GATE__FOLDED : GATE__LENT;
    value.constancy = gate__value_weaker(first.constancy, second.constancy > least ? second.constancy : least);
    return value;
}

static struct gate__value binary(struct gate__reader *r, unsigned least) {
    struct gate__value left = cast(r);
    for (;;) {
        struct gate__token token = r->lexer.token;
        unsigned precedence = precedence_of(token.word);
        if (r->failed || precedence == 0 || precedence < least)
            return left;
        gate__lex_advance(r);
        if (precedence <= 2) {
            left = logical(r, left, &token);
        } else {
            struct gate__value right = binary(r, precedence + 1);
            left = r->failed ? gate__value_nothing() : gate__value_binary(r, token.word, left, right, &token);
        }
    }
}

/* "?" and what follows, which has been read. */
static struct gate__value choice(struct gate__reader *r, struct gate__value condition,
                                 const struct gate__token *token) {
    struct gate__value truth = truth_of(r, condition, token), yes = condition;
    int chosen = truth.is_known ? (int)truth.bits : -1;
    r->unevaluated += chosen == 0;
    if (!gate__lex_sees(r, ':'))
        yes = gate__constant_expression(r);
    r->unevaluated -= chosen == 0;
    gate__lex_require(r, ':');
    r->unevaluated += chosen == 1;
    struct gate__value no = conditional(r);
    r->unevaluated -= chosen == 1;
    if (r->failed)
        return gate__value_nothing();
    struct gate__value value = gate__value_chosen(r, chosen, yes, no, token);
    enum gate__constancy results = gate__value_weaker(yes.constancy, no.constancy);
    value.constancy = gate__value_weaker(truth.constancy, value.constancy);
    if (results < GATE__STRICT || !gate__type_is_integer(value.type))
        value.constancy = gate__value_weaker(value.constancy, GATE__FOLDED);
    return value;
}

static struct gate__value conditional(struct gate__reader *r) {
    struct gate__value condition = binary(r, 1);
    struct gate__token token = r->lexer.token;
    if (r->failed || !gate__lex_accept(r, '?'))
        return condition;
    struct gate__value value = gate__value_nothing();
    if (gate__lex_enter(r))
        value = choice(r, condition, &token);
    gate__lex_leave(r);
    return r->failed ? gate__value_nothing() : value;
}

/* Assignments and commas */

static struct gate__value assignment(struct gate__reader *r) {
    struct gate__value value = conditional(r);
    struct gate__token token = r->lexer.token;
    if (r->failed || !(gate__lex_accept(r, '=') || gate__lex_accept(r, GATE__ASSIGN_BY)))
        return value;
    value = gate__value_assigned(r, value, &token);
    if (gate__lex_enter(r)) {
        struct gate__value right = assignment(r);
        if (!r->failed)
            gate__value_convert(r, right, value.type, &token);
    }
    gate__lex_leave(r);
    return r->failed ? gate__value_nothing() : value;
}

struct gate__value gate__constant_expression(struct gate__reader *r) {
    struct gate__value value = assignment(r);
    while (!r->failed && gate__lex_accept(r, ',')) {
        value = assignment(r);
        if (!r->failed)
            value = gate__value_decayed(r, value);
        value.is_known = false;
        value.constancy = GATE__LENT;
        value.base = NULL;
    }
    return r->failed ? gate__value_nothing() : value;
}

struct gate__value gate__constant_read(struct gate__reader *r) {
    return assignment(r);
}

struct gate__value gate__constant_integer(struct gate__reader *r) {
    struct gate__token token = r->lexer.token;
    struct gate__value value = gate__constant_read(r);
    if (r->failed)
        return gate__value_nothing();
    if (!gate__type_is_integer(value.type) || !value.is_known || value.is_place) {
        gate__lex_fail(r, &token, -EINVAL, "which begins no integer constant, and one is expected");
        return gate__value_nothing();
    }
    return value;
}
