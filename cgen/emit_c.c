/* Writes stubs in C: a header with a struct for each function's arguments and with inline callers, and a source with the
 * stubs, their table, and what proves to the user's compiler that it lays types out as cgen's has.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "cgen/model.h"

static bool is_stubbed(const struct item *item) {
    return item->kind == ITEM_FUNCTION && item_is_bound(item);
}

/* A pointer to what has no name, and has none itself: written again it would be another's. */
static bool is_at_nameless(const struct type *type) {
    return type->kind == TYPE_POINTER && type_is_nameless(type->target);
}

/* A variable that holds a parameter, or a result. */
static const char *spell_variable(const struct type *type, const char *name) {
    const struct type *plain = type_plain(type);
    if (type_is_va_list(type) || is_at_nameless(type))
        return memory_format("void *%s", name);
    if (plain->kind == TYPE_ARRAY && type_is_nameless(plain->target))
        return memory_format("__typeof__(&**(%s)0) %s",
                             spell(&(struct type){.kind = TYPE_POINTER, .target = type}, "", SPELL_NAMED), name);
    struct type bare = *type_passed(type);
    bare.qualifiers = 0;
    if (bare.kind == TYPE_ITEM && bare.item->kind == ITEM_TYPEDEF && type_plain(type)->qualifiers & QUALIFIER_CONST) {
        bare = *type_plain(type); /* const by its name */
        bare.qualifiers = 0;
    }
    return spell(&bare, name, SPELL_NAMED);
}

static const char *parameter_name(size_t index) {
    return memory_format("p%zu", index);
}

/* Variadic functions: what comes behind the last parameter is passed in the registers that are left, whichever
 * way words and doubles alternate; and what they have no room for on the stack, in order. So all of them are passed, and
 * some of the stack. */

enum { MORE = 16 }; /* words on the stack */

static bool is_float_or_double(const struct type *type) {
    type = type_plain(type);
    return type->kind == TYPE_BASIC && type->basic == BASIC_FLOATING && type->size <= 8;
}

static bool is_word(const struct type *type) {
    type = type_plain(type_passed(type));
    bool is_integer = type->kind == TYPE_BASIC && type->basic >= BASIC_BOOL && type->basic <= BASIC_UNSIGNED;
    return type->kind == TYPE_POINTER || (type->kind == TYPE_ITEM && type->item->kind == ITEM_ENUM) ||
           (is_integer && type->size <= 8 && !type_is_va_list(type));
}

static size_t words_left(const struct type *function) {
    size_t words = 0;
    for (size_t i = 0; i < function->parameter_count; i++)
        words += !is_float_or_double(function->parameters[i].type);
    return words < 6 ? 6 - words : 0;
}

static size_t doubles_left(const struct type *function) {
    size_t doubles = 0;
    for (size_t i = 0; i < function->parameter_count; i++)
        doubles += is_float_or_double(function->parameters[i].type);
    return doubles < 8 ? 8 - doubles : 0;
}

/* What C calls it by: a macro by the function that has it. */
static const char *name_in_c(const struct item *item) {
    bool is_by_stubs = item->is_macro && item->is_inline;
    return is_by_stubs ? item_symbol(item) : item->name;
}

/* Vectors of more than 16 bytes, or what has them, are where the function has them only if the stub is compiled for the same
 * processor. It is left out otherwise: compilers warn, and have them somewhere else. */

enum { OF_AVX = 32, OF_AVX512 = 64 };

static long long largest_vector(const struct type *type) {
    long long most = 0;
    type = type_plain(type);
    if (type->kind == TYPE_VECTOR)
        return type->size;
    if (type->kind == TYPE_ARRAY)
        return largest_vector(type->target);
    for (size_t i = 0; type->kind == TYPE_ITEM && i < type->item->field_count; i++) {
        long long size = largest_vector(type->item->fields[i].type);
        most = size > most ? size : most;
    }
    return most;
}

