/* Where the members of a struct or union lie: as GCC lays them out (its stor-layout.c), by the System V ABI.
 *
 * A member goes to the next place that its alignment allows. A bit-field goes to the next bit, unless it would then
 * lie across more units of its type's alignment than its type does: it begins at the next one instead. One of no
 * width goes to the next place for its type, and so does what follows it. Packed members have an alignment of a byte,
 * packed bit-fields lie across whatever they come upon.
 *
 * SPDX-License-Identifier: MIT */
#include <stdint.h>

#include "bridge/internal.h"

typedef unsigned __int128 bits;

/* Both in bits. */
struct layout {
    bits end;       /* of what was placed; of a union, its largest member's size */
    bits alignment; /* of the record */
};

static bits round_up(bits position, bits alignment) {
    return (position + alignment - 1) / alignment * alignment;
}

static bits maximum(bits a, bits b) {
    return a > b ? a : b;
}

/* Whether an integer of that width exists, at a place where it could be loaded. */
static bool is_like_an_integer(const gate_field *field, bits position) {
    unsigned width = field->bit_width;
    return width >= 8 && width <= 128 && !(width & (width - 1)) && position % width == 0 &&
           (width == 8 || !field->is_packed);
}

/* The alignment of the member itself, in bits. */
static bits alignment_of(const gate_field *field, bits position) {
    bits asked = 8 * (bits)field->alignment, usual = 8 * (bits)field->type->alignment;
    if (!field->is_bit_field) {
        if (field->is_packed)
            return asked ? asked : 8;
        return maximum(asked, usual);
    }
    if (field->bit_width == 0)
        return maximum(asked, usual);
    if (is_like_an_integer(field, position))
        asked = maximum(asked, field->bit_width);
    return maximum(asked, 1);
}

/* What the member asks of the record: a bit-field with a name as much as its type does. */
static bits alignment_for_record(const gate_field *field, bits alignment) {
    if (!field->is_bit_field)
        return alignment;
    if (!field->name)
        return 8;
    return maximum(alignment, field->is_packed && field->bit_width ? 8 : 8 * (bits)field->type->alignment);
}

static bool lies_across(const gate_field *field, bits position) {
    bits unit = 8 * (bits)field->type->alignment, size = 8 * (bits)field->type->size;
    return (position % unit + field->bit_width + unit - 1) / unit > size / unit;
}

static void place(struct layout *layout, gate_field *field, bool in_union) {
    bits position = in_union ? 0 : layout->end;
    bits alignment = alignment_of(field, position);
    bits size = field->is_bit_field ? field->bit_width : 8 * (bits)field->type->size;
    position = round_up(position, alignment);
    if (field->is_bit_field && field->bit_width && !field->is_packed && lies_across(field, position))
        position = round_up(position, 8 * (bits)field->type->alignment);
    field->offset = (size_t)(position / 8);
    field->bit_offset = (unsigned)(position % 8);
    layout->end = in_union ? maximum(layout->end, size) : position + size;
    layout->alignment = maximum(layout->alignment, alignment_for_record(field, alignment));
}

bool gate__layout_record(gate_type *definition, gate_field *fields, size_t alignment) {
    struct layout layout = {0, 8 * (bits)(alignment ? alignment : 1)};
    for (size_t i = 0; i < definition->count; i++) {
        place(&layout, &fields[i], definition->kind == GATE_UNION);
        if (layout.end / 8 > PTRDIFF_MAX)
            return false;
    }
    bits size = round_up(layout.end, layout.alignment) / 8;
    definition->size = (size_t)size;
    definition->alignment = (size_t)(layout.alignment / 8);
    definition->fields = fields;
    return size <= PTRDIFF_MAX;
}
