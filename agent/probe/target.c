/* SPDX-License-Identifier: MIT */
/*
 * target.c - see target.h. The surprise: specs are written with the target unarmed, then all probes go on, then the target is armed
 * by one write; so all verbs of a file begin to count at the same instant, and none counts an acquire whose release it cannot see.
 */
#include "probe/target.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include "base/arena.h"
#include "base/cleanup.h"
#include "base/clock.h"
#include "budget/budget.h"
#include "discover/argspec.h"
#include "probe/attach.h"
#include "probe/closer.h"

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
	uint64_t last_id;
	struct closer *closer;
	int n_cpus;
	struct ps_probe_stat *per_cpu; /* room for one */
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
	s->n_cpus = libbpf_num_possible_cpus();
	s->per_cpu = calloc((size_t)(s->n_cpus > 0 ? s->n_cpus : 1), sizeof(*s->per_cpu));
	if (!s->per_cpu || s->n_cpus < 1 || closer_new(&s->closer)) {
		target_store_free(s);
		return -ENOMEM;
	}
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
	closer_free(s->closer);
	free(s->per_cpu);
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
	bool is_hot; /* as a chain, all or none */
	uint64_t hits, errors, taken; /* as of the last reading; of a chain the first one's */
	double cost_ns, taken_cost_ns; /* since it is there, for people; NaN = not measured */
	struct budget_hit hit; /* and lately, for the budget */
	char *problem; /* NULL = attached, or stepped down */
};

struct target {
	uint64_t id;
	struct recipe *recipe; /* NULL = the SDK */
	char *path;
	uint32_t index, hot_index; /* into ps_targets, of the slow and the hot probes; UINT32_MAX = none */
	uint32_t domain;
	uint32_t pid; /* 0 = in every process */
	int fd; /* of the file, from when it was attached; -1 = it never was */
	bool has_wait_ends; /* a wait that ends in an acquire has a point of its own for that */
	struct attachment *slow, *hot; /* NULL = none of that kind is on */
	bool is_armed[2]; /* slow, hot */
	bool was_let_go; /* probes of it may still come off */
	struct target_watch watch;
	struct site *site;
	size_t n_sites;
	struct recipe_field_plan field[RECIPE_FIELD_COUNT];
	uint64_t page_root; /* in the file; 0 = none */
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
	if (t->hot_index != UINT32_MAX)
		arm(s, t->hot_index, 0);
	if (t->index != UINT32_MAX)
		arm(s, t->index, 0);
	t->is_armed[0] = t->is_armed[1] = false;
}

void target_free(struct target_store *s, struct target *t)
{
	if (!t)
		return;
	target_disarm(s, t);
	attachment_free(t->hot);
	attachment_free(t->slow);
	if (t->was_let_go)
		closer_wait(s->closer); /* else a probe that still comes off would find its places another one's */
	for (size_t i = 0; i < t->n_sites; i++)
		site_done(s, &t->site[i]);
	if (t->index != UINT32_MAX)
		slot_give(&s->indices, t->index);
	if (t->hot_index != UINT32_MAX)
		slot_give(&s->indices, t->hot_index);
	recipe_unref(t->recipe);
	if (t->fd >= 0)
		close(t->fd);
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
	t->index = t->hot_index = UINT32_MAX;
	t->id = ++s->last_id;
	t->fd = -1;
	t->watch.cause = NAN;
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
	site->cost_ns = site->taken_cost_ns = NAN;
	site->has_slots = true;
	return 0;
}

/* ---- on and off ---------------------------------------------------------------------------------------------------------- */

static bool is_hot_verb(const struct target *t, enum ps_verb verb)
{
	switch (verb) {
	case PS_VERB_none: /* it saves something for another one */
	case PS_VERB_acquired:
	case PS_VERB_released:
		return true;
	case PS_VERB_wait_begin:
	case PS_VERB_wait_end:
		return !t->has_wait_ends;
	default:
		return false;
	}
}

/* What reads something that another probe saved is nothing without it. A chain is one probe. spec[i] belongs to site[i]. */
static void sort_sites(struct target *t, const struct ps_spec *spec)
{
	const uint32_t needs = PS_SPEC_CALL | PS_SPEC_TAKES | PS_SPEC_HANDS | PS_SPEC_LEARNS;

	for (size_t i = 0; i < t->n_sites; i++)
		t->site[i].is_hot = t->site[i].has_slots &&
				    (is_hot_verb(t, t->site[i].verb) || spec[i].flags & needs);
	for (size_t i = 0; t->recipe && i < t->n_sites; i++) /* the SDK has no chains, and may have thousands of points */
		for (size_t k = 0; t->site[i].is_hot && k < t->n_sites; k++)
			t->site[k].is_hot |= t->site[k].has_slots &&
					     t->site[k].counted_at == t->site[i].counted_at;
}

