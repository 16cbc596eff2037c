/* What is installed on this system: pkg-config knows the flags of packages, and the C compiler where libraries are.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._";

bool installed_may_be(const char *name) {
    return *name && strspn(name, allowed) == strlen(name);
}

/* The words that a command prints; false if it fails. */
static bool ask(const char *command, struct list *words) {
    char *line = memory_take(64UL * 1024);
    FILE *pipe = popen(command, "r");
    size_t length = pipe ? fread(line, 1, 64 * 1024 - 1, pipe) : 0;
    if (!pipe || pclose(pipe) != 0)
        return false;
    line[length] = '\0';
    for (char *word = strtok(line, " \n"); word; word = strtok(NULL, " \n"))
        list_add(words, word);
    return true;
}

int installed_package(const char *name, struct request *request) {
    struct list *list = &request->packages;
    if (!ask(memory_format("pkg-config --cflags %s", name), &request->package_flags)) {
        fprintf(stderr, "cgen: pkg-config does not know %s\n", name);
        return 1;
    }
    list_add(list, name);
    return 0;
}

/* The compiler prints the name alone where it finds nothing. */
static const char *find_library(const char *name, const char *folders) {
    struct list paths = {NULL, 0};
    if (strchr(name, '/'))
        return name;
    const char *file = strstr(name, ".so") ? name : memory_format("lib%s.so", name);
    bool knows = ask(memory_format("cc%s -print-file-name=%s", folders, file), &paths) && paths.count == 1;
    return knows && strchr(paths.items[0], '/') ? paths.items[0] : NULL;
}

static void add_libraries_of(const char *package, struct list *paths) {
    struct list words = {NULL, 0};
    const char *folders = "";
    ask(memory_format("pkg-config --libs %s", package), &words);
    for (size_t i = 0; i < words.count; i++) {
        const char *word = words.items[i], *path;
        if (strncmp(word, "-L", 2) == 0)
            folders = memory_format("%s '%s'", folders, word);
        else if (strncmp(word, "-l", 2) == 0 && installed_may_be(word + 2) && (path = find_library(word + 2, folders)))
            list_add(paths, path);
    }
}

int installed_libraries(const struct request *request, struct list *paths) {
    const char *path;
    if (!request->library) {
        for (size_t i = 0; i < request->packages.count; i++)
            add_libraries_of(request->packages.items[i], paths);
        return 0;
    }
    bool may_be = strchr(request->library, '/') || installed_may_be(request->library);
    if (!may_be || !(path = find_library(request->library, ""))) {
        fprintf(stderr, "cgen: no library is found that is called %s\n", request->library);
        return 1;
    }
    list_add(paths, path);
    return 0;
}
