/* Functions and variables, with their attributes and values.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/clang/reader.h"

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
    struct tokens tokens = reader_tokens_in(unit, clang_getRange(clang_getLocationForOffset(unit, file, offset),
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
    else if (strncmp(word, "noreturn", 8) == 0 || strcmp(word, "Noreturn") == 0) /* which C itself has */
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
        item->symbol = reader_take(clang_getCursorSpelling(cursor));
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
            p->name = reader_take(clang_getCursorSpelling(clang_Cursor_getArgument(cursor, (unsigned)i)));
    }
}

void reader_function(struct reader *r, CXCursor cursor) {
    bool is_new, is_static = clang_getCursorLinkage(cursor) != CXLinkage_External;
    struct item *item = reader_item(r, cursor, ITEM_FUNCTION, reader_take(clang_getCursorSpelling(cursor)), &is_new);
    if (is_new) {
        item->type = reader_type(r, clang_getCursorType(cursor));
        reader_add_entry(r->model, item, true);
        item->is_inline = is_static;
        item->is_noreturn = strstr(reader_take(clang_getTypeSpelling(clang_getCursorType(cursor))), "noreturn");
        item->nullability = reader_nullability(clang_getCursorResultType(cursor));
    }
    if (item->type->kind != TYPE_FUNCTION) { /* it was declared by a typedef */
        const struct type *plain = type_plain(item->type);
        item->type = plain;
    }
    read_declaration(item, cursor);
    if (!model_asks(item, r->request)) /* the rest takes time, and some headers have thousands */
        return;
    if (!item->comment)
        item->comment = reader_comment(r, cursor);
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
        *value = string_of_literal(reader_take(clang_getCursorSpelling(cursor)));
    return kind == CXCursor_UnexposedExpr || kind == CXCursor_ParenExpr ? CXChildVisit_Recurse : CXChildVisit_Continue;
}

struct value reader_value(CXCursor variable) {
    struct value value = evaluate(variable);
    if (value.kind == VALUE_NONE)
        clang_visitChildren(variable, visit_literal, &value);
    return value;
}

static bool is_constant(CXType type) {
    CXType element = clang_getArrayElementType(type);
    return clang_isConstQualifiedType(element.kind == CXType_Invalid ? type : element);
}

void reader_variable(struct reader *r, CXCursor cursor) {
    bool is_new, is_static = clang_getCursorLinkage(cursor) != CXLinkage_External;
    struct item *item = reader_item(r, cursor, ITEM_VARIABLE, reader_take(clang_getCursorSpelling(cursor)), &is_new);
    if (!is_new)
        return;
    item->type = reader_type(r, clang_getCursorType(cursor));
    item->comment = reader_comment(r, cursor);
    item->is_inline = is_static;
    item->nullability = reader_nullability(clang_getCursorType(cursor));
    item->is_thread_local = clang_getCursorTLSKind(cursor) != CXTLS_None;
    if (is_constant(clang_getCursorType(cursor)))
        item->value = reader_value(cursor);
    clang_visitChildren(cursor, visit_attribute, item);
    reader_add_entry(r->model, item, true);
}
