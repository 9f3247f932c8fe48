/* SPDX-License-Identifier: MIT */
/*
 * paged_pools.c - see paged_pools.h. The surprise: a pool's numbers begin again whenever it was not watched for a while, or was made anew at the same place. To
 * the model it is one pool as long as the kernel side has it, and no counter falls: so what the beginnings before have counted is kept (`base`), and the present one is
 * added to that.
 */
#include "ingest/paged_pools.h"

#include <stdlib.h>
#include <string.h>

/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/cleanup.h"
#include "bpf/books.h"

#define TELLS_MOST 256 /* in a tick: each reads memory of the process, and runs a program */
#define BEFORE_MOST 16 /* tries in vain; then each eighth tick */
#define TELL_TICKS 16 /* until the kernel side is asked again to take in a pool for which it had no room */
#define BEFORE_TRIES 16

/* What is known of the beginnings before the present one. */
struct paged_base {
	struct ps_pool books;
	struct ps_hist hold;
};

struct paged_pool {
	struct ps_pool_key key;
	struct paged_source *of; /* NULL = it is gone */
	uint32_t place; /* of its slot */
	uint64_t serial;
	struct page_counts counts; /* of that one, */
	int64_t read_ns; /* as they were read then */
	struct page_hold *hold; /* and its holds; owned with the slot, NULL = none */
	uint32_t hold_seen; /* its n_changes then */
	bool has_new_holds; /* since they were merged */
	bool was_between; /* somebody, at the last tick: see tell_waits() */
	struct paged_base *base; /* owned, NULL = there was none */
	bool is_there; /* in this tick, in its page */
	bool is_fed; /* in this tick, the kernel side has it */
	bool is_torn;
	bool has_lied;
	bool has_handle; /* what follows was read */
	uint64_t unwaited; /* acquires of before we came, whose waits nobody has */
	unsigned int before_tries; /* in vain */
	uint64_t in_use_at, open_at; /* the pool author's own counts; 0 = none */
	int64_t before_total, before_candidate; /* UNKNOWN */
	unsigned int told_ticks; /* since the kernel side was told */
	struct paged_pool *next_passed; /* the one that was asked for after it the last time; NULL = no guess */
	UT_hash_handle hh;
};

/* It is of another slot from now on, or of none. */
static void slot_let_go(const struct paged_pool *pool)
{
	struct page *g = pool->of ? &pool->of->page : NULL;

	if (g && pool->place < g->n_slots && g->slot[pool->place].pool == pool)
		g->slot[pool->place].pool = NULL;
}

static void pool_free(struct paged_pools *t, struct paged_pool *pool)
{
	slot_let_go(pool);
	HASH_DEL(t->table, pool);
	page_hold_unref(pool->hold);
	free(pool->base);
	free(pool);
}

void paged_pools_done(struct paged_pools *t)
{
	struct paged_pool *pool, *next;

	HASH_ITER (hh, t->table, pool, next)
		pool_free(t, pool);
	*t = (struct paged_pools){ 0 };
}

static struct paged_pool *pool_find(const struct paged_pools *t, const struct ps_pool_key *key)
{
	struct paged_pool *pool;

	HASH_FIND(hh, t->table, key, sizeof(*key), pool);
	return pool;
}

static struct paged_pool *pool_get(struct paged_pools *t, const struct ps_pool_key *key)
{
	struct paged_pool *pool = pool_find(t, key);

	if (pool)
		return pool;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	pool->key = *key;
	pool->before_total = pool->before_candidate = UNKNOWN;
	pool->told_ticks = TELL_TICKS;
	HASH_ADD(hh, t->table, key, sizeof(pool->key), pool);
	if (pool->hh.tbl)
		return pool;
	free(pool);
	return NULL;
}

/* What the sums of beginnings are made of. */
static const size_t summed[] = {
	offsetof(struct ps_pool, leases_begun),  offsetof(struct ps_pool, leases_ended),
	offsetof(struct ps_pool, leases_voided), offsetof(struct ps_pool, use_sum),
	offsetof(struct ps_pool, acquires),      offsetof(struct ps_pool, acquires_new),
	offsetof(struct ps_pool, releases),      offsetof(struct ps_pool, released_broken),
	offsetof(struct ps_pool, unheld),        offsetof(struct ps_pool, before_releases),
	offsetof(struct ps_pool, before_sum_ns), offsetof(struct ps_pool, odd_acquire),
	offsetof(struct ps_pool, odd_release),   offsetof(struct ps_pool, saturated_ns),
};

