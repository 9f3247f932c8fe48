/* SPDX-License-Identifier: MIT */
/*
 * show.c - `poolscope show POOL`: one pool in full. The surprise: the pool is looked for first and asked for then, so that a name that fits
 * several can be answered with the candidates.
 */
#include <errno.h>
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
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/pools.h"
#include "cmd/source.h"
#include "cmd/table.h"
#include "cmd/views.h"
#include "cmd/words.h"

#define SHORT_LIST 3	/* holders and waiters without --holders, --waiters */
#define STACKS 16	/* so many of each the agent looks at (evidence.h) */
#define TAKEN_AGE_S 1.5	/* of younger ones the agent may not have asked where they were taken */
#define STACK_AGE_S 3
#define STACK_WAIT_MS 250
#define STACK_TRIES 20

/* ---- which pool ------------------------------------------------------------------------------------------------------------ */

static json_int_t id_of(const json_t *pool)
{
	return json_integer_value(json_object_get(pool, "id"));
}

static int fail_ambiguous(const struct invocation *in, const char *word, const json_t *pools)
{
	static const struct column columns[] = {
		{ "ID", true, 0, 0 }, { "PROCESS", false, 0, 0 }, { "PID", true, 0, 0 },
		{ "POOL", false, 0, 0 }, { "KIND", false, 0, 0 }, { "ENDPOINT", false, 0, 0 },
	};
	CLEANUP(table_done) struct table t = { 0 };
	CLEANUP(buffer_done) struct buffer text = { 0 };
	const json_t *pool;
	size_t i;

	command_fail(in,
		     "%zu pools are named '%s'; say which one by its id:", json_array_size(pools),
		     word);
	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (pools, i, pool) {
		char id[24], pid[24];

		snprintf(id, sizeof(id), "%" JSON_INTEGER_FORMAT, id_of(pool));
		snprintf(pid, sizeof(pid), "%.0f", field_number(pool, "pid"));
		table_add(&t, id);
		table_add(&t, field_text(pool, "process"));
		table_add(&t, pid);
		table_add(&t, field_text(pool, "name"));
		table_add(&t, field_text(pool, "kind"));
		table_add(&t, field_text(pool, "endpoint"));
	}
	if (!table_write(&t, 0, &text))
		fputs(text.data, stderr);
	return EXIT_FAILED;
}

/* Of those that the word may mean, the ones that it names best: by id, then by name, then as a pattern. A new array. */
static json_t *best_named(const char *word, const json_t *answer)
{
	json_t *all = field_array(answer, "pools"), *named = json_array(), *pool;
	size_t i;

	json_array_foreach (all, i, pool) {
		if (pool_has_id(pool, word)) {
			json_array_clear(named);
			json_array_append(named, pool);
			return named;
		}
		if (pool_is_named(pool, word))
			json_array_append(named, pool);
	}
	if (json_array_size(named))
		return named;
	json_decref(named);
	return json_incref(all);
}

static int find_pools(const struct invocation *in, struct source *source, const char *word,
		      json_t **ret, struct diag *d)
{
	const struct invocation named = { .pid = in->pid, .kind = in->kind, .pool = word };
	CLEANUP(cleanup_json) json_t *answer = NULL;
	int r = pools_get(&named, NULL, source, &answer, d);

	if (!r)
		*ret = best_named(word, answer);
	return r;
}

/* ---- printing -------------------------------------------------------------------------------------------------------------- */

static const char *count(const json_t *p, const char *key, char number[static TEXT_NUMBER_BYTES])
{
	return text_format_count(field_number(p, key), number);
}

static const char *duration(const json_t *p, const char *key, char number[static TEXT_NUMBER_BYTES])
{
	return text_format_duration(field_number(p, key), number);
}

static void print_line(const char *label, const char *text)
{
	printf("  %-12s %s\n", label, text ? text : "-");
}

static void print_identity(const json_t *p)
{
	const char *service = field_text(p, "service"), *container = field_text(p, "container_id");
	char number[TEXT_NUMBER_BYTES];

	printf("%s: %s pool of %s (pid %.0f", field_text_or(p, "name", "-"),
	       field_text_or(p, "kind", "-"), field_text_or(p, "process", "-"),
	       field_number(p, "pid"));
	if (service)
		printf(", service %s", service);
	if (container)
		printf(", container %.12s", container);
	printf(")\n\n");
	print_line("verdict", field_text(p, "verdict"));
	if (!field_bool(p, "trusted"))
		printf("  %-12s no: %s\n", "trusted",
		       field_text_or(p, "untrusted_why", "the reason is not known"));
	print_line("endpoint", field_text(p, "endpoint"));
	printf("  %-12s %s", "source", field_text_or(p, "source", "-"));
	if (field_text(p, "library"))
		printf(" (%s)", field_text(p, "library"));
	printf(", confidence %s: %s\n", field_text_or(p, "confidence", "-"),
	       field_text_or(p, "evidence", "-"));
	printf("  %-12s %s; id %" JSON_INTEGER_FORMAT "\n", "counted for",
	       duration(p, "since_seconds", number), id_of(p));
}

