/* Reads a config: what no header says.
 *
 *   # a comment
 *   [function sqlite3_step]      a section for each function
 *   class = blocking             default, leaf, blocking or guarded
 *   rename = step                what hosts call it
 *   owner = sqlite3_finalize     who frees the result
 *   skip = yes                   it is left out
 *
 *   [macro MAKE_COLOR]           one with arguments, as if it were a function
 *   type = unsigned (int, int, int)
 *
 *   [export on_row]              a function of the host's, for C to call by its name
 *   type = int (void *, int)
 *
 * What is wrong is an error at its place, and so is what headers do not have, or what is said twice.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

struct config {
    struct request *request;
    const char *path, *line; /* the line that is read */
    unsigned line_number;
    struct section *section; /* NULL before the first */
};

int config_complain(const struct word *word, const char *pattern, ...) {
    va_list arguments;
    va_start(arguments, pattern);
    fprintf(stderr, "%s:%u:%u: error: ", word->place.file, word->place.line, word->place.column);
    vfprintf(stderr, pattern, arguments);
    fputc('\n', stderr);
    va_end(arguments);
    return 1;
}

/* What stands at a place in the line, to be kept or complained of. */
static struct word word_at(const struct config *config, const char *at) {
    return (struct word){at, {config->path, config->line_number, (unsigned)(at - config->line) + 1}};
}

static char *trim(char *text) {
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length && strchr(" \t\r\n", text[length - 1]))
        text[--length] = '\0';
    return text;
}

/* Sections */

static const char *const kinds[] = {"function", "macro", "export"};

enum { KINDS = sizeof kinds / sizeof *kinds };

static int kind_of(const char *word) {
    int kind = KINDS - 1;
    while (kind >= 0 && strcmp(kinds[kind], word) != 0)
        kind--;
    return kind;
}

struct section *config_next(const struct request *request, enum section_kind kind, const struct section *before) {
    for (size_t i = before ? (size_t)(before - request->sections) + 1 : 0; i < request->section_count; i++) {
        if (request->sections[i].kind == kind)
            return &request->sections[i];
    }
    return NULL;
}

struct section *config_find(const struct request *request, enum section_kind kind, const char *name) {
    struct section *section = config_next(request, kind, NULL);
    while (section && strcmp(section->name.text, name) != 0)
        section = config_next(request, kind, section);
    return section;
}

bool config_is_name(const char *text) {
    static const char letters[] = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    return *text && strspn(text, letters) == strlen(text) && strspn(text, "0123456789") == 0;
}

static int add_section(struct config *config, enum section_kind kind, const char *name) {
    struct request *request = config->request;
    struct word word = word_at(config, name);
    const struct section *other = config_find(request, kind, name);
    if (!config_is_name(name))
        return config_complain(&word, "'%s' is no name in C", name);
    if (other)
        return config_complain(&word, "the %s '%s' has a section already, %s:%u", kinds[kind], name,
                               other->name.place.file, other->name.place.line);
    word.text = memory_copy(name);
    request->sections = memory_grow(request->sections, request->section_count, sizeof *request->sections);
    config->section = &request->sections[request->section_count++];
    *config->section = (struct section){.kind = kind, .name = word};
    return 0;
}

static int read_section(struct config *config, char *text) {
    struct word word = word_at(config, text);
    char *end = text + strlen(text) - 1;
    if (*end != ']')
        return config_complain(&word, "a section has no ']' at its end: '%s'", text);
    *end = '\0';
    char *kind = trim(text + 1), *name = kind + strcspn(kind, " \t");
    if (*name)
        *name++ = '\0';
    int which = kind_of(kind);
    word = word_at(config, kind);
    return which < 0 ? config_complain(&word, "no section is called '%s'", kind)
                     : add_section(config, (enum section_kind)which, trim(name));
}

/* Settings */

/* Says what is wrong with a value, or NULL, and puts the place into *at. */
typedef const char *checker(const char **at);

static const char *check_class(const char **at) {
    return class_of_word(*at) < 0 ? memory_format("no class is called '%s'", *at) : NULL;
}

static const char *check_name(const char **at) {
    return config_is_name(*at) ? NULL : memory_format("'%s' is no name in C", *at);
}

static const char *check_choice(const char **at) {
    bool is_either = strcmp(*at, "yes") == 0 || strcmp(*at, "no") == 0;
    return is_either ? NULL : memory_format("it is yes or no, not '%s'", *at);
}

/* Words come to stand in comments. */
static const char *check_words(const char **at) {
    const char *end = strstr(*at, "*/");
    *at = end ? end : *at;
    return end ? "'*/' would end the comment that has it" : NULL;
}

/* A type comes to stand in parentheses, which it may not leave, and declares nothing. */
static const char *check_type(const char **at) {
    const char *begin = *at;
    unsigned depth = 0;
    for (; **at; ++*at) {
        if (strchr("{};\"'#\\/", **at))
            return memory_format("there is no '%c' in a function's type", **at);
        if (**at == ')' && depth == 0)
            return memory_format("a ')' too many: '%s'", begin);
        depth += **at == '(';
        depth -= **at == ')';
    }
    return depth ? memory_format("a ')' is missing: '%s'", begin) : NULL;
}

