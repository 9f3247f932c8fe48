/* SPDX-License-Identifier: MIT */
/*
 * recipe_fuzz.c - any bytes as a recipe: parsed or refused with a reason, never worse; and what was parsed can be asked for
 * everything that its users ask.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "discover/recipe.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int no_offset(void *context, const char *name, int64_t *ret, struct diag *d)
{
	(void)context;
	(void)name;
	(void)d;
	*ret = 8;
	return 0;
}

static void compile_all(const struct recipe *r)
{
	const struct expr_place place = { .machine = 62,
					  .is_go = r->language == RECIPE_GO,
					  .has_args = true,
					  .has_return = true,
					  .offset = no_offset };
	struct diag d = { 0 };
	struct ps_arg arg;

	for (size_t i = 0; i < r->n_probes; i++) {
		for (int k = 0; k < PS_MAX_ARGS; k++)
			if (r->probe[i].arg[k].base &&
			    !expr_compile(&r->probe[i].arg[k], &place, &arg, &d) &&
			    arg.n_derefs > PS_MAX_DEREFS)
				abort();
		if (!recipe_where_name(r->probe[i].where)[0] || r->probe[i].n_conds > PS_SPEC_CONDS)
			abort();
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct recipe *r = NULL;
	struct diag d = { 0 };
	int error = recipe_parse("fuzz", (const char *)data, size, &r, &d);

	if (error && !d.text[0])
		abort(); /* refused without a reason */
	if (error)
		return 0;
	compile_all(r);
	recipe_unref(r);
	return 0;
}
