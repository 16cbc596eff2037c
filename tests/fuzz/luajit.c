/* Any bytes as LuaJIT's source.
 *
 * What is made of them has as many lines; and what Lua 5.4 takes, it takes still. Made by clang's libFuzzer: `ninja fuzz`.
 *
 * SPDX-License-Identifier: MIT */
#include <lauxlib.h>
#include <lua.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "examples/lua/luajit/luajit.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds, const char *what, const char *text, size_t size) {
    if (holds)
        return;
    fprintf(stderr, "not so: %s: %.*s\n", what, (int)size, text);
    abort();
}

static size_t count_newlines(const char *text, size_t size) {
    size_t count = 0;
    for (size_t i = 0; i < size; i++)
        count += text[i] == '\n' || text[i] == '\r';
    return count;
}

static bool loads(lua_State *L, const char *text, size_t size) {
    bool well = luaL_loadbufferx(L, text, size, "=text", "t") == LUA_OK;
    lua_settop(L, 0);
    return well;
}

static void translate_for_older(const char *source, size_t size, int version) {
    struct translation made;
    if (luajit_translate(source, size, version, &made))
        abort();
    free(made.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static lua_State *L;
    const char *source = (const char *)data;
    struct translation made;
    if (!L)
        L = luaL_newstate();
    for (int version = 501; version < 504; version++)
        translate_for_older(source, size, version);
    if (luajit_translate(source, size, 504, &made))
        abort();
    require(count_newlines(made.text, made.size) == count_newlines(source, size), "as many lines", made.text,
            made.size);
    require(made.near >= source && made.near + made.near_size <= source + size, "a place", made.text, made.size);
    if (loads(L, source, size)) {
        require(!made.problem, made.problem ? made.problem : "", source, size);
        require(loads(L, made.text, made.size), "Lua takes it still", made.text, made.size);
    }
    free(made.text);
    return 0;
}
