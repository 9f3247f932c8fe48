/* SPDX-License-Identifier: MIT */
/*
 * otlp_counted.c - see otlp_counted.h. The surprise: a counter that fell is made to look as if it had been 0 when it was sent last, once what it
 * had then is in the offset or the series has a new start; so nothing after it need know of falls.
 */
#include "exporters/otlp_counted.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>

/* ---- members and what they have counted ---------------------------------------------------------------------------------- */

static void kept_done(struct kept *k)
{
	free(k->bucket);
	*k = (struct kept){ 0 };
}

size_t member_n_hist(const struct member *m)
{
	return m->key.class == MEMBER_POOL ? H_COUNT : 1;
}

/* Some stalls are known by number and sum alone; they are in the count and in no bucket. */
static struct hist stall_hist(const struct stall_row *row)
{
	struct hist h = row->length ? *row->length : (struct hist){ 0 };

	h.count = row->n > h.count ? row->n : h.count;
	if (row->n && row->sum_s > h.sum_s)
		h.sum_s = row->sum_s;
	return h;
}

bool member_hist(const struct member *m, size_t which, struct hist *ret)
{
	const struct hist *of_pool[H_COUNT], *h = NULL;

	switch ((enum member_class)m->key.class) {
	case MEMBER_POOL:
		pool_hists(m->row, of_pool);
		h = of_pool[which];
		break;
	case MEMBER_LOCK:
		h = ((const struct lock_row *)m->row)->wait;
		break;
	case MEMBER_STALL:
		*ret = stall_hist(m->row);
		return true;
	case MEMBER_CLASSES:
		break;
	}
	if (h)
		*ret = *h;
	return h;
}

/* Whether what the members of a set counted last must be kept by bucket: to be taken off, or to stay when one leaves. */
static bool keeps_buckets(const struct state *st, const struct set *s)
{
	return st->is_delta || s->n_members > 1;
}

int member_reserve(const struct state *st, struct member *m)
{
	for (size_t i = 0; keeps_buckets(st, m->set) && i < member_n_hist(m); i++) {
		struct kept *k = &m->hist[i];
		struct hist now;
		uint16_t n = 0;
		uint64_t *more;

		if (!member_hist(m, i, &now))
			continue;
		for (struct hist_walk w = hist_walk(&now); hist_next(&w);)
			n++;
		if (n <= k->size)
			continue;
		more = reallocarray(k->bucket, n, sizeof(*more));
		if (!more)
			return -ENOMEM;
		k->bucket = more;
		k->size = n;
	}
	return 0;
}

static void kept_set(struct kept *k, const struct hist *now, bool has_buckets)
{
	if (!has_buckets)
		kept_done(k);
	k->count = now->count;
	k->sum_s = now->sum_s;
	k->max_ns = now->max_ns;
	k->n = 0;
	for (struct hist_walk w = hist_walk(now); has_buckets && k->n < k->size && hist_next(&w);)
		k->bucket[k->n++] = (uint64_t)w.bucket << KEPT_SHIFT | KEPT_COUNT(w.n);
}

/* -ENOMEM leaves the sum without a part of it. */
static int kept_add_to(const struct kept *k, struct hist *sum)
{
	uint64_t n = 0;

	for (unsigned int i = 0; i < k->n; i++) {
		if (hist_add(sum, KEPT_BUCKET(k->bucket[i]), KEPT_COUNT(k->bucket[i])))
			return -ENOMEM;
		n += KEPT_COUNT(k->bucket[i]);
	}
	sum->count += k->count - n; /* those of which no bucket is known */
	sum->sum_s += k->sum_s;
	sum->max_ns = k->max_ns > sum->max_ns ? k->max_ns : sum->max_ns;
	return 0;
}

void member_commit(const struct state *st, struct member *m)
{
	double values[S_POOL_COUNT];
	struct hist now;

	if (m->last) {
		const struct series_def *series = pool_series();

		pool_values(m->row, values);
		for (int i = 0; i < S_OWN_COUNT; i++) {
			if (series[i].last >= 0 && !isnan(values[i]))
				m->last[series[i].last] = values[i];
		}
	}
	for (size_t i = 0; i < member_n_hist(m); i++) {
		if (member_hist(m, i, &now))
			kept_set(&m->hist[i], &now, keeps_buckets(st, m->set));
	}
	m->is_sent = true;
}

void member_free(struct member *m)
{
	if (!m)
		return;
	for (size_t i = 0; m->hist && i < member_n_hist(m); i++)
		kept_done(&m->hist[i]);
	free(m->hist);
	free(m->last);
	free(m);
}