static void books_add(struct ps_pool *books, const struct ps_pool *more)
{
	for (size_t i = 0; i < sizeof(summed) / sizeof(*summed); i++)
		*(__u64 *)((char *)books + summed[i]) +=
			*(const __u64 *)((const char *)more + summed[i]);
}

void paged_add(struct ps_pool *books, const struct page_counts *c)
{
	uint64_t in_use = c->leases_begun - c->leases_ended, voided = c->closed_ns ? in_use : 0;
	struct ps_pool more = {
		.leases_begun = c->leases_begun,
		.leases_ended = c->leases_ended + voided,
		.leases_voided = voided,
		.use_sum = c->use_sum + voided * c->closed_ns,
		.acquires = c->leases_begun + c->odd_acquire + c->unheld,
		.acquires_new = c->acquires_new,
		.releases = c->leases_ended + c->before_releases + c->unheld,
		.released_broken = c->released_broken,
		.unheld = c->unheld,
		.before_releases = c->before_releases,
		.before_sum_ns = c->before_sum_ns,
		.odd_acquire = c->odd_acquire,
		.odd_release = c->odd_release,
		.saturated_ns = c->saturated_ns,
	};

	if (c->closed_ns && c->saturated_since_ns && c->closed_ns > c->saturated_since_ns)
		more.saturated_ns += c->closed_ns - c->saturated_since_ns;
	books_add(books, &more);
}

uint32_t paged_peak(const struct page_counts *c, int64_t then_ns, int64_t now_ns)
{
	uint32_t now = (uint32_t)((uint64_t)now_ns >> POOLSCOPE_PAGE_PEAK_SHIFT),
		 then = (uint32_t)((uint64_t)then_ns >> POOLSCOPE_PAGE_PEAK_SHIFT);
	uint32_t most = (uint32_t)(c->leases_begun - c->leases_ended);

	for (int i = 0; i < POOLSCOPE_PAGE_PEAKS; i++)
		if (now - c->peak[i].interval <= now - then && c->peak[i].in_use > most)
			most = c->peak[i].in_use;
	return most;
}

static void hold_add(struct ps_hist *h, const struct ps_hist *more)
{
	h->sum_ns += more->sum_ns;
	if (more->max_ns > h->max_ns)
		h->max_ns = more->max_ns;
	for (size_t i = 0; i < PS_HIST_BUCKETS; i++)
		h->bucket[i] += more->bucket[i];
}

/* A slot that begins anew has its own. */
static void hold_keep(struct paged_pool *pool, const struct page_slot *s)
{
	if (!s->hold || (pool->hold == s->hold && pool->hold_seen == s->hold->n_changes))
		return;
	pool->has_new_holds = true;
	pool->hold_seen = s->hold->n_changes;
	if (pool->hold == s->hold)
		return;
	page_hold_unref(pool->hold);
	pool->hold = page_hold_ref(s->hold);
}

/* The present beginning is over: a later one has come. False: no memory, it goes on until the next tick. */
static bool pool_rebase(struct paged_pool *pool, const struct page_slot *next)
{
	struct page_counts last = pool->counts;
	struct ps_hist hold;

	if (!pool->serial)
		return true;
	if (!pool->base)
		pool->base = calloc(1, sizeof(*pool->base));
	if (!pool->base)
		return false;
	if (!last.closed_ns)
		last.closed_ns = next->counts.since_ns;
	paged_add(&pool->base->books, &last);
	page_hold_read(pool->hold, &hold);
	hold_add(&pool->base->hold, &hold);
	page_hold_unref(TAKE(pool->hold));
	pool->has_lied = false;
	pool->before_total = pool->before_candidate = UNKNOWN;
	return true;
}

static void pool_take(struct paged_pools *t, struct paged_pool *pool, struct paged_source *g,
		      struct page_slot *s)
{
	uint64_t unlisted = pool->serial == s->serial
				    ? pool->counts.leases_unlisted + pool->counts.waits_unlisted
				    : 0;

