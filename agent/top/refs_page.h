/* SPDX-License-Identifier: MIT */
/*
 * refs_page.h - who holds items of a pool or waits for one, as lines of a page: how long, which thread, what it does now, where it took the item;
 * with stacks, those of the first few in full. Pure.
 */
#ifndef POOLSCOPE_TOP_REFS_PAGE_H
#define POOLSCOPE_TOP_REFS_PAGE_H

#include <stdbool.h>

#include <jansson.h>

struct page;

#define REFS_MAX 200	/* lines; `poolscope show` has all */
#define REFS_STACKS 16	/* so many of each the agent looks at */

/*
 * The "holders" or "waiters" of a pool, the oldest first, as they came. `is_taken_first`: where an item was taken says more than what its holder does
 * now.
 */
void refs_draw(struct page *p, const json_t *pool, const char *key, bool has_stacks,
	       bool is_taken_first);

/*
 * Gives the refs of a new answer the stacks that the same ones had in the former answer, where nobody has looked at them since; their "age_seconds"
 * grow by what has passed between the two.
 */
void refs_carry_stacks(const json_t *former, json_t *pool);

/* The stack of a ref, when it was seen while it held or waited; NULL = unknown. Of one that has it for a moment only, it may be from before. */
const json_t *ref_stack(const json_t *ref);

#endif
