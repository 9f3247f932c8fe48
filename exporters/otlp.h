/* SPDX-License-Identifier: MIT */
/*
 * otlp.h - what the agent sees, told over OTLP: the metrics of a snapshot at every interval, its findings at once. An encoder, and a push for each
 * signal that has an endpoint, behind one descriptor. Never blocks but in otlp_finish().
 *
 * Metrics that could not be sent yet wait in the queue of their push: for cumulative ones that is the history of the time in which the receiver was down.
 */
#ifndef POOLSCOPE_EXPORTERS_OTLP_H
#define POOLSCOPE_EXPORTERS_OTLP_H

#include <stddef.h>
#include <stdint.h>

#include "exporters/otlp_push.h"

struct arena;
struct check_row;
struct otlp;
struct otlp_settings;
struct push_row;
struct snapshot;

#define OTLP_FIRST_MS 2000	/* from the first snapshot to the first export, when the interval is longer */

/*
 * settings must stay as long as it does; since_wall_ns is when the agent began, CLOCK_REALTIME. A signal whose push cannot be made (a file that is not
 * there) is not sent, and otlp_check() says why. -ENOMEM, or an error of the system.
 */
int otlp_new(const struct otlp_settings *settings, int64_t since_wall_ns, struct otlp **ret);

/* NULL is allowed, here and below: then nothing is sent. */
void otlp_free(struct otlp *o);

int otlp_fd(const struct otlp *o);	/* readable: otlp_run() has something to do; -1 for NULL */
void otlp_run(struct otlp *o, int64_t now_ns);

/* Takes what is due of a new snapshot; to be called with each. */
void otlp_tick(struct otlp *o, const struct snapshot *s);

/* The metrics once more, and what is queued, for at most so long; s may be NULL. */
void otlp_finish(struct otlp *o, const struct snapshot *s, int ms);

/* A row for each signal that is sent; the number of them. */
size_t otlp_rows(const struct otlp *o, struct push_row ret[OTLP_SIGNALS]);

/* For `doctor`; texts are the arena's. */
void otlp_check(const struct otlp *o, int64_t now_ns, struct arena *a, struct check_row *ret);

#endif
