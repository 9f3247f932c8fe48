/* SPDX-License-Identifier: MIT */
/*
 * otlp_metrics.c - the metrics of a snapshot as data points. Process by process, metric by metric, set by set: so each Resource and each metric is named
 * once. The surprise: a histogram of which only number and sum are known goes out as an explicit one without buckets, whatever the others are, since
 * buckets of an exponential one must add up to the count.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/classic.h"
#include "base/cleanup.h"
#include "exporters/otlp.pb-c.h"
#include "exporters/otlp_encoder.h"
#include "exporters/otlp_resource.h"

#define NO_RECORDED_VALUE 1

struct writer {
	struct otlp_encoder *e;
	const struct snapshot *s;
	struct requests *to;
	int64_t time_ns;
	struct buffer values;	/* of the sets of a process: S_POOL_COUNT doubles each */
};

/* ---- points ---------------------------------------------------------------------------------------------------------------- */

/* The attributes of a series among those of its set: the reason, the outcome. */
static const struct attributes *label_of(const struct writer *w, const struct series_def *s, int id)
{
	return s->label ? &w->e->label[id] : NULL;
}

static void put_number(struct writer *w, const struct series_def *series,
		       const struct attributes *a, const struct attributes *label, int64_t start_ns,
		       double value)
{
	Otlp__NumberDataPoint p = OTLP__NUMBER_DATA_POINT__INIT;

	p.start_time_unix_nano = (uint64_t)start_ns;
	p.time_unix_nano = (uint64_t)w->time_ns;
	if (isnan(value)) {
		p.flags = NO_RECORDED_VALUE;
	} else if (series_is_int(series)) {
		p.value_case = OTLP__NUMBER_DATA_POINT__VALUE_AS_INT;
		p.as_int = (int64_t)value;
	} else {
		p.value_case = OTLP__NUMBER_DATA_POINT__VALUE_AS_DOUBLE;
		p.as_double = value;
	}
	requests_add(w->to, &p.base, 7, a, label);
}

/* A histogram of a set, for the time it is written. */
struct merged {
	bool is_known, has_buckets;
	uint64_t count;
	double sum_s;
	uint64_t max_ns;
	unsigned int first, end;
	uint64_t bucket[PS_HIST_BUCKETS];	/* zero but from first to end */
};

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

/* All members, and what stays of those who left; with delta only what came since the last export. */
static void merge(const struct state *st, const struct set *s, int which, struct merged *ret)
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

static void put_hist_end(struct writer *w, bool is_exponential, const struct attributes *a,
			 const struct attributes *label)
{
	Otlp__ExponentialHistogramDataPoint p = OTLP__EXPONENTIAL_HISTOGRAM_DATA_POINT__INIT;
	Otlp__HistogramDataPoint q = OTLP__HISTOGRAM_DATA_POINT__INIT;

	p.time_unix_nano = q.time_unix_nano = (uint64_t)w->time_ns;
	p.flags = q.flags = NO_RECORDED_VALUE;
	requests_add(w->to, is_exponential ? &p.base : &q.base, is_exponential ? 1 : 9, a, label);
}

/* ---- series of sets --------------------------------------------------------------------------------------------------------- */

static double merge_gauge(double a, double b, const struct series_def *series)
{
	if (isnan(a) || isnan(b))
		return isnan(a) ? b : a;
	if (series->merge == MERGE_MAX)
		return fmax(a, b);
	if (series->merge == MERGE_MIN)
		return fmin(a, b);
	return a + b;
}

/* What a member adds to a counter of its set. */
static double counted(const struct state *st, const struct member *m, int last, double now)
{
	return st->is_delta && m->is_sent ? now - m->last[last] : now;
}

