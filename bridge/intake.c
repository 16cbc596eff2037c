/* Intakes: where a callback's arguments are when C calls, found out once for each callback.
 *
 * The reverse of a plan. The ABI (arch/<name>/abi.c) says in which registers and words of the stack C leaves each
 * argument. The callback's code (arch/<name>/callback.S) stores the registers in cells, a fixed distance from its frame
 * address; C's stack arguments are a fixed distance from there, too. So an argument that is in one piece has a place, and
 * nothing is copied: most do. The others are put together in the frame's room:
 *
 *   - a struct in two registers whose cells don't lie side by side;
 *   - a value that needs more alignment than its cell has, or is larger than what C passes of it (its end is padding).
 *
 * Vectors of more than 16 bytes have a place of their own, which is aligned as they ask for, so that is not in the frame.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "bridge/arch/thunk.h"
#include "bridge/internal.h"
#include "runtime/internal.h"

/* Registers are at most all in use, and each argument that is put together takes one. */
_Static_assert((GATE__WORDS + GATE__VECTORS) * 16 <= GATE__INTAKE_ROOM, "thunk.h");
_Static_assert(offsetof(struct gate__intake, count) == GATE__INTAKE_COUNT, "thunk.h");
_Static_assert(offsetof(struct gate__intake, places) == GATE__INTAKE_PLACES, "thunk.h");
_Static_assert(GATE__STACK * sizeof(uint64_t) == GATE__INTAKE_CELLS - GATE__INTAKE_WORD, "thunk.h");

_Static_assert(GATE__IN_X87 == GATE__RETURNS_X87 && GATE__IN_X87_PAIR == GATE__RETURNS_X87_PAIR, "thunk.h");
_Static_assert((int)GATE__IN_WIDE == GATE__RETURNS_WIDE, "thunk.h");

/* Where a cell is, in bytes from the frame. */
static int32_t place_of(unsigned cell) {
    if (cell >= GATE__STACK)
        return GATE__INTAKE_STACK + (int32_t)(8 * (cell - GATE__STACK));
    return (int32_t)(8 * cell) - GATE__INTAKE_CELLS;
}

/* Whether the value lies there as C would have it, and all of its bytes can be read. */
static bool is_whole(const gate_type *type, const struct gate__part parts[], unsigned count) {
    size_t alignment = gate__type_natural_alignment(type), end = parts[0].size;
    if (parts[0].cell >= GATE__STACK)
        return true;
    if (count == 2 && parts[1].offset == 8 && parts[1].cell == parts[0].cell + 1)
        end = 8 + parts[1].size;
    else if (count == 2)
        return false;
    bool is_aligned = alignment <= 8 || parts[0].cell >= GATE__WORDS;
    return parts[0].offset == 0 && end >= type->size && is_aligned;
}

static void put_together(struct gate__intake *intake, const struct gate__part parts[], unsigned count, int32_t to) {
    for (unsigned i = 0; i < count; i++) {
        int32_t at = to + (int32_t)parts[i].offset;
        intake->moves[intake->move_count++] = (struct gate__move){place_of(parts[i].cell), at, (uint32_t)parts[i].size};
    }
}

static void note_wide(struct gate__intake *intake, size_t size) {
    if (size > intake->vector_most)
        intake->vector_most = (uint32_t)size;
}

/* False if it has no place: of nothing but padding, and large, as a result may be, too. */
static bool place_argument(struct gate__intake *intake, const gate_type *type, struct gate__abi *abi, int32_t *room) {
    struct gate__part parts[GATE__PARTS_MOST];
    unsigned count = gate__abi_argument(abi, type, parts);
    int32_t *place = &intake->places[intake->count++];
    if (count == 0) {
        *place = -GATE__INTAKE_CELLS; /* what is padding may be anything */
        return type->size <= GATE__STACK * sizeof(uint64_t);
    }
    *place = place_of(parts[0].cell);
    if (gate__arch_is_in_vector(parts[0].cell) && parts[0].size > 16) {
        intake->in_wide[gate__arch_vector_of(parts[0].cell)] = (uint8_t)intake->count;
        note_wide(intake, type->size);
    } else if (!is_whole(type, parts, count)) {
        *place = *room;
        put_together(intake, parts, count, *room);
        *room += 16;
    }
    return true;
}

static bool place_all(struct gate__intake *intake, const gate_signature *signature) {
    int32_t room = -GATE__INTAKE_SIZE;
    gate__abi_result(signature->result, &intake->giving.result);
    bool has_room = intake->giving.result.in == GATE__IN_MEMORY || intake->giving.result.in == GATE__IN_WIDE;
    bool all = has_room || signature->result->size <= sizeof(union gate__room);
    struct gate__abi abi = {.words = intake->giving.result.in == GATE__IN_MEMORY};
    for (size_t i = 0; all && i < signature->count; i++) {
        abi.is_unnamed = gate__signature_is_unnamed(signature, i);
        all = place_argument(intake, signature->parameters[i], &abi, &room);
    }
    if (intake->giving.result.in == GATE__IN_WIDE)
        note_wide(intake, signature->result->size);
    for (unsigned i = 0; i < intake->giving.result.count; i++)
        intake->giving.steps[i] = gate__plan_step(signature->result, &intake->giving.result.parts[i], 0);
    return all;
}

int gate__intake_make(const gate_signature *signature, struct gate__intake **result) {
    *result = NULL;
    gate__signature_require(signature, "gate_callback_make");
    if (!signature->plan)
        return 0;
    struct gate__intake *intake = calloc(1, sizeof *intake + signature->count * sizeof *intake->places);
    if (!intake)
        return -ENOMEM;
    if (place_all(intake, signature)) {
        *result = intake;
        return 0;
    }
    free(intake);
    return 0;
}

void gate__intake_take(const struct gate__intake *intake, char *frame, void *arguments[]) {
    for (unsigned i = 0; i < intake->move_count; i++) {
        const struct gate__move *move = &intake->moves[i];
        memcpy(frame + move->to, frame + move->from, move->size);
    }
    for (unsigned i = 0; i < intake->count; i++)
        arguments[i] = frame + intake->places[i];
}

void gate__intake_take_wide(const struct gate__intake *intake, struct gate__wide *wide, void *arguments[]) {
    for (unsigned i = 0; i < GATE__VECTORS; i++) {
        if (intake->in_wide[i])
            arguments[intake->in_wide[i] - 1] = wide->registers[i];
    }
}

void *gate__intake_room(const struct gate__intake *intake, char *frame, void *own) {
    void *room = own;
    if (intake->giving.result.in == GATE__IN_MEMORY)
        memcpy(&room, frame - GATE__INTAKE_CELLS, sizeof room);
    return room;
}

enum gate__in gate__intake_give(const struct gate__giving *giving, char *frame, const void *result) {
    uint64_t *cells = (uint64_t *)(frame - GATE__INTAKE_CELLS);
    if (giving->result.in == GATE__IN_X87 || giving->result.in == GATE__IN_X87_PAIR)
        memcpy(&cells[GATE__WORDS], result, sizeof(union gate__room));
    for (unsigned i = 0; i < giving->result.count; i++) {
        const struct gate__step *step = &giving->steps[i];
        gate__plan_load(step, (const char *)result + step->offset, &cells[step->cell]);
    }
    return giving->result.in;
}
