/* SPDX-License-Identifier: MIT */
/*
 * state.h - what `top` shows and what a key makes of it. Pure: (state, lines of the last answer, key) -> state and what is to be done.
 *
 * The chosen line stays on its pool when the order changes: the pool's id goes with the question (`around`), so that the window comes to it. Only at
 * the top it stays at the top, until somebody moves: there the worst one is to be seen, whichever it is.
 */
#ifndef POOLSCOPE_TOP_STATE_H
#define POOLSCOPE_TOP_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "top/columns.h"
#include "top/keys.h"

struct pool_choice;

#define STATE_TEXT_BYTES 128
#define STATE_VIEWS 8	/* that Escape leads back through */
#define INTERVAL_LEAST_S 0.5
#define INTERVAL_MOST_S 60
#define SPEED_LEAST (1.0 / 16)
#define SPEED_MOST 256

/* What is to be done after a key, in this order. */
enum effect {
	EFFECT_QUIT = 1,
	EFFECT_SAVE = 2,	/* the columns */
	EFFECT_STEP = 4,	/* a tick of the recording */
	EFFECT_PASS = 8,	/* the view takes the key */
	EFFECT_OPEN = 16,	/* the pool view is to be of state.pool */
	EFFECT_OPEN_FOUND = 32,	/* state_open() with the pool of the finding */
	EFFECT_ASK = 64	/* the picture needs another answer */
};

/* A line of the window. */
struct line {
	uint64_t pool;		/* 0 = a heading */
	const char *of;		/* of a heading: what the group is asked by (pool_choice.of); borrowed */
};

/* The window that the last answer had. */
struct lines {
	const struct line *line;	/* borrowed */
	size_t n;
	uint64_t first;		/* how many come before */
	uint64_t n_chosen;	/* and in all */
};

enum group { GROUP_NONE, GROUP_PROCESS, GROUP_SERVICE, GROUP_CONTAINER, GROUP_COUNT };

/* state_init() makes one. */
struct state {
	enum view view;
	enum view back[STATE_VIEWS];
	int n_back;

	enum column order;	/* the verdict's is "worst" */
	bool is_reversed;
	bool is_shown[COLUMN_COUNT];
	int at_column;		/* the chosen one, while columns are chosen */
	enum group group;
	bool is_folded;
	bool has_of;
	char of[STATE_TEXT_BYTES];	/* only this group, when has_of */
	char filter[STATE_TEXT_BYTES];
	bool is_typing;		/* the filter */
	bool is_sick;

	bool is_frozen;
	double interval_s;
	bool is_recording;
	double speed;		/* of that */

	uint64_t first;		/* line of the list at the top */
	uint64_t page;		/* lines that there is room for; 0 = all are wanted */
	enum { AT_TOP, AT_LINE, AT_ITEM } at;	/* what the chosen line is held by */
	uint64_t line;		/* of all; for AT_ITEM, where it was last */
	uint64_t item;		/* the pool; 0 = a heading */
	char heading[STATE_TEXT_BYTES];

	uint64_t pool;		/* that the pool view is of */
	int help_first;		/* line of the help at the top */
};

void state_init(struct state *s);

/* The lines of a new answer: finds the chosen one again. */
void state_answer(struct state *s, const struct lines *l);

/* A key; returns a set of effects. */
unsigned int state_key(struct state *s, const struct lines *l, int key);

/* Goes to the view of a pool. */
void state_open(struct state *s, uint64_t pool);

/* The question for the list; what `ret` has of pid, kind and pool stays. Strings are borrowed. */
void state_question(const struct state *s, struct pool_choice *ret);

/* The word of a group, as questions have it; NULL for none. */
const char *group_word(enum group g);

/* Whether the line of the window is the chosen one. */
bool state_has_chosen(const struct state *s, const struct lines *l, size_t i);

#endif
