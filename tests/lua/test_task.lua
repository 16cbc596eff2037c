-- Tasks: results, errors, order, and calls that block one and not the others.

local check = require "check"
local ffi = require "callgate.ffi"
local task = require "callgate.task"
local test, equal, raises = check.test, check.equal, check.raises
local unpack = table.unpack or unpack

ffi.cdef [[
    struct moment { long seconds, nanoseconds; };
    int usleep(unsigned);
    int clock_gettime(int, struct moment *);
    int abs(int);
    int pipe(int *);
    long write(int, const void *, size_t);
    int close(int);
    struct pollfd { int fd; short events, revents; };
    int poll(struct pollfd *, unsigned long, int milliseconds);
    int fork(void);
    int waitpid(int, int *, int);
    unsigned alarm(unsigned);
    void qsort(void *, size_t, size_t, int (*)(const int *, const int *));
]]
local C = ffi.C
local usleep = C.usleep

local function now()
    local time = ffi.new "struct moment"
    C.clock_gettime(1, time)
    return ffi.tonumber(time.seconds) * 1000 + ffi.tonumber(time.nanoseconds) / 1e6
end

test("join returns what the function returned", function()
    local t = task.go(function(...) return select("#", ...), ... end, 1, nil, "three")
    local n, a, b, third = t:join()
    equal(n, 3)
    equal(a, 1)
    equal(b, nil)
    equal(third, "three")
end)

test("join raises the task's error, with its traceback where it is a string", function()
    local function fail_in_here() error "went wrong" end
    local t = task.go(function() fail_in_here() end)
    local ok, problem = pcall(t.join, t)
    equal(ok, false)
    assert(problem:find("went wrong", 1, true) and problem:find("fail_in_here", 1, true), problem)
    local object = {}
    ok, problem = pcall(function() task.go(error, object):join() end)
    equal(problem, object)
end)

test("a task has a name", function()
    local t = task.go({name = "reader"}, function() end)
    equal(t:name(), "reader")
    equal(tostring(t), ("task 'reader' (#%d)"):format(t:number()))
    t:join()
    equal(t:name(), "reader")
end)

test("a task may be joined again, and by several tasks", function()
    local over, calls = false, 0
    local slow = task.go(function()
        while not over do task.yield() end
        calls = calls + 1
        return "result", nil
    end)
    local joining = {}
    for i = 1, 3 do joining[i] = task.go(function() return select("#", slow:join()), slow:join() end) end
    task.yield()
    over = true
    for i = 1, 3 do
        local count, result = joining[i]:join()
        equal(count, 2)
        equal(result, "result")
    end
    equal(calls, 1)
    local object = {}
    local failing = task.go(error, object)
    for _ = 1, 2 do equal(select(2, pcall(failing.join, failing)), object) end
end)

test("a task that has ended is joined without a turn for others", function()
    local ended, ran = task.go(function() return "result" end), false
    equal(ended:wait(), true)
    for _ = 1, 20 do -- a busy machine may take longer than a task is let compute
        ran = false
        local other = task.go(function() ran = true end)
        for _ = 1, 3 do equal(ended:join(), "result") end
        local had_a_turn = ran
        other:join()
        equal(ran, true)
        if not had_a_turn then return end
    end
    error "others had a turn"
end)

test("a task can't join itself, or one that go did not make", function()
    local t
    t = task.go(function()
        raises("a task can't join itself", t.join, t)
        return "checked"
    end)
    equal(t:join(), "checked")
    raises("only tasks of task.go can be joined", t.join, task.self())
end)

test("go takes what can be called, and options", function()
    raises("function expected, got no value", task.go, {name = "x"})
    raises("value expected", task.go)
    raises("function expected", task.go, 1)
    raises("function expected", task.go, {name = "x"}, 1)
    raises("the stack is too small: 16 KiB is the least", task.go, {stack = 100}, print)
    raises("the option 'stack' is a number of bytes, not 'large'", task.go, {stack = "large"}, print)
    raises("the option 'stack' is a number of bytes, not '-1'", task.go, {stack = -1}, print)
    raises("the option 'name' is a string, not 'table: ", task.go, {name = {}}, print)
    local callable = setmetatable({}, {__call = function(self, ...) return self, ... end})
    local self, argument = task.go(callable, "argument"):join()
    equal(self, callable)
    equal(argument, "argument")
    equal(task.go({stack = 65536}, math.max, 1, 3, 2):join(), 3)
    equal(task.go(C.abs, -4):join(), 4)
    equal(task.go(ffi.cast("int (*)(int)", C.abs), -5):join(), 5)
end)

