/* Between Lua's values and C's, by LuaJIT's rules. They are written once here, for arguments, results, members, elements,
 * initialisers and callbacks: a ctype has a function each way, and whatever has a C value already (a cdata) goes from
 * memory to memory (memory.c).
 *
 * Numbers narrow as C's do, without an error; Lua's integers go to 64 bits without a detour by double.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "examples/lua/ffi/ffi.h"

/* Pushes the type of a value that was to be converted. */
static const char *push_source(lua_State *L, struct ffi *ffi, int index) {
    const struct cdata *cd = cdata_test(L, ffi, index);
    if (cd && cd->type->form == FORM_FUNCTION)
        return name_push(L, ffi, ctype_pointer(L, ffi, cd->type), false);
    return lua_isboolean(L, index) ? lua_pushstring(L, "bool") : name_push_value(L, ffi, index);
}

const char *convert_refuse(lua_State *L, struct ffi *ffi, int index, struct ctype *type) {
    index = lua_absindex(L, index);
    const char *from = push_source(L, ffi, index), *to = name_push(L, ffi, type, false);
    return lua_pushfstring(L, "cannot convert '%s' to '%s'", from, to);
}

static const char *refuse_value(lua_State *L, struct ffi *ffi, struct ctype *to, struct ctype *from) {
    const char *from_name = name_push(L, ffi, from, false), *to_name = name_push(L, ffi, to, false);
    return lua_pushfstring(L, "cannot convert '%s' to '%s'", from_name, to_name);
}

const char *convert_value(lua_State *L, struct ffi *ffi, struct ctype *to_type, void *to, struct ctype *from_type,
                          const void *from, bool is_cast) {
    return memory_convert(to_type, to, from_type, from, is_cast) ? NULL : refuse_value(L, ffi, to_type, from_type);
}

/* From Lua */

static const char *from_cdata(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    const struct cdata *cd = cdata_test(L, ffi, index);
    if (!cd || !memory_convert(type, to, cd->type, cd->address, false))
        return convert_refuse(L, ffi, index, type);
    return NULL;
}

static const char *integer_from_other(lua_State *L, struct ffi *ffi, int index, struct ctype *type, int64_t *value) {
    uint64_t constant, room = 0;
    const char *why = NULL;
    switch (lua_type(L, index)) {
    case LUA_TBOOLEAN:
        *value = lua_toboolean(L, index);
        return NULL;
    case LUA_TSTRING:
        if (type->form != FORM_ENUM || !ctype_constant(type, lua_tostring(L, index), &constant))
            return convert_refuse(L, ffi, index, type);
        *value = (int64_t)constant;
        return NULL;
    case LUA_TUSERDATA:
        why = from_cdata(L, ffi, index, type, &room);
        *value = memory_load(type, &room);
        return why;
    default:
        return convert_refuse(L, ffi, index, type);
    }
}

const char *convert_integer(lua_State *L, struct ffi *ffi, int index, struct ctype *type, int64_t *value) {
    if (lua_type(L, index) != LUA_TNUMBER)
        return integer_from_other(L, ffi, index, type, value);
#if LUA_VERSION_NUM >= 503
    int is_exact;
    lua_Integer integer = lua_tointegerx(L, index, &is_exact);
    if (is_exact) {
        *value = memory_narrow(type, integer);
        return NULL;
    }
#endif
    *value = memory_from_double(type, lua_tonumber(L, index));
    return NULL;
}

int64_t convert_check_integer(lua_State *L, struct ffi *ffi, int index) {
    int64_t value = 0;
    bool is_number = lua_type(L, index) == LUA_TNUMBER; /* sizes may be beyond an int */
    luaL_checkany(L, index);
    const char *why = convert_integer(L, ffi, index, ffi->basic[is_number ? GATE_LONG : GATE_INT], &value);
    if (why)
        luaL_argerror(L, index, why);
    return value;
}

static const char *integer_to_c(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    int64_t value = 0;
    const char *why = convert_integer(L, ffi, index, type, &value);
    if (!why)
        memory_store(type, to, value);
    return why;
}

static const char *bool_to_c(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    if (lua_type(L, index) == LUA_TBOOLEAN)
        *(bool *)to = lua_toboolean(L, index);
    else if (lua_type(L, index) == LUA_TNUMBER)
        *(bool *)to = lua_tonumber(L, index) != 0;
    else
        return from_cdata(L, ffi, index, type, to);
    return NULL;
}

static const char *real_to_c(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    if (lua_type(L, index) == LUA_TNUMBER)
        memory_store_real(type, to, lua_tonumber(L, index));
    else if (lua_type(L, index) == LUA_TBOOLEAN)
        memory_store_real(type, to, lua_toboolean(L, index));
    else
        return from_cdata(L, ffi, index, type, to);
    return NULL;
}

