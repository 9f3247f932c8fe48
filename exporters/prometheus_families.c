/* SPDX-License-Identifier: MIT */
/*
 * prometheus_families.c - every family of metrics.def, once for all forms of the page: what its samples are, and how pools of one series are
 * summed. The surprise: numbers are summed while the pools are joined, as each row is in the cache then, but for a pool that is alone in its series, as most are: its row
 * has them, and 45 more for each of ten thousand would be most of what a page needs. Histograms are summed when they are written: one of 258 buckets is enough for all.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "exporters/prometheus_form.h"

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

static const char *const losses[] = {
#define LOSS(name, text) [PS_LOSS_##name] = #name,
#include "bpf/losses.def"
};

static const char *const stories[PS_STORY_COUNT] = {
	[PS_STORY_VERB] = "verb",
	[PS_STORY_WAIT] = "wait",
	[PS_STORY_HOLD] = "hold",
};

static const char *const stall_causes[] = {
#define STALL_CAUSE(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

#define MAX_REASONS 16

_Static_assert(PS_REJECT_COUNT <= MAX_REASONS, "MAX_REASONS is too small");
_Static_assert(PS_CLOSE_COUNT <= MAX_REASONS, "MAX_REASONS is too small");
_Static_assert(PS_OPEN_FAILURE_COUNT <= MAX_REASONS, "MAX_REASONS is too small");

static const struct labels no_labels;

static struct labels labels_of(const struct series *s)
{
	return (struct labels){ s->labels, s->n_labels };
}

static struct labels labels_in(const struct buffer *b)
{
	return (struct labels){ b->data, b->n };
}

static void end(struct writer *w)
{
	if (w->family.name)
		w->form->end(w);
	w->family.name = NULL;
}

/* UCUM's unit as a word; "{item}" and the like are none. */
static const char *unit_word(const char *unit)
{
	if (!strcmp(unit, "s"))
		return "seconds";
	return !strcmp(unit, "By") ? "bytes" : NULL;
}

/* Begins a family; one that is begun already goes on. */
static void begin(struct writer *w, const char *name, enum family_type type, const char *unit,
		  const char *help)
{
	if (w->family.name && !strcmp(w->family.name, name))
		return;
	end(w);
	w->family = (struct family){ name, type, unit_word(unit), help, false };
	w->form->begin(w);
}

/* ---- pools --------------------------------------------------------------------------------------------------------------- */

enum merge { SUM, MAX, MIN };

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

/*
 * A pool that is not watched in full makes the sums of its series unknown, as far as it does not know its part: without that they would be too low, and where it had one before, look like a
 * fall. It stands in a sum as an infinity, which stays one whatever is added.
 */
static double part_of(double value, const struct pool_row *p, enum merge how)
{
	return isnan(value) && p->level != LEVEL_FULL && how == SUM ? -INFINITY : value;
}

static bool is_known(double value)
{
	return isfinite(value);
}

/* The numbers of a series; those of reasons stand in a row. */
enum value_id {
#define POOL_VALUE(id, name, otlp, unit, type, merge, value, help) VALUE_##id,
#define POOL_REASONS(id, name, otlp, unit, label, member, names, count, help)                      \
	REASONS_##id, REASONS_##id##_LAST = REASONS_##id + (count)-1,
#include "exporters/metrics.def"
	N_VALUES
};

/* Of one pool. */
#define POOL_VALUE(id, name, otlp, unit, type, merge, expression, help)                            \
	static double value_##id(const struct pool_row *p, unsigned int i)                         \
	{                                                                                          \
		(void)i;                                                                           \
		return part_of(expression, p, merge);                                              \
	}
#define POOL_REASONS(id, name, otlp, unit, label, member, names, count, help)                      \
	static double reason_##id(const struct pool_row *p, unsigned int i)                        \
	{                                                                                          \
		return part_of(known(p->member[i]), p, SUM);                                       \
	}
#include "exporters/metrics.def"

static void begin_sums(double *values)
{
	for (unsigned int i = 0; i < N_VALUES; i++)
		values[i] = NAN;
}

