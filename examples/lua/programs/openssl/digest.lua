-- Prints the digests of files as sha256sum does, and checks lists of them; by OpenSSL.
--
--     LUA_CPATH='build/release/lua/?.so' lua5.4 examples/lua/programs/openssl/digest.lua -a sha512 README.md HACKING.md
--
-- Files are read by C's read() and digested where they lie: no byte of them becomes a string of Lua's. Some tasks share
-- the files between them. One that waits for a disk, or digests a piece, holds up no other.
--
-- SPDX-License-Identifier: MIT

local ffi = require "callgate.ffi"
local task = require "callgate.task"

local USAGE <const> = [[
usage: digest.lua [-a ALGORITHM] [-c] [FILE]...
Prints the digest of each FILE, or of standard input for '-' and without a FILE. ALGORITHM is sha256 if it isn't given,
or another that OpenSSL knows: sha512, sha3-256, blake2b512, md5.
  -c   reads such lines from each FILE, and tells whether the files that they name have these digests still]]

ffi.cdef [[
    typedef struct evp_md_st EVP_MD;
    typedef struct evp_md_ctx_st EVP_MD_CTX;
    typedef struct engine_st ENGINE;
    typedef struct ossl_lib_ctx_st OSSL_LIB_CTX;
    EVP_MD *EVP_MD_fetch(OSSL_LIB_CTX *, const char *name, const char *properties);
    void EVP_MD_free(EVP_MD *);
    EVP_MD_CTX *EVP_MD_CTX_new(void);
    void EVP_MD_CTX_free(EVP_MD_CTX *);
    int EVP_DigestInit_ex(EVP_MD_CTX *, const EVP_MD *, ENGINE *);
    int EVP_DigestUpdate(EVP_MD_CTX *, const void *, size_t);
    int EVP_DigestFinal_ex(EVP_MD_CTX *, unsigned char *digest, unsigned *size);
    unsigned long ERR_get_error(void);
    void ERR_error_string_n(unsigned long, char *text, size_t);
    enum { EVP_MAX_MD_SIZE = 64 };
]]
ffi.cdef [[
    int open(const char *, int flags, ...);
    ssize_t read(int, void *, size_t);
    int close(int);
    char *strerror(int);
    long sysconf(int);
    enum { O_RDONLY = 0, O_CLOEXEC = 02000000, _SC_NPROCESSORS_ONLN = 84 };
]]
local C <const> = ffi.C
local crypto <const> = ffi.load "libcrypto.so.3"
local NULL <const> = ffi.cast("void *", nil)
local PIECE <const> = 65536

local function parse(arguments)
    local options, i = {algorithm = "sha256", files = {}}, 1
    while arguments[i] do
        local word = arguments[i]
        if word == "-a" then
            i = i + 1
            options.algorithm = arguments[i] or error(USAGE, 0)
        elseif word == "-c" then
            options.checks = true
        elseif word:find "^%-." then
            error(USAGE, 0)
        else
            table.insert(options.files, word)
        end
        i = i + 1
    end
    if #options.files == 0 then options.files = {"-"} end
    return options
end

-- Digests

-- OpenSSL keeps what was wrong for each thread. The main program's is always the same; a task may have come to another
-- one since, and can't ask.
local function fetch_algorithm(name)
    local algorithm = crypto.EVP_MD_fetch(nil, name, nil)
    if algorithm ~= NULL then return ffi.gc(algorithm, crypto.EVP_MD_free) end
    local text = ffi.new("char[?]", 256)
    crypto.ERR_error_string_n(crypto.ERR_get_error(), text, 256)
    error(("%s: %s"):format(name, ffi.string(text)), 0)
end

local function need(name, result)
    if result ~= 1 then error(name .. ": OpenSSL has failed", 0) end
end

local function fail(name)
    error(("%s: %s"):format(name, ffi.string(C.strerror(ffi.errno()))), 0)
end

local function each_piece(name, file, buffer, digest)
    while true do
        local size = ffi.tonumber(C.read(file, buffer, PIECE)) -- a cdata, as all of 64 bits, is never == 0
        if size < 0 then fail(name) end
        if size == 0 then return end
        need(name, crypto.EVP_DigestUpdate(digest, buffer, size))
    end
end

