-- What LuaJIT leaves undefined, and most of which crashes there, is an error here.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi = prelude.ffi
local test, equal, raises = check.test, check.equal, check.raises

ffi.cdef [[
    int abs(int);
    void qsort(void *, size_t, size_t, int (*)(const int *, const int *));
]]

test("NULL is not followed", function()
    raises("attempt to follow a NULL pointer of type 'int *'", function() return ffi.new "int *"[0] end)
    raises("attempt to follow a NULL pointer of type 'int *'", function() ffi.new "int *"[0] = 1 end)
    raises("attempt to follow a NULL pointer of type 'struct ", function() return ffi.new "struct { int a; } *".a end)
    raises("attempt to follow a NULL pointer of type 'struct ", function() ffi.new "struct { int a; } *".a = 1 end)
    local pointer = ffi.new "struct { int a; } *[1]"
    for _ = 1, 2 do
        pointer[0] = ffi.cast(ffi.typeof(pointer[0]), ffi.new "int[1]")
        pointer[0].a = pointer[0].a + 1
        pointer[0] = nil
        raises("attempt to follow a NULL pointer of type 'struct ", function() return pointer[0].a end)
        raises("attempt to follow a NULL pointer of type 'struct ", function() pointer[0].a = 1 end)
    end
end)

test("NULL is not called", function()
    raises("attempt to call a NULL pointer of type 'int (*)()'", function() return ffi.new "int (*)(int)"(1) end)
end)

test("NULL has no bytes to read or write", function()
    raises("a NULL pointer", ffi.string, nil)
    raises("a NULL pointer", ffi.string, ffi.new "char *")
    raises("a NULL pointer", ffi.string, ffi.new "char *", 3)
    equal(ffi.string(ffi.new "char *", 0), "")
    raises("a NULL pointer", ffi.copy, nil, "abc", 2)
    raises("a NULL pointer", ffi.copy, ffi.new "char[4]", nil, 2)
    raises("a NULL pointer", ffi.fill, nil, 2)
end)

test("an array of bytes ends, though it has no zero", function()
    equal(ffi.string(ffi.new("char[4]", "abcd")), "abcd")
end)

test("an array of a length that was given takes no more than it has", function()
    local open = ffi.new("struct { int n; int list[?]; }", 3)
    for _ = 1, 3 do
        raises("too many initializers for 'int [?]'", function() open.list = {1, 2, 3, 4} end)
        open.list = {1, 2, 3}
        equal(open.list[2], 3)
    end
    local bytes = ffi.new("struct { char text[?]; }", 3)
    bytes.text = "abcdef"
    equal(ffi.string(bytes.text, 3), "abc")
    local none = ffi.new "struct { int n; int list[]; }"
    raises("too many initializers for 'int []'", function() none.list = {1} end)
    raises("too many initializers for 'int []'", ffi.new, ffi.typeof(none), {1, {2}})
end)

test("a negative length is none", function()
    raises("a size expected", ffi.string, "abc", -1)
    raises("a size expected", ffi.copy, ffi.new "char[4]", "abc", -1)
    raises("a size expected", ffi.fill, ffi.new "char[4]", -1)
end)

test("a callback that was freed is an error for C, too", function()
    local compare = ffi.cast("int (*)(const int *, const int *)", function() return 0 end)
    local address = ffi.cast("void *", compare)
    compare:free()
    local again = ffi.cast("int (*)(const int *, const int *)", address)
    raises("bad callback", ffi.C.qsort, ffi.new("int[2]", 2), 2, 4, again)
    raises("bad callback", again, nil, nil)
end)

test("an open array that a list doesn't reach is zero", function()
    equal(prelude.bytes(ffi.new("uint8_t[?]", 4, {1, 2})), "01020000")
    equal(prelude.bytes(ffi.new("struct { uint8_t n; uint8_t a[?]; }", 3, 1, {2})), "01020202")
    equal(prelude.bytes(ffi.new("struct { uint8_t n; uint8_t a[?]; }", 3, {n = 3})), "03000000")
    equal(prelude.bytes(ffi.new("char[6]", "abc")), "616263000000")
end)

test("a negative number is an unsigned one of 64 bits with the same bits", function()
    equal(tostring(ffi.new("uint64_t", -1)), "18446744073709551615ULL")
    equal(tostring(ffi.cast("uint64_t", -2)), "18446744073709551614ULL")
    equal(tostring(prelude.u64 "1" + -1), "0ULL")
end)

test("an error in a callback does not jump over C's frames: the sort goes on to its end", function()
    local calls, array = 0, ffi.new("int[8]", {8, 7, 6, 5, 4, 3, 2, 1})
    raises("in the comparison", ffi.C.qsort, array, 8, 4, function()
        calls = calls + 1
        error "in the comparison"
    end)
    equal(calls, 1)
    for _ = 1, 3 do
        ffi.C.qsort(array, 8, 4, function(a, b) return a[0] - b[0] end)
        equal(array[0], 1)
    end
end)

