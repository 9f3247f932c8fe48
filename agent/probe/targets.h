/* SPDX-License-Identifier: MIT */
/*
 * targets.h - the files that processes run code from, and the targets in them: each file is examined once and attached once,
 * however many processes map it, and detached when the last of those is gone.
 *
 * A file is known by device and inode, so that a replaced file is a new one. What was found to be of no interest is remembered
 * too, until the recipes or the file change.
 */
#ifndef POOLSCOPE_PROBE_TARGETS_H
#define POOLSCOPE_PROBE_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "discover/recipes.h"
#include "model/snapshot.h"
#include "probe/kernel.h"
#include "probe/target.h"

struct targets;

int targets_new(struct kernel *k, struct targets **ret);
void targets_free(struct targets *t);

/*
 * From now on these recipes are in force; takes them over (and leaves *r empty). Targets of recipes that are gone or have changed
 * are detached; the others are not touched. New ones come into effect when files are offered again: the caller looks through the
 * processes.
 */
void targets_set_recipes(struct targets *t, struct recipes *r);

/*
 * Process `pid` maps the file that is open at `fd` (borrowed); `path` is for people. Attaches what is new about it. `scan` numbers
 * the look at the process, see targets_leave(). Returns 1 when the process now uses a target or is a JVM, 0 when the file is of no interest,
 * negative errno otherwise.
 */
int targets_offer(struct targets *t, int fd, const char *path, uint32_t pid, uint64_t scan);

/*
 * The process no longer uses the files that were offered before this scan; UINT64_MAX = it is gone and uses none. Files without
 * users are detached.
 */
void targets_leave(struct targets *t, uint32_t pid, uint64_t scan);

/* A process that maps a file. */
struct target_user {
	uint64_t scan;	/* that saw it last */
	uint32_t pid;
};

/*
 * Calls back with each target, and who maps its file; and for one with the functions that its recipe has learned, each in one process alone. The target may be stepped
 * down or up in the call, by the store that all are kept in.
 */
void targets_each(struct targets *t,
		  void (*call)(void *context, struct target *g, const struct target_user *users,
			       size_t n_users),
		  void *context);
void targets_each_learned(struct targets *t, const struct target *parent,
			  void (*call)(void *context, struct target *g), void *context);
struct target_store *targets_store(struct targets *t);

/* Keeps how closely a target is watched from now on. -ENOMEM: as before. */
int targets_set_watch(struct targets *t, struct target *g, const struct target_watch *w);

/* How closely the pools of that domain are watched in that process; 0 = the SDK's, by whichever of its files is watched least. */
struct target_watch targets_watch(const struct targets *t, uint32_t domain, uint32_t pid);

/* Attaches the functions that recipes have learned since the last call; cheap when there are none. */
void targets_learn(struct targets *t);
/* Forgets those of processes that are gone. */
void targets_sweep(struct targets *t);

/* Every probe that target `g` needs in that process is on, so what it counts is all there is. */
bool targets_is_complete(const struct targets *t, const struct target *g,
			 const struct ps_proc_key *proc);

/* The target that showed a pool first, by ps_pool.domain; NULL = it is gone. */
const struct target *targets_of_domain(const struct targets *t, uint32_t domain);

/* Calls back with each process that runs a JVM of whose stalls no probe tells: its file has none for them that are on. */
void targets_silent_jvms(const struct targets *t, void (*call)(void *context, uint32_t pid),
			 void *context);

/*
 * A file whose programs count in pages, and where the root of them lies in it. targets_page_files() calls back with each such file, targets_page_users() with
 * each of those that are known to run it: one that was forked by such a one is not.
 */
struct page_file {
	uint64_t device, inode;
	uint64_t root;
};
void targets_page_files(const struct targets *t,
			void (*call)(void *context, const struct page_file *file), void *context);
void targets_page_users(const struct targets *t,
			void (*call)(void *context, const struct page_file *file, uint32_t pid),
			void *context);
/* Pools of that file have got no page: from now on its spare points are watched, too. 0 or negative errno. */
int targets_watch_spare(struct targets *t, int fd, const char *path);

/* How often the probes hit that are no more. */
uint64_t targets_gone_hits(const struct targets *t);

size_t targets_n_attached(const struct targets *t);
size_t targets_n_failed(const struct targets *t);

/* One row per probe site, and one per file that failed, in `arena`. */
int targets_rows(const struct targets *t, struct arena *arena, const struct probe_row **ret,
		 size_t *ret_n);

/* One row per recipe, and one per file of recipes that could not be read. */
int targets_recipe_rows(const struct targets *t, struct arena *arena, const struct recipe_row **ret,
			size_t *ret_n);

#endif
