/* Plans: how a call's arguments go into registers and words, found out once for a signature.
 *
 * The ABI (arch/<name>/abi.c) says where each argument goes: into one register or two, or onto the stack. So a plan is
 * steps, one for each part of an argument: which cell of the frame it goes to, and how it is made a whole one. Narrow
 * integers are extended by their sign, as compilers expect of a caller although the ABI doesn't say so.
 *
 * Only where MemorySanitizer is there are no plans: libffi makes the calls.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

/* There where MemorySanitizer is, which sees nothing of what goes into registers and comes out of them; what
 * libffi does it doesn't see either, but ffi.c tells it. */
__attribute__((weak, visibility("default"))) void __msan_unpoison(const volatile void *address, size_t size);

/* How an integer is made a cell. */
static enum gate__load load_of_integer(const gate_type *type) {
    bool is_signed = gate__type_is_signed(type);
    switch (type->size) {
    case 1:
        return is_signed ? GATE__LOAD_S8 : GATE__LOAD_U8;
    case 2:
        return is_signed ? GATE__LOAD_S16 : GATE__LOAD_U16;
    case 4:
        return is_signed ? GATE__LOAD_S32 : GATE__LOAD_U32;
    default:
        return GATE__LOAD_64;
    }
}

static enum gate__load load_of(const gate_type *type, size_t size) {
    if (gate__type_is_integer(type) && type->size == size && size <= 8)
        return load_of_integer(gate__type_plain(type));
    if (size == 8)
        return GATE__LOAD_64;
    return size == 4 ? GATE__LOAD_U32 : GATE__LOAD_COPY;
}

struct gate__step gate__plan_step(const gate_type *type, const struct gate__part *part, size_t argument) {
    return (struct gate__step){(uint8_t)load_of(type, part->size), (uint8_t)argument, (uint8_t)part->offset, part->cell,
                               (uint32_t)part->size};
}

/* Whether step i is the whole of argument i, for all. */
static bool is_plain(const struct gate__plan *plan) {
    for (uint32_t i = 0; i < plan->count; i++) {
        if (plan->steps[i].argument != i || plan->steps[i].offset)
            return false;
    }
    return plan->result.in == GATE__IN_REGISTERS;
}

/* How many bytes of a vector register are in use at the most. */
static size_t vector_most(const struct gate__plan *plan) {
    size_t most = plan->result.in == GATE__IN_WIDE ? plan->result.parts[0].size : 0;
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct gate__step *step = &plan->steps[i];
        if (gate__arch_is_in_vector(step->cell) && step->size > most)
            most = step->size;
    }
    return most;
}

static enum gate__shape wide_shape_of(const struct gate__plan *plan, size_t most) {
    static const enum gate__shape shapes[2][3] = {
        {GATE__SHAPE_WIDE32, GATE__SHAPE_WIDE32_X87, GATE__SHAPE_WIDE32_X87_PAIR},
        {GATE__SHAPE_WIDE64, GATE__SHAPE_WIDE64_X87, GATE__SHAPE_WIDE64_X87_PAIR},
    };
    bool is_in_x87 = plan->result.in == GATE__IN_X87 || plan->result.in == GATE__IN_X87_PAIR;
    return shapes[most > 32][is_in_x87 ? plan->result.in : GATE__IN_REGISTERS];
}

static enum gate__shape shape_of(const gate_signature *signature, const struct gate__abi *abi,
                                 const struct gate__plan *plan) {
    const struct gate__result *result = &plan->result;
    size_t most = vector_most(plan);
    bool is_one = result->count <= 1 && result->parts[0].size <= 8 && !result->parts[0].offset;
    if (most > 16)
        return wide_shape_of(plan, most);
    if (result->in == GATE__IN_X87 || result->in == GATE__IN_X87_PAIR)
        return result->in == GATE__IN_X87 ? GATE__SHAPE_X87 : GATE__SHAPE_X87_PAIR;
    if (!is_one || most > 8)
        return GATE__SHAPE_REGISTERS;
    if (result->count && result->parts[0].cell >= GATE__WORDS)
        return GATE__SHAPE_VECTOR;
    if (abi->vectors || abi->stack || gate__signature_tells_vectors(signature))
        return GATE__SHAPE_ALL;
    return abi->words > 2 || !is_plain(plan) ? GATE__SHAPE_WORDS : GATE__SHAPE_PAIR;
}

