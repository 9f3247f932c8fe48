/* SPDX-License-Identifier: MIT */
/*
 * tick.c - what a tick of the agent does, see agent_parts.h. The surprise: the snapshot from before goes first, since its rows and histograms are the
 * model's and change; who asks in between waits, for the loop is in here.
 */
#include <errno.h>
#include <math.h>
#include <time.h>
#include <unistd.h>

#include "api/server.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/remote.h"
#include "cmd/agent_parts.h"
#include "cmd/evidence.h"
#include "cmd/findings_log.h"
#include "cmd/flight.h"
#include "cmd/loaded.h"
#include "cmd/notify.h"
#include "cmd/pages.h"
#include "cmd/self.h"
#include "cmd/settings.h"
#include "config/config.h"
#include "exporters/otlp.h"
#include "ingest/ingest.h"
#include "model/model.h"
#include "probe/chosen.h"
#include "probe/kernel.h"
#include "probe/steps.h"
#include "probe/targets.h"
#include "probe/watch.h"

#define PAGES_TICKS 60	/* so often pages that only the start needed, or a command, are given back, */
#define OWN_BUDGET_TICKS 10	/* so many come before the agent's own CPU time is judged */
#define PAGES_FIRST 3	/* and first when all that runs is attached to */

/* ---- the snapshot ------------------------------------------------------------------------------------------------------ */

static int fill_self(struct agent *a, struct snapshot *s)
{
	const struct self self = {
		.kernel = a->kernel,
		.targets = a->targets,
		.watch = a->watch,
		.ingest = a->ingest,
		.stacks = a->stacks,
		.flight = a->flight,
		.detect = a->detect,
		.server = a->server,
		.otlp = a->otlp,
		.ticks = a->ticks,
		.tick_s = a->tick_s,
		.longest_tick_s = a->longest_tick_s,
		.longest_tick_cpu_s = a->longest_tick_cpu_s,
		.loss_times = a->loss_times,
		.losses_before = a->losses_before,
		.config_file = a->options.config_file ? a->options.config_file : CONFIG_FILE,
		.n_left_out = kernel_n_left_out(a->kernel),
		.is_choosing = chosen_is_on(a->chosen),
		.is_reloaded = !a->is_reload_bad,
		.reloaded_wall_s = a->reloaded_wall_s,
	};

	return self_fill(&self, s);
}

/* Anew each time, since a reload changes them, and who has an older snapshot still reads its own. */
static int fill_settings(const struct agent *a, struct snapshot *s)
{
	const struct config *c = &a->loaded->config;
	struct label_row *labels = arena_alloc(s->arena, CONFIG_LABELS, sizeof(*labels));
	struct kernel_limits in_effect;

	if (!labels)
		return -ENOMEM;
	for (size_t i = 0; i < c->n_labels; i++) {
		labels[i].name = arena_strdup(s->arena, c->label[i].name);
		labels[i].value = arena_strdup(s->arena, c->label[i].value);
		if (!labels[i].name || !labels[i].value)
			return -ENOMEM;
	}
	s->labels = labels;
	s->n_labels = c->n_labels;
	kernel_limits_read(a->kernel, &in_effect);
	return settings_make(s->arena, a->loaded, &a->options, a->recipe_folders, &in_effect,
			     &a->limits, &s->settings, &s->n_settings);
}

static int fill_budget(const struct agent *a, struct snapshot *s)
{
	int error = steps_fill(a->steps, s);

	s->budget.agent_share = agent_budget_share(a) > 0 ? agent_budget_share(a) : NAN;
	s->budget.tick_s = a->own_budget.tick_s ? a->own_budget.tick_s : 1;
	return error;
}

static int fill_snapshot(struct agent *a, struct snapshot *s, int64_t now_ns)
{
	char host[256] = "?";

	gethostname(host, sizeof(host) - 1);
	s->n_refs = 1;
	s->seq = a->ticks;
	s->t_ns = now_ns;
	s->wall_ns = clock_ns(CLOCK_REALTIME) - (clock_ns(CLOCK_MONOTONIC) - now_ns);
	s->window_s = a->last_tick_ns ? (double)(now_ns - a->last_tick_ns) / 1e9 : NAN;
	s->host = arena_strdup(s->arena, host);
	s->version = POOLSCOPE_VERSION;
	if (fill_settings(a, s) || model_snapshot(a->model, s, flight_name_thread, a->flight) ||
	    targets_rows(a->targets, s->arena, &s->probes, &s->n_probes) || fill_budget(a, s) ||
	    targets_recipe_rows(a->targets, s->arena, &s->recipes, &s->n_recipes) ||
	    fill_self(a, s) || evidence_fill(a->stacks, s, now_ns))
		return -ENOMEM;
	pace_fill(&a->pace, s);
	s->pace.uptime_s = (double)(now_ns - a->began_ns) / 1e9;
	return detect_tick(a->detect, s, flight_thread_facts, a->flight);
}

