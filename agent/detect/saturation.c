/* SPDX-License-Identifier: MIT */
/*
 * saturation.c - `saturation`: the pool is full and callers wait, and why is not clear, or not yet, or the process stood still. That stalls
 * explain nearly all the waiting of the last 10 to 20 s is an information, so that nobody looks for a fault of the pool.
 *
 * What could fool it: nothing; that much is counted. Cost: a few numbers.
 */
#include <math.h>
#include <stdio.h>

#include "detect/detector.h"

static void tell_stalls(const struct look *l, struct told *ret)
{
	const struct sample *w = &l->window;

	if (l->pool->saturated_by)
		snprintf(ret->text, sizeof(ret->text), "%s", l->pool->saturated_by);
	else
		snprintf(ret->text, sizeof(ret->text),
			 "%s is full, and %s: its process stands still", pool_title(l->pool).text,
			 callers(l->pool).text);
	if (w->pending_s > 0)
		snprintf(ret->evidence, sizeof(ret->evidence),
			 "in the last %.0f s %s of %s of waiting came of stalls", l->window_s,
			 duration(w->stalled_s).text, duration(w->pending_s).text);
	snprintf(ret->advice, sizeof(ret->advice), "mend the stalls; a larger pool would not help");
}

bool look_saturation(const struct look *l, struct told *ret)
{
	const struct sample *w = &l->window;
	enum pressure why = l->pressure;
	bool is_known_well = l->window_s > WINDOW_TICKS - 1; /* and not an endpoint that is about to be the pool of a library */
	bool is_by_stalls =
		why == PRESSURE_STALLS || (!why && l->pool->saturated_by && is_known_well);
	int64_t oldest_ns;

	if (why == PRESSURE_LEAKED && n_holders_that(l, is_leaked, &oldest_ns))
		return false; /* a leak, and said to be one */
	if (why != PRESSURE_UNCLEAR && why != PRESSURE_LEAKED && !is_by_stalls)
		return false;
	ret->severity = why ? SEVERITY_WARNING : SEVERITY_INFO;
	if (is_by_stalls) {
		tell_stalls(l, ret);
		return true;
	}
	snprintf(ret->text, sizeof(ret->text), "%s is full, and %s", pool_title(l->pool).text,
		 callers(l->pool).text);
	snprintf(ret->evidence, sizeof(ret->evidence), "full for %.0f%% of the last %.0f s",
		 fmin(100, 100 * w->saturated_s / l->window_s), l->window_s);
	if (why == PRESSURE_UNCLEAR)
		return true;
	snprintf(
		ret->text, sizeof(ret->text),
		"%s is full: %zu items are out, and who took them has gone on: a leak, if it stays so",
		pool_title(l->pool).text, n_holders_that(l, is_unusual, &oldest_ns));
	ret->evidence[0] = 0;
	tell_holders(l, is_unusual, ret);
	return true;
}
