/* Reads the type of a C function from text: a recursive-descent parser of C's declarators (C11 6.7.6).
 *
 *   declaration  = ["extern"] specifiers declarator [";"]
 *   declarator   = {"*" qualifiers} (name | "(" declarator ")" | nothing) {"(" parameters ")" | "[" count "]"}
 *
 * A declarator is read from the outside in, but means its type from the inside out. A nested one is
 * therefore skipped first, and read again once what stands behind its parenthesis is known.
 *
 * Its depth is bounded, and it runs on the system stack: a task's may be small.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <time.h>
#include <wchar.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

enum { DEPTH_MAX = 64 };

enum token_kind { END, NAME, NUMBER, OTHER };

struct token {
    enum token_kind kind;
    const char *at;
    size_t length;
};

struct parser {
    const char *text;
    struct token token; /* the next one */
    gate_signature *owner;
    gate_error *error;
    int failed; /* 0, or the code of the first error */
    unsigned depth;
};

/* Errors: the first one counts, and makes every later step do nothing. */

static void fail_at(struct parser *p, const struct token *token, int code, const char *what) {
    char found[28];
    if (p->failed)
        return;
    if (token->kind == END)
        snprintf(found, sizeof found, "the end");
    else
        snprintf(found, sizeof found, "'%.*s'", token->length > 24 ? 24 : (int)token->length, token->at);
    p->failed = gate__fail(p->error, code, "at offset %zu: found %s, %s", (size_t)(token->at - p->text), found, what);
}

static void expected(struct parser *p, const char *what) {
    char message[96];
    snprintf(message, sizeof message, "expected %s", what);
    fail_at(p, &p->token, -EINVAL, message);
}

static void *allocate(struct parser *p, size_t size) {
    void *got = p->failed ? NULL : gate__type_allocate(p->owner, size);
    if (!got && !p->failed)
        p->failed = gate__fail(p->error, -ENOMEM, "no memory for a signature");
    return got;
}

/* Tokens */

static bool is_name_part(char c) {
    return isalnum((unsigned char)c) || c == '_';
}

static void read_token(struct parser *p, const char *at) {
    while (*at && strchr(" \t\n\r\v\f", *at))
        at++;
    p->token = (struct token){OTHER, at, 1};
    if (!*at)
        p->token = (struct token){END, at, 0};
    else if (is_name_part(*at)) {
        p->token.kind = isdigit((unsigned char)*at) ? NUMBER : NAME;
        while (is_name_part(at[p->token.length]))
            p->token.length++;
    } else if (strncmp(at, "...", 3) == 0)
        p->token.length = 3;
}

static void advance(struct parser *p) {
    read_token(p, p->token.at + p->token.length);
}

static bool token_is(const struct token *token, const char *text) {
    return token->length == strlen(text) && memcmp(token->at, text, token->length) == 0;
}

static bool sees(const struct parser *p, const char *text) {
    return token_is(&p->token, text);
}

static bool accept(struct parser *p, const char *text) {
    bool seen = !p->failed && sees(p, text);
    if (seen)
        advance(p);
    return seen;
}

static void require(struct parser *p, const char *text) {
    char what[16];
    snprintf(what, sizeof what, "'%s'", text);
    if (!accept(p, text))
        expected(p, what);
}

/* Names of types: what each stands for is the compiler's word, not ours. */

/* clang-format off */
#define KIND_OF(type)                        \
    _Generic((type)0,                        \
        char: GATE_CHAR,                     \
        signed char: GATE_SCHAR,             \
        unsigned char: GATE_UCHAR,           \
        short: GATE_SHORT,                   \
        unsigned short: GATE_USHORT,         \
        int: GATE_INT,                       \
        unsigned: GATE_UINT,                 \
        long: GATE_LONG,                     \
        unsigned long: GATE_ULONG,           \
        long long: GATE_LLONG,               \
        unsigned long long: GATE_ULLONG,     \
        float: GATE_FLOAT,                   \
        double: GATE_DOUBLE)
#define NAMED(type) {#type, KIND_OF(type)}
/* clang-format on */

