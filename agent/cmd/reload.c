/* SPDX-License-Identifier: MIT */
/*
 * reload.c - what the configuration says, at the beginning and once more, see agent_parts.h. The surprise: the exporter for OTLP borrows its settings from the
 * reading that it was made of, so that one stays as long as the exporter does.
 */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/server.h"
#include "base/clock.h"
#include "base/diag.h"
#include "cmd/agent_parts.h"
#include "cmd/loaded.h"
#include "cmd/notify.h"
#include "config/config.h"
#include "discover/recipe.h"
#include "exporters/otlp.h"
#include "exporters/otlp_settings.h"
#include "probe/chosen.h"
#include "probe/steps.h"
#include "probe/targets.h"
#include "probe/watch.h"

/* ---- what the configuration says ---------------------------------------------------------------------------------------- */

void agent_warn(void *unused, const char *text)
{
	(void)unused;
	fprintf(stderr, "poolscope: %s\n", text);
}

int agent_open_otlp(struct agent *a)
{
	const struct otlp_settings *settings = &a->otlp_of->otlp;

	for (int i = 0; i < OTLP_SIGNALS; i++)
		if (settings->signal[i].url)
			return otlp_new(settings, clock_ns(CLOCK_REALTIME), &a->otlp);
	return 0;
}

void agent_set_limits(struct agent *a)
{
	const struct config *c = &a->loaded->config;

	a->limits = detect_limits_default;
	if (c->leak_seconds)
		a->limits.leak_ns = (int64_t)c->leak_seconds * 1000000000;
	if (c->wait_seconds)
		a->limits.wait_ns = (int64_t)c->wait_seconds * 1000000000;
}

/* A budget of 0 is none. */
void agent_set_budget(struct agent *a)
{
	const struct config *c = &a->loaded->config;
	const struct budget_rules rules = {
		.share = !c->is_budget_off ? (c->budget_target_percent ? c->budget_target_percent
								       : BUDGET_TARGET_PERCENT) /
						     100.0
					   : 0,
		.floor = (c->budget_target_floor_ms ? c->budget_target_floor_ms
						    : BUDGET_TARGET_FLOOR_MS) /
			 1000.0,
		.cpus = (double)sysconf(_SC_NPROCESSORS_ONLN),
	};

	steps_set_rules(a->steps, &rules);
}

double agent_budget_share(const struct agent *a)
{
	const struct config *c = &a->loaded->config;

	if (c->is_budget_off)
		return 0;
	return (c->budget_agent_percent ? c->budget_agent_percent : BUDGET_AGENT_PERCENT) / 100.0;
}

static void set_recipe_folders(struct agent *a)
{
	const char *own = a->loaded->config.recipe_folders;

	a->recipe_folders = a->options.recipe_folders ? a->options.recipe_folders
			    : own                     ? own
						      : recipes_default_folders();
}

struct prometheus_options agent_prometheus_options(const struct agent *a)
{
	return (struct prometheus_options){ .has_pid = a->loaded->config.has_pid_label,
					    .max_series = a->loaded->config.web_max_series };
}

/* ---- recipes ----------------------------------------------------------------------------------------------------------- */

void agent_read_recipes(struct agent *a)
{
	struct recipes recipes;

	set_recipe_folders(a);
	if (recipes_read(a->recipe_folders, &recipes))
		return; /* out of memory: the old ones stay */
	if (recipes_enable(&recipes, a->loaded->config.recipes_enabled)) {
		recipes_done(&recipes);
		return;
	}
	recipes.is_fields_only = a->loaded->config.is_fields_only;
	targets_set_recipes(a->targets, &recipes);
}

/* ---- once more --------------------------------------------------------------------------------------------------------- */

/* A restart would make it hold; until then the old value does. */
static void tell_kept(void *agent, const char *section, const char *name)
{
	const struct agent *a = agent;

	if (a->is_logging)
		fprintf(stderr,
			"poolscope run: [%s] %s has changed: it needs a restart, and until then the old value holds\n",
			section, name);
}

static void tell_bad(const struct agent *a, const struct diag *d)
{
	char line[DIAG_BYTES];

	diag_line(d, line);
	if (a->is_logging)
		fprintf(stderr, "poolscope run: %s; the configuration from before holds\n", line);
}

/* Whoever was to be told over OTLP by the old settings is told no more; what still waited is dropped with them. */
static void reload_otlp(struct agent *a, const struct loaded *before)
{
	struct loaded *used = a->otlp_of;

	if (config_is_same(&before->config, &a->loaded->config, "otlp") &&
	    config_is_same(&before->config, &a->loaded->config, "labels"))
		return;
	if (a->otlp)
		agent_unwatch(a, otlp_fd(a->otlp));
	otlp_free(a->otlp);
	a->otlp = NULL;
	a->otlp_of = a->loaded;
	if (used != before)
		loaded_free(used);
	if (agent_open_otlp(a) || (a->otlp && agent_watch_for(a, otlp_fd(a->otlp))))
		fprintf(stderr,
			"poolscope run: nothing is sent over OTLP: out of memory or descriptors\n");
}

/* All that may change while the agent runs. */
static void take_over(struct agent *a, struct loaded *fresh)
{
	struct loaded *before = a->loaded;

	a->loaded = fresh;
	agent_set_limits(a);
	detect_set_limits(a->detect, &a->limits);
	agent_set_budget(a);
	if (a->server) {
		const struct prometheus_options prometheus = agent_prometheus_options(a);

		server_set_prometheus(a->server, &prometheus);
	}
	chosen_set_rules(a->chosen, &fresh->choose);
	agent_read_recipes(a);
	reload_otlp(a, before);
	if (a->otlp_of != before)
		loaded_free(before);
}

static void reload_config(struct agent *a)
{
	struct loaded *fresh = NULL;
	struct diag d = { 0 };
	int error = loaded_read(a->options.config_file, LOADED_FILE_AND_ENVIRONMENT, agent_warn,
				&fresh, &d);

	if (!error && loaded_keep(fresh, a->loaded, tell_kept, a)) {
		loaded_free(fresh);
		error = diag_set(&d, -ENOMEM, "out of memory");
	}
	a->is_reload_bad = error;
	if (error) {
		tell_bad(a, &d);
		agent_read_recipes(a);
		return;
	}
	a->reloaded_wall_s = (double)clock_ns(CLOCK_REALTIME) / 1e9;
	take_over(a, fresh);
}

void agent_reload_now(struct agent *a)
{
	a->is_reload_wanted = 0;
	if (a->is_ready)
		notify_reloading();
	reload_config(a);
	watch_look_again(a->watch);
	if (a->is_ready)
		notify_ready();
}
