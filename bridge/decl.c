/* Declarators and declarations: a recursive-descent parser of C (C11 6.7.6, 6.9).
 *
 *   declaration  = specifiers [declarator [asm] [attributes] ["=" initializer] {"," ...}] ";"
 *   declarator   = {"*" qualifiers} (name | "(" declarator ")" | nothing) {"(" parameters ")" | "[" count "]"}
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
    enum gate_kind kind;      /* GATE_POINTER, GATE_ARRAY or GATE_FUNCTION */
    struct gate__token token; /* to complain about */
    unsigned qualifiers;
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
static const gate_type *adjusted(struct gate__reader *r, const gate_type *type) {
    if (type->kind == GATE_ARRAY)
        return gate__type_pointer(r, type->target, 0);
    if (type->kind == GATE_FUNCTION)
        return gate__type_pointer(r, type, 0);
    if (type->kind == GATE_UNION && type->record->transparent)
        return type->fields[0].type;
    return type;
}

static const gate_type *parameter(struct gate__reader *r) {
    struct gate__token first = r->lexer.token;
    struct gate__specifiers specifiers = gate__specifier_read(r);
    if (specifiers.storage && specifiers.storage != GATE__REGISTER)
        gate__lex_fail(r, &first, -EINVAL, "but a parameter has no storage class");
    if (r->failed)
        return NULL;
    const gate_type *type = gate__decl_declarator(r, &specifiers, GATE__MAY_BE_NAMED).type;
    if (type && type->kind == GATE_VOID)
        gate__lex_fail(r, &first, -EINVAL, "but a parameter can't be void");
    return !type || r->failed ? NULL : adjusted(r, type);
}

/* A lone "void" before ")" is no parameter. */
static bool accept_void(struct gate__reader *r) {
    struct gate__lexer before = r->lexer;
    if (gate__lex_accept(r, GATE__VOID) && gate__lex_sees(r, ')'))
        return true;
    if (!r->failed)
        r->lexer = before;
    return false;
}

