/* The tokens of LuaJIT's source, each with its place: no values are made of them.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_EXAMPLES_LUA_LUAJIT_LEX_H
#define CALLGATE_EXAMPLES_LUA_LUAJIT_LEX_H

#include <stdbool.h>
#include <stddef.h>

enum luajit_kind {
    END = 0, /* others are the character itself */
    NAME = 256,
    NUMBER,
    STRING,
    CONCAT,
    DOTS,
    COMPARISON, /* ==, ~=, <=, >= */
    DIVISION,   /* //, <<, >>: Lua's own, which pass */
    SHIFT,
    LABEL,
    AND,
    BREAK,
    DO,
    ELSE,
    ELSEIF,
    ENDS,
    FALSE,
    FOR,
    FUNCTION,
    GOTO,
    IF,
    IN,
    LOCAL,
    NIL,
    NOT,
    OR,
    REPEAT,
    RETURN,
    THEN,
    TRUE,
    UNTIL,
    WHILE,
};

struct luajit_token {
    enum luajit_kind kind;
    size_t start, end;
    size_t line; /* of its end */
};

struct luajit_lexer {
    const char *source;
    size_t size, at, line;
    const char *problem; /* NULL, or what ended the tokens */
};

/* Whether c may be in a name: LuaJIT takes any byte beyond ASCII. */
bool luajit_lex_is_name(char c);
/* Takes a newline, which may be two bytes, and counts the line. */
void luajit_lex_newline(struct luajit_lexer *l);
/* Returns the next token; END at the end, and after what is none. */
struct luajit_token luajit_lex(struct luajit_lexer *l);

#endif