static const struct {
    const char *name;
    enum gate_kind kind;
} type_names[] = {
    NAMED(size_t),        NAMED(ssize_t),       NAMED(ptrdiff_t),      NAMED(wchar_t),        NAMED(wint_t),
    NAMED(intptr_t),      NAMED(uintptr_t),     NAMED(intmax_t),       NAMED(uintmax_t),      NAMED(int8_t),
    NAMED(int16_t),       NAMED(int32_t),       NAMED(int64_t),        NAMED(uint8_t),        NAMED(uint16_t),
    NAMED(uint32_t),      NAMED(uint64_t),      NAMED(int_least8_t),   NAMED(int_least16_t),  NAMED(int_least32_t),
    NAMED(int_least64_t), NAMED(uint_least8_t), NAMED(uint_least16_t), NAMED(uint_least32_t), NAMED(uint_least64_t),
    NAMED(int_fast8_t),   NAMED(int_fast16_t),  NAMED(int_fast32_t),   NAMED(int_fast64_t),   NAMED(uint_fast8_t),
    NAMED(uint_fast16_t), NAMED(uint_fast32_t), NAMED(uint_fast64_t),  NAMED(off_t),          NAMED(pid_t),
    NAMED(uid_t),         NAMED(gid_t),         NAMED(id_t),           NAMED(mode_t),         NAMED(dev_t),
    NAMED(ino_t),         NAMED(nlink_t),       NAMED(blksize_t),      NAMED(blkcnt_t),       NAMED(time_t),
    NAMED(clock_t),       NAMED(suseconds_t),   NAMED(useconds_t),     NAMED(clockid_t),      NAMED(key_t),
};

static enum gate_kind kind_of_name(const struct token *token) {
    for (size_t i = 0; i < sizeof type_names / sizeof *type_names; i++) {
        if (token_is(token, type_names[i].name))
            return type_names[i].kind;
    }
    return GATE_KINDS;
}

/* Specifiers: the words before a declarator, in any order (C11 6.7.2p2). Each is a digit of a number in
 * which every valid combination has its own value. */

enum word {
    VOID = 1,
    CHAR = 1 << 2,
    SHORT = 1 << 4,
    INT = 1 << 6,
    LONG = 1 << 8, /* twice is 2 << 8 */
    FLOAT = 1 << 10,
    DOUBLE = 1 << 12,
    SIGNED = 1 << 14,
    UNSIGNED = 1 << 16,
    BOOL = 1 << 18,
    COMPLEX = 1 << 20,
    WORD_MASK = 3 /* of each digit */
};

static const struct {
    const char *name;
    enum word word;
} words[] = {
    {"void", VOID},         {"char", CHAR},     {"short", SHORT},      {"int", INT},           {"long", LONG},
    {"float", FLOAT},       {"double", DOUBLE}, {"signed", SIGNED},    {"__signed__", SIGNED}, {"bool", BOOL},
    {"unsigned", UNSIGNED}, {"_Bool", BOOL},    {"_Complex", COMPLEX}, {"__signed", SIGNED},   {"__complex__", COMPLEX},
};

static const struct {
    unsigned words;
    enum gate_kind kind;
} combinations[] = {
    {VOID, GATE_VOID},
    {BOOL, GATE_BOOL},
    {CHAR, GATE_CHAR},
    {SIGNED + CHAR, GATE_SCHAR},
    {UNSIGNED + CHAR, GATE_UCHAR},
    {SHORT, GATE_SHORT},
    {UNSIGNED + SHORT, GATE_USHORT},
    {INT, GATE_INT},
    {UNSIGNED + INT, GATE_UINT},
    {LONG, GATE_LONG},
    {UNSIGNED + LONG, GATE_ULONG},
    {LONG + LONG, GATE_LLONG},
    {UNSIGNED + LONG + LONG, GATE_ULLONG},
    {FLOAT, GATE_FLOAT},
    {DOUBLE, GATE_DOUBLE},
    {LONG + DOUBLE, GATE_LDOUBLE},
    {FLOAT + COMPLEX, GATE_FLOAT_COMPLEX},
    {DOUBLE + COMPLEX, GATE_DOUBLE_COMPLEX},
    {LONG + DOUBLE + COMPLEX, GATE_LDOUBLE_COMPLEX},
};

static enum word word_of(const struct token *token) {
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (token_is(token, words[i].name))
            return words[i].word;
    }
    return 0;
}

static unsigned qualifier_of(const struct token *token) {
    static const struct {
        const char *name;
        unsigned qualifier;
    } names[] = {
        {"const", GATE_CONST},     {"volatile", GATE_VOLATILE},     {"restrict", GATE_RESTRICT},
        {"__const", GATE_CONST},   {"__volatile__", GATE_VOLATILE}, {"__restrict", GATE_RESTRICT},
        {"__const__", GATE_CONST}, {"__restrict__", GATE_RESTRICT},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (token_is(token, names[i].name))
            return names[i].qualifier;
    }
    return 0;
}

