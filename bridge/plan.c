/* Plans: how a call's arguments go into registers and words, found out once for a signature.
 *
 * Where an argument goes follows from its kind and from how many of its sort are before it: integers and
 * pointers take the six word registers, floats and doubles the eight vector registers, and what finds none left
 * goes on the stack, a word each, in order. So a plan is a step for each argument: which cell of the frame it goes
 * to, and how it is made a whole one. Narrow integers are extended by their sign, as compilers expect of a caller
 * although the ABI doesn't say so.
 *
 * Signatures with a type that takes more than a cell (long double, complex numbers), or with more arguments than a
 * frame has room for, have no plan: libffi makes their calls.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

/* There where MemorySanitizer is, which sees nothing of what goes into registers and comes out of them; what
 * libffi does it doesn't see either, but ffi.c tells it. */
__attribute__((weak, visibility("default"))) void __msan_unpoison(const volatile void *address, size_t size);

static enum gate__load load_of(const gate_type *type) {
    switch (gate__type_plain(type)->kind) {
    case GATE_CHAR:
        return (char)-1 < 0 ? GATE__LOAD_S8 : GATE__LOAD_U8;
    case GATE_SCHAR:
        return GATE__LOAD_S8;
    case GATE_BOOL:
    case GATE_UCHAR:
        return GATE__LOAD_U8;
    case GATE_SHORT:
        return GATE__LOAD_S16;
    case GATE_USHORT:
        return GATE__LOAD_U16;
    case GATE_INT:
        return GATE__LOAD_S32;
    case GATE_UINT:
    case GATE_FLOAT:
        return GATE__LOAD_U32;
    case GATE_LONG:
    case GATE_ULONG:
    case GATE_LLONG:
    case GATE_ULLONG:
    case GATE_POINTER:
    case GATE_DOUBLE:
        return GATE__LOAD_64;
    default:
        return GATE__LOAD_NONE;
    }
}

static bool is_vector(const gate_type *type) {
    return type->kind == GATE_FLOAT || type->kind == GATE_DOUBLE;
}

/* How many arguments of each sort have been placed. */
struct placed {
    unsigned words, vectors, stack;
};

static unsigned place(struct placed *placed, const gate_type *type) {
    if (is_vector(type) && placed->vectors < GATE__VECTORS)
        return GATE__WORDS + placed->vectors++;
    if (!is_vector(type) && placed->words < GATE__WORDS)
        return placed->words++;
    return GATE__WORDS + GATE__VECTORS + placed->stack++;
}

static enum gate__shape shape_of(const struct placed *placed, const gate_type *result) {
    if (is_vector(result))
        return GATE__SHAPE_VECTOR;
    if (placed->vectors || placed->stack)
        return GATE__SHAPE_ALL;
    return placed->words > 2 ? GATE__SHAPE_WORDS : GATE__SHAPE_PAIR;
}

int gate__plan_make(gate_signature *signature, gate_error *error) {
    struct placed placed = {0, 0, 0};
    const gate_type *result = signature->result;
    if (__msan_unpoison || signature->count > GATE__CELLS ||
        (result->kind != GATE_VOID && load_of(result) == GATE__LOAD_NONE))
        return 0;
    struct gate__plan *plan =
        gate__signature_allocate(signature, sizeof *plan + signature->count * sizeof *plan->steps);
    if (!plan)
        return gate__fail(error, -ENOMEM, "no memory to prepare a signature");
    for (size_t i = 0; i < signature->count; i++) {
        const gate_type *type = signature->parameters[i];
        unsigned cell = place(&placed, type);
        if (load_of(type) == GATE__LOAD_NONE || cell >= GATE__CELLS)
            return 0;
        plan->steps[i] = (struct gate__step){(uint8_t)load_of(type), (uint8_t)cell};
    }
    plan->shape = shape_of(&placed, result);
    plan->count = (uint32_t)signature->count;
    plan->stack_count = placed.stack;
    plan->result_size = (uint32_t)result->size;
    signature->plan = plan;
    return 0;
}

uint64_t gate__plan_load_narrow(enum gate__load load, const void *value) {
    uint32_t word = 0;
    bool is_short = load == GATE__LOAD_S16 || load == GATE__LOAD_U16;
    memcpy(&word, value, load == GATE__LOAD_U32 ? 4 : is_short ? 2 : 1);
    if (load == GATE__LOAD_S16)
        return (uint64_t)(int64_t)(int16_t)word;
    if (load == GATE__LOAD_S8)
        return (uint64_t)(int64_t)(int8_t)word;
    return word;
}
