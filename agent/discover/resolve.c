/* SPDX-License-Identifier: MIT */
/*
 * resolve.c - see resolve.h. The surprise: the return of a Go function is found in its callers, after each direct call of it. A
 * return probe would change the return address on a stack that Go moves (it kills the process), and a RET instruction is dear.
 */
#include "discover/resolve_parts.h"

#include <elf.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

#define SITES_MAX 4096
#define FUNCTION_MAX (256u << 10)
#define SEGMENT_MAX (512ull << 20)
#define CALLERS_MAX 1024
#define NOTES_MAX 4096

/* The code of one function, copied. */
struct function {
	struct symbol symbol;
	uint8_t *bytes; /* owned */
	struct code code;
};

static void cleanup_function(struct function *f)
{
	free(f->bytes);
}

/* ---- matching ---------------------------------------------------------------------------------------------------------- */

static bool matches_soname(const char *pattern, const char *path, struct symbols *s)
{
	const char *base = strrchr(path, '/');
	const char *soname = symbols_soname(s);

	return (soname && !fnmatch(pattern, soname, 0)) ||
	       (!soname && !fnmatch(pattern, base ? base + 1 : path, 0));
}

bool recipe_matches(const struct recipe *r, const char *path, struct symbols *s)
{
	const char *build_id = symbols_build_id(s);
	struct symbol found;
	struct diag d = { 0 };

	if ((r->language == RECIPE_GO) != symbols_is_go(s))
		return false;
	if (r->soname[0] && !matches_soname(r->soname, path, s))
		return false;
	if (r->path[0] && fnmatch(r->path, path, 0))
		return false;
	if (r->build_id[0] &&
	    (!build_id || strncmp(build_id, r->build_id, strlen(r->build_id)) != 0))
		return false;
	if (r->language == RECIPE_GO && symbols_go_version(s) &&
	    !recipe_range_holds(&r->versions, recipe_version(symbols_go_version(s))))
		return false;
	if (r->without[0] && !symbols_find(s, r->without, &found, &d))
		return false;
	return !r->requires[0] || !symbols_find(s, r->requires, &found, &d);
}

/* ---- sites ------------------------------------------------------------------------------------------------------------- */

static struct recipe_site *site_new(struct resolving *r, const struct recipe_probe *p)
{
	struct recipe_plan *plan = r->plan;
	struct recipe_site *more;

	if (plan->n == SITES_MAX)
		return NULL;
	if (plan->n == r->room) {
		r->room = r->room ? 2 * r->room : 32;
		more = realloc(plan->site, r->room * sizeof(*more));
		if (!more)
			return NULL;
		plan->site = more;
	}
	more = &plan->site[plan->n++];
	memset(more, 0, sizeof(*more));
	more->probe = p;
	return more;
}

static int site_refuse(struct resolving *r, const struct recipe_probe *p, const char *why)
{
	struct recipe_site *site = site_new(r, p);

	if (!site)
		return -ENOMEM;
	snprintf(site->problem, sizeof(site->problem), "%.199s", why);
	return 0;
}

/* The end of the chain that begins at the same place, NULL = nothing is there yet. */
static struct recipe_site *chain_end(struct resolving *r, uint64_t offset, bool is_return,
				     size_t *ret_length)
{
	struct recipe_plan *plan = r->plan;

	for (size_t i = 0; i < plan->n; i++) {
		struct recipe_site *s = &plan->site[i];

		if (s->problem[0] || s->is_chained || s->offset != offset ||
		    s->is_return != is_return)
			continue;
		for (*ret_length = 1; s->next; ++*ret_length)
			s = &plan->site[s->next];
		if (*ret_length < PS_SPEC_CHAIN)
			return s;
	}
	return NULL;
}

static bool is_hot(enum ps_verb verb)
{
	switch (verb) {
	case PS_VERB_none:
	case PS_VERB_pool_create:
	case PS_VERB_pool_resize:
	case PS_VERB_pool_destroy:
	case PS_VERB_item_opened:
	case PS_VERB_item_closed:
		return false;
	default:
		return true;
	}
}

