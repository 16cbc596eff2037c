#!/usr/bin/env python3
"""The other end of echo.lua, for its tests.

    uv_peer.py clients PORT    many clients at once, each of which must get back what it has sent
    uv_peer.py rude PORT       clients that send and are gone, some with their connections reset
    uv_peer.py silent PORT     one that says something, and prints so, and then nothing, until the server closes its connection;
                               prints how long that was
    uv_peer.py serve FIRST     prints a port, serves one client: sends back what comes, byte by byte; FIRST is how many
                               bytes come back before it closes the connection

SPDX-License-Identifier: MIT"""

import os
import socket
import struct
import sys
import threading
import time


def connect():
    return socket.create_connection(("127.0.0.1", int(sys.argv[2])), 60)


def read_all(peer):
    return b"".join(iter(lambda: peer.recv(65536), b""))


def one_client(size, wrong):
    sent = os.urandom(size)
    with connect() as peer:
        def send():
            peer.sendall(sent)
            peer.shutdown(socket.SHUT_WR)
        sender = threading.Thread(target=send)
        sender.start()
        got = read_all(peer)
        sender.join()
    if got != sent:
        wrong.append(size)


def clients():
    wrong = []
    sizes = [1 << (i % 20) for i in range(40)] + [0, 3000000]
    threads = [threading.Thread(target=one_client, args=(size, wrong)) for size in sizes]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, f"of these sizes something else came back: {wrong}"
    print(sum(sizes))


def rude():
    for i in range(20):
        peer = connect()
        peer.sendall(b"x" * 200000)
        if i % 2 == 0:
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        peer.close()


def silent():
    with connect() as peer:
        began = time.monotonic()
        peer.sendall(b"hello")
        assert peer.recv(100) == b"hello"
        print("here", flush=True)
        assert read_all(peer) == b""
        print(f"{time.monotonic() - began:.3f}")


def serve():
    listener = socket.create_server(("127.0.0.1", 0))
    print(listener.getsockname()[1], flush=True)
    peer, left = listener.accept()[0], int(sys.argv[2])
    while left > 0 and (text := peer.recv(65536)):
        for byte in text[:left]:
            peer.sendall(bytes([byte]))
        left -= len(text)


{"clients": clients, "rude": rude, "silent": silent, "serve": serve}[sys.argv[1]]()