static enum gate_kind tag_kind_of(const struct token *token) {
    return token_is(token, "struct")  ? GATE_STRUCT
           : token_is(token, "union") ? GATE_UNION
           : token_is(token, "enum")  ? GATE_ENUM
                                      : GATE_KINDS;
}

static bool begins_type(const struct token *token) {
    return word_of(token) || qualifier_of(token) || tag_kind_of(token) != GATE_KINDS ||
           kind_of_name(token) != GATE_KINDS;
}

static enum gate_kind kind_of_words(unsigned seen) {
    /* "signed" and "int" add nothing where another word says as much. */
    if (seen & (INT * WORD_MASK) && seen & ((SHORT | LONG) * WORD_MASK))
        seen -= INT;
    if (seen & (SIGNED * WORD_MASK) && !(seen & (CHAR * WORD_MASK)))
        seen -= SIGNED;
    if (seen == 0 || seen == UNSIGNED)
        seen += INT;
    for (size_t i = 0; i < sizeof combinations / sizeof *combinations; i++) {
        if (combinations[i].words == seen)
            return combinations[i].kind;
    }
    return GATE_KINDS;
}

/* What the specifiers name, without their qualifiers. */
struct specified {
    enum gate_kind kind;
    unsigned qualifiers;
    const char *tag;
};

static const char *copy_tag(struct parser *p) {
    if (p->token.kind != NAME || begins_type(&p->token)) {
        expected(p, "a tag");
        return NULL;
    }
    char *tag = allocate(p, p->token.length + 1);
    if (tag) {
        memcpy(tag, p->token.at, p->token.length);
        advance(p);
    }
    return tag;
}

static void reject_unknown(struct parser *p) {
    char message[96];
    if (p->token.kind != NAME) {
        expected(p, "a type");
        return;
    }
    snprintf(message, sizeof message, "no type of that name is known; a pointer to it can be a struct's, or void *");
    fail_at(p, &p->token, -EINVAL, message);
}

/* Reads one specifier into s and seen; false when there is none. */
static bool specifier(struct parser *p, struct specified *s, unsigned *seen) {
    struct token token = p->token;
    bool complete = s->kind != GATE_KINDS || *seen;
    unsigned qualifier = qualifier_of(&token), word = word_of(&token);
    enum gate_kind tagged = tag_kind_of(&token), named = kind_of_name(&token);
    if (qualifier) {
        s->qualifiers |= qualifier;
    } else if (word && s->kind == GATE_KINDS) {
        if ((*seen / word & WORD_MASK) >= (word == LONG ? 2 : 1))
            fail_at(p, &token, -EINVAL, "which has been said before");
        *seen += word;
    } else if (!complete && tagged != GATE_KINDS) {
        s->kind = tagged;
        advance(p);
        s->tag = copy_tag(p);
        return !p->failed;
    } else if (!complete && named != GATE_KINDS) {
        s->kind = named;
    } else {
        return false;
    }
    advance(p);
    return !p->failed;
}

static const gate_type *specifiers(struct parser *p) {
    struct token first = p->token;
    struct specified s = {GATE_KINDS, 0, NULL};
    unsigned seen = 0;
    while (specifier(p, &s, &seen))
        ;
    if (!p->failed && s.kind == GATE_KINDS && !seen)
        reject_unknown(p);
    if (!p->failed && s.kind == GATE_KINDS)
        s.kind = kind_of_words(seen);
    if (!p->failed && s.kind == GATE_KINDS)
        fail_at(p, &first, -EINVAL, "which begins a combination of words that is no type");
    if (p->failed)
        return NULL;
    const gate_type *basic = gate__type_basic(s.kind);
    if (basic && !s.qualifiers)
        return basic;
    gate_type *type = allocate(p, sizeof *type);
    if (type && basic)
        *type = *basic;
    if (type) {
        type->kind = s.kind;
        type->qualifiers = s.qualifiers;
        type->tag = s.tag;
        if (s.kind == GATE_ENUM) {
            type->size = sizeof(unsigned);
            type->alignment = _Alignof(unsigned);
        }
    }
    return type;
}

/* Declarators */

