/* Declarators: a recursive-descent parser of C (C11 6.7.6).
 *
 *   declarator = {"*" qualifiers} (name | "(" declarator ")" | nothing) {"(" parameters ")" | "[" count "]"}
 *
 * A declarator is read from the outside in, but means its type from the inside out: what it is made of is kept as
 * steps, the last one read on top, and applied from there to the specifiers' type.
 *
 * Its depth is bounded, and it runs on the system stack: a task's may be small.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>

#include "bridge/internal.h"

/* One step from a type to a type that is derived of it. */
struct step {
    enum gate_kind kind;                /* GATE_POINTER, GATE_ARRAY or GATE_FUNCTION */
    struct gate__token token;           /* to complain about */
    unsigned qualifiers;                /* a pointer's, or those in an array's brackets */
    struct gate__attributes attributes; /* a pointer's */
    size_t count;                       /* an array's */
    gate_signature *signature;          /* a function's, yet without its result */
    struct step *below;
};

static struct step *push(struct gate__reader *r, struct step **steps, enum gate_kind kind) {
    struct step *step = gate__scope_scratch(r, sizeof *step);
    if (!step)
        return NULL;
    step->kind = kind;
    step->token = r->lexer.token;
    step->below = *steps;
    *steps = step;
    return step;
}

/* Parameters */

/* A parameter, adjusted as C does: an array or a function becomes a pointer (6.7.6.3p7, p8), and a transparent union,
 * as GCC does, its first member. */
static const gate_type *adjusted(struct gate__reader *r, const gate_type *type, unsigned in_brackets) {
    if (type->kind == GATE_ARRAY)
        return gate__type_pointer(r, type->target, in_brackets);
    if (type->kind == GATE_FUNCTION)
        return gate__type_pointer(r, type, 0);
    if (type->kind == GATE_UNION && type->record->transparent)
        return type->fields[0].type;
    return type;
}

const struct gate__parameter *gate__declarator_parameter(const struct gate__reader *r, const struct gate__token *name) {
    const struct gate__parameter *parameter = r->parameters;
    while (parameter &&
           (parameter->name.length != name->length || memcmp(parameter->name.at, name->at, name->length) != 0))
        parameter = parameter->outer;
    return parameter;
}

/* From its declarator on, a parameter's name hides whatever else has it. */
static void bring_into_scope(struct gate__reader *r, const struct gate__token *name, const gate_type *type) {
    struct gate__parameter *parameter = name->length ? gate__scope_scratch(r, sizeof *parameter) : NULL;
    if (!parameter)
        return;
    *parameter = (struct gate__parameter){*name, type, r->parameters};
    r->parameters = parameter;
}

/* One parameter; void, if that stands alone in its list, by whatever name. */
static const gate_type *parameter(struct gate__reader *r, bool is_first) {
    struct gate__token first = r->lexer.token;
    struct gate__specifiers specifiers = gate__specifier_read(r);
    if (specifiers.storage && specifiers.storage != GATE__REGISTER)
        gate__lex_fail(r, &first, -EINVAL, "but a parameter has no storage class");
    if (r->failed)
        return NULL;
    struct gate__declared declared = gate__declarator_read(r, &specifiers, GATE__MAY_BE_NAMED);
    const gate_type *type = declared.type;
    if (!type)
        return NULL;
    if (type->kind == GATE_VOID) {
        bool is_alone = is_first && !declared.name.length && !type->qualifiers && gate__lex_sees(r, ')');
        if (!is_alone)
            gate__lex_fail(r, &first, -EINVAL, "but a parameter can't be void");
        return type;
    }
    type = adjusted(r, type, declared.in_brackets);
    if (type)
        bring_into_scope(r, &declared.name, type);
    return type;
}

/* The names of a definition as before C89, "int f(a, b) int a, b; { ... }", which say nothing of what to pass. Only
 * what follows tells them from types that nobody knows. */
static bool accept_names(struct gate__reader *r) {
    struct gate__reader ahead = *r;
    ahead.error = NULL;
    if (!gate__lex_sees_name(r) || gate__specifier_begins(r))
        return false;
    do {
        if (!gate__lex_sees_name(&ahead))
            return false;
        gate__lex_advance(&ahead);
    } while (gate__lex_accept(&ahead, ','));
    struct gate__lexer behind = ahead.lexer;
    bool is_list =
        gate__lex_accept(&ahead, ')') && gate__specifier_begins(&ahead) && !gate__lex_sees(&ahead, GATE__ATTRIBUTE);
    if (is_list)
        r->lexer = behind;
    return is_list;
}

