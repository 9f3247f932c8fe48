/* SPDX-License-Identifier: MIT */
/*
 * prometheus.h - a snapshot in the forms that Prometheus scrapes: text 0.0.4 (prometheus.io, "Exposition formats"), OpenMetrics 1.0.0, and protobuf
 * (client_model's metrics.proto; "Native histograms"). Pure: no clock, no I/O, no memory between calls.
 *
 * The families are those of metrics.def. Pools with the same labels (two processes of one name) are one series, in which the
 * counters of those that are gone stay until the last is gone. What is unknown is left out, never written as 0. Names are
 * cleaned and escaped.
 */
#ifndef POOLSCOPE_EXPORTERS_PROMETHEUS_H
#define POOLSCOPE_EXPORTERS_PROMETHEUS_H

#include <stdbool.h>
#include <stddef.h>

struct buffer;
struct snapshot;

enum prometheus_format {
	PROMETHEUS_TEXT,	/* 0.0.4 */
	PROMETHEUS_OPENMETRICS,	/* 1.0.0 */
	PROMETHEUS_PROTOBUF,	/* io.prometheus.client.MetricFamily, delimited; with native histograms */
	PROMETHEUS_FORMATS
};

#define PROMETHEUS_MAX_SERIES 2000

struct prometheus_options {
	bool has_pid;		/* a series per process, with a label `pid` */
	size_t max_series;	/* label sets of pools; 0 = PROMETHEUS_MAX_SERIES. The oldest pools keep theirs */
};

/* The form that a request's Accept header wants most of those we have; the text for NULL and for what nobody here speaks. */
enum prometheus_format prometheus_choose(const char *accept);

const char *prometheus_content_type(enum prometheus_format format);

/* Appends the page, to a buffer that may drain (buffer.h). options may be NULL. 0 or -ENOMEM, then the buffer holds no usable page. */
int prometheus_write(const struct snapshot *s, enum prometheus_format format,
		     const struct prometheus_options *options, struct buffer *ret);

#endif
