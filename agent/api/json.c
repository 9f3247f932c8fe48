/* SPDX-License-Identifier: MIT */
/*
 * json.c - see json.h. The surprise: nothing here looks at the result of each step. A jansson container that is NULL or that
 * could not take a value makes later steps fail too, so `set` remembers the first failure in the writer and the object is
 * dropped as a whole at the end.
 */
#include "api/json.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "model/snapshot.h"

#define FINDING_HOLDERS 3
#define TEXT_BYTES 1024	/* of a sentence; names have TEXT_NAME_BYTES */

static const char *const kinds[] = {
#define KIND(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

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

static const char *const stall_causes[] = {
#define STALL_CAUSE(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

static const struct {
	const char *name, *text;
} losses[] = {
#define LOSS(name, text) [PS_LOSS_##name] = { #name, text },
#include "bpf/losses.def"
};

static const char *const check_states[] = {
	[CHECK_OK] = "ok",
	[CHECK_NOTE] = "note",
	[CHECK_BAD] = "bad",
};

/* ---- values ---------------------------------------------------------------------------------------------------------------- */

/* An object under construction. */
struct object {
	json_t *json;
	bool has_failed;
};

static struct object object_begin(void)
{
	return (struct object){ .json = json_object() };
}

/* Hands the object over, or NULL when any step failed. */
static json_t *object_end(struct object *o)
{
	if (o->has_failed) {
		json_decref(o->json);
		o->json = NULL;
	}
	return TAKE(o->json);
}

/* Takes the value; NULL means that it could not be made. */
static void set(struct object *o, const char *key, json_t *value)
{
	/* the keys are our own literals */
	if (json_object_set_new_nocheck(o->json, key, value))
		o->has_failed = true;
}

static void set_text_of(struct object *o, const char *key, const char *s, size_t size)
{
	char clean[TEXT_BYTES];

	if (!s) {
		set(o, key, json_null());
		return;
	}
	size = size < sizeof(clean) ? size : sizeof(clean);
	text_clean(s, SIZE_MAX, clean, size);
	set(o, key, json_string_nocheck(clean));
}

static void set_name(struct object *o, const char *key, const char *s)
{
	set_text_of(o, key, s, TEXT_NAME_BYTES);
}

static void set_text(struct object *o, const char *key, const char *s)
{
	set_text_of(o, key, s, TEXT_BYTES);
}

static void set_count(struct object *o, const char *key, int64_t n)
{
	set(o, key, n == UNKNOWN ? json_null() : json_integer(n));
}

static void set_total(struct object *o, const char *key, uint64_t n)
{
	set(o, key, json_integer(n > INT64_MAX ? INT64_MAX : (json_int_t)n));
}

static void set_real(struct object *o, const char *key, double v)
{
	set(o, key, isfinite(v) ? json_real(v) : json_null());
}

static void set_ns(struct object *o, const char *key, int64_t ns)
{
	set_real(o, key, ns == UNKNOWN ? NAN : (double)ns / 1e9);
}

static void set_bool(struct object *o, const char *key, bool v)
{
	set(o, key, json_boolean(v));
}

/* Takes the value; on failure the array becomes NULL, which stays NULL and cannot be set. */
static void append(json_t **array, json_t *value)
{
	if (json_array_append_new(*array, value)) {
		json_decref(*array);
		*array = NULL;
	}
}

/* {"timeout": 3, ...}: those that are known; null when none is. */
static void set_counts_by(struct object *o, const char *key, const int64_t *n, size_t n_names,
			  const char *const *names)
{
	struct object by = object_begin();
	bool is_known = false;

	for (size_t i = 0; i < n_names; i++) {
		if (n[i] == UNKNOWN)
			continue;
		is_known = true;
		set_count(&by, names[i], n[i]);
	}
	if (is_known) {
		set(o, key, object_end(&by));
	} else {
		json_decref(by.json);
		set(o, key, json_null());
	}
}

static void set_hist(struct object *o, const char *key, const struct hist *h)
{
	struct object hist;

	if (!h) {
		set(o, key, json_null());
		return;
	}
	hist = object_begin();
	set_total(&hist, "count", h->count);
	set_real(&hist, "sum_seconds", h->sum_s);
	set_real(&hist, "p50_seconds", hist_quantile_s(h, 0.5));
	set_real(&hist, "p90_seconds", hist_quantile_s(h, 0.9));
	set_real(&hist, "p99_seconds", hist_quantile_s(h, 0.99));
	set_real(&hist, "max_seconds", h->count ? (double)h->max_ns / 1e9 : NAN);
	set(o, key, object_end(&hist));
}

/* {"<key>": [...]} of n elements. */
static json_t *encode_array(const char *key, size_t n,
			    json_t *(*encode)(const struct snapshot *s, size_t i, void *context),
			    const struct snapshot *s, void *context)
{
	struct object o = object_begin();
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		append(&array, encode(s, i, context));
	set(&o, key, array);
	return object_end(&o);
}

/* ---- pools ----------------------------------------------------------------------------------------------------------------- */

/* The open findings of a snapshot in the order of their pools. */
struct finding_index {
	const struct finding_row **row;
	size_t n;
};

static int compare_pool_ids(const void *a, const void *b)
{
	const struct finding_row *const *f = a, *const *g = b;

	if ((*f)->pool_id != (*g)->pool_id)
		return (*f)->pool_id < (*g)->pool_id ? -1 : 1;
	return (int)(*g)->severity - (int)(*f)->severity;
}

static int index_findings(const struct snapshot *s, struct finding_index *ret)
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

/* Brief: the findings answer has them in full. */
static json_t *encode_pool_findings(const struct finding_index *index, uint64_t pool_id)
{
	json_t *array = json_array();
	size_t low = 0, high = index->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (index->row[middle]->pool_id < pool_id)
			low = middle + 1;
		else
			high = middle;
	}
	for (; low < index->n && index->row[low]->pool_id == pool_id; low++) {
		const struct finding_row *f = index->row[low];
		struct object o = object_begin();

		set_total(&o, "id", f->id);
		set_name(&o, "type", f->type);
		set_name(&o, "severity", severity_name(f->severity));
		set_text(&o, "text", f->text);
		append(&array, object_end(&o));
	}
	return array;
}

static void set_identity(struct object *o, const struct snapshot *s, const struct pool_row *p)
{
	set_total(o, "id", p->id);
	set_name(o, "name", p->name);
	set_name(o, "kind", p->kind < PS_KIND_COUNT ? kinds[p->kind] : kinds[PS_KIND_unknown]);
	set_name(o, "source", p->source);
	set_name(o, "library", p->library);
	set_count(o, "pid", p->pid);
	set_name(o, "process", p->process);
	set_name(o, "service", p->service);
	set_name(o, "container_id", p->container_id);
	set_name(o, "endpoint", p->endpoint);
	set_ns(o, "since_seconds", s->t_ns - p->since_ns);
	set_ns(o, "since_monotonic_seconds", p->since_ns);
	set_text(o, "verdict", p->verdict);
	set_name(o, "confidence", p->confidence);
	set_text(o, "evidence", p->evidence);
	set_bool(o, "trusted", p->trusted);
	set_text(o, "untrusted_why", p->untrusted_why);
}

static void set_gauges(struct object *o, const struct pool_row *p)
{
	set_count(o, "capacity", p->capacity);
	set_name(o, "capacity_basis", p->capacity_basis);
	set_count(o, "min_idle", p->min_idle);
	set_count(o, "open", p->open);
	set_count(o, "in_use", p->in_use);
	set_count(o, "idle", p->idle);
	set_count(o, "pending", p->pending);
	set_count(o, "in_use_peak", p->in_use_peak);
	set_count(o, "pending_peak", p->pending_peak);
	set_real(o, "utilization", p->utilization);
	set_real(o, "mean_in_use", p->mean_in_use);
	set_real(o, "acquires_per_second", p->acquires_per_s);
	set_real(o, "timeouts_per_second", p->timeouts_per_s);
	set_ns(o, "oldest_wait_seconds", p->oldest_wait_ns);
	set_ns(o, "oldest_hold_seconds", p->oldest_hold_ns);
	set_count(o, "close_wait", p->close_wait);
	set_ns(o, "oldest_close_wait_seconds", p->oldest_close_wait_ns);
	set_count(o, "accept_queue", p->accept_queue);
	set_count(o, "accept_backlog", p->accept_backlog);
}

static void set_counters(struct object *o, const struct pool_row *p)
{
	set_real(o, "in_use_seconds", p->in_use_s);
	set_real(o, "capacity_seconds", p->capacity_s);
	set_real(o, "pending_seconds", p->pending_s);
	set_real(o, "saturated_seconds", p->saturated_s);
	set_real(o, "stalled_seconds", p->stalled_s);
	set_real(o, "stall_backlog_seconds", p->backlog_s);
	set_real(o, "stalled_hold_seconds", p->stalled_hold_s);
	set_count(o, "acquires", p->acquires);
	set_count(o, "acquires_new", p->acquires_new);
	set_count(o, "releases", p->releases);
	set_count(o, "before_start", p->before_start);
	set_count(o, "timeouts", p->timeouts);
	set_counts_by(o, "outcomes", p->outcome, PS_OUTCOME_COUNT, outcomes);
	set_count(o, "opened", p->opened);
	set_count(o, "open_failures", p->open_failures);
	set_counts_by(o, "open_failures_by", p->open_failures_by, PS_OPEN_FAILURE_COUNT,
		      open_failures);
	set_count(o, "closed", p->closed);
	set_counts_by(o, "closed_by", p->closed_by, PS_CLOSE_COUNT, close_reasons);
	set_count(o, "closed_idle", p->closed_idle);
	set_real(o, "idle_before_close_seconds", p->idle_before_close_s);
	set_count(o, "rejections", p->rejections);
	set_counts_by(o, "rejected_by", p->rejected_by, PS_REJECT_COUNT, reject_reasons);
	set_count(o, "health_ok", p->health_ok);
	set_count(o, "health_failed", p->health_failed);
	set_real(o, "reuse_ratio", p->reuse_ratio);
	set_count(o, "odd_events", p->odd_events);
	set_hist(o, "wait", p->wait);
	set_hist(o, "wait_failed", p->wait_failed);
	set_hist(o, "hold", p->hold);
	set_hist(o, "create", p->create);
}

static struct object begin_pool(const struct snapshot *s, const struct pool_row *p,
				const struct finding_index *index)
{
	struct object o = object_begin();

	set_identity(&o, s, p);
	set_gauges(&o, p);
	set_counters(&o, p);
	set(&o, "findings", encode_pool_findings(index, p->id));
	return o;
}

static json_t *encode_one_of_pools(const struct snapshot *s, size_t i, void *context)
{
	struct object o = begin_pool(s, &s->pools[i], context);

	return object_end(&o);
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

static json_t *encode_texts(const char *const *text, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		char clean[2 * TEXT_NAME_BYTES];

		text_clean(text[i], SIZE_MAX, clean, sizeof(clean));
		append(&array, json_string_nocheck(clean));
	}
	return array;
}

/* null = nobody has looked at it lately. */
static json_t *encode_present_stack(const struct snapshot *s, const struct pool_row *p,
				    const struct ref_row *ref)
{
	const struct stack_row *row = NULL;
	struct object o;

	for (size_t i = 0; i < s->n_stacks && !row; i++)
		if (s->stacks[i].pid == (uint32_t)p->pid && s->stacks[i].tid == ref->tid &&
		    s->stacks[i].goroutine == (ref->taker > UINT32_MAX ? ref->taker : 0))
			row = &s->stacks[i];
	if (!row)
		return json_null();
	o = object_begin();
	set_ns(&o, "age_seconds", row->age_ns);
	set_name(&o, "state", row->state);
	set_text(&o, "waits_for", row->waits_for);
	set_text(&o, "problem", row->problem);
	set_count(&o, "on_tid", row->on_tid ? row->on_tid : UNKNOWN);
	set_count(&o, "goroutine", row->goroutine_id ? (int64_t)row->goroutine_id : UNKNOWN);
	set(&o, "frames", encode_texts(row->frames, row->n_frames));
	set_bool(&o, "is_cut", row->is_cut);
	return object_end(&o);
}

/* The pool, of the same process and perhaps the same, in which a holder waits; NULL = in none that is known. */
static const struct pool_row *pool_waited_in(const struct snapshot *s, const struct pool_row *p,
					     const struct ref_row *ref)
{
	bool is_goroutine = ref->taker > UINT32_MAX;

	for (size_t i = 0; i < s->n_pools; i++) {
		const struct pool_row *q = &s->pools[i];

		if (q->pid != p->pid)
			continue;
		for (size_t j = 0; j < q->n_waiters; j++) {
			const struct ref_row *w = &q->waiters[j];

			if (is_goroutine ? w->taker == ref->taker
					 : ref->tid && w->tid == ref->tid && w->taker <= UINT32_MAX)
				return q;
		}
	}
	return NULL;
}

/* Items and waiters are opaque 64-bit values, often addresses: as text, because JSON readers keep only 53 bits of a number. */
static json_t *encode_refs(const struct snapshot *s, const struct pool_row *p,
			   const struct ref_row *row, size_t n, const char *id_key)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++) {
		struct object o = object_begin();
		char id[24], thread[PS_COMM_MAX + 1];

		snprintf(id, sizeof(id), "0x%llx", (unsigned long long)row[i].id);
		/* a name that fills its field has no NUL */
		text_clean(row[i].thread, PS_COMM_MAX, thread, sizeof(thread));
		set_name(&o, id_key, id);
		set(&o, "tid", row[i].tid ? json_integer(row[i].tid) : json_null());
		set_name(&o, "thread", thread[0] ? thread : NULL);
		set_ns(&o, "age_seconds", row[i].age_ns);
		set_bool(&o, "is_thread_gone", row[i].is_thread_gone);
		set(&o, "stack", encode_present_stack(s, p, &row[i]));
		if (row == p->holders) {
			const struct pool_row *q = pool_waited_in(s, p, &row[i]);

			set_name(&o, "waits_in", q ? q->name : NULL);
			set(&o, "waits_in_id", q ? json_integer((json_int_t)q->id) : json_null());
		}
		append(&array, object_end(&o));
	}
	return array;
}

