-- SQLite for Lua, by callgate.ffi: databases, prepared statements, text and blobs, transactions, progress.
--
--     local db <close> = sqlite.open "words.db"
--     db:script "create table if not exists words (word text, uses integer)"
--     local insert <close> = db:prepare "insert into words values (?, ?)"
--     insert:run("gate", 3)
--     for row in db:rows("select * from words where uses > ?", 2) do print(row.word, row.uses) end
--
-- What SQLite refuses is an error in SQLite's words. Databases and statements are closed by their scope, by close(), by
-- the collector, or, statements, with their database; to use one that is closed is an error.
--
-- A call that waits for the disk, or for another process's lock, stops no other task. Tasks that work at the same time
-- should have a database each: SQLite lets them share one, but then a message or a count may be that of the other.
--
-- SPDX-License-Identifier: MIT

local ffi = require "callgate.ffi"

ffi.cdef [[
    typedef struct sqlite3 sqlite3;
    typedef struct sqlite3_stmt sqlite3_stmt;

    int sqlite3_open_v2(const char *path, sqlite3 **db, int flags, const char *vfs);
    int sqlite3_close_v2(sqlite3 *);
    int sqlite3_busy_timeout(sqlite3 *, int milliseconds);
    int sqlite3_exec(sqlite3 *, const char *sql, int (*)(void *, int, char **, char **), void *, char **message);
    const char *sqlite3_errmsg(sqlite3 *);
    int sqlite3_changes(sqlite3 *);
    int64_t sqlite3_last_insert_rowid(sqlite3 *);
    int sqlite3_get_autocommit(sqlite3 *);
    void sqlite3_progress_handler(sqlite3 *, int steps, int (*)(void *), void *);

    int sqlite3_prepare_v2(sqlite3 *, const char *sql, int length, sqlite3_stmt **, const char **rest);
    int sqlite3_finalize(sqlite3_stmt *);
    int sqlite3_step(sqlite3_stmt *);
    int sqlite3_reset(sqlite3_stmt *);

    int sqlite3_bind_parameter_count(sqlite3_stmt *);
    int sqlite3_bind_null(sqlite3_stmt *, int);
    int sqlite3_bind_int64(sqlite3_stmt *, int, int64_t);
    int sqlite3_bind_double(sqlite3_stmt *, int, double);
    int sqlite3_bind_text(sqlite3_stmt *, int, const char *, int length, void (*)(void *));
    int sqlite3_bind_blob(sqlite3_stmt *, int, const void *, int length, void (*)(void *));

    int sqlite3_column_count(sqlite3_stmt *);
    const char *sqlite3_column_name(sqlite3_stmt *, int);
    int sqlite3_column_type(sqlite3_stmt *, int);
    int64_t sqlite3_column_int64(sqlite3_stmt *, int);
    double sqlite3_column_double(sqlite3_stmt *, int);
    const void *sqlite3_column_blob(sqlite3_stmt *, int);
    int sqlite3_column_bytes(sqlite3_stmt *, int);

    enum {
        SQLITE_OK = 0, SQLITE_ROW = 100, SQLITE_DONE = 101,
        SQLITE_OPEN_READONLY = 1, SQLITE_OPEN_READWRITE = 2, SQLITE_OPEN_CREATE = 4,
        SQLITE_INTEGER = 1, SQLITE_FLOAT = 2, SQLITE_TEXT = 3, SQLITE_BLOB = 4, SQLITE_NULL = 5,
    };
]]
local C <const> = ffi.load "libsqlite3.so.0"

local NULL <const> = ffi.cast("void *", nil)
-- A string is Lua's to free as soon as the call is over, so SQLite is told to take a copy.
local TRANSIENT <const> = ffi.cast("void (*)(void *)", -1)

local sqlite = {}
local Database, Statement, Blob = {}, {}, {}
Database.__index, Statement.__index = Database, Statement

