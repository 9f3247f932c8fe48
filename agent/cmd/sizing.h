/* SPDX-License-Identifier: MIT */
/*
 * sizing.h - whether a pool has the right size, by what was seen of it: answers of /api/v1/pools/ID, one after the other, go in, and the advice of
 * advise.h comes out. The first answer and the newest are kept, and who was seen to hold or to wait between them.
 */
#ifndef POOLSCOPE_CMD_SIZING_H
#define POOLSCOPE_CMD_SIZING_H

#include <stdbool.h>

#include <jansson.h>

struct advice;
struct table;

/* All zero has seen nothing. */
struct sizing {
	json_t *first, *last;	/* owned; NULL = nothing was fed */
	json_t *threads, *waiters;	/* owned: objects whose keys are those that were seen */
	double most_at_once;	/* that held or waited */
};

/* The next answer; a reference is kept. -ENOMEM leaves it as it was. */
int sizing_feed(struct sizing *s, json_t *pool);

/* From the first answer's snapshot to the newest one's; NaN when that is not known, 0 when there is none. */
double sizing_seconds(const struct sizing *s);

/* The newest snapshot is another one than the first: there is a difference to compute from. */
bool sizing_has_both(const struct sizing *s);

/* See advise(). 0 or -ENOMEM; at least one answer must have been fed. */
int sizing_advise(const struct sizing *s, struct advice *ret);

/* Begins a table: what was measured, and the waits to expect at each capacity. */
void sizing_tabulate(struct table *ret, const struct advice *a);

/* Whether one asks for the size of such a pool without naming it: not of listeners, and not of locks. */
bool sizing_is_usual(const json_t *pool);

/* Leaves it as one that has seen nothing. */
void sizing_done(struct sizing *s);

#endif
