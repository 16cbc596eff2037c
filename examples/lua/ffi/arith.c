/* Arithmetic and comparison of cdata, by LuaJIT's rules: numbers are taken as 64-bit integers, unsigned if either is an
 * uint64_t; pointers move by elements, and are compared as addresses; all else is up to metamethods. Lua's operators that
 * LuaJIT has not (//, &, |, ~, <<, >>) are those of 64-bit integers here.
 *
 * SPDX-License-Identifier: MIT */
#include <stdint.h>

#include "examples/lua/ffi/ffi.h"

enum operation { ADD, SUB, MUL, DIV, MOD, POW, UNM, IDIV, BAND, BOR, BXOR, SHL, SHR, BNOT, EQ, LT, LE };

static const char *const events[] = {"__add", "__sub",  "__mul",  "__div", "__mod",  "__pow",
                                     "__unm", "__idiv", "__band", "__bor", "__bxor", "__shl",
                                     "__shr", "__bnot", "__eq",   "__lt",  "__le"};

struct operand {
    struct ctype *type; /* NULL for what has none */
    const char *at;     /* a number's memory; a pointer, an array's or record's address */
    lua_Number number;
#if LUA_VERSION_NUM >= 503
    lua_Integer integer;
#endif
};

static bool is_number(const struct ctype *type) {
    return type->form == FORM_INTEGER || type->form == FORM_REAL || type->form == FORM_BOOL || type->form == FORM_ENUM;
}

static bool leads_on(const struct ctype *type) {
    return type->form == FORM_POINTER || type->form == FORM_ARRAY;
}

/* Operands */

static bool take_cdata(lua_State *L, struct ffi *ffi, const struct cdata *cd, struct operand *o) {
    struct ctype *type = cd->type;
    o->type = type->form == FORM_FUNCTION ? ctype_pointer(L, ffi, type) : type;
    o->at = type->form == FORM_POINTER || type->form == FORM_FUNCTION ? *(char **)cd->address : cd->address;
    return true;
}

static void take_number(lua_State *L, struct ffi *ffi, int index, struct operand *o) {
#if LUA_VERSION_NUM >= 503
    if (lua_isinteger(L, index)) {
        o->integer = lua_tointeger(L, index);
        o->type = ffi->basic[GATE_LONG];
        o->at = (const char *)&o->integer;
        return;
    }
#endif
    o->number = lua_tonumber(L, index);
    o->type = ffi->basic[GATE_DOUBLE];
    o->at = (const char *)&o->number;
}

/* A string is a constant of the other operand, if that is an enum. */
static bool take_string(lua_State *L, struct ffi *ffi, int index, struct operand *o) {
    const struct cdata *other = cdata_test(L, ffi, 3 - index);
    uint64_t value;
    if (!other || other->type->form != FORM_ENUM || !ctype_constant(other->type, lua_tostring(L, index), &value))
        return false;
    o->number = (lua_Number)(int64_t)value;
    o->type = ffi->basic[GATE_DOUBLE];
    o->at = (const char *)&o->number;
    return true;
}

static bool take(lua_State *L, struct ffi *ffi, int index, struct operand *o) {
    const struct cdata *cd;
    o->type = NULL;
    o->at = (const char *)o; /* like no other */
    switch (lua_type(L, index)) {
    case LUA_TNUMBER:
        take_number(L, ffi, index, o);
        return true;
    case LUA_TNIL:
        o->type = ffi->void_pointer;
        o->at = NULL;
        return true;
    case LUA_TSTRING:
        return take_string(L, ffi, index, o);
    default:
        cd = cdata_test(L, ffi, index);
        return cd && take_cdata(L, ffi, cd, o);
    }
}

/* Integers */

static uint64_t power(uint64_t base, uint64_t exponent) {
    uint64_t result = 1;
    for (; exponent; exponent >>= 1, base *= base) {
        if (exponent & 1)
            result *= base;
    }
    return result;
}

static int64_t signed_power(int64_t base, int64_t exponent) {
    if (exponent >= 0)
        return (int64_t)power((uint64_t)base, (uint64_t)exponent);
    if (base == 0)
        return INT64_MAX;
    if (base == 1 || base == -1)
        return base == 1 || exponent % 2 == 0 ? 1 : -1;
    return 0;
}

static const uint64_t none = (uint64_t)1 << 63; /* what a division by zero gives */

static uint64_t divide(int64_t a, int64_t b) {
    return b == 0 || (a == INT64_MIN && b == -1) ? none : (uint64_t)(a / b);
}

static uint64_t divide_down(int64_t a, int64_t b) {
    if (b == 0 || (a == INT64_MIN && b == -1))
        return none;
    return (uint64_t)(a / b - (a % b != 0 && (a < 0) != (b < 0)));
}

