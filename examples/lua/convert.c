/* Between Lua's values and C's, by LuaJIT's rules. They are written once here, for arguments, results, members, elements,
 * initialisers and callbacks: a ctype has a function each way, and whatever has a C value already (a cdata) goes through
 * convert_value, which is the table of LuaJIT's manual.
 *
 * Numbers narrow as C's do, without an error; Lua's integers go to 64 bits without a detour by double.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "examples/lua/ffi.h"

const char *convert_refuse(lua_State *L, struct ffi *ffi, int index, struct ctype *type) {
    index = lua_absindex(L, index);
    const char *from = name_push_value(L, ffi, index), *to = name_push(L, ffi, type, false);
    return lua_pushfstring(L, "cannot convert '%s' to '%s'", from, to);
}

static const char *refuse_value(lua_State *L, struct ffi *ffi, struct ctype *to, struct ctype *from) {
    const char *from_name = name_push(L, ffi, from, false), *to_name = name_push(L, ffi, to, false);
    return lua_pushfstring(L, "cannot convert '%s' to '%s'", from_name, to_name);
}

/* Numbers in memory */

/* The low bytes, on a little-endian machine. Members that are packed, and what pointers lead to, may lie anywhere. */
void convert_store(const struct ctype *type, void *to, int64_t value) {
    switch (type->size) {
    case 1:
        memcpy(to, &value, 1);
        break;
    case 2:
        memcpy(to, &value, 2);
        break;
    case 4:
        memcpy(to, &value, 4);
        break;
    default:
        memcpy(to, &value, sizeof value);
        break;
    }
}

int64_t convert_narrow(const struct ctype *type, int64_t value) {
    switch (type->size) {
    case 1:
        return type->is_unsigned ? (uint8_t)value : (int8_t)value;
    case 2:
        return type->is_unsigned ? (uint16_t)value : (int16_t)value;
    case 4:
        return type->is_unsigned ? (int64_t)(uint32_t)value : (int32_t)value;
    default:
        return value;
    }
}

int64_t convert_load(const struct ctype *type, const void *from) {
    int64_t value = 0;
    switch (type->size) {
    case 1:
        memcpy(&value, from, 1);
        break;
    case 2:
        memcpy(&value, from, 2);
        break;
    case 4:
        memcpy(&value, from, 4);
        break;
    default:
        memcpy(&value, from, sizeof value);
        break;
    }
    return convert_narrow(type, value);
}

double convert_load_real(const struct ctype *type, const void *from) {
    float single;
    double value;
    long double extended;
    if (type->size == sizeof single) {
        memcpy(&single, from, sizeof single);
        return (double)single;
    }
    if (type->size == sizeof value) {
        memcpy(&value, from, sizeof value);
        return value;
    }
    memcpy(&extended, from, sizeof extended);
    return (double)extended;
}

void convert_store_real(const struct ctype *type, void *to, double value) {
    float single = (float)value;
    long double extended = value;
    if (type->size == sizeof single)
        memcpy(to, &single, sizeof single);
    else if (type->size == sizeof value)
        memcpy(to, &value, sizeof value);
    else
        memcpy(to, &extended, sizeof extended);
}

/* As the processor truncates, with what it makes of numbers out of range. */
static int64_t truncated(double value) {
    return value >= -0x1p63 && value < 0x1p63 ? (int64_t)value : INT64_MIN;
}

int64_t convert_from_double(const struct ctype *type, double value) {
    if (type->size > 4)
        return type->is_unsigned && value >= 0x1p63 ? (int64_t)((uint64_t)truncated(value - 0x1p63) ^ 1ull << 63)
                                                    : truncated(value);
    if (type->size == 4 && type->is_unsigned)
        return (uint32_t)truncated(value);
    bool fits = value > -0x1p31 - 1 && value < 0x1p31;
    return convert_narrow(type, fits ? (int32_t)value : INT32_MIN);
}

static double to_double(const struct ctype *type, int64_t value) {
    return type->is_unsigned && type->size == sizeof value ? (double)(uint64_t)value : (double)value;
}

/* Which types go together */

static int class_of(const struct ctype *type) {
    switch (type->form) {
    case FORM_BOOL:
    case FORM_INTEGER:
    case FORM_ENUM:
    case FORM_REAL:
        return FORM_INTEGER;
    case FORM_COMPLEX:
    case FORM_OPAQUE:
        return FORM_ARRAY;
    default:
        return (int)type->form;
    }
}

