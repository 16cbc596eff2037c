#!/bin/sh
# What Lua's example programs declare by hand is what the headers say.
#
#   programs.sh CGEN
#
# SPDX-License-Identifier: MIT
set -eu

cgen=$1
programs=examples/lua/programs
passed=0

# check FILE HEADER...
check() {
    file=$1
    shift
    headers=
    for header; do headers="$headers --header $header"; done
    "$cgen" check $headers "$programs/$file"
    passed=$((passed + 1))
}

check sqlite/sqlite.lua sqlite3.h
check sqlite/load.lua unistd.h
check zlib/zlib.lua zlib.h
check openssl/digest.lua openssl/evp.h openssl/err.h fcntl.h unistd.h string.h
check net/socket.lua netdb.h sys/socket.h poll.h unistd.h string.h errno.h
check curl/curl.lua curl/curl.h
check uv/uv.lua uv.h
check uv/echo.lua unistd.h signal.h
check timeline/draw.lua cairo/cairo.h
check timeline/record.lua time.h
check timeline/timeline.lua zlib.h unistd.h stdlib.h
echo "$passed passed, 0 failed"
