-- Runs some tasks, notes what each of them does, and draws a picture of it.
--
--     LUA_CPATH='build/release/lua/?.so' lua5.4 examples/lua/programs/timeline/timeline.lua timeline.png
--
-- SPDX-License-Identifier: MIT

package.path = arg[0]:gsub("[^/]*$", "?.lua;", 1) .. package.path -- its modules are beside this file
local ffi = require "callgate.ffi"
local draw = require "draw"
local record = require "record"

local usage = [[
usage: timeline.lua picture.png
Runs some tasks, draws to the picture when each of them ran Lua, was in C, waited, or could have run and had no turn, and prints
how long that was, in milliseconds, and how often it called C.
]]

ffi.cdef [[
    int usleep(unsigned microseconds);
    void qsort(void *base, size_t count, size_t size, int (*compare)(const int *, const int *));
    unsigned long compressBound(unsigned long size);
    int compress2(unsigned char *packed, unsigned long *packed_size, const unsigned char *text, unsigned long size, int level);
]]
local task, C, z = record.task, record.library(ffi.C), record.library(ffi.load "libz.so.1")

-- What the tasks do

-- Waits in C: the others go on.
local function sleeper()
    for _ = 1, 3 do
        C.usleep(40000)
        local sum = 0
        for i = 1, 100000 do sum = sum + i end
    end
end

-- Computes in C: the others go on here, too, on another processor.
local function packer()
    local words = {}
    for i = 1, 8000 do words[i] = tostring(i * 7919 % 8009) end
    local text = table.concat(words, " "):rep(12) -- each time too far from the last for libz to see that it is the same
    local room = z.compressBound(#text)
    local packed, size = ffi.new("unsigned char[?]", room), ffi.new "unsigned long[1]"
    for level = 7, 9 do
        size[0] = room
        assert(z.compress2(packed, size, text, #text, level) == 0)
    end
end

-- Is called back by C, again and again.
local function sorter()
    local count <const> = 300
    local numbers, seed = ffi.new("int[?]", count), 42
    for i = 0, count - 1 do
        seed = (seed * 1103515245 + 12345) % 2147483648
        numbers[i] = seed
    end
    C.qsort(numbers, count, ffi.sizeof "int", record.callback(function(a, b)
        return a[0] < b[0] and -1 or a[0] > b[0] and 1 or 0
    end))
end

-- Computes in Lua, and hands each result to the next task, which waits for it.
local function producer(results)
    for from = 1, 60000, 10000 do
        local primes = 0
        for n = from, from + 9999 do
            local is_prime = n > 1
            for divisor = 2, math.floor(math.sqrt(n)) do
                if n % divisor == 0 then
                    is_prime = false
                    break
                end
            end
            if is_prime then primes = primes + 1 end
        end
        results:send(primes)
    end
    results:close()
end

local function consumer(results)
    local all = 0
    while true do
        local primes = results:receive()
        if not primes then break end
        all = all + primes
        C.usleep(8000) -- as if it went to a disk
    end
    assert(all == 6057)
end

-- Has something small to do, often.
local function ticker()
    for _ = 1, 8 do
        task.sleep(0.015)
        local sum = 0
        for i = 1, 20000 do sum = sum + i end
    end
end

-- The picture

local function run_all()
    local results, tasks = task.channel(), {}
    record.start()
    for i, it in ipairs {
        {"sleeper", sleeper}, {"packer", packer}, {"sorter", sorter}, {"producer", producer}, {"consumer", consumer},
        {"ticker", ticker},
    } do
        tasks[i] = task.go({name = it[1]}, it[2], results)
    end
    for _, t in ipairs(tasks) do t:join() end
    return record.stop()
end

local function print_sums(lanes)
    print(("%-10s%10s%10s%10s%10s%10s"):format("task", "in Lua", "in C", "calls", "waits", "ready"))
    for _, lane in ipairs(lanes) do
        local sums = {lua = 0, c = 0, waits = 0, ready = 0}
        for _, span in ipairs(lane.spans) do sums[span.state] = sums[span.state] + span.to - span.from end
        print(("%-10s%10.1f%10.1f%10d%10.1f%10.1f"):format(lane.name, sums.lua, sums.c, lane.calls, sums.waits, sums.ready))
    end
end

if #arg ~= 1 or arg[1]:sub(1, 1) == "-" then
    io.stderr:write(usage)
    os.exit(2)
end
local lanes = run_all()
local ok, problem = pcall(draw, arg[1], "Tasks of one Lua state", lanes)
if ok then print_sums(lanes) else io.stderr:write("timeline.lua: ", tostring(problem), "\n") end
os.exit(ok, true)