	t->n_unlisted += s->counts.leases_unlisted + s->counts.waits_unlisted - unlisted;
	if (pool->serial != s->serial && !g->read_ns &&
	    (int64_t)s->counts.since_ns + PAGE_SLACK_NS < t->begun_ns)
		pool->unwaited += s->counts.leases_begun + s->counts.odd_acquire + s->counts.unheld;
	hold_keep(pool, s);
	slot_let_go(pool);
	s->pool = pool;
	pool->of = g;
	pool->place = (uint32_t)(s - g->page.slot);
	pool->serial = s->serial;
	pool->counts = s->counts;
	pool->read_ns = s->read_ns;
	pool->is_there = true;
	pool->is_torn = s->n_torn >= PAGE_TORN_TICKS;
	pool->has_lied |= s->has_lied || g->page.has_lied;
}

/* Nothing was read of it since, as of most: then it is still there, and that is all. */
static bool take_as_before(struct paged_source *g, const struct ps_proc_key *proc,
			   const struct page_slot *s)
{
	struct paged_pool *pool = s->pool;

	if (!pool || s->is_changed || pool->of != g || pool->serial != s->serial ||
	    pool->read_ns != s->read_ns || memcmp(&pool->key.proc, proc, sizeof(*proc)) != 0)
		return false;
	pool->is_there = true;
	pool->is_torn = s->n_torn >= PAGE_TORN_TICKS;
	pool->has_lied |= s->has_lied || g->page.has_lied;
	return true;
}

static int by_serial(const void *a, const void *b)
{
	const struct page_slot *const *x = a, *const *y = b;

	return ((*x)->serial > (*y)->serial) - ((*x)->serial < (*y)->serial);
}

/* It was over before we came, or what it was of is forgotten already. */
static bool is_of_old(const struct paged_source *g, const struct page_slot *s)
{
	int64_t closed_ns = (int64_t)s->counts.closed_ns;

	return closed_ns && (closed_ns < g->met_ns || closed_ns < g->read_ns);
}

/* A later beginning; in another root only when counting in this one is over, or two that have the same pool would be added up again and again. */
static bool is_later(const struct paged_pool *pool, const struct paged_source *g,
		     const struct page_slot *s)
{
	if (!pool->serial)
		return true;
	if (pool->of == g)
		return s->serial > pool->serial;
	if (!pool->of)
		return s->counts.since_ns > pool->counts.since_ns;
	return pool->counts.closed_ns && s->counts.since_ns >= pool->counts.closed_ns;
}

/* Of two threads that begin a pool's counting at once, one finds that the other was first, and closes its slot again. */
static bool has_counted(const struct page_counts *c)
{
	return !c->closed_ns || c->leases_begun || c->unheld || c->before_releases ||
	       c->odd_acquire || c->odd_release;
}

static void take_slot(struct paged_pools *t, struct paged_source *g, const struct ps_proc_key *proc,
		      struct page_slot *s)
{
	struct ps_pool_key key = { .pool = s->handle, .proc = *proc };
	struct paged_pool *pool = pool_find(t, &key);

	if (!pool && is_of_old(g, s))
		return;
	if (!has_counted(&s->counts) && (!pool || pool->serial != s->serial))
		return;
	if (!pool)
		pool = pool_get(t, &key);
	if (!pool)
		return;
	if (pool->serial == s->serial && pool->of == g &&
	    pool->place != (uint32_t)(s - g->page.slot))
		pool->has_lied = true; /* two that say that they are the same */
	else if (pool->serial == s->serial &&
		 (pool->of == g || (!pool->of && pool->counts.since_ns == s->counts.since_ns)))
		pool_take(t, pool, g, s);
	else if (is_later(pool, g, s) && pool_rebase(pool, s))
		pool_take(t, pool, g, s);
}

void paged_pools_leave(struct paged_pools *t, const struct paged_source *from)
{
	for (struct paged_pool *pool = t->table; pool; pool = pool->hh.next)
		if (pool->of == from)
			pool->of = NULL;
}

