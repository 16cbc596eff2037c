/* Literals: what numbers, characters and strings are worth.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>

#include "bridge/internal.h"

/* Numbers */

/* What u, l and ll in any order and case say; false if there is anything else. */
static bool read_suffix(const char *at, const char *end, bool *is_unsigned, unsigned *longs) {
    while (at < end) {
        if ((*at == 'u' || *at == 'U') && !*is_unsigned) {
            *is_unsigned = true;
            at++;
        } else if ((*at == 'l' || *at == 'L') && *longs == 0) {
            *longs = at + 1 < end && at[1] == at[0] ? 2 : 1;
            at += *longs;
        } else {
            return false;
        }
    }
    return true;
}

/* The first type that the value fits, of those that its base and suffix allow (C11 6.4.4.1p5). */
static enum gate_kind kind_of_number(uint64_t value, bool decimal, bool is_unsigned, unsigned longs) {
    static const enum gate_kind kinds[] = {GATE_INT, GATE_UINT, GATE_LONG, GATE_ULONG, GATE_LLONG, GATE_ULLONG};
    for (unsigned i = 2 * longs; i < 6; i++) {
        bool has_sign = i % 2 == 0, is_meant = has_sign ? !is_unsigned : is_unsigned || !decimal;
        unsigned bits = 8 * (unsigned)gate__type_basic(kinds[i])->size - has_sign;
        if (is_meant && (bits >= 64 || value >> bits == 0))
            return kinds[i];
    }
    return GATE_KINDS;
}

static unsigned digit_of(char c) {
    return c >= '0' && c <= '9'   ? (unsigned)(c - '0')
           : c >= 'a' && c <= 'f' ? (unsigned)(c - 'a' + 10)
           : c >= 'A' && c <= 'F' ? (unsigned)(c - 'A' + 10)
                                  : 99;
}

static struct gate__value read_integer(struct gate__reader *r, const struct gate__token *token) {
    const char *at = token->at, *end = at + token->length;
    unsigned base = *at != '0' || token->length < 2 ? 10
                    : at[1] == 'x' || at[1] == 'X'  ? 16
                    : at[1] == 'b' || at[1] == 'B'  ? 2
                                                    : 8;
    const char *digits = at + (base == 16 || base == 2 ? 2 : 0);
    bool is_unsigned = false, overflows = false;
    unsigned longs = 0;
    uint64_t value = 0;
    for (at = digits; at < end && digit_of(*at) < base; at++) {
        overflows |= __builtin_mul_overflow(value, base, &value);
        overflows |= __builtin_add_overflow(value, digit_of(*at), &value);
    }
    if (at == digits || !read_suffix(at, end, &is_unsigned, &longs))
        return gate__value_mistaken(r, token, "expected a number as C writes it");
    enum gate_kind kind = kind_of_number(value, base == 10, is_unsigned, longs);
    if (overflows || kind == GATE_KINDS)
        return gate__value_mistaken(r, token, "which is too large for any integer type");
    return gate__value_integer(kind, value);
}

/* The host's locale may write numbers otherwise. */
static long double scan_real(const char *at, enum gate_kind kind, char **end) {
    locale_t locale = newlocale(LC_ALL_MASK, "C", NULL), before = locale ? uselocale(locale) : NULL;
    long double real = kind == GATE_FLOAT    ? (long double)strtof(at, end)
                       : kind == GATE_DOUBLE ? (long double)strtod(at, end)
                                             : strtold(at, end);
    if (locale) {
        uselocale(before);
        freelocale(locale);
    }
    return real;
}

