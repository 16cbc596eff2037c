-- New: values, and what initializes them.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows = prelude.ffi, prelude.shows
local test, equal, raises = check.test, check.equal, check.raises


-- The elements of an array, as text.
local function list(array, n)
    local texts = {}
    for i = 0, n - 1 do texts[#texts + 1] = prelude.show(array[i]) end
    return table.concat(texts, " ")
end

test("a value without an initializer is zero", function()
    equal(ffi.new("struct { int a; double b; void *p; }").a, 0)
    equal(prelude.bytes(ffi.new "double[2]"), ("00"):rep(16))
    equal(prelude.bytes(ffi.new "struct { char a; int b; }"), ("00"):rep(8))
    equal(prelude.bytes(ffi.new("int[?]", 3)), ("00"):rep(12))
    shows("cdata<int *>: NULL", ffi.new "int *")
    shows("cdata<int (*)()>: NULL", ffi.new "int (*)(void)")
    shows("0LL", ffi.new "int64_t")
end)

test("a number is initialized with one value", function()
    equal(prelude.number(ffi.new("int", 3)), 3)
    equal(prelude.number(ffi.new("const int", 3)), 3)
    equal(prelude.number(ffi.new("double", 0.5)), 0.5)
    raises("too many initializers for 'int'", ffi.new, "int", 1, 2)
    raises("cannot convert 'table' to 'int'", ffi.new, "int", {})
    raises("cannot convert 'table' to 'int'", ffi.new, "int", {1})
    raises("cannot convert 'nil' to 'int'", ffi.new, "int", nil)
end)

test("the type may be given as text, a ctype or a cdata", function()
    equal(prelude.number(ffi.new("int", 1)), 1)
    equal(prelude.number(ffi.new(ffi.typeof "int", 2)), 2)
    equal(prelude.number(ffi.new(ffi.new "int", 3)), 3)
    equal(prelude.number(ffi.typeof "int"(4)), 4)
end)

test("one value is for all of an array's elements, more are for the first ones", function()
    equal(list(ffi.new("int[3]", 5), 3), "5 5 5")
    equal(list(ffi.new("int[3]", 5, 6), 3), "5 6 0")
    equal(list(ffi.new("int[3]", 5, 6, 7), 3), "5 6 7")
    raises("too many initializers for 'int [3]'", ffi.new, "int[3]", 5, 6, 7, 8)
end)

test("an array takes a list, which begins at 0 if there is such an element, else at 1", function()
    equal(list(ffi.new("int[3]", {5}), 3), "5 5 5")
    equal(list(ffi.new("int[3]", {5, 6}), 3), "5 6 0")
    equal(list(ffi.new("int[3]", {[0] = 5, 6}), 3), "5 6 0")
    equal(list(ffi.new("int[3]", {[0] = 5, 6, 7}), 3), "5 6 7")
    equal(list(ffi.new("int[3]", {}), 3), "0 0 0")
    raises("too many initializers for 'int [3]'", ffi.new, "int[3]", {5, 6, 7, 8})
    raises("too many initializers for 'int [3]'", ffi.new, "int[3]", {[0] = 5, 6, 7, 8})
end)

test("a list ends at its first nil", function()
    equal(list(ffi.new("int[4]", {5, 6, nil, 8}), 4), "5 6 0 0")
    equal(list(ffi.new("int[3]", {nil, 6}), 3), "0 0 0")
    equal(list(ffi.new("int[3]", {[2] = 7}), 3), "0 0 0")
end)

test("an array takes an array of its own type", function()
    equal(list(ffi.new("int[3]", ffi.new("int[3]", {1, 2, 3})), 3), "1 2 3")
    raises("cannot convert 'int [2]' to 'int'", ffi.new, "int[3]", ffi.new "int[2]")
    raises("cannot convert 'double [3]' to 'int'", ffi.new, "int[3]", ffi.new "double[3]")
end)

test("an array of bytes takes a string, with its zero if there is room, and cut off if there is not enough", function()
    equal(prelude.bytes(ffi.new("char[4]", "abc")), "61626300")
    equal(prelude.bytes(ffi.new("char[3]", "abc")), "616263")
    equal(prelude.bytes(ffi.new("char[2]", "abc")), "6162")
    equal(prelude.bytes(ffi.new("uint8_t[4]", "a\0b")), "61006200")
    equal(prelude.bytes(ffi.new("char[?]", 4, "abc")), "61626300")
    raises("cannot convert 'string' to 'short [4]'", ffi.new, "short[4]", "abc")
    raises("cannot convert 'string' to 'bool [4]'", ffi.new, "bool[4]", "abc")
end)

test("arrays of arrays take lists of lists", function()
    local array = ffi.new("int[2][3]", {{1, 2, 3}, {4, 5, 6}})
    equal(list(array[0], 3), "1 2 3")
    equal(list(array[1], 3), "4 5 6")
    array = ffi.new("int[2][3]", {{1, 2}, {4}})
    equal(list(array[1], 3), "4 4 4")
    array = ffi.new("int[2][3]", {{1, 2}})
    equal(list(array[1], 3), "1 2 0")
    raises("cannot convert 'number' to 'int [3]'", ffi.new, "int[2][3]", {1, 2})
    raises("cannot convert 'number' to 'int [3]'", ffi.new, "int[2][3]", 1)
end)

test("an array of a length that is given takes the length first", function()
    equal(list(ffi.new("int[?]", 3, 7), 3), "7 7 7")
    equal(list(ffi.new("int[?]", 3, 7, 8), 2), "7 8")
    equal(list(ffi.new("int[?]", 3, {7, 8, 9}), 3), "7 8 9")
    equal(ffi.sizeof(ffi.new("int[?]", 3)), 12)
    equal(ffi.sizeof(ffi.new("int[?]", 0)), 0)
    equal(ffi.sizeof(ffi.new("int[?][2]", 3)), 24)
    local rows = ffi.new("int[?][2]", 2, {{1, 2}, {3, 4}})
    equal(list(rows[1], 2), "3 4")
    shows("cdata<int [?]>: 0x…", ffi.new("int[?]", 3))
    raises("too many initializers", ffi.new, "int[?]", 2, 1, 2, 3)
    raises("size of C type is unknown or too large", ffi.new, "int[?]", -1)
    raises("size of C type is unknown or too large", ffi.new, "int[?]", 2 ^ 31 - 1)
    raises("value expected", ffi.new, "int[?]")
    raises("cannot convert 'string' to 'int", ffi.new, "int[?]", "x")
end)

test("a struct takes its members' values in order", function()
    local s = ffi.new("struct { int a, b, c; }", 1, 2)
    equal(s.a, 1)
    equal(s.b, 2)
    equal(s.c, 0)
    raises("too many initializers for 'struct ", ffi.new, "struct { int a; }", 1, 2)
    raises("cannot convert 'nil' to 'int'", ffi.new, "struct { int a; }", nil)
end)

test("a struct takes a list", function()
    local s = ffi.new("struct { int a, b, c; }", {1, 2})
    equal(s.a, 1)
    equal(s.b, 2)
    equal(s.c, 0)
    equal(ffi.new("struct { int a, b; }", {[0] = 3, 4}).b, 4)
    equal(ffi.new("struct { int a, b; }", {1, b = 5}).b, 0)
    raises("too many initializers for 'struct ", ffi.new, "struct {}[3]", {{}})
end)

test("a struct takes a table by name, of which other names are left alone", function()
    local s = ffi.new("struct { int a, b, c; }", {b = 2, c = 3, other = 4})
    equal(s.a, 0)
    equal(s.b, 2)
    equal(s.c, 3)
end)

test("a member may be another struct, a union or an array", function()
    local s = ffi.new("struct { int a; struct { int b, c; } s; int d[2]; }", {1, {2, 3}, {4, 5}})
    equal(s.s.c, 3)
    equal(s.d[1], 5)
    s = ffi.new("struct { int a; struct { int b, c; } s; int d[2]; }", {s = {c = 3}, d = {4}})
    equal(s.a, 0)
    equal(s.s.c, 3)
    equal(s.d[1], 4)
    s = ffi.new("struct { int a; struct { int b, c; } s; }", 1, {2, 3})
    equal(s.s.c, 3)
    raises("cannot convert 'number' to 'struct ", ffi.new, "struct { int a; struct { int b, c; } s; }", 1, 2)
    raises("cannot convert 'number' to 'int [2]'", ffi.new, "struct { int d[2]; }", 1)
end)

test("the members of a nameless struct or union are its container's", function()
    local s = ffi.new("struct { int a; struct { int b, c; }; int d; }", 1, 2, 3, 4)
    equal(s.c, 3)
    equal(s.d, 4)
    s = ffi.new("struct { int a; struct { int b, c; }; int d; }", {c = 3})
    equal(s.c, 3)
    s = ffi.new("struct { int a; union { int b; float c; }; int d; }", {1, 2, 3})
    equal(s.b, 2)
    equal(s.d, 3)
end)

test("a union takes one value, for its first member or by name", function()
    equal(ffi.new("union { int a; double d; }", 1).a, 1)
    equal(ffi.new("union { int a; double d; }", {1}).a, 1)
    equal(ffi.new("union { int a; double d; }", {d = 0.5}).d, 0.5)
    equal(ffi.new("union { int a; double d; }", {1, 2}).a, 1)
    raises("too many initializers for 'union ", ffi.new, "union { int a; double d; }", 1, 2)
end)

test("a union's nameless struct is its first member to a list, and all that it takes", function()
    local mixed = ffi.typeof "struct { union { struct { short low, high; }; int word; }; int behind; }"
    local value = mixed(1, 2, 3)
    equal(value.low, 1)
    equal(value.high, 2)
    equal(value.behind, 3)
    equal(mixed {word = 0x20001}.high, 2)
    local vector = ffi.typeof "union { struct { float x, y, z; }; float list[3]; }"
    equal(vector(1, 2, 3).list[2], 3)
    raises("too many initializers for 'union ", vector, 1, 2, 3, 4)
end)

test("a struct takes a struct of its own type", function()
    local pair = ffi.typeof "struct { int a, b; }"
    local copy = pair(pair(1, 2))
    equal(copy.b, 2)
    local outer = ffi.typeof("struct { int x; $ p; }", pair)
    local value = outer(1, pair(3, 4))
    equal(value.p.b, 4)
    value = outer {1, pair(3, 4)}
    equal(value.p.b, 4)
    value = outer {p = pair(3, 4)}
    equal(value.p.a, 3)
    raises("cannot convert 'struct ", ffi.new, "struct { int a, b; }", pair(1, 2))
end)

test("a struct of a length that is given takes the length first", function()
    local s = ffi.new("struct { int n; int a[?]; }", 3, 1, {4, 5, 6})
    equal(s.n, 1)
    equal(list(s.a, 3), "4 5 6")
    s = ffi.new("struct { int n; double a[?]; }", 2, {n = 1, a = {4, 5}})
    equal(s.a[1], 5)
    s = ffi.new("struct { int n; char a[?]; }", 4, 1, "abc")
    equal(s.a[2], 99)
    raises("value expected", ffi.new, "struct { int n; int a[?]; }")
    equal(ffi.sizeof(s), 8)
    local referred = ffi.cast(ffi.typeof("$ *", s), s)[0]
    raises("value expected", ffi.sizeof, referred)
    equal(ffi.sizeof(referred, 5), 9)
    ffi.cdef "struct new_open { int n; int a[?]; };"
    local open = ffi.new("struct new_open", 2, 1, {2, 3})
    local words = "cannot convert 'struct new_open' to 'struct new_open'" -- nobody knows how much that would be
    raises(words, ffi.new, "struct new_open", 2, open)
    raises(words, function() ffi.cast("struct new_open *", open)[0] = open end)
end)

test("a struct of a length that is given is no element and no member, but pointers lead to it", function()
    local words = "size of C type is unknown or too large"
    ffi.cdef "struct new_later { int n; int a[?]; }; typedef struct new_later new_later; typedef int new_list[?];"
    for _, type in ipairs {"struct new_later[2]", "new_later[2]", "const new_later[2]", "new_later[0]", "new_later[]",
        "new_later[?]", "new_later (*)[2]", "void (*)(new_later[2])", "new_list[2]", "int[2][?]", "int[?][?]",
        "struct { new_later s; }", "struct { int n; new_later s; }", "struct { new_later s; int n; }",
        "struct { int n; union { int i; new_later s; }; }", "union { new_later s; int n; }",
        "struct { int n; new_later s[2]; }", "struct { int n; struct { int m; char text[?]; } s; }"} do
        raises(words, ffi.typeof, type)
        raises(words, ffi.sizeof, type, 1)
        raises(words, ffi.new, type, 1)
    end
    raises(words, ffi.typeof, "$[2]", ffi.typeof "new_later")
    raises(words, ffi.cdef, "typedef struct new_later new_laters[2];")
    raises(words, ffi.cdef, "extern new_later new_laters[2];")
    raises(words, ffi.cdef, "void new_laters(new_later[2]);")
    raises("", ffi.typeof, "struct { int n; struct { int m; char text[?]; }; }")
    raises("", ffi.typeof, "struct { int n; $; }", ffi.typeof "new_later")
    local later = ffi.new("new_later", 2, 1, {2, 3})
    local s = ffi.new("struct { int n; new_later *to, *const all[2]; }", {to = later})
    equal(s.to.a[1], 3)
    ffi.cdef "new_later *new_to(new_later *); new_later new_of(new_later); extern new_later new_one;"
end)

test("a struct that ends with an array without a length has none of its elements", function()
    equal(ffi.new("struct { int n; int a[]; }").n, 0)
    equal(ffi.sizeof(ffi.new "struct { int n; int a[]; }"), 4)
end)

test("an array takes structs, and lists for them", function()
    local array = ffi.new("struct { int a, b; }[2]", {{1, 2}, {b = 3}})
    equal(array[0].b, 2)
    equal(array[1].a, 0)
    equal(array[1].b, 3)
    array = ffi.new("struct { int a, b; }[3]", {{1, 2}})
    equal(array[2].b, 2)
    local pair = ffi.typeof "struct { int a, b; }"
    array = ffi.new(ffi.typeof("$[2]", pair), {pair(1, 2), pair(3, 4)})
    equal(array[1].a, 3)
    raises("cannot convert 'number' to 'struct ", ffi.new, "struct { int a; }[2]", {1, 2})
end)

test("complex numbers take one or two values, or a list of them", function()
    shows("1+2i", ffi.new("complex", 1, 2))
    shows("1+0i", ffi.new("complex", 1))
    shows("1+2i", ffi.new("complex", {1, 2}))
    shows("0.5-2i", ffi.new("complex float", 0.5, -2))
    raises("too many initializers for 'complex'", ffi.new, "complex", 1, 2, 3)
end)

test("vectors take values as arrays do", function()
    local vector = ffi.new("int __attribute__((vector_size(16)))", 1, 2, 3, 4)
    equal(vector[3], 4)
    equal(ffi.new("float __attribute__((vector_size(16)))", 0.5)[3], 0.5)
    equal(ffi.new("float __attribute__((vector_size(16)))", {0.5, 1})[1], 1)
end)

test("bit-fields are initialized as other members are", function()
    local s = ffi.new("struct { int a : 3; unsigned b : 3; bool c : 1; }", 3, 7, true)
    equal(s.a, 3)
    equal(s.b, 7)
    equal(s.c, true)
    equal(ffi.new("struct { int a : 3; unsigned b : 3; bool c : 1; }", {b = 5}).b, 5)
end)

test("a pointer takes nil, a pointer or an array, and no number", function()
    local array = ffi.new("int[2]", 1, 2)
    equal(ffi.new("int *", array)[1], 2)
    local pointers = ffi.new("int *[1]", {array})
    equal(pointers[0][1], 2)
    shows("cdata<int *>: NULL", ffi.new("int *", nil))
    raises("cannot convert 'number' to 'int *'", ffi.new, "int *", 0)
end)

test("what has no size is not made", function()
    raises("size of C type is unknown or too large", ffi.new, "void")
    raises("size of C type is unknown or too large", ffi.new, "int[]")
    raises("size of C type is unknown or too large", ffi.new, "int (int)")
end)

test("an initializer that can't be converted is named with the type that it is for", function()
    raises("cannot convert 'string' to 'int'", ffi.new, "int[2]", {1, "x"})
    raises("cannot convert 'string' to 'int'", ffi.new, "struct { int a; }", {a = "x"})
    raises("cannot convert 'string' to 'char *'", ffi.new, "struct { char *p; }", {"x"})
    raises("cannot convert 'table' to 'double'", ffi.new, "double[2]", {{1}})
    raises("cannot convert 'function' to 'int'", ffi.new, "int", print)
end)

check.finish()
