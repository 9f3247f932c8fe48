# SPDX-License-Identifier: MIT
"""select-loop.py KIND PORT - servers that are no pool of workers: `select`, two processes that serve many connections at once with select(); `fork`, a
process that waits in poll() for connections and makes a child for each, which keeps the listening socket. A request takes 20 ms."""

import os
import select
import socket
import socketserver
import sys
import time

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok\n"


def loop(server):
    due = {}  # of each request
    conns = [server]
    while True:
        ready = select.select(conns, [], [], 0.005 if due else None)[0]
        for c in ready:
            if c is server:
                try:
                    conns.append(server.accept()[0])
                except BlockingIOError:
                    pass
            elif c.recv(4096):
                due[c] = time.monotonic() + 0.02
            else:
                conns.remove(c)
                due.pop(c, None)
                c.close()
        for c in [c for c in due if due[c] <= time.monotonic()]:
            del due[c]
            c.send(ANSWER)


class Child(socketserver.BaseRequestHandler):
    def handle(self):
        while self.request.recv(4096):
            time.sleep(0.02)
            self.request.send(ANSWER)


class Forking(socketserver.ForkingMixIn, socketserver.TCPServer):
    request_queue_size = 64
    allow_reuse_address = True
    max_children = 100


if sys.argv[1] == "fork":
    Forking(("127.0.0.1", int(sys.argv[2])), Child).serve_forever()
s = socket.create_server(("127.0.0.1", int(sys.argv[2])), backlog=64)
s.setblocking(False)
os.fork()
loop(s)
