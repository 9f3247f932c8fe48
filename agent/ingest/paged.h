/* SPDX-License-Identifier: MIT */
/*
 * paged.h - the pools whose processes count acquires and releases themselves, in pages (page.h): which processes those are, where their pages lie, and
 * how what they say joins the books that the kernel side keeps of the same pools. Waits and what is rare are in those, leases and holds in the page; the
 * model gets one struct ps_pool of both.
 *
 * A process is known by a file that it runs and that has a root of pages (probe/targets.h), or by a pool of which the kernel side says that it is paged: so
 * one that was forked. In a tick no page is begun after PAGED_NS of reading; the next tick begins with those. The kernel side is told of each pool that is found, for
 * it decides which pools there are; what it has no room for is not shown.
 */
#ifndef POOLSCOPE_INGEST_PAGED_H
#define POOLSCOPE_INGEST_PAGED_H

#include "ingest/paged_pools.h"
#include "probe/kernel.h"
#include "probe/targets.h"

#define PAGED_NS 20000000
#define PAGED_PROCESSES_MAX 4096	/* pages of all; more are not read */
#define PAGED_WANTED_MAX 256	/* processes that are looked for in a tick because of a pool */

struct paged;

/* Counted since the agent began. */
struct paged_report {
	uint64_t n_lies;	/* readings that made no sense */
	uint64_t n_torn;	/* slots that were written whenever they were read, for three ticks */
	uint64_t n_unlisted;	/* leases without a holder, waits without a point: the process had no room for them */
	uint64_t n_refused;	/* pages that were one too many, or had more slots than have room */
};

/* Borrows both for its life. */
int paged_new(struct kernel *k, struct targets *t, struct paged **ret);
void paged_free(struct paged *p);

/*
 * Reads them; after the processes of this tick were fed, and before their pools. `meet` is called with a process that has such a pool and was not fed.
 */
void paged_tick(struct paged *p, const struct model *m,
		void (*meet)(void *context, const struct ps_proc_key *proc), void *context);

/* As paged_pools_merge(); a process of which nothing is known is looked for, once a tick. */
enum paged_answer paged_merge(struct paged *p, const struct ps_pool_key *key, struct ps_pool *books,
			      struct pool_extra *extra);
/* The leases of all pools that were merged in this tick, into the model. */
void paged_feed_leases(struct paged *p, struct model *m);

/* For what is asked of them. */
struct paged_pools *paged_pools(struct paged *p);

const struct paged_report *paged_report(const struct paged *p);

#endif
