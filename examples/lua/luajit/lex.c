/* LuaJIT's source as tokens.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>

#include "examples/lua/luajit/lex.h"

static const char *const keywords[] = {"and",      "break",  "do",   "else", "elseif", "end",  "false", "for",
                                       "function", "goto",   "if",   "in",   "local",  "nil",  "not",   "or",
                                       "repeat",   "return", "then", "true", "until",  "while"};

/* What is no token ends them. */
static void refuse(struct luajit_lexer *l, const char *problem) {
    if (!l->problem)
        l->problem = problem;
    l->at = l->size;
}

static char peek(const struct luajit_lexer *l, size_t distance) {
    if (l->at + distance >= l->size)
        return '\0';
    return l->source[l->at + distance];
}

bool luajit_lex_is_name(char c) {
    return isalnum((unsigned char)c) || c == '_' || (unsigned char)c >= 0x80;
}

static bool is_newline(char c) {
    return c == '\n' || c == '\r';
}

/* Two different ones in a row are one. */
void luajit_lex_newline(struct luajit_lexer *l) {
    char first = l->source[l->at++], second = peek(l, 0);
    l->at += is_newline(second) && second != first && l->at < l->size;
    l->line++;
}

/* The number of = in an opening [==[, or -1. */
static long bracket_level(const struct luajit_lexer *l) {
    size_t level = 0;
    while (peek(l, 1 + level) == '=')
        level++;
    return peek(l, 1 + level) == '[' ? (long)level : -1;
}

static void take_long_bracket(struct luajit_lexer *l, size_t level) {
    l->at += level + 2;
    while (l->at < l->size) {
        if (peek(l, 0) == ']') {
            size_t count = 0;
            while (peek(l, 1 + count) == '=')
                count++;
            bool closes = count == level && peek(l, 1 + count) == ']';
            l->at += closes ? level + 2 : count + 1;
            if (closes)
                return;
        } else if (is_newline(peek(l, 0))) {
            luajit_lex_newline(l);
        } else {
            l->at++;
        }
    }
    refuse(l, "unfinished long string or comment");
}

static void skip_comment(struct luajit_lexer *l) {
    l->at += 2;
    long level = peek(l, 0) == '[' ? bracket_level(l) : -1;
    if (level >= 0) {
        take_long_bracket(l, (size_t)level);
        return;
    }
    while (l->at < l->size && !is_newline(l->source[l->at]))
        l->at++;
}

static void skip_blanks(struct luajit_lexer *l) {
    while (l->at < l->size) {
        char c = l->source[l->at];
        if (is_newline(c))
            luajit_lex_newline(l);
        else if (c == ' ' || (c >= '\t' && c <= '\r'))
            l->at++;
        else if (c == '-' && peek(l, 1) == '-')
            skip_comment(l);
        else
            return;
    }
}

static void take_string(struct luajit_lexer *l) {
    char quote = l->source[l->at++];
    while (l->at < l->size && l->source[l->at] != quote) {
        if (is_newline(l->source[l->at]))
            break;
        if (l->source[l->at++] != '\\')
            continue;
        if (peek(l, 0) == 'z') {
            for (l->at++; l->at < l->size && isspace((unsigned char)l->source[l->at]);)
                if (is_newline(l->source[l->at]))
                    luajit_lex_newline(l);
                else
                    l->at++;
        } else if (is_newline(peek(l, 0))) {
            luajit_lex_newline(l);
        } else if (l->at < l->size) {
            l->at++;
        }
    }
    if (peek(l, 0) != quote || l->at >= l->size)
        refuse(l, "unfinished string");
    else
        l->at++;
}

/* All that could belong to one, as LuaJIT does: 3..2 is one, and no number. */
static void take_numeral(struct luajit_lexer *l) {
    bool hex = peek(l, 0) == '0' && (peek(l, 1) | 0x20) == 'x';
    char exponent = hex ? 'p' : 'e', before = '\0';
    for (; l->at < l->size; before = l->source[l->at++]) {
        char c = l->source[l->at];
        bool sign = (c == '+' || c == '-') && (before | 0x20) == exponent;
        if (!luajit_lex_is_name(c) && c != '.' && !sign)
            break;
    }
}

static enum luajit_kind take_name(struct luajit_lexer *l) {
    size_t start = l->at;
    while (l->at < l->size && luajit_lex_is_name(l->source[l->at]))
        l->at++;
    for (size_t i = 0; i < sizeof keywords / sizeof *keywords; i++)
        if (strlen(keywords[i]) == l->at - start && !memcmp(keywords[i], l->source + start, l->at - start))
            return (enum luajit_kind)(AND + (int)i);
    return NAME;
}

static enum luajit_kind take_operator(struct luajit_lexer *l) {
    static const struct {
        char text[4];
        enum luajit_kind kind;
    } operators[] = {{"...", DOTS},      {"..", CONCAT},   {"==", COMPARISON}, {"~=", COMPARISON}, {"<=", COMPARISON},
                     {">=", COMPARISON}, {"//", DIVISION}, {"<<", SHIFT},      {">>", SHIFT},      {"::", LABEL}};
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        size_t length = strlen(operators[i].text);
        if (l->size - l->at >= length && !memcmp(operators[i].text, l->source + l->at, length)) {
            l->at += length;
            return operators[i].kind;
        }
    }
    char c = l->source[l->at++];
    if (!c || !strchr("+-*/%^#&~|<>=(){}[];:,.", c))
        refuse(l, "unexpected character");
    return (enum luajit_kind)(unsigned char)c;
}

static enum luajit_kind take_token(struct luajit_lexer *l) {
    char c = l->source[l->at];
    if (luajit_lex_is_name(c) && !isdigit((unsigned char)c))
        return take_name(l);
    if (isdigit((unsigned char)c) || (c == '.' && isdigit((unsigned char)peek(l, 1)))) {
        take_numeral(l);
        return NUMBER;
    }
    if (c == '"' || c == '\'') {
        take_string(l);
        return STRING;
    }
    long level = c == '[' ? bracket_level(l) : -1;
    if (level >= 0) {
        take_long_bracket(l, (size_t)level);
        return STRING;
    }
    return take_operator(l);
}

struct luajit_token luajit_lex(struct luajit_lexer *l) {
    skip_blanks(l);
    struct luajit_token token = {END, l->at, l->at, l->line};
    if (l->at < l->size && !l->problem) {
        enum luajit_kind kind = take_token(l);
        token.kind = l->problem ? END : kind;
    }
    token.end = l->at;
    token.line = l->line;
    return token;
}
