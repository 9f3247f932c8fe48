/* SPDX-License-Identifier: MIT */
/*
 * report_text.c - see report.h: the text of a report. The surprise: the sections are printed by the other commands' own code, to a stdout that is
 * memory for a moment (glibc allows that by its manual), and cleaned and cut on the way out of it.
 */
#include "cmd/report.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/paste.h"
#include "cmd/pools.h"
#include "cmd/source.h"
#include "cmd/table.h"
#include "cmd/views.h"

#define YOUNG_TICKS 60 /* of a second each: what takes longer to show may not have shown */
#define FRAMES 16

/* ---- the first line -------------------------------------------------------------------------------------------------------- */

static size_t count_of(const json_t *rows, const char *key, const char *word)
{
	const json_t *row;
	size_t i, n = 0;

	json_array_foreach (rows, i, row)
		n += !strcmp(field_text_or(row, key, ""), word);
	return n;
}

static void add_count(struct buffer *b, size_t n, const char *what)
{
	if (n)
		buffer_printf(b, "%s%zu %s", b->n ? ", " : "", n, what);
}

static void add_worst(struct buffer *b, const json_t *findings)
{
	const json_t *worst = json_array_get(findings, 0);

	buffer_printf(b, "; the worst: %s of %s%s%s", field_text_or(worst, "type", "-"),
		      field_text_or(worst, "process", "a process"),
		      field_text(worst, "pool") ? "/" : "", field_text_or(worst, "pool", ""));
	if (!isnan(field_number(worst, "pid")))
		buffer_printf(b, " (pid %.0f)", field_number(worst, "pid"));
	buffer_printf(b, ": %s", field_text_or(worst, "text", "-"));
}

static void add_none(struct buffer *b, const json_t *report)
{
	double ticks = field_number(report, "status.agent.ticks");

	buffer_printf(b, "No open findings in %zu pools",
		      json_array_size(field_array(report, "pools")) +
			      (size_t)fmax(0, field_number(report, "cut.pools")));
	if (ticks < YOUNG_TICKS)
		buffer_printf(b, " yet: the agent has looked for %.0f seconds", ticks);
}

json_t *report_summary(const json_t *report)
{
	static const char *const severities[] = { "critical", "warning", "info" };
	CLEANUP(buffer_done) struct buffer b = { 0 };
	const json_t *findings = field_array(report, "findings"),
		     *checks = field_array(json_object_get(report, "status"), "checks");
	size_t n_bad = count_of(checks, "state", "bad");
	double n_cut = field_number(report, "cut.findings");

	for (size_t i = 0; i < sizeof(severities) / sizeof(*severities); i++)
		add_count(&b, count_of(findings, "severity", severities[i]), severities[i]);
	if (json_array_size(findings)) {
		if (n_cut > 0)
			buffer_printf(&b, " and %.0f more", n_cut);
		add_worst(&b, findings);
	} else {
		add_none(&b, report);
	}
	if (n_bad)
		buffer_printf(&b, "; the agent does not see all it should (%zu bad check%s)", n_bad,
			      n_bad > 1 ? "s" : "");
	return b.error ? NULL : json_string(b.data);
}

/* ---- sections -------------------------------------------------------------------------------------------------------------- */

static void print_findings(const struct invocation *in, const json_t *findings)
{
	const json_t *finding;
	size_t i;

	(void)in;
	json_array_foreach (findings, i, finding) {
		if (i)
			printf("\n");
		finding_print(finding, FRAMES);
	}
}

static void print_cut_refs(const json_t *pool, const char *what, const char *key)
{
	double n = field_number(pool, key);

	if (n > 0)
		printf("\n  ... %.0f more %s; poolscope show --%s has all\n", n, what, what);
}

static void print_pools_in_full(const struct invocation *in, const json_t *pools)
{
	struct invocation all = { .command = in->command,
				  .has_holders = true,
				  .has_waiters = true };
	const json_t *pool;
	size_t i;

	json_array_foreach (pools, i, pool) {
		if (i)
			printf("\n");
		pool_print(&all, pool);
		print_cut_refs(pool, "holders", "holders_cut");
		print_cut_refs(pool, "waiters", "waiters_cut");
	}
}

