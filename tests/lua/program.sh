#!/bin/sh
# callgate-lua's options, and what it says and returns.
#
#   program.sh PROGRAM
#
# SPDX-License-Identifier: MIT
set -eu

program=$1
passed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset LUA_INIT LUA_PATH LUA_CPATH 2>/dev/null || true
export HOME="$work"

# fact STATUS OUTPUT COMMAND...: the command ends with that status, and its two outputs are that.
fact() {
    name=$1 wanted_status=$2 wanted=$3
    shift 3
    status=0
    got=$("$@" 2>&1) || status=$?
    if [ "$status" -ne "$wanted_status" ] || [ "$got" != "$wanted" ]; then
        printf 'FAILED: %s\nstatus %s, wanted %s\n%s\nwanted:\n%s\n' "$name" "$status" "$wanted_status" "$got" "$wanted"
        exit 1
    fi
    passed=$((passed + 1))
}

# The same for commands whose output has to contain a line.
fact_line() {
    name=$1 wanted_status=$2 wanted=$3
    shift 3
    status=0
    got=$("$@" 2>&1) || status=$?
    if [ "$status" -ne "$wanted_status" ] || ! printf '%s\n' "$got" | grep -qxF -- "$wanted"; then
        printf 'FAILED: %s\nstatus %s, wanted %s\n%s\nwanted in it:\n%s\n' "$name" "$status" "$wanted_status" "$got" "$wanted"
        exit 1
    fi
    passed=$((passed + 1))
}

with_input() {
    input=$1
    shift
    printf "$input" | "$@"
}

script=$work/script.lua
echo 'print(arg[0] == ..., select("#", ...), arg[1], arg[-1] ~= nil, #arg, ({...})[2], 10 / 2 .. "", 1LL)' >"$script"
broken=$work/broken.lua
printf 'local function inner() error "no" end\nlocal function outer() inner() end\nouter()\n' >"$broken"
module=$work/sample.lua
echo 'print "loaded" return {value = 7ULL}' >"$module"
cd "$work"

fact 'a text is run' 0 '5	3x	42LL' "$program" -e 'print(10 / 2, 3 .. "x", 42LL)'
fact 'the modules are built in, in their table too' 0 'true	true' "$program" \
    -e 'local c = require "callgate" print(c.ffi == require "ffi", c.task == require "callgate.task")'
fact 'texts are run in their order' 0 '1
2' "$program" -e 'print(1)' -e'print(2)'
fact 'a script gets its arguments' 0 'false	2	a	true	2	b	5	1LL' "$program" "$script" a b
fact 'options may end' 0 'false	1	-v	true	1	nil	5	1LL' "$program" -- "$script" -v
fact 'a minus is standard input' 0 'in	a' with_input 'print("in", ...)' "$program" - a
fact 'so is no script, where it is no terminal' 0 'in' with_input 'print "in"' "$program"
fact 'a module is required' 0 'loaded
7ULL' "$program" -l sample -e 'print(require("sample").value)'
fact 'the ffi calls C' 0 '5' "$program" -e 'local ffi = require "ffi" ffi.cdef "int abs(int);" print(ffi.C.abs(-5))'
fact_line 'the version is printed' 0 "1" "$program" -v -e 'print(1)'
fact 'what is for a compiler is taken' 0 '1' "$program" -joff -j on -O3 -e 'print(1)'
fact 'an exit status is the script'"'"'s' 7 '' "$program" -e 'os.exit(7)'
fact 'true and false are statuses' 1 '' "$program" -e 'os.exit(false)'

fact 'an error has a traceback' 1 "callgate-lua: $broken:1: no
stack traceback:
	[C]: in function 'error'
	$broken:1: in upvalue 'inner'
	$broken:2: in local 'outer'
	$broken:3: in main chunk
	[C]: in ?" "$program" "$broken"
fact_line 'an error may be a table' 1 'callgate-lua: (error object is a table value)' "$program" -e 'error {}'
fact 'or one that has words' 1 'callgate-lua: words' "$program" -e \
    'error(setmetatable({}, {__tostring = function() return "words" end}))'
fact 'what is no program is an error' 1 "callgate-lua: (command line):1: unexpected symbol near '='" "$program" -e 'x = = 1'
fact 'so is a script that is not there' 1 'callgate-lua: cannot open nowhere.lua: No such file or directory' \
    "$program" nowhere.lua
fact 'or a file of that name, behind the options' 1 'callgate-lua: cannot open -: No such file or directory' \
    "$program" -- -
fact_line 'and a module' 1 "callgate-lua: module 'nowhere' not found:" "$program" -l nowhere
fact 'after an error nothing is run' 1 '' "$program" -e 'os.exit(1)' -e 'print "on"'
usage='usage: callgate-lua [options] [script [arguments]]'
fact_line 'the options are explained' 0 "$usage" "$program" --help
fact_line 'also behind others, and then nothing is run' 0 "$usage" "$program" -e 'os.exit(3)' --help
fact_line 'where one is unknown' 1 "$usage" "$program" -x
fact_line 'which is named' 1 "callgate-lua: not understood: '-x'" "$program" -e 'print(1)' -x
fact_line 'as is one without its argument' 1 "callgate-lua: an argument is missing behind '-l'" "$program" -e 'print(1)' -l

fact_line 'an interrupt is an error' 1 'callgate-lua: interrupted!' \
    timeout --foreground --preserve-status -s INT 1 "$program" -e 'while true do end'

fact 'LUA_INIT is run first' 0 'first
1' env LUA_INIT='print "first"' "$program" -e 'print(1)'
fact 'it may be a file' 0 'loaded
1' env LUA_INIT="@$module" "$program" -e 'print(1)'
fact 'or not be heeded' 0 '1' env LUA_INIT='print "first"' "$program" -E -e 'print(1)'
fact 'LUA_PATH is the path' 0 'x;y' env LUA_PATH='x;y' "$program" -e 'print(package.path)'
fact "without it, 5.1's modules are found" 0 'true' "$program" -e 'print(package.path:find("/lua/5.1/?.lua", 1, true) ~= nil)'

prompt() {
    with_input "$1" "$program" -i | sed 1d
}
fact 'a prompt prints what an expression is worth' 0 '> 2
> nil	5ULL
> ' prompt '1 + 1\nnil, 5ULL\n'
fact 'it reads on to the end of a statement' 0 '> >> >> 1
2
> ' prompt 'for i = 1, 2 do\nprint(i)\nend\n'
fact 'it knows an equals sign' 0 '> > 3
> ' prompt 'x = 3\n=x\n'
fact_line 'it goes on after an error' 0 '> > > on' prompt 'error "no"\nx x\nprint "on"\n'
fact_line 'it comes after a script' 0 '> 5ULL' with_input '5ULL' "$program" -i "$module"

echo "$passed passed, 0 failed"
