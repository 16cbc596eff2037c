-- Mistakes, of each kind that a script can make: what is an error of LuaJIT's is one here, and names the same types.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi = prelude.ffi

ffi.cdef [[
    struct mistake { int a; const int c; int b[3]; unsigned u : 3; };
    struct mistake_opaque;
    struct mistake_open { int n; int a[?]; };
    union mistake_union { int i; float f; };
    enum mistake_enum { MISTAKE_A, MISTAKE_B };
    typedef int (*mistake_function)(int);
    int abs(int);
    long labs(long);
    double sqrt(double);
    size_t strlen(const char *);
    void free(void *);
    void *memcpy(void *, const void *, size_t);
    int snprintf(char *, size_t, const char *, ...);
    extern int optind;
    extern char **environ;
]]

-- What the mistakes are made with: globals.
S, E, C, i64 = ffi.typeof "struct mistake", ffi.typeof "enum mistake_enum", ffi.C, prelude.i64
array, text = ffi.new "int[3]", ffi.new "char[3]"
constant, constant_struct = ffi.new("const int[1]", 1), ffi.new "const struct mistake"
pointer, opaque, void = ffi.new "int *", ffi.new "struct mistake_opaque *", ffi.new "void *"
callback = ffi.cast("mistake_function", function() return 1 end)
freed = ffi.cast("mistake_function", function() return 1 end)
freed:free()
_G.ffi = ffi

