# SPDX-License-Identifier: MIT
"""probes.py - what a hit costs who is watched: a pool that does nothing but fire, by its points and by its page; and a checkout of Go's database/sql."""
import contextlib
import os
import subprocess

import bench
from bench import bpftrace, build, nobody, poolscope, tmp

TARGET, PAGED, GOSQL = (build + "/tests/bench-" + name for name in ("target", "target-paged", "gosql"))

# Holds as a histogram and acquires as a count, by pool: what of it can be had so.
HOLDS = """
usdt:FILE:poolscope:acquired { @since[arg0, arg1] = nsecs; @acquires[arg0] = count(); }
usdt:FILE:poolscope:released /@since[arg0, arg1]/ { @hold[arg0] = hist(nsecs - @since[arg0, arg1]); delete(@since[arg0, arg1]); }
"""
COUNTS = """
usdt:FILE:poolscope:acquired { @acquires = count(); }
usdt:FILE:poolscope:released { @releases = count(); }
"""


@contextlib.contextmanager
def empty(_pid):
    p = bench.start(build + "/tests/bench-empty", TARGET)
    try:
        yield
    finally:
        bench.end(p)


def pair_ns(program):
    """ns of one acquire and its release."""

    def measure(way):
        p = bench.start(program, "0.5", "0")
        with way(p.pid):
            bench.say(p)
            pairs, took = p.stdout.readline().split()
        bench.end(p)
        return float(took) / int(pairs) * 1e9

    return measure


def points():
    ways = {"unwatched": nobody, "an empty program at each point": empty}
    for what, how in (("Poolscope", "auto"), ("Poolscope, no stack of who acquires", "none"), ("Poolscope, the stack of each acquire", "all")):
        path = "%s/%s.conf" % (tmp, how)
        with open(path, "w") as f:
            f.write("[probes]\ntaken_stacks = %s\n" % how)
        ways[what] = poolscope("-c", path)
    ways["bpftrace: two counts"] = bpftrace(COUNTS)
    ways["bpftrace: holds as a histogram"] = bpftrace(HOLDS)
    bench.compared(bench.in_turns(ways, pair_ns(TARGET)), "an acquire and a release, by points alone", "ns")


def page():
    ways = {"unwatched": nobody, "Poolscope": poolscope(), "bpftrace: holds as a histogram": bpftrace(HOLDS)}
    bench.compared(bench.in_turns(ways, pair_ns(PAGED)), "the same, counted in a page (no lock, nothing else is done)", "ns", "%.1f")


# The recipe as one would write it without a choice of addresses: the entry of the acquire and each of its RETs.
ENTRY_AND_RETS = """[recipe]
library = database/sql
kind = connection
language = go
requires = database/sql.(*DB).conn
[probe conn]
at = entry database/sql.(*DB).conn
verb = wait_begin(arg1)
[probe got]
at = rets database/sql.(*DB).conn
if = return != 0
verb = acquired(return -> 0, return)
dear = yes
[probe put]
at = entry database/sql.(*DB).putConn
verb = released(arg1, arg2)
"""

# By goroutine (r14 is where Go has it): from asking to giving back, the wait within.
GO_USE = """
uprobe:FILE:"database/sql.(*DB).conn" { @since[reg("r14")] = nsecs; }
uprobe:FILE:"database/sql.(*DB).putConn" /@since[reg("r14")]/ { @use = hist(nsecs - @since[reg("r14")]); delete(@since[reg("r14")]); }
"""


def checkout_ns(way):
    """CPU time of one checkout: both goroutines work all the time."""
    p = subprocess.Popen([GOSQL], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert p.stdout.readline().startswith("READY")
    with way(p.pid):
        bench.say(p, "400")
        n, ns = map(int, p.stdout.readline().split())
    bench.end(p)
    return 2 * ns / n


def go():
    if not os.path.exists(GOSQL):
        bench.left_out("database/sql", "Go is not installed")
        return
    naive, light = tmp + "/naive", tmp + "/light.conf"
    os.makedirs(naive, exist_ok=True)
    with open(naive + "/go.recipe", "w") as f:
        f.write(ENTRY_AND_RETS)
    with open(light, "w") as f:
        f.write("[recipes]\nmode = fields\n")
    ways = {"unwatched": nobody, "Poolscope: the recipe": poolscope(), "Poolscope: the fields of its struct alone": poolscope("-c", light),
            "a recipe with the entry and every RET": poolscope("--recipes", naive), "bpftrace: entries of two functions": bpftrace(GO_USE)}
    samples = bench.in_turns(ways, checkout_ns)
    bench.compared(samples, "a checkout of database/sql, 2 goroutines on 4 connections, a driver that does nothing", "ns")
