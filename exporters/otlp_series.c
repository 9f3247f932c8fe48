/* SPDX-License-Identifier: MIT */
/*
 * otlp_series.c - see otlp_series.h. The surprise: whether a number goes out as an integer follows from its unit, because a series must not change its type
 * from one export to the next, and a value that happens to be whole says nothing.
 */
#include "exporters/otlp_series.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "exporters/otlp_conventions.h"

#define MERGE(how) MERGE_##how

static const char *const reject_reasons[] = {
#define REJECT_REASON(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

static const char *const open_failures[] = {
#define OPEN_FAILURE(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

static const char *const close_reasons[] = {
#define CLOSE_REASON(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

const char *const kind_names[PS_KIND_COUNT] = {
#define KIND(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

const char *const cause_names[] = {
#define STALL_CAUSE(id, name, text) [id] = #name,
#include "bpf/verbs.def"
};

const char *const loss_names[PS_LOSS_COUNT] = {
#define LOSS(name, text) [PS_LOSS_##name] = #name,
#include "bpf/losses.def"
};

const char *const story_names[PS_STORY_COUNT] = {
	[PS_STORY_VERB] = "verb",
	[PS_STORY_WAIT] = "wait",
	[PS_STORY_HOLD] = "hold",
};

bool series_is_int(const struct series_def *s)
{
	return s->unit[0] == '{' || !strcmp(s->unit, "By");
}

/* ---- pools ----------------------------------------------------------------------------------------------------------------- */

static void add_reasons(struct series_def *at, const char *name, const char *unit, const char *help,
			const char *label, const char *const *names, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		at[i] = (struct series_def){ .name = name,
					     .unit = unit,
					     .help = help,
					     .type = SERIES_counter,
					     .label = label };
		snprintf(at[i].label_value, sizeof(at[i].label_value), "%s", names[i]);
	}
}

/* Labels as metrics.def has them: key="value", one at most. */
static void set_label(struct series_def *s, const char *labels)
{
	const char *from = strchr(labels, '"'), *to = from ? strchr(from + 1, '"') : NULL;

	if (!to)
		return;
	s->label = "outcome";
	snprintf(s->label_value, sizeof(s->label_value), "%.*s", (int)(to - from - 1), from + 1);
}

static size_t fill(struct series_def table[S_POOL_COUNT])
{
	size_t n_last = 0;

#define POOL_VALUE(id, n, otlp, u, t, m, value, h)                                                 \
	table[S_##id] = (struct series_def){ .name = "poolscope.pool." otlp,                       \
					     .unit = u,                                            \
					     .help = h,                                            \
					     .type = SERIES_##t,                                   \
					     .merge = MERGE(m) };
#define POOL_REASONS(id, n, otlp, u, label, member, names, count, h)                               \
	add_reasons(&table[S_##id], "poolscope.pool." otlp, u, h, label, names, count);
#define POOL_HISTOGRAM(id, n, otlp, u, labels, member, h)                                          \
	table[S_##id] = (struct series_def){ .name = "poolscope.pool." otlp,                       \
					     .unit = u,                                            \
					     .help = h,                                            \
					     .type = SERIES_histogram,                             \
					     .hist = H_##id };                                     \
	set_label(&table[S_##id], labels);
#include "exporters/metrics.def"
	for (int i = 0; i < S_OWN_COUNT; i++) {
		table[i].source = i;
		table[i].last = table[i].type == SERIES_counter ? (int)n_last++ : -1;
	}
#define CONVENTION(id, is, n, u, t, l, v, from, h)                                                 \
	table[S_##id] =                                                                            \
		(struct series_def){ .name = n,                                                    \
				     .unit = u,                                                    \
				     .help = h,                                                    \
				     .type = SERIES_##t,                                           \
				     .source = S_##from,                                           \
				     .hist = table[S_##from].hist,                                 \
				     .convention = CONVENTION_##is,                                \
				     .last = table[S_##from].name ? table[S_##from].last : -1,     \
				     .label = l,                                                   \
				     .label_value = v };
#include "exporters/otlp_conventions.def"
	return n_last;
}

static struct series_def pool_table[S_POOL_COUNT];
static size_t n_pool_last;

const struct series_def *pool_series(void)
{
	if (!n_pool_last)
		n_pool_last = fill(pool_table);
	return pool_table;
}

size_t pool_series_n_last(void)
{
	pool_series();
	return n_pool_last;
}

static double known(int64_t n)
{
	return n == UNKNOWN ? NAN : (double)n;
}

static double known_ns(int64_t ns)
{
	return ns == UNKNOWN ? NAN : (double)ns / 1e9;
}

void pool_values(const struct pool_row *p, double ret[static S_POOL_COUNT])
{
#define POOL_VALUE(id, name, otlp, unit, type, merge, value, help) ret[S_##id] = (value);
#define POOL_REASONS(id, name, otlp, unit, label, member, names, count, help)                      \
	for (unsigned int i = 0; i < (count); i++)                                                 \
		ret[S_##id + i] = known(p->member[i]);
#define POOL_HISTOGRAM(id, name, otlp, unit, labels, member, help) ret[S_##id] = NAN;
#include "exporters/metrics.def"
	for (int i = S_OWN_COUNT; i < S_POOL_COUNT; i++)
		ret[i] = NAN;
	/* 0 is what a library has that says nothing of it */
	ret[S_db_idle_min] = p->min_idle > 0 ? (double)p->min_idle : NAN;
}

void pool_hists(const struct pool_row *p, const struct hist *ret[static H_COUNT])
{
#define POOL_HISTOGRAM(id, name, otlp, unit, labels, member, help) ret[H_##id] = p->member;
#include "exporters/metrics.def"
}

/* ---- what is not of pools ------------------------------------------------------------------------------------------------- */

const struct series_def agent_series[A_COUNT] = {
#define AGENT_VALUE(id, n, otlp, u, t, v, h)                                                       \
	[A_##id] = { .name = "poolscope.agent." otlp, .unit = u, .help = h, .type = SERIES_##t },
#define AGENT_FAMILY(id, n, otlp, u, t, h)                                                         \
	[A_##id] = { .name = "poolscope.agent." otlp, .unit = u, .help = h, .type = SERIES_##t },
#define FAMILY(id, n, otlp, u, t, h)                                                               \
	[F_##id] = { .name = otlp, .unit = u, .help = h, .type = SERIES_##t },
#include "exporters/metrics.def"
};

void agent_values(const struct agent_row *a, double ret[static A_COUNT])
{
	for (int i = 0; i < A_COUNT; i++)
		ret[i] = NAN;
#define AGENT_VALUE(id, name, otlp, unit, type, value, help) ret[A_##id] = (value);
#include "exporters/metrics.def"
}
