/* Members of records, elements of arrays, and what pointers lead to.
 *
 * A metatable's __index is for what is no member; that of a record serves its pointers and its constructor, too.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "examples/lua/ffi/ffi.h"

/* A place in C's memory. */
struct place {
    const struct field *field;
    char *record;      /* the field's offset counts from here */
    bool is_const;     /* not to speak of the field */
    struct field room; /* for what is no record's own */
};

static char *follow(lua_State *L, struct ffi *ffi, const struct cdata *cd) {
    char *address = *(char **)cd->address;
    if (!address)
        luaL_error(L, "attempt to follow a NULL pointer of type '%s'", name_push(L, ffi, cd->type, false));
    return address;
}

static bool is_record(const struct ctype *type) {
    return type->form == FORM_RECORD;
}

/* The member that the string at index 2 names. */
static bool find_member(lua_State *L, struct ffi *ffi, const struct cdata *cd, struct place *place) {
    struct ctype *type = cd->type;
    if (type->form == FORM_POINTER)
        type = type->target;
    if (is_record(type)) {
        place->field = ctype_field(L, type, 2, &place->room);
        if (!place->field)
            return false;
        place->record = type == cd->type ? cd->address : follow(L, ffi, cd);
        place->is_const = ctype_is_const(type);
        return true;
    }
    const char *name = lua_tostring(L, 2);
    bool is_real = strcmp(name, "re") == 0;
    if (type->form != FORM_COMPLEX || (!is_real && strcmp(name, "im") != 0))
        return false;
    place->field = &place->room;
    place->room = (struct field){.type = type->target, .offset = is_real ? 0 : type->target->size};
    place->record = type == cd->type ? cd->address : follow(L, ffi, cd);
    place->is_const = true;
    return true;
}

/* The integer at index 2. */
static bool to_index(lua_State *L, struct ffi *ffi, int64_t *i) {
    const struct cdata *key;
    if (lua_type(L, 2) != LUA_TNUMBER) {
        key = cdata_test(L, ffi, 2);
        if (!key || (key->type->form != FORM_INTEGER && key->type->form != FORM_ENUM))
            return false;
    }
    convert_integer(L, ffi, 2, ffi->basic[GATE_LONG], i);
    return true;
}

static bool find_element(lua_State *L, struct ffi *ffi, const struct cdata *cd, struct place *place) {
    struct ctype *type = cd->type, *element = type->target;
    bool is_vector = type->form == FORM_COMPLEX || (type->form == FORM_OPAQUE && element);
    int64_t i;
    if ((type->form != FORM_POINTER && type->form != FORM_ARRAY && !is_vector) || !to_index(L, ffi, &i))
        return false;
    if (!element->is_complete && !ctype_complete(element))
        luaL_error(L, "size of C type is unknown or too large");
    if (type->form == FORM_COMPLEX)
        i &= 1;
    char *begin = type->form == FORM_POINTER ? follow(L, ffi, cd) : cd->address;
    place->field = &place->room;
    place->room = (struct field){.type = element};
    place->record = begin + i * (int64_t)element->size;
    place->is_const = is_vector;
    return true;
}

static bool find(lua_State *L, struct ffi *ffi, const struct cdata *cd, struct place *place) {
    return lua_type(L, 2) == LUA_TSTRING ? find_member(L, ffi, cd, place) : find_element(L, ffi, cd, place);
}

/* The type whose metatable is asked when there is no member. */
static struct ctype *type_for_meta(const struct cdata *cd) {
    struct ctype *type = cd->type->form == FORM_CTYPE ? cdata_ctype(cd) : cd->type;
    return type->form == FORM_POINTER && type->target->form == FORM_RECORD ? type->target : type;
}

static int refuse(lua_State *L, struct ffi *ffi, struct ctype *type) {
    const char *name = name_push(L, ffi, type, false);
    if (lua_type(L, 2) == LUA_TSTRING)
        return luaL_error(L, "'%s' has no member named '%s'", name, lua_tostring(L, 2));
    return luaL_error(L, "'%s' cannot be indexed with '%s'", name, name_push_value(L, ffi, 2));
}

