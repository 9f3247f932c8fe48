/* SPDX-License-Identifier: MIT */
/* locks.c - `poolscope locks`: where threads wait for each other. */
#include <math.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/diag.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/of_processes.h"
#include "cmd/table.h"
#include "cmd/views.h"
#include "cmd/words.h"

#define INTERVAL_S 2.0

/* Without an order those first at which most is waited now, then those at which most was. */
static struct rank rank_lock(json_t *lock, const char *sort)
{
	static const struct sort_field fields[] = { { "wait", "wait.sum_seconds" },
						    { "waits", "waits_per_second" },
						    { "now", "mean_waiting" },
						    { "longest", "oldest_wait_seconds" } };
	struct rank r = { .item = lock,
			  .number = { field_number(lock, "mean_waiting"),
				      field_number(lock, "oldest_wait_seconds"),
				      field_number(lock, "wait.sum_seconds") } };

	return rank_of_process(r, sort, fields, sizeof(fields) / sizeof(fields[0]));
}

int locks_print(const json_t *locks)
{
	static const struct column columns[] = {
		{ "PROCESS", false, 0, 0 }, { "PID", true, 0, 0 },	{ "LOCK", false, 0, 40 },
		{ "WAITS/S", true, 0, 0 },  { "WAITING", true, 0, 0 },	{ "WAITS", true, 0, 0 },
		{ "WAIT", true, 0, 0 },	    { "P99", true, 0, 0 },	{ "MAX", true, 0, 0 },
		{ "NOW", true, 0, 0 },	    { "LONGEST", true, 0, 0 }, { "TIMEOUTS", true, 1, 0 },
		{ "AT", false, 0, 0 },
	};
	static const char *const durations[] = { "wait.sum_seconds", "wait.p99_seconds",
						 "wait.max_seconds" };
	CLEANUP(table_done) struct table t = { 0 };
	const json_t *lock;
	size_t i;

	table_init(&t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (field_array(locks, "locks"), i, lock) {
		char number[TEXT_NUMBER_BYTES];

		table_add(&t, field_text(lock, "process"));
		snprintf(number, sizeof(number), "%.0f", field_number(lock, "pid"));
		table_add(&t, number);
		table_add(&t, field_text(lock, "lock"));
		table_add(&t, text_format_count(field_number(lock, "waits_per_second"), number));
		if (isnan(field_number(lock, "mean_waiting")))
			snprintf(number, sizeof(number), "-");
		else
			snprintf(number, sizeof(number), "%.2f",
				 field_number(lock, "mean_waiting"));
		table_add(&t, number);
		table_add(&t, text_format_count(field_number(lock, "wait.count"), number));
		for (size_t k = 0; k < sizeof(durations) / sizeof(durations[0]); k++)
			table_add(&t,
				  text_format_duration(field_number(lock, durations[k]), number));
		table_add(&t, text_format_count(field_number(lock, "waiting"), number));
		table_add(&t,
			  text_format_duration(field_number(lock, "oldest_wait_seconds"), number));
		table_add(&t, text_format_count(field_number(lock, "timeouts"), number));
		table_add(&t, words_place(field_array(lock, "stack"))); /* it called what waits */
	}
	return table_print(&t);
}

int locks_get(const struct invocation *in, struct source *source, json_t **ret, struct diag *d)
{
	return of_processes_get(in, source, "locks", rank_lock, ret, d);
}

static int print_once(const struct invocation *in, struct source *source)
{
	CLEANUP(cleanup_json) json_t *locks = NULL;
	struct diag d = { 0 };

	if (locks_get(in, source, &locks, &d))
		return command_fail(in, "%s", d.text);
	if (in->is_json)
		print_json(locks);
	else if (!json_array_size(field_array(locks, "locks")))
		printf("No thread has waited for a lock.\n");
	else if (locks_print(locks))
		return command_fail(in, "out of memory");
	return fflush(stdout) ? EXIT_FAILED : EXIT_DONE;
}

int command_locks(const struct invocation *in)
{
	CLEANUP(cleanup_source) struct source *source = NULL;
	double interval_s = in->interval_s > 0 ? in->interval_s : INTERVAL_S;
	struct diag d = { 0 };
	int status;

	if (source_open(in, &source, &d))
		return command_fail(in, "%s", d.text);
	for (int n = 1;; n++) {
		status = print_once(in, source);
		if (status != EXIT_DONE || (in->count ? n >= in->count : !in->is_watched) ||
		    source_is_over(source))
			return status;
		if (source_wait(source, (int)(interval_s * 1000), &d))
			return command_fail(in, "%s", d.text);
		if (!in->is_json)
			printf("\n");
	}
}