static void read_parameters(struct gate__reader *r, gate_signature *signature) {
    const gate_type *types[GATE__PARAMETERS_MAX];
    signature->unspecified = gate__lex_sees(r, ')');
    if (signature->unspecified || accept_void(r))
        return;
    do {
        if (signature->count && gate__lex_accept(r, GATE__ELLIPSIS)) {
            signature->variadic = true;
            break;
        }
        if (signature->count == GATE__PARAMETERS_MAX)
            gate__lex_fail(r, &r->lexer.token, -EINVAL, "one parameter too many: 127 is the most");
        const gate_type *type = parameter(r);
        if (!type)
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
    if (!signature)
        return;
    r->in_parameters = true;
    if (gate__lex_enter(r))
        read_parameters(r, signature);
    gate__lex_leave(r);
    r->in_parameters = outer;
    gate__lex_require(r, ')');
    step->token = r->lexer.token;
    step->signature = signature;
}

/* Arrays */

/* Whether a name is no member or tag, nothing that is declared, and no type: then it is another parameter's. */
static bool is_parameter(const struct gate__reader *r, int before) {
    const struct gate__token *token = &r->lexer.token;
    bool is_other = before == '.' || before == GATE__ARROW || (before >= GATE__STRUCT && before <= GATE__ENUM);
    return gate__lex_sees_name(r) && !is_other && !gate__specifier_begins(r) &&
           !gate__scope_find(r->decls, GATE__ORDINARY, token->at, token->length);
}

/* Whether a parameter is named before the "]" that ends a count. */
static bool names_parameter(const struct gate__reader *r) {
    struct gate__reader ahead = *r;
    ahead.error = NULL;
    int before = '[';
    for (size_t level = 1; level && ahead.lexer.token.kind != GATE__END; gate__lex_advance(&ahead)) {
        if (is_parameter(&ahead, before))
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
    if (r->failed)
        return 0;
    r->lexer = before;
    if (!r->in_parameters || !names_parameter(r))
        return read_constant_count(r);
    gate__lex_skip_to(r, ']', ']');
    return GATE_COUNT_VARIABLE;
}

/* An array, whose "[" has been read. */
static void array(struct gate__reader *r, struct step **steps) {
    struct step *step = push(r, steps, GATE_ARRAY);
    while (gate__lex_accept(r, GATE__STATIC) || gate__specifier_qualifiers(r))
        ;
    size_t count = r->failed ? 0 : read_count(r);
    gate__lex_require(r, ']');
    if (step)
        step->count = count;
}

static const gate_type *make_array(struct gate__reader *r, const gate_type *element, const struct step *step) {
    bool has_size = step->count < GATE_COUNT_VARIABLE;
    const char *wrong = NULL;
    if (element->kind == GATE_VOID || element->kind == GATE_FUNCTION)
        wrong = "but there are no arrays of void or of functions";
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

static const gate_type *apply(struct gate__reader *r, const gate_type *type, const struct step *step) {
    for (; step && type && !r->failed; step = step->below) {
        if (step->kind == GATE_ARRAY)
            type = make_array(r, type, step);
        else if (step->kind == GATE_FUNCTION)
            type = make_function(r, type, step);
        else
            type = gate__attribute_of_declared(r, gate__type_pointer(r, type, step->qualifiers), &step->attributes);
    }
    return r->failed ? NULL : type;
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
        gate__value_string(r, &r->lexer.token, &kind, &length, label);
    if (!r->failed)
        r->lexer = after;
    return label;
}

struct gate__declared gate__decl_declarator(struct gate__reader *r, const struct gate__specifiers *specifiers,
                                            enum gate__naming naming) {
    struct gate__declared declared = {.name = r->lexer.token, .attributes = specifiers->attributes};
    struct step *steps = NULL;
    declared.name.length = 0;
    read_steps(r, &steps, &declared, naming);
    gate__attribute_read(r, &declared.attributes);
    declared.label = read_label(r);
    gate__attribute_read(r, &declared.attributes);
    if (!r->failed) {
        const gate_type *base = gate__attribute_of_base(r, specifiers->type, &declared.attributes);
        declared.type = apply(r, base, steps);
    }
    return declared;
}

const gate_type *gate__decl_type_name(struct gate__reader *r) {
    const gate_type *type = NULL;
    if (gate__lex_enter(r)) {
        struct gate__token first = r->lexer.token;
        struct gate__specifiers specifiers = gate__specifier_read(r);
        if (specifiers.storage)
            gate__lex_fail(r, &first, -EINVAL, "but the name of a type has no storage class");
        if (!r->failed) {
            struct gate__declared declared = gate__decl_declarator(r, &specifiers, GATE__UNNAMED);
            type = gate__attribute_of_declared(r, declared.type, &declared.attributes);
        }
    }
    gate__lex_leave(r);
    return r->failed ? NULL : type;
}

const gate_type *gate__decl_function(struct gate__reader *r) {
    r->unknown_type = "no type of that name is known; a pointer to it can be a struct's, or void *";
    while (gate__lex_accept(r, GATE__EXTERN) || gate__lex_accept(r, GATE__EXTENSION))
        ;
    struct gate__token first = r->lexer.token;
    struct gate__specifiers specifiers = gate__specifier_read(r);
    const gate_type *type = r->failed ? NULL : gate__decl_declarator(r, &specifiers, GATE__MAY_BE_NAMED).type;
    gate__lex_accept(r, ';');
    if (!type)
        return NULL;
    bool to_function = type->kind == GATE_POINTER && type->target->kind == GATE_FUNCTION;
    if (to_function || type->kind == GATE_ARRAY)
        gate__lex_fail(r, &first, -EINVAL,
                       "which begins a type that is no function's; expected one as in 'int (char *)'");
    else if (type->kind != GATE_FUNCTION)
        gate__lex_expected(r, "'(' and parameters");
    else if (r->lexer.token.kind != GATE__END)
        gate__lex_expected(r, "the end");
    return r->failed ? NULL : type;
}

/* Declarations */

void gate__decl_assertion(struct gate__reader *r) {
    gate__lex_require(r, '(');
    struct gate__token token = r->lexer.token;
    struct gate__value value = gate__constant_integer(r);
    struct gate__token message = r->lexer.token;
    if (gate__lex_accept(r, ',')) {
        message = r->lexer.token;
        if (message.kind != GATE__STRING)
            gate__lex_expected(r, "a message in quotes");
        while (r->lexer.token.kind == GATE__STRING)
            gate__lex_advance(r);
    }
    gate__lex_require(r, ')');
    gate__lex_require(r, ';');
    if (!r->failed && !gate__value_is_true(&value))
        gate__lex_fail(r, message.kind == GATE__STRING ? &message : &token, -EINVAL, "an assertion that does not hold");
}

/* The value of a constant's initializer; false if it is not one. What it is not, is skipped. */
static bool read_initializer(struct gate__reader *r, const gate_type *type, bool is_constant, uint64_t *bits) {
    struct gate__token first = r->lexer.token;
    bool is_known = false;
    if (is_constant && !gate__lex_sees(r, '{')) {
        struct gate__value value = gate__constant_read(r);
        if (!r->failed)
            value = gate__value_convert(r, value, type, &first);
        is_known = value.is_known && !value.is_place;
        *bits = (uint64_t)value.bits;
        if (!r->failed && is_known && !gate__lex_sees(r, ',') && !gate__lex_sees(r, ';'))
            gate__lex_expected(r, "',' or ';'");
    }
    gate__lex_skip_to(r, ',', ';');
    return is_known;
}

static bool is_constant(const struct gate__specifiers *specifiers, const gate_type *type) {
    return specifiers->storage == GATE__STATIC && type->qualifiers & GATE_CONST && gate__type_is_integer(type) &&
           type->size <= sizeof(uint64_t);
}

static void declare(struct gate__reader *r, const struct gate__specifiers *specifiers,
                    const struct gate__declared *declared, bool *has_body) {
    gate_decl decl = {.kind = GATE_DECL_VARIABLE, .type = declared->type, .label = declared->label};
    bool is_typedef = specifiers->storage == GATE__TYPEDEF, defined = false;
    if (is_typedef)
        decl.type = gate__attribute_of_declared(r, decl.type, &declared->attributes);
    if (r->failed)
        return;
    if (is_typedef) {
        decl.kind = GATE_DECL_TYPEDEF;
    } else if (decl.type->kind == GATE_FUNCTION) {
        decl.kind = GATE_DECL_FUNCTION;
        *has_body = *has_body && gate__lex_accept(r, '{');
        if (*has_body)
            gate__lex_skip_nested(r, '{', '}');
    } else if (decl.type->kind == GATE_VOID && specifiers->storage != GATE__EXTERN) {
        gate__lex_fail(r, &declared->name, -EINVAL, "but a variable can't be void");
    } else if (gate__lex_accept(r, '=')) {
        defined = read_initializer(r, decl.type, is_constant(specifiers, decl.type), &decl.value);
        decl.kind = defined ? GATE_DECL_CONSTANT : GATE_DECL_VARIABLE;
    }
    struct gate__entry *entry = gate__scope_declare(r, &declared->name, decl, defined);
    if (entry && is_typedef)
        gate__type_name(r, decl.type, entry->decl.name);
}

/* Declarators, up to and with ";", or the body of a function. */
static void declare_all(struct gate__reader *r, struct gate__specifiers *specifiers) {
    bool is_first = true, has_body;
    do {
        struct gate__attributes before = specifiers->attributes;
        if (!is_first)
            gate__attribute_read(r, &specifiers->attributes);
        struct gate__declared declared = gate__decl_declarator(r, specifiers, GATE__NAMED);
        specifiers->attributes = before;
        has_body = is_first;
        if (!declared.type)
            return;
        has_body = has_body && declared.type->kind == GATE_FUNCTION && specifiers->storage != GATE__TYPEDEF;
        declare(r, specifiers, &declared, &has_body);
        is_first = false;
    } while (!has_body && gate__lex_accept(r, ','));
    if (!has_body && !gate__lex_accept(r, ';'))
        gate__lex_expected(r, "',' or ';'");
}

static void declaration(struct gate__reader *r) {
    if (gate__lex_accept(r, ';'))
        return;
    if (gate__lex_accept(r, GATE__STATIC_ASSERT)) {
        gate__decl_assertion(r);
        return;
    }
    if (gate__lex_sees(r, GATE__ASM)) {
        gate__lex_skip_to(r, ';', ';');
        gate__lex_require(r, ';');
        return;
    }
    struct gate__specifiers specifiers = gate__specifier_read(r);
    if (r->failed)
        return;
    if (!gate__lex_sees(r, ';'))
        declare_all(r, &specifiers);
    else if (specifiers.defines)
        gate__lex_advance(r);
    else
        gate__lex_expected(r, "a name, '*' or '('");
}

void gate__decl_read(struct gate__reader *r) {
    while (r->lexer.token.kind != GATE__END)
        declaration(r);
}
