-- A server that sends back what it is sent, and clients that see whether it does.
--
--     LUA_CPATH='build/release/lua/?.so' lua5.4 examples/lua/programs/net/echo.lua both
--
-- Each connection is a task, which reads and writes as if there were no others: in blocking calls, without an event loop.
--
-- SPDX-License-Identifier: MIT

package.path = arg[0]:gsub("[^/]*$", "?.lua;", 1) .. package.path -- the binding lies beside this program

local task = require "callgate.task"
local socket = require "socket"

local USAGE <const> = [=[
usage: echo.lua serve PORT [SECONDS]
       echo.lua talk PORT [CLIENTS [LINES]]
       echo.lua both [CLIENTS [LINES]]
serve  sends back what comes, on this machine's own network; ends connections that are silent for SECONDS, 60 by itself.
       With port 0 the system chooses one.
talk   has CLIENTS, 10 by itself, send LINES, 100 by itself, each, and compares what comes back.
both   does both, in one process.]=]

-- The server

local function answer(connection, seconds)
    local connection <close> = connection
    while connection:wait(seconds) do
        local bytes = connection:read()
        if not bytes then return end
        connection:write(bytes)
    end
end

-- Returns when the listener was shut down and all connections have ended. An error of one is said, and ends that one.
local function serve(listener, seconds)
    local listener <close> = listener
    local answering = {}
    for connection in listener.accept, listener do
        local t
        t = task.go({name = "connection"}, function()
            local ok, problem = pcall(answer, connection, seconds)
            if not ok then io.stderr:write(tostring(problem), "\n") end
            answering[t] = nil
        end)
        answering[t] = true
    end
    while next(answering) do next(answering):wait() end
end

-- Clients

-- A reader of lines, which may come in any pieces.
local function lines_of(connection)
    local rest = ""
    return function()
        local line, after = rest:match "^([^\n]*)\n()"
        while not line do
            rest = rest .. (connection:read() or error("the server has hung up", 0))
            line, after = rest:match "^([^\n]*)\n()"
        end
        rest = rest:sub(after)
        return line
    end
end

local function talk(port, client, lines)
    local connection <close> = socket.connect("localhost", port)
    local next_line = lines_of(connection)
    for i = 1, lines do
        local line = ("client %d, line %d"):format(client, i)
        connection:write(line .. "\n")
        local came = next_line()
        if came ~= line then error(("'%s' came back as '%s'"):format(line, came), 0) end
    end
end

local function count(number, noun)
    return ("%d %s%s"):format(number, noun, number == 1 and "" or "s")
end

local function talk_all(port, clients, lines)
    local tasks = {}
    for i = 1, clients do tasks[i] = task.go({name = "client " .. i}, pcall, talk, port, i, lines) end
    local problem
    for _, client in ipairs(tasks) do
        local ok, reason = client:join()
        problem = problem or not ok and reason
    end
    if problem then error(problem, 0) end
    print(("%s, %s came back"):format(count(clients, "client"), count(clients * lines, "line")))
end

-- What is asked for

local function number(text, default)
    return math.tointeger(tonumber(text or default)) or error(USAGE, 0)
end

local commands = {}

function commands.serve(port, seconds)
    local listener = socket.listen("localhost", number(port))
    print(("%s, port %d"):format(listener:name()))
    io.stdout:flush()
    serve(listener, number(seconds, 60))
end

function commands.talk(port, clients, lines)
    talk_all(number(port), number(clients, 10), number(lines, 100))
end

function commands.both(clients, lines)
    clients, lines = number(clients, 10), number(lines, 100)
    local listener = socket.listen("localhost", 0)
    local _, port = listener:name()
    local server = task.go({name = "server"}, serve, listener, 60)
    talk_all(port, clients, lines)
    listener:shutdown()
    server:join()
end

local ok, problem = pcall(function()
    local command = commands[arg[1]] or error(USAGE, 0)
    command(table.unpack(arg, 2))
end)
if not ok then io.stderr:write(tostring(problem), "\n") end
os.exit(ok, true)
