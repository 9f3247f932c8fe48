/* SPDX-License-Identifier: MIT */
/*
 * truth.c - see truth.h. Quantiles are exact, from the log of all operations. The surprise: an acquire that did not wait is a
 * wait of 0 here, as it is for the agent, so a p50 of 0 is a true number.
 *
 * Each time has bounds beside it, for the agent learns of its two ends a bit later (books.h). The sum of the lower bounds is one of the
 * sum, and as sorting keeps their order, the same holds for each quantile.
 */
#include "tools/sim/truth.h"

#include <math.h>
#include <stdlib.h>

static const char *kind_name(enum poolscope_kind kind)
{
	switch ((int)kind) {
#define KIND(id, name, text)                                                                       \
	case (id):                                                                                 \
		return #name;
#include "bpf/verbs.def"
	}
	return "unknown";
}

static const char *const outcome_names[] = {
#define OUTCOME(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};
static const char *const close_names[] = {
#define CLOSE_REASON(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};
static const char *const reject_names[] = {
#define REJECT_REASON(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};
#define REASONS_MAX 16

/* ---- times and counts -------------------------------------------------------------------------------------------------- */

struct values {
	int64_t *v, *low, *high;
	size_t n;
};

static struct values values_new(size_t room)
{
	return (struct values){
		.v = must(calloc(room + 1, sizeof(int64_t))),
		.low = must(calloc(room + 1, sizeof(int64_t))),
		.high = must(calloc(room + 1, sizeof(int64_t))),
	};
}

/* From one instant to another one, each of which the agent learns of at most so much later. */
static void value_add(struct values *s, int64_t begin_ns, int64_t begin_late_ns, int64_t end_ns,
		      int64_t end_late_ns)
{
	s->v[s->n] = end_ns - begin_ns;
	s->low[s->n] = end_ns - begin_ns - begin_late_ns;
	s->high[s->n++] = end_ns - begin_ns + end_late_ns;
}

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

/* The same value of the sorted list as the agent's: number ceil(q * n). Where waits begin, its neighbour may be far away. */
static double quantile(const int64_t *v, size_t n, double q)
{
	size_t rank = (size_t)ceil(q * (double)n);

	return n ? (double)v[rank ? rank - 1 : 0] / 1e9 : 0;
}

/* Sorts the values. */
static json_t *statistics_of(int64_t *v, size_t n)
{
	double sum = 0;

	qsort(v, n, sizeof(*v), by_size);
	for (size_t i = 0; i < n; i++)
		sum += (double)v[i] / 1e9;
	return json_pack("{s:I s:f s:f s:f s:f s:f}", "count", (json_int_t)n, "sum_seconds", sum,
			 "p50_seconds", quantile(v, n, .5), "p90_seconds", quantile(v, n, .9),
			 "p99_seconds", quantile(v, n, .99), "max_seconds", quantile(v, n, 1));
}

/* The value under its own name, and its bounds beside it: {name: v, "low": {name: v}, "high": {name: v}}. */
struct bounds {
	json_t *truth, *low, *high; /* borrowed */
};

/* Ends the values. */
static void write_values(const struct bounds *to, const char *name, struct values *s)
{
	json_object_set_new(to->truth, name, statistics_of(s->v, s->n));
	json_object_set_new(to->low, name, statistics_of(s->low, s->n));
	json_object_set_new(to->high, name, statistics_of(s->high, s->n));
	free(s->v);
	free(s->low);
	free(s->high);
}

static json_t *by_name(const int64_t *n, const char *const *names, size_t n_names)
{
	json_t *all = json_object();

	for (size_t i = 0; i < n_names && i < REASONS_MAX; i++)
		if (n[i])
			json_object_set_new(all, names[i], json_integer(n[i]));
	return all;
}

/* The part of [begin, end) that lies after since, in seconds. */
static double overlap_s(int64_t begin_ns, int64_t end_ns, int64_t since_ns)
{
	if (begin_ns < since_ns)
		begin_ns = since_ns;
	return end_ns > begin_ns ? (double)(end_ns - begin_ns) / 1e9 : 0;
}

struct bounded {
	double v, low, high;
};

/* As value_add(). */
static void overlap_add(struct bounded *sum, const struct span *part, int64_t since_ns)
{
	int64_t begin_ns = part->begin_ns, end_ns = part->end_ns;

	sum->v += overlap_s(begin_ns, end_ns, since_ns);
	sum->low += overlap_s(begin_ns + part->begin_late_ns, end_ns, since_ns);
	sum->high += overlap_s(begin_ns, end_ns + part->end_late_ns, since_ns);
}

static void write_sum(const struct bounds *to, const char *name, const struct bounded *sum)
{
	json_object_set_new(to->truth, name, json_real(sum->v));
	json_object_set_new(to->low, name, json_real(sum->low));
	json_object_set_new(to->high, name, json_real(sum->high));
}

/* ---- reading the books ------------------------------------------------------------------------------------------------- */

struct sums {
	struct values wait, wait_failed, hold, create;
	int64_t acquires, acquires_new, releases, before, opened, open_failures;
	int64_t outcome[REASONS_MAX], closed[REASONS_MAX], rejected[REASONS_MAX];
	struct bounded in_use, saturated, pending;
	double capacity_s, stalled_s, stalled_hold_s;
};

static void add_pending(const struct op *o, int64_t since_ns, int64_t at_ns, struct sums *s)
{
	struct span part = { o->begin_ns, at_ns, o->begin_late_ns, 0 };

	if (o->acquired_ns) {
		part.end_ns = o->acquired_ns;
		part.end_late_ns = o->acquired_late_ns;
	} else if (o->end_ns) {
		part.end_ns = o->end_ns;
		part.end_late_ns = o->end_late_ns;
	}
	if (o->acquired_ns != o->begin_ns)
		overlap_add(&s->pending, &part, since_ns);
}

static int64_t later(int64_t a, int64_t b)
{
	return a > b ? a : b;
}

static void add_stalled(const struct op *o, int64_t since_ns, int64_t at_ns, struct world *w,
			struct sums *s)
{
	int64_t end_ns = o->end_ns ? o->end_ns : at_ns;
	int64_t wait_end_ns = o->acquired_ns ? o->acquired_ns : end_ns;

	s->stalled_s +=
		(double)world_stood_within(w, later(o->begin_ns, since_ns), wait_end_ns) / 1e9;
	if (o->acquired_ns)
		s->stalled_hold_s +=
			(double)world_stood_within(w, later(o->acquired_ns, since_ns), end_ns) /
			1e9;
}

static void add_op(const struct op *o, int64_t since_ns, int64_t at_ns, struct sums *s)
{
	struct span lease = { o->acquired_ns, at_ns, o->acquired_late_ns, 0 };

	add_pending(o, since_ns, at_ns, s);
	if (!o->acquired_ns) {
		if (o->end_ns && o->end_ns >= since_ns) {
			s->outcome[o->outcome % REASONS_MAX]++;
			value_add(&s->wait_failed, o->begin_ns, o->begin_late_ns, o->end_ns,
				  o->end_late_ns);
		}
		return;
	}
	if (o->end_ns) {
		lease.end_ns = o->end_ns;
		lease.end_late_ns = o->end_late_ns;
	}
	overlap_add(&s->in_use, &lease, since_ns);
	if (o->end_ns && o->end_ns >= since_ns)
		s->releases++;
	if (o->acquired_ns < since_ns) {
		s->before += !o->end_ns || o->end_ns >= since_ns;
		return;
	}
	s->acquires++;
	s->acquires_new += o->is_new;
	if (o->begin_ns == o->acquired_ns) /* the agent knows as well that it has not waited */
		value_add(&s->wait, o->begin_ns, 0, o->begin_ns, 0);
	else
		value_add(&s->wait, o->begin_ns, o->begin_late_ns, o->acquired_ns,
			  o->acquired_late_ns);
	if (o->end_ns)
		value_add(&s->hold, o->acquired_ns, o->acquired_late_ns, o->end_ns, o->end_late_ns);
}

static void add_mark(const struct mark *m, struct sums *s)
{
	switch (m->what) {
	case MARK_OPENED:
		s->opened++;
		value_add(&s->create, 0, 0, m->took_ns, 0);
		break;
	case MARK_OPEN_FAILED:
		s->open_failures++;
		break;
	case MARK_CLOSED:
		s->closed[m->reason % REASONS_MAX]++;
		break;
	case MARK_REJECTED:
		s->rejected[m->reason % REASONS_MAX]++;
		break;
	case MARK_CAPACITY:
		break;
	}
}

static double capacity_seconds(const struct books *b, int64_t since_ns, int64_t at_ns)
{
	const struct mark *before = NULL;
	double sum = 0;

	for (size_t i = 0; i < b->n_marks; i++) {
		if (b->marks[i].what != MARK_CAPACITY)
			continue;
		if (before)
			sum += before->reason *
			       overlap_s(before->at_ns, b->marks[i].at_ns, since_ns);
		before = &b->marks[i];
	}
	return before ? sum + before->reason * overlap_s(before->at_ns, at_ns, since_ns) : sum;
}

static int64_t sum_of(const int64_t *n)
{
	int64_t sum = 0;

	for (size_t i = 0; i < REASONS_MAX; i++)
		sum += n[i];
	return sum;
}

static json_t *write_down(const struct books *b, struct sums *s, int64_t at_ns)
{
	json_t *truth = json_pack(
		"{s:s s:s s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I}", "name",
		b->name, "kind", kind_name(b->kind), "at_ns", (json_int_t)at_ns, "capacity",
		(json_int_t)b->capacity, "in_use", (json_int_t)b->n_in_use, "pending",
		(json_int_t)b->n_waiting, "open", (json_int_t)b->n_open, "leaked",
		(json_int_t)b->n_leaked, "acquires", (json_int_t)s->acquires, "releases",
		(json_int_t)s->releases, "before_start", (json_int_t)s->before, "timeouts",
		(json_int_t)s->outcome[POOLSCOPE_OUTCOME_TIMEOUT], "rejections",
		(json_int_t)sum_of(s->rejected), "opened", (json_int_t)s->opened, "open_failures",
		(json_int_t)s->open_failures, "closed", (json_int_t)sum_of(s->closed),
		"acquires_new", (json_int_t)s->acquires_new);
	struct bounds to = { .truth = truth };

	json_object_update_new(truth,
			       json_pack("{s:f s:f s:f s:o s:o s:o}", "capacity_seconds",
					 s->capacity_s, "stalled_seconds", s->stalled_s,
					 "stalled_hold_seconds", s->stalled_hold_s, "outcomes",
					 by_name(s->outcome, outcome_names,
						 sizeof(outcome_names) / sizeof(*outcome_names)),
					 "closed_by",
					 by_name(s->closed, close_names,
						 sizeof(close_names) / sizeof(*close_names)),
					 "rejected_by",
					 by_name(s->rejected, reject_names,
						 sizeof(reject_names) / sizeof(*reject_names))));
	to.low = json_object();
	to.high = json_object();
	json_object_set_new(truth, "low", to.low);
	json_object_set_new(truth, "high", to.high);
	write_sum(&to, "in_use_seconds", &s->in_use);
	write_sum(&to, "pending_seconds", &s->pending);
	write_sum(&to, "saturated_seconds", &s->saturated);
	write_values(&to, "wait", &s->wait);
	write_values(&to, "wait_failed", &s->wait_failed);
	write_values(&to, "hold", &s->hold);
	write_values(&to, "create", &s->create);
	return truth;
}

json_t *truth_of(const struct books *b, struct world *w, int64_t since_ns)
{
	int64_t at_ns = now_ns();
	struct sums s = {
		.wait = values_new(b->n_ops),
		.wait_failed = values_new(b->n_ops),
		.hold = values_new(b->n_ops),
		.create = values_new(b->n_marks),
		.capacity_s = capacity_seconds(b, since_ns, at_ns),
	};

	for (size_t i = 0; i < b->n_ops; i++) {
		add_op(&b->ops[i], since_ns, at_ns, &s);
		add_stalled(&b->ops[i], since_ns, at_ns, w, &s);
	}
	for (size_t i = 0; i < b->n_marks; i++)
		if (b->marks[i].at_ns >= since_ns)
			add_mark(&b->marks[i], &s);
	for (size_t i = 0; i < b->n_spans; i++)
		overlap_add(&s.saturated, &b->spans[i], since_ns);
	if (b->saturated.begin_ns)
		overlap_add(&s.saturated,
			    &(struct span){ b->saturated.begin_ns, at_ns,
					    b->saturated.begin_late_ns, 0 },
			    since_ns);
	return write_down(b, &s, at_ns);
}