-- The digest of a file, in hexadecimal.
local function digest_file(algorithm, name)
    local digest = ffi.gc(crypto.EVP_MD_CTX_new(), crypto.EVP_MD_CTX_free)
    need(name, crypto.EVP_DigestInit_ex(digest, algorithm, nil))
    local file = name == "-" and 0 or C.open(name, C.O_RDONLY | C.O_CLOEXEC)
    if file < 0 then fail(name) end
    local ok, problem = pcall(each_piece, name, file, ffi.new("uint8_t[?]", PIECE), digest)
    if file ~= 0 then C.close(file) end
    if not ok then error(problem, 0) end
    local bytes, size = ffi.new("uint8_t[?]", C.EVP_MAX_MD_SIZE), ffi.new "unsigned[1]"
    need(name, crypto.EVP_DigestFinal_ex(digest, bytes, size))
    return (ffi.string(bytes, size[0]):gsub(".", function(byte) return ("%02x"):format(byte:byte()) end))
end

-- The digests of all files: results[i] is names[i]'s, or problems[i] says why there is none. Twice as many tasks as
-- processors: while half of them wait for a disk, the others have something to do.
local function digest_files(algorithm, names)
    local jobs, results, problems, workers = task.channel(), {}, {}, {}
    for i = 1, math.min(#names, 2 * ffi.tonumber(C.sysconf(C._SC_NPROCESSORS_ONLN))) do
        workers[i] = task.go({name = "digests " .. i}, function()
            for job in jobs do
                local ok, result = pcall(digest_file, algorithm, names[job])
                local list = ok and results or problems
                list[job] = result
            end
        end)
    end
    for i in ipairs(names) do jobs:send(i) end
    jobs:close()
    for _, worker in ipairs(workers) do worker:join() end
    return results, problems
end

-- Lines, in the form of sha256sum's: where a name has a backslash or the end of a line in it, these are written by a
-- backslash, and another stands before the line.

local ESCAPES <const> = {["\\"] = "\\\\", ["\n"] = "\\n", ["\r"] = "\\r"}
local ESCAPED <const> = {["\\\\"] = "\\", ["\\n"] = "\n", ["\\r"] = "\r"}

-- The mark for the line, and the name.
local function escape(name)
    local escaped, count = name:gsub("[\\\n\r]", ESCAPES)
    return count > 0 and "\\" or "", escaped
end

local function parse_line(line)
    local mark, digest, name = line:match "^(\\?)(%x+) [ *](.+)$"
    if mark == "\\" then name = name:gsub("\\.", ESCAPED) end
    return digest, name
end

local function print_digests(algorithm, names)
    local results, problems = digest_files(algorithm, names)
    local bad = 0
    for i, name in ipairs(names) do
        if results[i] then
            local mark, escaped = escape(name)
            print(("%s%s  %s"):format(mark, results[i], escaped))
        else
            io.stderr:write(problems[i], "\n")
            bad = bad + 1
        end
    end
    return bad == 0
end

local function read_list(name)
    local file, problem = io.stdin, nil
    if name ~= "-" then file, problem = io.open(name) end
    if not file then error(problem, 0) end
    local digests, names, number = {}, {}, 0
    for line in file:lines() do
        number = number + 1
        local digest, path = parse_line(line)
        if not digest then error(("%s: line %d is no digest and name"):format(name, number), 0) end
        table.insert(digests, digest:lower())
        table.insert(names, path)
    end
    return digests, names
end

local function check_list(algorithm, list)
    local digests, names = read_list(list)
    local results, problems = digest_files(algorithm, names)
    local bad = 0
    for i, name in ipairs(names) do
        if problems[i] then io.stderr:write(problems[i], "\n") end
        local verdict = problems[i] and "FAILED open or read" or results[i] == digests[i] and "OK" or "FAILED"
        local mark, shown = "", name
        if name:find "\n" then mark, shown = escape(name) end
        print(("%s%s: %s"):format(mark, shown, verdict))
        if verdict ~= "OK" then bad = bad + 1 end
    end
    return bad == 0
end

local function main()
    local options = parse(arg)
    local algorithm = fetch_algorithm(options.algorithm)
    if not options.checks then return print_digests(algorithm, options.files) end
    local all_match = true
    for _, list in ipairs(options.files) do all_match = check_list(algorithm, list) and all_match end
    return all_match
end

local ok, result = pcall(main)
if not ok then io.stderr:write(tostring(result), "\n") end
os.exit(ok and result, true)
