/* SPDX-License-Identifier: MIT */
/*
 * paged.c - see paged.h. The surprise: which process it is, as the kernel side names it, nothing in /proc tells, since that counts execs. So the kernel is asked, by the pass
 * that tells registers, and only when a page has something to say.
 */
#include "ingest/paged.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/cleanup.h"
#include "base/remote.h"
#include "discover/mapped.h"
#include "probe/registers.h"

#define FILES_MAX 256 /* with roots */
#define TRIES 10 /* ticks in which a root is looked for in the mappings of a process, */
#define LATER 32 /* and then each so many */
#define PAGES_OF_ONE 64 /* of a process */
#define MISSED 64 /* processes of which it is known that nothing was found lately, by their number */

/* A file in a process, and its pages there. */
struct paging_key {
	struct page_file file;
	uint64_t pid;
};

struct paging {
	struct paging_key key;
	struct ps_proc_key proc; /* incarnation 0 and pid: not known yet */
	bool is_known; /* `proc` is */
	struct paged_source source; /* root 0 = not found yet */
	unsigned int n_tries;
	bool is_used; /* in this tick: the file's user, or found otherwise */
	bool is_found; /* by a pool of it: nobody tells when it no longer uses the file */
	bool was_refused; /* the points for pools without a page were asked for */
	bool was_cut; /* it has more slots than there is room for, and that is counted */
	uint64_t n_lies, n_torn; /* that are counted already */
	UT_hash_handle hh;
};

struct paged {
	struct kernel *kernel;
	struct targets *targets;
	struct paging *pages;
	struct paged_pools pools;
	struct page_room room;
	struct page_file file[FILES_MAX];
	size_t n_files;
	struct ps_proc_key wanted[PAGED_WANTED_MAX];
	size_t n_wanted;
	struct { /* looked for in vain, so many ticks in a row */
		struct ps_proc_key proc;
		unsigned int n;
	} missed[MISSED];
	size_t n_slots; /* of all pages */
	unsigned int turn; /* the page that the next tick begins with */
	int64_t spent_ns; /* with reading, in this tick */
	struct paged_report report;
};

int paged_new(struct kernel *k, struct targets *t, struct paged **ret)
{
	struct paged *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->kernel = k;
	p->targets = t;
	p->pools.begun_ns = page_process_now(NULL);
	*ret = p;
	return 0;
}

static void paging_free(struct paged *p, struct paging *g)
{
	paged_pools_leave(&p->pools, &g->source);
	HASH_DEL(p->pages, g);
	p->n_slots -= g->source.page.n_slots;
	page_done(&g->source.page);
	threads_of_done(&g->source.threads);
	free(g);
}

void paged_free(struct paged *p)
{
	struct paging *g, *next;

	if (!p)
		return;
	HASH_ITER (hh, p->pages, g, next)
		paging_free(p, g);
	paged_pools_done(&p->pools);
	page_room_done(&p->room);
	free(p);
}

const struct paged_report *paged_report(const struct paged *p)
{
	return &p->report;
}

/* ---- who has pages ------------------------------------------------------------------------------------------------------ */

static size_t n_pages_of(const struct paged *p, uint32_t pid)
{
	size_t n = 0;

	for (const struct paging *g = p->pages; g; g = g->hh.next)
		n += g->key.pid == pid;
	return n;
}

static struct paging *paging_get(struct paged *p, const struct page_file *file, uint32_t pid)
{
	struct paging_key key = { .file = *file, .pid = pid };
	struct paging *g;

