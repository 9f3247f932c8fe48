/* SPDX-License-Identifier: MIT */
/*
 * budget.h - how closely a target may be watched: a pure function of what watching it cost lately, what it did itself, and the time.
 *
 * The unit is a target, the probes of one source in one file, with all processes that map it: one link stands for all of them, also for those that will begin, so what one of them is
 * spared all are. What counts is what watching takes beside what it may: a share of the CPU time of those processes together, or a floor, whichever is more. Over that it steps down: at once where
 * it is many times as much, else when it lasts, for one reading may be of caches that were cold or of a machine that was busy. Up again goes one level, for a trial, after a pause; each
 * trial that fails makes the pause twice as long, so that a target whose load does not change is tried ever more seldom: 30 s, 1 min, … 1 h. A trial that is far over costs one reading.
 *
 * At LEVEL_SAMPLED all probes are on for a window, one second, of a period; the period is as long as it must be for the mean to be within the budget. Where that would be over
 * BUDGET_PERIOD_MAX_NS it is no sample any more, and the level is the next one.
 *
 * No clock, no I/O: times are CLOCK_MONOTONIC ns, and passed in.
 */
#ifndef POOLSCOPE_BUDGET_BUDGET_H
#define POOLSCOPE_BUDGET_BUDGET_H

#include <stdbool.h>
#include <stdint.h>

#include "base/level.h"

#define BUDGET_WINDOW_NS 1000000000ll
#define BUDGET_PERIOD_MIN_NS 5000000000ll
#define BUDGET_PERIOD_MAX_NS 120000000000ll
#define BUDGET_PAUSE_MIN_NS 30000000000ll
#define BUDGET_PAUSE_MAX_NS 3600000000000ll
#define BUDGET_TRIAL_NS 10000000000ll	/* so long a level must do, to be more than a trial */
#define BUDGET_LASTS 3		/* readings in a row over the budget that step down */
#define BUDGET_AT_ONCE 5.0	/* times what it may take: one reading does */
#define BUDGET_ROOM 0.7		/* of what it may take: what goes up must be below */

struct budget_rules {
	double share;		/* of the target's CPU time; 0 = there is no budget */
	double floor;		/* CPUs: what costs less than this is cheap, whatever the share */
	double cpus;		/* of this machine; no process can have taken more. 0 = one */
};

/* What was seen since the last reading. */
struct budget_reading {
	int64_t t_ns;		/* when it was taken */
	int64_t long_ns;	/* how long it is about, above 0 */
	double hot_s, slow_s;	/* CPU time of watching: where items are taken and given back, and elsewhere */
	double cpu_s;		/* of all processes of the target, watching within; NaN = not known: then it is taken as one whole CPU's */
	bool has_hot, has_slow;	/* whether there are probes of that kind, on or not */
	bool has_fields;	/* the pool's own counters can be read */
};

struct budget {
	enum level level;
	enum level_reason reason;
	bool is_on;		/* at LEVEL_SAMPLED: within a window */
	int64_t since_ns;	/* at this level; 0 = since it began */
	int64_t window_ns;	/* when the window begins or ends next */
	int64_t period_ns;	/* from window to window; 0 = not at that level */
	int64_t pause_ns;	/* before the next trial; 0 = none was ever needed */
	int64_t try_ns;		/* the next trial; 0 = none is due */
	bool is_trial;
	unsigned int n_over;	/* readings in a row */
	uint64_t n_down, n_up;	/* steps so far */
	double share;		/* of the last reading; NaN = not known */
	double cause;		/* of the reading that stepped it down last; NaN = none did */
};

/* A target that is watched in full, of whose cost nothing is known. */
void budget_begin(struct budget *b);
/* It may take more from now on: more is tried at once, and the pause is the first one again. */
void budget_try_now(struct budget *b);

/* The share of a reading: 0 to 1, NaN where nothing could be said of it. */
double budget_share(const struct budget_reading *r);

/*
 * Takes a reading, and says by true that level or is_on have changed, which is the caller's to bring about. Readings may be of less than a second: of those only what is far over
 * counts.
 */
bool budget_tick(struct budget *b, const struct budget_rules *rules,
		 const struct budget_reading *r);

/* The kernel did not take the probes of a level again: it is at `level` then, and tries as after any step down. */
void budget_refuse(struct budget *b, enum level level, int64_t now_ns);

/* What is on at present. */
static inline bool budget_has_hot(const struct budget *b)
{
	return b->level == LEVEL_FULL || (b->level == LEVEL_SAMPLED && b->is_on);
}

static inline bool budget_has_slow(const struct budget *b)
{
	return b->level <= LEVEL_SLOW_PATH || (b->level == LEVEL_SAMPLED && b->is_on);
}

/* ---- what a hit costs ----------------------------------------------------------------------------------------------------- */

/*
 * What our program takes in a hit of a probe, by the few hits that are timed. Whatever else the machine does in such a hit only adds to it: an interrupt, another guest's turn of the
 * CPU, and of the first hits caches that are cold. So the less of the last two readings counts, each by those that were timed since the one before. Begins as zeros.
 */
struct budget_hit {
	uint64_t n, ns;	/* timed so far, and what they took */
	uint64_t n_readings;	/* in which there were any */
	double latest_ns, former_ns;	/* of one hit, by the last of those, and the one before */
};

/* n, ns: as in the struct, and never less than before. */
void budget_hit_feed(struct budget_hit *h, uint64_t n, uint64_t ns);

/* ns of one hit; 0 while none was timed. */
double budget_hit_ns(const struct budget_hit *h);

/* ---- the agent's own ------------------------------------------------------------------------------------------------------ */

/*
 * How many seconds there are between two ticks, 1 to BUDGET_TICK_MAX_S: as many as make the agent's CPU time `share` of one CPU, as far as that is the ticks'. What else it does, to answer who asks and to look at
 * processes that begin, is no less with longer ticks, and who looks would only see less: so ticks have what that leaves of the share, and BUDGET_TICKS_LEAST of it anyway. Slower when it
 * lasts, faster by one at a time when it would be well within for a while. Nothing but the age of what is told depends on the length of a tick.
 */
#define BUDGET_TICK_MAX_S 3	/* less than POOLSCOPE_PAGE_KEPT_NS: what was counted last of a pool that ends is there until then */
#define BUDGET_CALM_TICKS 30
#define BUDGET_TICKS_LEAST 0.5

struct budget_agent {
	unsigned int tick_s;	/* 0 = has not begun: 1 */
	unsigned int n_calm;	/* ticks in a row that would have been within with shorter ones */
	unsigned int n_over;
	double share;		/* of a CPU, in the last tick; NaN = not known */
};

/* CPU time of the agent in the last long_s seconds: of the one tick in it, and all other. True: tick_s has changed. share 0 = no budget. */
bool budget_agent_tick(struct budget_agent *b, double share, double tick_cpu_s, double other_cpu_s,
		       double long_s);

#endif
