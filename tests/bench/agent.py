# SPDX-License-Identifier: MIT
"""agent.py - what the agent itself costs: by events a second, by pools, at its start, beside what a machine is watched with anyway."""
import os
import re
import statistics
import subprocess
import time

import bench
from bench import build, tmp

FIRE = {"points": build + "/tests/bench-target", "page": build + "/tests/bench-target-paged"}


def counted(pid):
    return sum(p["acquires"] + p["releases"] for p in bench.ask("list", "--pid", str(pid))["pools"] if p["source"] == "usdt")


def fire(agent, program, events):
    """Events a second that were reached, the agent's share of a CPU meanwhile, and events that it did not count."""
    p = bench.start(program, str(bench.SECONDS), str(events / 2), "stay")
    bench.wait(lambda: bench.attached(p.pid), "the probes")
    cpu, begin = bench.cpu_seconds(agent.pid), time.monotonic()
    bench.say(p)
    pairs = int(p.stdout.readline().split()[0])
    took = time.monotonic() - begin
    share = (bench.cpu_seconds(agent.pid) - cpu) / took
    time.sleep(2.2)  # two ticks
    lost = 2 * pairs - counted(p.pid)
    bench.end(p)
    return 2 * pairs / took, share, lost


def rates():
    agent = bench.start_agent()
    time.sleep(2)
    cpu, begin = bench.cpu_seconds(agent.pid), time.monotonic()
    time.sleep(bench.SECONDS)
    idle = (bench.cpu_seconds(agent.pid) - cpu) / (time.monotonic() - begin)
    bench.head("events a second that are asked for", "reached", "agent, % of a CPU", "to 1000/s", "not counted")
    for way, program in FIRE.items():
        first = None
        for events in (1000, 10000, 100000, 1000000):
            reached, share, lost = fire(agent, program, events)
            first = first or share
            print("| %s: %d | %.0f | %.2f | %.2f | %d |" % (way, events, reached, 100 * share, share / first, lost), flush=True)
    print("\nAt rest %.2f %% of a CPU; %.1f MiB resident; %d events or stories lost in all.\n" % (100 * idle, bench.kib(agent.pid, "VmRSS") / 1024, bench.losses()))
    bench.stop(agent)


# ---- pools ----------------------------------------------------------------------------------------------------------------


def kernel_kib(pid):
    """Memory of its BPF maps, as the kernel accounts it."""
    total = 0
    for fd in os.listdir("/proc/%d/fdinfo" % pid):
        with open("/proc/%d/fdinfo/%s" % (pid, fd)) as f:
            found = re.search(r"^map_type:.*^memlock:\s*(\d+)", f.read(), re.M | re.S)
        total += int(found.group(1)) if found else 0
    return total / 1024


def ticks(agent):
    """ms of a tick and ms of CPU time for each, with all that comes between."""
    before, cpu = bench.status()["agent"]["ticks"], bench.cpu_seconds(agent.pid)
    lasted = []
    for _ in range(11):
        time.sleep(1)
        lasted.append(bench.status()["agent"]["tick_seconds"] * 1e3)
    n = bench.status()["agent"]["ticks"] - before
    return lasted, (bench.cpu_seconds(agent.pid) - cpu) / n * 1e3


PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited"


def scrapes(accept):
    """ms of one, each of a tick of its own."""
    values = []
    for _ in range(9):
        time.sleep(1.1)
        out = subprocess.run(["curl", "-sf", "--compressed", "-H", "Accept: " + accept, "-o", "/dev/null", "-w", "%{time_total}", "--unix-socket", bench.sock, "http://x/metrics"],
                             capture_output=True, text=True, check=True)
        values.append(float(out.stdout) * 1e3)
    return values