/* What compilers define for a processor that has the function's; NULL for any. */
static const char *needs(const struct item *item) {
    long long most = 0;
    for (size_t i = 0; i <= item->type->parameter_count; i++) {
        bool is_result = i == item->type->parameter_count;
        const struct type *type = is_result ? item->type->target : type_passed(item->type->parameters[i].type);
        long long size = type_plain(type)->size <= OF_AVX512 ? largest_vector(type) : 0;
        most = size > most ? size : most;
    }
    return most == OF_AVX512 ? "__AVX512F__" : most == OF_AVX ? "__AVX__" : NULL;
}

void write_if(const struct item *item, FILE *out) {
    const char *processor = needs(item);
    if (processor)
        fprintf(out, "#ifdef %s\n", processor);
}

void write_endif(const struct item *item, FILE *out) {
    if (needs(item))
        fputs("#endif\n", out);
}

/* Whether all of it goes in registers, as an inline caller needs. */
static bool fits(const struct item *item) {
    const struct type *type = item->type;
    size_t words = 0, vectors = 0;
    bool fits = !item->is_inline && !type->is_variadic && !type->is_unprototyped && item->call_class <= CLASS_GUARDED;
    fits = fits && (type_is_void(type->target) || is_word(type->target) || is_float_or_double(type->target));
    for (size_t i = 0; i < type->parameter_count && fits; i++) {
        words += is_word(type->parameters[i].type);
        vectors += is_float_or_double(type->parameters[i].type);
        fits = words + vectors == i + 1;
    }
    return fits && words <= 6 && vectors <= 8;
}

/* The header */

/* Its own names are none that a library has for a function. */
static void write_stub_head(const struct item *item, const char *plain, const char *end, FILE *out) {
    fprintf(out, "void gate_stub_%s%s(void *gate_in)%s\n", plain, item->name, end);
}

static void write_struct(const struct item *item, FILE *out) {
    const struct type *type = item->type;
    fprintf(out, "struct gate_args_%s {\n", item->name);
    for (size_t i = 0; i < type->parameter_count; i++)
        fprintf(out, "    %s;\n", spell_variable(type->parameters[i].type, parameter_name(i)));
    if (type->is_variadic && words_left(type))
        fprintf(out, "    uintptr_t words[%zu];\n", words_left(type));
    if (type->is_variadic && doubles_left(type))
        fprintf(out, "    double doubles[%zu];\n", doubles_left(type));
    if (type->is_variadic)
        fprintf(out, "    uintptr_t more[%d];\n", MORE);
    if (!type_is_void(type->target))
        fprintf(out, "    %s;\n", spell_variable(type->target, "result"));
    fputs("    int error_number;\n};\n", out);
    write_stub_head(item, "", ";", out);
    write_stub_head(item, "plain_", ";", out);
}

static void write_arguments(const struct type *type, const char *before, FILE *out) {
    for (size_t i = 0; i < type->parameter_count; i++)
        fprintf(out, "%s%s%s", i ? ", " : "", before, parameter_name(i));
}

/* In registers the small integers are ints. */
static const char *spell_in_register(const struct type *type) {
    return type_plain(type_passed(type))->size < 4 && !is_float_or_double(type) ? "int" : spell_variable(type, "");
}

/* The crossing itself, where the compiler has the means: bridge/direct.h. */
static void write_call_in_line(const struct item *item, FILE *out) {
    const struct type *type = item->type;
    size_t words = 0, vectors = 0;
    for (size_t i = 0; i < type->parameter_count; i++) {
        const struct type *parameter = type->parameters[i].type;
        if (is_float_or_double(parameter))
            fprintf(out, "    GATE_INLINE_VECTOR(%zu, %s, p%zu);\n", vectors++, spell_in_register(parameter), i);
        else
            fprintf(out, "    GATE_INLINE_WORD(%zu, %s, p%zu);\n", words++, spell_in_register(parameter), i);
    }
    bool is_void = type_is_void(type->target), in_vector = !is_void && is_float_or_double(type->target);
    const char *result = is_void ? "long" : spell_variable(type->target, "");
    fprintf(out, "    GATE_INLINE_CALL(%s, direct, %zu, %zu, %s, %s);\n",
            item->call_class == CLASS_LEAF ? "LEAF" : "DEFAULT", words, vectors, in_vector ? "long" : result,
            in_vector ? result : "double");
    if (!is_void)
        fprintf(out, "    *result = %s;\n", in_vector ? "gate_vector" : "gate_word");
}

