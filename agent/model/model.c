/* SPDX-License-Identifier: MIT */
/*
 * model.c - processes and pools from tick to tick, and the rows of a snapshot.
 *
 * The surprise: leases that began before the agent are not in the books' in_use; they are known only by their releases, and
 * (where the pool's author gave us his own counter) by the difference to it. The number of them is a constant of the pool,
 * before_total; two readings in a row must agree before it is believed.
 */
#include "model/model.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <uthash.h>

#include "base/arena.h"
#include "base/text.h"
#include "model/retired.h"

#define MODEL_REFS_MAX SNAPSHOT_REFS_MAX
#define DRIFT_TICKS 4
#define JOIN_TICKS 3
#define NAME_BYTES (PS_UNIX_PATH_MAX + 32) /* of a pool, or of an endpoint */
_Static_assert(NAME_BYTES >= PS_NAME_MAX, "a pool's name does not fit");

/*
 * Seconds are told in steps of 2^-24 (60 ns): then adding up those of many pools is exact, whatever the order, up to 17 years
 * of one item. Else a sum could fall by its last bit when one of its parts comes to stand behind the others.
 */
#define STEPS_PER_SECOND 16777216.0

static double whole_steps(double s)
{
	return floor(s * STEPS_PER_SECOND) / STEPS_PER_SECOND;
}

struct refs {
	struct ref_row *row; /* the oldest MODEL_REFS_MAX, unsorted while fed */
	size_t n;
	uint64_t total;
	int64_t oldest_since_ns; /* 0 = none */
};

struct process {
	struct ps_proc_key key;
	char *name, *service, *container_id;
	struct endpoint *connects; /* within a tick: the endpoints that it has connections to */
	unsigned int n_pools; /* within a tick: of connections */
	bool is_fed;
	UT_hash_handle hh;
};

struct window {
	int64_t t_ns;
	double in_use_s, capacity_s;
	uint64_t acquires, timeouts;
};

/* Integrals as they are told: they never fall, and are whole steps. */
struct sums {
	double in_use_s, capacity_s, pending_s, saturated_s;
};

struct pool {
	struct ps_pool_key key;
	uint64_t id;
	struct group *group; /* NULL = in none */
	bool is_grouped; /* by its present labels */
	char *library;
	struct ps_pool books;
	int64_t t_ns; /* of the books */
	struct hist hist[PS_HIST_COUNT];
	uint64_t hists_seen; /* acquires + releases + ... at the last histograms */
	double counted_in_use_s, counted_pending_s, counted_capacity_s; /* integrals of what the books count */
	uint64_t last_in_use_integral, last_pending_integral, last_capacity_integral;
	struct sums sums;
	int64_t before_total, before_candidate; /* UNKNOWN */
	int64_t counted_open, counted_capacity, counted_waiting; /* by the library itself; UNKNOWN */
	int64_t drift, drift_candidate; /* its count of items in use less ours */
	unsigned int drift_ticks;
	bool is_partial, is_light;
	struct ps_endpoint_key joined; /* the endpoint that its connections seem to go to */
	unsigned int joined_ticks; /* for so many ticks in a row */
	int64_t first_waits, first_wait_ns; /* as the library had them when we came; UNKNOWN */
	int64_t counted_in_use;
	double sampled_in_use_s, sampled_waiting_s; /* of a light one: by what was read at each tick */
	struct hist own_waits; /* count and sum alone, no buckets */
	struct refs holders, waiters;
	struct window window, former;
	bool is_fed;
	UT_hash_handle hh;
};

struct endpoint {
	struct ps_endpoint_key key;
	uint64_t id;
	struct group *group; /* NULL = in none */
	bool is_grouped; /* by its present labels */
	struct ps_endpoint books;
	struct hist create;
	bool is_sampled, is_fed;
	int64_t accept_queue, accept_backlog;
	struct endpoint *next_of_process; /* within a tick: connections of the same process */
	UT_hash_handle hh;
};

struct model {
	struct process *processes;
	struct pool *pools;
	struct endpoint *endpoints;
	struct retired retired;
	uint64_t next_id;
	int64_t now_ns;
};

struct model *model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	if (m)
		m->next_id = 1;
	return m;
}

/* ---- lifetimes --------------------------------------------------------------------------------------------------------- */

static void process_free(struct model *m, struct process *p)
{
	HASH_DEL(m->processes, p);
	free(p->name);
	free(p->service);
	free(p->container_id);
	free(p);
}

static void pool_free(struct model *m, struct pool *p)
{
	HASH_DEL(m->pools, p);
	for (int i = 0; i < PS_HIST_COUNT; i++)
		hist_done(&p->hist[i]);
	free(p->holders.row);
	free(p->waiters.row);
	free(p->library);
	free(p);
}

static void endpoint_free(struct model *m, struct endpoint *e)
{
	HASH_DEL(m->endpoints, e);
	hist_done(&e->create);
	free(e);
}

void model_free(struct model *m)
{
	struct process *proc, *next_proc;
	struct pool *p, *next_pool;
	struct endpoint *e, *next_endpoint;

	if (!m)
		return;
	HASH_ITER (hh, m->processes, proc, next_proc)
		process_free(m, proc);
	HASH_ITER (hh, m->pools, p, next_pool)
		pool_free(m, p);
	HASH_ITER (hh, m->endpoints, e, next_endpoint)
		endpoint_free(m, e);
	retired_done(&m->retired);
	free(m);
}

