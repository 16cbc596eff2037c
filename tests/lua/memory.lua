-- What memory.c runs: a piece of each module, in which there is no memory for something, and a look at whether all works
-- behind it. Nothing in the first waits for what may never come.
--
-- SPDX-License-Identifier: MIT

local thread -- of C's own, which calls back

local function use()
    local ffi, task = require "callgate.ffi", require "callgate.task"
    local bit = require "callgate.bit"
    local C = ffi.C
    ffi.cdef [[
        struct memory_member { int n; char text[?]; };
        typedef struct { double x, y; } memory_pair;
        typedef int memory_compare(const int *, const int *);
        int abs(int);
        int usleep(unsigned);
        void qsort(void *, size_t, size_t, memory_compare *);
        int snprintf(char *, size_t, const char *, ...);
        int pthread_create(unsigned long *, const void *, void *(*)(void *), void *);
        int pthread_join(unsigned long, void **);
    ]]

    local list, buffer = ffi.new("int[5]", {3, 1, 2, 5, 4}), ffi.new "char[32]"
    C.qsort(list, 5, 4, function(a, b) return a[0] - b[0] end)
    local callback = ffi.cast("int (*)(int)", function(x) return C.abs(x) + 1 end)
    callback(-3)
    callback:free()
    C.snprintf(buffer, 32, "%s %d", "text", ffi.new("int", 4))
    local pair = ffi.metatype("memory_pair", {__gc = function() end, __index = {size = 2}})
    local value = pair(1, 2)
    local member = ffi.new("struct memory_member", 8, {1, "text"})
    member.n, member.text = value.size, "other"
    ffi.gc(ffi.new "int[1]", function() end)
    bit.bor(ffi.new("int64_t", 1), 2)

    thread = ffi.new "unsigned long[1]"
    C.pthread_create(thread, nil, function() task.yield() return nil end, nil)

    local channel, other = task.channel(1), task.channel()
    local sender = task.go({name = "sender"}, function() for i = 1, 3 do channel:send {i} end end)
    for _ = 1, 3 do task.select {channel, timeout = 0.01} end
    local selecting = task.go(function() return task.select {other, {send = task.channel()}, timeout = 0.01} end)
    task.yield()
    task.select {{send = other, value = "value"}, timeout = 0.01}
    local failing = task.go(function() error {} end)
    for _, t in ipairs {sender, selecting, failing} do
        t:wait(0.01)
        t:cancel()
        pcall(t.join, t)
    end
    ffi.async(C.qsort, list, 5, 4, function() return 0 end):wait(1)
end

-- 5.1 takes a module whose loader failed for one that is being loaded.
local function forget_failed()
    for _, name in ipairs {"callgate.ffi", "callgate.task", "callgate.bit"} do
        if type(package.loaded[name]) ~= "table" then package.loaded[name] = nil end
    end
end

local function look()
    forget_failed()
    local ffi, task = require "callgate.ffi", require "callgate.task"
    collectgarbage()
    collectgarbage()
    ffi.declare "int abs(int); void qsort(void *, size_t, size_t, int (*)(const int *, const int *));"
    local list = ffi.new("int[3]", {3, 1, 2})
    ffi.C.qsort(list, 3, 4, function(a, b) return a[0] - b[0] end)
    assert(list[0] * 100 + list[1] * 10 + list[2] == 123)
    assert(tostring(ffi.new("int64_t", 5)) == "5LL" and ffi.istype("const void *", ffi.cast("void *", list)))
    assert(require "callgate.bit".bor(1, 2) == 3)
    local channel = task.channel()
    local sender = task.go(function() channel:send(ffi.C.abs(-5)) end)
    assert(channel:receive() == 5)
    sender:join()
    if thread and ffi.tonumber(thread[0]) ~= 0 then ffi.C.pthread_join(thread[0], nil) end
    assert(ffi.async(ffi.C.abs, -4):wait() == 4)
end

return use, look
