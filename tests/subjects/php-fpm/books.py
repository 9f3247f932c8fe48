# SPDX-License-Identifier: MIT
"""books.py BEFORE AFTER - the facts of a run of php-fpm, from its status page before and after the load, its access log and the notes of
the script. Also writes the operations into $OPS and those of each child into $OPS.PID: they begin when the script does and take as long
as the access log says, in which a child's requests stand in the order in which it ran them."""

import json
import math
import os
import sys

before, after = map(json.loads, sys.argv[1:])
notes, took = {}, {}
for line in open(os.environ["TMP"] + "/server.ops"):
    pid, begin, end = map(int, line.split())
    notes.setdefault(pid, []).append((begin, end))
for line in open(os.environ["TMP"] + "/access.log"):
    pid, us = map(int, line.split())
    took.setdefault(pid, []).append(us / 1000)


def quantile(values, q):
    return sorted(values)[max(0, math.ceil(q * len(values)) - 1)]


def operations(pid):
    begun, ms = notes[pid], took.get(pid, [])
    ended = [begin for begin, end in begun if end]
    if len(ms) != len(ended):
        sys.exit("child %d: %d requests in the access log, %d in the notes of the script" % (pid, len(ms), len(ended)))
    ops = [(begin, begin, begin + round(t * 1e6), begin + round(t * 1e6)) for begin, t in zip(ended, ms)]
    return ops + [(begin, begin, 0, 0) for begin, end in begun if not end]


def write(path, ops):
    with open(path, "w") as out:
        out.writelines("%d %d %d %d\n" % o for o in ops)


def child(pid, ops):
    n, ms = len(ops), took.get(pid, [])
    write("%s.%d" % (os.environ["OPS"], pid), ops)
    facts = {"pid": pid, "capacity": 1, "acquires": n, "releases": len(ms), "timeouts": 0, "leaked": n - len(ms)}
    if ms:
        facts.update(hold_sum_ms=sum(ms), hold_p50_ms=quantile(ms, .5), hold_p99_ms=quantile(ms, .99))
    return facts


all_ops = {pid: operations(pid) for pid in sorted(notes)}
children = [child(pid, ops) for pid, ops in all_ops.items()]
write(os.environ["OPS"], sorted(o for ops in all_ops.values() for o in ops))
print(json.dumps({"pool": "www", "kind": "worker", "library": "php-fpm", "children": children,
                  "books": {"acquires": after["accepted conn"] - before["accepted conn"], "in_use": after["active processes"],
                            "children": after["total processes"], "max_listen_queue": after["max listen queue"]}}))
