/* SPDX-License-Identifier: MIT */
/*
 * target.c - see target.h. The surprise: specs are written with the target unarmed, then all probes go on, then the target is armed
 * by one write; so all verbs of a file begin to count at the same instant, and none counts an acquire whose release it cannot see.
 */
#include "probe/target.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "discover/argspec.h"
#include "probe/attach.h"

#define PROVIDER "poolscope"

/* ---- places in the kernel's arrays ------------------------------------------------------------------------------------- */

struct slots {
	uint32_t next, limit;
	uint32_t *freed;
	size_t n_freed;
};

struct target_store {
	struct kernel *kernel;
	uint32_t next_domain; /* never used again, so that pools of a recipe that is gone are known as such */
	struct slots specs, probes, indices;
	uint64_t gone_hits; /* of probes that are no more */
};

static int slot_take(struct slots *s, uint32_t *ret)
{
	if (s->n_freed) {
		*ret = s->freed[--s->n_freed];
		return 0;
	}
	if (s->next >= s->limit)
		return -ENOSPC;
	*ret = s->next++;
	return 0;
}

static void slot_give(struct slots *s, uint32_t slot)
{
	uint32_t *more = realloc(s->freed, (s->n_freed + 1) * sizeof(*more));

	if (!more)
		return; /* the slot is lost, not reused: harmless */
	s->freed = more;
	s->freed[s->n_freed++] = slot;
}

int target_store_new(struct kernel *k, struct target_store **ret)
{
	struct target_store *s = calloc(1, sizeof(*s));

	if (!s)
		return -ENOMEM;
	s->kernel = k;
	s->next_domain = 1;
	s->specs.limit = kernel_map_limit(k, KERNEL_MAP_SPECS);
	s->specs.next = 1; /* 0 ends a chain */
	s->probes.limit = kernel_map_limit(k, KERNEL_MAP_PROBES);
	s->indices.limit = kernel_map_limit(k, KERNEL_MAP_TARGETS);
	*ret = s;
	return 0;
}

void target_store_free(struct target_store *s)
{
	if (!s)
		return;
	free(s->specs.freed);
	free(s->probes.freed);
	free(s->indices.freed);
	free(s);
}

uint64_t target_store_gone_hits(const struct target_store *s)
{
	return s->gone_hits;
}

/* ---- targets ----------------------------------------------------------------------------------------------------------- */

struct site {
	uint32_t probe; /* index into ps_probes */
	uint32_t spec; /* index into ps_specs */
	uint32_t counted_at; /* the probe that counts its hits: of a chain the first one's */
	uint64_t offset, semaphore;
	enum ps_verb verb;
	const struct recipe_probe *recipe; /* NULL = the SDK's */
	bool is_return, is_dear, is_chained, has_slots;
	char *problem; /* NULL = attached */
};

struct target {
	struct recipe *recipe; /* NULL = the SDK */
	char *path;
	uint32_t index; /* into ps_targets; UINT32_MAX = none */
	uint32_t domain;
	uint32_t pid; /* 0 = in every process */
	struct attachment *attachment;
	struct site *site;
	size_t n_sites;
	struct recipe_field_plan field[RECIPE_FIELD_COUNT];
	bool is_light;
	char problem[256]; /* of the whole, or the first site's; empty = none */
};

static void arm(struct target_store *s, uint32_t index, uint64_t now_ns)
{
	struct ps_target value = { .armed_ns = now_ns };

	bpf_map_update_elem(kernel_map_fd(s->kernel, KERNEL_MAP_TARGETS), &index, &value, BPF_ANY);
}

static void site_done(struct target_store *s, struct site *site)
{
	struct ps_spec none = { 0 };

	free(site->problem);
	if (!site->has_slots)
		return;
	bpf_map_update_elem(kernel_map_fd(s->kernel, KERNEL_MAP_SPECS), &site->spec, &none,
			    BPF_ANY);
	s->gone_hits += kernel_take_hits(s->kernel, site->probe);
	slot_give(&s->specs, site->spec);
	slot_give(&s->probes, site->probe);
}

void target_disarm(struct target_store *s, struct target *t)
{
	if (t->index != UINT32_MAX)
		arm(s, t->index, 0);
}

void target_free(struct target_store *s, struct target *t)
{
	if (!t)
		return;
	target_disarm(s, t);
	attachment_free(t->attachment);
	for (size_t i = 0; i < t->n_sites; i++)
		site_done(s, &t->site[i]);
	if (t->index != UINT32_MAX)
		slot_give(&s->indices, t->index);
	recipe_unref(t->recipe);
	free(t->site);
	free(t->path);
	free(t);
}