static uint64_t remainder_of(int64_t a, int64_t b) {
    return b == 0 ? none : b == -1 ? 0 : (uint64_t)(a % b);
}

static uint64_t shift(uint64_t a, int64_t by) {
    if (by <= -64 || by >= 64)
        return 0;
    return by >= 0 ? a << by : a >> -by;
}

static uint64_t compute(enum operation operation, uint64_t a, uint64_t b, bool is_unsigned) {
    switch (operation) {
    case ADD:
        return a + b;
    case SUB:
        return a - b;
    case MUL:
        return a * b;
    case DIV:
        return !is_unsigned ? divide((int64_t)a, (int64_t)b) : b ? a / b : none;
    case IDIV:
        return !is_unsigned ? divide_down((int64_t)a, (int64_t)b) : b ? a / b : none;
    case MOD:
        return !is_unsigned ? remainder_of((int64_t)a, (int64_t)b) : b ? a % b : none;
    case POW:
        return is_unsigned ? power(a, b) : (uint64_t)signed_power((int64_t)a, (int64_t)b);
    case UNM:
        return -a;
    case BAND:
        return a & b;
    case BOR:
        return a | b;
    case BXOR:
        return a ^ b;
    case SHL:
        return shift(a, (int64_t)b);
    case SHR:
        return shift(a, (int64_t)b == INT64_MIN ? 64 : -(int64_t)b);
    default:
        return ~a;
    }
}

static bool compare(enum operation operation, uint64_t a, uint64_t b, bool is_unsigned) {
    int64_t x = (int64_t)a, y = (int64_t)b;
    switch (operation) {
    case EQ:
        return a == b;
    case LT:
        return is_unsigned ? a < b : x < y;
    default:
        return is_unsigned ? a <= b : x <= y;
    }
}

static bool is_uint64(const struct operand *o) {
    return o->type->form == FORM_INTEGER && o->type->is_unsigned && o->type->size == sizeof(uint64_t);
}

static uint64_t as_integer(struct ffi *ffi, const struct operand *o, bool is_unsigned) {
    const struct ctype *type = ffi->basic[is_unsigned ? GATE_ULONG : GATE_LONG];
    return (uint64_t)(o->type->form == FORM_REAL ? memory_from_double(type, memory_load_real(o->type, o->at))
                                                 : memory_load(o->type, o->at));
}

static bool do_integers(lua_State *L, struct ffi *ffi, const struct operand o[2], enum operation operation) {
    if (!is_number(o[0].type) || !is_number(o[1].type) || o[0].type->size > 8 || o[1].type->size > 8)
        return false;
    bool is_unsigned = is_uint64(&o[0]) || is_uint64(&o[1]);
    uint64_t a = as_integer(ffi, &o[0], is_unsigned), b = as_integer(ffi, &o[1], is_unsigned);
    if (operation >= EQ)
        lua_pushboolean(L, compare(operation, a, b, is_unsigned));
    else
        cdata_push_int64(L, ffi, compute(operation, a, b, is_unsigned), is_unsigned);
    return true;
}

/* Pointers */

static bool do_two_pointers(lua_State *L, const struct operand o[2], enum operation operation) {
    uintptr_t a = (uintptr_t)o[0].at, b = (uintptr_t)o[1].at;
    size_t size = o[0].type->target->size;
    if (operation != EQ && !memory_is_compatible(o[0].type, o[1].type, COMPATIBLE_BUT_FOR_QUALIFIERS))
        return false;
    if (operation == SUB && size == 0)
        return false;
    if (operation == SUB)
        lua_pushinteger(L, (lua_Integer)((intptr_t)(a - b) / (intptr_t)size));
    else
        lua_pushboolean(L, compare(operation, a, b, true));
    return true;
}

static bool do_pointers(lua_State *L, struct ffi *ffi, const struct operand o[2], enum operation operation) {
    bool is_swapped = operation == ADD && is_number(o[0].type);
    const struct operand *pointer = &o[is_swapped], *distance = &o[!is_swapped];
    if (!leads_on(pointer->type))
        return false;
    if ((operation == SUB || operation >= EQ) && leads_on(distance->type))
        return do_two_pointers(L, o, operation);
    struct ctype *target = pointer->type->target;
    if ((operation != ADD && operation != SUB) || !is_number(distance->type) || !ctype_complete(target))
        return false;
    int64_t count = (int64_t)as_integer(ffi, distance, false), bytes;
    __builtin_mul_overflow(count, (int64_t)target->size, &bytes);
    uintptr_t address = (uintptr_t)pointer->at;
    address = operation == SUB ? address - (uintptr_t)bytes : address + (uintptr_t)bytes;
    cdata_push_pointer(L, ffi, ctype_pointer(L, ffi, target), (const void *)address);
    return true;
}

