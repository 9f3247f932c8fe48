/* SPDX-License-Identifier: MIT */
/*
 * ingest.c - see ingest.h. The surprise: a pool's books may be written while the kernel copies them; a copy counts only when no
 * event is half done in it (bpf/books.h), so a torn one is read again, a few times, and then left for the next tick.
 */
#include "ingest/ingest.h"

#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/remote.h"
#include "bpf/books.h"
#include "ingest/fields.h"
#include "ingest/inventory.h"
#include "ingest/jvms.h"
#include "ingest/locks.h"
#include "ingest/paged.h"
#include "ingest/process_info.h"
#include "ingest/progress.h"
#include "ingest/resources.h"
#include "probe/chosen.h"

#define READ_TRIES 8
#define PAGE_WAITED_NS 4000000000 /* for a page to be found */
#define POOLS_FEW 256 /* are looked at one and all: of these it is known sooner what is not an event, and it costs nothing */
#define BATCH 4096
#define BATCH_BYTES (1 << 19)
#define PRESSED_SHARE 8 /* processes that ended since the last tick hold at least 1 / this of a table */
#define WORKERS_PASSES 20 /* after a process was found to listen: what its children wait for shows when they sleep again */
#define IDLE_LEASES_SHARE 2 /* idle item records are dropped when the table is fuller than 1 / this */
#define SWEEP_TICKS 16 /* so often, and when a process has ended, idle item records are looked at: nobody asks for them */
#define HISTS_SHARE 2 /* histograms are read in batches where those of more than 1 / this of all pools changed in the last tick, */
#define HISTS_FEW 100 /* and of more than so many: a batch looks at each place of the table */

struct ingest {
	struct kernel *kernel;
	struct model *model;
	const struct targets *targets;
	struct chosen *chosen;
	struct inventory *inventory;
	struct paged *paged;
	struct jvms jvms;
	struct resources resources;
	struct progress progress;
	struct ring_buffer *ring;
	struct ingest_report report;
	int n_cpus;
	uint64_t *per_cpu; /* room for one number per CPU */
	bool has_met; /* a process, in this tick */
	bool is_sweep; /* in this tick idle item records are looked at */
	bool is_batched; /* histograms, in this tick */
	uint32_t n_ticks;
	unsigned int n_sweeps; /* that are still to be made whatever tick it is */
	uint32_t n_looked; /* pools that were looked at one by one since all were */
	uint32_t n_wanted; /* pools whose histograms have changed, in this tick */
	uint32_t n_gone; /* kernel_n_gone() at the last tick */
	bool has_families; /* of workers, as of the last tick */
	uint32_t n_serving; /* kernel_n_serving() at the last pass over threads */
	unsigned int n_passes; /* that are still to be made whatever there is */
	int64_t now_ns, former_ns; /* this tick and the one before */
	int64_t read_ns; /* of a walk in batches: when what is at hand was read */
};

static int on_story(void *context, void *data, size_t size)
{
	struct ingest *in = context;
	const struct ps_story *s = data;

	if (size < sizeof(*s) || s->kind >= PS_STORY_COUNT)
		return 0;
	in->report.stories[s->kind]++;
	model_feed_story(in->model, s); /* what finds no memory is one fewer to look at */
	return 0;
}

int ingest_new(struct kernel *k, struct model *m, struct targets *t, struct chosen *c,
	       struct ingest **ret)
{
	struct ingest *in = calloc(1, sizeof(*in));
	int error;

	if (!in)
		return -ENOMEM;
	in->kernel = k;
	in->model = m;
	in->targets = t;
	in->chosen = c;
	in->n_cpus = libbpf_num_possible_cpus();
	in->per_cpu = calloc((size_t)(in->n_cpus > 0 ? in->n_cpus : 1), sizeof(*in->per_cpu));
	error = in->per_cpu && in->n_cpus > 0 ? inventory_new(&in->inventory) : -ENOMEM;
	if (!error)
		error = paged_new(k, t, &in->paged);
	if (!error)
		inventory_begin(in->inventory, k, clock_ns(CLOCK_MONOTONIC)); /* whole, and in no tick */
	if (!error) {
		in->ring =
			ring_buffer__new(kernel_map_fd(k, KERNEL_MAP_STORIES), on_story, in, NULL);
		if (!in->ring)
			error = -errno;
	}
	if (error) {
		ingest_free(in);
		return error;
	}
	*ret = in;
	return 0;
}