	HASH_FIND(hh, p->pages, &key, sizeof(key), g);
	if (g)
		return g;
	if (HASH_COUNT(p->pages) >= PAGED_PROCESSES_MAX || n_pages_of(p, pid) >= PAGES_OF_ONE) {
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

static void meet_pages(struct paged *p, const struct model *m)
{
	struct paging *g, *next;

	HASH_ITER (hh, p->pages, g, next)
		g->is_used = g->is_found && model_is_fed(m, &g->proc);
	p->n_files = p->n_wanted = 0;
	p->spent_ns = 0;
	targets_page_users(p->targets, on_user, p);
	HASH_ITER (hh, p->pages, g, next)
		if (!g->is_used || kernel_is_left_out(p->kernel, (uint32_t)g->key.pid))
			paging_free(p, g);
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
	if (!has_slots(&g->source.page) ||
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
	struct stat st;

	if (g->was_refused || !g->source.page.n_refused)
		return;
	g->was_refused = true;
	if (!mapped_data_at((uint32_t)g->key.pid, g->source.page.root, &fd, &offset, path,
			    sizeof(path)) &&
	    !fstat(fd, &st) && st.st_dev == g->key.file.device && st.st_ino == g->key.file.inode)
		targets_watch_spare(p->targets, fd, path);
}

static void find_root(struct paging *g)
{
	if (g->source.page.root || (g->n_tries++ >= TRIES && g->n_tries % LATER))
		return;
	if (mapped_data_of((uint32_t)g->key.pid, g->key.file.device, g->key.file.inode,
			   g->key.file.root, &g->source.page.root))
		g->source.page.root = 0;
}

/* There is another program now, or none. */
static void lose_root(struct paged *p, struct paging *g)
{
	paged_pools_leave(&p->pools, &g->source);
	p->n_slots -= g->source.page.n_slots;
	page_done(&g->source.page);
	g->source.met_ns = 0;
	g->n_lies = g->n_torn = 0;
	g->is_known = false;
}

/* Twice as many as there may be pools: slots of pools that have ended are kept for a while. */
static size_t slots_limit(const struct paged *p)
{
	return 2 * (size_t)kernel_map_limit(p->kernel, KERNEL_MAP_POOLS);
}

/* One page can take a half of what is left, so that there is always some for others. */
static size_t slots_of_one(const struct paged *p)
{
	size_t limit = slots_limit(p);

	return limit > p->n_slots ? (limit - p->n_slots + 1) / 2 : 0;
}

/* Begins with what page_process_read() wants. */
struct reading {
	pid_t pid;
	uint64_t n_missed; /* when it began */
};

/* Reads that came to nothing, of anybody. */
static uint64_t n_missed(void)
{
	return remote_report()->n_given_up + remote_report()->n_left_out;
}

static bool is_left_out(void *context)
{
	const struct reading *r = context;

	return n_missed() != r->n_missed;
}

static void read_page(struct paged *p, struct paging *g)
{
	struct reading reading = { (pid_t)g->key.pid, n_missed() };
	struct page_memory m = { .read = page_process_read,
				 .now = page_process_now,
				 .context = &reading,
				 .is_left_out = is_left_out };
	int error;

	g->source.is_read = false;
	find_root(g);
	if (!g->source.page.root)
		return;
	p->n_slots -= g->source.page.n_slots;
	g->source.page.slots_max = slots_of_one(p);
	error = page_read(&g->source.page, &m, &p->room);
	p->n_slots += g->source.page.n_slots;
	p->report.n_refused += g->source.page.is_cut && !g->was_cut;
	g->was_cut = g->source.page.is_cut;
	p->report.n_lies += g->source.page.n_lies - g->n_lies;
	p->report.n_torn += g->source.page.n_torn - g->n_torn;
	g->n_lies = g->source.page.n_lies;
	g->n_torn = g->source.page.n_torn;
	if ((error == -EFAULT && !is_left_out(&reading)) || error == -EBADMSG)
		lose_root(p, g);
	if (error)
		return;
	g->source.is_read = true;
	if (!g->source.met_ns)
		g->source.met_ns = page_process_now(NULL);
	watch_spare(p, g);
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
			g->source.is_read = false;
			p->spent_ns = page_process_now(NULL) - begin_ns;
			if (p->spent_ns < PAGED_NS)
				read_page(p, g);
			else if (!n_late++)
				p->turn = i;
		}
	}
}

struct telling {
	struct paged *p;
	const struct model *m;
	void (*meet)(void *context, const struct ps_proc_key *proc);
	void *context;
};

static void tell(void *context, const struct ps_page_found *found)
{
	const struct telling *t = context;

	kernel_tell_page(t->p->kernel, found);
	if (!model_is_fed(t->m, &found->pool.proc))
		t->meet(t->context, &found->pool.proc);
}

void paged_tick(struct paged *p, const struct model *m,
		void (*meet)(void *context, const struct ps_proc_key *proc), void *context)
{
	struct telling telling = { p, m, meet, context };

	meet_pages(p, m);
	if (!p->pages && !p->pools.table)
		return;
	read_pages(p);
	paged_pools_begin(&p->pools, page_process_now(NULL));
	for (struct paging *g = p->pages; g; g = g->hh.next)
		if (g->source.is_read && know(p, g, m))
			paged_pools_take(&p->pools, &g->source, &g->proc);
	paged_pools_tell(&p->pools, tell, &telling);
	p->report.n_unlisted = p->pools.n_unlisted;
}

/* ---- found by its pool --------------------------------------------------------------------------------------------------- */

static void on_file(void *context, const struct page_file *file)
{
	struct paged *p = context;

	if (p->n_files < FILES_MAX)
		p->file[p->n_files++] = *file;
}

/* Once a tick, and not when much was read already. */
static bool may_look_for(struct paged *p, const struct ps_proc_key *proc)
{
	if (p->n_wanted == PAGED_WANTED_MAX || p->spent_ns >= PAGED_NS)
		return false;
	for (size_t i = 0; i < p->n_wanted; i++)
		if (!memcmp(&p->wanted[i], proc, sizeof(*proc)))
			return false;
	p->wanted[p->n_wanted++] = *proc;
	return true;
}

/* Less and less often, where it has none. */
static bool is_due(struct paged *p, const struct ps_proc_key *proc)
{
	unsigned int *n = &p->missed[proc->tgid % MISSED].n;
	struct ps_proc_key *of = &p->missed[proc->tgid % MISSED].proc;

	if (memcmp(of, proc, sizeof(*of)) != 0) {
		*of = *proc;
		*n = 0;
	}
	return (*n)++ < TRIES || *n % LATER == 0;
}

static struct paging *paging_find(struct paged *p, const struct page_file *file, uint32_t pid)
{
	struct paging_key key = { .file = *file, .pid = pid };
	struct paging *g;