static void write_call_out_of_line(const struct item *item, FILE *out) {
    const struct type *type = item->type;
    struct type pointer = {.kind = TYPE_POINTER, .target = type};
    fprintf(out, "    %sGATE_CALL_DIRECT(direct, %s, ",
            type_is_void(type->target) ? "" : "*result = ", spell(&pointer, "", SPELL_NAMED));
    write_arguments(type, "", out);
    fputs(");\n", out);
}

/* Direct was prepared for this function by gate_direct_init. */
static void write_caller(const struct item *item, FILE *out) {
    const struct type *type = item->type;
    bool may_be_in_line = item->call_class == CLASS_DEFAULT || item->call_class == CLASS_LEAF;
    fprintf(out, "static inline __attribute__((always_inline)) int gate_caller_%s(gate_direct *direct", item->name);
    if (!type_is_void(type->target))
        fprintf(out, ", %s", spell_variable(type->target, "*result"));
    for (size_t i = 0; i < type->parameter_count; i++)
        fprintf(out, ", %s", spell_variable(type->parameters[i].type, parameter_name(i)));
    fputs(") {\n", out);
    if (may_be_in_line) {
        fputs("#ifdef GATE_INLINE_CALL\n", out);
        write_call_in_line(item, out);
        fputs("#else\n", out);
    }
    write_call_out_of_line(item, out);
    if (may_be_in_line)
        fputs("#endif\n", out);
    fputs("    return gate_direct_status(direct);\n}\n", out);
}

static void write_prototype(const struct item *item, const char *name, const char *end, FILE *out) {
    static const struct type pointer = {.kind = TYPE_POINTER, .target = &type_void};
    struct type copy = *item->type;
    copy.target = item->is_inline && is_at_nameless(copy.target) ? &pointer : copy.target;
    copy.parameters = memory_take((copy.parameter_count + 1) * sizeof *copy.parameters);
    for (size_t i = 0; i < copy.parameter_count; i++)
        copy.parameters[i] = (struct parameter){parameter_name(i), item->type->parameters[i].type, NULL_UNSAID, false};
    fprintf(out, "%s%s\n", spell(&copy, name, SPELL_NAMED), end);
}

/* A macro with arguments is asked for by its name alone. */
static void write_define(const char *definition, FILE *out) {
    int name = (int)strcspn(definition, "(="), head = (int)strcspn(definition, "=");
    const char *value = definition[head] ? definition + head + 1 : "1";
    fprintf(out, "#ifndef %.*s\n#define %.*s %s\n#endif\n", name, definition, head, definition, value);
}

static void write_defines(const struct list *flags, FILE *out) {
    for (size_t i = 0; i < flags->count; i++) {
        if (strncmp(flags->items[i], "-D", 2) == 0)
            write_define(flags->items[i] + 2, out);
    }
}

void write_headers(const struct request *request, FILE *out) {
    write_defines(&request->flags, out);
    write_defines(&request->package_flags, out);
    fputs("#include <stdarg.h>\n", out); /* as by clang's stdio.h, for which some headers declare more */
    for (size_t i = 0; i < request->headers.count; i++)
        fprintf(out, "#include \"%s\"\n", request->headers.items[i]);
}

