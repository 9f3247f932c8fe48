# SPDX-License-Identifier: MIT
"""Makes cyclic garbage for LOAD_SECONDS with a live set of LIVE objects, and logs every collection through gc.callbacks."""

import gc
import json
import os
import sys
import time

pauses = [[], [], []]
began = 0


def note(phase, info):
    global began
    if phase == "start":
        began = time.monotonic_ns()
    else:
        pauses[info["generation"]].append(time.monotonic_ns() - began)


print("READY", flush=True)
sys.stdin.readline()
gc.callbacks.append(note)
live = [[] for _ in range(int(os.environ["LIVE"]))]
end = time.monotonic() + float(os.environ["LOAD_SECONDS"])
while time.monotonic() < end:
    garbage = [[] for _ in range(2000)]
    for item in garbage:
        item.append(item)
    live[:1000] = garbage[:1000]  # some of it lives on, else old generations are never worth a look
    time.sleep(0.001)
gc.callbacks.remove(note)
with open(os.environ["OPS"], "w") as out:
    for generation in pauses:
        for ns in generation:
            print(ns / 1e6, file=out)
print("BOOKS", json.dumps({
    "library": "cpython", "cause": "gc",
    "by_generation": [{"count": len(g), "pause_sum_ms": round(sum(g) / 1e6, 3)} for g in pauses]}), flush=True)
sys.stdin.readline()
