-- Types: what cdef declares, what typeof makes of text, values and parameters, and when two types are the same.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows = prelude.ffi, prelude.shows
local test, equal, raises = check.test, check.equal, check.raises

local function is(text, type)
    equal(tostring(ffi.typeof(type)), "ctype<" .. text .. ">")
end

test("a type's name is C's, with one spelling for each of its types", function()
    is("int", "signed int")
    is("unsigned int", "unsigned")
    is("short", "short int")
    is("unsigned short", "unsigned short")
    is("char", "char")
    is("char", "signed char")
    is("unsigned char", "uint8_t")
    is("int64_t", "long long")
    is("uint64_t", "unsigned long long int")
    is("int64_t", "long")
    is("uint64_t", "size_t")
    is("int64_t", "ptrdiff_t")
    is("int64_t", "intptr_t")
    is("bool", "_Bool")
    is("bool", "bool")
    is("float", "float")
    is("double", "double")
    is("complex", "double _Complex")
    is("complex float", "complex float")
    is("void", "void")
end)

test("derived types have their names in C's order", function()
    is("int *", "int *")
    is("int **", "int**")
    is("const char *", "const char *")
    is("const char *", "char const *")
    is("char *const", "char * const")
    is("int [4]", "int[4]")
    is("int [4][5]", "int[4][5]")
    is("int []", "int[]")
    is("int [?]", "int[?]")
    is("int (*)[4]", "int (*)[4]")
    is("int *[4]", "int *[4]")
    is("int &", "int &")
    is("int (*)()", "int (*)(int, double)")
    is("int ()", "int (int, double)")
    is("void *", "void *")
    is("volatile int", "volatile int")
    is("const volatile int", "const volatile int")
end)

test("a struct, a union and an enum are named by their tags, and nameless ones by a number", function()
    ffi.cdef [[
        struct types_tag { int a; };
        union types_union { int a; };
        enum types_enum { TYPES_A };
    ]]
    is("struct types_tag", "struct types_tag")
    is("union types_union *", "union types_union *")
    is("enum types_enum", "enum types_enum")
    equal(prelude.plain(tostring(ffi.typeof("struct { int a; }"))), "ctype<struct N>")
    equal(prelude.plain(tostring(ffi.typeof("union { int a; }"))), "ctype<union N>")
    equal(prelude.plain(tostring(ffi.typeof("enum { TYPES_NAMELESS }"))), "ctype<enum N>")
end)

test("a typedef is its type", function()
    ffi.cdef "typedef int types_int; typedef types_int *types_pointer; typedef struct types_s { int a; } types_s;"
    is("int", "types_int")
    is("int *", "types_pointer")
    is("struct types_s", "types_s")
    is("const int", "const types_int")
end)

test("a ctype is called to make a value", function()
    local int = ffi.typeof "int"
    equal(prelude.number(int(3)), 3)
    equal(ffi.sizeof(ffi.typeof("int[?]")(5)), 20)
end)

test("typeof takes a cdata, whose type it gives, and a ctype, which it gives back", function()
    local array = ffi.new("int[3]")
    is("int [3]", array)
    local type = ffi.typeof("int[3]")
    equal(ffi.typeof(type), type)
end)

test("the same text gives types of which each makes values of the other", function()
    local a, b = ffi.typeof "int *", ffi.typeof "int *"
    assert(ffi.istype(a, b(nil)))
    equal(tostring(a), tostring(b))
end)

test("parameters stand for types, names and numbers", function()
    local element = ffi.typeof "int16_t"
    is("short [4]", ffi.typeof("$[4]", element))
    is("short [4]", ffi.typeof("$[$]", element, 4))
    is("short **", ffi.typeof("$ **", element))
    is("short &", ffi.typeof("$ &", element))
    local pair = ffi.typeof("struct { $ first; $ $; }", ffi.typeof "int", ffi.typeof "double", "second")
    equal(ffi.offsetof(pair, "second"), 8)
    equal(ffi.sizeof(pair), 16)
    is("const short *", ffi.typeof("const $ *", element))
end)

test("cdef takes parameters, too", function()
    ffi.cdef("struct types_parameters { $ a; int $[$]; };", ffi.typeof "double", "b", 3)
    equal(ffi.sizeof "struct types_parameters", 24)
    equal(ffi.offsetof("struct types_parameters", "b"), 8)
end)

