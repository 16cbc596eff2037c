-- The binding of libuv that echo.lua has: the order of what happens, errors in callbacks, other tasks meanwhile, and what is
-- refused.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local task = require "callgate.task"
local uv = require "uv"
local test, equal, raises = check.test, check.equal, check.raises
local HOST <const> = "127.0.0.1"

-- A test has a loop of its own, which is closed: libuv refuses that where something of it is left.
local function on_loop(fact, body)
    test(fact, function()
        local loop <close> = uv.loop()
        body(loop)
    end)
end

on_loop("timers come in the order of their times, once or again and again", function(loop)
    local order, again = {}, nil
    loop:timer(0.03, function() order[#order + 1] = "late" end)
    loop:timer(0.01, function() order[#order + 1] = "early" end)
    local count = 0
    again = loop:timer(0.001, function()
        count = count + 1
        if count == 5 then again:close() end
    end, 0.001)
    loop:run()
    equal(table.concat(order, " "), "early late")
    equal(count, 5)
end)

on_loop("a timer that is restarted begins anew", function(loop)
    local restarts, rang = 0, nil
    local patience = loop:timer(0.2, function() rang = restarts end)
    local poke
    poke = loop:timer(0.05, function()
        restarts = restarts + 1
        patience:restart()
        if restarts == 8 then poke:close() end
    end, 0.05)
    loop:run()
    equal(rang, 8)
end)

on_loop("an empty loop ends at once", function(loop) loop:run() end)

on_loop("an error in a callback ends the loop, which may go on after it", function(loop)
    local object, later = {}, false
    loop:timer(0.001, function() error(object) end)
    loop:timer(0.3, function() later = true end)
    local ok, problem = pcall(loop.run, loop)
    equal(ok, false)
    equal(problem, object)
    equal(later, false)
    loop:run()
    equal(later, true)
end)

on_loop("the loop stops no other task, and others hand it functions", function(loop)
    local seen, server = {}, nil
    server = loop:listen(HOST, 0, error)
    local running = task.go({name = "loop"}, loop.run, loop)
    local other = task.go(function()
        for i = 1, 3 do
            loop:post(function() seen[i] = task.self() end)
            task.sleep(0.002)
        end
        loop:post(function() server:close() end)
    end)
    other:join()
    running:join()
    for i = 1, 3 do equal(seen[i], running) end
end)

on_loop("a callback may wait for other tasks", function(loop)
    local letters, got = task.channel(), nil
    task.go(function()
        task.sleep(0.01)
        letters:send "a letter"
    end)
    loop:timer(0.001, function() got = letters:receive() end)
    loop:run()
    equal(got, "a letter")
end)

on_loop("what other tasks would do to a loop that runs is refused", function(loop)
    local timer = loop:timer(100, error)
    local running = task.go(loop.run, loop)
    while not loop.runner do task.sleep(0.001) end
    local words = "another task runs this loop: use loop:post"
    raises(words, loop.timer, loop, 1, print)
    raises(words, loop.listen, loop, HOST, 0, print)
    raises(words, loop.run, loop)
    raises(words, timer.restart, timer)
    raises(words, timer.close, timer)
    raises(words, loop.close, loop)
    local within
    loop:post(function()
        within = select(2, pcall(loop.run, loop))
        loop:finish()
    end)
    running:join()
    assert(within:find("the loop runs already", 1, true), within)
end)

-- A server whose clients get back what they send, and a client of it that is closed at the end.
local function echo(loop, text, pieces)
    local got, server = {}, nil
    server = loop:listen(HOST, 0, function(stream)
        server:close()
        stream:read(function(chunk) if chunk then stream:write(chunk) else stream:close() end end)
    end)
    local client
    client = loop:connect(HOST, server:port(), function(problem)
        equal(problem, nil)
        for _ = 1, pieces do client:write(text) end
        local size = 0
        client:read(function(chunk)
            got[#got + 1] = chunk
            size = size + #chunk
            if size == #text * pieces then client:close() end
        end)
    end)
    loop:run()
    return table.concat(got)
end

on_loop("streams carry any bytes, in their order", function(loop)
    local bytes = {}
    for i = 0, 255 do bytes[i + 1] = string.char(i) end
    local text = table.concat(bytes)
    equal(echo(loop, text, 1), text)
    equal(echo(loop, text:rep(4096), 3), text:rep(4096 * 3))
end)

on_loop("texts to be written are kept until they are", function(loop)
    local function text(i) return ("%06d"):format(i):rep(10000) end
    local count <const> = 300 -- much more than the system takes before somebody reads
    local server, client, got, size = nil, nil, {}, 0
    server = loop:listen(HOST, 0, function(stream)
        server:close()
        loop:timer(0.05, function()
            stream:read(function(chunk)
                got[#got + 1] = chunk
                if not chunk then stream:close() end
            end)
        end)
    end)
    client = loop:connect(HOST, server:port(), function()
        for i = 1, count do client:write(text(i), i == count and function() client:close() end or nil) end
        collectgarbage()
        for i = 1, count do size = size + #text(-i) end -- what was collected is used again
    end)
    loop:run()
    local all = table.concat(got)
    equal(#all, size)
    for i = 1, count do assert(all:sub((i - 1) * 60000 + 1, i * 60000) == text(i), i) end
end)

on_loop("who writes to one that is gone is told, again and again", function(loop)
    local problems, server, client = {}, nil, nil
    local function write(problem)
        problems[#problems + 1] = problem
        if #problems < 3 then client:write("more", write) else client:close() end
    end
    server = loop:listen(HOST, 0, function(stream)
        stream:close() -- with something unread: the other end is reset
        server:close()
    end)
    client = loop:connect(HOST, server:port(), function() client:write(("x"):rep(1000), write) end)
    loop:run()
    for _, problem in ipairs(problems) do
        assert(problem == "broken pipe" or problem == "connection reset by peer", problem)
    end
    equal(#problems, 3)
end)

on_loop("what can't be connected says why", function(loop)
    local problem, client
    client = loop:connect(HOST, 1, function(why)
        problem = why
        client:close()
    end)
    loop:run()
    equal(problem, "connection refused")
end)

on_loop("what can't be begun is an error, and leaves nothing open", function(loop)
    local server = loop:listen(HOST, 0, error)
    raises("address already in use", loop.listen, loop, HOST, server:port(), error)
    raises("invalid argument", loop.listen, loop, "nowhere", 0, error)
    raises("invalid argument", loop.connect, loop, "300.0.0.1", 1, error)
    raises("invalid argument", loop.signal, loop, 12345, error)
end)

on_loop("what is closed is not used", function(loop)
    local timer, stream = loop:timer(100, error), loop:connect(HOST, 1, function() end)
    timer:close()
    stream:close()
    timer:close()
    raises("the handle is closed", timer.restart, timer)
    raises("the handle is closed", stream.write, stream, "text")
    raises("the handle is closed", stream.read, stream, print)
    raises("the handle is closed", stream.port, stream)
    local other = uv.loop()
    other:close()
    other:close()
    raises("the loop is closed", other.run, other)
    raises("the loop is closed", other.post, other, print)
    raises("the loop is closed", other.timer, other, 1, print)
end)

on_loop("two loops run at once", function(loop)
    local other = uv.loop()
    local text = ("text"):rep(100000)
    local first, second = task.go(echo, loop, text, 2), task.go(echo, other, text, 3)
    equal(first:join(), text:rep(2))
    equal(second:join(), text:rep(3))
    other:close()
end)

check.finish()
