-- Lines for differential.lua, made from a seed: each is a chunk of Lua that uses the ffi, in evaluate.lua's world, and
-- needs none of the others. No line does what may crash in LuaJIT. One whose result LuaJIT leaves to the processor, as
-- that of a number too large for its type, is *loose*: only whether it raises an error counts.
--
-- SPDX-License-Identifier: MIT

-- The least of generators, so that a seed gives the same lines in each Lua.
local state
local function random(n)
    state = state * 16807 % 2147483647
    return state % n + 1
end

local function pick(choices) return choices[random(#choices)] end
local function chance(percent) return random(100) <= percent end
local function between(low, high) return low + random(high - low + 1) - 1 end

-- One of some functions, each with a weight before it, is called.
local function either(choices, ...)
    local total = 0
    for i = 1, #choices, 2 do total = total + choices[i] end
    local left = random(total)
    for i = 1, #choices, 2 do
        left = left - choices[i]
        if left <= 0 then return choices[i + 1](...) end
    end
end

-- n texts that f makes, with commas.
local function list(n, f, ...)
    local texts = {}
    for i = 1, n do texts[i] = f(...) end
    return table.concat(texts, ", ")
end

local function join(...)
    local all = {}
    for _, part in ipairs {...} do
        for _, element in ipairs(part) do all[#all + 1] = element end
    end
    return all
end

local function quote(text) return ("%q"):format(text) end

-- What is known of the line that is being made: whether it has a number that no int holds, or a negative one, and a type
-- without a sign; whether its result is the processor's own for another reason.
local line

-- Types

local small = {"int8_t", "uint8_t", "int16_t", "uint16_t", "int", "char", "unsigned char", "short"}
local large = {"int64_t", "long", "long long", "ptrdiff_t"}
local unsigned = {"uint64_t", "unsigned long", "size_t", "uint32_t", "unsigned"}
local integers = join(small, large, unsigned)
local numbers = join(integers, {"float", "double", "bool"})
local enums = {"enum up", "enum down"}
local scalars = join(numbers, enums)

local function has_no_sign(type)
    if type == "enum up" or type == "uintptr_t" then line.unsigned = true end
    for _, name in ipairs(unsigned) do
        if type == name then line.unsigned = true end
    end
end

local function scalar(choices)
    local type = pick(choices or scalars)
    has_no_sign(type)
    return type
end

-- LuaJIT drops the length of an array of constant enums.
local function qualified()
    return chance(20) and "const " .. scalar(numbers) or scalar()
end

-- The text of a type, of which values can be made.
local function object_type()
    return either {
        50, scalar,
        5, function() return pick {"complex", "complex float"} end,
        12, function() return scalar() .. "[" .. between(1, 5) .. "]" end,
        4, function() return scalar() .. "[" .. between(1, 3) .. "][" .. between(1, 3) .. "]" end,
        10, function() return qualified() .. pick {" *", " *const", " **", " *[2]", " (*)[3]"} end,
        4, function() return pick {"void *", "const void *", "const char *"} end,
        10, function() return pick {"struct pair", "struct mixed", "union word", "struct bits"} end,
        4, function() return pick {"struct pair *", "struct pair[2]", "const struct mixed *", "struct pair **"} end,
        3, function() return pick {"int (*)(int)", "void (*)(void)", "double (**)(int, ...)", "int (*[2])(struct pair *)"} end,
    }
end

-- The text of any type, some of which have no size.
local function any_type()
    return either {
        80, object_type,
        10, function() return pick {"void", "int[]", "int (int)", "int[?]", "struct pair[?]", "struct { int n; int a[?]; }[2]", "const void"} end,
        5, function() return scalar() .. " &" end,
        5, function() return pick {"struct nowhere", "nonsense", "union pair", "int int", "", "$"} end,
    }
end

-- Values

local function number()
    return either {
        40, function() return tostring(between(0, 130)) end,
        20, function() line.negative = true return "(-" .. between(1, 300) .. ")" end,
        15, function() return between(0, 1000) .. pick {".25", ".5", ".75"} end,
        5, function() line.negative = true return "(-" .. between(0, 1000) .. ".5)" end,
        10, function()
            return pick {"127", "128", "255", "256", "32767", "32768", "65535", "65536", "1000000", "2147483647"}
        end,
        10, function()
            line.wild = true
            return pick {"2147483648", "4294967295", "4294967296", "(2^53)", "(2^62)", "(2^63)", "(-2^63)", "(2^64)",
                "1e300", "(-1e300)", "(1/0)", "(-1/0)", "(0/0)", "(-2147483649)", "(2^63-1024)"}
        end,
    }
end

local function wide()
    if chance(60) then
        return ("i64 %q"):format(pick {"0", "1", "-1", "2", "-7", "100", "-100", "9007199254740993", "9223372036854775807",
            "-9223372036854775808", "4294967296", tostring(between(-1000, 1000))})
    end
    line.unsigned = true
    return ("u64 %q"):format(pick {"0", "1", "2", "7", "100", "9007199254740993", "0xffffffffffffffff",
        "0x8000000000000000", "4294967296", tostring(between(0, 1000))})
end

local function text()
    return quote(pick {"", "a", "abc", "5", "0x10", "UP_B", "DOWN_A", "DOWN_C", "some longer text", "nil"})
end

local function boxed()
    if chance(15) then return ("new(%q)"):format(scalar()) end
    return ("new(%q, %s)"):format(scalar(), number())
end

local function enum()
    return chance(50) and ("new(%q, %s)"):format("enum up", pick {'"UP_A"', '"UP_B"', '"UP_C"', "3", "77"})
        or ("new(%q, %s)"):format("enum down", pick {'"DOWN_A"', '"DOWN_B"', '"DOWN_C"', "3", "-5"})
end

local function initializers(depth)
    return either({
        50, function() return number() end,
        10, wide,
        8, text,
        4, function() return pick {"true", "false"} end,
        2, function() return "nil" end,
        10, function()
            if depth == 0 then return "{}" end
            return "{" .. list(between(0, 3), initializers, depth - 1) .. "}"
        end,
        6, function()
            if depth == 0 then return "{}" end
            return ("{%s = %s, %s = %s}"):format(pick {"a", "b", "word", "[0]"}, initializers(depth - 1),
                pick {"c", "d", "number", "[1]"}, initializers(depth - 1))
        end,
        4, boxed, 3, enum,
        2, function() return "new(\"struct pair\", 1, 2)" end,
    }, depth)
end

local function aggregate()
    return either {
        6, function() return ("new(\"%s[%d]\")"):format(scalar(), between(1, 4)) end,
        3, function() return "new(\"struct pair\", 3, 4)" end,
        2, function() return "new(\"struct mixed\")" end,
        2, function() return "new(\"union word\", 5)" end,
        3, function() return pick {"new(\"complex\", 1, 2)", "new(\"complex float\", 0.5)", "new(\"complex\")"} end,
    }
end

local function pointer()
    return pick {"cast(\"int *\", 64)", "cast(\"void *\", 64)", "cast(\"const int *\", 64)", "cast(\"char *\", 128)",
        "cast(\"struct pair *\", 64)", "cast(\"int **\", 64)", "cast(\"int (*)(int)\", 64)", "new(\"int *\")",
        "cast(\"const struct pair *\", 64)", "cast(\"uint8_t *\", 128)", "cast(\"const void *\", 64)", "new(\"void *\")",
        "cast(\"unsigned *\", 64)", "cast(\"double *\", 64)"}
end

local function plain_value()
    return either {
        40, number, 10, text, 18, wide, 16, boxed, 5, enum, 4, aggregate,
        3, function() return pick {"{}", "{1}", "{1, 2}", "{a = 1}"} end,
        4, function() return pick {"true", "false"} end,
    }
end

-- Any value: not for C to look behind it, since a pointer may lead nowhere.
local function value()
    return either {
        80, plain_value, 8, pointer, 6, aggregate, 4, function() return "nil" end, 1, function() return "tostring" end,
    }
end

-- Lines

local kinds = {}
local function kind(weight, f)
    kinds[#kinds + 1] = weight
    kinds[#kinds + 1] = f
end

kind(12, function()
    return ("return new(%q, %s)"):format(object_type(), value())
end)

-- An array or a string is an address, where a number is wanted.
kind(12, function()
    local v = value()
    if v:find '^"' or v:find '^new%("[^"]*%[' then line.processor = true end
    return ("return cast(%q, %s)"):format(chance(85) and scalar() or object_type(), v)
end)

kind(8, function()
    local type = pick {"void *", "int *", "const char *", "char *", "struct pair *", "const struct pair *", "uintptr_t",
        "intptr_t", "const int *", "unsigned *", "int (*)(int)", "const void *", "int **", "bool", "struct pair"}
    has_no_sign(type)
    local v = chance(70) and pointer() or value()
    if v:find '^"' or v:find '^new%("[^"]*%[' then line.processor = true end
    return ("return %s(%q, %s)"):format(pick {"new", "cast"}, type, v)
end)

-- A store into each kind of member and element, and a load.
kind(12, function()
    local type = scalar()
    return ("local a = new(\"%s[3]\", 1) a[%d] = %s return a[0], a[1], a[2], bytes(a)"):format(type, between(0, 2), value())
end)

kind(8, function()
    local member = pick {"a", "b", "c", "d", "c.a", "d[1]", "x", "[0]"}
    member = member:sub(1, 1) == "[" and member or "." .. member
    return ("local s = new(\"struct mixed\") s%s = %s return s%s"):format(member, value(), member)
end)

kind(6, function()
    local member = pick {"a", "b", "c", "d", "e", "x"}
    return ("local s = new(\"struct bits\", -1, 3) s.%s = %s return s.a, s.b, s.c, s.d, s.e, bytes(s)"):format(member, value())
end)

kind(5, function()
    local member = pick {"word", "bytes", "number", "low", "high", "bytes[2]"}
    return ("local s = new(\"union word\") s.%s = %s return s.word, s.low, s.bytes[3]"):format(member, value())
end)

kind(4, function()
    return ("local s = new(%q, %s) return s[%s]"):format(pick {"int[3]", "struct pair", "complex", "double[3]", "bool[3]",
        "int64_t[3]", "enum up[3]", "void *", "int"}, pick {"nil", "1", "1, 2", "{1, 2, 3}"},
        pick {"0", "1", "2", "1.9", '"a"', '"re"', '"1"', "i64 \"1\"", "u64 \"2\"", "new(\"int\", 1)", "nil", "true", "{}",
        "new(\"double\", 1)", "new(\"enum up\", 1)", "new(\"bool\", 1)", "new(\"int *\")"})
end)

-- The same bytes by another type.
kind(10, function()
    return ("local a = new(\"uint8_t[16]\", {1, 2, 3, 4, 5, 6, 7, 255}) local p = cast(\"%s *\", a + %d) p[0] = %s "
        .. "return bytes(a), p[0]"):format(scalar(), between(0, 7), value())
end)

-- Stores to what may be constant.
kind(6, function()
    local at = pick {"a[1]", "a[0]", "s.a", "s.c.b", "s.d[1]", "p.a", "p.c.b", "q[1]", "z.re", "v[1]", "r.a"}
    return ("local a, s = new(\"const int[2]\", 1, 2), new(\"%sstruct mixed\") local p, q = cast(\"%sstruct mixed *\", s), "):format(
        pick {"", "const "}, pick {"", "const "}) .. ("cast(\"%sint *\", a) local z, v = new(\"complex\", 1, 2), "):format(
        pick {"", "const "}) .. ("new(\"int __attribute__((vector_size(8)))\", 3, 4) local r = s.c %s = %s return a[1], s.a, "
        .. "z.re, v[1], s.c.b"):format(at, value())
end)

-- Aggregates and their initializers. A string leaves what was in memory in the rest of an array.
kind(14, function()
    local type = pick {"int[3]", "uint8_t[4]", "double[2]", "struct pair", "union word", "struct bits", "struct pair[2]",
        "int[2][2]", "char[8]", "bool[3]", "int64_t[2]", "enum up[3]", "complex[2]", "float[3]", "uint16_t[2][3]"}
    local values = list(between(1, 3), initializers, 2)
    if type:find "^[cu].*%[.%]$" and values:find '^"' then line.processor = true end
    return ("local v = new(%q, %s) return bytes(v)"):format(type, values)
end)

kind(5, function()
    local members = pick {"s.a, s.b", "s.a, s.c.b, s.d[2]", "s.c.a, s.d[0]"}
    return ("local s = new(\"struct mixed\", %s) return %s"):format(list(between(1, 5), initializers, 2), members)
end)

kind(4, function()
    local n = between(0, 4)
    return ("local v = new(\"%s[?]\", %d, %s) return sizeof(v), bytes(v)"):format(scalar(), n, chance(60) and number()
        or "{" .. list(n, number) .. "}")
end)

kind(2, function()
    return ("return sizeof(new(\"%s[?]\", %s))"):format(scalar(), pick {"3", "3.9", "0", "-1", '"5"', "nil", "{}", "true",
        'i64 "3"', 'u64 "2"', 'new("int", 3)', 'new("double", 3.9)', 'new("enum up", "UP_B")', 'new("int *")', "2^31"})
end)

-- LuaJIT leaves what was in memory in elements of an open array that a list doesn't reach.
kind(4, function()
    local n = between(0, 3)
    return ("local v = new(\"struct { int n; %s a[?]; }\", %d, %s) return sizeof(v), v.n"):format(scalar(), n,
        pick {"7", "{7}", "7, {" .. list(n, number) .. "}", "{n = 3}"})
end)

kind(3, function()
    local n = between(2, 4)
    return ("local v = new(\"struct { int n; %s a[?]; }\", %d, %s, {%s}) return sizeof(v), bytes(v)"):format(scalar(), n,
        number(), list(n, number))
end)

-- Operators.
local function has_cdata(code)
    return code:find "new%(" or code:find "cast%(" or code:find '64 "'
end

local function operand()
    return either {45, wide, 20, number, 15, boxed, 6, enum, 6, pointer, 8, value}
end

kind(40, function()
    local a, b = operand(), operand()
    if not has_cdata(a .. b) then a = wide() end
    if (a .. b):find "%[" then line.processor = true end
    return ("return %s %s %s"):format(a, pick {"+", "-", "*", "/", "%", "^", "+", "-", "*"}, b)
end)

kind(30, function()
    local a, b = operand(), operand()
    if (a .. b):find "%[" then line.processor = true end
    return ("return %s(%s, %s)"):format(pick {"eq", "eq", "lt", "le"}, a, b)
end)

kind(10, function()
    return ("local a = %s return %s"):format(pick {wide, boxed, enum, aggregate, pointer}(),
        pick {"-a", "#a", 'a .. "x"', "a()", "a.x", "a + a", "a - a", "a * 2", "eq(a, a)", "lt(a, a)", "eq(a, nil)",
            "tostring(a)", "number(a)", "kind(a)", "eq(a, 1)", "sizeof(a)", "alignof(a)", "tostring(typeof(a))"})
end)

kind(10, function()
    local index = function() return between(0, 5) end
    return ("local a = new(\"%s[6]\", {0, 1, 0, 1, 1, 0}) local p, q = a + %d, a + %d return %s"):format(scalar(), index(),
        index(), pick {"p - q", "lt(p, q)", "le(p, q)", "eq(p, q)", "p[0]", "(p - " .. wide() .. ") ~= nil", "p - a",
            "p[a - p]", "(1 + p) - p", "p + q", "p * 2", "eq(p - (p - a), a)", "sizeof(p)", "tostring(typeof(p))",
            "lt(p, cast(\"void *\", q))", "eq(p, cast(\"void *\", q))", "p - cast(\"const int *\", q)"})
end)

-- Types and questions about them.
kind(12, function()
    local aligned = any_type():gsub(" &$", "")
    return ("return sizeof(%q), alignof(%q), tostring(typeof(%q))"):format(any_type(), aligned, any_type())
end)

kind(12, function()
    local type = object_type()
    local code = ("return istype(%q, %s)"):format(chance(40) and type or any_type(), chance(70) and ("new(%q)"):format(
        chance(50) and type or object_type()) or value())
    if code:find "complex" and code:find "%[2%]" then line.processor = true end -- a complex number is an array to LuaJIT
    return code
end)

kind(6, function()
    -- LuaJIT's `const $` does not hold for complex numbers, and has an array lose its length.
    local type = object_type()
    if type:find "^complex" or type:find "%]$" then type = "int *" end
    return ("local t = typeof(%q) return %s"):format(type, pick {"tostring(typeof(\"$ *\", t))", "t()",
        "tostring(typeof(\"$[2]\", t))", "istype(t, t())", "sizeof(typeof(\"struct { char a; $ b; }\", t))",
        "tostring(typeof(\"const $ *\", t))", "offsetof(typeof(\"struct { char a; $ $; }\", t, \"b\"), \"b\")",
        "sizeof(typeof(\"$[$]\", t, 3))", "kind(t)", "eq(typeof(t), t)", "tostring(typeof(\"$ (*)($)\", t, t))",
        "typeof(\"$\", t, t)"})
end)

-- Structs. A random one has its members' names counted, so that each is asked for. LuaJIT aligns a struct by a bit-field
-- without a name, and GCC doesn't; what is aligned inside a packed struct is GCC's own. From which byte a bit is counted
-- in a packed struct is each one's choice.
local function bit_field()
    return pick {{"int", 32}, {"unsigned", 32}, {"uint8_t", 8}, {"int16_t", 16}, {"bool", 1}, {"char", 8}, {"uint32_t", 32}}
end

local struct

local function member(names, depth)
    local name = "m" .. #names + 1
    names[#names + 1] = name
    return either {
        50, function() return scalar() .. " " .. name .. ";" end,
        25, function()
            local field = bit_field()
            if chance(4) then line.processor = true return field[1] .. " : " .. pick {0, between(1, field[2])} .. ";" end
            return field[1] .. " " .. name .. " : " .. between(1, field[2]) .. ";"
        end,
        10, function() return scalar() .. " " .. name .. "[" .. between(1, 4) .. "];" end,
        3, function() return pick {"complex ", "long double ", "complex float "} .. name .. ";" end,
        3, function() return scalar() .. " " .. name .. " __attribute__((aligned(" .. pick {1, 2, 4, 8, 16} .. ")));" end,
        8, function()
            if depth == 0 then return "char " .. name .. ";" end
            if chance(50) then return struct(names, depth - 1) .. ";" end
            return struct({}, depth - 1) .. " " .. name .. ";"
        end,
        2, function() return scalar() .. " *" .. name .. ";" end,
    }
end

function struct(names, depth)
    local members = {}
    for i = 1, between(1, 6) do members[i] = member(names, depth) end
    return pick {"struct", "struct", "struct", "union"} .. " { " .. table.concat(members, " ") .. " }"
        .. (chance(10) and " __attribute__((packed))" or "")
end

kind(40, function()
    local names = {}
    local type = struct(names, 2)
    local asked = {}
    if type:find "packed" and type:find "aligned" then line.processor = true end
    local ask = type:find "packed" and "bit_offset(t, %q)" or "select(\"#\", offsetof(t, %q)), offsetof(t, %q)"
    for i, name in ipairs(names) do asked[i] = ask:format(name, name) end
    return ("local t = typeof(%q) return sizeof(t), alignof(t), %s"):format(type, table.concat(asked, ", "))
end)

-- The values of a flat one, initialized, and then stored to.
kind(25, function()
    local members, names = {}, {}
    for i = 1, between(1, 6) do
        local field = bit_field()
        names[i] = "m" .. i
        members[i] = (chance(60) and ("%s %s : %d;"):format(field[1], names[i], between(1, field[2])))
            or scalar() .. " " .. names[i] .. ";"
    end
    local loads = {}
    for i, name in ipairs(names) do loads[i] = "s." .. name end
    return ("local s = new(%q, %s) s.%s = %s return bytes(s), %s"):format("struct { " .. table.concat(members, " ") .. " }",
        list(between(1, #names), number), pick(names), plain_value(), table.concat(loads, ", "))
end)

-- Calls.
local calls = {
    {"C.abs", 1}, {"C.labs", 1}, {"C.toupper", 1}, {"C.abs8", 1}, {"C.absu16", 1}, {"C.absu", 1}, {"C.absb", 1},
    {"C.absdown", 1}, {"C.ldexp", 2}, {"m.pow", 2}, {"m.hypot", 2}, {"m.fabsf", 1}, {"m.fmaf", 3}, {"m.floor", 1},
    {"m.conj", 1}, {"m.conjf", 1}, {"m.cabs", 1},
}

kind(30, function()
    local call = pick(calls)
    line.unsigned = line.unsigned or call[1] == "C.absu"
    return ("return %s(%s)"):format(call[1], list(chance(92) and call[2] or between(0, 4), value))
end)

kind(4, function()
    local a, b = chance(80) and between(-1000, 1000) or value(), between(1, 50)
    return ("local r = C.%s(%s, %d) return r.quot, r.rem, istype(\"div_type\", r)"):format(pick {"div", "ldiv"}, a, b)
end)

-- What C reads behind the pointer is there: eight bytes, of which the last is zero.
local function eight_bytes()
    return either {
        10, function() return '"seven b"' end,
        10, function() return "new(\"char[8]\", \"abcdefg\")" end,
        4, function() return "new(\"const char[8]\", \"abcdefg\")" end,
        6, function() return ("new(\"%s[8]\", 65, 66)"):format(scalar()) end,
        4, function() return "cast(\"void *\", \"abcdefgh\")" end,
        4, function() return "cast(\"uint8_t *\", \"abcdefgh\")" end,
    }
end

local function bytes_value()
    return chance(80) and eight_bytes() or plain_value()
end

kind(10, function()
    return pick {
        function() return ("return C.strlen(%s)"):format(bytes_value()) end,
        function() return ("return ffi.string(C.strchr(\"some text\", %d))"):format(string.byte(pick {"s", "e", "t", "x"})) end,
        function() return ("return C.memcmp(%s, \"abc\", 1) == 0"):format(bytes_value()) end,
        function() return ("local b = new \"char[8]\" return C.memcpy(b, %s, 1), bytes(b)"):format(bytes_value()) end,
        function() return ("return ffi.string(%s)"):format(bytes_value()) end,
        function() return ("return ffi.string(%s, %s)"):format(bytes_value(), pick {"0", "1", "1.9", '"x"', "{}", "true",
            "i64 \"1\"", "new(\"int\", 1)"}) end,
        function() return ("return ffi.string(%s, %s)"):format(eight_bytes(), between(0, 8)) end,
    }()
end)

kind(8, function()
    return pick {
        function() return ("local b = new(\"char[8]\", \"zzzzzzzz\") ffi.copy(b, %s, %d) return bytes(b)"):format(
            eight_bytes(), between(0, 8)) end,
        function() return ("local b = new(\"char[8]\", \"zzzzzzzz\") ffi.copy(b, %s, %d) return bytes(b)"):format(
            plain_value(), between(0, 1)) end,
        function() return ("local b = new(\"char[40]\", {90, 90, 90, 90}) ffi.copy(b, %s) return bytes(b)"):format(text()) end,
        function() return ("local b = new(\"%s[8]\") ffi.fill(b, %d, %s) return bytes(b)"):format(scalar(), between(0, 8),
            plain_value()) end,
        function() return ("ffi.fill(%s, 0, 1)"):format(plain_value()) end,
        function() return ("ffi.copy(%s, \"abc\", 0)"):format(value()) end,
        function() return ("ffi.copy(%s, %s, 0)"):format(value(), value()) end,
    }()
end)

local formats = {
    {"%d", function() return ("new(%q, %d)"):format(pick(small), between(-100, 100)) end},
    {"%g", function() return tostring(between(-1000, 1000) / 4) end},
    {"%g", function() return ("new(%q, %d)"):format(pick {"float", "double"}, between(-100, 100)) end},
    {"%lld", function() return ("i64 \"%d\""):format(between(-1000, 1000)) end},
    {"%s", function() return pick {text, function() return "new(\"char[4]\", \"xyz\")" end}() end},
    {"%d", function() return pick {"true", "false"} end}, {"%d", enum},
    {"%p", function() return pick {"nil", "cast(\"void *\", 4660)", "cast(\"int *\", 64)"} end},
}

kind(8, function()
    local format, arguments = {}, {}
    for i = 1, between(0, 10) do
        local one = pick(formats)
        format[i], arguments[i] = one[1], one[2]()
    end
    return ("local b = new \"char[200]\" return C.snprintf(b, 200, %q%s), ffi.string(b)"):format(table.concat(format, " "),
        arguments[1] and ", " .. table.concat(arguments, ", ") or "")
end)

-- A callback that notes what it gets, and returns something.
kind(10, function()
    local n = between(0, 9)
    local types = chance(50) and join(numbers, enums) or {"double", "float", "int"}
    local parameters = n == 0 and "void" or list(n, scalar, types)
    return ("local got = {} local f = cast(\"%s (*)(%s)\", function(...) got = {...} return %s end) "):format(scalar(),
        parameters, plain_value()) .. ("local ok, r = pcall(f%s) f:free() if not ok then error(r, 0) end return r, unpack(got)"):format(
        n == 0 and "" or ", " .. list(n, plain_value))
end)

-- Metatypes.
kind(8, function()
    local name = pick {"add", "sub", "mul", "div", "mod", "pow", "unm", "concat", "eq", "lt", "le", "len", "call", "index"}
    return ("local t = metatype(\"struct { int a; }\", {__%s = function(a, b) return %s end}) local x = t(%s) return %s")
        :format(name, pick {"1", "nil", "kind(a)", "kind(b)", "error(\"inside\", 0)", "\"text\""}, between(0, 9),
        pick {"x + 1", "1 + x", "x - x", "x * 2", "2 / x", "x % 2", "x ^ x", "-x", "x .. \"a\"", "\"a\" .. x", "eq(x, x)",
            "eq(x, t(1))", "eq(x, 1)", "eq(1, x)", "lt(x, t(2))", "le(x, t(2))", "#x", "x()", "x(1)", "x.a", "x.b", "x[1]",
            "t.b", "cast(typeof(\"$ *\", t), x).b", "cast(typeof(\"$ *\", t), x) + 1"})
end)

-- n lines of seed.
local function generate(seed, n)
    state = seed % 2147483646 + 1
    for _ = 1, 10 do random(2) end
    local lines = {}
    for i = 1, n do
        line = {}
        local code = either(kinds):gsub("\n", " ")
        lines[i] = {code = code, loose = line.processor or line.wild or line.negative and line.unsigned}
    end
    return lines
end

return generate
