/* SPDX-License-Identifier: MIT */
/*
 * world.h - what all threads of the simulation share: when the load ends, the list of what was done to it, and the safepoint at
 * which they stand still, as the threads of a managed runtime do.
 */
#ifndef POOLSCOPE_SIM_WORLD_H
#define POOLSCOPE_SIM_WORLD_H

#include <jansson.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "tools/sim/books.h"

struct world {
	int64_t begin_ns, end_ns;	/* of the load */
	pthread_mutex_t lock;	/* of what follows */
	json_t *faults;
	uint64_t n_stalls;
	int64_t stalls_sum_ns, stalls_max_ns;
	struct span *stood; /* all times in which it stood still, in their order */
	size_t n_stood, stood_room;
};

void world_init(struct world *w, double seconds);
void world_done(struct world *w);

void sleep_until(int64_t at_ns);

/* Writes down what the calling thread did, to which pool, and for how long (0 = until the end). */
void world_fault(struct world *w, const char *what, const char *pool, int64_t took_ns);

/* Every thread of the load comes by here before and after it uses an item, and stays while the world stands still. */
void world_safepoint(void);

/* Stops the world for so long: one word that threads park on, and one broadcast that wakes them all. */
void world_stop(struct world *w, int64_t ns);

/* It stood still, be it by world_stop() or because somebody outside stopped the process. */
void world_stood_still(struct world *w, int64_t begin_ns, int64_t end_ns);

/* How much of a time lay inside of those. */
int64_t world_stood_within(struct world *w, int64_t begin_ns, int64_t end_ns);

/* The faults so far, and the stalls as `poolscope stalls --json` has them; new references. */
json_t *world_faults(struct world *w);
json_t *world_stalls(struct world *w);

#endif
