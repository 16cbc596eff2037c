"""The bench's peer in Python: threads under one lock, which is given up around each call of C.

threads.py NAME COUNT: prints one figure, for a row of the bench to read.

SPDX-License-Identifier: MIT
"""

import ctypes
import sys
import threading
import time

usleep = ctypes.CDLL(None).usleep
ended = threading.Event()
pause = 0.0


def tick():
    """Gives the lock up over and over, and keeps the longest time that it was away."""
    global pause
    before = time.perf_counter()
    while not ended.is_set():
        time.sleep(0)
        now = time.perf_counter()
        pause = max(pause, now - before)
        before = now


def crowd(count):
    """Milliseconds in which count threads, each in one call of 10 ms, are done, beside one that ticks."""
    beside = threading.Thread(target=tick)
    beside.start()
    before = time.perf_counter()
    members = [threading.Thread(target=usleep, args=(10 * 1000,)) for _ in range(count)]
    for member in members:
        member.start()
    for member in members:
        member.join()
    elapsed = time.perf_counter() - before
    ended.set()
    beside.join()
    return elapsed * 1000


def crowd_pause(count):
    crowd(count)
    return pause * 1000


figures = {"crowd": crowd, "crowd-pause": crowd_pause}

if len(sys.argv) != 3 or sys.argv[1] not in figures:
    sys.exit("usage: threads.py NAME COUNT")
print(figures[sys.argv[1]](int(sys.argv[2])))
