/* SPDX-License-Identifier: MIT */
/*
 * otlp_agent.c - the agent's own series and those of findings, see otlp_writer.h. The surprise: they are gathered first and written then, since over OTLP
 * a metric stands once, and one that is not there any more has an end that must be told.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "exporters/otlp_writer.h"

#define LABELS_MOST 6 /* names and values */

/* The series of the metric with these labels, made when new. NULL when out of memory. */
static struct single *single_get(struct writer *w, int metric, const char *const label[LABELS_MOST])
{
	struct attributes a = { .n = 0 };
	struct single *s;

	for (int i = 0; i < LABELS_MOST && label[i]; i += 2)
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

/* A value with up to three labels: name, value, name, value, NULL. */
static void take(struct writer *w, int metric, double value, const char *const label[LABELS_MOST])
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

#define LABELS(...) ((const char *const[LABELS_MOST]){ __VA_ARGS__ })

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

static void take_budget(struct writer *w)
{
	const struct budget_row *b = &w->s->budget;

	for (size_t i = 0; i < w->s->n_targets; i++) {
		const struct target_row *t = &w->s->targets[i];

		take(w, A_target_level, (double)t->level,
		     LABELS("file", t->file, "source", t->source, "reason",
			    level_reason_name(t->reason)));
		take(w, A_target_cost, t->share, LABELS("file", t->file, "source", t->source));
	}
	take(w, A_target_steps, (double)b->n_down, LABELS("direction", "down"));
	take(w, A_target_steps, (double)b->n_up, LABELS("direction", "up"));
	if (b->is_trap_measured) {
		take(w, A_trap, b->trap_s, LABELS("instruction", "emulated"));
		take(w, A_trap, b->stepped_trap_s, LABELS("instruction", "stepped"));
	}
	take(w, A_tick_interval, b->tick_s > 0 ? b->tick_s : NAN, LABELS(NULL));
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
	for (int i = 0; i < HTTP_OUTCOME_COUNT; i++)
		take(w, A_http_requests, (double)a->http_requests[i],
		     LABELS("outcome", http_outcome_name((enum http_outcome)i)));
	take_budget(w);
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

void write_agent(struct writer *w)
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

void commit_singles(struct otlp_encoder *e)
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
