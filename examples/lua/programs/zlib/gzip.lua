-- Packs and unpacks files as gzip does.
--
--     LUA_CPATH='build/release/lua/?.so' lua5.4 examples/lua/programs/zlib/gzip.lua README.md HACKING.md
--
-- Each file has a task of its own. While zlib works on a piece of one, in C, Lua reads the next piece of another and
-- zlib works on that, too: several files keep several processors busy.
--
-- SPDX-License-Identifier: MIT

package.path = arg[0]:gsub("[^/]*$", "?.lua;", 1) .. package.path -- the binding lies beside this program

local task = require "callgate.task"
local zlib = require "zlib"

local USAGE <const> = [[
usage: gzip.lua [-d] [-1 ... -9] [FILE]...
Packs each FILE to FILE.gz; with -d, unpacks FILE.gz to FILE. The files stay, and none is replaced.
Without a FILE, packs standard input to standard output.]]

local PIECE <const> = 65536

local function parse(arguments)
    local options = {files = {}}
    for _, word in ipairs(arguments) do
        if word == "-d" then
            options.unpacks = true
        elseif word:find "^%-[1-9]$" then
            options.level = tonumber(word:sub(2))
        elseif word:find "^%-" then
            error(USAGE, 0)
        else
            table.insert(options.files, word)
        end
    end
    return options
end

local function convert(options, from, to)
    local function need(result, problem)
        if problem then error(problem, 0) end
        return result
    end
    local function read() return need(from:read(PIECE)) end
    local function write(piece) need(to:write(piece)) end
    if options.unpacks then
        zlib.decompress(read, write)
    else
        zlib.compress(read, write, options.level)
    end
    need(to:flush()) -- what is still in the buffer may not fit on the disk
end

local function open(name, mode)
    local file, problem = io.open(name, mode)
    return file or error(problem, 0)
end

local function name_of_result(options, name)
    if not options.unpacks then return name .. ".gz" end
    return name:match "^(.+)%.gz$" or error(name .. ": the name does not end in .gz", 0)
end

local function convert_file(options, name)
    local result = name_of_result(options, name)
    local there <close> = io.open(result, "rb")
    if there then error(result .. ": the file is there already", 0) end
    local from <close> = open(name, "rb")
    local to <close> = open(result, "wb")
    local ok, problem = pcall(convert, options, from, to)
    if not ok then
        os.remove(result) -- half a file is of no use
        error(("%s: %s"):format(name, problem), 0)
    end
end

local function main()
    local options = parse(arg)
    if #options.files == 0 then return convert(options, io.stdin, io.stdout) end
    local tasks, problems = {}, {}
    for i, name in ipairs(options.files) do tasks[i] = task.go({name = name}, pcall, convert_file, options, name) end
    for _, converting in ipairs(tasks) do
        local ok, problem = converting:join()
        if not ok then table.insert(problems, problem) end
    end
    if #problems > 0 then error(table.concat(problems, "\n"), 0) end
end

local ok, problem = pcall(main)
if not ok then io.stderr:write(tostring(problem), "\n") end
os.exit(ok, true)
