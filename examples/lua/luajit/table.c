/* LuaJIT's library of tables, where Lua's differs.
 *
 * Lua's own function is the upvalue of each, and does what it can do.
 *
 * SPDX-License-Identifier: MIT */
#include "examples/lua/luajit/core.h"

/* Pushes the element, and returns whether there is one: what comes behind a nil is no matter, since Lua's own refuses that. */
static bool push_element(lua_State *L, lua_Integer i, lua_Integer last) {
    return i <= last && lua_rawgeti(L, 1, i) != LUA_TNIL;
}

static bool has_different(lua_State *L, lua_Integer first, lua_Integer last) {
    int top = lua_gettop(L);
    bool found = false;
    for (lua_Integer i = first; !found && push_element(L, i, last); i++) {
        found = luajit_differs(L, -1);
        lua_pop(L, 1);
    }
    lua_settop(L, top);
    return found;
}

/* Lua's is the upvalue: it gets a table of texts, if it would write an element otherwise. */
int luajit_concat(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 4);
    luajit_change(L, "-sii");
    lua_Integer first = luaL_optinteger(L, 3, 1), last = luaL_optinteger(L, 4, (lua_Integer)lua_rawlen(L, 1));
    if (has_different(L, first, last)) {
        lua_createtable(L, (int)lua_rawlen(L, 1), 0);
        for (lua_Integer i = first; push_element(L, i, last); i++) {
            luajit_to_text(L, -1);
            lua_rawseti(L, 5, i);
        }
        lua_settop(L, 5);
        lua_replace(L, 1);
    }
    return luajit_call_own(L);
}

/* Any place will do for LuaJIT: what is behind it moves up, and it becomes the list's. */
int luajit_insert(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    if (lua_gettop(L) != 3)
        return luajit_call_own(L);
    luajit_change(L, "-i");
    lua_Integer at = luaL_checkinteger(L, 2), count = (lua_Integer)luaL_len(L, 1);
    if (at >= 1 && at <= count + 1)
        return luajit_call_own(L);
    for (lua_Integer i = count + 1; i > at; i--) {
        lua_geti(L, 1, i - 1);
        lua_seti(L, 1, i);
    }
    lua_seti(L, 1, at);
    return 0;
}

/* There is nothing at a place outside. */
int luajit_remove(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    luajit_change(L, "-i");
    lua_Integer count = (lua_Integer)luaL_len(L, 1), at = count;
    if (lua_isnoneornil(L, 2))
        lua_settop(L, 1);
    else
        at = luaL_checkinteger(L, 2);
    return at < 1 || at > count ? 0 : luajit_call_own(L);
}

static int to_size(lua_State *L, int index) {
    lua_Number size = luaL_checknumber(L, index);
    return size > 0 && size < 1 << 26 ? (int)size : 0;
}

/* table.new(array, hash) */
int luajit_new_table(lua_State *L) {
    lua_createtable(L, to_size(L, 1), to_size(L, 2));
    return 1;
}

/* table.clear(table) */
int luajit_clear(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_settop(L, 1);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        lua_pop(L, 1);
        lua_pushvalue(L, -1);
        lua_pushnil(L);
        lua_rawset(L, 1);
    }
    return 0;
}
