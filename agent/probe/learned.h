/* SPDX-License-Identifier: MIT */
/*
 * learned.h - functions whose addresses are seen at run time: a program hands a thread pool the function that a task will run, and
 * that function's entry and return are where the task begins and ends.
 *
 * The kernel side asks for one by its address in a process (ps_learned); here it is found in the process's mappings, its recipe's
 * probes are put on it, and the answer is written back. The address comes from the program, which may name any function: so the
 * probes are on in that process alone, and each process may have PS_FUNCTIONS_PER_PROCESS of LEARNED_MAX. What is refused is
 * remembered as such until the process ends.
 */
#ifndef POOLSCOPE_PROBE_LEARNED_H
#define POOLSCOPE_PROBE_LEARNED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "probe/kernel.h"
#include "probe/target.h"

#define LEARNED_MAX 512	/* half of the targets that there can be, if each had probes of both kinds */

struct learned;

int learned_new(struct kernel *k, struct target_store *s, struct learned **ret);
/* Detaches. NULL is allowed. */
void learned_free(struct learned *l);

/*
 * Answers what the kernel side asked since the last call, for 20 ms; one read of memory when it asked nothing. `parent` finds the target of
 * a recipe by its slot, NULL = it is gone.
 */
void learned_poll(struct learned *l, const struct target *(*parent)(void *context, uint32_t slot),
		  void *context);

/* Forgets the functions of processes that are gone, or left out. */
void learned_sweep(struct learned *l);

/* Detaches and forgets all functions of a target that is about to be freed. */
void learned_drop(struct learned *l, const struct target *parent);

/* Whether a function that this process named could not be attached: what its pools count is not all there is. */
bool learned_is_refused(const struct learned *l, const struct ps_proc_key *proc, uint32_t slot);

/* Calls back with each function of a target. */
void learned_each(struct learned *l, const struct target *parent,
		  void (*call)(void *context, struct target *g), void *context);

size_t learned_n(const struct learned *l);
const struct target *learned_target(const struct learned *l, size_t i);

#endif