static int site_add(struct resolving *r, const struct recipe_probe *p, const struct spot *spot,
		    uint64_t offset, uint64_t semaphore)
{
	struct recipe_site *before, *site;
	struct ps_spec spec;
	size_t length, at;

	if (spot->is_dear && (is_hot(p->verb) || !p->verb) && !p->is_dear_allowed)
		return site_refuse(
			r, p,
			"there is no instruction that the kernel emulates, a single step would "
			"cost each call about 10 us: `dear = yes` attaches it all the same");
	if (resolve_spec(r, p, spot, &spec))
		return site_refuse(r, p, r->d.text);
	site = site_new(r, p);
	if (!site)
		return -ENOMEM;
	at = r->plan->n - 1;
	before = chain_end(r, offset, spot->is_return, &length);
	site->spec = spec;
	site->offset = offset;
	site->semaphore = semaphore;
	site->is_return = spot->is_return;
	site->is_dear = spot->is_dear;
	if (before && before != site) {
		before->next = at;
		site->is_chained = true;
	}
	return 0;
}

static int site_at(struct resolving *r, const struct recipe_probe *p, const struct symbol *symbol,
		   const struct spot *spot)
{
	return site_add(r, p, spot, symbol->offset + (spot->vaddr - symbol->vaddr), 0);
}

/* ---- functions --------------------------------------------------------------------------------------------------------- */

static int function_load(struct resolving *r, const struct symbol *symbol, struct function *ret)
{
	size_t size = symbol->size && symbol->size < FUNCTION_MAX ? symbol->size
		      : symbol->size                              ? FUNCTION_MAX
								  : 256;

	memset(ret, 0, sizeof(*ret));
	ret->symbol = *symbol;
	ret->bytes = malloc(size);
	if (!ret->bytes)
		return -ENOMEM;
	while (symbols_read_code(r->symbols, symbol->vaddr, ret->bytes, size)) {
		size /= 2; /* without a size it may lie at the end of its segment */
		if (symbol->size || size < 16)
			return diag_set(&r->d, -EBADMSG, "its code lies outside the file");
	}
	ret->code = (struct code){
		.machine = r->machine, .vaddr = symbol->vaddr, .bytes = ret->bytes, .size = size
	};
	return 0;
}

static int function_find(struct resolving *r, const char *name, struct function *ret)
{
	struct symbol symbol;
	int error;

	memset(ret, 0, sizeof(*ret));
	error = symbols_find(r->symbols, name, &symbol, &r->d);
	if (error && !r->d.text[0])
		diag_set(&r->d, error, "the file has no function %.120s", name);
	return error ? error : function_load(r, &symbol, ret);
}

static uint32_t register_bit(const struct resolving *r, const struct expr *e)
{
	unsigned int reg = PS_REG_NONE;

	if (e->base == EXPR_ARG)
		reg = expr_arg_register(r->machine, r->is_go, e->index);
	else if (e->base == EXPR_PASSED)
		reg = expr_arg_register(r->machine, r->is_go, e->index);
	else if (e->base == EXPR_RETURN)
		reg = expr_return_register(r->machine, r->is_go, e->index);
	else if (e->base == EXPR_REGISTER)
		reg = e->index;
	return reg < 32 ? 1u << reg : 0;
}

/* The registers that a probe reads. */
static uint32_t needed_registers(const struct resolving *r, const struct recipe_probe *p)
{
	uint32_t mask = r->is_go && r->machine == EM_X86_64 ? 1u << 1 : 0; /* g, which names the caller */

	for (int i = 0; i < PS_MAX_ARGS; i++)
		mask |= register_bit(r, &p->arg[i]);
	for (int i = 0; i < PS_SPEC_SAVES; i++)
		mask |= register_bit(r, &p->save[i]);
	for (unsigned int i = 0; i < p->n_conds; i++)
		mask |= register_bit(r, &p->cond[i].left);
	return mask | register_bit(r, &p->task) | register_bit(r, &p->hand) |
	       register_bit(r, &p->learn);
}

static int resolve_entry_of(struct resolving *r, const struct recipe_probe *p,
			    const struct function *f)
{
	struct code_value values[CODE_REGISTERS];
	struct code_site at;
	struct spot spot = { .has_args = true, .values = values };

	if (code_entry_site(&f->code, needed_registers(r, p), &at, values))
		return site_refuse(r, p, "its code cannot be decoded");
	spot.vaddr = at.vaddr;
	spot.is_dear = at.cost != CODE_EMULATED;
	return site_at(r, p, &f->symbol, &spot);
}

