/* Where values are passed on x86-64 (System V ABI, version 1.0, 3.2.3, and GCC where that leaves it open).
 *
 * A value of at most 16 bytes is looked at by eights of them. Each has a class, which all members that lie in it agree
 * on, and goes into a register of that class; if there are not enough left for the whole of it, or it is larger, it
 * lies in memory: as an argument on the stack, as a result where the caller says.
 *
 * Larger ones are in registers, too, if they are nothing but a vector of 32 bytes, which AVX has, or of 64, which AVX-512
 * has: here they are called wide. That is the ABI's way, and that of code which is compiled for these. Code that isn't has
 * them in memory, and compilers warn of it; nothing in a function's type tells which it is, so there is no way to call that.
 *
 * Records have records in them, by name as deep as a text likes, and each may have the one before twice. So nobody walks
 * through one: what is to be known of it is noted in it when it is completed, which those inside were before.
 *
 * SPDX-License-Identifier: MIT */
#include <stdatomic.h>

#include "bridge/internal.h"
#include "runtime/arch/arch.h"

enum abi_class {
    NO_CLASS, /* padding, or nothing yet */
    INTEGER,
    SSE,
    SSE_UP, /* the upper half of a vector register */
    X87,
    X87_UP,
    COMPLEX_X87,
    MEMORY
};

enum { EIGHTS = 2, SMALL = 8 * EIGHTS, WIDE = 32, WIDEST = 64, NOTED_BITS = 4 };

_Static_assert(sizeof((struct gate__passing *)0)->classes == SMALL, "a record is noted for each place in such a one");

/* The class of an eight that holds members of both (3.2.3, classification, 4). */
static enum abi_class merge(enum abi_class a, enum abi_class b) {
    if (a == b || b == NO_CLASS)
        return a;
    if (a == NO_CLASS)
        return b;
    if (a == MEMORY || b == MEMORY)
        return MEMORY;
    if (a == INTEGER || b == INTEGER)
        return INTEGER;
    bool x87 = a == X87 || a == X87_UP || a == COMPLEX_X87 || b == X87 || b == X87_UP || b == COMPLEX_X87;
    return x87 ? MEMORY : SSE;
}

static void add(enum abi_class classes[EIGHTS], size_t offset, enum abi_class class) {
    if (offset / 8 < EIGHTS)
        classes[offset / 8] = merge(classes[offset / 8], class);
}

static void classify_into(const gate_type *type, size_t offset, enum abi_class classes[EIGHTS]);

/* A vector of a single double, which GCC has in memory. */
static bool is_one_double(const gate_type *type) {
    return type->kind == GATE_VECTOR && type->size == 8 && type->target->kind == GATE_DOUBLE;
}

static void classify_scalar(const gate_type *type, size_t offset, enum abi_class classes[EIGHTS]) {
    switch (type->kind) {
    case GATE_FLOAT16:
    case GATE_FLOAT:
    case GATE_DOUBLE:
    case GATE_FLOAT16_COMPLEX:
        add(classes, offset, SSE);
        break;
    case GATE_FLOAT_COMPLEX:
    case GATE_DOUBLE_COMPLEX: /* as a struct of its two parts */
        add(classes, offset, SSE);
        add(classes, offset + type->size / 2, SSE);
        break;
    case GATE_FLOAT128:
    case GATE_VECTOR:
        add(classes, offset, is_one_double(type) ? MEMORY : SSE);
        if (type->size == 16)
            add(classes, offset + 8, SSE_UP);
        break;
    case GATE_LDOUBLE:
        add(classes, offset, X87);
        add(classes, offset + 8, X87_UP);
        break;
    case GATE_INT128:
    case GATE_UINT128:
        add(classes, offset, INTEGER);
        add(classes, offset + 8, INTEGER);
        break;
    default:
        add(classes, offset, INTEGER);
        break;
    }
}

/* The eights that a bit-field has bits in, be it only padding. */
static void classify_bits(const gate_field *field, size_t offset, enum abi_class classes[EIGHTS]) {
    if (field->bit_width == 0)
        return;
    add(classes, offset, INTEGER);
    add(classes, offset + (field->bit_offset + field->bit_width - 1) / 8, INTEGER);
}

