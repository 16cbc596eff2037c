-- libuv's event loop: timers, signals and TCP streams, each with a function that the loop calls.
--
--     local uv = require "uv"
--     local loop <close> = uv.loop()
--     loop:timer(0.5, function() print "half a second" end)
--     loop:run()
--
-- The loop runs inside one call, and its task is all that this call stops. While it runs, whatever belongs to it is for its
-- callbacks only, as libuv has no locks; other tasks hand it functions by loop:post.
--
-- SPDX-License-Identifier: MIT

local ffi = require "callgate.ffi"
local task = require "callgate.task"

-- libuv tells how large its structs are, so that nobody has to declare them.
ffi.cdef [[
    typedef struct uv_loop_s uv_loop_t;
    typedef struct uv_handle_s uv_handle_t;
    typedef struct uv_async_s uv_async_t;
    typedef struct uv_signal_s uv_signal_t;
    typedef struct uv_stream_s uv_stream_t;
    typedef struct uv_tcp_s uv_tcp_t;
    typedef struct uv_timer_s uv_timer_t;
    typedef struct uv_connect_s uv_connect_t;
    typedef struct uv_write_s uv_write_t;
    typedef struct uv_buf_t { char *base; size_t len; } uv_buf_t;
    enum { UV_ASYNC = 1, UV_TCP = 12, UV_TIMER = 13, UV_SIGNAL = 16 };
    enum { UV_CONNECT = 2, UV_WRITE = 3 };
    enum { UV_RUN_DEFAULT, UV_EOF = -4095 };

    typedef void (*uv_close_cb)(uv_handle_t *handle);
    typedef void (*uv_async_cb)(uv_async_t *async);
    typedef void (*uv_signal_cb)(uv_signal_t *signal, int number);
    typedef void (*uv_timer_cb)(uv_timer_t *timer);
    typedef void (*uv_connection_cb)(uv_stream_t *server, int status);
    typedef void (*uv_connect_cb)(uv_connect_t *request, int status);
    typedef void (*uv_write_cb)(uv_write_t *request, int status);
    typedef void (*uv_alloc_cb)(uv_handle_t *handle, size_t suggested, uv_buf_t *buffer);
    typedef void (*uv_read_cb)(uv_stream_t *stream, ssize_t count, const uv_buf_t *buffer);

    /* of IPv4, which is all that is used here */
    struct sockaddr;
    struct in_addr { uint32_t s_addr; };
    struct sockaddr_in { unsigned short sin_family; uint16_t sin_port; struct in_addr sin_addr; unsigned char sin_zero[8]; };

    enum { SIGPIPE = 13 };
    void (*signal(int number, void (*handler)(int)))(int);

    const char *uv_strerror(int error);
    size_t uv_loop_size(void);
    size_t uv_handle_size(int type);
    size_t uv_req_size(int type);
    int uv_loop_init(uv_loop_t *loop);
    int uv_loop_close(uv_loop_t *loop);
    int uv_run(uv_loop_t *loop, int mode);
    void uv_stop(uv_loop_t *loop);
    void uv_close(uv_handle_t *handle, uv_close_cb on_close);
    void uv_unref(uv_handle_t *handle);
    int uv_async_init(uv_loop_t *loop, uv_async_t *async, uv_async_cb on_async);
    int uv_async_send(uv_async_t *async);
    int uv_signal_init(uv_loop_t *loop, uv_signal_t *signal);
    int uv_signal_start(uv_signal_t *signal, uv_signal_cb on_signal, int number);
    int uv_timer_init(uv_loop_t *loop, uv_timer_t *timer);
    int uv_timer_start(uv_timer_t *timer, uv_timer_cb on_timer, uint64_t milliseconds, uint64_t repeated);
    int uv_ip4_addr(const char *host, int port, struct sockaddr_in *address);
    int uv_tcp_init(uv_loop_t *loop, uv_tcp_t *tcp);
    int uv_tcp_bind(uv_tcp_t *tcp, const struct sockaddr *address, unsigned flags);
    int uv_tcp_connect(uv_connect_t *request, uv_tcp_t *tcp, const struct sockaddr *address, uv_connect_cb on_connect);
    int uv_tcp_getsockname(const uv_tcp_t *tcp, struct sockaddr *address, int *length);
    int uv_listen(uv_stream_t *server, int backlog, uv_connection_cb on_connection);
    int uv_accept(uv_stream_t *server, uv_stream_t *client);
    int uv_read_start(uv_stream_t *stream, uv_alloc_cb on_alloc, uv_read_cb on_read);
    int uv_read_stop(uv_stream_t *stream);
    int uv_write(uv_write_t *request, uv_stream_t *stream, const uv_buf_t *buffers, unsigned count, uv_write_cb on_write);

]]
local lib = ffi.load "libuv.so.1"
local C = ffi.C

