/* Types and declarations by their text. There is one scope for each Lua state, where LuaJIT's rules hold of what is declared
 * again: what is defined is not defined again, and of other declarations the first counts.
 *
 * A "$" stands for a type, a name or a number that is given with the text. It is a token of its own: a name is no keyword and no
 * type, and a type is the one that was given, whatever else is written like it.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <string.h>

#include "examples/lua/ffi/ffi.h"

/* The length of the word of a name that begins at text. */
static size_t word_length(const char *text) {
    size_t length = 0;
    while (isalnum((unsigned char)text[length]) || text[length] == '_')
        length++;
    return length;
}

static bool is_word(const char *text, size_t length, const char *word) {
    return strlen(word) == length && memcmp(text, word, length) == 0;
}

/* A type's text may not bring a tag into being, as a declaration may: it would be a mistake. */
static void check_tag(lua_State *L, struct ffi *ffi, const char *text) {
    size_t length = *text == '$' ? 1 : word_length(text);
    if (length == 0)
        return;
    const char *tag = lua_pushlstring(L, text, length);
    if (!gate_decls_find_tag(ffi->decls, tag))
        luaL_error(L, "undeclared or implicit tag '%s'", tag);
    lua_pop(L, 1);
}

/* What comes behind blanks and attributes, which may stand before a tag. */
static const char *skip_attributes(const char *text) {
    static const char blanks[] = " \t\n";
    text += strspn(text, blanks);
    while (is_word(text, word_length(text), "__attribute__") || is_word(text, word_length(text), "__attribute")) {
        int depth = 0;
        text += strcspn(text, "(");
        do {
            depth += (*text == '(') - (*text == ')');
            text += *text != '\0';
        } while (depth > 0 && *text);
        text += strspn(text, blanks);
    }
    return text;
}

static void check_tags(lua_State *L, struct ffi *ffi, const char *text) {
    while (*text) {
        size_t length = word_length(text);
        bool is_tagged =
            is_word(text, length, "struct") || is_word(text, length, "union") || is_word(text, length, "enum");
        text += length ? length : 1;
        if (is_tagged)
            check_tag(L, ffi, skip_attributes(text));
    }
}

/* C++'s "&", at the end or as "(&)"; without it, the text is pushed. */
static const char *without_reference(lua_State *L, const char *text, bool *is_reference) {
    size_t length = strlen(text);
    const char *inner = strstr(text, "(&)");
    *is_reference = inner != NULL;
    if (inner)
        return lua_pushfstring(L, "%s%s", lua_pushlstring(L, text, (size_t)(inner - text)), inner + 3);
    while (length && isspace((unsigned char)text[length - 1]))
        length--;
    *is_reference = length && text[length - 1] == '&';
    return *is_reference ? lua_pushlstring(L, text, length - 1) : text;
}

static struct ctype *read_type(lua_State *L, struct ffi *ffi, const char *text,
                               const struct gate_decls_options *options) {
    gate_error error;
    const gate_type *type;
    bool is_reference;
    int top = lua_gettop(L);
    if (!ffi->decls)
        luaL_error(L, "callgate has stopped: the Lua state closes");
    text = without_reference(L, text, &is_reference);
    check_tags(L, ffi, text);
    if (gate_decls_type_with(ffi->decls, text, options, &type, &error))
        luaL_error(L, "%s", error.message);
    lua_settop(L, top);
    struct ctype *made = ctype_of(L, ffi, type);
    return is_reference ? ctype_reference(L, ffi, made) : made;
}

struct ctype *text_read(lua_State *L, struct ffi *ffi, const char *text) {
    return read_type(L, ffi, text, &(struct gate_decls_options){.once = true});
}

/* A text that defines a type means another one each time; all else is read once. */
static struct ctype *find_type(lua_State *L, struct ffi *ffi, int index) {
    size_t length;
    const char *text = lua_tolstring(L, index, &length);
    index = lua_absindex(L, index);
    if (strlen(text) != length)
        luaL_argerror(L, index, "a type's text has no zeros");
    lua_rawgeti(L, LUA_REGISTRYINDEX, ffi->texts);
    lua_pushvalue(L, index);
    lua_rawget(L, -2);
    struct ctype *type = lua_touserdata(L, -1);
    lua_pop(L, 1);
    if (!type) {
        type = text_read(L, ffi, text);
        if (!strchr(text, '{')) {
            lua_pushvalue(L, index);
            lua_pushlightuserdata(L, type);
            lua_rawset(L, -3);
        }
    }
    lua_pop(L, 1);
    return type;
}

