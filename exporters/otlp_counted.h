/* SPDX-License-Identifier: MIT */
/*
 * otlp_counted.h - what the members of otlp_state.h have counted: now, when they were sent last, and what stays of it in their set when they leave or
 * when a counter falls. So a sum never falls, and one that must begin again says since when.
 *
 * In an export: members find their sets (set_leave() for the old one), then each takes its falls and makes its room, then all is written, and
 * member_commit() keeps what was sent, which cannot fail. Everything that allocates is -ENOMEM when it cannot, and what was sent still counts.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_COUNTED_H
#define POOLSCOPE_EXPORTERS_OTLP_COUNTED_H

#include "exporters/otlp_state.h"

size_t member_n_hist(const struct member *m);

/* A histogram of the member's row, as it is now; false when it is unknown. Buckets are borrowed. */
bool member_hist(const struct member *m, size_t which, struct hist *ret);

/* NULL is allowed. */
void member_free(struct member *m);

/* Another process has the pid now, so what it counts begins at 0. */
void member_forget(struct member *m);

/* Where a counter is less than it was: what was there stays in the set, or the series begins anew. */
int member_take_falls(struct state *st, struct member *m);

/* Room for what commit will write, which cannot fail then. */
int member_reserve(const struct state *st, struct member *m);

/* What it counts now was sent. */
void member_commit(const struct state *st, struct member *m);

/*
 * A member is gone, or is of another set now; s is the one it was in, or NULL. Of one that was alone nothing stays: what comes after it is another series
 * in the same place.
 */
int set_leave(struct state *st, struct set *s, struct member *m);

/* Nothing stays any longer of those who left. */
void offset_free(struct set *s);

#endif
