# SPDX-License-Identifier: MIT
"""pools.py - what real pools pay: CPU time of the target for a transaction, unwatched, watched, and by what else there is for the job.

A pool is a context: it starts servers, answers (the target's process id, load), and ends them. load() runs the load once and answers (CPU seconds of the target,
transactions). The CPU is the scheduler's own sum over all threads of the target.
"""
import contextlib
import os
import pwd
import re
import shutil
import subprocess
import tempfile
import time

import bench
from bench import HERE, bpftrace, cpu_seconds, free_port, met, nobody, poolscope, wait

LOAD_SECONDS = 2
DISTURBED_SECONDS = 0.1
SLICES = 13 # of a round, of which the median counts: what the host does meanwhile comes in bursts
SLICE_SECONDS = 0.25
HIKARI_WARM_SECONDS = 15 # 100 000 transactions: until its code is compiled by the last compiler
JARS = "/usr/share/java/"
CLASSES = [JARS + jar for jar in ("HikariCP.jar", "postgresql.jar", "slf4j-api.jar", "slf4j-nop.jar")]


def stat_fields(path):
    with open(path) as f:
        return f.read().rsplit(")", 1)[-1].split()


def others_seconds():
    """CPU seconds of the machine that were neither ours nor our children's: whatever else runs disturbs a round."""
    times = {}
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            f = stat_fields("/proc/%s/stat" % pid)
            times[int(pid)] = int(f[1]), sum(map(int, f[11:15]))
        except OSError:
            pass  # it has just ended
    ours, n = {os.getpid()}, 0
    while n != len(ours):
        n = len(ours)
        ours |= {pid for pid, (parent, _) in times.items() if parent in ours}
    busy = sum(map(int, stat_fields("/proc/stat")[1:4]))
    return (busy - sum(times[pid][1] for pid in ours if pid in times)) / os.sysconf("SC_CLK_TCK")


def is_quiet():
    others = others_seconds()
    time.sleep(0.5)
    return others_seconds() - others < DISTURBED_SECONDS / 4


def undisturbed(load):
    """CPU us of the target for a transaction, of a round in which nothing else used the machine for long; after five tries of any."""
    for _ in range(5):
        end_at = time.monotonic() + 15
        while not is_quiet() and time.monotonic() < end_at:
            pass
        others = others_seconds()
        cpu, n = load()
        if others_seconds() - others < DISTURBED_SECONDS:
            break
    return cpu / n * 1e6


def quiet(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, **options).stdout


