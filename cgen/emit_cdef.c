/* Writes the declarations that are used, as C has them after preprocessing: what a scope of the bridge reads, and the
 * ffi.cdef of Lua.
 *
 * LuaJIT's own has enums of 32 bits and constants of 32. So an enum that is no int or unsigned is the integer that it is
 * wherever it stands, and its constants stand alone; a constant that needs more is left out, and said to be.
 *
 * SPDX-License-Identifier: MIT */
#include <limits.h>
#include <string.h>

#include "cgen/model.h"

static void write_constant(const struct constant *constant, const struct type *type, FILE *out) {
    long long value = constant->value;
    bool is_unsigned = type_bare(type)->basic != BASIC_SIGNED;
    if (value >= (is_unsigned ? 0 : INT_MIN) && value <= INT_MAX)
        fprintf(out, "enum { %s };\n", spell_constant(constant));
    else if (value > 0 && value <= UINT_MAX)
        fprintf(out, "static const unsigned int %s = %lldu;\n", constant->name, value);
    else
        fprintf(out, "// left out, since ffi.cdef has constants of 32 bits alone: %s = %s\n", constant->name,
                spell_integer(value, type));
}

static const char *label_of(const struct item *item) {
    const char *symbol = item_symbol(item);
    return strcmp(symbol, item->name) == 0 ? "" : memory_format(" __asm__(\"%s\")", symbol);
}

static void write_function(const struct item *item, FILE *out) {
    fprintf(out, "%s%s;\n", spell(item->type, item->name, SPELL_DECLARED), label_of(item));
}

static void write_value(const struct item *item, FILE *out) {
    if (item->value.kind == VALUE_INTEGER && !item->is_constant_too)
        write_constant(&(struct constant){item->name, item->place, item->value.integer, NULL}, item->type, out);
}

static void write_variable(const struct item *item, FILE *out) {
    if (item->is_inline)
        write_value(item, out);
    else
        fprintf(out, "extern %s%s;\n", spell(item->type, item->name, SPELL_DECLARED), label_of(item));
}

static void write_typedef(const struct item *item, FILE *out) {
    const struct type *type = item->type;
    const struct item *of = type->kind == TYPE_ITEM ? type->item : NULL;
    bool defines = of && of->named_by == item && (of->kind != ITEM_ENUM || item_is_usual_enum(of));
    long long natural = defines ? of->alignment : type->alignment;
    const char *name = item->name;
    if (item->alignment != natural && natural > 0)
        name = memory_format("%s __attribute__((aligned(%lld)))", name, item->alignment);
    if (defines)
        fprintf(out, "typedef %s %s;\n", spell_record(of), name);
    else
        fprintf(out, "typedef %s;\n", spell(type, name, SPELL_DECLARED));
}

static void write_enum(const struct item *item, FILE *out) {
    bool is_usual = item_is_usual_enum(item);
    if (is_usual && !item->named_by)
        fprintf(out, "%s;\n", spell_record(item));
    for (size_t i = 0; i < item->constant_count && !is_usual; i++)
        write_constant(&item->constants[i], item->type, out);
}

static void write_tag(const struct entry *entry, FILE *out) {
    const struct item *item = entry->item;
    bool is_elsewhere = !*item->name && (item->named_by || item->is_embedded);
    if (item->kind == ITEM_ENUM && item->is_complete) {
        if (entry->is_definition)
            write_enum(item, out);
    } else if (!is_elsewhere && entry->is_definition) {
        fprintf(out, "%s;\n", spell_record(item));
    } else if (!is_elsewhere) {
        fprintf(out, "%s %s;\n", word_of_kind(item->kind), item->name);
    }
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
            write_value(item, out);
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

/* What of a type LuaJIT does not know, or NULL: of basic ones those with a number in their names. The attributes of a type
 * without a name are the pointer's to it, there. */
static const char *unknown_of(const struct type *type) {
    bool is_at_nameless = type->kind == TYPE_POINTER && type_is_nameless(type->target);
    if (type->qualifiers & QUALIFIER_ATOMIC)
        return "_Atomic";
    if (type->kind == TYPE_BASIC && strpbrk(type->name, "0123456789"))
        return type->name;
    if (type->kind == TYPE_VECTOR && type->size > 16)
        return "vectors of more than 16 bytes";
    if (is_at_nameless && strstr(spell(type->target, "", SPELL_DECLARED), "__attribute__"))
        return "pointers to types without a name that are packed or aligned";
    return NULL;
}

static const char *unknown_in(const struct type *type) {
    const char *found = NULL;
    for (; type && !found; type = type->target) {
        found = unknown_of(type);
        for (size_t i = 0; i < type->parameter_count && !found; i++)
            found = unknown_in(type->parameters[i].type);
    }
    return found;
}

static const char *unknown_in_item(const struct item *item) {
    const char *found = unknown_in(item->type);
    for (size_t i = 0; i < item->field_count && !found; i++) {
        const struct field *field = &item->fields[i];
        found = field->width >= 0 && field->type->size > 4 ? "bit-fields of 64 bits"
                : type_is_va_list(field->type)             ? "members that are a va_list"
                                                           : unknown_in(field->type);
    }
    return found;
}

static const char *unknown_to_luajit(const struct model *model) {
    const char *found = NULL;
    for (size_t i = 0; i < model->count && !found; i++) {
        const struct item *item = model->items[i];
        if (item->is_needed && item->kind != ITEM_MACRO)
            found = unknown_in_item(item);
    }
    return found;
}

void emit_cdef(const struct model *model, const struct request *request, FILE *out) {
    const char *unknown = unknown_to_luajit(model);
    fprintf(out, "// made by: %s\n", request->command);
    if (unknown)
        fprintf(out, "// not for the ffi.cdef of LuaJIT, which knows no %s\n", unknown);
    for (size_t i = 0; i < model->entry_count; i++) {
        if (says_something(model, i))
            write_entry(&model->entries[i], out);
    }
}
