#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_stalls.py - sets the pauses that a subject (tests/subjects) has noted beside those that the agent tells of its process.

usage: compare_stalls.py TRUTH.json BEFORE.json NOW.json [--percent N] [--ms N] [--each-ms N]

TRUTH.json is the object of the subject's TRUTH line; BEFORE.json and NOW.json are answers of `stalls --json` from before the load and
from after it. Compared are the stalls that the runtime calls gc:

  count   equal
  sum     within N percent (5), and N ms (0) for each of them, for the traps at its ends; $TRAP_TIMES as much where those take longer (trap-times)
  p99     as a quantile of the agent's histogram, whose buckets are 9 % wide, so within N percent and 9 more; or N ms (0.2), in which a
          runtime's log and the points around may differ, as its threads are told to go on in between
  max     within N percent, or N ms
"""
import argparse
import json
import os
import sys


def row_of(truth, path):
    rows = [s for s in json.load(open(path))["stalls"] if s["pid"] == truth["pid"] and s["cause"] == "gc"]
    return rows[0] if rows else {"count": 0, "sum_seconds": 0, "max_seconds": 0, "p99_seconds": 0, "lasts_seconds": 0}


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("truth")
    parser.add_argument("before")
    parser.add_argument("now")
    parser.add_argument("--percent", type=float, default=5)
    parser.add_argument("--ms", type=float, default=0.2)
    parser.add_argument("--each-ms", type=float, default=0)
    options = parser.parse_args()
    truth = json.load(open(options.truth))
    before, now = row_of(truth, options.before), row_of(truth, options.now)
    if before["count"] > 0.01 * truth["count"]:
        sys.exit("too many stalls before the load: %d" % before["count"])
    rows = [("count", truth["count"], now["count"] - before["count"], 0, 0),
            ("sum_ms", truth["pause_sum_ms"], (now["sum_seconds"] - before["sum_seconds"]) * 1e3, options.percent,
             truth["count"] * options.each_ms * float(os.environ.get("TRAP_TIMES") or 1)),
            ("p99_ms", truth["pause_p99_ms"], now["p99_seconds"] * 1e3, options.percent + 9, options.ms),
            ("max_ms", truth["pause_max_ms"], now["max_seconds"] * 1e3, options.percent, options.ms),
            ("goes_on_s", 0, now["lasts_seconds"], 0, 0)]
    bad = 0
    for what, want, got, percent, ms in rows:
        fine = abs(got - want) <= (percent / 100 * want + ms if what == "sum_ms" else max(percent / 100 * want, ms))
        print("%-10s %12.3f %12.3f  %s" % (what, want, got, "ok" if fine else "MISMATCH"))
        bad += not fine
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
