#!/bin/sh
# Stops a program in C that a callback called and requires of gdb's backtrace, in this order: the C
# function, the crossing, the host's handler on the task's stack, the crossing back, the C function that
# called back, the first crossing, the task's own code, and there the end. The second callback comes by the short way.
# A call in line leaves no trace of its own. steps.py then goes through crossings.
#
#   run.sh PROGRAM    the built backtrace.c
#
# SPDX-License-Identifier: MIT
set -eu

program=$1
trace=$(mktemp)
trap 'rm -f "$trace"' EXIT

# A crossing is marked as a signal frame, which gdb shows without its name: each frame's symbol is asked for.
gdb -nx -q -batch -ex 'set width 0' -ex 'set debuginfod enabled off' -ex 'set backtrace past-main on' \
    -ex 'break stop_here' -ex run -ex backtrace -ex 'frame apply all -q info symbol $pc' "$program" >"$trace" 2>&1 || true

# gdb takes a double underscore for Ada's, and prints a dot.
frames=$(sed -n 's/^gate\./gate__/; s/^\([A-Za-z_][A-Za-z0-9_]*\)\( + [0-9]*\)\{0,1\} in section .*/\1/p' "$trace")

expected='stop_here
gate__arch_value_cross_int
interpreter_handler
gate__arch_arrive_pair_word4
c_again
gate__arch_cross_x87
gate__call_values
interpreter_handler
handle
gate__arch_cross_back
gate__switch_call_back
handle_on_task
handle_below_call
gate__callback_arrive
gate__arch_arrive
c_function
gate__call_run
gate__arch_cross
gate__switch_call
gate__call_values
interpreter_loop
live
begin
start'

echo "$frames" | awk -v expected="$expected" -f "$(dirname "$0")/frames.awk" ||
    { echo '--- the backtrace was'; cat "$trace"; exit 1; }
if grep -q 'previous frame' "$trace"; then
    echo 'gdb lost its way:'
    cat "$trace"
    exit 1
fi

# In line, C's caller is the host's function itself, on another stack.
gdb -nx -q -batch -ex 'set width 0' -ex 'set debuginfod enabled off' -ex 'set backtrace past-main on' \
    -ex 'break subtract' -ex run -ex continue -ex backtrace "$program" >"$trace" 2>&1 || true
sed -n 's/^#[0-9]* *\(0x[0-9a-f]* in \)\{0,1\}\([a-z_]*\) .*/\2/p' "$trace" | tr '\n' ' ' |
    grep -q '^subtract call_in_line interpreter_loop live begin start $' ||
    { echo 'the backtrace from a call in line was'; cat "$trace"; exit 1; }

gdb -nx -q -batch -x "$(dirname "$0")/steps.py" "$program" >"$trace" 2>&1 || true
# The way is longer if the slot was asked for something.
if ! grep -q '^gate__arch_cross_x87 has 4[0-9] steps' "$trace" ||
    ! grep -q '^gate__arch_value_cross_int has [345][0-9] steps' "$trace" ||
    ! grep -q '^gate__arch_frame_pair_word has [345][0-9] steps' "$trace" ||
    ! grep -q '^call_in_line has [5678][0-9] steps' "$trace" ||
    ! grep -q '^gate__arch_takes_cross has 1[0-9][0-9] steps' "$trace" ||
    ! grep -q '^gate__arch_arrive_direct has [45][0-9] steps' "$trace" ||
    ! grep -q '^gate__arch_arrive_pair_word4 has [567][0-9] steps' "$trace"; then
    echo 'a crossing could not be gone through:'
    cat "$trace"
    exit 1
fi
echo '3 passed, 0 failed'
