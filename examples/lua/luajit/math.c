/* What LuaJIT's library of mathematics has, and some Lua has not, or has with integers for results.
 *
 * SPDX-License-Identifier: MIT */
#include <math.h>

#include "examples/lua/luajit/core.h"

typedef double function_of_one(double);

static const struct {
    const char *name;
    function_of_one *function;
} functions[] = {{"cosh", cosh}, {"sinh", sinh}, {"tanh", tanh}, {"log10", log10}, {"floor", floor}, {"ceil", ceil}};

static int call_one(lua_State *L) {
    lua_pushnumber(L, functions[lua_tointeger(L, lua_upvalueindex(1))].function(luaL_checknumber(L, 1)));
    return 1;
}

static int call_pow(lua_State *L) {
    lua_pushnumber(L, pow(luaL_checknumber(L, 1), luaL_checknumber(L, 2)));
    return 1;
}

static int call_atan2(lua_State *L) {
    lua_pushnumber(L, atan2(luaL_checknumber(L, 1), luaL_checknumber(L, 2)));
    return 1;
}

static int call_atan(lua_State *L) {
    lua_pushnumber(L, atan(luaL_checknumber(L, 1)));
    return 1;
}

static int call_ldexp(lua_State *L) {
    lua_pushnumber(L, ldexp(luaL_checknumber(L, 1), (int)luaL_checknumber(L, 2)));
    return 1;
}

static int call_frexp(lua_State *L) {
    int exponent;
    lua_pushnumber(L, frexp(luaL_checknumber(L, 1), &exponent));
    lua_pushinteger(L, exponent);
    return 2;
}

static int call_fmod(lua_State *L) {
    lua_pushnumber(L, fmod(luaL_checknumber(L, 1), luaL_checknumber(L, 2)));
    return 1;
}

static int call_log(lua_State *L) {
    double x = luaL_checknumber(L, 1), base = luaL_optnumber(L, 2, 0);
    if (lua_isnoneornil(L, 2))
        lua_pushnumber(L, log(x));
    else
        lua_pushnumber(L, base == 2 ? log2(x) : base == 10 ? log10(x) : log(x) / log(base));
    return 1;
}

static const luaL_Reg others[] = {{"pow", call_pow},     {"atan2", call_atan2}, {"atan", call_atan},
                                  {"ldexp", call_ldexp}, {"frexp", call_frexp}, {"fmod", call_fmod},
                                  {"log", call_log},     {NULL, NULL}};

void luajit_math(lua_State *L) {
    luaL_setfuncs(L, others, 0);
    for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
        lua_pushinteger(L, (lua_Integer)i);
        lua_pushcclosure(L, call_one, 1);
        lua_setfield(L, -2, functions[i].name);
    }
}
