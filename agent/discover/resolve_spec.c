/* SPDX-License-Identifier: MIT */
/*
 * resolve_spec.c - see resolve_parts.h: the expressions of a recipe at one place of one file, as the kernel side reads them. The
 * surprise: a place was chosen for its cost, so an argument may lie in another register there than at the entry, or in memory.
 */
#include "discover/resolve_parts.h"

#include <errno.h>
#include <string.h>

#include "discover/argspec.h"
#include "discover/members.h"

/* ---- names in expressions ---------------------------------------------------------------------------------------------- */

static bool range_holds(const struct resolving *r, const struct recipe_offset *o, unsigned int i)
{
	const char *id = o->range[i].build_id, *own = symbols_build_id(r->symbols);

	if (id[0])
		return own && !strncmp(own, id, strlen(id));
	return r->version && recipe_range_holds(&o->range[i].versions, r->version);
}

/* By the file's debug information, else by the table of builds and versions. */
int resolve_offset_of(struct resolving *r, const char *name, int64_t *ret, struct diag *d)
{
	const struct recipe_offset *o = recipe_find_offset(r->recipe, name);
	struct diag why = { 0 };

	if (!o)
		return diag_set(d, -ENOENT, "there is no [offset %s]", name);
	if (o->type[0] && (!members_find(r->fd, o->type, o->member, ret, &why) ||
			   !members_find(symbols_debug_fd(r->symbols), o->type, o->member, ret,
					 &(struct diag){ 0 })))
		return 0;
	for (unsigned int i = 0; i < o->n_ranges; i++) {
		if (!range_holds(r, o, i))
			continue;
		*ret = o->range[i].value;
		return 0;
	}
	return diag_set(d, -ENOENT, "the offset %s is not known for this file%s%s", name,
			why.text[0] ? ": " : "", why.text);
}

/* Where a probe is, for questions about it. */
struct spilling {
	const struct code *code;
	uint64_t vaddr;
	bool is_return;
};

/* expr_compile has one context for both questions */
struct asking {
	struct resolving *resolving;
	struct spilling spilling;
};

static int ask_offset(void *context, const char *name, int64_t *ret, struct diag *d)
{
	return resolve_offset_of(((struct asking *)context)->resolving, name, ret, d);
}

static int ask_spill(void *context, unsigned int reg, int64_t *ret)
{
	const struct spilling *s = &((struct asking *)context)->spilling;
	int64_t depth, displacement;

	if (!s->code)
		return -ENOENT;
	depth = code_stack_depth(s->code, s->vaddr);
	if (depth < 0 || code_spill_slot(s->code, reg, s->vaddr, &displacement))
		return -ENOENT;
	*ret = depth + displacement;
	return 0;
}

static int ask_variable(void *context, const char *name, int64_t *ret, struct diag *d)
{
	const struct asking *asking = context;
	uint64_t vaddr;

	if (asking->spilling.is_return)
		return diag_set(d, -EINVAL,
				"variables are not found at a return: save &%s at the entry", name);
	if (symbols_find_object(asking->resolving->symbols, name, &vaddr))
		return diag_set(d, -ENOENT, "the file has no variable %s", name);
	*ret = (int64_t)(vaddr - asking->spilling.vaddr);
	return 0;
}

/* ---- specs ------------------------------------------------------------------------------------------------------------- */

/* An argument of a USDT point, and what the recipe reads from there. */
static int compile_note_argument(const struct expr *e, const struct expr_place *place,
				 const struct ps_arg *arg, unsigned int n, struct ps_arg *ret,
				 struct diag *d)
{
	struct expr rest = *e;
	struct ps_arg tail;
	int error;

	if (e->index > n)
		return diag_set(d, -EINVAL, "the point has %u arguments", n);
	*ret = arg[e->index - 1];
	if (!e->n_members && !e->number && e->size < ret->size) {
		ret->size = e->size; /* the low bytes: little endian */
		ret->is_signed = e->is_signed;
	}
	if (!e->n_members && !e->number)
		return 0;
	if (ret->kind == PS_ARG_CONST || ret->size != 8 || e->number)
		return diag_set(d, -EINVAL, "arg%u of the point is no address", e->index);
	rest.base = EXPR_NUMBER; /* for the members alone */
	error = expr_compile(&rest, place, &tail, d);
	if (error)
		return error;
	memcpy(ret->deref, tail.deref, sizeof(ret->deref));
	ret->n_derefs = tail.n_derefs;
	ret->size = e->size;
	ret->is_signed = e->is_signed;
	return 0;
}

struct compiling {
	struct expr_place place;
	const struct code_value *values;
	struct asking asking;
	struct ps_arg note_arg[PS_MAX_ARGS];
	unsigned int n_note_args;
	bool is_note;
};

static bool find_object(void *context, const char *name, uint64_t *ret)
{
	return !symbols_find_object(context, name, ret);
}

