/* SPDX-License-Identifier: MIT */
/*
 * budget.c - see budget.h. The surprise: a level that is spared its probes says nothing of what they would cost, so there is no way to know that a target has become calm
 * but to try; all that keeps it from flapping is how long it waits before that.
 */
#include "budget/budget.h"

#include <math.h>

#define SHORT_NS (BUDGET_WINDOW_NS * 9 / 10) /* a reading below that is not of a whole tick */
#define SOON 8 /* pauses: who must step down again within that has gone up too early */

void budget_begin(struct budget *b)
{
	*b = (struct budget){ .share = NAN, .cause = NAN };
}

double budget_share(const struct budget_reading *r)
{
	double watching = r->hot_s + r->slow_s, all = r->cpu_s;

	if (r->long_ns <= 0 || !(watching >= 0))
		return NAN;
	if (watching == 0)
		return 0;
	if (!(all >= 0))
		all = (double)r->long_ns / 1e9;
	return watching < all ? watching / all : 1;
}

/* CPU time that watching may take in a reading. */
static double allowed_s(const struct budget_rules *rules, const struct budget_reading *r)
{
	double long_s = (double)r->long_ns / 1e9, all = r->cpu_s >= 0 ? r->cpu_s : long_s;

	return fmax(rules->share * all, rules->floor * long_s);
}

static bool is_far_over(const struct budget_rules *rules, const struct budget_reading *r)
{
	return r->hot_s + r->slow_s > BUDGET_AT_ONCE * allowed_s(rules, r);
}

static bool is_over(const struct budget_rules *rules, const struct budget_reading *r)
{
	if (r->long_ns < SHORT_NS)
		return is_far_over(rules, r);
	return r->hot_s + r->slow_s > allowed_s(rules, r);
}

/* ---- steps ---------------------------------------------------------------------------------------------------------------- */

static void go_to(struct budget *b, enum level level, int64_t now_ns)
{
	b->level = level;
	b->since_ns = now_ns;
	b->is_on = false;
	b->window_ns = b->period_ns = 0;
	b->n_over = 0;
	b->is_trial = false;
	if (level == LEVEL_FULL)
		b->reason = LEVEL_REASON_NONE;
}

/* So long must it be from window to window for the mean to be within the budget; 0 = so seldom that it is no sample. */
static int64_t period_of(const struct budget_rules *rules, double share, int64_t window_ns)
{
	double period = (double)window_ns * share / rules->share;

	if (!(period <= (double)BUDGET_PERIOD_MAX_NS))
		return 0;
	return period > (double)BUDGET_PERIOD_MIN_NS ? (int64_t)period : BUDGET_PERIOD_MIN_NS;
}

static void sample(struct budget *b, const struct budget_rules *rules, double share, int64_t now_ns)
{
	int64_t period_ns = period_of(rules, share, BUDGET_WINDOW_NS);

	if (!period_ns) {
		go_to(b, LEVEL_FIELDS, now_ns);
		return;
	}
	go_to(b, LEVEL_SAMPLED, now_ns);
	b->period_ns = period_ns;
	b->window_ns = now_ns + period_ns - BUDGET_WINDOW_NS;
}

static void wait_longer(struct budget *b, int64_t now_ns)
{
	b->pause_ns = b->pause_ns ? 2 * b->pause_ns : BUDGET_PAUSE_MIN_NS;
	if (b->pause_ns > BUDGET_PAUSE_MAX_NS)
		b->pause_ns = BUDGET_PAUSE_MAX_NS;
	b->try_ns = now_ns + b->pause_ns;
}

static void note_down(struct budget *b, bool was_trial, int64_t now_ns)
{
	bool is_soon = b->pause_ns && b->try_ns && now_ns - b->try_ns < SOON * b->pause_ns;

	if (!was_trial && !is_soon)
		b->pause_ns = 0;
	wait_longer(b, now_ns);
	b->n_down++;
}

static void step_down(struct budget *b, const struct budget_rules *rules,
		      const struct budget_reading *r, double share)
{
	double worst = fmax(share, isnan(b->cause) ? 0 : b->cause);
	bool was_trial = b->is_trial, fits = r->slow_s <= allowed_s(rules, r);

	switch (b->level) {
	case LEVEL_FULL:
		b->cause = share;
		if (r->has_hot && r->has_slow && fits)
			go_to(b, LEVEL_SLOW_PATH, r->t_ns);
		else
			sample(b, rules, share, r->t_ns);
		break;
	case LEVEL_SLOW_PATH:
		b->cause = worst;
		sample(b, rules, worst, r->t_ns);
		break;
	case LEVEL_SAMPLED:
		b->cause = share;
		go_to(b, LEVEL_FIELDS, r->t_ns);
		break;
	default:
		go_to(b, LEVEL_DETACHED, r->t_ns);
		break;
	}
	b->reason = LEVEL_REASON_BUDGET;
	note_down(b, was_trial, r->t_ns);
}

static void step_up(struct budget *b, enum level to, int64_t now_ns)
{
	enum level_reason reason = b->reason;

	go_to(b, to, now_ns);
	b->reason = to == LEVEL_FULL ? LEVEL_REASON_NONE : reason;
	b->is_trial = true;
	b->try_ns = now_ns + b->pause_ns;
	b->n_up++;
}

/* ---- a reading at each level ------------------------------------------------------------------------------------------------ */

