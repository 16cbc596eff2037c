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

/* All in bits. */
struct layout {
    bits end;       /* of what was placed; of a union, its largest member's size */
    bits alignment; /* of the record */
    bits most;      /* that a member may be aligned to: #pragma pack's, or without limit */
    bool is_packed; /* there is such a limit */
    bool is_union;
};

static bits round_up(bits position, bits alignment) {
    return (position + alignment - 1) / alignment * alignment;
}

static bits larger(bits a, bits b) {
    return a > b ? a : b;
}

static bits smaller(bits a, bits b) {
    return a < b ? a : b;
}

/* Whether an integer of that width exists, at a place where it could be loaded. */
static bool is_like_an_integer(const gate_field *field, bits position) {
    unsigned width = field->bit_width;
    return width >= 8 && width <= 128 && !(width & (width - 1)) && position % width == 0 &&
           (width == 8 || !field->is_packed);
}

/* The alignment of the member itself, without a limit. */
static bits alignment_of(const gate_field *field, bits position) {
    bits asked = 8 * (bits)field->alignment, usual = 8 * (bits)field->type->alignment;
    if (field->is_bit_field && field->bit_width) {
        if (is_like_an_integer(field, position))
            asked = larger(asked, field->bit_width);
        return larger(asked, 1);
    }
    if (field->is_packed && !field->is_bit_field)
        return asked ? asked : 8;
    return larger(asked, usual);
}

/* What the member asks of the record: a bit-field with a name as much as its type does. */
static bits alignment_for_record(const struct layout *layout, const gate_field *field, bits alignment) {
    bits usual = 8 * (bits)field->type->alignment;
    if (!field->is_bit_field)
        return alignment;
    if (!field->name)
        return 8;
    if (layout->is_packed)
        return larger(alignment, smaller(usual, layout->most));
    return larger(alignment, field->is_packed ? 8 : usual);
}

static bool lies_across(const gate_field *field, bits position) {
    bits unit = 8 * (bits)field->type->alignment, size = 8 * (bits)field->type->size;
    return (position % unit + field->bit_width + unit - 1) / unit > size / unit;
}

/* #pragma pack comes to the same as if the members were packed themselves, and aligned to no more. */
static void note_limit(const struct layout *layout, gate_field *field, bits usual) {
    size_t most = (size_t)(layout->most / 8);
    if (field->is_bit_field) {
        field->is_packed = true;
        field->alignment = field->alignment < most ? field->alignment : most;
    } else if (usual > layout->most) {
        field->is_packed = true;
        field->alignment = most;
    }
}

static void place(struct layout *layout, gate_field *field) {
    bits position = layout->is_union ? 0 : layout->end;
    bool only_pads = field->is_bit_field && field->bit_width == 0;
    bits usual = alignment_of(field, position), alignment = only_pads ? usual : smaller(usual, layout->most);
    bits size = field->is_bit_field ? field->bit_width : 8 * (bits)field->type->size;
    position = round_up(position, alignment);
    if (field->is_bit_field && !only_pads && !field->is_packed && !layout->is_packed && lies_across(field, position))
        position = round_up(position, 8 * (bits)field->type->alignment);
    field->offset = (size_t)(position / 8);
    field->bit_offset = (unsigned)(position % 8);
    layout->end = layout->is_union ? larger(layout->end, size) : position + size;
    layout->alignment = larger(layout->alignment, alignment_for_record(layout, field, alignment));
    if (layout->is_packed && !only_pads)
        note_limit(layout, field, usual);
}

bool gate__layout_record(gate_type *definition, gate_field *fields, size_t alignment, size_t pack) {
    struct layout layout = {.alignment = 8 * (bits)(alignment ? alignment : 1)};
    layout.is_packed = pack != 0;
    layout.most = 8 * (bits)(pack ? pack : SIZE_MAX);
    layout.is_union = definition->kind == GATE_UNION;
    for (size_t i = 0; i < definition->count; i++) {
        place(&layout, &fields[i]);
        if (layout.end / 8 > PTRDIFF_MAX)
            return false;
    }
    bits size = round_up(layout.end, layout.alignment) / 8;
    definition->size = (size_t)size;
    definition->alignment = (size_t)(layout.alignment / 8);
    definition->fields = fields;
    return size <= PTRDIFF_MAX;
}
