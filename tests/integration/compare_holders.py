#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_holders.py TRUTH < SHOW - does each holder of `show --holders --json` stand in the function that the program says, and wait for that?

TRUTH is {"holders": [{"item", "function", "state", "waits_for", "taken_in"; of C also "waits_in", "tid"}]}; taken_in is the function that took the item. A frame is "function (file) …"; waits_for is how the text begins. A thread that is
said to be on the CPU may be met just when it waits for one. Prints a table; 0 = all of them do.
"""
import json
import sys

truth = {h["item"]: h for h in json.load(open(sys.argv[1]))["holders"]}
rows = {h["item"]: h for h in json.load(sys.stdin)["holders"]}
n_wrong = 0
for item, t in truth.items():
    h = rows.get(item) or {}
    s = h.get("stack") or {}
    names = [f.split(" (")[0] for f in s.get("frames", [])]
    problems = []
    if "tid" in t and h.get("tid") != t["tid"]:
        problems.append("thread %s, not %s" % (h.get("tid"), t["tid"]))
    states = ("on cpu", "runnable") if t["state"] == "on cpu" else (t["state"],)
    if s.get("state") not in states or t["function"] not in names:
        problems.append("%s in %s: %s" % (s.get("state"), names, s.get("problem")))
    if not (s.get("waits_for") or "").startswith(t["waits_for"]):
        problems.append("waits for %s, not %s" % (s.get("waits_for"), t["waits_for"]))
    taken = [f.split(" (")[0] for f in (h.get("acquire_stack") or {}).get("frames", [])]
    if t["taken_in"] not in taken:
        problems.append("taken in %s" % taken)
    if "waits_in" in t and h.get("waits_in") != t["waits_in"]:
        problems.append("waits in %s, not %s" % (h.get("waits_in"), t["waits_in"]))
    print("%-20s %s" % (t["function"], "; ".join(problems) or "%s, %s" % (s.get("state"), s.get("waits_for"))))
    n_wrong += bool(problems)
if set(truth) != set(rows):
    print("holders", sorted(rows), "and not", sorted(truth))
    n_wrong += 1
sys.exit(n_wrong > 0)
