-- Metatypes: what a struct does by a table of functions.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local prelude = require "ffi.prelude"
local ffi, eq, lt, le = prelude.ffi, prelude.eq, prelude.lt, prelude.le
local test, equal, raises = check.test, check.equal, check.raises

-- A struct with one number, and metamethods.
local function make(metamethods)
    return ffi.metatype("struct { int a; }", metamethods)
end

test("metatype gives the type back", function()
    local type = ffi.typeof "struct { int a; }"
    local meta = ffi.metatype(type, {__index = {b = 2}})
    equal(tostring(meta), tostring(type))
    equal(type(1).b, 2)
    equal(meta(1).b, 2)
end)

test("a type gets its metatable once", function()
    local type = make {}
    raises("cannot change a protected metatable", ffi.metatype, type, {})
end)

test("structs, unions, complex numbers and vectors have metatables, others don't", function()
    ffi.metatype("union { int a; float b; }", {})
    raises("invalid C type", ffi.metatype, "int", {})
    raises("invalid C type", ffi.metatype, "int *", {})
    raises("invalid C type", ffi.metatype, "int[2]", {})
    raises("invalid C type", ffi.metatype, "enum { METATYPE_A }", {})
    raises("table expected, got number", ffi.metatype, "struct { int a; }", 1)
    raises("table expected, got no value", ffi.metatype, "struct { int a; }")
end)

test("members come before __index, and what is neither is an error", function()
    local type = make {__index = {a = 9, double = function(self) return self.a * 2 end}}
    local value = type(5)
    equal(value.a, 5)
    equal(value:double(), 10)
    raises("has no member named 'other'", function() return value.other end)
end)

test("__index may be a function, which is asked for numbers, too", function()
    local type = make {__index = function(self, key) return tostring(key) .. self.a end}
    equal(type(5).name, "name5")
    equal(type(5)[7], "75")
end)

test("a ctype has what __index has", function()
    local type = make {__index = {make = function(n) return n + 1 end}}
    equal(type.make(3), 4)
    raises("has no member named 'other'", function() return type.other end)
end)

test("__newindex gets what no member takes", function()
    local log = {}
    local type = make {__newindex = function(self, key, value) log[key] = value end}
    local value = type(1)
    value.a, value.b = 2, 3
    equal(value.a, 2)
    equal(log.a, nil)
    equal(log.b, 3)
    local table = {}
    local other = make {__newindex = table}
    other(1).x = 5
    equal(table.x, 5)
end)

test("__new makes a value when the type is called, and not by new", function()
    local type
    type = make {__new = function(ct, n)
        return ffi.new(ct, n * 2)
    end}
    equal(type(4).a, 8)
    equal(ffi.new(type, 4).a, 4)
    local count = make {__new = function(_, ...) return select("#", ...), ... end}
    local n, first = count(7, 8, 9)
    equal(n, 3)
    equal(first, 7)
end)

