/* Writes a module for Lua, on callgate.ffi: the declarations, and a table of functions, variables, constants and values.
 * Functions are looked up when they are used first: a header may declare what a library does not have. Variables are the
 * library's own, read and set each time.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "cgen/model.h"

static void write_comment(const char *comment, FILE *out) {
    const char *at = comment ? comment : "";
    while (*at) {
        int length = (int)strcspn(at, "\n");
        fprintf(out, "    --- %.*s\n", length, at);
        at += length + (at[length] == '\n');
    }
}

/* Its declaration, in one line. */
static const char *spell_line(const struct item *item) {
    char *text = spell(item->type, item->name, SPELL_NAMED);
    for (char *at = text; (at = strchr(at, '\n'));) {
        const char *next = at + strspn(at, "\n ");
        *at++ = ' ';
        memmove(at, next, strlen(next) + 1);
    }
    return text;
}

static void write_functions(const struct model *model, bool inlines, FILE *out) {
    for (size_t i = 0; i < model->count; i++) {
        const struct item *f = model->items[i];
        if (f->kind != ITEM_FUNCTION || !item_is_bound(f) || f->is_inline != inlines)
            continue;
        write_comment(f->comment, out);
        if (*spell_notes(f))
            fprintf(out, "    --- %s\n", spell_notes(f));
        fprintf(out, "    [\"%s\"] = {\"%s\", \"%s\"}, -- %s\n", item_name(f), f->name, word_of_class(f->call_class),
                spell_line(f));
    }
}

/* Those of which more is known are constants. */
static void write_variables(const struct model *model, FILE *out) {
    for (size_t i = 0; i < model->count; i++) {
        const struct item *v = model->items[i];
        if (v->kind != ITEM_VARIABLE || !item_is_bound(v) || v->is_inline || v->value.kind != VALUE_NONE)
            continue;
        write_comment(v->comment, out);
        fprintf(out, "    [\"%s\"] = true, -- %s\n", v->name, spell_line(v));
    }
}

/* One that the numbers of some Lua don't hold, which are doubles before 5.3, in two halves. */
static void write_integer(long long value, const struct type *type, FILE *out) {
    const long long most = 1LL << 53;
    bool is_signed = type_bare(type)->basic == BASIC_SIGNED;
    unsigned long long bits = (unsigned long long)value;
    const char *whole = spell_integer(value, type);
    if (value <= most && value >= (is_signed ? -most : 0))
        fprintf(out, "%s,\n", whole);
    else if (is_signed)
        fprintf(out, "wide(\"int64_t\", %lld, %llu), -- %s\n", value >> 32, bits & 0xffffffff, whole);
    else
        fprintf(out, "wide(\"uint64_t\", %llu, %llu), -- %s\n", bits >> 32, bits & 0xffffffff, whole);
}

/* Lua 5.1 takes the constants 0 and -0 for one. */
static void write_floating(double value, FILE *out) {
    fprintf(out, "%s,\n",
            isnan(value)                   ? "0/0"
            : isinf(value)                 ? value > 0 ? "math.huge" : "-math.huge"
            : value == 0 && signbit(value) ? "-1/math.huge"
                                           : spell_floating(value));
}

/* A wide one is an array, as C takes it. */
static void write_literal(const struct value *value, const struct type *type, FILE *out) {
    if (value->unit_size == 1) {
        write_bytes(value->string, value->length, out);
        fputs(",\n", out);
        return;
    }
    const struct type *plain = type_plain(type);
    struct type unit = *type_plain(plain->target);
    unit.qualifiers = 0;
    size_t room = plain->kind == TYPE_ARRAY ? (size_t)plain->count : value->length + 1;
    fprintf(out, "ffi.new(\"%s\", {", spell(&unit, memory_format("[%zu]", room), SPELL_RESOLVED));
    for (size_t i = 0; i < value->length; i++)
        fprintf(out, "%lu%s", string_unit(value, i), i + 1 < room ? ", " : "");
    fputs(value->length < room ? "0}),\n" : "}),\n", out);
}

