/* Calls of C from a stock lua5.4, by callgate.ffi: "direct" is a function that was written in C for it,
 * "generated" one of a module that cgen wrote. A member of a struct is compared with a table's field.
 * tests/bench/peers/lua.lua does it all.
 *
 * SPDX-License-Identifier: MIT */
#include "tests/bench/bench.h"

#define LUA(figure)                                                              \
    .peer = "LUA_CPATH='build/release/lua/?.so;build/release/tests/bench/?.so' " \
            "LUA_PATH='build/release/tests/bench/?.lua' lua5.4 tests/bench/peers/lua.lua " figure

const struct bench_row bench_lua[] = {
    {"lua", "direct", "int(int,int)", .count = 1000 * 1000, LUA("hand-int")},
    {"lua", "callgate.ffi", "int(int,int)", .count = 1000 * 1000, LUA("ffi-int")},
    {"lua", "generated", "int(int,int)", .count = 1000 * 1000, LUA("module-int")},
    {"lua", "direct", "double(double,double)", .count = 1000 * 1000, LUA("hand-double")},
    {"lua", "callgate.ffi", "double(double,double)", .count = 1000 * 1000, LUA("ffi-double")},
    {"lua", "generated", "double(double,double)", .count = 1000 * 1000, LUA("module-double")},
    {"lua", "direct", "int(char*)", .count = 1000 * 1000, LUA("hand-string")},
    {"lua", "callgate.ffi", "int(char*)", .count = 1000 * 1000, LUA("ffi-string")},
    {"lua", "direct", "library.f(int,int)", .count = 1000 * 1000, LUA("hand-lookup")},
    {"lua", "callgate.ffi", "library.f(int,int)", .count = 1000 * 1000, LUA("ffi-lookup")},
    {"lua", "generated", "library.f(int,int)", .count = 1000 * 1000, LUA("module-lookup")},
    {"lua", "direct", "object.member", .count = 1000 * 1000, LUA("table-member")},
    {"lua", "handwritten", "object.member", .count = 1000 * 1000, LUA("hand-member")},
    {"lua", "callgate.ffi", "object.member", .count = 1000 * 1000, LUA("ffi-member")},
    {"lua", "direct", "qsort's callback", .count = 100 * 1000, LUA("hand-callback")},
    {"lua", "callgate.ffi", "qsort's callback", .count = 100 * 1000, LUA("ffi-callback")},
    {0},
};
