/* SPDX-License-Identifier: MIT */
/*
 * advise.h - how large a pool should be: the wait to expect at other capacities, computed from what was measured between two looks
 * at it, or the reason why that cannot be told. Pure.
 *
 * The present capacity is computed as well and held against the wait that was measured; where the two do not agree nothing is said
 * of other capacities.
 */
#ifndef POOLSCOPE_ADVISE_ADVISE_H
#define POOLSCOPE_ADVISE_ADVISE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "advise/queue.h"

struct pool_row;

#define ADVISE_ROWS 8
#define ADVISE_TEXT_BYTES 512

struct advise_row {
	uint32_t capacity;
	bool is_at_most;	/* the wait is not longer than this, but may be shorter (the demand is hidden) */
	struct queue_answer wait;
};

struct advice {
	/* what was measured; unknown is NaN */
	double seconds;
	double arrivals_per_s, hold_s;	/* hold_s: the mean */
	uint32_t capacity;	/* 0 = unknown, as are callers */
	uint32_t callers;	/* seen at most */
	struct queue_answer measured;

	/* how it is explained; of no meaning when n_rows is 0 */
	enum queue_arrivals arrivals;
	enum queue_order order;
	bool is_demand_hidden;	/* all callers were there all the time: they may want more than they were seen to ask for */
	bool is_unstable;	/* more come than can be served: the wait grows without bound */

	struct advise_row row[ADVISE_ROWS];	/* by capacity, that of the pool first; when declined at most that one */
	size_t n_rows;
	uint32_t proposed;	/* the smallest at which a wait is hardly longer than a hold; 0 when declined */
	uint32_t stable_from;	/* the smallest at which the wait has a bound; 0 when declined */
	bool is_declined;
	char text[ADVISE_TEXT_BYTES];	/* a sentence: the advice, or the reason why there is none */
};

/*
 * The pool at the beginning (NULL = it was not there) and at the end of some seconds. `callers`: as many as were seen to have an item
 * or to wait at once, or different ones, whichever is more; 0 = unknown. 0 or -ENOMEM.
 */
int advise(const struct pool_row *before, const struct pool_row *after, double seconds,
	   uint32_t callers, struct advice *ret);

#endif
