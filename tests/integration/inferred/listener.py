# SPDX-License-Identifier: MIT
"""listener.py - listens with a backlog of 5 in a network of its own and never accepts; 23 clients connect, and wait. On a line of input it prints
how many connections the kernel turned away there, on the next one it becomes another program that has the same socket."""

import fcntl
import os
import socket
import struct
import sys

BACKLOG, CLIENTS, UP = 5, 23, 1
SIOCSIFFLAGS = 0x8914


def drops():
    """ListenDrops of this network namespace."""
    names, values = [line.split() for line in open("/proc/net/netstat") if line.startswith("TcpExt:")]
    return int(values[names.index("ListenDrops")])


def wait():
    os.read(0, 100)


if sys.argv[1:]:
    wait()
    sys.exit()
with socket.socket() as s:
    fcntl.ioctl(s, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", UP))
server = socket.socket()
server.bind(("127.0.0.1", 0))
server.listen(BACKLOG)
print("READY port=%d" % server.getsockname()[1], flush=True)
wait()
clients = [socket.socket() for _ in range(CLIENTS)]
for c in clients:
    c.setblocking(False)
    c.connect_ex(server.getsockname())
print("CONNECTING", flush=True)
wait()
for c in clients:
    c.close() # or they would try again
print("DROPS %d" % drops(), flush=True)
wait()
os.set_inheritable(server.fileno(), True)
os.execv(sys.executable, [sys.executable, __file__, "stay"])