static json_t *wrapped(const char *key, const json_t *rows)
{
	return json_pack("{s:O}", key, rows);
}

static void print_pools(const struct invocation *in, const json_t *rows)
{
	CLEANUP(table_done) struct table t = { 0 };
	CLEANUP(cleanup_json) json_t *pools = wrapped("pools", rows);

	(void)in;
	pools_tabulate(&t, pools);
	table_print(&t);
}

static void print_stalls(const struct invocation *in, const json_t *rows)
{
	CLEANUP(cleanup_json) json_t *stalls = wrapped("stalls", rows);

	(void)in;
	stalls_print(stalls);
}

static void print_locks(const struct invocation *in, const json_t *rows)
{
	CLEANUP(cleanup_json) json_t *locks = wrapped("locks", rows);

	(void)in;
	locks_print(locks);
}

static void print_probes(const struct invocation *in, const json_t *rows)
{
	CLEANUP(cleanup_json) json_t *probes = wrapped("probes", rows);

	(void)in;
	probes_print(probes);
}

static void print_recipes(const struct invocation *in, const json_t *rows)
{
	CLEANUP(cleanup_json) json_t *recipes = wrapped("recipes", rows);

	(void)in;
	recipes_print(recipes);
}

static void print_status(const struct invocation *in, const json_t *status)
{
	(void)in;
	status_print(status);
}

static void print_attached(const struct invocation *in, const json_t *rows)
{
	static const struct column columns[] = {
		{ "PROVIDER", false, 0, 0 }, { "PROBES", true, 0, 0 }, { "WITH PROBLEMS", true, 0, 0 },
		{ "PROCESSES", true, 0, 0 }, { "HITS", true, 0, 0 },   { "FILE", false, 0, 0 },
	};
	static const char *const counts[] = { "probes", "problems", "processes", "hits" };
	CLEANUP(table_done) struct table t = { 0 };
	const json_t *row;
	size_t i;

	(void)in;
	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (rows, i, row) {
		char number[TEXT_NUMBER_BYTES];

		table_add(&t, field_text(row, "provider"));
		for (size_t k = 0; k < sizeof(counts) / sizeof(*counts); k++)
			table_add(&t, text_format_count(field_number(row, counts[k]), number));
		table_add(&t, field_text(row, "file"));
	}
	table_print(&t);
}

static void print_config(const struct invocation *in, const json_t *rows)
{
	const json_t *row;
	size_t i;

	(void)in;
	json_array_foreach (rows, i, row) {
		char key[2 * TEXT_NAME_BYTES];

		snprintf(key, sizeof(key), "[%s] %s", field_text_or(row, "section", "-"),
			 field_text_or(row, "key", "-"));
		printf("%-28s = %s  (%s)\n", key, field_text_or(row, "value", "-"),
		       field_text_or(row, "from", "-"));
	}
}

static void print_command_lines(const struct invocation *in, const json_t *rows)
{
	const json_t *row;
	size_t i;

	(void)in;
	json_array_foreach (rows, i, row)
		printf("%8.0f  %s  %s\n", field_number(row, "pid"),
		       field_text_or(row, "process", "-"), field_text_or(row, "command_line", "-"));
}

/* In the order in which somebody who was woken up reads. The limits together are less than REPORT_BYTES. */
static const struct section {
	const char *key;
	const char *title;
	const char *none;	/* when there are no rows; NULL = the section is left out */
	const char *command;	/* where the rest is that was cut */
	size_t max_bytes;
	void (*print)(const struct invocation *in, const json_t *rows);
} sections[] = {
	{ "findings", "Open findings", "None.", "findings", 12000, print_findings },
	{ "pools_in_full", "Pools with open findings, in full", NULL, "show", 10000, print_pools_in_full },
	{ "pools", "Pools, the worst first", "None is known.", "list", 7500, print_pools },
	{ "stalls", "Stalls", "None.", "stalls", 2000, print_stalls },
	{ "locks", "Locks at which threads waited", "None.", "locks", 3000, print_locks },
	{ "ended", "Findings that ended", "None.", "findings", 3500, print_findings },
	{ "status", "The agent", NULL, "doctor", 5000, print_status },
	{ "attached", "What is attached", "Nothing.", "probes", 2500, print_attached },
	{ "probes", "Probes with problems", "None.", "probes", 2500, print_probes },
	{ "recipes", "Recipes in use or with problems", "None.", "recipes", 2000, print_recipes },
	{ "config", "Configuration in effect", "Not told by this agent.", "run --help", 2000, print_config },
	{ "command_lines", "Command lines", NULL, "report --command-lines --pid PID", 2000, print_command_lines },
};

