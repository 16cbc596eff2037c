#!/usr/bin/env lua, whose "first line is none, ffi.cdef(line)
local ffi = require "callgate.ffi"
local cdef, cast = ffi.cdef, ffi.cast -- ffi.cdef "int in_a_comment(void);"
--[==[ ffi.cdef "int in_a_long_comment(void);" ]] ]==]
local text = "ffi.cdef 'int in_a_string(void);'"
cdef("struct point { int x, y; " .. "dou" .. 'ble we\105ght; };\nunsigned\tmissing_\x61(void);')
ffi.cdef(("int count_" .. 2) .. "(void);" --[[ one ]] .. --[=[ two ]=]
    [[int say(const char *format, int);]])
pcall(ffi.cdef, "typedef unsigned long handle;\z
                 handle open_it(int path, int mode);")
ffi.cdef "struct tail { int length; char bytes[?]; }"
ffi["cdef"] "int missing_c(void);"
pcall(ffi [ [[cdef]] ], "int missing_d(void);")
require "ffi"['cdef']("int missing_e(void);")
local mine = {["cdef"] = 1, "cdef"}
ffi.cdef("int \
missing_b(void);")
ffi.cdef("int missing_f(void);", nil)
