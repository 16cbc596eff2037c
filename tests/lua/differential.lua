-- The differential test: some thousands of lines that use the ffi are made from a seed, LuaJIT and the Lua under test
-- evaluate each, and what they print is compared: the result, or that there was an error. Texts of errors are counted.
--
--   differential.lua [--seed N] [--lines N] [--show N] [--keep] COMMAND…
--
-- COMMAND is the Lua under test and its options; LuaJIT is `luajit`. Exits with 1 if anything differs, and prints the
-- first of what does.
--
-- SPDX-License-Identifier: MIT

local generate = require "ffi.generate"

local function options(words)
    local o = {seed = os.time() % 1000000, lines = 4000, show = 20}
    local i = 1
    while words[i] and words[i]:sub(1, 2) == "--" do
        local name = words[i]:sub(3)
        if name == "keep" or name == "texts" then
            o[name] = true
        else
            i = i + 1
            o[name] = assert(tonumber(words[i]), "a number is expected after --" .. name)
        end
        i = i + 1
    end
    o.command = table.concat(words, " ", i)
    assert(o.command ~= "", "the command of the Lua under test is missing")
    return o
end

local function write(path, lines)
    local file = assert(io.open(path, "w"))
    for _, line in ipairs(lines) do file:write(line.code, "\n") end
    file:close()
end

-- What command prints for each line of the file at path, and whatever it says besides.
local function run(command, path)
    local evaluator = arg[0]:gsub("differential%.lua$", "ffi/evaluate.lua")
    local pipe = assert(io.popen(("%s %s %s 2>%s.stderr"):format(command, evaluator, path, path)))
    local results = {}
    for line in pipe:lines() do results[#results + 1] = line end
    pipe:close()
    return results
end

local function is_error(result)
    return result:sub(1, 6) == "error:"
end

-- How two results of a line differ: nil if they don't, "text" if they are errors of other words.
local function difference(line, expected, got)
    if expected == got then return nil end
    if got == nil then return "crash" end
    if is_error(expected) and is_error(got) then return "text" end
    if is_error(expected) ~= is_error(got) then return "error" end
    return not line.loose and "result" or nil
end

local function compare(lines, expected, got)
    local differences, counts = {}, {error = 0, text = 0, result = 0, crash = 0, errors = 0}
    for i, line in ipairs(lines) do
        if is_error(expected[i]) then counts.errors = counts.errors + 1 end
        local kind = difference(line, expected[i], got[i])
        if kind then
            counts[kind] = counts[kind] + 1
            differences[#differences + 1] = {i = i, kind = kind, line = line, expected = expected[i], got = got[i]}
            if kind == "crash" then break end
        end
    end
    return differences, counts
end

local function show(differences, o)
    local shown = 0
    for _, d in ipairs(differences) do
        if (d.kind ~= "text" or o.texts) and shown < o.show then
            shown = shown + 1
            print(("line %d, %s: %s\n    LuaJIT: %s\n    here:   %s"):format(d.i, d.kind, d.line.code, d.expected,
                d.got or "nothing more; it has ended"))
        end
    end
end

local function main(words)
    local o = options(words)
    local lines = generate(o.seed, o.lines)
    local path = os.tmpname()
    write(path, lines)
    local expected = run("luajit", path)
    if #expected ~= #lines then error(("LuaJIT ends at line %d: %s"):format(#expected + 1, lines[#expected + 1].code)) end
    local got = run(o.command, path)
    local differences, counts = compare(lines, expected, got)
    show(differences, o)
    for line in io.lines(path .. ".stderr") do print("    " .. line) end
    print(("seed %d: %d lines, of which %d raise errors in LuaJIT; %d of these have other words here. "):format(o.seed,
        #lines, counts.errors, counts.text) .. ("%d results differ, %d raise an error in one alone%s"):format(
        counts.result, counts.error, counts.crash > 0 and ", and then it ended" or ""))
    if not o.keep then
        os.remove(path)
        os.remove(path .. ".stderr")
    end
    os.exit(counts.result + counts.error + counts.crash == 0 and 0 or 1)
end

main {...}
