/* SPDX-License-Identifier: MIT */
/*
 * subject.c - THREADS threads ITERS times take a connection out of a memcached_pool of MAX, waiting TIMEOUT_MS at most, keep it
 * HOLD_MS, give it back and think THINK_MS. LEAK connections are taken by a thread that ends.
 */
#include <libmemcached/memcached.h>
#include <libmemcachedutil-1.0/pool.h>

#include "ops.h"

static memcached_pool_st *pool;
static struct ops ops;

static memcached_st *fetch(void)
{
	struct timespec limit = { env("TIMEOUT_MS") / 1000, env("TIMEOUT_MS") % 1000 * 1000000 };
	memcached_return_t rc;

	return memcached_pool_fetch(pool, &limit, &rc);
}

static void use(void)
{
	int64_t begin = now_ns(), acquired, release;
	memcached_st *connection = fetch();

	acquired = now_ns();
	if (!connection) {
		ops_log(&ops, begin, 0, 0, acquired);
		return;
	}
	sleep_ms(env("HOLD_MS"));
	release = now_ns();
	memcached_pool_release(pool, connection);
	ops_log(&ops, begin, acquired, release, now_ns());
}

static int take(void)
{
	return fetch() != NULL;
}

int main(void)
{
	struct ops_load load = { .use = use, .take = take, .ops = &ops };
	int max = env("MAX");

	ops_open(&ops, "");
	printf("READY\n");
	wait_for_line();

	pool = memcached_pool_create(memcached_create(NULL), (uint32_t)max, (uint32_t)max);
	ops_run(&load);
	printf("BOOKS {\"pool\":\"memcached\",\"kind\":\"connection\",\"library\":\"libmemcachedutil\",\"capacity\":%d}\n",
	       max);
	wait_for_line();
	return 0;
}