test("what looks like a parameter in a comment or a character is none", function()
    local int, double = ffi.typeof "int", ffi.typeof "double"
    equal(ffi.sizeof(ffi.typeof("struct { /* $ */ $ a; // $\n $ b; }", int, double)), 16)
    ffi.cdef("enum { TYPES_DOLLAR = '$', TYPES_QUOTE = '\\'' }; struct types_dollar { $ a; };", int)
    equal(ffi.C.TYPES_DOLLAR, 36)
    equal(ffi.C.TYPES_QUOTE, 39)
    equal(ffi.sizeof "struct types_dollar", 4)
end)

test("a cdata stands for its type as a parameter", function()
    is("double [2]", ffi.typeof("$[2]", ffi.new "double"))
end)

test("there are as many parameters as there are in the text", function()
    raises("wrong number of type parameters", ffi.typeof, "$[2]")
    raises("wrong number of type parameters", ffi.typeof, "int[2]", 1)
    raises("wrong number of type parameters", ffi.cdef, "int types_too_many;", 1)
end)

test("a parameter that is a type is that very one, and not what is written alike", function()
    local a, b = ffi.typeof "struct { int x; }", ffi.typeof "struct { int x; }"
    local both = ffi.new(ffi.typeof("struct { $ a; $ b; $ *c; }", a, b, a))
    equal(ffi.istype(a, both.a), true)
    equal(ffi.istype(b, both.b), true)
    equal(ffi.istype(b, both.a), false)
    both.c = both.a
    raises("cannot convert", function() both.c = both.b end)
    ffi.cdef("typedef $ $; typedef $ $;", a, "types_a", b, "types_b")
    equal(ffi.istype(a, ffi.new "types_a"), true)
    equal(ffi.istype(a, ffi.new "types_b"), false)
end)

test("a parameter that is a name is no keyword, and no type", function()
    local s = ffi.new(ffi.typeof("struct { int $, $, $; }", "int", "types_int", "two words"), {1, 2, 3})
    equal(s["int"], 1)
    equal(s.types_int, 2)
    equal(s["two words"], 3)
    raises("", ffi.typeof, "$ *", "int")
    raises("", ffi.typeof, "$ *", "types_int")
    raises("undeclared or implicit tag", ffi.typeof, "struct $ *", "types_nobody")
    raises("", ffi.typeof, "struct { int $x; }", "y")
    raises("", ffi.cdef, "int types_label(int) __asm__($);", "abs")
end)

test("a parameter that is a number is one of an expression, with its sign", function()
    is("int [7]", ffi.typeof("int[4-$]", -3))
    is("int [7]", ffi.typeof("int[$*2+1]", 3))
    ffi.cdef("enum { $ = $ };", "TYPES_LESS", -3)
    equal(ffi.C.TYPES_LESS, -3)
    equal(ffi.alignof(ffi.typeof("struct { int a __attribute__((aligned($))); }", 32)), 32)
    equal(ffi.sizeof(ffi.typeof("struct { int a:$, b:$; }", 3, 5)), 4)
end)

test("a struct that is a parameter, without a name behind it, is an anonymous member", function()
    local s = ffi.new(ffi.typeof("struct { $; int z; }", ffi.typeof "struct { int a; }"), {a = 5, z = 6})
    equal(s.a, 5)
    equal(s.z, 6)
end)

test("a reference is a parameter alone", function()
    is("int &", ffi.typeof("$", ffi.typeof "int &"))
    raises("invalid C type", ffi.typeof, "$ *", ffi.typeof "int &")
end)

test("a parameter is a type, a name or a number", function()
    raises("bad argument #2", ffi.typeof, "$ *", true)
    raises("bad argument #2", ffi.typeof, "$ *", nil)
    raises("bad argument #3", ffi.typeof, "$[$]", ffi.typeof "int", {})
    raises("", ffi.typeof, "int[$]", "x")
    raises("", ffi.typeof, "struct { $ $; }", "a", ffi.typeof "int")
end)

test("a declaration may be repeated", function()
    ffi.cdef "int types_repeated(int); int types_repeated(int);"
    ffi.cdef "int types_repeated(int);"
    ffi.cdef "typedef int types_repeated_type; typedef int types_repeated_type;"
end)

