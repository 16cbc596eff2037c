/* Between Lua's values and C's: strict, and never silently narrower.
 *
 * A pointer is a userdata that knows the type of what it points to, and, where the memory is Lua's own (an
 * array), how much there is. Pointers and arrays are indexed from 0, as in C.
 *
 * SPDX-License-Identifier: MIT */
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "examples/lua/host/host.h"

enum { TEXT = 256 };

static bool is_byte(enum gate_kind kind) {
    return kind == GATE_CHAR || kind == GATE_SCHAR || kind == GATE_UCHAR;
}

static bool is_integer(enum gate_kind kind) {
    return (kind >= GATE_CHAR && kind <= GATE_ULLONG) || kind == GATE_ENUM;
}

static bool is_unsigned(const gate_type *type) {
    enum gate_kind kind = type->kind == GATE_ENUM ? type->target->kind : type->kind;
    return kind == GATE_UCHAR || kind == GATE_USHORT || kind == GATE_UINT || kind == GATE_ULONG ||
           kind == GATE_ULLONG || (kind == GATE_CHAR && (char)-1 > 0);
}

static bool is_real(enum gate_kind kind) {
    return kind == GATE_FLOAT || kind == GATE_DOUBLE || kind == GATE_LDOUBLE;
}

static bool has_value(enum gate_kind kind) {
    return kind == GATE_BOOL || kind == GATE_POINTER || is_integer(kind) || is_real(kind);
}

static const char *print_type(lua_State *L, const gate_type *type) {
    char text[TEXT];
    gate_type_print(type, text, sizeof text);
    return lua_pushstring(L, text);
}

static const char *print_signature(lua_State *L, const gate_signature *signature) {
    gate_type function = {.kind = GATE_FUNCTION, .function = signature};
    return print_type(L, &function);
}

/* What has no value may be pointed to, if it is no number that C has and Lua has not. */
static void check_type(lua_State *L, const gate_type *type) {
    if (type->kind < GATE_POINTER && type->kind != GATE_VOID && !has_value(type->kind))
        luaL_error(L, "%s has no Lua value", print_type(L, type));
}

void value_check_signature(lua_State *L, const gate_signature *signature) {
    check_type(L, gate_signature_result(signature));
    for (size_t i = 0; i < gate_signature_count(signature); i++)
        check_type(L, gate_signature_parameter(signature, i));
}

/* From Lua */

static const char *mismatch(lua_State *L, int index, const gate_type *type) {
    return lua_pushfstring(L, "%s expected, got %s", print_type(L, type), luaL_typename(L, index));
}

/* The value as it reads back from the type's bytes. */
static lua_Integer narrowed(const gate_type *type, lua_Integer value) {
    switch (type->size) {
    case 1:
        return is_unsigned(type) ? (uint8_t)value : (int8_t)value;
    case 2:
        return is_unsigned(type) ? (uint16_t)value : (int16_t)value;
    case 4:
        return is_unsigned(type) ? (lua_Integer)(uint32_t)value : (int32_t)value;
    default: /* 64 bits take any Lua integer: those beyond its range are negative in Lua */
        return value;
    }
}

static const char *integer_to_c(lua_State *L, int index, const gate_type *type, void *cell) {
    int exact = 0;
    if (lua_type(L, index) != LUA_TNUMBER)
        return mismatch(L, index, type);
    lua_Integer value = lua_tointegerx(L, index, &exact);
    if (!exact)
        return lua_pushfstring(L, "%s expected, got the number %f", print_type(L, type), lua_tonumber(L, index));
    if (narrowed(type, value) != value) {
        lua_pushinteger(L, value);
        const char *text = lua_tostring(L, -1);
        return lua_pushfstring(L, "value %s out of range of %s", text, print_type(L, type));
    }
    memcpy(cell, &value, type->size); /* the low bytes, on a little-endian machine */
    return NULL;
}

static const char *real_to_c(lua_State *L, int index, const gate_type *type, void *cell) {
    if (lua_type(L, index) != LUA_TNUMBER)
        return mismatch(L, index, type);
    lua_Number value = lua_tonumber(L, index);
    if (type->kind == GATE_FLOAT)
        *(float *)cell = (float)value;
    else if (type->kind == GATE_DOUBLE)
        *(double *)cell = value;
    else
        *(long double *)cell = value;
    return NULL;
}

