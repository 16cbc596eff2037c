/* Initialisers: what makes arrays and records of tables, strings, lists and other values, by LuaJIT's rules.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "examples/lua/ffi/ffi.h"

static const char *too_many(lua_State *L, struct ffi *ffi, struct ctype *type) {
    return lua_pushfstring(L, "too many initializers for '%s'", name_push(L, ffi, type, false));
}

/* Arrays */

/* One element alone is for all of them; else what is left is zero. */
static void fill_rest(char *to, size_t done, size_t element, size_t size) {
    if (done == element && element) {
        for (; done < size; done += element)
            memcpy(to + done, to, element);
    } else if (done < size) {
        memset(to + done, 0, size - done);
    }
}

/* Pushes element i of the table, which may begin at 0 or at 1; false at its end. */
static bool next_element(lua_State *L, int table, lua_Integer *i) {
    lua_rawgeti(L, table, *i);
    if (*i == 0 && lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_rawgeti(L, table, ++*i);
    }
    ++*i;
    if (!lua_isnil(L, -1))
        return true;
    lua_pop(L, 1);
    return false;
}

/* Adds the size of each to *done. */
static const char *put_elements(lua_State *L, struct ffi *ffi, int index, struct ctype *type, char *to, size_t size,
                                size_t *done) {
    struct ctype *element = type->target;
    lua_Integer i = 0;
    const char *why = NULL;
    index = lua_absindex(L, index);
    luaL_checkstack(L, LUA_MINSTACK, "initialisers that are nested deeply");
    while (next_element(L, index, &i)) {
        why = size - *done < element->size || !element->size ? too_many(L, ffi, type)
                                                             : element->to_c(L, ffi, -1, element, to + *done);
        if (why)
            return why;
        lua_pop(L, 1);
        *done += element->size;
    }
    return NULL;
}

static const char *from_table(lua_State *L, struct ffi *ffi, int index, struct ctype *type, char *to, size_t size) {
    size_t done = 0;
    const char *why = put_elements(L, ffi, index, type, to, size, &done);
    if (!why)
        fill_rest(to, done, type->target->size, size);
    return why;
}

static const char *from_string(lua_State *L, struct ffi *ffi, int index, struct ctype *type, char *to, size_t size) {
    size_t length;
    if (type->form != FORM_ARRAY || type->target->form != FORM_INTEGER || type->target->size != 1)
        return convert_refuse(L, ffi, index, type);
    const char *text = lua_tolstring(L, index, &length);
    memcpy(to, text, length + 1 < size ? length + 1 : size);
    return NULL;
}

static const char *array_of_size(lua_State *L, struct ffi *ffi, int index, struct ctype *type, char *to, size_t size) {
    const struct cdata *cd;
    switch (lua_type(L, index)) {
    case LUA_TTABLE:
        return from_table(L, ffi, index, type, to, size);
    case LUA_TSTRING:
        return from_string(L, ffi, index, type, to, size);
    default:
        cd = cdata_test(L, ffi, index);
        return cd ? convert_value(L, ffi, type, to, cd->type, cd->address, false) : convert_refuse(L, ffi, index, type);
    }
}

const char *init_open_array(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to, size_t room) {
    size_t done = 0;
    return lua_type(L, index) == LUA_TTABLE ? put_elements(L, ffi, index, type, to, room, &done)
                                            : array_of_size(L, ffi, index, type, to, room);
}

const char *init_array(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    return ctype_is_open(type) ? init_open_array(L, ffi, index, type, to, SIZE_MAX)
                               : array_of_size(L, ffi, index, type, to, type->size);
}

static const char *array_of_list(lua_State *L, struct ffi *ffi, struct ctype *type, size_t size, char *to, int first) {
    struct ctype *element = type->target;
    size_t done = 0;
    int last = lua_gettop(L);
    for (int i = first; i <= last; i++, done += element->size) {
        if (!element->size || size - done < element->size)
            return too_many(L, ffi, type);
        const char *why = element->to_c(L, ffi, i, element, to + done);
        if (why)
            return why;
    }
    fill_rest(to, done, element->size, size);
    return NULL;
}

/* A vector by one number has it everywhere. */
const char *init_vector(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    struct ctype *element = type->target;
    if (lua_type(L, index) == LUA_TTABLE)
        return from_table(L, ffi, index, type, to, type->size);
    const struct cdata *cd = cdata_test(L, ffi, index);
    if (cd && cd->type->plain == type->plain)
        return convert_value(L, ffi, type, to, cd->type, cd->address, false);
    const char *why = element->to_c(L, ffi, index, element, to);
    if (!why)
        fill_rest(to, element->size, element->size, type->size);
    return why;
}

/* Records. Their members are walked in order, with those of anonymous ones; of a union, the first counts. */

struct walk {
    char *end; /* of the record, with what a variable array at its end has */
    int table; /* its index; or 0 for a list */
    lua_Integer next;
    int last;
    bool by_name;
};

