/* SPDX-License-Identifier: MIT */
/*
 * advise.c - see advise.h. The surprise: at a full pool the arrivals that are measured are not the demand. Threads that wait ask for
 * nothing meanwhile, so a larger pool gets more requests, and how many is only seen where callers are elsewhere for a part of their
 * time. So callers may come in three ways (queue.h), all of them with the rates that were measured and nothing left to choose; the
 * one that foretells the present wait best is believed. Where all callers are at the pool all the time, they are taken to come back
 * at once: the wait is at most that, and only as many items as there are callers are surely enough.
 *
 * What could fool it: arrivals in bursts, holds that depend on how many are held (a slow database), a window in which the load
 * changed. The first and the last show as a present wait that is not foretold; holds are taken to stay as they are.
 */
#include "advise/advise.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "model/snapshot.h"

#define FEW 500	/* requests: of fewer, 5 are beyond the p99 */
#define NEAR 1.5	/* of the p90: foretold and measured agree within this factor */
#define NEAR_TAIL 2.0	/* of the p99, of which fewer values tell */
#define NOTHING 0.1	/* of a hold: a difference of waits that does not matter */
#define NOTHING_S 0.0002	/* what it takes to wake a thread */
#define DISTORTED 0.01	/* of requests: rejected, or given up after times of different length */
#define SPREAD 1.5	/* longest limits of time by shortest (p90 and p10): longer is no limit, but some */
#define STALLED 0.5	/* of the time waited: then it is not for the capacity */
#define MISSING_ITEMS 0.5	/* held on average, but not by holds that ended: 0.5 of an item, and */
#define MISSING 0.05	/* of all that are held */
#define HIDDEN 0.05	/* of callers elsewhere: fewer, and the pool is where they always are */
#define GROWING 0.02	/* of arrivals: so many more wait at the end than at the beginning */
#define GROWING_FEW 5

struct window {
	struct hist wait;	/* all requests, those that were given up as well */
	struct hist failed, hold;
	double pending_s, in_use_s, stalled_s;
	double arrivals, growth;
	double rejections, timeouts;
};

static void window_done(struct window *w)
{
	hist_done(&w->wait);
	hist_done(&w->failed);
	hist_done(&w->hold);
}

/* Adds what came to `after` since `before`; either may be NULL. */
static int add_since(const struct hist *before, const struct hist *after, struct hist *ret)
{
	if (!after)
		return 0;
	for (struct hist_walk w = hist_walk(after); hist_next(&w);) {
		uint64_t had = before ? hist_get(before, w.bucket) : 0;
		int r = hist_add(ret, w.bucket, w.n > had ? w.n - had : 0);

		if (r)
			return r;
	}
	ret->sum_s += fmax(0, after->sum_s - (before ? before->sum_s : 0));
	return 0;
}

static double or_zero(double v)
{
	return isnan(v) ? 0 : v;
}

static double since(int64_t before, int64_t after)
{
	return before == UNKNOWN || after == UNKNOWN ? 0 : (double)(after - before);
}

static int window_init(struct window *w, const struct pool_row *a, const struct pool_row *b)
{
	if (add_since(a->wait, b->wait, &w->wait) ||
	    add_since(a->wait_failed, b->wait_failed, &w->wait) ||
	    add_since(a->wait_failed, b->wait_failed, &w->failed) ||
	    add_since(a->hold, b->hold, &w->hold))
		return -ENOMEM;
	w->pending_s = b->pending_s - a->pending_s;
	if (isnan(w->pending_s))
		w->pending_s = w->wait.sum_s;
	w->in_use_s = b->in_use_s - a->in_use_s;
	w->stalled_s = or_zero(b->stalled_s - a->stalled_s) + or_zero(b->backlog_s - a->backlog_s);
	w->growth = since(a->pending, b->pending);
	w->arrivals = (double)w->wait.count + w->growth;
	w->rejections = since(a->rejections, b->rejections);
	w->timeouts = since(a->timeouts, b->timeouts);
	return 0;
}

/* ---- reasons to say nothing ------------------------------------------------------------------------------------------------ */