static void read_parameters(struct gate__reader *r, gate_signature *signature) {
    const gate_type *types[GATE__PARAMETERS_MAX];
    signature->unspecified = gate__lex_sees(r, ')') || accept_names(r);
    if (signature->unspecified)
        return;
    do {
        if (gate__lex_accept(r, GATE__ELLIPSIS)) { /* alone, too, as C23 has it */
            signature->variadic = true;
            break;
        }
        if (signature->count == GATE__PARAMETERS_MAX)
            gate__lex_fail(r, &r->lexer.token, -EINVAL, "one parameter too many: 127 is the most");
        const gate_type *type = parameter(r, signature->count == 0);
        if (r->failed || !type || type->kind == GATE_VOID)
            return;
        types[signature->count++] = type;
    } while (gate__lex_accept(r, ','));
    size_t size = signature->count * sizeof *types;
    signature->parameters = gate__scope_allocate(r, size);
    if (signature->parameters)
        memcpy(signature->parameters, types, size);
}

/* A function, whose "(" has been read. */
static void function(struct gate__reader *r, struct step **steps) {
    struct step *step = push(r, steps, GATE_FUNCTION);
    gate_signature *signature = gate__scope_allocate(r, sizeof *signature);
    bool outer = r->in_parameters;
    const struct gate__parameter *outer_parameters = r->parameters;
    if (!signature)
        return;
    r->in_parameters = true;
    if (gate__lex_enter(r))
        read_parameters(r, signature);
    gate__lex_leave(r);
    r->in_parameters = outer;
    r->parameters = outer_parameters;
    gate__lex_require(r, ')');
    step->token = r->lexer.token;
    step->signature = signature;
}

/* Arrays */

/* Whether a name is no member or tag, and nothing that is known: then it is that of a parameter which is still to come,
 * or a macro's that was not expanded. */
static bool is_unknown(const struct gate__reader *r, int before) {
    const struct gate__token *token = &r->lexer.token;
    bool is_other = before == '.' || before == GATE__ARROW || (before >= GATE__STRUCT && before <= GATE__ENUM);
    return gate__lex_sees_name(r) && !is_other && !gate__specifier_begins(r) && !gate__declarator_parameter(r, token) &&
           !gate__scope_find(r->decls, GATE__ORDINARY, token->at, token->length) && !gate__builtin_is(token);
}

/* Whether there is such a name before the "]" that ends a count. */
static bool names_unknown(const struct gate__reader *r) {
    struct gate__reader ahead = *r;
    ahead.error = NULL;
    int before = '[';
    for (size_t level = 1; level && ahead.lexer.token.kind != GATE__END; gate__lex_advance(&ahead)) {
        if (is_unknown(&ahead, before))
            return true;
        before = ahead.lexer.token.word;
        level += before == '[';
        level -= before == ']';
    }
    return false;
}

static size_t read_constant_count(struct gate__reader *r) {
    struct gate__token first = r->lexer.token;
    struct gate__value value = gate__constant_read(r);
    bool is_integer = gate__type_is_integer(value.type);
    if (is_integer && !value.is_known && r->in_parameters)
        return GATE_COUNT_VARIABLE;
    if (!is_integer || !value.is_known)
        gate__lex_fail(r, &first, -EINVAL, "expected a count: a constant integer");
    else if ((__int128)value.bits < 0)
        gate__lex_fail(r, &first, -EINVAL, "but an array has no fewer than 0 elements");
    else if (value.bits > PTRDIFF_MAX)
        gate__lex_fail(r, &first, -EINVAL, "which makes an array too large for any memory");
    return (size_t)value.bits;
}

/* What stands in "[...]": a constant, or nothing, or, for a parameter, a star or whatever is made of others. */
static size_t read_count(struct gate__reader *r) {
    struct gate__lexer before = r->lexer;
    if (gate__lex_sees(r, ']'))
        return GATE_COUNT_UNKNOWN;
    if (r->in_parameters && gate__lex_accept(r, '*') && gate__lex_sees(r, ']'))
        return GATE_COUNT_VARIABLE;
    if (!r->failed && gate__lex_accept(r, '?'))
        return GATE_COUNT_LATER;
    if (r->failed)
        return 0;
    r->lexer = before;
    if (!r->in_parameters || !names_unknown(r))
        return read_constant_count(r);
    gate__lex_skip_to(r, ']', ']');
    return GATE_COUNT_VARIABLE;
}

