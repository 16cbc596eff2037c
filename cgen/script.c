/* What a Lua script declares: the texts that it gives to cdef and declare, as strings or strings joined by "..".
 *
 * Each byte of them keeps its place in the script. A text that only the script's run would make is an error, so that
 * nobody takes for right what was not read.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

struct script {
    const char *at;     /* what is read next */
    struct place place; /* where that stands */
    struct text *text;  /* what was found */
    bool defines;       /* the name that is read is a new function's */
    bool has_alias;     /* cdef or declare is a variable here */
    bool failed;
};

static void pass(struct script *s, size_t count) {
    for (; count && *s->at; count--)
        text_pass(&s->place, *s->at++);
}

/* Strings. What they hold goes to a text; without one they are passed. */

/* The length of the bracket that opens a long string or comment, "[==[", or 0. */
static size_t bracket_at(const char *at) {
    size_t level = *at == '[' ? strspn(at + 1, "=") : 0;
    return *at == '[' && at[1 + level] == '[' ? level + 2 : 0;
}

static bool read_long(struct script *s, struct text *to) {
    size_t bracket = bracket_at(s->at);
    const char *closing = memory_format("]%.*s]", (int)bracket - 2, s->at + 1);
    pass(s, bracket);
    const char *end = strstr(s->at, closing);
    size_t length = end ? (size_t)(end - s->at) : strlen(s->at);
    if (to)
        text_add(to, s->at, length, s->place);
    pass(s, length + bracket);
    return end != NULL;
}

/* The byte that an escape stands for, and its length; 0 for one that stands for none, or for several. */
static char byte_of_escape(const char *at, size_t *length) {
    static const char names[] = "abfnrtv\\\"'\n", bytes[] = "\a\b\f\n\r\t\v\\\"'\n";
    const char *name = at[1] ? strchr(names, at[1]) : NULL;
    char digits[4] = "";
    *length = 2;
    if (name)
        return bytes[name - names];
    bool is_hex = at[1] == 'x' && isxdigit((unsigned char)at[2]) && isxdigit((unsigned char)at[3]);
    strncpy(digits, is_hex ? at + 2 : at + 1, is_hex ? 2 : 3);
    digits[is_hex ? 2 : strspn(digits, "0123456789")] = '\0';
    *length = strlen(digits) + (is_hex ? 2 : 1);
    return (char)strtoul(digits, NULL, is_hex ? 16 : 10);
}

static bool read_escape(struct script *s, struct text *to) {
    struct place place = s->place;
    size_t length;
    char byte = byte_of_escape(s->at, &length);
    bool is_gap = s->at[1] == 'z';
    if (is_gap)
        length = 2 + strspn(s->at + 2, " \t\r\n\v\f");
    if (!is_gap && byte && to)
        text_add(to, &byte, 1, place);
    pass(s, byte || is_gap ? length : 2);
    return byte || is_gap;
}

static bool read_quoted(struct script *s, struct text *to) {
    char quote = *s->at, special[] = {quote, '\\', '\n', '\0'};
    bool is_read = true;
    pass(s, 1);
    for (;;) {
        size_t length = strcspn(s->at, special);
        if (length && to)
            text_add(to, s->at, length, s->place);
        pass(s, length);
        if (*s->at != '\\')
            break;
        is_read &= read_escape(s, to);
    }
    is_read &= *s->at == quote;
    pass(s, 1);
    return is_read;
}

static bool is_string(const struct script *s) {
    return *s->at == '"' || *s->at == '\'' || bracket_at(s->at);
}

static bool read_string(struct script *s, struct text *to) {
    return bracket_at(s->at) ? read_long(s, to) : read_quoted(s, to);
}

/* What stands between words */

static void skip_comment(struct script *s) {
    pass(s, 2);
    if (bracket_at(s->at))
        read_long(s, NULL);
    else
        pass(s, strcspn(s->at, "\n"));
}

static void skip_space(struct script *s) {
    while (isspace((unsigned char)*s->at) || strncmp(s->at, "--", 2) == 0) {
        if (*s->at == '-')
            skip_comment(s);
        else
            pass(s, 1);
    }
}

/* Texts */

static bool read_operand(struct script *s);

static bool read_joined(struct script *s) {
    bool is_read = read_operand(s);
    while (is_read && strncmp(s->at, "..", 2) == 0) {
        pass(s, 2);
        is_read = read_operand(s);
    }
    return is_read;
}

static bool read_operand(struct script *s) {
    bool is_read = false;
    skip_space(s);
    if (is_string(s)) {
        is_read = read_string(s, s->text);
    } else if (*s->at == '(') {
        pass(s, 1);
        is_read = read_joined(s) && *s->at == ')';
        pass(s, 1);
    } else if (isdigit((unsigned char)*s->at)) {
        size_t length = strspn(s->at, "0123456789");
        text_add(s->text, s->at, length, s->place);
        pass(s, length);
        is_read = !isalnum((unsigned char)*s->at);
    }
    skip_space(s);
    return is_read;
}

