/* SPDX-License-Identifier: MIT */
/*
 * jvms.c - see jvms.h. The surprise: a collection is a safepoint, and in both counters, but its own time is without what is around it. So
 * the safepoints are counted, and the collections say which of them are called gc: all of a tick, none, or as many as there were
 * collections, for their time. One that goes on at the end of a tick may have no collection yet, and is called safepoint.
 */
#include "ingest/jvms.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#define TRIES 10 /* ticks; a JVM that starts fills its counters in a second, one with -XX:-UsePerfData never */

struct jvm {
	struct ps_proc_key key;
	struct hsperf places;
	uint64_t address; /* 0 = not found */
	unsigned int n_tries;
	bool is_fed;
	bool has_gc, has_others; /* rows */
	struct hsperf_counts former; /* of the last tick, or when it was met */
	UT_hash_handle hh;
};

static void jvm_free(struct jvms *j, struct jvm *v)
{
	HASH_DEL(j->table, v);
	free(v);
}

void jvms_done(struct jvms *j)
{
	struct jvm *v, *next;

	HASH_ITER (hh, j->table, v, next)
		jvm_free(j, v);
	free(j->silent);
	memset(j, 0, sizeof(*j));
}

/* ---- who is one -------------------------------------------------------------------------------------------------------- */

static void add_silent(void *context, uint32_t pid)
{
	struct jvms *j = context;

	if (j->n_silent == j->n_silent_max) {
		size_t n = j->n_silent_max ? 2 * j->n_silent_max : 16;
		uint32_t *more = realloc(j->silent, n * sizeof(*more));

		if (!more)
			return; /* in the next tick, maybe */
		j->silent = more;
		j->n_silent_max = n;
	}
	j->silent[j->n_silent++] = pid;
}

static int by_pid(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void jvms_tick_begin(struct jvms *j, const struct targets *t)
{
	j->n_silent = 0;
	targets_silent_jvms(t, add_silent, j);
	if (j->n_silent)
		qsort(j->silent, j->n_silent, sizeof(*j->silent), by_pid);
	for (struct jvm *v = j->table; v; v = v->hh.next)
		v->is_fed = false;
}

void jvms_tick_end(struct jvms *j)
{
	struct jvm *v, *next;

	HASH_ITER (hh, j->table, v, next)
		if (!v->is_fed)
			jvm_free(j, v);
}

static struct jvm *jvm_get(struct jvms *j, const struct ps_proc_key *key)
{
	struct jvm *v;

	HASH_FIND(hh, j->table, key, sizeof(*key), v);
	if (v)
		return v;
	v = calloc(1, sizeof(*v));
	if (!v)
		return NULL;
	v->key = *key;
	HASH_ADD(hh, j->table, key, sizeof(v->key), v);
	if (v->hh.tbl)
		return v;
	free(v);
	return NULL;
}

/* ---- what it says ------------------------------------------------------------------------------------------------------- */

static void tell(struct model *m, const struct jvm *v, enum ps_stall_cause cause, uint64_t n,
		 double s)
{
	struct ps_stall_key key = { .proc = v->key, .cause = cause };

	model_feed_counted_stalls(m, &key, n, s);
}

void jvms_split(const struct hsperf_counts *former, const struct hsperf_counts *now,
		struct hsperf_counts *ret)
{
	uint64_t safepoints = now->safepoints - former->safepoints,
		 collections = now->collections - former->collections;
	double safepoint_s = now->safepoint_s - former->safepoint_s,
	       collection_s = now->collection_s - former->collection_s;

	*ret = (struct hsperf_counts){ 0 };
	if (now->safepoints < former->safepoints || now->collections < former->collections ||
	    safepoint_s < 0 || collection_s < 0)
		return;
	if (collections > safepoints) /* two were one safepoint */
		collections = safepoints;
	if (safepoints ? collections == safepoints : collection_s > 0)
		collection_s = safepoint_s; /* or the end of one that a tick came into */
	else if (!collections)
		collection_s = 0;
	else if (collection_s > safepoint_s)
		collection_s = safepoint_s;
	*ret = (struct hsperf_counts){ .safepoints = safepoints - collections,
				       .safepoint_s = safepoint_s - collection_s,
				       .collections = collections,
				       .collection_s = collection_s };
}

static void jvm_find(struct jvm *v)
{
	struct hsperf_counts now;
	uint64_t address;

	if (v->n_tries == TRIES)
		return;
	v->n_tries++;
	if (hsperf_find(v->key.tgid, &v->places, &address) ||
	    hsperf_read(v->key.tgid, &v->places, address, &now))
		return;
	v->former = now;
	v->address = address;
}

void jvms_feed(struct jvms *j, struct model *m, const struct ps_proc_key *key)
{
	struct hsperf_counts now, more;
	struct jvm *v;

	if (!j->n_silent ||
	    !bsearch(&key->tgid, j->silent, j->n_silent, sizeof(*j->silent), by_pid))
		return;
	v = jvm_get(j, key);
	if (!v || v->is_fed)
		return;
	v->is_fed = true;
	if (!v->address)
		jvm_find(v);
	if (!v->address)
		return;
	if (hsperf_read(key->tgid, &v->places, v->address, &now))
		now = v->former; /* nonsense now, or the process ends: what was told stays */
	jvms_split(&v->former, &now, &more);
	v->former = now;
	v->has_gc |= more.collections > 0;
	v->has_others |= more.safepoints > 0;
	if (v->has_gc)
		tell(m, v, PS_STALL_gc, more.collections, more.collection_s);
	if (v->has_others)
		tell(m, v, PS_STALL_safepoint, more.safepoints, more.safepoint_s);
}