-- Each fact, and under it what raises errors, with words of theirs.
local kinds = {
    {"values are of a type that converts", [[
ffi.new("int", "1")                               | cannot convert 'string' to 'int'
ffi.new("int", nil)                               | cannot convert 'nil' to 'int'
ffi.new("int", {{}})                              | cannot convert 'table' to 'int'
ffi.new("int", print)                             | cannot convert 'function' to 'int'
ffi.new("int", S())                               | cannot convert 'struct mistake' to 'int'
ffi.new("int", pointer)                           | cannot convert 'int *' to 'int'
ffi.new("intptr_t", void)                         | cannot convert 'void *' to 'int64_t'
ffi.new("float", "x")                             | cannot convert 'string' to 'float'
ffi.new("bool", "x")                              | cannot convert 'string' to 'bool'
ffi.new("complex", "x")                           | cannot convert 'string' to 'complex'
ffi.new("enum mistake_enum", "MISTAKE_Z")         | cannot convert 'string' to 'enum mistake_enum'
ffi.new("enum mistake_enum", {{}})                | cannot convert 'table' to 'enum mistake_enum'
ffi.new("int *", 5)                               | cannot convert 'number' to 'int *'
ffi.new("void *", 0)                              | cannot convert 'number' to 'void *'
ffi.new("int *", "abc")                           | cannot convert 'string' to 'int *'
ffi.new("int *", true)                            | cannot convert 'bool' to 'int *'
ffi.new("int *", text)                            | cannot convert 'char [3]' to 'int *'
ffi.new("int *", C.abs)                           | cannot convert 'int (*)()' to 'int *'
ffi.new("mistake_function", {})                   | cannot convert 'table' to 'int (*)()'
ffi.new("mistake_function", 1)                    | cannot convert 'number' to 'int (*)()'
ffi.new("mistake_function", C.memcpy)             | cannot convert 'void *(*)()' to 'int (*)()'
ffi.new("int (*)(int, ...)", print)               | cannot convert 'function' to 'int (*)()'
ffi.new("wchar_t[4]", "abc")                      | cannot convert 'string' to 'int [4]'
ffi.new("int[2]", ffi.new "double[2]")            | cannot convert 'double [2]' to 'int'
S(ffi.new "union mistake_union")                  | cannot convert 'union mistake_union' to 'int'
S {a = "x"}                                       | cannot convert 'string' to 'int'
S {b = true}                                      | cannot convert 'bool' to 'int [3]'
array[0] = "x"                                    | cannot convert 'string' to 'int'
S().a = {}                                        | cannot convert 'table' to 'int'
S().u = "x"                                       | cannot convert 'string' to 'unsigned int'
S().b = 1                                         | cannot convert 'number' to 'int [3]'
C.optind = "x"                                    | cannot convert 'string' to 'int'
C.environ = 5                                     | cannot convert 'number' to 'char **'
ffi.cast("int", S())                              | cannot convert 'struct mistake' to 'int'
ffi.cast("int", {})                               | cannot convert 'table' to 'int'
ffi.cast("int", print)                            | cannot convert 'function' to 'int'
ffi.cast("int *", {})                             | cannot convert 'table' to 'int *'
ffi.cast("int *", true)                           | cannot convert 'bool' to 'int *'
ffi.cast("bool", pointer)                         | cannot convert 'int *' to 'bool'
ffi.cast("double", pointer)                       | cannot convert 'int *' to 'double'
ffi.cast("enum mistake_enum", "MISTAKE_Z")        | cannot convert 'string' to 'enum mistake_enum'
]]},
    {"arguments are of a type that converts, and as many as are declared", [[
C.abs "1"                                         | cannot convert 'string' to 'int'
C.abs(nil)                                        | cannot convert 'nil' to 'int'
C.abs(S())                                        | cannot convert 'struct mistake' to 'int'
C.abs(coroutine.create(function() end))           | cannot convert 'thread' to 'int'
C.sqrt "4"                                        | cannot convert 'string' to 'double'
C.sqrt(pointer)                                   | cannot convert 'int *' to 'double'
C.strlen(5)                                       | cannot convert 'number' to 'const char *'
C.strlen(array)                                   | cannot convert 'int [3]' to 'const char *'
C.strlen(true)                                    | cannot convert 'bool' to 'const char *'
C.free "abc"                                      | cannot convert 'string' to 'void *'
C.free(1.5)                                       | cannot convert 'number' to 'void *'
C.memcpy(array, array, "4")                       | cannot convert 'string' to 'uint64_t'
C.snprintf(nil, 0, "%d", {})                      | cannot convert 'table' to 'void *'
C.snprintf(nil, 0, "%d", print)                   | cannot convert 'function' to 'void *'
C.abs()                                           | wrong number of arguments for function call
C.abs(1, 2)                                       | wrong number of arguments for function call
C.snprintf(nil, 0)                                | wrong number of arguments for function call
callback(1, 2)                                    | wrong number of arguments for function call
callback "x"                                      | cannot convert 'string' to 'int'
]]},
    {"initializers are as many as there is room for", [[
ffi.new("int", 1, 2)                              | too many initializers for 'int'
ffi.new("complex", {1, 2, 3})                     | too many initializers for 'complex'
ffi.new("int[3]", 1, 2, 3, 4)                     | too many initializers for 'int [3]'
ffi.new("int[3]", {1, 2, 3, 4})                   | too many initializers for 'int [3]'
ffi.new("int[2][2]", {{1, 2, 3}})                 | too many initializers for 'int [2]'
ffi.new("union mistake_union", 1, 2)              | too many initializers for 'union mistake_union'
S(1, 2, {1, 2, 3, 4})                             | too many initializers for 'int [3]'
S(1, 2, {1, 2, 3}, 4, 5)                          | too many initializers for 'struct mistake'
]]},
    {"sizes are known, and not too large", [[
ffi.new "void"                                    | size of C type is unknown or too large
ffi.new "int[]"                                   | size of C type is unknown or too large
ffi.new "int(int)"                                | size of C type is unknown or too large
ffi.new "struct mistake_opaque"                   | size of C type is unknown or too large
ffi.new "int[?]"                                  | value expected
ffi.new "struct mistake_open"                     | value expected
ffi.new("int[?]", "x")                            | cannot convert 'string' to 'int'
ffi.new("int[?]", -1)                             | size of C type is unknown or too large
ffi.new("int[?]", 1e18)                           | size of C type is unknown or too large
ffi.new("struct mistake_open", -5)                | size of C type is unknown or too large
ffi.sizeof "int[?]"                               | value expected
ffi.sizeof("int[?]", "x")                         | cannot convert 'string' to 'int'
ffi.string(text, "x")                             | cannot convert 'string' to 'int'
ffi.copy(array, array, "x")                       | cannot convert 'string' to 'int'
ffi.copy(array, array)                            | value expected
ffi.fill(array, {})                               | cannot convert 'table' to 'int'
ffi.fill(array)                                   | value expected
opaque[0]                                         | size of C type is unknown or too large
void[0]                                           | size of C type is unknown or too large
opaque + 1                                        | attempt to perform arithmetic on 'struct mistake_opaque *' and 'number'
void + 1                                          | attempt to perform arithmetic on 'void *' and 'number'
]]},
    {"what is const stays as it is, in part and as a whole", [[
constant[0] = 2                                   | attempt to write to constant location
constant_struct.a = 1                             | attempt to write to constant location
S().c = 1                                         | attempt to write to constant location
ffi.cast("const struct mistake *", S()).a = 1     | attempt to write to constant location
ffi.new "char *const[1]"[0] = nil                 | attempt to write to constant location
ffi.new "const int[2][2]"[0] = {1, 2}             | attempt to write to constant location
ffi.new "struct { const int s[2]; }".s = {}       | attempt to write to constant location
ffi.new "struct mistake[2]"[0] = S()              | attempt to write to constant location
ffi.new "struct mistake[2]"[0] = {}               | attempt to write to constant location
ffi.cast("struct mistake *", S())[0] = S()        | attempt to write to constant location
ffi.new "struct { struct mistake s; }".s = S()    | attempt to write to constant location
ffi.new "struct { struct mistake s[2]; }".s = {}  | attempt to write to constant location
ffi.new "struct { struct { struct mistake s; } t; }[2]"[0] = {} | attempt to write to constant location
ffi.new "struct { int *const p; }[2]"[0] = {}     | attempt to write to constant location
ffi.new "struct { const int b : 3; }[2]"[0] = {}  | attempt to write to constant location
ffi.new "struct { struct { const int a; }; }[2]"[0] = {} | attempt to write to constant location
ffi.new "union { const int a; int b; }[2]"[0] = {} | attempt to write to constant location
C.abs = 1                                         | attempt to write to constant location
C.MISTAKE_A = 1                                   | attempt to write to constant location
ffi.new("int *", ffi.new "const int[3]")          | cannot convert 'const int [3]' to 'int *'
C.memcpy("abc", "def", 1)                         | cannot convert 'string' to 'void *'
ffi.copy("abc", "def")                            | cannot convert 'string' to 'void *'
ffi.fill(constant, 4)                             | cannot convert 'const int [1]' to 'void *'
]]},
    {"members are there, and indices are integers", [[
S().nope                                          | 'struct mistake' has no member named 'nope'
S().nope = 1                                      | 'struct mistake' has no member named 'nope'
S()[0]                                            | 'struct mistake' cannot be indexed with 'number'
S()[{}]                                           | 'struct mistake' cannot be indexed with 'table'
array.x                                           | 'int [3]' has no member named 'x'
array[nil]                                        | 'int [3]' cannot be indexed with 'nil'
array[pointer]                                    | 'int [3]' cannot be indexed with 'int *'
array[true]                                       | 'int [3]' cannot be indexed with 'boolean'
pointer.x                                         | 'int *' has no member named 'x'
void.x                                            | 'void *' has no member named 'x'
opaque.x                                          | 'struct mistake_opaque' has no member named 'x'
i64 "1".x                                         | 'int64_t' has no member named 'x'
i64 "1"[0]                                        | 'int64_t' cannot be indexed with 'number'
S.a                                               | 'struct mistake' has no member named 'a'
C.nope                                            | missing declaration for symbol 'nope'
C.nope = 1                                        | missing declaration for symbol 'nope'
ffi.load "m".nope                                 | missing declaration for symbol 'nope'
]]},
    {"operands are numbers, or pointers to one type", [[
S() + 1                                           | attempt to perform arithmetic on 'struct mistake' and 'number'
-S()                                              | attempt to perform arithmetic on 'struct mistake' and 'struct mistake'
pointer + pointer                                 | attempt to perform arithmetic on 'int *' and 'int *'
pointer + "x"                                     | attempt to perform arithmetic on 'int *' and 'string'
pointer * 2                                       | attempt to perform arithmetic on 'int *' and 'number'
pointer - ffi.new "char *"                        | attempt to perform arithmetic on 'int *' and 'char *'
i64 "1" + nil                                     | attempt to perform arithmetic on 'int64_t' and 'nil'
i64 "1" + true                                    | attempt to perform arithmetic on 'int64_t' and 'boolean'
E(1) + "MISTAKE_Z"                                | cannot convert 'string' to 'enum mistake_enum'
S() < S()                                         | attempt to compare 'struct mistake' with 'struct mistake'
pointer < ffi.new "char *"                        | attempt to compare 'int *' with 'char *'
S() .. "x"                                        | attempt to concatenate 'struct mistake' and 'string'
#S()                                              | attempt to get length of 'struct mistake'
S()()                                             | 'struct mistake' is not callable
i64 "1"()                                         | 'int64_t' is not callable
]]},
    {"callbacks are used until they are freed", [[
freed:free()                                      | bad callback
freed:set(print)                                  | bad callback
ffi.new "mistake_function":free()                 | bad callback
ffi.cast("mistake_function", C.abs):free()        | bad callback
callback:set(5)                                   | function expected, got number
callback:set()                                    | function expected, got no value
callback.nope                                     | has no member named 'nope'
]]},
    {"functions of the ffi take what they are for", [[
ffi.new()                                         | C type expected, got no value
ffi.new(5)                                        | C type expected, got number
ffi.cast("struct mistake", 1)                     | invalid C type
ffi.cast("int[3]", 1)                             | invalid C type
ffi.cast "int *"                                  | value expected
ffi.cdef {}                                       | string expected, got table
ffi.typeof {}                                     | C type expected, got table
ffi.typeof("$ *", {})                             | type parameter expected, got table
ffi.typeof "struct mistake_unknown *"             | undeclared or implicit tag 'mistake_unknown'
ffi.sizeof(nil)                                   | C type expected, got nil
ffi.alignof(5)                                    | C type expected, got number
ffi.offsetof "struct mistake"                     | string expected, got no value
ffi.istype "struct mistake"                       | value expected
ffi.string(5)                                     | cannot convert 'number' to 'const char *'
ffi.string(array)                                 | cannot convert 'int [3]' to 'const char *'
ffi.copy(5, "abc")                                | cannot convert 'number' to 'void *'
ffi.copy(array, {}, 1)                            | cannot convert 'table' to 'const void *'
ffi.gc(5, print)                                  | cdata expected, got number
ffi.gc(S())                                       | value expected
ffi.gc(ffi.new "int", print)                      | invalid C type
ffi.metatype("struct mistake", 5)                 | table expected, got number
ffi.metatype("int", {})                           | invalid C type
ffi.metatype("struct mistake *", {})              | invalid C type
ffi.errno "x"                                     | cannot convert 'string' to 'int'
ffi.load {}                                       | string expected, got table
ffi.load "mistake_library"                        | mistake_library
ffi.abi {}                                        | string expected, got table
]]},
}

