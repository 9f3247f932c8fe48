# SPDX-License-Identifier: MIT
"""subject.py FAMILY - see run."""
import ctypes
import json
import os
import select
import signal
import socket
import struct
import sys
import threading
import time

FAMILY, HOST = (socket.AF_INET6, "::1") if sys.argv[1] == "6" else (socket.AF_INET, "127.0.0.1")
# how many of each; all different, so that none can be taken for another
AT_ONCE, AFTER_A_SECOND, BY_SERVER, RESET_BY_SERVER, RESET_BY_US, UNREAD, KEPT, UNANSWERED = 11, 3, 7, 5, 2, 1, 4, 1
REFUSED, SYN_UNANSWERED, GIVEN_UP = 5, 1, 3


def end(s, abort=False):
    if abort:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()


def serve(s, keep):
    """The first byte says what to do with the connection; every request is answered by a byte."""
    wish = s.recv(1)
    if wish == b"u":
        s.sendall(b"more")
    s.sendall(b".")
    if wish == b"f":
        end(s)
    elif wish == b"r":
        time.sleep(0.05)  # so that the answer is read before
        end(s, abort=True)
    elif wish == b"z":
        keep.append(s)  # and never read
    else:
        try:
            s.recv(1)
        except ConnectionResetError:
            pass
        end(s)


def server(tell):
    listener, port = listen(128)
    os.write(tell, b"%d" % port)
    os.close(tell)
    keep = []
    while True:
        s, _ = listener.accept()
        threading.Thread(target=serve, args=(s, keep), daemon=True).start()


def listen(backlog):
    s = socket.socket(FAMILY)
    s.bind((HOST, 0))
    s.listen(backlog)
    return s, s.getsockname()[1]


def start_server():
    """Another process, so that the ends of a connection are of two."""
    told, tell = os.pipe()
    pid = os.fork()
    if not pid:
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG: it ends with us, however we end
        server(tell)
    os.close(tell)
    return pid, int(os.read(told, 16))


def name(port):
    return "[0:0:0:0:0:0:0:1]:%d" % port if FAMILY == socket.AF_INET6 else "%s:%d" % (HOST, port)


def ask(port, wish):
    s = socket.create_connection((HOST, port))
    s.sendall(wish)
    assert s.recv(1)
    return s, time.monotonic()


def wait_for(s, events):
    poll = select.poll()
    poll.register(s, events)
    assert poll.poll(10000)


def connections(port):
    """All that is done with connections that come about; returns those kept, the time without data, when the first of the kept was closed."""
    idle = 0

    def close(s, since, abort=False):
        nonlocal idle
        idle += time.monotonic() - since
        end(s, abort)

    for _ in range(AT_ONCE):
        close(*ask(port, b"e"))
    waiting = [ask(port, b"e") for _ in range(AFTER_A_SECOND)]
    time.sleep(1.3)
    for s, since in waiting:
        close(s, since)
    for _ in range(BY_SERVER):
        s, _ = ask(port, b"f")
        wait_for(s, select.POLLRDHUP)
        end(s)
    for _ in range(RESET_BY_SERVER):
        s, _ = ask(port, b"r")
        wait_for(s, select.POLLERR)
        end(s)
    for _ in range(RESET_BY_US):
        close(*ask(port, b"e"), abort=True)
    for _ in range(UNREAD):
        s, since = ask(port, b"u")
        time.sleep(0.05)
        close(s, since)
    kept = [ask(port, b"f")[0] for _ in range(KEPT)]
    wait_for(kept[0], select.POLLRDHUP)
    first = time.monotonic()
    for _ in range(UNANSWERED):  # the other end takes nothing more, and the probes of its window are one too many
        s, _ = ask(port, b"z")
        s.setsockopt(socket.IPPROTO_TCP, 18, 1000)  # TCP_USER_TIMEOUT
        s.setblocking(False)
        try:
            while True:
                s.send(b"x" * 65536)
        except BlockingIOError:
            pass
        wait_for(s, select.POLLERR)
        end(s)
    return kept, idle, first


def failures(port_refused, port_full):
    for _ in range(REFUSED):
        try:
            socket.create_connection((HOST, port_refused))
        except ConnectionRefusedError:
            continue
        sys.exit("nobody refused")
    for _ in range(SYN_UNANSWERED):
        s = socket.socket(FAMILY)
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_SYNCNT, 1)
        try:
            s.connect((HOST, port_full))
        except TimeoutError:
            end(s)
            continue
        sys.exit("somebody answered")
    for _ in range(GIVEN_UP):
        s = socket.socket(FAMILY)
        s.settimeout(0.1)
        try:
            s.connect((HOST, port_full))
        except TimeoutError:
            end(s)
            continue
        sys.exit("somebody answered")


def main():
    print("READY pid=%d" % os.getpid(), flush=True)
    sys.stdin.readline()
    child, port = start_server()
    full, port_full = listen(0)
    gone, port_refused = listen(1)
    gone.close()
    in_queue = [socket.create_connection((HOST, port_full))]  # a backlog of 0 is one place
    kept, idle, first = connections(port)
    failures(port_refused, port_full)
    by_us = AT_ONCE + AFTER_A_SECOND + RESET_BY_US + UNREAD
    print("TRUTH", json.dumps({"pid": os.getpid(), "server": child, "first_kept_ns": int(first * 1e9), "endpoints": {
        name(port): {
            "closed_by": {"local_closed": by_us, "peer_closed": BY_SERVER, "reset": RESET_BY_SERVER, "timed_out": UNANSWERED},
            "closed_idle": AFTER_A_SECOND, "idle_before_close_seconds": idle, "close_wait": KEPT, "open": KEPT,
            "opened": by_us + BY_SERVER + RESET_BY_SERVER + UNANSWERED + KEPT, "open_failures_by": {}},
        name(port_refused): {"opened": 0, "open_failures_by": {"refused": REFUSED}, "close_wait": 0},
        name(port_full): {"opened": len(in_queue), "open_failures_by": {"timed_out": SYN_UNANSWERED, "given_up": GIVEN_UP}},
    }, "listener": {"closed_by": {"local_closed": BY_SERVER + RESET_BY_SERVER + KEPT, "peer_closed": AT_ONCE + AFTER_A_SECOND,
                                  "reset": RESET_BY_US + UNREAD}, "close_wait": 0}}), flush=True)
    sys.stdin.readline()
    for s in kept:
        s.close()
    print("CLOSED", flush=True)
    sys.stdin.readline()


main()
