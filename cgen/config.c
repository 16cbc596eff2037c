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
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <string.h>

#include "cgen/model.h"

struct config {
    struct place place; /* of the line */
    struct request *request;
    struct override *override; /* the section, one of these three */
    struct export *export;
    struct macro_type *macro;
};

static int fail(const struct config *config, const char *what, const char *which) {
    report(&config->place, "error", "%s '%s'", what, which);
    return 1;
}

static char *trim(char *text) {
    text += strspn(text, " \t");
    size_t length = strlen(text);
    while (length && strchr(" \t\r\n", text[length - 1]))
        text[--length] = '\0';
    return text;
}

static int begin_section(struct config *config, char *text) {
    struct request *request = config->request;
    char *end = strchr(text, ']'), *name = text + strcspn(text, " ]");
    if (!end || name == end || *trim(end + 1))
        return fail(config, "no section is written as", text);
    *end = '\0';
    *name++ = '\0';
    config->override = NULL;
    config->export = NULL;
    config->macro = NULL;
    if (strcmp(text, "function") == 0) {
        request->overrides = memory_grow(request->overrides, request->override_count, sizeof *request->overrides);
        config->override = &request->overrides[request->override_count++];
        *config->override = (struct override){.name = memory_copy(trim(name)), .place = config->place};
    } else if (strcmp(text, "export") == 0) {
        request->exports = memory_grow(request->exports, request->export_count, sizeof *request->exports);
        config->export = &request->exports[request->export_count++];
        *config->export = (struct export){.name = memory_copy(trim(name)), .place = config->place};
    } else if (strcmp(text, "macro") == 0) {
        request->macro_types = memory_grow(request->macro_types, request->macro_type_count, sizeof *config->macro);
        config->macro = &request->macro_types[request->macro_type_count++];
        *config->macro = (struct macro_type){.name = memory_copy(trim(name)), .place = config->place};
    } else {
        return fail(config, "no section is called", text);
    }
    return 0;
}

static int set_class(struct config *config, const char *value) {
    for (int i = CLASS_DEFAULT; i <= CLASS_GUARDED; i++) {
        if (strcmp(value, word_of_class((enum call_class)i)) == 0) {
            config->override->call_class = (enum call_class)i;
            return 0;
        }
    }
    return fail(config, "no class is called", value);
}

static int set(struct config *config, const char *key, const char *value, struct place at) {
    struct override *override = config->override;
    if (config->export && strcmp(key, "type") == 0) {
        config->export->type = memory_copy(value);
        config->export->place = at;
    } else if (config->macro && strcmp(key, "type") == 0) {
        config->macro->type = memory_copy(value);
        config->macro->place = at;
    } else if (override && strcmp(key, "class") == 0) {
        return set_class(config, value);
    } else if (override && strcmp(key, "rename") == 0) {
        override->rename = memory_copy(value);
    } else if (override && strcmp(key, "owner") == 0) {
        override->owner = memory_copy(value);
    } else if (override && strcmp(key, "skip") == 0) {
        override->is_skipped = strcmp(value, "yes") == 0;
    } else {
        return fail(config, "there is no setting here called", key);
    }
    return 0;
}

static int read_line(struct config *config, char *line) {
    char *text = trim(line), *equals = strchr(text, '=');
    if (!*text || *text == '#')
        return 0;
    if (*text == '[')
        return begin_section(config, text + 1);
    if (!equals)
        return fail(config, "a setting has no value:", text);
    *equals = '\0';
    const char *value = trim(equals + 1);
    struct place at = config->place;
    at.column += (unsigned)(value - line);
    return set(config, trim(text), value, at);
}

static int check_type(const char *what, const char *name, const char *type, struct place section) {
    if (!type)
        report(&section, "error", "%s has no type: '%s'", what, name);
    return !type;
}

int config_read(const char *path, struct request *request) {
    struct config config = {{path, 0, 1}, request, NULL, NULL, NULL};
    char line[1024];
    int failed = 0;
    FILE *file = fopen(path, "r");
    if (!file) {
        fprintf(stderr, "cgen: %s: %s\n", path, strerror(errno));
        return 1;
    }
    while (!failed && fgets(line, sizeof line, file)) {
        config.place.line++;
        failed = read_line(&config, line);
    }
    fclose(file);
    for (size_t i = 0; !failed && i < request->export_count; i++)
        failed = check_type("an export", request->exports[i].name, request->exports[i].type, request->exports[i].place);
    for (size_t i = 0; !failed && i < request->macro_type_count; i++) {
        const struct macro_type *macro = &request->macro_types[i];
        failed = check_type("a macro", macro->name, macro->type, macro->place);
    }
    return failed;
}
