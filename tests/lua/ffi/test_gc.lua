-- The collector: finalizers, and who keeps what.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi = prelude.ffi
local test, equal, raises = check.test, check.equal, check.raises

local function collect()
    collectgarbage()
    collectgarbage()
end

test("gc gives a cdata a finalizer, and gives the cdata back", function()
    local got
    local value = ffi.new("struct { int a; }", 7)
    assert(rawequal(ffi.gc(value, function(v) got = v.a end), value))
    collect()
    equal(got, nil)
    value = nil
    collect()
    equal(got, 7)
end)

test("a finalizer is called once", function()
    local calls = 0
    ffi.gc(ffi.new "struct { int a; }", function() calls = calls + 1 end)
    collect()
    collect()
    equal(calls, 1)
end)

test("nil takes the finalizer away", function()
    local called = false
    local value = ffi.gc(ffi.new "struct { int a; }", function() called = true end)
    ffi.gc(value, nil)
    value = nil
    collect()
    equal(called, false)
end)

test("a second finalizer takes the place of the first", function()
    local log = {}
    local value = ffi.gc(ffi.new "struct { int a; }", function() log[#log + 1] = "first" end)
    ffi.gc(value, function() log[#log + 1] = "second" end)
    value = nil
    collect()
    equal(table.concat(log, " "), "second")
end)

test("a pointer with a finalizer frees what C made", function()
    ffi.cdef "void *malloc(size_t); void free(void *);"
    local freed
    do
        local pointer = ffi.gc(ffi.C.malloc(16), function(p)
            ffi.C.free(p)
            freed = true
        end)
        ffi.fill(pointer, 16)
    end
    collect()
    equal(freed, true)
end)

test("a function of C's is a finalizer", function()
    for _ = 1, 100 do ffi.gc(ffi.C.malloc(16), ffi.C.free) end
    collect()
end)

test("structs, pointers and arrays of open length have finalizers; numbers and nil don't", function()
    ffi.gc(ffi.new "struct { int a; }", function() end)
    ffi.gc(ffi.new "int *", function() end)
    raises("invalid C type", ffi.gc, ffi.new "int", function() end)
    raises("cdata expected, got number", ffi.gc, 5, function() end)
    raises("cdata expected, got nil", ffi.gc, nil, nil)
    raises("value expected", ffi.gc, ffi.new "int *")
end)

test("a metatype's __gc is called for each value", function()
    local sum = 0
    local type = ffi.metatype("struct { int a; }", {__gc = function(v) sum = sum + v.a end})
    for i = 1, 10 do type(i) end
    collect()
    equal(sum, 55)
    sum = 0
    ffi.new(type, 5)
    collect()
    equal(sum, 5)
end)

test("gc with nil takes away a metatype's finalizer, too", function()
    local called = false
    local type = ffi.metatype("struct { int a; }", {__gc = function() called = true end})
    ffi.gc(type(1), nil)
    collect()
    equal(called, false)
end)

test("a finalizer that fails holds up nothing", function()
    local called, held = 0, {}
    for i = 1, 2 do
        held[i] = ffi.gc(ffi.new "struct { int a; }", function()
            called = called + 1
            if called == 1 then error "in a finalizer" end
        end)
    end
    local function let_go()
        held = nil
        collect()
    end
    pcall(let_go)
    pcall(let_go)
    equal(called, 2)
end)

test("a finalizer may keep its value, which is not finalized again", function()
    local kept
    local calls = 0
    ffi.gc(ffi.new("struct { int a; }", 7), function(v)
        calls = calls + 1
        kept = v
    end)
    collect()
    equal(kept.a, 7)
    kept = nil
    collect()
    equal(calls, 1)
end)

test("an array lives as long as a reference to a part of it", function()
    local box = ffi.new("struct { struct { int a[100]; } inner; }")
    box.inner.a[99] = 7
    local inner = box.inner
    collect()
    equal(inner.a[99], 7)
    equal(box.inner.a[99], 7)
end)

test("values that nobody holds are freed", function()
    collect()
    local before = collectgarbage "count"
    for _ = 1, 20000 do ffi.new "char[1000]" end
    collect()
    assert(collectgarbage "count" < before + 1000)
end)

test("types that nobody holds are no trouble", function()
    for i = 1, 500 do ffi.new(ffi.typeof("struct { int a[$]; }", i)) end
    collect()
    equal(ffi.sizeof(ffi.typeof("struct { int a[$]; }", 3)), 12)
end)

check.finish()
