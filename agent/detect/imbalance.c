/* SPDX-License-Identifier: MIT */
/*
 * imbalance.c - `imbalance`: at least half of a pool's holders wait for a smaller pool behind it, which is full.
 *
 * What could fool it: a moment; so the one behind must have been full for nearly all of the window. Of a pool with more than 64 items out,
 * and of one with more that wait, the oldest are compared. Cost: holders times waiters of two pools of a process, 64 each at most, only
 * where a smaller pool is full.
 */
#include <stdio.h>

#include "detect/detector.h"

#define TRIED_MAX 4 /* full pools behind it */

static size_t n_blocked(const struct pool_row *front, const struct pool_row *behind)
{
	size_t n = 0;

	for (size_t i = 0; i < front->n_holders; i++)
		for (size_t j = 0; j < behind->n_waiters; j++)
			n += front->holders[i].tid &&
			     front->holders[i].tid == behind->waiters[j].tid;
	return n;
}

static bool is_bottleneck(const struct look *l, const struct pool_row *behind)
{
	const struct pool_row *p = l->pool;
	const struct past *past = past_of(l, behind);
	struct sample w;

	if (behind == p || behind->pending <= 0 || behind->capacity <= 0 ||
	    p->capacity <= behind->capacity || !past)
		return false;
	w = past_growth(past, WINDOW_TICKS);
	return is_full(behind, &w);
}

bool look_imbalance(const struct look *l, struct told *ret)
{
	const struct pool_row *p = l->pool;
	const struct pool_row *const *all;
	size_t n_all, n_tried = 0;

	if (p->n_holders < 2)
		return false;
	all = neighbours(l, &n_all);
	for (size_t i = 0; i < n_all && n_tried < TRIED_MAX; i++) {
		size_t n;

		if (!is_bottleneck(l, all[i]))
			continue;
		n_tried++;
		n = n_blocked(p, all[i]);
		if (2 * n < p->n_holders)
			continue;
		ret->severity = SEVERITY_WARNING;
		snprintf(ret->text, sizeof(ret->text),
			 "%zu of %zu busy in %s wait for %.60s, which has %lld for %lld of them", n,
			 p->n_holders, pool_title(p).text, all[i]->name ? all[i]->name : "a pool",
			 (long long)all[i]->capacity, (long long)p->capacity);
		snprintf(ret->evidence, sizeof(ret->evidence), "%.60s: %s",
			 all[i]->name ? all[i]->name : "a pool", callers(all[i]).text);
		snprintf(ret->advice, sizeof(ret->advice),
			 "fewer in front, or more behind: now the queue only moves");
		return true;
	}
	return false;
}