static void write_value(const struct item *item, FILE *out) {
    const struct value *value = &item->value;
    if (value->kind == VALUE_NONE)
        return;
    write_comment(item->comment, out);
    fprintf(out, "    [\"%s\"] = ", item->name);
    if (value->kind == VALUE_INTEGER)
        write_integer(value->integer, item->type, out);
    else if (value->kind == VALUE_FLOATING)
        write_floating(value->floating, out);
    else
        write_literal(value, item->type, out);
}

static void write_values(const struct model *model, FILE *out) {
    for (size_t i = 0; i < model->count; i++) {
        const struct item *item = model->items[i];
        for (size_t j = 0; j < item->constant_count && item->is_needed; j++) {
            write_comment(item->constants[j].comment, out);
            fprintf(out, "    [\"%s\"] = ", item->constants[j].name);
            write_integer(item->constants[j].value, item->type, out);
        }
        if (item_is_bound(item))
            write_value(item, out);
    }
}

static const char wide[] = "\n"
                           "-- what not every Lua has a number for: one, or the ffi's\n"
                           "local function wide(type, high, low)\n"
                           "    if math.type and high < 2147483648 then return high * 4294967296 + low end\n"
                           "    return ffi.cast(type, high) * 4294967296 + low\n"
                           "end\n";

static const char lookup[] =
    "\n"
    "local library, stubs\n"
    "local function open_library()\n"
    "    library = library or ffi.load(library_name)\n"
    "    return library\n"
    "end\n"
    "\n"
    "local function find_stubs(name)\n"
    "    for template in package.cpath:gmatch '[^;]+' do\n"
    "        local path = template:gsub('?', stubs_name)\n"
    "        local file = io.open(path)\n"
    "        if file then file:close() return path end\n"
    "    end\n"
    "    error(name .. ' is in ' .. stubs_name .. '.so alone, to which package.cpath does not lead: ' .. "
    "package.cpath, 5)\n"
    "end\n"
    "\n"
    "local function open_stubs(name)\n"
    "    stubs = stubs or ffi.load(find_stubs(name))\n"
    "    return stubs\n"
    "end\n"
    "\n"
    "local function find(name)\n"
    "    local f = functions[name] or inlines[name]\n"
    "    if not f then return nil end\n"
    "    local from = functions[name] and open_library() or open_stubs(name)\n"
    "    local as = f[2] ~= 'default' and ffi[f[2] == 'guarded' and 'guard' or f[2]]\n"
    "    return ffi.lenient(as and as(from[f[1]]) or from[f[1]])\n"
    "end\n"
    "\n"
    "return setmetatable(values, {\n"
    "    __index = function(module, name)\n"
    "        if variables[name] then return open_library()[name] end\n"
    "        local found = find(name)\n"
    "        if found ~= nil then rawset(module, name, found) end\n"
    "        return found\n"
    "    end,\n"
    "    __newindex = function(module, name, value)\n"
    "        if variables[name] then open_library()[name] = value else rawset(module, name, value) end\n"
    "    end,\n"
    "})\n";

void emit_lua(const struct model *model, const struct request *request, FILE *out) {
    fprintf(out, "-- made by: %s\nlocal ffi = require \"callgate.ffi\"\n\nffi.declare [====[\n", request->command);
    emit_cdef(model, request, out);
    fputs("]====]\n\nlocal library_name, stubs_name = ", out);
    write_string(installed_name(request), out);
    fprintf(out, ", \"%s_stubs\"\nlocal functions = {\n", request->name);
    write_functions(model, false, out);
    fputs("}\n\n-- these have no symbol but in the stubs\nlocal inlines = {\n", out);
    write_functions(model, true, out);
    fputs("}\n\nlocal variables = {\n", out);
    write_variables(model, out);
    fprintf(out, "}\n%s\nlocal values = {\n", wide);
    write_values(model, out);
    fputs("}\n", out);
    fputs(lookup, out);
}
