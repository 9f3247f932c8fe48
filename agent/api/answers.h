/* SPDX-License-Identifier: MIT */
/*
 * answers.h - what the agent answers to HTTP requests, from a snapshot: the page of metrics, the JSON API, its landing page and health. Encoded answers are kept
 * until the next snapshot. All that is being sent counts; while that is over ANSWERS_MAX_BYTES what would have to be encoded is answered with 503, so that
 * slow readers cannot fill the memory with the pages of many seconds.
 */
#ifndef POOLSCOPE_API_ANSWERS_H
#define POOLSCOPE_API_ANSWERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exporters/prometheus.h"
#include "model/snapshot.h"

struct answers;
struct buffer;
struct MHD_Connection;
struct web_config;

enum listener { ON_TCP, ON_UNIX, N_LISTENERS };

#define ANSWERS_MAX_BYTES ((size_t)64 << 20)

/* See struct server_options. */
struct answers_options {
	struct prometheus_options prometheus;
	void (*want_stacks)(void *context, uint64_t pool);
	int (*record)(void *context, const char *what, struct buffer *ret);
	void *context;
};

struct answers *answers_new(const struct answers_options *options);	/* NULL when out of memory */

/* No connection that has an answer may be left. NULL is allowed. */
void answers_free(struct answers *a);

/* From now on answers from this; takes a reference of its own. */
void answers_set_snapshot(struct answers *a, const struct snapshot *snapshot);

/* From now on pages are written by these; an answer that is kept is dropped. */
void answers_set_prometheus(struct answers *a, const struct prometheus_options *options);

/* Keeps no answer any longer: the headers have changed. */
void answers_drop(struct answers *a);

/* Queues the answer. c gives headers to it; NULL = none. An enum MHD_Result. */
int answers_send(struct answers *a, struct MHD_Connection *connection, enum listener listener,
		 const struct web_config *c, const char *method, const char *url);

/* Likewise an error, whose text has no quotes in it. */
int answers_send_error(struct answers *a, struct MHD_Connection *connection,
		       const struct web_config *c, unsigned int status, enum http_outcome outcome,
		       const char *text);

/* How many answers were queued, or could not be, by enum http_outcome. Borrowed. */
const uint64_t *answers_requests(const struct answers *a);

#endif
