-- The host: what a state with our modules says and frees when it begins and ends, in each version of Lua.

local check = require "check"
local ffi = require "callgate.ffi"
local task = require "callgate.task"
local test, equal = check.test, check.equal

local lua = os.getenv "LUA"
local version = _VERSION:match "%d%.%d"

-- Runs a program in a Lua of its own, and returns what it printed and whether it ended well.
local function run(program, environment)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(program)
    file:close()
    local pipe = assert(io.popen(("%s %s %s 2>&1; echo status=$?"):format(environment or "", lua, path)))
    local output = pipe:read "*a"
    pipe:close()
    os.remove(path)
    local printed, status = output:match "^(.*)status=(%d+)\n$"
    return printed, status == "0"
end

local function says(words, program, environment)
    local output, ok = run(program, environment)
    assert(ok, output)
    assert(output:find(words, 1, true), output)
    return output
end

test("any of the modules may be the first, and none needs another", function()
    says("3", [[print(require "callgate.task".go(function() return 3 end):join())]])
    says("4", [[
        local ffi = require "callgate.ffi"
        ffi.cdef "int abs(int);"
        print(ffi.C.abs(-4))
    ]])
    says("5", [[
        local ffi, task = require "callgate.ffi", require "callgate.task"
        ffi.cdef "int abs(int);"
        print(task.go(ffi.C.abs, -5):join())
    ]])
    says("6", [[print(require "callgate.bit".bor(2, 4))]])
end)

test("the module that has no other's name is a table of them, each loaded when it is asked for", function()
    says("nil\ttrue\ttrue\ttrue\ttrue\tnil", [[
        local callgate = require "callgate"
        local function is_same(name) return callgate[name] == require("callgate." .. name) end
        local luajit = tostring(package.loaded["callgate.luajit"])
        print(luajit, is_same "task", is_same "ffi", is_same "bit", is_same "luajit", callgate.jit)
    ]])
    says("callgate\ttrue", [[
        local callgate = require "callgate"
        local task = callgate.task
        for name, module in pairs(callgate) do print("callgate", name == "task" and module == task) end
    ]])
end)

test("a state that closes with tasks left says which, and ends those that sleep, wait, compute or are in a system call",
function()
    local output = says("callgate: the Lua state closes, but 4 tasks are left: ", [[
        local ffi, task = require "callgate.ffi", require "callgate.task"
        ffi.cdef "int usleep(unsigned);"
        kept = task.channel()
        local function told(name, f)
            return task.go({name = name}, function() print(name, pcall(f)) error "after" end)
        end
        local caller = told("caller", function() ffi.C.usleep(100000000) task.yield() end)
        local sleeper = told("sleeper", function() task.sleep(100) end)
        local receiver = told("receiver", function() kept:receive() end)
        told("computer", function() while true do end end)
        repeat task.sleep(0.05)
        until caller:status() == "in call" and sleeper:status() == "parked" and receiver:status() == "parked"
    ]])
    assert(output:find("'caller' %(#%d+%) in a call of usleep"), output)
    assert(output:find("'receiver' %(#%d+%) parked: receive from a channel"), output)
    for _, name in ipairs {"caller", "sleeper", "receiver", "computer"} do
        assert(output:find(name .. "\tfalse\t.-the task is ended"), output)
    end
    assert(not output:find "nobody joined", output)
    assert(not output:find "what can't be ended", output)
end)

test("a state that closes ends calls that nobody waits for, and waits for them", function()
    local output = says("2 tasks are left", [[
        local ffi, task = require "callgate.ffi", require "callgate.task"
        ffi.cdef "int usleep(unsigned);"
        local future = ffi.async(ffi.C.usleep, 100000000)
        local waiting = task.go(function() print("waiting", pcall(future.wait, future)) end)
        repeat task.sleep(0.02) until waiting:status() == "parked"
    ]])
    assert(output:find "waiting\tfalse\t", output)
    assert(not output:find "what can't be ended", output)
    output = says("2 tasks are left", [[
        local ffi, task = require "callgate.ffi", require "callgate.task"
        ffi.cdef "int usleep(unsigned);"
        local future
        local waiting = task.go(function()
            while not future do task.yield() end
            print("waiting", pcall(future.wait, future))
        end)
        future = ffi.async(ffi.C.usleep, 100000000) -- and so it is finalized before the task has ended
        repeat task.sleep(0.02) until waiting:status() == "parked"
    ]])
    assert(output:find "waiting\tfalse\t", output)
    assert(not output:find "what can't be ended", output)
end)

