/* SPDX-License-Identifier: MIT */
/*
 * of_processes.h - rows that belong to processes and not to pools: for them --pool and --kind choose the processes that have such a pool.
 */
#ifndef POOLSCOPE_CMD_OF_PROCESSES_H
#define POOLSCOPE_CMD_OF_PROCESSES_H

#include "cmd/command.h"
#include "cmd/rank.h"
#include "cmd/source.h"

/* --sort, and the field of a row that has the number. */
struct sort_field {
	const char *key, *field;
};

/* The order of a row by one of n fields or by its process; without --sort by what `r.number` has already. */
struct rank rank_of_process(struct rank r, const char *sort, const struct sort_field *fields,
			    size_t n);

/*
 * Asks for API_PREFIX `what`, whose answer has an array of that name, and gives *ret the chosen ones in their order, as an object with
 * such an array. Negative errno with d set.
 */
int of_processes_get(const struct invocation *in, struct source *source, const char *what,
		     struct rank (*rank)(json_t *row, const char *sort), json_t **ret,
		     struct diag *d);

#endif
