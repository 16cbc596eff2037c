-- LuaJIT's world on a stock Lua: its globals and libraries, and a loader for its source.
--
-- Lua's own functions serve where they do the same; the rest is here, or in C (`core`), where numbers are involved.
-- What a script sees is an environment of its own, unless `install` makes it the state's. Strings and files are the state's in
-- any case: their methods are changed for all of it.
--
-- SPDX-License-Identifier: MIT

local core = ...
-- Lua's own, before anything is changed; `install` takes the globals away
local string, table, math, io, os, debug, package = string, table, math, io, os, debug, package
local error, ipairs, next, pairs, pcall, rawget, select, setmetatable, getmetatable, tonumber, tostring, type =
    error, ipairs, next, pairs, pcall, rawget, select, setmetatable, getmetatable, tonumber, tostring, type
local own_require, own_load, own_unpack, own_coroutine = require, load, table.unpack or unpack, coroutine
local own_loadstring, own_setfenv, own_getfenv, own_xpcall = loadstring, setfenv, getfenv, xpcall
local collectgarbage, state = collectgarbage, _G
local searchers = package.searchers or package.loaders
local find_upvalue_of, join = debug.getupvalue, debug.upvaluejoin
local wrap = core.has_integers and core.wrap or function(f) return f end

local G = {}
local luajit = {env = G, translate = core.translate}

local function copy(to, from, names)
    for name in names:gmatch "%S+" do to[name] = from[name] end
    return to
end

-- What translated chunks begin with: callgate_text, callgate_equal and callgate_literal

local literals = setmetatable({}, {
    __mode = "v",
    __index = function(literals, numeral)
        local boxed = core.box(numeral)
        literals[numeral] = boxed
        return boxed
    end,
    __call = function(_, object, name) -- a method whose name Lua can't write
        return function(...) return object[name](object, ...) end
    end,
})

function string.callgate() return core.text, core.equal, literals end

-- Environments. In 5.1 they are functions' own; later they are upvalues.

local set_environments = setmetatable({}, {__mode = "k"}) -- of functions that use no global
local globals = G

local function find_environment(f)
    for i = 1, 255 do
        local name = find_upvalue_of(f, i)
        if name == "_ENV" then return i end
        if not name then return nil end
    end
end

-- The function that f says, which may be a level of the caller.
local function function_of(f, who)
    if type(f) == "function" then return f end
    local level = tonumber(f)
    if not level or level < 0 then error("bad argument #1 to '" .. who .. "' (level must be non-negative)", 3) end
    local info = debug.getinfo(level + 2, "f")
    if not info then error("bad argument #1 to '" .. who .. "' (invalid level)", 3) end
    return info.func
end

function G.getfenv(f)
    if f == 0 then return globals end
    f = function_of(f or 1, "getfenv")
    local i = find_environment(f)
    if i then return (select(2, find_upvalue_of(f, i))) end
    return set_environments[f] or globals
end

function G.setfenv(f, environment)
    if type(environment) ~= "table" then
        error("bad argument #2 to 'setfenv' (table expected, got " .. core.type(environment) .. ")", 2)
    end
    if f == 0 then
        globals = environment
        return
    end
    f = function_of(f, "setfenv")
    local i = find_environment(f)
    if i then
        join(f, i, function() return environment end, 1)
    elseif debug.getinfo(f, "S").what == "C" then
        error("'setfenv' cannot change environment of given object", 2)
    else
        set_environments[f] = environment
    end
    return f
end

if own_setfenv then -- of a level that is one more here
    local function level_of(f) return type(f) == "number" and f > 0 and f + 1 or f end
    function G.getfenv(f)
        local environment = f == 0 and globals or own_getfenv(level_of(f or 1))
        return environment
    end
    function G.setfenv(f, environment)
        if f == 0 then
            globals = environment
            return
        end
        local changed = own_setfenv(level_of(f), environment)
        return changed
    end
end

-- Loading

-- Lua's load, in a version of it.
local function compile(text, name, mode, environment)
    if own_setfenv then
        local f, problem = own_loadstring(text, name)
        if f then own_setfenv(f, environment) end
        return f, problem
    end
    return own_load(text, name, mode, environment)
