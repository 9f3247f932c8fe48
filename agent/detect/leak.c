/* SPDX-License-Identifier: MIT */
/*
 * leak.c - `leak`: an item is out for longer than the threshold and for much longer than this pool has ever needed one, and the thread that
 * took it has gone on since, or ended. Critical when it has ended, as nobody is left to give the item back, or when callers wait because
 * of such items. Closed as "returned late" when it comes back.
 *
 * What could fool it: a job that is longer than all before it, once a night; so the threshold, and a suspicion is a warning. A connection
 * that somebody keeps for itself all the time looks the same. A thread that hands its item on to another one and ends; then the lease is
 * given back by somebody. Where another thread gives items back than the one that takes them, that one has gone on, of course. A thread
 * that is asleep or computes since is said to be a slow holder, so a leak by a thread that has had nothing to do since is found there.
 * Before FEW holds the pool's need is not known: then ten times the threshold. Of a
 * pool that is inferred a connection is told that did not move while others went from hand to hand (model/infer.c); that it is not in use by
 * somebody who only thinks for long is not known. Workers and pools of objects without a limit have leaks only
 * of threads that ended. Cost: one pass over the leases that a row shows, the oldest
 * first (64 at most); a look at what their threads do, in /proc, 16 of a pool and 128 in all a tick.
 */
#include <stdio.h>

#include "detect/detector.h"

#define OVER 2.0 /* times the longest hold */
#define FEW 100 /* holds */
#define FEW_TIMES 10 /* the threshold, where there were so few */

/* A task may run for ever, and a buffer of a pool without a limit need not come back. */
static bool may_keep(const struct pool_row *p)
{
	return p->kind == PS_KIND_worker || (p->kind == PS_KIND_object && p->capacity <= 0);
}

static bool is_old(const struct look *l, const struct ref_row *h)
{
	const struct pool_row *p = l->pool;
	bool is_new = !p->hold || p->hold->count < FEW;
	int64_t least_ns = l->limits->leak_ns * (is_new && !h->is_thread_gone ? FEW_TIMES : 1);

	return p->trusted && (h->is_thread_gone || !may_keep(p)) && h->age_ns >= least_ns &&
	       (double)h->age_ns >= OVER * (double)l->longest_ns;
}

static bool is_at_it(const struct ref_row *h)
{
	return !h->is_thread_gone && (h->does == REF_SLEEPS || h->does == REF_COMPUTES);
}

bool is_long_held(const struct look *l, const struct ref_row *h)
{
	return is_old(l, h) && is_at_it(h);
}

/* What a thread does that was looked at for the first time shows in the next tick. */
bool is_leaked(const struct look *l, const struct ref_row *h)
{
	return is_old(l, h) && !is_at_it(h) && (h->is_thread_gone || h->does != REF_LOOKED_AT);
}

static bool is_deserted(const struct look *l, const struct ref_row *h)
{
	return is_old(l, h) && h->is_thread_gone;
}

/* Where nothing tells who holds what. */
static bool look_silent(const struct look *l, struct told *ret)
{
	const struct pool_row *p = l->pool;

	if (p->silent <= 0 || p->oldest_hold_ns < l->limits->leak_ns)
		return false;
	ret->severity = SEVERITY_WARNING;
	snprintf(ret->text, sizeof(ret->text),
		 "%s: %lld connection%s not used, the longest for %s, and not given back",
		 pool_title(p).text, (long long)p->silent, p->silent == 1 ? " is" : "s are",
		 duration((double)p->oldest_hold_ns / 1e9).text);
	snprintf(
		ret->evidence, sizeof(ret->evidence),
		"callers waited meanwhile, and others went from hand to hand: a free one would have been among those");
	snprintf(ret->advice, sizeof(ret->advice),
		 "give the connection back on every way out of the code that takes it");
	return true;
}

bool look_leak(const struct look *l, struct told *ret)
{
	const struct pool_row *p = l->pool;
	int64_t oldest_ns;
	size_t n_gone = n_holders_that(l, is_deserted, &oldest_ns),
	       n = n_holders_that(l, is_leaked, &oldest_ns);

	if (l->deadlock)
		return false;
	if (!n)
		return look_silent(l, ret);
	ret->severity =
		n_gone || l->pressure == PRESSURE_LEAKED ? SEVERITY_CRITICAL : SEVERITY_WARNING;
	tell_holders(l, is_leaked, ret);
	snprintf(ret->text, sizeof(ret->text),
		 "%s: %zu item%s %s not come back, the oldest for %s%s%s%s", pool_title(p).text, n,
		 n == 1 ? "" : "s", n == 1 ? "has" : "have", duration((double)oldest_ns / 1e9).text,
		 taken_by(l, ret).text,
		 n_gone == n ? "; who took them has ended"
		 : n_gone    ? "; some who took them have ended"
			     : "",
		 l->pressure == PRESSURE_LEAKED ? ", and callers wait for want of them" : "");
	snprintf(ret->advice, sizeof(ret->advice),
		 "give the item back on every way out of the code that takes it");
	return true;
}
