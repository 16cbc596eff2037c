/* Specifiers: the words before a declarator, in any order (C11 6.7).
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bridge/internal.h"

/* Words that make up a type: a set of them is a kind. */

#define WORD(name) (1u << (GATE__##name - GATE__VOID))

static const struct {
    unsigned words;
    enum gate_kind kind;
} combinations[] = {
    {WORD(VOID), GATE_VOID},
    {WORD(BOOL), GATE_BOOL},
    {WORD(CHAR), GATE_CHAR},
    {WORD(SIGNED) | WORD(CHAR), GATE_SCHAR},
    {WORD(UNSIGNED) | WORD(CHAR), GATE_UCHAR},
    {WORD(SHORT), GATE_SHORT},
    {WORD(UNSIGNED) | WORD(SHORT), GATE_USHORT},
    {WORD(INT), GATE_INT},
    {WORD(UNSIGNED) | WORD(INT), GATE_UINT},
    {WORD(LONG), GATE_LONG},
    {WORD(UNSIGNED) | WORD(LONG), GATE_ULONG},
    {WORD(LONG) | WORD(LONG_AGAIN), GATE_LLONG},
    {WORD(UNSIGNED) | WORD(LONG) | WORD(LONG_AGAIN), GATE_ULLONG},
    {WORD(INT128), GATE_INT128},
    {WORD(UNSIGNED) | WORD(INT128), GATE_UINT128},
    {WORD(FLOAT16), GATE_FLOAT16},
    {WORD(FLOAT), GATE_FLOAT},
    {WORD(FLOAT32), GATE_FLOAT},
    {WORD(DOUBLE), GATE_DOUBLE},
    {WORD(FLOAT64), GATE_DOUBLE},
    {WORD(LONG) | WORD(DOUBLE), GATE_LDOUBLE},
    {WORD(FLOAT64X), GATE_LDOUBLE},
    {WORD(FLOAT128), GATE_FLOAT128},
    {WORD(COMPLEX), GATE_DOUBLE_COMPLEX}, /* as GNU has it */
    {WORD(FLOAT16) | WORD(COMPLEX), GATE_FLOAT16_COMPLEX},
    {WORD(FLOAT) | WORD(COMPLEX), GATE_FLOAT_COMPLEX},
    {WORD(FLOAT32) | WORD(COMPLEX), GATE_FLOAT_COMPLEX},
    {WORD(DOUBLE) | WORD(COMPLEX), GATE_DOUBLE_COMPLEX},
    {WORD(FLOAT64) | WORD(COMPLEX), GATE_DOUBLE_COMPLEX},
    {WORD(LONG) | WORD(DOUBLE) | WORD(COMPLEX), GATE_LDOUBLE_COMPLEX},
    {WORD(FLOAT64X) | WORD(COMPLEX), GATE_LDOUBLE_COMPLEX},
    {WORD(FLOAT128) | WORD(COMPLEX), GATE_FLOAT128_COMPLEX},
};

static enum gate_kind kind_of_words(unsigned words) {
    /* "signed" and "int" add nothing where another word says as much. */
    if (words & WORD(INT) && words & (WORD(SHORT) | WORD(LONG)))
        words &= ~WORD(INT);
    if (words & WORD(SIGNED) && !(words & (WORD(CHAR) | WORD(UNSIGNED))))
        words &= ~WORD(SIGNED);
    if (words == 0 || words == WORD(UNSIGNED))
        words |= WORD(INT);
    for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++) {
        if (combinations[i].words == words)
            return combinations[i].kind;
    }
    return GATE_KINDS;
}

static unsigned qualifier_of(int word) {
    return word == GATE__CONST      ? GATE_CONST
           : word == GATE__VOLATILE ? GATE_VOLATILE
           : word == GATE__RESTRICT ? GATE_RESTRICT
           : word == GATE__ATOMIC   ? GATE_ATOMIC
                                    : 0;
}

unsigned gate__specifier_qualifiers(struct gate__reader *r) {
    unsigned qualifiers = 0, qualifier;
    for (; (qualifier = qualifier_of(r->lexer.token.word)) != 0; gate__lex_advance(r))
        qualifiers |= qualifier;
    return qualifiers;
}

