-- Declarations that were cut, mixed and bent at random are fed to cdef, typeof and new: each is taken, or is an error, and
-- nothing crashes. It runs under AddressSanitizer, too. Not for LuaJIT, which does crash where types nest deeply.
--
--   fuzz.lua [SEED [TEXTS]]
--
-- SPDX-License-Identifier: MIT

local prelude = require "ffi.prelude"
local ffi = prelude.ffi

local seed, texts = tonumber((...)) or os.time() % 1000000, tonumber((select(2, ...))) or 3000
local state = seed + 1
local function random(n)
    state = state * 16807 % 2147483647
    return state % n + 1
end

local function pick(choices) return choices[random(#choices)] end

local corpus = {
    "struct s { int a : 3, b; struct { char c[4]; union { double d; void *e; }; } f[2]; };",
    "typedef struct node { struct node *next; int (*compare)(const void *, const void *); } node;",
    "enum e { A, B = 5, C = B << 2 | 1, D = -1, E = sizeof(int) * 2, F = 'x', G = 0x7fffffff };",
    "int printf(const char *restrict, ...) __attribute__((format(printf, 1, 2), nonnull(1)));",
    "extern int (*table[10])(int, char **); static const unsigned K = (1u << 31) - 1;",
    "typedef int v4 __attribute__((vector_size(16))); v4 add(v4, v4);",
    "#pragma pack(push, 1)\nstruct p { char a; int b; };\n#pragma pack(pop)\n",
    "struct f { int n; double values[]; }; struct g { int n; char text[?]; };",
    "long double _Complex f(float complex, _Bool, unsigned long long int, signed char);",
    "# 12 \"header.h\" 3\nint a /* comment */, b; // another\n__extension__ typedef long long quad_t;",
    "void (*signal(int, void (*)(int)))(int); int abs(int) __asm__(\"labs\");",
    "int (&reference)[3]; const volatile struct s *const pointer; union u { int a; float b; } u[2][3];",
    "int", "unsigned long *const *", "int (*)[3]", "double (*(*)(int))[2]", "struct { int a; char b[?]; }", "char[?]",
    "struct { unsigned a : 1, : 0, b : 31; } __attribute__((packed, aligned(16)))", "enum { X, Y }", "void ()", "$ *", "$[$]",
}
local tokens = {"int", "char", "*", "&", "[", "]", "(", ")", "{", "}", ",", ";", ":", "=", "...", "struct", "union", "enum",
    "typedef", "const", "unsigned", "long", "_Complex", "float", "void", "?", "$", "1", "0", "-1", "4294967296", "99999999999",
    "0x7fffffffffffffff", "'a'", "\"text\"", "__attribute__((packed))", "__attribute__((aligned(4096)))", "sizeof", "<<", "/",
    "% 0", "#", "\n", "/*", "//", "\\", "\0", "\255", "@", "[1000000]", "static", "s", "a", "b", "bool", "__asm__", "~", "!", "?:"}

local mutations = {
    function(text, at) return text:sub(1, at - 1) .. text:sub(at + random(8)) end,
    function(text, at) return text:sub(1, at) .. " " .. pick(tokens) .. " " .. text:sub(at + 1) end,
    function(text, at) return text:sub(1, at) .. pick(corpus) .. text:sub(at + 1) end,
    function(text, at) return text:sub(1, at) end,
    function(text, at) return text:sub(at) end,
    function(text, at) return text:sub(1, at) .. text:sub(random(at), at):rep(random(3)) .. text:sub(at + 1) end,
    function(text, at) return text:sub(1, at - 1) .. string.char(random(256) - 1) .. text:sub(at + 1) end,
    function(text) return text .. pick(corpus) end,
}

local function mutate(text)
    for _ = 1, random(5) do text = pick(mutations)(text, random(#text + 1)) end
    return text
end

-- An error is a text, whatever the ffi was given.
local function try(f, ...)
    local ok, result = pcall(f, ...)
    assert(ok or type(result) == "string", "an error that is no text")
    return ok and result or nil
end

-- What a type is asked for when there is one.
local function use(ctype)
    tostring(ctype)
    try(ffi.alignof, ctype)
    for _, name in ipairs {"a", "b", "c", "f", "n", "next"} do try(ffi.offsetof, ctype, name) end
    local size = try(ffi.sizeof, ctype) or try(ffi.sizeof, ctype, 3)
    if not size or size > 2 ^ 20 then return end
    local value = try(ffi.new, ctype) or try(ffi.new, ctype, 3)
    if not value then return end
    tostring(value)
    try(ffi.istype, ctype, value)
    for _, key in ipairs {"a", "b", "c", "f", "n"} do
        try(function() value[key] = value[key] end)
    end
    if size > 0 and not tostring(ctype):find "[*&]" then try(function() value[0] = value[0] end) end
    try(ffi.new, ctype, value)
    try(ffi.new, ctype, {1, 2, 3})
    try(ffi.new, ctype, {a = 1, b = {2}, f = {{}}})
    try(ffi.cast, ctype, 0)
end

local function feed(text)
    try(ffi.cdef, text)
    try(ffi.cdef, text, "int")
    local int = ffi.typeof "int"
    local ctype = try(ffi.typeof, text) or try(ffi.typeof, text, int) or try(ffi.typeof, text, int, "int") or
        try(ffi.typeof, text, int, 3)
    if ctype then use(ctype) end
end

-- Depth, which a parser that calls itself pays for with its stack.
local function feed_deep()
    for _, n in ipairs {10, 100, 1000, 100000} do
        for _, pair in ipairs {{"struct { ", "} a;"}, {"(", ")"}, {"int (*", ")()"}, {"int (", ")"}, {"*", ""}, {"[1]", ""},
            {"const ", ""}, {"enum { A = (", ")"}, {"int f(", ")"}, {"-", "1"}, {"union { int a; struct {", "} b; }"}, {"$", ""}} do
            feed(pair[1]:rep(n))
            feed("int " .. pair[1]:rep(n) .. pair[2]:rep(n))
            feed(pair[1]:rep(n) .. " int a; " .. pair[2]:rep(n))
            feed("enum { A" .. n .. " = " .. pair[1]:rep(n) .. "1" .. pair[2]:rep(n) .. " };")
        end
    end
end

io.stdout:setvbuf "line"
print("seed " .. seed)
for _, text in ipairs(corpus) do feed(text) end
feed_deep()
for i = 1, texts do
    feed(mutate(pick(corpus)))
    if i % 100 == 0 then collectgarbage() end
end
print(texts .. " texts, and nothing crashed")
