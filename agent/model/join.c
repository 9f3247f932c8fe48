/* SPDX-License-Identifier: MIT */
/*
 * join.c - which endpoint the connections of a pool go to. The surprise: nobody tells; but the one endpoint that has as many
 * connections as the pool has items, tick after tick, is it. Where two fit, none is guessed. They are found by that number: a process may have
 * thousands of both.
 */
#include <stdlib.h>
#include <string.h>

#include "model/state.h"

/* Those of one process with as many connections: the first one stands for all of them. */
static struct endpoint *fit_find(const struct endpoint *fits, const struct ps_proc_key *proc,
				 int64_t open)
{
	struct endpoint_fit fit = { .proc = *proc, .open = open };
	struct endpoint *e;

	HASH_FIND(hh_fit, fits, &fit, sizeof(fit), e);
	return e;
}

static void fit_add(struct endpoint **fits, struct endpoint *e)
{
	struct endpoint *first = fit_find(*fits, &e->key.proc, e->books.open);

	e->n_fits = 1;
	if (first) {
		first->n_fits++;
		return;
	}
	e->fit = (struct endpoint_fit){ .proc = e->key.proc, .open = e->books.open };
	HASH_ADD(hh_fit, *fits, fit, sizeof(e->fit), e);
}

static void gather_endpoints(struct model *m, struct endpoint **fits)
{
	struct process *proc;
	struct pool *p;
	struct endpoint *e;

	for (proc = m->processes; proc; proc = proc->hh.next) {
		proc->connects = NULL;
		proc->n_connects = proc->n_pools = 0;
	}
	for (e = m->endpoints; e; e = e->hh.next) {
		proc = e->key.role == PS_SOCK_CONNECT && e->books.open > 0
			       ? process_find(m, &e->key.proc)
			       : NULL;
		if (!proc)
			continue;
		proc->connects = e;
		proc->n_connects++;
		fit_add(fits, e);
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
static const struct endpoint *endpoint_of(const struct endpoint *fits, const struct process *proc,
					  const struct pool *p)
{
	const struct endpoint *e;
	int64_t open = pool_open(p);

	if (open == UNKNOWN)
		return proc->n_pools == 1 && proc->n_connects == 1 ? proc->connects : NULL;
	e = fit_find(fits, &proc->key, open);
	return e && e->n_fits == 1 ? e : NULL;
}

/* An endpoint whose connections are a pool's items is no pool of its own. */
static void fold_endpoints(struct model *m)
{
	struct endpoint *e;

	for (e = m->endpoints; e; e = e->hh.next)
		e->is_folded = false;
	for (struct pool *p = m->pools; p; p = p->hh.next) {
		if (p->joined_ticks < JOIN_TICKS || p->books.flags & PS_POOL_DESTROYED ||
		    p->watch.level != LEVEL_FULL) /* then its sockets know more than it does */
			continue;
		HASH_FIND(hh, m->endpoints, p->joined, sizeof(*p->joined), e);
		if (e)
			e->is_folded = true;
	}
}

/* In this tick; NULL = none. Without memory it is not seen. */
static void pool_seems_to_join(struct pool *p, const struct endpoint *e)
{
	if (!e || !p->joined || memcmp(p->joined, &e->key, sizeof(e->key)) != 0)
		p->joined_ticks = 0;
	if (e && !p->joined)
		p->joined = malloc(sizeof(*p->joined));
	if (!e || !p->joined)
		return;
	*p->joined = e->key;
	p->joined_ticks++;
}

/* It must look so for JOIN_TICKS ticks in a row; then it holds, as long as the pool does. */
void join_endpoints(struct model *m)
{
	struct endpoint *fits = NULL;
	struct pool *p;

	gather_endpoints(m, &fits);
	for (p = m->pools; p; p = p->hh.next) {
		const struct process *proc = process_find(m, &p->key.proc);
		const struct endpoint *e;

		if (p->joined_ticks >= JOIN_TICKS || p->books.kind != PS_KIND_connection || !proc)
			continue;
		e = endpoint_of(fits, proc, p);
		pool_seems_to_join(p, e);
	}
	HASH_CLEAR(hh_fit, fits);
	fold_endpoints(m);
}