static const gate_type *pointer_to(struct parser *p, const gate_type *target, unsigned qualifiers) {
    gate_type *type = target ? allocate(p, sizeof *type) : NULL;
    if (type)
        *type = (gate_type){GATE_POINTER, qualifiers, sizeof(void *), _Alignof(void *), target, NULL, NULL};
    return type;
}

static const gate_type *declarator(struct parser *p, const gate_type *type);

/* A parameter, adjusted as C does: an array or a function becomes a pointer (6.7.6.3p7, p8). */
static const gate_type *parameter(struct parser *p) {
    struct token first = p->token;
    const gate_type *type = specifiers(p);
    if (type)
        type = declarator(p, type);
    if (!type)
        return NULL;
    if (type->kind == GATE_ARRAY)
        return pointer_to(p, type->target, 0);
    if (type->kind == GATE_FUNCTION)
        return pointer_to(p, type, 0);
    if (type->kind == GATE_STRUCT || type->kind == GATE_UNION)
        fail_at(p, &first, -ENOTSUP, "a parameter that is a struct or union by value is not supported yet");
    return type;
}

/* A lone "void" before ")" is no parameter. */
static bool accept_void(struct parser *p) {
    struct token token = p->token;
    if (!accept(p, "void"))
        return false;
    if (sees(p, ")"))
        return true;
    p->token = token;
    return false;
}

/* Parameters in the order in which they are read, before their number is known. */
struct link {
    const gate_type *type;
    struct link *next;
};

static void parameters(struct parser *p, gate_signature *signature) {
    struct link *first = NULL, **last = &first;
    if (accept_void(p) || sees(p, ")"))
        return;
    do {
        struct token token = p->token;
        struct link *link = allocate(p, sizeof *link);
        if (sees(p, "..."))
            fail_at(p, &token, -ENOTSUP, "variadic functions are not supported yet");
        if (signature->count == GATE__PARAMETERS_MAX)
            fail_at(p, &token, -EINVAL, "one parameter too many: 127 is the most");
        const gate_type *type = p->failed ? NULL : parameter(p);
        if (!p->failed && type->kind == GATE_VOID)
            fail_at(p, &token, -EINVAL, "but a parameter can't be void");
        if (p->failed)
            return;
        link->type = type;
        *last = link;
        last = &link->next;
        signature->count++;
    } while (accept(p, ","));
    signature->parameters = allocate(p, signature->count * sizeof *signature->parameters);
    for (size_t i = 0; signature->parameters && first; i++, first = first->next)
        signature->parameters[i] = first->type;
}

static const gate_type *suffixes(struct parser *p, const gate_type *type);

/* A function, whose "(" has been read; what stands behind its ")" belongs to its result. */
static const gate_type *function(struct parser *p, const gate_type *type) {
    gate_signature *signature = allocate(p, sizeof *signature);
    gate_type *result = allocate(p, sizeof *result);
    if (!result)
        return NULL;
    parameters(p, signature);
    require(p, ")");
    struct token behind = p->token;
    signature->result = suffixes(p, type);
    if (p->failed)
        return NULL;
    enum gate_kind kind = signature->result->kind;
    if (kind == GATE_FUNCTION || kind == GATE_ARRAY)
        fail_at(p, &behind, -EINVAL, "but a function can't return a function or an array");
    if (kind == GATE_STRUCT || kind == GATE_UNION)
        fail_at(p, &behind, -ENOTSUP, "but a result that is a struct or union by value is not supported yet");
    *result = (gate_type){GATE_FUNCTION, 0, 0, 0, NULL, signature, NULL};
    return result;
}

/* What stands in "[...]": a count, or 0 where a parameter's is left out, a name, or a star. */
static size_t array_count(struct parser *p) {
    size_t count = 0;
    while (!p->failed && (sees(p, "static") || qualifier_of(&p->token)))
        advance(p);
    if (p->token.kind == NUMBER) {
        char *end;
        errno = 0;
        count = strtoul(p->token.at, &end, 0);
        if (errno || end != p->token.at + p->token.length || count == 0)
            fail_at(p, &p->token, -EINVAL, "expected a positive integer");
    }
    if (p->token.kind == NUMBER || p->token.kind == NAME || sees(p, "*"))
        advance(p);
    require(p, "]");
    return count;
}