void member_forget(struct member *m)
{
	for (size_t i = 0; i < member_n_hist(m); i++)
		kept_done(&m->hist[i]);
	for (size_t i = 0; m->last && i < pool_series_n_last(); i++)
		m->last[i] = 0;
	m->set = NULL;
	m->is_sent = false;
}

/* ---- what stays of those who leave --------------------------------------------------------------------------------------- */

void offset_free(struct set *s)
{
	for (size_t i = 0; s->offset_hist && i < (s->class == MEMBER_POOL ? H_COUNT : 1); i++)
		hist_done(&s->offset_hist[i]);
	free(s->offset_hist);
	free(s->offset);
	s->offset = NULL;
	s->offset_hist = NULL;
}

static int offset_make(struct set *s)
{
	if (s->offset_hist)
		return 0;
	s->offset = calloc(pool_series_n_last(), sizeof(*s->offset));
	s->offset_hist = calloc(s->class == MEMBER_POOL ? H_COUNT : 1, sizeof(*s->offset_hist));
	if (s->offset && s->offset_hist)
		return 0;
	offset_free(s);
	return -ENOMEM;
}

static int offset_add(struct set *s, const struct member *m)
{
	size_t n_last = m->last ? pool_series_n_last() : 0;

	if (!m->is_sent)
		return 0;
	if (offset_make(s))
		return -ENOMEM;
	for (size_t i = 0; i < n_last; i++)
		s->offset[i] += m->last[i];
	for (size_t i = 0; i < member_n_hist(m); i++) {
		if (kept_add_to(&m->hist[i], &s->offset_hist[i]))
			return -ENOMEM;
	}
	return 0;
}

int set_leave(struct state *st, struct set *s, struct member *m)
{
	return s && !st->is_delta && s->n_sent > 1 ? offset_add(s, m) : 0;
}

/* ---- counters that fell -------------------------------------------------------------------------------------------------- */

/* A series of the set counts from the last export on. */
static int start_anew(struct set *s, size_t which)
{
	if (!s->starts_ns)
		s->starts_ns = calloc(pool_series_n_last() + H_COUNT, sizeof(*s->starts_ns));
	if (!s->starts_ns)
		return -ENOMEM;
	s->starts_ns[which] = s->sent_ns;
	return 0;
}

/* Where others count too, what was there stays in the sum; else the series begins anew. Either way nothing is left that could have fallen. */
static int counters_take_falls(struct state *st, struct member *m, bool is_shared)
{
	const struct series_def *series = pool_series();
	double values[S_POOL_COUNT];

	if (!m->last)
		return 0;
	pool_values(m->row, values);
	for (int i = 0; i < S_OWN_COUNT; i++) {
		int last = series[i].last;

		if (last < 0 || !(values[i] < m->last[last]))
			continue;
		if (is_shared && m->set->offset)
			m->set->offset[last] += m->last[last];
		else if (!st->is_delta && start_anew(m->set, (size_t)last))
			return -ENOMEM;
		m->last[last] = 0;
	}
	return 0;
}

static int hists_take_falls(struct state *st, struct member *m, bool is_shared)
{
	struct hist now;

	for (size_t i = 0; i < member_n_hist(m); i++) {
		if (!member_hist(m, i, &now) || now.count >= m->hist[i].count)
			continue;
		if (is_shared && m->set->offset_hist) {
			if (kept_add_to(&m->hist[i], &m->set->offset_hist[i]))
				return -ENOMEM;
		} else if (!st->is_delta && start_anew(m->set, pool_series_n_last() + i)) {
			return -ENOMEM;
		}
		kept_done(&m->hist[i]);
	}
	return 0;
}

static bool has_fallen(const struct member *m)
{
	const struct series_def *series = pool_series();
	double values[S_POOL_COUNT];
	struct hist now;
	bool has = false;

	if (m->last)
		pool_values(m->row, values);
	for (int i = 0; m->last && i < S_OWN_COUNT; i++)
		has |= series[i].last >= 0 && values[i] < m->last[series[i].last];
	for (size_t i = 0; i < member_n_hist(m); i++)
		has |= member_hist(m, i, &now) && now.count < m->hist[i].count;
	return has;
}

int member_take_falls(struct state *st, struct member *m)
{
	bool is_shared = !st->is_delta && m->set->n_sent > 1;
	int r = 0;

	if (!m->is_sent || !has_fallen(m))
		return 0;
	if (is_shared)
		r = offset_make(m->set);
	if (!r)
		r = counters_take_falls(st, m, is_shared);
	return r ? r : hists_take_falls(st, m, is_shared);
}
