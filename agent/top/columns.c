/* SPDX-License-Identifier: MIT */
/*
 * columns.c - see columns.h. The surprise: a heading uses the columns of the pools, so that its sums stand above their parts; its name takes the place
 * of all columns left of the first number.
 */
#include "top/columns.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "cmd/field.h"
#include "top/severity.h"

#define NUMBER_WIDTH 5	/* of the number before a bar */
#define INDENT 2
#define TREND_VALUES 60
#define FULL 0.999
#define NEARLY_FULL 0.8

enum form {
	FORM_TEXT,
	FORM_PID,
	FORM_COUNT,
	FORM_BAR,
	FORM_PERCENT,
	FORM_DURATION,
	FORM_TREND,
	FORM_VERDICT
};

static const struct {
	const char *name, *title;
	int least, most;
	enum form form;
	const char *field, *order;
	bool is_shown;
	int priority;
	const char *text;
} columns[COLUMN_COUNT] = {
#define COLUMN(id, name, title, least, most, form, field, order, is_shown, priority, text)         \
	[COLUMN_##id] = { name,  title, least,    most,     FORM_##form,                           \
			  field, order, is_shown, priority, text },
#include "top/columns.def"
#undef COLUMN
};

const char *column_name(enum column c)
{
	return columns[c].name;
}

const char *column_title(enum column c)
{
	return columns[c].title;
}

const char *column_text(enum column c)
{
	return columns[c].text;
}

const char *column_order(enum column c)
{
	return columns[c].order;
}

bool column_stays(enum column c)
{
	return !columns[c].priority;
}

enum column column_find(const char *name)
{
	int i;

	for (i = 0; i < COLUMN_COUNT && strcmp(columns[i].name, name) != 0; i++)
		;
	return (enum column)i;
}

enum column column_of_order(const char *order)
{
	for (int i = 0; order && i < COLUMN_COUNT; i++) {
		if (!strcmp(columns[i].order, order))
			return (enum column)i;
	}
	return COLUMN_VERDICT;
}

void columns_default(bool ret_shown[static COLUMN_COUNT])
{
	for (int i = 0; i < COLUMN_COUNT; i++)
		ret_shown[i] = columns[i].is_shown;
}

/* ---- what fits ------------------------------------------------------------------------------------------------------------- */

/* Those that were chosen, without the ones that are too much. Returns what is left of the width; below 0 when not even those that stay fit. */
static int choose(const bool shown[static COLUMN_COUNT], int width, bool ret[static COLUMN_COUNT])
{
	int left = width + 1;

	for (int i = 0; i < COLUMN_COUNT; i++) {
		ret[i] = shown[i] || column_stays((enum column)i);
		if (ret[i])
			left -= columns[i].least + 1;
	}
	while (left < 0) {
		int worst = 0;

		for (int i = 0; i < COLUMN_COUNT; i++) {
			if (ret[i] &&
			    (!ret[worst] || columns[i].priority > columns[worst].priority))
				worst = i;
		}
		if (!columns[worst].priority)
			break;
		ret[worst] = false;
		left += columns[worst].least + 1;
	}
	return left;
}

/* Column by column in turn; a verdict is a sentence and gets three for one. */
static void widen(struct layout *l, int left)
{
	bool has_grown = true;

	while (has_grown && left > 0) {
		has_grown = false;
		for (int i = 0; i < l->n && left > 0; i++) {
			int room = columns[l->place[i].column].most - l->place[i].width;
			int more = l->place[i].column == COLUMN_VERDICT ? 3 : 1;

			more = more < room ? more : room;
			more = more < left ? more : left;
			l->place[i].width += more;
			left -= more;
			has_grown |= more > 0;
		}
	}
}

void layout_make(struct layout *ret, const bool shown[static COLUMN_COUNT], int width)
{
	bool is_chosen[COLUMN_COUNT];
	int left = choose(shown, width, is_chosen), x = 0;

	ret->n = 0;
	for (int i = 0; i < COLUMN_COUNT; i++) {
		if (is_chosen[i])
			ret->place[ret->n++] = (struct place){ .column = (enum column)i,
							       .width = columns[i].least };
	}
	widen(ret, left);
	for (int i = 0; i < ret->n; i++) {
		ret->place[i].x = x;
		x += ret->place[i].width + 1;
	}
}

