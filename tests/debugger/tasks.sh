#!/bin/sh
# Stops a program that has tasks in each state, and requires what runtime/callgate-gdb.py says of them: the
# table of 'info tasks', and by 'task N bt' the functions of each task, down to its first. Then the program has to
# go on to its end, which checks what its tasks computed. The same of a core file, and what the errors say.
#
#   tasks.sh PROGRAM    the built tasks.c
#
# SPDX-License-Identifier: MIT
set -eu

program=$1
here=$(dirname "$0")
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

fail() {
    echo "$1"
    echo '--- gdb said'
    cat "$dir/said"
    exit 1
}

# Runs gdb with these arguments and the commands of its input, each printed before what it says.
debug() {
    while IFS= read -r command; do
        set -- "$@" -ex "echo == $command\\n" -ex "$command"
    done
    # Thread stacks are small, so that the core file is.
    gdb -nx -q -batch -ex 'set width 0' -ex 'set debuginfod enabled off' -ex 'set startup-with-shell on' \
        -ex "set exec-wrapper sh -c 'ulimit -s 256; exec \"\$0\" \"\$@\"'" -ex "source $here/../../runtime/callgate-gdb.py" \
        "$@" >"$dir/said" 2>&1 || true
}

# What a command said, its first time or another.
said() {
    awk -v command="== $1" -v nth="${2-1}" '
        /^== / { inside = $0 == command && ++seen == nth; next }
        inside' "$dir/said"
}

says() {
    said "$1" "${3-1}" | grep -qxF "$2" || fail "'$1' doesn't say: $2"
}

# The table, with what differs from run to run left out.
lists() {
    said "$1" "$2" | sed 's/ [0-9]* (LWP [0-9]*)/ on/; s/  */ /g' >"$dir/list"
    echo "$3" | diff - "$dir/list" || fail "'$1' lists other tasks"
}

has_frames() {
    said "$1" "${3-1}" | sed -n 's/^#[0-9]* *\(0x[0-9a-f]* in \)\{0,1\}\([A-Za-z_][A-Za-z0-9_]*\) (.*/\2/p' |
        awk -v expected="$2" -f "$here/frames.awk" || fail "'$1' is wrong"
}

# The last frames of so many tasks: two threads', that of a task that has ended, if it has, and the others'.
all_end_well() {
    said 'task all bt -1' "${2-1}" | awk -v count="$1" '
        /^Task / { tasks++; ended += /ended, not/ }
        / start \(\)/ { starts++ }
        END { exit tasks != count || starts != count - 2 - ended }' || fail "'task all' ends elsewhere"
}

tasks=' task thread stack name state
* 1 on 256 KiB main running
 2 on 256 KiB thread outside
 3 on 64 KiB reader in a call of read_byte
 4 - 64 KiB correspondent parked: a letter
 5 - 64 KiB joiner parked: join
 6 on 64 KiB asker parked: an answer
 7 - 64 KiB ended ended, not joined
 8 - 64 KiB yielder ready
 9 on 64 KiB late ready
 10 - 64 KiB fresh ready'

correspondent='gate__arch_swap
gate__sched_park
wait_for_letter
corresponding
live
start'

asker='gate__sched_park
answer
gate__arch_cross_back
ask
gate__arch_value_cross_int
asking
live
start'

# A process, at first in the middle of two switches: from task 4, its last, to task 5; and from task 8 to the
# scheduler, which is not told yet. When the tasks are in place, the selected thread stands in a function
# below main; task 3's stands in one that the compiler has inlined, if libc's source is known; and in the end the
# selected one stands in main, where gdb likes to end a trace.

registers='rip rsp rbp rbx r12 r13 r14 r15'
debug -ex 'set environment GATE_DEBUG guardpages=0' -ex 'set environment MALLOC_ARENA_MAX 1' "$program" <<END
info tasks
break main
run
info tasks
tbreak gate__switch_between
continue
tbreak gate__arch_swap
continue
task all bt -1
frame 1
info registers $registers
tbreak gate__switch_to_scheduler
continue
python while gdb.newest_frame().name() != "gate__switch_to_task": gdb.execute("stepi", to_string=True)
task all bt -1
break stop_here
continue
info tasks
up
frame
info registers
thread
task 1 bt
task 3 bt
task 4 bt
task 5 bt
task 6 bt
task 8 bt
task 9 bt
task 10 bt
task 3 task 4 bt
task 4 info registers $registers
task 4 frame function wait_for_letter
task all bt -1
task 7 bt
task 77 bt
task 4
task 4 no-such-command
frame
info registers
thread
generate-core-file $dir/core
down
finish
task 4 bt
break stop_on_main
continue
info tasks
task 1 bt
task 11 bt
break stop_in_second
continue
info tasks
task 2 bt
task 2.2 bt
continue
END

