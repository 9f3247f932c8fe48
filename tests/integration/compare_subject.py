#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_subject.py - sets what a subject (tests/subjects) knows of its pool beside what the agent says it saw.

usage: compare_subject.py TRUTH.json LIST.json --library NAME [--ops FILE] [--log FILE] [--part workers] [--percent P] [--skip KEY]...

TRUTH.json is the object of the subject's TRUTH line; its pool is the row of LIST.json with this library and the subject's pid.
With --ops the truth is taken from the subject's log of operations, from the moment on at which the agent began to count: for an
agent that came in the middle. Then a count may be off by --slack, the operations that were in progress at that moment. With
--by-entry calls that began before are none of the agent's: it knows the pool only by the arguments of the entry. With --by-task
neither are their releases: it knows a task only by its beginning.

  acquires, releases, timeouts, leaked   equal (in the middle: but for leaked off by at most --slack)
  capacity                               equal
  sums of wait and hold                  within --percent (1), or within --event-us (20) for each operation when that is more: two probes and
                                         their bookkeeping lie between the subject's clock and the agent's, and where they
                                         are seldom hit each finds cold caches and takes 3 to 6 us, one that is single-stepped
                                         10 to 16 us more; that is what a trap takes on an ordinary machine, and $TRAP_TIMES
                                         as much here (trap-times). With --books-wait
                                         the wait is the library's own (books.wait_sum_ms, with those that gave up), not the
                                         log's, in which opening a connection is waiting, too
  p50 and p99 of wait and hold           within 10 %, or within 0.5 ms when that is more: the subject's clock is read outside the
                                         library, and a wait of that size is its own scheduling. With the log of operations (--log, or
                                         --ops) p99 may also be as near to what is at 98.5 % or at 99.5 % of them: a hundredth of a
                                         few hundred is three, and one more or less decides
  nothing negative, and trusted
  with --waitless all that is of waits is null