test("a task that catches what ends it is ended all the same", function()
    local output = says("1 task is left", [[
        local task = require "callgate.task"
        task.go(function() while true do pcall(task.sleep, 100) end end)
        task.yield()
    ]])
    assert(not output:find "what can't be ended", output)
end)

test("a task that is ended makes no new ones", function()
    says("no new tasks: the Lua state closes", [[
        local task = require "callgate.task"
        task.go(function()
            pcall(task.sleep, 100)
            print(pcall(task.go, print))
        end)
        task.yield()
    ]])
end)

test("a task that could not be made is none of those that are left", function()
    local output = says("1 task is left", [[
        local task = require "callgate.task"
        print(pcall(task.go, {stack = 100}, print))
        task.go(task.sleep, 100)
        task.yield()
    ]])
    assert(output:find "the stack is too small", output)
end)

test("what a task uses is finalized when the task has ended", function()
    local output = says("1 task is left", [[
        local ffi, task = require "callgate.ffi", require "callgate.task"
        ffi.cdef "int usleep(unsigned);"
        local function finalized() print "finalized" end
        local sleeper = task.go(function()
            local used = ffi.gc(ffi.new "int[1]", finalized)
            ffi.C.usleep(100000000)
            print("ended", used[0])
        end)
        repeat task.sleep(0.01) until sleeper:status() == "in call"
    ]])
    assert(output:find "ended\t0.*finalized", output)
    output = says("1 task is left", [[
        local ffi, task = require "callgate.ffi", require "callgate.task"
        local used = ffi.gc(ffi.new "int[1]", function() print "finalized" end)
        task.go(function()
            pcall(task.select, {task.channel()}) -- nobody can wake it
            print("ended", used[0])
        end)
        task.yield()
    ]])
    assert(output:find "ended\t0.*finalized", output)
end)

test("a call that can't be ended is left, with a word", function()
    says("what can't be ended is left, with what it uses: 1 task is left: 'locker' (#2) in a call of pthread_mutex_lock", [[
        local ffi, task = require "callgate.ffi", require "callgate.task"
        ffi.cdef "int pthread_mutex_lock(void *);"
        local lock, mutex = ffi.C.pthread_mutex_lock, ffi.new "long[8]"
        lock(mutex)
        local locker = task.go({name = "locker"}, function() lock(mutex) end)
        repeat task.sleep(0.01) until locker:status() == "in call"
    ]], "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0")
end)

test("a task that was to begin does not when the state closes", function()
    local output = says("2 tasks are left", [[
        local task = require "callgate.task"
        task.go(function() print "began" while true do end end)
        task.go(function() print "began too" end)
    ]])
    assert(not output:find "began", output)
end)

test("what is kept is freed when tasks were left, too", function()
    says("1 task is left", [[
        local ffi, task = require "callgate.ffi", require "callgate.task"
        local kept = ffi.cast("int (*)(int)", function() return 1 end)
        task.go(function() task.channel():receive() end)
        task.yield()
    ]])
end)

if version ~= "5.1" then -- where os.exit closes no state
    test("a program may end in a task or a callback", function()
        local output, ok = run([[
            local task = require "callgate.task"
            task.go(function() os.exit(true, true) end):join()
        ]], "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0")
        assert(ok, output)
        assert(not output:find "what can't be ended", output)
        output = says("the Lua state closes, but from inside a callback", [[
            local ffi, task = require "callgate.ffi", require "callgate.task"
            ffi.cdef "void *bsearch(const void *, const void *, size_t, size_t, int (*)(const void *, const void *));"
            task.go(task.sleep, 100)
            task.yield()
            ffi.C.bsearch("a", "a", 1, 1, function() os.exit(true, true) end)
        ]], "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0")
        equal(output, "callgate: the Lua state closes, but from inside a callback\n")
    end)
