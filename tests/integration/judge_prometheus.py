#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""judge_prometheus.py - sets what two Prometheus servers answer beside what the simulator did and what the agent lists.

usage: judge_prometheus.py TRUTH.json LIST.json NATIVE-URL CLASSIC-URL

The pool's counters begin at 0, so an instant value is the whole run. Utilization is a quotient of rates over a window in which the run lies; the
truth's capacity in it is that of so many ticks, as the agent's snapshots are a second apart. A quantile of a native histogram is that of the bucket: it is held
against the agent's own (the bucket's middle; Prometheus interpolates in it, so at most half a bucket, 4.5 %, lies between), and the truth
within a bucket, 9.1 %.
"""
import json
import sys
import urllib.parse
import urllib.request

BUCKET = 2 ** (1 / 8)
failed = 0


def row_of(url, query):
    with urllib.request.urlopen(url + "/api/v1/query?" + urllib.parse.urlencode({"query": query}), timeout=10) as f:
        rows = json.load(f)["data"]["result"]
    if len(rows) != 1:
        sys.exit("%s: %d series: %r" % (query, len(rows), [r["metric"] for r in rows][:4]))
    return rows[0]


def ask(url, query):
    return float(row_of(url, query)["value"][1])


def ticks_of(url, series, ticks):
    """How many ticks of the agent lie between the first and the last sample of a series."""
    times = [t for t, _ in row_of(url, series)["values"]]
    at = {t: float(v) for t, v in row_of(url, ticks)["values"]}
    return at[times[-1]] - at[times[0]]


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
    window = "[120s]"
    for name, url in (("native", native), ("classic", classic)):
        judge("acquires, " + name, ask(url, "poolscope_pool_acquires_total{%s}" % this), truth["acquires"])
        found = ask(url, "rate(poolscope_pool_in_use_seconds_total{%s}%s) / rate(poolscope_pool_capacity_seconds_total{%s}%s)" % (this, window, this, window))
        ticks = ticks_of(url, "poolscope_pool_capacity_seconds_total{%s}%s" % (this, window), "poolscope_agent_ticks_total" + window)
        judge("utilization, " + name, found, *(truth[side]["in_use_seconds"] / (truth["capacity"] * ticks) for side in ("low", "high")))
    wait = "poolscope_pool_wait_duration_seconds"
    acquired = '{%s,outcome="acquired"}' % this
    judge("waits, native", ask(native, "histogram_count(%s%s)" % (wait, acquired)), truth["low"]["wait"]["count"], ratio=0)
    judge("sum of waits, native", ask(native, "histogram_sum(%s%s)" % (wait, acquired)), truth["low"]["wait"]["sum_seconds"], truth["high"]["wait"]["sum_seconds"])
    p99 = ask(native, "histogram_quantile(0.99, %s%s)" % (wait, acquired))
    judge("p99 of waits, native, to the agent's", p99, row["wait"]["p99_seconds"], ratio=BUCKET ** 0.5 - 1 + 1e-6)
    judge("p99 of waits, native, to the truth", p99, truth["low"]["wait"]["p99_seconds"], truth["high"]["wait"]["p99_seconds"], BUCKET - 1)
    judge("p99 by rate, native", ask(native, "histogram_quantile(0.99, rate(%s%s%s))" % (wait, acquired, window)), p99)
    judge("waits, classic", ask(classic, "%s_count%s" % (wait, acquired)), truth["low"]["wait"]["count"], ratio=0)
    judge("sum of waits, classic", ask(classic, "%s_sum%s" % (wait, acquired)), truth["low"]["wait"]["sum_seconds"], truth["high"]["wait"]["sum_seconds"])
    for le in ("0.000244140625", "0.015625", "0.25"):
        # the native share below a bound of both is exact, as the bound is one of its buckets' own
        share = ask(native, "histogram_fraction(0, %s, %s%s)" % (le, wait, acquired))
        judge("waits up to %s s" % le, ask(classic, '%s_bucket{%s,outcome="acquired",le="%s"}' % (wait, this, le)), share * truth["low"]["wait"]["count"], ratio=1e-6)
    sys.exit(1 if failed else 0)


main()
