/* SPDX-License-Identifier: MIT */
/*
 * otlp_writer.h - the inside of otlp_encode_metrics(), for its parts: otlp_metrics.c walks over Resources, metrics and sets, otlp_hists.c makes points of
 * histograms, otlp_agent.c has what the agent says of itself. Errors are kept in the requests that are written to.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_WRITER_H
#define POOLSCOPE_EXPORTERS_OTLP_WRITER_H

#include "base/hist.h"
#include "exporters/otlp_encoder.h"

#define NO_RECORDED_VALUE 1	/* DataPointFlags; opentelemetry.io, OTLP metrics, Data Point flags */

struct writer {
	struct otlp_encoder *e;
	const struct snapshot *s;
	struct requests *to;
	int64_t time_ns;
	struct buffer values;	/* of the sets of a process: S_POOL_COUNT doubles each */
};

/* What follows is of this metric, until the next one. */
void open_metric(struct writer *w, const struct series_def *series, enum metric_kind kind);

/* A point; NaN = the series has ended. label: a further attribute, or NULL. start_ns: CLOCK_REALTIME; 0 for gauges. */
void put_number(struct writer *w, const struct series_def *series, const struct attributes *a,
		const struct attributes *label, int64_t start_ns, double value);

/* A histogram of a set, for the time it is written. */
struct merged {
	bool is_known, has_buckets;
	uint64_t count;
	double sum_s;
	uint64_t max_ns;
	unsigned int first, end;
	uint64_t bucket[PS_HIST_BUCKETS];	/* zero but from first to end */
};

/* All members, and what stays of those who left; with delta only what came since the last export. */
void hist_of_set(const struct state *st, const struct set *s, int which, struct merged *ret);

/* A point of it, with the exemplars of the set's members. */
void put_hist(struct writer *w, const struct set *s, int which, bool is_exponential,
	      const struct merged *m, const struct attributes *a, const struct attributes *label,
	      int64_t start_ns);

/* The series has ended. */
void put_hist_end(struct writer *w, bool is_exponential, const struct attributes *a,
		  const struct attributes *label);

/* The Resource of the agent, with all that it says of itself; what is written counts as sent by commit_singles(). */
void write_agent(struct writer *w);
void commit_singles(struct otlp_encoder *e);

#endif