end

test("finalizers may use tasks while the state closes; those older than the host are refused", function()
    local output = says("younger\tdone", [[
        local task
        local function finalized(f)
            local proxy
            if newproxy then
                proxy = newproxy(true)
                getmetatable(proxy).__gc = f
            else
                proxy = setmetatable({}, {__gc = f})
            end
            return proxy
        end
        older = finalized(function() print("older", pcall(task.go, print)) end)
        task = require "callgate.task"
        younger = finalized(function() print("younger", task.go(function() task.yield() return "done" end):join()) end)
    ]])
    assert(output:find("older\tfalse\tcallgate has stopped: the Lua state closes", 1, true), output)
end)

-- For what is required behind it, report is a finalizer that is older.
local finalize_last = [[
    local function finalize_last(report)
        if newproxy then
            older = newproxy(true)
            getmetatable(older).__gc = report
        else
            older = setmetatable({}, {__gc = report})
        end
    end
]]

test("finalizers older than the host are refused functions of the ffi's, whether they were called before or not", function()
    local output = says("done", finalize_last .. [[
        local ffi
        local function refused(name, ...)
            print(name, pcall(ffi.C[name], ...))
        end
        local function report()
            refused("abs", -1) refused("labs", -1) refused("atoi", "1") refused("memcmp", "a", "b", 1)
            refused("printf", "%s%s%d", "a", nil, 1)
        end
        finalize_last(report)
        ffi = require "callgate.ffi"
        ffi.cdef "int abs(int); long labs(long); int atoi(const char *); int printf(const char *, ...);"
        ffi.cdef "int memcmp(const void *, const void *, size_t);"
        local C = ffi.C
        C.abs(-1) C.memcmp("a", "b", 1) C.printf("")
        local _ = C.labs, C.atoi
        print "done"
    ]])
    for _, name in ipairs {"abs", "labs", "atoi", "memcmp", "printf"} do
        assert(output:find(name .. "\tfalse\t[^\n]*the Lua state closes"), output)
    end
end)

test("finalizers older than the host are refused the callbacks, which are gone", function()
    local output = says("done", finalize_last .. [[
        local callback
        local function report()
            print("freed", pcall(function() callback:free() end))
            print("set", pcall(function() callback:set(print) end))
        end
        finalize_last(report)
        local ffi = require "callgate.ffi"
        local function make() return ffi.cast("int (*)(int)", function() return 0 end) end
        for _ = 1, 300 do make():free() end -- more than are remembered
        callback = make()
        print "done"
    ]])
    for _, name in ipairs {"freed", "set"} do
        assert(output:find(name .. "\tfalse\t[^\n]*the Lua state closes"), output)
    end
end)

test("what a call that is left may use stays, as do the callbacks that come meanwhile", function()
    local output = says("what can't be ended is left", finalize_last .. [[
        finalize_last(function() os.execute "sleep 1" end) -- in which C calls back
        local ffi, task = require "callgate.ffi", require "callgate.task"
        ffi.cdef "struct event { void *value; int signal, notify; void (*function)(void *); void *attributes; char rest[32]; };"
        ffi.cdef "struct setting { long period[2], first[2]; };"
        ffi.cdef "int timer_create(int clock, struct event *, void **);"
        ffi.cdef "int timer_settime(void *, int, const struct setting *, void *);"
        ffi.cdef "int pthread_mutex_lock(void *);"
        local lock, mutex = ffi.C.pthread_mutex_lock, ffi.new "long[8]"
        lock(mutex)
        local locker = task.go(lock, mutex)
        repeat task.sleep(0.01) until locker:status() == "in call"
        local callback = ffi.cast("void (*)(void *)", function() print "called" end)
        local event, timer = ffi.new("struct event", {notify = 2, ["function"] = callback}), ffi.new "void *[1]"
        ffi.C.timer_create(1, event, timer)
        ffi.C.timer_settime(timer[0], 0, ffi.new("struct setting", {first = {1, 0}}), nil)
    ]], "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0")
    assert(not output:find "called", output)
end)

