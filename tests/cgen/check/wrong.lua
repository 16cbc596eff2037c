local ffi = require "callgate.ffi"
ffi.cdef[[
    enum mode { READ = 1, WRITE = 3 };
    struct point { int x, y; float weight; };
    typedef struct { char name[16]; unsigned flags : 2; unsigned level : 5; struct point *at; } record;
    unsigned open_it(const char *path, enum mode mode);
    int read_it(unsigned long of, void *to, uint32_t size);
]]
ffi.declare "int say(const char *format);" -- "cdef" as a word is no declaration
ffi.cdef([==[
    void visit(record *of, int (*each)(struct point *at), void *data);
    int no_such(void);
    extern long count;
    static const int LIMIT = 41;
]==])
