/* SPDX-License-Identifier: MIT */
/*
 * series.c - see series.h. The surprise: labels are written in the page's own form first, and that text is the key; so no pair of names is
 * compared, cleaned or escaped twice, however many families there are.
 */
/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include "exporters/series.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "model/snapshot.h"

static const char *const kinds[] = {
#define KIND(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

static int make_labels(const struct pool_row *p, bool has_pid, series_label *add_label,
		       struct buffer *ret)
{
	char pid[16];

	ret->n = 0;
	add_label(ret, "process", p->service ? p->service : p->process);
	add_label(ret, "pool", p->name);
	add_label(ret, "kind", p->kind < PS_KIND_COUNT ? kinds[p->kind] : kinds[PS_KIND_unknown]);
	add_label(ret, "source", p->source);
	if (has_pid) {
		snprintf(pid, sizeof(pid), "%d", p->pid);
		add_label(ret, "pid", pid);
	}
	return ret->error;
}

static int make_other(series_label *add_label, struct buffer *ret)
{
	static const char *const names[] = { "process", "pool", "kind", "source" };

	ret->n = 0;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		add_label(ret, names[i], "other");
	return ret->error;
}

static struct series *find(const struct series_set *set, const struct buffer *labels)
{
	struct series *s;

	HASH_FIND(hh, set->first, labels->data, labels->n, s);
	return s;
}

/* A series that is not there yet; NULL when out of memory. */
static struct series *add(struct series_set *set, const struct buffer *labels)
{
	struct series *s = arena_alloc(set->arena, 1, sizeof(*s));
	char *key = arena_alloc(set->arena, labels->n + 1, 1);

	if (!s || !key)
		return NULL;
	s->values = arena_alloc(set->arena, set->sums->n_values, sizeof(*s->values));
	if (!s->values)
		return NULL;
	set->sums->begin(s->values);
	memcpy(key, labels->data, labels->n);
	s->labels = key;
	s->n_labels = labels->n;
	HASH_ADD_KEYPTR(hh, set->first, s->labels, s->n_labels, s);
	return s->hh.tbl ? s : NULL;
}

static int add_row(struct series_set *set, struct series *s, const struct pool_row *pool)
{
	struct series_row *row = arena_alloc(set->arena, 1, sizeof(*row));

	if (!row)
		return -ENOMEM;
	row->pool = pool;
	if (s->last)
		s->last->next = row;
	else
		s->rows = row;
	s->last = row;
	set->sums->add(s->values, pool);
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	const struct pool_row *const *p = a, *const *q = b;

	return ((*p)->id > (*q)->id) - ((*p)->id < (*q)->id);
}

static int join_pools(struct series_set *set, const struct snapshot *snapshot, bool has_pid,
		      size_t max, series_label *add_label)
{
	CLEANUP(buffer_done) struct buffer labels = { 0 };
	AUTO_FREE const struct pool_row **pools = calloc(snapshot->n_pools + 1, sizeof(*pools));

	if (!pools)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->n_pools; i++)
		pools[i] = &snapshot->pools[i];
	qsort(pools, snapshot->n_pools, sizeof(*pools), compare_ids);
	for (size_t i = 0; i < snapshot->n_pools; i++) {
		int r = make_labels(pools[i], has_pid, add_label, &labels);
		struct series *s = r ? NULL : find(set, &labels);

		if (!r && !s && HASH_COUNT(set->first) >= max) {
			r = make_other(add_label, &labels);
			s = r ? NULL : find(set, &labels);
			set->overflow++;
		}
		if (!r && !s)
			s = add(set, &labels);
		if (!s || add_row(set, s, pools[i]))
			return -ENOMEM;
	}
	return 0;
}

static int join_retired(struct series_set *set, const struct snapshot *snapshot,
			series_label *add_label)
{
	CLEANUP(buffer_done) struct buffer labels = { 0 };

	for (size_t i = 0; i < snapshot->n_retired; i++) {
		struct series *s;
		int r = make_labels(&snapshot->retired[i], false, add_label, &labels);

		if (r)
			return r;
		s = find(set, &labels);
		if (s && add_row(set, s, &snapshot->retired[i]))
			return -ENOMEM;
	}
	return 0;
}

int series_init(struct series_set *set, const struct snapshot *s, bool has_pid, size_t max,
		series_label *add_label, const struct series_sums *sums)
{
	int r;

	*set = (struct series_set){ .arena = arena_new(), .sums = sums };
	if (!set->arena)
		return -ENOMEM;
	r = join_pools(set, s, has_pid, max, add_label);
	if (!r && !has_pid)
		r = join_retired(set, s, add_label);
	return r;
}

void series_done(struct series_set *set)
{
	HASH_CLEAR(hh, set->first);
	arena_free(set->arena);
	*set = (struct series_set){ 0 };
}
