#!/bin/sh
# Has gdb stop at the library's probes, and requires which stops there are, in which order, and what the probes'
# arguments say: of calls by frame and by value, a callback, and a call that gives its slot up.
#
#   probes.sh PROGRAM    the built probes.c
#
# SPDX-License-Identifier: MIT
set -eu

program=$1
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
    echo "$1"
    echo '--- gdb said'
    cat "$dir/said"
    exit 1
}

# Commands that print a line at a probe, and go on.
stop_at() {
    printf 'break -probe-stap callgate:%s\ncommands\nsilent\nprintf "%s %s\\n", %s\ncontinue\nend\n' "$1" "$1" "$2" "$3"
}

at_call=$(stop_at call '%s in task %d, class %d' '$_probe_arg0, $_probe_arg2, $_probe_arg3')
at_return=$(stop_at return '%s has an address %d, took time %d, errno %d' \
    '$_probe_arg0, $_probe_arg1 != 0, $_probe_arg2 > 0, $_probe_arg3')
at_callback=$(stop_at callback '%s in task %d, handler %d' \
    '$_probe_arg0, $_probe_arg2, $_probe_arg1 == (long)&interpreter_handler')
at_handoff=$(stop_at handoff '%s in task %d, thread %d' '$_probe_arg0, $_probe_arg1, $_probe_arg2 > 0')

# Runs the program with these commands; its stops have to be those of the input.
stops() {
    printf '%s\n' 'set width 0' 'set debuginfod enabled off' "$@" >"$dir/commands"
    gdb -nx -q -batch -x "$dir/commands" "$program" >"$dir/said" 2>&1 || true
    grep -q 'exited normally' "$dir/said" || fail 'the program did not end well'
    grep -E '^(call|return|callback|handoff) ' "$dir/said" >"$dir/stops" || true
    diff - "$dir/stops" || fail 'the stops are others'
}

# The notes, as other tools find them

readelf -n "$program" | grep -A1 'Provider: callgate' | sed -n 's/ *Name: //p' | sort | tr '\n' ' ' >"$dir/said"
[ "$(cat "$dir/said")" = 'call callback handoff return ' ] || fail 'the notes are of other probes'

stops "$at_call" "$at_return" "$at_callback" "$at_handoff" run <<END
call add_by_frame in task 2, class 0
return add_by_frame has an address 1, took time 1, errno 0
call add in task 2, class 1
return add has an address 1, took time 1, errno 0
handoff call_back in task 2, thread 1
call call_back in task 2, class 2
callback handler in task 2, handler 1
return call_back has an address 1, took time 1, errno 17
call add_by_frame in task 2, class 0
return add_by_frame has an address 1, took time 1, errno 0
END

# Each by itself has calls watched, but for that of the hand-off

stops "$at_callback" run <<END
callback handler in task 2, handler 1
END
stops "$at_handoff" run <<END
handoff call_back in task 2, thread 1
END

# A tracer that comes late, when the task is running, is noticed by the next call that isn't by frame

stops 'tbreak interpreter_loop' run "$at_call" 'tbreak call_by_value' continue 'printf "call none by frame\n"' continue <<END
call none by frame
call add in task 2, class 1
call call_back in task 2, class 2
call add_by_frame in task 2, class 0
END
echo '4 passed, 0 failed'