static struct target *target_make(struct target_store *s, const char *path, struct recipe *r,
				  size_t n_sites)
{
	struct target *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->index = UINT32_MAX;
	t->recipe = r ? recipe_ref(r) : NULL;
	t->path = strdup(path);
	t->site = calloc(n_sites + 1, sizeof(*t->site));
	if (t->path && t->site)
		return t;
	target_free(s, t);
	return NULL;
}

static void set_problem(struct target *t, const char *text)
{
	if (!t->problem[0])
		snprintf(t->problem, sizeof(t->problem), "%s", text);
}

static int site_refuse(struct target *t, struct site *site, const char *why)
{
	site->problem = strdup(why);
	set_problem(t, why);
	return site->problem ? 0 : -ENOMEM;
}

static int site_take_slots(struct target_store *s, struct site *site, struct diag *d)
{
	if (slot_take(&s->specs, &site->spec))
		return diag_set(d, -ENOSPC, "the table of probe specs is full (%u)",
				s->specs.limit);
	if (slot_take(&s->probes, &site->probe)) {
		slot_give(&s->specs, site->spec);
		return diag_set(d, -ENOSPC, "the table of probes is full (%u)", s->probes.limit);
	}
	site->counted_at = site->probe;
	site->has_slots = true;
	return 0;
}

/* Writes the specs, attaches what has no problem, arms. spec[i] belongs to site[i]. */
static int target_attach(struct target_store *s, struct target *t, int fd, struct ps_spec *spec,
			 struct diag *d)
{
	AUTO_FREE struct attach_site *sites = calloc(t->n_sites + 1, sizeof(*sites));
	size_t n = 0;
	int error;

	if (!sites)
		return diag_set(d, -ENOMEM, "out of memory");
	arm(s, t->index, 0);
	for (size_t i = 0; i < t->n_sites; i++) {
		struct site *site = &t->site[i];

		if (!site->has_slots)
			continue;
		spec[i].target = t->index;
		spec[i].domain = t->domain;
		spec[i].slot = t->domain;
		if (bpf_map_update_elem(kernel_map_fd(s->kernel, KERNEL_MAP_SPECS), &site->spec,
					&spec[i], BPF_ANY))
			return diag_set(d, -errno, "writing a probe spec failed: %s",
					strerror(errno));
		if (!site->is_chained)
			sites[n++] = (struct attach_site){
				.offset = site->offset,
				.semaphore = site->semaphore,
				.cookie = (uint64_t)site->probe << 32 | site->spec,
				.is_return = site->is_return,
			};
	}
	if (!n)
		return diag_set(d, -ENOENT, "%s", t->problem[0] ? t->problem : "no usable point");
	error = attachment_new(s->kernel, fd, sites, n, t->pid, &t->attachment, d);
	if (!error)
		arm(s, t->index, (uint64_t)clock_ns(CLOCK_MONOTONIC));
	return error;
}

static int target_finish(struct target_store *s, struct target *t, int fd, struct ps_spec *spec,
			 struct target **ret)
{
	struct diag d = { 0 };
	int error;

	if (slot_take(&s->indices, &t->index)) {
		t->index = UINT32_MAX;
		error = diag_set(&d, -ENOSPC, "the table of targets is full (%u)",
				 s->indices.limit);
	} else {
		error = target_attach(s, t, fd, spec, &d);
	}
	if (error) {
		t->problem[0] = 0;
		set_problem(t, d.text[0] ? d.text : strerror(-error));
	}
	*ret = t;
	return 0;
}

/* ---- the SDK's points -------------------------------------------------------------------------------------------------- */

struct verb_info {
	const char *name;
	unsigned int n_args;
};

static const struct verb_info verbs[PS_VERB_COUNT] = {
	[PS_VERB_none] = { "-", 0 },
#define VERB(id, name, n_args, args, text) [id] = { #name, n_args },
#include "bpf/verbs.def"
};

static enum ps_verb verb_by_name(const char *name)
{
	for (int i = 1; i < PS_VERB_COUNT; i++)
		if (verbs[i].name && !strcmp(verbs[i].name, name))
			return (enum ps_verb)i;
	return PS_VERB_none;
}

static int spec_from_note(const struct note *note, uint16_t machine, struct ps_spec *ret,
			  struct diag *d)
{
	enum ps_verb verb = verb_by_name(note->name);
	struct ps_arg args[PS_MAX_ARGS];
	unsigned int n = 0;
	int error;

