-- Boxed integers and `bit`. Its output is the same under luajit.
--
-- SPDX-License-Identifier: MIT

local ffi = require "ffi"
local bit = require "bit"
local band, bor, bxor, bnot = bit.band, bit.bor, bit.bxor, bit.bnot
local lshift, rshift, arshift, rol, ror, bswap = bit.lshift, bit.rshift, bit.arshift, bit.rol, bit.ror, bit.bswap
local tohex, tobit = bit.tohex, bit.tobit

print(42LL, 42ll, 42ULL, 42uLL, 42LLU, -42LL, 0x10LL, 0xffffffffffffffffLL, 0xffffffffffffffffULL, 0b101LL, 08LL)
print(1i, 1.5i, 0x10i, 1e3i, 12I)
print(9223372036854775807LL, 9223372036854775808LL, 18446744073709551615ULL)
print(1LL + 2, 7LL / 2, -7LL / 2, -7LL % 3, 2LL ^ 10, 1ULL - 2, 5LL == 5, 5LL < 6ULL, 1LL + 1.5)
print(type(1LL), type(1i), tostring(5ULL), tonumber(5LL), tonumber(2ULL ^ 63), tostring(-1LL))
print(string.format("%d %x %s %5d|%g", 5LL, 255ULL, 7LL, 42LL, 2))
local function constant() return 77LL end
print(constant() == constant(), rawequal(constant(), constant()))

print(tobit(2 ^ 32 + 5), tobit(-1), tobit(1.5), tobit(2.5), tobit(2 ^ 31), tobit "0x10", tobit(0xffffffff))
print(tobit(5LL), tobit(0x1ffffffffULL))
print(band(0xff, 0x0f), bor(1, 2, 4), bxor(1, 3), bnot(0), bnot(0LL), bnot(0ULL), band(5), bxor(1, 2, 3))
print(band(0xffLL, 0x0f), band(0xffULL, 1LL), bor(1, 2LL), bor(0xffffffff, 0LL), bxor(1.5, 0LL), bor(1, 2, 3LL, "8"))
print(bswap(0x12345678), bswap(0x1122334455667788LL))
print(lshift(1, 33), lshift(1LL, 33), lshift(1, 33LL), lshift(1LL, 65), rshift(-1, 4), rshift(-1LL, 4))
print(arshift(-256, 4), arshift(-256LL, 4), arshift(0xff00000000000000ULL, 4), lshift(1, 2.5), lshift(1, "3"))
print(rol(0x12345678, 8), ror(0x12345678, 8), rol(1LL, -1), ror(1ULL, 1), rol(5, 0), ror(5LL, 0), rol(1, 32))
print(tohex(255), tohex(-1, 4), tohex(-1, -8), tohex(0xabcLL), tohex(0xabcULL, -3), tohex(1, 20), tohex(5, 0))
print(tohex(2 ^ 33 + 1), tohex(1LL, 20), tohex(1, 2LL), tohex(1.5, 2.7), tohex(-1LL))
print(band(ffi.new("int", 5), 3), bor(ffi.new("uint32_t", 0xffffffff), 0), band(ffi.new("double", 3.7), 7))
print(rshift(1ULL, 2LL), lshift(2 ^ 32, 1LL), lshift(ffi.new("int", 1), 40))

-- The words of an error, without the name that the function has.
local function problem(f, ...)
    local _, message = pcall(f, ...)
    return (message:gsub("to '.-' %(", "("))
end
print(problem(band, "x", 1), problem(band, {}, 1), problem(lshift, 1), problem(bor, true, 1), problem(bnot))
print(problem(band, ffi.new "int64_t[1]", 1), problem(band, 0LL, "x"))

-- One may be a cdata, and the other not.
local null, pointer = ffi.new "void *", ffi.cast("char *", 1)
print(5LL == 5, 5 == 5LL, 5LL ~= 5, 5LL == 6, 5ULL == 5LL, 5.5 == 5LL, not (5LL == 5), 5LL == 5 and "both")
print(null == nil, nil == null, null ~= nil, pointer == nil, nil ~= pointer, null == pointer, not null)
print(pointer ~= nil and "one", (pointer == nil) == false, type(null) == "cdata", #"abc" == 3, 1 == 1.0)
ffi.cdef "int abs(int);"
print(type(ffi.C.abs), type(ffi.C.abs) == "function", type(print), ffi.C.abs == ffi.C.abs, ffi.C.abs == nil, tonumber(print))
print(ffi.C.abs == ffi.cast("int (*)(int)", ffi.C.abs), pcall(bit.bor, ffi.C.abs, 1) == false)
ffi.cdef "enum color { RED, GREEN }; struct painted { enum color color; int64_t size; const char *name; };"
local painted = ffi.new("struct painted", {color = "GREEN", size = -1})
print(painted.color == "GREEN", painted.color == "RED", painted.color == ffi.C.GREEN, painted.size == -1, painted.name == nil)
local list = ffi.metatype("struct { int count; int items[?]; }", {
    __len = function(l) return l.count end,
    __ipairs = function(l)
        return function(_, i)
            if i < l.count then return i + 1, l.items[i] end
        end, l, 0
    end,
    __pairs = function(l) return next, {count = l.count}, nil end,
    __tostring = function() return nil end,
})(3, {3, {5, 6, 7}})
for i, item in ipairs(list) do io.write(i, "=", item, " ") end
for k, v in pairs(list) do io.write(k, "=", v, " ") end
print(#list, tostring(list))
local function none() end
print(none() == nil, none() ~= none(), ({} == {}), print == print)

-- FNV-1a of 64 bits, and a generator of that size.
local hash = 0xcbf29ce484222325ULL
for byte in ("callgate"):gmatch "." do hash = bxor(hash, byte:byte()) * 0x100000001b3ULL end
print(hash, tohex(hash))
local state = 88172645463325252ULL
for _ = 1, 3 do
    state = bxor(state, lshift(state, 13))
    state = bxor(state, rshift(state, 7))
    state = bxor(state, lshift(state, 17))
    print(state)
end

-- What is large is written as other numbers are, whatever the Lua below has it as.
print(tonumber(9007199254740993LL), tonumber(100000000000001LL), tonumber(99999999999999LL), -tonumber(2LL ^ 62))
print(("%s"):format(tonumber(9007199254740993LL)), tonumber(9007199254740993LL) .. "")
