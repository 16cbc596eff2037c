-- Indexing and assignment: elements, members, and what they refuse.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows = prelude.ffi, prelude.shows
local test, equal, raises = check.test, check.equal, check.raises

test("arrays and pointers are indexed from 0", function()
    local array = ffi.new("int[3]", 1, 2, 3)
    equal(array[0], 1)
    equal(array[2], 3)
    array[1] = 20
    equal(array[1], 20)
    local pointer = ffi.cast("int *", array)
    equal(pointer[1], 20)
    pointer[2] = 30
    equal(array[2], 30)
end)

test("an index may be negative", function()
    local array = ffi.new("int[3]", 1, 2, 3)
    local last = ffi.cast("int *", array) + 2
    equal(last[-1], 2)
    equal(last[-2], 1)
end)

test("an index loses its fraction, and may be an integer of C", function()
    local array = ffi.new("int[3]", 1, 2, 3)
    equal(array[1.9], 2)
    equal(array[prelude.i64 "1"], 2)
    equal(array[prelude.u64 "2"], 3)
    equal(array[ffi.new("int", 1)], 2)
    equal(array[ffi.new("uint8_t", 2)], 3)
    array[prelude.i64 "1"] = 5
    equal(array[1], 5)
end)

test("a member is the same each time, and where a pointer leads", function()
    local type = ffi.typeof "struct { int i; double d; unsigned bits : 3; const int fixed; struct { int inner; }; }"
    local record = ffi.new(type)
    local pointer, constant = ffi.cast(ffi.typeof("$ *", type), record), ffi.cast(ffi.typeof("const $ *", type), record)
    for n = 1, 3 do
        record.i, record.d, record.bits, record.inner = n, n + 0.5, n, -n
        for _, r in ipairs {record, pointer, constant} do
            equal(r.i, n)
            equal(r.d, n + 0.5)
            equal(r.bits, n)
            equal(r.inner, -n)
        end
        pointer.i, pointer.d, pointer.bits, pointer.inner = n + 1, n, n + 1, n
        equal(record.i, n + 1)
        equal(record.d, n)
        equal(record.bits, n + 1)
        equal(record.inner, n)
        raises("attempt to write to constant location", function() constant.i = 1 end)
        raises("attempt to write to constant location", function() pointer.fixed = 1 end)
        raises("has no member named 'j'", function() return pointer.j end)
        raises("has no member named 'j'", function() record.j = 1 end)
        raises("cannot be indexed with", function() return record[pointer] end)
    end
end)

test("members of one name in two types, and many in one, are each its own", function()
    local members = {}
    for i = 1, 40 do members[i] = (i % 2 == 0 and "int" or "double") .. " m" .. i .. ";" end
    local up = ffi.typeof("struct { char c; " .. table.concat(members, " ") .. "} __attribute__((packed))")
    for i = 1, 20 do members[i], members[41 - i] = members[41 - i], members[i] end
    local down = ffi.typeof("struct { const " .. table.concat(members, " const ") .. "}")
    local a, values = up(), {}
    for i = 1, 40 do values[i] = i end
    local b = down(values)
    for n = 1, 3 do
        for i = 1, 40 do a["m" .. i] = n * i end
        for i = 1, 40 do
            equal(a["m" .. i], n * i)
            equal(b["m" .. i], 41 - i)
            raises("attempt to write to constant location", function() b["m" .. i] = 1 end)
        end
        equal(ffi.cast("char *", a)[0], 0)
    end
end)

test("a member takes all that converts, whatever it was given before", function()
    local s = ffi.new "struct { int i; double d; }"
    for _ = 1, 3 do
        s.i, s.d = 5, 5
        equal(s.i + s.d, 10)
        s.i, s.d = 5.9, 5.5
        equal(s.i, 5)
        equal(s.d, 5.5)
        s.i, s.d = true, false
        equal(s.i, 1)
        equal(s.d, 0)
        s.i, s.d = prelude.i64 "-3", ffi.new("float", 0.5)
        equal(s.i, -3)
        equal(s.d, 0.5)
        s.i = 2 ^ 31 + 2 ^ 32 -- keeps the low bits
        equal(s.i, -2 ^ 31)
        raises("cannot convert 'string' to 'int'", function() s.i = "1" end)
        raises("cannot convert 'string' to 'double'", function() s.d = "1" end)
        raises("cannot convert 'nil' to 'int'", function() s.i = nil end)
    end
end)

