/* What is asked for, of all that the headers declare; and what that needs.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>

#include "cgen/model.h"

static const char *const classes[] = {"default", "leaf", "blocking", "guarded"};

const char *word_of_class(enum call_class call_class) {
    return classes[call_class];
}

int class_of_word(const char *word) {
    int call_class = CLASS_GUARDED;
    while (call_class >= 0 && strcmp(classes[call_class], word) != 0)
        call_class--;
    return call_class;
}

const char *word_of_kind(enum item_kind kind) {
    static const char *const words[] = {"function", "variable", "typedef", "struct", "union", "enum", "macro"};
    return words[kind];
}

const struct type *type_plain(const struct type *type) {
    while (type->kind == TYPE_ITEM && type->item->kind == ITEM_TYPEDEF)
        type = type->item->type;
    return type;
}

const struct type *type_bare(const struct type *type) {
    type = type_plain(type);
    bool is_enum = type->kind == TYPE_ITEM && type->item->kind == ITEM_ENUM && type->item->type;
    return is_enum ? type_plain(type->item->type) : type;
}

bool item_is_usual_enum(const struct item *item) {
    bool is_signed = false;
    for (size_t i = 0; i < item->constant_count; i++)
        is_signed |= item->constants[i].value < 0;
    return item->constant_count && item->size == sizeof(int) &&
           type_bare(item->type)->basic == (is_signed ? BASIC_SIGNED : BASIC_UNSIGNED);
}

const struct type *type_passed(const struct type *type) {
    const struct type *plain = type_plain(type);
    if (plain->kind != TYPE_ARRAY && plain->kind != TYPE_FUNCTION)
        return type;
    struct type *pointer = memory_take(sizeof *pointer);
    *pointer = (struct type){.kind = TYPE_POINTER, .size = sizeof(void *), .alignment = sizeof(void *)};
    pointer->target = plain->kind == TYPE_ARRAY ? plain->target : type;
    return pointer;
}

const struct item *item_of_record(const struct type *type) {
    type = type_plain(type);
    bool is = type->kind == TYPE_ITEM && (type->item->kind == ITEM_STRUCT || type->item->kind == ITEM_UNION);
    return is ? type->item : NULL;
}

const struct type type_void = {.kind = TYPE_BASIC, .name = "void", .basic = BASIC_VOID};

bool type_is_void(const struct type *type) {
    type = type_plain(type);
    return type->kind == TYPE_BASIC && type->basic == BASIC_VOID;
}

bool type_is_nameless(const struct type *type) {
    const struct item *record = item_of_record(type);
    return record && !*record->name && !record->named_by;
}

bool type_is_va_list(const struct type *type) {
    type = type_plain(type);
    return type->kind == TYPE_BASIC && strcmp(type->name, "__builtin_va_list") == 0;
}

bool item_is_bound(const struct item *item) {
    return item->is_wanted && !item->reason;
}

const char *item_symbol(const struct item *item) {
    if (item->is_inline) /* it has none but in the stubs */
        return memory_format("gate_inline_%s", item->name);
    return item->symbol ? item->symbol : item->name;
}

const char *item_name(const struct item *item) {
    return item->rename ? item->rename : item->name;
}

void item_find_names(struct item *item) {
    const struct type *plain = type_plain(item->type);
    if (plain->kind != TYPE_ITEM)
        return;
    bool is_first = !*plain->item->name && !plain->item->named_by;
    list_add(&plain->item->names, item->name);
    if (is_first && item->type->item == plain->item && !item->type->qualifiers)
        plain->item->named_by = item;
}

const char *type_problem(const struct type *type) {
    const char *problem = NULL;
    for (type = type_plain(type); type && !problem; type = type->target ? type_plain(type->target) : NULL) {
        problem = type->kind == TYPE_UNKNOWN ? type->name : NULL;
        for (size_t i = 0; i < type->parameter_count && !problem; i++)
            problem = type_problem(type->parameters[i].type);
    }
    return problem;
}

/* Why a value of that type can't be passed, or NULL. */
static const char *problem_of(const struct type *type) {
    const char *unknown = type_problem(type);
    if (unknown)
        return unknown;
    const struct item *record = item_of_record(type);
    const char *lack = !record                  ? NULL
                       : !record->is_complete   ? "is not defined"
                       : record->reason         ? "has a field that C does not know"
                       : type_is_nameless(type) ? "has no name"
                                                : NULL;
    return lack ? memory_format("it passes a %s that %s", word_of_kind(record->kind), lack) : NULL;
}

void item_find_problem(struct item *item) {
    const struct type *type = item->type;
    if (item->kind == ITEM_VARIABLE) {
        const char *unknown = type_problem(type);
        item->reason = unknown                 ? unknown
                       : item->is_thread_local ? "each thread has its own"
                       : item->is_inline && item->value.kind == VALUE_NONE
                           ? "it has no symbol, and no value that is a number or a string"
                           : NULL;
        return;
    }
    bool has_no_body = item->is_inline && !item->is_macro && !item->is_defined;
    item->reason = has_no_body                  ? "it is static, and has no body"
                   : type->kind == TYPE_UNKNOWN ? type->name
                                                : problem_of(type->target);
    for (size_t i = 0; i < type->parameter_count && !item->reason; i++)
        item->reason = problem_of(type->parameters[i].type);
}

/* Needs */

static void need_type(const struct type *type);

static void need(struct item *item) {
    if (item->is_needed)
        return;
    item->is_needed = true;
    if (item->type)
        need_type(item->type);
    for (size_t i = 0; i < item->field_count; i++)
        need_type(item->fields[i].type);
    if (item->named_by)
        need(item->named_by);
}

