/* SPDX-License-Identifier: MIT */
/*
 * otlp_answer.h - what the receiver of a request said, and what follows from it: taken, taken in part, to be sent again, or lost. Pure: time is an
 * argument. All that is read here comes from a stranger; every length has a limit.
 *
 * Sources: OpenTelemetry Protocol 1.9, "OTLP/gRPC Response", "OTLP/gRPC Throttling", "OTLP/HTTP Response" and below; gRPC over HTTP/2
 * (PROTOCOL-HTTP2) for frames, grpc-status and grpc-message; gRPC's "HTTP to gRPC Status Code Mapping" where no grpc-status comes; RFC 9110, 10.2.3
 * for Retry-After.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_ANSWER_H
#define POOLSCOPE_EXPORTERS_OTLP_ANSWER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "model/snapshot.h"

#define OTLP_ANSWER_MAX_BYTES ((size_t)4 << 20)	/* of a body, as the specification recommends; a longer one is given up */
#define OTLP_ANSWER_KEPT_BYTES ((size_t)64 << 10)	/* of it that are looked at */
#define OTLP_ANSWER_HEADER_BYTES ((size_t)64 << 10)	/* of all headers and trailers */
#define OTLP_ANSWER_TEXT 160	/* room for a sentence */
#define OTLP_RETRY_AFTER_MAX_MS ((int64_t)3600 * 1000)	/* who says to come back later than that is asked again after it */

enum otlp_protocol { OTLP_HTTP_PROTOBUF, OTLP_GRPC };

/* How the exchange ended, whatever was said. */
enum otlp_exchange { OTLP_EXCHANGE_DONE, OTLP_EXCHANGE_LOST, OTLP_EXCHANGE_TOO_LARGE };

/* An answer as it comes in. Zero it before each request, then otlp_answer_begin(). */
struct otlp_answer {
	int http_status;	/* 0 = none came */
	bool is_http2;
	char content_type[64];
	int grpc_status;	/* -1 = none came */
	char grpc_message[OTLP_ANSWER_TEXT];	/* cleaned */
	int64_t retry_after_ms;	/* by the header Retry-After; -1 = none came, or made no sense */
	int64_t retry_info_ms;	/* by RetryInfo in grpc-status-details-bin; likewise */
	struct buffer body;	/* its beginning; owned */
	size_t n_body, n_headers;	/* bytes that came */
};

struct otlp_verdict {
	enum push_outcome outcome;
	uint64_t rejected_items;	/* of a partial success, as the receiver says */
	int64_t retry_after_ms;	/* of a retry: not before; -1 = whenever backoff says */
	char text[OTLP_ANSWER_TEXT];	/* what was wrong, or is to be noted though all was taken; cleaned; empty = nothing */
};

/* Forgets what came; the buffer keeps its memory. */
void otlp_answer_begin(struct otlp_answer *a);
void otlp_answer_done(struct otlp_answer *a);

/*
 * One line of header or trailer, or a status line, with or without its end. wall_s is now, for a Retry-After that is a date. False: it is more than
 * may come.
 */
bool otlp_answer_header(struct otlp_answer *a, const char *line, size_t n, int64_t wall_s);

/* Bytes of the body. False: likewise. */
bool otlp_answer_body(struct otlp_answer *a, const void *data, size_t n);

/* The verdict. `why` is what the transport says of an exchange that was lost; NULL = nothing. */
void otlp_answer_judge(const struct otlp_answer *a, enum otlp_protocol protocol,
		       enum otlp_exchange exchange, const char *why, struct otlp_verdict *ret);

/* The name of a status of gRPC, "code 99" being "?". */
const char *otlp_grpc_status_name(int status);

/* Seconds or a date as milliseconds from now, at most OTLP_RETRY_AFTER_MAX_MS; a date that has passed is 0; nonsense is -1. */
int64_t otlp_retry_after_ms(const char *text, int64_t wall_s);

#endif