test("no other type is an index", function()
    local array = ffi.new "int[3]"
    raises("'int [3]' cannot be indexed with 'boolean'", function() return array[true] end)
    raises("'int [3]' cannot be indexed with 'nil'", function() return array[nil] end)
    raises("'int [3]' cannot be indexed with 'table'", function() return array[{}] end)
    raises("'int [3]' cannot be indexed with 'int *'", function() return array[ffi.new "int *"] end)
    raises("'int [3]' cannot be indexed with 'double'", function() return array[ffi.new "double"] end)
    raises("'int [3]' cannot be indexed with 'bool'", function() return array[ffi.new "bool"] end)
    raises("'int [3]' has no member named 'x'", function() return array.x end)
    raises("'int [3]' has no member named '0'", function() return array["0"] end)
    raises("'int [3]' cannot be indexed with 'table'", function() array[{}] = 1 end)
    raises("'int [3]' has no member named 'x'", function() array.x = 1 end)
end)

test("arrays of arrays are indexed twice", function()
    local array = ffi.new("int[2][3]", {{1, 2, 3}, {4, 5, 6}})
    equal(array[1][2], 6)
    array[1][2] = 60
    equal(array[1][2], 60)
    array[0] = {7, 8}
    equal(array[0][1], 8)
    equal(array[0][2], 0)
    array[0] = array[1]
    equal(array[0][2], 60)
end)

test("members are read and written by name", function()
    local s = ffi.new "struct { int a; double b; const char *c; }"
    s.a, s.b = 1, 0.5
    s.c = "text"
    equal(s.a, 1)
    equal(s.b, 0.5)
    equal(s.c ~= nil, true)
end)

test("a pointer to a struct gives its members, and elements by number", function()
    ffi.cdef "struct index { int a, b; };"
    local array = ffi.new("struct index[2]", {{1, 2}, {3, 4}})
    local pointer = ffi.cast("struct index *", array)
    equal(pointer.b, 2)
    equal(pointer[1].b, 4)
    pointer.a = 10
    equal(array[0].a, 10)
    pointer[1] = {5, 6}
    equal(array[1].b, 6)
    raises("'struct index' has no member named 'c'", function() return pointer.c end)
end)

test("a pointer to a pointer to a struct has no members", function()
    local pointer = ffi.new "struct index **"
    raises("'struct index **' has no member named 'a'", function() return pointer.a end)
end)

test("what isn't there is named in the error", function()
    local s = ffi.new "struct index"
    raises("'struct index' has no member named 'c'", function() return s.c end)
    raises("'struct index' has no member named 'c'", function() s.c = 1 end)
    raises("'struct index' cannot be indexed with 'number'", function() return s[0] end)
    raises("'struct index' cannot be indexed with 'number'", function() s[0] = 1 end)
end)

test("a number is not indexed", function()
    local n = ffi.new "int"
    raises("'int' cannot be indexed with 'number'", function() return n[0] end)
    raises("'int' cannot be indexed with 'number'", function() n[0] = 1 end)
    raises("'int' has no member named 'x'", function() return n.x end)
    raises("'int64_t' has no member named 'x'", function() return prelude.i64 "1".x end)
end)

test("void and functions have no size to be indexed by", function()
    raises("size of C type is unknown or too large", function() return ffi.cast("void *", 8)[0] end)
    raises("size of C type is unknown or too large", function() ffi.cast("void *", 8)[0] = 1 end)
    raises("size of C type is unknown or too large", function() return ffi.cast("int (*)(int)", 8)[0] end)
    ffi.cdef "struct index_opaque;"
    local opaque = ffi.cast("struct index_opaque *", 8)
    raises("size of C type is unknown or too large", function() return opaque[0] end)
    raises("'struct index_opaque' has no member named 'a'", function() return opaque.a end)
end)

