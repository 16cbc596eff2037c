/* Values of constant expressions: what operators and conversions make of them, as C has it on this platform.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdint.h>

#include "bridge/internal.h"

typedef unsigned __int128 wide;
typedef __int128 signed_wide;

/* Integers */

static unsigned width_of(const gate_type *type) {
    return type->kind == GATE_BOOL ? 1 : 8 * (unsigned)type->size;
}

wide gate__value_narrowed(const gate_type *type, wide bits) {
    unsigned unused = 128 - width_of(type);
    if (gate__type_is_signed(type))
        return (wide)((signed_wide)(bits << unused) >> unused);
    return bits << unused >> unused;
}

struct gate__value gate__value_integer(enum gate_kind kind, wide bits) {
    const gate_type *type = gate__type_basic(kind);
    bits = gate__value_narrowed(type, bits);
    return (struct gate__value){.type = type, .is_known = true, .constancy = GATE__STRICT, .bits = bits};
}

enum gate__constancy gate__value_weaker(enum gate__constancy a, enum gate__constancy b) {
    return a < b ? a : b;
}

static bool is_arithmetic(const gate_type *type) {
    return gate__type_is_integer(type) || gate__type_is_real(type) || gate__type_is_complex(type);
}

static bool is_scalar(const gate_type *type) {
    return is_arithmetic(type) || type->kind == GATE_POINTER;
}

static struct gate__value known(const gate_type *type, wide bits) {
    return (struct gate__value){.type = type, .is_known = true, .bits = bits};
}

struct gate__value gate__value_unknown(const gate_type *type) {
    return (struct gate__value){.type = type};
}

struct gate__value gate__value_nothing(void) {
    return gate__value_integer(GATE_INT, 0);
}

struct gate__value gate__value_mistaken(struct gate__reader *r, const struct gate__token *token, const char *what) {
    gate__lex_fail(r, token, -EINVAL, what);
    return gate__value_nothing();
}

/* An error, unless what can't be computed is not to be. */
static struct gate__value refuse(struct gate__reader *r, const struct gate__token *token, const gate_type *type,
                                 const char *what) {
    if (!r->unevaluated)
        gate__lex_fail(r, token, -EINVAL, what);
    return gate__value_unknown(type);
}

static long double round_to(enum gate_kind kind, long double real) {
    return kind == GATE_FLOAT ? (long double)(float)real : kind == GATE_DOUBLE ? (long double)(double)real : real;
}

struct gate__value gate__value_real(enum gate_kind kind, long double real) {
    bool is_known = kind == GATE_FLOAT || kind == GATE_DOUBLE || kind == GATE_LDOUBLE;
    const gate_type *type = gate__type_basic(kind);
    return (struct gate__value){.type = type,
                                .is_known = is_known,
                                .constancy = is_known ? GATE__STRICT : GATE__LENT,
                                .real = round_to(kind, real)};
}

bool gate__value_is_true(const struct gate__value *value) {
    return gate__type_is_real(value->type) ? value->real != 0 : value->bits != 0;
}

/* Conversions */

static struct gate__value real_to_integer(struct gate__reader *r, long double real, const gate_type *type,
                                          const struct gate__token *token) {
    bool has_sign = gate__type_is_signed(type);
    long double limit = 1;
    for (unsigned i = has_sign; i < width_of(type); i++)
        limit *= 2;
    if (type->kind == GATE_BOOL)
        return known(type, real != 0);
    if (!(real < limit) || !(has_sign ? real >= -limit : real > -1))
        return refuse(r, token, type, "whose value does not fit the type that it is converted to");
    wide bits = real < 0 ? -(wide)-real : (wide)real;
    return known(type, bits);
}

static struct gate__value integer_to_real(const struct gate__value *value, const gate_type *type) {
    bool has_sign = gate__type_is_signed(value->type);
    /* Once: a value that is rounded twice may be another. */
    long double real = type->kind == GATE_FLOAT    ? has_sign ? (float)(signed_wide)value->bits : (float)value->bits
                       : type->kind == GATE_DOUBLE ? has_sign ? (double)(signed_wide)value->bits : (double)value->bits
                       : has_sign                  ? (long double)(signed_wide)value->bits
                                                   : (long double)value->bits;
    return gate__value_real(type->kind, real);
}

