/* SPDX-License-Identifier: MIT */
/*
 * truth.c - see truth.h. Quantiles are exact, from the log of all operations. The surprise: an acquire that did not wait is a
 * wait of 0 here, as it is for the agent, so a p50 of 0 is a true number.
 */
#include "tools/sim/truth.h"

#include <stdlib.h>

struct values {
	int64_t *v;
	size_t n;
};

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double quantile(const struct values *s, double q)
{
	size_t i = (size_t)(q * (double)s->n);

	return s->n ? (double)s->v[i < s->n ? i : s->n - 1] / 1e9 : 0;
}

static json_t *statistics(struct values *s)
{
	double sum = 0;

	qsort(s->v, s->n, sizeof(*s->v), by_size);
	for (size_t i = 0; i < s->n; i++)
		sum += (double)s->v[i] / 1e9;
	return json_pack("{s:I s:f s:f s:f s:f s:f}", "count", (json_int_t)s->n, "sum_seconds", sum,
			 "p50_seconds", quantile(s, .5), "p90_seconds", quantile(s, .9),
			 "p99_seconds", quantile(s, .99), "max_seconds", quantile(s, 1));
}

struct sums {
	struct values wait, wait_failed, hold;
	int64_t acquires, releases, timeouts, before;
	double in_use_s;
};

static void add_op(const struct op *o, int64_t since_ns, int64_t at_ns, struct sums *s)
{
	int64_t from = o->acquired_ns > since_ns ? o->acquired_ns : since_ns,
		to = o->end_ns ? o->end_ns : at_ns;

	if (!o->acquired_ns) {
		if (o->end_ns && o->end_ns >= since_ns) {
			s->timeouts++;
			s->wait_failed.v[s->wait_failed.n++] = o->end_ns - o->begin_ns;
		}
		return;
	}
	if (to > from)
		s->in_use_s += (double)(to - from) / 1e9;
	if (o->end_ns && o->end_ns >= since_ns)
		s->releases++;
	if (o->acquired_ns < since_ns) {
		s->before += !o->end_ns || o->end_ns >= since_ns;
		return;
	}
	s->acquires++;
	s->wait.v[s->wait.n++] = o->acquired_ns - o->begin_ns;
	if (o->end_ns)
		s->hold.v[s->hold.n++] = o->end_ns - o->acquired_ns;
}

static const char *kind_name(enum poolscope_kind kind)
{
	static const char *const names[] = { "unknown",   "connection", "worker",  "object",
					     "semaphore", "lock",       "listener" };

	return names[kind];
}

json_t *truth_pool(struct pool *p, int64_t since_ns)
{
	struct sums s = { 0 };
	struct values create = { 0 };
	int64_t at_ns;
	json_t *truth;

	pthread_mutex_lock(&p->lock);
	at_ns = now_ns();
	s.wait.v = malloc((p->n_ops + 1) * sizeof(int64_t));
	s.wait_failed.v = malloc((p->n_ops + 1) * sizeof(int64_t));
	s.hold.v = malloc((p->n_ops + 1) * sizeof(int64_t));
	if (!s.wait.v || !s.wait_failed.v || !s.hold.v)
		exit(1);
	for (size_t i = 0; i < p->n_ops; i++)
		add_op(&p->ops[i], since_ns, at_ns, &s);
	create = (struct values){ p->create_ns, p->n_creates };
	truth = json_pack(
		"{s:s s:s s:I s:I s:I s:I s:I s:I s:I s:I s:I s:I s:f s:o s:o s:o s:o s:I}", "name",
		p->options.name, "kind", kind_name(p->options.kind), "capacity",
		(json_int_t)p->options.capacity, "acquires", (json_int_t)s.acquires, "releases",
		(json_int_t)s.releases, "timeouts", (json_int_t)s.timeouts, "rejections",
		(json_int_t)p->rejections, "opened", (json_int_t)p->opened, "open_failures",
		(json_int_t)p->open_failures, "closed", (json_int_t)p->closed, "in_use",
		(json_int_t)p->n_in_use, "before_start", (json_int_t)s.before, "in_use_seconds",
		s.in_use_s, "wait", statistics(&s.wait), "wait_failed", statistics(&s.wait_failed),
		"hold", statistics(&s.hold), "create", statistics(&create), "at_ns",
		(json_int_t)at_ns);
	pthread_mutex_unlock(&p->lock);
	free(s.wait.v);
	free(s.wait_failed.v);
	free(s.hold.v);
	return truth;
}
