/* What the loader has in C: the functions that luajit.lua is given, and what they share.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_EXAMPLES_LUA_LUAJIT_CORE_H
#define CALLGATE_EXAMPLES_LUA_LUAJIT_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "examples/lua/host/compat.h"
#include "examples/lua/luajit/luajit.h"

/* Lua's own function, of a closure that has it as its first upvalue, takes the call over. */
static inline int luajit_call_own(lua_State *L) {
    return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

/* text.c: numbers as text, and Lua's functions with LuaJIT's arguments */

void luajit_push_text(lua_State *L, double number);
/* Whether Lua would write the number at index otherwise than LuaJIT. False for what is no number. */
bool luajit_differs(lua_State *L, int index);
/* Makes a string of such a number. */
void luajit_to_text(lua_State *L, int index);
/* Changes a function's arguments as kinds says, a letter for each: 's' for a string, 'i' for an integer, 'p' for one that is a
 * place in the first, 'r' for what gsub puts in; others stay. A '*' repeats the letter before. */
void luajit_change(lua_State *L, const char *kinds);
int luajit_text(lua_State *L);
int luajit_tostring(lua_State *L);
int luajit_type(lua_State *L);
int luajit_wrap(lua_State *L);
int luajit_format(lua_State *L);
int luajit_rep(lua_State *L);

/* pattern.c: patterns that may match nothing */

int luajit_gmatch(lua_State *L);
int luajit_gsub(lua_State *L);

/* metatable.c: metatables */

int luajit_setmetatable(lua_State *L);
int luajit_new_proxy(lua_State *L);

/* table.c: tables */

int luajit_concat(lua_State *L);
int luajit_insert(lua_State *L);
int luajit_remove(lua_State *L);
int luajit_new_table(lua_State *L);
int luajit_clear(lua_State *L);

/* math.c: functions that Lua no longer has, or whose results are integers */

/* Adds them to the table on top. */
void luajit_math(lua_State *L);

/* box.c: numbers of C's, which the ffi has in cdata. Nothing of it is loaded before one is made. */

/* Also of one of the ffi's functions, which is a function of Lua's. */
bool luajit_is_cdata(lua_State *L, int index);
/* The 64 bits of a cdata of a number. */
bool luajit_to_bits(lua_State *L, int index, uint64_t *bits);
/* Replaces a cdata of a number by a Lua number; leaves what is none. */
void luajit_unbox(lua_State *L, int index);
int luajit_equal(lua_State *L);
int luajit_pairs(lua_State *L);
int luajit_ipairs(lua_State *L);
int luajit_tonumber(lua_State *L);
/* box("42LL"): what the numeral is worth. */
int luajit_box(lua_State *L);

int luaopen_callgate_luajit(lua_State *L);
int luaopen_callgate_bit(lua_State *L);

#endif