/* A sentence. Always true, so that a reason can be given and returned at once. */
__attribute__((format(printf, 2, 3))) static bool decline(struct advice *a, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(a->text, sizeof(a->text), format, args);
	va_end(args);
	a->is_declined = true;
	a->proposed = a->stable_from = 0;
	return true;
}

static bool row_is_unfit(const struct pool_row *before, const struct pool_row *p, struct advice *a)
{
	if (p->kind == PS_KIND_lock || p->kind == PS_KIND_listener)
		return decline(a, "a %s has no capacity that could be chosen for this.",
			       p->kind == PS_KIND_lock ? "lock" : "listener");
	if (p->capacity == UNKNOWN || p->capacity <= 0)
		return decline(a, "its capacity is not known, or it has none.");
	if (p->capacity > QUEUE_MAX)
		return decline(a, "a capacity over %d is not computed.", QUEUE_MAX);
	if (!p->trusted)
		return decline(a, "its numbers are not to be trusted: %s.",
			       p->untrusted_why ? p->untrusted_why : "the reason is not known");
	if (!p->wait)
		return decline(a, "how long callers wait is not known.");
	if (!p->hold || isnan(p->in_use_s))
		return decline(a, "how long items are held is not known.");
	if (!before)
		return decline(a, "it was not there when the measurement began.");
	if (before->capacity != p->capacity ||
	    fabs((p->capacity_s - before->capacity_s) / a->seconds - (double)p->capacity) >
		    0.02 * (double)p->capacity)
		return decline(a, "its capacity changed in between.");
	return false;
}

static bool timeouts_distort(const struct window *w)
{
	double short_s = hist_quantile_s(&w->failed, 0.1),
	       long_s = hist_quantile_s(&w->failed, 0.9);

	return (double)w->failed.count > DISTORTED * (double)w->wait.count &&
	       long_s > SPREAD * short_s;
}

static bool window_is_unfit(const struct window *w, struct advice *a)
{
	double held = w->in_use_s / a->seconds, ended = w->hold.sum_s / a->seconds;

	if (w->wait.count < FEW || w->hold.count < FEW)
		return decline(
			a,
			"too little was measured: %.0f requests and %.0f holds in %.1f s (-i makes it longer; %d are needed).",
			(double)w->wait.count, (double)w->hold.count, a->seconds, FEW);
	if (a->arrivals_per_s * a->hold_s > 0.9 * QUEUE_MAX ||
	    (a->is_demand_hidden && a->callers > QUEUE_MAX))
		return decline(a, "more than %d items or callers are not computed.", QUEUE_MAX);
	if (w->rejections > DISTORTED * w->arrivals)
		return decline(
			a,
			"%.0f %% of the callers were rejected; what they would have waited is not known.",
			100 * w->rejections / (w->rejections + w->arrivals));
	if (w->timeouts - (double)w->failed.count > DISTORTED * w->arrivals)
		return decline(a, "%.0f callers gave up, after how long is not known.",
			       w->timeouts - (double)w->failed.count);
	if (timeouts_distort(w))
		return decline(a,
			       "%.0f %% of the callers gave up, after times of different length.",
			       100 * (double)w->failed.count / (double)w->wait.count);
	if (w->stalled_s > STALLED * w->pending_s && a->measured.p99_s > NOTHING * a->hold_s)
		return decline(
			a,
			"%.0f %% of the waiting came of stalls of the process, at any capacity: `poolscope stalls`.",
			fmin(100, 100 * w->stalled_s / w->pending_s));
	if (fabs(held - ended) > fmax(MISSING_ITEMS, MISSING * held))
		return decline(
			a,
			"%.1f items were held on average, but those that came back account for %.1f: is there a leak?",
			held, ended);
	return false;
}

/* ---- which kind of queue it is ------------------------------------------------------------------------------------------- */

static double nothing_s(const struct advice *a)
{
	return fmax(NOTHING_S, NOTHING * a->hold_s);
}

static bool is_near(double foretold, double measured, double factor, double nothing)
{
	return fabs(foretold - measured) <= nothing ||
	       (foretold <= factor * measured && measured <= factor * foretold);
}

