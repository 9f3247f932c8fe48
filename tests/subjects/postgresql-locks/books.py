# SPDX-License-Identifier: MIT
"""books.py - TRUTH of the sessions: what the server's log says of each wait, and what the clients measured of those in vain.

usage: books.py SERVER-LOG, with the JSON of load.py on stdin

  1764198050.123 [42] LOG:  process 42 acquired ExclusiveLock on advisory lock [16384,0,1,1] after 51.234 ms
  1764198050.123 [42] ERROR:  deadlock detected

With KEEP_OPS=FILE the waits of a session are operations in FILE.PID. The log's times are cut to milliseconds, so a wait ended up to one
later than it says; its operation has the latest moment possible, so as not to begin before the server's point.
"""
import json
import math
import os
import re
import sys
import time

OUTCOMES = {"lock_timeout": "timeout", "statement_timeout": "timeout", "cancel": "cancelled"}


def quantile(values, q):
    return sorted(values)[max(0, math.ceil(q * len(values)) - 1)]


sessions = {int(pid): s for pid, s in json.load(sys.stdin).items()}
waits = {pid: [] for pid in sessions}
ahead_ns = time.time_ns() - time.monotonic_ns()
log = open(sys.argv[1]).read()
for m in re.finditer(r"([\d.]+) \[(\d+)\] LOG:  process \d+ acquired ExclusiveLock on advisory lock .* after ([\d.]+) ms", log):
    if int(m.group(2)) in waits:
        waits[int(m.group(2))].append((int(float(m.group(1)) * 1e9) + 1_000_000 - ahead_ns, float(m.group(3))))
out = []
for i, (pid, s) in enumerate(sessions.items()):
    # a session alone waits for the first lock only, the others have a rival each time
    expected = s["got"] if len(sessions) > 1 else min(s["got"], 1)
    if os.environ["DEADLOCK"] == "1":
        expected = len(waits[pid])
    if len(waits[pid]) != expected:
        sys.exit("session %d: %d waits were expected, the server's log has %d" % (pid, expected, len(waits[pid])))
    truth = dict(pid=pid, acquires=expected, releases=expected, leaked=0, outcomes={})
    if expected:
        ms = [w for _, w in waits[pid]]
        truth.update(wait_sum_ms=round(sum(ms), 3), wait_p50_ms=quantile(ms, .5), wait_p99_ms=quantile(ms, .99))
    if s["gave_up"]:
        truth["outcomes"][OUTCOMES[os.environ["LIMITS"].split()[i]]] = s["gave_up"]
        truth["gave_up_ms"] = s["took_ms"]
    deadlocks = len(re.findall(r"\[%d\] ERROR:  deadlock detected" % pid, log))
    if deadlocks:
        truth["outcomes"]["failed"] = deadlocks
    truth["timeouts"] = truth["outcomes"].get("timeout", 0)
    out.append(truth)
    if os.environ.get("KEEP_OPS"):
        with open("%s.%d" % (os.environ["KEEP_OPS"], pid), "w") as ops:
            for end, ms in waits[pid]:
                ops.write("%d %d %d %d\n" % (end - ms * 1e6, end, end, end))
print("TRUTH", json.dumps(dict(pid=out[0]["pid"], kind="lock", sessions=out)))