void model_tick_begin(struct model *m, int64_t now_ns)
{
	struct process *proc;
	struct pool *p;
	struct endpoint *e;

	m->now_ns = now_ns;
	for (proc = m->processes; proc; proc = proc->hh.next)
		proc->is_fed = false;
	for (p = m->pools; p; p = p->hh.next) {
		p->is_fed = false;
		p->holders.n = p->waiters.n = 0;
		p->holders.total = p->waiters.total = 0;
		p->holders.oldest_since_ns = p->waiters.oldest_since_ns = 0;
	}
	for (e = m->endpoints; e; e = e->hh.next)
		e->is_fed = false;
}

size_t model_n_pools(const struct model *m)
{
	return HASH_COUNT(m->pools) + HASH_COUNT(m->endpoints);
}

/* ---- processes --------------------------------------------------------------------------------------------------------- */

static struct process *process_find(const struct model *m, const struct ps_proc_key *key)
{
	struct process *p;

	HASH_FIND(hh, m->processes, key, sizeof(*key), p);
	return p;
}

bool model_has_process(const struct model *m, const struct ps_proc_key *key)
{
	return process_find(m, key);
}

static int replace_string(char **at, const char *with)
{
	char *copy = NULL;

	if (with) {
		copy = strdup(with);
		if (!copy)
			return -ENOMEM;
	}
	free(*at);
	*at = copy;
	return 0;
}

static bool is_same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

/* The name of a process is a label of its pools. */
static void process_is_renamed(struct model *m, const struct process *proc)
{
	struct pool *p;
	struct endpoint *e;

	for (p = m->pools; p; p = p->hh.next)
		if (!memcmp(&p->key.proc, &proc->key, sizeof(proc->key)))
			p->is_grouped = false;
	for (e = m->endpoints; e; e = e->hh.next)
		if (!memcmp(&e->key.proc, &proc->key, sizeof(proc->key)))
			e->is_grouped = false;
}

int model_feed_process(struct model *m, const struct process_info *info)
{
	struct process *p = process_find(m, &info->key);

	if (!p) {
		p = calloc(1, sizeof(*p));
		if (!p)
			return -ENOMEM;
		p->key = info->key;
		HASH_ADD(hh, m->processes, key, sizeof(p->key), p);
	}
	p->is_fed = true;
	if (!info->name)
		return 0;
	if (!is_same(p->name, info->name) || !is_same(p->service, info->service))
		process_is_renamed(m, p);
	if (replace_string(&p->name, info->name) || replace_string(&p->service, info->service) ||
	    replace_string(&p->container_id, info->container_id))
		return -ENOMEM;
	return 0;
}

/* ---- pools ------------------------------------------------------------------------------------------------------------- */

static struct pool *pool_find(const struct model *m, const struct ps_pool_key *key)
{
	struct pool *p;

	HASH_FIND(hh, m->pools, key, sizeof(*key), p);
	return p;
}

bool model_has_pool(const struct model *m, const struct ps_pool_key *key)
{
	return pool_find(m, key);
}

static struct pool *pool_get(struct model *m, const struct ps_pool_key *key)
{
	struct pool *p = pool_find(m, key);

	if (p)
		return p;
	p = calloc(1, sizeof(*p));
	if (!p)
		return NULL;
	p->key = *key;
	p->id = m->next_id++;
	p->before_total = p->before_candidate = UNKNOWN;
	p->counted_open = p->counted_capacity = p->counted_waiting = p->counted_in_use = UNKNOWN;
	p->first_waits = p->first_wait_ns = UNKNOWN;
	HASH_ADD(hh, m->pools, key, sizeof(p->key), p);
	return p;
}

/* Leases from before the agent: known to be none when the pool was made before our eyes. */
static void pool_learn_before(struct pool *p, const struct pool_extra *extra)
{
	const struct ps_pool *b = &p->books;
	int64_t now;

	if (!(b->flags & PS_POOL_IMPLICIT)) {
		p->before_total = 0;
		return;
	}
	if (extra->counted_in_use == UNKNOWN) {
		if (b->capacity && b->in_use == (int64_t)b->capacity) /* all that can be out was taken before our eyes */
			p->before_total = (int64_t)b->before_releases;
		return;
	}
	now = extra->counted_in_use - b->in_use + (int64_t)b->before_releases;
	if (now >= (int64_t)b->before_releases && now == p->before_candidate)
		p->before_total = now;
	p->before_candidate = now;
}

static int64_t pool_before_out(const struct pool *p)
{
	int64_t out = p->before_total - (int64_t)p->books.before_releases;

	return p->before_total == UNKNOWN || out < 0 ? 0 : out;
}

/*
 * The library's own count against ours. It may differ for a moment, while an item is on its way; when the same difference stands
 * for DRIFT_TICKS looks in a row, ours is wrong.
 */
static void pool_check_count(struct pool *p, const struct pool_extra *extra)
{
	int64_t diff = 0;

	if (extra->counted_in_use != UNKNOWN && p->before_total != UNKNOWN)
		diff = extra->counted_in_use - p->books.in_use - pool_before_out(p);
	p->drift_ticks = diff && diff == p->drift_candidate ? p->drift_ticks + 1 : 0;
	p->drift_candidate = diff;
	if (!diff || p->drift_ticks >= DRIFT_TICKS)
		p->drift = diff;
}

/* 0 = unbounded or unknown */
static int64_t pool_capacity(const struct pool *p)
{
	return p->counted_capacity != UNKNOWN ? p->counted_capacity : (int64_t)p->books.capacity;
}

static double pool_in_use_s(const struct pool *p)
{
	if (p->is_light)
		return p->sampled_in_use_s;

	double before = (double)p->books.before_sum_ns +
			(double)pool_before_out(p) * (double)(p->t_ns - (int64_t)p->books.since_ns);

	return p->counted_in_use_s + before / 1e9;
}

