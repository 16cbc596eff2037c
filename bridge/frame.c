/* Frames that a host fills: how large they are, and where values go. plan.c found that out; call.c makes the calls.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>

#include "bridge/arch/by_frame.h"
#include "bridge/internal.h"
#include "runtime/arch/arch.h"

_Static_assert(offsetof(gate_frame, cells) % 16 == 0 && GATE__STACK % 2 == 0,
               "what goes on the stack is 16-byte aligned");

_Static_assert(offsetof(gate_frame, outer) == GATE__FRAME_OUTER, "by_frame.h");
_Static_assert(offsetof(gate_frame, status) == GATE__FRAME_STATUS, "by_frame.h");
_Static_assert(offsetof(gate_frame, error_number) == GATE__FRAME_ERROR_NUMBER, "by_frame.h");
_Static_assert(offsetof(gate_frame, address) == GATE__FRAME_ADDRESS, "by_frame.h");
_Static_assert(offsetof(gate_frame, name) == GATE__FRAME_NAME, "by_frame.h");
_Static_assert(offsetof(gate_frame, cells) == GATE__FRAME_CELLS, "by_frame.h");

size_t gate_frame_size(const gate_signature *signature) {
    const struct gate__plan *plan = signature->plan;
    if (!plan)
        return 0;
    size_t cells = plan->shape <= GATE__SHAPE_WORDS ? GATE__WORDS : GATE__STACK + plan->stack_count;
    return offsetof(gate_frame, cells) + cells * sizeof(uint64_t);
}

/* The way of a call: one in assembly if it does all that there is to do. */
static gate__by_frame *way_of(const gate_function *function) {
    static gate__by_frame *const ways[] = {
        [GATE__SHAPE_PAIR] = gate__arch_frame_pair,
        [GATE__SHAPE_WORDS] = gate__arch_frame_words,
        [GATE__SHAPE_ALL] = gate__arch_frame_registers,
        [GATE__SHAPE_VECTOR] = gate__arch_frame_vector,
    };
    const struct gate__plan *plan = function->signature->plan;
    bool is_usual = function->call_class == GATE_CALL_DEFAULT && plan->stack_count == 0 &&
                    plan->shape <= GATE__SHAPE_VECTOR && plan->result.in == GATE__IN_REGISTERS;
    bool is_checked = gate__check_is_on() && function->signature->passes_pointers;
    return is_usual && !is_checked ? ways[plan->shape] : gate__call_frame;
}

int gate_frame_init(gate_frame *frame, const gate_function *function) {
    if (!function->signature->plan)
        return -ENOTSUP;
    frame->function = function;
    frame->error_number = 0;
    frame->enter = way_of(function);
    frame->address = function->address;
    frame->name = function->name ? function->name : "a function";
    frame->result = NULL;
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
