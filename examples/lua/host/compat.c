/* What 5.4 has and its elders have not, and what is done otherwise there. See compat.h.
 *
 * SPDX-License-Identifier: MIT */
#include "examples/lua/host/compat.h"

int compat_call(lua_State *L, lua_CFunction function, void *data) {
#if LUA_VERSION_NUM == 501
    return lua_cpcall(L, function, data);
#else
    if (!lua_checkstack(L, 3))
        return LUA_ERRMEM;
    lua_pushcfunction(L, function);
    lua_pushlightuserdata(L, data);
    return lua_pcall(L, 1, 0, 0);
#endif
}

#if LUA_VERSION_NUM == 501
static int reserve(lua_State *L) {
    const int *count = lua_touserdata(L, 1);
    luaL_checkstack(L, *count, "a coroutine");
    return 0;
}
#endif

int compat_reserve(lua_State *coroutine, int count) {
#if LUA_VERSION_NUM == 501
    int failed = lua_cpcall(coroutine, reserve, &count);
    lua_settop(coroutine, 0);
    return !failed;
#else
    return lua_checkstack(coroutine, count);
#endif
}

#if LUA_VERSION_NUM < 504

/* A userdata of 5.1 always has an environment. The registry, which is nobody's, says that no value was set. */
static void mark_empty(lua_State *L) {
#if LUA_VERSION_NUM == 501
    lua_pushvalue(L, LUA_REGISTRYINDEX);
    lua_setfenv(L, -2);
#else
    (void)L;
#endif
}

void *compat_newuserdatauv(lua_State *L, size_t size, int values) {
    void *userdata = lua_newuserdata(L, size);
    if (values)
        mark_empty(L);
    return userdata;
}

/* Pushes the table of a userdata's values, or what says that there is none yet. */
static int push_values(lua_State *L, int index) {
    lua_getuservalue(L, index);
    return lua_istable(L, -1) && !lua_rawequal(L, -1, LUA_REGISTRYINDEX);
}

int compat_getiuservalue(lua_State *L, int index, int n) {
    if (push_values(L, index))
        lua_rawgeti(L, -1, n);
    else
        lua_pushnil(L);
    lua_remove(L, -2);
    return lua_type(L, -1);
}

int compat_setiuservalue(lua_State *L, int index, int n) {
    index = lua_absindex(L, index);
    if (!push_values(L, index)) {
        lua_pop(L, 1);
        lua_createtable(L, n, 0);
        lua_pushvalue(L, -1);
        lua_setuservalue(L, index);
    }
    lua_insert(L, -2);
    lua_rawseti(L, -2, n);
    lua_pop(L, 1);
    return 1;
}

int compat_typeerror(lua_State *L, int argument, const char *type) {
    const char *given = luaL_typename(L, argument);
    if (luaL_getmetafield(L, argument, "__name") == LUA_TSTRING)
        given = lua_tostring(L, -1);
    else if (lua_islightuserdata(L, argument))
        given = "light userdata";
    return luaL_argerror(L, argument, lua_pushfstring(L, "%s expected, got %s", type, given));
}

#endif