void ingest_free(struct ingest *in)
{
	if (!in)
		return;
	ring_buffer__free(in->ring);
	inventory_free(in->inventory);
	paged_free(in->paged);
	jvms_done(&in->jvms);
	resources_done(&in->resources);
	progress_done(&in->progress);
	free(in->per_cpu);
	free(in);
}

void ingest_drain(struct ingest *in)
{
	ring_buffer__consume(in->ring);
	inventory_go_on(in->inventory, in->kernel, clock_ns(CLOCK_MONOTONIC));
}

bool ingest_is_pressed(const struct ingest *in)
{
	uint32_t limit = kernel_map_limit(in->kernel, KERNEL_MAP_PROCS),
		 endpoints = kernel_map_limit(in->kernel, KERNEL_MAP_ENDPOINTS);

	if (endpoints < limit)
		limit = endpoints;
	return kernel_n_gone(in->kernel) - in->n_gone > limit / PRESSED_SHARE;
}

const struct ingest_report *ingest_report(const struct ingest *in)
{
	return &in->report;
}

/* ---- walking a map ----------------------------------------------------------------------------------------------------- */

/*
 * Calls `each` with every key of a hash map. The next key is asked for before the call, so that `each` may delete its own. A key
 * deleted by others meanwhile makes the walk begin anew; the number of steps is bounded by twice the map's size.
 */
static void walk(struct ingest *in, enum kernel_map which, size_t key_size,
		 void (*each)(struct ingest *in, const void *key))
{
	int fd = kernel_map_fd(in->kernel, which);
	uint32_t n = 0, most = 2 * kernel_map_limit(in->kernel, which);
	char key[128], next[128];
	int error = bpf_map_get_next_key(fd, NULL, next);

	while (!error && n < most) {
		memcpy(key, next, key_size);
		error = bpf_map_get_next_key(fd, key, next);
		each(in, key);
		n++;
	}
	in->report.used[which] = n;
}

/* Keys and values of a hash map in batches: for tables with many entries. */
static void walk_batch(struct ingest *in, enum kernel_map which, size_t key_size, size_t value_size,
		       void (*each)(struct ingest *in, const void *key, const void *value))
{
	int fd = kernel_map_fd(in->kernel, which);
	size_t fitting = BATCH_BYTES / (key_size + value_size);
	uint32_t most = fitting < BATCH ? (uint32_t)fitting : BATCH;
	AUTO_FREE char *keys = malloc(most * key_size);
	AUTO_FREE char *values = malloc(most * value_size);
	uint32_t position = 0, next = 0, n, total = 0;
	bool is_first = true;
	int error;

	if (!keys || !values)
		return;
	do {
		n = most;
		error = bpf_map_lookup_batch(fd, is_first ? NULL : &position, &next, keys, values,
					     &n, NULL);
		if (error && error != -ENOENT)
			break;
		in->read_ns = clock_ns(CLOCK_MONOTONIC);
		for (uint32_t i = 0; i < n; i++)
			each(in, keys + i * key_size, values + i * value_size);
		total += n;
		position = next;
		is_first = false;
	} while (!error);
	in->report.used[which] = total;
}

/* ---- processes --------------------------------------------------------------------------------------------------------- */

static void meet_process(struct ingest *in, const struct ps_proc_key *key)
{
	struct process_info info = { .key = *key };
	struct process_names names;

	if (kernel_is_left_out(in->kernel, key->tgid))
		return; /* what is known of it goes as that of one that has ended */
	if (!model_has_process(in->model, key) && !chosen_look(in->chosen, key->tgid))
		return;
	if (!model_has_process(in->model, key) && !process_names_read(key->tgid, &names)) {
		info.name = names.name;
		info.service = names.service[0] ? names.service : NULL;
		info.container_id = names.container_id[0] ? names.container_id : NULL;
		info.executable = names.executable[0] ? names.executable : NULL;
		info.started_wall_ns = names.started_wall_ns;
		in->has_met = true;
	}
	if (model_feed_process(in->model, &info))
		return;
	resources_feed(&in->resources, in->model, key);
	jvms_feed(&in->jvms, in->model, key);
	kernel_note_runs(in->kernel, key->tgid);
}

static void each_process(struct ingest *in, const void *key, const void *value)
{
	const struct ps_proc_key *proc = key;
	const struct ps_proc *p = value;

	if (!p->gone_ns && !kernel_is_left_out(in->kernel, proc->tgid)) {
		meet_process(in, proc);
		in->report.n_processes++;
		return;
	}
	in->report.n_unseen +=
		p->gone_ns && !model_has_process(in->model, proc) && (p->n_endpoints || p->n_pools);
	bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_PROCS), proc);
}

