/* SPDX-License-Identifier: MIT */
/*
 * stalls_view.h - the times in which processes stood still, one line for each process and cause, those that took the most on top. The same
 * numbers as `poolscope stalls` has.
 */
#ifndef POOLSCOPE_TOP_STALLS_VIEW_H
#define POOLSCOPE_TOP_STALLS_VIEW_H

#include <stdbool.h>

#include <jansson.h>

struct diag;
struct frame;
struct source;

/* For the line of help below the view. */
#define STALLS_VIEW_KEYS "arrows scroll"

/* All zero is an empty view. */
struct stalls_view {
	json_t *stalls;		/* owned: {"stalls": [...]} in the order shown; NULL = it has not come */
	int first;		/* line of the list at the top */
	int n_visible;		/* lines of the list, by the last draw */
};

/* Asks for all. On failure the former answer stays. */
int stalls_view_refresh(struct stalls_view *v, struct source *s, struct diag *d);

/* Into the lines top to bottom - 1 of the frame. Keeps the scrolling within the list. */
void stalls_view_draw(struct stalls_view *v, struct frame *f, int top, int bottom);

/* Whether the key was one of the view's. */
bool stalls_view_key(struct stalls_view *v, int key);

void stalls_view_done(struct stalls_view *v);

#endif
