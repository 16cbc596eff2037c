/* Texts for the compiler that are put together of others, and reports of what is wrong at places in these.
 *
 * SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <string.h>

#include "cgen/model.h"

static void add_piece(struct text *text, struct place place) {
    text->pieces = memory_grow(text->pieces, text->piece_count, sizeof *text->pieces);
    text->pieces[text->piece_count++] = (struct piece){text->length, place};
}

void text_add(struct text *text, const char *bytes, size_t length, struct place place) {
    add_piece(text, place);
    for (size_t i = 0; i < length; i++) {
        text->bytes = memory_grow(text->bytes, text->length, 1);
        text->bytes[text->length++] = bytes[i];
        text_pass(&place, bytes[i]);
        if (bytes[i] == '\n')
            add_piece(text, place);
    }
    text->bytes = memory_grow(text->bytes, text->length, 1);
    text->bytes[text->length] = '\0';
}

void text_add_own(struct text *text, const char *bytes) {
    text_add(text, bytes, strlen(bytes), (struct place){"", 0, 0});
}

struct place text_place(const struct text *text, size_t offset) {
    size_t low = 0, high = text->piece_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (text->pieces[middle].begin <= offset)
            low = middle;
        else
            high = middle;
    }
    struct place place = text->pieces[low].place;
    place.column += (unsigned)(offset - text->pieces[low].begin);
    return place;
}

void text_add_text(struct text *text, const struct text *other) {
    for (size_t i = 0; i < other->piece_count; i++) {
        size_t begin = other->pieces[i].begin;
        size_t end = i + 1 < other->piece_count ? other->pieces[i + 1].begin : other->length;
        text_add(text, other->bytes + begin, end - begin, other->pieces[i].place);
    }
}

void text_pass(struct place *place, char byte) {
    place->line += byte == '\n';
    place->column = byte == '\n' ? 1 : place->column + 1;
}

/* The preprocessor finds a file that is named without a folder in this one. */
static const char *without_dot(const char *file) {
    return strncmp(file, "./", 2) == 0 ? file + 2 : file;
}

void report(const struct place *place, const char *kind, const char *pattern, ...) {
    va_list arguments;
    if (*place->file)
        fprintf(stderr, "%s:%u:%u: %s: ", without_dot(place->file), place->line, place->column, kind);
    else
        fprintf(stderr, "cgen: %s: ", kind);
    va_start(arguments, pattern);
    vfprintf(stderr, pattern, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}
