#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""rates.py FILE FROM [TO] - what fires.c did between two moments of /proc/uptime: pairs a second, the longest time in one go that it went slower than SLOW times the rate
that is given in $BASE (0 without it), the most pairs a second in a tenth of one, and of the tenths in which it did as many as it could the median and the best but for a tenth
of them: that is what it does while nobody else wants its CPU.
"""
import os
import statistics
import sys

SLOW = 0.5  # with its probes on it does 0.45 or less; a CPU of a shared host that has just become slow, 0.57
CALM = 5000  # pairs a second: it was asked not to
base = float(os.environ.get("BASE", "0"))
begin, end = float(sys.argv[2]), float(sys.argv[3]) if len(sys.argv) > 3 else float("inf")
points = [(float(t), int(n)) for kind, t, n in (line.split() for line in open(sys.argv[1]) if line.startswith("AT ") and line.endswith("\n"))]
points = [p for p in points if begin <= p[0] <= end]
steps = [(t1, t1 - t0, (n1 - n0) / (t1 - t0)) for (t0, n0), (t1, n1) in zip(points, points[1:])]
slow, longest = 0, 0
for _, seconds, rate in steps:
    slow = slow + seconds if rate < SLOW * base else 0
    longest = max(longest, slow)
mean = (points[-1][1] - points[0][1]) / (points[-1][0] - points[0][0])
busy = sorted(rate for _, _, rate in steps if rate > CALM) or [0]
print("%.0f %.2f %.0f %.0f %.0f" % (mean, longest, max(rate for _, _, rate in steps), statistics.median(busy), busy[len(busy) * 9 // 10]))
