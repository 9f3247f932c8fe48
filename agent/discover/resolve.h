/* SPDX-License-Identifier: MIT */
/*
 * resolve.h - a recipe and a file put together: does it match, at which addresses do its probes go, and what does the kernel side
 * read there. The address is chosen, not taken: an instruction that the kernel emulates where there is one, since a single step
 * costs about twenty times as much (discover/code.h).
 */
#ifndef POOLSCOPE_DISCOVER_RESOLVE_H
#define POOLSCOPE_DISCOVER_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/diag.h"
#include "bpf/abi.h"
#include "discover/recipe.h"
#include "discover/symbols.h"

/* One place of one probe. Several probes may have the same place: they are chained, and only the first is attached. */
struct recipe_site {
	const struct recipe_probe *probe;
	uint64_t offset;	/* in the file */
	uint64_t semaphore;	/* in the file; 0 = none */
	bool is_return;	/* a return probe on the function that begins there */
	bool is_dear;	/* single-stepped */
	bool is_chained;	/* another site's `next` leads here */
	size_t next;	/* 0 = the last of its chain; else the index of the next */
	struct ps_spec spec;	/* without target, next, domain and slot, which are its user's */
	char problem[200];	/* not empty: it cannot be attached */
};

/*
 * A member of the pool's struct: `*(*(pool + step[0]) + step[1]) ...`; of a list the sum of the last member over all elements, each
 * of which has the address of the next one at `next`.
 */
struct recipe_field_plan {
	unsigned int n_steps;	/* 0 = the recipe or the file does not have it */
	int64_t step[PS_MAX_DEREFS];
	int64_t next;
	uint8_t size;
	bool is_signed, is_list;
};

struct recipe_plan {
	struct recipe_site *site;	/* owned */
	size_t n;
	struct recipe_field_plan field[RECIPE_FIELD_COUNT];
	char field_problem[200];	/* not empty: why the fields are not read */
	bool is_light;	/* probes of what happens often were left out: only the fields tell */
};

/* Whether the recipe is for the file. `path` is how people know it; only its text is used. */
bool recipe_matches(const struct recipe *r, const char *path, struct symbols *s);

/*
 * The recipe's probes in the file open at fd (borrowed), but those at learned functions. Points into the recipe, which must live as long. -ENOMEM; what cannot be
 * resolved is a site with a problem. is_light: without the probes of what happens often, if the recipe has fields.
 */
int recipe_resolve(const struct recipe *r, int fd, struct symbols *s, bool is_light,
		   struct recipe_plan *ret);
void recipe_plan_done(struct recipe_plan *p);

/*
 * Those at learned functions, for one that begins at this place in this file; the fields are not in the plan. -ERANGE: that is no
 * code.
 */
int recipe_resolve_learned(const struct recipe *r, int fd, struct symbols *s, uint64_t offset,
			   struct recipe_plan *ret);

#endif
