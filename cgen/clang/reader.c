/* What all that reads has need of: the text that is read, places in it, tokens, and the model's items.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "cgen/clang/reader.h"

const char *reader_take(CXString string) {
    const char *text = clang_getCString(string);
    char *copy = memory_copy(text ? text : "");
    clang_disposeString(string);
    return copy;
}

struct place reader_place_at(const struct reader *r, CXSourceLocation location) {
    struct place place;
    CXFile file;
    unsigned offset;
    clang_getExpansionLocation(location, &file, &place.line, &place.column, &offset);
    if (file && file == r->file)
        return text_place(&r->source, offset);
    place.file = file ? reader_take(clang_getFileName(file)) : "";
    return place;
}

struct place reader_place(const struct reader *r, CXCursor cursor) {
    return reader_place_at(r, clang_getCursorLocation(cursor));
}

bool reader_is_in_file(CXCursor cursor) {
    CXFile file;
    clang_getExpansionLocation(clang_getCursorLocation(cursor), &file, NULL, NULL, NULL);
    return file != NULL;
}

struct tokens reader_tokens_in(CXTranslationUnit unit, CXSourceRange range) {
    CXToken *tokens = NULL;
    unsigned count = 0;
    clang_tokenize(unit, range, &tokens, &count);
    struct tokens all = {memory_take((count + 1) * sizeof *all.texts), count};
    for (unsigned i = 0; i < count; i++)
        all.texts[i] = reader_take(clang_getTokenSpelling(unit, tokens[i]));
    clang_disposeTokens(unit, tokens, count);
    return all;
}

struct tokens reader_tokens(CXCursor cursor) {
    return reader_tokens_in(clang_Cursor_getTranslationUnit(cursor), clang_getCursorExtent(cursor));
}

const char *reader_text(struct reader *r, CXCursor cursor, CXFile file) {
    if (file != r->text_file) {
        r->text_file = file;
        r->its_text = clang_getFileContents(clang_Cursor_getTranslationUnit(cursor), file, NULL);
    }
    return r->its_text;
}

static bool is_tag(CXCursor cursor) {
    enum CXCursorKind kind = clang_getCursorKind(cursor);
    return kind == CXCursor_StructDecl || kind == CXCursor_UnionDecl || kind == CXCursor_EnumDecl;
}

/* libclang looks behind variables, fields and constants alone. */
static bool may_be_before_comment(CXCursor cursor) {
    enum CXCursorKind kind = clang_getCursorKind(cursor);
    return kind == CXCursor_TypedefDecl || is_tag(cursor) ||
           (kind == CXCursor_FunctionDecl && !clang_isCursorDefinition(cursor));
}

const char *reader_comment(struct reader *r, CXCursor cursor) {
    const char *words = comment_words(reader_take(clang_Cursor_getRawCommentText(cursor)));
    CXSourceRange range = clang_getCursorExtent(cursor);
    CXFile file, last_file;
    unsigned begin, end;
    if (words || !may_be_before_comment(cursor))
        return words;
    clang_getExpansionLocation(clang_getRangeStart(range), &file, NULL, NULL, &begin);
    clang_getExpansionLocation(clang_getRangeEnd(range), &last_file, NULL, NULL, &end);
    if (!file || file != last_file) /* it goes on in one that is included in it */
        return NULL;
    const char *text = reader_text(r, cursor, file);
    return is_tag(cursor) ? comment_of_tag(text, begin, end, &r->macros) : comment_of_declaration(text, begin, end);
}

/* The text */

/* What a scope of the bridge knows from its start: the headers themselves would bring more. */
static const char known[] =
    "typedef unsigned char uint8_t, uint_least8_t, uint_fast8_t; typedef unsigned short uint16_t, uint_least16_t;"
    "typedef signed char int8_t, int_least8_t, int_fast8_t; typedef short int16_t, int_least16_t;"
    "typedef unsigned uint32_t, uint_least32_t, uid_t, gid_t, id_t, mode_t, useconds_t, wint_t;"
    "typedef int int32_t, int_least32_t, wchar_t, pid_t, key_t, clockid_t; typedef _Bool bool;"
    "typedef unsigned long size_t, uintptr_t, uint64_t, uint_least64_t, uintmax_t, uint_fast16_t, uint_fast32_t,"
    "    uint_fast64_t, dev_t, ino_t, nlink_t;"
    "typedef long ptrdiff_t, intptr_t, int64_t, int_least64_t, intmax_t, int_fast16_t, int_fast32_t, int_fast64_t,"
    "    ssize_t, off_t, time_t, clock_t, suseconds_t, blksize_t, blkcnt_t; typedef __builtin_va_list va_list;\n";

/* cgen.c: the headers, or a text, and the exports behind them. */
static struct text source_of(const struct request *request) {
    struct text source = {.bytes = memory_copy("")};
    for (size_t i = 0; i < request->headers.count; i++)
        text_add_own(&source, memory_format("#include \"%s\"\n", request->headers.items[i]));
    if (request->text) {
        text_add_own(&source, known);
        text_add_text(&source, request->text);
    }
    for (const struct section *export = NULL; (export = config_next(request, SECTION_EXPORT, export)) != NULL;) {
        text_add_own(&source, "__typeof__(");
        text_add(&source, export->type.text, strlen(export->type.text), export->type.place);
        text_add_own(&source, "\n) ");
        text_add(&source, export->name.text, strlen(export->name.text), export->name.place);
        text_add_own(&source, ";\n");
    }
    return source;
}

/* Items, by their declarations */

static size_t hash_declaration(const void *cursor) {
    return clang_hashCursor(*(const CXCursor *)cursor);
}

static bool is_same_declaration(const void *cursor, const void *other) {
    return clang_equalCursors(*(const CXCursor *)cursor, *(const CXCursor *)other);
}

struct reader reader_make(struct request *request, struct model *model) {
    struct reader r = {.request = request, .model = model, .source = source_of(request)};
    r.items = (struct table){.hash = hash_declaration, .is_same = is_same_declaration};
    return r;
}

void reader_add_entry(struct model *model, struct item *item, bool is_definition) {
    model->entries = memory_grow(model->entries, model->entry_count, sizeof *model->entries);
    model->entries[model->entry_count++] = (struct entry){item, is_definition};
}

struct item *reader_add_item(struct model *model, enum item_kind kind, const char *name, struct place place) {
    struct item *item = memory_take(sizeof *item);
    item->kind = kind;
    item->name = name;
    item->place = place;
    model->items = memory_grow(model->items, model->count, sizeof(struct item *));
    model->items[model->count++] = item;
    return item;
}

struct item *reader_item(struct reader *r, CXCursor cursor, enum item_kind kind, const char *name, bool *is_new) {
    cursor = clang_getCanonicalCursor(cursor);
    struct item *item = table_get(&r->items, &cursor);
    *is_new = !item;
    if (!item) {
        CXCursor *key = memory_take(sizeof *key);
        *key = cursor;
        item = reader_add_item(r->model, kind, name, reader_place(r, cursor));
        table_put(&r->items, key, item);
    }
    return item;
}