/* Ctypes are the same if they are the same type. */
static bool do_ctypes(lua_State *L, const struct operand o[2], enum operation operation) {
    if (operation != EQ || o[0].type->form != FORM_CTYPE || o[1].type->form != FORM_CTYPE || !o[0].at || !o[1].at)
        return false;
    lua_pushboolean(L, *(void *const *)(const void *)o[0].at == *(void *const *)(const void *)o[1].at);
    return true;
}

/* Metamethods */

static bool push_meta(lua_State *L, struct ffi *ffi, int index, const char *event) {
    const struct cdata *cd = cdata_test(L, ffi, index);
    if (!cd)
        return false;
    struct ctype *type = cd->type;
    return meta_push(L, ffi, type->form == FORM_POINTER ? type->target : type, event);
}

static bool is_enum(lua_State *L, struct ffi *ffi, int index) {
    const struct cdata *cd = cdata_test(L, ffi, index);
    return cd && cd->type->form == FORM_ENUM;
}

/* An enum counts as the integer that it is, and so does a ctype; a reference as what it leads to. */
static const char *name_operand(lua_State *L, struct ffi *ffi, int index) {
    const struct cdata *cd = cdata_test(L, ffi, index);
    if (cd && cd->type->form == FORM_CTYPE)
        return lua_pushliteral(L, "int");
    if (cd && cd->type->form == FORM_ENUM)
        return name_push(L, ffi, ffi->basic[cd->type->is_unsigned ? GATE_UINT : GATE_INT], false);
    return cd ? name_push(L, ffi, cd->type, false) : lua_pushstring(L, luaL_typename(L, index));
}

static int refuse(lua_State *L, struct ffi *ffi, int kind) {
    if (lua_type(L, 1) == LUA_TSTRING && is_enum(L, ffi, 2))
        return luaL_error(L, "cannot convert 'string' to '%s'", name_push_value(L, ffi, 2));
    if (lua_type(L, 2) == LUA_TSTRING && is_enum(L, ffi, 1))
        return luaL_error(L, "cannot convert 'string' to '%s'", name_push_value(L, ffi, 1));
    const char *a = name_operand(L, ffi, 1), *b = name_operand(L, ffi, 2);
    if (kind == '#')
        return luaL_error(L, "attempt to get length of '%s'", a);
    if (kind == '<')
        return luaL_error(L, "attempt to compare '%s' with '%s'", a, b);
    return luaL_error(
        L, kind == '.' ? "attempt to concatenate '%s' and '%s'" : "attempt to perform arithmetic on '%s' and '%s'", a,
        b);
}

static int kind_of(const char *event) {
    const char *word = event + 2; /* behind the underscores */
    bool is_len = word[0] == 'l' && word[2] == 'n', is_order = word[0] == 'l' && !is_len;
    return is_len ? '#' : is_order ? '<' : word[0] == 'c' ? '.' : '+';
}

int arith_meta(lua_State *L, struct ffi *ffi, const char *event) {
    int count = lua_gettop(L);
    if (!push_meta(L, ffi, 1, event) && !(count > 1 && push_meta(L, ffi, 2, event)))
        return refuse(L, ffi, kind_of(event));
    lua_insert(L, 1);
    lua_call(L, count, 1);
    return 1;
}

/* [a metamethod] Its second upvalue is the operation. */
static int operate(lua_State *L) {
    struct ffi *ffi = ffi_of(L);
    enum operation operation = (enum operation)lua_tointeger(L, lua_upvalueindex(2));
    struct operand o[2];
    lua_settop(L, 2);
    bool first = take(L, ffi, 1, &o[0]), second = take(L, ffi, 2, &o[1]);
    if (first && second &&
        (do_integers(L, ffi, o, operation) || do_pointers(L, ffi, o, operation) || do_ctypes(L, o, operation)))
        return 1;
    if (operation != EQ || push_meta(L, ffi, 1, "__eq") || push_meta(L, ffi, 2, "__eq")) {
        lua_settop(L, 2);
        return arith_meta(L, ffi, events[operation]);
    }
    lua_pushboolean(L, o[0].at == o[1].at); /* equality is never an error */
    return 1;
}

void arith_open(lua_State *L, struct ffi *ffi, int metatable) {
    for (size_t i = 0; i < sizeof events / sizeof *events; i++) {
        lua_pushlightuserdata(L, ffi);
        lua_pushinteger(L, (lua_Integer)i);
        lua_pushcclosure(L, operate, 2);
        lua_setfield(L, metatable, events[i]);
    }
}
