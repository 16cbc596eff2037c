# Goes through crossings of calls in registers and of callbacks, one instruction after another, and requires of the backtrace at
# each that it leads from the crossing to who called, and ends at the task's first frame.
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


def step_through(routine, caller, passes=0, parts=()):
    """Returns how many instructions were gone through, the first passes times not looked at. parts: how the names of others
    begin that the routine goes to."""
    gdb.execute("start", to_string=True)
    gdb.Breakpoint("*" + routine, temporary=True).ignore_count = passes
    gdb.execute("continue", to_string=True)
    count = 0
    while names()[0].startswith((routine, *parts)):
        trace = names()
        if caller not in trace[1:7] or trace[-2:] != ["begin", "start"]:
            place = gdb.execute("info symbol $pc", to_string=True)
            raise gdb.GdbError("%s the trace is %s" % (place.strip(), trace))
        gdb.execute("nexti", to_string=True)
        count += 1
    return count


gdb.execute("set debuginfod enabled off")
gdb.execute("set backtrace past-main on")
for routine, *where in (
    ("gate__arch_cross_x87", "gate__call_values"),
    ("gate__arch_value_cross_int", "interpreter_handler", 1),  # the first call is of another class, and none for it
    ("gate__arch_frame_pair_word", "interpreter_loop"),
    ("call_in_line", "interpreter_loop"),
    ("gate__arch_takes_cross", "interpreter_loop", 0, ("take", "gate__arch_take_", "gate__arch_give_")),
    ("gate__arch_arrive_direct", "call_back_directly", 1),
    ("gate__arch_arrive_pair_word4", "gate__call_values", 1),  # the first callback takes the long way from there
):
    print("%s has %d steps" % (routine, step_through(routine, *where)))
