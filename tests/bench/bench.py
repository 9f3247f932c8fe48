# SPDX-License-Identifier: MIT
"""bench.py - what all tables share: an agent or another tool that watches, programs that wait for a line, rounds in turn, and how a table looks.

A way of watching is a function of a process id that is a context: within it the process is watched, or (nobody) is not. What is compared is measured in rounds, each way
once in each, the first one another each time, so that what the machine does meanwhile meets all of them; and ratios are those of one round.
"""
import atexit
import contextlib
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

ROUNDS = max(3, int(os.environ.get("BENCH_ROUNDS", 7)))
SECONDS = float(os.environ.get("BENCH_SECONDS", 10))
HERE = os.path.dirname(os.path.abspath(__file__))
build = os.path.abspath(sys.argv[1] if len(sys.argv) > 1 else ".")
tmp = tempfile.mkdtemp(prefix="poolscope-bench.")
atexit.register(shutil.rmtree, tmp)
sock = tmp + "/sock"


def wait(condition, what, seconds=20):
    end_at = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end_at:
            sys.exit("bench: %s did not come up" % what)
        time.sleep(0.02)


# ---- programs -------------------------------------------------------------------------------------------------------------


def start(*args):
    p = subprocess.Popen(args, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    line = p.stdout.readline()
    if not line.startswith("READY"):
        sys.exit("bench: %s did not begin: %r" % (args[0], line))
    return p


def say(p, line=""):
    p.stdin.write(line + "\n")
    p.stdin.flush()


def end(p):
    p.stdin.close()
    p.wait()


def cpu_seconds(pid):
    """User and system time in s of all its threads, from the scheduler's own sum (ns)."""
    total = 0
    for tid in os.listdir("/proc/%d/task" % pid):
        with contextlib.suppress(OSError):  # it has just ended
            with open("/proc/%d/task/%s/schedstat" % (pid, tid)) as f:
                total += int(f.read().split()[0])
    return total / 1e9


def kib(pid, what):
    with open("/proc/%d/status" % pid) as f:
        return next(int(line.split()[1]) for line in f if line.startswith(what + ":"))


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


# ---- the agent ------------------------------------------------------------------------------------------------------------


def ask(*command):
    out = subprocess.run([build + "/poolscope", "--socket", sock, *command, "--json"], capture_output=True, text=True)
    return json.loads(out.stdout) if out.returncode == 0 else None


def status():
    out = subprocess.run(["curl", "-sf", "--unix-socket", sock, "http://x/api/v1/status"], capture_output=True, text=True)
    return json.loads(out.stdout) if out.returncode == 0 else None


def start_agent(*arguments):
    budget = dict(os.environ, POOLSCOPE_BUDGET_STEP_DOWN="off")  # else what is measured is soon watched no more
    p = subprocess.Popen([build + "/poolscope", "run", "--socket", sock, "--listen-address", "", *arguments], env=budget)
    wait(lambda: ask("list") is not None, "the agent")
    return p


def stop(p, how=signal.SIGTERM):
    p.send_signal(how)
    p.wait()


def attached(pid):
    return any(r.get("attached") for r in (ask("probes", "--pid", str(pid)) or {}).get("probes", []))


def losses():
    return sum(loss["count"] for loss in status()["losses"])


# ---- ways of watching -----------------------------------------------------------------------------------------------------


@contextlib.contextmanager
def nobody(_pid):
    yield


def poolscope(*arguments, ready=attached):
    """With these arguments of `run`; `ready` says of a process id that it is watched."""

    @contextlib.contextmanager
    def watch(pid):
        agent = start_agent(*arguments)
        try:
            wait(lambda: ready(pid), "the probes")
            yield
        finally:
            stop(agent)

    return watch


def met(_pid):
    """The agent's first tick has met who is there: of programs without probes."""
    time.sleep(1.2)
    return True


def bpftrace(script):
    """A script of ours for the same job; FILE and PID in it are the program's."""

    @contextlib.contextmanager
    def watch(pid):
        text = script.replace("FILE", os.readlink("/proc/%d/exe" % pid)).replace("PID", str(pid)) + '\nBEGIN { printf("attached\\n"); }\n'
        p = subprocess.Popen(["bpftrace", "-p", str(pid), "-e", text], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        try:
            while True:
                line = p.stdout.readline()
                if line.startswith("attached"):
                    break
                if not line:
                    sys.exit("bench: bpftrace: " + p.stderr.read())
            yield
        finally:
            p.send_signal(signal.SIGINT)
            p.communicate()

    return watch


def has(tool):
    return shutil.which(tool, path=os.environ["PATH"] + ":/usr/sbin:/sbin") is not None


def tool(*command):
    """A program that watches until it is interrupted; PID in an argument is the process's."""

    @contextlib.contextmanager
    def watch(pid):
        path = shutil.which(command[0], path=os.environ["PATH"] + ":/usr/sbin:/sbin")
        p = subprocess.Popen([path, *(a.replace("PID", str(pid)) for a in command[1:])], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
        try:
            time.sleep(1.5)  # it does not say when it has begun
            if p.poll() is not None:
                sys.exit("bench: %s: %s" % (command[0], p.stderr.read()))
            yield
        finally:
            p.send_signal(signal.SIGINT)
            p.communicate()

    return watch


# ---- rounds and tables ----------------------------------------------------------------------------------------------------


def in_turns(ways, measure):
    """measure(way) of each way in each round: {name: [value of each round]}."""
    names, samples = list(ways), {name: [] for name in ways}
    for i in range(ROUNDS):
        for name in names[i % len(names):] + names[:i % len(names)]:
            samples[name].append(measure(ways[name]))
    return samples


def three(values, form):
    return " | ".join(form % x for x in (statistics.median(values), min(values), max(values)))


def head(*columns):
    print("| " + " | ".join(columns) + " |")
    print("|" + "---|" * len(columns))


def compared(samples, what, unit, form="%.0f", base=None):
    """A table of samples of in_turns(): each beside the first of them, or beside `base`, by the ratios of the rounds."""
    base = base or next(iter(samples))
    head("%s, %d rounds" % (what, ROUNDS), unit + ", median", "min", "max", "to `%s`, median" % base, "min", "max")
    for name, values in samples.items():
        ratios = [value / of for value, of in zip(values, samples[base])]
        print("| %s | %s | %s |" % (name, three(values, form), three(ratios, "%.3f") if name != base else "1 | |"), flush=True)
    print()


def left_out(what, why):
    print("%s is left out: %s.\n" % (what, why), flush=True)
