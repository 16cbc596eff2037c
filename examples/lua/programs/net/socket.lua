-- Sockets for Lua, by callgate.ffi: names looked up, connections, listeners; for tasks.
--
--     local connection <close> = socket.connect("localhost", 7)
--     connection:write "hello"
--     print(connection:read())
--
-- Everything here is the plain call of C's that blocks: connect, accept, recv, poll. There is no event loop, and nothing
-- to register: a task that waits in one of them holds up no other. What the system refuses is an error in its words.
--
-- SPDX-License-Identifier: MIT

local ffi = require "callgate.ffi"

ffi.cdef [[
    typedef unsigned socklen_t;
    struct sockaddr { unsigned short sa_family; char sa_data[14]; };
    struct sockaddr_storage { unsigned short ss_family; char __ss_padding[118]; unsigned long __ss_align; };
    struct addrinfo {
        int ai_flags, ai_family, ai_socktype, ai_protocol;
        socklen_t ai_addrlen;
        struct sockaddr *ai_addr;
        char *ai_canonname;
        struct addrinfo *ai_next;
    };
    struct pollfd { int fd; short events, revents; };

    int getaddrinfo(const char *, const char *, const struct addrinfo *, struct addrinfo **);
    void freeaddrinfo(struct addrinfo *);
    int getnameinfo(const struct sockaddr *, socklen_t, char *, socklen_t, char *, socklen_t, int);
    const char *gai_strerror(int);
    char *strerror(int);

    int socket(int, int, int);
    int setsockopt(int, int, int, const void *, socklen_t);
    int bind(int, const struct sockaddr *, socklen_t);
    int listen(int, int);
    int connect(int, const struct sockaddr *, socklen_t);
    int accept(int, struct sockaddr *, socklen_t *);
    int getsockname(int, struct sockaddr *, socklen_t *);
    ssize_t recv(int, void *, size_t, int);
    ssize_t send(int, const void *, size_t, int);
    int shutdown(int, int);
    int poll(struct pollfd *, unsigned long, int milliseconds);
    int close(int);

    enum {
        SOCK_STREAM = 1, SOMAXCONN = 4096,
        SOL_SOCKET = 1, SO_REUSEADDR = 2, SHUT_WR = 1, SHUT_RDWR = 2, MSG_NOSIGNAL = 0x4000,
        AI_PASSIVE = 1, NI_NUMERICHOST = 1, NI_NUMERICSERV = 2, NI_MAXHOST = 1025, NI_MAXSERV = 32,
        ECONNABORTED = 103, POLLIN = 1,
    };
]]
local C <const> = ffi.C
local NULL <const> = ffi.cast("void *", nil)

local socket = {}
local Socket = {}
Socket.__index = Socket

-- The call's result as one of Lua's integers, which those of 64 bits are not by themselves. -1 is an error.
local function need(what, result)
    result = ffi.tonumber(result)
    if result < 0 then error(("%s: %s"):format(what, ffi.string(C.strerror(ffi.errno()))), 0) end
    return result
end

-- Names and addresses

-- "127.0.0.1" or "::1", and the port.
local function in_digits(address, size)
    local host, port = ffi.new("char[?]", C.NI_MAXHOST), ffi.new("char[?]", C.NI_MAXSERV)
    local status = C.getnameinfo(ffi.cast("struct sockaddr *", address), size, host, C.NI_MAXHOST, port, C.NI_MAXSERV,
        C.NI_NUMERICHOST | C.NI_NUMERICSERV)
    if status ~= 0 then error(ffi.string(C.gai_strerror(status)), 0) end
    return ffi.string(host), tonumber(ffi.string(port))
end

-- The addresses of a name, the best first: each a table with its `host` in digits, `port`, `family`, and the `address`
-- of so many bytes, `size`, for C. It may take as long as the name servers do.
function socket.resolve(name, port, flags)
    local hints, list = ffi.new "struct addrinfo", ffi.new "struct addrinfo *[1]"
    hints.ai_socktype, hints.ai_flags = C.SOCK_STREAM, flags or 0
    -- getaddrinfo would take 65537 for 1.
    if math.type(port) and (port < 0 or port > 65535) then error(("%s: no port is %d"):format(name, port), 0) end
    local status = C.getaddrinfo(name, port and tostring(port), hints, list)
    if status ~= 0 then error(("%s: %s"):format(name, ffi.string(C.gai_strerror(status))), 0) end
    local first = ffi.gc(list[0], C.freeaddrinfo)
    local addresses, info = {}, first
    while info ~= NULL do
        local address = ffi.new "struct sockaddr_storage"
        ffi.copy(address, info.ai_addr, info.ai_addrlen)
        local host, number = in_digits(address, info.ai_addrlen)
        table.insert(addresses,
            {host = host, port = number, family = info.ai_family, address = address, size = info.ai_addrlen})
        info = info.ai_next
    end
    return addresses
