/* Frames that a host fills: how large they are, and where values go. plan.c found that out; call.c makes the calls.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bridge/arch/by_frame.h"
#include "bridge/internal.h"
#include "runtime/arch/arch.h"

_Static_assert(offsetof(gate_frame, cells) % 16 == 0 && GATE__STACK % 2 == 0,
               "what goes on the stack is 16-byte aligned");

_Static_assert(offsetof(gate_frame, address) == GATE__FRAME_ADDRESS, "by_frame.h");
_Static_assert(offsetof(gate_frame, cells) == GATE__FRAME_CELLS, "by_frame.h");
_Static_assert(offsetof(gate_signature, plan) == GATE__SIGNATURE_PLAN, "by_frame.h");
_Static_assert(offsetof(struct gate__plan, stack_count) == GATE__PLAN_STACK_COUNT, "by_frame.h");

size_t gate_frame_size(const gate_signature *signature) {
    const struct gate__plan *plan = signature->plan;
    gate__signature_require(signature, "gate_frame_size");
    if (!plan)
        return 0;
    size_t all = plan->cell_count + plan->cell_count % 2;
    size_t cells = plan->shape <= GATE__SHAPE_WORDS ? GATE__WORDS : all;
    return offsetof(gate_frame, cells) + cells * sizeof(uint64_t);
}

/* Which registers a call's arguments are in. */
enum arguments { PAIR, WORDS, STACK, DOUBLES, FEW, ALL, WHOLE };

/* How many are few: by_frame.h. */
enum { FEW_WORDS = 2, FEW_VECTORS = 2, FEW_ON_STACK = 2 };

struct used {
    unsigned words, vectors; /* the first so many */
    bool is_whole;           /* of a vector, more than the lower half */
};

static void use(struct used *used, unsigned cell, size_t size) {
    bool is_in_vector = gate__arch_is_in_vector(cell);
    unsigned vector = gate__arch_vector_of(cell);
    if (cell < GATE__WORDS)
        used->words = used->words > cell ? used->words : cell + 1;
    else if (is_in_vector)
        used->vectors = used->vectors > vector ? used->vectors : vector + 1;
    used->is_whole = used->is_whole || (is_in_vector && size > 8);
}

static enum arguments arguments_of(const gate_signature *signature, const struct gate__plan *plan) {
    struct used used = {plan->result.in == GATE__IN_MEMORY, 0, false};
    bool needs_count = gate__signature_tells_vectors(signature);
    for (uint32_t i = 0; i < plan->count; i++)
        use(&used, plan->steps[i].cell, plan->steps[i].size);
    if (used.is_whole)
        return WHOLE;
    if (plan->stack_count)
        return used.vectors == 0 && !needs_count && plan->stack_count <= FEW_ON_STACK ? STACK : ALL;
    if (used.vectors == 0 && !needs_count)
        return used.words > FEW_WORDS ? WORDS : PAIR;
    if (used.words > FEW_WORDS || used.vectors > FEW_VECTORS)
        return ALL;
    return used.words || needs_count ? FEW : DOUBLES;
}

/* Where a call's result is. */
enum results { WORD, VECTOR, BOTH, ANY };

static enum results results_of(const struct gate__result *result) {
    struct used used = {0, 0, false};
    for (unsigned i = 0; i < result->count; i++)
        use(&used, result->parts[i].cell, result->parts[i].size);
    if (used.is_whole)
        return ANY;
    if (result->count < 2)
        return used.vectors ? VECTOR : WORD;
    return BOTH;
}

