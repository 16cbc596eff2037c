-- Conversions to Lua: what is read of C's memory, and what a call returns.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows = prelude.ffi, prelude.shows
local test, equal, raises = check.test, check.equal, check.raises

-- What is read of a member of a type that holds value.
local function loaded(type, value)
    return ffi.new(ffi.typeof("struct { $ value; }", ffi.typeof(type)), {value}).value
end

test("integers of up to 32 bits are numbers, with their sign", function()
    for _, type in ipairs {"char", "int8_t", "short", "int", "int32_t"} do
        equal(loaded(type, -1), -1)
    end
    equal(loaded("uint8_t", -1), 255)
    equal(loaded("uint16_t", -1), 65535)
    equal(loaded("uint32_t", -1), 4294967295)
    equal(prelude.kind(loaded("int", 1)), "number")
end)

test("integers of 64 bits are cdata, so that no bit is lost", function()
    shows("9007199254740993LL", loaded("int64_t", prelude.i64 "9007199254740993"))
    shows("18446744073709551615ULL", loaded("uint64_t", prelude.u64 "0xffffffffffffffff"))
    shows("1LL", loaded("long", 1))
    shows("1ULL", loaded("size_t", 1))
    shows("1LL", loaded("intptr_t", 1))
    equal(prelude.kind(loaded("int64_t", 1)), "cdata")
end)

test("what is read of 64 bits is a copy", function()
    local box = ffi.new("struct { int64_t value; }", {1})
    local value = box.value
    box.value = 2
    shows("1LL", value)
end)

test("floating point numbers are numbers", function()
    equal(loaded("double", 0.1), 0.1)
    equal(loaded("float", 0.1), 0.10000000149011612)
    equal(loaded("double", 1 / 0), 1 / 0)
    equal(prelude.kind(loaded("float", 1)), "number")
end)

test("a bool is a boolean", function()
    equal(loaded("bool", true), true)
    equal(loaded("bool", false), false)
    local byte = ffi.new("uint8_t[1]", 1)
    equal(ffi.cast("bool *", byte)[0], true)
end)

test("an enum is a cdata that keeps its type", function()
    ffi.cdef "enum to_lua { TO_LUA_A, TO_LUA_B };"
    shows("cdata<enum to_lua>: 1", loaded("enum to_lua", "TO_LUA_B"))
    equal(prelude.kind(loaded("enum to_lua", 1)), "cdata")
end)

test("a pointer is a cdata, NULL as well", function()
    shows("cdata<int *>: NULL", loaded("int *", nil))
    shows("cdata<const char *>: 0x…", loaded("const char *", "text"))
    equal(prelude.kind(loaded("int *", nil)), "cdata")
    shows("cdata<int (*)()>: NULL", loaded("int (*)(int)", nil))
end)

test("a complex number is a cdata with a copy", function()
    local box = ffi.new "struct { complex value; }"
    box.value = ffi.new("complex", 1, 2)
    local value = box.value
    box.value = 0
    shows("1+2i", value)
end)

test("an array or a struct is a reference into its container", function()
    local box = ffi.new("struct { int array[2]; struct { int a; } s; }", {{1, 2}, {3}})
    local array, s = box.array, box.s
    shows("cdata<int (&)[2]>: 0x…", array)
    array[1], s.a = 5, 6
    equal(box.array[1], 5)
    equal(box.s.a, 6)
end)

test("a reference keeps what it is of alive, as long as its container is held", function()
    local box = ffi.new("struct { int array[1000]; }", {{7}})
    local array = box.array
    collectgarbage()
    equal(array[999], 7)
end)

test("const is no part of a value that was read", function()
    equal(ffi.new("const int[1]", 3)[0], 3)
    shows("3LL", ffi.new("const int64_t[1]", 3)[0])
end)

test("an initialized number stays a cdata, and its value is had by tonumber", function()
    local n = ffi.new("int", 3)
    equal(prelude.kind(n), "cdata")
    equal(prelude.number(n), 3)
    equal(prelude.number(ffi.new("double", 0.5)), 0.5)
    equal(prelude.number(ffi.new("bool", true)), 1)
    equal(prelude.number(ffi.new("enum { TO_LUA_C = 7 }", 7)), 7)
    equal(prelude.number(ffi.new("complex", 1, 2)), 1)
    equal(prelude.number(prelude.i64 "-5"), -5)
    equal(prelude.number(prelude.u64 "0x8000000000000000"), 2 ^ 63)
end)

test("tonumber of what is no number is nil", function()
    equal(prelude.number(ffi.new "int *"), nil)
    equal(prelude.number(ffi.new "int[1]"), nil)
    equal(prelude.number(ffi.new "struct { int a; }"), nil)
end)

test("tonumber of 64 bits that are no double is the nearest one, or Lua's own integer", function()
    local number = prelude.number(prelude.i64 "9007199254740993")
    if prelude.integers then
        equal(("%d"):format(number), "9007199254740993")
    else
        equal(number, 2 ^ 53)
    end
end)

check.finish()
