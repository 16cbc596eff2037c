#!/usr/bin/env python3
"""An HTTP server for the tests of curl's programs, on any port of the loopback, which it prints. It serves the files of a
folder, and

/together/NAME  a file, once three clients are there for such
/hold           "held", once somebody asks for /release
/endless        bytes without an end, until the client is gone
/silent         some bytes, and then none, until the client is gone
/gone           how many clients of these two are gone; waits for one, but not for long
/elsewhere      sends the client to a file of its own

    curl_server.py FOLDER

SPDX-License-Identifier: MIT"""

import functools
import http.server
import sys
import threading

LONG = 60  # seconds: nobody waits for so long in a test that passes

three = threading.Barrier(3)
released = threading.Event()
gone = threading.Semaphore(0)


class Handler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def answer(self, content, length=None):
        self.send_response(200)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def together(self):
        three.wait(LONG)
        self.path = self.path.removeprefix("/together")
        super().do_GET()

    def hold(self):
        self.answer(b"held" if released.wait(LONG) else b"nobody came")

    def release(self):
        released.set()
        self.answer(b"released")

    def endless(self):
        self.answer(b"", 1 << 40)
        try:
            while True:
                self.wfile.write(b"more " * 1000)
        except OSError:
            gone.release()

    def silent(self):
        self.answer(b"some bytes", 100)
        self.wfile.flush()
        self.rfile.read(1)  # which is when the client closes its connection
        gone.release()

    def gone(self):
        self.answer(b"gone" if gone.acquire(timeout=LONG) else b"still there")

    def elsewhere(self):
        self.send_response(302)
        self.send_header("Location", "file:///etc/passwd")
        self.end_headers()

    def do_GET(self):
        own = {self.together, self.hold, self.release, self.endless, self.silent, self.gone, self.elsewhere}
        name = self.path.split("/")[1]
        {f.__name__: f for f in own}.get(name, super().do_GET)()


class Server(http.server.ThreadingHTTPServer):
    def handle_error(self, *_):
        """A client that leaves early is none."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(*_)


server = Server(("127.0.0.1", 0), functools.partial(Handler, directory=sys.argv[1]))
print(server.server_address[1], flush=True)
server.serve_forever()
