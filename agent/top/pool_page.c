/* SPDX-License-Identifier: MIT */
/*
 * pool_page.c - see pool_page.h. The surprise: the order of the sections is data, by the type of the worst finding, as who is woken at night looks at
 * the first screen only.
 */
#include "top/pool_page.h"

#include <limits.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/hist.h"
#include "base/text.h"
#include "cmd/field.h"
#include "cmd/pools.h"
#include "cmd/source.h"
#include "cmd/table.h"
#include "cmd/views.h"
#include "cmd/words.h"
#include "top/hist_draw.h"
#include "top/page.h"
#include "top/pool_view.h"
#include "top/refs_page.h"
#include "top/severity.h"

#define BAR_X 11
#define BAR_WIDTH 24
#define TREND_VALUES 60
#define EVIDENCE_LINES 2

static const char *count(const json_t *p, const char *key, char number[static TEXT_NUMBER_BYTES])
{
	return text_format_count(field_number(p, key), number);
}

static const char *duration(const json_t *p, const char *key, char number[static TEXT_NUMBER_BYTES])
{
	return text_format_duration(field_number(p, key), number);
}

/* ---- what comes first ------------------------------------------------------------------------------------------------------ */

static const struct {
	const char *type;
	enum pool_section first[3];
} order[] = {
	{ "pool-deadlock", { SECTION_HOLDERS, SECTION_WAITERS, SECTION_WAITS } },
	{ "leak", { SECTION_HOLDERS, SECTION_HOLDS, SECTION_WAITERS } },
	{ "slow-holders", { SECTION_HOLDERS, SECTION_HOLDS, SECTION_WAITERS } },
	{ "too-small", { SECTION_SIZE, SECTION_WAITS, SECTION_HOLDS } },
	{ "saturation", { SECTION_STALLS, SECTION_WAITS, SECTION_WAITERS } },
	{ "stall", { SECTION_STALLS, SECTION_WAITS, SECTION_WAITERS } },
	{ "starvation", { SECTION_WAITERS, SECTION_WAITS, SECTION_HOLDERS } },
	{ "imbalance", { SECTION_SIZE, SECTION_WAITS, SECTION_HOLDERS } },
	{ "backpressure", { SECTION_COUNTS, SECTION_WAITS, SECTION_WAITERS } },
	{ "churn", { SECTION_COUNTS, SECTION_WAITS, SECTION_HOLDS } },
	{ "endpoint-down", { SECTION_COUNTS, SECTION_WAITERS, SECTION_HOLDERS } },
	{ "stale-socket", { SECTION_COUNTS, SECTION_HOLDERS, SECTION_HOLDS } },
};

static void add_section(enum pool_section section, enum pool_section *ret, int *n)
{
	for (int i = 0; i < *n; i++)
		if (ret[i] == section)
			return;
	ret[(*n)++] = section;
}

void pool_page_order(const json_t *worst, enum pool_section ret[static SECTION_COUNT])
{
	const char *type = field_text_or(worst, "type", "");
	int n = 0;

	for (size_t i = 0; i < sizeof(order) / sizeof(order[0]); i++)
		for (int k = 0; k < 3 && !strcmp(type, order[i].type); k++)
			add_section(order[i].first[k], ret, &n);
	for (int i = 0; i < SECTION_COUNT; i++)
		add_section((enum pool_section)i, ret, &n);
}

/* Those that are told in full, or, while they have not come, in brief. */
static json_t *findings_of(const struct pool_view *v)
{
	return v->findings ? v->findings : field_array(v->pool, "findings");
}

const json_t *pool_page_worst(const struct pool_view *v)
{
	const json_t *finding, *worst = NULL;
	size_t i;

	json_array_foreach (findings_of(v), i, finding) {
		if (!worst || severity_rank(field_text(finding, "severity")) >
				      severity_rank(field_text(worst, "severity")))
			worst = finding;
	}
	return worst;
}

/* ---- the head -------------------------------------------------------------------------------------------------------------- */

static void draw_title(const struct pool_view *v, struct page *p)
{
	const json_t *pool = v->pool;
	char pid[24];
	int x;

	snprintf(pid, sizeof(pid), "%.0f", field_number(pool, "pid"));
	x = page_text(p, 0, p->width / 2, MEANS_STRONG, field_text_or(pool, "name", "-"));
	page_printf(p, x, MEANS_PLAIN, ": %s pool of %s (pid %s), %s%s%s",
		    field_text_or(pool, "kind", "-"), field_text_or(pool, "process", "-"),
		    isnan(field_number(pool, "pid")) ? "-" : pid,
		    field_text_or(pool, "source", "-"), field_text(pool, "endpoint") ? ", to " : "",
		    field_text_or(pool, "endpoint", ""));
	page_next(p);
}

