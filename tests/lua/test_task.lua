-- Tasks: results, errors, order, and calls that block one and not the others.

local check = require "check"
local callgate = require "callgate"
local test, equal, raises = check.test, check.equal, check.raises
local unpack = table.unpack or unpack

local c = callgate.open "libc.so.6"
local usleep = c:bind("usleep", "int (unsigned)")
local clock_gettime = c:bind("clock_gettime", "int (int, long *)")

local function now()
    local time = callgate.array("long", 2)
    clock_gettime(1, time)
    return time[0] * 1000 + time[1] / 1e6
end

test("join returns what the function returned", function()
    local task = callgate.spawn(function(...) return select("#", ...), ... end, 1, nil, "three")
    local n, a, b, third = task:join()
    equal(n, 3)
    equal(a, 1)
    equal(b, nil)
    equal(third, "three")
end)

test("join raises the task's error, with its traceback where it is a string", function()
    local function fail_in_here() error "went wrong" end
    local task = callgate.spawn(function() fail_in_here() end)
    local ok, problem = pcall(task.join, task)
    equal(ok, false)
    assert(problem:find("went wrong", 1, true) and problem:find("fail_in_here", 1, true), problem)
    local object = {}
    ok, problem = pcall(function() callgate.spawn(error, object):join() end)
    equal(problem, object)
end)

test("a task has a name", function()
    local task = callgate.spawn({name = "reader"}, function() end)
    equal(task:name(), "reader")
    task:join()
end)