/* To a histogram that is in the object: [[upper bound in seconds, count], ...] of its buckets but the empty ones; null = no bound. */
static void set_buckets(struct object *o, const char *key, const struct hist *h)
{
	json_t *buckets = json_array();

	for (unsigned int i = 0; h && i < h->n; i++) {
		double upper_s = hist_upper_s(h->first + i);
		json_t *pair;

		if (!h->bucket[i])
			continue;
		pair = json_array();
		append(&pair, isfinite(upper_s) ? json_real(upper_s) : json_null());
		append(&pair, json_integer((json_int_t)h->bucket[i]));
		append(&buckets, pair);
	}
	if (!h)
		json_decref(buckets);
	else if (json_object_set_new_nocheck(json_object_get(o->json, key), "buckets", buckets))
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
	set(&o, "holders", encode_refs(s, p, p->holders, p->n_holders, "item"));
	set(&o, "waiters", encode_refs(s, p, p->waiters, p->n_waiters, "waiter"));
	free(index.row);
	return object_end(&o);
}

/* ---- the rest -------------------------------------------------------------------------------------------------------------- */

/* Who holds the oldest items of its pool while it is open. */
static json_t *encode_finding_holders(const struct snapshot *s, const struct finding_row *f)
{
	for (size_t i = 0; f->is_open && f->pool_id && i < s->n_pools; i++) {
		const struct pool_row *p = &s->pools[i];

		if (p->id == f->pool_id)
			return encode_refs(s, p, p->holders,
					   p->n_holders < FINDING_HOLDERS ? p->n_holders
									  : FINDING_HOLDERS,
					   "item");
	}
	return json_array();
}

