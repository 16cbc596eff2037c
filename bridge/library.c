/* Shared libraries and their symbols, by the system's loader.
 *
 * Loading runs the library's constructors and unloading its destructors: both are foreign calls, on
 * the system stack.
 *
 * SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

struct gate_library {
    void *handle;
    char name[]; /* for messages */
};

/* One request to the loader. Its words are a thread's own, so they are copied before it returns. */
struct request {
    const char *library; /* to open; or NULL */
    void *handle;        /* of symbol, or to close */
    const char *symbol;  /* to find; or NULL */
    void *found;
    char words[sizeof((gate_error *)0)->message];
};

static void note_failure(struct request *r) {
    const char *words = dlerror();
    snprintf(r->words, sizeof r->words, "%s", words ? words : "");
}

static void open_library(void *data) {
    struct request *r = data;
    r->handle = dlopen(r->library, RTLD_NOW | RTLD_LOCAL);
    if (!r->handle)
        note_failure(r);
}

/* A symbol may be NULL and yet be found: only dlerror tells. */
static void find_symbol(void *data) {
    struct request *r = data;
    dlerror();
    r->found = dlsym(r->handle, r->symbol);
    if (!r->found)
        note_failure(r);
}

static void close_library(void *data) {
    struct request *r = data;
    dlclose(r->handle);
}

/* "z" is short for "libz.so"; a name with a slash or with ".so" in it is the loader's own. */
static gate_library *make(const char *name) {
    bool whole = !name || strchr(name, '/') || strstr(name, ".so");
    const char *shown = name ? name : "the process";
    size_t room = strlen(shown) + sizeof "lib.so";
    gate_library *library = malloc(sizeof *library + room);
    if (library)
        snprintf(library->name, room, whole ? "%s" : "lib%s.so", shown);
    return library;
}

int gate_library_open(const char *name, gate_library **result, gate_error *error) {
    gate_library *library = make(name);
    if (!library)
        return gate__fail(error, -ENOMEM, "no memory to open a library");
    struct request r = {.library = name ? library->name : NULL};
    gate__foreign_call(open_library, &r);
    if (!r.handle) {
        gate__fail(error, -ENOENT, "library '%.80s' can't be opened: %s", library->name, r.words);
        free(library);
        return -ENOENT;
    }
    library->handle = r.handle;
    *result = library;
    return 0;
}

int gate_library_symbol(gate_library *library, const char *name, void **address, gate_error *error) {
    struct request r = {.handle = library->handle, .symbol = name};
    gate__foreign_call(find_symbol, &r);
    if (!r.found && r.words[0])
        return gate__fail(error, -ENOENT, "symbol '%.80s' is not in library '%.80s': %s", name, library->name, r.words);
    *address = r.found;
    return 0;
}

void gate_library_close(gate_library *library) {
    if (!library)
        return;
    struct request r = {.handle = library->handle};
    gate__foreign_call(close_library, &r);
    free(library);
}
