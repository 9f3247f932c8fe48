/* SPDX-License-Identifier: MIT */
/* list.c - `poolscope list`: one row per pool, the worst first. No surprise. */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "cmd/again.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/pools.h"
#include "cmd/prose.h"
#include "cmd/source.h"
#include "cmd/table.h"

static int look(const struct invocation *in, struct source *source)
{
	CLEANUP(cleanup_json) json_t *pools = NULL;
	CLEANUP(table_done) struct table table = { 0 };
	struct diag d = { 0 };

	if (pools_get(in, in->sort, source, &pools, &d))
		return command_fail(in, "%s", d.text);
	if (in->is_json) {
		json_object_del(pools, "first");
		json_object_del(pools, "chosen");
		json_object_del(pools, "total");
		print_document(in, pools);
		return EXIT_DONE;
	}
	if (!json_array_size(field_array(pools, "pools"))) {
		prose_print(
			"", 0,
			field_number(pools, "total") > 0
				? "No pool matches."
				: "No pool is known; `poolscope doctor` tells whether the agent sees what it should.");
		return EXIT_DONE;
	}
	pools_tabulate(&table, pools);
	return table_print(&table) ? command_fail(in, "out of memory") : EXIT_DONE;
}

int command_list(const struct invocation *in)
{
	return again_run(in, look);
}