/* In the order of their beginnings, so that a pool that began anew twice since the last tick has all of it. */
void paged_pools_take(struct paged_pools *t, struct paged_source *g, const struct ps_proc_key *proc)
{
	AUTO_FREE struct page_slot **list = malloc((g->page.n_slots + 1) * sizeof(*list));
	size_t n = 0;

	if (g->generation != g->page.generation)
		paged_pools_leave(t, g);
	g->generation = g->page.generation;
	for (size_t i = 0; list && i < g->page.n_slots; i++)
		if (g->page.slot[i].serial && g->page.slot[i].read_ns &&
		    !take_as_before(g, proc, &g->page.slot[i]))
			list[n++] = &g->page.slot[i];
	if (n)
		qsort(list, n, sizeof(*list), by_serial);
	for (size_t i = 0; i < n; i++)
		take_slot(t, g, proc, list[i]);
	g->read_ns = t->tick_ns;
}

/* ---- from tick to tick --------------------------------------------------------------------------------------------------- */

static void forget_order(struct paged_pools *t)
{
	t->passed = NULL;
	for (struct paged_pool *pool = t->table; pool; pool = pool->hh.next)
		pool->next_passed = NULL;
}

/* Forgets what the kernel side has forgotten. What was not read in this tick stays as it was. */
void paged_pools_begin(struct paged_pools *t, int64_t now_ns)
{
	struct paged_pool *pool, *next;
	unsigned int n = HASH_COUNT(t->table);

	t->former_tick_ns = t->tick_ns;
	t->tick_ns = now_ns;
	HASH_ITER (hh, t->table, pool, next) {
		if (!pool->is_fed && (!pool->is_there || pool->counts.closed_ns))
			pool_free(t, pool);
		else
			pool->is_there = pool->is_there && pool->of && !pool->of->is_read;
	}
	t->passed = NULL;
	if (n != HASH_COUNT(t->table))
		forget_order(t);
}

/* ---- the kernel side is told -------------------------------------------------------------------------------------------- */

static bool read_memory(uint32_t pid, uint64_t address, void *ret, size_t bytes)
{
	pid_t of = (pid_t)pid;
	struct page_part part = { .address = address, .into = ret, .bytes = bytes };

	page_process_read(&of, &part, 1);
	return part.is_read;
}

static bool read_handle(struct paged_pool *pool, struct ps_handle *ret)
{
	if (!read_memory(pool->key.proc.tgid, pool->key.pool, ret, sizeof(*ret)) ||
	    ret->magic != PS_HANDLE_MAGIC)
		return false;
	pool->in_use_at = ret->in_use_at;
	pool->open_at = ret->open_at;
	pool->has_handle = true;
	return true;
}

static void found_of(struct paged_pool *pool, struct ps_page_found *ret)
{
	struct ps_handle handle;

	*ret = (struct ps_page_found){ .pool = pool->key };
	if (!read_handle(pool, &handle))
		return;
	ret->is_described = 1;
	ret->kind = handle.kind;
	ret->capacity = handle.capacity;
	ret->min_idle = handle.min_idle;
	memcpy(ret->name, handle.name, sizeof(ret->name));
}

/* A pool that has ended needs none. */
void paged_pools_tell(struct paged_pools *t,
		      void (*tell)(void *context, const struct ps_page_found *found), void *context)
{
	unsigned int n_told = 0;

	for (struct paged_pool *pool = t->table; pool; pool = pool->hh.next) {
		struct ps_page_found found;
		bool is_wanted = pool->is_there && !pool->is_fed && !pool->counts.closed_ns &&
				 pool->told_ticks++ >= TELL_TICKS;

		pool->is_fed = false; /* until it is merged in this tick */
		if (!is_wanted || n_told++ >= TELLS_MOST)
			continue;
		found_of(pool, &found);
		tell(context, &found);
		pool->told_ticks = 0;
	}
}

/* ---- what was out before ------------------------------------------------------------------------------------------------ */