/* An array, whose "[" has been read. */
static void array(struct gate__reader *r, struct step **steps) {
    struct step *step = push(r, steps, GATE_ARRAY);
    unsigned qualifiers = gate__specifier_qualifiers(r);
    if (gate__lex_accept(r, GATE__STATIC))
        qualifiers |= gate__specifier_qualifiers(r);
    size_t count = r->failed ? 0 : read_count(r);
    gate__lex_require(r, ']');
    if (!step)
        return;
    step->count = count;
    step->qualifiers = qualifiers;
}

static const gate_type *make_array(struct gate__reader *r, const gate_type *element, const struct step *step) {
    bool has_size = step->count <= GATE_COUNT_MAX;
    const char *wrong = NULL;
    if (element->kind == GATE_VOID || element->kind == GATE_FUNCTION)
        wrong = "but there are no arrays of void or of functions";
    else if (gate__type_is_told_later(element))
        wrong = "but there are no arrays of what ends in [?]: size of C type is unknown or too large";
    else if (!gate__type_is_complete(element))
        wrong = "but there are no arrays of what is incomplete";
    else if (has_size && element->size && step->count > PTRDIFF_MAX / element->size)
        wrong = "which makes an array too large for any memory";
    else if (element->alignment && element->size % element->alignment)
        wrong = "but its elements' size is no multiple of their alignment";
    if (wrong)
        gate__lex_fail(r, &step->token, -EINVAL, wrong);
    return r->failed ? NULL : gate__type_array(r, element, step->count);
}

/* Declarators */

/* What stands behind a name: "(...)" and "[...]". */
static void suffixes(struct gate__reader *r, struct step **steps) {
    while (!r->failed) {
        if (gate__lex_accept(r, '('))
            function(r, steps);
        else if (gate__lex_accept(r, '['))
            array(r, steps);
        else
            return;
    }
}

/* Not read twice: what they nest would be read twice at each level. */
static void skip_attributes(struct gate__reader *r) {
    while (gate__lex_accept(r, GATE__ATTRIBUTE)) {
        if (gate__lex_accept(r, '('))
            gate__lex_skip_nested(r, '(', ')');
    }
}

/* Whether a "(" opens a declarator, and not a list of parameters. A name that is no type is declared by "(f)(...)"; so
 * it is in "(f)" within parameters, while a whole text was meant otherwise. */
static bool opens_declarator(struct gate__reader *r, enum gate__naming naming) {
    struct gate__reader ahead = *r;
    ahead.error = NULL;
    gate__lex_advance(&ahead);
    int word = ahead.lexer.token.word;
    if (naming == GATE__NAMED || word == '*' || word == '(' || word == '[')
        return true;
    if (word == GATE__ATTRIBUTE) {
        skip_attributes(&ahead);
        return gate__lex_sees(&ahead, '*') || gate__lex_sees(&ahead, '(');
    }
    if (!gate__lex_sees_name(&ahead) || gate__specifier_begins(&ahead))
        return false;
    gate__lex_advance(&ahead);
    return gate__lex_accept(&ahead, ')') &&
           (r->in_parameters || gate__lex_sees(&ahead, '(') || gate__lex_sees(&ahead, '['));
}

static void read_steps(struct gate__reader *r, struct step **steps, struct gate__declared *declared,
                       enum gate__naming naming);

/* The pointers, the first one read on top of the others, as they come behind what follows. */
static struct step *pointers(struct gate__reader *r) {
    struct step *first = NULL, **last = &first;
    while (gate__lex_accept(r, '*')) {
        struct step *step = push(r, last, GATE_POINTER);
        if (!step)
            break;
        last = &step->below;
        unsigned qualifiers;
        do {
            gate__attribute_read(r, &step->attributes);
            qualifiers = gate__specifier_qualifiers(r);
            step->qualifiers |= qualifiers;
        } while (qualifiers);
    }
    return first;
}

static void nested(struct gate__reader *r, struct step **steps, struct gate__declared *declared,
                   enum gate__naming naming) {
    gate__lex_advance(r);
    gate__attribute_read(r, &declared->attributes);
    read_steps(r, steps, declared, naming);
    gate__lex_require(r, ')');
}

