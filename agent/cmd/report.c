/* SPDX-License-Identifier: MIT */
/*
 * report.c - `poolscope report`: all that is known of an incident, as one text that is safe to paste. Here it is gathered and made small;
 * report_text.c writes it. The surprise: what is too much is left out by rows, the worst stay, and what was left out is told.
 */
#include "cmd/report.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/anonymous.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/newfile.h"
#include "cmd/paste.h"
#include "cmd/pools.h"
#include "cmd/source.h"
#include "cmd/views.h"

#define FULL_MAX 4	/* pools in full */
#define REFS_MAX 8	/* holders, and waiters, of each */
#define STACKS_MAX 3	/* of those, and of a finding's holders, the first with their stacks */
#define FRAMES_MAX 16
#define COMMAND_LINE_BYTES 512

#define YOUNG_TICKS 6	/* an agent younger than that has no findings yet */
#define YOUNG_WAIT_MS 5000
#define STACK_WAIT_MS 250
#define STACK_TRIES 12

/* ---- made small ------------------------------------------------------------------------------------------------------------ */

static void cut_array(json_t *array, size_t max)
{
	while (json_array_size(array) > max)
		json_array_remove(array, json_array_size(array) - 1);
}

/* The first of the rows into the report; how many were left out into its "cut". */
static void keep(json_t *report, const char *key, json_t *rows, size_t max)
{
	json_t *copy = json_copy(rows);
	size_t n = json_array_size(copy);

	if (n > max)
		json_object_set_new(json_object_get(report, "cut"), key,
				    json_integer((json_int_t)(n - max)));
	cut_array(copy, max);
	json_object_set_new(report, key, copy ? copy : json_array());
}

static void cut_stack(json_t *ref, const char *key, bool is_kept)
{
	json_t *stack = json_object_get(ref, key), *frames = json_object_get(stack, "frames");

	if (!is_kept) {
		json_object_set_new(ref, key, json_null());
	} else if (json_array_size(frames) > FRAMES_MAX) {
		cut_array(frames, FRAMES_MAX);
		json_object_set_new(stack, "is_cut", json_true());
	}
}

/* The oldest of a pool's or a finding's holders or waiters, the first of them with their stacks. */
static void cut_refs(json_t *refs_of, const char *key, size_t n_stacks)
{
	json_t *refs = json_object_get(refs_of, key), *ref;
	size_t i, n = json_array_size(refs);

	if (n > REFS_MAX) {
		char cut[32];

		snprintf(cut, sizeof(cut), "%s_cut", key);
		json_object_set_new(refs_of, cut, json_integer((json_int_t)(n - REFS_MAX)));
	}
	cut_array(refs, REFS_MAX);
	json_array_foreach (refs, i, ref) {
		cut_stack(ref, "stack", i < n_stacks);
		if (json_object_get(ref, "acquire_stack"))
			cut_stack(ref, "acquire_stack", i < n_stacks);
	}
}

/* ---- gathered -------------------------------------------------------------------------------------------------------------- */

static int wait_when_young(struct source *source, struct diag *d)
{
	CLEANUP(cleanup_json) json_t *status = NULL;
	int r = source_get(source, API_PREFIX "status", &status, d);

	if (!r && field_number(status, "agent.ticks") < YOUNG_TICKS)
		r = source_wait(source, YOUNG_WAIT_MS, d);
	return r;
}

/* The pools with open findings, the worst first, each once. */
static size_t pools_with_findings(const json_t *findings, json_int_t ret[static FULL_MAX])
{
	const json_t *finding;
	size_t i, k, n = 0;

	json_array_foreach (field_array(findings, "findings"), i, finding) {
		json_int_t id = json_integer_value(json_object_get(finding, "pool_id"));

		for (k = 0; k < n && ret[k] != id; k++)
			;
		if (id && k == n && n < FULL_MAX &&
		    !strcmp(field_text_or(finding, "state", ""), "open"))
			ret[n++] = id;
	}
	return n;
}