static double pool_saturated_s(const struct pool *p)
{
	const struct ps_pool *b = &p->books;
	double now = b->saturated_since_ns && p->t_ns > (int64_t)b->saturated_since_ns
			     ? (double)(p->t_ns - (int64_t)b->saturated_since_ns)
			     : 0;

	return ((double)b->saturated_ns + now) / 1e9;
}

/*
 * The clock is read a little after the books, so what ended in between was counted for too long by the tick before. A counter
 * must not take that back; it waits until the truth has caught up.
 */
static void sum_raise(double *sum, double to)
{
	if (to > *sum)
		*sum = whole_steps(to);
}

static void pool_raise_sums(struct pool *p)
{
	sum_raise(&p->sums.in_use_s, pool_in_use_s(p));
	sum_raise(&p->sums.capacity_s, p->counted_capacity_s);
	sum_raise(&p->sums.pending_s, p->is_light ? p->sampled_waiting_s : p->counted_pending_s);
	sum_raise(&p->sums.saturated_s, pool_saturated_s(p));
}

/* What was read at the last tick is taken to have held until now. */
static void pool_sample(struct pool *p, double seconds)
{
	if (p->counted_in_use > 0)
		p->sampled_in_use_s += (double)p->counted_in_use * seconds;
	if (p->counted_waiting > 0)
		p->sampled_waiting_s += (double)p->counted_waiting * seconds;
}

/* Waits since we came, by the library's own counters. */
static void pool_take_own_waits(struct pool *p, const struct pool_extra *extra)
{
	if (extra->counted_waits == UNKNOWN || extra->counted_wait_ns == UNKNOWN)
		return;
	if (p->first_waits == UNKNOWN) {
		bool is_ours = !(p->books.flags & PS_POOL_IMPLICIT); /* made before our eyes: all of them */

		p->first_waits = is_ours ? 0 : extra->counted_waits;
		p->first_wait_ns = is_ours ? 0 : extra->counted_wait_ns;
	}
	if (extra->counted_waits < p->first_waits || extra->counted_wait_ns < p->first_wait_ns)
		return;
	p->own_waits.count = (uint64_t)(extra->counted_waits - p->first_waits);
	p->own_waits.sum_s = whole_steps((double)(extra->counted_wait_ns - p->first_wait_ns) / 1e9);
}

int model_feed_pool(struct model *m, const struct ps_pool_key *key, const struct ps_pool *books,
		    const struct pool_extra *extra, int64_t t_ns)
{
	struct pool *p = pool_get(m, key);
	uint64_t in_use, pending, capacity;

	if (!p)
		return -ENOMEM;
	if (extra->library && !p->library) {
		if (replace_string(&p->library, extra->library))
			return -ENOMEM;
		p->is_grouped = false; /* it is the name of a pool without one */
	}
	p->is_fed = true;
	if (p->books.kind != books->kind || strncmp(p->books.name, books->name, PS_NAME_MAX - 1))
		p->is_grouped = false;
	p->books = *books;
	p->books.name[PS_NAME_MAX - 1] = 0;
	if (p->is_light && p->t_ns && t_ns > p->t_ns)
		pool_sample(p, (double)(t_ns - p->t_ns) / 1e9);
	if (!books->capacity && p->counted_capacity > 0 && t_ns > p->t_ns && p->t_ns)
		p->counted_capacity_s +=
			(double)p->counted_capacity * (double)(t_ns - p->t_ns) / 1e9;
	p->t_ns = t_ns;
	p->counted_open = extra->counted_open;
	p->counted_capacity = extra->counted_capacity;
	p->counted_waiting = extra->counted_waiting;
	p->is_partial = extra->is_partial;
	p->counted_in_use = extra->counted_in_use;
	p->is_light = extra->is_light;
	if (p->is_light)
		pool_take_own_waits(p, extra);
	/* modulo 2^64; only differences between ticks are used, and those are small */
	in_use = (uint64_t)books->in_use * (uint64_t)t_ns - books->acquired_sum +
		 books->released_sum;
	pending = (uint64_t)books->waiting * (uint64_t)t_ns - books->wait_begin_sum +
		  books->wait_end_sum;
	capacity =
		books->capacity_sum + books->capacity * ((uint64_t)t_ns - books->capacity_since_ns);
	p->counted_in_use_s += (double)(int64_t)(in_use - p->last_in_use_integral) / 1e9;
	p->counted_pending_s += (double)(int64_t)(pending - p->last_pending_integral) / 1e9;
	p->counted_capacity_s += (double)(int64_t)(capacity - p->last_capacity_integral) / 1e9;
	p->last_in_use_integral = in_use;
	p->last_pending_integral = pending;
	p->last_capacity_integral = capacity;
	pool_learn_before(p, extra);
	pool_check_count(p, extra);
	pool_raise_sums(p);

	p->former = p->window;
	p->window = (struct window){
		.t_ns = t_ns,
		.in_use_s = p->sums.in_use_s,
		.capacity_s = p->sums.capacity_s,
		.acquires = books->acquires,
		.timeouts = books->outcome[PS_OUTCOME_timeout],
	};
	return 0;
}

void model_keep_pool(struct model *m, const struct ps_pool_key *key)
{
	struct pool *p = pool_find(m, key);

	if (p)
		p->is_fed = true;
}

static uint64_t hist_events(const struct ps_pool *b)
{
	return b->acquires + b->releases + b->wait_ends + b->opened;
}

