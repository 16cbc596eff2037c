local callgate = require "callgate"
local z = callgate.open "libz.so.1"
local compress = z:bind("compress", "int (uint8_t *, unsigned long *, const uint8_t *, unsigned long)")
local crc32 = z:bind("crc32", "unsigned long (unsigned long, const uint8_t *, unsigned)")

local text = ("a call, and another call, "):rep(100)
local packed, size = callgate.array("uint8_t", #text), callgate.array("unsigned long", {#text})
assert(compress(packed, size, text, #text) == 0)
print(#text .. " bytes, compressed to " .. size[0] .. ", checksum " .. crc32(0, text, #text))