static void draw_finding(struct page *p, const json_t *f, double now_s, bool has_stacks)
{
	enum meaning meaning = severity_meaning(field_text(f, "severity"));
	double lasts_s = now_s - field_number(f, "since");
	char number[TEXT_NUMBER_BYTES], since[64] = "";
	CLEANUP(buffer_done) struct buffer line = { 0 };

	if (lasts_s >= 0)
		snprintf(since, sizeof(since), ", open for %s",
			 text_format_duration(lasts_s, number));
	buffer_printf(&line, "%s %s%s: %s", field_text_or(f, "severity", "-"),
		      field_text_or(f, "type", "-"), since, field_text_or(f, "text", "-"));
	page_wrap(p, 0, 2, PAGE_WRAPPED_LINES, meaning, line.error ? "-" : line.data);
	if (field_text(f, "advice")) {
		page_text(p, 2, 7, MEANS_HEAD, "advice:");
		page_wrap(p, 10, 0, PAGE_WRAPPED_LINES, MEANS_STRONG, field_text(f, "advice"));
	}
	if (field_text(f, "evidence") && !has_stacks) {
		page_text(p, 2, 9, MEANS_DIM, "evidence:");
		page_wrap(p, 12, 0, EVIDENCE_LINES, MEANS_DIM, field_text(f, "evidence"));
	}
}

static void draw_verdict(const struct pool_view *v, struct page *p)
{
	const json_t *finding;
	size_t i;

	if (v->is_gone) {
		page_wrap(p, 0, 0, 2, MEANS_WARNING,
			  "The agent knows this pool no more; it is shown as it was last.");
	}
	if (!field_bool(v->pool, "trusted")) {
		page_text(p, 0, 12, MEANS_WARNING, "not trusted:");
		page_wrap(p, 13, 0, 3, MEANS_WARNING,
			  field_text_or(v->pool, "untrusted_why", "the reason is not known"));
	}
	json_array_foreach (findings_of(v), i, finding)
		draw_finding(p, finding, v->now, v->has_stacks);
	if (!i)
		page_wrap(p, 0, 0, 3, MEANS_PLAIN, field_text_or(v->pool, "verdict", "-"));
}

static void draw_in_use(const json_t *pool, struct page *p, enum meaning meaning)
{
	double in_use = field_number(pool, "in_use"), capacity = field_number(pool, "capacity");
	char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES], c[TEXT_NUMBER_BYTES];
	int x = BAR_X;

	page_text(p, 2, 8, MEANS_DIM, "in use");
	if (capacity > 0 && p->width >= 60) {
		page_bar(p, BAR_X, BAR_WIDTH, meaning, in_use / capacity);
		x += BAR_WIDTH + 1;
	}
	page_printf(p, x, MEANS_PLAIN, "%s of %s (%s), utilization %s", count(pool, "in_use", a),
		    count(pool, "capacity", b), field_text_or(pool, "capacity_basis", "unknown"),
		    text_format_percent(field_number(pool, "utilization"), c));
	page_next(p);
}

/* ", oldest 5.38s", and nothing when there is none. */
static const char *oldest(const json_t *pool, const char *n_key, const char *key,
			  char ret[static 2 * TEXT_NUMBER_BYTES])
{
	char number[TEXT_NUMBER_BYTES];

	ret[0] = '\0';
	if (field_number(pool, n_key) != 0)
		snprintf(ret, 2 * TEXT_NUMBER_BYTES, ", oldest %s", duration(pool, key, number));
	return ret;
}

static void draw_numbers(const json_t *pool, struct page *p)
{
	char a[TEXT_NUMBER_BYTES], b[2 * TEXT_NUMBER_BYTES], c[TEXT_NUMBER_BYTES],
		d[TEXT_NUMBER_BYTES], e[TEXT_NUMBER_BYTES];

	page_text(p, 2, 8, MEANS_DIM, "waiting");
	page_printf(p, BAR_X, MEANS_PLAIN, "%s%s;  idle %s, %s acquires/s, %s timeouts/s",
		    count(pool, "pending", a), oldest(pool, "pending", "oldest_wait_seconds", b),
		    count(pool, "idle", c), count(pool, "acquires_per_second", d),
		    count(pool, "timeouts_per_second", e));
	page_next(p);
	page_text(p, 2, 8, MEANS_DIM, "wait");
	page_printf(p, BAR_X, MEANS_PLAIN, "p50 %s, p99 %s;  hold p50 %s, p99 %s%s",
		    duration(pool, "wait.p50_seconds", a), duration(pool, "wait.p99_seconds", c),
		    duration(pool, "hold.p50_seconds", d), duration(pool, "hold.p99_seconds", e),
		    oldest(pool, "in_use", "oldest_hold_seconds", b));
	page_next(p);
}

