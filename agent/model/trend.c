/* SPDX-License-Identifier: MIT */
/*
 * trend.c - how full a pool was in the last two minutes. The surprise: steps lie at whole multiples of two seconds of the clock, for all pools the
 * same, so that a recording that is played gives the same as what was seen. They are moved when a step begins, so that a row can borrow them as they lie.
 */
#include <math.h>
#include <string.h>

#include "model/state.h"

void trend_init(struct trend *t)
{
	*t = (struct trend){ 0 };
	memset(t->level, TREND_UNKNOWN, sizeof(t->level));
}

static uint8_t level_of(const struct trend *t)
{
	double share = t->in_use_s / t->capacity_s;

	if (!(t->capacity_s > 0) || isnan(share))
		return TREND_UNKNOWN;
	return (uint8_t)lround(fmax(0, fmin(1, share)) * TREND_FULL);
}

/* n steps are new; those before the present one were passed over, and nothing is known of them. */
static void trend_take(struct trend *t, const struct window *window, const struct window *former,
		       size_t n)
{
	if (n) {
		memmove(t->level, t->level + n, TREND_STEPS - n);
		memset(t->level + TREND_STEPS - n, TREND_UNKNOWN, n);
		t->in_use_s = t->capacity_s = 0;
	}
	if (!former->t_ns || window->t_ns <= former->t_ns)
		return;
	t->in_use_s += (float)(window->in_use_s - former->in_use_s);
	t->capacity_s += (float)(window->capacity_s - former->capacity_s);
	t->level[TREND_STEPS - 1] = level_of(t);
}

void trends_tick_end(struct model *m)
{
	int64_t step = m->now_ns / TREND_STEP_NS, passed = step - m->trend_step;
	size_t n = passed <= 0 ? 0 : passed < TREND_STEPS ? (size_t)passed : TREND_STEPS;

	for (struct pool *p = m->pools; p; p = p->hh.next) {
		const struct window none = { 0 }; /* of use, while it is not watched in full */

		trend_take(&p->trend, &p->window, p->watch.level == LEVEL_FULL ? &p->former : &none,
			   n);
	}
	for (struct family *f = m->families; f; f = f->hh.next)
		trend_take(&f->trend, &f->window, &f->former, n);
	m->trend_step = step;
}

const uint8_t *trend_levels(const struct trend *t)
{
	for (int i = 0; i < TREND_STEPS; i++)
		if (t->level[i] != TREND_UNKNOWN)
			return t->level;
	return NULL;
}
