-- Pointers and references: arithmetic, comparison, NULL.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows, eq, lt, le = prelude.ffi, prelude.shows, prelude.eq, prelude.lt, prelude.le
local test, equal, raises = check.test, check.equal, check.raises

local function same(a, b) equal(eq(a, b), true) end
local function different(a, b) equal(eq(a, b), false) end

test("a number is added in elements", function()
    local array = ffi.new("int[4]", 1, 2, 3, 4)
    local pointer = ffi.cast("int *", array)
    equal((pointer + 2)[0], 3)
    equal((2 + pointer)[0], 3)
    equal((pointer + 3 - 1)[0], 3)
    equal((array + 1)[0], 2)
    equal((array - 1)[1], 1)
    shows("cdata<int *>: 0x…", array + 1)
    equal((pointer + 1.9)[0], 2)
    equal((pointer + prelude.i64 "3")[0], 4)
    equal((pointer + ffi.new("int", 1))[0], 2)
    equal((pointer + prelude.u64 "3" - prelude.i64 "1")[0], 3)
end)

test("the difference of two pointers is a number of elements", function()
    local array = ffi.new "int[4]"
    local pointer = ffi.cast("int *", array)
    equal((pointer + 3) - pointer, 3)
    equal(pointer - (pointer + 3), -3)
    equal((array + 2) - array, 2)
    equal(prelude.kind((array + 2) - array), "number")
end)

test("a struct's pointer goes by structs", function()
    ffi.cdef "struct pointer { int a, b, c; };"
    local array = ffi.new("struct pointer[3]", {{1}, {2}, {3}})
    local pointer = ffi.cast("struct pointer *", array)
    equal((pointer + 2).a, 3)
    equal((array + 1).a, 2)
    equal((pointer + 2) - pointer, 2)
end)

test("no other arithmetic is done with pointers", function()
    local array = ffi.new "int[2]"
    local pointer = ffi.cast("int *", array)
    raises("attempt to perform arithmetic on 'number' and 'int *'", function() return 1 - pointer end)
    raises("attempt to perform arithmetic on 'int *' and 'number'", function() return pointer * 2 end)
    raises("attempt to perform arithmetic on 'int *' and 'int *'", function() return pointer + pointer end)
    raises("attempt to perform arithmetic on 'int *' and 'int *'", function() return -pointer end)
    raises("attempt to perform arithmetic on 'int *' and 'string'", function() return pointer + "1" end)
    raises("attempt to perform arithmetic on 'int *' and 'nil'", function() return pointer + nil end)
    raises("attempt to perform arithmetic on 'int *' and 'table'", function() return pointer + {} end)
    raises("attempt to perform arithmetic on 'int [2]' and 'int [2]'", function() return array + array end)
end)

test("pointers to different types have no difference", function()
    local array = ffi.new "int[2]"
    raises("attempt to perform arithmetic on 'int *' and 'short *'", function()
        return ffi.cast("int *", array) - ffi.cast("short *", array)
    end)
end)

test("what has no size is not counted", function()
    raises("attempt to perform arithmetic on 'void *' and 'number'", function() return ffi.cast("void *", 8) + 1 end)
    raises("attempt to perform arithmetic on 'int (*)()' and 'number'", function()
        return ffi.cast("int (*)(int)", 8) + 1
    end)
end)

test("a NULL pointer equals nil, no other does", function()
    same(ffi.new "int *", nil)
    same(nil, ffi.new "int *")
    same(ffi.new "void *", nil)
    same(ffi.cast("int (*)(int)", 0), nil)
    different(ffi.cast("int *", 8), nil)
    different(nil, ffi.cast("int *", 8))
    different(ffi.new "int[2]", nil)
    different(ffi.new "struct pointer", nil)
end)

test("pointers are equal if their addresses are, whatever they point to", function()
    local array = ffi.new "int[2]"
    local pointer = ffi.cast("int *", array)
    same(pointer, array)
    same(pointer, ffi.cast("void *", array))
    same(pointer, ffi.cast("char *", array))
    same(array, array)
    same(ffi.cast("const int *", array), pointer)
    same(pointer + 1, array + 1)
    different(pointer, pointer + 1)
    different(ffi.new "int[2]", ffi.new "int[2]")
    same(ffi.cast("int (*)(int)", 8), ffi.cast("void *", 8))
end)

test("a pointer equals no number, boolean, string or table", function()
    local null = ffi.new "int *"
    different(null, 0)
    different(null, false)
    different(null, "")
    different(null, {})
    different(null, prelude.i64 "0")
    different(0, null)
end)

test("pointers to one type are in the order of their addresses", function()
    local array = ffi.new "int[4]"
    local pointer = ffi.cast("int *", array)
    equal(lt(pointer, pointer + 1), true)
    equal(lt(pointer + 1, pointer), false)
    equal(le(pointer, pointer), true)
    equal(lt(array, array + 1), true)
    equal(lt(ffi.cast("char *", 8), ffi.cast("char *", -8)), true)
end)

test("pointers to different types are in no order, nor are pointers and other values", function()
    local pointer = ffi.cast("int *", 8)
    raises("attempt to compare 'int *' with 'double *'", function() return lt(pointer, ffi.cast("double *", 8)) end)
    raises("attempt to compare 'int *' with 'void *'", function() return lt(pointer, ffi.cast("void *", 8)) end)
    raises("attempt to compare 'int *' with 'nil'", function() return lt(pointer, nil) end)
    raises("attempt to compare 'int *' with 'number'", function() return lt(pointer, 1) end)
    raises("attempt to compare 'int *' with 'string'", function() return le(pointer, "x") end)
end)

test("structs are equal if they are the same, and in no order", function()
    local a, b = ffi.new("struct pointer", 1), ffi.new("struct pointer", 1)
    same(a, a)
    different(a, b)
    different(a, 1)
    different(a, "x")
    same(a, ffi.cast("struct pointer *", a))
    raises("attempt to compare 'struct pointer' with 'struct pointer'", function() return lt(a, b) end)
    raises("attempt to compare 'struct pointer' with 'number'", function() return lt(a, 1) end)
end)

test("structs and strings are no operands", function()
    local s = ffi.new "struct pointer"
    raises("attempt to perform arithmetic on 'struct pointer' and 'number'", function() return s + 1 end)
    raises("attempt to perform arithmetic on 'number' and 'struct pointer'", function() return 1 + s end)
    raises("attempt to perform arithmetic on 'struct pointer' and 'struct pointer'", function() return s + s end)
    raises("attempt to get length of 'struct pointer'", function() return #s end)
    raises("attempt to concatenate 'struct pointer' and 'string'", function() return s .. "x" end)
end)

test("a reference is as what it refers to", function()
    local outer = ffi.new("struct { struct pointer p; int a[2]; }", {{1, 2, 3}, {4, 5}})
    local p, a = outer.p, outer.a
    equal(p.c, 3)
    equal((a + 1)[0], 5)
    equal((a + 1) - a, 1)
    same(p, outer)
    same(a, outer.a)
    equal(ffi.sizeof(p), 12)
    equal(ffi.sizeof(a), 8)
end)

test("a pointer doesn't keep what it points to, its owner does", function()
    local array = ffi.new("int[100]", 7)
    local pointer = ffi.cast("int *", array)
    collectgarbage()
    equal(pointer[99], 7)
    equal(array[99], 7)
end)

check.finish()