void emit_h(const struct model *model, const struct request *request, FILE *out) {
    fprintf(out, "// made by: %s\n#ifndef GATE_STUBS_%s\n#define GATE_STUBS_%s\n\n", request->command, request->name,
            request->name);
    write_headers(request, out);
    fprintf(out,
            "#include <callgate.h>\n\n"
            "#pragma GCC diagnostic push\n#pragma GCC diagnostic ignored \"-Wdeprecated-declarations\"\n\n"
            "extern const gate_stub gate_stubs_%s[];\n",
            request->name);
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = model->items[i];
        if (!is_stubbed(item))
            continue;
        const char *notes = spell_notes(item);
        fprintf(out, "\n/* %s%s%s */\n", spell(item->type, item->name, SPELL_NAMED), *notes ? ": " : "", notes);
        write_struct(item, out);
        if (item->is_inline)
            write_prototype(item, item_symbol(item), ";", out);
        if (fits(item))
            write_caller(item, out);
    }
    fputs("\n#pragma GCC diagnostic pop\n\n#endif\n", out);
}

/* The source */

/* Through a pointer: the compiler is not to look at what a format says. */
static void write_variadic_call(const struct item *item, FILE *out) {
    const struct type *type = item->type;
    struct type pointer = {.kind = TYPE_POINTER, .target = type};
    fprintf(out, "(*(%s)&%s)(", spell(&pointer, "", SPELL_NAMED), item->name);
    write_arguments(type, "gate_args->", out);
    for (size_t i = 0; i < words_left(type); i++)
        fprintf(out, "%sgate_args->words[%zu]", i || type->parameter_count ? ", " : "", i);
    for (size_t i = 0; i < doubles_left(type); i++)
        fprintf(out, ", gate_args->doubles[%zu]", i);
    for (size_t i = 0; i < MORE; i++)
        fprintf(out, ", gate_args->more[%zu]", i);
    fputs(");\n", out);
}

static void write_call(const struct item *item, FILE *out) {
    fputs(type_is_void(item->type->target) ? "    " : "    gate_args->result = ", out);
    if (item->type->is_variadic) {
        write_variadic_call(item, out);
        return;
    }
    fprintf(out, "(%s)(", name_in_c(item));
    write_arguments(item->type, "gate_args->", out);
    fputs(");\n", out);
}

static void write_stub(const struct item *item, FILE *out) {
    bool uses_frame = item->type->parameter_count || item->type->is_variadic || !type_is_void(item->type->target);
    putc('\n', out);
    write_if(item, out);
    write_stub_head(item, "", " {", out);
    fprintf(out, "    struct gate_args_%s *gate_args = gate_in;\n    errno = 0;\n", item->name);
    write_call(item, out);
    fputs("    gate_args->error_number = errno;\n}\n\n", out);
    write_stub_head(item, "plain_", " {", out);
    if (uses_frame)
        fprintf(out, "    struct gate_args_%s *gate_args = gate_in;\n", item->name);
    else
        fputs("    (void)gate_in;\n", out);
    write_call(item, out);
    fputs("}\n", out);
    write_endif(item, out);
}

/* A static function has no symbol, nor has a macro: this is one for it. What a variadic one is given only itself can take. */
static void write_wrapper(const struct item *item, FILE *out) {
    if (item->type->is_variadic) {
        write_prototype(item, item_symbol(item), memory_format(" __attribute__((alias(\"%s\")));", item->name), out);
        return;
    }
    bool is_call = !item->is_macro || item->takes_arguments;
    putc('\n', out);
    write_if(item, out);
    write_prototype(item, item_symbol(item), " {", out);
    const char *name = item->is_macro ? item->name : memory_format("(%s)", item->name);
    fprintf(out, "    %s%s%s", type_is_void(item->type->target) ? "" : "return ", name, is_call ? "(" : "");
    write_arguments(item->type, "", out);
    fputs(is_call ? ");\n}\n" : ";\n}\n", out);
    write_endif(item, out);
}