/* Of this tick: the books of a process that has ended, or never was one, are not kept. */
static bool is_alive(const struct ingest *in, const struct ps_proc_key *proc)
{
	return model_is_fed(in->model, proc);
}

static void each_process_of_inventory(void *context, const struct ps_proc_key *key)
{
	meet_process(context, key);
}

/* ---- pools ------------------------------------------------------------------------------------------------------------- */

static void forget_pool(struct ingest *in, const struct ps_pool_key *key)
{
	bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_POOLS), key);
	bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_HISTS), key);
}

/* It was destroyed so long ago that the tick before has told of its end. */
static bool is_told_of(const struct ingest *in, const struct ps_pool *books)
{
	return books->flags & PS_POOL_DESTROYED && (int64_t)books->destroyed_ns < in->former_ns;
}

/* Its process has ended, or runs another program: of a page nothing can be read then, and who has no /proc is in no tick. */
static void cut_pool(struct ingest *in, const struct ps_pool_key *key, const struct ps_pool *books)
{
	in->report.n_pools_cut += model_has_process(in->model, &key->proc) &&
				  !kernel_is_left_out(in->kernel, key->proc.tgid) &&
				  !is_told_of(in, books);
	forget_pool(in, key);
}

/* Sets the time when they were read, too. 0 = a whole copy; -EAGAIN = torn each time; -ENOENT. */
static int read_books(struct ingest *in, const struct ps_pool_key *key, struct ps_pool *ret)
{
	int fd = kernel_map_fd(in->kernel, KERNEL_MAP_POOLS);

	for (int i = 0; i < READ_TRIES; i++) {
		if (bpf_map_lookup_elem(fd, key, ret))
			return -ENOENT;
		if (ps_books_are_whole(ret)) {
			in->read_ns = clock_ns(CLOCK_MONOTONIC);
			return 0;
		}
	}
	in->report.torn_reads++;
	return -EAGAIN;
}

static int64_t read_counter(uint32_t pid, uint64_t address)
{
	uint32_t value;

	if (!address || remote_read_all(pid, address, &value, sizeof(value)))
		return UNKNOWN;
	return value;
}

/* Both by one call, where both can be read: what is asked of another process costs 15 us, however little it is (2026-11). */
static void read_both(uint32_t pid, const struct ps_handle *handle, int64_t *ret_in_use,
		      int64_t *ret_open)
{
	uint32_t value[2];
	struct iovec into[] = { { &value[0], sizeof(value[0]) }, { &value[1], sizeof(value[1]) } },
		     from[] = { { (void *)(uintptr_t)handle->in_use_at, sizeof(value[0]) },
				{ (void *)(uintptr_t)handle->open_at, sizeof(value[1]) } };

	if (handle->in_use_at && handle->open_at &&
	    remote_read(pid, into, from, 2) == sizeof(value)) {
		*ret_in_use = value[0];
		*ret_open = value[1];
		return;
	}
	*ret_in_use = read_counter(pid, handle->in_use_at);
	*ret_open = read_counter(pid, handle->open_at);
}

/*
 * The author's own counters, through the handle in the target. Believed only when the books did not change meanwhile; the
 * memory is the target's, so nothing but two plain numbers is taken from it.
 */
static void read_counters(struct ingest *in, const struct ps_pool_key *key, struct ps_pool *books,
			  struct pool_extra *extra)
{
	struct ps_handle handle;
	struct ps_pool after;

	if (!(books->flags & PS_POOL_DESCRIBED) ||
	    remote_read_all(key->proc.tgid, key->pool, &handle, sizeof(handle)) ||
	    handle.magic != PS_HANDLE_MAGIC)
		return;
	extra->own_counts = handle.in_use_at || handle.open_at ? OWN_COUNTS_THERE : OWN_COUNTS_NONE;
	for (int i = 0; i < READ_TRIES && (handle.in_use_at || handle.open_at); i++) {
		int64_t in_use, open;

		read_both(key->proc.tgid, &handle, &in_use, &open);
		if (read_books(in, key, &after))
			return;
		if (ps_books_are_same(&after, books)) {
			extra->counted_in_use = in_use;
			extra->counted_open = open;
			return;
		}
		*books = after;
	}
}

/* What the recipe says of the pool, and the members of the library's own struct; believed as above. */
static void read_recipe(struct ingest *in, const struct ps_pool_key *key, struct ps_pool *books,
			struct pool_extra *extra)
{
	const struct target *t = targets_of_domain(in->targets, books->domain);
	struct ps_pool after;