class Servers:
    """PostgreSQL with database `app`, and whatever else is started; all of it runs as user postgres in a folder of its own."""

    def __init__(self):
        user = pwd.getpwnam("postgres")
        self.account = {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
        self.folder = tempfile.mkdtemp(prefix="poolscope-bench-pool.")
        os.chown(self.folder, user.pw_uid, user.pw_gid)
        self.port = free_port()
        self.started = []
        versions = sorted(os.listdir("/usr/lib/postgresql"), key=float)
        self.bin = "/usr/lib/postgresql/%s/bin/" % versions[-1]
        quiet(self.bin + "initdb", "--no-sync", "-A", "trust", "-U", "postgres", "-D", self.folder + "/data", cwd="/", **self.account)
        self.start(self.bin + "postgres", "-D", self.folder + "/data", "-p", str(self.port), "-k", self.folder, "-c", "fsync=off",
                   "-c", "listen_addresses=127.0.0.1")
        wait(lambda: not subprocess.run([self.bin + "pg_isready", "-q", "-h", "127.0.0.1", "-p", str(self.port)]).returncode, "PostgreSQL", 30)
        quiet(self.bin + "createdb", *self.where(), "app")

    def where(self):
        return "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres"

    def start(self, *command):
        p = subprocess.Popen(command, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                             **self.account)
        self.started.append(p)
        return p

    def end(self):
        for p in reversed(self.started):
            p.send_signal(2)  # of PostgreSQL: at once
            p.wait()
        shutil.rmtree(self.folder)


@contextlib.contextmanager
def pgbouncer(is_unix):
    servers = Servers()
    try:
        quiet(servers.bin + "pgbench", "-q", "-i", *servers.where(), "app")
        port = free_port()
        config = servers.folder + "/pgbouncer.ini"
        host = servers.folder if is_unix else "127.0.0.1"
        with open(config, "w") as f:
            f.write("[databases]\napp = host=%s port=%d user=postgres\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = %d\n"
                    "unix_socket_dir = %s\nauth_type = any\npool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 100\n"
                    % (host, servers.port, port, servers.folder))
        bouncer = servers.start(shutil.which("pgbouncer") or "/usr/sbin/pgbouncer", config)
        ready = [servers.bin + "pg_isready", "-q", "-h", host, "-p", str(port)]
        wait(lambda: not subprocess.run(ready).returncode, "pgbouncer")

        def load():
            before = cpu_seconds(bouncer.pid)
            out = quiet(servers.bin + "pgbench", "-n", "-S", "-c", "8", "-j", "1", "-T", str(LOAD_SECONDS), "-h", host, "-p", str(port),
                        "-U", "postgres", "app")
            return cpu_seconds(bouncer.pid) - before, int(re.search(r"actually processed: (\d+)", out).group(1))

        yield bouncer.pid, load
    finally:
        servers.end()


@contextlib.contextmanager
def hikari(*options):
    servers = Servers()
    try:
        classes = servers.folder + "/classes"
        path = ":".join(CLASSES)
        quiet("javac", "-d", classes, "-cp", path, HERE + "/hikari/Bench.java")
        java = subprocess.Popen(["java", "-XX:+UseSerialGC", "-Xms256m", "-Xmx256m", "-cp", classes + ":" + path, "Bench", str(servers.port), *options], stdin=subprocess.PIPE,
                                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        try:
            assert java.stdout.readline().startswith("READY")

            def run(seconds, query_us):
                before = cpu_seconds(java.pid)
                java.stdin.write("%d %d\n" % (seconds * 1000, query_us))
                java.stdin.flush()
                n = int(java.stdout.readline())
                return cpu_seconds(java.pid) - before, n

            def load():
                slices = [run(SLICE_SECONDS, 1000) for _ in range(SLICES)]
                return sorted(slices, key=lambda x: x[0] / x[1])[SLICES // 2]

            run(HIKARI_WARM_SECONDS, 0)
            load()
            yield java.pid, load
        finally:
            java.stdin.close()
            java.wait()
    finally:
        servers.end()


# What goes over the sockets of one process, by call: sizes and how long each took. Who waits for which connection is not in it.
SOCKETS = """
tracepoint:syscalls:sys_enter_recvfrom,tracepoint:syscalls:sys_enter_sendto,tracepoint:syscalls:sys_enter_epoll_wait /pid == PID/ { @since[tid] = nsecs; }
tracepoint:syscalls:sys_exit_recvfrom,tracepoint:syscalls:sys_exit_sendto,tracepoint:syscalls:sys_exit_epoll_wait /pid == PID && @since[tid]/
{ @took[probe] = hist(nsecs - @since[tid]); @bytes[probe] = sum(args->ret); delete(@since[tid]); }
"""
# How long its threads wait in futexes, which is where those wait that get no connection, and all others.
FUTEXES = """
tracepoint:syscalls:sys_enter_futex /pid == PID/ { @since[tid] = nsecs; }
tracepoint:syscalls:sys_exit_futex /pid == PID && @since[tid]/ { @waits = hist(nsecs - @since[tid]); delete(@since[tid]); }
"""


def cost(what, pools, ways):
    """`ways` are of the first pool, the further pools one more way each: what they do of themselves."""
    with contextlib.ExitStack() as stack:
        opened = {name: stack.enter_context(make()) for name, make in pools.items()}
        first = next(iter(opened))
        all_ways = {name: (first, way) for name, way in ways.items()}
        all_ways.update({name: (name, nobody) for name in list(opened)[1:]})

        def measure(way):
            pid, load = opened[way[0]]
            with way[1](pid):
                return undisturbed(load)

        bench.compared(bench.in_turns(all_ways, measure), "CPU time of a transaction: " + what, "us", "%.2f")


WATCHED = {"unwatched": nobody, "unwatched once more": nobody, "Poolscope": poolscope(ready=met)}


def pgbouncer_tcp():
    cost("pgbouncer, `pgbench -S` over TCP", {"": lambda: pgbouncer(False)}, {**WATCHED, "bpftrace: calls on sockets, as histograms": bpftrace(SOCKETS)})


def pgbouncer_unix():
    cost("pgbouncer, `pgbench -S` over Unix sockets", {"": lambda: pgbouncer(True)}, {**WATCHED, "bpftrace: calls on sockets, as histograms": bpftrace(SOCKETS)})


def hikari_cost():
    cost("HikariCP, 8 threads on 3 connections, a query of 1 ms", {"": hikari, "HikariCP's own metrics (histograms of a tracker)": lambda: hikari("tracker")},
         {**WATCHED, "bpftrace: futexes, as a histogram": bpftrace(FUTEXES)})
