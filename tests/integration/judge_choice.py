#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""judge_choice.py - are answers to questions about pools what one gets by putting the plain list of the same agent into groups oneself?

usage: judge_choice.py SOCKET groups
       judge_choice.py SOCKET hostile
       judge_choice.py SOCKET trend TRUTH.json

groups: the plain list, in the question's order and with its filter, is grouped, summed and cut here, and set beside the answer that was made of the same
snapshot. hostile: nonsense is answered with 400. trend: the utilization of the pool "orders-db" against what its program says: while somebody had
everything it was full, before and after it was not, and the sum of all steps is the sum of what was in use.
"""
import http.client
import itertools
import json
import random
import socket
import sys
import time
import urllib.parse

STEP_S = 2
SUMS = "in_use capacity pending acquires timeouts acquires_per_second timeouts_per_second".split()
RANKS = {None: -1, "info": 0, "warning": 1, "critical": 2}
failed = 0


def judge(what, is_so, detail=""):
    global failed
    failed += not is_so
    print("%-8s %s%s" % ("ok" if is_so else "MISMATCH", what, "" if is_so else ": %s" % (detail,)))


class Unix(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(sys.argv[1])


def get(path):
    """Status and body of a path below the API's."""
    connection = Unix("agent")
    connection.request("GET", "/api/v1/" + path)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer.status, body


def ask(**question):
    status, body = get("pools?" + urllib.parse.urlencode(question, quote_via=urllib.parse.quote))
    if status != 200:
        raise SystemExit("%s is answered with %d: %s" % (question, status, body))
    return json.loads(body)


def together(questions):
    """The answers to all of them that one snapshot gave: it is asked until the first and the last have the same moment."""
    for _ in range(50):
        answers = [ask(summary=1, **q) for q in questions]
        if len({a["summary"]["time"] for a in answers}) == 1:
            return answers
        time.sleep(0.05)
    raise SystemExit("no moment lasted long enough for %d questions" % len(questions))


# ---- groups, made slowly ----------------------------------------------------------------------------------------------------

def severity(pool):
    return max([RANKS[f["severity"]] for f in pool["findings"]], default=-1)


def add(numbers):
    known = [n for n in numbers if n is not None]
    return sum(known) if known else None


def group_of(by, pools):
    full = [(p["utilization"], p["capacity"]) for p in pools if p["utilization"] is not None and p["capacity"] is not None]
    worst = max(severity(p) for p in pools)
    g = {key: add(p[key] for p in pools) for key in SUMS}
    g.update(by=by, name=pools[0][{"process": "process", "service": "service", "container": "container_id"}[by]] or None,
             pid=pools[0]["pid"] if by == "process" else None, pools=len(pools), sick=sum(severity(p) > 0 for p in pools),
             utilization=sum(u * c for u, c in full) / sum(c for _, c in full) if full else None,
             severity={r: name for name, r in RANKS.items()}[worst])
    return g


def lines_of(by, pools, is_folded):
    """Headings, as a dict, and ids of pools."""
    key = {"process": "pid", "service": "service", "container": "container_id"}[by]
    groups = {}
    for p in pools:
        groups.setdefault(p[key] or "", []).append(p)
    for mine in groups.values():
        yield group_of(by, mine)
        if not is_folded:
            yield from (p["id"] for p in mine)


def lines_in(answer):
    """The same of an answer's window, put together as a reader does it."""
    headings = {g["line"]: g for g in answer["groups"] if g["line"] >= 0}
    pools = iter(answer["pools"])
    for i in range(len(answer["pools"]) + len(headings)):
        yield {k: v for k, v in headings[i].items() if k != "line"} if i in headings else next(pools)["id"]


def is_same(a, b):
    if isinstance(a, dict) and isinstance(b, dict):
        return all(is_same(a[k], b.get(k)) for k in a)
    if isinstance(a, float) and isinstance(b, float):
        return abs(a - b) <= 1e-9 * max(1, abs(a))
    return a == b


def first_difference(expected, found):
    for i, (a, b) in enumerate(itertools.zip_longest(expected, found)):
        if not is_same(a, b):
            return "line %d: expected %s, found %s" % (i, a, b)
    return ""


def judge_grouped(by, question, is_folded):
    flat, all_lines = together([question, dict(question, group=by, **({"folded": 1} if is_folded else {}))])
    expected = list(lines_of(by, flat["pools"], is_folded))
    what = "by %s%s, %s: %d lines, %d pools" % (by, " folded" if is_folded else "", question or "all", len(expected), len(flat["pools"]))
    wrong = first_difference(expected, list(lines_in(all_lines)))
    if (all_lines["chosen"], all_lines["chosen_pools"], all_lines["total"]) != (len(expected), flat["chosen"], flat["total"]):
        wrong = wrong or "it counts %s" % {k: all_lines[k] for k in ("chosen", "chosen_pools", "total")}
    judge(what, not wrong, wrong)


def judge_windows(by, question):
    """Any window is a part of all lines, at the place that it says, and each pool in it knows its group."""
    wrong = ""
    for _ in range(23):
        limit, first = random.randint(1, 40), random.randint(0, 150)
        whole, part = together([dict(question, group=by), dict(question, group=by, first=first, limit=limit)])
        expected = list(lines_in(whole))[part["first"]:part["first"] + limit]
        wrong = wrong or first_difference(expected, list(lines_in(part)))
        if part["first"] != max(0, min(first, whole["chosen"] - limit)):
            wrong = wrong or "it begins at %d, asked was %d" % (part["first"], first)
        for p in part["pools"]:
            if by == "process" and part["groups"][p["group"]]["pid"] != p["pid"]:
                wrong = wrong or "pool %d is in group %d" % (p["id"], p["group"])
    judge("windows by %s, %s" % (by, question or "all"), not wrong, wrong)