/* Of a pointer, what it counts from goes with it. */
static struct gate__value pointer_to_pointer(const struct gate__value *value, const gate_type *type) {
    struct gate__value result = *value;
    result.type = type;
    result.constancy = gate__value_weaker(result.constancy, GATE__FOLDED);
    return result;
}

/* Both types are scalars, and the value is known. */
static struct gate__value converted(struct gate__reader *r, const struct gate__value *value, const gate_type *type,
                                    const struct gate__token *token) {
    struct gate__value result;
    if (gate__type_is_real(value->type) && gate__type_is_real(type))
        result = gate__value_real(type->kind, value->real);
    else if (gate__type_is_real(value->type))
        result = real_to_integer(r, value->real, type, token);
    else if (gate__type_is_real(type))
        result = integer_to_real(value, type);
    else
        result = known(type, type->kind == GATE_BOOL ? value->bits != 0 : gate__value_narrowed(type, value->bits));
    bool is_strict = value->type->kind != GATE_POINTER && !gate__type_is_real(type);
    result.constancy = gate__value_weaker(value->constancy, is_strict ? GATE__STRICT : GATE__FOLDED);
    result.type = type;
    return result;
}

struct gate__value gate__value_convert(struct gate__reader *r, struct gate__value value, const gate_type *type,
                                       const struct gate__token *token) {
    struct gate__value result = gate__value_unknown(type);
    if (type->kind == GATE_VOID)
        return result;
    value = gate__value_decayed(r, value);
    if (r->failed || type->kind == GATE_VECTOR || value.type->kind == GATE_VECTOR)
        return result;
    if (type->kind == GATE_BOOL && value.base) /* an object's address, wherever it is */
        return (struct gate__value){.type = type, .is_known = true, .constancy = value.constancy, .bits = 1};
    bool to_pointer = type->kind == GATE_POINTER, from_pointer = value.type->kind == GATE_POINTER;
    if (!is_scalar(type) || !is_scalar(value.type))
        return gate__value_mistaken(r, token, "which can't be converted to that type, or from the one it has");
    if ((gate__type_is_real(type) && from_pointer) || (to_pointer && gate__type_is_real(value.type)))
        return gate__value_mistaken(r, token, "but floating types and pointers don't convert");
    if (to_pointer && from_pointer)
        return pointer_to_pointer(&value, type);
    if (!value.is_known || !(gate__type_is_real(type) || gate__type_is_integer(type) || to_pointer))
        return result;
    return converted(r, &value, type, token);
}

/* Operators */

/* An integer, or a bit-field, that int has room for becomes one (C11 6.3.1.1p2). */
static const gate_type *promoted(const struct gate__value *value) {
    const gate_type *type = gate__type_plain(value->type);
    unsigned width = value->bit_width, most = width_of(gate__type_basic(GATE_INT));
    if (!gate__type_is_integer(type))
        return gate__type_basic(type->kind);
    if (width && width < most + gate__type_is_signed(type))
        return gate__type_basic(GATE_INT);
    if (width == most)
        return gate__type_basic(GATE_UINT);
    return gate__type_basic(type->kind < GATE_INT ? GATE_INT : type->kind);
}

/* The type of a real kind, or of the complex one that goes with it. */
static enum gate_kind real_part(enum gate_kind kind) {
    return kind >= GATE_FLOAT16_COMPLEX ? kind - (GATE_FLOAT16_COMPLEX - GATE_FLOAT16) : kind;
}

