/* SPDX-License-Identifier: MIT */
/* scenario.c - the scenarios, see scenario.h. Sizes fit a machine with two cores; the command line overrides them. */
#include "tools/sim/scenario.h"

#include <string.h>

#define CONNECTIONS .kind = POOLSCOPE_KIND_CONNECTION, .is_connection = true

const struct scenario scenarios[] = {
	{ "steady",
	  "a connection pool with room, an even load",
	  { { "orders-db", CONNECTIONS, .capacity = 20, .threads = 8, .rate = 2000, .hold_ms = 3,
	      .timeout_ms = 1000, .is_async = true } } },
	{ "burst",
	  "a connection pool, the load of a second in its first 200 ms",
	  { { "orders-db", CONNECTIONS, .capacity = 10, .threads = 16, .rate = 1000, .hold_ms = 2,
	      .timeout_ms = 1000, .is_burst = true } } },
	{ "object",
	  "a buffer pool without a limit, items are reused",
	  { { "buffers", .kind = POOLSCOPE_KIND_OBJECT, .threads = 8, .rate = 5000,
	      .hold_ms = 0.2 } } },
	{ "semaphore",
	  "eight tokens for sixteen threads",
	  { { "tokens", .kind = POOLSCOPE_KIND_SEMAPHORE, .capacity = 8, .threads = 16,
	      .rate = 2000, .hold_ms = 3, .timeout_ms = 500 } } },
	{ "workers",
	  "a pool of four workers with a queue",
	  { { "workers", .kind = POOLSCOPE_KIND_WORKER, .capacity = 4, .threads = 12, .rate = 800,
	      .hold_ms = 4 } } },
	{ "lock",
	  "one lock, six threads",
	  { { "cache-lock", .kind = POOLSCOPE_KIND_LOCK, .capacity = 1, .threads = 6, .rate = 600,
	      .hold_ms = 1 } } },
	{ "mixed",
	  "connections, workers, buffers and tokens at once",
	  { { "orders-db", CONNECTIONS, .capacity = 10, .threads = 8, .rate = 800, .hold_ms = 8,
	      .timeout_ms = 500, .is_async = true },
	    { "workers", .kind = POOLSCOPE_KIND_WORKER, .capacity = 4, .threads = 8, .rate = 300,
	      .hold_ms = 8 },
	    { "buffers", .kind = POOLSCOPE_KIND_OBJECT, .threads = 4, .rate = 1000,
	      .hold_ms = 0.2 },
	    { "tokens", .kind = POOLSCOPE_KIND_SEMAPHORE, .capacity = 6, .threads = 8, .rate = 300,
	      .hold_ms = 10, .timeout_ms = 500 } } },
	{ "leak",
	  "items are taken and not given back",
	  { { "orders-db", CONNECTIONS, .capacity = 10, .threads = 8, .rate = 400, .hold_ms = 4,
	      .timeout_ms = 500, .fault = FAULT_LEAK, .faults = 3 } } },
	{ "too-small",
	  "more load than the pool can carry",
	  { { "orders-db", CONNECTIONS, .capacity = 4, .threads = 24, .rate = 1500, .hold_ms = 5,
	      .timeout_ms = 25 } } },
	{ "slow-holders",
	  "some holders keep their items for the whole run",
	  { { "orders-db", CONNECTIONS, .capacity = 6, .threads = 12, .rate = 600, .hold_ms = 4,
	      .timeout_ms = 200, .fault = FAULT_HANG, .faults = 4 } } },
	{ "churn",
	  "connections are closed after each use",
	  { { "orders-db", CONNECTIONS, .capacity = 10, .threads = 8, .rate = 400, .hold_ms = 4,
	      .timeout_ms = 500, .is_one_way = true } } },
	{ "backpressure",
	  "a short queue, the rest is rejected",
	  { { "workers", .kind = POOLSCOPE_KIND_WORKER, .capacity = 4, .threads = 24, .rate = 2000,
	      .hold_ms = 5, .max_waiters = 8 } } },
};
const unsigned int n_scenarios = sizeof(scenarios) / sizeof(*scenarios);

const struct scenario *scenario_find(const char *name)
{
	for (unsigned int i = 0; i < n_scenarios; i++)
		if (!strcmp(scenarios[i].name, name))
			return &scenarios[i];
	return NULL;
}