def judge_around(by):
    wrong = ""
    pools = ask()["pools"]
    for p in random.sample(pools, 23):
        for is_folded in (0, 1):
            a = ask(group=by, limit=5, around=p["id"], folded=is_folded)
            there = [q for q in a["pools"] if q["id"] == p["id"]] if not is_folded else \
                    [g for g in a["groups"] if by != "process" or g["pid"] == p["pid"]]
            wrong = wrong or ("" if there else "pool %d is not there" % p["id"])
    judge("a window around a pool has it, by %s" % by, not wrong, wrong)


def judge_alone(by):
    for g in ask(group=by, folded=1)["groups"]:
        of = str(g["pid"]) if by == "process" else g["name"] or ""
        whole, alone = together([{"group": by}, {"group": by, "of": of}])
        begin = next(i for i, h in enumerate(whole["groups"]) if (h["pid"], h["name"]) == (g["pid"], g["name"]))
        ids = [p["id"] for p in whole["pools"] if p["group"] == begin]
        judge("by %s, of=%s alone: %d pools" % (by, of, len(ids)),
              [p["id"] for p in alone["pools"]] == ids and len(alone["groups"]) == 1 and alone["chosen"] == len(ids) + 1)


def groups():
    random.seed(23)
    for by in ("process", "service", "container"):
        for question in ({}, {"text": "tenant-1"}, {"sick": 1}, {"sort": "wait", "reverse": 1}, {"sort": "pid"}, {"pool": "poolsim/*"}, {"text": "nonesuch"}):
            judge_grouped(by, question, False)
            judge_grouped(by, question, True)
        judge_windows(by, {})
        judge_windows(by, {"text": "-1", "sort": "acquires"})
        judge_around(by)
        judge_alone(by)
    s, status = ask(summary=1, limit=1)["summary"], json.loads(get("status")[1])
    pools = ask()["pools"]
    judge("the summary says how many there are", (s["pools"], s["processes"]) == (len(pools), len({p["pid"] for p in pools})), s)
    judge("and whose they are", (s["host"], s["version"]) == (status["host"], status["version"]), s)
    judge("and what the agent takes", 0 < s["agent"]["cpu_share"] < 4 and s["agent"]["events_per_second"] > 0 and s["agent"]["resident_bytes"] > 1 << 20
          and 0 < s["uptime_seconds"] < 300, s)
    judge("there are services", len(ask(group="service", folded=1)["groups"]) >= 3)
    judge("and how many are sick", s["sick"] >= 1 and sum(s["findings"].values()) >= 1, s)


# ---- nonsense ---------------------------------------------------------------------------------------------------------------

def hostile():
    for question in ("sort=worst%00x", "sort%00x=worst", "sort%00", "group=process%00", "of=%00&group=service", "folded=1", "of=7", "of=", "group=pid", "group=",
                     "group", "group=process&of=", "group=process&of=poolsim", "group=process&of=-7", "group=process&of=7%00", "group=process&of=99999999999",
                     "trend=2", "trend", "trend=60", "summary=yes", "summary=-0", "limit=-1", "limit=1e3", "first=0x10", "around=%2b1", "nonesuch=1",
                     "group=process&folded=on"):
        status, body = get("pools?" + question)
        judge(question, status == 400 and "error" in json.loads(body), (status, body[:200]))


# ---- two minutes ------------------------------------------------------------------------------------------------------------

def trend(truth):
    fault = truth["faults"][0]
    true = next(p for p in truth["pools"] if p["name"] == "orders-db")
    pool = next(p for p in ask(trend=1, pid=truth["pid"])["pools"] if p["name"] == "orders-db")
    levels = pool["trend"]
    now_s = pool["since_monotonic_seconds"] + pool["since_seconds"]
    begin = int(now_s // STEP_S) - len(levels) + 1  # each step begins at a whole multiple of its length
    from_s, to_s = fault["at_ns"] / 1e9, fault["at_ns"] / 1e9 + fault["seconds"]
    inside, outside = [], []
    for i, level in enumerate(levels):
        at = (begin + i) * STEP_S
        if level is None:
            continue
        if at - 1.2 > from_s and at + STEP_S < to_s:  # a tick may be told in the step after
            inside.append(level)
        elif at + STEP_S < from_s or at - 1.2 > to_s:
            outside.append(level)
    judge("60 values", len(levels) == 60, len(levels))
    judge("full in %d steps, while one had everything" % len(inside), len(inside) >= 2 and min(inside) >= 0.98, inside)
    judge("not full in %d steps before and after" % len(outside), len(outside) >= 3 and max(outside) < 0.9, outside)
    known = sum(v for v in levels if v is not None) * STEP_S * true["capacity"]
    in_use = (true["low"]["in_use_seconds"] + true["high"]["in_use_seconds"]) / 2
    judge("all steps together: %.1f s in use, by the program itself %.1f s" % (known, in_use), abs(known - in_use) < 0.05 * in_use, levels)


if sys.argv[2] == "trend":
    trend(json.load(open(sys.argv[3])))
else:
    {"groups": groups, "hostile": hostile}[sys.argv[2]]()
sys.exit(failed > 0)
