# SPDX-License-Identifier: MIT
"""THREADS FastCGI clients with ITERS requests each, one connection per request; LEAK more requests never end. With the argument
`status` it prints php-fpm's own status page as a JSON object instead; with `hold`, the folder and the socket of a running subject and
a number it makes so many requests that never end, prints OUT, and ends with its standard input."""

import json
import os
import socket
import struct
import sys
import threading
import time

BEGIN, PARAMS, STDIN = 1, 4, 5


def record(kind, body=b""):
    return struct.pack("!BBHHBB", 1, kind, 1, len(body), 0, 0) + body


def pair(name, value):
    sizes = b"".join(struct.pack("!B", len(s)) if len(s) < 128 else struct.pack("!I", len(s) | 1 << 31) for s in (name, value))
    return sizes + name + value


def connect(address):
    """A Unix socket by its path, or a port of 127.0.0.1."""
    if not address.startswith("/"):
        return socket.create_connection(("127.0.0.1", int(address)), timeout=60)
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(60)
    s.connect(address)
    return s


def send(address, **params):
    params = {"REQUEST_METHOD": "GET", "SERVER_PROTOCOL": "HTTP/1.1", **params}
    body = b"".join(pair(k.encode(), str(v).encode()) for k, v in params.items())
    s = connect(address)
    s.sendall(record(BEGIN, b"\0\1\0\0\0\0\0\0") + record(PARAMS, body) + record(PARAMS) + record(STDIN))
    return s


def answer(s):
    with s:
        return b"".join(iter(lambda: s.recv(65536), b""))


def status():
    text = answer(send(os.environ["STATUS_PORT"], SCRIPT_NAME="/status", SCRIPT_FILENAME="/status", QUERY_STRING="json"))
    return text[text.index(b"{"):text.rindex(b"}") + 1].decode()


def sleep(ms):
    tmp = os.environ["TMP"]
    return send(os.environ["ADDRESS"], SCRIPT_FILENAME=tmp + "/sleep.php", MS=ms, OUT=tmp + "/server.ops")


def worker(failed):
    for _ in range(int(os.environ["ITERS"])):
        if b"ok" not in answer(sleep(os.environ["QUERY_MS"])):
            failed.append(1)
        time.sleep(int(os.environ["THINK_MS"]) / 1000)


def load():
    failed = []
    leaked = [sleep(-1) for _ in range(int(os.environ["LEAK"]))]
    threads = [threading.Thread(target=worker, args=(failed,)) for _ in range(int(os.environ["THREADS"]))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    for s in leaked:
        s.close()
    sys.exit(len(failed))


def hold(tmp, address, n):
    os.environ.update(TMP=tmp, ADDRESS=address)
    held = [sleep(-1) for _ in range(int(n))]
    print("OUT", len(held), flush=True)
    sys.stdin.read()


if sys.argv[1:] == ["status"]:
    print(status())
elif sys.argv[1:2] == ["hold"]:
    hold(*sys.argv[2:])
else:
    load()
