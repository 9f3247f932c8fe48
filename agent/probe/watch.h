/* SPDX-License-Identifier: MIT */
/*
 * watch.h - which processes use which targets: at start by a look through /proc, then by arrivals (discover/arrivals.h); a
 * process's end is told by its pidfd. Joins discovery with the targets.
 */
#ifndef POOLSCOPE_PROBE_WATCH_H
#define POOLSCOPE_PROBE_WATCH_H

#include <stddef.h>

#include "probe/targets.h"

struct chosen;
struct meter;
struct watch;

/* Borrows targets and chosen for its life. Looks through /proc once, and tells the meter (NULL = none) how far it is with that. */
int watch_new(struct targets *t, struct chosen *c, struct meter *meter, struct watch **ret);
void watch_free(struct watch *w);

/* Readable when watch_run() has something to do. */
int watch_fd(const struct watch *w);
void watch_run(struct watch *w);

size_t watch_n_processes(const struct watch *w);
/* NULL = arrivals are told by the kernel; else why /proc must be looked through now and then. */
const char *watch_problem(const struct watch *w);

/* Looks through /proc again, because what is looked for has changed. */
void watch_look_again(struct watch *w);

/*
 * Once a second. For a kernel that tells no arrivals: looks through /proc again. While there are rules of who is watched: decides about some
 * processes anew, and in time about all.
 */
void watch_tick(struct watch *w);

#endif
