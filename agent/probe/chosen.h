/* SPDX-License-Identifier: MIT */
/*
 * chosen.h - who is left out, by the rules of config/choose.h: asks /proc about a process, and tells the kernel side. One bit for each process is the one
 * place where that stands: what hits a probe, opens a socket or is met by a pass is dropped there, and the agent asks the same bit before it looks into
 * a process.
 *
 * While there are rules, a program that begins (exec) is left out until it has been looked at, and a child is what its parent is. So a process that
 * is to be left out is not touched in its first moments either.
 */
#ifndef POOLSCOPE_PROBE_CHOSEN_H
#define POOLSCOPE_PROBE_CHOSEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/choose.h"
#include "probe/kernel.h"

struct chosen;

/* Borrows the kernel side for its life; takes over the rules, and leaves *rules empty. Decides about all processes: call it before hooks are attached. -ENOMEM. */
int chosen_new(struct kernel *k, struct choose *rules, struct chosen **ret);
void chosen_free(struct chosen *c);

/* Other rules, taken over likewise. Who looks through the processes afterwards decides about each. */
void chosen_set_rules(struct chosen *c, struct choose *rules);

/* There are rules. */
bool chosen_is_on(const struct chosen *c);

/* Reads what the rules ask for, decides anew, and says whether the process is watched. True for one that is gone, and without rules. */
bool chosen_look(struct chosen *c, uint32_t pid);

/* What was decided last. */
bool chosen_is_left_out(const struct chosen *c, uint32_t pid);

/* /proc/PID/status: the name of the main thread (as the kernel writes it, \n and \\ for what would break the line) and the real user; pure. False: it has no memory. */
bool chosen_status_parse(const char *text, char *ret_name, size_t size, uint32_t *ret_uid);

#endif
