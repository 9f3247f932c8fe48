/* SPDX-License-Identifier: MIT */
/*
 * list.c - see list.h. The surprise: in an answer with groups, a group says at which line of the window its heading is; pools take the lines that are
 * left, in their order. A stranger's answer may say anything, so lines that nobody has are left out.
 */
#include "top/list.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cmd/field.h"
#include "term/frame.h"

#define PID_BYTES 16
#define NAME_COLUMN 6
#define NAME_WIDTH 12

struct row {
	const json_t *pool, *group;	/* of the answer; a heading has no pool */
	char pid[PID_BYTES];
};

/* ---- an answer's lines ----------------------------------------------------------------------------------------------------- */

static uint64_t total(const json_t *o, const char *key)
{
	json_int_t n = json_integer_value(json_object_get(o, key));

	return n > 0 ? (uint64_t)n : 0;
}

static const json_t *group_of(const json_t *groups, const json_t *pool)
{
	const json_t *number = json_object_get(pool, "group");
	json_int_t i = json_integer_value(number);

	return json_is_integer(number) && i >= 0 ? json_array_get(groups, (size_t)i) : NULL;
}

static void put_headings(const json_t *groups, struct row *row, size_t n)
{
	const json_t *group;
	size_t i;

	json_array_foreach (groups, i, group) {
		const json_t *line = json_object_get(group, "line");
		json_int_t at = json_integer_value(line);

		if (json_is_integer(line) && at >= 0 && (uint64_t)at < n)
			row[at].group = group;
	}
}

static size_t put_pools(const json_t *pools, const json_t *groups, struct row *row, size_t n)
{
	size_t next = 0, kept = 0, i;
	const json_t *pool;

	json_array_foreach (pools, i, pool) {
		while (next < n && row[next].group)
			next++;
		if (next < n)
			row[next++] = (struct row){ .pool = pool, .group = group_of(groups, pool) };
	}
	for (i = 0; i < n; i++) {
		if (row[i].pool || row[i].group)
			row[kept++] = row[i];
	}
	return kept;
}

/* A process is asked for by its pid, others by their names; those in no group by "". */
static const char *asked_by(struct row *row)
{
	double pid = field_number(row->group, "pid");

	if (isnan(pid))
		return field_text_or(row->group, "name", "");
	snprintf(row->pid, sizeof(row->pid), "%.0f", pid);
	return row->pid;
}

int list_take(struct list *l, json_t *answer)
{
	const json_t *pools = field_array(answer, "pools"), *groups = field_array(answer, "groups");
	size_t n = json_array_size(pools) + json_array_size(groups);
	struct row *row = calloc(n + 1, sizeof(*row));
	struct line *line = calloc(n + 1, sizeof(*line));

	if (!row || !line) {
		free(row);
		free(line);
		return -ENOMEM;
	}
	put_headings(groups, row, n);
	n = put_pools(pools, groups, row, n);
	for (size_t i = 0; i < n; i++) {
		line[i].pool = total(row[i].pool, "id");
		line[i].of = row[i].pool ? NULL : asked_by(&row[i]);
	}
	list_done(l);
	*l = (struct list){ .answer = answer, .row = row };
	l->lines = (struct lines){ .line = line,
				   .n = n,
				   .first = total(answer, "first"),
				   .n_chosen = total(answer, "chosen") };
	return 0;
}

void list_done(struct list *l)
{
	free((void *)l->lines.line);
	free(l->row);
	json_decref(l->answer);
	*l = (struct list){ 0 };
}

const json_t *list_summary(const struct list *l)
{
	return json_object_get(l->answer, "summary");
}

/* ---- drawing --------------------------------------------------------------------------------------------------------------- */

static void draw_nothing(const struct list *l, const struct state *s, struct frame *f, int y)
{
	const char *why =
		"No pool is known yet; `poolscope doctor` tells whether the agent sees what it should.";

	if (total(l->answer, "total"))
		why = *s->filter || s->has_of || s->is_sick
			      ? "No pool is like this; Escape shows all again."
			      : "No pool matches.";
	frame_text(f, y, 0, f->width, MEANS_DIM, why);
}