/* ---- titles ---------------------------------------------------------------------------------------------------------------- */

static bool is_right(enum form form)
{
	return form == FORM_PID || form == FORM_COUNT || form == FORM_PERCENT ||
	       form == FORM_DURATION;
}

static void draw_title(struct frame *f, int y, const struct place *p, bool is_order,
		       bool is_reversed)
{
	const char *arrow = !is_order     ? ""
			    : f->is_ascii ? (is_reversed ? "^" : "v")
			    : is_reversed ? "\u25b4"
					  : "\u25be";
	char text[32];

	snprintf(text, sizeof(text), "%s%s", columns[p->column].title, arrow);
	if (is_right(columns[p->column].form) && text_width(text) <= (size_t)p->width)
		frame_text_right(f, y, p->x, p->width, MEANS_HEAD, text);
	else /* the arrow may stand between the columns */
		frame_text(f, y, p->x, p->width + 1, MEANS_HEAD, text);
}

void layout_draw_titles(const struct layout *l, struct frame *f, int y, enum column order,
			bool is_reversed)
{
	frame_mean(f, y, 0, f->width, MEANS_HEAD);
	for (int i = 0; i < l->n; i++)
		draw_title(f, y, &l->place[i], l->place[i].column == order, is_reversed);
}

/* ---- cells ----------------------------------------------------------------------------------------------------------------- */

/* The most severe one of a pool's open findings; NULL = it has none. */
static const json_t *worst_of(const json_t *pool)
{
	const json_t *worst = NULL, *finding;
	size_t i;

	json_array_foreach (field_array(pool, "findings"), i, finding) {
		if (!worst || severity_meaning(field_text(finding, "severity")) >
				      severity_meaning(field_text(worst, "severity")))
			worst = finding;
	}
	return worst;
}

static enum meaning meaning_of(const json_t *pool)
{
	return severity_meaning(field_text(worst_of(pool), "severity"));
}

static double share_of(const json_t *o)
{
	double capacity = field_number(o, "capacity");

	return capacity > 0 ? field_number(o, "in_use") / capacity : NAN;
}

static void draw_bar(struct frame *f, int y, const struct place *p, const json_t *o)
{
	char number[TEXT_NUMBER_BYTES];
	double share = share_of(o);
	enum meaning meaning = share >= FULL && field_number(o, "pending") > 0 ? MEANS_CRITICAL
			       : share >= NEARLY_FULL                          ? MEANS_WARNING
									       : MEANS_GOOD;

	frame_text_right(f, y, p->x, NUMBER_WIDTH, MEANS_PLAIN,
			 text_format_count(field_number(o, "in_use"), number));
	frame_bar(f, y, p->x + NUMBER_WIDTH + 1, p->width - NUMBER_WIDTH - 1, meaning, share);
}

static void draw_trend(struct frame *f, int y, const struct place *p, const json_t *o)
{
	const json_t *array = field_array(o, "trend");
	double value[TREND_VALUES], shown[TREND_VALUES];
	size_t n = json_array_size(array), width = (size_t)p->width;

	if (!n || width > TREND_VALUES)
		return;
	for (size_t i = 0; i < TREND_VALUES; i++) { /* the newest at the end */
		const json_t *v =
			i + n >= TREND_VALUES ? json_array_get(array, i + n - TREND_VALUES) : NULL;

		value[i] = json_is_number(v) ? json_number_value(v) : NAN;
	}
	for (size_t i = 0; i < width; i++) { /* of those that share a column, the highest */
		size_t end = (i + 1) * TREND_VALUES / width;

		shown[i] = NAN;
		for (size_t k = i * TREND_VALUES / width; k < end; k++)
			shown[i] = fmax(shown[i], value[k]);
	}
	frame_trend(f, y, p->x, p->width, MEANS_INFO, shown, width);
}

static void draw_number(struct frame *f, int y, const struct place *p, enum form form, double n)
{
	char number[TEXT_NUMBER_BYTES];

	if (form == FORM_PERCENT)
		text_format_percent(n, number);
	else if (form == FORM_DURATION)
		text_format_duration(n, number);
	else if (form == FORM_PID && !isnan(n))
		snprintf(number, sizeof(number), "%.0f", n); /* a name, never shortened */
	else
		text_format_count(n, number);
	frame_text_right(f, y, p->x, p->width, isnan(n) ? MEANS_DIM : MEANS_PLAIN, number);
}

