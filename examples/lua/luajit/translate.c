/* LuaJIT's source, made into source of a stock Lua.
 *
 * The parser knows the whole grammar, but makes nothing of it: it notes *edits* of the text, few and short, and none that
 * has a newline that wasn't there. So each token stays on its line, and what Lua says of an error is true of the source.
 *
 *   42LL, 1i        callgate_literal["42LL"]: a table of boxed numbers, made when they are first asked for. An upvalue, as
 *                   a chunk may have any environment.
 *   42              42.0: LuaJIT has doubles only, and 5.3's integers wrap, divide otherwise, and pass to C as others.
 *                   In brackets of its own, t[42], it stays: as a key both are one.
 *   a .. b          callgate_text(a) .. callgate_text(b), so that 42.0 is "42". A string needs no such call.
 *   a == b          callgate_equal(a, b), unless neither can be a cdata: Lua asks no metamethod whether one is a number,
 *                   or nil, as pointers may be.
 *   "\x41\z\u{41}"  decimal escapes, where Lua is too old for them
 *   goto, _ENV, ä   names to LuaJIT: callgate_goto and so on as variables, ["goto"] as fields
 *
 * The first thing that can't be read ends it: the token becomes the end of the source, and each loop ends. What comes
 * after is copied. Lua then reports it in its own words; if it doesn't, the loader does.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "examples/lua/luajit/luajit.h"
#include "examples/lua/luajit/lex.h"

/* Somewhat deeper than Lua's own parser goes, so that it complains first. */
enum { DEEPEST = 220, HAS_X = 502, HAS_U = 503, HAS_INTEGERS = 503, HAS_HEX_FLOATS = 502, HAS_GOTO = 502 };

/* At one place, in this order; of what opens, the outermost, which is noted last, comes first. */
enum place { CLOSES, SEPARATES, OPENS, REPLACES };

struct edit {
    size_t at, length; /* bytes of the source that go away */
    enum place place;
    size_t order;
    size_t text, size; /* in the arena of texts, which moves when it grows */
};

struct translator {
    struct luajit_lexer lexer;
    const char *source; /* the lexer's */
    int version, depth;
    struct luajit_token token, ahead, last;
    bool has_ahead, uses_names, no_memory;
    const char *problem;
    struct luajit_token refused; /* where the problem was met */
    struct edit *edits;
    size_t count, room;
    char *texts;
    size_t texts_size, texts_room;
};

/* Edits */

/* Returns memory with room for that many, or NULL. */
static void *grow(struct translator *t, void *memory, size_t *room, size_t needed, size_t each) {
    size_t larger = *room ? *room : 64;
    if (needed <= *room)
        return memory;
    while (larger < needed)
        larger *= 2;
    void *moved = realloc(memory, larger * each);
    if (moved)
        *room = larger;
    else
        t->no_memory = true;
    return moved;
}

static void add_bytes(struct translator *t, const char *bytes, size_t size) {
    char *texts = grow(t, t->texts, &t->texts_room, t->texts_size + size, 1);
    if (!texts)
        return;
    t->texts = texts;
    memcpy(texts + t->texts_size, bytes, size);
    t->texts_size += size;
}

static void add(struct translator *t, const char *text) {
    add_bytes(t, text, strlen(text));
}

/* An edit whose text is what has been added since the arena had the size text. */
static void note(struct translator *t, enum place place, size_t at, size_t length, size_t text) {
    struct edit *edits = grow(t, t->edits, &t->room, t->count + 1, sizeof *edits);
    if (!edits)
        return;
    t->edits = edits;
    edits[t->count] = (struct edit){at, length, place, t->count, text, t->texts_size - text};
    t->count++;
}

/* A word stays apart from one that it follows, as in if(a)==b. */
static void insert(struct translator *t, enum place place, size_t at, const char *text) {
    size_t from = t->texts_size;
    if (place == OPENS && at > 0 && luajit_lex_is_name(t->source[at - 1]))
        add(t, " ");
    add(t, text);
    note(t, place, at, 0, from);
}