/* A constant that a record has: it is the constructor's, too. */
static bool find_constant(lua_State *L, const struct ctype *type, uint64_t *value) {
    return type->form == FORM_RECORD && lua_type(L, 2) == LUA_TSTRING && type->ffi->decls &&
           ctype_constant(type, lua_tostring(L, 2), value);
}

static int get_by_meta(lua_State *L, struct ffi *ffi, const struct cdata *cd) {
    struct ctype *type = type_for_meta(cd);
    uint64_t constant;
    if (type->form == FORM_POINTER && type->target->form == FORM_FUNCTION && lua_type(L, 2) == LUA_TSTRING)
        return closure_method(L, ffi, lua_tostring(L, 2));
    if (find_constant(L, type, &constant)) {
        convert_push_number(L, (int64_t)constant, false);
        return 1;
    }
    if (!meta_push(L, ffi, type, "__index"))
        return refuse(L, ffi, type);
    lua_pushvalue(L, 2);
    if (!lua_isfunction(L, -2)) {
        lua_gettable(L, -2);
        return lua_isnil(L, -1) ? refuse(L, ffi, type) : 1;
    }
    lua_pushvalue(L, 1);
    lua_insert(L, -2);
    lua_call(L, 2, 1);
    return 1;
}

static int set_by_meta(lua_State *L, struct ffi *ffi, const struct cdata *cd) {
    struct ctype *type = type_for_meta(cd);
    uint64_t constant;
    if (find_constant(L, type, &constant))
        return luaL_error(L, "attempt to write to constant location");
    if (!meta_push(L, ffi, type, "__newindex"))
        return refuse(L, ffi, type);
    if (!lua_isfunction(L, -1)) {
        lua_pushvalue(L, 2);
        lua_pushvalue(L, 3);
        lua_settable(L, -3);
        return 0;
    }
    lua_insert(L, 1);
    lua_call(L, 3, 0);
    return 0;
}

static __attribute__((noinline)) int get(lua_State *L, const struct cdata *cd) {
    struct ffi *ffi = cd->type->ffi;
    struct place place;
    if (!find(L, ffi, cd, &place))
        return get_by_meta(L, ffi, cd);
    convert_push_field(L, ffi, place.field, place.record);
    return 1;
}

/* The element that a Lua number at index 2 names, of an array or where a pointer leads; NULL if that takes more to say. */
static inline char *element_at(lua_State *L, const struct cdata *cd) {
    const struct ctype *type = cd->type;
    int is_exact = 0;
    if ((type->form != FORM_POINTER && type->form != FORM_ARRAY) || !type->target->is_complete ||
        lua_type(L, 2) != LUA_TNUMBER)
        return NULL;
    int64_t i = (int64_t)lua_tointegerx(L, 2, &is_exact);
    char *begin = type->form == FORM_POINTER ? *(char **)cd->address : cd->address;
    return is_exact && begin ? begin + i * (int64_t)type->target->size : NULL;
}

/* Where the members of cd are. */
static inline char *record_of(const struct cdata *cd) {
    return cd->type->form == FORM_POINTER ? *(char **)cd->address : cd->address;
}

/* The member with that key, of a record or where a pointer leads; NULL if it has not been asked for before, or that takes
 * more to say. */
static inline const struct field *known_member(const struct cdata *cd, const void *key) {
    const struct ctype *type = cd->type;
    return key && record_of(cd) ? ctype_known_field(type->form == FORM_POINTER ? type->target : type, key) : NULL;
}

static void remember(struct ctype *type, const struct field *field) {
    struct ffi *ffi = type->ffi;
    const struct ctype *record = type->form == FORM_POINTER ? type->target : type, *plain = field->type->plain;
    bool is_double = plain == ffi->basic[GATE_DOUBLE], is_fixed = ctype_is_const(record) || ctype_is_const(field->type);
    struct recent *recent = ctype_recent(type, field->key);
    bool is_free = recent->key == type;
    if (is_free && (is_double || plain == ffi->basic[GATE_INT]) && !field->bit_width && field->offset <= UINT32_MAX)
        *recent = (struct recent){field->key, (uint32_t)field->offset, is_double, is_fixed};
}

