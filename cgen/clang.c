/* Reads a header with libclang, which nothing else includes.
 *
 * Types are written anew, from what they are and not from how they are named: a typedef becomes what it
 * stands for, so that the text means the same without the header.
 *
 * SPDX-License-Identifier: MIT */
#include <clang-c/Index.h>
#include <fnmatch.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/model.h"

/* Text */

static void *must_have(void *memory) {
    if (!memory) {
        fputs("cgen: no memory\n", stderr);
        exit(1);
    }
    return memory;
}

__attribute__((format(printf, 1, 2))) static char *format(const char *pattern, ...) {
    va_list arguments;
    char *text = NULL;
    va_start(arguments, pattern);
    int length = vasprintf(&text, pattern, arguments);
    va_end(arguments);
    return must_have(length < 0 ? NULL : text);
}

static char *take(CXString string) {
    char *text = must_have(strdup(clang_getCString(string) ? clang_getCString(string) : ""));
    clang_disposeString(string);
    return text;
}

/* Types. spell writes the declaration of inner with a type around it, as C does; a type that the bridge
 * doesn't take leaves the reason. Whoever calls frees the text. */

static char *spell(CXType type, const char *inner, const char **reason);

static const char *qualifiers_of(CXType type) {
    return clang_isConstQualifiedType(type) ? (clang_isVolatileQualifiedType(type) ? "const volatile " : "const ")
                                            : (clang_isVolatileQualifiedType(type) ? "volatile " : "");
}

/* A struct or union that something points to. One without a tag can't be named: it is void. */
static char *spell_record(CXType type, const char *inner) {
    CXCursor declaration = clang_getTypeDeclaration(type);
    const char *word = clang_getCursorKind(declaration) == CXCursor_UnionDecl ? "union " : "struct ";
    char *tag = take(clang_getCursorSpelling(declaration)), *canonical = take(clang_getTypeSpelling(type));
    /* Its spelling has the word only where it has a tag: a typedef's name for an untagged one has none. */
    int tagged = *tag && !strpbrk(tag, " (") && strstr(canonical, word);
    char *name = format("%s%s", tagged ? word : "", tagged ? tag : "void");
    char *text = format("%s%s %s", qualifiers_of(type), name, inner);
    free(name);
    free(canonical);
    free(tag);
    return text;
}

static char *spell_pointer(CXType type, const char *inner, const char **reason) {
    CXType target = clang_getCanonicalType(clang_getPointeeType(type));
    int behind = target.kind == CXType_FunctionProto || target.kind == CXType_FunctionNoProto ||
                 target.kind == CXType_ConstantArray || target.kind == CXType_IncompleteArray;
    const char *qualifier = clang_isConstQualifiedType(type) ? "const" : "";
    char *declarator = format(behind ? "(*%s%s%s)" : "*%s%s%s", qualifier, *qualifier && *inner ? " " : "", inner);
    char *text = target.kind == CXType_Record ? spell_record(target, declarator) : spell(target, declarator, reason);
    free(declarator);
    return text;
}

static char *spell_function(CXType type, const char *inner, const char **reason) {
    char *parameters = must_have(strdup(""));
    int count = clang_getNumArgTypes(type);
    if (clang_isFunctionTypeVariadic(type) && type.kind == CXType_FunctionProto)
        *reason = "it is variadic";
    for (int i = 0; i < count; i++) {
        char *parameter = spell(clang_getCanonicalType(clang_getArgType(type, (unsigned)i)), "", reason);
        char *longer = format("%s%s%s", parameters, i ? ", " : "", parameter);
        free(parameter);
        free(parameters);
        parameters = longer;
    }
    char *declarator = format("%s(%s)", inner, count > 0 ? parameters : "void");
    char *text = spell(clang_getCanonicalType(clang_getResultType(type)), declarator, reason);
    free(declarator);
    free(parameters);
    return text;
}

/* Only ever what something points to. */
static char *spell_array(CXType type, const char *inner, const char **reason) {
    CXType element = clang_getCanonicalType(clang_getArrayElementType(type));
    long long size = clang_getArraySize(type);
    char *declarator = size > 0 ? format("%s[%lld]", inner, size) : format("%s[]", inner);
    char *text = element.kind == CXType_Record ? spell_record(element, declarator) : spell(element, declarator, reason);
    free(declarator);
    return text;
}