static const struct setting {
    enum section_kind of;
    const char *name;
    checker *check;
    size_t offset; /* of its word */
} settings[] = {
    {SECTION_FUNCTION, "class", check_class, offsetof(struct section, call_class)},
    {SECTION_FUNCTION, "rename", check_name, offsetof(struct section, rename)},
    {SECTION_FUNCTION, "owner", check_words, offsetof(struct section, owner)},
    {SECTION_FUNCTION, "skip", check_choice, offsetof(struct section, skip)},
    {SECTION_MACRO, "type", check_type, offsetof(struct section, type)},
    {SECTION_EXPORT, "type", check_type, offsetof(struct section, type)},
};

static const struct setting *find_setting(const struct section *section, const char *name) {
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        if (settings[i].of == section->kind && strcmp(settings[i].name, name) == 0)
            return &settings[i];
    }
    return NULL;
}

static int read_setting(struct config *config, char *text) {
    struct word word = word_at(config, text);
    char *equals = strchr(text, '=');
    if (!equals || !*trim(equals + 1))
        return config_complain(&word, "a setting has no value: '%s'", text);
    *equals = '\0';
    const char *name = trim(text), *value = trim(equals + 1), *at = value;
    struct section *section = config->section;
    const struct setting *setting = section ? find_setting(section, name) : NULL;
    if (!setting)
        return config_complain(&word, "there is no setting here called '%s'", name);
    struct word *kept = (struct word *)((char *)section + setting->offset);
    if (kept->text)
        return config_complain(&word, "the '%s' is said already, in line %u", name, kept->place.line);
    const char *problem = setting->check(&at);
    word = word_at(config, at);
    if (problem)
        return config_complain(&word, "%s", problem);
    *kept = word_at(config, value);
    kept->text = memory_copy(value);
    return 0;
}

/* Files */

static int read_line(struct config *config, char *line, size_t length) {
    config->line = line;
    config->line_number++;
    struct word end = word_at(config, line + strlen(line));
    if (strlen(line) < length)
        return config_complain(&end, "a NUL, which no text has");
    char *text = trim(line);
    if (!*text || *text == '#')
        return 0;
    return *text == '[' ? read_section(config, text) : read_setting(config, text);
}

static int check_types(const struct request *request) {
    for (size_t i = 0; i < request->section_count; i++) {
        const struct section *section = &request->sections[i];
        if (section->kind != SECTION_FUNCTION && !section->type.text)
            return config_complain(&section->name, "the %s '%s' has no type", kinds[section->kind], section->name.text);
    }
    return 0;
}

static int fail_to_read(const char *path) {
    fprintf(stderr, "cgen: %s: %s\n", path, strerror(errno));
    return 1;
}

int config_read_stream(FILE *file, const char *path, struct request *request) {
    struct config config = {.request = request, .path = path};
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    int failed = 0;
    while (!failed && (length = getline(&line, &room, file)) > 0)
        failed = read_line(&config, line, (size_t)length);
    if (ferror(file))
        failed = fail_to_read(path);
    free(line);
    return failed || check_types(request);
}

int config_read(const char *path, struct request *request) {
    FILE *file = fopen(path, "r");
    if (!file)
        return fail_to_read(path);
    int failed = config_read_stream(file, path, request);
    fclose(file);
    return failed;
}

/* What it says, and what headers have */

static int check_uses(const struct request *request) {
    int failed = 0;
    for (size_t i = 0; i < request->section_count; i++) {
        const struct section *section = &request->sections[i];
        if (section->kind != SECTION_EXPORT && !section->is_used)
            failed = config_complain(&section->name, "no header has a %s called '%s'",
                                     section->kind == SECTION_MACRO ? "macro with arguments" : "function",
                                     section->name.text);
    }
    return failed;
}

/* A host finds all of these by name. */
static void add_names(const struct model *model, struct table *names) {
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = model->items[i];
        bool is_named = item->kind == ITEM_FUNCTION || item->kind == ITEM_VARIABLE || item->kind == ITEM_MACRO;
        if (is_named && item_is_bound(item) && !item->rename)
            set_add(names, item->name);
        for (size_t j = 0; j < item->constant_count && item->is_needed; j++)
            set_add(names, item->constants[j].name);
    }
}

static int check_renames(const struct model *model, const struct request *request) {
    struct table names = {.count = 0};
    int failed = 0;
    add_names(model, &names);
    for (const struct section *f = NULL; (f = config_next(request, SECTION_FUNCTION, f)) != NULL;) {
        bool is_renamed = f->item && item_is_bound(f->item) && f->rename.text;
        if (is_renamed && !set_add(&names, f->rename.text))
            failed = config_complain(&f->rename, "another has the name '%s'", f->rename.text);
    }
    return failed;
}

int config_check(const struct model *model, const struct request *request) {
    int unused = check_uses(request);
    return check_renames(model, request) || unused;
}
