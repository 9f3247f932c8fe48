/* SPDX-License-Identifier: MIT */
/*
 * sizing.c - see sizing.h. The surprise: what advise() takes are rows of a snapshot, and here is only the JSON that came of them; so the rows are
 * made again.
 */
#include "cmd/sizing.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "advise/advise.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "base/text.h"
#include "cmd/field.h"
#include "cmd/table.h"
#include "model/snapshot.h"

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

/* *ret stays NULL when it is unknown. */
static int read_hist(const json_t *p, const char *key, struct hist *h, const struct hist **ret)
{
	const json_t *hist = json_object_get(p, key);
	int r = field_hist(p, key, h);

	h->sum_s = field_number(hist, "sum_seconds");
	*ret = field_array(hist, "buckets") ? h : NULL;
	return r;
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

bool sizing_is_usual(const json_t *pool)
{
	const enum ps_kind kind = kind_of(pool);

	return kind != PS_KIND_listener && kind != PS_KIND_lock;
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
static void note_callers(struct sizing *s)
{
	double at_once = field_number(s->last, "in_use") + field_number(s->last, "pending");

	s->most_at_once = fmax(s->most_at_once, at_once); /* of a number and NaN the number */
	note(s->threads, field_array(s->last, "holders"), "tid");
	note(s->threads, field_array(s->last, "waiters"), "tid");
	note(s->waiters, field_array(s->last, "waiters"), "waiter");
}

static uint32_t most_callers(const struct sizing *s)
{
	double most =
		fmax((double)json_object_size(s->threads), (double)json_object_size(s->waiters));

	return (uint32_t)fmax(s->most_at_once, most);
}

/* When the snapshot was made, by the monotonic clock of the host. */
static double moment_of(const json_t *pool)
{
	return field_number(pool, "since_monotonic_seconds") + field_number(pool, "since_seconds");
}

int sizing_feed(struct sizing *s, json_t *pool)
{
	if (!s->first) {
		s->threads = json_object();
		s->waiters = json_object();
		if (!s->threads || !s->waiters) {
			sizing_done(s);
			return -ENOMEM;
		}
		s->first = json_incref(pool);
		s->last = json_incref(pool);
		return 0;	/* whoever was at its peak before it is of no interest */
	}
	json_incref(pool);
	json_decref(s->last);
	s->last = pool;
	note_callers(s);
	return 0;
}

void sizing_done(struct sizing *s)
{
	json_decref(s->first);
	json_decref(s->last);
	json_decref(s->threads);
	json_decref(s->waiters);
	*s = (struct sizing){ 0 };
}

double sizing_seconds(const struct sizing *s)
{
	return s->first ? moment_of(s->last) - moment_of(s->first) : 0;
}

bool sizing_has_both(const struct sizing *s)
{
	return sizing_seconds(s) > 0;
}

int sizing_advise(const struct sizing *s, struct advice *ret)
{
	CLEANUP(look_done) struct look before = { 0 };
	CLEANUP(look_done) struct look after = { 0 };
	int r = look_read(s->first, &before);

	if (!r)
		r = look_read(s->last, &after);
	if (!r)
		r = advise(&before.row, &after.row, after.at_s - before.at_s, most_callers(s), ret);
	return r;
}

/* ---- as a table ------------------------------------------------------------------------------------------------------------ */

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

void sizing_tabulate(struct table *t, const struct advice *a)
{
	static const struct column columns[] = {
		{ "CAPACITY", false, 0, 0 }, { "UTIL", true, 0, 0 },	 { "REQ/s", true, 0, 0 },
		{ "WAIT p50", true, 0, 0 },  { "WAIT p90", true, 0, 0 }, { "WAIT p99", true, 0, 0 },
		{ "GAVE UP", true, 0, 0 },
	};
	char what[32];

	table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	snprintf(what, sizeof(what), "%u, measured", a->capacity);
	add_answer(t, what, &a->measured, false);
	for (size_t i = 0; i < a->n_rows; i++) {
		snprintf(what, sizeof(what), "%u", a->row[i].capacity);
		add_answer(t, what, &a->row[i].wait, a->row[i].is_at_most);
	}
}
