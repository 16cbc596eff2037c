-- Calls: values both ways, and what is refused.

local check = require "check"
local callgate = require "callgate"
local test, equal, raises = check.test, check.equal, check.raises

local c = callgate.open "libc.so.6"
local m = callgate.open "libm.so.6"

test("integers pass with their sign", function()
    equal(c:bind("abs", "int (int)")(-42), 42)
    equal(c:bind("labs", "long (long)")(math.mininteger + 1), math.maxinteger)
    equal(c:bind("toupper", "int (int)")(97.0), 65)
    equal(c:bind("abs", "signed char (signed char)")(-7), 7)
end)

test("unsigned results are not negative, but for those of 64 bits beyond Lua's range", function()
    equal(c:bind("strtoul", "unsigned (const char *, char **, int)")("ffffffff", nil, 16), 0xffffffff)
    equal(c:bind("strtoul", "unsigned long (const char *, char **, int)")("ffffffffffffffff", nil, 16), -1)
end)

test("floating point numbers pass in each size", function()
    equal(m:bind("sqrt", "double (double)")(2), math.sqrt(2))
    equal(m:bind("sqrtf", "float (float)")(0.25), 0.5)
    equal(m:bind("sqrtl", "long double (long double)")(6.25), 2.5)
    equal(m:bind("ldexp", "double (double, int)")(1, 10), 1024.0)
end)

test("strings pass to const char, come back from it, and NULL is nil", function()
    local getenv = c:bind("getenv", "const char *(const char *)")
    equal(getenv "PATH", os.getenv "PATH")
    equal(getenv "no variable of that name", nil)
    equal(c:bind("strlen", "size_t (const char *)")("four"), 4)
    equal(c:bind("memcmp", "int (const void *, const void *, size_t)")("a\0b", "a\0b", 3), 0)
end)

test("booleans pass as booleans alone", function()
    local f = c:bind("abs", "bool (bool)")
    equal(f(true), true)
    equal(f(false), false)
    raises("_Bool expected, got number", f, 1)
    raises("_Bool expected, got nil", f, nil)
end)

