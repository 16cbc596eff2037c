-- Channels: values between tasks, in order, with Go's rules of what waits and what ends.

local check = require "check"
local task = require "callgate.task"
local test, equal, raises = check.test, check.equal, check.raises
local unpack = table.unpack or unpack

local function collect()
    for _ = 1, 4 do collectgarbage() end
end

test("a value goes from a sender to a receiver, whoever comes first", function()
    local channel = task.channel()
    local sender = task.go(function() channel:send("first") channel:send {2} end)
    task.yield()
    equal(channel:receive(), "first")
    equal(channel:receive()[1], 2)
    sender:join()
    local receiver = task.go(function() return channel:receive() end)
    task.yield()
    channel:send "waited for"
    local value, ok = receiver:join()
    equal(value, "waited for")
    equal(ok, true)
end)

test("any value passes: nil and false, functions, coroutines", function()
    local channel = task.channel(4)
    local thread = coroutine.create(function() end)
    channel:send(nil)
    channel:send(false)
    channel:send(print)
    channel:send(thread)
    local value, ok = channel:receive()
    equal(value, nil)
    equal(ok, true)
    equal(channel:receive(), false)
    equal(channel:receive(), print)
    equal(channel:receive(), thread)
    raises("value expected", channel.send, channel)
end)

test("an unbuffered send waits for its receiver", function()
    local channel, sent = task.channel(), false
    local sender = task.go(function()
        channel:send(1)
        sent = true
    end)
    for _ = 1, 10 do task.yield() end
    equal(sent, false)
    equal(channel:receive(), 1)
    sender:join()
    equal(sent, true)
end)

test("a buffered channel takes as many as it has room for, in order", function()
    local channel, sent = task.channel(3), 0
    local sender = task.go(function()
        for i = 1, 10 do
            channel:send(i)
            sent = i
        end
    end)
    for _ = 1, 10 do task.yield() end
    equal(sent, 3)
    for i = 1, 10 do
        equal(channel:receive(), i)
        task.yield()
        task.yield()
        equal(sent, math.min(i + 3, 10))
    end
    sender:join()
end)