-- AddressSanitizer has more address space than can be taken away.
if not os.getenv "ASAN_OPTIONS" then
    test("a task or a call that finds no memory for its stack is an error, and later ones are not", function()
        says("done", [[
            local ffi, task = require "callgate.ffi", require "callgate.task"
            ffi.cdef "struct limit { unsigned long now, most; }; int setrlimit(int, const struct limit *); int abs(int);"
            local set, abs, most, file = ffi.C.setrlimit, ffi.C.abs, ffi.new("uint64_t", -1), io.open "/proc/self/statm"
            local size = file:read "*n" * 4096
            file:close()
            set(9, ffi.new("struct limit", size + 1000000, most))
            local called, no_call = pcall(ffi.async, abs, -1)
            local made, no_task = pcall(task.go, print)
            set(9, ffi.new("struct limit", most, most))
            assert(not called and no_call:find "no memory for 1 asynchronous call", no_call)
            assert(not made and no_task:find "no memory for a task's stack", no_task)
            for i = 1, 10 do assert(ffi.async(abs, -i):wait() == i) end
            assert(task.go(abs, -3):join() == 3)
            print "done"
        ]])
    end)
end

test("a state that closes with none left says nothing", function()
    local output, ok = run [[
        local ffi, task = require "callgate.ffi", require "callgate.task"
        ffi.cdef "int abs(int);"
        local kept = ffi.cast("int (*)(int)", function(x) return x end)
        local waiting = {}
        for i = 1, 10 do task.go(function() ffi.C.abs(i) end):join() end
    ]]
    assert(ok, output)
    equal(output, "")
end)

-- The tasks are the other process'. AddressSanitizer's allocator may have been locked by a thread that is gone in the child.
if version ~= "5.1" and not os.getenv "ASAN_OPTIONS" then
    test("a state that closes in a forked process says nothing of tasks that are not there", function()
        local output, ok = run [[
            local ffi, task = require "callgate.ffi", require "callgate.task"
            ffi.cdef "int fork(void); int waitpid(int, int *, int); unsigned alarm(unsigned);"
            local waiting, channel = nil, task.channel()
            waiting = task.go(channel.receive, channel)
            task.yield()
            local child, status = ffi.C.fork(), ffi.new "int[1]"
            ffi.C.alarm(100)
            if child == 0 then os.exit(7, true) end
            ffi.C.waitpid(child, status, 0)
            print(status[0] / 256 == 7)
            io.stdout:flush()
            child = ffi.C.fork()
            if child == 0 then
                local used = ffi.gc(ffi.new "int[1]", function() print "finalized" end)
                task.go(function()
                    local ok = pcall(channel.receive, task.channel())
                    print("ended", ok, used[0])
                end)
                task.yield()
                os.exit(7, true)
            end
            ffi.C.waitpid(child, status, 0)
            channel:send "here"
            print(waiting:join(), status[0] / 256 == 7)
        ]]
        assert(ok, output)
        local words = "^true\ncallgate: the Lua state closes, but 1 task is left: [^\n]*\nended\tfalse\t0\nfinalized\nhere\ttrue\n$"
        assert(output:find(words), output)
    end)
end

test("the modules may be loaded twice in one state", function()
    package.loaded["callgate.ffi"], package.loaded["callgate.task"] = nil, nil
    local again, tasks_again = require "callgate.ffi", require "callgate.task"
    collectgarbage()
    equal(again.new("int", 1), again.cast("int", 1))
    equal(tasks_again.go(function() return 2 end):join(), 2)
    equal(task.go(function() return 3 end):join(), 3)
end)

