#!/usr/bin/env python3
"""lookup.lua and echo.lua against Python's sockets.

    net.py FOLDER LUA [NAME=VALUE ...]    the folder of callgate.so, which Lua, and what its environment is to have

SPDX-License-Identifier: MIT
"""
import os
import socket
import subprocess
import sys
import threading
import time

folder, lua, environment = sys.argv[1], sys.argv[2], dict(word.split("=", 1) for word in sys.argv[3:])
environment = {**os.environ, **environment, "LUA_CPATH": folder + "/?.so"}
PROGRAMS = "examples/lua/programs/net/"
passed = 0


def start(program, *arguments):
    return subprocess.Popen([lua, PROGRAMS + program, *arguments], env=environment, text=True,
                            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def run(program, *arguments):
    process = start(program, *arguments)
    output, errors = process.communicate(timeout=100)
    return process.returncode, output, errors


def equal(fact, got, wanted):
    global passed
    if got != wanted:
        sys.exit(f"FAILED: {fact}: {got!r}, wanted {wanted!r}")
    passed += 1


def addresses_of(name):
    found = []
    for *_, address in socket.getaddrinfo(name, None, type=socket.SOCK_STREAM):
        found.append(address[0])
    return " ".join(found)


def refusal_of(name):
    try:
        socket.getaddrinfo(name.encode(), None)
    except socket.gaierror as error:
        return f"{name}: {error.strerror}\n"


def test_lookup():
    names = ["localhost", "127.0.0.1", "::1", "10.1.2.3", socket.gethostname(), "fe80::1"]
    wanted = "".join(f"{name}\t{addresses_of(name)}\n" for name in names)
    equal("names are looked up, in their order", run("lookup.lua", *names), (0, wanted, ""))
    status, output, errors = run("lookup.lua", "a..b", "127.0.0.1", "256.0.0.1 ")
    equal("some are found although others are not", (status, output), (1, "127.0.0.1\t127.0.0.1\n"))
    equal("those are said", errors, refusal_of("a..b") + refusal_of("256.0.0.1 "))
    equal("without a name it says how it is used", run("lookup.lua")[0], 1)


def connect(port):
    return socket.create_connection(("localhost", port), timeout=50)


def echoed(connection, data):
    """What comes back of data, while it is sent."""
    sender = threading.Thread(target=lambda: (connection.sendall(data), connection.shutdown(socket.SHUT_WR)))
    sender.start()
    came = bytearray()
    while piece := connection.recv(65536):
        came += piece
    sender.join()
    return bytes(came)


def test_server():
    server = start("echo.lua", "serve", "0", "2")
    try:
        port = int(server.stdout.readline().rsplit(" ", 1)[1])
        silent = connect(port)
        since = time.monotonic()
        many = [connect(port) for _ in range(50)]
        for i, connection in enumerate(many):
            connection.sendall(b"%d" % i)
        equal("beside a silent connection all others are answered",
              [connection.recv(100) for connection in reversed(many)], [b"%d" % i for i in reversed(range(50))])
        data = os.urandom(3000000)
        equal("what comes back is what was sent", echoed(connect(port), data) == data, True)
        gone = connect(port)
        gone.sendall(data[:190000])
        gone.close()
        equal("one that goes away stops nobody", echoed(connect(port), b"still here"), b"still here")
        equal("a silent connection is ended", silent.recv(1), b"")
        equal("and not at once", time.monotonic() - since >= 1.9, True)
        status, _, errors = run("echo.lua", "serve", str(port))
        equal("a port that is taken", (status, errors), (1, f"localhost, port {port}: Address already in use\n"))
        server.kill()
        server.communicate()
        server = start("echo.lua", "serve", str(port))
        equal("but one that is started again gets its port", server.stdout.readline(), f"127.0.0.1, port {port}\n")
    finally:
        server.kill()
        server.communicate()


class Answering(threading.Thread):
    """A server of one connection, that answers what f makes of what comes."""

    def __init__(self, f):
        super().__init__()
        self.f, self.listener = f, socket.create_server(("127.0.0.1", 0))
        self.port = str(self.listener.getsockname()[1])
        self.start()

    def run(self):
        connection, _ = self.listener.accept()
        with connection, self.listener:
            while data := connection.recv(65536):
                connection.sendall(self.f(data))


def test_clients():
    server = Answering(lambda data: data)
    equal("a client with a server of Python's", run("echo.lua", "talk", server.port, "1", "20"),
          (0, "1 client, 20 lines came back\n", ""))
    server.join()
    server = Answering(lambda data: data.replace(b"line 2", b"line 3"))
    equal("a line that comes back as another", run("echo.lua", "talk", server.port, "1", "20"),
          (1, "", "'client 1, line 2' came back as 'client 1, line 3'\n"))
    server.join()
    closed = socket.create_server(("127.0.0.1", 0))
    port = closed.getsockname()[1]
    closed.close()
    equal("a server that is not there", run("echo.lua", "talk", str(port), "3", "1"),
          (1, "", f"localhost, port {port}: Connection refused\n"))
    equal("a port that can't be", run("echo.lua", "talk", "65536"), (1, "", "localhost: no port is 65536\n"))
    equal("both in one process", run("echo.lua", "both", "40", "25"), (0, "40 clients, 1000 lines came back\n", ""))
    equal("a word that it doesn't know", run("echo.lua", "sing")[2].splitlines()[0],
          "usage: echo.lua serve PORT [SECONDS]")
    equal("nor is a server left behind where a number is none", run("echo.lua", "both", "3", "x"),
          (1, "", run("echo.lua", "sing")[2]))


test_lookup()
test_server()
test_clients()
print(f"{passed} passed, 0 failed")
