/* SPDX-License-Identifier: MIT */
/*
 * past.c - see past.h. The surprise: a pool that is full says nothing of its usual hold; while it is, the memory stands still. What is kept of
 * the ticks is their growth, since that needs half the room of what the counters were, and there is one of these for each pool.
 */
#include "detect/past.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define USUAL_HOLDS 5000 /* the mean forgets what is older than about so many holds */
#define TICK_NS 900000000
#define COUNT_MOST ((int64_t)1 << 60)
#define CALM 0.2 /* of the time with callers that wait: more is not calm */

/* More than could be counted in a life is a stranger's (recordings), and is not to overflow. */
static int64_t known(int64_t n)
{
	return n < 0 ? 0 : n < COUNT_MOST ? n : COUNT_MOST;
}

static double known_s(double s)
{
	return isnan(s) ? 0 : s;
}

static struct sample sample_of(const struct pool_row *row, int64_t t_ns)
{
	struct sample s = {
		.t_ns = t_ns,
		.acquires = known(row->acquires),
		.timeouts = known(row->timeouts),
		.rejections = known(row->rejections),
		.opened = known(row->opened),
		.open_failures = known(row->open_failures),
		.closed = known(row->closed),
		.waits = row->wait ? (int64_t)row->wait->count : 0,
		.holds = row->hold ? (int64_t)row->hold->count : 0,
		.saturated_s = known_s(row->saturated_s),
		.pending_s = known_s(row->pending_s),
		.wait_s = row->wait ? row->wait->sum_s : 0,
		.hold_s = row->hold ? row->hold->sum_s : 0,
		.stalled_s = known_s(row->stalled_s) + known_s(row->backlog_s),
	};

	for (int i = 0; i < PS_REJECT_COUNT; i++)
		s.rejected_by[i] = known(row->rejected_by[i]);
	return s;
}

/* Counts in the order of struct step. */
#define COUNTS(X)                                                                                  \
	X(acquires)                                                                                \
	X(timeouts)                                                                                \
	X(rejections)                                                                              \
	X(opened)                                                                                  \
	X(open_failures)                                                                           \
	X(closed)                                                                                  \
	X(waits)                                                                                   \
	X(holds)
#define SECONDS(X)                                                                                 \
	X(saturated_s)                                                                             \
	X(pending_s)                                                                               \
	X(wait_s)                                                                                  \
	X(hold_s)                                                                                  \
	X(stalled_s)

static int32_t in_step(int64_t n)
{
	return (int32_t)(n > INT32_MAX ? INT32_MAX : n < -INT32_MAX ? -INT32_MAX : n);
}

static void step_add(struct step *s, const struct sample *a, const struct sample *b)
{
	s->t_ns += b->t_ns - a->t_ns;
#define ADD(id) s->id = in_step(s->id + (b->id - a->id));
	COUNTS(ADD)
#undef ADD
#define ADD(id) s->id += (float)(b->id - a->id);
	SECONDS(ADD)
#undef ADD
}

/* Without memory for it the reasons are not told. */
static void rejected_add(struct past *p, const struct sample *to)
{
	uint32_t at = p->n % LONG_TICKS;

	if (!p->rejected_by && to->rejections > p->now.rejections)
		p->rejected_by = calloc(LONG_TICKS, sizeof(*p->rejected_by));
	for (int i = 0; p->rejected_by && i < PS_REJECT_COUNT; i++)
		p->rejected_by[at][i] = in_step(p->rejected_by[at][i] +
						(to->rejected_by[i] - p->now.rejected_by[i]));
}

/* `back` ticks before the last one. */
static uint32_t place(const struct past *p, uint32_t back)
{
	return (p->n - back) % LONG_TICKS;
}

void past_begin(struct past *p)
{
	memset(p, 0, sizeof(*p));
	p->usual_hold_s = NAN;
}

void past_done(struct past *p)
{
	free(p->rejected_by);
	p->rejected_by = NULL;
}

static void learn_hold(struct past *p)
{
	const struct step *tick = &p->ring[place(p, 0)];
	double weight = (double)tick->holds;

	if (tick->holds <= 0 || (double)tick->saturated_s > CALM * (double)tick->t_ns / 1e9)
		return;
	if (isnan(p->usual_hold_s))
		p->usual_hold_s = 0;
	p->usual_weight = fmin(p->usual_weight, USUAL_HOLDS) + weight;
	p->usual_hold_s += ((double)tick->hold_s / weight - p->usual_hold_s) *
			   fmin(1, weight / p->usual_weight);
}

/* A tick that comes early makes the last one longer. True: it is one of its own. */
static bool take(struct past *p, const struct sample *to)
{
	bool is_first = !p->n,
	     is_early = p->n > 1 && to->t_ns - p->now.t_ns + p->ring[place(p, 0)].t_ns < TICK_NS;

	if (!is_early) {
		p->n++;
		p->ring[place(p, 0)] = (struct step){ 0 };
		if (p->rejected_by)
			memset(p->rejected_by[place(p, 0)], 0, sizeof(*p->rejected_by));
	}
	if (!is_first) {
		step_add(&p->ring[place(p, 0)], &p->now, to);
		rejected_add(p, to);
	}
	p->now = *to;
	return !is_early && !is_first;
}

void past_add(struct past *p, const struct pool_row *row, int64_t t_ns)
{
	struct sample now = sample_of(row, t_ns);

	if (take(p, &now))
		learn_hold(p);
}

void past_skip(struct past *p, const struct pool_row *row, int64_t t_ns)
{
	struct sample now = sample_of(row, t_ns);

	p->n = 0;
	take(p, &now);
}

void past_add_stall(struct past *p, const struct stall_row *row, int64_t t_ns)
{
	take(p, &(struct sample){ .t_ns = t_ns,
				  .stalled_s = row->sum_s + (double)row->since_ns / 1e9 });
}

struct sample past_growth(const struct past *p, uint32_t n_ticks)
{
	struct sample sum = { 0 };

	for (uint32_t i = 0; i < n_ticks && i < LONG_TICKS && i + 1 < p->n; i++) {
		const struct step *s = &p->ring[place(p, i)];

		sum.t_ns += s->t_ns;
#define ADD(id) sum.id += s->id;
		COUNTS(ADD)
#undef ADD
#define ADD(id) sum.id += (double)s->id;
		SECONDS(ADD)
#undef ADD
		for (int k = 0; p->rejected_by && k < PS_REJECT_COUNT; k++)
			sum.rejected_by[k] += p->rejected_by[place(p, i)][k];
	}
	return sum;
}

bool past_is_calm(const struct past *p)
{
	for (uint32_t i = 0; i < LONG_TICKS && i + 1 < p->n; i++) {
		const struct step *s = &p->ring[place(p, i)];

		if (s->rejections || s->open_failures || s->closed || s->saturated_s != 0)
			return false;
	}
	return true;
}