static void add_row(double *v, const struct pool_row *p)
{
#define POOL_VALUE(id, name, otlp, unit, type, merge, expression, help)                            \
	v[VALUE_##id] = merge_value(v[VALUE_##id], value_##id(p, 0), merge);
#define POOL_REASONS(id, name, otlp, unit, label, member, names, count, help)                      \
	for (unsigned int i = 0; i < (count); i++)                                                 \
		v[REASONS_##id + i] = merge_value(v[REASONS_##id + i], reason_##id(p, i), SUM);
#include "exporters/metrics.def"
}

const struct series_sums prometheus_sums = { N_VALUES, begin_sums, add_row };

/* The number at `id`, or one of those that begin there. */
static double value_of(const struct series *s, unsigned int id, unsigned int i,
		       double (*of_pool)(const struct pool_row *p, unsigned int i))
{
	return s->values ? s->values[id + i] : of_pool(s->rows->pool, i);
}

static void write_values(struct writer *w, const struct series_set *set, unsigned int id,
			 double (*of_pool)(const struct pool_row *p, unsigned int i))
{
	for (const struct series *s = set->first; s; s = s->hh.next) {
		double value = value_of(s, id, 0, of_pool);

		if (is_known(value))
			w->form->value(w, labels_of(s), no_labels, value);
	}
}

static void write_reasons(struct writer *w, const struct series_set *set, unsigned int id,
			  double (*of_pool)(const struct pool_row *p, unsigned int i),
			  const char *label, const char *const *names, unsigned int n)
{
	struct buffer more[MAX_REASONS] = { 0 };

	for (unsigned int i = 0; i < n; i++)
		prometheus_label(w->form, &more[i], label, names[i]);
	for (const struct series *s = set->first; s; s = s->hh.next) {
		for (unsigned int i = 0; i < n; i++) {
			double value = value_of(s, id, i, of_pool);

			if (is_known(value))
				w->form->value(w, labels_of(s), labels_in(&more[i]), value);
		}
	}
	for (unsigned int i = 0; i < n; i++) {
		w->scratch.error = more[i].error ? more[i].error : w->scratch.error;
		buffer_done(&more[i]);
	}
}

enum histogram_id {
#define POOL_HISTOGRAM(id, name, otlp, unit, labels, member, help) HISTOGRAM_##id,
#include "exporters/metrics.def"
};

#define POOL_HISTOGRAM(id, name, otlp, unit, labels, member, help)                                 \
	static const struct hist *histogram_##id(const struct pool_row *p)                         \
	{                                                                                          \
		return p->member;                                                                  \
	}
#include "exporters/metrics.def"

/* `more` is one pair as the def has it, name="value", or "". */
static void make_more(const struct writer *w, const char *more, struct buffer *ret)
{
	char name[32], value[32];

	if (sscanf(more, "%31[^=]=\"%31[^\"]\"", name, value) == 2)
		prometheus_label(w->form, ret, name, value);
}

static void add_exemplars(struct summed *h, const struct pool_row *p, enum histogram_id id)
{
	if (id == HISTOGRAM_wait)
		summed_add_exemplars(h, p->slow_waits, p->n_slow_waits, p->pid);
	else if (id == HISTOGRAM_hold)
		summed_add_exemplars(h, p->slow_holds, p->n_slow_holds, p->pid);
}

static void write_histograms(struct writer *w, const struct series_set *set, const char *labels,
			     enum histogram_id id,
			     const struct hist *(*histogram)(const struct pool_row *p))
{
	CLEANUP(buffer_done) struct buffer more = { 0 };

	make_more(w, labels, &more);
	for (const struct series *s = set->first; s; s = s->hh.next) {
		bool is_whole = true;

		summed_clear(&w->sum);
		for (const struct series_row *row = s->rows; row; row = row->next) {
			is_whole &= histogram(row->pool) || row->pool->level == LEVEL_FULL;
			summed_add(&w->sum, histogram(row->pool));
			add_exemplars(&w->sum, row->pool, id);
		}
		if (w->sum.is_known && is_whole)
			w->form->histogram(w, labels_of(s), labels_in(&more), &w->sum);
	}
	if (more.error)
		w->scratch.error = more.error;
}

static void write_pools(struct writer *w, const struct series_set *set)
{
#define POOL_VALUE(id, name, otlp, unit, type, merge, value, help)                                 \
	begin(w, "poolscope_pool_" name, TYPE_##type, unit, help);                                 \
	write_values(w, set, VALUE_##id, value_##id);
#define POOL_REASONS(id, name, otlp, unit, label, member, names, count, help)                      \
	begin(w, "poolscope_pool_" name, TYPE_counter, unit, help);                                \
	write_reasons(w, set, REASONS_##id, reason_##id, label, names, count);
#define POOL_HISTOGRAM(id, name, otlp, unit, labels, member, help)                                 \
	begin(w, "poolscope_pool_" name, TYPE_histogram, unit, help);                              \
	write_histograms(w, set, labels, HISTOGRAM_##id, histogram_##id);
#include "exporters/metrics.def"
}

/* ---- families without pools ---------------------------------------------------------------------------------------------- */

/* What the hand-written families read. */
struct page {
	const struct snapshot *snapshot;
	uint64_t series_overflow;
};

static void write_labelled(struct writer *w, const char *label, const char *value, double v)
{
	CLEANUP(buffer_done) struct buffer labels = { 0 };

	prometheus_label(w->form, &labels, label, value);
	if (labels.error)
		w->scratch.error = labels.error;
	else
		w->form->value(w, labels_in(&labels), no_labels, v);
}

#define MAX_FINDING_TYPES 32

struct finding_sum {
	const char *type;
	enum severity severity;
	unsigned long n;
};

static unsigned int sum_findings(const struct snapshot *s,
				 struct finding_sum row[MAX_FINDING_TYPES])
{
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
		if (at == n_rows)
			row[n_rows++] = (struct finding_sum){ f->type, f->severity, 0 };
		row[at].n += f->is_open;
	}
	return n_rows;
}

/* A type of which only closed findings are known is written as 0, so that an alert sees it end. */
static void family_findings(struct writer *w, const struct page *page)
{
	struct finding_sum row[MAX_FINDING_TYPES];
	unsigned int n = sum_findings(page->snapshot, row);

	for (unsigned int i = 0; i < n; i++) {
		CLEANUP(buffer_done) struct buffer labels = { 0 };

		prometheus_label(w->form, &labels, "finding", row[i].type);
		prometheus_label(w->form, &labels, "severity", severity_name(row[i].severity));
		if (labels.error)
			w->scratch.error = labels.error;
		else
			w->form->value(w, labels_in(&labels), no_labels, (double)row[i].n);
	}
}

static void family_findings_opened(struct writer *w, const struct page *page)
{
	const struct snapshot *s = page->snapshot;

	for (size_t i = 0; i < s->n_finding_counts; i++)
		write_labelled(w, "finding", s->finding_counts[i].type,
			       (double)s->finding_counts[i].opened);
}

static void family_lock_waits(struct writer *w, const struct page *page)
{
	for (size_t i = 0; i < page->snapshot->n_lock_sums; i++) {
		const struct lock_sum_row *row = &page->snapshot->lock_sums[i];
		CLEANUP(buffer_done) struct buffer labels = { 0 };

		prometheus_label(w->form, &labels, "process", row->process);
		prometheus_label(w->form, &labels, "lock", row->lock);
		if (labels.error) {
			w->scratch.error = labels.error;
			return;
		}
		summed_clear(&w->sum);
		summed_add(&w->sum, row->wait);
		w->form->histogram(w, labels_in(&labels), no_labels, &w->sum);
	}
}

/* A runtime that tells number and sum alone: its stalls are in no bucket. */
static bool has_stalls_without_length(const struct snapshot *s)
{
	for (size_t i = 0; i < s->n_stall_sums; i++) {
		const struct stall_sum_row *row = &s->stall_sums[i];

		if (row->n != (row->length ? row->length->count : 0))
			return true;
	}
	return false;
}

static void family_stalls(struct writer *w, const struct page *page)
{
	w->family.is_partial = has_stalls_without_length(page->snapshot);
	for (size_t i = 0; i < page->snapshot->n_stall_sums; i++) {
		const struct stall_sum_row *row = &page->snapshot->stall_sums[i];
		CLEANUP(buffer_done) struct buffer labels = { 0 };

		prometheus_label(w->form, &labels, "process", row->process);
		prometheus_label(w->form, &labels, "cause",
				 row->cause < PS_STALL_COUNT ? stall_causes[row->cause]
							     : stall_causes[PS_STALL_unknown]);
		if (labels.error) {
			w->scratch.error = labels.error;
			return;
		}
		summed_clear(&w->sum);
		summed_add(&w->sum, row->length);
		w->sum.count = row->n;
		w->sum.sum_s = row->sum_s;
		w->form->histogram(w, labels_in(&labels), no_labels, &w->sum);
	}
}

static void family_build_info(struct writer *w, const struct page *page)
{
	write_labelled(w, "version", page->snapshot->version, 1);
}

static void agent_cpu(struct writer *w, const struct page *page)
{
	const struct agent_row *a = &page->snapshot->agent;

	if (!isnan(a->cpu_user_s))
		write_labelled(w, "mode", "user", a->cpu_user_s);
	if (!isnan(a->cpu_system_s))
		write_labelled(w, "mode", "system", a->cpu_system_s);
}

static void agent_losses(struct writer *w, const struct page *page)
{
	for (int i = 0; i < PS_LOSS_COUNT; i++)
		write_labelled(w, "kind", losses[i], (double)page->snapshot->agent.losses[i]);
}

static void agent_stories(struct writer *w, const struct page *page)
{
	for (int i = 0; i < PS_STORY_COUNT; i++) {
		if (stories[i])
			write_labelled(w, "kind", stories[i],
				       (double)page->snapshot->agent.stories[i]);
	}
}

static void agent_table_entries(struct writer *w, const struct page *page)
{
	for (size_t i = 0; i < page->snapshot->n_tables; i++)
		write_labelled(w, "table", page->snapshot->tables[i].name,
			       (double)page->snapshot->tables[i].used);
}

static void agent_table_limit(struct writer *w, const struct page *page)
{
	for (size_t i = 0; i < page->snapshot->n_tables; i++)
		write_labelled(w, "table", page->snapshot->tables[i].name,
			       (double)page->snapshot->tables[i].limit);
}

static void agent_targets(struct writer *w, const struct page *page)
{
	write_labelled(w, "state", "attached", page->snapshot->agent.n_targets);
	write_labelled(w, "state", "failed", page->snapshot->agent.n_targets_failed);
}

static void agent_http_requests(struct writer *w, const struct page *page)
{
	for (int i = 0; i < HTTP_OUTCOME_COUNT; i++)
		write_labelled(w, "outcome", http_outcome_name((enum http_outcome)i),
			       (double)page->snapshot->agent.http_requests[i]);
}

static void write_push(struct writer *w, const struct push_row *row, const char *label, int outcome,
		       double v)
{
	CLEANUP(buffer_done) struct buffer labels = { 0 };

	prometheus_label(w->form, &labels, "signal", row->signal);
	prometheus_label(w->form, &labels, label, push_outcome_name((enum push_outcome)outcome));
	if (labels.error)
		w->scratch.error = labels.error;
	else
		w->form->value(w, labels_in(&labels), no_labels, v);
}

static void write_target(struct writer *w, const struct target_row *t, bool has_reason, double v)
{
	CLEANUP(buffer_done) struct buffer labels = { 0 };

	if (isnan(v))
		return;
	prometheus_label(w->form, &labels, "file", t->file);
	prometheus_label(w->form, &labels, "source", t->source);
	if (has_reason)
		prometheus_label(w->form, &labels, "reason", level_reason_name(t->reason));
	if (labels.error)
		w->scratch.error = labels.error;
	else
		w->form->value(w, labels_in(&labels), no_labels, v);
}

static void agent_target_level(struct writer *w, const struct page *page)
{
	for (size_t i = 0; i < page->snapshot->n_targets; i++)
		write_target(w, &page->snapshot->targets[i], true,
			     (double)page->snapshot->targets[i].level);
}

static void agent_target_cost(struct writer *w, const struct page *page)
{
	for (size_t i = 0; i < page->snapshot->n_targets; i++)
		write_target(w, &page->snapshot->targets[i], false,
			     page->snapshot->targets[i].share);
}

static void agent_target_steps(struct writer *w, const struct page *page)
{
	write_labelled(w, "direction", "down", (double)page->snapshot->budget.n_down);
	write_labelled(w, "direction", "up", (double)page->snapshot->budget.n_up);
}

static void agent_trap(struct writer *w, const struct page *page)
{
	const struct budget_row *b = &page->snapshot->budget;

	if (!b->is_trap_measured)
		return;
	write_labelled(w, "instruction", "emulated", b->trap_s);
	write_labelled(w, "instruction", "stepped", b->stepped_trap_s);
}

static void agent_tick_interval(struct writer *w, const struct page *page)
{
	if (page->snapshot->budget.tick_s > 0)
		w->form->value(w, no_labels, no_labels, page->snapshot->budget.tick_s);
}

static void agent_otlp_requests(struct writer *w, const struct page *page)
{
	for (size_t i = 0; i < page->snapshot->n_pushes; i++) {
		const struct push_row *row = &page->snapshot->pushes[i];

		for (int k = 0; k < PUSH_OUTCOME_COUNT; k++)
			write_push(w, row, "outcome", k, (double)row->requests[k]);
	}
}

static void agent_otlp_items_sent(struct writer *w, const struct page *page)
{
	for (size_t i = 0; i < page->snapshot->n_pushes; i++)
		write_labelled(w, "signal", page->snapshot->pushes[i].signal,
			       (double)page->snapshot->pushes[i].sent_items);
}

static void agent_otlp_items_dropped(struct writer *w, const struct page *page)
{
	for (size_t i = 0; i < page->snapshot->n_pushes; i++) {
		const struct push_row *row = &page->snapshot->pushes[i];

		for (int k = 0; k < PUSH_OUTCOME_COUNT; k++)
			if (push_outcome_drops((enum push_outcome)k))
				write_push(w, row, "reason", k, (double)row->items[k]);
	}
}

static void agent_otlp_queue(struct writer *w, const struct page *page)
{
	for (size_t i = 0; i < page->snapshot->n_pushes; i++)
		write_labelled(w, "signal", page->snapshot->pushes[i].signal,
			       (double)page->snapshot->pushes[i].queued_bytes);
}

static void agent_otlp_queue_limit(struct writer *w, const struct page *page)
{
	for (size_t i = 0; i < page->snapshot->n_pushes; i++)
		write_labelled(w, "signal", page->snapshot->pushes[i].signal,
			       (double)page->snapshot->pushes[i].queue_limit_bytes);
}

static void agent_series_overflow(struct writer *w, const struct page *page)
{
	w->form->value(w, no_labels, no_labels, (double)page->series_overflow);
}

static void write_value(struct writer *w, const char *name, enum family_type type, const char *unit,
			const char *help, double v)
{
	if (isnan(v))
		return;
	begin(w, name, type, unit, help);
	w->form->value(w, no_labels, no_labels, v);
}

static void write_rest(struct writer *w, const struct page *page)
{
	const struct agent_row *a = &page->snapshot->agent;

#define FAMILY(id, name, otlp, unit, type, help)                                                   \
	begin(w, name, TYPE_##type, unit, help);                                                   \
	family_##id(w, page);
#define AGENT_FAMILY(id, name, otlp, unit, type, help)                                             \
	begin(w, "poolscope_agent_" name, TYPE_##type, unit, help);                                \
	agent_##id(w, page);
#define AGENT_VALUE(id, name, otlp, unit, type, value, help)                                       \
	write_value(w, "poolscope_agent_" name, TYPE_##type, unit, help, value);
#include "exporters/metrics.def"
}

void prometheus_families(struct writer *w, const struct snapshot *s, const struct series_set *set)
{
	struct page page = { .snapshot = s, .series_overflow = set->overflow };

	write_pools(w, set);
	write_rest(w, &page);
	end(w);
}
