#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""on_terminal.py run OUT ROWS COLUMNS SECONDS COMMAND... - runs a command on a terminal of that size, gives it Ctrl-C so long after its first output, keeps what it wrote, and
prints how it ended.

on_terminal.py judge OUT ROWS COLUMNS - whether that was several pictures, each drawn from the first line on, in no more lines and columns than there are, with
no control character but those that draw them.
"""
import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
import unicodedata


def run(out, rows, columns, seconds, *command):
    pid, fd = pty.fork()
    if pid == 0:
        time.sleep(0.1)  # until the terminal has its size
        os.environ.update(TERM="xterm", LC_ALL="C.UTF-8")
        os.execv(command[0], command)
    fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack("HHHH", int(rows), int(columns), 0, 0))
    data, end = b"", time.monotonic() + 30  # should there be no output at all
    while True:
        if end and time.monotonic() > end:
            os.write(fd, b"\x03")
            end = None
        if not select.select([fd], [], [], 0.05)[0]:
            continue
        try:
            chunk = os.read(fd, 65536)
        except OSError:  # nobody has the other end any more
            break
        if not chunk:
            break
        if not data:
            end = time.monotonic() + float(seconds)
        data += chunk
    with open(out, "wb") as f:
        f.write(data)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))


def width(line):
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in line)


def judge(out, rows, columns):
    with open(out, encoding="utf-8", newline="") as f:
        text = f.read().replace("\x1b[2J", "").replace("^C", "")
    pictures = [p.split("\x1b[J")[0] for p in text.split("\x1b[H")[1:] if "\x1b[J" in p]
    problems = [] if len(pictures) >= 3 else [f"{len(pictures)} pictures"]
    for picture in pictures:
        lines = picture.replace("\x1b[K", "").split("\r\n")
        if len(lines) > int(rows):
            problems.append(f"{len(lines)} lines")
        problems += [f"{width(l)} columns: {l}" for l in lines if width(l) > int(columns)]
        problems += [repr(l) for l in lines if re.search(r"[\x00-\x1f\x7f-\x9f]", l)]
    sys.exit("\n".join(problems[:5]) if problems else 0)


{"run": run, "judge": judge}[sys.argv[1]](*sys.argv[2:])
