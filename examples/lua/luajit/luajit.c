/* The loader's beginning: `require "callgate.luajit"` runs luajit.lua, which lies in this module, with these functions.
 *
 * The translator and what is called for each number is in C; what scripts see of LuaJIT's libraries is Lua, where
 * most of them are a few lines.
 *
 * SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdlib.h>

#include "examples/lua/luajit/core.h"

/* embed.S has the files. */
extern const char luajit_source[], luajit_source_end[];
extern const char luajit_buffer_source[], luajit_buffer_source_end[];

/* Pushes the function that a file is. */
static void push_file(lua_State *L, const char *begin, const char *end, const char *name) {
    if (luaL_loadbuffer(L, begin, (size_t)(end - begin), name))
        lua_error(L);
}

/* The translator's text, in a userdata that frees it if an error comes between. */
static int free_text(lua_State *L) {
    char **text = lua_touserdata(L, 1);
    free(*text);
    *text = NULL;
    return 0;
}

/* translate(source[, version]): the text; then what couldn't be read, its line, and near what */
static int translate(lua_State *L) {
    struct translation translation;
    size_t size;
    const char *source = luaL_checklstring(L, 1, &size);
    int version = (int)luaL_optinteger(L, 2, LUA_VERSION_NUM);
    char **text = lua_newuserdatauv(L, sizeof *text, 0);
    *text = NULL;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, free_text);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    if (luajit_translate(source, size, version, &translation))
        return luaL_error(L, "not enough memory");
    *text = translation.text;
    lua_pushlstring(L, translation.text, translation.size);
    free(*text);
    *text = NULL;
    lua_pushstring(L, translation.problem);
    lua_pushinteger(L, (lua_Integer)translation.line);
    lua_pushlstring(L, translation.near, translation.near_size);
    return 4;
}

/* closure(function, name[, another]): one of these, with Lua's own */
static int close_over(lua_State *L) {
    static const lua_CFunction functions[] = {luajit_format, luajit_concat, luajit_insert,   luajit_remove, luajit_rep,
                                              luajit_pairs,  luajit_gmatch, luajit_tonumber, luajit_gsub};
    static const char *const names[] = {"format", "concat", "insert",   "remove", "rep",
                                        "pairs",  "gmatch", "tonumber", "gsub",   NULL};
    int which = luaL_checkoption(L, 2, NULL, names);
    luaL_argcheck(L, lua_tocfunction(L, 1), 1, "a function of Lua's own expected");
    lua_settop(L, 3);
    lua_remove(L, 2);
    lua_pushcclosure(L, functions[which], 2);
    return 1;
}

static const luaL_Reg core[] = {
    {"translate", translate},
    {"closure", close_over},
    {"wrap", luajit_wrap},
    {"text", luajit_text},
    {"equal", luajit_equal},
    {"tostring", luajit_tostring},
    {"type", luajit_type},
    {"ipairs", luajit_ipairs},
    {"setmetatable", luajit_setmetatable},
    {"new_proxy", luajit_new_proxy},
    {"box", luajit_box},
    {"clear", luajit_clear},
    {"new_table", luajit_new_table},
    {NULL, NULL},
};

__attribute__((visibility("default"))) int luaopen_callgate_luajit(lua_State *L) {
    push_file(L, luajit_source, luajit_source_end, "=callgate.luajit");
    luaL_newlib(L, core);
    lua_pushboolean(L, LUA_VERSION_NUM >= 503);
    lua_setfield(L, -2, "has_integers");
    lua_newtable(L);
    luajit_math(L);
    lua_setfield(L, -2, "math");
    push_file(L, luajit_buffer_source, luajit_buffer_source_end, "=string.buffer");
    lua_setfield(L, -2, "buffer");
    luaL_requiref(L, "callgate.bit", luaopen_callgate_bit, 0);
    lua_setfield(L, -2, "bit");
    lua_call(L, 1, 1);
    return 1;
}