static void set_values(const struct writer *w, const struct set *s, double ret[S_POOL_COUNT])
{
	const struct series_def *series = pool_series();
	const struct state *st = &w->e->state;
	double one[S_POOL_COUNT];

	for (int i = 0; i < S_POOL_COUNT; i++)
		ret[i] = NAN;
	for (const struct member *m = s->members; m; m = m->next) {
		pool_values(m->row, one);
		for (int i = 0; i < S_POOL_COUNT; i++) {
			if (series[i].source != i || series[i].type == SERIES_histogram)
				continue;
			if (series[i].last >= 0)
				one[i] = counted(st, m, series[i].last, one[i]);
			ret[i] = merge_gauge(ret[i], one[i], &series[i]);
		}
	}
	for (int i = 0; i < S_POOL_COUNT; i++) {
		if (series[i].source == i && series[i].last >= 0 && s->offset && !st->is_delta)
			ret[i] += s->offset[series[i].last];
	}
	for (int i = S_OWN_COUNT; i < S_POOL_COUNT; i++)
		ret[i] = (int)s->convention == series[i].convention ? ret[series[i].source] : NAN;
}

/* Counting began, for a series of the set; `which` is its place in starts_ns. */
static int64_t start_of(const struct writer *w, const struct set *s, size_t which)
{
	if (w->e->state.is_delta && s->sent_ns)
		return s->sent_ns;
	if (!w->e->state.is_delta && s->starts_ns && s->starts_ns[which])
		return s->starts_ns[which];
	return s->start_ns ? s->start_ns : w->time_ns;
}

/* Without duration a delta says nothing; the count that it began with is in no point. */
static bool is_baseline(const struct writer *w, const struct set *s)
{
	return w->e->state.is_delta && !s->sent_ns && !s->start_ns;
}

static const struct attributes *attributes_for(const struct set *s, const struct series_def *series)
{
	return series->convention ? s->by_convention : &s->attributes;
}

static void write_number(struct writer *w, struct set *s, int id, double value)
{
	const struct series_def *series = &pool_series()[id];
	bool had = set_had(s, id);
	int64_t start = 0;

	if (isnan(value) && !had)
		return;
	if (!isnan(value)) {
		set_mark(s, id);
		if (series->type == SERIES_counter && is_baseline(w, s))
			return;
		if (series->type == SERIES_counter)
			start = start_of(w, s, (size_t)series->last);
		else if (series->type == SERIES_updown)
			start = s->start_ns ? s->start_ns : w->time_ns;
	}
	put_number(w, series, attributes_for(s, series), label_of(w, series, id), start, value);
}

/* One histogram of a set; those that are bucketless only when it is their turn. True when there is one whose turn it is not. */
static bool write_hist(struct writer *w, struct set *s, const struct series_def *series, int id,
		       bool is_exponential, bool is_bucketless)
{
	const struct attributes *a = attributes_for(s, series);
	const struct attributes *label = s->class == MEMBER_POOL ? label_of(w, series, id) : NULL;
	bool had = set_had(s, id), is_mine;
	struct exemplars x;
	struct merged m;
	int64_t start;

	merge(&w->e->state, s, series->hist, &m);
	if (series->convention && (int)s->convention != series->convention)
		m.is_known = false;
	if (m.is_known)
		s->bucketless = m.has_buckets ? s->bucketless & ~(1u << series->hist)
					      : s->bucketless | 1u << series->hist;
	is_mine = is_bucketless == (s->bucketless >> series->hist & 1);
	if (!is_mine || (!m.is_known && !had))
		return !is_mine;
	if (!m.is_known) {
		put_hist_end(w, is_exponential, a, label);
		return false;
	}
	set_mark(s, id);
	if (is_baseline(w, s))
		return false;
	start = start_of(w, s, pool_series_n_last() + (size_t)series->hist);
	list_exemplars(w, s, series->hist, &x);
	(is_exponential ? put_exponential : put_explicit)(w, &m, a, label, start, &x);
	return false;
}

static void open_metric(struct writer *w, const struct series_def *series, enum metric_kind kind)
{
	requests_metric(w->to,
			&(struct metric){
				.name = series->name,
				.description = series->help,
				.unit = series->unit,
				.kind = kind,
				.temporality = w->e->state.is_delta && series->type != SERIES_updown
						       ? TEMPORALITY_DELTA
						       : TEMPORALITY_CUMULATIVE,
				.is_monotonic = series->type == SERIES_counter });
}

