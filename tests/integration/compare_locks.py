#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_locks.py TRUTH LOCKS - sets what a subject's own locks made its threads wait (tests/subjects/locks) beside `poolscope locks --json`.

Prints a table; ends with 1 when a number is off, a lock is missing, or one is told of that the subject has not.

Tolerances: waits 2 %, for a thread that was woken and found the lock taken once more may by its times look like one that waits anew;
the sum 5 %, for it is timed around the call, and what a thread does before it sleeps is no wait to the kernel; timeouts up to 5 % more, for
who is woken by the timer and given the lock before it runs has not given up, but nothing tells that from outside.
"""
import json
import sys

truth, listed = (json.load(open(path)) for path in sys.argv[1:3])
rows = {row["address"]: row for row in listed["locks"]}
bad = 0


def within(want, got, percent):
    return abs(got - want) <= percent / 100 * want


print("%-18s %7s %7s %10s %10s %9s %9s" % ("lock", "waits", "told", "ms", "told", "timeouts", "told"))
for lock in truth["locks"]:
    row = rows.pop(lock["address"], None)
    if lock["rough"] or (row is None and (not lock["waits"] or not lock["shared"])):
        continue  # others call its lock as well; nobody waited, or a single thread, of which it cannot be told
    if row is None:
        row = {"wait": {"count": 0, "sum_seconds": 0}, "timeouts": 0, "lock": "-", "waiting": 0}
    waits, ms = row["wait"]["count"], row["wait"]["sum_seconds"] * 1e3
    fine = (within(lock["waits"], waits, 2) and within(lock["wait_ms"], ms, 5) and lock["timeouts"] <= row["timeouts"] <= 1.05 * lock["timeouts"] and
            row["waiting"] == 0 and (row["lock"] == "locks:" + lock["name"] or lock["name"] == "a heap's"))
    print("%-18s %7d %7d %10.1f %10.1f %9d %9d  %s  %s" % (lock["name"], lock["waits"], waits, lock["wait_ms"], ms, lock["timeouts"],
                                                       row["timeouts"], row["lock"], "ok" if fine else "MISMATCH"))
    bad += not fine
for row in rows.values():
    print("%s (%s): it is no lock: %d waits" % (row["lock"], row["address"], row["wait"]["count"]))
    bad += 1
sys.exit(bad)
