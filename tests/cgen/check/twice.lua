local ffi = require "ffi"
if ffi.os == "Windows" then
    ffi.cdef [[
        typedef unsigned handle;
        struct point { double weight; };
    ]]
else
    ffi.cdef [[
        typedef unsigned long handle;
        struct point { int x, y; double weight; };
    ]]
end
ffi.cdef [[
    int read_it(handle of, char *to, unknown size);
    struct holder { unknown of; int count; };
    typedef unknown word;
    word open_it(struct holder *path, word mode);
    extern long count;
]]
