-- Conversions to C: what Lua values become where C wants a type.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows = prelude.ffi, prelude.shows
local test, equal, raises = check.test, check.equal, check.raises


local i64, u64, eq, number = prelude.i64, prelude.u64, prelude.eq, prelude.number

-- What a member of a type holds after value was stored in it.
local function stored(type, value)
    local box = ffi.new(ffi.typeof("struct { $ value; }", ffi.typeof(type)))
    box.value = value
    return box.value
end

test("a number loses its fraction in an integer", function()
    equal(stored("int", 3.9), 3)
    equal(stored("int", -3.9), -3)
    equal(stored("unsigned", 3.9), 3)
    equal(stored("int8_t", -3.9), -3)
    shows("-3LL", stored("int64_t", -3.9))
    shows("3ULL", stored("uint64_t", 3.9))
end)

test("an integer that is too large for its type keeps its low bits", function()
    equal(stored("int8_t", 200), -56)
    equal(stored("int8_t", -200), 56)
    equal(stored("uint8_t", 300), 44)
    equal(stored("uint8_t", -1), 255)
    equal(stored("int16_t", 40000), -25536)
    equal(stored("uint16_t", -1), 65535)
    equal(stored("uint32_t", -1), 4294967295)
    shows("18446744073709551615ULL", stored("uint64_t", i64 "-1"))
end)

test("each integer type holds its least and its greatest number", function()
    for type, range in pairs {int8_t = {-128, 127}, uint8_t = {0, 255}, int16_t = {-32768, 32767}, uint16_t = {0, 65535},
        int32_t = {-2147483648, 2147483647}, uint32_t = {0, 4294967295}} do
        equal(stored(type, range[1]), range[1])
        equal(stored(type, range[2]), range[2])
    end
    shows("-9223372036854775808LL", stored("int64_t", -2 ^ 63))
    shows("9223372036854774784LL", stored("int64_t", 2 ^ 63 - 1024))
    shows("18446744073709549568ULL", stored("uint64_t", 2 ^ 64 - 2048))
    shows("9223372036854775808ULL", stored("uint64_t", 2 ^ 63))
end)

test("floats round, doubles don't", function()
    equal(stored("float", 0.1), 0.10000000149011612)
    equal(stored("double", 0.1), 0.1)
    equal(stored("float", 1e300), 1 / 0)
    equal(stored("float", -1e300), -1 / 0)
    equal(1 / stored("double", -1 / (1 / 0)), -1 / 0)
    local nan = stored("float", 0 / 0)
    assert(nan ~= nan)
end)

test("64-bit integers go into each type of number", function()
    local n = i64 "1234567890123"
    equal(stored("double", n), 1234567890123)
    equal(stored("int", n), 1912276171)
    equal(stored("uint8_t", n), 203)
    equal(stored("int", i64 "-1"), -1)
    equal(stored("uint32_t", i64 "-1"), 4294967295)
    shows("1234567890123ULL", stored("uint64_t", n))
    shows("-1LL", stored("int64_t", u64 "0xffffffffffffffff"))
    equal(stored("double", u64 "0xffffffffffffffff"), 2 ^ 64)
    equal(stored("float", i64 "-1"), -1)
end)

test("a bool takes booleans, and numbers, which are false if zero", function()
    equal(stored("bool", true), true)
    equal(stored("bool", false), false)
    equal(stored("bool", 0), false)
    equal(stored("bool", 2), true)
    equal(stored("bool", 0.5), true)
    equal(stored("bool", i64 "0"), false)
    equal(stored("bool", i64 "256"), true)
    raises("cannot convert 'nil' to 'bool'", stored, "bool", nil)
    raises("cannot convert 'string' to 'bool'", stored, "bool", "true")
    raises("cannot convert 'table' to 'bool'", stored, "bool", {})
end)

test("a boolean is 0 or 1 as a number", function()
    equal(stored("int", true), 1)
    equal(stored("int", false), 0)
    equal(stored("double", true), 1)
    shows("1LL", stored("int64_t", true))
end)