static const char *complex_to_c(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    struct ctype *part = type->target;
    if (lua_type(L, index) == LUA_TTABLE)
        return init_array(L, ffi, index, type, to);
    if (lua_type(L, index) != LUA_TNUMBER)
        return from_cdata(L, ffi, index, type, to);
    memory_store_real(part, (char *)to + part->size, 0);
    return real_to_c(L, ffi, index, part, to);
}

/* A file of Lua's is C's FILE; other userdata are their memory. */
static void *userdata_address(lua_State *L, int index) {
    void *const *file = luaL_testudata(L, index, LUA_FILEHANDLE);
    return file ? *file : lua_touserdata(L, index);
}

static const char *pointer_from_other(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    switch (lua_type(L, index)) {
    case LUA_TNIL:
        memory_store_address(to, NULL);
        return NULL;
    case LUA_TLIGHTUSERDATA:
        memory_store_address(to, lua_touserdata(L, index));
        return NULL;
    case LUA_TUSERDATA:
        if (cdata_test(L, ffi, index))
            return from_cdata(L, ffi, index, type, to);
        memory_store_address(to, userdata_address(L, index));
        return NULL;
    case LUA_TFUNCTION:
        return cdata_test(L, ffi, index) ? from_cdata(L, ffi, index, type, to)
                                         : closure_make(L, ffi, index, type, false, to);
    default:
        return convert_refuse(L, ffi, index, type);
    }
}

static const char *pointer_to_c(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    if (lua_type(L, index) != LUA_TSTRING)
        return pointer_from_other(L, ffi, index, type, to);
    if (type != ffi->text && !memory_is_compatible(type, ffi->text, COMPATIBLE_TO))
        return convert_refuse(L, ffi, index, type);
    memory_store_address(to, lua_tostring(L, index));
    return NULL;
}

static const char *no_value(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    (void)to;
    return convert_refuse(L, ffi, index, type);
}

/* Casts */

static bool cast_string(lua_State *L, int index, struct ctype *type, void *to) {
    uint64_t constant;
    const char *text = lua_tostring(L, index);
    if (type->form == FORM_ENUM) {
        if (!ctype_constant(type, text, &constant))
            return false;
        memory_store(type, to, (int64_t)constant);
    } else {
        memory_store(type, to, (int64_t)(uintptr_t)text);
    }
    return true;
}

static void cast_number(lua_State *L, struct ffi *ffi, int index, void *to) {
    int64_t value;
    convert_integer(L, ffi, index, ffi->basic[GATE_LONG], &value);
    memcpy(to, &value, sizeof value);
}

const char *convert_cast(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    bool is_address = type->form == FORM_POINTER || type->form == FORM_INTEGER || type->form == FORM_ENUM;
    const struct cdata *cd = cdata_test(L, ffi, index);
    if (cd)
        return convert_value(L, ffi, type, to, cd->type, cd->address, true);
    if (type->form == FORM_POINTER && lua_type(L, index) == LUA_TNUMBER) {
        cast_number(L, ffi, index, to);
        return NULL;
    }
    if (is_address && lua_type(L, index) == LUA_TSTRING)
        return cast_string(L, index, type, to) ? NULL : convert_refuse(L, ffi, index, type);
    if (type->form == FORM_POINTER && lua_type(L, index) == LUA_TFUNCTION)
        return closure_make(L, ffi, index, type, true, to);
    if (is_address && (lua_isnil(L, index) || lua_isuserdata(L, index))) {
        void *address = lua_isnil(L, index)                        ? NULL
                        : lua_type(L, index) == LUA_TLIGHTUSERDATA ? lua_touserdata(L, index)
                                                                   : userdata_address(L, index);
        memory_store(type, to, (int64_t)(uintptr_t)address);
        return NULL;
    }
    return type->to_c(L, ffi, index, type, to);
}

/* To Lua */

static void bool_to_lua(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from) {
    (void)ffi, (void)type;
    lua_pushboolean(L, *(const unsigned char *)from);
}

static void integer_to_lua(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from) {
    if (type->size <= 4)
        lua_pushinteger(L, (lua_Integer)memory_load(type, from));
    else
        cdata_push_int64(L, ffi, (uint64_t)memory_load(type, from), type->is_unsigned);
}

static void real_to_lua(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from) {
    (void)ffi;
    lua_pushnumber(L, memory_load_real(type, from));
}

static void copy_to_lua(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from) {
    cdata_push_copy(L, ffi, type->plain, from);
}