/* What a function prints, as memory. */
static int capture(const struct section *s, const struct invocation *in, const json_t *rows,
		   char **ret, size_t *ret_n)
{
	FILE *memory = open_memstream(ret, ret_n), *saved = stdout;

	if (!memory)
		return -ENOMEM;
	stdout = memory;
	s->print(in, rows);
	stdout = saved;
	return fclose(memory) ? -ENOMEM : 0;
}

static void write_rest(const struct section *s, size_t n_rows, size_t n_lines, struct buffer *b)
{
	if (n_lines)
		buffer_printf(b, "  ... %zu lines cut; poolscope %s has all\n", n_lines,
			      s->command);
	if (n_rows)
		buffer_printf(b, "  ... %zu more; poolscope %s has all\n", n_rows, s->command);
}

static int write_section(const struct section *s, const struct invocation *in, const json_t *report,
			 struct buffer *b)
{
	const json_t *rows = json_object_get(report, s->key);
	double n_more = field_number(json_object_get(report, "cut"), s->key);
	AUTO_FREE char *text = NULL;
	size_t n = 0, n_lines;

	if (!s->none && (!rows || (json_is_array(rows) && !json_array_size(rows))))
		return 0;
	buffer_printf(b, "\n== %s ==\n", s->title);
	if (s->none && !json_array_size(rows)) {
		buffer_printf(b, "  %s\n", s->none);
		return b->error;
	}
	if (capture(s, in, rows, &text, &n))
		return -ENOMEM;
	n_lines = paste_add_section(b, text, n, s->max_bytes);
	write_rest(s, n_more > 0 ? (size_t)n_more : 0, n_lines, b);
	return b->error;
}

/* ---- the whole ------------------------------------------------------------------------------------------------------------- */

static void write_head(const json_t *report, struct buffer *b)
{
	const json_t *status = json_object_get(report, "status");
	time_t now = (time_t)field_number(report, "time");
	char when[40] = "-", watched[TEXT_NUMBER_BYTES];
	CLEANUP(buffer_done) struct buffer head = { 0 };
	struct tm tm;

	if (gmtime_r(&now, &tm))
		strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S UTC", &tm);
	buffer_printf(&head, "%s\n\n", field_text_or(report, "summary", "-"));
	buffer_printf(&head, "poolscope %s on %s, kernel %s, %s; watching for about %s\n",
		      field_text_or(status, "version", "-"), field_text_or(status, "host", "-"),
		      field_text_or(report, "kernel", "-"), when,
		      text_format_duration(field_number(status, "agent.ticks"), watched));
	if (field_text(report, "only"))
		buffer_printf(&head, "Only %s.\n", field_text(report, "only"));
	buffer_add_text(
		&head,
		field_bool(report, "anonymous")
			? "Names are pseudonyms; functions and libraries are as they are.\n"
			: "It has names of hosts, addresses, processes and pools (--anonymous replaces them).\n");
	buffer_printf(&head, "It has no payloads, no environment%s.\n",
		      json_object_get(report, "command_lines") ? "" : ", no command lines");
	if (head.error)
		b->error = head.error;
	else
		paste_add(b, head.data, head.n);
}

int report_write(const struct invocation *in, const json_t *report, struct buffer *b)
{
	int error = 0;

	write_head(report, b);
	for (size_t i = 0; i < sizeof(sections) / sizeof(*sections) && !error; i++)
		error = write_section(&sections[i], in, report, b);
	buffer_add_text(b, "\n== End of the report ==\n");
	return error ? error : b->error;
}
