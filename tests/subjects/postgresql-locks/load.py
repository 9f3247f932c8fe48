# SPDX-License-Identifier: MIT
"""load.py - THREADS sessions of psql that take one advisory lock in turn, ITERS times each. With LIMITS, which has one of
lock_timeout, statement_timeout and cancel for each session, nobody gets it, and each wait ends so after LIMIT_MS. With DEADLOCK=1 two
sessions take two locks in opposite order instead.

A session is one psql and one backend. A further session holds the lock until all of them wait, so that every wait is one by more
than a millisecond: the server's log has no shorter ones. Prints its process ids, reads a line, runs the load, prints what the
clients measured, and keeps the sessions until its input ends. With KEEP_OPS=FILE there is a FILE.runs as soon as each had its turn.
"""
import json
import os
import re
import subprocess
import sys
import time

THREADS, ITERS, LIMIT_MS = (int(os.environ[k]) for k in ("THREADS", "ITERS", "LIMIT_MS"))
LIMITS = os.environ["LIMITS"].split()
GAVE_UP = re.compile("canceling statement due to (lock timeout|statement timeout|user request)")
TIME = re.compile(r"Time: ([\d.]+) ms")
HOLD_S = float(os.environ["HOLD_MS"]) / 1000


class Session:
    def __init__(self):
        self.psql = subprocess.Popen(["psql", "-X", "-A", "-t", "-q"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                     stderr=subprocess.STDOUT, text=True, bufsize=1)
        self.pid = int(self.ask("select pg_backend_pid();")[0])

    def say(self, sql):
        self.psql.stdin.write(sql + "\n\\echo END\n")
        self.psql.stdin.flush()

    def answer(self):
        lines = []
        for line in self.psql.stdout:
            if line == "END\n":
                return lines
            lines.append(line.rstrip("\n"))
        sys.exit("a session ended: %s" % lines)

    def ask(self, sql):
        self.say(sql)
        return self.answer()

    def end(self):
        self.psql.stdin.close()
        self.psql.wait()


def wait_until_they_wait(pids):
    end = time.monotonic() + 10
    sql = "select count(*) from pg_locks where locktype = 'advisory' and not granted and pid in (%s);" % ", ".join(map(str, pids))
    while int(holder.ask(sql)[0]) < len(pids):
        if time.monotonic() > end:
            sys.exit("the sessions do not wait")
        time.sleep(0.005)


def cancel(pid):
    for _ in range(ITERS):
        wait_until_they_wait([pid])
        time.sleep(LIMIT_MS / 1000)
        holder.ask("select pg_cancel_backend(%d);" % pid)


def in_turn():
    for s, limit in zip(sessions, LIMITS):
        if limit != "cancel":
            s.ask("set %s = %d;" % (limit, LIMIT_MS))
    holder.ask("select pg_advisory_lock(1);")
    for s in sessions:
        s.ask("\\timing on")
        s.say("select pg_advisory_xact_lock(1), pg_sleep(%f);\n" % HOLD_S * ITERS)
    for s, limit in zip(sessions, LIMITS):
        if limit == "cancel":
            cancel(s.pid)
    if not LIMITS:
        wait_until_they_wait([s.pid for s in sessions])
        holder.ask("select pg_advisory_unlock(1);")
        if "KEEP_OPS" in os.environ:
            time.sleep(THREADS * HOLD_S)
            open(os.environ["KEEP_OPS"] + ".runs", "w").close()
    out = {}
    for s in sessions:
        lines = s.answer()
        out[s.pid] = dict(gave_up=sum(bool(GAVE_UP.search(line)) for line in lines), got=sum(line == "|" for line in lines),
                          took_ms=sum(float(m.group(1)) for m in map(TIME.match, lines) if m))
        if out[s.pid]["gave_up"] + out[s.pid]["got"] != ITERS:
            sys.exit("session %d: not every statement was answered: %s" % (s.pid, lines[-5:]))
    return out


def deadlock():
    first, second = sessions
    first.ask("begin; select pg_advisory_xact_lock(10);")
    second.ask("begin; select pg_advisory_xact_lock(11);")
    first.say("select pg_advisory_xact_lock(11);")
    time.sleep(0.5)  # next to this, what the server does between its points and its own clock is little
    second.say("select pg_advisory_xact_lock(10);")
    if not any("deadlock detected" in line for line in first.answer() + second.answer()):
        sys.exit("there was no deadlock")
    return {s.pid: dict(gave_up=0, got=0, took_ms=0) for s in sessions}


holder = Session()
sessions = [Session() for _ in range(THREADS)]
print("READY", *[s.pid for s in sessions], flush=True)
sys.stdin.readline()
print(json.dumps(deadlock() if os.environ["DEADLOCK"] == "1" else in_turn()), flush=True)
sys.stdin.readline()
for s in sessions + [holder]:
    s.end()