Prints a table; ends with 1 when anything does not match.
"""
import argparse
import json
import math
import os
import sys

FLOOR_S = 0.0005


def quantile(values, q):
    return values[max(0, math.ceil(q * len(values)) - 1)] if values else 0


def truth_since(path, since_ns, options):
    """The truth of the operations that the agent could see from since_ns on."""
    ops = [tuple(map(int, line.split())) for line in open(path)]
    got = [o for o in ops if o[1] and o[0 if options.by_entry or options.by_task else 1] > since_ns]
    back = [o for o in got if o[2]]
    releases = len(back) if options.by_task else sum(o[2] > since_ns for o in ops)
    waits = sorted(o[1] - o[0] for o in got if o[0] > since_ns)
    holds = sorted(o[2] - o[1] for o in back)
    return dict(acquires=len(got), releases=releases, timeouts=sum(not o[1] and o[3] > since_ns for o in ops),
                leaked=sum(bool(o[1]) and not o[2] for o in ops), wait_sum_ms=sum(waits) / 1e6, hold_sum_ms=sum(holds) / 1e6,
                wait_p50_ms=quantile(waits, .5) / 1e6, wait_p99_ms=quantile(waits, .99) / 1e6,
                hold_p50_ms=quantile(holds, .5) / 1e6, hold_p99_ms=quantile(holds, .99) / 1e6)


def about_p99(path):
    """Waits and holds in s at 98.5 % and at 99.5 % of the operations."""
    ops = [tuple(map(int, line.split())) for line in open(path)]
    times = {"wait": sorted(o[1] - o[0] for o in ops if o[1]), "hold": sorted(o[2] - o[1] for o in ops if o[1] and o[2])}
    return {name: [quantile(v, q) / 1e9 for q in (.985, .995)] for name, v in times.items()}


def negatives(row):
    return [k for k, v in row.items() if isinstance(v, (int, float)) and not isinstance(v, bool) and v < 0]


def rows_of(truth, row, options):
    """Yields (what, truth, found, fine)."""
    found = dict(row, leaked=row["in_use"])
    if options.named:
        yield "name", truth["pool"], row["name"], truth["pool"] == row["name"]
    if options.waitless:
        options.skip += ["timeouts", "wait_sum", "wait_p50", "wait_p99"]
        for key in ("wait", "wait_failed", "timeouts", "pending", "oldest_wait_seconds", "pending_seconds", "saturated_seconds"):
            yield key, None, row[key], row[key] is None
    for key in ("acquires", "releases", "timeouts", "leaked"):
        if key in truth and key not in options.skip:
            slack = options.slack if options.ops and key != "leaked" else 0
            yield key, truth[key], found[key], found[key] is not None and abs(found[key] - truth[key]) <= slack
    for key in ("capacity", "rejections"):
        if key in truth and key not in options.skip:
            yield key, truth[key], found[key], truth[key] == found[key]
    for name in ("wait", "hold"):
        h = row[name] or {}
        for key, percent in (("sum", options.percent), ("p50", 10), ("p99", 10)):
            what = "%s_%s" % (name, key)
            if what + "_ms" not in truth or what in options.skip:
                continue
            want, got = truth[what + "_ms"] / 1e3, h.get(key + "_seconds")
            floor = options.event_us * float(os.environ.get("TRAP_TIMES") or 1) / 1e6 * (truth.get("acquires") or 0) if key == "sum" else FLOOR_S
            if what == "wait_sum" and options.books_wait and not options.ops:
                want, got = truth["books"]["wait_sum_ms"] / 1e3, got + (row["wait_failed"]["sum_seconds"] or 0)
            low = high = want
            if key == "p99" and options.log and not options.part:
                low, high = (f(want, v) for f, v in zip((min, max), about_p99(options.log)[name]))
            yield what, want, got, got is not None and (low - max(percent / 100 * low, floor) <= got <=
                                                        high + max(percent / 100 * high, floor))
    yield "negative", [], negatives(row), not negatives(row)
    yield "trusted", True, row["trusted"], row["trusted"] is True


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("truth")
    parser.add_argument("listed", metavar="list")
    parser.add_argument("--library", required=True)
    parser.add_argument("--ops")
    parser.add_argument("--log")
    parser.add_argument("--by-entry", action="store_true")
    parser.add_argument("--by-task", action="store_true")
    parser.add_argument("--part", help="the truth of this part, as `workers`")
    parser.add_argument("--percent", type=float, default=1)
    parser.add_argument("--event-us", type=float, default=20)
    parser.add_argument("--books-wait", action="store_true")
    parser.add_argument("--waitless", action="store_true")
    parser.add_argument("--named", action="store_true", help="the row has the name that people call the pool by")
    parser.add_argument("--slack", type=int, default=8)
    parser.add_argument("--skip", action="append", default=[])
    options = parser.parse_args()
    options.log = options.log or options.ops
    truth, listed = json.load(open(options.truth)), json.load(open(options.listed))
    pid = truth["pid"]
    part = truth[options.part] if options.part else truth
    rows = [p for p in listed["pools"] if p["library"] == options.library and p["pid"] == pid]
    if len(rows) != 1:
        sys.exit("%d pools of %s in process %d, expected 1" % (len(rows), options.library, pid))
    row = rows[0]
    if options.ops:
        since = truth_since(options.ops, round(row["since_monotonic_seconds"] * 1e9), options)
        part = dict(since, **{k: part[k] for k in ("capacity", "pool") if k in part})
    bad = 0
    print("%-14s %18s %18s" % ("what", "truth", "agent"))
    for what, want, got, fine in rows_of(part, row, options):
        print("%-14s %18s %18s  %s" % (what, want, got, "ok" if fine else "MISMATCH"))
        bad += not fine
    if row["untrusted_why"]:
        print("untrusted:", row["untrusted_why"])
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
