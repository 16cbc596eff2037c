-- What callgate.ffi has beyond LuaJIT's ffi, or differs in: tasks, threads, crashes, what is freed. tests/lua/ffi has what
-- both have.
--
-- SPDX-License-Identifier: MIT

local check = require "check"
local ffi = require "callgate.ffi"
local task = require "callgate.task"
local test, equal, raises = check.test, check.equal, check.raises
local C, number = ffi.C, ffi.tonumber
local unpack = table.unpack or unpack

ffi.cdef [[
    typedef struct { int quot, rem; } div_t;
    typedef int compare(const int *, const int *);
    int abs(int);
    long labs(long);
    div_t div(int, int);
    size_t strlen(const char *);
    long strtol(const char *, char **, int);
    int usleep(unsigned);
    void qsort(void *, size_t, size_t, compare *);
    void *bsearch(const void *, const void *, size_t, size_t, compare *);
    int snprintf(char *, size_t, const char *, ...);
    int pthread_create(unsigned long *, const void *, void *(*)(void *), void *);
    int pthread_join(unsigned long, void **);
    int chdir(const char *);
    void (*signal(int, void (*)(int)))(int);
    int raise(int);
]]

local function sorted(list, compare)
    local array = ffi.new("int[?]", #list, list)
    C.qsort(array, #list, ffi.sizeof "int", compare)
    local result = {}
    for i = 0, #list - 1 do result[i + 1] = array[i] end
    return table.concat(result, " ")
end

local function ascending(a, b) return a[0] - b[0] end

-- Functions

test("a bound function is one of Lua's, and a cdata to the ffi", function()
    equal(type(C.abs), "function")
    equal(ffi.type(C.abs), "cdata")
    equal(C.abs, C.abs)
    equal(tostring(ffi.typeof(C.abs)), "ctype<int ()>")
    equal(ffi.cast("int (*)(int)", C.abs)(-5), 5)
    equal(ffi.new("struct { int (*f)(int); }", {C.abs}).f(-6), 6)
end)

test("a function is one for good, also of another class", function()
    equal(ffi.leaf(C.abs), ffi.leaf(C.abs))
    equal(ffi.leaf(ffi.guard(C.abs)), ffi.leaf(C.abs))
    assert(ffi.leaf(C.abs) ~= C.abs and ffi.leaf(C.abs) ~= ffi.blocking(C.abs))
    equal(ffi.load("libc.so.6").abs, C.abs)
end)

-- C's functions don't mind arguments that they do not take, and words and doubles don't take each other's registers.
ffi.cdef [[
    int none_to_int() asm("getppid");         void none_to_nothing(void) asm("tzset");
    int none_to_int_too(void) asm("getppid"); int64_t none_to_other(void) asm("getppid");
    int i_to_int(int) asm("abs");             double d_to_double(double) asm("floor");
    void i_to_nothing(int) asm("usleep");     int64_t i_to_other(int) asm("abs");
    int t_to_int(const char *) asm("atoi");   double t_to_double(const char *) asm("nan");
    int ii_to_int(int, int) asm("abs");       double id_to_double(int, double) asm("ldexp");
    int it_to_int(int, const char *) asm("abs"); double di_to_double(double, int) asm("ldexp");
    double dd_to_double(double, double) asm("hypot"); int dt_to_int(double, const char *) asm("atoi");
    int ti_to_int(const char *, int) asm("atoi"); int td_to_int(const char *, double) asm("atoi");
    int tt_to_int(const char *, const char *) asm("strcmp"); char *ti_to_other(const char *, int) asm("strchr");
]]

test("functions of few arguments do what others do", function()
    equal(C.none_to_int_too(), C.none_to_int())
    equal(number(C.none_to_other()), C.none_to_int())
    equal(select("#", C.none_to_nothing()), 0)
    equal(select("#", C.i_to_nothing(1)), 0)
    equal(number(C.i_to_other(-7)), 7)
    equal(C.t_to_int "12", 12)
    assert(C.t_to_double "" ~= C.t_to_double "")
    for _, five in ipairs {5, 5.0, 5.5, ffi.new("int64_t", 5), ffi.new("double", 5.5)} do
        equal(C.i_to_int(five), 5)
        equal(C.ii_to_int(five, 1), 5)
        equal(C.id_to_double(five, 0.5), 16)
        equal(C.di_to_double(0.5, five), 16)
        equal(C.it_to_int(five, "x"), 5)
        equal(C.d_to_double(five), 5)
        equal(C.dt_to_int(five, "34"), 34)
        equal(C.ti_to_int("56", five), 56)
        equal(C.td_to_int("78", five), 78)
    end
    equal(C.dd_to_double(3, ffi.new("float", 4)), 5)
    equal(C.tt_to_int("ab", ffi.new("char[3]", "ab")), 0)
    equal(C.tt_to_int(ffi.new("const char *", C.ti_to_other("ab", 98)), "b"), 0)
end)

test("and are as strict", function()
    local names = {i = "int", d = "double", t = "const char *"}
    local good, bad = {i = 1, d = 1.5, t = "1"}, {i = "1", d = "1", t = 1}
    for _, name in ipairs {"i_to_int", "d_to_double", "t_to_int"} do
        local f, way = C[name], name:sub(1, 1)
        raises("wrong number of arguments", f)
        raises("wrong number of arguments", f, good[way], good[way])
        raises("bad argument #1 to '" .. name .. "' (cannot convert '", f, bad[way])
        raises("to '" .. names[way] .. "')", f, bad[way])
        f(good[way])
    end
    for _, name in ipairs {"ii_to_int", "id_to_double", "it_to_int", "di_to_double", "dd_to_double", "dt_to_int",
        "ti_to_int", "td_to_int", "tt_to_int"} do
        local f, first, second = C[name], name:match "^(%a)(%a)"
        raises("wrong number of arguments", f, good[first])
        raises("wrong number of arguments", f, good[first], good[second], good[second])
        raises("bad argument #1 to '" .. name .. "' (cannot convert '", f, bad[first], good[second])
        raises("bad argument #2 to '" .. name .. "' (cannot convert '", f, good[first], bad[second])
        raises("to '" .. names[second] .. "')", f, good[first], bad[second])
        f(good[first], good[second])
    end
end)

test("a lenient function takes numbers as Lua's own functions do", function()
    local i, d, ii, id = ffi.lenient(C.i_to_int), ffi.lenient(C.d_to_double), ffi.lenient(C.ii_to_int), ffi.lenient(C.id_to_double)
    local di, dd, ti = ffi.lenient(C.di_to_double), ffi.lenient(C.dd_to_double), ffi.lenient(C.ti_to_int)
    for _, five in ipairs {5, 5.0, 5.5, "5", " 0x5 ", "5.5", ffi.new("int64_t", 5), ffi.new("double", 5.5)} do
        equal(i(five), 5)
        equal(d(five), 5)
        equal(ii(five, "6"), 5)
        equal(id(five, "0.5"), 16)
        equal(di("0.5", five), 16)
        equal(ti("56", five), 56)
    end
    equal(dd("3", 4), 5)
    equal(number(ffi.lenient(C.strtol)("ff", nil, "16")), 255)
    local text = ffi.new "char[8]"
    equal(ffi.lenient(C.snprintf)(text, "8", "%s", "12"), 2)
    local array, inner = ffi.new("int[3]", {3, 1, 2}), nil
    local qsort = ffi.lenient(C.qsort)
    qsort(array, "3", "4", function(a, b)
        inner = ffi.new("int[2]", {9, 8})
        qsort(inner, "2", "4", ascending)
        return a[0] - b[0]
    end)
    equal(array[0] .. array[1] .. array[2] .. inner[0] .. inner[1], "12389")
end)

test("and is strict otherwise, and another function", function()
    local abs, hypot = ffi.lenient(C.i_to_int), ffi.lenient(C.dd_to_double)
    for _, bad in ipairs {"five", "", "5 5", {}} do
        raises("bad argument #1 to 'i_to_int' (cannot convert '", abs, bad)
    end
    raises("bad argument #2 to 'dd_to_double' (cannot convert 'string' to 'double')", hypot, "3", "four")
    raises("wrong number of arguments", abs)
    raises("wrong number of arguments", hypot, 3, 4, 5)
    raises("cannot convert 'number' to 'const char *'", ffi.lenient(C.t_to_int), 5)
    equal(ffi.lenient(C.abs), ffi.lenient(C.abs))
    equal(ffi.leaf(ffi.lenient(C.abs)), ffi.lenient(ffi.leaf(C.abs)))
    assert(ffi.lenient(C.abs) ~= C.abs and ffi.leaf(ffi.lenient(C.abs)) ~= ffi.leaf(C.abs))
    raises("cannot convert 'string' to 'int'", C.i_to_int, "5")
end)

test("the same function may be called below its own callback", function()
    local inner
    equal(sorted({3, 1, 2}, function(a, b)
        inner = sorted({9, 8, 7}, ascending)
        return a[0] - b[0]
    end), "1 2 3")
    equal(inner, "7 8 9")
end)

test("a bool is a whole word to C, whatever was in its place before", function()
    local word = ffi.cast("int64_t (*)(int64_t)", C.labs)
    local bool = ffi.cast("int64_t (*)(bool)", C.labs)
    for _ = 1, 3 do
        equal(number(word(-0x123456789abc)), 0x123456789abc)
        equal(number(bool(true)), 1)
        equal(number(bool(false)), 0)
    end
end)

test("an argument that is refused leaves the function as it was", function()
    for _ = 1, 3 do
        raises("bad argument #1 to 'abs' (cannot convert 'string' to 'int')", C.abs, "1")
        raises("wrong number of arguments for function call", C.abs)
        equal(C.abs(-1), 1)
    end
end)

test("structs come back by value, and variadic functions take what they are given", function()
    equal(C.div(17, 5).rem, 2)
    local buffer = ffi.new "char[64]"
    for i = 1, 3 do
        C.snprintf(buffer, 64, "%d %s %.1f %lld", ffi.new("int", i), "two", 3.5, ffi.new("int64_t", -4))
        equal(ffi.string(buffer), i .. " two 3.5 -4")
    end
    C.snprintf(buffer, 64, "%d%d%d%d%d%d%d%d%d", ffi.new("int", 1), ffi.new("int", 2), ffi.new("int", 3),
        ffi.new("int", 4), ffi.new("int", 5), ffi.new("int", 6), ffi.new("int", 7), ffi.new("int", 8), ffi.new("int", 9))
    equal(ffi.string(buffer), "123456789")
end)

test("NULL is not followed", function()
    raises("NULL pointer of type 'struct ", function() return ffi.new("div_t *").quot end)
    raises("NULL pointer", function() ffi.new("int *")[0] = 1 end)
    raises("NULL pointer", function() return ffi.new("int (*)(void)")() end)
    raises("NULL pointer", ffi.string, nil)
    raises("NULL pointer", ffi.copy, nil, "x")
end)

test("a member's name may be longer than Lua keeps one of", function()
    local name = ("long"):rep(20)
    local s = ffi.new("struct { int " .. name .. "; }", 5)
    equal(s[name], 5)
    s[name] = 6
    equal(s[("long"):rep(20)], 6)
    local function grown(times)
        for _ = 1, times do s[("long"):rep(20)] = s[("long"):rep(20)] end
        collectgarbage()
        collectgarbage()
        return collectgarbage "count"
    end
    local before = grown(10)
    local after = grown(5000)
    assert(after < before + 16, ("%.0f kB before, %.0f after"):format(before, after))
end)

test("a type whose name is too long for words is said to be one", function()
    local tag = ("long"):rep(70)
    ffi.cdef("struct " .. tag .. " { int a; };")
    equal(tostring(ffi.typeof("struct " .. tag .. " *")), "ctype<a type with a long name>")
    raises("'a type with a long name' has no member named 'b'", function() return ffi.new("struct " .. tag).b end)
end)

test("numbers of 64 bits are Lua's integers, where it has some", function()
    local large = ffi.new("int64_t", 2 ^ 53)
    equal(number(large), 2 ^ 53)
    equal(number(ffi.new "enum { SEVEN = 7 }" + 7), 7)
    equal(number "12", 12)
    equal(number {}, nil)
    if math.maxinteger then
        equal(number(ffi.new("int64_t", math.maxinteger)), math.maxinteger)
        equal(math.type(number(large)), "integer")
        equal(ffi.new("int64_t[1]", {math.mininteger})[0], ffi.new("int64_t", math.mininteger))
    end
end)

test("errno is what the last call left, and the next one finds it", function()
    equal(C.chdir "/nowhere/at/all", -1)
    equal(ffi.errno(), 2)
    equal(ffi.errno(0), 2)
    C.strtol("5", nil, 10)
    equal(ffi.errno(), 0)
    equal(ffi.async(C.chdir, "/nowhere/at/all"):wait(), -1)
    equal(ffi.errno(), 2)
end)

test("errno is as it was when others run while a library is opened, and a function looked up meanwhile", function()
    ffi.cdef "int mkfifo(const char *, unsigned); int looked_up(int) asm(\"toascii\");"
    local path = os.tmpname()
    os.remove(path)
    equal(C.mkfifo(path, 384), 0)
    local threads = {} -- enough of them: glibc makes none while it opens a library
    for i = 1, 3 do threads[i] = task.go(C.usleep, 20000) end
    for i = 1, 3 do threads[i]:join() end
    local loading = task.go(function()
        ffi.errno(7)
        local ok = pcall(ffi.load, path) -- waits for somebody who writes
        return ok, ffi.errno()
    end)
    while loading:status() ~= "in call" do task.yield() end
    local looking = task.go(function()
        ffi.errno(8)
        local f = C.looked_up -- waits for the loader
        return f(65), ffi.errno()
    end)
    repeat
        task.yield()
        local status = looking:status()
    until status == "in call" or status == "ended" -- if it was before the other
    C.chdir "/nowhere/at/all"
    io.open(path, "w"):close()
    local ok, errno = loading:join()
    os.remove(path)
    equal(ok, false)
    equal(errno, 7)
    ok, errno = looking:join()
    equal(ok, 65)
    equal(errno, 8)
end)

test("a finalizer that calls C leaves errno as it was", function()
    local calls = 0
    local function fail()
        calls = calls + C.chdir "/nowhere/at/all"
    end
    ffi.gc(ffi.new "int[1]", fail)
    ffi.errno(7)
    collectgarbage()
    collectgarbage()
    equal(calls, -1)
    equal(ffi.errno(), 7)
end)

test("ffi.C has the symbols of a library that was loaded to be global", function()
    ffi.cdef "const char *zlibVersion(void);"
    raises("zlibVersion", function() return C.zlibVersion end)
    equal(ffi.string(ffi.load "libz.so.1".zlibVersion()):sub(1, 2), "1.")
    raises("zlibVersion", function() return C.zlibVersion end)
    ffi.load("libz.so.1", true)
    equal(ffi.string(C.zlibVersion()):sub(1, 2), "1.")
end)

test("what is declared by ffi.declare may be declared so again, if it says the same", function()
    local header = "struct declared { int a; }; enum declared_enum { DECLARED = 1 }; int declared(struct declared *);"
    ffi.declare(header)
    ffi.declare(header .. "typedef struct declared declared_again;")
    equal(ffi.sizeof "declared_again", 4)
    raises("whose members are not those of its definition", ffi.declare, "struct declared { long a; };")
    raises("whose type is not that of its declaration", ffi.declare, "void declared(void);")
    raises("'declared', which is there already", ffi.cdef, header)
    ffi.declare("struct $ { $ a; };", "declared", ffi.typeof "int")
end)

-- Callbacks

test("an error in a callback is raised by the call that led there, as the same object", function()
    local object = {}
    local ok, problem = pcall(sorted, {2, 1}, function() error(object) end)
    equal(ok, false)
    equal(problem, object)
    equal(sorted({2, 1}, ascending), "1 2")
end)

test("an error of nil or false comes back, too", function()
    local ok, problem = pcall(sorted, {2, 1}, function() error(nil) end)
    equal(ok, false)
    equal(problem, nil)
    ok, problem = pcall(sorted, {2, 1}, function() error(false) end)
    equal(ok, false)
    equal(problem, false)
end)

test("an error passes through callbacks in callbacks, or is caught on its way", function()
    raises("from the depth", sorted, {2, 1}, function()
        sorted({2, 1}, function() error "from the depth" end)
        return 0
    end)
    local caught
    equal(sorted({2, 1}, function(a, b)
        caught = not pcall(sorted, {2, 1}, function() error "caught" end)
        return a[0] - b[0]
    end), "1 2")
    equal(caught, true)
end)

test("C gets what ffi.callback was given when the function fails, and further callbacks do", function()
    local calls
    local function fails()
        calls = calls + 1
        error "in the comparison"
    end
    for given, order in pairs {[0] = "1 2", [1] = "2 1", [-1] = "1 2"} do
        local compare = ffi.callback("compare *", fails, given)
        local array = ffi.new("int[2]", {1, 2})
        calls = 0
        raises("in the comparison", C.qsort, array, 2, 4, compare)
        equal(calls, 1)
        equal(array[0] .. " " .. array[1], order)
        compare:set(ascending)
        equal(sorted({3, 1, 2}, compare), "1 2 3")
        compare:free()
        raises("bad callback", C.qsort, array, 2, 4, compare)
    end
    local compare = ffi.callback(ffi.typeof "compare *", ascending)
    equal(sorted({3, 1, 2}, compare), "1 2 3")
    equal(ffi.istype("compare *", compare), true)
    compare:free()
end)

test("ffi.callback takes what it can convert", function()
    local f = function() end
    raises("bad argument #1 to 'callback' (C type expected, got nil)", function() return (ffi.callback(nil, f)) end)
    raises("bad argument #1 to 'callback' (a function pointer's type expected, without ...)", function() return (ffi.callback("int *", f)) end)
    raises("bad argument #1 to 'callback' (a function pointer's type expected, without ...)", function()
        return (ffi.callback("int (*)(int, ...)", f))
    end)
    raises("bad argument #2 to 'callback' (function expected, got table)", function()
        return (ffi.callback("compare *", {}))
    end)
    raises("bad argument #3 to 'callback' (cannot convert 'string' to 'int')", function()
        return (ffi.callback("compare *", f, "x"))
    end)
    raises("cannot convert 'number' to 'void'", function() return (ffi.callback("void (*)(void)", f, 1)) end)
end)

test("callbacks that fail leak nothing", function()
    local array, compare = ffi.new("int[2]", {2, 1}), ffi.cast("compare *", function() error "again" end)
    local function fail(times)
        for _ = 1, times do assert(not pcall(C.qsort, array, 2, 4, compare)) end
        collectgarbage()
        collectgarbage()
        return collectgarbage "count"
    end
    fail(1000)
    local before = fail(1000)
    local after = fail(10000)
    compare:free()
    assert(after < before + 16, ("%.0f kB before, %.0f after"):format(before, after))
end)

test("a function that is passed often is one callback", function()
    local box = ffi.new "struct { compare *a, *b; }"
    box.a, box.b = ascending, ascending
    equal(ffi.cast("intptr_t", box.a), ffi.cast("intptr_t", box.b))
    box.b = function() return 0 end
    equal(ffi.cast("intptr_t", box.a) == ffi.cast("intptr_t", box.b), false)
end)

test("a callback that was freed is an error, also to C", function()
    local callback = ffi.cast("compare *", ascending)
    equal(sorted({2, 1}, callback), "1 2")
    callback:free()
    raises("bad callback", sorted, {2, 1}, callback)
    raises("bad callback", callback, nil, nil)
    raises("bad callback", function() callback:free() end)
    equal(sorted({2, 1}, ascending), "1 2")
end)

test("a passed function's callback may be freed, and is another one then", function()
    local box = ffi.new "struct { compare *f; }"
    box.f = ascending
    box.f:free()
    equal(sorted({2, 1}, ascending), "1 2")
    box.f = ascending
    equal(sorted({2, 1}, box.f), "1 2")
end)

test("callbacks are made and freed without end", function()
    for i = 1, 2000 do
        local callback = ffi.cast("int (*)(int)", function(x) return x + i end)
        equal(callback(1), 1 + i)
        callback:free()
    end
end)

test("callbacks that are made and freed leak nothing", function()
    local function make(times)
        for _ = 1, times do ffi.cast("compare *", ascending):free() end
        collectgarbage()
        collectgarbage()
        return collectgarbage "count"
    end
    make(1000)
    local before = make(1000)
    local after = make(5000)
    assert(after < before + 16, ("%.0f kB before, %.0f after"):format(before, after))
end)

test("a struct that a callback is given is its own, to change and to keep", function()
    ffi.cdef "typedef struct { long a[4]; int b; } large_t;"
    local kept = {}
    local small = ffi.cast("int (*)(div_t)", function(given)
        kept[#kept + 1] = given
        given.rem = given.rem + 1
        return given.quot
    end)
    local large = ffi.cast("int (*)(large_t)", function(given)
        kept[#kept + 1] = given
        given.b = given.b + 1
        return given.b
    end)
    local value = ffi.new("large_t", {{1, 2, 3, 4}, 5})
    equal(small(C.div(17, 5)), 3)
    equal(large(value), 6)
    equal(value.b, 5)
    for i = 1, 3 do equal(small(C.div(1, 1)) + large(ffi.new("large_t", {{i}, i})), i + 2) end
    equal(kept[1].quot * 10 + kept[1].rem, 33)
    equal(number(kept[2].a[3]) * 10 + kept[2].b, 46)
    small:free()
    large:free()
end)

test("callbacks run on the coroutine that made the call, also when others have called the function meanwhile", function()
    ffi.cdef [[
        struct cookie { void *read; long (*write)(void *, const char *, size_t); void *seek, *close; };
        void *fopencookie(void *, const char *, struct cookie);
        void *fopen(const char *, const char *);
        int setvbuf(void *, char *, int, size_t);
        int fclose(void *);
        int puts(const char *);
        extern void *stdout;
    ]]
    local out, null, caller, stream, seen = C.stdout, C.fopen("/dev/null", "w"), nil, nil, {}
    local function put_elsewhere()
        C.stdout = null
        C.puts "by another"
        C.stdout = stream
    end
    local write = ffi.cast("long (*)(void *, const char *, size_t)", function(_, _, size)
        seen[#seen + 1] = coroutine.running()
        coroutine.wrap(put_elsewhere)()
        return size
    end)
    stream = C.fopencookie(nil, "w", {write = write})
    C.setvbuf(stream, nil, 2, 0)
    put_elsewhere()
    coroutine.wrap(function()
        caller = coroutine.running()
        C.puts "the text, and the line's end"
    end)()
    C.stdout = out
    C.fclose(stream)
    C.fclose(null)
    write:free()
    equal(#seen, 2)
    for i = 1, 2 do equal(seen[i], caller) end
end)

test("a callback may have more arguments than its coroutine has room for", function()
    local types, values = {}, {}
    for i = 1, 120 do types[i], values[i] = "int", i end
    local sum = ffi.cast("int (*)(" .. table.concat(types, ", ") .. ")", function(...)
        local sum = 0
        for i = 1, select("#", ...) do sum = sum + (select(i, ...)) end
        return sum
    end)
    equal(sum(unpack(values)), 7260)
    equal(ffi.async(sum, unpack(values)):wait(), 7260) -- on a coroutine that has room for few
    sum:free()
end)

test("the collector may run in a callback", function()
    equal(sorted({5, 3, 4, 1, 2}, function(a, b)
        collectgarbage()
        return a[0] - b[0]
    end), "1 2 3 4 5")
end)

test("a callback may free itself", function()
    local callback
    callback = ffi.cast("int (*)(int)", function(x)
        callback:free()
        return x + 1
    end)
    equal(callback(1), 2)
    raises("bad callback", callback, 1)
end)

test("callbacks outlive whoever made them", function()
    local box = ffi.new "struct { compare *f; }"
    box.f = ffi.cast("compare *", function(a, b) return b[0] - a[0] end)
    for _ = 1, 3 do collectgarbage() end
    equal(sorted({1, 3, 2}, box.f), "3 2 1")
    local called
    C.signal(10, function(number) called = number end)
    for _ = 1, 3 do collectgarbage() end
    C.raise(10)
    C.signal(10, nil)
    equal(called, 10)
end)

-- Starts a thread that calls body, a callback, and returns its number.
local function start(body, argument)
    local thread = ffi.new "unsigned long[1]"
    equal(C.pthread_create(thread, nil, body, argument), 0)
    return thread[0]
end

test("threads of C's own call back", function()
    local seen
    local main = ffi.cast("void *(*)(void *)", function(p)
        seen = ffi.string(ffi.cast("const char *", p))
        return p
    end)
    local text, result = ffi.new("char[6]", "hello"), ffi.new "void *[1]"
    equal(C.pthread_join(start(main, text), result), 0)
    equal(seen, "hello")
    equal(result[0], ffi.cast("void *", text))
    main:free()
end)

test("threads that C makes call back one at a time", function()
    local inside, most, calls = 0, 0, 0
    local body = ffi.cast("void *(*)(int *)", function(one)
        inside = inside + 1
        for _ = 1, 1000 do most = math.max(most, inside) end
        inside = inside - 1 -- in the calls below, others may come in
        calls = calls + one[0]
        sorted({3, 1, 2}, ascending)
        return nil
    end)
    local one, threads = ffi.new("int[1]", 1), {}
    for i = 1, 16 do threads[i] = start(ffi.cast("void *(*)(void *)", body), one) end
    for i = 1, 16 do equal(C.pthread_join(threads[i], nil), 0) end
    body:free()
    equal(calls, 16)
    equal(most, 1)
end)

test("what a callback returned last is kept for C", function()
    local body = ffi.cast("void *(*)(void *)", function() return ffi.new("char[4001]", ("kept"):rep(1000)) end)
    local result = ffi.new "void *[1]"
    equal(C.pthread_join(start(body), result), 0)
    collectgarbage()
    collectgarbage()
    equal(ffi.string(result[0], 4000), ("kept"):rep(1000))
    body:free()
end)

test("what a failing callback gives C is kept, and freed with it", function()
    local weak = setmetatable({}, {__mode = "k"})
    local function make(given)
        weak[given] = true
        return ffi.callback("void *(*)(void *)", function() error "unseen" end, given)
    end
    local body = make(ffi.new("char[4001]", ("kept"):rep(1000)))
    collectgarbage()
    collectgarbage()
    equal(next(weak) ~= nil, true)
    raises("unseen", body, nil)
    body:free()
    for _ = 1, 1000 do ffi.cast("compare *", ascending):free() end
    collectgarbage()
    collectgarbage()
    equal(next(weak), nil)
end)

test("an error on a thread of C's own is reported, and the thread goes on", function()
    local script = [[
        local ffi = require "callgate.ffi"
        ffi.cdef "int pthread_create(long *, void *, void *(*)(void *), void *); int pthread_join(long, void **);"
        local thread, result = ffi.new "long[1]", ffi.new("void *[1]", {ffi.cast("void *", 1)})
        ffi.C.pthread_create(thread, nil, function() error "nobody called" end, nil)
        print(ffi.C.pthread_join(thread[0], result), result[0])
        local body = ffi.callback("void *(*)(void *)", function() error "nobody again" end, ffi.cast("void *", 0x123))
        ffi.C.pthread_create(thread, nil, body, nil)
        print(ffi.C.pthread_join(thread[0], result), result[0])
    ]]
    local pipe = io.popen(("%s -e '%s' 2>&1"):format(os.getenv "LUA", script))
    local output = pipe:read "*a"
    pipe:close()
    assert(output:find("an error in a callback on a thread of C's own: ", 1, true), output)
    assert(output:find("nobody called", 1, true), output)
    assert(output:find("0\tcdata<void *>: NULL", 1, true), output)
    assert(output:find("0\tcdata<void *>: 0x00000123", 1, true), output)
end)

-- Tasks

test("a call that blocks stops no other task", function()
    for _ = 1, 20 do -- a busy machine may let nobody run for that long
        local ended, count = false, 0
        local sleeper = task.go(function()
            C.usleep(50000)
            ended = true
            return C.abs(-3)
        end)
        while not ended do
            count = count + 1
            task.yield()
        end
        equal(sleeper:join(), 3)
        if count > 10 then return end
    end
    error "the others stood still"
end)

test("what a pending call was given is kept, also what nobody else has", function()
    local freed, inside, over = 0, 0, false
    local function given(n)
        return ffi.gc(ffi.new("int[2]", n), function() freed = freed + 1 end)
    end
    local tasks, found = {}, {}
    local function wait(a, b)
        inside = inside + 1
        while not over do C.usleep(100) end
        found[a[0]] = b[0]
        return 0
    end
    for i = 1, 3 do tasks[i] = task.go(function() C.bsearch(given(i), given(i), 1, 4, wait) end) end
    local future = ffi.async(C.bsearch, given(4), given(4), 1, 4, wait)
    while inside < 4 do task.yield() end
    for _ = 1, 3 do collectgarbage() end
    equal(freed, 0)
    over = true
    for i = 1, 3 do tasks[i]:join() end
    future:wait()
    equal(table.concat(found, " "), "1 2 3 4")
    future = nil
    collectgarbage()
    collectgarbage()
    equal(freed, 8)
end)

test("tasks call one function at once, each with its own arguments", function()
    local tasks, results = {}, {}
    for i = 1, 8 do
        tasks[i] = task.go(function()
            return sorted({i + 2, i, i + 1}, function(a, b)
                C.usleep(1000)
                return a[0] - b[0]
            end)
        end)
    end
    for i = 1, 8 do equal(tasks[i]:join(), table.concat({i, i + 1, i + 2}, " ")) end
end)

-- Classes of calls, and calls that nobody waits for

test("a crash of a guarded function is an error, with C's backtrace", function()
    local strlen = ffi.guard(C.strlen)
    equal(number(strlen "abc"), 3)
    raises("'strlen' crashed: SIGSEGV at 0x10", strlen, ffi.cast("const char *", 16))
    local future = ffi.async(strlen, ffi.cast("const char *", 16))
    for _ = 1, 2 do raises("'strlen' crashed: SIGSEGV at 0x10", future.wait, future) end
    equal(number(strlen "abcd"), 4)
end)

test("a function may be told to be short, or to block", function()
    equal(ffi.leaf(C.abs)(-2), 2)
    equal(ffi.blocking(C.abs)(-2), 2)
    equal(ffi.leaf(ffi.cast("int (*)(int)", C.abs))(-2), 2)
    raises("C function expected, got number", ffi.leaf, 1)
    raises("C function expected, got function", ffi.leaf, print)
    raises("C function expected", ffi.leaf, ffi.new "int")
end)

test("ffi.async starts a call, and its future has the result", function()
    local sleep = ffi.async(C.usleep, 300000)
    equal(sleep:done(), false)
    equal(sleep:wait(0.001), nil)
    equal(sleep:wait(), 0)
    equal(sleep:done(), true)
    equal(sleep:wait(), 0)
    equal(ffi.async(C.div, 17, 5):wait().quot, 3)
    raises("cannot convert 'table' to 'int'", ffi.async, C.abs, {})
    raises("wrong number of arguments", ffi.async, C.abs)
end)

test("what an asynchronous call was given stays while it runs", function()
    local array = ffi.new("int[3]", {3, 1, 2})
    local future = ffi.async(C.qsort, array, 3, 4, function(a, b)
        C.usleep(1000)
        for _ = 1, 2 do collectgarbage() end
        return a[0] - b[0]
    end)
    future:wait()
    equal(array[0] * 100 + array[1] * 10 + array[2], 123)
    ffi.async(C.strlen, ("x"):rep(1000)) -- nobody waits for it
    collectgarbage()
    C.usleep(1000)
end)

test("cancel ends a task's wait for a future, whose call goes on", function()
    local future = ffi.async(C.usleep, 300000)
    local waits = task.go(function() return future:wait() end)
    local cancelled = task.go(function()
        local ok, problem = pcall(future.wait, future)
        return ok, problem, future:done(), future:wait()
    end)
    task.yield()
    cancelled:cancel "reason"
    local ok, problem, done, result = cancelled:join()
    equal(ok, false)
    equal(problem, "reason")
    equal(done, false)
    equal(result, 0)
    equal(waits:join(), 0)
    local computes = true
    local late = task.go(function()
        while computes do end
        return pcall(future.wait, future)
    end)
    task.yield()
    late:cancel "another reason"
    computes = false
    equal(select(2, late:join()), "another reason")
    raises("no less than 0", future.wait, future, -1)
end)

-- Starts calls that nobody asks for, and then others until what the first were given is freed.
local function forget_calls()
    local weak = setmetatable({}, {__mode = "k"})
    for _ = 1, 10 do
        local text = ffi.new("char[4]", "abc")
        weak[text] = true
        ffi.async(C.strlen, text)
    end
    for _ = 1, 1000 do
        ffi.async(C.usleep, 100):wait()
        collectgarbage()
        if not next(weak) then return end
    end
    error "it is still there"
end

test("a future that nobody asks is freed with what it has once it has ended, by later calls", forget_calls)

test("and so it is behind calls that last", function()
    local lasting = {}
    for i = 1, 3 do lasting[i] = ffi.async(C.usleep, 100000000) end
    forget_calls()
    for i = 1, 3 do
        equal(lasting[i]:done(), false)
        equal(lasting[i]:cancel(), true)
        equal(lasting[i]:wait(), -1)
    end
end)

test("an error in an asynchronous call's callback is raised by whoever waits", function()
    local future = ffi.async(C.qsort, ffi.new("int[2]", 2, 1), 2, 4, function() error "no order" end)
    raises("no order", future.wait, future)
end)

-- The end

test("a finalizer may call functions that are collected with its object", function()
    local results = {}
    for i = 1, 10 do
        local object = newproxy and newproxy(true) or setmetatable({}, {})
        local pointer, abs = ffi.cast("int (*)(int)", C.abs), ffi.load("libc.so.6").abs
        getmetatable(object).__gc = function() results[i] = pointer(-i) + abs(-i) end
        if not newproxy then setmetatable(object, getmetatable(object)) end
    end
    collectgarbage()
    collectgarbage()
    for i = 1, 10 do equal(results[i], 2 * i) end
end)

test("finalizers call C while the state closes", function()
    local script = ([[
        local ffi = require "callgate.ffi"
        ffi.cdef "int puts(const char *); int fflush(void *); void *malloc(size_t); void free(void *);"
        kept = ffi.gc(ffi.C.malloc(1), function(p) ffi.C.puts "finalized" ffi.C.fflush(nil) ffi.C.free(p) end)
    ]]):gsub("\n%s*", " ")
    local pipe = io.popen(("%s -e '%s'"):format(os.getenv "LUA", script))
    equal(pipe:read "*a", "finalized\n")
    pipe:close()
end)

check.finish()