/* In a union GCC takes one, even of no bits, for an integer of the smallest size that has room for it. */
static void classify_bits_of_union(const gate_field *field, size_t offset, enum abi_class classes[EIGHTS]) {
    size_t size = 1;
    while (8 * size < field->bit_width)
        size *= 2;
    add(classes, offset, offset % size ? MEMORY : INTEGER);
    if (size > 8)
        add(classes, offset + 8, INTEGER);
}

static void classify_record(const gate_type *type, size_t offset, enum abi_class classes[EIGHTS]) {
    for (size_t i = 0; i < type->count; i++) {
        const gate_field *field = &type->fields[i];
        if (!field->is_bit_field)
            classify_into(field->type, offset + field->offset, classes);
        else if (type->kind == GATE_UNION)
            classify_bits_of_union(field, offset, classes);
        else
            classify_bits(field, offset + field->offset, classes);
    }
}

/* All is in memory if a part of it is, and an upper half has its lower one before it (5). */
static void settle(enum abi_class classes[EIGHTS]) {
    bool x87_without_its_half = classes[1] == X87_UP && classes[0] != X87;
    if (classes[0] == MEMORY || classes[1] == MEMORY || x87_without_its_half)
        classes[0] = MEMORY;
    else if (classes[1] == SSE_UP && classes[0] != SSE)
        classes[1] = SSE;
}

static uint8_t noted(const enum abi_class classes[EIGHTS]) {
    return (uint8_t)(classes[0] | classes[1] << NOTED_BITS);
}

static void take_noted(uint8_t both, enum abi_class classes[EIGHTS]) {
    classes[0] = (enum abi_class)(both & ((1 << NOTED_BITS) - 1));
    classes[1] = (enum abi_class)(both >> NOTED_BITS);
}

/* A record in a record has its classes first, and then they are merged: what is in memory alone stays there. */
static void classify_inner(const gate_type *type, size_t offset, enum abi_class classes[EIGHTS]) {
    enum abi_class inner[EIGHTS];
    take_noted(type->record->passing.classes[offset], inner);
    for (size_t i = 0; i < EIGHTS; i++)
        classes[i] = merge(classes[i], inner[i]);
}

/* Of an array of none GCC sees the first element, as far as it lies in the eight that the array begins in. What has parts
 * and is large, counted from there, is in memory. */
static void classify_none(const gate_type *element, size_t offset, enum abi_class classes[EIGHTS]) {
    enum abi_class seen[EIGHTS] = {NO_CLASS, NO_CLASS};
    bool has_parts = gate__type_is_record(element) || element->kind == GATE_ARRAY;
    bool is_large = has_parts && element->size > SMALL - offset % 8;
    if (!is_large)
        classify_into(element, offset, seen);
    add(classes, offset, is_large || seen[0] == MEMORY ? MEMORY : seen[offset / 8]);
}

/* Elements of no size all lie in the same place. */
static void classify_array(const gate_type *type, size_t offset, enum abi_class classes[EIGHTS]) {
    size_t count = type->count <= GATE_COUNT_MAX ? type->count : 0;
    if (type->count == 0)
        classify_none(type->target, offset, classes);
    for (size_t i = 0; i < count && (i == 0 || type->target->size); i++)
        classify_into(type->target, offset + i * type->target->size, classes);
}

/* Whether a scalar lies where it is not aligned, whatever its type or a packed struct say: then all is in memory. */
static bool is_askew(const gate_type *type, size_t offset) {
    size_t unit = gate__type_is_complex(type) ? type->size / 2 : type->size;
    return unit && offset % unit != 0;
}

static void classify_into(const gate_type *type, size_t offset, enum abi_class classes[EIGHTS]) {
    if (offset >= SMALL || (!type->size && offset % 8 == 0))
        return;
    if (gate__type_is_record(type))
        classify_inner(type, offset, classes);
    else if (type->kind == GATE_ARRAY)
        classify_array(type, offset, classes);
    else if (is_askew(type, offset))
        add(classes, offset, MEMORY);
    else
        classify_scalar(type, offset, classes);
}

/* The whole of a value. */
static void classify(const gate_type *type, enum abi_class classes[EIGHTS]) {
    classes[0] = classes[1] = NO_CLASS;
    if (type->kind == GATE_LDOUBLE_COMPLEX)
        classes[0] = COMPLEX_X87;
    else if (type->size > SMALL)
        classes[0] = MEMORY;
    else
        classify_into(type, 0, classes);
    settle(classes);
}

