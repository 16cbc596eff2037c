/* Declarations that somebody wrote by hand, against the real headers and the library's debug information.
 *
 * All are read into models, and whatever is declared by hand is looked up by its name in the others. What is
 * compared is what calls and accesses depend on: sizes, offsets, how a value is passed, what a constant is worth. A
 * pointer to void, or to a struct that is not defined, goes for any.
 *
 * A library has the types of all that it was made of, of which some have the same name: one that agrees is enough.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

/* What declarations are compared with. */
struct checking {
    const struct model *real;
    const char *where; /* it is from, for whoever reads the result */
    const char *note;  /* what is at the other place of a mistake */
    bool is_all;       /* it is a mistake to declare what isn't there */
    bool is_quiet;     /* mistakes are counted alone */
    size_t mistakes, found;
};

enum { DEEPEST = 12 }; /* of types in types: lists go round in rings */

/* Types */

static bool is_same(const struct type *a, const struct type *b, int depth);

static bool is_integer(const struct type *type) {
    return type->kind == TYPE_BASIC && type->basic >= BASIC_BOOL && type->basic <= BASIC_UNSIGNED;
}

static bool is_same_integer(const struct type *a, const struct type *b, bool signs_matter) {
    bool are_chars = a->size == 1 && b->size == 1;
    return a->size == b->size && (a->basic == b->basic || are_chars || !signs_matter);
}

static bool is_same_function(const struct type *a, const struct type *b, int depth) {
    if (a->is_unprototyped || b->is_unprototyped)
        return is_same(a->target, b->target, depth);
    bool same = a->parameter_count == b->parameter_count && a->is_variadic == b->is_variadic;
    for (size_t i = 0; i < a->parameter_count && same; i++)
        same = is_same(type_passed(a->parameters[i].type), type_passed(b->parameters[i].type), depth);
    return same && is_same(a->target, b->target, depth);
}

/* Behind a pointer its size is no matter: where it is declared it is compared by itself. */
static bool is_same_record(const struct item *a, const struct item *b, int depth) {
    return a->kind == b->kind && (depth || !a->is_complete || !b->is_complete || a->size == b->size);
}

static bool is_any(const struct type *type) {
    type = type_bare(type);
    const struct item *record = item_of_record(type);
    return (type->kind == TYPE_BASIC && type->basic == BASIC_VOID) || (record && !record->is_complete);
}

static bool is_same(const struct type *a, const struct type *b, int depth) {
    bool is_enum = type_plain(a)->kind == TYPE_ITEM || type_plain(b)->kind == TYPE_ITEM;
    a = type_bare(a);
    b = type_bare(b);
    bool has_one_name = a->kind == TYPE_BASIC && b->kind == TYPE_BASIC && strcmp(a->name, b->name) == 0;
    if (depth > DEEPEST || has_one_name)
        return true;
    if (is_integer(a) && is_integer(b))
        return is_same_integer(a, b, !is_enum);
    if (a->kind != b->kind)
        return false;
    switch (a->kind) {
    case TYPE_POINTER:
        return is_any(a->target) || is_any(b->target) || is_same(a->target, b->target, depth + 1);
    case TYPE_ARRAY:
    case TYPE_VECTOR:
        return a->count == b->count && is_same(a->target, b->target, depth + 1);
    case TYPE_FUNCTION:
        return is_same_function(a, b, depth + 1);
    case TYPE_ITEM:
        return is_same_record(a->item, b->item, depth);
    default:
        return a->basic == b->basic && a->size == b->size;
    }
}

/* A struct without a tag has the name of its typedef. */
static const char *name_of(const struct item *item) {
    return *item->name || !item->named_by ? item->name : item->named_by->name;
}

/* Reports: what is wrong, and then where the header says so */

__attribute__((format(printf, 4, 5))) static void complain(struct checking *c, const struct item *written,
                                                           const struct item *real, const char *pattern, ...) {
    va_list arguments;
    const struct place *at = &written->place;
    c->mistakes++;
    if (c->is_quiet)
        return;
    const char *name = name_of(written);
    fprintf(stderr, "%s:%u:%u: error: %s%s", at->file, at->line, at->column, name, *name ? ": " : "");
    va_start(arguments, pattern);
    vfprintf(stderr, pattern, arguments);
    va_end(arguments);
    fprintf(stderr, "\n%s:%u:%u: note: %s\n", real->place.file, real->place.line, real->place.column, c->note);
}