/* Histograms first..last of one metric, of all sets of a class. */
static void write_hists(struct writer *w, struct proc *p, enum member_class class,
			const struct series_def *series, int first, int last)
{
	bool has_more = true;

	for (int pass = 0; pass < 2 && has_more; pass++) {
		bool is_exponential = !pass && w->e->options.histogram == OTLP_EXPONENTIAL;

		has_more = false;
		open_metric(w, &series[first],
			    is_exponential ? METRIC_EXPONENTIAL : METRIC_HISTOGRAM);
		for (struct set *s = p->sets; s; s = s->hh.next) {
			for (int id = first; s->class == class && id <= last; id++)
				has_more |= write_hist(w, s, &series[id], id, is_exponential, pass);
		}
	}
}

static void write_numbers(struct writer *w, struct proc *p, int first, int last)
{
	const struct series_def *series = pool_series();
	const double *values = (const double *)(const void *)w->values.data;

	open_metric(w, &series[first],
		    series[first].type == SERIES_gauge ? METRIC_GAUGE : METRIC_SUM);
	for (struct set *s = p->sets; s; s = s->hh.next) {
		if (s->class != MEMBER_POOL)
			continue;
		for (int id = first; id <= last; id++)
			write_number(w, s, id, values[id]);
		values += S_POOL_COUNT;
	}
}

static void write_proc(struct writer *w, struct proc *p)
{
	const struct series_def *series = pool_series();
	int last;

	requests_resource(w->to, &p->resource);
	w->values.n = 0;
	for (struct set *s = p->sets; s; s = s->hh.next) {
		double values[S_POOL_COUNT];

		if (s->seen != w->e->state.n) { /* it is gone, and so is what it pointed to */
			s->members = NULL;
			memset(s->has, 0, sizeof(s->has));
		}
		if (s->class != MEMBER_POOL)
			continue;
		set_values(w, s, values);
		buffer_add(&w->values, values, sizeof(values));
	}
	if (w->values.error) {
		w->to->error = w->values.error;
		return;
	}
	for (int first = 0; first < S_POOL_COUNT; first = last + 1) {
		last = first;
		while (last + 1 < S_POOL_COUNT &&
		       !strcmp(series[last + 1].name, series[first].name))
			last++;
		if (series[first].type == SERIES_histogram)
			write_hists(w, p, MEMBER_POOL, series, first, last);
		else
			write_numbers(w, p, first, last);
	}
	write_hists(w, p, MEMBER_LOCK, &agent_series[F_lock_waits], 0, 0);
	write_hists(w, p, MEMBER_STALL, &agent_series[F_stalls], 0, 0);
}

/* ---- the agent itself ------------------------------------------------------------------------------------------------------- */

/* The series of the metric with these labels, made when new. NULL when out of memory. */
static struct single *single_get(struct writer *w, int metric, const char *const label[4])
{
	struct attributes a = { .n = 0 };
	struct single *s;

	for (int i = 0; i < 4 && label[i]; i += 2)
		attributes_add(&a, label[i], label[i + 1]);
	buffer_add(&a.bytes, &metric, sizeof(metric)); /* a part of the key that is not sent */
	if (!a.bytes.error)
		HASH_FIND(hh, w->e->singles, a.bytes.data, a.bytes.n, s);
	if (a.bytes.error || s || !(s = calloc(1, sizeof(*s)))) {
		if (a.bytes.error)
			s = NULL;
		attributes_done(&a);
		return s;
	}
	attributes_trim(&a);
	s->attributes = a;
	s->metric = metric;
	HASH_ADD_KEYPTR(hh, w->e->singles, s->attributes.bytes.data, a.bytes.n, s);
	if (!s->hh.tbl) {
		attributes_done(&s->attributes);
		free(s);
		return NULL;
	}
	s->attributes.bytes.n -= sizeof(metric);
	return s;
}

