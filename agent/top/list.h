/* SPDX-License-Identifier: MIT */
/*
 * list.h - the window of pools, and headings of groups, that the last answer had, and how it is drawn. Pure.
 */
#ifndef POOLSCOPE_TOP_LIST_H
#define POOLSCOPE_TOP_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "top/state.h"

struct frame;

/* All zero has no answer. */
struct list {
	json_t *answer;		/* owned; of /api/v1/pools; NULL = it has not come */
	struct lines lines;	/* what the state machine needs of it; line is owned */
	struct row *row;	/* owned; what stands in each line */
};

/* Takes over a new answer. -ENOMEM leaves all as it was, and the answer to the caller. */
int list_take(struct list *l, json_t *answer);
void list_done(struct list *l);

/* How all is: an object of the answer; NULL when it has none. */
const json_t *list_summary(const struct list *l);

/* Titles and lines, into the lines top to bottom - 1 of the frame; with the chosen line, where there is somebody to choose. */
void list_draw(const struct list *l, const struct state *s, struct frame *f, int top, int bottom,
	       bool has_choice);

/* What is shown of what, in what order: one line. */
void list_draw_choice(const struct list *l, const struct state *s, struct frame *f, int y);

/* The columns to choose from. */
void columns_draw_choice(const struct state *s, struct frame *f, int top, int bottom);

#endif
