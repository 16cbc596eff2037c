/* Text into tokens: C's, as a preprocessor leaves them, with its line markers and pragmas.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/internal.h"

#define WRONG_NUMBER "but a wrong number of type parameters was given"

/* Errors */

void gate__lex_print_place(const struct gate__place *place, char *buffer, size_t size) {
    enum { LONGEST = 60 };
    const char *file = place->file;
    size_t length = file ? strlen(file) : 0;
    if (!file)
        snprintf(buffer, size, "line %u, column %u", place->line, place->column);
    else if (length > LONGEST)
        snprintf(buffer, size, "...%s:%u:%u", file + length - LONGEST, place->line, place->column);
    else
        snprintf(buffer, size, "%s:%u:%u", file, place->line, place->column);
}

/* No token is left, and so whoever reads on comes to an end. */
static void fail(struct gate__reader *r, int code) {
    r->failed = code;
    r->lexer.token = (struct gate__token){.kind = GATE__END, .at = "", .place = r->lexer.token.place};
    r->lexer.at = "";
}

void gate__lex_fail(struct gate__reader *r, const struct gate__token *token, int code, const char *what) {
    enum { SHOWN = 24 };
    char found[SHOWN + 4], place[96];
    if (r->failed)
        return;
    if (token->kind == GATE__END)
        snprintf(found, sizeof found, "the end");
    else
        snprintf(found, sizeof found, "'%.*s'", token->length > SHOWN ? SHOWN : (int)token->length, token->at);
    gate__lex_print_place(&token->place, place, sizeof place);
    fail(r, gate__fail(r->error, code, "%s: found %s, %s", place, found, what));
}

void gate__lex_expected(struct gate__reader *r, const char *what) {
    char message[96];
    snprintf(message, sizeof message, "expected %s", what);
    gate__lex_fail(r, &r->lexer.token, -EINVAL, message);
}

bool gate__lex_enter(struct gate__reader *r) {
    if (++r->depth > GATE__DEPTH_MAX)
        gate__lex_fail(r, &r->lexer.token, -EINVAL,
                       "which is nested too deeply: " GATE__DEPTH_MAX_TEXT " levels are the most");
    return !r->failed;
}

void gate__lex_leave(struct gate__reader *r) {
    r->depth--;
}

/* Keywords, in the order of strcmp: they are looked up by halves. */

