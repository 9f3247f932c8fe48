/* SPDX-License-Identifier: MIT */
/*
 * THREADS clients of pgbouncer with ITERS transactions each: a query of QUERY_MS, then HOLD_MS of nothing, then commit. LEAK more
 * clients begin one and never end it. A client that pgbouncer throws out while it waits comes again. With WARM each has a
 * transaction before all that, long enough for the others to want a connection.
 *
 * A transaction's connection is there when PostgreSQL begins with the query, which says so by its own clock (CLOCK_REALTIME).
 */
#include <libpq-fe.h>

#include "ops.h"

#define WARM_MS 200

static struct ops ops;
static pthread_barrier_t barrier;

static int64_t clock_of(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static PGconn *come(void)
{
	char where[200];
	PGconn *c;

	snprintf(where, sizeof(where),
		 "host=%s port=%d user=postgres dbname=app sslmode=disable gssencmode=disable",
		 getenv("CLIENT_HOST"), env("PORT"));
	c = PQconnectdb(where);
	if (PQstatus(c) != CONNECTION_OK)
		die(PQerrorMessage(c));
	return c;
}

/* Begins a transaction. The time at which PostgreSQL began with it, by CLOCK_MONOTONIC; 0 = it was thrown out while it waited. */
static int64_t take(PGconn *c)
{
	int64_t ahead = clock_of(CLOCK_REALTIME) - clock_of(CLOCK_MONOTONIC), at = 0;
	char query[200];
	PGresult *result;

	snprintf(
		query, sizeof(query),
		"begin; select (extract(epoch from clock_timestamp()) * 1e6)::bigint, pg_sleep(%d / 1e3)",
		env("QUERY_MS"));
	result = PQexec(c, query);
	if (PQresultStatus(result) == PGRES_TUPLES_OK)
		at = strtoll(PQgetvalue(result, 0, 0), NULL, 10) * 1000 - ahead;
	else if (PQstatus(c) == CONNECTION_OK) /* pgbouncer says why in its log */
		die(PQresultErrorMessage(result));
	PQclear(result);
	return at;
}

static void *client(void *arg)
{
	PGconn *c = come();

	(void)arg;
	if (env("WARM")) {
		take(c);
		sleep_ms(WARM_MS);
		PQclear(PQexec(c, "commit"));
	}
	pthread_barrier_wait(&barrier); /* all are there */
	pthread_barrier_wait(&barrier); /* go */
	for (int i = 0; i < env("ITERS"); i++) {
		int64_t begin = now_ns(), acquired = take(c), end;

		if (!acquired) {
			ops_log(&ops, begin, 0, 0, now_ns());
			PQfinish(c);
			c = come();
			continue;
		}
		sleep_ms(env("HOLD_MS"));
		PQclear(PQexec(c, "commit"));
		end = now_ns();
		ops_log(&ops, begin, acquired, end, end);
		sleep_ms(env("THINK_MS"));
	}
	PQfinish(c);
	return NULL;
}

int main(void)
{
	int threads = env("THREADS");
	pthread_t *thread = calloc((size_t)threads, sizeof(*thread));

	if (!thread)
		die("out of memory");
	ops_open(&ops, "");
	pthread_barrier_init(&barrier, NULL, (unsigned int)threads + 1);
	for (int i = 0; i < threads; i++)
		pthread_create(&thread[i], NULL, client, NULL);
	pthread_barrier_wait(&barrier);
	printf("READY\n");
	wait_for_line();
	for (int i = 0; i < env("LEAK"); i++) {
		PGconn *c = come();
		int64_t begin = now_ns();

		ops_log(&ops, begin, take(c), 0, 0);
	}
	pthread_barrier_wait(&barrier);
	for (int i = 0; i < threads; i++)
		pthread_join(thread[i], NULL);
	fclose(ops.out);
	printf("DONE\n");
	wait_for_line(); /* those who leaked are still there */
	return 0;
}
