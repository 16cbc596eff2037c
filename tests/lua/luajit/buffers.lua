-- string.buffer, without what needs memory that C writes to. Its output is the same under luajit.
--
-- SPDX-License-Identifier: MIT

local buffer = require "string.buffer"
local ffi = require "ffi"

local b = buffer.new()
print(b:put("ab", 1, 2.5, 10 / 2):put("!") == b, tostring(b), b:tostring(), type(b))
print(b:get(2), b:get(1, 3), b:get(), b:get(), tostring(b) == "")
b:put("hello, world")
print(b:skip(7) == b, b:get(100), b:get(5))
b:putf("%d-%s-%5.1f", 3, "x", 2):set("other"):put("wise")
print(b:get(0) == "", b:get(nil))
b:put("gone"):reset():put(setmetatable({}, {__tostring = function() return "object" end}))
print(b:get())
b:putcdata(ffi.new("char[4]", "xyz"), 2)
local other = buffer.new(100):put("from another ", b)
print(other:get(), b:get(), other .. "|", "<" .. other:put("in") .. ">")
print(pcall(b.put, b, nil) == false, pcall(b.put, b, {}) == false, pcall(b.get, b, -1) == false)
b:free()
print(tostring(b) == "", b:put("again"):get())
