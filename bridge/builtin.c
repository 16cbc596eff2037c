/* Builtins: functions of the compiler's own, of which some are constants and some choose by types.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>

#include "bridge/internal.h"

/* What compilers can compute is a constant here. GCC computes more than clang and we do: that x && 0 and x * 0 are 0. */
static struct gate__value argument(struct gate__reader *r, enum gate_kind kind) {
    struct gate__token token = r->lexer.token;
    struct gate__value value = gate__constant_read(r);
    if (r->failed)
        return gate__value_nothing();
    value = gate__value_convert(r, value, gate__type_basic(kind), &token);
    value.constancy = value.constancy >= GATE__FOLDED ? GATE__STRICT : GATE__LENT;
    return value;
}

/* Those of one number */

enum operation { COUNT_ONES, PARITY, FIRST_ONE, LEADING_ZEROS, TRAILING_ZEROS, SIGN_COPIES, SWAP, MAGNITUDE };

static const struct unary {
    char name[16];
    enum operation operation;
    enum gate_kind argument, result;
} unaries[] = {
    {"popcount", COUNT_ONES, GATE_UINT, GATE_INT},
    {"popcountl", COUNT_ONES, GATE_ULONG, GATE_INT},
    {"popcountll", COUNT_ONES, GATE_ULLONG, GATE_INT},
    {"parity", PARITY, GATE_UINT, GATE_INT},
    {"parityl", PARITY, GATE_ULONG, GATE_INT},
    {"parityll", PARITY, GATE_ULLONG, GATE_INT},
    {"ffs", FIRST_ONE, GATE_INT, GATE_INT},
    {"ffsl", FIRST_ONE, GATE_LONG, GATE_INT},
    {"ffsll", FIRST_ONE, GATE_LLONG, GATE_INT},
    {"clz", LEADING_ZEROS, GATE_UINT, GATE_INT},
    {"clzl", LEADING_ZEROS, GATE_ULONG, GATE_INT},
    {"clzll", LEADING_ZEROS, GATE_ULLONG, GATE_INT},
    {"ctz", TRAILING_ZEROS, GATE_UINT, GATE_INT},
    {"ctzl", TRAILING_ZEROS, GATE_ULONG, GATE_INT},
    {"ctzll", TRAILING_ZEROS, GATE_ULLONG, GATE_INT},
    {"clrsb", SIGN_COPIES, GATE_INT, GATE_INT},
    {"clrsbl", SIGN_COPIES, GATE_LONG, GATE_INT},
    {"clrsbll", SIGN_COPIES, GATE_LLONG, GATE_INT},
    {"bswap16", SWAP, GATE_USHORT, GATE_USHORT},
    {"bswap32", SWAP, GATE_UINT, GATE_UINT},
    {"bswap64", SWAP, GATE_ULONG, GATE_ULONG},
    {"bswap128", SWAP, GATE_UINT128, GATE_UINT128},
    {"abs", MAGNITUDE, GATE_INT, GATE_INT},
    {"labs", MAGNITUDE, GATE_LONG, GATE_LONG},
    {"llabs", MAGNITUDE, GATE_LLONG, GATE_LLONG},
};

/* bits are extended to more than the type has: only those that it has count. */
static unsigned __int128 low_bits(unsigned __int128 bits, int width) {
    return width < 128 ? bits & (((unsigned __int128)1 << width) - 1) : bits;
}

static unsigned __int128 swapped(unsigned __int128 bits, size_t size) {
    unsigned __int128 result = 0;
    for (size_t i = 0; i < size; i++, bits >>= 8)
        result = result << 8 | (bits & 0xff);
    return result;
}

static int bit_counts(enum operation operation, unsigned __int128 bits, int width) {
    int ones = 0, first = 0, last = 0;
    for (int i = 0; i < width; i++) {
        bool is_set = bits >> i & 1;
        ones += is_set;
        first = is_set && !first ? i + 1 : first;
        last = is_set ? i + 1 : last;
    }
    return operation == COUNT_ONES      ? ones
           : operation == PARITY        ? ones % 2
           : operation == FIRST_ONE     ? first
           : operation == LEADING_ZEROS ? width - last
                                        : first - 1;
}