	if (verb == PS_VERB_none)
		return diag_set(d, -EINVAL, "no verb is called %s", note->name);
	error = argspec_parse(note->args, machine, NULL, note->pc_vaddr, args, &n, d);
	if (error)
		return error;
	if (n < verbs[verb].n_args)
		return diag_set(d, -EINVAL, "%s has %u arguments, the verb needs %u", note->name, n,
				verbs[verb].n_args);
	memset(ret, 0, sizeof(*ret));
	ret->verb = verb;
	ret->n_args = verbs[verb].n_args;
	ret->flags = PS_SPEC_SDK_HANDLE;
	memcpy(ret->arg, args, ret->n_args * sizeof(*args));
	return 0;
}

static int sdk_site(struct target_store *s, struct target *t, const struct note *note,
		    uint16_t machine, struct ps_spec *spec)
{
	struct site *site = &t->site[t->n_sites++];
	struct diag d = { 0 };

	site->offset = note->pc_offset;
	site->semaphore = note->semaphore_offset;
	site->verb = verb_by_name(note->name);
	if (spec_from_note(note, machine, spec, &d) || site_take_slots(s, site, &d))
		return site_refuse(t, site, d.text);
	return 0;
}

int target_new_sdk(struct target_store *s, int fd, const char *path, const struct notes *notes,
		   struct target **ret)
{
	AUTO_FREE struct ps_spec *spec = calloc(notes->n + 1, sizeof(*spec));
	struct target *t = spec ? target_make(s, path, NULL, notes->n) : NULL;
	int error = t ? 0 : -ENOMEM;

	for (size_t i = 0; i < notes->n && !error; i++)
		error = sdk_site(s, t, &notes->list[i], notes->machine, &spec[i]);
	if (error) {
		target_free(s, t);
		return error;
	}
	if (!notes->n)
		set_problem(t, "none of its notes is usable");
	return target_finish(s, t, fd, spec, ret);
}

/* ---- recipes ----------------------------------------------------------------------------------------------------------- */

static int recipe_site(struct target_store *s, struct target *t, const struct recipe_site *from,
		       struct ps_spec *spec)
{
	struct site *site = &t->site[t->n_sites++];
	struct diag d = { 0 };

	site->recipe = from->probe;
	site->verb = from->probe->verb;
	site->offset = from->offset;
	site->semaphore = from->semaphore;
	site->is_return = from->is_return;
	site->is_dear = from->is_dear;
	site->is_chained = from->is_chained;
	if (from->problem[0])
		return site_refuse(t, site, from->problem);
	*spec = from->spec;
	if (site_take_slots(s, site, &d))
		return site_refuse(t, site, d.text);
	return 0;
}

/* The sites of a plan, in the same order, and the specs of those that are chained. */
static int recipe_sites(struct target_store *s, struct target *t, const struct recipe_plan *plan,
			struct ps_spec *spec)
{
	int error = 0;

	for (size_t i = 0; i < plan->n && !error; i++)
		error = recipe_site(s, t, &plan->site[i], &spec[i]);
	for (size_t i = 0; i < plan->n && !error; i++) {
		struct site *next = plan->site[i].next ? &t->site[plan->site[i].next] : NULL;

		if (!next || !next->has_slots)
			continue;
		spec[i].next = next->spec;
		next->counted_at = t->site[i].counted_at;
	}
	return error;
}

int target_new_recipe(struct target_store *s, int fd, const char *path, struct recipe *r,
		      struct symbols *symbols, bool is_light, struct target **ret)
{
	CLEANUP(recipe_plan_done) struct recipe_plan plan = { 0 };
	int error = recipe_resolve(r, fd, symbols, is_light, &plan);
	AUTO_FREE struct ps_spec *spec = calloc(plan.n + 1, sizeof(*spec));
	struct target *t = error || !spec ? NULL : target_make(s, path, r, plan.n);

	if (!t)
		return -ENOMEM;
	t->domain = s->next_domain++;
	memcpy(t->field, plan.field, sizeof(t->field));
	t->is_light = plan.is_light;
	error = recipe_sites(s, t, &plan, spec);
	if (error) {
		target_free(s, t);
		return error;
	}
	if (plan.field_problem[0])
		set_problem(t, plan.field_problem);
	return target_finish(s, t, fd, spec, ret);
}

