/* The module `callgate`: a table of the others, each loaded when it is first asked for. So nobody gets what they do not use:
 * `callgate.luajit` changes methods of strings for the whole state.
 *
 * SPDX-License-Identifier: MIT */
#include <string.h>

#include "examples/lua/host/compat.h"

/* [__index] Loads the module of that name as require does, and puts it into the table. */
static int load(lua_State *L) {
    static const char *const names[] = {"bit", "ffi", "luajit", "task"};
    const char *name = lua_type(L, 2) == LUA_TSTRING ? lua_tostring(L, 2) : "";
    size_t i = 0;
    while (i < sizeof names / sizeof *names && strcmp(name, names[i]) != 0)
        i++;
    if (i == sizeof names / sizeof *names)
        return 0;
    lua_getglobal(L, "require");
    lua_pushfstring(L, "callgate.%s", name);
    lua_call(L, 1, 1);
    lua_pushvalue(L, 2);
    lua_pushvalue(L, -2);
    lua_rawset(L, 1);
    return 1;
}

int luaopen_callgate(lua_State *L);

__attribute__((visibility("default"))) int luaopen_callgate(lua_State *L) {
    lua_newtable(L);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, load);
    lua_setfield(L, -2, "__index");
    lua_setmetatable(L, -2);
    return 1;
}