bool model_wants_hists(const struct model *m, const struct ps_pool_key *key)
{
	const struct pool *p = pool_find(m, key);

	return p && p->hists_seen != hist_events(&p->books);
}

/* The kernel's 32-bit counts wrap: the low half of ours equals the one read before. */
static int hist_catch_up(struct hist *h, const struct ps_hist *kernel)
{
	for (unsigned int i = 0; i < PS_HIST_BUCKETS; i++) {
		uint32_t more = kernel->bucket[i] - (uint32_t)hist_get(h, i);
		int error = more ? hist_add(h, i, more) : 0;

		if (error)
			return error;
	}
	h->sum_s = whole_steps((double)kernel->sum_ns / 1e9);
	h->max_ns = kernel->max_ns;
	return 0;
}

int model_feed_hists(struct model *m, const struct ps_pool_key *key, const struct ps_hists *hists)
{
	struct pool *p = pool_find(m, key);
	int error = 0;

	if (!p)
		return 0;
	for (int i = 0; i < PS_HIST_COUNT && !error; i++)
		error = hist_catch_up(&p->hist[i], &hists->h[i]);
	if (!error)
		p->hists_seen = hist_events(&p->books);
	return error;
}

/* ---- leases and waiters ------------------------------------------------------------------------------------------------ */

/* Keeps the oldest; `age_ns` holds the beginning until the snapshot. */
static int refs_feed(struct refs *r, uint64_t id, uint32_t tid, int64_t since_ns)
{
	size_t newest = 0;

	if (!r->row) {
		r->row = calloc(MODEL_REFS_MAX, sizeof(*r->row));
		if (!r->row)
			return -ENOMEM;
	}
	r->total++;
	if (!r->oldest_since_ns || since_ns < r->oldest_since_ns)
		r->oldest_since_ns = since_ns;
	if (r->n < MODEL_REFS_MAX) {
		newest = r->n++;
	} else {
		for (size_t i = 1; i < r->n; i++)
			if (r->row[i].age_ns > r->row[newest].age_ns)
				newest = i;
		if (since_ns >= r->row[newest].age_ns)
			return 0;
	}
	r->row[newest] = (struct ref_row){ .id = id, .tid = tid, .age_ns = since_ns };
	return 0;
}

int model_feed_lease(struct model *m, const struct ps_ref_key *key, const struct ps_lease *lease)
{
	struct pool *p = pool_find(m, &key->pool);

	if (!p || lease->state != PS_LEASE_HELD || lease->since_ns <= p->books.destroyed_ns)
		return 0;
	return refs_feed(&p->holders, key->id, lease->tid, (int64_t)lease->since_ns);
}

int model_feed_waiter(struct model *m, const struct ps_ref_key *key, const struct ps_waiter *waiter)
{
	struct pool *p = pool_find(m, &key->pool);

	return p ? refs_feed(&p->waiters, key->id, waiter->tid, (int64_t)waiter->since_ns) : 0;
}

/* ---- endpoints --------------------------------------------------------------------------------------------------------- */

int model_feed_endpoint(struct model *m, const struct ps_endpoint_key *key,
			const struct ps_endpoint *books, bool is_sampled, int64_t accept_queue,
			int64_t accept_backlog, int64_t t_ns)
{
	struct endpoint *e;

	(void)t_ns;
	HASH_FIND(hh, m->endpoints, key, sizeof(*key), e);
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->key = *key;
		e->id = m->next_id++;
		HASH_ADD(hh, m->endpoints, key, sizeof(e->key), e);
	}
	e->is_fed = true;
	e->books = *books;
	e->is_sampled = is_sampled;
	e->accept_queue = accept_queue;
	e->accept_backlog = accept_backlog;
	return hist_catch_up(&e->create, &books->create);
}

/* ---- labels and counters of a row -------------------------------------------------------------------------------------- */

static void row_process(const struct model *m, const struct ps_proc_key *key, struct pool_row *row)
{
	const struct process *p = process_find(m, key);

	row->pid = (int32_t)key->tgid;
	row->process = p && p->name ? p->name : "?";
	row->service = p ? p->service : NULL;
	row->container_id = p ? p->container_id : NULL;
}

static uint64_t sum8(const __u64 counts[8])
{
	uint64_t sum = 0;

	for (int i = 0; i < 8; i++)
		sum += counts[i];
	return sum;
}

static void pool_counters(const struct pool *p, struct pool_row *row)
{
	const struct ps_pool *b = &p->books;

	row->in_use_s = p->sums.in_use_s;
	row->capacity_s = b->capacity || p->sums.capacity_s > 0 ? p->sums.capacity_s : NAN;
	row->pending_s = p->sums.pending_s;
	row->saturated_s = b->capacity || pool_capacity(p) <= 0 ? p->sums.saturated_s : NAN;
	row->acquires = (int64_t)b->acquires;
	row->acquires_new = (int64_t)b->acquires_new;
	row->releases = (int64_t)b->releases;
	row->timeouts = (int64_t)b->outcome[PS_OUTCOME_timeout];
	for (int i = 0; i < PS_OUTCOME_COUNT; i++)
		row->outcome[i] = (int64_t)b->outcome[i];
	row->opened = (int64_t)b->opened;
	row->open_failures = (int64_t)b->open_failures;
	row->closed = (int64_t)sum8(b->closed);
	for (int i = 0; i < PS_CLOSE_COUNT; i++)
		row->closed_by[i] = (int64_t)b->closed[i];
	row->rejections = (int64_t)sum8(b->rejected);
	for (int i = 0; i < PS_REJECT_COUNT; i++)
		row->rejected_by[i] = (int64_t)b->rejected[i];
	row->health_ok = (int64_t)b->health_ok;
	row->health_failed = (int64_t)b->health_failed;
	row->odd_events = (int64_t)(b->odd_release + b->odd_acquire + b->odd_wait);
}