/* An untrusted pool says so before its verdict. What is wrong is told by its type first: the sentence may not fit. */
static void draw_verdict(struct frame *f, int y, const struct place *p, const json_t *pool)
{
	const char *verdict = field_text_or(pool, "verdict", "-");
	const char *type = field_text(worst_of(pool), "type");
	enum meaning meaning = meaning_of(pool);
	char text[512];
	int n = 0;

	if (!field_bool(pool, "trusted"))
		n = frame_text(f, y, p->x, p->width, MEANS_DIM, "(untrusted) ");
	if (!type && !strcmp(verdict, "healthy"))
		meaning = MEANS_GOOD;
	snprintf(text, sizeof(text), "%s%s%s", type ? type : "", type ? ": " : "", verdict);
	frame_text(f, y, p->x + n, p->width - n, meaning, text);
}

static void draw_cell(struct frame *f, int y, const struct place *p, const json_t *pool)
{
	enum form form = columns[p->column].form;
	const char *field = columns[p->column].field;

	if (form == FORM_TEXT)
		frame_text(f, y, p->x, p->width,
			   p->column == COLUMN_POOL  ? meaning_of(pool)
			   : field_text(pool, field) ? MEANS_PLAIN
						     : MEANS_DIM,
			   field_text_or(pool, field, "-"));
	else if (form == FORM_BAR)
		draw_bar(f, y, p, pool);
	else if (form == FORM_TREND)
		draw_trend(f, y, p, pool);
	else if (form == FORM_VERDICT)
		draw_verdict(f, y, p, pool);
	else
		draw_number(f, y, p, form, field_number(pool, field));
}

void layout_draw_pool(const struct layout *l, struct frame *f, int y, const json_t *pool,
		      bool is_below)
{
	for (int i = 0; i < l->n; i++) {
		struct place p = l->place[i];
		int indent = is_below && !i ? INDENT : 0;

		p.x += indent;
		p.width -= indent;
		draw_cell(f, y, &p, pool);
	}
}

/* ---- headings -------------------------------------------------------------------------------------------------------------- */

/* What a group has of the columns; NaN for the others, which stay empty. */
static double group_number(enum column c, const json_t *group)
{
	switch (c) {
	case COLUMN_ACQUIRES:
	case COLUMN_TIMEOUTS:
	case COLUMN_CAPACITY:
	case COLUMN_PENDING:
	case COLUMN_UTILIZATION:
		return field_number(group, columns[c].field);
	default:
		return NAN;
	}
}

static void draw_group_name(const struct layout *l, struct frame *f, int y, const json_t *group,
			    bool is_folded)
{
	double pid = field_number(group, "pid");
	char text[512], tail[32] = "";
	int i;

	for (i = 0; i < l->n && columns[l->place[i].column].form == FORM_TEXT; i++)
		;
	if (!isnan(pid))
		snprintf(tail, sizeof(tail), " (%.0f)", pid);
	snprintf(text, sizeof(text), "%s %s%s",
		 f->is_ascii ? (is_folded ? "+" : "-") : (is_folded ? "\u25b8" : "\u25be"),
		 field_text_or(group, "name", "-"), tail);
	frame_text(f, y, 0, i < l->n ? l->place[i].x - 1 : f->width, MEANS_STRONG, text);
}

static void draw_group_verdict(struct frame *f, int y, const struct place *p, const json_t *group)
{
	double n = field_number(group, "pools"), sick = field_number(group, "sick");
	char text[64];

	snprintf(text, sizeof(text), "%.0f %s, %.0f sick", n, n == 1 ? "pool" : "pools", sick);
	frame_text(f, y, p->x, p->width, severity_meaning(field_text(group, "severity")), text);
}

void layout_draw_group(const struct layout *l, struct frame *f, int y, const json_t *group,
		       bool is_folded)
{
	draw_group_name(l, f, y, group, is_folded);
	for (int i = 0; i < l->n; i++) {
		const struct place *p = &l->place[i];
		double n = group_number(p->column, group);

		if (p->column == COLUMN_IN_USE)
			draw_bar(f, y, p, group);
		else if (p->column == COLUMN_VERDICT)
			draw_group_verdict(f, y, p, group);
		else if (!isnan(n))
			draw_number(f, y, p, columns[p->column].form, n);
	}
}
