/* Values of constant expressions: what literals are worth, and what operators make of values, as C has it on this
 * platform.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <float.h>
#include <locale.h>
#include <stdint.h>
#include <stdlib.h>

#include "bridge/internal.h"

typedef unsigned __int128 wide;
typedef __int128 signed_wide;

/* Integers */

static unsigned width_of(const gate_type *type) {
    return type->kind == GATE_BOOL ? 1 : 8 * (unsigned)type->size;
}

/* The value that the type's bits have, extended to all bits. */
static wide narrowed(const gate_type *type, wide bits) {
    unsigned unused = 128 - width_of(type);
    if (gate__type_is_signed(type))
        return (wide)((signed_wide)(bits << unused) >> unused);
    return bits << unused >> unused;
}

struct gate__value gate__value_integer(enum gate_kind kind, wide bits) {
    const gate_type *type = gate__type_basic(kind);
    return (struct gate__value){.type = type, .is_known = true, .bits = narrowed(type, bits)};
}

static bool is_real(const gate_type *type) {
    return type->kind >= GATE_FLOAT16 && type->kind <= GATE_FLOAT128;
}

static bool is_arithmetic(const gate_type *type) {
    return gate__type_is_integer(type) || (type->kind >= GATE_FLOAT16 && type->kind <= GATE_FLOAT128_COMPLEX);
}

static bool is_scalar(const gate_type *type) {
    return is_arithmetic(type) || type->kind == GATE_POINTER;
}

static struct gate__value unknown(const gate_type *type) {
    return (struct gate__value){.type = type};
}

/* An error, unless what can't be computed is not to be. */
static struct gate__value refuse(struct gate__reader *r, const struct gate__token *token, const gate_type *type,
                                 const char *what) {
    if (!r->unevaluated)
        gate__lex_fail(r, token, -EINVAL, what);
    return unknown(type);
}

static struct gate__value mistaken(struct gate__reader *r, const struct gate__token *token, const char *what) {
    gate__lex_fail(r, token, -EINVAL, what);
    return gate__value_integer(GATE_INT, 0);
}

bool gate__value_is_true(const struct gate__value *value) {
    return is_real(value->type) ? value->real != 0 : value->bits != 0;
}

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
        unsigned bits = width_of(gate__type_basic(kinds[i])) - has_sign;
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
        return mistaken(r, token, "expected a number as C writes it");
    enum gate_kind kind = kind_of_number(value, base == 10, is_unsigned, longs);
    if (overflows || kind == GATE_KINDS)
        return mistaken(r, token, "which is too large for any integer type");
    return gate__value_integer(kind, value);
}

static long double round_to(enum gate_kind kind, long double real) {
    return kind == GATE_FLOAT ? (long double)(float)real : kind == GATE_DOUBLE ? (long double)(double)real : real;
}

static struct gate__value known_real(enum gate_kind kind, long double real) {
    bool is_known = kind == GATE_FLOAT || kind == GATE_DOUBLE || kind == GATE_LDOUBLE;
    return (struct gate__value){.type = gate__type_basic(kind), .is_known = is_known, .real = round_to(kind, real)};
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
        if (strlen(suffixes[i].suffix) == left && memcmp(end, suffixes[i].suffix, left) == 0)
            return known_real(suffixes[i].kind, scan_real(token->at, suffixes[i].kind, &end));
    }
    return mistaken(r, token, "expected a number as C writes it");
}