static json_t *encode_finding(const struct snapshot *s, size_t i, void *context)
{
	const struct finding_row *f = &s->findings[i];
	struct object o = object_begin();

	(void)context;
	set_total(&o, "id", f->id);
	set_name(&o, "type", f->type);
	set_name(&o, "severity", severity_name(f->severity));
	set_name(&o, "state", f->is_open ? "open" : "closed");
	set_count(&o, "pid", f->pid);
	set_name(&o, "process", f->process);
	set_name(&o, "pool", f->pool);
	set(&o, "pool_id", f->pool_id ? json_integer((json_int_t)f->pool_id) : json_null());
	set_ns(&o, "since", f->since_ns);
	set_ns(&o, "until", f->until_ns);
	set_text(&o, "text", f->text);
	set_text(&o, "advice", f->advice);
	set_text(&o, "evidence", f->evidence);
	set(&o, "holders", encode_finding_holders(s, f));
	return object_end(&o);
}

json_t *encode_findings(const struct snapshot *s)
{
	return encode_array("findings", s->n_findings, encode_finding, s, NULL);
}

static json_t *encode_stall(const struct snapshot *s, size_t i, void *context)
{
	const struct stall_row *row = &s->stalls[i];
	struct object o = object_begin();

	(void)context;
	set_count(&o, "pid", row->pid);
	set_name(&o, "process", row->process);
	set_name(&o, "cause", stall_causes[row->cause]);
	set_name(&o, "source", row->is_counted ? "hsperfdata" : "events");
	set_count(&o, "count", (int64_t)row->n);
	set_real(&o, "sum_seconds", row->sum_s);
	set_real(&o, "max_seconds", row->is_counted ? NAN : (double)row->length->max_ns / 1e9);
	set_real(&o, "p99_seconds", row->is_counted ? NAN : hist_quantile_s(row->length, 0.99));
	set_real(&o, "lasts_seconds", (double)row->since_ns / 1e9);
	return object_end(&o);
}

