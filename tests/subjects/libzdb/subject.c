/* SPDX-License-Identifier: MIT */
/*
 * libzdb's ConnectionPool on PostgreSQL: THREADS threads ITERS times take a connection, run a query of QUERY_MS, keep it
 * HOLD_MS longer, give it back and think THINK_MS. The pool does not wait: it returns NULL when it is full, and the thread
 * asks again after half a millisecond. LEAK connections are taken by a thread that ends.
 */
#include <zdb.h>

#include "ops.h"

static ConnectionPool_T pool;
static struct ops ops;
static int n_refused;
static int64_t retry_ns;

static void use(void)
{
	int64_t first = now_ns(), begin = first, acquired, release;
	Connection_T connection;

	while (!(connection = ConnectionPool_getConnection(pool))) {
		__atomic_add_fetch(&n_refused, 1, __ATOMIC_RELAXED);
		usleep(500);
		begin = now_ns();
	}
	acquired = now_ns();
	TRY
	{
		ResultSet_next(Connection_executeQuery(connection, "select pg_sleep(%f)",
						       env("QUERY_MS") / 1000.0));
	}
	CATCH(SQLException)
	{
		die("a query failed");
	}
	END_TRY;
	sleep_ms(env("HOLD_MS"));
	release = now_ns();
	Connection_close(connection);
	ops_log(&ops, begin, acquired, release, now_ns());
	__atomic_add_fetch(&retry_ns, begin - first, __ATOMIC_RELAXED);
}

static int take(void)
{
	return ConnectionPool_getConnection(pool) != NULL;
}

int main(void)
{
	struct ops_load load = { .use = use, .take = take, .ops = &ops };
	int max = env("MAX");
	char url[128];

	ops_open(&ops, "");
	snprintf(url, sizeof(url), "postgresql://127.0.0.1:%s/app?user=postgres&password=none",
		 getenv("PGPORT"));
	printf("READY\n");
	wait_for_line();

	pool = ConnectionPool_new(URL_new(url));
	ConnectionPool_setInitialConnections(pool, max);
	ConnectionPool_setMaxConnections(pool, max);
	ConnectionPool_start(pool);
	ops_run(&load);
	printf("BOOKS {\"pool\":\"zdb\",\"kind\":\"connection\",\"library\":\"libzdb\",\"capacity\":%d,\"rejections\":%d,"
	       "\"retry_sum_ms\":%.3f,\"books\":{\"total\":%d,\"active\":%d}}\n",
	       ConnectionPool_getMaxConnections(pool), n_refused, retry_ns / 1e6,
	       ConnectionPool_size(pool), ConnectionPool_active(pool));
	wait_for_line();
	return 0;
}
