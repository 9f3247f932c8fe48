/* SPDX-License-Identifier: MIT */
/*
 * join.c - which endpoint the connections of a pool go to. The surprise: nobody tells; but the one endpoint that has as many
 * connections as the pool has items, tick after tick, is it. Where two fit, none is guessed.
 */
#include <string.h>

#include "model/state.h"

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

/* An endpoint whose connections are a pool's items is no pool of its own. */
static void fold_endpoints(struct model *m)
{
	struct endpoint *e;

	for (e = m->endpoints; e; e = e->hh.next)
		e->is_folded = false;
	for (struct pool *p = m->pools; p; p = p->hh.next) {
		if (p->joined_ticks < JOIN_TICKS || p->books.flags & PS_POOL_DESTROYED)
			continue;
		HASH_FIND(hh, m->endpoints, &p->joined, sizeof(p->joined), e);
		if (e)
			e->is_folded = true;
	}
}

/* It must look so for JOIN_TICKS ticks in a row; then it holds, as long as the pool does. */
void join_endpoints(struct model *m)
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
	fold_endpoints(m);
}