static void replace(struct translator *t, const struct luajit_token *token, const char *text) {
    size_t from = t->texts_size;
    add(t, text);
    note(t, REPLACES, token->start, token->end - token->start, from);
}

static int compare_edits(const void *a, const void *b) {
    const struct edit *x = a, *y = b;
    if (x->at != y->at)
        return x->at < y->at ? -1 : 1;
    if (x->place != y->place)
        return x->place < y->place ? -1 : 1;
    bool before = x->place == OPENS ? x->order > y->order : x->order < y->order;
    return before ? -1 : 1;
}

/* Tokens */

static void give_up(struct translator *t, const char *problem) {
    if (t->problem)
        return;
    t->problem = problem;
    t->refused = t->token;
    t->lexer.at = t->lexer.size;
    t->has_ahead = false;
    t->token.kind = END;
}

static bool is(const struct translator *t, int kind) {
    return t->token.kind == (enum luajit_kind)kind;
}

/* What is no token is a problem when it is its turn, and not when it is looked ahead at. */
static void next(struct translator *t) {
    t->last = t->token;
    t->token = t->has_ahead ? t->ahead : luajit_lex(&t->lexer);
    t->has_ahead = false;
    if (is(t, END) && t->lexer.problem)
        give_up(t, t->lexer.problem);
}

static const struct luajit_token *look_ahead(struct translator *t) {
    if (!t->has_ahead) {
        t->ahead = luajit_lex(&t->lexer);
        t->has_ahead = true;
    }
    return &t->ahead;
}

static bool take(struct translator *t, int kind) {
    bool found = is(t, kind);
    if (found)
        next(t);
    return found;
}

static void expect(struct translator *t, int kind) {
    if (!take(t, kind))
        give_up(t, "unexpected symbol");
}

static bool enter(struct translator *t) {
    if (++t->depth > DEEPEST)
        give_up(t, "nested too deeply");
    return !t->problem;
}

/* Numerals */

/* A call's parenthesis can't follow a numeral, so there it begins a statement. It could follow a table's field. */
static void box(struct translator *t) {
    const struct luajit_token *ahead = look_ahead(t);
    size_t from = t->texts_size;
    t->uses_names = true;
    add(t, LUAJIT_LITERAL "[\"");
    add_bytes(t, t->source + t->token.start, t->token.end - t->token.start);
    add(t, "\"]");
    note(t, REPLACES, t->token.start, t->token.end - t->token.start, from);
    if (ahead->kind == '(')
        insert(t, SEPARATES, ahead->start, ";");
    else if (ahead->kind == STRING || ahead->kind == '{' || ahead->kind == '[' || ahead->kind == '.' ||
             ahead->kind == ':')
        give_up(t, "unexpected symbol");
}

static void write_hex_float(struct translator *t) {
    char text[64];
    size_t length = t->token.end - t->token.start;
    if (length >= sizeof text)
        return;
    memcpy(text, t->source + t->token.start, length);
    text[length] = '\0';
    snprintf(text, sizeof text, "%.17g", strtod(text, NULL));
    replace(t, &t->token, text);
}

static void write_binary(struct translator *t, unsigned long long value) {
    char text[32];
    snprintf(text, sizeof text, "%llu%s", value, t->version >= HAS_INTEGERS ? ".0" : "");
    replace(t, &t->token, text);
}

static void take_number(struct translator *t) {
    struct luajit_numeral numeral;
    if (!luajit_numeral_read(t->source + t->token.start, t->token.end - t->token.start, &numeral)) {
        give_up(t, "malformed number");
        return;
    }
    if (numeral.suffix != LUAJIT_NO_SUFFIX)
        box(t);
    else if (numeral.base == LUAJIT_BINARY)
        write_binary(t, numeral.value);
    else if (numeral.base == LUAJIT_HEX && !numeral.whole && t->version < HAS_HEX_FLOATS)
        write_hex_float(t);
    else if (numeral.whole && t->version >= HAS_INTEGERS)
        insert(t, CLOSES, t->token.end, numeral.base == LUAJIT_HEX ? "p0" : ".0");
    next(t);
}