json_t *encode_stalls(const struct snapshot *s)
{
	return encode_array("stalls", s->n_stalls, encode_stall, s, NULL);
}

static json_t *encode_stack(const struct lock_row *l)
{
	json_t *array = json_array();

	for (size_t i = 0; i < l->n_stack; i++) {
		char clean[TEXT_NAME_BYTES];

		text_clean(l->stack[i], SIZE_MAX, clean, sizeof(clean));
		append(&array, json_string_nocheck(clean));
	}
	return array;
}

static json_t *encode_lock(const struct snapshot *s, size_t i, void *context)
{
	const struct lock_row *l = &s->locks[i];
	struct object o = object_begin();
	char address[24];

	(void)context;
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)l->address);
	set_count(&o, "pid", l->pid);
	set_name(&o, "process", l->process);
	set_name(&o, "lock", l->name ? l->name : address);
	set_name(&o, "symbol", l->name);
	set_name(&o, "address", address);
	set_hist(&o, "wait", l->wait);
	set_count(&o, "timeouts", l->timeouts);
	set_count(&o, "waiting", l->waiting);
	set_ns(&o, "oldest_wait_seconds", l->oldest_wait_ns);
	set_real(&o, "waits_per_second", l->waits_per_s);
	set_real(&o, "mean_waiting", l->mean_waiting);
	set(&o, "stack", encode_stack(l));
	return object_end(&o);
}

