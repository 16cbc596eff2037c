#!/bin/sh
# Prints how many instructions a call takes, one way and another: the function's own, which adds two integers, and the
# loop's are among them. A way is run by callgrind for two lengths of its loop, and what begins and ends it drops out of
# the difference.
#
#   instructions.sh PROGRAM    the built instructions.c
#
# SPDX-License-Identifier: MIT
set -eu

program=$1
few=10000
many=60000
log=$(mktemp)
trap 'rm -f "$log"' EXIT

count() {
    valgrind --tool=callgrind --callgrind-out-file=/dev/null "$program" "$1" "$2" 2>"$log" || { cat "$log"; exit 1; }
    sed -n 's/^==[0-9]*== Collected : //p' "$log"
}

row() {
    least=$(count "$1" $few)
    most=$(count "$1" $many)
    awk -v what="$2" -v peer="$3" -v least="$least" -v most="$most" -v calls=$((many - few)) \
        'BEGIN { printf "%-52s %6.1f   %s\n", what, (most - least) / calls, peer }'
}

printf '%-52s %6s   %s\n' 'instructions per call of int (int, int)' '' 'to reach'
row direct 'direct, through a pointer' ''
row libffi "libffi's ffi_call" ''
row frame-thread 'gate_call_frame on a thread' '<= 32'
row frame-task 'gate_call_frame from a task' '<= 50'
row registers-thread 'GATE_CALL_DIRECT on a thread' '<= 32'
row registers-task 'GATE_CALL_DIRECT from a task' '<= 50'
row in-line-task 'GATE_INLINE_CALL from a task' '<= 50'
row callgate-thread 'gate_call on a thread' '<= 75'
row callgate-task 'gate_call from a task' '<= 75'
row back-direct 'direct callback' ''
row back-task 'callback on the task in the call' '<= 70'
row back-task-direct 'the same, to a direct handler' '<= 70'
