/* SPDX-License-Identifier: MIT */
/*
 * saturated_by.c - whether stalls of the process explain that callers of a pool had to wait lately. The surprise: a pool that is full is no
 * evidence against itself when nearly all the waiting happened while nobody in the process could give anything back.
 */
#include <errno.h>

#include "base/arena.h"
#include "model/state.h"

#define EXPLAINED 0.9 /* of the time waited */
#define FEW_WAIT 0.01 /* waiters, on average: fewer are not worth a word */

static const char *const cause_names[] = {
#define STALL_CAUSE(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

void recent_roll(struct recent *r, const struct mark *now)
{
	if (now->t_ns - r->newer.t_ns < RECENT_NS)
		return;
	r->older = r->newer;
	r->newer = *now;
}

int row_saturated_by(const struct model *m, const struct ps_proc_key *proc,
		     const struct recent *recent, double waited_s, struct pool_row *row,
		     struct arena *arena)
{
	const struct mark *then = &recent->older;
	int64_t since_ns = then->t_ns > row->since_ns ? then->t_ns : row->since_ns;
	double waited = waited_s - then->wait_s,
	       stalled = row->stalled_s + row->backlog_s - then->stalled_s;
	double seconds = (double)(m->now_ns - since_ns) / 1e9;

	if (!(row->saturated_s > then->saturated_s) || !(waited > FEW_WAIT * seconds) ||
	    !(stalled >= EXPLAINED * waited))
		return 0;
	row->saturated_by =
		arena_printf(arena, "saturated by stalls (%s): %.0f%% of the wait came of them",
			     cause_names[stalls_main_cause(m, proc)], 100 * stalled / waited);
	return row->saturated_by ? 0 : -ENOMEM;
}
