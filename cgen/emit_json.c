/* Writes the model as JSON, for other generators: what was asked for, and what that needs.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "cgen/model.h"

static void write_type(const struct type *type, FILE *out);

static void write_member(const char *key, const char *value, FILE *out) {
    if (!value)
        return;
    fprintf(out, ", \"%s\": ", key);
    write_json_string(value, out);
}

static void write_flag(const char *key, bool is_set, FILE *out) {
    if (is_set)
        fprintf(out, ", \"%s\": true", key);
}

static void write_nullability(enum nullability nullability, FILE *out) {
    if (nullability != NULL_UNSAID)
        fprintf(out, ", \"nullable\": %s", nullability == NULL_ALLOWED ? "true" : "false");
}

static void write_parameters(const struct type *type, FILE *out) {
    fputs(", \"parameters\": [", out);
    for (size_t i = 0; i < type->parameter_count; i++) {
        fprintf(out, "%s{\"name\": ", i ? ", " : "");
        write_json_string(type->parameters[i].name, out);
        write_nullability(type->parameters[i].nullability, out);
        write_flag("taken", type->parameters[i].is_taken, out);
        fputs(", \"type\": ", out);
        write_type(type->parameters[i].type, out);
        putc('}', out);
    }
    putc(']', out);
    write_flag("variadic", type->is_variadic, out);
    write_flag("unprototyped", type->is_unprototyped, out);
}

static void write_record(const struct item *item, FILE *out);

/* A type by its name; one without is written here. */
static void write_item_type(const struct item *item, FILE *out) {
    fprintf(out, "{\"kind\": \"%s\"", word_of_kind(item->kind));
    if (*item->name || item->named_by)
        write_member("name", *item->name ? item->name : item->named_by->name, out);
    else
        write_record(item, out);
}

static void write_size(long long size, long long alignment, FILE *out) {
    fprintf(out, ", \"size\": %lld, \"alignment\": %lld", size, alignment);
}

static void write_type(const struct type *type, FILE *out) {
    static const char *const kinds[] = {"basic", "pointer", "array", "vector", "function", NULL, "unknown"};
    if (type->kind == TYPE_ITEM) {
        write_item_type(type->item, out);
    } else {
        fprintf(out, "{\"kind\": \"%s\"", kinds[type->kind]);
        write_member("name", type->name, out);
    }
    write_flag("const", type->qualifiers & QUALIFIER_CONST, out);
    write_flag("volatile", type->qualifiers & QUALIFIER_VOLATILE, out);
    write_flag("restrict", type->qualifiers & QUALIFIER_RESTRICT, out);
    write_flag("atomic", type->qualifiers & QUALIFIER_ATOMIC, out);
    if (type->size)
        write_size(type->size, type->alignment, out);
    if ((type->kind == TYPE_ARRAY || type->kind == TYPE_VECTOR) && type->count >= 0)
        fprintf(out, ", \"count\": %lld", type->count);
    if (type->kind == TYPE_FUNCTION)
        write_parameters(type, out);
    if (type->target) {
        fprintf(out, ", \"%s\": ", type->kind == TYPE_FUNCTION ? "result" : "target");
        write_type(type->target, out);
    }
    putc('}', out);
}

static void write_fields(const struct item *item, FILE *out) {
    fputs(", \"fields\": [", out);
    for (size_t i = 0; i < item->field_count; i++) {
        const struct field *field = &item->fields[i];
        fputs(i ? ",\n   {\"name\": " : "\n   {\"name\": ", out);
        write_json_string(field->name, out);
        if (field->width >= 0)
            fprintf(out, ", \"bit\": %lld, \"width\": %d", field->offset, field->width);
        else
            fprintf(out, ", \"offset\": %lld", field->offset / 8);
        write_nullability(field->nullability, out);
        fputs(", \"type\": ", out);
        write_type(field->type, out);
        putc('}', out);
    }
    putc(']', out);
}

