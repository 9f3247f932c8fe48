/* SPDX-License-Identifier: MIT */
/*
 * checks.c - see checks.h. The surprise: losses and full tables want a look and are not bad, since counts stay right, or their pool says that it is
 * not trusted; only what nobody would notice otherwise is bad.
 */
#include "cmd/checks.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/field.h"
#include "cmd/prose.h"
#include "cmd/source.h"

#define FULL_RATIO 0.9
#define CPU_RATIO 0.05	/* of one CPU; the design's budget is less */
#define TARGETS_SHOWN 8
#define FOUND_COLUMN 31
#define TEXT_BYTES 2048
#define JUST_NOW_S 60

void checks_add(json_t *checks, const char *state, const char *name, const char *costs,
		const char *todo, const char *format, ...)
{
	char found[TEXT_BYTES], clean[TEXT_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(found, sizeof(found), format, args);
	va_end(args);
	text_clean(found, SIZE_MAX, clean, sizeof(clean));
	/* what was found fine costs nothing; what to do may still be of use */
	json_array_append_new(checks,
			      json_pack("{s:s, s:s, s:s, s:s?, s:s?}", "name", name, "state", state,
					"found", clean, "costs", costs, "do", todo));
}

/* ---- of an agent ----------------------------------------------------------------------------------------------------------- */

/* Its own, with the keys that they have. */
static void add_own(json_t *checks, const json_t *status)
{
	json_t *check;
	size_t i;

	json_array_foreach (field_array(status, "checks"), i, check)
		json_array_append(checks, check);
}

/* Is there one like it already? Many probes of a file fail for one reason. */
static bool is_told(const json_t *checks, const char *found)
{
	const json_t *check;
	size_t i;

	json_array_foreach (checks, i, check)
		if (!strcmp(field_text_or(check, "found", ""), found))
			return true;
	return false;
}

static void add_failed_targets(json_t *checks, const json_t *probes)
{
	size_t i, n_told = 0, n_more = 0;
	const json_t *probe;

	json_array_foreach (field_array(probes, "probes"), i, probe) {
		const char *problem = field_text(probe, "problem");
		char found[TEXT_BYTES];

		if (!problem)
			continue;
		snprintf(found, sizeof(found), "%s of %s: %s",
			 field_text_or(probe, "provider", "-"), field_text_or(probe, "file", "-"),
			 problem);
		if (is_told(checks, found))
			continue;
		if (n_told++ >= TARGETS_SHOWN)
			n_more++;
		else
			checks_add(
				checks, "look", "target",
				"its pools are not trusted, or not seen by this source at all",
				"`poolscope probes` has every place; a recipe is mended in /etc/poolscope/recipes.d",
				"%s", found);
	}
	if (n_more)
		checks_add(checks, "look", "target", "as above", "`poolscope probes`",
			   "%zu more problems", n_more);
}

/* Seconds since it began; in a recording its ticks, which mostly are as many. */
static double age_of(const json_t *status)
{
	double uptime = field_number(status, "uptime_seconds");

	return uptime > 0 ? uptime : field_number(json_object_get(status, "agent"), "ticks");
}

static void add_agent_cost(json_t *checks, const json_t *status)
{
	const json_t *agent = json_object_get(status, "agent");
	double user = field_number(agent, "cpu_user_seconds"),
	       system = field_number(agent, "cpu_system_seconds"), age = age_of(status),
	       share = (user + system) / age;
	char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES], c[TEXT_NUMBER_BYTES], d[TEXT_NUMBER_BYTES];
	/* the first seconds are those of loading and attaching */
	bool is_dear = age > JUST_NOW_S && share > CPU_RATIO;

	text_format_duration(user, a);
	text_format_duration(system, b);
	text_format_duration(field_number(agent, "longest_tick_seconds"), c);
	text_format_bytes(field_number(agent, "rss_bytes"), d);
	checks_add(
		checks, is_dear ? "look" : "ok", "agent cost",
		is_dear ? "the agent takes CPU time from what it watches" : NULL,
		is_dear ? "[probes] traffic = none in poolscope.conf(5) watches less; `poolscope report` says what it does"
			: NULL,
		"%.1f%% of a CPU (%s user, %s system in about %.0f s), %s resident, the longest tick took %s",
		100 * share, a, b, age, d, c);
}

static void add_probe_cost(json_t *checks, const json_t *status)
{
	const json_t *agent = json_object_get(status, "agent");
	double hits = field_number(agent, "probe_hits"),
	       run = field_number(agent, "bpf_run_seconds"), age = age_of(status);
	char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES], c[TEXT_NUMBER_BYTES];
	bool is_dear = run / age > CPU_RATIO;

	text_format_count(hits, a);
	if (isnan(run)) {
		checks_add(checks, "ok", "probe cost", NULL,
			   "sudo sysctl kernel.bpf_stats_enabled=1 measures it, for a small cost",
			   "%s hits of probes; the time in our programs is not measured", a);
		return;
	}
	text_format_duration(run, b);
	text_format_duration(hits > 0 ? run / hits : NAN, c);
	checks_add(
		checks, is_dear ? "look" : "ok", "probe cost",
		is_dear ? "the watched programs and all that switches tasks run that much slower"
			: NULL,
		is_dear ? "`poolscope probes --sort hits` shows the dear ones; a recipe is switched off in [recipes]"
			: NULL,
		"%s hits of probes; all our programs, those of hooks too, ran for %s (%.1f%% of a CPU, %s for each hit)",
		a, b, 100 * run / age, c);
}