static int resolve_return_of(struct resolving *r, const struct recipe_probe *p,
			     const struct function *f)
{
	struct spot spot = { .is_return = true, .has_return = true };

	spot.vaddr = f->symbol.vaddr;
	spot.is_dear = code_cost_at(&f->code, f->symbol.vaddr) != CODE_EMULATED;
	return site_at(r, p, &f->symbol, &spot);
}

static int resolve_entry(struct resolving *r, const struct recipe_probe *p)
{
	CLEANUP(cleanup_function) struct function f;

	if (function_find(r, p->function, &f))
		return site_refuse(r, p, r->d.text);
	return resolve_entry_of(r, p, &f);
}

static int resolve_c_return(struct resolving *r, const struct recipe_probe *p)
{
	CLEANUP(cleanup_function) struct function f;

	if (function_find(r, p->function, &f))
		return site_refuse(r, p, r->d.text);
	return resolve_return_of(r, p, &f);
}

static int resolve_rets(struct resolving *r, const struct recipe_probe *p)
{
	CLEANUP(cleanup_function) struct function f;
	struct code_site sites[64];
	bool has_other_exits;
	size_t n = 0;
	int error = 0;

	if (function_find(r, p->function, &f))
		return site_refuse(r, p, r->d.text);
	if (code_ret_sites(&f.code, sites, 64, &n, &has_other_exits) || !n)
		return site_refuse(r, p, "no RET instruction was found in it");
	if (has_other_exits)
		error = site_refuse(
			r, p, "it is also left by a jump, so some of its returns are not seen");
	for (size_t i = 0; i < n && !error; i++) {
		struct spot spot = { .vaddr = sites[i].vaddr,
				     .is_dear = sites[i].cost != CODE_EMULATED,
				     .has_return = true };

		error = site_at(r, p, &f.symbol, &spot);
	}
	return error;
}

static int resolve_offset(struct resolving *r, const struct recipe_probe *p)
{
	CLEANUP(cleanup_function) struct function f;
	struct spot spot = { .has_args = p->distance == 0 };
	enum code_cost cost;

	if (function_find(r, p->function, &f))
		return site_refuse(r, p, r->d.text);
	if ((uint64_t)p->distance >= f.code.size)
		return site_refuse(r, p, "the offset lies behind the end of the function");
	spot.vaddr = f.symbol.vaddr + (uint64_t)p->distance;
	cost = code_cost_at(&f.code, spot.vaddr);
	if (cost == CODE_REFUSED || !code_is_boundary(&f.code, spot.vaddr))
		return site_refuse(r, p,
				   "no instruction that can take a probe begins at that offset");
	spot.is_dear = cost != CODE_EMULATED;
	spot.code = &f.code;
	return site_at(r, p, &f.symbol, &spot);
}

static int resolve_call(struct resolving *r, const struct recipe_probe *p)
{
	CLEANUP(cleanup_function) struct function f;
	struct symbol target;
	struct code_site sites[64];
	size_t n = 0;
	int error = 0;

	if (function_find(r, p->function, &f))
		return site_refuse(r, p, r->d.text);
	if (symbols_find(r->symbols, p->other, &target, &r->d))
		return site_refuse(r, p, r->d.text[0] ? r->d.text : "the file has no such callee");
	if (code_call_sites(&f.code, target.vaddr, sites, 64, &n) || !n)
		return site_refuse(r, p, "the function does not call it directly");
	for (size_t i = 0; i < n && !error; i++) {
		struct spot spot = { .vaddr = sites[i].vaddr,
				     .is_dear = sites[i].cost != CODE_EMULATED,
				     .is_call = true,
				     .code = &f.code };

		error = site_at(r, p, &f.symbol, &spot);
	}
	return error;
}

/* ---- the return of a Go function: after each call of it ---------------------------------------------------------------- */

