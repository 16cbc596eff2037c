/* Types as C writes them: each goes around the declarator that stands in it.
 *
 * A definition is written with what its layout needs, found by laying it out: so it does not matter how the header has
 * said it, by attributes, pragmas or macros.
 *
 * SPDX-License-Identifier: MIT */
#include <float.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

static const char *qualifiers_of(unsigned qualifiers) {
    if (!qualifiers)
        return "";
    if (qualifiers == QUALIFIER_CONST)
        return "const ";
    return memory_join(qualifiers & QUALIFIER_ATOMIC ? "_Atomic " : "", qualifiers & QUALIFIER_CONST ? "const " : "",
                       qualifiers & QUALIFIER_VOLATILE ? "volatile " : "",
                       qualifiers & QUALIFIER_RESTRICT ? "restrict " : "", NULL);
}

static char *join(const char *qualifiers, const char *name, const char *inner) {
    return memory_join(qualifiers, name, *inner && *inner != '[' ? " " : "", inner, NULL);
}

static char *spell_parameters(const struct type *type, enum spelling how) {
    char *text = memory_copy(type->parameter_count || type->is_unprototyped ? "" : "void");
    if (how == SPELL_RESOLVED && type->parameter_count == 0)
        text = memory_copy("void");
    for (size_t i = 0; i < type->parameter_count; i++) {
        const struct parameter *p = &type->parameters[i];
        struct type resolved = *type_passed(p->type);
        resolved.qualifiers = 0;
        const char *parameter = how == SPELL_RESOLVED ? spell(&resolved, "", how) : spell(p->type, p->name, how);
        text = memory_join(text, i ? ", " : "", parameter, NULL);
    }
    return type->is_variadic ? memory_join(text, ", ...", NULL) : text;
}

static char *spell_pointer(const struct type *type, const char *inner, enum spelling how) {
    const struct type *target = how == SPELL_RESOLVED ? type_plain(type->target) : type->target;
    bool stands_behind = target->kind == TYPE_FUNCTION || target->kind == TYPE_ARRAY;
    char *qualifiers = memory_copy(
        qualifiers_of(how == SPELL_RESOLVED ? type->qualifiers & ~(unsigned)QUALIFIER_RESTRICT : type->qualifiers));
    if (!*inner && *qualifiers)
        qualifiers[strlen(qualifiers) - 1] = '\0';
    return spell(type->target,
                 memory_join(stands_behind ? "(*" : "*", qualifiers, inner, stands_behind ? ")" : "", NULL), how);
}

/* What a name stands for, with the name's qualifiers. */
static char *spell_behind(const struct type *type, const char *inner, enum spelling how) {
    struct type copy = *type->item->type;
    copy.qualifiers |= type->qualifiers;
    return spell(&copy, inner, how);
}

/* Whether an enum is written as the integer that it is: one without any name is, or its constants would be declared again. */
static bool is_integer(const struct item *item, enum spelling how) {
    bool has_name = *item->name || item->named_by;
    return item->kind == ITEM_ENUM && item->is_complete &&
           (!has_name || how == SPELL_RESOLVED || (how == SPELL_DECLARED && !item_is_usual_enum(item)));
}

static char *spell_item(const struct type *type, const char *inner, enum spelling how) {
    const struct item *item = type->item;
    const char *qualifiers = qualifiers_of(type->qualifiers);
    if (is_integer(item, how) || (how == SPELL_RESOLVED && item->kind == ITEM_TYPEDEF))
        return spell_behind(type, inner, how);
    if (item->kind == ITEM_TYPEDEF)
        return join(qualifiers, item->name, inner);
    if (*item->name)
        return join(qualifiers, memory_join(word_of_kind(item->kind), " ", item->name, NULL), inner);
    if (how == SPELL_RESOLVED)
        return join(qualifiers, "void", inner);
    return join(qualifiers, item->named_by ? item->named_by->name : spell_record(item), inner);
}

char *spell(const struct type *type, const char *inner, enum spelling how) {
    switch (type->kind) {
    case TYPE_POINTER:
        return spell_pointer(type, inner, how);
    case TYPE_FUNCTION:
        return spell(type->target, memory_join(inner, "(", spell_parameters(type, how), ")", NULL), how);
    case TYPE_ARRAY:
        return spell(type->target,
                     type->count >= 0 ? memory_format("%s[%lld]", inner, type->count) : memory_format("%s[]", inner),
                     how);
    case TYPE_VECTOR:
        return join(qualifiers_of(type->qualifiers),
                    memory_format("%s __attribute__((vector_size(%lld)))", spell(type->target, "", how), type->size),
                    inner);
    case TYPE_ITEM:
        return spell_item(type, inner, how);
    default:
        return join(qualifiers_of(type->qualifiers), type->name, inner);
    }
}

const char *spell_problem(const struct type *type) {
    type = type_plain(type);
    if (type->kind == TYPE_ITEM && type->item->kind != ITEM_ENUM)
        return "it passes a struct or union by value";
    if (type->kind == TYPE_VECTOR)
        return "it passes a vector";
    const char *problem = NULL;
    if (type->kind == TYPE_FUNCTION) {
        problem = spell_problem(type->target);
        for (size_t i = 0; i < type->parameter_count && !problem; i++)
            problem = spell_problem(type->parameters[i].type);
    }
    return problem;
}

const char *spell_integer(long long value, const struct type *type) {
    return memory_format(type_bare(type)->basic == BASIC_SIGNED ? "%lld" : "%llu", value);
}

