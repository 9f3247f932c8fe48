/* SPDX-License-Identifier: MIT */
/*
 * findings_view.c - see findings_view.h. The surprise: the list has what its lines need and no more, and the chosen one the rest: of a night there may
 * be one finding that says it all, or a hundred that ended by themselves.
 */
#include "top/findings_view.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/json.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/source.h"
#include "cmd/table.h"
#include "cmd/views.h"
#include "cmd/words.h"
#include "term/screen.h"
#include "top/page.h"
#include "top/refs_page.h"
#include "top/severity.h"

static json_t *rows(const struct findings_view *v)
{
	return field_array(v->findings, "findings");
}

static int n_rows(const struct findings_view *v)
{
	return (int)json_array_size(rows(v));
}

static bool is_open(const json_t *finding)
{
	return !strcmp(field_text_or(finding, "state", ""), "open");
}

int findings_view_refresh(struct findings_view *v, struct source *s, struct diag *d)
{
	const struct invocation all = { 0 };
	CLEANUP(cleanup_json) json_t *status = NULL;
	json_t *findings = NULL;
	int r = source_get(s, API_PREFIX "status", &status, d);

	if (!r)
		r = findings_get(&all, s, &findings, d);
	if (r)
		return r;
	json_decref(v->findings);
	v->findings = findings;
	v->now = field_number(status, "time");
	return 0;
}

/* ---- the choice ------------------------------------------------------------------------------------------------------------ */

static uint64_t id_of(const json_t *finding)
{
	return (uint64_t)json_integer_value(json_object_get(finding, "id"));
}

/* Its line, wherever it is now; when it is there no more, the line that it had. */
static void find_chosen(struct findings_view *v)
{
	const json_t *finding;
	size_t i;

	json_array_foreach (rows(v), i, finding) {
		if (v->chosen && id_of(finding) == v->chosen)
			v->row = (int)i;
	}
	if (v->row >= n_rows(v))
		v->row = n_rows(v) - 1;
	if (v->row < 0)
		v->row = 0;
}

static const json_t *chosen(const struct findings_view *v)
{
	return v->row >= 0 ? json_array_get(rows(v), (size_t)v->row) : NULL;
}

uint64_t findings_view_pool(const struct findings_view *v)
{
	return (uint64_t)json_integer_value(json_object_get(chosen(v), "pool_id"));
}

bool findings_view_key(struct findings_view *v, int key)
{
	find_chosen(v);
	if (!page_key(key, n_rows(v), 1, &v->row))
		return false;
	v->chosen = id_of(chosen(v));
	return true;
}

void findings_view_done(struct findings_view *v)
{
	json_decref(v->findings);
	*v = (struct findings_view){ 0 };
}

/* ---- the list -------------------------------------------------------------------------------------------------------------- */

static void add_times(struct table *t, const json_t *f, double now_s)
{
	double since = field_number(f, "since"), until = field_number(f, "until");
	CLEANUP(buffer_done) struct buffer from = { 0 };
	char number[TEXT_NUMBER_BYTES];

	words_time(since, now_s, &from);
	table_add(t, from.error ? NULL : from.data);
	table_add(t, text_format_duration((isnan(until) ? now_s : until) - since, number));
}

static void tabulate(const struct findings_view *v, struct table *t)
{
	static const struct column columns[] = {
		{ "SEVERITY", false, 0, 0 }, { "STATE", false, 3, 0 },	 { "SINCE", false, 2, 0 },
		{ "LASTS", true, 1, 0 },     { "PROCESS", false, 0, 16 }, { "PID", true, 4, 0 },
		{ "POOL", false, 0, 24 },    { "WHAT", false, 0, 0 },
	};
	const json_t *f;
	size_t i;

	table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (rows(v), i, f) {
		char pid[24];

		table_add(t, field_text(f, "severity"));
		table_add(t, is_open(f) ? "open" : "ended");
		add_times(t, f, v->now);
		table_add(t, field_text(f, "process"));
		snprintf(pid, sizeof(pid), "%.0f", field_number(f, "pid"));
		table_add(t, isnan(field_number(f, "pid")) ? NULL : pid);
		table_add(t, field_text(f, "pool"));
		table_add(t, field_text(f, "type"));
	}
}

static void draw_row(const struct findings_view *v, struct frame *f, int y, int row,
		     const char *line)
{
	const json_t *finding = json_array_get(rows(v), (size_t)row);

	frame_text(f, y, 0, f->width,
		   is_open(finding) ? severity_meaning(field_text(finding, "severity")) : MEANS_DIM,
		   line);
	if (row == v->row)
		frame_choose(f, y);
}

static void draw_list(struct findings_view *v, struct frame *f, int top)
{
	CLEANUP(table_done) struct table t = { 0 };
	CLEANUP(buffer_done) struct buffer text = { 0 };
	char *next;

	tabulate(v, &t);
	if (f->width <= 0 || table_write(&t, (size_t)f->width, &text))
		return;
	next = text.data;
	for (int i = -1; i < n_rows(v) && next; i++) {
		const char *line = strsep(&next, "\n");

		if (i < 0)
			frame_text(f, top, 0, f->width, MEANS_HEAD, line);
		else if (i >= v->first && i - v->first < v->n_visible)
			draw_row(v, f, top + 1 + i - v->first, i, line);
	}
}

/* ---- the chosen one -------------------------------------------------------------------------------------------------------- */

static void draw_part(struct page *p, const char *label, enum meaning meaning, const char *text)
{
	if (!text)
		return;
	page_text(p, 0, 10, MEANS_DIM, label);
	page_wrap(p, 10, 0, PAGE_WRAPPED_LINES, meaning, text);
}

static void draw_chosen(const struct findings_view *v, struct page *p)
{
	const json_t *f = chosen(v);
	enum meaning meaning =
		is_open(f) ? severity_meaning(field_text(f, "severity")) : MEANS_PLAIN;

	draw_part(p, "", meaning, field_text_or(f, "text", "-"));
	draw_part(p, "advice", MEANS_STRONG, field_text(f, "advice"));
	draw_part(p, "evidence", MEANS_PLAIN, field_text(f, "evidence"));
	if (json_array_size(field_array(f, "holders")))
		refs_draw(p, f, "holders", false, false);
	else if (!findings_view_pool(v))
		draw_part(p, "", MEANS_DIM, "It is about the process; no pool is behind it.");
}

/* The list has what it needs, at most half; the chosen one the rest. */
void findings_view_draw(struct findings_view *v, struct frame *f, int top, int bottom)
{
	int n_lines = bottom > top ? bottom - top : 0;
	struct page p;

	find_chosen(v);
	if (!n_rows(v)) {
		if (n_lines)
			frame_text(f, top, 0, f->width, MEANS_DIM,
				   v->findings ? "No findings." : "Nothing is known yet.");
		return;
	}
	v->n_visible = n_lines > 8 ? n_lines / 2 - 1 : n_lines - 1;
	if (v->n_visible > n_rows(v))
		v->n_visible = n_rows(v);
	if (v->row < v->first)
		v->first = v->row;
	if (v->row >= v->first + v->n_visible)
		v->first = v->row - v->n_visible + 1;
	page_clamp(n_rows(v), v->n_visible, &v->first);
	draw_list(v, f, top);
	p = page_begin(f, f->width, top + v->n_visible + 2, bottom, 0);
	draw_chosen(v, &p);
}