gate__by_frame *const *gate__frame_ways(const gate_signature *signature, const struct gate__plan *plan) {
    static gate__by_frame *const whole[] = {GATE__BY_FRAME(whole_any)};
    static gate__by_frame *const ways[][3][GATE__BY_FRAME_WAYS] = {
        [PAIR] = {{GATE__BY_FRAME(pair_word)}, {GATE__BY_FRAME(few_vector)}, {GATE__BY_FRAME(few_both)}},
        [WORDS] = {{GATE__BY_FRAME(words_word)}, {GATE__BY_FRAME(all_vector)}, {GATE__BY_FRAME(all_both)}},
        [STACK] = {{GATE__BY_FRAME(stack_word)}, {GATE__BY_FRAME(all_vector)}, {GATE__BY_FRAME(all_both)}},
        [DOUBLES] = {{GATE__BY_FRAME(doubles_word)}, {GATE__BY_FRAME(doubles_vector)}, {GATE__BY_FRAME(doubles_both)}},
        [FEW] = {{GATE__BY_FRAME(few_word)}, {GATE__BY_FRAME(few_vector)}, {GATE__BY_FRAME(few_both)}},
        [ALL] = {{GATE__BY_FRAME(all_word)}, {GATE__BY_FRAME(all_vector)}, {GATE__BY_FRAME(all_both)}},
    };
    bool is_in_x87 = plan->result.in == GATE__IN_X87 || plan->result.in == GATE__IN_X87_PAIR;
    if (is_in_x87 || gate__plan_is_aligned(plan) || gate__plan_is_wide(plan))
        return NULL;
    enum arguments arguments = arguments_of(signature, plan);
    enum results results = results_of(&plan->result);
    return arguments == WHOLE || results == ANY ? whole : ways[arguments][results];
}

/* The way of a call of that class: one in assembly if it does all that there is to do. */
static gate__by_frame *way_of(const gate_function *function) {
    const struct gate__plan *plan = function->signature->plan;
    bool is_checked = gate__check_is_on() && function->signature->passes_pointers;
    bool is_usual = function->call_class <= GATE_CALL_LEAF && plan->result.in == GATE__IN_REGISTERS;
    return is_usual && plan->by_frame && !is_checked ? plan->by_frame[function->call_class] : gate__call_frame;
}

int gate_frame_init(gate_frame *frame, const gate_function *function) {
    gate__signature_require(function->signature, "gate_frame_init");
    if (!function->signature->plan)
        return -ENOTSUP;
    frame->function = function;
    frame->error_number = 0;
    frame->enter = way_of(function);
    frame->address = function->address;
    frame->result = NULL;
    frame->outer = NULL;
    frame->status = 0;
    return 0;
}

static struct gate_place place(unsigned cell, size_t offset, size_t size) {
    return (struct gate_place){(uint32_t)(offsetof(gate_frame, cells) + cell * sizeof(uint64_t)), (uint32_t)offset,
                               (uint32_t)size};
}

static size_t places_of_result(const gate_signature *signature, struct gate_place places[2]) {
    const struct gate__result *result = &signature->plan->result;
    if (result->in == GATE__IN_X87 || result->in == GATE__IN_X87_PAIR) {
        places[0] = place(GATE__WORDS, 0, signature->result->size);
        return 1;
    }
    for (unsigned i = 0; i < result->count; i++)
        places[i] = place(result->parts[i].cell, result->parts[i].offset, result->parts[i].size);
    return result->count;
}

size_t gate_frame_places(const gate_signature *signature, size_t index, struct gate_place places[2]) {
    const struct gate__plan *plan = signature->plan;
    size_t count = 0;
    if (plan && index == GATE_RESULT)
        return places_of_result(signature, places);
    for (uint32_t i = 0; plan && i < plan->count; i++) {
        const struct gate__step *step = &plan->steps[i];
        if (step->argument == index)
            places[count++] = place(step->cell, step->offset, step->size);
    }
    return count;
}

void gate_frame_put(const gate_signature *signature, gate_frame *frame, size_t index, const void *value) {
    const struct gate__plan *plan = signature->plan;
    uint64_t *cells = frame->cells;
    for (uint32_t i = 0; i < plan->count; i++) {
        const struct gate__step *step = &plan->steps[i];
        if (step->argument == index)
            gate__plan_load(step, (const char *)value + step->offset, cells + step->cell);
    }
}

void gate_frame_get(const gate_signature *signature, const gate_frame *frame, void *result) {
    gate__plan_store_parts(signature->plan, frame->cells, result);
}
