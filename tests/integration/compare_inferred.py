#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_inferred.py - sets what a subject (tests/subjects) knows of its pool beside what the agent inferred without probes.

usage: compare_inferred.py TRUTH.json LIST.json QUESTION [--ops FILE] [--log FILE]

TRUTH.json is the object of the subject's TRUTH line; its pool is the connection row of LIST.json with a source `inferred:`, the
subject's pid and its endpoint. LIST.json must be from a tick after the end of the load at least: who asks earlier asks again.
With --ops the truth is taken from the subject's log of operations, from the moment on at which the agent began to count.

QUESTION is what the load was, and with it what has to be known:

  saturated    acquires within 5 %: a hold is seen by its traffic, and so is what a pool does by itself to open or check a connection
               sum of wait within 5 %, its p99 within 15 %: the time on the futex is the wait but for the calls around it and the time
               to run again; p99 is of a histogram whose buckets are 9 % wide, and of a few operations: the first ones of a JVM wait
               twice as long as the rest, and when those are a hundredth one wait more or less decides, so it is set beside the log's
               waits from 98.5 % to 99.5 %
               sum of hold within 10 %: it begins and ends with what the thread does, not with the calls
               capacity and open equal; source `inferred:handoff`; confidence `high`, or `medium` where the log says that the pool was
               not full all the time: fewer than 98 % of the connections were waited for, as when the threads themselves wait for a CPU
               in the middle (--ops) acquires may be off by the operations that were in progress at the agent's first moment, too,
               and the wait by those waits
  random       sum of wait within 20 %: few waits, and idle ones between; hold null or confidence `low`: when a connection is given
               back without anybody waiting is not to be seen; confidence not `high`
  uncontended  sum of wait null, or less than 2 % of the sum of hold
  trap         sum of wait null, or at most the true one and 1 % of the time (idle_ms) that threads spent in other waits, or 20 us for
               each operation when that is more: what a futex of the free list itself may take; timeouts null or equal
  proxy        sum of wait and its p99 as when saturated: from the client's request to the server's; hold null: a transaction of several
               requests cannot be told from several; capacity and open equal; confidence `medium`
  barged       as saturated, but confidence `medium` will do: a thread that runs may take the connection before the one that it woke does,
               and then a hold has ended that nobody was seen to be given
  loop         an event loop: sums of wait and of hold and the acquires null, or within 20 % with a confidence that is not `high`; a wait
               may be off by 2 % of the holds, too, as without contention; the capacity null or right; open is right
  unclear      a pool whose waiters are all woken at once, whoever gave the connection back: as of a loop, and timeouts null or equal
  crowd        sum of wait within 5 %, or null: in the first and the last moments of thousands of threads connections are free, and
               when that is too large a part of it all nothing may be said
  leak         in use: the leaked ones, 3 s after the load
  timeouts     timeouts equal; where the log (--log) has acquires that waited as long as those that gave up, less a millisecond, these may be
               among them: the timer had ended the wait, and the connection came before the thread said so; and where it has waits that
               gave up a tenth later than usual, because the machine was busy, those may be missing
  retried      who gave up tries again at once, and it cannot be told whether the wait went on: timeouts null; sum of wait from that of
               those who got a connection, less 5 %, to that of all, and 5 %; confidence not `high`