int target_new_learned(struct target_store *s, int fd, const char *path,
		       const struct target *parent, struct symbols *symbols, uint64_t offset,
		       uint32_t pid, const char *why, struct target **ret)
{
	CLEANUP(recipe_plan_done) struct recipe_plan plan = { 0 };
	int error = fd < 0 ? -ERANGE
			   : recipe_resolve_learned(parent->recipe, fd, symbols, offset, &plan);
	AUTO_FREE struct ps_spec *spec = calloc(plan.n + 1, sizeof(*spec));
	struct target *t =
		error == -ENOMEM || !spec ? NULL : target_make(s, path, parent->recipe, plan.n);

	if (!t)
		return -ENOMEM;
	t->domain = parent->domain;
	t->pid = pid;
	if (error) {
		set_problem(t, why);
		*ret = t;
		return 0;
	}
	error = recipe_sites(s, t, &plan, spec);
	if (error) {
		target_free(s, t);
		return error;
	}
	return target_finish(s, t, fd, spec, ret);
}

/* ---- questions --------------------------------------------------------------------------------------------------------- */

const struct recipe *target_recipe(const struct target *t)
{
	return t->recipe;
}

uint32_t target_domain(const struct target *t)
{
	return t->domain;
}

const struct recipe_field_plan *target_fields(const struct target *t)
{
	return t->field;
}

bool target_is_light(const struct target *t)
{
	return t->is_light;
}

bool target_is_attached(const struct target *t)
{
	return t->attachment;
}

bool target_is_complete(const struct target *t)
{
	for (size_t i = 0; i < t->n_sites; i++)
		if (t->site[i].problem)
			return false;
	return t->attachment;
}

const char *target_problem(const struct target *t)
{
	return t->problem[0] ? t->problem : NULL;
}

size_t target_n_attached(const struct target *t)
{
	size_t n = 0;

	for (size_t i = 0; t->attachment && i < t->n_sites; i++)
		n += t->site[i].has_slots && !t->site[i].problem;
	return n;
}

size_t target_n_rows(const struct target *t)
{
	return t->n_sites ? t->n_sites : 1;
}

static int row_fill(const struct target *t, const struct site *site, struct arena *arena,
		    struct probe_row *row)
{
	const struct recipe_probe *p = site->recipe;

	row->probe = arena_strdup(arena, p ? p->label : verbs[site->verb].name);
	row->verb = verbs[site->verb].name;
	row->offset = site->offset;
	row->cost_class = site->is_dear ? "stepped" : "emulated";
	if (p && p->where == RECIPE_AT_CALL)
		row->symbol = arena_printf(arena, "call %s in %s", p->other, p->function);
	else if (p && p->where == RECIPE_AT_USDT)
		row->symbol = arena_printf(arena, "usdt %s:%s", p->function, p->other);
	else if (p && p->where == RECIPE_AT_OFFSET)
		row->symbol = arena_printf(arena, "%s+%lld", p->function, (long long)p->distance);
	else if (p)
		row->symbol =
			arena_printf(arena, "%s %s", recipe_where_name(p->where), p->function);
	if (!row->probe || (p && !row->symbol))
		return -ENOMEM;
	if (!site->problem && t->attachment)
		return 0;
	row->cost_class = NULL;
	row->problem = arena_strdup(arena, site->problem ? site->problem : t->problem);
	return row->problem ? 0 : -ENOMEM;
}

int target_rows(const struct target *t, struct arena *arena, int32_t n_processes,
		probe_stat_fn *stat, void *context, struct probe_row *ret)
{
	const char *path = arena_strdup(arena, t->path);

	if (!path)
		return -ENOMEM;
	for (size_t i = 0; i < target_n_rows(t); i++) {
		const struct site *site = t->n_sites ? &t->site[i] : NULL;
		struct probe_row *row = &ret[i];

		*row = (struct probe_row){
			.file = path,
			.provider = t->recipe ? arena_strdup(arena, t->recipe->name) : PROVIDER,
			.probe = "?",
			.verb = "?",
			.method = "none",
			.cost_ns = NAN,
			.taken_cost_ns = NAN,
			.n_processes = n_processes
		};
		if (!row->provider)
			return -ENOMEM;
		if (!site) {
			row->problem = arena_strdup(arena, t->problem);
			continue;
		}
		if (row_fill(t, site, arena, row))
			return -ENOMEM;
		if (row->problem)
			continue;
		row->method = attachment_method(t->attachment);
		stat(context, site->counted_at, row);
		row->shares_hits = site->counted_at != site->probe;
	}
	return 0;
}
