#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""compare_leaks.py TRUTH PID < FINDINGS - does the leak finding of a process name who has leaked?

TRUTH is {"leaks": [{"tid", "function"; where known "thread", "item"}], "others": [functions that leak nothing]}. The holders of the finding must be
those threads, each with a stack that has its function and none of the others, and the text must name one of the functions and its thread. A
frame is "function (file) …". 0 = it does.
"""
import json
import sys

truth = json.load(open(sys.argv[1]))
findings = [f for f in json.load(sys.stdin)["findings"] if f["pid"] == int(sys.argv[2]) and f["type"] == "leak" and f["state"] == "open"]
if len(findings) != 1:
    sys.exit("%d leaks are found" % len(findings))
finding = findings[0]
problems = []
print(finding["text"])
if not any(t["function"] in finding["text"] and t.get("thread", "") in finding["text"] for t in truth["leaks"]):
    problems.append("the text names none of %s" % truth["leaks"])
if any(o in finding["text"] for o in truth["others"]):
    problems.append("the text names another function")
rows = finding["holders"]
if sorted(h["tid"] for h in rows) != sorted(t["tid"] for t in truth["leaks"]):
    problems.append("threads %s, not %s" % ([h["tid"] for h in rows], truth["leaks"]))
for h in rows:
    for t in truth["leaks"]:
        if t["tid"] != h["tid"]:
            continue
        stack = h["acquire_stack"] or {}
        names = [f.split(" (")[0] for f in stack.get("frames", [])]
        print(h["tid"], stack.get("thread"), names, stack.get("problem"))
        if t["function"] not in names or set(names) & set(truth["others"]):
            problems.append("thread %d took it in %s" % (h["tid"], names))
        if t.get("item", h["item"]) != h["item"]:
            problems.append("item %s, not %s" % (h["item"], t["item"]))
        if t.get("thread", stack.get("thread")) != stack.get("thread"):
            problems.append("thread %s, not %s" % (stack.get("thread"), t["thread"]))
print("\n".join(problems))
sys.exit(bool(problems))
