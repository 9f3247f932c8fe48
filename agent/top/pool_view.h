/* SPDX-License-Identifier: MIT */
/*
 * pool_view.h - one pool in full, as a page to scroll through: what is wrong and what to do, who holds its items and who waits, how long waits and
 * holds last, whether its size fits, why items come and go, the stalls of its process, and the probes that feed it.
 *
 * The sections that show what is wrong come first: of a leak the holders, of a pool that is too small the waits. Answers are kept as they came, so
 * a failed refresh leaves the former page. Stacks cost the agent's time and are looked at only after the key for them, until they are there.
 */
#ifndef POOLSCOPE_TOP_POOL_VIEW_H
#define POOLSCOPE_TOP_POOL_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "advise/advise.h"
#include "base/diag.h"
#include "cmd/sizing.h"
#include "top/pool_page.h"

struct frame;
struct source;

/* For the line of help below the view. */
#define POOL_VIEW_KEYS "s stacks   Tab next section   arrows scroll"

/* All zero is a view of no pool. The answers are owned, and NULL when they have not come; whoever draws from a file sets them. */
struct pool_view {
	uint64_t id;
	json_t *pool;		/* /api/v1/pools/ID */
	json_t *row;		/* the pool of /api/v1/pools?pool=ID&trend=1: its "trend" */
	json_t *findings;	/* an array: the open ones of the pool, then those of its process */
	json_t *stalls;		/* an array: those of its process */
	json_t *probes;		/* an array: those in files of its process that have fired, the most often fired first */
	struct diag probes_problem;	/* why there are none; empty = all is well */
	double now;		/* of the agent, Unix time; NaN = unknown */
	struct sizing sizing;	/* what was seen of it from refresh to refresh */
	struct advice advice;	/* that comes of it; of use when has_advice */
	bool has_advice;
	bool is_gone;		/* the agent knows it no more: this is how it was last */
	bool has_stacks;	/* they are shown in full */
	int n_asked;		/* how often they were asked for since the key; 0 = they are not to be asked for */
	unsigned int n_refreshes;

	int first;		/* line of the page at the top */
	int section[SECTION_COUNT];	/* the line at which each begins, in their order; by the last draw, as are all below */
	int hist_lines;		/* that a histogram may have */
	int n_lines, n_visible;
};

/* Shows another pool; what was known of the former is dropped. */
void pool_view_open(struct pool_view *v, uint64_t id);

/* Asks for everything. On failure the former answers stay. That the pool is no more is no failure: the page says so. */
int pool_view_refresh(struct pool_view *v, struct source *s, struct diag *d);

/* Stacks have been asked for and are not there yet: a refresh within POOL_VIEW_SOON_MS is worth it. */
bool pool_view_waits(const struct pool_view *v);
#define POOL_VIEW_SOON_MS 250

/* Into the lines top to bottom - 1 of the frame. Keeps the scrolling within the page. */
void pool_view_draw(struct pool_view *v, struct frame *f, int top, int bottom);

/* Whether the key was one of the view's. A refresh is due after 's'. */
bool pool_view_key(struct pool_view *v, int key);

void pool_view_done(struct pool_view *v);

#endif