static __attribute__((noinline)) int get_other(lua_State *L, const struct cdata *cd, const void *key) {
    struct ctype *type = cd->type;
    const char *element = key ? NULL : element_at(L, cd);
    if (element) {
        type->target->to_lua(L, type->ffi, type->target, element);
        return 1;
    }
    const struct field *field = known_member(cd, key);
    if (!field)
        return get(L, cd);
    remember(type, field);
    convert_push_field(L, type->ffi, field, record_of(cd));
    return 1;
}

/* [__index] */
int index_get(lua_State *L) {
    const struct cdata *cd = lua_touserdata(L, 1);
    const void *key = ctype_key(L, 2);
    const struct recent *recent = ctype_recent(cd->type, key);
    const char *record;
    int value; /* it may be packed */
    double real;
    if (recent->key != key || !(record = record_of(cd)))
        return get_other(L, cd, key);
    if (__builtin_expect(recent->is_double, 0)) {
        memcpy(&real, record + recent->offset, sizeof real);
        lua_pushnumber(L, real);
        return 1;
    }
    memcpy(&value, record + recent->offset, sizeof value);
    lua_pushinteger(L, value);
    return 1;
}

/* Stores the value at index 3 to a member. An array that does not say how long it is ends with the record, if that is cd's own. */
static const char *store(lua_State *L, const struct cdata *cd, const struct field *field, char *record) {
    struct ffi *ffi = cd->type->ffi;
    if (!ctype_is_open(field->type) || cd->type->form != FORM_RECORD || cd->size == REFERENCE)
        return convert_set_field(L, ffi, 3, field, record);
    return init_open_array(L, ffi, 3, field->type, record + field->offset, cd->size - field->offset);
}

static __attribute__((noinline)) int set(lua_State *L, const struct cdata *cd) {
    struct ffi *ffi = cd->type->ffi;
    struct place place;
    if (!find(L, ffi, cd, &place))
        return set_by_meta(L, ffi, cd);
    if (place.is_const || ctype_is_fixed(place.field->type))
        return luaL_error(L, "attempt to write to constant location");
    const char *why = store(L, cd, place.field, place.record);
    return why ? luaL_error(L, "%s", why) : 0;
}

static __attribute__((noinline)) int set_other(lua_State *L, const struct cdata *cd, const void *key) {
    struct ctype *type = cd->type;
    const char *why = NULL;
    const struct field *field = known_member(cd, key);
    char *element = key ? NULL : element_at(L, cd);
    if (element && !ctype_is_fixed(type->target)) {
        why = type->target->to_c(L, type->ffi, 3, type->target, element);
    } else if (field && !ctype_is_const(type->form == FORM_POINTER ? type->target : type) &&
               !ctype_is_fixed(field->type)) {
        remember(type, field);
        why = store(L, cd, field, record_of(cd));
    } else {
        return set(L, cd);
    }
    return why ? luaL_error(L, "%s", why) : 0;
}

/* [__newindex] */
int index_set(lua_State *L) {
    const struct cdata *cd = lua_touserdata(L, 1);
    const void *key = ctype_key(L, 2);
    const struct recent *recent = ctype_recent(cd->type, key);
    char *record;
    if (recent->key != key || recent->is_fixed || !(record = record_of(cd)))
        return set_other(L, cd, key);
    if (recent->is_double && lua_type(L, 3) == LUA_TNUMBER) {
        double real = lua_tonumberx(L, 3, NULL);
        memcpy(record + recent->offset, &real, sizeof real);
        return 0;
    }
    if (LUA_VERSION_NUM >= 503 && !recent->is_double && lua_isinteger(L, 3)) {
        int value = (int)lua_tointegerx(L, 3, NULL);
        memcpy(record + recent->offset, &value, sizeof value);
        return 0;
    }
    return set_other(L, cd, key);
}
