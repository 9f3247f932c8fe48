#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_truth.py - sets what a simulator did beside what the agent says it saw.

usage: compare_truth.py TRUTH.json LIST.json [--pid PID] [--floor-us US] [--quantile-percent P] [--use-percent P] [--only POOL]

TRUTH.json is the object of the simulator's TRUTH line, LIST.json the answer of `poolscope list --json`. Pools are matched by
name and pid. A number that the truth does not have is not compared; one that the truth has and the agent does not know is a
mismatch.

  counts          equal, also by reason
  levels          in use, pending, open, capacity: equal; a capacity of 0 is unbounded, which the agent says as null
  ..._seconds     integrals and sums within 0.5 %, or within 5 us for each event (acquire or wait), see below; the
                  truth's is carried on to the agent's time for what goes on after it: items still out, capacity
  stalled...      within 2 %, or 1 ms; where the world never stood still, 0
  p50, p90, p99   of wait and hold: within 10 %, or within --floor-us (default 5) when that is more. Reason of the floor: the
                  simulator reads its clock before the probe, the agent in it; so the cost of the probe itself (0.5 to 1 us
                  each, more when a CPU is shared) lies between the two, and no quantile of that size can be compared.
  trusted         true

Prints a table; ends with 1 when anything does not match, 2 on bad usage.
"""
import argparse
import json
import math
import sys

COUNTS = ("acquires", "acquires_new", "releases", "timeouts", "rejections", "opened", "open_failures", "closed", "in_use", "pending")
BY_REASON = ("outcomes", "closed_by", "rejected_by")
HISTOGRAMS = ("wait", "wait_failed", "hold")
EVENT_US = 5  # what a probe costs at most on average, being preempted in it included
STALLED = 0.02  # of a stall of 50 ms: the millisecond in which its threads stop, one after the other
STALLED_S = 1e-3  # a wait that begins or ends as the world stops
QUANTILES = ("p50_seconds", "p90_seconds", "p99_seconds")


def is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def agrees(truth, found, ratio, floor):
    """The found number lies within ratio of the truth, or within floor of it."""
    return is_number(found) and not math.isnan(found) and abs(found - truth) <= max(ratio * abs(truth), floor)


def since_truth(truth, found):
    """How long after the truth the agent's snapshot was taken, in seconds."""
    if not is_number(truth.get("at_ns")):
        return 0
    return found["since_monotonic_seconds"] + found["since_seconds"] - truth["at_ns"] / 1e9


def expected_seconds(truth, found):
    """Yields (key, expected) for the integrals, carried on to the agent's time."""
    later = since_truth(truth, found)
    for key, level in (("in_use_seconds", "in_use"), ("capacity_seconds", "capacity"), ("pending_seconds", "pending")):
        if is_number(truth.get(key)) and not (key == "capacity_seconds" and not truth.get("capacity")):
            yield key, truth[key] + (truth.get(level) or 0) * later
    if is_number(truth.get("saturated_seconds")) and truth.get("capacity"):
        yield "saturated_seconds", truth["saturated_seconds"]


def compare_pool(truth, found, options):
    """Yields (what, truth, found, fine) for one pool."""
    for key in COUNTS:
        if is_number(truth.get(key)):
            yield key, truth[key], found.get(key), truth[key] == found.get(key)
    if is_number(truth.get("capacity")):
        yield "capacity", truth["capacity"], found.get("capacity"), (truth["capacity"] or None) == found.get("capacity")
    if truth.get("open"):
        yield "open", truth["open"], found.get("open"), truth["open"] == found.get("open")
    for key in BY_REASON:
        if key in truth:
            got = {k: n for k, n in (found.get(key) or {}).items() if n}
            yield key, truth[key], got, truth[key] == got
    floor, per_event = options.floor_us / 1e6, EVENT_US / 1e6
    n_events = (truth.get("acquires") or 0) + ((truth.get("wait_failed") or {}).get("count") or 0)
    for key, expected in expected_seconds(truth, found):
        yield key, expected, found.get(key), agrees(expected, found.get(key), options.use_percent / 100, n_events * per_event)
    has_stood = truth.get("stalled_hold_seconds") or truth.get("stalled_seconds")
    for key in ("stalled_seconds", "stalled_hold_seconds"):
        if is_number(truth.get(key)):
            yield key, truth[key], found.get(key), agrees(truth[key], found.get(key), STALLED, STALLED_S if has_stood else 0)
    for name in HISTOGRAMS:
        expected, seen = truth.get(name), found.get(name) or {}
        if not expected or not expected.get("count"):
            continue
        yield name + ".count", expected["count"], seen.get("count"), expected["count"] == seen.get("count")
        key = "sum_seconds"
        yield ("%s.%s" % (name, key), expected[key], seen.get(key),
               agrees(expected[key], seen.get(key), options.use_percent / 100, expected["count"] * per_event))
        for q in QUANTILES:
            if is_number(expected.get(q)):
                yield ("%s.%s" % (name, q), expected[q], seen.get(q),
                       agrees(expected[q], seen.get(q), options.quantile_percent / 100, floor))
    yield "trusted", True, found.get("trusted"), found.get("trusted") is True


def text(x):
    if isinstance(x, float):
        return "%.9g" % x
    return "null" if x is None else str(x).lower() if isinstance(x, bool) else str(x)


def compare(truth, listed, options):
    """Prints the table; returns (compared, mismatches)."""
    compared = mismatches = 0
    for expected in truth["pools"]:
        name, pid = expected.get("name"), expected.get("pid", truth.get("pid", options.pid))
        if options.only and name not in options.only:
            continue
        rows = [p for p in listed["pools"] if p.get("name") == name and (pid is None or p.get("pid") == pid)]
        if len(rows) != 1:
            print("%-24s %d rows of this name%s, expected 1" % (name, len(rows), "" if pid is None else " in pid %d" % pid))
            compared, mismatches = compared + 1, mismatches + 1
            continue
        for what, want, got, fine in compare_pool(expected, rows[0], options):
            print("%-24s %-18s %16s %16s  %s" % (name, what, text(want), text(got), "ok" if fine else "MISMATCH"))
            compared, mismatches = compared + 1, mismatches + (not fine)
    return compared, mismatches


def main():
    parser = argparse.ArgumentParser(description="Sets a TRUTH object beside `poolscope list --json`.")
    parser.add_argument("truth")
    parser.add_argument("listed", metavar="list")
    parser.add_argument("--pid", type=int, help="the simulator's pid, where the truth does not name it")
    parser.add_argument("--only", action="append", metavar="POOL", help="compare this pool alone; may be given again")
    parser.add_argument("--floor-us", type=float, default=5, help="difference of a quantile that is the probe's own cost")
    parser.add_argument("--quantile-percent", type=float, default=10)
    parser.add_argument("--use-percent", type=float, default=0.5)
    options = parser.parse_args()
    try:
        with open(options.truth) as t, open(options.listed) as l:
            truth, listed = json.load(t), json.load(l)
    except (OSError, ValueError) as e:
        sys.exit("compare_truth: %s" % e)
    print("%-24s %-18s %16s %16s" % ("pool", "what", "truth", "agent"))
    compared, mismatches = compare(truth, listed, options)
    if not compared:
        sys.exit("compare_truth: nothing could be compared")
    print("%d compared, %d mismatches" % (compared, mismatches))
    sys.exit(1 if mismatches else 0)


if __name__ == "__main__":
    main()
