/* Structs, unions and enums, and names for types.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "cgen/clang/reader.h"

/* Its tag. The name of the typedef for one without a tag may stand there, too. */
static const char *tag_of(CXCursor cursor, enum item_kind kind) {
    const char *tag = reader_take(clang_getCursorSpelling(cursor));
    const char *type = reader_take(clang_getTypeSpelling(clang_getCanonicalType(clang_getCursorType(cursor))));
    bool has = *tag && !strpbrk(tag, " (") && strstr(type, memory_format("%s %s", word_of_kind(kind), tag));
    return has ? tag : "";
}

struct filling {
    struct reader *reader;
    struct item *item;
};

/* What nobody can write is bytes, so that the others are where they are. */

static const struct type byte = {
    .kind = TYPE_BASIC, .name = "unsigned char", .basic = BASIC_UNSIGNED, .size = 1, .alignment = 1};

static const struct type *bytes_like(const struct type *type) {
    struct type *bytes = memory_take(sizeof *bytes);
    *bytes =
        (struct type){.kind = TYPE_ARRAY, .target = &byte, .count = type->size, .size = type->size, .alignment = 1};
    return bytes;
}

static void add_field(struct item *item, struct field field) {
    item->fields = memory_grow(item->fields, item->field_count, sizeof *item->fields);
    item->fields[item->field_count++] = field;
}

/* In bits. */
static long long end_of_fields(const struct item *item) {
    const struct field *last = item->field_count ? &item->fields[item->field_count - 1] : NULL;
    return !last ? 0 : last->offset + (last->width >= 0 ? last->width : 8 * last->type->size);
}

/* A union's bits are a struct's in it, since all of its members begin with it. */
static struct item *add_struct(struct item *item, const struct field *bits) {
    struct item *inner = memory_take(sizeof *inner);
    struct type *type = memory_take(sizeof *type);
    *inner = (struct item){.kind = ITEM_STRUCT,
                           .name = "",
                           .place = bits->place,
                           .is_complete = true,
                           .size = (bits->width + 7) / 8,
                           .alignment = 1,
                           .is_embedded = true};
    *type = (struct type){.kind = TYPE_ITEM, .item = inner, .size = inner->size, .alignment = 1};
    add_field(item, (struct field){"", bits->place, type, NULL_UNSAID, 0, -1});
    return inner;
}

/* A bit-field pads, byte by byte: a field of bytes is where the one before ends, and asks for no alignment. */
static void add_padding(struct item *item, const struct field *bits) {
    struct item *to = item->kind == ITEM_UNION && bits->width ? add_struct(item, bits) : item;
    long long end = bits->offset + bits->width;
    for (long long at = end_of_fields(to), width; at < end; at += width) {
        width = 8 - at % 8;
        width = width < end - at ? width : end - at;
        add_field(to, (struct field){"", bits->place, &byte, NULL_UNSAID, at, (int)width});
    }
}

/* The struct or union that it is, or is an array of; or NULL. */
static const struct item *record_in(const struct type *type) {
    type = type_plain(type);
    while (type->kind == TYPE_ARRAY)
        type = type_plain(type->target);
    return item_of_record(type);
}

static void add_reason(struct item *item, const struct field *field, const char *words) {
    const char *which = *field->name ? memory_format("its field '%s'", field->name) : "a member without a name";
    item->reason = memory_format("%s%s%s %s", item->reason ? item->reason : "", item->reason ? "; " : "", which, words);
}

static void add_what_can_be_written(struct item *item, struct field field) {
    const char *problem = type_problem(field.type);
    const struct item *record = record_in(field.type);
    bool is_bits = field.width >= 0;
    if (problem && (*field.name || !is_bits)) /* bits without a name pad in any case */
        add_reason(item, &field, memory_format("%s: %s", is_bits ? "only pads" : "is bytes", problem));
    else if (record && record->reason)
        add_reason(item, &field, "has a field that C does not know");
    if (problem && is_bits) {
        add_padding(item, &field);
        return;
    }
    if (problem)
        field.type = bytes_like(field.type);
    add_field(item, field);
}

