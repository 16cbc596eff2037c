#!/usr/bin/env python3
"""lookup.lua asks for all names at once: a name server of ours answers none before it was asked for each of them.

    lookup.py FOLDER LUA [NAME=VALUE ...]    the folder of callgate.so, which Lua, and what its environment is to have

The server is the system's in a network of the test's own, which unshare makes. Where it may not, the test is skipped;
with GATE_SKIPS=none that fails for who has leave to administer the system.

SPDX-License-Identifier: MIT
"""
import fcntl
import os
import socket
import struct
import subprocess
import sys
import tempfile
import threading

NAMES = [f"host{i}.example" for i in range(1, 9)]
INTERFACE_FLAGS, UP_AND_RUNNING = 0x8914, 0x41
SYSTEM_ADMINISTRATION = 21  # a capability's number
ADDRESS = 1  # the type of a question for an address of four bytes


def start_network():
    """The loopback interface is there, but down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, INTERFACE_FLAGS, struct.pack("16sh14x", b"lo", UP_AND_RUNNING))


def replace(path, text):
    """The file has that text, for this process and its children."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(text)
        file.flush()
        os.chmod(file.name, 0o644)
        subprocess.run(["mount", "--bind", file.name, os.path.realpath(path)], check=True)


def name_in(query):
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1:at + 1 + query[at]].decode())
        at += 1 + query[at]
    return ".".join(labels), at + 1


def answer(query):
    """hostN.example has the address 10.0.0.N, and none of any other kind."""
    name, after = name_in(query)
    has_one = struct.unpack_from("!H", query, after)[0] == ADDRESS
    header = query[:2] + struct.pack("!HHHHH", 0x8180, 1, has_one, 0, 0)
    address = bytes([10, 0, 0, NAMES.index(name) + 1])
    record = struct.pack("!HHHIH", 0xC00C, ADDRESS, 1, 60, 4) + address if has_one else b""
    return header + query[12:after + 4] + record


def serve(server):
    asked, waiting = set(), []
    while True:
        query, client = server.recvfrom(512)
        asked.add(name_in(query)[0])
        waiting.append((query, client))
        while len(asked) == len(NAMES) and waiting:
            query, client = waiting.pop()
            server.sendto(answer(query), client)


def inside(folder, lua, *environment):
    start_network()
    replace("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:20 attempts:1\n")
    replace("/etc/nsswitch.conf", "hosts: dns\n")
    server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    server.bind(("127.0.0.1", 53))
    threading.Thread(target=serve, args=(server,), daemon=True).start()
    environment = {**os.environ, **dict(word.split("=", 1) for word in environment), "LUA_CPATH": folder + "/?.so"}
    result = subprocess.run([lua, "examples/lua/programs/net/lookup.lua", *NAMES], env=environment, text=True, timeout=100,
                            stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    wanted = "".join(f"{name}\t10.0.0.{i + 1}\n" for i, name in enumerate(NAMES))
    if (result.returncode, result.stdout) != (0, wanted):
        sys.exit(f"FAILED: status {result.returncode}\n{result.stdout}")
    print("1 passed, 0 failed")


def may_administer():
    with open("/proc/self/status") as status:
        line = next(line for line in status if line.startswith("CapEff:"))
    return bool(int(line.split()[1], 16) >> SYSTEM_ADMINISTRATION & 1)


if sys.argv[1] == "--inside":
    inside(*sys.argv[2:])
elif subprocess.run(["unshare", "-rmn", "true"], stderr=subprocess.DEVNULL).returncode:
    if os.environ.get("GATE_SKIPS") == "none" and may_administer():
        sys.exit("FAILED: unshare is refused, though there is leave for it")
    print("SKIPPED: lookup.py: unshare may make no network here")
else:
    os.execvp("unshare", ["unshare", "-rmn", sys.executable, sys.argv[0], "--inside", *sys.argv[1:]])
