/* SPDX-License-Identifier: MIT */
/*
 * prometheus.c - see prometheus.h. First the pools are summed into series by their labels, then each family is written over all
 * series, because the format wants the samples of a family in one piece. The surprise: classic buckets are exact, not
 * interpolated, as each boundary is a power of two seconds and so the upper bound of one of the histogram's own buckets.
 */
#include "exporters/prometheus.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* out of memory in a hash table is an error here, not an exit; the element is then not in the table */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "model/snapshot.h"

/* Boundaries of the classic buckets: 2^LE_FIRST_EXP, then every LE_STEP_EXP powers of two (1 us, 4 us, … 64 s, 256 s). */
#define LE_FIRST_EXP (-20)
#define LE_STEP_EXP 2
#define N_LE 15

enum merge { SUM, MAX, MIN };

enum value_id {
#define POOL_VALUE(id, name, otlp, unit, type, merge, value, help) VALUE_##id,
#include "exporters/metrics.def"
	N_VALUES
};

enum reasons_id {
#define POOL_REASONS(id, name, otlp, unit, label, member, names, count, help) REASONS_##id,
#include "exporters/metrics.def"
	N_REASONS
};

enum histogram_id {
#define POOL_HISTOGRAM(id, name, otlp, unit, labels, member, help) HISTOGRAM_##id,
#include "exporters/metrics.def"
	N_HISTOGRAMS
};

#define MAX_REASONS 16