test("bit-fields of 64 bits, and of enums", function()
    local s = ffi.new("struct { int64_t a : 40; uint64_t b : 24; }", {-1, 0xffffff})
    equal(tostring(s.a), "-1LL")
    equal(prelude.number(s.b), 0xffffff)
    equal(ffi.sizeof(s), 8)
    local e = ffi.new("struct { enum { STRICT_A, STRICT_B } kind : 2; }", {"STRICT_B"})
    equal(prelude.number(e.kind), 1)
end)

test("long double is a number", function()
    local box = ffi.new("struct { long double value; }", {0.5})
    equal(box.value, 0.5)
    ffi.cdef "long double sqrtl(long double);"
    equal(ffi.load "libm.so.6".sqrtl(6.25), 2.5)
end)

test("forty arguments arrive", function()
    local parameters, given, sum = {}, {}, 0
    for i = 1, 40 do
        parameters[i] = i % 3 == 0 and "double" or i % 3 == 1 and "int" or "int8_t"
        given[i] = i
        sum = sum + i * i
    end
    local f = ffi.cast("double (*)(" .. table.concat(parameters, ", ") .. ")", function(...)
        local result = 0
        for i = 1, select("#", ...) do result = result + i * select(i, ...) end
        return result
    end)
    equal(f(prelude.unpack(given)), sum)
    f:free()
end)

test("a zero does not cut a text off", function()
    raises("", ffi.cdef, "int strict_before;\0int strict_after;")
    raises("", ffi.typeof, "int\0long")
end)

test("types nest only so deep", function()
    for _, pair in ipairs {{"struct { ", "int a; ", "} s; "}, {"int (", "", ")"}, {"int f(", "", ")"}} do
        local ok = pcall(ffi.typeof, pair[1]:rep(100000) .. pair[2] .. pair[3]:rep(100000))
        equal(ok, false)
    end
end)

if prelude.integers then
    test("Lua's integers of 64 bits lose nothing", function()
        local least, greatest = math.mininteger, math.maxinteger
        equal(tostring(ffi.new("int64_t", greatest)), "9223372036854775807LL")
        equal(tostring(ffi.new("int64_t", least)), "-9223372036854775808LL")
        equal(prelude.number(ffi.new("int64_t", greatest)), greatest)
        equal(tostring(prelude.i64 "0" + greatest), "9223372036854775807LL")
        equal(prelude.eq(ffi.new("int64_t", greatest), greatest), true)
        equal(prelude.eq(ffi.new("int64_t", greatest), greatest - 1), false)
        ffi.cdef "long labs(long);"
        equal(prelude.number(ffi.C.labs(-greatest)), greatest)
    end)

    test("floor division and the operations on bits are Lua's, on 64 bits", function()
        local f = prelude.load "local a, b = ... return a // b, a & b, a | b, a ~ b, a << 2, a >> 1, ~a"
        local wanted = {"-4LL", "0LL", "-5LL", "-5LL", "-28LL", "9223372036854775804LL", "6LL"}
        for i, value in ipairs {f(prelude.i64 "-7", prelude.i64 "2")} do equal(tostring(value), wanted[i]) end
        wanted = {"2ULL", "3ULL", "7ULL", "4ULL", "28ULL", "3ULL", "18446744073709551608ULL"}
        for i, value in ipairs {f(prelude.u64 "7", 3)} do equal(tostring(value), wanted[i]) end
        local shift = prelude.load "local a, b = ... return a << b, a >> b"
        local numbers = {1, -1, 2, -7, 63, 64, 65, -63, -64, -65, math.maxinteger, math.mininteger}
        for _, x in ipairs(numbers) do
            for _, y in ipairs(numbers) do
                local own, boxed = {f(x, y)}, {f(ffi.new("int64_t", x), ffi.new("int64_t", y))}
                for i = 1, #own do equal(prelude.number(boxed[i]), own[i]) end
                own, boxed = {shift(x, y)}, {shift(ffi.new("int64_t", x), y)}
                for i = 1, 2 do equal(prelude.number(boxed[i]), own[i]) end
            end
        end
    end)

    test("what is an int in C is an integer of Lua's, what is a double a float", function()
        local s = ffi.new("struct { int a; double b; float c; uint32_t d; }", {1, 1, 1, 4294967295})
        equal(math.type(s.a), "integer")
        equal(math.type(s.b), "float")
        equal(math.type(s.c), "float")
        equal(math.type(s.d), "integer")
        equal(math.type(ffi.C.abs(-1)), "integer")
        equal(math.type(ffi.sizeof "int"), "integer")
        equal(math.type(prelude.number(prelude.i64 "1")), "integer")
    end)
end

check.finish()
