-- socket.lua: two ends of a connection in one process.
--
-- SPDX-License-Identifier: MIT

package.path = "examples/lua/programs/net/?.lua;" .. package.path

local check = require "check"
local task = require "callgate.task"
local socket = require "socket"
local test, equal, raises = check.test, check.equal, check.raises

-- A connection, both sides of it.
local function pair()
    local listener <close> = socket.listen("127.0.0.1", 0)
    local _, port = listener:name()
    local near = socket.connect("127.0.0.1", port)
    return near, listener:accept()
end

test("what one side writes the other reads, to its end", function()
    local near, far = pair()
    near:write "some words"
    equal(far:read(4), "some")
    equal(far:read(), " words")
    near:finish()
    equal(far:read(), nil)
    far:write "an answer"
    equal(near:read(), "an answer")
    near:close()
    far:close()
end)

test("a large text is written whole while another task reads, although the call is interrupted", function()
    local near, far = pair()
    local text, pieces = ("0123456789"):rep(1000000), {}
    local writer = task.go(function()
        near:write(text)
        near:finish()
    end)
    far:wait() -- a part is here, and there is no room for all
    equal(writer:interrupt(), true)
    for piece in function() return far:read() end do table.insert(pieces, piece) end
    writer:join()
    equal(table.concat(pieces) == text, true)
end)

test("wait tells whether there is something to read", function()
    local near, far = pair()
    equal(far:wait(0), false)
    equal(far:wait(0.01), false)
    local waiting = task.go(far.wait, far)
    near:write "x"
    equal(waiting:join(), true)
    equal(far:read(), "x")
end)

test("to write to a side that is gone is an error", function()
    local near, far = pair()
    far:close()
    near:write "this reaches nobody" -- and the system hears of that
    raises("write: ", near.write, near, "nor does this")
end)

test("shutdown ends the calls of other tasks", function()
    local near = pair()
    local reading = task.go(near.read, near)
    local listener = socket.listen("localhost", 0)
    local accepting = task.go(listener.accept, listener)
    while reading:status() ~= "in call" or accepting:status() ~= "in call" do task.sleep(0.001) end
    near:shutdown()
    listener:shutdown()
    equal(reading:join(), nil)
    equal(accepting:join(), nil)
end)

test("a service has a name, too", function()
    local addresses = socket.resolve("127.0.0.1", "http")
    equal(#addresses, 1)
    equal(addresses[1].host, "127.0.0.1")
    equal(addresses[1].port, 80)
end)

test("what can't be is an error, in the system's words", function()
    raises("localhost: no port is -1", socket.connect, "localhost", -1)
    raises("localhost: Servname not supported for ai_socktype", socket.connect, "localhost", "no such service")
    local near, far = pair()
    near:close()
    raises("the socket is closed", near.read, near)
    raises("the socket is closed", near.wait, near, 1)
    near:close()
    local listener <close> = socket.listen("127.0.0.1", 0)
    local _, port = listener:name()
    raises("127.0.0.1, port " .. port .. ": Address already in use", socket.listen, "127.0.0.1", port)
    raises("accept: Invalid argument", far.accept, far)
end)

check.finish()