/* As it is declared, and what that is. */
static const char *text_of(const struct type *type) {
    const char *named = memory_format("'%s'", spell(type, "", SPELL_NAMED));
    const struct item *record = item_of_record(type);
    if (record && record->is_complete) /* the other may have the same name */
        return memory_format("%s of %lld bytes", named, record->size);
    bool is_clear = type_plain(type) == type || type_plain(type)->kind == TYPE_ITEM;
    return is_clear ? named : memory_format("%s (aka '%s')", named, spell(type_plain(type), "", SPELL_NAMED));
}

/* Functions and variables */

static void check_function(struct checking *c, const struct item *a, const struct item *b) {
    const struct type *written = a->type, *real = b->type;
    if (written->is_unprototyped || real->is_unprototyped)
        return;
    if (written->parameter_count != real->parameter_count)
        complain(c, a, b, "it takes %zu parameters, not %zu", real->parameter_count, written->parameter_count);
    if (written->is_variadic != real->is_variadic)
        complain(c, a, b, real->is_variadic ? "it is variadic" : "it is not variadic");
    if (!is_same(written->target, real->target, 0))
        complain(c, a, b, "it returns %s, not %s", text_of(real->target), text_of(written->target));
    for (size_t i = 0; i < written->parameter_count && i < real->parameter_count; i++) {
        const struct type *from = written->parameters[i].type, *to = real->parameters[i].type;
        if (!is_same(type_passed(from), type_passed(to), 0))
            complain(c, a, b, "parameter %zu is %s, not %s", i + 1, text_of(to), text_of(from));
    }
}

static void check_record(struct checking *c, const struct item *a, const struct item *b);

static void check_type(struct checking *c, const struct item *a, const struct item *b) {
    const struct item *written = item_of_record(a->type), *real = item_of_record(b->type);
    if (written && real && written->named_by == a)
        check_record(c, written, real);
    else if (!is_same(a->type, b->type, 0))
        complain(c, a, b, "its type is %s, not %s", text_of(b->type), text_of(a->type));
}

/* Structs, unions, enums */

static const struct field *find_field(const struct item *item, const char *name) {
    for (size_t i = 0; i < item->field_count; i++) {
        if (strcmp(item->fields[i].name, name) == 0)
            return &item->fields[i];
    }
    return NULL;
}

static void check_field(struct checking *c, const struct item *a, const struct item *b, const struct field *written) {
    const struct field *real = find_field(b, written->name);
    if (!*written->name)
        return;
    if (!real)
        complain(c, a, b, "it has no field '%s'", written->name);
    else if (real->offset != written->offset && (real->offset % 8 || written->offset % 8))
        complain(c, a, b, "'%s' is at bit %lld, not %lld", written->name, real->offset, written->offset);
    else if (real->offset != written->offset)
        complain(c, a, b, "'%s' is at byte %lld, not %lld", written->name, real->offset / 8, written->offset / 8);
    if (real && real->width != written->width)
        complain(c, a, b, "'%s' has another width, of bits", written->name);
    if (real && !is_same(written->type, real->type, 0))
        complain(c, a, b, "'%s' is %s, not %s", written->name, text_of(real->type), text_of(written->type));
}

static void check_record(struct checking *c, const struct item *a, const struct item *b) {
    if (!a->is_complete || !b->is_complete)
        return; /* to say less is no mistake */
    if (a->kind != b->kind)
        complain(c, a, b, "it is a %s", word_of_kind(b->kind));
    if (a->size != b->size)
        complain(c, a, b, "its size is %lld bytes, not %lld", b->size, a->size);
    if (a->alignment != b->alignment && b->alignment) /* which debug information doesn't tell */
        complain(c, a, b, "its alignment is %lld, not %lld", b->alignment, a->alignment);
    for (size_t i = 0; i < a->field_count; i++)
        check_field(c, a, b, &a->fields[i]);
}

