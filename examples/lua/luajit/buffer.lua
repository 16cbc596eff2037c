-- string.buffer: LuaJIT's buffers of text, without its serializer and what lends memory to C.
--
-- A buffer is a userdata, as type() says of LuaJIT's, with a list of pieces that are joined when one asks for them.
--
-- SPDX-License-Identifier: MIT

local core, format = ...
local concat, error, getmetatable, math, select, setmetatable, type =
    table.concat, error, getmetatable, math, select, setmetatable, type
local floor = math.floor

local states = setmetatable({}, {__mode = "k"}) -- of each buffer: pieces
local prototype = core.new_proxy(true)
local Buffer = {}

local function pieces_of(buffer, who)
    local pieces = states[buffer]
    if not pieces then
        error(("bad argument #1 to '%s' (buffer expected, got %s)"):format(who, core.type(buffer)), 3)
    end
    return pieces
end

local function refuse(who, place, what) error(("bad argument #%d to '%s' (%s)"):format(place, who, what), 3) end

local function set(pieces, text)
    for i = #pieces, 2, -1 do pieces[i] = nil end
    pieces[1] = text
end

-- The whole text, which is then one piece.
local function join(pieces)
    if #pieces ~= 1 then set(pieces, concat(pieces)) end
    return pieces[1]
end

local function add(pieces, who, ...)
    for i = 1, select("#", ...) do
        local value = select(i, ...)
        local kind, meta = type(value), getmetatable(value)
        if kind == "string" then
            pieces[#pieces + 1] = value
        elseif kind == "number" or states[value] or type(meta) == "table" and meta.__tostring then
            pieces[#pieces + 1] = core.tostring(value)
        else
            refuse(who, i + 1, "string/number/__tostring expected, got " .. core.type(value))
        end
    end
end

function Buffer.put(buffer, ...)
    add(pieces_of(buffer, "put"), "put", ...)
    return buffer
end

function Buffer.putf(buffer, ...)
    add(pieces_of(buffer, "putf"), "putf", format(...))
    return buffer
end

function Buffer.putcdata(buffer, cdata, length)
    add(pieces_of(buffer, "putcdata"), "putcdata", core.require("callgate.ffi").string(cdata, length))
    return buffer
end

function Buffer.set(buffer, text)
    local pieces = pieces_of(buffer, "set")
    set(pieces, "")
    add(pieces, "set", text)
    return buffer
end

function Buffer.reset(buffer)
    set(pieces_of(buffer, "reset"), "")
    return buffer
end

function Buffer.free(buffer) set(pieces_of(buffer, "free"), "") end

local function check_length(length, who, place)
    if type(length) ~= "number" then refuse(who, place, "number expected, got " .. core.type(length)) end
    if length < 0 then refuse(who, place, "number out of range") end
    return floor(length)
end

-- Takes the first bytes away, or all.
local function take(pieces, length)
    local text = join(pieces)
    if not length or length >= #text then
        pieces[1] = ""
        return text
    end
    pieces[1] = text:sub(length + 1)
    return text:sub(1, length)
end

function Buffer.get(buffer, ...)
    local pieces, results, count = pieces_of(buffer, "get"), {...}, select("#", ...)
    if count == 0 then return take(pieces) end
    for i = 1, count do
        results[i] = take(pieces, results[i] ~= nil and check_length(results[i], "get", i + 1) or nil)
    end
    return core.unpack(results, 1, count)
end

function Buffer.skip(buffer, length)
    take(pieces_of(buffer, "skip"), check_length(length, "skip", 2))
    return buffer
end

function Buffer.tostring(buffer) return join(pieces_of(buffer, "tostring")) end

local meta = getmetatable(prototype)
meta.__index, meta.__tostring, meta.__metatable = Buffer, Buffer.tostring, "buffer"
function meta.__len(buffer) return #join(states[buffer]) end
function meta.__concat(a, b) return core.tostring(a) .. core.tostring(b) end

local module = {}

function module.new()
    local buffer = core.new_proxy(prototype)
    states[buffer] = {""}
    return buffer
end

return module
