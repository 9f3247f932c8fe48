/* SPDX-License-Identifier: MIT */
/*
 * doctor.c - `poolscope doctor`: whether the agent sees all it should, what it lost, what it costs, and what to do. The surprise:
 * losses and full tables are notes, not failures, since counts stay right; only a bad check makes the exit status 1.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "api/json.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/source.h"
#include "cmd/views.h"

#define FULL_RATIO 0.9

static void print_mark(const char *state, const char *name)
{
	printf("  %-5s %-22s ", !strcmp(state, "bad") ? "BAD" : state, name);
}

static void print_advice(const char *advice)
{
	if (advice)
		printf("        %-22s → %s\n", "", advice);
}

/* Returns how many are bad. */
static size_t print_checks(const json_t *status)
{
	const json_t *check;
	size_t i, n_bad = 0;

	json_array_foreach (field_array(status, "checks"), i, check) {
		const char *state = field_text_or(check, "state", "bad");

		n_bad += !strcmp(state, "bad");
		print_mark(state, field_text_or(check, "name", "-"));
		printf("%s\n", field_text_or(check, "found", "-"));
		print_advice(field_text(check, "advice"));
	}
	return n_bad;
}

static void print_tables(const json_t *status)
{
	const json_t *table;
	size_t i;

	printf("\nTables (entries of the limit)\n");
	json_array_foreach (field_array(status, "tables"), i, table) {
		double used = field_number(table, "used"), limit = field_number(table, "limit");

		print_mark(used >= FULL_RATIO * limit ? "note" : "ok",
			   field_text_or(table, "name", "-"));
		printf("%.0f of %.0f\n", used, limit);
	}
}

static void print_losses(const json_t *status)
{
	const json_t *loss;
	bool is_any = false;
	size_t i;

	printf("\nLosses\n");
	json_array_foreach (field_array(status, "losses"), i, loss) {
		if (field_number(loss, "count") == 0)
			continue;
		is_any = true;
		print_mark("note", field_text_or(loss, "kind", "-"));
		printf("%.0f: %s\n", field_number(loss, "count"), field_text_or(loss, "text", "-"));
	}
	if (!is_any) {
		print_mark("ok", "none");
		printf("nothing was lost or refused\n");
	}
}

static void print_cost(const json_t *status)
{
	const json_t *agent = json_object_get(status, "agent");
	double hits = field_number(agent, "probe_hits"),
	       bpf = field_number(agent, "bpf_run_seconds");
	char a[TEXT_NUMBER_BYTES], b[TEXT_NUMBER_BYTES];

	printf("\nOwn cost since the agent started\n");
	print_mark("", "cpu");
	printf("%s user, %s system; the last tick took ",
	       text_format_duration(field_number(agent, "cpu_user_seconds"), a),
	       text_format_duration(field_number(agent, "cpu_system_seconds"), b));
	printf("%s, the longest %s\n", text_format_duration(field_number(agent, "tick_seconds"), a),
	       text_format_duration(field_number(agent, "longest_tick_seconds"), b));
	print_mark("", "memory");
	printf("%s resident\n", text_format_bytes(field_number(agent, "rss_bytes"), a));
	print_mark("", "probes");
	printf("%s hits", text_format_count(hits, a));
	if (isnan(bpf))
		printf("; their time is not known (sysctl kernel.bpf_stats_enabled=1 measures it, for a small cost)\n");
	else
		printf(", %s in our programs, %s each\n", text_format_duration(bpf, a),
		       text_format_duration(hits > 0 ? bpf / hits : NAN, b));
}

size_t status_print(const json_t *status)
{
	size_t n_bad;

	printf("Checks\n");
	n_bad = print_checks(status);
	print_tables(status);
	print_losses(status);
	print_cost(status);
	return n_bad;
}

int command_doctor(const struct invocation *in)
{
	CLEANUP(cleanup_json) json_t *status = NULL;
	char number[TEXT_NUMBER_BYTES];
	const json_t *agent, *check;
	size_t i, n_bad = 0;
	int r = source_get_once(in, API_PREFIX "status", &status);

	if (r)
		return r;
	if (in->is_json) {
		json_array_foreach (field_array(status, "checks"), i, check)
			n_bad += !strcmp(field_text_or(check, "state", "bad"), "bad");
		print_json(status);
		return n_bad ? EXIT_FAILED : EXIT_DONE;
	}
	agent = json_object_get(status, "agent");
	printf("poolscope %s on %s: %s processes followed, ", field_text_or(status, "version", "-"),
	       field_text_or(status, "host", "-"),
	       text_format_count(field_number(agent, "processes"), number));
	printf("%s pools, ", text_format_count(field_number(status, "pools"), number));
	printf("%s open findings\n\n",
	       text_format_count(field_number(status, "findings_open"), number));
	n_bad = status_print(status);
	return n_bad ? EXIT_FAILED : EXIT_DONE;
}