static void write_constants(const struct item *item, FILE *out) {
    fputs(", \"constants\": {", out);
    for (size_t i = 0; i < item->constant_count; i++)
        fprintf(out, "%s\"%s\": %s", i ? ", " : "", item->constants[i].name,
                spell_integer(item->constants[i].value, item->type));
    putc('}', out);
}

static void write_comments(const struct item *item, FILE *out) {
    bool has_any = false;
    for (size_t i = 0; i < item->constant_count; i++) {
        if (!item->constants[i].comment)
            continue;
        fprintf(out, "%s\"%s\": ", has_any ? ", " : ", \"comments\": {", item->constants[i].name);
        write_json_string(item->constants[i].comment, out);
        has_any = true;
    }
    if (has_any)
        putc('}', out);
}

static void write_record(const struct item *item, FILE *out) {
    write_flag("packed", item->is_packed, out);
    if (item->kind == ITEM_ENUM) {
        write_constants(item, out);
        write_comments(item, out);
    } else if (item->is_complete)
        write_fields(item, out);
}

static void write_function(const struct item *item, FILE *out) {
    write_member("class", word_of_class(item->call_class), out);
    write_member("owner", item->owner, out);
    write_flag("inline", item->is_inline && !item->is_macro, out);
    write_flag("macro", item->is_macro, out);
    write_flag("any number", item->takes_any_number, out);
    write_flag("noreturn", item->is_noreturn, out);
    write_flag("deprecated", item->is_deprecated, out);
    write_flag("allocating", item->is_allocating, out);
    write_flag("pure", item->is_pure, out);
    write_flag("result used", item->result_is_used, out);
}

static void write_floating(double value, FILE *out) {
    if (isfinite(value))
        fputs(spell_floating(value), out);
    else
        write_json_string(isnan(value) ? "NaN" : value > 0 ? "Infinity" : "-Infinity", out);
}

static void write_value(const struct item *item, FILE *out) {
    const struct value *value = &item->value;
    if (value->kind == VALUE_NONE)
        return;
    fputs(", \"value\": ", out);
    if (value->kind == VALUE_INTEGER)
        fputs(spell_integer(value->integer, item->type), out);
    else if (value->kind == VALUE_FLOATING)
        write_floating(value->floating, out);
    else
        write_json_literal(value, out);
}

static void write_item(const struct item *item, FILE *out) {
    fprintf(out, "{\"kind\": \"%s\", \"name\": ", word_of_kind(item->kind));
    write_json_string(item->name, out);
    fputs(", \"file\": ", out);
    write_json_string(item->place.file, out);
    fprintf(out, ", \"line\": %u, \"column\": %u", item->place.line, item->place.column);
    write_member("symbol", item->symbol, out);
    write_member("rename", item->rename, out);
    write_member("skipped", item->reason, out);
    write_member("comment", item->comment, out);
    if (item->is_complete || item->size)
        write_size(item->size, item->alignment, out);
    if (item->kind == ITEM_FUNCTION)
        write_function(item, out);
    if (item->kind == ITEM_STRUCT || item->kind == ITEM_UNION || item->kind == ITEM_ENUM)
        write_record(item, out);
    write_value(item, out);
    write_nullability(item->nullability, out);
    write_flag("arguments", item->takes_arguments, out);
    if (item->type) {
        fputs(",\n  \"type\": ", out);
        write_type(item->type, out);
    }
    putc('}', out);
}

void emit_json(const struct model *model, const struct request *request, FILE *out) {
    const char *separator = "\n ";
    fputs("{\"made by\": ", out);
    write_json_string(request->command, out);
    fputs(",\n\"items\": [", out);
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = model->items[i];
        bool has_name = *item->name || item->named_by || !item->is_embedded;
        if ((!item->is_needed && !item->is_wanted) || !has_name)
            continue;
        fputs(separator, out);
        write_item(item, out);
        separator = ",\n ";
    }
    fputs("\n]}\n", out);
}
