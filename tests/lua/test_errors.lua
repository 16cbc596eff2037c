-- Misuse of tasks, and what a program that ends badly says.

local check = require "check"
local callgate = require "callgate"
local test, equal, raises = check.test, check.equal, check.raises

test("a task is joined once", function()
    local task = callgate.spawn(function() end)
    task:join()
    raises("the task has been joined before", task.join, task)
end)

test("a task can't join itself", function()
    local task
    task = callgate.spawn(function()
        raises("a task can't join itself", task.join, task)
        return "checked"
    end)
    equal(task:join(), "checked")
end)

test("two tasks can't join one", function()
    local over = false
    local slow = callgate.spawn(function() while not over do callgate.yield() end end)
    local first = callgate.spawn(function() slow:join() end)
    callgate.yield()
    raises("another task is joining this one", slow.join, slow)
    over = true
    first:join()
end)

test("spawn takes a function", function()
    raises("function expected, got no value", callgate.spawn)
    raises("function expected", callgate.spawn, 1)
    raises("function expected", callgate.spawn, {name = "x"}, 1)
    raises("function expected", callgate.callback, "int (int)", 1)
end)

-- Runs a program in a lua5.4 of its own, and returns what it printed and whether it ended well.
local function run(program, environment)
    local path = os.tmpname()
    local file = assert(io.open(path, "w"))
    file:write(program)
    file:close()
    local pipe = assert(io.popen((environment or "") .. " lua5.4 " .. path .. " 2>&1"))
    local output = pipe:read "a"
    local ok = pipe:close()
    os.remove(path)
    return output, ok
end

test("a state that closes with tasks left says how many and where they are", function()
    local output, ok = run([[
        local callgate = require "callgate"
        local usleep = callgate.open "libc.so.6":bind("usleep", "int (unsigned)")
        local asleep
        callgate.spawn({name = "sleeper"}, function()
            asleep = true
            usleep(10000000)
        end)
        callgate.spawn({name = "waiter"}, function() while true do callgate.yield() end end)
        while not asleep do callgate.yield() end
    ]], "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0") -- abandoned tasks keep what they use
    assert(ok, output)
    assert(output:find("callgate: the Lua state closes, but 2 tasks are left", 1, true), output)
    assert(output:find("'sleeper' (#2) in a call of usleep", 1, true), output)
    assert(output:find("'waiter' (#3) ready", 1, true), output)
end)

test("a task that another joins may be left, too", function()
    local output, ok = run([[
        local callgate = require "callgate"
        local usleep = callgate.open "libc.so.6":bind("usleep", "int (unsigned)")
        local sleeper = callgate.spawn({name = "sleeper"}, function() usleep(10000000) end)
        callgate.spawn({name = "joiner"}, function() sleeper:join() end)
        usleep(20000)
    ]], "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0")
    assert(ok, output)
    assert(output:find("2 tasks are left", 1, true), output)
end)

test("a program may end in a task or a callback", function()
    local output, ok = run([[
        local callgate = require "callgate"
        callgate.spawn(function() os.exit(true, true) end):join()
    ]], "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0")
    assert(ok, output)
    output, ok = run([[
        local callgate = require "callgate"
        local raise = callgate.open "libc.so.6":bind("bsearch",
            "void *(const void *, const void *, size_t, size_t, int (*)(const void *, const void *))")
        raise("a", "a", 1, 1, callgate.callback("int (const void *, const void *)", function()
            os.exit(true, true)
        end))
    ]], "ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0")
    assert(ok, output)
    assert(output:find("the Lua state closes, but from inside a callback", 1, true), output)
end)

test("finalizers may call C while the state closes; those older than the module are refused", function()
    local output, ok = run [[
        local callgate, labs
        older = setmetatable({}, {__gc = function()
            print(select(2, pcall(labs, -1)))
            print(select(2, pcall(callgate.spawn, print)))
        end})
        callgate = require "callgate"
        younger = setmetatable({}, {__gc = function() print(labs(-42)) end})
        labs = callgate.open "libc.so.6":bind("labs", "long (long)")
    ]]
    assert(ok, output)
    assert(output:find("^42\n'labs' can't be called.-\ncallgate has stopped"), output)
end)

test("a failure that nobody joins is reported", function()
    local output, ok = run [[
        local callgate = require "callgate"
        callgate.spawn(function() error "unseen" end)
        callgate.yield()
        collectgarbage()
    ]]
    assert(ok, output)
    assert(output:find("callgate: task 'task' failed, and nobody joined it: .*unseen"), output)
end)

test("a state that closes with none says nothing", function()
    local output, ok = run [[
        local callgate = require "callgate"
        local c = callgate.open "libc.so.6"
        local kept = callgate.callback("int (int)", function(x) return x end)
        for i = 1, 10 do callgate.spawn(function() c:bind("abs", "int (int)")(i) end):join() end
    ]]
    assert(ok, output)
    equal(output, "")
end)

test("the module may be loaded twice in one state", function()
    package.loaded.callgate = nil
    local again = require "callgate"
    collectgarbage()
    equal(again.spawn(function() return 1 end):join(), 1)
    equal(callgate.spawn(function() return 2 end):join(), 2)
end)

test("a second state on the same thread is refused, and the first goes on", function()
    local l = callgate.open "liblua5.4.so.0"
    local newstate = l:bind("luaL_newstate", "struct lua_State *(void)")
    local openlibs = l:bind("luaL_openlibs", "void (struct lua_State *)")
    local load = l:bind("luaL_loadstring", "int (struct lua_State *, const char *)")
    local pcallk = l:bind("lua_pcallk", "int (struct lua_State *, int, int, int, intptr_t, void *)")
    local tolstring = l:bind("lua_tolstring", "const char *(struct lua_State *, int, size_t *)")
    local close = l:bind("lua_close", "void (struct lua_State *)")
    local state = newstate()
    openlibs(state)
    equal(load(state, 'require "callgate"'), 0)
    equal(pcallk(state, 0, 0, 0, 0, nil), 2)
    local words = tolstring(state, -1, nil)
    assert(words:find("callgate can't start: this thread already belongs to a runtime", 1, true), words)
    close(state)
    equal(callgate.spawn(function() return 1 end):join(), 1)
end)

check.finish()
