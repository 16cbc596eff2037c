local ffi = require "callgate.ffi"

ffi.cdef [[
    int compress(uint8_t *packed, unsigned long *size, const uint8_t *text, unsigned long length);
    uint32_t crc32_z(unsigned long crc, const uint8_t *text, size_t length);
]]
local z = ffi.load "libz.so.1"

local text = ("a call, and another call, "):rep(100)
local packed, size = ffi.new("uint8_t[?]", #text), ffi.new("unsigned long[1]", #text)
assert(z.compress(packed, size, text, #text) == 0)
print(#text .. " bytes, compressed to " .. ffi.tonumber(size[0]) .. ", checksum " .. z.crc32_z(0, text, #text))
