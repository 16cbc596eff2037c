/* Any bytes as what a Lua script gives to the ffi: to cdef, and to typeof, whose type is then used as scripts use types.
 *
 * Each text is taken or is an error that is a string; and nothing crashes. A state for each input, or an input would be
 * refused for what one before it has declared. Made by clang's libFuzzer: `ninja fuzz`.
 *
 * SPDX-License-Identifier: MIT */
#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char script[] =
    "local text = ...\n"
    "package.cpath = 'build/fuzz/lua/?.so'\n"
    "local ffi = require 'callgate.ffi'\n"
    "local function try(f, ...)\n"
    "    local ok, result = pcall(f, ...)\n"
    "    assert(ok or type(result) == 'string', 'an error that is no text')\n"
    "    return ok and result or nil\n"
    "end\n"
    "try(ffi.cdef, text)\n"
    "local int = ffi.typeof 'int'\n"
    "try(ffi.cdef, text, 'name')\n"
    "local ctype = try(ffi.typeof, text) or try(ffi.typeof, text, int) or try(ffi.typeof, text, int, 3)\n"
    "if not ctype then return end\n"
    "tostring(ctype)\n"
    "try(ffi.alignof, ctype)\n"
    "try(ffi.offsetof, ctype, 'a')\n"
    "local size = try(ffi.sizeof, ctype) or try(ffi.sizeof, ctype, 3)\n"
    "if not size or size > 65536 then return end\n"
    "local value = try(ffi.new, ctype) or try(ffi.new, ctype, 3)\n"
    "if not value then return end\n"
    "tostring(value)\n"
    "try(ffi.istype, ctype, value)\n"
    "try(function() value.a = value.a end)\n"
    "try(ffi.new, ctype, value)\n"
    "try(ffi.new, ctype, {1, 2, 3})\n"
    "try(ffi.new, ctype, {a = 1, b = {2}})\n"
    "try(ffi.cast, ctype, 0)\n";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    lua_State *L = luaL_newstate();
    if (!L)
        abort();
    luaL_openlibs(L);
    if (luaL_loadbuffer(L, script, sizeof script - 1, "=script"))
        abort();
    lua_pushlstring(L, (const char *)data, size);
    if (lua_pcall(L, 1, 0, 0)) {
        fprintf(stderr, "%s\n", lua_tostring(L, -1));
        abort();
    }
    lua_close(L);
    return 0;
}
