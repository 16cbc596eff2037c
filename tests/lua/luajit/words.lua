-- A LuaJIT program: counts words, in the style of such programs. Its output is the same under luajit.
--
-- SPDX-License-Identifier: MIT

local new_table = require "table.new"
local clear = require "table.clear"
local format, insert, concat = string.format, table.insert, table.concat
local floor, max = math.floor, math.max

local text = [[
The quick brown fox jumps over the lazy dog; the dog sleeps.
A fox is quick, and a dog is not.
]]

local counts, order = new_table(0, 32), new_table(32, 0)
for word in text:lower():gmatch "%a+" do
    if not counts[word] then
        counts[word] = 0
        order[#order + 1] = word
    end
    counts[word] = counts[word] + 1
end
table.sort(order, function(a, b)
    if counts[a] ~= counts[b] then return counts[a] > counts[b] end
    return a < b
end)

local width, total = 0, 0
for _, word in ipairs(order) do
    width = max(width, #word)
    total = total + counts[word]
end
for i = 1, #order / 2 do -- which isn't whole
    local word = order[i]
    print(format("%-" .. width .. "s %3d %5.1f%%", word, counts[word], counts[word] * 100 / total))
end
print("words: " .. total .. ", half of them " .. total / 2 .. ", the mean length " .. #text / total)

-- A bar of half characters, as cut numbers allow it.
for i = 1, 3 do io.write(("#"):rep(counts[order[i]] * 1.5), " ", counts[order[i]] * 1.5, "\n") end

-- Thousands, by the usual idiom on a number.
local function commas(number)
    local left = number
    repeat
        local done
        left, done = string.gsub(left, "^(-?%d+)(%d%d%d)", "%1,%2")
    until done == 0
    return left
end
print(commas(1234567), commas(-1234.5), commas(100), commas(2 ^ 40))

-- What gsub puts in may be a number.
print((("3 and 4"):gsub("%d", function(d) return d * 2 end)))
print((("a b"):gsub("%a", {a = 10 / 5, b = 0.5})))

-- Hashes, which have to stay within 2^53 to be right, and are doubles beyond.
local hash = 5381
for byte in text:gmatch "." do hash = (hash * 33 + byte:byte()) % 4294967296 end
print(hash, format("%08x", hash))
local factorial = 1
for i = 1, 25 do factorial = factorial * i end
print(factorial, 2 ^ 53 + 1, 9007199254740993, 0xffffffffffffffff)

local parts = {}
for i = 1, 5 do insert(parts, i / 1) end
insert(parts, floor(2.5))
insert(parts, 2, "in")
print(concat(parts, " "), #parts, table.maxn(parts), unpack(parts, 5))
clear(parts)
print(next(parts), #parts)
