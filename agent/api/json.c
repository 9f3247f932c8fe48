/* SPDX-License-Identifier: MIT */
/* json.c - see json.h: all but pools, and which path has what. */
#include "api/json.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json_parts.h"
#include "api/object.h"
#include "model/snapshot.h"

#define FINDING_HOLDERS 3

const char *const api_kinds[] = {
#define KIND(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

static const char *const stall_causes[] = {
#define STALL_CAUSE(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

static const struct {
	const char *name, *text;
} losses[] = {
#define LOSS(name, text) [PS_LOSS_##name] = { #name, text },
#include "bpf/losses.def"
};

static const char *const check_states[] = {
	[CHECK_OK] = "ok",
	[CHECK_LOOK] = "look",
	[CHECK_BAD] = "bad",
};

static bool is_about(const struct finding_row *f, uint64_t item)
{
	for (size_t i = 0; i < f->n_items; i++)
		if (f->items[i] == item)
			return true;
	return !f->n_items;
}

/* The first few of those that it is about, while it is open. */
static json_t *encode_finding_holders(const struct snapshot *s, const struct finding_row *f)
{
	json_t *array = json_array();
	const struct pool_row *p = NULL;

	for (size_t i = 0; f->is_open && f->pool_id && i < s->n_pools && !p; i++)
		if (s->pools[i].id == f->pool_id)
			p = &s->pools[i];
	for (size_t i = 0; p && i < p->n_holders && json_array_size(array) < FINDING_HOLDERS; i++)
		if (is_about(f, p->holders[i].id))
			array_add(&array, encode_holder(s, p, &p->holders[i]));
	return array;
}

static json_t *encode_finding(const struct snapshot *s, size_t i, void *context)
{
	const struct finding_row *f = &s->findings[i];
	struct object o = object_begin();

	(void)context;
	object_set_total(&o, "id", f->id);
	object_set_name(&o, "type", f->type);
	object_set_name(&o, "severity", severity_name(f->severity));
	object_set_name(&o, "state", f->is_open ? "open" : "closed");
	object_set_count(&o, "pid", f->pid);
	object_set_name(&o, "process", f->process);
	object_set_name(&o, "pool", f->pool);
	object_set(&o, "pool_id", f->pool_id ? json_integer((json_int_t)f->pool_id) : json_null());
	object_set_ns(&o, "since", f->since_ns);
	object_set_ns(&o, "until", f->until_ns);
	object_set_text(&o, "text", f->text);
	object_set_text(&o, "advice", f->advice);
	object_set_text(&o, "evidence", f->evidence);
	object_set(&o, "holders", encode_finding_holders(s, f));
	return object_end(&o);
}

json_t *encode_findings(const struct snapshot *s)
{
	return encode_array("findings", s->n_findings, encode_finding, s, NULL);
}

static json_t *encode_stall(const struct snapshot *s, size_t i, void *context)
{
	const struct stall_row *row = &s->stalls[i];
	struct object o = object_begin();

	(void)context;
	object_set_count(&o, "pid", row->pid);
	object_set_name(&o, "process", row->process);
	object_set_name(&o, "cause", stall_causes[row->cause]);
	object_set_name(&o, "source", row->is_counted ? "hsperfdata" : "events");
	object_set_count(&o, "count", (int64_t)row->n);
	object_set_real(&o, "sum_seconds", row->sum_s);
	object_set_real(&o, "max_seconds",
			row->is_counted ? NAN : (double)row->length->max_ns / 1e9);
	object_set_real(&o, "p99_seconds",
			row->is_counted ? NAN : hist_quantile_s(row->length, 0.99));
	object_set_real(&o, "lasts_seconds", (double)row->since_ns / 1e9);
	return object_end(&o);
}

json_t *encode_stalls(const struct snapshot *s)
{
	return encode_array("stalls", s->n_stalls, encode_stall, s, NULL);
}

static json_t *encode_lock(const struct snapshot *s, size_t i, void *context)
{
	const struct lock_row *l = &s->locks[i];
	struct object o = object_begin();
	char address[24];

	(void)context;
	snprintf(address, sizeof(address), "0x%llx", (unsigned long long)l->address);
	object_set_count(&o, "pid", l->pid);
	object_set_name(&o, "process", l->process);
	object_set_name(&o, "lock", l->name ? l->name : address);
	object_set_name(&o, "symbol", l->name);
	object_set_name(&o, "address", address);
	object_set_hist(&o, "wait", l->wait);
	object_set_count(&o, "timeouts", l->timeouts);
	object_set_count(&o, "waiting", l->waiting);
	object_set_ns(&o, "oldest_wait_seconds", l->oldest_wait_ns);
	object_set_real(&o, "waits_per_second", l->waits_per_s);
	object_set_real(&o, "mean_waiting", l->mean_waiting);
	object_set_texts(&o, "stack", l->stack, l->n_stack);
	return object_end(&o);
}

json_t *encode_locks(const struct snapshot *s)
{
	return encode_array("locks", s->n_locks, encode_lock, s, NULL);
}

/* Its target; NULL = not known. Probes of a target come one after the other, so *from is where to begin. */
static const struct target_row *target_of(const struct snapshot *s, const struct probe_row *p,
					  size_t *from)
{
	for (size_t n = 0; n < s->n_targets; n++, *from = (*from + 1) % s->n_targets) {
		const struct target_row *t = &s->targets[*from];

		if (!strcmp(t->file, p->file) && !strcmp(t->source, p->provider))
			return t;
	}
	return NULL;
}

static json_t *encode_probe(const struct snapshot *s, size_t i, void *context)
{
	const struct probe_row *p = &s->probes[i];
	const struct target_row *t = p->file && p->provider ? target_of(s, p, context) : NULL;
	struct object o = object_begin();

	object_set_text(&o, "file", p->file);
	object_set_name(&o, "provider", p->provider);
	object_set_name(&o, "probe", p->probe);
	object_set_text(&o, "symbol", p->symbol);
	object_set_total(&o, "offset", p->offset);
	object_set_name(&o, "verb", p->verb);
	object_set_name(&o, "method", p->method);
	object_set_bool(&o, "attached", !p->problem && !p->is_stepped_down);
	object_set_total(&o, "hits", p->hits);
	object_set_total(&o, "errors", p->errors);
	object_set_real(&o, "cost_ns", p->cost_ns);
	object_set_total(&o, "stacks", p->taken);
	object_set_real(&o, "stack_cost_ns", p->taken_cost_ns);
	object_set_name(&o, "cost_class", p->cost_class);
	object_set_text(&o, "problem", p->problem);
	object_set_count(&o, "processes", p->n_processes);
	object_set_name(&o, "level", t ? level_name(t->level) : NULL);
	object_set_real(&o, "target_cost_ratio", t ? t->share : NAN);
	return object_end(&o);
}

static json_t *encode_target(const struct snapshot *s, size_t i)
{
	const struct target_row *t = &s->targets[i];
	struct object o = object_begin();

	object_set_text(&o, "file", t->file);
	object_set_name(&o, "source", t->source);
	object_set_count(&o, "processes", t->n_processes);
	object_set_name(&o, "level", level_name(t->level));
	object_set_text(&o, "level_text", level_text(t->level));
	object_set_name(&o, "reason", level_reason_name(t->reason));
	object_set_ns(&o, "since_seconds",
		      t->since_ns == UNKNOWN ? UNKNOWN : s->t_ns - t->since_ns);
	object_set_ns(&o, "next_try_seconds",
		      t->try_ns == UNKNOWN  ? UNKNOWN
		      : t->try_ns > s->t_ns ? t->try_ns - s->t_ns
					    : 0);
	object_set_real(&o, "period_seconds", t->period_s);
	object_set_real(&o, "hits_per_second", t->hits_per_s);
	object_set_real(&o, "watching_cpus", t->watching_cpus);
	object_set_real(&o, "process_cpus", t->cpus);
	object_set_real(&o, "cost_ratio", t->share);
	object_set_real(&o, "cause_ratio", t->cause);
	object_set_total(&o, "steps_down", t->n_down);
	object_set_total(&o, "steps_up", t->n_up);
	return object_end(&o);
}

static json_t *encode_budget(const struct snapshot *s)
{
	struct object o = object_begin();

	object_set_real(&o, "target_ratio", s->budget.share);
	object_set_real(&o, "agent_ratio", s->budget.agent_share);
	object_set_real(&o, "trap_ns", s->budget.trap_s * 1e9);
	object_set_real(&o, "stepped_trap_ns", s->budget.stepped_trap_s * 1e9);
	object_set_bool(&o, "trap_measured", s->budget.is_trap_measured);
	object_set_real(&o, "tick_interval_seconds", s->budget.tick_s);
	return object_end(&o);
}

json_t *encode_probes(const struct snapshot *s)
{
	json_t *targets = json_array(), *all;
	size_t from = 0;

	all = encode_array("probes", s->n_probes, encode_probe, s, &from);
	for (size_t i = 0; i < s->n_targets; i++)
		array_add(&targets, encode_target(s, i));
	if (json_object_set_new(all, "targets", targets) ||
	    json_object_set_new(all, "budget", encode_budget(s))) {
		json_decref(all);
		return NULL;
	}
	return all;
}

static json_t *encode_recipe(const struct snapshot *s, size_t i, void *context)
{
	const struct recipe_row *r = &s->recipes[i];
	struct object o = object_begin();

	(void)context;
	object_set_text(&o, "name", r->name);
	object_set_name(&o, "library", r->library);
	object_set_name(&o, "kind", r->kind ? api_kinds[r->kind] : NULL);
	object_set_bool(&o, "enabled", !r->is_off);
	object_set_count(&o, "files", r->n_files);
	object_set_count(&o, "processes", r->n_processes);
	object_set_count(&o, "probes", r->n_probes);
	object_set_text(&o, "problem", r->problem);
	return object_end(&o);
}

json_t *encode_recipes(const struct snapshot *s)
{
	return encode_array("recipes", s->n_recipes, encode_recipe, s, NULL);
}

static json_t *encode_setting(const struct snapshot *s, size_t i, void *context)
{
	const struct setting_row *r = &s->settings[i];
	struct object o = object_begin();

	(void)context;
	object_set_name(&o, "section", r->section);
	object_set_name(&o, "key", r->name);
	object_set_text(&o, "value", r->value);
	object_set_name(&o, "from", r->from);
	return object_end(&o);
}

json_t *encode_config(const struct snapshot *s)
{
	return encode_array("config", s->n_settings, encode_setting, s, NULL);
}

static json_t *encode_agent(const struct agent_row *a)
{
	struct object o = object_begin();
	int64_t by_kind[PS_STORY_COUNT];
	static const char *const stories[PS_STORY_COUNT] = { "none", "verb", "wait", "hold" };

	for (int i = 0; i < PS_STORY_COUNT; i++)
		by_kind[i] = i ? (int64_t)a->stories[i] : UNKNOWN;
	object_set_real(&o, "cpu_user_seconds", a->cpu_user_s);
	object_set_real(&o, "cpu_system_seconds", a->cpu_system_s);
	object_set_real(&o, "bpf_run_seconds", a->bpf_run_s);
	object_set_total(&o, "probe_hits", a->probe_hits);
	object_set_total(&o, "rss_bytes", a->rss_bytes);
	object_set_counts_by(&o, "stories", by_kind, PS_STORY_COUNT, stories);
	object_set_count(&o, "targets", a->n_targets);
	object_set_count(&o, "targets_failed", a->n_targets_failed);
	object_set_count(&o, "processes", a->n_processes);
	object_set_total(&o, "processes_unseen", a->n_unseen);
	object_set_total(&o, "pools_cut", a->n_pools_cut);
	object_set_total(&o, "processes_left_out", a->n_left_out);
	object_set(&o, "config_last_reload_successful", json_boolean(a->is_reloaded));
	object_set_real(&o, "config_last_reload_success_time", a->reloaded_wall_s);
	object_set_real(&o, "tick_seconds", a->tick_s);
	object_set_total(&o, "stacks_taken", a->stacks_taken);
	object_set_real(&o, "stacks_cpu_seconds", a->stacks_cpu_s);
	object_set_real(&o, "longest_tick_seconds", a->longest_tick_s);
	object_set_real(&o, "longest_tick_cpu_seconds", a->longest_tick_cpu_s);
	object_set_total(&o, "http_unauthorized", a->http_unauthorized);
	object_set_total(&o, "http_refused", a->http_refused);
	object_set_total(&o, "ticks", a->ticks);
	return object_end(&o);
}

static json_t *encode_checks(const struct snapshot *s)
{
	json_t *array = json_array();

	for (size_t i = 0; i < s->n_checks; i++) {
		const struct check_row *c = &s->checks[i];
		struct object o = object_begin();

		object_set_name(&o, "name", c->name);
		object_set_name(
			&o, "state",
			check_states[(unsigned int)c->state <= CHECK_BAD ? c->state : CHECK_BAD]);
		object_set_text(&o, "found", c->found);
		object_set_text(&o, "costs", c->costs);
		object_set_text(&o, "do", c->advice);
		object_set_text(&o, "advice", c->advice); /* as it was called before */
		array_add(&array, object_end(&o));
	}
	return array;
}

static json_t *encode_tables(const struct snapshot *s)
{
	json_t *array = json_array();

	for (size_t i = 0; i < s->n_tables; i++) {
		struct object o = object_begin();

		object_set_name(&o, "name", s->tables[i].name);
		object_set_total(&o, "used", s->tables[i].used);
		object_set_total(&o, "limit", s->tables[i].limit);
		array_add(&array, object_end(&o));
	}
	return array;
}

static json_t *encode_losses(const struct snapshot *s)
{
	const struct loss_time *times = s->loss_times;
	json_t *array = json_array();

	for (size_t i = 0; i < PS_LOSS_COUNT; i++) {
		struct object o = object_begin();

		object_set_name(&o, "kind", losses[i].name);
		object_set_total(&o, "count", s->agent.losses[i]);
		object_set_ns(&o, "since",
			      times && times[i].first_ns ? times[i].first_ns : UNKNOWN);
		object_set_ns(&o, "last", times && times[i].last_ns ? times[i].last_ns : UNKNOWN);
		object_set_text(&o, "text", losses[i].text);
		array_add(&array, object_end(&o));
	}
	return array;
}

json_t *encode_status(const struct snapshot *s)
{
	struct object o = object_begin();
	size_t n_open = 0;

	for (size_t i = 0; i < s->n_findings; i++)
		n_open += s->findings[i].is_open;
	object_set_name(&o, "version", s->version);
	object_set_name(&o, "host", s->host);
	object_set_total(&o, "seq", s->seq);
	object_set_ns(&o, "time", s->wall_ns);
	object_set_real(&o, "window_seconds", s->window_s);
	object_set_real(&o, "uptime_seconds", s->pace.uptime_s);
	object_set_total(&o, "pools", s->n_pools);
	object_set_total(&o, "findings_open", n_open);
	object_set_count(&o, "agent_pid", s->agent_pid ? s->agent_pid : UNKNOWN);
	object_set_text(&o, "config_file", s->config_file);
	object_set(&o, "agent", encode_agent(&s->agent));
	object_set(&o, "checks", encode_checks(s));
	object_set(&o, "tables", encode_tables(s));
	object_set(&o, "losses", encode_losses(s));
	return object_end(&o);
}

static const struct pool_row *find_pool(const struct snapshot *s, const char *id)
{
	unsigned long long n;
	char *end;

	if (*id < '0' || *id > '9')
		return NULL;
	errno = 0;
	n = strtoull(id, &end, 10);
	if (errno || *end)
		return NULL;
	for (size_t i = 0; i < s->n_pools; i++) {
		if (s->pools[i].id == n)
			return &s->pools[i];
	}
	return NULL;
}

static const char one_pool[] = API_PREFIX "pools/";

bool path_is_pool(const struct snapshot *s, const char *path, uint64_t *ret_id)
{
	const struct pool_row *p = NULL;

	if (!strncmp(path, one_pool, sizeof(one_pool) - 1))
		p = find_pool(s, path + sizeof(one_pool) - 1);
	if (p)
		*ret_id = p->id;
	return p != NULL;
}

int encode_path(const struct snapshot *s, const char *path, json_t **ret)
{
	static const struct {
		const char *path;
		json_t *(*encode)(const struct snapshot *s);
	} answer[] = {
		{ API_PREFIX "pools", encode_pools },
		{ API_PREFIX "findings", encode_findings },
		{ API_PREFIX "stalls", encode_stalls },
		{ API_PREFIX "locks", encode_locks },
		{ API_PREFIX "status", encode_status },
		{ API_PREFIX "probes", encode_probes },
		{ API_PREFIX "recipes", encode_recipes },
		{ API_PREFIX "config", encode_config },
	};
	for (size_t i = 0; i < sizeof(answer) / sizeof(answer[0]); i++) {
		if (!strcmp(path, answer[i].path)) {
			*ret = answer[i].encode(s);
			return *ret ? 0 : -ENOMEM;
		}
	}
	if (!strncmp(path, one_pool, sizeof(one_pool) - 1)) {
		const struct pool_row *p = find_pool(s, path + sizeof(one_pool) - 1);

		if (!p)
			return -ENOENT;
		*ret = encode_pool(s, p);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENOENT;
}
