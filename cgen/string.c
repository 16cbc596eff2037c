/* Strings: what a literal of C is worth, in any of its widths, and how Lua and JSON have it.
 *
 * What is in one need not be text. Lua has any bytes. JSON has text alone: a literal that is none is an array of numbers, and
 * what is no UTF-8 in a comment or a path is taken for Latin-1.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

const char *string_plural(size_t count) {
    return count == 1 ? "" : "s";
}

/* Code units */

unsigned long string_unit(const struct value *value, size_t index) {
    const char *at = value->string + index * value->unit_size;
    unsigned char byte;
    unsigned short half;
    unsigned word;
    switch (value->unit_size) {
    case sizeof byte:
        memcpy(&byte, at, sizeof byte);
        return byte;
    case sizeof half:
        memcpy(&half, at, sizeof half);
        return half;
    default:
        memcpy(&word, at, sizeof word);
        return word;
    }
}

static void add_unit(struct value *value, char *string, unsigned long unit) {
    memcpy(string + value->length++ * value->unit_size, &unit, value->unit_size); /* the lowest bytes come first */
}

static void add_code_point(struct value *value, char *string, unsigned long point) {
    bool is_pair = value->unit_size == 2 && point > 0xffff;
    if (is_pair)
        add_unit(value, string, 0xd800 + ((point - 0x10000) >> 10));
    add_unit(value, string, is_pair ? 0xdc00 + (point & 0x3ff) : point);
}

/* Reads what is behind a backslash; returns where it ends. */
static const char *read_escape(struct value *value, char *string, const char *at) {
    static const char letters[] = "abfnrtv", meanings[] = "\a\b\f\n\r\t\v";
    const char *letter = strchr(letters, *at);
    char digits[9] = "";
    char *end;
    if (letter || !strchr("xuU01234567", *at)) {
        add_unit(value, string, (unsigned char)(letter ? meanings[letter - letters] : *at));
        return at + 1;
    }
    size_t most = *at == 'u' ? 4 : *at == 'x' || *at == 'U' ? 8 : 3;
    bool is_octal = isdigit((unsigned char)*at) != 0;
    at += !is_octal;
    memcpy(digits, at, strnlen(at, most));
    add_code_point(value, string, strtoul(digits, &end, is_octal ? 8 : 16));
    return at + (end - digits);
}

/* As libclang spells it: escapes are of ASCII, and pieces stand side by side. */
struct value string_of_literal(const char *literal) {
    struct value value = {.kind = VALUE_STRING, .unit_size = 1};
    bool is_utf8 = strncmp(literal, "u8", 2) == 0;
    if (*literal == 'L' || *literal == 'U')
        value.unit_size = 4;
    else if (*literal == 'u' && !is_utf8)
        value.unit_size = 2;
    char *string = memory_take(strlen(literal) * value.unit_size);
    value.string = string;
    for (const char *at = strchr(literal, '"'); at && *at;) {
        if (*at == '\\')
            at = read_escape(&value, string, at + 1);
        else if (*at++ != '"')
            add_unit(&value, string, (unsigned char)at[-1]);
    }
    return value;
}

/* Characters, by their numbers; -1 is none */

static bool is_character(unsigned long point) {
    return point <= 0x10ffff && (point < 0xd800 || point > 0xdfff);
}

/* The one that UTF-8 has at, and how many bytes it has; none has one. */
static long read_character(const char *at, size_t left, size_t *size) {
    static const unsigned long least[] = {0, 0, 0x80, 0x800, 0x10000};
    unsigned char first = (unsigned char)*at;
    size_t count = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
    unsigned long point = first & (count > 1 ? 0x7fU >> count : 0x7fU);
    bool is = count > 0 && count <= left;
    for (size_t i = 1; i < count && is; i++) {
        is = (at[i] & 0xc0) == 0x80;
        point = point << 6 | (at[i] & 0x3f);
    }
    is = is && point >= least[count] && is_character(point);
    *size = is ? count : 1;
    return is ? (long)point : -1;
}

/* The one that begins at that unit of value, and *index behind it. */
static long next_character(const struct value *value, size_t *index) {
    size_t at = *index, size = 1;
    if (value->unit_size == 1) {
        long point = read_character(value->string + at, value->length - at, &size);
        *index += size;
        return point;
    }
    unsigned long unit = string_unit(value, at), next = at + 1 < value->length ? string_unit(value, at + 1) : 0;
    bool is_pair = value->unit_size == 2 && (unit & 0xfc00) == 0xd800 && (next & 0xfc00) == 0xdc00;
    *index += is_pair ? 2 : 1;
    unit = is_pair ? 0x10000 + ((unit & 0x3ff) << 10) + (next & 0x3ff) : unit;
    return is_character(unit) ? (long)unit : -1;
}

/* Nobody else writes there: to take the lock for each character is most of what it costs. */
static void write_utf8(long point, FILE *out) {
    int more = point < 0x80 ? 0 : point < 0x800 ? 1 : point < 0x10000 ? 2 : 3;
    int mark = more ? 0xff00 >> (more + 1) & 0xff : 0;
    putc_unlocked((int)(point >> 6 * more) | mark, out);
    while (more-- > 0)
        putc_unlocked(0x80 | (int)(point >> 6 * more & 0x3f), out);
}

static void write_character(long point, bool is_json, FILE *out) {
    if (point == '"' || point == '\\')
        fprintf(out, "\\%c", (int)point);
    else if (point == '\n')
        fputs("\\n", out);
    else if (point == '\t')
        fputs("\\t", out);
    else if (point < ' ')
        fprintf(out, is_json ? "\\u%04lx" : "\\%03ld", point);
    else
        write_utf8(point, out);
}

/* Quoted */

void write_bytes(const char *bytes, size_t length, FILE *out) {
    putc_unlocked('"', out);
    for (size_t i = 0, size; i < length; i += size) {
        long point = read_character(bytes + i, length - i, &size);
        if (point < 0)
            fprintf(out, "\\%03d", (unsigned char)bytes[i]);
        else
            write_character(point, false, out);
    }
    putc_unlocked('"', out);
}

void write_string(const char *text, FILE *out) {
    write_bytes(text, strlen(text), out);
}

void write_json_string(const char *text, FILE *out) {
    putc_unlocked('"', out);
    for (size_t size; *text; text += size) {
        long point = read_character(text, strlen(text), &size);
        write_character(point < 0 ? (unsigned char)*text : point, true, out);
    }
    putc_unlocked('"', out);
}

static bool is_text(const struct value *value) {
    bool is = true;
    for (size_t i = 0; i < value->length && is;)
        is = next_character(value, &i) >= 0;
    return is;
}

void write_json_literal(const struct value *value, FILE *out) {
    bool is = is_text(value);
    putc_unlocked(is ? '"' : '[', out);
    for (size_t i = 0; i < value->length && is;)
        write_character(next_character(value, &i), true, out);
    for (size_t i = 0; i < value->length && !is; i++)
        fprintf(out, "%s%lu", i ? ", " : "", string_unit(value, i));
    putc_unlocked(is ? '"' : ']', out);
}
