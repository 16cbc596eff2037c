/* Where in the program an address of code is: its file, and the function that it is in, if others may see that one.
 *
 * dladdr tells it, and takes the loader's lock, which is held while a library's constructors run: a fault's report would
 * wait for them. _dl_find_object takes none. It finds the object that an address is in, whose own tables have the rest.
 * Nothing keeps the object there meanwhile, and C may have overwritten what describes it: it is read as memory that may be
 * gone. Where the system refuses to read, what goes at that moment faults.
 *
 * SPDX-License-Identifier: MIT */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <link.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "runtime/os/os.h"

#ifndef DLFO_EH_SEGMENT_TYPE /* since glibc 2.35 */
struct dl_find_object {
    unsigned long long dlfo_flags;
    void *dlfo_map_start, *dlfo_map_end;
    struct link_map *dlfo_link_map;
    unsigned long long rest[8];
};
int _dl_find_object(void *address, struct dl_find_object *found);
#endif
// NOLINTNEXTLINE(readability-redundant-declaration): a pragma would not heed the name that a test gives it
extern __typeof__(_dl_find_object) _dl_find_object __attribute__((weak));

/* Longer names are cut. */
enum { NAME = 1024, WINDOW = 1024 };

struct place {
    char file[NAME], function[NAME]; /* function "" if it isn't known */
    uintptr_t start, bias;           /* of the object: where it begins, and what is added to its addresses */
    uintptr_t function_at;
};

/* False if nothing is there. */
static bool read_text(const char *text, char to[NAME]) {
    memset(to, 0, NAME); /* a sanitizer doesn't see what the system stores */
    return gate__os_read_or_load((uintptr_t)text, to, NAME - 1) > 0;
}

/* An object's tables, which are read piece by piece; behind what can't be read, they end. */
struct tables {
    struct place *place;                      /* has the object's start and bias, and gets what is found */
    uintptr_t end;                            /* of the object */
    uintptr_t symbols, names, gnu_hash, hash; /* 0: it has none */
    uintptr_t at;                             /* what the window has */
    size_t size;
    char window[WINDOW];
};

static bool look(struct tables *t, uintptr_t address, void *to, size_t size) {
    if (address < t->place->start || address >= t->end)
        return false;
    if (address < t->at || address + size > t->at + t->size) {
        t->at = address;
        t->size = gate__os_read_or_load(address, t->window, WINDOW);
    }
    if (size > t->size) {
        t->end = t->place->start;
        return false;
    }
    memcpy(to, t->window + (address - t->at), size);
    return true;
}

static uint32_t word_at(struct tables *t, uintptr_t address) {
    uint32_t word = 0;
    look(t, address, &word, sizeof word);
    return word;
}

/* Until now, the end is as the loader has it: where segments have gaps between them, that may be one segment's. */
static void find_end(struct tables *t) {
    ElfW(Ehdr) header = {0};
    ElfW(Phdr) segment;
    if (!look(t, t->place->start, &header, sizeof header) || memcmp(header.e_ident, ELFMAG, SELFMAG) != 0)
        return;
    uintptr_t at = t->place->start + header.e_phoff, end = t->end;
    for (unsigned i = 0; i < header.e_phnum && look(t, at, &segment, sizeof segment); i++, at += sizeof segment) {
        uintptr_t end_of_segment = t->place->bias + segment.p_vaddr + segment.p_memsz;
        if (segment.p_type == PT_LOAD && end_of_segment > end)
            end = end_of_segment;
    }
    t->end = end;
}

/* The loader has put most addresses in their place, but for those of an object that it may not write to. */
static uintptr_t in_place(const struct tables *t, uintptr_t address) {
    uintptr_t start = t->place->start;
    return address - start < t->end - start ? address : address + t->place->bias;
}

static void find_tables(struct tables *t, uintptr_t dynamic) {
    ElfW(Dyn) entry;
    for (; look(t, dynamic, &entry, sizeof entry) && entry.d_tag != DT_NULL; dynamic += sizeof entry) {
        uintptr_t address = in_place(t, entry.d_un.d_ptr);
        if (entry.d_tag == DT_SYMTAB)
            t->symbols = address;
        else if (entry.d_tag == DT_STRTAB)
            t->names = address;
        else if (entry.d_tag == DT_GNU_HASH)
            t->gnu_hash = address;
        else if (entry.d_tag == DT_HASH)
            t->hash = address;
    }
}

/* Symbols are sorted by bucket, so the last one ends the chain of the bucket that begins last. The table is four words, the
 * filter, the buckets, and a word for each symbol from `first` on, which is odd at the end of a chain. If it is damaged, it
 * may begin far before the object: each loop ends where nothing is read. */
