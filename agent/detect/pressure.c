/* SPDX-License-Identifier: MIT */
/*
 * pressure.c - a pool is full and callers wait: why? The answers look alike from outside, so they are told apart in one place, and never
 * two of them are given at once. The surprise: the order of the questions is the verdict. A process that stood still makes every hold
 * long, and a few stuck leases make a pool of the right size too small.
 */
#include <math.h>

#include "detect/detector.h"

#define STALLED 0.9 /* of the wait */
#define STUCK 0.5 /* of the items */
#define GROWN 2.0 /* times the usual hold */
#define PATIENCE 4.0 /* usual holds that it must have been full for */
#define PATIENCE_MAX_S 60
#define CARRIED 0.9 /* of what the pool can: beyond it a queue grows whatever its order */

double offered_load(const struct look *l)
{
	const struct sample *w = &l->window;
	double arrivals, hold_s;

	if (l->pool->capacity <= 0 || w->holds <= 0 || l->window_s <= 0)
		return NAN;
	arrivals = (double)(w->acquires + w->timeouts + w->rejections) / l->window_s;
	hold_s = w->hold_s / (double)w->holds;
	return arrivals * hold_s / (double)l->pool->capacity;
}

static bool has_grown(const struct look *l)
{
	const struct sample *w = &l->window;
	double usual = l->past->usual_hold_s;

	return !isnan(usual) && usual > 0 && w->holds > 0 &&
	       w->hold_s / (double)w->holds > GROWN * usual;
}

/* Some items are out for very long: is that why? A row shows SNAPSHOT_REFS_MAX of them at most; where there are more, only if nothing moves. */
static bool is_stuck(const struct look *l, size_t n)
{
	const struct pool_row *p = l->pool;

	if (!n || p->capacity <= 0)
		return false;
	if (n == SNAPSHOT_REFS_MAX && p->in_use > SNAPSHOT_REFS_MAX)
		return !l->window.acquires;
	return (double)n >= STUCK * (double)p->capacity || !(offered_load(l) >= CARRIED);
}

/* By what most of the old holders did since. NONE = they have not been looked at for long enough: the next tick will know. */
static enum pressure stuck_how(const struct look *l, size_t n)
{
	size_t n_went = 0, n_new = 0;

	for (size_t i = 0; i < n; i++) { /* the oldest come first */
		const struct ref_row *h = &l->pool->holders[i];

		n_went += h->is_thread_gone || h->does == REF_WENT_ON;
		n_new += !h->is_thread_gone && h->does == REF_LOOKED_AT;
	}
	if (2 * n_went >= n)
		return PRESSURE_LEAKED;
	return 2 * n_new > n ? PRESSURE_NONE : PRESSURE_STUCK;
}

/* Where a hold takes seconds, a few that come together fill the pool for as long, and that is chance. */
static bool is_lasting(const struct look *l)
{
	const struct sample *w = &l->window;
	double hold_s = l->past->usual_hold_s;

	if (isnan(hold_s))
		hold_s = w->holds > 0 ? w->hold_s / (double)w->holds : 0;
	return (double)l->full_ns / 1e9 >= fmin(PATIENCE * hold_s, PATIENCE_MAX_S);
}

enum pressure pressure_of(const struct look *l)
{
	const struct sample *w = &l->window;
	int64_t oldest_ns;
	size_t n;

	if (!l->pool->trusted || !l->full_ns || !is_lasting(l) || l->deadlock)
		return PRESSURE_NONE;
	if (w->pending_s > 0 && w->stalled_s >= STALLED * w->pending_s)
		return PRESSURE_STALLS;
	n = n_holders_that(l, is_unusual, &oldest_ns);
	if (is_stuck(l, n))
		return stuck_how(l, n);
	if (has_grown(l))
		return PRESSURE_HOLDS;
	return offered_load(l) >= CARRIED && l->pool->kind != PS_KIND_lock ? PRESSURE_SIZE
									   : PRESSURE_UNCLEAR;
}