/* An array, whose "[" has been read. */
static const gate_type *array(struct parser *p, const gate_type *type) {
    struct token inside = p->token;
    size_t count = array_count(p);
    const gate_type *element = suffixes(p, type);
    gate_type *result = allocate(p, sizeof *result);
    if (!result)
        return NULL;
    if (element->kind == GATE_VOID || element->kind == GATE_FUNCTION)
        fail_at(p, &inside, -EINVAL, "but there are no arrays of void or of functions");
    if (element->size && count > PTRDIFF_MAX / element->size)
        fail_at(p, &inside, -EINVAL, "which makes an array too large for any memory");
    *result = (gate_type){GATE_ARRAY, 0, count * element->size, element->alignment, element, NULL, NULL};
    return result;
}

static bool descend(struct parser *p) {
    if (++p->depth > DEPTH_MAX)
        fail_at(p, &p->token, -EINVAL, "which is nested too deeply: 64 levels are the most");
    return !p->failed;
}

/* What stands behind a name, to be read from left to right: "(...)" or "[...]", and what follows. */
static const gate_type *suffixes(struct parser *p, const gate_type *type) {
    if (!descend(p))
        return NULL;
    if (accept(p, "("))
        type = function(p, type);
    else if (accept(p, "["))
        type = array(p, type);
    p->depth--;
    return p->failed ? NULL : type;
}

/* Skips to behind the ")" that closes a "(" which has been read. */
static void skip_nested(struct parser *p) {
    for (unsigned open = 1; open && !p->failed; advance(p)) {
        if (p->token.kind == END)
            expected(p, "')'");
        open += sees(p, "(");
        open -= sees(p, ")");
    }
}

/* Whether a "(" that has been read opens a declarator, and not a list of parameters. A name that is no
 * type could be either's: "(f)(...)" declares f, anything else was meant as a type. */
static bool opens_declarator(const struct parser *p) {
    struct parser ahead = *p;
    if (sees(p, "*") || sees(p, "(") || sees(p, "["))
        return true;
    if (p->token.kind != NAME || begins_type(&p->token))
        return false;
    advance(&ahead);
    return accept(&ahead, ")") && (sees(&ahead, "(") || sees(&ahead, "["));
}

static const gate_type *nested(struct parser *p, const gate_type *type) {
    struct token inside = p->token;
    skip_nested(p);
    type = suffixes(p, type);
    struct token behind = p->token;
    p->token = inside;
    if (type)
        type = declarator(p, type);
    require(p, ")");
    if (!p->failed)
        p->token = behind;
    return type;
}

static const gate_type *pointers(struct parser *p, const gate_type *type) {
    while (type && accept(p, "*")) {
        unsigned qualifiers = 0, qualifier;
        while ((qualifier = qualifier_of(&p->token)) != 0) {
            qualifiers |= qualifier;
            advance(p);
        }
        type = pointer_to(p, type, qualifiers);
    }
    return type;
}

static const gate_type *declarator(struct parser *p, const gate_type *type) {
    if (!descend(p))
        return NULL;
    type = pointers(p, type);
    struct token before = p->token;
    if (type && p->token.kind == NAME && !begins_type(&p->token)) {
        advance(p);
        type = suffixes(p, type);
    } else if (type && accept(p, "(") && opens_declarator(p)) {
        type = nested(p, type);
    } else if (type) {
        p->token = before;
        type = suffixes(p, type);
    }
    p->depth--;
    return p->failed ? NULL : type;
}

/* The whole text is one function's type, and nothing follows. */
static void require_function(struct parser *p, const gate_type *type, const struct token *first) {
    bool to_function = type->kind == GATE_POINTER && type->target->kind == GATE_FUNCTION;
    if (to_function || type->kind == GATE_ARRAY)
        fail_at(p, first, -EINVAL, "which begins a type that is no function's; expected one as in 'int (char *)'");
    else if (type->kind != GATE_FUNCTION)
        expected(p, "'(' and parameters");
    else if (p->token.kind != END)
        expected(p, "the end");
}

int gate__decl_parse(const char *text, gate_signature *signature, gate_error *error) {
    if (!text)
        return gate__fail(error, -EINVAL, "no text was given");
    struct parser p = {.text = text, .owner = signature, .error = error};
    read_token(&p, text);
    accept(&p, "extern");
    struct token first = p.token;
    const gate_type *type = specifiers(&p);
    if (type)
        type = declarator(&p, type);
    accept(&p, ";");
    if (type)
        require_function(&p, type, &first);
    if (p.failed)
        return p.failed;
    signature->result = type->function->result;
    signature->parameters = type->function->parameters;
    signature->count = type->function->count;
    return 0;
}