static void add_tables(json_t *checks, const json_t *status)
{
	const json_t *table;
	size_t i;

	json_array_foreach (field_array(status, "tables"), i, table) {
		double used = field_number(table, "used"), limit = field_number(table, "limit");
		const char *state = used >= FULL_RATIO * limit ? "look" : "ok";
		char name[64];

		snprintf(name, sizeof(name), "table %.40s", field_text_or(table, "name", "-"));
		checks_add(
			checks, state, name,
			*state == 'l'
				? "what finds no room is left out and counted below, and its pool is not trusted"
				: NULL,
			*state == 'l'
				? "raise its limit in [limits] of poolscope.conf(5), and start the agent again"
				: NULL,
			"%.0f of %.0f (%.0f%%)", used, limit, 100 * used / limit);
	}
}

/* "12, since 3m05s, last 2s ago" */
static void format_when(const json_t *status, const json_t *loss, char *ret, size_t size)
{
	double now = field_number(status, "time"), since = field_number(loss, "since"),
	       last = field_number(loss, "last");
	char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES];

	if (isnan(now - since) || isnan(now - last)) {
		snprintf(ret, size, "when is not known");
		return;
	}
	text_format_duration(fmax(now - since, 0), a);
	text_format_duration(fmax(now - last, 0), b);
	snprintf(ret, size, "the first %s ago, the last %s ago", a, b);
}

/* A loss says what it means, and behind a colon what helps. */
static void add_loss(json_t *checks, const json_t *status, const json_t *loss)
{
	const char *text = field_text_or(loss, "text", "what it means is not known"),
		   *help = strstr(text, ": raise ");
	char name[64], when[128], costs[512], todo[512];

	format_when(status, loss, when, sizeof(when));
	snprintf(name, sizeof(name), "lost %.50s", field_text_or(loss, "kind", "-"));
	snprintf(costs, sizeof(costs), "%.*s", help ? (int)(help - text) : (int)strlen(text), text);
	if (help)
		snprintf(todo, sizeof(todo), "%s in poolscope.conf, and start the agent again",
			 help + 2);
	checks_add(checks, "look", name, costs,
		   help ? todo : "see whether it goes on: poolscope doctor --watch 5", "%.0f, %s",
		   field_number(loss, "count"), when);
}

static void add_losses(json_t *checks, const json_t *status)
{
	const json_t *loss;
	size_t i;

	json_array_foreach (field_array(status, "losses"), i, loss)
		if (field_number(loss, "count") > 0)
			add_loss(checks, status, loss);
}

json_t *checks_of_status(const json_t *status, const json_t *probes)
{
	json_t *checks = json_array();

	add_own(checks, status);
	add_failed_targets(checks, probes);
	add_agent_cost(checks, status);
	add_probe_cost(checks, status);
	add_tables(checks, status);
	add_losses(checks, status);
	return checks;
}

/* ---- lists ----------------------------------------------------------------------------------------------------------------- */

void checks_join(json_t *checks, const json_t *more)
{
	size_t n = json_array_size(checks), i, k;
	json_t *check;

	json_array_foreach (more, i, check) {
		const json_t *name = json_object_get(check, "name");

		for (k = 0; k < n; k++)
			if (json_equal(name, json_object_get(json_array_get(checks, k), "name")))
				break;
		if (k == n)
			json_array_append(checks, check);
	}
}

size_t checks_count(const json_t *checks, const char *state)
{
	const json_t *check;
	size_t i, n = 0;

	json_array_foreach (checks, i, check)
		n += !strcmp(field_text_or(check, "state", "bad"), state);
	return n;
}

static void print_below(const char *label, const char *text)
{
	char head[FOUND_COLUMN + 16];

	if (!text)
		return;
	snprintf(head, sizeof(head), "%*s%s: ", FOUND_COLUMN, "", label);
	prose_print(head, FOUND_COLUMN + 2, text);
}

void checks_print(const json_t *checks)
{
	const json_t *check;
	size_t i;

	json_array_foreach (checks, i, check) {
		const char *state = field_text_or(check, "state", "bad");
		bool is_ok = !strcmp(state, "ok");
		char head[128];

		snprintf(head, sizeof(head), "  %-5s %-22s ", !strcmp(state, "bad") ? "BAD" : state,
			 field_text_or(check, "name", "-"));
		prose_print(head, FOUND_COLUMN, field_text_or(check, "found", "-"));
		if (is_ok)
			continue;
		print_below("costs", field_text(check, "costs"));
		print_below("do", field_text(check, "do"));
	}
}
