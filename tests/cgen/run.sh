#!/bin/sh
# cgen against headers: a fixture whose output is known, real ones whose every line the bridge must take, and
# what it does when something is wrong.
#
#   run.sh CGEN TAKES [update]    TAKES is the built takes.c; with update, the expected output is made anew
#
# SPDX-License-Identifier: MIT
set -eu

cgen=$1 takes=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
passed=0

fact() {
    passed=$((passed + 1))
}

fail() {
    echo "FAILED: $1"
    exit 1
}

# The rest of the arguments are to fail with status $1 and say $2.
refuses() {
    status=0
    wanted=$1 words=$2
    shift 2
    "$cgen" "$@" >"$work/out" 2>"$work/err" || status=$?
    [ "$status" -eq "$wanted" ] || fail "cgen $* ends with $status"
    grep -q -- "$words" "$work/err" || { cat "$work/err"; fail "cgen $* does not say '$words'"; }
    [ ! -s "$work/out" ] || fail "cgen $* writes though it fails"
    fact
}

"$cgen" --header fixture.h -I tests/cgen >"$work/fixture" 2>"$work/skipped"
[ "${3:-}" != update ] || cp "$work/fixture" tests/cgen/fixture.expect
diff -u tests/cgen/fixture.expect "$work/fixture" || fail 'the fixture reads otherwise'
fact

# What can't be bound is reported, each with its place and reason, and nothing else is left out.
for skipped in 'say: it is variadic' 'origin: it passes a struct' 'distance: it passes a struct' 'wide: it passes a type'; do
    grep -q "tests/cgen/fixture.h:[0-9]*:[0-9]*: skipped: $skipped" "$work/skipped" || fail "no report of $skipped"
    fact
done
[ "$(wc -l <"$work/skipped")" -eq 4 ] || { cat "$work/skipped"; fail 'more is skipped than should be'; }

for header in zlib.h sqlite3.h string.h stdlib.h stdio.h math.h unistd.h pthread.h; do
    "$cgen" --header "$header" >"$work/real" 2>"$work/skipped"
    grep -v '^#' "$work/real" | cut -f 2 >"$work/signatures"
    "$takes" <"$work/signatures" || fail "a signature of $header is refused"
    bound=$(wc -l <"$work/signatures") skipped=$(wc -l <"$work/skipped")
    [ $((bound * 100)) -ge $(((bound + skipped) * 85)) ] || fail "$header: $bound bound, $skipped skipped"
    fact
done

"$cgen" --header zlib.h --match 'crc*' --emit lua -o "$work/crc.lua"
lua5.4 -e "assert(dofile('$work/crc.lua').crc32 == 'unsigned long (unsigned long, const unsigned char *, unsigned int)')"
"$cgen" --header zlib.h --match 'crc*' --emit lua -o "$work/crc.lua" || fail 'its own output is not replaced'
fact

echo precious >"$work/precious"
refuses 1 'was not made by cgen' --header zlib.h -o "$work/precious"
grep -q precious "$work/precious" || fail 'a file of somebody else is gone'
refuses 1 "no function in zlib.h matches 'nothing\*'" --header zlib.h --match 'nothing*'
refuses 1 'file not found' --header no-such-header.h
refuses 1 'No such file or directory' --header zlib.h -o "$work/no/such/folder"
echo 'int f(unknown_name);' >"$work/bad.h"
refuses 1 'bad.h:1:7: error: ' --header "$work/bad.h"
refuses 2 'no --header was given' --match x
refuses 2 'not understood: --nonsense' --nonsense
refuses 2 'a value is missing behind --header' --header
refuses 2 'no form of output is called xml' --header zlib.h --emit xml
if "$cgen" --header zlib.h >/dev/full 2>"$work/err"; then fail 'a full disk goes unnoticed'; fi
grep -q 'No space left on device' "$work/err" || fail 'a full disk is not named'
fact

echo "$passed passed, 0 failed"