test("more arguments than the few that need no memory", function()
    local snprintf = c:bind("snprintf", "int (char *, size_t, const char *, int, int, int, int, int, int, int, int)")
    local text = callgate.array("char", 64)
    snprintf(text, #text, "%d %d %d %d %d %d %d %d", 1, 2, 3, 4, 5, 6, 7, 8)
    equal(text:string(), "1 2 3 4 5 6 7 8")
end)

test("errno is that of the last call", function()
    local close = c:bind("close", "int (int)")
    equal(close(-1), -1)
    equal(callgate.errno(), 9)
    c:bind("getpid", "int (void)")()
    equal(callgate.errno(), 0)
end)

test("the process itself is a library, too", function()
    equal(callgate.open():bind("abs", "int (int)")(-1), 1)
end)

test("a wrong number of arguments is refused with both numbers", function()
    local abs = c:bind("abs", "int (int)")
    raises("wrong number of arguments to 'abs' (expected 1, got 0)", abs)
    raises("wrong number of arguments to 'abs' (expected 1, got 3)", abs, 1, 2, 3)
end)

test("a wrong type is refused with the argument's number", function()
    local memcmp = c:bind("memcmp", "int (const void *, const void *, size_t)")
    raises("bad argument #3 to 'memcmp' (unsigned long expected, got string)", memcmp, "", "", "1")
    raises("bad argument #2 to 'memcmp' (const void * expected, got table)", memcmp, "", {}, 1)
    raises("bad argument #1 to 'memcmp' (const void * expected, got number)", memcmp, 0, "", 1)
    raises("(double expected, got string)", m:bind("sqrt", "double (double)"), "4")
    raises("(char * expected, got string)", c:bind("strlen", "size_t (char *)"), "not const")
end)

test("integers out of the type's range are refused, and so are fractions", function()
    local f = c:bind("abs", "int (unsigned char)")
    raises("(value 256 out of range of unsigned char)", f, 256)
    raises("(value -1 out of range of unsigned char)", f, -1)
    equal(f(255), 255)
    local g = c:bind("abs", "int (signed char)")
    raises("(value 128 out of range of signed char)", g, 128)
    equal(g(-128), 128)
    raises("(value 4294967296 out of range of int)", c:bind("abs", "int (int)"), 1 << 32)
    raises("int expected, got the number 1.5", c:bind("abs", "int (int)"), 1.5)
    raises("int expected, got the number inf", c:bind("abs", "int (int)"), math.huge)
end)

test("a library or symbol that is missing is named, with the loader's words", function()
    raises("library 'libnowhere.so' can't be opened: libnowhere.so: cannot open shared object file", callgate.open,
        "nowhere")
    raises("symbol 'no_such_function' is not in library 'libc.so.6'", c.bind, c, "no_such_function", "int (int)")
end)

test("a signature that does not parse says where and what was expected", function()
    raises("signature 'int (int': line 1, column 9: found the end, expected ')'", c.bind, c, "abs", "int (int")
    raises("found 'FILE', no type of that name is known", c.bind, c, "fclose", "int (FILE *)")
    raises("double _Complex has no Lua value", m.bind, m, "csqrt", "double _Complex (double _Complex)")
end)

test("arrays are memory of Lua's own, with bounds", function()
    local a = callgate.array("short", {1, -2, 3})
    equal(#a, 3)
    equal(a[1], -2)
    a[2] = 32767
    equal(a[2], 32767)
    raises("index 3 out of range: there are 3 elements", function() return a[3] end)
    raises("index -1 out of range", function() a[-1] = 0 end)
    raises("bad element (value 32768 out of range of short)", function() a[0] = 32768 end)
    raises("bad element #2 (short expected, got string)", callgate.array, "short", {1, "2"})
    raises("positive count expected", callgate.array, "int", 0)
    raises("positive count expected", callgate.array, "int", math.maxinteger)
    raises("a type with a size expected", callgate.array, "void", 1)
end)

test("arrays of bytes are made from strings and give strings", function()
    local a = callgate.array("char", "text\0more")
    equal(#a, 9)
    equal(a:string(), "text")
    equal(a:string(9), "text\0more")
    raises("more bytes than there are", a.string, a, 10)
    raises("a string fills an array of bytes", callgate.array, "int", "text")
end)

test("pointers know what they point to", function()
    local a = callgate.array("int", {1, 2})
    local bytes = a:as "unsigned char"
    equal(#bytes, 8)
    equal(bytes[4], 2)
    equal(bytes, a)
    raises("a pointer to void can't be indexed", function() return a:as "void"[0] end)
    raises("(const char * expected, got a pointer to int)", c:bind("strlen", "size_t (const char *)"), a)
    local calloc, free = c:bind("calloc", "long *(size_t, size_t)"), c:bind("free", "void (void *)")
    local memory = calloc(2, 8)
    memory[1] = -5
    equal(memory[1], -5)
    raises("is not known", function() return #memory end)
    free(memory)
end)

test("a pointer to const can be neither written nor passed to what writes", function()
    local strchr = c:bind("strchr", "const unsigned char *(const char *, int)")
    local text = callgate.array("char", "abc")
    local tail = strchr(text, 98)
    equal(tail[0], 98)
    raises("can't be written", function() tail[0] = 1 end)
    raises("got a pointer to const unsigned char", c:bind("strtok", "char *(char *, const char *)"), tail, "x")
end)

test("out parameters are arrays of one", function()
    local strtol = c:bind("strtol", "long (const char *, char **, int)")
    local rest, text = callgate.array("char *", 1), callgate.array("char", "12 monkeys\0")
    equal(strtol(text, rest, 10), 12)
    equal(rest[0]:string(), " monkeys")
end)

test("an array of pointers keeps the strings and arrays that it points to", function()
    local words = callgate.array("const char *", {("first"):rep(50), ("second"):rep(50)})
    words[1] = ("third"):rep(50)
    local rows = callgate.array("int *", {callgate.array("int", {1, 2}), nil})
    for _ = 1, 5 do
        collectgarbage()
        for _ = 1, 100 do local _ = ("x"):rep(250) .. _ end
    end
    equal(words[0], ("first"):rep(50))
    equal(words[1], ("third"):rep(50))
    equal(rows[0][1], 2)
end)

test("a view of an array keeps its memory", function()
    local view = callgate.array("int", {7, 8, 9}):as "int"
    for _ = 1, 5 do collectgarbage() end
    equal(view[2], 9)
end)

test("a finalizer may call functions that are collected with its object", function()
    local freed
    do
        local object = setmetatable({}, {__gc = function(self) freed = self.free(self.memory) or true end})
        object.free = c:bind("free", "void (void *)")
        object.memory = c:bind("malloc", "void *(size_t)")(16)
    end
    collectgarbage()
    collectgarbage()
    equal(freed, true)
end)

test("a view is bounded by its memory, whatever its type", function()
    local bytes = callgate.array("char", 3)
    local view = bytes:as "long"
    equal(#view, 0)
    equal(#view:as "char", 3)
    equal(#bytes:as "short", 1)
    raises("index 0 out of range", function() return view[0] end)
    raises("index 1 out of range", function() bytes:as "short"[1] = 1 end)
    raises("more bytes than there are", view.string, view, 4)
end)

test("memory keeps what is stored through a view", function()
    local cells = callgate.array("void *", 2)
    cells:as "const char *"[1] = ("kept"):rep(1000)
    collectgarbage()
    collectgarbage()
    equal(cells:as "const char *"[1], ("kept"):rep(1000))
end)

test("a type's text is one type", function()
    for _, text in ipairs {"int, int", "int x, int", "int[3], int"} do
        raises("is not one type", callgate.array, text, 1)
    end
    raises("signature", callgate.array, "", 1)
end)

test("a library that is opened twice is one", function()
    equal(callgate.open "libc.so.6", c)
end)

check.finish()