static enum CXVisitorResult visit_field(CXCursor cursor, CXClientData data) {
    struct filling *f = data;
    const char *name = reader_take(clang_getCursorSpelling(cursor));
    const struct type *type = reader_type(f->reader, clang_getCursorType(cursor));
    if (type->item && !*type->item->name)
        type->item->is_embedded = true;
    add_what_can_be_written(
        f->item, (struct field){strpbrk(name, " (") ? "" : name, reader_place(f->reader, cursor), type,
                                reader_nullability(clang_getCursorType(cursor)), clang_Cursor_getOffsetOfField(cursor),
                                clang_Cursor_isBitField(cursor) ? clang_getFieldDeclBitWidth(cursor) : -1});
    return CXVisit_Continue;
}

static long long value_of_constant(CXCursor cursor, const struct item *of) {
    return type_plain(of->type)->basic == BASIC_UNSIGNED ? (long long)clang_getEnumConstantDeclUnsignedValue(cursor)
                                                         : clang_getEnumConstantDeclValue(cursor);
}

static enum CXChildVisitResult visit_member(CXCursor cursor, CXCursor parent, CXClientData data) {
    const struct filling *f = data;
    struct item *item = f->item;
    (void)parent;
    if (clang_getCursorKind(cursor) == CXCursor_PackedAttr)
        item->is_packed = true;
    if (clang_getCursorKind(cursor) == CXCursor_EnumConstantDecl) {
        item->constants = memory_grow(item->constants, item->constant_count, sizeof *item->constants);
        item->constants[item->constant_count++] =
            (struct constant){reader_take(clang_getCursorSpelling(cursor)), reader_place(f->reader, cursor),
                              value_of_constant(cursor, item), reader_comment(f->reader, cursor)};
    }
    return CXChildVisit_Continue;
}

static void define_tag(struct reader *r, CXCursor cursor, struct item *item) {
    CXType type = clang_getCursorType(cursor);
    struct filling filling = {r, item};
    item->is_complete = true;
    item->size = clang_Type_getSizeOf(type);
    item->alignment = clang_Type_getAlignOf(type);
    if (!item->comment)
        item->comment = reader_comment(r, cursor);
    if (item->kind == ITEM_ENUM)
        item->type = reader_type(r, clang_getEnumDeclIntegerType(cursor));
    else
        clang_Type_visitFields(type, visit_field, &filling);
    clang_visitChildren(cursor, visit_member, &filling);
    if (*item->name || item->kind == ITEM_ENUM)
        reader_add_entry(r->model, item, true);
}

struct item *reader_tag(struct reader *r, CXCursor cursor, bool is_visited) {
    bool is_new;
    enum CXCursorKind kind = clang_getCursorKind(cursor);
    enum item_kind which = kind == CXCursor_EnumDecl    ? ITEM_ENUM
                           : kind == CXCursor_UnionDecl ? ITEM_UNION
                                                        : ITEM_STRUCT;
    struct item *item = reader_item(r, cursor, which, tag_of(cursor, which), &is_new);
    if (is_new && *item->name)
        reader_add_entry(r->model, item, false);
    /* One that is defined inside of something else is not come by again. */
    CXCursor definition = clang_getCursorDefinition(cursor);
    bool is_at_top = clang_getCursorKind(clang_getCursorLexicalParent(definition)) == CXCursor_TranslationUnit;
    bool is_here = (is_visited && clang_equalCursors(definition, cursor)) || !*item->name || !is_at_top;
    if (!item->is_complete && !clang_Cursor_isNull(definition) && is_here && !clang_isInvalidDeclaration(definition))
        define_tag(r, definition, item);
    return item;
}

static const struct type unknown_type = {.kind = TYPE_UNKNOWN, .name = "it has a type that nobody declares"};

struct item *reader_typedef(struct reader *r, CXCursor cursor) {
    bool is_new;
    struct item *item = reader_item(r, cursor, ITEM_TYPEDEF, reader_take(clang_getCursorSpelling(cursor)), &is_new);
    if (!is_new)
        return item;
    bool is_valid = !clang_isInvalidDeclaration(cursor);
    item->type = is_valid ? reader_type(r, clang_getTypedefDeclUnderlyingType(cursor)) : &unknown_type;
    item->comment = reader_comment(r, cursor);
    item->size = item->type->size;
    item->alignment = clang_Type_getAlignOf(clang_getCursorType(cursor));
    item->reason = type_problem(item->type);
    item_find_names(item);
    if (item->type->item && item->type->item->named_by == item)
        item->reason = item->type->item->reason;
    reader_add_entry(r->model, item, true);
    return item;
}
