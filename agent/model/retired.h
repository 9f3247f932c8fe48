/* SPDX-License-Identifier: MIT */
/*
 * retired.h - what pools had counted that are gone, kept for those who sum pools by name: a sum over the processes of one name
 * must not fall when one of them ends, for a rate takes the fall for a restart.
 *
 * A group is all pools with the same labels: process (or service), name, kind, source. It lives as long as a pool is in it, and
 * with it the totals of those that left. So there are never more groups than pools: the limits of the pools' tables hold here
 * too, and no other is needed. Not thread-safe.
 */
#ifndef POOLSCOPE_MODEL_RETIRED_H
#define POOLSCOPE_MODEL_RETIRED_H

#include <stdbool.h>
#include <stddef.h>

#include "model/snapshot.h"

struct group;

struct retired {
	struct group *groups;	/* zero = empty */
};

void retired_done(struct retired *r);

/*
 * Puts a pool into the group of the row's labels, which is made when it is new, and out of the one where it was (NULL = none).
 * What it counted under its old labels stays there. NULL when out of memory, and nothing has changed.
 */
struct group *retired_join(struct retired *r, struct group *from, const struct pool_row *row);

/*
 * One pool fewer. Its counters and histograms go into the totals of the group; out of memory they are lost, and the sum falls.
 * With the last pool the group and its totals end. NULL is allowed.
 */
void retired_leave(struct retired *r, struct group *g, const struct pool_row *row);

/* The pool stays, and begins to count anew: what it had counted goes into the totals. NULL is allowed. */
void retired_add(struct group *g, const struct pool_row *row);

/* Whether there is another pool in the group: what is alone in its own counts for nobody's sum. */
bool retired_is_shared(const struct group *g);

/* How many groups have totals. */
size_t retired_n(const struct retired *r);

/*
 * Writes retired_n() rows: labels, counters and histograms; all else is as in pool_row_unknown. What they point to is borrowed
 * until the next join or leave.
 */
void retired_rows(const struct retired *r, struct pool_row *ret);

#endif
