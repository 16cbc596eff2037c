local ffi = require "callgate.ffi"
ffi.cdef "int say(const char *format, ...);"
ffi.cdef(text)
ffi.cdef("int " .. name .. "(void);")
ffi.cdef(("int %s(void);"):format(name))
ffi.cdef("int f\u{41}(void);")
pcall(ffi.cdef, text)
local declare_c = ffi.cdef
local function declare(text) return ffi.declare("int f(void);" .. text) end
ffi["declare"](text)
local schema = declare(text)
local cdef, cast = ffi.cdef, ffi.cast
pcall(ffi.cdef, text)
pcall(cdef, text)
pcall(cdef, "int missing(void);")
ffi.cdef "int count(
