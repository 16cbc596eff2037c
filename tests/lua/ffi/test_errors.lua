-- Errors: what they say, where they are from, and that nothing is left half done.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi = prelude.ffi
local test, equal, raises = check.test, check.equal, check.raises

-- The line that an error names, relative to that of the function.
local function line_of(f)
    local ok, problem = pcall(f)
    assert(not ok)
    local line = problem:match ":(%d+): "
    return line and line - debug.getinfo(f, "S").linedefined
end

test("an error of an operator has the line of the script", function()
    local array = ffi.new "int[2]"
    equal(line_of(function()
        array[0] = "x"
    end), 1)
    equal(line_of(function()
        return nil or array.x
    end), 1)
    equal(line_of(function()
        local a = array

        return a * 2
    end), 3)
end)

test("an error of a function has the line of its call", function()
    equal(line_of(function()
        local a = ffi.new("int", "x")
        return a
    end), 1)
    equal(line_of(function()
        local a = ffi.cast("int *", {})
        return a
    end), 1)
    equal(line_of(function()
        local a = ffi.C.errors_undeclared
        return a
    end), 1)
end)

test("an error of an argument has its number and the function's name", function()
    raises("bad argument #1 to 'sizeof' (C type expected, got number)", function() local a = ffi.sizeof(1) return a end)
    raises("bad argument #2 to 'metatype' (table expected, got number)", function()
        local a = ffi.metatype("struct { int a; }", 1)
        return a
    end)
    raises("bad argument #3 to 'copy' (value expected)", function()
        ffi.copy(ffi.new "char[1]", ffi.new "char[1]")
    end)
end)

test("an initializer that fails leaves nothing of the value", function()
    for _ = 1, 100 do assert(not pcall(ffi.new, "struct { int a[10]; int b; }", {{1, 2, 3}, "x"})) end
    collectgarbage()
end)

test("a store that fails changes nothing", function()
    local s = ffi.new("struct { int a; double b; const char *c; int d[2]; }", {1, 2, "x", {3, 4}})
    assert(not pcall(function() s.a = "x" end))
    assert(not pcall(function() s.b = {} end))
    assert(not pcall(function() s.c = 5 end))
    equal(s.a, 1)
    equal(s.b, 2)
    equal(s.d[1], 4)
end)

test("cdef that fails half-way can be tried again", function()
    assert(not pcall(ffi.cdef, "struct errors_again { int a; "))
    assert(not pcall(ffi.cdef, "typedef errors_unknown errors_type;"))
    ffi.cdef "typedef int errors_type;"
    equal(ffi.sizeof "errors_type", 4)
end)

test("deep nesting of tables, and of types, ends with an error or a result", function()
    local t = {}
    for _ = 1, 1000 do t = {t} end
    assert(not pcall(ffi.new, "int[2][2]", t))
    local text = ("struct { "):rep(20) .. "int a; " .. ("} s; "):rep(19) .. "}"
    equal(ffi.sizeof(text), 4)
end)

test("errors of the kinds of Lua's values name them", function()
    for name, value in pairs {string = "x", table = {}, ["function"] = print, thread = coroutine.create(function() end)} do
        raises("cannot convert '" .. name .. "' to 'int'", ffi.new, "int", value)
        raises("attempt to perform arithmetic on 'int' and '" .. name .. "'", function()
            return ffi.new "int" + value
        end)
    end
end)

check.finish()
