/* SPDX-License-Identifier: MIT */
/*
 * many-pools.c - one program with as many pools as its argument says, each with a name of its own, that works in all of them until a line comes: many-pools
 * POOLS [BUSY]. With BUSY it works in all of them once, so that all are known, and then in the first so many alone.
 *
 * The surprise: a single thread makes waits and holds of very different length, since it goes over the pools in blocks: it begins to wait in
 * all pools of a block before it takes the first item, and takes them all before it gives one back. A block of 1 is microseconds, of 5000 tens of
 * milliseconds.
 *
 * Prints READY pid=N when the pools are made and used; on a line it works; on the next it stops and prints TRUTH with its own counts; on the third it ends.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "tools/sdk/poolscope.h"

#define PAUSE_MS 150	/* between two rounds: some 40 000 events in a second */

static const size_t blocks[] = { 1, 11, 101, 1009, 5003 };

static struct poolscope_pool *pools;
static size_t n_pools, n_busy;
static unsigned long long n_acquires, n_rounds;

static void wait_for_line(void)
{
	char c = 0;

	while (read(0, &c, 1) == 1 && c != '\n')
		;
}

static void make_pools(void)
{
	pools = calloc(n_pools, sizeof(*pools));
	if (!pools)
		exit(1);
	for (size_t i = 0; i < n_pools; i++) {
		char name[32];

		snprintf(name, sizeof(name), "tenant-%zu", i);
		poolscope_pool_create(&pools[i], POOLSCOPE_KIND_CONNECTION, name, 3, 0);
	}
}

static void work_in(size_t begin, size_t end)
{
	for (size_t i = begin; i < end; i++)
		poolscope_wait_begin(&pools[i], i + 1);
	for (size_t i = begin; i < end; i++) {
		poolscope_acquired(&pools[i], 1, i + 1, 0);
		n_acquires++;
	}
	for (size_t i = begin; i < end; i++)
		poolscope_released(&pools[i], 1, 0);
}

static void work_once(size_t n)
{
	size_t block = blocks[n_rounds++ % (sizeof(blocks) / sizeof(blocks[0]))];

	for (size_t i = 0; i < n; i += block)
		work_in(i, i + block < n ? i + block : n);
}

int main(int argc, char **argv)
{
	struct pollfd in = { .fd = 0, .events = POLLIN };

	n_pools = argc > 1 ? strtoul(argv[1], NULL, 10) : 0;
	n_busy = argc > 2 ? strtoul(argv[2], NULL, 10) : n_pools;
	if (!n_pools || argc > 3 || n_busy > n_pools)
		return 2;
	make_pools();
	printf("READY pid=%d\n", (int)getpid());
	fflush(stdout);
	wait_for_line();
	work_once(n_pools);
	while (poll(&in, 1, PAUSE_MS) == 0)
		work_once(n_busy);
	wait_for_line();
	printf("TRUTH {\"pools\": %zu, \"acquires\": %llu, \"rounds\": %llu}\n", n_pools,
	       n_acquires, n_rounds);
	fflush(stdout);
	wait_for_line();
	return 0;
}
