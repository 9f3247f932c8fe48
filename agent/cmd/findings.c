/* SPDX-License-Identifier: MIT */
/*
 * findings.c - `poolscope findings`: what is wrong, since when, what to do. The surprise: the options speak of pools, so a finding
 * is put into the shape of a pool to be held against them; its pool may be gone by now.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/json.h"
#include "base/buffer.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/pools.h"
#include "cmd/rank.h"
#include "cmd/source.h"
#include "cmd/views.h"
#include "cmd/words.h"

#define FOLLOW_MS 1000
#define YOUNG_TICKS 60 /* of a second each */

/* ---- choosing and ordering ------------------------------------------------------------------------------------------------- */

static const char *kind_of(const json_t *pools, const json_t *pool_id)
{
	const json_t *pool;
	size_t i;

	json_array_foreach (field_array(pools, "pools"), i, pool) {
		if (json_equal(json_object_get(pool, "id"), pool_id))
			return field_text(pool, "kind");
	}
	return NULL;
}

static bool is_chosen(const struct invocation *in, const json_t *finding, const json_t *pools)
{
	const json_t *id = json_object_get(finding, "pool_id");
	CLEANUP(cleanup_json)
	json_t *pool = json_pack("{s:O?, s:O?, s:O?, s:O?, s:s?}", "id", id, "name",
				 json_object_get(finding, "pool"), "process",
				 json_object_get(finding, "process"), "pid",
				 json_object_get(finding, "pid"), "kind",
				 in->kind ? kind_of(pools, id) : NULL);

	return pool_is_chosen(in, pool);
}

static struct rank rank_finding(json_t *finding, const char *sort)
{
	struct rank r = {
		.item = finding,
		.first = !strcmp(field_text_or(finding, "state", ""), "open"),
		.text = "",
		.number = { severity_rank(field_text(finding, "severity")),
			    field_number(finding, "since") },
	};

	if (sort && !strcmp(sort, "since"))
		r.number[0] = r.first = 0;
	else if (sort && strcmp(sort, "severity") != 0)
		r.text = field_text_or(finding, sort, "");
	return r;
}

static json_t *select_findings(const struct invocation *in, const json_t *answer,
			       const json_t *pools)
{
	json_t *all = field_array(answer, "findings"), *finding;
	AUTO_FREE struct rank *rank = calloc(json_array_size(all) + 1, sizeof(*rank));
	size_t i, n = 0;

	json_array_foreach (all, i, finding) {
		if (rank && is_chosen(in, finding, pools))
			rank[n++] = rank_finding(finding, in->sort);
	}
	return rank_list("findings", rank, n, false);
}

int findings_get(const struct invocation *in, struct source *source, json_t **ret, struct diag *d)
{
	CLEANUP(cleanup_json) json_t *answer = NULL;
	CLEANUP(cleanup_json) json_t *pools = NULL;
	int r = source_get(source, API_PREFIX "findings", &answer, d);

	if (!r && in->kind)
		r = source_get(source, API_PREFIX "pools", &pools, d);
	if (!r)
		*ret = select_findings(in, answer, pools);
	return r;
}

/* ---- printing -------------------------------------------------------------------------------------------------------------- */

static void print_frames(const json_t *stack, size_t n)
{
	const json_t *frames = field_array(stack, "frames"), *frame;
	size_t i;

	json_array_foreach (frames, i, frame) {
		if (i == n)
			break;
		printf("            %s\n", json_string_value(frame));
	}
	if (n && (json_array_size(frames) > n || field_bool(stack, "is_cut")))
		printf("            ...\n");
}

static void print_holder(const json_t *h, size_t n_frames)
{
	const json_t *stack = json_object_get(h, "stack");
	char number[TEXT_NUMBER_BYTES];

	const char *place = field_text(json_object_get(h, "acquire_stack"), "place");

	if (!json_is_object(stack) && !place)
		return;
	printf("          holder: %s for %s", field_text_or(h, "thread", "thread"),
	       text_format_duration(field_number(h, "age_seconds"), number));
	if (!isnan(field_number(h, "tid")))
		printf(" (tid %.0f)", field_number(h, "tid"));
	printf(", %s", field_text_or(stack, "state", "its state is not known"));
	if (words_place(field_array(stack, "frames")))
		printf(" in %s", words_place(field_array(stack, "frames")));
	if (field_text(h, "waits_in"))
		printf(", waits in pool %s", field_text(h, "waits_in"));
	if (field_text(stack, "waits_for"))
		printf(", waits for %s", field_text(stack, "waits_for"));
	if (place)
		printf("\n                  took it in %s", place);
	printf("\n");
	print_frames(stack, n_frames);
}

