/* Memory for as long as the program runs: pieces of chunks, and nobody frees one.
 *
 * SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

/* AddressSanitizer sees what goes past the end of a chunk. */
#ifdef __SANITIZE_ADDRESS__
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

static struct chunk *chunk_for(size_t size) {
    size_t room = size > CHUNK ? size : CHUNK;
    struct chunk *chunk = calloc(1, sizeof *chunk + room);
    if (!chunk) {
        fputs("cgen: no memory\n", stderr);
        exit(1);
    }
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

char *memory_copy(const char *text) {
    size_t size = strlen(text) + 1;
    return memcpy(memory_take(size), text, size);
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

bool list_matches(const struct list *list, const char *name) {
    for (size_t i = 0; i < list->count; i++) {
        if (fnmatch(list->items[i], name, 0) == 0)
            return true;
    }
    return false;
}

/* A table of a power of two, half empty. */
static size_t find_in(const char **names, size_t room, const char *name) {
    size_t hash = 5381;
    for (const char *at = name; *at; at++)
        hash = 33 * hash + (unsigned char)*at;
    while (names[hash & (room - 1)] && strcmp(names[hash & (room - 1)], name) != 0)
        hash++;
    return hash & (room - 1);
}

bool set_add(struct set *set, const char *name) {
    if (2 * set->count >= set->room) {
        size_t room = set->room ? 2 * set->room : 1024;
        const char **larger = memory_take(room * sizeof *larger);
        for (size_t i = 0; i < set->room; i++) {
            if (set->names[i])
                larger[find_in(larger, room, set->names[i])] = set->names[i];
        }
        set->names = larger;
        set->room = room;
    }
    const char **slot = &set->names[find_in(set->names, set->room, name)];
    bool is_new = !*slot;
    set->count += is_new;
    *slot = name;
    return is_new;
}

bool set_has(const struct set *set, const char *name) {
    return set->room && set->names[find_in(set->names, set->room, name)];
}

void memory_free_all(void) {
    while (chunks) {
        struct chunk *next = chunks->next;
        free(chunks);
        chunks = next;
    }
}
