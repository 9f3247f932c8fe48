#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""judge_scrapes.py - what two scrapers were told of one program with very many pools: is it complete, and is it the same in both forms?

usage: judge_scrapes.py TRUTH.json LIST.json PAGE.txt PAGE.pb MAX-SERIES

TRUTH has pools and acquires; the program's name is many-pools. Whatever is over MAX-SERIES label sets must be in process="other", pool="other", and counted
as poolscope_agent_series_overflow. No pool may be lost between the two.
"""
import json
import re
import struct
import sys

failed = 0


def judge(what, found, expected):
    global failed
    failed += found != expected
    print("%-8s %s: found %s, expected %s" % ("ok" if found == expected else "MISMATCH", what, found, expected))


def of_text(path):
    for line in open(path):
        m = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
        if m:
            yield m[1], dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', m[2] or "")), float(m[3])


def varint(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def fields(data):
    at = 0
    while at < len(data):
        key, at = varint(data, at)
        if key & 7 == 0:
            value, at = varint(data, at)
        else:
            n = {1: 8, 5: 4}.get(key & 7)
            if n is None:
                n, at = varint(data, at)
            value, at = data[at:at + n], at + n
        yield key >> 3, value


def of_protobuf(path):
    """Families of client_model's metrics.proto: name 1, metric 4; of a metric label 1, gauge 2, counter 3, histogram 7 (its count: 1)."""
    data, at = open(path, "rb").read(), 0
    while at < len(data):
        n, at = varint(data, at)
        family = list(fields(data[at:at + n]))
        at += n
        name = next(v for k, v in family if k == 1).decode()
        for metric in (v for k, v in family if k == 4):
            labels, value, suffix = {}, None, ""
            for k, v in fields(metric):
                if k == 1:
                    pair = dict(fields(v))
                    labels[pair[1].decode()] = pair.get(2, b"").decode()
                elif k in (2, 3):
                    value = struct.unpack("<d", dict(fields(v)).get(1, bytes(8)))[0]
                elif k == 7:
                    value, suffix = float(dict(fields(v)).get(1, 0)), "_count"
            yield name + suffix, labels, value


def judge_page(form, samples, truth, rows, max_series):
    def values(name):
        return [(l, v) for n, l, v in samples if n == name]

    acquires = [(l, v) for l, v in values("poolscope_pool_acquires_total") if l["process"] in ("many-pools", "other")]
    others = [l for l, _ in acquires if l["process"] == "other"]
    judge(form + ": there is one series of all others", len(others), 1)
    judge(form + ": acquires of all series", sum(v for _, v in acquires), truth["acquires"])
    judge(form + ": holds of all series", sum(v for l, v in values("poolscope_pool_hold_duration_seconds_count") if l["process"] in ("many-pools", "other")), truth["acquires"])
    overflow = values("poolscope_agent_series_overflow")[0][1]
    all_sets = {tuple(sorted(l.items())) for n, l, _ in samples if n == "poolscope_pool_info" or n == "poolscope_pool_trusted"}
    judge(form + ": pools that have a series of their own, and those that are counted as too many", len({s for s in all_sets if ("process", "other") not in s}) + overflow, rows)
    judge(form + ": as many have their own as may", sum(("process", "other") not in s for s in all_sets), max_series)


def main():
    truth, listed = (json.load(open(p)) for p in sys.argv[1:3])
    ours = [p for p in listed["pools"] if p["name"].startswith("tenant-")]
    judge("pools listed", len({p["name"] for p in ours}), truth["pools"])
    judge("acquires listed", sum(p["acquires"] for p in ours), truth["acquires"])
    for form, samples in (("text", list(of_text(sys.argv[3]))), ("protobuf", list(of_protobuf(sys.argv[4])))):
        judge_page(form, samples, truth, len(listed["pools"]), int(sys.argv[5]))
    sys.exit(failed > 0)


main()
