/* SPDX-License-Identifier: MIT */
/*
 * backpressure.c - `backpressure`: the pool turns callers away, drops what they brought, or makes them wait outside.
 *
 * What could fool it: a pool that is made to do so, and healthy; the finding says what happens, not that it is wrong. Cost: a comparison.
 */
#include <stdio.h>

#include "detect/detector.h"

static const char *const reasons[] = {
#define REJECT_REASON(id, name, text) [id] = text,
#include "bpf/verbs.def"
};

bool look_backpressure(const struct look *l, struct told *ret)
{
	const struct pool_row *p = l->pool;
	const struct sample *w = &l->window;
	int main = 0;

	if (p->rejections == UNKNOWN || w->rejections <= 0)
		return false;
	for (int i = 0; i < PS_REJECT_COUNT; i++)
		if (w->rejected_by[i] > w->rejected_by[main])
			main = i;
	ret->severity = SEVERITY_WARNING;
	snprintf(ret->text, sizeof(ret->text), "%s did not take %lld callers in %.0f s: %.80s",
		 pool_title(p).text, (long long)w->rejections, l->window_s,
		 w->rejected_by[main] > 0 ? reasons[main] : "no reason given");
	if (p->acquires != UNKNOWN)
		snprintf(ret->evidence, sizeof(ret->evidence), "%lld others were served",
			 (long long)w->acquires);
	return true;
}
