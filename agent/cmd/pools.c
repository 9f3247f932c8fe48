/* SPDX-License-Identifier: MIT */
/*
 * pools.c - see pools.h. The surprise: "worst" is not one number. A pool with a finding comes before any without, then those
 * where callers wait, then by how full they are; so the first line of the table is where to look.
 */
#include "cmd/pools.h"

#include <fnmatch.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/text.h"
#include "cmd/command.h"
#include "cmd/field.h"
#include "cmd/rank.h"
#include "cmd/table.h"
#include "model/snapshot.h"

#define FULL_NAME_BYTES (2 * TEXT_NAME_BYTES + 1)

int severity_rank(const char *severity)
{
	for (int i = 0; severity && i < SEVERITY_COUNT; i++) {
		if (!strcmp(severity, severity_name((enum severity)i)))
			return i + 1;
	}
	return 0;
}

/* ---- choosing -------------------------------------------------------------------------------------------------------------- */

static void format_full_name(const json_t *pool, char ret[static FULL_NAME_BYTES])
{
	snprintf(ret, FULL_NAME_BYTES, "%s/%s", field_text_or(pool, "process", ""),
		 field_text_or(pool, "name", ""));
}

static bool has_id(const json_t *pool, const char *word)
{
	char id[24];

	snprintf(id, sizeof(id), "%" JSON_INTEGER_FORMAT,
		 json_integer_value(json_object_get(pool, "id")));
	return !strcmp(id, word);
}

bool pool_is_named(const json_t *pool, const char *word)
{
	char full[FULL_NAME_BYTES];

	format_full_name(pool, full);
	return has_id(pool, word) || !strcmp(field_text_or(pool, "name", ""), word) ||
	       !strcmp(full, word);
}

bool pool_is_chosen(const struct invocation *in, const json_t *pool)
{
	char full[FULL_NAME_BYTES];

	if (in->pid && field_number(pool, "pid") != in->pid)
		return false;
	if (in->kind && strcmp(field_text_or(pool, "kind", ""), in->kind) != 0)
		return false;
	if (!in->pool || pool_is_named(pool, in->pool))
		return true;
	format_full_name(pool, full);
	return !fnmatch(in->pool, field_text_or(pool, "name", ""), 0) ||
	       !fnmatch(in->pool, full, 0);
}

/* ---- ordering -------------------------------------------------------------------------------------------------------------- */

static const struct order {
	const char *key;
	const char *field;	/* NULL = "worst" */
	bool is_text;		/* rising; numbers fall, unknown ones last */
} orders[] = {
	{ "worst", NULL, false },
	{ "process", "process", true },
	{ "pid", "pid", false },
	{ "pool", "name", true },
	{ "kind", "kind", true },
	{ "in-use", "in_use", false },
	{ "pending", "pending", false },
	{ "utilization", "utilization", false },
	{ "acquires", "acquires_per_second", false },
	{ "wait", "wait.p99_seconds", false },
	{ "hold", "hold.p99_seconds", false },
	{ "timeouts", "timeouts", false },
};

#define N_ORDERS (sizeof(orders) / sizeof(orders[0]))

static const struct order *find_order(const char *key)
{
	for (size_t i = 0; key && i < N_ORDERS; i++) {
		if (!strcmp(key, orders[i].key))
			return &orders[i];
	}
	return &orders[0];
}

const char *pools_next_sort_key(const char *key)
{
	size_t i = (size_t)(find_order(key) - orders);

	return orders[(i + 1) % N_ORDERS].key;
}

static double worst_severity(const json_t *pool)
{
	const json_t *finding;
	int worst = 0;
	size_t i;

	json_array_foreach (field_array(pool, "findings"), i, finding) {
		int rank = severity_rank(field_text(finding, "severity"));

		worst = rank > worst ? rank : worst;
	}
	return worst;
}

static struct rank rank_pool(json_t *pool, const struct order *order)
{
	struct rank r = { .item = pool, .text = "" };

	if (!order->field) {
		r.number[0] = worst_severity(pool);
		r.number[1] = field_number(pool, "pending");
		r.number[2] = field_number(pool, "timeouts_per_second");
		r.number[3] = field_number(pool, "utilization");
		r.number[4] = field_number(pool, "acquires_per_second");
	} else if (order->is_text) {
		r.text = field_text_or(pool, order->field, "");
	} else {
		r.number[0] = field_number(pool, order->field);
	}
	r.number[RANK_NUMBERS - 1] = -field_number(pool, "id");
	return r;
}

json_t *pools_select(const struct invocation *in, const json_t *answer, const char *sort_key,
		     bool is_reversed)
{
	const struct order *order = find_order(sort_key);
	json_t *all = field_array(answer, "pools"), *pool;
	AUTO_FREE struct rank *rank = calloc(json_array_size(all) + 1, sizeof(*rank));
	size_t i, n = 0;

	if (!rank)
		return NULL;
	json_array_foreach (all, i, pool) {
		if (pool_is_chosen(in, pool))
			rank[n++] = rank_pool(pool, order);
	}
	return rank_list("pools", rank, n, is_reversed);
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