/* What compilers warn of in them is the headers' own. Not all know all of these. */
static const char quiet[] = "#pragma GCC diagnostic push\n"
                            "#pragma GCC diagnostic ignored \"-Wpragmas\"\n"
                            "#pragma GCC diagnostic ignored \"-Wunknown-warning-option\"\n"
                            "#pragma GCC diagnostic ignored \"-Wunused-value\"\n"
                            "#pragma GCC diagnostic ignored \"-Wint-to-pointer-cast\"\n"
                            "#pragma GCC diagnostic ignored \"-Wpointer-to-int-cast\"\n";

static void write_wrappers(const struct model *model, bool macros, FILE *out) {
    fputs(quiet, out);
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = model->items[i];
        if (is_stubbed(item) && item->is_inline && item->is_macro == macros)
            write_wrapper(item, out);
    }
    fputs("#pragma GCC diagnostic pop\n", out);
}

/* A macro that came behind the declaration hides it. */
static void write_undefine(const struct model *model, const char *name, FILE *out) {
    if (*name && set_has(&model->macros, name))
        fprintf(out, "#undef %s\n", name);
}

static void write_undefines(const struct model *model, const struct item *item, FILE *out) {
    write_undefine(model, item->name, out);
    for (size_t i = 0; i < item->field_count; i++)
        write_undefine(model, item->fields[i].name, out);
}

/* Proofs. A type without any name has that of what is of it. Where a bit-field lies C has no words for: the whole's size, and
 * what lies around it, leave it no other place. */

static void prove_size(const char *name, long long size, long long alignment, FILE *out) {
    fprintf(out, "_Static_assert(sizeof(%s) == %lld && __alignof__(%s) == %lld, \"%s\");\n", name, size, name,
            alignment, name);
}

static void prove_nameless(const char *expression, const struct type *type, FILE *out);

static void prove_field(const char *name, const struct field *field, long long offset, FILE *out) {
    const struct item *record = item_of_record(field->type);
    offset += field->offset / 8;
    if (field->width >= 0)
        return;
    for (size_t i = 0; !*field->name && record && i < record->field_count; i++)
        prove_field(name, &record->fields[i], offset, out);
    if (!*field->name)
        return;
    const char *expression = memory_format("((%s *)0)->%s", name, field->name);
    fprintf(out, "_Static_assert(offsetof(%s, %s) == %lld", name, field->name, offset);
    if (field->type->size)
        fprintf(out, " && sizeof(%s) == %lld", expression, field->type->size);
    fprintf(out, ", \"%s: %s\");\n", name, field->name);
    prove_nameless(expression, field->type, out);
}

/* Compilers bring headers of their own, whose records have members as each likes. */
static void prove_fields(const char *name, const struct item *record, FILE *out) {
    for (size_t i = 0; i < record->field_count && !item_is_compilers(record); i++)
        prove_field(name, &record->fields[i], 0, out);
}

/* What expression leads to, by arrays and pointers. */
static void prove_nameless(const char *expression, const struct type *type, FILE *out) {
    for (type = type_plain(type); type->kind == TYPE_ARRAY || type->kind == TYPE_POINTER;
         type = type_plain(type->target))
        expression = memory_format("*%s", expression);
    const struct item *record = item_of_record(type);
    if (!type_is_nameless(type))
        return;
    const char *name = memory_format("__typeof__(%s)", expression);
    prove_size(name, record->size, record->alignment, out);
    prove_fields(name, record, out);
}

static void prove_typedef(const struct item *item, FILE *out) {
    const struct item *record = item_of_record(item->type);
    if (item->size > 0)
        prove_size(item->name, item->size, item->alignment, out);
    if (record && record->named_by == item)
        prove_fields(item->name, record, out);
    else
        prove_nameless(memory_format("*(%s *)0", item->name), item->type, out);
}

