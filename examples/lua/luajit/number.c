/* Numerals and numbers as LuaJIT has them, which are all doubles but for those with a suffix.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "examples/lua/luajit/luajit.h"

/* How many of the last bytes are a suffix: LL, ULL and LLU, or i. */
static size_t find_suffix(const char *text, size_t length, enum luajit_suffix *suffix) {
    *suffix = LUAJIT_NO_SUFFIX;
    if (length > 3 && (!strncasecmp(text + length - 3, "ull", 3) || !strncasecmp(text + length - 3, "llu", 3)))
        *suffix = LUAJIT_ULL;
    else if (length > 2 && !strncasecmp(text + length - 2, "ll", 2))
        *suffix = LUAJIT_LL;
    else if (length > 1 && (text[length - 1] | 0x20) == 'i')
        *suffix = LUAJIT_IMAGINARY;
    static const size_t lengths[] = {0, 2, 3, 1};
    return lengths[*suffix];
}

static int digit_value(char c) {
    return isdigit((unsigned char)c) ? c - '0' : (c | 0x20) - 'a' + 10;
}

static bool is_digit(char c, unsigned radix) {
    return isalnum((unsigned char)c) && digit_value(c) < (int)radix;
}

/* Takes the digits that come, and returns how many. value is their number, if it isn't too large for that. */
static size_t take_digits(const char **at, const char *end, unsigned radix, unsigned long long *value, bool *large) {
    const char *from = *at;
    for (; *at < end && is_digit(**at, radix); ++*at) {
        unsigned digit = (unsigned)digit_value(**at);
        if (__builtin_mul_overflow(*value, radix, value) || __builtin_add_overflow(*value, digit, value))
            *large = true;
    }
    return (size_t)(*at - from);
}

/* Takes an exponent, and returns whether what comes could be one. */
static bool take_exponent(const char **at, const char *end, char letter) {
    unsigned long long value = 0;
    bool large = false;
    if (*at == end || (**at | 0x20) != letter)
        return true;
    ++*at;
    *at += *at < end && (**at == '+' || **at == '-');
    return take_digits(at, end, 10, &value, &large) > 0;
}

bool luajit_numeral_read(const char *text, size_t length, struct luajit_numeral *numeral) {
    static const unsigned radixes[] = {10, 16, 2};
    bool large = false;
    *numeral = (struct luajit_numeral){.whole = true};
    numeral->digits = length - find_suffix(text, length, &numeral->suffix);
    const char *at = text, *end = text + numeral->digits;
    if (end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'x')
        numeral->base = LUAJIT_HEX;
    else if (end - at > 2 && at[0] == '0' && (at[1] | 0x20) == 'b')
        numeral->base = LUAJIT_BINARY;
    at += numeral->base == LUAJIT_DECIMAL ? 0 : 2;
    unsigned radix = radixes[numeral->base];
    size_t digits = take_digits(&at, end, radix, &numeral->value, &large);
    const char *after = at;
    if (at < end && *at == '.' && numeral->base != LUAJIT_BINARY) {
        at++;
        unsigned long long fraction = 0;
        bool any = false;
        digits += take_digits(&at, end, radix, &fraction, &any);
    }
    if (digits == 0)
        return false;
    if (numeral->base != LUAJIT_BINARY && !take_exponent(&at, end, numeral->base == LUAJIT_HEX ? 'p' : 'e'))
        return false;
    numeral->whole = at == after;
    bool boxed = numeral->suffix == LUAJIT_LL || numeral->suffix == LUAJIT_ULL;
    if (boxed && (large || !numeral->whole))
        return false;
    return at == end && !(numeral->base == LUAJIT_BINARY && large);
}

/* Whole numbers of up to 14 digits are most of what is written. */
static size_t write_whole(int64_t number, char text[LUAJIT_NUMBER]) {
    char digits[LUAJIT_NUMBER];
    size_t count = 0, length = 0;
    uint64_t left = number < 0 ? -(uint64_t)number : (uint64_t)number;
    do
        digits[count++] = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (number < 0)
        text[length++] = '-';
    while (count > 0)
        text[length++] = digits[--count];
    return length;
}

size_t luajit_number_write(double number, char text[LUAJIT_NUMBER]) {
    if (fabs(number) < 1e14 && number == (double)(int64_t)number && !(number == 0 && signbit(number)))
        return write_whole((int64_t)number, text);
    if (isnan(number)) /* whose sign is the processor's whim */
        return (size_t)snprintf(text, LUAJIT_NUMBER, "nan");
    return (size_t)snprintf(text, LUAJIT_NUMBER, "%.14g", number);
}