json_t *encode_locks(const struct snapshot *s)
{
	return encode_array("locks", s->n_locks, encode_lock, s, NULL);
}

static json_t *encode_probe(const struct snapshot *s, size_t i, void *context)
{
	const struct probe_row *p = &s->probes[i];
	struct object o = object_begin();

	(void)context;
	set_text(&o, "file", p->file);
	set_name(&o, "provider", p->provider);
	set_name(&o, "probe", p->probe);
	set_text(&o, "symbol", p->symbol);
	set_total(&o, "offset", p->offset);
	set_name(&o, "verb", p->verb);
	set_name(&o, "method", p->method);
	set_bool(&o, "attached", !p->problem);
	set_total(&o, "hits", p->hits);
	set_total(&o, "errors", p->errors);
	set_real(&o, "cost_ns", p->cost_ns);
	set_name(&o, "cost_class", p->cost_class);
	set_text(&o, "problem", p->problem);
	set_count(&o, "processes", p->n_processes);
	return object_end(&o);
}

json_t *encode_probes(const struct snapshot *s)
{
	return encode_array("probes", s->n_probes, encode_probe, s, NULL);
}

static json_t *encode_recipe(const struct snapshot *s, size_t i, void *context)
{
	const struct recipe_row *r = &s->recipes[i];
	struct object o = object_begin();

	(void)context;
	set_text(&o, "name", r->name);
	set_name(&o, "library", r->library);
	set_name(&o, "kind", r->kind ? kinds[r->kind] : NULL);
	set_bool(&o, "enabled", !r->is_off);
	set_count(&o, "files", r->n_files);
	set_count(&o, "processes", r->n_processes);
	set_count(&o, "probes", r->n_probes);
	set_text(&o, "problem", r->problem);
	return object_end(&o);
}