static const char *const reject_reasons[] = {
#define REJECT_REASON(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

static const char *const open_failures[] = {
#define OPEN_FAILURE(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};
static const char *const close_reasons[] = {
#define CLOSE_REASON(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

_Static_assert(PS_REJECT_COUNT <= MAX_REASONS, "MAX_REASONS is too small");
_Static_assert(PS_CLOSE_COUNT <= MAX_REASONS, "MAX_REASONS is too small");

static const char *const kinds[] = {
#define KIND(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

static const char *const losses[] = {
#define LOSS(name, text) [PS_LOSS_##name] = #name,
#include "bpf/losses.def"
};

static const char *const stories[PS_STORY_COUNT] = {
	[PS_STORY_VERB] = "verb",
	[PS_STORY_WAIT] = "wait",
	[PS_STORY_HOLD] = "hold",
};

struct cut {
	bool is_known;
	uint64_t count;
	double sum_s;
	uint64_t upto[N_LE];	/* not cumulative */
};

/* All pools with one set of labels. */
struct series {
	char *labels;	/* owned: a="b",c="d"; the key */
	size_t n_labels;
	double value[N_VALUES];	/* NaN = unknown */
	double reason[N_REASONS][MAX_REASONS];
	struct cut histogram[N_HISTOGRAMS];
	UT_hash_handle hh;
};

/* ---- from pools to series ------------------------------------------------------------------------------------------------ */

static double known(int64_t n)
{
	return n == UNKNOWN ? NAN : (double)n;
}

static double known_ns(int64_t ns)
{
	return ns == UNKNOWN ? NAN : (double)ns / 1e9;
}

static double merge_value(double a, double b, enum merge how)
{
	if (isnan(a) || isnan(b))
		return isnan(a) ? b : a;
	switch (how) {
	case MAX:
		return fmax(a, b);
	case MIN:
		return fmin(a, b);
	case SUM:
		break;
	}
	return a + b;
}

static void merge_hist(struct cut *c, const struct hist *h)
{
	if (!h)
		return;
	c->is_known = true;
	c->count += h->count;
	c->sum_s += h->sum_s;
	for (unsigned int i = 0; i < h->n; i++) {
		/* the bucket whose upper bound is 2^e is number 8 * (e - PS_HIST_MIN_EXP) */
		const unsigned int first = 8 * (LE_FIRST_EXP - PS_HIST_MIN_EXP),
				   step = 8 * LE_STEP_EXP;
		unsigned int bucket = h->first + i;
		unsigned int le = bucket <= first ? 0 : (bucket - first + step - 1) / step;

		if (le < N_LE)
			c->upto[le] += h->bucket[i];
	}
}

static void merge_pool(struct series *s, const struct pool_row *p)
{
#define POOL_VALUE(id, name, otlp, unit, type, merge, expression, help)                            \
	s->value[VALUE_##id] = merge_value(s->value[VALUE_##id], expression, merge);
#define POOL_REASONS(id, name, otlp, unit, label, member, names, count, help)                      \
	for (unsigned int i = 0; i < (count); i++)                                                 \
		s->reason[REASONS_##id][i] =                                                       \
			merge_value(s->reason[REASONS_##id][i], known(p->member[i]), SUM);
#define POOL_HISTOGRAM(id, name, otlp, unit, labels, member, help)                                 \
	merge_hist(&s->histogram[HISTOGRAM_##id], p->member);
#include "exporters/metrics.def"
}

/* Appends name="value" with the value cleaned and escaped. */
static void add_label(struct buffer *b, const char *name, const char *value)
{
	char clean[TEXT_NAME_BYTES];

	text_clean(value ? value : "unknown", SIZE_MAX, clean, sizeof(clean));
	if (b->n)
		buffer_add(b, ",", 1);
	buffer_add_text(b, name);
	buffer_add(b, "=\"", 2);
	for (const char *c = clean; *c; c++) {
		if (*c == '"' || *c == '\\')
			buffer_add(b, "\\", 1);
		buffer_add(b, c, 1);
	}
	buffer_add(b, "\"", 1);
}

static int make_labels(const struct pool_row *p, bool has_pid, struct buffer *ret)
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

static void free_series(struct series **all)
{
	struct series *s, *next;

	HASH_ITER (hh, *all, s, next) {
		HASH_DEL(*all, s);
		free(s->labels);
		free(s);
	}
}

/* The series of these labels, made when new. NULL when out of memory. */
static struct series *get_series(struct series **all, const char *labels, size_t n_labels)
{
	struct series *s;

	HASH_FIND(hh, *all, labels, n_labels, s);
	if (s)
		return s;
	s = calloc(1, sizeof(*s));
	if (!s)
		return NULL;
	s->labels = strndup(labels, n_labels);
	s->n_labels = n_labels;
	for (unsigned int i = 0; i < N_VALUES; i++)
		s->value[i] = NAN;
	for (unsigned int i = 0; i < N_REASONS; i++) {
		for (unsigned int k = 0; k < MAX_REASONS; k++)
			s->reason[i][k] = NAN;
	}
	if (s->labels)
		HASH_ADD_KEYPTR(hh, *all, s->labels, n_labels, s);
	if (!s->labels || !s->hh.tbl) {
		free(s->labels);
		free(s);
		return NULL;
	}
	return s;
}

static int compare_ids(const void *a, const void *b)
{
	const struct pool_row *const *p = a, *const *q = b;

	return ((*p)->id > (*q)->id) - ((*p)->id < (*q)->id);
}

/* In the order of ids, so that when there are too many series it is the newcomers that go into `other`, tick after tick. */
static int sum_pools(const struct snapshot *snapshot, const struct prometheus_options *options,
		     struct series **ret, uint64_t *ret_overflow)
{
	static const char other[] =
		"process=\"other\",pool=\"other\",kind=\"other\",source=\"other\"";
	CLEANUP(buffer_done) struct buffer labels = { 0 };
	AUTO_FREE const struct pool_row **pools = NULL;
	size_t max = options && options->max_series ? options->max_series : PROMETHEUS_MAX_SERIES;
	bool has_pid = options && options->has_pid;

	*ret_overflow = 0;
	if (!snapshot->n_pools)
		return 0;
	pools = calloc(snapshot->n_pools, sizeof(*pools));
	if (!pools)
		return -ENOMEM;
	for (size_t i = 0; i < snapshot->n_pools; i++)
		pools[i] = &snapshot->pools[i];
	qsort(pools, snapshot->n_pools, sizeof(*pools), compare_ids);
	for (size_t i = 0; i < snapshot->n_pools; i++) {
		struct series *s;
		int r = make_labels(pools[i], has_pid, &labels);

		if (r)
			return r;
		HASH_FIND(hh, *ret, labels.data, labels.n, s);
		if (!s && HASH_COUNT(*ret) >= max) {
			s = get_series(ret, other, sizeof(other) - 1);
			++*ret_overflow;
		} else if (!s) {
			s = get_series(ret, labels.data, labels.n);
		}
		if (!s)
			return -ENOMEM;
		merge_pool(s, pools[i]);
	}
	return 0;
}

/* What is gone stays in the sum of a series that is there; it never makes one. */
static int sum_retired(const struct snapshot *snapshot, struct series *all)
{
	CLEANUP(buffer_done) struct buffer labels = { 0 };

	for (size_t i = 0; i < snapshot->n_retired; i++) {
		struct series *s;
		int r = make_labels(&snapshot->retired[i], false, &labels);

		if (r)
			return r;
		HASH_FIND(hh, all, labels.data, labels.n, s);
		if (s)
			merge_pool(s, &snapshot->retired[i]);
	}
	return 0;
}

/* ---- from series to text ------------------------------------------------------------------------------------------------- */

static void add_header(struct buffer *b, const char *name, const char *type, const char *help)
{
	buffer_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/* Whole numbers by hand: printf took two thirds of the time of a large page. */
static void add_number(struct buffer *b, double v)
{
	char digits[32], *end = digits + sizeof(digits), *p = end;
	uint64_t n;

	if (!(v >= 0 && v < 9e15) || v != (double)(uint64_t)v) {
		buffer_add(b, digits, (size_t)snprintf(digits, sizeof(digits), "%.17g", v));
		return;
	}
	n = (uint64_t)v;
	do {
		*--p = (char)('0' + n % 10);
		n /= 10;
	} while (n);
	buffer_add(b, p, (size_t)(end - p));
}

/* One line. `more` is further labels or "". */
static void add_sample(struct buffer *b, const char *name, const struct series *s, const char *more,
		       double v)
{
	buffer_add_text(b, name);
	buffer_add(b, "{", 1);
	buffer_add(b, s->labels, s->n_labels);
	if (*more) {
		buffer_add(b, ",", 1);
		buffer_add_text(b, more);
	}
	buffer_add(b, "} ", 2);
	add_number(b, v);
	buffer_add(b, "\n", 1);
}

static void add_values(struct buffer *b, struct series *all, enum value_id id, const char *name,
		       const char *type, const char *help)
{
	add_header(b, name, type, help);
	for (struct series *s = all; s; s = s->hh.next) {
		if (!isnan(s->value[id]))
			add_sample(b, name, s, "", s->value[id]);
	}
}

static void add_reasons(struct buffer *b, struct series *all, enum reasons_id id, const char *name,
			const char *label, const char *const *names, unsigned int n,
			const char *help)
{
	char more[MAX_REASONS][64];

	add_header(b, name, "counter", help);
	for (unsigned int i = 0; i < n; i++)
		snprintf(more[i], sizeof(more[i]), "%s=\"%s\"", label, names[i]);
	for (struct series *s = all; s; s = s->hh.next) {
		for (unsigned int i = 0; i < n; i++) {
			if (!isnan(s->reason[id][i]))
				add_sample(b, name, s, more[i], s->reason[id][i]);
		}
	}
}

/* The bounds as labels, behind `labels`. */
static void make_bounds(const char *labels, char ret[N_LE + 1][96])
{
	for (int i = 0; i <= N_LE; i++) {
		char le[32] = "+Inf";

		if (i < N_LE)
			snprintf(le, sizeof(le), "%.17g", exp2(LE_FIRST_EXP + i * LE_STEP_EXP));
		snprintf(ret[i], sizeof(ret[i]), "%s%sle=\"%s\"", labels, *labels ? "," : "", le);
	}
}

static void add_cut(struct buffer *b, const struct series *s, const struct cut *c, const char *name,
		    const char *labels, char bounds[N_LE + 1][96])
{
	char bucket[96], sum[96], count[96];
	uint64_t n = 0;

	snprintf(bucket, sizeof(bucket), "%s_bucket", name);
	snprintf(sum, sizeof(sum), "%s_sum", name);
	snprintf(count, sizeof(count), "%s_count", name);
	for (int i = 0; i < N_LE; i++) {
		n += c->upto[i];
		add_sample(b, bucket, s, bounds[i], (double)n);
	}
	add_sample(b, bucket, s, bounds[N_LE], (double)c->count);
	add_sample(b, sum, s, labels, c->sum_s);
	add_sample(b, count, s, labels, (double)c->count);
}

static void add_histogram(struct buffer *b, struct series *all, enum histogram_id id,
			  const char *name, const char *labels)
{
	char bounds[N_LE + 1][96];

	make_bounds(labels, bounds);
	for (struct series *s = all; s; s = s->hh.next)
		if (s->histogram[id].is_known)
			add_cut(b, s, &s->histogram[id], name, labels, bounds);
}

static void add_pools(struct buffer *b, struct series *all)
{
	const char *last = "";

#define POOL_VALUE(id, name, otlp, unit, type, merge, value, help)                                 \
	add_values(b, all, VALUE_##id, "poolscope_pool_" name, #type, help);
#define POOL_REASONS(id, name, otlp, unit, label, member, names, count, help)                      \
	add_reasons(b, all, REASONS_##id, "poolscope_pool_" name, label, names, count, help);
#define POOL_HISTOGRAM(id, name, otlp, unit, labels, member, help)                                 \
	if (strcmp(last, name) != 0)                                                               \
		add_header(b, "poolscope_pool_" name, "histogram", help);                          \
	last = name;                                                                               \
	add_histogram(b, all, HISTOGRAM_##id, "poolscope_pool_" name, labels);
#include "exporters/metrics.def"
}

/* ---- families without pools ---------------------------------------------------------------------------------------------- */

/* What the hand-written families read. */
struct page {
	const struct snapshot *snapshot;
	uint64_t series_overflow;
};

static void add_labelled(struct buffer *b, const char *name, const char *label, const char *value,
			 double v)
{
	CLEANUP(buffer_done) struct buffer labels = { 0 };

	add_label(&labels, label, value);
	if (labels.error) {
		b->error = labels.error;
		return;
	}
	buffer_printf(b, "%s{%s} ", name, labels.data);
	add_number(b, v);
	buffer_add(b, "\n", 1);
}

#define MAX_FINDING_TYPES 32

/* A type of which only closed findings are known is written as 0, so that an alert sees it end. */
static void family_findings(struct buffer *b, const char *name, const struct page *page)
{
	const struct snapshot *s = page->snapshot;
	struct {
		const char *type;
		enum severity severity;
		unsigned long n;
	} row[MAX_FINDING_TYPES];
	unsigned int n_rows = 0;

	for (size_t i = 0; i < s->n_findings; i++) {
		const struct finding_row *f = &s->findings[i];
		unsigned int at = 0;

		if (!f->type || (unsigned int)f->severity >= SEVERITY_COUNT)
			continue;
		while (at < n_rows &&
		       (row[at].severity != f->severity || strcmp(row[at].type, f->type) != 0))
			at++;
		if (at == MAX_FINDING_TYPES)
			continue;
		if (at == n_rows) {
			row[n_rows].type = f->type;
			row[n_rows].severity = f->severity;
			row[n_rows++].n = 0;
		}
		row[at].n += f->is_open;
	}
	for (unsigned int i = 0; i < n_rows; i++) {
		CLEANUP(buffer_done) struct buffer labels = { 0 };

		add_label(&labels, "finding", row[i].type);
		add_label(&labels, "severity", severity_name(row[i].severity));
		buffer_printf(b, "%s{%s} %lu\n", name, labels.data ? labels.data : "", row[i].n);
	}
}

static void family_findings_opened(struct buffer *b, const char *name, const struct page *page)
{
	const struct snapshot *s = page->snapshot;

	for (size_t i = 0; i < s->n_finding_counts; i++)
		add_labelled(b, name, "finding", s->finding_counts[i].type,
			     (double)s->finding_counts[i].opened);
}

static void family_lock_waits(struct buffer *b, const char *name, const struct page *page)
{
	char bounds[N_LE + 1][96];

	make_bounds("", bounds);
	for (size_t i = 0; i < page->snapshot->n_lock_sums; i++) {
		const struct lock_sum_row *row = &page->snapshot->lock_sums[i];
		CLEANUP(buffer_done) struct buffer labels = { 0 };
		struct cut cut = { .is_known = false };
		struct series s = { 0 };

		add_label(&labels, "process", row->process);
		add_label(&labels, "lock", row->lock);
		if (labels.error) {
			b->error = labels.error;
			return;
		}
		s.labels = labels.data;
		s.n_labels = labels.n;
		merge_hist(&cut, row->wait);
		add_cut(b, &s, &cut, name, "", bounds);
	}
}

static void family_build_info(struct buffer *b, const char *name, const struct page *page)
{
	add_labelled(b, name, "version", page->snapshot->version, 1);
}

static void agent_cpu(struct buffer *b, const char *name, const struct page *page)
{
	const struct agent_row *a = &page->snapshot->agent;

	if (!isnan(a->cpu_user_s))
		add_labelled(b, name, "mode", "user", a->cpu_user_s);
	if (!isnan(a->cpu_system_s))
		add_labelled(b, name, "mode", "system", a->cpu_system_s);
}

static void agent_losses(struct buffer *b, const char *name, const struct page *page)
{
	for (int i = 0; i < PS_LOSS_COUNT; i++)
		add_labelled(b, name, "kind", losses[i], (double)page->snapshot->agent.losses[i]);
}

static void agent_stories(struct buffer *b, const char *name, const struct page *page)
{
	for (int i = 0; i < PS_STORY_COUNT; i++) {
		if (stories[i])
			add_labelled(b, name, "kind", stories[i],
				     (double)page->snapshot->agent.stories[i]);
	}
}

static void agent_table_entries(struct buffer *b, const char *name, const struct page *page)
{
	for (size_t i = 0; i < page->snapshot->n_tables; i++) {
		const struct table_row *t = &page->snapshot->tables[i];

		add_labelled(b, name, "table", t->name, (double)t->used);
	}
}

static void agent_table_limit(struct buffer *b, const char *name, const struct page *page)
{
	for (size_t i = 0; i < page->snapshot->n_tables; i++) {
		const struct table_row *t = &page->snapshot->tables[i];

		add_labelled(b, name, "table", t->name, (double)t->limit);
	}
}

static void agent_targets(struct buffer *b, const char *name, const struct page *page)
{
	add_labelled(b, name, "state", "attached", page->snapshot->agent.n_targets);
	add_labelled(b, name, "state", "failed", page->snapshot->agent.n_targets_failed);
}

static void agent_series_overflow(struct buffer *b, const char *name, const struct page *page)
{
	buffer_printf(b, "%s %llu\n", name, (unsigned long long)page->series_overflow);
}

static void add_value(struct buffer *b, const char *name, const char *type, const char *help,
		      double v)
{
	if (isnan(v))
		return;
	add_header(b, name, type, help);
	buffer_add_text(b, name);
	buffer_add(b, " ", 1);
	add_number(b, v);
	buffer_add(b, "\n", 1);
}

static void add_rest(struct buffer *b, const struct page *page)
{
	const struct agent_row *a = &page->snapshot->agent;

#define FAMILY(id, name, otlp, unit, type, help)                                                   \
	add_header(b, name, #type, help);                                                          \
	family_##id(b, name, page);
#define AGENT_FAMILY(id, name, otlp, unit, type, help)                                             \
	add_header(b, "poolscope_agent_" name, #type, help);                                       \
	agent_##id(b, "poolscope_agent_" name, page);
#define AGENT_VALUE(id, name, otlp, unit, type, value, help)                                       \
	add_value(b, "poolscope_agent_" name, #type, help, value);
#include "exporters/metrics.def"
}

enum prometheus_format prometheus_choose(const char *accept)
{
	(void)accept;
	return PROMETHEUS_TEXT;
}

const char *prometheus_content_type(enum prometheus_format format)
{
	(void)format;
	return "text/plain; version=0.0.4; charset=utf-8";
}

int prometheus_write(const struct snapshot *snapshot, enum prometheus_format format,
		     const struct prometheus_options *options, struct buffer *ret)
{
	CLEANUP(free_series) struct series *all = NULL;
	struct page page = { .snapshot = snapshot };
	int r = sum_pools(snapshot, options, &all, &page.series_overflow);

	(void)format;
	if (!r && !(options && options->has_pid)) /* a series per process ends with it */
		r = sum_retired(snapshot, all);
	if (r)
		return r;
	add_pools(ret, all);
	add_rest(ret, &page);
	return ret->error;
}
