/* Comments: their words, without what makes them comments; and those of macros, for which libclang has none.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "cgen/model.h"

/* The bytes at that place that join two lines: a backslash, and the end of the first. */
static size_t joint_length(const char *at) {
    return strncmp(at, "\\\n", 2) == 0 ? 2 : strncmp(at, "\\\r\n", 3) == 0 ? 3 : 0;
}

static const char *without_joints(const char *raw) {
    char *text = memory_take(strlen(raw) + 1), *to = text;
    while (*raw) {
        size_t length = joint_length(raw);
        if (!length)
            *to++ = *raw++;
        raw += length;
    }
    return text;
}

const char *comment_words(const char *raw) {
    char *text = memory_take(strlen(raw) + 1), *end = text;
    raw = without_joints(raw);
    while (*raw) {
        size_t length = strcspn(raw, "\r\n");
        const char *next = raw + length + (raw[length] == '\r');
        next += *next == '\n';
        while (length && strchr(" \t*/!<", *raw) && *raw)
            raw++, length--;
        while (length && strchr(" \t*/", raw[length - 1]))
            length--;
        if (length || end != text) {
            memcpy(end, raw, length);
            end += length;
            *end++ = '\n';
        }
        raw = next;
    }
    while (end > text && end[-1] == '\n')
        *--end = '\0';
    return *text ? text : NULL;
}

/* Behind the line, and those that are joined with it. */
static const char *end_of_lines(const char *at) {
    for (size_t length; (length = joint_length(at)) != 0 || !strchr("\r\n", *at);) /* the text's end is one, too */
        at += length ? length : 1;
    return at;
}

static bool is_joined_before(const char *text, const char *at) {
    return (at - text >= 2 && joint_length(at - 2) == 2) || (at - text >= 3 && joint_length(at - 3) == 3);
}

/* A line, with those that are joined with it, without the blanks around it. */
struct line {
    const char *start, *begin, *end; /* start is before the blanks */
};

static struct line line_at(const char *text, const char *at) {
    struct line line = {at, at, end_of_lines(at)};
    while (line.start > text && (line.start[-1] != '\n' || is_joined_before(text, line.start)))
        line.start--;
    line.begin = line.start + strspn(line.start, " \t");
    while (line.end > line.begin && strchr(" \t", line.end[-1]))
        line.end--;
    return line;
}

/* Goes to the line before; false if there is none. */
static bool go_back(const char *text, struct line *line) {
    if (line->start == text)
        return false;
    const char *end = line->start - 1;
    end -= end > text && end[-1] == '\r';
    *line = line_at(text, end);
    return true;
}

static bool begins_with(const struct line *line, const char *word) {
    return (size_t)(line->end - line->begin) >= strlen(word) && strncmp(line->begin, word, strlen(word)) == 0;
}

static bool ends_comment(const struct line *line) {
    return line->end - line->begin >= 2 && strncmp(line->end - 2, "*/", 2) == 0;
}

static bool opens_comment(const struct line *line) {
    const char *opening = strstr(line->begin, "/*");
    return opening && opening < line->end;
}

static const char *words_between(const char *begin, const char *end) {
    return comment_words(memory_format("%.*s", (int)(end - begin), begin));
}

/* What stands above a line by itself: behind something else it would be about that. */
static const char *words_above(const char *text, struct line line) {
    if (!go_back(text, &line))
        return NULL;
    const char *begin = NULL, *end = line.end;
    if (ends_comment(&line)) {
        while (!opens_comment(&line) && go_back(text, &line))
            ;
        return begins_with(&line, "/*") ? words_between(line.begin, end) : NULL;
    }
    for (bool has = true; has && begins_with(&line, "//"); has = go_back(text, &line))
        begin = line.begin;
    return begin ? words_between(begin, end) : NULL;
}

static const char *words_behind(const char *at) {
    const char *begin = at + strspn(at, " \t");
    const char *end = strncmp(begin, "/*", 2) == 0   ? strstr(begin, "*/")
                      : strncmp(begin, "//", 2) == 0 ? end_of_lines(begin)
                                                     : NULL;
    return end ? words_between(begin, end) : NULL;
}

/* Behind several lines it is the last parameter's, unless they are a struct's. Attributes may stand before the semicolon. */
const char *comment_of_declaration(const char *text, size_t begin, size_t end) {
    const char *at = text + end + strcspn(text + end, ";{}\r\n");
    const struct line first = line_at(text, text + begin), last = line_at(text, text + end);
    bool may_have = first.start == last.start || begins_with(&last, "}");
    return *at == ';' && may_have ? words_behind(at + 1) : NULL;
}

/* What stands in parentheses behind a name, if anything does. */
static const char *skip_arguments(const char *at) {
    const char *next = at + strspn(at, " \t");
    int depth = *next == '(';
    if (!depth)
        return at;
    while (depth && *++next)
        depth += (*next == '(') - (*next == ')');
    return next + (*next == ')');
}

/* Behind attributes, which macros may stand for. */
static const char *skip_attributes(const char *at, const struct table *macros) {
    static const char of_names[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    for (bool is_one = true; is_one;) {
        at += strspn(at, " \t");
        size_t length = strspn(at, of_names);
        const char *name = memory_format("%.*s", (int)length, at);
        is_one = strcmp(name, "__attribute__") == 0 || strcmp(name, "__attribute") == 0 || table_get(macros, name);
        at = is_one ? skip_arguments(at + length) : at;
    }
    return at;
}

/* Whether a typedef begins before that place, and names what stands there. */
static bool is_typedef_before(const char *text, const char *at) {
    static const char word[] = "typedef";
    size_t length = strlen(word);
    while (at > text && strchr(" \t\r\n", at[-1]))
        at--;
    return (size_t)(at - text) >= length && strncmp(at - length, word, length) == 0;
}

/* Behind a variable, or a function, that is declared with it, it is about that; a typedef is another name of the same. */
const char *comment_of_tag(const char *text, size_t begin, size_t end, const struct table *macros) {
    bool may_have = is_typedef_before(text, text + begin) || *skip_attributes(text + end, macros) == ';';
    return may_have ? comment_of_declaration(text, begin, end) : NULL;
}

const char *comment_of_macro(const char *text, size_t begin, size_t end) {
    const char *above = words_above(text, line_at(text, text + begin));
    return above ? above : words_behind(text + end);
}