static struct gate__value read_real(struct gate__reader *r, const struct gate__token *token) {
    static const struct {
        const char *suffix;
        enum gate_kind kind;
    } suffixes[] = {
        {"", GATE_DOUBLE},       {"f", GATE_FLOAT},      {"F", GATE_FLOAT},      {"l", GATE_LDOUBLE},
        {"L", GATE_LDOUBLE},     {"f16", GATE_FLOAT16},  {"F16", GATE_FLOAT16},  {"f32", GATE_FLOAT},
        {"F32", GATE_FLOAT},     {"f64", GATE_DOUBLE},   {"F64", GATE_DOUBLE},   {"f32x", GATE_DOUBLE},
        {"F32x", GATE_DOUBLE},   {"f64x", GATE_LDOUBLE}, {"F64x", GATE_LDOUBLE}, {"f128", GATE_FLOAT128},
        {"F128", GATE_FLOAT128}, {"q", GATE_FLOAT128},   {"Q", GATE_FLOAT128},   {"w", GATE_LDOUBLE},
        {"W", GATE_LDOUBLE},
    };
    char *end;
    scan_real(token->at, GATE_DOUBLE, &end);
    size_t left = end > token->at + token->length ? 0 : (size_t)(token->at + token->length - end);
    for (size_t i = 0; i < sizeof suffixes / sizeof *suffixes; i++) {
        if (gate__lex_is(end, left, suffixes[i].suffix))
            return gate__value_real(suffixes[i].kind, scan_real(token->at, suffixes[i].kind, &end));
    }
    return gate__value_mistaken(r, token, "expected a number as C writes it");
}

struct gate__value gate__literal_number(struct gate__reader *r, const struct gate__token *token) {
    bool is_hexadecimal = token->length > 1 && (token->at[1] == 'x' || token->at[1] == 'X');
    const char *marks = is_hexadecimal ? ".pP" : ".eE";
    for (size_t i = 0; i < token->length; i++) {
        if (strchr(marks, token->at[i]))
            return read_real(r, token);
    }
    return read_integer(r, token);
}

/* Characters */

/* One of a string's or a character's: its code point, or the very unit that it is. */
struct unit {
    uint32_t code;
    bool is_raw;
};

static struct unit read_digits(const char **at, const char *end, unsigned base, unsigned most, bool is_raw,
                               bool *valid) {
    uint64_t code = 0;
    unsigned count = 0;
    for (; *at < end && digit_of(**at) < base && count < most; ++*at, count++) {
        code = code * base + digit_of(**at);
        if (code > UINT32_MAX)
            *valid = false;
    }
    *valid &= count > 0 && (is_raw || count == most);
    return (struct unit){(uint32_t)code, is_raw};
}

/* What follows a backslash. */
static struct unit read_escape(const char **at, const char *end, bool *valid) {
    static const char letters[] = "abefnrtv\\\"'?", codes[] = "\a\b\033\f\n\r\t\v\\\"'?";
    char c = **at;
    const char *letter = c ? strchr(letters, c) : NULL;
    if (c >= '0' && c <= '7')
        return read_digits(at, end, 8, 3, true, valid);
    ++*at;
    if (c == 'x')
        return read_digits(at, end, 16, 1000, true, valid);
    if (c == 'u' || c == 'U') {
        struct unit unit = read_digits(at, end, 16, c == 'u' ? 4 : 8, false, valid);
        *valid &= unit.code <= 0x10ffff;
        return unit;
    }
    *valid &= letter != NULL;
    return (struct unit){letter ? (unsigned char)codes[letter - letters] : 0, true};
}

/* A code point in UTF-8; what is none is taken byte by byte. */
static struct unit read_utf8(const char **at, const char *end) {
    unsigned char first = (unsigned char)**at;
    unsigned more = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : first >= 0xc2 ? 1 : 0;
    uint32_t code = first & (0x3fu >> more);
    ++*at;
    if (first < 0x80 || more == 0 || (size_t)(end - *at) < more)
        return (struct unit){first, true};
    for (unsigned i = 0; i < more; i++) {
        if (((unsigned char)(*at)[i] & 0xc0) != 0x80)
            return (struct unit){first, true};
        code = code << 6 | ((unsigned char)(*at)[i] & 0x3f);
    }
    *at += more;
    return (struct unit){code, false};
}

/* Quoted text, without its prefix and quotes. */
struct quoted {
    const char *at, *end;
    enum gate_kind kind; /* of one character */
};

