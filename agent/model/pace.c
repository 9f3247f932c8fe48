/* SPDX-License-Identifier: MIT */
/* pace.c - see pace.h. The surprise: counters may fall, as a recording may be a stranger's; then nothing is known. */
#include "model/pace.h"

#include <math.h>

#include "model/snapshot.h"

static double rate(double more, double seconds)
{
	return more >= 0 && seconds > 0 ? more / seconds : NAN;
}

void pace_fill(struct pace_mark *mark, struct snapshot *s)
{
	const struct pace_mark now = {
		.t_ns = s->t_ns,
		.cpu_s = s->agent.cpu_user_s + s->agent.cpu_system_s,
		.hits = s->agent.probe_hits,
	};
	double seconds = mark->t_ns ? (double)(now.t_ns - mark->t_ns) / 1e9 : NAN;

	s->pace = (struct pace){
		.uptime_s = NAN,
		.cpu_share = rate(now.cpu_s - mark->cpu_s, seconds),
		.events_per_s = rate((double)now.hits - (double)mark->hits, seconds),
	};
	*mark = now;
}
