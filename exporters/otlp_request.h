/* SPDX-License-Identifier: MIT */
/*
 * otlp_request.h - puts data points and records into requests, and begins the next request before one would be too long. Who writes says which
 * Resource and which metric the next points are of; a request that begins in the middle has both once more, so each can be read alone.
 *
 * Nothing is kept as a tree: a point is packed as it comes, and the messages around it are put around what is there, so memory is that of the
 * requests and of one more.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_REQUEST_H
#define POOLSCOPE_EXPORTERS_OTLP_REQUEST_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "exporters/otlp_encode.h"

struct attributes;

/* The kind of a metric is the number of its field in Metric. */
enum metric_kind {
	METRIC_GAUGE = 5,
	METRIC_SUM = 7,
	METRIC_HISTOGRAM = 9,
	METRIC_EXPONENTIAL = 10
};

enum { TEMPORALITY_DELTA = 1, TEMPORALITY_CUMULATIVE = 2 };

struct metric {
	const char *name, *description, *unit;
	enum metric_kind kind;
	int temporality;	/* of all but gauges */
	bool is_monotonic;
};

struct requests {
	size_t max_bytes;
	bool is_logs;
	const char *version;	/* of the scope; borrowed */
	otlp_give *give;	/* NULL = they are kept, in `done` */
	void *context;
	size_t n_given;
	struct otlp_request *done;
	size_t n_done;
	uint64_t n_items;	/* in the open one */
	struct buffer body;	/* of the open request: Resources that are complete */
	struct buffer items;	/* of the open Resource: metrics that are complete, or records */
	struct buffer points;	/* of the open metric */
	const struct buffer *resource;	/* open; NULL = none */
	struct metric metric;	/* open; its name is NULL when none is */
	size_t around_bytes;	/* of what is open, around the points */
	int error;
};

void requests_init(struct requests *r, bool is_logs, size_t max_bytes, const char *version);

/* What follows is of this packed Resource, which must stay until the next one is named, or the end. */
void requests_resource(struct requests *r, const struct buffer *packed);

/* What follows is of this metric; without points it leaves no trace. */
void requests_metric(struct requests *r, const struct metric *m);

/* One data point, or a log record, and what goes into its field `field`: two lists of attributes, which may be NULL. */
void requests_add(struct requests *r, const ProtobufCMessage *m, unsigned int field,
		  const struct attributes *first, const struct attributes *second);

/* Hands over what there is; -ENOMEM when something was missing, then nothing. Afterwards it is done. */
int requests_take(struct requests *r, struct otlp_request **ret, size_t *ret_n);

#endif
