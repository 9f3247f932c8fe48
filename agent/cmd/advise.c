/* SPDX-License-Identifier: MIT */
/*
 * advise.c - `poolscope advise`: how large a pool should be. It looks at the pools, lets some seconds pass, looks again, and computes
 * from the difference. The surprise: that is done here and not in the agent, whose loop has no time for it; so the rows of a snapshot
 * are made again from the JSON that has come of them.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "advise/advise.h"
#include "api/json.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/pools.h"
#include "cmd/source.h"
#include "cmd/table.h"
#include "model/snapshot.h"

#define INTERVAL_S 10.0
#define LOOK_S 1.0	/* between two looks at who is there; the agent's peaks are those since its tick before */
#define POOLS_MAX 32	/* the worst ones */
#define TICKS_MAX 5	/* to wait for a second snapshot */

/* ---- a row from JSON ------------------------------------------------------------------------------------------------------- */

struct look {
	struct pool_row row;	/* its strings are the JSON's, its histograms these */
	struct hist wait, wait_failed, hold;
	double at_s;
};

static void look_done(struct look *l)
{
	hist_done(&l->wait);
	hist_done(&l->wait_failed);
	hist_done(&l->hold);
}

static int64_t count_of(const json_t *p, const char *key)
{
	double n = field_number(p, key);

	return isnan(n) ? UNKNOWN : (int64_t)n;
}

static enum ps_kind kind_of(const json_t *p)
{
	static const char *const names[] = {
#define KIND(id, name, text) [id] = #name,
#include "bpf/verbs.def"
	};
	const char *kind = field_text_or(p, "kind", "");

	for (int i = 0; i < PS_KIND_COUNT; i++)
		if (!strcmp(kind, names[i]))
			return i;
	return PS_KIND_unknown;
}

/* The buckets of "wait", "hold" ...: a bound is the end of its bucket, and what is a little shorter lies inside. NULL when unknown. */
static int read_hist(const json_t *p, const char *key, struct hist *h, const struct hist **ret)
{
	const json_t *hist = json_object_get(p, key), *pair;
	size_t i;

	*ret = NULL;
	if (!json_is_array(json_object_get(hist, "buckets")))
		return 0;
	json_array_foreach (field_array(hist, "buckets"), i, pair) {
		const json_t *upper = json_array_get(pair, 0), *n = json_array_get(pair, 1);
		unsigned int bucket = PS_HIST_BUCKETS - 1;

		if (json_is_number(upper))
			bucket = hist_bucket_ns((uint64_t)(0.96e9 * json_number_value(upper)));
		if (!json_is_integer(n) || json_integer_value(n) < 0)
			return -EPROTO;
		if (hist_add(h, bucket, (uint64_t)json_integer_value(n)))
			return -ENOMEM;
	}
	h->sum_s = field_number(hist, "sum_seconds");
	*ret = h;
	return 0;
}

static int look_read(const json_t *p, struct look *ret)
{
	struct pool_row *row = &ret->row;

	*row = pool_row_unknown;
	row->kind = kind_of(p);
	row->capacity = count_of(p, "capacity");
	row->capacity_s = field_number(p, "capacity_seconds");
	row->trusted = field_bool(p, "trusted");
	row->untrusted_why = field_text(p, "untrusted_why");
	row->pending = count_of(p, "pending");
	row->rejections = count_of(p, "rejections");
	row->timeouts = count_of(p, "timeouts");
	row->in_use_s = field_number(p, "in_use_seconds");
	row->pending_s = field_number(p, "pending_seconds");
	row->stalled_s = field_number(p, "stalled_seconds");
	row->backlog_s = field_number(p, "stall_backlog_seconds");
	ret->at_s = field_number(p, "since_monotonic_seconds") + field_number(p, "since_seconds");
	if (read_hist(p, "wait", &ret->wait, &row->wait) ||
	    read_hist(p, "wait_failed", &ret->wait_failed, &row->wait_failed) ||
	    read_hist(p, "hold", &ret->hold, &row->hold))
		return -ENOMEM;
	return 0;
}

/* ---- looking --------------------------------------------------------------------------------------------------------------- */

struct watched {
	json_int_t id;
	json_t *first, *last;	/* owned; NULL last = it is gone */
	json_t *threads, *waiters;	/* owned: objects whose keys are those that were seen */
	double most_at_once;
};

struct watch {
	struct watched pool[POOLS_MAX];
	size_t n, n_left_out;
};