test("tasks take turns", function()
    local order, tasks = {}, {}
    for _, letter in ipairs {"a", "b", "c"} do
        tasks[#tasks + 1] = callgate.spawn(function()
            for _ = 1, 3 do
                order[#order + 1] = letter
                callgate.yield()
            end
        end)
    end
    for _, task in ipairs(tasks) do task:join() end
    equal(table.concat(order), "abcabcabc")
end)

test("yield works in pcall, metamethods, iterators and coroutines", function()
    local task = callgate.spawn(function()
        local results = {}
        results[1] = select(2, pcall(function() callgate.yield() return 1 end))
        local value = setmetatable({}, {__index = function(_, key) callgate.yield() return key end})
        results[2] = value[2]
        for n in function(_, n) callgate.yield() return not n and 3 or nil end do results[3] = n end
        results[4] = coroutine.wrap(function() callgate.yield() coroutine.yield(4) end)()
        return unpack(results)
    end)
    callgate.spawn(function() for _ = 1, 10 do callgate.yield() end end):join()
    local results = {task:join()}
    for i = 1, 4 do equal(results[i], i) end
end)

test("calls that block overlap", function()
    local least = math.huge
    for _ = 1, 5 do -- a busy machine may be late at some of them
        local before, tasks = now(), {}
        for i = 1, 20 do
            tasks[i] = callgate.spawn(function()
                usleep(50000)
                return i
            end)
        end
        for i, task in ipairs(tasks) do equal(task:join(), i) end
        least = math.min(least, now() - before)
    end
    assert(least < 500, ("20 calls of 50 ms took %.0f ms"):format(least))
end)

test("a task whose calls are many and short does not keep the slot from the others", function()
    local calls, over = 0, false
    local busy = callgate.spawn(function()
        while not over do
            usleep(500)
            calls = calls + 1
        end
    end)
    usleep(3000)
    local meanwhile = calls
    over = true
    busy:join()
    assert(meanwhile < 200, meanwhile .. " calls in a sleep of 3 ms")
end)

test("the main program's calls block nobody, either", function()
    local turns, over = 0, false
    local task = callgate.spawn(function()
        while not over do
            turns = turns + 1
            callgate.yield()
        end
    end)
    usleep(50000)
    over = true
    task:join()
    assert(turns > 100, turns .. " turns")
end)

test("a thousand tasks come and go, some with calls, some collected unjoined", function()
    local tasks, sum = {}, 0
    for i = 1, 1000 do
        tasks[i] = callgate.spawn(function(n)
            if n % 50 == 0 then usleep(1000) end
            callgate.yield()
            sum = sum + n
        end, i)
        if i % 2 == 0 then tasks[i] = false end
    end
    collectgarbage()
    for _, task in ipairs(tasks) do
        if task then task:join() end
    end
    while sum < 500500 do callgate.yield() end
    equal(sum, 500500)
end)

test("the collector runs in one task while others are in calls and hold garbage", function()
    for _, mode in ipairs {"generational", "incremental"} do
        if _VERSION == "Lua 5.4" then collectgarbage(mode) end
        local tasks = {}
        for i = 1, 10 do
            tasks[i] = callgate.spawn(function()
                local kept = {}
                for j = 1, 20 do
                    kept[j] = callgate.array("char", ("%d %d"):format(i, j))
                    usleep(100)
                    collectgarbage "step"
                end
                for j = 1, 20 do equal(kept[j]:string(#kept[j]), ("%d %d"):format(i, j)) end
            end)
        end
        for _ = 1, 20 do
            collectgarbage()
            callgate.yield()
        end
        for _, task in ipairs(tasks) do task:join() end
    end
end)

test("a task runs as deep as Lua allows and fails as Lua does", function()
    local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
    equal(callgate.spawn(deep, 10000):join(), 10000)
    local function gsub_in_gsub() return (("x"):gsub("x", gsub_in_gsub)) end
    local task = callgate.spawn(gsub_in_gsub)
    raises("C stack overflow", task.join, task)
    local function forever() return 1 + forever() end
    task = callgate.spawn(forever)
    raises("stack overflow", task.join, task)
end)

if coroutine.close then test("a task whose coroutine was closed has no results", function()
    local coroutine_of
    local task = callgate.spawn(function()
        coroutine_of = coroutine.running()
        error "nobody sees this"
    end)
    while not coroutine_of do callgate.yield() end
    coroutine.close(coroutine_of)
    raises("the task's results are gone", task.join, task)
end) end

test("each task has its own errno", function()
    local close, tasks = c:bind("close", "int (int)"), {}
    for i = 1, 10 do
        tasks[i] = callgate.spawn(function()
            for _ = 1, 50 do
                if i % 2 == 0 then close(-1) else usleep(1) end
                callgate.yield()
                equal(callgate.errno(), i % 2 == 0 and 9 or 0)
            end
        end)
    end
    for _, task in ipairs(tasks) do task:join() end
end)

test("callbacks may yield and block while other tasks run", function()
    local qsort = c:bind("qsort", "void (void *, size_t, size_t, int (*)(const void *, const void *))")
    local compare = callgate.callback("int (const void *, const void *)", function(a, b)
        callgate.yield()
        usleep(50)
        return a:as "int"[0] - b:as "int"[0]
    end)
    local tasks = {}
    for i = 1, 8 do
        tasks[i] = callgate.spawn(function()
            local array = callgate.array("int", {3, i, 2, 9, 1})
            qsort(array, 5, 4, compare)
            for j = 1, 4 do assert(array[j - 1] <= array[j]) end
        end)
    end
    for _, task in ipairs(tasks) do task:join() end
    compare:free()
end)

-- AddressSanitizer's allocator may have been locked by a thread that is gone in the child.
if not os.getenv "ASAN_OPTIONS" then
    test("in a forked process only the task that forked goes on", function()
        local fork, waitpid = c:bind("fork", "int ()"), c:bind("waitpid", "int (int, int *, int)")
        local sleeping = callgate.spawn(usleep, 100000)
        callgate.yield()
        io.stdout:flush()
        local child, status = fork(), callgate.array("int", 1)
        if child == 0 then
            c:bind("alarm", "unsigned (unsigned)")(20)
            raises("not in this process", sleeping.join, sleeping)
            local other = callgate.spawn(function() return usleep(1) end)
            os.exit(other:join() == 0 and 42, true)
        end
        waitpid(child, status, 0)
        equal(status[0], 42 * 256)
        sleeping:join()
    end)
end

check.finish()
