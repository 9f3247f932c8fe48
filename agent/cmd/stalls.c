/* SPDX-License-Identifier: MIT */
/* stalls.c - `poolscope stalls`: the times in which processes stood still, by cause. */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/of_processes.h"
#include "cmd/table.h"
#include "cmd/views.h"

static struct rank rank_stall(json_t *stall, const char *sort)
{
	static const struct sort_field fields[] = { { "sum", "sum_seconds" },
						    { "max", "max_seconds" },
						    { "count", "count" } };
	struct rank r = { .item = stall, .number = { field_number(stall, fields[0].field) } };

	return rank_of_process(r, sort, fields, sizeof(fields) / sizeof(fields[0]));
}

int stalls_get(const struct invocation *in, struct source *source, json_t **ret, struct diag *d)
{
	return of_processes_get(in, source, "stalls", rank_stall, ret, d);
}

void stalls_tabulate(struct table *t, const json_t *stalls)
{
	static const struct column columns[] = {
		{ "PROCESS", false, 0, 0 }, { "PID", true, 0, 0 }, { "COUNT", true, 0, 0 }, { "SUM", true, 0, 0 },
		{ "P99", true, 0, 0 }, { "MAX", true, 0, 0 }, { "NOW", true, 0, 0 },	{ "CAUSE", false, 0, 0 },
	};
	static const char *const durations[] = { "sum_seconds", "p99_seconds", "max_seconds",
						 "lasts_seconds" };
	const json_t *stall;
	size_t i;

	table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (field_array(stalls, "stalls"), i, stall) {
		char number[TEXT_NUMBER_BYTES];

		table_add(t, field_text(stall, "process"));
		snprintf(number, sizeof(number), "%.0f", field_number(stall, "pid"));
		table_add(t, number);
		table_add(t, text_format_count(field_number(stall, "count"), number));
		for (size_t k = 0; k < sizeof(durations) / sizeof(durations[0]); k++)
			table_add(t,
				  text_format_duration(field_number(stall, durations[k]), number));
		table_add(t, field_text(stall, "cause"));
	}
}

int stalls_print(const json_t *stalls)
{
	CLEANUP(table_done) struct table t = { 0 };

	stalls_tabulate(&t, stalls);
	return table_print(&t);
}

int command_stalls(const struct invocation *in)
{
	CLEANUP(cleanup_source) struct source *source = NULL;
	CLEANUP(cleanup_json) json_t *stalls = NULL;
	struct diag d = { 0 };

	if (source_open(in, &source, &d) || stalls_get(in, source, &stalls, &d))
		return command_fail(in, "%s", d.text);
	if (in->is_json) {
		print_json(stalls);
		return EXIT_DONE;
	}
	if (!json_array_size(field_array(stalls, "stalls"))) {
		printf("No stalls.\n");
		return EXIT_DONE;
	}
	return stalls_print(stalls) ? command_fail(in, "out of memory") : EXIT_DONE;
}