/* Strings */

static unsigned hex_digit(char c) {
    return isdigit((unsigned char)c) ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a' + 10);
}

static void add_byte(struct translator *t, unsigned byte) {
    char escape[8];
    snprintf(escape, sizeof escape, "\\%03u", byte & 0xff);
    add(t, escape);
}

static void add_utf8(struct translator *t, unsigned c) {
    static const unsigned heads[] = {0, 0xc0, 0xe0, 0xf0};
    unsigned more = c < 0x80 ? 0 : c < 0x800 ? 1 : c < 0x10000 ? 2 : 3;
    add_byte(t, heads[more] | c >> 6 * more);
    while (more-- > 0)
        add_byte(t, 0x80 | (c >> 6 * more & 0x3f));
}

/* What follows a backslash and x, u or z at `at` is written as older Luas have it. Returns where it ends. The lexer has
 * seen that the string ends, with a quote that is neither of these digits. */
static size_t write_hex(struct translator *t, size_t at) {
    if (!isxdigit((unsigned char)t->source[at + 1]) || !isxdigit((unsigned char)t->source[at + 2])) {
        give_up(t, "invalid escape");
        return at + 1;
    }
    add_byte(t, hex_digit(t->source[at + 1]) << 4 | hex_digit(t->source[at + 2]));
    return at + 3;
}

static size_t write_utf8(struct translator *t, size_t at) {
    unsigned c = 0;
    size_t from = at + 2;
    for (at = from; t->source[from - 1] == '{' && isxdigit((unsigned char)t->source[at]) && c <= 0x10ffff; at++)
        c = c << 4 | hex_digit(t->source[at]);
    if (at == from || t->source[at] != '}' || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff)) {
        give_up(t, "invalid escape");
        return from - 1;
    }
    add_utf8(t, c);
    return at + 1;
}

/* The newlines that go away here come back behind the string. */
static size_t skip_blanks(const struct translator *t, size_t at, size_t *lines) {
    struct luajit_lexer lexer = t->lexer;
    lexer.line = 0;
    lexer.at = at + 1;
    while (isspace((unsigned char)t->source[lexer.at])) {
        if (t->source[lexer.at] == '\n' || t->source[lexer.at] == '\r')
            luajit_lex_newline(&lexer);
        else
            lexer.at++;
    }
    *lines += lexer.line;
    return lexer.at;
}

/* Whether the version reads the escape that begins with c. */
static bool is_known(const struct translator *t, char c) {
    return !((c == 'u' && t->version < HAS_U) || ((c == 'x' || c == 'z') && t->version < HAS_X));
}

static void take_string(struct translator *t) {
    size_t from = t->texts_size, at = t->token.start, end = t->token.end, lines = 0;
    bool same = true;
    bool quoted = t->source[at] != '[';
    while (quoted && at < end) {
        bool is_escape = t->source[at] == '\\'; /* which the last byte, the quote, is not */
        if (!is_escape || is_known(t, t->source[at + 1])) {
            size_t length = is_escape ? 2 : 1;
            add_bytes(t, t->source + at, length);
            at += length;
            continue;
        }
        char escape = t->source[at + 1];
        same = false;
        at = escape == 'x'   ? write_hex(t, at + 1)
             : escape == 'u' ? write_utf8(t, at + 1)
                             : skip_blanks(t, at + 1, &lines);
    }
    while (lines-- > 0)
        add(t, "\n");
    if (quoted && !same)
        note(t, REPLACES, t->token.start, end - t->token.start, from);
    else
        t->texts_size = from;
    next(t);
}

/* Names */

static bool is_text(const struct translator *t, const struct luajit_token *token, const char *text) {
    size_t length = token->end - token->start;
    return strlen(text) == length && memcmp(t->source + token->start, text, length) == 0;
}

/* Whether Lua doesn't take it for a name. */
static bool is_odd(const struct translator *t, const struct luajit_token *token) {
    if (token->kind == GOTO)
        return t->version >= HAS_GOTO;
    for (size_t i = token->start; i < token->end; i++)
        if ((unsigned char)t->source[i] >= 0x80)
            return true;
    return false;
}

