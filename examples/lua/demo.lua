-- Calls the system's own libraries from the stock lua5.4, with no wrapper written in C, checks every result
-- against a second opinion, and says what it did. Ends with a status other than 0 if anything disagrees.
--
-- SPDX-License-Identifier: MIT

local ffi = require "callgate.ffi"
local task = require "callgate.task"

local C <const>, number <const> = ffi.C, ffi.tonumber
local failures = 0

local function report(what, format, ...)
    print(("  %-9s %s"):format(what, format:format(...)))
end

local function check(holds, what, ...)
    if not holds then
        failures = failures + 1
        print("  DISAGREES " .. what:format(...))
    end
end

local function read_text(path)
    local file <close> = assert(io.open(path, "rb"))
    local text = file:read "a"
    assert(#text >= 30000, path .. " is shorter than 30 kB")
    return text
end

ffi.cdef [[
    struct timespec { long tv_sec, tv_nsec; };
    int clock_gettime(int clock, struct timespec *);
]]

-- Milliseconds on a clock that never goes back.
local function now()
    local time <const>, CLOCK_MONOTONIC <const> = ffi.new "struct timespec", 1
    assert(C.clock_gettime(CLOCK_MONOTONIC, time) == 0)
    return number(time.tv_sec) * 1e3 + number(time.tv_nsec) / 1e6
end

-- libz: the text comes back as it was, and the checksums say so, too.
ffi.cdef [[
    unsigned long compressBound(unsigned long length);
    int compress2(uint8_t *packed, unsigned long *size, const uint8_t *text, unsigned long length, int level);
    int uncompress(uint8_t *text, unsigned long *length, const uint8_t *packed, unsigned long size);
    uint32_t crc32_z(unsigned long crc, const uint8_t *text, size_t length);
]]

local function compress(text)
    local z <const> = ffi.load "libz.so.1"
    local room = z.compressBound(#text)
    local packed, size = ffi.new("uint8_t[?]", room), ffi.new("unsigned long[1]", room)
    check(z.compress2(packed, size, text, #text, 9) == 0, "compress2 failed")
    local restored, length = ffi.new("uint8_t[?]", #text), ffi.new("unsigned long[1]", #text)
    check(z.uncompress(restored, length, packed, size[0]) == 0, "uncompress failed")

    check(number(length[0]) == #text, "%d bytes came back of %d", number(length[0]), #text)
    check(ffi.string(restored, #text) == text, "the text that came back is another")
    local before, after = z.crc32_z(0, text, #text), z.crc32_z(0, restored, #text)
    check(before == after, "checksums %08x and %08x", before, after)
    report("libz", "%d bytes to %d and back, crc32 %08x both times", #text, number(size[0]), after)
end

-- libsqlite3: what SQL counts is what Lua counts.
local function count_words(text)
    local counts, total, distinct = {}, 0, 0
    for word in text:lower():gmatch "%a+" do
        distinct = distinct + (counts[word] and 0 or 1)
        counts[word] = (counts[word] or 0) + 1
        total = total + 1
    end
    return counts, total, distinct
end

ffi.cdef [[
    typedef struct sqlite3 sqlite3;
    typedef struct sqlite3_stmt sqlite3_stmt;
    int sqlite3_open(const char *name, sqlite3 **db);
    int sqlite3_close(sqlite3 *db);
    const char *sqlite3_errmsg(sqlite3 *db);
    int sqlite3_exec(sqlite3 *db, const char *sql, int (*row)(void *, int, const char **, const char **), void *,
                     char **message);
    int sqlite3_prepare_v2(sqlite3 *db, const char *sql, int size, sqlite3_stmt **statement, const char **rest);
    int sqlite3_bind_text(sqlite3_stmt *, int place, const char *text, int size, intptr_t destructor);
    int sqlite3_step(sqlite3_stmt *);
    int sqlite3_reset(sqlite3_stmt *);
    int sqlite3_finalize(sqlite3_stmt *);
]]

local function query_words(text)
    local sqlite <const> = ffi.load "libsqlite3.so.0"
    local DONE <const>, TRANSIENT <const> = 101, -1
    local handle = ffi.new "sqlite3 *[1]"
    assert(sqlite.sqlite3_open(":memory:", handle) == 0)
    local db = handle[0]
    local function problem() return ffi.string(sqlite.sqlite3_errmsg(db)) end
    local function run(sql, on_row)
        if sqlite.sqlite3_exec(db, sql, on_row, nil, nil) ~= 0 then error(problem()) end
    end

    run("create table words (word text); begin", nil)
    local prepared = ffi.new "sqlite3_stmt *[1]"
    assert(sqlite.sqlite3_prepare_v2(db, "insert into words values (?)", -1, prepared, nil) == 0)
    local insert = prepared[0]
    for word in text:lower():gmatch "%a+" do
        sqlite.sqlite3_bind_text(insert, 1, word, #word, TRANSIENT)
        check(sqlite.sqlite3_step(insert) == DONE, "insert: %s", problem())
        sqlite.sqlite3_reset(insert)
    end
    sqlite.sqlite3_finalize(insert)
    run("commit", nil)

    local counts, total, distinct = count_words(text)
    local rows, most = 0, nil
    run("select word, count(*) as n from words group by word order by n desc, word", function(_, columns, values)
        local word, count = ffi.string(values[0]), tonumber(ffi.string(values[1]))
        rows = rows + 1
        most = most or {word = word, count = count}
        check(columns == 2, "a row of %d columns", columns)
        check(counts[word] == count, "'%s': %s in SQL, %s in Lua", word, count, counts[word])
        return 0
    end)
    check(rows == distinct, "%d rows for %d words", rows, distinct)
    check(sqlite.sqlite3_close(db) == 0, "the database does not close")
    report("sqlite3", "%d words in, %d rows back through the callback; '%s' stands %d times", total, rows, most.word,
        most.count)
end

-- qsort, with a comparator in Lua.
ffi.cdef "void qsort(void *, size_t, size_t, int (*)(const int *, const int *));"

local function sort_numbers()
    local numbers, seed = {}, 42
    for i = 1, 1000 do
        seed = (seed * 1103515245 + 12345) % 2147483648
        numbers[i] = seed - 1073741824
    end
    local array, calls = ffi.new("int[?]", #numbers, numbers), 0
    C.qsort(array, #numbers, ffi.sizeof "int", function(a, b)
        local x, y = a[0], b[0]
        calls = calls + 1
        return x < y and -1 or x > y and 1 or 0
    end)
    table.sort(numbers)
    for i = 1, #numbers do check(array[i - 1] == numbers[i], "place %d: %d, not %d", i, array[i - 1], numbers[i]) end
    report("qsort", "%d numbers in order, compared %d times in Lua", #numbers, calls)
end

-- libm, against Lua's own.
ffi.cdef [[
    double sin(double), cos(double), exp(double), floor(double), fabs(double);
    double hypot(double, double);
]]

local function compute()
    local m <const>, count = ffi.load "libm.so.6", 0
    for name, own in pairs {sin = math.sin, cos = math.cos, exp = math.exp, floor = math.floor, fabs = math.abs} do
        for x = -2, 2, 0.125 do
            count = count + 1
            check(m[name](x) == own(x), "%s(%g): %.17g, not %.17g", name, x, m[name](x), own(x))
        end
    end
    check(m.hypot(3, 4) == 5.0, "hypot(3, 4) is %g", m.hypot(3, 4))
    report("libm", "%d results as Lua's own; hypot(3, 4) = %g", count, m.hypot(3, 4))
end

-- The system: who we are, and what went wrong.
ffi.cdef [[
    int getpid(void);
    int chdir(const char *path);
    const char *strerror(int number);
]]

local function ask_the_system()
    local stat = assert(io.open "/proc/self/stat")
    local pid = C.getpid()
    check(pid == stat:read "n", "getpid gives %d", pid)
    stat:close()
    report("getpid", "%d, as /proc has it", pid)

    local _, words, wanted = io.open "/nowhere/at/all"
    local result = C.chdir "/nowhere/at/all"
    local errno = ffi.errno()
    local said = ffi.string(C.strerror(errno))
    check(result == -1 and errno == wanted, "chdir gives %d, errno %d", result, errno)
    check(words:find(said, 1, true), "strerror gives '%s'", said)
    report("errno", "chdir '/nowhere/at/all' gives %d: %d, %s", result, errno, said)
end

-- One task sleeps in C for 300 ms, with no word about it; another goes on.
ffi.cdef "int usleep(unsigned microseconds);"

local function block_one_of_two()
    local slept, longest, turns = nil, 0, 0
    local counter = task.go({name = "counter"}, function()
        local last = now()
        while not slept do
            task.yield()
            local time = now()
            longest, last, turns = math.max(longest, time - last), time, turns + 1
        end
    end)
    local sleeper = task.go({name = "sleeper"}, function()
        local before = now()
        C.usleep(300 * 1000)
        slept = now() - before
    end)
    sleeper:join()
    counter:join()
    check(slept >= 299, "usleep took %.1f ms", slept)
    check(turns > 100, "the counter had %d turns", turns)
    check(longest < 200, "a pause of %.1f ms", longest)
    report("tasks", "one slept %.0f ms in C, the other counted to %d; its longest pause: %.2f ms", slept, turns, longest)
end

local text = read_text "/usr/share/common-licenses/GPL-3"
print("callgate: " .. _VERSION .. " calls C")
compress(text)
query_words(text)
sort_numbers()
compute()
ask_the_system()
block_one_of_two()
print(failures == 0 and "everything agrees" or failures .. " results disagree")
os.exit(failures == 0, true)
