/* SPDX-License-Identifier: MIT */
/*
 * otlp_series.h - what there is to send, as tables made of metrics.def: the series of a pool, those of a lock and of a stall, and the metrics of the
 * agent. A series is a metric and, where the metric has one, the reason or outcome. Those of one metric stand together.
 *
 * The rule for names: POOL_* of metrics.def are poolscope.pool.<otlp>, AGENT_* poolscope.agent.<otlp>, FAMILY has its whole name there. Those of
 * the conventions are listed here, once.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_SERIES_H
#define POOLSCOPE_EXPORTERS_OTLP_SERIES_H

#include <stdbool.h>
#include <stddef.h>

#include "model/snapshot.h"

/* An info is a gauge here: OTLP has no such kind. */
enum series_type {
	SERIES_gauge,
	SERIES_info = SERIES_gauge,
	SERIES_counter,
	SERIES_updown,
	SERIES_histogram
};

enum series_id {
#define POOL_VALUE(id, name, otlp, unit, type, merge, value, help) S_##id,
#define POOL_REASONS(id, name, otlp, unit, label, member, names, count, help)                      \
	S_##id, S_##id##_last = S_##id + (count)-1,
#define POOL_HISTOGRAM(id, name, otlp, unit, labels, member, help) S_##id,
#include "exporters/metrics.def"
	S_OWN_COUNT,	/* those above are of every pool */
	S_OWN_LAST = S_OWN_COUNT - 1,
#define CONVENTION(id, is, name, unit, type, label, label_value, source, help) S_##id,
#include "exporters/otlp_conventions.def"
	S_POOL_COUNT
};

enum hist_id {
#define POOL_HISTOGRAM(id, name, otlp, unit, labels, member, help) H_##id,
#include "exporters/metrics.def"
	H_COUNT
};

#define SERIES_BITS_WORDS (S_POOL_COUNT / 64 + 1)

struct series_def {
	const char *name, *unit, *help;
	enum series_type type;
	enum { MERGE_SUM, MERGE_MAX, MERGE_MIN } merge;	/* of gauges */
	int source;	/* the series whose value it has; itself, but for those of conventions */
	int hist;	/* of histograms: which */
	int convention;	/* enum convention: only pools that are such have it */
	int last;	/* of counters: where the last value is kept; -1 */
	const char *label;	/* NULL = none */
	char label_value[32];
};

/* Whether its numbers go out as integers: whole things, not seconds and ratios. */
bool series_is_int(const struct series_def *s);

/* All series of a pool; made at the first call, the same ever after. */
const struct series_def *pool_series(void);

/* How many values of counters are to be kept for a pool. */
size_t pool_series_n_last(void);

/* What a pool has for each series, NaN for what is unknown and for what only others have; and its histograms, NULL for those unknown. */
void pool_values(const struct pool_row *p, double ret[static S_POOL_COUNT]);
void pool_hists(const struct pool_row *p, const struct hist *ret[static H_COUNT]);

enum agent_id {
#define AGENT_VALUE(id, name, otlp, unit, type, value, help) A_##id,
#define AGENT_FAMILY(id, name, otlp, unit, type, help) A_##id,
#define FAMILY(id, name, otlp, unit, type, help) F_##id,
#include "exporters/metrics.def"
	A_COUNT
};

/* Those that are histograms are of processes: of locks, of stalls. */
extern const struct series_def agent_series[A_COUNT];

/* The values of AGENT_VALUE; NaN for all others. */
void agent_values(const struct agent_row *a, double ret[static A_COUNT]);

extern const char *const kind_names[PS_KIND_COUNT];
extern const char *const cause_names[];
extern const char *const loss_names[PS_LOSS_COUNT];
extern const char *const story_names[PS_STORY_COUNT];

#endif
