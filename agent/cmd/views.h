/* SPDX-License-Identifier: MIT */
/*
 * views.h - what one command gets and prints, for another that shows several of them. To get is to ask the source, choose by the options and
 * order; an error is a negative errno with d set. To print is to stdout, as a person reads it; -ENOMEM where it says int.
 */
#ifndef POOLSCOPE_CMD_VIEWS_H
#define POOLSCOPE_CMD_VIEWS_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

struct diag;
struct invocation;
struct source;
struct table;

/* {"findings": [...]}, the most severe on top. */
int findings_get(const struct invocation *in, struct source *source, json_t **ret, struct diag *d);

/* One finding, with so many frames of each holder's stack. */
void finding_print(const json_t *finding, size_t n_frames);

/* {"stalls": [...]}, {"locks": [...]}, {"probes": [...]} */
int stalls_get(const struct invocation *in, struct source *source, json_t **ret, struct diag *d);
int stalls_print(const json_t *stalls);
int locks_get(const struct invocation *in, struct source *source, json_t **ret, struct diag *d);
int locks_print(const json_t *locks);
int probes_get(const struct invocation *in, struct source *source, json_t **ret, struct diag *d);
int probes_print(const json_t *probes);

/* The same as tables, for those who show them elsewhere: begins one. */
void stalls_tabulate(struct table *ret, const json_t *stalls);
void probes_tabulate(struct table *ret, const json_t *probes);

/* Adds the files that a process maps to a set (the keys of an object): the probes that it meets lie in them. Negative errno with d set. */
int probes_add_files(int pid, json_t *set, struct diag *d);

/* {"recipes": [...]} of the answer, those in use first. */
json_t *recipes_sort(const struct invocation *in, const json_t *answer);
int recipes_print(const json_t *recipes);

/* One pool in full; --holders and --waiters of `in` say what of its lists. */
void pool_print(const struct invocation *in, const json_t *pool);

/* Whether the holders, or the waiters, of which the agent looks at the stacks all have those that they can have, and no present one is from another day. */
bool pool_has_stacks(const json_t *pool, const char *key);

/* Checks, tables, losses and cost. Returns how many checks are bad. */
size_t status_print(const json_t *status);

#endif