test("wait tells whether a task has ended, and raises no error of its", function()
    local over = false
    local t = task.go(function()
        while not over do task.sleep(0.001) end
        error "its own"
    end)
    equal(t:wait(0), false)
    equal(t:wait(0.001), false)
    over = true
    equal(t:wait(), true)
    equal(t:wait(0), true)
    raises("its own", t.join, t)
end)

test("sleep lasts as long as it says, and others go on", function()
    local before, turns, over = now(), 0, false
    local other = task.go(function()
        while not over do
            turns = turns + 1
            task.yield()
        end
    end)
    task.sleep(0.03)
    assert(now() - before >= 30)
    for _ = 1, 1000 do -- a busy machine may let nobody else run for that long
        if turns > 10 then break end
        task.sleep(0.01)
    end
    over = true
    assert(turns > 10, turns)
    other:join()
    task.sleep(0)
    raises("no less than 0", task.sleep, -1)
    raises("no less than 0", task.sleep, 0 / 0)
    raises("number expected", task.sleep)
end)

test("status and list say what each task does, and where", function()
    local channel, over = task.channel(), false
    local sleeper = task.go({name = "sleeper"}, usleep, 10000000)
    local receiver = task.go({name = "receiver"}, function() channel:receive() end)
    local ready = task.go({name = "ready"}, function() while not over do task.yield() end end)
    task.sleep(0.005)
    local function status(t) return table.concat({t:status()}, " in ") end
    equal(status(task.self()), "running")
    equal(status(sleeper), "in call in usleep")
    equal(status(receiver), "parked in receive from a channel")
    equal(status(ready), "ready")
    local found = {}
    for _, info in ipairs(task.list()) do
        if info.task then
            equal(info.name, info.task:name())
            equal(info.number, info.task:number())
            found[info.name] = ("%s %s"):format(info.status, tostring(info.where))
        end
    end
    equal(found.sleeper, "in call usleep")
    equal(found.receiver, "parked receive from a channel")
    equal(found.ready, "ready nil")
    over = true
    channel:close()
    receiver:join()
    ready:join()
    sleeper:interrupt()
    sleeper:join()
    equal((sleeper:status()), "ended")
    local failed = task.go(error)
    failed:wait()
    equal((failed:status()), "failed")
    pcall(failed.join, failed)
    for _, info in ipairs(task.list()) do assert(info.name ~= "sleeper") end
end)

test("list has a task that has yet to begin", function()
    local new, found = task.go({name = "new"}, function() end), nil
    for _, info in ipairs(task.list()) do found = found or info.task == new and info.status end
    equal(found, "ready")
    new:join()
end)

test("self is the task that asks", function()
    local t = task.go(function() return task.self(), coroutine.wrap(function() return task.self() end)() end)
    local self, in_coroutine = t:join()
    equal(self, t)
    equal(in_coroutine, t)
    assert(task.self() ~= t)
end)

test("interrupt ends a system call early, and says whether there was one", function()
    local before = now()
    local t = task.go(function() return usleep(5000000), ffi.errno() end)
    task.sleep(0.005)
    equal(t:interrupt(), true)
    local result, problem = t:join()
    equal(result, -1)
    equal(problem, 4)
    assert(now() - before < 4000)
    equal(t:interrupt(), false)
    equal(task.self():interrupt(), false)
end)

test("cancel raises an error where the task waits, once", function()
    local log = {}
    local t = task.go(function()
        for i, wait in ipairs {function() task.sleep(100) end, task.yield, function() task.channel():receive() end} do
            log[i] = select(2, pcall(wait)) or "none"
            if i == 2 then task.self():cancel {} end
        end
        return "went on"
    end)
    task.yield()
    equal(t:cancel "reason", true)
    equal(t:join(), "went on")
    equal(log[1], "reason")
    equal(log[2], "none")
    equal(type(log[3]), "table")
    equal(t:cancel(), false)
end)

test("cancel ends a join and a system call, and what has not begun does not begin", function()
    local slow = task.go(function() usleep(5000000) task.yield() end)
    local joining = task.go(slow.join, slow)
    task.sleep(0.005)
    joining:cancel()
    raises("the task was cancelled", joining.join, joining)
    slow:cancel()
    raises("the task was cancelled", slow.join, slow)
    local began = false
    local unborn = task.go(function() began = true end)
    unborn:cancel()
    raises("the task was cancelled", unborn.join, unborn)
    equal(began, false)
end)

test("a task that computes finds that it was cancelled at its next wait, even if that need not wait", function()
    local full, ended = task.channel(1), task.go(function() end)
    full:send "value"
    ended:join()
    local waits = {
        task.yield, function() task.sleep(0) end, function() task.sleep(100) end,
        function() ended:join() end, function() ended:wait() end,
        function() task.channel(1):send "value" end, function() full:receive() end, function() full() end,
        function() task.select {full} end, function() task.select {default = true} end,
    }
    for _, wait in ipairs(waits) do
        local computes = true
        local t = task.go(function()
            while computes do end
            local cancelled = {pcall(wait)}
            return cancelled[1], cancelled[2], pcall(task.yield)
        end)
        task.yield()
        equal(t:cancel "reason", true)
        equal(t:cancel "another reason", true)
        computes = false
        local went_on, reason, again = t:join()
        equal(went_on, false)
        equal(reason, "another reason")
        equal(again, true)
    end
    equal(full:receive(), "value")
end)