static void add_hist_row(struct table *t, const json_t *p, const char *key, const char *label)
{
	static const char *const columns[] = { "p50_seconds", "p90_seconds", "p99_seconds",
					       "max_seconds", "sum_seconds" };
	const json_t *hist = json_object_get(p, key);
	char number[TEXT_NUMBER_BYTES];

	table_add(t, label);
	table_add(t, count(hist, "count", number));
	for (size_t i = 0; i < sizeof(columns) / sizeof(columns[0]); i++)
		table_add(t, duration(hist, columns[i], number));
}

static void print_histograms(const json_t *p)
{
	static const struct column columns[] = {
		{ "", false, 0, 0 }, { "COUNT", true, 0, 0 }, { "P50", true, 0, 0 }, { "P90", true, 0, 0 },
		{ "P99", true, 0, 0 }, { "MAX", true, 0, 0 }, { "SUM", true, 0, 0 },
	};
	CLEANUP(table_done) struct table t = { 0 };

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	t.indent = 2;
	add_hist_row(&t, p, "wait", "wait");
	add_hist_row(&t, p, "wait_failed", "wait, failed");
	add_hist_row(&t, p, "hold", "hold");
	add_hist_row(&t, p, "create", "create");
	printf("\n");
	table_print(&t);
	printf("\n");
}

static void print_lines(void (*words)(const json_t *p, struct buffer *ret), const json_t *p)
{
	CLEANUP(buffer_done) struct buffer lines = { 0 };

	words(p, &lines);
	if (!lines.error)
		fputs(lines.data, stdout);
}

static void print_findings(const json_t *p)
{
	const json_t *finding;
	size_t i;

	json_array_foreach (field_array(p, "findings"), i, finding)
		printf("\n  %s %s: %s\n", field_text_or(finding, "severity", "-"),
		       field_text_or(finding, "type", "-"), field_text_or(finding, "text", "-"));
}

static int compare_tids(const void *a, const void *b)
{
	double p = field_number(*(json_t *const *)a, "tid"),
	       q = field_number(*(json_t *const *)b, "tid");

	return (p > q) - (p < q);
}

/* The API has them oldest first; --sort tid orders by thread. */
static void print_refs(const struct invocation *in, const json_t *p, const char *key,
		       const char *id_key, const char *id_title, bool is_all)
{
	const struct column columns[] = {
		{ "AGE", true, 0, 0 }, { "TID", true, 0, 0 }, { "THREAD", false, 0, 0 }, { id_title, false, 0, 0 },
	};
	json_t *refs = field_array(p, key);
	size_t n = json_array_size(refs), n_shown = is_all || n < SHORT_LIST ? n : SHORT_LIST;
	AUTO_FREE json_t **row = calloc(n + 1, sizeof(*row));
	CLEANUP(table_done) struct table t = { 0 };

	if (!n || !row)
		return;
	for (size_t i = 0; i < n; i++)
		row[i] = json_array_get(refs, i);
	if (in->sort && !strcmp(in->sort, "tid"))
		qsort(row, n, sizeof(*row), compare_tids);
	printf("\n  %s, %s", key,
	       in->sort && !strcmp(in->sort, "tid") ? "by thread" : "the oldest first");
	if (n_shown < n)
		printf(" (%zu of %zu; --%s for more)", n_shown, n, key);
	printf(":\n");
	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	t.indent = 2;
	for (size_t i = 0; i < n_shown; i++) {
		char number[TEXT_NUMBER_BYTES], tid[24], item[64];

		table_add(&t, duration(row[i], "age_seconds", number));
		snprintf(tid, sizeof(tid), "%.0f", field_number(row[i], "tid"));
		table_add(&t, isnan(field_number(row[i], "tid")) ? NULL : tid);
		table_add(&t, field_text(row[i], "thread"));
		snprintf(item, sizeof(item), "%s%s", field_text_or(row[i], id_key, "-"),
			 field_bool(row[i], "is_thread_gone") ? "  (its thread has ended)" : "");
		table_add(&t, item);
	}
	table_print(&t);
}

/* "sleeping 0.2s ago, waits for data from 10.0.0.1:5432 (fd 7)" */
static void print_state(const json_t *ref, const json_t *stack)
{
	CLEANUP(buffer_done) struct buffer state = { 0 };
	char number[TEXT_NUMBER_BYTES];

	printf("\n  %s", duration(ref, "age_seconds", number));
	if (!isnan(field_number(ref, "tid")))
		printf("  thread %.0f", field_number(ref, "tid"));
	if (field_text(ref, "thread"))
		printf(" %s", field_text(ref, "thread"));
	if (!isnan(field_number(stack, "goroutine")))
		printf(", goroutine %.0f", field_number(stack, "goroutine"));
	words_state(ref, &state);
	printf(": %s\n", state.error ? "-" : state.data);
}