test("const is not written to", function()
    local array = ffi.new("const int[2]", 1)
    raises("attempt to write to constant location", function() array[0] = 2 end)
    local s = ffi.new("struct { const int a; int b; }", 1)
    raises("attempt to write to constant location", function() s.a = 2 end)
    s.b = 2
    local constant = ffi.new("const struct index", 1)
    raises("attempt to write to constant location", function() constant.a = 2 end)
    local pointer = ffi.cast("const struct index *", ffi.new "struct index")
    raises("attempt to write to constant location", function() pointer.a = 2 end)
    raises("attempt to write to constant location", function() ffi.cast("const char *", "text")[0] = 65 end)
end)

test("a struct's constants are its members, and are not written to", function()
    local s = ffi.new "struct { int a; static const int CONSTANT = 4; enum { INDEX_INNER = 5 }; }"
    equal(s.CONSTANT, 4)
    raises("attempt to write to constant location", function() s.CONSTANT = 3 end)
end)

test("complex numbers have re and im, by name and by number, which are not written to", function()
    local z = ffi.new("complex", 1, 2)
    equal(z.re, 1)
    equal(z.im, 2)
    equal(z[0], 1)
    equal(z[1], 2)
    raises("'complex' has no member named 'x'", function() return z.x end)
    raises("attempt to write to constant location", function() z.re = 5 end)
    local array = ffi.new "complex[2]"
    array[1] = z
    equal(array[1].im, 2)
end)

test("vectors are indexed as arrays, but not written to", function()
    local vector = ffi.new("float __attribute__((vector_size(16)))", {1, 2, 3, 4})
    equal(vector[2], 3)
    raises("attempt to write to constant location", function() vector[2] = 5 end)
    equal(vector[2], 3)
end)

test("a complex number has two parts, whatever the index", function()
    local z = ffi.new("complex", 1, 2)
    equal(z[2], 1)
    equal(z[3], 2)
    equal(z[-1], 2)
end)

test("what is stored is converted, and refused if it can't be", function()
    local array = ffi.new "int[2]"
    array[0] = 3.9
    equal(array[0], 3)
    raises("cannot convert 'string' to 'int'", function() array[0] = "x" end)
    raises("cannot convert 'table' to 'int'", function() array[0] = {1} end)
    raises("cannot convert 'nil' to 'int'", function() array[0] = nil end)
    equal(array[0], 3)
    local pointers = ffi.new "int *[2]"
    pointers[0] = array
    equal(pointers[0][0], 3)
    pointers[0] = nil
    shows("cdata<int *>: NULL", pointers[0])
end)

test("the members of nameless structs and unions are the container's", function()
    local s = ffi.new "struct { int a; union { int b; float c; struct { char d, e; }; }; }"
    s.c = 1
    equal(s.b, 0x3f800000)
    s.e = 2
    equal(s.b, 0x3f800200)
end)

test("an array without a length takes what is given, and keeps the rest", function()
    local open = ffi.typeof "struct { int n; char text[?]; }"
    local own, memory = ffi.new(open, 8), ffi.new "char[16]"
    for _, text in ipairs {"some", "text", "abc"} do
        for _, record in ipairs {own, ffi.cast(ffi.typeof("$ *", open), memory)} do
            record.text = text
            equal(ffi.string(record.text), text)
            record.text = {65, 66}
            equal(ffi.string(record.text), "AB" .. text:sub(3))
            raises("cannot convert 'number' to 'char [?]'", function() record.text = 5 end)
        end
    end
    local numbers = ffi.cast("struct { int n; int list[]; } *", memory)
    numbers.list = {1, 2, 3}
    equal(numbers.list[0] + numbers.list[2], 4)
    raises("cannot convert 'number' to 'int []'", function() numbers.list = 5 end)
end)

test("a union's members share their bytes", function()
    local u = ffi.new "union { uint32_t word; uint8_t bytes[4]; }"
    u.word = 0x01020304
    equal(u.bytes[0], 4)
    u.bytes[3] = 5
    equal(u.word, 0x05020304)
end)

check.finish()
