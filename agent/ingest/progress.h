/* SPDX-License-Identifier: MIT */
/*
 * progress.h - processes that make no progress: none of their threads has run for longer than the limit, and one waits for a CPU or for the kernel
 * (a disk, a fault), or all that is left is frozen with work in hand. Whoever sleeps for somebody else's doing is none of these, and
 * neither is what a signal has stopped or a quota throttled: those have causes of their own.
 */
#ifndef POOLSCOPE_INGEST_PROGRESS_H
#define POOLSCOPE_INGEST_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"
#include "probe/kernel.h"

/* All zero = empty. */
struct progress {
	struct suspect *table;	/* by process; of those that are fed in this tick, so no more than there are processes */
	const struct model *model;	/* within a tick */
};

void progress_done(struct progress *p);

/* Looks at all processes that were fed in this tick, and tells the kernel's side which of them stand still. */
void progress_tick(struct progress *p, struct kernel *k, const struct model *m, int64_t now_ns);

/* ---- pure ---------------------------------------------------------------------------------------------------------------- */

/* What the threads of a process that ran last long ago do. All zero = nothing. */
struct standing {
	uint32_t n_run, n_runnable, n_blocked, n_frozen;
	uint32_t n_in_place;	/* of the frozen ones */
	uint32_t flags;	/* enum ps_still_flag, of any */
	uint32_t ran;	/* as the kernel's side has noted it, see bpf/progress.h */
	int64_t ran_ns;	/* the moment of that: a thread left a CPU last */
	int64_t queued_ns;	/* the first of those that wait for a CPU does so since; 0 = not known */
};

void standing_add(struct standing *s, const struct ps_still_thread *t);

/*
 * Since when it stands still; 0 = it does not. has_work: as the pools say; first_ns: when it was first found so since it ran last, for what
 * nobody else can say.
 */
int64_t standing_since(const struct standing *s, bool has_work, int64_t first_ns);

#endif
