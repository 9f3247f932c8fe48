/* SPDX-License-Identifier: MIT */
/*
 * paged_pools.h - pools that are counted in pages, from tick to tick: which slot has the present numbers of each, and what those before have counted.
 *
 * A pool is known here as long as the kernel side has its books, or a slot of it is open. A tick is: paged_pools_begin, paged_pools_take with each page that was read,
 * paged_pools_tell, and then paged_pools_merge and paged_pools_merge_holds with each pool of the kernel side, and the leases. No clock and no I/O, but that
 * handles and the authors' own counts are read from the processes.
 */
#ifndef POOLSCOPE_INGEST_PAGED_POOLS_H
#define POOLSCOPE_INGEST_PAGED_POOLS_H

#include "ingest/page.h"
#include "ingest/threads_of.h"
#include "model/model.h"

/* A page, and what belongs to it. */
struct paged_source {
	struct page page;
	int64_t met_ns;	/* it was read first; what had been closed before is not told */
	int64_t read_ns;	/* its slots were taken last; 0 = not yet */
	uint32_t generation;	/* of the page, then */
	bool is_read;	/* in this tick */
	struct threads_of threads;
};

/* All zero = empty. */
struct paged_pools {
	struct paged_pool *table;
	struct paged_pool *passed;	/* asked for last; NULL = no guess */
	int64_t begun_ns;	/* the agent: what was counted before was watched by another one, and its waits too */
	int64_t tick_ns, former_tick_ns;
	uint64_t n_unlisted;	/* leases without a holder, waits without a point, so far */
};

void paged_pools_done(struct paged_pools *t);

void paged_pools_begin(struct paged_pools *t, int64_t now_ns);
/* Its slots, as those of this process. */
void paged_pools_take(struct paged_pools *t, struct paged_source *from,
		      const struct ps_proc_key *proc);
/* It is gone, or its slots are. */
void paged_pools_leave(struct paged_pools *t, const struct paged_source *from);
/* Calls back with each pool that the kernel side does not seem to have. */
void paged_pools_tell(struct paged_pools *t,
		      void (*tell)(void *context, const struct ps_page_found *found),
		      void *context);

enum paged_answer {
	PAGED_MERGED,	/* *books and *extra have what the page says, too */
	PAGED_AS_BEFORE,	/* the page could not be read this time */
	PAGED_UNREAD	/* it never could */
};

/* Of a pool whose books say PS_POOL_PAGED, or that is known here: one that was made anew may have no page yet, and what it has counted stays counted. */
enum paged_answer paged_pools_merge(struct paged_pools *t, const struct ps_pool_key *key,
				    struct ps_pool *books, struct pool_extra *extra);
/* Its holds, into *hists. They may have come a tick after the counts, where somebody wrote all the time. */
bool paged_pools_has_new_holds(const struct paged_pools *t, const struct ps_pool_key *key);
void paged_pools_merge_holds(struct paged_pools *t, const struct ps_pool_key *key,
			     struct ps_hists *hists);
/* The leases of all pools that were merged in this tick, into the model. */
void paged_pools_feed_leases(struct paged_pools *t, struct model *m);
/* The kernel side has it, and nothing could be said of it in this tick. */
void paged_pools_keep(struct paged_pools *t, const struct ps_pool_key *key);
/* Nothing is new in its page, or it has none: then it need not be merged in this tick. */
bool paged_pools_pass(struct paged_pools *t, const struct ps_pool_key *key);
/* It has numbers here, be it of a beginning that is over: to be merged. */
bool paged_pools_has(const struct paged_pools *t, const struct ps_pool_key *key);
/* It counts in a page now, so the kernel side's leases of it are of no use. */
bool paged_pools_counts(const struct paged_pools *t, const struct ps_pool_key *key);

/* Adds the numbers of a beginning to books. What was out when it was closed has ended then. Pure. */
void paged_add(struct ps_pool *books, const struct page_counts *c);
/* The most in use since then_ns, as far as the slot has it; of an open one. Pure. */
uint32_t paged_peak(const struct page_counts *c, int64_t then_ns, int64_t now_ns);

#endif
