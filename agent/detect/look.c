/* SPDX-License-Identifier: MIT */
/* look.c - what several detectors ask, and how they name things. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "detect/detector.h"

/*
 * Of the window. A pool that works at four fifths of what it can is full half of the time in its random course, and healthy; where the
 * load never ends it is all of it.
 */
#define FULL_ALWAYS 0.95
#define FULL_MOSTLY 0.8
#define LONG_WAIT 2.0 /* holds: then mostly is enough */

#define UNUSUAL 5.0 /* times the p99 of all holds */
#define UNUSUAL_NS 1000000000

struct duration duration(double seconds)
{
	struct duration d;

	_Static_assert(sizeof(d.text) >= TEXT_NUMBER_BYTES, "room for any duration");
	text_format_duration(seconds, d.text);
	return d;
}

struct pool_title pool_title(const struct pool_row *pool)
{
	struct pool_title t;

	snprintf(t.text, sizeof(t.text), "%.60s of %.30s", pool->name ? pool->name : "a pool",
		 pool->process ? pool->process : "a process");
	return t;
}

struct callers callers(const struct pool_row *pool)
{
	struct callers c = { "callers wait" };

	if (pool->pending > 0)
		snprintf(c.text, sizeof(c.text), "%lld caller%s", (long long)pool->pending,
			 pool->pending == 1 ? " waits" : "s wait");
	return c;
}

static const char *what_it_does(const struct ref_row *h)
{
	static const char *const texts[] = {
		[REF_UNKNOWN] = "",
		[REF_LOOKED_AT] = "",
		[REF_SLEEPS] = ", in one sleep since",
		[REF_COMPUTES] = ", computing since",
		[REF_GOES_ON] = ", awake now and then",
		[REF_WENT_ON] = ", has come for other items since",
	};

	return h->is_thread_gone ? ", ended" : texts[h->does];
}

static void tell_holder(const struct ref_row *h, char *ret, size_t size)
{
	struct duration age = duration((double)h->age_ns / 1e9);
	size_t used = strlen(ret);
	const char *between = used ? "; " : "";

	if (!h->tid)
		snprintf(ret + used, size - used, "%sitem 0x%llx for %s", between,
			 (unsigned long long)h->id, age.text);
	else
		snprintf(ret + used, size - used, "%sthread %u (%.*s%s) for %s", between, h->tid,
			 PS_COMM_MAX, h->thread[0] ? h->thread : "?", what_it_does(h), age.text);
}

void tell_holders(const struct look *l, holder_fn *is_one, struct told *ret)
{
	for (size_t i = 0; i < l->pool->n_holders; i++) {
		const struct ref_row *h = &l->pool->holders[i];

		if (!is_one(l, h))
			continue;
		if (strlen(ret->evidence) < sizeof(ret->evidence) - 1)
			tell_holder(h, ret->evidence, sizeof(ret->evidence));
		if (ret->n_items < FINDING_ITEMS)
			ret->item[ret->n_items++] = h->id;
	}
}

struct taken_text taken_by(const struct look *l, const struct told *told)
{
	struct taken_text t = { "" };

	for (size_t i = 0; i < l->pool->n_holders && told->n_items; i++) {
		const struct ref_row *h = &l->pool->holders[i];
		const struct stack_row *taken;

		if (h->id != told->item[0])
			continue;
		taken = snapshot_taken(l->s, l->pool, h);
		if (taken && taken->place)
			snprintf(t.text, sizeof(t.text), ", taken by %.*s in %.150s", PS_COMM_MAX,
				 h->thread[0]    ? h->thread
				 : taken->thread ? taken->thread
						 : "a thread",
				 taken->place);
		break;
	}
	return t;
}

size_t n_holders_that(const struct look *l, holder_fn *is_one, int64_t *ret_oldest_ns)
{
	size_t n = 0;

	*ret_oldest_ns = 0;
	for (size_t i = 0; i < l->pool->n_holders; i++) {
		const struct ref_row *h = &l->pool->holders[i];

		if (!is_one(l, h))
			continue;
		if (!n++)
			*ret_oldest_ns = h->age_ns; /* they come in this order */
	}
	return n;
}

bool is_full(const struct pool_row *pool, const struct sample *w)
{
	double window_s = (double)w->t_ns / 1e9, holds = (double)w->holds, waits = (double)w->waits;
	bool waits_long = w->timeouts || w->waits <= 0 || w->holds <= 0 ||
			  w->wait_s / waits > LONG_WAIT * w->hold_s / holds;

	return window_s > WINDOW_TICKS - 1 && pool->pending != 0 && /* unknown is not 0 */
	       w->saturated_s >= (waits_long ? FULL_MOSTLY : FULL_ALWAYS) * window_s;
}

/* For leak, slow-holders, imbalance, and the suspects: one that has just been taken is in no question. */
static bool holds_are_short(const struct look *l)
{
	const struct pool_row *p = l->pool;
	int64_t least_ns =
		l->limits->leak_ns / 2 < UNUSUAL_NS ? l->limits->leak_ns / 2 : UNUSUAL_NS;

	return !p->n_holders || (p->n_holders == 1 && p->holders[0].age_ns < least_ns);
}

bool is_calm(const struct look *l)
{
	const struct pool_row *p = l->pool;

	return p->level == LEVEL_FULL && past_is_calm(l->past) && holds_are_short(l) &&
	       !p->saturated_by && p->silent <= 0 && p->close_wait <= 0 &&
	       p->oldest_wait_ns < l->limits->wait_ns && (p->pending <= 0 || !p->n_holders);
}

int64_t unusual_ns(const struct pool_row *pool)
{
	double p99_s = pool->hold ? hist_quantile_s(pool->hold, 0.99) : NAN;

	return isnan(p99_s) || UNUSUAL * p99_s * 1e9 < UNUSUAL_NS
		       ? UNUSUAL_NS
		       : (int64_t)(UNUSUAL * p99_s * 1e9);
}

bool is_unusual(const struct look *l, const struct ref_row *h)
{
	return h->age_ns >= l->unusual_ns;
}
