-- Looks up names, all at once.
--
--     LUA_CPATH='build/release/lua/?.so' lua5.4 examples/lua/programs/net/lookup.lua localhost 127.0.0.1 ::1
--
-- C's getaddrinfo waits for name servers, for seconds if they are slow, and has no other form. Here each name has a task:
-- together they take as long as the slowest.
--
-- SPDX-License-Identifier: MIT

package.path = arg[0]:gsub("[^/]*$", "?.lua;", 1) .. package.path -- the binding lies beside this program

local task = require "callgate.task"
local socket = require "socket"

if #arg == 0 then
    io.stderr:write [[
usage: lookup.lua NAME...
Prints the addresses of each NAME, the best first.
]]
    os.exit(false)
end

local function addresses_of(name)
    local hosts = {}
    for i, address in ipairs(socket.resolve(name)) do hosts[i] = address.host end
    return table.concat(hosts, " ")
end

local tasks, all_found = {}, true
for i, name in ipairs(arg) do tasks[i] = task.go({name = name}, pcall, addresses_of, name) end
for i, name in ipairs(arg) do
    local ok, result = tasks[i]:join()
    if ok then print(name .. "\t" .. result) else io.stderr:write(result, "\n") end
    all_found = all_found and ok
end
os.exit(all_found, true)
