#!/bin/sh
# Samples a program and requires of perf's call graph, by frame pointers: the C function that computes, the crossing, the
# host's handler on the task's stack, the C function that called back, the first crossing, the task's own code, and
# there the end. perf needs leave of the kernel: where it has none, the test is skipped, and says so. With GATE_SKIPS=none
# that fails where the kernel's own setting would allow it.
#
#   perf.sh PROGRAM    the built perf.c
#
# SPDX-License-Identifier: MIT
set -eu

program=$1
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

record() {
    perf record -q -e cpu-clock -F 499 --call-graph fp -o "$work/data" "$@" >"$work/out" 2>&1
}

# What perf_event_paranoid says: 2 is leave for one's own processes.
is_allowed() {
    [ "$(id -u)" -eq 0 ] || [ "$(cat /proc/sys/kernel/perf_event_paranoid)" -le 2 ]
}

skip() {
    cat "$work/out"
    [ "${GATE_SKIPS-}" != none ] || ! is_allowed || { echo 'perf is refused, though the kernel allows it'; exit 1; }
    echo "SKIPPED: $0: perf is refused here"
    exit 0
}

command -v perf >/dev/null || { echo 'there is no perf: ./setup installs it'; exit 1; }
record true || skip
record "$program"

# The first sample within the function that computes, a frame a line.
perf script -i "$work/data" -F ip,sym 2>/dev/null | awk '
    NF == 0 { if (found) exit; within = 0; next }
    !within { within = 1; found = $2 == "compute_in_c" }
    found { print $2 }' >"$work/frames"

expected='compute_in_c
gate__arch_value_cross_int
interpreter_handler
c_calls_back
gate__arch_value_cross_int
interpreter_loop
live
start'

awk -v expected="$expected" -f "$(dirname "$0")/frames.awk" "$work/frames" ||
    { echo '--- the frames were'; cat "$work/frames"; exit 1; }
echo '1 passed, 0 failed'
