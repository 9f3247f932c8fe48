/* SPDX-License-Identifier: MIT */
/*
 * otlp_encode.h - snapshots as requests of OTLP: ExportMetricsServiceRequest, ExportLogsServiceRequest, as protobuf. No clock, no I/O; what it
 * remembers from one call to the next is what the protocol needs: what was sent last (delta), which series there were (their end is told), since
 * when each counts, which findings were told.
 *
 * One Resource per watched process, and one for the agent itself. A request is at most `max_bytes` long; what does not fit goes into the next. (A
 * single point with its Resource has at most 15 KB, as names are cut: a limit under that cannot be kept.)
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_ENCODE_H
#define POOLSCOPE_EXPORTERS_OTLP_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct snapshot;
struct otlp_encoder;

#define OTLP_MAX_REQUEST_BYTES ((size_t)4 << 20)	/* default; receivers take 4 MiB unless told otherwise */
#define OTLP_MAX_SERIES 2000	/* attribute sets per metric of a Resource; the rest is one with otel.metric.overflow=true */

enum otlp_temporality { OTLP_CUMULATIVE, OTLP_DELTA, OTLP_LOWMEMORY };
enum otlp_histogram { OTLP_EXPLICIT_BUCKETS, OTLP_EXPONENTIAL };

struct otlp_encode_options {
	enum otlp_temporality temporality;	/* LOWMEMORY is DELTA for what we have: counters and histograms */
	enum otlp_histogram histogram;
	bool has_no_exemplars;
	size_t max_bytes;	/* 0 = default */
	size_t max_series;	/* 0 = default; a metric with reasons has as many for each of them */
	/*
	 * When the agent began, CLOCK_REALTIME: since then its own counters count, and those of locks and stalls that were there at the first
	 * export. 0 = not known; then these follow the rule for unknown starts (a first point without duration, whose value is no increase).
	 */
	int64_t since_wall_ns;
};

/* One request, ready to be sent. */
struct otlp_request {
	struct buffer body;
	uint64_t n_items;	/* data points, or log records, in it */
};

/* -ENOMEM. options are copied. */
int otlp_encoder_new(const struct otlp_encode_options *options, struct otlp_encoder **ret);
void otlp_encoder_free(struct otlp_encoder *e);

/*
 * All metrics of a snapshot, as *ret_n requests in an array that the caller frees with otlp_requests_free(). What was encoded counts as sent: the next
 * delta is from there, and a series that is gone then has its end told once. 0 or -ENOMEM, then nothing is given and nothing counts as sent.
 */
int otlp_encode_metrics(struct otlp_encoder *e, const struct snapshot *s, struct otlp_request **ret,
			size_t *ret_n);

/*
 * The same, but each request is given away as soon as it is complete, so that no two are in memory: ten thousand pools are 80 MB. give() takes the
 * body. -ENOMEM: what was given is as it should be; with delta the rest of what was counted since the last export is lost if something was given.
 */
typedef void otlp_give(void *context, struct otlp_request *request);
int otlp_encode_metrics_each(struct otlp_encoder *e, const struct snapshot *s, otlp_give *give,
			     void *context);

/* The findings that opened or closed in this snapshot (is_news), as log records; to be called with each one. *ret_n may be 0. */
int otlp_encode_logs(struct otlp_encoder *e, const struct snapshot *s, struct otlp_request **ret,
		     size_t *ret_n);

void otlp_requests_free(struct otlp_request *requests, size_t n);

#endif