-- Bytes for a column, where a plain string would be text.
function sqlite.blob(bytes)
    return setmetatable({bytes = bytes}, Blob)
end

-- Databases

-- Opens the file, and makes it if need be; "r" as the mode: only to read. ":memory:" is one without a file.
function sqlite.open(path, mode)
    local flags = mode == "r" and C.SQLITE_OPEN_READONLY or C.SQLITE_OPEN_READWRITE | C.SQLITE_OPEN_CREATE
    local handle = ffi.new "sqlite3 *[1]"
    local status = C.sqlite3_open_v2(path, handle, flags, nil)
    -- There is a handle even when it has failed: it has the message.
    local self = setmetatable({handle = handle[0], statements = setmetatable({}, {__mode = "k"})}, Database)
    if status ~= C.SQLITE_OK then
        local message = self:message()
        self:close()
        error(("%s: %s"):format(path, message), 0)
    end
    C.sqlite3_busy_timeout(self.handle, 5000)
    return self
end

function Database:close()
    if not self.handle then return end
    for statement in pairs(self.statements) do statement:close() end
    C.sqlite3_close_v2(self.handle)
    if self.handler then self.handler:free() end
    self.handle, self.handler = nil, nil
end

Database.__gc, Database.__close = Database.close, Database.close

local function handle_of(self)
    return self.handle or error("the database is closed", 3)
end

function Database:message()
    return ffi.string(C.sqlite3_errmsg(handle_of(self)))
end

-- SQL of any number of statements, without parameters; rows are not kept.
function Database:script(sql)
    local status = C.sqlite3_exec(handle_of(self), sql, nil, nil, nil)
    if status ~= C.SQLITE_OK then self:fail() end
end

-- Raises what the last call has left: the error of a progress function that stopped it, or SQLite's message.
function Database:fail()
    local problem = self.problem
    self.problem = nil
    error(problem and problem.value or self:message(), 0)
end

-- f() is called after each so many steps of SQLite's machine, while a statement runs. If it returns false, or raises an
-- error, that statement is stopped. Without f, nothing is called any more.
function Database:progress(steps, f)
    local handle, old = handle_of(self), self.handler
    self.handler = f and ffi.cast("int (*)(void *)", function()
        -- An error would go past SQLite, to who called it, once the statement has ended by itself. It has to end now.
        local ok, result = pcall(f)
        if not ok then self.problem = {value = result} end
        return ok and result ~= false and 0 or 1
    end)
    C.sqlite3_progress_handler(handle, steps or 0, self.handler, nil)
    if old then old:free() end
end

-- Calls f in a transaction, and returns what f returns. After an error everything is as it was before.
function Database:transaction(f, ...)
    self:script "begin"
    local results = table.pack(pcall(f, ...))
    local ok, problem = results[1], results[2]
    if ok then ok, problem = pcall(self.script, self, "commit") end
    if ok then return table.unpack(results, 2, results.n) end
    -- Some errors, as that of a full disk, have rolled it back already.
    if C.sqlite3_get_autocommit(handle_of(self)) == 0 then self:script "rollback" end
    error(problem, 0)
end

function Database:last_rowid()
    return ffi.tonumber(C.sqlite3_last_insert_rowid(handle_of(self)))
end

-- Statements

