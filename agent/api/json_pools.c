/* SPDX-License-Identifier: MIT */
/* json_pools.c - pools, in rows and in full; see json.h. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/json.h"
#include "api/json_parts.h"
#include "api/object.h"
#include "model/snapshot.h"

static const char *const outcomes[] = {
#define OUTCOME(id, name, text) [id] = #name,
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

static const char *const reject_reasons[] = {
#define REJECT_REASON(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

static int compare_pool_ids(const void *a, const void *b)
{
	const struct finding_row *const *f = a, *const *g = b;

	if ((*f)->pool_id != (*g)->pool_id)
		return (*f)->pool_id < (*g)->pool_id ? -1 : 1;
	return (int)(*g)->severity - (int)(*f)->severity;
}

int index_findings(const struct snapshot *s, struct finding_index *ret)
{
	ret->n = 0;
	ret->row = calloc(s->n_findings ? s->n_findings : 1, sizeof(struct finding_row *));
	if (!ret->row)
		return -ENOMEM;
	for (size_t i = 0; i < s->n_findings; i++) {
		if (s->findings[i].is_open && s->findings[i].pool_id)
			ret->row[ret->n++] = &s->findings[i];
	}
	qsort(ret->row, ret->n, sizeof(*ret->row), compare_pool_ids);
	return 0;
}

size_t index_find(const struct finding_index *index, uint64_t pool_id)
{
	size_t low = 0, high = index->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->row[middle]->pool_id < pool_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < index->n && index->row[low]->pool_id == pool_id ? low : index->n;
}

int index_severity(const struct finding_index *index, uint64_t pool_id)
{
	size_t i = index_find(index, pool_id);

	return i < index->n ? (int)index->row[i]->severity : -1;
}

/* Brief: the findings answer has them in full. */
static json_t *encode_pool_findings(const struct finding_index *index, uint64_t pool_id)
{
	json_t *array = json_array();

	for (size_t i = index_find(index, pool_id);
	     i < index->n && index->row[i]->pool_id == pool_id; i++) {
		const struct finding_row *f = index->row[i];
		struct object o = object_begin();

		object_set_total(&o, "id", f->id);
		object_set_name(&o, "type", f->type);
		object_set_name(&o, "severity", severity_name(f->severity));
		object_set_text(&o, "text", f->text);
		array_add(&array, object_end(&o));
	}
	return array;
}

static void set_identity(struct object *o, const struct snapshot *s, const struct pool_row *p)
{
	object_set_total(o, "id", p->id);
	object_set_name(o, "name", p->name);
	object_set_name(o, "kind",
			p->kind < PS_KIND_COUNT ? api_kinds[p->kind] : api_kinds[PS_KIND_unknown]);
	object_set_name(o, "source", p->source);
	object_set_name(o, "library", p->library);
	object_set_count(o, "pid", p->pid);
	object_set_name(o, "process", p->process);
	object_set_name(o, "service", p->service);
	object_set_name(o, "container_id", p->container_id);
	object_set_name(o, "endpoint", p->endpoint);
	object_set_ns(o, "since_seconds", s->t_ns - p->since_ns);
	object_set_ns(o, "since_monotonic_seconds", p->since_ns);
	object_set_text(o, "verdict", p->verdict);
	object_set_name(o, "confidence", p->confidence);
	object_set_text(o, "evidence", p->evidence);
	object_set_bool(o, "trusted", p->trusted);
	object_set_text(o, "untrusted_why", p->untrusted_why);
	object_set_name(o, "level", level_name(p->level));
}

static void set_gauges(struct object *o, const struct pool_row *p)
{
	object_set_count(o, "capacity", p->capacity);
	object_set_name(o, "capacity_basis", p->capacity_basis);
	object_set_count(o, "min_idle", p->min_idle);
	object_set_count(o, "open", p->open);
	object_set_count(o, "in_use", p->in_use);
	object_set_count(o, "idle", p->idle);
	object_set_count(o, "pending", p->pending);
	object_set_count(o, "in_use_peak", p->in_use_peak);
	object_set_count(o, "pending_peak", p->pending_peak);
	object_set_real(o, "utilization", p->utilization);
	object_set_real(o, "mean_in_use", p->mean_in_use);
	object_set_real(o, "acquires_per_second", p->acquires_per_s);
	object_set_real(o, "timeouts_per_second", p->timeouts_per_s);
	object_set_ns(o, "oldest_wait_seconds", p->oldest_wait_ns);
	object_set_ns(o, "oldest_hold_seconds", p->oldest_hold_ns);
	object_set_count(o, "close_wait", p->close_wait);
	object_set_ns(o, "oldest_close_wait_seconds", p->oldest_close_wait_ns);
	object_set_count(o, "accept_queue", p->accept_queue);
	object_set_count(o, "accept_backlog", p->accept_backlog);
}

