-- The binding of libcurl that fetch.lua has: errors in callbacks, other tasks meanwhile, transfers as loops. curl.sh starts its
-- server.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local curl = require "curl"
local task = require "callgate.task"
local test, equal, raises = check.test, check.equal, check.raises
local server = ...

local function text_of(path)
    local parts = {}
    local result, problem = curl.fetch(server .. path, function(chunk) parts[#parts + 1] = chunk end)
    return result and table.concat(parts), problem
end

-- The server has seen the end of a connection that would last.
local function is_gone() return text_of "/gone" == "gone" end

test("a transfer says how it was", function()
    local size = 0
    local result = curl.fetch(server .. "/large", function(chunk) size = size + #chunk end)
    equal(size, 3000000)
    equal(result.size, size)
    equal(result.status, 200)
    assert(result.seconds > 0 and result.seconds < 100, result.seconds)
end)

test("one that waits holds up no other, which it waits for", function()
    local held = task.go(text_of, "/hold")
    task.sleep(0.01)
    equal(text_of "/release", "released")
    equal(held:join(), "held")
end)

test("what fails is told with curl's number", function()
    local result, problem, code = curl.fetch("http://127.0.0.1:1/", print)
    equal(result, nil)
    assert(problem:find("Couldn't connect to server", 1, true), problem)
    equal(code, 7)
    result, problem, code = curl.fetch(server .. "/nothing/here", print)
    equal(result, nil)
    equal(code, 22)
end)

test("an error in a callback ends the transfer, and is the caller's", function()
    local object, calls = {}, 0
    local ok, problem = pcall(curl.fetch, server .. "/endless", function()
        calls = calls + 1
        error(object)
    end)
    equal(ok, false)
    equal(problem, object)
    equal(calls, 1)
    assert(is_gone())
end)

test("so does one in the function for progress, also while nothing comes", function()
    local object, seen = {}, 0
    local ok, problem = pcall(curl.fetch, server .. "/silent", function() end, {progress = function(here, total)
        seen = math.max(seen, here)
        if here > 0 then
            equal(total, 100)
            error(object)
        end
    end})
    equal(ok, false)
    equal(problem, object)
    equal(seen, 10)
    assert(is_gone())
end)

test("a callback may wait for other tasks", function()
    local chunks, size = task.channel(), 0
    local reader = task.go(function()
        for chunk in chunks do
            size = size + #chunk
            task.yield()
        end
    end)
    assert(curl.fetch(server .. "/large", function(chunk) chunks:send(chunk) end))
    chunks:close()
    reader:join()
    equal(size, 3000000)
end)

test("a loop gets all there is", function()
    local size = 0
    for chunk in curl.chunks(server .. "/large") do size = size + #chunk end
    equal(size, 3000000)
    for _ in curl.chunks(server .. "/empty") do error "something came" end
end)

test("what fails is an error in the loop", function()
    raises("Couldn't connect", function()
        for _ in curl.chunks "http://127.0.0.1:1/" do error "something came" end
    end)
    raises("timed out", function()
        for _ in curl.chunks(server .. "/silent", {timeout = 0.2}) do end
    end)
end)

test("a loop that is left ends the transfer", function()
    for _ in curl.chunks(server .. "/endless") do break end
    assert(is_gone())
    for _ in curl.chunks(server .. "/silent") do break end
    assert(is_gone())
    local object = {}
    local ok, problem = pcall(function()
        for _ in curl.chunks(server .. "/endless") do error(object) end
    end)
    equal(ok, false)
    equal(problem, object)
    assert(is_gone())
end)

test("many at once", function()
    local tasks = {}
    for i = 1, 40 do tasks[i] = task.go(text_of, "/medium") end
    local first = tasks[1]:join()
    equal(#first, 20000)
    for i = 2, 40 do equal(tasks[i]:join(), first) end
end)

test("bad arguments leave nothing open", function()
    raises("cannot convert 'table' to 'const void *'", curl.fetch, {}, print)
    raises("attempt to", curl.fetch, server .. "/medium", print, {timeout = "soon"})
    raises("attempt to call", curl.fetch, server .. "/medium", nil)
end)

check.finish()
