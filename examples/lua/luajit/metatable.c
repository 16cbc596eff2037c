/* Metatables that Lua finalizes otherwise.
 *
 * Lua looks for a __gc when a metatable is set, and never again; LuaJIT looks when a userdata is collected, and never at a
 * table's.
 *
 * SPDX-License-Identifier: MIT */
#include "examples/lua/luajit/core.h"

/* Sets the metatable on top for the value at index, and pops it. Whether Lua finds a __gc is not what the metatable says; it has
 * again what it had before the collector can run. */
static void set_metatable(lua_State *L, int index, bool finds_one) {
    int metatable = lua_gettop(L);
    lua_pushliteral(L, "__gc");
    lua_pushvalue(L, -1);
    lua_rawget(L, metatable);
    bool is_pretended = lua_isnil(L, -1) == finds_one;
    if (is_pretended) {
        lua_pushvalue(L, -2);
        if (finds_one)
            lua_pushboolean(L, true);
        else
            lua_pushnil(L);
        lua_rawset(L, metatable);
    }
    lua_pushvalue(L, metatable);
    lua_setmetatable(L, index);
    if (is_pretended)
        lua_rawset(L, metatable);
    lua_settop(L, metatable - 1);
}

/* setmetatable(table, metatable) */
int luajit_setmetatable(lua_State *L) {
    int type = lua_type(L, 2);
    luaL_checktype(L, 1, LUA_TTABLE);
    if (type != LUA_TNIL && type != LUA_TTABLE)
        return luaL_argerror(L, 2, "nil or table expected");
    if (luaL_getmetafield(L, 1, "__metatable"))
        return luaL_error(L, "cannot change a protected metatable");
    lua_settop(L, 2);
    if (type == LUA_TNIL)
        lua_setmetatable(L, 1);
    else
        set_metatable(L, 1, false);
    return 1;
}

/* newproxy([true | proxy]) */
int luajit_new_proxy(lua_State *L) {
    bool is_copy = lua_isuserdata(L, 1), has_metatable = is_copy || lua_toboolean(L, 1);
    lua_settop(L, 1);
    lua_newuserdatauv(L, 0, 0);
    if (is_copy)
        luaL_argcheck(L, lua_getmetatable(L, 1), 1, "boolean or proxy expected");
    else if (has_metatable)
        lua_newtable(L);
    if (has_metatable)
        set_metatable(L, 2, true);
    return 1;
}
