/* SPDX-License-Identifier: MIT */
/*
 * columns.h - the table of `top`: which columns fit a width, and how titles, pools and headings are written into them. Pure. A number
 * that cannot be known shows as a dash, never as zero.
 */
#ifndef POOLSCOPE_TOP_COLUMNS_H
#define POOLSCOPE_TOP_COLUMNS_H

#include <stdbool.h>

#include <jansson.h>

#include "term/frame.h"

enum column {
#define COLUMN(id, ...) COLUMN_##id,
#include "top/columns.def"
#undef COLUMN
	COLUMN_COUNT
};

/* Its words, as columns.def has them. */
const char *column_name(enum column c);
const char *column_title(enum column c);
const char *column_text(enum column c);
const char *column_order(enum column c);

/* Whether it stands whatever was chosen. */
bool column_stays(enum column c);

/* The column of a name; COLUMN_COUNT when there is none. And the one that is sorted by an order; the verdict's when there is none. */
enum column column_find(const char *name);
enum column column_of_order(const char *order);

/* What is shown unless somebody chose. */
void columns_default(bool ret_shown[static COLUMN_COUNT]);

/* Where the columns are that fit. */
struct layout {
	int n;
	struct place {
		enum column column;
		int x, width;
	} place[COLUMN_COUNT];
};

void layout_make(struct layout *ret, const bool shown[static COLUMN_COUNT], int width);

/* The titles; the one that is sorted by has an arrow. */
void layout_draw_titles(const struct layout *l, struct frame *f, int y, enum column order,
			bool is_reversed);

/* One pool, as /api/v1/pools has it; below a heading it stands a bit to the right. */
void layout_draw_pool(const struct layout *l, struct frame *f, int y, const json_t *pool,
		      bool is_below);

/* The heading of a group, as the "groups" of that answer have it. */
void layout_draw_group(const struct layout *l, struct frame *f, int y, const json_t *group,
		       bool is_folded);

#endif