test("a number takes no string, even of digits, no table, function or nil", function()
    raises("cannot convert 'string' to 'int'", stored, "int", "3")
    raises("cannot convert 'string' to 'double'", stored, "double", "0.5")
    raises("cannot convert 'string' to 'int64_t'", stored, "int64_t", "3")
    raises("cannot convert 'table' to 'int'", stored, "int", {})
    raises("cannot convert 'function' to 'int'", stored, "int", print)
    raises("cannot convert 'nil' to 'int'", stored, "int", nil)
    raises("cannot convert 'nil' to 'double'", stored, "double", nil)
    raises("cannot convert 'thread' to 'int'", stored, "int", coroutine.create(function() end))
    raises("' to 'int'", stored, "int", io.stdout)
end)

test("a number takes no pointer, array or struct", function()
    raises("cannot convert 'int *' to 'int'", stored, "int", ffi.new "int *")
    raises("cannot convert 'int [2]' to 'int'", stored, "int", ffi.new "int[2]")
    raises("cannot convert 'struct ", stored, "int", ffi.new "struct { int a; }")
    raises("cannot convert 'void *' to 'int64_t'", stored, "int64_t", ffi.new "void *")
end)

test("a complex number takes numbers and complex numbers; a number takes the real part", function()
    shows("0.5+0i", stored("complex", 0.5))
    shows("1+2i", stored("complex", ffi.new("complex", 1, 2)))
    shows("1+2i", stored("complex float", ffi.new("complex", 1, 2)))
    shows("3+0i", stored("complex", i64 "3"))
    equal(stored("double", ffi.new("complex", 1, 2)), 1)
    equal(stored("int", ffi.new("complex", 1.5, 2)), 1)
end)

test("an enum takes its constants by name, and any number", function()
    local color = ffi.typeof "enum { TO_C_RED, TO_C_GREEN = 5 }"
    equal(number(stored(color, "TO_C_GREEN")), 5)
    equal(number(stored(color, 77)), 77)
    equal(number(stored(color, color "TO_C_GREEN")), 5)
    equal(stored("int", color "TO_C_GREEN"), 5)
    raises("cannot convert 'string' to 'enum ", stored, color, "TO_C_BLUE")
    raises("cannot convert 'nil' to '", stored, color, nil)
    raises("cannot convert 'table' to 'enum ", stored, color, {})
end)

test("a pointer takes nil for NULL", function()
    shows("cdata<int *>: NULL", stored("int *", nil))
    shows("cdata<const char *>: NULL", stored("const char *", nil))
    shows("cdata<int (*)()>: NULL", stored("int (*)(int)", nil))
end)

test("a pointer takes an array of what it points to, and its own type", function()
    local array = ffi.new("int[3]", 7)
    equal(stored("int *", array)[2], 7)
    equal(stored("int *", stored("int *", array))[2], 7)
    raises("cannot convert 'double [3]' to 'int *'", stored, "int *", ffi.new "double[3]")
    raises("cannot convert 'double *' to 'int *'", stored, "int *", ffi.new "double *")
    raises("cannot convert 'int **' to 'int *'", stored, "int *", ffi.new "int **")
    raises("cannot convert 'int [2]' to 'int (*)[2]'", stored, "int (*)[2]", ffi.new "int[2]")
end)

test("a pointer to a struct takes the struct", function()
    ffi.cdef "struct to_c { int a; }; struct to_c_other { int a; };"
    local s = ffi.new("struct to_c", 7)
    equal(stored("struct to_c *", s).a, 7)
    equal(stored("const struct to_c *", s).a, 7)
    shows("cdata<void *>: 0x…", stored("void *", s))
    raises("cannot convert 'struct to_c_other' to 'struct to_c *'", stored, "struct to_c *", ffi.new "struct to_c_other")
    raises("cannot convert 'struct to_c_other *' to 'struct to_c *'", stored, "struct to_c *",
        ffi.new "struct to_c_other *")
end)

test("void pointers take each pointer, and each pointer takes them", function()
    local array = ffi.new("int[2]", 7)
    local void = stored("void *", array)
    shows("cdata<void *>: 0x…", void)
    equal(stored("int *", void)[1], 7)
    shows("cdata<void *>: 0x…", stored("void *", ffi.new "double[1]"))
end)