json_t *encode_recipes(const struct snapshot *s)
{
	return encode_array("recipes", s->n_recipes, encode_recipe, s, NULL);
}

static json_t *encode_setting(const struct snapshot *s, size_t i, void *context)
{
	const struct setting_row *r = &s->settings[i];
	struct object o = object_begin();

	(void)context;
	set_name(&o, "section", r->section);
	set_name(&o, "key", r->name);
	set_text(&o, "value", r->value);
	set_name(&o, "from", r->from);
	return object_end(&o);
}

json_t *encode_config(const struct snapshot *s)
{
	return encode_array("config", s->n_settings, encode_setting, s, NULL);
}

static json_t *encode_agent(const struct agent_row *a)
{
	struct object o = object_begin();
	int64_t by_kind[PS_STORY_COUNT];
	static const char *const stories[PS_STORY_COUNT] = { "none", "verb", "wait", "hold" };

	for (int i = 0; i < PS_STORY_COUNT; i++)
		by_kind[i] = i ? (int64_t)a->stories[i] : UNKNOWN;
	set_real(&o, "cpu_user_seconds", a->cpu_user_s);
	set_real(&o, "cpu_system_seconds", a->cpu_system_s);
	set_real(&o, "bpf_run_seconds", a->bpf_run_s);
	set_total(&o, "probe_hits", a->probe_hits);
	set_total(&o, "rss_bytes", a->rss_bytes);
	set_counts_by(&o, "stories", by_kind, PS_STORY_COUNT, stories);
	set_count(&o, "targets", a->n_targets);
	set_count(&o, "targets_failed", a->n_targets_failed);
	set_count(&o, "processes", a->n_processes);
	set_total(&o, "processes_unseen", a->n_unseen);
	set_real(&o, "tick_seconds", a->tick_s);
	set_total(&o, "stacks_taken", a->stacks_taken);
	set_real(&o, "stacks_cpu_seconds", a->stacks_cpu_s);
	set_real(&o, "longest_tick_seconds", a->longest_tick_s);
	set_real(&o, "longest_tick_cpu_seconds", a->longest_tick_cpu_s);
	set_total(&o, "ticks", a->ticks);
	return object_end(&o);
}

