/* SPDX-License-Identifier: MIT */
/*
 * suspects.c - see suspects.h. The surprise: it takes two looks, a second apart, to see that somebody sleeps; and who was once seen to go on
 * has gone on, whatever it does afterwards.
 */
#include "detect/suspects.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "detect/detector.h"

#define APART_NS 900000000
#define COMPUTES 0.5 /* of the time */

struct suspect_key {
	uint64_t pool_id, item;
	int64_t since_ns; /* of the lease: an item that came back is another matter */
};

struct suspect {
	struct suspect_key key;
	int64_t first_ns;
	struct thread_facts first;
	enum ref_does does;
	bool is_seen;
	UT_hash_handle hh;
};

void suspects_done(struct suspects *s)
{
	struct suspect *x, *next;

	HASH_ITER (hh, s->table, x, next) {
		HASH_DEL(s->table, x);
		free(x);
	}
}

void suspects_tick_end(struct suspects *s)
{
	struct suspect *x, *next;

	HASH_ITER (hh, s->table, x, next) {
		if (!x->is_seen) {
			HASH_DEL(s->table, x);
			free(x);
			continue;
		}
		x->is_seen = false;
	}
}

/* NULL = out of memory, or one too many. */
static struct suspect *suspect_get(struct suspects *s, const struct suspect_key *key)
{
	struct suspect *x;

	HASH_FIND(hh, s->table, key, sizeof(*key), x);
	if (x)
		return x;
	if (HASH_COUNT(s->table) >= SUSPECTS_MAX) {
		s->n_refused++;
		return NULL;
	}
	x = calloc(1, sizeof(*x));
	if (!x)
		return NULL;
	x->key = *key;
	HASH_ADD(hh, s->table, key, sizeof(x->key), x);
	return x;
}

/* The thread took or wants another item, long after this one: not one within the other. */
static bool has_come_again(const struct pool_row *p, const struct ref_row *h)
{
	int64_t after_ns = unusual_ns(p);

	for (size_t i = 0; i < p->n_waiters; i++)
		if (p->waiters[i].tid == h->tid && h->age_ns - p->waiters[i].age_ns >= after_ns)
			return true;
	for (size_t i = 0; i < p->n_holders; i++)
		if (p->holders[i].tid == h->tid && h->age_ns - p->holders[i].age_ns >= after_ns)
			return true;
	return false;
}

static enum ref_does judge(const struct suspect *x, const struct thread_facts *now, int64_t t_ns)
{
	int64_t ns = t_ns - x->first_ns;
	double cpu_ns = (double)(now->cpu_ns - x->first.cpu_ns);

	if (x->does >= REF_GOES_ON)
		return x->does;
	if (ns < APART_NS)
		return REF_LOOKED_AT;
	if (now->n_runs == x->first.n_runs && cpu_ns < COMPUTES * (double)ns)
		return REF_SLEEPS;
	return cpu_ns >= COMPUTES * (double)ns ? REF_COMPUTES : REF_GOES_ON;
}

static void look_at(struct suspects *s, const struct pool_row *p, struct ref_row *h, int64_t t_ns,
		    thread_facts_fn *look, void *context)
{
	struct suspect_key key = { p->id, h->id, t_ns - h->age_ns };
	struct thread_facts now;
	struct suspect *x;

	if (h->is_thread_gone || !look(context, p->pid, h->tid, &now))
		return;
	x = suspect_get(s, &key);
	if (!x)
		return;
	x->is_seen = true;
	if (!x->first_ns) {
		x->first_ns = t_ns;
		x->first = now;
	}
	x->does =
		x->does == REF_WENT_ON || has_come_again(p, h) ? REF_WENT_ON : judge(x, &now, t_ns);
	h->does = x->does;
}

void suspects_look(struct suspects *s, struct pool_row *p, int64_t least_ns, int64_t t_ns,
		   thread_facts_fn *look, void *context)
{
	struct ref_row *holders = (struct ref_row *)p->holders; /* the snapshot is still being made */

	for (size_t i = 0; i < p->n_holders && i < SUSPECTS_PER_POOL; i++) {
		if (holders[i].age_ns < least_ns)
			return;
		if (holders[i].tid)
			look_at(s, p, &holders[i], t_ns, look, context);
	}
}