static int resolve_after_call(struct resolving *r, const struct recipe_probe *p, uint64_t call)
{
	CLEANUP(cleanup_function) struct function f = { 0 };
	struct symbol caller;
	struct code_value values[CODE_REGISTERS];
	struct code_site at;
	struct spot spot = { .has_return = true, .values = values };
	const char *name;

	if (symbols_at(r->symbols, call, &caller, &name))
		return 0; /* bytes that look like a call, in no function */
	if (function_load(r, &caller, &f))
		return site_refuse(r, p, r->d.text);
	if (code_after_call_site(&f.code, call, needed_registers(r, p), &at, values))
		return 0; /* no instruction begins there: not a call */
	spot.vaddr = at.vaddr;
	spot.is_dear = at.cost != CODE_EMULATED;
	return site_at(r, p, &caller, &spot);
}

static int scan_segment(struct resolving *r, uint64_t vaddr, uint64_t size, uint64_t target,
			uint64_t *calls, size_t *n)
{
	AUTO_FREE uint8_t *text = size && size <= SEGMENT_MAX ? malloc(size) : NULL;
	size_t found = 0;

	if (!text)
		return size > SEGMENT_MAX ? 0 : -ENOMEM;
	if (symbols_read_code(r->symbols, vaddr, text, size))
		return 0;
	code_scan_calls(text, size, vaddr, target, calls + *n, CALLERS_MAX - *n, &found);
	*n += found;
	return 0;
}

static int resolve_go_return(struct resolving *r, const struct recipe_probe *p)
{
	AUTO_FREE uint64_t *calls = calloc(CALLERS_MAX, sizeof(*calls));
	struct symbol target;
	size_t n = 0, before = r->plan->n;
	int error = 0;

	if (!calls)
		return -ENOMEM;
	if (symbols_find(r->symbols, p->function, &target, &r->d))
		return site_refuse(r, p,
				   r->d.text[0] ? r->d.text : "the file has no such function");
	for (size_t i = 0; i < symbols_n_segments(r->symbols) && !error; i++) {
		uint64_t vaddr, size;

		symbols_segment(r->symbols, i, &vaddr, &size);
		error = scan_segment(r, vaddr, size, target.vaddr, calls, &n);
	}
	for (size_t i = 0; i < n && !error; i++)
		error = resolve_after_call(r, p, calls[i]);
	if (!error && r->plan->n == before)
		return site_refuse(r, p, "no direct call of it was found (is it inlined?)");
	return error;
}

/* ---- USDT -------------------------------------------------------------------------------------------------------------- */

static int resolve_usdt(struct resolving *r, const struct recipe_probe *p)
{
	CLEANUP(notes_done) struct notes notes = { 0 };
	bool is_found = false;
	int error = 0;

	if (notes_read(r->fd, p->function, NOTES_MAX, &notes, &r->d))
		return site_refuse(r, p, r->d.text);
	for (size_t i = 0; i < notes.n && !error; i++) {
		const struct note *note = &notes.list[i];
		struct spot spot = { .vaddr = note->pc_vaddr, .has_args = true, .note = note };

		if (strcmp(note->name, p->other) != 0)
			continue;
		is_found = true;
		error = site_add(r, p, &spot, note->pc_offset, note->semaphore_offset);
	}
	return error || is_found ? error : site_refuse(r, p, "the file has no such point");
}

/* ---- the whole --------------------------------------------------------------------------------------------------------- */

/* The linker of Go leaves out what nobody calls. */
static bool is_left_out(struct resolving *r, const struct recipe_probe *p)
{
	struct symbol unused;

	return p->is_optional && p->where != RECIPE_AT_USDT && p->where != RECIPE_AT_LEARNED &&
	       symbols_find(r->symbols, p->function, &unused, &r->d) == -ENOENT;
}

static int resolve_probe(struct resolving *r, const struct recipe_probe *p)
{
	r->d.text[0] = 0;
	if (is_left_out(r, p))
		return 0;
	r->d.text[0] = 0;
	switch (p->where) {
	case RECIPE_AT_ENTRY:
		return resolve_entry(r, p);
	case RECIPE_AT_RETURN:
		return r->is_go ? resolve_go_return(r, p) : resolve_c_return(r, p);
	case RECIPE_AT_RETS:
		return resolve_rets(r, p);
	case RECIPE_AT_OFFSET:
		return resolve_offset(r, p);
	case RECIPE_AT_CALL:
		return resolve_call(r, p);
	case RECIPE_AT_USDT:
		return resolve_usdt(r, p);
	case RECIPE_AT_LEARNED: /* recipe_resolve_learned() */
		return 0;
	case RECIPE_AT_NONE:
		break;
	}
	return site_refuse(r, p, "it says nowhere where");
}

