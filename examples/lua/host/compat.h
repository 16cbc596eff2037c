/* One API for four Luas: 5.4's, in which the rest is written.
 *
 * lua-compat-5.3 gives 5.1 and 5.2 what 5.3 has; here is what 5.4 has beyond that, and no more of it than is used.
 * What stays different: lua_pushfstring knows no %I before 5.3, and lua_Integer there is a type whose values are numbers,
 * exact up to 2^53.
 *
 * SPDX-License-Identifier: MIT */
#ifndef CALLGATE_EXAMPLES_LUA_HOST_COMPAT_H
#define CALLGATE_EXAMPLES_LUA_HOST_COMPAT_H

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>

#if LUA_VERSION_NUM < 503
#include <compat-5.3.h>
#endif

/* Calls function protected, with data as a light userdata. What takes memory before that is protected, too; in 5.1, a function
 * that is pushed does. Returns Lua's status; an error is on top. */
int compat_call(lua_State *L, lua_CFunction function, void *data);
/* lua_checkstack of a coroutine that doesn't run, where nothing would catch 5.1's error. Returns 0 if there is no room. */
int compat_reserve(lua_State *coroutine, int count);

#if LUA_VERSION_NUM < 504
/* User values by number: they are in a table, which is the one value that these versions have. It is made when the first
 * of them is set. */
#define lua_newuserdatauv compat_newuserdatauv
#define lua_getiuservalue compat_getiuservalue
#define lua_setiuservalue compat_setiuservalue
#define luaL_typeerror compat_typeerror
#define luaL_pushfail(L) lua_pushnil(L)

void *compat_newuserdatauv(lua_State *L, size_t size, int values);
int compat_getiuservalue(lua_State *L, int index, int n);
int compat_setiuservalue(lua_State *L, int index, int n);
int compat_typeerror(lua_State *L, int argument, const char *type);
#endif

#endif
