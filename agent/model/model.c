/* SPDX-License-Identifier: MIT */
/*
 * model.c - who there is: processes, pools and endpoints from tick to tick, and the groups of those with the same labels.
 *
 * The surprise: those who came in a tick join their groups before those who ended leave them, so that who follows a pool in the
 * same tick takes over the sums.
 */
#include "model/model.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "model/state.h"

#define MODEL_REFS_MAX SNAPSHOT_REFS_MAX

struct model *model_new(void)
{
	struct model *m = calloc(1, sizeof(*m));

	if (m)
		m->next_id = 1;
	return m;
}

/* ---- who has something, or waits for it --------------------------------------------------------------------------------- */

/* Room for one more, up to the most: nearly all pools have but a few. */
static int refs_reserve(struct refs *r)
{
	uint32_t size = r->size ? 2 * r->size : 1;
	struct ref_row *more;

	if (r->n < r->size || r->size == MODEL_REFS_MAX)
		return 0;
	more = realloc(r->row, size * sizeof(*more));
	if (!more)
		return -ENOMEM;
	r->row = more;
	r->size = size;
	return 0;
}

static void refs_clear(struct refs *r)
{
	r->n = 0;
	r->total = 0;
	r->oldest_since_ns = 0;
}

/* What the last tick had no use for is given back. */
static void refs_trim(struct refs *r)
{
	if (r->n || !r->row)
		return;
	free(r->row);
	r->row = NULL;
	r->size = 0;
}

/* ---- lifetimes --------------------------------------------------------------------------------------------------------- */

static void pool_free(struct model *m, struct pool *p)
{
	HASH_DEL(m->pools, p);
	free(p->counted);
	if (p->has_own_row)
		free(p->row);
	free(p->name);
	for (int i = 0; i < PS_HIST_COUNT; i++)
		hist_done(&p->hist[i]);
	free(p->holders.row);
	free(p->waiters.row);
	free(p->slow);
	free(p->own_waits);
	free(p->joined);
	free(p->library);
	free(p);
}

static void endpoint_free(struct model *m, struct endpoint *e)
{
	HASH_DEL(m->endpoints, e);
	hist_done(&e->create);
	hist_done(&e->wait);
	hist_done(&e->hold);
	free(e);
}

void model_free(struct model *m)
{
	struct process *proc, *next_proc;
	struct pool *p, *next_pool;
	struct endpoint *e, *next_endpoint;
	struct family *f, *next_family;
	struct stall *s, *next_stall;
	struct lock *l, *next_lock;

	if (!m)
		return;
	HASH_ITER (hh, m->processes, proc, next_proc)
		process_free(m, proc);
	HASH_ITER (hh, m->pools, p, next_pool)
		pool_free(m, p);
	HASH_ITER (hh, m->endpoints, e, next_endpoint)
		endpoint_free(m, e);
	HASH_ITER (hh, m->families, f, next_family)
		family_free(m, f);
	HASH_ITER (hh, m->stalls, s, next_stall)
		stall_free(m, s);
	HASH_ITER (hh, m->locks, l, next_lock)
		lock_free(m, l);
	lock_sums_done(m);
	stall_sums_done(m);
	retired_done(&m->retired);
	free(m->rows);
	free(m->told);
	free(m->given_ups);
	free(m);
}

void model_tick_begin(struct model *m, int64_t now_ns)
{
	struct process *proc;
	struct pool *p;
	struct endpoint *e;

	m->now_ns = now_ns;
	m->next_pool = m->pools; /* as a guess, those that are fed first were met first */
	m->fed_pool = NULL;
	for (proc = m->processes; proc; proc = proc->hh.next)
		proc->is_fed = proc->has_workers = false;
	for (p = m->pools; p; p = p->hh.next) {
		p->is_fed = p->has_new_hists = false;
		refs_clear(&p->holders);
		refs_clear(&p->waiters);
	}
	for (e = m->endpoints; e; e = e->hh.next)
		e->is_fed = false;
	for (struct family *f = m->families; f; f = f->hh.next)
		f->is_fed = false;
	exemplars_tick_begin(m);
	stalls_tick_begin(m);
	locks_tick_begin(m);
	tap_begin(m);
}

