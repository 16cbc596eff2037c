/* Directives: what a preprocessor leaves of them. Line markers say where what follows comes from; #pragma pack is
 * heeded.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bridge/internal.h"

enum { PACKS_MAX = 1000 }; /* that are pushed at once: each pop of a name looks through them */

struct gate__pack {
    unsigned bytes, level;
    const char *name; /* that it was pushed under, of that length, or 0 */
    size_t length;
    const struct gate__pack *outer;
};

static const char *skip_blanks(const char *at) {
    return at + strspn(at, " \t\r\v\f");
}

static bool accept_name(const char **at, const char *name) {
    size_t length = strlen(name);
    if (strncmp(*at, name, length) != 0 || gate__lex_is_name_part((*at)[length]))
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
    while (token.kind != GATE__END && gate__lex_is_name_part(at[0]) && gate__lex_is_name_part(at[token.length]))
        token.length++;
    token.place = gate__lex_place(lexer, at);
    gate__lex_fail(r, &token, -EINVAL, what);
}

/* Reads a number. One with more digits than any line or alignment has comes out as another that can't be meant. */
static unsigned read_count(const char **at) {
    unsigned count = 0;
    for (; gate__lex_is_digit(**at); ++*at)
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
    gate__lex_place(&r->lexer, r->lexer.at); /* its own lines, if a backslash joins some, are counted before */
    r->lexer.line = line - 1;
}

static void push_pack(struct gate__reader *r, const char *at, const char *name, size_t length) {
    const struct gate__pack *outer = r->lexer.packs;
    unsigned level = outer ? outer->level + 1 : 1;
    if (level > PACKS_MAX)
        fail_in_line(r, at, "but more than 1000 were pushed, and not popped");
    struct gate__pack *pack = gate__scope_scratch(r, sizeof *pack);
    if (!pack)
        return;
    *pack = (struct gate__pack){r->lexer.pack, level, name, length, outer};
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
    if ((push || pop) && accept_character(&at, ',') && gate__lex_begins_name(*at)) {
        for (name = at; gate__lex_is_name_part(*at); at++)
            length++;
        at = skip_blanks(at);
        accept_character(&at, ',');
    }
    const char *number = at;
    bool counts = gate__lex_is_digit(*at);
    unsigned bytes = read_count(&at);
    if (!opened || !accept_character(&at, ')') || (*at && *at != '\n')) {
        fail_in_line(r, opened ? at : number, form);
    } else if (bytes > 16 || (bytes & (bytes - 1))) {
        fail_in_line(r, number, form);
    } else {
        if (push)
            push_pack(r, number, name, length);
        if (pop)
            pop_pack(r, name, length);
        if (counts || (!push && !pop))
            r->lexer.pack = bytes;
    }
}

void gate__directive_read(struct gate__reader *r, const char *at) {
    at = skip_blanks(at + 1);
    r->lexer.at = gate__lex_end_of_line(at);
    if (gate__lex_is_digit(*at) || accept_name(&at, "line")) {
        read_marker(r, at);
    } else if (accept_name(&at, "pragma")) {
        if (accept_name(&at, "pack"))
            read_pack(r, at);
    } else if (!accept_name(&at, "ident") && *at && *at != '\n') {
        fail_in_line(r, at, "which is a directive: the text has to be preprocessed first");
    }
}