static void draw_trend(const struct pool_view *v, struct page *p)
{
	const json_t *trend = field_array(v->row, "trend");
	double value[TREND_VALUES];
	size_t n = json_array_size(trend), skip = n > TREND_VALUES ? n - TREND_VALUES : 0;

	if (!n)
		return;
	for (size_t i = skip; i < n; i++) {
		const json_t *number = json_array_get(trend, i);

		value[i - skip] = json_is_number(number) ? json_number_value(number) : NAN;
	}
	page_text(p, 2, 8, MEANS_DIM, "2 min");
	page_trend(p, BAR_X, (int)(n - skip), MEANS_INFO, value, n - skip);
	page_next(p);
}

void pool_page_head(const struct pool_view *v, struct page *p)
{
	const json_t *worst = pool_page_worst(v);

	draw_title(v, p);
	draw_verdict(v, p);
	draw_in_use(v->pool, p,
		    worst ? severity_meaning(field_text(worst, "severity")) : MEANS_GOOD);
	draw_numbers(v->pool, p);
	draw_trend(v, p);
}

/* ---- sections -------------------------------------------------------------------------------------------------------------- */

static void draw_none(struct page *p, const char *text)
{
	page_wrap(p, 2, 0, 3, MEANS_DIM, text);
}

static void draw_hist(const struct pool_view *v, struct page *p, const char *key)
{
	CLEANUP(hist_done) struct hist h = { 0 };
	const json_t *hist = json_object_get(v->pool, key);
	char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES], c[TEXT_NUMBER_BYTES], d[TEXT_NUMBER_BYTES];

	if (field_hist(v->pool, key, &h) || !h.count) {
		draw_none(p, json_is_object(hist) ? "none yet" : "not known of this pool");
		return;
	}
	page_printf(p, 2, MEANS_PLAIN, "%s in all; p50 %s, p90 %s, p99 %s, the longest %s",
		    text_format_count((double)h.count, a), duration(hist, "p50_seconds", b),
		    duration(hist, "p90_seconds", c), duration(hist, "p99_seconds", d),
		    text_format_duration(field_number(hist, "max_seconds"),
					 (char[TEXT_NUMBER_BYTES]){ 0 }));
	page_next(p);
	hist_draw(p, &h, v->hist_lines, field_number(hist, "p50_seconds"),
		  field_number(hist, "p99_seconds"));
}

static void draw_waits(const struct pool_view *v, struct page *p)
{
	draw_hist(v, p, "wait");
	if (field_number(v->pool, "wait_failed.count") > 0) {
		page_text(p, 2, INT_MAX, MEANS_HEAD, "that got nothing:");
		page_next(p);
		draw_hist(v, p, "wait_failed");
	}
}

static void draw_holds(const struct pool_view *v, struct page *p)
{
	draw_hist(v, p, "hold");
}

static bool is_taken_first(const struct pool_view *v)
{
	return !strcmp(field_text_or(pool_page_worst(v), "type", ""), "leak");
}

static void draw_holders(const struct pool_view *v, struct page *p)
{
	refs_draw(p, v->pool, "holders", v->has_stacks, is_taken_first(v));
}

static void draw_waiters(const struct pool_view *v, struct page *p)
{
	refs_draw(p, v->pool, "waiters", v->has_stacks, false);
}

static void draw_table(struct page *p, const struct table *t)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	enum meaning meaning = MEANS_HEAD;
	char *next, *line;

	if (table_write(t, p->width > 0 ? (size_t)p->width : 1, &text))
		return;
	for (next = text.data; (line = strsep(&next, "\n")) && next;) {
		page_text(p, 0, INT_MAX, meaning, line);
		page_next(p);
		meaning = MEANS_PLAIN;
	}
}

static void draw_size(const struct pool_view *v, struct page *p)
{
	CLEANUP(table_done) struct table t = { 0 };
	CLEANUP(buffer_done) struct buffer text = { 0 };
	char number[TEXT_NUMBER_BYTES];

	if (!v->has_advice) {
		draw_none(p, "It takes two looks at the pool to advise; the next refresh has it.");
		return;
	}
	buffer_printf(&text, "%s%s (seen for %s)", v->advice.is_declined ? "No advice: " : "",
		      v->advice.text, text_format_duration(v->advice.seconds, number));
	page_wrap(p, 2, 0, PAGE_WRAPPED_LINES, MEANS_STRONG, text.error ? "-" : text.data);
	if (v->advice.capacity && v->advice.measured.per_s > 0) {
		sizing_tabulate(&t, &v->advice);
		t.indent = 2;
		draw_table(p, &t);
	}
}