test("a second state on the same thread is refused, and the first goes on", function()
    ffi.cdef [[
        struct lua_State *luaL_newstate(void);
        void luaL_openlibs(struct lua_State *);
        int luaL_loadstring(struct lua_State *, const char *);
        int lua_pcall(struct lua_State *, int, int, int);
        int lua_pcallk(struct lua_State *, int, int, int, intptr_t, void *);
        const char *lua_tolstring(struct lua_State *, int, size_t *);
        void lua_close(struct lua_State *);
    ]]
    local l = ffi.C
    local state = l.luaL_newstate()
    l.luaL_openlibs(state)
    equal(l.luaL_loadstring(state, 'require "callgate.task"'), 0)
    equal(version == "5.1" and l.lua_pcall(state, 0, 0, 0) or l.lua_pcallk(state, 0, 0, 0, 0, nil), 2)
    local words = ffi.string(l.lua_tolstring(state, -1, nil))
    assert(words:find("callgate can't start: this thread already belongs to a runtime", 1, true), words)
    l.lua_close(state)
    equal(task.go(function() return 1 end):join(), 1)
end)

test("a program without tasks has its signals to itself", function()
    says("waits for it", [[
        local ffi = require "callgate.ffi"
        ffi.cdef [=[
            typedef struct { unsigned long words[16]; } sigset_t;
            int sigemptyset(sigset_t *);
            int sigaddset(sigset_t *, int);
            int sigismember(const sigset_t *, int);
            int sigpending(sigset_t *);
            int pthread_sigmask(int how, const sigset_t *, sigset_t *);
            int kill(int, int);
            int getpid(void);
            int usleep(unsigned);
        ]=]
        local C, SIG_BLOCK, SIGTERM, set = ffi.C, 0, 15, ffi.new "sigset_t"
        C.usleep(5000)
        C.sigemptyset(set)
        C.sigaddset(set, SIGTERM)
        C.pthread_sigmask(SIG_BLOCK, set, nil)
        C.kill(C.getpid(), SIGTERM)
        C.usleep(5000)
        C.sigpending(set)
        print(C.sigismember(set, SIGTERM) == 1 and "it waits for it")
    ]])
end)

-- Threads of C's own

ffi.cdef [[
    int pthread_create(unsigned long *, const void *, void *(*)(void *), void *);
    int pthread_join(unsigned long, void **);
]]

-- Starts a thread that calls body, a callback, and returns its number.
local function start(body)
    local thread = ffi.new "unsigned long[1]"
    equal(ffi.C.pthread_create(thread, nil, body, nil), 0)
    return thread[0]
end

local function join(thread)
    equal(ffi.C.pthread_join(thread, nil), 0)
end