end

-- What was dumped has lost the upvalues that every translated chunk has.
local chunk_names = {callgate_text = core.text, callgate_equal = core.equal, callgate_literal = literals}

local function give_names(f)
    for i = 1, 255 do
        local name = find_upvalue_of(f, i)
        if not name then return f end
        if chunk_names[name] then debug.setupvalue(f, i, chunk_names[name]) end
    end
end

-- A chunk's name as messages have it.
local function shown(name)
    return debug.getinfo(compile("", name, "t", globals), "S").short_src
end

local function load_text(text, name, mode, environment)
    if text:sub(1, 1) == "\27" then
        local f, problem = compile(text, name, mode, environment)
        if f then give_names(f) end
        return f, problem
    end
    local translated, problem, line, near = core.translate(text)
    local f, refusal = compile(translated, name, mode, environment)
    if f and not problem then return f end
    -- Lua doesn't know what a numeral is here; and it may take what LuaJIT doesn't.
    if f or problem == "malformed number" then refusal = ("%s:%d: %s near '%s'"):format(shown(name), line, problem, near) end
    return nil, (refusal:gsub("near <eof>$", "near '<eof>'")) -- by which prompts know that there is more to come
end

local function read_pieces(next_piece)
    local pieces = {}
    for piece in next_piece do
        if type(piece) ~= "string" then error "reader function must return a string" end
        if piece == "" then break end
        pieces[#pieces + 1] = piece
    end
    return table.concat(pieces)
end

function G.load(chunk, name, mode, environment)
    if type(chunk) == "function" then
        local ok, text = pcall(read_pieces, chunk)
        if not ok then return nil, text end
        return load_text(text, name or "=(load)", mode, environment or globals)
    elseif type(chunk) ~= "string" then
        error("bad argument #1 to 'load' (function expected, got " .. core.type(chunk) .. ")", 2)
    end
    return load_text(chunk, name or chunk, mode, environment or globals)
end

G.loadstring = G.load

function G.loadfile(path, mode, environment)
    local file, problem = io.stdin, nil
    if path then file, problem = io.open(path, "rb") end
    if not file then return nil, "cannot open " .. problem end
    local text, why = file:read "*a"
    if path then file:close() end
    if not text then return nil, "cannot read " .. path .. ": " .. tostring(why) end
    return load_text(text, path and "@" .. path or "=stdin", mode, environment or globals)
end

function G.dofile(path)
    local f, problem = G.loadfile(path)
    if not f then error(problem, 0) end
    return f()
end

-- Lua's own functions, told what LuaJIT takes

local function wrap_all(to, from, kinds)
    for name, kind in pairs(kinds) do
        if from[name] then to[name] = wrap(from[name], kind) end
    end
end

local function change_strings()
    for _, name in ipairs {"gmatch", "gsub"} do string[name] = core.closure(string[name], name, string.find) end
    wrap_all(string, string, {byte = "sii", char = "i*", len = "s", lower = "s", rep = "sis", reverse = "s", sub = "sii",
                              upper = "s"})
end

local function change_files()
    local methods = getmetatable(io.stdout).__index
    wrap_all(methods, copy({}, methods, "read write lines seek setvbuf"),
             {read = "-i*", write = "-s*", lines = "-i*", seek = "--i", setvbuf = "--i"})
end

local function make_basics()
    copy(G, state, "next getmetatable rawget rawset rawequal error pcall collectgarbage assert")
    G.unpack = wrap(own_unpack, "-ii")
    G.select = wrap(select, "i")
    G.type, G.tostring = core.type, core.tostring
    G.setmetatable, G.newproxy = core.setmetatable, core.new_proxy
    G.pairs, G.ipairs = core.closure(pairs, "pairs"), core.ipairs
    G.tonumber = core.closure(tonumber, "tonumber")
    G._VERSION = "Lua 5.1"
    G.xpcall = own_xpcall
    if own_setfenv then -- 5.1's passes no arguments
        function G.xpcall(f, handler, ...)
            local arguments, count = {...}, select("#", ...)
            return own_xpcall(function() return f(own_unpack(arguments, 1, count)) end, handler)
        end
    end
    function G.gcinfo() return math.floor(collectgarbage "count") end
    function G.print(...)
        local texts = {...}
        for i = 1, select("#", ...) do
            texts[i] = G.tostring(texts[i])
            if type(texts[i]) ~= "string" then error("'tostring' must return a string to 'print'", 2) end
        end
        io.stdout:write(table.concat(texts, "\t"), "\n")
    end
end

local function make_table()
    local t = copy({}, table, "sort move")
    for name in ("concat insert remove"):gmatch "%S+" do t[name] = core.closure(table[name], name) end
    if t.move then t.move = wrap(t.move, "-iii") end
    function t.getn(list) return #list end
    function t.maxn(list)
        local most = 0
        for k in next, list do
            if type(k) == "number" and k > most then most = k end
        end
        return most
    end
    function t.foreach(list, f)
        for k, v in next, list do
            local result = f(k, v)
            if result ~= nil then return result end
        end
    end
    function t.foreachi(list, f)
        for i = 1, #list do
            local result = f(i, list[i])
            if result ~= nil then return result end
        end
    end
    if not t.move then
        function t.move(from, first, last, at, to)
            to = to or from
            if at > first then
                for i = last - first, 0, -1 do to[at + i] = from[first + i] end
            else
                for i = 0, last - first do to[at + i] = from[first + i] end
            end
            return to
        end
    end
    return t
end

local function make_math()
    local m = copy({}, math, "abs acos asin cos deg exp huge max min modf pi rad sin sqrt tan")
    for name, f in pairs(core.math) do m[name] = f end
    m.random, m.randomseed = wrap(math.random, "ii"), wrap(math.randomseed, "i")
    return m
end

local function make_io()
    local i = copy({}, io, "stdin stdout stderr close flush input open output popen tmpfile type")
    wrap_all(i, io, {read = "i*", write = "s*", lines = "-i*"})
    return i
end

local function make_os()
    local o = copy({}, os, "clock difftime getenv remove rename setlocale tmpname")
    o.exit, o.date = wrap(os.exit, "i"), wrap(os.date, "si")
    function o.execute(command)
        local ok, how, code = os.execute(command)
        if type(ok) == "number" then return ok end
        if command == nil then return ok and 1 or 0 end
        return how == "exit" and code * 256 or code
    end
    function o.time(fields)
        if fields == nil then return os.time() end
        local whole = {}
        for k, v in pairs(fields) do
            local n = type(v) == "string" and tonumber(v) or v
            whole[k] = type(n) == "number" and math.floor(n) or n
        end
        return os.time(whole)
    end
    return o
end

local function make_coroutine()
    local c = copy({}, own_coroutine, "create isyieldable resume status wrap yield")
    function c.running()
        local thread, is_main = own_coroutine.running()
        return not is_main and thread or nil
    end
    return c
end

local function make_debug()
    local d = copy({}, debug, [[debug gethook getinfo getlocal getmetatable getregistry getupvalue sethook setlocal
        setmetatable setupvalue traceback upvalueid upvaluejoin]])
    d.getfenv, d.setfenv = G.getfenv, G.setfenv
    return d
end

-- jit: there is no compiler to turn on

local function nothing() end

local function make_jit()
    local jit = {
        version = "LuaJIT 2.1.0-beta3", version_num = 20100, os = "Linux", arch = "x64",
        on = nothing, off = nothing, flush = nothing, attach = nothing, security = nothing,
        opt = {start = nothing},
        util = {},
    }
    function jit.status() return false end
    function jit.util.funcinfo(f)
        local info = debug.getinfo(f, "Slu")
        if info.what == "C" then return {addr = 0, upvalues = info.nups} end
        return {
            linedefined = info.linedefined, lastlinedefined = info.lastlinedefined, currentline = info.linedefined,
            source = info.source, loc = info.short_src .. ":" .. info.linedefined, upvalues = info.nups,
            params = info.nparams, isvararg = info.isvararg,
        }
    end
    function jit.util.funcuvname(f, i) return (find_upvalue_of(f, i + 1)) end
    for name in ("funcbc funck traceinfo traceir tracek tracesnap tracemc traceexitstub ircalladdr"):gmatch "%S+" do
        jit.util[name] = nothing
    end
    return jit
end

-- Modules. Lua's own `require` finds those in C, so that they are loaded once for both worlds.

local function require_own(name) return function() return own_require(name) end end

local function search_preload(name)
    local loader = G.package.preload[name]
    if loader then return loader end
    if package.preload[name] then return require_own(name) end
    return "\n\tno field package.preload['" .. name .. "']"
end

local function search_path(name, path)
    local tried = {}
    name = name:gsub("%.", "/")
    for template in path:gmatch "[^;]+" do
        local file_name = template:gsub("%?", (name:gsub("%%", "%%%%")))
        local file = io.open(file_name)
        if file then
            file:close()
            return file_name
        end
        tried[#tried + 1] = "\n\tno file '" .. file_name .. "'"
    end
    return nil, table.concat(tried)
end

local function search_lua(name)
    local file_name, tried = search_path(name, G.package.path)
    if not file_name then return tried end
    local loader, problem = G.loadfile(file_name)
    if loader then return loader end
    error(("error loading module '%s' from file '%s':\n\t%s"):format(name, file_name, problem), 0)
end

local function search_c(place)
    return function(name)
        local loader = searchers[place](name)
        if type(loader) == "function" then return require_own(name) end
        return (loader or ""):gsub("^[^\n]", "\n\t%0")
    end
end

local function make_package(loaded)
    local p = {
        loaded = loaded, preload = {}, config = package.config or "/\n;\n?\n!\n-\n", cpath = package.cpath,
        loadlib = package.loadlib, path = package.path,
        loaders = {search_preload, search_lua, search_c(3), search_c(4)},
    }
    p.searchpath = package.searchpath or function(name, path) return search_path(name, path) end
    function p.seeall(module)
        local meta = getmetatable(module) or {}
        meta.__index = globals
        setmetatable(module, meta)
    end
    if not os.getenv "LUA_PATH" then -- LuaJIT's modules are where 5.1's are
        local path = {"./?.lua"}
        for template in p.path:gmatch "[^;]+" do
            if template:find "/lua/5%.%d/" then path[#path + 1] = (template:gsub("/lua/5%.%d/", "/lua/5.1/")) end
        end
        p.path = table.concat(path, ";") .. ";" .. p.path
    end
    return p
end

local function loading() end -- stands in for a module while it loads

function G.require(name)
    local loaded = G.package.loaded
    local value = loaded[name]
    if value == loading then error("loop or previous error loading module '" .. name .. "'", 2) end
    if value then return value end
    local tried = {}
    for _, search in ipairs(G.package.loaders) do
        local loader = search(name)
        if type(loader) == "function" then
            loaded[name] = loading
            local ok, result = pcall(loader, name)
            if not ok then
                loaded[name] = nil
                error(result, 0)
            end
            if result ~= nil then loaded[name] = result end
            if loaded[name] == loading then loaded[name] = true end
            return loaded[name]
        end
        tried[#tried + 1] = loader
    end
    error(("module '%s' not found:%s"):format(name, table.concat(tried)), 2)
end

-- The table at a dotted name, made where it is missing; nil if something else is there.
local function find_table(root, name)
    for part in name:gmatch "[^.]+" do
        local inner = rawget(root, part)
        if inner == nil then
            inner = {}
            root[part] = inner
        end
        if type(inner) ~= "table" then return nil end
        root = inner
    end
    return root
end

function G.module(name, ...)
    local loaded = G.package.loaded
    local m = loaded[name]
    if type(m) ~= "table" then
        m = find_table(globals, name)
        if not m then error("name conflict for module '" .. name .. "'", 2) end
        loaded[name] = m
    end
    if m._NAME == nil then
        m._M, m._NAME, m._PACKAGE = m, name, name:match "^(.*%.)[^.]*$" or ""
    end
    G.setfenv(2, m)
    for _, option in ipairs {...} do option(m) end
end

local function make_libraries()
    local loaded = {}
    make_basics()
    G.string = string
    G.table, G.math, G.io, G.os = make_table(), make_math(), make_io(), make_os()
    G.coroutine, G.debug, G.jit, G.bit = make_coroutine(), make_debug(), make_jit(), core.bit
    G.package = make_package(loaded)
    for _, name in ipairs {"string", "table", "math", "io", "os", "coroutine", "debug", "package", "jit", "bit"} do
        loaded[name] = G[name]
    end
    G._G, loaded._G = G, G
    loaded["jit.opt"], loaded["jit.util"] = G.jit.opt, G.jit.util
    local preload = G.package.preload
    preload.ffi = require_own "callgate.ffi"
    for _, name in ipairs {"jit.v", "jit.p", "jit.dump", "jit.profile", "jit.zone"} do
        preload[name] = function()
            local functions = {}
            for word in ("on off start stop dumpstack get flush"):gmatch "%a+" do functions[word] = nothing end
            return setmetatable(functions, {__call = nothing})
        end
    end
    core.require, core.unpack = own_require, own_unpack
    preload["string.buffer"] = function() return core.buffer(core, string.format) end
    preload["table.new"] = function()
        G.table.new = core.new_table
        return core.new_table
    end
    preload["table.clear"] = function()
        G.table.clear = core.clear
        return core.clear
    end
end

-- The loader's own functions

for _, name in ipairs {"load", "loadstring", "loadfile", "dofile", "require"} do luajit[name] = G[name] end

-- For a prompt: a function from the lines that read(sign) gives; false and why, if they are none; nil at their end. An
-- expression is a chunk, too.
function luajit.read_chunk(read)
    local text = read "> "
    if not text then return nil end
    if text:sub(1, 1) == "=" then text = "return " .. text:sub(2) end
    while true do
        local f = G.load("return " .. text, "=stdin")
        if f then return f end
        local problem
        f, problem = G.load(text, "=stdin")
        if f then return f end
        local more = problem:find "<eof>" and read ">> "
        if not more then return false, problem end
        text = text .. "\n" .. more
    end
end

local function names_of(value, prefix, found)
    if type(value) == "table" then
        for name in next, value do
            if type(name) == "string" and name:find "^[%a_][%w_]*$" and name:sub(1, #prefix) == prefix then
                found[name] = true
            end
        end
    end
    local meta = getmetatable(value)
    local index = type(meta) == "table" and rawget(meta, "__index")
    if type(index) == "table" and index ~= value then names_of(index, prefix, found) end
end

-- The value of a name with dots, without a metamethod's help but tables'.
local function value_of(path)
    local value = globals
    for name in path:gmatch "[%w_]+" do
        while type(value) == "table" and rawget(value, name) == nil do
            local meta = getmetatable(value)
            value = type(meta) == "table" and rawget(meta, "__index")
        end
        if type(value) ~= "table" then return nil end
        value = rawget(value, name)
    end
    return value
end

-- For a prompt: what can be added to text, and all that the name at its end may become, as a line.
function luajit.complete(text)
    local path, prefix = text:match "([%w_.]*)[.:]([%w_]*)$"
    if not path then path, prefix = "", text:match "[%w_]*$" end
    local found, sorted = {}, {}
    names_of(value_of(path), prefix, found)
    for name in next, found do sorted[#sorted + 1] = name end
    table.sort(sorted)
    local first, last = sorted[1], sorted[#sorted]
    if not first then return "", nil end
    local same = #prefix
    while same < #first and first:byte(same + 1) == last:byte(same + 1) do same = same + 1 end
    return first:sub(#prefix + 1, same), table.concat(sorted, "  ")
end

-- Makes LuaJIT's world the state's: what LuaJIT hasn't is gone.
function luajit.install()
    for name in next, state do
        if G[name] == nil and name ~= "arg" then state[name] = nil end
    end
    for name, value in next, G do state[name] = value end
    state._G, G.package.loaded._G, globals, luajit.env = state, state, state, state
end

string.format = core.closure(string.format, "format")
if core.has_integers then
    change_strings()
    change_files()
end
string.find, string.match = core.wrap(string.find, "ssp"), core.wrap(string.match, "ssp")
if own_setfenv then string.rep = core.closure(string.rep, "rep") end
make_libraries()
return luajit