unsigned int target_kinds(const struct target *t)
{
	unsigned int kinds = 0;

	for (size_t i = 0; i < t->n_sites; i++)
		if (t->site[i].has_slots)
			kinds |= t->site[i].is_hot ? TARGET_HOT : TARGET_SLOW;
	return kinds;
}

static int write_specs(struct target_store *s, struct target *t, struct ps_spec *spec,
		       struct diag *d)
{
	for (size_t i = 0; i < t->n_sites; i++) {
		if (!t->site[i].has_slots)
			continue;
		spec[i].target = t->site[i].is_hot ? t->hot_index : t->index;
		spec[i].domain = t->domain;
		spec[i].slot = t->domain;
		if (bpf_map_update_elem(kernel_map_fd(s->kernel, KERNEL_MAP_SPECS),
					&t->site[i].spec, &spec[i], BPF_ANY))
			return diag_set(d, -errno, "writing a probe spec failed: %s",
					strerror(errno));
	}
	return 0;
}

/* Who has a page is to know first that it is watched: a wait that is told before that is in no slot, and its acquire tells of no end. */
static size_t sites_of(const struct target *t, bool is_hot, bool is_page, struct attach_site *ret)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_sites; i++) {
		const struct site *site = &t->site[i];

		if (site->has_slots && !site->is_chained && site->is_hot == is_hot &&
		    (site->verb == PS_VERB_page) == is_page)
			ret[n++] = (struct attach_site){
				.offset = site->offset,
				.semaphore = site->semaphore,
				.cookie = (uint64_t)site->probe << 32 | site->spec,
				.is_return = site->is_return,
			};
	}
	return n;
}

static int attach_kind(struct target_store *s, const struct target *t, bool is_hot,
		       struct attachment **ret, struct diag *d)
{
	AUTO_FREE struct attach_site *sites = calloc(t->n_sites + 1, sizeof(*sites));
	size_t n;

	if (!sites)
		return diag_set(d, -ENOMEM, "out of memory");
	n = sites_of(t, is_hot, true, sites);
	n += sites_of(t, is_hot, false, sites + n);
	return n ? attachment_new(s->kernel, t->fd, sites, n, t->pid, ret, d) : 0;
}

static int put_on(struct target_store *s, struct target *t, unsigned int kinds, struct diag *d)
{
	struct attachment *slow = NULL, *hot = NULL;
	int error = 0;

	if (kinds & TARGET_SLOW && !t->slow)
		error = attach_kind(s, t, false, &slow, d);
	if (!error && kinds & TARGET_HOT && !t->hot)
		error = attach_kind(s, t, true, &hot, d);
	if (error) {
		attachment_free(slow);
		return error;
	}
	t->slow = slow ? slow : t->slow;
	t->hot = hot ? hot : t->hot;
	return 0;
}

int target_on(struct target_store *s, struct target *t, unsigned int kinds)
{
	struct diag d = { 0 };

	return closer_n(s->closer) ? -EAGAIN : put_on(s, t, kinds, &d);
}

/* The hot ones first: a pool that is made in between is one whose making was not seen, and not one of which nothing was taken. */
void target_arm(struct target_store *s, struct target *t)
{
	uint64_t now_ns = (uint64_t)clock_ns(CLOCK_MONOTONIC);

	if (t->hot && !t->is_armed[1])
		arm(s, t->hot_index, now_ns);
	if (t->slow && !t->is_armed[0])
		arm(s, t->index, now_ns);
	t->is_armed[0] = t->slow;
	t->is_armed[1] = t->hot;
}

/* What a store has, and a cookie, to how often that probe hit. */
static uint64_t hits_of_cookie(void *context, uint64_t cookie)
{
	const struct target *t = context;

	for (size_t i = 0; i < t->n_sites; i++)
		if (t->site[i].has_slots && t->site[i].probe == cookie >> 32)
			return t->site[i].hits;
	return 0;
}

void target_off(struct target_store *s, struct target *t, unsigned int kinds)
{
	t->was_let_go |= (kinds & TARGET_HOT && t->hot) || (kinds & TARGET_SLOW && t->slow);
	if (kinds & TARGET_HOT && t->hot) {
		arm(s, t->hot_index, 0);
		attachment_let_go(TAKE(t->hot), s->closer, hits_of_cookie, t);
		t->is_armed[1] = false;
	}
	if (kinds & TARGET_SLOW && t->slow) {
		arm(s, t->index, 0);
		attachment_let_go(TAKE(t->slow), s->closer, hits_of_cookie, t);
		t->is_armed[0] = false;
	}
}

