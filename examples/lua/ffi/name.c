/* Types in words, as LuaJIT's messages and tostring have them: "const char *", "int (*)[4]", "struct point &". The parameters
 * of functions are left out, and a struct without a name has a number.
 *
 * A type is written around its declarator: what stands before it grows to the left, what stands behind it to the right.
 *
 * SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "examples/lua/ffi/ffi.h"

enum { ROOM = 512 };

struct words {
    char text[ROOM];
    size_t begin, end;
    bool needs_space; /* between a specifier and what follows */
    bool is_cut;
};

static void prepend_sign(struct words *w, char sign) {
    if (w->begin == 0)
        w->is_cut = true;
    else
        w->text[--w->begin] = sign;
}

/* A word, with a space behind it if something follows. */
static void prepend_word(struct words *w, const char *word) {
    size_t length = strlen(word);
    if (w->needs_space)
        prepend_sign(w, ' ');
    w->needs_space = true;
    if (length > w->begin) {
        w->is_cut = true;
        return;
    }
    w->begin -= length;
    memcpy(w->text + w->begin, word, length);
}

static void append(struct words *w, const char *word) {
    size_t length = strlen(word);
    if (w->end + length >= ROOM) {
        w->is_cut = true;
        return;
    }
    memcpy(w->text + w->end, word, length);
    w->end += length;
}

static void prepend_qualifiers(struct words *w, unsigned qualifiers) {
    if (qualifiers & GATE_VOLATILE)
        prepend_word(w, "volatile");
    if (qualifiers & GATE_CONST)
        prepend_word(w, "const");
}

static const char *integer_name(const struct ctype *type) {
    switch (type->size) {
    case 1:
        return !type->is_unsigned == ((char)-1 < 0) ? "char" : type->is_unsigned ? "unsigned char" : "signed char";
    case 2:
        return type->is_unsigned ? "unsigned short" : "short";
    case 4:
        return type->is_unsigned ? "unsigned int" : "int";
    default:
        return type->is_unsigned ? "uint64_t" : "int64_t";
    }
}

static void prepend_tagged(struct words *w, const struct ctype *type, const char *what) {
    char number[24];
    snprintf(number, sizeof number, "%u", type->number);
    prepend_word(w, type->type->tag ? type->type->tag : number);
    prepend_word(w, what);
}

static void prepend_specifier(struct words *w, const struct ctype *type) {
    char printed[128];
    switch (type->form) {
    case FORM_VOID:
        prepend_word(w, "void");
        break;
    case FORM_BOOL:
        prepend_word(w, "bool");
        break;
    case FORM_INTEGER:
        prepend_word(w, integer_name(type));
        break;
    case FORM_RECORD:
        prepend_tagged(w, type, type->type->kind == GATE_UNION ? "union" : "struct");
        break;
    case FORM_ENUM:
        prepend_tagged(w, type, "enum");
        break;
    case FORM_CTYPE:
        prepend_word(w, "ctype");
        break;
    case FORM_COMPLEX:
        prepend_word(w, type->target->size == sizeof(float) ? "complex float" : "complex");
        break;
    default:
        gate_type_print(type->plain->type, printed, sizeof printed);
        prepend_word(w, printed);
        break;
    }
}

static void append_count(struct words *w, const struct ctype *array) {
    char count[32];
    snprintf(count, sizeof count, "[%zu]", array->count);
    append(w, array->count == GATE_COUNT_UNKNOWN ? "[]" : array->count == GATE_COUNT_LATER ? "[?]" : count);
}

/* What stands behind a name, or a pointer in parentheses. */
static void append_suffix(struct words *w, const struct ctype *type, bool is_behind_pointer) {
    if (is_behind_pointer) {
        prepend_sign(w, '(');
        append(w, ")");
    }
    if (type->form == FORM_ARRAY)
        append_count(w, type);
    else
        append(w, "()");
}

static void write_type(lua_State *L, struct ffi *ffi, struct words *w, const struct ctype *type, bool is_reference) {
    bool is_behind_pointer = is_reference;
    if (is_reference)
        prepend_sign(w, '&');
    w->needs_space = is_reference;
    while (type->form == FORM_POINTER || type->form == FORM_ARRAY || type->form == FORM_FUNCTION) {
        if (type->form == FORM_POINTER) {
            prepend_qualifiers(w, type->qualifiers);
            prepend_sign(w, '*');
        } else {
            append_suffix(w, type, is_behind_pointer);
        }
        w->needs_space = true;
        is_behind_pointer = type->form == FORM_POINTER;
        type =
            type->form == FORM_FUNCTION ? ctype_of(L, ffi, gate_signature_result(type->type->function)) : type->target;
    }
    prepend_specifier(w, type);
    prepend_qualifiers(w, type->qualifiers);
}

const char *name_push(lua_State *L, struct ffi *ffi, const struct ctype *type, bool is_reference) {
    struct words w = {.begin = ROOM / 2, .end = ROOM / 2};
    if (!ffi->decls)
        return lua_pushliteral(L, "a type of a state that closes");
    if (type->form == FORM_REFERENCE)
        write_type(L, ffi, &w, type->target, true);
    else
        write_type(L, ffi, &w, type, is_reference);
    if (w.is_cut)
        return lua_pushliteral(L, "a type with a long name");
    return lua_pushlstring(L, w.text + w.begin, w.end - w.begin);
}

const char *name_push_value(lua_State *L, struct ffi *ffi, int index) {
    const struct cdata *cd = cdata_test(L, ffi, index);
    return cd ? name_push(L, ffi, cd->type, cd->size == REFERENCE) : lua_pushstring(L, luaL_typename(L, index));
}
