# SPDX-License-Identifier: MIT
"""app.py - a WSGI application that takes QUERY_MS for a request, asleep or (SPIN=1) at work, and notes `pid begin end` in $TMP/server.ops; /hold takes
until $TMP/release is there."""

import os
import time

QUERY_NS, SPIN, TMP = int(os.environ["QUERY_MS"]) * 1000000, int(os.environ["SPIN"]), os.environ["TMP"]
ops = os.open(TMP + "/server.ops", os.O_WRONLY | os.O_APPEND | os.O_CREAT)


def is_over(begin, path):
    if path == "/hold":
        return os.path.exists(TMP + "/release")
    return time.monotonic_ns() - begin >= QUERY_NS


def application(environ, start_response):
    begin = time.monotonic_ns()
    path = environ["PATH_INFO"]
    while not is_over(begin, path):
        if not SPIN:
            time.sleep(0.01 if path == "/hold" else QUERY_NS / 1e9)
    os.write(ops, b"%d %d %d\n" % (os.getpid(), begin, time.monotonic_ns()))
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "3")])
    return [b"ok\n"]
