/* Types and declarations by their text. There is one scope for each Lua state.
 *
 * A "$" stands for a type, a name or a number that is given with the text, as in LuaJIT. A type is put there by a name
 * that the scope is told of.
 *
 * SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdio.h>
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

/* A type's text may not bring a tag into being by naming it, as a declaration may: it would be a mistake. */
static void check_tag(lua_State *L, struct ffi *ffi, const char *text) {
    size_t length = word_length(text);
    const char *rest = text + length + strspn(text + length, " \t\n");
    if (length == 0 || *rest == '{')
        return;
    const char *tag = lua_pushlstring(L, text, length);
    if (!gate_decls_find_tag(ffi->decls, tag))
        luaL_error(L, "undeclared or implicit tag '%s'", tag);
    lua_pop(L, 1);
}

static void check_tags(lua_State *L, struct ffi *ffi, const char *text) {
    while (*text) {
        size_t length = word_length(text);
        bool is_tagged =
            is_word(text, length, "struct") || is_word(text, length, "union") || is_word(text, length, "enum");
        text += length ? length : 1;
        if (is_tagged)
            check_tag(L, ffi, text + strspn(text, " \t\n"));
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

struct ctype *text_read(lua_State *L, struct ffi *ffi, const char *text) {
    gate_error error;
    const gate_type *type;
    bool is_reference;
    int top = lua_gettop(L);
    if (!ffi->decls)
        luaL_error(L, "callgate has stopped: the Lua state closes");
    text = without_reference(L, text, &is_reference);
    check_tags(L, ffi, text);
    if (gate_decls_type(ffi->decls, text, &type, &error))
        luaL_error(L, "%s", error.message);
    lua_settop(L, top);
    struct ctype *made = ctype_of(L, ffi, type);
    return is_reference ? ctype_reference(L, ffi, made) : made;
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

/* The type that a cdata has, or is, with a name for texts. */
static const struct ctype *type_of(lua_State *L, struct ffi *ffi, const struct cdata *cd) {
    struct ctype *type = cd->type->form == FORM_CTYPE ? cdata_ctype(cd) : cd->type;
    ctype_gate_type(L, ffi, type);
    return type;
}

static void add_parameter(lua_State *L, struct ffi *ffi, luaL_Buffer *buffer, int index) {
    char number[32];
    if (lua_type(L, index) == LUA_TSTRING) {
        luaL_addstring(buffer, lua_tostring(L, index));
    } else if (lua_type(L, index) == LUA_TNUMBER) {
        snprintf(number, sizeof number, "%d", (int)lua_tonumber(L, index));
        luaL_addstring(buffer, number);
    } else {
        const struct cdata *cd = cdata_test(L, ffi, index);
        if (cd)
            luaL_addstring(buffer, type_of(L, ffi, cd)->typedef_name);
        else
            luaL_argerror(L, index, lua_pushfstring(L, "type parameter expected, got %s", luaL_typename(L, index)));
    }
}

/* The end of a comment or a literal that begins at text; NULL if none does. */
static const char *skip(const char *text) {
    const char *end = NULL;
    if (text[0] == '/' && text[1] == '*') {
        end = strstr(text + 2, "*/");
        return end ? end + 2 : text + strlen(text);
    }
    if (text[0] == '/' && text[1] == '/')
        return text + strcspn(text, "\n");
    if (text[0] != '"' && text[0] != '\'')
        return NULL;
    for (end = text + 1; *end && *end != *text; end++) {
        if (*end == '\\' && end[1])
            end++;
    }
    return *end ? end + 1 : end;
}

/* Pushes the text at index with each "$" replaced by the values from first to the top. */
static void replace_parameters(lua_State *L, struct ffi *ffi, int index, int first) {
    luaL_Buffer buffer;
    const char *text = luaL_checkstring(L, index);
    int last = lua_gettop(L);
    for (int i = first; i <= last; i++) { /* whatever raises errors comes before the buffer */
        const struct cdata *cd = cdata_test(L, ffi, i);
        if (cd)
            type_of(L, ffi, cd);
    }
    luaL_buffinit(L, &buffer);
    while (*text) {
        const char *end = skip(text);
        if (end) {
            luaL_addlstring(&buffer, text, (size_t)(end - text));
            text = end;
        } else if (*text == '$') {
            if (first > last)
                luaL_error(L, "wrong number of type parameters");
            add_parameter(L, ffi, &buffer, first++);
            text++;
        } else {
            luaL_addchar(&buffer, *text++);
        }
    }
    if (first <= last)
        luaL_error(L, "wrong number of type parameters");
    luaL_pushresult(&buffer);
}

struct ctype *text_check_parameterized(lua_State *L, struct ffi *ffi, int index, int first) {
    const struct cdata *cd = lua_type(L, index) == LUA_TUSERDATA ? cdata_test(L, ffi, index) : NULL;
    if (cd && cd->type->form == FORM_CTYPE)
        return *(struct ctype **)cd->address;
    if (lua_type(L, index) != LUA_TSTRING)
        return text_check_type(L, ffi, index);
    if (lua_gettop(L) < first && !strchr(lua_tostring(L, index), '$'))
        return find_type(L, ffi, index);
    replace_parameters(L, ffi, index, first);
    struct ctype *type = text_read(L, ffi, lua_tostring(L, -1));
    lua_pop(L, 1);
    return type;
}

/* ffi.cdef(text, ...) */
int text_cdef(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    gate_error error;
    size_t length;
    const char *text = luaL_checklstring(L, 1, &length);
    if (!ffi->decls)
        return luaL_error(L, "callgate has stopped: the Lua state closes");
    if (strlen(text) != length)
        return luaL_argerror(L, 1, "declarations have no zeros");
    if (lua_gettop(L) > 1 || strchr(text, '$')) {
        replace_parameters(L, ffi, 1, 2);
        text = lua_tostring(L, -1);
    }
    if (gate_decls_read(ffi->decls, text, &error))
        return luaL_error(L, "%s", error.message);
    return 0;
}