static size_t count_by_gnu_hash(struct tables *t) {
    uint32_t buckets = word_at(t, t->gnu_hash), first = word_at(t, t->gnu_hash + 4);
    uint32_t begin, last = 0, hash;
    uintptr_t bucket = t->gnu_hash + 16 + word_at(t, t->gnu_hash + 8) * sizeof(ElfW(Addr));
    uintptr_t chains = bucket + buckets * sizeof(uint32_t), link;
    for (; bucket < chains && look(t, bucket, &begin, sizeof begin); bucket += sizeof begin)
        last = begin > last ? begin : last;
    if (last < first)
        return 0;
    for (link = chains + (last - first) * sizeof(uint32_t); look(t, link, &hash, sizeof hash) && !(hash & 1); last++)
        link += sizeof hash;
    return (size_t)last + 1;
}

static size_t count_symbols(struct tables *t) {
    return t->gnu_hash ? count_by_gnu_hash(t) : t->hash ? word_at(t, t->hash + 4) : 0;
}

/* One without a size is at its address, and nowhere else. What is absolute is no code, but a version's name. */
static bool covers(ElfW(Sym) symbol, uintptr_t address) {
    unsigned type = ELF64_ST_TYPE(symbol.st_info), bind = ELF64_ST_BIND(symbol.st_info);
    if (symbol.st_shndx == SHN_UNDEF || symbol.st_shndx == SHN_ABS || type == STT_TLS || bind == STB_LOCAL)
        return false;
    return address - symbol.st_value < (symbol.st_size ? symbol.st_size : 1);
}

/* Of several, the one that begins last. */
static void find_function(struct tables *t, uintptr_t address) {
    ElfW(Sym) symbol, found = {0};
    size_t count = t->symbols && t->names ? count_symbols(t) : 0;
    for (size_t i = 0; i < count && look(t, t->symbols + i * sizeof symbol, &symbol, sizeof symbol); i++) {
        if (covers(symbol, address) && (!found.st_name || symbol.st_value > found.st_value))
            found = symbol;
    }
    if (found.st_name)
        read_text((const char *)t->names + found.st_name, t->place->function);
    t->place->function_at = t->place->bias + found.st_value;
}

/* The loader has no name for the program itself, and takes what it was called by. */
static bool find_without_lock(const void *code, struct place *place) {
    struct dl_find_object found = {0};
    struct link_map map = {0};
    size_t known = offsetof(struct link_map, l_next);
    if (_dl_find_object((void *)(uintptr_t)code, &found) != 0 ||
        gate__os_read_or_load((uintptr_t)found.dlfo_link_map, &map, known) < known)
        return false;
    struct tables tables = {.place = place, .end = (uintptr_t)found.dlfo_map_end};
    place->start = (uintptr_t)found.dlfo_map_start;
    place->bias = map.l_addr;
    if (read_text(map.l_name, place->file) && !*place->file)
        read_text(program_invocation_name, place->file);
    find_end(&tables);
    find_tables(&tables, (uintptr_t)map.l_ld);
    find_function(&tables, (uintptr_t)code - place->bias);
    return true;
}

static bool find_with_lock(const void *code, struct place *place) {
    Dl_info info = {0};
    struct link_map *map = NULL;
    if (!dladdr1(code, &info, (void **)&map, RTLD_DL_LINKMAP) || !info.dli_fname)
        return false;
    place->start = (uintptr_t)info.dli_fbase;
    place->bias = map->l_addr;
    read_text(info.dli_fname, place->file);
    if (info.dli_sname)
        read_text(info.dli_sname, place->function);
    place->function_at = (uintptr_t)info.dli_saddr;
    return true;
}

static bool find_place(const void *code, struct place *place) {
    *place->file = *place->function = '\0';
    return _dl_find_object ? find_without_lock(code, place) : find_with_lock(code, place);
}

/* "file(function+0x10)", or "file(+0x10)", from `base` on, for a function that isn't known. */
static size_t write_place(const struct place *place, const void *code, uintptr_t base, char *buffer, size_t size) {
    uintptr_t from = *place->function ? place->function_at : base;
    return (size_t)snprintf(buffer, size, "%s(%s+0x%zx)", place->file, place->function, (uintptr_t)code - from);
}

size_t gate__os_describe_code(const void *code, char *buffer, size_t size) {
    struct place place;
    size_t length = code && find_place(code, &place) ? write_place(&place, code, place.start, buffer, size)
                                                     : (size_t)snprintf(buffer, size, "%p", code);
    return length < size ? length : size - 1;
}

/* As backtrace_symbols_fd has them: what is where it was linked for needs no distance from there. */
static void print_frame(const void *code) {
    char line[2 * NAME + 64];
    struct place place;
    size_t length = 0;
    if (find_place(code, &place) && (*place.function || place.bias))
        length = write_place(&place, code, place.bias, line, sizeof line);
    else if (*place.file)
        length = (size_t)snprintf(line, sizeof line, "%s", place.file);
    length += (size_t)snprintf(line + length, sizeof line - length, "[0x%zx]\n", (uintptr_t)code);
    gate__os_write(STDERR_FILENO, line, length);
}

void gate__os_print_frames(void *const *frames, size_t count) {
    for (size_t i = 0; i < count; i++)
        print_frame(frames[i]);
}