static bool is_name(const struct translator *t) {
    return is(t, NAME) || is(t, GOTO);
}

/* A variable or a label: what Lua doesn't take gets another name. */
static void take_name(struct translator *t) {
    if (!is_name(t)) {
        give_up(t, "a name expected");
        return;
    }
    if (is_odd(t, &t->token) || is_text(t, &t->token, "_ENV")) {
        size_t from = t->texts_size;
        add(t, "callgate_");
        for (size_t i = t->token.start; i < t->token.end; i++) {
            char hex[4];
            if ((unsigned char)t->source[i] < 0x80)
                add_bytes(t, t->source + i, 1);
            else
                add_bytes(t, hex, (size_t)snprintf(hex, sizeof hex, "_%02x", (unsigned char)t->source[i]));
        }
        note(t, REPLACES, t->token.start, t->token.end - t->token.start, from);
    }
    next(t);
}

/* Takes a field's name. What Lua doesn't take as one is written as a string, with before in place of the dot, if there is
 * one, and after behind it. */
static bool take_field(struct translator *t, const struct luajit_token *dot, const char *before, const char *after) {
    bool odd = is_name(t) && is_odd(t, &t->token);
    if (!is_name(t)) {
        give_up(t, "a name expected");
        return false;
    }
    if (odd) {
        if (dot)
            replace(t, dot, before);
        size_t from = t->texts_size;
        add(t, dot ? "\"" : "[\"");
        add_bytes(t, t->source + t->token.start, t->token.end - t->token.start);
        add(t, "\"");
        add(t, after);
        note(t, REPLACES, t->token.start, t->token.end - t->token.start, from);
    }
    next(t);
    return odd;
}

/* Expressions */

/* What an expression can be told to be: anything; no cdata, but maybe a number; or no number either. */
enum operand { OTHER, PLAIN, LITERAL_STRING, CONCATENATION };

static enum operand take_expression(struct translator *t, int limit);
static void take_body(struct translator *t);

static void take_expressions(struct translator *t) {
    do
        take_expression(t, 0);
    while (take(t, ','));
}

/* What stands in brackets. A key is the same whether it is an integer or not. */
static void take_key(struct translator *t) {
    struct luajit_numeral numeral;
    expect(t, '[');
    size_t length = t->token.end - t->token.start;
    bool alone = is(t, NUMBER) && look_ahead(t)->kind == ']' && length < 15 &&
                 luajit_numeral_read(t->source + t->token.start, length, &numeral) && numeral.whole &&
                 numeral.base != LUAJIT_BINARY && numeral.suffix == LUAJIT_NO_SUFFIX;
    if (alone)
        next(t);
    else
        take_expression(t, 0);
    expect(t, ']');
}

static void take_table(struct translator *t) {
    expect(t, '{');
    while (!is(t, '}') && !t->problem) {
        if (is(t, '[')) {
            take_key(t);
            expect(t, '=');
        } else if (is_name(t) && look_ahead(t)->kind == '=') {
            take_field(t, NULL, "", "]");
            next(t);
        }
        take_expression(t, 0);
        if (!take(t, ',') && !take(t, ';'))
            break;
    }
    expect(t, '}');
}

static bool take_arguments(struct translator *t) {
    if (is(t, STRING)) {
        take_string(t);
    } else if (is(t, '{')) {
        take_table(t);
    } else if (take(t, '(')) {
        if (!is(t, ')'))
            take_expressions(t);
        expect(t, ')');
    } else {
        return false;
    }
    return true;
}

/* A call of a method that Lua has no name for is one of what callgate_literal(object, "name") returns. */
static void take_method(struct translator *t, size_t start) {
    struct luajit_token colon = t->token;
    next(t);
    if (take_field(t, &colon, ",", ")")) {
        t->uses_names = true;
        insert(t, OPENS, start, LUAJIT_LITERAL "(");
    }
    if (!take_arguments(t))
        give_up(t, "arguments expected");
}

