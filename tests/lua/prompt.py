#!/usr/bin/env python3
# callgate-lua's prompt on a terminal: what is typed is edited, completed and kept, and tasks run meanwhile.
#
#   prompt.py PROGRAM
#
# SPDX-License-Identifier: MIT

import os
import pty
import select
import sys
import tempfile
import time

PATIENCE = 20  # seconds
home = tempfile.TemporaryDirectory()


class Session:
    def __init__(self, program):
        self.seen = ""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ.update(HOME=home.name, TERM="xterm", LC_ALL="C.UTF-8")
            os.execv(program, [program])
        self.wait("> ")

    # Waits until text has come, and forgets what came before.
    def wait(self, text):
        end = time.monotonic() + PATIENCE
        while text not in self.seen:
            ready, _, _ = select.select([self.terminal], [], [], end - time.monotonic())
            if not ready:
                sys.exit(f"FAILED: {text!r} has not come, but {self.seen!r}")
            self.seen += os.read(self.terminal, 4096).decode(errors="replace")
        self.seen = self.seen[self.seen.index(text) + len(text):]

    def type(self, text):
        os.write(self.terminal, text.encode())

    # Types a line, and waits for what it prints.
    def enter(self, line, answer):
        self.type(line + "\r")
        self.wait("\r\n" + answer + "\r\n")
        self.wait("> ")

    # Ends the input, or types what ends the program, and waits for its end.
    def leave(self, text="\x04"):
        self.type(text)
        end = time.monotonic() + PATIENCE
        pid = 0
        while pid == 0:
            if time.monotonic() > end:
                sys.exit(f"FAILED: it has not ended, after {self.seen!r}")
            if select.select([self.terminal], [], [], 0.01)[0]:
                try:
                    self.seen += os.read(self.terminal, 4096).decode(errors="replace")
                except OSError:  # nobody has the other end any more
                    time.sleep(0.01)
            pid, status = os.waitpid(self.pid, os.WNOHANG)
        if status != 0:
            sys.exit(f"FAILED: it ended with {status}: {self.seen}")
        os.close(self.terminal)


def check_lines(program):
    session = Session(program)
    session.enter("1 + 1, 5ULL", "2\t5ULL")
    session.enter("'ä' .. 2", "ä2")
    session.type("for i = 1, 1 do\r")
    session.wait(">> ")
    session.enter("print('in' .. i) end", "in1")
    session.enter("'x'\x7f\x7fyz'", "yz")  # two characters are taken back
    session.leave()
    session = Session(program)
    session.enter("\x1b[A\x1b[A\x1b[A\x1b[A", "ä2")  # four lines back, in the session before
    session.leave()


def check_history(program):
    session = Session(program)
    session.leave("do local kept = true os.exit(0) end\r")
    session = Session(program)
    session.type("\x1b[A")  # the line before is there, however that session ended
    session.wait("kept")
    session.type("\x15")
    session.leave()


def check_completion(program):
    session = Session(program)
    session.type("string.for\t")
    session.wait("mat")
    session.enter("('%d', 3)", "3")
    session.type("math.a\t")
    session.wait("abs  acos  asin  atan  atan2")
    session.enter("bs(-2)", "2")
    session.type("t = {deep = {member = 7}}\r")
    session.wait("> ")
    session.type("t.d\t.mem\t")
    session.wait("ber")
    session.enter("", "7")
    session.type("nothing.at.all\t")
    session.type("\x15")  # what was typed is gone
    session.enter("'on'", "on")
    session.leave()


def check_tasks(program):
    session = Session(program)
    session.type("task = require 'callgate.task' n = 0\r")
    session.wait("> ")
    session.type("task.go(function() for i = 1, 5 do task.sleep(0.01) n = n + 1 end print 'done' end) n = n\r")
    session.wait("> ")
    session.wait("done")  # nobody types
    session.enter("n", "5")
    session.leave()


def check_interrupts(program):
    session = Session(program)
    for _ in range(2):
        session.type("print 'begun' while true do end\r")
        session.wait("\r\nbegun\r\n")
        session.type("\x03")
        session.wait("interrupted!")
        session.wait("> ")
        session.enter("1 + 2", "3")
    session.leave()


def main():
    facts = [check_lines, check_history, check_completion, check_tasks, check_interrupts]
    for fact in facts:
        fact(sys.argv[1])
    print(f"{len(facts)} passed, 0 failed")


main()
