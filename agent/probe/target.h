/* SPDX-License-Identifier: MIT */
/*
 * target.h - the probes that one source has in one file: the SDK's own points, or those of a recipe. Their specs are in the kernel
 * as long as the target lives.
 *
 * A target that could not be attached lives as well, with the reason, so that nobody tries again until the file or the recipe
 * changes.
 */
#ifndef POOLSCOPE_PROBE_TARGET_H
#define POOLSCOPE_PROBE_TARGET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "discover/notes.h"
#include "discover/recipe.h"
#include "discover/resolve.h"
#include "model/snapshot.h"
#include "probe/kernel.h"

/* The places in the kernel's arrays that are free. One for all targets. */
struct target_store;

int target_store_new(struct kernel *k, struct target_store **ret);
void target_store_free(struct target_store *s);
/* How often the probes hit that are no more. */
uint64_t target_store_gone_hits(const struct target_store *s);

struct target;

/*
 * Which of the SDK's points. A program that counts acquires and releases in a page has points for them all the same, for a pool that has got no page: the
 * spare ones. The others are the usual ones. A part of the program that was compiled without pages has usual ones for all; where that is so, spare ones are those that have
 * an argument more than the verb.
 */
enum target_points { TARGET_POINTS_USUAL, TARGET_POINTS_SPARE };

/*
 * Attaches to the file open at `fd` (borrowed); `path` is for people. Only -ENOMEM is an error: everything else is the target's
 * problem. SDK: notes of our provider. Recipe: takes a reference.
 */
int target_new_sdk(struct target_store *s, int fd, const char *path, const struct notes *notes,
		   enum target_points which, struct target **ret);
int target_new_recipe(struct target_store *s, int fd, const char *path, struct recipe *r,
		      struct symbols *symbols, bool is_light, struct target **ret);

/*
 * A function that the recipe of `parent` learned in process `pid`, at this place in this file; attached in that process alone. fd -1:
 * it is in no file, `why` says so; `symbols` are not needed then.
 */
int target_new_learned(struct target_store *s, int fd, const char *path,
		       const struct target *parent, struct symbols *symbols, uint64_t offset,
		       uint32_t pid, const char *why, struct target **ret);

/* From now on its probes do nothing. */
void target_disarm(struct target_store *s, struct target *t);
/* Detaches. NULL is allowed. */
void target_free(struct target_store *s, struct target *t);

/* NULL = the SDK's. */
const struct recipe *target_recipe(const struct target *t);
/* What ps_pool.domain says of pools that it showed first, and the slot of what its calls save; never used again. 0 = the SDK. */
uint32_t target_domain(const struct target *t);
const struct recipe_field_plan *target_fields(const struct target *t);
/* Where in its file the root of the pages lies (tools/sdk/poolscope-page.h); 0 = it has none, or no probe of it is on. */
uint64_t target_page_root(const struct target *t);
/* Only its fields tell of its pools; nothing that happens often is counted. */
bool target_is_light(const struct target *t);
bool target_is_attached(const struct target *t);
/* Every probe of it is on, so what it counts is all there is. */
bool target_is_complete(const struct target *t);
/* NULL = every probe of it is attached. */
const char *target_problem(const struct target *t);

/* Reads what a probe has counted, and what it took, into its row. */
typedef void probe_stat_fn(void *context, uint32_t probe, struct probe_row *ret);

/* Probes that are on. */
size_t target_n_attached(const struct target *t);

size_t target_n_rows(const struct target *t);
/* Writes that many rows. -ENOMEM. */
int target_rows(const struct target *t, struct arena *arena, int32_t n_processes,
		probe_stat_fn *stat, void *context, struct probe_row *ret);

#endif
