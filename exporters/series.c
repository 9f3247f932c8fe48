/* SPDX-License-Identifier: MIT */
/*
 * series.c - see series.h. The surprise: labels are written in the page's own form first, and that text is the key; so no pair of names is
 * compared, cleaned or escaped twice, however many families there are. Of the pool before, what is the same is not even written again: mostly all but
 * the name.
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

/* Writes labels one after the other, of rows that stay while it does. */
struct maker {
	series_label *add_label;
	bool has_pid;
	struct buffer labels; /* of the last row */
	const struct pool_row *last; /* NULL = there was none */
	size_t n_head; /* bytes of what stands before the pool's own label, */
	struct buffer tail; /* and what stands behind it */
};

static void maker_done(struct maker *m)
{
	buffer_done(&m->labels);
	buffer_done(&m->tail);
}

static const char *process_of(const struct pool_row *p)
{
	return p->service ? p->service : p->process;
}

static bool is_same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static void make_tail(struct maker *m, const struct pool_row *p)
{
	size_t before = m->labels.n;
	char pid[16];

	m->add_label(&m->labels, "kind",
		     p->kind < PS_KIND_COUNT ? kinds[p->kind] : kinds[PS_KIND_unknown]);
	m->add_label(&m->labels, "source", p->source);
	if (m->has_pid) {
		snprintf(pid, sizeof(pid), "%d", p->pid);
		m->add_label(&m->labels, "pid", pid);
	}
	if (m->labels.error)
		return;
	m->tail.n = 0;
	buffer_add(&m->tail, m->labels.data + before, m->labels.n - before);
}

/* Into m->labels. */
static int make_labels(struct maker *m, const struct pool_row *p)
{
	const struct pool_row *last = m->last;

	m->last = p;
	m->labels.n = m->n_head;
	if (!last || !is_same_text(process_of(last), process_of(p))) {
		m->labels.n = 0;
		m->add_label(&m->labels, "process", process_of(p));
		m->n_head = m->labels.n;
	}
	m->add_label(&m->labels, "pool", p->name);
	if (last && last->kind == p->kind && is_same_text(last->source, p->source) &&
	    (!m->has_pid || last->pid == p->pid))
		buffer_add(&m->labels, m->tail.data, m->tail.n);
	else
		make_tail(m, p);
	return m->labels.error ? m->labels.error : m->tail.error;
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
	memcpy(key, labels->data, labels->n);
	s->labels = key;
	s->n_labels = labels->n;
	HASH_ADD_KEYPTR(hh, set->first, s->labels, s->n_labels, s);
	return s->hh.tbl ? s : NULL;
}

/* There is more than one to be summed now. */
static int begin_values(struct series_set *set, struct series *s)
{
	s->values = arena_alloc(set->arena, set->sums->n_values, sizeof(*s->values));
	if (!s->values)
		return -ENOMEM;
	set->sums->begin(s->values);
	set->sums->add(s->values, s->rows->pool);
	return 0;
}

static int add_row(struct series_set *set, struct series *s, const struct pool_row *pool)
{
	struct series_row *row = arena_alloc(set->arena, 1, sizeof(*row));

	if (!row || (s->rows && !s->values && begin_values(set, s)))
		return -ENOMEM;
	row->pool = pool;
	if (s->last)
		s->last->next = row;
	else
		s->rows = row;
	s->last = row;
	if (s->values)
		set->sums->add(s->values, pool);
	return 0;
}

static int compare_ids(const void *a, const void *b)
{
	const struct pool_row *const *p = a, *const *q = b;

	return ((*p)->id > (*q)->id) - ((*p)->id < (*q)->id);
}

/* The one of those that are too many; NULL when out of memory. */
static struct series *get_other(struct series_set *set, series_label *add_label)
{
	CLEANUP(buffer_done) struct buffer labels = { 0 };
	struct series *s;

	if (make_other(add_label, &labels))
		return NULL;
	s = find(set, &labels);
	return s ? s : add(set, &labels);
}

static int join_pools(struct series_set *set, const struct snapshot *snapshot, bool has_pid,
		      size_t max, series_label *add_label)
{
	CLEANUP(maker_done) struct maker maker = { .add_label = add_label, .has_pid = has_pid };
	AUTO_FREE const struct pool_row **pools = calloc(snapshot->n_pools + 1, sizeof(*pools));
	struct series *other = NULL;

	if (!pools)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->n_pools; i++)
		pools[i] = &snapshot->pools[i];
	qsort(pools, snapshot->n_pools, sizeof(*pools), compare_ids);
	for (size_t i = 0; i < snapshot->n_pools; i++) {
		int r = make_labels(&maker, pools[i]);
		struct series *s = r ? NULL : find(set, &maker.labels);

		if (!r && !s && HASH_COUNT(set->first) >= max) {
			s = other = other ? other : get_other(set, add_label);
			set->overflow++;
		} else if (!r && !s) {
			s = add(set, &maker.labels);
		}
		if (!s || add_row(set, s, pools[i]))
			return -ENOMEM;
	}
	return 0;
}

static int join_retired(struct series_set *set, const struct snapshot *snapshot,
			series_label *add_label)
{
	CLEANUP(maker_done) struct maker maker = { .add_label = add_label };

	for (size_t i = 0; i < snapshot->n_retired; i++) {
		struct series *s;
		int r = make_labels(&maker, &snapshot->retired[i]);

		if (r)
			return r;
		s = find(set, &maker.labels);
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
