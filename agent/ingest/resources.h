/* SPDX-License-Identifier: MIT */
/*
 * resources.h - what processes say of themselves to OpenTelemetry (discover/otel.h), into the model: read when a process is met, before its first row is
 * made, and again for a while, since an SDK publishes a context some time after the start of its program.
 *
 * A context is looked for when the process is met and 1, 5 and 30 s later. When there is one it is read again each minute, which is one small read
 * where it has not changed. At most RESOURCES_CHANGES_MAX times is a change taken: who changes more often keeps what it said then. In a tick no look begins
 * after RESOURCES_NS of looking; the others come in the next ones.
 */
#ifndef POOLSCOPE_INGEST_RESOURCES_H
#define POOLSCOPE_INGEST_RESOURCES_H

#include "discover/otel.h"
#include "model/model.h"

#define RESOURCES_NS 30000000
#define RESOURCES_CHANGES_MAX 16

/* All zero = empty. */
struct resources {
	struct resource_look *table;	/* by process; of those that are fed, so no more than there are processes */
	int64_t now_ns, spent_ns;
	uint64_t n_left_out;	/* attributes of one process over the limit */
};

void resources_done(struct resources *r);

void resources_tick_begin(struct resources *r, int64_t now_ns);
/* A process that lives, and that the model has. Looks at it when it is time to. */
void resources_feed(struct resources *r, struct model *m, const struct ps_proc_key *key);
void resources_tick_end(struct resources *r);

#endif
