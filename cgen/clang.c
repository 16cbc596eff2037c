/* Reads headers with libclang, which nothing else includes.
 *
 * Declarations are visited in their order. Each becomes an item when it is met first, by its own or in a type; a struct's
 * fields are read where it is defined. Types keep the names that the header gives them.
 *
 * Macros have no types. What they are is macro.c's to find out, which has lines compiled behind the headers: model_try says
 * which of them the compiler takes, and of what type the variable in them is.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <clang-c/Index.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

/* A macro, asked for or not. */
struct macro {
    struct item *item;          /* NULL: nobody asks for it */
    const char *reason;         /* one that macros of it share: is_another_elsewhere, may_be_several; else NULL */
    struct list values, pieces; /* in it that give it the one reason if it is theirs, and that give it the other */
    struct macro *before;       /* which was read before it */
};

struct reader {
    struct request *request;
    struct model *model;
    struct text source;   /* cgen.c, which includes the headers */
    CXFile file;          /* it */
    struct table items;   /* by their declarations */
    struct table macros;  /* by name, the last of each */
    struct macro *macro;  /* of all, the last */
    CXFile macros_file;   /* the last that had one, */
    const char *its_text; /* which libclang would look for among all files */
};

static const char *take(CXString string) {
    const char *text = clang_getCString(string);
    char *copy = memory_copy(text ? text : "");
    clang_disposeString(string);
    return copy;
}

static struct place place_at(const struct reader *r, CXSourceLocation location) {
    struct place place;
    CXFile file;
    unsigned offset;
    clang_getExpansionLocation(location, &file, &place.line, &place.column, &offset);
    if (file && file == r->file)
        return text_place(&r->source, offset);
    place.file = file ? take(clang_getFileName(file)) : "";
    return place;
}

static struct place place_of(const struct reader *r, CXCursor cursor) {
    return place_at(r, clang_getCursorLocation(cursor));
}

static bool is_in_file(CXCursor cursor) {
    CXFile file;
    clang_getExpansionLocation(clang_getCursorLocation(cursor), &file, NULL, NULL, NULL);
    return file != NULL;
}

/* The tokens of a macro (its name, its parameters, its body), or of an attribute. */
struct tokens {
    const char **texts;
    size_t count;
};

static struct tokens tokens_in(CXTranslationUnit unit, CXSourceRange range) {
    CXToken *tokens = NULL;
    unsigned count = 0;
    clang_tokenize(unit, range, &tokens, &count);
    struct tokens all = {memory_take((count + 1) * sizeof *all.texts), count};
    for (unsigned i = 0; i < count; i++)
        all.texts[i] = take(clang_getTokenSpelling(unit, tokens[i]));
    clang_disposeTokens(unit, tokens, count);
    return all;
}

static struct tokens tokens_of(CXCursor cursor) {
    return tokens_in(clang_Cursor_getTranslationUnit(cursor), clang_getCursorExtent(cursor));
}

/* Texts */

/* What a scope of the bridge knows from its start: the headers themselves would bring more. */
static const char known[] =
    "typedef unsigned char uint8_t, uint_least8_t, uint_fast8_t; typedef unsigned short uint16_t, uint_least16_t;"
    "typedef signed char int8_t, int_least8_t, int_fast8_t; typedef short int16_t, int_least16_t;"
    "typedef unsigned uint32_t, uint_least32_t, uid_t, gid_t, id_t, mode_t;"
    "typedef int int32_t, int_least32_t, wchar_t, pid_t, key_t; typedef _Bool bool;"
    "typedef unsigned long size_t, uintptr_t, uint64_t, uint_least64_t, uintmax_t, uint_fast16_t, uint_fast32_t,"
    "    uint_fast64_t, dev_t, ino_t, nlink_t;"
    "typedef long ptrdiff_t, intptr_t, int64_t, int_least64_t, intmax_t, int_fast16_t, int_fast32_t, int_fast64_t,"
    "    ssize_t, off_t, time_t, blksize_t, blkcnt_t; typedef __builtin_va_list va_list;\n";

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

/* Items by their declarations */

static size_t hash_declaration(const void *cursor) {
    return clang_hashCursor(*(const CXCursor *)cursor);
}

static bool is_same_declaration(const void *cursor, const void *other) {
    return clang_equalCursors(*(const CXCursor *)cursor, *(const CXCursor *)other);
}

static struct reader make_reader(struct request *request, struct model *model) {
    struct reader r = {.request = request, .model = model, .source = source_of(request)};
    r.items = (struct table){.hash = hash_declaration, .is_same = is_same_declaration};
    return r;
}

static void add_entry(struct model *model, struct item *item, bool is_definition) {
    model->entries = memory_grow(model->entries, model->entry_count, sizeof *model->entries);
    model->entries[model->entry_count++] = (struct entry){item, is_definition};
}

static struct item *add_item(struct model *model, enum item_kind kind, const char *name, struct place place) {
    struct item *item = memory_take(sizeof *item);
    item->kind = kind;
    item->name = name;
    item->place = place;
    model->items = memory_grow(model->items, model->count, sizeof(struct item *));
    model->items[model->count++] = item;
    return item;
}

/* The item of a declaration; a new one has *is_new set, and no more than its name. */
static struct item *item_of(struct reader *r, CXCursor cursor, enum item_kind kind, const char *name, bool *is_new) {
    cursor = clang_getCanonicalCursor(cursor);
    struct item *item = table_get(&r->items, &cursor);
    *is_new = !item;
    if (!item) {
        CXCursor *key = memory_take(sizeof *key);
        *key = cursor;
        item = add_item(r->model, kind, name, place_of(r, cursor));
        table_put(&r->items, key, item);
    }
    return item;
}

/* Types */

static const struct type *read_type(struct reader *r, CXType type);
static struct item *read_tag(struct reader *r, CXCursor cursor, bool is_visited);
static struct item *read_typedef(struct reader *r, CXCursor cursor);