static int resolve_field(struct resolving *r, const struct expr *e, struct recipe_field_plan *ret)
{
	for (unsigned int i = 0; i < e->n_members; i++) {
		ret->step[i] = e->member[i].number;
		if (e->member[i].name[0] &&
		    resolve_offset_of(r, e->member[i].name, &ret->step[i], &r->d))
			return -ENOENT;
	}
	if (e->is_list) {
		ret->is_list = true;
		ret->next = e->next.number;
		if (e->next.name[0] && resolve_offset_of(r, e->next.name, &ret->next, &r->d))
			return -ENOENT;
	}
	ret->n_steps = e->n_members;
	ret->size = e->size;
	ret->is_signed = e->is_signed;
	return 0;
}

static void resolve_fields(struct resolving *r)
{
	r->d.text[0] = 0;
	for (int i = 0; i < RECIPE_FIELD_COUNT; i++) {
		if (!r->recipe->field[i].base ||
		    !resolve_field(r, &r->recipe->field[i], &r->plan->field[i]))
			continue;
		memset(&r->plan->field[i], 0, sizeof(r->plan->field[i]));
		snprintf(r->plan->field_problem, sizeof(r->plan->field_problem), "field %s: %.150s",
			 recipe_field_name((enum recipe_field)i), r->d.text);
	}
}

/* Whether the fields are enough without counting. */
static bool tells_use(const struct recipe *r)
{
	return r->field[RECIPE_FIELD_IN_USE].base || r->field[RECIPE_FIELD_OPEN].base;
}

static void resolving_begin(struct resolving *r, const struct recipe *recipe, int fd,
			    struct symbols *s, struct recipe_plan *plan)
{
	*r = (struct resolving){
		.recipe = recipe,
		.fd = fd,
		.symbols = s,
		.is_go = symbols_is_go(s),
		.machine = symbols_machine(s),
		.version = recipe_version(symbols_go_version(s)),
		.plan = plan,
	};
}

int recipe_resolve(const struct recipe *recipe, int fd, struct symbols *s, bool is_light,
		   struct recipe_plan *ret)
{
	struct recipe_plan plan = { .is_light = is_light && tells_use(recipe) };
	struct resolving r;
	int error = 0;

	resolving_begin(&r, recipe, fd, s, &plan);
	for (size_t i = 0; i < recipe->n_probes && !error; i++)
		if (!plan.is_light || !is_hot(recipe->probe[i].verb))
			error = resolve_probe(&r, &recipe->probe[i]);
	if (error) {
		recipe_plan_done(&plan);
		return error;
	}
	resolve_fields(&r);
	resolve_mark_last(&plan);
	*ret = plan;
	return 0;
}

int recipe_resolve_learned(const struct recipe *recipe, int fd, struct symbols *s, uint64_t offset,
			   struct recipe_plan *ret)
{
	CLEANUP(cleanup_function) struct function f = { 0 };
	struct symbol symbol;
	struct recipe_plan plan = { 0 };
	struct resolving r;
	uint64_t vaddr;
	const char *name;
	int error = symbols_address(s, offset, &vaddr);

	if (error)
		return error;
	resolving_begin(&r, recipe, fd, s, &plan);
	if (symbols_at(s, vaddr, &symbol, &name) || symbol.vaddr != vaddr)
		symbol = (struct symbol){ .vaddr = vaddr, .offset = offset }; /* without a symbol; how long it is, is not known */
	error = function_load(&r, &symbol, &f);
	for (size_t i = 0; i < recipe->n_probes && !error; i++) {
		const struct recipe_probe *p = &recipe->probe[i];

		if (p->where != RECIPE_AT_LEARNED)
			continue;
		r.d.text[0] = 0;
		error = probe_ends_call(p) ? resolve_return_of(&r, p, &f)
					   : resolve_entry_of(&r, p, &f);
	}
	if (error) {
		recipe_plan_done(&plan);
		return error;
	}
	*ret = plan;
	return 0;
}

void recipe_plan_done(struct recipe_plan *p)
{
	free(p->site);
	p->site = NULL;
	p->n = 0;
}
