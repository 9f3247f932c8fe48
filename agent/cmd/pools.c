/* SPDX-License-Identifier: MIT */
/*
 * pools.c - see pools.h. The surprise: whoever has the pools chooses and orders them, not the command; see choice.h.
 */
#include "cmd/pools.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/source.h"
#include "cmd/table.h"
#include "model/snapshot.h"

int severity_rank(const char *severity)
{
	for (int i = 0; severity && i < SEVERITY_COUNT; i++) {
		if (!strcmp(severity, severity_name((enum severity)i)))
			return i + 1;
	}
	return 0;
}

/* ---- choosing -------------------------------------------------------------------------------------------------------------- */

struct pool_choice pools_choice(const struct invocation *in)
{
	return (struct pool_choice){
		.pid = in->pid,
		.kind = in->kind,
		.pool = in->pool,
	};
}

int pools_get(const struct invocation *in, const char *order, struct source *source, json_t **ret,
	      struct diag *d)
{
	struct pool_choice choice = pools_choice(in);

	choice.order = order;
	return source_get_pools(source, &choice, ret, d);
}

static uint64_t id_of(const json_t *pool)
{
	return (uint64_t)json_integer_value(json_object_get(pool, "id"));
}

bool pool_has_id(const json_t *pool, const char *word)
{
	return choice_names(word, id_of(pool), NULL, NULL);
}

bool pool_is_named(const json_t *pool, const char *word)
{
	return choice_names(word, id_of(pool), field_text(pool, "process"),
			    field_text(pool, "name"));
}

bool pool_is_chosen(const struct invocation *in, const json_t *pool)
{
	const struct pool_choice choice = pools_choice(in);

	return choice_fits(
		&choice, id_of(pool), (int32_t)json_integer_value(json_object_get(pool, "pid")),
		field_text(pool, "kind"), field_text(pool, "process"), field_text(pool, "name"));
}

/* ---- tabulating ------------------------------------------------------------------------------------------------------------ */

static const struct column columns[] = {
	{ "PROCESS", false, 0, 16 },
	{ "PID", true, 8, 0 },
	{ "POOL", false, 0, 28 },
	{ "KIND", false, 6, 0 },
	{ "SOURCE", false, 10, 0 },
	{ "ENDPOINT", false, 9, 24 },
	{ "CAP", true, 0, 0 },
	{ "OPEN", true, 0, 0 },
	{ "USE", true, 0, 0 },
	{ "IDLE", true, 7, 0 },
	{ "WAIT", true, 0, 0 },
	{ "UTIL", true, 1, 0 },
	{ "ACQ/s", true, 5, 0 },
	{ "WAIT p99", true, 2, 0 },
	{ "HOLD p99", true, 4, 0 },
	{ "TIMEOUTS", true, 3, 0 },
	{ "VERDICT", false, 0, 0 },
};

static void add_count(struct table *t, const json_t *pool, const char *key)
{
	char number[TEXT_NUMBER_BYTES];

	table_add(t, text_format_count(field_number(pool, key), number));
}

static void add_duration(struct table *t, const json_t *pool, const char *key)
{
	char number[TEXT_NUMBER_BYTES];

	table_add(t, text_format_duration(field_number(pool, key), number));
}

/* A process id is a name, not a quantity: never shortened. */
static void add_pid(struct table *t, const json_t *pool)
{
	char pid[24];

	snprintf(pid, sizeof(pid), "%.0f", field_number(pool, "pid"));
	table_add(t, isnan(field_number(pool, "pid")) ? NULL : pid);
}

/* An untrusted pool says so before its verdict. */
static void add_verdict(struct table *t, const json_t *pool)
{
	const char *verdict = field_text_or(pool, "verdict", "-");
	char text[1024];

	if (field_bool(pool, "trusted")) {
		table_add(t, verdict);
		return;
	}
	snprintf(text, sizeof(text), "(untrusted) %s", verdict);
	table_add(t, text);
}

void pools_tabulate(struct table *t, const json_t *pools)
{
	const json_t *pool;
	char number[TEXT_NUMBER_BYTES];
	size_t i;

	table_init(t, columns, sizeof(columns) / sizeof(columns[0]));
	json_array_foreach (field_array(pools, "pools"), i, pool) {
		table_add(t, field_text(pool, "process"));
		add_pid(t, pool);
		table_add(t, field_text(pool, "name"));
		table_add(t, field_text(pool, "kind"));
		table_add(t, field_text(pool, "source"));
		table_add(t, field_text(pool, "endpoint"));
		add_count(t, pool, "capacity");
		add_count(t, pool, "open");
		add_count(t, pool, "in_use");
		add_count(t, pool, "idle");
		add_count(t, pool, "pending");
		table_add(t, text_format_percent(field_number(pool, "utilization"), number));
		add_count(t, pool, "acquires_per_second");
		add_duration(t, pool, "wait.p99_seconds");
		add_duration(t, pool, "hold.p99_seconds");
		add_count(t, pool, "timeouts");
		add_verdict(t, pool);
	}
}
