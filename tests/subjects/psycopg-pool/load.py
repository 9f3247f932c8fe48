# SPDX-License-Identifier: MIT
"""The load of every Python subject: each of THREADS threads ITERS times takes a connection, runs a query of QUERY_MS, keeps
the connection HOLD_MS longer, gives it back, and thinks THINK_MS. JITTER=1 draws query and think time from an exponential
distribution with these means. LEAK connections are taken by a thread that ends without giving them back."""

import json
import os
import random
import sys
import threading
import time

THREADS, MAX, ITERS, QUERY_MS, HOLD_MS, THINK_MS, LEAK, TIMEOUT_MS, JITTER, LATE = (
    int(os.environ[name]) for name in
    ("THREADS", "MAX", "ITERS", "QUERY_MS", "HOLD_MS", "THINK_MS", "LEAK", "TIMEOUT_MS", "JITTER", "LATE"))

ops = []
leaked = []


def sleep(ms):
    if ms > 0:
        time.sleep(ms / 1000)


def use(pool, factor):
    begin = time.monotonic_ns()
    try:
        conn = pool.take()
    except pool.timeout:
        ops.append((begin, 0, 0, time.monotonic_ns()))
        return
    acquired = time.monotonic_ns()
    pool.query(conn, QUERY_MS * factor)
    sleep(HOLD_MS)
    release = time.monotonic_ns()
    pool.give(conn)
    ops.append((begin, acquired, release, time.monotonic_ns()))


def work(pool, seed):
    rng = random.Random(seed)
    factor = (lambda: rng.expovariate(1)) if JITTER else (lambda: 1)
    for _ in range(ITERS):
        use(pool, factor())
        sleep(THINK_MS * factor())


def leak(pool):
    for _ in range(LEAK):
        begin = time.monotonic_ns()
        leaked.append(pool.take())
        ops.append((begin, time.monotonic_ns(), 0, 0))


def run_threads(threads):
    for t in threads:
        t.start()
    for t in threads:
        t.join()


def run(make_pool):
    """The protocol of lib.sh. A pool has take, query, give, books, and `timeout`, the exception of an acquire that gave up."""
    pool = make_pool() if LATE else None
    print("READY", flush=True)
    sys.stdin.readline()
    pool = pool or make_pool()
    failed = []
    threading.excepthook = lambda args: (failed.append(args), threading.__excepthook__(args))
    run_threads([threading.Thread(target=leak, args=(pool,), name="leaker")])
    run_threads([threading.Thread(target=work, args=(pool, i), name="worker-%d" % i) for i in range(THREADS)])
    if failed:
        sys.exit("a worker failed: %s" % failed[0].exc_value)
    with open(os.environ["OPS"], "w") as out:
        for op in ops:
            print(*op, file=out)
    print("BOOKS", json.dumps(pool.books()), flush=True)
    sys.stdin.readline()
    sys.stdout.flush()
    os._exit(0)