/* Writes the specs, attaches what has no problem, arms. spec[i] belongs to site[i]. */
static int target_attach(struct target_store *s, struct target *t, int fd, struct ps_spec *spec,
			 struct diag *d)
{
	unsigned int kinds = target_kinds(t);
	int error;

	if (!kinds)
		return diag_set(d, -ENOENT, "%s", t->problem[0] ? t->problem : "no usable point");
	target_disarm(s, t);
	error = write_specs(s, t, spec, d);
	if (error)
		return error;
	t->fd = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (t->fd < 0)
		return diag_set(d, -errno, "no descriptor is left: %s", strerror(errno));
	error = put_on(s, t, kinds, d);
	if (!error) {
		target_arm(s, t);
		return 0;
	}
	close(TAKE_FD(t->fd));
	return error;
}

static int take_indices(struct target_store *s, struct target *t, struct diag *d)
{
	unsigned int kinds = target_kinds(t);

	if (!(kinds & TARGET_HOT && slot_take(&s->indices, &t->hot_index)) &&
	    !(kinds & TARGET_SLOW && slot_take(&s->indices, &t->index)))
		return 0;
	return diag_set(d, -ENOSPC, "the table of targets is full (%u)", s->indices.limit);
}

static int target_finish(struct target_store *s, struct target *t, int fd, struct ps_spec *spec,
			 struct target **ret)
{
	struct diag d = { 0 };
	int error;

	sort_sites(t, spec);
	error = take_indices(s, t, &d);
	if (!error)
		error = target_attach(s, t, fd, spec, &d);
	if (error) {
		t->problem[0] = 0;
		set_problem(t, d.text[0] ? d.text : strerror(-error));
	}
	*ret = t;
	return 0;
}

const struct target_watch *target_watch(const struct target *t)
{
	return &t->watch;
}

void target_set_watch(struct target *t, const struct target_watch *w)
{
	t->watch = *w;
}

/* ---- what it costs --------------------------------------------------------------------------------------------------------- */

static void read_site(struct target_store *s, struct site *site)
{
	uint64_t timed = 0, timed_ns = 0, taken_timed = 0, taken_ns = 0;

	if (bpf_map_lookup_elem(kernel_map_fd(s->kernel, KERNEL_MAP_PROBES), &site->probe,
				s->per_cpu))
		return;
	site->hits = site->errors = site->taken = 0;
	for (int cpu = 0; cpu < s->n_cpus; cpu++) {
		const struct ps_probe_stat *stat = &s->per_cpu[cpu];

		site->hits += stat->hits;
		site->errors += stat->errors;
		site->taken += stat->taken;
		timed += stat->timed;
		timed_ns += stat->timed_ns;
		taken_timed += stat->taken_timed;
		taken_ns += stat->taken_ns;
	}
	budget_hit_feed(&site->hit, timed, timed_ns);
	site->cost_ns = timed ? (double)timed_ns / (double)timed : NAN;
	site->taken_cost_ns = taken_timed ? (double)taken_ns / (double)taken_timed : NAN;
}

/* One hit at the return of a function is a trap at its entry and one at its return. */
static double hit_s(const struct site *site, const struct trap_costs *traps)
{
	double trap = site->is_dear ? traps->stepped_s : traps->emulated_s;

	return (site->is_return ? trap + traps->emulated_s : trap) +
	       budget_hit_ns(&site->hit) / 1e9;
}

void target_read(struct target_store *s, struct target *t, const struct trap_costs *traps,
		 struct target_cost *ret)
{
	for (size_t i = 0; i < t->n_sites; i++) {
		struct site *site = &t->site[i];
		uint64_t before = site->hits, n;

		if (!site->has_slots || site->counted_at != site->probe)
			continue;
		read_site(s, site);
		n = site->hits - before;
		ret->hits += n;
		if (site->is_hot)
			ret->hot_s += (double)n * hit_s(site, traps);
		else
			ret->slow_s += (double)n * hit_s(site, traps);
	}
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
	[PS_VERB_page] = { "page", 2 },
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

static bool is_hot(const struct note *note)
{
	enum ps_verb verb = verb_by_name(note->name);

	return verb == PS_VERB_acquired || verb == PS_VERB_released;
}

static bool has_argument_more(const struct note *note, uint16_t machine)
{
	struct ps_arg args[PS_MAX_ARGS];
	unsigned int n = 0;

	return !argspec_parse(note->args, machine, NULL, note->pc_vaddr, args, &n, NULL) &&
	       n > verbs[verb_by_name(note->name)].n_args;
}

/* What is known of a file by all its notes. */
struct page_notes {
	uint64_t root; /* 0 = it has no pages */
	bool has_marked; /* points that have an argument more */
};

static struct page_notes look_for_pages(const struct notes *notes)
{
	struct page_notes ret = { 0 };