/* What only hot probes count was not counted. */
static void pool_forget_hot(struct pool_row *row)
{
	row->saturated_s = NAN;
	row->acquires = row->acquires_new = row->releases = row->timeouts = UNKNOWN;
	row->health_ok = row->health_failed = row->rejections = UNKNOWN;
	for (int i = 0; i < PS_OUTCOME_COUNT; i++)
		row->outcome[i] = UNKNOWN;
	for (int i = 0; i < PS_REJECT_COUNT; i++)
		row->rejected_by[i] = UNKNOWN;
}

/* A row with labels, counters and histograms, all borrowed: the name from `name`, the rest from the model. */
static void pool_row_begin(const struct model *m, const struct pool *p, char name[NAME_BYTES],
			   struct pool_row *row)
{
	const struct ps_pool *b = &p->books;

	*row = pool_row_unknown;
	row_process(m, &p->key.proc, row);
	if (!text_clean(b->name, PS_NAME_MAX, name, NAME_BYTES) && p->library)
		snprintf(name, NAME_BYTES, "%s", p->library);
	else if (!name[0])
		snprintf(name, NAME_BYTES, "pool-%llx", (unsigned long long)p->key.pool);
	row->name = name;
	row->kind = b->kind < PS_KIND_COUNT ? (enum ps_kind)b->kind : PS_KIND_unknown;
	row->source = p->library ? "recipe" : "usdt";
	pool_counters(p, row);
	if (p->is_light) {
		row->wait = p->first_waits != UNKNOWN ? &p->own_waits : NULL;
		pool_forget_hot(row);
		return;
	}
	row->wait = &p->hist[PS_HIST_WAIT];
	row->wait_failed = &p->hist[PS_HIST_WAIT_FAILED];
	row->hold = &p->hist[PS_HIST_HOLD];
	row->create = &p->hist[PS_HIST_CREATE];
}

/* "127.0.0.1:5432", "[::1]:80", "*:80", "/run/x.sock" */
static void endpoint_name(const struct ps_addr *a, char ret[NAME_BYTES])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	static const uint8_t any[16];
	char hex[64] = "";

	if (a->family == 1) {
		text_clean(a->path, PS_UNIX_PATH_MAX - 1, ret, NAME_BYTES);
		return;
	}
	if (!memcmp(a->ip, any, 16)) {
		snprintf(ret, NAME_BYTES, "*:%u", a->port);
		return;
	}
	if (!memcmp(a->ip, mapped, 12)) {
		snprintf(ret, NAME_BYTES, "%u.%u.%u.%u:%u", a->ip[12], a->ip[13], a->ip[14],
			 a->ip[15], a->port);
		return;
	}
	for (int i = 0; i < 16; i += 2)
		snprintf(hex + strlen(hex), sizeof(hex) - strlen(hex), "%s%x", i ? ":" : "",
			 a->ip[i] << 8 | a->ip[i + 1]);
	snprintf(ret, NAME_BYTES, "[%s]:%u", hex, a->port);
}

/* As pool_row_begin(). */
static void endpoint_row_begin(const struct model *m, const struct endpoint *e,
			       char name[NAME_BYTES], struct pool_row *row)
{
	const struct ps_endpoint *b = &e->books;
	bool is_listener = e->key.role == PS_SOCK_LISTEN;

	*row = pool_row_unknown;
	row_process(m, &e->key.proc, row);
	endpoint_name(&e->key.addr, name);
	row->name = row->endpoint = name;
	row->kind = is_listener ? PS_KIND_listener : PS_KIND_connection;
	row->source = "inferred";
	row->opened = (int64_t)b->opened;
	row->open_failures = is_listener || e->is_sampled ? UNKNOWN : (int64_t)b->failed;
	row->closed = (int64_t)(b->closed_by_peer + b->closed_by_us);
	memset(row->closed_by, 0, sizeof(row->closed_by));
	row->closed_by[PS_CLOSE_peer_closed] = (int64_t)b->closed_by_peer;
	row->closed_by[PS_CLOSE_local_closed] = (int64_t)b->closed_by_us;
	if (!is_listener && !e->is_sampled)
		row->create = &e->create;
}

static int string_keep(const char **s, struct arena *arena)
{
	const char *copy = arena_strdup(arena, *s);

	if (*s && !copy)
		return -ENOMEM;
	*s = copy;
	return 0;
}

static int hist_keep(const struct hist **h, struct arena *arena)
{
	struct hist *copy;

	if (!*h)
		return 0;
	copy = arena_alloc(arena, 1, sizeof(*copy));
	if (!copy)
		return -ENOMEM;
	*copy = **h;
	if (copy->n) {
		copy->bucket = arena_alloc(arena, copy->n, sizeof(*copy->bucket));
		if (!copy->bucket)
			return -ENOMEM;
		memcpy(copy->bucket, (*h)->bucket, copy->n * sizeof(*copy->bucket));
	}
	*h = copy;
	return 0;
}

/* Copies what is borrowed into the arena. */
static int row_keep(struct pool_row *row, struct arena *arena)
{
	if (string_keep(&row->name, arena) || string_keep(&row->endpoint, arena) ||
	    string_keep(&row->library, arena) || string_keep(&row->process, arena) ||
	    string_keep(&row->service, arena) || string_keep(&row->container_id, arena))
		return -ENOMEM;
	if (hist_keep(&row->wait, arena) || hist_keep(&row->wait_failed, arena) ||
	    hist_keep(&row->hold, arena) || hist_keep(&row->create, arena))
		return -ENOMEM;
	return 0;
}

