-- sqlite.lua: values, rows, errors, transactions, progress, ends.
--
-- SPDX-License-Identifier: MIT

package.path = "examples/lua/programs/sqlite/?.lua;" .. package.path

local check = require "check"
local task = require "callgate.task"
local sqlite = require "sqlite"
local test, equal, raises = check.test, check.equal, check.raises

local function memory() return sqlite.open ":memory:" end

-- sqlite3's own program reads the file that the test has written.
local function shell(path, sql)
    local pipe = assert(io.popen(("env -u LD_PRELOAD sqlite3 '%s' \"%s\""):format(path, sql)))
    local text = pipe:read "a"
    pipe:close()
    return text
end

test("values come back as they were, and sqlite3 sees the same", function()
    local path = os.tmpname()
    local db <close> = sqlite.open(path)
    db:script "create table t (id integer primary key, v)"
    local insert <close> = db:prepare "insert into t (v) values (?)"
    local values = {1, math.maxinteger, math.mininteger, 0.5, 1e300, "text", "", "a\0b", "é", sqlite.blob "\0\1\255",
        sqlite.blob "", true, false}
    for _, value in ipairs(values) do equal(insert:run(value), 1) end
    equal(insert:run(nil), 1)
    equal(db:last_rowid(), #values + 1)
    local wanted = {1, math.maxinteger, math.mininteger, 0.5, 1e300, "text", "", "a\0b", "é", "\0\1\255", "", 1, 0}
    for row in db:rows "select id, v from t order by id" do
        equal(row.v, wanted[row.id])
        equal(math.type(row.v), math.type(wanted[row.id]))
    end
    equal(shell(path, "select group_concat(typeof(v), ' ') from t"),
        "integer integer integer real real text text text text blob blob integer integer null\n")
    equal(shell(path, "select group_concat(hex(v), ' ') from t where id in (2, 8, 9, 10)"),
        "39323233333732303336383534373735383037 610062 C3A9 0001FF\n")
    os.remove(path)
end)

test("a large blob goes in and out", function()
    local db <close> = memory()
    local bytes = ("\0\1\2\3\4\5\6\7"):rep(500000)
    equal(db:value("select ?", sqlite.blob(bytes)) == bytes, true)
    equal(db:value("select typeof(?)", sqlite.blob(bytes)), "blob")
end)

test("rows have the columns' names, and end when the loop does", function()
    local db <close> = memory()
    db:script "create table t (a, b); insert into t values (1, 'x'), (2, null), (3, 'z')"
    local seen = {}
    for row in db:rows("select a, b as name from t where a >= ?", 2) do
        table.insert(seen, row.a .. tostring(row.name))
    end
    equal(table.concat(seen, " "), "2nil 3z")
    for row in db:rows "select a from t" do
        equal(row.a, 1)
        break
    end
    equal(db:value "select 5", 5)
    equal(db:value "select 5 where 0", nil)
end)

test("a statement is used again, also below its own loop's end", function()
    local db <close> = memory()
    db:script "create table t (a); insert into t values (1), (2)"
    local select <close> = db:prepare "select a from t where a > ?"
    for row in select:rows(0) do
        if row.a == 1 then break end
    end
    local count = 0
    for _ in select:rows(0) do count = count + 1 end
    equal(count, 2)
    for _ in select:rows(0) do break end
    db:script "drop table t" -- refused while a statement reads it
end)

test("a value is kept for as long as the rows come", function()
    local db <close> = memory()
    local longs = 0
    for row in db:rows("with n (i) as (values (1), (2), (3)) select ? || i as v from n", ("x"):rep(10000) .. "y") do
        collectgarbage()
        longs = longs + (row.v:find "^x+y%d$" and #row.v or 0)
    end
    equal(longs, 3 * 10002)
end)

test("what SQLite refuses is an error in its words", function()
    local db <close> = memory()
    raises('near "selec": syntax error', db.prepare, db, "selec 1")
    raises("no such table: t", db.run, db, "insert into t values (1)")
    raises("no such table: t", db.script, db, "select 1; drop table t")
    db:script "create table t (a unique); insert into t values (1)"
    raises("UNIQUE constraint failed: t.a", db.run, db, "insert into t values (?)", 1)
    raises("unable to open database file", sqlite.open, "/nowhere/at/all")
    raises("string or blob too big", db.value, db, "select zeroblob(2000000000)")
end)

test("what no statement can be is an error", function()
    local db <close> = memory()
    raises("one statement expected, got 'select 1; select 2'", db.prepare, db, "select 1; select 2")
    raises("one statement expected, got '  '", db.prepare, db, "  ")
    raises("the statement has 1 parameter, got 0", db.value, db, "select ?")
    raises("the statement has 1 parameter, got 2", db.value, db, "select ?", 1, nil)
    raises("parameter 2: a table is no value of SQL's", db.value, db, "select ?, ?", 1, {})
end)

test("what is closed is an error to use, and may be closed again", function()
    local db = memory()
    local statement = db:prepare "select 1"
    db:close()
    raises("the statement is closed", statement.run, statement)
    raises("the database is closed", db.prepare, db, "select 1")
    raises("the database is closed", db.script, db, "select 1")
    raises("the database is closed", db.progress, db, 1, print)
    statement:close()
    db:close()
end)

test("a database that is only read is not written", function()
    local path = os.tmpname()
    sqlite.open(path):script "create table t (a)"
    collectgarbage()
    local db <close> = sqlite.open(path, "r")
    raises("attempt to write a readonly database", db.script, db, "insert into t values (1)")
    os.remove(path)
end)

test("a transaction is done whole or not at all", function()
    local db <close> = memory()
    db:script "create table t (a unique)"
    equal(select("#", db:transaction(function() db:run "insert into t values (1)" return nil, 2 end)), 2)
    local object = {}
    local ok, problem = pcall(db.transaction, db, function()
        db:run "insert into t values (2)"
        error(object)
    end)
    equal(ok, false)
    equal(problem, object)
    raises("UNIQUE constraint failed: t.a", db.transaction, db, function()
        db:run "insert into t values (3)"
        db:run "insert into t values (1)"
    end)
    equal(db:value "select group_concat(a) from t", "1")
    db:script "pragma foreign_keys = 1; create table u (a references t (a) deferrable initially deferred)"
    raises("FOREIGN KEY constraint failed", db.transaction, db, db.run, db, "insert into u values (7)")
    equal(db:value "select count(*) from u", 0)
end)

local ENDLESS <const> = "with recursive n (i) as (select 1 union all select i + 1 from n) select count(*) from n"

test("progress is told while a statement runs, and may stop it", function()
    local db <close> = memory()
    local calls = 0
    db:progress(1000, function()
        calls = calls + 1
        return calls < 5
    end)
    raises("interrupted", db.value, db, ENDLESS)
    equal(calls, 5)
    local object = {}
    db:progress(1000, function() error(object) end)
    local ok, problem = pcall(db.value, db, ENDLESS)
    equal(ok, false)
    equal(problem, object)
    db:progress(nil)
    equal(db:value "select 5", 5)
end)

test("other tasks go on while a statement runs", function()
    local db <close> = memory()
    local turns, over = 0, false
    local other = task.go(function()
        while not over do
            turns = turns + 1
            task.sleep(0.001)
        end
    end)
    db:progress(1000000, function() return turns < 20 end) -- which would never be true if they didn't
    raises("interrupted", db.value, db, ENDLESS)
    over = true
    other:join()
end)

test("a lock of another connection's is waited for, in C", function()
    local path = os.tmpname()
    local db <close> = sqlite.open(path)
    local other <close> = sqlite.open(path)
    db:script "create table t (a); begin exclusive; insert into t values (1)"
    local reading = task.go(other.value, other, "select count(*) from t")
    while reading:status() ~= "in call" do task.sleep(0.001) end
    task.sleep(0.05)
    equal(table.concat({reading:status()}, " "), "in call sqlite3_prepare_v2") -- which reads what tables there are
    db:script "commit"
    equal(reading:join(), 1)
    os.remove(path)
end)

check.finish()
