-- Deadlocks: the main program gets an error where nothing can wake it, and none where something can.

local check = require "check"
local ffi = require "callgate.ffi"
local task = require "callgate.task"
local test, equal, raises = check.test, check.equal, check.raises

ffi.cdef [[
    int usleep(unsigned);
    int fork(void);
    int waitpid(int, int *, int);
    unsigned alarm(unsigned);
    struct event { void *value; int signal, notify; void (*function)(void *); void *attributes; char rest[32]; };
    struct setting { long period[2], first[2]; };
    int timer_create(int clock, struct event *, void **);
    int timer_settime(void *, int, const struct setting *, void *);
    int timer_delete(void *);
    void *bsearch(const void *, const void *, size_t, size_t, int (*)(const void *, const void *));
]]
local C = ffi.C
local words = "deadlock: all tasks wait, and none can wake another"

-- What the error says of a wait that has to fail.
local function deadlock_of(f, ...)
    local ok, problem = pcall(f, ...)
    equal(ok, false)
    assert(tostring(problem):find(words, 1, true), problem)
    return problem
end

-- Has C call a function in 20 ms, on a thread of its own, which nobody knows before.
local function call_later(f)
    local callback = ffi.cast("void (*)(void *)", f)
    local event, timer = ffi.new("struct event", {notify = 2, ["function"] = callback}), ffi.new "void *[1]"
    equal(C.timer_create(1, event, timer), 0)
    equal(C.timer_settime(timer[0], 0, ffi.new("struct setting", {first = {0, 20000000}}), nil), 0)
    return callback, timer[0]
end

test("the main program alone waits for nobody: on channels, to send, in a select, in a coroutine", function()
    local channel = task.channel()
    raises(words, channel.receive, channel)
    raises(words, channel.send, channel, 1)
    raises(words, task.select, {channel, {send = task.channel(), value = 1}})
    raises(words, coroutine.wrap(function() channel:receive() end))
    raises(words, function() for _ in channel do end end)
    equal((task.select {channel, {send = channel, value = 1}, default = true}), nil)
end)

test("the error says where, who waits, and for what", function()
    local channel = task.channel()
    local reader = task.go({name = "reader"}, function() channel:receive() end)
    local joiner = task.go({name = "joiner"}, function() reader:join() end)
    local problem = deadlock_of(function() joiner:join() end)
    equal(problem:match "^[^:]*test_deadlock.lua:%d+: deadlock" ~= nil, true)
    equal(problem:match "\n.*", ("\n\t'main' (#1) waits: the end of a task, 'joiner' (#%d)"):format(joiner:number())
        .. ("\n\t'reader' (#%d) waits: receive from a channel"):format(reader:number())
        .. ("\n\t'joiner' (#%d) waits: the end of a task, 'reader' (#%d)"):format(joiner:number(), reader:number()))
    channel:close()
    joiner:join()
end)

test("it names some of many tasks", function()
    local channel, tasks = task.channel(), {}
    for i = 1, 40 do tasks[i] = task.go(function() channel:receive() end) end
    local _, lines = deadlock_of(tasks[1].join, tasks[1]):gsub("\n\t'", "")
    equal(lines, 16)
    assert(deadlock_of(tasks[1].wait, tasks[1]):find("\n\tand 25 more", 1, true))
    channel:close()
    for i = 1, 40 do tasks[i]:join() end
end)

test("the main program that waits hears of it: when another comes to wait, and when the last one ends", function()
    local channel, other = task.channel(), task.channel()
    local late = task.go(function()
        for _ = 1, 10 do task.yield() end
        task.sleep(0.005)
        other:receive()
    end)
    raises(words, channel.receive, channel)
    other:close()
    late:join()
    task.go(function()
        for i = 1, 3 do channel:send(i) end
        task.sleep(0.005)
    end)
    local sum = 0
    raises(words, function() for value in channel do sum = sum + value end end)
    equal(sum, 6)
end)

test("a task that is woken, or cancelled, waits no more", function()
    local jobs, results, tasks = task.channel(), task.channel(), {}
    for i = 1, 10 do
        tasks[i] = task.go(function()
            for job in jobs do results:send(job) end
            return "done"
        end)
    end
    for _ = 1, 3 do task.yield() end
    for round = 1, 20 do
        for i = 1, 10 do jobs:send(i) end
        for _ = 1, 10 do results:receive() end
        raises(words, results.receive, results)
        equal((task.select {results, {send = jobs, value = round}}), 2)
        equal(results:receive(), round)
    end
    tasks[1]:cancel "enough"
    raises("enough", tasks[1].join, tasks[1])
    jobs:close()
    for i = 2, 10 do equal(tasks[i]:join(), "done") end
    raises(words, results.receive, results)
end)

