/* SPDX-License-Identifier: MIT */
/*
 * advise.c - `poolscope advise`: how large a pool should be. It looks at the pools, lets some seconds pass, looks again, and computes
 * from the difference. The surprise: that is done here and not in the agent, whose loop has no time for it.
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
#include "cmd/sizing.h"
#include "cmd/source.h"
#include "cmd/table.h"

#define INTERVAL_S 10.0
#define LOOK_S 1.0	/* between two looks at who is there; the agent's peaks are those since its tick before */
#define POOLS_MAX 32	/* the worst ones */
#define TICKS_MAX 5	/* to wait for a second snapshot */

/* ---- looking --------------------------------------------------------------------------------------------------------------- */

struct watched {
	json_int_t id;
	struct sizing seen;
	bool is_gone;
};

struct watch {
	struct watched pool[POOLS_MAX];
	size_t n, n_left_out;
};

static void watch_done(struct watch *w)
{
	for (size_t i = 0; i < w->n; i++)
		sizing_done(&w->pool[i].seen);
}

static int look_at(struct source *source, struct watched *w, struct diag *d)
{
	CLEANUP(cleanup_json) json_t *pool = NULL;
	char path[64];
	int r;

	snprintf(path, sizeof(path), API_PREFIX "pools/%" JSON_INTEGER_FORMAT, w->id);
	r = source_get(source, path, &pool, d);
	if (r && r != -ENODATA)
		return r;
	w->is_gone = r;
	return r ? 0 : sizing_feed(&w->seen, pool);
}

static int look_at_all(struct source *source, struct watch *w, struct diag *d)
{
	for (size_t i = 0; i < w->n; i++) {
		int r = w->pool[i].is_gone ? 0 : look_at(source, &w->pool[i], d);

		if (r)
			return r;
	}
	return 0;
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

		if (!by_name.pool && !in->kind && !sizing_is_usual(pool))
			continue;
		if (w->n == POOLS_MAX) {
			w->n_left_out++;
			continue;
		}
		*p = (struct watched){ .id = json_integer_value(json_object_get(pool, "id")) };
		w->n++;
		r = look_at(source, p, d);
		if (r)
			return r;
	}
	return 0;
}

static bool has_second_snapshot(const struct watch *w)
{
	for (size_t i = 0; i < w->n; i++)
		if (!w->pool[i].is_gone && !sizing_has_both(&w->pool[i].seen))
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
	int r = sizing_advise(&w->seen, ret);

	if (!r && w->is_gone) {
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

static int print_advice(const json_t *pool, const struct advice *a, bool is_next)
{
	CLEANUP(table_done) struct table t = { 0 };
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
		sizing_tabulate(&t, a);
		t.indent = 2;
		r = table_print(&t);
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

		if (w->pool[i].is_gone && !in->argument && !in->pool)
			continue; /* a row of sockets that became another one's, or short-lived */
		if (advise_watched(&w->pool[i], &a))
			return command_fail(in, "out of memory");
		if (in->is_json)
			json_array_append_new(json_object_get(all, "advice"),
					      encode_advice(w->pool[i].seen.first, &a));
		else if (print_advice(w->pool[i].seen.first, &a, n++ > 0))
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
