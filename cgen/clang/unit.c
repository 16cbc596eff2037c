/* A text that is compiled, and visited, declaration by declaration.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "cgen/clang/reader.h"

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
    const char *text = reader_take(clang_getDiagnosticSpelling(diagnostic));
    const char *option = reader_take(clang_getDiagnosticOption(diagnostic, NULL));
    enum CXDiagnosticSeverity severity = severity_of(r, diagnostic);
    struct place place = reader_place_at(r, clang_getDiagnosticLocation(diagnostic));
    if (severity == CXDiagnostic_Note && !*place.file)
        return; /* where cgen.c includes it */
    report(&place, words[severity], *option ? "%s [%s]" : "%s", text, option);
    CXDiagnosticSet notes = clang_getChildDiagnostics(diagnostic);
    for (unsigned i = 0; i < clang_getNumDiagnosticsInSet(notes); i++)
        show_diagnostic(r, clang_getDiagnosticInSet(notes, i));
}

/* GCC's malloc(free, 1), which clang passes over, and takes for a mistake: it changes nothing of the declaration. */
static bool is_of_malloc(CXDiagnostic diagnostic) {
    const char *text = reader_take(clang_getDiagnosticSpelling(diagnostic));
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

CXTranslationUnit reader_parse(CXIndex index, struct reader *r, const char *source, unsigned options) {
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

/* The path in a folder, if that leads to the file, else NULL. */
static const char *path_in(const char *folder, const char *path, CXFile file) {
    size_t length = strlen(folder);
    const char *whole = memory_join(folder, length && folder[length - 1] == '/' ? "" : "/", path, NULL);
    CXFileUniqueID id;
    struct stat status;
    bool is = clang_getFileUniqueID(file, &id) == 0 && stat(whole, &status) == 0 && status.st_dev == id.data[0] &&
              status.st_ino == id.data[1];
    return is ? whole : NULL;
}

static const char *path_in_flags(const struct list *flags, const char *path, CXFile file) {
    const char *found = NULL;
    for (size_t i = 0; i < flags->count && !found; i++) {
        if (strncmp(flags->items[i], "-I", 2) == 0)
            found = path_in(flags->items[i] + 2, path, file);
    }
    return found;
}

/* A path without its last name, as the compiler has it. */
static const char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return !slash ? "." : slash == path ? "/" : memory_format("%.*s", (int)(slash - path), path);
}

static const char *path_above(const char *name, const char *path, CXFile file) {
    const char *folder = folder_of(name), *found = path_in(folder, path, file);
    while (!found && strchr(folder + 1, '/')) {
        folder = folder_of(folder);
        found = path_in(folder, path, file);
    }
    return found;
}

/* Where the compiler has found what is included there, or NULL. It doesn't tell, so we look in the same order; its own folders
 * are not known but for those that the file's last name begins with. */
static const char *path_of_inclusion(const struct reader *r, CXCursor cursor, CXFile file, const char *name) {
    const char *path = reader_take(clang_getCursorSpelling(cursor)), *found = NULL;
    if (*path == '/')
        return path;
    const struct tokens tokens = reader_tokens(cursor);
    if (tokens.count > 2 && *tokens.texts[2] == '"')
        found = path_in(folder_of(reader_place(r, cursor).file), path, file);
    found = found ? found : path_in_flags(&r->request->flags, path, file);
    found = found ? found : path_in_flags(&r->request->package_flags, path, file);
    return found ? found : path_above(name, path, file);
}

/* A file that has several names, as by links, is asked for by that which includes it, too: libclang has the last one for all
 * places. */
static void read_inclusion(struct reader *r, CXCursor cursor) {
    CXFile file = clang_getIncludedFile(cursor);
    const char *name = file ? reader_take(clang_getFileName(file)) : NULL;
    const char *other = file ? path_of_inclusion(r, cursor, file, name) : NULL;
    if (!other || strcmp(other, name) == 0)
        return;
    list_add(&r->model->files, other);
    if (list_matches_file(&r->request->from, other))
        list_add_file(&r->request->from, name);
}

static enum CXChildVisitResult visit(CXCursor cursor, CXCursor parent, CXClientData data) {
    struct reader *r = data;
    (void)parent;
    if (clang_isInvalidDeclaration(cursor))
        return CXChildVisit_Continue;
    switch ((int)clang_getCursorKind(cursor)) {
    case CXCursor_FunctionDecl:
        reader_function(r, cursor);
        break;
    case CXCursor_VarDecl:
        reader_variable(r, cursor);
        break;
    case CXCursor_TypedefDecl:
        reader_typedef(r, cursor);
        break;
    case CXCursor_StructDecl:
    case CXCursor_UnionDecl:
    case CXCursor_EnumDecl:
        reader_tag(r, cursor, true);
        break;
    case CXCursor_MacroDefinition:
        reader_macro(r, cursor);
        break;
    case CXCursor_InclusionDirective:
        read_inclusion(r, cursor);
        break;
    default:
        break;
    }
    return CXChildVisit_Continue;
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
    list_add(&model->files, reader_take(clang_getFileName(file)));
}

static int read_unit(struct reader *r, CXTranslationUnit unit) {
    clang_getInclusions(unit, add_file, r->model);
    clang_visitChildren(clang_getTranslationUnitCursor(unit), visit, r);
    reader_share_reasons(r);
    for (size_t i = 0; i < r->model->count; i++) {
        struct item *item = r->model->items[i];
        if (item->kind == ITEM_FUNCTION || item->kind == ITEM_VARIABLE)
            item_find_problem(item);
    }
    return macro_read(r->model, r->request) || find_exports(r->request, r->model);
}

int model_read(struct request *request, struct model *model) {
    CXIndex index = clang_createIndex(0, 0);
    struct reader r = reader_make(request, model);
    CXTranslationUnit unit =
        reader_parse(index, &r, r.source.bytes,
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
