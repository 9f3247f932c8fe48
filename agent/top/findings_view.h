/* SPDX-License-Identifier: MIT */
/*
 * findings_view.h - what is wrong and what was: a list, the open ones first and of them the most severe, and below it the chosen one in full with
 * its evidence, its holders and the advice. The choice stays on its finding when others come and go.
 */
#ifndef POOLSCOPE_TOP_FINDINGS_VIEW_H
#define POOLSCOPE_TOP_FINDINGS_VIEW_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct diag;
struct frame;
struct source;

/* For the line of help below the view. */
#define FINDINGS_VIEW_KEYS "Enter its pool   arrows choose"

/* All zero is an empty view. */
struct findings_view {
	json_t *findings;	/* owned: {"findings": [...]} in the order shown; NULL = it has not come */
	double now;		/* of the agent, Unix time; 0 = unknown */
	uint64_t chosen;	/* the id of a finding; 0 = the first one */
	int row;		/* its line in the list, by the last draw or key */
	int first;		/* line of the list at the top */
	int n_visible;		/* lines of the list, by the last draw */
};

/* Asks for all. On failure the former answer stays. */
int findings_view_refresh(struct findings_view *v, struct source *s, struct diag *d);

/* Into the lines top to bottom - 1 of the frame. Keeps choice and scrolling within the list. */
void findings_view_draw(struct findings_view *v, struct frame *f, int top, int bottom);

/* Whether the key was one of the view's. */
bool findings_view_key(struct findings_view *v, int key);

/* The pool of the chosen finding; 0 = it has none, or nothing is chosen. */
uint64_t findings_view_pool(const struct findings_view *v);

void findings_view_done(struct findings_view *v);

#endif
