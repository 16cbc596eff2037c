-- Loads a file of comma-separated values into a table of a database.
--
--     LUA_CPATH='build/release/lua/?.so' lua5.4 examples/lua/programs/sqlite/load.lua --index word words.db words words.csv
--
-- The progress is drawn by a task of its own. It goes on while SQLite makes an index or writes to the disk, for seconds
-- in one call: that holds up nobody but the task that makes it.
--
-- SPDX-License-Identifier: MIT

package.path = arg[0]:gsub("[^/]*$", "?.lua;", 1) .. package.path -- the binding lies beside this program

local ffi = require "callgate.ffi"
local task = require "callgate.task"
local sqlite = require "sqlite"

local USAGE <const> = [[
usage: load.lua [-q | -p] [--index COLUMN]... DATABASE TABLE FILE.csv
Loads FILE.csv, whose first line names the columns, into TABLE, which is made if it isn't there: all of it, or nothing.
  --index COLUMN   makes an index of that column
  -q, -p           shows no progress; shows it although standard error is no terminal]]

local function parse(arguments)
    local options, names, i = {indexes = {}}, {}, 1
    while arguments[i] do
        local word = arguments[i]
        if word == "-q" or word == "-p" then
            options.shows = word == "-p"
        elseif word == "--index" then
            i = i + 1
            table.insert(options.indexes, arguments[i] or error(USAGE, 0))
        elseif word:find "^%-" then
            error(USAGE, 0)
        else
            table.insert(names, word)
        end
        i = i + 1
    end
    if #names ~= 3 then error(USAGE, 0) end
    options.database, options.table, options.file = table.unpack(names)
    return options
end

-- Comma-separated values

-- The cell in quotes that begins there, and where its comma is. A quote in it is written twice.
local function split_quoted(record, from)
    local to = from
    repeat
        to = record:find('"', to + 1, true)
        local is_twice = record:find('^"', to + 1)
        if is_twice then to = to + 1 end
    until not is_twice
    if not record:find("^,", to + 1) then error("text behind a closing quote", 0) end
    return record:sub(from + 1, to - 1):gsub('""', '"'), to + 1
end

local function split(record)
    local cells, at = {}, 1
    record = record .. ","
    while at <= #record do
        local cell, comma
        if record:find('^"', at) then
            cell, comma = split_quoted(record, at)
        else
            comma = record:find(",", at, true)
            cell = record:sub(at, comma - 1)
        end
        table.insert(cells, cell)
        at = comma + 1
    end
    return cells
end

-- Each record's text, and the number of its first line. One with an odd number of quotes goes on in the next line.
local function records(file)
    local last = 0
    return function()
        local record, first = nil, last + 1
        for line in file:lines "L" do
            last = last + 1
            record = (record or "") .. line
            if select(2, record:gsub('"', "")) % 2 == 0 then return record:gsub("\r?\n$", ""), first end
        end
        if record then error(("line %d: a quote that nothing closes"):format(first), 0) end
    end
end

-- Progress

ffi.cdef "int isatty(int);"

-- A line on standard error, drawn again and again: what is being done, and which part of it has been, or how much.
local function draw(progress)
    local text = ("%.1f million steps"):format(progress.steps / 1e6)
    if progress.part then
        local full = progress.part * 30 // 1
        text = ("[%s%s] %3.0f %%"):format(("#"):rep(full), ("."):rep(30 - full), progress.part * 100)
    end
    io.stderr:write(("\r%s  %s\27[K"):format(progress.what, text))
end

local function start_drawing(options)
    local progress = {what = "waiting for " .. options.database, steps = 0, shows = options.shows}
    if progress.shows == nil then progress.shows = ffi.C.isatty(2) == 1 end
    if progress.shows then
        progress.drawer = task.go({name = "progress"}, function()
            while not progress.is_over do
                task.sleep(0.05)
                draw(progress)
            end
        end)
    end
    return progress
end

-- What comes now; part is 0 for what has parts.
local function announce(progress, what, part)
    progress.what, progress.part = what, part
    if progress.shows then draw(progress) end
end

local function stop_drawing(progress)
    progress.is_over = true
    if progress.drawer then progress.drawer:join() end
    if progress.shows then io.stderr:write "\r\27[K" end
end

-- The load

local function quote(name)
    return '"' .. name:gsub('"', '""') .. '"'
end

local function make_table(db, name, columns)
    local list, marks = {}, {}
    for i, column in ipairs(columns) do list[i], marks[i] = quote(column) .. " text", "?" end
    db:script(("create table if not exists %s (%s)"):format(quote(name), table.concat(list, ", ")))
    return db:prepare(("insert into %s values (%s)"):format(quote(name), table.concat(marks, ", ")))
end

-- Returns how many records it has inserted.
local function insert_records(db, options, file, progress)
    local size, count = file:seek "end", 0
    file:seek "set"
    local next_record = records(file)
    local columns = split(next_record() or error("the file is empty", 0))
    local insert <close> = make_table(db, options.table, columns)
    for record, line in next_record do
        local ok, problem = pcall(function()
            local cells = split(record)
            if #cells ~= #columns then
                error(("%d cell%s, %d expected"):format(#cells, #cells == 1 and "" or "s", #columns), 0)
            end
            insert:run(table.unpack(cells))
        end)
        if not ok then error(("line %d: %s"):format(line, problem), 0) end
        count = count + 1
        if count % 100 == 0 then progress.part = file:seek() / size end
    end
    return count
end

local function make_indexes(db, options, progress)
    -- There is no telling how many steps an index takes. That they go on is what somebody who waits wants to see.
    db:progress(10000, function() progress.steps = progress.steps + 10000 end)
    for _, column in ipairs(options.indexes) do
        announce(progress, "indexing " .. column)
        local name = quote(options.table .. "_" .. column)
        -- In brackets: a name in quotes that is no column would be taken for text.
        db:script(("create index if not exists %s on %s ([%s])"):format(name, quote(options.table), column))
    end
    db:progress(nil)
end

local function load(options)
    local file <close>, problem = io.open(options.file, "rb")
    if not file then error(problem, 0) end
    local db <close> = sqlite.open(options.database)
    local progress = start_drawing(options)
    local ok, result = pcall(db.transaction, db, function()
        announce(progress, "loading " .. options.file, 0)
        local count = insert_records(db, options, file, progress)
        make_indexes(db, options, progress)
        announce(progress, "writing to the disk")
        return count
    end)
    stop_drawing(progress)
    if not ok then error(("%s: %s"):format(options.file, result), 0) end
    return result
end

local ok, result = pcall(function() return load(parse(arg)) end)
if ok then print(result .. " records") else io.stderr:write(tostring(result), "\n") end
os.exit(ok, true)