size_t model_n_pools(const struct model *m)
{
	return HASH_COUNT(m->pools) + HASH_COUNT(m->endpoints) + HASH_COUNT(m->families);
}

/* ---- processes --------------------------------------------------------------------------------------------------------- */

/* Asked several times for each pool, and mostly of the same process as before. */
struct process *process_find(const struct model *m, const struct ps_proc_key *key)
{
	struct process *p = m->recent;

	if (p && p->key.tgid == key->tgid && p->key.incarnation == key->incarnation)
		return p;
	HASH_FIND(hh, m->processes, key, sizeof(*key), p);
	if (p)
		((struct model *)m)->recent = p; /* it is a guess, and no part of what the model is */
	return p;
}

bool model_has_process(const struct model *m, const struct ps_proc_key *key)
{
	return process_find(m, key);
}

bool model_is_fed(const struct model *m, const struct ps_proc_key *key)
{
	const struct process *p = process_find(m, key);

	return p && p->is_fed;
}

int replace_string(char **at, const char *with)
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

/* The name of a process is a label of its pools: they are in other groups from this tick on. */
static bool is_renamed(const struct model *m, const struct ps_proc_key *key)
{
	const struct process *proc = process_find(m, key);

	return proc && proc->is_renamed;
}

static void pools_of_renamed(struct model *m)
{
	struct pool *p;
	struct endpoint *e;

	for (p = m->pools; p; p = p->hh.next)
		p->is_grouped = p->is_grouped && !is_renamed(m, &p->key.proc);
	for (e = m->endpoints; e; e = e->hh.next)
		e->is_grouped = e->is_grouped && !is_renamed(m, &e->key.proc);
	for (struct family *f = m->families; f; f = f->hh.next)
		if (is_renamed(m, f->key.proc.tgid ? &f->key.proc : &f->place.owner))
			f->is_grouped = false;
	for (struct process *proc = m->processes; proc; proc = proc->hh.next)
		proc->is_renamed = false;
	m->has_renamed = false;
}

/* ---- leases and waiters ------------------------------------------------------------------------------------------------ */

/* Keeps the oldest; `age_ns` holds the beginning until the snapshot. */
static int refs_feed(struct refs *r, uint64_t id, uint64_t taker, uint32_t tid, int64_t since_ns)
{
	size_t newest = 0;

	if (refs_reserve(r))
		return -ENOMEM;
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
	r->row[newest] =
		(struct ref_row){ .id = id, .taker = taker, .tid = tid, .age_ns = since_ns };
	return 0;
}

int model_feed_lease(struct model *m, const struct ps_ref_key *key, const struct ps_lease *lease)
{
	struct pool *p = pool_find(m, &key->pool);

	if (!p || lease->state != PS_LEASE_HELD ||
	    lease->since_ns <= (uint64_t)p->books.destroyed_ns)
		return 0;
	tap_put(m, RECORD_lease, key, lease);
	return refs_feed(&p->holders, key->id, lease->waiter, lease->tid, (int64_t)lease->since_ns);
}

int model_feed_waiter(struct model *m, const struct ps_ref_key *key, const struct ps_waiter *waiter)
{
	struct pool *p = pool_find(m, &key->pool);

	if (!p)
		return 0;
	tap_put(m, RECORD_waiter, key, waiter);
	return refs_feed(&p->waiters, key->id, key->id, waiter->tid, (int64_t)waiter->since_ns);
}

/* ---- endpoints --------------------------------------------------------------------------------------------------------- */

