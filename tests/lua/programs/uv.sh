#!/bin/sh
# echo.lua's server before clients in Python, and its client before a server in Python.
#
#   uv.sh FOLDER LUA [NAME=VALUE ...]
#
# SPDX-License-Identifier: MIT
set -eu
tests=$PWD/tests/lua
. tests/lua/programs/facts.sh
server=
trap 'kill $server 2>/dev/null || :; rm -rf "$work"' EXIT
peer=$tests/programs/uv_peer.py

# echo_lua STATUS OUTPUT ARGUMENT...: it ends with that status, and prints that.
echo_lua() {
    wanted=$1 text=$2 status=0
    shift 2
    run uv/echo.lua "$@" >printed 2>complaints </dev/null || status=$?
    cat printed complaints
    [ "$status" -eq "$wanted" ] && [ "$(cat printed)" = "$text" ]
}

# serve ARGUMENT...: a server at $port, which is told what is written to descriptor 3.
serve() {
    rm -f commands
    mkfifo commands
    : >said
    (exec env $environment LUA_CPATH="$folder/?.so" "$lua" "$programs/uv/echo.lua" serve "$@") \
        <commands >said 2>server_complaints &
    server=$!
    exec 3>commands
    while [ ! -s said ]; do sleep 0.05; done
    port=$(sed -n 's/.*port //; 1p' said)
}

# It ends well, having been told so.
ends() {
    status=0
    wait "$server" || status=$?
    server=
    exec 3>&-
    cat server_complaints
    [ "$status" -eq 0 ] && [ ! -s server_complaints ]
}

serve
bytes=$("$peer" clients "$port") || fail 'each of many clients gets back what it has sent'
echo clients >&3
while [ "$(wc -l <said)" -lt 2 ]; do sleep 0.05; done
holds 'commands are read while the loop runs' grep -qx "0 clients, $bytes bytes" said
holds 'clients may leave without a word' "$peer" rude "$port"
holds 'and again' "$peer" rude "$port"
holds 'the client prints what comes back' echo_lua 0 'hello
you  there' send "$port" hello 'you  there'
holds 'a port that somebody has is refused' echo_lua 1 '' serve "$port"
holds 'and told' grep -qx 'echo.lua: address already in use' complaints
printf 'what\nquit\n' >&3
holds 'it ends when it is told to' ends
holds 'other words are no commands' grep -qx 'commands are clients, and quit' said

serve
exec 3>&-
"$peer" silent "$port" >silent &
client=$!
while [ ! -s silent ]; do sleep 0.05; done
kill -INT $server
holds 'it ends by an interrupt, while a client is there, and when its input has ended' ends
holds 'and so does the connection' wait $client

serve -t 0.2 0
time=$("$peer" silent "$port" | tail -n 1)
holds "a client that is silent for too long is left, not after $time s" [ "${time#0.[01]}" = "$time" ]
kill -TERM $server
holds 'it ends when it is terminated' ends

# A server that goes after so many bytes.
for most in 1000 3; do
    : >port
    "$peer" serve $most >port &
    server=$!
    while [ ! -s port ]; do sleep 0.05; done
    if [ $most -eq 1000 ]; then
        holds 'the client puts together what comes in pieces' echo_lua 0 'some words' send "$(cat port)" 'some words'
    else
        holds 'something is missing' echo_lua 1 'som' send "$(cat port)" 'some words'
        holds 'and told' grep -qx 'echo.lua: the server has closed the connection' complaints
    fi
    wait $server
    server=
done
refuses 'no server' 'echo.lua: connection refused' uv/echo.lua send 1 hello
for mistake in '' 'send 7' 'send x hello' 'serve 7.5' 'serve -t x' 'listen'; do
    holds "no argument: $mistake" echo_lua 2 '' $mistake
    holds 'but the usage' grep -q '^usage: ' complaints
done

env $environment LUA_CPATH="$folder/?.so" LUA_PATH="$tests/?.lua;$programs/uv/?.lua" "$lua" "$tests/programs/test_uv.lua"
echo "$passed passed, 0 failed"