/* Returns the number of suffixes. */
static int take_suffixed(struct translator *t) {
    int suffixes = 0;
    size_t start = t->token.start;
    if (take(t, '(')) {
        take_expression(t, 0);
        expect(t, ')');
    } else {
        take_name(t);
    }
    for (;; suffixes++) {
        struct luajit_token dot = t->token;
        if (is(t, '[')) {
            take_key(t);
        } else if (is(t, ':')) {
            take_method(t, start);
        } else if (take(t, '.')) {
            take_field(t, &dot, "[", "]");
        } else if (!take_arguments(t)) {
            return suffixes;
        }
    }
}

/* Whether a call of type() begins at the token. */
static bool is_type_call(struct translator *t) {
    return is(t, NAME) && is_text(t, &t->token, "type") && look_ahead(t)->kind == '(';
}

static enum operand take_simple(struct translator *t) {
    if (is(t, STRING)) {
        take_string(t);
        return LITERAL_STRING;
    }
    if (is(t, NUMBER)) {
        bool plain = isdigit((unsigned char)t->source[t->token.end - 1]);
        take_number(t);
        return plain ? PLAIN : OTHER;
    }
    if (take(t, NIL) || take(t, TRUE) || take(t, FALSE))
        return PLAIN;
    if (take(t, DOTS))
        return OTHER;
    if (is(t, '{')) {
        take_table(t);
        return PLAIN;
    }
    if (take(t, FUNCTION)) {
        take_body(t);
        return PLAIN;
    }
    bool is_type = is_type_call(t);
    return take_suffixed(t) == 1 && is_type ? PLAIN : OTHER;
}

enum { COMPARE = 3, UNARY = 12, CONCAT_LEFT = 9, CONCAT_RIGHT = 8, POWER_LEFT = 14, POWER_RIGHT = 13 };

/* How strongly a binary operator binds, 0 if it is none; Lua's own among them. */
static int priority(const struct luajit_token *token) {
    switch ((int)token->kind) {
    case OR:
        return 1;
    case AND:
        return 2;
    case '<':
    case '>':
    case COMPARISON:
        return COMPARE;
    case '|':
        return 4;
    case '~':
        return 5;
    case '&':
        return 6;
    case SHIFT:
        return 7;
    case CONCAT:
        return CONCAT_LEFT;
    case '+':
    case '-':
        return 10;
    case '*':
    case '/':
    case DIVISION:
    case '%':
        return 11;
    case '^':
        return POWER_LEFT;
    default:
        return 0;
    }
}

/* What is between start and the last token becomes the argument of a call. If it ended with what can't be called, it can
 * be now. */
static void wrap(struct translator *t, size_t start, const char *function) {
    t->uses_names = true;
    insert(t, OPENS, start, function);
    insert(t, CLOSES, t->last.end, ")");
    if (is(t, '('))
        insert(t, SEPARATES, t->token.start, ";");
    else if (is(t, STRING) || is(t, '{') || is(t, '[') || is(t, '.') || is(t, ':'))
        give_up(t, "unexpected symbol");
}

/* An operand of .. is written as LuaJIT does. */
static void wrap_text(struct translator *t, enum operand operand, size_t start) {
    if ((operand == OTHER || operand == PLAIN) && t->version >= HAS_INTEGERS && !t->problem)
        wrap(t, start, LUAJIT_TEXT "(");
}

static enum operand take_concatenation(struct translator *t, enum operand left, size_t start) {
    wrap_text(t, left, start);
    next(t);
    start = t->token.start;
    wrap_text(t, take_expression(t, CONCAT_RIGHT), start);
    return CONCATENATION;
}

/* == or ~=, and what follows; what is before it begins at start. */
static enum operand take_equality(struct translator *t, enum operand left, size_t start) {
    struct luajit_token equality = t->token;
    next(t);
    enum operand right = take_expression(t, COMPARE);
    if ((left == OTHER || right == OTHER) && !t->problem) {
        replace(t, &equality, ",");
        wrap(t, start, t->source[equality.start] == '~' ? "not " LUAJIT_EQUAL "(" : LUAJIT_EQUAL "(");
    }
    return PLAIN;
}