test("a struct, a union or an enum is defined once, and a constant", function()
    ffi.cdef "struct types_once { int a; }; enum { TYPES_ONCE = 1 }; static const int TYPES_ONE = 2;"
    raises("types_once", ffi.cdef, "struct types_once { int b; };")
    raises("types_enum", ffi.cdef, "enum types_enum { TYPES_AGAIN };")
    for _, text in ipairs {"struct types_once { int a; };", "union types_once;", "enum types_once { TYPES_NEW };",
        "struct types_new { struct types_once { int a; } s; };", "enum { TYPES_ONCE = 1 };",
        "static const int TYPES_ONE = 2;", "struct types_new { int a; }; struct types_new { int a; };",
        "int types_ones(int); enum { types_ones };"} do
        if pcall(ffi.cdef, text) then error("cdef takes '" .. text .. "'") end
    end
    raises("types_once", ffi.sizeof, "struct types_once { int a; }")
    raises("undeclared or implicit tag 'types_new'", ffi.typeof, "struct types_new { int a; }")
    local packed = "struct __attribute__((packed)) __attribute__ ( (aligned(2)) ) "
    equal(ffi.sizeof(packed .. "{ char a; double b; }"), 10)
    raises("undeclared or implicit tag 'types_new'", ffi.typeof, packed .. "types_new *")
    ffi.cdef "struct types_once; extern struct types_once *types_pointer_to_it;"
    equal(ffi.sizeof "struct types_once", 4)
    equal(ffi.C.TYPES_ONCE, 1)
end)

test("of what is declared otherwise again, the first declaration counts", function()
    ffi.cdef [[
        typedef int types_first_int; typedef double types_first_int;
        typedef struct { int a; } types_first_struct; typedef struct { double a; } types_first_struct;
        int types_first(int) __asm__("abs"); double types_first(double);
    ]]
    ffi.cdef "typedef char types_first_int; void types_first(void); typedef unsigned size_t;"
    equal(ffi.sizeof "types_first_int", 4)
    equal(ffi.sizeof "types_first_struct", 4)
    equal(ffi.C.types_first(-3), 3)
    equal(ffi.sizeof "size_t", 8)
    ffi.cdef "typedef struct { int a[3]; } key_t;"
    equal(ffi.sizeof "key_t", 12)
end)

test("a struct may be declared first and defined later", function()
    ffi.cdef "struct types_later; typedef struct types_later *types_later_pointer;"
    raises("size of C type is unknown or too large", ffi.new, "struct types_later")
    equal(ffi.sizeof "types_later_pointer", 8)
    ffi.cdef "struct types_later { int a, b; };"
    equal(ffi.sizeof "struct types_later", 8)
    equal(ffi.new("types_later_pointer", ffi.new "struct types_later").a, 0)
end)

test("a pointer that was made before the struct is defined leads into it afterwards", function()
    ffi.cdef "struct types_forward;"
    local memory = ffi.new "int[4]"
    local pointer = ffi.cast("struct types_forward *", memory)
    raises("size of C type is unknown", function() return pointer[0] end)
    ffi.cdef "struct types_forward { int a, b; };"
    pointer[1].b = 7
    equal(memory[3], 7)
    equal((pointer + 1).b, 7)
end)

test("a tag is of one kind", function()
    raises("", ffi.typeof, "union types_tag")
    raises("", ffi.typeof, "enum types_tag")
end)

test("what is not declared is named in the error", function()
    raises("undeclared or implicit tag 'types_nowhere'", ffi.typeof, "struct types_nowhere")
    raises("'types_unknown'", ffi.typeof, "types_unknown")
    raises("'types_unknown'", ffi.cdef, "types_unknown x;")
end)

test("what is not C is an error, and declares nothing", function()
    for _, text in ipairs {"int int", "int[", "struct {", "struct { int a }", "int (", "enum { A = }", "*",
        "int[-1]", "struct { int a; int a2 : 40; }", "\1", "int a b", "[3]"} do
        local ok = pcall(ffi.typeof, text)
        if ok then error("typeof takes '" .. text .. "'") end
    end
    assert(not pcall(ffi.cdef, "typedef int types_first; typedef int int;"))
end)

