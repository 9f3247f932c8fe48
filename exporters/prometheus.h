/* SPDX-License-Identifier: MIT */
/*
 * prometheus.h - a snapshot as Prometheus text, version 0.0.4. Pure: no clock, no I/O, no memory between calls.
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

#define PROMETHEUS_CONTENT_TYPE "text/plain; version=0.0.4; charset=utf-8"
#define PROMETHEUS_MAX_SERIES 2000

struct prometheus_options {
	bool has_pid;		/* a series per process, with a label `pid` */
	size_t max_series;	/* label sets of pools; 0 = PROMETHEUS_MAX_SERIES. The oldest pools keep theirs */
};

/* Appends the text. options may be NULL. 0 or -ENOMEM, then the buffer holds no usable text. */
int prometheus_write_text(const struct snapshot *s, const struct prometheus_options *options,
			  struct buffer *ret);

#endif
