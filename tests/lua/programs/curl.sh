#!/bin/sh
# What fetch.lua brings is what the server has, and its errors are those of the curl program.
#
#   curl.sh FOLDER LUA [NAME=VALUE ...]
#
# SPDX-License-Identifier: MIT
set -eu
tests=$PWD/tests/lua
. tests/lua/programs/facts.sh
server=
trap 'kill $server 2>/dev/null || :; rm -rf "$work"' EXIT
export no_proxy='*'

# fetch STATUS ARGUMENT...: it ends with that status, and says what is in printed and complaints.
fetch() {
    wanted=$1 status=0
    shift
    run curl/fetch.lua -d got "$@" >printed 2>complaints || status=$?
    cat complaints
    [ "$status" -eq "$wanted" ]
}

# says FILE LINE...: in any order, and nothing else. Times are left out.
says() {
    sed 's/ in [0-9.]* s$//; s/after [0-9]* /after N /' "$1" | sort >lines
    shift
    printf '%s\n' "$@" | sort | diff - lines
}

# How the curl program puts what is wrong with a URL.
words() {
    curl --silent --show-error --fail --location --proto '=http,https,ftp,ftps' --proto-redir '=http,https,ftp,ftps' "$1" \
        2>&1 >/dev/null | sed 's/^curl: ([0-9]*) //; s/after [0-9]* /after N /'
}

mkdir files got
head -c 3000000 /dev/urandom >files/large
head -c 20000 /dev/urandom >files/medium
: >files/empty
"$tests/programs/curl_server.py" files >port &
server=$!
while [ ! -s port ]; do sleep 0.05; done
at=http://127.0.0.1:$(cat port)
nobody=http://127.0.0.1:1

holds 'downloads run at once: the server has each wait for three' \
    fetch 0 "$at/together/large" "$at/together/medium" "$at/together/empty"
holds 'they are told' says printed 'large: 3000000 bytes' 'medium: 20000 bytes' 'empty: 0 bytes'
same 'a large file is the same' files/large got/large
same 'and a small one' files/medium got/medium
holds 'and an empty one' cmp files/empty got/empty

holds 'a file has the name that its URL ends in' fetch 0 "$at/medium?of=/../other#part" "$at/%6dedium"
holds 'which is told' says printed 'medium: 20000 bytes' '%6dedium: 20000 bytes'
same 'and is it' files/medium got/%6dedium
holds 'or the name of a page' fetch 0 "$at/.."
holds 'that is there' [ -s got/index.html ]

echo 'was here' >got/none
holds 'of several, some fail' \
    fetch 1 "$at/none" "$nobody/a" "$at/elsewhere" "file:///etc/passwd" "xyz://host/" "$at/large"
holds 'in the words of curl' says complaints "fetch.lua: $at/none: $(words "$at/none")" \
    "fetch.lua: $nobody/a: $(words "$nobody/a")" "fetch.lua: $at/elsewhere: $(words "$at/elsewhere")" \
    "fetch.lua: file:///etc/passwd: $(words file:///etc/passwd)" "fetch.lua: xyz://host/: $(words xyz://host/)"
same 'and the others are there' files/large got/large
holds 'what was there before stays' [ "$(cat got/none)" = 'was here' ]
holds 'one that takes too long is given up' fetch 1 -t 0.3 "$at/silent"
holds 'which is told' grep -q "^fetch.lua: $at/silent: Operation timed out after [0-9]* milliseconds" complaints

ln -s /dev/full got/large.part
holds 'one for which the disk is too small' fetch 1 "$at/large" "$at/medium"
holds 'is told, too' says complaints "fetch.lua: $at/large: No space left on device"
holds 'the other is there' says printed 'medium: 20000 bytes'
same 'and what was there of the first' files/large got/large
holds 'no part of a file is left' [ -z "$(find got -name '*.part')" ]

holds 'two files of one name' fetch 2 "$at/medium" "$at/together/medium"
holds 'are refused' says complaints "fetch.lua: both $at/medium and $at/together/medium are named medium"
holds 'a folder that is not there' fetch 1 -d nowhere "$at/medium"
holds 'is told' says complaints "fetch.lua: $at/medium: nowhere/medium.part: No such file or directory"
for mistake in '' '-x' '-t' '-t soon'; do
    holds "no argument: $mistake" fetch 2 $mistake
    holds 'but the usage' grep -q '^usage: ' complaints
done

env $environment LUA_CPATH="$folder/?.so" LUA_PATH="$tests/?.lua;$programs/curl/?.lua" \
    "$lua" "$tests/programs/test_curl.lua" "$at"
echo "$passed passed, 0 failed"
