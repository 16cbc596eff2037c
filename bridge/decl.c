/* Declarations (C11 6.7, 6.9).
 *
 *   declaration = specifiers [declarator [asm] [attributes] ["=" initializer] {"," ...}] ";"
 *
 * Bodies of functions are skipped, and so are initializers, but for what they tell of constants and of counts.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>

#include "bridge/internal.h"

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

/* Reads what initializes a constant. False, and nothing was read, if it is one that can't be evaluated. */
static bool read_constant(struct gate__reader *r, const gate_type *type, uint64_t *bits) {
    struct gate__reader before = *r;
    gate_error error, *outer = r->error;
    struct gate__token first = r->lexer.token;
    r->error = &error;
    struct gate__value value = gate__constant_read(r);
    if (!r->failed)
        value = gate__value_convert(r, value, type, &first);
    bool is_none = r->failed ? r->failed == -ENOTSUP : !value.is_known;
    if (is_none) {
        *r = before;
        return false;
    }
    r->error = outer;
    if (r->failed && outer)
        *outer = error;
    else if (!gate__lex_sees(r, ',') && !gate__lex_sees(r, ';'))
        gate__lex_expected(r, "',' or ';'");
    *bits = (uint64_t)value.bits;
    return !r->failed;
}

static bool is_constant(const struct gate__specifiers *specifiers, const gate_type *type) {
    return specifiers->storage == GATE__STATIC && type->qualifiers & GATE_CONST && gate__type_is_integer(type) &&
           type->size <= sizeof(uint64_t);
}

/* What follows a variable's "=": it may make a constant of it, or complete its type. */
static void read_initializer(struct gate__reader *r, const struct gate__specifiers *specifiers, gate_decl *decl) {
    if (is_constant(specifiers, decl->type) && !gate__lex_sees(r, '{') && read_constant(r, decl->type, &decl->value))
        decl->kind = GATE_DECL_CONSTANT;
    else if (!r->failed)
        decl->type = gate__initializer_complete(r, decl->type);
}

static void declare_variable(struct gate__reader *r, const struct gate__specifiers *specifiers,
                             const struct gate__declared *declared, gate_decl *decl) {
    if (decl->type->kind == GATE_VOID && specifiers->storage != GATE__EXTERN)
        gate__lex_fail(r, &declared->name, -EINVAL, "but a variable can't be void");
    else if (gate__lex_accept(r, '=') && !r->failed)
        read_initializer(r, specifiers, decl);
}

static void declare(struct gate__reader *r, const struct gate__specifiers *specifiers,
                    const struct gate__declared *declared) {
    gate_decl decl = {.kind = GATE_DECL_VARIABLE, .type = declared->type, .label = declared->label};
    bool is_typedef = specifiers->storage == GATE__TYPEDEF;
    if (is_typedef) {
        decl.kind = GATE_DECL_TYPEDEF;
        decl.type = gate__attribute_of_declared(r, decl.type, &declared->attributes);
    } else if (decl.type->kind == GATE_FUNCTION) {
        decl.kind = GATE_DECL_FUNCTION;
    } else {
        declare_variable(r, specifiers, declared, &decl);
    }
    struct gate__entry *entry = gate__scope_declare(r, &declared->name, decl, decl.kind == GATE_DECL_CONSTANT);
    if (entry && is_typedef)
        gate__type_name(r, decl.type, entry->decl.name);
    else if (entry && declared->attributes.largest > entry->alignment && gate__scope_save_entry(r, entry))
        entry->alignment = declared->attributes.largest;
}

/* What declares the parameters of a definition as before C89. */
static void skip_declarations(struct gate__reader *r) {
    while (!r->failed && gate__specifier_begins(r)) {
        struct gate__specifiers specifiers = gate__specifier_read(r);
        do {
            if (!r->failed)
                gate__declarator_read(r, &specifiers, GATE__NAMED);
        } while (gate__lex_accept(r, ','));
        gate__lex_require(r, ';');
    }
}

/* Declares a function by its definition, and skips its body; false, and nothing has happened, if there is none. One as
 * before C89 is no news where the function is declared already: its parameters are, too (C11 6.7.6.3p15). */
static bool accept_definition(struct gate__reader *r, const struct gate__specifiers *specifiers,
                              const struct gate__declared *declared) {
    if (declared->type->kind != GATE_FUNCTION || specifiers->storage == GATE__TYPEDEF)
        return false;
    bool is_old = declared->type->function->unspecified && gate__specifier_begins(r);
    if (!is_old && !gate__lex_sees(r, '{'))
        return false;
    const struct gate__entry *entry =
        gate__scope_find(r->decls, GATE__ORDINARY, declared->name.at, declared->name.length);
    if (is_old)
        skip_declarations(r);
    if (!is_old || !entry || entry->decl.kind != GATE_DECL_FUNCTION)
        declare(r, specifiers, declared);
    gate__lex_require(r, '{');
    gate__lex_skip_nested(r, '{', '}');
    return true;
}

/* Declarators, up to and with ";", or the body of a function. */
static void declare_all(struct gate__reader *r, struct gate__specifiers *specifiers) {
    struct gate__declared declared = gate__declarator_read(r, specifiers, GATE__NAMED);
    if (!declared.type || accept_definition(r, specifiers, &declared))
        return;
    declare(r, specifiers, &declared);
    while (!r->failed && gate__lex_accept(r, ',')) {
        struct gate__attributes before = specifiers->attributes;
        gate__attribute_read(r, &specifiers->attributes);
        declared = gate__declarator_read(r, specifiers, GATE__NAMED);
        specifiers->attributes = before;
        if (!r->failed)
            declare(r, specifiers, &declared);
    }
    if (!gate__lex_accept(r, ';'))
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

/* The type of a function, alone in its text */

const gate_type *gate__decl_function(struct gate__reader *r) {
    r->unknown_type = "no type of that name is known; a pointer to it can be a struct's, or void *";
    while (gate__lex_accept(r, GATE__EXTERN) || gate__lex_accept(r, GATE__EXTENSION))
        ;
    struct gate__token first = r->lexer.token;
    struct gate__specifiers specifiers = gate__specifier_read(r);
    const gate_type *type = r->failed ? NULL : gate__declarator_read(r, &specifiers, GATE__MAY_BE_NAMED).type;
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