/* Names of types */

static const char *const va_list_names[] = {"__builtin_va_list", "__builtin_sysv_va_list", "__builtin_ms_va_list"};
static const char va_list_text[] = "typedef struct __va_list_tag { unsigned gp_offset, fp_offset;"
                                   "void *overflow_arg_area, *reg_save_area; }"
                                   "__builtin_va_list[1], __builtin_sysv_va_list[1];"
                                   "typedef char *__builtin_ms_va_list;";

static bool is_va_list(const struct gate__token *token) {
    for (size_t i = 0; i < sizeof va_list_names / sizeof *va_list_names; i++) {
        if (gate__lex_is(token->at, token->length, va_list_names[i]))
            return true;
    }
    return false;
}

/* Declares the compiler's own types when a text first needs one. */
static void declare_va_list(struct gate__reader *r) {
    struct gate__lexer before = r->lexer;
    gate__lex_begin(r, va_list_text);
    gate__decl_read(r);
    if (!r->failed)
        r->lexer = before;
}

static bool names_type(const struct gate__reader *r) {
    const struct gate__token *token = &r->lexer.token;
    const struct gate_decls_value *given = r->lexer.given;
    if (given)
        return given->type;
    if (!gate__lex_sees_name(r) || gate__declarator_parameter(r, token))
        return false;
    const struct gate__entry *entry = gate__scope_find(r->decls, GATE__ORDINARY, token->at, token->length);
    if (entry)
        return entry->decl.kind == GATE_DECL_TYPEDEF;
    return is_va_list(token) || gate__scope_known(token->at, token->length);
}

/* The type of a name that names one. */
static const gate_type *named_type(struct gate__reader *r) {
    struct gate__token token = r->lexer.token;
    if (r->lexer.given) {
        const gate_type *type = r->lexer.given->type;
        gate__lex_advance(r);
        return type;
    }
    struct gate__entry *entry = gate__scope_find(r->decls, GATE__ORDINARY, token.at, token.length);
    if (!entry && is_va_list(&token)) {
        declare_va_list(r);
        entry = gate__scope_find(r->decls, GATE__ORDINARY, token.at, token.length);
    }
    gate__lex_advance(r);
    return r->failed ? NULL : entry ? entry->decl.type : gate__scope_known(token.at, token.length);
}

bool gate__specifier_begins(const struct gate__reader *r) {
    int word = r->lexer.token.word;
    return (word >= GATE__VOID && word <= GATE__ATTRIBUTE) || names_type(r);
}

/* All together */

/* What has been read: either words, or one type. */
struct seen {
    unsigned words, qualifiers;
    const gate_type *type;
};

static void add_word(struct gate__reader *r, struct seen *seen) {
    int word = r->lexer.token.word;
    unsigned bit = 1u << (word - GATE__VOID);
    if (word == GATE__LONG && seen->words & bit)
        bit = WORD(LONG_AGAIN);
    if (seen->type)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "but there is a type already");
    else if (seen->words & bit)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "which has been said before");
    seen->words |= bit;
    gate__lex_advance(r);
}

static void add_storage(struct gate__reader *r, struct gate__specifiers *s) {
    int word = r->lexer.token.word;
    bool joins = (word == GATE__THREAD) != (s->storage == GATE__THREAD);
    if (s->storage && !joins && word != GATE__INLINE && word != GATE__NORETURN)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "but there is a storage class already");
    if (word != GATE__INLINE && word != GATE__NORETURN && (word != GATE__THREAD || !s->storage))
        s->storage = word;
    gate__lex_advance(r);
}

/* _Atomic, which is a qualifier unless "(" and a type follow. */
static void add_atomic(struct gate__reader *r, struct seen *seen) {
    gate__lex_advance(r);
    seen->qualifiers |= GATE_ATOMIC;
    if (!gate__lex_sees(r, '('))
        return;
    gate__lex_advance(r);
    seen->type = gate__declarator_type_name(r);
    gate__lex_require(r, ')');
}

