-- libcurl's easy interface. A transfer is one call, which lasts until all has come: it stops its own task, and no other, so
-- that several transfers at once are as many tasks.
--
--     local curl = require "curl"
--     local result, problem = curl.fetch("http://localhost:8000/", function(chunk) io.write(chunk) end)
--     for chunk in curl.chunks "http://localhost:8000/" do io.write(chunk) end
--
-- SPDX-License-Identifier: MIT

local ffi = require "callgate.ffi"
local task = require "callgate.task"

-- What curl.h has as enums is int here: an enum comes to Lua as a cdata, and a stock Lua never finds a cdata equal to a number.
ffi.cdef [[
    typedef void CURL;
    enum { CURL_GLOBAL_DEFAULT = 3, CURL_ERROR_SIZE = 256, CURLE_OK = 0 };
    enum {
        CURLOPT_WRITEDATA = 10001, CURLOPT_URL = 10002, CURLOPT_ERRORBUFFER = 10010,
        CURLOPT_NOPROGRESS = 43, CURLOPT_FAILONERROR = 45, CURLOPT_FOLLOWLOCATION = 52, CURLOPT_NOSIGNAL = 99,
        CURLOPT_TIMEOUT_MS = 155, CURLOPT_WRITEFUNCTION = 20011, CURLOPT_XFERINFOFUNCTION = 20219,
        CURLOPT_PROTOCOLS_STR = 10318
    };
    enum { CURLINFO_RESPONSE_CODE = 0x200002, CURLINFO_TOTAL_TIME = 0x300003, CURLINFO_SIZE_DOWNLOAD_T = 0x600008 };
    typedef size_t (*curl_write_callback)(char *data, size_t size, size_t count, void *user);
    typedef int (*curl_xferinfo_callback)(void *user, int64_t to_come, int64_t here, int64_t to_go, int64_t gone);

    int curl_global_init(long flags);
    CURL *curl_easy_init(void);
    int curl_easy_setopt(CURL *easy, int option, ...);
    int curl_easy_perform(CURL *easy);
    int curl_easy_getinfo(CURL *easy, int info, ...);
    void curl_easy_cleanup(CURL *easy);
    const char *curl_easy_strerror(int code);
]]
local lib = ffi.load "libcurl.so.4"
local C = ffi.C

local function check(code)
    if code ~= C.CURLE_OK then error(ffi.string(lib.curl_easy_strerror(code)), 0) end
end

-- Not safe beside other calls of curl's: so it is here, and not in the first transfer.
check(lib.curl_global_init(C.CURL_GLOBAL_DEFAULT))

-- A variadic function is told no types, so that a number of Lua's goes as a double, as in LuaJIT. Which type an option takes,
-- its number tells: by the ten thousands.
local option_types = {[0] = "long", [1] = "const void *", [2] = "void (*)(void)", [3] = "int64_t"}