static char *spell_scalar(CXType type, const char *inner, const char **reason) {
    if (type.kind == CXType_Enum) /* what the compiler passes for it */
        type = clang_getCanonicalType(clang_getEnumDeclIntegerType(clang_getTypeDeclaration(type)));
    int known = (type.kind >= CXType_Void && type.kind <= CXType_LongDouble && type.kind != CXType_Int128 &&
                 type.kind != CXType_UInt128) ||
                type.kind == CXType_Complex;
    char *name = take(clang_getTypeSpelling(clang_getCanonicalType(type)));
    if (!known)
        *reason = "it passes a type that the bridge doesn't take yet";
    char *text = format("%s%s%s", name, *inner ? " " : "", inner); /* with its qualifiers */
    free(name);
    return text;
}

static char *spell(CXType type, const char *inner, const char **reason) {
    switch (type.kind) {
    case CXType_Pointer:
        return spell_pointer(type, inner, reason);
    case CXType_FunctionProto:
    case CXType_FunctionNoProto:
        return spell_function(type, inner, reason);
    case CXType_ConstantArray:
    case CXType_IncompleteArray:
        return spell_array(type, inner, reason);
    case CXType_Record:
        *reason = "it passes a struct or union by value";
        return spell_record(type, inner);
    default:
        return spell_scalar(type, inner, reason);
    }
}

/* Declarations */

struct visit {
    const struct request *request;
    struct model *model;
};

static int is_known(const struct model *model, const char *name) {
    for (size_t i = 0; i < model->count; i++) {
        if (strcmp(model->functions[i].name, name) == 0)
            return 1;
    }
    return 0;
}

/* Adds the function; takes its name. */
static void add(struct model *model, char *name, CXCursor cursor) {
    CXFile file;
    const char *reason = NULL;
    struct function f = {.name = name};
    clang_getExpansionLocation(clang_getCursorLocation(cursor), &file, &f.line, &f.column, NULL);
    f.file = take(clang_getFileName(file));
    f.signature = spell(clang_getCanonicalType(clang_getCursorType(cursor)), "", &reason);
    if (reason) {
        f.reason = must_have(strdup(reason));
        free(f.signature);
        f.signature = NULL;
    }
    model->functions = must_have(realloc(model->functions, (model->count + 1) * sizeof f));
    model->functions[model->count++] = f;
}

static enum CXChildVisitResult visit(CXCursor cursor, CXCursor parent, CXClientData data) {
    struct visit *v = data;
    (void)parent;
    if (clang_getCursorKind(cursor) != CXCursor_FunctionDecl)
        return CXChildVisit_Continue;
    char *name = take(clang_getCursorSpelling(cursor));
    if (fnmatch(v->request->pattern, name, 0) == 0 && !is_known(v->model, name) &&
        clang_getCursorLinkage(cursor) == CXLinkage_External)
        add(v->model, name, cursor);
    else
        free(name);
    return CXChildVisit_Continue;
}

/* Shows the compiler's diagnostics; returns whether one is an error. */
static int show_diagnostics(CXTranslationUnit unit) {
    int failed = 0;
    for (unsigned i = 0; i < clang_getNumDiagnostics(unit); i++) {
        CXDiagnostic diagnostic = clang_getDiagnostic(unit, i);
        char *text = take(clang_formatDiagnostic(diagnostic, clang_defaultDiagnosticDisplayOptions()));
        failed |= clang_getDiagnosticSeverity(diagnostic) >= CXDiagnostic_Error;
        fprintf(stderr, "%s\n", text);
        free(text);
        clang_disposeDiagnostic(diagnostic);
    }
    return failed;
}

int model_read(const struct request *request, struct model *model) {
    char *source = format("#include \"%s\"\n", request->header);
    struct CXUnsavedFile input = {"cgen.c", source, strlen(source)};
    CXTranslationUnit unit = NULL;
    CXIndex index = clang_createIndex(0, 0);
    enum CXErrorCode failed =
        clang_parseTranslationUnit2(index, "cgen.c", request->flags, request->flag_count, &input, 1, 0, &unit);
    if (failed)
        fprintf(stderr, "cgen: libclang could not read %s (code %d)\n", request->header, (int)failed);
    int bad = failed || show_diagnostics(unit);
    struct visit v = {request, model};
    if (!bad)
        clang_visitChildren(clang_getTranslationUnitCursor(unit), visit, &v);
    if (unit)
        clang_disposeTranslationUnit(unit);
    clang_disposeIndex(index);
    free(source);
    return bad;
}

void model_free(struct model *model) {
    for (size_t i = 0; i < model->count; i++) {
        struct function *f = &model->functions[i];
        free(f->name);
        free(f->signature);
        free(f->reason);
        free(f->file);
    }
    free(model->functions);
    *model = (struct model){NULL, 0};
}
