-- What is noted of tasks, and a picture of lanes that timeline_check.py knows, too: its path is the argument.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local draw = require "draw"
local ffi = require "callgate.ffi"
local record = require "record"
local test, equal, raises = check.test, check.equal, check.raises
local picture = ...

ffi.cdef [[
    int usleep(unsigned microseconds);
    int abs(int);
    void *bsearch(const int *key, const int *base, size_t count, size_t size, int (*compare)(const int *, const int *));
]]
local task, C = record.task, record.library(ffi.C)

-- The lanes of what body does, by their names.
local function lanes_of(body)
    record.start()
    body()
    local lanes = record.stop()
    for _, lane in ipairs(lanes) do lanes[lane.name] = lane end
    return lanes
end

-- A lane's states, without those where it had no turn.
local function states_of(lane)
    local states = {}
    for _, span in ipairs(lane.spans) do
        local state = span.label and span.state .. ":" .. span.label or span.state
        if state ~= "ready" and state ~= states[#states] then states[#states + 1] = state end
    end
    return table.concat(states, " ")
end

-- By the clock of the notes: Lua's own has the time of the process's other threads in it.
local function busy(milliseconds)
    local time = ffi.new "struct timespec"
    local function now()
        ffi.C.clock_gettime(ffi.C.CLOCK_MONOTONIC, time)
        return ffi.tonumber(time.tv_sec) + ffi.tonumber(time.tv_nsec) / 1e9
    end
    local last = now() + milliseconds / 1000
    while now() < last do end
end

test("a task is in Lua, in C, or waits", function()
    local lanes = lanes_of(function()
        task.go({name = "one"}, function()
            busy(1)
            C.usleep(5000)
            busy(1)
            task.sleep(0.005)
            busy(1)
        end):join()
    end)
    equal(states_of(lanes.one), "lua c:usleep lua waits:sleep lua")
    equal(states_of(lanes.main), "lua waits:join lua")
    equal(lanes.one.calls, 1)
    for _, span in ipairs(lanes.one.spans) do
        local least = {lua = 0.9, c = 5, waits = 5, ready = 0}
        assert(span.to - span.from >= least[span.state], span.state)
    end
end)

test("a function that C calls is in Lua", function()
    local lanes = lanes_of(function()
        task.go({name = "one"}, function()
            local numbers = ffi.new("int[1]", 7)
            local found = C.bsearch(numbers, numbers, 1, ffi.sizeof "int", record.callback(function(a, b)
                busy(1)
                return a[0] - b[0]
            end))
            equal(ffi.cast("int *", found)[0], 7)
        end):join()
    end)
    equal(states_of(lanes.one), "lua c:bsearch lua c:bsearch lua")
end)

test("results and errors pass through", function()
    local lanes = lanes_of(function()
        local one = task.go({name = "one"}, function(...) return select("#", ...), C.abs(-3), nil end, nil, nil)
        local count, three, last = one:join()
        equal(count, 2)
        equal(three, 3)
        equal(last, nil)
        raises("wrong number of arguments", C.abs)
        raises("a mistake", function() task.go({name = "two"}, error, "a mistake"):join() end)
        local channel = task.channel(1)
        channel:send "text"
        channel:close()
        equal(channel:receive(), "text")
        equal(channel:receive(), nil)
    end)
    equal(lanes.one.calls, 1)
    equal(lanes.main.calls, 1)
    equal(states_of(lanes.main):gsub("waits:%a+", "waits"), "lua waits lua c:abs lua" .. (" waits lua"):rep(4))
    equal(states_of(lanes.two), "lua")
end)

-- Checks that a lane is whole, and that no two run Lua at once.
local function check_lanes(lanes)
    local runs = {}
    for _, lane in ipairs(lanes) do
        for i, span in ipairs(lane.spans) do
            assert(span.from < span.to)
            if i > 1 then equal(span.from, lane.spans[i - 1].to) end
            if span.state == "lua" then runs[#runs + 1] = span end
        end
    end
    table.sort(runs, function(a, b) return a.from < b.from end)
    for i = 2, #runs do assert(runs[i].from >= runs[i - 1].to, "two run Lua") end
end

test("one task at a time runs Lua, also of those that compute", function()
    local lanes = lanes_of(function()
        local tasks = {}
        for i = 1, 4 do tasks[i] = task.go({name = "task " .. i}, busy, 40) end
        for _, t in ipairs(tasks) do t:join() end
        for i = 1, 4 do
            tasks[i] = task.go({name = "yielding " .. i}, function()
                for _ = 1, 20 do
                    busy(0.1)
                    task.yield()
                    C.usleep(100)
                end
            end)
        end
        for _, t in ipairs(tasks) do t:join() end
    end)
    check_lanes(lanes)
    local in_lua = 0
    for _, span in ipairs(lanes["yielding 1"].spans) do
        if span.state == "lua" then in_lua = in_lua + span.to - span.from end
    end
    assert(in_lua >= 1.9, in_lua)
    equal(lanes["yielding 1"].calls, 20)
end)

test("lanes are drawn", function()
    draw(picture, "Title", {
        {name = "first", spans = {
            {state = "lua", from = 0, to = 10}, {state = "c", label = "read", from = 10, to = 40},
            {state = "waits", label = "join", from = 40, to = 60}, {state = "ready", from = 60, to = 80},
        }},
        {name = "second", spans = {{state = "c", from = 0, to = 80}}},
    })
    draw(picture .. ".none", "Nothing", {})
end)

test("what can't be drawn or written is an error", function()
    raises("/nowhere/at/all.png: No such file or directory", draw, "/nowhere/at/all.png", "Title", {})
    raises("No space left on device", draw, "/dev/full", "Title", {})
    local lanes = {}
    for i = 1, 2000 do lanes[i] = {name = "one", spans = {}} end
    raises("cairo: invalid value (typically too big) for the size", draw, picture .. ".none", "Too many", lanes)
end)

check.finish()
