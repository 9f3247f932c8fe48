/* SPDX-License-Identifier: MIT */
/*
 * keys.h - what a key does in a view, as keys.def has it. Pure.
 */
#ifndef POOLSCOPE_TOP_KEYS_H
#define POOLSCOPE_TOP_KEYS_H

#include "term/frame.h"

enum view {
	VIEW_POOLS,
	VIEW_POOL,
	VIEW_FINDINGS,
	VIEW_STALLS,
	VIEW_COLUMNS,
	VIEW_HELP,
	VIEW_COUNT
};

/* Sets of them. */
#define IN_POOLS (1u << VIEW_POOLS)
#define IN_POOL_VIEW (1u << VIEW_POOL)
#define IN_FINDINGS (1u << VIEW_FINDINGS)
#define IN_STALLS (1u << VIEW_STALLS)
#define IN_COLUMNS (1u << VIEW_COLUMNS)
#define IN_HELP (1u << VIEW_HELP)
#define IN_ALL ((1u << VIEW_COUNT) - 1)
#define IN_LISTS (IN_POOLS | IN_POOL_VIEW | IN_FINDINGS | IN_STALLS)
#define IN_PAGES (IN_POOL_VIEW | IN_FINDINGS | IN_STALLS | IN_HELP)

enum action {
	ACTION_NONE,
	ACTION_PASS,	/* the view takes it */
	ACTION_OPEN,
	ACTION_OPEN_FOUND,
	ACTION_FILTER,
	ACTION_GROUP,
	ACTION_FOLD,
	ACTION_SICK,
	ACTION_ORDER_LEFT,
	ACTION_ORDER_RIGHT,
	ACTION_REVERSE,
	ACTION_COLUMNS,
	ACTION_FINDINGS,
	ACTION_STALLS,
	ACTION_UP,
	ACTION_DOWN,
	ACTION_PAGE_UP,
	ACTION_PAGE_DOWN,
	ACTION_HOME,
	ACTION_END,
	ACTION_TOGGLE,
	ACTION_DEFAULTS,
	ACTION_COLUMN_UP,
	ACTION_COLUMN_DOWN,
	ACTION_FREEZE,
	ACTION_SLOWER,
	ACTION_FASTER,
	ACTION_STEP,
	ACTION_SPEED_UP,
	ACTION_SPEED_DOWN,
	ACTION_HELP,
	ACTION_BACK,
	ACTION_QUIT
};

/* ACTION_NONE: it is no key there. */
enum action key_action(enum view view, int code);

/* The bottom line: what fits of the keys of the view, from x on. */
void keys_draw_brief(struct frame *f, int y, int x, enum view view);

/* The help view into the lines top to bottom - 1, from its line *first on, which is kept within range. */
void keys_draw_help(struct frame *f, int top, int bottom, int *first);

/* Moves *first by a key of a page; the view is as high as the last one drawn. */
void keys_scroll_help(int *first, int code, int n_visible);

#endif