static void print_frames(const json_t *stack)
{
	const json_t *frame;
	size_t i;

	json_array_foreach (field_array(stack, "frames"), i, frame)
		printf("      %s\n", json_string_value(frame));
	if (field_bool(stack, "is_cut"))
		printf("      ...\n");
}

static void print_stacks(const json_t *p, const char *key)
{
	const json_t *ref;
	size_t i;

	json_array_foreach (field_array(p, key), i, ref) {
		const json_t *stack = json_object_get(ref, "stack"),
			     *taken = json_object_get(ref, "acquire_stack");

		if (!json_is_object(stack))
			continue;
		print_state(ref, stack);
		print_frames(stack);
		if (!json_is_object(taken))
			continue;
		printf("    took it in%s%s:\n", field_text(taken, "problem") ? ": " : "",
		       field_text_or(taken, "problem", ""));
		print_frames(taken);
	}
}

void pool_print(const struct invocation *in, const json_t *p)
{
	bool is_short = !in->has_holders && !in->has_waiters;

	print_identity(p);
	printf("\n");
	print_lines(words_gauges, p);
	print_histograms(p);
	print_lines(words_counters, p);
	print_findings(p);
	if (in->has_holders || is_short)
		print_refs(in, p, "holders", "item", "ITEM", in->has_holders);
	if (in->has_holders)
		print_stacks(p, "holders");
	if (in->has_waiters || is_short)
		print_refs(in, p, "waiters", "waiter", "WAITER", in->has_waiters);
	if (in->has_waiters)
		print_stacks(p, "waiters");
}

/* ---- the question ---------------------------------------------------------------------------------------------------------- */

/* Whether the first ones, of which the agent looks at the stacks, all have those that they can have, and no present one is of another day. */
bool pool_has_stacks(const json_t *p, const char *key)
{
	bool is_counted = strncmp(field_text_or(p, "source", ""), "inferred", 8) != 0;
	const json_t *refs = field_array(p, key);
	size_t n = json_array_size(refs);

	for (size_t i = 0; i < n && i < STACKS; i++) {
		const json_t *ref = json_array_get(refs, i), *stack = json_object_get(ref, "stack");
		const json_t *taken = json_object_get(ref, "acquire_stack");

		if (taken && !json_is_object(taken) && is_counted &&
		    field_number(ref, "age_seconds") > TAKEN_AGE_S)
			return false;

		if (!isnan(field_number(ref, "tid")) &&
		    !(field_number(stack, "age_seconds") < STACK_AGE_S))
			return false;
	}
	return true;
}

/* Until the stacks are there, or it takes too long: then without. */
static int get_with_stacks(const struct invocation *in, struct source *source, const char *path,
			   json_t **ret, struct diag *d)
{
	for (int i = 0; i < STACK_TRIES; i++) {
		int error;

		if (i && source_wait(source, STACK_WAIT_MS, d))
			return -EIO;
		json_decref(*ret);
		*ret = NULL;
		error = source_get(source, path, ret, d);
		if (error)
			return error;
		if ((!in->has_holders || pool_has_stacks(*ret, "holders")) &&
		    (!in->has_waiters || pool_has_stacks(*ret, "waiters")))
			break;
	}
	return 0;
}

int command_show(const struct invocation *in)
{
	CLEANUP(cleanup_source) struct source *source = NULL;
	CLEANUP(cleanup_json) json_t *found = NULL;
	CLEANUP(cleanup_json) json_t *pool = NULL;
	const char *word = in->argument ? in->argument : in->pool;
	struct diag d = { 0 };
	char path[64];

	if (!word)
		return command_misused(
			in, "which pool? give its name or id; `poolscope list` shows them");
	if (source_open(in, &source, &d) || find_pools(in, source, word, &found, &d))
		return command_fail(in, "%s", d.text);
	if (!json_array_size(found))
		return command_fail(in, "no pool '%s' is known; `poolscope list` shows them", word);
	if (json_array_size(found) > 1)
		return fail_ambiguous(in, word, found);
	snprintf(path, sizeof(path), API_PREFIX "pools/%" JSON_INTEGER_FORMAT "%s",
		 id_of(json_array_get(found, 0)),
		 in->has_holders || in->has_waiters ? "?stacks" : "");
	if (get_with_stacks(in, source, path, &pool, &d))
		return command_fail(in, "%s", d.text);
	if (in->is_json)
		print_json(pool);
	else
		pool_print(in, pool);
	return EXIT_DONE;
}
