/* Text into tokens: C's, as a preprocessor leaves them, with its line markers and pragmas.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "bridge/internal.h"

struct gate__pack {
    unsigned bytes;
    const char *name; /* that it was pushed under, of that length, or 0 */
    size_t length;
    const struct gate__pack *outer;
};

static bool is_digit(char c) {
    return c >= '0' && c <= '9';
}

static bool begins_name(char c) {
    unsigned char byte = (unsigned char)c; /* perhaps of a character in UTF-8 */
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == '$' || (byte >= 0x80 && byte <= 0xf4);
}

static bool is_name_part(char c) {
    return begins_name(c) || is_digit(c);
}

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
        gate__lex_fail(r, &r->lexer.token, -EINVAL, "which is nested too deeply: 64 levels are the most");
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
    {"__inline", GATE__INLINE},
    {"__inline__", GATE__INLINE},
    {"__int128", GATE__INT128},
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
    const struct gate__token *token = key;
    const struct keyword *keyword = element;
    int order = strncmp(token->at, keyword->name, token->length);
    return order ? order : -(keyword->name[token->length] != '\0');
}

static int word_of(const struct gate__token *token) {
    const struct keyword *found =
        bsearch(token, keywords, sizeof keywords / sizeof *keywords, sizeof *keywords, compare_keyword);
    return found ? (int)found->word : 0;
}

/* Directives: what a preprocessor leaves of them */

/* One line's end is the end of a directive. */
static const char *end_of_line(const char *at) {
    return at + strcspn(at, "\n");
}

static const char *skip_blanks(const char *at) {
    return at + strspn(at, " \t\r\v\f");
}

static bool accept_name(const char **at, const char *name) {
    size_t length = strlen(name);
    if (strncmp(*at, name, length) != 0 || is_name_part((*at)[length]))
        return false;
    *at = skip_blanks(*at + length);
    return true;
}

static bool accept_character(const char **at, char c) {
    if (**at != c)
        return false;
    *at = skip_blanks(*at + 1);
    return true;
}

/* An error at a place in a directive. */
static void fail_in_line(struct gate__reader *r, const char *at, const char *what) {
    struct gate__lexer *lexer = &r->lexer;
    struct gate__token token = {.kind = *at == '\n' || !*at ? GATE__END : GATE__PUNCTUATOR, .at = at, .length = 1};
    while (token.kind != GATE__END && is_name_part(at[0]) && is_name_part(at[token.length]))
        token.length++;
    token.place = (struct gate__place){lexer->file, lexer->line, (unsigned)(at - lexer->line_start) + 1};
    gate__lex_fail(r, &token, -EINVAL, what);
}

/* Reads up to four digits more than any line or alignment needs; the rest can't be meant. */
static unsigned read_count(const char **at) {
    unsigned count = 0;
    for (; is_digit(**at); ++*at)
        count = count > 100 * 1000 * 1000 ? count : count * 10 + (unsigned)(**at - '0');
    *at = skip_blanks(*at);
    return count;
}

/* # 12 "file.h" 3 4: the next line is line 12 of that file. */
static void read_marker(struct gate__reader *r, const char *at) {
    struct gate__token name = {.kind = GATE__STRING};
    unsigned line = read_count(&at);
    if (accept_character(&at, '"')) {
        name.at = at;
        name.length = strcspn(at, "\"\n");
        if (at[name.length] != '"') {
            fail_in_line(r, at, "expected a file's name, as in '# 12 \"file.h\"'");
            return;
        }
        struct gate__entry *file = gate__scope_find(r->decls, GATE__FILES, name.at, name.length);
        if (!file)
            file = gate__scope_add(r, GATE__FILES, &name);
        r->lexer.file = file ? file->decl.name : NULL;
    }
    r->lexer.line = line - 1;
}

static void push_pack(struct gate__reader *r, const char *name, size_t length) {
    struct gate__pack *pack = gate__scope_scratch(r, sizeof *pack);
    if (!pack)
        return;
    *pack = (struct gate__pack){r->lexer.pack, name, length, r->lexer.packs};
    r->lexer.packs = pack;
}

/* The innermost one, or the innermost of that name; nothing, where there is none, as compilers have it. */
static void pop_pack(struct gate__reader *r, const char *name, size_t length) {
    const struct gate__pack *pack = r->lexer.packs;
    while (pack && length && (pack->length != length || memcmp(pack->name, name, length) != 0))
        pack = pack->outer;
    if (!pack)
        return;
    r->lexer.pack = pack->bytes;
    r->lexer.packs = pack->outer;
}

/* pack(), pack(4), pack(push), pack(push, name, 4), pack(pop, name), ... behind the word pack */
static void read_pack(struct gate__reader *r, const char *at) {
    static const char *const form = "expected '#pragma pack(' with push, pop, a name or 1, 2, 4, 8 or 16, and ')'";
    bool opened = accept_character(&at, '(');
    bool push = opened && accept_name(&at, "push"), pop = opened && !push && accept_name(&at, "pop");
    const char *name = "";
    size_t length = 0;
    if ((push || pop) && accept_character(&at, ',') && begins_name(*at)) {
        for (name = at; is_name_part(*at); at++)
            length++;
        at = skip_blanks(at);
        accept_character(&at, ',');
    }
    const char *number = at;
    bool counts = is_digit(*at);
    unsigned bytes = read_count(&at);
    if (!opened || !accept_character(&at, ')') || (*at && *at != '\n')) {
        fail_in_line(r, opened ? at : number, form);
    } else if (bytes > 16 || (bytes & (bytes - 1))) {
        fail_in_line(r, number, form);
    } else {
        if (push)
            push_pack(r, name, length);
        if (pop)
            pop_pack(r, name, length);
        if (counts || (!push && !pop))
            r->lexer.pack = bytes;
    }
}