	if (!t)
		return;
	extra->library = target_recipe(t)->library;
	extra->is_partial = !targets_is_complete(in->targets, t, &key->proc);
	extra->is_light = target_is_light(t);
	extra->is_waitless = !target_recipe(t)->tells_waits;
	if (extra->watch.level == LEVEL_DETACHED)
		return;
	for (int i = 0; i < READ_TRIES && target_recipe(t)->has_fields; i++) {
		struct pool_extra read = *extra;

		fields_read(key->proc.tgid, key->pool, target_fields(t), &read);
		if (read_books(in, key, &after))
			return;
		if (ps_books_are_same(&after, books)) {
			*extra = read;
			return;
		}
		*books = after;
	}
}

/* How long the process has stood still so far. */
static uint64_t read_stood(const struct ingest *in, const struct ps_proc_key *proc, int64_t t_ns)
{
	struct ps_standstill s;

	if (!model_has_stood(in->model, proc) ||
	    bpf_map_lookup_elem(kernel_map_fd(in->kernel, KERNEL_MAP_STANDSTILLS), proc, &s))
		return 0;
	return ps_stood(&s, (uint64_t)t_ns);
}

static void meet_paged(void *context, const struct ps_proc_key *proc)
{
	meet_process(context, proc);
}

/* Of a pool that is counted in a page: what that says, too. False: there is nothing to be fed now. */
static bool read_page(struct ingest *in, const struct ps_pool_key *key, struct ps_pool *books,
		      struct pool_extra *extra)
{
	switch (paged_merge(in->paged, key, books, extra)) {
	case PAGED_MERGED:
		return true;
	case PAGED_AS_BEFORE:
		model_keep_pool(in->model, key);
		return false;
	default:
		extra->is_light = true; /* what is known here alone is too little to be counts */
		return in->now_ns - (int64_t)books->since_ns > PAGE_WAITED_NS;
	}
}

static bool wants_hists(struct ingest *in, const struct ps_pool_key *key)
{
	return model_wants_hists(in->model, key) ||
	       paged_pools_has_new_holds(paged_pools(in->paged), key);
}

static void feed_hists(struct ingest *in, const struct ps_pool_key *key,
		       const struct ps_hists *hists)
{
	struct ps_hists both;

	if (paged_pools_has(paged_pools(in->paged), key)) {
		memcpy(&both, hists, sizeof(both));
		paged_pools_merge_holds(paged_pools(in->paged), key, &both);
		hists = &both;
	}
	model_feed_hists(in->model, key, hists);
}

/* How closely it is watched just now. */
static struct pool_watch watch_of(const struct ingest *in, const struct ps_pool_key *key,
				  uint32_t domain, bool is_paged)
{
	struct target_watch w = targets_watch(in->targets, domain, key->proc.tgid);
	struct pool_watch watch = { .level = w.level, .reason = w.reason, .cause = w.cause };

	if (is_paged && w.level == LEVEL_SLOW_PATH)
		return (struct pool_watch){ .level = LEVEL_FULL }; /* the page tells the rest */
	if (w.on_ns)
		watch.sampled_ns = (w.is_on ? in->now_ns : w.off_ns) - w.on_ns;
	return watch;
}

/* The books say nothing of how many are in use: the author's own counter does, where there is one. Of a pool with a page that was read with it. */
static bool wants_counters(const struct ingest *in, const struct ps_pool_key *key,
			   const struct pool_watch *watch, const struct ps_pool *books,
			   bool is_paged)
{
	if (watch->level != LEVEL_FULL)
		return watch->level != LEVEL_DETACHED;
	return books->flags & PS_POOL_IMPLICIT && !is_paged &&
	       model_wants_own_counts(in->model, key);
}

/* 0 = the books may be fed; else they are gone, or torn each time that they were read. */
static int read_whole(struct ingest *in, const struct ps_pool_key *key, struct ps_pool *books)
{
	int error = ps_books_are_whole(books) ? 0 : read_books(in, key, books);

	if (!error && !(books->flags & PS_POOL_PAGED) &&
	    model_doubts(in->model, key, books, in->read_ns))
		error = read_books(in, key, books);
	if (error == -EAGAIN) {
		model_keep_pool(in->model, key);
		paged_pools_keep(paged_pools(in->paged), key);
	}
	return error;
}