static int compile_begin(struct resolving *r, const struct spot *spot, struct compiling *c)
{
	const struct argspec_symbols objects = { find_object, r->symbols };

	memset(c, 0, sizeof(*c));
	c->asking.resolving = r;
	c->asking.spilling = (struct spilling){ spot->code, spot->vaddr, spot->is_return };
	c->place = (struct expr_place){
		.machine = r->machine,
		.is_go = r->is_go,
		.has_args = spot->has_args,
		.has_return = spot->has_return,
		.is_call = spot->is_call,
		.offset = ask_offset,
		.spill = ask_spill,
		.variable = ask_variable,
		.context = &c->asking,
	};
	c->values = spot->values;
	c->is_note = spot->note;
	if (!spot->note)
		return 0;
	return argspec_parse(spot->note->args, r->machine, &objects, spot->note->pc_vaddr,
			     c->note_arg, &c->n_note_args, &r->d);
}

/* A register whose value has gone elsewhere by the time the probe fires. */
static int move_value(struct resolving *r, const struct code_value *values, struct ps_arg *arg)
{
	const struct code_value *v;

	if (arg->kind != PS_ARG_REG || arg->reg >= CODE_REGISTERS || arg->reg == CODE_RIP)
		return 0;
	v = &values[arg->reg];
	if (v->reg == CODE_NO_REGISTER)
		return 0;
	arg->reg = v->reg;
	if (!v->is_memory)
		return 0;
	if (arg->offset)
		return diag_set(&r->d, -EINVAL,
				"nothing can be added to a value that is in memory here");
	arg->kind = PS_ARG_MEM;
	arg->offset = v->displacement;
	return 0;
}

static int compile_one(struct resolving *r, struct compiling *c, const struct expr *e,
		       struct ps_arg *ret)
{
	int error;

	if (c->is_note && e->base == EXPR_ARG)
		return compile_note_argument(e, &c->place, c->note_arg, c->n_note_args, ret, &r->d);
	error = expr_compile(e, &c->place, ret, &r->d);
	return error || !c->values ? error : move_value(r, c->values, ret);
}

static unsigned int verb_n_args(enum ps_verb verb)
{
	static const unsigned int n[PS_VERB_COUNT] = {
#define VERB(id, name, n_args, args, text) [id] = n_args,
#include "bpf/verbs.def"
	};

	return n[verb];
}

/* What an argument is that the recipe leaves out: in Go the waiter is the goroutine, a new pool's kind is the recipe's, else 0. */
static struct expr default_argument(const struct resolving *r, enum ps_verb verb, unsigned int i)
{
	struct expr e = { .base = EXPR_NUMBER, .size = 8 };
	bool is_waiter = (i == 1 && (verb == PS_VERB_wait_begin || verb == PS_VERB_wait_end)) ||
			 (i == 2 && verb == PS_VERB_acquired);

	if (is_waiter && r->is_go)
		e.base = EXPR_GOROUTINE;
	if (i == 1 && verb == PS_VERB_pool_create)
		e.number = r->recipe->kind;
	return e;
}

/* The same for all probes of one function of a recipe, and hardly ever for two. FNV-1a, 32 bits. */
static uint32_t function_number(const struct recipe_probe *p)
{
	const char *name = p->where == RECIPE_AT_LEARNED ? "learned" : p->function;
	uint32_t h = 2166136261u;

	if (p->where == RECIPE_AT_USDT || p->where == RECIPE_AT_CALL)
		return 0;
	while (*name)
		h = (h ^ (unsigned char)*name++) * 16777619u;
	return h ? h : 1;
}

/* What goes from thread to thread. */
static int compile_task(struct resolving *r, struct compiling *c, const struct recipe_probe *p,
			struct ps_spec *spec)
{
	int error = p->task.base ? compile_one(r, c, &p->task, &spec->task) : 0;

	if (!error && p->hand.base) {
		spec->flags |= PS_SPEC_HANDS;
		error = compile_one(r, c, &p->hand, &spec->hand);
	}
	if (!error && p->learn.base) {
		spec->flags |= PS_SPEC_LEARNS;
		error = compile_one(r, c, &p->learn, &spec->learn);
	}
	if (p->uses_handed)
		spec->flags |= PS_SPEC_TAKES;
	return error;
}

bool probe_ends_call(const struct recipe_probe *p)
{
	return p->where == RECIPE_AT_RETURN || p->where == RECIPE_AT_RETS ||
	       (p->where == RECIPE_AT_LEARNED && !strcmp(p->function, "return"));
}

static bool is_zero(const struct ps_arg *a)
{
	return a->kind == PS_ARG_CONST && !a->value;
}

/* Of two arguments that read the same place: 8 bytes of the first are what the second begins with. */
static bool begins_with(const struct ps_arg *a, const struct ps_arg *first)
{
	return (a->kind == PS_ARG_REG || a->kind == PS_ARG_MEM) && a->kind == first->kind &&
	       a->reg == first->reg && a->index_reg == first->index_reg &&
	       a->scale == first->scale && a->offset == first->offset && first->size == 8 &&
	       !first->n_derefs && (a->n_derefs || a->size == 8);
}

