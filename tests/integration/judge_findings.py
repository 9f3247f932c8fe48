#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""judge_findings.py POOLSIM SOCKET [WAVE] - runs loads of the simulator side by side under one agent, and holds the findings against what
was done to each.

A load of the table has a name, what must be found in it, and options of poolsim. A fault's finding must be there within its threshold + 2 s
of what the simulator says it did, and no critical one of another type; in a healthy load none at all. Prints the confusion table with the
seconds that it took (- = not found), and what was found too late, not, or wrongly. The agent's [findings] must be leak_seconds = 3 and
wait_seconds = 1.
"""
import json
import socket
import subprocess
import sys
import time

SECONDS = 13  # of load: faults begin at a quarter of it, and leaks and what comes of them need some seconds
POLL_S = 0.2

# How long something must hold before it is one, as the detectors have it; in the agent's ticks of a second. To it come 2 s.
THRESHOLD = {
    "leak": 3,  # leak_seconds
    "slow-holders": 3,  # full for a window of three ticks
    "too-small": 3,
    "saturation": 3,
    "imbalance": 4,  # likewise, and twice seen
    "pool-deadlock": 2,  # nothing is acquired in a tick, and it holds for one more
    "starvation": 2,  # wait_seconds, and it holds for a second
    "churn": 5,  # openings are counted over five ticks
    "endpoint-down": 1,
    "recovered": 1,
    "stale-socket": 1,
    "backpressure": 2,  # twice seen
    "stall": 5,  # a tenth of five ticks
    "convoy": 5,  # likewise
}

# name, what must be found ("" = nothing), scenario and options
LOADS = [
    # wave 1
    [
        ("leak of 1", "leak", "leak --faults 1"),
        ("leak of 5", "leak", "leak --faults 5 --rate 100 --hold-ms 10 --seed 2"),
        ("leak of 23", "leak", "leak --faults 23 --capacity 30 --threads 16 --seed 3"),
        ("leak of all", "leak", "leak --faults 10 --seed 4"),
        ("leak, gone, 1", "leak", "leak-gone --faults 1"),
        ("leak, gone, 5", "leak", "leak-gone --faults 5 --rate 150 --seed 2"),
        ("leak, gone, 23", "leak", "leak-gone --faults 23 --capacity 30 --threads 32 --seed 3"),
        ("slow, 4 of 6", "slow-holders", "slow-holders --rate 300"),
        ("slow, 8 of 12", "slow-holders", "slow-holders --capacity 12 --threads 30 --faults 11 --rate 500 --hold-ms 6 --seed 2"),
        ("slow, all", "slow-holders", "slow-holders --capacity 3 --faults 3 --rate 100 --hold-ms 10 --seed 3"),
        ("exhausted by one", "slow-holders", "exhaust --faults 1 --fault-ms 5000 --rate 200"),
        ("deadlock", "pool-deadlock", "deadlock --rate 200"),
        ("deadlock of 2", "pool-deadlock", "deadlock --capacity 2 --threads 6 --rate 100 --seed 2"),
        ("deadlock of 8", "pool-deadlock", "deadlock --capacity 8 --threads 24 --rate 200 --hold-ms 10 --seed 3"),
        ("cycle", "pool-deadlock", "deadlock-cycle"),
        ("cycle, seed 2", "pool-deadlock", "deadlock-cycle --rate 100 --hold-ms 8 --seed 2"),
        ("cycle, seed 3", "pool-deadlock", "deadlock-cycle --capacity 2 --threads 10 --seed 3"),
        ("steady", "", "steady --rate 300"),
        ("long holds", "", "steady --rate 8 --hold-ms 1500 --seed 2"),
        ("burst", "", "burst --rate 300 --hold-ms 4"),
        ("full, nobody waits", "", "too-small --capacity 8 --threads 8 --rate 0 --hold-ms 20"),
        ("resized", "", "resize --rate 300"),
        ("buffers", "", "object --rate 500"),
    ],
    # wave 2
    [
        ("too small", "too-small", "too-small --rate 700 --hold-ms 8"),
        ("too small, 1", "too-small", "too-small --capacity 1 --rate 200 --hold-ms 8 --seed 2"),
        ("too small, 8", "too-small", "too-small --capacity 8 --rate 500 --hold-ms 25 --seed 3"),
        ("starvation", "starvation", "starvation --rate 700"),
        ("starvation of 24", "starvation", "starvation --threads 24 --rate 600 --hold-ms 6 --seed 2"),
        ("starvation at 1", "starvation", "starvation --capacity 1 --threads 8 --rate 300 --hold-ms 6 --seed 3"),
        ("imbalance", "imbalance", "imbalance --rate 600 --hold-ms 10"),
        ("200 on 4", "imbalance", "imbalance --capacity 200 --rate 500 --hold-ms 12 --seed 2"),
        ("imbalance, 32", "imbalance", "imbalance --capacity 32 --rate 400 --hold-ms 20 --seed 3"),
        ("churn", "churn", "churn --rate 150"),
        ("churn, slower", "churn", "churn --rate 30 --hold-ms 15 --seed 2"),
        ("churn by idleness", "churn", "idle-churn"),
        ("endpoint", "endpoint-down recovered", "endpoint --fault-ms 4000 --rate 200"),
        ("endpoint, rare", "endpoint-down recovered", "endpoint --fault-ms 4000 --rate 20 --seed 2"),
        ("endpoint, twice", "endpoint-down recovered", "endpoint --faults 2 --fault-ms 3000 --rate 100 --seed 3"),
        ("stale", "stale-socket", "stale-socket --rate 5 --hold-ms 40 --faults 8"),
        ("stale, few", "stale-socket", "stale-socket --rate 6 --hold-ms 50 --faults 5 --seed 2"),
        ("stale, often", "stale-socket", "stale-socket --rate 8 --hold-ms 50 --faults 8 --seed 3"),
        ("backpressure", "backpressure", "backpressure --rate 1000"),
        ("backpressure, 2", "backpressure", "backpressure --capacity 2 --rate 500 --seed 2"),
        ("backpressure, 8", "backpressure", "backpressure --capacity 8 --rate 500 --hold-ms 25 --seed 3"),
        ("stall", "stall", "stall --faults 9 --fault-ms 300 --rate 200"),
        ("stall, once", "stall", "stall --faults 1 --fault-ms 2500 --rate 200 --seed 2"),
        ("stall, often", "stall", "stall --faults 40 --fault-ms 100 --rate 100 --seed 3"),
        ("convoy", "convoy", "convoy"),
        ("convoy of 32", "convoy", "convoy --threads 32 --rate 250 --hold-ms 12 --seed 2"),
        ("convoy, short holds", "convoy", "convoy --threads 16 --rate 2000 --hold-ms 1.5 --seed 3"),
        ("tokens", "", "semaphore --rate 500 --hold-ms 8"),
        ("workers", "", "workers --rate 300 --hold-ms 9"),
        ("elastic", "", "elastic --rate 100"),
        ("a lock", "", "lock --rate 200"),
        ("a lock, many ask", "", "convoy --rate 200 --hold-ms 2 --seed 4"),
        ("a lock, long holds", "", "convoy --threads 6 --rate 40 --hold-ms 10 --seed 5"),
        ("mixed", "", "mixed --rate 200"),
        ("pauses", "", "stall --faults 8 --fault-ms 15 --rate 200"),
    ],
]


def get(path, what):
    s = socket.socket(socket.AF_UNIX)
    s.settimeout(10)
    s.connect(path)
    s.sendall(b"GET /api/v1/%s HTTP/1.0\r\n\r\n" % what.encode())
    data = b""
    while True:
        part = s.recv(1 << 16)
        if not part:
            break
        data += part
    s.close()
    return json.loads(data.split(b"\r\n\r\n", 1)[1])


class Load:
    def __init__(self, poolsim, name, expected, options):
        self.name, self.expected = name, set(expected.split())
        self.found = {}  # type: (first seen, CLOCK_MONOTONIC; the finding as it was last)
        self.sim = subprocess.Popen([poolsim] + options.split() + ["--seconds", str(SECONDS), "--linger", "60", "--wait"],
                                    stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.pid = int(self.sim.stdout.readline().split("pid=")[1])
        self.begin = None
        self.truth = None
        self.problems = []

    def go(self):
        self.begin = time.monotonic()
        self.sim.stdin.write("go\n")
        self.sim.stdin.flush()

    def end(self):
        self.sim.kill()
        self.sim.wait()

    def see(self, finding, now):
        if now > self.begin + SECONDS:
            return  # when the load ends so does what it needs, and threads end with items in their hands
        first = self.found.get(finding["type"], (now, None))[0]
        self.found[finding["type"]] = (first, finding)

    def fault_at(self, kind):
        """When the finding should have begun to hold: by what the simulator did; a load that is wrong as a whole is so from its beginning."""
        faults = [(f["at_ns"] / 1e9, f["seconds"]) for f in self.truth["faults"]]
        if not faults or kind in ("too-small", "starvation", "imbalance", "churn", "backpressure", "convoy"):
            return [self.begin]
        if kind == "pool-deadlock":  # each that nests is written down; when the last one has, it is one
            return [faults[-1][0]]
        if kind == "recovered":
            return [faults[0][0] + faults[0][1]]
        if kind == "stale-socket":  # one that is taken again at once lies nowhere
            return [at for at, _ in faults]
        return [faults[-1][0]] if kind == "slow-holders" else [faults[0][0]]  # only the last one of some fills the pool

    def judge(self):
        for kind in self.expected:
            limit = THRESHOLD[kind] + 2
            if kind not in self.found:
                self.problems.append("%s was not found" % kind)
                continue
            late = min((self.found[kind][0] - at for at in self.fault_at(kind) if self.found[kind][0] >= at), default=0)
            self.lateness = "%s %.1f" % (kind, late)
            if late > limit + POLL_S:
                self.problems.append("%s came after %.1f s, and not within %d" % (kind, late, limit))
        for kind, (_, finding) in self.found.items():
            if kind in self.expected:
                continue
            if not self.expected or finding["severity"] == "critical":
                self.problems.append("%s %s: %s [%s]" % (finding["severity"], kind, finding["text"], finding["evidence"]))


def run(poolsim, path, wave):
    loads = [Load(poolsim, *row) for row in wave]
    try:
        end = time.monotonic() + 15
        while max((p["processes"] for p in get(path, "probes")["probes"] if p["file"].endswith("/poolsim")), default=0) < len(loads):
            if time.monotonic() > end:
                sys.exit("the simulators are not attached")
            time.sleep(0.1)
        for load in loads:
            load.go()
            time.sleep(0.04)  # they shall not go in step
        by_pid = {load.pid: load for load in loads}
        while time.monotonic() < loads[-1].begin + SECONDS:
            time.sleep(POLL_S)
            findings = get(path, "findings")["findings"]
            now = time.monotonic()
            for finding in findings:
                if finding["pid"] in by_pid:
                    by_pid[finding["pid"]].see(finding, now)
        for load in loads:
            line = load.sim.stdout.readline()
            load.truth = json.loads(line.split("TRUTH ", 1)[1])
            load.judge()
    finally:
        for load in loads:
            load.end()
    return loads


def table(loads):
    kinds = sorted(set(THRESHOLD) | {k for load in loads for k in load.found})
    kinds = [k for k in kinds if any(k in load.found for load in loads)]
    print("found (C critical, w warning, i info):")
    for number, kind in enumerate(kinds):
        print("%-20s %s%s" % ("", "| " * number + "+-- ", kind))
    for load in loads:
        row = ""
        for kind in kinds:
            mark = load.found[kind][1]["severity"][0] if kind in load.found else "."
            mark = "C" if mark == "c" else mark
            row += ("-" if mark == "." and kind in load.expected else mark) + " "
        print("%-20s %s %-22s %s" % (load.name, row, getattr(load, "lateness", ""), "WRONG" if load.problems else ""))
    for load in loads:
        for problem in load.problems:
            print("FAILED: %s: %s" % (load.name, problem))


def main():
    poolsim, path = sys.argv[1:3]
    waves = [LOADS[int(sys.argv[3]) - 1]] if len(sys.argv) > 3 else LOADS
    loads = []
    for wave in waves:
        loads += run(poolsim, path, wave)
    table(loads)
    n_faults = sum(1 for load in loads if load.expected)
    n_wrong = sum(1 for load in loads if load.problems)
    print("%d faults, %d healthy loads, %d judged wrongly" % (n_faults, len(loads) - n_faults, n_wrong))
    sys.exit(n_wrong > 0)


if __name__ == "__main__":
    main()