static void each_pool(struct ingest *in, const void *at, const void *value)
{
	const struct ps_pool_key *key = at;
	struct pool_extra extra = POOL_EXTRA_UNKNOWN;
	struct ps_pool books;
	struct ps_hists hists;
	int64_t batch_ns = in->read_ns, t_ns;
	bool is_paged;

	memcpy(&books, value, sizeof(books));
	if (!is_alive(in, &key->proc)) {
		cut_pool(in, key, &books);
		return;
	}
	if (read_whole(in, key, &books))
		return;
	if (books.domain && !targets_of_domain(in->targets, books.domain)) {
		forget_pool(in, key); /* its recipe is gone */
		return;
	}
	if (is_told_of(in, &books)) {
		forget_pool(in, key);
		return;
	}
	is_paged = books.flags & PS_POOL_PAGED || paged_pools_has(paged_pools(in->paged), key);
	if (is_paged && !read_page(in, key, &books, &extra))
		return;
	extra.watch = watch_of(in, key, books.domain, is_paged);
	if (books.domain)
		read_recipe(in, key, &books, &extra);
	else if (wants_counters(in, key, &extra.watch, &books, is_paged))
		read_counters(in, key, &books, &extra);
	t_ns = in->read_ns;
	in->read_ns = batch_ns;
	extra.stood_ns = read_stood(in, &key->proc, t_ns);
	if (model_feed_pool(in->model, key, &books, &extra, t_ns))
		return;
	if (!wants_hists(in, key))
		return;
	in->n_wanted++;
	if (!in->is_batched &&
	    !bpf_map_lookup_elem(kernel_map_fd(in->kernel, KERNEL_MAP_HISTS), key, &hists))
		feed_hists(in, key, &hists);
}

static void each_hists(struct ingest *in, const void *key, const void *value)
{
	if (wants_hists(in, key))
		feed_hists(in, key, value);
}

/* Nothing was told of it by the kernel side. */
static void each_unfed(void *context, const struct ps_pool_key *key)
{
	struct ingest *in = context;
	struct ps_pool books;

	if (!is_alive(in, &key->proc)) {
		if (!bpf_map_lookup_elem(kernel_map_fd(in->kernel, KERNEL_MAP_POOLS), key, &books))
			cut_pool(in, key, &books);
		return;
	}
	if (targets_watch(in->targets, 0, key->proc.tgid).level == LEVEL_FULL && /* what is quiet is the SDK's */
	    paged_pools_pass(paged_pools(in->paged), key) && model_feed_quiet(in->model, key))
		return;
	in->n_looked++;
	if (!bpf_map_lookup_elem(kernel_map_fd(in->kernel, KERNEL_MAP_POOLS), key, &books)) {
		in->read_ns = clock_ns(CLOCK_MONOTONIC);
		each_pool(in, key, &books);
	}
}

/* Those to which something happened, and of the others what the time makes of them. False: each is to be looked at. */
static bool read_changed_pools(struct ingest *in)
{
	const struct ps_changed *list;
	uint32_t n, n_all;
	bool is_told;

	if (in->is_sweep || in->n_looked > PS_CHANGED_MAX || model_wants_all(in->model) ||
	    in->report.used[KERNEL_MAP_POOLS] < POOLS_FEW)
		return false;
	is_told = !kernel_changed_pools(in->kernel, &list, &n, &n_all);
	in->n_looked = is_told ? 0 : in->n_looked;
	for (uint32_t i = 0; is_told && i < n; i++) {
		in->read_ns = (int64_t)list[i].read_ns;
		each_pool(in, &list[i].key, &list[i].books);
	}
	kernel_changed_done(in->kernel);
	if (!is_told)
		return false;
	in->read_ns = clock_ns(CLOCK_MONOTONIC);
	model_each_unfed(in->model, each_unfed, in);
	in->report.used[KERNEL_MAP_POOLS] = n_all;
	return true;
}

/* A system call for each pool costs more than the copy that it asks for, and a copy that nobody asked for more than none: so it depends on how many there are. */
static void read_pools(struct ingest *in)
{
	in->n_wanted = 0;
	if (read_changed_pools(in)) {
		in->is_batched = false;
		return;
	}
	in->n_looked = 0;
	walk_batch(in, KERNEL_MAP_POOLS, sizeof(struct ps_pool_key), sizeof(struct ps_pool),
		   each_pool);
	if (in->is_batched)
		walk_batch(in, KERNEL_MAP_HISTS, sizeof(struct ps_pool_key),
			   sizeof(struct ps_hists), each_hists);
	in->is_batched = in->n_wanted > HISTS_FEW &&
			 in->n_wanted > in->report.used[KERNEL_MAP_POOLS] / HISTS_SHARE;
}