static void pointer_to_lua(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from) {
    const void *address;
    memcpy(&address, from, sizeof address);
    cdata_push_pointer(L, ffi, type->plain, address);
}

static void reference_to_lua(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from) {
    cdata_push_reference(L, ffi, type, (void *)(uintptr_t)from);
}

static void nothing_to_lua(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from) {
    (void)ffi, (void)type, (void)from;
    lua_pushnil(L);
}

void convert_push_number(lua_State *L, int64_t value, bool is_unsigned) {
    if (is_unsigned && value < 0)
        lua_pushnumber(L, (lua_Number)(uint64_t)value);
    else if ((lua_Integer)value == value && sizeof(lua_Integer) == sizeof value && LUA_VERSION_NUM >= 503)
        lua_pushinteger(L, (lua_Integer)value);
    else
        lua_pushnumber(L, (lua_Number)value);
}

/* What most elements and arguments are: the same without the question how large they are. */

static const char *int_to_c(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    if (LUA_VERSION_NUM < 503 || !lua_isinteger(L, index))
        return integer_to_c(L, ffi, index, type, to);
    int value = (int)lua_tointegerx(L, index, NULL);
    memcpy(to, &value, sizeof value);
    return NULL;
}

static void int_to_lua(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from) {
    int value;
    (void)ffi, (void)type;
    memcpy(&value, from, sizeof value);
    lua_pushinteger(L, value);
}

static void double_to_lua(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from) {
    double value;
    (void)ffi, (void)type;
    memcpy(&value, from, sizeof value);
    lua_pushnumber(L, value);
}

void convert_choose(struct ctype *type) {
    static const struct {
        to_c_function *to_c;
        to_lua_function *to_lua;
    } ways[] = {
        [FORM_VOID] = {no_value, nothing_to_lua},        [FORM_BOOL] = {bool_to_c, bool_to_lua},
        [FORM_INTEGER] = {integer_to_c, integer_to_lua}, [FORM_REAL] = {real_to_c, real_to_lua},
        [FORM_COMPLEX] = {complex_to_c, copy_to_lua},    [FORM_ENUM] = {integer_to_c, copy_to_lua},
        [FORM_POINTER] = {pointer_to_c, pointer_to_lua}, [FORM_ARRAY] = {init_array, reference_to_lua},
        [FORM_RECORD] = {init_record, reference_to_lua}, [FORM_FUNCTION] = {no_value, nothing_to_lua},
        [FORM_OPAQUE] = {from_cdata, copy_to_lua},       [FORM_CTYPE] = {no_value, copy_to_lua},
        [FORM_REFERENCE] = {no_value, nothing_to_lua},
    };
    type->to_c = ctype_is_vector(type) ? init_vector : ways[type->form].to_c;
    type->to_lua = ways[type->form].to_lua;
    if (type->form == FORM_INTEGER && type->size == sizeof(int) && !type->is_unsigned) {
        type->to_c = int_to_c;
        type->to_lua = int_to_lua;
    }
    if (type->form == FORM_REAL && type->size == sizeof(double))
        type->to_lua = double_to_lua;
}

/* Members */

static unsigned __int128 read_bits(const struct field *field, const char *at) {
    unsigned __int128 bits = 0;
    memcpy(&bits, at, (field->bit_offset + field->bit_width + 7) / 8);
    return bits;
}

void convert_push_field(lua_State *L, struct ffi *ffi, const struct field *field, const char *record) {
    struct ctype *type = field->type;
    const char *at = record + field->offset;
    if (!field->bit_width) {
        type->to_lua(L, ffi, type, at);
        return;
    }
    unsigned unused = 64 - field->bit_width;
    uint64_t bits = (uint64_t)(read_bits(field, at) >> field->bit_offset) << unused;
    int64_t value = type->is_unsigned ? (int64_t)(bits >> unused) : (int64_t)bits >> unused;
    type->to_lua(L, ffi, type, &value);
}

const char *convert_set_field(lua_State *L, struct ffi *ffi, int index, const struct field *field, char *record) {
    struct ctype *type = field->type;
    char *at = record + field->offset;
    if (!field->bit_width)
        return type->to_c(L, ffi, index, type, at);
    uint64_t value = 0;
    const char *why = type->to_c(L, ffi, index, type, &value);
    if (why)
        return why;
    unsigned __int128 mask = (((unsigned __int128)1 << field->bit_width) - 1) << field->bit_offset;
    unsigned __int128 bits = read_bits(field, at);
    bits = (bits & ~mask) | ((unsigned __int128)value << field->bit_offset & mask);
    memcpy(at, &bits, (field->bit_offset + field->bit_width + 7) / 8);
    return NULL;
}
