/* Memory for as long as the program runs: pieces in a list, and nobody frees one.
 *
 * SPDX-License-Identifier: MIT */
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

struct piece {
    struct piece *next;
    _Alignas(16) char bytes[];
};

static struct piece *pieces;

void *memory_take(size_t size) {
    struct piece *piece = calloc(1, sizeof *piece + size);
    if (!piece) {
        fputs("cgen: no memory\n", stderr);
        exit(1);
    }
    piece->next = pieces;
    pieces = piece;
    return piece->bytes;
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
    return memory_format("%s", text);
}

char *memory_format(const char *pattern, ...) {
    va_list arguments;
    va_start(arguments, pattern);
    int length = vsnprintf(NULL, 0, pattern, arguments);
    va_end(arguments);
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
    while (pieces) {
        struct piece *next = pieces->next;
        free(pieces);
        pieces = next;
    }
}
