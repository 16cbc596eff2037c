-- Functions: arguments, results, variable arguments, and what is refused.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows = prelude.ffi, prelude.shows
local test, equal, raises = check.test, check.equal, check.raises

ffi.cdef [[
    int abs(int);
    long labs(long);
    int8_t function_abs8(int) __asm__("abs");
    uint32_t function_absu(int) __asm__("abs");
    void function_absv(int) __asm__("abs");
    int toupper(int);
    double ldexp(double, int);
    float fabsf(float);
    double pow(double, double);
    size_t strlen(const char *);
    char *strchr(const char *, int);
    char *getenv(const char *);
    void *memcpy(void *, const void *, size_t);
    int memcmp(const void *, const void *, size_t);
    int snprintf(char *, size_t, const char *, ...);
    typedef struct { int quot, rem; } function_div;
    function_div div(int, int);
    typedef struct { long quot, rem; } function_ldiv;
    function_ldiv ldiv(long, long);
    complex csqrt(complex);
    int getpid(void);
]]
local C = ffi.C
local m = ffi.load "libm.so.6"

test("integers pass with their sign", function()
    equal(C.abs(-3), 3)
    equal(C.abs(-3.9), 3)
    shows("3LL", C.labs(-3))
    shows("9223372036854775807LL", C.labs(prelude.i64 "-9223372036854775807"))
    equal(C.toupper(97), 65)
    equal(C.abs(prelude.i64 "-5"), 5)
    equal(C.abs(ffi.new("int", -5)), 5)
    equal(C.abs(true), 1)
end)

test("a small result is extended by its sign, or by zeros", function()
    equal(C.function_abs8(-200), -56)
    equal(C.function_absu(-200), 200)
end)

test("a function without a result returns nothing", function()
    equal(select("#", C.function_absv(-1)), 0)
end)

test("a function without arguments", function()
    assert(C.getpid() > 0)
    raises("wrong number of arguments for function call", C.getpid, 1)
end)

test("floating point numbers pass in each size", function()
    equal(C.ldexp(1, 10), 1024)
    equal(C.ldexp(0.5, true), 1)
    equal(m.fabsf(-0.5), 0.5)
    equal(m.fabsf(-0.1), 0.10000000149011612)
    equal(m.pow(2, 0.5), math.sqrt(2))
    equal(m.pow(ffi.new("double", 2), prelude.i64 "3"), 8)
end)

test("strings pass to pointers to const, and arrays and pointers", function()
    shows("3ULL", C.strlen "abc")
    shows("1ULL", C.strlen "a\0b")
    shows("3ULL", C.strlen(ffi.new("char[4]", "abc")))
    shows("3ULL", C.strlen(ffi.cast("char *", "abc")))
    equal(C.memcmp("a\0b", "a\0b", 3), 0)
    local buffer = ffi.new("char[4]", "xyz")
    C.memcpy(buffer, "ab", 2)
    equal(ffi.string(buffer), "abz")
end)

test("a pointer that comes back is a cdata, NULL as well", function()
    equal(ffi.string(C.strchr("abc", 98)), "bc")
    shows("cdata<char *>: NULL", C.strchr("abc", 100))
    equal(prelude.eq(C.getenv "no variable of that name", nil), true)
end)

test("structs come back by value", function()
    local result = C.div(17, 5)
    equal(result.quot, 3)
    equal(result.rem, 2)
    shows("2LL", C.ldiv(17, 5).rem)
    assert(ffi.istype("function_div", result))
end)

test("complex numbers pass both ways", function()
    shows("0+2i", m.csqrt(ffi.new("complex", -4, 0)))
    shows("2+0i", m.csqrt(4))
end)