static bool are_same_numbers(const struct ctype *a, const struct ctype *b) {
    return (a->form == FORM_BOOL) == (b->form == FORM_BOOL) && (a->form == FORM_REAL) == (b->form == FORM_REAL);
}

bool convert_is_compatible(const struct ctype *to, const struct ctype *from, enum compatible how) {
    const struct ctype *a = to->target;
    const struct ctype *b = from->form == FORM_RECORD || from->form == FORM_FUNCTION ? from : from->target;
    unsigned asked = a->qualifiers, given = from->form == FORM_RECORD ? 0 : b->qualifiers;
    if (to == from)
        return true;
    if (how == COMPATIBLE_SAME && asked != given)
        return false;
    if (how == COMPATIBLE_TO) {
        if ((asked & given) != given)
            return false;
        if (a->form == FORM_VOID || b->form == FORM_VOID)
            return true;
    }
    if (class_of(a) != class_of(b) || a->size != b->size)
        return false;
    switch (class_of(a)) {
    case FORM_INTEGER:
        return are_same_numbers(a, b);
    case FORM_POINTER:
        return convert_is_compatible(a, b, COMPATIBLE_SAME);
    case FORM_ARRAY:
        return a->form == b->form && (a->form == FORM_ARRAY || ctype_is_vector(a))
                   ? convert_is_compatible(a, b, COMPATIBLE_SAME)
                   : a->plain == b->plain;
    case FORM_RECORD:
        return a->plain == b->plain;
    case FORM_FUNCTION: /* LuaJIT looks no further */
        return gate_signature_count(a->type->function) == gate_signature_count(b->type->function);
    default:
        return true;
    }
}

/* From one C value to another */

static bool is_integral(const struct ctype *type) {
    return type->form == FORM_BOOL || type->form == FORM_INTEGER || type->form == FORM_ENUM;
}

static bool is_pointer(const struct ctype *type) {
    return type->form == FORM_POINTER || type->form == FORM_FUNCTION;
}

/* A pointer's value; of an array or record, its address. */
static void *address_of(const struct ctype *type, const void *value) {
    void *address = (void *)(uintptr_t)value;
    if (is_pointer(type))
        memcpy(&address, value, sizeof address);
    return address;
}

static void store_address(void *to, const void *address) {
    memcpy(to, &address, sizeof address);
}

static bool to_bool(void *to, const struct ctype *from_type, const void *from) {
    if (is_integral(from_type))
        *(bool *)to = convert_load(from_type, from) != 0;
    else if (from_type->form == FORM_REAL)
        *(bool *)to = convert_load_real(from_type, from) != 0;
    else
        return false;
    return true;
}

static bool to_integer(const struct ctype *to_type, void *to, const struct ctype *from_type, const void *from,
                       bool is_cast) {
    if (is_integral(from_type))
        convert_store(to_type, to, convert_load(from_type, from));
    else if (from_type->form == FORM_REAL)
        convert_store(to_type, to, convert_from_double(to_type, convert_load_real(from_type, from)));
    else if (from_type->form == FORM_COMPLEX)
        convert_store(to_type, to, convert_from_double(to_type, convert_load_real(from_type->target, from)));
    else if (is_cast && (is_pointer(from_type) || from_type->form == FORM_ARRAY))
        convert_store(to_type, to, (int64_t)(uintptr_t)address_of(from_type, from));
    else
        return false;
    return true;
}

static bool to_real(const struct ctype *to_type, void *to, const struct ctype *from_type, const void *from) {
    if (is_integral(from_type))
        convert_store_real(to_type, to, to_double(from_type, convert_load(from_type, from)));
    else if (from_type->form == FORM_REAL && from_type->size == to_type->size)
        memcpy(to, from, to_type->size);
    else if (from_type->form == FORM_REAL)
        convert_store_real(to_type, to, convert_load_real(from_type, from));
    else if (from_type->form == FORM_COMPLEX)
        convert_store_real(to_type, to, convert_load_real(from_type->target, from));
    else
        return false;
    return true;
}

static bool to_complex(const struct ctype *to_type, void *to, const struct ctype *from_type, const void *from) {
    const struct ctype *part = to_type->target;
    double imaginary = 0;
    if (from_type->form == FORM_BOOL)
        return false;
    if (from_type->form == FORM_COMPLEX)
        imaginary = convert_load_real(from_type->target, (const char *)from + from_type->target->size);
    if (!to_real(part, to, from_type, from))
        return false;
    convert_store_real(part, (char *)to + part->size, imaginary);
    return true;
}

