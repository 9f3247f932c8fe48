/* SPDX-License-Identifier: MIT */
/*
 * paged.c - see paged.h. The surprise: a pool's numbers begin again whenever it was not watched for a while, or was made anew at the same place. To the model it is one
 * pool as long as the kernel side has it, and no counter falls: so what the beginnings before have counted is kept (`base`), and the present one is added to that.
 */
#include "ingest/paged.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/cleanup.h"
#include "base/squeeze.h"
#include "bpf/books.h"
#include "discover/mapped.h"
#include "ingest/threads_of.h"
#include "probe/registers.h"

#define FILES_MAX 256 /* with roots */
#define TRIES 10 /* ticks in which a root is looked for in the mappings of a process */
#define TELL_TICKS 16 /* until the kernel side is asked again to take in a pool for which it had no room */
#define BEFORE_TRIES 16

/* A file in a process, and its pages there. */
struct paging_key {
	struct page_file file;
	uint64_t pid;
};

struct paging {
	struct paging_key key;
	struct ps_proc_key proc; /* incarnation 0 and pid: not known yet */
	bool is_known; /* `proc` is */
	struct page page; /* root 0 = not found yet */
	unsigned int n_tries;
	bool is_used; /* in this tick: the file's user, or found otherwise */
	bool is_found; /* by a pool of it: nobody tells when it no longer uses the file */
	bool is_read; /* in this tick */
	bool was_refused; /* the points for pools without a page were asked for */
	int64_t met_ns;
	uint64_t n_lies, n_torn; /* that are counted already */
	struct threads_of threads;
	UT_hash_handle hh;
};

/* What is known of the beginnings before the present one. */
struct paged_base {
	struct ps_pool books;
	struct ps_hist hold;
};

struct paged_pool {
	struct ps_pool_key key;
	struct paging *of; /* NULL = it is gone */
	uint32_t place; /* of its slot */
	uint64_t serial;
	struct page_counts counts; /* of that one, */
	int64_t read_ns; /* as they were read then */
	unsigned char *hold; /* and its holds, squeezed; owned, NULL = none */
	size_t n_hold;
	struct paged_base *base; /* owned, NULL = there was none */
	bool is_there; /* in this tick, in its page */
	bool is_fed; /* in this tick, the kernel side has it */
	bool is_torn;
	bool has_lied;
	bool has_handle; /* what follows was read */
	uint64_t in_use_at, open_at; /* the pool author's own counts; 0 = none */
	int64_t before_total, before_candidate; /* UNKNOWN */
	unsigned int told_ticks; /* since the kernel side was told */
	UT_hash_handle hh;
};

struct paged {
	struct kernel *kernel;
	struct targets *targets;
	struct paging *pages;
	struct paged_pool *pools;
	struct page_room room;
	struct page_file file[FILES_MAX];
	size_t n_files;
	struct ps_proc_key wanted[PAGED_WANTED_MAX];
	size_t n_wanted;
	unsigned int turn; /* the page that the next tick begins with */
	int64_t tick_ns, former_tick_ns;
	struct paged_report report;
};

int paged_new(struct kernel *k, struct targets *t, struct paged **ret)
{
	struct paged *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->kernel = k;
	p->targets = t;
	*ret = p;
	return 0;
}

static void pool_free(struct paged *p, struct paged_pool *pool)
{
	HASH_DEL(p->pools, pool);
	free(pool->hold);
	free(pool->base);
	free(pool);
}

/* Its slots are gone. */
static void leave_pools(struct paged *p, const struct paging *g)
{
	for (struct paged_pool *pool = p->pools; pool; pool = pool->hh.next)
		if (pool->of == g)
			pool->of = NULL;
}

static void paging_free(struct paged *p, struct paging *g)
{
	leave_pools(p, g);
	HASH_DEL(p->pages, g);
	page_done(&g->page);
	threads_of_done(&g->threads);
	free(g);
}