static bool fits(const struct advice *a, const struct queue_answer *foretold)
{
	const struct queue_answer *m = &a->measured;

	return foretold->is_stable && is_near(foretold->p90_s, m->p90_s, NEAR, nothing_s(a)) &&
	       is_near(foretold->p99_s, m->p99_s, NEAR_TAIL, nothing_s(a)) &&
	       is_near(foretold->timeout_ratio, m->timeout_ratio, NEAR, 2 * DISTORTED);
}

static double distance(const struct advice *a, const struct queue_answer *foretold)
{
	const struct queue_answer *m = &a->measured;
	double d = nothing_s(a);

	if (!foretold->is_stable)
		return INFINITY;
	return fabs(log((foretold->p50_s + d) / (m->p50_s + d))) +
	       fabs(log((foretold->p90_s + d) / (m->p90_s + d))) +
	       fabs(log((foretold->p99_s + d) / (m->p99_s + d)));
}

/* Whether callers may come in this way; if so, the rest of the queue is set. */
static bool is_possible(const struct advice *a, const struct window *w,
			enum queue_arrivals arrivals, struct queue *q)
{
	double here = (w->in_use_s + w->pending_s) / a->seconds;
	double elsewhere = fmax(0, (double)a->callers - here);

	q->arrivals = arrivals;
	q->per_s = a->arrivals_per_s;
	q->callers = a->callers;
	q->think_s = elsewhere / a->arrivals_per_s;
	if (arrivals == QUEUE_OPEN)
		return !a->is_demand_hidden;
	if (a->is_unstable || a->callers <= q->capacity || a->callers > QUEUE_MAX)
		return false;
	return arrivals == QUEUE_CLOSED || !a->is_demand_hidden;
}

static bool demand_is_hidden(const struct advice *a, const struct window *w)
{
	double here = (w->in_use_s + w->pending_s) / a->seconds;

	return a->callers > a->capacity && (double)a->callers - here <= HIDDEN * a->callers;
}

static bool is_unstable(const struct advice *a, const struct window *w)
{
	return w->growth > GROWING_FEW && w->growth > GROWING * w->arrivals &&
	       a->arrivals_per_s * a->hold_s >= a->capacity;
}

/* One that fits before one that does not, then the nearer one. */
static bool is_better(const struct advice *a, const struct queue_answer *foretold)
{
	const struct queue_answer *best = &a->row[0].wait;

	if (!a->n_rows || fits(a, foretold) != fits(a, best))
		return !a->n_rows || fits(a, foretold);
	return distance(a, foretold) < distance(a, best);
}

/* The best of all ways to come in *q, its answer for the present capacity in the first row. Other orders only if the usual one fails. */
static int explain(struct advice *a, const struct window *w, struct queue *q, bool *ret_fits)
{
	struct queue best = *q;

	*ret_fits = false;
	for (int order = QUEUE_FIRST; order <= QUEUE_LAST && !*ret_fits; order++) {
		for (int arrivals = QUEUE_OPEN; arrivals <= QUEUE_CLOSED; arrivals++) {
			struct queue_answer foretold;
			int r;

			q->order = order;
			if (!is_possible(a, w, arrivals, q))
				continue;
			r = queue_ask(q, &foretold);
			if (r)
				return r;
			if (!is_better(a, &foretold))
				continue;
			best = *q;
			a->row[0] = (struct advise_row){ q->capacity, false, foretold };
			a->n_rows = 1;
			*ret_fits = fits(a, &foretold);
		}
	}
	*q = best;
	a->arrivals = q->arrivals;
	a->order = q->order;
	return 0;
}

/* ---- other capacities ------------------------------------------------------------------------------------------------------ */

static bool is_enough(const struct advice *a, const struct queue_answer *answer)
{
	return answer->is_stable && answer->p99_s <= fmax(a->hold_s, nothing_s(a));
}

static int ask_at(struct queue *q, uint32_t capacity, struct queue_answer *ret)
{
	q->capacity = capacity;
	return queue_ask(q, ret);
}