static void prove_tag(const struct item *item, FILE *out) {
    const char *name = memory_format("%s %s", word_of_kind(item->kind), item->name);
    if (!item->is_complete || !*item->name)
        return;
    prove_size(name, item->size, item->alignment, out);
    prove_fields(name, item, out);
}

static void write_proof(const struct item *item, FILE *out) {
    if (item->kind == ITEM_VARIABLE && item_is_bound(item))
        prove_nameless(item->name, item->type, out);
    else if (item->kind == ITEM_TYPEDEF)
        prove_typedef(item, out);
    else if (item->kind == ITEM_STRUCT || item->kind == ITEM_UNION || item->kind == ITEM_ENUM)
        prove_tag(item, out);
}

static void write_row(const struct item *item, FILE *out) {
    static const char *const classes[] = {"DEFAULT", "LEAF", "BLOCKING", "GUARDED"};
    const char *plain = spell(item->type, item->name, SPELL_DECLARED);
    write_if(item, out);
    fprintf(out, "    {\"%s\", ", item->name);
    write_string(plain, out);
    fprintf(
        out,
        ",\n     (void (*)(void))%s, gate_stub_%s, gate_stub_plain_%s, sizeof(struct gate_args_%s), GATE_CALL_%s},\n",
        name_in_c(item), item->name, item->name, item->name, classes[item->call_class]);
    write_endif(item, out);
}

/* Before they are declared. A function that the library lacks is NULL in the table; those that headers define may use others
 * that it lacks, or variables. */
static void write_weak(const struct model *model, FILE *out) {
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = model->items[i];
        bool is_symbol = item->kind == ITEM_FUNCTION || item->kind == ITEM_VARIABLE;
        if (is_symbol && item->is_wanted && !item->is_inline && !item->symbol)
            fprintf(out, "#pragma weak %s\n", item->name);
    }
}

static bool takes_words_alone(const struct type *function) {
    bool all = type_is_void(function->target) || is_word(function->target);
    for (size_t i = 0; i < function->parameter_count; i++)
        all = all && is_word(function->parameters[i].type);
    return all;
}

/* The C library's headers declare some of its own functions for some compilers, and others with floating types that clang has
 * no name for. */
static void write_reserved(const struct model *model, FILE *out) {
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = model->items[i];
        bool is_function = is_stubbed(item) && !item->is_inline && !item->is_macro;
        if (is_function && strncmp(item->name, "__", 2) == 0 && takes_words_alone(item->type))
            write_prototype(item, memory_format("(%s)", item->name), ";", out);
    }
}

void emit_c(const struct model *model, const struct request *request, FILE *out) {
    fprintf(out, "// made by: %s\n", request->command);
    if (request->is_weak)
        write_weak(model, out);
    fprintf(out, "#include \"%s_stubs.h\"\n#include <errno.h>\n#include <stddef.h>\n\n", request->name);
    fputs("#pragma GCC diagnostic ignored \"-Wdeprecated-declarations\"\n\n", out);
    write_reserved(model, out);
    write_wrappers(model, true, out); /* before their names are undefined */
    for (size_t i = 0; i < model->count; i++) {
        if (model->items[i]->is_needed && model->items[i]->kind != ITEM_MACRO && !model->items[i]->is_macro)
            write_undefines(model, model->items[i], out);
    }
    for (size_t i = 0; i < model->count; i++) {
        if (model->items[i]->is_needed)
            write_proof(model->items[i], out);
    }
    for (size_t i = 0; i < model->count; i++) {
        if (is_stubbed(model->items[i]))
            write_stub(model->items[i], out);
    }
    write_wrappers(model, false, out);
    fprintf(out, "\nconst gate_stub gate_stubs_%s[] = {\n", request->name);
    for (size_t i = 0; i < model->count; i++) {
        if (is_stubbed(model->items[i]))
            write_row(model->items[i], out);
    }
    fputs("    {NULL, NULL, NULL, NULL, NULL, 0, GATE_CALL_DEFAULT},\n};\n", out);
}
