-- Structs, unions and arrays as C lays them: sizeof, alignof, offsetof.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows = prelude.ffi, prelude.shows
local test, equal, raises = check.test, check.equal, check.raises

test("numbers have their C sizes and alignments", function()
    for text, size in pairs {char = 1, short = 2, int = 4, long = 8, ["long long"] = 8, float = 4, double = 8,
        ["long double"] = 16, ["void *"] = 8, ["int (*)(int)"] = 8, bool = 1, ["enum { LAYOUT_A }"] = 4} do
        equal(ffi.sizeof(text), size)
    end
    for text, align in pairs {char = 1, short = 2, int = 4, long = 8, double = 8, ["long double"] = 16, complex = 8,
        ["complex float"] = 4, ["int[3]"] = 4, ["int[]"] = 4, ["void *"] = 8, ["struct { char a; short b; }"] = 2} do
        equal(ffi.alignof(text), align)
    end
end)

test("a struct has padding", function()
    for text, size in pairs {
        ["struct { char a; int b; }"] = 8, ["struct { int a; char b; }"] = 8, ["struct { char a; double b; char c; }"] = 24,
        ["struct { char a; struct { short b; } c; char d; }"] = 6, ["struct { char a[3]; }"] = 3, ["struct { }"] = 0,
        ["union { char a; int b; char c[5]; }"] = 8, ["struct { int n; char a[]; }"] = 4,
        ["struct { char a; int b; } __attribute__((packed))"] = 5,
        ["struct { char a; int b __attribute__((packed)); }"] = 5,
        ["struct { char a __attribute__((aligned(16))); char b; }"] = 16,
        ["struct { char a; } __attribute__((aligned(8)))"] = 8,
        ["struct { char a; long double b; }"] = 32,
    } do
        if ffi.sizeof(text) ~= size then error(("%s has %d bytes"):format(text, ffi.sizeof(text))) end
    end
end)

test("sizeof takes a type, a text or a cdata", function()
    equal(ffi.sizeof "int[3]", 12)
    equal(ffi.sizeof(ffi.typeof "int[3]"), 12)
    equal(ffi.sizeof(ffi.new "int[3]"), 12)
    equal(ffi.sizeof(ffi.cast("int *", ffi.new "int[3]")), 8)
end)

test("the size of what has none is nil", function()
    equal(ffi.sizeof "void", nil)
    equal(ffi.sizeof "int[]", nil)
    equal(ffi.sizeof "int (int)", nil)
    ffi.cdef "struct layout_opaque;"
    equal(ffi.sizeof "struct layout_opaque", nil)
    equal(ffi.sizeof(ffi.C.strtoll), nil)
end)

test("sizeof takes the number of elements where the type leaves it open", function()
    equal(ffi.sizeof("int[?]", 3), 12)
    equal(ffi.sizeof("int[?]", 0), 0)
    equal(ffi.sizeof("int[?]", 2.7), 8)
    equal(ffi.sizeof("struct { int n; int a[?]; }", 4), 20)
    equal(ffi.sizeof("struct { int n; double a[?]; }", 4), 40)
    equal(ffi.sizeof("int[?]", -1), nil)
    equal(ffi.sizeof(ffi.new("int[?]", 5)), 20)
    equal(ffi.sizeof(ffi.new("struct { int n; int a[?]; }", 3)), 16)
    raises("value expected", ffi.sizeof, "int[?]")
    raises("cannot convert 'string' to 'int", ffi.sizeof, "int[?]", "x")
end)

test("offsetof gives a member's byte, and nil where there is none", function()
    local type = ffi.typeof "struct { char a; int b; struct { int c, d; }; struct { int e; } f; }"
    equal(ffi.offsetof(type, "a"), 0)
    equal(ffi.offsetof(type, "b"), 4)
    equal(ffi.offsetof(type, "d"), 12)
    equal(ffi.offsetof(type, "f"), 16)
    equal(ffi.offsetof(type, "e"), nil)
    equal(ffi.offsetof(type, "x"), nil)
    equal(ffi.offsetof("union { int a; double b; }", "b"), 0)
    equal(ffi.offsetof("int", "a"), nil)
    equal(ffi.offsetof("int *", "a"), nil)
    equal(ffi.offsetof(ffi.new(type), "b"), 4)
    raises("string expected, got no value", ffi.offsetof, type)
end)

