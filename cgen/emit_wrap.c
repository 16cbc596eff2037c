/* What makes a folder of all forms one that builds and tests itself: a build for ninja, and a program that looks whether
 * each function that was bound is in the library, whether the bridge can call it by its declaration, and whether it can make
 * the exports.
 *
 * SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cgen/model.h"

/* The build */

/* A variable, of which shells have each word as it is. */
static void write_words(const char *name, const struct list *words, FILE *out) {
    fprintf(out, "%s =", name);
    for (size_t i = 0; i < words->count; i++) {
        putc(' ', out);
        for (const char *at = shell_word(words->items[i]); *at; at++)
            fputs(*at == '$' ? "$$" : (char[]){*at, '\0'}, out);
    }
    putc('\n', out);
}

/* The folder's build runs elsewhere. */
static const char *absolute(const char *path) {
    char *here = *path == '/' ? NULL : realpath(".", NULL);
    const char *rest = strcmp(path, ".") == 0 ? "" : memory_format("/%s", path);
    const char *whole = here ? memory_format("%s%s", here, rest) : path;
    free(here);
    return whole;
}

static struct list compiler_flags(const struct request *request) {
    struct list words = {NULL, 0};
    for (size_t i = 0; i < request->flags.count; i++) {
        const char *flag = request->flags.items[i];
        bool is_folder = strncmp(flag, "-I", 2) == 0;
        list_add(&words, is_folder ? memory_format("-I%s", absolute(flag + 2)) : flag);
    }
    for (size_t i = 0; i < request->headers.count; i++) {
        if (*request->headers.items[i] == '/' || access(request->headers.items[i], R_OK))
            continue;
        list_add(&words, "-iquote"); /* this folder, where an include finds such a header first of all */
        list_add(&words, absolute("."));
        break;
    }
    return words;
}

/* A path is a file in a folder, where it is found by the name that it has for itself. */
static struct list linker_flags(const struct request *request) {
    struct list words = {NULL, 0};
    const char *library = request->library, *slash = library ? strrchr(library, '/') : NULL;
    for (size_t i = 0; i < request->folders.count; i++)
        list_add(&words, memory_format("-L%s", absolute(request->folders.items[i])));
    if (slash)
        list_add(&words, memory_format("-L%s", absolute(memory_format("%.*s", (int)(slash + 1 - library), library))));
    if (slash || (library && strstr(library, ".so")))
        list_add(&words, memory_format("-l:%s", slash ? slash + 1 : library));
    else if (library)
        list_add(&words, memory_format("-l%s", library));
    return words;
}

/* What pkg-config and the environment say is quoted for a shell. A library that only weak references name is not loaded,
 * unless it is said to be needed; and one in a folder of its own is found there. */
static const char rules[] =
    "compiler = $${CC-cc}\n"
    "find_libraries = for flag; do case $$flag in -L*) set -- \"$$@\" -Xlinker -rpath -Xlinker \"$${flag#-L}\";; esac; "
    "done\n"
    "\n"
    "rule cc\n"
    "  command = eval \"set -- $${CALLGATE_CFLAGS-$$(pkg-config --cflags callgate)} $package_flags\"; $\n"
    "    $compiler -Wall -Werror -O2 -fPIC -MMD -MF $out.d $flags \"$$@\" -c $in -o $out\n"
    "  depfile = $out.d\n"
    "  deps = gcc\n"
    "  description = $in\n"
    "rule shared\n"
    "  command = eval \"set -- $package_libs\"; set -- $libs \"$$@\"; $find_libraries; $\n"
    "    $compiler -shared $in -o $out -Wl,--no-as-needed \"$$@\"\n"
    "  description = $out\n"
    "rule program\n"
    "  command = eval \"set -- $package_libs $${CALLGATE_LIBS-$$(pkg-config --libs callgate)}\"; set -- $libs \"$$@\"; "
    "$\n"
    "    $find_libraries; $compiler $in -o $out -Wl,--no-as-needed \"$$@\"\n"
    "  description = $out\n"
    "rule run\n"
    "  command = ./$in $name.cdef\n"
    "  pool = console\n"
    "\n"
    "build ${name}_stubs.o: cc ${name}_stubs.c\n"
    "build ${name}_smoke.o: cc ${name}_smoke.c\n"
    "build ${name}_stubs.so: shared ${name}_stubs.o\n";

/* Whoever has callgate elsewhere than pkg-config knows sets CALLGATE_CFLAGS and CALLGATE_LIBS. */
void emit_ninja(const struct model *model, const struct request *request, FILE *out) {
    const struct list flags = compiler_flags(request), libs = linker_flags(request);
    const char *packages = "";
    bool has_exports = config_next(request, SECTION_EXPORT, NULL) != NULL;
    (void)model;
    for (size_t i = 0; i < request->packages.count; i++)
        packages = memory_format("%s %s", packages, request->packages.items[i]);
    fprintf(out, "# made by: %s\nname = %s\n", request->command, request->name);
    write_words("flags", &flags, out);
    write_words("libs", &libs, out);
    if (*packages)
        fprintf(out, "package_flags = $$(pkg-config --cflags%s)\npackage_libs = $$(pkg-config --libs%s)\n", packages,
                packages);
    fputs(rules, out);
    if (has_exports)
        fputs("build ${name}_exports.o: cc ${name}_exports.c\n", out);
    fprintf(out,
            "build ${name}_smoke: program ${name}_smoke.o ${name}_stubs.o%s\n"
            "build test: run ${name}_smoke | $name.cdef\n"
            "default ${name}_stubs.so ${name}_smoke\n",
            has_exports ? " ${name}_exports.o" : "");
}

