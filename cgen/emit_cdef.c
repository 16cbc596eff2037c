/* Writes the declarations that are used, as C has them after preprocessing: what a scope of the bridge reads, and the
 * ffi.cdef of Lua.
 *
 * Constants are enums' where they are integers that an int holds; others are static const, which a scope takes as well.
 *
 * SPDX-License-Identifier: MIT */
#include <limits.h>
#include <string.h>

#include "cgen/model.h"

static void write_function(const struct item *item, FILE *out) {
    const char *label = item->symbol      ? memory_format(" __asm__(\"%s\")", item->symbol)
                        : item->is_inline ? memory_format(" __asm__(\"gate_inline_%s\")", item->name)
                                          : "";
    fprintf(out, "%s%s;\n", spell(item->type, item->name, SPELL_NAMED), label);
}

static void write_variable(const struct item *item, FILE *out) {
    const char *label = item->symbol ? memory_format(" __asm__(\"%s\")", item->symbol) : "";
    if (item->is_inline && item->value.kind == VALUE_INTEGER)
        fprintf(out, "static %s = %lld;\n", spell(item->type, item->name, SPELL_NAMED), item->value.integer);
    else if (!item->is_inline)
        fprintf(out, "extern %s%s;\n", spell(item->type, item->name, SPELL_NAMED), label);
}

static void write_typedef(const struct item *item, FILE *out) {
    const struct type *type = item->type;
    bool defines = type->kind == TYPE_ITEM && type->item->named_by == item;
    long long natural = defines ? type->item->alignment : type->alignment;
    const char *name = item->name;
    if (item->alignment > natural && natural > 0)
        name = memory_format("%s __attribute__((aligned(%lld)))", name, item->alignment);
    if (defines)
        fprintf(out, "typedef %s %s;\n", spell_record(type->item), name);
    else
        fprintf(out, "typedef %s;\n", spell(type, name, SPELL_NAMED));
}

static void write_tag(const struct entry *entry, FILE *out) {
    const struct item *item = entry->item;
    bool is_elsewhere = !*item->name && (item->named_by || item->is_embedded);
    if (is_elsewhere)
        return;
    if (entry->is_definition)
        fprintf(out, "%s;\n", spell_record(item));
    else if (item->kind != ITEM_ENUM || !item->is_complete)
        fprintf(out, "%s %s;\n", word_of_kind(item->kind), item->name);
}

static void write_macro(const struct item *item, FILE *out) {
    long long value = item->value.integer;
    if (item->value.kind != VALUE_INTEGER || item->is_constant_too)
        return;
    if (value >= INT_MIN && value <= INT_MAX && type_plain(item->type)->basic == BASIC_SIGNED)
        fprintf(out, "enum { %s = %lld };\n", item->name, value);
    else
        fprintf(out, "static const %s = (%s)%lluu%s;\n", spell(item->type, item->name, SPELL_RESOLVED),
                spell(item->type, "", SPELL_RESOLVED), (unsigned long long)value, item->type->size > 4 ? "ll" : "");
}

static void write_entry(const struct entry *entry, FILE *out) {
    const struct item *item = entry->item;
    switch (item->kind) {
    case ITEM_FUNCTION:
        if (item_is_bound(item))
            write_function(item, out);
        break;
    case ITEM_VARIABLE:
        if (item_is_bound(item))
            write_variable(item, out);
        break;
    case ITEM_TYPEDEF:
        write_typedef(item, out);
        break;
    case ITEM_MACRO:
        if (item_is_bound(item))
            write_macro(item, out);
        break;
    default:
        write_tag(entry, out);
    }
}

/* To say that a tag is there is for nothing where it is defined next. */
static bool says_something(const struct model *model, size_t i) {
    const struct entry *next = i + 1 < model->entry_count ? &model->entries[i + 1] : NULL;
    return model->entries[i].item->is_needed && !(next && next->item == model->entries[i].item);
}

void emit_cdef(const struct model *model, const struct request *request, FILE *out) {
    fprintf(out, "// made by: %s\n", request->command);
    for (size_t i = 0; i < model->entry_count; i++) {
        if (says_something(model, i))
            write_entry(&model->entries[i], out);
    }
}
