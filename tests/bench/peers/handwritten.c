/* What somebody writes in C who has a few functions to call from Lua: the measure of calls by callgate.ffi.
 *
 * SPDX-License-Identifier: MIT */
#include <lauxlib.h>
#include <lua.h>
#include <stdlib.h>
#include <string.h>

#include "callee.h"

int luaopen_handwritten(lua_State *L);

static int call_add(lua_State *L) {
    lua_pushinteger(L, add((int)luaL_checkinteger(L, 1), (int)luaL_checkinteger(L, 2)));
    return 1;
}

static int call_scale(lua_State *L) {
    lua_pushnumber(L, scale(luaL_checknumber(L, 1), luaL_checknumber(L, 2)));
    return 1;
}

static int call_now(lua_State *L) {
    lua_pushnumber(L, now());
    return 1;
}

static int call_atoi(lua_State *L) {
    lua_pushinteger(L, atoi(luaL_checkstring(L, 1)));
    return 1;
}

/* A struct, with a member by its name */

struct point {
    int x, y;
};

static int make_point(lua_State *L) {
    struct point *point = lua_newuserdatauv(L, sizeof *point, 0);
    point->x = (int)luaL_checkinteger(L, 1);
    point->y = (int)luaL_checkinteger(L, 2);
    luaL_setmetatable(L, "point");
    return 1;
}

static int get_member(lua_State *L) {
    const struct point *point = luaL_checkudata(L, 1, "point");
    const char *name = luaL_checkstring(L, 2);
    lua_pushinteger(L, strcmp(name, "x") == 0 ? point->x : point->y);
    return 1;
}

/* qsort, whose callback gets pointers that it reads */

static lua_State *caller;

static void push_pointer(lua_State *L, const int *pointer) {
    const int **box = lua_newuserdatauv(L, sizeof *box, 0);
    *box = pointer;
    luaL_setmetatable(L, "pointer");
}

static int compare(const void *a, const void *b) {
    lua_State *L = caller;
    lua_pushvalue(L, 2);
    push_pointer(L, a);
    push_pointer(L, b);
    int order = lua_pcall(L, 2, 1, 0) ? 0 : (int)lua_tointeger(L, -1);
    lua_pop(L, 1);
    return order;
}

static int follow(lua_State *L) {
    const int *const *box = luaL_checkudata(L, 1, "pointer");
    lua_pushinteger(L, (*box)[luaL_checkinteger(L, 2)]);
    return 1;
}

/* sort(count, compare): numbers that fall, as tests/bench/peers/lua.lua fills an array */
static int call_qsort(lua_State *L) {
    size_t count = (size_t)luaL_checkinteger(L, 1);
    int *numbers = lua_newuserdatauv(L, count * sizeof *numbers, 0);
    for (size_t i = 0; i < count; i++)
        numbers[i] = (int)(i * 7919 % count);
    caller = L;
    qsort(numbers, count, sizeof *numbers, compare);
    return 0;
}

static const luaL_Reg functions[] = {
    {"add", call_add},     {"atoi", call_atoi},   {"now", call_now}, {"point", make_point},
    {"scale", call_scale}, {"qsort", call_qsort}, {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_handwritten(lua_State *L) {
    luaL_newmetatable(L, "point");
    lua_pushcfunction(L, get_member);
    lua_setfield(L, -2, "__index");
    luaL_newmetatable(L, "pointer");
    lua_pushcfunction(L, follow);
    lua_setfield(L, -2, "__index");
    luaL_newlib(L, functions);
    return 1;
}
