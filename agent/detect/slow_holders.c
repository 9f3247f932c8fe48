/* SPDX-License-Identifier: MIT */
/*
 * slow_holders.c - `slow-holders`: items are kept for much longer than they used to be, by all or by some, and that is why the pool is full;
 * or an item is out for longer than the threshold of a leak with a thread that sleeps or computes since.
 *
 * What could fool it: a load that has changed its mind, as a report at night does; it is slow all the same. A thread that has forgotten its
 * item and has nothing to do since; the text says no more than that it sleeps. Cost: as leak.c.
 */
#include <math.h>
#include <stdio.h>

#include "detect/detector.h"

static bool tell_stuck(const struct look *l, holder_fn *is_one, struct told *ret)
{
	const struct pool_row *p = l->pool;
	int64_t oldest_ns;
	size_t n = n_holders_that(l, is_one, &oldest_ns);
	struct duration oldest = duration((double)oldest_ns / 1e9);

	if (!n)
		return false;
	if (l->pressure == PRESSURE_STUCK)
		snprintf(
			ret->text, sizeof(ret->text),
			"%s is full because %zu of its %lld items are held for long, the oldest for %s",
			pool_title(p).text, n, (long long)p->capacity, oldest.text);
	else
		snprintf(ret->text, sizeof(ret->text),
			 "%s: %zu item%s held for long, the oldest for %s", pool_title(p).text, n,
			 n == 1 ? " is" : "s are", oldest.text);
	tell_holders(l, is_one, ret);
	return true;
}

static void tell_grown(const struct look *l, struct told *ret)
{
	const struct sample *w = &l->window;

	snprintf(ret->text, sizeof(ret->text),
		 "%s is full because its items are held for %s, not for %s as before",
		 pool_title(l->pool).text, duration(w->hold_s / (double)w->holds).text,
		 duration(l->past->usual_hold_s).text);
	snprintf(ret->evidence, sizeof(ret->evidence), "%lld holds in the last %.0f s, %s",
		 (long long)w->holds, l->window_s, callers(l->pool).text);
}

bool look_slow_holders(const struct look *l, struct told *ret)
{
	bool is_stuck = l->pressure == PRESSURE_STUCK, is_grown = l->pressure == PRESSURE_HOLDS;

	if (is_grown)
		tell_grown(l, ret);
	else if (l->deadlock || !tell_stuck(l, is_stuck ? is_unusual : is_long_held, ret))
		return false;
	ret->severity =
		(is_stuck || is_grown) && l->window.timeouts ? SEVERITY_CRITICAL : SEVERITY_WARNING;
	snprintf(ret->advice, sizeof(ret->advice),
		 "look at what the holders wait for; a larger pool would only fill later");
	return true;
}