/* Where constant name is: an enum's, or a macro or variable of that name. */
static const struct item *find_constant(const struct model *model, const char *name, long long *value) {
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = model->items[i];
        if (item->value.kind == VALUE_INTEGER && strcmp(item->name, name) == 0) {
            *value = item->value.integer;
            return item;
        }
        for (size_t j = 0; j < item->constant_count; j++) {
            if (strcmp(item->constants[j].name, name) == 0) {
                *value = item->constants[j].value;
                return item;
            }
        }
    }
    return NULL;
}

static void check_constant(struct checking *c, const struct item *a, const char *name, long long value) {
    long long expected = 0;
    const struct item *real = find_constant(c->real, name, &expected);
    c->found += real != NULL;
    const char *which = strcmp(name, a->name) == 0 ? "it" : name;
    if (real && expected != value)
        complain(c, a, real, "%s is %lld, not %lld", which, expected, value);
}

/* All */

static bool is_tag(const struct item *item) {
    return item->kind == ITEM_STRUCT || item->kind == ITEM_UNION || item->kind == ITEM_ENUM;
}

static void check_against(struct checking *c, const struct item *written, const struct item *real) {
    if (real->is_macro && real->is_inline)
        return; /* what it takes is no header's word */
    if (written->kind == ITEM_FUNCTION)
        check_function(c, written, real);
    else if (written->kind == ITEM_VARIABLE || written->kind == ITEM_TYPEDEF)
        check_type(c, written, real);
    else if (written->kind == ITEM_STRUCT || written->kind == ITEM_UNION)
        check_record(c, written, real);
}

/* What is to be compared with written: of those with its name one that agrees, if there is any. */
static const struct item *find(const struct checking *c, const struct item *written) {
    const struct item *first = NULL;
    for (size_t i = 0; i < c->real->count && *written->name; i++) {
        const struct item *item = c->real->items[i];
        struct checking quiet = {.real = c->real, .is_quiet = true};
        bool is_alike = is_tag(item) ? is_tag(written) : item->kind == written->kind;
        if (!is_alike || strcmp(item->name, written->name) != 0)
            continue;
        check_against(&quiet, written, item);
        if (!quiet.mistakes)
            return item;
        first = first ? first : item;
    }
    return first;
}

static void check_item(struct checking *c, const struct item *written) {
    for (size_t i = 0; i < written->constant_count; i++)
        check_constant(c, written, written->constants[i].name, written->constants[i].value);
    if (written->value.kind == VALUE_INTEGER)
        check_constant(c, written, written->name, written->value.integer);
    const struct item *real = find(c, written);
    bool has_symbol = written->kind == ITEM_FUNCTION || (written->kind == ITEM_VARIABLE && !written->is_inline);
    c->found += real != NULL;
    if (real)
        check_against(c, written, real);
    if (!real && has_symbol && c->is_all) {
        c->mistakes++;
        fprintf(stderr, "%s:%u:%u: error: %s: no header declares it\n", written->place.file, written->place.line,
                written->place.column, written->name);
    }
}

/* Those of written that request asks for, or which these need. */
static int check_items(struct checking c, const struct model *written, const struct request *request, const char *of) {
    for (size_t i = 0; i < written->count; i++) {
        const struct item *item = written->items[i];
        if (item->is_needed && (request->from.count == 0 || list_matches(&request->from, item->place.file)))
            check_item(&c, item);
    }
    printf("%s: %zu declarations found in %s, %zu mistakes\n", of, c.found, c.where, c.mistakes);
    return c.mistakes != 0 || (c.is_all && !c.found);
}

/* Scripts: all but the text of each cdef or declare is blanked out, so that lines and columns stay */

/* Behind the string that begins at text, or NULL; *from and *to are what is in it. */
static char *skip_string(char *text, char **from, char **to) {
    if (*text == '"' || *text == '\'') {
        *from = text + 1;
        *to = *from;
        while (**to && **to != *text)
            *to += **to == '\\' && (*to)[1] ? 2 : 1;
        return **to ? *to + 1 : NULL;
    }
    size_t level = *text == '[' ? strspn(text + 1, "=") : 0;
    if (*text != '[' || text[1 + level] != '[')
        return NULL;
    const char *end = memory_format("]%.*s]", (int)level, text + 1);
    *from = text + level + 2;
    *to = strstr(*from, end);
    return *to ? *to + strlen(end) : NULL;
}

