/* SPDX-License-Identifier: MIT */
/*
 * otlp_push.h - takes requests of OTLP to one endpoint, by http/protobuf or gRPC, as the specification wants it: compressed, tried again when and
 * only when that is allowed (otlp_answer.h), with backoff and jitter, in order and one at a time, from a queue in memory that is bounded and counts
 * what it drops.
 *
 * It has no thread of its own and never blocks: the owner's loop waits for otlp_push_fd() to become readable and then calls otlp_push_run(). Names are
 * resolved by libcurl, in a thread of its own where it was built so (Debian's is). Files of certificates are looked at by otlp_push_new(), and
 * read by libcurl at each new connection. Proxies are those of the environment (http_proxy, https_proxy, no_proxy). Times are CLOCK_MONOTONIC.
 *
 * An export's time limit is that of one try. What may be sent again stays in the queue for longer, so that the time in which a receiver was down
 * is told to it afterwards: until it is taken, refused, max_age_ms old, or pushed out by what is newer.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_PUSH_H
#define POOLSCOPE_EXPORTERS_OTLP_PUSH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "exporters/otlp_answer.h"
#include "model/snapshot.h"

struct diag;
struct otlp_push;

enum otlp_signal { OTLP_METRICS, OTLP_LOGS, OTLP_SIGNALS };

#define OTLP_TIMEOUT_MS 10000
#define OTLP_QUEUE_BYTES ((size_t)16 << 20)
#define OTLP_MAX_AGE_MS ((int64_t)3600 * 1000)
#define OTLP_SEND_MAX_BYTES ((size_t)64 << 20)	/* of a request, before compression */
#define OTLP_BACKOFF_FIRST_MS 1000
#define OTLP_BACKOFF_LAST_MS 30000

/* Strings are copied. */
struct otlp_push_options {
	enum otlp_protocol protocol;
	const char *url;	/* complete, with the path: see otlp_settings.h */
	const char *headers;	/* "k=v,k2=v2", values percent-encoded; NULL = none. Checked by otlp_headers_check() */
	bool is_gzip;
	const char *certificate, *client_certificate, *client_key;	/* files, PEM; NULL = the system's, none, none */
	uint32_t timeout_ms;	/* of one try; 0 = OTLP_TIMEOUT_MS */
	size_t max_queue_bytes;	/* 0 = OTLP_QUEUE_BYTES */
	int64_t max_age_ms;	/* 0 = OTLP_MAX_AGE_MS */
	uint64_t seed;		/* of the jitter */
};

/* What became of it all. */
struct otlp_push_stats {
	struct push_row row;	/* without the signal's name */
	char last_error[OTLP_ANSWER_TEXT];	/* cleaned; empty = the last exchange was fine */
	char last_note[OTLP_ANSWER_TEXT];	/* what the receiver said though it took all; likewise */
	enum push_outcome last_error_outcome;
	int64_t last_error_ns, last_success_ns;	/* 0 = never */
	int64_t wait_until_ns;	/* when it is tried again; 0 = it is not waiting */
};

/* -EINVAL: the URL, a header or a file cannot be used; d says which. -ENOMEM, or another error of the system. */
int otlp_push_new(const struct otlp_push_options *options, struct otlp_push **ret, struct diag *d);

/* Drops what is queued. NULL is allowed. Blocks for nobody. */
void otlp_push_free(struct otlp_push *p);

/*
 * Queues one request, whose bytes it takes (the buffer is empty afterwards), and begins to send when nothing else is on its way. What finds no
 * room pushes out the oldest. -ENOMEM: it is lost, and counted as that.
 */
int otlp_push_add(struct otlp_push *p, struct buffer *body, uint64_t n_items, int64_t now_ns);

/* Readable when there is something to do, a time to wait that has passed included. */
int otlp_push_fd(const struct otlp_push *p);
void otlp_push_run(struct otlp_push *p, int64_t now_ns);

/* Sends what is queued, at most so long, and gives up at the first failure: the one call that blocks, for the end. */
void otlp_push_flush(struct otlp_push *p, int ms);

void otlp_push_stats(const struct otlp_push *p, struct otlp_push_stats *ret);

/*
 * The time to wait after the n-th failure in a row (from 1), of which the receiver said retry_after_ms (-1 = nothing): exponential, with jitter, never
 * earlier than was said. Pure; *seed goes on.
 */
int64_t otlp_backoff_ms(unsigned int n, int64_t retry_after_ms, uint64_t *seed);

#endif
