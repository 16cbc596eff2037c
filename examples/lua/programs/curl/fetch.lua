-- Downloads files, all of them at once. Each is a task, and waits in libcurl for its own server only.
--
--     LUA_CPATH='build/release/lua/?.so' lua5.4 examples/lua/programs/curl/fetch.lua http://localhost/a http://localhost/b
--
-- SPDX-License-Identifier: MIT

package.path = arg[0]:gsub("[^/]*$", "?.lua;", 1) .. package.path -- curl.lua is beside this file
local curl = require "curl"
local task = require "callgate.task"

local usage = [[
usage: fetch.lua [-d folder] [-t seconds] url...
Downloads what is at each URL, all at once, to files with the names that the URLs end in.
  -d folder     where the files go; without it, here
  -t seconds    the most that one may take; without it, any time
]]

local function fail(...)
    io.stderr:write("fetch.lua: ", string.format(...), "\n")
end

local function read_arguments()
    local folder, timeout, i = ".", nil, 1
    while arg[i] and arg[i]:sub(1, 1) == "-" do
        if arg[i] == "-d" and arg[i + 1] then
            folder = arg[i + 1]
        elseif arg[i] == "-t" and tonumber(arg[i + 1]) then
            timeout = tonumber(arg[i + 1])
        else
            io.stderr:write(usage)
            os.exit(2)
        end
        i = i + 2
    end
    if not arg[i] then
        io.stderr:write(usage)
        os.exit(2)
    end
    return folder, timeout, table.move(arg, i, #arg, 1, {})
end

-- As a URL's path ends, without what follows it; never a name that leads elsewhere.
local function name_of(url)
    local name = url:gsub("[?#].*", ""):match "^%a+://[^/]*/.-([^/]*)$" or ""
    return (name == "" or name == "." or name == "..") and "index.html" or name
end

-- As assert, but without a place in this file, which tells a user nothing.
local function must(value, problem)
    return value or error(problem, 0)
end

-- To another name first: what is there by the right one is whole.
local function download(url, path, timeout)
    local part = path .. ".part"
    local file = must(io.open(part, "wb"))
    local ok, result, problem = pcall(curl.fetch, url, function(chunk) must(file:write(chunk)) end, {timeout = timeout})
    local written, why = file:close()
    if ok and result and written then
        must(os.rename(part, path))
        return result
    end
    os.remove(part)
    error(not ok and result or problem or why, 0)
end

local folder, timeout, urls = read_arguments()
local taken, downloads, failures = {}, {}, 0
for _, url in ipairs(urls) do
    local name = name_of(url)
    if taken[name] then
        fail("both %s and %s are named %s", taken[name], url, name)
        os.exit(2)
    end
    taken[name] = url
end

for i, url in ipairs(urls) do
    downloads[i] = task.go({name = name_of(url)}, function()
        local ok, result = pcall(download, url, folder .. "/" .. name_of(url), timeout)
        if ok then
            print(("%s: %d bytes in %.2f s"):format(name_of(url), result.size, result.seconds))
        else
            failures = failures + 1
            fail("%s: %s", url, result)
        end
    end)
end
for _, running in ipairs(downloads) do running:join() end
os.exit(failures == 0, true)