static void blank(char *from, const char *to) {
    for (; from < to; from++) {
        if (*from != '\n')
            *from = ' ';
    }
}

/* Behind the next word that a text with declarations may follow, or NULL. */
static char *skip_to_word(const char *at) {
    char *cdef = strstr(at, "cdef"), *declare = strstr(at, "declare");
    if (cdef && (!declare || cdef < declare))
        return cdef + strlen("cdef");
    return declare ? declare + strlen("declare") : NULL;
}

static void keep_declarations(char *script) {
    char *at = script, *word;
    while ((word = skip_to_word(at))) {
        char *from, *to;
        char *next = skip_string(word + strspn(word, " (\n"), &from, &to);
        blank(at, next ? from : word);
        if (next)
            blank(to, next);
        at = next ? next : word;
    }
    blank(at, at + strlen(at));
}

static char *read_file(const char *path) {
    char *text = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "r");
    if (!file || getdelim(&text, &size, '\0', file) < 0) {
        fprintf(stderr, "cgen: %s: %s\n", path, file ? "it is empty" : strerror(errno));
        text = NULL;
    }
    if (file)
        fclose(file);
    char *copy = text ? memory_copy(text) : NULL;
    free(text);
    return copy;
}

static void prepare(struct request *request, const char *path, char *text) {
    size_t length = strlen(path);
    if (length > 4 && strcmp(path + length - 4, ".lua") == 0)
        keep_declarations(text);
    list_add(&request->headers, path);
    list_add(&request->from, memory_format("*%s", path));
    request->text_path = path;
    request->text = text;
}

/* A library's debug information. */
struct library {
    const char *path;
    struct model model;
};

static struct checking against_headers(const struct model *headers) {
    return (struct checking){.real = headers, .where = "the headers", .note = "it is declared here", .is_all = true};
}

static struct checking against_library(const struct library *library) {
    const char *note = memory_format("%s was compiled with this", library->path);
    return (struct checking){.real = &library->model, .where = library->path, .note = note};
}

static int check_file(const struct model *headers, const struct library *libraries, size_t count, const char *path) {
    struct request request = {.text = NULL};
    struct model written = {.count = 0};
    char *text = read_file(path);
    if (!text)
        return 1;
    prepare(&request, path, text);
    if (model_read(&request, &written))
        return 1;
    model_choose(&written, &request);
    int failed = check_items(against_headers(headers), &written, &request, path);
    for (size_t i = 0; i < count; i++)
        failed |= check_items(against_library(&libraries[i]), &written, &request, path);
    return failed;
}

/* Of those that have debug information. */
static int read_libraries(const struct request *request, struct library **libraries, size_t *count) {
    struct list paths = {NULL, 0};
    int failed = installed_libraries(request, &paths);
    for (size_t i = 0; i < paths.count && !failed; i++) {
        struct library library = {paths.items[i], {.count = 0}};
        bool has = false;
        if (dwarf_read(library.path, request->debug_path, &library.model, &has)) {
            failed = request->library != NULL; /* a package's may be a script for the linker */
            continue;
        }
        if (!has) {
            fprintf(stderr, "%s: note: it has no debug information to compare with\n", library.path);
            continue;
        }
        *libraries = memory_grow(*libraries, *count, sizeof **libraries);
        (*libraries)[(*count)++] = library;
    }
    return failed;
}

int check_all(const struct model *headers, const struct request *request, const struct list *files) {
    struct library *libraries = NULL;
    size_t count = 0;
    int failed = read_libraries(request, &libraries, &count);
    for (size_t i = 0; i < files->count && !failed; i++)
        failed = check_file(headers, libraries, count, files->items[i]);
    for (size_t i = 0; i < count && files->count == 0 && !failed; i++)
        failed = check_items(against_library(&libraries[i]), headers, request, request->headers.items[0]);
    return failed;
}