/* ---- groups, and the end of a tick ------------------------------------------------------------------------------------- */

/* A pool changes its labels when it is made again under another name at the same address; its books go on. */
static void pool_join(struct model *m, struct pool *p)
{
	char name[NAME_BYTES];
	struct pool_row row;
	struct group *to;

	pool_row_begin(m, p, name, &row);
	to = retired_join(&m->retired, p->group, &row);
	if (!to)
		return; /* out of memory: perhaps at the next tick */
	p->group = to;
	p->is_grouped = true;
}

static void pool_leave(struct model *m, struct pool *p)
{
	char name[NAME_BYTES];
	struct pool_row row;

	pool_row_begin(m, p, name, &row);
	retired_leave(&m->retired, p->group, &row);
}

static void endpoint_join(struct model *m, struct endpoint *e)
{
	char name[NAME_BYTES];
	struct pool_row row;
	struct group *to;

	endpoint_row_begin(m, e, name, &row);
	to = retired_join(&m->retired, e->group, &row);
	if (!to)
		return;
	e->group = to;
	e->is_grouped = true;
}

static void endpoint_leave(struct model *m, struct endpoint *e)
{
	char name[NAME_BYTES];
	struct pool_row row;

	endpoint_row_begin(m, e, name, &row);
	retired_leave(&m->retired, e->group, &row);
}

static void forget_unfed(struct model *m)
{
	struct process *proc, *next_proc;
	struct pool *p, *next_pool;
	struct endpoint *e, *next_endpoint;

	HASH_ITER (hh, m->pools, p, next_pool) {
		if (p->is_fed)
			continue;
		pool_leave(m, p);
		pool_free(m, p);
	}
	HASH_ITER (hh, m->endpoints, e, next_endpoint) {
		if (e->is_fed)
			continue;
		endpoint_leave(m, e);
		endpoint_free(m, e);
	}
	HASH_ITER (hh, m->processes, proc, next_proc)
		if (!proc->is_fed)
			process_free(m, proc);
}

/* Items that exist, where that is known. */
static int64_t pool_open(const struct pool *p)
{
	const struct ps_pool *b = &p->books;
	int64_t open = (int64_t)(b->opened - sum8(b->closed));

	if (p->counted_open != UNKNOWN)
		return p->counted_open;
	if (b->flags & PS_POOL_IMPLICIT || !b->opened)
		return UNKNOWN;
	return open < 0 ? UNKNOWN : open;
}

/* ---- which endpoint a pool's connections go to -------------------------------------------------------------------------- */

static void gather_endpoints(struct model *m)
{
	struct process *proc;
	struct pool *p;
	struct endpoint *e;

	for (proc = m->processes; proc; proc = proc->hh.next) {
		proc->connects = NULL;
		proc->n_pools = 0;
	}
	for (e = m->endpoints; e; e = e->hh.next) {
		proc = e->key.role == PS_SOCK_CONNECT && e->books.open > 0
			       ? process_find(m, &e->key.proc)
			       : NULL;
		if (!proc)
			continue;
		e->next_of_process = proc->connects;
		proc->connects = e;
	}
	for (p = m->pools; p; p = p->hh.next) {
		proc = p->books.kind == PS_KIND_connection ? process_find(m, &p->key.proc) : NULL;
		if (proc)
			proc->n_pools++;
	}
}

/*
 * The one endpoint that has as many connections as the pool has items; where that number is not known, the only endpoint of a
 * process with one pool. NULL when there is none, or more than one.
 */
static const struct endpoint *endpoint_of(const struct process *proc, const struct pool *p)
{
	const struct endpoint *found = NULL;
	int64_t open = pool_open(p);

	if (open == UNKNOWN &&
	    (proc->n_pools != 1 || (proc->connects && proc->connects->next_of_process)))
		return NULL;
	for (const struct endpoint *e = proc->connects; e; e = e->next_of_process) {
		if (open != UNKNOWN && e->books.open != open)
			continue;
		if (found)
			return NULL;
		found = e;
	}
	return found;
}

/* It must look so for JOIN_TICKS ticks in a row; then it holds, as long as the pool does. */
static void join_endpoints(struct model *m)
{
	struct pool *p;

	gather_endpoints(m);
	for (p = m->pools; p; p = p->hh.next) {
		const struct process *proc = process_find(m, &p->key.proc);
		const struct endpoint *e;

		if (p->joined_ticks >= JOIN_TICKS || p->books.kind != PS_KIND_connection || !proc)
			continue;
		e = endpoint_of(proc, p);
		if (!e || memcmp(&p->joined, &e->key, sizeof(e->key)) != 0)
			p->joined_ticks = 0;
		if (!e)
			continue;
		p->joined = e->key;
		p->joined_ticks++;
	}
}

/* Those who came join before the others leave, so that who follows a pool in the same tick takes over the sums. */
void model_tick_end(struct model *m)
{
	struct pool *p;
	struct endpoint *e;

	for (p = m->pools; p; p = p->hh.next)
		if (p->is_fed && !p->is_grouped)
			pool_join(m, p);
	for (e = m->endpoints; e; e = e->hh.next)
		if (e->is_fed && !e->is_grouped)
			endpoint_join(m, e);
	forget_unfed(m);
	join_endpoints(m);
}

/* ---- rows -------------------------------------------------------------------------------------------------------------- */