static bool is_equality(const struct translator *t) {
    return is_text(t, &t->token, "==") || is_text(t, &t->token, "~=");
}

/* The operator that the token is, and what follows. */
static enum operand take_operator(struct translator *t, int strength, enum operand left, size_t start) {
    if (is(t, CONCAT))
        return take_concatenation(t, left, start);
    if (is_equality(t))
        return take_equality(t, left, start);
    next(t);
    take_expression(t, strength == POWER_LEFT ? POWER_RIGHT : strength);
    return OTHER;
}

static enum operand take_unary(struct translator *t) {
    bool plain = is(t, NOT) || is(t, '#');
    next(t);
    take_expression(t, UNARY);
    return plain ? PLAIN : OTHER;
}

static enum operand take_expression(struct translator *t, int limit) {
    size_t start = t->token.start;
    if (!enter(t))
        return OTHER;
    bool is_unary = is(t, '-') || is(t, NOT) || is(t, '#') || is(t, '~');
    enum operand left = is_unary ? take_unary(t) : take_simple(t);
    for (int strength; (strength = priority(&t->token)) > limit;)
        left = take_operator(t, strength, left, start);
    t->depth--;
    return left;
}

/* Statements */

static void take_block(struct translator *t);

static void take_names(struct translator *t) {
    do {
        take_name(t);
        if (take(t, '<')) { /* 5.4's attributes */
            take_name(t);
            expect(t, '>');
        }
    } while (take(t, ','));
}

static void take_parameters(struct translator *t) {
    if (is(t, ')'))
        return;
    do {
        if (take(t, DOTS))
            return;
        take_name(t);
    } while (take(t, ','));
}

/* Parameters and block of a function, to its end. */
static void take_body(struct translator *t) {
    expect(t, '(');
    take_parameters(t);
    expect(t, ')');
    take_block(t);
    expect(t, ENDS);
}

/* function a.b:c(...), which becomes a.b["c"]=function(self,...) if one of the names is odd. */
static void take_function(struct translator *t) {
    struct luajit_token keyword = t->token, colon = {END, 0, 0, 0};
    bool odd = false;
    next(t);
    take_name(t);
    while (is(t, '.') || is(t, ':')) {
        struct luajit_token dot = t->token;
        next(t);
        bool this_odd = take_field(t, &dot, "[", "]");
        odd |= this_odd;
        if (dot.kind != ':')
            continue;
        colon = dot;
        if (odd && !this_odd)
            replace(t, &dot, ".");
        break;
    }
    if (odd) {
        replace(t, &keyword, "");
        insert(t, CLOSES, t->last.end, "=function");
    }
    if (odd && colon.kind == ':' && is(t, '('))
        insert(t, CLOSES, t->token.end, look_ahead(t)->kind == ')' ? "self" : "self,");
    take_body(t);
}

static void take_local(struct translator *t) {
    next(t);
    if (take(t, FUNCTION)) {
        take_name(t);
        take_body(t);
        return;
    }
    take_names(t);
    if (take(t, '='))
        take_expressions(t);
}

static void take_for(struct translator *t) {
    next(t);
    take_names(t);
    if (!take(t, '='))
        expect(t, IN);
    take_expressions(t);
    expect(t, DO);
    take_block(t);
    expect(t, ENDS);
}

static void take_if(struct translator *t) {
    do {
        next(t); /* if, elseif */
        take_expression(t, 0);
        expect(t, THEN);
        take_block(t);
    } while (is(t, ELSEIF));
    if (take(t, ELSE))
        take_block(t);
    expect(t, ENDS);
}

static void take_while(struct translator *t) {
    next(t);
    take_expression(t, 0);
    expect(t, DO);
    take_block(t);
    expect(t, ENDS);
}

static void take_repeat(struct translator *t) {
    next(t);
    take_block(t);
    expect(t, UNTIL);
    take_expression(t, 0);
}

