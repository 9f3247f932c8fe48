#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""judge_prometheus.py - sets what two Prometheus servers answer beside what the simulator did and what the agent lists.

usage: judge_prometheus.py TRUTH.json LIST.json NATIVE-URL CLASSIC-URL

The pool's counters begin at 0, so an instant value is the whole run. Utilization is a quotient of rates over a window that begins at the pool's first
sample (what was before that one is taken off the truth), and that is in whole seconds of which a snapshot, up to a second old, may lack one: 2 % of 50 s.
A quantile of a native histogram is that of the bucket: it is held against the agent's own (the bucket's middle; Prometheus interpolates in it, so at most half a
bucket, 4.4 %, lies between), and the truth within a bucket, 9.1 %.
"""
import json
import math
import sys
import urllib.parse
import urllib.request

BUCKET = 2 ** (1 / 8)
failed = 0


def row_of(url, query, time=None):
    asked = {"query": query} if time is None else {"query": query, "time": "%.3f" % time}
    with urllib.request.urlopen(url + "/api/v1/query?" + urllib.parse.urlencode(asked), timeout=10) as f:
        rows = json.load(f)["data"]["result"]
    if len(rows) != 1:
        sys.exit("%s: %d series: %r" % (query, len(rows), [r["metric"] for r in rows][:4]))
    return rows[0]


def ask(url, query, time=None):
    return float(row_of(url, query, time)["value"][1])


def samples_of(url, series):
    return [(t, float(v)) for t, v in row_of(url, series + "[120s]")["values"]]


def judge(what, found, low, high=None, ratio=0.02):
    global failed
    high = low if high is None else high
    ok = low * (1 - ratio) <= found <= high * (1 + ratio)
    failed += not ok
    print("%-8s %-34s found %-12.6g truth %.6g..%.6g, %.1f %% allowed" % ("ok" if ok else "MISMATCH", what, found, low, high, 100 * ratio))


def main():
    truth, listed = (json.load(open(p))["pools"] for p in sys.argv[1:3])
    native, classic = sys.argv[3:5]
    truth = next(p for p in truth if p["name"] == "orders-db")
    row = next(p for p in listed if p["name"] == "orders-db")
    this = 'process="poolsim",pool="orders-db"'
    for name, url in (("native", native), ("classic", classic)):
        judge("acquires, " + name, ask(url, "poolscope_pool_acquires_total{%s}" % this), truth["acquires"])
        begin = samples_of(url, "poolscope_pool_acquires_total{%s}" % this)[0][0]
        end = next(t for t, v in samples_of(url, "poolscope_pool_acquires_total{%s}" % this) if v == truth["acquires"])
        before = samples_of(url, "poolscope_pool_in_use_seconds_total{%s}" % this)[0][1]
        seconds = math.ceil(end - begin)
        window = "[%ds]" % seconds
        found = ask(url, "rate(poolscope_pool_in_use_seconds_total{%s}%s) / rate(poolscope_pool_capacity_seconds_total{%s}%s)" % (this, window, this, window), begin + seconds)
        judge("utilization, " + name, found, *((truth[side]["in_use_seconds"] - before) / (truth["capacity"] * seconds) for side in ("low", "high")))
    wait = "poolscope_pool_wait_duration_seconds"
    acquired = '{%s,outcome="acquired"}' % this
    judge("waits, native", ask(native, "histogram_count(%s%s)" % (wait, acquired)), truth["low"]["wait"]["count"], ratio=0)
    judge("sum of waits, native", ask(native, "histogram_sum(%s%s)" % (wait, acquired)), truth["low"]["wait"]["sum_seconds"], truth["high"]["wait"]["sum_seconds"])
    p99 = ask(native, "histogram_quantile(0.99, %s%s)" % (wait, acquired))
    judge("p99 of waits, native, to the agent's", p99, row["wait"]["p99_seconds"], ratio=BUCKET ** 0.5 - 1 + 1e-6)
    judge("p99 of waits, native, to the truth", p99, truth["low"]["wait"]["p99_seconds"], truth["high"]["wait"]["p99_seconds"], BUCKET - 1)
    judge("p99 by rate, native", ask(native, "histogram_quantile(0.99, rate(%s%s%s))" % (wait, acquired, "[100s]")), p99)
    judge("waits, classic", ask(classic, "%s_count%s" % (wait, acquired)), truth["low"]["wait"]["count"], ratio=0)
    judge("sum of waits, classic", ask(classic, "%s_sum%s" % (wait, acquired)), truth["low"]["wait"]["sum_seconds"], truth["high"]["wait"]["sum_seconds"])
    for le in ("0.000244140625", "0.015625", "0.25"):
        # the native share below a bound of both is exact, as the bound is one of its buckets' own
        share = ask(native, "histogram_fraction(0, %s, %s%s)" % (le, wait, acquired))
        judge("waits up to %s s" % le, ask(classic, '%s_bucket{%s,outcome="acquired",le="%s"}' % (wait, this, le)), share * truth["low"]["wait"]["count"], ratio=1e-6)
    sys.exit(1 if failed else 0)


main()
