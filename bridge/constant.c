/* Expressions, as far as declarations have them: constants, and whatever only its type is asked of.
 *
 * C11 6.5, without assignments, increments and commas. An operand that can't be known (a variable, a call) is no
 * error, but makes the whole unknown: whoever needs a constant says so. What is not evaluated (after a false &&, in
 * the other branch of ?:, in sizeof) may divide by zero.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>

#include "bridge/internal.h"

static struct gate__value conditional(struct gate__reader *r);
static struct gate__value cast(struct gate__reader *r);

static struct gate__value unknown(const gate_type *type) {
    return (struct gate__value){.type = type};
}

static struct gate__value integer(enum gate_kind kind, size_t value) {
    return gate__value_integer(kind, value);
}

static struct gate__value nothing(void) {
    return integer(GATE_INT, 0);
}

/* Primary expressions */

static struct gate__value named(struct gate__reader *r) {
    const struct gate__token *token = &r->lexer.token;
    const struct gate__entry *entry = gate__scope_find(r->decls, GATE__ORDINARY, token->at, token->length);
    struct gate__value value = nothing();
    if (entry && entry->decl.kind == GATE_DECL_CONSTANT) {
        value.type = entry->decl.type;
        value.bits = gate__type_is_signed(value.type) ? (unsigned __int128)(__int128)(int64_t)entry->decl.value
                                                      : entry->decl.value;
    } else if (entry && entry->decl.kind != GATE_DECL_TYPEDEF) {
        value = unknown(entry->decl.type);
        value.is_place = entry->decl.kind == GATE_DECL_VARIABLE;
    } else {
        gate__lex_fail(r, token, -EINVAL, "expected an expression, and no constant or variable of that name is known");
    }
    gate__lex_advance(r);
    return value;
}

/* Strings that stand side by side are one. */
static struct gate__value string(struct gate__reader *r) {
    enum gate_kind kind = GATE_CHAR;
    size_t length = 0;
    for (; r->lexer.token.kind == GATE__STRING; gate__lex_advance(r))
        gate__value_string(r, &r->lexer.token, &kind, &length, NULL);
    const gate_type *type = gate__type_array(r, gate__type_basic(kind), length + 1);
    return type ? (struct gate__value){.type = type, .is_place = true} : nothing();
}

static struct gate__value parenthesized(struct gate__reader *r) {
    struct gate__value value = nothing();
    gate__lex_advance(r);
    if (gate__lex_sees(r, '{'))
        gate__lex_fail(r, &r->lexer.token, -ENOTSUP, "but statements in expressions are not supported");
    if (gate__lex_enter(r))
        value = conditional(r);
    gate__lex_leave(r);
    gate__lex_require(r, ')');
    return value;
}

/* What a generic selection selects by: its operand's type as a value (C11 6.5.1.1; defect report 481). */
static const gate_type *selector(struct gate__reader *r) {
    r->unevaluated++;
    struct gate__value value = conditional(r);
    r->unevaluated--;
    value = r->failed ? nothing() : gate__value_decayed(r, value);
    return r->failed ? NULL : gate__type_unqualified(r, value.type);
}

/* The type of an association, or NULL, which is the default. */
static const gate_type *associated(struct gate__reader *r) {
    const struct gate__token *token = &r->lexer.token;
    const gate_type *type = NULL;
    if (gate__lex_sees_name(r) && token->length == 7 && memcmp(token->at, "default", 7) == 0)
        gate__lex_advance(r);
    else
        type = gate__decl_type_name(r);
    gate__lex_require(r, ':');
    return type;
}

/* _Generic, whose word has been read. */
static struct gate__value selection(struct gate__reader *r, const struct gate__token *token) {
    struct gate__value chosen = nothing();
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
        r->unevaluated += !counts;
        struct gate__value value = conditional(r);
        r->unevaluated -= !counts;
        chosen = counts ? value : chosen;
        is_chosen |= fits;
        has_default |= !other;
    }
    gate__lex_require(r, ')');
    if (!r->failed && !is_chosen && !has_default)
        gate__lex_fail(r, token, -EINVAL, "but no association is for the type of its operand");
    return r->failed ? nothing() : chosen;
}

