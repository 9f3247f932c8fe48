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

#include "ingest/page.h"
#include "model/model.h"
#include "probe/kernel.h"
#include "probe/targets.h"

#define PAGED_NS 20000000
#define PAGED_PROCESSES_MAX 4096	/* pages of all; more are not read */
#define PAGED_WANTED_MAX 64	/* processes that are looked for in a tick */

struct paged;

/* Counted since the agent began. */
struct paged_report {
	uint64_t n_lies;	/* readings that made no sense */
	uint64_t n_torn;	/* slots that were written while read, again and again */
	uint64_t n_unlisted;	/* leases without a holder, waits without a point: the process had no room for them */
	uint64_t n_refused;	/* pages that were one too many */
};

/* Borrows both for its life. */
int paged_new(struct kernel *k, struct targets *t, struct paged **ret);
void paged_free(struct paged *p);

/*
 * Reads them; after the processes of this tick were fed, and before their pools. `meet` is called with a process that has such a pool and was not fed.
 */
void paged_tick(struct paged *p, const struct model *m,
		void (*meet)(void *context, const struct ps_proc_key *proc), void *context);

enum paged_answer {
	PAGED_MERGED,	/* *books and *extra have what the page says, too */
	PAGED_AS_BEFORE,	/* the page could not be read this time */
	PAGED_UNREAD	/* it never could */
};

/* Of a pool whose books say PS_POOL_PAGED, as they were read at t_ns. */
enum paged_answer paged_merge(struct paged *p, const struct ps_pool_key *key, struct ps_pool *books,
			      struct pool_extra *extra);
/* Its holds, into *hists. */
void paged_merge_holds(struct paged *p, const struct ps_pool_key *key, struct ps_hists *hists);
/* The leases of all pools that were merged in this tick, into the model. */
void paged_feed_leases(struct paged *p, struct model *m);
/* It is one of those, so the kernel side's leases of it are of no use. */
bool paged_has(const struct paged *p, const struct ps_pool_key *key);

const struct paged_report *paged_report(const struct paged *p);

/* Adds the numbers of a beginning to books. What was out when it was closed has ended then. Pure. */
void paged_add(struct ps_pool *books, const struct page_counts *c);
/* The most in use since then_ns, as far as the slot has it; of an open one. Pure. */
uint32_t paged_peak(const struct page_counts *c, int64_t then_ns, int64_t now_ns);

#endif