test("a task that only main can wake is not hurt by the error", function()
    local channel = task.channel()
    local receiver = task.go(function() return channel:receive() end)
    for _ = 1, 3 do raises(words, receiver.join, receiver) end
    channel:send "value"
    equal(receiver:join(), "value")
end)

test("it is none while a task sleeps, is in C, waits for a call or for a set time", function()
    local channel = task.channel()
    local waits = {
        function() task.sleep(0.01) end,
        function() C.usleep(10000) end,
        function() ffi.async(C.usleep, 10000):wait() end,
        function() task.select {task.channel(), timeout = 0.01} end,
        function() task.go(task.sleep, 0.01):join() end,
        function() task.go(task.sleep, 100):wait(0.01) end,
    }
    for i, wait in ipairs(waits) do
        local stuck = task.go(function() return channel:receive() end)
        local waiting = task.go(function() wait() channel:send(i) end)
        equal(stuck:join(), i)
        waiting:join()
    end
    for _, info in ipairs(task.list()) do
        if info.status == "parked" then
            info.task:cancel()
            info.task:wait()
        end
    end
end)

test("the main program's own sleeps, times and calls are none", function()
    local channel = task.channel()
    local forever = [[timeout 3 $LUA -e 'local task = require "callgate.task"; print "sleeps"; io.stdout:flush(); task.sleep(math.huge)' 2>&1
        echo ended with $?]]
    equal(io.popen(forever):read "*a", "sleeps\nended with 124\n")
    task.sleep(0.005)
    equal(select(2, task.select {channel, timeout = 0.005}), "timeout")
    equal(ffi.async(C.usleep, 5000):wait(), 0)
    local stuck = task.go(function() return channel:receive() end)
    equal(stuck:wait(0.005), false)
    equal(ffi.async(C.usleep, 5000):wait(), 0)
    channel:send(1)
    stuck:join()
end)

test("it is none while C may call back on a thread that nobody knows, nor while that thread is in the callback", function()
    local channel = task.channel()
    local callback, timer = call_later(function()
        C.usleep(10000)
        channel:send "from a thread"
    end)
    local stuck = task.go(function() return channel:receive() end)
    equal(stuck:join(), "from a thread")
    C.timer_delete(timer)
    callback:free()
    raises(words, channel.receive, channel)
end)

test("a callback that was freed wakes nobody, and neither does a thread that has ended", function()
    local channel, callback, timer = task.channel()
    callback, timer = call_later(function()
        callback:free()
        channel:send "the only one"
        C.usleep(10000)
    end)
    equal(channel:receive(), "the only one")
    raises(words, channel.receive, channel)
    C.timer_delete(timer)
end)

test("a call of C's that runs on is a reason to wait: it may call back", function()
    local channel, other, compare = task.channel(), task.channel()
    compare = ffi.cast("int (*)(const void *, const void *)", function()
        compare:free()
        C.usleep(20000)
        channel:send "from a call"
        return 0
    end)
    local call = ffi.async(C.bsearch, "x", "x", 1, 1, compare)
    local late = task.go(function()
        task.sleep(0.01)
        other:receive()
    end)
    equal(channel:receive(), "from a call")
    call:wait()
    raises(words, channel.receive, channel)
    other:close()
    late:join()
end)

-- AddressSanitizer's allocator may have been locked by a thread that is gone in the child.
if not os.getenv "ASAN_OPTIONS" then
    test("in a forked process it names none of those that were left behind", function()
        local channel, left = task.channel(), {}
        for i = 1, 20 do left[i] = task.go(function() channel:receive() end) end
        task.yield()
        io.stdout:flush()
        local child, status = C.fork(), ffi.new "int[1]"
        if child == 0 then
            C.alarm(100)
            local own = task.go({name = "own"}, function() task.channel():receive() end)
            local problem = deadlock_of(own.join, own)
            local wanted = ("\n\t'main' (#1) waits: the end of a task, 'own' (#%d)"):format(own:number())
                .. ("\n\t'own' (#%d) waits: receive from a channel"):format(own:number())
            os.exit(problem:match "\n.*" == wanted and 42 or 1)
        end
        C.waitpid(child, status, 0)
        equal(status[0], 42 * 256)
        channel:close()
        for _, t in ipairs(left) do t:join() end
    end)
end

check.finish()
