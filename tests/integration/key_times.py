#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""key_times.py N COMMAND... - how long from a key to the screen, and what a refresh costs the program that draws, at 200 columns by 60 lines.

Presses Down six times and PageUp (each moves the chosen line, the first one too) until N have been answered, each when the terminal has been quiet for a while, and takes the time to the first byte
that comes back. Then leaves it alone for some seconds and reads its CPU time. Prints {"key_ms": {"median", "longest"}, "cpu_ms": per refresh,
"refreshes"}; fails when a key is not answered within 5 s.
"""
import fcntl
import json
import os
import pty
import select
import signal
import struct
import sys
import termios
import time

QUIET_S, ALONE_S, INTERVAL_S = 0.12, 10, 0.5


def cpu_s(pid):
    with open("/proc/%d/stat" % pid, encoding="ascii", errors="replace") as f:
        fields = f.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def read_for(fd, quiet, most):
    """All that comes until it is quiet for so long, or that much time is over: it draws anew all the time."""
    n, end = 0, time.monotonic() + most
    while time.monotonic() < end and select.select([fd], [], [], quiet)[0]:
        n += len(os.read(fd, 65536))
    return n


def press(fd, key):
    begin = time.monotonic()
    os.write(fd, key)
    if not select.select([fd], [], [], 5)[0]:
        sys.exit("a key was not answered within 5 s")
    return time.monotonic() - begin


def main():
    pid, fd = pty.fork()
    if pid == 0:
        os.environ.update(TERM="xterm-256color", LC_ALL="C.UTF-8")
        os.execvp(sys.argv[2], sys.argv[2:])
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", 60, 200, 0, 0))
    if not read_for(fd, 1.5, 1.5):
        sys.exit("nothing was drawn")
    times = []
    for i in range(int(sys.argv[1])):
        times.append(press(fd, b"\x1bOB" if i % 7 < 6 else b"\x1b[5~"))
        read_for(fd, QUIET_S, 0.3)
    before, begin, n = cpu_s(pid), time.monotonic(), 0
    while time.monotonic() - begin < ALONE_S:
        if select.select([fd], [], [], 0.1)[0] and os.read(fd, 65536):
            n += 1
    refreshes = ALONE_S / INTERVAL_S
    spent = cpu_s(pid) - before
    os.kill(pid, signal.SIGTERM)
    os.waitpid(pid, 0)
    times.sort()
    print(json.dumps({"key_ms": {"median": round(times[len(times) // 2] * 1e3, 1), "longest": round(times[-1] * 1e3, 1)},
                      "cpu_ms": round(spent / refreshes * 1e3, 1), "refreshes": refreshes, "drawn": n}))


if __name__ == "__main__":
    main()