static unsigned qualifiers_of(CXType type) {
    return (clang_isConstQualifiedType(type) ? QUALIFIER_CONST : 0) |
           (clang_isVolatileQualifiedType(type) ? QUALIFIER_VOLATILE : 0) |
           (clang_isRestrictQualifiedType(type) ? QUALIFIER_RESTRICT : 0);
}

static enum nullability nullability_of(CXType type) {
    enum CXTypeNullabilityKind kind = clang_Type_getNullability(type);
    return kind == CXTypeNullability_NonNull    ? NULL_NEVER
           : kind == CXTypeNullability_Nullable ? NULL_ALLOWED
                                                : NULL_UNSAID;
}

/* A function that says how it is called, and not as others are: nothing of ours could. */
static bool is_called_otherwise(CXType type) {
    enum CXCallingConv how = clang_getFunctionTypeCallingConv(type);
    return how != CXCallingConv_Invalid && how != CXCallingConv_Default && how != CXCallingConv_C;
}

static void read_function_type(struct reader *r, CXType type, struct type *result) {
    int count = clang_getNumArgTypes(type);
    if (is_called_otherwise(type)) {
        result->kind = TYPE_UNKNOWN;
        result->name = "it is called in another way than other functions";
        return;
    }
    result->kind = TYPE_FUNCTION;
    result->target = read_type(r, clang_getResultType(type));
    result->is_unprototyped = type.kind == CXType_FunctionNoProto;
    result->is_variadic = !result->is_unprototyped && clang_isFunctionTypeVariadic(type);
    result->parameter_count = count > 0 ? (size_t)count : 0;
    result->parameters = memory_take((result->parameter_count + 1) * sizeof *result->parameters);
    for (size_t i = 0; i < result->parameter_count; i++) {
        CXType parameter = clang_getArgType(type, (unsigned)i);
        result->parameters[i] = (struct parameter){"", read_type(r, parameter), nullability_of(parameter), false};
    }
}

static enum basic basic_of(enum CXTypeKind kind) {
    switch (kind) {
    case CXType_Void:
        return BASIC_VOID;
    case CXType_Bool:
        return BASIC_BOOL;
    case CXType_Complex:
        return BASIC_COMPLEX;
    case CXType_Float:
    case CXType_Double:
    case CXType_LongDouble:
    case CXType_Float128:
    case CXType_Half:
    case CXType_Float16:
        return BASIC_FLOATING;
    case CXType_Char_S:
    case CXType_SChar:
    case CXType_Short:
    case CXType_Int:
    case CXType_Long:
    case CXType_LongLong:
    case CXType_Int128:
        return BASIC_SIGNED;
    default:
        return BASIC_UNSIGNED;
    }
}

static void read_basic(CXType type, struct type *result) {
    CXType bare = clang_getCanonicalType(type);
    bool is_known = (bare.kind >= CXType_Void && bare.kind <= CXType_LongDouble) || bare.kind == CXType_Complex ||
                    bare.kind == CXType_Float128 || bare.kind == CXType_Float16 || bare.kind == CXType_Half;
    const char *name = take(clang_getTypeSpelling(bare));
    for (size_t length; (length = strcspn(name, " ")) && name[length];) {
        if (strncmp(name, "const ", 6) != 0 && strncmp(name, "volatile ", 9) != 0)
            break;
        name += length + 1;
    }
    result->kind = is_known ? TYPE_BASIC : TYPE_UNKNOWN;
    result->name = is_known ? name : memory_format("it has a type that C does not know, '%s'", name);
    result->basic = basic_of(bare.kind);
}

static void read_sequence(struct reader *r, CXType type, enum type_kind kind, struct type *result) {
    result->kind = kind;
    result->target = read_type(r, clang_getElementType(type));
    result->count = clang_getNumElements(type);
}

/* A name for a type. The compiler's own names are declared nowhere. */
static void read_name(struct reader *r, CXType type, struct type *result) {
    CXCursor declaration = clang_getTypeDeclaration(type);
    if (is_in_file(declaration)) {
        result->kind = TYPE_ITEM;
        result->item = read_typedef(r, declaration);
    } else {
        result->kind = TYPE_BASIC;
        result->name = take(clang_getCursorSpelling(declaration));
        result->basic = basic_of(clang_getCanonicalType(type).kind);
    }
}

/* What a va_list is behind its names, as a parameter: it has one name that compilers take from others. */
static bool is_va_list(CXType type) {
    CXType target = clang_getPointeeType(type);
    return target.kind == CXType_Record &&
           strcmp(take(clang_getCursorSpelling(clang_getTypeDeclaration(target))), "__va_list_tag") == 0;
}

static void read_pointer(struct reader *r, CXType type, struct type *result) {
    if (is_va_list(type)) {
        result->kind = TYPE_BASIC;
        result->name = "__builtin_va_list";
        result->basic = BASIC_UNSIGNED;
    } else {
        result->kind = TYPE_POINTER;
        result->target = read_type(r, clang_getPointeeType(type));
    }
}

static void read_by_kind(struct reader *r, CXType type, struct type *result) {
    switch ((int)type.kind) {
    case CXType_Pointer:
        read_pointer(r, type, result);
        break;
    case CXType_FunctionProto:
    case CXType_FunctionNoProto:
        read_function_type(r, type, result);
        break;
    case CXType_ConstantArray:
    case CXType_IncompleteArray:
    case CXType_VariableArray:
        read_sequence(r, type, TYPE_ARRAY, result);
        break;
    case CXType_Vector:
    case CXType_ExtVector:
        read_sequence(r, type, TYPE_VECTOR, result);
        break;
    case CXType_Record:
    case CXType_Enum:
        result->kind = TYPE_ITEM;
        result->item = read_tag(r, clang_getTypeDeclaration(type), false);
        break;
    case CXType_Typedef:
        read_name(r, type, result);
        break;
    default:
        read_basic(type, result);
    }
}

