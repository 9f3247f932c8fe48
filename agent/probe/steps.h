/* SPDX-License-Identifier: MIT */
/*
 * steps.h - what watching costs each target, and its level by that: readings for budget/budget.h, and what it says brought about.
 *
 * A reading is how often the probes of a target hit, times what a hit costs here (trap.h, and our program's own time), beside the CPU time of the processes that map its file, by /proc/PID/stat. That is
 * only read where watching takes a quarter of what is always allowed, and now and then of all others that hit, so that an idle machine costs nothing.
 *
 * Where a pool is known to two targets each has a level of its own, and what is known of the pool is by the lower one.
 */
#ifndef POOLSCOPE_PROBE_STEPS_H
#define POOLSCOPE_PROBE_STEPS_H

#include "budget/budget.h"
#include "probe/kernel.h"
#include "probe/targets.h"
#include "probe/trap.h"

struct steps;

/* Measures what a trap costs, and borrows both for its life. */
int steps_new(struct kernel *k, struct targets *t, struct steps **ret);
void steps_free(struct steps *s);

void steps_set_rules(struct steps *s, const struct budget_rules *rules);

/* Once a tick, after the books were read: those of a window that ends are in them. */
void steps_tick(struct steps *s, int64_t now_ns);

/* More often: a trial that costs too much ends here, and what the kernel was not ready for is tried again. Where ticks are longer than a second readings are taken here, too, so that a storm is over as soon. */
void steps_hurry(struct steps *s, int64_t now_ns);

/* One row per target that is attached, into the arena; and the budget's, but for what is the agent's own. 0 or -ENOMEM. */
int steps_fill(const struct steps *s, struct snapshot *to);

#endif
