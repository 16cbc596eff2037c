-- The module that cgen writes for features/values.h, on callgate.ffi.
--
-- SPDX-License-Identifier: MIT
local ffi = require "callgate.ffi"
local values = require "values"
local passed = 0
local function is(found, expected, what)
    assert(found == expected, ("%s is %s"):format(what, found))
    passed = passed + 1
end

is(values.TEXT, "plain \"text\"\t\195\169", "text")
is(values.NO_TEXT, "\233t\255", "what is no UTF-8")
is(values.BEFORE_DIGITS, "\233" .. "1\1" .. "2", "bytes before digits")
is(values.WITH_ZEROS, "a\0b\0", "a string with zeros")
is(values.UTF8, "\226\130\172", "UTF-8")
is(values.letters, "x\0y", "an array")
is(values.word, "word", "a pointer")

local function is_array(array, type, units, what)
    is(ffi.istype(ffi.typeof(type .. "[" .. #units .. "]"), array), true, what)
    for i, unit in ipairs(units) do is(array[i - 1], unit, what) end
end
is_array(values.UTF16, "uint16_t", {0x61, 0x20ac, 0xd83d, 0xde00, 0}, "UTF-16")
is_array(values.UTF32, "uint32_t", {0x61, 0x20ac, 0x1f600, 0}, "UTF-32")
is_array(values.units, "uint16_t", {0x78, 0x79, 0, 0}, "an array of units")
is_array(values.full, "uint16_t", {0x78, 0x79}, "an array without a last zero")
is_array(values.WIDE, "wchar_t", {0x61, 0xff, 0x66, 0, 10, 0}, "a wide string")

local function is_number(name, expected, type)
    is(math.type(values[name]), type, name .. "'s type")
    is(values[name], expected, name)
end
is_number("SMALLEST_INT", -0x80000000, "integer")
is_number("LARGEST_UNSIGNED", 0xffffffff, "integer")
is_number("SMALLEST", math.mininteger, "integer")
is_number("LARGEST", math.maxinteger, "integer")
is_number("INEXACT", 9007199254740993, "integer")
is_number("UNSIGNED_INEXACT", 9007199254740993, "integer")
is_number("NEGATIVE_INEXACT", -9007199254740993, "integer")
is_number("MINUS", -1, "integer")
is_number("NEGATIVE", -1, "integer")
is_number("WHOLE", 1.0, "float")
is_number("TENTH", 0.1, "float")
is_number("MINUS_NOTHING", 0.0, "float")
is_number("INFINITE", math.huge, "float")
is_number("LEAST_OF_ALL", -math.huge, "float")
is_number("EXTENDED", 0.5, "float")
is_number("whole", 2.0, "float")
is(1 / values.MINUS_NOTHING, -math.huge, "one through -0")
is(values.NO_NUMBER ~= values.NO_NUMBER, true, "no number")
is(tostring(values.ALL_BITS), "18446744073709551615ULL", "what only the ffi has")
is(tostring(values.ALL), "18446744073709551615ULL", "an enum's constant")
print(passed .. " passed, 0 failed")
