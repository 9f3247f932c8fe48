#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""debug_lines.py - what the Collector's debug exporter prints (verbosity: detailed), as lines of tests/receivers/receiver.js, for otlp_lines.py.

usage: debug_lines.py LOG

The exporter rounds to six decimals and prints no flags: a point without a value is one whose series ended. Of buckets it prints the bounds, and all
between the first and the last; so the last one's bound, the largest, says where they are.
"""
import calendar
import json
import math
import re
import sys
import time

KINDS = {"Gauge": "gauge", "Sum": "sum", "Histogram": "histogram", "ExponentialHistogram": "exponentialHistogram", "Summary": "summary"}
SCALE = 3  # it is printed nowhere
VALUE = re.compile(r"\s+-> (.*?): (Str|Int|Double|Bool|Map|Slice|Bytes)\((.*)\)$")
SEVERITY = {"Info": "INFO", "Warn": "WARN", "Error": "ERROR"}


def nanoseconds(text):
    at, _, fraction = text.split(" +")[0].partition(".")
    return str(calendar.timegm(time.strptime(at, "%Y-%m-%d %H:%M:%S")) * 10**9 + int(fraction.ljust(9, "0") or 0))


def any_value(kind, text):
    return {"Int": {"intValue": text}, "Double": {"doubleValue": float(text) if kind == "Double" else 0},
            "Bool": {"boolValue": text == "true"}}.get(kind, {"stringValue": text})


class Reader:
    def __init__(self):
        self.body = None
        self.attributes = None

    def begin(self, signal):
        self.signal, self.body, self.n = signal, {}, 0

    def resource(self, key, scopes):
        self.attributes = []
        self.of_resource = {"resource": {"attributes": self.attributes}, scopes: []}
        self.scopes = self.of_resource[scopes]
        self.body.setdefault(key, []).append(self.of_resource)

    def end_point(self):
        """A point is known when the next thing begins: buckets by the last of them."""
        point, self.point = getattr(self, "point", None), None
        if point is None:
            return
        buckets = point.pop("buckets", None)
        if buckets:
            last = round(math.log2(buckets[-1][0]) * 2**SCALE) - 1
            point["scale"] = SCALE
            point["positive"] = {"offset": last - len(buckets) + 1, "bucketCounts": [n for _, n in buckets]}
        if self.metric and not {"asInt", "asDouble"} & set(point) and not int(point.get("count", 0)) and self.kind in ("gauge", "sum"):
            point["flags"] = 1

    def feed(self, line):
        """Yields a request's line when it is whole."""
        head = re.match(r"[^\t]*\tinfo\t(ResourceMetrics|ResourceLog) #0$", line)
        if head:
            self.begin("metrics" if head[1] == "ResourceMetrics" else "logs")
            line = head[1] + " #0"
        if self.body is None:
            return
        if line.startswith("\t{"):
            self.end_point()
            self.metric = None
            yield {"n": 0, "protocol": "collector", "encoding": "", "signal": self.signal, "step": "ok", "body": self.body}
            self.body = None
            return
        self.text(line)

    def text(self, line):
        key, _, rest = line.partition(": ")
        attribute = VALUE.match(line)
        if line.startswith("ResourceMetrics #"):
            self.end_point()
            self.metric = None
            self.resource("resourceMetrics", "scopeMetrics")
        elif line.startswith("ResourceLog #"):
            self.metric = None
            self.resource("resourceLogs", "scopeLogs")
        elif line.startswith("ScopeMetrics #"):
            self.scopes.append({"metrics": []})
        elif line.startswith("ScopeLogs #"):
            self.scopes.append({"logRecords": []})
        elif line.startswith("Metric #"):
            self.end_point()
            self.metric = {}
            self.scopes[-1]["metrics"].append(self.metric)
        elif line.startswith("     -> Name: "):
            self.metric["name"] = line[len("     -> Name: "):]
        elif line.startswith("     -> DataType: "):
            self.kind = KINDS[line[len("     -> DataType: "):]]
            self.metric[self.kind] = {"dataPoints": []}
        elif line.startswith("     -> AggregationTemporality: "):
            self.metric[self.kind]["aggregationTemporality"] = "AGGREGATION_TEMPORALITY_" + line.split(": ")[1].upper()
        elif re.match(r"(Number|Histogram|ExponentialHistogram|Summary)DataPoints #", line):
            self.end_point()
            self.attributes = []
            self.point = {"attributes": self.attributes}
            self.metric[self.kind]["dataPoints"].append(self.point)
        elif line.startswith("LogRecord #"):
            self.attributes = []
            self.point = {"attributes": self.attributes}
            self.scopes[-1]["logRecords"].append(self.point)
        elif line.startswith("Exemplar #"):
            self.attributes = []
            self.point.setdefault("exemplars", []).append({})
        elif attribute:
            self.attributes.append({"key": attribute[1], "value": any_value(attribute[2], attribute[3])})
        elif key in ("StartTimestamp", "Timestamp"):
            self.point["startTimeUnixNano" if key == "StartTimestamp" else "timeUnixNano"] = nanoseconds(rest)
        elif key == "Value":
            self.point["asDouble" if "." in rest else "asInt"] = rest
        elif key in ("Count", "Sum", "Min", "Max"):
            self.point[key.lower()] = rest
        elif key == "SeverityNumber":
            self.point["severityNumber"] = "SEVERITY_NUMBER_" + SEVERITY[rest.split("(")[0]]
        elif key == "Body":
            self.point["body"] = {"stringValue": rest[len("Str("):-1]}
        elif line.startswith("Bucket ["):
            self.point["zeroCount"] = line.rsplit(" ", 1)[1]
        elif line.startswith("Bucket ("):
            bound, n = re.match(r"Bucket \(.*, (.*)\], Count: (\d+)", line).groups()
            self.point.setdefault("buckets", []).append((float(bound), n))


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    reader = Reader()
    with open(sys.argv[1], errors="replace") as f:
        for line in f:
            for request in reader.feed(line.rstrip("\n")):
                print(json.dumps(request))


if __name__ == "__main__":
    main()