#define NOTABLE_TOLD_PER_TICK 500	/* some us each; the others are told by the next ticks */

/* Of pools with which something may be wrong more is kept of where their items are taken; and of each the slowest waits and holds are told. */
static void tell_suspicions(struct agent *a, const struct snapshot *s)
{
	unsigned int n_told = 0;

	for (size_t i = 0; i < s->n_pools; i++) {
		const struct pool_row *p = &s->pools[i];

		if (!p->key.proc.tgid)
			continue;
		if (p->is_doubted == p->is_suspected &&
		    (p->notable == p->notable_told || n_told++ >= NOTABLE_TOLD_PER_TICK))
			continue;
		if (!kernel_suspect(a->kernel, &p->key, p->is_doubted, p->notable))
			model_note_suspicion(a->model, &p->key, p->is_doubted, p->notable);
	}
}

/* Takes it over; NULL = there is none now. */
static void set_snapshot(struct agent *a, const struct snapshot *s)
{
	snapshot_unref(a->snapshot);
	a->snapshot = s;
	if (a->server)
		server_set_snapshot(a->server, s);
}

static void tell_manager(struct agent *a)
{
	if (!a->is_service)
		return;
	if (!a->is_ready)
		notify_ready();
	a->is_ready = true;
	notify_alive();
}

/* CPU time of this tick, and of the whole process since the last one. The first ticks are those of attaching, and say nothing. */
static void keep_own_budget(struct agent *a, int64_t now_ns, int64_t tick_cpu_ns)
{
	int64_t cpu_ns = clock_ns(CLOCK_PROCESS_CPUTIME_ID) + remote_report()->cpu_ns,
		other_ns = cpu_ns - a->own_cpu_ns - tick_cpu_ns;

	if (a->ticks > OWN_BUDGET_TICKS && a->last_tick_ns)
		budget_agent_tick(&a->own_budget, agent_budget_share(a), (double)tick_cpu_ns / 1e9,
				  (double)(other_ns > 0 ? other_ns : 0) / 1e9,
				  (double)(now_ns - a->last_tick_ns) / 1e9);
	a->own_cpu_ns = cpu_ns;
}

/* ---- the tick ---------------------------------------------------------------------------------------------------------- */

/* Of this thread, and of what reads for it. */
static int64_t loop_cpu_ns(void)
{
	return clock_ns(CLOCK_THREAD_CPUTIME_ID) + remote_report()->cpu_ns;
}

void agent_tick(struct agent *a)
{
	int64_t now_ns = clock_ns(CLOCK_MONOTONIC), cpu_ns = loop_cpu_ns();
	struct arena *arena = arena_new();
	struct snapshot *s = arena ? arena_alloc(arena, 1, sizeof(*s)) : NULL;

	watch_tick(a->watch);
	targets_sweep(a->targets);
	flight_tick_begin(a->flight);
	set_snapshot(a, NULL); /* its rows and histograms change; and of many pools two at once would be the most that the agent needs */
	ingest_tick(a->ingest, now_ns);
	steps_tick(a->steps, now_ns);
	a->ticks++;
	if (s)
		s->arena = arena;
	if (!s || fill_snapshot(a, s, now_ns)) {
		arena_free(arena);
		return; /* out of memory: there is none until the next tick, and who asks is told so */
	}
	flight_tick_end(a->flight, s);
	set_snapshot(a, s);
	evidence_want_findings(a->stacks, s, now_ns);
	tell_suspicions(a, s);
	otlp_tick(a->otlp, s);
	if (a->is_logging)
		findings_log(s);
	if (a->ticks % PAGES_TICKS == PAGES_FIRST)
		pages_give_back();
	keep_own_budget(a, now_ns, loop_cpu_ns() - cpu_ns);
	a->last_tick_ns = now_ns;
	a->tick_s = (double)(clock_ns(CLOCK_MONOTONIC) - now_ns) / 1e9;
	cpu_ns = loop_cpu_ns() - cpu_ns;
	a->longest_tick_s = fmax(a->longest_tick_s, a->tick_s);
	a->longest_tick_cpu_s = fmax(a->longest_tick_cpu_s, (double)cpu_ns / 1e9);
	tell_manager(a);
}