static void watch_done(struct watch *w)
{
	for (size_t i = 0; i < w->n; i++) {
		json_decref(w->pool[i].first);
		json_decref(w->pool[i].last);
		json_decref(w->pool[i].threads);
		json_decref(w->pool[i].waiters);
	}
}

static void note(json_t *seen, const json_t *refs, const char *key)
{
	const json_t *ref;
	size_t i;

	json_array_foreach (refs, i, ref) {
		const json_t *id = json_object_get(ref, key);
		char number[32];

		snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(id));
		if (json_is_integer(id) || json_is_string(id))
			json_object_set_new(seen,
					    json_is_string(id) ? json_string_value(id) : number,
					    json_true());
	}
}

/*
 * Callers are threads, or what the library says that waits: goroutines, tasks. The peaks of in use and of waiting are not added: who has
 * been handed an item and does not run yet still waits, while the item is in use no more.
 */
static void note_callers(struct watched *w)
{
	double at_once = field_number(w->last, "in_use") + field_number(w->last, "pending");

	w->most_at_once = fmax(w->most_at_once, at_once); /* of a number and NaN the number */
	note(w->threads, field_array(w->last, "holders"), "tid");
	note(w->threads, field_array(w->last, "waiters"), "tid");
	note(w->waiters, field_array(w->last, "waiters"), "waiter");
}

static uint32_t most_callers(const struct watched *w)
{
	double most =
		fmax((double)json_object_size(w->threads), (double)json_object_size(w->waiters));

	return (uint32_t)fmax(w->most_at_once, most);
}

static int look_at(struct source *source, struct watched *w, struct diag *d)
{
	json_t *pool = NULL;
	char path[64];
	int r;

	snprintf(path, sizeof(path), API_PREFIX "pools/%" JSON_INTEGER_FORMAT, w->id);
	r = source_get(source, path, &pool, d);
	if (r && r != -ENODATA)
		return r;
	json_decref(w->last);
	w->last = r ? NULL : pool;
	return 0;
}

static int look_at_all(struct source *source, struct watch *w, struct diag *d)
{
	for (size_t i = 0; i < w->n; i++) {
		int r = w->pool[i].last ? look_at(source, &w->pool[i], d) : 0;

		if (r)
			return r;
		if (w->pool[i].last)
			note_callers(&w->pool[i]);
	}
	return 0;
}

/* Such as nobody asks about without naming them. */
static bool has_no_size(const json_t *pool)
{
	const enum ps_kind kind = kind_of(pool);

	return kind == PS_KIND_listener || kind == PS_KIND_lock;
}

/* The first look. Whoever was at its peak before it is of no interest. */
static int watch_begin(const struct invocation *in, struct source *source, struct watch *w,
		       struct diag *d)
{
	struct invocation by_name = *in;
	CLEANUP(cleanup_json) json_t *pools = NULL;
	const json_t *pool;
	size_t i;
	int r;

	if (in->argument)
		by_name.pool = in->argument;
	r = pools_get(&by_name, in->sort, source, &pools, d);
	if (r)
		return r;
	json_array_foreach (field_array(pools, "pools"), i, pool) {
		struct watched *p = &w->pool[w->n];

		if (!by_name.pool && !in->kind && has_no_size(pool))
			continue;
		if (w->n == POOLS_MAX) {
			w->n_left_out++;
			continue;
		}
		*p = (struct watched){ .id = json_integer_value(json_object_get(pool, "id")),
				       .threads = json_object(),
				       .waiters = json_object() };
		w->n++;
		r = look_at(source, p, d);
		if (r)
			return r;
		p->first = json_incref(p->last);
	}
	return 0;
}

static bool has_second_snapshot(const struct watch *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (w->pool[i].last && field_number(w->pool[i].last, "since_seconds") <=
					       field_number(w->pool[i].first, "since_seconds"))
			return false;
	return true;
}

static int watch_for(struct source *source, struct watch *w, double seconds, struct diag *d)
{
	int n = (int)ceil(seconds / LOOK_S);
	int r = 0;

	for (int i = 0; i < n && !r; i++) {
		r = source_wait(source, (int)(1000 * seconds / n), d);
		if (!r)
			r = look_at_all(source, w, d);
	}
	for (int i = 0; i < TICKS_MAX && !r && !has_second_snapshot(w); i++) {
		r = source_wait(source, (int)(1000 * LOOK_S), d);
		if (!r)
			r = look_at_all(source, w, d);
	}
	return r;
}