/* A type that only dresses another one. */
static bool undress(CXType *type) {
    CXType inner = *type;
    if (type->kind == CXType_Elaborated)
        inner = clang_Type_getNamedType(*type);
    else if (type->kind == CXType_Attributed)
        inner = is_called_otherwise(*type) ? clang_getCanonicalType(*type) : clang_Type_getModifiedType(*type);
    else if (type->kind == CXType_Unexposed)
        inner = clang_getCanonicalType(*type);
    bool is = inner.kind != type->kind && inner.kind != CXType_Invalid;
    if (is)
        *type = inner;
    return is;
}

static const struct type *read_type(struct reader *r, CXType type) {
    struct type *result = memory_take(sizeof *result);
    do
        result->qualifiers |= qualifiers_of(type);
    while (undress(&type));
    if (type.kind == CXType_Atomic) {
        *result = *read_type(r, clang_Type_getValueType(type));
        result->qualifiers |= QUALIFIER_ATOMIC;
    } else {
        read_by_kind(r, type, result);
    }
    long long size = clang_Type_getSizeOf(type), alignment = clang_Type_getAlignOf(type);
    enum CXTypeKind bare = clang_getCanonicalType(type).kind; /* GNU has 1 for these */
    bool has = bare != CXType_Void && bare != CXType_FunctionProto && bare != CXType_FunctionNoProto;
    result->size = size > 0 && has ? size : 0;
    result->alignment = alignment > 0 && has ? alignment : 0;
    return result;
}

/* Comments */

static const char *comment_of(CXCursor cursor) {
    return comment_words(take(clang_Cursor_getRawCommentText(cursor)));
}

static const char *comment_at_macro(struct reader *r, CXCursor cursor) {
    CXSourceRange range = clang_getCursorExtent(cursor);
    CXFile file;
    unsigned begin, end;
    clang_getExpansionLocation(clang_getRangeStart(range), &file, NULL, NULL, &begin);
    clang_getExpansionLocation(clang_getRangeEnd(range), NULL, NULL, NULL, &end);
    if (file != r->macros_file) {
        r->macros_file = file;
        r->its_text = clang_getFileContents(clang_Cursor_getTranslationUnit(cursor), file, NULL);
    }
    return comment_of_macro(r->its_text, begin, end);
}

/* Structs, unions and enums */