/* With stacks, when they come in time. A pool that has gone is left out. */
static json_t *get_in_full(struct source *source, const json_int_t *id, size_t n)
{
	json_t *pools = json_array();
	bool is_whole = false;
	struct diag d;

	for (int i = 0; i < STACK_TRIES && !is_whole && n; i++) {
		if (i && source_wait(source, STACK_WAIT_MS, &d))
			break;
		is_whole = true;
		json_array_clear(pools);
		for (size_t k = 0; k < n; k++) {
			char path[64];
			json_t *pool = NULL;

			snprintf(path, sizeof(path),
				 API_PREFIX "pools/%" JSON_INTEGER_FORMAT "?stacks", id[k]);
			if (source_get(source, path, &pool, &d))
				continue;
			is_whole = is_whole && pool_has_stacks(pool, "holders") &&
				   pool_has_stacks(pool, "waiters");
			json_array_append_new(pools, pool);
		}
	}
	return pools;
}

static void count_more_with_findings(json_t *report, const json_t *pools)
{
	size_t i, n = 0, n_full = json_array_size(field_array(report, "pools_in_full"));
	const json_t *pool;

	json_array_foreach (pools, i, pool)
		n += json_array_size(field_array(pool, "findings")) > 0;
	if (n > n_full)
		json_object_set_new(json_object_get(report, "cut"), "pools_in_full",
				    json_integer((json_int_t)(n - n_full)));
}

static int gather_pools(const struct invocation *in, struct source *source, json_t *report,
			struct diag *d)
{
	CLEANUP(cleanup_json) json_t *findings = NULL;
	CLEANUP(cleanup_json) json_t *pools = NULL;
	CLEANUP(cleanup_json) json_t *full = NULL;
	json_int_t id[FULL_MAX];
	json_t *pool;
	size_t i;
	int r = findings_get(in, source, &findings, d);

	if (r)
		return r;
	full = get_in_full(source, id, pools_with_findings(findings, id));
	json_array_foreach (full, i, pool) {
		cut_refs(pool, "holders", 0); /* they stand with the finding */
		cut_refs(pool, "waiters", STACKS_MAX);
	}
	keep(report, "pools_in_full", full, FULL_MAX);
	r = pools_get(in, NULL, source, &pools, d);
	if (r)
		return r;
	count_more_with_findings(report, field_array(pools, "pools"));
	keep(report, "pools", field_array(pools, "pools"), 40);
	return 0;
}

/* After the pools: now the stacks of holders are there. */
static int gather_findings(const struct invocation *in, struct source *source, json_t *report,
			   struct diag *d)
{
	CLEANUP(cleanup_json) json_t *findings = NULL;
	CLEANUP(cleanup_json) json_t *open = json_array();
	CLEANUP(cleanup_json) json_t *ended = json_array();
	json_t *finding;
	size_t i;
	int r = findings_get(in, source, &findings, d);

	json_array_foreach (field_array(findings, "findings"), i, finding) {
		cut_refs(finding, "holders", STACKS_MAX);
		json_array_append(strcmp(field_text_or(finding, "state", ""), "open") ? ended
										      : open,
				  finding);
	}
	keep(report, "findings", open, 20);
	keep(report, "ended", ended, 20);
	return r;
}

static int gather_of_processes(const struct invocation *in, struct source *source, json_t *report,
			       struct diag *d)
{
	CLEANUP(cleanup_json) json_t *stalls = NULL;
	CLEANUP(cleanup_json) json_t *locks = NULL;
	int r = stalls_get(in, source, &stalls, d);

	if (!r)
		r = locks_get(in, source, &locks, d);
	keep(report, "stalls", field_array(stalls, "stalls"), 20);
	keep(report, "locks", field_array(locks, "locks"), 20);
	return r;
}

static void add_to(json_t *row, const char *key, double n)
{
	double old = field_number(row, key);

	json_object_set_new(row, key, json_integer((json_int_t)((isnan(old) ? 0 : old) + n)));
}

/* A row for each provider in each file. */
static json_t *sum_probes(const json_t *probes)
{
	json_t *rows = json_array(), *row;
	CLEANUP(cleanup_json) json_t *seen = json_object();
	const json_t *probe;
	size_t i;

	json_array_foreach (probes, i, probe) {
		const char *provider = field_text_or(probe, "provider", "-"),
			   *file = field_text_or(probe, "file", "-");
		char key[2048];

		snprintf(key, sizeof(key), "%s %s", provider, file);
		row = json_object_get(seen, key);
		if (!row) {
			row = json_pack("{s:s, s:s, s:O?}", "provider", provider, "file", file,
					"processes", json_object_get(probe, "processes"));
			json_object_set_new(seen, key, row);
			json_array_append(rows, row);
		}
		add_to(row, "probes", 1);
		add_to(row, "problems", field_text(probe, "problem") != NULL);
		add_to(row, "hits", field_number(probe, "hits"));
	}
	return rows;
}

