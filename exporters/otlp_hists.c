/* SPDX-License-Identifier: MIT */
/*
 * otlp_hists.c - histograms of sets as data points, see otlp_writer.h. The surprise: the kernel's buckets are those of OTLP's exponential histogram already,
 * so nothing is converted; an explicit one is cut from them at the bounds of /metrics.
 */
#include <math.h>
#include <string.h>

#include "base/classic.h"
#include "base/text.h"
#include "exporters/otlp.pb-c.h"
#include "exporters/otlp_counted.h"
#include "exporters/otlp_writer.h"

/* ---- all of a set -------------------------------------------------------------------------------------------------------- */

static void add_hist(struct merged *m, const struct hist *h)
{
	for (struct hist_walk w = hist_walk(h); hist_next(&w);) {
		if (m->first == m->end)
			m->first = m->end = w.bucket;
		m->bucket[w.bucket] += w.n;
		m->first = w.bucket < m->first ? w.bucket : m->first;
		m->end = w.bucket >= m->end ? w.bucket + 1 : m->end;
	}
	m->count += h->count;
	m->sum_s += h->sum_s;
	m->max_ns = h->max_ns > m->max_ns ? h->max_ns : m->max_ns;
}

/* What was sent already. */
static void take_off(struct merged *m, const struct kept *k)
{
	for (unsigned int i = 0; i < k->n; i++) {
		unsigned int at = KEPT_BUCKET(k->bucket[i]);

		if (at >= m->first && at < m->end)
			m->bucket[at] -= KEPT_COUNT(k->bucket[i]);
	}
	m->count -= k->count;
	m->sum_s = fmax(0, m->sum_s - k->sum_s);
}

void hist_of_set(const struct state *st, const struct set *s, int which, struct merged *ret)
{
	struct hist now;
	uint64_t n = 0;

	*ret = (struct merged){ 0 };
	for (const struct member *m = s->members; m; m = m->next) {
		if (!member_hist(m, (size_t)which, &now))
			continue;
		ret->is_known = true;
		add_hist(ret, &now);
		if (st->is_delta && m->is_sent)
			take_off(ret, &m->hist[which]);
	}
	if (!ret->is_known)
		return;
	if (s->offset_hist)
		add_hist(ret, &s->offset_hist[which]);
	for (unsigned int i = ret->first; i < ret->end; i++)
		n += ret->bucket[i];
	ret->has_buckets = n == ret->count;
}

/* ---- exemplars ----------------------------------------------------------------------------------------------------------- */

/* Those of one pool in one export that are newer than the last export, as messages. */
struct exemplars {
	Otlp__Exemplar one[SNAPSHOT_EXEMPLARS_MAX * 4];
	Otlp__Exemplar *list[SNAPSHOT_EXEMPLARS_MAX * 4];
	Otlp__KeyValue kv[SNAPSHOT_EXEMPLARS_MAX * 4][2];
	Otlp__KeyValue *kvs[SNAPSHOT_EXEMPLARS_MAX * 4][2];
	Otlp__AnyValue any[SNAPSHOT_EXEMPLARS_MAX * 4][2];
	char name[SNAPSHOT_EXEMPLARS_MAX * 4][TEXT_NAME_BYTES];
	size_t n;
};

static void add_exemplar(struct exemplars *x, const struct exemplar_row *row)
{
	size_t i = x->n++, n = 0;

	otlp__exemplar__init(&x->one[i]);
	x->list[i] = &x->one[i];
	x->one[i].time_unix_nano = (uint64_t)row->wall_ns;
	x->one[i].value_case = OTLP__EXEMPLAR__VALUE_AS_DOUBLE;
	x->one[i].as_double = row->value_s;
	for (int k = 0; k < 2; k++) {
		otlp__key_value__init(&x->kv[i][k]);
		otlp__any_value__init(&x->any[i][k]);
		x->kv[i][k].value = &x->any[i][k];
		x->kvs[i][k] = &x->kv[i][k];
	}
	if (row->tid) {
		x->kv[i][n].key = (char *)"thread.id";
		x->any[i][n].value_case = OTLP__ANY_VALUE__VALUE_INT_VALUE;
		x->any[i][n++].int_value = row->tid;
	}
	if (text_clean(row->thread, sizeof(row->thread), x->name[i], TEXT_NAME_BYTES)) {
		x->kv[i][n].key = (char *)"thread.name";
		x->any[i][n].value_case = OTLP__ANY_VALUE__VALUE_STRING_VALUE;
		x->any[i][n++].string_value = x->name[i];
	}
	x->one[i].filtered_attributes = x->kvs[i];
	x->one[i].n_filtered_attributes = n;
}