static struct quoted open_quoted(const struct gate__token *token) {
    int quote = token->kind == GATE__STRING ? '"' : '\'';
    size_t prefix = 0;
    while (prefix < token->length && token->at[prefix] != quote)
        prefix++;
    int first = prefix == 1 ? token->at[0] : '\0';
    enum gate_kind kind = first == 'L' ? GATE_INT : first == 'u' ? GATE_USHORT : first == 'U' ? GATE_UINT : GATE_CHAR;
    return (struct quoted){token->at + prefix + 1, token->at + token->length - 1, kind};
}

static struct unit next_unit(struct gate__reader *r, const struct gate__token *token, struct quoted *quoted) {
    bool valid = true;
    struct unit unit;
    if (*quoted->at == '\\') {
        quoted->at++;
        unit = read_escape(&quoted->at, quoted->end, &valid);
    } else if (quoted->kind == GATE_CHAR) {
        unit = (struct unit){(unsigned char)*quoted->at++, true};
    } else {
        unit = read_utf8(&quoted->at, quoted->end);
    }
    unsigned width = 8 * (unsigned)gate__type_basic(quoted->kind)->size;
    if (!valid || (unit.is_raw && (uint64_t)unit.code >> width))
        gate__lex_fail(r, token, -EINVAL, "which has an escape that C does not have, or one too large for a character");
    return unit;
}

/* The bytes of a code point, or a unit, in a narrow string. */
static size_t put_narrow(struct unit unit, unsigned char bytes[4]) {
    static const unsigned char marks[] = {0, 0, 0xc0, 0xe0, 0xf0};
    uint32_t code = unit.code;
    size_t count = unit.is_raw || code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    for (size_t i = count; i-- > 1; code >>= 6)
        bytes[i] = (unsigned char)(0x80 | (code & 0x3f));
    bytes[0] = (unsigned char)(marks[count] | code);
    return count;
}

size_t gate__literal_universal(const char *at, const char *end, size_t digits, char *utf8) {
    bool valid = true;
    unsigned char bytes[4];
    struct unit unit = read_digits(&at, end, 16, (unsigned)digits, false, &valid);
    if (!valid || unit.code > 0x10ffff || (unit.code >= 0xd800 && unit.code < 0xe000))
        return 0;
    size_t count = put_narrow(unit, bytes);
    memcpy(utf8, bytes, count);
    return count;
}

struct gate__value gate__literal_character(struct gate__reader *r, const struct gate__token *token) {
    struct quoted quoted = open_quoted(token);
    uint32_t value = 0;
    size_t count = 0;
    unsigned char bytes[4];
    if (quoted.at >= quoted.end)
        return gate__value_mistaken(r, token, "expected a character between the quotes");
    while (quoted.at < quoted.end && !r->failed) {
        struct unit unit = next_unit(r, token, &quoted);
        size_t length = quoted.kind == GATE_CHAR ? put_narrow(unit, bytes) : 0;
        if (!length)
            value = unit.code;
        for (size_t i = 0; i < length; i++)
            value = value << 8 | bytes[i];
        count += length;
    }
    if (quoted.kind == GATE_CHAR)
        return gate__value_integer(GATE_INT,
                                   (unsigned __int128)(__int128)(count == 1 ? (int32_t)(char)value : (int32_t)value));
    return gate__value_integer(quoted.kind, (unsigned __int128)(__int128)(int32_t)value);
}

void gate__literal_string(struct gate__reader *r, const struct gate__token *token, enum gate_kind *kind, size_t *length,
                          char *buffer) {
    struct quoted quoted = open_quoted(token);
    unsigned char bytes[4];
    if (quoted.kind != GATE_CHAR)
        *kind = quoted.kind;
    while (quoted.at < quoted.end && !r->failed) {
        struct unit unit = next_unit(r, token, &quoted);
        bool is_narrow = quoted.kind == GATE_CHAR, is_pair = quoted.kind == GATE_USHORT && unit.code > 0xffff;
        size_t count = is_narrow ? put_narrow(unit, bytes) : is_pair ? 2 : 1;
        if (buffer && is_narrow)
            memcpy(buffer + *length, bytes, count);
        *length += count;
    }
}