static struct gate__value primary(struct gate__reader *r) {
    struct gate__token token = r->lexer.token;
    struct gate__value value;
    switch (token.kind) {
    case GATE__NUMBER:
        value = gate__value_number(r, &token);
        break;
    case GATE__CHARACTER:
        value = gate__value_character(r, &token);
        break;
    case GATE__STRING:
        return string(r);
    default:
        if (gate__lex_sees_name(r))
            return named(r);
        if (token.word == '(')
            return parenthesized(r);
        if (gate__lex_accept(r, GATE__GENERIC))
            return selection(r, &token);
        if (token.word == GATE__UNSUPPORTED)
            gate__lex_fail(r, &token, -ENOTSUP, "which is not supported");
        gate__lex_expected(r, "an expression");
        return nothing();
    }
    gate__lex_advance(r);
    return value;
}

/* Members */

static struct gate__value member(struct gate__reader *r, struct gate__value value) {
    struct gate__token token = r->lexer.token;
    gate_field field;
    if (!gate__lex_sees_name(r)) {
        gate__lex_expected(r, "a member's name");
        return value;
    }
    char *name = gate__scope_scratch(r, token.length + 1);
    if (!name)
        return value;
    memcpy(name, token.at, token.length);
    if (gate_type_field(value.type, name, &field)) {
        gate__lex_fail(r, &token, -EINVAL, "but what stands before it has no member of that name");
        return value;
    }
    gate__lex_advance(r);
    value.type = gate__type_qualified(r, field.type, value.type->qualifiers);
    value.bits += field.offset;
    return value.type ? value : nothing();
}

/* What a pointer points to. */
static struct gate__value target(struct gate__reader *r, struct gate__value value, const struct gate__token *token) {
    bool is_pointer = value.type->kind == GATE_POINTER, is_array = value.type->kind == GATE_ARRAY;
    if (!is_pointer && !is_array && value.type->kind != GATE_FUNCTION) {
        gate__lex_fail(r, token, -EINVAL, "but it is applied to no pointer");
        return value;
    }
    if (value.type->kind == GATE_FUNCTION)
        return value;
    value.is_known = value.is_known && (is_array || !value.is_place);
    value.is_place = true;
    value.type = value.type->target;
    return value;
}

/* "[...]", whose bracket has been read. */
static struct gate__value element(struct gate__reader *r, struct gate__value value, const struct gate__token *token) {
    struct gate__value index = nothing();
    if (gate__lex_enter(r))
        index = conditional(r);
    gate__lex_leave(r);
    gate__lex_require(r, ']');
    value = target(r, value, token);
    value.is_known = value.is_known && index.is_known && !index.is_place;
    value.bits += index.bits * value.type->size;
    return value;
}

static struct gate__value call(struct gate__reader *r, struct gate__value value, const struct gate__token *token) {
    const gate_type *type = value.type->kind == GATE_POINTER ? value.type->target : value.type;
    gate__lex_skip_nested(r, '(', ')');
    if (type->kind == GATE_FUNCTION)
        return unknown(type->function->result);
    gate__lex_fail(r, token, -EINVAL, "but what stands before it is no function");
    return nothing();
}

static struct gate__value postfix(struct gate__reader *r, struct gate__value value) {
    for (;;) {
        struct gate__token token = r->lexer.token;
        if (gate__lex_accept(r, '['))
            value = element(r, value, &token);
        else if (gate__lex_accept(r, '('))
            value = call(r, value, &token);
        else if (gate__lex_accept(r, '.'))
            value = member(r, value);
        else if (gate__lex_accept(r, GATE__ARROW))
            value = member(r, target(r, value, &token));
        else
            return value;
        if (r->failed)
            return value;
    }
}

/* Unary expressions */

/* What is only asked for its type. */
static const gate_type *type_of(struct gate__reader *r, struct gate__value (*read)(struct gate__reader *r)) {
    r->unevaluated++;
    struct gate__value value = read(r);
    r->unevaluated--;
    return r->failed ? NULL : value.type;
}

const gate_type *gate__constant_type_of(struct gate__reader *r) {
    const gate_type *type = NULL;
    gate__lex_require(r, '(');
    if (gate__lex_enter(r))
        type = gate__specifier_begins(r) ? gate__decl_type_name(r) : type_of(r, conditional);
    gate__lex_leave(r);
    gate__lex_require(r, ')');
    return r->failed ? NULL : type;
}