/* What C does not define is not known, as compilers have it. */
static struct gate__value compute(const struct unary *unary, const struct gate__value *argument) {
    int width = 8 * (int)argument->type->size;
    unsigned __int128 bits = low_bits(argument->bits, width), result;
    bool is_negative = (__int128)argument->bits < 0, is_known = argument->is_known;
    if (unary->operation == SWAP)
        result = swapped(bits, argument->type->size);
    else if (unary->operation == MAGNITUDE)
        result = is_negative ? -argument->bits : argument->bits;
    else if (unary->operation == SIGN_COPIES)
        result = (unsigned __int128)bit_counts(LEADING_ZEROS, low_bits(is_negative ? ~bits : bits, width), width) - 1;
    else
        result = (unsigned __int128)bit_counts(unary->operation, bits, width);
    if ((unary->operation == LEADING_ZEROS || unary->operation == TRAILING_ZEROS) && bits == 0)
        is_known = false;
    struct gate__value value = gate__value_integer(unary->result, result);
    if (unary->operation == MAGNITUDE && value.bits != result)
        is_known = false;
    value.is_known = is_known;
    value.constancy = is_known ? argument->constancy : GATE__LENT;
    return value;
}

/* Those of their own form */

static struct gate__value is_constant(struct gate__reader *r) {
    bool begins_string = r->lexer.token.kind == GATE__STRING;
    struct gate__value value = gate__constant_unevaluated(r);
    bool is_string = begins_string && value.is_place && value.type->kind == GATE_ARRAY;
    bool is_number = value.is_known && !value.is_place && value.constancy >= GATE__FOLDED;
    return gate__value_integer(GATE_INT, is_string || is_number);
}

static struct gate__value are_compatible(struct gate__reader *r) {
    const gate_type *one = gate__declarator_type_name(r);
    gate__lex_require(r, ',');
    const gate_type *other = r->failed ? NULL : gate__declarator_type_name(r);
    one = other ? gate__type_unqualified(r, one) : NULL;
    other = one ? gate__type_unqualified(r, other) : NULL;
    return gate__value_integer(GATE_INT, other && gate__type_compatible(one, other));
}

static struct gate__value choose(struct gate__reader *r) {
    struct gate__value condition = gate__constant_integer(r);
    bool is_first = gate__value_is_true(&condition);
    gate__lex_require(r, ',');
    struct gate__value first = is_first ? gate__constant_read(r) : gate__constant_unevaluated(r);
    gate__lex_require(r, ',');
    struct gate__value second = is_first ? gate__constant_unevaluated(r) : gate__constant_read(r);
    return is_first ? first : second;
}

static struct gate__value expect(struct gate__reader *r) {
    struct gate__value value = argument(r, GATE_LONG);
    gate__lex_require(r, ',');
    argument(r, GATE_LONG);
    return value;
}

static const struct special {
    char name[24];
    struct gate__value (*read)(struct gate__reader *r);
} specials[] = {
    {"constant_p", is_constant},
    {"types_compatible_p", are_compatible},
    {"choose_expr", choose},
    {"expect", expect},
};

/* All of them */

static const char prefix[] = "__builtin_";
enum { PREFIX = sizeof prefix - 1 };

bool gate__builtin_is(const struct gate__token *token) {
    return token->kind == GATE__NAME && token->length > PREFIX && memcmp(token->at, prefix, PREFIX) == 0;
}

static bool is_named(const struct gate__token *token, const char *name) {
    return gate__lex_is(token->at + PREFIX, token->length - PREFIX, name);
}

/* The arguments; what is none of those above may be anything. */
static struct gate__value arguments(struct gate__reader *r, const struct gate__token *token) {
    for (size_t i = 0; i < sizeof specials / sizeof *specials; i++) {
        if (is_named(token, specials[i].name))
            return specials[i].read(r);
    }
    for (size_t i = 0; i < sizeof unaries / sizeof *unaries; i++) {
        if (is_named(token, unaries[i].name)) {
            struct gate__value value = argument(r, unaries[i].argument);
            return r->failed ? gate__value_nothing() : compute(&unaries[i], &value);
        }
    }
    gate__lex_fail(r, token, -ENOTSUP, "a builtin that is not supported in constants");
    return gate__value_nothing();
}

struct gate__value gate__builtin_call(struct gate__reader *r) {
    struct gate__token token = r->lexer.token;
    struct gate__value value = gate__value_nothing();
    gate__lex_advance(r);
    gate__lex_require(r, '(');
    if (gate__lex_enter(r))
        value = arguments(r, &token);
    gate__lex_leave(r);
    gate__lex_require(r, ')');
    return r->failed ? gate__value_nothing() : value;
}
