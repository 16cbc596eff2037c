-- What stock Lua pays for C: by functions that were written in C for it, by callgate.ffi, and by a module that cgen wrote.
--
--   lua.lua NAME COUNT: prints the nanoseconds that COUNT took, for a row of the bench to read. NAME begins with who does it.
--
-- Where things happen to lie in memory makes a call a tenth slower or faster. They lie elsewhere in each run; the bench makes
-- several, and takes the best.
--
-- SPDX-License-Identifier: MIT

local in_the_way = ("x"):rep(math.random(2000))
local hand = require "handwritten"
local ffi = require "callgate.ffi"
ffi.cdef [[
    int add(int a, int b);
    double scale(double a, double b);
    int atoi(const char *text);
    typedef struct { int x, y; } point;
    void qsort(void *, size_t, size_t, int (*)(const int *, const int *));
]]
local callee = ffi.load "build/release/tests/bench/callee.so"
local libraries = {hand = hand, ffi = callee}
local figures = {}

local function two(f, a, b, count)
    local before = hand.now()
    for _ = 1, count do f(a, b) end
    return hand.now() - before
end

function figures.int(who, count) return two(libraries[who].add, 3, 4, count) end

function figures.double(who, count) return two(libraries[who].scale, 3.5, 4.5, count) end

function figures.string(who, count)
    local f, before = who == "hand" and hand.atoi or ffi.C.atoi, hand.now()
    for _ = 1, count do f "42" end
    return hand.now() - before
end

function figures.lookup(who, count)
    local library, before = libraries[who], hand.now()
    for _ = 1, count do library.add(3, 4) end
    return hand.now() - before
end

local function sum(object, count)
    local total, before = 0, hand.now()
    for _ = 1, count do total = total + object.x end
    return hand.now() - before
end

function figures.member(who, count)
    return sum(who == "table" and {x = 1, y = 2} or who == "hand" and hand.point(1, 2) or ffi.new("point", 1, 2), count)
end

-- So many comparisons, about
function figures.callback(who, count)
    local length, compared = count // 8, 0
    local function compare(a, b)
        compared = compared + 1
        return a[0] - b[0]
    end
    local numbers = ffi.new("int[?]", length)
    for i = 0, length - 1 do numbers[i] = i * 7919 % length end
    local before = hand.now()
    if who == "hand" then hand.qsort(length, compare) else ffi.C.qsort(numbers, length, 4, compare) end
    return (hand.now() - before) / compared * count
end

local who, name = (arg[1] or ""):match "^(%a+)%-(%a+)$"
if who == "module" then libraries.module = require "callee" end
if not figures[name] or #arg ~= 2 then
    io.stderr:write "usage: lua.lua WHO-NAME COUNT\n"
    os.exit(2)
end
print(figures[name](who, math.tointeger(tonumber(arg[2]))))
