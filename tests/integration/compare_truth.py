#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_truth.py - sets what a simulator did beside what the agent says it saw.

usage: compare_truth.py TRUTH.json LIST.json [--pid PID] [--quantile-percent P] [--use-percent P] [--only POOL] [--stalls STALLS.json] [--otlp]

TRUTH.json is the object of the simulator's TRUTH line, LIST.json the answer of `poolscope list --json`, with --otlp what a receiver was sent
(otlp_lines.py), which lacks what no metric carries. Pools are matched by
name and pid. A number that the truth does not have is not compared; one that the truth has and the agent does not know is a
mismatch.

  counts          equal, also by reason
  levels          in use, pending, open, capacity: equal; a capacity of 0 is unbounded, which the agent says as null
  ..._seconds     integrals and sums within 0.1 % of the truth's bounds; the truth's is carried on to the agent's time for what goes
                  on after it: items still out, capacity
  stalled...      (of holds not where they are counted in a page, then it is null)
                  within 2 %, or 1 ms; where the world never stood still, 0. Not more than that, unless --stalls, the answer of `poolscope stalls
                  --json`, has a convoy of the process: on a busy machine its threads may all wait for one that holds the pool's lock and has
                  no CPU, of which the simulator knows nothing
  p50, p90, p99   of wait and hold: within 10 % of the truth's bounds: a bucket of the agent's histogram is 9 % wide
  trusted         true

Reason of the bounds: the simulator reads its clock before a probe and after it, the agent in it. What lies between is the probe's
own cost, and the time in which another thread had the CPU.

Prints a table; ends with 1 when anything does not match, 2 on bad usage.
"""
import argparse
import json
import math
import sys

import otlp_lines

COUNTS = ("acquires", "acquires_new", "releases", "timeouts", "rejections", "opened", "open_failures", "closed", "in_use", "pending")
BY_REASON = ("outcomes", "closed_by", "rejected_by")
HISTOGRAMS = ("wait", "wait_failed", "hold")
STALLED = 0.02  # of a stall of 50 ms: the millisecond in which its threads stop, one after the other
STALLED_S = 1e-3  # a wait that begins or ends as the world stops
QUANTILES = ("p50_seconds", "p90_seconds", "p99_seconds")
FIRST_S = 2**-22  # where the first bucket of a histogram ends; a quantile in it is told as 0


def is_number(x):
    return isinstance(x, (int, float)) and not isinstance(x, bool)


def agrees(truth, name, found, ratio, more=0):
    """The found number lies within ratio of what the truth has under this name and its bounds, each of which grows by so much more."""
    low, high = ((truth[side][name] + more) for side in ("low", "high"))
    return is_number(found) and not math.isnan(found) and low * (1 - ratio) <= found <= high * (1 + ratio)


def since_truth(truth, found):
    """How long after the truth the agent's snapshot was taken, in seconds."""
    if not is_number(truth.get("at_ns")):
        return 0
    return found["since_monotonic_seconds"] + found["since_seconds"] - truth["at_ns"] / 1e9


def expected_seconds(truth, found):
    """Yields (key, more) for the integrals: what has come to them since, by the agent's time."""
    later = since_truth(truth, found)
    for key, level in (("in_use_seconds", "in_use"), ("pending_seconds", "pending")):
        if is_number(truth.get(key)):
            yield key, (truth.get(level) or 0) * later
    if is_number(truth.get("saturated_seconds")) and truth.get("capacity"):
        yield "saturated_seconds", 0


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
    use, quantile = options.use_percent / 100, options.quantile_percent / 100
    for key, more in expected_seconds(truth, found):
        yield key, truth[key] + more, found.get(key), agrees(truth, key, found.get(key), use, more)
    if truth.get("capacity"):
        want, got = truth["capacity_seconds"] + truth["capacity"] * since_truth(truth, found), found.get("capacity_seconds")
        yield "capacity_seconds", want, got, is_number(got) and abs(got - want) <= use * want
    has_stood = truth.get("stalled_hold_seconds") or truth.get("stalled_seconds")
    for key in ("stalled_seconds", "stalled_hold_seconds"):
        if is_number(truth.get(key)):
            want, got = truth[key], found.get(key)
            if key == "stalled_hold_seconds" and got is None and (options.otlp or "page" in found.get("evidence", "")):
                continue  # not known where acquires are counted in a page, and said so
            off = max(STALLED * want, STALLED_S if has_stood else 0)
            yield key, want, got, is_number(got) and want - off <= got and (got <= want + off or found["pid"] in options.convoys)
    for name in HISTOGRAMS:
        expected, seen = truth.get(name), found.get(name) or {}
        if not expected or not expected.get("count"):
            continue
        bounds = {side: truth[side][name] for side in ("low", "high")}
        yield name + ".count", expected["count"], seen.get("count"), expected["count"] == seen.get("count")
        for key in ("sum_seconds",) + QUANTILES:
            yield ("%s.%s" % (name, key), expected[key], seen.get(key),
                   agrees(bounds, key, seen.get(key), use if key == "sum_seconds" else quantile)
                   or (key in QUANTILES and seen.get(key) == 0 and bounds["low"][key] <= FIRST_S))
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
        if options.otlp:
            expected = {key: value for key, value in expected.items() if key not in otlp_lines.NOT_CARRIED}
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
    parser.add_argument("--quantile-percent", type=float, default=10)
    parser.add_argument("--use-percent", type=float, default=0.1)
    parser.add_argument("--stalls")
    parser.add_argument("--otlp", action="store_true", help="the list is the file of tests/receivers/receiver.js")
    options = parser.parse_args()
    stalls = json.load(open(options.stalls))["stalls"] if options.stalls else []
    options.convoys = {s["pid"] for s in stalls if s["cause"] == "convoy"}
    try:
        with open(options.truth) as t, open(options.listed) as l:
            truth, listed = json.load(t), otlp_lines.pools(options.listed) if options.otlp else json.load(l)
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
