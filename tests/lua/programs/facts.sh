# What the tests of examples/lua/programs are written with. Each gets, and passes on,
#
#   FOLDER LUA [NAME=VALUE ...]    the folder of callgate.so, which Lua, and what its environment is to have
#
# SPDX-License-Identifier: MIT

programs=$PWD/examples/lua/programs
folder=$(realpath "$1") lua=$2
shift 2
environment=$*
passed=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# run PROGRAM ARGUMENT...: as README says, but from the folder of this test's own.
run() {
    program=$1
    shift
    env $environment LUA_CPATH="$folder/?.so" timeout 100 "$lua" "$programs/$program" "$@"
}

fail() {
    echo "FAILED: $*"
    exit 1
}

# holds FACT COMMAND...: the command, often a test of [, succeeds.
holds() {
    fact=$1
    shift
    "$@" >out 2>&1 || { cat out; fail "$fact: $*"; }
    passed=$((passed + 1))
}

# same FACT A B: the two files are the same, and are not empty.
same() {
    [ -s "$2" ] || fail "$1: $2 is empty"
    cmp "$2" "$3" || fail "$1"
    passed=$((passed + 1))
}

# refuses FACT MESSAGE PROGRAM ARGUMENT...: the program ends with status 1, and that is all that it says, first.
refuses() {
    fact=$1 message=$2
    shift 2
    status=0
    run "$@" >out 2>&1 </dev/null || status=$?
    [ "$status" -eq 1 ] && [ "$(head -n 1 out)" = "$message" ] || { cat out; fail "$fact: status $status, wanted: $message"; }
    passed=$((passed + 1))
}