/* Its tag. The name of the typedef for one without a tag may stand there, too. */
static const char *tag_of(CXCursor cursor, enum item_kind kind) {
    const char *tag = take(clang_getCursorSpelling(cursor));
    const char *type = take(clang_getTypeSpelling(clang_getCanonicalType(clang_getCursorType(cursor))));
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
    const char *name = take(clang_getCursorSpelling(cursor));
    const struct type *type = read_type(f->reader, clang_getCursorType(cursor));
    if (type->item && !*type->item->name)
        type->item->is_embedded = true;
    add_what_can_be_written(
        f->item, (struct field){strpbrk(name, " (") ? "" : name, place_of(f->reader, cursor), type,
                                nullability_of(clang_getCursorType(cursor)), clang_Cursor_getOffsetOfField(cursor),
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
            (struct constant){take(clang_getCursorSpelling(cursor)), place_of(f->reader, cursor),
                              value_of_constant(cursor, item), comment_of(cursor)};
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
        item->comment = comment_of(cursor);
    if (item->kind == ITEM_ENUM)
        item->type = read_type(r, clang_getEnumDeclIntegerType(cursor));
    else
        clang_Type_visitFields(type, visit_field, &filling);
    clang_visitChildren(cursor, visit_member, &filling);
    if (*item->name || item->kind == ITEM_ENUM)
        add_entry(r->model, item, true);
}

static struct item *read_tag(struct reader *r, CXCursor cursor, bool is_visited) {
    bool is_new;
    enum CXCursorKind kind = clang_getCursorKind(cursor);
    enum item_kind which = kind == CXCursor_EnumDecl    ? ITEM_ENUM
                           : kind == CXCursor_UnionDecl ? ITEM_UNION
                                                        : ITEM_STRUCT;
    struct item *item = item_of(r, cursor, which, tag_of(cursor, which), &is_new);
    if (is_new && *item->name)
        add_entry(r->model, item, false);
    /* One that is defined inside of something else is not come by again. */
    CXCursor definition = clang_getCursorDefinition(cursor);
    bool is_at_top = clang_getCursorKind(clang_getCursorLexicalParent(definition)) == CXCursor_TranslationUnit;
    bool is_here = (is_visited && clang_equalCursors(definition, cursor)) || !*item->name || !is_at_top;
    if (!item->is_complete && !clang_Cursor_isNull(definition) && is_here && !clang_isInvalidDeclaration(definition))
        define_tag(r, definition, item);
    return item;
}

static const struct type unknown_type = {.kind = TYPE_UNKNOWN, .name = "it has a type that nobody declares"};

static struct item *read_typedef(struct reader *r, CXCursor cursor) {
    bool is_new;
    struct item *item = item_of(r, cursor, ITEM_TYPEDEF, take(clang_getCursorSpelling(cursor)), &is_new);
    if (!is_new)
        return item;
    bool is_valid = !clang_isInvalidDeclaration(cursor);
    item->type = is_valid ? read_type(r, clang_getTypedefDeclUnderlyingType(cursor)) : &unknown_type;
    item->comment = comment_of(cursor);
    item->size = item->type->size;
    item->alignment = clang_Type_getAlignOf(clang_getCursorType(cursor));
    item->reason = type_problem(item->type);
    item_find_names(item);
    if (item->type->item && item->type->item->named_by == item)
        item->reason = item->type->item->reason;
    add_entry(r->model, item, true);
    return item;
}

/* Functions and variables */

/* The parameters that an attribute's numbers name. A list of none is all pointers', where that has a meaning. */
static bool is_named(const struct tokens *tokens, size_t index) {
    for (size_t i = 1; i < tokens->count; i++) {
        if (strtoul(tokens->texts[i], NULL, 10) == index + 1)
            return true;
    }
    return false;
}

static void mark_nonnull(struct item *item, const struct tokens *tokens) {
    for (size_t i = 0; i < item->type->parameter_count; i++) {
        struct parameter *p = &item->type->parameters[i];
        bool is_pointer = type_plain(type_passed(p->type))->kind == TYPE_POINTER;
        if (is_named(tokens, i) || (tokens->count == 1 && is_pointer))
            p->nullability = NULL_NEVER;
    }
}

static void mark_taken(struct item *item, const struct tokens *tokens) {
    for (size_t i = 0; i < item->type->parameter_count; i++)
        item->type->parameters[i].is_taken |= is_named(tokens, i);
}

/* The word at an offset, and what is in parentheses behind it, or a word in place of these. */
static struct tokens tokens_at(CXTranslationUnit unit, CXFile file, unsigned offset) {
    enum { LONGEST = 200 }; /* bytes */
    size_t size = 0;
    clang_getFileContents(unit, file, &size);
    unsigned last = size < offset + LONGEST ? (unsigned)size : offset + LONGEST, depth = 0;
    struct tokens tokens = tokens_in(unit, clang_getRange(clang_getLocationForOffset(unit, file, offset),
                                                          clang_getLocationForOffset(unit, file, last)));
    for (size_t i = 1; i < tokens.count; i++) {
        depth += strcmp(tokens.texts[i], "(") == 0;
        depth -= depth && strcmp(tokens.texts[i], ")") == 0;
        bool is_word = isalpha((unsigned char)tokens.texts[i][0]) || tokens.texts[i][0] == '_';
        if (depth == 0)
            tokens.count = i > 1 || is_word ? i + 1 : 1;
    }
    return tokens;
}

/* An attribute's word, and what is in parentheses behind it. Where a macro has it, its range ends where that is used, and all
 * of a header may lie in between: so it is read from where its word is spelled. Numbers that it has not may be the macro's
 * arguments, and stand behind the macro's name. */
static struct tokens tokens_of_attribute(CXCursor cursor) {
    CXTranslationUnit unit = clang_Cursor_getTranslationUnit(cursor);
    CXSourceLocation begin = clang_getRangeStart(clang_getCursorExtent(cursor));
    CXToken *word = clang_getToken(unit, begin);
    CXFile file;
    unsigned offset;
    if (!word)
        return (struct tokens){NULL, 0};
    clang_getFileLocation(clang_getTokenLocation(unit, *word), &file, NULL, NULL, &offset);
    clang_disposeTokens(unit, word, 1);
    struct tokens tokens = tokens_at(unit, file, offset);
    bool has_number = false;
    for (size_t i = 1; i < tokens.count; i++)
        has_number |= isdigit((unsigned char)tokens.texts[i][0]) != 0;
    if (tokens.count > 1 && !has_number) {
        clang_getExpansionLocation(begin, &file, NULL, NULL, &offset);
        struct tokens used = tokens_at(unit, file, offset);
        if (used.count > 1) {
            used.texts[0] = tokens.texts[0];
            return used;
        }
    }
    return tokens;
}

/* GNU's attributes that libclang has no kind for, and those of ownership, by their first word. */
static void read_attribute(struct item *item, CXCursor cursor) {
    struct tokens tokens = tokens_of_attribute(cursor);
    const char *word = tokens.count ? tokens.texts[0] : "";
    word += strspn(word, "_");
    if (strncmp(word, "malloc", 6) == 0 || strcmp(word, "ownership_returns") == 0)
        item->is_allocating = true;
    else if (strncmp(word, "returns_nonnull", 15) == 0)
        item->nullability = NULL_NEVER;
    else if (strncmp(word, "noreturn", 8) == 0)
        item->is_noreturn = true;
    else if (strncmp(word, "nonnull", 7) == 0)
        mark_nonnull(item, &tokens);
    else if (strcmp(word, "ownership_takes") == 0 || strcmp(word, "ownership_holds") == 0)
        mark_taken(item, &tokens);
}

static enum CXChildVisitResult visit_attribute(CXCursor cursor, CXCursor parent, CXClientData data) {
    struct item *item = data;
    (void)parent;
    switch ((int)clang_getCursorKind(cursor)) {
    case CXCursor_AsmLabelAttr:
        item->symbol = take(clang_getCursorSpelling(cursor));
        break;
    case CXCursor_PureAttr:
    case CXCursor_ConstAttr:
        item->is_pure = true;
        break;
    case CXCursor_WarnUnusedResultAttr:
        item->result_is_used = true;
        break;
    case CXCursor_UnexposedAttr:
        read_attribute(item, cursor);
        break;
    default:
        break;
    }
    return CXChildVisit_Continue;
}

/* What any of its declarations says. */
static void read_declaration(struct item *item, CXCursor cursor) {
    item->is_defined |= clang_isCursorDefinition(cursor) != 0;
    item->is_deprecated |= clang_getCursorAvailability(cursor) == CXAvailability_Deprecated;
    for (size_t i = 0; i < item->type->parameter_count; i++) {
        struct parameter *p = &item->type->parameters[i];
        if (!*p->name)
            p->name = take(clang_getCursorSpelling(clang_Cursor_getArgument(cursor, (unsigned)i)));
    }
}

static void read_function(struct reader *r, CXCursor cursor) {
    bool is_new, is_static = clang_getCursorLinkage(cursor) != CXLinkage_External;
    struct item *item = item_of(r, cursor, ITEM_FUNCTION, take(clang_getCursorSpelling(cursor)), &is_new);
    if (is_new) {
        item->type = read_type(r, clang_getCursorType(cursor));
        add_entry(r->model, item, true);
        item->is_inline = is_static;
        item->is_noreturn = strstr(take(clang_getTypeSpelling(clang_getCursorType(cursor))), "noreturn");
        item->nullability = nullability_of(clang_getCursorResultType(cursor));
    }
    if (item->type->kind != TYPE_FUNCTION) { /* it was declared by a typedef */
        const struct type *plain = type_plain(item->type);
        item->type = plain;
    }
    read_declaration(item, cursor);
    if (!model_asks(item, r->request)) /* the rest takes time, and some headers have thousands */
        return;
    if (!item->comment)
        item->comment = comment_of(cursor);
    clang_visitChildren(cursor, visit_attribute, item);
    item->symbol = item->symbol && *item->symbol ? item->symbol : NULL;
}

/* Values */

/* A number. One of a type that is wider than what holds it may be another: it has no value, if that shows. */
static struct value evaluate(CXCursor cursor) {
    struct value value = {.kind = VALUE_NONE};
    CXEvalResult result = clang_Cursor_Evaluate(cursor);
    CXEvalResultKind kind = result ? clang_EvalResult_getKind(result) : CXEval_UnExposed;
    bool is_wide = clang_Type_getSizeOf(clang_getCursorType(cursor)) > 8;
    if (kind == CXEval_Int && !is_wide) {
        value.kind = VALUE_INTEGER;
        value.integer = clang_EvalResult_isUnsignedInt(result) ? (long long)clang_EvalResult_getAsUnsigned(result)
                                                               : clang_EvalResult_getAsLongLong(result);
    } else if (kind == CXEval_Float) {
        value.floating = clang_EvalResult_getAsDouble(result);
        bool is_out_of_range = isinf(value.floating) || value.floating == 0;
        value.kind = is_wide && is_out_of_range ? VALUE_NONE : VALUE_FLOATING;
    }
    if (result)
        clang_EvalResult_dispose(result);
    return value;
}

/* The literal that an expression is, behind parentheses and conversions. */
static enum CXChildVisitResult visit_literal(CXCursor cursor, CXCursor parent, CXClientData data) {
    struct value *value = data;
    (void)parent;
    enum CXCursorKind kind = clang_getCursorKind(cursor);
    if (kind == CXCursor_StringLiteral)
        *value = string_of_literal(take(clang_getCursorSpelling(cursor)));
    return kind == CXCursor_UnexposedExpr || kind == CXCursor_ParenExpr ? CXChildVisit_Recurse : CXChildVisit_Continue;
}

static struct value value_of(CXCursor variable) {
    struct value value = evaluate(variable);
    if (value.kind == VALUE_NONE)
        clang_visitChildren(variable, visit_literal, &value);
    return value;
}

static bool is_constant(CXType type) {
    CXType element = clang_getArrayElementType(type);
    return clang_isConstQualifiedType(element.kind == CXType_Invalid ? type : element);
}

static void read_variable(struct reader *r, CXCursor cursor) {
    bool is_new, is_static = clang_getCursorLinkage(cursor) != CXLinkage_External;
    struct item *item = item_of(r, cursor, ITEM_VARIABLE, take(clang_getCursorSpelling(cursor)), &is_new);
    if (!is_new)
        return;
    item->type = read_type(r, clang_getCursorType(cursor));
    item->comment = comment_of(cursor);
    item->is_inline = is_static;
    item->nullability = nullability_of(clang_getCursorType(cursor));
    item->is_thread_local = clang_getCursorTLSKind(cursor) != CXTLS_None;
    if (is_constant(clang_getCursorType(cursor)))
        item->value = value_of(cursor);
    clang_visitChildren(cursor, visit_attribute, item);
    add_entry(r->model, item, true);
}

/* Macros */

/* Names its parameters, whose types nobody knows yet. Returns where the body begins. */
static size_t read_macro_parameters(const struct tokens *tokens, struct item *item) {
    struct type *type = memory_take(sizeof *type);
    size_t i = 2;
    type->kind = TYPE_FUNCTION;
    for (; i < tokens->count && strcmp(tokens->texts[i], ")") != 0; i++) {
        if (strcmp(tokens->texts[i], "...") == 0)
            item->reason = "it takes any number of arguments";
        if (strchr(",.", *tokens->texts[i]))
            continue;
        type->parameters = memory_grow(type->parameters, type->parameter_count, sizeof *type->parameters);
        type->parameters[type->parameter_count++] = (struct parameter){tokens->texts[i], NULL, NULL_UNSAID, false};
    }
    item->type = type;
    return i + 1;
}

static const char is_another_elsewhere[] = "it is another at each place";

/* Whether a macro with that in it stands for something else at each place. The name of a file is no value, but a call may pass
 * it on, to say where it was made. */
static bool is_of_place(const char *text, bool is_value) {
    static const char *const names[] = {"__LINE__",      "__COUNTER__",       "__FILE__",     "__FILE_NAME__",
                                        "__BASE_FILE__", "__INCLUDE_LEVEL__", "__DATE__",     "__TIME__",
                                        "__TIMESTAMP__", "__func__",          "__FUNCTION__", "__PRETTY_FUNCTION__"};
    enum { NUMBERS = 2 }; /* the first are in a call, too */
    for (size_t i = 0; i < (is_value ? sizeof names / sizeof *names : NUMBERS); i++) {
        if (strcmp(text, names[i]) == 0)
            return true;
    }
    return false;
}

static const char *problem_of_token(const char *text) {
    if (strchr("{};", *text) || strcmp(text, "return") == 0 || strcmp(text, "_Pragma") == 0)
        return "it is no expression";
    if (*text == '#')
        return "it makes text or names of its arguments";
    return NULL;
}

static const char may_be_several[] = "what it stands for may be several arguments";

/* What is in no brackets of the macro's, nor between ? and :, where a comma would be an operator wherever the macro stands.
 * Returns whether there is one. */
static bool read_pieces(const struct tokens *tokens, size_t first, struct list *pieces) {
    int depth = 0, choices = 0;
    bool has_comma = false;
    for (size_t i = first; i < tokens->count; i++) {
        const char *text = tokens->texts[i];
        depth += strchr("([{", *text) != NULL;
        depth -= strchr(")]}", *text) != NULL;
        choices += depth == 0 && strcmp(text, "?") == 0;
        choices -= depth == 0 && strcmp(text, ":") == 0;
        if (depth == 0 && choices == 0) {
            has_comma |= strcmp(text, ",") == 0;
            list_add(pieces, text);
        }
    }
    return has_comma;
}

/* Whether a macro may be an expression; one without a body is none, and one that stands for its own name says only that
 * there is something of that name. A config that says its type says that it is one, and not several. */
static bool read_body(const struct reader *r, CXCursor cursor, struct item *item, struct macro *macro) {
    struct tokens tokens = tokens_of(cursor);
    size_t first = item->takes_arguments ? read_macro_parameters(&tokens, item) : 1;
    bool is_name = !item->takes_arguments && tokens.count == 2;
    bool is_one = item->takes_arguments && config_find(r->request, SECTION_MACRO, item->name);
    for (size_t i = 0; item->takes_arguments && i < item->type->parameter_count; i++) {
        if (tokens.count == first + 1 && strcmp(tokens.texts[first], item->type->parameters[i].name) == 0)
            item->reason = "it is what it is given";
    }
    for (size_t i = first; i < tokens.count && !item->reason; i++) {
        item->reason = problem_of_token(tokens.texts[i]);
        if (is_of_place(tokens.texts[i], !item->takes_arguments))
            item->reason = macro->reason = is_another_elsewhere;
    }
    if (!is_one && read_pieces(&tokens, first, &macro->pieces) && !macro->reason)
        macro->reason = may_be_several;
    if (!item->takes_arguments)
        macro->values = (struct list){tokens.texts, tokens.count};
    item->reason = item->reason ? item->reason : macro->reason;
    item->alias = is_name ? tokens.texts[1] : NULL;
    return tokens.count > first && !(is_name && strcmp(tokens.texts[1], item->name) == 0);
}

static bool has_of_reason(const struct reader *r, const struct list *names, const char *reason) {
    for (size_t i = 0; i < names->count; i++) {
        const struct macro *macro = table_get(&r->macros, names->items[i]);
        if (macro && macro->reason == reason)
            return true;
    }
    return false;
}

/* Macros of macros, which may be defined before those that they are made of. */
static void share_reasons(struct reader *r) {
    for (bool is_shared = true; is_shared;) {
        is_shared = false;
        for (struct macro *macro = r->macro; macro; macro = macro->before) {
            if (macro->reason)
                continue;
            macro->reason = has_of_reason(r, &macro->values, is_another_elsewhere) ? is_another_elsewhere
                            : has_of_reason(r, &macro->pieces, may_be_several)     ? may_be_several
                                                                                   : NULL;
            is_shared |= macro->reason != NULL;
            if (macro->item && !macro->item->reason)
                macro->item->reason = macro->reason;
        }
    }
}

/* One that is defined again is worth what the last one says. */
static struct macro *add_macro(struct reader *r, const char *name) {
    const struct macro *earlier = table_get(&r->macros, name);
    struct macro *macro = memory_take(sizeof *macro);
    if (earlier && earlier->item && !earlier->item->reason)
        earlier->item->reason = "it is defined again";
    macro->before = r->macro;
    r->macro = macro;
    table_put(&r->macros, name, macro);
    return macro;
}

/* A config may say something of a macro that nobody asks for. */
static void mark_sections(const struct request *request, const struct item *macro) {
    struct section *as_macro = config_find(request, SECTION_MACRO, macro->name);
    struct section *as_function = config_find(request, SECTION_FUNCTION, macro->name);
    if (as_macro && macro->takes_arguments)
        as_macro->is_used = true;
    if (as_function)
        as_function->is_used = true;
}

static void read_macro(struct reader *r, CXCursor cursor) {
    struct item tried = {
        .kind = ITEM_MACRO, .name = take(clang_getCursorSpelling(cursor)), .place = place_of(r, cursor)};
    if (!clang_Cursor_isMacroFunctionLike(cursor) && *tried.place.file)
        set_add(&r->model->macros, tried.name);
    bool is_of_headers = *tried.place.file && !clang_Cursor_isMacroBuiltin(cursor);
    bool is_asked_for = is_of_headers && model_asks(&tried, r->request);
    tried.takes_arguments = clang_Cursor_isMacroFunctionLike(cursor);
    struct macro *macro = add_macro(r, tried.name);
    bool may_be_one = is_of_headers && read_body(r, cursor, &tried, macro);
    if (is_of_headers && !is_asked_for)
        mark_sections(r->request, &tried);
    if (is_of_headers && list_matches(&r->request->exclude, tried.name))
        list_add(&r->model->excluded, tried.name);
    if (!is_asked_for || !may_be_one)
        return;
    struct item *item = add_item(r->model, ITEM_MACRO, tried.name, tried.place);
    tried.comment = comment_at_macro(r, cursor);
    *item = tried;
    add_entry(r->model, item, true);
    macro->item = item;
}

static enum CXChildVisitResult visit(CXCursor cursor, CXCursor parent, CXClientData data) {
    struct reader *r = data;
    (void)parent;
    if (clang_isInvalidDeclaration(cursor))
        return CXChildVisit_Continue;
    switch ((int)clang_getCursorKind(cursor)) {
    case CXCursor_FunctionDecl:
        read_function(r, cursor);
        break;
    case CXCursor_VarDecl:
        read_variable(r, cursor);
        break;
    case CXCursor_TypedefDecl:
        read_typedef(r, cursor);
        break;
    case CXCursor_StructDecl:
    case CXCursor_UnionDecl:
    case CXCursor_EnumDecl:
        read_tag(r, cursor, true);
        break;
    case CXCursor_MacroDefinition:
        read_macro(r, cursor);
        break;
    default:
        break;
    }
    return CXChildVisit_Continue;
}

/* A warning of a config's types is an error. */
static enum CXDiagnosticSeverity severity_of(const struct reader *r, CXDiagnostic diagnostic) {
    enum CXDiagnosticSeverity severity = clang_getDiagnosticSeverity(diagnostic);
    CXFile file;
    clang_getExpansionLocation(clang_getDiagnosticLocation(diagnostic), &file, NULL, NULL, NULL);
    bool is_of_config = file && file == r->file && !r->request->text;
    return is_of_config && severity == CXDiagnostic_Warning ? CXDiagnostic_Error : severity;
}

static void show_diagnostic(const struct reader *r, CXDiagnostic diagnostic) {
    static const char *const words[] = {"ignored", "note", "warning", "error", "fatal error"};
    const char *text = take(clang_getDiagnosticSpelling(diagnostic));
    const char *option = take(clang_getDiagnosticOption(diagnostic, NULL));
    enum CXDiagnosticSeverity severity = severity_of(r, diagnostic);
    struct place place = place_at(r, clang_getDiagnosticLocation(diagnostic));
    if (severity == CXDiagnostic_Note && !*place.file)
        return; /* where cgen.c includes it */
    report(&place, words[severity], *option ? "%s [%s]" : "%s", text, option);
    CXDiagnosticSet notes = clang_getChildDiagnostics(diagnostic);
    for (unsigned i = 0; i < clang_getNumDiagnosticsInSet(notes); i++)
        show_diagnostic(r, clang_getDiagnosticInSet(notes, i));
}

/* GCC's malloc(free, 1), which clang passes over, and takes for a mistake: it changes nothing of the declaration. */
static bool is_of_malloc(CXDiagnostic diagnostic) {
    const char *text = take(clang_getDiagnosticSpelling(diagnostic));
    return strcmp(text, "'malloc' attribute takes no arguments") == 0 ||
           strcmp(text, "'__malloc__' attribute takes no arguments") == 0;
}

/* Shows the compiler's diagnostics, and returns the worst. */
static enum CXDiagnosticSeverity show_diagnostics(const struct reader *r, CXTranslationUnit unit) {
    enum CXDiagnosticSeverity worst = CXDiagnostic_Ignored;
    for (unsigned i = 0; i < clang_getNumDiagnostics(unit); i++) {
        CXDiagnostic diagnostic = clang_getDiagnostic(unit, i);
        enum CXDiagnosticSeverity severity = severity_of(r, diagnostic);
        if (!is_of_malloc(diagnostic)) {
            worst = severity > worst ? severity : worst;
            show_diagnostic(r, diagnostic);
        }
        clang_disposeDiagnostic(diagnostic);
    }
    return worst;
}

static CXTranslationUnit parse(CXIndex index, struct reader *r, const char *source, unsigned options) {
    struct list flags = {NULL, 0};
    CXTranslationUnit unit = NULL;
    struct CXUnsavedFile input = {"cgen.c", source, strlen(source)};
    list_add_all(&flags, &r->request->flags);
    list_add_all(&flags, &r->request->package_flags);
    list_add(&flags, "-fparse-all-comments");
    list_add(&flags, "-ferror-limit=0");
    list_add(&flags, "-Wno-nullability-completeness"); /* to say some of it is no mistake of the user's */
    if (r->request->text) { /* scripts know all structs everywhere, and functions by the headers alone */
        list_add(&flags, "-Wno-visibility");
        list_add(&flags, "-fno-builtin");
    }
    enum CXErrorCode failed =
        clang_parseTranslationUnit2(index, "cgen.c", flags.items, (int)flags.count, &input, 1, options, &unit);
    if (failed)
        fprintf(stderr, "cgen: libclang could not read the headers (code %d)\n", (int)failed);
    r->file = failed ? NULL : clang_getFile(unit, "cgen.c");
    return failed ? NULL : unit;
}

/* Lines that may compile or not */

struct trying {
    struct reader *reader;
    struct attempt *attempts;
    size_t count;
    unsigned first_line;
};

static struct attempt *attempt_at(const struct trying *t, CXSourceLocation location) {
    unsigned line;
    CXFile file;
    clang_getExpansionLocation(location, &file, &line, NULL, NULL);
    return file == t->reader->file && line >= t->first_line && line < t->first_line + t->count
               ? &t->attempts[line - t->first_line]
               : NULL;
}

/* Of a function's parameters and its variable, the last is the variable; a function without has a type of its own. */
static void read_attempt(const struct trying *t, CXCursor cursor) {
    struct attempt *attempt = attempt_at(t, clang_getCursorLocation(cursor));
    if (!attempt || !attempt->is_accepted)
        return;
    attempt->type = read_type(t->reader, clang_getCanonicalType(clang_getCursorType(cursor)));
    if (clang_getCursorKind(cursor) == CXCursor_VarDecl)
        attempt->value = value_of(cursor);
}

/* Whether the only declaration of a function is its use in an attempt, unless it is the compiler's own; or what it gives is
 * gone when the function returns that the macro becomes. */
static bool is_useless(const struct trying *t, CXCursor function) {
    bool is_here = attempt_at(t, clang_getCursorLocation(function)) != NULL;
    const char *name = is_here && clang_getCursorKind(function) == CXCursor_FunctionDecl
                           ? take(clang_getCursorSpelling(function))
                           : "__builtin_";
    return strncmp(name, "__builtin_", 10) != 0 || strcmp(name, "__builtin_alloca") == 0;
}

/* In a system's header, and where it is not the first time, that is no error of the compiler's. */
static enum CXChildVisitResult visit_use(CXCursor cursor, CXCursor parent, CXClientData data) {
    const struct trying *t = data;
    (void)parent;
    if (clang_getCursorKind(cursor) == CXCursor_DeclRefExpr && is_useless(t, clang_getCursorReferenced(cursor)))
        attempt_at(t, clang_getCursorLocation(cursor))->is_accepted = false;
    return CXChildVisit_Recurse;
}

static enum CXChildVisitResult visit_attempt(CXCursor cursor, CXCursor parent, CXClientData data) {
    struct trying *t = data;
    struct attempt *attempt;
    (void)parent;
    switch ((int)clang_getCursorKind(cursor)) {
    case CXCursor_FunctionDecl:
        attempt = attempt_at(t, clang_getCursorLocation(cursor));
        if (!attempt || !attempt->is_accepted)
            return CXChildVisit_Continue;
        clang_visitChildren(cursor, visit_use, t);
        read_attempt(t, cursor);
        return CXChildVisit_Recurse;
    case CXCursor_CompoundStmt:
    case CXCursor_DeclStmt:
        return CXChildVisit_Recurse;
    case CXCursor_VarDecl:
        read_attempt(t, cursor);
        return CXChildVisit_Continue;
    default:
        return CXChildVisit_Continue;
    }
}

static void drop_failed(const struct trying *t, CXTranslationUnit unit) {
    CXDiagnosticSet all = clang_getDiagnosticSetFromTU(unit); /* which takes its time */
    for (unsigned i = 0; i < clang_getNumDiagnosticsInSet(all); i++) {
        CXDiagnostic diagnostic = clang_getDiagnosticInSet(all, i);
        struct attempt *attempt = attempt_at(t, clang_getDiagnosticLocation(diagnostic));
        if (attempt && clang_getDiagnosticSeverity(diagnostic) >= CXDiagnostic_Error)
            attempt->is_accepted = false;
        clang_disposeDiagnostic(diagnostic);
    }
    clang_disposeDiagnosticSet(all);
}

static const char *source_of_attempts(struct trying *t) {
    char *text = NULL;
    size_t size;
    FILE *out = memory_stream(&text, &size);
    for (const char *at = t->reader->source.bytes; *at; at++)
        t->first_line += *at == '\n';
    fputs(t->reader->source.bytes, out);
    for (size_t i = 0; i < t->count; i++) {
        t->attempts[i].is_accepted = true;
        fprintf(out, "%s\n", t->attempts[i].line);
    }
    fclose(out);
    const char *source = memory_copy(text);
    free(text);
    return source;
}

/* Conversions that a compiler only warns of are errors here. Types are of another reading of the same text: their
 * declarations are others. */
int model_try(const struct request *request, struct attempt *attempts, size_t count) {
    static const char *const flags[] = {"-Wno-everything",
                                        "-Werror=int-conversion",
                                        "-Werror=pointer-integer-compare",
                                        "-Werror=gnu-alignof-expression",
                                        "-Werror=incompatible-pointer-types",
                                        "-Werror=conditional-type-mismatch",
                                        "-Werror=implicit-function-declaration",
                                        "-Werror=implicit-int-float-conversion",
                                        "-Werror=sizeof-pointer-div",
                                        "-Werror=pointer-arith",
                                        "-Werror=#pragma-messages",
                                        "-Werror=unused-value",
                                        "-Werror=format",
                                        "-Werror=format-pedantic",
                                        "-fmacro-backtrace-limit=1"};
    struct request strict = *request;
    struct model aside = {.count = 0};
    struct reader reader = make_reader(&strict, &aside);
    struct trying t = {&reader, attempts, count, 1};
    if (count == 0)
        return 0;
    strict.flags = (struct list){NULL, 0};
    list_add_all(&strict.flags, &request->flags);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        list_add(&strict.flags, flags[i]);
    CXIndex index = clang_createIndex(0, 0);
    CXTranslationUnit unit = parse(index, &reader, source_of_attempts(&t), 0);
    if (unit) {
        drop_failed(&t, unit);
        clang_visitChildren(clang_getTranslationUnitCursor(unit), visit_attempt, &t);
        for (size_t i = 0; i < count; i++)
            attempts[i].is_accepted =
                attempts[i].is_accepted && attempts[i].type; /* an earlier one's brace may hide it */
        clang_disposeTranslationUnit(unit);
    }
    clang_disposeIndex(index);
    return unit == NULL;
}

/* What keeps a function from being the host's, or NULL. */
static const char *problem_of_export(const struct section *export) {
    const struct item *item = export->item;
    if (!item)
        return "its type is not a function's";
    return item->is_inline               ? "a header defines it"
           : item->type->is_variadic     ? "no handler gets any number of arguments"
           : item->type->is_unprototyped ? "its type does not say its parameters, where (void) says that there are none"
                                         : item->reason;
}

/* The host's functions stand behind the headers. One that can't be is an error of the config's. */
static int find_exports(const struct request *request, const struct model *model) {
    int failed = 0;
    for (struct section *export = NULL; (export = config_next(request, SECTION_EXPORT, export)) != NULL;) {
        for (size_t i = 0; i < model->count; i++) {
            if (model->items[i]->kind == ITEM_FUNCTION && strcmp(model->items[i]->name, export->name.text) == 0)
                export->item = model->items[i];
        }
        const char *problem = problem_of_export(export);
        if (problem)
            failed = config_complain(&export->type, "the export '%s': %s", export->name.text, problem);
        else
            export->item->is_hosts = export->item->place.file == export->name.place.file;
    }
    return failed;
}

static void add_file(CXFile file, CXSourceLocation *stack, unsigned depth, CXClientData data) {
    struct model *model = data;
    (void)stack, (void)depth;
    list_add(&model->files, take(clang_getFileName(file)));
}

static int read_unit(struct reader *r, CXTranslationUnit unit) {
    clang_getInclusions(unit, add_file, r->model);
    clang_visitChildren(clang_getTranslationUnitCursor(unit), visit, r);
    share_reasons(r);
    for (size_t i = 0; i < r->model->count; i++) {
        struct item *item = r->model->items[i];
        if (item->kind == ITEM_FUNCTION || item->kind == ITEM_VARIABLE)
            item_find_problem(item);
    }
    return macro_read(r->model, r->request) || find_exports(r->request, r->model);
}

int model_read(struct request *request, struct model *model) {
    CXIndex index = clang_createIndex(0, 0);
    struct reader r = make_reader(request, model);
    CXTranslationUnit unit =
        parse(index, &r, r.source.bytes,
              CXTranslationUnit_DetailedPreprocessingRecord | CXTranslationUnit_IncludeAttributedTypes);
    enum CXDiagnosticSeverity worst = unit ? show_diagnostics(&r, unit) : CXDiagnostic_Fatal;
    bool failed = worst >= CXDiagnostic_Error;
    if (!failed || (worst == CXDiagnostic_Error && request->text))
        failed |= read_unit(&r, unit) != 0;
    if (unit)
        clang_disposeTranslationUnit(unit);
    clang_disposeIndex(index);
    return failed;
}
