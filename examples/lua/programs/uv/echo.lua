-- An echo server on libuv's loop, and a client of it. The loop runs in a task, and another reads commands meanwhile: it waits in
-- C's read, as the loop does in C, and neither knows of the other.
--
--     LUA_CPATH='build/release/lua/?.so' lua5.4 examples/lua/programs/uv/echo.lua serve 7007
--     LUA_CPATH='build/release/lua/?.so' lua5.4 examples/lua/programs/uv/echo.lua send 7007 hello
--
-- SPDX-License-Identifier: MIT

package.path = arg[0]:gsub("[^/]*$", "?.lua;", 1) .. package.path -- uv.lua is beside this file
local ffi = require "callgate.ffi"
local task = require "callgate.task"
local uv = require "uv"

ffi.cdef [[
    enum { SIGINT = 2, SIGTERM = 15 };
    ssize_t read(int fd, void *buffer, size_t size);
]]

local HOST <const> = "127.0.0.1"
local usage = [[
usage: echo.lua serve [-t seconds] [port]
       echo.lua send port text...
serve sends back what comes to a port of this machine: one that is free, if none is given. It reads commands:
  clients       tells how many there are, and how much they were sent
  quit          ends; so does an interrupt
  -t seconds    how long a client may be silent; without it, for ever
send sends lines to that port, and prints what comes back.
]]

local function misused()
    io.stderr:write(usage)
    os.exit(2)
end

local function port_number(text, least)
    local port = math.tointeger(tonumber(text))
    return port and port >= least and port <= 65535 and port or misused()
end

-- The server

-- What all clients of a server have in common.
local function new_server(loop, patience)
    return {loop = loop, patience = patience, clients = 0, bytes = 0}
end

-- One client, until it leaves, or has been silent for too long.
local function serve_client(server, stream)
    local timer
    local function leave()
        server.clients = server.clients - 1
        stream:close()
        if timer then timer:close() end
    end
    local function listen(text)
        if not text then return leave() end
        stream:pause() -- whoever sends and never reads is not kept in memory
        stream:write(text, function(problem)
            if stream.is_closed then return end
            if problem then return leave() end
            server.bytes = server.bytes + #text
            if timer then timer:restart() end
            stream:read(listen)
        end)
    end
    server.clients = server.clients + 1
    if server.patience then timer = server.loop:timer(server.patience, leave) end
    stream:read(listen)
end

-- Lines of standard input, by C's read: Lua's own would have all tasks wait.
local function input_lines()
    return coroutine.wrap(function()
        local room, rest = ffi.new "char[4096]", ""
        while true do
            local count = ffi.tonumber(ffi.C.read(0, room, ffi.sizeof(room)))
            if count <= 0 then return end
            rest = rest .. ffi.string(room, count)
            for line in rest:gmatch "([^\n]*)\n" do coroutine.yield(line) end
            rest = rest:match "[^\n]*$"
        end
    end)
end

local function count(number, noun)
    return ("%d %s%s"):format(number, noun, number == 1 and "" or "s")
end

-- This is another task than the loop's, and so it does nothing itself.
local function read_commands(server)
    local commands = {
        clients = function() print(count(server.clients, "client") .. ", " .. count(server.bytes, "byte")) end,
        quit = function() server.loop:finish() end,
    }
    for line in input_lines() do
        server.loop:post(commands[line] or function() print "commands are clients, and quit" end)
    end
end

local function serve(port, patience)
    local loop <close> = uv.loop()
    local server = new_server(loop, patience)
    local listener = loop:listen(HOST, port, function(stream) serve_client(server, stream) end)
    for _, signal in ipairs {ffi.C.SIGINT, ffi.C.SIGTERM} do loop:signal(signal, function() loop:finish() end) end
    print(("listening on %s, port %d"):format(HOST, listener:port()))
    local commands = task.go({name = "commands"}, read_commands, server)
    local running = task.go({name = "loop"}, loop.run, loop)
    local ok, problem = pcall(running.join, running)
    repeat commands:interrupt() until commands:wait(0.01) -- once may be too early: its read may be about to begin
    if not ok then error(problem, 0) end
end

-- The client

local function send(port, texts)
    local loop <close> = uv.loop()
    local text = table.concat(texts, "\n") .. "\n"
    local to_come, stream = #text, nil
    local function must(problem)
        if problem then error(problem, 0) end
    end
    stream = loop:connect(HOST, port, function(refused)
        must(refused)
        stream:write(text, must)
        stream:read(function(chunk, lost)
            if not chunk then error(lost or "the server has closed the connection", 0) end
            io.write(chunk)
            to_come = to_come - #chunk
            if to_come <= 0 then stream:close() end
        end)
    end)
    loop:run()
end

-- The command line

local function read_arguments()
    local words = table.move(arg, 1, #arg, 1, {})
    local verb = table.remove(words, 1)
    if verb == "serve" then
        local patience
        if words[1] == "-t" then
            patience = tonumber(words[2]) or misused()
            words = table.move(words, 3, #words, 1, {})
        end
        if #words > 1 then misused() end
        return serve, port_number(words[1] or 0, 0), patience
    elseif verb == "send" and #words > 1 then
        return send, port_number(table.remove(words, 1), 1), words
    end
    misused()
end

io.stdout:setvbuf "line"
local ok, problem = pcall(read_arguments())
if not ok then io.stderr:write("echo.lua: ", tostring(problem), "\n") end
os.exit(ok, true)