def sizes():
    config = tmp + "/many.conf"
    with open(config, "w") as f:
        f.write("[limits]\npools_per_process = 10000\n")
    bench.head("pools; that work", "resident, MiB", "maps in the kernel, MiB", "a tick, ms, median", "max", "CPU time a tick, ms", "scrape text+gzip, ms, median", "max", "protobuf+gzip, ms, median", "max")
    for n, busy in ((10, 10), (1000, 1000), (10000, 100), (10000, 10000)):
        agent = bench.start_agent("-c", config)
        p = bench.start(build + "/tests/many-pools", str(n), str(busy))
        bench.wait(lambda: bench.attached(p.pid), "the probes")
        bench.say(p)
        time.sleep(8)  # what they did at the beginning is out of every window
        rss = bench.kib(agent.pid, "VmRSS") / 1024
        lasted, cpu = ticks(agent)
        text, protobuf = scrapes("text/plain"), scrapes(PROTOBUF)
        print("| %d; %d | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f | %.1f |" % (
            n, busy, rss, kernel_kib(agent.pid) / 1024, statistics.median(lasted), max(lasted), cpu, statistics.median(text), max(text), statistics.median(protobuf), max(protobuf)), flush=True)
        bench.say(p)
        bench.say(p)
        bench.end(p)
        bench.stop(agent)
    print()


# ---- its start, and probes on and off ---------------------------------------------------------------------------------------


def begin():
    waits, keeps = os.pipe()  # one input of all of them, in which nothing ever comes
    samples, programs = [], [subprocess.Popen([FIRE["points"]], stdin=waits, stdout=subprocess.DEVNULL) for _ in range(500)]
    for _ in range(bench.ROUNDS):
        at = time.monotonic()
        agent = subprocess.Popen([build + "/poolscope", "run", "--socket", bench.sock, "--listen-address", ""])
        while bench.ask("list") is None:
            time.sleep(0.005)
        samples.append((time.monotonic() - at) * 1e3)
        bench.stop(agent)
    for p in programs:
        p.kill()
        p.wait()
    os.close(waits)
    os.close(keeps)
    bench.head("start to the first snapshot, beside 500 processes with probe points, %d rounds" % bench.ROUNDS, "ms, median", "min", "max")
    print("| `poolscope list` answers after | %s |\n" % bench.three(samples, "%.0f"), flush=True)


def probes():
    """500 on and off, by a program that uses the agent's own functions."""
    out = subprocess.run([build + "/tests/bench-attach", build + "/tests/bench-points", str(bench.ROUNDS)], capture_output=True, text=True)
    print(out.stdout if out.returncode == 0 else "500 probes: " + out.stderr, flush=True)


# ---- beside what is there anyway --------------------------------------------------------------------------------------------


def at_rest(p, scrape):
    """% of a CPU with a scrape each second, MiB resident."""
    time.sleep(3)
    cpu, begin_s = bench.cpu_seconds(p.pid), time.monotonic()
    while time.monotonic() - begin_s < bench.SECONDS:
        time.sleep(1)
        scrape()
    return 100 * (bench.cpu_seconds(p.pid) - cpu) / (time.monotonic() - begin_s), bench.kib(p.pid, "VmRSS") / 1024


def beside():
    bench.head("nothing happens, a scrape each second", "% of a CPU", "MiB resident")
    agent = bench.start_agent()
    print("| Poolscope | %.2f | %.1f |" % at_rest(agent, lambda: subprocess.run(["curl", "-sf", "-o", "/dev/null", "--unix-socket", bench.sock, "http://x/metrics"], check=True)))
    bench.stop(agent)
    if not bench.has("prometheus-node-exporter"):
        bench.left_out("\nnode_exporter", "it is not installed (tools/dev/install-deps bench)")
        return
    port = bench.free_port()
    p = subprocess.Popen(["prometheus-node-exporter", "--web.listen-address=127.0.0.1:%d" % port], stderr=subprocess.DEVNULL)
    url = "http://127.0.0.1:%d/metrics" % port
    bench.wait(lambda: subprocess.run(["curl", "-sf", "-o", "/dev/null", url]).returncode == 0, "node_exporter")
    print("| node_exporter | %.2f | %.1f |\n" % at_rest(p, lambda: subprocess.run(["curl", "-sf", "-o", "/dev/null", url], check=True)), flush=True)
    bench.stop(p)