int model_feed_endpoint(struct model *m, const struct ps_endpoint_key *key,
			const struct ps_endpoint *books, bool is_sampled, int64_t accept_queue,
			int64_t accept_backlog, int64_t t_ns)
{
	struct endpoint *e;
	bool is_as_before;

	(void)t_ns;
	HASH_FIND(hh, m->endpoints, key, sizeof(*key), e);
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e)
			return -ENOMEM;
		e->key = *key;
		e->timeouts = e->drops = UNKNOWN;
		e->id = m->next_id++;
		HASH_ADD(hh, m->endpoints, key, sizeof(e->key), e);
	}
	e->is_fed = true;
	e->n_silent = e->n_silent_held = 0;
	e->silent_since_ns = e->close_wait_since_ns = UNKNOWN;
	is_as_before = !memcmp(&e->books.create, &books->create, sizeof(books->create));
	e->books = *books;
	e->is_sampled = is_sampled;
	e->accept_queue = accept_queue;
	e->accept_backlog = accept_backlog;
	tap_put_endpoint(m, e);
	return is_as_before ? 0 : hist_catch_up(&e->create, &books->create, 0);
}

void model_feed_drops(struct model *m, const struct ps_endpoint_key *key, int64_t drops)
{
	struct endpoint *e;

	HASH_FIND(hh, m->endpoints, key, sizeof(*key), e);
	if (!e)
		return;
	tap_put(m, RECORD_drops, key, &(struct record_drops){ .n = drops });
	if (drops > e->drops)
		e->drops = drops;
}

int model_feed_wire(struct model *m, const struct ps_endpoint_key *key, const struct ps_wire *wire)
{
	struct endpoint *e;

	HASH_FIND(hh, m->endpoints, key, sizeof(*key), e);
	if (!e)
		return 0;
	tap_put(m, RECORD_wire, key, wire);
	recent_roll(
		&e->recent,
		&(struct mark){ .t_ns = m->now_ns,
				.wait_s = (double)wire->wait.sum_ns / 1e9,
				.saturated_s = (double)wire->saturated_ns / 1e9,
				.stalled_s = (double)(wire->stalled_ns + wire->backlog_ns) / 1e9 });
	return endpoint_take_wire(e, wire);
}

int model_feed_given_up(struct model *m, const struct ps_given_up_key *key,
			const struct ps_given_up *value)
{
	if (m->n_given_ups == m->n_given_ups_max) {
		size_t n = m->n_given_ups_max ? 2 * m->n_given_ups_max : 64;
		struct given_up *more = realloc(m->given_ups, n * sizeof(*more));

		if (!more)
			return -ENOMEM;
		m->given_ups = more;
		m->n_given_ups_max = n;
	}
	tap_put(m, RECORD_given_up, key, value);
	m->given_ups[m->n_given_ups++] = (struct given_up){ .key = *key, .value = *value };
	return 0;
}

bool model_wants_sockets(const struct model *m)
{
	for (const struct endpoint *e = m->endpoints; e; e = e->hh.next)
		if (e->is_fed && (e->wire.handoffs_long || e->books.close_wait > 0))
			return true;
	return false;
}

void model_feed_socket(struct model *m, const struct ps_sock *sock)
{
	struct endpoint *e;

	if (sock->is_gone || (sock->role != PS_SOCK_CONNECT && sock->state != PS_SOCK_PEER_CLOSED))
		return;
	HASH_FIND(hh, m->endpoints, &sock->endpoint, sizeof(sock->endpoint), e);
	if (!e)
		return;
	tap_put(m, RECORD_socket,
		&(struct record_socket_key){ .proc = sock->endpoint.proc,
					     .since_ns = sock->since_ns },
		sock);
	endpoint_note_close_wait(e, sock);
	if (sock->role == PS_SOCK_CONNECT && sock->wire)
		endpoint_take_socket(e, sock);
}

/* ---- groups, and the end of a tick ------------------------------------------------------------------------------------- */

/* A pool changes its labels when it is made again under another name at the same address; its books go on. */
static void join(struct model *m, const struct pool_row *row, struct group **group,
		 bool *ret_is_grouped)
{
	struct group *to = retired_join(&m->retired, *group, row);

	if (!to)
		return; /* out of memory: perhaps at the next tick */
	*group = to;
	*ret_is_grouped = true;
}