/* A value with up to two labels: name, value, name, value, NULL. */
static void take(struct writer *w, int metric, double value, const char *const label[4])
{
	struct single *s;

	if (isnan(value))
		return;
	s = single_get(w, metric, label);
	if (!s) {
		w->to->error = -ENOMEM;
		return;
	}
	s->seen = w->e->state.n;
	s->value = value;
}

#define LABELS(...) ((const char *const[4]){ __VA_ARGS__ })

#define MAX_FINDING_TYPES 32

/* Open findings by type and severity. One of which only closed findings are known is 0, as on the Prometheus side. */
static void take_findings(struct writer *w)
{
	const struct snapshot *s = w->s;

	for (size_t i = 0; i < s->n_findings; i++) {
		const struct finding_row *f = &s->findings[i];
		size_t n = 0;

		if (!f->type || (unsigned int)f->severity >= SEVERITY_COUNT)
			continue;
		for (size_t k = 0; k < s->n_findings; k++)
			n += s->findings[k].is_open && s->findings[k].severity == f->severity &&
			     s->findings[k].type && !strcmp(s->findings[k].type, f->type);
		take(w, F_findings, (double)n,
		     LABELS("finding", f->type, "severity", severity_name(f->severity)));
	}
	for (size_t i = 0; i < s->n_finding_counts; i++)
		take(w, F_findings_opened, (double)s->finding_counts[i].opened,
		     LABELS("finding", s->finding_counts[i].type));
}

static void write_pushes(struct writer *w)
{
	for (size_t i = 0; i < w->s->n_pushes; i++) {
		const struct push_row *row = &w->s->pushes[i];

		for (int k = 0; k < PUSH_OUTCOME_COUNT; k++) {
			const char *name = push_outcome_name((enum push_outcome)k);

			take(w, A_otlp_requests, (double)row->requests[k],
			     LABELS("signal", row->signal, "outcome", name));
			if (push_outcome_drops((enum push_outcome)k))
				take(w, A_otlp_items_dropped, (double)row->items[k],
				     LABELS("signal", row->signal, "reason", name));
		}
		take(w, A_otlp_items_sent, (double)row->sent_items, LABELS("signal", row->signal));
		take(w, A_otlp_queue, (double)row->queued_bytes, LABELS("signal", row->signal));
		take(w, A_otlp_queue_limit, (double)row->queue_limit_bytes,
		     LABELS("signal", row->signal));
	}
}

static void take_agent(struct writer *w)
{
	const struct agent_row *a = &w->s->agent;
	double values[A_COUNT];
	size_t overflow = 0;

	agent_values(a, values);
	for (int i = 0; i < A_COUNT; i++)
		take(w, i, values[i], LABELS(NULL));
	take(w, F_build_info, 1, LABELS("version", w->s->version ? w->s->version : "unknown"));
	take(w, A_cpu, a->cpu_user_s, LABELS("mode", "user"));
	take(w, A_cpu, a->cpu_system_s, LABELS("mode", "system"));
	for (int i = 0; i < PS_LOSS_COUNT; i++)
		take(w, A_losses, (double)a->losses[i], LABELS("kind", loss_names[i]));
	for (int i = 0; i < PS_STORY_COUNT; i++) {
		if (story_names[i])
			take(w, A_stories, (double)a->stories[i], LABELS("kind", story_names[i]));
	}
	for (size_t i = 0; i < w->s->n_tables; i++) {
		const struct table_row *t = &w->s->tables[i];

		take(w, A_table_entries, (double)t->used, LABELS("table", t->name));
		take(w, A_table_limit, (double)t->limit, LABELS("table", t->name));
	}
	write_pushes(w);
	take(w, A_targets, a->n_targets, LABELS("state", "attached"));
	take(w, A_targets, a->n_targets_failed, LABELS("state", "failed"));
	for (size_t i = 0; i < w->e->state.n_items; i++) {
		const struct item *item = &w->e->state.items[i];

		overflow += item->class == MEMBER_POOL && item->member->set->is_overflow;
	}
	take(w, A_series_overflow, (double)overflow, LABELS(NULL));
}

