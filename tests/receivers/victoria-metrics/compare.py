#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare.py METRICS ANSWER.json TRUTH.json - sets samples of pools in the agent's /metrics beside those that PromQL found.

Each sample of a pool of the truth must be found under the same name and labels, with the same value; sums and integrals within a thousandth, those of what
goes on (capacity) within five hundredths: the two are not read at the same moment. Buckets are left out: of an exponential histogram VictoriaMetrics makes its own.
"""
import json
import re
import sys

LABELS = ("process", "pool", "kind", "source", "outcome", "reason")
GOES_ON = ("capacity_seconds_total",)


def main():
    metrics, answer, truth = sys.argv[1:]
    pools = {p["name"]: p for p in json.load(open(truth))["pools"]}
    found = {}
    for row in json.load(open(answer))["data"]["result"]:
        labels = row["metric"]
        key = (labels["__name__"],) + tuple(labels.get(k, "") for k in LABELS)
        found.setdefault(key, []).append(float(row["value"][1]))
    compared = wrong = 0
    for line in open(metrics):
        sample = re.match(r'(poolscope_pool_\w+)\{(.*)\} (\S+)$', line)
        if not sample or sample[1].endswith("_bucket"):
            continue
        labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', sample[2]))
        if labels.get("process") != "poolsim" or labels.get("pool") not in pools:
            continue
        want = float(sample[3])
        got = found.get((sample[1],) + tuple(labels.get(k, "") for k in LABELS), [])
        ratio = 0.05 if sample[1].endswith(GOES_ON) else 0.001
        compared += 1
        if len(got) != 1 or abs(got[0] - want) > ratio * abs(want):
            wrong += 1
            print("%s{%s}: /metrics has %s, PromQL %s" % (sample[1], sample[2], sample[3], got))
    for name, pool in pools.items():
        got = [v[0] for k, v in found.items() if k[0] == "poolscope_pool_acquires_total" and k[2] == name]
        compared += 1
        if got != [pool["acquires"]]:
            wrong += 1
            print("%s: acquires are %s, by PromQL %s" % (name, pool["acquires"], got))
    print("%d compared, %d mismatches" % (compared, wrong))
    sys.exit(1 if wrong or compared < 50 else 0)


if __name__ == "__main__":
    main()
