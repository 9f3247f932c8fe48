/* SPDX-License-Identifier: MIT */
/*
 * ingest.h - once a tick: the kernel's maps, the socket inventory and the targets' own counters, into the model. Also clears the
 * books of what has ended (processes, destroyed pools) and drains the stories.
 */
#ifndef POOLSCOPE_INGEST_INGEST_H
#define POOLSCOPE_INGEST_INGEST_H

#include <stdint.h>

#include "model/model.h"
#include "probe/kernel.h"
#include "probe/targets.h"

struct chosen;
struct ingest;

/* What the tick found, for the snapshot's agent row. */
struct ingest_report {
	uint64_t losses[PS_LOSS_COUNT];
	uint64_t stories[PS_STORY_COUNT];
	uint64_t probe_hits;
	uint32_t used[KERNEL_MAP_COUNT];	/* entries per map; 0 where it makes no sense */
	uint32_t n_processes;
	uint64_t n_unseen;	/* processes that came and went between two ticks: what they did is in no row */
	uint64_t n_pools_cut;	/* pools whose process ended while they counted: what they did since the tick before is in no row */
	uint64_t torn_reads;	/* books that were written while read, again and again */
	double inventory_s;	/* how long the last inventory took */
};

/* Borrows all four for its life. */
int ingest_new(struct kernel *k, struct model *m, struct targets *t, struct chosen *c,
	       struct ingest **ret);
void ingest_free(struct ingest *in);

/* One tick. Errors of single processes or pools are counted, not returned. */
int ingest_tick(struct ingest *in, int64_t now_ns);

/* Reads the ring buffer, and goes on with the socket inventory; to be called more often than once a tick. */
void ingest_drain(struct ingest *in);

/* So many processes have ended since the last tick that the tables want one soon. */
bool ingest_is_pressed(const struct ingest *in);

const struct ingest_report *ingest_report(const struct ingest *in);

#endif