struct gate__value gate__value_number(struct gate__reader *r, const struct gate__token *token) {
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

struct gate__value gate__value_character(struct gate__reader *r, const struct gate__token *token) {
    struct quoted quoted = open_quoted(token);
    uint32_t value = 0;
    size_t count = 0;
    unsigned char bytes[4];
    if (quoted.at >= quoted.end)
        return mistaken(r, token, "expected a character between the quotes");
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
        return gate__value_integer(GATE_INT, (wide)(signed_wide)(count == 1 ? (int32_t)(char)value : (int32_t)value));
    return gate__value_integer(quoted.kind, (wide)(signed_wide)(int32_t)value);
}

void gate__value_string(struct gate__reader *r, const struct gate__token *token, enum gate_kind *kind, size_t *length,
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

/* Conversions */

static struct gate__value real_to_integer(struct gate__reader *r, long double real, const gate_type *type,
                                          const struct gate__token *token) {
    bool has_sign = gate__type_is_signed(type);
    long double limit = 1;
    for (unsigned i = has_sign; i < width_of(type); i++)
        limit *= 2;
    if (type->kind == GATE_BOOL)
        return (struct gate__value){.type = type, .is_known = true, .bits = real != 0};
    if (!(real < limit) || !(has_sign ? real >= -limit : real > -1))
        return refuse(r, token, type, "whose value does not fit the type that it is converted to");
    wide bits = real < 0 ? -(wide)-real : (wide)real;
    return (struct gate__value){.type = type, .is_known = true, .bits = bits};
}

static struct gate__value integer_to_real(const struct gate__value *value, const gate_type *type) {
    bool has_sign = gate__type_is_signed(value->type);
    /* Once: a value that is rounded twice may be another. */
    long double real = type->kind == GATE_FLOAT    ? has_sign ? (float)(signed_wide)value->bits : (float)value->bits
                       : type->kind == GATE_DOUBLE ? has_sign ? (double)(signed_wide)value->bits : (double)value->bits
                       : has_sign                  ? (long double)(signed_wide)value->bits
                                                   : (long double)value->bits;
    return known_real(type->kind, real);
}

struct gate__value gate__value_convert(struct gate__reader *r, struct gate__value value, const gate_type *type,
                                       const struct gate__token *token) {
    bool from_array = value.type->kind == GATE_ARRAY || value.type->kind == GATE_FUNCTION;
    struct gate__value result = unknown(type);
    if (type->kind == GATE_VOID || type->kind == GATE_VECTOR || value.type->kind == GATE_VECTOR)
        return result;
    if (!is_scalar(type) || !(is_scalar(value.type) || from_array))
        return mistaken(r, token, "which can't be converted to that type, or from the one it has");
    if ((is_real(type) && value.type->kind == GATE_POINTER) || (type->kind == GATE_POINTER && is_real(value.type)))
        return mistaken(r, token, "but floating types and pointers don't convert");
    if (!value.is_known || value.is_place ||
        !(is_real(type) || gate__type_is_integer(type) || type->kind == GATE_POINTER))
        return result;
    if (is_real(value.type) && is_real(type))
        result = known_real(type->kind, value.real);
    else if (is_real(value.type))
        return real_to_integer(r, value.real, type, token);
    else if (is_real(type))
        result = integer_to_real(&value, type);
    else {
        result.is_known = true;
        result.bits = type->kind == GATE_BOOL ? value.bits != 0 : narrowed(type, value.bits);
    }
    result.type = type;
    return result;
}

/* Operators */

static const gate_type *promoted(const gate_type *type) {
    type = gate__type_plain(type);
    if (!gate__type_is_integer(type))
        return gate__type_basic(type->kind);
    return gate__type_basic(type->kind < GATE_INT ? GATE_INT : type->kind);
}

const gate_type *gate__value_common_type(const gate_type *a, const gate_type *b) {
    a = promoted(a);
    b = promoted(b);
    if (a->kind >= GATE_FLOAT16 || b->kind >= GATE_FLOAT16) {
        bool is_complex = a->kind >= GATE_FLOAT16_COMPLEX || b->kind >= GATE_FLOAT16_COMPLEX;
        enum gate_kind complex = GATE_FLOAT16_COMPLEX - GATE_FLOAT16;
        enum gate_kind x = a->kind >= GATE_FLOAT16_COMPLEX ? a->kind - complex : a->kind;
        enum gate_kind y = b->kind >= GATE_FLOAT16_COMPLEX ? b->kind - complex : b->kind;
        enum gate_kind larger = x > y ? x : y;
        return gate__type_basic(is_complex ? larger + complex : larger);
    }
    if (a->kind < b->kind) {
        const gate_type *smaller = a;
        a = b;
        b = smaller;
    }
    /* a has the higher rank, or is unsigned of the same. Where it has a sign, and no more bits, the other's counts. */
    bool loses = gate__type_is_signed(a) && !gate__type_is_signed(b) && a->size == b->size;
    return loses ? gate__type_basic(a->kind + 1) : a;
}

/* A signed result that has been computed exactly, if overflows doesn't say that it can't be. */
static struct gate__value checked(struct gate__reader *r, const gate_type *type, signed_wide result, bool overflows,
                                  const struct gate__token *token) {
    if (overflows || narrowed(type, (wide)result) != (wide)result)
        return refuse(r, token, type, "which overflows");
    return (struct gate__value){.type = type, .is_known = true, .bits = (wide)result};
}

static struct gate__value integer_sum(struct gate__reader *r, int word, const gate_type *type, wide a, wide b,
                                      const struct gate__token *token) {
    signed_wide result;
    bool overflows;
    if (!gate__type_is_signed(type)) {
        wide sum = word == '+' ? a + b : word == '-' ? a - b : a * b;
        return (struct gate__value){.type = type, .is_known = true, .bits = narrowed(type, sum)};
    }
    if (word == '+')
        overflows = __builtin_add_overflow((signed_wide)a, (signed_wide)b, &result);
    else if (word == '-')
        overflows = __builtin_sub_overflow((signed_wide)a, (signed_wide)b, &result);
    else
        overflows = __builtin_mul_overflow((signed_wide)a, (signed_wide)b, &result);
    return checked(r, type, result, overflows, token);
}

static struct gate__value integer_quotient(struct gate__reader *r, int word, const gate_type *type, wide a, wide b,
                                           const struct gate__token *token) {
    if (b == 0)
        return refuse(r, token, type, "which divides by zero");
    if (!gate__type_is_signed(type))
        return (struct gate__value){.type = type, .is_known = true, .bits = word == '/' ? a / b : a % b};
    if ((signed_wide)b == -1) { /* where the quotient overflows, there is no remainder either (C11 6.5.5p6) */
        struct gate__value quotient = integer_sum(r, '-', type, 0, a, token);
        if (word == '%')
            quotient.bits = 0;
        return quotient;
    }
    signed_wide result = word == '/' ? (signed_wide)a / (signed_wide)b : (signed_wide)a % (signed_wide)b;
    return checked(r, type, result, false, token);
}

/* A left shift of a signed number takes its bits, as compilers have it. */
static struct gate__value shift(struct gate__reader *r, int word, const struct gate__value *left,
                                const struct gate__value *right, const struct gate__token *token) {
    const gate_type *type = left->type;
    if ((signed_wide)right->bits < 0 || right->bits >= width_of(type))
        return refuse(r, token, type, "which shifts by less than 0, or by no fewer bits than there are");
    unsigned count = (unsigned)right->bits;
    wide bits = word == GATE__LEFT_SHIFT ? left->bits << count : (wide)((signed_wide)left->bits >> count);
    if (word == GATE__RIGHT_SHIFT && !gate__type_is_signed(type))
        bits = left->bits >> count;
    return (struct gate__value){.type = type, .is_known = true, .bits = narrowed(type, bits)};
}

static struct gate__value integer_binary(struct gate__reader *r, int word, const struct gate__value *left,
                                         const struct gate__value *right, const struct gate__token *token) {
    const gate_type *type = left->type;
    wide a = left->bits, b = right->bits;
    switch (word) {
    case '+':
    case '-':
    case '*':
        return integer_sum(r, word, type, a, b, token);
    case '/':
    case '%':
        return integer_quotient(r, word, type, a, b, token);
    default:
        break;
    }
    wide bits = word == '&' ? a & b : word == '|' ? a | b : a ^ b;
    return (struct gate__value){.type = type, .is_known = true, .bits = bits};
}

static struct gate__value real_binary(struct gate__reader *r, int word, const struct gate__value *left,
                                      const struct gate__value *right, const struct gate__token *token) {
    long double a = left->real, b = right->real;
    if (word == '%' || word == '&' || word == '|' || word == '^')
        return mistaken(r, token, "but the operands are floating");
    if (word == '/' && b == 0)
        return refuse(r, token, left->type, "which divides by zero");
    return known_real(left->type->kind, word == '+' ? a + b : word == '-' ? a - b : word == '*' ? a * b : a / b);
}

static bool is_comparison(int word) {
    return word == '<' || word == '>' || (word >= GATE__LESS_EQUAL && word <= GATE__UNEQUAL);
}

/* -1, 0 or 1, as left is less, equal or more; 2 if they don't compare. */
static int order_of(const struct gate__value *left, const struct gate__value *right) {
    if (is_real(left->type))
        return left->real < right->real ? -1 : left->real > right->real ? 1 : left->real == right->real ? 0 : 2;
    if (gate__type_is_signed(left->type))
        return ((signed_wide)left->bits > (signed_wide)right->bits) -
               ((signed_wide)left->bits < (signed_wide)right->bits);
    return (left->bits > right->bits) - (left->bits < right->bits);
}

static struct gate__value compare(int word, const struct gate__value *left, const struct gate__value *right) {
    int order = order_of(left, right);
    bool holds = word == '<'                   ? order == -1
                 : word == '>'                 ? order == 1
                 : word == GATE__LESS_EQUAL    ? order == -1 || order == 0
                 : word == GATE__GREATER_EQUAL ? order == 1 || order == 0
                 : word == GATE__EQUAL         ? order == 0
                                               : order != 0;
    return gate__value_integer(GATE_INT, holds);
}

/* A pointer and an integer, or two pointers. */
static struct gate__value pointer_binary(struct gate__reader *r, int word, struct gate__value left,
                                         struct gate__value right, const struct gate__token *token) {
    if (word == '+' && right.type->kind == GATE_POINTER) {
        struct gate__value other = left;
        left = right;
        right = other;
    }
    bool both = left.type->kind == GATE_POINTER && right.type->kind == GATE_POINTER,
         known = left.is_known && right.is_known;
    if (is_comparison(word))
        return known ? compare(word, &left, &right) : unknown(gate__type_basic(GATE_INT));
    if (left.type->kind != GATE_POINTER || is_real(right.type) || (word != '-' && (word != '+' || both)))
        return mistaken(r, token, "but an operand is a pointer");
    size_t size = left.type->target->size ? left.type->target->size : 1;
    signed_wide difference = (signed_wide)(left.bits - right.bits) / (signed_wide)size;
    struct gate__value result = both ? gate__value_integer(GATE_LONG, (wide)difference) : left;
    if (!both)
        result.bits = narrowed(gate__type_basic(GATE_ULONG),
                               word == '+' ? left.bits + right.bits * size : left.bits - right.bits * size);
    result.is_known = known;
    return result;
}

/* An object or function as its value: an array's is its address. */
struct gate__value gate__value_decayed(struct gate__reader *r, struct gate__value value) {
    const gate_type *type = value.type;
    bool is_array = type->kind == GATE_ARRAY;
    if (is_array || type->kind == GATE_FUNCTION) {
        const gate_type *pointer = gate__type_pointer(r, is_array ? type->target : type, 0);
        return (struct gate__value){pointer ? pointer : type, value.is_known && value.is_place, false, value.bits, 0};
    }
    return value.is_place ? unknown(type) : value;
}

struct gate__value gate__value_binary(struct gate__reader *r, int word, struct gate__value left,
                                      struct gate__value right, const struct gate__token *token) {
    left = gate__value_decayed(r, left);
    right = gate__value_decayed(r, right);
    if (r->failed)
        return left;
    if (!is_scalar(left.type) || !is_scalar(right.type)) {
        bool vectors = left.type->kind == GATE_VECTOR || right.type->kind == GATE_VECTOR;
        return vectors ? unknown(left.type) : mistaken(r, token, "but an operand is no number");
    }
    if (left.type->kind == GATE_POINTER || right.type->kind == GATE_POINTER)
        return pointer_binary(r, word, left, right, token);
    bool shifts = word == GATE__LEFT_SHIFT || word == GATE__RIGHT_SHIFT;
    if (shifts && !(gate__type_is_integer(left.type) && gate__type_is_integer(right.type)))
        return mistaken(r, token, "but an operand is no integer");
    const gate_type *type = shifts ? promoted(left.type) : gate__value_common_type(left.type, right.type);
    left = gate__value_convert(r, left, type, token);
    right = gate__value_convert(r, right, shifts ? promoted(right.type) : type, token);
    if (!left.is_known || !right.is_known)
        return unknown(is_comparison(word) ? gate__type_basic(GATE_INT) : type);
    return is_comparison(word) ? compare(word, &left, &right)
           : shifts            ? shift(r, word, &left, &right, token)
           : is_real(type)     ? real_binary(r, word, &left, &right, token)
                               : integer_binary(r, word, &left, &right, token);
}

struct gate__value gate__value_unary(struct gate__reader *r, int word, struct gate__value value,
                                     const struct gate__token *token) {
    value = gate__value_decayed(r, value);
    if (r->failed)
        return value;
    bool takes = word == '!'   ? is_scalar(value.type)
                 : word == '~' ? gate__type_is_integer(value.type)
                               : is_arithmetic(value.type);
    if (!takes)
        return mistaken(r, token, "but what follows is nothing that it applies to");
    if (word == '!')
        return value.is_known ? gate__value_integer(GATE_INT, !gate__value_is_true(&value))
                              : unknown(gate__type_basic(GATE_INT));
    value = gate__value_convert(r, value, promoted(value.type), token);
    if (!value.is_known || word == '+')
        return value;
    if (is_real(value.type))
        return known_real(value.type->kind, -value.real);
    if (word == '-')
        return integer_sum(r, '-', value.type, 0, value.bits, token);
    value.bits = narrowed(value.type, ~value.bits);
    return value;
}
