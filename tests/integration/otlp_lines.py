#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""otlp_lines.py - what a receiver of OTLP was sent, read as its users would: series, and pools made of them.

usage: otlp_lines.py QUESTION LINES [ARGUMENT...]

LINES is the file of tests/receivers/receiver.js (`-` is standard input), a request a line. Questions, each answered with 0 or 1 and what is wrong:

  resources PID=NAME...    each of the processes has one Resource, the same in all requests: service.name, pid, executable, start as /proc has it,
                           host; and nothing that the schema does not know was sent
  ended PID                every series of the process has had its end told, once, and nothing came after that
  findings FINDINGS.json   what `poolscope findings --json` has is there as log records: type, severity, text, process
  how PROTOCOL ENCODING TEMPORALITY
                           so it was sent, and histograms were exponential with exemplars among them

compare_truth.py uses pools().
"""
import json
import math
import os
import sys
import time

KINDS = ("gauge", "sum", "histogram", "exponentialHistogram", "summary")
DELTA = "AGGREGATION_TEMPORALITY_DELTA"
ENDED = 1  # flag of a point: no recorded value

# of a pool: poolscope.pool.<name> is this key of `list --json`
NUMBERS = {
    "capacity": "capacity", "in_use": "in_use", "idle": "idle", "pending": "pending", "acquires": "acquires", "releases": "releases",
    "timeouts": "timeouts", "items_opened": "opened", "in_use_seconds": "in_use_seconds", "capacity_seconds": "capacity_seconds",
    "saturated": "saturated_seconds", "stalled": "stalled_seconds", "stalled_hold": "stalled_hold_seconds", "leaked_items": "leaked",
}
BY_REASON = {"rejections": ("rejections", "rejected_by"), "items_closed": ("closed", "closed_by"), "open_failures": ("open_failures", None)}
HISTOGRAMS = {("wait_duration", "acquired"): "wait", ("wait_duration", "failed"): "wait_failed", ("hold_duration", None): "hold",
              ("create_duration", None): "create"}
# what the truth has and no metric carries
NOT_CARRIED = ("acquires_new", "outcomes", "pending_seconds")


def value_of(any_value):
    for kind, value in any_value.items():
        return int(value) if kind == "intValue" else value
    return None


def attributes(message):
    return {a["key"]: value_of(a.get("value", {})) for a in message.get("attributes", [])}


class Series:
    """One series: the sum of its points where they are differences, else the last."""

    def __init__(self):
        self.value = None
        self.buckets = {}
        self.count = self.sum = self.zero = 0
        self.scale = None
        self.time_ns = 0
        self.points = self.ends = 0
        self.is_ended = False
        self.after_end = 0

    def feed(self, kind, point, is_delta):
        self.points += 1
        self.after_end += self.is_ended
        self.time_ns = int(point["timeUnixNano"])
        if int(point.get("flags", 0)) & ENDED:
            self.ends += 1
            self.is_ended = True
            return
        if kind in ("gauge", "sum"):
            value = int(point["asInt"]) if "asInt" in point else float(point["asDouble"])
            self.value = (self.value or 0) + value if is_delta else value
            return
        if not is_delta:
            self.buckets, self.count, self.sum, self.zero = {}, 0, 0, 0
        self.count += int(point.get("count", 0))
        self.sum += float(point.get("sum", 0))
        if kind == "exponentialHistogram":
            self.scale = point.get("scale", 0)
            self.zero += int(point.get("zeroCount", 0))
            positive = point.get("positive", {})
            for i, n in enumerate(positive.get("bucketCounts", [])):
                at = positive.get("offset", 0) + i
                self.buckets[at] = self.buckets.get(at, 0) + int(n)

    def quantile(self, q):
        """The logarithmic middle of its bucket; 0 in the zero bucket."""
        rank = max(1, math.ceil(q * self.count))
        seen = self.zero
        if rank <= seen:
            return 0.0
        for at in sorted(self.buckets):
            seen += self.buckets[at]
            if rank <= seen:
                return 2 ** ((at + 0.5) / 2 ** self.scale)
        return None

    def histogram(self):
        ret = {"count": self.count, "sum_seconds": self.sum}
        if self.zero + sum(self.buckets.values()) == self.count and self.count:
            ret.update({"p%d_seconds" % p: self.quantile(p / 100) for p in (50, 90, 99)})
        return ret


def lines(path):
    with (sys.stdin if path == "-" else open(path)) as f:
        for line in f:
            if line.endswith("\n"):  # the last one may be half written
                yield json.loads(line)


def was_taken(line):
    """Answered as a success; what was not comes again."""
    return line.get("step", "").split("=")[0] in ("ok", "slow", "partial")


def walk(path):
    """Yields (resource, metric, kind, is delta, point) of every request that was taken."""
    for line in lines(path):
        if line.get("signal") != "metrics" or not was_taken(line):
            continue
        for of_resource in line["body"].get("resourceMetrics", []):
            resource = attributes(of_resource.get("resource", {}))
            for scope in of_resource.get("scopeMetrics", []):
                for metric in scope.get("metrics", []):
                    for kind in KINDS:
                        for point in metric.get(kind, {}).get("dataPoints", []):
                            yield resource, metric["name"], kind, metric[kind].get("aggregationTemporality") == DELTA, point


def series(path):
    """All series by (pid, start, metric, attributes)."""
    ret = {}
    for resource, name, kind, is_delta, point in walk(path):
        key = (resource.get("process.pid"), resource.get("process.creation.time"), name, tuple(sorted(attributes(point).items())))
        ret.setdefault(key, Series()).feed(kind, point, is_delta)
    return ret


def pools(path):
    """The pools, as `poolscope list --json` has them, with what metrics carry; the time is that of the last point."""
    behind = time.time_ns() - time.monotonic_ns()
    ret = {}
    for (pid, _, name, labels), s in series(path).items():
        labels = dict(labels)
        if not name.startswith("poolscope.pool.") or "pool" not in labels:
            continue
        name = name[len("poolscope.pool."):]
        pool = ret.setdefault((pid, labels["pool"], labels.get("kind")), {
            "pid": pid, "name": labels["pool"], "kind": labels.get("kind"), "since_monotonic_seconds": 0, "since_seconds": 0, "capacity": None,
            "rejections": 0, "rejected_by": {}, "closed": 0, "closed_by": {}, "open_failures": 0})
        pool["since_seconds"] = max(pool["since_seconds"], (s.time_ns - behind) / 1e9)
        if (name, labels.get("outcome")) in HISTOGRAMS:
            pool[HISTOGRAMS[name, labels.get("outcome")]] = s.histogram()
        elif name in NUMBERS:
            pool[NUMBERS[name]] = s.value
        elif name in BY_REASON:
            key, by = BY_REASON[name]
            pool[key] += s.value or 0
            if by:
                pool[by][labels.get("reason")] = s.value
        elif name == "trusted":
            pool["trusted"] = bool(s.value)
    for pool in ret.values():
        if pool.get("idle") is not None and pool.get("in_use") is not None:
            pool["open"] = pool["idle"] + pool["in_use"]
    return {"pools": list(ret.values())}


# ---- questions -------------------------------------------------------------------------------------------------------------------


def started_s(pid):
    """When a process began, seconds since 1970, by /proc."""
    with open("/proc/%d/stat" % pid) as f:
        ticks = int(f.read().rsplit(")", 1)[1].split()[19])
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME) + ticks / os.sysconf("SC_CLK_TCK")


def ask_resources(path, *wanted):
    """Yields what is wrong."""
    seen, in_request = {}, []
    for line in lines(path):
        if line.get("unknown_bytes"):
            yield "request %d has %d bytes that the schema does not know" % (line["n"], line["unknown_bytes"])
        if line.get("error"):
            yield "request %d: %s" % (line["n"], line["error"])
        body = line.get("body", {})
        of_request = [json.dumps(attributes(r.get("resource", {})), sort_keys=True)
                      for r in body.get("resourceMetrics", []) + body.get("resourceLogs", [])]
        if len(of_request) != len(set(of_request)):
            yield "request %d names a Resource twice" % line["n"]
        for text in of_request:
            resource = json.loads(text)
            seen.setdefault(resource.get("process.pid"), set()).add(text)
    for pid_name in wanted:
        pid, name = int(pid_name.split("=")[0]), pid_name.split("=")[1]
        if len(seen.get(pid, ())) != 1:
            yield "pid %d has %d Resources, expected 1: %s" % (pid, len(seen.get(pid, ())), seen.get(pid))
            continue
        resource = json.loads(next(iter(seen[pid])))
        for key, value in (("service.name", name), ("process.executable.name", name), ("host.name", os.uname().nodename)):
            if resource.get(key) != value:
                yield "pid %d: %s is %r, expected %r" % (pid, key, resource.get(key), value)
        began = resource.get("process.creation.time", "")
        try:
            t = time.strptime(began.split(".")[0].rstrip("Z"), "%Y-%m-%dT%H:%M:%S")
            off = abs(__import__("calendar").timegm(t) - started_s(pid))
        except ValueError:
            off = math.inf
        if off > 2:
            yield "pid %d: process.creation.time is %r, %g s off" % (pid, began, off)
        if not resource.get("service.instance.id"):
            yield "pid %d has no service.instance.id" % pid
    if None not in seen:
        yield "the agent itself has no Resource"


def ask_ended(path, pid):
    of_process = {k: s for k, s in series(path).items() if k[0] == int(pid)}
    if not of_process:
        yield "there are no series of pid %s" % pid
    for (_, _, name, labels), s in of_process.items():
        if s.ends != 1 or s.after_end:
            yield "%s %s: %d points, %d ends, %d after one" % (name, dict(labels), s.points, s.ends, s.after_end)


SEVERITIES = {"critical": 17, "warning": 13, "info": 9}
NAMES = {"SEVERITY_NUMBER_INFO": 9, "SEVERITY_NUMBER_WARN": 13, "SEVERITY_NUMBER_ERROR": 17}


def records(path):
    for line in lines(path):
        for of_resource in line.get("body", {}).get("resourceLogs", []) if was_taken(line) else []:
            for scope in of_resource.get("scopeLogs", []):
                for record in scope.get("logRecords", []):
                    yield attributes(of_resource.get("resource", {})), record, attributes(record)


def ask_findings(path, findings):
    wanted = json.load(open(findings))["findings"]
    if not wanted:
        yield "there are no findings to look for"
    got = list(records(path))
    for f in wanted:
        mine = [(r, x, a) for r, x, a in got if a.get("poolscope.finding.id") == f["id"] and a.get("poolscope.finding.state") == "open"]
        if len(mine) != 1:
            yield "finding %s (%s) is there %d times" % (f["id"], f["type"], len(mine))
            continue
        resource, record, a = mine[0]
        found = (a.get("poolscope.finding.type"), a.get("pool"), NAMES.get(record.get("severityNumber")), resource.get("process.pid"))
        if found != (f["type"], f["pool"], SEVERITIES[f["severity"]], f["pid"]):
            yield "finding %s is %r" % (f["id"], found)
        if not record.get("body", {}).get("stringValue"):
            yield "finding %s has no text" % f["id"]
        ends = [x for _, x, a in got if a.get("poolscope.finding.id") == f["id"] and a.get("poolscope.finding.state") == "closed"]
        if len(ends) != (f["state"] != "open"):
            yield "finding %s is %s, and its end is told %d times" % (f["id"], f["state"], len(ends))


def ask_how(path, protocol, encoding, temporality):
    how = {(line["protocol"], line["encoding"]) for line in lines(path) if "protocol" in line}
    if how != {(protocol, encoding)}:
        yield "it was sent as %s, expected %s %s" % (sorted(how), protocol, encoding)
    kinds, n_exemplars = set(), 0
    for _, name, kind, is_delta, point in walk(path):
        if kind in ("histogram", "exponentialHistogram") and name.startswith("poolscope.pool."):
            kinds.add((kind, is_delta))
            n_exemplars += len(point.get("exemplars", []))
    if ("exponentialHistogram", temporality == "delta") not in kinds or any(is_delta != (temporality == "delta") for _, is_delta in kinds):
        yield "histograms are %s" % sorted(kinds)
    if not n_exemplars:
        yield "there are no exemplars"


def main():
    questions = {"resources": ask_resources, "ended": ask_ended, "findings": ask_findings, "how": ask_how}
    if len(sys.argv) < 3 or sys.argv[1] not in questions:
        sys.exit(__doc__)
    wrong = list(questions[sys.argv[1]](*sys.argv[2:]))
    print("\n".join(wrong[:20]))
    sys.exit(1 if wrong else 0)


if __name__ == "__main__":
    main()
