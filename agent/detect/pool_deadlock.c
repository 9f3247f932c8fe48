/* SPDX-License-Identifier: MIT */
/*
 * pool_deadlock.c - `pool-deadlock`: every thread that holds an item of the pool waits for another one, of this pool or of one whose holders
 * all wait for this one. Nobody can go on.
 *
 * What could fool it: holders that are more than a row shows, so nothing is said of those pools; a wait with a timeout, which ends the
 * deadlock by itself and is one until then. All items leaked, by threads that wait for new ones now: a thread that went on for long between
 * the two has not nested them, so the wait must have begun soon after (unusual_ns()). Cost: holders times waiters of two pools, 64 each at
 * most, only where nothing is acquired.
 */
#include <stdio.h>

#include "detect/detector.h"

/* The thread of this lease waits since soon after. */
static bool waits_for(const struct pool_row *held, const struct ref_row *h,
		      const struct pool_row *wanted)
{
	for (size_t i = 0; i < wanted->n_waiters; i++)
		if (h->tid && wanted->waiters[i].tid == h->tid &&
		    h->age_ns - wanted->waiters[i].age_ns < unusual_ns(held))
			return true;
	return false;
}

static bool is_whole(const struct pool_row *p)
{
	return p->trusted && p->capacity > 0 && p->in_use >= p->capacity && p->pending > 0 &&
	       p->n_holders > 0 && (int64_t)p->n_holders == p->in_use;
}

/* All who hold an item of one wait for the other. */
static bool blocks(const struct pool_row *held, const struct pool_row *wanted)
{
	if (!is_whole(held) || !is_whole(wanted))
		return false;
	for (size_t i = 0; i < held->n_holders; i++)
		if (!waits_for(held, &held->holders[i], wanted))
			return false;
	return true;
}

const struct pool_row *deadlocked_with(const struct look *l)
{
	const struct pool_row *p = l->pool;
	const struct pool_row *const *all;
	size_t n;

	if (!is_whole(p) || l->tick.acquires > 0)
		return NULL;
	all = neighbours(l, &n);
	for (size_t i = 0; i < n; i++)
		if (blocks(p, all[i]) && (all[i] == p || blocks(all[i], p)))
			return all[i];
	return NULL;
}

static bool is_any(const struct look *l, const struct ref_row *h)
{
	(void)l;
	(void)h;
	return true;
}

bool look_pool_deadlock(const struct look *l, struct told *ret)
{
	const struct pool_row *p = l->pool, *other = l->deadlock;

	if (!other)
		return false;
	ret->severity = SEVERITY_CRITICAL;
	if (other == p)
		snprintf(ret->text, sizeof(ret->text),
			 "%s is deadlocked: all %lld holders wait for a second item of it",
			 pool_title(p).text, (long long)p->in_use);
	else
		snprintf(ret->text, sizeof(ret->text),
			 "%s and %.60s are deadlocked: the holders of each wait for the other",
			 pool_title(p).text, other->name ? other->name : "another pool");
	snprintf(ret->evidence, sizeof(ret->evidence), "nothing was acquired for %s",
		 duration((double)l->tick.t_ns / 1e9).text);
	tell_holders(l, is_any, ret);
	snprintf(ret->advice, sizeof(ret->advice),
		 "never wait for an item while holding one, or take both at once");
	return true;
}