static struct ctype *target_of(struct ctype *type) {
    return type->form == FORM_REFERENCE ? type->target : type;
}

struct ctype *text_check_type(lua_State *L, struct ffi *ffi, int index) {
    if (lua_type(L, index) == LUA_TSTRING)
        return target_of(find_type(L, ffi, index));
    const struct cdata *cd = cdata_test(L, ffi, index);
    if (cd)
        return cd->type->form == FORM_CTYPE ? cdata_ctype(cd) : cd->type;
    const char *given = lua_isnone(L, index) ? "no value" : luaL_typename(L, index);
    luaL_argerror(L, index, lua_pushfstring(L, "C type expected, got %s", given));
    return NULL;
}

/* Parameters */

/* The type that a cdata has, or is. */
static struct ctype *type_of(const struct cdata *cd) {
    return cd->type->form == FORM_CTYPE ? *(struct ctype **)cd->address : cd->type;
}

static struct gate_decls_value check_parameter(lua_State *L, struct ffi *ffi, int index) {
    struct gate_decls_value value = {.number = 0};
    const struct cdata *cd;
    if (lua_type(L, index) == LUA_TSTRING) {
        size_t length;
        value.name = lua_tolstring(L, index, &length);
        luaL_argcheck(L, strlen(value.name) == length, index, "a name has no zeros");
    } else if (lua_type(L, index) == LUA_TNUMBER) {
        value.number = (int)lua_tonumber(L, index);
    } else if ((cd = cdata_test(L, ffi, index)) != NULL) {
        if (type_of(cd)->form == FORM_REFERENCE)
            luaL_argerror(L, index, "invalid C type");
        value.type = ctype_gate_type(L, ffi, type_of(cd));
    } else {
        luaL_argerror(L, index, lua_pushfstring(L, "type parameter expected, got %s", luaL_typename(L, index)));
    }
    return value;
}

/* Pushes what the values from index first to the top are to a text. */
static struct gate_decls_options push_parameters(lua_State *L, struct ffi *ffi, int first) {
    struct gate_decls_options options = {.once = true};
    int last = lua_gettop(L);
    options.count = last < first ? 0 : (size_t)(last - first + 1);
    struct gate_decls_value *values = lua_newuserdatauv(L, (options.count + 1) * sizeof *values, 0);
    for (size_t i = 0; i < options.count; i++)
        values[i] = check_parameter(L, ffi, first + (int)i);
    options.values = values;
    return options;
}

struct ctype *text_check_parameterized(lua_State *L, struct ffi *ffi, int index, int first) {
    const struct cdata *cd = lua_type(L, index) == LUA_TUSERDATA ? cdata_test(L, ffi, index) : NULL;
    if (cd && cd->type->form == FORM_CTYPE)
        return type_of(cd);
    if (lua_type(L, index) != LUA_TSTRING)
        return text_check_type(L, ffi, index);
    const char *text = lua_tostring(L, index);
    if (lua_gettop(L) < first)
        return find_type(L, ffi, index);
    cd = strcmp(text, "$") == 0 && lua_gettop(L) == first ? cdata_test(L, ffi, first) : NULL;
    if (cd)
        return type_of(cd); /* the only text in which a reference may be given */
    struct gate_decls_options options = push_parameters(L, ffi, first);
    struct ctype *type = read_type(L, ffi, text, &options);
    lua_pop(L, 1);
    return type;
}

static int declare(lua_State *L, bool once) {
    struct ffi *ffi = ffi_of(L);
    gate_error error;
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    if (!ffi->decls)
        return luaL_error(L, "callgate has stopped: the Lua state closes");
    if (strlen(text) != length)
        return luaL_argerror(L, 1, "declarations have no zeros");
    struct gate_decls_options options = push_parameters(L, ffi, 2);
    options.once = once;
    if (gate_decls_read_with(ffi->decls, text, &options, &error))
        return luaL_error(L, "%s", error.message);
    return 0;
}

/* ffi.cdef(text, ...) */
int text_cdef(lua_State *L) {
    return declare(L, true);
}

/* ffi.declare(text, ...): beyond LuaJIT, for texts that are made of headers, of which one may be in several */
int text_declare(lua_State *L) {
    return declare(L, false);
}
