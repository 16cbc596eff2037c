-- Evaluates a file of lines of Lua that use the ffi, each on its own, and prints what each returns or raises: the half
-- of differential.lua that runs in both.
--
--   evaluate.lua FILE
--
-- SPDX-License-Identifier: MIT

local prelude = require "ffi.prelude"
local ffi = prelude.ffi

ffi.cdef [[
struct pair { int a, b; };
struct mixed { int8_t a; double b; struct pair c; uint16_t d[3]; const char *e; };
union word { uint32_t word; uint8_t bytes[4]; float number; struct { uint16_t low, high; }; };
struct bits { int a : 5; unsigned b : 7, c : 20; bool d : 1; uint8_t e; };
enum up { UP_A, UP_B = 5, UP_C };
enum down { DOWN_A = -1, DOWN_B, DOWN_C = 100 };
typedef struct { int quot, rem; } div_type;
typedef struct { long quot, rem; } ldiv_type;
int abs(int);
long labs(long);
int toupper(int);
int8_t abs8(int8_t) __asm__("abs");
uint16_t absu16(int) __asm__("abs");
unsigned absu(unsigned) __asm__("abs");
bool absb(bool) __asm__("abs");
enum down absdown(enum down) __asm__("abs");
div_type div(int, int);
ldiv_type ldiv(long, long);
size_t strlen(const char *);
int memcmp(const void *, const void *, size_t);
void *memcpy(void *, const void *, size_t);
char *strchr(const char *, int);
int snprintf(char *, size_t, const char *, ...);
double ldexp(double, int);
double pow(double, double);
double hypot(double, double);
float fabsf(float);
float fmaf(float, float, float);
double floor(double);
complex conj(complex);
complex float conjf(complex float);
double cabs(complex);
]]

-- What the lines see.
local world = {
    ffi = ffi, C = ffi.C, m = ffi.load "libm.so.6", new = ffi.new, cast = ffi.cast, typeof = ffi.typeof, istype = ffi.istype,
    sizeof = ffi.sizeof, alignof = ffi.alignof, offsetof = ffi.offsetof, metatype = ffi.metatype,
    eq = prelude.eq, lt = prelude.lt, le = prelude.le, i64 = prelude.i64, u64 = prelude.u64, bytes = prelude.bytes,
    number = prelude.number, kind = prelude.kind, unpack = prelude.unpack,
    tostring = function(value) return prelude.plain(tostring(value)) end,
    bit_offset = function(type, name)
        local byte, bit = ffi.offsetof(type, name)
        return byte and byte * 8 + (bit or 0)
    end,
    pcall = pcall, select = select, error = error,
}

-- A cdata that is one number is shown with it.
local function show(value)
    local text = prelude.show(value)
    if prelude.kind(value) == "cdata" and text:find "0x…" then
        local number = prelude.number(value)
        if number then text = text .. " = " .. prelude.show(number) end
    end
    return text
end

-- An error's text, without the place, and without the name of the function, which is found by a look at the caller's
-- code.
local function plain(problem)
    local text = prelude.plain(tostring(problem)):gsub("^[%w/.]+:%d+: ", "")
    return (text:gsub("(bad argument #%d+ to )'[^']*'", "%1'?'"))
end

local function load_line(line)
    if not setfenv then return load(line, "=line", "t", world) end
    local f, problem = loadstring(line, "=line")
    return f and setfenv(f, world), problem
end

local function describe(ok, ...)
    if not ok then return "error: " .. plain((...)) end
    local texts = {}
    for i = 1, select("#", ...) do texts[i] = show((select(i, ...))) end
    return table.concat(texts, " ")
end

-- Each line is run twice, as what was prepared in the first run serves the second. Whoever reads this takes a crash for one
-- of the line after the last that was printed.
io.stdout:setvbuf "line"
for line in io.lines((...)) do
    local f, problem = load_line(line)
    if f then pcall(f) end
    local text = f and describe(pcall(f)) or "syntax: " .. problem
    print((text:gsub("\n", " ")))
end
