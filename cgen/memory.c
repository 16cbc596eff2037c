/* Memory for as long as the program runs: pieces of chunks, and nobody frees one.
 *
 * SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

/* AddressSanitizer sees what goes past the end of a chunk. */
#ifndef __has_feature
#define __has_feature(name) 0
#endif
#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
enum { CHUNK = 0 };
#else
enum { CHUNK = 1 << 20 };
#endif

/* used <= size, and what lies behind used is zeroed. */
struct chunk {
    struct chunk *next;
    size_t used, size;
    _Alignas(16) char bytes[];
};

static struct chunk *chunks; /* the first is the one that pieces come from */

static _Noreturn void stop(void) {
    fputs("cgen: no memory\n", stderr);
    exit(1);
}

static struct chunk *chunk_for(size_t size) {
    size_t room = size > CHUNK ? size : CHUNK;
    struct chunk *chunk = calloc(1, sizeof *chunk + room);
    if (!chunk)
        stop();
    *chunk = (struct chunk){.next = chunks, .size = room};
    chunks = chunk;
    return chunk;
}

void *memory_take(size_t size) {
    size_t rounded = CHUNK ? (size + 15) / 16 * 16 : size;
    struct chunk *chunk = chunks && chunks->size - chunks->used >= rounded ? chunks : chunk_for(rounded);
    chunk->used += rounded;
    return chunk->bytes + chunk->used - rounded;
}

/* Its room is the least power of two that is as large as count; so there is none left when count is one. */
void *memory_grow(void *array, size_t count, size_t size) {
    if (count & (count - 1))
        return array;
    void *larger = memory_take((count ? 2 * count : 1) * size);
    if (count)
        memcpy(larger, array, count * size);
    return larger;
}

FILE *memory_stream(char **text, size_t *size) {
    FILE *stream = open_memstream(text, size);
    if (!stream)
        stop();
    return stream;
}

char *memory_copy(const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(memory_take(size), text, size);
}

/* As memory_format does by "%s%s...", in a third of its time. */
char *memory_join(const char *first, ...) {
    size_t size = 1;
    va_list texts;
    va_start(texts, first);
    for (const char *text = first; text; text = va_arg(texts, const char *))
        size += strlen(text);
    va_end(texts);
    char *joined = memory_take(size), *end = joined;
    va_start(texts, first);
    for (const char *text = first; text; text = va_arg(texts, const char *))
        end = stpcpy(end, text);
    va_end(texts);
    return joined;
}

/* Where the next piece will be, if it fits there: it is made twice otherwise. */
char *memory_format(const char *pattern, ...) {
    size_t room = chunks ? chunks->size - chunks->used : 0;
    va_list arguments;
    va_start(arguments, pattern);
    int length = vsnprintf(room ? chunks->bytes + chunks->used : NULL, room, pattern, arguments);
    va_end(arguments);
    if ((size_t)length < room)
        return memory_take((size_t)length + 1);
    if (room)
        chunks->used = chunks->size; /* it has the beginning */
    char *text = memory_take((size_t)length + 1);
    va_start(arguments, pattern);
    vsnprintf(text, (size_t)length + 1, pattern, arguments);
    va_end(arguments);
    return text;
}

void list_add(struct list *list, const char *item) {
    list->items = memory_grow(list->items, list->count, sizeof *list->items);
    list->items[list->count++] = item;
}

void list_add_all(struct list *list, const struct list *items) {
    for (size_t i = 0; i < items->count; i++)
        list_add(list, items->items[i]);
}

bool list_matches(const struct list *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (fnmatch(list->items[i], name, 0) == 0)
            return true;
    }
    return false;
}

bool list_matches_file(const struct list *list, const char *file) {
    const char *bare = strncmp(file, "./", 2) == 0 ? file + 2 : file;
    return list_matches(list, bare) || (*bare != '/' && list_matches(list, memory_join("./", bare, NULL)));
}

void list_add_file(struct list *list, const char *file) {
    char *pattern = memory_take(2 * strlen(file) + 1), *end = pattern;
    for (; *file; *end++ = *file++) {
        if (strchr("*?[\\", *file))
            *end++ = '\\';
    }
    list_add(list, pattern);
}

bool list_is_matched(const struct list *list, const char *pattern) {
    size_t i = 0;
    while (i < list->count && fnmatch(pattern, list->items[i], 0) != 0)
        i++;
    return i < list->count;
}

static size_t hash_name(const void *name) {
    size_t hash = 5381;
    for (const char *at = name; *at; at++)
        hash = 33 * hash + (unsigned char)*at;
    return hash;
}

static bool is_same_name(const void *name, const void *other) {
    return strcmp(name, other) == 0;
}

/* The key's, or the one for it. */
static struct slot *slot_of(const struct table *table, const void *key) {
    bool (*is_same)(const void *, const void *) = table->is_same ? table->is_same : is_same_name;
    size_t at = table->hash ? table->hash(key) : hash_name(key);
    struct slot *slot = &table->slots[at & (table->room - 1)];
    while (slot->key && !is_same(slot->key, key))
        slot = &table->slots[++at & (table->room - 1)];
    return slot;
}

static void make_room(struct table *table) {
    struct table larger = *table;
    larger.room = table->room ? 2 * table->room : 1024;
    larger.slots = memory_take(larger.room * sizeof *larger.slots);
    for (size_t i = 0; i < table->room; i++) {
        if (table->slots[i].key)
            *slot_of(&larger, table->slots[i].key) = table->slots[i];
    }
    *table = larger;
}

void *table_get(const struct table *table, const void *key) {
    return table->room ? slot_of(table, key)->item : NULL;
}

void table_put(struct table *table, const void *key, void *item) {
    if (2 * table->count >= table->room)
        make_room(table);
    struct slot *slot = slot_of(table, key);
    table->count += !slot->key;
    *slot = (struct slot){key, item};
}

bool set_add(struct table *set, const char *name) {
    if (set_has(set, name))
        return false;
    table_put(set, name, set);
    return true;
}

bool set_has(const struct table *set, const char *name) {
    return table_get(set, name) != NULL;
}

void memory_free_all(void) {
    while (chunks) {
        struct chunk *next = chunks->next;
        free(chunks);
        chunks = next;
    }
}
