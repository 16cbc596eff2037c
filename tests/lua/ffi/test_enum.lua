-- Enums: constants, names, and what an enum is as a number.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, shows, eq, lt, le, number = prelude.ffi, prelude.shows, prelude.eq, prelude.lt, prelude.le, prelude.number
local test, equal, raises = check.test, check.equal, check.raises

ffi.cdef [[
    enum color { ENUM_RED, ENUM_GREEN = 5, ENUM_BLUE };
    enum negative { ENUM_MINUS = -1, ENUM_ZERO };
    typedef enum { ENUM_SMALL = 1, ENUM_ALIAS = ENUM_SMALL, ENUM_SHIFTED = ENUM_SMALL << 4 } enum_size;
]]
local color = ffi.typeof "enum color"

test("constants are numbers in ffi.C", function()
    equal(ffi.C.ENUM_RED, 0)
    equal(ffi.C.ENUM_GREEN, 5)
    equal(ffi.C.ENUM_BLUE, 6)
    equal(ffi.C.ENUM_MINUS, -1)
    equal(ffi.C.ENUM_ALIAS, 1)
    equal(ffi.C.ENUM_SHIFTED, 16)
    raises("attempt to write to constant location", function() ffi.C.ENUM_RED = 1 end)
end)

test("an enum has the size of an int", function()
    equal(ffi.sizeof(color), 4)
    equal(ffi.alignof(color), 4)
    equal(ffi.sizeof "enum_size", 4)
end)

test("an enum is made of a number or of a constant's name", function()
    equal(number(color(5)), 5)
    equal(number(color "ENUM_GREEN"), 5)
    equal(number(color()), 0)
    equal(number(ffi.cast(color, "ENUM_BLUE")), 6)
    equal(number(ffi.cast(color, 6.9)), 6)
    raises("cannot convert 'string' to 'enum color'", color, "ENUM_MINUS")
    raises("cannot convert 'string' to 'enum color'", color, "")
    raises("cannot convert 'string' to 'enum color'", ffi.cast, color, "ENUM_WHITE")
end)

test("a number that is no constant's is kept", function()
    equal(number(color(77)), 77)
    equal(number(ffi.new("enum negative", -5)), -5)
end)

test("an enum with a negative constant is signed, another is not", function()
    equal(number(ffi.new("enum negative", -1)), -1)
    equal(number(ffi.cast("enum color", ffi.new("int", -1))), 4294967295)
end)

test("an enum is shown with its value", function()
    shows("cdata<enum color>: 5", color "ENUM_GREEN")
    shows("cdata<enum color>: 77", color(77))
    shows("cdata<enum negative>: -1", ffi.new("enum negative", "ENUM_MINUS"))
end)

test("an enum equals a number, another enum, and its constant's name", function()
    local green = color "ENUM_GREEN"
    equal(eq(green, 5), true)
    equal(eq(green, 6), false)
    equal(eq(green, "ENUM_GREEN"), true)
    equal(eq("ENUM_GREEN", green), true)
    equal(eq(green, "ENUM_BLUE"), false)
    equal(eq(green, color(5)), true)
    equal(eq(green, ffi.new("enum negative", 5)), true)
    equal(eq(green, prelude.i64 "5"), true)
    equal(eq(green, nil), false)
end)

test("what is no constant's name is equal to none", function()
    equal(eq(color "ENUM_GREEN", "ENUM_WHITE"), false)
end)

test("enums are in the order of their numbers", function()
    equal(lt(color "ENUM_RED", color "ENUM_GREEN"), true)
    equal(lt(color "ENUM_RED", "ENUM_GREEN"), true)
    equal(lt("ENUM_BLUE", color "ENUM_GREEN"), false)
    equal(le(color "ENUM_GREEN", 5), true)
    equal(lt(ffi.new("enum negative", -1), 0), true)
end)

test("arithmetic with an enum is that of integers, and takes a name", function()
    shows("6LL", color "ENUM_GREEN" + 1)
    shows("11LL", color "ENUM_GREEN" + color "ENUM_BLUE")
    shows("11LL", color "ENUM_GREEN" + "ENUM_BLUE")
    raises("cannot convert 'string' to 'enum color'", function()
        return color "ENUM_GREEN" + "ENUM_WHITE"
    end)
end)

test("members, elements and arguments take names", function()
    local s = ffi.new("struct { enum color c; enum color list[2]; }", {"ENUM_GREEN", {"ENUM_BLUE", "ENUM_RED"}})
    equal(number(s.c), 5)
    equal(number(s.list[0]), 6)
    s.c = "ENUM_BLUE"
    equal(number(s.c), 6)
    s.list[1] = "ENUM_GREEN"
    equal(number(s.list[1]), 5)
    raises("cannot convert 'string' to 'enum color'", function() s.c = "ENUM_WHITE" end)
    ffi.cdef 'int enum_abs(enum negative) __asm__("abs"); enum negative enum_result(int) __asm__("abs");'
    equal(ffi.C.enum_abs "ENUM_MINUS", 1)
    equal(ffi.C.enum_abs(-3), 3)
    shows("cdata<enum negative>: 3", ffi.C.enum_result(-3))
    raises("cannot convert 'string' to 'enum negative'", ffi.C.enum_abs, "ENUM_RED")
end)

test("an int takes an enum, but no name", function()
    equal(number(ffi.new("int", color "ENUM_GREEN")), 5)
    raises("cannot convert 'string' to 'int'", ffi.new, "int", "ENUM_GREEN")
end)

test("a constant is declared once", function()
    raises("ENUM_RED", ffi.cdef, "enum { ENUM_RED = 7 };")
    equal(ffi.C.ENUM_RED, 0)
end)

test("an enum's constants are what an array's length and other constants are made of", function()
    ffi.cdef "enum { ENUM_LENGTH = 3, ENUM_LONGER = ENUM_LENGTH * 2 + 1 }; struct enum_array { char a[ENUM_LONGER]; };"
    equal(ffi.sizeof "struct enum_array", 7)
end)

test("an enum may be defined behind its first use, and has no elements before", function()
    ffi.cdef "enum enum_later; enum enum_sooner; struct enum_uses { enum enum_later *later; enum enum_sooner *sooner; };"
    local numbers, used = ffi.new("int[2]", 1, -1), ffi.new "struct enum_uses"
    used.later, used.sooner = ffi.cast("enum enum_later *", numbers), ffi.cast("enum enum_sooner *", numbers)
    local words = "attempt to perform arithmetic on 'enum enum_later *' and 'number'"
    raises(words, function() return used.later + 1 end)
    raises("size of C type is unknown or too large", function() return used.later[1] end)
    equal(ffi.sizeof "enum enum_later", nil)
    ffi.cdef "enum enum_later { ENUM_LATER = -1, ENUM_LATEST }; enum enum_sooner { ENUM_SOONER };"
    for _ = 1, 2 do
        equal(number(used.later[1]), -1)
        equal(eq(used.later[1], "ENUM_LATER"), true)
        equal(number(used.sooner[1]), 2 ^ 32 - 1)
    end
    equal(used.later + 2 - used.later, 2)
    equal(ffi.sizeof "enum enum_later", 4)
end)

check.finish()
