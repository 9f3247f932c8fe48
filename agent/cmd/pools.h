/* SPDX-License-Identifier: MIT */
/*
 * pools.h - choosing and tabulating pools: what `list` and `top` share, and what other commands filter by.
 */
#ifndef POOLSCOPE_CMD_POOLS_H
#define POOLSCOPE_CMD_POOLS_H

#include <stdbool.h>

#include <jansson.h>

#include "api/choice.h"

struct diag;
struct invocation;
struct source;
struct table;

/* Severities from the API as a number: critical 3, warning 2, info 1, else 0. */
int severity_rank(const char *severity);

/* What --pid, --pool and --kind ask for; in whatever order, of all. The strings are those of `in`. */
struct pool_choice pools_choice(const struct invocation *in);

/* {"pools": [...]} of those, in an order of POOL_ORDERS (NULL = the worst first). An error is a negative errno with d set. */
int pools_get(const struct invocation *in, const char *order, struct source *source, json_t **ret,
	      struct diag *d);

/* Whether --pid, --pool and --kind choose what has the "id", "pid", "kind", "process" and "name" of a pool. */
bool pool_is_chosen(const struct invocation *in, const json_t *pool);

/* Whether the word is exactly the pool's id. */
bool pool_has_id(const json_t *pool, const char *word);

/* Whether it names this pool exactly: by its id, its name or PROCESS/NAME. */
bool pool_is_named(const json_t *pool, const char *word);

/* Begins a table and adds one row for each pool. */
void pools_tabulate(struct table *ret, const json_t *pools);

/* The next key of the order after `key`; for `top`. */
const char *pools_next_sort_key(const char *key);

#endif
