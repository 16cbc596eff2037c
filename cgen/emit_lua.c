/* Writes a module for Lua, on callgate.ffi: the declarations, and a table of functions, constants and values. Functions are
 * looked up when they are used first: a header may declare what a library does not have.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "cgen/model.h"

static void write_comment(const struct item *item, FILE *out) {
    const char *at = item->comment ? item->comment : "";
    while (*at) {
        int length = (int)strcspn(at, "\n");
        fprintf(out, "    --- %.*s\n", length, at);
        at += length + (at[length] == '\n');
    }
}

static void write_functions(const struct model *model, bool inlines, FILE *out) {
    for (size_t i = 0; i < model->count; i++) {
        const struct item *f = model->items[i];
        if (f->kind != ITEM_FUNCTION || !item_is_bound(f) || f->is_inline != inlines)
            continue;
        write_comment(f, out);
        if (*spell_notes(f))
            fprintf(out, "    --- %s\n", spell_notes(f));
        fprintf(out, "    [\"%s\"] = {\"%s\", \"%s\"}, -- %s\n", item_name(f), f->name, word_of_class(f->call_class),
                spell(f->type, f->name, SPELL_NAMED));
    }
}

static void write_value(const struct item *item, FILE *out) {
    const struct value *value = &item->value;
    if (value->kind == VALUE_NONE || (value->kind == VALUE_FLOATING && value->floating - value->floating != 0))
        return;
    write_comment(item, out);
    fprintf(out, "    [\"%s\"] = ", item->name);
    if (value->kind == VALUE_INTEGER)
        fprintf(out, "%lld,\n", value->integer);
    else if (value->kind == VALUE_FLOATING)
        fprintf(out, "%.17g,\n", value->floating);
    else {
        write_string(value->string, out);
        fputs(",\n", out);
    }
}

static void write_values(const struct model *model, FILE *out) {
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = model->items[i];
        for (size_t j = 0; j < item->constant_count && item->is_needed; j++)
            fprintf(out, "    [\"%s\"] = %lld,\n", item->constants[j].name, item->constants[j].value);
        if (item_is_bound(item))
            write_value(item, out);
    }
}

static const char lookup[] =
    "\n"
    "local library, stubs\n"
    "local function find(name)\n"
    "    local f, from = functions[name], nil\n"
    "    if f then\n"
    "        library = library or ffi.load(library_name)\n"
    "        from = library\n"
    "    else\n"
    "        f = inlines[name]\n"
    "        if not f then return nil end\n"
    "        stubs = stubs or ffi.load(assert(package.searchpath(stubs_name, package.cpath)))\n"
    "        from = stubs\n"
    "    end\n"
    "    local as = f[2] ~= 'default' and ffi[f[2] == 'guarded' and 'guard' or f[2]]\n"
    "    return ffi.lenient(as and as(from[f[1]]) or from[f[1]])\n"
    "end\n"
    "\n"
    "return setmetatable(values, {__index = function(module, name)\n"
    "    local found = find(name)\n"
    "    if found ~= nil then rawset(module, name, found) end\n"
    "    return found\n"
    "end})\n";

void emit_lua(const struct model *model, const struct request *request, FILE *out) {
    fprintf(out, "-- made by: %s\nlocal ffi = require \"callgate.ffi\"\n\nffi.declare [====[\n", request->command);
    emit_cdef(model, request, out);
    fputs("]====]\n\nlocal library_name, stubs_name = ", out);
    write_string(installed_name(request), out);
    fprintf(out, ", \"%s_stubs\"\nlocal functions = {\n", request->name);
    write_functions(model, false, out);
    fputs("}\n\n-- these have no symbol but in the stubs\nlocal inlines = {\n", out);
    write_functions(model, true, out);
    fputs("}\n\nlocal values = {\n", out);
    write_values(model, out);
    fputs("}\n", out);
    fputs(lookup, out);
}
