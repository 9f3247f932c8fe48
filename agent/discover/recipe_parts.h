/* SPDX-License-Identifier: MIT */
/*
 * recipe_parts.h - within recipe: what the parser (recipe.c), the checks of what was parsed (recipe_check.c) and the versions
 * (recipe_version.c) have from each other.
 */
#ifndef POOLSCOPE_DISCOVER_RECIPE_PARTS_H
#define POOLSCOPE_DISCOVER_RECIPE_PARTS_H

#include "discover/recipe.h"

#define RECIPE_NEWEST UINT64_MAX

struct recipe_verb {
	const char *name, *args;
	unsigned int n_args;
};
extern const struct recipe_verb recipe_verbs[PS_VERB_COUNT];

/* The name of a verb's argument i into ret; false = it has no such argument. */
bool recipe_verb_argument(enum ps_verb verb, unsigned int i, char ret[32]);

/* "1.16..1.22", "1.19", "1.21.."; false = it is none. */
bool recipe_parse_range(const char *text, struct recipe_range *ret);

/* Whether the whole makes sense: what each line alone cannot show. -EINVAL with line and reason. Notes what the recipe needs. */
int recipe_check(struct recipe *x, struct diag *d);

#endif