-- One statement, with a ? for each value that is still to come.
function Database:prepare(sql)
    local handle, rest = ffi.new "sqlite3_stmt *[1]", ffi.new "const char *[1]"
    if C.sqlite3_prepare_v2(handle_of(self), sql, #sql, handle, rest) ~= C.SQLITE_OK then self:fail() end
    local statement = setmetatable({db = self, handle = handle[0]}, Statement)
    local is_alone = not ffi.string(rest[0]):find "%S"
    if not is_alone or handle[0] == NULL then
        statement:close()
        error("one statement expected, got '" .. sql .. "'", 2)
    end
    self.statements[statement] = true
    statement.names = {}
    for i = 1, C.sqlite3_column_count(statement.handle) do
        statement.names[i] = ffi.string(C.sqlite3_column_name(statement.handle, i - 1))
    end
    return statement
end

function Statement:close()
    if not self.handle then return end
    C.sqlite3_finalize(self.handle)
    self.handle = nil
end

Statement.__gc, Statement.__close = Statement.close, Statement.close

local function bind(handle, index, value)
    local kind = math.type(value) or type(value)
    if kind == "nil" then return C.sqlite3_bind_null(handle, index) end
    if kind == "integer" then return C.sqlite3_bind_int64(handle, index, value) end
    if kind == "float" then return C.sqlite3_bind_double(handle, index, value) end
    if kind == "boolean" then return C.sqlite3_bind_int64(handle, index, value and 1 or 0) end
    if kind == "string" then return C.sqlite3_bind_text(handle, index, value, #value, TRANSIENT) end
    if getmetatable(value) == Blob then
        return C.sqlite3_bind_blob(handle, index, value.bytes, #value.bytes, TRANSIENT)
    end
    error(("parameter %d: a %s is no value of SQL's"):format(index, kind), 4)
end

-- Puts the values in place of the question marks, for a run from the start.
local function start(self, ...)
    local handle = self.handle or error("the statement is closed", 3)
    local wanted, given = C.sqlite3_bind_parameter_count(handle), select("#", ...)
    if wanted ~= given then
        error(("the statement has %d parameter%s, got %d"):format(wanted, wanted == 1 and "" or "s", given), 3)
    end
    C.sqlite3_reset(handle) -- its status is that of the step before, which has been told
    for i = 1, given do
        if bind(handle, i, (select(i, ...))) ~= C.SQLITE_OK then self.db:fail() end
    end
end

-- Whether there is a row.
local function step(self)
    local handle = self.handle or error("the statement is closed", 3)
    local status = C.sqlite3_step(handle)
    if status ~= C.SQLITE_ROW and status ~= C.SQLITE_DONE then self.db:fail() end
    return status == C.SQLITE_ROW
end

-- Runs it to its end, and returns how many rows it has changed.
function Statement:run(...)
    start(self, ...)
    while step(self) do end
    return C.sqlite3_changes(self.db.handle)
end

local function column(handle, i)
    local kind = C.sqlite3_column_type(handle, i)
    if kind == C.SQLITE_NULL then return nil end
    if kind == C.SQLITE_INTEGER then return ffi.tonumber(C.sqlite3_column_int64(handle, i)) end
    if kind == C.SQLITE_FLOAT then return C.sqlite3_column_double(handle, i) end
    local bytes = C.sqlite3_column_blob(handle, i) -- of text, too; NULL if it is empty
    local size = C.sqlite3_column_bytes(handle, i)
    return size > 0 and ffi.string(bytes, size) or ""
end

-- Each row as a table, by the names of the columns: in a for loop, which lets go of what the statement holds locked.
function Statement:rows(...)
    start(self, ...)
    local function next_row()
        if not step(self) then return nil end
        local row = {}
        for i, name in ipairs(self.names) do row[name] = column(self.handle, i - 1) end
        return row
    end
    local function stop()
        if self.handle then C.sqlite3_reset(self.handle) end
    end
    return next_row, nil, nil, setmetatable({}, {__close = stop})
end

-- The same, of statements for once.

function Database:run(sql, ...)
    local statement <close> = self:prepare(sql)
    return statement:run(...)
end

function Database:rows(sql, ...)
    local statement = self:prepare(sql)
    local next_row = statement:rows(...)
    return next_row, nil, nil, statement
end

-- The first column of the first row, or nil.
function Database:value(sql, ...)
    local statement <close> = self:prepare(sql)
    start(statement, ...)
    if step(statement) then return column(statement.handle, 0) end
end

return sqlite