static const struct keyword {
    const char *name;
    enum gate__word word;
} keywords[] = {
    {"_Alignas", GATE__ALIGNAS},
    {"_Alignof", GATE__ALIGNOF},
    {"_Atomic", GATE__ATOMIC},
    {"_BitInt", GATE__UNSUPPORTED},
    {"_Bool", GATE__BOOL},
    {"_Complex", GATE__COMPLEX},
    {"_Decimal128", GATE__UNSUPPORTED},
    {"_Decimal32", GATE__UNSUPPORTED},
    {"_Decimal64", GATE__UNSUPPORTED},
    {"_Float128", GATE__FLOAT128},
    {"_Float16", GATE__FLOAT16},
    {"_Float32", GATE__FLOAT32},
    {"_Float32x", GATE__FLOAT64},
    {"_Float64", GATE__FLOAT64},
    {"_Float64x", GATE__FLOAT64X},
    {"_Generic", GATE__GENERIC},
    {"_Imaginary", GATE__UNSUPPORTED},
    {"_Noreturn", GATE__NORETURN},
    {"_Static_assert", GATE__STATIC_ASSERT},
    {"_Thread_local", GATE__THREAD},
    {"__alignof", GATE__ALIGNOF},
    {"__alignof__", GATE__ALIGNOF},
    {"__asm", GATE__ASM},
    {"__asm__", GATE__ASM},
    {"__attribute", GATE__ATTRIBUTE},
    {"__attribute__", GATE__ATTRIBUTE},
    {"__auto_type", GATE__UNSUPPORTED},
    {"__builtin_offsetof", GATE__OFFSETOF},
    {"__complex", GATE__COMPLEX},
    {"__complex__", GATE__COMPLEX},
    {"__const", GATE__CONST},
    {"__const__", GATE__CONST},
    {"__extension__", GATE__EXTENSION},
    {"__float128", GATE__FLOAT128},
    {"__float80", GATE__FLOAT64X},
    {"__imag", GATE__IMAGINARY},
    {"__imag__", GATE__IMAGINARY},
    {"__inline", GATE__INLINE},
    {"__inline__", GATE__INLINE},
    {"__int128", GATE__INT128},
    {"__real", GATE__REAL},
    {"__real__", GATE__REAL},
    {"__restrict", GATE__RESTRICT},
    {"__restrict__", GATE__RESTRICT},
    {"__signed", GATE__SIGNED},
    {"__signed__", GATE__SIGNED},
    {"__thread", GATE__THREAD},
    {"__typeof", GATE__TYPEOF},
    {"__typeof__", GATE__TYPEOF},
    {"__volatile", GATE__VOLATILE},
    {"__volatile__", GATE__VOLATILE},
    {"asm", GATE__ASM},
    {"auto", GATE__AUTO},
    {"char", GATE__CHAR},
    {"const", GATE__CONST},
    {"double", GATE__DOUBLE},
    {"enum", GATE__ENUM},
    {"extern", GATE__EXTERN},
    {"float", GATE__FLOAT},
    {"inline", GATE__INLINE},
    {"int", GATE__INT},
    {"long", GATE__LONG},
    {"register", GATE__REGISTER},
    {"restrict", GATE__RESTRICT},
    {"short", GATE__SHORT},
    {"signed", GATE__SIGNED},
    {"sizeof", GATE__SIZEOF},
    {"static", GATE__STATIC},
    {"struct", GATE__STRUCT},
    {"typedef", GATE__TYPEDEF},
    {"typeof", GATE__TYPEOF},
    {"union", GATE__UNION},
    {"unsigned", GATE__UNSIGNED},
    {"void", GATE__VOID},
    {"volatile", GATE__VOLATILE},
};

static int compare_keyword(const void *key, const void *element) {
    return gate__lex_compare(key, ((const struct keyword *)element)->name);
}

static int word_of(const struct gate__token *token) {
    struct gate__name key = {token->at, token->length};
    const struct keyword *found =
        bsearch(&key, keywords, sizeof keywords / sizeof *keywords, sizeof *keywords, compare_keyword);
    return found ? (int)found->word : 0;
}

/* Lines that a backslash joins (C11 5.1.1.2): a text with such is read as a copy in which they are joined, so that nobody else
 * meets one. Where they were is remembered, and counted when a token's place is asked for. */

static size_t splice_length(const char *at) {
    return at[1] == '\n' ? 2 : at[1] == '\r' && at[2] == '\n' ? 3 : 0;
}

static size_t count_splices(const char *text) {
    size_t count = 0;
    for (text = strchr(text, '\\'); text; text = strchr(text + 1, '\\'))
        count += splice_length(text) > 0;
    return count;
}

/* Has the lexer begin with a copy of the text, in which count splices are left out. */
static void splice(struct gate__reader *r, const char *text, size_t count) {
    char *to = gate__scope_scratch(r, strlen(text) + 1);
    const char **splices = gate__scope_scratch(r, (count + 1) * sizeof *splices);
    if (!to || !splices)
        return;
    r->lexer.at = r->lexer.line_start = to;
    r->lexer.splices = splices;
    for (const char *end = NULL; (end = strchr(text, '\\')) != NULL; text = end) {
        size_t length = splice_length(end);
        end += length ? 0 : 1;
        memcpy(to, text, (size_t)(end - text));
        to += end - text;
        if (length)
            *splices++ = to;
        end += length;
    }
    memcpy(to, text, strlen(text) + 1);
}

