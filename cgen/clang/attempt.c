/* Lines that may compile or not: behind the headers, of which no declaration is taken from here.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cgen/clang/reader.h"

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
    attempt->type = reader_type(t->reader, clang_getCanonicalType(clang_getCursorType(cursor)));
    if (clang_getCursorKind(cursor) == CXCursor_VarDecl)
        attempt->value = reader_value(cursor);
}

/* Whether the only declaration of a function is its use in an attempt, unless it is the compiler's own; or what it gives is
 * gone when the function returns that the macro becomes. */
static bool is_useless(const struct trying *t, CXCursor function) {
    bool is_here = attempt_at(t, clang_getCursorLocation(function)) != NULL;
    const char *name = is_here && clang_getCursorKind(function) == CXCursor_FunctionDecl
                           ? reader_take(clang_getCursorSpelling(function))
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

/* A warning that no option names is an error here, as those that model_try names: of pointers that are compared with numbers by
 * an order. */
static bool is_mistake(CXDiagnostic diagnostic) {
    enum CXDiagnosticSeverity severity = clang_getDiagnosticSeverity(diagnostic);
    return severity >= CXDiagnostic_Error ||
           (severity == CXDiagnostic_Warning && !*reader_take(clang_getDiagnosticOption(diagnostic, NULL)));
}

static void drop_failed(const struct trying *t, CXTranslationUnit unit) {
    CXDiagnosticSet all = clang_getDiagnosticSetFromTU(unit); /* which takes its time */
    for (unsigned i = 0; i < clang_getNumDiagnosticsInSet(all); i++) {
        CXDiagnostic diagnostic = clang_getDiagnosticInSet(all, i);
        struct attempt *attempt = attempt_at(t, clang_getDiagnosticLocation(diagnostic));
        if (attempt && is_mistake(diagnostic))
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
    static const char *const flags[] = {"-Wno-deprecated",
                                        "-Werror=int-conversion",
                                        "-Werror=pointer-integer-compare",
                                        "-Werror=gnu-alignof-expression",
                                        "-Werror=incompatible-pointer-types",
                                        "-Werror=conditional-type-mismatch",
                                        "-Werror=compare-distinct-pointer-types",
                                        "-Werror=pointer-type-mismatch",
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
    struct reader reader = reader_make(&strict, &aside);
    struct trying t = {&reader, attempts, count, 1};
    if (count == 0)
        return 0;
    strict.flags = (struct list){NULL, 0};
    list_add_all(&strict.flags, &request->flags);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        list_add(&strict.flags, flags[i]);
    CXIndex index = clang_createIndex(0, 0);
    CXTranslationUnit unit = reader_parse(index, &reader, source_of_attempts(&t), 0);
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
