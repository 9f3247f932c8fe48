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

#include "base/level.h"
#include "discover/notes.h"
#include "discover/recipe.h"
#include "discover/resolve.h"
#include "model/snapshot.h"
#include "probe/kernel.h"
#include "probe/trap.h"

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

/* From now on its probes do nothing, until target_arm(). */
void target_disarm(struct target_store *s, struct target *t);

/*
 * Its probes are of two kinds: the hot ones are those that come with every item that is taken or given back, and with every wait, since nothing else tells when that ends; the slow ones are all
 * others. A wait whose end has a point of its own is slow. target_on() puts those on that are off, without counting; it does nothing and returns -EAGAIN while others of it are still coming off;
 * another error is the kernel's, and then nothing has changed. target_arm() lets them count. target_off() takes those off that are on, and waits for nothing.
 */
enum target_kinds { TARGET_SLOW = 1, TARGET_HOT = 2 };

unsigned int target_kinds(const struct target *t); /* that it has */
int target_on(struct target_store *s, struct target *t, unsigned int kinds);
void target_arm(struct target_store *s, struct target *t);
void target_off(struct target_store *s, struct target *t, unsigned int kinds);

/*
 * How closely it is watched at present, as far as that was brought about. Kept by steps.h; a target begins watched in full.
 */
struct target_watch {
	enum level level;
	enum level_reason reason;
	bool is_on;		/* at LEVEL_SAMPLED: its probes are on just now */
	int64_t since_ns;	/* at this level, CLOCK_MONOTONIC; 0 = always */
	int64_t on_ns, off_ns;	/* at LEVEL_SAMPLED: when they went on and off last; 0 = never */
	double cause;		/* the share of its program's CPU time that stepped it down; NaN = none */
};
const struct target_watch *target_watch(const struct target *t);
void target_set_watch(struct target *t, const struct target_watch *w); /* by targets_set_watch() */

/*
 * Reads what its probes have counted; rows are of that reading. Adds what they cost the program since the reading before: hits times what one takes, the trap and ours.
 */
struct target_cost {
	uint64_t hits;
	double hot_s, slow_s;
};
void target_read(struct target_store *s, struct target *t, const struct trap_costs *traps,
		 struct target_cost *ret);
/* Detaches. NULL is allowed. */
void target_free(struct target_store *s, struct target *t);

/* Never another one's. */
uint64_t target_id(const struct target *t);
/* NULL = the SDK's. */
const struct recipe *target_recipe(const struct target *t);
/* What ps_pool.domain says of pools that it showed first, and the slot of what its calls save; never used again. 0 = the SDK. */
uint32_t target_domain(const struct target *t);
const struct recipe_field_plan *target_fields(const struct target *t);
/* Where in its file the root of the pages lies (tools/sdk/poolscope-page.h); 0 = it has none, or no probe of it is on. */
uint64_t target_page_root(const struct target *t);
/* Only its fields tell of its pools; nothing that happens often is counted. */
bool target_is_light(const struct target *t);
/* It was, and is but for what is stepped down. */
bool target_is_attached(const struct target *t);
/* Every probe of it is on, so what it counts is all there is. */
bool target_is_complete(const struct target *t);
/* "poolscope", or the recipe's name; and the file, for people. */
const char *target_source(const struct target *t);
const char *target_path(const struct target *t);
/* NULL = every probe of it is attached. */
const char *target_problem(const struct target *t);

/* Probes that are on. */
size_t target_n_attached(const struct target *t);

size_t target_n_rows(const struct target *t);
/* Writes that many rows. -ENOMEM. */
int target_rows(const struct target *t, struct arena *arena, int32_t n_processes,
		struct probe_row *ret);

#endif