static void write_single(struct writer *w, const struct series_def *series, struct single *s)
{
	bool is_delta = w->e->state.is_delta && series->type == SERIES_counter;
	int64_t start = 0;

	if (s->seen != w->e->state.n) {
		if (s->is_sent)
			put_number(w, series, &s->attributes, NULL, 0, NAN);
		return;
	}
	if (series->type == SERIES_counter) {
		if (!s->is_sent) /* what turns up later was 0 before */
			s->start_ns = w->e->state.sent_ns    ? w->e->state.sent_ns
				      : w->e->state.since_ns ? w->e->state.since_ns
							     : w->time_ns;
		else if (s->value < s->last)
			s->start_ns = w->e->state.sent_ns;
		start = is_delta && s->is_sent ? w->e->state.sent_ns : s->start_ns;
		if (is_delta && start >= w->time_ns)
			return;
	}
	put_number(w, series, &s->attributes, NULL, start,
		   is_delta && s->is_sent && s->value >= s->last ? s->value - s->last : s->value);
}

static void write_agent(struct writer *w)
{
	take_findings(w);
	take_agent(w);
	requests_resource(w->to, &w->e->resource);
	for (int i = 0; i < A_COUNT; i++) {
		if (agent_series[i].type == SERIES_histogram)
			continue;
		open_metric(w, &agent_series[i],
			    agent_series[i].type == SERIES_gauge ? METRIC_GAUGE : METRIC_SUM);
		for (struct single *s = w->e->singles; s; s = s->hh.next) {
			if (s->metric == i)
				write_single(w, &agent_series[i], s);
		}
	}
}

static void commit_singles(struct otlp_encoder *e)
{
	struct single *s, *next;

	HASH_ITER (hh, e->singles, s, next) {
		if (s->seen == e->state.n) {
			s->last = s->value;
			s->is_sent = true;
			continue;
		}
		HASH_DEL(e->singles, s);
		attributes_done(&s->attributes);
		free(s);
	}
}

/* ---- all of it -------------------------------------------------------------------------------------------------------------- */

/* Resource by Resource; those first that have ended. */
static void write_all(struct writer *w)
{
	const struct state *st = &w->e->state;

	for (struct proc *p = st->ended; p; p = p->next_ended)
		write_proc(w, p);
	for (struct proc *p = st->procs; p; p = p->hh.next)
		write_proc(w, p);
	write_agent(w);
}

static int encode(struct otlp_encoder *e, const struct snapshot *s, struct requests *to,
		  struct otlp_request **ret, size_t *ret_n)
{
	struct writer w = { .e = e, .s = s, .to = to };
	int r = encoder_take(e, s);

	if (!r)
		r = state_begin(&e->state, s);
	/* the clock may be set back, and a series may not */
	w.time_ns = s->wall_ns > e->state.sent_ns ? s->wall_ns : e->state.sent_ns + 1;
	if (r)
		to->error = r;
	else
		write_all(&w);
	buffer_done(&w.values);
	r = requests_take(to, ret, ret_n);
	if (!r || to->n_given) {
		state_commit(&e->state, w.time_ns);
		commit_singles(e);
		e->exemplars_ns = s->wall_ns;
	}
	return r;
}

int otlp_encode_metrics(struct otlp_encoder *e, const struct snapshot *s, struct otlp_request **ret,
			size_t *ret_n)
{
	struct requests to;

	requests_init(&to, false, e->options.max_bytes, s->version);
	return encode(e, s, &to, ret, ret_n);
}

int otlp_encode_metrics_each(struct otlp_encoder *e, const struct snapshot *s, otlp_give *give,
			     void *context)
{
	struct otlp_request *none;
	struct requests to;
	size_t n;

	requests_init(&to, false, e->options.max_bytes, s->version);
	to.give = give;
	to.context = context;
	return encode(e, s, &to, &none, &n);
}
