/* SPDX-License-Identifier: MIT */
/*
 * stepped_down.c - `stepped-down`: a pool is not watched in full, because watching it cost its program more than the budget, or since the kernel did not take its probes again.
 *
 * Nothing is wrong with the pool, as far as is known; that is what it says: what is not known is not calm. What could fool it: nothing, it is our own doing. Cost: a comparison.
 */
#include <stdio.h>

#include "detect/detector.h"

bool look_stepped_down(const struct look *l, struct told *ret)
{
	const struct pool_row *p = l->pool;
	double budget = l->s->budget.share;

	if (p->level == LEVEL_FULL)
		return false;
	ret->severity = SEVERITY_INFO;
	snprintf(ret->text, sizeof(ret->text), "%s is not watched in full (%s): %s",
		 pool_title(p).text, level_name(p->level), level_text(p->level));
	if (p->level_reason == LEVEL_REASON_REFUSED) {
		snprintf(ret->evidence, sizeof(ret->evidence), "%s",
			 level_reason_text(p->level_reason));
		snprintf(ret->advice, sizeof(ret->advice),
			 "`poolscope doctor` says what the kernel lacks; it is tried again");
		return true;
	}
	if (p->level_cause > 0 && budget > 0)
		snprintf(
			ret->evidence, sizeof(ret->evidence),
			"watching it took %.3g%% of its program's CPU time, and the budget is %.3g%%",
			100 * p->level_cause, 100 * budget);
	else if (p->level_cause > 0)
		snprintf(ret->evidence, sizeof(ret->evidence),
			 "watching it took %.3g%% of its program's CPU time", 100 * p->level_cause);
	snprintf(
		ret->advice, sizeof(ret->advice),
		"it is tried again now and then; a program that counts in the SDK's pages costs no probe there; more may be allowed by [budget] target_percent");
	return true;
}
