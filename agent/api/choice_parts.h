/* SPDX-License-Identifier: MIT */
/* choice_parts.h - what the files of choice.h share. */
#ifndef POOLSCOPE_API_CHOICE_PARTS_H
#define POOLSCOPE_API_CHOICE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

struct pool_choice;
struct pool_row;
struct pools_chosen;

/* A pool that is chosen. */
struct ranked {
	const struct pool_row *row;
	int severity;	/* of its most severe open finding; -1 = it has none */
};

struct window {
	size_t first, n;	/* lines */
};

/* Of n lines; `around` is the one that has to be in it, n = none. */
struct window window_of(const struct pool_choice *c, size_t n, size_t around);

/* Where the pool is that the window has to have; n = it is not there, or none has to be. */
size_t window_around(const struct pool_choice *c, const struct ranked *pool, size_t n);

/* Whether the pool is in the group that the choice is of. */
bool is_in_group(const struct pool_choice *c, const struct pool_row *p);

/* The window of those that are chosen, in their order, under the headings of their groups. -ENOMEM leaves what pools_chosen_done() frees. */
int take_groups(const struct pool_choice *c, const struct ranked *pool, size_t n,
		struct pools_chosen *ret);

#endif
