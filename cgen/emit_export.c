/* Writes functions of the host's for C to call by name, as cgo's //export does: each goes through a callback, which the
 * host makes once, and so enters the runtime from any thread.
 *
 * SPDX-License-Identifier: MIT */
#include "cgen/model.h"

/* Its type, with names for the parameters. */
static const struct type *named_type(const struct section *export) {
    struct type *copy = memory_take(sizeof *copy);
    *copy = *export->item->type;
    copy->parameters = memory_take((copy->parameter_count + 1) * sizeof *copy->parameters);
    for (size_t i = 0; i < copy->parameter_count; i++)
        copy->parameters[i] =
            (struct parameter){memory_format("p%zu", i), export->item->type->parameters[i].type, NULL_UNSAID, false};
    return copy;
}

/* What sets the handler: any, or a direct one. */
static const char *spell_setter(const struct section *export, bool is_direct) {
    struct type pointer = {.kind = TYPE_POINTER, .target = export->item->type};
    const char *handler = is_direct ? spell(&pointer, "handler", SPELL_NAMED) : "gate_handler handler";
    return memory_format("int gate_export_%s%s(gate_runtime *runtime, gate_decls *decls, %s, void *host,\n"
                         "    gate_error *error)",
                         is_direct ? "direct_" : "", export->name.text, handler);
}

static const char rules[] =
    "\n"
    "/* A handler is set as by gate_callback_make, from a scope that has read %s.cdef; for a type that has no names,\n"
    " * NULL does. What sets it returns 0, or what that or gate_decls_signature does, and changes nothing then. A\n"
    " * function that C calls before it has a handler ends the program. */\n";

void emit_export_h(const struct model *model, const struct request *request, FILE *out) {
    (void)model;
    fprintf(out, "// made by: %s\n#ifndef GATE_EXPORTS_%s\n#define GATE_EXPORTS_%s\n\n", request->command,
            request->name, request->name);
    write_headers(request, out);
    fputs("#include <callgate.h>\n", out);
    if (config_next(request, SECTION_EXPORT, NULL))
        fprintf(out, rules, request->name);
    for (const struct section *export = NULL; (export = config_next(request, SECTION_EXPORT, export)) != NULL;) {
        const char *name = export->name.text;
        write_if(export->item, out);
        fputs("\n/* For C to call, from any thread; it ends in the handler that was given last", out);
        fprintf(out, ", to gate_export_%s or to\n * gate_export_direct_%s. */\n%s;\n", name, name,
                spell(named_type(export), name, SPELL_NAMED));
        fprintf(out, "%s;\n%s;\n", spell_setter(export, false), spell_setter(export, true));
        write_endif(export->item, out);
    }
    fputs("\n#endif\n", out);
}

static void write_function(const struct section *export, FILE *out) {
    const char *name = export->name.text;
    struct type pointer = {.kind = TYPE_POINTER, .target = export->item->type};
    fprintf(out,
            "\nstatic %s;\n\n%s {\n    if (!gate_target_%s)\n        gate_exports_fail(\"%s\");\n    %sgate_target_%s(",
            spell(&pointer, memory_format("gate_target_%s", name), SPELL_NAMED),
            spell(named_type(export), name, SPELL_NAMED), name, name,
            type_is_void(export->item->type->target) ? "" : "return ", name);
    for (size_t i = 0; i < export->item->type->parameter_count; i++)
        fprintf(out, "%sp%zu", i ? ", " : "", i);
    fputs(");\n}\n", out);
}

static void write_setter(const struct section *export, bool is_direct, FILE *out) {
    const char *name = export->name.text;
    struct type pointer = {.kind = TYPE_POINTER, .target = export->item->type};
    fprintf(out,
            "\n%s {\n"
            "    void (*address)(void) = NULL;\n"
            "    struct gate_callback_config config = {%s, .host = host, .name = \"%s\"};\n"
            "    int failed = gate_exports_make(runtime, decls, config, ",
            spell_setter(export, is_direct),
            is_direct ? ".direct = (gate_direct_handler)handler" : ".handler = handler", name);
    write_string(spell(export->item->type, "", SPELL_DECLARED), out);
    fprintf(out,
            ", &address, error);\n    if (!failed)\n        gate_target_%s = (%s)address;\n    return failed;\n}\n",
            name, spell(&pointer, "", SPELL_NAMED));
}

static const char common[] =
    "#include <stdio.h>\n"
    "#include <stdlib.h>\n"
    "\n"
    "__attribute__((unused)) static _Noreturn void gate_exports_fail(const char *name) {\n"
    "    fprintf(stderr, \"%s is called, and no host has exported it\\n\", name);\n"
    "    abort();\n"
    "}\n"
    "\n"
    "/* Signature and callback live as long as the program: C may call at any time. */\n"
    "__attribute__((unused)) static int gate_exports_make(gate_runtime *runtime, gate_decls *decls,\n"
    "    struct gate_callback_config config, const char *type, void (**address)(void), gate_error *error) {\n"
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
    if (config_next(request, SECTION_EXPORT, NULL))
        fputs(common, out);
    for (const struct section *export = NULL; (export = config_next(request, SECTION_EXPORT, export)) != NULL;) {
        write_if(export->item, out);
        write_function(export, out);
        write_setter(export, false, out);
        write_setter(export, true, out);
        write_endif(export->item, out);
    }
}