void paged_free(struct paged *p)
{
	struct paging *g, *next_page;
	struct paged_pool *pool, *next_pool;

	if (!p)
		return;
	HASH_ITER (hh, p->pools, pool, next_pool)
		pool_free(p, pool);
	HASH_ITER (hh, p->pages, g, next_page)
		paging_free(p, g);
	page_room_done(&p->room);
	free(p);
}

const struct paged_report *paged_report(const struct paged *p)
{
	return &p->report;
}

/* ---- who has pages ------------------------------------------------------------------------------------------------------ */

static struct paging *paging_get(struct paged *p, const struct page_file *file, uint32_t pid)
{
	struct paging_key key = { .file = *file, .pid = pid };
	struct paging *g;

	HASH_FIND(hh, p->pages, &key, sizeof(key), g);
	if (g)
		return g;
	if (HASH_COUNT(p->pages) >= PAGED_PROCESSES_MAX) {
		p->report.n_refused++;
		return NULL;
	}
	g = calloc(1, sizeof(*g));
	if (!g)
		return NULL;
	g->key = key;
	g->proc.tgid = pid;
	HASH_ADD(hh, p->pages, key, sizeof(g->key), g);
	if (g->hh.tbl)
		return g;
	free(g);
	return NULL;
}

static void on_user(void *context, const struct page_file *file, uint32_t pid)
{
	struct paging *g = paging_get(context, file, pid);

	if (g)
		g->is_used = true;
}

static void on_file(void *context, const struct page_file *file)
{
	struct paged *p = context;

	if (p->n_files < FILES_MAX)
		p->file[p->n_files++] = *file;
}

/* A process of which the kernel side has such a pool, and that is no known user of any file: it was forked. */
static void look_for(struct paged *p, const struct ps_proc_key *proc)
{
	for (size_t i = 0; i < p->n_files; i++) {
		const struct page_file *f = &p->file[i];
		struct paging *g;
		uint64_t root;

		if (mapped_data_of(proc->tgid, f->device, f->inode, f->root, &root))
			continue;
		g = paging_get(p, f, proc->tgid);
		if (!g || g->is_used)
			continue;
		g->is_used = g->is_found = true;
		g->proc = *proc;
		g->is_known = true;
		g->page.root = root;
	}
}

static void meet_pages(struct paged *p, const struct model *m)
{
	struct paging *g, *next;

	HASH_ITER (hh, p->pages, g, next)
		g->is_used = g->is_found && model_is_fed(m, &g->proc);
	p->n_files = 0;
	targets_page_users(p->targets, on_user, p);
	if (p->n_wanted)
		targets_page_files(p->targets, on_file, p);
	for (size_t i = 0; i < p->n_wanted; i++)
		look_for(p, &p->wanted[i]);
	p->n_wanted = 0;
	HASH_ITER (hh, p->pages, g, next)
		if (!g->is_used || kernel_is_left_out(p->kernel, (uint32_t)g->key.pid))
			paging_free(p, g);
}

static void want(struct paged *p, const struct ps_proc_key *proc)
{
	for (size_t i = 0; i < p->n_wanted; i++)
		if (!memcmp(&p->wanted[i], proc, sizeof(*proc)))
			return;
	if (p->n_wanted < PAGED_WANTED_MAX)
		p->wanted[p->n_wanted++] = *proc;
}

/* ---- reading one -------------------------------------------------------------------------------------------------------- */

static bool has_slots(const struct page *g)
{
	for (size_t i = 0; i < g->n_slots; i++)
		if (g->slot[i].serial)
			return true;
	return false;
}

/* Which process it is: asked for when it has something to say, and again when it has become another one. */
static bool know(struct paged *p, struct paging *g, const struct model *m)
{
	struct ps_registers r;

	if (g->is_known && model_is_fed(m, &g->proc))
		return true;
	if (!has_slots(&g->page) ||
	    registers_read(kernel_registers_fd(p->kernel), (uint32_t)g->key.pid, &r))
		return false;
	g->is_known = true;
	g->proc.incarnation = r.incarnation;
	return true;
}

