"""The bench's peers in Python: calls through ctypes and cffi, and callbacks.

calls.py ctypes|cffi NAME COUNT: prints one figure, for a row of the bench to read.

SPDX-License-Identifier: MIT
"""

import sys
import time

CALLEE = "build/release/tests/bench/callee.so"


class Ctypes:
    def __init__(self):
        import ctypes
        self.c = ctypes
        self.callee = ctypes.CDLL(CALLEE)
        self.add = self.callee.add
        self.add.argtypes = [ctypes.c_int, ctypes.c_int]
        self.scale = self.callee.scale
        self.scale.argtypes = [ctypes.c_double, ctypes.c_double]
        self.scale.restype = ctypes.c_double
        self.call_back = self.callee.call_back
        self.call_back.restype = ctypes.c_double

    def callback(self, function):
        return self.c.CFUNCTYPE(self.c.c_int, self.c.c_int, self.c.c_int)(function)

    def signature(self):
        self.c.CFUNCTYPE(self.c.c_int, self.c.c_char_p, self.c.c_size_t)

    def long(self, value):
        return self.c.c_long(value)


class Cffi:
    def __init__(self):
        import cffi
        self.ffi = cffi.FFI()
        self.ffi.cdef("int add(int, int); double scale(double, double);"
                      "double call_back(int (*)(int, int), long);")
        callee = self.ffi.dlopen("./" + CALLEE)
        self.add, self.scale, self.call_back = callee.add, callee.scale, callee.call_back

    def callback(self, function):
        return self.ffi.callback("int (int, int)", function)

    def signature(self):
        self.ffi.typeof("int (*)(const char *, size_t)")

    def long(self, value):
        return value


def int_calls(peer, count):
    add = peer.add
    before = time.perf_counter_ns()
    for i in range(count):
        add(i, 1)
    return time.perf_counter_ns() - before


def double_calls(peer, count):
    scale = peer.scale
    before = time.perf_counter_ns()
    for i in range(count):
        scale(i, 2.0)
    return time.perf_counter_ns() - before


def called_back(peer, count):
    callback = peer.callback(lambda a, b: a + b)
    return peer.call_back(callback, peer.long(count))


def signatures(peer, count):
    signature = peer.signature
    before = time.perf_counter_ns()
    for _ in range(count):
        signature()
    return time.perf_counter_ns() - before


peers = {"ctypes": Ctypes, "cffi": Cffi}
figures = {"int": int_calls, "double": double_calls, "callback": called_back, "signature": signatures}

if len(sys.argv) != 4 or sys.argv[1] not in peers or sys.argv[2] not in figures:
    sys.exit("usage: calls.py ctypes|cffi NAME COUNT")
print(figures[sys.argv[2]](peers[sys.argv[1]](), int(sys.argv[3])))