static void need_type(const struct type *type) {
    for (; type; type = type->target) {
        if (type->item)
            need(type->item);
        for (size_t i = 0; i < type->parameter_count; i++)
            need_type(type->parameters[i].type);
    }
}

static void override_by(struct item *item, const struct request *request) {
    struct section *section = config_find(request, SECTION_FUNCTION, item->name);
    if (!section || item->kind != ITEM_FUNCTION)
        return;
    if (section->call_class.text)
        item->call_class = (enum call_class)class_of_word(section->call_class.text);
    item->rename = section->rename.text;
    item->owner = section->owner.text;
    if (section->skip.text && strcmp(section->skip.text, "yes") == 0)
        item->is_wanted = false;
    section->item = item;
    section->is_used = true;
}

static bool is_name_asked_for(const char *name, const struct request *request) {
    bool matches = request->match.count == 0 || list_matches(&request->match, name);
    return *name && matches && !list_matches(&request->exclude, name);
}

/* clang's folder of headers has its version below its name. */
bool item_is_compilers(const struct item *item) {
    const char *folder = strstr(item->place.file, "/clang/");
    return folder && isdigit((unsigned char)folder[strlen("/clang/")]);
}

/* Without a pattern, what the compiler brings is asked for if its header is. */
static bool is_file_asked_for(const struct item *item, const struct request *request) {
    if (request->from.count)
        return list_matches_file(&request->from, item->place.file);
    bool is_asked_for = !item_is_compilers(item);
    for (size_t i = 0; i < request->headers.count && !is_asked_for; i++)
        is_asked_for = strcmp(request->headers.items[i], strrchr(item->place.file, '/') + 1) == 0;
    return is_asked_for;
}

/* One is asked for by its constants, too, unless it is excluded itself. */
static bool is_enum_asked_for(const struct item *item, const struct request *request) {
    const char *name = item->named_by ? item->named_by->name : item->name;
    bool is_asked_for = false;
    for (size_t i = 0; i < item->constant_count && !list_matches(&request->exclude, name); i++)
        is_asked_for |= is_name_asked_for(item->constants[i].name, request);
    return is_asked_for;
}

bool model_asks(const struct item *item, const struct request *request) {
    bool is_asked_for = is_name_asked_for(item->name, request) || is_enum_asked_for(item, request);
    return is_asked_for && !item->is_hosts && is_file_asked_for(item, request);
}

/* An enum that is asked for, or needed, is what it was without them. */
static void drop_excluded_constants(struct model *model, struct item *item, const struct request *request) {
    size_t kept = 0;
    for (size_t i = 0; i < item->constant_count; i++) {
        if (list_matches(&request->exclude, item->constants[i].name))
            list_add(&model->excluded, item->constants[i].name);
        else
            item->constants[kept++] = item->constants[i];
    }
    item->constant_count = kept;
}

/* Headers have macros of the same names as an enum's constants. */
static void mark_constants(struct model *model) {
    struct table constants = {.count = 0};
    for (size_t i = 0; i < model->count; i++) {
        for (size_t j = 0; j < model->items[i]->constant_count; j++)
            set_add(&constants, model->items[i]->constants[j].name);
    }
    for (size_t i = 0; i < model->count; i++)
        model->items[i]->is_constant_too = set_has(&constants, model->items[i]->name);
}

void model_choose(struct model *model, const struct request *request) {
    mark_constants(model);
    for (size_t i = 0; i < model->count; i++) {
        struct item *item = model->items[i];
        drop_excluded_constants(model, item, request);
        item->is_wanted = model_asks(item, request);
        override_by(item, request);
    }
    for (size_t i = 0; i < model->count; i++) {
        if (item_is_bound(model->items[i]))
            need(model->items[i]);
    }
    for (const struct section *export = NULL; (export = config_next(request, SECTION_EXPORT, export)) != NULL;)
        need_type(export->item->type);
}

static bool excludes(const struct model *model, const char *pattern) {
    const struct list one = {&pattern, 1};
    size_t i = 0;
    while (i < model->count && !list_matches(&one, model->items[i]->name))
        i++;
    return i < model->count || list_is_matched(&model->excluded, pattern);
}

/* Names of other systems are in the files, and not in the headers. */
int model_check_exclusions(const struct model *headers, const struct model *written, const struct request *request) {
    const char *where = written ? "the headers or the files" : request->headers.items[0];
    int failed = 0;
    for (size_t i = 0; i < request->exclude.count; i++) {
        const char *pattern = request->exclude.items[i];
        if (excludes(headers, pattern) || (written && excludes(written, pattern)))
            continue;
        fprintf(stderr, "cgen: nothing in %s is excluded by '%s'\n", where, pattern);
        failed = 1;
    }
    return failed;
}

void model_report(const struct model *model, bool macros_too) {
    size_t macros = 0;
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = model->items[i];
        if (!item->is_wanted || !item->reason)
            continue;
        if (item->kind == ITEM_MACRO && !macros_too)
            macros++;
        else
            report(&item->place, "skipped", "%s: %s", item->name, item->reason);
    }
    if (macros)
        fprintf(stderr, "cgen: macros left out, mostly for being no expressions: %zu; --verbose says why\n", macros);
}

size_t model_count(const struct model *model, enum item_kind kind) {
    size_t count = 0;
    for (size_t i = 0; i < model->count; i++)
        count += model->items[i]->kind == kind && model->items[i]->is_wanted;
    return count;
}
