/* SPDX-License-Identifier: MIT */
/*
 * past.c - see past.h. The surprise: a pool that is full says nothing of its usual hold; while it is, the memory stands still.
 */
#include "detect/past.h"

#include <math.h>
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

static struct sample growth(const struct sample *a, const struct sample *b)
{
	struct sample s = {
		.t_ns = b->t_ns - a->t_ns,
		.acquires = b->acquires - a->acquires,
		.timeouts = b->timeouts - a->timeouts,
		.rejections = b->rejections - a->rejections,
		.opened = b->opened - a->opened,
		.open_failures = b->open_failures - a->open_failures,
		.closed = b->closed - a->closed,
		.waits = b->waits - a->waits,
		.holds = b->holds - a->holds,
		.saturated_s = b->saturated_s - a->saturated_s,
		.pending_s = b->pending_s - a->pending_s,
		.wait_s = b->wait_s - a->wait_s,
		.hold_s = b->hold_s - a->hold_s,
		.stalled_s = b->stalled_s - a->stalled_s,
	};

	for (int i = 0; i < PS_REJECT_COUNT; i++)
		s.rejected_by[i] = b->rejected_by[i] - a->rejected_by[i];
	return s;
}

static struct sample *sample_back(struct past *p, uint32_t back)
{
	return &p->ring[(p->n - 1 - back) % (LONG_TICKS + 1)];
}

void past_begin(struct past *p)
{
	memset(p, 0, sizeof(*p));
	p->usual_hold_s = NAN;
}

static void learn_hold(struct past *p)
{
	struct sample tick = past_growth(p, 1);
	double weight = (double)tick.holds;

	if (tick.holds <= 0 || tick.saturated_s > CALM * (double)tick.t_ns / 1e9)
		return;
	if (isnan(p->usual_hold_s))
		p->usual_hold_s = 0;
	p->usual_weight = fmin(p->usual_weight, USUAL_HOLDS) + weight;
	p->usual_hold_s +=
		(tick.hold_s / weight - p->usual_hold_s) * fmin(1, weight / p->usual_weight);
}

/* A tick that comes early makes the last one longer. True: it is one of its own. */
static bool begin_tick(struct past *p, int64_t t_ns)
{
	bool is_early = p->n > 1 && t_ns - sample_back(p, 1)->t_ns < TICK_NS;

	p->n += !is_early;
	return !is_early && p->n > 1;
}

void past_add(struct past *p, const struct pool_row *row, int64_t t_ns)
{
	bool is_whole = begin_tick(p, t_ns);

	*sample_back(p, 0) = sample_of(row, t_ns);
	if (is_whole)
		learn_hold(p);
}

void past_add_stall(struct past *p, const struct stall_row *row, int64_t t_ns)
{
	begin_tick(p, t_ns);
	*sample_back(p, 0) =
		(struct sample){ .t_ns = t_ns,
				 .stalled_s = row->sum_s + (double)row->since_ns / 1e9 };
}

struct sample past_growth(const struct past *p, uint32_t n_ticks)
{
	struct past *mine = (struct past *)p; /* only read */

	if (!p->n)
		return (struct sample){ 0 };
	if (n_ticks > p->n - 1)
		n_ticks = p->n - 1;
	return growth(sample_back(mine, n_ticks), sample_back(mine, 0));
}