/* Its file may be opened by it alone: as in a container. */
static void watch_spare(struct paged *p, struct paging *g)
{
	AUTO_CLOSE int fd = -1;
	char path[4200];
	uint64_t offset;

	if (g->was_refused || !g->page.n_refused)
		return;
	g->was_refused = true;
	if (!mapped_data_at((uint32_t)g->key.pid, g->page.root, &fd, &offset, path, sizeof(path)))
		targets_watch_spare(p->targets, fd, path);
}

static void find_root(struct paging *g)
{
	if (g->page.root || g->n_tries >= TRIES)
		return;
	g->n_tries++;
	if (mapped_data_of((uint32_t)g->key.pid, g->key.file.device, g->key.file.inode,
			   g->key.file.root, &g->page.root))
		g->page.root = 0;
}

/* There is another program now, or none. */
static void lose_root(struct paged *p, struct paging *g)
{
	leave_pools(p, g);
	page_done(&g->page);
	g->n_lies = g->n_torn = 0;
	g->is_known = false;
}

static void read_page(struct paged *p, struct paging *g)
{
	pid_t pid = (pid_t)g->key.pid;
	struct page_memory m = { page_process_read, page_process_now, &pid };
	int error;

	g->is_read = false;
	find_root(g);
	if (!g->page.root)
		return;
	error = page_read(&g->page, &m, &p->room);
	p->report.n_lies += g->page.n_lies - g->n_lies;
	p->report.n_torn += g->page.n_torn - g->n_torn;
	g->n_lies = g->page.n_lies;
	g->n_torn = g->page.n_torn;
	if (error == -EFAULT || error == -EBADMSG)
		lose_root(p, g);
	if (error)
		return;
	g->is_read = true;
	if (!g->met_ns)
		g->met_ns = page_process_now(NULL);
	watch_spare(p, g);
}

/* ---- pools -------------------------------------------------------------------------------------------------------------- */

static struct paged_pool *pool_find(const struct paged *p, const struct ps_pool_key *key)
{
	struct paged_pool *pool;

	HASH_FIND(hh, p->pools, key, sizeof(*key), pool);
	return pool;
}

static struct paged_pool *pool_get(struct paged *p, const struct ps_pool_key *key)
{
	struct paged_pool *pool = pool_find(p, key);

