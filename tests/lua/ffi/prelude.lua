-- What the ffi's tests are written with. The same file runs under LuaJIT, whose ffi is the oracle, and under a stock Lua
-- with Callgate's: each fact has to be true of both.
--
-- What a stock Lua can't do as LuaJIT does is here, each with its reason, and nowhere else:
--
--   tonumber   Lua's own looks at numbers and strings alone, and no metamethod is asked.
--   type       A cdata is a userdata to a stock Lua.
--   ==         Lua asks __eq where both operands are userdata (in 5.1 and 5.2: of the same metamethod); a cdata and a
--              number, a string or nil are different without a question.
--   < and <=   5.1 compares operands of one type alone. So do the others where both are numbers or strings, as LuaJIT.
--   pairs      5.1 has no __pairs.
--   ffi.C.f    is a function of Lua's, since the call of a userdata costs a look for __call. typeof, cast and == take it for
--              what it is.
--   5LL        is a malformed number. LuaJIT's parser knows the suffixes LL, ULL and i.
--
-- SPDX-License-Identifier: MIT

-- A collector that never rests shows AddressSanitizer what is freed too early.
if os.getenv "HOSTILE_GC" then
    collectgarbage("setpause", 0)
    collectgarbage("setstepmul", 1000)
    pcall(collectgarbage, "incremental", 1, 1000, 1)
end

local stock = rawget(_G, "jit") == nil
local ffi = require(stock and "callgate.ffi" or "ffi")

local prelude = {
    ffi = ffi,
    stock = stock,
    -- A number that an int holds may be one of Lua's integers, of 64 bits; LuaJIT has doubles alone.
    integers = math.type ~= nil,
    number = stock and ffi.tonumber or tonumber,
    kind = stock and ffi.type or type,
    load = loadstring or load,
    unpack = table.unpack or unpack,
}

-- The value of the metamethod `name` of either operand.
local function ask(name, a, b)
    local meta = debug.getmetatable(type(a) == "userdata" and a or b)
    return meta[name](a, b) and true or false
end

local function has_cdata(a, b)
    return type(a) == "userdata" or type(b) == "userdata"
end

function prelude.eq(a, b)
    if stock and has_cdata(a, b) then return ask("__eq", a, b) end
    return a == b
end

function prelude.lt(a, b)
    if _VERSION == "Lua 5.1" and stock and has_cdata(a, b) then return ask("__lt", a, b) end
    return a < b
end

function prelude.le(a, b)
    if _VERSION == "Lua 5.1" and stock and has_cdata(a, b) then return ask("__le", a, b) end
    return a <= b
end

function prelude.pairs(object)
    if _VERSION == "Lua 5.1" and stock and type(object) == "userdata" then
        return debug.getmetatable(object).__pairs(object)
    end
    return pairs(object)
end

ffi.cdef [[
long long strtoll(const char *, char **, int);
unsigned long long strtoull(const char *, char **, int);
]]

-- What LuaJIT writes as 5LL and 5ULL. Text, so that no double stands in between.
function prelude.i64(text)
    return ffi.C.strtoll(text, nil, 0)
end

function prelude.u64(text)
    return ffi.C.strtoull(text, nil, 0)
end

-- A value as text, by which two runs can be compared: without addresses, or the numbers of nameless types, or the
-- difference between 3 and 3.0.
function prelude.show(value)
    local kind = prelude.kind(value)
    if kind == "number" then
        if value ~= value then return "nan" end
        local text = ("%.14g"):format(value)
        if tonumber(text) == value or value - value ~= 0 then return text end
        -- LuaJIT rounds a tie up, C to the even digit.
        return "double " .. prelude.bytes(ffi.new("double[1]", value))
    elseif kind == "string" then
        return '"' .. value:gsub('[%c\128-\255"\\]', function(c) return ("\\%03d"):format(c:byte()) end) .. '"'
    elseif kind == "cdata" then
        return prelude.plain(tostring(value))
    elseif kind == "table" or kind == "function" or kind == "userdata" then
        return kind
    end
    return tostring(value)
end

function prelude.plain(text)
    text = text:gsub("0x%x+", "0x…")
    for _, kind in ipairs {"struct", "union", "enum"} do text = text:gsub(kind .. " %d+", kind .. " N") end
    return text
end

-- The value must be shown as text.
function prelude.shows(text, value)
    local got = prelude.show(value)
    if got ~= text then error(("got %s, wanted %s"):format(got, text), 2) end
end

-- The bytes of a cdata, in hexadecimal.
function prelude.bytes(cdata)
    local size = ffi.sizeof(cdata)
    return (ffi.string(ffi.cast("const char *", cdata), size):gsub(".", function(c)
        return ("%02x"):format(c:byte())
    end))
end

return prelude