/* The smallest capacity over the present one that is enough; QUEUE_MAX when none smaller is. */
static int search(const struct advice *a, struct queue *q, uint32_t *ret)
{
	uint32_t low = a->capacity, high = low;
	struct queue_answer answer;
	int r;

	do { /* `low` is not enough */
		low = high;
		high = high < QUEUE_MAX / 2 ? 2 * high : QUEUE_MAX;
		r = ask_at(q, high, &answer);
	} while (!r && high < QUEUE_MAX && !is_enough(a, &answer));
	while (!r && high - low > 1) {
		uint32_t middle = low + (high - low) / 2;

		r = ask_at(q, middle, &answer);
		if (is_enough(a, &answer))
			high = middle;
		else
			low = middle;
	}
	*ret = high;
	return r;
}

/* A row more, of a capacity larger than that of the last. */
static int add_row(struct advice *a, struct queue *q, uint32_t capacity)
{
	struct advise_row *row = &a->row[a->n_rows];

	if (a->n_rows == ADVISE_ROWS || capacity > QUEUE_MAX || capacity <= row[-1].capacity)
		return 0;
	row->capacity = capacity;
	row->is_at_most = a->is_demand_hidden && capacity < a->callers;
	a->n_rows++;
	return ask_at(q, capacity, &row->wait);
}

/* The smallest with a bound, twice the present, some between, the proposal, and one more. */
static int add_rows(struct advice *a, struct queue *q)
{
	uint32_t steps[5] = { a->stable_from, 0, 0, a->proposed,
			      a->proposed + (a->proposed + 3) / 4 };
	uint32_t room = a->proposed - a->capacity;
	int r = 0;

	steps[1] = a->is_demand_hidden ? 2 * a->capacity : a->capacity + room / 3;
	steps[2] = a->is_demand_hidden ? (2 * a->capacity + a->callers) / 2
				       : a->capacity + 2 * room / 3;
	if (a->arrivals != QUEUE_OPEN && a->proposed >= a->callers)
		steps[4] = 0;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]) && !r; i++)
		if (i >= 3 || steps[i] < a->proposed)
			r = add_row(a, q, steps[i]);
	return r;
}

static const struct advise_row *find_row(const struct advice *a, uint32_t capacity)
{
	for (size_t i = 0; i < a->n_rows; i++)
		if (a->row[i].capacity == capacity)
			return &a->row[i];
	return NULL;
}

/* Adds to the text that fewer may do, and the next step to find out. */
static void say_what_is_hidden(struct advice *a)
{
	const struct advise_row *twice = find_row(a, 2 * a->capacity);
	char p99[TEXT_NUMBER_BYTES];
	size_t n = strlen(a->text);

	snprintf(
		a->text + n, sizeof(a->text) - n,
		" Fewer may do: all %u callers are there all the time, so how much they want is not seen.",
		a->callers);
	n = strlen(a->text);
	if (twice && twice->is_at_most)
		snprintf(a->text + n, sizeof(a->text) - n,
			 " %u would make it %s at most; then ask again.", twice->capacity,
			 text_format_duration(twice->wait.p99_s, p99));
}

static void say(struct advice *a)
{
	char from[TEXT_NUMBER_BYTES], to[TEXT_NUMBER_BYTES], second[TEXT_NUMBER_BYTES];
	const struct advise_row *there = find_row(a, a->proposed);

	text_format_duration(a->measured.p99_s, from);
	text_format_duration(there ? there->wait.p99_s : NAN, to);
	if (a->is_unstable)
		snprintf(
			a->text, sizeof(a->text),
			"%u cannot carry it: %.0f requests a second for %s each keep %.1f items in use, and those who wait become ever more. From %u on that ends; %u would bring the p99 wait to %s.",
			a->capacity, a->arrivals_per_s, text_format_duration(a->hold_s, second),
			a->arrivals_per_s * a->hold_s, a->stable_from, a->proposed, to);
	else if (a->proposed > a->capacity)
		snprintf(a->text, sizeof(a->text),
			 "%u would bring the p99 wait from %s to %s; %u is what it has.",
			 a->proposed, from, to, a->capacity);
	else if (a->measured.p99_s <= nothing_s(a))
		snprintf(a->text, sizeof(a->text),
			 "%u is enough: hardly anybody waits, and more would change nothing.",
			 a->capacity);
	else
		snprintf(
			a->text, sizeof(a->text),
			"%u is enough: 99 of 100 callers wait less than %s, an item is held for %s.",
			a->capacity, from, text_format_duration(a->hold_s, second));
	if (a->is_demand_hidden)
		say_what_is_hidden(a);
}

