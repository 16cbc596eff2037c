-- Numbers as LuaJIT has them: doubles, boxed integers, bits. Its output is the same under luajit.
--
-- SPDX-License-Identifier: MIT

print(1, 1.0, 1.5, 1e15, 1e14, 123456789012, 2 ^ 63, -2 ^ 53, 1 / 0, -1 / 0, 0 / 0, -(0 / 0))
print(10 / 2, 7 / 2, 7 % 3, -7 % 3, 7 % -3, 5.5 % 2, 2 ^ 0.5, 5 % 0, 1e308 * 10)
print(10 / 2 .. "", 1 .. 2, 2 ^ 31 .. "|" .. 0x10 .. "|" .. 0x.8p1 .. "|" .. 0b101)
print("10" + 5, "0x10" * 1, "3" .. 4, -"2", 10 == "10", "abc" < "abd")
print(#"abc" / 2, ("x"):rep(2.9), ("abcdef"):sub(1.9, 3.2), ("abc"):byte(2.5), string.char(65.7, 66))
print(string.format("%d %i %u %x %X %o %c", 3.7, -3.7, 3.2, 255.9, 255, 8, 65.5))
print(string.format("%s %s %s %q %q", 10 / 2, 2 ^ 53, nil, 5 / 2, "a\nb\"\\"))
print(string.format("%5.1f|%-6d|%+d|%05d|%e|%g", 2, 3, 4, 5, 6, 7))
print(string.format("%d %s %5s|%-5s|", "10", true, "ab", "cd"))
print((function() return -0 end)(), (function() return tostring(-0.0) end)()) -- 5.1 has one constant for both zeros
print(tostring(5), tostring(5.0), tostring(1e100), tostring(12345678901234567890))
print(tonumber "10", tonumber "0x1F", tonumber " 5.50 ", tonumber "1e2", tonumber "0b11", tonumber "z", tonumber "")
print(tonumber("z", 36), tonumber("7", 8), tonumber("ff", 16), tonumber(12, 10), tonumber "10LL", tonumber "0x1p4")
print(tonumber "inf", tonumber "-inf", tonumber "nan", tonumber "-5", tonumber(nil), tonumber {})
print(math.floor(2.7), math.ceil(2.2), math.floor(-2.5), math.max(1, 2.5), math.min(3, 2), math.abs(-4))
print(math.fmod(7, 3), math.fmod(-7, 3), math.modf(3.7), math.modf(-5), math.huge, -math.huge)
print(table.concat({1, 2, 10 / 2, 2.5, "x"}, ","), table.concat({}, ","), table.concat({1, 2, 3}, "-", 2, 3))
print(select(2.9, "a", "b", "c"), select("#", 1, 2), select(-1, 1, 2))

-- Products of what Lua's functions return are doubles, however large.
local function to_the_20th(number)
    local product = number
    for _ = 2, 20 do product = product * number end
    return product
end
print(to_the_20th(("z"):byte()), to_the_20th(math.floor(1000.5)), to_the_20th(math.ceil(999.5)), to_the_20th(tonumber "1000"))
print(to_the_20th(math.random(1000, 1000)), to_the_20th((("x"):rep(1000) .. "y"):find "y"), to_the_20th(select("#", 1, 2)))
print(math.floor(1e300), math.ceil(-0.5), math.floor "2.5", math.floor(-2 ^ 53 - 2))

local t = {}
t[1] = "one"
t[2 / 1] = "two"
t[2 ^ 53] = "large"
print(t[1.0], t[2], t[2 ^ 53], #t, next({[3.0] = 1}))
for i = 1, 2 do io.write(i, " ", i / 2, " ", i * 1.0, "\n") end
for i = 3, 1, -1 do io.write(i, " ") end
for i = 0, 1, 0.25 do io.write(i, " ") end
print()
for k, v in pairs {[3] = 4 / 2} do io.write(k .. "=" .. v, "\n") end
io.stdout:write(1, " ", 2 / 1, " ", 1e15, "\n")
table.insert(t, 3 / 1, "three")
print(table.remove(t, 1.5), t[1], table.remove(t, 10), table.getn(t))
print(select("#", table.remove(t, 10)), select("#", table.remove {}), table.remove({1, 2}, nil), table.remove({}, nil))
table.foreach({a = 1}, print)
table.foreachi({5, 6}, print)
print(0xff, 0XFF, 0x7fffffff, 0xffffffff, 1e3, .5, 5., 3e-2, 0x1p-2, 1E+2)
print("\x41\u{20ac}\065\z
       B", '\'', "tab\tend", [[
long]], [==[a]]b]==])
print(#[[
x]], "a\
b")
