/* SPDX-License-Identifier: MIT */
/*
 * trend.c - how full a pool was in the last two minutes. The surprise: steps lie at whole multiples of two seconds of the clock, for all pools the
 * same, so that a ring needs no place of its own, and a recording that is played gives the same as what was seen.
 */
#include <errno.h>
#include <math.h>
#include <string.h>

#include "base/arena.h"
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

/* `first` is the first step that is new; those up to the present one were passed over, and nothing is known of them. */
static void trend_take(struct trend *t, const struct window *window, const struct window *former,
		       int64_t first, int64_t step)
{
	for (int64_t i = first; i <= step; i++)
		t->level[i % TREND_STEPS] = TREND_UNKNOWN;
	if (first <= step)
		t->in_use_s = t->capacity_s = 0;
	if (!former->t_ns || window->t_ns <= former->t_ns)
		return;
	t->in_use_s += (float)(window->in_use_s - former->in_use_s);
	t->capacity_s += (float)(window->capacity_s - former->capacity_s);
	t->level[step % TREND_STEPS] = level_of(t);
}

void trends_tick_end(struct model *m)
{
	int64_t step = m->now_ns / TREND_STEP_NS, first = m->trend_step + 1;

	if (first <= step - TREND_STEPS)
		first = step - TREND_STEPS + 1;
	for (struct pool *p = m->pools; p; p = p->hh.next) {
		const struct window none = { 0 }; /* of use, while it is not watched in full */

		trend_take(&p->trend, &p->window, p->watch.level == LEVEL_FULL ? &p->former : &none,
			   first, step);
	}
	for (struct family *f = m->families; f; f = f->hh.next)
		trend_take(&f->trend, &f->window, &f->former, first, step);
	m->trend_step = step;
}

static bool is_known(const struct trend *t)
{
	for (int i = 0; i < TREND_STEPS; i++)
		if (t->level[i] != TREND_UNKNOWN)
			return true;
	return false;
}

int trend_keep(const struct model *m, const struct trend *t, struct arena *arena,
	       const uint8_t **ret)
{
	size_t oldest = (size_t)((m->trend_step + 1) % TREND_STEPS);
	uint8_t *level;

	*ret = NULL;
	if (!is_known(t))
		return 0;
	level = arena_alloc(arena, TREND_STEPS, 1);
	if (!level)
		return -ENOMEM;
	memcpy(level, t->level + oldest, TREND_STEPS - oldest);
	memcpy(level + TREND_STEPS - oldest, t->level, oldest);
	*ret = level;
	return 0;
}