static int advise_watched(const struct watched *w, struct advice *ret)
{
	CLEANUP(look_done) struct look before = { 0 };
	CLEANUP(look_done) struct look after = { 0 };
	int r = look_read(w->first, &before);

	if (!r)
		r = look_read(w->last ? w->last : w->first, &after);
	if (!r)
		r = advise(&before.row, &after.row, after.at_s - before.at_s, most_callers(w), ret);
	if (!r && !w->last) {
		ret->is_declined = true;
		snprintf(ret->text, sizeof(ret->text), "it ended meanwhile.");
	}
	return r;
}

/* ---- JSON ------------------------------------------------------------------------------------------------------------------ */

static json_t *real_or_null(double v)
{
	return isfinite(v) ? json_real(v) : json_null();
}

static json_t *count_or_null(uint32_t n)
{
	return n ? json_integer(n) : json_null();
}

static json_t *encode_answer(const struct queue_answer *a)
{
	return json_pack("{s:b, s:o, s:o, s:o, s:{s:o, s:o, s:o, s:o}}", "is_stable", a->is_stable,
			 "utilization", real_or_null(a->utilization), "requests_per_second",
			 real_or_null(a->per_s), "given_up_ratio", real_or_null(a->timeout_ratio),
			 "wait", "mean_seconds", real_or_null(a->mean_s), "p50_seconds",
			 real_or_null(a->p50_s), "p90_seconds", real_or_null(a->p90_s),
			 "p99_seconds", real_or_null(a->p99_s));
}

static json_t *encode_predicted(const struct advice *a)
{
	json_t *rows = json_array();

	for (size_t i = 0; i < a->n_rows; i++) {
		json_t *row = encode_answer(&a->row[i].wait);

		json_object_set_new(row, "capacity", json_integer(a->row[i].capacity));
		json_object_set_new(row, "is_at_most", json_boolean(a->row[i].is_at_most));
		json_array_append_new(rows, row);
	}
	return rows;
}

static json_t *encode_advice(const json_t *pool, const struct advice *a)
{
	static const char *const arrivals[] = { "open", "limited", "closed" };
	static const char *const orders[] = { "first", "any", "last" };
	json_t *o = json_object();
	const char *const identity[] = { "id", "name", "kind", "process", "pid" };

	for (size_t i = 0; i < sizeof(identity) / sizeof(identity[0]); i++)
		json_object_set(o, identity[i], json_object_get(pool, identity[i]));
	json_object_set_new(o, "window_seconds", real_or_null(a->seconds));
	json_object_set_new(o, "capacity", count_or_null(a->capacity));
	json_object_set_new(o, "callers", count_or_null(a->callers));
	json_object_set_new(o, "arrivals_per_second", real_or_null(a->arrivals_per_s));
	json_object_set_new(o, "hold_mean_seconds", real_or_null(a->hold_s));
	json_object_set_new(o, "measured", encode_answer(&a->measured));
	json_object_set_new(o, "declined", a->is_declined ? json_string(a->text) : json_null());
	json_object_set_new(o, "arrivals",
			    a->n_rows ? json_string(arrivals[a->arrivals]) : json_null());
	json_object_set_new(o, "order", a->n_rows ? json_string(orders[a->order]) : json_null());
	json_object_set_new(o, "is_demand_hidden",
			    a->n_rows ? json_boolean(a->is_demand_hidden) : json_null());
	json_object_set_new(o, "predicted", encode_predicted(a));
	json_object_set_new(o, "proposed_capacity", count_or_null(a->proposed));
	json_object_set_new(o, "stable_from", count_or_null(a->stable_from));
	json_object_set_new(o, "advice", a->is_declined ? json_null() : json_string(a->text));
	return o;
}

/* ---- text ------------------------------------------------------------------------------------------------------------------ */

static void add_answer(struct table *t, const char *what, const struct queue_answer *a,
		       bool is_at_most)
{
	const double waits[] = { a->p50_s, a->p90_s, a->p99_s };
	const char *mark = is_at_most ? "≤" : "";
	char number[TEXT_NUMBER_BYTES], cell[TEXT_NUMBER_BYTES + 8];

	table_add(t, what);
	snprintf(cell, sizeof(cell), "%s%s", mark, text_format_percent(a->utilization, number));
	table_add(t, cell);
	snprintf(cell, sizeof(cell), "%s%s", mark, text_format_count(a->per_s, number));
	table_add(t, cell);
	for (int i = 0; i < 3; i++) {
		text_format_duration(waits[i], number);
		snprintf(cell, sizeof(cell), "%s%s", waits[i] > 0 ? mark : "", number);
		table_add(t, a->is_stable ? cell : "no bound");
	}
	table_add(t, text_format_percent(a->timeout_ratio, number));
}

