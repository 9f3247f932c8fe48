# SPDX-License-Identifier: MIT
"""waits.py - threads that do nothing but wait for each other in futexes: what they reach."""
import bench
from bench import bpftrace, build, met, nobody, poolscope, tool

# what it is called: arguments of the program
STORMS = {"16 threads on one CPU, 4 permits": ("permits", "1", "16"), "200 threads, one mutex": ("mutex", "2", "200")}

FUTEXES = """
tracepoint:syscalls:sys_enter_futex /pid == PID/ { @since[tid] = nsecs; }
tracepoint:syscalls:sys_exit_futex /pid == PID && @since[tid]/ { @waits = hist(nsecs - @since[tid]); delete(@since[tid]); }
"""


def reached(arguments):
    """Operations a second."""

    def measure(way):
        p = bench.start(build + "/tests/bench-storm", *arguments, "1")
        with way(p.pid):
            bench.say(p)
            n, took = p.stdout.readline().split()
        bench.end(p)
        return int(n) / float(took)

    return measure


def storms():
    ways = {"unwatched": nobody, "Poolscope": poolscope(ready=met), "bpftrace: waits as a histogram": bpftrace(FUTEXES)}
    if bench.has("futexctn"):
        ways["bcc's futexctn"] = tool("futexctn", "-p", "PID", "1000")
    for what, arguments in STORMS.items():
        bench.compared(bench.in_turns(ways, reached(arguments)), "waits in futexes: " + what, "1/s")
    if "bcc's futexctn" not in ways:
        bench.left_out("bcc's futexctn", "libbpf-tools is not installed (tools/dev/install-deps bench)")
