/* SPDX-License-Identifier: MIT */
/*
 * table.c - see table.h. The surprise: trailing blanks are never written, so that a copied table stays narrow.
 */
#include "cmd/table.h"

#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/text.h"

#define GAP 2
#define CELL_BYTES 1024

void table_init(struct table *t, const struct column *column, size_t n_columns)
{
	*t = (struct table){ .column = column, .n_columns = n_columns };
}

void table_done(struct table *t)
{
	for (size_t i = 0; i < t->n_cells; i++)
		free(t->cell[i]);
	free(t->cell);
	*t = (struct table){ 0 };
}

void table_add(struct table *t, const char *text)
{
	char clean[CELL_BYTES], **cell;

	if (t->error)
		return;
	if (t->n_cells == t->size) {
		size_t size = t->size ? 2 * t->size : 64;

		cell = reallocarray(t->cell, size, sizeof(*cell));
		if (!cell) {
			t->error = -ENOMEM;
			return;
		}
		t->cell = cell;
		t->size = size;
	}
	text_clean(text ? text : "-", SIZE_MAX, clean, sizeof(clean));
	t->cell[t->n_cells] = strdup(clean);
	if (t->cell[t->n_cells])
		t->n_cells++;
	else
		t->error = -ENOMEM;
}

size_t table_rows(const struct table *t)
{
	return t->n_columns ? t->n_cells / t->n_columns : 0;
}

/* How wide each column is; 0 = left out. */
struct layout {
	size_t width[TABLE_MAX_COLUMNS];
};

static size_t total_width(const struct table *t, const struct layout *l, size_t last)
{
	size_t total = 0;

	for (size_t c = 0; c < t->n_columns; c++) {
		size_t width = c + 1 == t->n_columns && last < l->width[c] ? last : l->width[c];

		if (width)
			total += width + (total ? GAP : 0);
	}
	return total;
}

static void measure(const struct table *t, struct layout *ret)
{
	for (size_t c = 0; c < t->n_columns; c++) {
		ret->width[c] = text_width(t->column[c].title);
		for (size_t i = c; i < t->n_cells; i += t->n_columns) {
			size_t width = text_width(t->cell[i]);

			if (width > ret->width[c])
				ret->width[c] = width;
		}
	}
}

/* How far a name may be cut: down to its column's limit, or, when nothing else is left, to the least that still tells names apart. */
static size_t least_of(const struct table *t, const struct layout *l, size_t c, bool is_last_resort)
{
	size_t least = is_last_resort && t->column[c].max_width ? TABLE_NAME_WIDTH
								: t->column[c].max_width;

	if (!t->column[c].max_width || l->width[c] < least)
		return l->width[c];
	return least;
}

/* Cuts names until the line fits with so much of the last column; of several the widest one gives a column. */
static void cut_names(const struct table *t, size_t line, size_t last, bool is_last_resort,
		      struct layout *l)
{
	for (size_t over = total_width(t, l, last); over > line; over--) {
		size_t widest = SIZE_MAX;

		for (size_t c = 0; c + 1 < t->n_columns; c++)
			if (l->width[c] > least_of(t, l, c, is_last_resort) &&
			    (widest == SIZE_MAX || l->width[c] > l->width[widest]))
				widest = c;
		if (widest == SIZE_MAX)
			return;
		l->width[widest]--;
	}
}

static void leave_columns_out(const struct table *t, size_t line, struct layout *l)
{
	while (total_width(t, l, TABLE_LAST_WIDTH) > line) {
		size_t worst = SIZE_MAX;

		for (size_t c = 0; c + 1 < t->n_columns; c++) {
			if (l->width[c] && t->column[c].rank &&
			    (worst == SIZE_MAX || t->column[c].rank > t->column[worst].rank))
				worst = c;
		}
		if (worst == SIZE_MAX)
			return;
		l->width[worst] = 0;
	}
}

static void fit(const struct table *t, size_t line, struct layout *l)
{
	size_t last = t->n_columns - 1, rest;

	cut_names(t, line, SIZE_MAX, false, l);
	leave_columns_out(t, line, l);
	cut_names(t, line, TABLE_LAST_WIDTH, true, l);
	rest = total_width(t, l, 0);
	rest = line > rest + GAP ? line - rest - GAP : 1;
	if (l->width[last] > rest)
		l->width[last] = rest;
}

static void add_blanks(struct buffer *b, size_t n)
{
	while (n--)
		buffer_add(b, " ", 1);
}

/* The cell in at most `width` columns, with an ellipsis where it was cut. Returns the columns used. */
static size_t add_cut(struct buffer *b, const char *text, size_t width)
{
	size_t used, bytes = text_fit(text, width, &used);

	if (!text[bytes]) {
		buffer_add(b, text, bytes);
		return used;
	}
	bytes = text_fit(text, width - 1, &used);
	buffer_add(b, text, bytes);
	buffer_add_text(b, "…");
	return used + 1;
}

static void write_line(const struct table *t, const struct layout *l, size_t row, bool is_title,
		       struct buffer *ret)
{
	size_t blanks = t->indent;

	for (size_t c = 0; c < t->n_columns; c++) {
		const char *text = is_title ? t->column[c].title : t->cell[row * t->n_columns + c];
		size_t width = l->width[c], used;

		if (!width)
			continue;
		used = text_width(text);
		if (t->column[c].is_right && used < width)
			blanks += width - used;
		add_blanks(ret, blanks);
		used = add_cut(ret, text, width);
		blanks = GAP + (t->column[c].is_right || used > width ? 0 : width - used);
	}
	buffer_add(ret, "\n", 1);
}

int table_write(const struct table *t, size_t width, struct buffer *ret)
{
	struct layout layout;

	if (t->error)
		return t->error;
	if (!t->n_columns || t->n_columns > TABLE_MAX_COLUMNS)
		return -EINVAL;
	measure(t, &layout);
	if (width)
		fit(t, width > t->indent ? width - t->indent : 1, &layout);
	write_line(t, &layout, 0, true, ret);
	for (size_t i = 0; i < table_rows(t); i++)
		write_line(t, &layout, i, false, ret);
	return ret->error;
}

int table_print(const struct table *t)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	int r = table_write(t, terminal_width(), &text);

	if (!r)
		fwrite(text.data, 1, text.n, stdout);
	return r;
}

static size_t given_width = SIZE_MAX;

void terminal_set_width(size_t width)
{
	given_width = width;
}

size_t terminal_width(void)
{
	struct winsize size;

	if (given_width != SIZE_MAX)
		return given_width;
	if (!isatty(fileno(stdout)) || ioctl(fileno(stdout), TIOCGWINSZ, &size) || !size.ws_col)
		return 0;
	return size.ws_col;
}