static const char *text_of(const struct buffer *b)
{
	return b->error || !b->n ? "-" : b->data;
}

void finding_print(const json_t *f, size_t n_frames)
{
	double since = field_number(f, "since"), until = field_number(f, "until");
	CLEANUP(buffer_done) struct buffer from = { 0 };
	CLEANUP(buffer_done) struct buffer to = { 0 };
	char lasted[TEXT_NUMBER_BYTES];
	const json_t *holder;
	size_t i;

	words_time(since, (double)time(NULL), &from);
	words_time(until, (double)time(NULL), &to);
	printf("%-8s  %s  %s%s%s", field_text_or(f, "severity", "-"), field_text_or(f, "type", "-"),
	       field_text_or(f, "process", "-"), field_text(f, "pool") ? "/" : "",
	       field_text_or(f, "pool", ""));
	if (!isnan(field_number(f, "pid")))
		printf(" (pid %.0f)", field_number(f, "pid"));
	if (isnan(until)) {
		printf(", since %s\n", text_of(&from));
	} else {
		printf(", %s to %s (%s), ended\n", text_of(&from), text_of(&to),
		       text_format_duration(until - since, lasted));
	}
	printf("          %s\n", field_text_or(f, "text", "-"));
	if (field_text(f, "evidence"))
		printf("          evidence: %s\n", field_text(f, "evidence"));
	json_array_foreach (field_array(f, "holders"), i, holder)
		print_holder(holder, n_frames);
	if (field_text(f, "advice"))
		printf("          advice: %s\n", field_text(f, "advice"));
}

/* What takes time to show cannot have shown yet. */
static void print_none(struct source *source)
{
	CLEANUP(cleanup_json) json_t *status = NULL;
	struct diag d = { 0 };
	double ticks = NAN;

	if (!source_get(source, API_PREFIX "status", &status, &d))
		ticks = field_number(json_object_get(status, "agent"), "ticks");
	if (ticks < YOUNG_TICKS)
		printf("No findings yet: the agent has looked for %.0f seconds; most need a few, a leak a minute.\n",
		       ticks);
	else
		printf("No findings.\n");
}

static int print_all(const struct invocation *in, struct source *source, const json_t *findings)
{
	const json_t *finding;
	size_t i;

	if (in->is_json) {
		print_json(findings);
		return EXIT_DONE;
	}
	if (!json_array_size(field_array(findings, "findings")))
		print_none(source);
	json_array_foreach (field_array(findings, "findings"), i, finding) {
		if (i)
			printf("\n");
		finding_print(finding, 0);
	}
	return EXIT_DONE;
}

/* Prints each finding when it first shows and when it ends, until interrupted; with --json one object per line. */
static int follow(const struct invocation *in, struct source *source)
{
	CLEANUP(cleanup_json) json_t *seen = json_object();
	struct diag d = { 0 };

	for (;;) {
		CLEANUP(cleanup_json) json_t *findings = NULL;
		json_t *finding, *now = json_object();
		size_t i;

		if (findings_get(in, source, &findings, &d)) {
			json_decref(now);
			return command_fail(in, "%s", d.text);
		}
		json_array_foreach (field_array(findings, "findings"), i, finding) {
			json_t *state = json_object_get(finding, "state");
			char id[32];

			snprintf(id, sizeof(id), "%.0f", field_number(finding, "id"));
			json_object_set(now, id, state);
			if (json_equal(json_object_get(seen, id), state))
				continue;
			if (in->is_json) {
				json_dumpf(finding, stdout, JSON_COMPACT | API_JSON_FLAGS);
				printf("\n");
			} else {
				finding_print(finding, 0);
				printf("\n");
			}
		}
		fflush(stdout);
		json_decref(seen);
		seen = now;
		if (source_is_over(source))
			return EXIT_DONE;
		if (source_wait(source, FOLLOW_MS, &d))
			return command_fail(in, "%s", d.text);
	}
}

int command_findings(const struct invocation *in)
{
	CLEANUP(cleanup_source) struct source *source = NULL;
	CLEANUP(cleanup_json) json_t *findings = NULL;
	struct diag d = { 0 };

	if (source_open(in, &source, &d))
		return command_fail(in, "%s", d.text);
	if (in->is_followed)
		return follow(in, source);
	if (findings_get(in, source, &findings, &d))
		return command_fail(in, "%s", d.text);
	return print_all(in, source, findings);
}