static bool ends_block(const struct translator *t) {
    return is(t, END) || is(t, ELSE) || is(t, ELSEIF) || is(t, ENDS) || is(t, UNTIL);
}

static void take_return(struct translator *t) {
    next(t);
    if (!ends_block(t) && !is(t, ';'))
        take_expressions(t);
}

/* A call or an assignment. */
static void take_other(struct translator *t) {
    take_suffixed(t);
    while (take(t, ','))
        take_suffixed(t);
    if (take(t, '='))
        take_expressions(t);
}

static void take_label(struct translator *t) {
    next(t);
    take_name(t);
    expect(t, LABEL);
}

static void take_do(struct translator *t) {
    next(t);
    take_block(t);
    expect(t, ENDS);
}

static void take_goto(struct translator *t) {
    next(t);
    take_name(t);
}

static void take_statement(struct translator *t) {
    static const struct {
        enum luajit_kind kind;
        void (*take)(struct translator *t);
    } statements[] = {{(enum luajit_kind)';', next},
                      {BREAK, next},
                      {IF, take_if},
                      {WHILE, take_while},
                      {DO, take_do},
                      {FOR, take_for},
                      {LABEL, take_label},
                      {LOCAL, take_local},
                      {REPEAT, take_repeat},
                      {RETURN, take_return},
                      {FUNCTION, take_function}};
    if (!enter(t))
        return;
    void (*take_it)(struct translator *) = take_other;
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (statements[i].kind == t->token.kind)
            take_it = statements[i].take;
    if (is(t, GOTO) && (look_ahead(t)->kind == NAME || look_ahead(t)->kind == GOTO))
        take_it = take_goto;
    take_it(t);
    t->depth--;
}

static void take_block(struct translator *t) {
    while (!ends_block(t))
        take_statement(t);
}

/* The whole */

/* A mark of UTF-8 and a first line with # are no source; LuaJIT skips them in strings, too. Returns where the rest begins. */
static size_t skip_head(struct translator *t) {
    struct luajit_lexer *l = &t->lexer;
    size_t mark = l->size >= 3 && memcmp(l->source, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
    l->at = mark;
    if (l->at < l->size && l->source[l->at] == '#')
        while (l->at < l->size && l->source[l->at] != '\n' && l->source[l->at] != '\r')
            l->at++;
    return l->at;
}

static int write_result(struct translator *t, size_t from, struct translation *to) {
    static const char names[] = "local " LUAJIT_TEXT "," LUAJIT_EQUAL "," LUAJIT_LITERAL "=(\"\"):callgate()";
    size_t room = t->lexer.size + t->texts_size + sizeof names + 1;
    char *text = t->no_memory ? NULL : malloc(room), *at = text;
    if (!text)
        return -ENOMEM;
    if (t->uses_names)
        at += snprintf(at, sizeof names + 1, "%s ", names);
    if (t->count)
        qsort(t->edits, t->count, sizeof *t->edits, compare_edits);
    for (size_t i = 0; i < t->count; i++) {
        const struct edit *edit = &t->edits[i];
        memcpy(at, t->source + from, edit->at - from);
        at += edit->at - from;
        memcpy(at, t->texts + edit->text, edit->size);
        at += edit->size;
        from = edit->at + edit->length;
    }
    memcpy(at, t->source + from, t->lexer.size - from);
    at += t->lexer.size - from;
    *at = '\0';
    to->text = text;
    to->size = (size_t)(at - text);
    return 0;
}

int luajit_translate(const char *source, size_t size, int version, struct translation *to) {
    struct translator t = {.lexer = {.source = source, .size = size, .line = 1}, .source = source, .version = version};
    size_t from = skip_head(&t);
    next(&t);
    take_block(&t);
    if (!is(&t, END))
        give_up(&t, "unexpected symbol");
    to->problem = t.problem;
    to->line = t.refused.line;
    to->near = source + t.refused.start;
    to->near_size = t.refused.end - t.refused.start;
    int status = write_result(&t, from, to);
    free(t.edits);
    free(t.texts);
    return status;
}
