/* LuaJIT's dialect on a stock Lua: what the loader's files share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_EXAMPLES_LUA_LUAJIT_LUAJIT_H
#define CALLGATE_EXAMPLES_LUA_LUAJIT_LUAJIT_H

#include <stdbool.h>
#include <stddef.h>

/* translate.c: source into source, which knows no Lua state */

/* The names that a translated chunk has besides its own. */
#define LUAJIT_TEXT "callgate_text"       /* a function: a number, as LuaJIT writes it */
#define LUAJIT_EQUAL "callgate_equal"     /* a function: whether two values are equal, one of which may be a cdata */
#define LUAJIT_LITERAL "callgate_literal" /* a table: "42LL" to the boxed number */

struct translation {
    char *text; /* malloc's; the caller frees it */
    size_t size;
    const char *problem; /* NULL, or what couldn't be read: from there on text is as the source was */
    size_t line;         /* of the problem */
    const char *near;    /* the token that it was found at, in the source, and its length */
    size_t near_size;
};

/* Makes of LuaJIT's source what version (501 to 504) of Lua reads, every token on the line where it was. Source that
 * isn't LuaJIT's is left as it is, for Lua to complain about. Returns 0, or -ENOMEM. [any] */
int luajit_translate(const char *source, size_t size, int version, struct translation *to);

/* number.c: a numeral */

enum luajit_suffix { LUAJIT_NO_SUFFIX, LUAJIT_LL, LUAJIT_ULL, LUAJIT_IMAGINARY };
enum luajit_base { LUAJIT_DECIMAL, LUAJIT_HEX, LUAJIT_BINARY };

struct luajit_numeral {
    enum luajit_suffix suffix;
    enum luajit_base base;
    bool whole;               /* written without a point or an exponent */
    unsigned long long value; /* of one with LL or ULL, and of a binary one */
    size_t digits;            /* the length without the suffix */
};

/* Reads the length bytes of a numeral. Returns whether LuaJIT would. [any] */
bool luajit_numeral_read(const char *text, size_t length, struct luajit_numeral *numeral);

/* LuaJIT's number as text: 14 digits. */
enum { LUAJIT_NUMBER = 32 };
size_t luajit_number_write(double number, char text[LUAJIT_NUMBER]);

#endif
