-- Libraries: ffi.C, load, variables, errno, and what the system is.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows = prelude.ffi, prelude.shows
local test, equal, raises = check.test, check.equal, check.raises

ffi.cdef [[
    int abs(int);
    double sqrt(double);
    int close(int);
    int getpid(void);
    extern int optind;
    extern char **environ;
    int library_missing(void);
    extern int library_missing_variable;
    static const int LIBRARY_CONSTANT = 7;
    typedef struct { int a; } library_struct;
    extern library_struct library_optind __asm__("optind");
    extern const int library_constant __asm__("optind");
    int library_renamed(int) __asm__("abs");
]]

test("ffi.C has the functions of the process", function()
    equal(ffi.C.abs(-3), 3)
    equal(tostring(ffi.typeof(ffi.C.abs)), "ctype<int ()>")
end)

test("what is not declared is named in the error", function()
    raises("missing declaration for symbol 'library_undeclared'", function() return ffi.C.library_undeclared end)
    raises("missing declaration for symbol 'library_undeclared'", function() ffi.C.library_undeclared = 1 end)
    raises("missing declaration for symbol 'library_struct'", function() return ffi.C.library_struct end)
end)

test("what is declared and not there is named in the error", function()
    raises("undefined symbol: library_missing", function() return ffi.C.library_missing end)
    raises("undefined symbol: library_missing", function() return ffi.load "m".library_missing() end)
    raises("undefined symbol: library_missing_variable", function() return ffi.C.library_missing_variable end)
    raises("undefined symbol: library_missing_variable", function() ffi.C.library_missing_variable = 1 end)
end)

test("a name is text", function()
    raises("string expected, got number", function() return ffi.C[1] end)
    raises("string expected, got nil", function() return ffi.C[nil] end)
    raises("string expected, got table", function() return ffi.C[{}] end)
end)

test("variables are read and written", function()
    local old = ffi.C.optind
    ffi.C.optind = 7
    equal(ffi.C.optind, 7)
    equal(ffi.C.library_optind.a, 7)
    ffi.C.library_optind.a = 8
    equal(ffi.C.optind, 8)
    ffi.C.optind = old
    raises("cannot convert 'string' to 'int'", function() ffi.C.optind = "x" end)
    shows("cdata<char **>: 0x…", ffi.C.environ)
end)

test("constants and functions are not written to", function()
    equal(ffi.C.LIBRARY_CONSTANT, 7)
    equal(ffi.C.library_constant, ffi.C.optind)
    raises("attempt to write to constant location", function() ffi.C.LIBRARY_CONSTANT = 1 end)
    raises("attempt to write to constant location", function() ffi.C.library_constant = 1 end)
    raises("attempt to write to constant location", function() ffi.C.abs = 1 end)
end)

test("constants may be negative, and unsigned ones larger than an int", function()
    ffi.cdef "static const int LIBRARY_NEGATIVE = -5; static const unsigned LIBRARY_LARGE = 4000000000u;"
    ffi.cdef "enum { LIBRARY_LARGE_ENUM = 4000000000u };"
    equal(ffi.C.LIBRARY_NEGATIVE, -5)
    equal(ffi.C.LIBRARY_LARGE, 4000000000)
    equal(ffi.C.LIBRARY_LARGE_ENUM, 4000000000)
end)

test("a declaration may give the symbol's own name", function()
    equal(ffi.C.library_renamed(-3), 3)
end)

test("load takes a library by its short name, its file's or its path", function()
    equal(ffi.load "m".sqrt(4), 2)
    equal(ffi.load "libm.so.6".sqrt(4), 2)
    equal(ffi.load("m", true).sqrt(4), 2)
    equal(ffi.load("libm.so.6", false).abs(-3), 3)
end)

test("a library that is loaded as a global one gives its symbols to ffi.C", function()
    ffi.cdef "const char *zlibVersion(void);"
    raises("undefined symbol: zlibVersion", function() return ffi.C.zlibVersion end)
    local z = ffi.load("libz.so.1", true)
    equal(ffi.string(ffi.C.zlibVersion()), ffi.string(z.zlibVersion()))
end)

test("a library that isn't there is named in the error", function()
    raises("libno_such_library.so: cannot open shared object file", ffi.load, "no_such_library")
    raises("libno_such_library.so: cannot open shared object file", ffi.load, "no_such_library.so")
    raises("/no_such_library: cannot open shared object file", ffi.load, "/no_such_library")
    raises("./no_such_library: cannot open shared object file", ffi.load, "./no_such_library")
    raises("string expected, got no value", ffi.load)
    raises("string expected, got nil", ffi.load, nil)
    raises("string expected, got table", ffi.load, {})
end)

test("a function keeps its library", function()
    local sqrt = ffi.load "m".sqrt
    collectgarbage()
    collectgarbage()
    equal(sqrt(4), 2)
end)

test("errno is the last call's, and can be set", function()
    equal(ffi.C.close(-1), -1)
    equal(ffi.errno(), 9)
    ffi.C.abs(1)
    equal(ffi.errno(5), 9)
    equal(ffi.errno(), 5)
    ffi.C.getpid()
    ffi.errno(prelude.i64 "7")
    equal(ffi.errno(), 7)
    ffi.errno(0)
    equal(ffi.errno(), 0)
    raises("cannot convert 'string' to 'int'", ffi.errno, "x")
    raises("cannot convert 'nil' to 'int'", ffi.errno, nil)
end)

test("errno is C's to read", function()
    ffi.cdef "void perror(const char *); int *__errno_location(void);"
    ffi.errno(33)
    equal(ffi.C.__errno_location()[0], 33)
end)

test("abi, os and arch say what the system is", function()
    equal(ffi.os, "Linux")
    equal(ffi.arch, "x64")
    equal(ffi.abi "64bit", true)
    equal(ffi.abi "le", true)
    equal(ffi.abi "fpu", true)
    equal(ffi.abi "hardfp", true)
    equal(ffi.abi "32bit", false)
    equal(ffi.abi "be", false)
    equal(ffi.abi "softfp", false)
    equal(ffi.abi "win", false)
    equal(ffi.abi "eabi", false)
    equal(ffi.abi "nonsense", false)
    raises("string expected, got no value", ffi.abi)
end)

test("a library is no cdata and is not called", function()
    equal(prelude.kind(ffi.C), "userdata")
    assert(not pcall(function() return ffi.C() end))
end)

check.finish()
