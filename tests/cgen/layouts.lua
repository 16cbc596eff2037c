-- Whether LuaJIT's ffi.cdef reads what cgen writes, and lays it out as the stubs' assertions say the compiler does;
-- or whether the text says that it does not.
--
--   luajit layouts.lua NAME.cdef NAME_stubs.c
--
-- SPDX-License-Identifier: MIT
local ffi = require "ffi"

local function is(found, expected, what)
    if found ~= tonumber(expected) then error(("%s is %s, not %s"):format(what, found, expected), 0) end
end

local text = assert(io.open(arg[1])):read("*a")
local reads, mistake = pcall(function()
    ffi.cdef(text)
    for line in io.lines(arg[2]) do
        local type, size, alignment =
            line:match("^_Static_assert%(sizeof%(([^()]+)%) == (%d+) && __alignof__%(.-%) == (%d+)")
        -- A va_list is the pointer that it is passed as, and enums are looked at where they are used.
        if type and not type:find("^enum ") and ffi.typeof(type) ~= ffi.typeof("va_list") then
            is(ffi.sizeof(type), size, "the size of " .. type)
            is(ffi.alignof(type), alignment, "the alignment of " .. type)
        end
        local record, member, offset = line:match("^_Static_assert%(offsetof%(([^,()]+), ([%w_]+)%) == (%d+)")
        if record then is(ffi.offsetof(record, member), offset, record .. ": " .. member) end
    end
end)
local is_for_others = text:find("// not for the ffi.cdef of LuaJIT", 1, true) ~= nil
assert(reads ~= is_for_others, mistake or "it is for LuaJIT, too")