/* Each begins a line, which may be in the midst of what is taken for one. */
static __attribute__((noinline, cold)) void pass_splices(struct gate__lexer *lexer, const char *at) {
    for (; *lexer->splices && *lexer->splices <= at; lexer->splices++) {
        lexer->line++;
        if (*lexer->splices > lexer->line_start)
            lexer->line_start = *lexer->splices;
    }
}

struct gate__place gate__lex_place(struct gate__lexer *lexer, const char *at) {
    if (__builtin_expect(lexer->splices != NULL, 0))
        pass_splices(lexer, at);
    return (struct gate__place){lexer->file, lexer->line, (unsigned)(at - lexer->line_start) + 1};
}

/* Tokens */

static void next_line(struct gate__lexer *lexer) {
    lexer->line++;
    lexer->line_start = ++lexer->at;
}

/* Skips a comment, which preprocessed text has none of, but text by hand may. */
static void skip_comment(struct gate__reader *r) {
    struct gate__lexer *lexer = &r->lexer;
    const char *begin = lexer->at;
    if (begin[1] == '/') {
        lexer->at = gate__lex_end_of_line(begin);
        return;
    }
    for (lexer->at += 2; strncmp(lexer->at, "*/", 2) != 0;) {
        if (!*lexer->at) {
            struct gate__token end = {.kind = GATE__END, .at = lexer->at};
            end.place = gate__lex_place(lexer, lexer->at);
            gate__lex_fail(r, &end, -EINVAL, "expected '*/'");
            return;
        }
        if (*lexer->at == '\n')
            next_line(lexer);
        else
            lexer->at++;
    }
    lexer->at += 2;
}

/* Skips what stands between tokens; fresh is whether a line has begun. */
static void skip_space(struct gate__reader *r, bool fresh) {
    struct gate__lexer *lexer = &r->lexer;
    for (;;) {
        const char *at = lexer->at;
        if (*at == '\n') {
            next_line(lexer);
            fresh = true;
        } else if (*at == ' ' || (*at >= '\t' && *at <= '\r')) {
            lexer->at++;
        } else if (*at == '/' && (at[1] == '*' || at[1] == '/')) {
            skip_comment(r);
        } else if (*at == '#' && fresh) {
            gate__directive_read(r, at);
        } else {
            return;
        }
    }
}

/* The length of a string or character from its quote on; 0 if it does not end in its line. */
static size_t quoted_length(const char *at) {
    for (size_t length = 1; at[length] && at[length] != '\n'; length++) {
        if (at[length] == at[0])
            return length + 1;
        if (at[length] == '\\' && at[length + 1] && at[length + 1] != '\n')
            length++;
    }
    return 0;
}

/* A prefix, as in L"...", has been read. */
static void read_quoted(struct gate__reader *r, struct gate__token *token) {
    size_t length = quoted_length(token->at + token->length);
    token->kind = token->at[token->length] == '"' ? GATE__STRING : GATE__CHARACTER;
    token->word = 0;
    token->length = length ? token->length + length : strcspn(token->at, "\r\n");
    if (length == 0)
        gate__lex_fail(r, token, -EINVAL, "but no quote that ends it in its line");
}

static bool is_prefix(const struct gate__token *name) {
    return (name->length == 1 && strchr("LuU", *name->at)) || (name->length == 2 && !memcmp(name->at, "u8", 2));
}

/* C's preprocessing numbers (C11 6.4.8): value.c says what they mean. */
static size_t number_length(const char *at) {
    size_t length = 1;
    while (gate__lex_is_name_part(at[length]) || at[length] == '.' ||
           ((at[length] == '+' || at[length] == '-') && strchr("eEpP", at[length - 1])))
        length++;
    return length;
}

