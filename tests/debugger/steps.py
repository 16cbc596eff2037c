# Goes through crossings of calls in registers and of callbacks, one instruction after another, and requires of the backtrace at
# each that it leads from the crossing to gate_call, and ends at the task's first frame.
#
#   gdb -batch -x steps.py PROGRAM    the built backtrace.c
#
# SPDX-License-Identifier: MIT

import gdb


def names():
    frame = gdb.newest_frame()
    found = []
    while frame:
        found.append(frame.name())
        frame = frame.older()
    return found


def step_through(routine, passes=0):
    """Returns how many instructions were gone through, the first passes times not looked at."""
    gdb.execute("start", to_string=True)
    gdb.Breakpoint("*" + routine, temporary=True).ignore_count = passes
    gdb.execute("continue", to_string=True)
    count = 0
    while names()[0] == routine:
        trace = names()
        caller = trace[: trace.index("interpreter_handler")] if "interpreter_handler" in trace else []
        if "gate_call" not in caller or trace[-2:] != ["begin", "start"]:
            place = gdb.execute("info symbol $pc", to_string=True)
            raise gdb.GdbError("%s the trace is %s" % (place.strip(), trace))
        gdb.execute("nexti", to_string=True)
        count += 1
    return count


gdb.execute("set debuginfod enabled off")
gdb.execute("set backtrace past-main on")
for crossing in ("gate__arch_cross_vector", "gate__arch_cross_pair"):
    print("%s has %d steps" % (crossing, step_through(crossing)))
# The first callback takes the long way from there.
print("gate__arch_arrive_pair_word4 has %d steps" % step_through("gate__arch_arrive_pair_word4", passes=1))