/* ---- all of it ------------------------------------------------------------------------------------------------------------- */

static void measure(struct advice *a, const struct window *w)
{
	double n = (double)w->wait.count;

	a->hold_s = queue_mean_s(&w->hold);
	a->arrivals_per_s = w->arrivals / a->seconds;
	a->measured = (struct queue_answer){
		.is_stable = true,
		.utilization = a->capacity ? w->in_use_s / a->seconds / a->capacity : NAN,
		.per_s = n / a->seconds,
		.timeout_ratio = n > 0 ? (double)w->failed.count / n : NAN,
		.mean_s = n > 0 ? w->wait.sum_s / n : NAN,
		.p50_s = hist_quantile_s(&w->wait, 0.5),
		.p90_s = hist_quantile_s(&w->wait, 0.9),
		.p99_s = hist_quantile_s(&w->wait, 0.99),
	};
	a->is_unstable = !w->failed.count && is_unstable(a, w);
	a->is_demand_hidden = !a->is_unstable && demand_is_hidden(a, w);
	if (a->is_unstable)
		a->measured.is_stable = false;
}

static bool does_not_fit(struct advice *a)
{
	char foretold[2][TEXT_NUMBER_BYTES], measured[2][TEXT_NUMBER_BYTES];

	if (!a->n_rows || !a->row[0].wait.is_stable)
		return decline(
			a,
			"no wait that does not grow follows from these arrivals and holds, but the wait does not grow: does the load change, or come in bursts?");
	text_format_duration(a->row[0].wait.p90_s, foretold[0]);
	text_format_duration(a->row[0].wait.p99_s, foretold[1]);
	text_format_duration(a->measured.p90_s, measured[0]);
	text_format_duration(a->measured.p99_s, measured[1]);
	return decline(
		a,
		"the wait that follows from arrivals and holds (p90 %s, p99 %s) is not the one that was measured (p90 %s, p99 %s): does the load change, or come in bursts?",
		foretold[0], foretold[1], measured[0], measured[1]);
}

static int propose(struct advice *a, struct queue *q)
{
	int r = 0;

	a->proposed = a->stable_from = a->capacity;
	if (a->is_unstable)
		a->stable_from = (uint32_t)fmin(QUEUE_MAX, a->arrivals_per_s * a->hold_s + 1);
	if (a->is_demand_hidden)
		a->proposed = a->callers;
	else if (!is_enough(a, &a->row[0].wait))
		r = search(a, q, &a->proposed);
	if (!r)
		r = add_rows(a, q);
	if (!r)
		say(a);
	return r;
}

static int advise_from(const struct window *w, struct advice *a)
{
	struct queue q = {
		.capacity = a->capacity,
		.hold = &w->hold,
		.timeout_s = w->failed.count ? w->failed.sum_s / (double)w->failed.count : 0,
	};
	bool is_explained;
	int r;

	if (window_is_unfit(w, a))
		return 0;
	r = explain(a, w, &q, &is_explained);
	if (r)
		return r;
	if (a->is_unstable ? !a->n_rows : !is_explained) {
		does_not_fit(a);
		return 0;
	}
	return propose(a, &q);
}

int advise(const struct pool_row *before, const struct pool_row *after, double seconds,
	   uint32_t callers, struct advice *ret)
{
	CLEANUP(window_done) struct window w = { 0 };
	bool is_unfit;
	int r;

	*ret = (struct advice){
		.seconds = seconds,
		.arrivals_per_s = NAN,
		.hold_s = NAN,
		.callers = callers,
		.measured = { true, NAN, NAN, NAN, NAN, NAN, NAN, NAN },
	};
	if (after->capacity != UNKNOWN && after->capacity > 0 && after->capacity <= QUEUE_MAX)
		ret->capacity = (uint32_t)after->capacity;
	is_unfit = row_is_unfit(before, after, ret);
	r = before ? window_init(&w, before, after) : 0;
	if (r || !before)
		return r;
	measure(ret, &w);
	return is_unfit ? 0 : advise_from(&w, ret);
}