static const gate_type *innermost(const gate_type *type) {
    while (type->kind == GATE_ARRAY)
        type = type->target;
    return type;
}

/* Whether nothing can be in it, but bit-fields that only pad, and arrays of none. GCC gives it the registers of its
 * classes, but no room on the stack. */
bool gate__abi_is_empty(const gate_type *type) {
    const gate_type *inner = innermost(type);
    bool is_none = type->kind == GATE_ARRAY && type->size == 0;
    return is_none || (gate__type_is_record(inner) && inner->record->passing.is_empty);
}

static bool has_small_vector(const gate_type *type) {
    const gate_type *inner = innermost(type);
    if (gate__type_is_record(inner))
        return inner->record->passing.has_small_vector;
    return inner->kind == GATE_VECTOR && inner->size < 8;
}

/* Wide values */

/* Of larger elements GCC makes none for registers. */
static bool is_wide_vector(const gate_type *type) {
    bool has_register = type->size == WIDE || type->size == WIDEST;
    return type->kind == GATE_VECTOR && has_register && type->target->size <= 8;
}

bool gate__abi_is_wide(const gate_type *type) {
    while (type->kind == GATE_ARRAY && type->count == 1)
        type = type->target;
    return gate__type_is_record(type) ? type->record->passing.is_wide : is_wide_vector(type);
}

/* Whether a member has the record in memory although a vector fills it: by any class that no part of the vector has. The
 * first eight of these is SSE, and all others are upper parts. */
static bool spoils_wide(const gate_type *record, const gate_field *field) {
    enum abi_class classes[EIGHTS] = {NO_CLASS, NO_CLASS};
    if (field->is_bit_field)
        return field->bit_width || record->kind == GATE_UNION;
    if (gate__abi_is_wide(field->type) || field->type->size > SMALL)
        return !gate__abi_is_wide(field->type);
    classify_into(field->type, field->offset, classes);
    bool is_lower = classes[0] == NO_CLASS || classes[0] == SSE;
    return !is_lower || (classes[1] != NO_CLASS && classes[1] != SSE_UP);
}

static bool is_wide_record(const gate_type *record) {
    bool is_filled = false, is_spoilt = false;
    for (size_t i = 0; i < record->count; i++) {
        const gate_field *field = &record->fields[i];
        bool is_wide = !field->is_bit_field && gate__abi_is_wide(field->type);
        is_filled |= is_wide && field->type->size == record->size;
        is_spoilt |= spoils_wide(record, field);
    }
    return is_filled && !is_spoilt;
}

_Atomic unsigned gate__abi_known_vector_most;

/* The compiler's functions ask for what the processor has, and whether the system keeps it. */
unsigned gate__abi_vector_most(void) {
    unsigned most = atomic_load_explicit(&gate__abi_known_vector_most, memory_order_relaxed);
    if (!most) {
        most = __builtin_cpu_supports("avx512f") ? WIDEST : __builtin_cpu_supports("avx") ? WIDE : SMALL;
        atomic_store_explicit(&gate__abi_known_vector_most, most, memory_order_relaxed);
    }
    return most;
}

/* Records */

struct gate__passing gate__abi_note(const gate_type *record) {
    struct gate__passing passing = {.is_empty = true, .is_wide = is_wide_record(record)};
    for (size_t i = 0; i < record->count; i++) {
        const gate_field *field = &record->fields[i];
        passing.is_empty &= field->is_bit_field ? !field->name : gate__abi_is_empty(field->type);
        passing.has_small_vector |= has_small_vector(field->type);
    }
    for (size_t offset = 0; record->size <= SMALL && offset < SMALL; offset++) {
        enum abi_class classes[EIGHTS] = {NO_CLASS, NO_CLASS};
        classify_record(record, offset, classes);
        settle(classes);
        passing.classes[offset] = noted(classes);
    }
    return passing;
}

/* How many registers of that class it takes. */
static unsigned count(const enum abi_class classes[EIGHTS], enum abi_class class) {
    return (classes[0] == class) + (classes[1] == class);
}

static size_t part_size(const gate_type *type, size_t offset) {
    return type->size - offset < 8 ? type->size - offset : 8;
}