static json_t *choose(const json_t *rows, bool (*is_wanted)(const json_t *row))
{
	json_t *chosen = json_array(), *row;
	size_t i;

	json_array_foreach (rows, i, row)
		if (is_wanted(row))
			json_array_append(chosen, row);
	return chosen;
}

static bool has_problem(const json_t *row)
{
	return field_text(row, "problem") != NULL;
}

static bool is_in_use(const json_t *row)
{
	return field_number(row, "files") > 0 || has_problem(row);
}

static int gather_probes(const struct invocation *in, struct source *source, json_t *report,
			 struct diag *d)
{
	CLEANUP(cleanup_json) json_t *probes = NULL;
	CLEANUP(cleanup_json) json_t *answer = NULL;
	CLEANUP(cleanup_json) json_t *recipes = NULL;
	CLEANUP(cleanup_json) json_t *used = NULL;
	CLEANUP(cleanup_json) json_t *bad = NULL;
	CLEANUP(cleanup_json) json_t *sums = NULL;
	int r = probes_get(in, source, &probes, d);

	if (r && in->pid)
		r = 0; /* what a process maps is not known when it has ended: then without */
	if (!r || r == -ENODATA)
		r = source_get(source, API_PREFIX "recipes", &answer, d);
	if (r && r != -ENODATA) /* a recording has neither */
		return r;
	sums = sum_probes(field_array(probes, "probes"));
	keep(report, "attached", sums, 25);
	bad = choose(field_array(probes, "probes"), has_problem);
	keep(report, "probes", bad, 20);
	recipes = recipes_sort(in, answer);
	used = choose(field_array(recipes, "recipes"), is_in_use);
	keep(report, "recipes", used, 25);
	return 0;
}

static const char *kernel_of(const json_t *status)
{
	const json_t *check;
	size_t i;

	json_array_foreach (field_array(status, "checks"), i, check)
		if (!strcmp(field_text_or(check, "name", ""), "kernel"))
			return field_text(check, "found");
	return NULL;
}

static int gather_status(struct source *source, json_t *report, struct diag *d)
{
	CLEANUP(cleanup_json) json_t *config = NULL;
	json_t *status = NULL;
	int r = source_get(source, API_PREFIX "status", &status, d);

	if (r)
		return r;
	json_object_set_new(report, "status", status);
	json_object_set(report, "time", json_object_get(status, "time"));
	json_object_set_new(report, "kernel",
			    json_string(kernel_of(status) ? kernel_of(status) : "-"));
	if (!source_get(source, API_PREFIX "config", &config, NULL)) /* an older agent has it not */
		keep(report, "config", field_array(config, "config"), 100);
	return 0;
}

/* ---- command lines --------------------------------------------------------------------------------------------------------- */

static ssize_t read_of_process(int pid, const char *what, char *ret, size_t size)
{
	AUTO_CLOSE int fd = -1;
	char path[48];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, what);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? -1 : read(fd, ret, size);
}

/* Here the id may be another one's: the process has ended, or the agent counts in another namespace. */
static bool is_called(int pid, const char *name)
{
	char comm[64] = "", clean[64];

	if (read_of_process(pid, "comm", comm, sizeof(comm) - 1) <= 0)
		return false;
	text_clean(comm, strcspn(comm, "\n"), clean, sizeof(clean)); /* as the agent has it */
	return !strcmp(clean, name);
}

/* The arguments with blanks between them; null = not known. */
static json_t *read_command_line(int pid, const char *name)
{
	char raw[4 * COMMAND_LINE_BYTES], clean[COMMAND_LINE_BYTES];
	ssize_t n = is_called(pid, name) ? read_of_process(pid, "cmdline", raw, sizeof(raw)) : -1;

	if (n <= 0)
		return json_null();
	while (n && !raw[n - 1])
		n--;
	for (ssize_t i = 0; i < n; i++)
		raw[i] = raw[i] ? raw[i] : ' ';
	if (text_clean(raw, (size_t)n, clean, sizeof(clean) - 4) >= sizeof(clean) - 8)
		strcat(clean, "...");
	return json_string(clean);
}