end

-- Sockets. They are closed by their scope, by close(), or by the collector.

local function new(descriptor)
    return setmetatable({descriptor = descriptor}, Socket)
end

local function open(address)
    return new(need("socket", C.socket(address.family, C.SOCK_STREAM, 0)))
end

-- No other task may be in a call with it: the descriptor's number is soon that of another file. shutdown() ends such calls.
function Socket:close()
    if self.descriptor then C.close(self.descriptor) end
    self.descriptor = nil
end

Socket.__gc, Socket.__close = Socket.close, Socket.close

local function descriptor_of(self)
    return self.descriptor or error("the socket is closed", 3)
end

local function connect_to(to, what)
    local self = open(to)
    local ok, problem = pcall(need, what, C.connect(self.descriptor, ffi.cast("struct sockaddr *", to.address), to.size))
    if ok then return self end
    self:close()
    error(problem, 0)
end

-- A connection to the first of the name's addresses that takes one. If none does, the error is the last one's.
function socket.connect(name, port)
    local ok, result
    for _, to in ipairs(socket.resolve(name, port)) do
        ok, result = pcall(connect_to, to, name .. ", port " .. to.port)
        if ok then return result end
    end
    error(result, 0)
end

-- A listener at the name's first address; port 0 has the system choose one.
function socket.listen(name, port)
    local at = socket.resolve(name, port, C.AI_PASSIVE)[1]
    local self, what = open(at), name .. ", port " .. at.port
    local yes = ffi.new("int[1]", 1)
    -- A server that is started again needn't wait until the old one's connections are forgotten.
    need(what, C.setsockopt(self.descriptor, C.SOL_SOCKET, C.SO_REUSEADDR, yes, ffi.sizeof(yes)))
    need(what, C.bind(self.descriptor, ffi.cast("struct sockaddr *", at.address), at.size))
    need(what, C.listen(self.descriptor, C.SOMAXCONN))
    return self
end

-- The host and port that it has itself.
function Socket:name()
    local address, size = ffi.new "struct sockaddr_storage", ffi.new("socklen_t[1]", ffi.sizeof "struct sockaddr_storage")
    need("getsockname", C.getsockname(descriptor_of(self), ffi.cast("struct sockaddr *", address), size))
    return in_digits(address, size[0])
end

-- Waits for a connection; nil when the listener was shut down.
function Socket:accept()
    local listener, result = descriptor_of(self), nil
    repeat
        result = C.accept(listener, nil, nil)
        if result < 0 and self.is_shut then return nil end
        -- A client that has gone before it was accepted is no reason to stop.
    until result >= 0 or ffi.errno() ~= C.ECONNABORTED
    return new(need("accept", result))
end

-- The bytes that are there, up to so many, or nil at the end; waits for the first.
function Socket:read(most)
    local room = most or 65536
    local buffer = ffi.new("uint8_t[?]", room)
    local size = need("read", C.recv(descriptor_of(self), buffer, room, 0))
    return size > 0 and ffi.string(buffer, size) or nil
end

-- All of the text, for which it may have to wait until the other side reads; a part is sent when a call is interrupted.
-- An error, and no signal, if the other side is gone.
function Socket:write(text)
    local descriptor, done = descriptor_of(self), 0
    local bytes = ffi.cast("const char *", text) -- Lua's own; `text` keeps them
    while done < #text do
        done = done + need("write", C.send(descriptor, bytes + done, #text - done, C.MSG_NOSIGNAL))
    end
end

-- Waits until there is something to read, or the end, for so many seconds at most; returns whether there is.
function Socket:wait(seconds)
    local poll = ffi.new("struct pollfd[1]", {{descriptor_of(self), C.POLLIN}})
    return need("poll", C.poll(poll, 1, seconds and math.ceil(seconds * 1000) or -1)) > 0
end

-- Nothing more is sent: the other side reads the end.
function Socket:finish()
    need("shutdown", C.shutdown(descriptor_of(self), C.SHUT_WR))
end

-- Ends the calls that other tasks have made with it: read() sees the end, accept() returns nil.
function Socket:shutdown()
    self.is_shut = true
    need("shutdown", C.shutdown(descriptor_of(self), C.SHUT_RDWR))
end

return socket