	for (size_t i = 0; i < notes->n; i++) {
		const struct note *note = &notes->list[i];

		if (verb_by_name(note->name) == PS_VERB_page)
			ret.root = note->semaphore_offset;
		ret.has_marked |= is_hot(note) && has_argument_more(note, notes->machine);
	}
	return ret;
}

/* See target.h. */
static bool is_spare(const struct page_notes *of, const struct note *note, uint16_t machine)
{
	return of->root && is_hot(note) && (!of->has_marked || has_argument_more(note, machine));
}

int target_new_sdk(struct target_store *s, int fd, const char *path, const struct notes *notes,
		   enum target_points which, struct target **ret)
{
	AUTO_FREE struct ps_spec *spec = calloc(notes->n + 1, sizeof(*spec));
	struct target *t = spec ? target_make(s, path, NULL, notes->n) : NULL;
	struct page_notes pages = look_for_pages(notes);
	int error = t ? 0 : -ENOMEM;

	if (t)
		t->has_wait_ends = pages.root; /* of each wait, also of one that ended in an acquire */
	for (size_t i = 0; i < notes->n && !error; i++) {
		const struct note *note = &notes->list[i];

		if (is_spare(&pages, note, notes->machine) != (which == TARGET_POINTS_SPARE))
			continue;
		error = sdk_site(s, t, note, notes->machine, &spec[t->n_sites]);
	}
	if (error) {
		target_free(s, t);
		return error;
	}
	if (which == TARGET_POINTS_USUAL)
		t->page_root = pages.root;
	if (!t->n_sites)
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

uint64_t target_id(const struct target *t)
{
	return t->id;
}

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

uint64_t target_page_root(const struct target *t)
{
	return t->fd >= 0 ? t->page_root : 0;
}

bool target_is_light(const struct target *t)
{
	return t->is_light;
}

bool target_is_attached(const struct target *t)
{
	return t->fd >= 0;
}

bool target_is_complete(const struct target *t)
{
	for (size_t i = 0; i < t->n_sites; i++)
		if (t->site[i].problem)
			return false;
	return t->fd >= 0;
}

const char *target_source(const struct target *t)
{
	return t->recipe ? t->recipe->name : PROVIDER;
}

const char *target_path(const struct target *t)
{
	return t->path;
}

/* Its attachment; NULL = it is off. */
static const struct attachment *attachment_of(const struct target *t, const struct site *site)
{
	return !site->has_slots || site->problem ? NULL : site->is_hot ? t->hot : t->slow;
}

const char *target_problem(const struct target *t)
{
	return t->problem[0] ? t->problem : NULL;
}

size_t target_n_attached(const struct target *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_sites; i++)
		n += attachment_of(t, &t->site[i]) != NULL;
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
	if (!site->problem && t->fd >= 0) {
		row->is_stepped_down = !attachment_of(t, site);
		return 0;
	}
	row->cost_class = NULL;
	row->problem = arena_strdup(arena, site->problem ? site->problem : t->problem);
	return row->problem ? 0 : -ENOMEM;
}

/* The probe that counts its hits. */
static const struct site *counting_site(const struct target *t, const struct site *site)
{
	for (size_t i = 0; i < t->n_sites; i++)
		if (t->site[i].has_slots && t->site[i].probe == site->counted_at)
			return &t->site[i];
	return site;
}

static void row_count(const struct target *t, const struct site *site, struct probe_row *row)
{
	const struct site *from = counting_site(t, site);
	const struct attachment *a = attachment_of(t, site);

	row->method = a ? attachment_method(a) : "none";
	row->hits = from->hits;
	row->errors = from->errors;
	row->taken = from->taken;
	row->cost_ns = from->cost_ns;
	row->taken_cost_ns = from->taken_cost_ns;
	row->shares_hits = from != site;
}

int target_rows(const struct target *t, struct arena *arena, int32_t n_processes,
		struct probe_row *ret)
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
		if (!row->problem)
			row_count(t, site, row);
	}
	return 0;
}