/* Punctuators of more than one character, the longest first. Digraphs are what they stand for (C11 6.4.6p3). */
static const struct punctuator {
    char text[4];
    int word;
} punctuators[] = {
    {"...", GATE__ELLIPSIS},
    {"<<=", GATE__ASSIGN_BY},
    {">>=", GATE__ASSIGN_BY},
    {"->", GATE__ARROW},
    {"<<", GATE__LEFT_SHIFT},
    {">>", GATE__RIGHT_SHIFT},
    {"<=", GATE__LESS_EQUAL},
    {">=", GATE__GREATER_EQUAL},
    {"==", GATE__EQUAL},
    {"!=", GATE__UNEQUAL},
    {"&&", GATE__AND},
    {"||", GATE__OR},
    {"++", GATE__INCREMENT},
    {"--", GATE__DECREMENT},
    {"+=", GATE__ASSIGN_BY},
    {"-=", GATE__ASSIGN_BY},
    {"*=", GATE__ASSIGN_BY},
    {"/=", GATE__ASSIGN_BY},
    {"%=", GATE__ASSIGN_BY},
    {"&=", GATE__ASSIGN_BY},
    {"|=", GATE__ASSIGN_BY},
    {"^=", GATE__ASSIGN_BY},
    {"<:", '['},
    {":>", ']'},
    {"<%", '{'},
    {"%>", '}'},
};

/* The one that the text begins with; NULL for none. */
static const struct punctuator *find_punctuator(const char *at) {
    if (at[1] == ' ' || gate__lex_is_name_part(at[1])) /* as it is behind most */
        return NULL;
    for (size_t i = 0; i < sizeof punctuators / sizeof *punctuators; i++) {
        const char *text = punctuators[i].text;
        if (text[0] == at[0] && text[1] == at[1] && (!text[2] || text[2] == at[2]))
            return &punctuators[i];
    }
    return NULL;
}

static void read_punctuator(struct gate__token *token) {
    const struct punctuator *longer = find_punctuator(token->at);
    token->kind = GATE__PUNCTUATOR;
    token->word = longer ? longer->word : (unsigned char)*token->at;
    token->length = longer ? strlen(longer->text) : 1;
}

/* How many digits a universal character name has; 0 if it is none (C11 6.4.3). */
static size_t count_universal_digits(const char *at) {
    return at[0] != '\\' ? 0 : at[1] == 'u' ? 4 : at[1] == 'U' ? 8 : 0;
}

/* Behind a name that begins at that place. */
static const char *end_of_name(const char *at) {
    for (;;) {
        while (gate__lex_is_name_part(*at))
            at++;
        if (!count_universal_digits(at))
            return at;
        at += 2 + strspn(at + 2, "0123456789abcdefABCDEF");
    }
}

/* A name with universal character names is the same as with the characters in UTF-8. */
static void spell_out(struct gate__reader *r, struct gate__token *token) {
    const char *at = token->at, *end = at + token->length;
    char *spelled = gate__scope_scratch(r, token->length + 1), *to = spelled;
    while (spelled && at < end) {
        size_t digits = count_universal_digits(at), size = 0;
        if (digits)
            size = gate__literal_universal(at + 2, end, digits, to);
        if (digits && size < 2) {
            gate__lex_fail(r, token, -EINVAL, "which has no character that names may have behind '\\'");
            return;
        }
        if (!digits)
            *to = *at;
        at += digits ? 2 + digits : 1;
        to += digits ? size : 1;
    }
    if (!spelled)
        return;
    token->at = spelled;
    token->length = (size_t)(to - spelled);
}

/* Returns its end in the text, which is not where what is spelled out ends. */
static const char *read_name(struct gate__reader *r, struct gate__token *token) {
    const char *at = token->at, *end = end_of_name(at);
    token->kind = GATE__NAME;
    token->length = (size_t)(end - at);
    if ((*end == '"' || *end == '\'') && is_prefix(token)) {
        read_quoted(r, token);
        return at + token->length;
    }
    if (memchr(at, '\\', token->length))
        spell_out(r, token);
    else
        token->word = word_of(token);
    return end;
}