static void read_steps(struct gate__reader *r, struct step **steps, struct gate__declared *declared,
                       enum gate__naming naming) {
    if (gate__lex_enter(r)) {
        struct step *outer = pointers(r);
        gate__attribute_read(r, &declared->attributes);
        if (naming != GATE__UNNAMED && gate__lex_sees_name(r)) {
            declared->name = r->lexer.token;
            gate__lex_advance(r);
        } else if (gate__lex_sees(r, '(') && opens_declarator(r, naming)) {
            nested(r, steps, declared, naming);
        } else if (naming == GATE__NAMED) {
            gate__lex_expected(r, "a name, '*' or '('");
        }
        suffixes(r, steps);
        if (outer) {
            struct step *innermost = outer;
            while (innermost->below)
                innermost = innermost->below;
            innermost->below = *steps;
            *steps = outer;
        }
    }
    gate__lex_leave(r);
}

static const gate_type *make_function(struct gate__reader *r, const gate_type *result, const struct step *step) {
    if (result->kind == GATE_FUNCTION || result->kind == GATE_ARRAY)
        gate__lex_fail(r, &step->token, -EINVAL, "but a function can't return a function or an array");
    if (r->failed)
        return NULL;
    step->signature->result = result;
    return gate__type_function(r, step->signature);
}

static const gate_type *make_pointer(struct gate__reader *r, const gate_type *target, const struct step *step) {
    const gate_type *type = gate__type_pointer(r, target, step->qualifiers);
    type = gate__attribute_of_type(r, type, &step->attributes);
    return gate__attribute_of_declared(r, type, &step->attributes);
}

static const gate_type *apply(struct gate__reader *r, const gate_type *type, const struct step *step) {
    for (; step && type && !r->failed; step = step->below) {
        if (step->kind == GATE_ARRAY)
            type = make_array(r, type, step);
        else if (step->kind == GATE_FUNCTION)
            type = make_function(r, type, step);
        else
            type = make_pointer(r, type, step);
    }
    return r->failed ? NULL : type;
}

/* The qualifiers in the outermost "[...]", which is the last step. */
static unsigned qualifiers_in_brackets(const struct step *step) {
    while (step && step->below)
        step = step->below;
    return step && step->kind == GATE_ARRAY ? step->qualifiers : 0;
}

/* asm("name"): the symbol's name; NULL if there is none. */
static const char *read_label(struct gate__reader *r) {
    enum gate_kind kind = GATE_CHAR;
    size_t length = 0;
    if (!gate__lex_accept(r, GATE__ASM))
        return NULL;
    gate__lex_require(r, '(');
    size_t room = 1;
    struct gate__lexer before = r->lexer;
    for (; r->lexer.token.kind == GATE__STRING; gate__lex_advance(r))
        room += r->lexer.token.length;
    if (room == 1)
        gate__lex_expected(r, "a symbol's name in quotes");
    gate__lex_require(r, ')');
    char *label = gate__scope_allocate(r, room);
    if (!label)
        return NULL;
    struct gate__lexer after = r->lexer;
    for (r->lexer = before; r->lexer.token.kind == GATE__STRING; gate__lex_advance(r))
        gate__literal_string(r, &r->lexer.token, &kind, &length, label);
    if (!r->failed)
        r->lexer = after;
    return label;
}

struct gate__declared gate__declarator_read(struct gate__reader *r, const struct gate__specifiers *specifiers,
                                            enum gate__naming naming) {
    struct gate__declared declared = {.name = r->lexer.token, .attributes = specifiers->attributes};
    struct step *steps = NULL;
    declared.name.length = 0;
    read_steps(r, &steps, &declared, naming);
    gate__attribute_read(r, &declared.attributes);
    declared.label = read_label(r);
    gate__attribute_read(r, &declared.attributes);
    if (!r->failed) {
        declared.type = apply(r, specifiers->type, steps);
        declared.type = gate__attribute_of_type(r, declared.type, &declared.attributes);
        declared.in_brackets = qualifiers_in_brackets(steps);
    }
    return declared;
}

const gate_type *gate__declarator_type_name(struct gate__reader *r) {
    const gate_type *type = NULL;
    if (gate__lex_enter(r)) {
        struct gate__token first = r->lexer.token;
        struct gate__specifiers specifiers = gate__specifier_read(r);
        if (specifiers.storage)
            gate__lex_fail(r, &first, -EINVAL, "but the name of a type has no storage class");
        if (!r->failed) {
            struct gate__declared declared = gate__declarator_read(r, &specifiers, GATE__UNNAMED);
            type = gate__attribute_of_declared(r, declared.type, &declared.attributes);
        }
    }
    gate__lex_leave(r);
    return r->failed ? NULL : type;
}