/* Whether a pointer to given may be passed where one to wanted is asked for. */
static bool is_compatible(const gate_type *wanted, const gate_type *given) {
    if (given->qualifiers & GATE_CONST && !(wanted->qualifiers & GATE_CONST))
        return false;
    if (wanted->kind == GATE_VOID || given->kind == GATE_VOID || (is_byte(wanted->kind) && is_byte(given->kind)))
        return true;
    if (wanted->kind != given->kind)
        return false;
    if (wanted->kind == GATE_POINTER)
        return is_compatible(wanted->target, given->target);
    return wanted->tag && given->tag ? strcmp(wanted->tag, given->tag) == 0 : wanted->tag == given->tag;
}

/* A callback or a bound function, where its signature is the one that is asked for. */
static const char *function_to_c(lua_State *L, int index, const gate_type *type, void *cell) {
    struct callback *callback = luaL_testudata(L, index, CALLBACK);
    struct function *function = luaL_testudata(L, index, FUNCTION);
    if (!callback && !function)
        return mismatch(L, index, type);
    if (callback && !callback->callback)
        return lua_pushliteral(L, "the callback has been freed");
    const char *given = print_signature(L, callback ? callback->signature : function->function.signature);
    const char *wanted = print_signature(L, type->target->function);
    if (strcmp(given, wanted) != 0)
        return lua_pushfstring(L, "a function %s expected, got %s", wanted, given);
    *(void (**)(void))cell = callback ? gate_callback_address(callback->callback) : function->function.address;
    return NULL;
}

static const char *pointer_to_c(lua_State *L, int index, const gate_type *type, void *cell) {
    const gate_type *target = type->target;
    const struct pointer *pointer = luaL_testudata(L, index, POINTER);
    if (lua_isnil(L, index)) {
        *(void **)cell = NULL;
    } else if (pointer) {
        if (!is_compatible(target, pointer->element))
            return lua_pushfstring(L, "%s expected, got a pointer to %s", print_type(L, type),
                                   print_type(L, pointer->element));
        *(void **)cell = pointer->address;
    } else if (target->kind == GATE_FUNCTION) {
        return function_to_c(L, index, type, cell);
    } else if (lua_type(L, index) == LUA_TSTRING && target->qualifiers & GATE_CONST &&
               (is_byte(target->kind) || target->kind == GATE_VOID)) {
        *(const char **)cell = lua_tostring(L, index);
    } else {
        return mismatch(L, index, type);
    }
    return NULL;
}

const char *value_to_c(lua_State *L, int index, const gate_type *type, void *cell) {
    index = lua_absindex(L, index); /* a message's parts are pushed while it is made */
    if (is_integer(type->kind))
        return integer_to_c(L, index, type, cell);
    if (type->kind == GATE_POINTER)
        return pointer_to_c(L, index, type, cell);
    if (type->kind == GATE_BOOL) {
        if (!lua_isboolean(L, index))
            return mismatch(L, index, type);
        *(_Bool *)cell = lua_toboolean(L, index);
        return NULL;
    }
    return real_to_c(L, index, type, cell);
}

/* To Lua */

static struct pointer *push_pointer(lua_State *L, const gate_type *element, char *address, size_t room) {
    struct pointer *pointer = lua_newuserdatauv(L, sizeof *pointer + room, 1);
    *pointer = (struct pointer){address, element, UNKNOWN};
    luaL_setmetatable(L, POINTER);
    return pointer;
}

static void push_address(lua_State *L, const gate_type *type, char *address) {
    if (!address)
        lua_pushnil(L);
    else if (type->target->kind == GATE_CHAR && type->target->qualifiers & GATE_CONST)
        lua_pushstring(L, address);
    else
        push_pointer(L, type->target, address, 0);
}

static lua_Integer read_integer(const gate_type *type, const void *cell) {
    lua_Integer value = 0;
    memcpy(&value, cell, type->size);
    return narrowed(type, value);
}

void value_to_lua(lua_State *L, const gate_type *type, const void *cell) {
    if (is_integer(type->kind))
        lua_pushinteger(L, read_integer(type, cell));
    else if (type->kind == GATE_POINTER)
        push_address(L, type, *(char *const *)cell);
    else if (type->kind == GATE_BOOL)
        lua_pushboolean(L, *(const _Bool *)cell);
    else if (type->kind == GATE_FLOAT)
        lua_pushnumber(L, (lua_Number) * (const float *)cell);
    else if (type->kind == GATE_DOUBLE)
        lua_pushnumber(L, *(const double *)cell);
    else if (type->kind == GATE_LDOUBLE)
        lua_pushnumber(L, (lua_Number) * (const long double *)cell);
    else
        lua_pushnil(L);
}