test("a task that is cancelled, and ends without a wait, has ended well", function()
    local computes = true
    local t = task.go(function()
        while computes do end
        return "done"
    end)
    task.yield()
    equal(t:cancel(), true)
    computes = false
    equal(t:join(), "done")
    equal(task.go(function() task.yield() return "not cancelled" end):join(), "not cancelled")
end)

test("an error's traceback is the task's, and a failure that nobody joins is reported with it", function()
    local file = assert(io.popen(os.getenv "LUA" .. [[ -e '
        local task = require "callgate.task"
        local function fails_here() error(setmetatable({}, {__tostring = function() return "an object" end})) end
        task.go({name = "failing"}, function() fails_here() end)
        task.go(function() error "not seen" end):wait()
        pcall(function() task.go(function() error "seen" end):join() end)
        task.go(function() task.sleep(100) end):cancel()
        task.yield()
        task.yield()
        collectgarbage()
    ' 2>&1]]))
    local output = file:read "*a"
    file:close()
    assert(output:find("callgate: task 'failing' (#2) failed, and nobody joined it: an object", 1, true), output)
    assert(output:find("fails_here", 1, true), output)
    assert(output:find("(#3) failed, and nobody joined it: ", 1, true), output)
    assert(not output:find("(#4)", 1, true), output)
    assert(not output:find("(#5)", 1, true), output)
end)

test("results and coroutines are freed with the task", function()
    local weak = setmetatable({}, {__mode = "k"})
    local t
    do
        local result, thread = {}
        t = task.go(function()
            thread = coroutine.running()
            weak[thread] = "coroutine"
            return result
        end)
        weak[result] = "result"
        t:wait()
    end
    collectgarbage()
    collectgarbage()
    local kinds = {}
    for _, kind in pairs(weak) do kinds[#kinds + 1] = kind end
    equal(table.concat(kinds, " "), "result")
    equal(weak[t:join()], "result")
    t = nil
    collectgarbage()
    collectgarbage()
    equal(next(weak), nil)
end)

test("tasks take turns", function()
    local order, tasks = {}, {}
    for _, letter in ipairs {"a", "b", "c"} do
        tasks[#tasks + 1] = task.go(function()
            for _ = 1, 3 do
                order[#order + 1] = letter
                task.yield()
            end
        end)
    end
    for _, t in ipairs(tasks) do t:join() end
    equal(table.concat(order), "abcabcabc")
end)

test("yield works in pcall, metamethods, iterators and coroutines", function()
    local t = task.go(function()
        local results = {}
        results[1] = select(2, pcall(function() task.yield() return 1 end))
        local value = setmetatable({}, {__index = function(_, key) task.yield() return key end})
        results[2] = value[2]
        for n in function(_, n) task.yield() return not n and 3 or nil end do results[3] = n end
        results[4] = coroutine.wrap(function() task.yield() coroutine.yield(4) end)()
        return unpack(results)
    end)
    task.go(function() for _ = 1, 10 do task.yield() end end):join()
    local results = {t:join()}
    for i = 1, 4 do equal(results[i], i) end
end)

test("calls that block overlap", function()
    local least = math.huge
    for _ = 1, 5 do -- a busy machine may be late at some of them
        local before, tasks = now(), {}
        for i = 1, 20 do
            tasks[i] = task.go(function()
                usleep(50000)
                return i
            end)
        end
        for i, t in ipairs(tasks) do equal(t:join(), i) end
        least = math.min(least, now() - before)
    end
    assert(least < 500, ("20 calls of 50 ms took %.0f ms"):format(least))
end)

test("a task whose calls are many and short does not keep the slot from the others", function()
    local calls, over = 0, false
    local busy = task.go(function()
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
    local ends = ffi.new "int[2]"
    equal(C.pipe(ends), 0)
    local t = task.go(function()
        for _ = 1, 100 do task.yield() end
        C.write(ends[1], "x", 1)
    end)
    local awaited = ffi.new("struct pollfd[1]", {{ends[0], 1}})
    equal(C.poll(awaited, 1, 10000), 1)
    t:join()
    for i = 0, 1 do C.close(ends[i]) end
end)

test("a thousand tasks come and go, some with calls, some collected unjoined", function()
    local tasks, sum = {}, 0
    for i = 1, 1000 do
        tasks[i] = task.go(function(n)
            if n % 50 == 0 then usleep(1000) end
            task.yield()
            sum = sum + n
        end, i)
        if i % 2 == 0 then tasks[i] = false end
    end
    collectgarbage()
    for _, t in ipairs(tasks) do
        if t then t:join() end
    end
    while sum < 500500 do task.yield() end
    equal(sum, 500500)
end)

test("the collector runs in one task while others are in calls and hold garbage", function()
    for _, mode in ipairs {"generational", "incremental"} do
        if _VERSION == "Lua 5.4" then collectgarbage(mode) end
        local tasks = {}
        for i = 1, 10 do
            tasks[i] = task.go(function()
                local kept = {}
                for j = 1, 20 do
                    kept[j] = ffi.new("char[?]", 10, ("%d %d"):format(i, j))
                    usleep(100)
                    collectgarbage "step"
                end
                for j = 1, 20 do equal(ffi.string(kept[j]), ("%d %d"):format(i, j)) end
            end)
        end
        for _ = 1, 20 do
            collectgarbage()
            task.yield()
        end
        for _, t in ipairs(tasks) do t:join() end
    end
end)

test("a task runs as deep as Lua allows and fails as Lua does", function()
    local function deep(n) return n == 0 and 0 or 1 + deep(n - 1) end
    equal(task.go(deep, 10000):join(), 10000)
    local function gsub_in_gsub() return (("x"):gsub("x", gsub_in_gsub)) end
    local t = task.go(gsub_in_gsub)
    raises("C stack overflow", t.join, t)
    local function forever() return 1 + forever() end
    t = task.go(forever)
    raises("stack overflow", t.join, t)
end)

test("each task has its own errno", function()
    local tasks = {}
    for i = 1, 10 do
        tasks[i] = task.go(function()
            for _ = 1, 50 do
                if i % 2 == 0 then C.close(-1) else usleep(1) end
                task.yield()
                equal(ffi.errno(), i % 2 == 0 and 9 or 0)
            end
        end)
    end
    for _, t in ipairs(tasks) do t:join() end
end)

test("a task finds its errno again, wherever it lets others run", function()
    local tasks = {}
    for i, wait in ipairs {task.yield, function() task.sleep(0.001) end, function() usleep(10) end} do
        tasks[i] = task.go(function()
            equal(ffi.errno(), 0)
            for n = 1, 20 do
                ffi.errno(100 * i + n)
                wait()
                if i < 3 then equal(ffi.errno(), 100 * i + n) end
            end
        end)
    end
    ffi.errno(7)
    for _, t in ipairs(tasks) do t:join() end
    equal(ffi.errno(), 7)
    local over = false
    local computing = task.go(function()
        ffi.errno(8)
        while not over do end
        return ffi.errno()
    end)
    task.sleep(0.001)
    over = true
    equal(computing:join(), 8)
    local lasting, other = ffi.async(usleep, 10000000), task.go(function() ffi.errno(9) end)
    ffi.errno(7)
    equal(lasting:wait(0.001), nil)
    equal(ffi.errno(), 7)
    other:join()
    lasting:cancel()
    lasting:wait()
end)

test("callbacks may yield and block while other tasks run", function()
    local compare = ffi.cast("int (*)(const int *, const int *)", function(a, b)
        task.yield()
        usleep(50)
        return a[0] - b[0]
    end)
    local tasks = {}
    for i = 1, 8 do
        tasks[i] = task.go(function()
            local array = ffi.new("int[5]", {3, i, 2, 9, 1})
            C.qsort(array, 5, 4, compare)
            for j = 1, 4 do assert(array[j - 1] <= array[j]) end
        end)
    end
    for _, t in ipairs(tasks) do t:join() end
    compare:free()
end)

-- AddressSanitizer's allocator may have been locked by a thread that is gone in the child.
if not os.getenv "ASAN_OPTIONS" then
    test("in a forked process only the task that forked goes on", function()
        local sleeping, channel = task.go(usleep, 10000000), task.channel()
        local receiver = task.go(channel.receive, channel)
        task.yield()
        io.stdout:flush()
        local child, status = C.fork(), ffi.new "int[1]"
        if child == 0 then
            C.alarm(100)
            raises("not in this process", sleeping.join, sleeping)
            equal((receiver:status()), "gone")
            equal(select(2, task.select {{send = channel, value = 1}, default = true}), "default")
            local other = task.go(function() return usleep(1) end)
            os.exit(other:join() == 0 and 42, true)
        end
        C.waitpid(child, status, 0)
        equal(status[0], 42 * 256)
        while not sleeping:interrupt() do task.yield() end
        sleeping:join()
        channel:send "here"
        equal(receiver:join(), "here")
    end)
end

check.finish()