/* The type that two numbers come to (C11 6.3.1.8). */
static const gate_type *common_type(const struct gate__value *left, const struct gate__value *right) {
    const gate_type *a = promoted(left), *b = promoted(right);
    if (a->kind >= GATE_FLOAT16 || b->kind >= GATE_FLOAT16) {
        bool is_complex = a->kind >= GATE_FLOAT16_COMPLEX || b->kind >= GATE_FLOAT16_COMPLEX;
        enum gate_kind x = real_part(a->kind), y = real_part(b->kind), larger = x > y ? x : y;
        return gate__type_basic(is_complex ? larger + (GATE_FLOAT16_COMPLEX - GATE_FLOAT16) : larger);
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
    if (overflows || gate__value_narrowed(type, (wide)result) != (wide)result)
        return refuse(r, token, type, "which overflows");
    return known(type, (wide)result);
}

static struct gate__value integer_sum(struct gate__reader *r, int word, const gate_type *type, wide a, wide b,
                                      const struct gate__token *token) {
    signed_wide result;
    bool overflows;
    if (!gate__type_is_signed(type)) {
        wide sum = word == '+' ? a + b : word == '-' ? a - b : a * b;
        return known(type, gate__value_narrowed(type, sum));
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
        return known(type, word == '/' ? a / b : a % b);
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
    return known(type, gate__value_narrowed(type, bits));
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
    return known(type, bits);
}

static struct gate__value real_binary(struct gate__reader *r, int word, const struct gate__value *left,
                                      const struct gate__value *right, const struct gate__token *token) {
    long double a = left->real, b = right->real;
    if (word == '%' || word == '&' || word == '|' || word == '^')
        return gate__value_mistaken(r, token, "but the operands are floating");
    if (word == '/' && b == 0)
        return refuse(r, token, left->type, "which divides by zero");
    return gate__value_real(left->type->kind, word == '+' ? a + b : word == '-' ? a - b : word == '*' ? a * b : a / b);
}

static bool is_comparison(int word) {
    return word == '<' || word == '>' || (word >= GATE__LESS_EQUAL && word <= GATE__UNEQUAL);
}

/* -1, 0 or 1, as left is less, equal or more; 2 if they don't compare. */
static int order_of(const struct gate__value *left, const struct gate__value *right) {
    if (gate__type_is_real(left->type))
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

static wide size_of_target(const gate_type *pointer) {
    return pointer->target->size ? pointer->target->size : 1;
}

static struct gate__value distance(const struct gate__value *left, const struct gate__value *right) {
    signed_wide bytes = (signed_wide)(left->bits - right->bits);
    return gate__value_integer(GATE_LONG, (wide)(bytes / (signed_wide)size_of_target(left->type)));
}

static struct gate__value moved(int word, const struct gate__value *pointer, const struct gate__value *by) {
    struct gate__value result = *pointer;
    wide bytes = by->bits * size_of_target(pointer->type);
    wide bits = word == '+' ? pointer->bits + bytes : pointer->bits - bytes;
    result.bits = gate__value_narrowed(gate__type_basic(GATE_ULONG), bits);
    result.base = by->is_known ? pointer->base : NULL;
    return result;
}

/* A pointer and an integer, or two pointers. */
static struct gate__value pointer_binary(struct gate__reader *r, int word, struct gate__value left,
                                         struct gate__value right, const struct gate__token *token) {
    if (word == '+' && right.type->kind == GATE_POINTER) {
        struct gate__value other = left;
        left = right;
        right = other;
    }
    bool both = left.type->kind == GATE_POINTER && right.type->kind == GATE_POINTER;
    bool compares = is_comparison(word), adds = word == '-' || (word == '+' && !both);
    if (!compares && (left.type->kind != GATE_POINTER || gate__type_is_real(right.type) || !adds))
        return gate__value_mistaken(r, token, "but an operand is a pointer");
    struct gate__value result = compares ? compare(word, &left, &right)
                                : both   ? distance(&left, &right)
                                         : moved(word, &left, &right);
    result.is_known = (left.is_known && right.is_known) || (both && left.base && left.base == right.base);
    result.constancy = gate__value_weaker(gate__value_weaker(left.constancy, right.constancy), GATE__FOLDED);
    return result;
}

/* An object or function as its value: an array's is its address. */
struct gate__value gate__value_decayed(struct gate__reader *r, struct gate__value value) {
    const gate_type *type = value.type;
    bool is_array = type->kind == GATE_ARRAY;
    struct gate__value result = {.type = type, .bit_width = value.bit_width};
    if (!is_array && type->kind != GATE_FUNCTION)
        return value.is_place ? result : value;
    const gate_type *pointer = gate__type_pointer(r, is_array ? type->target : type, 0);
    if (pointer)
        result.type = pointer;
    if (value.is_place) {
        result.is_known = value.is_known;
        result.constancy = value.constancy;
        result.base = value.base;
        result.bits = value.bits;
    }
    return result;
}

/* The vector of integers that a comparison of vectors makes, of which each is as wide as their elements. */
static const gate_type *compared_vectors(struct gate__reader *r, const gate_type *vector) {
    static const enum gate_kind kinds[] = {GATE_SCHAR, GATE_SHORT, GATE_INT, GATE_LONG, GATE_INT128};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const gate_type *element = gate__type_basic(kinds[i]);
        if (element->size == vector->target->size)
            return gate__type_vector(r, element, vector->size);
    }
    return vector;
}

/* A vector with a number or with another of its size. */
static struct gate__value vector_binary(struct gate__reader *r, int word, const gate_type *left, const gate_type *right,
                                        const struct gate__token *token) {
    const gate_type *type = left->kind == GATE_VECTOR ? left : right, *other = type == left ? right : left;
    bool is_other =
        other->kind == GATE_VECTOR ? other->size == type->size && other->count == type->count : is_arithmetic(other);
    if (!is_other)
        return gate__value_mistaken(r, token, "but the operands are a vector and what does not go with it");
    type = is_comparison(word) ? compared_vectors(r, type) : type;
    return type ? gate__value_unknown(type) : gate__value_nothing();
}

static struct gate__value number_binary(struct gate__reader *r, int word, struct gate__value left,
                                        struct gate__value right, const struct gate__token *token) {
    bool shifts = word == GATE__LEFT_SHIFT || word == GATE__RIGHT_SHIFT;
    if (shifts && !(gate__type_is_integer(left.type) && gate__type_is_integer(right.type)))
        return gate__value_mistaken(r, token, "but an operand is no integer");
    const gate_type *type = shifts ? promoted(&left) : common_type(&left, &right);
    right = gate__value_convert(r, right, shifts ? promoted(&right) : type, token);
    left = gate__value_convert(r, left, type, token);
    if (!left.is_known || !right.is_known)
        return gate__value_unknown(is_comparison(word) ? gate__type_basic(GATE_INT) : type);
    struct gate__value result = is_comparison(word)        ? compare(word, &left, &right)
                                : shifts                   ? shift(r, word, &left, &right, token)
                                : gate__type_is_real(type) ? real_binary(r, word, &left, &right, token)
                                                           : integer_binary(r, word, &left, &right, token);
    if (result.is_known)
        result.constancy = gate__value_weaker(left.constancy, right.constancy);
    return result;
}

struct gate__value gate__value_binary(struct gate__reader *r, int word, struct gate__value left,
                                      struct gate__value right, const struct gate__token *token) {
    left = gate__value_decayed(r, left);
    right = gate__value_decayed(r, right);
    if (r->failed)
        return left;
    if (left.type->kind == GATE_VECTOR || right.type->kind == GATE_VECTOR)
        return vector_binary(r, word, left.type, right.type, token);
    if (!is_scalar(left.type) || !is_scalar(right.type))
        return gate__value_mistaken(r, token, "but an operand is no number");
    if (left.type->kind == GATE_POINTER || right.type->kind == GATE_POINTER)
        return pointer_binary(r, word, left, right, token);
    return number_binary(r, word, left, right, token);
}

/* What "~" and "__real__" and their like take besides numbers with a value here. */
static struct gate__value part_of(struct gate__reader *r, int word, const gate_type *type,
                                  const struct gate__token *token) {
    if (gate__type_is_complex(type) && word != '!')
        return gate__value_unknown(gate__type_basic(word == '~' ? type->kind : real_part(type->kind)));
    if (type->kind == GATE_VECTOR && (word == '~' || word == '+' || word == '-'))
        return gate__value_unknown(type);
    return gate__value_mistaken(r, token, "but what follows is nothing that it applies to");
}

static struct gate__value negated(struct gate__reader *r, int word, struct gate__value value,
                                  const struct gate__token *token) {
    enum gate__constancy constancy = value.constancy;
    if (gate__type_is_real(value.type))
        value = gate__value_real(value.type->kind, -value.real);
    else if (word == '-')
        value = integer_sum(r, '-', value.type, 0, value.bits, token);
    else
        value.bits = gate__value_narrowed(value.type, ~value.bits);
    value.constancy = value.is_known ? constancy : GATE__LENT;
    return value;
}

/* "!": an object's address is not NULL, wherever it is. */
static struct gate__value not(const struct gate__value *value) {
    bool is_real = gate__type_is_real(value->type);
    struct gate__value result = gate__value_integer(GATE_INT, !value->base && !gate__value_is_true(value));
    result.is_known = value->is_known || value->base;
    result.constancy = gate__value_weaker(value->constancy, is_real ? GATE__FOLDED : GATE__STRICT);
    return result;
}

struct gate__value gate__value_unary(struct gate__reader *r, int word, struct gate__value value,
                                     const struct gate__token *token) {
    value = gate__value_decayed(r, value);
    if (r->failed)
        return value;
    bool takes = word == '!'                  ? is_scalar(value.type)
                 : word == '~'                ? gate__type_is_integer(value.type)
                 : word == '+' || word == '-' ? is_arithmetic(value.type)
                                              : is_arithmetic(value.type) && value.type->kind <= GATE_FLOAT128;
    if (!takes)
        return part_of(r, word, value.type, token);
    if (word == '!')
        return not(&value);
    if (word == GATE__REAL)
        return value;
    if (word == GATE__IMAGINARY)
        return gate__value_convert(r, gate__value_integer(GATE_INT, 0), value.type, token);
    value = gate__value_convert(r, value, promoted(&value), token);
    return value.is_known && word != '+' ? negated(r, word, value, token) : value;
}

struct gate__value gate__value_assigned(struct gate__reader *r, struct gate__value value,
                                        const struct gate__token *token) {
    bool is_assignable = value.is_place && value.type->kind != GATE_ARRAY;
    if (!r->failed && !is_assignable)
        gate__lex_fail(r, token, -EINVAL, "but what it assigns to is no object that can be");
    const gate_type *type = r->failed ? NULL : gate__type_unqualified(r, value.type);
    struct gate__value result = {.type = type, .bit_width = value.bit_width};
    return type ? result : gate__value_nothing();
}

/* Choices */

bool gate__value_is_null(const struct gate__value *value) {
    const gate_type *type = value->type;
    bool is_void = type->kind == GATE_POINTER && type->target->kind == GATE_VOID && !type->target->qualifiers;
    bool may_be = gate__type_is_integer(type) || is_void;
    return may_be && value->constancy == GATE__STRICT && !value->is_place && value->bits == 0;
}

/* An array's are its elements'. */
static unsigned qualifiers_of(const gate_type *type) {
    while (type->kind == GATE_ARRAY)
        type = type->target;
    return type->qualifiers;
}

/* The pointer that two come to. GCC makes one to void of those to types that have nothing to do with each other. */
static const gate_type *common_pointer(struct gate__reader *r, const struct gate__value *yes,
                                       const struct gate__value *no) {
    if (gate__value_is_null(yes) || yes->type->kind != GATE_POINTER)
        return no->type;
    if (gate__value_is_null(no) || no->type->kind != GATE_POINTER)
        return yes->type;
    const gate_type *a = yes->type->target, *b = no->type->target;
    const gate_type *plain = gate__type_unqualified(r, a), *other = gate__type_unqualified(r, b);
    if (!plain || !other)
        return NULL;
    if (!gate__type_compatible(plain, other) && plain->kind != GATE_VOID && other->kind != GATE_VOID)
        return gate__type_pointer(r, gate__type_basic(GATE_VOID), 0);
    const gate_type *target = other->kind == GATE_VOID ? other : gate__type_composite(r, plain, other);
    target = gate__type_qualified(r, target, qualifiers_of(a) | qualifiers_of(b));
    return target ? gate__type_pointer(r, target, 0) : NULL;
}

static const gate_type *chosen_type(struct gate__reader *r, const struct gate__value *yes, const struct gate__value *no,
                                    const struct gate__token *token) {
    if (is_arithmetic(yes->type) && is_arithmetic(no->type))
        return common_type(yes, no);
    if (is_scalar(yes->type) && is_scalar(no->type))
        return common_pointer(r, yes, no);
    if (yes->type->kind == GATE_VOID || no->type->kind == GATE_VOID)
        return gate__type_basic(GATE_VOID);
    const gate_type *type = gate__type_unqualified(r, yes->type), *other = gate__type_unqualified(r, no->type);
    if (type && other && !gate__type_compatible(type, other))
        gate__lex_fail(r, token, -EINVAL, "but its two results are of types that don't go together");
    return type;
}

struct gate__value gate__value_chosen(struct gate__reader *r, int choice, struct gate__value yes, struct gate__value no,
                                      const struct gate__token *token) {
    yes = gate__value_decayed(r, yes);
    no = gate__value_decayed(r, no);
    const gate_type *type = r->failed ? NULL : chosen_type(r, &yes, &no, token);
    if (r->failed || !type)
        return gate__value_nothing();
    if (choice < 0 || !is_scalar(type))
        return gate__value_unknown(type);
    return gate__value_convert(r, choice ? yes : no, type, token);
}
