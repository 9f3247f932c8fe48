/* SPDX-License-Identifier: MIT */
/*
 * detect.h - what is wrong, said in findings. Pure: a snapshot goes in, and with what is remembered of those before it come its findings
 * and the verdict of each pool out.
 *
 * A finding is one of a kind (detectors.def) and of a pool, or of a process where it is about all of its pools. It opens when what it
 * says has held for a time and closes when it has not held for a time; there is never more than one open of a kind and a pool. Those
 * that closed are kept, the last FINDINGS_CLOSED of them.
 */
#ifndef POOLSCOPE_DETECT_DETECT_H
#define POOLSCOPE_DETECT_DETECT_H

#include "model/snapshot.h"

#define FINDINGS_CLOSED 200 /* the oldest goes first */

struct detect;

struct detect_limits {
	int64_t leak_ns;	/* a lease that is older may be a leak */
	int64_t wait_ns;	/* a caller that has waited for longer starves */
};

extern const struct detect_limits detect_limits_default;

/* What a thread has done so far. */
struct thread_facts {
	uint64_t cpu_ns;
	uint64_t n_runs;	/* times that it was given a CPU */
};

/* False = it is gone, or nothing can be known. Asked for holders of old leases alone, 128 of them in a tick at most. */
typedef bool thread_facts_fn(void *context, int32_t pid, uint32_t tid, struct thread_facts *ret);

/* -ENOMEM. */
int detect_new(const struct detect_limits *limits, struct detect **ret);
void detect_free(struct detect *d);
/* For the ticks to come; what is open by the old ones closes as it would have. */
void detect_set_limits(struct detect *d, const struct detect_limits *limits);

/*
 * Fills in s->findings, s->finding_counts, the verdicts of s->pools, and what their old holders do; what it adds lies in the snapshot's
 * arena. Snapshots come in the order of time. `look` may be NULL. -ENOMEM leaves the snapshot without findings, and nothing forgotten.
 */
int detect_tick(struct detect *d, struct snapshot *s, thread_facts_fn *look, void *context);

/* Looks at holders that were one too many, so far. */
uint64_t detect_n_refused(const struct detect *d);

#endif
