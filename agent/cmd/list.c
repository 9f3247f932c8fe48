/* SPDX-License-Identifier: MIT */
/* list.c - `poolscope list`: one row per pool, the worst first. No surprise. */
#include <stdio.h>

#include "api/json.h"
#include "base/cleanup.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/pools.h"
#include "cmd/source.h"
#include "cmd/table.h"

int command_list(const struct invocation *in)
{
	CLEANUP(cleanup_json) json_t *answer = NULL;
	CLEANUP(cleanup_json) json_t *pools = NULL;
	CLEANUP(table_done) struct table table = { 0 };
	int r = source_get_once(in, API_PREFIX "pools", &answer);

	if (r)
		return r;
	pools = pools_select(in, answer, in->sort, false);
	if (!pools)
		return command_fail(in, "out of memory");
	if (in->is_json) {
		print_json(pools);
		return EXIT_DONE;
	}
	if (!json_array_size(field_array(pools, "pools"))) {
		printf("No pool %s.\n",
		       json_array_size(field_array(answer, "pools"))
			       ? "matches"
			       : "is known; `poolscope doctor` tells whether the agent sees what it should");
		return EXIT_DONE;
	}
	pools_tabulate(&table, pools);
	return table_print(&table) ? command_fail(in, "out of memory") : EXIT_DONE;
}