static int by_beginning(const void *a, const void *b)
{
	const struct ref_row *x = a, *y = b;

	return (x->age_ns > y->age_ns) - (x->age_ns < y->age_ns);
}

static int refs_rows(const struct refs *r, int64_t now_ns, uint32_t tgid, struct arena *arena,
		     thread_name_fn *name, void *context, const struct ref_row **ret, size_t *ret_n)
{
	struct ref_row *rows;

	*ret = NULL;
	*ret_n = 0;
	if (!r->n)
		return 0;
	rows = arena_alloc(arena, r->n, sizeof(*rows));
	if (!rows)
		return -ENOMEM;
	memcpy(rows, r->row, r->n * sizeof(*rows));
	qsort(rows, r->n, sizeof(*rows), by_beginning);
	for (size_t i = 0; i < r->n; i++) {
		rows[i].age_ns = now_ns > rows[i].age_ns ? now_ns - rows[i].age_ns : 0;
		if (name)
			name(context, tgid, rows[i].tid, rows[i].thread, &rows[i].is_thread_gone);
	}
	*ret = rows;
	*ret_n = r->n;
	return 0;
}

/* acquires - releases = in use; and nothing of this pool was lost. NULL = trusted. */
static const char *pool_doubt(const struct pool *p)
{
	const struct ps_pool *b = &p->books;
	int64_t out = (int64_t)(b->acquires - (b->releases - b->before_releases) - b->odd_acquire);

	if (b->flags & PS_POOL_LOST_EVENTS)
		return "leases or waiters of it found no room in the tables";
	if (!(b->flags & PS_POOL_DESTROYED) && !b->destroyed_ns && out != b->in_use)
		return "acquires less releases is not in use";
	if (p->is_light)
		return p->counted_in_use == UNKNOWN
			       ? "the members of the pool's struct cannot be read"
			       : NULL;
	if (p->is_partial)
		return "some probes of its recipe could not be attached: `poolscope probes` has the reasons";
	if (p->drift)
		return "the library's own count of items in use is another one";
	if (p->before_total == UNKNOWN)
		return "it was there before the agent, and how many items were out then is not known";
	return NULL;
}

static int64_t pool_idle(const struct pool *p, const struct pool_row *row)
{
	const struct ps_pool *b = &p->books;

	if (row->open != UNKNOWN)
		return row->open > row->in_use ? row->open - row->in_use : 0;
	if (b->kind == PS_KIND_semaphore && b->capacity)
		return (int64_t)b->capacity > row->in_use ? (int64_t)b->capacity - row->in_use : 0;
	return UNKNOWN;
}

static void row_levels(const struct pool *p, struct pool_row *row)
{
	const struct ps_pool *b = &p->books;
	double seconds = (double)(p->window.t_ns - p->former.t_ns) / 1e9;
	int64_t before = pool_before_out(p);

	row->since_ns = (int64_t)b->since_ns;
	row->capacity = pool_capacity(p) > 0 ? pool_capacity(p) : UNKNOWN;
	row->capacity_basis = row->capacity != UNKNOWN ? "configured" : "unknown";
	row->min_idle = (int64_t)b->min_idle;
	row->in_use = (b->in_use > 0 ? b->in_use : 0) + before + p->drift;
	if (p->is_light)
		row->in_use = p->counted_in_use;
	else if (row->in_use < 0)
		row->in_use = 0;
	row->pending = p->is_light ? p->counted_waiting : b->waiting > 0 ? b->waiting : 0;
	row->in_use_peak = (int64_t)b->in_use_peak + before > row->in_use
				   ? (int64_t)b->in_use_peak + before
				   : row->in_use;
	row->pending_peak =
		(int64_t)b->waiting_peak > row->pending ? (int64_t)b->waiting_peak : row->pending;
	row->open = pool_open(p);
	row->idle = pool_idle(p, row);
	row->before_start =
		p->before_total == UNKNOWN ? (int64_t)b->before_releases : p->before_total;
	if (b->acquires && (b->opened || b->acquires_new))
		row->reuse_ratio = fmax(0, 1 - (double)(b->opened ? b->opened : b->acquires_new) /
							   (double)b->acquires);
	if (p->former.t_ns && seconds > 0) {
		double capacity = p->window.capacity_s - p->former.capacity_s;
		double used = p->window.in_use_s - p->former.in_use_s;

		row->mean_in_use = used > 0 ? used / seconds : 0;
		if (capacity > 0)
			row->utilization = used > 0 ? used / capacity : 0;
		row->acquires_per_s = (double)(p->window.acquires - p->former.acquires) / seconds;
		row->timeouts_per_s = (double)(p->window.timeouts - p->former.timeouts) / seconds;
	}
}

static int64_t age_of_oldest(const struct refs *r, int64_t now_ns)
{
	return r->total && now_ns > r->oldest_since_ns ? now_ns - r->oldest_since_ns : 0;
}

static void row_lighten(struct pool_row *row)
{
	row->confidence = "medium";
	row->oldest_wait_ns = row->oldest_hold_ns = UNKNOWN;
	row->acquires_per_s = row->timeouts_per_s = row->reuse_ratio = NAN;
	row->before_start = row->in_use_peak = row->pending_peak = UNKNOWN;
}

static int pool_row_fill(const struct model *m, struct pool *p, struct pool_row *row,
			 struct arena *arena, thread_name_fn *name_thread, void *context)
{
	char name[NAME_BYTES], endpoint[NAME_BYTES];
	uint32_t tgid = p->key.proc.tgid;

