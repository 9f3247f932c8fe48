/* SPDX-License-Identifier: MIT */
/*
 * stalls.c - `poolscope stalls`: the times in which processes stood still, by cause. The surprise: stalls belong to processes, so
 * --pool and --kind choose those processes that have such a pool.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/pools.h"
#include "cmd/rank.h"
#include "cmd/source.h"
#include "cmd/table.h"

static bool is_chosen(const struct invocation *in, const json_t *stall, const json_t *pools)
{
	double pid = field_number(stall, "pid");
	const json_t *pool;
	size_t i;

	if (!pools)
		return !in->pid || pid == in->pid;
	json_array_foreach (field_array(pools, "pools"), i, pool) {
		if (field_number(pool, "pid") == pid)
			return true;
	}
	return false;
}

static struct rank rank_stall(json_t *stall, const char *sort)
{
	static const struct {
		const char *key, *field;
	} fields[] = { { "sum", "sum_seconds" }, { "max", "max_seconds" }, { "count", "count" } };
	struct rank r = { .item = stall,
			  .text = "",
			  .number = { field_number(stall, fields[0].field) } };

	for (size_t i = 0; sort && i < sizeof(fields) / sizeof(fields[0]); i++) {
		if (!strcmp(sort, fields[i].key))
			r.number[0] = field_number(stall, fields[i].field);
	}
	if (sort && !strcmp(sort, "process"))
		r.text = field_text_or(stall, "process", "");
	return r;
}

/* `pools` are the chosen ones, NULL = no choice by pool. */
static json_t *select_stalls(const struct invocation *in, const json_t *answer, const json_t *pools)
{
	json_t *all = field_array(answer, "stalls"), *stall;
	AUTO_FREE struct rank *rank = calloc(json_array_size(all) + 1, sizeof(*rank));
	size_t i, n = 0;

	json_array_foreach (all, i, stall) {
		if (rank && is_chosen(in, stall, pools))
			rank[n++] = rank_stall(stall, in->sort);
	}
	return rank_list("stalls", rank, n, false);
}

static int get_stalls(const struct invocation *in, json_t **ret, struct diag *d)
{
	CLEANUP(cleanup_source) struct source *source = NULL;
	CLEANUP(cleanup_json) json_t *answer = NULL;
	CLEANUP(cleanup_json) json_t *all_pools = NULL;
	CLEANUP(cleanup_json) json_t *pools = NULL;
	int r = source_open(in, &source, d);

	if (!r)
		r = source_get(source, API_PREFIX "stalls", &answer, d);
	if (!r && (in->pool || in->kind)) {
		r = source_get(source, API_PREFIX "pools", &all_pools, d);
		pools = pools_select(in, all_pools, NULL, false);
	}
	if (!r)
		*ret = select_stalls(in, answer, pools);
	return r;
}

static int print_stalls(const struct invocation *in, const json_t *stalls)
{
	static const struct column columns[] = {
		{ "PROCESS", false, 0, 0 }, { "PID", true, 0, 0 }, { "COUNT", true, 0, 0 }, { "SUM", true, 0, 0 },
		{ "P99", true, 0, 0 }, { "MAX", true, 0, 0 }, { "NOW", true, 0, 0 },	{ "CAUSE", false, 0, 0 },
	};
	static const char *const durations[] = { "sum_seconds", "p99_seconds", "max_seconds",
						 "lasts_seconds" };
	CLEANUP(table_done) struct table t = { 0 };
	const json_t *stall;
	size_t i;

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (field_array(stalls, "stalls"), i, stall) {
		char number[TEXT_NUMBER_BYTES];

		table_add(&t, field_text(stall, "process"));
		snprintf(number, sizeof(number), "%.0f", field_number(stall, "pid"));
		table_add(&t, number);
		table_add(&t, text_format_count(field_number(stall, "count"), number));
		for (size_t k = 0; k < 4; k++)
			table_add(&t,
				  text_format_duration(field_number(stall, durations[k]), number));
		table_add(&t, field_text(stall, "cause"));
	}
	return table_print(&t) ? command_fail(in, "out of memory") : EXIT_DONE;
}

int command_stalls(const struct invocation *in)
{
	CLEANUP(cleanup_json) json_t *stalls = NULL;
	struct diag d = { 0 };

	if (get_stalls(in, &stalls, &d))
		return command_fail(in, "%s", d.text);
	if (in->is_json) {
		print_json(stalls);
		return EXIT_DONE;
	}
	if (!json_array_size(field_array(stalls, "stalls"))) {
		printf("No stalls.\n");
		return EXIT_DONE;
	}
	return print_stalls(in, stalls);
}
