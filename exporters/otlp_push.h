/* SPDX-License-Identifier: MIT */
/*
 * otlp_push.h - takes requests of OTLP to one endpoint, by http/protobuf or gRPC, as the specification wants it: compressed, tried again when and
 * only when that is allowed, with backoff and jitter, in order, from a queue in memory that is bounded and counts what it drops.
 *
 * It has no thread and never blocks: the owner's loop waits for otlp_push_fd() to become readable, at most otlp_push_timeout_ms(), and then calls
 * otlp_push_run(). Times are CLOCK_MONOTONIC.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_PUSH_H
#define POOLSCOPE_EXPORTERS_OTLP_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"

struct diag;
struct otlp_push;

enum otlp_protocol { OTLP_HTTP_PROTOBUF, OTLP_GRPC };
enum otlp_signal { OTLP_METRICS, OTLP_LOGS, OTLP_SIGNALS };

struct otlp_push_options {
	enum otlp_signal signal;
	enum otlp_protocol protocol;
	const char *url;	/* complete: for http with /v1/metrics, for gRPC scheme, host and port */
	const char *headers;	/* "k=v,k2=v2", values percent-encoded, as in OTEL_EXPORTER_OTLP_HEADERS; NULL = none */
	bool is_gzip;
	const char *certificate, *client_certificate, *client_key;	/* files, PEM; NULL = the system's, none, none */
	uint32_t timeout_ms;	/* of one export, its retries included; 0 = 10 s */
	size_t max_queue_bytes;	/* 0 = 16 MiB */
	uint64_t seed;		/* of the jitter */
};

/* What became of it all; counters. */
struct otlp_push_stats {
	uint64_t sent_requests, sent_items;
	uint64_t rejected_items;	/* by partial success */
	uint64_t retries;
	uint64_t failed_requests, failed_items;	/* refused for good, or not taken in time */
	uint64_t dropped_requests, dropped_items;	/* the queue was full: the oldest go */
	uint64_t queued_requests, queued_bytes;	/* now */
	char last_error[160];	/* cleaned; empty = none since the last success */
	int64_t last_error_ns, last_success_ns;	/* 0 = never */
};

/* -EINVAL: the URL, a header or a file cannot be used; d says which. -ENOMEM. */
int otlp_push_new(const struct otlp_push_options *options, struct otlp_push **ret, struct diag *d);

/* Drops what is queued. NULL is allowed. */
void otlp_push_free(struct otlp_push *p);

/* Queues one request, whose bytes it takes; the buffer is empty afterwards. -ENOMEM: it is dropped and counted. */
int otlp_push_add(struct otlp_push *p, struct buffer *body, uint64_t n_items);

int otlp_push_fd(const struct otlp_push *p);
int otlp_push_timeout_ms(const struct otlp_push *p, int64_t now_ns);
void otlp_push_run(struct otlp_push *p, int64_t now_ns);

/* Sends what is queued, at most so long: the one call that blocks, for the end. */
void otlp_push_flush(struct otlp_push *p, int ms);

void otlp_push_stats(const struct otlp_push *p, struct otlp_push_stats *ret);

#endif
