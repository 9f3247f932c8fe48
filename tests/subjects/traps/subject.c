/* SPDX-License-Identifier: MIT */
/*
 * Threads that wait for each other, and never for a connection. Each of THREADS threads (and one more that refreshes) uses a
 * connection to PostgreSQL for queries of QUERY_MS. The connections are MAX, more than there are threads, and go round through a
 * free list, the longest free one first, or with LIFO=1 the one that came back last; with OWN=1 each thread keeps one. What the
 * threads wait for, on futexes and woken by one that has just used a connection of the same server, is in mode
 *
 *   peers    a task: CHAINS tasks go round among the workers; who has run a query for one passes it on to the next worker
 *   timer    a fresh value: every THINK_MS one thread queries and tells all readers, each of which then runs a query of its own
 *   barrier  each other: all query, for a random time, meet, and query again
 */
#include <libpq-fe.h>
#include <string.h>

#include "ops.h"

#define MAX_CONNS 64

struct free_list { /* a ring; with LIFO=1 a stack */
	pthread_mutex_t lock;
	PGconn *conn[MAX_CONNS];
	unsigned int n, first, n_free;
};

struct inbox {
	pthread_mutex_t lock;
	pthread_cond_t filled;
	int n_tasks;
	int is_closed;
};

struct cache {
	pthread_mutex_t lock;
	pthread_cond_t refreshed;
	int version;
};

static struct free_list list = { .lock = PTHREAD_MUTEX_INITIALIZER };
static struct inbox inboxes[MAX_CONNS];
static struct cache cache = { .lock = PTHREAD_MUTEX_INITIALIZER,
			      .refreshed = PTHREAD_COND_INITIALIZER };
static pthread_barrier_t barrier;
static struct ops ops;
static int64_t idle_ns;
static int n_threads, n_iters, n_done;

/* ---- connections --------------------------------------------------------------------------------------------------------- */

static void connect_all(unsigned int n)
{
	char how[128];

	if (n > MAX_CONNS)
		die("more connections than the subject has room for");
	snprintf(how, sizeof(how),
		 "host=127.0.0.1 port=%s user=postgres dbname=app sslmode=disable",
		 getenv("PGPORT"));
	for (unsigned int i = 0; i < n; i++) {
		list.conn[i] = PQconnectdb(how);
		if (PQstatus(list.conn[i]) != CONNECTION_OK)
			die(PQerrorMessage(list.conn[i]));
	}
	list.n = list.n_free = n;
}

static PGconn *take(int thread)
{
	PGconn *conn;

	if (env("OWN"))
		return list.conn[thread];
	pthread_mutex_lock(&list.lock);
	if (!list.n_free)
		die("there was no free connection: this is no trap then");
	list.n_free--;
	if (env("LIFO")) {
		conn = list.conn[list.n_free];
	} else {
		conn = list.conn[list.first];
		list.first = (list.first + 1) % list.n;
	}
	pthread_mutex_unlock(&list.lock);
	return conn;
}

static void give(PGconn *conn)
{
	if (env("OWN"))
		return;
	pthread_mutex_lock(&list.lock);
	list.conn[(list.first + list.n_free++) % list.n] = conn;
	pthread_mutex_unlock(&list.lock);
}

static void use(int thread, double query_ms)
{
	int64_t begin = now_ns(), acquired, release;
	PGconn *conn = take(thread);
	PGresult *result;
	char query[64];

	acquired = now_ns();
	snprintf(query, sizeof(query), "select pg_sleep(%f)", query_ms / 1000);
	result = PQexec(conn, query);
	if (PQresultStatus(result) != PGRES_TUPLES_OK)
		die("a query failed");
	PQclear(result);
	release = now_ns();
	give(conn);
	ops_log(&ops, begin, acquired, release, now_ns());
}

static void was_idle_since(int64_t begin)
{
	__atomic_add_fetch(&idle_ns, now_ns() - begin, __ATOMIC_RELAXED);
}

/* ---- peers --------------------------------------------------------------------------------------------------------------- */

/* Leaves a task for a worker, or closes its inbox. */
static void leave(struct inbox *box, int is_last)
{
	pthread_mutex_lock(&box->lock);
	if (is_last)
		box->is_closed = 1;
	else
		box->n_tasks++;
	pthread_mutex_unlock(&box->lock);
	pthread_cond_signal(&box->filled);
}

static int next_task(struct inbox *box)
{
	int64_t begin = now_ns();
	int is_task;

	pthread_mutex_lock(&box->lock);
	while (!box->n_tasks && !box->is_closed)
		pthread_cond_wait(&box->filled, &box->lock);
	is_task = !box->is_closed;
	box->n_tasks -= is_task;
	pthread_mutex_unlock(&box->lock);
	if (is_task)
		was_idle_since(begin);
	return is_task;
}

