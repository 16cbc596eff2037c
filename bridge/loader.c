/* The system's loader, asked on the system stack: loading runs a library's constructors and unloading its destructors,
 * and both are foreign calls.
 *
 * Its words for what went wrong are a thread's own, so they are copied before a request returns.
 *
 * SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <errno.h>
#include <link.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "bridge/internal.h"
#include "runtime/internal.h"

enum { SCRIPT_LINE = 512, SCRIPTS = 8 };

static void note_failure(struct gate__words *words) {
    const char *text = dlerror();
    snprintf(words->text, sizeof words->text, "%s", text ? text : "");
}

/* Where the object with a given dynamic section lies. */
struct search {
    const struct link_map *map;
    struct gate__loaded *loaded;
};

/* From the first byte of its segments to the last: the loader maps them as one. */
static int measure(struct dl_phdr_info *info, size_t size, void *data) {
    struct search *search = data;
    uintptr_t low = UINTPTR_MAX, high = 0;
    bool is_it = false;
    (void)size;
    for (size_t i = 0; i < info->dlpi_phnum; i++) {
        const ElfW(Phdr) *segment = &info->dlpi_phdr[i];
        uintptr_t begin = info->dlpi_addr + segment->p_vaddr, end = begin + segment->p_memsz;
        is_it |= segment->p_type == PT_DYNAMIC && begin == (uintptr_t)search->map->l_ld;
        if (segment->p_type != PT_LOAD)
            continue;
        low = begin < low ? begin : low;
        high = end > high ? end : high;
    }
    if (is_it)
        *search->loaded = (struct gate__loaded){search->loaded->handle, low, high - low};
    return is_it;
}

struct opening {
    const char *name;
    struct gate__loaded *loaded;
    struct gate__words *words;
};

static void *open_file(const char *name, struct gate__words *words) {
    void *handle = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (!handle)
        note_failure(words);
    return handle;
}

/* Where a path ends that the loader's words begin with, if what it found there is no library, nor has to be; or NULL. */
static const char *find_end_of_path(const char *words) {
    const char *end = strstr(words, ": invalid ELF header");
    return end ? end : strstr(words, ": file too short");
}

/* Finds the first library in a line "GROUP ( /lib/libm.so.6 ... )"; "-lm" is short for "libm.so". False for another line. */
static bool find_first(const char *line, char name[SCRIPT_LINE]) {
    bool names = strncmp(line, "GROUP", 5) == 0 || strncmp(line, "INPUT", 5) == 0;
    const char *first = names ? strchr(line, '(') : NULL;
    if (!first)
        return false;
    first += 1 + strspn(first + 1, " ");
    bool is_short = strncmp(first, "-l", 2) == 0;
    first += is_short ? 2 : 0;
    snprintf(name, SCRIPT_LINE, is_short ? "lib%.*s.so" : "%.*s", (int)strcspn(first, " )\n"), first);
    return true;
}

/* What has a library's name may be a script of the linker's, which names the library. Whether it is. A pipe is none: what
 * was in that is gone. */
static bool read_script(const struct gate__words *words, char name[SCRIPT_LINE]) {
    char line[SCRIPT_LINE];
    struct stat file;
    const char *end = find_end_of_path(words->text);
    if (!end)
        return false;
    snprintf(line, sizeof line, "%.*s", (int)(end - words->text), words->text);
    FILE *script = stat(line, &file) == 0 && S_ISREG(file.st_mode) ? fopen(line, "r") : NULL;
    bool found = false;
    while (script && !found && fgets(line, sizeof line, script))
        found = find_first(line, name);
    if (script)
        fclose(script);
    return found;
}

/* Opens what the script names that the words tell of, which may be another script. They stay as they are without one. */
static void *open_by_scripts(struct gate__words *words) {
    char name[SCRIPT_LINE];
    void *handle = NULL;
    for (int i = 0; !handle && i < SCRIPTS && read_script(words, name); i++)
        handle = open_file(name, words);
    return handle;
}

/* The process itself is in no one place, and is never unloaded. */
static void open_library(void *data) {
    struct opening *o = data;
    struct search search = {NULL, o->loaded};
    o->loaded->handle = open_file(o->name, o->words);
    if (!o->loaded->handle)
        o->loaded->handle = open_by_scripts(o->words);
    if (o->loaded->handle && o->name && dlinfo(o->loaded->handle, RTLD_DI_LINKMAP, (void *)&search.map) == 0)
        dl_iterate_phdr(measure, &search);
}

int gate__loader_open(const char *name, struct gate__loaded *loaded, struct gate__words *words) {
    struct opening opening = {name, loaded, words};
    *loaded = (struct gate__loaded){NULL, 0, 0};
    gate__foreign_call(open_library, &opening);
    return loaded->handle ? 0 : -ENOENT;
}

struct finding {
    void *handle;
    const char *symbol, *version;
    void *found;
    bool failed;
    struct gate__words *words;
};

/* A symbol may be NULL and yet be found: only dlerror tells. */
static void find_symbol(void *data) {
    struct finding *f = data;
    dlerror();
    f->found = f->version ? dlvsym(f->handle, f->symbol, f->version) : dlsym(f->handle, f->symbol);
    if (f->found)
        return;
    note_failure(f->words);
    f->failed = f->words->text[0] != '\0';
}

int gate__loader_find(void *handle, const char *symbol, const char *version, void **address,
                      struct gate__words *words) {
    struct finding finding = {handle, symbol, version, NULL, false, words};
    gate__foreign_call(find_symbol, &finding);
    if (finding.failed)
        return -ENOENT;
    *address = finding.found;
    return 0;
}

struct description {
    const void *address;
    struct gate__object *object;
};

/* What has an address outside all that is loaded is a thread-local of the calling thread's. What is loaded and not where a
 * symbol says is a function that the loader has chosen, as it chooses among those of one name for a processor. */
static void describe(void *data) {
    struct description *d = data;
    Dl_info info = {.dli_saddr = NULL};
    ElfW(Sym) *symbol = NULL;
    *d->object = (struct gate__object){.is_local = true};
    if (!dladdr1(d->address, &info, (void **)&symbol, RTLD_DL_SYMENT))
        return;
    d->object->is_local = false;
    bool is_chosen = !symbol || info.dli_saddr != d->address;
    d->object->size = is_chosen ? 0 : symbol->st_size;
    d->object->is_function = is_chosen || ELF64_ST_TYPE(symbol->st_info) == STT_FUNC;
}

struct gate__object gate__loader_describe(const void *address) {
    struct gate__object object;
    struct description description = {address, &object};
    gate__foreign_call(describe, &description);
    return object;
}

static void close_library(void *handle) {
    dlclose(handle);
}

void gate__loader_close(void *handle) {
    gate__foreign_call(close_library, handle);
}