/* Of a lease or a waiter that the model knows no pool for: there is none. */
static bool is_orphan(struct ingest *in, const struct ps_pool_key *key)
{
	struct ps_pool books;

	return !model_has_pool(in->model, key) &&
	       bpf_map_lookup_elem(kernel_map_fd(in->kernel, KERNEL_MAP_POOLS), key, &books);
}

static void each_lease(struct ingest *in, const void *key, const void *value)
{
	const struct ps_ref_key *ref = key;
	const struct ps_lease *lease = value;
	bool is_crowded = in->report.used[KERNEL_MAP_LEASES] >
			  kernel_map_limit(in->kernel, KERNEL_MAP_LEASES) / IDLE_LEASES_SHARE;

	if (lease->state == PS_LEASE_IDLE && !is_crowded && !in->is_sweep)
		return;
	if (!is_alive(in, &ref->pool.proc) || is_orphan(in, &ref->pool) ||
	    paged_pools_counts(paged_pools(in->paged), &ref->pool) ||
	    (is_crowded && lease->state == PS_LEASE_IDLE)) {
		bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_LEASES), ref);
		return;
	}
	model_feed_lease(in->model, ref, lease);
}

static void each_waiter(struct ingest *in, const void *key, const void *value)
{
	const struct ps_ref_key *ref = key;

	if (!is_alive(in, &ref->pool.proc) || is_orphan(in, &ref->pool)) {
		bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_WAITERS), ref);
		return;
	}
	model_feed_waiter(in->model, ref, value);
}

/* ---- calls and tasks --------------------------------------------------------------------------------------------------- */

/*
 * A call that began and never ended because its process did, or its recipe is gone. A process without pools is not known here, so it is asked for; one
 * that got its pid keeps the entry alive as long as it lives.
 */
static bool is_of_nobody(const struct ingest *in, const struct ps_proc_key *proc)
{
	if (kernel_is_left_out(in->kernel, proc->tgid))
		return true;
	if (model_has_process(in->model, proc))
		return !is_alive(in, proc);
	return kill((pid_t)proc->tgid, 0) && errno == ESRCH;
}

static void each_call(struct ingest *in, const void *key, const void *value)
{
	const struct ps_call_key *call = key;

	(void)value;
	if (is_of_nobody(in, &call->proc) || !targets_of_domain(in->targets, call->slot))
		bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_CALLS), call);
}

static void each_task(struct ingest *in, const void *key, const void *value)
{
	const struct ps_call_key *task = key;

	(void)value;
	if (is_of_nobody(in, &task->proc) || !targets_of_domain(in->targets, task->slot))
		bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_TASKS), task);
}

/* ---- sockets ----------------------------------------------------------------------------------------------------------- */

static void each_endpoint(struct ingest *in, const void *at, const void *value)
{
	const struct ps_endpoint_key *key = at;
	struct ps_endpoint books;
	struct ps_wire wire;
	int64_t queue, backlog, drops;

	memcpy(&books, value, sizeof(books));
	if (!is_alive(in, &key->proc)) {
		bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_ENDPOINTS), key);
		bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_WIRES), &books.wire);
		return;
	}
	if ((int64_t)books.refused_ns < inventory_since(in->inventory))
		books.refused_ns = 0; /* a pass has found room for all since */
	inventory_listener(in->inventory, key, &queue, &backlog, &drops);
	if (key->role != PS_SOCK_LISTEN)
		queue = backlog = UNKNOWN;
	if (!model_feed_endpoint(in->model, key, &books, false, queue, backlog, in->now_ns) &&
	    books.wire &&
	    !bpf_map_lookup_elem(kernel_map_fd(in->kernel, KERNEL_MAP_WIRES), &books.wire, &wire))
		model_feed_wire(in->model, key, &wire);
	if (key->role == PS_SOCK_LISTEN)
		model_feed_drops(in->model, key, drops);
}

static void each_socket(struct ingest *in, const void *key, const void *value)
{
	(void)key;
	model_feed_socket(in->model, value);
}

static void each_given_up(struct ingest *in, const void *key, const void *value)
{
	const struct ps_given_up_key *g = key;

	if (!is_alive(in, &g->proc)) {
		bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_GIVEN_UPS), g);
		return;
	}
	model_feed_given_up(in->model, g, value);
}

static void each_standstill(struct ingest *in, const void *key, const void *value)
{
	if (is_alive(in, key))
		model_feed_standstill(in->model, key, value);
	else
		bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_STANDSTILLS), key);
}