/* A "$", which stands for a value that is given with the text. */
static void read_given(struct gate__reader *r, struct gate__token *token) {
    token->kind = GATE__GIVEN;
    token->length = 1;
    if (r->lexer.taken == r->options->count)
        gate__lex_fail(r, token, -EINVAL, WRONG_NUMBER);
    else if (gate__lex_is_name_part(token->at[1]))
        gate__lex_fail(r, token, -EINVAL, "which is no part of a name");
    if (r->failed)
        return;
    const struct gate_decls_value *value = r->lexer.given = &r->options->values[r->lexer.taken++];
    if (value->type || !value->name)
        return;
    if (!*value->name)
        gate__lex_fail(r, token, -EINVAL, "which stands for a name of no letters");
    token->kind = GATE__NAME;
    token->at = value->name;
    token->length = strlen(value->name);
}

void gate__lex_require_end(struct gate__reader *r) {
    if (r->lexer.token.kind != GATE__END)
        gate__lex_expected(r, "the end");
    else if (r->options && r->lexer.taken < r->options->count)
        gate__lex_fail(r, &r->lexer.token, -EINVAL, WRONG_NUMBER);
}

/* Returns the end of the token in the text. */
static const char *read_token(struct gate__reader *r, struct gate__token *token) {
    const char *at = token->at;
    if (!*at) {
        token->kind = GATE__END;
    } else if (*at == '$' && r->options) {
        read_given(r, token);
        return at + 1;
    } else if (gate__lex_begins_name(*at) || count_universal_digits(at)) {
        return read_name(r, token);
    } else if (gate__lex_is_digit(*at) || (*at == '.' && gate__lex_is_digit(at[1]))) {
        token->kind = GATE__NUMBER;
        token->length = number_length(at);
    } else if (*at == '"' || *at == '\'') {
        read_quoted(r, token);
    } else {
        read_punctuator(token);
    }
    return at + token->length;
}

static void advance(struct gate__reader *r, bool fresh) {
    struct gate__lexer *lexer = &r->lexer;
    skip_space(r, fresh);
    struct gate__token token = {.at = lexer->at};
    token.place = gate__lex_place(lexer, lexer->at);
    lexer->given = NULL;
    const char *end = r->failed ? NULL : read_token(r, &token);
    if (r->failed)
        return;
    lexer->token = token;
    lexer->at = end;
}

void gate__lex_advance(struct gate__reader *r) {
    if (!r->failed)
        advance(r, false);
}

void gate__lex_begin(struct gate__reader *r, const char *text) {
    r->lexer = (struct gate__lexer){.at = text, .line_start = text, .line = 1};
    r->lexer.token.place = (struct gate__place){NULL, 1, 1};
    size_t splices = count_splices(text);
    if (splices)
        splice(r, text, splices);
    if (!r->failed)
        advance(r, true);
}

bool gate__lex_accept(struct gate__reader *r, int word) {
    bool sees = gate__lex_sees(r, word);
    if (sees)
        gate__lex_advance(r);
    return sees;
}

static void expected_word(struct gate__reader *r, int word) {
    char what[8];
    snprintf(what, sizeof what, "'%c'", word);
    gate__lex_expected(r, what);
}

void gate__lex_require(struct gate__reader *r, int word) {
    if (!gate__lex_accept(r, word))
        expected_word(r, word);
}

/* Skipping */

void gate__lex_skip_nested(struct gate__reader *r, int open, int close) {
    for (size_t level = 1; level; gate__lex_advance(r)) {
        if (r->lexer.token.kind == GATE__END) {
            expected_word(r, close);
            return;
        }
        level += gate__lex_sees(r, open);
        level -= gate__lex_sees(r, close);
    }
}

void gate__lex_skip_to(struct gate__reader *r, int word, int other) {
    while (r->lexer.token.kind != GATE__END && !gate__lex_sees(r, word) && !gate__lex_sees(r, other)) {
        int open = r->lexer.token.word;
        gate__lex_advance(r);
        if (open == '(' || open == '[' || open == '{')
            gate__lex_skip_nested(r, open, open == '(' ? ')' : open == '[' ? ']' : '}');
    }
}