test("cdef takes what headers have", function()
    ffi.cdef [[
        // A comment
        /* and another */
        extern int types_extern;
        static const int TYPES_CONSTANT = 42;
        static const unsigned TYPES_EXPRESSION = (1 << 4 | 3) + sizeof(int) * 2;
        enum { TYPES_FIRST = -1, TYPES_SECOND, TYPES_TENTH = 10, TYPES_NEXT };
        typedef int (*types_function)(void *, const char *, ...);
        typedef struct types_list { struct types_list *next; int value; } types_list;
        int types_attribute(void) __attribute__((noreturn));
        __extension__ typedef long long types_extension;
        extern __inline__ int types_inline(int);
        int types_asm(int) __asm__("abs");
        typedef unsigned char types_vector __attribute__((vector_size(16)));
        typedef int types_aligned __attribute__((aligned(16)));
        struct types_packed { char a; int b; } __attribute__((packed));
        #pragma pack(push, 1)
        struct types_pragma { char a; int b; };
        #pragma pack(pop)
        struct types_unpacked { char a; int b; };
        int types_array[], *types_pointer_and, types_plain;
        void types_void(void), types_no_names(int, char *, int[], int (*)(int));
    ]]
    equal(ffi.C.TYPES_CONSTANT, 42)
    equal(ffi.C.TYPES_EXPRESSION, 27)
    equal(ffi.C.TYPES_FIRST, -1)
    equal(ffi.C.TYPES_SECOND, 0)
    equal(ffi.C.TYPES_TENTH, 10)
    equal(ffi.C.TYPES_NEXT, 11)
    equal(ffi.sizeof "types_list", 16)
    equal(ffi.sizeof "struct types_packed", 5)
    equal(ffi.sizeof "struct types_pragma", 5)
    equal(ffi.sizeof "struct types_unpacked", 8)
    equal(ffi.sizeof "types_vector", 16)
    equal(ffi.alignof "types_aligned", 16)
    equal(ffi.C.types_asm(-3), 3)
end)

test("numbers in C have each of their spellings", function()
    ffi.cdef [[
        enum { TYPES_HEX = 0x1F, TYPES_OCTAL = 017, TYPES_CHAR = 'A', TYPES_ESCAPE = '\n', TYPES_UNSIGNED = 7u,
               TYPES_TERNARY = 1 ? 5 : 6, TYPES_SHIFT = 1 << 10, TYPES_NOT = ~0, TYPES_LOGIC = !3 || 2 > 1,
               TYPES_SIZE = sizeof(struct { char a; double b; }), TYPES_MODULO = 17 % 5 };
    ]]
    local c = ffi.C
    equal(c.TYPES_HEX, 31)
    equal(c.TYPES_OCTAL, 15)
    equal(c.TYPES_CHAR, 65)
    equal(c.TYPES_ESCAPE, 10)
    equal(c.TYPES_UNSIGNED, 7)
    equal(c.TYPES_TERNARY, 5)
    equal(c.TYPES_SHIFT, 1024)
    equal(c.TYPES_NOT, -1)
    equal(c.TYPES_LOGIC, 1)
    equal(c.TYPES_SIZE, 16)
    equal(c.TYPES_MODULO, 2)
end)

test("the types that C99's headers define are there from the beginning", function()
    for name, size in pairs {int8_t = 1, uint8_t = 1, int16_t = 2, uint16_t = 2, int32_t = 4, uint32_t = 4, int64_t = 8,
        uint64_t = 8, intptr_t = 8, uintptr_t = 8, ptrdiff_t = 8, size_t = 8, wchar_t = 4, ssize_t = 8,
        bool = 1, ["long double"] = 16, ["complex"] = 16, ["complex float"] = 8} do
        equal(ffi.sizeof(name), size)
    end
end)

test("cdef and typeof take text", function()
    raises("bad argument #1", ffi.cdef)
    raises("bad argument #1", ffi.cdef, {})
    raises("bad argument #1", ffi.typeof)
    raises("C type expected, got boolean", ffi.typeof, true)
    raises("C type expected, got number", ffi.typeof, 1)
    raises("C type expected, got table", ffi.typeof, {})
end)

test("a struct's constants are its ctype's members", function()
    equal(ffi.typeof("struct { int x; static const int CONSTANT = 3; }").CONSTANT, 3)
end)

test("a ctype has no members, no length, and can't be assigned to", function()
    local int = ffi.typeof "int"
    raises("'int' has no member named 'x'", function() return int.x end)
    raises("", function() int.x = 1 end)
    raises("attempt to get length of '", function() return #int end)
    raises("", function() return int .. "text" end)
    shows("ctype<int>", int)
end)

check.finish()