	HASH_FIND(hh, p->pages, &key, sizeof(key), g);
	return g;
}

static void look_in(struct paged *p, const struct page_file *f, const struct ps_proc_key *proc)
{
	struct paging *g = paging_find(p, f, proc->tgid);
	uint64_t root;

	if ((g && g->source.is_read) ||
	    mapped_data_of(proc->tgid, f->device, f->inode, f->root, &root))
		return;
	if (!g)
		g = paging_get(p, f, proc->tgid);
	if (!g)
		return;
	g->is_found |= !g->is_used;
	g->is_used = true;
	g->proc = *proc;
	g->is_known = true;
	if (!g->source.page.root)
		g->source.page.root = root;
	read_page(p, g);
	if (g->source.is_read)
		paged_pools_take(&p->pools, &g->source, &g->proc);
}

/* A process of which the kernel side has such a pool: it was forked, or has made its page just now. */
static void look_for(struct paged *p, const struct ps_proc_key *proc)
{
	int64_t begin_ns = page_process_now(NULL), spent_ns = p->spent_ns;

	if (!is_due(p, proc))
		return;
	if (!p->n_files)
		targets_page_files(p->targets, on_file, p);
	for (size_t i = 0; i < p->n_files && p->spent_ns < PAGED_NS; i++) {
		look_in(p, &p->file[i], proc);
		p->spent_ns = spent_ns + page_process_now(NULL) - begin_ns;
	}
}

enum paged_answer paged_merge(struct paged *p, const struct ps_pool_key *key, struct ps_pool *books,
			      struct pool_extra *extra)
{
	enum paged_answer answer = paged_pools_merge(&p->pools, key, books, extra);

	if (answer != PAGED_UNREAD || !may_look_for(p, &key->proc))
		return answer;
	look_for(p, &key->proc);
	return paged_pools_merge(&p->pools, key, books, extra);
}

struct paged_pools *paged_pools(struct paged *p)
{
	return &p->pools;
}

void paged_feed_leases(struct paged *p, struct model *m)
{
	paged_pools_feed_leases(&p->pools, m);
}
