/* SPDX-License-Identifier: MIT */
/*
 * too_small.c - `too-small`: more arrivals than the pool can carry, with holds as they always were. Critical when callers give up.
 *
 * What could fool it: holds that grew before the agent came, as nobody knows of a better time; the evidence says so then. Callers that try
 * again at once are counted each time, so what it needs is an upper bound where they give up. Cost: a few numbers.
 */
#include <math.h>
#include <stdio.h>

#include "detect/detector.h"

bool look_too_small(const struct look *l, struct told *ret)
{
	const struct pool_row *p = l->pool;
	const struct sample *w = &l->window;
	double need;

	if (l->pressure != PRESSURE_SIZE)
		return false;
	need = offered_load(l) * (double)p->capacity;
	ret->severity = w->timeouts ? SEVERITY_CRITICAL : SEVERITY_WARNING;
	snprintf(ret->text, sizeof(ret->text),
		 "%s is too small: %.0f callers/s that hold for %s need %s%.1f items, it has %lld",
		 pool_title(p).text,
		 (double)(w->acquires + w->timeouts + w->rejections) / l->window_s,
		 duration(w->hold_s / (double)w->holds).text,
		 w->timeouts || w->rejections ? "up to " : "at least ", need,
		 (long long)p->capacity);
	snprintf(
		ret->advice, sizeof(ret->advice),
		"a higher limit helps if the other side can serve as many at once; shorter holds always do");
	snprintf(ret->evidence, sizeof(ret->evidence),
		 "full for %.0f%% of the last %.0f s, %s, the mean hold was %s before%s",
		 fmin(100, 100 * w->saturated_s / l->window_s), l->window_s, callers(p).text,
		 isnan(l->past->usual_hold_s) ? "not known" : duration(l->past->usual_hold_s).text,
		 w->timeouts ? ", and callers give up" : "");
	return true;
}