	pool_row_begin(m, p, name, row);
	row->id = p->id;
	row->library = p->library;
	if (p->joined_ticks >= JOIN_TICKS) {
		endpoint_name(&p->joined.addr, endpoint);
		row->endpoint = endpoint;
	}
	row_levels(p, row);
	row->oldest_wait_ns = age_of_oldest(&p->waiters, m->now_ns);
	row->oldest_hold_ns = age_of_oldest(&p->holders, m->now_ns);
	if (pool_before_out(p) && m->now_ns - row->since_ns > row->oldest_hold_ns)
		row->oldest_hold_ns = m->now_ns - row->since_ns; /* at least */
	row->confidence = "high";
	if (p->is_light)
		row_lighten(row);
	row->evidence = p->is_light  ? "members of the library's own struct, read once a second"
			: p->library ? "probes on the library's functions"
				     : "the pool's own probe points";
	row->untrusted_why = pool_doubt(p);
	row->trusted = !row->untrusted_why;
	if (row_keep(row, arena) ||
	    refs_rows(&p->holders, m->now_ns, tgid, arena, name_thread, context, &row->holders,
		      &row->n_holders) ||
	    refs_rows(&p->waiters, m->now_ns, tgid, arena, name_thread, context, &row->waiters,
		      &row->n_waiters))
		return -ENOMEM;
	return 0;
}

static int endpoint_row_fill(const struct model *m, const struct endpoint *e, struct pool_row *row,
			     struct arena *arena)
{
	const struct ps_endpoint *b = &e->books;
	bool is_listener = e->key.role == PS_SOCK_LISTEN;
	char name[NAME_BYTES];

	endpoint_row_begin(m, e, name, row);
	row->id = e->id;
	row->since_ns = (int64_t)b->since_ns;
	row->capacity = is_listener ? e->accept_backlog : UNKNOWN;
	row->capacity_basis = row->capacity != UNKNOWN ? "configured" : "unknown";
	row->open = b->open > 0 ? b->open : 0;
	row->before_start = (int64_t)b->found;
	row->pending = is_listener ? e->accept_queue : UNKNOWN;
	row->accept_queue = e->accept_queue;
	row->accept_backlog = e->accept_backlog;
	row->confidence = e->is_sampled ? "medium" : "high";
	row->evidence =
		e->is_sampled ? "socket inventory at each tick: shorter connections are not counted"
			      : "TCP state changes";
	row->trusted = b->open >= 0;
	row->untrusted_why = row->trusted ? NULL : "more connections were closed than seen open";
	return row_keep(row, arena);
}

/* A destroyed pool stays in the kernel's table for a moment; it may be made again, and its books go on. */
static bool pool_is_shown(const struct pool *p)
{
	return !(p->books.flags & PS_POOL_DESTROYED);
}

/* A place to which nothing leads any more, and nothing ever did before our eyes. */
static bool endpoint_is_shown(const struct endpoint *e)
{
	const struct ps_endpoint *b = &e->books;

	return b->open || b->connecting || e->key.role != PS_SOCK_CONNECT || b->opened || b->failed;
}

/* Whether sums of others need its counters, though it is not shown. */
static bool is_missed(bool is_shown, const struct group *g)
{
	return !is_shown && g && retired_is_shared(g);
}

static size_t n_missed(const struct model *m)
{
	size_t n = 0;

	for (const struct pool *p = m->pools; p; p = p->hh.next)
		n += is_missed(pool_is_shown(p), p->group);
	for (const struct endpoint *e = m->endpoints; e; e = e->hh.next)
		n += is_missed(endpoint_is_shown(e), e->group);
	return n;
}

/* What is gone for good, and what is there but not shown. */
static int snapshot_retired(const struct model *m, struct snapshot *s)
{
	size_t n = retired_n(&m->retired);
	struct pool_row *rows = arena_alloc(s->arena, n + n_missed(m), sizeof(*rows));
	char name[NAME_BYTES];

	if (!rows)
		return -ENOMEM;
	retired_rows(&m->retired, rows);
	for (size_t i = 0; i < n; i++)
		if (row_keep(&rows[i], s->arena))
			return -ENOMEM;
	for (const struct pool *p = m->pools; p; p = p->hh.next) {
		if (!is_missed(pool_is_shown(p), p->group))
			continue;
		pool_row_begin(m, p, name, &rows[n]);
		if (row_keep(&rows[n++], s->arena))
			return -ENOMEM;
	}
	for (const struct endpoint *e = m->endpoints; e; e = e->hh.next) {
		if (!is_missed(endpoint_is_shown(e), e->group))
			continue;
		endpoint_row_begin(m, e, name, &rows[n]);
		if (row_keep(&rows[n++], s->arena))
			return -ENOMEM;
	}
	s->retired = rows;
	s->n_retired = n;
	return 0;
}

int model_snapshot(struct model *m, struct snapshot *s, thread_name_fn *name_thread, void *context)
{
	struct pool_row *rows = arena_alloc(s->arena, model_n_pools(m) + 1, sizeof(*rows));
	struct pool *p;
	struct endpoint *e;
	size_t n = 0;

	if (!rows)
		return -ENOMEM;
	for (p = m->pools; p; p = p->hh.next)
		if (pool_is_shown(p) &&
		    pool_row_fill(m, p, &rows[n++], s->arena, name_thread, context))
			return -ENOMEM;
	for (e = m->endpoints; e; e = e->hh.next)
		if (endpoint_is_shown(e) && endpoint_row_fill(m, e, &rows[n++], s->arena))
			return -ENOMEM;
	s->pools = rows;
	s->n_pools = n;
	return snapshot_retired(m, s);
}