test("alignof and sizeof refuse what is no type", function()
    raises("C type expected, got no value", ffi.sizeof)
    raises("C type expected, got number", ffi.sizeof, 1)
    raises("C type expected, got nil", ffi.sizeof, nil)
    raises("C type expected, got table", ffi.alignof, {})
    raises("C type expected, got boolean", ffi.offsetof, true, "a")
end)

test("attributes give alignments", function()
    equal(ffi.alignof "int __attribute__((aligned(32)))", 32)
    equal(ffi.alignof "struct { int a; } __attribute__((packed))", 1)
    equal(ffi.alignof "struct { int a __attribute__((aligned(8))); }", 8)
end)

test("a value lies at its alignment", function()
    local values = {}
    for i = 1, 50 do
        values[i] = ffi.new "struct { char a; } __attribute__((aligned(64)))"
        equal(prelude.number(ffi.cast("uintptr_t", ffi.cast("void *", values[i]))) % 64, 0)
    end
end)

test("istype tells types apart", function()
    local function is(wanted, type, value) equal(ffi.istype(type, value), wanted) end
    is(true, "int", ffi.new "int")
    is(false, "int", ffi.new "unsigned")
    is(false, "int", ffi.new "short")
    is(true, "long", prelude.i64 "1")
    is(true, "long long", prelude.i64 "1")
    is(false, "unsigned long", prelude.i64 "1")
    is(true, "int *", ffi.new "int *")
    is(false, "int *", ffi.new "int[2]")
    is(false, "void *", ffi.new "int *")
    is(true, "int[2]", ffi.new "int[2]")
    is(false, "int[3]", ffi.new "int[2]")
    is(true, "int[?]", ffi.new("int[?]", 2))
    is(true, "char", ffi.new "int8_t")
    is(true, "complex", ffi.new "complex")
    is(false, "complex", ffi.new "complex float")
    is(false, "unsigned", ffi.new "enum { LAYOUT_B }")
end)

test("istype looks at no qualifier", function()
    equal(ffi.istype("int", ffi.new "const int"), true)
    equal(ffi.istype("const int", ffi.new "int"), true)
    equal(ffi.istype("int *", ffi.new "const int *"), true)
end)

test("istype takes pointers, and arrays, to integers of one size for the same", function()
    equal(ffi.istype("unsigned *", ffi.new "int *"), true)
    equal(ffi.istype("int **", ffi.new "unsigned **"), true)
    equal(ffi.istype("unsigned[2]", ffi.new "int[2]"), true)
    equal(ffi.istype("short *", ffi.new "int *"), false)
    equal(ffi.istype("float *", ffi.new "int *"), false)
    equal(ffi.istype("bool *", ffi.new "char *"), false)
    equal(ffi.istype("int **", ffi.new "int *"), false)
end)

test("istype is false of what is no cdata", function()
    equal(ffi.istype("int", 1), false)
    equal(ffi.istype("int", nil), false)
    equal(ffi.istype("int", "int"), false)
    equal(ffi.istype("int", {}), false)
    raises("value expected", ffi.istype, "int")
    raises("C type expected, got number", ffi.istype, 1, 1)
end)

test("a struct is of its type, and so is what a pointer or a reference to it leads to", function()
    local type = ffi.typeof "struct { int a; }"
    local pointer = ffi.typeof("$ *", type)
    local value = type()
    equal(ffi.istype(type, value), true)
    equal(ffi.istype(type, pointer(value)), true)
    equal(ffi.istype(pointer, pointer(value)), true)
    equal(ffi.istype(pointer, value), false)
    equal(ffi.istype(type, ffi.new(ffi.typeof("struct { $ s; }", type)).s), true)
    equal(ffi.istype("struct { int a; }", value), false)
end)

check.finish()
