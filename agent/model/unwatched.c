/* SPDX-License-Identifier: MIT */
/*
 * unwatched.c - what is not known of a pool that is not watched in full: it is taken out of its row, whoever put it there. The surprise: what it had counted is kept beside the row, for the
 * sums of its name, which must not fall when it goes.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "base/arena.h"
#include "model/state.h"

static void forget_leases(struct pool_row *row)
{
	row->in_use_peak = row->before_start = row->odd_events = UNKNOWN;
	row->mean_in_use = row->utilization = row->reuse_ratio = row->acquires_per_s = NAN;
	row->in_use_s = row->capacity_s = row->saturated_s = row->stalled_hold_s = NAN;
	row->acquires = row->acquires_new = row->releases = UNKNOWN;
	row->oldest_hold_ns = row->leaked = UNKNOWN;
	row->hold = NULL;
	row->holders = NULL;
	row->slow_holds = NULL;
	row->n_holders = row->n_slow_holds = 0;
}

static void forget_waits(struct pool_row *row)
{
	row->pending_peak = row->timeouts = row->oldest_wait_ns = UNKNOWN;
	for (int i = 0; i < PS_OUTCOME_COUNT; i++)
		row->outcome[i] = UNKNOWN;
	row->pending_s = row->stalled_s = row->backlog_s = row->timeouts_per_s = NAN;
	row->wait = row->wait_failed = NULL;
	row->waiters = NULL;
	row->slow_waits = NULL;
	row->n_waiters = row->n_slow_waits = 0;
	row->saturated_by = NULL;
}

static void forget_life(struct pool_row *row)
{
	row->opened = row->open_failures = row->closed = row->rejections = UNKNOWN;
	for (int i = 0; i < PS_OPEN_FAILURE_COUNT; i++)
		row->open_failures_by[i] = UNKNOWN;
	for (int i = 0; i < PS_CLOSE_COUNT; i++)
		row->closed_by[i] = UNKNOWN;
	for (int i = 0; i < PS_REJECT_COUNT; i++)
		row->rejected_by[i] = UNKNOWN;
	row->health_ok = row->health_failed = UNKNOWN;
	row->create = NULL;
}

/* By the pool's own counters, as far as they can be read. */
static void take_own_counts(const struct pool *p, struct pool_row *row)
{
	bool is_asked = p->watch.level != LEVEL_DETACHED;

	row->in_use = is_asked ? p->counted_in_use : UNKNOWN;
	row->pending = is_asked ? p->counted_waiting : UNKNOWN;
	if (p->watch.level != LEVEL_SLOW_PATH || (is_asked && p->counted_open != UNKNOWN))
		row->open = is_asked ? p->counted_open : UNKNOWN;
	row->idle = row->open != UNKNOWN && row->in_use != UNKNOWN && row->open >= row->in_use
			    ? row->open - row->in_use
			    : UNKNOWN;
}

/* As it was while its probes were on. */
static void take_sample(const struct pool *p, struct pool_row *row)
{
	double seconds = (double)p->watch.sampled_ns / 1e9;

	if (p->watch.sampled_ns <= 0 || p->counted->acquires == UNKNOWN)
		return;
	row->acquires_per_s = (double)p->counted->acquires / seconds;
	if (p->counted->timeouts != UNKNOWN)
		row->timeouts_per_s = (double)p->counted->timeouts / seconds;
}

static const char *why(const struct pool *p, struct arena *arena)
{
	if (p->watch.reason == LEVEL_REASON_BUDGET && p->watch.cause > 0)
		return arena_printf(arena, "watching it took %.3g%% of its program's CPU time: %s",
				    100 * p->watch.cause, level_text(p->watch.level));
	return arena_printf(arena, "%s: %s", level_reason_text(p->watch.reason),
			    level_text(p->watch.level));
}

/* A pool that was not fed in this tick has been here before. */
static int keep_counted(struct pool *p)
{
	if (p->counted)
		return 0;
	p->counted = malloc(sizeof(*p->counted));
	if (!p->counted)
		return -ENOMEM;
	*p->counted = *p->row;
	return 0;
}

int row_unwatch(struct pool *p, struct arena *arena)
{
	struct pool_row *row = p->row;

	row->level = p->watch.level;
	row->level_reason = p->watch.reason;
	row->level_cause = p->watch.cause > 0 ? p->watch.cause : NAN;
	if (row->level == LEVEL_FULL)
		return 0;
	if (keep_counted(p))
		return -ENOMEM;
	forget_leases(row);
	forget_waits(row);
	if (row->level != LEVEL_SLOW_PATH)
		forget_life(row);
	take_own_counts(p, row);
	if (row->level == LEVEL_SAMPLED)
		take_sample(p, row);
	row->confidence = "low";
	row->evidence = level_text(row->level);
	row->verdict = row->untrusted_why = why(p, arena);
	row->trusted = false;
	return row->untrusted_why ? 0 : -ENOMEM;
}
