/* SPDX-License-Identifier: MIT */
/*
 * load.h - threads that use a pool as a scenario says. Arrivals are an open loop: a thread that was made to wait catches up, as
 * users do.
 */
#ifndef POOLSCOPE_SIM_LOAD_H
#define POOLSCOPE_SIM_LOAD_H

#include <jansson.h>

#include "tools/sim/pool.h"
#include "tools/sim/scenario.h"

struct running;

/* Starts the threads of one load on its pool, for so many seconds. Faults that are done are appended to `faults`. */
struct running *load_start(const struct load *load, struct pool *pool, double seconds,
			   unsigned int seed, json_t *faults);

/* Waits until all threads are done and everything but what was leaked is back. Frees. */
void load_join(struct running *r);

/* An echo server on a port of its own; threads of it live as long as the process. */
uint16_t server_start(void);

#endif