/* Types by their text: each is the target of a signature's only parameter */

static const char types_key;

static const gate_type *parse_type(lua_State *L, const char *text) {
    const gate_signature *signature = parse_signature(L, lua_pushfstring(L, "void (%s *)", text));
    const gate_type *parameter = gate_signature_parameter(signature, 0);
    if (gate_signature_count(signature) != 1 || parameter->kind != GATE_POINTER)
        luaL_error(L, "'%s' is not one type", text);
    check_type(L, parameter->target);
    lua_pop(L, 1);
    return parameter->target;
}

/* The type whose text is at index. */
static const gate_type *to_type(lua_State *L, int index) {
    const char *text = luaL_checkstring(L, index);
    lua_rawgetp(L, LUA_REGISTRYINDEX, &types_key);
    lua_pushvalue(L, index);
    if (lua_rawget(L, -2) == LUA_TNIL) {
        const void *made = parse_type(L, text);
        lua_pop(L, 1);
        lua_pushvalue(L, index);
        lua_pushlightuserdata(L, (void *)(uintptr_t)made);
        lua_rawset(L, -3);
        lua_pop(L, 1);
        return made;
    }
    const gate_type *type = lua_touserdata(L, -1);
    lua_pop(L, 2);
    return type;
}

/* Pointers and arrays */

static struct pointer *check_pointer(lua_State *L) {
    host_check(L); /* its type lives no longer */
    return luaL_checkudata(L, 1, POINTER);
}

static bool is_known(const struct pointer *pointer) {
    return pointer->bytes != UNKNOWN;
}

static lua_Integer count_elements(const struct pointer *pointer) {
    return pointer->element->size ? (lua_Integer)(pointer->bytes / pointer->element->size) : 0;
}

/* The address of the element that the integer at index 2 names. */
static char *element_at(lua_State *L, const struct pointer *pointer) {
    lua_Integer index = luaL_checkinteger(L, 2);
    if (!has_value(pointer->element->kind))
        luaL_error(L, "a pointer to %s can't be indexed: use :as(type)", print_type(L, pointer->element));
    if (is_known(pointer) && (index < 0 || index >= count_elements(pointer)))
        luaL_error(L, "index %I out of range: there are %I elements", index, count_elements(pointer));
    return pointer->address + index * (lua_Integer)pointer->element->size;
}

static int pointer_index(lua_State *L) {
    const struct pointer *pointer = check_pointer(L);
    if (lua_type(L, 2) == LUA_TNUMBER) {
        value_to_lua(L, pointer->element, element_at(L, pointer));
    } else {
        luaL_getmetafield(L, 1, "methods");
        lua_pushvalue(L, 2);
        lua_rawget(L, -2);
    }
    return 1;
}

/* Keeps the Lua value at index value, which the element at that address points into, as long as the memory of
 * the array at index array. What a pointer from C points to is the script's to keep. */
static void keep_target(lua_State *L, int array, const char *at, int value) {
    const struct pointer *pointer = lua_touserdata(L, array);
    value = lua_absindex(L, value);
    if (pointer->element->kind != GATE_POINTER || !is_known(pointer))
        return;
    lua_getiuservalue(L, array, 1);
    lua_pushvalue(L, value);
    lua_rawseti(L, -2, at - pointer->address);
    lua_pop(L, 1);
}

static int pointer_newindex(lua_State *L) {
    const struct pointer *pointer = check_pointer(L);
    char *at = element_at(L, pointer);
    if (pointer->element->qualifiers & GATE_CONST)
        return luaL_error(L, "%s can't be written", print_type(L, pointer->element));
    const char *why = value_to_c(L, 3, pointer->element, at);
    if (why)
        return luaL_error(L, "bad element (%s)", why);
    keep_target(L, 1, at, 3);
    return 0;
}

static int pointer_length(lua_State *L) {
    const struct pointer *pointer = check_pointer(L);
    if (!is_known(pointer))
        return luaL_error(L, "how many elements C's memory has is not known");
    lua_pushinteger(L, count_elements(pointer));
    return 1;
}

static int pointer_equal(lua_State *L) {
    const struct pointer *a = luaL_testudata(L, 1, POINTER), *b = luaL_testudata(L, 2, POINTER);
    lua_pushboolean(L, a && b && a->address == b->address);
    return 1;
}

