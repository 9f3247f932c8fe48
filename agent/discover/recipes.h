/* SPDX-License-Identifier: MIT */
/*
 * recipes.h - all recipes that are in force: every *.recipe file of the folders, later folders over earlier ones by the file's
 * name, so that /etc can replace or (by an empty file) switch off what /usr/share ships.
 */
#ifndef POOLSCOPE_DISCOVER_RECIPES_H
#define POOLSCOPE_DISCOVER_RECIPES_H

#include <stddef.h>

#include "discover/recipe.h"

#define RECIPES_MAX 1024

/* A file that could not be used. */
struct recipes_problem {
	struct diag d;
};

struct recipes {
	struct recipe **list;	/* owned references, in the order of their names */
	size_t n;
	struct recipes_problem *problem;	/* owned */
	size_t n_problems;
	bool is_fields_only;	/* for its user: leave out hot probes where there are fields */
};

/* The folders that are read unless others are named, separated by colons; those of the source tree when built and run there. */
const char *recipes_default_folders(void);

/*
 * Reads the folders ("A:B"). A folder that is missing is no mistake; a file that is wrong is a problem and leaves the rest alone.
 * -ENOMEM. recipes_done() is safe in every case.
 */
int recipes_read(const char *folders, struct recipes *ret);
void recipes_done(struct recipes *r);

/*
 * Switches on recipes that say `enabled = no`: names, separated by spaces or commas, NULL = none. One that is not there is a problem.
 * Only for recipes that nobody has used yet. -ENOMEM.
 */
int recipes_enable(struct recipes *r, const char *names);

/* NULL = none of this name and text that is enabled. */
struct recipe *recipes_find(const struct recipes *r, const char *name, uint64_t hash);

#endif
