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

#include "base/cleanup.h"
#include "exporters/otlp.pb-c.h"
#include "exporters/otlp_resource.h"
#include "exporters/otlp_writer.h"

/* ---- points ---------------------------------------------------------------------------------------------------------------- */

/* The attributes of a series among those of its set: the reason, the outcome. */
static const struct attributes *label_of(const struct writer *w, const struct series_def *s, int id)
{
	return s->label ? &w->e->label[id] : NULL;
}

void put_number(struct writer *w, const struct series_def *series, const struct attributes *a,
		const struct attributes *label, int64_t start_ns, double value)
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

void open_metric(struct writer *w, const struct series_def *series, enum metric_kind kind)
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
	struct merged m;
	int64_t start;

	hist_of_set(&w->e->state, s, series->hist, &m);
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
	put_hist(w, s, series->hist, is_exponential, &m, a, label, start);
	return false;
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