static void *peer(void *arg)
{
	int me = (int)(intptr_t)arg;

	while (next_task(&inboxes[me])) {
		use(me, env("QUERY_MS"));
		if (__atomic_add_fetch(&n_done, 1, __ATOMIC_RELAXED) < n_threads * n_iters) {
			leave(&inboxes[(me + 1) % n_threads], 0);
			continue;
		}
		for (int i = 0; i < n_threads; i++)
			leave(&inboxes[i], 1);
	}
	return NULL;
}

static void begin_peers(void)
{
	int n_chains = env("CHAINS");

	for (int i = 0; i < n_threads; i++) {
		pthread_mutex_init(&inboxes[i].lock, NULL);
		pthread_cond_init(&inboxes[i].filled, NULL);
		inboxes[i].n_tasks = (i + 1) * n_chains / n_threads - i * n_chains / n_threads;
	}
}

/* ---- timer --------------------------------------------------------------------------------------------------------------- */

static void *read_cache(void *arg)
{
	int me = (int)(intptr_t)arg, seen = 0;

	while (seen < n_iters) {
		int64_t begin = now_ns();

		pthread_mutex_lock(&cache.lock);
		while (cache.version <= seen)
			pthread_cond_wait(&cache.refreshed, &cache.lock);
		seen = cache.version;
		pthread_mutex_unlock(&cache.lock);
		was_idle_since(begin);
		use(me, env("QUERY_MS"));
	}
	return NULL;
}

static void *refresh(void *arg)
{
	for (int i = 0; i < n_iters; i++) {
		sleep_ms(env("THINK_MS"));
		use((int)(intptr_t)arg, env("QUERY_MS"));
		pthread_mutex_lock(&cache.lock);
		cache.version++;
		pthread_mutex_unlock(&cache.lock);
		pthread_cond_broadcast(&cache.refreshed);
	}
	return NULL;
}

/* ---- barrier ------------------------------------------------------------------------------------------------------------- */

static void *meet(void *arg)
{
	int me = (int)(intptr_t)arg;
	unsigned int seed = (unsigned int)me;

	for (int i = 0; i < n_iters; i++) {
		int64_t begin;

		use(me, env("QUERY_MS") * 2.0 * rand_r(&seed) / RAND_MAX);
		begin = now_ns();
		pthread_barrier_wait(&barrier);
		was_idle_since(begin);
		use(me, env("QUERY_MS") * 2.0 * rand_r(&seed) / RAND_MAX);
	}
	return NULL;
}

static void begin_barrier(void)
{
	pthread_barrier_init(&barrier, NULL, (unsigned int)n_threads);
}

/* ---- the program --------------------------------------------------------------------------------------------------------- */

static const struct mode {
	const char *name;
	void (*begin)(void);
	void *(*work)(void *thread);
	void *(*more)(void *thread); /* one more thread, if any */
} modes[] = {
	{ "peers", begin_peers, peer, NULL },
	{ "timer", NULL, read_cache, refresh },
	{ "barrier", begin_barrier, meet, NULL },
};

static const struct mode *mode_of(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (name && !strcmp(modes[i].name, name))
			return &modes[i];
	die("MODE is peers, timer or barrier");
	return NULL;
}

static void run(const struct mode *mode, int n_all)
{
	pthread_t threads[MAX_CONNS];

	if (mode->begin)
		mode->begin();
	for (int i = 0; i < n_all; i++)
		pthread_create(&threads[i], NULL, i < n_threads ? mode->work : mode->more,
			       (void *)(intptr_t)i);
	for (int i = 0; i < n_all; i++)
		pthread_join(threads[i], NULL);
}

int main(void)
{
	const struct mode *mode = mode_of(getenv("MODE"));
	int n_all;

	n_threads = env("THREADS");
	n_iters = env("ITERS");
	n_all = n_threads + !!mode->more;
	if (n_all > env("MAX"))
		die("MAX connections are not enough for all threads");
	ops_open(&ops, "");
	printf("READY\n");
	wait_for_line();

	connect_all((unsigned int)(env("OWN") ? n_all : env("MAX")));
	run(mode, n_all);
	fclose(ops.out);
	printf("BOOKS {\"pool\":\"%s\",\"kind\":\"connection\",\"library\":\"libpq\",\"capacity\":%u,\"idle_ms\":%.3f}\n",
	       mode->name, list.n, idle_ns / 1e6);
	wait_for_line();
	return 0;
}