says 'info tasks' 'There is neither a process nor a core file.'
says 'info tasks' "No runtime of Callgate's is started." 2
lists 'info tasks' 3 "$tasks"
has_frames 'task 1 bt' 'stop_here
main'
has_frames 'task 3 bt' 'read_byte
gate__arch_value_cross_int
reading
live
start'
has_frames 'task 4 bt' "$correspondent"
has_frames 'task 5 bt' 'gate__arch_swap
gate__sched_park
joining
live
start'
has_frames 'task 6 bt' "$asker"
has_frames 'task 8 bt' 'gate__arch_swap
gate__sched_yield
yielding
live
start'
has_frames 'task 9 bt' 'wait_here
ask_late
gate__arch_value_cross_int
asking_late
live
start'
has_frames 'task 10 bt' 'gate__arch_swap
start'
has_frames 'task 3 task 4 bt' "$correspondent"
[ "$(said 'task 3 task 4 bt' | grep -c gate__arch_swap)" = 1 ] || fail 'frames of the borrowed thread are left'
[ "$(said "info registers $registers")" = "$(said "task 4 info registers $registers")" ] ||
    fail 'the registers are not those that task 4 left its thread with'
has_frames 'task 4 frame function wait_for_letter' 'wait_for_letter'
all_end_well 9
all_end_well 9 2
all_end_well 10 3
says 'task 7 bt' 'Task 7 has ended: it has no frames.'
says 'task 77 bt' "There is no task 77: 'info tasks' lists them."
says 'task 4' 'Which task, and which command? task NUMBER COMMAND'
says 'task 4 no-such-command' 'Undefined command: "no-such-command".  Try "help".'
for command in frame 'info registers' thread; do
    [ "$(said "$command")" = "$(said "$command" 2)" ] || fail "'$command' has changed"
done
has_frames 'task 4 bt' "$correspondent" 2
lists 'info tasks' 4 ' task thread stack name state
 1 - 256 KiB main parked: join
 2 on 256 KiB thread outside
* 11 on 64 KiB guest running'
has_frames 'task 1 bt' 'gate__arch_swap
gate__sched_park
main
_start' 2
has_frames 'task 11 bt' 'stop_on_main
answer_on_main
gate__arch_cross_back
ask
gate__arch_value_cross_int
asking_on_main
live
start'
lists 'info tasks' 5 ' task thread stack name state
 1.1 on 256 KiB main running
 1.2 on 256 KiB thread outside
* 2.1 on 256 KiB main running
 2.2 - 64 KiB lonely parked: a letter'
says 'task 2 bt' 'Several runtimes have a task 2: 1.2, 2.2.'
has_frames 'task 2.2 bt' "$correspondent"
said continue 7 | grep -q 'exited normally' || fail 'the program did not end well'

# Its core file

debug "$program" "$dir/core" <<END
info tasks
task 4 bt
task 6 bt
task 7 bt
END

lists 'info tasks' 1 "$tasks"
has_frames 'task 4 bt' "$correspondent"
has_frames 'task 6 bt' "$asker"
says 'task 7 bt' 'Task 7 has ended: it has no frames.'

# One that gdb may have failed to copy the stacks to: then that is said.

debug -ex 'set environment MALLOC_ARENA_MAX 1' "$program" <<END
break stop_here
run
generate-core-file $dir/core
END
debug "$program" "$dir/core" <<END
info tasks
END

[ "$(said 'info tasks' | grep -Ec 'parked: a letter|^Tasks are missing')" = 1 ] || fail 'tasks are missing, without a word'

# A program without debug information

strip -g -o "$dir/stripped" "$program"
debug "$dir/stripped" <<END
break gate_runtime_stop
run
info tasks
END

says 'info tasks' 'Callgate is not in the program, or without its debug information (gcc -g).'
echo '1 passed, 0 failed'
