/* Declarations that somebody wrote by hand, against the real headers and the library's debug information: all are read into
 * models, which compare.c compares.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

static char *read_file(const char *path) {
    char *text = NULL, *copy = NULL;
    size_t size = 0;
    FILE *file = fopen(path, "r");
    ssize_t length = file ? getdelim(&text, &size, '\0', file) : -1;
    if (!file || ferror(file))
        fprintf(stderr, "cgen: %s: %s\n", path, strerror(errno));
    else if (length < 0)
        fprintf(stderr, "cgen: %s: it is empty\n", path);
    else if (strlen(text) < (size_t)length)
        fprintf(stderr, "cgen: %s: a NUL is in it, which no text has\n", path);
    else
        copy = memory_copy(text);
    if (file)
        fclose(file);
    free(text);
    return copy;
}

static bool is_script(const char *path, const char *text) {
    size_t length = strlen(path);
    return (length > 4 && strcmp(path + length - 4, ".lua") == 0) || strncmp(text, "#!", 2) == 0;
}

/* What a file declares; *is_whole if all of it could be read. Headers that it includes are looked for where it is, too. */
static int read_text(const char *path, struct text *text, struct request *request, bool *is_whole) {
    char *file = read_file(path);
    const char *slash = strrchr(path, '/');
    if (!file)
        return 1;
    if (is_script(path, file))
        *is_whole &= script_read(path, file, text) == 0;
    else
        text_add(text, file, strlen(file), (struct place){path, 1, 1});
    text_add_own(text, "\n");
    list_add(&request->flags, memory_format("-I%.*s", slash ? (int)(slash - path + 1) : 1, slash ? path : "."));
    return 0;
}

/* A library's debug information. */
struct library {
    const char *path;
    struct model model;
};

/* What there is to compare with. */
struct sources {
    const struct model *headers;
    struct library *libraries; /* that have debug information */
    size_t library_count;
};

static struct comparison with_headers(const struct sources *s) {
    return (struct comparison){
        .real = s->headers, .where = "the headers", .note = "it is declared here", .is_all = true};
}

static struct comparison with_library(const struct library *library) {
    const char *note = memory_format("%s was compiled with this", library->path);
    return (struct comparison){.real = &library->model, .where = library->path, .note = note};
}

static int read_libraries(const struct request *request, struct sources *s) {
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
        s->libraries = memory_grow(s->libraries, s->library_count, sizeof *s->libraries);
        s->libraries[s->library_count++] = library;
    }
    return failed;
}

static size_t check(struct comparison *c, const struct model *written, const struct list *from, const char *of) {
    compare_items(c, written, from);
    printf("%s: %zu declaration%s found in %s, %zu mistake%s\n", of, c->found, string_plural(c->found), c->where,
           c->mistakes, string_plural(c->mistakes));
    return c->mistakes;
}

static size_t check_with_libraries(const struct sources *s, const struct model *written, const struct list *from,
                                   const char *of) {
    size_t mistakes = 0;
    for (size_t i = 0; i < s->library_count; i++) {
        struct comparison c = with_library(&s->libraries[i]);
        mistakes += check(&c, written, from, of);
    }
    return mistakes;
}

/* Files are one program: what one declares those behind it may use. *is_whole says whether all that they declare could be
 * read; returns 1 if there is one that could not at all. */
static int read_files(const struct list *files, struct request *request, struct model *written, bool *is_whole) {
    struct text text = {.bytes = NULL};
    for (size_t i = 0; i < files->count; i++) {
        if (read_text(files->items[i], &text, request, is_whole))
            return 1;
        list_add_file(&request->from, files->items[i]);
    }
    request->text = &text;
    *is_whole &= model_read(request, written) == 0;
    request->text = NULL;
    model_choose(written, request);
    return 0;
}

static int check_files(const struct sources *s, const struct request *of, const struct list *files) {
    struct request request = {.match = of->match, .exclude = of->exclude};
    struct model written = {.count = 0};
    bool is_whole = true;
    size_t found = 0, mistakes = 0;
    if (read_files(files, &request, &written, &is_whole))
        return 1;
    if (is_whole && model_check_exclusions(s->headers, &written, of))
        return 1;
    for (size_t i = 0; i < files->count; i++) {
        const struct list from = {&request.from.items[i], 1};
        struct comparison c = with_headers(s);
        mistakes += check(&c, &written, &from, files->items[i]);
        mistakes += check_with_libraries(s, &written, &from, files->items[i]);
        found += c.found;
    }
    if (!found && !mistakes && is_whole)
        fprintf(stderr, "cgen: error: nothing is declared that the headers have\n");
    return !found || mistakes || !is_whole;
}

int check_all(const struct model *headers, const struct request *request, const struct list *files) {
    struct sources s = {.headers = headers};
    if (read_libraries(request, &s))
        return 1;
    return files->count ? check_files(&s, request, files)
                        : check_with_libraries(&s, headers, &request->from, request->headers.items[0]) != 0;
}
