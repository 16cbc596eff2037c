-- What a stock Lua can't do, or does otherwise: the table of the module's README, row by row. Of each there is what LuaJIT
-- does, and what happens here.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, stock = prelude.ffi, prelude.stock
local test, equal, raises = check.test, check.equal, check.raises
local C = ffi.C
local has_integers = stock and prelude.integers
local version = stock and tonumber(_VERSION:match "%d%.%d")

ffi.cdef [[
    enum differences { DIFFERENCES_ZERO, DIFFERENCES_ONE };
    enum differences differences_enum(int) __asm__("abs");
    long labs(long);
    int abs(int);
    int snprintf(char *, size_t, const char *, ...);
]]

-- The value has to be the one or the other.
local function differs(got, in_luajit, here)
    if stock then
        equal(got, here)
    else
        equal(got, in_luajit)
    end
end

-- 5.1 compares values of one type alone.
local orders = version ~= 5.1

test("type and tonumber don't know cdata", function()
    local value = ffi.new("int64_t", 5)
    differs(type(value), "cdata", "userdata")
    differs(tonumber(value), 5, nil)
    if stock then
        equal(ffi.type(value), "cdata")
        equal(ffi.type "text", "string")
        equal(ffi.type(C.abs), "cdata")
        equal(ffi.tonumber(value), 5)
        equal(ffi.tonumber "5", 5)
    end
end)

test("a cdata equals nothing but cdata", function()
    local null, five, one = ffi.new "int *", ffi.new("int64_t", 5), ffi.new("enum differences", "DIFFERENCES_ONE")
    differs(null == nil, true, false)
    differs(five == 5, true, false)
    differs(one == 1, true, false)
    differs(one == "DIFFERENCES_ONE", true, false)
    differs(one ~= 1, false, true)
    equal(null == ffi.cast("void *", nil), true)
    equal(prelude.number(five) == 5, true)
    equal(five == ffi.new("int64_t", 5), true)
    equal(one == ffi.new("enum differences", 1), true)
end)

test("nor does what C returns as an enum, or in 64 bits", function()
    differs(C.differences_enum(0) == 0, true, false)
    differs(C.differences_enum(1) == C.DIFFERENCES_ONE, true, false)
    differs(C.differences_enum(1) == "DIFFERENCES_ONE", true, false)
    differs(C.labs(-5) == 5, true, false)
    equal(C.abs(-5) == 5, true)
    equal(prelude.number(C.differences_enum(1)) == C.DIFFERENCES_ONE, true)
    equal(C.differences_enum(1) == ffi.new("enum differences", "DIFFERENCES_ONE"), true)
    equal(prelude.number(C.labs(-5)) == 5, true)
    local is_less, below = pcall(function() return C.differences_enum(0) < 1 and C.labs(-5) > 4 end)
    equal(is_less, orders)
    equal(not orders or below, true)
end)

test("a function of C is one of Lua's", function()
    differs(type(C.abs), "cdata", "function")
    differs(tostring(C.abs):match "^%a+", "cdata", "function")
    differs(C.abs == ffi.cast("int (*)(int)", C.abs), true, false)
    equal(prelude.kind(C.abs), "cdata")
    equal(ffi.istype("int (*)(int)", ffi.cast("int (*)(int)", C.abs)), true)
    equal(ffi.cast("intptr_t", ffi.cast("void *", C.abs)) == ffi.cast("intptr_t", C.abs), true)
end)

test("pairs and ipairs ask a metatable, or not", function()
    local function iterate(value) return next, {value.a}, nil end
    local meta = {__pairs = iterate, __ipairs = iterate}
    local value = ffi.metatype("struct { int a; }", meta)(5)
    local function first(f)
        local ok, _, element = pcall(function()
            for key, element in f(value) do return key, element end
        end)
        return ok and element
    end
    equal(first(pairs), version ~= 5.1 and 5)
    equal(first(ipairs), version ~= 5.1 and version ~= 5.4 and 5)
end)

test("numbers have no suffixes", function()
    for _, suffixed in ipairs {"5LL", "5ULL", "5i"} do
        differs(prelude.load("return " .. suffixed) ~= nil, true, false)
    end
end)

test("a key of a table is a cdata itself, and a ctype is one for its type", function()
    local t = {[ffi.new("int64_t", 5)] = true, [ffi.typeof "int64_t"] = true}
    equal(t[ffi.new("int64_t", 5)], nil)
    differs(t[ffi.typeof "int64_t"], nil, true)
    differs(t[ffi.typeof(ffi.new "int64_t")], nil, true)
end)

test("Lua's integers are numbers of C's without loss", function()
    if has_integers then
        equal(math.type(C.abs(-5)), "integer")
        equal(tostring(ffi.new("int64_t", math.maxinteger)), "9223372036854775807LL")
    end
    equal(prelude.load "return 7 // 2" ~= nil, has_integers)
end)

test("a number behind the declared arguments is a double, integer or not", function()
    local buffer = ffi.new "char[40]"
    local function format(...)
        C.snprintf(buffer, 40, ...)
        return ffi.string(buffer)
    end
    equal(format("%g %g", 3, 0.5), "3 0.5")
    equal(format("%.1f", 2 ^ 31), "2147483648.0")
    equal(format("%d", ffi.new("int", 3)), "3")
    equal(format("%lld", ffi.new("int64_t", -3)), "-3")
    if has_integers then equal(format("%.0f", math.tointeger(3)), "3") end
end)

test("what has no __concat is not concatenated", function()
    raises("attempt to concatenate 'string' and 'int64_t'", function() return "a" .. ffi.new "int64_t" end)
end)

test("a name that stands for a $ is taken once, and has letters", function()
    ffi.cdef("struct $ { int a; };", "differences_taken")
    differs(pcall(ffi.cdef, "struct $ { int b; };", "differences_taken"), true, false)
    for _, text in ipairs {"struct $ { int a; };", "typedef int $;", "struct differences_member { int $; };"} do
        differs(pcall(ffi.cdef, text, ""), true, false)
    end
    if stock then raises("a name of no letters", ffi.cdef, "struct $ { int a; };", "") end
end)

test("two members have two names", function()
    differs(pcall(ffi.typeof, "struct { int a; int a; }"), true, false)
end)

test("a reference by itself is what it would refer to", function()
    differs(ffi.istype("int &", ffi.new("int", 5)), true, true)
    differs(pcall(ffi.new, "int &", 5), false, true)
    if stock then equal(ffi.tonumber(ffi.new("int &", 5)), 5) end
end)

test("an error of cdef has its place in the text", function()
    local _, problem = pcall(ffi.cdef, "int differences_one;\nint int differences_two;")
    differs(problem:match "line %d+, column %d+", nil, "line 2, column 5")
end)

test("callbacks are as many as memory has", function()
    local function make() return ffi.cast("int (*)(int)", function() return 1 end) end
    local made, ok = {}, true
    collectgarbage "stop" -- all are in use: one that never rests would find nothing, 5000 times
    while ok and #made < 5000 do
        ok, made[#made + 1] = pcall(make)
    end
    collectgarbage "restart"
    differs(ok, false, true)
    for i = 1, ok and #made or #made - 1 do made[i]:free() end
end)

check.finish()
