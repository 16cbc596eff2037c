-- Callbacks: from C into Lua, nested, failing, and from threads of C's own.

local check = require "check"
local callgate = require "callgate"
local test, equal, raises = check.test, check.equal, check.raises

local c = callgate.open "libc.so.6"
local compares <const> = "int (const void *, const void *)"
local qsort = c:bind("qsort", "void (void *, size_t, size_t, int (*)(const void *, const void *))")

local function sort(numbers, compare)
    local array = callgate.array("int", numbers)
    local callback = callgate.callback(compares, compare)
    local ok, problem = pcall(qsort, array, #array, 4, callback)
    callback:free()
    if not ok then error(problem, 0) end
    return array
end

local function ascending(a, b)
    return a:as "int"[0] - b:as "int"[0]
end

test("a comparator in Lua sorts", function()
    local sorted = sort({3, 1, 2}, ascending)
    equal(sorted[0], 1)
    equal(sorted[1], 2)
    equal(sorted[2], 3)
end)

test("an error in a callback is raised by the call that led to it, the same object", function()
    local object, calls = {}, 0
    local ok, problem = pcall(sort, {3, 1, 2, 5, 4}, function()
        calls = calls + 1
        error(object)
    end)
    equal(ok, false)
    equal(problem, object)
    equal(calls, 1)
end)

test("an error of nil or false comes back, too", function()
    local ok, problem = pcall(sort, {2, 1}, function() error(nil) end)
    equal(ok, false)
    equal(problem, nil)
    ok, problem = pcall(sort, {2, 1}, function() error(false) end)
    equal(ok, false)
    equal(problem, false)
end)

test("callbacks call C, which calls back", function()
    local inner = 0
    local sorted = sort({9, 8, 7}, function(a, b)
        local nested = sort({2, 1}, ascending)
        inner = inner + nested[0]
        return ascending(a, b)
    end)
    equal(sorted[0], 7)
    assert(inner >= 2)
end)

test("an error passes through callbacks in callbacks, or is caught on its way", function()
    raises("from the depth", sort, {2, 1}, function()
        sort({2, 1}, function() error "from the depth" end)
    end)
    local caught
    local sorted = sort({2, 1}, function(a, b)
        caught = not pcall(sort, {2, 1}, function() error "caught" end)
        return ascending(a, b)
    end)
    equal(caught, true)
    equal(sorted[0], 1)
end)

test("a result that does not convert is an error that says so", function()
    raises("bad result of a callback (int expected, got string)", sort, {2, 1}, function() return "1" end)
    raises("bad result of a callback (int expected, got nil)", sort, {2, 1}, function() end)
end)

test("a callback of another signature is refused", function()
    local callback = callgate.callback("int (int)", function() return 0 end)
    raises("a function int (const void *, const void *) expected, got int (int)", qsort, callgate.array("int", 1), 1, 4,
        callback)
    raises("got function", qsort, callgate.array("int", 1), 1, 4, ascending)
    callback:free()
end)

test("a callback is freed once, never while it runs, and not passed after", function()
    local callback
    callback = callgate.callback(compares, function()
        raises("the callback is running", callback.free, callback)
        return 0
    end)
    qsort(callgate.array("int", {2, 1}), 2, 4, callback)
    callback:free()
    raises("freed before", callback.free, callback)
    raises("the callback has been freed", qsort, callgate.array("int", 1), 1, 4, callback)
end)

test("a callback lives though nothing in Lua refers to it", function()
    local pointer
    do
        local signal = c:bind("signal", "void (*(int, void (*)(int)))(int)")
        local called = 0
        signal(10, callgate.callback("void (int)", function(number) called = number end))
        for _ = 1, 5 do collectgarbage() end
        c:bind("raise", "int (int)")(10)
        equal(called, 10)
        pointer = signal(10, nil)
    end
    assert(pointer)
end)

test("a bound function is a function pointer", function()
    local bsearch = c:bind("bsearch",
        "int *(const void *, const void *, size_t, size_t, int (*)(const char *, const char *))")
    local strcmp = c:bind("strcmp", "int (const char *, const char *)")
    local words = callgate.array("char", "ab\0cd\0ef\0")
    local found = bsearch("cd", words, 3, 3, strcmp)
    equal(found:as "char":string(), "cd")
end)

test("the collector may run in a callback", function()
    local sorted = sort({5, 3, 4, 1, 2}, function(a, b)
        collectgarbage()
        return ascending(a, b)
    end)
    for i = 0, 4 do equal(sorted[i], i + 1) end
end)

test("failing callbacks leak nothing", function()
    local array = callgate.array("int", {2, 1})
    local callback = callgate.callback(compares, function() error "again" end)
    local function fail(times)
        for _ = 1, times do assert(not pcall(qsort, array, 2, 4, callback)) end
        collectgarbage()
        collectgarbage()
        return collectgarbage "count"
    end
    fail(1000)
    local before = fail(1000)
    local after = fail(10000)
    callback:free()
    assert(after < before + 16, ("%.0f kB before, %.0f after"):format(before, after))
end)

test("callbacks made and freed leak nothing", function()
    local function make(times)
        for _ = 1, times do callgate.callback(compares, ascending):free() end
        collectgarbage()
        collectgarbage()
        return collectgarbage "count"
    end
    make(1000)
    local before = make(1000)
    assert(make(5000) < before + 16)
end)

-- Threads of C's own: pthread_create is just another function.
local create = c:bind("pthread_create", "int (unsigned long *, const void *, void *(*)(void *), void *)")
local join = c:bind("pthread_join", "int (unsigned long, void **)")

test("threads that C makes call back into Lua, one at a time", function()
    local inside, most, calls = 0, 0, 0
    local body = callgate.callback("void *(void *)", function(argument)
        inside = inside + 1
        for _ = 1, 1000 do most = math.max(most, inside) end
        inside = inside - 1 -- in the calls below, other threads may come in
        calls = calls + argument:as "int"[0]
        sort({3, 1, 2}, ascending)
        return nil
    end)
    local one, threads = callgate.array("int", {1}), {}
    for i = 1, 16 do
        threads[i] = callgate.array("unsigned long", 1)
        equal(create(threads[i], nil, body, one), 0)
    end
    for i = 1, 16 do equal(join(threads[i][0], nil), 0) end
    body:free()
    equal(calls, 16)
    equal(most, 1)
end)

test("what a callback returned last is kept for C", function()
    local body = callgate.callback("void *(void *)", function() return callgate.array("char", ("kept"):rep(1000)) end)
    local thread, result = callgate.array("unsigned long", 1), callgate.array("char *", 1)
    equal(create(thread, nil, body, nil), 0)
    equal(join(thread[0], result), 0)
    collectgarbage()
    collectgarbage()
    equal(result[0]:string(4000), ("kept"):rep(1000))
    body:free()
end)

test("an error on a thread of C's own is reported, and the thread goes on", function()
    local body = callgate.callback("void *(void *)", function() error "nobody called" end)
    local thread = callgate.array("unsigned long", 1)
    equal(create(thread, nil, body, nil), 0)
    equal(join(thread[0], nil), 0)
    body:free()
end)

check.finish()