void list_draw(const struct list *l, const struct state *s, struct frame *f, int top, int bottom,
	       bool has_choice)
{
	struct layout layout;

	layout_make(&layout, s->is_shown, f->width);
	layout_draw_titles(&layout, f, top, s->order, s->is_reversed);
	if (!l->lines.n)
		draw_nothing(l, s, f, top + 1);
	for (size_t i = 0; i < l->lines.n && top + 1 + (int)i < bottom; i++) {
		int y = top + 1 + (int)i;

		if (l->row[i].pool)
			layout_draw_pool(&layout, f, y, l->row[i].pool, l->row[i].group != NULL);
		else
			layout_draw_group(&layout, f, y, l->row[i].group, s->is_folded);
		if (has_choice && state_has_chosen(s, &l->lines, i))
			frame_choose(f, y);
	}
}

/* Parts with a separator between them. Returns where the next one begins. */
static int draw_part(struct frame *f, int y, int x, enum meaning meaning, const char *text)
{
	if (x)
		x += frame_text(f, y, x, f->width - x, MEANS_DIM, ", ");
	return x + frame_text(f, y, x, f->width - x, meaning, text);
}

static const char *of_shown(const struct list *l, const struct state *s)
{
	const json_t *group = l->lines.n ? l->row[0].group : NULL;

	return field_text_or(group, "name", *s->of ? s->of : "none");
}

void list_draw_choice(const struct list *l, const struct state *s, struct frame *f, int y)
{
	uint64_t n = l->lines.n_chosen, first = l->lines.first + 1,
		 last = l->lines.first + l->lines.n;
	char text[2 * STATE_TEXT_BYTES];
	int x;

	snprintf(text, sizeof(text), "by %s%s", column_order(s->order),
		 s->is_reversed ? ", reversed" : "");
	x = draw_part(f, y, 0, MEANS_PLAIN, text);
	if (s->group) {
		snprintf(text, sizeof(text), "tree by %s", group_word(s->group));
		x = draw_part(f, y, x, MEANS_PLAIN, text);
	}
	if (s->group && s->has_of) {
		snprintf(text, sizeof(text), "only %s", of_shown(l, s));
		x = draw_part(f, y, x, MEANS_INFO, text);
	}
	if (*s->filter) {
		snprintf(text, sizeof(text), "with \"%s\"", s->filter);
		x = draw_part(f, y, x, MEANS_INFO, text);
	}
	if (s->is_sick)
		x = draw_part(f, y, x, MEANS_INFO, "only sick ones");
	if (l->lines.n < n)
		snprintf(text, sizeof(text), "  %" PRIu64 "-%" PRIu64 " of %" PRIu64, first, last,
			 n);
	else
		snprintf(text, sizeof(text), "  %" PRIu64 " %s", n,
			 s->group ? "lines"
			 : n == 1 ? "pool"
				  : "pools");
	frame_text(f, y, x, f->width - x, MEANS_DIM, text);
}

void columns_draw_choice(const struct state *s, struct frame *f, int top, int bottom)
{
	int first = s->at_column - (bottom - top) + 1;

	first = first > 0 ? first : 0;
	for (int i = first; i < COLUMN_COUNT && top + i - first < bottom; i++) {
		enum column c = (enum column)i;
		int y = top + i - first;
		const char *mark = column_stays(c) ? "[*]" : s->is_shown[i] ? "[x]" : "[ ]";

		frame_text(f, y, 1, 3, MEANS_PLAIN, mark);
		frame_text(f, y, NAME_COLUMN, NAME_WIDTH, MEANS_STRONG, column_name(c));
		frame_text(f, y, NAME_COLUMN + NAME_WIDTH + 1, f->width, MEANS_PLAIN,
			   column_text(c));
		if (i == s->at_column)
			frame_choose(f, y);
	}
}