/* The line that begins with a "#" at that place. */
static void read_directive(struct gate__reader *r, const char *at) {
    at = skip_blanks(at + 1);
    r->lexer.at = end_of_line(at);
    if (is_digit(*at) || accept_name(&at, "line")) {
        read_marker(r, at);
    } else if (accept_name(&at, "pragma")) {
        if (accept_name(&at, "pack"))
            read_pack(r, at);
    } else if (!accept_name(&at, "ident") && *at && *at != '\n') {
        fail_in_line(r, at, "which is a directive: the text has to be preprocessed first");
    }
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
        lexer->at = end_of_line(begin);
        return;
    }
    for (lexer->at += 2; strncmp(lexer->at, "*/", 2) != 0;) {
        if (!*lexer->at) {
            struct gate__token end = {.kind = GATE__END, .at = lexer->at};
            end.place = (struct gate__place){lexer->file, lexer->line, (unsigned)(lexer->at - lexer->line_start) + 1};
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
        } else if (*at == '\\' && at[1] == '\n') {
            lexer->at++;
            next_line(lexer);
        } else if (*at == '/' && (at[1] == '*' || at[1] == '/')) {
            skip_comment(r);
        } else if (*at == '#' && fresh) {
            read_directive(r, at);
        } else {
            return;
        }
    }
}

/* The length of a string or character from its quote on; 0 if it does not end. */
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
    if (length == 0)
        gate__lex_fail(r, token, -EINVAL, "but no quote that ends it in its line");
    token->length += length;
}

static bool is_prefix(const struct gate__token *name) {
    return (name->length == 1 && strchr("LuU", *name->at)) || (name->length == 2 && !memcmp(name->at, "u8", 2));
}

/* C's preprocessing numbers (C11 6.4.8): value.c says what they mean. */
static size_t number_length(const char *at) {
    size_t length = 1;
    while (is_name_part(at[length]) || at[length] == '.' ||
           ((at[length] == '+' || at[length] == '-') && strchr("eEpP", at[length - 1])))
        length++;
    return length;
}

/* The punctuator that two characters make; 0 if they make none that matters here. */
static int pair_of(char first, char second) {
    switch (first) {
    case '-':
        return second == '>' ? GATE__ARROW : 0;
    case '<':
        return second == '<' ? GATE__LEFT_SHIFT : second == '=' ? GATE__LESS_EQUAL : 0;
    case '>':
        return second == '>' ? GATE__RIGHT_SHIFT : second == '=' ? GATE__GREATER_EQUAL : 0;
    case '=':
        return second == '=' ? GATE__EQUAL : 0;
    case '!':
        return second == '=' ? GATE__UNEQUAL : 0;
    case '&':
        return second == '&' ? GATE__AND : 0;
    case '|':
        return second == '|' ? GATE__OR : 0;
    default:
        return 0;
    }
}

static void read_punctuator(struct gate__token *token) {
    const char *at = token->at;
    int pair = pair_of(at[0], at[1]);
    bool is_ellipsis = at[0] == '.' && at[1] == '.' && at[2] == '.';
    token->kind = GATE__PUNCTUATOR;
    token->word = is_ellipsis ? GATE__ELLIPSIS : pair ? pair : (unsigned char)at[0];
    token->length = is_ellipsis ? 3 : pair ? 2 : 1;
}

static void read_token(struct gate__reader *r, struct gate__token *token) {
    const char *at = token->at;
    if (!*at) {
        token->kind = GATE__END;
    } else if (begins_name(*at)) {
        token->kind = GATE__NAME;
        while (is_name_part(at[token->length]))
            token->length++;
        if ((at[token->length] == '"' || at[token->length] == '\'') && is_prefix(token))
            read_quoted(r, token);
        else
            token->word = word_of(token);
    } else if (is_digit(*at) || (*at == '.' && is_digit(at[1]))) {
        token->kind = GATE__NUMBER;
        token->length = number_length(at);
    } else if (*at == '"' || *at == '\'') {
        read_quoted(r, token);
    } else {
        read_punctuator(token);
    }
}

static void advance(struct gate__reader *r, bool fresh) {
    struct gate__lexer *lexer = &r->lexer;
    skip_space(r, fresh);
    struct gate__token token = {.at = lexer->at};
    token.place = (struct gate__place){lexer->file, lexer->line, (unsigned)(lexer->at - lexer->line_start) + 1};
    if (!r->failed)
        read_token(r, &token);
    if (r->failed)
        return;
    lexer->token = token;
    lexer->at = token.at + token.length;
}

void gate__lex_advance(struct gate__reader *r) {
    if (!r->failed)
        advance(r, false);
}

void gate__lex_begin(struct gate__reader *r, const char *text) {
    r->lexer = (struct gate__lexer){.at = text, .line_start = text, .line = 1};
    r->lexer.token.place = (struct gate__place){NULL, 1, 1};
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
