local ffi = require "callgate.ffi"

-- Of other names, and the same.
ffi.cdef[[
    typedef struct window window;
    void show(window *of);
    typedef struct list { struct list *next; int value, end_; } list;
    void push(list *to, struct list *of);
    typedef struct handle handle;
    void close_it(handle *of);
    typedef struct { long first, last; } span;
    void measure(span *of);
    void set_mode(unsigned to);
    void *find_it(void *done);
    extern int table[4];
    typedef struct { int mine; } own;
]]

-- Other structs, and enums.
ffi.cdef[[
    struct a; struct b { int x; };
    void take_a(struct b *of);
    struct b copy_a(struct b of);
    enum mode { READ, WRITE };
    void set_level(enum mode to);
    struct item;
    typedef struct b thing;
    int sort(int (*compare)(const struct item *, const struct item *));
    char letter(void);
    unsigned char is_open(void);
]]

-- What has no name in others.
ffi.cdef[[
    typedef struct event {
        int kind;
        union {
            unsigned integer;
            double number;
            struct { short high, low; };
        };
        struct { int x; float y; struct { char red, blue; } colors[2]; } at;
        struct { unsigned x; } tail;
    } event;
    int next(event *to);
]]
