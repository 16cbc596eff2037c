-- Notes of what each task does, and when: it runs Lua, is inside C, waits, or could run and has no turn. (That it is back from
-- C, and has no turn yet, nobody notes: it counts as C.) Whoever wants them calls these functions in place of the others:
--
--     local record = require "record"
--     local task, C = record.task, record.library(ffi.C)
--     record.start()
--     ...
--     local lanes = record.stop()
--
-- The file that GATE_DEBUG=chrometrace=1 makes has each call of any program, to the nanosecond. But when a task ran Lua, or what it
-- waited for, it doesn't say; and that is what the picture is to show.
--
-- SPDX-License-Identifier: MIT

local ffi = require "callgate.ffi"
local task = require "callgate.task"

ffi.cdef [[
    struct timespec { long tv_sec; long tv_nsec; };
    enum { CLOCK_MONOTONIC = 1 };
    int clock_gettime(int clock, struct timespec *time);
]]
local record = {}
local clock_gettime, clock <const> = ffi.leaf(ffi.C.clock_gettime), ffi.C.CLOCK_MONOTONIC -- leaf: it waits for nothing

-- In milliseconds. Another task may come between any two of Lua's instructions, so that each has a struct of its own.
local function now()
    local time = ffi.new "struct timespec"
    clock_gettime(clock, time)
    return ffi.tonumber(time.tv_sec) * 1e3 + ffi.tonumber(time.tv_nsec) / 1e6
end

-- A lane is what is noted of one task; a note says that its task has come to another state.
local lanes, lane_of_task, notes, is_on = {}, {}, {}, false

local function enter(lane, state, label)
    lane.state, lane.label = state, label
    if is_on then table.insert(notes, {lane = lane, state = state, label = label, time = now()}) end
end

local function new_lane(name)
    local lane = {name = name, state = "lua", spans = {}, calls = 0}
    table.insert(lanes, lane)
    return lane
end

-- That of the task which runs.
local function own_lane()
    local self = task.self()
    local number = self:number()
    lane_of_task[number] = lane_of_task[number] or new_lane(self:name())
    return lane_of_task[number]
end

-- For `local back <close> = back_to(lane, state, label)`: where the block ends, by an error too, that is the state.
local Back = {__close = function(back) enter(back.lane, back.state, back.label) end}

local function back_to(lane, state, label)
    return setmetatable({lane = lane, state = state, label = label}, Back)
end

-- f, which is noted as that state.
local function noted(state, label, f)
    return function(...)
        local lane = own_lane()
        local back <close> = back_to(lane, lane.state, lane.label)
        enter(lane, state, label)
        return f(...)
    end
end

-- A library's functions: whatever they do, it is in C.
function record.library(library)
    return setmetatable({}, {__index = function(self, name)
        local call = noted("c", name, library[name])
        self[name] = function(...)
            local lane = own_lane()
            lane.calls = lane.calls + 1
            return call(...)
        end
        return self[name]
    end})
end

-- A function that C calls.
function record.callback(f) return noted("lua", nil, f) end

-- What callgate.task has, as far as it is used here.
record.task = {sleep = noted("waits", "sleep", task.sleep), yield = noted("ready", nil, task.yield)}

function record.task.go(options, f, ...)
    local lane = new_lane(options.name)
    enter(lane, "ready")
    local t = task.go(options, function(...)
        lane_of_task[task.self():number()] = lane
        local back <close> = back_to(lane, "ended")
        enter(lane, "lua")
        return f(...)
    end, ...)
    return {join = noted("waits", "join", function() return t:join() end)}
end

function record.task.channel(...)
    local channel = task.channel(...)
    return {
        send = noted("waits", "send", function(_, value) return channel:send(value) end),
        receive = noted("waits", "receive", function() return channel:receive() end),
        close = function() return channel:close() end,
    }
end

-- From notes to spans

local function add(lane, state, label, from, to)
    local last = lane.spans[#lane.spans]
    if last and last.state == state and last.label == label and last.to == from then
        last.to = to
    elseif from < to then
        lane.spans[#lane.spans + 1] = {state = state, label = label, from = from, to = to}
    end
end

-- Who runs Lua after a note: its task, if that is what it says, or else the one that has been ready for it longest.
local function runner_after(note, runnable)
    if note.state == "lua" then return note.lane end
    local longest
    for lane, since in pairs(runnable) do
        if not longest or since < runnable[longest] then longest = lane end
    end
    return longest
end

-- Each lane is in the state of its last note. Of those that are in Lua one runs, and the others could.
local function make_spans()
    local from, runnable, live = notes[1].time, {}, {}
    for i, note in ipairs(notes) do
        local to = notes[i + 1] and notes[i + 1].time or note.time
        runnable[note.lane] = note.state == "lua" and note.time or nil
        live[note.lane] = note.state ~= "ended" and note or nil
        local runner = runner_after(note, runnable)
        for lane, last in pairs(live) do
            local state = last.state == "lua" and lane ~= runner and "ready" or last.state
            add(lane, state, last.label, note.time - from, to - from)
        end
    end
end

function record.start()
    lanes, lane_of_task, notes, is_on = {}, {}, {}, true
    enter(own_lane(), "lua")
end

-- Returns the lanes, in the order in which their tasks were made: their `name`, how many `calls` of C they made, and `spans`, which
-- have a `state` ("lua", "c", "waits", "ready"), a `label`, and `from` and `to`, in milliseconds since the start.
function record.stop()
    enter(own_lane(), "ended")
    is_on = false
    table.sort(notes, function(a, b) return a.time < b.time end) -- another may have come between a time and its note
    make_spans()
    return lanes
end

return record
