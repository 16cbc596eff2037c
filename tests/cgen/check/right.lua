local ffi = require "callgate.ffi"
ffi.cdef[[
    typedef unsigned long handle;
    struct point { int x, y; double weight; };
    enum { READ = 1, WRITE = 2, LIMIT = 40 };
    handle open_it(const char *path, int mode);
    int read_it(size_t of, char *to, size_t size);
    int say(const char *format, ...);
    struct point middle(struct point, struct point);
    void use(struct hidden *it);
    extern int count;
]]