static void list_exemplars(const struct writer *w, const struct set *s, int which,
			   struct exemplars *x)
{
	x->n = 0;
	if (s->class != MEMBER_POOL || w->e->options.has_no_exemplars)
		return;
	for (const struct member *m = s->members; m; m = m->next) {
		const struct pool_row *p = m->row;
		const struct exemplar_row *rows = which == H_wait   ? p->slow_waits
						  : which == H_hold ? p->slow_holds
								    : NULL;
		size_t n = which == H_wait ? p->n_slow_waits : p->n_slow_holds;

		for (size_t i = 0; rows && i < n; i++) {
			if (x->n < SNAPSHOT_EXEMPLARS_MAX * 4 &&
			    rows[i].wall_ns > w->e->exemplars_ns &&
			    rows[i].wall_ns <= w->s->wall_ns)
				add_exemplar(x, &rows[i]);
		}
	}
}

/* ---- points -------------------------------------------------------------------------------------------------------------- */

static void put_exponential(struct writer *w, const struct merged *m, const struct attributes *a,
			    const struct attributes *label, int64_t start_ns, struct exemplars *x)
{
	Otlp__ExponentialHistogramDataPoint p = OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT__INIT;
	Otlp__Buckets buckets = OTLP__BUCKETS__INIT;
	unsigned int first = m->first, end = m->end;

	p.zero_count = first == 0 && end > 0 ? m->bucket[0] : 0;
	first = first ? first : 1;
	while (first < end && !m->bucket[first])
		first++;
	while (end > first && !m->bucket[end - 1])
		end--;
	if (first < end) {
		/* bucket[1 + k] is index PS_HIST_OTLP_FIRST + k; the last one, of all over 2^10 s, goes out as the first over 2^10 s */
		buckets.offset = PS_HIST_OTLP_FIRST + (int)first - 1;
		buckets.n_bucket_counts = end - first;
		buckets.bucket_counts = (uint64_t *)m->bucket + first;
		p.positive = &buckets;
	}
	p.start_time_unix_nano = (uint64_t)start_ns;
	p.time_unix_nano = (uint64_t)w->time_ns;
	p.count = m->count;
	p._sum_case = OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT___SUM_SUM;
	p.sum = m->sum_s;
	p.scale = 3;
	p.zero_threshold = exp2(PS_HIST_MIN_EXP);
	if (!w->e->state.is_delta && m->max_ns) {
		p._max_case = OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT___MAX_MAX;
		p.max = (double)m->max_ns / 1e9;
	}
	p.n_exemplars = x->n;
	p.exemplars = x->list;
	requests_add(w->to, &p.base, 1, a, label);
}

/* The explicit buckets are those of /metrics. */
static void cut(const struct merged *m, uint64_t ret[static N_CLASSIC])
{
	memset(ret, 0, N_CLASSIC * sizeof(*ret));
	for (unsigned int i = m->first; i < m->end; i++)
		ret[classic_of_bucket(i)] += m->bucket[i];
}

static void put_explicit(struct writer *w, const struct merged *m, const struct attributes *a,
			 const struct attributes *label, int64_t start_ns, struct exemplars *x)
{
	Otlp__HistogramDataPoint p = OTLP__HISTOGRAM_DATA_POINT__INIT;
	uint64_t counts[N_CLASSIC];
	double bounds[N_LE];

	p.start_time_unix_nano = (uint64_t)start_ns;
	p.time_unix_nano = (uint64_t)w->time_ns;
	p.count = m->count;
	p._sum_case = OTLP__HISTOGRAM_DATA_POINT___SUM_SUM;
	p.sum = m->sum_s;
	if (m->has_buckets) {
		cut(m, counts);
		for (unsigned int i = 0; i < N_LE; i++)
			bounds[i] = classic_bound(i);
		p.n_bucket_counts = N_CLASSIC;
		p.bucket_counts = counts;
		p.n_explicit_bounds = N_LE;
		p.explicit_bounds = bounds;
	}
	if (!w->e->state.is_delta && m->max_ns) {
		p._max_case = OTLP__HISTOGRAM_DATA_POINT___MAX_MAX;
		p.max = (double)m->max_ns / 1e9;
	}
	p.n_exemplars = x->n;
	p.exemplars = x->list;
	requests_add(w->to, &p.base, 9, a, label);
}

void put_hist_end(struct writer *w, bool is_exponential, const struct attributes *a,
		  const struct attributes *label)
{
	Otlp__ExponentialHistogramDataPoint p = OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT__INIT;
	Otlp__HistogramDataPoint q = OTLP__HISTOGRAM_DATA_POINT__INIT;

	p.time_unix_nano = q.time_unix_nano = (uint64_t)w->time_ns;
	p.flags = q.flags = NO_RECORDED_VALUE;
	requests_add(w->to, is_exponential ? &p.base : &q.base, is_exponential ? 1 : 9, a, label);
}

void put_hist(struct writer *w, const struct set *s, int which, bool is_exponential,
	      const struct merged *m, const struct attributes *a, const struct attributes *label,
	      int64_t start_ns)
{
	struct exemplars x;

	list_exemplars(w, s, which, &x);
	(is_exponential ? put_exponential : put_explicit)(w, m, a, label, start_ns, &x);
}