/* The steps of all arguments into plan; false if they are more than a stack may have to hold. */
static bool place_arguments(const gate_signature *signature, struct gate__abi *abi, struct gate__plan *plan) {
    bool fits = true;
    for (size_t i = 0; fits && i < signature->count; i++) {
        const gate_type *type = signature->parameters[i];
        struct gate__part parts[GATE__PARTS_MOST];
        abi->is_unnamed = gate__signature_is_unnamed(signature, i);
        unsigned count = type->size <= GATE__ARGUMENTS_MOST ? gate__abi_argument(abi, type, parts) : 0;
        for (unsigned j = 0; j < count; j++)
            plan->steps[plan->count++] = gate__plan_step(type, &parts[j], i);
        fits = type->size <= GATE__ARGUMENTS_MOST && abi->stack <= GATE__ARGUMENTS_MOST / sizeof(uint64_t);
    }
    return fits;
}

static unsigned wide_cell(unsigned cell, unsigned first) {
    return gate__arch_is_in_vector(cell) ? first + gate__arch_vector_of(cell) * GATE__WIDE : cell;
}

/* The vectors' cells, which are larger then, go behind all others. */
static void make_wide(struct gate__plan *plan) {
    uint32_t first = plan->cell_count;
    for (uint32_t i = 0; i < plan->count; i++)
        plan->steps[i].cell = wide_cell(plan->steps[i].cell, first);
    for (unsigned i = 0; i < plan->result.count; i++)
        plan->result.parts[i].cell = wide_cell(plan->result.parts[i].cell, first);
    plan->cell_count += GATE__VECTORS * GATE__WIDE;
}

int gate__plan_make(gate_signature *signature, gate_error *error) {
    size_t steps = GATE__PARTS_MOST * signature->count;
    struct gate__plan *plan = gate__signature_allocate(signature, sizeof *plan + steps * sizeof *plan->steps);
    if (!plan)
        return gate__fail(error, -ENOMEM, "no memory to prepare a signature");
    gate__abi_result(signature->result, &plan->result);
    struct gate__abi abi = {.words = plan->result.in == GATE__IN_MEMORY};
    if (!place_arguments(signature, &abi, plan))
        return gate__fail(error, -ENOTSUP, "the arguments take more than %d KiB of the stack",
                          GATE__ARGUMENTS_MOST / 1024);
    if (__msan_unpoison)
        return 0;
    plan->shape = shape_of(signature, &abi, plan);
    plan->stack_count = abi.stack;
    plan->stack_alignment = GATE__STACK_ALIGNMENT;
    if (abi.alignment > GATE__STACK_ALIGNMENT) {
        plan->stack_count = gate__abi_rounded(abi.stack, abi.alignment);
        plan->stack_alignment = abi.alignment;
    }
    plan->cell_count = GATE__STACK + plan->stack_count;
    if (gate__plan_is_wide(plan))
        make_wide(plan);
    plan->result_size = plan->result.in == GATE__IN_REGISTERS ? (uint32_t)plan->result.parts[0].size
                        : plan->result.in == GATE__IN_MEMORY  ? 0
                                                              : (uint32_t)signature->result->size;
    plan->by_frame = gate__frame_ways(signature, plan);
    signature->plan = plan;
    gate__m_find_errno();
    return 0;
}

void gate__plan_load_other(const struct gate__step *step, const void *part, uint64_t *cell) {
    uint64_t word = 0;
    if (step->load == GATE__LOAD_COPY && step->size > sizeof word) {
        memcpy(cell, part, step->size);
        return;
    }
    memcpy(&word, part, step->size);
    if (step->load == GATE__LOAD_S16)
        word = (uint64_t)(int64_t)(int16_t)word;
    else if (step->load == GATE__LOAD_S8)
        word = (uint64_t)(int64_t)(int8_t)word;
    *cell = word;
}

void gate__plan_store_parts(const struct gate__plan *plan, const uint64_t *cells, void *result) {
    const struct gate__result *from = &plan->result;
    const char *vectors = (const char *)&cells[GATE__WORDS];
    if (from->in == GATE__IN_X87 || from->in == GATE__IN_X87_PAIR)
        memcpy(result, vectors, plan->result_size); /* 16 bytes each, of which the last six are padding */
    for (unsigned i = 0; i < from->count; i++) {
        const struct gate__part *part = &from->parts[i];
        if (part->size == sizeof *cells)
            memcpy((char *)result + part->offset, &cells[part->cell], sizeof *cells);
        else
            memcpy((char *)result + part->offset, &cells[part->cell], part->size);
    }
}
