/* SPDX-License-Identifier: MIT */
/*
 * scenario.h - a load as data: which pools, how many threads, at what rate, how long items are held, and what goes wrong.
 */
#ifndef POOLSCOPE_SIM_SCENARIO_H
#define POOLSCOPE_SIM_SCENARIO_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/sdk/poolscope.h"

enum fault { FAULT_NONE, FAULT_LEAK, FAULT_HANG };

struct load {
	const char *pool;
	enum poolscope_kind kind;
	uint32_t capacity;	/* 0 = unbounded */
	uint32_t threads;
	double rate;	/* acquires per second over all threads; 0 = as fast as it goes */
	double hold_ms;	/* mean of an exponential distribution */
	double timeout_ms;	/* 0 = waits for ever */
	uint32_t max_waiters;
	bool is_async;	/* a thread goes on while its item is held, and another thread returns it */
	bool is_burst;	/* the rate comes in the first fifth of each second */
	bool is_one_way;	/* items are not reused */
	bool is_connection;	/* items are TCP connections to the simulator's own server */
	enum fault fault;
	uint32_t faults;
};

#define SCENARIO_LOADS_MAX 4

struct scenario {
	const char *name, *summary;
	struct load load[SCENARIO_LOADS_MAX];
};

extern const struct scenario scenarios[];
extern const unsigned int n_scenarios;

const struct scenario *scenario_find(const char *name);

#endif
