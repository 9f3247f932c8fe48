/* SPDX-License-Identifier: MIT */
/*
 * scenario.h - a load as data: which pools, how many threads, at what rate, how long items are held, and what goes wrong.
 */
#ifndef POOLSCOPE_SIM_SCENARIO_H
#define POOLSCOPE_SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/sdk/poolscope.h"
#include "tools/sim/workers.h"

/* What goes wrong. The first four happen to whoever takes an item after the first quarter of the run. */
enum fault {
	FAULT_NONE,
	FAULT_LEAK,	/* the item is not given back */
	FAULT_HANG,	/* the item is kept for fault_ms; 0 = until the load ends */
	FAULT_DESERT,	/* the same, and the thread ends */
	FAULT_DEADLOCK,	/* the holder takes a second item of the pool that its load names as `behind` */
	/* the rest is done by a thread of their own, evenly spread over the run */
	FAULT_SCHEDULED,
	FAULT_EXHAUST = FAULT_SCHEDULED,	/* one thread takes every item for fault_ms */
	FAULT_BREAK,	/* the server resets every connection and refuses new ones for fault_ms */
	FAULT_STALE,	/* the server closes the connection that was idle for longest */
	FAULT_STALL,	/* the world stands still for fault_ms */
	FAULT_RESIZE,	/* the capacity grows by a half and, after fault_ms, shrinks to what it was */
};

/* What a pool's items are. */
enum item_type {
	ITEM_NUMBER,	/* nothing: a token */
	ITEM_BUFFER,	/* memory */
	ITEM_CONNECTION,	/* TCP, to the simulator's own server */
	ITEM_WORKER,	/* a thread; the load submits tasks */
	ITEM_MUTEX,	/* one pthread mutex */
};

struct load {
	const char *pool;
	enum item_type item;
	enum poolscope_kind kind;
	uint32_t capacity;	/* 0 = unbounded */
	uint32_t min;	/* idle items that are kept, or workers */
	uint32_t threads;	/* 0 = only used from another pool */
	double rate;	/* acquires per second over all threads; 0 = as fast as it goes */
	double hold_ms;	/* mean of an exponential distribution */
	double timeout_ms;	/* of an acquire; 0 = waits for ever */
	uint32_t max_waiters;	/* or tasks in the queue; 0 = no limit */
	enum backpressure backpressure;	/* of workers, when the queue is full */
	double idle_timeout_ms, max_lifetime_ms, check_every_ms, circuit_ms;	/* 0 = none */
	bool is_checked_at_use;	/* a connection is looked at before it is handed out */
	bool is_async;	/* a thread goes on while its item is held, and another thread returns it */
	bool is_burst;	/* the rate comes in the first fifth of each second */
	bool is_one_way;	/* items are not reused */
	bool is_unfair;	/* who waits last is served first */
	uint32_t behind;	/* 1 + the index of the load whose pool is used while an item of this one is held; 0 = none */
	enum fault fault;
	uint32_t faults;
	double fault_ms;
};

#define SCENARIO_LOADS_MAX 4

struct scenario {
	const char *name, *summary;
	struct load load[SCENARIO_LOADS_MAX];
};

extern const struct scenario scenarios[];
extern const unsigned int n_scenarios;

/* NULL: there is none of this name. */
const struct scenario *scenario_find(const char *name);

#endif