/* What is on is on all the time. */
static bool tick_steady(struct budget *b, const struct budget_rules *rules,
			const struct budget_reading *r, double share)
{
	if (r->long_ns < SHORT_NS && !is_far_over(rules, r))
		return false;
	if (!is_over(rules, r)) {
		b->n_over = 0;
		if (b->is_trial && r->t_ns - b->since_ns >= BUDGET_TRIAL_NS)
			b->is_trial = false;
		if (b->level == LEVEL_FULL || b->is_trial || r->t_ns < b->try_ns)
			return false;
		step_up(b, b->level == LEVEL_SLOW_PATH ? LEVEL_FULL : LEVEL_FIELDS, r->t_ns);
		return true;
	}
	b->n_over++;
	if (!is_far_over(rules, r) && b->n_over < BUDGET_LASTS)
		return false;
	step_down(b, rules, r, share);
	return true;
}

/* A window ends. Where it was cheap, and the pause is over, it is the proof that more may be on all the time. */
static bool end_window(struct budget *b, const struct budget_rules *rules,
		       const struct budget_reading *r, double share)
{
	bool is_cheap = !is_over(rules, r);
	int64_t period_ns = is_cheap ? BUDGET_PERIOD_MIN_NS : period_of(rules, share, r->long_ns);

	if (!period_ns) {
		step_down(b, rules, r, share);
		return true;
	}
	if (r->t_ns >= b->try_ns && is_cheap) {
		step_up(b, LEVEL_FULL, r->t_ns);
		return true;
	}
	if (r->t_ns >= b->try_ns && r->has_slow && r->slow_s > 0 &&
	    r->slow_s <= BUDGET_ROOM * allowed_s(rules, r)) {
		step_up(b, LEVEL_SLOW_PATH, r->t_ns);
		return true;
	}
	b->is_on = b->is_trial = false;
	b->period_ns = period_ns;
	b->window_ns = r->t_ns + period_ns - r->long_ns;
	return true;
}

static bool tick_sampled(struct budget *b, const struct budget_rules *rules,
			 const struct budget_reading *r, double share)
{
	if (b->is_on)
		return r->long_ns >= SHORT_NS && end_window(b, rules, r, share);
	if (r->t_ns < b->window_ns)
		return false;
	b->is_on = true;
	return true;
}

/* With no probe on, there is nothing but time that says when to try: a window first, for that costs least. */
static bool tick_fields(struct budget *b, const struct budget_rules *rules,
			const struct budget_reading *r, double share)
{
	b->n_over = is_over(rules, r) ? b->n_over + 1 : 0;
	if (b->n_over >= BUDGET_LASTS) {
		step_down(b, rules, r, share);
		return true;
	}
	if (r->t_ns < b->try_ns)
		return false;
	step_up(b, LEVEL_SAMPLED, r->t_ns);
	b->is_on = true;
	return true;
}

/* There is no budget any more. */
void budget_try_now(struct budget *b)
{
	b->pause_ns = b->try_ns = 0;
}

static bool let_go(struct budget *b, int64_t now_ns)
{
	if (b->level == LEVEL_FULL)
		return false;
	go_to(b, LEVEL_FULL, now_ns);
	budget_try_now(b);
	b->n_up++;
	return true;
}

bool budget_tick(struct budget *b, const struct budget_rules *rules, const struct budget_reading *r)
{
	double share = budget_share(r);

	if (isnan(share))
		return false;
	if (r->long_ns >= SHORT_NS)
		b->share = share;
	if (!(rules->share > 0))
		return let_go(b, r->t_ns);
	switch (b->level) {
	case LEVEL_SAMPLED:
		return tick_sampled(b, rules, r, share);
	case LEVEL_FIELDS:
		return tick_fields(b, rules, r, share);
	default:
		return tick_steady(b, rules, r, share);
	}
}

void budget_refuse(struct budget *b, enum level level, int64_t now_ns)
{
	go_to(b, level, now_ns);
	b->reason = LEVEL_REASON_REFUSED;
	wait_longer(b, now_ns);
	b->n_down++;
}

/* ---- what a hit costs ----------------------------------------------------------------------------------------------------- */

void budget_hit_feed(struct budget_hit *h, uint64_t n, uint64_t ns)
{
	if (n <= h->n)
		return;
	h->former_ns = h->latest_ns;
	h->latest_ns = ns > h->ns ? (double)(ns - h->ns) / (double)(n - h->n) : 0;
	h->n = n;
	h->ns = ns;
	h->n_readings++;
}

double budget_hit_ns(const struct budget_hit *h)
{
	return h->n_readings > 1 ? fmin(h->latest_ns, h->former_ns) : h->latest_ns;
}

/* ---- the agent's own ------------------------------------------------------------------------------------------------------ */

bool budget_agent_tick(struct budget_agent *b, double share, double tick_cpu_s, double other_cpu_s,
		       double long_s)
{
	unsigned int before = b->tick_s;
	double left, wanted;

	if (!b->tick_s)
		before = b->tick_s = 1;
	b->share = long_s > 0 ? (tick_cpu_s + other_cpu_s) / long_s : NAN;
	if (!(share > 0)) {
		b->tick_s = 1;
		return before != 1;
	}
	if (!(long_s > 0))
		return false;
	left = fmax(share - other_cpu_s / long_s, share * BUDGET_TICKS_LEAST);
	wanted = tick_cpu_s / left; /* a tick costs what it costs, however long it was to that */
	b->n_over = wanted > b->tick_s ? b->n_over + 1 : 0;
	b->n_calm = wanted <= BUDGET_ROOM * (b->tick_s - 1) ? b->n_calm + 1 : 0;
	if (b->n_over >= BUDGET_LASTS)
		b->tick_s =
			wanted < BUDGET_TICK_MAX_S ? (unsigned int)ceil(wanted) : BUDGET_TICK_MAX_S;
	else if (b->n_calm >= BUDGET_CALM_TICKS)
		b->tick_s--;
	if (b->tick_s == before)
		return false;
	b->n_over = b->n_calm = 0;
	return true;
}
