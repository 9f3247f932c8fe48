/* SPDX-License-Identifier: MIT */
/*
 * json_chosen.c - the answer to a question about pools; see json.h. The surprise: as text it is written in two parts that are no JSON by themselves:
 * the pools, one by one, and the rest, of which the brace that opens it is left away.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "api/choice.h"
#include "api/json.h"
#include "api/json_parts.h"
#include "api/object.h"
#include "model/snapshot.h"

/* What was used in each step, the oldest first; null = not known. */
static json_t *encode_trend(const uint8_t *trend)
{
	json_t *array = json_array();

	for (int i = 0; i < TREND_STEPS; i++) {
		bool is_known = trend && trend[i] != TREND_UNKNOWN;

		array_add(&array, is_known ? json_real(trend[i] / TREND_FULL) : json_null());
	}
	return array;
}

struct answer {
	const struct snapshot *s;
	const struct pool_choice *c;
	struct finding_index index;
	struct pools_chosen chosen;
};

static int answer_begin(const struct snapshot *s, const struct pool_choice *c, struct answer *ret)
{
	*ret = (struct answer){ .s = s, .c = c };
	if (index_findings(s, &ret->index))
		return -ENOMEM;
	return choice_make(c, s, &ret->chosen);
}

static void answer_done(struct answer *a)
{
	free(a->index.row);
	pools_chosen_done(&a->chosen);
}

/* One of the window. */
static json_t *encode_chosen(const struct answer *a, size_t i)
{
	const struct pool_row *p = a->chosen.row[i];
	json_t *pool = encode_pool_row(a->s, p, &a->index);
	struct object o = { .json = pool, .has_failed = !pool };

	if (a->c->with_trend)
		object_set(&o, "trend", encode_trend(p->trend));
	if (a->chosen.in)
		object_set_total(&o, "group", a->chosen.in[i]);
	return object_end(&o);
}

static json_t *encode_group(const struct answer *a, const struct pool_group *g)
{
	struct object o = object_begin();
	bool is_sick = g->severity >= 0;

	object_set_name(&o, "by", a->c->group);
	object_set_name(&o, "name", g->name);
	object_set_count(&o, "pid", g->pid ? g->pid : UNKNOWN);
	object_set(&o, "line", json_integer(g->line));
	object_set_total(&o, "pools", g->n_pools);
	object_set_total(&o, "sick", g->n_sick);
	object_set_count(&o, "in_use", g->in_use);
	object_set_count(&o, "capacity", g->capacity);
	object_set_count(&o, "pending", g->pending);
	object_set_real(&o, "utilization", g->utilization);
	object_set_count(&o, "acquires", g->acquires);
	object_set_count(&o, "timeouts", g->timeouts);
	object_set_real(&o, "acquires_per_second", g->acquires_per_s);
	object_set_real(&o, "timeouts_per_second", g->timeouts_per_s);
	object_set_name(&o, "severity", is_sick ? severity_name((enum severity)g->severity) : NULL);
	return object_end(&o);
}

/* All but the pools. */
static json_t *encode_rest(const struct answer *a)
{
	struct object o = object_begin();
	const struct pools_chosen *chosen = &a->chosen;
	json_t *groups;

	object_set_total(&o, "first", chosen->first);
	object_set_total(&o, "chosen", chosen->n_lines);
	object_set_total(&o, "total", a->s->n_pools);
	if (a->c->group) {
		groups = json_array();
		for (size_t i = 0; i < chosen->n_groups; i++)
			array_add(&groups, encode_group(a, &chosen->group[i]));
		object_set_total(&o, "chosen_pools", chosen->n_chosen);
		object_set(&o, "groups", groups);
	}
	if (a->c->with_summary)
		object_set(&o, "summary", encode_summary(a->s, &a->index));
	return object_end(&o);
}

json_t *encode_pools_chosen(const struct snapshot *s, const struct pool_choice *c)
{
	struct object o = object_begin();
	json_t *array = json_array(), *rest;
	struct answer a;

	if (answer_begin(s, c, &a))
		o.has_failed = true;
	for (size_t i = 0; i < a.chosen.n && !o.has_failed; i++)
		array_add(&array, encode_chosen(&a, i));
	object_set(&o, "pools", array);
	rest = o.has_failed ? NULL : encode_rest(&a);
	if (!rest || json_object_update(o.json, rest))
		o.has_failed = true;
	json_decref(rest);
	answer_done(&a);
	return object_end(&o);
}

static int write_rest(const struct answer *a, json_dump_callback_t put, void *context)
{
	json_t *rest = encode_rest(a);
	char *text = rest ? json_dumps(rest, JSON_COMPACT | API_JSON_FLAGS) : NULL;
	int r = text ? put("],", 2, context) : -ENOMEM;

	if (!r)
		r = put(text + 1, strlen(text + 1), context);
	free(text);
	json_decref(rest);
	return r;
}

int write_pools_chosen(const struct snapshot *s, const struct pool_choice *c,
		       json_dump_callback_t put, void *context)
{
	struct answer a;
	int r = answer_begin(s, c, &a);

	if (!r)
		r = put("{\"pools\":[", 10, context);
	for (size_t i = 0; i < a.chosen.n && !r; i++)
		r = write_pool_row(encode_chosen(&a, i), !i, put, context);
	if (!r)
		r = write_rest(&a, put, context);
	answer_done(&a);
	return r;
}
