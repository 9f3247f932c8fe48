/* SPDX-License-Identifier: MIT */
/*
 * starvation.c - `starvation`: a caller waits for longer than the limit while others are served that have waited for far less.
 *
 * What could fool it: a pool that serves nobody; then nobody overtakes, and others say why. A pool that serves in the order of arrival and
 * is far behind: those who are served have waited as long. Cost: a comparison.
 */
#include <stdio.h>

#include "detect/detector.h"

#define OVERTAKEN 10.0 /* times the mean wait of those who were served meanwhile */

bool look_starvation(const struct look *l, struct told *ret)
{
	const struct pool_row *p = l->pool;
	double mean_s, oldest_s = (double)p->oldest_wait_ns / 1e9;

	if (p->oldest_wait_ns < l->limits->wait_ns || l->tick.acquires <= 0 || l->tick.waits <= 0)
		return false;
	mean_s = l->tick.wait_s / (double)l->tick.waits;
	if (oldest_s < OVERTAKEN * mean_s)
		return false;
	ret->severity = SEVERITY_WARNING;
	snprintf(ret->text, sizeof(ret->text),
		 "a caller has waited for %s for %s, while %lld others were served in %.0f s",
		 duration(oldest_s).text, pool_title(p).text, (long long)l->window.acquires,
		 l->window_s);
	snprintf(ret->evidence, sizeof(ret->evidence), "they waited for %s on average",
		 duration(mean_s).text);
	snprintf(ret->advice, sizeof(ret->advice), "let the pool serve in the order of arrival");
	return true;
}
