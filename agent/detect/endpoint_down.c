/* SPDX-License-Identifier: MIT */
/*
 * endpoint_down.c - `endpoint-down`: items cannot be made, and none was meanwhile; and `recovered`: they can again.
 *
 * What could fool it: a pool that tries once a minute, of which nothing is said, as three failures in LONG_TICKS are asked for. Once open it
 * stays until an item is made, or callers are served by those that are left. An attempt that is never answered fails when the kernel or
 * the program gives up. One of several
 * addresses of a name that is tried first and never answers, as ::1 before 127.0.0.1: only a warning where there never was a connection. Cost: a comparison.
 */
#include <stdio.h>

#include "detect/detector.h"

#define FAILURES 3
#define RECOVERED_NS 6000000000ll /* so long it is told */

/* Somebody has a pool there, or had connections. */
static bool is_missed(const struct pool_row *p)
{
	return p->acquires != UNKNOWN || p->opened > 0 || p->open > 0 || p->before_start > 0;
}

bool look_endpoint_down(const struct look *l, struct told *ret)
{
	const struct pool_row *p = l->pool;
	const struct sample w = past_growth(l->past, LONG_TICKS);
	bool is_failing = w.open_failures >= FAILURES && l->tick.open_failures > 0;

	if (p->open_failures == UNKNOWN || l->tick.opened > 0)
		return false;
	if (!is_failing && !(l->is_open && l->tick.acquires <= 0))
		return false;
	ret->severity = is_missed(p) ? SEVERITY_CRITICAL : SEVERITY_WARNING;
	snprintf(ret->text, sizeof(ret->text), "%s gets no connection%s%.60s", pool_title(p).text,
		 p->endpoint ? " to " : "", p->endpoint ? p->endpoint : "");
	snprintf(ret->evidence, sizeof(ret->evidence),
		 "%lld attempts failed in the last %.0f s, none succeeded in the last %.0f s",
		 (long long)w.open_failures, (double)w.t_ns / 1e9, (double)l->tick.t_ns / 1e9);
	snprintf(ret->advice, sizeof(ret->advice),
		 "look whether the other side runs, and the way to it");
	return true;
}

bool look_recovered(const struct look *l, struct told *ret)
{
	const struct pool_row *p = l->pool;

	if (!l->down_ns || l->down_ns == l->s->t_ns || l->s->t_ns - l->down_ns > RECOVERED_NS ||
	    past_growth(l->past, LONG_TICKS).opened <= 0)
		return false;
	ret->severity = SEVERITY_INFO;
	snprintf(ret->text, sizeof(ret->text), "%s gets connections again%s%.60s",
		 pool_title(p).text, p->endpoint ? ", to " : "", p->endpoint ? p->endpoint : "");
	return true;
}