test("__call, __len, __unm, __concat and __tostring", function()
    local type = make {
        __call = function(self, ...) return self.a, ... end,
        __len = function(self) return self.a end,
        __unm = function(self) return "minus " .. self.a end,
        __concat = function(a, b)
            return (ffi.istype("int", a) or prelude.kind(a) == "cdata") and "left" or "right"
        end,
        __tostring = function(self) return "value " .. self.a end,
    }
    local value = type(4)
    local a, b, c = value(5, 6)
    equal(a, 4)
    equal(b, 5)
    equal(c, 6)
    equal(#value, 4)
    equal(-value, "minus 4")
    equal(value .. "x", "left")
    equal("x" .. value, "right")
    equal(tostring(value), "value 4")
end)

test("arithmetic, with the value on either side", function()
    local names = {}
    for _, name in ipairs {"add", "sub", "mul", "div", "mod", "pow"} do
        names["__" .. name] = function(a, b)
            local x = type(a) == "number" and a or a.a
            local y = type(b) == "number" and b or b.a
            return name .. " " .. x .. " " .. y
        end
    end
    local t = make(names)
    equal(t(1) + 2, "add 1 2")
    equal(1 + t(2), "add 1 2")
    equal(t(1) - t(2), "sub 1 2")
    equal(t(1) * 2, "mul 1 2")
    equal(3 / t(2), "div 3 2")
    equal(t(1) % 2, "mod 1 2")
    equal(t(1) ^ t(2), "pow 1 2")
end)

test("an operation that has no metamethod is an error", function()
    local type = make {__add = function() return 1 end}
    raises("attempt to perform arithmetic on 'struct ", function() return type(1) - 1 end)
    raises("attempt to get length of 'struct ", function() return #type(1) end)
    raises("attempt to concatenate 'struct ", function() return type(1) .. "x" end)
    raises("' is not callable", function() return type(1)() end)
    raises("attempt to compare 'struct ", function() return lt(type(1), type(2)) end)
end)

test("__eq compares with other values, too, and its result is a boolean", function()
    local type = make {__eq = function() return 1 end}
    equal(eq(type(1), type(2)), true)
    equal(eq(type(1), 5), true)
    equal(eq(5, type(1)), true)
    local never = make {__eq = function() return nil end}
    equal(eq(never(1), never(1)), false)
end)

test("__lt and __le", function()
    local type = make {
        __lt = function(a, b) return a.a < b.a end,
        __le = function(a, b) return a.a <= b.a end,
    }
    equal(lt(type(1), type(2)), true)
    equal(lt(type(2), type(1)), false)
    equal(type(2) > type(1), true)
    equal(le(type(2), type(2)), true)
    equal(type(1) >= type(2), false)
end)

test("__pairs gives an iterator", function()
    local type = make {__pairs = function(self)
        return next, {x = self.a}, nil
    end}
    for key, value in prelude.pairs(type(3)) do
        equal(key, "x")
        equal(value, 3)
    end
end)

test("what has no __pairs is not walked", function()
    raises("has no '__pairs' metamethod", function() prelude.pairs(make {}(1)) end)
    raises("'int64_t' has no '__pairs' metamethod", function() prelude.pairs(prelude.i64 "1") end)
end)

test("metamethods are those of pointers and references to the struct, too", function()
    local type = make {
        __index = function(self, key) return key .. self.a end,
        __call = function(_, x) return x end,
        __add = function(a, b) return "sum" end,
        __tostring = function(self) return "value " .. self.a end,
        __len = function(self) return self.a end,
    }
    local value = type(4)
    local pointer = ffi.typeof("$ *", type)(value)
    equal(pointer.name, "name4")
    equal(pointer.a, 4)
    equal(pointer(9), 9)
    equal(#pointer, 4)
    equal(tostring(pointer), "value 4")
    local outer = ffi.new(ffi.typeof("struct { $ inner; }", type), {{7}})
    equal(outer.inner.name, "name7")
    equal(tostring(outer.inner), "value 7")
end)

test("an error in a metamethod is the operation's", function()
    local type = make {__add = function() error("in the metamethod", 0) end,
        __index = function() error("in __index", 0) end}
    raises("in the metamethod", function() return type(1) + 1 end)
    raises("in __index", function() return type(1).x end)
end)

test("a metatable may be changed afterwards, but for __index as a function", function()
    local methods = {}
    local type = make {__index = methods}
    methods.late = function() return "late" end
    equal(type(1).late(), "late")
end)

test("an array's elements have their type's methods", function()
    local type = make {__index = {get = function(self) return self.a end}}
    local array = ffi.new(ffi.typeof("$[2]", type), {{1}, {2}})
    equal(array[1]:get(), 2)
end)

test("a cdata's metatable is out of a script's reach", function()
    equal(getmetatable(make {}(1)), "ffi")
    equal(getmetatable(ffi.new "int"), "ffi")
    equal(getmetatable(ffi.typeof "int"), "ffi")
    assert(not pcall(setmetatable, ffi.new "int", {}))
end)

check.finish()
