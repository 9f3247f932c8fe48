/* SPDX-License-Identifier: MIT */
/*
 * churn.c - `churn`: items are made nearly as often as they are used, and closed again.
 *
 * What could fool it: a pool that has just begun, or was just asked for more; so as many must have been closed as well. Cost: a comparison.
 */
#include <stdio.h>

#include "detect/detector.h"

#define CHURNS 0.5 /* openings for each acquire */
#define FEW 10 /* openings, in LONG_TICKS */

bool look_churn(const struct look *l, struct told *ret)
{
	const struct pool_row *p = l->pool;
	const struct sample w = past_growth(l->past, LONG_TICKS);
	int64_t n = w.opened < w.closed ? w.opened : w.closed;

	if (p->opened == UNKNOWN || p->closed == UNKNOWN || p->acquires == UNKNOWN || n < FEW ||
	    (double)n < CHURNS * (double)w.acquires)
		return false;
	ret->severity = SEVERITY_WARNING;
	snprintf(ret->text, sizeof(ret->text), "%s made %lld items for %lld acquires",
		 pool_title(p).text, (long long)w.opened, (long long)w.acquires);
	snprintf(ret->evidence, sizeof(ret->evidence), "in the last %.0f s, and closed %lld",
		 (double)w.t_ns / 1e9, (long long)w.closed);
	snprintf(
		ret->advice, sizeof(ret->advice),
		"keep items: a longer idle timeout, more idle ones, or give back instead of closing");
	return true;
}