/* A type's name in parentheses, or a unary expression. */
static const gate_type *type_or_expression(struct gate__reader *r) {
    struct gate__lexer before = r->lexer;
    if (gate__lex_accept(r, '(') && gate__specifier_begins(r)) {
        const gate_type *type = gate__decl_type_name(r);
        gate__lex_require(r, ')');
        return type;
    }
    if (r->failed)
        return NULL;
    r->lexer = before;
    return type_of(r, cast);
}

static bool has_variable_size(const gate_type *type) {
    while (type->kind == GATE_ARRAY && type->count != GATE_COUNT_VARIABLE)
        type = type->target;
    return type->kind == GATE_ARRAY;
}

/* sizeof or _Alignof, which has been read: void and functions have a size of 1, as GCC has it. */
static struct gate__value size(struct gate__reader *r, const struct gate__token *token) {
    const gate_type *type = type_or_expression(r);
    if (r->failed)
        return nothing();
    bool sizeless = type->kind == GATE_VOID || type->kind == GATE_FUNCTION;
    if (!sizeless && !gate__type_is_complete(type) && !(token->word == GATE__ALIGNOF && type->alignment))
        gate__lex_fail(r, token, -EINVAL, "but it is of a type that is incomplete");
    if (token->word == GATE__ALIGNOF)
        return integer(GATE_ULONG, sizeless ? 1 : type->alignment);
    if (has_variable_size(type))
        return unknown(gate__type_basic(GATE_ULONG));
    return integer(GATE_ULONG, sizeless ? 1 : type->size);
}

/* __builtin_offsetof(type, member.member[index]...), whose word has been read */
static struct gate__value offset(struct gate__reader *r) {
    gate__lex_require(r, '(');
    const gate_type *type = gate__decl_type_name(r);
    gate__lex_require(r, ',');
    if (r->failed)
        return nothing();
    struct gate__value value = {.type = type, .is_known = true, .is_place = true};
    value = member(r, value);
    while (!r->failed && !gate__lex_sees(r, ')')) {
        struct gate__token token = r->lexer.token;
        if (gate__lex_accept(r, '['))
            value = element(r, value, &token);
        else if (gate__lex_accept(r, '.'))
            value = member(r, value);
        else
            gate__lex_expected(r, "'.', '[' or ')'");
    }
    gate__lex_require(r, ')');
    return value.is_known ? integer(GATE_ULONG, (size_t)value.bits) : unknown(gate__type_basic(GATE_ULONG));
}

/* "&", which has been read. */
static struct gate__value address(struct gate__reader *r) {
    struct gate__value value = cast(r);
    const gate_type *type = r->failed ? NULL : gate__type_pointer(r, value.type, 0);
    return type ? (struct gate__value){type, value.is_known && value.is_place, false, value.bits, 0} : nothing();
}

static struct gate__value unary_operator(struct gate__reader *r) {
    struct gate__token token = r->lexer.token;
    gate__lex_advance(r);
    switch (token.word) {
    case '&':
        return address(r);
    case '*':
        return target(r, cast(r), &token);
    case GATE__EXTENSION:
        return cast(r);
    case GATE__OFFSETOF:
        return postfix(r, offset(r));
    case GATE__SIZEOF:
    case GATE__ALIGNOF:
        return size(r, &token);
    default:
        return gate__value_unary(r, token.word, cast(r), &token);
    }
}

static bool is_unary(int word) {
    return word == '+' || word == '-' || word == '~' || word == '!' || word == '*' || word == '&' ||
           word == GATE__SIZEOF || word == GATE__ALIGNOF || word == GATE__OFFSETOF || word == GATE__EXTENSION;
}

/* A "(" that has been read begins a cast: its type, and what is converted. */
static struct gate__value convert(struct gate__reader *r) {
    const gate_type *type = gate__decl_type_name(r);
    gate__lex_require(r, ')');
    if (gate__lex_sees(r, '{')) {
        gate__lex_advance(r);
        gate__lex_skip_nested(r, '{', '}');
        return r->failed ? nothing() : postfix(r, (struct gate__value){.type = type, .is_place = true});
    }
    struct gate__token token = r->lexer.token;
    struct gate__value value = cast(r);
    if (r->failed)
        return nothing();
    return gate__value_convert(r, value, type, &token);
}