test("a sign is no reason to refuse a pointer, a size is", function()
    local array = ffi.new("int[2]", -1)
    equal(stored("unsigned *", array)[0], 4294967295)
    local bytes = ffi.new("char[2]", "a")
    equal(stored("unsigned char *", bytes)[0], 97)
    raises("cannot convert 'int [2]' to 'short *'", stored, "short *", array)
end)

test("a pointer to an enum is one to its integer", function()
    local array = ffi.new("enum { TO_C_FIRST, TO_C_SECOND }[2]", 1)
    equal(stored("unsigned *", array)[1], 1)
    equal(stored("int *", array)[1], 1)
end)

test("a pointer to a function takes one of as many parameters", function()
    local f = ffi.cast("int (*)(int)", 8)
    shows("cdata<int (*)()>: 0x…", stored("int (*)(int)", f))
    raises("cannot convert 'int (*)()' to 'void (*)()'", stored, "void (*)(void)", f)
end)

test("const is added and not taken away", function()
    local constant = ffi.new("const int[2]", 7)
    local array = ffi.new("int[2]", 7)
    equal(stored("const int *", array)[1], 7)
    equal(stored("const int *", constant)[1], 7)
    raises("cannot convert 'const int [2]' to 'int *'", stored, "int *", constant)
    raises("cannot convert 'const int *' to 'int *'", stored, "int *", ffi.new "const int *")
    raises("cannot convert 'const void *' to 'void *'", stored, "void *", ffi.new "const void *")
    raises("cannot convert 'const int [2]' to 'void *'", stored, "void *", constant)
end)

test("a pointer loses no qualifier, and may get one", function()
    local array = ffi.new "int[1]"
    for _, from in ipairs {"", "const", "volatile", "const volatile"} do
        for _, to in ipairs {"", "const", "volatile", "const volatile"} do
            local loses = false
            for word in from:gmatch "%a+" do loses = loses or not to:find(word) end
            local ok = pcall(ffi.new, to .. " int *", ffi.cast(from .. " int *", array))
            if ok == loses then error(("from '%s' to '%s'"):format(from, to)) end
        end
    end
end)

test("a pointer to constant bytes takes a string, another pointer does not", function()
    local text = "some text"
    equal(ffi.string(stored("const char *", text)), text)
    equal(ffi.string(stored("const unsigned char *", text)), text)
    equal(ffi.string(ffi.cast("const char *", stored("const void *", text))), text)
    raises("cannot convert 'string' to 'char *'", stored, "char *", text)
    raises("cannot convert 'string' to 'void *'", stored, "void *", text)
    raises("cannot convert 'string' to 'const int *'", stored, "const int *", text)
    raises("cannot convert 'string' to 'const short *'", stored, "const short *", text)
end)

test("a void pointer takes a file of Lua's, for what C calls a FILE", function()
    ffi.cdef "typedef struct to_c_FILE to_c_FILE; int fileno(to_c_FILE *);"
    equal(ffi.C.fileno(io.stdin), 0)
    equal(ffi.C.fileno(io.stderr), 2)
end)

test("a pointer takes no number, boolean or table", function()
    raises("cannot convert 'number' to 'int *'", stored, "int *", 1)
    raises("cannot convert 'number' to 'void *'", stored, "void *", 0)
    raises(" to 'void *'", stored, "void *", true)
    raises("cannot convert 'table' to 'int *'", stored, "int *", {1})
    raises("cannot convert 'int64_t' to 'void *'", stored, "void *", i64 "1")
    raises("cannot convert 'int' to 'int *'", stored, "int *", ffi.new "int")
end)

test("an array in a struct takes lists, strings and its own type", function()
    local box = ffi.new "struct { int a[3]; char b[4]; }"
    box.a = {1, 2, 3}
    equal(box.a[2], 3)
    box.a = ffi.new("int[3]", 9)
    equal(box.a[2], 9)
    box.b = "xyz"
    equal(ffi.string(box.b), "xyz")
    raises("cannot convert 'number' to 'int [3]'", function() box.a = 1 end)
    raises("cannot convert 'int [2]' to 'int [3]'", function() box.a = ffi.new "int[2]" end)
end)

