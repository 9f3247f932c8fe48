# SPDX-License-Identifier: MIT
"""THREADS connections to a MariaDB server, each with ITERS commands of QUERY_MS; then the operations in $OPS and BOOKS, as lib.sh has it.

An operation is a login, a command or the end of a connection. For how long a command ran is the server's own word, from its slow query
log: acquired is that long before the answer. LEAK commands do not end.
"""
import json
import os
import re
import sys
import threading
import time

import pymysql

env = {k: int(os.environ[k]) for k in ("THREADS", "ITERS", "QUERY_MS", "THINK_MS", "LEAK")}
ops, lock = {}, threading.Lock()


def note(begin, n=None, released=True):
    end = time.monotonic_ns()
    with lock:
        ops[n or "op%d" % len(ops)] = (begin, begin, end if released else 0, end)


class Client:
    def __init__(self):
        begin = time.monotonic_ns()
        self.conn = pymysql.connect(unix_socket=sys.argv[1], user="root", autocommit=None)
        note(begin)

    def ask(self, sql, n=None):
        begin = time.monotonic_ns()
        cursor = self.conn.cursor()
        cursor.execute(sql + (" /* %s */" % n if n else ""))
        note(begin, n)
        return cursor.fetchall()

    def close(self):
        begin = time.monotonic_ns()
        self.conn.close()
        note(begin)


def work(t, client):
    for i in range(env["ITERS"]):
        client.ask("select sleep(%f)" % (env["QUERY_MS"] / 1000), "n%d-%d" % (t, i))
        time.sleep(env["THINK_MS"] / 1000)
    client.close()


def leak():
    client = Client()
    begin = time.monotonic_ns()
    client.conn._execute_command(pymysql.constants.COMMAND.COM_QUERY, "select sleep(300)")
    note(begin, released=False)
    return client


def query_times(path):
    """{n: ns} of the commands in the slow query log."""
    text = open(path).read()
    found = re.findall(r"# Query_time: ([0-9.]+) .*?\n(?:#.*\n)*(?:SET timestamp.*\n)?.*?/\* (n[0-9]+-[0-9]+) \*/;", text)
    return {n: round(float(seconds) * 1e9) for seconds, n in found}


leaks = [leak() for _ in range(env["LEAK"])]
clients = [Client() for _ in range(env["THREADS"])]  # one by one, so that a login takes what it takes
threads = [threading.Thread(target=work, args=(t, client)) for t, client in enumerate(clients)]
[t.start() for t in threads]
[t.join() for t in threads]
time.sleep(0.2)
control = Client()
max_threads = control.ask("select @@thread_pool_max_threads")[0][0]
selects = control.ask("show global status like 'Com_select'")[0][1]
dequeued = control.ask("select sum(DEQUEUES_BY_LISTENER + DEQUEUES_BY_WORKER) from information_schema.THREAD_POOL_STATS")[0][0]
ran = query_times(sys.argv[2])
if len(ran) != env["THREADS"] * env["ITERS"]:
    sys.exit("the slow query log has %d commands" % len(ran))
with open(os.environ["OPS"], "w") as out:
    for n, (begin, acquired, release, end) in ops.items():
        out.write("%d %d %d %d\n" % (begin, end - ran[n] if n in ran else acquired, release, end))
print("BOOKS", json.dumps({"pool": "workers", "kind": "worker", "library": "mariadb-thread-pool", "capacity": max_threads,
                           "books": {"acquires": int(dequeued), "selects": int(selects)}}), flush=True)
sys.stdin.readline()