static void each_stall(struct ingest *in, const void *at, const void *value)
{
	const struct ps_stall_key *key = at;

	if (is_alive(in, &key->proc))
		model_feed_stalls(in->model, key, value);
	else
		bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_STALLS), key);
}

static void each_listener(struct ingest *in, const void *key)
{
	struct ps_listener l;

	if (!bpf_map_lookup_elem(kernel_map_fd(in->kernel, KERNEL_MAP_LISTENERS), key, &l) &&
	    !is_alive(in, &l.proc))
		bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_LISTENERS), key);
}

/* ---- workers ----------------------------------------------------------------------------------------------------------- */

/* A copy in which no event is half done; see struct ps_family. */
static int read_family(struct ingest *in, const struct ps_family_key *key, struct ps_family *ret)
{
	for (int i = 0; i < READ_TRIES; i++) {
		if (bpf_map_lookup_elem(kernel_map_fd(in->kernel, KERNEL_MAP_FAMILIES), key, ret))
			return -ENOENT;
		if (ret->events_begun == ret->events_done)
			return 0;
	}
	in->report.torn_reads++;
	return -EAGAIN;
}

/* The process has ended; or the socket was there for nobody at the last pass, and that was after its first worker. */
static bool is_family_gone(const struct ingest *in, const struct ps_family_key *key,
			   const struct listening *place, const struct ps_family *f)
{
	if (key->proc.tgid)
		return !is_alive(in, &key->proc);
	return !place && (int64_t)f->since_ns < inventory_since(in->inventory);
}

/* The place with the queues of all sockets at which they wait; false = it is at none any more. */
static bool place_of(const struct ingest *in, const struct ps_family_key *key,
		     const struct ps_family *f, struct listening *ret)
{
	const struct listening *l = inventory_listening(in->inventory, key->id);

	if (!l)
		return false;
	*ret = *l;
	for (uint32_t i = 1; i < f->n_listeners && i < PS_LISTENERS; i++) {
		l = inventory_listening(in->inventory, f->other[i - 1]);
		if (l)
			ret->queue += l->queue;
	}
	if (f->n_listeners > PS_LISTENERS)
		ret->queue = UNKNOWN;
	return true;
}

static void each_family(struct ingest *in, const void *at)
{
	const struct ps_family_key *key = at;
	struct ps_family books;
	struct listening place;
	bool has_place = false;
	int error = read_family(in, key, &books);

	if (error == -EAGAIN)
		model_keep_family(in->model, key);
	if (error)
		return;
	if (!key->proc.tgid)
		has_place = place_of(in, key, &books, &place);
	if (is_family_gone(in, key, has_place ? &place : NULL, &books))
		bpf_map_delete_elem(kernel_map_fd(in->kernel, KERNEL_MAP_FAMILIES), key);
	else if (has_place || key->proc.tgid)
		model_feed_family(in->model, key, &books, has_place ? &place : NULL,
				  clock_ns(CLOCK_MONOTONIC));
	in->has_families = true;
}

/* Threads are counted by a pass over all; it is made when there is somebody to count, or a new process that listens. */
static void meet_workers(struct ingest *in)
{
	uint32_t n = kernel_n_serving(in->kernel);

	if (n != in->n_serving)
		in->n_passes = WORKERS_PASSES;
	if (!in->n_passes && !in->has_families)
		return;
	if (in->n_passes)
		in->n_passes--;
	in->n_serving = n;
	in->has_families = false;
	kernel_meet_workers(in->kernel);
}

/* ---- losses ------------------------------------------------------------------------------------------------------------ */

static void read_losses(struct ingest *in)
{
	for (uint32_t i = 0; i < PS_LOSS_COUNT; i++) {
		if (bpf_map_lookup_elem(kernel_map_fd(in->kernel, KERNEL_MAP_LOSSES), &i,
					in->per_cpu))
			continue;
		in->report.losses[i] = 0;
		for (int cpu = 0; cpu < in->n_cpus; cpu++)
			in->report.losses[i] += in->per_cpu[cpu];
	}
}

static void add_remote_losses(struct ingest *in)
{
	const struct remote_report *r = remote_report();

	in->report.losses[PS_LOSS_memory_given_up] += r->n_given_up;
	in->report.losses[PS_LOSS_memory_left_out] += r->n_left_out;
}

