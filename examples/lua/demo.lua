-- Calls the system's own libraries from the stock lua5.4, with no wrapper written in C, checks every result
-- against a second opinion, and says what it did. Ends with a status other than 0 if anything disagrees.
--
-- SPDX-License-Identifier: MIT

local callgate = require "callgate"

local libc <const> = callgate.open "libc.so.6"
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

-- Milliseconds on a clock that never goes back.
local clock_gettime = libc:bind("clock_gettime", "int (int, void *)")
local function now()
    local time, CLOCK_MONOTONIC <const> = callgate.array("long", 2), 1
    assert(clock_gettime(CLOCK_MONOTONIC, time) == 0)
    return time[0] * 1e3 + time[1] / 1e6
end

-- libz: the text comes back as it was, and the checksums say so, too.
local function compress(text)
    local z = callgate.open "libz.so.1"
    local bound = z:bind("compressBound", "unsigned long (unsigned long)")
    local pack = z:bind("compress2", "int (uint8_t *, unsigned long *, const uint8_t *, unsigned long, int)")
    local unpack = z:bind("uncompress", "int (uint8_t *, unsigned long *, const uint8_t *, unsigned long)")
    local crc32 = z:bind("crc32", "unsigned long (unsigned long, const uint8_t *, unsigned)")

    local room = bound(#text)
    local packed, size = callgate.array("uint8_t", room), callgate.array("unsigned long", {room})
    check(pack(packed, size, text, #text, 9) == 0, "compress2 failed")
    local restored, length = callgate.array("uint8_t", #text), callgate.array("unsigned long", {#text})
    check(unpack(restored, length, packed, size[0]) == 0, "uncompress failed")

    check(length[0] == #text, "%d bytes came back of %d", length[0], #text)
    check(restored:string(#text) == text, "the text that came back is another")
    local sums = {crc32(0, text, #text), crc32(0, restored, #text)}
    check(sums[1] == sums[2], "checksums %08x and %08x", sums[1], sums[2])
    report("libz", "%d bytes to %d and back, crc32 %08x both times", #text, size[0], sums[2])
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

local function query_words(text)
    local sqlite = callgate.open "libsqlite3.so.0"
    local open = sqlite:bind("sqlite3_open", "int (const char *, struct sqlite3 **)")
    local close = sqlite:bind("sqlite3_close", "int (struct sqlite3 *)")
    local errmsg = sqlite:bind("sqlite3_errmsg", "const char *(struct sqlite3 *)")
    local row = "int (*)(void *, int, const char **, const char **)"
    local exec = sqlite:bind("sqlite3_exec", ("int (struct sqlite3 *, const char *, %s, void *, char **)"):format(row))
    local prepare = sqlite:bind("sqlite3_prepare_v2",
        "int (struct sqlite3 *, const char *, int, struct sqlite3_stmt **, const char **)")
    local bind_text = sqlite:bind("sqlite3_bind_text", "int (struct sqlite3_stmt *, int, const char *, int, intptr_t)")
    local step = sqlite:bind("sqlite3_step", "int (struct sqlite3_stmt *)")
    local reset = sqlite:bind("sqlite3_reset", "int (struct sqlite3_stmt *)")
    local finalize = sqlite:bind("sqlite3_finalize", "int (struct sqlite3_stmt *)")
    local DONE <const>, TRANSIENT <const> = 101, -1

    local handle = callgate.array("struct sqlite3 *", 1)
    assert(open(":memory:", handle) == 0)
    local db = handle[0]
    local function run(sql, on_row)
        if exec(db, sql, on_row, nil, nil) ~= 0 then error(errmsg(db)) end
    end

    run("create table words (word text); begin", nil)
    local prepared = callgate.array("struct sqlite3_stmt *", 1)
    assert(prepare(db, "insert into words values (?)", -1, prepared, nil) == 0)
    local insert = prepared[0]
    for word in text:lower():gmatch "%a+" do
        bind_text(insert, 1, word, #word, TRANSIENT)
        check(step(insert) == DONE, "insert: %s", errmsg(db))
        reset(insert)
    end
    finalize(insert)
    run("commit", nil)

    local counts, total, distinct = count_words(text)
    local rows, most = 0, nil
    local on_row = callgate.callback("int (void *, int, const char **, const char **)", function(_, columns, values)
        local word, count = values[0], tonumber(values[1])
        rows = rows + 1
        most = most or {word = word, count = count}
        check(columns == 2, "a row of %d columns", columns)
        check(counts[word] == count, "'%s': %s in SQL, %s in Lua", word, count, counts[word])
        return 0
    end)
    run("select word, count(*) as n from words group by word order by n desc, word", on_row)
    on_row:free()
    check(rows == distinct, "%d rows for %d words", rows, distinct)
    check(close(db) == 0, "the database does not close")
    report("sqlite3", "%d words in, %d rows back through the callback; '%s' stands %d times", total, rows, most.word,
        most.count)
end

-- qsort, with a comparator in Lua.
local function sort_numbers()
    local qsort = libc:bind("qsort", "void (void *, size_t, size_t, int (*)(const void *, const void *))")
    local numbers, seed = {}, 42
    for i = 1, 1000 do
        seed = (seed * 1103515245 + 12345) % 2147483648
        numbers[i] = seed - 1073741824
    end
    local array, calls = callgate.array("int", numbers), 0
    local compare = callgate.callback("int (const void *, const void *)", function(a, b)
        local x, y = a:as "int"[0], b:as "int"[0]
        calls = calls + 1
        return x < y and -1 or x > y and 1 or 0
    end)
    qsort(array, #array, 4, compare)
    compare:free()
    table.sort(numbers)
    for i = 1, #numbers do check(array[i - 1] == numbers[i], "place %d: %d, not %d", i, array[i - 1], numbers[i]) end
    report("qsort", "%d numbers in order, compared %d times in Lua", #array, calls)
end

-- libm, against Lua's own.
local function compute()
    local m, count = callgate.open "libm.so.6", 0
    for name, own in pairs {sin = math.sin, cos = math.cos, exp = math.exp, floor = math.floor, fabs = math.abs} do
        local f = m:bind(name, "double (double)")
        for x = -2, 2, 0.125 do
            count = count + 1
            check(f(x) == own(x), "%s(%g): %.17g, not %.17g", name, x, f(x), own(x))
        end
    end
    local hypot = m:bind("hypot", "double (double, double)")
    check(hypot(3, 4) == 5.0, "hypot(3, 4) is %g", hypot(3, 4))
    report("libm", "%d results as Lua's own; hypot(3, 4) = %g", count, hypot(3, 4))
end

-- The system: who we are, and what went wrong.
local function ask_the_system()
    local getpid = libc:bind("getpid", "pid_t (void)")
    local chdir = libc:bind("chdir", "int (const char *)")
    local strerror = libc:bind("strerror", "const char *(int)")
    local stat = assert(io.open "/proc/self/stat")
    local pid = getpid()
    check(pid == stat:read "n", "getpid gives %d", pid)
    stat:close()
    report("getpid", "%d, as /proc has it", pid)

    local _, words, number = io.open "/nowhere/at/all"
    local result = chdir "/nowhere/at/all"
    local errno = callgate.errno()
    check(result == -1 and errno == number, "chdir gives %d, errno %d", result, errno)
    check(words:find(strerror(errno), 1, true), "strerror gives '%s'", strerror(errno))
    report("errno", "chdir '/nowhere/at/all' gives %d: %d, %s", result, errno, strerror(errno))
end

-- One task sleeps in C for 300 ms, with no word about it; another goes on.
local function block_one_of_two()
    local usleep = libc:bind("usleep", "int (unsigned)")
    local slept, longest, turns = nil, 0, 0
    local counter = callgate.spawn({name = "counter"}, function()
        local last = now()
        while not slept do
            callgate.yield()
            local time = now()
            longest, last, turns = math.max(longest, time - last), time, turns + 1
        end
    end)
    local sleeper = callgate.spawn({name = "sleeper"}, function()
        local before = now()
        usleep(300 * 1000)
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