test("variable arguments pass by their own types", function()
    local buffer = ffi.new "char[100]"
    local function format(...)
        local n = C.snprintf(buffer, 100, ...)
        return ffi.string(buffer, n)
    end
    equal(format "nothing", "nothing")
    equal(format("%d %s %g", ffi.new("int", 3), "x", 0.5), "3 x 0.5")
    equal(format("%g", 3), "3")
    equal(format("%lld %llu", prelude.i64 "-3", prelude.u64 "3"), "-3 3")
    equal(format("%d%d", true, false), "10")
    equal(format("%p", nil), "(nil)")
    equal(format("%s", ffi.new("char[4]", "abc")), "abc")
    equal(format("%d", ffi.new("int8_t", -3)), "-3")
    equal(format("%u", ffi.new("uint8_t", 200)), "200")
    equal(format("%g", ffi.new("float", 0.5)), "0.5")
    equal(format("%d", ffi.new("enum { FUNCTION_A, FUNCTION_B }", "FUNCTION_B")), "1")
    equal(format("%p", ffi.cast("void *", 0x1234)), "0x1234")
    local int = ffi.typeof "int"
    equal(format("%d%d%d%d%d%d%d%g%g%g%g%g%g%g%g%g", int(1), int(2), int(3), int(4), int(5), int(6), int(7), 1, 2, 3, 4,
        5, 6, 7, 8, 9), "1234567123456789")
end)

test("variable arguments are of types that C has", function()
    local buffer = ffi.new "char[10]"
    raises("bad argument #4 to", C.snprintf, buffer, 10, "%d", {})
    raises("cannot convert 'table' to 'void *'", C.snprintf, buffer, 10, "%d", {})
    raises("cannot convert 'function' to 'void *'", C.snprintf, buffer, 10, "%d", print)
end)

test("there are as many arguments as the declaration says", function()
    raises("wrong number of arguments for function call", C.abs)
    raises("wrong number of arguments for function call", C.abs, 1, 2)
    raises("wrong number of arguments for function call", C.snprintf, ffi.new "char[1]", 1)
end)

test("an argument that can't be converted is named by its number and types", function()
    raises("bad argument #1 to", C.abs, "3")
    raises("cannot convert 'string' to 'int'", C.abs, "3")
    raises("cannot convert 'nil' to 'int'", C.abs, nil)
    raises("cannot convert 'table' to 'int'", C.abs, {})
    raises("cannot convert 'int *' to 'int'", C.abs, ffi.new "int *")
    raises("bad argument #2 to", C.ldexp, 1, "x")
    raises("cannot convert 'number' to 'const char *'", C.strlen, 5)
    raises("cannot convert 'int [4]' to 'const char *'", C.strlen, ffi.new "int[4]")
    raises("cannot convert 'string' to 'void *'", C.memcpy, "abc", "def", 1)
    raises("cannot convert 'const char *' to 'void *'", C.memcpy, ffi.cast("const char *", "abc"), "def", 1)
end)

test("a function is named in the error when it was called by its name", function()
    raises("bad argument #1 to 'abs' (cannot convert 'string' to 'int')", function() return 1 + C.abs "x" end)
end)

test("a function has a type, and a pointer takes it", function()
    equal(tostring(ffi.typeof(C.abs)), "ctype<int ()>")
    local pointer = ffi.cast("int (*)(int)", C.abs)
    shows("cdata<int (*)()>: 0x…", pointer)
    equal(pointer(-3), 3)
    equal(ffi.new("int (*)(int)", C.abs)(-3), 3)
    equal(prelude.eq(C.abs, ffi.cast("void *", C.abs)), true)
    equal(ffi.cast("int (*)(int)", ffi.cast("void *", C.abs))(-3), 3)
    ffi.cdef "struct function_table { int (*abs)(int); };"
    equal(ffi.new("struct function_table", {C.abs}).abs(-3), 3)
end)

test("what is no function is not called", function()
    raises("'int64_t' is not callable", function() return prelude.i64 "1"() end)
    raises("'struct function_table' is not callable", function() return ffi.new "struct function_table"() end)
    raises("' is not callable", function() return ffi.new "int *"() end)
    raises("'int [2]' is not callable", function() return ffi.new "int[2]"() end)
end)

test("arguments that don't fit into registers", function()
    local nine = ffi.cast("int (*)(int, int, int, int, int, int, int, int, int)",
        function(a, b, c, d, e, f, g, h, i) return a + 10 * (i + 10 * h) end)
    equal(nine(1, 2, 3, 4, 5, 6, 7, 8, 9), 891)
    nine:free()
    local doubles = ffi.cast("double (*)(double, double, double, double, double, double, double, double, double, double)",
        function(...) return (select(9, ...)) + 10 * select(10, ...) end)
    equal(doubles(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), 109)
    doubles:free()
end)

check.finish()
