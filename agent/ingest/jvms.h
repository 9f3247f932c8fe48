/* SPDX-License-Identifier: MIT */
/*
 * jvms.h - the stalls of JVMs that no probe tells of (a build without symbols and USDT points), by the counters that the JVM keeps itself
 * (discover/hsperf.h): number and sum, since the agent has met the process.
 */
#ifndef POOLSCOPE_INGEST_JVMS_H
#define POOLSCOPE_INGEST_JVMS_H

#include "discover/hsperf.h"
#include "model/model.h"
#include "probe/targets.h"

/* All zero = empty. */
struct jvms {
	struct jvm *table;	/* by process; of those that are fed in this tick, so no more than there are processes */
	uint32_t *silent;	/* pids, sorted */
	size_t n_silent, n_silent_max;
};

void jvms_done(struct jvms *j);

void jvms_tick_begin(struct jvms *j, const struct targets *t);
/* A process that lives, and that the model has. Reads its counters when it is such a JVM; once a tick. */
void jvms_feed(struct jvms *j, struct model *m, const struct ps_proc_key *key);
void jvms_tick_end(struct jvms *j);

/* What has come since `former`: as collections those safepoints that are called gc, as safepoints the others. Pure. */
void jvms_split(const struct hsperf_counts *former, const struct hsperf_counts *now,
		struct hsperf_counts *ret);

#endif