/* The author's own count of items in use, while nobody wrote; UNKNOWN. */
static int64_t counted_in_use(const struct paged_pool *pool)
{
	pid_t pid = (pid_t)pool->key.proc.tgid;
	uint64_t slot = pool->of->page.slot[pool->place].address,
		 seq_at = slot + offsetof(struct poolscope_page_slot, seq);
	uint64_t lease[2] = { 0 };
	uint32_t before = 1, after = 0, in_use = 0;

	for (int i = 0; i < BEFORE_TRIES; i++) {
		struct page_part part[] = {
			{ seq_at, &before, sizeof(before), false },
			{ slot + offsetof(struct poolscope_page_slot, leases_begun), lease,
			  sizeof(lease), false },
			{ pool->in_use_at, &in_use, sizeof(in_use), false },
			{ seq_at, &after, sizeof(after), false },
		};

		page_process_read(&pid, part, 4);
		if (!part[0].is_read || !part[1].is_read || !part[2].is_read || !part[3].is_read)
			return UNKNOWN;
		if (before % 2 == 0 && before == after && in_use <= INT32_MAX)
			return (int64_t)((uint64_t)in_use - (lease[0] - lease[1]));
	}
	return UNKNOWN;
}

/* Two readings must agree, for the author's count may be a moment behind. */
static void learn_before(struct paged_pool *pool)
{
	const struct page_counts *c = &pool->counts;
	struct ps_handle handle;
	int64_t out;

	if (pool->before_total != UNKNOWN)
		return;
	if (!c->before_most) {
		pool->before_total = (int64_t)c->before_releases;
		return;
	}
	if (!pool->has_handle)
		read_handle(pool, &handle);
	if (!pool->in_use_at || !pool->of || c->closed_ns ||
	    (pool->before_tries++ >= BEFORE_MOST && pool->before_tries % 8))
		return;
	out = counted_in_use(pool);
	if (out == UNKNOWN || out < 0 || out > c->before_most)
		return;
	out += (int64_t)c->before_releases;
	if (out == pool->before_candidate)
		pool->before_total = out;
	pool->before_candidate = out;
}

static void tell_before(struct paged_pool *pool, const struct ps_pool *books,
			struct pool_extra *extra)
{
	uint32_t open;
	int64_t out;

	learn_before(pool);
	if (pool->open_at && read_memory(pool->key.proc.tgid, pool->open_at, &open, sizeof(open)) &&
	    open <= INT32_MAX)
		extra->counted_open = open;
	if (pool->before_total == UNKNOWN)
		return;
	out = pool->before_total - (int64_t)pool->counts.before_releases;
	extra->counted_in_use = ps_in_use(books) + (out > 0 ? out : 0);
}

/* ---- together with the kernel side's books --------------------------------------------------------------------------------- */

/*
 * An acquire that ends a wait is counted in the page before the point tells of the wait's end. Who waits for the kernel side and not in the page is in between, or has
 * begun since that was read: its acquire is not taken for one that did not wait.
 */
static void tell_waits(struct paged_pool *pool, struct ps_pool *books)
{
	int64_t n_between = ps_waiting(books) - (int64_t)pool->counts.n_waiting;

	books->wait_ends += pool->unwaited;
	if (n_between > 0)
		books->wait_ends += (uint64_t)n_between;
	pool->has_new_holds |= pool->was_between; /* their waits are in the histogram now, and the counts may be as before */
	pool->was_between = n_between > 0;
}

void paged_pools_keep(struct paged_pools *t, const struct ps_pool_key *key)
{
	struct paged_pool *pool = pool_find(t, key);

	if (pool)
		pool->is_fed = true;
}

/* They are asked for in the same order from tick to tick, and of very many each search is a miss of the cache. */
static struct paged_pool *pool_pass(struct paged_pools *t, const struct ps_pool_key *key)
{
	struct paged_pool *pool = t->passed ? t->passed->next_passed : NULL;

	if (!pool || memcmp(&pool->key, key, sizeof(*key)) != 0)
		pool = pool_find(t, key);
	if (!pool)
		return NULL;
	if (t->passed)
		t->passed->next_passed = pool;
	t->passed = pool;
	return pool;
}

bool paged_pools_pass(struct paged_pools *t, const struct ps_pool_key *key)
{
	struct paged_pool *pool = pool_pass(t, key);
	const struct page_slot *s;

	if (!pool)
		return true;
	if (!pool->serial || !pool->of || !pool->of->is_read || !pool->is_there || pool->is_torn ||
	    pool->has_new_holds || pool->was_between || pool->counts.closed_ns)
		return false;
	if (pool->before_total == UNKNOWN && (pool->in_use_at || !pool->has_handle))
		return false; /* it may be learned */
	if (pool->open_at) /* its author may close what is idle without a word */
		return false;
	s = &pool->of->page.slot[pool->place];
	if (s->is_changed || s->serial != pool->serial || s->n_torn)
		return false;
	pool->is_fed = true;
	return true;
}