local function set(easy, option, value)
    check(lib.curl_easy_setopt(easy, option, ffi.cast(option_types[option // 10000], value)))
end

-- So it is for what is asked, here in the sixth hexadecimal digit.
local info_types = {[2] = "long[1]", [3] = "double[1]", [6] = "int64_t[1]"}

local function get(easy, info)
    local value = ffi.new(info_types[info >> 20])
    check(lib.curl_easy_getinfo(easy, info, value))
    return ffi.tonumber(value[0])
end

-- C's function for one of Lua's that gets each chunk. If that raises an error, curl is returned 0, which is not how much there
-- was, and ends the transfer; then the call of curl_easy_perform raises the error.
local function write_callback(on_chunk)
    return ffi.cast("curl_write_callback", function(data, size, count)
        on_chunk(ffi.string(data, size * count))
        return size * count
    end)
end

-- Here 0 would mean to go on. So the error is kept, and curl told to end; `perform` raises it.
local function progress_callback(on_progress, failure)
    return ffi.cast("curl_xferinfo_callback", function(_, total, here)
        local ok, problem = pcall(on_progress, ffi.tonumber(here), ffi.tonumber(total))
        if ok then return 0 end
        failure.raised, failure.problem = true, problem
        return 1
    end)
end

local Transfer = {}
Transfer.__index = Transfer

-- Holds all that C is given, for as long as the transfer.
local function new_transfer(url, on_chunk, options)
    local easy = ffi.gc(assert(lib.curl_easy_init(), "no memory for a transfer"), lib.curl_easy_cleanup)
    local self = setmetatable({easy = easy, message = ffi.new("char[?]", C.CURL_ERROR_SIZE), failure = {}}, Transfer)
    set(easy, C.CURLOPT_URL, url)
    set(easy, C.CURLOPT_PROTOCOLS_STR, "http,https,ftp,ftps") -- no files of ours, whatever a server redirects to
    set(easy, C.CURLOPT_FOLLOWLOCATION, 1)
    set(easy, C.CURLOPT_FAILONERROR, 1)
    set(easy, C.CURLOPT_NOSIGNAL, 1) -- SIGALRM would come to any thread
    set(easy, C.CURLOPT_TIMEOUT_MS, math.ceil((options.timeout or 0) * 1000))
    set(easy, C.CURLOPT_ERRORBUFFER, self.message)
    self.on_data = write_callback(on_chunk)
    set(easy, C.CURLOPT_WRITEFUNCTION, self.on_data)
    if options.progress then
        self.on_progress = progress_callback(options.progress, self.failure)
        set(easy, C.CURLOPT_XFERINFOFUNCTION, self.on_progress)
        set(easy, C.CURLOPT_NOPROGRESS, 0)
    end
    return self
end

function Transfer:perform()
    local code = lib.curl_easy_perform(self.easy)
    if self.failure.raised then error(self.failure.problem, 0) end
    if code ~= C.CURLE_OK then
        local message = ffi.string(self.message) -- with particulars, but not for each code
        return nil, message ~= "" and message or ffi.string(lib.curl_easy_strerror(code)), code
    end
    return {
        status = get(self.easy, C.CURLINFO_RESPONSE_CODE),
        size = get(self.easy, C.CURLINFO_SIZE_DOWNLOAD_T),
        seconds = get(self.easy, C.CURLINFO_TOTAL_TIME),
    }
end

-- At once, where the collector would come some time: a connection is open. Callbacks it doesn't free at all, as C may have them.
function Transfer:__close()
    lib.curl_easy_cleanup(ffi.gc(self.easy, nil))
    self.on_data:free()
    if self.on_progress then self.on_progress:free() end
end

local curl = {}

-- Gets what is at a URL, and gives each piece of it to on_chunk as it comes. Returns a table: `status`, HTTP's; `size`, in bytes;
-- `seconds`. Where the transfer fails: nil, curl's message, and its number. Errors in on_chunk and in options.progress end
-- the transfer, and are raised.
--
-- Options: `timeout` of the whole, in seconds; `progress`, a function that is called with how many bytes are there and how
-- many there will be (0 if nobody knows), once in a second at least.
function curl.fetch(url, on_chunk, options)
    local transfer <close> = new_transfer(url, on_chunk, options or {})
    return transfer:perform()
end

-- The same as a loop: `for chunk in curl.chunks(url) do`. What fails is an error there. The transfer is a task of its own, and
-- waits while the loop is busy; when the loop is left, it ends.
function curl.chunks(url, options)
    local chunks, is_left, given = task.channel(), false, options or {}
    local function progress(...)
        if is_left then error "the loop was left" end -- else it would go on until the next chunk comes
        if given.progress then given.progress(...) end
    end
    local transfer = task.go({name = "transfer"}, function()
        local function send(chunk) chunks:send(chunk) end
        local results = table.pack(pcall(curl.fetch, url, send, {timeout = given.timeout, progress = progress}))
        pcall(chunks.send, chunks, nil) -- the end, if somebody waits for it
        return table.unpack(results, 1, results.n)
    end)
    local function next_chunk()
        local chunk = chunks:receive()
        if chunk then return chunk end
        local ok, result, problem = transfer:join()
        if not (ok and result) then error(problem or result, 0) end
    end
    local function leave()
        is_left = true
        chunks:close()
    end
    return next_chunk, nil, nil, setmetatable({}, {__close = leave})
end

return curl