test("a struct takes its own type, a list or a table", function()
    local pair = ffi.typeof "struct { int a, b; }"
    equal(stored(pair, pair(1, 2)).b, 2)
    equal(stored(pair, {1, 2}).b, 2)
    equal(stored(pair, {b = 3}).b, 3)
    raises("cannot convert 'number' to 'struct ", stored, pair, 1)
    raises("cannot convert 'nil' to 'struct ", stored, pair, nil)
    raises("cannot convert 'struct ", stored, pair, ffi.new "struct { int a, b; }")
end)

test("a struct takes what a pointer or a reference to its type leads to", function()
    ffi.cdef "struct to_c_pair { int a, b; };"
    local box = ffi.new "struct { struct to_c_pair p; }"
    local pair = ffi.new("struct to_c_pair", 1, 2)
    local holder = ffi.new("struct { struct to_c_pair p; }", {{3, 4}})
    box.p = holder.p
    equal(box.p.b, 4)
    raises("cannot convert 'struct to_c_pair *' to 'struct to_c_pair'", function()
        box.p = ffi.cast("struct to_c_pair *", pair)
    end)
end)

test("cast makes numbers of pointers, and pointers of numbers", function()
    local pointer = ffi.cast("int *", 0x1234)
    shows("4660ULL", ffi.cast("uintptr_t", pointer))
    equal(number(ffi.cast("intptr_t", pointer)), 0x1234)
    equal(number(ffi.cast("int", pointer)), 0x1234)
    assert(eq(ffi.cast("void *", i64 "0x1234"), pointer))
    shows("cdata<void *>: NULL", ffi.cast("void *", 0))
    shows("cdata<char *>: NULL", ffi.cast("char *", nil))
end)

test("cast makes pointers of each other", function()
    local array = ffi.new("int[2]", 0x01020304, 0)
    equal(ffi.cast("unsigned char *", array)[0], 4)
    local bytes = ffi.new("const char[2]", "a")
    equal(ffi.cast("char *", bytes)[0], 97)
    equal(ffi.cast("short *", array)[1], 0x102)
end)

test("cast makes one kind of number of another", function()
    equal(number(ffi.cast("int", 3.9)), 3)
    equal(number(ffi.cast("uint8_t", 257)), 1)
    equal(number(ffi.cast("double", i64 "3")), 3)
    shows("-1LL", ffi.cast("int64_t", -1))
    shows("18446744073709551615ULL", ffi.cast("uint64_t", ffi.new("int", -1)))
    equal(number(ffi.cast("int", ffi.new("complex", 3.5, 2))), 3)
end)

test("cast takes a string for a pointer that may change it", function()
    equal(ffi.cast("const char *", "abc")[1], 98)
    equal(ffi.cast("char *", "abc")[1], 98)
    equal(ffi.cast("const uint8_t *", "abc")[2], 99)
    raises("cannot convert 'string' to 'bool'", ffi.cast, "bool", "abc")
end)

test("cast makes no struct and no array", function()
    raises("invalid C type", ffi.cast, "struct { int a; }", 1)
    raises("invalid C type", ffi.cast, "int[2]", 1)
    raises("invalid C type", ffi.cast, "void", 1)
    raises("cannot convert 'table' to 'int *'", ffi.cast, "int *", {})
    raises("cannot convert 'table' to 'int'", ffi.cast, "int", {})
    raises("cannot convert 'nil' to 'double'", ffi.cast, "double", nil)
    raises("cannot convert 'struct ", ffi.cast, "int", ffi.new "struct { int a; }")
    raises("value expected", ffi.cast, "int")
end)

test("cast of a cdata to its own type gives its value", function()
    local n = i64 "5"
    assert(eq(ffi.cast("int64_t", n), n))
    equal(number(ffi.cast(ffi.typeof "int", ffi.new("int", 4))), 4)
end)

check.finish()
