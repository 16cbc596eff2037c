-- callgate.bit on Lua's own numbers; tests/lua/luajit/boxed.lua has those of 64 bits.

local check = require "check"
local bit = require "callgate.bit"
local test, equal, raises = check.test, check.equal, check.raises

test("numbers are taken modulo 2^32, and results are signed", function()
    equal(bit.tobit(0xffffffff), -1)
    equal(bit.tobit(2 ^ 32 + 5), 5)
    equal(bit.tobit(-1), -1)
    equal(bit.tobit(2 ^ 31), -2 ^ 31)
    equal(bit.bor(0x80000000, 1), -0x7fffffff)
end)

test("a number that isn't whole is rounded, halves to the even one", function()
    equal(bit.tobit(1.5), 2)
    equal(bit.tobit(2.5), 2)
    equal(bit.tobit(-1.2), -1)
end)

test("operands are combined, however many there are", function()
    equal(bit.band(0xff, 0x3c, 0x0f), 0x0c)
    equal(bit.bor(1, 2, 4, 8), 15)
    equal(bit.bxor(5), 5)
    equal(bit.bxor(1, 2, 3), 0)
    equal(bit.bnot(0), -1)
    equal(bit.bswap(0x12345678), 0x78563412)
end)

test("shifts take the low five bits of their count", function()
    equal(bit.lshift(1, 31), -2 ^ 31)
    equal(bit.lshift(1, 33), 2)
    equal(bit.rshift(-1, 28), 15)
    equal(bit.arshift(-256, 4), -16)
    equal(bit.rol(0x12345678, 8), 0x34567812)
    equal(bit.ror(0x12345678, 8), 0x78123456)
    equal(bit.rol(5, 0), 5)
end)

test("tohex writes the low digits, in capitals for a negative count", function()
    equal(bit.tohex(255), "000000ff")
    equal(bit.tohex(-1, 4), "ffff")
    equal(bit.tohex(0xabc, -3), "ABC")
    equal(bit.tohex(1, 0), "")
    equal(#bit.tohex(1, 1000), 254)
    equal(#bit.tohex(1, -2 ^ 31), 254)
end)

test("strings of numbers are operands, and nothing else is", function()
    equal(bit.bor("8", 1), 9)
    raises("number expected, got string", bit.band, "x", 1)
    raises("number expected, got no value", bit.band)
    raises("number expected, got nil", bit.lshift, 1, nil)
    raises("number expected, got boolean", bit.bor, 1, true)
    raises("number expected", bit.bor, 1, io.stdout)
end)

check.finish()
