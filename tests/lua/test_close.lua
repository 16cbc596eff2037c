-- Variables of Lua 5.4 that are closed at the end of their block.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local ffi = require "callgate.ffi"
local task = require "callgate.task"
local test, equal, raises = check.test, check.equal, check.raises

ffi.cdef [[
    struct closed { int a; };
    struct finalized { int a; };
    struct both { int a; };
    void *malloc(size_t);
    void free(void *);
]]

test("a metatable's __close gets the value, and the error that ends the block", function()
    local log = {}
    local closed = ffi.metatype("struct closed", {__close = function(value, problem)
        log[#log + 1] = {value.a, problem}
    end})
    do
        local first <close> = closed(1)
        local pointer <close> = ffi.cast("struct closed *", first)
        pointer.a = 2
    end
    local object = {}
    local ok, problem = pcall(function()
        local value <close> = closed(3)
        error(object)
    end)
    equal(ok, false)
    equal(problem, object)
    equal(#log, 3)
    equal(log[1][1], 2)
    equal(log[2][1], 2)
    equal(log[2][2], nil)
    equal(log[3][1], 3)
    equal(log[3][2], object)
end)

test("what has a finalizer is finalized, once, and what has none any more is left alone", function()
    local calls = 0
    local function count() calls = calls + 1 end
    do
        local memory <close> = ffi.gc(ffi.C.malloc(10), function(p)
            count()
            ffi.C.free(p)
        end)
        equal(calls, 0)
    end
    equal(calls, 1)
    local finalized, both = ffi.metatype("struct finalized", {__gc = count}),
        ffi.metatype("struct both", {__gc = count, __close = function() end})
    do
        local value <close> = finalized()
        local given_away <close> = ffi.gc(finalized(), nil)
        local of_both <close> = both()
        local plain <close> = ffi.new "int[2]"
        local number <close> = ffi.new("int64_t", 1)
        ffi.gc(of_both, nil)
    end
    equal(calls, 2)
    collectgarbage()
    equal(calls, 2)
end)

test("an error of a finalizer is one of the block", function()
    raises("in the finalizer", function()
        local value <close> = ffi.gc(ffi.new "int[1]", function() error "in the finalizer" end)
    end)
end)

test("a callback is freed", function()
    local kept
    do
        local callback <close> = ffi.cast("int (*)(int)", function(a) return a + 1 end)
        local freed <close> = ffi.cast("int (*)(int)", function(a) return a + 1 end)
        local by_finalizer <close> = ffi.gc(ffi.cast("int (*)(int)", function() return 0 end), function(f) f:free() end)
        freed:free()
        equal(callback(1), 2)
        kept = callback
    end
    raises("bad callback", kept.free, kept)
    raises("bad callback", kept, 1)
end)

test("a function of C's is no callback, and is left alone", function()
    ffi.cdef "int abs(int);"
    local abs <close> = ffi.cast("int (*)(int)", ffi.C.abs)
    local null <close> = ffi.new "int (*)(int)"
    equal(abs(-1), 1)
end)

test("a channel is closed, unless it has been", function()
    local received = task.go(function()
        local channel <close> = task.channel()
        local closed <close> = task.channel()
        closed:close()
        return task.go(function() return channel:receive() end), channel
    end)
    local receiver, channel = received:join()
    local value, is_one = receiver:join()
    equal(value, nil)
    equal(is_one, false)
    raises("closed", channel.send, channel, 1)
end)

test("a task is cancelled, and waited for", function()
    local log = {}
    local function work(name, ends)
        return task.go(function()
            local ok, problem = pcall(task.sleep, 100)
            task.sleep(0.002)
            log[#log + 1] = name
            log[name] = problem
            if not ends then error "not seen" end
            return name
        end)
    end
    local ended
    do
        local first <close> = work "first"
        local second <close> = work("second", true)
        ended = second
        local done <close> = task.go(function() return "done" end)
        equal(done:join(), "done")
        task.yield()
    end
    equal(table.concat(log, " "), "second first")
    equal(log.first, "the task was cancelled")
    equal(ended:join(), "second")
end)

test("a task can't be closed by itself, and is not cancelled by that", function()
    local t = task.go(function()
        local ok, problem = pcall(function()
            local self <close> = task.self()
        end)
        task.yield()
        return ok, problem
    end)
    local ok, problem = t:join()
    equal(ok, false)
    equal(problem:match "a task can't join itself", "a task can't join itself")
    raises("only tasks of task.go can be joined", function() local main <close> = task.self() end)
end)

check.finish()
