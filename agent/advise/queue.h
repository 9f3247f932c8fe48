/* SPDX-License-Identifier: MIT */
/*
 * queue.h - a pool as a queue: what callers would wait, for a number of items, the times that items are held, and how callers come.
 * Simulated, because holds of any shape, limits of time and all orders of service then need no formula of their own. Pure and
 * deterministic: the same question has the same answer. Some 10 ms of CPU time a question.
 */
#ifndef POOLSCOPE_ADVISE_QUEUE_H
#define POOLSCOPE_ADVISE_QUEUE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/hist.h"

enum queue_arrivals {
	QUEUE_OPEN,	/* new callers come whatever the state of the pool (Poisson) */
	QUEUE_LIMITED,	/* likewise, but at most `callers` are at the pool, and the others wait before it, as for a thread */
	QUEUE_CLOSED	/* the same `callers` come again and again; each does something else for think_s in between (exponential) */
};

/* Who of the waiting gets what comes free. */
enum queue_order { QUEUE_FIRST, QUEUE_ANY, QUEUE_LAST };

#define QUEUE_MAX 4096	/* items, and callers */

struct queue {
	enum queue_arrivals arrivals;
	enum queue_order order;
	uint32_t capacity;	/* 1 to QUEUE_MAX */
	const struct hist *hold;	/* at least one value */
	double per_s;	/* open and limited: callers that come */
	uint32_t callers;	/* limited and closed: 1 to QUEUE_MAX */
	double think_s;	/* closed */
	double timeout_s;	/* who has waited for so long gives up; 0 = nobody does */
};

struct queue_answer {
	bool is_stable;	/* false: waits grow without bound, and what follows is NaN but for the utilization */
	double utilization;
	double per_s;	/* callers that were given an item or gave up */
	double timeout_ratio;	/* of these */
	double mean_s, p50_s, p90_s, p99_s;	/* of waits, those that were given up included, and the zeros */
};

/* The mean of a histogram: its sum by its count; by the middles of its buckets where the sum is not known. NaN when empty. */
double queue_mean_s(const struct hist *h);

/* -ENOMEM, or 0. */
int queue_ask(const struct queue *q, struct queue_answer *ret);

#endif