static void pool_join(struct model *m, struct pool *p)
{
	join(m, pool_row_labelled(m, p), &p->group, &p->is_grouped);
}

static void pool_leave(struct model *m, struct pool *p)
{
	if (p->group)
		retired_leave(&m->retired, p->group, pool_row_labelled(m, p));
}

void pool_retire_counts(struct model *m, struct pool *p)
{
	retired_add(p->group, pool_row_labelled(m, p));
}

static void endpoint_join(struct model *m, struct endpoint *e)
{
	char name[NAME_BYTES];
	struct pool_row row;

	endpoint_row_begin(m, e, name, &row);
	join(m, &row, &e->group, &e->is_grouped);
}

static void endpoint_leave(struct model *m, struct endpoint *e)
{
	char name[NAME_BYTES];
	struct pool_row row;

	endpoint_row_begin(m, e, name, &row);
	retired_leave(&m->retired, e->group, &row);
}

static void family_join(struct model *m, struct family *f)
{
	char name[NAME_BYTES];
	struct pool_row row;
	struct group *to;

	family_row_begin(m, f, name, &row);
	to = retired_join(&m->retired, f->group, &row);
	if (!to)
		return;
	f->group = to;
	f->is_grouped = true;
}

static void family_leave(struct model *m, struct family *f)
{
	char name[NAME_BYTES];
	struct pool_row row;

	family_row_begin(m, f, name, &row);
	retired_leave(&m->retired, f->group, &row);
}

/* Of those who were fed, as one of them is gone. */
static void forget_order(struct model *m)
{
	m->fed_pool = m->next_pool = NULL;
	for (struct pool *p = m->pools; p; p = p->hh.next)
		p->next_fed = NULL;
}

static void forget_unfed(struct model *m)
{
	bool has_gone = false;
	struct family *f, *next_family;
	struct process *proc, *next_proc;
	struct pool *p, *next_pool;
	struct endpoint *e, *next_endpoint;

	HASH_ITER (hh, m->pools, p, next_pool) {
		if (p->is_fed)
			continue;
		pool_leave(m, p);
		pool_free(m, p);
		has_gone = true;
	}
	if (has_gone)
		forget_order(m);
	HASH_ITER (hh, m->endpoints, e, next_endpoint) {
		if (e->is_fed)
			continue;
		endpoint_leave(m, e);
		endpoint_free(m, e);
	}
	HASH_ITER (hh, m->families, f, next_family) {
		if (f->is_fed)
			continue;
		family_leave(m, f);
		family_free(m, f);
	}
	HASH_ITER (hh, m->processes, proc, next_proc)
		if (!proc->is_fed)
			process_free(m, proc);
}

/* Those who came join before the others leave, so that who follows a pool in the same tick takes over the sums. */
void model_tick_end(struct model *m)
{
	struct pool *p;
	struct endpoint *e;

	if (m->has_renamed)
		pools_of_renamed(m);
	for (p = m->pools; p; p = p->hh.next)
		if (p->is_fed && !p->is_grouped)
			pool_join(m, p);
	for (e = m->endpoints; e; e = e->hh.next) {
		if (e->is_fed && endpoint_source_rises(e))
			e->is_grouped = false;
		if (e->is_fed && !e->is_grouped)
			endpoint_join(m, e);
	}
	for (struct family *f = m->families; f; f = f->hh.next)
		if (f->is_fed && !f->is_grouped)
			family_join(m, f);
	forget_unfed(m);
	for (p = m->pools; p; p = p->hh.next) {
		refs_trim(&p->holders);
		refs_trim(&p->waiters);
	}
	stalls_tick_end(m);
	stall_sums_tick_end(m);
	locks_tick_end(m);
	lock_sums_tick_end(m);
	join_endpoints(m);
	infer_timeouts(m);
	trends_tick_end(m);
}