test("its length is the number of values that are stored", function()
    local channel = task.channel(5)
    local length = function() return tonumber(tostring(channel):match "%((%d) of 5") end
    equal(length(), 0)
    channel:send(1)
    channel:send(nil)
    equal(length(), 2)
    channel:receive()
    equal(length(), 1)
    if _VERSION ~= "Lua 5.1" then equal(#channel, 1) end
end)

test("senders and receivers that wait are served in the order in which they came", function()
    local channel, tasks = task.channel(), {}
    for i = 1, 20 do
        tasks[i] = task.go(function() channel:send(i) end)
        task.yield()
    end
    for i = 1, 20 do equal(channel:receive(), i) end
    local got = {}
    for i = 1, 20 do
        tasks[20 + i] = task.go(function() got[i] = channel:receive() end)
        task.yield()
    end
    for i = 1, 20 do channel:send(i) end
    for i = 1, 40 do tasks[i]:join() end
    for i = 1, 20 do equal(got[i], i) end
end)

test("a receiver that comes later does not overtake one that waits", function()
    local channel, got = task.channel(1), {}
    local waiting = task.go(function() got.waiting = channel:receive() end)
    task.yield()
    channel:send "for who waits"
    channel:send "for who comes"
    got.coming = channel:receive()
    waiting:join()
    equal(got.waiting, "for who waits")
    equal(got.coming, "for who comes")
end)

test("a closed channel gives what is stored, then nil and false", function()
    local channel = task.channel(2)
    channel:send(1)
    channel:send(2)
    channel:close()
    equal(channel:receive(), 1)
    equal(channel:receive(), 2)
    for _ = 1, 2 do
        local value, ok = channel:receive()
        equal(value, nil)
        equal(ok, false)
    end
    raises("send to a closed channel", channel.send, channel, 3)
    raises("the channel has been closed before", channel.close, channel)
end)

test("closing wakes all who wait: receivers with nothing, senders with an error", function()
    local channel, receivers = task.channel(), {}
    for i = 1, 3 do receivers[i] = task.go(function() return channel:receive() end) end
    task.yield()
    channel:close()
    for i = 1, 3 do
        local value, ok = receivers[i]:join()
        equal(value, nil)
        equal(ok, false)
    end
    channel = task.channel(1)
    channel:send "stored"
    local sender = task.go(function() channel:send "never" end)
    task.yield()
    channel:close()
    raises("the channel was closed", sender.join, sender)
    equal(channel:receive(), "stored")
    equal(select(2, channel:receive()), false)
end)

test("a loop over a channel ends when it is closed", function()
    local channel, sum = task.channel(2), 0
    task.go(function()
        for i = 1, 100 do channel:send(i) end
        channel:close()
    end)
    for value in channel do sum = sum + value end
    equal(sum, 5050)
end)

test("what is in a channel is kept, and freed with it", function()
    local channel = task.channel(100)
    for i = 1, 100 do channel:send {i} end
    local sender = task.go(function() channel:send {101} end)
    task.yield()
    collect()
    for i = 1, 101 do equal(channel:receive()[1], i) end
    sender:join()
    local weak = setmetatable({}, {__mode = "v"})
    weak[1] = {}
    channel:send(weak[1])
    channel = nil
    collect()
    equal(weak[1], nil)
end)

test("a value that was received is not kept by its channel", function()
    local channel, weak = task.channel(2), setmetatable({}, {__mode = "v"})
    for i = 1, 2 do
        weak[i] = {}
        channel:send(weak[i])
    end
    channel:receive()
    collect()
    equal(weak[1], nil)
    assert(weak[2])
end)

-- select

test("select takes what is ready", function()
    local a, b = task.channel(1), task.channel(1)
    b:send "b's"
    local which, value, ok = task.select {a, b}
    equal(which, 2)
    equal(value, "b's")
    equal(ok, true)
    which, value = task.select {{receive = b}, {send = a, value = "sent"}}
    equal(which, 2)
    equal(value, nil)
    equal(a:receive(), "sent")
    a:send(nil)
    which, value, ok = task.select {a}
    equal(which, 1)
    equal(value, nil)
    equal(ok, true)
end)

test("select with a default does not wait, and one with a timeout for no longer", function()
    local channel = task.channel()
    local which, why = task.select {channel, {send = channel, value = 1}, default = true}
    equal(which, nil)
    equal(why, "default")
    which, why = task.select {channel, {send = channel, value = 1}, timeout = 0.01}
    equal(which, nil)
    equal(why, "timeout")
    which, why = task.select {timeout = 0.001}
    equal(why, "timeout")
    local receiver = task.go(function() return channel:receive() end)
    task.yield()
    equal((task.select {{send = channel, value = 7}, timeout = 10}), 1)
    equal(receiver:join(), 7)
    equal(select(2, pcall(task.select, {channel, default = true})), nil)
end)

test("select waits for the first of its cases, and leaves the others", function()
    local a, b, c = task.channel(), task.channel(), task.channel(1)
    c:send "full"
    local selecting = task.go(function() return task.select {a, b, {send = c, value = "by select"}} end)
    task.yield()
    b:send "chosen"
    local which, value, ok = selecting:join()
    equal(which, 2)
    equal(value, "chosen")
    equal(ok, true)
    equal((task.select {{send = a, value = 1}, default = true}), nil)
    equal(c:receive(), "full")
    equal((task.select {c, default = true}), nil)
    selecting = task.go(function() return task.select {a, {send = b, value = "sent"}} end)
    task.yield()
    equal(b:receive(), "sent")
    equal(selecting:join(), 1 + 1)
end)

test("two selects meet, but none meets itself", function()
    local a, b = task.channel(), task.channel()
    local function both(name) return function()
        return name, task.select {{send = a, value = name}, {receive = a}, {send = b, value = name}, b}
    end end
    local one = task.go(both "one")
    task.yield()
    equal((one:status()), "parked")
    local two = task.go(both "two")
    local _, first, got = one:join()
    local _, second, given = two:join()
    assert((got == "two" and given == nil) or (given == "one" and got == nil))
    assert(math.abs(first - second) == 1)
end)

test("a select hears that a channel is closed", function()
    local a, b = task.channel(), task.channel()
    local selecting = task.go(function() return task.select {a, b} end)
    task.yield()
    a:close()
    local which, value, ok = selecting:join()
    equal(which, 1)
    equal(value, nil)
    equal(ok, false)
    equal(select(3, task.select {a}), false)
    raises("send to a closed channel", task.select, {{send = a, value = 1}})
    selecting = task.go(function() return task.select {{send = b, value = 1}} end)
    task.yield()
    b:close()
    raises("the channel was closed", selecting.join, selecting)
end)

test("of several that are ready, select starves none", function()
    local channels, counts = {}, {}
    for i = 1, 4 do
        channels[i] = task.channel()
        channels[i]:close()
        counts[i] = 0
    end
    for _ = 1, 400 do
        local which = task.select(channels)
        counts[which] = counts[which] + 1
    end
    for i = 1, 4 do assert(counts[i] > 50, table.concat(counts, " ")) end
end)

test("select refuses what is no case", function()
    local channel = task.channel()
    raises("case 2 is neither a channel", task.select, {channel, 1})
    raises("case 1 is neither a channel", task.select, {{send = 1}})
    raises("case 1 is neither a channel", task.select, {{}})
    raises("nothing to select from", task.select, {})
    raises("table expected", task.select, channel)
    raises("the option 'timeout' is a time of no less than 0 seconds, not '-1'", task.select, {channel, timeout = -1})
    raises("the option 'timeout' is a time of no less than 0 seconds, not 'soon'", task.select, {channel, timeout = "soon"})
    raises("a capacity from 0 to 1000000000 expected", task.channel, -1)
    raises("a capacity from 0 to 1000000000 expected", task.channel, 1e10)
end)

test("a channel twice in a select is no mistake", function()
    local channel = task.channel()
    local selecting = task.go(function() return task.select {channel, channel} end)
    task.yield()
    channel:send "once"
    local which, value = selecting:join()
    equal(which, 1)
    equal(value, "once")
    equal((task.select {{send = channel, value = 2}, default = true}), nil)
end)

-- Ends

test("who waits on a channel may be cancelled, and is in its queue no more", function()
    local channel, other = task.channel(), task.channel()
    local receiver = task.go(function() channel:receive() end)
    local selecting = task.go(function() task.select {channel, {send = other, value = 1}} end)
    task.yield()
    receiver:cancel "enough"
    selecting:cancel "of that, too"
    raises("enough", receiver.join, receiver)
    raises("of that, too", selecting.join, selecting)
    equal((task.select {{send = channel, value = 1}, channel, other, default = true}), nil)
end)

test("a task that nobody can wake is ended by the collector, and frees what it has", function()
    local ended, weak = {}, setmetatable({}, {__mode = "k"})
    for i = 1, 3 do
        local held = {}
        weak[held] = true
        task.go(function()
            local channel, mine = task.channel(), held
            local ok, problem = pcall(function()
                if i == 1 then channel:receive() end
                if i == 2 then channel:send(mine) end
                task.select {channel, task.channel()}
            end)
            ended[i] = problem
            error(problem)
        end)
        held = nil
    end
    for _ = 1, 10 do
        collect()
        task.yield()
    end
    for i = 1, 3 do assert(tostring(ended[i]):find "nothing can wake it", ended[i]) end
    collect()
    equal(next(weak), nil)
end)

test("a task that somebody can wake is not: by its channel, by its own handle, or by time", function()
    local channel, got = task.channel(), {}
    task.go(function() got.receiver = channel:receive() end)
    task.go(function() got.selecting = select(2, task.select {task.channel(), channel}) end)
    task.go(function() got.timed = select(2, task.select {task.channel(), timeout = 0.05}) end)
    local named = task.go(function() task.channel():receive() end)
    for _ = 1, 5 do
        task.yield()
        collect()
    end
    channel:send(1)
    channel:send(2)
    task.sleep(0.06)
    equal(got.receiver, 1)
    equal(got.selecting, 2)
    equal(got.timed, "timeout")
    equal((named:status()), "parked")
    named:cancel()
    raises("cancelled", named.join, named)
end)

test("a channel does not keep a task that waits no more", function()
    local channel, weak = task.channel(), setmetatable({}, {__mode = "k"})
    weak[task.go(function() channel:receive() end)] = true
    weak[task.go(function() task.select {channel} end)] = true
    task.yield()
    channel:send(1)
    channel:send(2)
    for _ = 1, 4 do
        task.yield()
        collect()
    end
    equal(next(weak), nil)
    channel:close()
end)

test("many tasks, channels and selects pass every value on once", function()
    local stages, workers = {}, {}
    for i = 1, 6 do stages[i] = task.channel(i % 3) end
    for i = 1, 5 do
        for _ = 1, 4 do
            workers[#workers + 1] = task.go(function()
                while true do
                    local which, value = task.select {stages[i], timeout = 10}
                    if not value then return end
                    if value % 7 == 0 then task.yield() end
                    stages[i + 1]:send(value)
                end
            end)
        end
    end
    task.go(function()
        for i = 1, 2000 do stages[1]:send(i) end
    end)
    local seen, count = {}, 0
    for _ = 1, 2000 do
        local value = stages[6]:receive()
        assert(not seen[value])
        seen[value], count = true, count + 1
    end
    equal(count, 2000)
    for i = 1, 5 do stages[i]:close() end
    for _, worker in ipairs(workers) do worker:join() end
end)

check.finish()
