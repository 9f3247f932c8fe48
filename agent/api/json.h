/* SPDX-License-Identifier: MIT */
/*
 * json.h - a snapshot as JSON: the answers of the HTTP API, and what every command prints from. Pure.
 *
 * Durations and integrals are seconds, moments are Unix time in seconds, both as doubles; kinds, outcomes and reasons are their
 * names; unknown is null. All strings are cleaned. Each function returns a new reference, or NULL when out of memory.
 */
#ifndef POOLSCOPE_API_JSON_H
#define POOLSCOPE_API_JSON_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

struct pool_choice;
struct snapshot;
struct pool_row;

#define API_PREFIX "/api/v1/"

/* For writing it: 15 digits are what a double holds for sure, so that 0.85 does not leave as 0.84999999999999998. */
#define API_JSON_FLAGS JSON_REAL_PRECISION(15)

/* {"pools": [...]}, without holders and waiters. */
json_t *encode_pools(const struct snapshot *s);

/*
 * Likewise, but those of the choice, with how many there are ("total"), how many are chosen, and how many of these come before the first one here; of
 * lines where pools are grouped, and then there are "chosen_pools" and "groups", too. "trend" and "summary" as the choice wants them.
 */
json_t *encode_pools_chosen(const struct snapshot *s, const struct pool_choice *c);

/* The same two as text, pool by pool: of very many the whole of it would be eight times its bytes. 0, -ENOMEM, or what `put` returned. */
int write_pools(const struct snapshot *s, json_dump_callback_t put, void *context);
int write_pools_chosen(const struct snapshot *s, const struct pool_choice *c,
		       json_dump_callback_t put, void *context);

/* One pool of the snapshot, with "holders", "waiters" and the "buckets" of its histograms. */
json_t *encode_pool(const struct snapshot *s, const struct pool_row *p);

/* {"findings": [...]} */
json_t *encode_findings(const struct snapshot *s);

/* {"stalls": [...]} */
json_t *encode_stalls(const struct snapshot *s);

/* {"locks": [...]} */
json_t *encode_locks(const struct snapshot *s);

/* {"version", "host", "agent", "checks", "tables", "losses", ...} */
json_t *encode_status(const struct snapshot *s);

/* {"probes": [...]} */
json_t *encode_probes(const struct snapshot *s);

/* {"recipes": [...]} */
json_t *encode_recipes(const struct snapshot *s);

/* {"config": [...]}: every key as it is in effect */
json_t *encode_config(const struct snapshot *s);

/* Whether a path is API_PREFIX "pools/ID" of a pool that is there. */
bool path_is_pool(const struct snapshot *s, const char *path, uint64_t *ret_id);

/*
 * The answer to a GET of API_PREFIX "pools", "pools/ID", "findings", "stalls", "locks", "status", "probes", "recipes" or "config", into *ret.
 * -ENOENT when there is no such path or pool, -ENOMEM.
 */
int encode_path(const struct snapshot *s, const char *path, json_t **ret);

#endif
