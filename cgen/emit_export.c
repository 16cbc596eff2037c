/* Writes functions of the host's for C to call by name, as cgo's //export does: each goes through a callback, which the
 * host makes once, and so enters the runtime from any thread.
 *
 * SPDX-License-Identifier: MIT */
#include "cgen/model.h"

static bool returns(const struct export *export) {
    const struct type *result = type_plain(export->item->type->target);
    return result->kind != TYPE_BASIC || result->basic != BASIC_VOID;
}

/* Its type, with names for the parameters. */
static const struct type *named_type(const struct export *export) {
    struct type *copy = memory_take(sizeof *copy);
    *copy = *export->item->type;
    copy->parameters = memory_take((copy->parameter_count + 1) * sizeof *copy->parameters);
    for (size_t i = 0; i < copy->parameter_count; i++)
        copy->parameters[i] =
            (struct parameter){memory_format("p%zu", i), export->item->type->parameters[i].type, NULL_UNSAID, false};
    return copy;
}

static void write_includes(const struct request *request, FILE *out) {
    for (size_t i = 0; i < request->headers.count; i++)
        fprintf(out, "#include \"%s\"\n", request->headers.items[i]);
    fputs("#include <callgate.h>\n", out);
}

/* What sets the handler: any, or a direct one. */
static const char *spell_setter(const struct export *export, bool is_direct) {
    struct type pointer = {.kind = TYPE_POINTER, .target = export->item->type};
    const char *handler = is_direct ? spell(&pointer, "handler", SPELL_NAMED) : "gate_handler handler";
    return memory_format("int gate_export_%s%s(gate_runtime *runtime, gate_decls *decls, %s, void *host,\n"
                         "    gate_error *error)",
                         is_direct ? "direct_" : "", export->name, handler);
}

void emit_export_h(const struct model *model, const struct request *request, FILE *out) {
    (void)model;
    fprintf(out, "// made by: %s\n#ifndef GATE_EXPORTS_%s\n#define GATE_EXPORTS_%s\n\n", request->command,
            request->name, request->name);
    write_includes(request, out);
    for (size_t i = 0; i < request->export_count; i++) {
        const struct export *export = &request->exports[i];
        fprintf(out, "\n/* For C to call, from any thread; it ends in what gate_export_%s was given. */\n%s;\n",
                export->name, spell(named_type(export), export->name, SPELL_NAMED));
        fprintf(out, "%s;\n%s;\n", spell_setter(export, false), spell_setter(export, true));
    }
    fputs("\n#endif\n", out);
}

static void write_function(const struct export *export, FILE *out) {
    const char *name = export->name;
    struct type pointer = {.kind = TYPE_POINTER, .target = export->item->type};
    fprintf(out, "\nstatic %s;\n\n%s {\n    if (!%s_target)\n        fail(\"%s\");\n    %s%s_target(",
            spell(&pointer, memory_format("%s_target", name), SPELL_NAMED),
            spell(named_type(export), name, SPELL_NAMED), name, name, returns(export) ? "return " : "", name);
    for (size_t i = 0; i < export->item->type->parameter_count; i++)
        fprintf(out, "%sp%zu", i ? ", " : "", i);
    fputs(");\n}\n", out);
}

static void write_setter(const struct export *export, bool is_direct, FILE *out) {
    const char *name = export->name;
    struct type pointer = {.kind = TYPE_POINTER, .target = export->item->type};
    fprintf(out,
            "\n%s {\n"
            "    void (*address)(void) = NULL;\n"
            "    struct gate_callback_config config = {%s, .host = host, .name = \"%s\"};\n"
            "    int failed = make(runtime, decls, config, ",
            spell_setter(export, is_direct),
            is_direct ? ".direct = (gate_direct_handler)handler" : ".handler = handler", name);
    write_string(spell(export->item->type, "", SPELL_DECLARED), out);
    fprintf(out, ", &address, error);\n    if (!failed)\n        %s_target = (%s)address;\n    return failed;\n}\n",
            name, spell(&pointer, "", SPELL_NAMED));
}

static const char common[] =
    "#include <stdio.h>\n"
    "#include <stdlib.h>\n"
    "\n"
    "static _Noreturn void fail(const char *name) {\n"
    "    fprintf(stderr, \"%s is called, and no host has exported it\\n\", name);\n"
    "    abort();\n"
    "}\n"
    "\n"
    "/* Signature and callback live as long as the program: C may call at any time. */\n"
    "static int make(gate_runtime *runtime, gate_decls *decls, struct gate_callback_config config, const char *type,\n"
    "    void (**address)(void), gate_error *error) {\n"
    "    gate_signature *signature = NULL;\n"
    "    gate_callback *callback = NULL;\n"
    "    int failed = decls ? gate_decls_signature(decls, type, &signature, error)\n"
    "                       : gate_signature_parse(type, &signature, error);\n"
    "    config.signature = signature;\n"
    "    if (!failed)\n"
    "        failed = gate_callback_make(runtime, &config, &callback, error);\n"
    "    if (failed)\n"
    "        gate_signature_free(signature);\n"
    "    else\n"
    "        *address = gate_callback_address(callback);\n"
    "    return failed;\n"
    "}\n";

void emit_export(const struct model *model, const struct request *request, FILE *out) {
    (void)model;
    fprintf(out, "// made by: %s\n#include \"%s_exports.h\"\n", request->command, request->name);
    if (request->export_count)
        fputs(common, out);
    for (size_t i = 0; i < request->export_count; i++) {
        write_function(&request->exports[i], out);
        write_setter(&request->exports[i], false, out);
        write_setter(&request->exports[i], true, out);
    }
}
