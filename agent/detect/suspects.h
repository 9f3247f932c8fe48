/* SPDX-License-Identifier: MIT */
/*
 * suspects.h - what the threads do whose items are out for long. A thread that sleeps or computes since may be at it still; one that has come
 * for other items of the pool meanwhile is done with this one.
 */
#ifndef POOLSCOPE_DETECT_SUSPECTS_H
#define POOLSCOPE_DETECT_SUSPECTS_H

#include "detect/detect.h"

#define SUSPECTS_MAX 128 /* that are looked at in a tick; more are refused and counted */
#define SUSPECTS_PER_POOL 16

struct suspect;

struct suspects {
	struct suspect *table;
	uint64_t n_refused; /* looks, so far */
};

void suspects_done(struct suspects *s);

/* Sets what the oldest holders of the pool do; those that are out for less than least_ns are not looked at. t_ns: now. */
void suspects_look(struct suspects *s, struct pool_row *pool, int64_t least_ns, int64_t t_ns,
		   thread_facts_fn *look, void *context);

/* What was not looked at in this tick is forgotten. */
void suspects_tick_end(struct suspects *s);

#endif
