-- zlib's streams for Lua, by callgate.ffi: gzip's format, written and read in pieces.
--
--     zlib.compress(read, write, 9)
--     zlib.decompress(read, write)
--
-- read() returns the next piece of the input, a string, or nil at its end; write(piece) takes one of the output, of 64 KiB
-- at most. Nothing else is kept, so what is packed may be as large as it likes. Other tasks go on while zlib works.
--
-- SPDX-License-Identifier: MIT

local ffi = require "callgate.ffi"

ffi.cdef [[
    typedef struct {
        const uint8_t *next_in;
        unsigned avail_in;
        unsigned long total_in;
        uint8_t *next_out;
        unsigned avail_out;
        unsigned long total_out;
        const char *msg;
        struct internal_state *state;
        void *(*zalloc)(void *, unsigned, unsigned);
        void (*zfree)(void *, void *);
        void *opaque;
        int data_type;
        unsigned long adler, reserved;
    } z_stream;

    const char *zlibVersion(void);
    const char *zError(int);
    int deflateInit2_(z_stream *, int level, int method, int window, int memory, int strategy, const char *version, int size);
    int deflate(z_stream *, int flush);
    int deflateEnd(z_stream *);
    int inflateInit2_(z_stream *, int window, const char *version, int size);
    int inflate(z_stream *, int flush);
    int inflateReset(z_stream *);
    int inflateEnd(z_stream *);

    enum {
        Z_NO_FLUSH = 0, Z_FINISH = 4, Z_DEFLATED = 8, Z_DEFAULT_STRATEGY = 0,
        Z_OK = 0, Z_STREAM_END = 1, Z_BUF_ERROR = -5, MAX_WBITS = 15,
    };
]]
local C <const> = ffi.load "libz.so.1"

local NULL <const> = ffi.cast("void *", nil)
local ROOM <const> = 65536
local GZIP <const> = C.MAX_WBITS + 16 -- zlib's way to ask for gzip's head and tail around a stream
local MEMORY <const> = 8 -- DEF_MEM_LEVEL, which is in no header

local zlib = {}

local Stream = {}
Stream.__index = Stream

-- `finish` is deflateEnd or inflateEnd: zlib has memory of its own for a stream, freed when the scope ends.
local function open(finish, init, ...)
    local stream = ffi.new "z_stream"
    local status = init(stream, ...)
    if status ~= C.Z_OK then error("zlib: " .. ffi.string(C.zError(status)), 0) end
    return setmetatable({stream = stream, finish = finish, output = ffi.new("uint8_t[?]", ROOM)}, Stream)
end

function Stream:__close()
    self.finish(self.stream)
end

-- The input from here on. zlib reads it where it lies, so the caller has to keep it until it has been run through.
function Stream:feed(piece)
    self.stream.next_in, self.stream.avail_in = piece, #piece
end

-- Has `step`, deflate or inflate, do what it can with the input, and passes on what it makes. Returns its last status.
function Stream:run(step, flush, write)
    local stream, status = self.stream, nil
    repeat
        stream.next_out, stream.avail_out = self.output, ROOM
        status = step(stream, flush)
        -- Z_BUF_ERROR only says that there was nothing to do.
        if status < 0 and status ~= C.Z_BUF_ERROR then
            local message = stream.msg ~= NULL and stream.msg or C.zError(status)
            error("zlib: " .. ffi.string(message), 0)
        end
        if stream.avail_out < ROOM then write(ffi.string(self.output, ROOM - stream.avail_out)) end
    until status == C.Z_STREAM_END or stream.avail_out > 0
    return status
end

-- Level 1 is the fastest, 9 makes it smallest; 6 if it isn't given.
function zlib.compress(read, write, level)
    local packer <close> = open(C.deflateEnd, C.deflateInit2_, level or 6, C.Z_DEFLATED, GZIP, MEMORY,
        C.Z_DEFAULT_STRATEGY, C.zlibVersion(), ffi.sizeof "z_stream")
    for piece in read do
        packer:feed(piece)
        packer:run(C.deflate, C.Z_NO_FLUSH, write)
    end
    packer:run(C.deflate, C.Z_FINISH, write)
end

-- A file may have several members, one behind the other: what comes out is all of theirs. What is written before an error
-- is right as far as it goes.
function zlib.decompress(read, write)
    local unpacker <close> = open(C.inflateEnd, C.inflateInit2_, GZIP, C.zlibVersion(), ffi.sizeof "z_stream")
    local status
    for piece in read do
        unpacker:feed(piece)
        while unpacker.stream.avail_in > 0 do
            if status == C.Z_STREAM_END then C.inflateReset(unpacker.stream) end
            status = unpacker:run(C.inflate, C.Z_NO_FLUSH, write)
        end
    end
    if status ~= C.Z_STREAM_END then error("the file ends too early", 0) end
end

return zlib