/* What a function is called with, or, by pcall, what stands behind it. */
static bool read_argument(struct script *s) {
    if (is_string(s))
        return read_string(s, s->text);
    pass(s, 1);
    return read_joined(s) && (*s->at == ')' || *s->at == ',');
}

/* Where cdef or declare is named. */
struct use {
    const char *name;
    struct place place;
    bool is_member; /* ffi.cdef */
    bool is_first;  /* in parentheses, as what pcall is to call */
};

/* Behind its name. */
static void read_use(struct script *s, const struct use *use) {
    struct script behind = *s;
    struct text before = *s->text;
    skip_space(s);
    bool is_call = is_string(s) || *s->at == '(' || (*s->at == ',' && use->is_first);
    bool is_other =
        strcmp(use->name, "declare") == 0 && !use->is_member && !s->has_alias; /* a function of the script's own */
    if (is_call && !is_other && read_argument(s)) {
        text_add_own(s->text, "\n;\n"); /* the last may lack one */
        return;
    }
    *s->text = before;
    text_add_own(s->text, ""); /* what ended it is no longer there */
    *s = behind;
    if (use->is_member ? !is_call && s->has_alias : !is_call || is_other)
        return;
    s->failed = true;
    report(&use->place, "error", "%s: what it declares is not read, for it is not called with strings alone",
           use->name);
}

static bool is_in_name(char byte) {
    return isalnum((unsigned char)byte) || byte == '_';
}

static const char *skip_back(const char *at, const char *script) {
    while (at > script && isspace((unsigned char)at[-1]))
        at--;
    return at;
}

/* A use of the name that stands behind before; of a member's, that is behind what has it. */
static struct use use_of(const char *name, struct place place, bool is_member, const char *before, const char *script) {
    while (is_member && before > script && is_in_name(before[-1]))
        before--;
    before = skip_back(before, script);
    return (struct use){name, place, is_member, before > script && before[-1] == '('};
}

static bool is_looked_for(const char *name) {
    return strcmp(name, "cdef") == 0 || strcmp(name, "declare") == 0;
}

static void read_name(struct script *s, const char *script) {
    size_t length = 0;
    while (is_in_name(s->at[length]))
        length++;
    const char *name = memory_format("%.*s", (int)length, s->at);
    bool is_member = s->at > script + 1 && s->at[-1] == '.' && s->at[-2] != '.';
    const struct use use = use_of(name, s->place, is_member, s->at - is_member, script);
    pass(s, length);
    if (is_looked_for(name) && !s->defines)
        read_use(s, &use);
    s->has_alias |= is_looked_for(name) && !use.is_member && !s->defines;
    s->defines = strcmp(name, "function") == 0 || (s->defines && strchr(".:", *s->at));
}

/* What has the key that a string at that place is, ffi["cdef"]: where it ends; NULL if nothing has, as in a constructor. */
static const char *owner_of_key(const char *at, const char *script) {
    const char *bracket = skip_back(at, script);
    if (bracket == script || bracket[-1] != '[')
        return NULL;
    const char *end = skip_back(bracket - 1, script);
    return end > script && (is_in_name(end[-1]) || strchr(")]\"'", end[-1])) ? end : NULL;
}

/* A string by itself, which may be a key. */
static void read_key(struct script *s, const char *script) {
    struct text key = {.bytes = NULL};
    const char *owner = owner_of_key(s->at, script);
    struct place place = s->place;
    text_add_own(&key, "");
    read_string(s, &key);
    skip_space(s);
    if (!owner || !is_looked_for(key.bytes) || *s->at != ']')
        return;
    const struct use use = use_of(key.bytes, place, true, owner, script);
    pass(s, 1);
    read_use(s, &use);
}

int script_read(const char *path, const char *script, struct text *text) {
    struct script s = {.at = script, .place = {path, 1, 1}, .text = text};
    text_add_own(text, "");
    pass(&s, *script == '#' ? strcspn(script, "\n") : 0);
    for (skip_space(&s); *s.at; skip_space(&s)) {
        if (isalpha((unsigned char)*s.at) || *s.at == '_')
            read_name(&s, script);
        else if (is_string(&s))
            read_key(&s, script);
        else
            pass(&s, isdigit((unsigned char)*s.at) ? strspn(s.at, "0123456789xXabcdefABCDEF") : 1);
    }
    for (char *at = text->bytes; (at = strstr(at, "[?]"));) /* an array whose size ffi.new is told */
        at[1] = ' ';
    return s.failed;
}