-- An expression, or an assignment: "return" before one is no chunk.
local function raises(code, words)
    local chunk = code:find "[^=<>~]=[^=]" and not code:find "^S {" and code or "return " .. code
    local ok, problem = pcall(assert(prelude.load(chunk)))
    if ok then error(code .. ": no error was raised", 2) end
    if not tostring(problem):find(words, 1, true) then
        error(("%s: the error is '%s', without '%s'"):format(code, tostring(problem), words), 2)
    end
end

for _, kind in ipairs(kinds) do
    check.test(kind[1], function()
        local count = 0
        for line in kind[2]:gmatch "[^\n]+" do
            local code, words = line:match "^(.-) +| (.+)$"
            raises(code, words)
            count = count + 1
        end
        assert(count > 5)
    end)
end

check.test("what has a const member is made, read and copied from", function()
    local s = S(1, 2)
    local copy = S(s)
    check.equal(copy.c, 2)
    copy.a = 3
    check.equal(copy.a, 3)
    local list = ffi.new("struct { struct mistake s[2]; }", {{s, s}})
    check.equal(list.s[1].c, 2)
    list.s[1].a = 4
    list.s[1].b = {5, 6, 7}
    check.equal(list.s[1].a + list.s[1].b[2], 11)
    local union = ffi.new "union { const int a; int b; }[2]"
    union[0].b = 5
    check.equal(union[0].a, 5)
    local pointers = ffi.new "struct { const int *p; volatile int v; }[2]"
    pointers[0] = {constant, 1}
    check.equal(pointers[0].p[0], 1)
end)

check.finish()