static bool to_pointer(const struct ctype *to_type, void *to, const struct ctype *from_type, const void *from,
                       bool is_cast) {
    if (is_cast && is_integral(from_type) && from_type->form != FORM_BOOL) {
        convert_store(to_type, to, convert_load(from_type, from));
        return true;
    }
    if (!is_pointer(from_type) && from_type->form != FORM_ARRAY && from_type->form != FORM_RECORD)
        return false;
    if (!is_cast && !convert_is_compatible(to_type, from_type, COMPATIBLE_TO))
        return false;
    store_address(to, address_of(from_type, from));
    return true;
}

/* Aggregates are copied, if they are the same. */
static bool to_same(const struct ctype *to_type, void *to, const struct ctype *from_type, const void *from) {
    bool is_array = to_type->form == FORM_ARRAY && from_type->form == FORM_ARRAY;
    bool is_same = is_array
                       ? to_type->size == from_type->size && convert_is_compatible(to_type, from_type, COMPATIBLE_TO)
                       : to_type->plain == from_type->plain;
    if (!is_same || to_type->is_variable || !to_type->is_complete || to_type->form == FORM_CTYPE)
        return false;
    memmove(to, from, to_type->size);
    return true;
}

static bool convert(struct ctype *to_type, void *to, struct ctype *from_type, const void *from, bool is_cast) {
    switch (to_type->form) {
    case FORM_BOOL:
        return to_bool(to, from_type, from);
    case FORM_INTEGER:
    case FORM_ENUM:
        return to_integer(to_type, to, from_type, from, is_cast);
    case FORM_REAL:
        return to_real(to_type, to, from_type, from);
    case FORM_COMPLEX:
        return to_complex(to_type, to, from_type, from);
    case FORM_POINTER:
        return to_pointer(to_type, to, from_type, from, is_cast);
    case FORM_VOID:
    case FORM_FUNCTION:
        return false;
    default:
        return !is_cast && to_same(to_type, to, from_type, from);
    }
}

const char *convert_value(lua_State *L, struct ffi *ffi, struct ctype *to_type, void *to, struct ctype *from_type,
                          const void *from, bool is_cast) {
    return convert(to_type, to, from_type, from, is_cast) ? NULL : refuse_value(L, ffi, to_type, from_type);
}

/* From Lua */

static const char *from_cdata(lua_State *L, struct ffi *ffi, int index, struct ctype *type, void *to) {
    const struct cdata *cd = cdata_test(L, ffi, index);
    if (!cd || !convert(type, to, cd->type, cd->address, false))
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
        *value = convert_load(type, &room);
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
        *value = convert_narrow(type, integer);
        return NULL;
    }
#endif
    *value = convert_from_double(type, lua_tonumber(L, index));
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
    int64_t value;
    const char *why = convert_integer(L, ffi, index, type, &value);
    if (!why)
        convert_store(type, to, value);
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
        convert_store_real(type, to, lua_tonumber(L, index));
    else if (lua_type(L, index) == LUA_TBOOLEAN)
        convert_store_real(type, to, lua_toboolean(L, index));
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
    convert_store_real(part, (char *)to + part->size, 0);
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
        store_address(to, NULL);
        return NULL;
    case LUA_TLIGHTUSERDATA:
        store_address(to, lua_touserdata(L, index));
        return NULL;
    case LUA_TUSERDATA:
        if (cdata_test(L, ffi, index))
            return from_cdata(L, ffi, index, type, to);
        store_address(to, userdata_address(L, index));
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
    if (type != ffi->text && !convert_is_compatible(type, ffi->text, COMPATIBLE_TO))
        return convert_refuse(L, ffi, index, type);
    store_address(to, lua_tostring(L, index));
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
        convert_store(type, to, (int64_t)constant);
    } else {
        convert_store(type, to, (int64_t)(uintptr_t)text);
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
        convert_store(type, to, (int64_t)(uintptr_t)address);
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
        lua_pushinteger(L, (lua_Integer)convert_load(type, from));
    else
        cdata_push_int64(L, ffi, (uint64_t)convert_load(type, from), type->is_unsigned);
}

static void real_to_lua(lua_State *L, struct ffi *ffi, struct ctype *type, const void *from) {
    (void)ffi;
    lua_pushnumber(L, convert_load_real(type, from));
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
