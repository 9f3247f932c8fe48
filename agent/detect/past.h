/* SPDX-License-Identifier: MIT */
/*
 * past.h - what a pool did in the last seconds, and what is usual for it. Counters are taken from the rows of snapshots; one that cannot
 * be known stays at 0 and is told by the row itself.
 */
#ifndef POOLSCOPE_DETECT_PAST_H
#define POOLSCOPE_DETECT_PAST_H

#include "model/snapshot.h"

#define WINDOW_TICKS 3 /* over which a pool is judged to be full */
#define LONG_TICKS 5 /* for what is rarer */

/* Counters at one moment, or their growth between two. */
struct sample {
	int64_t t_ns;
	int64_t acquires, timeouts, rejections, opened, open_failures, closed, waits, holds;
	int64_t rejected_by[PS_REJECT_COUNT];
	double saturated_s, pending_s, wait_s, hold_s;
	double stalled_s;	/* of pending_s, what came of stalls too; of a process: how long it stood still */
};

/* The growth in one tick, which fits into less: what does not is told as the most that does. */
struct step {
	int64_t t_ns;
	int32_t acquires, waits, holds;
	float saturated_s, pending_s, wait_s, hold_s, stalled_s;
};

struct rare_step {
	int32_t timeouts, rejections, opened, open_failures, closed;
	int32_t rejected_by[PS_REJECT_COUNT];
};

/* What most pools never do. */
struct rare_past {
	struct {
		int64_t timeouts, rejections, opened, open_failures, closed;
		int64_t rejected_by[PS_REJECT_COUNT];
	} now;
	struct rare_step ring[LONG_TICKS];
};

struct past {
	struct {
		int64_t t_ns;
		int64_t acquires, waits, holds;
		double saturated_s, pending_s, wait_s, hold_s, stalled_s;
	} now;			/* the last sample, as it was taken */
	struct step ring[LONG_TICKS];	/* how it came to that */
	struct rare_past *rare;	/* likewise; owned, NULL = none of that has ever happened */
	uint32_t n;		/* samples ever taken */
	double usual_hold_s;	/* mean, while hardly anybody waited; NaN = not known yet */
	double usual_weight;	/* holds behind it */
};

void past_begin(struct past *p);
void past_done(struct past *p);

/* Takes the counters of a row. -ENOMEM leaves all as it was. */
int past_add(struct past *p, const struct pool_row *row, int64_t t_ns);
void past_add_stall(struct past *p, const struct stall_row *row, int64_t t_ns);

/* What it did since the last row is not known: from this one on is counted anew. What is usual for it stays known. -ENOMEM, likewise. */
int past_skip(struct past *p, const struct pool_row *row, int64_t t_ns);

/* The growth over so many ticks, or over those that there were; its t_ns is how long that took, 0 = there was no tick before. */
struct sample past_growth(const struct past *p, uint32_t n_ticks);

/* In the last LONG_TICKS the pool was never full with somebody waiting, turned nobody away, closed nothing, and nothing that it wanted to open failed. */
bool past_is_calm(const struct past *p);

#endif