static json_t *encode_checks(const struct snapshot *s)
{
	json_t *array = json_array();

	for (size_t i = 0; i < s->n_checks; i++) {
		const struct check_row *c = &s->checks[i];
		struct object o = object_begin();

		set_name(&o, "name", c->name);
		set_name(&o, "state",
			 check_states[(unsigned int)c->state <= CHECK_BAD ? c->state : CHECK_BAD]);
		set_text(&o, "found", c->found);
		set_text(&o, "advice", c->advice);
		append(&array, object_end(&o));
	}
	return array;
}

static json_t *encode_tables(const struct snapshot *s)
{
	json_t *array = json_array();

	for (size_t i = 0; i < s->n_tables; i++) {
		struct object o = object_begin();

		set_name(&o, "name", s->tables[i].name);
		set_total(&o, "used", s->tables[i].used);
		set_total(&o, "limit", s->tables[i].limit);
		append(&array, object_end(&o));
	}
	return array;
}

static json_t *encode_losses(const struct agent_row *a)
{
	json_t *array = json_array();

	for (size_t i = 0; i < PS_LOSS_COUNT; i++) {
		struct object o = object_begin();

		set_name(&o, "kind", losses[i].name);
		set_total(&o, "count", a->losses[i]);
		set_text(&o, "text", losses[i].text);
		append(&array, object_end(&o));
	}
	return array;
}

json_t *encode_status(const struct snapshot *s)
{
	struct object o = object_begin();
	size_t n_open = 0;

	for (size_t i = 0; i < s->n_findings; i++)
		n_open += s->findings[i].is_open;
	set_name(&o, "version", s->version);
	set_name(&o, "host", s->host);
	set_total(&o, "seq", s->seq);
	set_ns(&o, "time", s->wall_ns);
	set_real(&o, "window_seconds", s->window_s);
	set_total(&o, "pools", s->n_pools);
	set_total(&o, "findings_open", n_open);
	set(&o, "agent", encode_agent(&s->agent));
	set(&o, "checks", encode_checks(s));
	set(&o, "tables", encode_tables(s));
	set(&o, "losses", encode_losses(&s->agent));
	return object_end(&o);
}

static const struct pool_row *find_pool(const struct snapshot *s, const char *id)
{
	unsigned long long n;
	char *end;

	if (*id < '0' || *id > '9')
		return NULL;
	errno = 0;
	n = strtoull(id, &end, 10);
	if (errno || *end)
		return NULL;
	for (size_t i = 0; i < s->n_pools; i++) {
		if (s->pools[i].id == n)
			return &s->pools[i];
	}
	return NULL;
}

static const char one_pool[] = API_PREFIX "pools/";

bool path_is_pool(const struct snapshot *s, const char *path, uint64_t *ret_id)
{
	const struct pool_row *p = NULL;

	if (!strncmp(path, one_pool, sizeof(one_pool) - 1))
		p = find_pool(s, path + sizeof(one_pool) - 1);
	if (p)
		*ret_id = p->id;
	return p != NULL;
}

int encode_path(const struct snapshot *s, const char *path, json_t **ret)
{
	static const struct {
		const char *path;
		json_t *(*encode)(const struct snapshot *s);
	} answer[] = {
		{ API_PREFIX "pools", encode_pools },
		{ API_PREFIX "findings", encode_findings },
		{ API_PREFIX "stalls", encode_stalls },
		{ API_PREFIX "locks", encode_locks },
		{ API_PREFIX "status", encode_status },
		{ API_PREFIX "probes", encode_probes },
		{ API_PREFIX "recipes", encode_recipes },
		{ API_PREFIX "config", encode_config },
	};
	for (size_t i = 0; i < sizeof(answer) / sizeof(answer[0]); i++) {
		if (!strcmp(path, answer[i].path)) {
			*ret = answer[i].encode(s);
			return *ret ? 0 : -ENOMEM;
		}
	}
	if (!strncmp(path, one_pool, sizeof(one_pool) - 1)) {
		const struct pool_row *p = find_pool(s, path + sizeof(one_pool) - 1);

		if (!p)
			return -ENOENT;
		*ret = encode_pool(s, p);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENOENT;
}