/* Pushes what the field named name is to have. A table that has nothing at its first places is one of names. */
enum found { FOUND, NOT_FOUND, ENDED };

static enum found find_initialiser(lua_State *L, struct walk *walk, const char *name) {
    if (!walk->table) {
        if (walk->next > walk->last)
            return ENDED;
        lua_pushvalue(L, (int)walk->next++);
        return FOUND;
    }
    lua_Integer i = walk->next;
    if (!walk->by_name && next_element(L, walk->table, &i)) {
        walk->next = i;
        return FOUND;
    }
    if (!walk->by_name && walk->next > 0)
        return ENDED;
    walk->by_name = true;
    lua_pushstring(L, name);
    lua_rawget(L, walk->table);
    if (!lua_isnil(L, -1))
        return FOUND;
    lua_pop(L, 1);
    return NOT_FOUND;
}

static const char *init_member(lua_State *L, struct ffi *ffi, const gate_field *member, char *to, char *end) {
    struct field field = {.offset = member->offset, .bit_offset = member->bit_offset};
    field.bit_width = ctype_bit_width(member);
    field.type = ctype_of(L, ffi, member->type);
    char *at = to + field.offset;
    const char *why = ctype_is_open(field.type) ? array_of_size(L, ffi, -1, field.type, at, (size_t)(end - at))
                                                : convert_set_field(L, ffi, -1, &field, to);
    if (!why)
        lua_pop(L, 1);
    return why;
}

static const char *walk_members(lua_State *L, struct ffi *ffi, const gate_type *type, char *to, struct walk *walk) {
    const char *why = NULL;
    for (size_t i = 0; !why && i < type->count; i++) {
        const gate_field *member = &type->fields[i];
        bool is_anonymous = !member->name && !member->is_bit_field;
        if (is_anonymous)
            why = walk_members(L, ffi, member->type, to + member->offset, walk);
        if (is_anonymous && type->kind == GATE_UNION && !walk->table)
            break; /* that was its first; a table may name what is in another */
        if (!member->name)
            continue;
        enum found found = find_initialiser(L, walk, member->name);
        if (found == FOUND)
            why = init_member(L, ffi, member, to, walk->end);
        if (found == ENDED || (found == FOUND && type->kind == GATE_UNION))
            break;
    }
    return why;
}

static const char *record_from_table(lua_State *L, struct ffi *ffi, int index, struct ctype *type, char *to,
                                     size_t size) {
    struct walk walk = {.end = to + size, .table = lua_absindex(L, index)};
    luaL_checkstack(L, LUA_MINSTACK, "initialisers that are nested deeply");
    memset(to, 0, size);
    return walk_members(L, ffi, type->type, to, &walk);
}

const char *init_record(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    if (lua_type(L, index) == LUA_TTABLE && type->is_complete)
        return record_from_table(L, ffi, index, type, to, type->size);
    const struct cdata *cd = cdata_test(L, ffi, index);
    return cd ? convert_value(L, ffi, type, to, cd->type, cd->address, false) : convert_refuse(L, ffi, index, type);
}

static const char *record_of_list(lua_State *L, struct ffi *ffi, struct ctype *type, size_t size, char *to, int first) {
    struct walk walk = {.end = to + size, .next = first, .last = lua_gettop(L)};
    const char *why = walk_members(L, ffi, type->type, to, &walk);
    return why ? why : walk.next <= walk.last ? too_many(L, ffi, type) : NULL;
}

/* Whether a single value is a list of one, and not the aggregate. */
static bool is_list(lua_State *L, struct ffi *ffi, const struct ctype *type, int index) {
    if (type->form != FORM_ARRAY && type->form != FORM_RECORD)
        return false;
    if (lua_type(L, index) == LUA_TTABLE || (lua_type(L, index) == LUA_TSTRING && type->form == FORM_ARRAY))
        return false;
    const struct cdata *cd = cdata_test(L, ffi, index);
    return !cd || cd->type->plain != type->plain;
}

const char *init_value(lua_State *L, struct ffi *ffi, struct ctype *type, size_t size, void *to, int first) {
    int count = lua_gettop(L) - first + 1;
    if (count <= 0)
        return NULL;
    if (count == 1 && type->form == FORM_RECORD && lua_type(L, first) == LUA_TTABLE)
        return record_from_table(L, ffi, first, type, to, size);
    if (count == 1 && !is_list(L, ffi, type, first))
        return type->form == FORM_ARRAY ? array_of_size(L, ffi, first, type, to, size)
                                        : type->to_c(L, ffi, first, type, to);
    if (type->form == FORM_ARRAY || type->form == FORM_COMPLEX || ctype_is_vector(type))
        return array_of_list(L, ffi, type, size, to, first);
    if (type->form == FORM_RECORD)
        return record_of_list(L, ffi, type, size, to, first);
    return too_many(L, ffi, type);
}