enum paged_answer paged_pools_merge(struct paged_pools *t, const struct ps_pool_key *key,
				    struct ps_pool *books, struct pool_extra *extra)
{
	struct paged_pool *pool = pool_find(t, key);
	const struct page_counts *c;

	if (!pool || !pool->serial)
		return PAGED_UNREAD;
	c = &pool->counts;
	pool->is_fed = true;
	if (!c->closed_ns && (!pool->is_there || pool->is_torn || !pool->of || !pool->of->is_read))
		return PAGED_AS_BEFORE;
	if (pool->base)
		books_add(books, &pool->base->books);
	paged_add(books, c);
	books->flags |= PS_POOL_PAGED | (pool->has_lied ? PS_POOL_PAGE_LIES : 0u);
	if (c->closed_ns)
		books->wait_ends += pool->unwaited;
	if (c->closed_ns)
		return PAGED_MERGED; /* what is now, if anything, is with the kernel side */
	tell_waits(pool, books);
	books->saturated_since_ns = c->saturated_since_ns;
	books->in_use_peak = paged_peak(c, t->former_tick_ns, t->tick_ns);
	if (c->unheld)
		books->flags |= PS_POOL_UNHELD;
	if (c->waits_unlisted)
		books->flags |= PS_POOL_LOST_EVENTS;
	if (books->flags & PS_POOL_IMPLICIT) {
		books->since_ns = c->since_ns;
		tell_before(pool, books, extra);
	}
	return PAGED_MERGED;
}

bool paged_pools_has_new_holds(const struct paged_pools *t, const struct ps_pool_key *key)
{
	const struct paged_pool *pool = pool_find(t, key);

	return pool && pool->has_new_holds;
}

void paged_pools_merge_holds(struct paged_pools *t, const struct ps_pool_key *key,
			     struct ps_hists *hists)
{
	struct paged_pool *pool = pool_find(t, key);
	struct ps_hist hold;

	if (!pool)
		return;
	pool->has_new_holds = false;
	page_hold_read(pool->hold, &hold);
	hold_add(&hists->h[PS_HIST_HOLD], &hold);
	if (pool->base)
		hold_add(&hists->h[PS_HIST_HOLD], &pool->base->hold);
}

bool paged_pools_has(const struct paged_pools *t, const struct ps_pool_key *key)
{
	const struct paged_pool *pool = pool_find(t, key);

	return pool && pool->serial;
}

bool paged_pools_counts(const struct paged_pools *t, const struct ps_pool_key *key)
{
	const struct paged_pool *pool = pool_find(t, key);

	return pool && pool->serial && !pool->counts.closed_ns;
}

static void feed_leases(struct paged_pools *t, struct model *m, const struct paged_pool *pool)
{
	struct paged_source *g = pool->of;
	const struct page_slot *s = &g->page.slot[pool->place];
	bool is_inside = g->page.n_chunks && g->page.chunk[0].pid != pool->key.proc.tgid;

	for (size_t i = 0; s->serial == pool->serial && i < s->n_holders; i++) {
		struct ps_ref_key key = { .pool = pool->key, .id = s->holder[i].item };
		struct ps_lease lease = { .since_ns = s->holder[i].since_ns,
					  .waiter = s->holder[i].waiter,
					  .tid = s->holder[i].tid,
					  .state = PS_LEASE_HELD };

		if (s->holder[i].is_doubtful)
			continue;
		if (is_inside)
			lease.tid = threads_of_find(&g->threads, pool->key.proc.tgid, lease.tid,
						    t->tick_ns);
		if (!lease.waiter)
			lease.waiter = lease.tid;
		model_feed_lease(m, &key, &lease);
	}
}

void paged_pools_feed_leases(struct paged_pools *t, struct model *m)
{
	for (const struct paged_pool *pool = t->table; pool; pool = pool->hh.next)
		if (pool->is_fed && pool->of && pool->of->is_read && !pool->counts.closed_ns)
			feed_leases(t, m, pool);
}
