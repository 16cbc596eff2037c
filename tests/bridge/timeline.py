"""Reads a file of Chrome's trace events, with Python's JSON, and prints what matters of it, for test_timeline.c.

A line for each event, by thread and then by time: two blanks for each slice that it lies in, its category and name, and
its arguments. Fails when an event lacks something, when two slices of a thread overlap without one being in the
other, or when a hand-off lies in no slice of the call that it names, unless "meanwhile" stands behind the file's name: calls that
go on have no slice yet.

SPDX-License-Identifier: MIT"""

import json
import sys


def nanoseconds(microseconds):
    return round(microseconds * 1000)


def text(string):
    """With all but ASCII escaped."""
    return string.encode("ascii", "backslashreplace").decode()


meanwhile = "meanwhile" in sys.argv[2:]
with open(sys.argv[1], encoding="utf-8") as file:
    trace = json.load(file)
events = trace["traceEvents"]
assert "displayTimeUnit" not in trace, "some take this for the unit of all times"
named = {event["tid"]: event["args"]["name"] for event in events if event["name"] == "thread_name"}
print("lost", trace["otherData"]["lost"])
threads = {}
for event in events:
    if event["ph"] != "M":
        assert event["ph"] in "Xi" and isinstance(event["pid"], int), event
        threads.setdefault(event["tid"], []).append(event)
for number, own in enumerate(threads.values(), 1):
    print("thread", number, "named" if own[0]["tid"] in named else "without a name")
    around = []
    last = 0
    for event in own:
        begin = nanoseconds(event["ts"])
        end = begin + nanoseconds(event.get("dur", 0))
        assert begin >= last, "not in the order of time"
        last = begin
        while around and begin >= around[-1][0] and event["ph"] == "X":
            around.pop()
        if event["ph"] == "X":
            assert not around or end <= around[-1][0], f"{event} overlaps {around[-1]}"
        else:
            assert event["s"] == "t", event
            lies_in_call = any(begin <= outer[0] and outer[1] == event["args"]["call"] for outer in around)
            assert lies_in_call or meanwhile, event
        arguments = " ".join(f"{key}={text(str(value))}" for key, value in event["args"].items())
        print("  " * len(around) + event["cat"], text(event["name"]).replace("\n", "\\n"), arguments)
        if event["ph"] == "X":
            around.append((end, event["name"]))
