-- Metatables as LuaJIT heeds them. Its output is the same under luajit.
--
-- SPDX-License-Identifier: MIT

local function collect()
    collectgarbage()
    collectgarbage()
end

-- A proxy is finalized by what its metatable has when it is collected, and a table never is.
do
    local proxy = newproxy(true)
    getmetatable(proxy).__gc = function() print "a proxy's end" end
    local another = newproxy(proxy)
    getmetatable(proxy).__index = {word = "indexed"}
    print(another.word, getmetatable(proxy) == getmetatable(another))
end
collect()
local meta = {__gc = function() print "a table's end" end}
print(getmetatable(setmetatable({}, meta)) == meta, type(meta.__gc))
collect()
print(pcall(setmetatable, 1, {}) == false, pcall(setmetatable, {}) == false, pcall(setmetatable, {}, 1) == false)
print(pcall(setmetatable, setmetatable({}, {__metatable = "locked"}), {}))
print(getmetatable(setmetatable(setmetatable({}, {}), nil)))

-- A list's elements are its own.
local counts = setmetatable({3, 4}, {__index = function() return 0 end})
for i, value in ipairs(counts) do io.write(i, "=", value, " ") end
print(counts[100], pcall(ipairs) == false, pcall(ipairs, nil) == false, pcall(ipairs, "text") == false)

-- Two tables are equal by a metamethod that both have.
local function always() return true end
local a, b = setmetatable({}, {__eq = always}), setmetatable({}, {__eq = always})
local other = setmetatable({}, {__eq = function() return true end})
print(a == b, a ~= b, a == other, other == a, a == {}, {} == a, a == a, a == 1, setmetatable({}, {}) == a)

-- A name is a field like others.
print((tostring(setmetatable({}, {__name = "Named"})):gsub("0x%x+", "0x…")))
print((("%s"):format(setmetatable({}, {__name = "Named"})):gsub("0x%x+", "0x…")))
print(tostring(setmetatable({}, {__name = "Named", __tostring = function() return "in words" end})), tostring(nil), tostring(true))
