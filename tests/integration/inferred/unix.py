#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""unix.py MODE - uses Unix sockets as no pool does. On a line of input it does so, prints TRUTH, and stays until the next line.

  pairs  10 000 pairs of sockets, 100 at a time, with a word each way, as executors and shells do
  bus    one connection to a server, 10 000 questions
  log    two connections on which nothing is ever to be received, 10 000 lines
  short  10 000 connections one after the other, a question each
  both   two connections to a server with 10 000 questions on each, and the pairs as well
"""

import os
import signal
import socket
import sys

N, AT_A_TIME = 10000, 100


def listen():
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(os.environ["TMP"] + "/unix-%d.sock" % os.getpid())
    listener.listen(16)
    return listener


def serve_one(conn, is_deaf):
    while True:
        word = conn.recv(64)
        if not word:
            return
        if not is_deaf:
            conn.sendall(word)


def serve(listener, is_deaf):
    """In processes of its own; each ends with its connection, or with the listener's."""
    while True:
        conn, _ = listener.accept()
        if not os.fork():
            listener.close()
            serve_one(conn, is_deaf)
            os._exit(0)
        conn.close()


def connect(listener):
    conn = socket.socket(socket.AF_UNIX)
    conn.connect(listener.getsockname())
    return conn


def ask(conn):
    conn.sendall(b"word")
    conn.recv(64)


def pairs():
    for _ in range(N // AT_A_TIME):
        some = [socket.socketpair() for _ in range(AT_A_TIME)]
        for a, b in some:
            a.sendall(b"x")
            b.recv(1)
            b.sendall(b"x")
            a.recv(1)
        for a, b in some:
            a.close()
            b.close()


def main(mode):
    conns = []
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    listener = listen()
    server = os.fork()
    if not server:
        serve(listener, mode == "log")
    name = listener.getsockname()
    if mode in ("bus", "log", "both"):
        conns = [connect(listener) for _ in range(1 if mode == "bus" else 2)]
    if mode == "log":
        for c in conns:
            c.shutdown(socket.SHUT_RD)
    print("READY pid=%d" % os.getpid(), flush=True)
    sys.stdin.readline()
    if mode in ("pairs", "both"):
        pairs()
    for _ in range(N):
        if mode == "log":
            for c in conns:
                c.sendall(b"a line\n")
        elif mode == "short":
            with connect(listener) as c:
                ask(c)
        else:
            for c in conns:
                ask(c)
    print('TRUTH {"endpoint":"%s"}' % name, flush=True)
    sys.stdin.readline()
    os.kill(server, signal.SIGKILL)


main(sys.argv[1])