static bool is_in_memory(const enum abi_class classes[EIGHTS]) {
    return classes[0] >= X87;
}

/* The type's own alignment: what a typedef or a qualifier ask for is nothing to a call. */
static size_t alignment_of(const gate_type *type) {
    gate_type plain = *type;
    plain.qualifiers = 0;
    return gate__type_natural_alignment(&plain);
}

/* The stack is aligned as much as the argument that asks for most. */
static unsigned take_stack(struct gate__abi *abi, const gate_type *type, struct gate__part parts[]) {
    size_t alignment = alignment_of(type);
    if (alignment > abi->alignment)
        abi->alignment = (unsigned)alignment;
    if (alignment > 8)
        abi->stack = gate__abi_rounded(abi->stack, (unsigned)alignment);
    parts[0] = (struct gate__part){GATE__STACK + abi->stack, 0, type->size};
    abi->stack += (type->size + 7) / 8;
    return 1;
}

/* Gives each eight the next register of its class. */
static unsigned take_registers(struct gate__abi *abi, const gate_type *type, const enum abi_class classes[EIGHTS],
                               struct gate__part parts[]) {
    unsigned used = 0;
    for (size_t i = 0; i < EIGHTS; i++) {
        size_t offset = 8 * i;
        if (classes[i] == INTEGER)
            parts[used++] = (struct gate__part){abi->words++, offset, part_size(type, offset)};
        else if (classes[i] == SSE)
            parts[used++] = (struct gate__part){GATE__WORDS + 2 * abi->vectors++, offset, part_size(type, offset)};
        else if (classes[i] == SSE_UP)
            parts[used - 1].size += part_size(type, offset);
    }
    return used;
}

static unsigned take_wide(struct gate__abi *abi, const gate_type *type, struct gate__part parts[]) {
    parts[0] = (struct gate__part){GATE__WORDS + 2 * abi->vectors++, 0, type->size};
    return 1;
}

/* What an argument of the type is to a call. */
static const gate_type *passed_as(const gate_type *type) {
    return type->kind == GATE_UNION && type->record->transparent ? type->fields[0].type : type;
}

unsigned gate__abi_argument(struct gate__abi *abi, const gate_type *type, struct gate__part parts[]) {
    enum abi_class classes[EIGHTS];
    type = passed_as(type);
    if (gate__abi_is_wide(type) && !abi->is_unnamed && abi->vectors < GATE__VECTORS)
        return take_wide(abi, type, parts);
    classify(type, classes);
    bool is_on_stack = is_in_memory(classes) || abi->words + count(classes, INTEGER) > GATE__WORDS ||
                       abi->vectors + count(classes, SSE) > GATE__VECTORS;
    if (!is_on_stack)
        return take_registers(abi, type, classes, parts);
    return gate__abi_is_empty(type) ? 0 : take_stack(abi, type, parts);
}

void gate__abi_result(const gate_type *type, struct gate__result *result) {
    enum abi_class classes[EIGHTS];
    struct gate__abi abi = {.words = 0};
    *result = (struct gate__result){.in = gate__abi_is_wide(type) ? GATE__IN_WIDE : GATE__IN_REGISTERS};
    if (gate__abi_is_empty(type) || type->kind == GATE_VOID)
        return;
    classify(type, classes);
    if (result->in == GATE__IN_WIDE)
        result->count = take_wide(&abi, type, result->parts);
    else if (classes[0] == MEMORY)
        result->in = GATE__IN_MEMORY;
    else if (is_in_memory(classes))
        result->in = classes[0] == X87 ? GATE__IN_X87 : GATE__IN_X87_PAIR;
    else
        result->count = take_registers(&abi, type, classes, result->parts);
}

/* Of vectors below 8 bytes compilers make what they like. */
const char *gate__abi_refusal(const gate_type *type) {
    if (alignment_of(type) > GATE__STACK_ALIGNMENT_MOST)
        return "which is aligned to more than a page";
    if (type->size <= WIDEST && has_small_vector(type))
        return "which is, or has, a vector of less than 8 bytes";
    if (gate__abi_is_wide(passed_as(type)) && type->size > gate__abi_vector_most())
        return type->size == WIDE ? "which goes into a register of AVX, and this processor or system has none"
                                  : "which goes into a register of AVX-512, and this processor or system has none";
    return NULL;
}
