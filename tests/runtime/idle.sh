#!/bin/sh
# An idle runtime makes no system calls: strace counts those of two seconds.
#
#   idle.sh PROGRAM    the built idle.c
#
# SPDX-License-Identifier: MIT
set -eu

program=$1
trace=$(mktemp)
trap 'rm -f "$trace"' EXIT

strace -f -qq -o "$trace" "$program"
grep -q 'write(1, "idle begins' "$trace" && grep -q 'write(1, "idle ends' "$trace" || {
    echo "the program did not say when it is idle:"; tail "$trace"; exit 1; }

# The program's own sleep is the one call that is to be seen.
calls=$(sed -n '/write(1, "idle begins/,/write(1, "idle ends/p' "$trace" | sed '1d;$d')
others=$(echo "$calls" | grep -v 'clock_nanosleep' || true)
[ "$(echo "$calls" | grep -c 'clock_nanosleep')" -ge 1 ] || { echo "the program's own sleep is not seen"; exit 1; }
[ -z "$others" ] || { echo "an idle runtime made system calls:"; echo "$others"; exit 1; }
echo "1 passed, 0 failed"