/* _Float32 and its kin are no keywords to compilers that lack them: their headers make typedefs of these. */
static bool is_float_name(const struct gate__reader *r, const struct seen *seen) {
    int word = r->lexer.token.word;
    return word >= GATE__FLOAT16 && word <= GATE__FLOAT128 && (seen->type || seen->words & ~WORD(COMPLEX));
}

/* <complex.h> has complex as a macro, which texts that were written by hand use: where no name can stand. */
static bool is_complex_macro(const struct gate__reader *r, const struct seen *seen) {
    const struct gate__token *token = &r->lexer.token;
    if (!gate__lex_sees_name(r) || !gate__lex_is(token->at, token->length, "complex"))
        return false;
    struct gate__reader ahead = *r;
    ahead.error = NULL;
    gate__lex_advance(&ahead);
    int word = ahead.lexer.token.word;
    if (!seen->type && !seen->words)
        return word == GATE__FLOAT || word == GATE__DOUBLE || word == GATE__LONG;
    return seen->words & (WORD(FLOAT) | WORD(DOUBLE)) &&
           (gate__lex_sees_name(&ahead) || word == '*' || ahead.lexer.token.kind == GATE__END);
}

/* Reads one specifier; false when there is none. */
static bool read_one(struct gate__reader *r, struct gate__specifiers *s, struct seen *seen) {
    if (is_float_name(r, seen))
        r->lexer.token.word = 0;
    if (is_complex_macro(r, seen))
        r->lexer.token.word = GATE__COMPLEX;
    int word = r->lexer.token.word;
    bool has_type = seen->type || seen->words;
    if (word >= GATE__VOID && word <= GATE__FLOAT128) {
        add_word(r, seen);
    } else if (word == GATE__ATOMIC) {
        add_atomic(r, seen);
    } else if (qualifier_of(word)) {
        seen->qualifiers |= gate__specifier_qualifiers(r);
    } else if (word >= GATE__TYPEDEF && word <= GATE__NORETURN) {
        add_storage(r, s);
    } else if (word == GATE__ATTRIBUTE) {
        gate__attribute_read(r, &s->attributes);
    } else if (word == GATE__EXTENSION) {
        gate__lex_advance(r);
    } else if (gate__lex_accept(r, GATE__ALIGNAS)) {
        gate__attribute_alignas(r, &s->attributes);
    } else if (!has_type && word >= GATE__STRUCT && word <= GATE__ENUM) {
        seen->type = gate__record_read(r, s);
    } else if (!has_type && gate__lex_accept(r, GATE__TYPEOF)) {
        seen->type = gate__constant_type_of(r);
    } else if (!has_type && names_type(r)) {
        s->is_given = r->lexer.given;
        seen->type = named_type(r);
    } else {
        return false;
    }
    return !r->failed;
}

static void reject_unknown(struct gate__reader *r) {
    if (gate__lex_sees(r, GATE__UNSUPPORTED))
        gate__lex_fail(r, &r->lexer.token, -ENOTSUP, "which is not supported");
    else if (gate__lex_sees_name(r))
        gate__lex_fail(r, &r->lexer.token, -EINVAL, r->unknown_type);
    else
        gate__lex_expected(r, "a type");
}

static void refuse_words(struct gate__reader *r, const struct gate__token *first, unsigned words) {
    enum gate_kind part = kind_of_words(words & ~WORD(COMPLEX));
    if (words & ~WORD(COMPLEX) && part >= GATE_CHAR && part <= GATE_UINT128)
        gate__lex_fail(r, first, -ENOTSUP, "which begins a complex type of integers, and these are not supported");
    else
        gate__lex_fail(r, first, -EINVAL, "which begins a combination of words that is no type");
}

struct gate__specifiers gate__specifier_read(struct gate__reader *r) {
    struct gate__token first = r->lexer.token;
    struct gate__specifiers s = {0};
    struct seen seen = {0};
    while (read_one(r, &s, &seen))
        ;
    if (!r->failed && !seen.type && !seen.words)
        reject_unknown(r);
    if (r->failed)
        return s;
    if (!seen.type)
        seen.type = gate__type_basic(kind_of_words(seen.words));
    if (!seen.type)
        refuse_words(r, &first, seen.words);
    s.type = gate__type_qualified(r, seen.type, seen.qualifiers);
    return s;
}
