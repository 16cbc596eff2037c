/* What makes a folder of all forms one that builds and tests itself: a build for ninja, and a program that looks whether
 * each function that was bound is in the library, and whether the bridge can call it by its declaration.
 *
 * SPDX-License-Identifier: MIT */
#include "cgen/model.h"

static const char *packages_of(const struct request *request) {
    const char *text = "";
    for (size_t i = 0; i < request->packages.count; i++)
        text = memory_format("%s %s", text, request->packages.items[i]);
    return text;
}

static const char rules[] = "rule cc\n"
                            "  command = cc -Wall -Werror -O2 -fPIC -MMD -MF $out.d $cflags -c $in -o $out\n"
                            "  depfile = $out.d\n"
                            "  deps = gcc\n"
                            "rule shared\n"
                            "  command = cc -shared $in -o $out -Wl,--no-as-needed $libs\n"
                            "rule program\n"
                            "  command = cc $in -o $out -Wl,--no-as-needed $libs $callgate_libs\n"
                            "rule run\n"
                            "  command = ./$in $name.cdef\n"
                            "  pool = console\n\n";

/* A library that only weak references name is not loaded, unless it is said to be needed. Whoever has callgate elsewhere than pkg-config knows sets CALLGATE_CFLAGS and CALLGATE_LIBS. */
void emit_ninja(const struct model *model, const struct request *request, FILE *out) {
    const char *packages = packages_of(request), *name = request->name;
    (void)model;
    fprintf(out, "# made by: %s\nname = %s\n", request->command, name);
    fputs("cflags = $${CALLGATE_CFLAGS-$$(pkg-config --cflags callgate)}", out);
    if (*packages)
        fprintf(out, " $$(pkg-config --cflags%s)", packages);
    for (size_t i = 0; i < request->flags.count && !*packages; i++)
        fprintf(out, " '%s'", request->flags.items[i]);
    fputs("\ncallgate_libs = $${CALLGATE_LIBS-$$(pkg-config --libs callgate)}\nlibs =", out);
    fprintf(out, *packages ? " $$(pkg-config --libs%s)" : "%s", packages);
    if (!*packages && request->library)
        fprintf(out, " -l%s", request->library);
    fprintf(out, "\n\n%s", rules);
    fprintf(out, "build %s_stubs.o: cc %s_stubs.c\nbuild %s_smoke.o: cc %s_smoke.c\n", name, name, name, name);
    fprintf(out, "build %s_stubs.so: shared %s_stubs.o\n", name, name);
    fprintf(out, "build %s_smoke: program %s_smoke.o %s_stubs.o\n", name, name, name);
    fprintf(out, "build test: run %s_smoke\ndefault %s_stubs.so %s_smoke\n", name, name, name);
}

static const char program[] =
    "#include <stdio.h>\n"
    "#include <stdlib.h>\n"
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
    "    printf(\"%d functions, %d are not in the library, %d can't be called\\n\", found + missing, missing, "
    "failed);\n"
    "    return failed || !found;\n"
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
    "        failed = try_all(table, decls);\n"
    "    gate_decls_free(decls);\n"
    "    free(text);\n"
    "    return failed != 0;\n"
    "}\n";

void emit_smoke(const struct model *model, const struct request *request, FILE *out) {
    (void)model;
    fprintf(out, "// made by: %s\n#define _GNU_SOURCE\n#include <callgate.h>\n", request->command);
    fprintf(out, "extern const gate_stub gate_stubs_%s[];\n#define table gate_stubs_%s\n", request->name,
            request->name);
    fputs(program, out);
}
