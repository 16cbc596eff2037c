/* `bit`: LuaJIT's module of operations on bits.
 *
 * A number is rounded and taken modulo 2^32, and the result is a number, signed, of 32 bits. If an operand is a cdata, all
 * are converted to int64_t, or to uint64_t if one is that, and so is the result. What a shift shifts by decides
 * nothing.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>
#include <string.h>

#include "examples/lua/ffi/ffi.h"
#include "examples/lua/luajit/core.h"

struct operand {
    uint64_t narrow; /* the low 32 bits count, where no operand is a cdata */
    uint64_t wide;
    bool is_wide, is_unsigned;
};

enum { HEX_NARROW = 8, HEX_WIDE = 16, HEX_MOST = 254 };

/* The integer nearest to number, modulo 2^32: adding 2^52 + 2^51 leaves it in a double's low bits. */
static uint64_t round_number(double number) {
    double biased = number + 0x1.8p52;
    uint64_t bits;
    memcpy(&bits, &biased, sizeof bits);
    return bits;
}

/* What has no integer is what x86-64 makes of it. */
static uint64_t cut_number(double number) {
    if (number >= -0x1p63 && number < 0x1p63)
        return (uint64_t)(int64_t)number;
    return number >= 0x1p63 && number < 0x1p64 ? (uint64_t)number : 1ULL << 63;
}

static struct operand check_cdata(lua_State *L, int index) {
    struct operand operand = {.is_wide = true};
    struct ffi *ffi = ffi_get(L);
    bool is_boxed;
    if (!cdata_to_int64(L, ffi, index, &operand.wide, &operand.is_unsigned, &is_boxed)) {
        const char *name = name_push_value(L, ffi, index);
        luaL_argerror(L, index, lua_pushfstring(L, "cannot convert '%s' to 'int64_t'", name));
    }
    operand.narrow = operand.wide;
    return operand;
}

static struct operand check(lua_State *L, int index) {
    if (luajit_is_cdata(L, index))
        return check_cdata(L, index);
    double number = luaL_checknumber(L, index);
    if (lua_isinteger(L, index)) {
        uint64_t bits = (uint64_t)lua_tointeger(L, index);
        return (struct operand){bits, bits, false, false};
    }
    return (struct operand){round_number(number), cut_number(number), false, false};
}

static uint64_t bits_of(const struct operand *operand) {
    return operand->is_wide ? operand->wide : (uint32_t)operand->narrow;
}

/* Pushes bits as a value of operand's kind. */
static int push(lua_State *L, const struct operand *operand, uint64_t bits) {
    if (operand->is_wide)
        cdata_push_int64(L, ffi_get(L), bits, operand->is_unsigned);
    else
        lua_pushinteger(L, (int32_t)(uint32_t)bits);
    return 1;
}

static int bit_tobit(lua_State *L) {
    struct operand operand = check(L, 1);
    operand.is_wide = false;
    return push(L, &operand, operand.narrow);
}

static int bit_bnot(lua_State *L) {
    struct operand operand = check(L, 1);
    return push(L, &operand, ~bits_of(&operand));
}

static int bit_bswap(lua_State *L) {
    struct operand operand = check(L, 1);
    return push(L, &operand,
                operand.is_wide ? __builtin_bswap64(operand.wide) : __builtin_bswap32((uint32_t)operand.narrow));
}

/* Whether one of all operands is wide decides what bits of the others count, so they are folded both ways. */
static int fold(lua_State *L, char operation) {
    struct operand result = check(L, 1);
    int count = lua_gettop(L);
    for (int i = 2; i <= count; i++) {
        struct operand next = check(L, i);
        if (operation == '&') {
            result.narrow &= next.narrow;
            result.wide &= next.wide;
        } else if (operation == '|') {
            result.narrow |= next.narrow;
            result.wide |= next.wide;
        } else {
            result.narrow ^= next.narrow;
            result.wide ^= next.wide;
        }
        result.is_wide |= next.is_wide;
        result.is_unsigned |= next.is_unsigned;
    }
    return push(L, &result, bits_of(&result));
}

static int bit_band(lua_State *L) {
    return fold(L, '&');
}

static int bit_bor(lua_State *L) {
    return fold(L, '|');
}

static int bit_bxor(lua_State *L) {
    return fold(L, '^');
}

/* Shifts. width is 32 or 64, and by less than that. */

typedef uint64_t shift_function(uint64_t bits, unsigned by, unsigned width);

static uint64_t shift_left(uint64_t bits, unsigned by, unsigned width) {
    (void)width;
    return bits << by;
}

static uint64_t shift_right(uint64_t bits, unsigned by, unsigned width) {
    (void)width;
    return bits >> by;
}

static uint64_t shift_sign_right(uint64_t bits, unsigned by, unsigned width) {
    return width == 32 ? (uint64_t)((int32_t)(uint32_t)bits >> by) : (uint64_t)((int64_t)bits >> by);
}

static uint64_t rotate_left(uint64_t bits, unsigned by, unsigned width) {
    return by == 0 ? bits : bits << by | bits >> (width - by);
}

static uint64_t rotate_right(uint64_t bits, unsigned by, unsigned width) {
    return rotate_left(bits, (width - by) & (width - 1), width);
}

static int shift(lua_State *L, shift_function *function) {
    struct operand operand = check(L, 1), by = check(L, 2);
    unsigned width = operand.is_wide ? 64 : 32;
    return push(L, &operand, function(bits_of(&operand), (unsigned)by.narrow & (width - 1), width));
}

static int bit_lshift(lua_State *L) {
    return shift(L, shift_left);
}

static int bit_rshift(lua_State *L) {
    return shift(L, shift_right);
}

static int bit_arshift(lua_State *L) {
    return shift(L, shift_sign_right);
}

static int bit_rol(lua_State *L) {
    return shift(L, rotate_left);
}

static int bit_ror(lua_State *L) {
    return shift(L, rotate_right);
}

/* tohex(bits[, digits]): the low ones; in capitals, if their number is negative */
static int bit_tohex(lua_State *L) {
    struct operand operand = check(L, 1);
    int32_t digits = operand.is_wide ? HEX_WIDE : HEX_NARROW;
    if (!lua_isnoneornil(L, 2))
        digits = (int32_t)(uint32_t)check(L, 2).narrow;
    const char *hex = digits < 0 ? "0123456789ABCDEF" : "0123456789abcdef";
    uint64_t bits = bits_of(&operand);
    char text[HEX_MOST];
    int32_t count = digits < -HEX_MOST || digits > HEX_MOST ? HEX_MOST : digits < 0 ? -digits : digits;
    for (int32_t i = count; i-- > 0; bits >>= 4)
        text[i] = hex[bits & 15];
    lua_pushlstring(L, text, (size_t)count);
    return 1;
}

static const luaL_Reg functions[] = {{"tobit", bit_tobit},
                                     {"bnot", bit_bnot},
                                     {"bswap", bit_bswap},
                                     {"band", bit_band},
                                     {"bor", bit_bor},
                                     {"bxor", bit_bxor},
                                     {"lshift", bit_lshift},
                                     {"rshift", bit_rshift},
                                     {"arshift", bit_arshift},
                                     {"rol", bit_rol},
                                     {"ror", bit_ror},
                                     {"tohex", bit_tohex},
                                     {NULL, NULL}};

__attribute__((visibility("default"))) int luaopen_callgate_bit(lua_State *L) {
    luaL_newlib(L, functions);
    return 1;
}
