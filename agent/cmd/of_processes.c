/* SPDX-License-Identifier: MIT */
/* of_processes.c - see of_processes.h. */
#include "cmd/of_processes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/json.h"
#include "base/cleanup.h"
#include "base/diag.h"
#include "cmd/field.h"
#include "cmd/pools.h"

struct rank rank_of_process(struct rank r, const char *sort, const struct sort_field *fields,
			    size_t n)
{
	r.text = "";
	for (size_t i = 0; sort && i < n; i++) {
		if (!strcmp(sort, fields[i].key))
			r.number[0] = field_number(r.item, fields[i].field);
	}
	if (sort && !strcmp(sort, "process"))
		r.text = field_text_or(r.item, "process", "");
	return r;
}

/* `pools` are the chosen ones, NULL = no choice by pool. */
static bool is_chosen(const struct invocation *in, const json_t *row, const json_t *pools)
{
	double pid = field_number(row, "pid");
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

int of_processes_get(const struct invocation *in, struct source *source, const char *what,
		     struct rank (*rank)(json_t *row, const char *sort), json_t **ret,
		     struct diag *d)
{
	CLEANUP(cleanup_json) json_t *answer = NULL;
	CLEANUP(cleanup_json) json_t *pools = NULL;
	AUTO_FREE struct rank *ranks = NULL;
	json_t *all, *row;
	size_t i, n = 0;
	char path[64];
	int r;

	snprintf(path, sizeof(path), API_PREFIX "%s", what);
	r = source_get(source, path, &answer, d);
	if (!r && (in->pool || in->kind))
		r = pools_get(in, NULL, source, &pools, d);
	if (r)
		return r;
	all = field_array(answer, what);
	ranks = calloc(json_array_size(all) + 1, sizeof(*ranks));
	json_array_foreach (all, i, row) {
		if (ranks && is_chosen(in, row, pools))
			ranks[n++] = rank(row, in->sort);
	}
	*ret = rank_list(what, ranks, n, false);
	return 0;
}