static int pointer_tostring(lua_State *L) {
    const struct pointer *pointer = check_pointer(L);
    lua_pushfstring(L, "pointer to %s: %p", print_type(L, pointer->element), pointer->address);
    return 1;
}

/* pointer:string([bytes]): so many bytes, or up to the first NUL */
static int pointer_string(lua_State *L) {
    const struct pointer *pointer = check_pointer(L);
    lua_Integer given = luaL_optinteger(L, 2, -1);
    bool counted = !lua_isnoneornil(L, 2);
    luaL_argcheck(L, !counted || (given >= 0 && (size_t)given <= pointer->bytes), 2, "more bytes than there are");
    size_t length = counted             ? (size_t)given
                    : is_known(pointer) ? strnlen(pointer->address, pointer->bytes)
                                        : strlen(pointer->address);
    lua_pushlstring(L, pointer->address, length);
    return 1;
}

/* pointer:as(type): the same address, as a pointer to that type. It shares the table, which keeps the memory. */
static int pointer_as(lua_State *L) {
    const struct pointer *pointer = check_pointer(L);
    push_pointer(L, to_type(L, 2), pointer->address, 0)->bytes = pointer->bytes;
    lua_getiuservalue(L, 1, 1);
    lua_setiuservalue(L, -2, 1);
    return 1;
}

/* The array is on top. */
static void fill_from_table(lua_State *L, const struct pointer *array) {
    for (lua_Integer i = 0; i < count_elements(array); i++) {
        char *at = array->address + (size_t)i * array->element->size;
        lua_rawgeti(L, 2, i + 1);
        const char *why = value_to_c(L, -1, array->element, at);
        if (why)
            luaL_error(L, "bad element #%d (%s)", (int)i + 1, why);
        keep_target(L, lua_gettop(L) - 1, at, -1);
        lua_pop(L, 1);
    }
}

/* Pushes zeroed memory, with a table that keeps it and what its elements point to, by their offsets. */
static struct pointer *push_array(lua_State *L, const gate_type *element, size_t bytes) {
    struct pointer *array = push_pointer(L, element, NULL, bytes);
    array->address = (char *)(array + 1);
    array->bytes = bytes;
    memset(array->address, 0, bytes);
    lua_createtable(L, 0, 1);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "memory");
    lua_setiuservalue(L, -2, 1);
    return array;
}

/* callgate.array(type, count | table | string): zeroed memory of Lua's own, or filled with what is given */
static int module_array(lua_State *L) {
    size_t length = 0;
    const char *text = lua_type(L, 2) == LUA_TSTRING ? lua_tolstring(L, 2, &length) : NULL;
    lua_Integer count = text                ? (lua_Integer)length
                        : lua_istable(L, 2) ? (lua_Integer)lua_rawlen(L, 2)
                                            : luaL_checkinteger(L, 2);
    const gate_type *element = to_type(L, 1);
    luaL_argcheck(L, has_value(element->kind), 1, "a type with a size expected");
    luaL_argcheck(L, !text || is_byte(element->kind), 1, "a string fills an array of bytes");
    luaL_argcheck(L, count > 0 && (size_t)count <= PTRDIFF_MAX / 2 / element->size, 2, "a positive count expected");
    struct pointer *array = push_array(L, element, (size_t)count * element->size);
    if (text)
        memcpy(array->address, text, length);
    else if (lua_istable(L, 2))
        fill_from_table(L, array);
    return 1;
}

static const luaL_Reg pointer_meta[] = {
    {"__index", pointer_index}, {"__newindex", pointer_newindex}, {"__len", pointer_length},
    {"__eq", pointer_equal},    {"__tostring", pointer_tostring}, {NULL, NULL},
};
static const luaL_Reg pointer_methods[] = {{"string", pointer_string}, {"as", pointer_as}, {NULL, NULL}};
static const luaL_Reg module_functions[] = {{"array", module_array}, {NULL, NULL}};

void value_open(lua_State *L) {
    open_metatable(L, POINTER, pointer_meta, NULL);
    luaL_getmetatable(L, POINTER);
    luaL_newlib(L, pointer_methods);
    lua_setfield(L, -2, "methods");
    lua_pop(L, 1);
    lua_newtable(L);
    lua_rawsetp(L, LUA_REGISTRYINDEX, &types_key);
    luaL_setfuncs(L, module_functions, 0);
}