static struct gate__value cast(struct gate__reader *r) {
    struct gate__value value = nothing();
    if (gate__lex_enter(r)) {
        struct gate__lexer before = r->lexer;
        if (is_unary(r->lexer.token.word)) {
            value = unary_operator(r);
        } else if (gate__lex_accept(r, '(') && gate__specifier_begins(r)) {
            value = convert(r);
        } else if (!r->failed) {
            r->lexer = before;
            value = postfix(r, primary(r));
        }
    }
    gate__lex_leave(r);
    return r->failed ? nothing() : value;
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

/* Whether the value is a scalar that is zero, or not; -1 if that is not known. */
static int truth_of(struct gate__reader *r, struct gate__value value, const struct gate__token *token) {
    value = gate__value_unary(r, '!', value, token);
    return value.is_known ? value.bits == 0 : -1;
}

static struct gate__value binary(struct gate__reader *r, unsigned least);

/* && or ||, which has been read: the right operand is not evaluated if the left one decides. */
static struct gate__value logical(struct gate__reader *r, struct gate__value left, const struct gate__token *token) {
    bool decides = token->word == GATE__OR;
    int first = truth_of(r, left, token);
    r->unevaluated += first == decides;
    struct gate__value right = binary(r, precedence_of(token->word) + 1);
    int second = r->failed ? 0 : truth_of(r, right, token);
    r->unevaluated -= first == decides;
    if (first == decides)
        return integer(GATE_INT, decides);
    return first < 0 || second < 0 ? unknown(gate__type_basic(GATE_INT)) : integer(GATE_INT, (size_t)second);
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
            left = r->failed ? nothing() : gate__value_binary(r, token.word, left, right, &token);
        }
    }
}

/* The value of the branch that is chosen, in the type that both come to (C11 6.5.15). */
static struct gate__value chosen(struct gate__reader *r, int choice, struct gate__value yes, struct gate__value no,
                                 const struct gate__token *token) {
    bool numbers = yes.type->kind < GATE_POINTER && no.type->kind < GATE_POINTER;
    numbers |= gate__type_is_integer(yes.type) && gate__type_is_integer(no.type);
    numbers &= yes.type->kind != GATE_VOID && no.type->kind != GATE_VOID;
    const struct gate__value *value = choice ? &yes : &no;
    if (!numbers) {
        struct gate__value pointer = yes.type->kind == GATE_POINTER ? yes : no;
        pointer.is_known = choice >= 0 && value->is_known;
        pointer.bits = value->bits;
        return pointer;
    }
    const gate_type *type = gate__value_common_type(yes.type, no.type);
    return choice < 0 ? unknown(type) : gate__value_convert(r, *value, type, token);
}

static struct gate__value conditional(struct gate__reader *r) {
    struct gate__value condition = binary(r, 1);
    struct gate__token token = r->lexer.token;
    if (r->failed || !gate__lex_accept(r, '?'))
        return condition;
    int choice = truth_of(r, condition, &token);
    struct gate__value yes = condition, no = condition;
    if (gate__lex_enter(r)) {
        r->unevaluated += choice == 0;
        if (!gate__lex_sees(r, ':'))
            yes = conditional(r);
        r->unevaluated -= choice == 0;
        gate__lex_require(r, ':');
        r->unevaluated += choice == 1;
        no = conditional(r);
        r->unevaluated -= choice == 1;
    }
    gate__lex_leave(r);
    return r->failed ? nothing() : chosen(r, choice, yes, no, &token);
}

struct gate__value gate__constant_read(struct gate__reader *r) {
    struct gate__value value = nothing();
    if (gate__lex_enter(r))
        value = conditional(r);
    gate__lex_leave(r);
    return value;
}

struct gate__value gate__constant_integer(struct gate__reader *r) {
    struct gate__token token = r->lexer.token;
    struct gate__value value = gate__constant_read(r);
    if (r->failed)
        return nothing();
    if (!gate__type_is_integer(value.type) || !value.is_known || value.is_place) {
        gate__lex_fail(r, &token, -EINVAL, "which begins no integer constant, and one is expected");
        return nothing();
    }
    return value;
}
