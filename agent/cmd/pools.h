/* SPDX-License-Identifier: MIT */
/*
 * pools.h - choosing, ordering and tabulating pools: what `list` and `top` share, and what other commands filter by.
 */
#ifndef POOLSCOPE_CMD_POOLS_H
#define POOLSCOPE_CMD_POOLS_H

#include <stdbool.h>

#include <jansson.h>

struct invocation;
struct table;

/* Severities from the API as a number: critical 3, warning 2, info 1, else 0. */
int severity_rank(const char *severity);

/*
 * Whether --pid, --pool and --kind choose this pool. A pool is named by its id, by its name, by PROCESS/NAME, or by a shell
 * pattern of one of the latter two.
 */
bool pool_is_chosen(const struct invocation *in, const json_t *pool);

/* Whether the word names this pool exactly: by its id, its name or PROCESS/NAME. */
bool pool_is_named(const json_t *pool, const char *word);

/*
 * A new {"pools": [...]} of those that the options choose, ordered by `sort_key` (NULL = "worst"; a word of POOL_SORT_KEYS),
 * turned round if asked. NULL when out of memory.
 */
json_t *pools_select(const struct invocation *in, const json_t *answer, const char *sort_key,
		     bool is_reversed);

/* Begins a table and adds one row for each pool. */
void pools_tabulate(struct table *ret, const json_t *pools);

/* The next key of the order after `key`; for `top`. */
const char *pools_next_sort_key(const char *key);

#endif
