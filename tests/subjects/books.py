#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""books.py FACTS - the operations of a server of HTTP into $OPS, and its facts on stdout: from its own log of accesses in $TMP/access.log,
`pid begin_us us`, or `pid us` beside the notes of its handler in $TMP/server.ops (`pid begin end`). In both a worker's requests stand in the
order in which it had them. An operation begins when the handler does and takes as long as the log says."""

import json
import os
import sys
import time

notes, took, ops = {}, {}, []
since = time.time_ns() - time.monotonic_ns()
for line in open(os.environ["TMP"] + "/access.log"):
    pid, *times = map(int, line.strip("<\n").replace(">", "").split())
    if len(times) == 2:
        ops.append((times[0] * 1000 - since, times[1]))
    else:
        took.setdefault(pid, []).append(times[0])
for line in open(os.environ["TMP"] + "/server.ops") if took else ():
    pid, begin, _ = map(int, line.split())
    notes.setdefault(pid, []).append(begin)
for pid, begins in notes.items():
    if len(begins) != len(took.get(pid, [])):
        sys.exit("worker %d: %d requests in its log, %d notes of the handler" % (pid, len(took.get(pid, [])), len(begins)))
    ops += zip(sorted(begins), took[pid])
with open(os.environ["OPS"], "w") as out:
    out.writelines("%d %d %d %d\n" % (b, b, b + us * 1000, b + us * 1000) for b, us in sorted(ops))
print(json.dumps(dict(json.loads(sys.argv[1]), books={"acquires": len(ops)})))
