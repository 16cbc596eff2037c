#!/bin/sh
# The picture of timeline.lua, looked at by another program, and its sums beside a trace of the same run.
#
#   timeline.sh FOLDER LUA [NAME=VALUE ...]
#
# SPDX-License-Identifier: MIT
set -eu
tests=$PWD/tests/lua
. tests/lua/programs/facts.sh
export LSAN_OPTIONS=detect_leaks=0 # fontconfig keeps what it knows of fonts, and is gone before leaks are looked for

GATE_DEBUG=chrometrace=1 GATE_TRACE_FILE=trace.json run timeline/timeline.lua picture.png >sums || fail 'no picture is drawn'
holds 'calls are those of the trace' "$tests/programs/timeline_check.py" sums sums trace.json
holds 'one task at a time runs Lua' "$tests/programs/timeline_check.py" one picture.png

refuses 'a folder that is not there' 'timeline.lua: no/picture.png: No such file or directory' \
    timeline/timeline.lua no/picture.png
status=0
run timeline/timeline.lua >out 2>&1 || status=$?
holds 'usage is told' [ "$status $(head -n 1 out)" = '2 usage: timeline.lua picture.png' ]

env $environment LUA_CPATH="$folder/?.so" LUA_PATH="$tests/?.lua;$programs/timeline/?.lua" \
    "$lua" "$tests/programs/test_timeline.lua" drawn.png
holds 'lanes are as long as they are said to be' "$tests/programs/timeline_check.py" drawn drawn.png
echo "$passed passed, 0 failed"