and always nothing is negative. Prints a table; ends with 1 when anything does not match.
"""
import argparse
import json
import sys

sys.dont_write_bytecode = True
import compare_subject  # noqa: E402

SETTLED_S = {"leak": 3}  # else a tick
TICKS_S = 1
EVENT_MS = 0.02
LATE_NS = 1000000
FULL = 0.98  # of the acquires; the agent wants to see 95 % of the holds end by a hand-off, and who was passed by a quicker one is not in the log
WAITED_NS = 50000


def within(want, got, percent, more=0):
    return got is not None and abs(got - want) <= percent / 100 * want + more


def in_progress(path, since_ns):
    """Number of the operations that were going on at a moment, and the sum of their waits in ms."""
    ops = [tuple(map(int, line.split())) for line in open(path)]
    cut = [o for o in ops if o[0] <= since_ns < (o[2] or o[3] or since_ns + 1)]
    return len(cut), sum(o[1] - o[0] for o in cut if o[1] > since_ns) / 1e6


def ms(row, name, key):
    return row[name][key + "_seconds"] * 1e3 if row[name] else None


def saturated(truth, row):
    n_cut, cut_ms = truth["in_progress"]
    yield "acquires", truth["acquires"], row["acquires"], within(truth["acquires"], row["acquires"], 5, n_cut)
    (low, high), p99 = truth["wait_p99s"], ms(row, "wait", "p99")
    yield "wait_p99_ms", "%.3f..%.3f" % (low, high), p99, p99 is not None and 0.85 * low <= p99 <= 1.15 * high
    for name, key, percent, more in ("wait", "sum", 5, cut_ms), ("hold", "sum", 10, 0):
        want, got = truth["%s_%s_ms" % (name, key)], ms(row, name, key)
        yield "%s_%s_ms" % (name, key), want, got, within(want, got, percent, more)
    yield "capacity", truth["capacity"], row["capacity"], truth["capacity"] == row["capacity"]
    yield "basis", "inferred", row["capacity_basis"], row["capacity_basis"] == "inferred"
    yield "open", truth["connections_open"], row["open"], truth["connections_open"] == row["open"]
    likely = ("high",) if truth["waited_for"] >= FULL else ("high", "medium")
    yield "confidence", " or ".join(likely), row["confidence"], row["confidence"] in likely
    yield "source", "inferred:handoff", row["source"], row["source"] == "inferred:handoff"


def barged(truth, row):
    for what, want, got, fine in saturated(truth, row):
        if what == "confidence":
            want, fine = "high or medium", got in ("high", "medium")
        yield what, want, got, fine


def proxy(truth, row):
    n_cut, cut_ms = truth["in_progress"]
    (low, high), p99 = truth["wait_p99s"], ms(row, "wait", "p99")
    yield "wait_p99_ms", "%.3f..%.3f" % (low, high), p99, p99 is not None and 0.85 * low <= p99 <= 1.15 * high
    want, got = truth["wait_sum_ms"], ms(row, "wait", "sum")
    yield "wait_sum_ms", want, got, within(want, got, 5, cut_ms)
    yield "hold_sum_ms", None, ms(row, "hold", "sum"), row["hold"] is None
    yield "capacity", truth["capacity"], row["capacity"], truth["capacity"] == row["capacity"]
    yield "open", truth["connections_open"], row["open"], truth["connections_open"] == row["open"]
    yield "confidence", "medium", row["confidence"], row["confidence"] == "medium"


def random(truth, row):
    want, got = truth["wait_sum_ms"], ms(row, "wait", "sum")
    yield "wait_sum_ms", want, got, within(want, got, 20)
    yield "confidence", "not high", row["confidence"], row["confidence"] != "high"
    yield "hold_sum_ms", "null or low", ms(row, "hold", "sum"), row["hold"] is None or row["confidence"] == "low"


def uncontended(truth, row):
    most, got = 0.02 * truth["hold_sum_ms"], ms(row, "wait", "sum")
    yield "wait_sum_ms", "null or < %.3f" % most, got, got is None or got < most


def trap(truth, row):
    most = truth["wait_sum_ms"] + max(0.01 * truth["idle_ms"], EVENT_MS * truth["acquires"])
    got = ms(row, "wait", "sum")
    yield "wait_sum_ms", "null or <= %.3f" % most, got, got is None or got <= most
    yield "timeouts", "null or %d" % truth["timeouts"], row["timeouts"], row["timeouts"] in (None, truth["timeouts"])


def loop(truth, row):
    pairs = [(what, truth[what], row[what]) for what in ("acquires", "capacity")]
    pairs += [("%s_sum_ms" % name, truth["%s_sum_ms" % name], ms(row, name, "sum")) for name in ("wait", "hold")]
    for what, want, got in pairs:
        more = 0.02 * truth["hold_sum_ms"] if what == "wait_sum_ms" else 0
        yield what, want, got, got is None or (row["confidence"] != "high" and within(want, got, 20, more))
    yield "open", truth["connections_open"], row["open"], truth["connections_open"] == row["open"]


def unclear(truth, row):
    yield from loop(truth, row)
    yield "timeouts", "null or %d" % truth["timeouts"], row["timeouts"], row["timeouts"] in (None, truth["timeouts"])


def crowd(truth, row):
    want, got = truth["wait_sum_ms"], ms(row, "wait", "sum")
    yield "wait_sum_ms", want, got, got is None or within(want, got, 5)


def leak(truth, row):
    yield "in_use", truth["leaked"], row["in_use"], truth["leaked"] == row["in_use"]


def timeouts(truth, row):
    want, got = truth["timeouts"], row["timeouts"]
    yield "timeouts", want if not truth["overdue"] else "%d less %d" % (want, truth["overdue"]), got, got is not None and want - truth["overdue"] <= got <= want + truth["late"]


def retried(truth, row):
    least, got = truth["wait_sum_ms"], ms(row, "wait", "sum")
    most = least + truth["timeout_wait_sum_ms"]
    yield "timeouts", None, row["timeouts"], row["timeouts"] is None
    yield "wait_sum_ms", "%.0f..%.0f" % (least, most), got, got is not None and 0.95 * least <= got <= 1.05 * most
    yield "confidence", "not high", row["confidence"], row["confidence"] != "high"


def waits_about_p99(path, since_ns):
    """The waits in ms at 98.5 % and at 99.5 % of those that began after a moment and ended with a connection."""
    ops = [tuple(map(int, line.split())) for line in open(path)]
    waits = sorted(o[1] - o[0] for o in ops if o[1] and o[0] > since_ns)
    return [compare_subject.quantile(waits, q) / 1e6 for q in (0.985, 0.995)]


def waited_for(path):
    """The share of the acquires that had to wait."""
    waits = [o[1] - o[0] for o in (tuple(map(int, line.split())) for line in open(path)) if o[1]]
    return sum(w >= WAITED_NS for w in waits) / len(waits)


def late(path):
    """Number of the acquires that came when a timer had ended their wait already."""
    ops = [tuple(map(int, line.split())) for line in open(path)]
    limit = min((o[3] - o[0] for o in ops if not o[1]), default=float("inf")) - LATE_NS
    return sum(bool(o[1]) and o[1] - o[0] >= limit for o in ops)


def overdue(path):
    """Number of the waits that gave up later than the others."""
    waits = sorted(o[3] - o[0] for o in (tuple(map(int, line.split())) for line in open(path)) if not o[1])
    return sum(w > 1.1 * waits[len(waits) // 2] for w in waits)


QUESTIONS = {f.__name__: f for f in (saturated, barged, proxy, random, uncontended, trap, loop, unclear, crowd, leak, timeouts, retried)}


def the_row(truth, listed):
    rows = [p for p in listed["pools"] if p["source"].startswith("inferred:") and p["kind"] == "connection" and p["pid"] == truth["pid"] and
            p["endpoint"] == truth["endpoint"]]
    if len(rows) != 1:
        sys.exit("%d inferred rows of process %d and %s, expected 1" % (len(rows), truth["pid"], truth["endpoint"]))
    return rows[0]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("truth")
    parser.add_argument("listed", metavar="list")
    parser.add_argument("question", choices=sorted(QUESTIONS))
    parser.add_argument("--ops")
    parser.add_argument("--log")
    options = parser.parse_args()
    truth, listed = json.load(open(options.truth)), json.load(open(options.listed))
    row = the_row(truth, listed)
    since_s = row["since_monotonic_seconds"]
    if since_s + row["since_seconds"] < truth["end_ns"] / 1e9 + SETTLED_S.get(options.question, TICKS_S):
        sys.exit("the list is too early")
    truth["in_progress"] = 0, 0
    truth["late"] = late(options.log) if options.log else 0
    truth["overdue"] = overdue(options.log) if options.log else 0
    truth["waited_for"] = waited_for(options.log) if options.log else 1
    log = options.ops or options.log
    truth["wait_p99s"] = waits_about_p99(log, round(since_s * 1e9) if options.ops else 0) if log else (0, 0)
    if options.ops:
        options.by_entry = options.by_task = False
        truth.update(compare_subject.truth_since(options.ops, round(since_s * 1e9), options),
                     in_progress=in_progress(options.ops, round(since_s * 1e9)))
    bad = 0
    print("%-14s %18s %18s   %s, %s" % ("what", "truth", "agent", row["confidence"], row["evidence"]))
    negative = compare_subject.negatives(row)
    for what, want, got, fine in list(QUESTIONS[options.question](truth, row)) + [("negative", [], negative, not negative)]:
        want, got = (round(v, 3) if isinstance(v, float) else v for v in (want, got))
        print("%-14s %18s %18s  %s" % (what, want, got, "ok" if fine else "MISMATCH"))
        bad += not fine
    sys.exit(1 if bad else 0)


if __name__ == "__main__":
    main()
