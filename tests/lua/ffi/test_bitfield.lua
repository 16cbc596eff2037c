-- Bit-fields: where they lie, what they hold, and what they refuse.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows = prelude.ffi, prelude.shows
local test, equal, raises = check.test, check.equal, check.raises

test("a signed one has a sign, an unsigned one has none", function()
    local s = ffi.new "struct { int a : 3; unsigned b : 3; }"
    s.a, s.b = 3, 7
    equal(s.a, 3)
    equal(s.b, 7)
    s.a, s.b = -4, -1
    equal(s.a, -4)
    equal(s.b, 7)
end)

test("what is too large loses its high bits, and the neighbours nothing", function()
    local s = ffi.new("struct { unsigned a : 4, b : 4, c : 24; }", 1, 2, 3)
    s.b = 0x1f
    equal(s.a, 1)
    equal(s.b, 15)
    equal(s.c, 3)
    s.c = -1
    equal(s.b, 15)
    equal(s.c, 0xffffff)
    s.a = 0
    equal(s.b, 15)
end)

test("one of all its type's bits is as a member of that type", function()
    local s = ffi.new "struct { int a : 32; unsigned b : 32; }"
    s.a, s.b = -1, -1
    equal(s.a, -1)
    equal(s.b, 4294967295)
end)

test("a bool is a boolean", function()
    local s = ffi.new "struct { bool a : 1; bool b : 1; }"
    s.b = true
    equal(s.a, false)
    equal(s.b, true)
    s.b, s.a = false, 1
    equal(s.b, false)
    equal(s.a, true)
end)

test("numbers are converted as for other members", function()
    local s = ffi.new "struct { int a : 5; }"
    s.a = 3.9
    equal(s.a, 3)
    s.a = prelude.i64 "-7"
    equal(s.a, -7)
    s.a = true
    equal(s.a, 1)
    raises("cannot convert 'string' to 'int'", function() s.a = "x" end)
    raises("cannot convert 'nil' to 'int'", function() s.a = nil end)
    raises("cannot convert 'table' to 'int'", function() s.a = {} end)
    equal(s.a, 1)
end)

test("offsetof gives the byte, the bit and the number of bits", function()
    local function at(offset, bit, bits, type, name)
        local a, b, c = ffi.offsetof(type, name)
        equal(a, offset)
        equal(b, bit)
        equal(c, bits)
    end
    local type = ffi.typeof "struct { int a : 3, b : 4; int c : 30; }"
    at(0, 0, 3, type, "a")
    at(0, 3, 4, type, "b")
    at(4, 0, 30, type, "c")
    at(4, nil, nil, ffi.typeof "struct { int a : 3; int b; }", "b")
    local packed = ffi.typeof "struct { short a : 9; short b : 9; } __attribute__((packed))"
    at(0, 9, 9, packed, "b")
end)

test("they lie as GCC lays them", function()
    for text, size in pairs {
        ["struct { char a : 1; int b : 31; }"] = 4, ["struct { int a : 20; int b : 20; }"] = 8,
        ["struct { int a : 1; int : 0; int b : 1; }"] = 8, ["struct { char a; int b : 8; }"] = 4,
        ["struct { short a : 9; short b : 9; } __attribute__((packed))"] = 3,
        ["union { int a : 5; char b; }"] = 4,
        ["struct { int a : 5; char b; }"] = 4, ["struct { char a : 5; char b : 5; }"] = 2,
        ["struct { short a : 12; int b : 12; char c; }"] = 4, ["struct { bool a : 1; unsigned b : 7; }"] = 4,
    } do
        if ffi.sizeof(text) ~= size then error(("%s has %d bytes"):format(text, ffi.sizeof(text))) end
    end
end)

test("their bits are where C has them", function()
    local u = ffi.new "union { struct { unsigned a : 4, b : 12, c : 16; }; uint32_t word; }"
    u.a, u.b, u.c = 1, 2, 3
    equal(u.word, 0x00030021)
    u.word = 0xffff0000
    equal(u.b, 0)
    equal(u.c, 0xffff)
end)

test("a constant one is not written to", function()
    local s = ffi.new("struct { const int a : 3; int b : 3; }", {2, 1})
    raises("attempt to write to constant location", function() s.a = 1 end)
    equal(s.a, 2)
end)

test("it has no more bits than its type", function()
    raises("", ffi.typeof, "struct { int a : 33; }")
    raises("", ffi.typeof, "struct { char a : 9; }")
    raises("", ffi.typeof, "struct { float a : 3; }")
    raises("", ffi.typeof, "struct { int a : -1; }")
end)

check.finish()
