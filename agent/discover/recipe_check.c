/* SPDX-License-Identifier: MIT */
/* recipe_check.c - see recipe_parts.h. */
#include "discover/recipe_parts.h"

#include <errno.h>
#include <string.h>

const struct recipe_verb recipe_verbs[PS_VERB_COUNT] = {
#define VERB(id, name, n_args, args, text) [id] = { #name, args, n_args },
#include "bpf/verbs.def"
};

bool recipe_verb_argument(enum ps_verb verb, unsigned int i, char ret[32])
{
	const char *at = recipe_verbs[verb].args;
	size_t n;

	while (at && *at) {
		n = strcspn(at, " ");
		if (!i--) {
			memcpy(ret, at, n < 31 ? n : 31);
			ret[n < 31 ? n : 31] = 0;
			return true;
		}
		at += n + (at[n] == ' ');
	}
	return false;
}

static int check_members(const struct recipe *x, const struct expr *e, struct diag *d)
{
	if (e->is_list && e->next.name[0] && !recipe_find_offset(x, e->next.name))
		return diag_set(d, -EINVAL, "there is no [offset %s]", e->next.name);
	for (unsigned int i = 0; i < e->n_members; i++)
		if (e->member[i].name[0] && !recipe_find_offset(x, e->member[i].name))
			return diag_set(d, -EINVAL, "there is no [offset %s]", e->member[i].name);
	return 0;
}

/* Every saved value that is read must be saved by some probe, every one that is handed over must be handed. */
static int check_saved(const struct recipe *x, const struct expr *e, struct recipe_probe *p,
		       struct diag *d)
{
	p->uses_saved |= e->base == EXPR_SAVED;
	p->uses_handed |= e->base == EXPR_HANDED;
	if (e->base != EXPR_SAVED && e->base != EXPR_HANDED)
		return 0;
	for (size_t i = 0; i < x->n_probes; i++)
		if (e->base == EXPR_HANDED ? x->probe[i].hand.base
					   : x->probe[i].save[e->index - 1].base)
			return 0;
	return e->base == EXPR_HANDED
		       ? diag_set(d, -EINVAL, "nothing is handed over by any probe")
		       : diag_set(d, -EINVAL, "saved%u is saved by no probe", e->index);
}

static int check_needed(struct recipe_probe *p, struct diag *d)
{
	static const char *const needed[] = { "pool", "item", "capacity", "cause" };
	char argument[32];

	if (!p->where)
		return diag_set(d, -EINVAL, "[probe %s] has no `at`", p->label);
	if (!p->verb && !p->save[0].base && !p->hand.base && !p->learn.base)
		return diag_set(d, -EINVAL,
				"[probe %s] has neither a verb nor save1, hand or learn", p->label);
	if (p->save[1].base && !p->save[0].base)
		return diag_set(d, -EINVAL, "[probe %s] has save2 without save1", p->label);
	for (unsigned int i = 0;
	     p->verb && i < PS_MAX_ARGS && recipe_verb_argument(p->verb, i, argument); i++)
		for (size_t k = 0; k < sizeof(needed) / sizeof(*needed); k++)
			if (!p->arg[i].base && !strcmp(argument, needed[k]) &&
			    !(p->verb == PS_VERB_pool_create && !strcmp(argument, "capacity")) &&
			    !(p->verb == PS_VERB_item_opened && !strcmp(argument, "item")))
				return diag_set(d, -EINVAL, "[probe %s]: the verb %s needs %s",
						p->label, recipe_verbs[p->verb].name, argument);
	return 0;
}

/* A task is named where it is handed over and where it is taken. */
static int check_task(const struct recipe *x, const struct recipe_probe *p, struct diag *d)
{
	if (!p->task.base && (p->hand.base || p->uses_handed))
		return diag_set(d, -EINVAL,
				"[probe %s] has no `task`: with which is it handed over?",
				p->label);
	if (p->where != RECIPE_AT_LEARNED)
		return 0;
	if (x->language == RECIPE_GO)
		return diag_set(d, -EINVAL, "functions are not learned in Go");
	for (size_t i = 0; i < x->n_probes; i++)
		if (x->probe[i].learn.base)
			return 0;
	return diag_set(d, -EINVAL, "no probe has `learn`");
}

/* One value of a probe. */
static int check_value(const struct recipe *x, const struct expr *e, struct recipe_probe *p,
		       struct diag *d)
{
	int error = check_members(x, e, d);

	return error ? error : check_saved(x, e, p, d);
}

static int check_probe(const struct recipe *x, struct recipe_probe *p, struct diag *d)
{
	int error = check_needed(p, d);

	for (int i = 0; i < PS_MAX_ARGS && !error; i++)
		error = check_value(x, &p->arg[i], p, d);
	for (int i = 0; i < PS_SPEC_SAVES && !error; i++)
		error = check_value(x, &p->save[i], p, d);
	for (unsigned int i = 0; i < p->n_conds && !error; i++)
		error = check_value(x, &p->cond[i].left, p, d);
	if (!error)
		error = check_value(x, &p->task, p, d);
	if (!error)
		error = check_value(x, &p->hand, p, d);
	if (!error)
		error = check_value(x, &p->learn, p, d);
	if (!error)
		error = check_task(x, p, d);
	if (error && d)
		d->line = p->line;
	return error;
}

/* Stalls are the process's own: a recipe that tells of nothing else has no pools. */
static bool has_pools(const struct recipe *x)
{
	bool is_other = false, is_stall = false;

	for (size_t i = 0; i < x->n_probes; i++) {
		enum ps_verb verb = x->probe[i].verb;

		if (verb == PS_VERB_stall_begin || verb == PS_VERB_stall_end)
			is_stall = true;
		else
			is_other |= verb != PS_VERB_none;
	}
	return is_other || !is_stall;
}

int recipe_check(struct recipe *x, struct diag *d)
{
	int error = 0;

	if (!x->library[0])
		return diag_set(d, -EINVAL, "[recipe] has no library");
	if (!x->kind && has_pools(x))
		return diag_set(d, -EINVAL, "[recipe] has no kind");
	if (!x->soname[0] && !x->path[0] && !x->build_id[0] && x->language != RECIPE_GO)
		return diag_set(
			d, -EINVAL,
			"[recipe] matches every file: it needs soname, path, build-id or language = go");
	if (x->language == RECIPE_GO && !x->requires[0] && !x->path[0] && !x->build_id[0])
		return diag_set(
			d, -EINVAL,
			"[recipe] matches every Go program: it needs requires, path or build-id");
	if (!x->n_probes)
		return diag_set(d, -EINVAL, "there is no [probe LABEL]");
	for (size_t i = 0; i < x->n_probes && !error; i++) {
		error = check_probe(x, &x->probe[i], d);
		x->tells_waits |= x->probe[i].verb == PS_VERB_wait_begin;
		x->tells_stalls |= x->probe[i].verb == PS_VERB_stall_begin;
	}
	for (int i = 0; i < RECIPE_FIELD_COUNT && !error; i++)
		error = check_members(x, &x->field[i], d);
	return error;
}
