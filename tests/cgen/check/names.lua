local cdef = require "callgate.ffi".cdef
cdef[[
    int longer(int);
    int shorter(int);
    int computed(int);
    int tripled(int);
    int lengthier(int) __asm__("longer");
    long mine(int) __asm__("longer");
    int doubled(int) __asm__("gate_inline_doubled");
    int missing(void);
    char *strlen(int);
    int *error();
    int taking();
    extern int place_of_error;
    extern int lost;
    extern int other;
    enum { LOST = 1 };
    struct lost { int x; };
    typedef struct lost *lost_pointer;
]]