/* The program */

static const char program[] =
    "#include <stdio.h>\n"
    "#include <stdlib.h>\n"
    "\n"
    "static int refuse(void *host, void *result, void *const arguments[]) {\n"
    "    (void)host, (void)result, (void)arguments;\n"
    "    return 1;\n"
    "}\n"
    "\n"
    "static char *read_file(const char *path) {\n"
    "    char *text = NULL;\n"
    "    size_t size = 0;\n"
    "    FILE *file = fopen(path, \"r\");\n"
    "    if (!file || getdelim(&text, &size, 0, file) < 0)\n"
    "        perror(path);\n"
    "    if (file)\n"
    "        fclose(file);\n"
    "    return text;\n"
    "}\n"
    "\n"
    "/* Whether the bridge can call it. */\n"
    "static int try(const gate_stub *stub, gate_decls *decls) {\n"
    "    gate_function function;\n"
    "    gate_error error;\n"
    "    if (gate_function_of_stub(stub, decls, &function, &error)) {\n"
    "        fprintf(stderr, \"%s: %s\\n\", stub->name, error.message);\n"
    "        return 1;\n"
    "    }\n"
    "    gate_signature_free((gate_signature *)(size_t)function.signature);\n"
    "    return 0;\n"
    "}\n"
    "\n"
    "static int try_all(const gate_stub *stub, gate_decls *decls) {\n"
    "    int failed = 0, found = 0, missing = 0;\n"
    "    for (; stub->name; stub++) {\n"
    "        failed += try(stub, decls);\n"
    "        found += stub->address != NULL;\n"
    "        missing += stub->address == NULL;\n"
    "        if (!stub->address)\n"
    "            fprintf(stderr, \"%s: is declared, and not in the library\\n\", stub->name);\n"
    "    }\n"
    "    const char *ending = found + missing == 1 ? \"\" : \"s\", *are = missing == 1 ? \"is\" : \"are\";\n"
    "    printf(\"%d function%s, %d %s not in the library, \", found + missing, ending, missing, are);\n"
    "    printf(\"%d can't be called\\n\", failed);\n"
    "    return failed || (missing && !found);\n"
    "}\n"
    "\n"
    "/* Whether the bridge can make them. */\n"
    "static int try_exports(setter *const *set, gate_decls *decls) {\n"
    "    gate_runtime *runtime = NULL;\n"
    "    gate_error error;\n"
    "    int failed = *set && gate_runtime_start(NULL, &runtime, &error);\n"
    "    for (; *set && !failed; set++)\n"
    "        failed = (*set)(runtime, decls, refuse, NULL, &error);\n"
    "    if (failed)\n"
    "        fprintf(stderr, \"an export can't be made: %s\\n\", error.message);\n"
    "    return failed != 0;\n"
    "}\n"
    "\n"
    "int main(int argc, char **argv) {\n"
    "    gate_decls *decls;\n"
    "    gate_error error;\n"
    "    char *text = argc > 1 ? read_file(argv[1]) : NULL;\n"
    "    if (!text || gate_decls_make(&decls))\n"
    "        return 1;\n"
    "    int failed = gate_decls_read(decls, text, &error);\n"
    "    if (failed)\n"
    "        fprintf(stderr, \"%s: %s\\n\", argv[1], error.message);\n"
    "    else\n"
    "        failed = try_all(table, decls) + try_exports(exports, decls);\n"
    "    gate_decls_free(decls);\n"
    "    free(text);\n"
    "    return failed != 0;\n"
    "}\n";

static void write_setters(const struct request *request, const char *before, const char *after, FILE *out) {
    for (const struct section *export = NULL; (export = config_next(request, SECTION_EXPORT, export)) != NULL;) {
        write_if(export->item, out);
        fprintf(out, "%sgate_export_%s%s\n", before, export->name.text, after);
        write_endif(export->item, out);
    }
}

void emit_smoke(const struct model *model, const struct request *request, FILE *out) {
    (void)model;
    fprintf(out, "// made by: %s\n#define _GNU_SOURCE\n#include <callgate.h>\n", request->command);
    fprintf(out, "extern const gate_stub gate_stubs_%s[];\n#define table gate_stubs_%s\n", request->name,
            request->name);
    fputs("typedef int setter(gate_runtime *, gate_decls *, gate_handler, void *, gate_error *);\n", out);
    write_setters(request, "setter ", ";", out);
    fputs("static setter *const exports[] = {\n", out);
    write_setters(request, "    ", ",", out);
    fputs("    NULL};\n\n", out);
    fputs(program, out);
}