static void set_counters(struct object *o, const struct pool_row *p)
{
	object_set_real(o, "in_use_seconds", p->in_use_s);
	object_set_real(o, "capacity_seconds", p->capacity_s);
	object_set_real(o, "pending_seconds", p->pending_s);
	object_set_real(o, "saturated_seconds", p->saturated_s);
	object_set_real(o, "stalled_seconds", p->stalled_s);
	object_set_real(o, "stall_backlog_seconds", p->backlog_s);
	object_set_real(o, "stalled_hold_seconds", p->stalled_hold_s);
	object_set_count(o, "acquires", p->acquires);
	object_set_count(o, "acquires_new", p->acquires_new);
	object_set_count(o, "releases", p->releases);
	object_set_count(o, "before_start", p->before_start);
	object_set_count(o, "timeouts", p->timeouts);
	object_set_counts_by(o, "outcomes", p->outcome, PS_OUTCOME_COUNT, outcomes);
	object_set_count(o, "opened", p->opened);
	object_set_count(o, "open_failures", p->open_failures);
	object_set_counts_by(o, "open_failures_by", p->open_failures_by, PS_OPEN_FAILURE_COUNT,
			     open_failures);
	object_set_count(o, "closed", p->closed);
	object_set_counts_by(o, "closed_by", p->closed_by, PS_CLOSE_COUNT, close_reasons);
	object_set_count(o, "closed_idle", p->closed_idle);
	object_set_real(o, "idle_before_close_seconds", p->idle_before_close_s);
	object_set_count(o, "rejections", p->rejections);
	object_set_counts_by(o, "rejected_by", p->rejected_by, PS_REJECT_COUNT, reject_reasons);
	object_set_count(o, "health_ok", p->health_ok);
	object_set_count(o, "health_failed", p->health_failed);
	object_set_real(o, "reuse_ratio", p->reuse_ratio);
	object_set_count(o, "odd_events", p->odd_events);
	object_set_hist(o, "wait", p->wait);
	object_set_hist(o, "wait_failed", p->wait_failed);
	object_set_hist(o, "hold", p->hold);
	object_set_hist(o, "create", p->create);
}

static struct object begin_pool(const struct snapshot *s, const struct pool_row *p,
				const struct finding_index *index)
{
	struct object o = object_begin();

	set_identity(&o, s, p);
	set_gauges(&o, p);
	set_counters(&o, p);
	object_set(&o, "findings", encode_pool_findings(index, p->id));
	return o;
}

json_t *encode_pool_row(const struct snapshot *s, const struct pool_row *p,
			const struct finding_index *index)
{
	struct object o = begin_pool(s, p, index);

	return object_end(&o);
}

static json_t *encode_one_of_pools(const struct snapshot *s, size_t i, void *context)
{
	return encode_pool_row(s, &s->pools[i], context);
}

json_t *encode_pools(const struct snapshot *s)
{
	struct finding_index index;
	json_t *pools;

	if (index_findings(s, &index))
		return NULL;
	pools = encode_array("pools", s->n_pools, encode_one_of_pools, s, &index);
	free(index.row);
	return pools;
}

/* ---- the same, pool by pool ------------------------------------------------------------------------------------------------ */

int write_pool_row(json_t *pool, bool is_first, json_dump_callback_t put, void *context)
{
	int r;

	if (!pool)
		return -ENOMEM;
	r = is_first ? 0 : put(",", 1, context);
	if (!r)
		r = json_dump_callback(pool, put, context, JSON_COMPACT | API_JSON_FLAGS);
	json_decref(pool);
	return r;
}

int write_pools(const struct snapshot *s, json_dump_callback_t put, void *context)
{
	struct finding_index index;
	int r;

	if (index_findings(s, &index))
		return -ENOMEM;
	r = put("{\"pools\":[", 10, context);
	for (size_t i = 0; i < s->n_pools && !r; i++)
		r = write_pool_row(encode_pool_row(s, &s->pools[i], &index), !i, put, context);
	free(index.row);
	return r ? r : put("]}", 2, context);
}

/* To a histogram that is in the object: [[upper bound in seconds, count], ...] of its buckets but the empty ones; null = no bound. */
static void set_buckets(struct object *o, const char *key, const struct hist *h)
{
	json_t *buckets;

	if (!h)
		return;
	buckets = json_array();
	for (struct hist_walk w = hist_walk(h); hist_next(&w);) {
		double upper_s = hist_upper_s(w.bucket);
		json_t *pair = json_array();

		array_add(&pair, isfinite(upper_s) ? json_real(upper_s) : json_null());
		array_add(&pair, json_integer((json_int_t)w.n));
		array_add(&buckets, pair);
	}
	if (json_object_set_new_nocheck(json_object_get(o->json, key), "buckets", buckets))
		o->has_failed = true;
}

json_t *encode_pool(const struct snapshot *s, const struct pool_row *p)
{
	struct finding_index index;
	struct object o;

	if (index_findings(s, &index))
		return NULL;
	o = begin_pool(s, p, &index);
	set_buckets(&o, "wait", p->wait);
	set_buckets(&o, "wait_failed", p->wait_failed);
	set_buckets(&o, "hold", p->hold);
	set_buckets(&o, "create", p->create);
	object_set(&o, "holders", encode_holders(s, p));
	object_set(&o, "waiters", encode_waiters(s, p));
	free(index.row);
	return object_end(&o);
}