/* Lines that have a label in the first 14 columns. */
static void draw_labelled(struct page *p, void (*words)(const json_t *pool, struct buffer *ret),
			  const json_t *pool)
{
	CLEANUP(buffer_done) struct buffer lines = { 0 };
	char *next, *line;

	words(pool, &lines);
	for (next = lines.data; !lines.error && (line = strsep(&next, "\n")) && *line;) {
		page_printf(p, 0, MEANS_DIM, "%.14s", line);
		page_wrap(p, 15, 0, 3, MEANS_PLAIN, strlen(line) > 15 ? line + 15 : "-");
	}
}

static void draw_counts(const struct pool_view *v, struct page *p)
{
	draw_labelled(p, words_counters, v->pool);
	draw_labelled(p, words_gauges, v->pool);
}

static void draw_stalls(const struct pool_view *v, struct page *p)
{
	CLEANUP(table_done) struct table t = { 0 };
	CLEANUP(cleanup_json) json_t *stalls = NULL;
	char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES], c[TEXT_NUMBER_BYTES];

	if (!json_array_size(v->stalls)) {
		draw_none(p, "its process has not stood still, as far as is known");
		return;
	}
	stalls = json_pack("{s:O}", "stalls", v->stalls);
	stalls_tabulate(&t, stalls);
	t.indent = 2;
	draw_table(p, &t);
	page_printf(p, 2, MEANS_PLAIN,
		    "of this pool's waits %s were in stalls, and %s came of them; of its holds %s",
		    duration(v->pool, "stalled_seconds", a),
		    duration(v->pool, "stall_backlog_seconds", b),
		    duration(v->pool, "stalled_hold_seconds", c));
	page_next(p);
}

static void draw_labelled_text(struct page *p, const char *label, const char *text)
{
	page_text(p, 2, 12, MEANS_DIM, label);
	page_wrap(p, 15, 0, 3, MEANS_PLAIN, text ? text : "-");
}

static void draw_about(const struct pool_view *v, struct page *p)
{
	const json_t *pool = v->pool;
	char number[TEXT_NUMBER_BYTES];

	draw_labelled_text(p, "verdict", field_text(pool, "verdict"));
	draw_labelled_text(p, "endpoint", field_text(pool, "endpoint"));
	draw_labelled_text(p, "source", field_text(pool, "source"));
	draw_labelled_text(p, "library", field_text(pool, "library"));
	draw_labelled_text(p, "confidence", field_text(pool, "confidence"));
	draw_labelled_text(p, "known by", field_text(pool, "evidence"));
	draw_labelled_text(p, "service", field_text(pool, "service"));
	draw_labelled_text(p, "container", field_text(pool, "container_id"));
	draw_labelled_text(p, "counted for", duration(pool, "since_seconds", number));
	snprintf(number, sizeof(number), "%.0f", field_number(pool, "id"));
	draw_labelled_text(p, "id", isnan(field_number(pool, "id")) ? NULL : number);
}

static void draw_probes(const struct pool_view *v, struct page *p)
{
	CLEANUP(table_done) struct table t = { 0 };
	CLEANUP(cleanup_json) json_t *probes = NULL;

	if (v->probes_problem.text[0]) {
		draw_none(p, v->probes_problem.text);
		return;
	}
	if (!json_array_size(v->probes)) {
		draw_none(p, "none: it is known without probes, or they have not fired yet");
		return;
	}
	probes = json_pack("{s:O}", "probes", v->probes);
	probes_tabulate(&t, probes);
	t.indent = 2;
	draw_table(p, &t);
}

static const struct {
	const char *title;
	void (*draw)(const struct pool_view *v, struct page *p);
} sections[SECTION_COUNT] = {
	[SECTION_WAITS] = { "How long callers waited", draw_waits },
	[SECTION_HOLDS] = { "How long items were held", draw_holds },
	[SECTION_HOLDERS] = { "Who holds items, the oldest first", draw_holders },
	[SECTION_WAITERS] = { "Who waits, the oldest first", draw_waiters },
	[SECTION_SIZE] = { "Its size", draw_size },
	[SECTION_COUNTS] = { "What has happened", draw_counts },
	[SECTION_STALLS] = { "Stalls of its process", draw_stalls },
	[SECTION_ABOUT] = { "What it is", draw_about },
	[SECTION_PROBES] = { "Probes that its process has", draw_probes },
};

static void draw_heading(const struct pool_view *v, struct page *p, enum pool_section section)
{
	bool has_refs = section == SECTION_HOLDERS || section == SECTION_WAITERS;
	const char *hint = "";

	if (has_refs && v->n_asked)
		hint = " (their stacks are looked at)";
	else if (has_refs && !v->has_stacks)
		hint = " (s: their stacks)";
	page_printf(p, 0, MEANS_HEAD, "%s%s", sections[section].title, hint);
	page_next(p);
}

void pool_page_section(const struct pool_view *v, struct page *p, enum pool_section section)
{
	page_next(p);
	draw_heading(v, p, section);
	sections[section].draw(v, p);
}
