-- Tostring: what each kind of cdata and type looks like.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows = prelude.ffi, prelude.shows
local test, equal, raises = check.test, check.equal, check.raises

test("integers of 64 bits are shown as LuaJIT writes them", function()
    equal(tostring(prelude.i64 "5"), "5LL")
    equal(tostring(prelude.i64 "-9223372036854775808"), "-9223372036854775808LL")
    equal(tostring(prelude.u64 "18446744073709551615"), "18446744073709551615ULL")
    equal(tostring(ffi.new("const int64_t", 1)), "1LL")
    equal(tostring(ffi.new("size_t", 1)), "1ULL")
end)

test("other numbers are shown by their type and address", function()
    shows("cdata<int>: 0x…", ffi.new("int", 3))
    shows("cdata<double>: 0x…", ffi.new("double", 3))
    shows("cdata<bool>: 0x…", ffi.new("bool", true))
    shows("cdata<char>: 0x…", ffi.new "int8_t")
    shows("cdata<const int>: 0x…", ffi.new("const int", 1))
    shows("cdata<volatile int>: 0x…", ffi.new("volatile int", 1))
    shows("cdata<long double>: 0x…", ffi.new "long double")
end)

test("complex numbers have both parts", function()
    equal(tostring(ffi.new("complex", 1, 2)), "1+2i")
    equal(tostring(ffi.new("complex", 1, -2)), "1-2i")
    equal(tostring(ffi.new("complex", -0.5, 0)), "-0.5+0i")
    equal(tostring(ffi.new("complex", 1e100, 1e-5)), "1e+100+1e-05i")
    equal(tostring(ffi.new("complex float", 0.1, 0.1)), "0.10000000149012+0.10000000149012i")
    equal(tostring(ffi.new("complex", 0, 1 / 0)), "0+infI")
    equal(tostring(ffi.new("complex", 0, -1 / 0)), "0-infI")
    equal(tostring(ffi.new("complex", 0 / 0, 0)), "nan+0i")
    equal(tostring(ffi.new("complex", 0, 0 / 0)), "0+nanI")
    equal(tostring(ffi.new("complex", -(0 / 0), 0)), "nan+0i")
end)

test("pointers are shown by where they lead", function()
    equal(tostring(ffi.cast("int *", 0x1234)), "cdata<int *>: 0x00001234")
    equal(tostring(ffi.cast("int *", -1)), "cdata<int *>: 0xffffffffffffffff")
    equal(tostring(ffi.cast("void *", 0x12345678a)), "cdata<void *>: 0x012345678a")
    equal(tostring(ffi.cast("int (*)(int)", 0x1234)), "cdata<int (*)()>: 0x00001234")
    equal(tostring(ffi.new "int *"), "cdata<int *>: NULL")
    equal(tostring(ffi.new "int (*)(void)"), "cdata<int (*)()>: NULL")
end)

test("arrays, structs and references are shown by their address", function()
    ffi.cdef "struct tostring { int a; struct { int b; } s; int c[2]; };"
    local value = ffi.new "struct tostring"
    shows("cdata<struct tostring>: 0x…", value)
    shows("cdata<int [2]>: 0x…", ffi.new "int[2]")
    shows("cdata<int [?]>: 0x…", ffi.new("int[?]", 2))
    shows("cdata<int (&)[2]>: 0x…", value.c)
    shows("cdata<struct tostring &>: 0x…", ffi.new("struct tostring[2]")[1])
    shows("cdata<struct tostring *>: 0x…", ffi.cast("struct tostring *", value))
    equal(tostring(value):match "0x%x+", tostring(ffi.cast("void *", value)):match "0x%x+")
end)

test("enums are shown with their number", function()
    ffi.cdef "enum tostring_enum { TOSTRING_A, TOSTRING_B };"
    shows("cdata<enum tostring_enum>: 1", ffi.new("enum tostring_enum", "TOSTRING_B"))
end)

test("types are shown in C's order", function()
    local nameless = ffi.typeof "struct { int a; }"
    local name = tostring(nameless):match "struct %d+"
    equal(tostring(ffi.typeof("const $", nameless)), "ctype<const " .. name .. ">")
    equal(tostring(ffi.typeof("const $ *", nameless)), "ctype<const " .. name .. " *>")
    for text, shown in pairs {
        ["int (*(*)(int))[3]"] = "int (*(*)())[3]", ["int (*[3])(void)"] = "int (*[3])()",
        ["const int *const *volatile"] = "const int *const *volatile", ["int (**)(int)"] = "int (**)()",
        ["void (*)(void)"] = "void (*)()", ["unsigned char *"] = "unsigned char *", ["int64_t (*)(...)"] = "int64_t (*)()",
        ["char[sizeof(int)]"] = "char [4]", ["int *&"] = "int *&", ["int (&)[2]"] = "int (&)[2]",
        ["const char *[2][3]"] = "const char *[2][3]", ["char *const *"] = "char *const *",
        ["int (*)[2]"] = "int (*)[2]",
        ["int __attribute__((vector_size(16)))"] = "int __attribute__((vector_size(16)))",
    } do
        equal(tostring(ffi.typeof(text)), "ctype<" .. shown .. ">")
    end
end)

check.finish()