	if (pool)
		return pool;
	pool = calloc(1, sizeof(*pool));
	if (!pool)
		return NULL;
	pool->key = *key;
	pool->before_total = pool->before_candidate = UNKNOWN;
	pool->told_ticks = TELL_TICKS;
	HASH_ADD(hh, p->pools, key, sizeof(pool->key), pool);
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

static void hold_of(const struct paged_pool *pool, struct ps_hist *ret)
{
	struct bytes b = { .at = pool->hold, .end = pool->hold + pool->n_hold };

	memset(ret, 0, sizeof(*ret));
	if (pool->n_hold)
		unsqueeze(&b, ret, sizeof(*ret));
}

/* A copy: a slot that begins anew has its own. */
static void hold_keep(struct paged_pool *pool, const struct page_slot *s)
{
	unsigned char *kept = s->n_hold ? realloc(pool->hold, s->n_hold) : NULL;

	if (!kept)
		return; /* what was there stays until the next tick */
	memcpy(kept, s->hold, s->n_hold);
	pool->hold = kept;
	pool->n_hold = s->n_hold;
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
	hold_of(pool, &hold);
	hold_add(&pool->base->hold, &hold);
	free(TAKE(pool->hold));
	pool->n_hold = 0;
	pool->has_lied = false;
	pool->before_total = pool->before_candidate = UNKNOWN;
	return true;
}

static void pool_take(struct paged *p, struct paged_pool *pool, struct paging *g,
		      const struct page_slot *s)
{
	uint64_t unlisted = pool->serial == s->serial
				    ? pool->counts.leases_unlisted + pool->counts.waits_unlisted
				    : 0;

	p->report.n_unlisted += s->counts.leases_unlisted + s->counts.waits_unlisted - unlisted;
	hold_keep(pool, s);
	pool->of = g;
	pool->place = (uint32_t)(s - g->page.slot);
	pool->serial = s->serial;
	pool->counts = s->counts;
	pool->read_ns = s->read_ns;
	pool->is_there = true;
	pool->is_torn = s->n_torn;
	pool->has_lied |= s->has_lied || g->page.has_lied;
}

static int by_serial(const void *a, const void *b)
{
	const struct page_slot *const *x = a, *const *y = b;

	return ((*x)->serial > (*y)->serial) - ((*x)->serial < (*y)->serial);
}

/* It was over before we came, or what it was of is forgotten already. */
static bool is_of_old(const struct paged *p, const struct paging *g, const struct page_slot *s)
{
	int64_t closed_ns = (int64_t)s->counts.closed_ns;

	return closed_ns && (closed_ns < g->met_ns || closed_ns < p->former_tick_ns);
}

/* A later beginning; in another root only when counting in this one is over, or two that have the same pool would be added up again and again. */
static bool is_later(const struct paged_pool *pool, const struct paging *g,
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

static void take_slot(struct paged *p, struct paging *g, const struct page_slot *s)
{
	struct ps_pool_key key = { .pool = s->handle, .proc = g->proc };
	struct paged_pool *pool = pool_find(p, &key);

	if (!pool && is_of_old(p, g, s))
		return;
	if (!has_counted(&s->counts) && (!pool || pool->serial != s->serial))
		return;
	if (!pool)
		pool = pool_get(p, &key);
	if (!pool)
		return;
	if (pool->of == g && pool->serial == s->serial)
		pool_take(p, pool, g, s);
	else if (is_later(pool, g, s) && pool_rebase(pool, s))
		pool_take(p, pool, g, s);
}

/* In the order of their beginnings, so that a pool that began anew twice since the last tick has all of it. */
static void take_slots(struct paged *p, struct paging *g)
{
	AUTO_FREE const struct page_slot **list = malloc((g->page.n_slots + 1) * sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; list && i < g->page.n_slots; i++)
		if (g->page.slot[i].serial && g->page.slot[i].read_ns)
			list[n++] = &g->page.slot[i];
	if (n)
		qsort(list, n, sizeof(*list), by_serial);
	for (size_t i = 0; i < n; i++)
		take_slot(p, g, list[i]);
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

static void tell(struct paged *p, struct paged_pool *pool)
{
	struct ps_page_found found = { .pool = pool->key };
	struct ps_handle handle;

	if (read_handle(pool, &handle)) {
		found.is_described = 1;
		found.kind = handle.kind;
		found.capacity = handle.capacity;
		found.min_idle = handle.min_idle;
		memcpy(found.name, handle.name, sizeof(found.name));
	}
	kernel_tell_page(p->kernel, &found);
	pool->told_ticks = 0;
}

/* Those that the kernel side did not have in the last tick. A pool that has ended needs none. */
static void tell_of_pools(struct paged *p, const struct model *m,
			  void (*meet)(void *context, const struct ps_proc_key *proc),
			  void *context)
{
	for (struct paged_pool *pool = p->pools; pool; pool = pool->hh.next) {
		if (!pool->is_there || pool->is_fed || pool->counts.closed_ns)
			continue;
		if (pool->told_ticks++ < TELL_TICKS)
			continue;
		tell(p, pool);
		if (!model_is_fed(m, &pool->key.proc))
			meet(context, &pool->key.proc);
	}
}

/* ---- the tick ----------------------------------------------------------------------------------------------------------- */

/* In the order of the table, from where the last tick has stopped. */
static void read_pages(struct paged *p)
{
	unsigned int n = HASH_COUNT(p->pages), first = n ? p->turn % n : 0, i = 0, n_late = 0;
	int64_t begin_ns = page_process_now(NULL);

	for (int round = 0; round < 2; round++) {
		i = 0;
		for (struct paging *g = p->pages; g; g = g->hh.next, i++) {
			if ((i >= first) != !round)
				continue;
			g->is_read = false;
			if (page_process_now(NULL) - begin_ns < PAGED_NS)
				read_page(p, g);
			else if (!n_late++)
				p->turn = i;
		}
	}
}

static void forget_pools(struct paged *p)
{
	struct paged_pool *pool, *next;

	HASH_ITER (hh, p->pools, pool, next) {
		if (!pool->is_fed && (!pool->is_there || pool->counts.closed_ns))
			pool_free(p, pool);
		else
			pool->is_there = pool->of && !pool->of->is_read && pool->is_there;
	}
}

void paged_tick(struct paged *p, const struct model *m,
		void (*meet)(void *context, const struct ps_proc_key *proc), void *context)
{
	struct paging *g;

	p->former_tick_ns = p->tick_ns;
	p->tick_ns = page_process_now(NULL);
	meet_pages(p, m);
	if (!p->pages && !p->pools)
		return;
	read_pages(p);
	forget_pools(p);
	for (g = p->pages; g; g = g->hh.next)
		if (g->is_read && know(p, g, m))
			take_slots(p, g);
	tell_of_pools(p, m, meet, context);
	for (struct paged_pool *pool = p->pools; pool; pool = pool->hh.next)
		pool->is_fed = false;
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
	if (!pool->in_use_at || !pool->of || c->closed_ns)
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

enum paged_answer paged_merge(struct paged *p, const struct ps_pool_key *key, struct ps_pool *books,
			      struct pool_extra *extra)
{
	struct paged_pool *pool = pool_find(p, key);
	const struct page_counts *c;

	if (!pool || !pool->serial) {
		want(p, &key->proc);
		return PAGED_UNREAD;
	}
	c = &pool->counts;
	pool->is_fed = true;
	if (!pool->is_there || pool->is_torn)
		return PAGED_AS_BEFORE;
	if (pool->base)
		books_add(books, &pool->base->books);
	paged_add(books, c);
	books->saturated_since_ns = c->closed_ns ? 0 : c->saturated_since_ns;
	books->in_use_peak = c->closed_ns ? 0 : paged_peak(c, p->former_tick_ns, p->tick_ns);
	if (c->unheld)
		books->flags |= PS_POOL_UNHELD;
	if (c->waits_unlisted)
		books->flags |= PS_POOL_LOST_EVENTS;
	if (pool->has_lied)
		books->flags |= PS_POOL_PAGE_LIES;
	if (books->flags & PS_POOL_IMPLICIT) {
		books->since_ns = c->since_ns;
		tell_before(pool, books, extra);
	}
	return PAGED_MERGED;
}

void paged_merge_holds(struct paged *p, const struct ps_pool_key *key, struct ps_hists *hists)
{
	const struct paged_pool *pool = pool_find(p, key);

	struct ps_hist hold;

	if (!pool)
		return;
	hold_of(pool, &hold);
	hold_add(&hists->h[PS_HIST_HOLD], &hold);
	if (pool->base)
		hold_add(&hists->h[PS_HIST_HOLD], &pool->base->hold);
}

bool paged_has(const struct paged *p, const struct ps_pool_key *key)
{
	return pool_find(p, key);
}

static void feed_leases(struct paged *p, struct model *m, const struct paged_pool *pool)
{
	struct paging *g = pool->of;
	const struct page_slot *s = &g->page.slot[pool->place];
	bool is_inside = g->page.n_chunks && g->page.chunk[0].pid != pool->key.proc.tgid;

	for (size_t i = 0; s->serial == pool->serial && i < s->n_holders; i++) {
		struct ps_ref_key key = { .pool = pool->key, .id = s->holder[i].item };
		struct ps_lease lease = { .since_ns = s->holder[i].since_ns,
					  .waiter = s->holder[i].waiter,
					  .tid = s->holder[i].tid,
					  .state = PS_LEASE_HELD };

		if (is_inside)
			lease.tid = threads_of_find(&g->threads, pool->key.proc.tgid, lease.tid,
						    p->tick_ns);
		if (!lease.waiter)
			lease.waiter = lease.tid;
		model_feed_lease(m, &key, &lease);
	}
}

void paged_feed_leases(struct paged *p, struct model *m)
{
	for (const struct paged_pool *pool = p->pools; pool; pool = pool->hh.next)
		if (pool->is_fed && pool->of && !pool->counts.closed_ns)
			feed_leases(p, m, pool);
}
