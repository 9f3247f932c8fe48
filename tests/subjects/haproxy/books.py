# SPDX-License-Identifier: MIT
"""books.py - haproxy's own books: the counters of its servers over the stats socket, and its request log.

  ... back/slot TR/Tw/Tc/Tr/Ta 200 123 - - ---- 1/1/0/0/0 3/0 "GET ..."

Tw is the time in the queue, what is left of Ta without TR and Tw the time with the slot. Before the last pair are the termination
flags (sQ = the time in the queue was up, CQ = the client left it); the pair is how many were passed in the queue of the server and
in that of the backend (0/0 = was in none).

The surprise: the border between the two times is early by up to 0.4 ms. haproxy reads its clock once per round of its loop, and the
round that takes a request out of the queue has served others before; so only the sum of both is good to 1 %.
"""
import json
import os
import re
import socket
import sys

tmp = os.environ["TMP"]
with socket.socket(socket.AF_UNIX) as s:
    s.connect(tmp + "/stats.sock")
    s.sendall(b"show stat\n")
    data = b"".join(iter(lambda: s.recv(65536), b"")).decode()
rows = [line.split(",") for line in data.splitlines() if line]
header = [name.strip("# ") for name in rows[0]]
rows = [dict(zip(header, r)) for r in rows[1:]]
backend, = [row for row in rows if row["svname"] == "BACKEND"]
servers = [row for row in rows if row["svname"].startswith("slot")]


def of_servers(key):
    return sum(int(row[key]) for row in servers)


LINE = re.compile(r"back/\S+ (-?\d+)/(-?\d+)/(-?\d+)/(-?\d+)/\+?(\d+) -?\d+ \d+ \S+ \S+ (\S+) \S+ (\d+)/(\d+) ")
got, failed, left, queued = [], [], [], 0
for m in LINE.finditer(open(tmp + "/log").read()):
    request, wait, _, answer, total = map(int, m.groups()[:5])
    if m.group(6).startswith("sQ"):
        failed.append(wait)
    elif m.group(6).startswith("CQ"):
        left.append(wait)
    elif answer >= 0:
        got.append(total - request)
    queued += m.group(7) != "0" or m.group(8) != "0"
gave_up = sum(line.split()[1] == "0" for line in open(os.environ["OPS"]))
if len(got) != of_servers("stot") or gave_up != len(failed) + len(left):
    sys.exit("haproxy gave %s slots and logged %d; it logged %d and %d that left the queue, of %d" %
             (of_servers("stot"), len(got), len(failed), len(left), gave_up))
print(json.dumps({
    "pool": "back", "kind": "connection", "library": "haproxy", "capacity": of_servers("slim"), "timeouts": len(failed), "cancelled": len(left),
    "queued": queued, "books": {"acquires": of_servers("stot"), "wait_and_hold_sum_ms": sum(got), "gave_up_sum_ms": sum(failed) + sum(left),
                                "queue_max": int(backend["qmax"]), "in_use_max": int(backend["smax"])}}))
