/* SPDX-License-Identifier: MIT */
/*
 * table.h - aligned text tables. Cells are cleaned on the way in and measured in columns of the terminal, not in bytes.
 *
 * Where the lines are too long for the terminal, names are cut first, the widest first; then columns are left out in the order of their `rank`,
 * so that of the last one, which has the verdict, enough is left to be of use; and then that is cut, too. What was cut ends in an ellipsis.
 */
#ifndef POOLSCOPE_CMD_TABLE_H
#define POOLSCOPE_CMD_TABLE_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;

struct column {
	const char *title;
	bool is_right;		/* numbers */
	unsigned int rank;	/* 0 = always there; the highest goes first when the line is too narrow */
	unsigned int max_width;	/* a name: what it is cut to before columns are left out; 0 = never cut */
};

#define TABLE_MAX_COLUMNS 24
#define TABLE_LAST_WIDTH 24	/* what the last column should have before others go */
#define TABLE_NAME_WIDTH 6	/* no name is cut to less */

struct table {
	const struct column *column;
	size_t n_columns;
	size_t indent;		/* blanks before each line; set it after table_init() */
	char **cell;		/* owned, row by row */
	size_t n_cells, size;
	int error;		/* 0 or -ENOMEM */
};

/* An empty table; the columns are borrowed. */
void table_init(struct table *t, const struct column *column, size_t n_columns);
void table_done(struct table *t);

/* Appends the next cell, row after row; NULL gives "-". Errors are kept in t->error. */
void table_add(struct table *t, const char *text);

size_t table_rows(const struct table *t);

/* Appends the lines, the titles first; width 0 = unlimited. Returns t->error or that of the buffer. */
int table_write(const struct table *t, size_t width, struct buffer *ret);

/* table_write() to stdout, as wide as the terminal; unlimited when that is none. */
int table_print(const struct table *t);

/* Columns of the terminal behind stdout, 0 when there is none. */
size_t terminal_width(void);

/* From now on that is what terminal_width() says, whatever stdout is; SIZE_MAX = no more. For who keeps an output and shows it later. */
void terminal_set_width(size_t width);

#endif
