#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_workers.py - sets what a subject (tests/subjects) knows of its workers beside what the agent inferred without probes.

usage: compare_workers.py TRUTH.json LIST.json [--name NAME] [--ops FILE --since NS [--base LIST.json]] [--kept]

TRUTH.json is the object of the subject's TRUTH line: with `children`, each with a truth of its own, the pool is their sum. Its row in
LIST.json has the kind `worker`, the source `inferred` and the subject's pid; its name is NAME, else where the subject listens. With --since the
truth is that of the operations in FILE that began later: what began before the agent came is none of its requests. What the row in --base had
counted is taken off.

  acquires, releases  equal: each request is received by a worker
  in use              equal, by those that never ended
  in_use_seconds      within 3 %: a worker also accepts, closes and does what its own log does not count. With --kept no less than that: it
                      stays with a connection that is kept alive. Not compared with --since.
  sum of hold         the same, of the requests that ended
  capacity, open      equal

Prints a table; ends with 1 when anything does not match.
"""
import argparse
import json
import sys

PERCENT = 3


def total(truth):
    parts = truth.get("children") or [truth]
    out = {key: sum(p.get(key, 0) for p in parts) for key in ("acquires", "releases", "leaked", "hold_sum_ms")}
    return dict(out, size=truth["workers"] if "workers" in truth else len(parts))


def later(truth, path, since):
    ops = [tuple(map(int, line.split())) for line in open(path)]
    ops = [o for o in ops if o[0] >= since]
    return {"acquires": len(ops), "releases": sum(o[2] > 0 for o in ops), "leaked": sum(not o[2] for o in ops),
            "hold_sum_ms": sum(o[2] - o[1] for o in ops if o[2]) / 1e6, "size": truth["workers"]}


def less(row, base):
    """What the row has counted since."""
    row = dict(row, hold=dict(row["hold"]))
    for key in "acquires", "releases", "in_use_seconds":
        row[key] -= base[key]
    row["hold"]["sum_seconds"] -= base["hold"]["sum_seconds"]
    return row


def rows_of(want, row, options):
    def near(a, b):
        return b is not None and abs(a - b) <= PERCENT / 100 * a

    for key, truth in ("acquires", want["acquires"]), ("releases", want["releases"]), ("in_use", want["leaked"]), \
            ("capacity", want["size"]), ("open", want["size"]), ("trusted", True):
        yield key, truth, row[key], row[key] == truth
    held = want["hold_sum_ms"] / 1e3
    got = row["hold"] and row["hold"]["sum_seconds"]
    yield "hold_sum", held, got, near(held, got)
    if options.kept:
        yield "in_use_seconds", held, row["in_use_seconds"], row["in_use_seconds"] >= held
    elif not want["leaked"] and not options.since:
        yield "in_use_seconds", held, row["in_use_seconds"], near(held, row["in_use_seconds"])
    negative = [k for k, v in row.items() if isinstance(v, (int, float)) and not isinstance(v, bool) and v < 0]
    yield "negative", [], negative, not negative


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("truth")
    parser.add_argument("listed", metavar="list")
    parser.add_argument("--name")
    parser.add_argument("--ops")
    parser.add_argument("--since", type=int)
    parser.add_argument("--base")
    parser.add_argument("--kept", action="store_true")
    options = parser.parse_args()
    truth = json.load(open(options.truth))
    name = options.name or truth["listen"]

    def found(path):
        return [p for p in json.load(open(path))["pools"] if p["kind"] == "worker" and p["pid"] == truth["pid"] and name.endswith(p["name"])]

    rows = found(options.listed)
    if len(rows) != 1 or rows[0]["source"] != "inferred":
        sys.exit("%d rows of workers of process %d and %s, expected 1" % (len(rows), truth["pid"], name))
    if options.base:
        rows = [less(rows[0], found(options.base)[0])]
    want = later(truth, options.ops, options.since) if options.since else total(truth)
    bad = 0
    print("%-14s %18s %18s   %s, %s" % ("what", "truth", "agent", rows[0]["confidence"], rows[0]["evidence"]))
    for what, true, got, fine in rows_of(want, rows[0], options):
        print("%-14s %18s %18s  %s" % (what, true, got, "ok" if fine else "MISMATCH"))
        bad += not fine
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