/* Short, and the same when it is read again. */
const char *spell_floating(double value) {
    const char *text = "";
    for (int digits = DBL_DIG; digits <= DBL_DECIMAL_DIG && (!*text || strtod(text, NULL) != value); digits++)
        text = memory_format("%.*g", digits, value);
    return strpbrk(text, ".e") ? text : memory_format("%s.0", text);
}

/* Attributes */

static const char *words_of(enum nullability nullability) {
    return nullability == NULL_NEVER ? "is never NULL" : nullability == NULL_ALLOWED ? "may be NULL" : NULL;
}

static const char *add_note(const char *notes, const char *what, const char *words) {
    return words ? memory_format("%s%s%s %s", notes, *notes ? "; " : "", what, words) : notes;
}

const char *spell_notes(const struct item *item) {
    const char *notes = add_note("", "the result", words_of(item->nullability));
    if (item->owner)
        notes = add_note(notes, "its owner is", item->owner);
    else if (item->is_allocating)
        notes = add_note(notes, "the result", "is the caller's to free");
    for (size_t i = 0; i < item->type->parameter_count; i++) {
        const struct parameter *p = &item->type->parameters[i];
        const char *name = *p->name ? p->name : memory_format("parameter %zu", i + 1);
        notes = add_note(notes, name, words_of(p->nullability));
        notes = add_note(notes, name, p->is_taken ? "is the function's from then on" : NULL);
    }
    if (item->takes_any_number)
        notes = add_note(notes, "in C it takes", "any numbers: a config can say which");
    return add_note(notes, "it", item->is_deprecated ? "is deprecated" : NULL);
}

/* Layout. Offsets and sizes in bytes. */

static long long align(long long at, long long alignment) {
    return alignment > 1 ? (at + alignment - 1) / alignment * alignment : at;
}

static long long widest(const struct item *item) {
    long long most = 1;
    for (size_t i = 0; i < item->field_count; i++) {
        bool counts = item->fields[i].width < 0 || *item->fields[i].name; /* padding asks for nothing */
        if (counts && item->fields[i].type->alignment > most)
            most = item->fields[i].type->alignment;
    }
    return most;
}

/* Whether a field lies, or the whole ends, where the types alone would not have it. */
static bool is_tight(const struct item *item) {
    bool is_tight = item->is_packed || item->alignment < widest(item);
    for (size_t i = 0; i < item->field_count; i++) {
        long long alignment = item->fields[i].type->alignment;
        bool is_whole = item->fields[i].width < 0;
        is_tight = is_tight || (is_whole && alignment > 1 && item->fields[i].offset / 8 % alignment);
    }
    return is_tight;
}

/* What a field has to ask for, to lie where it does behind end; 1 if nothing. */
static long long alignment_asked(const struct field *field, long long end, bool is_packed) {
    long long natural = is_packed ? 1 : field->type->alignment, offset = field->offset / 8;
    if (align(end, natural) == offset || offset == 0)
        return 1;
    long long asked = 2;
    while (asked < 4096 && align(end, asked) != offset)
        asked *= 2;
    return asked < 4096 ? asked : 1;
}

static char *spell_fields(const struct item *item, bool is_packed) {
    char *text = memory_copy("");
    long long end = 0;
    for (size_t i = 0; i < item->field_count; i++) {
        const struct field *field = &item->fields[i];
        const char *bits = field->width >= 0 ? memory_format("%s: %d", *field->name ? " " : "", field->width) : "";
        bool may_ask = item->kind == ITEM_STRUCT && field->width < 0;
        long long asked = may_ask ? alignment_asked(field, end, is_packed) : 1;
        const char *attribute = asked > 1 ? memory_format(" __attribute__((aligned(%lld)))", asked) : "";
        char *lines = spell(field->type, field->name, SPELL_DECLARED), *indented = memory_copy("");
        for (char *line = strtok(lines, "\n"); line; line = strtok(NULL, "\n"))
            indented = memory_format("%s%s    %s", indented, *indented ? "\n" : "", line);
        text = memory_format("%s%s%s%s;\n", text, indented, bits, attribute);
        end = (field->offset + (field->width >= 0 ? field->width : 8 * field->type->size) + 7) / 8;
    }
    return text;
}

const char *spell_constant(const struct constant *constant) {
    if (constant->value == INT_MIN) /* the minus is an operator, and the rest no int */
        return memory_format("%s = %d - 1", constant->name, INT_MIN + 1);
    return memory_format("%s = %lld", constant->name, constant->value);
}

static char *spell_constants(const struct item *item) {
    char *text = memory_copy("");
    for (size_t i = 0; i < item->constant_count; i++)
        text = memory_format("%s    %s%s\n", text, spell_constant(&item->constants[i]),
                             i + 1 < item->constant_count ? "," : "");
    return text;
}

/* A long text piece by piece takes a while: enums have hundreds of constants, and that is fast enough. */
char *spell_record(const struct item *item) {
    const char *space = *item->name ? " " : "";
    if (item->kind == ITEM_ENUM)
        return memory_format("enum%s%s {\n%s}", space, item->name, spell_constants(item));
    bool is_packed = is_tight(item);
    char *fields = spell_fields(item, is_packed);
    long long natural = is_packed ? 1 : widest(item);
    const char *packed = is_packed ? " __attribute__((packed))" : "";
    const char *aligned =
        item->alignment > natural ? memory_format(" __attribute__((aligned(%lld)))", item->alignment) : "";
    return memory_format("%s%s%s {\n%s}%s%s", word_of_kind(item->kind), space, item->name, fields, packed, aligned);
}