static int print_rows(const struct advice *a)
{
	static const struct column columns[] = {
		{ "CAPACITY", false, 0, 0 }, { "UTIL", true, 0, 0 },	 { "REQ/s", true, 0, 0 },
		{ "WAIT p50", true, 0, 0 },  { "WAIT p90", true, 0, 0 }, { "WAIT p99", true, 0, 0 },
		{ "GAVE UP", true, 0, 0 },
	};
	CLEANUP(table_done) struct table t = { 0 };
	char what[32];

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	t.indent = 2;
	snprintf(what, sizeof(what), "%u, measured", a->capacity);
	add_answer(&t, what, &a->measured, false);
	for (size_t i = 0; i < a->n_rows; i++) {
		snprintf(what, sizeof(what), "%u", a->row[i].capacity);
		add_answer(&t, what, &a->row[i].wait, a->row[i].is_at_most);
	}
	return table_print(&t);
}

static int print_advice(const json_t *pool, const struct advice *a, bool is_next)
{
	char number[TEXT_NUMBER_BYTES], hold[TEXT_NUMBER_BYTES], seconds[TEXT_NUMBER_BYTES];
	char callers[TEXT_NUMBER_BYTES];
	int r = 0;

	printf("%s%s: %s pool of %s (pid %.0f)\n", is_next ? "\n" : "",
	       field_text_or(pool, "name", "-"), field_text_or(pool, "kind", "-"),
	       field_text_or(pool, "process", "-"), field_number(pool, "pid"));
	if (a->capacity && a->measured.per_s > 0) {
		printf("  %s requests/s, held for %s on average, by up to %s callers; measured for %s\n\n",
		       text_format_count(a->arrivals_per_s, number),
		       text_format_duration(a->hold_s, hold),
		       text_format_count(a->callers ? a->callers : NAN, callers),
		       text_format_duration(a->seconds, seconds));
		r = print_rows(a);
		printf("\n");
	}
	printf("  %s%s\n", a->is_declined ? "No advice: " : "", a->text);
	return r;
}

/* ---- the command ----------------------------------------------------------------------------------------------------------- */

static int answer(const struct invocation *in, const struct watch *w)
{
	CLEANUP(cleanup_json) json_t *all = json_pack("{s:[]}", "advice");
	size_t n = 0;

	for (size_t i = 0; i < w->n; i++) {
		struct advice a;

		if (!w->pool[i].last && !in->argument && !in->pool)
			continue; /* a row of sockets that became another one's, or short-lived */
		if (advise_watched(&w->pool[i], &a))
			return command_fail(in, "out of memory");
		if (in->is_json)
			json_array_append_new(json_object_get(all, "advice"),
					      encode_advice(w->pool[i].first, &a));
		else if (print_advice(w->pool[i].first, &a, n++ > 0))
			return command_fail(in, "out of memory");
	}
	if (in->is_json)
		print_json(all);
	else if (w->n_left_out)
		printf("\n%zu more pools; name one, or choose by --pid, --pool or --kind.\n",
		       w->n_left_out);
	return EXIT_DONE;
}

int command_advise(const struct invocation *in)
{
	CLEANUP(cleanup_source) struct source *source = NULL;
	CLEANUP(watch_done) struct watch w = { 0 };
	double seconds = in->interval_s > 0 ? in->interval_s : INTERVAL_S;
	struct diag d = { 0 };

	if (source_open(in, &source, &d) || watch_begin(in, source, &w, &d))
		return command_fail(in, "%s", d.text);
	if (!w.n && (in->argument || in->pool))
		return command_fail(in, "no pool '%s' is known; `poolscope list` shows them",
				    in->argument ? in->argument : in->pool);
	if (!w.n && !in->is_json) {
		printf("No pool %s.\n", in->pid || in->kind ? "matches" : "is known");
		return EXIT_DONE;
	}
	if (w.n && watch_for(source, &w, seconds, &d))
		return command_fail(in, "%s", d.text);
	return answer(in, &w);
}