test("a callback on a thread of C's own is a task of the state, on a coroutine of its own", function()
    local seen, there, leave = {}, task.channel(2), task.channel()
    local body = ffi.cast("void *(*)(void *)", function()
        local self = task.self()
        seen[#seen + 1] = self
        assert(coroutine.running() and not seen[coroutine.running()])
        seen[coroutine.running()] = true
        task.yield()
        there:send(self:number())
        leave:receive()
    end)
    local threads = {}
    for i = 1, 2 do threads[i] = start(body) end
    local first, second = there:receive(), there:receive()
    local listed = {}
    for _, info in ipairs(task.list()) do listed[info.number] = info.task end
    assert(listed[first] and listed[second] and first ~= second)
    leave:close()
    for i = 1, 2 do join(threads[i]) end
    body:free()
    check.raises("only tasks of task.go can be joined", seen[1].join, seen[1])
    local weak = setmetatable(seen, {__mode = "kv"})
    listed = nil
    collectgarbage()
    collectgarbage()
    equal(next(weak), nil)
    for _, info in ipairs(task.list()) do assert(info.number ~= first and info.number ~= second) end
end)

test("channels lead from threads of C's own to tasks and back", function()
    local questions, answers, got = task.channel(), task.channel(), nil
    local body = ffi.cast("void *(*)(void *)", function()
        questions:send(20)
        got = answers:receive()
    end)
    local answering = task.go(function() answers:send(questions:receive() + 1) end)
    join(start(body))
    answering:join()
    body:free()
    equal(got, 21)
end)

test("a thread of C's own that waits for what may never come is kept, unlike a task, and may be cancelled", function()
    local problem
    local body = ffi.cast("void *(*)(void *)", function()
        problem = select(2, pcall(function() task.channel():receive() end))
    end)
    local thread, waiting = start(body), nil
    while not waiting do
        task.yield()
        for _, info in ipairs(task.list()) do
            if info.where == "receive from a channel" then waiting = info.number end
        end
    end
    for _ = 1, 3 do collectgarbage() end
    for _, info in ipairs(task.list()) do
        if info.number == waiting then info.task:cancel "enough" end
    end
    join(thread)
    body:free()
    equal(problem, "enough")
end)

test("what callbacks fail with on a thread of C's own is not kept there", function()
    says("3 callbacks, kept 0", [[
        local ffi = require "callgate.ffi"
        ffi.cdef "typedef long write_t(void *, const char *, size_t);"
        ffi.cdef "struct cookie { void *read; write_t *write; void *seek, *close; };"
        ffi.cdef "void *fopencookie(void *, const char *, struct cookie); int fputs(const char *, void *);"
        ffi.cdef "int fflush(void *); int pthread_join(unsigned long, void **);"
        ffi.cdef "int pthread_create(unsigned long *, const void *, int (*)(void *), void *);"
        local weak, calls, kept = setmetatable({}, {__mode = "k"}), 0, 0
        local write = ffi.cast("write_t *", function(_, _, size)
            calls = calls + 1
            collectgarbage()
            collectgarbage()
            for _ in pairs(weak) do kept = kept + 1 end
            local problem = {}
            weak[problem] = true
            error(problem)
        end)
        for _ = 1, 3 do ffi.C.fputs("text", ffi.C.fopencookie(nil, "w", {write = write})) end
        local thread = ffi.new "unsigned long[1]"
        ffi.C.pthread_create(thread, nil, ffi.C.fflush, nil)
        ffi.C.pthread_join(thread[0], nil)
        print(calls .. " callbacks, kept " .. kept)
        io.stdout:flush()
        os.exit(0)
    ]])
end)

-- Hooks

test("Lua code that computes gives way to other tasks, also where it makes coroutines", function()
    local function compute(turns)
        local over = false
        local computing = {}
        computing[1] = task.go(function() while not over do end end)
        computing[2] = task.go(function() coroutine.wrap(function() while not over do end end)() end)
        for _ = 1, turns do task.sleep(0.001) end
        over = true
        for i = 1, 2 do computing[i]:join() end
    end
    compute(3)
end)

test("the main program gives way as well", function()
    local over = false
    task.go(function() task.sleep(0.001) over = true end)
    while not over do end
end)

test("the main program has no hook when it is alone", function()
    local over, t = false, nil
    local function hook() return (debug.gethook()) end
    for _ = 1, 10000 do end
    equal(hook(), nil)
    t = task.go(function() while not over do task.yield() end end)
    for _ = 1, 10000 do end
    equal(hook(), "external hook")
    over = true
    t:join()
    for _ = 1, 10000 do end
    equal(hook(), nil)
end)

test("a script's own hook takes the place of ours, in its coroutine", function()
    local lines = 0
    local hooked = task.go(function()
        debug.sethook(function() lines = lines + 1 end, "l")
        local a = 1
        a = a + 1
        debug.sethook()
        return a
    end)
    equal(hooked:join(), 2)
    assert(lines >= 3, lines)
    debug.sethook(function() end, "", 1000000)
    local function mine() return (debug.gethook()) end
    local before = mine()
    task.go(function() end):join()
    equal(mine(), before)
    debug.sethook()
end)

check.finish()
