-- Callbacks: functions of Lua's that C calls.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows = prelude.ffi, prelude.shows
local test, equal, raises = check.test, check.equal, check.raises

ffi.cdef [[
    void qsort(void *, size_t, size_t, int (*)(const int *, const int *));
    void *bsearch(const void *, const void *, size_t, size_t, int (*)(const int *, const int *));
]]
local function ascending(a, b) return a[0] - b[0] end

test("a function passes where C takes a pointer to one", function()
    local array = ffi.new("int[5]", 3, 1, 5, 2, 4)
    ffi.C.qsort(array, 5, 4, ascending)
    for i = 0, 4 do equal(array[i], i + 1) end
    local key = ffi.new("int[1]", 4)
    local found = ffi.C.bsearch(key, array, 5, 4, ascending)
    equal(ffi.cast("int *", found) - ffi.cast("int *", array), 3)
end)

test("cast makes a callback that lives until it is freed", function()
    local compare = ffi.cast("int (*)(const int *, const int *)", ascending)
    local array = ffi.new("int[3]", 3, 1, 2)
    collectgarbage()
    ffi.C.qsort(array, 3, 4, compare)
    equal(array[0], 1)
    ffi.C.qsort(array, 3, 4, compare)
    compare:free()
end)

test("new, members and elements make callbacks, too", function()
    local f = ffi.new("int (*)(int)", function(x) return x * 2 end)
    equal(f(4), 8)
    f:free()
    local s = ffi.new "struct { int (*f)(int); }"
    s.f = function(x) return x * 3 end
    equal(s.f(4), 12)
    s.f:free()
end)

test("set gives a callback another function", function()
    local f = ffi.cast("int (*)(int)", function(x) return x * 2 end)
    f:set(function(x) return x * 3 end)
    equal(f(4), 12)
    raises("function expected, got number", function() f:set(5) end)
    f:free()
end)

test("a callback that was freed is an error for whoever uses it", function()
    local f = ffi.cast("int (*)(int)", function(x) return x end)
    f:free()
    raises("bad callback", function() f:free() end)
    raises("bad callback", function() f:set(print) end)
    raises("bad callback", f, 1)
end)

test("free and set are of callbacks alone", function()
    raises("bad callback", function() ffi.cast("int (*)(int)", 8):free() end)
    raises("'int *' has no member named 'free'", function() return ffi.cast("int *", 8).free end)
    raises("'int (*)()' has no member named 'nosuch'", function() return ffi.cast("int (*)(int)", 8).nosuch end)
end)

test("arguments of each type arrive as they are read of memory", function()
    local got
    local f = ffi.cast("void (*)(int8_t, uint8_t, short, unsigned short, unsigned, bool, float, double)",
        function(...) got = {...} end)
    f(-1, 255, -3, 65535, 4294967295, true, 0.5, 0.25)
    for i, wanted in ipairs {-1, 255, -3, 65535, 4294967295, true, 0.5, 0.25} do equal(got[i], wanted) end
    f:free()
    f = ffi.cast("void (*)(int64_t, uint64_t, const char *, void *, enum { CALLBACK_A, CALLBACK_B })",
        function(...) got = {...} end)
    f(prelude.i64 "-1", prelude.u64 "0xffffffffffffffff", "text", nil, "CALLBACK_B")
    shows("-1LL", got[1])
    shows("18446744073709551615ULL", got[2])
    shows("cdata<const char *>: 0x…", got[3])
    shows("cdata<void *>: NULL", got[4])
    equal(prelude.number(got[5]), 1)
    f:free()
end)

test("the result is converted as an assignment's value", function()
    local function call(type, result)
        local f = ffi.cast(type .. " (*)(void)", function() return result end)
        local value = f()
        f:free()
        return value
    end
    equal(call("int", 3.9), 3)
    equal(call("int", prelude.i64 "7"), 7)
    equal(call("bool", true), true)
    equal(call("double", 0.5), 0.5)
    equal(call("float", 0.5), 0.5)
    equal(call("int8_t", 200), -56)
    shows("7LL", call("int64_t", 7))
    shows("cdata<int *>: NULL", call("int *", nil))
end)

test("a string may be what a pointer to const points to", function()
    local text = "some text"
    local f = ffi.cast("const char *(*)(void)", function() return text end)
    equal(ffi.string(f()), "some text")
    f:free()
end)

test("a result too many is dropped, and a void function's too", function()
    local f = ffi.cast("int (*)(void)", function() return 1, 2 end)
    equal(f(), 1)
    f:free()
    f = ffi.cast("void (*)(void)", function() return 1 end)
    equal(select("#", f()), 0)
    f:free()
end)

test("a result that can't be converted is an error", function()
    local f = ffi.cast("int (*)(void)", function() return "x" end)
    raises("cannot convert 'string' to 'int'", f)
    f:set(function() end)
    raises("cannot convert 'nil' to 'int'", f)
    f:free()
end)

test("an error in a callback is raised by the call that led to it", function()
    local object = {}
    local f = ffi.cast("int (*)(void)", function() error(object) end)
    local ok, problem = pcall(f)
    equal(ok, false)
    equal(problem, object)
    f:set(function() error("words", 0) end)
    ok, problem = pcall(f)
    equal(problem, "words")
    f:free()
end)

test("callbacks nest", function()
    local depth = 0
    local f
    f = ffi.cast("int (*)(int)", function(n)
        depth = depth + 1
        if n == 0 then return 0 end
        return f(n - 1) + n
    end)
    equal(f(10), 55)
    equal(depth, 11)
    f:free()
end)

test("a callback has no variable arguments", function()
    raises("cannot convert 'function' to 'int (*)()'", ffi.cast, "int (*)(int, ...)", print)
end)

test("a pointer to a function takes no table, not even one that can be called", function()
    raises("cannot convert 'table' to 'int (*)()'", ffi.cast, "int (*)(int)", {})
    raises("cannot convert 'table' to 'int (*)()'", ffi.cast, "int (*)(int)", setmetatable({}, {__call = print}))
end)

test("a function of C's is a callback", function()
    ffi.cdef "int callback_abs(int) __asm__(\"abs\");"
    local f = ffi.cast("int (*)(int)", ffi.C.callback_abs)
    equal(f(-3), 3)
    raises("bad callback", function() f:free() end)
end)

test("many callbacks are made and freed", function()
    for i = 1, 2000 do
        local f = ffi.cast("int (*)(int)", function(x) return x + i end)
        equal(f(1), i + 1)
        f:free()
    end
end)

check.finish()
