/* SPDX-License-Identifier: MIT */
/*
 * checks.h - what `doctor` finds, as JSON: {"name", "state", "found", "costs", "do"}. A state is "ok", "look" (it works, and a person should know) or
 * "bad" (something is not seen, not counted or not sent). "costs" says what it costs to leave it so, "do" what mends it; null = nothing.
 */
#ifndef POOLSCOPE_CMD_CHECKS_H
#define POOLSCOPE_CMD_CHECKS_H

#include <stddef.h>

#include <jansson.h>

/* Appends one; costs and todo may be NULL. Text that is not UTF-8 must have gone through text_clean(). */
__attribute__((format(printf, 6, 7))) void checks_add(json_t *checks, const char *state,
						      const char *name, const char *costs,
						      const char *todo, const char *format, ...);

/*
 * What an agent's status tells, a new array: the agent's own checks, targets that failed, what it costs, how full its tables are, what was lost. `probes` is
 * the answer about probes, NULL = there is none.
 */
json_t *checks_of_status(const json_t *status, const json_t *probes);

/* Those of `more` whose name is not in `checks` yet are appended to it. */
void checks_join(json_t *checks, const json_t *more);

size_t checks_count(const json_t *checks, const char *state);

/* As a person reads them; those that are not ok with costs and mending below. */
void checks_print(const json_t *checks);

#endif