static void add_page_losses(struct ingest *in)
{
	const struct paged_report *r = paged_report(in->paged);

	in->report.losses[PS_LOSS_page_lies] += r->n_lies;
	in->report.losses[PS_LOSS_page_torn] += r->n_torn;
	in->report.losses[PS_LOSS_page_unlisted] += r->n_unlisted;
	in->report.losses[PS_LOSS_pages_full] += r->n_refused;
}

int ingest_tick(struct ingest *in, int64_t now_ns)
{
	in->former_ns = in->now_ns;
	in->now_ns = now_ns;
	if (in->n_gone != kernel_n_gone(in->kernel))
		in->n_sweeps = 2; /* who ended in the midst of a tick is seen by the next */
	in->is_sweep = in->n_ticks++ % SWEEP_TICKS == 0 || in->n_sweeps;
	in->n_sweeps -= in->n_sweeps > 0;
	in->n_gone = kernel_n_gone(in->kernel); /* before they are looked at */
	in->has_met = false;
	in->report.n_processes = 0;
	ring_buffer__consume(in->ring);
	inventory_begin(in->inventory, in->kernel, now_ns);
	inventory_read_queues(in->inventory, in->kernel);
	meet_workers(in);
	model_tick_begin(in->model, now_ns);
	jvms_tick_begin(&in->jvms, in->targets);
	resources_tick_begin(&in->resources, now_ns);
	walk_batch(in, KERNEL_MAP_PROCS, sizeof(struct ps_proc_key), sizeof(struct ps_proc),
		   each_process);
	inventory_processes(in->inventory, each_process_of_inventory, in);
	jvms_tick_end(&in->jvms);
	resources_tick_end(&in->resources);
	if (in->has_met)
		kernel_meet_threads(in->kernel);
	progress_tick(&in->progress, in->kernel, in->model, clock_ns(CLOCK_MONOTONIC));
	walk_batch(in, KERNEL_MAP_STANDSTILLS, sizeof(struct ps_proc_key),
		   sizeof(struct ps_standstill), each_standstill); /* before their pools */
	paged_tick(in->paged, in->model, meet_paged, in);
	read_pools(in);
	walk_batch(in, KERNEL_MAP_LEASES, sizeof(struct ps_ref_key), sizeof(struct ps_lease),
		   each_lease);
	paged_feed_leases(in->paged, in->model);
	in->report.used[KERNEL_MAP_TAKEN] = kernel_clear_taken(in->kernel);
	walk_batch(in, KERNEL_MAP_WAITERS, sizeof(struct ps_ref_key), sizeof(struct ps_waiter),
		   each_waiter);
	walk_batch(in, KERNEL_MAP_CALLS, sizeof(struct ps_call_key), sizeof(struct ps_call),
		   each_call);
	walk_batch(in, KERNEL_MAP_TASKS, sizeof(struct ps_call_key), sizeof(struct ps_task),
		   each_task);
	walk_batch(in, KERNEL_MAP_ENDPOINTS, sizeof(struct ps_endpoint_key),
		   sizeof(struct ps_endpoint), each_endpoint);
	inventory_feed(in->inventory, in->kernel, in->model, now_ns); /* before their sockets */
	walk_batch(in, KERNEL_MAP_GIVEN_UPS, sizeof(struct ps_given_up_key),
		   sizeof(struct ps_given_up), each_given_up);
	walk_batch(in, KERNEL_MAP_STALLS, sizeof(struct ps_stall_key), sizeof(struct ps_hist),
		   each_stall);
	in->report.used[KERNEL_MAP_LOCKS] = locks_read(in->kernel, in->model, now_ns);
	if (model_wants_sockets(in->model))
		walk_batch(in, KERNEL_MAP_SOCKS, sizeof(uint64_t), sizeof(struct ps_sock),
			   each_socket);
	walk(in, KERNEL_MAP_LISTENERS, sizeof(struct ps_listener_key), each_listener);
	walk(in, KERNEL_MAP_FAMILIES, sizeof(struct ps_family_key), each_family);
	model_tick_end(in->model);
	read_losses(in);
	in->report.losses[PS_LOSS_attributes_left_out] +=
		in->resources.n_left_out + model_n_attributes_left_out(in->model);
	in->report.losses[PS_LOSS_program_busy] += kernel_n_skipped(in->kernel);
	in->report.losses[PS_LOSS_endpoints_full] += inventory_n_unfollowed(in->inventory);
	add_page_losses(in);
	add_remote_losses(in);
	in->report.used[KERNEL_MAP_UNIX] = inventory_n_followed(in->inventory);
	in->report.inventory_s = inventory_seconds(in->inventory);
	kernel_next_epoch(in->kernel);
	return 0;
}