static void gather_command_lines(json_t *report)
{
	CLEANUP(cleanup_json) json_t *rows = json_array();
	CLEANUP(cleanup_json) json_t *seen = json_object();
	const json_t *pool;
	size_t i;

	json_array_foreach (field_array(report, "pools"), i, pool) {
		int pid = (int)json_integer_value(json_object_get(pool, "pid"));
		char key[16];

		snprintf(key, sizeof(key), "%d", pid);
		if (pid <= 0 || json_object_get(seen, key))
			continue;
		json_object_set_new(seen, key, json_true());
		json_array_append_new(
			rows,
			json_pack("{s:i, s:O?, s:o}", "pid", pid, "process",
				  json_object_get(pool, "process"), "command_line",
				  read_command_line(pid, field_text_or(pool, "process", ""))));
	}
	keep(report, "command_lines", rows, 20);
}

/* ---- the command ----------------------------------------------------------------------------------------------------------- */

/* "what was chosen by --pid 7 --pool orders", or null. A pattern may be a part of a name, which has no pseudonym. */
static json_t *choice_of(const struct invocation *in)
{
	char text[512] = "", clean[512], pid[32] = "";

	if (!in->pid && !in->pool && !in->kind)
		return json_null();
	if (in->pid)
		snprintf(pid, sizeof(pid), " --pid %d", in->pid);
	snprintf(text, sizeof(text), "what was chosen by%s%s%s%s%s", pid,
		 in->pool ? " --pool " : "",
		 !in->pool          ? ""
		 : in->is_anonymous ? "..."
				    : in->pool,
		 in->kind ? " --kind " : "", in->kind ? in->kind : "");
	text_clean(text, sizeof(text), clean, sizeof(clean));
	return json_string(clean);
}

static int gather(const struct invocation *in, struct source *source, json_t *report,
		  struct diag *d)
{
	int r = wait_when_young(source, d);

	if (!r)
		r = gather_pools(in, source, report, d);
	if (!r)
		r = gather_findings(in, source, report, d);
	if (!r)
		r = gather_of_processes(in, source, report, d);
	if (!r)
		r = gather_probes(in, source, report, d);
	if (!r)
		r = gather_status(source, report, d);
	if (!r && in->has_command_lines)
		gather_command_lines(report);
	if (r)
		return r;
	json_object_set_new(report, "only", choice_of(in));
	json_object_set_new(report, "anonymous", json_boolean(in->is_anonymous));
	json_object_set_new(report, "summary", report_summary(report));
	return in->is_anonymous && anonymize(report) ? diag_set(d, -ENOMEM, "out of memory") : 0;
}

static int write_report(const struct invocation *in, const json_t *report, struct buffer *ret)
{
	AUTO_FREE char *json = NULL;

	if (!in->is_json)
		return report_write(in, report, ret);
	json = json_dumps(report, JSON_INDENT(1) | API_JSON_FLAGS);
	if (!json)
		return -ENOMEM;
	paste_add(ret, json, strlen(json));
	return ret->error;
}

int command_report(const struct invocation *in)
{
	CLEANUP(cleanup_source) struct source *source = NULL;
	CLEANUP(cleanup_json) json_t *report = json_pack("{s:n, s:{}}", "summary", "cut");
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct diag d = { 0 };

	if (in->is_anonymous && in->has_command_lines)
		return command_misused(in,
				       "--command-lines has names that --anonymous would not find");
	if (in->recording && in->has_command_lines)
		return command_misused(in, "a recording has no command lines");
	if (in->is_forced && !in->output)
		return command_misused(in, "--force is for --output");
	if (source_open(in, &source, &d) || gather(in, source, report, &d))
		return command_fail(in, "%s", d.text);
	if (write_report(in, report, &text))
		return command_fail(in, "out of memory");
	if (!in->output) {
		fwrite(text.data, 1, text.n, stdout);
		return EXIT_DONE;
	}
	if (newfile_write(in->output, text.data, text.n, in->is_forced, &d))
		return command_fail(in, "%s", d.text);
	printf("%s: %zu bytes. %s\n", in->output, text.n, field_text_or(report, "summary", ""));
	return EXIT_DONE;
}