-- To write to somebody who is gone is an error like others, and not the end of the process: 1 is SIG_IGN.
C.signal(C.SIGPIPE, ffi.cast("void (*)(int)", 1))

-- What a callback of the script's is told: nil, or libuv's words.
local function problem_of(status)
    return status < 0 and ffi.string(lib.uv_strerror(status)) or nil
end

local function check(status)
    if status < 0 then error(problem_of(status), 0) end
end

-- What C has the address of, by that address: the collector leaves it alone, and a callback finds what it is about.
local in_use = {}

local function address_of(pointer)
    return ffi.tonumber(ffi.cast("uintptr_t", pointer))
end

-- An object with memory for one of libuv's structs, aligned as these are.
local function new_object(class, size, fields)
    local object = setmetatable(fields, class)
    object.memory = ffi.new("uint64_t[?]", (ffi.tonumber(size) + 7) // 8)
    object.pointer = ffi.cast("void *", object.memory)
    return object
end

local function keep(object) in_use[address_of(object.pointer)] = object end
local function let_go(object) in_use[address_of(object.pointer)] = nil end

-- C's function for one of Lua's, which gets the object in place of its pointer. An error can't jump over the loop: the loop is
-- told to stop, and loop:run raises the error.
local function from_c(type, f)
    return ffi.cast(type, function(pointer, ...)
        local object = in_use[address_of(pointer)]
        local ok, problem = pcall(f, object, ...)
        if ok then return end
        lib.uv_stop(object.loop.pointer)
        error(problem, 0)
    end)
end

-- libuv has no locks, and ends the process if what is closed is used.
local function must_be_usable(loop, handle)
    if loop.runner and loop.runner ~= task.self() then
        error("another task runs this loop: use loop:post", 3)
    elseif loop.is_closed or handle and handle.is_closed then
        error(("the %s is closed"):format(handle and "handle" or "loop"), 3)
    end
end

-- Handles: what all of them have

local Handle = {}
Handle.__index = Handle

-- C has it until it is closed, whether it is used or not.
local function new_handle(class, loop, type, init, ...)
    local handle = new_object(class, lib.uv_handle_size(type), {loop = loop})
    check(init(loop.pointer, handle.pointer, ...))
    keep(handle)
    return handle
end

-- A handle that does what it is for, or else is closed.
local function started(handle, status)
    if status < 0 then handle:close() end
    check(status)
    return handle
end

local on_close = from_c("uv_close_cb", let_go)

-- Ends what it does. A second time is no mistake.
function Handle:close()
    if self.is_closed then return end
    must_be_usable(self.loop, self)
    self.is_closed = true
    lib.uv_close(self.pointer, on_close)
end

-- Timers and signals

local Timer, Signal = setmetatable({}, Handle), setmetatable({}, Handle)
Timer.__index, Signal.__index = Timer, Signal

local on_timer = from_c("uv_timer_cb", function(timer) timer.f() end)
local on_signal = from_c("uv_signal_cb", function(signal, number) signal.f(number) end)

-- Has the time begin now.
function Timer:restart()
    must_be_usable(self.loop, self)
    check(lib.uv_timer_start(self.pointer, on_timer, self.first, self.every))
end

-- Streams

local Stream = setmetatable({}, Handle)
Stream.__index = Stream
local ROOM <const> = 65536 -- for what is read

local function new_stream(loop)
    return new_handle(Stream, loop, C.UV_TCP, lib.uv_tcp_init)
end

local function ip4(host, port)
    local address = ffi.new "struct sockaddr_in"
    check(lib.uv_ip4_addr(host, port, address))
    return address
end

-- As one of any protocol.
local function any(address)
    return ffi.cast("struct sockaddr *", address)
end

-- C has a request until its callback comes, and the text of one to write as long.
local function new_request(stream, type, fields)
    fields.loop = stream.loop
    return new_object({}, lib.uv_req_size(type), fields)
end

local function finish(request, status)
    let_go(request)
    if request.f then request.f(problem_of(status)) end
end

local on_connect, on_write = from_c("uv_connect_cb", finish), from_c("uv_write_cb", finish)

local on_connection = from_c("uv_connection_cb", function(server, status)
    local client = started(new_stream(server.loop), status)
    started(client, lib.uv_accept(server.pointer, client.pointer))
    server.f(client)
end)

-- One room for all that a loop reads: what comes is a string of Lua's before the next comes.
local on_alloc = from_c("uv_alloc_cb", function(stream, _, buffer)
    buffer.base, buffer.len = stream.loop.room, ROOM
end)

local on_read = from_c("uv_read_cb", function(stream, count, buffer)
    count = ffi.tonumber(count)
    if count > 0 then
        stream.f(ffi.string(buffer.base, count))
    elseif count < 0 then -- 0 is nothing, for now
        stream.f(nil, count ~= C.UV_EOF and problem_of(count) or nil)
    end
end)

-- Has f(text) called with what comes, whenever it comes; at the end f(nil), or f(nil, problem).
function Stream:read(f)
    must_be_usable(self.loop, self)
    self.f = f
    check(lib.uv_read_start(self.pointer, on_alloc, on_read))
end

-- Lets what comes wait until stream:read is called again.
function Stream:pause()
    must_be_usable(self.loop, self)
    check(lib.uv_read_stop(self.pointer))
end

-- Sends a text, after those before it. Then f is called, if there is one: f(nil), or f(problem).
function Stream:write(text, f)
    must_be_usable(self.loop, self)
    local request = new_request(self, C.UV_WRITE, {text = text, f = f})
    local buffer = ffi.new("uv_buf_t", {ffi.cast("char *", text), #text}) -- libuv copies it, but not the text
    check(lib.uv_write(request.pointer, self.pointer, buffer, 1, on_write))
    keep(request)
end

-- Which port it has, at this end.
function Stream:port()
    must_be_usable(self.loop, self)
    local address = ffi.new "struct sockaddr_in"
    check(lib.uv_tcp_getsockname(self.pointer, any(address), ffi.new("int[1]", ffi.sizeof(address))))
    return address.sin_port >> 8 | (address.sin_port & 0xff) << 8 -- in a network, the high byte is first
end

-- Loops

local Loop = {}
Loop.__index = Loop

local on_async = from_c("uv_async_cb", function(async)
    local posted = async.loop.posted
    async.loop.posted = {}
    for _, f in ipairs(posted) do f() end
end)

-- Has f() called in so many seconds, once, or again every so many.
function Loop:timer(seconds, f, every)
    must_be_usable(self)
    local timer = new_handle(Timer, self, C.UV_TIMER, lib.uv_timer_init)
    timer.f, timer.first, timer.every = f, math.ceil(seconds * 1000), math.ceil((every or 0) * 1000)
    timer:restart()
    return timer
end

-- Has f(number) called whenever the process gets that signal.
function Loop:signal(number, f)
    must_be_usable(self)
    local signal = new_handle(Signal, self, C.UV_SIGNAL, lib.uv_signal_init)
    signal.f = f
    return started(signal, lib.uv_signal_start(signal.pointer, on_signal, number))
end

-- Has f(stream) called with each client that comes to a port; with 0, one that is free.
function Loop:listen(host, port, f)
    must_be_usable(self)
    local address, server = ip4(host, port), new_stream(self)
    server.f = f
    started(server, lib.uv_tcp_bind(server.pointer, any(address), 0))
    return started(server, lib.uv_listen(server.pointer, 128, on_connection))
end

-- Returns a stream, and has f(nil) called when it is connected, or f(problem).
function Loop:connect(host, port, f)
    must_be_usable(self)
    local address, stream = ip4(host, port), new_stream(self)
    local request = new_request(stream, C.UV_CONNECT, {f = f})
    started(stream, lib.uv_tcp_connect(request.pointer, stream.pointer, any(address), on_connect))
    keep(request)
    return stream
end

-- Has f() called in the loop, as soon as it runs. Any task may do so.
function Loop:post(f)
    if self.is_closed then error("the loop is closed", 2) end
    table.insert(self.posted, f)
    check(lib.uv_async_send(self.async.pointer))
end

-- Returns when nothing is left that could happen, or with the first error of a callback.
function Loop:run()
    must_be_usable(self)
    if self.runner then error("the loop runs already", 2) end
    self.runner = task.self()
    local ok, problem = pcall(lib.uv_run, self.pointer, C.UV_RUN_DEFAULT)
    self.runner = nil
    if not ok then error(problem, 0) end
end

-- Closes all timers, signals and streams: a loop that runs comes to its end.
function Loop:finish()
    must_be_usable(self)
    for _, object in pairs(in_use) do
        if object.loop == self and object.close and object ~= self.async then object:close() end
    end
end

-- Frees what the system has given for it, as does the end of `local loop <close>`.
function Loop:close()
    if self.is_closed then return end
    self:finish()
    self.async:close()
    self:run()
    check(lib.uv_loop_close(self.pointer))
    self.is_closed = true
end
Loop.__close = Loop.close

local uv = {}

function uv.loop()
    local loop = new_object(Loop, lib.uv_loop_size(), {posted = {}, room = ffi.new("char[?]", ROOM)})
    check(lib.uv_loop_init(loop.pointer))
    loop.async = new_handle(Handle, loop, C.UV_ASYNC, lib.uv_async_init, on_async)
    lib.uv_unref(loop.async.pointer) -- it is nothing to wait for
    return loop
end

return uv