/* What a condition has read need not be read again: on the hot path each read of the target's memory is a tenth of our time. */
static void share_first(struct ps_spec *spec)
{
	struct ps_arg *each[PS_MAX_ARGS + PS_SPEC_SAVES];
	size_t n = 0;

	for (unsigned int i = 0; i < spec->n_args; i++)
		each[n++] = &spec->arg[i];
	for (unsigned int i = 0; i < spec->n_saves; i++)
		each[n++] = &spec->save[i];
	for (size_t i = 0; i < n && spec->n_conds; i++)
		if (begins_with(each[i], &spec->cond[0].arg))
			each[i]->kind = PS_ARG_ASKED;
}

static int compile_spec(struct resolving *r, const struct recipe_probe *p, const struct spot *spot,
			struct ps_spec *spec)
{
	const struct expr caller = { .base = r->is_go ? EXPR_GOROUTINE : EXPR_THREAD, .size = 8 };
	struct compiling c;
	int error = compile_begin(r, spot, &c);

	memset(spec, 0, sizeof(*spec));
	spec->verb = p->verb;
	spec->kind = r->recipe->kind;
	spec->n_args = p->verb ? verb_n_args(p->verb) : 0;
	spec->n_conds = p->n_conds;
	spec->flags = PS_SPEC_RELAXED;
	for (unsigned int i = 0; i < spec->n_args && !error; i++) {
		struct expr fallback = default_argument(r, p->verb, i);

		error = compile_one(r, &c, p->arg[i].base ? &p->arg[i] : &fallback, &spec->arg[i]);
	}
	while (spec->n_args > 1 && is_zero(&spec->arg[spec->n_args - 1]))
		spec->n_args--; /* the kernel side begins with zeros */
	for (unsigned int i = 0; i < PS_SPEC_SAVES && !error && p->save[i].base; i++) {
		error = compile_one(r, &c, &p->save[i], &spec->save[i]);
		spec->n_saves++;
	}
	for (unsigned int i = 0; i < p->n_conds && !error; i++) {
		spec->cond[i].compare = p->cond[i].compare;
		spec->cond[i].value = p->cond[i].right;
		error = compile_one(r, &c, &p->cond[i].left, &spec->cond[i].arg);
	}
	if (!error)
		error = compile_task(r, &c, p, spec);
	if (error || (!spec->n_saves && !p->uses_saved))
		return error;
	spec->flags |= PS_SPEC_CALL;
	spec->function = function_number(p);
	if (probe_ends_call(p))
		spec->flags |= PS_SPEC_CALL_ENDS;
	if (p->where == RECIPE_AT_RETS)
		spec->flags |= PS_SPEC_BEFORE_RET;
	return compile_one(r, &c, &caller, &spec->context);
}

int resolve_spec(struct resolving *r, const struct recipe_probe *p, const struct spot *spot,
		 struct ps_spec *spec)
{
	int error = compile_spec(r, p, spot, spec);

	if (!error)
		share_first(spec);
	return error;
}

/* ---- chains ------------------------------------------------------------------------------------------------------------ */

static bool excludes(const struct ps_cond *a, const struct ps_cond *b)
{
	if (memcmp(&a->arg, &b->arg, sizeof(a->arg)) != 0)
		return false;
	if (a->compare == PS_COMPARE_EQ && b->compare == PS_COMPARE_EQ)
		return a->value != b->value;
	return a->value == b->value &&
	       ((a->compare == PS_COMPARE_EQ && b->compare == PS_COMPARE_NE) ||
		(a->compare == PS_COMPARE_NE && b->compare == PS_COMPARE_EQ) ||
		(a->compare == PS_COMPARE_LT && b->compare == PS_COMPARE_GE) ||
		(a->compare == PS_COMPARE_GE && b->compare == PS_COMPARE_LT) ||
		(a->compare == PS_COMPARE_LE && b->compare == PS_COMPARE_GT) ||
		(a->compare == PS_COMPARE_GT && b->compare == PS_COMPARE_LE));
}

static bool specs_exclude(const struct ps_spec *a, const struct ps_spec *b)
{
	for (unsigned int i = 0; i < a->n_conds; i++)
		for (unsigned int k = 0; k < b->n_conds; k++)
			if (excludes(&a->cond[i], &b->cond[k]))
				return true;
	return false;
}

/* A spec after which none of its chain can run is told so; what it saves may make the difference, so then it is not. */
void resolve_mark_last(struct recipe_plan *plan)
{
	for (size_t i = 0; i < plan->n; i++) {
		struct recipe_site *s = &plan->site[i];
		bool is_last = s->next && !s->spec.n_saves;

		for (size_t k = s->next; k && is_last; k = plan->site[k].next)
			is_last = specs_exclude(&s->spec, &plan->site[k].spec);
		if (is_last)
			s->spec.flags |= PS_SPEC_LAST;
	}
}
