#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""judge.py FOLDER - judges what tests/vm/inside has brought from a machine, and what tests/integration/kernels/debian said of the same kernel.
judge.py --table FOLDER - prints the table of all kernels below FOLDER.

Of each feature it says ok, or what is wrong, with the numbers on both sides; FOLDER/verdict.json keeps that. Ends with 1 when something is
wrong. What a kernel cannot have is judged as well: it must be said so, and its numbers must be unknown.

Counts and levels must be equal. Times: sums within 1 % of the truth's bounds, quantiles within 15 %, against 0.1 and 10 elsewhere: of the two
processors either one may be away from the machine for some milliseconds, between the simulator's look at the clock and the probe. What is
inferred has the tolerances of compare_inferred.py.
"""
import json
import os
import re
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
COMPARE = os.path.join(HERE, "..", "integration", "compare_truth.py")
USE_PERCENT, QUANTILE_PERCENT = "1", "15"
SIMS = ("steady", "too-small", "workers", "leak", "deadlock", "stall")

# what kernels/debian checks, by the words that its checks begin with
BY_DEBIAN = (
    ("recipe whose functions are learned at run time (GThreadPool)", ("its tasks are counted", "its limit is known", "all probes are on")),
    ("stall: out of quota in a cgroup", ("out of quota",)),
    ("stall: stopped by a signal", ("stopped by a signal",)),
    ("stall: a barrier that nobody names", ("a barrier of",)),
    ("stall: frozen by a cgroup", ("frozen by a cgroup",)),
    ("stacks of holders, without frame pointers", ("present stacks",)),
)


class Missing(Exception):
    """Something is not there that must be."""


def read(*path):
    try:
        with open(os.path.join(*path)) as f:
            return f.read()
    except OSError as e:
        raise Missing("no %s: %s" % (os.path.join(*path[1:]), e.strerror))


def load(*path):
    text = read(*path)
    try:
        return json.loads(text)
    except ValueError:
        raise Missing("%s is no JSON: %s" % (path[-1], text[:80]))


def check_of(folder, name):
    return next((c for c in load(folder, "doctor.json")["checks"] if c["name"] == name), {"state": None, "found": None})


def said(folder, name, mark):
    found = re.search("^%s (.*)$" % mark, read(folder, name + ".said"), re.M)
    if not found:
        raise Missing("%s did not tell its %s" % (name, mark))
    return found[1]


def pid_of(folder, name):
    return int(re.match(r"pid=(\d+)", said(folder, name, "READY"))[1])


# ---- one feature each: a list of what is wrong ---------------------------------------------------------------------------


def installed(folder):
    place = os.path.join(folder, "install")
    unit = read(place, "unit").split("\n")
    wrong = []
    if read(place, "dpkg.rc").strip() != "0":
        wrong.append("dpkg: " + read(place, "dpkg.log").strip().split("\n")[-1])
    if unit[0] != "active":
        wrong.append("the unit is " + unit[0])
    if "User=poolscope" not in unit or unit.count("poolscope") != 1:
        wrong.append("it does not run as poolscope")
    if "poolscope_build_info" not in read(place, "metrics"):
        wrong.append("/metrics does not answer")
    if "Result=success" not in read(folder, "stopped"):
        wrong.append("it ends with " + read(folder, "stopped").replace("\n", " "))
    return wrong


def hooks(tier):
    check = check_of(os.path.join(tier, "sims"), "sockets and processes")
    return [] if check["state"] == "ok" else [str(check["found"])]


def simulated(tier, method):
    """The books of the simulators, and the way that their probes are attached."""
    place, wrong = os.path.join(tier, "sims"), []
    methods = {p["method"] for p in load(place, "probes.json")["probes"] if p["file"].endswith("/poolsim")}
    if methods != {method}:
        wrong.append("attached by %s, not %s" % (sorted(methods), method))
    for sim in SIMS:
        with open(os.path.join(place, sim + ".truth"), "w") as f:
            f.write(said(tier, sim, "TRUTH"))
        ran = subprocess.run([COMPARE, f.name, os.path.join(place, "list.json"), "--stalls", os.path.join(place, "stalls.json"), "--pid",
                              str(pid_of(tier, sim)), "--use-percent", USE_PERCENT, "--quantile-percent", QUANTILE_PERCENT],
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if ran.returncode:
            lines = [" ".join(line.split()) for line in ran.stdout.split("\n") if "MISMATCH" in line or "rows of this name" in line]
            wrong.append("%s: %s" % (sim, "; ".join(lines) or ran.stdout.strip()[-200:]))
    return wrong


def findings(tier):
    found = load(tier, "sims", "findings.json")["findings"]
    wrong = []
    for sim, kind in ("leak", "leak"), ("deadlock", "pool-deadlock"):
        if not any(f["type"] == kind and f["pid"] == pid_of(tier, sim) for f in found):
            wrong.append("%s was not found" % kind)
    for sim in "steady", "workers":
        wrong += ["%s: %s" % (sim, f["text"]) for f in found if f["pid"] == pid_of(tier, sim) and f["severity"] == "critical"]
    return wrong


def told_stalls(tier):
    rows = [s for s in load(tier, "sims", "stalls.json")["stalls"] if s["pid"] == pid_of(tier, "stall") and s["cause"] == "safepoint"]
    counts = [s["count"] for s in rows]
    return [] if counts == [3] else ["3 stalls were %s" % counts]


def row_of(tier, name):
    pid = json.loads(said(tier, name, "BOOKS"))["books"]["pid"]
    rows = [p for p in load(tier, "list.json")["pools"] if p["pid"] == pid and p["kind"] == "connection"]
    if len(rows) != 1:
        raise Missing("%s has %d rows" % (name, len(rows)))
    return rows[0]


def inferred(tier, name, traffic):
    """A pool of which only sockets and futexes tell."""
    truth, row, wrong = json.loads(said(tier, name, "BOOKS")), row_of(tier, name), []
    books = truth["books"]
    check = check_of(tier, "traffic and waits")
    if check["found"] != traffic:
        wrong.append("traffic is seen by %s, not by %s" % (check["found"], traffic))
    for what, want, got, percent in (
            ("acquires", books["acquires"], row["acquires"], 5),
            ("wait_sum_ms", books["wait_sum_ms"], row["wait"] and row["wait"]["sum_seconds"] * 1e3, 5),
            ("hold_sum_ms", books["hold_sum_ms"], row["hold"] and row["hold"]["sum_seconds"] * 1e3, 10),
            ("capacity", truth["capacity"], row["capacity"], 0), ("open", books["connections_open"], row["open"], 0)):
        if got is None or abs(got - want) > percent / 100 * want:
            wrong.append("%s: %s is %s, not %s" % (name, what, got, want))
    if not row["source"].startswith("inferred:"):
        wrong.append("%s: its source is %s" % (name, row["source"]))
    return wrong


def counted(tier):
    """No traffic: connections are counted, and who uses them is unknown."""
    row, wrong = row_of(tier, "tcp"), []
    if check_of(tier, "traffic and waits")["state"] != "look":
        wrong.append("doctor does not say that traffic is not seen")
    if row["open"] != 2:
        wrong.append("open is %s, not 2" % row["open"])
    wrong += ["%s is %s, and not unknown" % (key, row[key]) for key in ("acquires", "wait", "hold", "in_use", "capacity") if row[key] is not None]
    return wrong


def by_debian(folder, words):
    log = read(folder, "debian.log")
    wrong = [line[len("FAILED: "):] for line in log.split("\n") if line.startswith("FAILED: ") and line[len("FAILED: "):].startswith(words)]
    n = sum(line.startswith(tuple("ok: " + w for w in words)) for line in log.split("\n"))
    return wrong or ([] if n else ["it was not asked: " + log.strip()[-120:]])


# ---- all of them ---------------------------------------------------------------------------------------------------------


def features(folder):
    """Yields (feature, NOT_THERE or a function that says what is wrong)."""
    names = dict(line.split(":", 1) for line in read(folder, "tiers").split())
    of = {name: os.path.join(folder, name) for name in names}
    own = of["own"]
    version = tuple(map(int, re.match(r"(\d+)\.(\d+)", read(folder, "version")).groups()))
    has_multi, has_lengths = version >= (6, 6), version >= (6, 3)
    lengths, functions = "lengths sent and received", "TCP's functions"
    yield "package installed, service active as its own user, ends well", lambda: installed(folder)
    yield "processes, TCP states, scheduling: BTF tracepoints", lambda: hooks(own)
    yield "SDK's and recipes' probes: uprobe_multi", (lambda: simulated(own, "uprobe_multi")) if has_multi else "from 6.6 on"
    perf = of["functions"] if has_multi and "functions" in of else None if has_multi else own
    if perf:
        yield "SDK's and recipes' probes: perf uprobes", lambda: simulated(perf, "perf")
    yield "findings: a leak, a deadlock, nothing where nothing is wrong", lambda: findings(own)
    yield "stall: told by the program", lambda: told_stalls(own)
    for name, what in ("tcp", "TCP"), ("unix", "Unix sockets"):
        title = "inference, %s, by lengths on sockets" % what
        yield title, (lambda n=name: inferred(own, n, lengths)) if has_lengths else "from 6.3 on"
        by_functions = of.get("functions") if has_lengths else own
        if by_functions:
            yield title.replace("lengths on sockets", "the functions of the kernel (fexit)"), lambda n=name, t=by_functions: inferred(t, n, functions)
    yield "connections from before the start", lambda: inferred(own, "before", lengths if has_lengths else functions)
    if "none" in of:
        yield "without traffic: connections counted, the rest unknown", lambda: counted(of["none"])
    if "lengths" in of:
        yield "what a kernel lacks, asked for: said, and unknown", lambda: counted(of["lengths"])
    if os.path.exists(os.path.join(folder, "debian.log")):
        for title, words in BY_DEBIAN:
            yield title, lambda w=words: by_debian(folder, w)


def judge(folder):
    verdict = {"version": read(folder, "version").strip(), "features": {}}
    n_wrong = 0
    for title, what in features(folder):
        try:
            wrong = ["-" + what] if isinstance(what, str) else what()
        except (Missing, KeyError, TypeError, ValueError) as e:
            wrong = ["%s: %s" % (type(e).__name__, e)]
        is_there = not (wrong and wrong[0].startswith("-"))
        n_wrong += bool(wrong) and is_there
        print("%s: %s%s" % ("ok" if not wrong else "FAILED" if is_there else "not there", title, "".join("\n    " + w.lstrip("-") for w in wrong)))
        verdict["features"][title] = "ok" if not wrong else "FAILED: " + "; ".join(wrong) if is_there else wrong[0][1:]
    with open(os.path.join(folder, "verdict.json"), "w") as f:
        json.dump(verdict, f, indent=1)
    return n_wrong


def table(folder):
    verdicts = []
    for name in sorted(os.listdir(folder), key=lambda n: [int(x) if x.isdigit() else 99 for x in n.split(".")]):
        if os.path.exists(os.path.join(folder, name, "verdict.json")):
            verdicts.append(load(folder, name, "verdict.json"))
    titles = list(dict.fromkeys(t for v in verdicts for t in v["features"]))
    print("| | " + " | ".join(v["version"].replace("-cloud-amd64", "") for v in verdicts) + " |")
    print("|---|" + "---|" * len(verdicts))
    for title in titles:
        print("| %s | " % title + " | ".join(v["features"].get(title, "-").replace("|", "/") for v in verdicts) + " |")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--table"]:
        sys.exit(table(sys.argv[2]))
    n = judge(sys.argv[1])
    print("%d wrong" % n)
    sys.exit(n > 0)
