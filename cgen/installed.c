/* What is installed on this system: pkg-config knows the flags of packages, and the C compiler where libraries are.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

static const char allowed[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+-._";

bool installed_may_be(const char *name) {
    return *name && *name != '-' && strspn(name, allowed) == strlen(name);
}

/* What a command prints; NULL if it fails. */
static char *ask(const char *command) {
    enum { MOST = 64 * 1024 };
    char *text = memory_take(MOST);
    FILE *pipe = popen(command, "r");
    if (pipe)
        text[fread(text, 1, MOST - 1, pipe)] = '\0';
    return pipe && pclose(pipe) == 0 ? text : NULL;
}

/* pkg-config's words, which have a backslash before what is special to a shell. */
static bool ask_package(const char *what, const char *name, struct list *words) {
    const char *text = ask(memory_format("pkg-config %s %s", what, name));
    for (size_t length; text && *(text += strspn(text, " \n")); text += length) {
        char *word = memory_take(strlen(text) + 1), *end = word;
        for (length = 0; text[length] && !strchr(" \n", text[length]); length++) {
            length += text[length] == '\\' && text[length + 1];
            *end++ = text[length];
        }
        list_add(words, word);
    }
    return text != NULL;
}

int installed_package(const char *name, struct request *request) {
    bool is_known =
        ask_package("--cflags", name, &request->package_flags) && ask_package("--libs", name, &request->package_libs);
    if (is_known)
        list_add(&request->packages, name);
    else
        fprintf(stderr, "cgen: pkg-config does not know '%s'\n", name);
    return !is_known;
}

const char *installed_name(const struct request *request) {
    for (size_t i = 0; i < request->package_libs.count && !request->library; i++) {
        if (strncmp(request->package_libs.items[i], "-l", 2) == 0)
            return request->package_libs.items[i] + 2;
    }
    return request->library ? request->library : request->name;
}

/* The compiler prints the name alone where it finds nothing. It looks where its own parts may be, too (-B), but not where
 * libraries are (-L). */
static const char *find_library(const char *name, const char *folders) {
    if (strchr(name, '/'))
        return name;
    const char *file = strstr(name, ".so") ? name : memory_format("lib%s.so", name);
    char *path = ask(memory_format("cc%s -print-file-name=%s", folders, file));
    if (!path || !strchr(path, '/'))
        return NULL;
    path[strcspn(path, "\n")] = '\0';
    return path;
}

static void find_package_libraries(const struct request *request, struct list *paths) {
    const char *folders = "";
    for (size_t i = 0; i < request->package_libs.count; i++) {
        const char *word = request->package_libs.items[i], *path;
        if (strncmp(word, "-L", 2) == 0)
            folders = memory_format("%s -B%s", folders, shell_word(word + 2));
        else if (strncmp(word, "-l", 2) == 0 && installed_may_be(word + 2) && (path = find_library(word + 2, folders)))
            list_add(paths, path);
    }
}

int installed_libraries(const struct request *request, struct list *paths) {
    const char *path, *folders = "";
    if (!request->library) {
        find_package_libraries(request, paths);
        return 0;
    }
    for (size_t i = 0; i < request->folders.count; i++)
        folders = memory_format("%s -B%s", folders, shell_word(request->folders.items[i]));
    bool may_be = strchr(request->library, '/') || installed_may_be(request->library);
    if (!may_be || !(path = find_library(request->library, folders))) {
        fprintf(stderr, "cgen: no library is found that is called '%s'\n", request->library);
        return 1;
    }
    list_add(paths, path);
    return 0;
}
