# SPDX-License-Identifier: MIT
"""psycopg_pool with get_stats() as books."""

import os

import psycopg_pool

import load


class Pool:
    timeout = psycopg_pool.PoolTimeout

    def __init__(self):
        host = os.environ["TMP"] + "/pg" if os.environ["UNIX"] == "1" else "127.0.0.1"
        dsn = "host=%s port=%s user=postgres dbname=app" % (host, os.environ["PGPORT"])
        self.pool = psycopg_pool.ConnectionPool(dsn, min_size=load.MAX, max_size=load.MAX, name="psycopg",
                                                timeout=load.TIMEOUT_MS / 1000,
                                                max_lifetime=int(os.environ["LIFETIME_MS"]) / 1000)
        self.pool.wait()
        self.take = self.pool.getconn
        self.give = self.pool.putconn

    def query(self, conn, ms):
        conn.execute("select pg_sleep(%s)", (ms / 1000,))
        conn.rollback()

    def books(self):
        s = self.pool.get_stats()
        return {"pool": "psycopg", "kind": "connection", "library": "psycopg_pool", "capacity": s["pool_max"],
                "books": {"requests": s.get("requests_num", 0), "waits": s.get("requests_queued", 0),
                          "wait_sum_ms": s.get("requests_wait_ms", 0), "timeouts": s.get("requests_errors", 0),
                          "total": s["pool_size"], "idle": s["pool_available"], "opened": s.get("connections_num", 0)}}


load.run(Pool)
