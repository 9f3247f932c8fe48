/* SPDX-License-Identifier: MIT */
/*
 * top.h - `poolscope top` without its terminal: keys go in, answers are asked for, frames come out. cmd/top.c gives it the terminal and the time.
 */
#ifndef POOLSCOPE_TOP_TOP_H
#define POOLSCOPE_TOP_TOP_H

#include <stdbool.h>

#include "api/choice.h"
#include "base/diag.h"
#include "top/findings_view.h"
#include "top/list.h"
#include "top/pool_view.h"
#include "top/stalls_view.h"
#include "top/state.h"

struct frame;
struct source;

struct top {
	struct source *source;	/* borrowed */
	struct pool_choice base;	/* pid, kind and pool that the options ask for; borrowed */
	struct state state;
	struct list list;
	struct pool_view pool;
	struct findings_view findings;
	struct stalls_view stalls;
	struct diag problem;	/* why nothing newer came; empty = all is well */
	struct diag message;	/* what else is to be told, until the next key */
	bool needs_answer;	/* a key asked for one */
};

/* Of the source, with the choice of the options; a word of their order may be NULL. Columns are those of columns.def until somebody sets others. */
void top_init(struct top *t, struct source *source, const struct pool_choice *base,
	      double interval_s);
void top_done(struct top *t);

/* Asks for what the view shows. On failure what was there stays, and t->problem says why. */
int top_refresh(struct top *t);

/* A key. Returns false for the end. Some keys together need one answer: top_refresh() when t->needs_answer. */
bool top_key(struct top *t, int key);

/* How long until the next answer is wanted, in seconds. */
double top_interval_s(const struct top *t);

/* Draws the picture; it is as large as the frame. When it shows other lines than before, t->needs_answer is set. */
void top_draw(struct top *t, struct frame *f);

/* The list of the last answer, all of it, for nobody who chooses: `--once`. Makes the frame so wide, and as high as needed. -ENOMEM */
int top_print(struct top *t, struct frame *f, int width);

#endif
