/* SPDX-License-Identifier: MIT */
/*
 * past.c - see past.h. The surprise: a pool that is full says nothing of its usual hold; while it is, the memory stands still. What is kept of
 * the ticks is their growth, since that needs half the room of what the counters were, and there is one of these for each pool; and what most pools never do has a place by itself.
 */
#include "detect/past.h"

#include <errno.h>
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

#define COUNTS(X)                                                                                  \
	X(acquires)                                                                                \
	X(waits)                                                                                   \
	X(holds)
#define SECONDS(X)                                                                                 \
	X(saturated_s)                                                                             \
	X(pending_s)                                                                               \
	X(wait_s)                                                                                  \
	X(hold_s)                                                                                  \
	X(stalled_s)
#define RARE_COUNTS(X)                                                                             \
	X(timeouts)                                                                                \
	X(rejections)                                                                              \
	X(opened)                                                                                  \
	X(open_failures)                                                                           \
	X(closed)

static int32_t in_step(int64_t n)
{
	return (int32_t)(n > INT32_MAX ? INT32_MAX : n < -INT32_MAX ? -INT32_MAX : n);
}

static void step_add(struct step *s, const struct past *p, const struct sample *to)
{
	s->t_ns += to->t_ns - p->now.t_ns;
#define ADD(id) s->id = in_step(s->id + (to->id - p->now.id));
	COUNTS(ADD)
#undef ADD
#define ADD(id) s->id += (float)(to->id - p->now.id);
	SECONDS(ADD)
#undef ADD
}

static void rare_step_add(struct rare_step *s, const struct rare_past *p, const struct sample *to)
{
#define ADD(id) s->id = in_step(s->id + (to->id - p->now.id));
	RARE_COUNTS(ADD)
#undef ADD
	for (int i = 0; i < PS_REJECT_COUNT; i++)
		s->rejected_by[i] =
			in_step(s->rejected_by[i] + (to->rejected_by[i] - p->now.rejected_by[i]));
}

static void now_set(struct past *p, const struct sample *to)
{
	p->now.t_ns = to->t_ns;
#define SET(id) p->now.id = to->id;
	COUNTS(SET)
	SECONDS(SET)
#undef SET
	if (!p->rare)
		return;
#define SET(id) p->rare->now.id = to->id;
	RARE_COUNTS(SET)
#undef SET
	memcpy(p->rare->now.rejected_by, to->rejected_by, sizeof(to->rejected_by));
}

/* Room for what is rare, once there is any; before, all of it was 0. */
static int rare_get(struct past *p, const struct sample *to)
{
	int64_t any = 0;

#define OR(id) any |= to->id;
	RARE_COUNTS(OR)
#undef OR
	if (any && !p->rare)
		p->rare = calloc(1, sizeof(*p->rare));
	return !any || p->rare ? 0 : -ENOMEM;
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
	free(p->rare);
	p->rare = NULL;
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
		if (p->rare)
			p->rare->ring[place(p, 0)] = (struct rare_step){ 0 };
	}
	if (!is_first)
		step_add(&p->ring[place(p, 0)], p, to);
	if (!is_first && p->rare)
		rare_step_add(&p->rare->ring[place(p, 0)], p->rare, to);
	now_set(p, to);
	return !is_early && !is_first;
}

int past_add(struct past *p, const struct pool_row *row, int64_t t_ns)
{
	struct sample now = sample_of(row, t_ns);

	if (rare_get(p, &now))
		return -ENOMEM;
	if (take(p, &now))
		learn_hold(p);
	return 0;
}

int past_skip(struct past *p, const struct pool_row *row, int64_t t_ns)
{
	struct sample now = sample_of(row, t_ns);

	if (rare_get(p, &now))
		return -ENOMEM;
	p->n = 0;
	take(p, &now);
	return 0;
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
		const struct rare_step *rare = p->rare ? &p->rare->ring[place(p, i)] : NULL;

		sum.t_ns += s->t_ns;
#define ADD(id) sum.id += s->id;
		COUNTS(ADD)
#undef ADD
#define ADD(id) sum.id += (double)s->id;
		SECONDS(ADD)
#undef ADD
		if (!rare)
			continue;
#define ADD(id) sum.id += rare->id;
		RARE_COUNTS(ADD)
#undef ADD
		for (int k = 0; k < PS_REJECT_COUNT; k++)
			sum.rejected_by[k] += rare->rejected_by[k];
	}
	return sum;
}

bool past_is_calm(const struct past *p)
{
	for (uint32_t i = 0; i < LONG_TICKS && i + 1 < p->n; i++) {
		const struct rare_step *rare = p->rare ? &p->rare->ring[place(p, i)] : NULL;

		if (p->ring[place(p, i)].saturated_s != 0 ||
		    (rare && (rare->rejections || rare->open_failures || rare->closed)))
			return false;
	}
	return true;
}
